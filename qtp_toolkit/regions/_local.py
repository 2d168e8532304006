"""Regions, points and lines of any name and number: boxes, references, and what stands in for what is not drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._angles import nearest_turn
from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.regions._places import window

_SIDE = 3
"""Pixels a side over which a place is smoothed, so that no single pixel is chosen."""


_POLYGONS, _LINES = ("Polygon", "MultiPolygon"), ("LineString", "MultiLineString")


class LocalRegion(NamedTuple):
    """One region: what was drawn, or what stands in for it."""

    bounds: tuple[float, float, float, float]
    """West, south, east, north, degrees."""
    reference: tuple[float, float]
    """Longitude and latitude."""
    reference_by: str
    """What the reference was chosen by."""
    points: dict[str, tuple[float, float]]
    """Longitude and latitude of the places whose series are shown, by name."""

    @property
    def marks(self) -> dict[str, pd.DataFrame]:
        """``reference`` and ``points`` as tables that a map can draw."""
        columns = ["longitude", "latitude"]
        places = pd.DataFrame(list(self.points.values()), columns=columns).assign(name=list(self.points))
        return {"reference": pd.DataFrame([self.reference], columns=columns), "points": places}


def local_regions(
    areas: pd.DataFrame, quality: xr.DataArray, interest: xr.DataArray, *, points: pd.DataFrame | None = None
) -> dict[str, LocalRegion]:
    """Bring regions that are drawn as polygons to boxes with a reference and points.

    Parameters
    ----------
    areas : pandas.DataFrame
        Polygons, as :func:`qtp_toolkit.load.vectors` opens them; columns ``name`` and ``reference`` (longitude,
        latitude, also as text) if there are any. Those without a part in the grid are left out.
    quality : xarray.DataArray
        (y, x) with a CRS, such as the temporal coherence. A region without a reference of its own is referred to where
        this is largest.
    interest : xarray.DataArray
        (y, x), such as the amplitude. A region without points gets one, where this is largest.
    points : pandas.DataFrame, optional
        Points with ``name``; they belong to the region that ``region`` names, else to the first box around them. A name
        with ``reference`` in it marks a reference, and is no point. Names may recur in other regions.

    Returns
    -------
    dict of str to LocalRegion
        In the order of ``areas``.

    Raises
    ------
    QtpDataError
        If no region has a part in the grid with a valid pixel, a point names a region that is not drawn, or a
        reference is no place.

    Examples
    --------
    >>> ring = [[92.0, 34.0], [92.3, 34.0], [92.3, 34.3], [92.0, 34.3], [92.0, 34.0]]
    >>> areas = pd.DataFrame([{"name": "basin", "geometry": {"type": "Polygon", "coordinates": [ring]}}])
    >>> axes = {"y": 34.25 - 0.1 * np.arange(3), "x": 92.05 + 0.1 * np.arange(3)}
    >>> still = xr.DataArray(np.arange(9.0).reshape(3, 3), axes, ("y", "x")).rio.write_crs(4326)
    >>> found = local_regions(areas, still, -still)["basin"]
    >>> [round(value, 2) for value in found.reference], found.reference_by
    ([92.25, 34.05], 'the largest temporal coherence')
    """
    out: dict[str, LocalRegion] = {}
    drawn = _points_of(points)
    named = _named(areas, _POLYGONS, "region {}")
    boxes = {name: _box(row["geometry"]) for name, row in named}
    unknown = sorted({of for *_, of in drawn if of} - set(boxes))
    if unknown:
        raise QtpDataError("points name regions that are not drawn", expected=list(boxes), found=unknown)
    for name, row in named:
        try:
            seen: list[Any] = [window(da, boxes[name]).compute() for da in (quality, interest)]
        except QtpDataError:
            continue
        if not all(np.isfinite(da).any() for da in seen):
            continue
        told = _told(row, name)
        at, by = (told, "the property reference") if told else (_largest(seen[0]), "the largest temporal coherence")
        own = [(word, place) for word, place, of in drawn if (of or _first_around(place, boxes)) == name]
        points_of = dict(zip(_unlike([word for word, _ in own]), [place for _, place in own], strict=True))
        out[name] = LocalRegion(boxes[name], at, by, points_of or {f"{name} largest": _largest(seen[1])})
    if not out:
        raise QtpDataError("no region has a part in the maps", found=list(boxes), hint="Longitude comes first.")
    return out


def lines(drawn: pd.DataFrame) -> dict[str, list[tuple[float, float]]]:
    """Bring lines of any name and number to corners by name.

    Parameters
    ----------
    drawn : pandas.DataFrame
        Lines, as :func:`qtp_toolkit.load.vectors` opens them; column ``name`` if there is one. What is no line is left
        out.

    Returns
    -------
    dict of str to list of (longitude, latitude)
        Degrees, for :func:`swath`, in the order of ``drawn``; the parts of a line one after the other. A line without
        a name is called ``line`` and its number; of lines of one name each has its number added.

    Raises
    ------
    QtpDataError
        If there is no line.

    Examples
    --------
    >>> shapes = [{"type": "LineString", "coordinates": [[92.0, 34.0 + k], [92.5, 34.5]]} for k in (0, 1, 2)]
    >>> list(lines(pd.DataFrame({"name": ["valley", None, "ridge"], "geometry": shapes})))
    ['valley', 'line 2', 'ridge']
    """
    out = {}
    for name, row in _named(drawn, _LINES, "line {}"):
        corners = row["geometry"]["coordinates"]
        parts = [corners] if row["geometry"]["type"] == _LINES[0] else corners
        out[name] = [(float(corner[0]), float(corner[1])) for part in parts for corner in part]
    if not out:
        raise QtpDataError("no line is drawn", expected=" or ".join(_LINES), found=f"{len(drawn)} shapes")
    return out


def _named(drawn: pd.DataFrame, kinds: tuple[str, ...], nameless: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Rows of some kinds of geometry, with names that differ."""
    shapes = (row for row in drawn.to_dict("records") if isinstance(row["geometry"], Mapping))
    rows = [row for row in shapes if row["geometry"].get("type") in kinds]
    words = [_name(row, nameless.format(k)) for k, row in enumerate(rows, 1)]
    return list(zip(_unlike(words), rows, strict=True))


