"""Lazy stacks that need no files, and slow writers of them; light, because every process of the tests imports it."""

from __future__ import annotations

import hashlib
import itertools
import math
import multiprocessing
import os
import signal
import time
from pathlib import Path
from unittest import mock

import dask.array as da
import numpy as np
import pandas as pd
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr
from distributed import secede

from qtp_toolkit import load
from qtp_toolkit.conventions import describe
from qtp_toolkit.store import append, ingest, write_blocks
from qtp_toolkit.store.run import mark_done

DATES = ["20180101", "20180113", "20180125", "20180206"]
PAIRS = [(a, b) for k, a in enumerate(DATES) for b in DATES[k + 1 :]]


def values(block_info=None, *, low, high, delay=0.0):
    """Numbers that depend on their place only; one corner is NaN."""
    spans = block_info[None]["array-location"]
    grid = np.meshgrid(*(np.arange(*span) for span in spans), indexing="ij")
    out = np.sin(grid[0] * 7.0 + grid[1] * 1.3 + grid[2] * 0.37) * 0.5 + 0.5
    out[(grid[1] < 20) & (grid[2] < 20)] = np.nan
    time.sleep(delay)
    return (low + (high - low) * out).astype("float32")


def lazy(height=70, width=45, *, rows=16, columns=None, delay=0.0, pairs=PAIRS):
    """Lazy stack, of six pairs unless told otherwise."""
    chunks = ((len(pairs),), *da.core.normalize_chunks((rows, columns or width), (height, width)))

    def variable(name, low, high):
        data = da.map_blocks(
            values, chunks=chunks, dtype="float32", meta=np.empty((0, 0, 0), "float32"), low=low, high=high, delay=delay
        )
        return describe(xr.DataArray(data, dims=("pair", "y", "x")), name)

    ds = xr.Dataset({"phase": variable("phase", -9, 9), "coherence": variable("coherence", 0.1, 1)})
    ends = {
        name: ("pair", pd.to_datetime([pair[k] for pair in pairs]).astype("datetime64[ns]"))
        for k, name in enumerate(("reference", "secondary"))
    }
    grid = {"y": 4e6 - 90.0 * np.arange(height), "x": 4e5 + 90.0 * np.arange(width)}
    return ds.assign_coords(**ends, **grid).rio.write_crs(32646)


def raster_stack(folder):
    """Write a stack of true GeoTIFFs, with holes and zero coherence; returns what opens it afresh."""
    from small_files import tif  # noqa: PLC0415

    rng = np.random.default_rng(20220531)
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


def slow_ingest(folder):
    """Ingest a stack that takes its time."""
    ingest(lazy(delay=0.03, rows=8), folder, block=8, memory_budget=4e4)


def slow_write(folder):
    """Write a result that takes its time."""
    stack = lazy(delay=0.01, rows=8, columns=8)
    write_blocks(stack.map(abs), folder, name="maps", block=8, memory_budget=40_000)


def _first_fails(block, folder, block_info=None):
    """The first block fails as soon as the second one, which takes its time, has begun; also on the only worker."""
    if block_info[0]["chunk-location"] == (0, 0):
        secede()
        while not (folder / "begun").exists():
            time.sleep(0.02)
        raise ZeroDivisionError
    if block_info[0]["chunk-location"] == (0, 1):
        (folder / "begun").touch()
        time.sleep(0.5)
    return block


def first_fails(folder):
    rate = xr.DataArray(da.ones((16, 32), chunks=16, dtype="float32"), dims=("y", "x"), name="rate")
    data = rate.data.map_blocks(_first_fails, folder, dtype="float32", meta=np.empty((0, 0), "float32"))
    return rate.copy(data=data)


def die_after(work, folder, steps=math.inf):
    """Kill this process after so many files were flushed or named. Else tell how many it took."""
    count = itertools.count(1)

    def step(function):
        def counted(*arguments, **options):
            if next(count) > steps:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return counted

    with (
        mock.patch.object(Path, "replace", step(Path.replace)),
        mock.patch("os.fsync", step(lambda handle: None)),
    ):
        work(folder)
    return next(count)


def ingest_when_told(folder, told):
    """Ingest, but wait before the first marker."""
    real = mark_done

    def mark(*arguments):
        told.wait()
        real(*arguments)

    with mock.patch("qtp_toolkit.store.stack.mark_done", mark):
        slow_ingest(folder)


def processes():
    """Start processes from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["qtp_toolkit.load", "qtp_toolkit.store", "rioxarray", "pandas", "rich.progress"])
    return context


def deadly(block, block_info=None, *, at):
    """End the process of whoever computes the block ``at``."""
    if tuple(block_info[0]["chunk-location"]) == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return block + 1


def done_but_dead(path):
    """Do the work, and die before telling."""
    Path(path).touch()
    os.kill(os.getpid(), signal.SIGKILL)


def digest(folder):
    """Every file below a folder and its content."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def chunks_of(folder, variable="phase"):
    """Files of the blocks of one variable of all stores in a folder."""
    found = Path(folder).glob(f"runs/*/*/data.zarr/{variable}/**/*")
    return sorted(path for path in found if path.is_file() and path.name != "zarr.json")


def slow_append(folder):
    """Append two of six pairs to the four that are stored, in small windows."""
    append(lazy(24, 20, rows=8).chunk(pair=1), folder, memory_budget=1e4)


def write_pairs(folder, pairs):
    """Write true GeoTIFFs of some pairs; the values depend on the dates alone."""
    from small_files import tif  # noqa: PLC0415

    for first, second in pairs:
        rng = np.random.default_rng([int(first), int(second)])
        phase = rng.normal(0, 4, (40, 30)).astype("float32")
        phase[:9, :9] = 0.0
        tif(folder / "phase" / f"{first}_{second}.tif", phase)
        tif(folder / "coherence" / f"{first}_{second}.tif", rng.uniform(0.1, 1, (40, 30)).astype("float32"))


def open_pairs(folder, **options):
    """Open what :func:`write_pairs` wrote, by default pair by pair."""
    phase, coherence = (sorted((folder / role).glob("*.tif")) for role in ("phase", "coherence"))
    options = {"chunks": {"pair": 1, "y": 16}} | options
    return load.interferograms(phase, coherence=coherence, **options)
