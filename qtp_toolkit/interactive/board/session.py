"""One visitor's dashboard: maps on the left, the clicked pixel or the drawn region on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import (
    Button,
    CheckboxButtonGroup,
    Div,
    GlobalInlineStyleSheet,
    RadioButtonGroup,
    Select,
    Slider,
    TabPanel,
    Tabs,
)

from qtp_toolkit.interactive.board import download, maps, words
from qtp_toolkit.interactive.board.boxes import Boxes
from qtp_toolkit.interactive.board.curves import Curves
from qtp_toolkit.interactive.board.pixel import Change, Reading, read
from qtp_toolkit.interactive.board.prepared import Prepared
from qtp_toolkit.interactive.board.region import Region, factor_names, look
from qtp_toolkit.interactive.page import safe

SIDE = 500
"""Width of the right-hand side, pixels."""
PAGE = """
html, body { margin: 0; height: 100%; font-family: "DejaVu Sans", Verdana, sans-serif; }
"""
TEXT = """
.bk-clearfix { width: 100%; }
:host { font-family: "DejaVu Sans", Verdana, sans-serif; font-size: 12px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: 1px 6px; border-bottom: 1px solid #ddd; font-weight: normal; }
th { font-weight: bold; }
td:first-child { text-align: left; }
p { margin: 4px 0; line-height: 1.35; }
h1 { font-size: 16px; margin: 2px 0; font-weight: normal; }
small { color: #555; }
"""
SLIDERS = {
    "ratio": ("Conductivity ratio, times", 0.5, 2.0, 0.05, 1.0),
    "shift": ("Onsets later, days", -40, 40, 1, 0),
    "threshold": ("Freezing point of the onsets, °C", -3.0, 3.0, 0.25, 0.0),
    "bias": ("Temperature warmer, K", -4.0, 4.0, 0.25, 0.0),
}


AT_FIRST = ("hillshade", "lakes", "faults", "highway", "regions")
"""What lies over the maps before anyone switches it."""


class Session:
    """State of one visitor; ``layout`` is the page."""

    def __init__(
        self, prepared: Prepared, *, title: str, later: Callable[[Callable[[], None]], None], document: Any = None
    ) -> None:
        self.prepared, self.document = prepared, document
        self.later, self._due = later, False
        self.points: dict[str, Reading] = {}
        self.region: Region | None = None
        self.maps = maps.Maps(prepared, later=later)
        self.curves, self.boxes, self.files = Curves(prepared.dates), Boxes(), download.Download()
        self.said, self.said_of_region = _words(words.DRAW), _words(words.DRAW)
        self.sliders = {
            key: Slider(
                title=name, start=low, end=high, step=step, value=value, tooltips=False, sizing_mode="stretch_width"
            )
            for key, (name, low, high, step, value) in SLIDERS.items()
        }
        self.which = RadioButtonGroup(labels=["Point A", "Point B"], active=0)
        layers = [(key, layer["label"]) for key, layer in prepared.layers.items()]
        factors = factor_names(prepared) or [*prepared.layers]
        self.value = Select(title="Map", options=layers[:], value=layers[0][0], width=225)
        self.factor = Select(
            title="By", options=[(key, prepared.layers[key]["label"]) for key in factors], value=factors[0], width=225
        )
        self.tabs = Tabs(tabs=[], width=SIDE + 16, styles={"overflow-y": "auto", "max-height": "100vh"})
        self.layout = self._arrange(title)
        self._connect()
        start = first_pixel(prepared)
        if start is not None:
            self.pick("A", *prepared.frame.center(*start))

    def _arrange(self, title: str) -> Any:
        note = self.prepared.about["note"]
        head = f"<h1>{words.text(title)}" + (f" · <small>{words.text(note)}</small>" if note else "") + "</h1>"
        says = (
            "<small>Displacement in the line of sight, positive toward the satellite. Click for a pixel, "
            "shift-click for a second one; scroll to zoom.</small>"
        )
        renderers = self.maps.overlays
        if self.prepared.has_shade:
            renderers = {"hillshade": [panel.shade for panel in self.maps.panels], **renderers}
        self.switch = CheckboxButtonGroup(
            labels=[safe(name.replace("_", " ").capitalize()) for name in renderers],
            active=[i for i, name in enumerate(renderers) if name in AT_FIRST],
        )
        self.switched = [*renderers.values()]
        self.show_overlays(self.switch.active)
        bar = row(*self.maps.buttons, *([self.switch] if renderers else []), sizing_mode="stretch_width")
        top = _words(head + says)
        left = column(top, bar, self.maps.layout, sizing_mode="stretch_both", min_width=560)
        self.save = [Button(label=label, width=60) for label in ("CSV", "PNG")]
        self.clear, self.neutral = Button(label="Clear B", width=75), Button(label="Reset sliders", width=105)
        pairs = [*self.sliders.values()]
        pixel = column(
            row(self.which, self.clear, self.neutral, *self.save),
            self.said,
            self.curves.series,
            row(*pairs[:2], sizing_mode="stretch_width"),
            row(*pairs[2:], sizing_mode="stretch_width"),
            self.curves.warmth,
            self.curves.index,
            width=SIDE,
        )
        self.save_region = [Button(label=label, width=60) for label in ("CSV", "PNG")]
        region = column(
            row(self.value, self.factor), self.said_of_region, self.boxes.layout, row(*self.save_region), width=SIDE
        )
        self.tabs.tabs = [TabPanel(child=pixel, title="Pixel"), TabPanel(child=region, title="Region")]
        sheet = GlobalInlineStyleSheet(css=PAGE)
        return row(
            left,
            self.tabs,
            sizing_mode="stretch_width",
            height=640,
            styles={"height": "100vh"},
            stylesheets=[sheet],
            tags=[self.files.source],
        )

    def _connect(self) -> None:
        self.maps.on_tap = self.tapped
        self.maps.on_region = self.drawn
        for slider in self.sliders.values():
            maps.watch(slider, "value", self.moved)
        self.clear.on_click(self.forget)
        self.neutral.on_click(self.to_neutral)
        for menu in (self.value, self.factor):
            maps.watch(menu, "value", lambda _: self.drawn(None))
        maps.watch(self.switch, "active", self.show_overlays)
        for button, ending in zip((*self.save, *self.save_region), ("csv", "png") * 2, strict=True):
            button.on_click(partial(self._send, ending, of_region=button in self.save_region))

    def _send(self, ending: str, *, of_region: bool) -> None:
        """Hand the browser the selection as a file."""
        if of_region and self.region is not None:
            table = ending == "csv"
            body = download.region_csv(self.prepared, self.region) if table else download.region_png(self.region)
            self.files.send(f"region.{ending}", body)
        elif not of_region and self.points:
            make = download.points_csv if ending == "csv" else download.points_png
            self.files.send(f"points.{ending}", make(self.prepared, self.points))

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Send all changes to the browser together."""
        if self.document is None:
            yield
            return
        self.document.hold("combine")
        try:
            yield
        finally:
            self.document.unhold()

    @property
    def change(self) -> Change:
        """What the sliders say."""
        return Change(**{key: float(slider.value) for key, slider in self.sliders.items()})

    def tapped(self, x: float, y: float, second: bool) -> None:
        """Pick the point that was clicked."""
        self.pick("B" if second or self.which.active == 1 else "A", x, y)

    def pick(self, name: str, x: float, y: float) -> None:
        """Read a pixel and show it."""
        at = self.prepared.frame.pixel(x, y)
        if at is None:
            return
        name = name if "A" in self.points else "A"  # the first is what the second is compared with
        self.points[name] = read(self.prepared, *at, self.change)
        self.tabs.active = 0
        self.show_points()

    def show_points(self) -> None:
        """Fill curves and words, and mark the points on the maps."""
        first, second = self.points.get("A"), self.points.get("B")
        with self._at_once():
            self.maps.mark([(name, at.x, at.y) for name, at in sorted(self.points.items())])
            self.curves.show(first, second, words.title_of(self.prepared, first, second))
            self.said.text = words.describe_points(self.prepared, first, second, self.change)

    def moved(self, _: Any = None) -> None:
        """Recompute soon, once for all moves of the sliders until then."""
        if not self._due:
            self._due = True
            self.later(self.recompute)

    def recompute(self) -> None:
        """Read the picked pixels anew, as the sliders have them."""
        self._due = False
        self.points = {
            name: read(self.prepared, at.row, at.column, self.change) for name, at in sorted(self.points.items())
        }
        self.show_points()

    def forget(self) -> None:
        """Drop the second point."""
        self.points.pop("B", None)
        self.which.active = 0
        self.show_points()

    def to_neutral(self) -> None:
        """Put the sliders where the maps are."""
        for key, slider in self.sliders.items():
            slider.value = SLIDERS[key][4]

    def drawn(self, corners: np.ndarray | None) -> None:
        """Look at the region that was drawn, or at the last one with another map or factor."""
        if corners is None and self.region is None:
            return
        outline = corners if corners is not None else self.region.corners  # type: ignore[union-attr]
        value, factor = self.value.value, self.factor.value
        self.region = look(self.prepared, outline, value, factor)
        with self._at_once():
            closed = np.vstack([outline, outline[:1]])
            self.maps.outline.data = {"x": closed[:, 0], "y": closed[:, 1]}
            self.boxes.show(self.prepared, self.region, value, factor)
            self.said_of_region.text = words.describe_region(self.prepared, self.region, value, factor)
            self.tabs.active = 1

    def show_overlays(self, active: list[int]) -> None:
        """Switch relief and outlines on and off."""
        for i, renderers in enumerate(self.switched):
            for renderer in renderers:
                renderer.visible = i in active


def _words(text: str) -> Div:
    return Div(text=text, stylesheets=[TEXT], sizing_mode="stretch_width")


def first_pixel(prepared: Prepared) -> tuple[int, int] | None:
    """Pixel of the strongest value of the coarsest level: something to look at before the first click."""
    layer = prepared.layers[next(iter(prepared.layers))]
    step = 2 ** (layer["levels"] - 1)
    values = np.abs(np.asarray(prepared.array(f"{layer['stem']}_{layer['levels'] - 1}"), dtype=float))
    if not np.isfinite(values).any():
        return None
    row_, column_ = np.unravel_index(np.nanargmax(values), values.shape)
    inside = slice(row_ * step, (row_ + 1) * step), slice(column_ * step, (column_ + 1) * step)
    fine = np.abs(np.asarray(prepared.array(f"{layer['stem']}_0")[inside], dtype=float))
    down, right = np.unravel_index(np.nanargmax(fine), fine.shape)
    return int(row_ * step + down), int(column_ * step + right)
