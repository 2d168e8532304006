"""What residuals of the yearly model say of the errors of its unknowns, when neighboring dates err together."""

from __future__ import annotations

import numpy as np

STRONGEST = 0.9
"""Highest correlation of neighboring residuals that is believed."""


def judge_residuals(
    found: np.ndarray, count: np.ndarray, columns: np.ndarray, *, correlated: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Variance (P,) of an observation of weight 1 as far as it counts for sums, and correlation of neighbors (P,)."""
    squares, products = found
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = np.where(squares > 0, products / squares, 0.0)
    rho, widening = np.zeros(len(squares)), np.ones(len(squares))
    for _ in range(2):
        # The columns are slow, and take from the residuals what is slow: of squares and of products of neighbors alike.
        taken = np.minimum(columns * widening, 0.5 * (count + columns))
        left = np.where(count > columns, count - taken, np.nan)
        if correlated:
            rho = np.nan_to_num(np.clip((alike * left + taken) / np.maximum(count, 1.0), 0.0, STRONGEST))
            # Of sums over a series whose correlation falls by the same factor from date to date.
            widening = (1.0 + rho) / (1.0 - rho)
    return widening * squares / left, rho


def compare_with_long(rho: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """How much less the correlation (P,) widens a sum over so many dates (Y, P) than one over a long series."""
    dates = np.maximum(dates, 1.0)
    return np.sqrt(1.0 - 2.0 * rho * (1.0 - rho**dates) / (dates * (1.0 - rho**2)))


def variance_under(inverse: np.ndarray, mixed: np.ndarray, count: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Variance (P,) of an observation of weight 1, from the weighted squares (P,) of ``count`` residuals.

    ``inverse`` (K, K, P) of the normal matrix; ``mixed`` (K, K, P) of ``year_sums.sum_correlated``, 0 for columns that
    are left out. The residuals miss just what the columns take of errors that are correlated so.
    """
    left = count - np.einsum("ijp,jip->p", inverse, mixed)
    return squares / np.where(left > 0, left, np.nan)


def between(inverse: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Covariance (K, K, P) of unknowns whose right side scatters so: ``inverse @ scatter @ inverse`` of each pixel."""
    outer, inner = (np.ascontiguousarray(np.moveaxis(a, -1, 0)) for a in (inverse, scatter))
    return np.moveaxis(outer @ inner @ outer, 0, -1)
