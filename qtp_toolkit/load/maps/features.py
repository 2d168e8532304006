"""Lines and polygons: GeoJSON and KML to a table with one row a feature."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.checks import names_entities

_SHAPES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
_DEGREES = ("CRS84", "CRS84h", "4326", "4490", "WGS84", "WGS 84")
"""Longitude and latitude on WGS 84, and on CGCS2000 (4490), which is the same to a decimeter."""
_NESTING = {
    "Point": (0, 0),
    "MultiPoint": (0, 1),
    "LineString": (0, 2),
    "MultiLineString": (1, 2),
    "Polygon": (1, 4),
    "MultiPolygon": (2, 4),
}
"""How deep the lists of positions of a geometry lie, and how many positions each must have; 0 is a bare position."""
MAX_BYTES = 500_000_000


def vectors(path: Path) -> pd.DataFrame:
    """Open lines or polygons in longitude and latitude.

    Parameters
    ----------
    path : path
        GeoJSON (``.geojson``, ``.json``), WGS 84 by its standard, or KML.

    Returns
    -------
    pandas.DataFrame
        One row a feature: its properties (for KML ``name`` and ``description``) and ``geometry``, a GeoJSON mapping
        with coordinates (longitude, latitude). ``attrs["crs"]`` is EPSG:4326. In memory.

    Raises
    ------
    QtpDataError
        If the file is not GeoJSON or KML, names another CRS, or coordinates leave -180..360, -90..90.

    Warns
    -----
    UserWarning
        Features whose geometry is null, which GeoJSON allows: they lie nowhere and are left out.

    Examples
    --------
    >>> line = {"type": "LineString", "coordinates": [[93.0, 35.0], [94.0, 36.0]]}
    >>> _ = (folder / "road.geojson").write_text(json.dumps(line))
    >>> load.vectors(folder / "road.geojson")["geometry"][0]["type"]
    'LineString'
    """
    path = Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise QtpDataError("vector file is too large", path=path, expected=f"at most {MAX_BYTES} bytes")
    rows = _kml(path) if path.suffix.lower() == ".kml" else _geojson(path)
    for number, row in enumerate(rows):
        _refuse_off_globe(row["geometry"], path, number)
        _refuse_degenerate(row["geometry"], path, number)
    table = pd.DataFrame(rows) if rows else pd.DataFrame({"geometry": pd.Series(dtype=object)})
    table.attrs["crs"] = "EPSG:4326"
    return table


def _geojson(path: Path) -> list[dict[str, Any]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise QtpDataError(f"not GeoJSON: {error}", path=path) from None
    if not isinstance(data, dict) or data.get("type") not in {"FeatureCollection", "Feature", *_SHAPES}:
        raise QtpDataError("not GeoJSON", path=path, expected="a FeatureCollection", found=str(data)[:60])
    crs = data.get("crs") or {}
    crs = str((crs.get("properties") or {}).get("name", "CRS84") if isinstance(crs, dict) else crs)
    if re.split(r"[:/#]", crs)[-1] not in _DEGREES:
        raise QtpDataError(
            "GeoJSON is not in longitude and latitude", path=path, expected="WGS 84", found=crs, code="I07"
        )
    if data["type"] == "FeatureCollection":
        features = data.get("features") or []
    else:
        features = [data if data["type"] == "Feature" else {"properties": {}, "geometry": data}]
    rows, nowhere = [], []
    for number, feature in enumerate(features):
        geometry = feature.get("geometry", "none") if isinstance(feature, dict) else "none"
        if geometry is None:
            nowhere.append(number)
            continue
        if not isinstance(geometry, dict) or geometry.get("type") not in _SHAPES:
            raise QtpDataError("feature has no usable geometry", path=path, where=f"feature {number}", expected=_SHAPES)
        properties = feature.get("properties")
        rows.append({**(properties if isinstance(properties, dict) else {}), "geometry": geometry})
    if nowhere:
        words = f"{path.name}: {len(nowhere)} features lie nowhere (their geometry is null) and are left out"
        warnings.warn(f"{words}: {nowhere[:10]}", stacklevel=3)
    return rows


def _kml(path: Path) -> list[dict[str, Any]]:
    text = path.read_bytes()
    if names_entities(text):
        raise QtpDataError(
            "KML with a document type or entities is not read", path=path, hint="Save it again as plain KML."
        )
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise QtpDataError(f"not KML: {error}", path=path) from None
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    rows = []
    for place in root.iter(f"{space}Placemark"):
        shapes = list(_kml_shapes(place, space, path))
        for shape in shapes:
            words = {key: (place.findtext(f"{space}{key}") or "").strip() for key in ("name", "description")}
            rows.append({**words, "geometry": shape})
    if not rows:
        raise QtpDataError("KML holds no point, line or polygon", path=path)
    return rows


def _kml_shapes(place: ET.Element, space: str, path: Path) -> Any:
    for point in place.iter(f"{space}Point"):
        yield {"type": "Point", "coordinates": _positions(point, space, path)[0]}
    for line in place.iter(f"{space}LineString"):
        yield {"type": "LineString", "coordinates": _positions(line, space, path)}
    for polygon in place.iter(f"{space}Polygon"):
        outer = [
            _positions(ring, space, path) for ring in polygon.iterfind(f"{space}outerBoundaryIs/{space}LinearRing")
        ]
        inner = [
            _positions(ring, space, path) for ring in polygon.iterfind(f"{space}innerBoundaryIs/{space}LinearRing")
        ]
        yield {"type": "Polygon", "coordinates": outer + inner}


def _positions(element: ET.Element, space: str, path: Path) -> list[list[float]]:
    words = (element.findtext(f"{space}coordinates") or "").split()
    try:
        out = [[float(value) for value in word.split(",")[:2]] for word in words]
    except ValueError:
        raise QtpDataError("KML coordinates are not numbers", path=path, found=" ".join(words)[:60]) from None
    if not out:
        raise QtpDataError("KML geometry has no coordinates", path=path)
    return out


def _refuse_off_globe(geometry: dict[str, Any], path: Path, number: int) -> None:
    for longitude, latitude in _flat(geometry.get("coordinates"), path, number):
        if not (-180 <= longitude <= 360 and -90 <= latitude <= 90):
            raise QtpDataError(
                "coordinates are not longitude and latitude",
                path=path,
                where=f"feature {number}",
                code="I08",
                expected="-180..360, -90..90",
                found=(longitude, latitude),
                hint="Projected coordinates, or the two swapped? Convert to WGS 84.",
            )


def _refuse_degenerate(geometry: dict[str, Any], path: Path, number: int) -> None:
    """Refuse lines without two corners and rings without three, or lists nested otherwise than the type says."""
    depth, least = _NESTING[geometry["type"]]
    parts = [geometry["coordinates"]]
    for _ in range(depth):
        parts = [inner for part in parts for inner in part] if all(map(_is_nested, parts)) else []
    if not parts or any(len(part) < least or _is_nested(part) != (least > 0) for part in parts):
        raise QtpDataError(
            f"a {geometry['type']} lacks corners",
            path=path,
            where=f"feature {number}",
            expected={0: "a position", 1: "a position", 2: "two corners or more", 4: "a closed ring of three corners"}[
                least
            ],
            found=str(geometry["coordinates"])[:60],
            hint="Remove it, or draw it again.",
        )


def _is_nested(part: Any) -> bool:
    return all(isinstance(inner, list) for inner in part)


def _flat(coordinates: Any, path: Path, number: int) -> Any:
    """Positions of nested lists of numbers; anything else is an error."""
    if not isinstance(coordinates, list):
        raise QtpDataError(
            "coordinates are no lists of numbers", path=path, where=f"feature {number}", found=coordinates
        )
    if len(coordinates) >= 2 and all(isinstance(value, (int, float)) for value in coordinates[:2]):
        yield coordinates[0], coordinates[1]
        return
    for part in coordinates:
        yield from _flat(part, path, number)
