"""What every value of a stack goes through on its way into a store, in one pass (Numba, compiled on first use)."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels._jit import exact
from qtp_toolkit.store.kernels.size import STEP


@exact
def summarize(values, means, least, largest):
    """Means of tiles of 8 x 8 pixels, and the limits of each plane.

    A mean depends on the pixels of its tile only: eight rows are summed in float32, then eight columns in float64.

    Parameters
    ----------
    values : numpy.ndarray
        float32 (plane, y, x); tiles at the lower and right edge may be smaller.
    means : numpy.ndarray
        float32 (plane, tile, tile); filled with the means of the finite pixels, NaN where there is none.
    least, largest : numpy.ndarray
        float32 (plane,), filled; 0 belongs to them, NaN does not.
    """
    planes, rows, columns = values.shape
    low, high, total = np.empty((3, columns), np.float32)
    for k in range(planes):
        low[:] = 0
        high[:] = 0
        for top in range(0, rows, STEP):
            bottom = min(top + STEP, rows)
            total[:] = 0
            for i in range(top, bottom):
                for j in range(columns):
                    total[j] += values[k, i, j]
                for j in range(columns):
                    low[j] = values[k, i, j] if values[k, i, j] < low[j] else low[j]
                for j in range(columns):
                    high[j] = values[k, i, j] if values[k, i, j] > high[j] else high[j]
            for left in range(0, columns, STEP):
                right = min(left + STEP, columns)
                mean = np.float64(0)
                for j in range(left, right):
                    mean += total[j]
                mean = mean / STEP**2
                if not np.isfinite(mean) or bottom - top < STEP or right - left < STEP:
                    mean = _mean_of_finite(values[k, top:bottom, left:right])
                means[k, top // STEP, left // STEP] = mean
        least[k] = low.min()
        largest[k] = high.max()


@exact
def _mean_of_finite(tile):
    total, count = np.float64(0), 0
    for row in tile:
        for value in row:
            if np.isfinite(value):
                total += value
                count += 1
    return total / count if count else np.nan


@exact
def to_integers(values, per_unit, fill, smallest, out):
    """Nearest integers of ``values * per_unit``, worked out in float32.

    Parameters
    ----------
    values : numpy.ndarray
        float32 (plane, y, x), NaN or within what the integers hold.
    per_unit : float
    fill : float
        The integer of NaN.
    smallest : float
        The least integer of a value above 0.
    out : numpy.ndarray
        Integers (plane, y, x); filled.
    """
    planes, rows, columns = values.shape
    per_unit, fill, smallest = np.float32(per_unit), np.float32(fill), np.float32(smallest)
    for k in range(planes):
        for i in range(rows):
            for j in range(columns):
                value = values[k, i, j]
                count = np.rint(value * per_unit)
                count = smallest if value > 0 and count < smallest else count
                out[k, i, j] = fill if np.isnan(value) else count
