"""Where a factor matters: q in windows of the map."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, coordinate, describe, provenance
from qtp_toolkit.geodetector._cells import COLUMN, ROW, cell_tables
from qtp_toolkit.geodetector._detectors import check_singletons
from qtp_toolkit.geodetector._moments import FACTOR, prepare, varies
from qtp_toolkit.kernels.strata import merge_tables, q_statistic, variance_split

LAYERS = ("q", "n", "strata")


def factors_by_window(
    y: xr.DataArray,
    strata: xr.Dataset | xr.DataArray,
    *,
    window: int = 64,
    step: int | None = None,
    min_count: int = 100,
    singletons: str = "keep",
) -> xr.Dataset:
    """Map of q: what each factor explains within windows of the map, to see where it matters.

    Parameters
    ----------
    y : xarray.DataArray
        (y, x) or other two dims, the explained map.
    strata : xarray.Dataset or xarray.DataArray
        One or several factors on its grid, divided once for the whole map: a class means the same everywhere.
    window : int
        Side of a window in pixels.
    step : int, optional
        From one window to the next, in pixels; divides ``window``. By default windows do not overlap.
    min_count : int
        A window with fewer samples gives NaN.
    singletons : {"keep", "drop"}
        See :func:`factor`.

    Returns
    -------
    xarray.Dataset
        On the dims ``factor`` and those of ``y``, whose coordinates are the middles of the windows: ``q``, ``n``
        samples and ``strata`` that hold some. q is NaN with too few samples or where the map does not vary; it is 0
        where a factor has one stratum within the window. Windows at the far edges that would leave the map are left
        out unless the map is smaller than one. Lazy if an input is lazy: one pass over the blocks.

    Raises
    ------
    QtpDataError
        Not two dims, a step that does not divide the window, and as :func:`factors` for the strata.

    Notes
    -----
    A small window holds few patches of a smooth map, so that q is larger there by chance than in the whole map, and
    the more so the smoother the map: compare windows of one map with each other, and with the windows of a map of
    :func:`surrogate`.

    Examples
    --------
    The factor tells the halves of the left window apart, and says nothing in the right one:

    >>> y = xr.DataArray([[1.0, 1.0, 1.0, 5.0], [3.0, 3.0, 5.0, 1.0]], dims=("y", "x"), name="rate")
    >>> rows = xr.DataArray([[0, 0, 0, 0], [1, 1, 1, 1]], dims=("y", "x"), name="row")
    >>> factors_by_window(y, rows, window=2, min_count=4)["q"].values.ravel()
    array([1., 0.])
    """
    keep = check_singletons(singletons)
    step = window if step is None else step
    if step < 1 or window < 1 or window % step:
        raise QtpDataError("the step must divide the window", expected="pixels, 1 or more", found=(window, step))
    codes, sizes, names, _ = prepare(y, strata)
    tables = cell_tables(y, codes, sizes, step)
    height, width = (_windows(size, window, step) for size in y.shape)
    rows, columns = y.dims
    out = xr.apply_ufunc(
        _q_of_windows,
        tables,
        input_core_dims=[[ROW, COLUMN, "moment", "cell"]],
        output_core_dims=[["layer", FACTOR, rows, columns]],
        kwargs={
            "sizes": sizes,
            "cells": window // step,
            "shape": (height, width),
            "least": min_count,
            "keep": keep,
        },
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={
            "output_sizes": {"layer": len(LAYERS), FACTOR: len(sizes), rows: height, columns: width},
            "allow_rechunk": True,
        },
    )
    middles = {dim: _middles(y, dim, window, step, count) for dim, count in ((rows, height), (columns, width))}
    out = out.assign_coords({FACTOR: names, **middles})
    out = out.assign_coords({name: da for name, da in y.coords.items() if name == "spatial_ref"})
    parts = {name: out.isel(layer=i) for i, name in enumerate(LAYERS)}
    parts |= {name: parts[name].astype(np.int64) for name in ("n", "strata")}
    described = {name: describe(da, name, like=y) for name, da in parts.items()}
    return xr.Dataset(described, attrs=provenance(y)).assign_attrs(window=window, step=step)


def _windows(size: int, window: int, step: int) -> int:
    return max((size - window) // step + 1, 1)


def _middles(y: xr.DataArray, dim: Hashable, window: int, step: int, count: int) -> xr.DataArray:
    """Coordinate of the middle of each window; of pixels counted from 0 where the map has no coordinates."""
    values = coordinate(y, str(dim)).astype(float) if dim in y.coords else np.arange(y.sizes[dim], dtype=float)
    middle = [values[i * step : i * step + window].mean() for i in range(count)]
    return xr.DataArray(np.array(middle), dims=(dim,), attrs=y[dim].attrs)


def _q_of_windows(
    tables: np.ndarray, *, sizes: tuple[int, ...], cells: int, shape: tuple[int, int], least: int, keep: bool
) -> np.ndarray:
    """``LAYERS`` of each factor in each window of ``cells`` by ``cells`` cells."""
    merged = None
    for i in range(min(cells, tables.shape[0])):
        for j in range(min(cells, tables.shape[1])):
            part = np.moveaxis(tables[i : i + shape[0], j : j + shape[1]], 2, 0)
            merged = part if merged is None else merge_tables(np.stack([merged, part]))
    assert merged is not None
    out = np.full((len(LAYERS), len(sizes), *shape), np.nan)
    for f, part in enumerate(np.split(merged, np.cumsum(sizes)[:-1], axis=-1)):
        for row, column in np.ndindex(*shape):
            table = part[:, row, column]
            _, _, n, filled, _ = variance_split(table, singletons=keep)
            q = q_statistic(table, singletons=keep) if n >= max(least, 1) and varies(table) else np.nan
            out[:, f, row, column] = q, n, filled
    return out
