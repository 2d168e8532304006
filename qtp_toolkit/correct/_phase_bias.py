"""Phase bias of short interferograms: estimated from what does not close, to be subtracted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._pairs import index_pairs
from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    PAIR,
    REFERENCE,
    SECONDARY,
    QtpDataError,
    X,
    Y,
    describe,
    is_lazy,
    require,
)
from qtp_toolkit.correct.kernels import closures as kernels
from qtp_toolkit.kernels import pairs as graph
from qtp_toolkit.kernels.harmonic import design_matrix

BIAS_SHARES = {12.0: 1.0, 24.0: 0.494, 36.0: 0.297}
"""Share of the sum of the biases of its steps that a pair of so many days carries (Maghsoudi et al. 2022)."""
BIAS_STEP = 12.0
"""Days of a step."""
UNBIASED = 300.0
"""Days from which on pairs are taken to have no bias."""
INTERVAL = "interval"


def bias_shares(days: Any, *, shares: Mapping[float, float] = BIAS_SHARES, unbiased: float = UNBIASED) -> np.ndarray:
    """Share of the sum of the biases of its steps that a pair carries: the longer the pair, the less.

    Parameters
    ----------
    days : array of float
        Temporal baselines.
    shares : mapping of float to float
        Days to share; between two of them along a line.
    unbiased : float
        Days; 0 from there on.

    Returns
    -------
    numpy.ndarray
        NaN for lengths that are shorter than the shortest of ``shares``, or lie between the longest and ``unbiased``:
        nothing is published of them.

    References
    ----------
    Maghsoudi et al. 2022, doi:10.1016/j.rse.2022.113022.

    Examples
    --------
    >>> bias_shares([6, 12, 24, 36, 48, 360])
    array([  nan, 1.   , 0.494, 0.297,   nan, 0.   ])
    """
    length = np.asarray(days, dtype=np.float64)
    known = np.array(sorted(shares))
    out = np.interp(length, known, [shares[day] for day in known], left=np.nan, right=np.nan)
    return np.where(length >= unbiased, 0.0, out)


def fit_phase_bias(
    phase: xr.DataArray,
    *,
    shares: Mapping[float, float] = BIAS_SHARES,
    unbiased: float = UNBIASED,
    cell: int = 8,
    harmonics: int = 2,
    stiffness: float = 1.0,
) -> xr.Dataset:
    r"""Estimate the phase bias of each interval between two dates, and of each pair, from triangles that do not close.

    Multilooked phase over ground whose moisture or plants change carries a bias that does not close and adds up along
    short pairs (fading signal). A pair of n steps carries a share of the sum of the biases :math:`b` of its steps,

    .. math:: \beta_{ab} = a_n \sum_{i=a}^{b} b_i, \qquad \phi_{ab} + \phi_{bc} - \phi_{ac}
        = \beta_{ab} + \beta_{bc} - \beta_{ac},

    so that closures tell b. It is a season (a mean and waves of the year) and what each interval has beside that, which
    costs ``stiffness`` times its square; smooth in space, since closures are averaged over cells first.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dims ``pair, y, x`` with coords ``reference`` and ``secondary``; referred to an area without plants or
        moisture (:func:`set_reference`), whose bias is taken for 0. NaN where missing.
    shares : mapping of float to float
        As for :func:`bias_shares`.
    unbiased : float
        Days from which on pairs have no bias.
    cell : int
        Side of the cells, pixels. Noise of a triangle falls with it, and the detail of the bias.
    harmonics : int
        Waves of the season.
    stiffness : float
        Squared ratio of the noise of a cell's closure to what an interval has beside its season. Larger: the years are
        alike. Intervals without a triangle have their season's bias whatever it is.

    Returns
    -------
    xarray.Dataset
        ``base_bias`` (interval, y, x), rad in 12 days, with coords ``start`` and ``end`` (interval), and
        ``bias_phase`` (pair, y, x), rad, float32, what :func:`remove_delay` takes out: on the grid of the cells, with
        one more on each side, or of the phase if ``cell`` is 1. Cells without a closure have the bias of the nearest.
        Pairs of unknown share have 0. ``attrs``: ``triplets``, ``intervals_without_triplet``, ``pairs_unknown``. Lazy
        if the input is lazy; closures and biases are found block by block, the cells then put together. Compute it
        once, before blocks of the phase are corrected with it: each of them needs all cells. Of a large area compute
        it strip by strip (``phase.isel(y=...)``): what all blocks are corrected with may be in memory at once.

    Raises
    ------
    QtpDataError
        If no triangle tells of a bias: only pairs of one length, or of lengths whose shares nobody gave.

    Notes
    -----
    The paper does not correct it and need not for the rate: its annual pairs hold it (``docs/theory.md``). A bias that
    follows the season remains in the amplitude. What the closures cannot tell, an error of the shares that is alike in
    all triangles, remains as well. Closures beyond half a cycle lose whole cycles: they are errors of unwrapping. The
    noise of the area that the phase is referred to is in all closures alike, and averages out over no cell: choose a
    large one.

    References
    ----------
    Maghsoudi et al. 2022, doi:10.1016/j.rse.2022.113022.

    Examples
    --------
    Equal biases of 0.1 rad leave ``2 b (1 - 0.494)`` open:

    >>> days = pd.date_range("2020-01-01", periods=3, freq="12D")
    >>> pairs = {"reference": ("pair", days[[0, 1, 0]]), "secondary": ("pair", days[[1, 2, 2]])}
    >>> phase = xr.DataArray(np.reshape([0.1, 0.1, 0.0988], (3, 1, 1)), pairs, ("pair", "y", "x"))
    >>> out = fit_phase_bias(phase.assign_attrs(units="rad"), cell=1, harmonics=0)
    >>> out["base_bias"].values.ravel().round(3), out["bias_phase"].values.ravel().round(3)
    (array([0.1, 0.1]), array([0.1  , 0.1  , 0.099], dtype=float32))
    """
    require(phase, dims=(PAIR, Y, X), quantity="phase")
    dates, first, second = index_pairs(phase)
    days = (dates - dates[0]) / np.timedelta64(1, "D")
    share = bias_shares(days[second] - days[first], shares=shares, unbiased=unbiased)
    of_pairs = kernels.design_of(first, second, np.nan_to_num(share), np.diff(days) / BIAS_STEP)
    rows, design = _telling(first, second, share, of_pairs)
    middle = (days[1:] + days[:-1]) / 2 + pd.Timestamp(dates[0]).day_of_year
    season = design_matrix(middle, period=DAYS_PER_YEAR, harmonics=harmonics)
    closures = _close_cells(phase.transpose(PAIR, Y, X), rows, cell)
    base = xr.apply_ufunc(
        partial(_solve, design=design, season=season, stiffness=stiffness),
        closures,
        input_core_dims=[["triplet"]],
        output_core_dims=[[INTERVAL]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {INTERVAL: len(design[0])}},
    )
    margin = int(cell > 1)
    base = xr.apply_ufunc(
        partial(_complete, margin=margin),
        base.chunk({INTERVAL: -1, Y: -1, X: -1}) if is_lazy(base) else base,
        input_core_dims=[[INTERVAL, Y, X]],
        output_core_dims=[[INTERVAL, "_y", "_x"]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {f"_{dim}": base.sizes[dim] + 2 * margin for dim in (Y, X)}},
    )
    coords = _coords(phase, cell) | {"start": (INTERVAL, dates[:-1]), "end": (INTERVAL, dates[1:])}
    base = base.rename({"_y": Y, "_x": X}).assign_coords(coords)
    carried = xr.DataArray(of_pairs, dims=(PAIR, INTERVAL))
    added = xr.dot(carried, base.drop_vars(["start", "end"]), dim=INTERVAL).transpose(PAIR, Y, X)
    added = added.assign_coords({REFERENCE: (PAIR, dates[first]), SECONDARY: (PAIR, dates[second])})
    layers = {
        "base_bias": describe(base, "base_bias", like=phase),
        "bias_phase": describe(added.astype(np.float32), "bias_phase", like=phase),
    }
    notes = {
        "triplets": len(rows),
        "intervals_without_triplet": int((design == 0).all(axis=0).sum()),
        "pairs_unknown": int(np.isnan(share).sum()),
    }
    return xr.Dataset(layers, attrs=notes)


def _telling(
    first: np.ndarray, second: np.ndarray, share: np.ndarray, of_pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles whose closure tells of biases, and the biases of their three pairs, summed with their signs."""
    rows = graph.find_triplets(first, second)
    rows = rows[np.isfinite(share[rows]).all(axis=1)] if len(rows) else rows
    design = of_pairs[rows[:, 0]] + of_pairs[rows[:, 1]] - of_pairs[rows[:, 2]]
    tells = (abs(design) > 1e-9).any(axis=1)
    if not tells.any():
        raise QtpDataError(
            "no triangle of pairs tells of a phase bias",
            expected="triangles of pairs whose shares of the bias are known, such as 12, 12 and 24 days",
            found=f"{len(first)} pairs, {len(graph.find_triplets(first, second))} triangles, "
            f"{np.isfinite(share).sum()} pairs of known share",
            hint="Add pairs that span two others, or give the shares of the lengths that there are.",
        )
    return rows[tells], design[tells]


