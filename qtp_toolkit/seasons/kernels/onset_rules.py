"""Onset rules, one series and one year at a time (numba; import only where it is used)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import reasons
from qtp_toolkit.kernels._jit import fused

REACH = 274
"""Days that are searched on either side of the warmest day: three quarters of a year."""


class Onsets(NamedTuple):
    """What is written, for m series."""

    thaw: np.ndarray
    freeze: np.ndarray
    crossings: np.ndarray
    """Number of upward crossings, uint8."""
    reason: np.ndarray
    """OK, NEVER_THAWS, NEVER_FREEZES, TOO_FEW or NO_TEMPERATURE of ``kernels.reasons``; uint8."""


@fused
def harmonic_crossings(coefficients, table, first, rule, out):
    """Crossings of harmonic curves on either side of their warm season.

    Parameters
    ----------
    coefficients : ndarray (p, m)
        Of 1, cos(wt), sin(wt), cos(2wt), ...; NaN where there was no fit (left alone).
    table : ndarray (3 n + 1, p)
        The same functions on the days ``first - n`` to ``first + 2 n``, n the period rounded up.
    first : float
        First day of the year that is searched.
    rule : Rule
    out : Onsets
        (m,) each: days of the two crossings, number of upward crossings in a period, and reason.
    """
    p, m = coefficients.shape
    n = (table.shape[0] - 1) // 3
    c = np.empty(p)
    for i in range(m):
        if np.isnan(coefficients[0, i]):
            continue
        for k in range(p):
            c[k] = coefficients[k, i]
        # Crossings of the threshold become crossings of zero.
        c[0] -= rule.threshold
        rises, falls, up, down = _count_crossings(c, table, n, first, rule.period)
        out.crossings[i] = min(rises, 255)
        if rises == 0 or falls == 0:
            # A curve that never crosses zero has the sign of its mean.
            out.reason[i] = reasons.NEVER_FREEZES if c[0] >= 0.0 else reasons.NEVER_THAWS
            continue
        # Warm spells before or after: the season is the one around the warmest day.
        if rises > 1 or falls > 1:
            up, down = _cross_around_peak(c, table, n, first)
        else:
            # The curve is periodic: the first freeze of the window ends the season that began before it.
            if down < up:
                down += rule.period
            # A season whose middle lies beyond the window is that of the year before, one period on.
            if up + down >= 2.0 * (first + rule.period):
                up -= rule.period
                down -= rule.period
        out.reason[i] = _check_length(down - up, rule.period, rule.run)
        if out.reason[i] == reasons.OK:
            out.thaw[i], out.freeze[i] = up, down


@fused
def _check_length(season, period, run):
    if season < run:
        return reasons.NEVER_THAWS
    return reasons.NEVER_FREEZES if period - season < run else reasons.OK


@fused
def _evaluate(c, table, row):
    total = c[0]
    for k in range(1, c.size):
        total += c[k] * table[row, k]
    return total


@fused
def _count_crossings(c, table, n, first, period):
    """Count the crossings of one period and keep the last of either kind.

    From a value, its slope and the largest possible curvature follows for how many days the curve cannot reach zero;
    these are skipped: the result is that of a look at every day.
    """
    frequency, bend = 2.0 * np.pi / period, 0.0
    for k in range(1, (c.size + 1) // 2):
        # No curve of these waves bends more than with all of them bent at once.
        bend += (k * frequency) ** 2 * np.sqrt(c[2 * k - 1] ** 2 + c[2 * k] ** 2)
    inverse = 1.0 / bend if bend > 0.0 else 0.0
    rises, falls, up, down = 0, 0, np.nan, np.nan
    j = 0
    here, slope = _evaluate_with_slope(c, table, n, frequency)
    while j < n:
        skip = n - j
        if bend > 0.0:
            away = slope if here >= 0.0 else -slope
            # Root of |here| + away x - bend x^2 / 2: the curve cannot come down to zero earlier.
            skip = min(skip, max(1, int(inverse * (away + np.sqrt(away * away + 2.0 * bend * abs(here))))))
        there, slope = _evaluate_with_slope(c, table, n + j + skip, frequency)
        if (here >= 0.0) != (there >= 0.0):
            where = first + j + skip * here / (here - there)
            # The period is no whole number of days: what crosses beyond it has been seen at its beginning.
            if where < first + period and there >= 0.0:
                rises, up = rises + 1, where
            elif where < first + period:
                falls, down = falls + 1, where
        j, here = j + skip, there
    return rises, falls, up, down


@fused
def _evaluate_with_slope(c, table, row, frequency):
    value, slope = c[0], 0.0
    for k in range(1, (c.size + 1) // 2):
        cosine, sine = table[row, 2 * k - 1], table[row, 2 * k]
        value += c[2 * k - 1] * cosine + c[2 * k] * sine
        slope += k * (c[2 * k] * cosine - c[2 * k - 1] * sine)
    return value, slope * frequency


@fused
def _cross_around_peak(c, table, n, first):
    """Last upward crossing before the largest value of the year, first downward crossing after it."""
    peak, most = n, -np.inf
    for j in range(n, 2 * n):
        value = _evaluate(c, table, j)
        if value > most:
            peak, most = j, value
    up, down = np.nan, np.nan
    here = most
    # Not further than a period, where the same peak comes again.
    for j in range(peak - 1, peak - n, -1):
        there = _evaluate(c, table, j)
        if there < 0.0:
            up = first - n + j + there / (there - here)
            break
        here = there
    here = most
    for j in range(peak + 1, peak + n):
        there = _evaluate(c, table, j)
        if there < 0.0:
            down = first - n + j - 1 + here / (here - there)
            break
        here = there
    return up, down


@fused
def search_years(block, windows, cumulative, rule, out):
    """Onsets by consecutive days or by the running sum.

    Parameters
    ----------
    block : ndarray (m, n)
        Daily values, NaN where missing.
    windows : (ndarray (m, k), ndarray (m, k)), int
        First day of every year of every series, and the day after its last.
    cumulative : bool
        Running sum instead of consecutive days.
    rule : Rule
        ``run`` is the number of consecutive days; with ``cumulative`` the shortest season.
    out : Onsets
        (m, k) each; days counted from the first of the series.
    """
    m, n = block.shape
    starts, stops = windows
    series = np.empty(2 * REACH + 367)
    for i in range(m):
        for k in range(starts.shape[1]):
            start, stop = starts[i, k], stops[i, k]
            length = stop - start
            valid = length - np.isnan(block[i, start:stop]).sum()
            # Gaps, or a window that the series covers in part only.
            if valid < rule.min_days or length < rule.min_days:
                out.reason[i, k] = reasons.TOO_FEW if valid else reasons.NO_TEMPERATURE
                continue
            for j in range(length + 2 * REACH):
                t = start - REACH + j
                # Past the ends of the series the year itself is repeated.
                if t < 0:
                    t += length
                elif t >= n:
                    t -= length
                value = block[i, min(max(t, 0), n - 1)] - rule.threshold
                # A missing day is on neither side: nothing to a sum, an end to a run.
                series[j] = 0.0 if np.isnan(value) else value
            up, down, rises, why = _search_year(series, length, cumulative, rule.run)
            out.crossings[i, k], out.reason[i, k] = min(rises, 255), why
            if why == reasons.OK:
                out.thaw[i, k], out.freeze[i, k] = start - REACH + up, start - REACH + down


@fused
def is_southern(block, annual):
    """Whether series are warmest nearer to 1 January than to 1 July: sign of their covariance with ``annual`` (n,)."""
    m, n = block.shape
    out = np.zeros(m, dtype=np.bool_)
    for i in range(m):
        number, x, c, xc = 0, 0.0, 0.0, 0.0
        for t in range(n):
            value = block[i, t]
            if not np.isnan(value):
                number, x, c, xc = number + 1, x + value, c + annual[t], xc + value * annual[t]
        out[i] = number > 0 and xc > x * c / number
    return out


@fused
def _search_year(series, length, cumulative, run):
    peak = REACH + np.argmax(series[REACH : REACH + length])
    # The season lies between the coldest days on either side of the warmest one, not between the ends of the year.
    coldest = peak - REACH + np.argmin(series[peak - REACH : peak + 1])
    next_coldest = peak + np.argmin(series[peak : peak + REACH])
    rises = _count_rises(series, length, 1 if cumulative else run)
    if series[peak] <= 0.0:
        return 0, 0, rises, reasons.NEVER_THAWS
    if series[coldest] >= 0.0 or series[next_coldest] >= 0.0:
        return 0, 0, rises, reasons.NEVER_FREEZES
    if cumulative:
        up, down = _find_turn(series, coldest, peak, -1.0), _find_turn(series, peak, next_coldest, 1.0)
        return up, down, rises, _check_length(down - up, length, run)
    up = _find_run(series, coldest, peak + 1, run, 1.0)
    down = _find_run(series, peak + 1, peak + REACH - run, run, -1.0)
    why = reasons.NEVER_THAWS if up < 0 else (reasons.NEVER_FREEZES if down < 0 else reasons.OK)
    return up, down, rises, why


@fused
def _find_turn(series, begin, end, sign):
    """Day after the extremum of the running sum from ``begin`` to ``end``."""
    total, most, where = 0.0, -np.inf, begin
    for j in range(begin, end + 1):
        total += sign * series[j]
        if total > most:
            most, where = total, j
    return where + 1


@fused
def _find_run(series, begin, end, run, sign):
    """First of ``run`` days in a row on the given side of zero that starts in begin..end-1; -1 for none."""
    count = 0
    for j in range(begin, end + run - 1):
        count = count + 1 if sign * series[j] > 0.0 else 0
        if count == run:
            return j - run + 1
    return -1


@fused
def _count_rises(series, length, run):
    """Count the warm spells of at least ``run`` days that begin within the year."""
    rises, count, since = 0, 0, REACH
    for j in range(REACH, REACH + length):
        if series[j] > 0.0:
            since, count = (j if count == 0 else since), count + 1
            # A spell that began before the window is one of the year before.
            rises += count == run and since > REACH
        else:
            count = 0
    return rises
