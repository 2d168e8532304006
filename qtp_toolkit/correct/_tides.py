"""Tides of the solid earth, by the optional package pysolid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import (
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    check_wavelength,
    describe,
    require,
    xnp,
)
from qtp_toolkit.kernels.linear import corners

_STEP = 0.25
"""Degrees between the points at which tides are computed; linear between them (error below 0.01 mm)."""


def solid_earth_tide(
    dem: xr.DataArray,
    passes: Any,
    incidence: xr.DataArray,
    *,
    heading: float,
    wavelength: float = SENTINEL1_WAVELENGTH,
) -> xr.DataArray:
    """Phase that the tides of the solid earth make on each date, in the line of sight of a radar that looks right.

    Parameters
    ----------
    dem : xarray.DataArray
        m, dims ``y, x``, with a CRS: the grid of the result; its values are of no account.
    passes : sequence of datetime64 or text
        Moments of the passes, UTC, with their time of day: tides rise and fall by decimeters in six hours.
    incidence : xarray.DataArray
        degree, scalar, or on the pixels of ``dem``, on more than them, or on another grid with a CRS (bilinear).
    heading : float
        degree, of the flight, clockwise from north: about -10 or 350 ascending, 190 descending.
    wavelength : float
        m.

    Returns
    -------
    xarray.DataArray
        rad, dims ``time, y, x``, float32, ``time`` the days of the passes: ground that rises toward the satellite is
        less phase. For :func:`remove_delay`. Lazy if ``dem`` is lazy; the tides themselves, at a few points, are
        computed at once.

    Raises
    ------
    QtpDataError
        Without the package pysolid; for passes without a time of day, or two on a day.

    Notes
    -----
    Over 250 km the tide differs by some 10 to 15 mm from end to end, nearly as a plane: where ramps are taken out, next
    to nothing of it is left. It matters where they are not.

    References
    ----------
    Yunjun et al. 2022, IEEE Trans. Geosci. Remote Sens. 60.
    """
    require(dem, dims=(Y, X), units="m", name="dem")
    require(incidence, quantity="incidence", between=(0.0, 89.0), name="incidence")
    check_wavelength(wavelength)
    stamps = read_times(passes).ravel()
    days = stamps.astype("datetime64[D]")
    if (stamps == days).all() or len(np.unique(days)) < len(days):
        raise QtpDataError(
            "tides need the moments of the passes",
            expected="one a day, with its time of day, such as 2018-01-06T23:47",
            found=", ".join(map(str, stamps[:3])),
            code="I30",
        )
    tides = _import_pysolid()
    lonlat = grid.lonlat(dem)
    axes = _points(dem)
    table = np.stack([_tide(tides, stamp, axes) for stamp in stamps])
    angle = grid.align(incidence, dem, resampling="bilinear", name="incidence")
    east, north, up = _toward_satellite(angle, heading)
    phase = xr.apply_ufunc(
        _along,
        xr.DataArray(table, dims=(TIME, "part", "row", "column")),
        *(lonlat.latitude, lonlat.longitude, east, north, up),
        input_core_dims=[[TIME, "part", "row", "column"], [], [], [], [], []],
        output_core_dims=[[TIME]],
        kwargs={"axes": axes, "scale": -4 * np.pi / wavelength},
        dask="parallelized",
        output_dtypes=[np.float32],
    )
    phase = phase.assign_coords({TIME: days.astype("datetime64[ns]")}).transpose(TIME, Y, X)
    return describe(phase, "tidal_phase", like=dem, wavelength=wavelength)


def tides_available() -> bool:
    """Tell whether :func:`solid_earth_tide` can compute: the package pysolid is installed.

    Examples
    --------
    >>> tides_available() in (True, False)
    True
    """
    return find_spec("pysolid") is not None


def _import_pysolid() -> Callable[..., Any]:
    try:
        import pysolid  # noqa: PLC0415  optional
    except ImportError:
        raise QtpDataError(
            "the package 'pysolid' is not installed", hint="Install qtp-toolkit[tides], or leave the tides out."
        ) from None
    return pysolid.calc_solid_earth_tides_grid


def _points(dem: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes, both rising, of a coarse net over the grid."""
    middle = {dim: np.linspace(dem[dim].values[0], dem[dim].values[-1], 5) for dim in (Y, X)}
    frame = grid.lonlat(xr.DataArray(np.zeros((5, 5)), middle, (Y, X)).rio.write_crs(dem.rio.crs))
    lat, lon = frame.latitude.values, frame.longitude.values
    south, west = np.floor(lat.min() / _STEP - 1), np.floor(lon.min() / _STEP - 1)
    north, east = np.ceil(lat.max() / _STEP + 1), np.ceil(lon.max() / _STEP + 1)
    return np.arange(south, north + 1) * _STEP, np.arange(west, east + 1) * _STEP


def _tide(tides: Callable[..., Any], stamp: np.datetime64, axes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """East, north and up in m, at the points."""
    rows, columns = axes
    about = {"Y_FIRST": rows[0], "X_FIRST": columns[0], "Y_STEP": _STEP, "X_STEP": _STEP}
    about |= {"LENGTH": len(rows), "WIDTH": len(columns)}
    moment = stamp.astype("datetime64[s]").astype(datetime)
    return np.stack(tides(moment, about, step_size=1.0, verbose=False))


def _toward_satellite(incidence: xr.DataArray, heading: float) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Parts of the unit vector from the ground to a satellite that looks to the right of its flight."""
    theta, flight = xnp.deg2rad(incidence), np.deg2rad(heading)
    return -xnp.sin(theta) * np.cos(flight), xnp.sin(theta) * np.sin(flight), xnp.cos(theta)


def _along(
    table: np.ndarray, latitude: np.ndarray, longitude: np.ndarray, *vector: np.ndarray, axes: Any, scale: float
) -> np.ndarray:
    """Interpolate tides (time, 3, row, column) to pixels and add up their parts along the line of sight."""
    position = tuple(
        np.interp(values, axis, np.arange(len(axis))) for values, axis in zip((latitude, longitude), axes, strict=True)
    )
    flat = table.reshape(len(table), len(vector), -1)
    out = np.zeros((*latitude.shape, len(table)), np.float32)
    for at, weight in corners(position, table.shape[-2:]):
        for t in range(len(table)):  # one field in double precision at a time, not one for each date
            toward = sum(part[at] * along for part, along in zip(flat[t], vector, strict=True))
            out[..., t] += (scale * weight * toward).astype(np.float32)
    return out
