"""When the satellites pass, which overpasses are meant, and how far their hours have drifted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.conventions import LOOKS, TIME, VARIABLES, QtpDataError, X, Y, coordinate, require, require_option
from qtp_toolkit.lst.axis import OVERPASSES

SATELLITES = {"all": OVERPASSES} | {name: tuple(look for look in LOOKS if look.startswith(name)) for name in (
    "terra", "aqua", "snpp", "noaa20",
)}  # fmt: skip
"""Choices of overpasses by name; all are the four of MODIS."""

CROSSINGS = {
    "terra": {"2021-04-01": 10.5, "2022-10-15": 10.25, "2025-12-15": 9.0, "2026-12-15": 8.5},
    "aqua": {"2021-07-01": 13.5, "2023-02-15": 13.75, "2026-08-15": 15 + 50 / 60},
    "snpp": {"2012-01-19": 13.5},
    "noaa20": {"2018-01-05": 13.5},
}
"""Mean local time (h) at which the day pass crosses the equator: linear between dates, constant before and after.

Terra was last held at 10:30 in February 2020 and Aqua at 13:30 in March 2021; from then on both drift. The dates are
those of the plans of the mission: 10:15 in October 2022, 9:00 in December 2025 and 8:30 at the end of 2026 for Terra,
13:45 in February 2023 and 15:50 in August 2026 for Aqua (LP DAAC, 19 October and 10 November 2021; MODIS news 100378;
NTRS, Terra orbit drift, 2025). Suomi NPP is held within minutes (Lin et al. 2016), NOAA-20 too.
"""
STEADY_UNTIL = np.datetime64("2019-12-31", "D")
"""Both missions kept their hours up to here: no composite before is ever told to be off."""
TOLERANCE_MINUTES = 30.0
_INCLINATION = 98.2
_DAY = 24.0
_COLUMNS = ("usual", "first", "beyond", "of", "largest", "by")


def crossing_hours(look: str, times: Any) -> np.ndarray:
    """Local solar time at which a satellite crosses the equator, by the table of the missions.

    Parameters
    ----------
    look : str
        ``terra_day`` ... ``noaa20_night``; the night pass is half a day from that of the day.
    times : array of datetime64

    Returns
    -------
    numpy.ndarray
        h, 0 to 24.

    Examples
    --------
    >>> crossing_hours("terra_day", np.array(["2018-08-31", "2025-12-15"], "datetime64[D]")).tolist()
    [10.5, 9.0]
    """
    require_option("overpass", look, LOOKS)
    satellite, _, part = look.partition("_")
    knots = CROSSINGS[satellite]
    days, known = (np.asarray(dates, "datetime64[D]").astype(float) for dates in (times, list(knots)))
    return (np.interp(days, known, list(knots.values())) + (12.0 if part == "night" else 0.0)) % 24.0


def dates_of(lst: xr.Dataset) -> np.ndarray:
    """Dates of the time axis; where it has none, days on which nothing had drifted."""
    if TIME in lst.coords and lst[TIME].dtype.kind == "M":
        return coordinate(lst, TIME).astype("datetime64[D]")
    return np.full(lst.sizes[TIME], STEADY_UNTIL)


def overpass_drift(
    lst: xr.Dataset,
    *,
    hours: Mapping[str, float] | None = None,
    latitude: float | None = None,
    tolerance_minutes: float = TOLERANCE_MINUTES,
) -> pd.DataFrame:
    """Say which composites were seen at another hour than the coefficients of the daily mean are for.

    Coefficients that were fitted to passes at 10:30 and 13:30 are biased for passes at 9:00 and 15:30, and nothing in
    the values tells. Composites up to 2019 are never told to be off.

    Parameters
    ----------
    lst : xarray.Dataset
        Some of ``terra_day`` ... ``noaa20_night``, dim ``time``; ``view_time_terra_day`` ... (h, local solar time)
        where the loader was asked for them with ``view_times``.
    hours : mapping of str to float, optional
        Hours of crossing the equator for which the coefficients are, by overpass, as ``view_hour`` of
        :func:`fit_daily_mean`; by default the nominal ones: 10:30, 13:30 and half a day later. View times are those of
        the ground: here they are later than the crossing by what they are up to 2019 later than the nominal hours.
    latitude : float, optional
        Degrees, by default of the middle of the grid or the mean of the stations, 0 where neither is there: passes away
        from the equator are earlier or later than their crossing. Used only where view times have no date up to 2019.
    tolerance_minutes : float
        Largest accepted distance.

    Returns
    -------
    pandas.DataFrame
        One row an overpass that is there: ``usual`` (h, of the ground where there are view times), ``first`` composite
        beyond (date, empty if none), how many are ``beyond`` and out ``of`` how many, ``largest`` distance after 2019
        (minutes, positive later), and ``by`` what it was told: ``view times`` or ``table``. View times are computed,
        one mean a date; without them only the dates are looked at.

    Raises
    ------
    QtpDataError
        ``hours`` of something else than overpasses; hours or view times that are none of a day; a latitude beyond the
        poles.

    Examples
    --------
    >>> times = pd.date_range("2018-01-05", "2025-12-31", freq="8D")
    >>> lst = xr.Dataset({"terra_day": ("time", np.zeros(times.size), {"units": "degC"})}, {"time": times})
    >>> row = overpass_drift(lst).loc["terra_day"]
    >>> row["first"], round(row["largest"])
    ('2023-06-04', -91)
    """
    asked = {name: hour for name, hour in (hours or {}).items() if name != "intercept"}  # a term of the fit, without
    wrong = {name: hour for name, hour in asked.items() if name not in LOOKS or not 0.0 <= hour <= _DAY}
    if wrong:
        raise QtpDataError("hours are those of overpasses", expected=f"0 to 24, of {', '.join(LOOKS)}", found=wrong)
    rows = {name: _row(lst, name, asked, latitude, tolerance_minutes) for name in LOOKS if name in lst}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(_COLUMNS)).rename_axis("overpass")


def seen_hours(lst: xr.Dataset, look: str, latitude: float | None = None) -> tuple[np.ndarray, float, str]:
    """Hours at which the dates were seen, by how much they are later than at the equator, and what tells them."""
    dates, nominal = dates_of(lst), float(crossing_hours(look, STEADY_UNTIL))
    seen = lst.get(f"view_time_{look}")
    found = None if seen is None else _mean_hours(seen, nominal)
    if found is None or not np.isfinite(found).any():
        return crossing_hours(look, dates), 0.0, "table"
    steady = found[(dates <= STEADY_UNTIL) & np.isfinite(found)]
    later = _minutes(steady - nominal).mean() / 60.0 if steady.size else _lag(look, _latitude(lst, latitude))
    return found, float(later), "view times"


def _mean_hours(seen: xr.DataArray, nominal: float) -> np.ndarray:
    """Mean view time of each date, h: of the distances to the nominal hour, since passes may lie around midnight."""
    over = [dim for dim in seen.dims if dim != TIME]
    off = ((seen.astype(float) - nominal + 12.0) % _DAY - 12.0).mean(over)
    told = xr.Dataset({"low": seen.min(), "high": seen.max(), "off": off}).compute()
    low, high = float(told["low"]), float(told["high"])
    if low < -_DAY / 2 or high > 1.5 * _DAY:  # minutes, or seconds; some count on beyond midnight
        raise QtpDataError(
            "view times are no hours of the day",
            variable=str(seen.name),
            expected="0 to 24 h",
            found=f"{low:g} to {high:g}",
        )
    return (nominal + told["off"].to_numpy()) % _DAY


def _latitude(lst: xr.Dataset, given: float | None) -> float:
    if given is not None:
        if not abs(given) <= 90.0:
            raise QtpDataError("latitude is beyond the poles", expected="-90 to 90", found=given)
        return given
    if "latitude" in lst.coords:
        return float(lst["latitude"].mean())
    if {Y, X} <= set(lst.coords) and lst.rio.crs is not None:
        middle = lst.isel({dim: slice(lst.sizes[dim] // 2, lst.sizes[dim] // 2 + 1) for dim in (Y, X)})
        return float(grid.lonlat(middle[[next(iter(middle))]])["latitude"].mean())
    return 0.0


def _row(
    lst: xr.Dataset, look: str, hours: Mapping[str, float], latitude: float | None, tolerance: float
) -> tuple[Any, ...]:
    dates, (found, later, by) = dates_of(lst), seen_hours(lst, look, latitude)
    usual = (hours.get(look, float(crossing_hours(look, STEADY_UNTIL))) + later) % 24.0
    off = np.where(dates > STEADY_UNTIL, _minutes(found - usual), 0.0)
    off = np.where(np.isfinite(off), off, 0.0)
    beyond = np.abs(off) > tolerance
    first = str(dates[beyond][0]) if beyond.any() else ""
    return usual, first, int(beyond.sum()), dates.size, float(off[np.abs(off).argmax()]), by


def _minutes(hours: np.ndarray) -> np.ndarray:
    """Differences of hours of the day in minutes, the short way round."""
    return ((hours + 12.0) % 24.0 - 12.0) * 60.0


def _lag(look: str, latitude: float) -> float:
    """Hours by which a pass over a latitude is later than over the equator: downward passes north of it are."""
    share = np.tan(np.radians(latitude)) / -np.tan(np.radians(_INCLINATION))
    later = np.degrees(np.arcsin(np.clip(share, -1.0, 1.0))) / 15.0  # nearer to the poles than a pass gets: its turn
    downward = (look.startswith("terra")) == look.endswith("day")
    return float(later if downward else -later)


def warn_of_drift(drift: pd.DataFrame, *, stacklevel: int = 2) -> None:
    """Warn of the overpasses that :func:`overpass_drift` found beyond its tolerance, one warning each (M29).

    Parameters
    ----------
    drift : pandas.DataFrame
    stacklevel : int
        As of :func:`warnings.warn`.

    Warns
    -----
    UserWarning
        Names the first date, the largest distance and what to do.
    """
    for look, row in drift[drift["beyond"] > 0].iterrows():
        usual = f"{int(row['usual']):02d}:{round(row['usual'] % 1 * 60):02d}"
        way = "later" if row["largest"] > 0 else "earlier"
        text = (
            f"{look}: from {row['first']} on, {row['beyond']} of {row['of']} composites were seen at another hour than "
            f"that of the coefficients ({usual}), up to {abs(row['largest']):.0f} minutes {way} by the {row['by']}: "
            "their daily means are biased. End this series before, and go on with another sensor by lst.bridge"
        )
        warnings.warn(text, UserWarning, stacklevel=stacklevel + 1)


def check_overpasses(lst: xr.Dataset, used: list[str]) -> list[str]:
    """Check that all of ``used`` is there and in degC; in the order of the variable table."""
    present = [name for name in LOOKS if name in lst]
    missing = [name for name in used if name not in present]
    if missing or not used:
        raise QtpDataError(
            f"no overpass {missing or list(OVERPASSES)} in the Dataset",
            expected=used or list(OVERPASSES),
            found=present,
            code="M21",
            hint="Give coefficients fitted to the overpasses at hand (fit_daily_mean), or choose: overpasses='terra'.",
        )
    for name in used:
        require(lst[name], dims=(TIME,), units=VARIABLES[name].units)
    return [name for name in LOOKS if name in used]


def choose_overpasses(overpasses: str | Sequence[str]) -> list[str]:
    """Names of the overpasses that are meant by ``terra`` or the like."""
    if isinstance(overpasses, str):
        require_option("choice of overpasses", overpasses, SATELLITES)
        return list(SATELLITES[overpasses])
    return list(overpasses)
