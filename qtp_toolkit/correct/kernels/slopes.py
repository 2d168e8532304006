"""How much of the planes follows the deformation model, and how much of that is to be believed. Plain arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import lstsq
from qtp_toolkit.kernels import pairs as graph

SCALE, FACTOR = 1.15, 1.6
"""Size of the plane that is expected of deformation, over that of the shorter waves of the same map, and the factor
within which that is known. Of all values tried on 24 made regions these lost least often against all or nothing."""
_STEPS = np.linspace(-6.0, 12.0, 181)
"""Standard deviations of the logarithm of k."""


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
) -> tuple[np.ndarray, np.ndarray, float]:
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
    (ndarray (2, K), ndarray (2, K), float)
        v and d, and their standard errors: formal, widened where leaving out whole years shows more variance in the
        sum of all. Six years would say little of a single one. NaN where the dates do not determine them. Last,
        Student's factor for that many years.
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
    return answer.coefficients[:2], np.sqrt(formal * np.fmax(widening, 1.0)), float(student)


def believe(seen: np.ndarray, std: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of slopes of which an estimate with its error and the usual size are known.

    The prior is normal with standard deviation ``k * scale``; k is log-normal and common to all slopes, so that what is
    seen clearly is believed although it is larger than usual.

    Parameters
    ----------
    seen, std, scale : ndarray (n,)
        Slopes, their standard errors and their usual size.

    Returns
    -------
    (ndarray (n,), ndarray (n,))
        Share of ``seen`` that is their mean, 0 to 1, and their variance.
    """
    prior = (SCALE * scale * FACTOR ** _STEPS[:, None]) ** 2
    total = np.maximum(prior + std**2, 1e-24 * np.max(seen**2) + np.finfo(float).tiny)
    share = np.where(std > 1e-9 * np.abs(seen), prior / total, 1.0)  # without noise its size is rounding
    log = -0.5 * (_STEPS**2 + (seen**2 / total + np.log(total)).sum(axis=1))
    weight = np.exp(log - log.max())[:, None]
    weight /= weight.sum()
    mean = np.minimum((weight * share).sum(axis=0), 1.0)
    return mean, (weight * (share * std**2 + ((share - mean) * seen) ** 2)).sum(axis=0)
