"""True motion of the ground: seasons that differ from year to year, ice loss, tectonics and a late winter heave.

Richer than the model that is fitted to it: every year has its own onsets, degree days and strength, tectonic motion
is steady in calendar time while ice is lost with the thaw, and the drained lake basin keeps rising in late winter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from qtp_toolkit.synthetic import places
from qtp_toolkit.synthetic.fields import Fields
from qtp_toolkit.synthetic.frame import Frame, generator
from qtp_toolkit.synthetic.temperature import DAYS, SMOOTH, YEARS, crossings, time_functions

_BLOCK = 2048
_RATE_YEARS = slice(1, 6)
"""Thaw seasons that the acquisitions cover: 2015 to 2019."""
_CHANGE = 0.11
"""Relative change of the seasonal strength between years."""


class _Pixels(NamedTuple):
    """What moves a block of pixels, all (..., pixels)."""

    components: np.ndarray
    strength: np.ndarray
    ratio: np.ndarray
    amplitude: np.ndarray
    ice_rate: np.ndarray
    tectonic: np.ndarray


class Motion(NamedTuple):
    """Seasons and motion of a frame; spatial dims last."""

    thaw_onset: np.ndarray
    freeze_onset: np.ndarray
    addt_max: np.ndarray
    addf_max: np.ndarray
    displacement: np.ndarray


def strengths(frame: Frame) -> np.ndarray:
    """Relative strength of the seasonal motion in each year, (years, ny, nx)."""
    common = generator(frame.seed, "strength").standard_normal(len(YEARS))
    local = np.stack([frame.noise(f"strength {year}", 20e3) for year in YEARS])
    change = np.clip(0.5 * common[:, None, None] + 0.85 * local, -2.5, 2.5)
    return (1.0 + _CHANGE * change).astype(np.float32)


def late_heave(dates: pd.DatetimeIndex) -> np.ndarray:
    """Share of the late winter heave present at each date: it grows from November to March and is gone by the thaw."""
    day = dates.day_of_year.to_numpy().astype(float)
    winter = np.where(day > 300, day - 305.0, day + 60.0)
    shape = np.clip(winter / 100.0, 0, 1) * np.clip((205.0 - winter) / 40.0, 0, 1)
    year = dates.year.to_numpy() + (day > 300)
    return shape * (year >= 2017)


def motion(frame: Frame, components: np.ndarray, ground: Fields, ratio: np.ndarray, dates: pd.DatetimeIndex) -> Motion:
    """Seasons and displacement of a frame.

    Parameters
    ----------
    frame : Frame
    components : numpy.ndarray
        (components, ny, nx) fields of the temperature.
    ground : Fields
    ratio : numpy.ndarray
        (ny, nx) frozen over thawed conductivity.
    dates : pandas.DatetimeIndex
        Acquisitions.

    Returns
    -------
    Motion
        Onsets (years, ny, nx) day of year; degree days (years, ny, nx) degC d; displacement (dates, ny, nx) in mm.
    """
    size = frame.shape[0] * frame.shape[1]
    flat = [a.reshape(-1, size) for a in (components, strengths(frame), ratio[None], ground.seasonal_amplitude[None])]
    flat += [ground.ice_rate.reshape(1, size), ground.tectonic_rate.reshape(1, size)]
    extra = places.weight(frame, places.DRAINED, plateau=0.95, end=1.5).reshape(size)
    heave = 8.5 * late_heave(dates)[:, None]
    years, count = len(YEARS), len(dates)
    yearly = np.empty((4, years, size), dtype=np.float32)
    displacement = np.empty((count, size), dtype=np.float32)
    time = time_functions(frame.seed)
    for start in range(0, size, _BLOCK):
        part = slice(start, start + _BLOCK)
        *yearly[:, :, part], displacement[:, part] = _pixels(time, _Pixels(*(a[:, part] for a in flat)), dates)
        if extra[part].any():
            displacement[:, part] += heave * extra[None, part]
    shape = frame.shape
    return Motion(*(a.reshape(years, *shape) for a in yearly), displacement.reshape(count, *shape))


def _running_sum(values: np.ndarray) -> np.ndarray:
    """Sum of all days before, (days + 1, pixels): day by day, which keeps the memory access in order."""
    out = np.zeros((values.shape[0] + 1, values.shape[1]), dtype=values.dtype)
    for day, row in enumerate(values):
        np.add(out[day], row, out=out[day + 1])
    return out


def _pixels(time: np.ndarray, ground: _Pixels, dates: pd.DatetimeIndex) -> tuple[np.ndarray, ...]:
    """Seasons and displacement of a block of pixels, all (..., pixels)."""
    components, strength, ratio, amplitude, ice_rate, tectonic = ground
    temperature = time @ components
    thaw, freeze = crossings(time[:, :SMOOTH] @ components[:SMOOTH])
    warm, cold = _running_sum(np.maximum(temperature, 0.0)), _running_sum(np.maximum(-temperature, 0.0))
    first = np.searchsorted(DAYS.year, YEARS)[:, None]
    never = ~(np.isfinite(thaw) & np.isfinite(freeze))
    begin = np.where(never, 200, np.floor(np.nan_to_num(thaw))).astype(int) + first
    end = np.where(never, 200, np.floor(np.nan_to_num(freeze))).astype(int) + first
    close = np.vstack([begin[1:], np.full((1, begin.shape[1]), DAYS.size)])

    def upto(sums: np.ndarray, day: np.ndarray) -> np.ndarray:
        return np.take_along_axis(sums, day, axis=0)

    warm_begin, warm_end, cold_end = upto(warm, begin), upto(warm, end), upto(cold, end)
    addt, addf = warm_end - warm_begin, upto(cold, close) - cold_end
    closing = np.where(np.arange(len(YEARS))[:, None] < len(YEARS) - 1, addt / np.maximum(addf, 1.0), np.inf)
    ratios = np.where(ratio * addf < addt, np.maximum(np.minimum(closing, 1e3), ratio), ratio)
    ratios[-1] = ratio[0]
    peak = np.sqrt(addt) * strength
    scale = amplitude / np.maximum(peak.mean(axis=0), 1e-3) * strength
    shares = addt / np.maximum(addt[_RATE_YEARS].mean(axis=0), 1e-3)
    before = np.vstack([np.zeros((1, addt.shape[1])), np.cumsum(shares, axis=0)[:-1]])

    out = np.empty((len(dates), temperature.shape[1]))
    for number, day in enumerate((dates - DAYS[0]).days):
        year = np.maximum((day + 1 > begin).sum(axis=0) - 1, 0)[None]
        at = np.minimum(day + 1, np.take_along_axis(end, year, axis=0))
        thawed = upto(warm, at) - np.take_along_axis(warm_begin, year, axis=0)
        frozen = np.maximum(cold[day + 1] - np.take_along_axis(cold_end, year, axis=0), 0.0)
        thawed = np.maximum(thawed, 0.0)
        index = np.sqrt(thawed) - np.sqrt(np.take_along_axis(ratios, year, axis=0) * frozen * (day + 1 > at))
        lost = np.take_along_axis(before, year, axis=0)
        lost = lost + np.take_along_axis(shares, year, axis=0) * thawed / np.maximum(
            np.take_along_axis(addt, year, axis=0), 1e-3
        )
        seasonal = np.take_along_axis(scale, year, axis=0) * np.maximum(index, 0.0)
        out[number] = (ice_rate * lost + tectonic * (day / 365.25) - seasonal)[0]
    return thaw, freeze, addt, addf, out.astype(np.float32)
