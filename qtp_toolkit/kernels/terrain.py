"""Slope and aspect of heights, for maps and for the embedded scene."""

from __future__ import annotations

import numpy as np


def horn(z: np.ndarray, dy: np.ndarray | float, dx: np.ndarray | float) -> np.ndarray:
    """Slope and downslope aspect in degrees, stacked on a new first axis, by Horn's 3 x 3 weights.

    Parameters
    ----------
    z : ndarray (rows + 2, columns + 2)
        Heights with a one-pixel frame, rows from north to south, columns from west to east, m.
    dy, dx : ndarray (rows, 1) or scalar
        Positive pixel spacing of each inner row in m.

    Returns
    -------
    ndarray (2, rows, columns)
        NaN where one of the eight neighbors or the pixel itself is NaN. Aspect runs clockwise from north in [0, 360)
        and is NaN where the surface is exactly level.
    """
    z = np.asarray(z, dtype=np.float64)
    north_west, north, north_east = z[:-2, :-2], z[:-2, 1:-1], z[:-2, 2:]
    west, center, east = z[1:-1, :-2], z[1:-1, 1:-1], z[1:-1, 2:]
    south_west, south, south_east = z[2:, :-2], z[2:, 1:-1], z[2:, 2:]
    eastward = ((north_east + 2.0 * east + south_east) - (north_west + 2.0 * west + south_west)) / (8.0 * dx)
    northward = ((north_west + 2.0 * north + north_east) - (south_west + 2.0 * south + south_east)) / (8.0 * dy)
    # Horn's weights leave the middle out: a missing pixel would otherwise get the slope of its neighbors.
    slope = np.where(np.isfinite(center), np.degrees(np.arctan(np.hypot(eastward, northward))), np.nan)
    aspect = np.degrees(np.arctan2(-eastward, -northward)) % 360.0
    return np.stack([slope, np.where(slope > 0.0, aspect, np.nan)])
