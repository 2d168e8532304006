"""Linked maps: four layers over one relief, drawn for the zoom at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate, SelectionGeometry, Tap
from bokeh.layouts import column, grid
from bokeh.models import (
    BoxZoomTool,
    Button,
    ColorBar,
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    FixedTicker,
    HoverTool,
    Label,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    RadioButtonGroup,
    Range1d,
    Select,
    WheelZoomTool,
)
from bokeh.plotting import figure

from qtp_toolkit.interactive.board.prepared import Prepared, in_degrees
from qtp_toolkit.interactive.board.scripts import ACTIVATE, PLACE, VALUE
from qtp_toolkit.interactive.board.vectors import PAPER, draw_overlays
from qtp_toolkit.interactive.page import safe

DARKEST = 0.55
"""Opacity of the shade where no light falls."""
TALL, WIDE = 300, 460
"""Pixels of a map before the browser says how many it has."""
REST = 20
"""Milliseconds without a move after which the browser tells what it shows; its own default is 500."""
MODES = ("Move", "Zoom box", "Draw a region")
STEPS = np.array([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30])
PICKED = ("#111111", "#2b6cb0")
"""Colors of the points A and B."""
LAND = "#ececec"

SHADE = [f"#000000{round(255 * DARKEST * i / 255):02x}" for i in range(256)]
"""Black, from clear to as dark as shade gets: it multiplies the colors below."""


class Maps:
    """Four maps with one range; ``layout`` is what is shown."""

    def __init__(self, prepared: Prepared, *, later: Callable[[Callable[[], None]], None]) -> None:
        self.prepared, self.later, self._due = prepared, later, False
        frame = prepared.frame
        self.x_range, self.y_range = (
            Range1d(frame.left, frame.right, min_interval=4 * frame.dx, name="x of the maps"),
            Range1d(frame.bottom, frame.top, min_interval=4 * frame.dy),
        )
        self.squeeze = math.cos(math.radians((frame.bottom + frame.top) / 2)) if in_degrees(frame.crs) else 1.0
        self.screen = [WIDE, TALL]
        self.shade, self.darkness = ColumnDataSource(_nothing()), LinearColorMapper(palette=SHADE, low=0, high=255)
        self.picked = ColumnDataSource({"x": [], "y": [], "name": [], "color": []})
        self.outline = ColumnDataSource({"x": [], "y": []})
        self.ticks = FixedTicker(ticks=[]), FixedTicker(ticks=[])
        self.panels: list[Panel] = []
        for name in _choose_four(prepared):
            self.panels.append(Panel(self, name))
        self.overlays = draw_overlays(prepared.about["overlays"], [panel.plot for panel in self.panels])
        for panel in self.panels:
            panel.draw_marks()
        self.on_tap: Callable[[float, float, bool], None] | None = None
        self.on_region: Callable[[np.ndarray], None] | None = None
        self.layout = self._arrange()
        self.show_all()

    def _arrange(self) -> Any:
        home = Button(label="Whole area", width=100)
        home.on_click(self.show_all)
        self.mode = RadioButtonGroup(labels=list(MODES), active=0)
        tools = [[panel.tools[i] for panel in self.panels] for i in range(len(MODES))]
        self.mode.js_on_change("active", CustomJS(args={"tools": tools}, code=ACTIVATE))
        flat = (self.prepared.frame.top - self.prepared.frame.bottom) / self.squeeze < 1.4 * (
            self.prepared.frame.right - self.prepared.frame.left
        )
        cells = [panel.layout for panel in self.panels]
        rows = [cells[:2], cells[2:]] if flat else [cells]
        self.buttons = [self.mode, home]
        return grid([row for row in rows if row], sizing_mode="stretch_both")

    def show_all(self) -> None:
        """Zoom out to the whole area."""
        frame = self.prepared.frame
        wide, tall = self.screen
        each = max((frame.right - frame.left) * self.squeeze / wide, (frame.top - frame.bottom) / tall)
        self.zoom((frame.left + frame.right) / 2, (frame.bottom + frame.top) / 2, each * 1.02)

    def zoom(self, x: float, y: float, each: float) -> None:
        """Show what is around a place, true to scale: ``each`` is the height of a pixel of the screen."""
        half = each * self.screen[0] / self.squeeze / 2, each * self.screen[1] / 2
        self.x_range.update(start=x - half[0], end=x + half[0])
        self.y_range.update(start=y - half[1], end=y + half[1])
        self.shown = self.box
        self.draw()

    def resized(self, side: int, pixels: int) -> None:
        """Keep scale and middle of what is shown in a window of another size."""
        if self.screen[side] == pixels:
            return
        left, right, bottom, top = self.box
        each = (top - bottom) / self.screen[1]
        untouched = np.allclose(self.box, self.shown)
        self.screen[side] = pixels
        fit = self.show_all if untouched else partial(self.zoom, (left + right) / 2, (bottom + top) / 2, each)
        self.later(fit)

    def changed(self) -> None:
        """Draw anew soon, once for all moves until then."""
        if not self._due:
            self._due = True
            self.later(self.draw)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of what is shown."""
        return self.x_range.start, self.x_range.end, self.y_range.start, self.y_range.end

    def draw(self) -> None:
        """Cut all maps to what is shown, and send them together: the browser paints once."""
        self._due, document = False, self.x_range.document
        if document is not None:
            document.hold("combine")
        try:
            self._cut()
        finally:
            if document is not None:
                document.unhold()

    def _cut(self) -> None:
        if self.prepared.has_shade:
            self.shade.data = _as_data(self.prepared.picture("shade", self.box, *self.screen))
        for panel in self.panels:
            panel.draw()
        self._graticule()

    def _graticule(self) -> None:
        left, right, bottom, top = self.box
        x, y = np.linspace(left, right, 41), np.linspace(bottom, top, 41)
        lon = self.prepared.frame.lonlat(x, np.full(41, bottom))[0]
        lat = self.prepared.frame.lonlat(np.full(41, left), y)[1]
        for i, (degrees, at, sides) in enumerate(((lon, x, "EW"), (lat, y, "NS"))):
            if not np.isfinite(degrees).all():
                continue
            values = _round_degrees(float(degrees.min()), float(degrees.max()), max(self.screen[i] // (80, 60)[i], 2))
            places = np.interp(values, degrees, at).tolist()
            names = {place: _degree(value, sides) for place, value in zip(places, values, strict=True)}
            self.ticks[i].ticks = places
            for panel in self.panels:
                (panel.plot.xaxis[0], panel.plot.yaxis[0])[i].major_label_overrides = names

    def mark(self, places: Sequence[tuple[str, float, float]]) -> None:
        """Mark the picked points."""
        colors = [PICKED["AB".index(name)] for name, *_ in places]
        self.picked.data = {
            "x": [x for _, x, _ in places],
            "y": [y for *_, y in places],
            "name": [name for name, *_ in places],
            "color": colors,
        }


class Panel:
    """One of the linked maps, with its menu."""

    def __init__(self, maps: Maps, name: str) -> None:
        self.maps, self.name = maps, name
        prepared = maps.prepared
        self.source = ColumnDataSource(_nothing(), name=f"map {len(maps.panels) + 1}")
        self.mapper = LinearColorMapper(palette=["#000000"], low=0, high=1, nan_color="#00000000")
        self.tools = PanTool(), BoxZoomTool(match_aspect=True), LassoSelectTool(continuous=False)
        wheel = WheelZoomTool()
        self.plot = figure(
            x_range=maps.x_range,
            y_range=maps.y_range,
            tools=[*self.tools, wheel],
            active_scroll=wheel,
            active_drag=self.tools[0],
            toolbar_location=None,
            background_fill_color=LAND,
            min_border_left=32,
            min_border_right=8,
            height=TALL + 60,
            sizing_mode="stretch_both",
            lod_timeout=REST,
            name=f"plot {len(maps.panels) + 1}",
        )
        place = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        self.image = self.plot.image(
            image="image", source=self.source, color_mapper=self.mapper, **place, level="image"
        )
        if prepared.has_shade:
            self.shade = self.plot.image(
                image="image", source=maps.shade, color_mapper=maps.darkness, **place, level="image"
            )
        self.bar = ColorBar(color_mapper=self.mapper, height=8, padding=4, location=(0, 0), label_standoff=3)
        self.bar.ticker, self.bar.major_label_text_font_size = FixedTicker(ticks=[]), "8pt"
        self.plot.add_layout(self.bar, "below")
        self._furnish()
        self.menu = Select(
            options=[(key, layer["label"]) for key, layer in prepared.layers.items()],
            value=name,
            sizing_mode="stretch_width",
        )
        watch(self.menu, "value", self.choose)
        self.layout = column(self.menu, self.plot, sizing_mode="stretch_both")
        self._dress()

    def _furnish(self) -> None:
        plot, maps = self.plot, self.maps
        plot.grid.visible = False
        for axis, ticks in ((plot.xaxis[0], maps.ticks[0]), (plot.yaxis[0], maps.ticks[1])):
            axis.ticker = ticks
            axis.major_label_text_font_size = "8pt"
            axis.minor_tick_line_color = None
        plot.yaxis[0].major_label_orientation = "vertical"  # as wide whatever it says: all maps keep one size
        plot.title.text_font_size = "8pt"
        note = {"text_font_size": "8pt", "text_font_style": "italic", **PAPER}
        words = safe(maps.prepared.about["note"])
        plot.add_layout(Label(x=4, y=3, x_units="screen", y_units="screen", text=words, text_color="#444444", **note))
        place = CustomJSHover(args={"where": _where(maps.prepared)}, code=PLACE)
        tips = [("", "$y{custom}"), ("at", "$x{custom}")]
        value = CustomJSHover(args={"holder": self.source}, code=VALUE)
        hover = HoverTool(renderers=[self.image], tooltips=tips, formatters={"$x": place, "$y": value})
        plot.add_tools(hover)
        plot.on_event(Tap, self._tapped)
        plot.on_event(SelectionGeometry, self._selected)
        plot.on_event(RangesUpdate, lambda _: maps.changed())
        if not maps.panels:  # all have the size of the first
            watch(plot, "inner_width", partial(maps.resized, 0))
            watch(plot, "inner_height", partial(maps.resized, 1))

    def draw_marks(self) -> None:
        """Draw what lies over everything else: the region and the picked points."""
        plot, maps = self.plot, self.maps
        plot.patch("x", "y", source=maps.outline, fill_alpha=0.0, line_color="#111111", line_width=2, line_dash=[6, 3])
        look = {"source": maps.picked}
        plot.scatter("x", "y", marker="cross", size=18, line_width=5, color="white", **look)
        plot.scatter("x", "y", marker="cross", size=16, line_width=2, color="color", **look)
        words = {"text_outline_color": "white", "text_font_style": "bold", "x_offset": 7, "y_offset": -5}
        plot.text("x", "y", text="name", text_color="color", **words, **look)

    def _tapped(self, event: Any) -> None:
        if self.maps.on_tap is not None and event.x is not None and event.y is not None:
            self.maps.on_tap(event.x, event.y, bool(event.modifiers and event.modifiers.get("shift")))

    def _selected(self, event: Any) -> None:
        geometry = event.geometry or {}
        if (
            self.maps.on_region is not None
            and event.final
            and geometry.get("type") == "poly"
            and len(geometry["x"]) > 2
        ):
            self.maps.on_region(np.column_stack([geometry["x"], geometry["y"]]).astype(float))

    def choose(self, name: str) -> None:
        """Show another layer; the zoom stays."""
        if name in self.maps.prepared.layers:
            self.name = name
            self._dress()
            self.draw()

    def _dress(self) -> None:
        layer = self.maps.prepared.layers[self.name]
        self.plot.title.text = layer["label"]
        self.mapper.update(palette=layer["cmap"], low=layer["clim"][0], high=layer["clim"][1])
        classes = layer.get("classes", {})
        room = max(8, 70 // max(len(classes), 1))
        names = {int(code): name if len(name) <= room else name[: room - 1] + "…" for code, name in classes.items()}
        self.bar.ticker.ticks = list(names) if names else _round_numbers(*layer["clim"])
        self.bar.major_label_overrides = names
        self.source.tags = [{"classes": classes, "units": "" if layer["units"] == "1" else layer["units"]}]

    def draw(self) -> None:
        """Cut the layer to what is shown."""
        self.source.data = _as_data(self.maps.prepared.picture(self.name, self.maps.box, *self.maps.screen))


def watch(model: Any, name: str, task: Callable[[Any], object]) -> None:
    """Call ``task`` with the new value when the browser changes a property."""

    def changed(attr: str, old: Any, new: Any) -> None:  # noqa: ARG001  (bokeh looks at the names)
        task(new)

    model.on_change(name, changed)


def _choose_four(prepared: Prepared) -> list[str]:
    """Rate, amplitude, an uncertainty and a factor, as far as they are there; never fewer than one map."""
    wanted = [("linear_rate",), ("seasonal_amplitude",), ("linear_rate_std", "rms"), ("slope", "elevation", "ndvi")]
    found = [next((name for name in names if name in prepared.layers), None) for names in wanted]
    rest = [name for name in prepared.layers if name not in found]
    chosen = [name or (rest.pop(0) if rest else None) for name in found]
    return [name for name in chosen if name]


def _nothing() -> dict[str, list[Any]]:
    return {key: [] for key in ("image", "x", "y", "dw", "dh")}


def _as_data(picture: Any) -> dict[str, list[Any]]:
    return {key: [value] for key, value in picture._asdict().items()}


def _round_degrees(low: float, high: float, count: int) -> np.ndarray:
    step = STEPS[min(int(np.searchsorted(STEPS, (high - low) / count)), len(STEPS) - 1)]
    return np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step


def _round_numbers(low: float, high: float) -> list[float]:
    """Four to eight round numbers between two."""
    power = 10.0 ** np.floor(np.log10((high - low) / 4))
    step = max(step * power for step in (1, 2, 5) if step * power <= (high - low) / 4 * 1.0001)
    return (np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step).round(10).tolist()


def _degree(value: float, sides: str) -> str:
    return f"{abs(value):.6g}°{sides[0] if value >= 0 else sides[1]}"


def _where(prepared: Prepared) -> dict[str, Any]:
    """Longitude and latitude on a net over the maps, from which the browser interpolates."""
    frame, count = prepared.frame, 33
    x, y = np.linspace(frame.left, frame.right, count), np.linspace(frame.bottom, frame.top, count)
    lon, lat = frame.lonlat(x[None, :], y[:, None])
    net = {"lon": lon.ravel().round(6).tolist(), "lat": lat.ravel().round(6).tolist()}
    return {**net, "count": count, "left": frame.left, "bottom": frame.bottom, "dx": x[1] - x[0], "dy": y[1] - y[0]}
