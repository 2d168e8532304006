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
from qtp_toolkit.synthetic.temperature import DAYS, SMOOTH, YEARS, time_functions

_RATE_YEARS = (1, 6)
"""Thaw seasons that the acquisitions cover: 2015 to 2019."""
_CHANGE = 0.11
"""Relative change of the seasonal strength between years."""


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


def motion(
    frame: Frame,
    components: np.ndarray,
    ground: Fields,
    ratio: np.ndarray,
    dates: pd.DatetimeIndex,
    *,
    strength: np.ndarray | None = None,
) -> Motion:
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
        Acquisitions, ascending.
    strength : numpy.ndarray, optional
        (years, ny, nx); by default :func:`strengths`.

    Returns
    -------
    Motion
        Onsets (years, ny, nx) day of year; degree days (years, ny, nx) degC d; displacement (dates, ny, nx) in mm.
    """
    from qtp_toolkit.synthetic.kernels import motion as kernel  # noqa: PLC0415  imports Numba

    size, years = frame.shape[0] * frame.shape[1], len(YEARS)
    yearly_strength = strengths(frame) if strength is None else strength
    single = (ratio, ground.seasonal_amplitude, ground.ice_rate, ground.tectonic_rate)
    pixels = kernel.Pixels(
        *(_flat(a, (-1, size)) for a in (components, yearly_strength)), *(_flat(a, size) for a in single)
    )
    first = np.searchsorted(DAYS.year, YEARS)
    calendar = kernel.Calendar(
        time_functions(frame.seed), SMOOTH, first, (dates - DAYS[0]).days.to_numpy(), _RATE_YEARS
    )
    yearly = np.empty((4, years, size), dtype=np.float32)
    displacement = np.empty((len(dates), size), dtype=np.float32)
    kernel.move(calendar, pixels, yearly, displacement)
    extra = places.weight(frame, places.DRAINED, plateau=0.95, end=1.5).reshape(size)
    if extra.any():
        displacement += (8.5 * late_heave(dates)[:, None] * extra).astype(np.float32)
    shape = frame.shape
    return Motion._make([*yearly.reshape(4, years, *shape), displacement.reshape(len(dates), *shape)])


def _flat(values: np.ndarray, shape: int | tuple[int, int]) -> np.ndarray:
    return np.ascontiguousarray(values.reshape(shape), dtype=np.float32)
