"""Seasons and motion of the scene's ground, 16 pixels side by side (Numba, compiled on first use).

The daily temperature of a pixel is a product of a few functions of time and a few fields. It is never kept as a map:
each block of pixels forms its running sums in scratch, reads them at the onsets and at the acquisitions, and goes on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels._jit import fused

LANES = 16
"""Pixels that are worked on side by side, in the innermost loops."""

SPRING, AUTUMN = (60, 206), (204, 352)
"""Days after 1 January between which the thaw and the freeze onset are looked for."""

_NEVER = 200
"""Day of both onsets where the ground never thaws or never freezes."""


class Calendar(NamedTuple):
    """Functions of time (days, components), how many of them are smooth, first day of each year, days to return."""

    functions: np.ndarray
    smooth: int
    new_year: np.ndarray
    wanted: np.ndarray
    rate_years: tuple[int, int]


class Pixels(NamedTuple):
    """What moves the pixels: fields (components, pixel), strength (year, pixel), all others (pixel,), float32."""

    fields: np.ndarray
    strength: np.ndarray
    ratio: np.ndarray
    amplitude: np.ndarray
    ice_rate: np.ndarray
    tectonic_rate: np.ndarray


@fused
def move(calendar, pixels, yearly, displacement):
    """Fill ``yearly`` (4, year, pixel) with onsets and degree days and ``displacement`` (date, pixel) in mm.

    ``yearly`` holds thaw onset, freeze onset (day of year; NaN where there is none), degree days of thaw and of freeze
    from onset to onset.
    """
    n_days, n_pixels = calendar.functions.shape[0], pixels.fields.shape[1]
    smooth = np.zeros((n_days, LANES), np.float32)
    warm = np.zeros((n_days + 1, LANES), np.float32)
    cold = np.zeros((n_days + 1, LANES), np.float32)
    fields = np.zeros((pixels.fields.shape[0], LANES), np.float32)
    begin = np.zeros(len(calendar.new_year) + 1, np.int64)
    end = np.zeros(len(calendar.new_year), np.int64)
    for left in range(0, n_pixels, LANES):
        width = min(LANES, n_pixels - left)  # what lanes beyond it hold is worked on too, and never read
        for k in range(fields.shape[0]):
            for i in range(width):
                fields[k, i] = pixels.fields[k, left + i]
        _accumulate(calendar, fields, smooth, warm, cold)
        for i in range(width):
            _onsets(calendar, smooth[:, i], yearly[:, :, left + i], begin, end)
            _displace(calendar, pixels, left + i, warm[:, i], cold[:, i], begin, end, yearly, displacement)


@fused
def _accumulate(calendar, fields, smooth, warm, cold):
    """Smooth part of the temperature, and sums of warm and of cold degrees of all days before."""
    functions = calendar.functions
    zero = np.float32(0)  # 0.0 would turn the sums into float64, half as many to a register
    weather = np.empty(LANES, np.float32)
    # Pixels innermost: along the days each sum waits for the one before, across pixels they go side by side.
    for day in range(functions.shape[0]):
        smooth[day] = zero
        weather[:] = zero
        for k in range(calendar.smooth):
            for i in range(LANES):
                smooth[day, i] += functions[day, k] * fields[k, i]
        for k in range(calendar.smooth, functions.shape[1]):
            for i in range(LANES):
                weather[i] += functions[day, k] * fields[k, i]
        for i in range(LANES):
            degrees = smooth[day, i] + weather[i]
            warm[day + 1, i] = warm[day, i] + max(degrees, zero)
            cold[day + 1, i] = cold[day, i] + max(-degrees, zero)


@fused
def _onsets(calendar, smooth, yearly, begin, end):
    """Onsets of each year, and the days on which its thaw and its freeze season begin."""
    for year, first in enumerate(calendar.new_year):
        # Without weather, which crosses zero many times in spring and in autumn.
        thaw, freeze = _thaw(smooth, first), _freeze(smooth, first)
        yearly[0, year], yearly[1, year] = thaw, freeze
        known = np.isfinite(thaw) and np.isfinite(freeze)
        begin[year] = first + (int(thaw) if known else _NEVER)
        end[year] = first + (int(freeze) if known else _NEVER)
    begin[len(calendar.new_year)] = len(smooth)  # the last freeze season ends with the record


@fused
def _thaw(smooth, first):
    """Last upward crossing of zero before summer, NaN without one."""
    last = first + SPRING[1] - 1
    if smooth[last] < 0:
        return np.nan
    day = last
    while day >= first + SPRING[0] and smooth[day] >= 0:
        day -= 1
    if day < first + SPRING[0]:
        return np.nan
    return day - first + 1 + smooth[day] / (smooth[day] - smooth[day + 1])


@fused
def _freeze(smooth, first):
    """First downward crossing of zero after summer, NaN without one."""
    day, last = first + AUTUMN[0], first + AUTUMN[1] - 1
    if smooth[day] < 0:
        return np.nan
    while day <= last and smooth[day] >= 0:
        day += 1
    if day > last:
        return np.nan
    return day - first + smooth[day - 1] / (smooth[day - 1] - smooth[day])


@fused
def _displace(calendar, pixels, p, warm, cold, begin, end, yearly, displacement):  # noqa: PLR0917
    """Displacement of one pixel: ice lost with the thaw, steady tectonics, and heave with the seasons."""
    years = len(end)
    ratio = pixels.ratio[p]
    peak, season = 0.0, 0.0
    for year in range(years):
        yearly[2, year, p] = warm[end[year]] - warm[begin[year]]
        yearly[3, year, p] = cold[begin[year + 1]] - cold[end[year]]
        # The amplitude asked for is that of a mean year: each year's own follows its degree days and its strength.
        peak += np.sqrt(yearly[2, year, p]) * pixels.strength[year, p] / years
        if calendar.rate_years[0] <= year < calendar.rate_years[1]:
            season += yearly[2, year, p] / (calendar.rate_years[1] - calendar.rate_years[0])
    scale, season = pixels.amplitude[p] / max(peak, 1e-3), max(season, 1e-3)  # ground that never thaws stands still
    year, lost = 0, 0.0  # dates ascend: one walk through the years serves them all
    for number, day in enumerate(calendar.wanted):
        while year + 1 < years and day + 1 > begin[year + 1]:
            lost += yearly[2, year, p] / season
            year += 1
        addt, addf = yearly[2, year, p], yearly[3, year, p]
        closed = ratio
        if year + 1 < years and ratio * addf < addt:  # a cycle that does not freeze through ends closed
            closed = max(min(addt / max(addf, 1.0), 1e3), ratio)
        thawed = max(warm[max(min(day + 1, end[year]), 0)] - warm[begin[year]], 0.0)
        frozen = max(cold[day + 1] - cold[end[year]], 0.0) if day + 1 > end[year] else 0.0
        index = max(np.sqrt(thawed) - np.sqrt(closed * frozen), 0.0)
        thawing = pixels.ice_rate[p] * (lost + thawed / season)
        steady = pixels.tectonic_rate[p] * day / 365.25
        displacement[number, p] = thawing + steady - scale * pixels.strength[year, p] * index
