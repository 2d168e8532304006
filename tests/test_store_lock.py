"""One writer at a time: in one process, in two, and after one has died."""

from __future__ import annotations

import json
import os
import socket
import time

import psutil
import pytest
from small_files import refused
from small_stacks import digest, ingest_when_told, lazy, processes, slow_ingest

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.store import ingest
from qtp_toolkit.store.lock import _me, locked


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


def test_a_second_writer_is_refused(tmp_path):
    """R03: who writes, and since when."""
    with locked(tmp_path / "interferograms.lock"):
        message = refused(ingest, lazy(), tmp_path, block=16, code="R03")
    assert f"process {os.getpid()} on {socket.gethostname()}" in message
    ingest(lazy(), tmp_path, block=16)


def test_of_two_processes_at_once_one_is_refused(tmp_path):
    """R03 with two true processes: the first writes to its end, undisturbed."""
    context = processes()
    told = context.Event()
    process = context.Process(target=ingest_when_told, args=(tmp_path / "store", told))
    process.start()
    while not list(tmp_path.glob("store/runs/*/*/run.json")) and process.is_alive():
        time.sleep(0.002)
    assert f"process {process.pid} on" in refused(slow_ingest, tmp_path / "store", code="R03")
    told.set()
    process.join()
    assert process.exitcode == 0
    slow_ingest(tmp_path / "alone")
    assert digest(tmp_path / "store") == digest(tmp_path / "alone")


@pytest.mark.parametrize(
    "kind", ["dead", "recycled", "half-written", "from a set-back clock", "elsewhere", "being written"]
)
def test_a_lock_is_stale_when_its_process_is_gone(tmp_path, kind):
    """R03, R11: told by pid, host and birth counted from the boot, which no clock changes."""
    path = tmp_path / "x.lock"
    dead = {"pid": 2**22 + 1}
    other = {"dead": dead, "recycled": {"birth": "boot:1"}, "elsewhere": dead | {"host": "node7"}}
    path.write_text(json.dumps(_me() | other[kind]) if kind in other else "")
    if kind in ("half-written", "from a set-back clock"):
        at = 1 if kind == "half-written" else time.time() + 1e5
        os.utime(path, (at, at))
    if kind in ("elsewhere", "being written"):
        with pytest.raises(QtpDataError, match="another process is writing here"), locked(path):
            pass
        assert path.exists()
    else:
        with locked(path):
            assert json.loads(path.read_text())["pid"] == os.getpid()
        assert not list(tmp_path.iterdir())


def test_of_two_that_take_over_a_lock_one_is_refused(tmp_path, monkeypatch):
    """R03: the other one was quicker, between our look at the dead holder and our taking its lock away."""
    path, quicker = tmp_path / "x.lock", json.dumps(_me() | {"host": "node7"})
    path.write_text(json.dumps(_me() | {"birth": "boot:1"}))

    def meanwhile(*_):
        path.write_text(quicker)
        return True

    monkeypatch.setattr("qtp_toolkit.store.lock._is_stale", meanwhile)
    assert "on node7" in refused(_hold, path, code="R03")
    assert path.read_text() == quicker
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_of_somebody_else_is_left_alone(tmp_path):
    """R03: also where ours was deleted by hand and another process has begun."""
    path = tmp_path / "x.lock"
    with locked(path):
        path.write_text("another's")
    assert path.read_text() == "another's"


def _hold(path):
    with locked(path):
        pass


def test_a_clock_that_is_set_back_does_not_open_a_lock(tmp_path, monkeypatch):
    """R11: the wall-clock time at which the holder began looks different afterwards; it still holds the lock."""
    path = tmp_path / "x.lock"
    with locked(path):
        monkeypatch.setattr(time, "time", lambda: 1e9)
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: 1e9)
        with pytest.raises(QtpDataError, match="another process"), locked(path):
            pass
    assert not path.exists()
