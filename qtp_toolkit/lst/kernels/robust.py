"""Robust harmonic fits of many series (Numba, compiled on first use).

The scheme is that of HANTS: fit, drop what lies too far on one side, worst first, fit again. What is dropped is taken
out of the sums that the first fit made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels._jit import bare, reordered
from qtp_toolkit.lst.kernels import normal


class Rejection(NamedTuple):
    """Rejection: ``side`` 1 drops low values, -1 high ones, 0 none; ``need`` values always stay."""

    side: float
    tolerance: float
    need: int


class Block(NamedTuple):
    """Some series, (series, place) each: values (0 where missing), weight 0 or 1, fitted curve; number of fits."""

    value: np.ndarray
    weight: np.ndarray
    curve: np.ndarray
    fits: np.ndarray


@reordered
def make_block(size, places):
    """Room for ``size`` series."""
    return Block(np.zeros((size, places)), np.zeros((size, places)), np.zeros((size, places)), np.zeros(size, np.int64))


@bare
def fit_block(block, size, basis, rules, work):
    """Fit the first ``size`` series: weights become 0 where a value is rejected, the curve is the last fit.

    ``fits`` stays 0, and the curve is NaN, where there are fewer than ``rules.need`` values; the curve is infinite
    where the normal matrix cannot be factored.
    """
    for series in range(size):
        block.fits[series] = _fit(block.value[series], block.weight[series], block.curve[series], basis, rules, work)


@bare
def _fit(value, weight, curve, basis, rules, work):  # noqa: PLR0917
    fits, count = 0, 0
    for t in range(weight.size):
        count += weight[t] > 0.0
    if count < rules.need:
        curve[:] = np.nan
        return fits
    _sum_moments(weight, basis, work)
    _sum_right_side(value, basis, work.right)
    while True:
        fits += 1
        # Only what was dropped is taken out of the sums, not all that stays added up again.
        normal.assemble(basis, work, count)
        if not normal.solve(work.panel, work.base, work.inverse, work.answer):
            curve[:] = np.inf
            return fits
        _evaluate(basis, work.answer, curve)
        dropped = reject(value, weight, curve, rules, count, work)
        if dropped == 0:
            return fits
        count -= dropped
        _forget(value, basis, work, dropped)


@bare
def _sum_moments(weight, basis, work):
    """Moments of all dates, less those that are missing."""
    moment, index, missing = work.moment, work.index, 0
    for s in range(moment.shape[0]):
        for k in range(moment.shape[1]):
            moment[s, k] = basis.full[s, k]
    for i in range(basis.real.size):
        t = basis.real[i]
        # A list without a branch: the entry is overwritten until it is one that is missing.
        index[missing] = t
        missing += weight[t] == 0.0
    for i in range(missing):
        t = index[i]
        row, table = moment[basis.segment[t]], basis.table[t]
        for k in range(row.size):
            row[k] -= table[k]


@bare
def _sum_right_side(value, basis, right):
    """Sum over the dates of each segment value * wave and value * ramp * (1, cos, sin)."""
    columns = basis.columns
    for s in range(len(right)):
        # Slices let the compiler see that no index is negative, and use vectors.
        begin, end = basis.bounds[s], basis.bounds[s + 1]
        own, ramp = value[begin:end], basis.ramp[begin:end]
        for h in range(columns // 2):
            first, second = basis.waves[2 * h + 1, begin:end], basis.waves[2 * h + 2, begin:end]
            cosine, sine = 0.0, 0.0
            for t in range(own.size):
                # Missing values are 0 and need no weight.
                cosine += own[t] * first[t]
                sine += own[t] * second[t]
            right[s, 2 * h + 1], right[s, 2 * h + 2] = cosine, sine
        first, second = basis.waves[1, begin:end], basis.waves[2, begin:end]
        total, mean, cosine, sine = 0.0, 0.0, 0.0, 0.0
        for t in range(own.size):
            ramped = own[t] * ramp[t]
            total += own[t]
            mean += ramped
            cosine += ramped * first[t]
            sine += ramped * second[t]
        right[s, 0] = total
        right[s, columns], right[s, columns + 1], right[s, columns + 2] = mean, cosine, sine


@bare
def _forget(value, basis, work, dropped):
    """Take the values that were dropped out of moments and right side."""
    columns = basis.columns
    for i in range(dropped):
        t = work.index[i]
        row, right, table = work.moment[basis.segment[t]], work.right[basis.segment[t]], basis.table[t]
        own, ramped = value[t], value[t] * basis.ramp[t]
        for k in range(row.size):
            row[k] -= table[k]
        for k in range(columns):  # a row of the table begins with the waves
            right[k] -= own * table[k]
        for k in range(3):
            right[columns + k] -= ramped * table[k]


@bare
def _evaluate(basis, answer, curve):
    nodes, columns = basis.nodes, basis.columns
    common = answer[3 * nodes :]
    for s in range(len(basis.full)):
        begin, end = basis.bounds[s], basis.bounds[s + 1]
        out, ramp = curve[begin:end], basis.ramp[begin:end]
        first, second = basis.waves[1, begin:end], basis.waves[2, begin:end]
        # Within a segment the drifts are straight lines of the ramp: no branch, no look-up of a node.
        mean, cosine, sine = common[0], common[1], common[2]
        mean_slope, cosine_slope, sine_slope = 0.0, 0.0, 0.0
        if nodes > 0:
            here, there = answer[3 * s : 3 * s + 3], answer[3 * s + 3 : 3 * s + 6]
            mean, cosine, sine = mean + here[0], cosine + here[1], sine + here[2]
            mean_slope, cosine_slope, sine_slope = there[0] - here[0], there[1] - here[1], there[2] - here[2]
        for t in range(out.size):
            drift = mean_slope + cosine_slope * first[t] + sine_slope * second[t]
            out[t] = mean + cosine * first[t] + sine * second[t] + ramp[t] * drift
        # Higher harmonics are the same in all years.
        for h in range(1, columns // 2):
            cosine, sine = common[2 * h + 1], common[2 * h + 2]
            first, second = basis.waves[2 * h + 1, begin:end], basis.waves[2 * h + 2, begin:end]
            for t in range(out.size):
                out[t] += cosine * first[t] + sine * second[t]


@bare
def reject(value, weight, curve, rules, count, work):  # noqa: PLR0917
    """Take the weight from values whose misfit is above half the worst, if that is above the tolerance.

    If more than ``count - rules.need`` are, only the worst of them go. ``work.index`` receives which; returns how
    many.
    """
    budget, misfit, index = count - rules.need, work.misfit, work.index
    if rules.side == 0.0 or budget <= 0:
        return 0
    beyond = 0
    for t in range(misfit.size):
        # Positive on the side that is dropped, 0 where there is no value.
        misfit[t] = rules.side * weight[t] * (curve[t] - value[t])
        beyond += misfit[t] > rules.tolerance
    if beyond == 0:
        return 0
    # Not all beyond the tolerance at once: the worst bend the curve, and some that look bad beside it are good.
    half = 0.5 * _largest(misfit)
    found = 0
    for t in range(misfit.size):
        index[found] = t
        found += misfit[t] > half
    if found > budget:
        _worst_first(misfit, index, found, budget)
        found = budget
    for i in range(found):
        weight[index[i]] = 0.0
    return found


@bare
def _largest(misfit):
    """Maximum of an array whose size is a multiple of four, in four strands."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for t in range(0, misfit.size, 4):
        part = misfit[t : t + 4]
        # A single running maximum would wait for itself at every step.
        a, b = part[0] if part[0] > a else a, part[1] if part[1] > b else b
        c, d = part[2] if part[2] > c else c, part[3] if part[3] > d else d
    return max(a, b, c, d)


@bare
def _worst_first(misfit, index, found, budget):
    """Bring the ``budget`` worst of the ``found`` dates to the front; the earlier date first where equal."""
    for i in range(budget):
        best = i
        # As far as the budget reaches, which is a few values; a full sort is not needed.
        for j in range(i + 1, found):
            gain = misfit[index[j]] - misfit[index[best]]
            if gain > 0.0 or (gain == 0.0 and index[j] < index[best]):
                best = j
        index[i], index[best] = index[best], index[i]
