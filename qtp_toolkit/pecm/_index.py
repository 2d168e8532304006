"""Linear index (Eq. 3) and composite index (Eq. 4)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import DAYS_PER_YEAR, THAW_YEAR, TIME, QtpDataError, describe, require

DEGREE_DAYS = "degC d"
DAY_OF_YEAR = "day of year"
FORMS = ("thaw_normalized", "printed", "calendar")


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
        Calendar year whose thaw onset starts permafrost year T = 1; by default the year of the first date. Before
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
    """
    if form not in FORMS:
        raise QtpDataError("Unknown form of the linear index", expected=", ".join(FORMS), found=repr(form))
    for onset in (thaw_onset, freeze_onset):
        require(onset, units=DAY_OF_YEAR)
    stamps = pd.DatetimeIndex(np.asarray(dates, dtype="datetime64[ns]"))
    first = int(stamps[0].year) if first_year is None else first_year
    year = stamps.year.to_numpy()
    day = stamps.day_of_year.to_numpy() + (stamps - stamps.normalize()).to_numpy() / np.timedelta64(1, "D")
    elapsed = year - first + (day - 1.0) / _days_in(year)
    axes = [
        xr.DataArray(np.asarray(a, dtype=float), {TIME: stamps}, (TIME,))
        for a in (day, year - first, _days_in(year - 1), elapsed)
    ]
    out = xr.apply_ufunc(
        _linear, *axes, thaw_onset, freeze_onset, kwargs={"form": form}, keep_attrs=True, dask="parallelized",
        output_dtypes=[np.float64],
    )  # fmt: skip
    return describe(out.transpose(TIME, ...), "linear_index", **_provenance(thaw_onset), form=form)


