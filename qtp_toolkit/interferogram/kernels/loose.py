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

    def moments(values: np.ndarray, *wanted: tuple[int, int]) -> list[np.ndarray]:
        down = [ndimage.correlate1d(values, power, axis=0, mode="constant") for power in powers[: wanted[-1][0] + 1]]
        return [ndimage.correlate1d(down[n], powers[m], axis=1, mode="constant") for n, m in wanted]

    total, x, xx, y, xy, yy = moments(w, (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0))
    p, px, py = moments(wp, (0, 0), (0, 1), (1, 0))
    total[total <= 1e-6] = np.nan
    # Means, variances and covariances of the window, and the slopes that they give.
    y, x, p = y / total, x / total, p / total
    yy, xx, xy = yy / total - y * y + _RIDGE, xx / total - x * x + _RIDGE, xy / total - x * y
    py, px = py / total - p * y, px / total - p * x
    area = yy * xx - xy * xy
    return p - y * (py * xx - px * xy) / area - x * (px * yy - py * xy) / area
