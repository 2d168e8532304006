"""Curves of the clicked points: series with error bars and daily model, temperature, degree days and index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, DataRange1d, LinearAxis, Span
from bokeh.plotting import figure

from qtp_toolkit.interactive.board.pixel import Reading

MODEL = ("#c1440e", "#2b6cb0")
POINT = ("#8c96a0", "#a9c7e6")
ERROR_FROM_FIT = "rms of the fit"
DAYS = np.timedelta64(1, "D")


class Curves:
    """Three figures with one time axis: ``series``, ``warmth`` and ``index``."""

    def __init__(self, dates: np.ndarray) -> None:
        self.seen = [ColumnDataSource({key: [] for key in ("time", "value", "low", "high")}) for _ in range(2)]
        self.models = [ColumnDataSource({"time": [], "value": []}, name=f"model {name}") for name in "AB"]
        self.daily = ColumnDataSource({key: [] for key in ("time", "lst", "addt", "addf", "index")})
        self.seasons = ColumnDataSource({"start": [], "end": []})
        self.series = self._figure("LOS displacement (mm)", 215)
        span = (dates.min(), dates.max()) if dates.size else ("2015-01-01", "2020-01-01")
        start, end = (pd.Timestamp(day).value / 1e6 for day in span)
        self.series.x_range.update(start=start - 3e9, end=end + 3e9)
        self._draw_series()
        self.warmth = self._figure("LST (°C)", 100)
        zero = Span(location=0, dimension="width", line_color="#777777", line_width=1)
        self.warmth.add_layout(zero)
        self.warmth.line("time", "lst", source=self.daily, color="#1b6e6a", line_width=1)
        self.index = self._figure("Index I", 140)
        self._draw_index()

    def _figure(self, label: str, height: int) -> Any:
        linked = {} if not hasattr(self, "series") else {"x_range": self.series.x_range}
        plot = figure(
            x_axis_type="datetime", height=height, tools="xpan,xwheel_zoom,reset,save", toolbar_location=None,
            sizing_mode="stretch_width", min_border_left=62, min_border_right=58, **linked,
        )  # fmt: skip
        plot.vstrip("start", "end", source=self.seasons, fill_color="#f3d9b1", fill_alpha=0.45, line_color=None)
        plot.yaxis.axis_label = label
        plot.yaxis.axis_label_text_font_style = "normal"
        plot.yaxis.axis_label_text_font_size = "9pt"
        plot.title.text_font_size = "9pt"
        plot.yaxis.minor_tick_line_color = None
        plot.yaxis.ticker.desired_num_ticks = height // 35
        plot.ygrid.grid_line_alpha = 0.4
        plot.xgrid.visible = False
        return plot

    def _draw_series(self) -> None:
        drawn: list[Any] = []
        for i, name in ((1, "B"), (0, "A")):
            seen, model = self.seen[i], self.models[i]
            bars = self.series.segment("time", "low", "time", "high", source=seen, color=POINT[i], line_width=1)
            dots = {"size": 5, "fill_color": POINT[i], "line_color": "#333333", "line_width": 0.6}
            points = self.series.scatter("time", "value", source=seen, legend_label=f"InSAR {name}", **dots)
            line = self.series.line(
                "time", "value", source=model, color=MODEL[i], line_width=1.6, legend_label=f"model {name}"
            )
            drawn += [bars, points, line]
        self.series.y_range = DataRange1d(renderers=drawn)
        legend = self.series.legend[0]
        legend.update(orientation="horizontal", location="top_left", label_text_font_size="8pt", padding=3, spacing=8)
        legend.update(background_fill_alpha=0.6, border_line_color=None, margin=2)
        legend.items = legend.items[2:] + legend.items[:2]  # B lies below A, but comes after it

    def _draw_index(self) -> None:
        index = self.index.line("time", "index", source=self.daily, color="#111111", line_width=1.4)
        self.index.y_range = DataRange1d(renderers=[index])
        self.index.extra_y_ranges = {"sums": DataRange1d()}
        warm, cold = (
            self.index.line("time", name, source=self.daily, color=color, line_dash=[4, 2], y_range_name="sums")
            for name, color in (("addt", "#c1440e"), ("addf", "#2b6cb0"))
        )
        self.index.extra_y_ranges["sums"].renderers = [warm, cold]
        axis = LinearAxis(y_range_name="sums", axis_label="degree days (°C d)", axis_label_text_font_size="8pt")
        axis.axis_label_text_font_style = "normal"
        self.index.add_layout(axis, "right")
        self.index.title.text = "Index I (black), degree days of thaw (red), of frost (blue)"

    def show(self, first: Reading | None, second: Reading | None, title: str) -> None:
        """Fill the figures."""
        for i, at in enumerate((first, second)):
            self.seen[i].data = _points(at)
            self.models[i].data = _line(at)
        for item in self.series.legend[0].items:
            if item.label.value.endswith("B"):
                item.visible = second is not None
        self.series.title.text = title
        weather = None if first is None else first.weather
        if weather is None:
            self.daily.data = {key: [] for key in self.daily.data}
            self.seasons.data = {"start": [], "end": []}
            self.warmth.title.text = "" if first is None else "no temperature here"
            return
        values = {"lst": weather.lst, "addt": weather.addt, "addf": weather.addf, "index": weather.composite.values}
        self.daily.data = {"time": weather.days, **values}
        self.seasons.data = _thaw_seasons(weather.days, weather.thaw, weather.freeze)
        self.warmth.title.text = (
            f"Land surface temperature; thaw season {day_name(weather.thaw)} to {day_name(weather.freeze)}"
        )


def error_of(at: Reading) -> tuple[np.ndarray | float, str]:
    """One standard deviation of every date, and where it comes from."""
    if at.std is not None:
        return at.std, "of the inversion"
    return at.estimate("rms"), ERROR_FROM_FIT


def day_name(day: float) -> str:
    """Day of year as a date."""
    if not np.isfinite(day):
        return "?"
    date = pd.Timestamp(2015, 1, 1) + pd.Timedelta(days=day - 1)
    return f"{date.day} {date:%b}"


def _points(at: Reading | None) -> dict[str, Any]:
    if at is None or at.displacement is None or at.why:
        return {key: [] for key in ("time", "value", "low", "high")}
    kept = at.displacement.dropna("time")
    error = error_of(at)[0]
    error = error[np.isfinite(at.displacement.values)] if isinstance(error, np.ndarray) else error
    return {"time": kept["time"].values, "value": kept.values, "low": kept.values - error, "high": kept.values + error}


def _line(at: Reading | None) -> dict[str, Any]:
    if at is None or at.model is None:
        return {"time": [], "value": []}
    return {"time": at.model["time"].values, "value": at.model.values}


def _thaw_seasons(days: np.ndarray, thaw: float, freeze: float) -> dict[str, Any]:
    if not (np.isfinite(thaw) and np.isfinite(freeze)):
        return {"start": [], "end": []}
    years = np.unique(days.astype("datetime64[Y]")).astype("datetime64[ns]")
    ends = [years + np.timedelta64(round((day - 1) * 86400), "s") for day in (thaw, freeze)]
    return {"start": ends[0], "end": ends[1]}
