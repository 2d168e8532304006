"""Names on maps: beside what they name, within the map, not over one another, and off lines and points if possible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes

from qtp_toolkit.plot.figure import FLAT, annotate
from qtp_toolkit.plot.style import TEXT

HALO = (patheffects.withStroke(linewidth=1.8, foreground="white"),)
SMALL = 0.15
"""Filled polygons narrower than this share of their name are drawn without it."""
DOT = 1e3
"""How much worse it is to hide a mark than a piece of a line."""
_WIDE, _TALL = 0.58, 1.25
"""Width of a letter and height of a line over the size of the font."""


class Place(NamedTuple):
    """Where a name may stand: a point of the map, and the side of it (-1 left or below, 0 centered, 1)."""

    x: float
    y: float
    across: int = 1
    up: int = 1


def around(x: float, y: float) -> list[Place]:
    """Places about a point, the best first."""
    return [Place(x, y, across, up) for across, up in ((1, 1), (-1, 1), (1, -1), (-1, -1))]


def along(points: np.ndarray) -> list[Place]:
    """Places along a line, those about its first and its last point at the end."""
    steps = np.linspace(0, len(points) - 1, 201)
    spots = list(zip(*(np.interp(steps, np.arange(len(points)), axis).tolist() for axis in points.T), strict=True))
    beside_it = [place for spot in spots[2:-2] for place in around(*spot)]
    across_it = [Place(spot[0], spot[1], 0, up) for spot in spots[2:-2] for up in (1, -1)]
    return beside_it + across_it + around(*spots[0]) + around(*spots[-1])


def beside(ring: np.ndarray, *, filled: bool) -> list[Place]:
    """Places about a polygon: above its upper left corner if it is an outline, else around it."""
    (left, low), (right, high) = ring.min(axis=0), ring.max(axis=0)
    if not filled:
        return [Place(left, high, 1, 1), Place(left, low, 1, -1), Place(left, high, 1, -1)]
    x, y = (left + right) / 2, (low + high) / 2
    sides = [Place(x, high, 0, 1), Place(x, low, 0, -1), Place(right, y, 1, 0), Place(left, y, -1, 0)]
    corners = [Place(x, edge, across, up) for edge, up in ((high, 1), (low, -1)) for across in (1, -1)]
    return sides + corners


def bears(ax: Axes, ring: np.ndarray, text: str) -> bool:
    """Whether a filled polygon is wide enough on this map for its name."""
    left, right = np.sort(ax.get_xlim())
    share = np.ptp(np.clip(ring[:, 0], left, right)) / (right - left)
    return bool(share * size_in_points(ax)[0] >= SMALL * len(text) * _WIDE * TEXT["tick"])


def is_filled(how: Mapping[str, Any]) -> bool:
    """Whether what is drawn so is a filled polygon, as a lake is, and no outline, line or point."""
    return "edgecolor" in how and how["facecolor"] != "none"


def is_cut(ax: Axes, drawn: Iterable[Iterable[Place]], how: Mapping[str, Any]) -> bool:
    """Whether a filled polygon reaches beyond the map: its name comes last and is left out first."""
    (left, right), (bottom, top) = np.sort(ax.get_xlim()), np.sort(ax.get_ylim())
    return is_filled(how) and not all(left <= p.x <= right and bottom <= p.y <= top for one in drawn for p in one)


def occupy(ax: Axes, ring: np.ndarray) -> None:
    """Keep names off a filled polygon."""
    corner, span = np.array([ax.get_xlim()[0], ax.get_ylim()[0]]), np.ptp([ax.get_xlim(), ax.get_ylim()], axis=1)
    low, high = (ring.min(axis=0) - corner) / span, (ring.max(axis=0) - corner) / span
    ax.__dict__.setdefault("qtp_names", []).append((*low, *high))


def keep_off(ax: Axes, points: np.ndarray, *, size: float = 0.0) -> None:
    """Keep names off a line, or off marks of a size in points, where there is another place for them."""
    corner, span = (
        np.array([ax.get_xlim()[0], ax.get_ylim()[0]]),
        np.array([*np.diff(ax.get_xlim()), *np.diff(ax.get_ylim())]),
    )
    at = (points - corner) / span
    if size:
        step = 0.5 * size / np.array(size_in_points(ax))
        at = (at[:, None, None] + step * np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1)).reshape(-1, 2)
    else:
        steps = np.linspace(0, len(at) - 1, max(401, 8 * len(at)))
        at = np.column_stack([np.interp(steps, np.arange(len(at)), axis) for axis in at.T])
    at = at[((at >= 0) & (at <= 1)).all(axis=1)]
    weighed = np.column_stack([at, np.full(len(at), DOT if size else 1.0)])
    ax.__dict__.setdefault("qtp_marks", []).append(weighed)


def reserve(ax: Axes, wide: float, tall: float) -> None:
    """Keep names out of the lower left corner, points wide and tall."""
    across, up = size_in_points(ax)
    ax.__dict__.setdefault("qtp_names", []).append((0.0, 0.0, wide / across, tall / up))


def ends_of(name: str) -> tuple[str, str] | None:
    """Names of both ends of a profile that is called as they are.

    >>> ends_of("PP'"), ends_of("A-B"), ends_of("road")
    (('P', "P'"), ('A', 'B'), None)
    """
    found = re.fullmatch(r"(\w+)(\1['\u2032\u2019])|(\w{1,2})\s*[-\u2013]\s*(\w{1,2}['\u2032\u2019]?)", name.strip())
    if found is None:
        return None
    return (found[1], found[2]) if found[1] else (found[3], found[4])


def write_name(ax: Axes, text: str, places: Iterable[Place], *, color: Any, must: bool) -> bool:
    """Write a name at the first place that is on the map and free and that hides least of lines and points.

    Without a free place at the first on the map if it must. False if it is not written: there is no place, or none is
    free and it need not be.
    """
    found = _choose(ax, list(_frames(ax, text, places)), must=must)
    if found is None:
        return False
    place, frame = found
    ax.__dict__["qtp_names"].append(frame)
    how = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}
    look = {"ha": how[place.across][0], "va": how[place.up][1], "color": color, "path_effects": HALO, "zorder": 6}
    offset = 2.0 * place.across, 2.0 * place.up
    annotate(ax, text, (place.x, place.y), offset, fontsize=TEXT["tick"], annotation_clip=True, **look)
    return True


def _choose(
    ax: Axes, choices: list[tuple[Place, tuple[float, ...]]], *, must: bool
) -> tuple[Place, tuple[float, ...]] | None:
    taken = ax.__dict__.setdefault("qtp_names", [])
    marks = np.concatenate([np.empty((0, 3)), *ax.__dict__.get("qtp_marks", [])])
    free = [one for one in choices if not _over_boxes(one[1], taken)]
    least = min(free, key=lambda one: _hidden(one[1], marks), default=None)
    return least or (choices[0] if must and choices else None)


def _over_boxes(frame: tuple[float, ...], taken: list[tuple[float, ...]]) -> bool:
    left, low, right, high = frame
    return any(left < box[2] and right > box[0] and low < box[3] and high > box[1] for box in taken)


def _hidden(frame: tuple[float, ...], marks: np.ndarray) -> float:
    """Weight of what a name would hide."""
    left, low, right, high = frame
    x, y, weight = marks.T
    return float(weight[(x > left) & (x < right) & (y > low) & (y < high)].sum())


def _frames(ax: Axes, text: str, places: Iterable[Place]) -> Iterator[tuple[Place, tuple[float, ...]]]:
    """Places that keep the name on the map, with the room it takes in shares of the panel."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    wide, tall = size_in_points(ax)
    width, height = len(text) * _WIDE * TEXT["tick"] / wide, _TALL * TEXT["tick"] / tall
    for place in places:
        x = (place.x - left) / (right - left) + place.across * 2.0 / wide - width * (1 - place.across) / 2
        y = (place.y - bottom) / (top - bottom) + place.up * 2.0 / tall - height * (1 - place.up) / 2
        if 0 <= (place.x - left) / (right - left) <= 1 and x >= 0 and x + width <= 1 and y >= 0 and y + height <= 1:
            yield place, (x, y, x + width, y + height)


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Size of a panel in points as far as it is known before the layout, true to the shape of the map."""
    size = ax.figure.canvas.figure.get_size_inches() * 72.0
    box = ax.get_position(original=True)
    wide, tall = box.width * size[0], 0.85 * box.height * size[1]
    if not isinstance(aspect := ax.get_aspect(), float):
        return 0.85 * wide, tall
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    shape = abs(aspect * (top - bottom) / (right - left))
    wide *= 1.1 if shape < FLAT else 0.85  # a color bar stands beneath a flat map, else beside it
    return min(wide, tall / shape), min(tall, wide * shape)
