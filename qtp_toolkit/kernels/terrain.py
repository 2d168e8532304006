"""Slope and aspect of heights, for maps and for the embedded scene."""

from __future__ import annotations

import numpy as np

_NEIGHBORS = [(north, east) for north in (1, 0, -1) for east in (-1, 0, 1) if north or east]
"""Steps to the eight neighbors, in pixels to the north and to the east."""


def horn(z: np.ndarray, dy: np.ndarray | float, dx: np.ndarray | float) -> np.ndarray:
    r"""Slope and downslope aspect in degrees, stacked on a new first axis, by Horn's 3 x 3 weights.

    Horn's gradient is that of the plane through the middle that fits the eight neighbors best, with weights of 2 beside
    and 1 at the corners. Where neighbors are missing it is that of the plane through the others.

    Parameters
    ----------
    z : ndarray (rows + 2, columns + 2)
        Heights with a one-pixel frame, rows from north to south, columns from west to east, m.
    dy, dx : ndarray (rows, 1) or scalar
        Positive pixel spacing of each inner row in m.

    Returns
    -------
    ndarray (2, rows, columns)
        NaN where the pixel itself is NaN, or where those of its neighbors that are known lie on one line through it.
        Aspect runs clockwise from north in [0, 360) and is NaN where the surface is exactly level.
    """
    z = np.asarray(z, dtype=np.float64)
    north_west, north, north_east = z[:-2, :-2], z[:-2, 1:-1], z[:-2, 2:]
    west, center, east = z[1:-1, :-2], z[1:-1, 1:-1], z[1:-1, 2:]
    south_west, south, south_east = z[2:, :-2], z[2:, 1:-1], z[2:, 2:]
    eastward = ((north_east + 2.0 * east + south_east) - (north_west + 2.0 * west + south_west)) / (8.0 * dx)
    northward = ((north_west + 2.0 * north + north_east) - (south_west + 2.0 * south + south_east)) / (8.0 * dy)
    beside = np.isfinite(center) & ~np.isfinite(eastward + northward)
    if beside.any():
        rise = _plane_of_the_rest(z, *np.nonzero(beside))
        northward[beside], eastward[beside] = rise / [np.broadcast_to(step, beside.shape)[beside] for step in (dy, dx)]
    # Horn's weights leave the middle out: a missing pixel would otherwise get the slope of its neighbors.
    slope = np.where(np.isfinite(center), np.degrees(np.arctan(np.hypot(eastward, northward))), np.nan)
    aspect = np.degrees(np.arctan2(-eastward, -northward)) % 360.0
    return np.stack([slope, np.where(slope > 0.0, aspect, np.nan)])


def _plane_of_the_rest(z: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Rise (2, n) a pixel to the north and to the east, of inner pixels that lack some of their neighbors."""
    middle = z[rows + 1, columns + 1]
    north_north, north_east, east_east, up_north, up_east = np.zeros((5, len(rows)))
    for north, east in _NEIGHBORS:
        up = z[rows + 1 - north, columns + 1 + east] - middle
        weight = np.isfinite(up) * (1.0 if north and east else 2.0)
        up = np.where(np.isfinite(up), up, 0.0)
        north_north += weight * north * north
        north_east += weight * north * east
        east_east += weight * east * east
        up_north += weight * up * north
        up_east += weight * up * east
    apart = north_north * east_east - north_east**2  # a whole number
    apart = np.where(apart > 0.5, apart, np.nan)
    return np.stack(
        [(up_north * east_east - up_east * north_east) / apart, (up_east * north_north - up_north * north_east) / apart]
    )
