"""Layers in radar geometry, left in lines and samples or brought to a map: what readers of several producers share."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.conventions import RADAR_AXES, QtpDataError, X, Y, describe
from qtp_toolkit.load.files.blocks import BLOCK_BYTES, ITEM_BYTES, Chunks

Geometry = Literal["radar", "geocoded"]
Layer = Literal["incidence", "look", "elevation", "land", "layover_shadow", "component"]
TABLE = ("latitude", "longitude")
_OUTSIDE = {"component": -1, "land": 0, "layover_shadow": 255}
"""Layers of whole numbers, and what they are where the image does not reach."""
_SIDE, _POLE = 64, 90.0


class Onto(NamedTuple):
    """What is asked for: geometry, and the map's CRS, resolution and resampling; chunks of the image and of the map."""

    geometry: str
    crs: str
    resolution: float | None
    resampling: Literal["nearest", "bilinear"]
    chunks: Chunks | None
    asked: Chunks | None


class Table(NamedTuple):
    """Latitude and longitude of each pixel, lazy, and at every 16th line and sample."""

    parts: tuple[xr.DataArray, xr.DataArray]
    thin: tuple[np.ndarray, np.ndarray] | None = None


def check_latitudes(latitude: np.ndarray, path: Path) -> None:
    """Refuse latitudes beyond the poles: those of a table that was exchanged with its longitudes (I08).

    Parameters
    ----------
    latitude : numpy.ndarray
        Some of the table, degree.
    path : path
    """
    known = latitude[np.isfinite(latitude)]
    if known.size and float(np.abs(known).max()) > _POLE:
        raise QtpDataError(
            "latitude and longitude are exchanged",
            path=path,
            expected="latitudes from -90 to 90",
            found=f"{known.min():g} to {known.max():g}",
            code="I08",
        )


def squares(pairs: int) -> Chunks:
    """Cut the image into windows, so that a block of a map reads about as much of it as it needs."""
    side = max(int(np.sqrt(BLOCK_BYTES / ITEM_BYTES / pairs)) // _SIDE, 1) * _SIDE
    return {Y: side, X: side}


def placed(array: xr.DataArray, name: str, table: Table | None, onto: Onto) -> xr.DataArray:
    """Bring a layer to a map, or leave it in lines and samples; described.

    Parameters
    ----------
    array : xarray.DataArray
        (..., y, x).
    name : str
        Key of the variable table.
    table : Table, optional
        None where the layer stays as it is.
    onto : Onto
    """
    whole = _OUTSIDE.get(name)
    if table is None or onto.geometry == "radar":
        out = numbered(array)
    else:
        method = "nearest" if whole is not None else onto.resampling
        out = grid.to_map(
            array,
            *table.parts,
            crs=onto.crs,
            resolution=onto.resolution,
            method=method,
            chunks=onto.asked,
            thin=table.thin,
        )
    if whole is not None:
        out = out.fillna(whole).astype(array.dtype) if out.dtype != array.dtype else out
    if name == "land":
        out = out == 1
    return describe(out, name, datum="ellipsoid") if name == "elevation" else describe(out, name)


def places(table: Table) -> dict[str, xr.DataArray]:
    """Latitude and longitude of each line and sample; NaN where both are 0, which is beyond the image."""
    known = (table.parts[0] != 0) | (table.parts[1] != 0)
    return {name: numbered(describe(part.where(known), name)) for name, part in zip(TABLE, table.parts, strict=True)}


def numbered(array: xr.DataArray) -> xr.DataArray:
    """Return the array with the numbers of its lines and samples, from 0."""
    return array.assign_coords(
        {dim: (dim, np.arange(array.sizes[dim]), {"long_name": name}) for dim, name in RADAR_AXES.items()}
    )
