"""The block store: what goes in comes out, lazily; killed runs resume bit-identical; damage is never silent."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import socket
import time
from pathlib import Path
from threading import Timer

import dask
import dask.array as da
import numpy as np
import pandas as pd
import psutil
import pytest
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from small_files import refused, tif
from small_stacks import PAIRS, lazy, slow_ingest, slow_write
from typer.testing import CliRunner

from qtp_toolkit import cli, inversion, load
from qtp_toolkit.conventions import MissingSourceError, QtpDataError, describe
from qtp_toolkit.store import ingest, open_store, slab_memory, write_blocks
from qtp_toolkit.store.layout import chunk_files, write_region
from qtp_toolkit.store.lock import locked
from qtp_toolkit.store.stack import decimate

STATE = {"fail": None, "calls": 0}


def digest(folder):
    """Every file below a folder and its content."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def chunks_of(folder, variable="phase"):
    return sorted(path for path in Path(folder).glob(f"runs/*/*/data.zarr/{variable}/c/**/*") if path.is_file())


@pytest.fixture
def rasters(tmp_path, rng):
    """Open afresh a stack of true GeoTIFFs, with holes and zero coherence."""
    folder = tmp_path / "rasters"
    for first, second in PAIRS:
        phase = rng.normal(0, 4, (40, 30)).astype("float32")
        phase[:9, :9] = 0.0
        coherence = rng.uniform(0.1, 1, (40, 30)).astype("float32")
        coherence[10, 10:13] = 0.0, 0.0009, 1.0
        tif(folder / "phase" / f"{first}_{second}.tif", phase)
        tif(folder / "coherence" / f"{first}_{second}.tif", coherence)
    lists = {role: sorted((folder / role).glob("*.tif")) for role in ("phase", "coherence")}
    return lambda **options: load.interferograms(
        lists["phase"], coherence=lists["coherence"], baselines=range(6), **options
    )


# What goes in comes out


@pytest.mark.parametrize("rows", [40, 16, 7])
def test_round_trip(rasters, tmp_path, no_compute, rows):
    stack = rasters(chunks={"y": rows, "x": 11})
    before = digest(tmp_path / "rasters")
    ingest(stack, tmp_path / "store", block=16)
    with no_compute():
        back = open_store(tmp_path / "store")
    assert back["phase"].chunks == ((6,), (16, 16, 8), (16, 14))
    assert back.attrs.items() >= stack.attrs.items()
    assert back.attrs["storage"] == "float32"
    assert back.rio.crs == stack.rio.crs
    xr.testing.assert_identical(back.assign_attrs(stack.attrs).drop_attrs(deep=False), stack.drop_attrs(deep=False))
    assert digest(tmp_path / "rasters") == before


def test_compact_storage_states_its_error(rasters, tmp_path):
    stack = rasters()
    ingest(stack, tmp_path / "store", storage="compact", block=16)
    back = open_store(tmp_path / "store")
    assert back["phase"].dtype == back["coherence"].dtype == np.float32
    assert "0.00051 rad" in back.attrs["storage_error"]
    np.testing.assert_allclose(back["phase"], stack["phase"], rtol=0, atol=5.1e-4)
    np.testing.assert_allclose(back["coherence"], stack["coherence"], rtol=0, atol=4e-3)
    np.testing.assert_allclose(back["coherence"][:, :10], stack["coherence"][:, :10], rtol=0, atol=2.01e-3)
    assert np.array_equal(back["coherence"] == 0, stack["coherence"] == 0)
    (data,) = tmp_path.glob("store/runs/*/*/data.zarr")
    assert sum(path.stat().st_size for path in chunks_of(tmp_path / "store")) < 0.8 * stack["phase"].nbytes
    foreign = xr.open_zarr(data, consolidated=False, decode_coords="all")
    np.testing.assert_allclose(foreign["phase"], back["phase"], rtol=1e-6)
    assert foreign.rio.crs == stack.rio.crs


