"""How much of the planes follows the deformation model, and how much of that is believed. Plain arrays."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels import lstsq
from qtp_toolkit.kernels import pairs as graph

SCALE, SPREAD = 1.15, 1.6
"""Size of the plane expected of deformation, over that of the shorter waves of the same map, and the factor within which
that is known. On 24 made regions neither all nor nothing was better by more than 1.3 more rarely than with other values."""
STEPS = np.linspace(-6.0, 6.0, 121)


def follow(
    coefficients: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    linear: np.ndarray,
    composite: np.ndarray,
    years: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit ``v L + d I + c`` to coefficients of surfaces, once they are inverted through the network.

    Parameters
    ----------
    coefficients : ndarray (P, K)
        K coefficients of the surface of each pair; rows of zeros have no valid pixel and count as missing.
    first, second : ndarray (P,)
        Positions of the dates of each pair.
    linear, composite, years : ndarray (T,)
        Both indices, NaN where unknown, and the calendar year of each date.

    Returns
    -------
    tuple of ndarray (2, K)
        v and d; and their standard errors: formal, widened by what leaving out whole years says of all together.
    """
    seen = (coefficients != 0).any(1)
    dates, groups = np.arange(len(linear)), graph.components(len(linear), first[seen], second[seen])
    design = (second[seen, None] == dates).astype(float) - (first[seen, None] == dates)
    series = np.linalg.lstsq(design, coefficients[seen], rcond=None)[0]
    group_means = [(groups == g).astype(float)[:, None] for g in np.unique(groups)]  # groups of dates float freely
    blocks = lstsq.Blocks.of(years)
    answer = lstsq.solve(series, [linear[:, None], composite[:, None], *group_means], blocks=blocks)
    formal = answer.covariance[[0, 1], [0, 1]]
    widening = np.nanmean(lstsq.jackknife(answer, blocks)[[0, 1], [0, 1]] / np.where(formal > 0, formal, np.nan))
    return answer.coefficients[:2], np.sqrt(formal * np.fmax(1.0, widening))


def believe(estimate: np.ndarray, std: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of slopes of which an estimate and the likely size are known.

    Normal with standard deviation ``k scale``, where k is common to both slopes and log-normal: what is clearly seen
    is believed although it is larger than expected.

    Parameters
    ----------
    estimate, std : ndarray (2,)
        Slopes along x and y and their standard errors.
    scale : float
        Expected size.

    Returns
    -------
    tuple of ndarray (2,)
        Mean and variance given the estimate.
    """
    prior = (SCALE * scale * SPREAD**STEPS)[:, None] ** 2
    total = prior + std**2
    share = np.divide(prior, total, out=np.ones_like(total), where=total > 0)
    weigh = np.divide(estimate**2, total, out=np.zeros_like(total), where=total > 0)
    log = -0.5 * (STEPS**2 + (weigh + np.log(np.where(total > 0, total, 1.0))).sum(1))
    weight = np.exp(log - log.max())[:, None] / np.exp(log - log.max()).sum()
    mean = (weight * share * estimate).sum(0)
    return mean, (weight * (share * std**2 + (share * estimate - mean) ** 2)).sum(0)
