"""What was laid out for the dashboard, read without reading more than is asked for."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, X, Y
from qtp_toolkit.grid._frame import to_crs

LONLAT = "EPSG:4326"


class Frame(NamedTuple):
    """Where the pixels of the maps lie; rows run from south to north."""

    left: float
    bottom: float
    dx: float
    dy: float
    columns: int
    rows: int
    crs: str

    @property
    def right(self) -> float:
        """Outer edge."""
        return self.left + self.columns * self.dx

    @property
    def top(self) -> float:
        """Outer edge."""
        return self.bottom + self.rows * self.dy

    def pixel(self, x: float, y: float) -> tuple[int, int] | None:
        """Row and column of the pixel there, or None beside the map."""
        row, column = math.floor((y - self.bottom) / self.dy), math.floor((x - self.left) / self.dx)
        return (row, column) if 0 <= row < self.rows and 0 <= column < self.columns else None

    def center(self, row: Any, column: Any) -> tuple[Any, Any]:
        """Coordinates (x, y) of pixel centers."""
        return self.left + (column + 0.5) * self.dx, self.bottom + (row + 0.5) * self.dy

    def lonlat(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Longitude and latitude in degrees."""
        return to_crs(x, y, source=self.crs, target=LONLAT)


class Picture(NamedTuple):
    """Part of a map at the resolution of the screen, and where it lies."""

    image: np.ndarray
    x: float
    y: float
    dw: float
    dh: float


class Prepared:
    """The arrays that :func:`qtp_toolkit.interactive.board.prepare` laid out, mapped into memory."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.about: dict[str, Any] = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        self.frame = Frame(**self.about["grid"])
        self.layers: dict[str, dict[str, Any]] = self.about["layers"]
        # All at once: another layout may take this one's place, and what is mapped stays what it was.
        self._arrays = {path.stem: np.load(path, mmap_mode="r") for path in self.folder.glob("*.npy")}

    def array(self, name: str) -> np.ndarray:
        """One of the arrays, mapped into memory."""
        return self._arrays[name]

    @property
    def has_shade(self) -> bool:
        """Whether there is an elevation to shade."""
        return "elevation" in self.layers

    @cached_property
    def dates(self) -> np.ndarray:
        """Dates of the series; none without one."""
        return np.array(self.about.get("series", {}).get("dates", []), dtype="datetime64[ns]")

    def picture(self, name: str, box: tuple[float, float, float, float], wide: int, tall: int) -> Picture:
        """Return what of a map (or ``"shade"``) lies in (left, right, bottom, top), at most ``wide`` by ``tall``."""
        layer = self.layers["elevation" if name == "shade" else name]
        stem = "shade" if name == "shade" else layer["stem"]
        frame = self.frame
        fine = min((box[1] - box[0]) / frame.dx / max(wide, 1), (box[3] - box[2]) / frame.dy / max(tall, 1))
        level = min(max(math.floor(math.log2(max(fine, 1.0))), 0), layer["levels"] - 1)
        values = self.array(f"{stem}_{level}")
        dx, dy = frame.dx * 2**level, frame.dy * 2**level
        rows, columns = values.shape
        left, right = _cells(box[0] - frame.left, box[1] - frame.left, dx, columns)
        low, high = _cells(box[2] - frame.bottom, box[3] - frame.bottom, dy, rows)
        part = values[low:high, left:right]
        part = part[np.ix_(_thin(high - low, tall), _thin(right - left, wide))]
        image = np.ascontiguousarray(part)
        place = frame.left + left * dx, frame.bottom + low * dy, (right - left) * dx, (high - low) * dy
        return Picture(image, *place)

    def value(self, name: str, row: int, column: int) -> float:
        """Value of a map at a pixel; NaN where a class is none."""
        if name not in self.layers:
            return math.nan
        return float(self.array(f"{self.layers[name]['stem']}_0")[row, column])

    def series(self, row: int, column: int) -> tuple[xr.DataArray, np.ndarray | None]:
        """Displacement (time) of a pixel in mm, and its standard deviation if that is known."""
        attrs = {"units": "mm", "long_name": "line-of-sight displacement, positive toward the satellite"}
        attrs |= {"provenance_note": self.about["note"]} if self.about["note"] else {}
        values = np.array(self.array("series")[row, column], dtype=float)
        da = xr.DataArray(values, {TIME: self.dates}, TIME, name="displacement", attrs=attrs)
        std = np.array(self.array("series_std")[row, column]) if self.about["series"]["std"] else None
        return da, std

    def cut(self, names: Iterable[str], rows: slice, columns: slice, step: int = 1) -> xr.Dataset:
        """Return part of some maps, every ``step``-th row and column, with coordinates and CRS."""
        frame = self.frame
        at = [np.arange(part.start, part.stop, step) for part in (rows, columns)]
        coords = {Y: frame.bottom + (at[0] + 0.5) * frame.dy, X: frame.left + (at[1] + 0.5) * frame.dx}
        out = {}
        for name in names:
            layer = self.layers[name]
            values = np.array(self.array(f"{layer['stem']}_0")[rows, columns][::step, ::step])
            attrs = dict(layer["attrs"]) | ({"classes": layer["classes"]} if "classes" in layer else {})
            out[name] = xr.DataArray(values, coords, (Y, X), name=name, attrs=attrs)
        return xr.Dataset(out).rio.write_crs(frame.crs)


def in_degrees(crs: str) -> bool:
    """Whether a CRS (WKT) counts in degrees."""
    return crs.startswith(("GEOGCRS", "GEOGCS"))


def _cells(low: float, high: float, size: float, count: int) -> tuple[int, int]:
    first = min(max(math.floor(low / size), 0), count - 1)
    return first, min(max(math.ceil(high / size), first + 1), count)


def _thin(count: int, most: int) -> np.ndarray:
    """Return indices of at most ``most`` of ``count`` rows, evenly spread."""
    kept = min(count, max(most, 1))
    return ((np.arange(kept) + 0.5) * (count / kept)).astype(int)
