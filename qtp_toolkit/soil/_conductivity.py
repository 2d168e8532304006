"""Thermal conductivity of thawed and frozen soil and their ratio."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe, is_lazy, on_one_grid, require, require_option
from qtp_toolkit.soil._checks import STATES, hold
from qtp_toolkit.soil._contents import PARTICLE_DENSITY, hold_density, pores
from qtp_toolkit.soil.kernels import conductivity as kernel

SCHEMES = ("johansen", "clm", "balland_arp")

QUARTZ, WATER, AIR = 7.7, 0.57, 0.024
ICE = {"johansen": 2.2, "clm": 2.29, "balland_arp": 2.2}
OTHER_MINERALS, OTHER_MINERALS_POOR = 2.0, 3.0
"""Conductivity of the solids other than quartz in W m-1 K-1: for more than 20 % quartz, and for less."""

SAND, CLAY = 8.80, 2.92
"""Conductivity of sand and of clay in W m-1 K-1 in the scheme of the Community Land Model."""

RATIO_RANGE = (0.5, 5.0)


def thermal_conductivity(
    bulk_density: xr.DataArray,
    quartz: xr.DataArray,
    saturation: xr.DataArray,
    *,
    state: str = "thawed",
    texture: str | xr.DataArray = "fine",
    unfrozen_water: float = 0.0,
    particle_density: float = PARTICLE_DENSITY,
    scheme: str = "johansen",
    clay: xr.DataArray | None = None,
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
        Fraction of the solids, 0..1. With ``scheme="clm"`` the sand fraction.
    saturation : xarray.DataArray
        Degree of saturation, 0..1; for frozen soil of all water, ice included.
    state : {"thawed", "frozen"}
    texture : {"fine", "coarse"} or xarray.DataArray
        Kersten number of thawed soil: ``log10 Sr + 1`` above Sr 0.1 (fine), ``0.7 log10 Sr + 1`` above 0.05 (coarse),
        else 0. An array is True where coarse; NaN is unknown. Frozen: ``Sr``. Only ``scheme="johansen"`` knows it.
    unfrozen_water : float
        Volumetric liquid water of the frozen soil; 0.03 to 0.06 is reported for loams of the plateau. At most the
        porosity.
    particle_density : float
        kg m-3.
    scheme : {"johansen", "clm", "balland_arp"}
        ``clm``: solids from sand (8.80) and clay (2.92), fine Kersten number, ice 2.29, dry up to Sr 1e-7, as in the
        Community Land Model. ``balland_arp`` (2005): Kersten numbers without a step, the exponent by texture with
        quartz standing for sand, and a dry conductivity that knows the solids.
    clay : xarray.DataArray, optional
        Mass fraction, for ``scheme="clm"``.

    Returns
    -------
    xarray.DataArray
        W m-1 K-1, named ``conductivity_thawed`` or ``conductivity_frozen``; NaN where an input is NaN. Lazy if an
        input is lazy.

    Raises
    ------
    QtpDataError
        On wrong units, values in memory out of range, arrays on other pixels (I05 to I07), unknown ``state``,
        ``texture`` or ``scheme``. Values out of range in lazy arrays become NaN when they are computed.

    Notes
    -----
    The paper prints Eq. 1 only and refers to Johansen (1977) and Du et al. (2020) for its parts; the split by texture
    is not in it. A dry coarse soil conducts less when frozen than when thawed; that is the parameterization, not an
    error.

    References
    ----------
    Chen et al. 2022, Section 3.3 and Eq. 1.

    Examples
    --------
    >>> density = xr.DataArray(1350.0, attrs={"units": "kg m-3"})
    >>> quartz, wet = (xr.DataArray(value, attrs={"units": "1"}) for value in (0.5, 0.6))
    >>> round(thermal_conductivity(density, quartz, wet).item(), 3)
    1.202
    >>> round(thermal_conductivity(density, quartz, wet, state="frozen").item(), 3)
    1.832
    """
    require_option("state", state, STATES)
    require_option("scheme", scheme, SCHEMES)
    if not 0.0 <= unfrozen_water <= 1.0:
        raise QtpDataError("unfrozen water is not a fraction", expected="0 to 1", found=unfrozen_water)
    density, grains, wet, texture, clay = on_one_grid(bulk_density, quartz, saturation, texture, clay)
    density, grains, wet = hold_density(density), hold(grains, "quartz"), hold(wet, "saturation")
    if state == "thawed":
        ends = thawed_ends(density, grains, clay, particle_density, scheme)
        kappa = on_blocks(kernel.thawed, wet, *ends, grains, coarseness(texture, scheme), scheme=scheme)
    else:
        n, solid = pores(density, particle_density), _solids(grains, clay, scheme)
        liquid = np.minimum(n, unfrozen_water)
        saturated = solid ** (1.0 - n) * ICE[scheme] ** (n - liquid) * WATER**liquid
        kappa = on_blocks(kernel.frozen, wet, _dry(density, solid, particle_density, scheme), saturated, scheme=scheme)
    return describe(kappa, f"conductivity_{state}", like=(bulk_density, quartz, saturation), scheme=scheme)


