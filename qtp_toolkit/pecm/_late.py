"""What belongs to one permafrost year: its dates, its part of the composite index, and the end of its thaw season."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import THAW_YEAR, TIME, QtpDataError, describe, on_one_grid, require

LAST_THIRD = 1.0 / 3.0
"""Share of the thaw season, at its end, in which ice below the usual depth of thaw melts."""


def late_season_index(
    dates: xr.DataArray | Any,
    thaw_onset: xr.DataArray,
    freeze_onset: xr.DataArray,
    *,
    years: Sequence[int] | np.ndarray | None = None,
    share: float = LAST_THIRD,
) -> xr.DataArray:
    r"""Index H of ground ice that melts late in the thaw season of one year and does not come back.

    .. math:: H_y(\tau) = 0 \text{ before } \tau_f - s (\tau_f - \tau_t), \quad 1 \text{ from } \tau_f \text{ on}

    and linear in between, with the onsets of permafrost year y and s a third. Thaw reaches its depth at the end of the
    season: what melts there is the top of the permafrost, not the water that freezes again every winter.

    Parameters
    ----------
    dates : DataArray or sequence of datetime64
        Acquisition dates, dim ``time``.
    thaw_onset, freeze_onset : xarray.DataArray
        Day of year: (...) the mean of each pixel, as :func:`linear_index` takes them, or (thaw_year, ...) those of each
        year. A freeze onset past 31 December exceeds 365.
    years : sequence of int, optional
        Permafrost years by the calendar year of their thaw onset; by default ``thaw_year`` of the onsets, else all
        calendar years from the first to the last date.
    share : float
        Of the thaw season, above 0 and at most 1.

    Returns
    -------
    xarray.DataArray
        ``late_season_index`` (thaw_year, time, ...), dimensionless, 0 to 1; NaN where an onset is NaN or the freeze
        onset does not follow the thaw onset within 365 days. Lazy if the onsets are lazy.

    Raises
    ------
    QtpDataError
        A unit other than day of year, a share out of range, years that the onsets lack.

    Notes
    -----
    Not in the model of the paper; its Section 5.2 sees such offsets late in the season and leaves them.

    References
    ----------
    Zwieback and Meyer 2021, https://doi.org/10.5194/tc-15-2041-2021: 4 to 8 cm in ice-rich, -1 to 2 cm in ice-poor
    ground.

    Examples
    --------
    >>> thaw, freeze = (xr.DataArray(day, attrs={"units": "day of year"}) for day in (130.0, 280.0))
    >>> late = late_season_index(pd.to_datetime(["2016-08-17", "2016-09-11", "2018-01-01"]), thaw, freeze, years=[2016])
    >>> late.values  # 17 August is day 230 of a leap year: the last third begins
    array([[0. , 0.5, 1. ]])
    """
    if not 0.0 < share <= 1.0:
        raise QtpDataError("share of the thaw season is out of range", expected="above 0, at most 1", found=share)
    for onset in (thaw_onset, freeze_onset):
        require(onset, quantity="thaw_onset")
    stamps = pd.DatetimeIndex(read_times(dates))
    thaw_onset, freeze_onset = on_one_grid(thaw_onset, freeze_onset)
    listed = next((onset[THAW_YEAR].values for onset in (thaw_onset, freeze_onset) if THAW_YEAR in onset.dims), None)
    if years is None:
        years = np.arange(stamps.min().year, stamps.max().year + 1) if listed is None else listed
    begin, end = (day_number(onset, years) for onset in (thaw_onset, freeze_onset))
    length = end - begin
    length = length.where((length > 0.0) & (length <= 365.0))
    late = ((days_of(stamps) - end) / (share * length) + 1.0).clip(0.0, 1.0)
    return describe(late.transpose(THAW_YEAR, TIME, ...), "late_season_index", like=thaw_onset, share=share)


def split_years(composite: xr.DataArray, thaw_onset: xr.DataArray) -> dict[int, xr.DataArray]:
    """Part of the composite index that each permafrost year has, 0 on all other dates; only years that have any date.

    Parameters
    ----------
    composite : xarray.DataArray
        (time, ...) of :func:`qtp_toolkit.pecm.composite_index`.
    thaw_onset : xarray.DataArray
        (...) mean day of year.

    Returns
    -------
    dict of int to xarray.DataArray
        (time, ...) by calendar year of the thaw onset. Lazy if an input is lazy.
    """
    stamps = pd.DatetimeIndex(composite[TIME].values)
    years = np.arange(stamps.min().year - 1, stamps.max().year + 1)
    begin = day_number(thaw_onset, [*years, years[-1] + 1])
    days, parts = days_of(stamps), {}
    first = stamps.min().year - (stamps.min().month < 7)
    for i, year in enumerate(years.tolist()):
        inside = (days >= begin.isel({THAW_YEAR: i}, drop=True)) & (days < begin.isel({THAW_YEAR: i + 1}, drop=True))
        # Dates of the first half of a year may belong to the thaw season of the year before.
        if year >= first:
            parts[year] = composite.where(inside, 0.0 * composite).transpose(TIME, ...)
    return parts


def check_years(years: np.ndarray) -> None:
    """Refuse years that repeat, lack one or go back, where each is told by its position."""
    if (np.diff(years) != 1).any():
        raise QtpDataError(
            "thaw_year repeats years, lacks some or is out of order",
            variable=THAW_YEAR,
            expected=f"each from {years.min()} to {years.max()} once, in order",
            found=years.tolist(),
        )


def day_number(onset: xr.DataArray, years: Any) -> xr.DataArray:
    """Days since 1970 (thaw_year, ...) of an onset in day of year, (...) or (thaw_year, ...), in each of ``years``."""
    years = np.asarray(years, dtype=int)
    if THAW_YEAR in onset.dims:
        missing = np.setdiff1d(years, onset[THAW_YEAR].values)
        if missing.size:
            raise QtpDataError("onsets lack years", expected=years.tolist(), found=f"no {missing.tolist()}")
        if onset.indexes[THAW_YEAR].has_duplicates:
            raise QtpDataError("onsets repeat years", variable=THAW_YEAR, found=onset[THAW_YEAR].values.tolist())
        onset = onset.sel({THAW_YEAR: years})
    january = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(float)
    # 1 January 00:00 is day 1.
    out = xr.DataArray(january - 1.0, {THAW_YEAR: years}, (THAW_YEAR,)) + onset.drop_attrs()
    return out.transpose(THAW_YEAR, ...)


def days_of(stamps: pd.DatetimeIndex) -> xr.DataArray:
    """Days since 1970 (time,) of dates."""
    return xr.DataArray((stamps - pd.Timestamp(0)) / pd.Timedelta(days=1), {TIME: stamps}, (TIME,))
