"""The scene's vector layers as GeoJSON feature collections in longitude and latitude."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qtp_toolkit.synthetic import places
from qtp_toolkit.synthetic.frame import EAST, NORTH, SOUTH, WEST


def _feature(geometry: str, coordinates: object, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": geometry, "coordinates": coordinates}}


def _lines(lines: Mapping[str, Sequence[tuple[float, float]]]) -> list[dict[str, Any]]:
    return [_feature("LineString", [list(point) for point in line], name=name) for name, line in lines.items()]


def _blobs(blobs: tuple[places.Blob, ...], kind: str) -> list[dict[str, Any]]:
    return [_feature("Polygon", [places.outline(blob)], name=blob.name, kind=kind) for blob in blobs]


def _box(west: float, south: float, east: float, north: float) -> list[list[list[float]]]:
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def _study_area() -> list[list[list[float]]]:
    corners = np.array([(WEST, SOUTH), (EAST, SOUTH), (EAST, NORTH), (WEST, NORTH), (WEST, SOUTH)])
    share = np.linspace(0.0, 1.0, 20, endpoint=False)[:, None]  # sides that are straight on the map bend in degrees
    x, y = np.concatenate([a + share * (b - a) for a, b in itertools.pairwise(corners)]).T
    return [places.close_ring(x, y)]


def vectors() -> dict[str, dict[str, Any]]:
    """All vector layers.

    Returns
    -------
    dict
        Layer name -> GeoJSON FeatureCollection: ``lakes`` (property ``kind`` tells lakes from thermokarst lakes),
        ``drained_basin``, ``glaciers``, ``faults``, ``highway``, ``regions`` (boxes with ``reference`` as
        ``[longitude, latitude]``), ``points`` (P1 to P6 and the local references, property ``region``),
        ``profiles``, ``study_area``, ``reference_point``.
    """
    members = {"P1": "R1", "P2": "R1", "P3": "R2", "P4": "R2", "P5": "R3", "P6": "R3"}
    points = [_feature("Point", list(at), name=name, region=members[name]) for name, at in places.POINTS.items()]
    points += [
        _feature("Point", list(at), name=f"{name} reference", region=name)
        for name, at in places.LOCAL_REFERENCES.items()
    ]
    regions = [
        _feature("Polygon", _box(*box), name=name, reference=list(places.LOCAL_REFERENCES[name]))
        for name, box in places.REGIONS.items()
    ]
    layers = {
        "lakes": _blobs(places.LAKES, "lake") + _blobs(places.thermokarst_lakes(), "thermokarst lake"),
        "drained_basin": _blobs((places.DRAINED,), "drained lake basin"),
        "glaciers": _blobs(places.GLACIERS, "glacier"),
        "faults": _lines(places.FAULTS),
        "highway": _lines({"Qinghai-Tibet Highway": places.HIGHWAY}),
        "regions": regions,
        "points": points,
        "profiles": _lines(places.PROFILES),
        "study_area": [_feature("Polygon", _study_area(), name="central Qinghai-Tibet Plateau")],
        "reference_point": [_feature("Point", list(places.REFERENCE_POINT), name="InSAR reference")],
    }
    return {name: {"type": "FeatureCollection", "features": features} for name, features in layers.items()}
