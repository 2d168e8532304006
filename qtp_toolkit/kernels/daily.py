"""Daily values from composites and back, for many series at once."""

from __future__ import annotations

import numpy as np

MAPS = 16384
"""Series per block of the interpolation, which holds a composite or two of each at a time."""

REACH = 4.0
"""Days beyond the outermost composite centers to which the outermost segments are continued."""


def interpolate(values: np.ndarray, left: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Linear interpolation along the last axis: ``(1 - weight) * values[left] + weight * values[left + 1]``.

    Parameters
    ----------
    values : ndarray (..., n)
    left : ndarray (m,), int
        Index of the left neighbor, 0 to n - 2.
    weight : ndarray (m,)
        Weight of the right neighbor; outside 0..1 it extrapolates, NaN gives NaN.

    Returns
    -------
    ndarray (..., m)
        Same dtype as ``values``; in memory, time is first.
    """
    lead, n = values.shape[:-1], values.shape[-1]
    series = values.reshape(int(np.prod(lead)), n).T
    out = np.empty((len(left), series.shape[1]), dtype=values.dtype)
    # In the type of the values: a float64 scalar would make every product float64.
    steps = list(zip(left.tolist(), weight.astype(values.dtype), strict=True))
    for begin in range(0, series.shape[1], MAPS):
        part = slice(begin, begin + MAPS)
        block, segment = np.ascontiguousarray(series[:, part]), -1
        for day, (i, share) in enumerate(steps):
            # The days of a segment share its rise.
            if i != segment:
                rise, segment = block[i + 1] - block[i], i
            np.multiply(rise, share, out=out[day, part])
            out[day, part] += block[i]
    return out.T.reshape(*lead, len(left))


def interpolation_weights(have: np.ndarray, want: np.ndarray, *, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Find neighbors and weights for :func:`interpolate`; NaN weight more than ``reach`` outside ``have``.

    Parameters
    ----------
    have : ndarray (n,)
        Increasing.
    want : ndarray (m,)
    reach : float
        Accepted linear extrapolation beyond either end.

    Returns
    -------
    left : ndarray (m,), int
    weight : ndarray (m,)
    """
    left = np.clip(np.searchsorted(have, want, side="right") - 1, 0, len(have) - 2)
    weight = (want - have[left]) / (have[left + 1] - have[left])
    outside = (want < have[0] - reach) | (want > have[-1] + reach)
    return left, np.where(outside, np.nan, weight)


def daily_stamps(times: np.ndarray) -> np.ndarray:
    """Days that composites cover.

    Parameters
    ----------
    times : ndarray (n,), datetime64
        Composite centers.

    Returns
    -------
    ndarray (m,), datetime64[D]
        From the first day of the first composite to the last day of the last one: half a composite, 3.5 days, beyond
        the outer centers, but not beyond the calendar year.
    """
    # Daily stamps of a composite lie up to 3.5 days on either side of its center.
    half, day = np.timedelta64(84, "h"), np.timedelta64(1, "D")
    first, last = (times[0] - half).astype("datetime64[D]"), (times[-1] + half).astype("datetime64[D]")
    # The cast cuts to the day: up again, or the day before the composite is made, too.
    first += day if first < times[0] - half else 0 * day
    # Composites begin anew on 1 January: the last of a year is short and ends with it (M20).
    first = max(first, times[0].astype("datetime64[Y]").astype("datetime64[D]"))
    last = min(last, (times[-1].astype("datetime64[Y]") + 1).astype("datetime64[D]") - day)
    return np.arange(first, last + day)


def composite_owner(days: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Composite that each day belongs to.

    A composite starts 3.5 days before its center, or after the end of the one before it where that is later (the last
    composite of a year is short), and ends as long after its center.

    Parameters
    ----------
    days : ndarray (n,)
        Daily stamps, in days.
    centers : ndarray (k,)
        Increasing, on the same scale.

    Returns
    -------
    ndarray (n,), int
        Index of the composite, -1 for none.
    """
    owner = np.full(len(days), -1)
    end = -np.inf
    for i, center in enumerate(centers):
        start = max(center - 3.5, end + 1.0)
        end = 2.0 * center - start
        owner[(days >= start) & (days <= end)] = i
    return owner


def window_mean(values: np.ndarray, owner: np.ndarray, count: int, min_valid: int) -> np.ndarray:
    """Mean of the days that belong to each window, NaN with fewer than ``min_valid`` valid days.

    Parameters
    ----------
    values : ndarray (..., n)
    owner : ndarray (n,), int
        Window of each day, -1 for none.
    count : int
        Number of windows.
    min_valid : int

    Returns
    -------
    ndarray (..., count), float64
    """
    # A product with zeros and ones; NaN would spread through it, so valid days are counted apart.
    member = (owner[:, None] == np.arange(count)).astype(float)
    valid = np.isfinite(values)
    total = np.where(valid, values, 0.0).astype(float) @ member
    number = valid.astype(float) @ member
    enough = number >= max(min_valid, 1)
    return np.where(enough, total / np.where(enough, number, 1.0), np.nan)
