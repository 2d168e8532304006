"""Association of neighbors: a detector that knows where the samples lie (SPADE)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._grids import require_same_grid
from qtp_toolkit.conventions import QtpDataError, describe, is_lazy, provenance, require_option
from qtp_toolkit.geodetector._moments import FACTOR, moments, name_statistics, prepare
from qtp_toolkit.geodetector._strata import check_k, edges, stratify

NEIGHBORS = ("rook", "queen")


def spatial_association(y: xr.DataArray, strata: xr.Dataset | xr.DataArray, *, neighbors: str = "rook") -> xr.Dataset:
    r"""Share of the differences between neighboring pixels that lies between the strata of a factor.

    .. math:: q_s = 1 - \frac{\sum_h N_h \Gamma_h}{N \Gamma}, \quad
              \Gamma = \frac{\sum_{i,j} w_{ij} (y_i - y_j)^2 / 2}{\sum_{i,j} w_{ij}}

    with weights 1 for neighbors and 0 for all other pairs: q of the variance of neighbors, where :func:`factors` takes
    that of all pixels. It is large where the map jumps at the borders of the strata, and small where it changes
    smoothly across them, however far apart the means of the strata are.

    Parameters
    ----------
    y : xarray.DataArray
        The explained map on a regular grid; neighbors lie beside each other along any dim.
    strata : xarray.Dataset or xarray.DataArray
        One or several factors on its grid.
    neighbors : {"rook", "queen"}
        Without or with those across a corner.

    Returns
    -------
    xarray.Dataset
        Along ``factor``: ``q_spatial`` (at most 1; negative where strata are rougher within than at their borders; NaN
        where no neighbors differ) and ``n`` samples in strata with neighbors. Lazy if an input is lazy: one pass.

    Raises
    ------
    QtpDataError
        As :func:`factors` for the strata; an unknown kind of neighbors.

    Notes
    -----
    A stratum without a pair of neighbors has no variance of neighbors and is left out of all sums, as gdverse leaves
    out strata of one sample. The cost is that of one pass, where a matrix of weights grows with the square.

    References
    ----------
    Cang, X. and Luo, W. (2018). Spatial association detector (SPADE). Int. J. Geogr. Inf. Sci. 32, 2055-2075.

    Examples
    --------
    Neighbors differ at the border only:

    >>> y = xr.DataArray([1.0, 1.0, 5.0, 5.0], dims="x", name="rate")
    >>> spatial_association(y, xr.DataArray([1, 1, 2, 2], dims="x"))["q_spatial"].item()
    1.0
    """
    require_option("kind of neighbors", neighbors, NEIGHBORS)
    codes, sizes, names, _ = prepare(y, strata)
    sums = _pair_sums(y, codes, sizes, diagonal=neighbors == "queen")
    out = xr.apply_ufunc(
        partial(_association, sizes=sizes),
        moments(y, codes, sizes).isel(moment=0),
        sums,
        input_core_dims=[["cell"], ["sum", "pair_cell"]],
        output_core_dims=[[FACTOR, "statistic"]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {FACTOR: len(sizes), "statistic": 2}},
    )
    return name_statistics(out.assign_coords({FACTOR: names}), ("q_spatial", "n"), y)


def spade(
    y: xr.DataArray,
    factor: xr.DataArray,
    *,
    k: Sequence[int] = (3, 4, 5, 6, 7, 8),
    method: str = "quantile",
    neighbors: str = "rook",
) -> xr.Dataset:
    """Spatial association of a numeric factor, over several numbers of classes, each divided by what its classes keep.

    To cut a factor into classes loses a part of it: ``spatial_association(factor, classes)`` says how much is kept. The
    association of the map is divided by that, and averaged over the numbers of classes, so that it depends less on
    their number than q does.

    Parameters
    ----------
    y : xarray.DataArray
        The explained map on a regular grid.
    factor : xarray.DataArray
        A numeric factor on its grid, in memory (its edges depend on all values).
    k : sequence of int
        Numbers of classes.
    method : str
        As for :func:`edges`.
    neighbors : {"rook", "queen"}
        See :func:`spatial_association`.

    Returns
    -------
    xarray.Dataset
        Along ``k``: ``q_spatial`` of the map and ``kept``, that of the factor itself; the scalar ``association``, the
        mean over ``k`` of their ratio. Lazy if ``y`` is lazy.

    Raises
    ------
    QtpDataError
        A lazy factor, or as :func:`spatial_association`.

    References
    ----------
    Cang, X. and Luo, W. (2018). Spatial association detector (SPADE). Int. J. Geogr. Inf. Sci. 32, 2055-2075.

    Examples
    --------
    The classes keep all but the small steps of the factor, and the map jumps where they do:

    >>> slope = xr.DataArray([1.0, 1.5, 8.0, 8.5, 1.0, 1.5], dims="x", name="slope")
    >>> rate = xr.DataArray([0.0, 0.0, 5.0, 5.0, 0.0, 0.0], dims="x", name="rate")
    >>> spade(rate, slope, k=(2,), method="equal")["association"].round(4).item()
    1.0128
    """
    for one in k:
        check_k(one)
    if is_lazy(factor):
        raise QtpDataError(f"{factor.name!r} is lazy, and its classes depend on all its values", hint="Load it first.")
    factor = require_same_grid(factor, y, name=f"factor {factor.name!r}").transpose(*y.dims)
    limits = {str(one): edges(factor, method=method, k=one) for one in k}
    strata = xr.Dataset({one: stratify(factor, edges=found) for one, found in limits.items()})
    joint = factor.where(np.isfinite(y)).rename("itself")  # what is kept is asked of the pixels of the map
    by_number = [
        spatial_association(da, strata, neighbors=neighbors)["q_spatial"].drop_vars(FACTOR).rename({FACTOR: "k"})
        for da in (y, joint)
    ]
    of_map, of_factor = by_number
    ratio = (of_map / of_factor.where(of_factor != 0)).mean("k", skipna=False)
    out = xr.Dataset(
        {
            "q_spatial": describe(of_map, "q_spatial", like=y),
            "kept": describe(of_factor, "q_spatial", like=(y, factor)).rename("kept"),
            "association": describe(ratio, "association", like=(y, factor)),
        }
    )
    return out.assign_coords(k=list(k)).assign_attrs(provenance(y, factor), method=method)


def _offsets(ndim: int, *, diagonal: bool) -> list[tuple[int, ...]]:
    """Return steps from a pixel to its later neighbors; those to the earlier ones are the same pairs."""
    steps = [step for step in product((-1, 0, 1), repeat=ndim) if step > (0,) * ndim]
    return steps if diagonal else [step for step in steps if np.abs(step).sum() == 1]


def _pair_sums(y: xr.DataArray, codes: list[xr.DataArray], sizes: tuple[int, ...], *, diagonal: bool) -> xr.DataArray:
    """Count pairs and half their squared differences, within each stratum and, last of each factor, at all."""
    total: Any = 0.0
    for step in _offsets(y.ndim, diagonal=diagonal):
        ends = [{dim: _overlap(sign * one) for dim, one in zip(y.dims, step, strict=True)} for sign in (-1, 1)]
        arrays = [da.variable.isel(end).data for da in (y, *codes) for end in ends]
        total = total + _sums_of_pairs(arrays, sizes, y.ndim)
    return xr.DataArray(total, dims=("sum", "pair_cell"))


def _overlap(step: int) -> slice:
    """Pixels of a dim that have another ``step`` before them (after them, if negative)."""
    return slice(step, None) if step > 0 else slice(None, step or None)


def _sums_of_pairs(arrays: list[Any], sizes: tuple[int, ...], ndim: int) -> Any:
    task = partial(_block_sums, sizes=sizes)
    if not any(hasattr(array, "dask") for array in arrays):
        return task(*arrays).reshape(2, -1)
    import dask.array as dsk  # noqa: PLC0415  (only lazy input needs it)

    axes = tuple(range(ndim))
    blocks = dsk.blockwise(
        task,
        (*axes, ndim, ndim + 1),
        *(part for array in arrays for part in (array, axes)),
        new_axes={ndim: 2, ndim + 1: sum(sizes) + len(sizes)},
        adjust_chunks=dict.fromkeys(axes, 1),
        dtype=np.float64,
        meta=np.empty((0,) * (ndim + 2)),
    )
    return blocks.sum(axis=axes)


def _block_sums(first: np.ndarray, second: np.ndarray, *codes: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # infinite values, which are dropped
        half = 0.5 * (np.asarray(second, dtype=np.float64) - first) ** 2
    parts = []
    for one, other, size in zip(codes[::2], codes[1::2], sizes, strict=True):
        known = np.isfinite(half) & (one >= 0) & (other >= 0)
        same = known & (one == other)
        within = [np.bincount(one[same], weights, minlength=size) for weights in (None, half[same])]
        at_all = [known.sum(), half[known].sum()]
        parts.append(np.stack([np.append(part, end) for part, end in zip(within, at_all, strict=True)]))
    return np.concatenate(parts, axis=1)[(None,) * first.ndim]


def _association(count: np.ndarray, sums: np.ndarray, *, sizes: tuple[int, ...]) -> np.ndarray:
    out = np.full((len(sizes), 2), np.nan)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for f, size in enumerate(sizes):
        samples = count[starts[f] : starts[f + 1]]
        pairs, half = sums[:, starts[f] + f : starts[f + 1] + f + 1]
        has = pairs[:size] > 0
        n = samples[has].sum()
        out[f, 1] = n
        if n and half[size] > 0:
            within = (samples[has] * half[:size][has] / pairs[:size][has]).sum()
            out[f, 0] = 1.0 - within / (n * half[size] / pairs[size])
    return out
