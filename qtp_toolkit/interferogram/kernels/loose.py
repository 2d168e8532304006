"""Cycles of pixels that an unwrapping does not rely on: numpy arrays in, numpy arrays out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

REACH = 2.0
"""Standard deviation of the window, pixels."""
_RIDGE = 1e-3
"""Share of its own size by which a slope is held to zero: pixels in one line tell none across it."""


def settle(phase: np.ndarray, weight: np.ndarray, loose: np.ndarray, *, reach: float = REACH) -> np.ndarray:
    """Put loose pixels on the cycle that is nearest to the weighted plane through their surroundings.

    Parameters
    ----------
    phase : ndarray (ny, nx)
        Unwrapped, rad; NaN without data.
    weight : ndarray (ny, nx)
        How far pixels are believed, >= 0.
    loose : ndarray (ny, nx) of bool
        Pixels that may be moved by whole cycles; all others stay.
    reach : float
        Standard deviation of the Gaussian window, pixels; it ends at three of them.

    Returns
    -------
    ndarray (ny, nx)
        rad, of the type of ``phase``.
    """
    if not loose.any():
        return phase
    level = _plane(phase, weight, reach)
    cycles = np.rint((level - phase) / (2 * np.pi))
    return np.where(loose & np.isfinite(cycles), phase + 2 * np.pi * cycles, phase).astype(phase.dtype)


def _plane(phase: np.ndarray, weight: np.ndarray, reach: float) -> np.ndarray:
    """Value at each pixel of the plane fitted to its window; NaN where the window holds nothing."""
    seen = np.isfinite(phase)
    w = np.where(seen, weight, 0).astype(np.float32)
    wp = w * np.where(seen, phase, 0).astype(np.float32)
    steps = np.arange(-np.ceil(3 * reach), np.ceil(3 * reach) + 1, dtype=np.float32)
    bell = np.exp(-0.5 * (steps / reach) ** 2)
    powers = [bell / bell.sum() * (steps / reach) ** n for n in range(3)]

    def moment(values: np.ndarray, n: int, m: int) -> np.ndarray:
        down = ndimage.correlate1d(values, powers[n], axis=0, mode="constant")
        return ndimage.correlate1d(down, powers[m], axis=1, mode="constant")

    total = moment(w, 0, 0)
    total[total <= 1e-6] = np.nan
    # Means, variances and covariances of the window, and the slopes that they give.
    y, x, p = moment(w, 1, 0) / total, moment(w, 0, 1) / total, moment(wp, 0, 0) / total
    yy, xx = moment(w, 2, 0) / total - y * y + _RIDGE, moment(w, 0, 2) / total - x * x + _RIDGE
    xy = moment(w, 1, 1) / total - x * y
    py, px = moment(wp, 1, 0) / total - p * y, moment(wp, 0, 1) / total - p * x
    area = yy * xx - xy * xy
    return p - y * (py * xx - px * xy) / area - x * (px * yy - py * xy) / area
