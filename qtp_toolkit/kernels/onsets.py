"""Thaw and freeze onsets of one calendar year, for many daily series at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qtp_toolkit.kernels.harmonic import BLOCK, design_matrix, robust_fit


def smooth_onsets(
    values: np.ndarray, days: np.ndarray, *, period: float, harmonics: int, threshold: float, min_days: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Upward crossing before, and downward crossing after, the annual maximum of the harmonic curve of one year.

    The curve is periodic, so the search covers one period on either side of its maximum: an onset may lie before day 1
    or after the last day of the year.

    Parameters
    ----------
    values : ndarray (..., n)
        Daily values of one calendar year, NaN where missing.
    days : ndarray (n,)
        Day of year, 1-based.
    period : float
        Base period in days.
    harmonics : int
    threshold : float
        Freezing point in the unit of ``values``.
    min_days : int
        Valid days that a series must have.

    Returns
    -------
    thaw, freeze : ndarray (...)
        Fractional day of year, NaN where there is none.
    crossings : ndarray (...), uint8
        Number of upward crossings in one period: more than 1 means that the onset is ambiguous.
    reason : ndarray (...), uint8
        0 ok, 1 never thaws, 2 never freezes, 4 too few days, 5 no value.
    """
    lead, n = values.shape[:-1], values.shape[-1]
    size = int(np.prod(lead))
    flat = values.reshape(size, n)
    thaw, freeze = np.full(size, np.nan), np.full(size, np.nan)
    crossings, reason = np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.uint8)
    design = design_matrix(days, period=period, harmonics=harmonics)
    grid = np.arange(np.ceil(period)) + 1.0
    curve_design = design_matrix(grid, period=period, harmonics=harmonics)
    for start in range(0, size, BLOCK):
        part = slice(start, start + BLOCK)
        block = flat[part].astype(float)
        spare = max(min_days - design.shape[1], 0)
        coefficients, keep, _ = robust_fit(block, design, reject=0, spare=spare)
        curve = coefficients @ curve_design.T - threshold
        thaw[part], freeze[part], crossings[part] = _crossings(curve, grid)
        with np.errstate(invalid="ignore"):
            why = np.where((curve <= 0).all(axis=1), 1, np.where((curve >= 0).all(axis=1), 2, 0))
        why = np.where(np.isnan(curve[:, 0]), np.where(keep.any(axis=1), 4, 5), why)
        reason[part] = why
    return thaw.reshape(lead), freeze.reshape(lead), crossings.reshape(lead), reason.reshape(lead)


def _crossings(curve: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crossings of a periodic curve sampled daily, on either side of its maximum."""
    n = curve.shape[1]
    with np.errstate(invalid="ignore"):
        warm = curve >= 0
    top = np.where(np.isnan(curve), -np.inf, curve).argmax(axis=1)
    warm = np.concatenate([warm, warm, warm[:, :1]], axis=1)
    down, up = warm[:, :-1] & ~warm[:, 1:], ~warm[:, :-1] & warm[:, 1:]
    up[np.isnan(curve[:, 0])] = False
    step = np.arange(2 * n)
    after = down & (step >= top[:, None])
    before = (up & (step < top[:, None] + n))[:, ::-1]
    freeze = grid[0] + _crossing(curve, after.argmax(axis=1), after.any(axis=1))
    thaw = grid[0] - n + _crossing(curve, 2 * n - 1 - before.argmax(axis=1), before.any(axis=1))
    return thaw, freeze, up[:, :n].sum(axis=1).astype(np.uint8)


def _crossing(curve: np.ndarray, i: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Fractional index of the zero between steps ``i`` and ``i + 1`` of a periodic curve; NaN where not found."""
    rows, n = np.arange(len(curve)), curve.shape[1]
    first, second = curve[rows, i % n], curve[rows, (i + 1) % n]
    with np.errstate(invalid="ignore", divide="ignore"):
        where = i + first / (first - second)
    return np.where(found, where, np.nan)


def consecutive_onsets(
    values: np.ndarray, days: np.ndarray, *, run: int, threshold: float, min_days: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find the first ``run`` days above the threshold and, after the annual maximum, below it; see above."""
    return _blockwise(values, days, threshold, min_days, lambda t: _runs(t, run))


def cumulative_onsets(
    values: np.ndarray, days: np.ndarray, *, threshold: float, min_days: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find the day after the spring minimum of the running sum and after its following maximum; see above."""
    return _blockwise(values, days, threshold, min_days, _extrema)


def _blockwise(
    values: np.ndarray, days: np.ndarray, threshold: float, min_days: int, find: Callable[[np.ndarray], tuple]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    lead, n = values.shape[:-1], values.shape[-1]
    size = int(np.prod(lead))
    flat = values.reshape(size, n)
    thaw, freeze = np.full(size, np.nan), np.full(size, np.nan)
    crossings, reason = np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.uint8)
    for start in range(0, size, BLOCK):
        part = slice(start, start + BLOCK)
        block = flat[part].astype(float)
        valid = np.isfinite(block)
        up, down, rises = find(np.where(valid, block - threshold, 0.0))
        why = np.where(np.isnan(up), 1, np.where(np.isnan(down), 2, 0))
        why = np.where(np.where(valid, block, np.inf).min(axis=1) >= threshold, 2, why)
        why = np.where(valid.sum(axis=1) < min_days, np.where(valid.any(axis=1), 4, 5), why)
        bad = why > 0
        thaw[part] = np.where(bad, np.nan, days[0] + up)
        freeze[part] = np.where(bad, np.nan, days[0] + down)
        crossings[part], reason[part] = np.clip(rises, 0, 255), why
    return thaw.reshape(lead), freeze.reshape(lead), crossings.reshape(lead), reason.reshape(lead)


def _runs(series: np.ndarray, run: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    def starts(mask: np.ndarray) -> np.ndarray:
        total = np.cumsum(np.pad(mask, ((0, 0), (1, 0))), axis=1)
        return total[:, run:] - total[:, :-run] == run

    warm, cold = starts(series > 0), starts(series < 0)
    peak = series.argmax(axis=1)
    cold &= np.arange(cold.shape[1]) > peak[:, None]
    up = np.where(warm.any(axis=1) & (series.min(axis=1) < 0), warm.argmax(axis=1), np.nan)
    up = np.where(warm[:, 0], np.nan, up)
    down = np.where(cold.any(axis=1), cold.argmax(axis=1), np.nan)
    rises = (warm[:, 1:] & ~warm[:, :-1]).sum(axis=1)
    return up, down, rises


def _extrema(series: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    total = np.cumsum(series, axis=1)
    n = series.shape[1]
    first = total.argmin(axis=1)
    later = np.arange(n) > first[:, None]
    last = np.where(later, total, -np.inf).argmax(axis=1)
    up = np.where((first < n - 1) & (series.min(axis=1) < 0), first + 1.0, np.nan)
    down = np.where((last < n - 1) & (last > 0), last + 1.0, np.nan)
    rises = ((series[:, :-1] < 0) & (series[:, 1:] >= 0)).sum(axis=1)
    return up, down, rises
