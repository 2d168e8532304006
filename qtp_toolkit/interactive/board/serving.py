"""The server of the dashboard: this machine only, nothing fetched from elsewhere."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import weakref
import webbrowser
from collections.abc import Callable
from typing import Any

import psutil
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import bind_sockets
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.web import ErrorHandler

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.interactive.board.prepared import Prepared
from qtp_toolkit.interactive.board.session import Session
from qtp_toolkit.interactive.page import safe

LOOPBACK = "127.0.0.1"
SOON = 10
"""Milliseconds that moves are gathered before maps are drawn."""


class _ThisMachine(BokehTornado):
    """Answers requests to this machine by name alone, so that no page from elsewhere can speak to it as its own."""

    hosts: frozenset[str] = frozenset()

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Refuse what was sent to another name."""
        if request.host not in self.hosts:
            return self.get_handler_delegate(request, ErrorHandler, {"status_code": 403})
        return super().find_handler(request, **kwargs)


class _Closing(HTTPServer):
    """Ends what browsers keep open, websockets too: the server of tornado lets them be."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Note every connection while it lives."""
        self.streams: weakref.WeakSet[IOStream] = weakref.WeakSet()
        super().initialize(*args, **kwargs)

    def handle_stream(self, stream: IOStream, address: tuple) -> None:
        """Take a new connection."""
        self.streams.add(stream)
        super().handle_stream(stream, address)

    def end(self) -> None:
        """Listen no more, and close every connection."""
        self.stop()
        for stream in list(self.streams):
            stream.close()


class Board:
    """A running dashboard: ``address`` to open, :meth:`stop` to end it."""

    def __init__(self, prepared: Prepared, *, title: str, port: int = 0) -> None:
        self.prepared, self.title = prepared, title
        self.port = free_port(port)
        names = [f"{LOOPBACK}:{self.port}", f"localhost:{self.port}"]
        self.application = _ThisMachine({"/": self.fill}, extra_websocket_origins=names, keep_alive_milliseconds=20_000)
        self.application.hosts = frozenset(names)
        self.thread: threading.Thread | None = None
        self.loop: IOLoop | None = None

    @property
    def address(self) -> str:
        """Where the browser finds it."""
        return f"http://{LOOPBACK}:{self.port}/"

    def fill(self, document: Any) -> None:
        """Make the page of a new visitor."""

        def later(task: Callable[[], None]) -> None:
            document.add_timeout_callback(task, SOON)

        document.title = safe(self.title)
        session = Session(self.prepared, title=self.title, later=later, document=document)
        document.add_root(session.layout)

    def run(self, *, ready: Callable[[str], None] | None = None, show: bool = False) -> None:
        """Serve until interrupted; ``ready`` is told the address when it answers."""
        asyncio.run(self._serve(ready, show=show))

    async def _serve(self, ready: Callable[[str], None] | None, *, show: bool) -> None:
        logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)  # a closed page is nothing to warn of
        self.loop, self.ended = IOLoop.current(), asyncio.Event()
        http = _Closing(self.application)
        http.add_sockets(bind_sockets(LOOPBACK, self.port)[0])
        server = BaseServer(self.loop, self.application, http)
        server.start()
        if ready is not None:
            ready(self.address)
        if show:
            webbrowser.open(self.address)
        try:
            await self.ended.wait()
        finally:
            server.stop()
            http.end()

    def start(self) -> None:
        """Serve in a thread, and return when it answers."""
        up = threading.Event()
        self.thread = threading.Thread(target=self.run, kwargs={"ready": lambda _: up.set()}, daemon=True)
        self.thread.start()
        up.wait(60)

    def stop(self) -> None:
        """End a server that :meth:`start` began."""
        if self.loop is not None and self.thread is not None:
            self.loop.add_callback(self.ended.set)
            self.thread.join(10)


def free_port(port: int) -> int:
    """Return the port, or a free one for 0; an error that says who has it if it is taken."""
    found = _bound(port)
    if found is None:
        holder = _holder(port)
        raise QtpDataError(
            f"port {port} is in use on this machine{f' by process {holder}' if holder else ''}",
            hint=f"Port {_bound(0)} is free; or give 0 for a free one.",
        )
    return found


def _bound(port: int) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _holder(port: int) -> int | None:
    try:
        rows = psutil.net_connections("tcp")
    except psutil.Error:  # some systems tell only the administrator
        return None
    return next((row.pid for row in rows if row.laddr and row.laddr.port == port and row.status == "LISTEN"), None)
