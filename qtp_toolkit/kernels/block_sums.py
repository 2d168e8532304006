"""Normal equations of many small least-squares problems, pixels side by side (Numba, compiled on first use).

All arrays are C-contiguous float64 with the pixels last, so that the innermost loops run over neighbors in memory.
Observations belong to cells (a year, or a pair of years); sums are kept cell by cell, because leaving out and
resampling cells then needs no second look at the data.
"""

from __future__ import annotations

import math

import numpy as np

from qtp_toolkit.kernels._jit import fused, reordered

SMALLEST_PIVOT = 1e-12
"""Below it, as a share of the diagonal, a column is a combination of the others."""

LANES = 64
"""Pixels that are worked on together."""


@fused
def clean(y, columns, weights):
    """Give observations with anything missing weight 0 and zeros for values, in place: (N, P), (K, N, P), (N, P)."""
    for t in range(y.shape[0]):
        # Mostly nothing is missing, and one sum without branches says so.
        total = _nothing(y[t]) + _nothing(weights[t])
        for k in range(columns.shape[0]):
            total += _nothing(columns[k, t])
        if total == 0.0 and weights[t].min() > 0.0:
            continue
        for i in range(y.shape[1]):
            good = np.isfinite(y[t, i]) and weights[t, i] > 0 and np.isfinite(weights[t, i])
            for k in range(columns.shape[0]):
                good = good and np.isfinite(columns[k, t, i])
            if not good:
                y[t, i] = weights[t, i] = 0.0
                for k in range(columns.shape[0]):
                    columns[k, t, i] = 0.0


@reordered
def _nothing(values):
    """Zero if all are finite, else NaN."""
    total = 0.0
    for i in range(len(values)):
        total += values[i] * 0.0
    return total


@fused
def load_lanes(source, begin, target):
    """Copy up to ``LANES`` neighbors; what the end of the row lacks is left as it is."""
    if begin + LANES <= len(source):
        # The usual case has a loop of its own, whose length the compiler knows.
        for i in range(LANES):
            target[i] = source[begin + i]
    else:
        for i in range(len(source) - begin):
            target[i] = source[begin + i]


@fused
def accumulate(y, columns, weights, cells, normal, right, moments):  # noqa: PLR0917
    """Add up (C, K, K, P), (C, K, P) and ``moments`` (C, 3, P): squares of y, weights, number of observations."""
    size, number, pixels = columns.shape
    n_cells = len(normal)
    products, vectors, plain = (
        np.empty((n_cells, size, size, LANES)),
        np.empty((n_cells, size, LANES)),
        np.empty((n_cells, 3, LANES)),
    )
    values, value, weight, work = np.zeros((size, LANES)), np.zeros(LANES), np.zeros(LANES), np.empty(LANES)
    for begin in range(0, pixels, LANES):
        width = min(LANES, pixels - begin)
        # The sums of a few pixels stay in the cache over all dates and are written out once.
        products[:] = 0.0
        vectors[:] = 0.0
        plain[:] = 0.0
        for t in range(number):
            load_lanes(y[t], begin, value)
            load_lanes(weights[t], begin, weight)
            for k in range(size):
                load_lanes(columns[k, t], begin, values[k])
            c = cells[t]
            _add(values, value, weight, work, products[c], vectors[c], plain[c])
        for c in range(n_cells):
            for i in range(width):
                for k in range(3):
                    moments[c, k, begin + i] = plain[c, k, i]
                for a in range(size):
                    right[c, a, begin + i] = vectors[c, a, i]
                    for b in range(a + 1):
                        normal[c, a, b, begin + i] = products[c, a, b, i]
                        # Both triangles: whole matrices are read elsewhere.
                        normal[c, b, a, begin + i] = products[c, a, b, i]


@fused
def _add(values, value, weight, work, products, vectors, plain):  # noqa: PLR0917
    """One observation of a block of pixels; lower triangle of the products only."""
    for i in range(LANES):
        plain[0, i] += weight[i] * value[i] * value[i]
        plain[1, i] += weight[i]
        plain[2, i] += 1.0 if weight[i] > 0.0 else 0.0
    for a in range(len(values)):
        for i in range(LANES):
            work[i] = weight[i] * values[a, i]
        for i in range(LANES):
            vectors[a, i] += work[i] * value[i]
        # Row after row: the innermost loop runs over neighbors in memory, without a branch.
        for b in range(a + 1):
            for i in range(LANES):
                products[a, b, i] += work[i] * values[b, i]


