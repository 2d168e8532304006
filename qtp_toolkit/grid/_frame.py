"""CRS, spacing and axes of a grid: what the other grid modules share."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
import xarray as xr
from affine import Affine
from pyproj import CRS, Geod, Transformer

from qtp_toolkit.conventions import RADAR_AXES, QtpDataError, X, Y, is_lazy, require

Grid = xr.DataArray | xr.Dataset
SameGrid = TypeVar("SameGrid", xr.DataArray, xr.Dataset)

LONLAT = "EPSG:4326"
WGS84 = Geod(ellps="WGS84")

_REMEMBERED = 2**16
"""Pixels of the blocks whose coordinates in another CRS are remembered for a while: 8 MB in all."""


def pixel_size(template: Grid) -> float:
    """Side in m of a square as large as the pixel in the middle of the grid.

    Parameters
    ----------
    template : xarray.DataArray or xarray.Dataset
        Grid with dims y, x and a CRS in meters or degrees.

    Returns
    -------
    float

    Examples
    --------
    >>> template = xr.DataArray(np.zeros((2, 2)), {"y": [10.0, 0.0], "x": [0.0, 40.0]}, ("y", "x"))
    >>> pixel_size(template.rio.write_crs(32646))
    20.0
    """
    (dy, dx), crs = spacing(template), crs_of(template)
    if not crs.is_geographic:
        return float(np.sqrt(abs(dy * dx))) * meters_per_unit(crs)
    meridian, parallel = meters_per_degree(float(template[Y].values.mean()))
    return float(np.sqrt(abs(dy * dx) * meridian * parallel))


def label(da: Grid) -> str:
    """How errors call an array."""
    return str(getattr(da, "name", None) or type(da).__name__)


def crs_of(da: Grid) -> CRS:
    """CRS of a grid, or an error that says how to give it one."""
    require(da, dims=(Y, X), name=label(da))  # type: ignore[arg-type]  # dims alone are looked at
    if da.rio.crs is None and in_radar_geometry(da):
        raise QtpDataError(
            f"{label(da)!r} is in radar geometry: its lines and samples have no place on a map",
            expected="a map with a coordinate reference system",
            hint="Open the source with parameters.geometry: geocoded, or bring results to a map by grid.to_map.",
            code="I05",
        )
    if da.rio.crs is None:
        hint = "Where there is no CRS, write one, e.g. da.rio.write_crs('EPSG:4326')."
        expected = "a spatial_ref coordinate"
        raise QtpDataError(f"{label(da)!r} has no coordinate reference system", expected=expected, hint=hint)
    return CRS.from_wkt(da.rio.crs.to_wkt())


def in_radar_geometry(da: Grid) -> bool:
    """Whether a grid is one of lines and samples, as readers leave it by ``geometry: radar``."""
    return any(dim in da.coords and da[dim].attrs.get("long_name") == name for dim, name in RADAR_AXES.items())


def meters_per_unit(crs: CRS) -> float:
    """Length of the unit of a projected CRS: 1 for meters, 1000 for kilometers, 0.3048 for feet."""
    return float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else 1.0


def middle_longitude(da: Grid) -> float | None:
    """Longitude halfway along x of a grid in degrees, whichever turn it counts in; None for projected grids."""
    return float(da[X][0] + da[X][-1]) / 2 if crs_of(da).is_geographic else None


def spacing(da: Grid) -> tuple[float, float]:
    """Signed (dy, dx) of an evenly spaced grid, in its own unit."""
    steps = []
    for dim in (Y, X):
        values = da[dim].values.astype(float)
        if len(values) < 2:
            raise QtpDataError(f"{label(da)!r} has fewer than two pixels along {dim}", expected="at least 2 x 2 pixels")
        # From end to end: single steps of float32 coordinates are rounded.
        step = (values[-1] - values[0]) / (len(values) - 1)
        if step == 0 or np.abs(np.diff(values) - step).max() > 0.01 * abs(step):
            raise QtpDataError(f"{label(da)!r} is not evenly spaced along {dim}", hint="Interpolate it to even pixels.")
        steps.append(float(step))
    return steps[0], steps[1]


def affine(da: Grid) -> Affine:
    """Transform from pixel corners to coordinates."""
    dy, dx = spacing(da)
    return Affine(dx, 0.0, float(da[X].values[0]) - dx / 2, 0.0, dy, float(da[Y].values[0]) - dy / 2)


def axes(template: Grid, *, lazy: bool) -> tuple[xr.DataArray, xr.DataArray]:
    """Pixel-center coordinates (y), (x) as arrays, chunked like the template when asked."""
    out = [xr.DataArray(template[dim].values, {dim: template[dim].values}, (dim,)) for dim in (Y, X)]
    if lazy and is_lazy(template):
        out = [axis.chunk({dim: template.chunksizes[dim] for dim in axis.dims}) for axis in out]
    return out[0], out[1]


def to_crs(x: np.ndarray, y: np.ndarray, *, source: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (x, y) in another CRS; x and y broadcast against each other."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if source == target:
        wide, high = np.broadcast_arrays(x, y)
        return wide.copy(), high.copy()
    if x.size * y.size > _REMEMBERED:
        return _transform(x, y, source, target)
    found = _transform_axes((x.tobytes(), x.shape), (y.tobytes(), y.shape), source, target)
    return found[0].copy(), found[1].copy()


@lru_cache(maxsize=8)
def _transform_axes(
    x: tuple[bytes, tuple[int, ...]], y: tuple[bytes, tuple[int, ...]], source: str, target: str
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`_transform`: one block is brought to each of several sources, mostly in the same CRS, in turn."""
    wide, high = (np.frombuffer(values).reshape(shape) for values, shape in (x, y))
    return _transform(wide, high, source, target)


def _transform(x: np.ndarray, y: np.ndarray, source: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    wide, high = np.broadcast_arrays(x, y)
    out_x, out_y = Transformer.from_crs(source, target, always_xy=True).transform(wide, high)
    return np.asarray(out_x), np.asarray(out_y)


def meters_per_degree(latitude: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Length of one degree along the meridian and along the parallel on the WGS 84 ellipsoid."""
    phi = np.radians(latitude)
    bend = 1.0 - WGS84.es * np.sin(phi) ** 2
    meridian = WGS84.a * (1.0 - WGS84.es) / bend**1.5
    parallel = WGS84.a / np.sqrt(bend) * np.cos(phi)
    return np.radians(meridian), np.radians(parallel)
