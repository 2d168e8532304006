"""What lies over a map: vectors in lon/lat, graticule, scale bar, north."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path as OutlinePath

from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.plot.figure import annotate, mark_provenance
from qtp_toolkit.plot.globe import arrow_to, point_beyond
from qtp_toolkit.plot.names import (
    HALO,
    Place,
    along,
    around,
    bears,
    beside,
    ends_of,
    is_cut,
    is_filled,
    keep_off,
    occupy,
    reserve,
    size_in_points,
    write_name,
)
from qtp_toolkit.plot.style import FAULT, TEXT, house

LONLAT = "EPSG:4326"
Name = tuple[str, str, list[list[Place]], Mapping[str, Any]]
"""A name, its noun, its places, and how what it names is drawn."""

INK = "#101010"
"""Lines on maps are told apart by their dashes rather than by a color, which any map may have."""

OVERLAYS: dict[str, dict[str, Any]] = {
    "lakes": {"facecolor": "#a6c8e8", "edgecolor": "#2b6699", "lw": 0.4, "text": True, "noun": "Lake"},
    "glaciers": {"facecolor": "#ffffff", "edgecolor": "#2b6699", "lw": 0.4, "text": False},
    "faults": {"color": "#5e2a84", "lw": 1.0, "facecolor": "none", "text": True, "noun": "fault"},
    "highway": {"color": INK, "lw": 1.1, "facecolor": "none", "text": True},
    "regions": {"color": INK, "lw": 0.9, "facecolor": "none", "text": True},
    "profiles": {"color": INK, "lw": 1.0, "ls": (0, (3, 1.5)), "facecolor": "none", "text": True},
    "study_area": {"color": FAULT, "lw": 1.4, "facecolor": "none"},
    "stations": {"color": FAULT, "marker": "^", "ms": 4},
    "points": {"color": INK, "marker": "o", "ms": 4, "mfc": "#ffd400", "mec": INK, "text": True},
    "reference": {"color": FAULT, "marker": "^", "ms": 6, "mec": INK},
    "epicenter": {"color": "#8b0000", "marker": "*", "ms": 9, "text": True, "beyond": True},
}
PLAIN = {"color": "#333333", "lw": 0.8, "facecolor": "none", "marker": "o", "ms": 3}


def vectors(
    ax: Axes,
    table: pd.DataFrame,
    *,
    name: str = "",
    crs: Any = None,
    text: bool | None = None,
    **style: Any,
) -> Axes:
    """Draw a vector table over a map: points, lines and polygons in longitude and latitude.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        A map, whose limits stay as they are.
    table : pandas.DataFrame
        With a ``geometry`` column of GeoJSON mappings, or with ``longitude`` and ``latitude`` columns (degrees).
    name : str
        Picks the style: ``lakes``, ``glaciers``, ``faults``, ``highway``, ``regions``, ``profiles``, ``stations``,
        ``points``, ``study_area``, ``reference``, ``epicenter``; others are drawn in dark gray.
    crs : optional
        CRS of the map, anything that pyproj reads; by default that of the map which this package drew into ``ax``.
    text : bool, optional
        Write each row's ``name`` beside it, where it hides no other and is not larger than what it names; a line
        that is called as its ends are (``PP'``) has them at its ends.
    **style
        ``color``, ``facecolor``, ``edgecolor``, ``lw``, ``ls``, ``marker``, ``ms``.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = plt.figure().add_subplot(xlim=(91, 94), ylim=(33, 36))
    >>> sites = pd.DataFrame({"station": ["QT01"], "longitude": [93.0], "latitude": [35.1]})
    >>> [text.get_text() for text in vectors(ax, sites, name="stations", text=True).texts]
    ['QT01']
    """
    names = _draw_table(ax, table, name=name, crs=crs, text=text, **style)
    with house():
        for one in names:
            _name(ax, *one)
    return ax


def layers(ax: Axes, tables: Mapping[str, pd.DataFrame]) -> None:
    """Draw vector tables by name, and then write all names, which so keep off what is drawn."""
    names = [one for name, table in tables.items() for one in _draw_table(ax, table, name=name)]
    with house():
        for one in sorted(names, key=lambda one: is_cut(ax, *one[2:])):
            _name(ax, *one)


def _draw_table(
    ax: Axes, table: pd.DataFrame, *, name: str, crs: Any = None, text: bool | None = None, **style: Any
) -> list[Name]:
    """Draw a table without its names, and return these."""
    how = {"text": False, **PLAIN, **OVERLAYS.get(name, {}), **style}
    usual, noun = how.pop("text"), how.pop("noun", "")
    named = usual if text is None else text
    how["room"] = 0.0 if named else 4.0  # points about a mark that names keep off; its own stands close
    names: list[Name] = []
    target = crs or getattr(ax, "qtp_crs", None) or LONLAT
    project = pyproj.Transformer.from_crs(LONLAT, target, always_xy=True)
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())  # which fixes them
    known = ax.__dict__.setdefault("qtp_overlays", {})  # for the key
    with house():
        for row, geometry in _rows(table):
            drawn = []
            for kind, parts in simple_parts(geometry):
                shapes = [_project(part, project) for part in parts]
                drawn.append(_draw(ax, kind, shapes, how, str(row.get("name", ""))))
                known[name] = {**how, "kind": kind}
                if how.get("beyond") and (arrow := arrow_to(ax, *shapes[0][0])):
                    known[name]["marker"] = arrow
            if named and drawn and row.get("name"):
                names.append((str(row["name"]), noun, drawn, how))
        mark_provenance(ax, table)
    return names


def _name(ax: Axes, name: str, noun: str, drawn: list[list[Place]], how: Mapping[str, Any]) -> None:
    """Write the name of a row once, or that of both ends of a profile."""
    color, places = how.get("edgecolor", how.get("color", INK)), [place for one in drawn for place in one]
    if (ends := ends_of(name)) is not None and "ls" in how:
        for text, at in zip(ends, (places[-8:-4], places[-4:]), strict=True):
            write_name(ax, text, at, color=color, must=True)
        return
    called = name if not noun or noun.lower() in name.lower() else f"{name} {noun}"
    if how.get("beyond") and point_beyond(ax, places[0].x, places[0].y, called, color):
        return
    if not write_name(ax, called, places, color=color, must=not is_filled(how)) and called != name:
        write_name(ax, name, places, color=color, must=False)  # the shorter one may have room


def frame(ax: Axes, da: xr.DataArray) -> None:
    """Remember the CRS of the map on its axes and give degrees their true shape."""
    crs = None if da.rio.crs is None else pyproj.CRS.from_user_input(da.rio.crs.to_wkt())
    ax.qtp_crs = crs  # type: ignore[attr-defined]  # axes have no place for what a map is drawn in
    ax.qtp_units = {dim: da[dim].attrs["units"] for dim in (X, Y) if da[dim].attrs.get("units")}  # type: ignore[attr-defined]
    geographic = crs is not None and crs.is_geographic
    ax.set_aspect(1 / np.cos(np.deg2rad(float(np.mean(da[Y].values)))) if geographic else "equal")


def graticule(ax: Axes) -> None:
    """Ticks and faint lines of longitude and latitude, curved as the projection of the map has them."""
    crs = getattr(ax, "qtp_crs", None)
    if crs is None:
        units = [getattr(ax, "qtp_units", {}).get(dim, "pixel") for dim in (X, Y)]
        ax.set(xlabel=f"x ({units[0]})", ylabel=f"y ({units[1]})")
        return
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    to_degrees = pyproj.Transformer.from_crs(crs, LONLAT, always_xy=True)
    to_map = pyproj.Transformer.from_crs(LONLAT, crs, always_xy=True)
    # All four sides: what is straight on the map bends in degrees, beyond its corners.
    x, y, one = np.linspace(left, right, 21), np.linspace(bottom, top, 21), np.ones(21)
    lon, lat = to_degrees.transform(
        np.concatenate([x, x, left * one, right * one]), np.concatenate([bottom * one, top * one, y, y])
    )
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return
    lons = _degrees(min(lon), max(lon), right - left, top - bottom)
    lats = _degrees(min(lat), max(lat), top - bottom, right - left)
    bottom_ticks = _crossings(ax, to_map, lons, (min(lat), max(lat)), meridian=True)
    left_ticks = _crossings(ax, to_map, lats, (min(lon), max(lon)), meridian=False)
    ax.set_xticks([at for at, _ in bottom_ticks], [_degree(value, "EW") for _, value in bottom_ticks])
    # Upright labels would run into each other on a flat map.
    upright = 90 if top - bottom > 0.45 * (right - left) else 0
    names = [_degree(value, "NS") for _, value in left_ticks]
    ax.set_yticks([at for at, _ in left_ticks], names, rotation=upright, va="center")
    ax.tick_params(length=2.5, pad=2)


def scale_bar(ax: Axes, *, north: bool = True) -> None:
    """Bar of a round number of kilometers, about a quarter of the width, in the lower left corner; north beside it."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    crs = getattr(ax, "qtp_crs", None)
    meters = 1.0
    if crs is not None and crs.is_geographic:
        meters = 111_195.0 * float(np.cos(np.deg2rad((bottom + top) / 2)))
    wanted = (right - left) * meters / 4
    if not wanted > 0:
        return
    power = 10.0 ** np.floor(np.log10(wanted))
    length = max(step * power for step in (1, 2, 5) if step * power <= wanted * 1.0001)
    x0, y0 = left + (right - left) * 0.04, bottom + (top - bottom) * 0.025
    x1 = x0 + length / meters
    effects = [patheffects.withStroke(linewidth=4.0, foreground="white")]
    bar: dict[str, Any] = {"color": "black", "lw": 2.4, "solid_capstyle": "butt", "path_effects": effects, "zorder": 6}
    ax.plot([x0, x1], [y0, y0], scalex=False, scaley=False, **bar)
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    how = {"va": "bottom", "fontsize": TEXT["tick"], "path_effects": HALO, "zorder": 6}
    wider = 0.58 * len(words) * TEXT["tick"] > (length / meters) / (right - left) * size_in_points(ax)[0]
    at = (x0, "left") if wider else ((x0 + x1) / 2, "center")  # a name that is wider than the bar would leave the map
    annotate(ax, words, (at[0], y0), (0, 2), ha=at[1], **how)
    reserve(ax, 0.29 * size_in_points(ax)[0] + 16.0, 20.0)
    if north:
        _north(ax, x1, y0)


def _north(ax: Axes, x: float, y: float) -> None:
    """North arrow to the right of the scale bar, turned by the convergence of the meridian there."""
    crs = getattr(ax, "qtp_crs", None)
    angle = 0.0
    if crs is not None and not crs.is_geographic:
        lon, lat = pyproj.Transformer.from_crs(crs, LONLAT, always_xy=True).transform(x, y)
        x1, y1 = pyproj.Transformer.from_crs(LONLAT, crs, always_xy=True).transform(lon, lat + 0.05)
        angle = float(np.arctan2(x1 - x, y1 - y))
    look = {"ha": "center", "path_effects": HALO, "zorder": 6}
    annotate(ax, "\N{UPWARDS ARROW}", (x, y), (10, -2), fontsize=11, rotation=-np.rad2deg(angle), va="bottom", **look)
    annotate(ax, "N", (x, y), (10, 9), fontsize=TEXT["tick"], va="bottom", **look)


def _rows(table: pd.DataFrame) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    if "geometry" in table:
        for row in table.to_dict("records"):
            if isinstance(row["geometry"], Mapping):
                yield row, row["geometry"]
    elif {"longitude", "latitude"} <= set(table.columns):
        for index, row in zip(table.index, table.to_dict("records"), strict=True):
            place = {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]}
            yield {"name": row.get("station", index), **row}, place
    else:
        raise QtpDataError(
            "not a vector table",
            expected="a geometry column, or longitude and latitude",
            found=list(table.columns),
            hint="Read it with load.vectors or load.stations.",
        )


