"""The promises of the store: killed, full, stopped, changed; nothing is lost, mixed or silently wrong."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from threading import Event, Lock

import dask
import dask.array as da
import numpy as np
import pytest
import rioxarray
import xarray as xr
from small_files import refused, tif
from small_stacks import (
    chunks_of,
    die_after,
    digest,
    lazy,
    processes,
    raster_stack,
    slow_ingest,
    slow_write,
)
from typer.testing import CliRunner

from qtp_toolkit import cli, load, products
from qtp_toolkit._atomic import put_file
from qtp_toolkit.conventions import MissingSourceError
from qtp_toolkit.store import ingest, open_store, write_blocks
from qtp_toolkit.store.chunks import BlockArray
from qtp_toolkit.store.fingerprint import changed_files, identify
from qtp_toolkit.store.lock import _me
from qtp_toolkit.store.run import mark_done

STATE = {"fail": None, "calls": 0}
BEGUN = Event()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture
def rasters(tmp_path):
    return raster_stack(tmp_path / "rasters")


# Disk


def test_a_small_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    """R02: the room that is needed is known beforehand."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    message = refused(ingest, lazy(), tmp_path, block=16, code="R02")
    assert "0.000 GB" in message
    refused(write_blocks, lazy(), tmp_path, name="copy", code="R02")
    assert not list(tmp_path.rglob("*.zarr"))
    assert not list(tmp_path.glob("*.lock"))


PIXELS = 6 * 70 * 45


@pytest.mark.parametrize(
    ("work", "needed"),
    [
        pytest.param(partial(ingest, block=16), 2 * PIXELS * (4 + 2 * 4 / 64), id="ingest"),
        pytest.param(partial(ingest, block=16, storage="compact"), PIXELS * (2 + 1 + 4 * 4 / 64), id="compact"),
        pytest.param(partial(write_blocks, name="maps", block=16), 2 * PIXELS * 4, id="write_blocks"),
    ],
)
def test_the_room_that_is_needed_is_that_of_the_numbers_to_come(tmp_path, monkeypatch, work, needed):
    """R02: one byte less than the numbers take is refused, with the folder."""
    free, usage = int(needed), shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free))
    free -= 1
    message = refused(work, lazy(), tmp_path, code="R02")
    assert str(tmp_path) in message
    free += 1
    work(lazy(), tmp_path)


def test_a_rerun_needs_the_room_of_what_is_left_only(tmp_path, failing, monkeypatch):
    failing(ValueError("no"))
    with dask.config.set(scheduler="synchronous"), pytest.raises(ValueError, match="no"):
        write_blocks(stopping(), tmp_path, name="rate", block=16)
    failing(None)
    done = len(list(tmp_path.glob("runs/rate/*/done/*")))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=64 * 64 * 4 * (16 - done) // 16))
    assert done > 0
    write_blocks(stopping(), tmp_path, name="rate", block=16)


def _stopping(block, block_info=None):
    STATE["calls"] += 1
    if STATE["fail"] is not None and block_info[0]["chunk-location"][-1] == 2:
        raise STATE["fail"]
    return block + 1


def _first_fails(block, block_info=None):
    """The first block fails as soon as another one is being written."""
    if block_info[0]["chunk-location"] == (0, 0):
        assert BEGUN.wait(250)
        raise ZeroDivisionError
    return block


def stopping(height=64, width=64):
    rate = xr.DataArray(da.ones((height, width), chunks=16, dtype="float32"), dims=("y", "x"), name="rate")
    return rate.copy(data=rate.data.map_blocks(_stopping, dtype="float32", meta=np.empty((0, 0), "float32")))


@pytest.fixture
def failing():
    def arm(error):
        STATE.update(fail=error, calls=0)

    yield arm
    STATE.update(fail=None, calls=0)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_what_is_done(tmp_path, failing, number):
    """R02: what is done stays, and the rest is computed when there is room, on the disk or in the quota."""
    failing(OSError(number, "No space left on device"))
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


