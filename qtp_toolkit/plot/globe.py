"""Where a map lies and what is drawn over it: a globe beside it, a key of its lines and points, what lies beyond it.

The coastlines are Natural Earth's of 1:110 million (public domain), smoothed to half a degree, without borders.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pyproj
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch, Polygon

from qtp_toolkit.plot.figure import annotate
from qtp_toolkit.plot.names import HALO, Place, size_in_points, write_name
from qtp_toolkit.plot.style import FAULT, TEXT, house

LONLAT = "EPSG:4326"


def locator(ax: Axes, *, at: tuple[float, float, float, float] = (1.06, 0.0, 0.62, 0.3), reach: float = 0.62) -> Axes:
    """Draw a part of the globe beside a map, with the frame of the map on it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        A map of this package: it knows its CRS.
    at : (float, float, float, float)
        Left, bottom, width and height in shares of the map.
    reach : float
        Half the width of what is seen, in radii of the earth; 1 is the whole half globe.

    Returns
    -------
    matplotlib.axes.Axes
        The inset.

    Examples
    --------
    >>> import xarray as xr
    >>> from qtp_toolkit import plot
    >>> grid = {"y": np.arange(36.0, 32.0, -0.1), "x": np.arange(91.0, 94.0, 0.1)}
    >>> ax = plot.deformation_map(xr.DataArray(np.zeros((40, 30)), grid, name="elevation").rio.write_crs("EPSG:4326"))
    >>> len(plot.locator(ax).patches) >= 2
    True
    """
    crs = getattr(ax, "qtp_crs", None) or LONLAT
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    edge = np.linspace(0, 1, 11)
    x = np.concatenate([left + edge * (right - left), 0 * edge + right, right - edge * (right - left), 0 * edge + left])
    y = np.concatenate([0 * edge + bottom, bottom + edge * (top - bottom), 0 * edge + top, top - edge * (top - bottom)])
    lon, lat = pyproj.Transformer.from_crs(crs, LONLAT, always_xy=True).transform(x, y)
    middle = float(np.mean(lon)), float(np.mean(lat))
    globe = pyproj.Proj(proj="ortho", lon_0=middle[0], lat_0=middle[1], R=1.0)
    with house():
        inset = ax.inset_axes(at)
        inset.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[], facecolor="#eef3f7")
        for spine in inset.spines.values():
            spine.set_linewidth(0.5)
        for line in coast():
            inset.plot(*_seen(globe, *line.T), color="0.35", lw=0.5)
        _meridians(inset, globe)
        inset.add_patch(Polygon(np.column_stack(globe(lon, lat)), facecolor=FAULT, edgecolor="white", lw=0.4, zorder=5))
        inset.add_patch(Circle((0, 0), 0.13 * reach, fill=False, edgecolor=FAULT, lw=0.8, zorder=5))
    return inset


@cache
def coast() -> list[np.ndarray]:
    """Coastlines (N, 2) in longitude and latitude."""
    text = resources.files("qtp_toolkit.plot").joinpath("coast.json").read_text(encoding="utf-8")
    return [_denser(np.asarray(line, dtype="float64")) for line in json.loads(text)]


def _denser(line: np.ndarray) -> np.ndarray:
    """Points every two degrees at most: what is straight in degrees is not on a globe."""
    counts = np.ceil(np.abs(np.diff(line, axis=0)).max(axis=1) / 2.0).astype(int)
    at = np.concatenate([*(k + np.arange(n) / n for k, n in enumerate(counts)), [len(line) - 1]])
    return np.column_stack([np.interp(at, np.arange(len(line)), axis) for axis in line.T])


def _seen(globe: pyproj.Proj, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(globe(lon, lat))
    seen = np.isfinite(x) & np.isfinite(y)  # the far side has no place
    return np.where(seen, x, np.nan), np.where(seen, y, np.nan)


def _meridians(inset: Axes, globe: pyproj.Proj) -> None:
    faint: dict[str, Any] = {"color": "0.6", "lw": 0.3, "zorder": 0}
    for lon in range(-180, 180, 20):
        inset.plot(*_seen(globe, np.full(91, float(lon)), np.linspace(-90, 90, 91)), **faint)
    for lat in range(-80, 81, 20):
        inset.plot(*_seen(globe, np.linspace(-180, 180, 181), np.full(181, float(lat))), **faint)


def key(ax: Axes, names: dict[str, str] | None = None, *, beside: Axes | None = None, **legend: Any) -> Any:
    """Legend of what is drawn over a map.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        A map with overlays.
    names : dict, optional
        Words for overlays, by name; those without are called by their name.
    beside : matplotlib.axes.Axes, optional
        Another panel to put it beside, below the legend of its classes; by default the map itself.
    **legend
        Keywords of :meth:`matplotlib.axes.Axes.legend`.

    Returns
    -------
    matplotlib.legend.Legend
    """
    handles: list[Any] = []
    for name, how in getattr(ax, "qtp_overlays", {}).items():
        words = (names or {}).get(name, name.replace("_", " "))
        color = how.get("edgecolor", how.get("color"))
        if how["kind"] == "Point":
            dot = {"mfc": how.get("mfc", how.get("color")), "mec": how.get("mec", "white"), "ms": how.get("ms", 3)}
            handles.append(Line2D([], [], ls="none", marker=how["marker"], mew=0.5, label=words, **dot))
        elif how["kind"] == "LineString" or how["facecolor"] == "none":
            handles.append(Line2D([], [], color=color, lw=how.get("lw"), ls=how.get("ls", "-"), label=words))
        else:
            handles.append(Patch(facecolor=how["facecolor"], edgecolor=color, lw=how.get("lw"), label=words))
    panel = ax if beside is None else beside
    earlier = panel.get_legend()
    place = {"loc": "upper left", "bbox_to_anchor": (1.04, 1.0 if earlier is None else 0.8), "borderaxespad": 0}
    with house():
        made = panel.legend(handles=handles, **{**place, "frameon": False, **legend})
        if earlier is not None:  # of its classes, which a second legend would replace
            panel.add_artist(earlier)
            earlier.set_clip_on(False)  # else the layout takes it for a part of the map
    return made


def arrow_to(ax: Axes, x: float, y: float) -> str:
    r"""Arrow, for a key, toward a place beyond a map; empty if it lies on the map.

    >>> import matplotlib.pyplot as plt
    >>> arrow_to(plt.figure().add_subplot(xlim=(0, 1), ylim=(0, 1)), -0.5, 0.5)
    '$\\leftarrow$'
    """
    (left, right), (bottom, top) = np.sort(ax.get_xlim()), np.sort(ax.get_ylim())
    across, up = x - np.clip(x, left, right), y - np.clip(y, bottom, top)
    if not (across or up):
        return ""
    level = abs(across) >= abs(up)
    return rf"$\{('left' if across < 0 else 'right') if level else ('down' if up < 0 else 'up')}arrow$"


def point_beyond(ax: Axes, x: float, y: float, text: str, color: Any) -> bool:
    """Point from the edge of a map to a place beyond it, and say how far it is; False if it lies on the map.

    A place farther away than the map is wide or high is left out.
    """
    (left, right), (bottom, top) = np.sort(ax.get_xlim()), np.sort(ax.get_ylim())
    edge = np.array([np.clip(x, left, right), np.clip(y, bottom, top)])
    away = np.array([x, y]) - edge
    if not away.any():
        return False
    if np.hypot(*away) > max(right - left, top - bottom):
        return True
    crs = getattr(ax, "qtp_crs", None)
    meters = np.hypot(*away) * (111_195.0 if crs is not None and crs.is_geographic else 1.0)
    inward = -away / np.hypot(*away)
    wide, tall = size_in_points(ax)
    point = np.array([(right - left) / wide, (top - bottom) / tall])
    tail = edge + 14 * inward * point
    arrow = {"arrowstyle": "-|>", "color": color, "lw": 1.0, "shrinkA": 0, "shrinkB": 0, "path_effects": HALO}
    ax.annotate("", (edge[0], edge[1]), xytext=(tail[0], tail[1]), arrowprops=arrow, zorder=6)
    side = int(np.sign(np.round(inward[0])))
    places = [Place(tail[0], tail[1] + step * point[1], side, 0) for step in (0, 10, -10, 20, -20, 30, -30)]
    words = f"{text}, {meters / 1000:.0f} km"
    if not write_name(ax, words, places, color=color, must=True):  # too long for the map: over its edge
        annotate(ax, words, (tail[0], tail[1]), (0, 4), color=color, fontsize=TEXT["tick"], path_effects=HALO)
    return True
