"""Depth of the thaw front in temperature profiles."""

from __future__ import annotations

import numpy as np


def thaw_front(temperature: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Depth of the deepest warm-above-cold zero crossing, (..., depth) -> (...).

    0 when no sensor is above 0, inf when the deepest one with data is, NaN without data. Sensors without data are
    bridged.
    """
    front = np.full(temperature.shape[:-1], np.nan)
    above_depth, above = np.full(front.shape, np.nan), np.full(front.shape, np.nan)
    # Downwards, so that the deepest crossing is the one that stays; all pixels and days at once.
    for k, level in enumerate(depth):
        here = temperature[..., k].astype(float)
        valid = np.isfinite(here)
        crossing = valid & (above > 0) & (here <= 0)
        # Where there is no crossing the quotient must still be finite.
        span = np.where(crossing, above - here, 1.0)
        at = above_depth + (level - above_depth) * np.where(crossing, above, 0.0) / span
        front = np.where(crossing, at, np.where(valid & np.isnan(front), 0.0, front))
        above_depth, above = np.where(valid, level, above_depth), np.where(valid, here, above)
    return np.where(above > 0, np.inf, front)