@pytest.mark.parametrize(("value", "told"), [(32.8, "32.8"), (-33.0, "-33"), (np.inf, "inf")])
def test_phase_beyond_compact_storage_is_refused_with_its_pair(tmp_path, value, told):
    stack = lazy().compute()
    stack["phase"][3, 40, 5] = value
    message = refused(ingest, stack, tmp_path, storage="compact", block=16, code="I12")
    assert told in message
    assert "2018-01-13 2018-01-25" in message
    ingest(stack, tmp_path, storage="float32", block=16, restart=True)
    assert open_store(tmp_path)["phase"].values[3, 40, 5] == np.float32(value)


def test_coherence_in_bytes_is_refused(tmp_path):
    stack = lazy()
    stack["coherence"] = (stack["coherence"] * 255).assign_attrs(units="1")
    refused(ingest, stack, tmp_path, storage="compact", block=16, code="I04")


def test_quicklook_is_means_of_8_by_8_pixels_pair_by_pair(tmp_path):
    stack = lazy()
    ingest(stack, tmp_path, block=16)
    look = open_store(tmp_path, quicklook=True)
    assert look["phase"].chunks == ((1,) * 6, (9,), (6,))
    oracle = stack["phase"].coarsen(y=8, x=8, boundary="pad").mean()
    np.testing.assert_allclose(look["phase"], oracle, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(look["y"][:-1], oracle["y"][:-1])
    np.testing.assert_allclose(look["x"][:-1], oracle["x"][:-1])
    assert look.rio.crs == stack.rio.crs
    assert np.isnan(look["phase"]).any()


def test_inversion_from_the_store_equals_inversion_from_the_rasters(rasters, tmp_path):
    stack = rasters()
    ingest(stack, tmp_path / "store", block=16)
    back = open_store(tmp_path / "store")
    direct = inversion.invert(stack["phase"], stack["coherence"])
    stored = inversion.invert(back["phase"], back["coherence"])
    write_blocks(stored, tmp_path / "store", name="time_series", parameters={"norm": "l1"}, block=32)
    again = open_store(tmp_path / "store", name="time_series")
    xr.testing.assert_identical(stored.load(), direct.load())
    xr.testing.assert_identical(again.load(), direct)


def test_blocks_without_a_value_are_files_too(tmp_path):
    stack = lazy()
    ingest(stack.map(_emptied), tmp_path, block=16)
    assert len(chunks_of(tmp_path)) == 5 * 3
    assert np.isnan(open_store(tmp_path)["phase"]).all()


def _emptied(da_):
    return (da_ * np.float32(np.nan)).assign_attrs(da_.attrs)


@pytest.mark.parametrize("change", ["wrapped", "mm", "transposed", "foreign"])
def test_what_is_no_stack_is_refused(tmp_path, change):
    stack = lazy()
    stack = {
        "wrapped": lambda: stack.rename(phase="wrapped_phase"),
        "mm": lambda: stack.assign(phase=stack["phase"].assign_attrs(units="mm")),
        "transposed": lambda: stack.transpose("y", "x", "pair"),
        "foreign": lambda: stack.assign(elevation=stack["phase"]),
    }[change]()
    refused(ingest, stack, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"storage": "zip"}, {"block": 20}, {"block": 0}, {"name": "../up"}])
def test_unfit_options_are_refused(tmp_path, options):
    refused(ingest, lazy(), tmp_path / "store", **options)
    refused(write_blocks, lazy(), tmp_path / "store", name="a b")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("source", ["unaligned", "memory", "one"])
def test_results_of_any_kind_come_back(tmp_path, source):
    stack = lazy(rows=13, columns=17)
    rate = stack["phase"].mean("pair").drop_attrs()
    ds = xr.Dataset({
        "rate": rate.astype("float64").assign_attrs(units="mm/yr", classes={1: "a"}),
        "mask": rate > 0, "reason": (rate > 1).astype("uint8"), "kind": (rate > 1).astype("int16"),
        "series": stack["phase"].rename(pair="time").drop_vars(["reference", "secondary"]),
        "dates": ("time", pd.date_range("2018-01-01", periods=6).astype("datetime64[ns]")),
        "lazy_number": stack["coherence"].max(),
    })  # fmt: skip
    ds = ds.assign_coords(season=("time", list("wwssaa")), slope=(("y", "x"), np.ones((70, 45))))
    ds = ds.compute() if source == "memory" else ds.chunk({"y": -1, "x": -1}) if source == "one" else ds
    write_blocks(ds, tmp_path, name="maps", block=32)
    back = open_store(tmp_path)
    assert list(back) == list(ds)
    assert back["rate"].attrs == {"units": "mm/yr", "classes": {"1": "a"}}
    assert {key: var.dtype for key, var in back.items()} == {key: var.dtype for key, var in ds.items()}
    xr.testing.assert_equal(back.load(), ds.compute())


