"""Linear and composite index of many pixels, and degree days of coarse pixels under fine ones (Numba, on first use).

Arrays are (pixels, dates): a pixel's dates lie side by side in memory, as the innermost loops want them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels._jit import fused
from qtp_toolkit.pecm.kernels.slabs import slabs


class Rule(NamedTuple):
    """How the composite index is formed: a further option is a field here and a keyword of both public functions."""

    clip: int
    """0 sets to zero what is below, 1 what is above (the letter of the text), 2 nothing."""


def linear(
    thaw: np.ndarray, freeze: np.ndarray, *, day: np.ndarray, cycle: np.ndarray, before: np.ndarray, year_days: float
) -> np.ndarray:
    """Linear index (..., T) of pixels with the given onsets (...).

    Parameters
    ----------
    thaw, freeze : ndarray (...)
        Day of year.
    day, cycle, before : ndarray (T,)
        Day of year of each date, years after the first, and length of the year before.
    year_days : float
        What the days of a thaw season are divided by (the letter of Eq. 3); 0 for the length of the season itself.
    """
    thaw, freeze = np.broadcast_arrays(thaw, freeze)
    out = np.empty((thaw.size, len(day)))
    flat = [np.ascontiguousarray(a, dtype=np.float64).ravel() for a in (thaw, freeze, day, cycle, before)]
    _linear(*flat, float(year_days), out)
    return out.reshape(*thaw.shape, len(day))


@fused
def _linear(thaw, freeze, day, cycle, before, year_days, out):  # noqa: PLR0917
    for p in range(len(thaw)):
        length = freeze[p] - thaw[p]
        # NaN is refused here, too.
        if not 0.0 < length <= 365.0:
            out[p] = np.nan
            continue
        unit = year_days if year_days > 0.0 else length
        for t in range(len(day)):
            # Days since the thaw onset of this year, and since the one of the year before.
            this, last = day[t] - thaw[p], day[t] + before[t] - thaw[p]
            # By the letter of Eq. 3 the quotient ends below 1: the index jumps at the freeze onset (T2).
            done = 1.0 if this > length else max(this, 0.0) / unit
            # The ground may freeze after 31 December: until then the year before is not complete.
            open_ = 1.0 - last / unit if last < length and cycle[t] > 0.0 else 0.0
            out[p, t] = max(cycle[t] + done - open_, 0.0)


def composite(
    at: np.ndarray,
    af: np.ndarray,
    ratio: np.ndarray,
    closed: np.ndarray | None = None,
    number: np.ndarray | None = None,
    *,
    rule: Rule,
) -> np.ndarray:
    """Composite index (..., T), in the type of the degree days.

    Parameters
    ----------
    at, af : ndarray (..., T)
        Degree days of thaw and of freeze. Without ``closed`` every value is worked on by itself, so that the dates
        may lie along any axis.
    ratio : ndarray (...)
        Conductivity ratio; NaN where not positive.
    closed : ndarray (..., C), optional
        Ratio of each cycle.
    number : ndarray (..., T), optional
        Cycle of each date, from 1; the given ratio holds for any number outside 1..C.
    rule : Rule
    """
    if closed is None:
        return composite(at[..., None], af[..., None], ratio, np.empty(0), np.zeros(1), rule=rule)[..., 0]
    arrays = at, af, number, closed, np.asarray(ratio)[..., None]
    lead, dates = np.broadcast_shapes(*(a.shape[:-1] for a in arrays)), at.shape[-1]
    out = np.empty((*(lead or (1,)), dates), dtype=np.result_type(at, af))
    full = [np.broadcast_to(a, (*out.shape[:-1], a.shape[-1])) for a in arrays]
    for part in slabs(out.shape[:-1], dates):
        pixels = math.prod(out[part].shape[:-1])
        rows = (np.array(a[part], dtype=np.float64, order="C").reshape(pixels, a.shape[-1]) for a in full)
        index = np.empty((pixels, dates))
        _composite(*rows, rule, index)
        out[part] = index.reshape(out[part].shape)
    return out.reshape(*lead, dates)


@fused
def _composite(at, af, number, closed, ratio, rule, out):  # noqa: PLR0917
    """Fill ``out`` (P, T) from (P, T), (P, T), (P, T), (P, C), (P, 1)."""
    cycles = closed.shape[1]
    roots = np.empty(cycles + 1)
    for p in range(len(out)):
        for n in range(cycles + 1):
            own = closed[p, n - 1] if n > 0 else ratio[p, 0]
            # Once a pixel, not once a date.
            roots[n] = math.sqrt(own) if own > 0.0 else np.nan
        for t in range(out.shape[1]):
            n = number[p, t]
            root = roots[int(n)] if 1.0 <= n <= cycles else roots[0]
            thawed, frozen = at[p, t], af[p, t]
            # Sums that rounding has put just below zero are zero; NaN stays NaN.
            thawed = 0.0 if thawed < 0.0 else thawed
            frozen = 0.0 if frozen < 0.0 else frozen
            value = math.sqrt(thawed) - root * math.sqrt(frozen)
            if (rule.clip == 0 and value < 0.0) or (rule.clip == 1 and value > 0.0):
                value = 0.0
            out[p, t] = value


def composite_under(  # noqa: PLR0917  (apply_ufunc passes arrays by position)
    at: np.ndarray,
    af: np.ndarray,
    number: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    ratio: np.ndarray,
    closed: np.ndarray,
    *,
    rule: Rule,
) -> np.ndarray:
    """Composite index (..., T) of fine pixels from the degree days of coarse ones, a few rows at a time.

    Parameters
    ----------
    at, af, number : ndarray (..., sy, sx, T)
        Degree days and cycles of the coarse grid; leading axes of length 1 are dropped.
    row, column : ndarray (...)
        Position of each fine pixel on the coarse grid, 0 at the first center; NaN outside.
    ratio, closed : ndarray (...), (..., C)
        Of the fine pixels.
    rule : Rule
    """
    coarse = [a.reshape(a.shape[-3:]) for a in (at, af, number)]
    row, column, ratio = np.broadcast_arrays(row, column, ratio)
    closed = np.broadcast_to(closed, (*row.shape, closed.shape[-1]))
    dates = coarse[0].shape[-1]
    out = np.empty((*row.shape, dates), dtype=np.result_type(at, af))
    on = np.isfinite(row) & np.isfinite(column)
    if not on.any():
        out[:] = np.nan
        return out
    # Only the coarse pixels under this block are copied, not the whole scene.
    cut = tuple(slice(int(np.floor(a[on].min())), int(np.ceil(a[on].max())) + 1) for a in (row, column))
    coarse = [np.array(a[cut], dtype=np.float64, order="C") for a in coarse]
    row, column = (np.where(on, a - part.start, np.nan) for a, part in zip((row, column), cut, strict=True))
    for part in slabs(row.shape, dates):
        where = np.array([row[part].ravel(), column[part].ravel()])
        thawed, frozen, cycle, index = np.empty((4, where.shape[1], dates))
        _bilinear(coarse[0], where, thawed)
        _bilinear(coarse[1], where, frozen)
        _nearest(coarse[2], where, cycle)
        ratios = (np.array(a[part], dtype=np.float64, order="C").reshape(where.shape[1], -1) for a in (closed, ratio))
        _composite(thawed, frozen, cycle, *ratios, rule, index)
        out[part] = index.reshape(out[part].shape)
    return out


@fused
def _bilinear(values, where, out):
    """Dates of (sy, sx, T) at positions (2, P); missing neighbors carry no weight, a missing middle gives NaN."""
    rows, columns, dates = values.shape
    for p in range(where.shape[1]):
        if not (np.isfinite(where[0, p]) and np.isfinite(where[1, p])):
            out[p] = np.nan
            continue
        i, j = int(where[0, p]), int(where[1, p])
        below, right = min(i + 1, rows - 1), min(j + 1, columns - 1)
        down, across = where[0, p] - i, where[1, p] - j
        a, b, c, d = (1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across
        gaps = False
        for t in range(dates):
            value = (
                a * values[i, j, t] + b * values[i, right, t] + c * values[below, j, t] + d * values[below, right, t]
            )
            out[p, t] = value
            # The quick sum shows what is missing; few pixels need the slow one below.
            gaps |= not np.isfinite(value)
        if gaps:
            middle = (below if down >= 0.5 else i, right if across >= 0.5 else j)
            for t in range(dates):
                total, weight = 0.0, 0.0
                for share, r, s in ((a, i, j), (b, i, right), (c, below, j), (d, below, right)):
                    if np.isfinite(values[r, s, t]):
                        total += share * values[r, s, t]
                        weight += share
                # As in grid.match: neighbors do not stand in for the nearest pixel itself.
                known = np.isfinite(values[middle[0], middle[1], t])
                out[p, t] = total / weight if known and weight > 0.0 else np.nan


@fused
def _nearest(values, where, out):
    for p in range(where.shape[1]):
        if np.isfinite(where[0, p]) and np.isfinite(where[1, p]):
            out[p] = values[int(where[0, p] + 0.5), int(where[1, p] + 0.5)]
        else:
            # No cycle: the ratio that was given holds.
            out[p] = 0.0
