"""Normal equations of a harmonic fit (Numba, compiled on first use).

Two things make them cheap. Products of waves are waves: instead of the p (p + 1) / 2 products of every date only the
moments of a few waves are summed (:class:`qtp_toolkit.lst.kernels.basis.Basis`), and a series starts from their sums
over all dates, less the dates that it misses. And the drifts between years touch two nodes a date, so the matrix is
block tridiagonal with a border of common columns, and is factored as such (L D L^T).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels._jit import bare, inline, reordered

NEXT, COMMON = 4, 8
"""Columns of a node's rows where those of the next node, and the common ones, begin."""


class Scratch(NamedTuple):
    """Scratch of one series.

    ``moment`` and ``right`` (segment, ...): sums over the values that take part. ``panel`` (3 nodes, ...): rows of the
    normal matrix of each node, namely its own columns, those of the next node, the common columns, the right side.
    ``base`` (columns, ...): the common rows and their right side. Both are filled up to multiples of four.
    ``inverse``: one over the pivots. ``answer``: the unknowns, those of the nodes first. ``index``, ``misfit``
    (place,): of the values that are dropped.
    """

    moment: np.ndarray
    right: np.ndarray
    sums: np.ndarray
    panel: np.ndarray
    base: np.ndarray
    inverse: np.ndarray
    answer: np.ndarray
    index: np.ndarray
    misfit: np.ndarray


@reordered
def make_scratch(basis):
    """Scratch that fits ``basis``."""
    segments, width = basis.full.shape
    columns, unknowns = basis.columns, len(basis.penalty)
    width_of_base = (columns + 4) // 4 * 4
    return Scratch(
        np.zeros((segments, width)),
        np.zeros((segments, columns + 3)),
        np.zeros(width),
        np.zeros((unknowns - columns, COMMON + width_of_base)),
        np.zeros((columns, width_of_base)),
        np.zeros(unknowns),
        np.zeros(unknowns),
        np.zeros(basis.ramp.size, np.int64),
        np.zeros(basis.ramp.size),
    )


@bare
def assemble(basis, work, count):
    """Make normal matrix and right side from the moments.

    The diagonal grows by the penalty, and by a part in 1e13 of ``count``, which keeps series that see only some seasons
    solvable; their curves run away and are caught.
    """
    columns, penalty = basis.columns, basis.penalty
    moment, right, sums, base = work.moment, work.right, work.sums, work.base
    for k in range(2 * columns - 1):
        total = 0.0
        for s in range(moment.shape[0]):
            # The common columns see all segments alike.
            total += moment[s, k]
        sums[k] = total
    first, second, half, other = basis.first, basis.second, basis.half, basis.other
    for p in range(columns):
        for q in range(p, columns):
            base[p, q] = half[p, q] * sums[first[p, q]] + other[p, q] * sums[second[p, q]]
        base[p, p] += penalty[p] + 1e-13 * count
        total = 0.0
        for s in range(right.shape[0]):
            total += right[s, p]
        base[p, columns] = total
    for node in range(basis.nodes):
        _assemble_node(node, basis.nodes, columns, moment, right, sums, work.panel)
        for p in range(3):
            work.panel[3 * node + p, p] += penalty[columns + 3 * node + p] + 1e-13 * count


@bare
def _assemble_node(node, nodes, columns, moment, right, sums, panel):  # noqa: PLR0917
    """Rows of one node: its weight falls from 1 to 0 in the segment after it, and rises in the segment before it.

    Slices are avoided here, because each costs a reference count.
    """
    linear = 2 * columns - 1  # where the moments with one ramp begin, and those with two
    square = linear + columns + 2
    # At the ends one of the two segments is missing: any will do, its share is 0.
    after, before = min(node, nodes - 2), max(node - 1, 0)
    has_after, has_before = 1.0 * (node < nodes - 1), 1.0 * (node > 0)
    for k in range(columns + 2):
        # Node times common: 1 - ramp in the segment after the node, ramp in the one before.
        falling = moment[after, k] - moment[after, linear + k]
        sums[k] = has_after * falling + has_before * moment[before, linear + k]
    _rows_of_products(sums, panel, 3 * node, COMMON, columns)
    for k in range(5):
        # Node times itself: the squares of these.
        falling = moment[after, k] - 2.0 * moment[after, linear + k] + moment[after, square + k]
        sums[k] = has_after * falling + has_before * moment[before, square + k]
    _rows_of_products(sums, panel, 3 * node, 0, 3)
    for k in range(5):
        # Node times next node: ramp (1 - ramp) in the segment that both touch.
        sums[k] = has_after * (moment[after, linear + k] - moment[after, square + k])
    _rows_of_products(sums, panel, 3 * node, NEXT, 3)
    for p in range(3):
        falling = right[after, p] - right[after, columns + p]
        panel[3 * node + p, COMMON + columns] = has_after * falling + has_before * right[before, columns + p]


