"""Phase against elevation in overlapping windows, from sums over them. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np

_TERMS = np.array([(0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0)]).T
"""Powers of elevation, x and y in the terms of the fit: a constant, a plane, the elevation."""


def hats(position: np.ndarray, number: int) -> np.ndarray:
    """Weights of windows along an axis: 1 in the middle of each, falling to 0 in the middles of its neighbors.

    Parameters
    ----------
    position : (n,) array
        -1 at one end of the axis, 1 at the other; beyond the ends as at the ends.
    number : int
        Windows, the outermost with their middles on the ends; a single one has weight 1 everywhere.

    Returns
    -------
    (n, number) array
        They add up to 1 at every position.
    """
    if number == 1:
        return np.ones((len(position), 1))
    at = (np.clip(position, -1.0, 1.0) + 1.0) / 2.0 * (number - 1)
    return np.clip(1.0 - np.abs(at[:, None] - np.arange(number)), 0.0, None)


def slopes(moments: np.ndarray, pulls: np.ndarray, *, relief: float) -> tuple[np.ndarray, np.ndarray]:
    """Change of the phase with elevation in every window, beside a plane.

    Parameters
    ----------
    moments : (..., rows, columns, 3, 3, 3) array
        Weighted sums of the products of powers of elevation, x and y.
    pulls : (..., rows, columns, 2, 2, 2) array
        The same, times the phase.
    relief : float
        Windows whose elevation varies by less about a plane (standard deviation) get the slope of all windows together;
        that is 0 if they do not vary by more all together.

    Returns
    -------
    slope, relief : (..., rows, columns) arrays
    """
    # The windows' weights add up to 1 in every pixel, so that their sums are those of the whole.
    everywhere, _ = _fit(moments.sum((-5, -4), keepdims=True), pulls.sum((-5, -4), keepdims=True), relief)
    slope, found = _fit(moments, pulls, relief)
    return np.where(found >= relief, slope, everywhere), found


def _fit(moments: np.ndarray, pulls: np.ndarray, relief: float) -> tuple[np.ndarray, np.ndarray]:
    a, b, c = _TERMS
    normal = moments[..., a[:, None] + a, b[:, None] + b, c[:, None] + c]
    right = pulls[..., a, b, c]
    across = normal[..., :3, 3]
    taken = (np.linalg.pinv(normal[..., :3, :3], rcond=1e-10, hermitian=True) @ across[..., None])[..., 0]
    beside = normal[..., 3, 3] - (taken * across).sum(axis=-1)
    found = np.sqrt(np.clip(beside, 0.0, None) / np.maximum(normal[..., 0, 0], np.finfo(float).tiny))
    pulled = right[..., 3] - (taken * right[..., :3]).sum(axis=-1)
    varies = found >= relief
    return np.where(varies, pulled / np.where(varies, beside, 1.0), 0.0), found


def follow(
    slope: np.ndarray, level: np.ndarray, height: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Phase of the terrain in a block of pixels, from slopes and mean elevations of windows.

    Parameters
    ----------
    slope : (..., 1, 1, i, j) array, or (i, j)
        rad/km.
    level : (i, j) array
        m.
    height : (y, x) array
        m.
    rows, columns : (y, 1, i) and (x, j) arrays
        Weights of the windows.

    Returns
    -------
    (..., y, x) array
        rad, float32.
    """
    along, across = rows.reshape(len(rows), -1), columns.T
    above = (height - along @ level.reshape(level.shape[-2:]) @ across) / 1000.0
    steep = along @ slope.reshape(*slope.shape[:-4], *slope.shape[-2:]) @ across
    return (steep * above).astype(np.float32)
