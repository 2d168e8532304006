"""From one temperature sensor to the next: offset and slope by season over the time in which both look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import (
    TIME,
    VARIABLES,
    QtpDataError,
    coordinate,
    describe,
    is_lazy,
    on_pixels_of,
    require,
    require_same_grid,
    xnp,
)
from qtp_toolkit.kernels import reasons
from qtp_toolkit.lst.axis import SENSOR, days_since_start
from qtp_toolkit.lst.kernels import bridge as kernels

SEASONS = {"DJF": (12, 1, 2), "MAM": (3, 4, 5), "JJA": (6, 7, 8), "SON": (9, 10, 11)}
"""Months of the seasons that a bridge has unless told otherwise."""
MIN_COMMON = 12
"""Common dates that a season needs: more than one year has."""
_LEAST_COMMON = 3
"""A line has two unknowns; what a third date leaves tells its error."""
_SPREAD = 0.5
"""Smallest standard deviation of the second series in a season, K, that determines a slope."""


def fit_bridge(
    first: xr.DataArray,
    second: xr.DataArray,
    *,
    seasons: Mapping[str, Sequence[int]] | None = None,
    min_common: int = MIN_COMMON,
    zones: xr.DataArray | None = None,
) -> xr.Dataset:
    """Fit ``first = offset + slope * second`` season by season to the dates that both series have.

    Parameters
    ----------
    first, second : xarray.DataArray
        degC, dim ``time`` and the same others, on one grid: daily means of one and of the other sensor, or one overpass
        of each. Dates are common where their stamps are equal; composites of MODIS and VIIRS share a calendar, of a
        daily series :func:`to_composites` makes them. Use values that were observed, not filled.
    seasons : mapping of str to months, optional
        Each month in one season; by default DJF, MAM, JJA, SON.
    min_common : int
        Common valid dates that a season of a pixel (or zone) needs, 3 or more.
    zones : xarray.DataArray, optional
        Whole numbers (y, x), in memory: one fit a zone, to the means of its pixels that both sensors see on a date.
        Below 0, or NaN, a pixel belongs to none. By default every pixel has a fit of its own.

    Returns
    -------
    xarray.Dataset
        Dims ``season`` and those of the series without ``time``: ``offset`` (K, at 0 degC), ``slope`` (1), ``center``
        (degC: mean of the second series), ``mean_std`` (K: standard deviation of the line at its center), ``slope_std``
        (1), ``scatter`` (K: of single dates about the line), ``common`` (dates), ``reason`` (uint8: 0 ok, 3 hardly any
        spread, 4 fewer than ``min_common`` common dates, 5 none, 7 in no zone); coordinate ``season_of_month``. NaN
        where there is a reason. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        Series without common stamps, of other grids or units, not increasing in time; months that are in no season or
        in two.

    Notes
    -----
    The fit is Tukey's biweight (4.685 scales, the scale from the median absolute residual), begun at slope 1 through
    the median difference, so that clouds that only one sensor missed do not count. Standard deviations are the
    asymptotic ones of Huber (1981, section 7.6) with his correction for small samples; dates count as independent. Both
    series err, and a slope that predicts the first from the second is a little flatter than the one between the true
    temperatures: it is meant for carrying on a series, not for comparing calibrations.

    References
    ----------
    Huber (1981), Robust Statistics; not in the paper, whose data end with 2019.

    Examples
    --------
    >>> times = pd.date_range("2014-01-04T12", periods=138, freq="8D")
    >>> wave = -4.0 - 12.0 * np.cos(2 * np.pi * np.arange(138) / 45.66)
    >>> second = xr.DataArray(wave, {"time": times}, "time", attrs={"units": "degC"})
    >>> first = (1.5 + 0.9 * second).assign_attrs(units="degC")
    >>> fit = fit_bridge(first, second)
    >>> fit["offset"].values.round(6).tolist(), fit["slope"].values.round(6).tolist()
    ([1.5, 1.5, 1.5, 1.5], [0.9, 0.9, 0.9, 0.9])
    """
    if min_common < _LEAST_COMMON:
        raise QtpDataError(
            "a line through so few dates has no error",
            variable="min_common",
            expected=f"{_LEAST_COMMON} or more",
            found=min_common,
            code="M28",
        )
    of_month = _months(seasons)
    called, numbers = np.unique(of_month, return_inverse=True)
    first, second = _fitting(first, second)
    times = np.intersect1d(first[TIME].values, second[TIME].values)
    if not times.size:
        spans = [[str(t)[:13] for t in da[TIME].values[[0, -1]]] for da in (first, second)]
        raise QtpDataError(
            "the two series have no date in common",
            expected=f"stamps as of the first, {spans[0][0]} to {spans[0][1]}",
            found=f"{spans[1][0]} to {spans[1][1]}",
            hint="Bring both to the same composites (lst.to_composites), and let them overlap.",
            code="M28",
        )
    one, other = (da.sel({TIME: times}) for da in (first, second))
    labels = _numbers(zones, first) if zones is not None else None
    if labels is not None:
        one, other = _zone_means(one, other, labels)
    rules = {"season": _season_of(times, numbers), "seasons": called.size, "least": min_common, "spread": _SPREAD}
    layers, reason = xr.apply_ufunc(
        kernels.fit,
        _whole(one),
        _whole(other),
        input_core_dims=[[TIME], [TIME]],
        output_core_dims=[["season", "layer"], ["season"]],
        kwargs=rules,
        dask="parallelized",
        output_dtypes=[float, np.uint8],
        dask_gufunc_kwargs={"output_sizes": {"season": called.size, "layer": len(kernels.LAYERS)}},
    )
    if labels is not None:
        layers, reason = _on_pixels(layers, reason, labels)
    out = _named(layers, reason, like=(first, second))
    out = out.assign_coords(season=called, month=np.arange(1, 13), season_of_month=("month", of_month))
    return out.sel(season=list(dict.fromkeys(seasons or SEASONS))).assign_attrs(min_common=min_common)


def bridge(
    first: xr.DataArray | xr.Dataset,
    second: xr.DataArray,
    *,
    fit: xr.Dataset | None = None,
    names: Sequence[str] | None = None,
    **options: Any,
) -> xr.Dataset:
    """Let a series go on with another sensor, carried over by :func:`fit_bridge`.

    Parameters
    ----------
    first : xarray.DataArray or xarray.Dataset
        As in :func:`fit_bridge`, or what an earlier bridge gave: its ``lst_std`` and its ``sensor`` are carried on.
    second : xarray.DataArray
        As in :func:`fit_bridge`. Dates that the first has not are taken from it; end the first where its overpasses
        have drifted (:func:`overpass_drift`) before.
    fit : xarray.Dataset, optional
        Of :func:`fit_bridge`, from other (such as unfilled) values or another period; by default of these series.
    names : (str, str), optional
        What to call the sensors; by default the satellites in the attribute ``overpasses`` of each, as
        :func:`daily_mean` writes it. Dates that have a coordinate ``sensor`` keep it.
    **options
        Of :func:`fit_bridge`, where no ``fit`` is given.

    Returns
    -------
    xarray.Dataset
        ``lst`` (time, ...), degC, all dates in order: those of the first as they are, those of the second alone carried
        over, NaN where its season has no fit. ``lst_std`` (K): standard deviation that the bridge adds; on the dates of
        the first 0, or what an earlier bridge added (later ones do not know the error of its line); the part that does
        not average out over dates is ``mean_std`` and ``slope_std`` of the fit.
        Coordinate ``sensor`` (time): which sensor saw each date. ``bridge_reason`` (season, ...). Lazy if an input is
        lazy.

    Raises
    ------
    QtpDataError
        As :func:`fit_bridge`; if ``fit`` comes with options, or is of other pixels; if ``names`` are not two; if a
        Dataset is none of a bridge.

    Examples
    --------
    >>> times = pd.date_range("2014-01-04T12", periods=184, freq="8D")
    >>> wave = -4.0 - 12.0 * np.cos(2 * np.pi * np.arange(184) / 45.66)
    >>> second = xr.DataArray(wave, {"time": times}, "time", attrs={"units": "degC"})
    >>> first = (1.5 + 0.9 * second).assign_attrs(units="degC").isel(time=slice(138))
    >>> long = bridge(first, second, names=["terra aqua", "snpp"])
    >>> bool(abs(long["lst"] - 1.5 - 0.9 * second).max() < 1e-6), str(long["sensor"].values[-1])
    (True, 'snpp')
    """
    if fit is not None and options:
        raise QtpDataError("a fit that is given has its options already", found=sorted(options))
    first, known = _with_std(first)
    first, second = _fitting(first, second)
    fit = fit_bridge(first, second, **options) if fit is None else fit
    called = _two_names(names, first, second)
    numbers = pd.Index(fit["season"].values).get_indexer(fit["season_of_month"].values)
    later = np.setdiff1d(second[TIME].values, first[TIME].values)
    layers = xr.concat([fit[name] for name in kernels.LAYERS], "layer", coords="minimal", compat="override")
    ground = first.isel({TIME: 0}, drop=True)
    layers, reason = (on_pixels_of(da, ground, name="the fit of the bridge") for da in (layers, fit["reason"]))
    carried, spread = xr.apply_ufunc(
        kernels.apply,
        _whole(second.sel({TIME: later})),
        _whole(layers, "season", "layer"),
        input_core_dims=[[TIME], ["season", "layer"]],
        output_core_dims=[[TIME], [TIME]],
        kwargs={"season": _season_of(later, numbers)},
        dask="parallelized",
        output_dtypes=[second.dtype] * 2,
    )
    lst = _joined([first, carried], called, first)
    std = _joined([known, spread], called, first)
    told = {
        "bridge": f"{called[1]} carried over to {called[0]} by season",
        "daily_mean": first.attrs.get("daily_mean", "given"),
    }
    both = first, second
    out = {"lst": describe(lst, "lst", like=both, **told), "lst_std": describe(std, "lst_std", like=both)}
    return xr.Dataset(out).assign(bridge_reason=reason)


def _with_std(first: xr.DataArray | xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Temperature, and what earlier bridges added to its standard deviation."""
    if isinstance(first, xr.DataArray):
        return first, xr.zeros_like(first)
    missing = [name for name in ("lst", "lst_std") if name not in first]
    if missing:
        raise QtpDataError("no Dataset of lst.bridge", expected=["lst", "lst_std"], found=list(first.data_vars))
    return first["lst"], first["lst_std"]