def _close_cells(phase: xr.DataArray, rows: np.ndarray, cell: int) -> xr.DataArray:
    """Closures of cells, dims triplet, y, x; in blocks of the phase's, cut where cells end, if lazy."""
    close = partial(kernels.cell_closures, rows=rows, cell=cell)
    if not is_lazy(phase):
        return xr.DataArray(close(phase.values), dims=("triplet", Y, X))
    # Blocks end where cells end.
    blocks = phase.chunk({PAIR: -1} | {dim: max(sizes[0] // cell, 1) * cell for dim, sizes in _spatial(phase).items()})
    chunks = [tuple(-(-size // cell) for size in sizes) for sizes in _spatial(blocks).values()]
    meta = np.empty((0, 0, 0), np.float32)
    data = blocks.data.map_blocks(close, chunks=((len(rows),), *chunks), dtype=np.float32, meta=meta)
    return xr.DataArray(data, dims=("triplet", Y, X))


def _spatial(phase: xr.DataArray) -> dict[str, tuple[int, ...]]:
    return {dim: phase.variable.chunksizes[dim] for dim in (Y, X)}


def _solve(closures: np.ndarray, **how: Any) -> np.ndarray:
    """Biases (y, x, interval) of the cells of a block, NaN where no closure tells them, from (y, x, triplet)."""
    shape = closures.shape[:-1]
    return kernels.solve(closures.reshape(-1, closures.shape[-1]).T, **how).T.reshape(*shape, -1)


def _complete(maps: np.ndarray, *, margin: int) -> np.ndarray:
    """Fill unknown cells of (interval, y, x) from the nearest, and give them a margin of as many cells."""
    return np.pad(kernels.fill(maps), ((0, 0), (margin, margin), (margin, margin)), mode="edge")


def _coords(phase: xr.DataArray, cell: int) -> dict[str, Any]:
    """Centers of the cells and of the margin, and the coordinate system."""
    known = {name: phase.coords[name] for name in ("spatial_ref",) if name in phase.coords}
    for dim in (Y, X):
        if dim not in phase.coords:
            continue
        axis = phase[dim].values
        if cell > 1:
            step = (axis[-1] - axis[0]) / max(axis.size - 1, 1)
            number = np.arange(-1, -(-axis.size // cell) + 1)
            axis = axis[0] + step * (number * cell + (cell - 1) / 2)
        known[dim] = (dim, axis)
    return known
