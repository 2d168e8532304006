"""Outlines, lines and places over the maps."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource

PAPER = {"background_fill_color": "white", "background_fill_alpha": 0.7}
"""Behind small words."""


def draw_overlays(overlays: dict[str, Any], plots: list[Any]) -> dict[str, list[Any]]:
    """Draw outlines, lines and places over all maps; returns their renderers by name, to be switched."""
    out: dict[str, list[Any]] = {}
    for name, parts in overlays.items():
        sources = _overlay_sources(parts)
        made = out.setdefault(name, [])
        line = {"line_color": parts["line"], "line_width": parts["width"] + 0.4}
        fill = {"fill_alpha": 0.0} if parts["fill"] == "none" else {"fill_color": parts["fill"], "fill_alpha": 0.9}
        for plot in plots:
            if parts["areas"]:
                made.append(plot.multi_polygons("x", "y", source=sources["areas"], **line, **fill))
            if parts["lines"]:
                dash = "dashed" if parts["dashed"] else "solid"
                made.append(plot.multi_line("x", "y", source=sources["lines"], line_dash=dash, **line))
            if parts["points"]:
                dot = {"marker": "triangle", "size": 8, "color": parts["line"], "line_color": "white"}
                made.append(plot.scatter("x", "y", source=sources["points"], **dot))
            if parts["names"]:
                halo = {"text_font_size": "8pt", "text_color": parts["line"], **PAPER}
                made.append(plot.text("x", "y", text="name", source=sources["names"], x_offset=3, **halo))
    return out


def _overlay_sources(parts: dict[str, Any]) -> dict[str, ColumnDataSource]:
    """Make sources that all maps share, so that they travel once."""
    areas = {
        axis: [[[[p[i] for p in ring] for ring in rings]] for rings in parts["areas"]]
        for i, axis in ((0, "x"), (1, "y"))
    }
    lines = {axis: [[p[i] for p in line] for line in parts["lines"]] for i, axis in ((0, "x"), (1, "y"))}
    points = {axis: [place[i] for part in parts["points"] for place in part] for i, axis in ((0, "x"), (1, "y"))}
    names = {key: [row[i] for row in parts["names"]] for i, key in enumerate(("name", "x", "y"))}
    made = {"areas": areas, "lines": lines, "points": points, "names": names}
    return {kind: ColumnDataSource(data) for kind, data in made.items()}
