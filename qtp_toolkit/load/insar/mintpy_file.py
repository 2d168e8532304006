"""What a file of MintPy says of itself: attributes, shapes, units, and where its pixels lie."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.load.files.dates import ymd
from qtp_toolkit.load.files.grids import descending
from qtp_toolkit.load.files.hdf5 import opened, text_of
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.tiff import same_grid
from qtp_toolkit.load.insar.pairs import orbit_of
from qtp_toolkit.load.insar.radar import TABLE
from qtp_toolkit.load.insar.stack import clock_of

_PLACE = ("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP")


class File(NamedTuple):
    """What a file of MintPy says of itself: attributes, and shapes of its datasets."""

    path: Path
    attrs: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    units: dict[str, str]

    @property
    def kind(self) -> str:
        """Its FILE_TYPE."""
        return self.attrs.get("FILE_TYPE", "")

    @property
    def size(self) -> tuple[int, int]:
        """Lines and samples, by the attributes, else by the first map in it."""
        told = [int(float(self.attrs[key])) for key in ("LENGTH", "WIDTH") if key in self.attrs]
        maps = [shape[-2:] for name, shape in self.shapes.items() if len(shape) > 1 and name != "date"]
        return (told[0], told[1]) if len(told) == 2 else (maps[0][0], maps[0][1]) if maps else (0, 0)

    @property
    def mapped(self) -> bool:
        """Whether it is geocoded."""
        return all(key in self.attrs for key in _PLACE)

    @property
    def has_nan(self) -> bool:
        """Whether it says that NaN, and not 0, is missing."""
        return self.attrs.get("NO_DATA_VALUE", "").lower() == "nan"


def look(path: Path) -> File:
    """Attributes and shapes of a file of MintPy; no number is read."""
    with opened(path) as file:
        attrs = {key: text_of(value) for key, value in file.attrs.items()}
        sets = {name: part for name, part in file.items() if hasattr(part, "shape")}
        shapes = {name: tuple(part.shape) for name, part in sets.items()}
        units = {name: text_of(part.attrs.get("UNIT", "")) for name, part in sets.items()}
    return File(path, attrs, shapes, units)


def days_of(path: Path, stored: np.ndarray) -> list[tuple[np.datetime64, ...]]:
    """Dates of a table, row by row; decimals are refused, of which float32 has not enough digits (I28)."""
    if stored.dtype.kind == "f":
        raise QtpDataError("dates are stored as decimals", path=path, found=stored.dtype, expected="text", code="I28")
    return [tuple(ymd(text_of(day)[:8], path) for day in row) for row in stored]


def unit_of(file: File, name: str, usual: str) -> str:
    """Find the unit of a dataset, else of the file, else the usual one."""
    return file.units.get(name) or file.attrs.get("UNIT", usual)


def notes(file: File, where: str) -> dict[str, Any]:
    """Tell what the attributes say of producer and orbit; None for what they do not."""
    heading, seconds = (_number(file.attrs.get(key)) for key in ("HEADING", "CENTER_LINE_UTC"))
    direction = file.attrs.get("ORBIT_DIRECTION", "").lower() or orbit_of(heading)
    return {
        "producer": f"MintPy ({file.attrs['PROCESSOR']})" if "PROCESSOR" in file.attrs else "MintPy",
        "heading": None if heading is None else round(heading % 360, 4),
        "orbit_direction": direction,
        "overpass": None if seconds is None else clock_of(seconds),
        "geometry": where,
    }


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def header_of(file: File, crs: str | None) -> Header:
    """Grid of a geocoded file, as of a raster; its attributes tell it."""
    from pyproj import CRS  # noqa: PLC0415  slow to import

    left, top, dx, dy = (float(file.attrs[key]) for key in _PLACE)
    wkt = CRS.from_user_input(crs or _crs(file)).to_wkt()
    height, width = file.size
    return Header(file.path, height, width, (dx, 0.0, left, 0.0, dy, top), wkt, "float32", None, (1, width), None, {})


def refuse_other_image(file: File, geometry: File, crs: str | None) -> None:
    """Refuse a geometry that is none of a file: of another size, place or CRS, of other looks, or cut out elsewhere.

    Raises
    ------
    QtpDataError
        I05 to I07, I20.
    """
    if file.size != geometry.size:
        sizes = {own.path.name: own.size for own in (file, geometry)}
        raise QtpDataError("the geometry is of another image", path=geometry.path, found=sizes, code="I06")
    if file.mapped and geometry.mapped:
        ours = header_of(file, crs)
        theirs = header_of(geometry, crs or _told_crs(geometry) or ours.crs)
        same_grid([ours, theirs])
        if ours.transform[4] * theirs.transform[4] < 0:
            raise QtpDataError("the rows of the geometry run the other way", path=geometry.path, code="I09")
    for code, keys in (("I20", ("ALOOKS", "RLOOKS")), ("I06", ("SUBSET_YMIN", "SUBSET_XMIN"))):
        told = [{key: _number(own.attrs.get(key)) for key in keys} for own in (file, geometry)]
        known = [key for key in keys if None not in (told[0][key], told[1][key])]
        if any(told[0][key] != told[1][key] for key in known):
            what = "the geometry is of another image"
            raise QtpDataError(what, path=geometry.path, expected=told[0], found=told[1], code=code)


def refuse_unused(file: File, kind: str, layers: tuple[str, ...], dataset: str, dropped: str) -> None:
    """Refuse what is set and a file of this kind has no use for (M27).

    Parameters
    ----------
    file : File
    kind : str
        In small letters: ifgramstack, geometry, timeseries ...
    layers : tuple of str
    dataset, dropped : str
        As of :func:`mintpy`.
    """
    unused = [f"layers: {list(layers)}"] if layers and kind not in ("ifgramstack", "geometry") else []
    if kind != "ifgramstack":
        unused += [f"dataset: {dataset}"] if dataset != "unwrapPhase" else []
        unused += [f"dropped: {dropped}"] if dropped != "leave_out" else []
    if kind == "geometry" and "component" in layers:
        unused.append("layers: component")
    if unused:
        raise QtpDataError(
            f"settings that a file of {file.kind} has no use for",
            path=file.path,
            found="; ".join(unused),
            hint="Leave them out, or set them where ifgramStack.h5 or the geometry is opened.",
            code="M27",
        )


def thinned(file: File) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of some lines and samples, from which the map is laid out.

    Parameters
    ----------
    file : File
        The geometry.
    """
    with opened(file.path) as stored:
        places = [grid.thinned(size) for size in file.shapes[TABLE[0]]]
        both = [np.asarray(stored[name][places[0], :], float)[:, places[1]] for name in TABLE]
    return both[0], both[1]