def simple_parts(geometry: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield (kind, rings or lines or points) for each simple geometry inside a GeoJSON one."""
    kind = str(geometry["type"])
    inside: Any = geometry.get("coordinates")
    if kind == "GeometryCollection":
        for member in geometry["geometries"]:
            yield from simple_parts(member)
    elif kind == "Polygon":
        yield "Polygon", list(inside)
    elif kind == "MultiPolygon":
        for rings in inside:
            yield "Polygon", list(rings)
    elif kind in ("LineString", "MultiLineString"):
        yield "LineString", [inside] if kind == "LineString" else list(inside)
    elif kind in ("Point", "MultiPoint"):
        yield "Point", [[inside] if kind == "Point" else list(inside)]
    else:
        raise QtpDataError("not a GeoJSON geometry", expected="Point, LineString, Polygon or Multi-", found=kind)


def _project(part: Any, project: pyproj.Transformer) -> np.ndarray:
    lonlat = np.asarray([point[:2] for point in part], dtype="float64")
    return np.column_stack(project.transform(lonlat[:, 0], lonlat[:, 1]))


def _draw(ax: Axes, kind: str, parts: list[np.ndarray], how: Mapping[str, Any], name: str) -> list[Place]:
    """Draw one simple geometry; return where its name may be written, the best first."""
    line = {"lw": how["lw"], "ls": how.get("ls", "-")} if "lw" in how else {}
    color = how.get("color", how.get("edgecolor"))
    casing: list[patheffects.AbstractPathEffect] = [
        patheffects.withStroke(linewidth=how.get("lw", 1.0) + 1.2, foreground="white", alpha=0.7)
    ]
    if kind == "Point":
        dot = {key: how[key] for key in ("marker", "ms", "color", "mfc") if key in how}
        ax.plot(*parts[0].T, ls="none", mec=how.get("mec", "white"), mew=0.5, zorder=5, **dot)
        keep_off(ax, parts[0], size=how.get("ms", 3.0) + how["room"])
        return around(*map(float, parts[0][0]))
    if kind == "LineString":
        for points in parts:
            ax.plot(*points.T, color=color, zorder=4, path_effects=casing, **line)
            keep_off(ax, points)
        return along(parts[0])
    path = OutlinePath.make_compound_path(*(OutlinePath(ring, closed=True) for ring in parts if len(ring) > 2))
    patch = PathPatch(path, facecolor=how["facecolor"], edgecolor=how.get("edgecolor", color), zorder=3, **line)
    filled = how["facecolor"] != "none"
    if not filled:
        patch.set_path_effects(casing)
    ax.add_patch(patch)
    if not filled:
        keep_off(ax, parts[0])
        return beside(parts[0], filled=False)
    if not bears(ax, parts[0], name):
        return []
    occupy(ax, parts[0])
    return beside(parts[0], filled=True)


def _degrees(low: float, high: float, length: float, other: float) -> np.ndarray:
    """Round values of longitude or latitude: two to six along an edge, fewer along the shorter edge of a narrow map."""
    count = 5 if length >= 0.7 * other else 3
    steps = np.array([1 / 60, 1 / 30, 1 / 12, 1 / 6, 0.25, 0.5, 1, 2, 5, 10, 20, 30])
    step = steps[np.argmax(steps >= (high - low) / count)]
    return np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step


def _crossings(
    ax: Axes, to_map: pyproj.Transformer, values: np.ndarray, span: tuple[float, float], *, meridian: bool
) -> list[tuple[float, float]]:
    """Draw the lines of constant longitude (or latitude) and return where each leaves the lower (or left) edge."""
    ticks = []
    limits = ax.get_xlim() if meridian else ax.get_ylim()
    edge = ax.get_ylim()[0] if meridian else ax.get_xlim()[0]
    along = np.linspace(span[0] - 0.2, span[1] + 0.2, 61)
    for value in values:
        lonlat = (np.full(61, value), along) if meridian else (along, np.full(61, value))
        x, y = to_map.transform(*lonlat)
        ax.plot(x, y, color="0.2", lw=0.3, alpha=0.45, zorder=2, scalex=False, scaley=False)
        at = float(np.interp(edge, y, x) if meridian else np.interp(edge, x, y))
        margin = 0.0 if meridian else 0.03 * (limits[1] - limits[0])
        if limits[0] + margin <= at <= limits[1] - margin:
            ticks.append((at, float(value)))
    return ticks


def _degree(value: float, sides: str) -> str:
    side = sides[0] if value >= 0 else sides[1]
    minutes = round(abs(value) * 60)
    whole, rest = divmod(minutes, 60)
    return f"{whole}°{side}" if rest == 0 else f"{whole}°{rest:02d}'{side}"
