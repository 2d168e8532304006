"""Harmonic fits of one year of many series (numba; import only where it is used)."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels._jit import exact, fused

LANES = 128
"""Series side by side: their sums stay in the innermost cache."""


@fused
def project(series, first, begin, projector, out):
    """Least-squares fit of series without missing days: a product with one small matrix, in double precision.

    Parameters
    ----------
    series : ndarray (n, any), float32 or float64
        C order. NaN where missing makes the fit NaN.
    first, begin : int
        First day and first series.
    projector : ndarray (p, days)
    out : ndarray (p, m)
        Written: coefficients of the series ``begin`` to ``begin + m - 1``.
    """
    p, days = projector.shape
    rows, total = np.empty((4, LANES)), np.empty((p, LANES))
    for left in range(0, out.shape[1], LANES):
        width = min(LANES, out.shape[1] - left)
        total[:] = 0.0
        # Four days at a time: a sum is read and written once for four products.
        for t in range(0, days, 4):
            for r in range(4):
                # Beyond the last day the last row is repeated with weight 0.
                source = series[first + min(t + r, days - 1), begin + left : begin + left + width]
                row = rows[r]
                for i in range(width):
                    # Into double precision once, not in each of the products.
                    row[i] = source[i]
            for k in range(p):
                a = projector[k, t]
                b = projector[k, t + 1] if t + 1 < days else 0.0
                c = projector[k, t + 2] if t + 2 < days else 0.0
                d = projector[k, t + 3] if t + 3 < days else 0.0
                one, two, three, four, to = rows[0], rows[1], rows[2], rows[3], total[k]
                for i in range(width):
                    to[i] += a * one[i] + b * two[i] + c * three[i] + d * four[i]
        for k in range(p):
            for i in range(width):
                out[k, left + i] = total[k, i]


@exact
def _add_day(normal, design, t, sign):
    for a in range(design.shape[1]):
        for b in range(a + 1):
            normal[a, b] += sign * design[t, a] * design[t, b]


@exact
def masked_fit(series, design, whole, need, out):
    """Least-squares fit of each series to the days that it has.

    Parameters
    ----------
    series : ndarray (m, n)
        NaN where missing.
    design : ndarray (n, p)
    whole : ndarray (p, p)
        Normal matrix of all days.
    need : int
        Valid days that a fit takes.
    out : (ndarray (p, m), ndarray (m,) of int)
        Written: coefficients, NaN where there are too few days; and the number of valid days.
    """
    m, n = series.shape
    p = design.shape[1]
    coefficients, valid = out
    normal, right = np.empty((p, p)), np.empty(p)
    for i in range(m):
        valid[i] = 0
        for t in range(n):
            valid[i] += not np.isnan(series[i, t])
        # The normal matrix is that of all days less the missing ones, or the sum of the valid ones if these are fewer.
        few_missing = 2 * valid[i] > n
        for a in range(p):
            right[a] = 0.0
            for b in range(p):
                normal[a, b] = whole[a, b] if few_missing else 0.0
        for t in range(n):
            x = series[i, t]
            missing = np.isnan(x)
            if not missing:
                for a in range(p):
                    right[a] += design[t, a] * x
            if missing == few_missing:
                _add_day(normal, design, t, -1.0 if missing else 1.0)
        solved = valid[i] >= need and _cholesky(normal, right)
        for a in range(p):
            coefficients[a, i] = right[a] if solved else np.nan


@exact
def _cholesky(normal, right):
    """Solve in place with the lower triangle of a positive definite matrix; False where it is not."""
    p = right.size
    for a in range(p):
        for b in range(a + 1):
            total = normal[a, b]
            for k in range(b):
                total -= normal[a, k] * normal[b, k]
            if a > b:
                normal[a, b] = total / normal[b, b]
            # The days that are left cannot tell the waves apart: no fit rather than a wild one.
            elif total <= 1e-12 * normal[a, a]:
                return False
            else:
                normal[a, a] = np.sqrt(total)
    for a in range(p):
        for k in range(a):
            right[a] -= normal[a, k] * right[k]
        right[a] /= normal[a, a]
    for a in range(p - 1, -1, -1):
        for k in range(a + 1, p):
            right[a] -= normal[k, a] * right[k]
        right[a] /= normal[a, a]
    return True
