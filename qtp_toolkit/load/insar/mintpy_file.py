"""What a file of MintPy says of itself: attributes, shapes, units, and where its pixels lie."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.load.files.dates import ymd
from qtp_toolkit.load.files.grids import descending
from qtp_toolkit.load.files.hdf5 import opened, text_of

_TO_MM = {"m": 1000.0, "cm": 10.0, "mm": 1.0}
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


def to_mm(file: File, name: str, per: str) -> float:
    """Factor to mm (per year) from the unit of a dataset, else of the file (M11 for others)."""
    unit = file.units.get(name) or file.attrs.get("UNIT", "m" + per)
    length, _, rest = unit.strip().partition("/")
    if length not in _TO_MM or bool(per) != bool(rest) or rest not in ("", "yr", "year", "y", "a"):
        raise QtpDataError(
            "a unit that is none of these", path=file.path, variable=name, found=unit, expected=f"m{per}", code="M11"
        )
    return _TO_MM[length]


def notes(file: File, where: str) -> dict[str, Any]:
    """Tell what the attributes say of producer and orbit; None for what they do not."""
    heading, seconds = (_number(file.attrs.get(key)) for key in ("HEADING", "CENTER_LINE_UTC"))
    clock = None if seconds is None else str(np.datetime64(round(seconds), "s").astype("M8[s]"))[11:]
    return {
        "producer": f"MintPy ({file.attrs['PROCESSOR']})" if "PROCESSOR" in file.attrs else "MintPy",
        "heading": None if heading is None else round(heading % 360, 4),
        "orbit_direction": file.attrs.get("ORBIT_DIRECTION", "").lower() or None,
        "overpass": clock,
        "geometry": where,
    }


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def on_map(data: xr.Dataset, file: File, crs: str | None) -> xr.Dataset:
    """Pixel centers and CRS of a geocoded file: X_FIRST, Y_FIRST are the outer corner of its first pixel."""
    left, top, dx, dy = (float(file.attrs[key]) for key in _PLACE)
    coords = {Y: top + (np.arange(data.sizes[Y]) + 0.5) * dy, X: left + (np.arange(data.sizes[X]) + 0.5) * dx}
    import rioxarray  # noqa: F401, PLC0415  registers .rio

    return descending(data.assign_coords(coords)).rio.write_crs(crs or _crs(file))


def _crs(file: File) -> str:
    epsg, zone = file.attrs.get("EPSG", ""), re.fullmatch(r"(\d{1,2})([A-Za-z])?", file.attrs.get("UTM_ZONE", ""))
    if epsg.isdigit():
        return f"EPSG:{epsg}"
    if zone and zone[2]:  # the number alone is either of two places
        south = zone[2].upper() in "CDEFGHJKLMS"
        return f"EPSG:{327 if south else 326}{int(zone[1]):02d}"
    if file.attrs.get("X_UNIT", "").lower().startswith("deg"):
        return "EPSG:4326"
    raise QtpDataError(
        "the file does not tell its coordinate reference system",
        path=file.path,
        expected="EPSG, UTM_ZONE, or X_UNIT degrees",
        hint="Set parameters.crs.",
        code="I07",
    )
