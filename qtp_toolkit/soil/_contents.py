"""What the soil consists of: pores, water, quartz."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe, is_lazy, on_one_grid
from qtp_toolkit.soil._checks import hold

PARTICLE_DENSITY = 2700.0
"""Density of the soil solids in kg m-3; 2650 is also in use."""

DENSITY_RANGE = (50.0, 2700.0)
"""kg m-3, from peat to rock without a pore: wider than what the median of a map may be (the variable table)."""

LIGHT = 250.0
"""kg m-3: a map of which half is lighter than this is peat, or not in kg m-3."""


def porosity(bulk_density: xr.DataArray, *, particle_density: float = PARTICLE_DENSITY) -> xr.DataArray:
    """Porosity ``n = 1 - bulk_density / particle_density``.

    Parameters
    ----------
    bulk_density : xarray.DataArray
        kg m-3 (not g cm-3, not cg cm-3), any dims; 50 to 2700.
    particle_density : float
        kg m-3.

    Returns
    -------
    xarray.DataArray
        0..1, same dims; NaN where the soil would be denser than its solids. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If the unit is not kg m-3, or values in memory are out of range: 0, a fill value, 1.3 (g cm-3).

    Warns
    -----
    UserWarning
        If the median in memory is below 250 kg m-3: 130 may be peat, but also the 1.3 g cm-3 of SoilGrids 2.0 in
        cg cm-3.

    Notes
    -----
    Lazy input cannot be looked at here: its values out of range become NaN when they are computed.

    Examples
    --------
    >>> porosity(xr.DataArray(1350.0, attrs={"units": "kg m-3"})).item()
    0.5
    """
    return describe(pores(hold_density(bulk_density), particle_density), "porosity", like=bulk_density)


def pores(bulk_density: xr.DataArray, particle_density: float) -> xr.DataArray:
    """Porosity of a bulk density that has been checked."""
    if particle_density < 100:
        raise QtpDataError("particle density is not in kg m-3", expected="about 2700", found=particle_density)
    share = 1.0 - bulk_density / particle_density
    # Denser than its solids: an unknown soil, not one without pores.
    return share.where(share > 0)


def hold_density(bulk_density: xr.DataArray) -> xr.DataArray:
    """Hold a bulk density to its range, see :func:`porosity`."""
    out = hold(
        bulk_density,
        "bulk_density",
        limits=DENSITY_RANGE,
        hint="g cm-3? Multiply by 1000; cg cm-3 (SoilGrids 2.0): by 10. Mask 0 and other fill values.",
    )
    if not is_lazy(out) and np.isfinite(out).any() and float(out.median()) < LIGHT:
        text = f"The median bulk density is {float(out.median()):g} kg m-3: peat, or in cg cm-3 (times 10)? (S02)"
        warnings.warn(text, UserWarning, stacklevel=3)
    return out


def saturation(water_content: xr.DataArray, porosity: xr.DataArray) -> xr.DataArray:
    """Degree of saturation ``Sr = water_content / porosity``, clipped to 0..1.

    A water content above the porosity (from a table by vegetation class, say) becomes full saturation rather than an
    error; the attribute ``clipped`` says how many values that was, where the inputs are in memory.

    Parameters
    ----------
    water_content : xarray.DataArray
        Volumetric, 0..1. In the frozen season the total water, as liquid equivalent.
    porosity : xarray.DataArray
        0..1.

    Returns
    -------
    xarray.DataArray
        0..1, NaN where either is unknown or there are no pores; lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        If values in memory are not fractions (43 for 43 %), or the two lie on other pixels. Lazy values that are none
        become NaN when they are computed.

    Examples
    --------
    >>> water, pores = (xr.DataArray(value, attrs={"units": "1"}) for value in (0.2, 0.5))
    >>> saturation(water, pores).item()
    0.4
    """
    water, room = on_one_grid(hold(water_content, "water_content", code="S04"), hold(porosity, "porosity"))
    ratio = water / room.where(room > 0)
    told = {} if is_lazy(ratio) else {"clipped": int((ratio > 1.0).sum())}
    return describe(ratio.clip(0.0, 1.0), "saturation", like=(water_content, porosity), **told)


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

    Raises
    ------
    QtpDataError
        If values in memory are not fractions, or ``share`` is not one. Lazy values become NaN when they are computed.

    Examples
    --------
    >>> quartz_from_sand(xr.DataArray(0.4, attrs={"units": "1"}), share=0.5).item()
    0.2
    """
    if not 0.0 <= share <= 1.0:
        raise QtpDataError("share of quartz is not a fraction", expected="0 to 1", found=share)
    return describe(hold(sand, "sand") * share, "quartz", like=sand)
