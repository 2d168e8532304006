"""The store on dask's schedulers: the same bits everywhere, also when workers are killed, by us or by their block."""

from __future__ import annotations

import os
import pickle
import re
import signal
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

import dask
import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster, WorkerPlugin
from small_stacks import deadly, digest, done_but_dead, first_fails, lazy, raster_stack
from typer.testing import CliRunner

from qtp_toolkit import cli, conventions, inversion, pecm
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.store import blocks as store_blocks
from qtp_toolkit.store import ingest, open_store, write_blocks
from qtp_toolkit.store.work import _is_at_work, run_tasks

pytestmark = pytest.mark.timeout(1200)  # workers start slowly on a machine that is busy with others

DATES = np.datetime64("2018-01-05") + 36 * np.arange(22)
NETWORK = [(a, b) for k, a in enumerate(DATES) for b in DATES[k + 1 : k + 3]]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of one thread each; nothing listens beyond this machine.

    One that was killed comes back, however long that takes: by default it is given up after 15 seconds.
    """
    where = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    slow = {"distributed.deploy.lost-worker-timeout": "1 hour", "distributed.comm.timeouts.connect": "5 minutes"}
    with (
        dask.config.set(slow),
        LocalCluster(n_workers=2, threads_per_worker=1, **where) as made,
        Client(made) as client,
    ):
        yield made, client


@contextmanager
def in_this_process(n_workers):
    """Client of a cluster of threads."""
    with (
        LocalCluster(n_workers=n_workers, processes=False, dashboard_address="127.0.0.1:0") as made,
        Client(made) as client,
    ):
        yield client


def notebook(folder, stack, **options):
    """What the notebooks do, unchanged: ingest, invert, fit; each stage from the store of the one before."""
    ingest(stack, folder, block=16, memory_budget=2e6)
    pairs = open_store(folder, name="interferograms")
    inverted = inversion.invert(pairs["phase"], pairs["coherence"], reference_date=DATES[0])
    write_blocks(inverted, folder, name="time_series", block=16, **options)
    series = open_store(folder, name="time_series")
    displacement = conventions.phase_to_displacement(series["phase"])
    years = xr.DataArray((DATES - DATES[0]) / np.timedelta64(365, "D"), dims="time", coords={"time": series["time"]})
    season = (10 * np.maximum(np.sin(2 * np.pi * years), 0)).assign_attrs(units="degC0.5 d0.5")
    fitted = pecm.fit(displacement, years.assign_attrs(units="1"), season, uncertainty="formal", min_dates=5)
    write_blocks(fitted, folder, name="deformation", block=16, **options)


def blocks(folder):
    """Files of all arrays; their folders' names tell the paths of the inputs, which differ."""
    return {re.sub("/[0-9a-f]{16}/", "/", key): value for key, value in digest(folder).items() if ".zarr" in key}


class Hold(WorkerPlugin):
    """Let workers finish two blocks of each result, and wait with the third one's marker until a file says go."""

    name = "hold"

    def __init__(self, folder):
        self.folder = folder

    def setup(self, worker):
        self.real = store_blocks.mark_done
        store_blocks.mark_done = self.mark

    def teardown(self, worker):
        store_blocks.mark_done = self.real

    def mark(self, path, *arguments):
        while len(list((path / "done").glob("[!.]*"))) > 1 and not (self.folder / f"{path.parent.name}.go").exists():
            time.sleep(0.02)
        self.real(path, *arguments)


def kill_twice(cluster, folder, killed):
    """Kill a worker after the first blocks of either result, while some are not done."""
    for name in ("time_series", "deformation"):
        while len(list(folder.glob(f"runs/{name}/*/done/[!.]*"))) < 2:
            time.sleep(0.02)
        assert not (folder / f"{name}.json").exists()
        while not (living := {worker.pid for worker in cluster.workers.values()} - {None, *killed}):
            time.sleep(0.02)
        victim = min(living)
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)
        (folder / f"{name}.go").touch()


def test_workers_killed_twice_change_no_bit(cluster, tmp_path):
    """R05: the notebooks' own functions from the store, on threads and on a cluster whose workers are killed."""
    made, client = cluster
    stack = lazy(60, 40, rows=16, pairs=NETWORK)
    with dask.config.set(scheduler="threads"):
        notebook(tmp_path / "threads", stack)
    killed: list[int] = []
    killer = Thread(target=kill_twice, args=(made, tmp_path / "cluster", killed), daemon=True)
    killer.start()
    client.register_plugin(Hold(tmp_path / "cluster"))
    notebook(tmp_path / "cluster", stack)
    client.unregister_worker_plugin("hold")
    killer.join()
    assert len(set(killed)) == 2
    assert blocks(tmp_path / "cluster") == blocks(tmp_path / "threads")
    assert (open_store(tmp_path / "cluster", name="deformation")["reason"] == 0).any()


