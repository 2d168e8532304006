"""Checks of the time axis and of the variables that all of :mod:`qtp_toolkit.lst` needs."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import LOOKS, TIME, VARIABLES, QtpDataError, decoded_times, require

OVERPASSES = LOOKS[:4]
"""The four MODIS overpasses, local solar time about 10:30, 22:30, 13:30 and 01:30."""

VIIRS = LOOKS[4:]
"""The overpasses of VIIRS on Suomi NPP and on NOAA-20, about 13:30 and 01:30 both."""


SENSOR = "sensor"
"""Coordinate of a bridged series: who saw each date."""


def temperatures(lst: xr.Dataset) -> list[str]:
    """Names of the temperature variables of ``lst``, each checked for time dim and unit."""
    names = [name for name in (*LOOKS, "lst") if name in lst]
    if not names:
        raise QtpDataError("no temperature variable", expected=[*LOOKS, "lst"], found=list(lst.data_vars))
    for name in names:
        # The unit only: what lies outside the physical range is masked, not refused.
        require(lst[name], dims=(TIME,), units=VARIABLES[name].units)
    return names


def days_since_start(da: xr.DataArray) -> np.ndarray:
    """Time axis in days since its first value; refuses what is not increasing datetimes."""
    times = decoded_times(da)
    if len(times) < 2:
        raise QtpDataError(
            "one date is no series",
            variable=str(da.name),
            expected="two dates or more",
            found=str(times[0])[:10] if len(times) else "none",
            hint="Give all dates of the series.",
        )
    days = as_days(times, times[0])
    if (np.diff(days) <= 0).any():
        bad = [str(t)[:10] for t in times[1:][np.diff(days) <= 0][:5]]
        raise QtpDataError(
            "times are not increasing",
            variable=str(da.name),
            expected="sorted, no duplicates",
            where=bad,
            found=f"{len(days)} times",
            hint="Sort the series and keep one value per time.",
        )
    return days


def whole_days(da: xr.DataArray) -> tuple[np.ndarray, np.datetime64]:
    """Days of a daily series since the midnight that begins the first, and that midnight: noon belongs to its day."""
    days = days_since_start(da)
    midnight = da[TIME].values[0].astype("datetime64[D]")
    return np.floor(days + as_days(da[TIME].values[0], midnight)), midnight


def as_days(times: np.ndarray, origin: np.datetime64) -> np.ndarray:
    """Express times in days since ``origin``."""
    return (np.asarray(times, dtype="datetime64[ns]") - origin.astype("datetime64[ns]")) / np.timedelta64(1, "D")