def _name(row: Mapping[str, Any], instead: str) -> str:
    """Name of a feature; a table has NaN where others have one and this has none."""
    name = row.get("name")
    return instead if not name or name != name else str(name)  # noqa: PLR0124  NaN is not itself


def _told(row: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Longitude and latitude that a feature has as its reference: two numbers, or text that holds two; None without."""
    told = row.get("reference")
    if told is None or (isinstance(told, (str, float)) and str(told).strip() in ("", "nan")):
        return None
    parts = re.split(r"[\s,;]+", told.strip("[]() ")) if isinstance(told, str) else told
    try:
        longitude, latitude, *_ = map(float, parts)
    except (TypeError, ValueError):
        raise QtpDataError(
            f"reference of region {name!r} is no place",
            expected="[longitude, latitude], degrees",
            found=repr(told)[:60],
        ) from None
    return longitude, latitude


def _unlike(words: list[str]) -> list[str]:
    """Names, told apart by their number where several are the same."""
    return [word if words.count(word) == 1 else f"{word} ({k})" for k, word in enumerate(words, 1)]


def _box(geometry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    corners = np.array([corner[:2] for rings in polygons for ring in rings for corner in ring])
    (west, south), (east, north) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return west, south, east, north


def _points_of(points: pd.DataFrame | None) -> list[tuple[str, tuple[float, float], str]]:
    """Name, place and region (empty if none is named) of each point."""
    out = []
    for k, row in enumerate([] if points is None else points.to_dict("records"), 1):
        name, shape = _name(row, f"P{k}"), row["geometry"]
        if shape["type"] == "Point" and "reference" not in name:
            of = row.get("region")
            x, y = map(float, shape["coordinates"][:2])
            out.append((name, (x, y), of if isinstance(of, str) else ""))
    return out


def _first_around(place: tuple[float, float], boxes: Mapping[str, tuple[float, float, float, float]]) -> str:
    for name, (west, south, east, north) in boxes.items():
        if west <= nearest_turn(place[0], (west + east) / 2) <= east and south <= place[1] <= north:
            return name
    return ""


def _largest(da: xr.DataArray) -> tuple[float, float]:
    """Longitude and latitude of the largest value, smoothed over its neighbors."""
    smooth = da.rolling({Y: _SIDE, X: _SIDE}, center=True, min_periods=1).mean().where(np.isfinite(da))
    row, column = np.unravel_index(np.nanargmax(smooth.values), smooth.shape)
    at = grid.lonlat(da.isel({Y: [row], X: [column]}))
    return float(at.longitude.squeeze()), float(at.latitude.squeeze())
