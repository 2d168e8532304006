"""From grid to points and lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from qtp_toolkit._angles import nearest_turn, period_of, through_circle
from qtp_toolkit.conventions import STATION, QtpDataError, X, Y, describe, require_option
from qtp_toolkit.grid._frame import LONLAT, WGS84, Grid, SameGrid, crs_of, middle_longitude, pixel_size, spacing, to_crs
from qtp_toolkit.grid._match import inside

DISTANCE = "distance"


def sample(
    da: SameGrid, longitude: Any, latitude: Any, *, dim: str = STATION, method: Literal["nearest", "linear"] = "nearest"
) -> SameGrid:
    """Values at points.

    Parameters
    ----------
    da : xarray.DataArray or xarray.Dataset
        (..., y, x) with a CRS.
    longitude, latitude : array-like (points,)
        Degrees; scalars give one point. DataArrays on ``dim`` hand their coordinates on.
    dim : str
        Name of the new dim.
    method : {"nearest", "linear"}
        The pixel that holds the point, or bilinear between pixel centers.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        (..., dim) with coords ``longitude``, ``latitude``; NaN outside the grid (integers turn to float only then).
        Lazy if the input is lazy.

    Examples
    --------
    >>> da = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], {"y": [1.0, 0.0], "x": [0.0, 1.0]}, ("y", "x"))
    >>> da = da.rio.write_crs(4326)
    >>> sample(da, [0.9], [0.2]).values, sample(da, [0.5], [0.5], method="linear").values
    (array([4.]), array([2.5]))
    """
    require_option("sampling method", method, ("nearest", "linear"))
    lon, lat = (_label_points(values, dim) for values in (longitude, latitude))
    x, y = to_xy(da, lon, lat)
    dy, dx = spacing(da)
    row, column = (y - float(da[Y][0])) / dy, (x - float(da[X][0])) / dx
    if method == "linear":
        out = _interpolate(da, {Y: lon.copy(data=y), X: lon.copy(data=x)})
    else:
        on = inside(row, column, (da.sizes[Y], da.sizes[X]))
        index = {d: lon.copy(data=np.floor(np.where(on, at, 0) + 0.5).astype(int)) for d, at in ((Y, row), (X, column))}
        out = da.isel(index)
        out = out if on.all() else out.where(lon.copy(data=on))
    out = out.drop_vars([Y, X], errors="ignore")
    return out.assign_coords(longitude=describe(lon, "longitude"), latitude=describe(lat, "latitude"))


def along(
    da: SameGrid,
    line: Sequence[Sequence[float]] | Mapping[str, Any],
    *,
    spacing_m: float | None = None,
    method: Literal["nearest", "linear"] = "nearest",
) -> SameGrid:
    """Values along a line on the ground.

    Parameters
    ----------
    da : xarray.DataArray or xarray.Dataset
        (..., y, x) with a CRS.
    line : sequence of (longitude, latitude), or a GeoJSON LineString
        Two or more corners in degrees.
    spacing_m : float, optional
        Distance between samples in m; by default one pixel of ``da``.
    method : {"nearest", "linear"}
        As in :func:`sample`.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        (..., distance); coordinate ``distance`` in m along the geodesics from the first corner. Lazy if the input is
        lazy.
    """
    corners = np.asarray(line["coordinates"] if isinstance(line, Mapping) else line, dtype=float)[:, :2]
    if len(corners) < 2:
        raise QtpDataError("A profile line needs two corners or more", found=len(corners))
    step = pixel_size(da) if spacing_m is None else float(spacing_m)
    azimuth, _, lengths = WGS84.inv(corners[:-1, 0], corners[:-1, 1], corners[1:, 0], corners[1:, 1])
    at_corner = np.concatenate([[0.0], np.cumsum(lengths)])
    distance = np.arange(0.0, at_corner[-1] + 1e-6, step)  # a micrometer more, so that rounding keeps the end
    leg = np.clip(np.searchsorted(at_corner, distance, side="right") - 1, 0, len(corners) - 2)
    start = corners[leg]
    lon, lat, _ = WGS84.fwd(start[:, 0], start[:, 1], np.asarray(azimuth)[leg], distance - at_corner[leg])
    out = sample(da, lon, lat, dim=DISTANCE, method=method)
    return out.assign_coords({DISTANCE: describe(xr.DataArray(distance, dims=DISTANCE), "profile_distance")})


def to_xy(template: Grid, longitude: Any, latitude: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of points in the CRS of a grid.

    Parameters
    ----------
    template : xarray.DataArray or xarray.Dataset
        Grid with a CRS.
    longitude, latitude : array-like
        Degrees, same shape.

    Returns
    -------
    (x, y) : numpy.ndarray
        In the unit of the grid; on grids in degrees counted as the grid counts them, 0..360 or -180..180.
    """
    x, y = to_crs(np.asarray(longitude), np.asarray(latitude), source=LONLAT, target=crs_of(template).to_wkt())
    middle = middle_longitude(template)
    return (x if middle is None else nearest_turn(x, middle)), y


def _interpolate(da: SameGrid, at: dict[str, xr.DataArray]) -> SameGrid:
    if isinstance(da, xr.Dataset):
        circular = {name: _interpolate(part, at) for name, part in da.data_vars.items() if period_of(part) is not None}
        return da.drop_vars(list(circular)).interp(at, method="linear").assign(circular)
    if period_of(da) is not None:
        return through_circle(da, lambda part: part.interp(at, method="linear"))
    return da.interp(at, method="linear")


def _label_points(values: Any, dim: str) -> xr.DataArray:
    if isinstance(values, xr.DataArray) and values.dims == (dim,):
        drop = [name for name in values.coords if name in ("longitude", "latitude", "spatial_ref")]
        return values.astype(float).drop_vars(drop)
    return xr.DataArray(np.atleast_1d(np.asarray(values, dtype=float)), dims=dim)
