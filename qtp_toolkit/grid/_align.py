"""Sources of different families on one grid: masks, delays, angles beside a stack."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit._angles import nearest_turn
from qtp_toolkit.conventions import QtpDataError, X, Y, on_pixels_of
from qtp_toolkit.grid._frame import Grid, axes, crs_of, middle_longitude, spacing, to_crs
from qtp_toolkit.grid._match import match


def align(da: xr.DataArray, like: Grid, *, resampling: str | None = None, name: str | None = None) -> xr.DataArray:
    """Bring an array to the coordinates of another that it is about to be joined with.

    Parameters
    ----------
    da : xarray.DataArray
        Any dims; without y and x it is returned as it is.
    like : xarray.DataArray or xarray.Dataset
        Gives the pixels.
    resampling : str, optional
        What is right for the quantity where the pixels are others and both grids have a CRS: ``nearest`` for masks,
        ``bilinear`` for delays and angles, see :func:`match`; by default other pixels are refused.
    name : str, optional
        How an error calls the array.

    Returns
    -------
    xarray.DataArray
        On the very coordinates of ``like``: snapped within a thousandth of a pixel, cropped, turned or resampled.
        Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        I05 to I07, I20: other pixels, and nothing says how to get from one to the other; a source that does not cover
        the pixels of ``like``, by more than one of its own.

    Examples
    --------
    >>> coarse = xr.DataArray([[0.0, 4.0]] * 2, {"y": [4.0, 0.0], "x": [0.0, 4.0]}, ("y", "x")).rio.write_crs(32646)
    >>> fine = xr.DataArray(np.zeros((2, 3)), {"y": [1.0, 0.0], "x": [1.0, 2.0, 3.0]}, ("y", "x")).rio.write_crs(32646)
    >>> align(coarse, fine, resampling="bilinear").values[0]
    array([1., 2., 3.])
    """
    try:
        return on_pixels_of(da, like, name=name)
    except QtpDataError:
        known = {Y, X} <= set(da.dims) and all(grid.rio.crs is not None for grid in (da, like))
        if resampling is None or not known or min(da.sizes[Y], da.sizes[X]) < 2 or not _covers(da, like):
            raise
    # A frame of one pixel more, so that the outermost half pixels of another grid are not lost.
    framed = da.pad({Y: 1, X: 1}, mode="edge")
    steps = dict(zip((Y, X), spacing(da), strict=True))
    outer = {d: da[d].values[0] + step * np.arange(-1, da.sizes[d] + 1) for d, step in steps.items()}
    return match(framed.assign_coords(outer), like, resampling=resampling)


def _covers(da: xr.DataArray, like: Grid) -> bool:
    """Whether all pixels along the edge of ``like`` lie on the array, or within a pixel of it."""
    rows, columns = (axis.values for axis in axes(like, lazy=False))
    edge_x = np.concatenate([columns, columns, np.full(rows.size, columns[0]), np.full(rows.size, columns[-1])])
    edge_y = np.concatenate([np.full(columns.size, rows[0]), np.full(columns.size, rows[-1]), rows, rows])
    x, y = to_crs(edge_x, edge_y, source=crs_of(like).to_wkt(), target=crs_of(da).to_wkt())
    middle = middle_longitude(da)
    x = x if middle is None else nearest_turn(x, middle)
    for dim, values, step in zip((Y, X), (y, x), spacing(da), strict=True):
        position = (values - float(da[dim][0])) / step
        if not ((position >= -1) & (position <= da.sizes[dim])).all():
            return False
    return True
