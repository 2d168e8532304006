"""Figures of a drawn region: boxes of a map by classes of a factor, and q of every factor."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FactorRange
from bokeh.plotting import figure

from qtp_toolkit.interactive.board.prepared import Prepared
from qtp_toolkit.interactive.board.region import Region
from qtp_toolkit.interactive.page import safe

BOX, CHOSEN, OTHER = "#1f4e79", "#eda88c", "#d3d8dd"


class Boxes:
    """Two figures; ``layout`` is what is shown."""

    def __init__(self) -> None:
        keys = ("class", "low", "first", "median", "third", "high", "count")
        self.table = ColumnDataSource({key: [] for key in keys})
        self.bars = ColumnDataSource({"factor": [], "q": [], "color": []})
        look = {"toolbar_location": None, "tools": "hover", "sizing_mode": "stretch_width", "min_border_left": 62}
        tips = [("class", "@class"), ("median", "@median{0.00}"), ("pixels", "@count{0,0}")]
        self.plot = figure(x_range=FactorRange(), height=270, tooltips=tips, **look)
        self.plot.segment("class", "low", "class", "high", source=self.table, color="#444444")
        half = {"width": 0.7, "source": self.table, "line_color": "#444444", "fill_color": BOX, "fill_alpha": 0.7}
        self.plot.vbar("class", bottom="first", top="third", **half)
        self.plot.scatter("class", "median", source=self.table, marker="dash", size=22, color="black", line_width=2)
        self.plot.xaxis.major_label_orientation = 0.7
        tips = [("", "@factor"), ("q", "@q{0.000}")]
        self.ranking = figure(y_range=FactorRange(), x_range=(0, 1), height=300, tooltips=tips, **look)
        self.ranking.hbar("factor", right="q", height=0.8, source=self.bars, color="color")
        self.ranking.text(
            0, "factor", text="factor", source=self.bars, x_offset=5, text_font_size="8pt", text_baseline="middle"
        )
        self.ranking.yaxis.visible = False
        self.ranking.xaxis.axis_label = "q in the region"
        for plot in (self.plot, self.ranking):
            plot.title.text_font_size = "9pt"
            plot.xgrid.grid_line_alpha = plot.ygrid.grid_line_alpha = 0.4
            plot.axis.axis_label_text_font_style = "normal"
        self.layout = column(self.plot, self.ranking, sizing_mode="stretch_width")

    def show(self, prepared: Prepared, region: Region, value: str, factor: str) -> None:
        """Fill the figures."""
        note = safe(prepared.about["note"])
        self.plot.title.text = note
        self.plot.yaxis.axis_label = prepared.layers[value]["label"]
        self.plot.xaxis.axis_label = prepared.layers[factor]["label"]
        rows = _rows(region)
        self.plot.x_range.factors = rows["class"]
        self.table.data = rows
        names = {name: prepared.layers[name]["label"].rsplit(" (", 1)[0] for name in region.q}
        self.ranking.y_range.factors = [*dict.fromkeys(names.values())][::-1]
        self.ranking.x_range.end = max([*region.q.values(), 0.05]) * 1.1
        colors = [CHOSEN if name == factor else OTHER for name in region.q]
        self.bars.data = {"factor": [*names.values()], "q": [*region.q.values()], "color": colors}


def _rows(region: Region) -> dict[str, Any]:
    keys = ("low", "first", "median", "third", "high")
    if region.table is None:
        return {key: [] for key in ("class", *keys, "count")}
    table = region.table
    known = np.isfinite(table["quantile"].values).all(axis=1)
    ends = zip(table["left"].values, table["right"].values, table["label"].values, strict=True)
    names = [f"{low:.3g} to {high:.3g}" if np.isfinite(low + high) else safe(label) for low, high, label in ends]
    labels = [f"{name}{'*' * names[:i].count(name)}" for i, name in enumerate(names) if known[i]]  # each its own place
    values = {key: table["quantile"].values[known, i] for i, key in enumerate(keys)}
    return {"class": labels, **values, "count": table["count"].values[known]}
