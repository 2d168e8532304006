"""Mean daily temperature from the overpasses, and its values on other days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import STATION, TIME, QtpDataError, describe, require
from qtp_toolkit.kernels import accumulate, regression
from qtp_toolkit.lst.axis import OVERPASSES, as_days, days_since_start, provenance

EQUAL_WEIGHTS = "equal weights: 2.7 (summer) to 3.4 K (winter) too warm for four overpasses; give coefficients"


def daily_mean(lst: xr.Dataset, *, coefficients: Mapping[str, float] | xr.Dataset | None = None) -> xr.DataArray:
    """Mean daily temperature from the overpasses: ``intercept + sum of coefficient * overpass``.

    Parameters
    ----------
    lst : xarray.Dataset
        Some of terra_day, terra_night, aqua_day, aqua_night in degC; or a variable ``lst`` that already is a daily
        mean and is returned as it is.
    coefficients : mapping or xarray.Dataset, optional
        ``intercept`` and one coefficient per overpass, for degC; the keys say which overpasses are used (Terra only
        or Aqua only is a matter of the keys). Also takes the result of :func:`fit_daily_mean`. Without it, the
        overpasses that are present are averaged with equal weights, which is 2.7 (summer) to 3.4 K (winter) too warm
        for all four; the attribute ``daily_mean`` of the result says so.

    Returns
    -------
    xarray.DataArray
        ``lst`` in degC, same dims, NaN where a used overpass is NaN. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If a coefficient names an overpass that the Dataset lacks: a regression with four terms cannot be used with two.

    Notes ----- The form is that of Zou et al. (2014), cited in Section 3.1. Their coefficients are not printed there
    and none are made up here: fit them to stations, or enter them in the catalog.
    """
    if "lst" in lst and coefficients is None:
        require(lst["lst"], dims=(TIME,), units="degC")
        return describe(lst["lst"], "lst", **provenance(lst), daily_mean="given")
    present = [name for name in OVERPASSES if name in lst]
    table, method = _coefficients(coefficients, present)
    used = [name for name in table if name != "intercept"]
    missing = [name for name in used if name not in present]
    if missing or not used:
        raise QtpDataError(
            f"no overpass {missing or list(OVERPASSES)} in the Dataset", expected=used, found=present,
            hint="Give coefficients that were fitted to the overpasses at hand (fit_daily_mean).",
        )  # fmt: skip
    for name in used:
        require(lst[name], dims=(TIME,), units="degC")
    total = sum(lst[name] * np.float32(table[name]) for name in used) + np.float32(table.get("intercept", 0.0))
    return describe(total, "lst", **provenance(lst), daily_mean=method)


def _coefficients(given: Mapping[str, float] | xr.Dataset | None, present: list[str]) -> tuple[dict[str, float], str]:
    if given is None:
        return {name: 1.0 / len(present) for name in present}, EQUAL_WEIGHTS
    if isinstance(given, xr.Dataset):
        given = given["coefficient"].to_series().to_dict()
    unknown = sorted(set(given) - {"intercept", *OVERPASSES})
    if unknown:
        raise QtpDataError("unknown terms", expected=["intercept", *OVERPASSES], found=unknown)
    return {key: float(value) for key, value in given.items()}, "regression on the overpasses"


def fit_daily_mean(lst: xr.Dataset, surface_temperature: xr.DataArray, *, folds: str | None = None) -> xr.Dataset:
    """Fit the coefficients of :func:`daily_mean` to stations by ordinary least squares, with a cross-validated score.

    Parameters
    ----------
    lst : xarray.Dataset
        Some of the four overpasses at the stations, degC, dims ``time`` (composites) and ``station``. Use values that
        were observed, not filled.
    surface_temperature : xarray.DataArray
        Mean ground surface temperature of each composite, degC, same dims (see :func:`to_composites`).
    folds : {"station", "year"}, optional
        What is left out in turn for the cross-validation; by default stations if there are three or more, else years.

    Returns
    -------
    xarray.Dataset
        ``coefficient`` and ``coefficient_std`` (dim ``term``: intercept and overpasses), ``rmse``,
        ``rmse_cross_validated``, ``bias_equal_weights`` (degC), ``r2``, ``n``. NaN rows are left out. Lazy if an
        input is lazy (then ``time`` and ``station`` must be one chunk).

    Raises
    ------
    QtpDataError
        If there is no overpass, or times and stations do not agree.
    """
    used = [name for name in OVERPASSES if name in lst]
    if not used:
        raise QtpDataError("no overpass in the Dataset", expected=OVERPASSES, found=list(lst.data_vars))
    predictors = xr.concat(
        [lst[name] for name in used], xr.IndexVariable("overpass", used), coords="minimal", compat="override"
    )
    require(surface_temperature, dims=(TIME, STATION), units="degC")
    require(predictors, dims=(TIME, STATION))
    by = folds or (STATION if predictors.sizes[STATION] >= 3 else "year")
    order = [TIME, STATION]
    shape = (predictors.sizes[TIME], predictors.sizes[STATION])
    label = np.arange(shape[1])[None, :] if by == STATION else predictors[TIME].dt.year.values[:, None]
    coefficient, spread, scores = xr.apply_ufunc(
        regression.cross_validated, predictors, surface_temperature, kwargs={"group": np.broadcast_to(label, shape)},
        input_core_dims=[["overpass", *order], order], output_core_dims=[["term"], ["term"], ["score"]], join="exact",
        dask="parallelized", output_dtypes=[float, float, float],
        dask_gufunc_kwargs={"output_sizes": {"term": len(used) + 1, "score": 5}},
    )  # fmt: skip
    out = xr.Dataset({"coefficient": coefficient, "coefficient_std": spread}).assign_coords(term=["intercept", *used])
    for i, name in enumerate(("rmse", "rmse_cross_validated", "bias_equal_weights", "r2", "n")):
        units = "degC" if i < 3 else "1"
        out[name] = scores.isel(score=i).assign_attrs(units=units)
    return out.assign_attrs(cross_validation=f"leave one {by} out")


def to_composites(daily: xr.DataArray, centers: xr.DataArray, *, min_days: int = 5) -> xr.DataArray:
    """Mean of the days that belong to each 8-day composite.

    Parameters
    ----------
    daily : xarray.DataArray
        Daily values stamped at 00:00, dim ``time``.
    centers : xarray.DataArray
        Composite centers (datetime64), as loaded with the composites. A composite
        has 8 days around its center; the last of a year ends as long after its center as it began before.
    min_days : int
        Valid days that a mean needs.

    Returns
    -------
    xarray.DataArray
        Dim ``time`` = ``centers``, name, units and other dims of ``daily``; lazy if ``daily`` is lazy.
    """
    require(daily, dims=(TIME,))
    have, want = days_since_start(daily), as_days(centers.values, daily[TIME].values[0])
    owner = accumulate.composite_owner(have, want)
    out = xr.apply_ufunc(
        accumulate.window_mean, daily, input_core_dims=[[TIME]], output_core_dims=[["_center"]],
        kwargs={"owner": owner, "count": len(want), "min_valid": min_days}, dask="parallelized", output_dtypes=[float],
        dask_gufunc_kwargs={"output_sizes": {"_center": len(want)}},
    )  # fmt: skip
    out = out.rename(_center=TIME).assign_coords({TIME: np.asarray(centers.values)}).transpose(*daily.dims)
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
    """
    require(lst, dims=(TIME,), units="degC")
    steps, times = np.diff(days_since_start(lst)), pd.DatetimeIndex(lst[TIME].values)
    if (steps > max_gap_days).any():
        where = [f"{times[i]:%Y-%m-%d} to {times[i + 1]:%Y-%m-%d}" for i in np.flatnonzero(steps > max_gap_days)]
        raise QtpDataError(
            "composites are missing", variable=str(lst.name), where=where, expected=f"at most {max_gap_days:g} d apart",
            hint="Add the granules, or raise max_gap_days.",
        )  # fmt: skip
    half = pd.Timedelta(days=3.5)
    first = max((times[0] - half).ceil("D"), pd.Timestamp(times[0].year, 1, 1))
    last = min((times[-1] + half).floor("D"), pd.Timestamp(times[-1].year, 12, 31))
    return _interpolate(lst, pd.date_range(first, last, freq="D").values, reach=4.0)


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
    require(lst, dims=(TIME,), units="degC")
    return _interpolate(lst, np.asarray(dates, dtype="datetime64[ns]"), reach=None)