def conductivity_ratio(
    frozen: xr.DataArray, thawed: xr.DataArray, *, valid_range: tuple[float, float] = RATIO_RANGE
) -> xr.DataArray:
    """Ratio of frozen to thawed conductivity, as the composite index needs it (Eq. 4).

    Parameters
    ----------
    frozen, thawed : xarray.DataArray
        W m-1 K-1.
    valid_range : (float, float)
        Ratios outside become NaN: the schemes give 0.6 to 5 over all soils, most of them 0.9 to 3.

    Returns
    -------
    xarray.DataArray
        Dimensionless, NaN where either is not positive and outside ``valid_range``; the attribute ``out_of_range``
        counts these where the inputs are in memory. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        If a unit is not W m-1 K-1, or the two lie on other pixels.

    Warns
    -----
    UserWarning
        If the median of the frozen conductivity is below that of the thawed one (in memory only): the two are
        swapped, or most of the soil is dry.

    Examples
    --------
    >>> frozen, thawed = (xr.DataArray(value, attrs={"units": "W m-1 K-1"}) for value in (1.8, 1.2))
    >>> round(conductivity_ratio(frozen, thawed).item(), 3)
    1.5
    """
    require(frozen, quantity="conductivity_frozen")
    require(thawed, quantity="conductivity_thawed")
    frozen, thawed = on_one_grid(frozen, thawed)
    both = np.isfinite(frozen) & np.isfinite(thawed)
    ratio = frozen.where(frozen > 0) / thawed.where(thawed > 0)
    good = (ratio >= valid_range[0]) & (ratio <= valid_range[1])
    told = {}
    if not is_lazy(ratio):
        told["out_of_range"] = int((both & ~good).sum())
        # Where both are known, or the comparison is between different soils.
        medians = [float(da.where(both).median()) if both.any() else 0.0 for da in (frozen, thawed)]
        if medians[0] < medians[1]:
            text = (
                f"The median frozen conductivity ({medians[0]:.3g} W m-1 K-1) is below the thawed one "
                f"({medians[1]:.3g}): swapped, or very dry soil? (S09)"
            )
            warnings.warn(text, UserWarning, stacklevel=2)
    return describe(ratio.where(good), "conductivity_ratio", like=(frozen, thawed), **told)


def uniform_ratio(like: xr.DataArray, ratio: float = 1.0) -> xr.DataArray:
    """Map of one ratio of frozen to thawed conductivity, for regions whose soil or water is not known.

    Parameters
    ----------
    like : xarray.DataArray
        Grid, dims ``y, x``; carries the mark of synthetic data on.
    ratio : float
        1; positive.

    Returns
    -------
    xarray.DataArray
        ``conductivity_ratio``, float32, in memory.

    Notes
    -----
    What a ratio of 1 costs: on six made regions of 60 x 80 km whose true ratio is about 1.5 the seasonal amplitude of
    the median pixel changes by 0.16 mm, and its median error grows from 1.01 to 1.04 mm (docs/data.md). The largest
    value of the composite index, at the end of summer, does not contain the ratio.

    Examples
    --------
    >>> uniform_ratio(xr.DataArray(np.zeros((1, 2)), dims=("y", "x")), 1.5).values.tolist()
    [[1.5, 1.5]]
    """
    if not 0 < ratio < np.inf:
        raise QtpDataError("the conductivity ratio must be positive", found=ratio)
    flat = xr.DataArray(np.full(like.shape, ratio, np.float32), like.coords, like.dims)
    return describe(flat, "conductivity_ratio", like=like)


def thawed_ends(
    density: xr.DataArray, grains: xr.DataArray, clay: xr.DataArray | None, particle_density: float, scheme: str
) -> tuple[xr.DataArray, xr.DataArray]:
    """Conductivity of dry and of saturated thawed soil, of parts that have been checked."""
    n, solid = pores(density, particle_density), _solids(grains, clay, scheme)
    return _dry(density, solid, particle_density, scheme), solid ** (1.0 - n) * WATER**n


def coarseness(texture: str | xr.DataArray, scheme: str) -> xr.DataArray | float:
    """Texture as a number: above 0 where coarse, NaN where unknown, 0 for schemes that do not know it."""
    if scheme != "johansen":
        return 0.0
    if isinstance(texture, xr.DataArray):
        return texture.astype(np.float64)
    require_option("texture, which is no array either", texture, ("fine", "coarse"))
    return float(texture == "coarse")


def on_blocks(function: Callable[..., Any], *parts: xr.DataArray | float, layers: int = 1, **options: Any) -> Any:
    """Apply a kernel of this room, which returns ``layers`` arrays, block by block, in the widest type of its parts."""
    kind = np.result_type(*(part.dtype for part in parts if isinstance(part, xr.DataArray)), np.float32)
    return xr.apply_ufunc(
        function,
        *parts,
        kwargs=options,
        join="inner",
        output_core_dims=[[]] * layers,
        dask="parallelized",
        output_dtypes=[kind] * layers,
    )


def _solids(grains: xr.DataArray, clay: xr.DataArray | None, scheme: str) -> xr.DataArray:
    if scheme != "clm":
        # NaN times 0 is NaN: unknown grains stay unknown.
        others = (0.0 * grains + OTHER_MINERALS).where(~(grains <= 0.2), OTHER_MINERALS_POOR)
        return QUARTZ**grains * others ** (1.0 - grains)
    if clay is None:
        raise QtpDataError("clay is missing", expected="the clay fraction with scheme='clm'")
    share = hold(clay, "clay")
    total = grains + share
    return (SAND * grains + CLAY * share) / total.where(total > 0)


def _dry(density: xr.DataArray, solid: xr.DataArray, particle_density: float, scheme: str) -> xr.DataArray:
    if scheme == "balland_arp":
        a = 0.053
        return ((a * solid - AIR) * density + AIR * particle_density) / (particle_density - (1.0 - a) * density)
    return (0.135 * density + 64.7) / (particle_density - 0.947 * density)
