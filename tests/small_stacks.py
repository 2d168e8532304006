"""Lazy stacks that need no files, and slow writers of them; light, because every process of the tests imports it."""

from __future__ import annotations

import time

import dask.array as da
import numpy as np
import pandas as pd
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr

from qtp_toolkit.conventions import describe
from qtp_toolkit.store import ingest, write_blocks

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


def lazy(height=70, width=45, rows=16, columns=None, delay=0.0):
    """Lazy stack of six pairs."""
    chunks = (6, da.core.normalize_chunks((rows, columns or width), (height, width)))
    chunks = ((6,), *chunks[1])

    def variable(name, low, high):
        data = da.map_blocks(
            values, chunks=chunks, dtype="float32", meta=np.empty((0, 0, 0), "float32"), low=low, high=high, delay=delay
        )
        return describe(xr.DataArray(data, dims=("pair", "y", "x")), name)

    ds = xr.Dataset({"phase": variable("phase", -9, 9), "coherence": variable("coherence", 0.1, 1)})
    ends = {name: ("pair", pd.to_datetime([pair[k] for pair in PAIRS]).astype("datetime64[ns]"))
            for k, name in enumerate(("reference", "secondary"))}  # fmt: skip
    grid = {"y": 4e6 - 90.0 * np.arange(height), "x": 4e5 + 90.0 * np.arange(width)}
    return ds.assign_coords(**ends, **grid).rio.write_crs(32646)


def slow_ingest(folder):
    """Ingest a stack that takes its time."""
    ingest(lazy(delay=0.01, rows=8), folder, block=8)


def slow_write(folder):
    """Write a result that takes its time."""
    stack = lazy(delay=0.01, rows=8, columns=8)
    write_blocks(stack.map(abs), folder, name="maps", block=8, memory_budget=40_000)
