"""Degree days: since the last thaw onset, and by year."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import (
    THAW_YEAR,
    TIME,
    VARIABLES,
    QtpDataError,
    describe,
    on_one_grid,
    provenance,
    require,
    require_option,
)
from qtp_toolkit.seasons._axis import daily_axis, day_index, locate_days

SUMS = ("addt", "addf", "permafrost_year", "addt_end", "addf_end")


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
        If a date lies outside the series, the axis is not daily, or the onsets lie on other pixels.

    Notes
    -----
    The summation windows are not printed in the paper; these make the sums agree with the continuous integrals. The
    onset is a day of year, so in leap years it falls one date earlier after February.

    Examples
    --------
    >>> days = pd.date_range("2015-01-01", "2016-12-31")
    >>> warm = (days.day_of_year >= 121) & (days.day_of_year <= 273)
    >>> lst = xr.DataArray(np.where(warm, 2.0, -1.0), {"time": days}, "time", attrs={"units": "degC"})
    >>> thaw, freeze = (xr.DataArray(day, attrs={"units": "day of year"}) for day in (121.0, 273.0))
    >>> degree_days(lst, thaw, freeze, dates=["2015-05-10"])["addt"].item()  # 1 to 10 May
    20.0
    """
    from qtp_toolkit.seasons.kernels import degree_days as kernels  # noqa: PLC0415  (compiles)

    require(lst_daily, dims=(TIME,), units=VARIABLES["lst"].units)
    for onset in (thaw_onset, freeze_onset):
        require(onset, quantity="thaw_onset")
        if THAW_YEAR in onset.dims:
            raise QtpDataError(
                "onsets of single years given", variable=str(onset.name), hint="Give the mean over the years."
            )
    times = daily_axis(lst_daily)
    wanted = times if dates is None else pd.DatetimeIndex(read_times(dates)).floor("D")
    days = locate_days(times, wanted)
    years = np.arange(times[0].year, times[-1].year + 1)
    new_year = day_index(times, [*years, years[-1] + 1], 1)
    found = xr.apply_ufunc(
        kernels.degree_days,
        *on_one_grid(lst_daily, thaw_onset, freeze_onset),
        input_core_dims=[[TIME], [], []],
        output_core_dims=[["_day"]] * 3 + [[THAW_YEAR]] * 2,
        kwargs={"new_year": new_year, "wanted": days},
        join="exact",
        keep_attrs="override",
        dask="parallelized",
        output_dtypes=[float, float, np.int16, float, float],
        dask_gufunc_kwargs={"output_sizes": {"_day": len(days), THAW_YEAR: len(years)}},
    )
    sums = {name: describe(da, name, like=lst_daily) for name, da in zip(SUMS, found, strict=True)}
    out = xr.Dataset(sums, attrs=provenance(lst_daily)).rename(_day=TIME).transpose(TIME, THAW_YEAR, ...)
    stamps = wanted.values if dates is None else read_times(dates)
    return out.assign_coords({TIME: stamps, THAW_YEAR: years})


def annual_degree_days(
    lst_daily: xr.DataArray, *, freezing_year: str = "calendar", max_missing: int = 0, min_days: int = 365
) -> xr.Dataset:
    """Thawing and freezing index of every year: sums of the positive and of the negative daily temperatures.

    Parameters
    ----------
    lst_daily : xarray.DataArray
        degC, dim ``time``, one value a day.
    freezing_year : {"calendar", "july"}
        Calendar year for both, so that :func:`mean_annual_temperature` follows from them; or freezing index from 1
        July to 30 June, labelled by the year in which it starts, so that a winter is not cut in two.
    max_missing : int
        Missing days a year may have; they contribute nothing.
    min_days : int
        Days of the window that the series must span; shorter years are NaN.

    Returns
    -------
    xarray.Dataset
        ``ddt``, ``ddf`` (dim ``year``, degC d, both positive). Lazy if the input is lazy; ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        If days are missing from the time axis, the unit is not degC, or ``freezing_year`` is unknown.

    Notes
    -----
    Other than :func:`degree_days` this ignores onsets: a frost in summer counts as frost. Published station tables
    of the plateau sum whatever days a year has, without scaling for gaps, and divide by 365 in leap years, too:
    ``max_missing=366, min_days=1`` follows them to the printed digit.

    Examples
    --------
    >>> days = pd.date_range("2015-01-01", "2015-12-31")
    >>> lst = xr.DataArray(np.full(365, -2.0), {"time": days}, "time", attrs={"units": "degC"})
    >>> annual_degree_days(lst)["ddf"].values
    array([730.])
    """
    require(lst_daily, dims=(TIME,), units=VARIABLES["lst"].units)
    require_option("freezing year", freezing_year, ("calendar", "july"))
    times = daily_axis(lst_daily)
    years = np.arange(times[0].year, times[-1].year + 1)
    limits = {"max_missing": max_missing, "min_days": min_days}
    ddt, ddf = _sum_by_year(lst_daily, times, years, 1, **limits)
    if freezing_year == "july":
        ddf = _sum_by_year(lst_daily, times, years, 7, **limits)[1]
    sums = {name: describe(da, name, like=lst_daily) for name, da in (("ddt", ddt), ("ddf", ddf))}
    return xr.Dataset(sums, attrs=provenance(lst_daily))


def _sum_by_year(
    lst: xr.DataArray, times: pd.DatetimeIndex, years: np.ndarray, month: int, *, max_missing: int, min_days: int
) -> tuple[xr.DataArray, xr.DataArray]:
    from qtp_toolkit.seasons.kernels import degree_days as kernels  # noqa: PLC0415  (compiles)

    edges = np.clip(day_index(times, [*years, years[-1] + 1], month), 0, len(times))
    starts, stops = edges[:-1], edges[1:]
    both = xr.apply_ufunc(
        kernels.yearly_sums,
        lst,
        input_core_dims=[[TIME]],
        output_core_dims=[["year"], ["year"]],
        kwargs={"starts": starts, "stops": stops, "max_missing": max_missing},
        dask="parallelized",
        output_dtypes=[float, float],
        dask_gufunc_kwargs={"output_sizes": {"year": len(years)}},
    )
    long_enough = xr.DataArray(stops - starts >= min_days, dims="year")
    thawing, freezing = (da.where(long_enough).assign_coords(year=years).transpose("year", ...) for da in both)
    return thawing, freezing


def mean_annual_temperature(ddt: xr.DataArray, ddf: xr.DataArray, *, days: float = 365.0) -> xr.DataArray:
    """Mean annual temperature from the indices of calendar years: ``(ddt - ddf) / days``.

    Parameters
    ----------
    ddt, ddf : xarray.DataArray
        Thawing and freezing index of the same calendar year, degC d, both positive.
    days : float
        Station climatologies divide by 365 in leap years, too.

    Returns
    -------
    xarray.DataArray
        ``mean_annual_temperature``, degC: of the air, the ground surface or the satellite, as the indices are. Same
        dims; lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        If a unit is not degC d, or an index in memory is negative.

    Examples
    --------
    >>> ddt, ddf = (xr.DataArray(value, attrs={"units": "degC d"}) for value in (365.0, 1460.0))
    >>> mean_annual_temperature(ddt, ddf).item()
    -3.0
    """
    for index in (ddt, ddf):
        require(index, quantity="ddt", between=(0.0, np.inf))
    ddt, ddf = on_one_grid(ddt, ddf)
    return describe((ddt - ddf) / days, "mean_annual_temperature", like=ddt)
