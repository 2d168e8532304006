"""What all exports share: grids with north up, windows that fit into memory, files that get their names together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise, product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from qtp_toolkit._atomic import replacing
from qtp_toolkit.conventions import TIME, QtpDataError, X, Y, require
from qtp_toolkit.grid._frame import crs_of
from qtp_toolkit.products import BLOCK

Grid = TypeVar("Grid", xr.DataArray, xr.Dataset)


def north_up(ds: Grid) -> Grid:
    """Turn a grid so that rows run south and columns east, as other programs take for granted; needs a CRS."""
    crs_of(ds)
    for dim, falling in ((Y, True), (X, False)):
        if ds.sizes[dim] > 1 and (ds[dim].values[-1] < ds[dim].values[0]) != falling:
            ds = ds.isel({dim: slice(None, None, -1)})
    return ds


def series_of(ds: xr.Dataset) -> xr.DataArray:
    """Displacement of a Dataset of time series, with north up, dates in order."""
    if "displacement" not in ds:
        raise QtpDataError(
            "no time series of displacement to export",
            expected="a variable displacement (time, y, x), as in the product time_series",
            found=list(ds.data_vars),
        )
    series = ds["displacement"]
    require(series, dims=(TIME, Y, X), quantity="displacement")
    return north_up(series.assign_coords(spatial_ref=ds["spatial_ref"]) if "spatial_ref" in ds else series)


def days_of(series: xr.DataArray) -> list[str]:
    """Dates of a series as YYYYMMDD; refused if they are not rising, since two of a day would share a name."""
    days = series[TIME].values.astype("datetime64[D]")
    if (np.diff(days) <= np.timedelta64(0, "D")).any():
        raise QtpDataError("dates of the series must rise, one a day", where=TIME, code="I18")
    return [str(day).replace("-", "") for day in days]


def reference_of(ds: xr.Dataset) -> Any:
    """Date at which the displacement is zero, as it or its Dataset says; None if neither does."""
    return ds["displacement"].attrs.get("reference_date") or ds.attrs.get("reference_date")


def windows(da: xr.DataArray) -> Iterator[dict[str, slice]]:
    """Windows over y and x: the blocks of lazy data, else squares."""
    edges = []
    for dim in (Y, X):
        sizes = da.chunksizes.get(dim) or (BLOCK,) * -(-da.sizes[dim] // BLOCK)
        edges.append(np.minimum(np.cumsum([0, *sizes]), da.sizes[dim]))
    rows, columns = ([slice(int(a), int(b)) for a, b in pairwise(e)] for e in edges)
    for row, column in product(rows, columns):
        yield {Y: row, X: column}


@contextmanager
def replacing_all(targets: Sequence[Path]) -> Iterator[list[Path]]:
    """Give a sibling to write to for each file; none gets its name before all are written."""
    with ExitStack() as stack:
        yield [stack.enter_context(replacing(target)) for target in targets]
