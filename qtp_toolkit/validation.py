"""Seasonal deformation against active layer thickness (Section 4.3)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import (
    DEPTH,
    ICE_DENSITY,
    LATENT_HEAT_OF_FUSION,
    SECONDS_PER_DAY,
    STATION,
    TIME,
    WATER_DENSITY,
    QtpDataError,
    X,
    Y,
    describe,
    require,
)
from qtp_toolkit.grid import pixel_size, to_xy
from qtp_toolkit.kernels import blocks

DEPTH_UNIT = "m"


def block_average(
    da: xr.DataArray,
    longitude: Any,
    latitude: Any,
    *,
    size_m: float = 200.0,
    sigma: xr.DataArray | None = None,
    min_pixels: int = 2,
) -> xr.Dataset:
    r"""Weighted mean of the pixels in a square around each station.

    .. math:: \bar D = \sum w_i D_i / \sum w_i, \quad w_i = a_i / \sigma_i^2

    with :math:`a_i` the fraction of pixel i inside the square.

    Parameters
    ----------
    da : xarray.DataArray
        (y, x) on a projected grid in m, e.g. the seasonal amplitude; NaN pixels are left out.
    longitude, latitude : array-like (station,)
        Degrees. DataArrays on dim ``station`` hand their coordinates on.
    size_m : float
        Side of the square in m; centered on the station.
    sigma : xarray.DataArray, optional
        (y, x) standard deviation of ``da`` in its unit; pixels without a positive one are left out. By default all
        pixels weigh by area alone.
    min_pixels : int
        Fewest valid pixels that touch the square.

    Returns
    -------
    xarray.Dataset
        (station): ``value`` and ``se_internal`` (from ``sigma``, independent pixels: ``1 / sqrt(sum w)`` for whole
        ones; NaN without it), ``se_external`` (from the scatter: ``sqrt(sum w (D - mean)^2 / ((n - 1) sum w))``) in
        the unit of ``da``, and ``n`` valid pixels. NaN with fewer than ``min_pixels``. Lazy if ``da`` is lazy.

    Raises
    ------
    QtpDataError
        A grid in degrees, or pixels of ``sigma`` that are not those of ``da``.

    Notes
    -----
    The paper says "weighted block average" of 200 m by 200 m without its weights; inverse variance is ours. A coarse
    grid puts fewer than two pixels under 200 m: widen ``size_m`` with the pixel.

    References
    ----------
    Chen et al. 2022, Section 4.3.
    """
    require(da, dims=(Y, X))
    if sigma is not None:
        require(sigma, dims=(Y, X))
    lon, lat = _stations(longitude), _stations(latitude)
    x, y = to_xy(da, lon, lat)
    if abs(float(da[X][1] - da[X][0])) < 0.1 * pixel_size(da):
        raise QtpDataError("block_average needs a grid in meters", hint="Bring it to one with grid.match.")
    east, north = lon.copy(data=x), lat.copy(data=y)
    arrays = [da] if sigma is None else [da, sigma]
    stacked = xr.apply_ufunc(
        blocks.average,
        *arrays,
        da[X].drop_vars(X),
        da[Y].drop_vars(Y),
        east,
        north,
        input_core_dims=[[Y, X]] * len(arrays) + [[X], [Y], [STATION], [STATION]],
        output_core_dims=[["layer", STATION]],
        join="exact",
        kwargs={"size": float(size_m), "min_pixels": min_pixels, "weighted": sigma is not None},
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"layer": 4}},
    )
    attrs = {key: da.attrs[key] for key in ("units", "provenance_note") if key in da.attrs}
    name = str(da.attrs.get("long_name", da.name))
    text = {
        "value": f"block average of {name}",
        "se_internal": "standard error from the pixels' own uncertainties",
        "se_external": "standard error from the scatter of the pixels",
        "n": "valid pixels in the block",
    }
    out = {key: stacked.isel(layer=i).assign_attrs({**attrs, "long_name": text[key]}) for i, key in enumerate(text)}
    out["n"] = out["n"].assign_attrs(units="1")
    return xr.Dataset(out).drop_vars("spatial_ref", errors="ignore").assign_coords(east.coords)


def alt_from_temperature(soil_temperature: xr.DataArray, *, years: Literal["max", "each"] = "max") -> xr.DataArray:
    """Active layer thickness: the deepest reach of the 0 degC isotherm, linear between sensors.

    Parameters
    ----------
    soil_temperature : xarray.DataArray
        (time, ..., depth) daily means, degC; coordinate ``depth`` in m, downwards.
    years : {"max", "each"}
        Deepest of the whole series, or of every calendar year (dim ``thaw_year``).

    Returns
    -------
    xarray.DataArray
        ``active_layer_thickness`` (...), m. 0 where the ground never thaws at the top sensor; NaN without data, and on
        days when even the deepest sensor is above 0 degC: the thaw front then lies below the profile. Lazy if the input
        is lazy.

    Notes
    -----
    The front is the deepest change from warm above to cold below among the sensors with data, so that the downward
    freezing of autumn, which traps thawed ground under a frozen crust, does not lift it.
    """
    require(soil_temperature, dims=(TIME, DEPTH), units="degC")
    depth = soil_temperature[DEPTH]
    if not (np.diff(depth.values) > 0).all():
        raise QtpDataError("depth must increase downwards", found=depth.values.tolist(), hint="Sort by depth.")
    daily = xr.apply_ufunc(
        blocks.thaw_front,
        soil_temperature,
        depth.drop_vars(DEPTH),
        input_core_dims=[[DEPTH], [DEPTH]],
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.float64],
    )
    # A day below the profile (inf) makes the maximum unknown, not merely one day missing.
    deepest = daily.max(TIME) if years == "max" else daily.groupby(f"{TIME}.year").max().rename(year="thaw_year")
    out = deepest.where(np.isfinite(deepest))
    return describe(out, "active_layer_thickness", **_provenance(soil_temperature))


def stefan_alt(
    addt: xr.DataArray,
    conductivity_thawed: xr.DataArray,
    water_content: xr.DataArray,
    *,
    surface_factor: float = 1.0,
) -> xr.DataArray:
    r"""Thaw depth by Stefan's solution.

    .. math:: Z = \sqrt{2 \kappa_t n A_t \, 86400 / (\rho_w \theta L_f)}

    Parameters
    ----------
    addt : xarray.DataArray
        (...) degree days of the thaw season, degC d.
    conductivity_thawed : xarray.DataArray
        (...) W m-1 K-1.
    water_content : xarray.DataArray
        (...) volumetric content of water that changes phase, 0..1.
    surface_factor : float
        n factor: ground surface over the temperature behind ``addt``.

    Returns
    -------
    xarray.DataArray
        ``active_layer_thickness`` (...), m; NaN where the water content is not positive. Lazy if an input is lazy.

    Notes
    -----
    Ignores heat stored in the ground and moved by water, so it overestimates where the layer below is cold.
    """
    require(addt, units="degC d", between=(0.0, np.inf))
    require(conductivity_thawed, units="W m-1 K-1", between=(0.0, np.inf))
    require(water_content, between=(0.0, 1.0))
    water = water_content.where(water_content > 0)
    heat = WATER_DENSITY * water * LATENT_HEAT_OF_FUSION
    out = np.sqrt(2.0 * conductivity_thawed * surface_factor * addt * SECONDS_PER_DAY / heat)
    return describe(out, "active_layer_thickness", **_provenance(addt))


def mean_water_content(water_content: xr.DataArray, active_layer_thickness: xr.DataArray) -> xr.DataArray:
    r"""Depth-weighted mean water content of the active layer, ``sum(theta_i dz_i) / sum(dz_i)`` over [0, ALT].

    Parameters
    ----------
    water_content : xarray.DataArray
        (..., depth) volumetric, 0..1; coordinate ``depth`` in m, downwards. Each sensor stands for the ground from
        halfway to the one above (the surface for the first) to halfway to the one below (all below for the last).
    active_layer_thickness : xarray.DataArray
        (...) m.

    Returns
    -------
    xarray.DataArray
        ``mean_water_content`` (...), 0..1; layers without data carry no weight. Lazy if an input is lazy.
    """
    require(water_content, dims=(DEPTH,), between=(0.0, 1.0))
    require(active_layer_thickness, units=DEPTH_UNIT)
    depth = water_content[DEPTH].values.astype(float)
    if not (np.diff(depth) > 0).all():
        raise QtpDataError("depth must increase downwards", found=depth.tolist(), hint="Sort by depth.")
    middle = (depth[1:] + depth[:-1]) / 2
    top, bottom = (xr.DataArray(edge, dims=DEPTH) for edge in (np.r_[0.0, middle], np.r_[middle, np.inf]))
    inside = (np.minimum(bottom, active_layer_thickness) - top).clip(min=0.0)
    theta = water_content.drop_vars(DEPTH)
    thickness = inside.where(theta.notnull())
    total = thickness.sum(DEPTH)
    out = (theta * thickness).sum(DEPTH) / total.where(total > 0)
    return describe(out, "mean_water_content", **_provenance(water_content))


def calibrate_alt(
    active_layer_thickness: xr.DataArray, mean_water_content: xr.DataArray, *, reference: float = 0.3
) -> xr.DataArray:
    """Active layer thickness calibrated by its water: ``ALT * VWC / reference`` (Eq. 8).

    Parameters
    ----------
    active_layer_thickness : xarray.DataArray
        (...) m.
    mean_water_content : xarray.DataArray
        (...) volumetric, 0..1, as :func:`mean_water_content`.
    reference : float
        Water content at which nothing changes.

    Returns
    -------
    xarray.DataArray
        ``alt_calibrated`` (...), m. Lazy if an input is lazy.
    """
    require(active_layer_thickness, units=DEPTH_UNIT)
    require(mean_water_content, between=(0.0, 1.0))
    out = active_layer_thickness * mean_water_content / reference
    return describe(out, "alt_calibrated", **_provenance(active_layer_thickness))


def pore_water_settlement(active_layer_thickness: xr.DataArray, mean_water_content: xr.DataArray) -> xr.DataArray:
    """Settlement when the pore ice of the active layer turns to water: an upper bound of the seasonal amplitude.

    ``ALT * VWC * (rho_water - rho_ice) / rho_ice``: vertical, saturated, undrained.

    Parameters
    ----------
    active_layer_thickness : xarray.DataArray
        (...) m.
    mean_water_content : xarray.DataArray
        (...) volumetric, 0..1.

    Returns
    -------
    xarray.DataArray
        ``seasonal_amplitude`` (...), mm, vertical. Lazy if an input is lazy.
    """
    require(active_layer_thickness, units=DEPTH_UNIT)
    require(mean_water_content, between=(0.0, 1.0))
    out = 1000.0 * active_layer_thickness * mean_water_content * (WATER_DENSITY - ICE_DENSITY) / ICE_DENSITY
    out = describe(out, "seasonal_amplitude", **_provenance(active_layer_thickness))
    return out.assign_attrs(long_name="vertical pore-water settlement")


def scores(x: xr.DataArray | np.ndarray, y: xr.DataArray | np.ndarray) -> dict[str, float]:
    """Straight line ``y = slope x + intercept`` by least squares, and how well it holds.

    Parameters
    ----------
    x, y : array-like (n,)
        Pairs with a NaN are dropped.

    Returns
    -------
    dict
        ``slope``, ``intercept``, ``r2`` (squared correlation), ``rmse`` (of the residuals, divided by n) and
        ``rmse_unbiased`` (divided by n - 2) in the unit of y, and ``n``. NaN with fewer than three pairs or constant x.

    Notes
    -----
    The paper does not say which of the two errors its Fig. 13 quotes.
    """
    x, y = np.asarray(x, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    if x.shape != y.shape:
        raise QtpDataError("x and y differ in length", expected=x.size, found=y.size)
    keep = np.isfinite(x) & np.isfinite(y)
    x, y, n = x[keep], y[keep], int(keep.sum())
    if n < 3 or np.ptp(x) == 0:
        return dict.fromkeys(("slope", "intercept", "r2", "rmse", "rmse_unbiased"), float("nan")) | {"n": n}
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(dx @ dy / (dx @ dx))
    residual = dy - slope * dx
    squares, total = float(residual @ residual), float(dy @ dy)
    return {
        "slope": slope,
        "intercept": float(y.mean() - slope * x.mean()),
        "r2": 1.0 - squares / total if total > 0 else float("nan"),
        "rmse": float(np.sqrt(squares / n)),
        "rmse_unbiased": float(np.sqrt(squares / (n - 2))),
        "n": n,
    }


def _stations(values: Any) -> xr.DataArray:
    if isinstance(values, xr.DataArray):
        return values.astype(float)
    return xr.DataArray(np.atleast_1d(np.asarray(values, dtype=float)), dims=STATION)


def _provenance(da: xr.DataArray) -> dict[str, object]:
    return {key: da.attrs[key] for key in ("provenance_note",) if key in da.attrs}