@bare
def _rows_of_products(sums, out, i, at, columns):
    """Multiply 1, cos wt and sin wt, in rows ``i`` to ``i + 2``, by each wave: sums of products from sums of waves."""
    out[i, at], out[i + 1, at], out[i + 2, at] = sums[0], sums[1], sums[2]
    out[i, at + 1], out[i + 1, at + 1], out[i + 2, at + 1] = sums[1], 0.5 * (sums[0] + sums[3]), 0.5 * sums[4]
    out[i, at + 2], out[i + 1, at + 2], out[i + 2, at + 2] = sums[2], 0.5 * sums[4], 0.5 * (sums[0] - sums[3])
    for q in range(3, columns, 2):  # cos jwt and sin jwt: sums and differences of the harmonics beside j
        x = at + q
        cosine_below, sine_below, cosine_above, sine_above = sums[q - 2], sums[q - 1], sums[q + 2], sums[q + 3]
        out[i, x], out[i, x + 1] = sums[q], sums[q + 1]
        out[i + 1, x], out[i + 1, x + 1] = 0.5 * (cosine_below + cosine_above), 0.5 * (sine_below + sine_above)
        out[i + 2, x], out[i + 2, x + 1] = 0.5 * (sine_above - sine_below), 0.5 * (cosine_below - cosine_above)


@bare
def solve(panel, base, inverse, answer):
    """Eliminate node after node, then the common columns; substitute back. False if not positive definite."""
    columns, drifts = base.shape[0], panel.shape[0]
    for i in range(0, drifts, 3):
        if not _eliminate(panel, i, i + 3, inverse, i):
            return False
        first, second, third = inverse[i], inverse[i + 1], inverse[i + 2]
        # A node is joined to the next one and to the common columns only: all that its removal changes.
        for r in range(0 if i == drifts - 3 else 3):
            q = NEXT + r
            a, b, c = panel[i, q] * first, panel[i + 1, q] * second, panel[i + 2, q] * third
            _less_three(panel, i + 3 + r, 0, NEXT, panel, i, NEXT, a, b, c)
            _less_three(panel, i + 3 + r, COMMON, panel.shape[1], panel, i, COMMON, a, b, c)
        for r in range(columns):
            q = COMMON + r
            a, b, c = panel[i, q] * first, panel[i + 1, q] * second, panel[i + 2, q] * third
            _less_three(base, r, 0, base.shape[1], panel, i, COMMON, a, b, c)
    if not _eliminate(base, 0, columns, inverse, drifts):
        return False
    _substitute(panel, base, inverse, answer, columns, drifts)
    return True


@inline
def _less_three(target, t, begin, end, panel, s, at, a, b, c):  # noqa: PLR0917
    """Subtract ``a``, ``b``, ``c`` times the rows ``s`` to ``s + 2`` of the panel, from ``at`` on, from row ``t``.

    Here and in :func:`_eliminate` four columns are read before any is written: the compiler need not ask whether rows
    overlap, and uses vectors.
    """
    for q in range(0, end - begin, 4):
        x, y = at + q, begin + q
        t0 = target[t, y] - a * panel[s, x] - b * panel[s + 1, x] - c * panel[s + 2, x]
        t1 = target[t, y + 1] - a * panel[s, x + 1] - b * panel[s + 1, x + 1] - c * panel[s + 2, x + 1]
        t2 = target[t, y + 2] - a * panel[s, x + 2] - b * panel[s + 1, x + 2] - c * panel[s + 2, x + 2]
        t3 = target[t, y + 3] - a * panel[s, x + 3] - b * panel[s + 1, x + 3] - c * panel[s + 2, x + 3]
        target[t, y], target[t, y + 1], target[t, y + 2], target[t, y + 3] = t0, t1, t2, t3


@bare
def _eliminate(matrix, start, end, inverse, at):
    """Eliminate rows ``start`` to ``end`` from each other; the diagonal begins in column 0 of row ``start``."""
    for i in range(start, end):
        p = i - start
        # Also where it is NaN.
        if not matrix[i, p] > 0.0:
            return False
        inverse[at + p] = 1.0 / matrix[i, p]
        for j in range(i + 1, end):
            a = matrix[i, j - start] * inverse[at + p]
            # From a multiple of four on: what that changes below the diagonal counts for nothing.
            for q in range((j - start) // 4 * 4, matrix.shape[1], 4):
                t0, t1 = matrix[j, q] - a * matrix[i, q], matrix[j, q + 1] - a * matrix[i, q + 1]
                t2, t3 = matrix[j, q + 2] - a * matrix[i, q + 2], matrix[j, q + 3] - a * matrix[i, q + 3]
                matrix[j, q], matrix[j, q + 1], matrix[j, q + 2], matrix[j, q + 3] = t0, t1, t2, t3
    return True


@bare
def _substitute(panel, base, inverse, answer, columns, drifts):  # noqa: PLR0917
    for p in range(columns - 1, -1, -1):
        own = base[p, columns]
        for q in range(p + 1, columns):
            own -= base[p, q] * answer[drifts + q]
        answer[drifts + p] = own * inverse[drifts + p]
    # From the last node back: three unknowns that know the next three and the common ones.
    for i in range(drifts - 3, -1, -3):
        a, b, c = panel[i, COMMON + columns], panel[i + 1, COMMON + columns], panel[i + 2, COMMON + columns]
        for q in range(columns):
            x, y = COMMON + q, answer[drifts + q]
            a, b, c = a - panel[i, x] * y, b - panel[i + 1, x] * y, c - panel[i + 2, x] * y
        for q in range(0 if i == drifts - 3 else 3):
            x, y = NEXT + q, answer[i + 3 + q]
            a, b, c = a - panel[i, x] * y, b - panel[i + 1, x] * y, c - panel[i + 2, x] * y
        c *= inverse[i + 2]
        b = (b - panel[i + 1, 2] * c) * inverse[i + 1]
        answer[i] = (a - panel[i, 1] * b - panel[i, 2] * c) * inverse[i]
        answer[i + 1], answer[i + 2] = b, c
