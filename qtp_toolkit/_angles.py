"""What is circular: longitudes by any convention, and quantities such as the aspect."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._variables import VARIABLES


def nearest_turn(longitude: Any, middle: float) -> Any:
    """Longitudes (degrees) with as many whole turns as bring each to within half a turn of ``middle``.

    Parameters
    ----------
    longitude : array or scalar
        0..360, -180..180 or beyond.
    middle : float

    Returns
    -------
    As given; arrays of dask or xarray stay lazy.
    """
    return longitude - 360.0 * np.rint((longitude - middle) / 360.0)


def beyond_seam(west: float, east: float) -> float:
    """East edge of a box as the end of a way east: 175 to -175 crosses the date line and ends at 185.

    >>> beyond_seam(175.0, -175.0), beyond_seam(-10.0, 20.0)
    (185.0, 20.0)
    """
    return east + 360.0 if west - east > 180.0 else east


def period_of(da: xr.DataArray) -> float | None:
    """Period of a circular quantity, by its name in the variable table: 360 for an aspect; None for all others."""
    row = VARIABLES.get(str(da.name))
    return row.period if row else None


def through_circle(da: xr.DataArray, average: Any) -> xr.DataArray:
    """Apply an average of neighbors (or of many pixels) to a circular quantity: 359 and 1 make 0, never 180.

    Parameters
    ----------
    da : xarray.DataArray
        Its :func:`period_of` is not None.
    average : callable
        From DataArray to DataArray; applied to sine and cosine.

    Returns
    -------
    xarray.DataArray
        In 0..period, or in -period/2..period/2 where the variable table has no range; attributes and type of ``da``.
    """
    row = VARIABLES[str(da.name)]
    period = row.period or np.inf
    turn = 2.0 * np.pi / period
    plain = da.rename(None)
    sine, cosine = (average(part(plain * turn)) for part in (np.sin, np.cos))
    angle = np.arctan2(sine, cosine) / turn
    # twice: a little less than a full turn rounds up to one
    angle = angle if row.held is None else angle % period % period
    return angle.astype(da.dtype if da.dtype.kind == "f" else float).rename(da.name).assign_attrs(da.attrs)
