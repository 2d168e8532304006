"""Checks of the daily time axis."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, decoded_times, require_covered
from qtp_toolkit.kernels import daily
from qtp_toolkit.seasons.kernels.onsets import Interpolation

MAX_GAP = 40.0
"""Days between composites that are bridged."""


def daily_axis(lst: xr.DataArray) -> pd.DatetimeIndex:
    """Days of a series that has a value every day; refuses any other."""
    times = pd.DatetimeIndex(decoded_times(lst))
    steps = np.diff(times.values) / np.timedelta64(1, "D")
    if (steps != 1).any():
        where = [str(times[i + 1].date()) for i in np.flatnonzero(steps != 1)[:5]]
        raise QtpDataError(
            "the series is not daily",
            variable=str(lst.name),
            where=where,
            expected="one value a day",
            found=f"steps of {np.unique(steps)[:4]} d",
            hint="Use lst.to_daily; keep missing days as NaN.",
            code="M23" if (steps <= 0).any() else None,
        )
    return times.floor("D")


def days_covered(lst: xr.DataArray) -> tuple[pd.DatetimeIndex, Interpolation | None]:
    """Days of a daily series; or the days that composites cover, and how they follow from them."""
    times = decoded_times(lst)
    steps = np.diff(times) / np.timedelta64(1, "D")
    # A step of two days or more is a composite; days that are missing in a daily series stay an error.
    if not (steps.size and (steps >= 2.0).all() and (steps <= MAX_GAP).all()):
        return daily_axis(lst), None
    days = daily.daily_stamps(times)
    have, want = ((stamps - times[0]) / np.timedelta64(1, "D") for stamps in (times, days))
    return pd.DatetimeIndex(days), Interpolation(*daily.interpolation_weights(have, want, reach=daily.REACH))


def locate_days(times: pd.DatetimeIndex, wanted: pd.DatetimeIndex) -> np.ndarray:
    """Index of each wanted date; refuses dates outside the series."""
    days = np.asarray((wanted - times[0].floor("D")).days)
    outside = (days < 0) | (days >= len(times))
    require_covered(wanted.values, outside, times.values)
    return days


def day_index(times: pd.DatetimeIndex, years: Iterable[int], month: int) -> np.ndarray:
    """Index of the first day of ``month`` of every year; outside the series below 0 or above its length."""
    return np.array([(pd.Timestamp(int(year), month, 1) - times[0]).days for year in years])