def test_a_data_array_and_large_leading_dims(tmp_path):
    long = xr.DataArray(da.ones((4000, 40, 40), chunks=(4000, 40, 40), dtype="float32"), dims=("time", "y", "x"))
    write_blocks(long.rename("displacement"), tmp_path, name="long", block=64)
    back = open_store(tmp_path)
    assert back["displacement"].chunks == ((4000,), (16, 16, 8), (16, 16, 8))
    assert (back["displacement"] == 1).all()


def test_blocks_that_are_not_numbers_or_not_last_dims_are_refused(tmp_path):
    rate = lazy()["phase"].mean("pair").to_dataset(name="rate")
    refused(write_blocks, rate.transpose("x", "y"), tmp_path, name="a")
    refused(write_blocks, rate.astype(str), tmp_path, name="a")
    refused(write_blocks, rate.mean("x"), tmp_path, name="a")
    refused(write_blocks, rate, tmp_path, name="a", parameters={"when": np.array([1])}, code="C09")


def test_the_command_says_its_memory_and_goes_on_where_it_was(tmp_path, rasters):
    rasters()
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        "catalog_version: 1\ntitle: t\nroots: [rasters]\nsources:\n  pairs: {description: d, kind: ifg_stack, "
        "driver: geotiff_stack, uri: {phase: phase/*.tif, coherence: coherence/*.tif}, provenance: observed}\n"
    )
    words = ["ingest", "--source", "pairs", "--catalog", str(catalog), "--storage", "compact", "--block", "16"]
    for _ in range(2):
        told = CliRunner().invoke(cli.app, [*words, "--out", str(tmp_path / "store")])
        assert told.exit_code == 0, told.output
        assert "slab = 4 * n_pair * rows * width = 4 * 6 * 40 * 30 = 0.0 MB" in told.stdout
    assert open_store(tmp_path / "store", name="pairs").attrs["storage"] == "compact"
    told = CliRunner().invoke(cli.app, [*words, "--memory", "0.000001"])
    assert told.exit_code == 1
    assert told.stderr.startswith("error: a slab does not fit into a third of the memory budget")


# Memory and disk


def test_the_memory_formula_is_told_and_held(tmp_path, no_compute):
    zeros = xr.DataArray(da.zeros((466, 6444, 2778), chunks=(466, 24, 2778), dtype="f4"), dims=("pair", "y", "x"))
    full = describe(zeros, "phase").to_dataset()
    with no_compute():
        assert slab_memory(full.chunk(y=64)) == "slab = 4 * n_pair * rows * width = 4 * 466 * 64 * 2778 = 331.4 MB"
        assert "* 96 * 2778 = 497.1 MB" in slab_memory(full)  # 64 rows touch up to four chunks of 24
        assert "* 192 * 2778" in slab_memory(full, memory_budget=4e9)  # the first height at which no row is read twice
        message = refused(ingest, full.chunk(y=64), tmp_path / "store", memory_budget=9e8, code="R13")
        assert "331.4 MB" in message
        assert "300.0 MB at most" in message
        assert "* 6444 * 2778" in refused(ingest, full.chunk(y=-1), tmp_path / "store", code="R13")
        refused(write_blocks, full, tmp_path / "store", name="copy", memory_budget=1e9, code="R13")
    assert not (tmp_path / "store").exists()


def test_a_small_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    message = refused(ingest, lazy(), tmp_path, block=16, code="R02")
    assert "0.000 GB" in message
    refused(write_blocks, lazy(), tmp_path, name="copy", code="R02")
    assert not list(tmp_path.rglob("*.zarr"))
    assert not list(tmp_path.glob("*.lock"))


