"""Daily interpolation and degree-day sums of many series at once; sums in float64, memory bounded by blocks."""

from __future__ import annotations

import numpy as np

BLOCK = 1024
"""Series per block: bounds the working memory at about 60 MB for six years of days."""


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
        Same dtype as ``values``.
    """
    # Labelled arrays arrive with time first in memory: whole maps are gathered then, not pixels.
    first = np.moveaxis(values, -1, 0)
    out = first[left + 1]
    before = first[left]
    out -= before
    out *= weight.astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
    out += before
    return np.moveaxis(out, 0, -1)


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
    lead, n = values.shape[:-1], values.shape[-1]
    size, k, d = int(np.prod(lead)), len(new_year) - 1, len(wanted)
    flat = values.reshape(size, n)
    thaw, freeze = (np.broadcast_to(onset, lead).reshape(size) for onset in (thaw, freeze))
    addt, addf = np.full((size, d), np.nan), np.full((size, d), np.nan)
    year = np.zeros((size, d), dtype=np.int16)
    addt_end, addf_end = np.full((size, k), np.nan), np.full((size, k), np.nan)
    for begin in range(0, size, BLOCK):
        part = slice(begin, begin + BLOCK)
        sums = _running_sums(flat[part].astype(float))
        first, last = _windows(thaw[part], freeze[part], new_year)
        for c in range(k):
            start, turn, stop = first[:, c, None], last[:, c, None], first[:, c + 1, None]
            inside = (wanted >= start) & (wanted < stop)
            at, af = _since_onset(sums, start, turn, np.broadcast_to(wanted, inside.shape))
            addt[part] = np.where(inside, at, addt[part])
            addf[part] = np.where(inside, af, addf[part])
            year[part] = np.where(inside, c + 1, year[part])
            addt_end[part, c] = _since_onset(sums, start, turn, turn)[0][:, 0]
            addf_end[part, c] = _since_onset(sums, start, turn, stop - 1)[1][:, 0]
    return (
        addt.reshape(*lead, d),
        addf.reshape(*lead, d),
        year.reshape(*lead, d),
        addt_end.reshape(*lead, k),
        addf_end.reshape(*lead, k),
    )


def _running_sums(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Sum up thaw degrees, freeze degrees and missing days, each with a leading 0."""

    def running(part: np.ndarray) -> np.ndarray:
        out = np.zeros((part.shape[0], part.shape[1] + 1))
        np.cumsum(part, axis=1, out=out[:, 1:])
        return out

    missing = np.isnan(block)
    gaps = running(missing) if missing.any() else None
    clean = np.where(missing, 0.0, block)
    return running(np.maximum(clean, 0.0)), running(np.maximum(-clean, 0.0)), gaps


def _windows(thaw: np.ndarray, freeze: np.ndarray, new_year: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last thaw day of every cycle; invalid onsets give windows that hold no day."""
    never = np.iinfo(np.int64).max // 4
    with np.errstate(invalid="ignore"):
        good = (freeze > thaw) & (freeze < thaw + 365)
    first = np.where(good, np.ceil(np.where(good, thaw, 0)) - 1, 0).astype(np.int64)
    last = np.where(good, np.ceil(np.where(good, freeze, 0)) - 1, 0).astype(np.int64)
    first = np.where(good[:, None], first[:, None] + new_year, never)
    return first, np.where(good[:, None], last[:, None] + new_year, never)


def _since_onset(sums, start, turn, day):
    """ADDT and ADDF on ``day`` (m, d) of the cycle that starts at ``start`` and turns to freezing after ``turn``."""
    thawing, freezing, gaps = sums
    n = thawing.shape[1] - 1
    covered = (start >= 0) & (day < n) & (start <= day)
    start, day = np.clip(start, 0, n - 1), np.clip(day, 0, n - 1)
    turn = np.clip(turn, 0, n - 1)
    at = np.take_along_axis(thawing, np.minimum(day, turn) + 1, 1) - np.take_along_axis(thawing, start, 1)
    af = np.take_along_axis(freezing, day + 1, 1) - np.take_along_axis(freezing, np.minimum(day, turn) + 1, 1)
    if gaps is not None:
        covered &= np.take_along_axis(gaps, day + 1, 1) == np.take_along_axis(gaps, start, 1)
    return np.where(covered, at, np.nan), np.where(covered, af, np.nan)


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
    shape = (*values.shape[:-1], len(starts))
    thawing, freezing = np.empty(shape), np.empty(shape)
    for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        window = values[..., start:stop]
        missing = np.isnan(window)
        bad = missing.sum(axis=-1) > max_missing
        clean = np.where(missing, 0, window)
        up = np.maximum(clean, 0).sum(axis=-1, dtype=float)
        down = np.maximum(-clean, 0).sum(axis=-1, dtype=float)
        thawing[..., i], freezing[..., i] = np.where(bad, np.nan, up), np.where(bad, np.nan, down)
    return thawing, freezing