@pytest.mark.parametrize("work", [ingest, partial(write_blocks, name="maps")])
def test_a_disk_that_is_full_before_a_file_is_flushed_keeps_no_half_of_it(tmp_path, monkeypatch, work):
    """R02 where no small disk can be mounted: some file systems only find out when they flush."""

    def flush(handle):
        if len(list(tmp_path.glob("full/runs/*/*/done/[!.]*"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    with dask.config.set(scheduler="synchronous"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", flush)
            message = refused(work, lazy(), tmp_path / "full", block=16, code="R02")
        assert re.search(r"Make room: 2 of \d+ (blocks|windows) of '\w+' are done and kept", message)
        assert not list(tmp_path.rglob("*.partial"))
        for folder in ("full", "large"):
            work(lazy(), tmp_path / folder, block=16)
    assert digest(tmp_path / "full") == digest(tmp_path / "large")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte in memory."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], check=False).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield path
    subprocess.run(["umount", path], check=True)


def test_a_disk_that_fills_up_meanwhile(small_disk, tmp_path, monkeypatch):
    """R02 on a true file system: not a torn block nor a lost one, and the same files as on a large disk."""
    usage = shutil.disk_usage(small_disk)
    with dask.config.set(scheduler="synchronous"):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10**9))
        message = refused(ingest, lazy(220, 120), small_disk, block=16, memory_budget=1e6, code="R02")
        assert "no space left on the disk" in message
        assert str(small_disk) in message
        done = len(list(small_disk.glob("runs/*/*/done/*")))
        assert f"{done} of 28 windows of 'interferograms' are done and kept" in message
        assert done > 0
        with pytest.raises(MissingSourceError, match="interrupted"):
            open_store(small_disk)
        monkeypatch.undo()
        refused(ingest, lazy(220, 120), small_disk, block=16, code="R02")
        subprocess.run(["mount", "-o", "remount,size=9m", small_disk], check=True)
        ingest(lazy(220, 120), small_disk, block=16)
        ingest(lazy(220, 120), tmp_path / "large", block=16)
    assert digest(small_disk) == digest(tmp_path / "large")


@pytest.mark.parametrize("when", ["made", "published"])
def test_a_disk_that_is_full_at_either_end(tmp_path, monkeypatch, when):
    """R02: also where metadata or the pointer no longer fit."""
    with monkeypatch.context() as patch:
        if when == "made":
            patch.setattr("qtp_toolkit.store.layout.make_array", _full)
        else:
            patch.setattr("qtp_toolkit.store.run.Run._sweep", _full)
        message = refused(write_blocks, stopping(), tmp_path, name="rate", block=16, code="R02")
        assert str(tmp_path) in message
    write_blocks(stopping(), tmp_path, name="rate", block=16)
    assert (open_store(tmp_path)["rate"] == 2).all()


def _full(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_disk_that_is_mounted_read_only(small_disk, no_compute):
    """R09 on a true file system."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with no_compute():
        assert str(small_disk) in refused(write_blocks, lazy(), small_disk, name="maps", code="R09")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, None])
def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, no_compute, number):
    """R09: told at once, with the folder; nothing was computed. The last one is a file."""
    folder = tmp_path / "notes.txt"
    if number is None:
        folder.write_text("mine")
    else:
        monkeypatch.setattr(os, "open", partial(_denied, number=number))
    with no_compute():
        for work in (ingest, partial(write_blocks, name="maps")):
            assert str(folder) in refused(work, lazy(), folder, code="R09")


def _denied(*_, number=errno.EACCES, **__):
    raise OSError(number, os.strerror(number))


def test_the_source_is_no_target(tmp_path):
    """R10: neither the store that is read, nor a folder inside what is read; another name of the store is fine."""
    ingest(lazy(), tmp_path, block=16)
    stack = open_store(tmp_path)
    before = digest(tmp_path)
    refused(write_blocks, stack.map(abs), tmp_path, name="interferograms", code="R10")
    refused(ingest, stack, tmp_path, code="R10")
    assert digest(tmp_path) == before
    write_blocks(stack.map(abs), tmp_path, name="maps")
    lazy().drop_encoding().to_zarr(tmp_path / "plain.zarr", consolidated=False)
    foreign = xr.open_zarr(tmp_path / "plain.zarr", consolidated=False)
    refused(write_blocks, foreign, tmp_path / "plain.zarr", name="maps", code="R10")
    assert str(tmp_path / "plain.zarr") in refused(write_blocks, foreign, tmp_path / "plain.zarr" / "sub", name="a")


@pytest.mark.parametrize("work", ["ingest", "write_blocks"])
def test_no_hard_links_are_needed(tmp_path, monkeypatch, work):
    """R15: NFS and Lustre may lack them; exclusive creation and renaming are enough, also to take over a lock."""
    monkeypatch.setattr(os, "link", _denied)
    (tmp_path / "maps.lock").write_text(json.dumps(_me() | {"birth": "another boot:1"}))
    if work == "ingest":
        ingest(lazy(), tmp_path, block=16, name="maps")
    else:
        write_blocks(lazy(), tmp_path, name="maps")
    xr.testing.assert_equal(open_store(tmp_path)["phase"].load(), lazy()["phase"])


def test_all_is_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    """Blocks are flushed before their marker, everything before the pointer; names of files too."""
    events = []
    monkeypatch.setattr(os, "fsync", lambda handle: events.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
    real = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: (events.append(f"named {to}"), real(path, to))[1])
    with dask.config.set(scheduler="synchronous"):
        ingest(lazy(), tmp_path, block=16)
    marks = [k for k, event in enumerate(events) if "/done/" in event and event.startswith("named")]
    (run,) = tmp_path.glob("runs/*/*")
    for variable in ("phase", "coherence"):
        for file in chunks_of(tmp_path, variable):
            named = events.index(f"named {file}")
            row = 16 * int(file.name.split(".")[2])
            mark = events.index(f"named {run / 'done' / f'{variable}_{row}_0'}")
            assert ".partial" in events[named - 1]
            assert str(file.parent) in events[named:mark]
    pointer = events.index(f"named {tmp_path / 'interferograms.json'}")
    assert events[pointer + 1 :] == [str(tmp_path)]
    for meta in tmp_path.rglob("zarr.json"):
        assert str(meta) in events[: marks[0]]
    laid_out = events.index(f"named {run / 'run.json'}")
    assert {str(run), *map(str, list(run.parents)[:3])} <= set(events[laid_out : marks[0]])


def test_a_block_is_on_the_disk_before_its_marker(tmp_path, monkeypatch):
    """The same for results: all variables of a block, flushed, then its marker."""
    events = []
    monkeypatch.setattr(os, "fsync", lambda handle: events.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
    real = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: (events.append(f"named {to}"), real(path, to))[1])
    with dask.config.set(scheduler="synchronous"):
        write_blocks(lazy(), tmp_path, name="maps", block=16)
    (run,) = tmp_path.glob("runs/*/*")
    files = [*chunks_of(tmp_path), *chunks_of(tmp_path, "coherence")]
    assert len(files) == 30
    for file in files:
        row, column = (16 * int(number) for number in file.name.split(".")[2:])
        mark = events.index(f"named {run / 'done' / f'{row}_{column}'}")
        assert str(file.parent) in events[events.index(f"named {file}") : mark]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_whatever_stops_the_work_says_how_to_go_on(tmp_path, failing, error):
    """R07: how far it came, and what to do."""
    failing(error())
    with dask.config.set(scheduler="synchronous"), pytest.raises(error) as caught:
        write_blocks(stopping(), tmp_path, name="rate", block=16)
    assert "the same call resumes" in caught.value.__notes__[0]
    assert not list(tmp_path.glob("*.lock"))


def test_after_an_error_nobody_is_still_writing(tmp_path, monkeypatch):
    """R03, R07: a block that is being written while another one fails is done when the lock is gone."""
    marked = []
    BEGUN.clear()
    monkeypatch.setattr("qtp_toolkit.store.blocks.CPU_COUNT", 2)

    def slow_mark(path, key, *arguments):
        BEGUN.set()
        time.sleep(0.5)
        mark_done(path, key, *arguments)
        marked.append(key)

    monkeypatch.setattr("qtp_toolkit.store.blocks.mark_done", slow_mark)
    rate = xr.DataArray(da.ones((16, 32), chunks=16, dtype="float32"), dims=("y", "x"), name="rate")
    data = rate.data.map_blocks(_first_fails, dtype="float32", meta=np.empty((0, 0), "float32"))
    with dask.config.set(scheduler="threads"), pytest.raises(ZeroDivisionError):
        write_blocks(rate.copy(data=data), tmp_path, name="rate", block=16, memory_budget=1e9)
    assert marked == ["0_16"]


def test_interrupted_by_the_keyboard_the_command_says_how_far_it_came(tmp_path, monkeypatch):
    """R07, with a true signal in the middle of the work: after the third marker; nothing is marked until it came."""
    came, turn, marked = Event(), Lock(), []

    def work(*_, **__):
        with monkeypatch.context() as patch:
            patch.setattr("qtp_toolkit.store.stack.mark_done", marking)
            slow_ingest(tmp_path / "store")

    def marking(*arguments):
        with turn:
            if len(marked) == 3:
                assert came.wait(250)
            mark_done(*arguments)
            marked.append(arguments)
            if len(marked) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    def interrupt(*_):
        came.set()
        raise KeyboardInterrupt

    monkeypatch.setattr("qtp_toolkit.store.slab_memory", lambda *_, **__: "")
    monkeypatch.setattr("qtp_toolkit.store.ingest", work)
    monkeypatch.setattr("qtp_toolkit.catalog.open_catalog", lambda *_: {"interferograms": xr.Dataset()})
    before = signal.signal(signal.SIGINT, interrupt)  # ignored by what a shell runs in the background
    told = CliRunner().invoke(cli.app, ["ingest"])
    signal.signal(signal.SIGINT, before)
    assert told.exit_code == 130
    assert re.search(r"interrupted.* \d+ of 18 windows of 'interferograms' are done and kept", told.stderr)
    assert "run the same command again" in told.stderr
    slow_ingest(tmp_path / "store")
    assert open_store(tmp_path / "store", verify=True)


def test_halves_of_files_are_swept_away_before_the_work_goes_on(tmp_path, failing):
    """R14: they take room that the rest may need."""
    failing(ValueError("no"))
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            write_blocks(stopping(), tmp_path, name="rate", block=16)
        assert not list(tmp_path.rglob("*.partial"))
        (run,) = tmp_path.glob("runs/rate/*")
        for folder in ("data.zarr/rate", "done"):
            (run / folder / ".x.aa.partial").write_bytes(b"half")


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


def test_an_earlier_result_is_there_until_the_pointer_is(tmp_path, monkeypatch):
    """Whatever happens up to the last moment, the earlier result opens as it was."""
    write_blocks(lazy(), tmp_path, name="maps", block=32, parameters={"v": 1})
    before = digest(tmp_path)

    def full(path, *content, **options):
        if path.name == "maps.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        put_file(path, *content, **options)

    with monkeypatch.context() as patch:
        patch.setattr("qtp_toolkit.store.run.put_file", full)
        refused(write_blocks, lazy(), tmp_path, name="maps", block=32, parameters={"v": 2}, code="R02")
    assert digest(tmp_path).items() >= before.items()
    xr.testing.assert_equal(open_store(tmp_path, verify=True).load(), lazy().compute())


def test_a_store_that_lost_a_block_is_not_published(tmp_path, monkeypatch):
    """R01, R12: markers are believed, but files are counted."""
    monkeypatch.setattr("qtp_toolkit.store.run.Run._sweep", lambda run: chunks_of(tmp_path)[7].unlink())
    message = refused(write_blocks, lazy(), tmp_path, name="maps", block=16, code="R12")
    assert "1 of 15 files are missing" in message
    with pytest.raises(MissingSourceError, match="interrupted"):
        open_store(tmp_path)


def test_killed_between_the_quicklook_and_the_pointer_it_resumes(tmp_path, monkeypatch):
    """R01: the rows that the quicklook was made of are gone by then."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("qtp_toolkit.store.run.Run.publish", stop)
        with pytest.raises(KeyboardInterrupt):
            ingest(lazy(), tmp_path / "killed", block=16)
    for folder in ("killed", "whole"):
        ingest(lazy(), tmp_path / folder, block=16)
    assert digest(tmp_path / "killed") == digest(tmp_path / "whole")


# Killed, resumed


@pytest.mark.parametrize("work", [slow_ingest, slow_write])
def test_killed_at_random_moments_the_outcome_is_bit_identical(tmp_path, work):
    """R01, R14: incomplete stores do not open, halves of files are swept away, the outcome is the same bits."""
    steps = die_after(work, tmp_path / "whole")
    context, random, folder = processes(), np.random.default_rng(5), tmp_path / "killed"
    for at in random.integers(steps // 6, steps // 3, 3):
        process = context.Process(target=die_after, args=(work, folder, int(at)))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        with pytest.raises(MissingSourceError):
            open_store(folder)
    (run,) = folder.glob("runs/*/*")
    assert len(list(run.glob("done/[!.]*"))) > 1
    for half in (run / "data.zarr/phase/.c.0.0.0.aa.partial", run / "done/.x.bb.partial"):
        half.write_bytes(b"half")
    work(folder)
    assert digest(folder) == digest(tmp_path / "whole")


# One run is never mixed with another


def test_a_changed_input_is_refused_until_told_otherwise(rasters, tmp_path, monkeypatch):
    """R08, R11: names what changed; a time that went back is a change like any other."""

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


@pytest.mark.parametrize("kind", ["raster", "zarr"])
def test_an_input_that_changes_meanwhile_is_not_published(rasters, tmp_path, monkeypatch, kind):
    """R08: a file that is replaced, or a store that is written to, while it is read."""
    lazy().drop_encoding().to_zarr(tmp_path / "plain.zarr", consolidated=False)
    changed = tmp_path / ("plain.zarr/phase/zarr.json" if kind == "zarr" else "rasters/phase/20180101_20180113.tif")
    stack = xr.open_zarr(tmp_path / "plain.zarr", consolidated=False) if kind == "zarr" else rasters()
    write = BlockArray.write

    def meanwhile(self, *arguments, **options):
        os.utime(changed, ns=(1, 1))
        write(self, *arguments, **options)

    monkeypatch.setattr(BlockArray, "write", meanwhile)
    message = refused(ingest, stack, tmp_path / "store", block=16, code="R08")
    assert "changed while 'interferograms' was written" in message
    with pytest.raises(MissingSourceError):
        open_store(tmp_path / "store")


def test_inputs_are_known_by_relative_paths_too(rasters, tmp_path, monkeypatch):
    """R08: the loaders take what they are given."""
    rasters()
    monkeypatch.chdir(tmp_path)
    paths = sorted(Path("rasters/phase").glob("*.tif"))
    stack = load.interferograms(paths)
    assert sorted(identify(stack, {}, code=False)["files"]) == [str(path.absolute()) for path in paths]
    monkeypatch.setattr("qtp_toolkit.store.stack._turn", lambda *_, **__: os.utime(paths[2], (1, 1)))
    assert paths[2].name in refused(ingest, stack, tmp_path / "store", block=16, code="R08")


def test_text_among_the_arguments_is_no_input(tmp_path, monkeypatch):
    """R08: a label that happens to be the name of a file here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    one = xr.DataArray(da.ones((2, 3), chunks=1), dims=("y", "x"), name="a")
    labels = one.copy(data=one.data.map_blocks(_labelled, dtype=float, label="run.json"))
    assert identify(labels.to_dataset(), {}, code=False)["files"] == {}
    refused(write_blocks, labels, tmp_path, name="run", block=16, code="R12")
    write_blocks(labels, tmp_path, name="rate", block=16)


def _labelled(block, label):
    return block


@pytest.mark.parametrize("opened", ["loader", "rioxarray", "netcdf", "zarr", "store", "product"])
def test_files_are_inputs_however_they_were_opened(rasters, tmp_path, opened):
    """R08: also of what is computed from them."""
    products.save(lazy(), "maps")
    lazy().drop_encoding().to_zarr(tmp_path / "plain.zarr", consolidated=False)
    ingest(lazy(), tmp_path / "store", block=16)
    lazy().compute().to_netcdf(tmp_path / "plain.nc", engine="h5netcdf")
    path = tmp_path / "rasters" / "phase" / "20180101_20180113.tif"
    ds, path = {
        "loader": lambda: (load.interferograms([path]), path),
        "rioxarray": lambda: (rioxarray.open_rasterio(path, chunks={}).to_dataset(name="a"), path),
        "netcdf": lambda: (load.netcdf(tmp_path / "plain.nc", chunks={}), tmp_path / "plain.nc"),
        "zarr": lambda: (xr.open_zarr(tmp_path / "plain.zarr", consolidated=False), tmp_path / "plain.zarr"),
        "store": lambda: (open_store(tmp_path / "store")[["phase"]], chunks_of(tmp_path / "store")[0].parent),
        "product": lambda: (products.open("maps"), products.path_of("maps")),
    }[opened]()
    assert list(identify(ds.map(abs) + 1, {}, code=False)["files"]) == [str(path)]


def test_a_file_that_changed_is_another_array(tmp_path):
    """R08: dask takes arrays of one name for the same; size and time of the file are part of it."""
    path = tif(tmp_path / "20180101_20180113.tif", np.ones((40, 30), "float32"))
    one, again = load.interferograms([path]), load.interferograms([path])
    assert one["phase"].data.name == again["phase"].data.name
    os.utime(path, (1, 1))
    assert load.interferograms([path])["phase"].data.name != one["phase"].data.name


def test_prose_among_the_arguments_is_no_path():
    """R08: the text of a CRS is longer than any name of a file may be, and looking for it would be an error."""
    text = f'GEOGCRS["{"WGS 84, " * 40}", ELLIPSOID["WGS 84", 298.257223563]]'
    one = xr.DataArray(np.ones((2, 3)), dims=("y", "x")).chunk(y=1).map_blocks(lambda da, _: da, args=(text,))
    assert identify(one.to_dataset(name="a"), {}, code=False)["files"] == {}


@pytest.mark.parametrize("change", ["size", "time", "gone"])
def test_an_input_is_known_by_size_and_time(tmp_path, change):
    """R08: each alone."""
    path = tif(tmp_path / "20180101_20180113.tif", np.ones((40, 30), "float32"))
    identity, was = identify(load.interferograms([path]), {}, code=False), path.stat()
    assert changed_files(identity) == []
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" " * (change == "size"))
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns - (change == "time")))
    assert changed_files(identity) == [str(path)]


def test_another_state_of_the_code_is_another_run(tmp_path, failing, monkeypatch):
    """R08: results depend on it; what is only copied, on the version."""
    failing(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        write_blocks(stopping(), tmp_path, name="rate", block=16)
    with monkeypatch.context() as patch:
        patch.setattr("qtp_toolkit.store.fingerprint.code_digest", lambda folder: "edited")
        message = refused(write_blocks, stopping(), tmp_path, name="rate", block=16, code="R08")
    assert re.search(r"version \S+\+[0-9a-f]{12} then, \S+\+edited now", message)
    refused(write_blocks, stopping(), tmp_path, name="rate", block=32, code="R08")
    one, edited = identify(lazy(), {}, code=False), "9.9"
    monkeypatch.setattr("qtp_toolkit.__version__", edited)
    assert identify(lazy(), {}, code=False) == one | {"version": edited}


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
    """R12: damaged markers neither."""
    failing(ValueError("no"))
    with dask.config.set(scheduler="synchronous"), pytest.raises(ValueError, match="no"):
        write_blocks(stopping(), tmp_path, name="rate", block=16)
    for marker in tmp_path.glob("runs/*/*/done/*"):
        marker.write_bytes(b"\xff")
    failing(None)
    write_blocks(stopping(), tmp_path, name="rate", block=16)
    assert STATE["calls"] == 16