def on_map(data: xr.Dataset, file: File, crs: str | None) -> xr.Dataset:
    """Pixel centers and CRS of a geocoded file: X_FIRST, Y_FIRST are the outer corner of its first pixel."""
    same_grid([header_of(file, crs)])  # whether it is one on Earth
    left, top, dx, dy = (float(file.attrs[key]) for key in _PLACE)
    coords = {Y: top + (np.arange(data.sizes[Y]) + 0.5) * dy, X: left + (np.arange(data.sizes[X]) + 0.5) * dx}
    return descending(data.assign_coords(coords)).rio.write_crs(crs or _crs(file))


def _told_crs(file: File) -> str | None:
    epsg, zone = file.attrs.get("EPSG", ""), re.fullmatch(r"(\d{1,2})([A-Za-z])?", file.attrs.get("UTM_ZONE", ""))
    if epsg.isdigit():
        return f"EPSG:{epsg}"
    if zone and zone[2]:  # the number alone is either of two places
        south = zone[2].upper() in "CDEFGHJKLMS"
        return f"EPSG:{327 if south else 326}{int(zone[1]):02d}"
    return "EPSG:4326" if file.attrs.get("X_UNIT", "").lower().startswith("deg") else None


def _crs(file: File) -> str:
    told = _told_crs(file)
    if told is not None:
        return told
    raise QtpDataError(
        "the file does not tell its coordinate reference system",
        path=file.path,
        expected="EPSG, UTM_ZONE, or X_UNIT degrees",
        hint="Set parameters.crs.",
        code="I07",
    )
