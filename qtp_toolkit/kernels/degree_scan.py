"""Degree-day sums of every cycle in one pass over the days (numba; import only where it is used)."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

_jit = numba.njit(cache=True, nogil=True)

WIDTH = 32
"""Series that are summed side by side: their running sums over six years stay in the cache."""


class Axis(NamedTuple):
    """Days that matter to all series."""

    new_year: np.ndarray
    """(k + 1,) int: index of 1 January of each cycle and of the year after the last."""

    wanted: np.ndarray
    """(d,) int: days to return."""


class Sums(NamedTuple):
    """What is written, for m series."""

    addt: np.ndarray
    """(m, d), as ``addf``."""
    addf: np.ndarray
    year: np.ndarray
    """(m, d), int16."""
    addt_end: np.ndarray
    """(m, k), as ``addf_end``."""
    addf_end: np.ndarray


@_jit
def degree_days(block, thaw, freeze, axis, out):
    """Write the sums of :func:`qtp_toolkit.kernels.accumulate.degree_days` for one block.

    Parameters
    ----------
    block : ndarray (n, m)
        Daily values, NaN where missing.
    thaw, freeze : ndarray (m,)
    axis : Axis
    out : Sums
    """
    n, m = block.shape
    sums = np.zeros((3, n + 1, WIDTH))
    for begin in range(0, m, WIDTH):
        width = min(WIDTH, m - begin)
        _running_sums(block, begin, width, sums)
        for i in range(width):
            at = begin + i
            if thaw[at] < freeze[at] < thaw[at] + 365.0:
                season = int(np.ceil(thaw[at])) - 1, int(np.ceil(freeze[at])) - 1
                _ends(sums[:, :, i], season, axis, out, at)
                _days(sums[:, :, i], season, axis, out, at)


@_jit
def _running_sums(block, begin, width, sums):
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


@_jit
def _since_onset(sums, start, turn, day):
    """ADDT and ADDF on ``day`` of the cycle that starts at ``start`` and turns to freezing after ``turn``."""
    if start < 0 or start > day or day >= sums.shape[1] - 1 or sums[2, day + 1] != sums[2, start]:
        return np.nan, np.nan
    last = min(day, turn)
    return sums[0, last + 1] - sums[0, start], sums[1, day + 1] - sums[1, last + 1]


@_jit
def _ends(sums, season, axis, out, at):
    first, turn = season
    for c in range(axis.new_year.size - 1):
        start, last = first + axis.new_year[c], turn + axis.new_year[c]
        out.addt_end[at, c] = _since_onset(sums, start, last, last)[0]
        out.addf_end[at, c] = _since_onset(sums, start, last, first + axis.new_year[c + 1] - 1)[1]


@_jit
def _days(sums, season, axis, out, at):
    first, turn = season
    new_year, c = axis.new_year, 0
    for k in range(axis.wanted.size):
        day = axis.wanted[k]
        if day < first + new_year[c]:
            c = 0
        while c < new_year.size - 2 and day >= first + new_year[c + 1]:
            c += 1
        if first + new_year[c] <= day < first + new_year[c + 1]:
            out.year[at, k] = c + 1
            out.addt[at, k], out.addf[at, k] = _since_onset(sums, first + new_year[c], turn + new_year[c], day)