def composite_index(
    addt: xr.DataArray,
    addf: xr.DataArray,
    conductivity_ratio: xr.DataArray | float,
    *,
    addt_end: xr.DataArray | None = None,
    addf_end: xr.DataArray | None = None,
    permafrost_year: xr.DataArray | None = None,
    close: Literal["adjust", "none"] = "adjust",
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
        (time, ...) number of the permafrost year, n for the n-th entry of ``thaw_year``.
    close : {"adjust", "none"}
        With ``adjust``, and the three arrays above, a cycle that would not freeze through takes the ratio of
        :func:`closing_ratio`.

    Returns
    -------
    xarray.DataArray
        ``composite_index`` (time, ...), degC0.5 d0.5. NaN where a degree-day sum or the ratio is NaN, where the ratio
        is not positive and where a cycle has no freezing at all to close with. Lazy if the inputs are lazy.

    Notes
    -----
    Deviations from the paper: the text sets I to zero "when I is positive, i.e. totally frozen"; Eq. 4 is negative when
    frozen, so the negative part is clipped (T3). The ratio is adjusted when the index at the end of the cycle is
    positive (T4), in that cycle only.

    References
    ----------
    Chen et al. 2022, Eq. 4 and the text below it.
    """
    for sums in (addt, addf):
        require(sums, dims=(TIME,), units=DEGREE_DAYS, between=(0.0, np.inf))
    if close not in ("adjust", "none"):
        raise QtpDataError("Unknown way to close a cycle", expected="adjust, none", found=repr(close))
    given = (addt_end, addf_end, permafrost_year)
    if any(a is None for a in given) and not all(a is None for a in given):
        raise QtpDataError("To close the cycles give addt_end, addf_end and permafrost_year together")
    ratio = conductivity_ratio
    dtype = np.result_type(addt.dtype, addf.dtype)
    if close == "none" or addt_end is None:
        out = xr.apply_ufunc(_composite, addt, addf, ratio, keep_attrs=True, dask="parallelized", output_dtypes=[dtype])
    else:
        closed = closing_ratio(addt_end, addf_end, ratio).conductivity_ratio
        out = xr.apply_ufunc(
            _composite_by_cycle, addt, addf, ratio, closed, permafrost_year,
            input_core_dims=[[TIME], [TIME], [], [THAW_YEAR], [TIME]], output_core_dims=[[TIME]],
            keep_attrs=True, dask="parallelized", output_dtypes=[dtype],
        )  # fmt: skip
    return describe(out.transpose(TIME, ...), "composite_index", **_provenance(addt))


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
        require(sums, dims=(THAW_YEAR,), units=DEGREE_DAYS, between=(0.0, np.inf))
    ratio, adjusted = xr.apply_ufunc(
        _close, addt_end, addf_end, conductivity_ratio, output_core_dims=[[], []], keep_attrs=True, dask="parallelized",
        output_dtypes=[np.float64, bool],
    )  # fmt: skip
    flag = {"long_name": "conductivity ratio adjusted to close the cycle", "units": "1"}
    note = _provenance(addt_end)
    ratio = describe(ratio.transpose(THAW_YEAR, ...), "conductivity_ratio", **note)
    adjusted = adjusted.transpose(THAW_YEAR, ...).rename("ratio_adjusted")
    adjusted.attrs = {**flag, **note}
    return xr.Dataset({"conductivity_ratio": ratio, "ratio_adjusted": adjusted})


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
    require(addt_end, dims=(THAW_YEAR,), units=DEGREE_DAYS, between=(0.0, np.inf))
    out = np.sqrt(addt_end).mean(THAW_YEAR)
    return describe(out, "composite_index", **_provenance(addt_end)).assign_attrs(
        long_name="mean annual maximum of the composite index"
    )


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
    """
    require(seasonal_coefficient, units="mm degC-0.5 d-0.5")
    require(addt_end, dims=(THAW_YEAR,), units=DEGREE_DAYS)
    out = abs(seasonal_coefficient) * np.sqrt(addt_end)
    return describe(out.transpose(THAW_YEAR, ...), "seasonal_amplitude", **_provenance(seasonal_coefficient))


def _provenance(da: xr.DataArray) -> dict[str, object]:
    return {key: da.attrs[key] for key in ("provenance_note",) if key in da.attrs}


def _days_in(year: np.ndarray) -> np.ndarray:
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return np.where(leap, 366.0, 365.0)


def _linear(day, cycle, previous_length, elapsed, *onsets, form):
    """L of dates on ``day`` of year, ``cycle`` years after the first; all broadcast."""
    thaw, freeze = onsets
    length = freeze - thaw
    valid = (length > 0) & (length <= 365.0)
    length = np.where(valid, length, np.nan)
    if form == "calendar":
        return np.where(valid, elapsed, np.nan)
    last, this = (
        day + previous_length - thaw,
        day - thaw,
    )  # days since the thaw onsets of the year before and of this one
    running = (last < length) & (cycle > 0)
    if form == "printed":
        done = np.where(this > length, 1.0, np.clip(this, 0.0, None) / DAYS_PER_YEAR)
        out = cycle + done - np.where(running, 1.0 - last / DAYS_PER_YEAR, 0.0)
    else:
        out = cycle + np.clip(this / length, 0.0, 1.0) - np.where(running, 1.0 - last / length, 0.0)
    return np.where(valid, np.maximum(out, 0.0), np.nan)


def _composite(at, af, ratio):
    with np.errstate(invalid="ignore"):
        ratio = np.where(np.asarray(ratio) > 0, ratio, np.nan)
        index = np.maximum(np.sqrt(at) - np.sqrt(ratio) * np.sqrt(af), 0.0)
    return index.astype(np.result_type(at, af), copy=False)


def _composite_by_cycle(at, af, ratio, closed, number):
    """As :func:`_composite`, (..., time), with the ratio of the cycle ``number - 1`` of ``closed`` (..., cycle)."""
    shape = np.broadcast_shapes(at.shape, af.shape, number.shape, (*closed.shape[:-1], 1), (*np.shape(ratio), 1))
    cycles = np.broadcast_to(np.moveaxis(closed, -1, 0), (closed.shape[-1], *shape[:-1]))
    table = np.concatenate([np.broadcast_to(ratio, shape[:-1])[None], cycles])
    at, af, number = (np.broadcast_to(np.moveaxis(a, -1, 0), (shape[-1], *shape[:-1])) for a in (at, af, number))
    out = np.empty(at.shape, dtype=np.result_type(at, af))
    for date, cycle in enumerate(number):
        known = np.isfinite(cycle) & (cycle >= 1) & (cycle < len(table))
        row = np.where(known, cycle, 0).astype(np.intp)
        out[date] = _composite(at[date], af[date], np.take_along_axis(table, row[None], axis=0)[0])
    return np.moveaxis(out, 0, -1)


def _close(at_end, af_end, ratio):
    ratio = np.where(np.asarray(ratio) > 0, ratio, np.nan) + np.zeros_like(at_end)
    open_end = np.sqrt(at_end) - np.sqrt(ratio) * np.sqrt(af_end) > 0
    freezes = np.where(af_end > 0, af_end, np.nan)
    return np.where(open_end, at_end / freezes, ratio), open_end
