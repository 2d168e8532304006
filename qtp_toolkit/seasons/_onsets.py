"""Thaw and freeze onsets of every year and their means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    THAW_YEAR,
    TIME,
    VARIABLES,
    QtpDataError,
    describe,
    provenance,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.kernels import reasons
from qtp_toolkit.seasons._axis import day_index, days_covered
from qtp_toolkit.seasons.kernels import onsets as kernels

METHODS = ("smoothed", "consecutive", "cumulative")

MOST_OF_A_YEAR = 300
"""Days that a year from July to June must have for its sake alone to be listed, whatever ``min_days``."""


def onsets(
    lst: xr.DataArray,
    *,
    method: str = "smoothed",
    harmonics: int = 2,
    run_days: int = 5,
    threshold_degC: float = 0.0,
    min_days: int = 300,
    period_days: float = DAYS_PER_YEAR,
) -> xr.Dataset:
    """Thaw and freeze onset of every year, and their means (Section 3.2).

    ``smoothed``: fit ``harmonics`` harmonics to each year; the thaw onset is the last upward crossing of the
    threshold before the annual maximum, the freeze onset the first downward crossing after it. ``consecutive``: the
    first ``run_days`` days above the threshold after the coldest day, and the first below it after the warmest.
    ``cumulative``: the day after the spring minimum, and after the autumn maximum, of the running sum.

    Parameters
    ----------
    lst : xarray.DataArray
        degC, dim ``time``: a value every day (values may be NaN), or composites by their centers, which stand for the
        days that :func:`qtp_toolkit.lst.to_daily` interpolates between them. Same result, but composites are much
        faster: the days are never made.
    method : {"smoothed", "consecutive", "cumulative"}
    harmonics : int
        For ``smoothed``.
    run_days : int
        Length of the run for ``consecutive``. With the other methods a thaw (freeze) season that is shorter counts as
        none, so that a warm day in the frozen year of a summit is no thaw.
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
        ``crossings`` (largest number of upward crossings in a year: above 1 the onset is ambiguous),
        ``reason_of_year`` (dim ``thaw_year``) and ``reason`` (uint8: 1 never thaws, 2 never freezes, 4 too few days,
        5 no temperature; overall 0 if any year has both onsets). Lazy if the input is lazy; ``time`` must be one
        chunk.

    Raises
    ------
    QtpDataError
        If days (or composites for more than 40 days) are missing from the time axis, the unit is not degC, or no year
        is long enough.

    Notes
    -----
    The paper does not print its rule. Years without one of the onsets are left out of the means, which are plain
    averages of the day of year (not circular). This is safe because the days are not wrapped: counted from 1 January
    of ``thaw_year``, a thaw onset in late December is below 1 and a freeze onset in January above 365, so that the
    freeze onset always follows the thaw onset.

    A year is a calendar year, except for a series that is warmest nearer to 1 January than to 1 July (southern
    hemisphere): there it runs from 1 July of ``thaw_year``, thaw onsets lie near day 300 and freeze onsets near 480.
    A year for which only the other kind of window is covered is NaN with reason 4. Close to the ends of a window
    ``smoothed`` relies on its curve being periodic; the other methods look into the neighboring years, and past the
    ends of the series repeat the year.

    A day of year falls one date earlier in leap years, after February.

    References
    ----------
    Chen et al. 2022, Section 3.2.

    Examples
    --------
    >>> days = pd.date_range("2015-01-01", "2016-12-31")
    >>> wave = -3.0 - 10.0 * np.cos(2 * np.pi * (days.day_of_year - 20) / 365.25)
    >>> out = onsets(xr.DataArray(wave, {"time": days}, "time", attrs={"units": "degC"}))
    >>> round(out["thaw_onset_mean"].item())  # 20 + arccos(-0.3) / (2 pi) * 365.25
    129
    """
    require(lst, dims=(TIME,), units=VARIABLES["lst"].units)
    require_option("method", method, METHODS)
    times, daily = days_covered(lst)
    years, windows = _make_windows(times, min_days)
    rule = kernels.Rule(float(threshold_degC), float(period_days), run_days, min_days)
    kernel: Callable[..., tuple[np.ndarray, ...]]
    if method == "smoothed":
        kernel, option = kernels.smooth_onsets, {"harmonics": harmonics}
    else:
        kernel, option = kernels.rule_onsets, {"cumulative": method == "cumulative"}
    found = xr.apply_ufunc(
        kernel,
        lst,
        input_core_dims=[[TIME]],
        output_core_dims=[[THAW_YEAR]] * 4,
        kwargs={"years": windows, "rule": rule, "daily": daily, **option},
        dask="parallelized",
        output_dtypes=[float, float, np.uint8, np.uint8],
        dask_gufunc_kwargs={"output_sizes": {THAW_YEAR: len(years)}},
    )
    thaw, freeze, crossings, reason = (
        da.drop_attrs(deep=False).assign_coords({THAW_YEAR: years}).transpose(THAW_YEAR, ...) for da in found
    )
    out = _average_onsets(thaw, freeze, lst, method)
    out["years"] = describe((thaw + freeze).count(THAW_YEAR).astype(np.uint8), "years", like=lst)
    out["crossings"] = describe(crossings.max(THAW_YEAR), "crossings", like=lst)
    out["reason_of_year"] = describe(reason, "reason", like=lst)
    out["reason"] = describe(_summarize(reason), "reason", like=lst)
    return xr.Dataset(out, attrs=provenance(lst))


def _make_windows(times: pd.DatetimeIndex, min_days: int) -> tuple[np.ndarray, kernels.Years]:
    """Years of which a calendar window, or one from July to June, is long enough; and their windows."""
    years = np.arange(times[0].year - 1, times[-1].year + 1)
    edges = [np.clip(day_index(times, [*years, years[-1] + 1], month), 0, len(times)) for month in (1, 7)]
    starts, stops = np.stack([edge[:-1] for edge in edges]), np.stack([edge[1:] for edge in edges])
    enough = np.array([min_days, max(min_days, MOST_OF_A_YEAR)])
    use = (stops - starts >= enough[:, None]).any(axis=0)
    if not use.any():
        raise QtpDataError(
            "no year is long enough", expected=f"{min_days} days", found=f"{times[0].date()} to {times[-1].date()}"
        )
    return years[use], kernels.Years(day_index(times, years[use], 1), starts[:, use], stops[:, use])


def _average_onsets(
    thaw: xr.DataArray, freeze: xr.DataArray, lst: xr.DataArray, method: str
) -> dict[str, xr.DataArray]:
    """Onsets of each year, their mean and their sample standard deviation."""
    onsets = {"thaw_onset": thaw, "freeze_onset": freeze}
    out = {name: describe(onset, name, like=lst, method=method) for name, onset in onsets.items()}
    for name, onset in onsets.items():
        mean, number = onset.mean(THAW_YEAR), onset.count(THAW_YEAR)
        # Not ``std(ddof=1)``, which warns where there is only one year.
        variance = ((onset - mean) ** 2).sum(THAW_YEAR) / (number - 1).where(number > 1)
        out[f"{name}_mean"] = describe(mean, f"{name}_mean", like=lst, method=method)
        out[f"{name}_std"] = describe(xnp.sqrt(variance), f"{name}_std", like=lst)
    return out


def _summarize(reason: xr.DataArray) -> xr.DataArray:
    """OK if any year is, else what prevented it: never thaws before never freezes before missing data."""
    out = xr.full_like(reason.isel({THAW_YEAR: 0}, drop=True), reasons.NO_TEMPERATURE)
    for code in (reasons.TOO_FEW, reasons.NEVER_FREEZES, reasons.NEVER_THAWS, reasons.OK):
        out = xr.where((reason == code).any(THAW_YEAR), np.uint8(code), out)
    return out.astype(np.uint8)