def test_an_error_in_a_block_comes_through_with_its_block(cluster, tmp_path):
    """I12 from a worker: as at home, with the pair; R07: and with how far the work came."""
    stack = lazy()
    stack["phase"] = (stack["phase"] * 100).assign_attrs(units="rad")
    with pytest.raises(QtpDataError, match="does not fit") as caught:
        ingest(stack, tmp_path, block=16, storage="compact")
    assert "2018-01-01 2018-01-13" in caught.value.where
    assert re.search(r"Stopped at: phase_\d+_0\.", caught.value.__notes__[0])


def test_after_an_error_no_worker_is_still_writing(cluster, tmp_path):
    """R03, R07: a block that was under way beside the one that failed is done when the lock is gone."""
    with pytest.raises(ZeroDivisionError):
        write_blocks(first_fails(tmp_path), tmp_path / "store", name="rate", block=16)
    assert [path.name for path in (tmp_path / "store").glob("runs/rate/*/done/[!.]*")] == ["0_16"]


def test_the_command_uses_the_scheduler_that_it_is_given(cluster, tmp_path, monkeypatch):
    made, _ = cluster
    raster_stack(tmp_path / "rasters")
    (tmp_path / "catalog.yaml").write_text(
        "catalog_version: 1\ntitle: t\nroots: [rasters]\nsources:\n  pairs: {description: d, kind: ifg_stack, "
        "driver: geotiff_stack, uri: {phase: phase/*.tif, coherence: coherence/*.tif}, provenance: observed}\n"
    )
    words = ["ingest", "--source", "pairs", "--catalog", str(tmp_path / "catalog.yaml"), "--block", "16", "--out"]
    monkeypatch.setattr("qtp_toolkit.cli._shared.CONNECT_SECONDS", 300)
    monkeypatch.setattr("qtp_toolkit.store.work._run_here", lambda *_, **__: pytest.fail("ran in this process"))
    told = CliRunner().invoke(cli.app, [*words, str(tmp_path / "a"), "--scheduler", made.scheduler_address])
    assert told.exit_code == 0, told.output
    assert open_store(tmp_path / "a", verify=True)["phase"].shape == (6, 40, 30)
    monkeypatch.setattr("qtp_toolkit.cli._shared.CONNECT_SECONDS", 0.2)
    told = CliRunner().invoke(cli.app, [*words, str(tmp_path / "b"), "--scheduler", "127.0.0.1:1"])
    assert told.exit_code == 1
    assert "no dask scheduler answers at 127.0.0.1:1" in told.stderr


def test_workers_keep_linear_algebra_to_their_own_thread(cluster):
    """Two workers of one thread each do not start two threads of BLAS each."""
    _, client = cluster
    client.wait_for_workers(1)
    found = client.run(lambda: [os.environ.get(f"{name}_NUM_THREADS") for name in ("OMP", "MKL", "OPENBLAS")])
    assert found
    assert all(threads == ["1", "1", "1"] for threads in found.values())


def test_a_block_that_always_kills_is_named_and_the_others_stay(cluster, tmp_path, monkeypatch):
    """R06: dask names a task only; here the block, and all others are on disk."""
    made, _ = cluster
    rate = lazy(48, 32, rows=16, columns=16)["phase"].mean("pair").rename("rate")
    bad = rate.copy(data=rate.data.map_blocks(partial(deadly, at=(1, 1)), dtype="float32", meta=np.empty((0, 0), "f4")))
    monkeypatch.setattr(made.scheduler, "allowed_failures", 0)
    with pytest.raises(QtpDataError, match="killed every worker") as caught:
        write_blocks(bad, tmp_path, name="rate", block=16)
    assert caught.value.code == "R06"
    assert "16_16" in str(caught.value.where)
    done = {path.name for path in tmp_path.glob("runs/rate/*/done/*")}
    assert "16_16" not in done
    assert len(done) + len(caught.value.where.split(", ")) == 6
    assert f"{len(done)} of 6 blocks of 'rate' are done and kept" in caught.value.__notes__[0]