def _interpolate(lst: xr.DataArray, wanted: np.ndarray, *, reach: float | None) -> xr.DataArray:
    have, origin = days_since_start(lst), lst[TIME].values[0]
    want = as_days(wanted, origin)
    reach = 0.5 * float(np.median(np.diff(have))) if reach is None else reach
    left, weight = accumulate.interpolation_weights(have, want, reach=reach)
    if np.isnan(weight).any():
        outside = [str(day)[:10] for day in wanted[np.isnan(weight)]]
        raise QtpDataError(
            f"{len(outside)} dates lie outside the temperature series", where=outside[:5],
            expected=f"{str(origin)[:10]} to {str(lst[TIME].values[-1])[:10]}",
            found=f"{min(outside)} to {max(outside)}", hint="Extend the series or drop these dates.", code="M28",
        )  # fmt: skip
    out = xr.apply_ufunc(
        accumulate.interpolate, lst, input_core_dims=[[TIME]], output_core_dims=[["_wanted"]],
        kwargs={"left": left, "weight": weight}, dask="parallelized", output_dtypes=[lst.dtype],
        dask_gufunc_kwargs={"output_sizes": {"_wanted": len(want)}},
    )  # fmt: skip
    out = out.rename(_wanted=TIME).assign_coords({TIME: wanted.astype("datetime64[ns]")}).transpose(*lst.dims)
    return describe(out, "lst", **provenance(lst), **{k: lst.attrs[k] for k in ("daily_mean",) if k in lst.attrs})
