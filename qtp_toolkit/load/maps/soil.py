"""SoilGrids, version 1 (points, kg m-3, per cent) and version 2 (layers, cg/cm3, g/kg)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import DEPTH, VARIABLES, QtpDataError, describe
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import no_duplicates, refuse_bad
from qtp_toolkit.load.files.headers import headers
from qtp_toolkit.load.maps.rasters import Storage, physical

_SOIL = {
    ("v2", "bulk_density"): ("bdod", "cg/cm3"),
    ("v2", "sand"): ("sand", "g/kg"),
    ("v1", "bulk_density"): ("BLDFIE", "kg/m3"),
    ("v1", "sand"): ("SNDPPT", "%"),
}
_POINTS = (0.0, 0.05, 0.15, 0.30, 0.60, 1.0, 2.0)


def soilgrids(paths: Sequence[Path], *, version: str, quantity: str, chunks: Chunks | None = None) -> xr.DataArray:
    """Open SoilGrids bulk density or sand at all depths; :func:`qtp_toolkit.soil.depth_mean` averages over them.

    Parameters
    ----------
    paths : sequence of path
        v2: ``bdod_0-5cm_mean.tif`` (cg/cm3), ``sand_0-5cm_mean.tif`` (g/kg), intervals; v1: ``BLDFIE_M_sl1_250m.tif``
        (kg/m3), ``SNDPPT_M_sl1_250m.tif`` (%), points at 0, 5, 15, 30, 60, 100, 200 cm.
    version : {"v1", "v2"}
        Must be said: unit and depths depend on it.
    quantity : {"bulk_density", "sand"}
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        (depth, y, x): kg m-3 or fraction 0..1, float32, lazy; NaN without data and for single values outside
        100..2650 kg m-3 (a density of 0 is none) or 0..1. ``depth`` in m (the middle of the layer), coords
        ``depth_top`` and ``depth_bottom`` (equal for v1, whose values hold at points).

    Raises
    ------
    QtpDataError
        All unreadable files at once; names that are not of this version and quantity (S02); a depth twice; unlike
        grids; a scale in the file's tags. When computed: S02, S03, if most values of a block leave the range: the
        files are not in the unit of this version.

    Examples
    --------
    >>> path = geotiff("bdod_0-5cm_mean.tif", np.array([[130, 125]], "int16"))
    >>> density = load.soilgrids([path], version="v2", quantity="bulk_density")
    >>> density.attrs["units"], density.values.tolist()
    ('kg m-3', [[[1300.0, 1250.0]]])
    """
    if (version, quantity) not in _SOIL:
        raise QtpDataError("unknown SoilGrids version or quantity", expected=sorted(_SOIL), found=(version, quantity))
    short, units = _SOIL[version, quantity]
    found = headers(paths)
    layers: list[Any] = [_layer(h.path.name, short, version) for h in found]
    wrong = [(h.path, _other(h.path.name, quantity)) for h, layer in zip(found, layers, strict=True) if layer is None]
    refuse_bad(wrong, f"SoilGrids {version} {short} file by name", total=len(found), code="S02")
    no_duplicates(layers, [h.path for h in found], "depth", "S02")
    order = sorted(range(len(found)), key=lambda k: layers[k])
    top, bottom = np.array([layers[k] for k in order]).T
    storage = Storage(units, nodata=-32768.0, scale_factor=1.0, add_offset=0.0, band=1, valid_range=None)
    out = physical([found[k] for k in order], quantity, storage, dim=DEPTH, chunks=chunks, settings="version")
    coords = {DEPTH: (top + bottom) / 2, "depth_top": (DEPTH, top), "depth_bottom": (DEPTH, bottom)}
    out = out.assign_coords(coords)
    out[DEPTH].attrs = {"units": "m", "long_name": "depth below the surface"}
    return describe(out, quantity, converted=f"{units} to {VARIABLES[quantity].units}", version=f"SoilGrids {version}")


def _layer(name: str, short: str, version: str) -> tuple[float, float] | None:
    """Top and bottom in m, or None if the name is not of this version, or of an uncertainty."""
    if "uncertainty" in name.lower():
        return None
    if version == "v2":
        match = re.search(rf"(?<![A-Za-z]){short}_(\d+)-(\d+)cm", name)
        return (int(match[1]) / 100, int(match[2]) / 100) if match else None
    match = re.search(rf"(?<![A-Za-z]){short}_M_sl([1-7])", name)
    return (_POINTS[int(match[1]) - 1],) * 2 if match else None


def _other(name: str, quantity: str) -> str:
    """Why a name does not fit: it is that of another version or quantity."""
    if "uncertainty" in name.lower():
        return "an uncertainty, not the quantity itself"
    for (version, other), (short, units) in _SOIL.items():
        if _layer(name, short, version) is not None:
            return f"by its name SoilGrids {version}, {other} in {units}"
    return f"its name is of no SoilGrids layer of {quantity}"
