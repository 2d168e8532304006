"""Longitude-latitude grids of the scene's gridded sources, and resampling onto them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject

from qtp_toolkit.conventions import describe
from qtp_toolkit.synthetic import places
from qtp_toolkit.synthetic.frame import EPSG, NOTED, Frame

_METERS_PER_DEGREE = 111_200.0


@dataclass(frozen=True)
class LonLatGrid:
    """A grid of square pixels in degrees; rows run south."""

    west: float
    north: float
    step: float
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.rows, self.columns

    @cached_property
    def longitude(self) -> np.ndarray:
        """Pixel centers, degrees east."""
        return self.west + (np.arange(self.columns) + 0.5) * self.step

    @cached_property
    def latitude(self) -> np.ndarray:
        """Pixel centers, degrees north, descending."""
        return self.north - (np.arange(self.rows) + 0.5) * self.step

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Approximate scene coordinates of columns and rows, m, for noise that needs no exact place."""
        middle = float(self.latitude[self.rows // 2])
        x = np.array([places.project(float(lon), middle)[0] for lon in self.longitude])
        y = np.array([places.project(92.5, float(lat))[1] for lat in self.latitude])
        return x, y


def lonlat_grid(frame: Frame, pixel_m: float) -> LonLatGrid:
    """Grid that covers a frame; edges lie on multiples of the pixel, so grids of windows align."""
    x, y = frame.x[[0, 0, -1, -1]], frame.y[[0, -1, 0, -1]]
    half = frame.pixel / 2
    edge_x = np.concatenate([x - half, x + half, [frame.x.mean()] * 2])
    edge_y = np.concatenate([y - half, y + half, [frame.y[0] + half, frame.y[-1] - half]])
    lon, lat = places.transformer(inverse=True).transform(edge_x, edge_y)
    step = round(pixel_m / _METERS_PER_DEGREE * 3600.0) / 3600.0
    west, north = np.floor(lon.min() / step) * step, np.ceil(lat.max() / step) * step
    rows, columns = int(np.ceil((north - lat.min()) / step)), int(np.ceil((lon.max() - west) / step))
    return LonLatGrid(float(west), float(north), step, rows, columns)


def to_lonlat(values: np.ndarray, frame: Frame, grid: LonLatGrid, *, resampling: str = "average") -> np.ndarray:
    """Resample (..., ny, nx) values of a frame onto a longitude-latitude grid.

    Parameters
    ----------
    values : numpy.ndarray
        Float, or integer classes (then ``mode`` or ``nearest``).
    frame : Frame
        Where the values lie; it should reach beyond the grid.
    grid : LonLatGrid
    resampling : str
        A name of ``rasterio.enums.Resampling``.

    Returns
    -------
    numpy.ndarray
        (..., grid rows, grid columns), same dtype.
    """
    lead = values.shape[:-2]
    source = np.ascontiguousarray(values.reshape(-1, *values.shape[-2:]))
    fill = np.nan if np.issubdtype(values.dtype, np.floating) else 0
    out = np.full((source.shape[0], *grid.shape), fill, dtype=values.dtype)
    corner = (frame.x[0] - frame.pixel / 2, frame.y[0] + frame.pixel / 2)
    reproject(
        source,
        out,
        src_transform=_transform(*corner, frame.pixel),
        src_crs=f"EPSG:{EPSG}",
        dst_transform=_transform(grid.west, grid.north, grid.step),
        dst_crs="EPSG:4326",
        src_nodata=fill,
        dst_nodata=fill,
        resampling=Resampling[resampling],
    )
    return out.reshape(*lead, *grid.shape)


def describe_on(
    grid: LonLatGrid, values: np.ndarray, name: str, *lead: str, coords: dict | None = None
) -> xr.DataArray:
    """Variable ``name`` (*lead, y, x) on a longitude-latitude grid with its coordinate system."""
    where = {"y": grid.latitude, "x": grid.longitude, **(coords or {})}
    da = xr.DataArray(values, dims=(*lead, "y", "x"), coords=where).rio.write_crs(4326)
    return describe(da, name, **NOTED)


def _transform(west: float, north: float, step: float) -> Affine:
    return Affine(step, 0.0, west, 0.0, -step, north)
