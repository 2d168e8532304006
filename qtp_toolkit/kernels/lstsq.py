"""Weighted least squares with a handful of columns, for many pixels at once.

Normal equations are summed one observation at a time over all pixels, so that memory stays at a few layers per column
and missing observations are simply not added. The small systems are then solved for all pixels together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SMALLEST_PIVOT = 1e-12


class Solution(NamedTuple):
    """Result of :func:`solve`; K columns, pixels of any shape behind."""

    coefficients: np.ndarray
    """(K, ...)."""
    covariance: np.ndarray
    """(K, K, ...) formal, residual variance times inverse normal matrix."""
    block_covariance: np.ndarray | None
    """(K, K, ...) delete-one-block jackknife; None without blocks."""
    blocks: np.ndarray | None
    """(...) blocks with observations; None without blocks."""
    rms: np.ndarray
    """(...) weighted root-mean-square residual."""
    count: np.ndarray
    """(...) observations used."""
    condition: np.ndarray
    """(...) condition number (1-norm) of the normal matrix of unit-length columns; inf where singular."""


def solve(
    y: np.ndarray,
    columns: Sequence[np.ndarray],
    *,
    weights: np.ndarray | None = None,
    blocks: np.ndarray | None = None,
) -> Solution:
    """Fit ``y = sum_k coefficient_k * column_k`` for every pixel.

    Parameters
    ----------
    y : ndarray (N, ...)
        Observations, NaN where missing.
    columns : sequence of K ndarray (N, ...)
        Design columns, shapes that broadcast against ``y`` behind the first axis; NaN drops the observation.
    weights : ndarray (N, ...), optional
        Inverse variances; zero, negative or NaN drops the observation.
    blocks : ndarray (N,) of int, optional
        Block number 0..B-1 of each observation; gives the delete-one-block jackknife.

    Returns
    -------
    Solution
        NaN where the system is singular (and, for the jackknife, where leaving one block out makes it so, or fewer than
        three blocks have data).
    """
    n_blocks = 1 if blocks is None else int(np.max(blocks)) + 1
    normal, right, tally = _sums(y, columns, weights, np.zeros(len(y), int) if blocks is None else blocks, n_blocks)
    count = tally.sum(axis=0)
    inverse, condition = invert(normal.sum(axis=0))
    beta = np.einsum("ij...,j...->i...", inverse, right.sum(axis=0))
    squares, total = _misfit(y, columns, weights, beta)
    freedom = count - len(columns)
    variance = np.where(freedom > 0, squares / np.where(freedom > 0, freedom, 1), np.nan)
    rms = np.sqrt(squares / np.where(total > 0, total, np.nan))
    jackknife, used = (None, None) if blocks is None else _jackknife(normal, right, tally, beta)
    return Solution(beta, variance * inverse, jackknife, used, rms, count, condition)


def invert(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse and condition number of symmetric positive definite matrices (K, K, ...); NaN and inf where singular."""
    size = len(matrix)
    length = np.sqrt(np.stack([matrix[k, k] for k in range(size)]))
    scale = np.where(length > 0, 1.0 / np.where(length > 0, length, 1.0), 0.0)
    unit = matrix * scale[:, None] * scale[None, :]
    work = unit.copy()
    out = np.zeros_like(work)
    sound = np.ones(work.shape[2:], dtype=bool)
    for k in range(size):
        out[k, k] = 1.0
    for k in range(size):
        good = work[k, k] > SMALLEST_PIVOT
        sound &= good
        pivot = np.where(good, work[k, k], 1.0)
        work[k] /= pivot
        out[k] /= pivot
        for i in range(size):
            if i != k:
                factor = work[i, k].copy()
                work[i] -= factor * work[k]
                out[i] -= factor * out[k]
    condition = np.abs(unit).sum(axis=0).max(axis=0) * np.abs(out).sum(axis=0).max(axis=0)
    return np.where(sound, out * scale[:, None] * scale[None, :], np.nan), np.where(sound, condition, np.inf)


def _terms(t, y, columns, weights):
    """Observation ``t``: weight (0 where missing), values with zeros there, and whether it counts."""
    values = [np.asarray(a[t], dtype=np.float64) for a in (y, *columns)]
    weight = 1.0 if weights is None else np.asarray(weights[t], dtype=np.float64)
    use = np.isfinite(values[0]) & (np.nan_to_num(weight) > 0)
    for value in values[1:]:
        use = use & np.isfinite(value)
    filled = [np.where(use, value, 0.0) for value in values]
    return np.where(use, weight, 0.0), filled[0], filled[1:], use


def _sums(y, columns, weights, blocks, n_blocks):
    """Sum normal matrices (B, K, K, ...), right-hand sides (B, K, ...) and counts (B, ...)."""
    shape = np.broadcast_shapes(y.shape[1:], *(c.shape[1:] for c in columns))
    size = len(columns)
    normal, right = np.zeros((n_blocks, size, size, *shape)), np.zeros((n_blocks, size, *shape))
    tally = np.zeros((n_blocks, *shape), dtype=np.int32)
    for t, b in enumerate(blocks):
        weight, observed, values, use = _terms(t, y, columns, weights)
        tally[b] += use
        for i in range(size):
            weighted = weight * values[i]
            right[b, i] += weighted * observed
            for j in range(i + 1):
                normal[b, i, j] += weighted * values[j]
    for i in range(size):
        for j in range(i):
            normal[:, j, i] = normal[:, i, j]
    return normal, right, tally


def _misfit(y, columns, weights, beta):
    """Weighted sum of squared residuals and sum of weights, (...)."""
    squares, total = np.zeros(beta.shape[1:]), np.zeros(beta.shape[1:])
    for t in range(len(y)):
        weight, observed, values, _ = _terms(t, y, columns, weights)
        residual = observed - sum(coefficient * value for coefficient, value in zip(beta, values, strict=True))
        squares += weight * residual**2
        total += weight
    return squares, total


def _jackknife(normal, right, tally, beta):
    """Covariance (K, K, ...) from the solutions without each block that has data, and the number of these (...)."""
    all_normal, all_right = normal.sum(axis=0), right.sum(axis=0)
    spread, used = np.zeros(all_normal.shape), np.zeros(tally.shape[1:])
    for b in range(len(normal)):
        here = tally[b] > 0
        inverse, _ = invert(all_normal - normal[b])
        shift = np.einsum("ij...,j...->i...", inverse, all_right - right[b]) - beta
        spread += np.where(here, shift[:, None] * shift[None, :], 0.0)
        used += here
    factor = np.where(used > 2, (used - 1) / np.where(used > 2, used, 1), np.nan)
    return factor * spread, used
