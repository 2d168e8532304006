"""Hourly temperature of a reanalysis as what the analysis takes: daily means, and values at the hours of satellites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.conventions import TIME, VARIABLES, QtpDataError, X, Y, coordinate, describe, is_lazy, require
from qtp_toolkit.lst.kernels import hours as kernels

_HOUR, _DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")
_LARGEST_OFFSET = 14.0
"""Hours by which clocks of the world differ from UTC at most."""


class _Days(NamedTuple):
    """Which hours make which days: stamps, first hour of each on the axis, and whether they are mean days of months."""

    hours: np.ndarray
    monthly: bool


def mean_of_hours(skin: xr.DataArray, *, min_hours: int = 20, utc_offset: float | None = None) -> xr.DataArray:
    """Mean daily temperature from hourly values, or of each month from its mean day.

    Parameters
    ----------
    skin : xarray.DataArray
        degC, dim ``time`` (datetime64, UTC, full hours, increasing) and any others: ``skin_temperature`` of
        :func:`qtp_toolkit.load.era5_land`. Monthly means by hour of day, stamped on the first of the month, are told by
        their dates.
    min_hours : int
        Valid hours that a mean needs, of 24; less for series with fewer hours a day.
    utc_offset : float, optional
        Hours that the days of the mean are ahead of UTC; by default the whole hours of local solar time in the middle
        of the grid, 6 on the plateau. A mean day has no midnight and needs none.

    Returns
    -------
    xarray.DataArray
        ``lst``, degC, dims of the input; one value a day, stamped at 00:00, or one a month at its center, of which
        :func:`to_daily` makes days. NaN with fewer than ``min_hours`` valid hours: so are the two ends, which are no
        whole days. Same dtype; lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If times are not increasing full hours, no day has ``min_hours`` of them, the unit is not degC, ``utc_offset``
        is beyond 14 hours, or there is neither grid nor ``utc_offset``.

    Examples
    --------
    >>> times = pd.date_range("2018-07-01", periods=72, freq="h")
    >>> wave = xr.DataArray(np.arange(72.0), {"time": times}, "time", attrs={"units": "degC"})
    >>> mean_of_hours(wave, utc_offset=0).values.tolist()
    [11.5, 35.5, 59.5]
    """
    if utc_offset is not None and not -_LARGEST_OFFSET <= utc_offset <= _LARGEST_OFFSET:
        raise QtpDataError("utc_offset is in hours", expected=f"up to {_LARGEST_OFFSET:g} either way", found=utc_offset)
    days = _days_of(skin)
    shift = 0.0 if days.monthly else _middle_offset(skin) if utc_offset is None else utc_offset
    unit = "datetime64[M]" if days.monthly else "datetime64[D]"
    labels = (days.hours + np.timedelta64(round(shift * 60), "m")).astype(unit)
    stamps, starts, hours = np.unique(labels, return_index=True, return_counts=True)
    if hours.max() < min_hours:
        raise QtpDataError(
            "no day has so many hours",
            variable=str(skin.name),
            expected=f"min_hours, {min_hours}, of 24",
            found=f"at most {hours.max()} a day",
            hint="Of a series every three hours, say, min_hours=8 takes whole days.",
            code="M23",
        )
    out = _apply(kernels.run_means, skin, stamps.size, starts=starts, least=min_hours)
    out = out.assign_coords({TIME: _centers(stamps) if days.monthly else stamps.astype("datetime64[ns]")})
    return describe(out.transpose(*skin.dims), "lst", like=skin, daily_mean="mean of the hours of a reanalysis")


def at_local_hours(skin: xr.DataArray, hours: Sequence[float] = (1.5, 10.5, 13.5, 22.5)) -> xr.DataArray:
    """Temperature at hours of local solar time, when satellites pass: linear between the hours of UTC, pixel by pixel.

    Parameters
    ----------
    skin : xarray.DataArray
        As in :func:`mean_of_hours`, on a grid with a CRS, or with a coordinate ``longitude`` (degrees) on its stations.
    hours : sequence of float
        0 to 24; by default those of Terra, Aqua and VIIRS.

    Returns
    -------
    xarray.DataArray
        ``skin_temperature`` (hour, time, ...), degC; ``time`` is 00:00 of each local day, or the center of the month of
        mean days, in which the hours go round. NaN where one of the two hours around is missing. Same dtype; lazy if
        the input is lazy.

    Raises
    ------
    QtpDataError
        As :func:`mean_of_hours`; if nothing tells the longitude.

    Examples
    --------
    >>> times = pd.date_range("2018-07-01", periods=48, freq="h")
    >>> axes = {"time": times, "station": ["Wudaoliang"], "longitude": ("station", [90.0])}
    >>> rising = xr.DataArray(np.arange(48.0)[:, None], axes, ("time", "station"), attrs={"units": "degC"})
    >>> at_local_hours(rising, [13.5]).values.ravel().tolist()  # 07:30 UTC
    [7.5, 31.5]
    """
    wanted = np.asarray(list(hours), float)
    if not wanted.size or (wanted < 0).any() or (wanted > 24).any():
        raise QtpDataError("hours of the day are 0 to 24", found=list(hours))
    days = _days_of(skin)
    dates = np.unique(days.hours.astype("datetime64[D]"))
    full = _full_axis(dates, days)
    dense = skin if full.size == days.hours.size else skin.reindex({TIME: full})
    options = {"hours": wanted, "midnights": np.searchsorted(full, dates), "length": 24 if days.monthly else 0}
    out = _apply(kernels.at_hours, dense, dates.size, _longitude(skin), extra={"hour": wanted.size}, **options)
    stamps = _centers(dates.astype("datetime64[M]")) if days.monthly else dates.astype("datetime64[ns]")
    out = out.assign_coords({TIME: stamps, "hour": ("hour", wanted, {"units": "h", "long_name": "local solar time"})})
    return describe(out.transpose("hour", *skin.dims), "skin_temperature", like=skin)


def composite_centers(daily: xr.DataArray, *, days: int = 8) -> xr.DataArray:
    """Centers of the composites that a daily series covers, in the calendar of MODIS and VIIRS.

    Parameters
    ----------
    daily : xarray.DataArray
        Dim ``time``, one value a day.
    days : int
        Length of a composite; the count begins anew each 1 January, and the last of a year is short.

    Returns
    -------
    xarray.DataArray
        ``time``, datetime64: those whose days lie between the first and the last of the series. What
        :func:`to_composites` takes.

    Examples
    --------
    >>> daily = xr.DataArray(np.zeros(30), {"time": pd.date_range("2016-12-15", periods=30)}, "time")
    >>> composite_centers(daily).values.astype("datetime64[h]").astype(str).tolist()
    ['2016-12-21T12', '2016-12-28T12', '2017-01-04T12']
    """
    every = coordinate(daily, TIME).astype("datetime64[D]")
    dates = np.arange(every[0], every[-1] + _DAY)
    since = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")) // _DAY
    starts = dates[since % days == 0]
    ends = np.minimum(starts + days * _DAY, (starts.astype("datetime64[Y]") + 1).astype("datetime64[D]"))
    starts, ends = (edge[ends <= every[-1] + _DAY] for edge in (starts, ends))
    halves = ((ends - starts) // _DAY - 1) * 12
    centers = (starts.astype("datetime64[h]") + halves * _HOUR).astype("datetime64[ns]")
    return xr.DataArray(centers, {TIME: centers}, TIME)


def _days_of(skin: xr.DataArray) -> _Days:
    """Look at the hours of a series; refuse what is none."""
    require(skin, dims=(TIME,), units=VARIABLES["skin_temperature"].units)
    times = coordinate(skin, TIME)
    hours = times.astype("datetime64[h]") if times.dtype.kind == "M" else times
    if times.dtype.kind != "M" or (hours != times).any() or (np.diff(hours) <= 0 * _HOUR).any():
        raise QtpDataError(
            "times are not increasing full hours",
            variable=str(skin.name),
            found=f"{times.dtype}, {times[:2].astype(str).tolist()} ...",
            hint="Sort the series by time, and keep one value an hour of UTC.",
            code="M23",
        )
    dates = np.unique(hours.astype("datetime64[D]"))
    firsts = dates == dates.astype("datetime64[M]").astype("datetime64[D]")
    return _Days(hours, bool(firsts.all()) and dates.size > 1)


def _full_axis(dates: np.ndarray, days: _Days) -> np.ndarray:
    """Every hour of each mean day, or of the time from the first to the last hour."""
    if days.monthly:
        return (dates[:, None] + np.arange(24) * _HOUR).ravel().astype("datetime64[ns]")
    return np.arange(dates[0].astype("datetime64[h]"), days.hours[-1] + _HOUR).astype("datetime64[ns]")


def _centers(months: np.ndarray) -> np.ndarray:
    """Centers of months as those of composites: the mean date of their days at 00:00."""
    first, after = (edge.astype("datetime64[D]") for edge in (months, months + 1))
    half = ((after - first) // _DAY - 1) * 12
    return (first.astype("datetime64[h]") + half * _HOUR).astype("datetime64[ns]")


def _longitude(skin: xr.DataArray) -> xr.DataArray:
    """Longitude of every series, degrees; lazy if the series are."""
    if "longitude" in skin.coords:
        return skin["longitude"].astype(float)
    if {Y, X} <= set(skin.dims):
        return grid.lonlat(skin.isel(dict.fromkeys(set(skin.dims) - {Y, X}, 0), drop=True))["longitude"]
    raise QtpDataError(
        "nothing tells the longitude",
        expected="y and x with a CRS, or a coordinate longitude",
        found=list(map(str, skin.coords)),
    )


def _middle_offset(skin: xr.DataArray) -> float:
    """Whole hours of local solar time in the middle of the series."""
    longitude = _longitude(skin)
    middle = longitude.isel({dim: size // 2 for dim, size in longitude.sizes.items()})
    return float(np.rint(float(middle) / 15.0))


def _apply(
    kernel: Any, skin: xr.DataArray, days: int, *more: xr.DataArray, extra: dict[str, int] | None = None, **options: Any
) -> xr.DataArray:
    """Run a kernel (..., n) -> (..., extra, days) along time."""
    whole = skin.chunk({TIME: -1}) if is_lazy(skin) else skin
    extra = extra or {}
    out = xr.apply_ufunc(
        kernel,
        whole,
        *more,
        input_core_dims=[[TIME]] + [[]] * len(more),
        output_core_dims=[[*extra, "_day"]],
        kwargs=options,
        dask="parallelized",
        output_dtypes=[skin.dtype],
        dask_gufunc_kwargs={"output_sizes": extra | {"_day": days}},
    )
    return out.rename(_day=TIME)