@fused
def misfit(y, columns, weights, beta, squares):
    """Weighted sum of squared residuals (P,) of the coefficients (K, P)."""
    size, number, pixels = columns.shape
    residual, other, total, factors = np.zeros(LANES), np.zeros(LANES), np.empty(LANES), np.zeros((size, LANES))
    for begin in range(0, pixels, LANES):
        total[:] = 0.0
        for k in range(size):
            load_lanes(beta[k], begin, factors[k])
        for t in range(number):
            load_lanes(y[t], begin, residual)
            for k in range(size):
                load_lanes(columns[k, t], begin, other)
                for i in range(LANES):
                    residual[i] -= factors[k, i] * other[i]
            load_lanes(weights[t], begin, other)
            for i in range(LANES):
                # Whole lanes are computed; what lies beyond the last pixel is not written.
                total[i] += other[i] * residual[i] * residual[i]
        for i in range(min(LANES, pixels - begin)):
            squares[begin + i] = total[i]


@fused
def replicate(normal, right, factors, out):
    """Coefficients (R, K, P) with the cells weighted by each row of ``factors`` (R, C); NaN where singular."""
    size, pixels = right.shape[1:]
    matrix, vector = np.empty((size, size, LANES)), np.empty((size, LANES))
    lost = np.empty(LANES)
    for begin in range(0, pixels, LANES):
        width = min(LANES, pixels - begin)
        for r in range(factors.shape[0]):
            _combine(normal, right, factors[r], begin, width, matrix, vector)
            _factor(matrix, lost, width)
            _substitute(matrix, vector, width)
            for a in range(size):
                for i in range(width):
                    out[r, a, begin + i] = np.nan if lost[i] > 0 else vector[a, i]


@fused
def _combine(normal, right, factors, begin, width, matrix, vector):  # noqa: PLR0917
    """Weighted sum of the cells for a block of pixels, lower triangle only."""
    matrix[:] = 0.0
    vector[:] = 0.0
    for c in range(normal.shape[0]):
        f = factors[c]
        # What is left out, or was not drawn, costs nothing.
        if f != 0.0:
            for a in range(vector.shape[0]):
                for i in range(width):
                    vector[a, i] += f * right[c, a, begin + i]
                for b in range(a + 1):
                    for i in range(width):
                        matrix[a, b, i] += f * normal[c, a, b, begin + i]


@fused
def _factor(matrix, lost, width):
    """Cholesky factor in the lower triangle (K, K, lanes), its diagonal inverted; ``lost`` marks singular ones."""
    size = matrix.shape[0]
    scale = np.empty(LANES)
    lost[:] = 0.0
    for j in range(size):
        for i in range(width):
            # A share of the diagonal as it was, so that units do not matter.
            scale[i] = SMALLEST_PIVOT * matrix[j, j, i]
        for k in range(j):
            for row in range(j, size):
                for i in range(width):
                    matrix[row, j, i] -= matrix[row, k, i] * matrix[j, k, i]
        for i in range(width):
            sound = matrix[j, j, i] > scale[i]
            # A singular pixel goes on with zeros: neighbors that part would cost all their speed.
            lost[i] = lost[i] if sound else 1.0
            scale[i] = 1.0 / math.sqrt(matrix[j, j, i]) if sound else 0.0
            # Inverted: the solutions below multiply instead of dividing.
            matrix[j, j, i] = scale[i]
        for row in range(j + 1, size):
            for i in range(width):
                matrix[row, j, i] *= scale[i]


@fused
def _substitute(matrix, vector, width):
    """Solution in place of the right-hand side (K, lanes), with the factor of :func:`_factor`."""
    size = matrix.shape[0]
    for j in range(size):
        for k in range(j):
            for i in range(width):
                vector[j, i] -= matrix[j, k, i] * vector[k, i]
        for i in range(width):
            vector[j, i] *= matrix[j, j, i]
    for j in range(size - 1, -1, -1):
        for k in range(j + 1, size):
            for i in range(width):
                vector[j, i] -= matrix[k, j, i] * vector[k, i]
        for i in range(width):
            vector[j, i] *= matrix[j, j, i]
