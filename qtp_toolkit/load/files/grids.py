"""Grids as the toolkit names them: y from north to south, x, and the CRS in ``spatial_ref``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.pixels import Rows


def on_grid(values: Any, dims: Sequence[str], coords: dict[str, Any], crs: str) -> xr.DataArray:
    """DataArray with ``spatial_ref``; ``coords`` hold y and x (pixel centers) and whatever else."""
    return xr.DataArray(values, dims=list(dims), coords=coords).rio.write_crs(crs)


def of_axes(
    path: Path,
    y: np.ndarray,
    x: np.ndarray,
    crs: str,
    *,
    dtype: str,
    blocks: tuple[int, int],
    layout: Rows | None = None,
    dataset: str = "",
    units: str = "",
) -> Header:
    """Header of an array whose axes are known, as of a raster.

    Parameters
    ----------
    path : pathlib.Path
    y, x : numpy.ndarray
        Centers of rows and columns, in the unit of the CRS, two or more.
    crs : str
        As WKT.
    dtype : str
        Of the stored values.
    blocks : (int, int)
        Rows and columns that are stored together.
    layout : Rows, optional
        Of plain rows.
    dataset : str
        Path inside an HDF5 file.
    units : str
        What the file says.

    Raises
    ------
    QtpDataError
        I06: fewer than two rows or columns; I09: columns that run from east to west.
    """
    if min(len(y), len(x)) < 2:
        raise QtpDataError("one row or column tells no size of pixels", path=path, found=(len(y), len(x)), code="I06")
    steps = [float(axis[-1] - axis[0]) / (len(axis) - 1) for axis in (x, y)]
    if not steps[0] > 0 or not abs(steps[1]) > 0:
        raise QtpDataError("columns must run from west to east", path=path, found=(x[0], x[-1]), code="I09")
    corner = float(x[0]) - steps[0] / 2, float(y[0]) - steps[1] / 2
    transform = (steps[0], 0.0, corner[0], 0.0, steps[1], corner[1])
    shape = len(y), len(x)
    return Header(path, *shape, transform, crs, dtype, None, blocks, layout, {}, dataset=dataset, units=(units,))


def geographic(path: Path, latitude: np.ndarray, longitude: np.ndarray, **how: Any) -> Header:
    """Header of an array in longitude and latitude, degree; the rest as of :func:`of_axes`."""
    from pyproj import CRS  # noqa: PLC0415  slow to import

    return of_axes(path, latitude, longitude, CRS.from_epsg(4326).to_wkt(), **how)


def with_crs(data: xr.Dataset, crs: str | None = None) -> xr.Dataset:
    """Return the data with its CRS under the name ``spatial_ref``, whatever the file calls its grid mapping.

    Parameters
    ----------
    data : xarray.Dataset
    crs : str, optional
        Given CRS; by default the one that the file declares, if any.
    """
    found = crs or data.rio.crs
    if found is None:
        return data
    old = {v.encoding.get("grid_mapping", v.attrs.get("grid_mapping")) for v in data.data_vars.values()}
    data = data.drop_vars([name for name in old - {None, "spatial_ref"} if name in data.variables])
    for variable in data.data_vars.values():
        variable.attrs.pop("grid_mapping", None)
        variable.encoding.pop("grid_mapping", None)
    return data.rio.write_crs(found, grid_mapping_name="spatial_ref")


def descending(data: Any) -> Any:
    """Return the same data with y running from north to south and x from west to east."""
    turned = {
        dim: slice(None, None, -1)
        for dim, falls in ((Y, True), (X, False))
        if dim in data.indexes and data.sizes[dim] > 1 and (float(data[dim][1]) < float(data[dim][0])) != falls
    }
    return data.isel(turned)


def spatial_names(data: xr.Dataset) -> dict[str, str]:
    """Say which lat/lon-like dims to rename to y and x."""
    names = {"lat": Y, "latitude": Y, "lon": X, "longitude": X, "ydim": Y, "xdim": X}
    return {str(dim): names[str(dim).lower()] for dim in data.dims if str(dim).lower() in names}