def _stopping(block, block_info=None):
    STATE["calls"] += 1
    if STATE["fail"] is not None and block_info[0]["chunk-location"][-1] == 2:
        raise STATE["fail"]
    return block + 1


def stopping(height=64, width=64):
    rate = xr.DataArray(da.ones((height, width), chunks=16, dtype="float32"), dims=("y", "x"), name="rate")
    return rate.copy(data=rate.data.map_blocks(_stopping, dtype="float32", meta=np.empty((0, 0), "float32")))


@pytest.fixture
def failing():
    def arm(error):
        STATE.update(fail=error, calls=0)

    yield arm
    STATE.update(fail=None, calls=0)


def test_a_full_disk_keeps_what_is_done(tmp_path, failing):
    failing(OSError(28, "No space left on device"))
    with dask.config.set(scheduler="synchronous"):
        message = refused(write_blocks, stopping(), tmp_path, name="rate", block=16, code="R02")
        assert "of 16 blocks of 'rate' are done and kept; the same call resumes" in message
        with pytest.raises(MissingSourceError, match="interrupted"):
            open_store(tmp_path)
        done = STATE["calls"] - 1
        assert done > 0
        failing(None)
        write_blocks(stopping(), tmp_path, name="rate", block=16)
    assert STATE["calls"] == 16 - done
    assert (open_store(tmp_path)["rate"] == 2).all()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_whatever_stops_the_work_says_how_to_go_on(tmp_path, failing, error):
    failing(error())
    with dask.config.set(scheduler="synchronous"), pytest.raises(error) as caught:
        write_blocks(stopping(), tmp_path, name="rate", block=16)
    assert "the same call resumes" in caught.value.__notes__[0]
    assert not list(tmp_path.glob("*.lock"))


def test_an_earlier_result_outlives_a_failed_rerun(tmp_path, failing):
    write_blocks(stopping(), tmp_path, name="rate", block=16, parameters={"v": 1})
    before = digest(tmp_path)
    failing(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        write_blocks(stopping(), tmp_path, name="rate", block=16, parameters={"v": 2})
    assert digest(tmp_path).items() >= before.items()
    assert (open_store(tmp_path)["rate"] == 2).all()
    failing(None)
    write_blocks(stopping() * 2, tmp_path, name="rate", block=16, parameters={"v": 3}, restart=True)
    assert (open_store(tmp_path)["rate"] == 4).all()
    assert len(list(tmp_path.glob("runs/rate/*"))) == 1
    calls = STATE["calls"]
    write_blocks(stopping() * 2, tmp_path, name="rate", block=16, parameters={"v": 3})
    assert STATE["calls"] == calls


# Killed, resumed


@pytest.mark.parametrize("work", [slow_ingest, slow_write])
def test_killed_at_random_moments_the_outcome_is_bit_identical(tmp_path, work):
    work(tmp_path / "whole")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["qtp_toolkit.store", "rioxarray", "pandas", "distributed"])
    random, partly, folder = np.random.default_rng(5), 0, tmp_path / "killed"
    for _ in range(4):
        process = context.Process(target=work, args=(folder,))
        process.start()
        before = done = len(list(folder.glob("runs/*/*/done/*")))
        until = time.monotonic() + 20
        while process.is_alive() and done == before and time.monotonic() < until:
            time.sleep(0.002)
            done = len(list(folder.glob("runs/*/*/done/*")))
        time.sleep(random.uniform(0, 0.1))
        process.kill()
        process.join()
        partly += process.exitcode == -9
        if process.exitcode != -9:
            break
        with pytest.raises(QtpDataError, match="interrupted"):
            open_store(folder)
    assert partly >= 2
    work(folder)
    assert digest(folder) == digest(tmp_path / "whole")


def test_results_are_the_same_on_every_scheduler(tmp_path):
    stack = lazy(rows=8, columns=8)
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            ingest(stack, tmp_path / scheduler, block=16)
            write_blocks(stack.map(abs), tmp_path / scheduler, name="maps", block=16)
    assert digest(tmp_path / "synchronous") == digest(tmp_path / "threads")


