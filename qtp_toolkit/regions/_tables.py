"""Percentiles by class and along lines.

Exact percentiles need all values of a class at once (about 40 bytes per pixel for two maps, in a single task if they
are lazy). Larger maps are counted instead, rounded value by rounded value, block by block.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._classes import check_edges, labelled_codes
from qtp_toolkit.conventions import (
    PERCENTILE,
    STRATUM,
    QtpDataError,
    describe,
    is_lazy,
    provenance,
    require_option,
    require_same_grid,
)
from qtp_toolkit.kernels import strata as kernels
from qtp_toolkit.regions.kernels import counts

BOX = (2.0, 25.0, 50.0, 75.0, 98.0)
"""Percentiles of a box of the paper: whiskers, quartiles and median (Fig. 5)."""

SIGNS = ("as_is", "subsidence_positive")
METHODS = ("auto", "exact", "histogram")
EXACT_UP_TO = 1 << 22
"""Pixels of a map up to which ``"auto"`` is exact: 170 MB of memory."""


def box_table(
    values: xr.DataArray,
    by: xr.DataArray,
    *,
    edges: Sequence[float] | np.ndarray | None = None,
    sign: str = "as_is",
    percentiles: Sequence[float] = BOX,
    min_count: int = 1,
    method: str = "auto",
) -> xr.Dataset:
    """Percentiles of a map in classes of a factor: the numbers of a box plot (paper Fig. 5, 6, 8, 9).

    Parameters
    ----------
    values : xarray.DataArray
        The map, any dims and unit.
    by : xarray.DataArray
        The factor on the same grid: numbers with ``edges``, or strata (codes 0, 1, ..., -1 for none, with the attribute
        ``labels``) without.
    edges : sequence of float, optional
        Ascending class edges in the unit of ``by``. A class includes its upper end, the first one its lower end too;
        values outside belong to no class. The outer edges may be infinite, and the first two equal (a class of one
        value), as :func:`qtp_toolkit.geodetector.edges` finds them where values tie.
    sign : {"as_is", "subsidence_positive"}
        ``"subsidence_positive"`` turns the sign of ``values``: the paper's maps are negative for subsidence, its text
        and Fig. 8 and 9 quote magnitudes of subsidence.
    percentiles : sequence of float
        0 to 100.
    min_count : int
        Classes with fewer values give NaN.
    method : {"auto", "exact", "histogram"}
        ``"exact"`` sorts all values, in memory at once. ``"histogram"`` counts values that are rounded to 13
        significant bits (by at most one part in 8192), block by block: percentiles are exactly those of the rounded
        values, whatever the chunks, in memory that does not grow with the map. ``"auto"`` is exact up to 4 million
        pixels, lazy or not.

    Returns
    -------
    xarray.Dataset
        ``quantile`` (stratum, percentile) in the unit of ``values``, ``count`` (stratum); coordinates ``left`` and
        ``right`` (NaN for classes without edges), ``label``, ``percentile``; the attribute ``percentiles`` says which
        method it was. Lazy if an input is lazy; exact percentiles of lazy maps are one task that takes both whole.

    Raises
    ------
    QtpDataError
        Different grids, edges that do not ascend, strata without labels, percentiles outside 0 to 100, unknown sign.

    Examples
    --------
    >>> rate = xr.DataArray([-1.0, -2.0, -3.0, -9.0], dims="x", attrs={"units": "mm/yr"})
    >>> ice = xr.DataArray([0.1, 0.2, 0.3, 0.9], dims="x", name="ground_ice")
    >>> table = box_table(rate, ice, edges=[0, 0.4, 1], sign="subsidence_positive")
    >>> table["quantile"].sel(percentile=50).values, table["count"].values
    (array([2., 9.]), array([3, 1]))
    """
    factors = {STRATUM: (by, edges)}
    return _tabulate(values, factors, sign=sign, percentiles=percentiles, min_count=min_count, method=method)


def box_table2(
    values: xr.DataArray,
    by: xr.DataArray,
    by2: xr.DataArray,
    *,
    edges: Sequence[float] | np.ndarray | None = None,
    edges2: Sequence[float] | np.ndarray | None = None,
    sign: str = "as_is",
    percentiles: Sequence[float] = BOX,
    min_count: int = 1,
    method: str = "auto",
) -> xr.Dataset:
    """Percentiles of a map in classes of two factors (paper Fig. 6c, 8c).

    Parameters
    ----------
    values, by, edges, sign, percentiles, min_count, method
        See :func:`box_table`.
    by2 : xarray.DataArray
        The second factor on the same grid.
    edges2 : sequence of float, optional
        Its class edges.

    Returns
    -------
    xarray.Dataset
        ``quantile`` (stratum, stratum2, percentile), ``count`` (stratum, stratum2); coordinates as in
        :func:`box_table`, those of the second factor with a 2 behind. Lazy if an input is lazy.

    Examples
    --------
    >>> rate, half = xr.DataArray([1.0, 2.0, 3.0, 4.0], dims="x"), xr.DataArray([0, 0, 1, 1], dims="x")
    >>> other = xr.DataArray([0, 1, 1, 1], dims="x")
    >>> box_table2(rate, half, other, edges=[-0.5, 0.5, 1.5], edges2=[-0.5, 0.5, 1.5])["count"].values
    array([[1, 1],
           [0, 2]])
    """
    factors = {STRATUM: (by, edges), f"{STRATUM}2": (by2, edges2)}
    return _tabulate(values, factors, sign=sign, percentiles=percentiles, min_count=min_count, method=method)


def profile(
    values: xr.DataArray,
    distance: xr.DataArray,
    *,
    edges: Sequence[float] | np.ndarray,
    percentiles: Sequence[float] = BOX,
    min_count: int = 1,
    method: str = "auto",
) -> xr.Dataset:
    """Percentiles of a map along a line, in bins of distance (paper Fig. 5c, 7).

    Parameters
    ----------
    values : xarray.DataArray
        The map, any unit.
    distance : xarray.DataArray
        Distance along the line of every value (m), NaN beside it: ``along`` of :func:`swath`, or the coordinate of a
        sampled line.
    edges : sequence of float
        Ends of the bins, m.
    percentiles, min_count, method
        See :func:`box_table`.

    Returns
    -------
    xarray.Dataset
        ``quantile`` (distance, percentile) in the unit of ``values``, ``count`` (distance); the coordinate
        ``distance`` (m) is the middle of the bin. Lazy if an input is lazy.

    Examples
    --------
    >>> rate, along = xr.DataArray([1.0, 3.0, 8.0], dims="x"), xr.DataArray([100.0, 900.0, 1500.0], dims="x")
    >>> profile(rate, along, edges=[0, 1000, 2000])["quantile"].sel(percentile=50).values
    array([2., 8.])
    """
    table = box_table(values, distance, edges=edges, percentiles=percentiles, min_count=min_count, method=method)
    middle = 0.5 * (table["left"].values + table["right"].values)
    out = table.drop_vars(["left", "right", "label", STRATUM]).rename({STRATUM: "distance"})
    return out.assign_coords(distance=describe(xr.DataArray(middle, dims="distance"), "along"))


def _tabulate(
    values: xr.DataArray,
    factors: dict[str, tuple[xr.DataArray, Sequence[float] | np.ndarray | None]],
    *,
    sign: str,
    percentiles: Sequence[float],
    min_count: int,
    method: str,
) -> xr.Dataset:
    """Box table along one dim a factor; ``factors`` holds the factor and its class edges by dim."""
    classes = {dim: _classes(values, by, edges, dim) for dim, (by, edges) in factors.items()}
    require_option("sign", sign, SIGNS)
    require_option("way to find percentiles", method, METHODS)
    if method == "auto":
        method = "exact" if values.size <= EXACT_UP_TO else "histogram"
    wanted = tuple(float(p) for p in percentiles)
    if not wanted or min(wanted) < 0 or max(wanted) > 100:
        raise QtpDataError("percentiles out of range", expected="0 to 100", found=wanted)
    sizes = tuple(axis.sizes[dim] for dim, (_, axis) in classes.items())
    signed = -values if sign == "subsidence_positive" else values
    found = _exact if method == "exact" else _counted
    table = found(signed, [code for code, _ in classes.values()], sizes, wanted)
    full = xr.DataArray(table.reshape(*sizes, table.shape[1]), dims=(*classes, "column"))
    count = full.isel(column=-1)
    quantile = full.isel(column=slice(None, -1)).rename(column=PERCENTILE).where(count >= max(min_count, 1))
    note = provenance(values)
    quantile = quantile.assign_attrs(_unit_and_name(values) | note)
    out = xr.Dataset({"quantile": quantile, "count": describe(count.astype(np.int64), "count", like=values)})
    out = out.assign_coords({PERCENTILE: np.asarray(wanted)})
    for dim, (_, axis) in classes.items():
        out = out.assign_coords(axis.coords)
        by = factors[dim][0]
        out[dim].attrs.update({**_unit_and_name(by), "variable": str(by.name)})
    return out.assign_attrs(variable=str(values.name), sign=sign, percentiles=method, **note)


def _unit_and_name(da: xr.DataArray) -> dict[str, str]:
    return {key: da.attrs[key] for key in ("units", "long_name") if key in da.attrs}


def _classes(
    values: xr.DataArray, by: xr.DataArray, edges: Sequence[float] | np.ndarray | None, dim: str
) -> tuple[xr.DataArray, xr.Dataset]:
    """Codes on the dims of ``values`` and a Dataset of the coordinates of the classes."""
    by = require_same_grid(by, values)
    tail = dim.removeprefix(STRATUM)
    if edges is None:
        if "labels" not in by.attrs:
            raise QtpDataError(
                f"classes of {by.name!r} are unknown", hint="Give edges, or strata with labels (geodetector.stratify)."
            )
        code, labels = labelled_codes(by)
        limits = np.asarray(by.attrs.get("edges", ()), dtype=np.float64)
        limits = limits if limits.shape == (len(labels) + 1,) else np.full(len(labels) + 1, np.nan)
    else:
        limits = check_edges(edges, by.name)
        labels = [kernels.interval_label(low, high) for low, high in pairwise(limits)]
        code = xr.apply_ufunc(
            kernels.codes_by_edges, by, kwargs={"edges": limits}, dask="parallelized", output_dtypes=[np.int16]
        )
    named = {"left": limits[:-1], "right": limits[1:], "label": labels}
    axis = xr.Dataset(coords={f"{key}{tail}": (dim, value) for key, value in named.items()})
    return code.transpose(*values.dims), axis.assign_coords({dim: np.arange(len(labels))})


def _exact(
    values: xr.DataArray, codes: list[xr.DataArray], sizes: tuple[int, ...], percentiles: tuple[float, ...]
) -> Any:
    """Percentiles, then the count, of each class: (class, percentile + 1), lazy if an input is lazy."""
    task = partial(kernels.percentiles_by_codes, sizes=sizes, percentiles=percentiles)
    if not any(is_lazy(da) for da in (values, *codes)):
        return task(values.values, *(code.values for code in codes))
    import dask.array as dsk  # noqa: PLC0415  (only lazy input needs it)

    axes = tuple(range(values.ndim))
    operands = [part for da in (values, *codes) for part in (da.data, axes)]
    return dsk.blockwise(
        task,
        (values.ndim, values.ndim + 1),
        *operands,
        concatenate=True,
        dtype=np.float64,
        meta=np.empty((0, 0)),
        new_axes={values.ndim: int(np.prod(sizes)), values.ndim + 1: len(percentiles) + 1},
    )


def _counted(
    values: xr.DataArray, codes: list[xr.DataArray], sizes: tuple[int, ...], percentiles: tuple[float, ...]
) -> Any:
    """As :func:`_exact`, of values that are rounded: from counts of the blocks, which add up."""
    size = int(np.prod(sizes))
    task = partial(counts.count_values, sizes=sizes)
    if not any(is_lazy(da) for da in (values, *codes)):
        found = task(values.values, *(code.values for code in codes))
        return counts.percentiles_of_counts(found, size, percentiles)
    import dask.array as dsk  # noqa: PLC0415  (only lazy input needs it)

    axes = tuple(range(values.ndim))
    operands = [part for da in (values, *codes) for part in (da.data, axes)]
    meta = np.empty((0,) * values.ndim, dtype=object)
    blocks = dsk.blockwise(
        partial(_boxed, task), axes, *operands, adjust_chunks=dict.fromkeys(axes, 1), dtype=object, meta=meta
    )
    merged = dsk.reduction(
        blocks,
        chunk=_keep,
        combine=_merge_boxed,
        aggregate=_merge_boxed,
        axis=axes,
        dtype=object,
        split_every=4,
        meta=np.empty((), dtype=object),
    )
    shape = (size, len(percentiles) + 1)
    final = partial(_percentiles_of, size=size, percentiles=percentiles)
    return merged[None, None].map_blocks(final, dtype=np.float64, chunks=shape, meta=np.empty((0, 0)))


def _boxed(task: partial, *arrays: np.ndarray) -> np.ndarray:
    """Wrap counts of a block as the one element of an array, as a reduction by dask needs them."""
    out = np.empty((1,) * arrays[0].ndim, dtype=object)
    out.flat[0] = task(*arrays)
    return out


def _keep(blocks: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:  # noqa: ARG001
    return blocks


def _merge_boxed(blocks: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    out = np.empty((1,) * len(axis) if keepdims else (), dtype=object)
    out.flat[0] = counts.merge_counts(list(blocks.flat))
    return out


def _percentiles_of(merged: np.ndarray, *, size: int, percentiles: tuple[float, ...]) -> np.ndarray:
    return counts.percentiles_of_counts(merged.flat[0], size, percentiles)
