"""Slope and aspect."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import X, Y, describe, require
from qtp_toolkit.grid._frame import crs_of, meters_per_degree, meters_per_unit, spacing
from qtp_toolkit.kernels.terrain import horn


def slope_aspect(dem: xr.DataArray) -> xr.Dataset:
    """Slope angle and downslope aspect by Horn's method.

    Parameters
    ----------
    dem : xarray.DataArray
        (y, x), m, with a CRS in meters or degrees; y may run either way.

    Returns
    -------
    xarray.Dataset
        ``slope`` in degree, ``aspect`` in degree clockwise from grid north, pointing down the slope; (y, x).
        On the outermost frame and beside missing heights they are those of the plane through the neighbors that are
        known, one-sided; NaN where the height is missing, or where these neighbors lie on one line through the pixel.
        Aspect is also NaN where the ground is exactly level.
        Lazy if the input is lazy (blocks share a one-pixel overlap).

    Notes
    -----
    On a longitude-latitude grid the pixel is measured in meters on the WGS 84 ellipsoid, row by row. In a projected CRS
    grid north departs from true north by the meridian convergence (below 2 degrees inside a UTM zone).

    Examples
    --------
    Ground that rises by 10 m every 10 m to the north looks south:

    >>> axes = {"y": [20.0, 10.0, 0.0], "x": [0.0, 10.0, 20.0]}
    >>> dem = xr.DataArray(np.repeat([[20.0], [10.0], [0.0]], 3, axis=1), axes, ("y", "x"), attrs={"units": "m"})
    >>> terrain = slope_aspect(dem.rio.write_crs(32646))
    >>> [float(terrain[name][1, 1].round(6)) for name in ("slope", "aspect")]
    [45.0, 180.0]
    >>> bool((terrain["slope"].round(6) == 45.0).all())
    True
    """
    require(dem, dims=(Y, X), units="m")
    crs, (dy, dx) = crs_of(dem), spacing(dem)
    turn = {Y: slice(None, None, -1 if dy > 0 else 1)}
    north_up = dem.transpose(Y, X).isel(turn)
    unit = 1.0 if crs.is_geographic else meters_per_unit(crs)
    down, across = (unit * step * np.ones((dem.sizes[Y], 1)) for step in (abs(dy), dx))
    if crs.is_geographic:
        meridian, parallel = meters_per_degree(north_up[Y].values[:, None])
        down, across = down * meridian, across * parallel
    layers = _slope_aspect(north_up.data, down, across)
    names = ("slope", "aspect")
    turned = (north_up.copy(data=layer).isel(turn) for layer in layers)
    return xr.Dataset({name: describe(da, name, like=dem) for name, da in zip(names, turned, strict=True)})


def _slope_aspect(z: Any, dy: np.ndarray, dx: np.ndarray) -> Any:
    """Both layers of heights without a frame; on dask arrays by overlapping blocks."""
    if isinstance(z, np.ndarray):
        return horn(np.pad(z.astype(float), 1, constant_values=np.nan), dy, dx)
    import dask.array as da  # noqa: PLC0415  (only for lazy heights)

    framed = da.overlap.overlap(z.astype(float), depth=1, boundary=np.nan)
    rows = [da.from_array(step, chunks=(z.chunks[0], 1)) for step in (dy, dx)]
    chunks = ((2,), *z.chunks)
    meta = np.empty((0, 0, 0))
    return da.map_blocks(horn, framed, *rows, dtype=float, new_axis=0, chunks=chunks, meta=meta)
