"""Elevation that the model lacks, from how displacement follows the perpendicular baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._pairs import index_pairs
from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    PAIR,
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    check_wavelength,
    coordinate,
    describe,
    displacement_to_phase,
    require,
    xnp,
)
from qtp_toolkit.kernels import lstsq
from qtp_toolkit.kernels.harmonic import design_matrix
from qtp_toolkit.kernels.pairs import describe_components, label_components

_EARTH, _ORBIT = 6.371e6, 6.98e5
"""Radius of the Earth and height of the orbit of Sentinel-1, m."""


def date_baselines(pairs: xr.DataArray) -> xr.DataArray:
    """Find the perpendicular baseline of each date from those of pairs, by least squares.

    Parameters
    ----------
    pairs : xarray.DataArray
        ``perpendicular_baseline`` (pair), m, secondary minus reference; no NaN.

    Returns
    -------
    xarray.DataArray
        (time) m, 0 on the first date. In memory.

    Raises
    ------
    QtpDataError
        Pairs that leave dates apart, or whose baselines are not all known.

    Examples
    --------
    >>> days = pd.date_range("2020-01-01", periods=3, freq="12D")
    >>> ends = {"reference": ("pair", days[[0, 0, 1]]), "secondary": ("pair", days[[1, 2, 2]])}
    >>> date_baselines(xr.DataArray([30.0, -20.0, -50.0], ends, "pair", attrs={"units": "m"})).values.round(6)
    array([  0.,  30., -20.])
    """
    require(pairs, dims=(PAIR,), quantity="perpendicular_baseline")
    dates, first, second = index_pairs(pairs)
    known = np.asarray(pairs.values, dtype=np.float64)
    labels = label_components(len(dates), first, second)
    if labels.any() or not np.isfinite(known).all():
        raise QtpDataError(
            "baselines of pairs that do not tell those of all dates",
            variable="perpendicular_baseline",
            expected="known baselines of pairs that connect all dates",
            found=describe_components(dates, labels) if labels.any() else f"{np.isnan(known).sum()} unknown",
        )
    design = np.zeros((len(known), len(dates)))
    rows = np.arange(len(known))
    design[rows, second], design[rows, first] = 1.0, -1.0
    solved = np.linalg.lstsq(design[:, 1:], known, rcond=None)[0]
    out = xr.DataArray(np.concatenate([[0.0], solved]), {TIME: dates}, TIME)
    return describe(out, "perpendicular_baseline", like=pairs)


def fit_dem_error(
    displacement: xr.DataArray,
    baseline: xr.DataArray,
    incidence: xr.DataArray,
    *,
    slant_range: xr.DataArray | float | None = None,
    harmonics: int = 1,
) -> xr.Dataset:
    r"""Fit to each pixel's series the error of its elevation, beside a rate and a season.

    .. math::
        D(t) = \frac{B_\perp(t)}{R \sin\theta}\, \Delta h + v t + \sum_k (s_k \sin 2\pi k t + c_k \cos 2\pi k t) + c

    Parameters
    ----------
    displacement : xarray.DataArray
        mm, positive toward the satellite, dim ``time`` and any others; NaN where unknown.
    baseline : xarray.DataArray
        m, dim ``time`` with the dates of ``displacement``, from any origin; or dim ``pair``, see
        :func:`date_baselines`.
    incidence : xarray.DataArray
        degree, scalar, or on the pixels of the series, on more than them, or on another grid with a CRS (bilinear).
    slant_range : float or xarray.DataArray, optional
        m. By default that of the orbit of Sentinel-1 at the angle of incidence, within 1 %.
    harmonics : int
        Waves of the season, the year and its parts; 0 for a rate alone.

    Returns
    -------
    xarray.Dataset
        ``dem_error``, m, the true elevation less that of the model if baselines grow toward larger look angles;
        ``dem_error_std``, m, its formal standard deviation from what the model leaves. Dims of the series without
        ``time``, float32. NaN where the dates do not tell it. Lazy if the series is lazy (``time`` must then be one
        chunk).

    Raises
    ------
    QtpDataError
        Dates without a baseline, fewer dates than unknowns, or inputs of other units.

    Notes
    -----
    Fitted to the series, not to pairs: the errors of pairs close around every triangle, so that the inversion of the
    network passes them on unchanged, and pairs that share dates would seem to know more than they do. Motion that is
    neither a rate nor a season, and happens to follow the baseline, is taken for elevation.

    References
    ----------
    Fattahi and Amelung 2013, IEEE Trans. Geosci. Remote Sens. 51.

    Examples
    --------
    Baselines of 100 m at 850 km and 30 degrees make 0.235 mm of each meter:

    >>> days = pd.date_range("2020-01-01", periods=30, freq="24D")
    >>> far = xr.DataArray(np.random.default_rng(0).normal(0, 100, 30), {"time": days}, "time", attrs={"units": "m"})
    >>> seen = (0.235294 * far / 100 * 20).assign_attrs(units="mm")
    >>> angle = xr.DataArray(30.0, attrs={"units": "degree"})
    >>> round(float(fit_dem_error(seen, far, angle, slant_range=850e3)["dem_error"]), 2)
    20.0
    """
    require(displacement, dims=(TIME,), quantity="displacement")
    per_meter = _mm_per_meter(incidence, slant_range, like=displacement)
    along = _on_dates(baseline, coordinate(displacement, TIME))
    days = (along[TIME].values - along[TIME].values[0]) / np.timedelta64(1, "D")
    season = design_matrix(days, period=DAYS_PER_YEAR, harmonics=harmonics)
    columns = np.column_stack([along.values, days / DAYS_PER_YEAR, season])
    if len(days) <= columns.shape[1]:
        raise QtpDataError(
            "too few dates for the error of the elevation", expected=f"more than {columns.shape[1]}", found=len(days)
        )
    slope, std = xr.apply_ufunc(
        _fit,
        displacement,
        input_core_dims=[[TIME]],
        output_core_dims=[[], []],
        kwargs={"columns": columns},
        dask="parallelized",
        output_dtypes=[np.float64] * 2,
    )
    out = {"dem_error": slope / per_meter, "dem_error_std": std / per_meter}
    return xr.Dataset({name: describe(da.astype(np.float32), name, like=displacement) for name, da in out.items()})


def dem_error_phase(
    dem_error: xr.DataArray,
    baseline: xr.DataArray,
    incidence: xr.DataArray,
    *,
    slant_range: xr.DataArray | float | None = None,
    wavelength: float = SENTINEL1_WAVELENGTH,
) -> xr.DataArray:
    """Phase that errors of the elevation make: a correction for :func:`remove_delay`.

    Parameters
    ----------
    dem_error : xarray.DataArray
        m, of :func:`fit_dem_error`.
    baseline, incidence, slant_range
        As for :func:`fit_dem_error`; by pairs if the baselines are.
    wavelength : float
        m.

    Returns
    -------
    xarray.DataArray
        rad, float32, dim ``time`` or ``pair`` before those of ``dem_error``. To take it out of displacement, subtract
        its ``phase_to_displacement``. Lazy if the error is lazy.

    Examples
    --------
    >>> far = xr.DataArray([-100.0, 100.0], dims="time", attrs={"units": "m"})
    >>> error = xr.DataArray(20.0, attrs={"units": "m"})
    >>> angle = xr.DataArray(30.0, attrs={"units": "degree"})
    >>> dem_error_phase(error, far, angle, slant_range=850e3).round(2).values
    array([ 1.07, -1.07], dtype=float32)
    """
    require(dem_error, quantity="dem_error")
    require(baseline, quantity="perpendicular_baseline")
    check_wavelength(wavelength)
    moved = baseline * (dem_error * _mm_per_meter(incidence, slant_range, like=dem_error))
    phase = displacement_to_phase(moved.assign_attrs(units="mm"), wavelength=wavelength).astype(np.float32)
    return describe(phase.transpose(*baseline.dims, ...), "dem_error_phase", like=dem_error)


def _mm_per_meter(
    incidence: xr.DataArray, slant_range: xr.DataArray | float | None, *, like: xr.DataArray
) -> xr.DataArray:
    """Displacement in mm that 1 m of elevation makes with a baseline of 1 m."""
    # From 1 degree: straight down there is no elevation in the range.
    require(incidence, quantity="incidence", between=(1.0, 89.0), name="incidence")
    maps = {Y, X} <= set(like.dims)
    angle = grid.align(incidence, like, resampling="bilinear", name="incidence") if maps else incidence
    theta = xnp.deg2rad(angle)
    if slant_range is None:
        slant_range = xnp.sqrt((_EARTH + _ORBIT) ** 2 - (_EARTH * xnp.sin(theta)) ** 2) - _EARTH * xnp.cos(theta)
    elif isinstance(slant_range, xr.DataArray) and maps:
        slant_range = grid.align(slant_range, like, resampling="bilinear", name="slant_range")
    return 1000.0 / (slant_range * xnp.sin(theta))


def _on_dates(baseline: xr.DataArray, times: np.ndarray) -> xr.DataArray:
    """Baselines on the dates of a series, by day."""
    if PAIR in baseline.dims:
        baseline = date_baselines(baseline)
    require(baseline, dims=(TIME,), quantity="perpendicular_baseline")
    own, days = coordinate(baseline, TIME).astype("datetime64[D]"), times.astype("datetime64[D]")
    lacking = np.setdiff1d(days, own[np.isfinite(baseline.values)])
    if lacking.size:
        raise QtpDataError("dates without a baseline", where=TIME, found=", ".join(map(str, lacking)), code="I03")
    order = np.argsort(own)
    return baseline.isel({TIME: order[np.searchsorted(own[order], days)]}).assign_coords({TIME: times})


def _fit(series: np.ndarray, *, columns: np.ndarray) -> tuple[Any, Any]:
    """Coefficient of the first column, and its standard deviation, for arrays (..., time)."""
    flat = np.moveaxis(series, -1, 0).reshape(series.shape[-1], -1)
    answer = lstsq.solve(flat, [column[:, None] for column in columns.T])
    shape = series.shape[:-1]
    return answer.coefficients[0].reshape(shape), np.sqrt(answer.covariance[0, 0]).reshape(shape)
