"""Thaw and freeze onsets and degree days (Sections 3.2 and 3.6) from daily land surface temperature.

Day of year is 1-based and fractional: 1 January 00:00 is 1.0. A daily value is stamped at 00:00 of its day.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import DAYS_PER_YEAR, THAW_YEAR, TIME, QtpDataError, describe, require
from qtp_toolkit.kernels import accumulate
from qtp_toolkit.kernels import onsets as kernels

METHODS = ("smoothed", "consecutive", "cumulative")


def onsets(
    lst_daily: xr.DataArray,
    *,
    method: str = "smoothed",
    harmonics: int = 2,
    run_days: int = 5,
    threshold_degC: float = 0.0,
    min_days: int = 300,
    period_days: float = DAYS_PER_YEAR,
) -> xr.Dataset:
    """Thaw and freeze onset of every calendar year, and their means (Section 3.2).

    ``smoothed``: fit ``harmonics`` harmonics to each year; the thaw onset is the last upward crossing of the
    threshold before the annual maximum, the freeze onset the first downward crossing after it. ``consecutive``: the
    first ``run_days`` days above the threshold, and after the annual maximum below it. ``cumulative``: the day after
    the spring minimum, and after the following maximum, of the running sum.

    Parameters
    ----------
    lst_daily : xarray.DataArray
        degC, dim ``time`` without missing days (values may be NaN); see :func:`qtp_toolkit.lst.to_daily`.
    method : {"smoothed", "consecutive", "cumulative"}
    harmonics : int
        For ``smoothed``.
    run_days : int
        For ``consecutive``.
    threshold_degC : float
        Freezing point.
    min_days : int
        Valid days that a year must have. Years for which the series itself is shorter are left out.
    period_days : float
        Base period of the harmonics.

    Returns
    -------
    xarray.Dataset
        ``thaw_onset``, ``freeze_onset`` (dim ``thaw_year``, day of year), ``thaw_onset_mean``, ``freeze_onset_mean``,
        ``thaw_onset_std``, ``freeze_onset_std`` (d, over the years that have both), ``years`` (their number),
        ``crossings`` (largest number of upward crossings in a year: above 1 the onset is ambiguous) and ``reason``
        (uint8: 1 never thaws, 2 never freezes, 4 too few days, 5 no temperature). Lazy if the input is lazy; ``time``
        must be one chunk.

    Raises
    ------
    QtpDataError
        If days are missing from the time axis, the unit is not degC, or no year is long enough.

    Notes ----- The paper does not print its rule. Years without one of the onsets are left out of the means, which
    are plain averages of the day of year (not circular). With ``smoothed`` a freeze onset after 31 December has a day
    of year above 365; the other methods look at one calendar year only.
    """
    require(lst_daily, dims=(TIME,), units="degC")
    if method not in METHODS:
        raise QtpDataError("unknown method", expected=METHODS, found=method)
    times = _daily_axis(lst_daily)
    years = [int(year) for year in np.unique(times.year) if (times.year == year).sum() >= min_days]
    if not years:
        raise QtpDataError(
            "no calendar year is long enough",
            expected=f"{min_days} days",
            found=f"{times[0].date()} to {times[-1].date()}",
        )
    options = {"threshold": threshold_degC, "min_days": min_days}
    if method == "smoothed":
        options |= {"period": period_days, "harmonics": harmonics}
    elif method == "consecutive":
        options |= {"run": run_days}
    kernel = {
        "smoothed": kernels.smooth_onsets,
        "consecutive": kernels.consecutive_onsets,
        "cumulative": kernels.cumulative_onsets,
    }[method]
    parts = [_one_year(lst_daily, times, year, kernel, options) for year in years]
    axis = xr.IndexVariable(THAW_YEAR, years)
    thaw, freeze, crossings, reason = (xr.concat(part, axis) for part in zip(*parts, strict=True))
    out = _means(thaw, freeze, {**_provenance(lst_daily), "method": method})
    years_used = (out["thaw_onset"] + out["freeze_onset"]).count(THAW_YEAR).astype(np.uint8)
    out["years"] = years_used.assign_attrs(units="1", long_name="years that enter the mean onsets")
    out["crossings"] = crossings.max(THAW_YEAR).assign_attrs(units="1", long_name="upward crossings in a year, at most")
    out["reason"] = describe(_overall(reason), "reason", **_provenance(lst_daily))
    return out


def _one_year(lst: xr.DataArray, times: pd.DatetimeIndex, year: int, kernel, options: dict) -> tuple[xr.DataArray, ...]:
    index = np.flatnonzero(times.year == year)
    part = lst.isel({TIME: slice(index[0], index[-1] + 1)})
    return xr.apply_ufunc(
        kernel, part, input_core_dims=[[TIME]], output_core_dims=[[], [], [], []],
        kwargs={"days": times[index].day_of_year.to_numpy(dtype=float), **options},
        dask="parallelized", output_dtypes=[float, float, np.uint8, np.uint8],
    )  # fmt: skip


def _means(thaw: xr.DataArray, freeze: xr.DataArray, attrs: dict) -> xr.Dataset:
    """Onsets of each year, their mean and spread over the years that have both."""
    both = np.isfinite(thaw) & np.isfinite(freeze)
    note = {key: attrs[key] for key in ("provenance_note",) if key in attrs}
    out = {
        "thaw_onset": describe(thaw, "thaw_onset", **attrs),
        "freeze_onset": describe(freeze, "freeze_onset", **attrs),
    }
    for name, onset in (("thaw_onset", thaw.where(both)), ("freeze_onset", freeze.where(both))):
        mean = describe(onset.mean(THAW_YEAR), name, **attrs).rename(f"{name}_mean")
        out[f"{name}_mean"] = mean.assign_attrs(long_name=f"mean {mean.attrs['long_name']}")
        out[f"{name}_std"] = describe(_spread(onset), f"{name}_std", **note)
    return xr.Dataset(out, attrs=note)


def _spread(onset: xr.DataArray) -> xr.DataArray:
    """Sample standard deviation over the years; NaN with fewer than two, without a warning."""
    number = np.isfinite(onset).sum(THAW_YEAR)
    squares = ((onset - onset.mean(THAW_YEAR)) ** 2).sum(THAW_YEAR)
    return np.sqrt(squares / (number - 1).where(number > 1))


def _overall(reason: xr.DataArray) -> xr.DataArray:
    """0 if any year is valid, else what prevented it: never thaws before never freezes before missing data."""
    order = (0, 1, 2, 4, 5)
    out = xr.full_like(reason.isel({THAW_YEAR: 0}, drop=True), 5)
    for code in reversed(order):
        out = xr.where((reason == code).any(THAW_YEAR), np.uint8(code), out)
    return out.astype(np.uint8)


def degree_days(
    lst_daily: xr.DataArray,
    thaw_onset: xr.DataArray,
    freeze_onset: xr.DataArray,
    *,
    dates: xr.DataArray | Sequence[np.datetime64] | None = None,
) -> xr.Dataset:
    """Accumulated degree days of thaw and freeze since the last thaw onset (Section 3.6).

    A permafrost year runs from thaw onset to thaw onset. ADDT sums positive daily temperatures from the first thaw
    day (the first day at or after ``thaw_onset``) to the last (the first day at or after ``freeze_onset``), both
    included, then stays constant; ADDF sums the negative ones after that. Both start anew at the next thaw onset.

    Parameters
    ----------
    lst_daily : xarray.DataArray
        degC, dim ``time``, one value a day.
    thaw_onset, freeze_onset : xarray.DataArray
        Mean day of year per pixel (no ``thaw_year`` dim), as ``thaw_onset_mean`` of :func:`onsets`.
    dates : DataArray or sequence of datetime64, optional
        Days to return (the sums remain daily). By default all days.

    Returns
    -------
    xarray.Dataset
        ``addt``, ``addf`` (dim ``time``, degC d), ``permafrost_year`` (int16, 1 from the thaw onset of the first
        calendar year of the series; 0 before it and where onsets are invalid), ``addt_end``, ``addf_end`` (dim
        ``thaw_year``: sums over the whole thaw and the whole freeze season). NaN before the first onset, where a
        season is not covered, where a day of it is missing (M25), and where onsets are NaN or out of order. Lazy if
        the inputs are lazy; ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        If a date lies outside the series, or the axis is not daily.

    Notes
    -----
    The summation windows are not printed in the paper; these make the sums agree with the continuous integrals. The
    onset is a day of year, so in leap years it falls one date earlier after February.
    """
    require(lst_daily, dims=(TIME,), units="degC")
    for onset in (thaw_onset, freeze_onset):
        require(onset, units="day of year")
        if THAW_YEAR in onset.dims:
            raise QtpDataError(
                "onsets of single years given", variable=str(onset.name), hint="Give the mean over the years."
            )
    times = _daily_axis(lst_daily)
    wanted = times if dates is None else pd.DatetimeIndex(np.asarray(dates, dtype="datetime64[ns]")).floor("D")
    days = _days_of(times, wanted)
    years = np.arange(times[0].year, times[-1].year + 1)
    new_year = np.array([(pd.Timestamp(int(y), 1, 1) - times[0]).days for y in (*years, years[-1] + 1)])
    addt, addf, number, addt_end, addf_end = xr.apply_ufunc(
        accumulate.degree_days, lst_daily, thaw_onset, freeze_onset, input_core_dims=[[TIME], [], []],
        output_core_dims=[["_day"]] * 3 + [[THAW_YEAR]] * 2,
        kwargs={"new_year": new_year, "wanted": days}, join="exact", keep_attrs="override",
        dask="parallelized", output_dtypes=[float, float, np.int16, float, float],
        dask_gufunc_kwargs={"output_sizes": {"_day": len(days), THAW_YEAR: len(years)}},
    )  # fmt: skip
    note = _provenance(lst_daily)
    out = {name: da.rename(_day=TIME) for name, da in (("addt", addt), ("addf", addf), ("permafrost_year", number))}
    lead = [dim for dim in addt.dims if dim != "_day"]
    out = {name: describe(da.transpose(TIME, *lead), name, **note) for name, da in out.items()}
    for name, da, season in (("addt", addt_end, "thaw"), ("addf", addf_end, "freeze")):
        end = describe(da.transpose(THAW_YEAR, *lead), name, **note)
        out[f"{name}_end"] = end.rename(f"{name}_end").assign_attrs(
            long_name=f"degree days of the whole {season} season"
        )
    stamps = np.asarray(wanted.values if dates is None else dates, dtype="datetime64[ns]")
    return xr.Dataset(out, attrs=note).assign_coords({TIME: stamps, THAW_YEAR: years})


def annual_degree_days(
    lst_daily: xr.DataArray, *, freezing_year: str = "calendar", max_missing: int = 0, min_days: int = 365
) -> xr.Dataset:
    """Thawing and freezing index of every year: sums of the positive and of the negative daily temperatures.

    Parameters
    ----------
    lst_daily : xarray.DataArray
        degC, dim ``time``, one value a day.
    freezing_year : {"calendar", "july"}
        Calendar year for both, so that ``(ddt - ddf) / 365`` is the mean annual temperature; or freezing index from 1
        July to 30 June, labelled by the year in which it starts, so that a winter is not cut in two.
    max_missing : int
        Missing days a year may have; they contribute nothing.
    min_days : int
        Days of the window that the series must span; shorter years are NaN.

    Returns
    -------
    xarray.Dataset
        ``ddt``, ``ddf`` (dim ``year``, degC d, both positive). Lazy if the input is lazy.
    """
    require(lst_daily, dims=(TIME,), units="degC")
    if freezing_year not in {"calendar", "july"}:
        raise QtpDataError("unknown freezing year", expected=["calendar", "july"], found=freezing_year)
    times = _daily_axis(lst_daily)
    years = np.arange(times[0].year, times[-1].year + 1)
    calendar = _edges(times, years, (1, 1))
    limits = {"max_missing": max_missing, "min_days": min_days}
    ddt = _yearly(lst_daily, years, calendar, **limits)[0]
    ddf = _yearly(
        lst_daily, years, calendar if freezing_year == "calendar" else _edges(times, years, (7, 1)), **limits
    )[1]
    note = _provenance(lst_daily)
    return xr.Dataset({"ddt": describe(ddt, "ddt", **note), "ddf": describe(ddf, "ddf", **note)}, attrs=note)


def _edges(times: pd.DatetimeIndex, years: np.ndarray, start: tuple[int, int]) -> np.ndarray:
    """Index of ``start`` (month, day) in every year and in the one after the last, clipped to the series."""
    edges = [(pd.Timestamp(int(year), *start) - times[0]).days for year in (*years, years[-1] + 1)]
    return np.clip(edges, 0, len(times))


def _yearly(
    lst: xr.DataArray, years: np.ndarray, edges: np.ndarray, *, max_missing: int, min_days: int
) -> tuple[xr.DataArray, xr.DataArray]:
    starts, stops = edges[:-1], edges[1:]
    both = xr.apply_ufunc(
        accumulate.yearly_sums, lst, input_core_dims=[[TIME]], output_core_dims=[["year"], ["year"]],
        kwargs={"starts": starts, "stops": stops, "max_missing": max_missing}, dask="parallelized",
        output_dtypes=[float, float], dask_gufunc_kwargs={"output_sizes": {"year": len(years)}},
    )  # fmt: skip
    long_enough = xr.DataArray(stops - starts >= min_days, dims="year")
    lead = [dim for dim in lst.dims if dim != TIME]
    thawing, freezing = (da.where(long_enough).assign_coords(year=years).transpose("year", *lead) for da in both)
    return thawing, freezing


def _daily_axis(lst: xr.DataArray) -> pd.DatetimeIndex:
    values = lst[TIME].values
    if not np.issubdtype(values.dtype, np.datetime64):
        raise QtpDataError("time is not datetime64", variable=str(lst.name), found=values.dtype)
    times = pd.DatetimeIndex(values)
    steps = np.diff(times.values) / np.timedelta64(1, "D")
    if (steps != 1).any():
        where = [str(times[i + 1].date()) for i in np.flatnonzero(steps != 1)[:5]]
        raise QtpDataError(
            "the series is not daily", variable=str(lst.name), where=where, expected="one value a day",
            found=f"steps of {np.unique(steps)[:4]} d", hint="Use lst.to_daily; keep missing days as NaN.",
        )  # fmt: skip
    return times.floor("D")


def _days_of(times: pd.DatetimeIndex, wanted: pd.DatetimeIndex) -> np.ndarray:
    days = np.asarray((wanted - times[0].floor("D")).days)
    outside = (days < 0) | (days >= len(times))
    if outside.any():
        raise QtpDataError(
            f"{outside.sum()} dates lie outside the temperature series", code="M28",
            where=[str(day.date()) for day in wanted[outside][:5]], expected=f"{times[0].date()} to {times[-1].date()}",
            hint="Extend the series or drop these dates.",
        )  # fmt: skip
    return days


def _provenance(lst: xr.DataArray) -> dict[str, str]:
    return {key: lst.attrs[key] for key in ("provenance_note",) if key in lst.attrs}
