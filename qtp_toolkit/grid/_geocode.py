"""From the lines and samples of a radar image to pixels on the ground."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

from qtp_toolkit.conventions import QtpDataError, X, Y, require
from qtp_toolkit.grid._frame import meters_per_degree

_REACH = 1.5
"""A pixel on the ground is seen if the center of a radar pixel is not farther away than so many of its sides."""


def geocoding(latitude: xr.DataArray, longitude: xr.DataArray, *, pixel_m: float = 90.0) -> xr.DataArray:
    """Find which radar pixel each pixel of a geographic grid sees: its nearest one.

    Parameters
    ----------
    latitude, longitude : xarray.DataArray
        Degrees, dims ``y, x``, in memory, of the radar pixels; NaN, or both 0, where there is no place.
    pixel_m : float
        Side of a pixel along the meridian, m; as many degrees along the parallel.

    Returns
    -------
    xarray.DataArray
        Dims ``y, x``, EPSG:4326, from north to south: number of the radar pixel, counted line by line, or -1.

    Raises
    ------
    QtpDataError
        If no pixel has a place.

    Examples
    --------
    An ascending image, whose first line lies in the south:

    >>> lines, samples = np.mgrid[:3, :4] * 0.001
    >>> latitude, longitude = (xr.DataArray(v, dims=("y", "x")) for v in (34 + lines, 93 + samples))
    >>> geocoding(latitude, longitude, pixel_m=110.92).values[0, :3]
    array([ 8,  9, 10], dtype=int32)
    """
    require(latitude, dims=(Y, X), name="latitude")
    require(longitude, dims=(Y, X), name="longitude")
    lat, lon = (da.transpose(Y, X).values.ravel() for da in (latitude, longitude))
    seen = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon) & ((lat != 0) | (lon != 0)))
    if not seen.size:
        raise QtpDataError("no radar pixel has a place", found="latitude and longitude that are all 0 or NaN")
    lat, lon = lat[seen], lon[seen]
    per_lat, per_lon = (float(length) for length in meters_per_degree(float(lat.mean())))
    step = pixel_m / per_lat
    rows = np.arange(np.ceil(lat.max() / step), np.floor(lat.min() / step) - 1, -1) * step
    columns = np.arange(np.floor(lon.min() / step), np.ceil(lon.max() / step) + 1) * step
    tree = cKDTree(np.column_stack([lat * per_lat, lon * per_lon]))
    out = np.full((rows.size, columns.size), -1, np.int32)
    for line, row in zip(out, rows, strict=True):  # a line at a time: all points at once would take gigabytes
        points = np.column_stack([np.full(columns.size, row * per_lat), columns * per_lon])
        _, at = tree.query(points, distance_upper_bound=_REACH * pixel_m)
        line[:] = np.append(seen, -1)[at]
    coords = {Y: rows, X: columns}
    return xr.DataArray(out, coords, (Y, X), name="radar_pixel").rio.write_crs("EPSG:4326")


def geocode(da: xr.DataArray, lookup: xr.DataArray) -> xr.DataArray:
    """Put an image in radar geometry on the ground: the nearest pixel, no value is mixed with another.

    Parameters
    ----------
    da : xarray.DataArray
        Dims ``y, x``, in memory, on the radar pixels that ``lookup`` was made for.
    lookup : xarray.DataArray
        From :func:`geocoding`.

    Returns
    -------
    xarray.DataArray
        On the grid of ``lookup``; NaN, or 0 of whole numbers, where no radar pixel is near. In memory.

    Examples
    --------
    >>> lookup = xr.DataArray([[2, 1], [0, -1]], {"y": [1.0, 0.0], "x": [0.0, 1.0]}, ("y", "x"))
    >>> geocode(xr.DataArray([[5.0, 6.0, 7.0]], dims=("y", "x")), lookup).values
    array([[ 7.,  6.],
           [ 5., nan]])
    """
    require(da, dims=(Y, X))
    nothing = np.asarray(np.nan if da.dtype.kind in "fc" else 0, da.dtype)
    values = np.append(da.transpose(Y, X).values.ravel(), nothing)
    return lookup.copy(data=values[lookup.values]).rename(da.name).assign_attrs(da.attrs)
