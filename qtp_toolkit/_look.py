"""Where the satellite is as seen from the ground: the unit vector that every look angle, of any convention, ends in."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import describe, on_one_grid, require, require_option

LOOK = {"east": "look_east", "north": "look_north", "up": "look_up"}
"""Names of the parts of the unit vector from the ground to the satellite."""

SIDES = {"right": 90.0, "left": -90.0}
"""Degrees from the heading, anticlockwise, to where the satellite stands as seen from the ground."""


def unit_vector(incidence: Any, azimuth: Any) -> dict[str, Any]:
    """Parts of the unit vector to the satellite from its two angles.

    Parameters
    ----------
    incidence : array
        degree, from the vertical.
    azimuth : array
        degree, of the horizontal part of the vector, from north anticlockwise, in any turn.

    Returns
    -------
    dict of str to array
        ``look_east``, ``look_north``, ``look_up``; lazy if the angles are.
    """
    i, a = (np.deg2rad(angle) for angle in (incidence, azimuth))
    return dict(zip(LOOK.values(), (-np.sin(i) * np.sin(a), np.sin(i) * np.cos(a), np.cos(i)), strict=True))


def look_vector(
    incidence: xr.DataArray | float, heading: xr.DataArray | float, *, looks: Literal["right", "left"] = "right"
) -> xr.Dataset:
    r"""Find the unit vector from the ground to the satellite: (-sin i cos h, sin i sin h, cos i) if it looks right.

    Parameters
    ----------
    incidence : xarray.DataArray or float
        Angle i from the vertical, degree; a map or one number.
    heading : xarray.DataArray or float
        Direction of flight h, degree, clockwise from north, in any turn: near -12 ascending, near -168 descending.
    looks : {"right", "left"}
        Side that the antenna looks to: right for Sentinel-1, left for NISAR.

    Returns
    -------
    xarray.Dataset
        ``look_east``, ``look_north``, ``look_up`` (1), of length 1, on the pixels of the first map that is given. Lazy
        if an angle is lazy.

    Raises
    ------
    QtpDataError
        Angles that are not in degrees, an incidence outside 0 to 90, maps on other pixels, an unknown side.

    Examples
    --------
    >>> from qtp_toolkit import pecm
    >>> [round(float(part), 6) for part in pecm.look_vector(39.0, -12.0).values()]
    [-0.615568, -0.130843, 0.777146]
    """
    require_option("side of the antenna", looks, SIDES)
    angle, flight = _in_degrees(incidence), _in_degrees(heading)
    require(angle, quantity="incidence", name="incidence", code="I11")
    require(flight, units="degree", between=(-360.0, 360.0), name="heading")
    angle, flight = on_one_grid(angle, flight)
    parts = unit_vector(angle, SIDES[looks] - flight)
    return xr.Dataset({name: describe(part, name, like=(angle, flight)) for name, part in parts.items()})


def _in_degrees(angle: xr.DataArray | float) -> xr.DataArray:
    return angle if isinstance(angle, xr.DataArray) else xr.DataArray(float(angle), attrs={"units": "degree"})
