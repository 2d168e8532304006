"""How sure q is: intervals by drawing blocks of the map anew."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe, provenance
from qtp_toolkit.geodetector._cells import COLUMN, ROW, cell_tables
from qtp_toolkit.geodetector._detectors import check_singletons
from qtp_toolkit.geodetector._moments import FACTOR, prepare, varies
from qtp_toolkit.kernels.strata import merge_tables

BLOCKS = 36
"""Blocks that the map is divided into if nobody says their side."""
FEWEST = 8
"""Fewer blocks with samples tell nothing of the spread."""
STATISTICS = ("q", "q_lower", "q_upper", "q_std", "blocks")


def intervals(
    y: xr.DataArray,
    strata: xr.Dataset | xr.DataArray,
    *,
    block: int | None = None,
    n: int = 999,
    level: float = 0.95,
    seed: int = 0,
    singletons: str = "keep",
) -> xr.Dataset:
    """Intervals of q by block bootstrap: how much q would differ on another piece of the same land.

    Whole blocks of pixels are drawn with replacement, so that the correlation within a block is kept. The map is read
    once; a draw is a sum of the moment tables of its blocks.

    Parameters
    ----------
    y : xarray.DataArray
        Two dims, the explained map.
    strata : xarray.Dataset or xarray.DataArray
        One or several factors on its grid; the same draws serve all.
    block : int, optional
        Side of a block in pixels; by default such that there are about 36. It should be several times the distance over
        which the map resembles itself: compare with the interval at twice the side.
    n : int
        Number of draws.
    level : float
        Nominal coverage, between 0 and 1.
    seed : int
        Seed of the draws.
    singletons : {"keep", "drop"}
        See :func:`factor`; of the strata of each draw.

    Returns
    -------
    xarray.Dataset
        Along ``factor``: ``q`` of the whole map, ``q_lower`` and ``q_upper``, ``q_std`` (standard deviation of the
        draws), ``blocks`` that hold samples. NaN with fewer than 8 blocks or where the map does not vary. Lazy if an
        input is lazy.

    Raises
    ------
    QtpDataError
        Not two dims, a level outside 0 to 1, fewer than two draws, and as :func:`factors` for the strata.

    Notes
    -----
    The interval is q, less its bias (a draw explains a little more than the map, as the map explains a little more than
    the process behind it), plus and minus Student's t (one less than the number of blocks) times the standard deviation
    of the draws, on the scale of the inverse hyperbolic tangent of the root of q, where that is nearly normal. Blocks
    that lie beside each other are not independent: the standard deviation is widened by what neighbors contribute alike
    (Bartlett weights), never narrowed. Coverage on simulated fields: docs/detector.md. The interval says how far q of
    this map may be from that of the process; it does not say that there is a cause: for that see :func:`significance`.

    Examples
    --------
    >>> y = xr.DataArray(np.arange(256.0).reshape(16, 16) % 7, dims=("y", "x"), name="rate")
    >>> out = intervals(y, xr.DataArray(np.arange(256).reshape(16, 16) % 2, dims=("y", "x")), block=4)
    >>> bool(out["q_lower"] <= out["q"] <= out["q_upper"]), int(out["blocks"][0])
    (True, 16)
    """
    keep = check_singletons(singletons)
    if not 0.0 < level < 1.0 or n < 2:
        raise QtpDataError(
            "an interval needs draws and a level", expected="n of 2 or more, level between 0 and 1", found=(n, level)
        )
    side = max(1, math.ceil(math.sqrt(y.size / BLOCKS))) if block is None else block
    codes, sizes, names, _ = prepare(y, strata)
    out = xr.apply_ufunc(
        _of_draws,
        cell_tables(y, codes, sizes, side),
        input_core_dims=[[ROW, COLUMN, "moment", "cell"]],
        output_core_dims=[[FACTOR, "statistic"]],
        kwargs={"sizes": sizes, "n": n, "level": level, "seed": seed, "keep": keep},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={
            "output_sizes": {FACTOR: len(sizes), "statistic": len(STATISTICS)},
            "allow_rechunk": True,
        },
    ).assign_coords({FACTOR: names})
    parts = {name: out.isel(statistic=i) for i, name in enumerate(STATISTICS)}
    parts["blocks"] = parts["blocks"].astype(np.int64)
    described = {name: describe(da, name, like=y) for name, da in parts.items()}
    return xr.Dataset(described, attrs=provenance(y)).assign_attrs(block=side, draws=n, level=level, seed=seed)


def _of_draws(tables: np.ndarray, *, sizes: tuple[int, ...], n: int, level: float, seed: int, keep: bool) -> np.ndarray:
    """``STATISTICS`` of each factor."""
    number = tables.shape[0] * tables.shape[1]
    rng = np.random.default_rng(seed)
    times = rng.multinomial(number, np.full(number, 1.0 / number), size=n).astype(np.float64)
    parts = np.split(tables, np.cumsum(sizes)[:-1], axis=3)
    return np.array([_interval(part, times, level=level, keep=keep) for part in parts])


def _interval(tables: np.ndarray, times: np.ndarray, *, level: float, keep: bool) -> tuple[float, ...]:
    """``STATISTICS`` from tables (row, column, 3, strata) and how often each draw takes each block (draw, block)."""
    flat = tables.reshape(-1, *tables.shape[2:])
    whole = merge_tables(flat)
    blocks = int((flat[:, 0].sum(axis=1) > 0).sum())
    if not varies(whole):
        return np.nan, np.nan, np.nan, np.nan, blocks
    # Sums about the mean of the map: a draw is a sum of these, and nothing cancels.
    count, mean, within = flat[:, 0], flat[:, 1], flat[:, 2]
    shift = (whole[0] * whole[1]).sum() / whole[0].sum()
    sums = np.stack([count, count * (mean - shift), within + count * (mean - shift) ** 2])
    q = float(_q_of_sums(sums.sum(axis=1)[:, None], keep=keep)[0])
    if blocks < FEWEST:
        return q, np.nan, np.nan, np.nan, blocks
    drawn = _q_of_sums(np.einsum("db,mbs->mds", times, sums), keep=keep)
    drawn = drawn[np.isfinite(drawn)]
    from scipy import stats  # noqa: PLC0415  slow to import

    reach = stats.t.ppf(0.5 + 0.5 * level, blocks - 1) * _widening(sums, tables.shape[:2])
    spread, middle = drawn.std(ddof=1), max(2.0 * q - drawn.mean(), 0.0)
    bent = np.arctanh(np.sqrt(_inside(drawn))).std(ddof=1)
    low, high = (np.arctanh(np.sqrt(_inside(np.array(middle)))) + sign * reach * bent for sign in (-1.0, 1.0))
    # Near zero the root makes little of much: there the plain difference decides whether zero is inside.
    low = min(np.tanh(max(low, 0.0)) ** 2, max(middle - reach * spread, 0.0))
    return q, float(low), float(np.tanh(high) ** 2), float(spread), blocks


def _widening(sums: np.ndarray, shape: tuple[int, ...]) -> float:
    """Factor of the standard deviation: what blocks add to q, beside what they and their neighbors add together."""
    count, total, square = sums
    number = np.maximum(count.sum(axis=0), 1.0)
    centers, center = total.sum(axis=0) / number, total.sum() / number.sum()
    within = (square - 2.0 * centers * total + centers**2 * count).sum(axis=1)
    scatter = (square - 2.0 * center * total + center**2 * count).sum(axis=1)
    # Derivative of 1 - within / scatter by how often a block is taken.
    part = within.sum() / scatter.sum() ** 2 * scatter - within / scatter.sum()
    part = (part - part.mean()).reshape(shape)
    own = (part**2).sum()
    if own == 0:
        return 1.0
    padded = np.pad(part, 1)
    around = sum(
        (1.0 - abs(i) / 2.0) * (1.0 - abs(j) / 2.0) * padded[1 + i : 1 + i + shape[0], 1 + j : 1 + j + shape[1]]
        for i, j in product((-1, 0, 1), repeat=2)
    )
    return math.sqrt(max(float((part * around).sum() / own), 1.0))


def _inside(q: np.ndarray) -> np.ndarray:
    """Within what its bend is finite for: 0 to just below 1."""
    return np.clip(q, 0.0, 1.0 - 1e-12)


def _q_of_sums(sums: np.ndarray, *, keep: bool) -> np.ndarray:
    """Q of draws from counts, sums and squares: ``(3, draws, strata)``."""
    count, total, square = np.where(sums[0] > (0.0 if keep else 1.0), sums, 0.0)
    scatter = square.sum(axis=1) - total.sum(axis=1) ** 2 / np.maximum(count.sum(axis=1), 1.0)
    within = (square - total**2 / np.maximum(count, 1.0)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scatter > 0, 1.0 - within / scatter, np.nan)
