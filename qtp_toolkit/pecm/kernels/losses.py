"""Which years lost ground, and how much: an exact average over all sets of few years (Numba, compiled on first use)."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from qtp_toolkit.kernels._jit import fused

MOST = 3
"""Years that lose ground in one series, at most. More of them are a rate."""


def years_together(years: int) -> np.ndarray:
    """All sets of up to ``MOST`` of the years, (S, 3), filled up with -1; the first is empty."""
    sets = [pick for size in range(MOST + 1) for pick in combinations(range(years), size)]
    assert len(sets) == sum(comb(years, size) for size in range(MOST + 1))
    return np.array([[*pick, *[-1] * (MOST - len(pick))] for pick in sets], dtype=np.intp).reshape(-1, MOST)


@fused
def average_losses(scatter, right, variance, possible, sets, odds, size, mean, spread, single):  # noqa: PLR0917
    """Average over the sets of years, each by its probability given the data.

    A loss has the prior ``odds`` of being there and, if so, a normal one of standard deviation ``size``. Within a set
    all is normal, so mean, covariance and probability of the set are exact for a known variance of the noise.

    Parameters
    ----------
    scatter, right : ndarray (Y, Y, P), (Y, P)
        Normal equations of the losses once all else is eliminated.
    variance : ndarray (P,)
        Of an observation of weight 1.
    possible : ndarray (Y, P)
        Whether the dates can tell the loss at all; those that cannot are none.
    sets : ndarray (S, 3)
    odds, size : float
    mean : ndarray (Y, P)
        Filled with the mean.
    spread : ndarray (Y, Y, P)
        Filled with the covariance.
    single : ndarray (3, Y, P)
        Filled, for each year, with probability of a loss, and its mean and variance if there is one.
    """
    n_sets, years = len(sets), len(right)
    factor = np.zeros((MOST, MOST))
    score, middle, inside = np.empty(n_sets), np.zeros((n_sets, MOST)), np.zeros((n_sets, MOST, MOST))
    for p in range(right.shape[1]):
        for s in range(n_sets):
            score[s] = _weigh(
                scatter[:, :, p],
                right[:, p],
                variance[p],
                possible[:, p],
                sets[s],
                odds,
                size,
                factor,
                middle[s],
                inside[s],
            )
        mean[:, p] = 0.0
        spread[:, :, p] = 0.0
        top = score.max()
        whole = np.exp(score - top).sum()
        _mix(score, top, whole, middle, inside, sets, mean[:, p], spread[:, :, p])
        for a in range(years):
            _look_at_year(a, score, top, whole, middle, inside, sets, single[:, :, p])


@fused
def _mix(score, top, whole, middle, inside, sets, mean, spread):  # noqa: PLR0917
    """Mean (Y,) and covariance (Y, Y) over all sets."""
    for s in range(len(sets)):
        share = np.exp(score[s] - top) / whole
        k = _number(sets[s]) if share > 0.0 else 0
        for a in range(k):
            mean[sets[s, a]] += share * middle[s, a]
            for b in range(k):
                spread[sets[s, a], sets[s, b]] += share * (inside[s, a, b] + middle[s, a] * middle[s, b])
    for a in range(len(mean)):
        for b in range(len(mean)):
            spread[a, b] -= mean[a] * mean[b]


@fused
def _number(chosen):
    k = 0
    while k < MOST and chosen[k] >= 0:
        k += 1
    return k


@fused
def _weigh(scatter, right, variance, possible, chosen, odds, size, factor, middle, inside):  # noqa: PLR0917
    """Logarithm of the probability of a set, up to a constant; its mean (3,) and covariance (3, 3)."""
    k = _number(chosen)
    for a in range(k):
        if not possible[chosen[a]]:
            return -np.inf
    _factor(scatter, variance, chosen[:k], size, factor)
    score = 0.0
    for a in range(k):
        score += np.log(odds) - np.log(size) - np.log(factor[a, a])
        _solve(factor, k, a, inside)
    for a in range(k):
        middle[a] = 0.0
        for b in range(k):
            middle[a] += inside[a, b] * right[chosen[b]] / variance
        score += 0.5 * middle[a] * right[chosen[a]] / variance
    return score


@fused
def _factor(scatter, variance, chosen, size, factor):
    """Cholesky factor of the information of data and prior."""
    for a in range(len(chosen)):
        for b in range(a + 1):
            value = scatter[chosen[a], chosen[b]] / variance
            value += 1.0 / size**2 if a == b else 0.0
            for c in range(b):
                value -= factor[a, c] * factor[b, c]
            factor[a, b] = np.sqrt(max(value, 1e-300)) if a == b else value / factor[b, b]


@fused
def _solve(factor, k, column, inverse):
    """One column of the inverse."""
    for a in range(k):
        value = 1.0 if a == column else 0.0
        for c in range(a):
            value -= factor[a, c] * inverse[c, column]
        inverse[a, column] = value / factor[a, a]
    for a in range(k - 1, -1, -1):
        value = inverse[a, column]
        for c in range(a + 1, k):
            value -= factor[c, a] * inverse[c, column]
        inverse[a, column] = value / factor[a, a]


@fused
def _look_at_year(year, score, top, whole, middle, inside, sets, single):  # noqa: PLR0917
    """Probability, and mean and variance on condition that there is a loss: by the sets that hold the year alone."""
    best = -np.inf
    for s in range(len(sets)):
        for a in range(MOST):
            if sets[s, a] == year and score[s] > best:
                best = score[s]
    if best == -np.inf:
        single[0, year] = single[1, year] = single[2, year] = np.nan
        return
    total = first = second = 0.0
    for s in range(len(sets)):
        for a in range(MOST):
            if sets[s, a] == year:
                # Relative to the best of its own: next to an overwhelming year all of them may be improbable.
                share = np.exp(score[s] - best)
                if share == 0.0:
                    continue
                total += share
                first += share * middle[s, a]
                second += share * (inside[s, a, a] + middle[s, a] ** 2)
    single[0, year] = np.exp(best - top) * total / whole
    single[1, year] = first / total
    single[2, year] = second / total - (first / total) ** 2
