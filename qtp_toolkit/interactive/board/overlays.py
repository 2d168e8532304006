"""Outlines, lines and places that lie over the maps, in the coordinates of the maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from qtp_toolkit.grid._frame import to_crs
from qtp_toolkit.interactive.page import safe
from qtp_toolkit.plot.overlay import OVERLAYS, PLAIN, simple_parts

LONLAT = "EPSG:4326"
_KINDS = {"Polygon": "areas", "LineString": "lines", "Point": "points"}


def outlines(tables: Mapping[str, pd.DataFrame], crs: str) -> dict[str, Any]:
    """Vector tables (longitude, latitude) as plain lists of corners, with the looks that static maps give them."""
    return {safe(name): _outline(name, table, crs) for name, table in tables.items() if len(table)}


def _outline(name: str, table: pd.DataFrame, crs: str) -> dict[str, Any]:
    how = {**PLAIN, **OVERLAYS.get(name, {})}
    line = str(how.get("edgecolor", how.get("color", "#333333")))
    out: dict[str, Any] = {
        "fill": str(how.get("facecolor", "none")),
        "line": line,
        "width": float(how.get("lw", 1.0)),
        "dashed": how.get("ls", "-") != "-",
        "areas": [],
        "lines": [],
        "points": [],
        "names": [],
    }
    for label, geometry in _rows(table):
        anchor = None
        for simple, parts in simple_parts(geometry):
            kind = _KINDS[simple]
            placed = [_project(part, crs, table.attrs.get("crs", LONLAT)) for part in parts]
            out[kind] += [placed] if kind == "areas" else placed
            anchor = placed[0][0] if anchor is None else anchor
        if how.get("text") and anchor and label:
            out["names"].append([safe(label), *anchor])
    return out


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in table.to_dict("records"):
        if isinstance(row.get("geometry"), Mapping):
            yield str(row.get("name") or ""), row["geometry"]
        elif "longitude" in row and "latitude" in row:
            place = {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]}
            yield str(row.get("station", row.get("name")) or ""), place


def _project(part: Any, crs: str, source: str) -> list[list[float]]:
    corners = np.asarray([place[:2] for place in part], dtype=float)
    x, y = to_crs(corners[:, 0], corners[:, 1], source=source, target=crs)
    return np.column_stack([x, y]).round(1 if np.abs(x).max(initial=0) > 1e3 else 6).tolist()
