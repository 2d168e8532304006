"""Daily interpolation and degree-day sums of many series at once; sums in float64, memory bounded by blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 512
"""Series per block: six years of their days take 9 MB."""

MAPS = 16384
"""Series per block of the interpolation, which holds a composite or two of each at a time."""


REACH = 4.0
"""Days beyond the outermost composite centers to which the outermost segments are continued."""


def column_blocks(values: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Cut series into blocks of float64 with time first, one block in memory at a time.

    Parameters
    ----------
    values : ndarray (..., n)
        In any memory order: labelled arrays arrive with time first in memory.

    Yields
    ------
    part : slice
        Which of the flattened series.
    block : ndarray (n, m), float64
        C order; the caller must not keep it.
    """
    series = values.reshape(int(np.prod(values.shape[:-1])), values.shape[-1]).T
    for begin in range(0, series.shape[1], BLOCK):
        part = slice(begin, min(begin + BLOCK, series.shape[1]))
        yield part, np.ascontiguousarray(series[:, part], dtype=float)


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
    steps = list(zip(left.tolist(), weight.astype(values.dtype), strict=True))
    for begin in range(0, series.shape[1], MAPS):
        part = slice(begin, begin + MAPS)
        block, segment = np.ascontiguousarray(series[:, part]), -1
        for day, (i, share) in enumerate(steps):
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
    half, day = np.timedelta64(84, "h"), np.timedelta64(1, "D")
    first, last = (times[0] - half).astype("datetime64[D]"), (times[-1] + half).astype("datetime64[D]")
    first += day if first < times[0] - half else 0 * day
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
    member = (owner[:, None] == np.arange(count)).astype(float)
    valid = np.isfinite(values)
    total = np.where(valid, values, 0.0).astype(float) @ member
    number = valid.astype(float) @ member
    enough = number >= max(min_valid, 1)
    return np.where(enough, total / np.where(enough, number, 1.0), np.nan)


def degree_days(
    values: np.ndarray, thaw: np.ndarray, freeze: np.ndarray, new_year: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Accumulated degree days of thaw and freeze since the last thaw onset.

    Parameters
    ----------
    values : ndarray (..., n)
        Daily temperature, NaN where missing.
    thaw, freeze : ndarray (...)
        Day of year of the onsets, 1-based; the first thaw day is ``ceil(thaw)``, the last one ``ceil(freeze)``.
    new_year : ndarray (k + 1,), int
        Index of 1 January of each of k cycles and of the year after the last; may lie outside 0..n-1.
    wanted : ndarray (d,), int
        Days to return.

    Returns
    -------
    addt, addf : ndarray (..., d)
        degC d, NaN before the first onset, where the onsets are invalid and where a day of the window is missing.
    year : ndarray (..., d), int16
        Number of the cycle from 1; 0 before the first onset and where the onsets are invalid.
    addt_end, addf_end : ndarray (..., k)
        Sums of the whole thaw season and of the whole freeze season of each cycle, NaN where the season is not
        covered to its end.
    """
    from qtp_toolkit.kernels import degree_scan  # noqa: PLC0415  (numba)

    lead = values.shape[:-1]
    size, k, d = int(np.prod(lead)), len(new_year) - 1, len(wanted)
    thaw, freeze = (np.broadcast_to(onset, lead).reshape(size).astype(float) for onset in (thaw, freeze))
    kinds = {
        "addt": (d, float),
        "addf": (d, float),
        "year": (d, np.int16),
        "addt_end": (k, float),
        "addf_end": (k, float),
    }
    out = degree_scan.Sums(**{name: np.empty((rows, size), kind) for name, (rows, kind) in kinds.items()})
    axis = degree_scan.Axis(new_year.astype(np.int64), wanted.astype(np.int64))
    for part, block in column_blocks(values):
        found = {name: np.full((block.shape[1], rows), np.nan) for name, (rows, _) in kinds.items()}
        found["year"] = np.zeros((block.shape[1], d), dtype=np.int16)
        found = degree_scan.Sums(**found)
        degree_scan.degree_days(block, thaw[part].copy(), freeze[part].copy(), axis, found)
        for to, what in zip(out, found, strict=True):
            to[:, part] = what.T
    return tuple(array.T.reshape(*lead, len(array)) for array in out)


def yearly_sums(values: np.ndarray, starts: np.ndarray, stops: np.ndarray, max_missing: int):
    """Degree days of thawing and freezing between day indices, one result per (start, stop).

    Parameters
    ----------
    values : ndarray (..., n)
        Daily temperature.
    starts, stops : ndarray (k,), int
        Half-open windows.
    max_missing : int
        Missing days (which contribute nothing) that a window may have, else NaN.

    Returns
    -------
    thawing, freezing : ndarray (..., k), float64
    """
    lead = values.shape[:-1]
    thawing, freezing = (np.empty((len(starts), int(np.prod(lead)))) for _ in range(2))
    for part, block in column_blocks(values):
        for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            window = block[start:stop]
            up, down = np.maximum(window, 0.0).sum(axis=0), np.abs(np.minimum(window, 0.0).sum(axis=0))
            gaps = np.flatnonzero(np.isnan(up))
            if gaps.size:
                holes = window[:, gaps]
                few = np.isnan(holes).sum(axis=0) <= max_missing
                for total, limit in ((up, np.fmax), (down, np.fmin)):
                    total[gaps] = np.where(few, np.abs(limit(holes, 0.0).sum(axis=0)), np.nan)
            thawing[i, part], freezing[i, part] = up, down
    return thawing.T.reshape(*lead, len(starts)), freezing.T.reshape(*lead, len(starts))
