"""JupyterLab in a real browser: a server of its own, and whole notebooks run in the page."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import Any

import pytest

WAIT = 200_000  # ms: a busy machine takes minutes to import, and nothing here is about speed
TRY_AGAIN = pytest.mark.flaky(reruns=2)
"""A page that was asked before it listened waits for ever; what is wrong is wrong three times."""
LAB = (
    "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--ServerApp.token=",
    "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)  # fmt: skip
RUN = """async (path) => {
    const app = window.jupyterapp;
    const panel = await app.commands.execute('docmanager:open', { path });
    await panel.context.ready;
    await panel.sessionContext.ready;
    app.shell.activateById(panel.id);
    await app.commands.execute('notebook:run-all-cells');
    return panel.content.model.sharedModel.toJSON().cells;
}"""
END = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
TITLES = """() => window.Bokeh.documents.flatMap(doc => [...doc._all_models.values()])
    .filter(model => model.type === 'Title').map(model => model.text)"""
"""Headings of figures are drawn, not written: only the models know them."""


@contextmanager
def served(folder, log, **env: str):
    """JupyterLab in ``folder`` on a free port of this machine; gives its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings = {f"JUPYTER_{kind}_DIR": str(log.parent / kind) for kind in ("CONFIG", "RUNTIME")}
    with log.open("w") as stream:
        command = [sys.executable, *LAB, f"--port={port}"]
        options: dict[str, Any] = {"stdout": stream, "stderr": subprocess.STDOUT}
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, **settings, **env}, **options)
        try:
            answers(f"http://127.0.0.1:{port}/api", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=120)


def answers(url, server, log):
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail(f"JupyterLab ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail("JupyterLab did not answer within five minutes")


def open_lab(page, address):
    """Open JupyterLab's page without what another left open, and wait until it can be told what to do."""
    page.set_default_timeout(WAIT)
    page.goto(f"{address}/lab?reset")
    page.wait_for_function("() => window.jupyterapp?.restored")
    page.evaluate("() => window.jupyterapp.restored.then(() => true)")


def run_all(page, path):
    """Run a notebook in the page: its cells as they are then, and the errors and red checks that they show."""
    cells = page.evaluate(RUN, path)
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    errors = [output["evalue"] for output in outputs if output["output_type"] == "error"]
    shown = ["".join(output.get("data", {}).get("text/plain", "")) for output in outputs]
    return cells, errors + [text for text in shown if "\N{BALLOT X}" in text]
