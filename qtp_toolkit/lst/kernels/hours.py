"""Means of days and values at hours of the day from hourly series."""

from __future__ import annotations

import numpy as np


def run_means(values: np.ndarray, starts: np.ndarray, least: int) -> np.ndarray:
    """Mean of each run of the last axis, NaN with fewer than ``least`` valid values.

    Parameters
    ----------
    values : ndarray (..., n)
    starts : ndarray (m,), int
        First index of each run, increasing; a run ends where the next begins, the last with the axis.
    least : int

    Returns
    -------
    ndarray (..., m)
        Same dtype.
    """
    valid = np.isfinite(values)
    total = np.add.reduceat(np.where(valid, values, 0.0).astype(float), starts, axis=-1)
    number = np.add.reduceat(valid.astype(np.int64), starts, axis=-1)
    enough = number >= max(least, 1)
    return np.where(enough, total / np.where(enough, number, 1), np.nan).astype(values.dtype)


def at_hours(
    values: np.ndarray, longitude: np.ndarray, *, hours: np.ndarray, midnights: np.ndarray, length: int = 0
) -> np.ndarray:
    """Values at hours of local solar time, linear between the full hours of UTC.

    Parameters
    ----------
    values : ndarray (..., n)
        One a full hour of UTC, without holes in the axis.
    longitude : ndarray (...)
        Degrees east: the sun is ahead of UTC by an hour each 15 degrees.
    hours : ndarray (h,)
        Local solar time.
    midnights : ndarray (m,), int
        Index of 0 h UTC of each wanted day on the axis; may lie before it.
    length : int
        If not 0, each day is a circle of so many hours that begins at its midnight: a mean day.

    Returns
    -------
    ndarray (..., h, m)
        Same dtype; NaN where a neighbor is NaN or off the axis.
    """
    when = hours[:, None] - longitude[..., None, None] / 15.0  # (..., h, 1), hours of UTC
    left = np.floor(when).astype(np.int64)
    share = (when - left).astype(values.dtype)
    ends = [_on_axis(left + step, midnights, length) for step in (0, 1)]
    first, second = (_take(values, place) for place in ends)
    # a neighbor without weight does not count, so that full hours need no other
    return np.where(share == 0, first, (1 - share) * first + share * second)


def _on_axis(hour: np.ndarray, midnights: np.ndarray, length: int) -> np.ndarray:
    return midnights + (hour % length if length else hour)


def _take(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    lead, n = values.shape[:-1], values.shape[-1]
    inside = (place >= 0) & (place < n)
    flat = np.clip(place, 0, n - 1).reshape(*lead, -1)
    found = np.take_along_axis(values, flat, axis=-1).reshape(place.shape)
    return np.where(inside, found, np.asarray(np.nan, values.dtype))