def test_a_worker_that_dies_after_its_work_has_done_it(cluster, tmp_path, monkeypatch):
    """R06: markers tell, not futures."""
    made, _ = cluster
    monkeypatch.setattr(made.scheduler, "allowed_failures", 0)
    busy = []
    run_tasks(
        lambda key: (done_but_dead, (str(tmp_path / key),)),
        ["a"],
        name="work",
        at_once=1,
        busy=busy,
        is_done=lambda key: (tmp_path / key).exists(),
    )
    assert busy == []


def test_a_cluster_without_workers_is_not_waited_for_for_ever(tmp_path):
    """R05: told with what is left and how to go on; what was done counts when the same call is made again."""
    rate = lazy(48, 32, rows=16, columns=16)["phase"].mean("pair").rename("rate")
    short = {"distributed.scheduler.no-workers-timeout": "100ms"}
    with in_this_process(n_workers=0), dask.config.set(short), pytest.raises(QtpDataError, match="no worker") as caught:
        write_blocks(rate, tmp_path, name="rate", block=16)
    assert not list(tmp_path.glob("*.lock"))
    assert caught.value.code == "R05"
    assert "6 blocks" in caught.value.where
    assert "0 of 6 blocks of 'rate' are done and kept; the same call resumes" in caught.value.__notes__[0]
    with dask.config.set(scheduler="threads"):
        write_blocks(rate, tmp_path, name="rate", block=16)
        xr.testing.assert_equal(open_store(tmp_path).load()["rate"], rate.compute())


def test_a_long_block_is_waited_for_beyond_any_patience(tmp_path, monkeypatch):
    """R05: as long as a worker is at work; here until that was seen ten times."""
    monkeypatch.setattr("qtp_toolkit.store.work._LOOK", 0.05)

    def looked(client):
        found = _is_at_work(client)
        if found:
            (tmp_path / f"look {time.monotonic_ns()}").touch()
        return found

    monkeypatch.setattr("qtp_toolkit.store.work._is_at_work", looked)
    options = {"name": "work", "at_once": 1, "busy": [], "is_done": lambda key: (tmp_path / key).exists()}
    with in_this_process(n_workers=1), dask.config.set({"distributed.scheduler.no-workers-timeout": "2 minutes"}):
        run_tasks(lambda key: (_until_seen, (str(tmp_path), key)), ["a"], **options)
    assert (tmp_path / "a").exists()


def _until_seen(folder, key):
    while len(list(Path(folder).glob("look *"))) < 10:
        time.sleep(0.01)
    Path(folder, key).touch()


def test_a_block_that_is_lost_is_sent_again(tmp_path, monkeypatch):
    """R05: cancelled by another client, or gone with its scheduler; here twice."""
    rate = lazy(16, 16, rows=16, columns=16)["phase"].mean("pair").rename("rate")
    with in_this_process(n_workers=1) as client:
        sent, compute = [], client.compute

        def cancelled(task):
            future = compute(task)
            sent.append(future.key)
            if len(sent) <= 2:
                future.cancel()
            return future

        monkeypatch.setattr(client, "compute", cancelled)
        write_blocks(rate, tmp_path, name="rate", block=16)
    assert len(set(sent)) == 3
    assert open_store(tmp_path, verify=True)["rate"].shape == (16, 16)


def test_results_are_the_same_on_every_scheduler(tmp_path):
    stack = lazy(rows=8, columns=8)
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            ingest(stack, tmp_path / scheduler, block=16)
            write_blocks(stack.map(abs), tmp_path / scheduler, name="maps", block=16)
    assert digest(tmp_path / "synchronous") == digest(tmp_path / "threads")


def test_whatever_the_memory_budget_the_files_are_the_same(tmp_path):
    stack = lazy(40, 24, rows=8, columns=16)
    with dask.config.set(scheduler="threads"):
        for budget in (5e4, 2e9):
            ingest(stack, tmp_path / f"{budget:g}", block=8, memory_budget=budget)
    assert digest(tmp_path / "50000") == digest(tmp_path / "2e+09")


def test_what_travels_is_small(tmp_path):
    """Tasks carry paths and windows: not a handle, not an array. Errors travel whole."""
    stack = raster_stack(tmp_path / "rasters")()
    assert len(pickle.dumps(stack["phase"])) < 20_000
    with dask.config.set(scheduler="threads"):
        ingest(stack, tmp_path, block=16)
    assert len(pickle.dumps(open_store(tmp_path)["phase"])) < 20_000
    with pytest.raises(QtpDataError) as caught:
        ingest(stack, tmp_path, storage="zip")
    back = pickle.loads(pickle.dumps(caught.value))
    assert str(back) == str(caught.value)
    assert vars(back) == vars(caught.value)
