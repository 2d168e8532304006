"""Soil thermal conductivity (Section 3.3) in the parameterization of Johansen (1977)."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import DEPTH, QtpDataError, coordinate, describe, require

PARTICLE_DENSITY = 2700.0
"""Density of the soil solids in kg m-3; 2650 is also in use."""

QUARTZ, WATER, ICE = 7.7, 0.57, 2.2
OTHER_MINERALS, OTHER_MINERALS_POOR = 2.0, 3.0
"""Conductivity of the solids other than quartz in W m-1 K-1: for more than 20 % quartz, and for less."""

DRY_LIMIT = 1e-5
"""Degree of saturation up to which the soil counts as dry (Eq. 1)."""

DENSITY_RANGE = (50.0, 2700.0)


def depth_mean(profile: xr.DataArray, *, to_m: float = 2.0) -> xr.DataArray:
    """Mean of a soil profile down to a depth: layers weighted by thickness, point values by the trapezoidal rule.

    Parameters
    ----------
    profile : xarray.DataArray
        Dim ``depth`` with coordinates ``depth_top`` and ``depth_bottom`` (m); equal where values hold at points.
    to_m : float
        Lower limit of the mean; a layer that reaches below it counts with its part above.

    Returns
    -------
    xarray.DataArray
        Without ``depth``; same name and attributes. A NaN layer leaves the mean to the other layers. Lazy if the
        input is lazy.

    Raises
    ------
    QtpDataError
        If the layer limits are missing or no layer lies above ``to_m``.
    """
    require(profile, dims=(DEPTH,))
    missing = [name for name in ("depth_top", "depth_bottom") if name not in profile.coords]
    if missing:
        raise QtpDataError("layer limits are missing", variable=str(profile.name), expected=missing)
    top, bottom = coordinate(profile, "depth_top"), coordinate(profile, "depth_bottom")
    share = _point_weights(top, to_m) if (top == bottom).all() else np.minimum(bottom, to_m) - np.minimum(top, to_m)
    if not (share > 0).any():
        raise QtpDataError("no layer lies above the depth", expected=f"a top above {to_m} m", found=top)
    thickness = xr.DataArray(share, dims=DEPTH)
    weight = thickness.where(np.isfinite(profile), 0.0)
    total = weight.sum(DEPTH)
    mean = (profile.fillna(0.0) * weight).sum(DEPTH) / total.where(total > 0)
    return mean.astype(profile.dtype).rename(profile.name).assign_attrs(profile.attrs)


def _point_weights(points: np.ndarray, to_m: float) -> np.ndarray:
    """Trapezoidal weights of point values, the last segment cut at ``to_m``."""
    order = np.argsort(points)
    knots = np.append(points[order][points[order] < to_m], to_m)
    hats = np.stack([np.interp(knots, points[order], hat) for hat in np.eye(len(points))[:, order]])
    return (0.5 * (hats[:, 1:] + hats[:, :-1]) * np.diff(knots)).sum(axis=1)


def porosity(bulk_density: xr.DataArray, *, particle_density: float = PARTICLE_DENSITY) -> xr.DataArray:
    """Porosity ``n = 1 - bulk_density / particle_density``.

    Parameters
    ----------
    bulk_density : xarray.DataArray
        kg m-3 (not g cm-3), any dims; 50 to 2700.
    particle_density : float
        kg m-3.

    Returns
    -------
    xarray.DataArray
        0..1, same dims; lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If the unit is not kg m-3 or values in memory are out of range (1.3 means g cm-3, 130 cg cm-3).
    """
    require(bulk_density, units="kg m-3", between=DENSITY_RANGE)
    if particle_density < 100:
        raise QtpDataError("particle density is not in kg m-3", expected="about 2700", found=particle_density)
    fraction = 1.0 - bulk_density.where(bulk_density > 0) / particle_density
    return describe(fraction.where(fraction > 0), "porosity", **_note(bulk_density))


def saturation(water_content: xr.DataArray, porosity: xr.DataArray) -> xr.DataArray:
    """Degree of saturation ``Sr = water_content / porosity``, clipped to 0..1.

    A water content above the porosity (from a table by vegetation class, say) becomes full saturation rather than an
    error; ``(water_content > porosity).mean()`` tells how often.

    Parameters
    ----------
    water_content : xarray.DataArray
        Volumetric, 0..1. In the frozen season the total water, as liquid equivalent.
    porosity : xarray.DataArray
        0..1.

    Returns
    -------
    xarray.DataArray
        0..1; lazy if an input is lazy.
    """
    require(water_content, units="1", between=(0.0, 1.0))
    require(porosity, units="1", between=(0.0, 1.0))
    ratio = water_content / porosity.where(porosity > 0)
    return describe(ratio.clip(0.0, 1.0), "saturation", **_note(water_content, porosity))


def quartz_from_sand(sand: xr.DataArray, *, share: float = 1.0) -> xr.DataArray:
    """Quartz fraction of the solids from the sand fraction: ``share * sand``.

    Parameters
    ----------
    sand : xarray.DataArray
        Mass fraction 0..1 (not per cent, not g/kg).
    share : float
        1 after Peters-Lidard et al. (1998); 0.5 is used for the plateau, too.

    Returns
    -------
    xarray.DataArray
        0..1, same dims; lazy if the input is lazy.
    """
    require(sand, units="1", between=(0.0, 1.0))
    return describe(sand * share, "quartz", **_note(sand))


def water_content_by_class(
    vegetation: xr.DataArray, table: Mapping[str, Mapping[str, float] | float], *, state: str = "thawed"
) -> xr.DataArray:
    """Volumetric water content of the active layer looked up by vegetation class.

    Parameters
    ----------
    vegetation : xarray.DataArray
        Integer class codes; attribute ``classes`` maps codes to names.
    table : mapping
        Class name to a number, or to ``{"thawed": ..., "frozen": ...}`` (without ``frozen``, ``thawed`` serves for
        both).
    state : {"thawed", "frozen"}

    Returns
    -------
    xarray.DataArray
        0..1, NaN for classes that are not in the table (water, glacier). Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If the table names a class that the map does not have, or a value is outside 0..1.

    Notes ----- The paper takes soil water "by using vegetation type and soil information" and does not print the
    numbers: the table is the user's (data catalog, ``settings.water_content``).
    """
    _check_state(state)
    names = _classes(vegetation)
    unknown = sorted(set(table) - set(names.values()))
    if unknown:
        raise QtpDataError(
            "the table names unknown vegetation classes", expected=sorted(set(names.values())), found=unknown,
            hint="Use the names of attrs['classes'].",
        )  # fmt: skip
    values = {code: _water(table[name], state) for code, name in names.items() if name in table}
    wrong = {names[code]: value for code, value in values.items() if not 0.0 <= value <= 1.0}
    if wrong:
        raise QtpDataError("water content is not a fraction", expected="0 to 1", found=wrong)
    out = xr.apply_ufunc(
        _look_up, vegetation, kwargs={"values": values}, dask="parallelized", output_dtypes=[np.float32]
    )
    return describe(out, "water_content", **_note(vegetation))


def thermal_conductivity(
    bulk_density: xr.DataArray,
    quartz: xr.DataArray,
    saturation: xr.DataArray,
    *,
    state: str = "thawed",
    texture: str | xr.DataArray = "fine",
    unfrozen_water: float = 0.0,
    particle_density: float = PARTICLE_DENSITY,
) -> xr.DataArray:
    r"""Thermal conductivity of thawed or frozen soil (Eq. 1).

    .. math:: \kappa = (\kappa_{sat} - \kappa_{dry}) K_e + \kappa_{dry}

    where :math:`S_r > 10^{-5}`, else :math:`\kappa_{dry}`; with
    :math:`\kappa_{dry} = (0.135 \rho_b + 64.7) / (\rho_s - 0.947 \rho_b)`,
    solids :math:`\kappa_s = 7.7^q \kappa_o^{1-q}` (:math:`\kappa_o` = 2 for q > 0.2, else 3), and saturated soil
    :math:`\kappa_{sat} = \kappa_s^{1-n} 0.57^n` thawed or
    :math:`\kappa_{sat} = \kappa_s^{1-n} 2.2^{n-\theta_u} 0.57^{\theta_u}` frozen.

    Parameters
    ----------
    bulk_density : xarray.DataArray
        kg m-3.
    quartz : xarray.DataArray
        Fraction of the solids, 0..1.
    saturation : xarray.DataArray
        Degree of saturation, 0..1; for frozen soil of all water, ice included.
    state : {"thawed", "frozen"}
    texture : {"fine", "coarse"} or xarray.DataArray
        Kersten number of thawed soil: ``log10 Sr + 1`` above Sr 0.1 (fine), ``0.7 log10 Sr + 1`` above 0.05 (coarse),
        else 0. An array is True where coarse. Frozen: ``Sr``.
    unfrozen_water : float
        Volumetric liquid water of the frozen soil; 0.03 to 0.06 is reported for loams of the plateau.
    particle_density : float
        kg m-3.

    Returns
    -------
    xarray.DataArray
        W m-1 K-1, named ``conductivity_thawed`` or ``conductivity_frozen``; lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        On wrong units, values out of range, unknown ``state`` or ``texture``.

    Notes ----- The paper prints Eq. 1 only and refers to Johansen (1977) and Du et al. (2020) for its parts. A dry
    coarse soil conducts less when frozen than when thawed; that is the parameterization, not an error.
    """
    _check_state(state)
    require(quartz, units="1", between=(0.0, 1.0))
    require(saturation, units="1", between=(0.0, 1.0))
    n = porosity(bulk_density, particle_density=particle_density)
    dry = (0.135 * bulk_density + 64.7) / (particle_density - 0.947 * bulk_density)
    solid = QUARTZ**quartz * _other_minerals(quartz) ** (1.0 - quartz)
    if state == "thawed":
        saturated = solid ** (1.0 - n) * WATER**n
        kersten = _kersten_thawed(saturation, texture)
    else:
        liquid = np.minimum(n, unfrozen_water)
        saturated = solid ** (1.0 - n) * ICE ** (n - liquid) * WATER**liquid
        kersten = saturation
    moist = (saturated - dry) * kersten + dry
    # Where saturation is unknown the conductivity is unknown, not dry.
    kappa = moist.where(saturation > DRY_LIMIT, dry.where(np.isfinite(saturation)))
    return describe(kappa, f"conductivity_{state}", **_note(bulk_density, quartz, saturation))


def conductivity_ratio(frozen: xr.DataArray, thawed: xr.DataArray) -> xr.DataArray:
    """Ratio of frozen to thawed conductivity, as the composite index needs it (Eq. 4).

    Parameters
    ----------
    frozen, thawed : xarray.DataArray
        W m-1 K-1.

    Returns
    -------
    xarray.DataArray
        Dimensionless, NaN where either is not positive; lazy if an input is lazy.
    """
    require(frozen, units="W m-1 K-1")
    require(thawed, units="W m-1 K-1")
    ratio = frozen.where(frozen > 0) / thawed.where(thawed > 0)
    return describe(ratio, "conductivity_ratio", **_note(frozen, thawed))


def _kersten_thawed(saturation: xr.DataArray, texture: str | xr.DataArray) -> xr.DataArray:
    if isinstance(texture, xr.DataArray):
        fine, coarse = _kersten_thawed(saturation, "fine"), _kersten_thawed(saturation, "coarse")
        return coarse.where(texture, fine)
    if texture not in {"fine", "coarse"}:
        raise QtpDataError("unknown texture", expected=["fine", "coarse", "an array, True where coarse"], found=texture)
    slope, limit = (1.0, 0.1) if texture == "fine" else (0.7, 0.05)
    # The logarithm only sees saturations above the limit: no warning at 0, and NaN stays NaN.
    wet = slope * np.log10(saturation.where(~(saturation <= limit), 1.0)) + 1.0
    return wet.where(~(saturation <= limit), 0.0)


def _other_minerals(quartz: xr.DataArray) -> xr.DataArray:
    poor = quartz <= 0.2
    return (0.0 * quartz + OTHER_MINERALS).where(~poor, OTHER_MINERALS_POOR)


def _check_state(state: str) -> None:
    if state not in {"thawed", "frozen"}:
        raise QtpDataError("unknown state", expected=["thawed", "frozen"], found=state)


def _classes(vegetation: xr.DataArray) -> dict[int, str]:
    classes = vegetation.attrs.get("classes")
    if classes is None:
        raise QtpDataError(
            "class names are missing", variable=str(vegetation.name), expected="attrs['classes']: code to name"
        )
    if isinstance(classes, str):
        classes = json.loads(classes)
    return {int(code): str(name) for code, name in classes.items()}


def _water(entry: Mapping[str, float] | float, state: str) -> float:
    if isinstance(entry, Mapping):
        value = entry.get(state)
        return float(entry["thawed"] if value is None else value)
    return float(entry)


def _look_up(codes: np.ndarray, values: Mapping[int, float]) -> np.ndarray:
    out = np.full(codes.shape, np.nan, dtype=np.float32)
    for code, value in values.items():
        out[codes == code] = value
    return out


def _note(*objects: xr.DataArray) -> dict[str, str]:
    notes = [obj.attrs["provenance_note"] for obj in objects if "provenance_note" in obj.attrs]
    return {"provenance_note": notes[0]} if notes else {}