def _fitting(first: xr.DataArray, second: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Check unit, time and grid of the two; the second comes back on the pixels of the first."""
    for da in (first, second):
        require(da, dims=(TIME,), units=VARIABLES["lst"].units)
        days_since_start(da)
    if set(first.dims) != set(second.dims):
        raise QtpDataError("the two series have other dims", expected=first.dims, found=second.dims)
    return first, on_pixels_of(second, first.isel({TIME: 0}, drop=True), name="second series")


def _whole(da: xr.DataArray, *dims: str) -> xr.DataArray:
    return da.chunk(dict.fromkeys(dims or (TIME,), -1)) if is_lazy(da) else da


def _months(seasons: Mapping[str, Sequence[int]] | None) -> np.ndarray:
    """Name of the season of each month; refuse a month in no season, or in two."""
    table = {name: list(months) for name, months in (seasons or SEASONS).items()}
    if sorted(month for months in table.values() for month in months) != list(range(1, 13)):
        raise QtpDataError("seasons must hold each month once", expected="1 to 12", found=table)
    return np.array([next(name for name, months in table.items() if month in months) for month in range(1, 13)])


def _season_of(times: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Find the number of the season of each date."""
    return numbers[times.astype("datetime64[M]").astype(int) % 12]


def _numbers(zones: xr.DataArray, like: xr.DataArray) -> xr.DataArray:
    """Zones as whole numbers from 0, -1 for none, on the pixels of the series."""
    zones = require_same_grid(zones, like.isel({TIME: 0}, drop=True), name="zones")
    values = zones.compute().to_numpy().astype(float)
    known = np.isfinite(values) & (values >= 0)
    out = np.full(values.shape, -1)
    out[known] = np.unique(values[known], return_inverse=True)[1]
    return zones.copy(data=out)


def _zone_means(one: xr.DataArray, other: xr.DataArray, labels: xr.DataArray) -> list[xr.DataArray]:
    """Means (zone, time) over the pixels that both see."""
    over = [dim for dim in one.dims if dim != TIME]
    both = xnp.isfinite(one) & xnp.isfinite(other)
    inside = [both & (labels == k) for k in range(int(labels.max()) + 1)]
    if not inside:
        raise QtpDataError("no pixel belongs to a zone", found=f"zones from {int(labels.min())}")
    return [xr.concat([da.where(mask).mean(over) for mask in inside], "zone") for da in (one, other)]


def _on_pixels(layers: xr.DataArray, reason: xr.DataArray, labels: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Give each pixel what was fitted to its zone; those of none are masked."""
    place, known = labels.clip(min=0), labels >= 0
    layers, reason = layers.isel(zone=place).where(known), reason.isel(zone=place)
    return layers, reason.where(known, np.uint8(reasons.MASKED))


def _named(layers: xr.DataArray, reason: xr.DataArray, *, like: Any) -> xr.Dataset:
    out = {
        name: describe(layers.isel(layer=k), f"bridge_{name}", like=like).rename(name)
        for k, name in enumerate(kernels.LAYERS)
    }
    out["reason"] = describe(reason, "reason", like=like)
    rest = [dim for dim in reason.dims if dim != "season"]
    return xr.Dataset(out).transpose("season", *rest)


def _called(da: xr.DataArray, otherwise: str) -> str:
    """Sensors of a bridged series, or satellites that a daily mean says that it is of."""
    if SENSOR in da.coords:
        return ", ".join(dict.fromkeys(coordinate(da, SENSOR).tolist()))
    looks = str(da.attrs.get("overpasses", "")).split()
    return " ".join(dict.fromkeys(look.partition("_")[0] for look in looks)) or otherwise


def _two_names(names: Sequence[str] | None, first: xr.DataArray, second: xr.DataArray) -> list[str]:
    """Call the two sensors as asked, or by what they say of themselves."""
    if names is None:
        return [_called(first, "first"), _called(second, "second")]
    if isinstance(names, str) or len(names) != len((first, second)):
        raise QtpDataError("names are those of the two sensors", expected="two, first and second", found=names)
    return list(names)


def _joined(parts: list[xr.DataArray], names: list[str], like: xr.DataArray) -> xr.DataArray:
    """Dates of both sensors in order, each with its sensor."""
    marked = [
        da.transpose(*like.dims)
        .astype(like.dtype)
        .assign_coords({} if SENSOR in da.coords else {SENSOR: (TIME, [name] * da.sizes[TIME])})
        for da, name in zip(parts, names, strict=True)
    ]
    return xr.concat(marked, TIME, join="override", coords="minimal", compat="override").sortby(TIME)
