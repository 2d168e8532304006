"""Water, depth and water content of the active layer from its seasonal amplitude alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._thaw import EXPANSION, thaw_supply
from qtp_toolkit.conventions import (
    QtpDataError,
    carry_provenance,
    describe,
    on_one_grid,
    require,
    require_option,
    to_vertical,
    xnp,
)
from qtp_toolkit.soil._checks import hold
from qtp_toolkit.soil._conductivity import SCHEMES, coarseness, on_blocks, thawed_ends
from qtp_toolkit.soil._contents import PARTICLE_DENSITY, hold_density, pores
from qtp_toolkit.soil._water import names_of
from qtp_toolkit.soil.kernels import settlement as kernel

UNKNOWN, NO_ROOT, OVERFULL, FAINT, STEEP, UNSATURATED = (1 << bit for bit in range(6))
FLAGS = {
    UNKNOWN: "unknown",
    NO_ROOT: "no root",
    OVERFULL: "more water than pores",
    FAINT: "amplitude below its sigma",
    STEEP: "slope",
    UNSATURATED: "not known to be saturated",
}
"""What speaks against a pixel, the worst first: the bits of ``flag``. A number stays where there is one."""

SATURATED = ("alpine swamp meadow",)
"""Vegetation under which the active layer is always wet, and amplitude follows thickness (Section 4.3)."""


def water_and_depth(
    amplitude: xr.DataArray,
    amplitude_std: xr.DataArray,
    addt: xr.DataArray,
    *,
    incidence: xr.DataArray | None,
    conductivity: xr.DataArray | None = None,
    bulk_density: xr.DataArray | None = None,
    quartz: xr.DataArray | None = None,
    clay: xr.DataArray | None = None,
    texture: str | xr.DataArray = "fine",
    scheme: str = "johansen",
    particle_density: float = PARTICLE_DENSITY,
    surface_factor: float = 1.0,
    heat_std: float = 0.0,
    share: float = 1.0,
    share_std: float = 0.0,
    vegetation: xr.DataArray | None = None,
    saturated: Iterable[str] = SATURATED,
    slope: xr.DataArray | None = None,
    max_slope: float = 5.0,
    least: float = 1.0,
) -> xr.Dataset:
    r"""Water, thickness and water content of the active layer from its seasonal amplitude: two equations, two unknowns.

    The pore ice of the layer loses :math:`r = (\rho_w - \rho_i) / \rho_i = 0.0905` of the column of its water when it
    melts, and Stefan's front goes as deep as the heat of the summer lets it:

    .. math:: \theta Z = W = \delta / r, \qquad \theta Z^2 = K = 2 \kappa_t n A_t \, 86400 / (\rho_w L_f)

    so that :math:`Z = K / W` and :math:`\theta = W^2 / K`. With the conductivity of a soil that knows its water,
    :math:`\theta \, \kappa_t(\theta)` is what is known, and rises with :math:`\theta`: one root.

    Parameters
    ----------
    amplitude, amplitude_std : xarray.DataArray
        (...) mm, peak to trough, and its standard deviation: ``pecm.fit``. ``pecm.signed_amplitude`` serves, too, and
        leaves ground that settles less than the reference without a root.
    addt : xarray.DataArray
        (...) degree days of the thaw season that the amplitude belongs to, degC d: of ``pecm.fit``, the square of
        ``pecm.amplitude_factor``.
    incidence : xarray.DataArray or None
        (...) degree; the amplitude is along the line of sight, all motion vertical. None: it is vertical already.
    conductivity : xarray.DataArray, optional
        (...) W m-1 K-1 of the thawed soil, whatever its water. Else ``bulk_density`` and ``quartz`` are needed.
    bulk_density, quartz, clay, texture, scheme, particle_density
        As :func:`thermal_conductivity`. Beside ``conductivity``, the density only gives the porosity.
    surface_factor : float
        n factor: ground surface over the temperature behind ``addt``; 1 for surface temperatures.
    heat_std : float
        Relative standard deviation of the product of conductivity, n factor and degree days.
    share : float
        Part of the pore water's settlement that shows as motion, above 0: 1 where the ground is saturated and does not
        drain; what boreholes say elsewhere.
    share_std : float
        Its relative standard deviation.
    vegetation : xarray.DataArray, optional
        (...) integer classes with names (``attrs["classes"]``).
    saturated : iterable of str
        Those classes under which the layer is saturated; all others are flagged, as unknown ones are.
    slope : xarray.DataArray, optional
        (...) degree.
    max_slope : float
        Steeper ground is flagged, as is unknown slope. On 5 degrees and more the paper finds little water held.
    least : float
        Amplitudes below this many of their standard deviations are flagged.

    Returns
    -------
    xarray.Dataset
        (...): ``water_column`` (m), ``active_layer_thickness`` (m), ``mean_water_content`` (0..1), each with ``_std``;
        ``conductivity_thawed`` at that water (W m-1 K-1); ``flag``, the sum of the :data:`FLAGS` that hold (attributes
        ``flag_masks``, ``flag_meanings``; 0: none). Thickness and content are NaN where an input is unknown (1) or
        without a root (2): an amplitude that is not positive, ground that does not thaw, or a conductivity that jumps
        over the root (coarse soil by ``johansen``, near a saturation of 0.05). All else keeps its numbers:
        ``out.where(out["flag"] == 0)`` drops what is flagged. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        Neither a conductivity nor a soil, wrong units, other pixels (I05 to I07), classes that the map lacks, a share
        or a standard deviation that is none, negative values and angles (I11) in memory; lazy ones are unknown (1).

    Notes
    -----
    Saturated, undrained, vertical, one water content for the whole layer, and no heat but the latent one. Where pores
    hold air, ice grows into it and shows nothing: the water is more than the map says, and the thickness less certain
    than its sigma, which knows the errors that were given only. Section 5.1 of the paper warns of such ground;
    ``vegetation`` flags it. A reference that moves takes its own amplitude off all others.

    Errors, :math:`w` of amplitude and share and :math:`h` of the heat, relative, with the elasticity
    :math:`e = d \ln \kappa_t / d \ln \theta`:
    :math:`\sigma_\theta / \theta = \sqrt{4 w^2 + h^2} / (1 + e)`,
    :math:`\sigma_Z / Z = \sqrt{(1 - e)^2 w^2 + h^2} / (1 + e)`. With a fixed conductivity 10 % of the amplitude are
    10 % of Z and 20 % of theta. In dry soil e passes 1, where Z is largest and does not feel the amplitude; so e is
    averaged over one sigma. Both err together: too much of one is too little of the other.

    Not in the paper, whose Eq. 8 needs the water content from boreholes.

    Examples
    --------
    >>> amplitude = xr.DataArray(38.7289, attrs={"units": "mm"})
    >>> addt = xr.DataArray(983.0, attrs={"units": "degC d"})
    >>> kappa = xr.DataArray(1.2, attrs={"units": "W m-1 K-1"})
    >>> out = water_and_depth(amplitude, 0.1 * amplitude, addt, incidence=None, conductivity=kappa)
    >>> [round(out[name].item(), 3) for name in ("mean_water_content", "active_layer_thickness")]
    [0.3, 1.426]
    >>> [round(out[f"{name}_std"].item(), 3) for name in ("mean_water_content", "active_layer_thickness")]
    [0.06, 0.143]
    """
    require_option("scheme", scheme, SCHEMES)
    _check_numbers(surface_factor, heat_std, share, share_std)
    addt = _positive(addt, "degC d", "addt")
    amplitude_std = _positive(amplitude_std, "mm", "amplitude_std")
    amplitude, amplitude_std = (_vertical(da, incidence) for da in (amplitude, amplitude_std))
    given = (amplitude, amplitude_std, addt, conductivity, bulk_density, quartz, clay, texture, vegetation, slope)
    delta, spread, addt, conductivity, bulk_density, quartz, clay, texture, vegetation, slope = on_one_grid(*given)
    about: dict[str, Any] = {"clay": clay, "texture": texture, "scheme": scheme, "particle_density": particle_density}
    room, ends, coarse = _ground(conductivity, bulk_density, quartz, **about)
    settled = 1000.0 * EXPANSION * share  # mm for each m of water
    motion = xnp.square(spread / delta.where(delta != 0)) + share_std**2
    root = _root(delta / settled, motion, thaw_supply(addt, surface_factor), heat_std)
    parts = (*root, room if conductivity is None else 1.0, *ends, coarse)
    theta, *responses = on_blocks(kernel.water_content, *parts, layers=3, scheme=scheme)
    out = _numbers(delta / settled, theta, responses, motion, heat_std**2)
    out["water_column_std"] = xnp.hypot(spread, delta * share_std) / settled
    out["conductivity_thawed"] = root[0] / theta
    known = np.isfinite(delta) & np.isfinite(spread) & np.isfinite(addt) & np.isfinite(ends[0] + ends[1])
    known = known & np.isfinite(room)
    marks = {
        UNKNOWN: ~known,
        NO_ROOT: theta.isnull(),
        OVERFULL: theta > room,
        FAINT: delta < least * spread,
        STEEP: None if slope is None else ~(_degrees(slope) <= max_slope),
        UNSATURATED: None if vegetation is None else ~vegetation.isin(_codes(vegetation, saturated)),
    }
    like = tuple(part for part in given if isinstance(part, xr.DataArray))
    named = {name: describe(da.where(known), name, like=like) for name, da in out.items()}
    named["flag"] = describe(_add_up(marks), "flag", like=like, **_flag_attrs())
    told = {"share": share, "surface_factor": surface_factor} | ({} if conductivity is not None else {"scheme": scheme})
    return carry_provenance(xr.Dataset(named).assign_attrs(told), *like)


def main_flag(flag: xr.DataArray) -> xr.DataArray:
    """Worst flag of each pixel, as classes to be drawn.

    Parameters
    ----------
    flag : xarray.DataArray
        (...) of :func:`water_and_depth`.

    Returns
    -------
    xarray.DataArray
        (...) int16: 0, or one of :data:`FLAGS`, the first that holds; names in ``attrs["classes"]``, where unknown
        pixels have none. Lazy if the input is lazy.

    Examples
    --------
    >>> main_flag(xr.DataArray(np.array([0, 8 + 32, 4 + 8], np.uint8), dims="x")).values.tolist()
    [0, 8, 4]
    """
    classes = {"0": "none"} | {str(bit): words for bit, words in FLAGS.items() if bit != UNKNOWN}
    first = flag & (~flag + np.uint8(1))  # the lowest bit that is set
    return describe(first.astype(np.int16), "flag", like=flag, long_name="worst flag", classes=classes)


def _check_numbers(surface_factor: float, heat_std: float, share: float, share_std: float) -> None:
    for name, value in (("surface_factor", surface_factor), ("share", share)):
        if not 0.0 < value < np.inf:
            raise QtpDataError(f"{name} must be positive", found=value)
    for name, value in (("heat_std", heat_std), ("share_std", share_std)):
        if not 0.0 <= value < 1.0:
            raise QtpDataError(f"{name} is a relative standard deviation", expected="0 to 1", found=value)


def _positive(da: xr.DataArray, units: str, name: str) -> xr.DataArray:
    """Refuse negative values in memory; lazy ones, which cannot be looked at, become unknown."""
    require(da, units=units, between=(0.0, np.inf), name=name)
    return da.where(da >= 0)


def _vertical(da: xr.DataArray, incidence: xr.DataArray | None) -> xr.DataArray:
    require(da, units="mm")
    return da.astype(np.float64) if incidence is None else to_vertical(da.astype(np.float64), incidence)


def _ground(
    conductivity: xr.DataArray | None,
    bulk_density: xr.DataArray | None,
    quartz: xr.DataArray | None,
    *,
    clay: xr.DataArray | None,
    texture: str | xr.DataArray,
    scheme: str,
    particle_density: float,
) -> tuple[Any, tuple[Any, Any, Any], Any]:
    """Porosity; conductivity dry and saturated, and sand; coarseness."""
    density = None if bulk_density is None else hold_density(bulk_density)
    room = 1.0 if density is None else pores(density, particle_density)
    if conductivity is not None:
        known = _positive(conductivity, "W m-1 K-1", "conductivity")
        return room, (known, known, 0.0), 0.0
    if density is None or quartz is None:
        raise QtpDataError(
            "the conductivity of the thawed ground is not known",
            expected="conductivity, or bulk_density and quartz",
            hint="One number for the whole map will do: xr.DataArray(1.2, attrs={'units': 'W m-1 K-1'}).",
        )
    grains = hold(quartz, "quartz")
    return room, (*thawed_ends(density, grains, clay, particle_density, scheme), grains), coarseness(texture, scheme)


def _root(column: xr.DataArray, motion: xr.DataArray, supply: xr.DataArray, heat_std: float) -> tuple[Any, Any]:
    """Tell what water content times conductivity has to be, W m-1 K-1, and its relative standard deviation."""
    wanted = xnp.square(column) / supply.where(supply > 0)
    return wanted.where(column > 0), xnp.sqrt(4.0 * motion + heat_std**2)


def _numbers(
    column: xr.DataArray, theta: xr.DataArray, responses: list[xr.DataArray], motion: xr.DataArray, heat: float
) -> dict[str, xr.DataArray]:
    """Water, thickness and content, the last two with errors; ``motion`` and ``heat`` are relative variances."""
    water, depth = responses
    thickness = column / theta
    return {
        "water_column": column,
        "active_layer_thickness": thickness,
        "active_layer_thickness_std": thickness * xnp.sqrt(depth**2 * motion + water**2 * heat),
        "mean_water_content": theta,
        "mean_water_content_std": theta * water * xnp.sqrt(4.0 * motion + heat),
    }


def _degrees(slope: xr.DataArray) -> xr.DataArray:
    require(slope, quantity="slope")
    return slope


def _codes(vegetation: xr.DataArray, saturated: Iterable[str]) -> list[int]:
    """Codes of the classes under which the layer is saturated."""
    names, asked = names_of(vegetation), set(saturated)
    if missing := asked - set(names.values()):
        raise QtpDataError(
            "the vegetation has no such classes",
            expected=sorted(set(names.values())),
            found=sorted(missing),
            hint="Name those of them under which the ground is saturated; () flags all.",
        )
    return [code for code, name in names.items() if name in asked]


def _add_up(marks: dict[int, xr.DataArray | None]) -> xr.DataArray:
    """Bits of the flags that hold; where an input is unknown this alone."""
    bits = [mark * np.uint8(bit) for bit, mark in marks.items() if mark is not None]
    total = sum(bits[1:], start=bits[0])
    return xr.where(marks[UNKNOWN], np.uint8(UNKNOWN), total)


def _flag_attrs() -> dict[str, Any]:
    """How the climate and forecast conventions tell what bits mean."""
    return {"flag_masks": list(FLAGS), "flag_meanings": " ".join(words.replace(" ", "_") for words in FLAGS.values())}
