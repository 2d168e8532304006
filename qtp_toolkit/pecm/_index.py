"""Linear index (Eq. 3) and composite index (Eq. 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    THAW_YEAR,
    TIME,
    QtpDataError,
    describe,
    on_one_grid,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.pecm._late import check_years

FORMS: Final = ("thaw_normalized", "printed", "calendar")
CLOSINGS = ("adjust", "none")
CLIPS = ("frozen", "printed", "none")
ROUNDING = -1e-6
"""degC d; sums of positive numbers may end this far below zero."""


def linear_index(
    dates: xr.DataArray | Any,
    thaw_onset: xr.DataArray,
    freeze_onset: xr.DataArray,
    *,
    form: Literal["thaw_normalized", "printed", "calendar"] = "thaw_normalized",
    first_year: int | None = None,
) -> xr.DataArray:
    r"""Linear index L: permafrost years elapsed, counted while the ground thaws.

    .. math:: L(\tau) = T - 1 + (\tau - \tau_t) / (\tau_f - \tau_t) \text{ in the thaw season, } T \text{ after it}

    Parameters
    ----------
    dates : DataArray or sequence of datetime64
        Acquisition dates, dim ``time``.
    thaw_onset, freeze_onset : xarray.DataArray
        (...) mean day of year per pixel, 1 January 00:00 = 1. A freeze onset past 31 December exceeds 365.
    form : {"thaw_normalized", "printed", "calendar"}
        ``printed`` is the letter of Eq. 3, with days turned into years: it jumps by one minus the length of the thaw
        season at every freeze onset. ``calendar`` is the time since 1 January of ``first_year`` in years.
    first_year : int, optional
        Calendar year whose thaw onset starts permafrost year T = 1; by default the year of the earliest date. Before
        that onset L is 0.

    Returns
    -------
    xarray.DataArray
        ``linear_index`` (time, ...), dimensionless; NaN where an onset is NaN or the freeze onset does not follow the
        thaw onset within 365 days. Lazy if the onsets are lazy.

    Notes
    -----
    Deviation from the paper (trap T2): as printed, L is discontinuous; only the normalized form is continuous and rises
    by one a year. A rate fitted with it is in mm per permafrost year, numerically mm/yr (T5).

    References
    ----------
    Chen et al. 2022, Eq. 3.

    Examples
    --------
    >>> thaw, freeze = (xr.DataArray(day, attrs={"units": "day of year"}) for day in (100.0, 200.0))
    >>> linear_index(pd.to_datetime(["2015-05-30", "2015-12-01"]), thaw, freeze).values  # 30 May is day 150
    array([0.5, 1. ])
    """
    from qtp_toolkit.pecm.kernels import indices as kernels  # noqa: PLC0415  (compiles)

    require_option("form of the linear index", form, FORMS)
    for onset in (thaw_onset, freeze_onset):
        require(onset, quantity="thaw_onset")
    stamps = pd.DatetimeIndex(read_times(dates))
    first = int(stamps.min().year) if first_year is None else first_year
    thaw_onset, freeze_onset = on_one_grid(thaw_onset, freeze_onset)
    year = stamps.year.to_numpy()
    # Fractions of a day count: thaw onsets are averages, not dates.
    day = stamps.day_of_year.to_numpy() + (stamps - stamps.normalize()).to_numpy() / np.timedelta64(1, "D")
    kernel: Callable[..., np.ndarray]
    axes: dict[str, Any]
    if form == "calendar":
        kernel, axes = _calendar, {"elapsed": year - first + (day - 1.0) / _days_in(year)}
    else:
        axes = {"day": day, "cycle": year - first, "before": _days_in(year - 1)}
        kernel, axes["year_days"] = kernels.linear, DAYS_PER_YEAR if form == "printed" else 0.0
    out = xr.apply_ufunc(
        kernel,
        thaw_onset,
        freeze_onset,
        output_core_dims=[[TIME]],
        kwargs=axes,
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {TIME: len(stamps)}},
    )
    out = out.assign_coords({TIME: stamps}).transpose(TIME, ...)
    return describe(out, "linear_index", like=thaw_onset, form=form)


def composite_index(
    addt: xr.DataArray,
    addf: xr.DataArray,
    conductivity_ratio: xr.DataArray | float,
    *,
    addt_end: xr.DataArray | None = None,
    addf_end: xr.DataArray | None = None,
    permafrost_year: xr.DataArray | None = None,
    close: Literal["adjust", "none"] = "adjust",
    clip: Literal["frozen", "printed", "none"] = "frozen",
) -> xr.DataArray:
    r"""Composite index I of seasonal thaw subsidence and freeze uplift: positive while thawed, 0 when fully frozen.

    .. math:: I(\tau) = \max\left(0, \sqrt{A_t} - \sqrt{\kappa_f / \kappa_t} \sqrt{A_f}\right)

    Parameters
    ----------
    addt, addf : xarray.DataArray
        (time, ...) degree days of thaw and of freeze since the thaw onset, degC d, >= 0.
    conductivity_ratio : xarray.DataArray or float
        (...) frozen over thawed thermal conductivity, > 0.
    addt_end, addf_end : xarray.DataArray, optional
        (thaw_year, ...) sums of the whole thaw and the whole freeze season, degC d; NaN for a cycle that the
        temperature series does not cover to its end, which then keeps the given ratio.
    permafrost_year : xarray.DataArray, optional
        (time, ...) number of the permafrost year, n for the n-th entry of ``thaw_year``, which has all years in order.
    close : {"adjust", "none"}
        With ``adjust``, and the three arrays above, a cycle that would not freeze through takes the ratio of
        :func:`closing_ratio`.
    clip : {"frozen", "printed", "none"}
        ``frozen``: 0 where Eq. 4 is negative, that is once the layer is frozen through. ``printed``: 0 where it is
        positive, as the text says; what remains is the excess of freezing over thaw. ``none``: Eq. 4 as it is.

    Returns
    -------
    xarray.DataArray
        ``composite_index`` (time, ...), degC0.5 d0.5. NaN where a degree-day sum or the ratio is NaN, where the ratio
        is not positive and where a cycle has no freezing at all to close with. 0 where neither thaw nor frost has
        summed up. Lazy if the inputs are lazy; to close the cycles ``time`` must be one chunk.

    Notes
    -----
    Deviations from the paper: the text sets I to zero "when I is positive, i.e. totally frozen"; Eq. 4 is negative when
    frozen, so the negative part is clipped (T3). The ratio is adjusted when the index at the end of the cycle is
    positive (T4), in that cycle only. The paper prints a root over kf/kt and so does this; for a bare ratio give its
    square.

    References
    ----------
    Chen et al. 2022, Eq. 4 and the text below it.

    Examples
    --------
    >>> addt = xr.DataArray([400.0, 900.0], dims="time", attrs={"units": "degC d"})
    >>> addf = xr.DataArray([0.0, 100.0], dims="time", attrs={"units": "degC d"})
    >>> composite_index(addt, addf, 1.44).values  # 30 - 1.2 * 10 in autumn
    array([20., 18.])
    """
    from qtp_toolkit.pecm.kernels import indices as kernels  # noqa: PLC0415  (compiles)

    for sums in (addt, addf):
        require(sums, dims=(TIME,), quantity="addt", between=(ROUNDING, np.inf))
    require_option("way to close a cycle", close, CLOSINGS)
    require_option("clip", clip, CLIPS)
    given = (addt_end, addf_end, permafrost_year)
    if any(a is None for a in given) and not all(a is None for a in given):
        raise QtpDataError("To close the cycles give addt_end, addf_end and permafrost_year together")
    addt, addf, conductivity_ratio, addt_end, addf_end, permafrost_year = on_one_grid(
        addt, addf, conductivity_ratio, addt_end, addf_end, permafrost_year
    )
    arrays: list[Any] = [addt, addf, conductivity_ratio]
    cores: dict[str, Any] = {}
    if close == "adjust" and addt_end is not None and addf_end is not None:
        check_years(addt_end[THAW_YEAR].values)
        closed = closing_ratio(addt_end, addf_end, conductivity_ratio).conductivity_ratio
        arrays += [closed, permafrost_year]
        cores["input_core_dims"] = [[TIME], [TIME], [], [THAW_YEAR], [TIME]]
        cores["output_core_dims"] = [[TIME]]
    out = xr.apply_ufunc(
        kernels.composite,
        *arrays,
        kwargs={"rule": kernels.Rule(clip=CLIPS.index(clip))},
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.result_type(addt.dtype, addf.dtype)],
        **cores,
    )
    return describe(out.transpose(TIME, ...), "composite_index", like=addt, clip=clip)


def closing_ratio(
    addt_end: xr.DataArray, addf_end: xr.DataArray, conductivity_ratio: xr.DataArray | float
) -> xr.Dataset:
    """Conductivity ratio of every cycle, adjusted where the ground would not freeze through (T4).

    Where ``sqrt(addt_end) - sqrt(ratio) sqrt(addf_end) > 0`` the ratio becomes ``addt_end / addf_end``, which closes
    the cycle exactly: otherwise the next thaw would start from an offset.

    Parameters
    ----------
    addt_end, addf_end : xarray.DataArray
        (thaw_year, ...) degC d; NaN for cycles not covered, which keep the given ratio.
    conductivity_ratio : xarray.DataArray or float
        (...) frozen over thawed thermal conductivity.

    Returns
    -------
    xarray.Dataset
        (thaw_year, ...): ``conductivity_ratio``, NaN where it is not positive or the cycle does not freeze at all, and
        bool ``ratio_adjusted``. Lazy if the inputs are lazy.
    """
    for sums in (addt_end, addf_end):
        require(sums, dims=(THAW_YEAR,), quantity="addt_end", between=(ROUNDING, np.inf))
    ratio, adjusted = xr.apply_ufunc(
        _close,
        *on_one_grid(addt_end, addf_end, conductivity_ratio),
        output_core_dims=[[], []],
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.float64, bool],
    )
    layers = {"conductivity_ratio": ratio, "ratio_adjusted": adjusted}
    return xr.Dataset(
        {name: describe(da.transpose(THAW_YEAR, ...), name, like=addt_end) for name, da in layers.items()}
    )


def amplitude_factor(addt_end: xr.DataArray) -> xr.DataArray:
    """Mean over the years of the highest composite index: what turns a seasonal coefficient into an amplitude.

    The index peaks at the end of the thaw season, at ``sqrt(addt_end)``.

    Parameters
    ----------
    addt_end : xarray.DataArray
        (thaw_year, ...) degree days of the whole thaw season, degC d; NaN for seasons not covered.

    Returns
    -------
    xarray.DataArray
        (...) degC0.5 d0.5, NaN without any season. Lazy if the input is lazy.

    Notes
    -----
    The paper does not define its amplitude; ours is peak to trough, ``|d| * mean(max I)`` (T6).
    """
    require(addt_end, dims=(THAW_YEAR,), quantity="addt_end", between=(0.0, np.inf))
    out = xnp.sqrt(addt_end).mean(THAW_YEAR)
    return describe(out, "composite_index", like=addt_end, long_name="mean annual maximum of the composite index")


def yearly_amplitude(seasonal_coefficient: xr.DataArray, addt_end: xr.DataArray) -> xr.DataArray:
    """Seasonal amplitude of every year, ``|d| sqrt(addt_end)``: what warmer and cooler summers make of one coefficient.

    Parameters
    ----------
    seasonal_coefficient : xarray.DataArray
        (...) of :func:`fit`.
    addt_end : xarray.DataArray
        (thaw_year, ...) degC d.

    Returns
    -------
    xarray.DataArray
        ``seasonal_amplitude`` (thaw_year, ...), mm, peak to trough. Lazy if the inputs are lazy.

    Examples
    --------
    >>> coefficient = xr.DataArray(-0.5, attrs={"units": "mm degC-0.5 d-0.5"})
    >>> addt_end = xr.DataArray([900.0, 1600.0], {"thaw_year": [2015, 2016]}, "thaw_year", attrs={"units": "degC d"})
    >>> yearly_amplitude(coefficient, addt_end).values
    array([15., 20.])
    """
    require(seasonal_coefficient, quantity="seasonal_coefficient")
    require(addt_end, dims=(THAW_YEAR,), quantity="addt_end")
    seasonal_coefficient, addt_end = on_one_grid(seasonal_coefficient, addt_end)
    out = abs(seasonal_coefficient) * np.sqrt(addt_end)
    return describe(out.transpose(THAW_YEAR, ...), "seasonal_amplitude", like=seasonal_coefficient)


def _days_in(year: np.ndarray) -> np.ndarray:
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return np.where(leap, 366.0, 365.0)


def _calendar(thaw: np.ndarray, freeze: np.ndarray, *, elapsed: np.ndarray) -> np.ndarray:
    length = (np.asarray(freeze) - thaw)[..., None]
    return np.where((length > 0) & (length <= 365.0), elapsed, np.nan)


def _close(at_end: np.ndarray, af_end: np.ndarray, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Zeros bring the ratio to the shape of the cycles.
    ratio = np.where(np.asarray(ratio) > 0, ratio, np.nan) + np.zeros_like(at_end)
    open_end = np.sqrt(np.maximum(at_end, 0.0)) - np.sqrt(ratio) * np.sqrt(np.maximum(af_end, 0.0)) > 0
    freezes = np.where(af_end > 0, af_end, np.nan)
    return np.where(open_end, at_end / freezes, ratio), open_end
