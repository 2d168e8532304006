"""Values of a temperature series on other days: days of months, composites of days, dates of passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import (
    TIME,
    VARIABLES,
    QtpDataError,
    coordinate,
    describe,
    require,
    require_covered,
)
from qtp_toolkit.kernels import daily as kernels
from qtp_toolkit.lst.axis import SENSOR, as_days, days_since_start, whole_days

COMPOSITE_DAYS = 8


def to_composites(daily: xr.DataArray, centers: xr.DataArray, *, min_days: int = 5) -> xr.DataArray:
    """Mean of the days that belong to each 8-day composite.

    Parameters
    ----------
    daily : xarray.DataArray
        Daily values, dim ``time``; the hour of their stamps does not matter.
    centers : xarray.DataArray
        Composite centers (datetime64), as loaded with the composites. A composite
        has 8 days around its center; the last of a year ends as long after its center as it began before.
    min_days : int
        Valid days that a mean needs.

    Returns
    -------
    xarray.DataArray
        Dim ``time`` = ``centers``, name, units and other dims of ``daily``; lazy if ``daily`` is lazy.

    Raises
    ------
    QtpDataError
        If the values lie too far apart for a composite to hold ``min_days`` of them, as monthly means do: make days of
        them (:func:`to_daily`).

    Examples
    --------
    >>> daily = xr.DataArray(np.arange(16.0), {"time": pd.date_range("2016-01-01", periods=16)}, "time")
    >>> centers = xr.DataArray(pd.to_datetime(["2016-01-04T12", "2016-01-12T12"]), dims="time")
    >>> to_composites(daily, centers).values
    array([ 3.5, 11.5])
    """
    require(daily, dims=(TIME,))
    days, midnight = whole_days(daily)
    step = float(np.median(np.diff(days)))
    if step * min_days > COMPOSITE_DAYS:
        raise QtpDataError(
            "these are no daily values: no composite holds as many as its mean needs",
            variable=str(daily.name),
            expected=f"{min_days} values in {COMPOSITE_DAYS} days",
            found=f"one in {step:g} days",
            hint="Make days of them first: lst.to_daily.",
            code="M28",
        )
    owner = kernels.composite_owner(days, as_days(centers.values, midnight))
    options = {"owner": owner, "count": centers.size, "min_valid": min_days}
    out = _move_to(np.asarray(centers.values), kernels.window_mean, daily, float, **options)
    return out.rename(daily.name).assign_attrs(daily.attrs)


def to_daily(lst: xr.DataArray, *, max_gap_days: float = 40.0) -> xr.DataArray:
    """Daily series by linear interpolation between composite centers (Section 3.1).

    Parameters
    ----------
    lst : xarray.DataArray
        degC, dim ``time`` of composite centers.
    max_gap_days : float
        Longest accepted distance between neighboring composites on the time axis.

    Returns
    -------
    xarray.DataArray
        ``lst``, one value a day stamped at 00:00, from the first day of the first composite to the last day of the
        last one: beyond the outer centers (half a composite, at most 3.5 days, within the same calendar year) the
        outermost segment is continued. NaN where a neighbor is NaN. Same dtype; lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If composites are missing from the time axis for longer than ``max_gap_days``: lists where.

    Notes
    -----
    Monthly means are taken as composites of their months. A series of days is returned as it is.

    Examples
    --------
    >>> centers = pd.to_datetime(["2016-01-04T12", "2016-01-12T12"])
    >>> lst = xr.DataArray([-8.0, -4.0], {"time": centers}, "time", attrs={"units": "degC"})
    >>> to_daily(lst).sel(time="2016-01-08").item()  # 3.5 of 8 days after the first center
    -6.25
    """
    require(lst, dims=(TIME,), units=VARIABLES["lst"].units)
    steps, times = np.diff(days_since_start(lst)), pd.DatetimeIndex(lst[TIME].values)
    if np.median(steps) <= 1.0:
        return lst
    if (steps > max_gap_days).any():
        where = [f"{times[i]:%Y-%m-%d} to {times[i + 1]:%Y-%m-%d}" for i in np.flatnonzero(steps > max_gap_days)]
        raise QtpDataError(
            "composites are missing",
            variable=str(lst.name),
            where=where,
            expected=f"at most {max_gap_days:g} d apart",
            hint="Add the granules, or raise max_gap_days.",
        )
    stamps = kernels.daily_stamps(times.values)
    return _interpolate(lst, stamps.astype("datetime64[ns]"), reach=kernels.REACH)


def at_dates(lst: xr.DataArray, dates: xr.DataArray | Sequence[np.datetime64]) -> xr.DataArray:
    """Temperature on acquisition days, linear between the neighboring values (Section 3.1).

    Parameters
    ----------
    lst : xarray.DataArray
        degC, dim ``time`` (daily or composite centers).
    dates : DataArray or sequence of datetime64
        Acquisition dates.

    Returns
    -------
    xarray.DataArray
        ``lst`` with ``time`` = ``dates``; lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If a date lies more than half a day (daily) or half a composite outside the series: names the dates and the
        period.
    """
    require(lst, dims=(TIME,), units=VARIABLES["lst"].units)
    # Daily or composites: what is half a step beyond the ends still belongs to the outer value.
    half_a_step = 0.5 * float(np.median(np.diff(days_since_start(lst))))
    return _interpolate(lst, read_times(dates), reach=half_a_step)


def _interpolate(lst: xr.DataArray, wanted: np.ndarray, *, reach: float) -> xr.DataArray:
    origin = lst[TIME].values[0]
    left, weight = kernels.interpolation_weights(days_since_start(lst), as_days(wanted, origin), reach=reach)
    require_covered(wanted, np.isnan(weight), lst[TIME].values)
    out = _move_to(wanted, kernels.interpolate, lst, lst.dtype, left=left, weight=weight)
    if SENSOR in lst.coords:  # of the nearer neighbor
        out = out.assign_coords({SENSOR: (TIME, coordinate(lst, SENSOR)[left + (weight > 0.5)])})
    return describe(out, "lst", like=lst, **{key: lst.attrs[key] for key in lst.attrs.keys() & {"daily_mean"}})


def _move_to(
    times: np.ndarray, kernel: Callable[..., np.ndarray], da: xr.DataArray, dtype: Any, **options: Any
) -> xr.DataArray:
    """Series on other times, by a kernel (..., n) -> (..., times); dims in the order of ``da``."""
    out = xr.apply_ufunc(
        kernel,
        da,
        input_core_dims=[[TIME]],
        output_core_dims=[["_moved"]],
        kwargs=options,
        dask="parallelized",
        output_dtypes=[dtype],
        dask_gufunc_kwargs={"output_sizes": {"_moved": len(times)}},
    )
    return out.rename(_moved=TIME).assign_coords({TIME: times}).transpose(*da.dims)