def test_workers_of_a_cluster_may_die(tmp_path):
    from distributed import Client, LocalCluster  # noqa: PLC0415

    stack = lazy(rows=8, columns=8, delay=0.02)
    options = {"name": "maps", "block": 16, "memory_budget": 2e5}
    write_blocks(stack.map(abs), tmp_path / "threads", **options)
    ingest(stack, tmp_path / "threads", block=16)
    where = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, threads_per_worker=1, **where) as cluster, Client(cluster):
        ingest(stack, tmp_path / "cluster", block=16)
        victims = [worker.pid for worker in cluster.workers.values()]
        Timer(0.3, lambda: os.kill(victims[0], 9)).start()
        write_blocks(stack.map(abs), tmp_path / "cluster", **options)
    assert digest(tmp_path / "cluster") == digest(tmp_path / "threads")


# One run is never mixed with another


def test_a_changed_input_is_refused_until_told_otherwise(rasters, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    stack = rasters()
    monkeypatch.setattr("qtp_toolkit.store.stack._turn", stop)
    with pytest.raises(KeyboardInterrupt):
        ingest(stack, tmp_path / "store", block=16)
    monkeypatch.undo()
    message = refused(ingest, stack, tmp_path / "store", block=16, storage="compact", code="R08")
    assert "storage='float32' then, 'compact' now" in message
    changed = sorted((tmp_path / "rasters" / "phase").iterdir())[0]
    os.utime(changed, (1, 1))
    message = refused(ingest, rasters(), tmp_path / "store", block=16, code="R08")
    assert changed.name in message
    ingest(rasters(), tmp_path / "store", block=16, restart=True)
    assert len(list(tmp_path.glob("store/runs/interferograms/*"))) == 1
    xr.testing.assert_equal(open_store(tmp_path / "store").load(), stack)


def test_other_numbers_are_another_run(tmp_path, failing):
    failing(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        write_blocks(stopping(), tmp_path, name="rate", block=16, parameters={"norm": "l1"})
    message = refused(write_blocks, stopping() + 1, tmp_path, name="rate", block=16, parameters={"norm": "l2"})
    assert "norm='l1' then, 'l2' now" in message
    assert "what is computed from the inputs" in message


def test_what_a_kill_after_publishing_leaves_is_no_unfinished_run(tmp_path):
    write_blocks(lazy(), tmp_path, name="maps", parameters={"v": 1})
    (old,) = tmp_path.glob("runs/maps/*")
    shutil.copytree(old, tmp_path / "aside")
    write_blocks(lazy(), tmp_path, name="maps", parameters={"v": 2})
    shutil.copytree(tmp_path / "aside", old)
    write_blocks(lazy(), tmp_path, name="maps", parameters={"v": 3})
    assert len(list(tmp_path.glob("runs/maps/*"))) == 1


def test_markers_of_another_run_do_not_count(tmp_path, failing):
    failing(ValueError("no"))
    with dask.config.set(scheduler="synchronous"), pytest.raises(ValueError, match="no"):
        write_blocks(stopping(), tmp_path, name="rate", block=16)
    for marker in tmp_path.glob("runs/*/*/done/*"):
        marker.write_bytes(b"\xff")
    failing(None)
    write_blocks(stopping(), tmp_path, name="rate", block=16)
    assert STATE["calls"] == 16


def test_a_second_writer_is_refused(tmp_path):
    with locked(tmp_path / "interferograms.lock"):
        message = refused(ingest, lazy(), tmp_path, block=16, code="R03")
    assert f"process {os.getpid()} on {socket.gethostname()}" in message
    ingest(lazy(), tmp_path, block=16)


@pytest.mark.parametrize("kind", ["dead", "recycled", "half-written", "elsewhere", "being written"])
def test_a_lock_is_stale_when_its_process_is_gone(tmp_path, kind):
    path = tmp_path / "x.lock"
    own = {"pid": os.getpid(), "host": socket.gethostname(), "start": psutil.Process().create_time()}
    other = {"dead": {"pid": 2**22 + 1}, "recycled": {"start": own["start"] - 99}, "elsewhere": {"host": "node7"}}
    path.write_text(json.dumps(own | other[kind]) if kind in other else "")
    if kind == "half-written":
        os.utime(path, (1, 1))
    if kind in ("elsewhere", "being written"):
        with pytest.raises(QtpDataError, match="another process is writing here"), locked(path):
            pass
        assert path.exists()
    else:
        with locked(path):
            assert json.loads(path.read_text())["pid"] == os.getpid()
        assert not list(tmp_path.iterdir())


# Damage is never silent


@pytest.fixture
def stored(tmp_path):
    ingest(lazy(), tmp_path, block=16)
    return tmp_path


def test_a_flipped_bit_is_found_when_it_is_read(stored):
    path = chunks_of(stored)[3]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    data = open_store(stored)
    with pytest.raises(QtpDataError, match="damaged") as caught:
        data["phase"].compute()
    assert str(path) in str(caught.value)
    assert caught.value.code == "R12"
    refused(open_store, stored, verify=True, code="R12")
    data["coherence"].compute()


@pytest.mark.parametrize("damage", ["lost", "cut", "coordinate", "metadata", "folder"])
def test_a_damaged_store_does_not_open(stored, damage):
    path = chunks_of(stored)[3]
    data = open_store(stored)
    if damage == "lost":
        path.unlink()
        with pytest.raises(QtpDataError, match="missing"):
            data["phase"].compute()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "coordinate":
        chunks_of(stored, "y")[0].write_bytes(bytes(len(chunks_of(stored, "y")[0].read_bytes())))
    elif damage == "metadata":
        next(stored.glob("runs/*/*/data.zarr/phase/zarr.json")).write_text("{")
    else:
        shutil.rmtree(stored / "runs")
    message = refused(open_store, stored, code="R12")
    assert str(stored) in message
    if damage not in ("folder", "metadata"):
        assert "write the store again" in message
    if damage != "folder":
        refused(ingest, lazy(), stored, block=16, code="R12") if damage in ("lost", "cut") else None
        shutil.rmtree(stored / "runs")
    ingest(lazy(), stored, block=16)
    xr.testing.assert_equal(open_store(stored, verify=True).load(), lazy().compute())


def test_a_missing_store_is_told(tmp_path, stored):
    with pytest.raises(MissingSourceError, match="no such store"):
        open_store(tmp_path / "absent")
    with pytest.raises(MissingSourceError, match="does not hold 'maps'"):
        open_store(stored, name="maps")
    write_blocks(lazy().map(abs), stored, name="maps")
    (stored / "notes.json").write_text("[1]")
    assert "interferograms" in refused(open_store, stored)
    refused(open_store, stored, name="maps", quicklook=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingSourceError, match="nothing complete"):
        open_store(tmp_path / "empty")


def test_a_block_off_the_chunks_is_refused(stored):
    (data,) = stored.glob("runs/*/*/data.zarr")
    for start, shape in (((8, 0), (16, 16)), ((0, 0), (16, 8)), ((64, 32), (16, 16))):
        refused(write_region, data, "phase", np.zeros((6, *shape), "float32"), start, code="R04")
    write_region(data, "phase", np.zeros((6, 6, 13), "float32"), (64, 32))


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 40), chunk=st.integers(1, 12), data=st.data())
def test_property_chunk_files_are_those_that_hold_the_region(size, chunk, data):
    first = data.draw(st.integers(0, size - 1))
    stop, step = data.draw(st.integers(first + 1, size)), data.draw(st.integers(1, 5))
    expected = sorted({k // chunk for k in range(first, stop, step)})
    found = chunk_files((slice(first, stop, step), 0), shape=(size, 1), chunks=(chunk, 1))
    assert found == [f"c/{k}/0" for k in expected]


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 20), width=st.integers(1, 20), level=st.floats(-30, 30, width=32))
def test_property_the_mean_of_a_constant_is_the_constant(height, width, level):
    plane = np.full((height, width), level, "float32")
    out = decimate(plane)
    assert out.shape == (-(-height // 8), -(-width // 8))
    np.testing.assert_allclose(out, level, rtol=1e-6)
