"""Active layer thickness: from temperatures, by Stefan, and calibrated by water content (Eq. 8)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from qtp_toolkit._thaw import EXPANSION, thaw_supply
from qtp_toolkit._variables import FRACTION, VARIABLES
from qtp_toolkit.conventions import (
    DEPTH,
    THAW_YEAR,
    TIME,
    QtpDataError,
    decoded_times,
    describe,
    is_lazy,
    on_one_grid,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.validation.kernels import fronts


def alt_from_temperature(soil_temperature: xr.DataArray, *, years: Literal["max", "each"] = "max") -> xr.DataArray:
    """Active layer thickness: the deepest reach of the 0 degC isotherm, linear between sensors.

    Parameters
    ----------
    soil_temperature : xarray.DataArray
        (time, ..., depth) daily means, degC; coordinate ``depth`` in m, downwards.
    years : {"max", "each"}
        Deepest of all years whose thaw season is known, or of every calendar year (dim ``thaw_year``).

    Returns
    -------
    xarray.DataArray
        ``active_layer_thickness`` (...), m. 0 where the ground never thaws at a top sensor within 0.3 m; NaN without
        data, in years when even the deepest sensor rises above 0 degC (the thaw front then lies below the profile), and
        in years whose thaw season is incomplete: ``attrs["incomplete_years"]`` lists those (in memory). Lazy if the
        input is lazy; the times are merged then.

    Notes
    -----
    The front is the deepest change from warm above to cold below among the sensors with data, so that the downward
    freezing of autumn, which traps thawed ground under a frozen crust, does not lift it. What is unfrozen below a
    sensor that stays frozen all year, a talik or the ground below the permafrost, belongs to no active layer.

    A season is incomplete without any day from July to September (January to March where that is the warmer time of
    the uppermost sensor). Of a logger, a year with 30 days of data or more, it is also incomplete with more than 31
    days missing then, or beside the deepest day.

    Examples
    --------
    From 2 degC at 1 m to -2 degC at 2 m:

    >>> days = pd.date_range("2018-08-01", periods=1)
    >>> warm = xr.DataArray([[2.0, -2.0]], {"time": days, "depth": [1.0, 2.0]}, attrs={"units": "degC"})
    >>> alt_from_temperature(warm).item()
    1.5
    """
    possible = VARIABLES["soil_temperature"].held
    require(soil_temperature, dims=(TIME, DEPTH), quantity="soil_temperature", between=possible)
    if not soil_temperature.size:
        raise QtpDataError("there is no temperature", found=dict(soil_temperature.sizes))
    require_option("choice of years", years, ("max", "each"))
    _check_downwards(soil_temperature)
    whole = soil_temperature.sortby(TIME)
    whole = whole.chunk({TIME: -1, DEPTH: -1}) if is_lazy(whole) else whole
    time = decoded_times(whole)
    present = np.unique(time.astype("datetime64[Y]").astype(int) + 1970)
    found = xr.apply_ufunc(
        fronts.active_layer,
        whole.drop_vars(TIME),
        whole[DEPTH].drop_vars(DEPTH),
        input_core_dims=[[TIME, DEPTH], [DEPTH]],
        output_core_dims=[[THAW_YEAR, "part"]],
        kwargs={"time": time, "years": tuple(present.tolist())},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {THAW_YEAR: len(present), "part": 2}},
    ).assign_coords({THAW_YEAR: present})
    each, incomplete = found.isel(part=0), found.isel(part=1) > 0
    # A day below the profile (inf) makes the maximum unknown, not merely one day missing.
    deepest = each.max(THAW_YEAR) if years == "max" else each.transpose(THAW_YEAR, ...)
    note = {}
    if not is_lazy(whole):
        some = incomplete.any([dim for dim in incomplete.dims if dim != THAW_YEAR])
        note = {"incomplete_years": ", ".join(map(str, present[some.values]))} if some.any() else {}
    out = deepest.where(np.isfinite(deepest))
    return describe(out, "active_layer_thickness", like=soil_temperature, **note)


def _check_downwards(da: xr.DataArray) -> np.ndarray:
    depth = da[DEPTH].values.astype(float)
    if not (np.diff(depth) > 0).all():
        raise QtpDataError("depth must increase downwards", found=depth.tolist(), hint="Sort by depth.")
    if depth[0] < 0 or da[DEPTH].attrs.get("units", "m") != "m":
        raise QtpDataError(
            "depth must be in m below the surface",
            expected="m, 0 or more",
            found=f"{depth[0]:g} to {depth[-1]:g} {da[DEPTH].attrs.get('units', '')}".rstrip(),
        )
    return depth


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

    Examples
    --------
    >>> addt = xr.DataArray(1000.0, attrs={"units": "degC d"})
    >>> conductivity = xr.DataArray(1.5, attrs={"units": "W m-1 K-1"})
    >>> round(stefan_alt(addt, conductivity, xr.DataArray(0.3)).item(), 3)
    1.608
    """
    require(addt, quantity="addt", between=(0.0, np.inf))
    require(conductivity_thawed, quantity="conductivity_thawed", between=(0.0, np.inf))
    require(water_content, between=FRACTION)
    addt, conductivity_thawed, water_content = on_one_grid(addt, conductivity_thawed, water_content)
    water = water_content.where(water_content > 0)
    out = xnp.sqrt(conductivity_thawed * thaw_supply(addt, surface_factor) / water)
    return describe(out, "active_layer_thickness", like=addt)


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

    Examples
    --------
    The upper sensor stands for the first meter, the lower one for the half meter below:

    >>> water = xr.DataArray([0.3, 0.6], {"depth": [0.5, 1.5]}, attrs={"units": "1"})
    >>> mean_water_content(water, xr.DataArray(1.5, attrs={"units": "m"})).round(3).item()
    0.4
    """
    require(water_content, dims=(DEPTH,), between=FRACTION)
    require(active_layer_thickness, quantity="active_layer_thickness")
    depth = _check_downwards(water_content)
    water_content, active_layer_thickness = on_one_grid(water_content, active_layer_thickness)
    middle = (depth[1:] + depth[:-1]) / 2
    top, bottom = (xr.DataArray(edge, dims=DEPTH) for edge in (np.r_[0.0, middle], np.r_[middle, np.inf]))
    inside = (xnp.minimum(bottom, active_layer_thickness) - top).clip(min=0.0)
    theta = water_content.drop_vars(DEPTH)
    thickness = inside.where(theta.notnull())
    total = thickness.sum(DEPTH)
    out = (theta * thickness).sum(DEPTH) / total.where(total > 0)
    return describe(out, "mean_water_content", like=water_content)


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

    Examples
    --------
    >>> calibrate_alt(xr.DataArray(3.0, attrs={"units": "m"}), xr.DataArray(0.2)).round(3).item()
    2.0
    """
    require(active_layer_thickness, quantity="active_layer_thickness")
    require(mean_water_content, between=FRACTION)
    active_layer_thickness, mean_water_content = on_one_grid(active_layer_thickness, mean_water_content)
    out = active_layer_thickness * mean_water_content / reference
    return describe(out, "alt_calibrated", like=active_layer_thickness)


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

    Examples
    --------
    Ice takes 9 percent more room than its water:

    >>> pore_water_settlement(xr.DataArray(2.0, attrs={"units": "m"}), xr.DataArray(0.3)).round(1).item()
    54.3
    """
    require(active_layer_thickness, quantity="active_layer_thickness")
    require(mean_water_content, between=FRACTION)
    active_layer_thickness, mean_water_content = on_one_grid(active_layer_thickness, mean_water_content)
    out = 1000.0 * active_layer_thickness * mean_water_content * EXPANSION
    out = describe(out, "seasonal_amplitude", like=active_layer_thickness)
    return out.assign_attrs(long_name="vertical pore-water settlement")
