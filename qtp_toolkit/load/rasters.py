"""Single maps, series of maps, and SoilGrids."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import DEPTH, TIME, VARIABLES, QtpDataError, describe
from qtp_toolkit.load.files import Chunks, centers, date_of, no_duplicates, refuse_bad
from qtp_toolkit.load.tiff import Decode, headers, lazy_stack, same_grid

CONVERSIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("radian", "degree"): (180.0 / np.pi, 0.0),
    ("K", "degC"): (1.0, -273.15),
    ("%", "1"): (0.01, 0.0),
    ("permille", "1"): (0.001, 0.0),
    ("g/kg", "1"): (0.001, 0.0),
    ("cg/cm3", "kg m-3"): (10.0, 0.0),
    ("g/cm3", "kg m-3"): (1000.0, 0.0),
    ("kg/m3", "kg m-3"): (1.0, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("m", "mm"): (1000.0, 0.0),
    ("cm", "mm"): (10.0, 0.0),
}
"""Factor and offset from a unit of files to ours."""

NO_CLASS = -1
"""Code of pixels without a class."""

_SOIL = {
    ("v2", "bulk_density"): ("bdod", "cg/cm3"),
    ("v2", "sand"): ("sand", "g/kg"),
    ("v1", "bulk_density"): ("BLDFIE", "kg/m3"),
    ("v1", "sand"): ("SNDPPT", "%"),
}
_POINTS = (0.0, 0.05, 0.15, 0.30, 0.60, 1.0, 2.0)


def raster(
    path: Path,
    *,
    variable: str,
    units: str | None = None,
    nodata: float | None = None,
    scale_factor: float = 1.0,
    add_offset: float = 0.0,
    band: int = 1,
    valid_range: tuple[float, float] | None = None,
    classes: Mapping[int, str] | None = None,
    chunks: Chunks | None = None,
) -> xr.DataArray:
    """Open one band of a GeoTIFF as a quantity of the variable table.

    Parameters
    ----------
    path : path
    variable : str
        Which quantity it is: a key of :data:`qtp_toolkit.conventions.VARIABLES`.
    units : str, optional
        Unit in the file (after ``scale_factor`` and ``add_offset``) if it is not the table's; converted.
    nodata : float, optional
        Beside the file's own nodata tag.
    scale_factor, add_offset : float
        Stored to ``units``.
    band : int
        From 1.
    valid_range : (float, float), optional
        Of stored values; what leaves it is NaN.
    classes : mapping of int to str, optional
        Makes it a class map.
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        (y, x), in the table's unit, float32, NaN without data; or, where ``classes`` are given, int16, -1 without data,
        with ``attrs["classes"]`` (JSON of code to name). Lazy.

    Raises
    ------
    QtpDataError
        If the file is unreadable, or there is no conversion from its unit.
    """
    (header,) = headers([path])
    tags = tuple(v for v in (nodata, header.nodata) if v is not None)
    if classes is not None:
        decode = Decode(nodata=tags, dtype="int16", fill=NO_CLASS)
        array = lazy_stack([header], header, decode, dim="band", chunks=chunks, band=band).isel(band=0)
        table = json.dumps({int(code): name for code, name in sorted(classes.items())}, ensure_ascii=False)
        return describe(array, variable, classes=table, nodata=NO_CLASS)
    factor, offset = _conversion(units, VARIABLES[variable].units, path, variable)
    decode = Decode(tags, scale_factor * factor, add_offset * factor + offset, valid_range)
    array = lazy_stack([header], header, decode, dim="band", chunks=chunks, band=band).isel(band=0)
    note = (
        {} if units in (None, VARIABLES[variable].units) else {"converted": f"{units} to {VARIABLES[variable].units}"}
    )
    return describe(array, variable, **note)


def dem(path: Path, *, nodata: float | None = None, chunks: Chunks | None = None) -> xr.DataArray:
    """Open a digital elevation model in m; see :func:`raster`. Void (-32768) is NaN.

    Parameters
    ----------
    path : path
    nodata : float, optional
        Beside -32768 and the file's own tag.
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        ``elevation`` (y, x), m, float32, lazy.
    """
    return raster(
        path, variable="elevation", nodata=-32768 if nodata is None else nodata, valid_range=(-500, 9000), chunks=chunks
    )


def series(
    paths: Sequence[Path],
    *,
    variable: str,
    pattern: str = r"doy(?P<year>\d{4})(?P<doy>\d{3})",
    composite_days: int = 1,
    units: str | None = None,
    nodata: float | None = None,
    scale_factor: float = 1.0,
    add_offset: float = 0.0,
    band: int = 1,
    valid_range: tuple[float, float] | None = None,
    chunks: Chunks | None = None,
) -> xr.DataArray:
    """Open GeoTIFFs of one quantity, one a date.

    Parameters
    ----------
    paths : sequence of path
    variable, units, nodata, scale_factor, add_offset, band, valid_range, chunks
        As in :func:`raster`.
    pattern : str
        Regular expression that finds the date in a name: groups year and doy, or year, month and day.
    composite_days : int
        Days that a file covers; ``time`` is their center.

    Returns
    -------
    xarray.DataArray
        (time, y, x), float32, sorted by time, lazy.

    Raises
    ------
    QtpDataError
        All unreadable files at once; names without date; a date twice; unlike grids.
    """
    found = headers(paths)
    matches = [re.search(pattern, h.path.name) for h in found]
    unnamed = [(h.path, "no date in its name") for h, m in zip(found, matches, strict=True) if m is None]
    refuse_bad(unnamed, f"file by the pattern {pattern!r}", total=len(found), code="I27")
    start = np.array([date_of(m, h.path) for m, h in zip(matches, found, strict=True)])
    no_duplicates(start, [h.path for h in found], "date", "M02")
    order = np.argsort(start)
    grid = same_grid(found)
    tags = tuple(v for v in (nodata, grid.nodata) if v is not None)
    factor, offset = _conversion(units, VARIABLES[variable].units, grid.path, variable)
    decode = Decode(tags, scale_factor * factor, add_offset * factor + offset, valid_range)
    out = lazy_stack([found[k] for k in order], grid, decode, dim=TIME, chunks=chunks, band=band)
    return describe(out.assign_coords({TIME: centers(start[order], composite_days)}), variable)


def soilgrids(paths: Sequence[Path], *, version: str, quantity: str, chunks: Chunks | None = None) -> xr.DataArray:
    """Open SoilGrids bulk density or sand at all depths.

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
        (depth, y, x): kg m-3 or fraction 0..1, float32, NaN without data, lazy; ``depth`` in m (the middle of the
        layer), coords ``depth_top`` and ``depth_bottom`` (equal for v1, whose values hold at points).

    Raises
    ------
    QtpDataError
        All unreadable files at once; names that are not of this version and quantity; a depth twice; unlike grids.
    """
    if (version, quantity) not in _SOIL:
        raise QtpDataError("unknown SoilGrids version or quantity", expected=sorted(_SOIL), found=(version, quantity))
    short, units = _SOIL[version, quantity]
    found = headers(paths)
    layers = [_layer(h.path.name, short, version) for h in found]
    wrong = [(h.path, "name") for h, layer in zip(found, layers, strict=True) if layer is None]
    refuse_bad(wrong, f"SoilGrids {version} {short} file by name", total=len(found), code="S02")
    no_duplicates(layers, [h.path for h in found], "depth", "S02")
    order = sorted(range(len(found)), key=lambda k: layers[k])
    top, bottom = np.array([layers[k] for k in order]).T
    name = quantity
    factor, offset = _conversion(units, VARIABLES[name].units, found[0].path, name)
    limits = {"bulk_density": (100.0, 2650.0), "sand": (0.0, 1.0)}[name]
    grid = same_grid(found)
    tags = tuple({-32768.0, *(h.nodata for h in found if h.nodata is not None)})
    valid = tuple((limit - offset) / factor for limit in limits)
    decode = Decode(tags, factor, offset, (valid[0] - 1e-6, valid[1] * (1 + 1e-6)))
    out = lazy_stack([found[k] for k in order], grid, decode, dim=DEPTH, chunks=chunks)
    coords = {DEPTH: (top + bottom) / 2, "depth_top": (DEPTH, top), "depth_bottom": (DEPTH, bottom)}
    out = out.assign_coords(coords)
    out[DEPTH].attrs = {"units": "m", "long_name": "depth below the surface"}
    return describe(out, name, converted=f"{units} to {VARIABLES[name].units}", version=f"SoilGrids {version}")


def _layer(name: str, short: str, version: str) -> tuple[float, float] | None:
    """Top and bottom in m, or None if the name is not of this version."""
    if version == "v2":
        match = re.search(rf"(?<![A-Za-z]){short}_(\d+)-(\d+)cm", name)
        return (int(match[1]) / 100, int(match[2]) / 100) if match else None
    match = re.search(rf"(?<![A-Za-z]){short}_M_sl([1-7])", name)
    return (_POINTS[int(match[1]) - 1],) * 2 if match else None


def _conversion(units: str | None, ours: str, path: Path, variable: str) -> tuple[float, float]:
    if units is None or units == ours:
        return 1.0, 0.0
    if (units, ours) not in CONVERSIONS:
        raise QtpDataError(
            f"no conversion from {units!r} to {ours!r}", path=path, variable=variable, code="S02",
            expected=[a for a, b in CONVERSIONS if b == ours] + [ours],
            hint="Use scale_factor and add_offset to reach one of them.",
        )  # fmt: skip
    return CONVERSIONS[units, ours]
