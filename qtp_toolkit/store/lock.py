"""One writer at a time: a lock file that says who holds it, and is taken over when that process is gone."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from qtp_toolkit.conventions import QtpDataError

_HALF_WRITTEN = 10.0
"""Seconds after which a lock file without content is no longer one that is just being written."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock ``path``; it holds pid, host and start of this process.

    It is taken by exclusive creation, which works on network file systems too; hard links are not needed.

    Parameters
    ----------
    path : pathlib.Path
        The lock file; its folder exists.

    Raises
    ------
    QtpDataError
        R03: another living process holds it, or one of another machine, of which nobody here can tell.
    """
    own = _me()
    if not _take(path, own):
        _take_over(path)
        if not _take(path, own):
            raise _held(path)
    try:
        yield
    finally:
        if _read(path) == own:
            path.unlink(missing_ok=True)


def _me() -> dict[str, Any]:
    process = psutil.Process()
    return {
        "pid": process.pid,
        "host": socket.gethostname(),
        "start": process.create_time(),
        "birth": _birth(process.pid),
    }


def _birth(pid: int) -> str | None:
    """When a process began, in terms that no change of the clock affects; None if there is none of this number."""
    try:
        since_boot = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text(encoding='utf-8').strip()}:{since_boot}"
    except OSError:  # no Linux, or no such process; elsewhere the kernel keeps the time at which it began
        try:
            return str(psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None


def _take(path: Path, own: dict[str, Any]) -> bool:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(own, stream)
    return True


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"pid", "host", "start", "birth"} <= set(found) else None


def _take_over(path: Path) -> None:
    """Remove the lock if its process is gone; otherwise refuse."""
    holder = _read(path)
    if not _is_stale(path, holder):
        raise _held(path)
    aside = path.with_name(f"{path.name}.{os.getpid()}.stale")
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
        if _read(aside) != holder:  # somebody else took it over in between: give it back
            _take(path, json.loads(aside.read_text(encoding="utf-8")))
            aside.unlink()
            raise _held(path)
        aside.unlink()


def _is_stale(path: Path, holder: dict[str, Any] | None) -> bool:
    if holder is None:
        with contextlib.suppress(FileNotFoundError):
            return abs(time.time() - path.stat().st_mtime) > _HALF_WRITTEN  # or from a future that was set back
        return True
    if holder["host"] != socket.gethostname():
        return False
    return _birth(holder["pid"]) != holder["birth"]


def _held(path: Path) -> QtpDataError:
    holder = _read(path) or {"pid": "unknown", "host": "unknown", "start": time.time()}
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder["start"]))
    return QtpDataError(
        "another process is writing here",
        path=path,
        expected="one writer at a time",
        code="R03",
        found=f"process {holder['pid']} on {holder['host']}, started {since}",
        hint="Wait for it, or write elsewhere. If that process is gone, delete the lock file.",
    )
