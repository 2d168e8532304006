"""Mean daily temperature from the overpasses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import (
    LOOKS,
    STATION,
    TIME,
    VARIABLES,
    QtpDataError,
    describe,
    require,
    with_same_labels,
)
from qtp_toolkit.lst.axis import OVERPASSES
from qtp_toolkit.lst.kernels import regression
from qtp_toolkit.lst.overpasses import (
    check_overpasses,
    choose_overpasses,
    overpass_drift,
    seen_hours,
    warn_of_drift,
)

WARM_BIAS = "equal weights: 2.7 (summer) to 3.4 K (winter) too warm for four overpasses; give coefficients"
UNKNOWN_BIAS = "equal weights of {}: biased by an unknown amount that changes with the season; give coefficients"

_ERRORS = ("rmse", "rmse_cross_validated", "mae", "mae_cross_validated", "bias_cross_validated", "bias_equal_weights")
SCORES = dict.fromkeys(_ERRORS, "degC") | dict.fromkeys(("r2", "r2_cross_validated", "n"), "1")
"""Scores of a fit, in the order of the kernel, and their units."""


def daily_mean(
    lst: xr.Dataset,
    *,
    coefficients: Mapping[str, float] | xr.Dataset | None = None,
    overpasses: str | Sequence[str] = "all",
) -> xr.DataArray:
    """Mean daily temperature from the overpasses: ``intercept + sum of coefficient * overpass``.

    Parameters
    ----------
    lst : xarray.Dataset
        Some of terra_day, terra_night, aqua_day, aqua_night, snpp_day ... noaa20_night in degC; or a variable ``lst``
        that already is a daily mean and is returned as it is.
    coefficients : mapping or xarray.Dataset, optional
        ``intercept`` and one coefficient per overpass, for degC (converted from kelvin: the intercept changes unless
        the coefficients add up to 1). Also takes the result of :func:`fit_daily_mean`. The keys say which overpasses
        are used. Without coefficients those of ``overpasses`` are averaged with equal weights, which is 2.7 (summer)
        to 3.4 K (winter) too warm for all four and biased otherwise for fewer.
    overpasses : {"all", "terra", "aqua", "snpp", "noaa20"} or sequence of str
        Used only without coefficients; all are the four of MODIS. A satellite that is absent is an error unless it is
        left out here.

    Returns
    -------
    xarray.DataArray
        ``lst`` in degC, same dims, NaN where a used overpass is NaN. Attributes: ``daily_mean`` says how it was made
        and what bias is known, ``overpasses`` of what. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If an overpass that is asked for, or named by a coefficient, is absent: a regression with four terms cannot be
        used with two.

    Warns
    -----
    UserWarning
        Where Terra or Aqua passed more than 30 minutes from the hour of the coefficients, by the view times if they are
        in the Dataset (one mean a date is computed), else by the dates: :func:`overpass_drift` (M29).

    Notes
    -----
    The form is that of Zou et al. (2014), cited in Section 3.1. Their coefficients are not printed there and none are
    made up here: fit them to stations, or enter them in the catalog. The bias of equal weights was computed with a
    model of the diurnal cycle.

    Examples
    --------
    >>> pair = {"terra_day": 6.0, "terra_night": -10.0}
    >>> lst = xr.Dataset({name: ("time", [value], {"units": "degC"}) for name, value in pair.items()})
    >>> mean = daily_mean(lst, coefficients={"intercept": 1.0, "terra_day": 0.4, "terra_night": 0.5})
    >>> round(mean.item(), 3)
    -1.6
    """
    if "lst" in lst and coefficients is None:
        require(lst["lst"], dims=(TIME,), units=VARIABLES["lst"].units)
        return describe(lst["lst"], "lst", like=lst, daily_mean="given")
    if coefficients is None:
        names = choose_overpasses(overpasses)
        table: Mapping[str, float] = {name: 1.0 / len(names) for name in names}
        method = WARM_BIAS if set(names) == set(OVERPASSES) else UNKNOWN_BIAS.format(", ".join(names))
    else:
        table = (
            coefficients["coefficient"].to_series().to_dict() if isinstance(coefficients, xr.Dataset) else coefficients
        )
        unknown = sorted(set(table) - {"intercept", *LOOKS})
        if unknown:
            raise QtpDataError("unknown terms", expected=["intercept", *LOOKS], found=unknown)
        method = "regression on the overpasses"
    used = check_overpasses(lst, [name for name in table if name != "intercept"])
    fitted = coefficients.get("view_hour") if isinstance(coefficients, xr.Dataset) else None
    looks = lst[[name for name in (*used, *(f"view_time_{name}" for name in used)) if name in lst]]
    warn_of_drift(overpass_drift(looks, hours=None if fitted is None else fitted.to_series().to_dict()))
    total: Any = sum(lst[name] * np.float32(table[name]) for name in used) + np.float32(table.get("intercept", 0.0))
    return describe(total, "lst", like=lst, daily_mean=method, overpasses=" ".join(used))


def fit_daily_mean(
    lst: xr.Dataset,
    surface_temperature: xr.DataArray,
    *,
    overpasses: str | Sequence[str] = "all",
    folds: str | int | None = None,
) -> xr.Dataset:
    """Fit the coefficients of :func:`daily_mean` to stations by ordinary least squares, with cross-validated scores.

    Parameters
    ----------
    lst : xarray.Dataset
        Some of the four overpasses at the stations, degC, dims ``time`` (composites) and ``station``. Use values that
        were observed, not filled.
    surface_temperature : xarray.DataArray
        Mean ground surface temperature of each composite, degC, same dims (see :func:`to_composites`).
    overpasses : {"all", "terra", "aqua", "snpp", "noaa20"} or sequence of str
        What to regress on: coefficients of one sensor are not those of another, and carry its names. A satellite that
        is absent is an error unless it is left out here.
    folds : {"station", "year"} or int, optional
        What is left out in turn for the cross-validation: each station, each year, or one of that many groups of
        stations. By default stations if there are three or more, else years.

    Returns
    -------
    xarray.Dataset
        ``coefficient`` and ``coefficient_std`` (dim ``term``: intercept and overpasses) and ``view_hour``, the mean
        hour of crossing the equator (local solar time) of the dates, by the view times if the Dataset has them, less
        what they are later on this ground (:func:`overpass_drift`), else by the table; NaN for the intercept; of the
        fit ``r2``, ``mae``,
        ``rmse`` and of rows predicted without their fold ``r2_cross_validated``, ``mae_cross_validated``,
        ``rmse_cross_validated``, ``bias_cross_validated`` (degC, prediction minus station);
        ``bias_equal_weights`` (degC, the same without a fit); ``n`` rows; ``fold_bias`` and ``fold_rmse`` (dim
        ``fold``). NaN rows are left out; errors are divided by n. Lazy if an input is lazy (then ``time`` and
        ``station`` must be one chunk).

    Raises
    ------
    QtpDataError
        If an overpass is absent, times and stations do not agree, or ``folds`` cannot be made.

    Notes
    -----
    Rows of one station, and of one summer, resemble each other: only scores with whole stations left out tell what to
    expect at a place without one.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(-10.0, 3.0, (20, 4))
    >>> axes = {"time": pd.date_range("2016-01-01", periods=20, freq="8D")}
    >>> night = xr.DataArray(values, axes, ("time", "station"), attrs={"units": "degC"})
    >>> ground = (1.0 + 0.8 * night).assign_attrs(units="degC")
    >>> fit = fit_daily_mean(xr.Dataset({"terra_night": night}), ground, overpasses=["terra_night"])
    >>> fit["coefficient"].values.round(3)
    array([1. , 0.8])
    """
    used = check_overpasses(lst, choose_overpasses(overpasses))
    arrays = with_same_labels(*(lst[name] for name in used), surface_temperature)
    for array in arrays:
        require(array, dims=(TIME, STATION), units=VARIABLES["lst"].units)
    label, names, told = _make_folds(arrays[0], folds)
    shape = (arrays[0].sizes[TIME], arrays[0].sizes[STATION])
    coefficient, spread, scores, by_fold = xr.apply_ufunc(
        regression.cross_validated,
        *arrays,
        kwargs={"group": np.broadcast_to(label, shape), "groups": len(names)},
        input_core_dims=[[TIME, STATION]] * len(arrays),
        output_core_dims=[["term"], ["term"], ["score"], ["fold_score", "fold"]],
        join="exact",
        dask="parallelized",
        output_dtypes=[float] * 4,
        dask_gufunc_kwargs={
            "output_sizes": {"term": len(used) + 1, "score": len(SCORES), "fold_score": 2, "fold": len(names)}
        },
    )
    out = xr.Dataset({"coefficient": coefficient, "coefficient_std": spread}).assign_coords(term=["intercept", *used])
    passed = [np.nan, *(_crossing(lst, name) for name in used)]
    out["view_hour"] = "term", passed, {"units": "h"}
    for i, (name, units) in enumerate(SCORES.items()):
        out[name] = scores.isel(score=i).assign_attrs(units=units)
    for i, name in enumerate(("fold_bias", "fold_rmse")):
        out[name] = by_fold.isel(fold_score=i).assign_coords(fold=names).assign_attrs(units=SCORES["rmse"])
    return out.assign_attrs(cross_validation=told)


def _crossing(lst: xr.Dataset, look: str) -> float:
    """Mean hour at which a satellite crossed the equator on the dates."""
    found, later, _ = seen_hours(lst, look)
    return float((np.nanmean(found) - later) % 24.0)


def _make_folds(predictors: xr.DataArray, folds: str | int | None) -> tuple[np.ndarray, list, str]:
    """Find the fold of every row (to be broadcast to time, station), the names of the folds, and what to call it."""
    stations = predictors.sizes[STATION]
    by = folds if folds is not None else (STATION if stations >= 3 else "year")
    if by == STATION:
        names = predictors[STATION].values.tolist() if STATION in predictors.coords else list(range(stations))
        return np.arange(stations)[None, :], names, "leave one station out"
    if by == "year":
        years, label = np.unique(predictors[TIME].dt.year.values, return_inverse=True)
        return label[:, None], years.tolist(), "leave one year out"
    if not isinstance(by, int) or not 2 <= by <= stations:
        raise QtpDataError("unknown folds", expected=f"'station', 'year' or 2 to {stations}", found=by)
    return np.arange(stations)[None, :] % by, list(range(by)), f"{by} groups of stations"
