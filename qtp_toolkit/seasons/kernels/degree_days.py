"""Degree-day sums of many series at once, every cycle in one pass over the days (Numba, compiled on first use).

Sums are in float64, memory is bounded by blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels._jit import exact

WIDTH = 32
"""Series that are summed side by side: their running sums over six years stay in the cache."""

BLOCK = 512
"""Series per block: six years of their days take 9 MB."""


class Axis(NamedTuple):
    """Days that matter to all series."""

    new_year: np.ndarray
    """(k + 1,) int: index of 1 January of each cycle and of the year after the last."""

    wanted: np.ndarray
    """(d,) int: days to return."""


class DegreeDays(NamedTuple):
    """What is written, for m series."""

    addt: np.ndarray
    """(m, d), as ``addf``."""
    addf: np.ndarray
    year: np.ndarray
    """(m, d), int16."""
    addt_end: np.ndarray
    """(m, k), as ``addf_end``."""
    addf_end: np.ndarray


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
    lead = values.shape[:-1]
    size, k, d = int(np.prod(lead)), len(new_year) - 1, len(wanted)
    thaw, freeze = (np.broadcast_to(onset, lead).reshape(size).astype(float) for onset in (thaw, freeze))
    kinds = (d, float), (d, float), (d, np.int16), (k, float), (k, float)
    out = [np.empty((rows, size), kind) for rows, kind in kinds]
    axis = Axis(new_year.astype(np.int64), wanted.astype(np.int64))
    for part, block in column_blocks(values):
        m = block.shape[1]
        found = DegreeDays(*(np.full((m, rows), np.nan if kind is float else 0, kind) for rows, kind in kinds))
        _scan(block, thaw[part].copy(), freeze[part].copy(), axis, found)
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
            # ``abs``, not a minus: a year without frost gives 0, not -0.
            up, down = np.maximum(window, 0.0).sum(axis=0), np.abs(np.minimum(window, 0.0).sum(axis=0))
            # NaN spreads through the quick sums; only series with gaps are looked at again.
            gaps = np.flatnonzero(np.isnan(up))
            if gaps.size:
                holes = window[:, gaps]
                few = np.isnan(holes).sum(axis=0) <= max_missing
                for total, limit in ((up, np.fmax), (down, np.fmin)):
                    total[gaps] = np.where(few, np.abs(limit(holes, 0.0).sum(axis=0)), np.nan)
            thawing[i, part], freezing[i, part] = up, down
    return thawing.T.reshape(*lead, len(starts)), freezing.T.reshape(*lead, len(starts))


@exact
def _scan(block, thaw, freeze, axis, out):
    """Write the sums of :func:`degree_days` for one block.

    Parameters
    ----------
    block : ndarray (n, m)
        Daily values, NaN where missing.
    thaw, freeze : ndarray (m,)
    axis : Axis
    out : DegreeDays
    """
    n, m = block.shape
    sums = np.zeros((3, n + 1, WIDTH))
    for begin in range(0, m, WIDTH):
        width = min(WIDTH, m - begin)
        _add_up(block, begin, width, sums)
        for i in range(width):
            at = begin + i
            # False for NaN: such a series keeps NaN, and year 0.
            if thaw[at] < freeze[at] < thaw[at] + 365.0:
                # First day at or after the onset; day of year 1 has index 0.
                season = int(np.ceil(thaw[at])) - 1, int(np.ceil(freeze[at])) - 1
                _write_ends(sums[:, :, i], season, axis, out, at)
                _write_days(sums[:, :, i], season, axis, out, at)


@exact
def _add_up(block, begin, width, sums):
    """Degrees above and below zero and missing days, up to each day."""
    for t in range(block.shape[0]):
        # Views of one row each: indices that start at 0 let the compiler work on several series at once.
        today = block[t, begin : begin + width]
        warm, cold, gaps = sums[0, t], sums[1, t], sums[2, t]
        warmer, colder, more = sums[0, t + 1], sums[1, t + 1], sums[2, t + 1]
        for i in range(width):
            x = today[i]
            warmer[i] = warm[i] + (x if x > 0.0 else 0.0)
            colder[i] = cold[i] + (-x if x < 0.0 else 0.0)
            more[i] = gaps[i] + (1.0 if np.isnan(x) else 0.0)


@exact
def _sum_since_onset(sums, start, turn, day):
    """ADDT and ADDF on ``day`` of the cycle that starts at ``start`` and turns to freezing after ``turn``."""
    # A day that is missing anywhere since the onset makes the sum unknown, not smaller (M25).
    if start < 0 or start > day or day >= sums.shape[1] - 1 or sums[2, day + 1] != sums[2, start]:
        return np.nan, np.nan
    last = min(day, turn)
    return sums[0, last + 1] - sums[0, start], sums[1, day + 1] - sums[1, last + 1]


@exact
def _write_ends(sums, season, axis, out, at):
    first, turn = season
    for c in range(axis.new_year.size - 1):
        start, last = first + axis.new_year[c], turn + axis.new_year[c]
        out.addt_end[at, c] = _sum_since_onset(sums, start, last, last)[0]
        # Freezing ends on the day before the next thaw onset.
        out.addf_end[at, c] = _sum_since_onset(sums, start, last, first + axis.new_year[c + 1] - 1)[1]


@exact
def _write_days(sums, season, axis, out, at):
    first, turn = season
    new_year, c = axis.new_year, 0
    for k in range(axis.wanted.size):
        day = axis.wanted[k]
        # Dates need not be in order.
        if day < first + new_year[c]:
            c = 0
        while c < new_year.size - 2 and day >= first + new_year[c + 1]:
            c += 1
        if first + new_year[c] <= day < first + new_year[c + 1]:
            out.year[at, k] = c + 1
            out.addt[at, k], out.addf[at, k] = _sum_since_onset(sums, first + new_year[c], turn + new_year[c], day)
