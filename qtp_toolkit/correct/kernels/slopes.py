"""How much of the planes follows the deformation model, and how much of that is to be believed. Plain arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import lstsq
from qtp_toolkit.kernels import pairs as graph

SCALES, FACTOR = (1.4, 1.1), 1.6
"""Size of the plane that is expected of the rate and of the season, over that of the shorter waves of the same map, and
the factor within which that is known. The crust moves in longer waves than soils and valleys do."""
_STEPS = np.linspace(-6.0, 12.0, 181)
"""Standard deviations of the logarithm of k."""
_ONE_SIGMA = 0.6827


class Network(NamedTuple):
    """Which dates the pairs join."""

    first: np.ndarray
    """(P,) position of the earlier date of each pair."""
    second: np.ndarray
    """(P,) position of the later date."""
    years: np.ndarray
    """(T,) calendar year of each date."""


def follow(
    coefficients: np.ndarray, network: Network, linear: np.ndarray, composite: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit ``v L + d I + c`` to the coefficients of surfaces, once they are inverted through the network.

    Parameters
    ----------
    coefficients : ndarray (P, K)
        Of the surface of each pair; rows of zeros are pairs without a valid pixel.
    network : Network
    linear, composite : ndarray (T,)
        Both indices; NaN drops the date.

    Returns
    -------
    (ndarray (2, K), ndarray (2, K))
        v and d, and their standard errors: formal, widened where leaving out whole years shows more variance in the
        sum of all, and by Student's factor for that many years. Six years would say little of a single one. NaN where
        the dates do not determine them.
    """
    seen = (coefficients != 0).any(axis=1)
    first, second = network.first[seen], network.second[seen]
    dates, groups = np.arange(linear.size), graph.label_components(linear.size, first, second)
    design = (second[:, None] == dates).astype(float) - (first[:, None] == dates)
    series = np.linalg.lstsq(design, coefficients[seen], rcond=None)[0]
    levels = [(groups == group).astype(float)[:, None] for group in np.unique(groups)]  # each group of dates floats
    blocks = lstsq.Blocks.of(network.years)
    answer = lstsq.solve(series, [linear[:, None], composite[:, None], *levels], blocks=blocks)
    formal, by_year = (c[[0, 1], [0, 1]] for c in (answer.covariance, lstsq.jackknife(answer, blocks)))
    widening = np.mean(by_year.sum(axis=1) / np.maximum(formal.sum(axis=1), np.finfo(float).tiny))
    student = np.fmax(lstsq.student(lstsq.blocks_used(answer.sums, blocks)).max(), 1.0)
    return answer.coefficients[:2], student * np.sqrt(formal * np.fmax(widening, 1.0))


def usual_size(waves: np.ndarray, std: np.ndarray) -> float:
    """Root-mean-square of the waves of a map (n,), less what their standard errors explain, but half of it at least."""
    power = np.mean(waves**2)
    return float(np.sqrt(max(power - np.mean(std**2), power / 4)))


class Belief(NamedTuple):
    """What is known of slopes: a mixture of normal distributions, one for each size k that deformation may have."""

    weight: np.ndarray
    """(J, 1), sum 1."""
    share: np.ndarray
    """(J, n) of the estimate that is the mean."""
    std: np.ndarray
    """(J, n)"""
    seen: np.ndarray
    """(n,) the estimate."""

    def mean_share(self) -> np.ndarray:
        """Share of the estimate that is the mean of all, 0 to 1."""
        return np.minimum((self.weight * self.share).sum(axis=0), 1.0)

    def half_width(self, share: np.ndarray) -> np.ndarray:
        """Distance from ``share`` of the estimate within which the slope lies with a probability of 68 %.

        Not the standard deviation: the mixture has long tails, which would widen the interval of all for the sake of a
        few.
        """
        from scipy.special import ndtr  # noqa: PLC0415  slow to import

        off = (self.share - share) * self.seen
        low, high = np.zeros_like(self.seen), np.abs(off).max(axis=0) + 6 * self.std.max(axis=0)
        spread = np.maximum(self.std, 1e-9 * high + np.finfo(float).tiny)  # what is known for certain has none
        for _ in range(50):
            middle = (low + high) / 2
            inside = (self.weight * (ndtr((middle - off) / spread) - ndtr((-middle - off) / spread))).sum(axis=0)
            low, high = np.where(inside < _ONE_SIGMA, middle, low), np.where(inside < _ONE_SIGMA, high, middle)
        return high


def believe(seen: np.ndarray, std: np.ndarray, scale: np.ndarray) -> Belief:
    """Find what is known of slopes of which an estimate with its error and the usual size are given.

    The prior is normal with standard deviation ``k * scale``; k is log-normal around 1 and common to all slopes, so
    that what is seen clearly is believed although it is larger than usual.

    Parameters
    ----------
    seen, std, scale : ndarray (n,)
        Slopes, their standard errors and their usual size.
    """
    prior = (scale * FACTOR ** _STEPS[:, None]) ** 2
    total = np.maximum(prior + std**2, 1e-24 * np.max(seen**2) + np.finfo(float).tiny)
    share = np.where(std > 1e-9 * np.abs(seen), prior / total, 1.0)  # without noise its size is rounding
    log = -0.5 * (_STEPS**2 + (seen**2 / total + np.log(total)).sum(axis=1))
    weight = np.exp(log - log.max())[:, None]
    return Belief(weight / weight.sum(), share, np.sqrt(share) * std, seen)
