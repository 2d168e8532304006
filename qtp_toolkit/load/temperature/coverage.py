"""How much of the area of interest the files cover, and which of them lie elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qtp_toolkit._angles import beyond_seam, nearest_turn
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.temperature.tiles import SINUSOIDAL, TILE_SIZE

Box = tuple[float, float, float, float]
_SIDE = 61
"""The area is sampled at this many points a side."""


def share_covered(boxes: Mapping[str, Box], crs: str, area: Sequence[float], *, min_cover: float) -> float:
    """Share of the area of interest that lies in at least one box.

    Parameters
    ----------
    boxes : mapping of name to (left, bottom, right, top)
        Outer edges in ``crs``.
    crs : str
    area : (west, south, east, north)
        Degrees.
    min_cover : float
        Smallest share that is let through, 0..1.

    Returns
    -------
    float
        0..1, found on a raster of points, so good to about a percent.

    Raises
    ------
    QtpDataError
        M17: a box without any part of the area; M18: less than ``min_cover`` is covered.
    """
    from pyproj import CRS, Transformer  # noqa: PLC0415  takes its time

    area = (*area[:2], beyond_seam(area[0], area[2]), area[3])
    to_crs = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = to_crs.transform(*_points(area))
    geographic = CRS(crs).is_geographic
    inside = {
        name: _within(nearest_turn(x, (box[0] + box[2]) / 2) if geographic else x, y, box)
        for name, box in boxes.items()
    }
    elsewhere = []
    for name, box in boxes.items():
        longitude, latitude = to_crs.transform(*_points(box), direction="INVERSE")
        turned = nearest_turn(longitude, (area[0] + area[2]) / 2)
        if not inside[name].any() and not _within(turned, latitude, area).any():
            elsewhere.append(f"{name} covers {_degrees(longitude, latitude)}")
    if elsewhere:
        raise QtpDataError(
            "files lie outside the area of interest",
            found="; ".join(elsewhere),
            code="M17",
            expected=f"west, south, east, north {list(area)}" + _tiles(x, y, crs),
            hint="Wrong tile? Narrow the uri. Else mend settings.bounds of the catalog.",
        )
    share = float(np.logical_or.reduce(list(inside.values())).mean())
    if share < min_cover:
        raise QtpDataError(
            f"only {share:.0%} of the area of interest is covered",
            expected=f"at least {min_cover:.0%} (min_cover)",
            found=", ".join(boxes),
            where=f"west, south, east, north {list(area)}" + _tiles(x, y, crs),
            code="M18",
            hint="Get the missing files, lower parameters.min_cover, or mend settings.bounds of the catalog.",
        )
    return share


def _points(box: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Centers of a raster of cells over a box."""
    at = (np.arange(_SIDE) + 0.5) / _SIDE
    x, y = np.meshgrid(box[0] + at * (box[2] - box[0]), box[1] + at * (box[3] - box[1]))
    return x.ravel(), y.ravel()


def _within(x: np.ndarray, y: np.ndarray, box: Sequence[float]) -> np.ndarray:
    return (x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3])


def _degrees(longitude: np.ndarray, latitude: np.ndarray) -> str:
    on_globe = np.isfinite(longitude) & np.isfinite(latitude)
    west, east = np.min(longitude[on_globe], initial=180.0), np.max(longitude[on_globe], initial=-180.0)
    south, north = np.min(latitude[on_globe], initial=90.0), np.max(latitude[on_globe], initial=-90.0)
    return f"{west:.1f} to {east:.1f} east, {south:.1f} to {north:.1f} north"


def _tiles(x: np.ndarray, y: np.ndarray, crs: str) -> str:
    """MODIS tiles that the area lies in, in words; nothing off the sinusoidal grid."""
    if crs != SINUSOIDAL:
        return ""
    pairs = {(int(h), int(v)) for h, v in zip(x // TILE_SIZE + 18, 8 - y // TILE_SIZE, strict=True)}
    return ", which lies in " + ", ".join(f"h{h:02d}v{v:02d}" for h, v in sorted(pairs))
