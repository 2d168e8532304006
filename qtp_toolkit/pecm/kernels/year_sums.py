"""One pass over the dates for the yearly model, and one over its residuals (Numba, compiled on first use).

In permafrost year n the model has four columns: L, I, 1, and the ramp R at the end of the thaw season. Losses of the
years before are constants by then. So the normal equations of all years follow from the products of four columns, year
by year, and no column of the whole model is ever made.
"""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels._jit import fused
from qtp_toolkit.kernels.block_sums import LANES

TERMS = 14
"""Products of L, I, 1, R, y in the order of :data:`PLACE`, without y times y."""
PLACE = {"LL": 0, "IL": 1, "II": 2, "1L": 3, "1I": 4, "11": 5, "RL": 6, "RI": 7, "R1": 8, "RR": 9}
PLACE |= {"yL": 10, "yI": 11, "y1": 12, "yR": 13}
COUNTS = 5
"""Numbers of dates: all, thawed, before the last part of the thaw season, with half of it over, before its end."""


@fused
def sum_years(y, linear, composite, weights, days, begin, start, end, sums, counts):  # noqa: PLR0917
    """Fill the products (Y + 1, 14, P) and the counts (Y + 1, 5, P); entry 0 is of the dates before the first year.

    Parameters
    ----------
    y, linear, composite, weights : ndarray (N, P)
        Sorted by date. Dates with anything missing, or thawed before the first year, get weight 0 in place.
    days : ndarray (N,)
        Days since any day.
    begin, start, end : ndarray (Y, P)
        Days on which a year begins, and on which its last part of the thaw season begins and ends.
    """
    years, pixels = begin.shape
    added, tally = np.empty((LANES, years + 1, TERMS)), np.empty((LANES, years + 1, COUNTS))
    year, row = np.zeros(LANES, np.intp), np.empty(5)
    for first in range(0, pixels, LANES):
        width = min(LANES, pixels - first)
        added[:] = 0.0
        tally[:] = 0.0
        year[:] = 0
        for t in range(len(days)):
            for i in range(width):
                p = first + i
                n = _find_year(year[i], days[t], begin, p)
                year[i] = n
                thawed = composite[t, p] > 0.0
                weight = weights[t, p]
                good = np.isfinite(y[t, p]) and np.isfinite(linear[t, p]) and np.isfinite(composite[t, p])
                good = good and weight > 0.0 and weight < np.inf and (n > 0 or not thawed)
                if not good:
                    weights[t, p] = 0.0
                    continue
                ramp = _ramp(days[t], start[n - 1, p], end[n - 1, p]) if n > 0 else 0.0
                row[0], row[1], row[2], row[3], row[4] = linear[t, p], composite[t, p], 1.0, ramp, y[t, p]
                _add(row, weight, added[i, n])
                tally[i, n, 0] += 1.0
                tally[i, n, 1] += thawed
                tally[i, n, 2] += ramp == 0.0
                tally[i, n, 3] += ramp >= 0.5
                tally[i, n, 4] += ramp < 1.0
        for i in range(width):
            sums[:, :, first + i] = added[i]
            counts[:, :, first + i] = tally[i]


@fused
def sum_residuals(y, linear, composite, weights, days, begin, start, end, beta, found):  # noqa: PLR0917
    """Fill (2, P) with the weighted squares of the residuals and the products of each with the one before it.

    ``weights`` as :func:`sum_years` leaves them; ``beta`` (2 + 2 Y, P): rate, constant, coefficients, losses.
    """
    years, pixels = begin.shape
    year, offset, before = np.zeros(LANES, np.intp), np.empty(LANES), np.empty(LANES)
    for first in range(0, pixels, LANES):
        width = min(LANES, pixels - first)
        year[:] = 0
        before[:] = 0.0
        for i in range(width):
            offset[i] = beta[1, first + i]
            found[0, first + i] = found[1, first + i] = 0.0
        for t in range(len(days)):
            for i in range(width):
                p = first + i
                n = _find_year(year[i], days[t], begin, p)
                while year[i] < n:
                    year[i] += 1
                    if year[i] > 1:
                        # What was lost in the year that is over.
                        offset[i] += beta[years + year[i], p]
                if weights[t, p] > 0.0:
                    residual = y[t, p] - beta[0, p] * linear[t, p] - offset[i]
                    if n > 0:
                        residual -= beta[1 + n, p] * composite[t, p]
                        residual -= beta[1 + years + n, p] * _ramp(days[t], start[n - 1, p], end[n - 1, p])
                    residual *= np.sqrt(weights[t, p])
                    found[0, p] += residual * residual
                    found[1, p] += residual * before[i]
                    before[i] = residual


@fused
def sum_correlated(linear, composite, weights, days, begin, start, end, rho, mixed):  # noqa: PLR0917
    """Fill ``mixed`` (K, K, P) with products of the columns, on the same date and on unlike ones, rho for every step.

    That is ``A' R A`` of the K = 2 + 2 Y columns A, times the root of the weights, and the correlation
    ``rho ** |i - j|`` between the i-th and the j-th date used: without correlation the normal matrix. ``weights`` as
    :func:`sum_years` leaves them; ``rho`` (P,).
    """
    years, pixels = begin.shape
    size = 2 + 2 * years
    row, trail, sums = np.empty(size), np.empty(size), np.empty((size, size))
    for p in range(pixels):
        n = 0
        row[:] = trail[:] = 0.0
        sums[:] = 0.0
        for t in range(len(days)):
            before, n = n, _find_year(n, days[t], begin, p)
            if n > before:
                row[2 : 2 + n] = 0.0
                row[2 + years : 1 + years + n] = 1.0
            if weights[t, p] > 0.0:
                row[0], row[1] = linear[t, p], 1.0
                if n > 0:
                    row[1 + n], row[1 + years + n] = composite[t, p], _ramp(days[t], start[n - 1, p], end[n - 1, p])
                _add_to_trail(row, np.sqrt(weights[t, p]), rho[p], trail, sums)
        for a in range(size):
            for b in range(size):
                mixed[a, b, p] = sums[a, b] + sums[b, a]


@fused
def _add_to_trail(row, factor, rho, trail, sums):
    for b in range(len(row)):
        trail[b] *= rho
    for a in range(len(row)):
        if row[a] != 0.0:
            own = factor * row[a]
            for b in range(len(row)):
                # Half of what a date has with itself: the other half comes from below the diagonal.
                sums[a, b] += own * (trail[b] + 0.5 * factor * row[b])
    for b in range(len(row)):
        trail[b] += factor * row[b]


@fused
def _add(row, weight, products):
    k = 0
    for a in range(5):
        factor = weight * row[a]
        for b in range(min(a + 1, 4)):
            products[k] += factor * row[b]
            k += 1


@fused
def _find_year(n, day, begin, p):
    while n < len(begin) and day >= begin[n, p]:
        n += 1
    return n


@fused
def _ramp(day, start, end):
    if not day > start:
        return 0.0
    return 1.0 if day >= end else (day - start) / (end - start)
