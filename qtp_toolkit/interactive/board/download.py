"""What leaves the dashboard: the numbers of a selection as CSV, its figure as PNG."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, CustomJS

from qtp_toolkit.interactive.board.curves import error_of
from qtp_toolkit.interactive.board.difference import ESTIMATES
from qtp_toolkit.interactive.board.pixel import Reading
from qtp_toolkit.interactive.board.prepared import Prepared
from qtp_toolkit.interactive.board.region import Region, table_of
from qtp_toolkit.interactive.board.scripts import SAVE
from qtp_toolkit.interactive.board.words import place


class Download:
    """Hands files to the browser; ``source`` must be part of the page."""

    def __init__(self) -> None:
        self.source = ColumnDataSource({"name": [], "kind": [], "body": []})
        self.source.js_on_change("data", CustomJS(code=SAVE))

    def send(self, name: str, body: bytes) -> None:
        """Have the browser save a file."""
        kind = "image/png" if name.endswith(".png") else "text/csv"
        self.source.data = {"name": [name], "kind": [kind], "body": [base64.b64encode(body).decode()]}


def points_csv(prepared: Prepared, points: dict[str, Reading]) -> bytes:
    """Every day and every acquisition of the clicked points: series, model, temperature, degree days, indices."""
    head = [f"# {prepared.about['note']}"] if prepared.about["note"] else []
    parts = []
    for name, at in points.items():
        head.append(f"# point {name}: {place(prepared, at.x, at.y)}; x {at.x:.1f}, y {at.y:.1f}; {at.why or 'ok'}")
        numbers = {
            key: prepared.value(key, at.row, at.column) for key in (*ESTIMATES, *(f"{e}_std" for e in ESTIMATES))
        }
        head += [f"# point {name}: {key} {value:.6g}" for key, value in numbers.items()]
        parts.append(point_table(at).assign(point=name))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    text = "\n".join(line.replace("\n", " ") for line in head) + "\n" + table.to_csv(index=False, float_format="%.6g")
    return text.encode()


def point_table(at: Reading) -> pd.DataFrame:
    """All days of a point, and its acquisitions."""
    columns: dict[str, pd.Series] = {}
    if at.displacement is not None:
        days = pd.DatetimeIndex(at.displacement["time"].values)
        columns["displacement_mm"] = pd.Series(at.displacement.values, days)
        columns["std_mm"] = pd.Series(np.broadcast_to(error_of(at)[0], days.size), days)
    if at.weather is not None:
        days = pd.DatetimeIndex(at.weather.days)
        for key in ("lst", "addt", "addf"):
            columns[key] = pd.Series(getattr(at.weather, key), days)
        columns["linear_index"] = at.weather.linear.to_series()
        columns["composite_index"] = at.weather.composite.to_series()
    if at.model is not None:
        columns["model_mm"] = at.model.to_series()
    return pd.DataFrame(columns).rename_axis("date").reset_index()


def region_csv(prepared: Prepared, region: Region) -> bytes:
    """Pixels of a region."""
    note = f"# {prepared.about['note']}\n" if prepared.about["note"] else ""
    return (note + table_of(prepared, region).to_csv(index=False, float_format="%.8g")).encode()


def points_png(prepared: Prepared, points: dict[str, Reading]) -> bytes:
    """Figure of the clicked points in the style of the static figures: where they are, and their series."""
    from qtp_toolkit import plot  # noqa: PLC0415  (matplotlib loads when a figure is asked for)

    fig, axes = plot.new(1, 1 + len(points), width="double", aspect=0.42)
    _locate(prepared, axes[0], points)
    for ax, (name, at) in zip(axes[1:], points.items(), strict=True):
        if at.displacement is None:
            ax.set_title(f"{name}: no time series")
            continue
        ends: dict[str, Any] = {}
        if at.weather is not None and np.isfinite([at.weather.thaw, at.weather.freeze]).all():
            ends = {"thaw_onset": at.weather.thaw, "freeze_onset": at.weather.freeze}
        error = at.displacement.copy(data=np.broadcast_to(error_of(at)[0], at.displacement.shape))
        plot.time_series(at.displacement, ax=ax, fit=at.model, error=error, **ends)
        with plot.house():
            ax.set_title(f"{name}: {place(prepared, at.x, at.y)}{f', {at.why}' if at.why else ''}", loc="left")
    return _as_png(fig)


def region_png(region: Region) -> bytes:
    """Figure of a region: its boxes."""
    from qtp_toolkit import plot  # noqa: PLC0415

    fig, ax = plot.new(1, 1, width="double", aspect=0.5)
    if region.table is not None:
        plot.box(region.table, ax=ax)
    plot.figure.mark_provenance(ax, *region.maps.data_vars.values())
    return _as_png(fig)


def _locate(prepared: Prepared, ax: Any, points: dict[str, Reading]) -> None:
    """Map of the rate, thinned, with the points."""
    from qtp_toolkit import plot  # noqa: PLC0415

    frame, name = prepared.frame, next(iter(prepared.layers))
    step = max(1, max(frame.rows, frame.columns) // 1200)
    maps = prepared.cut([name], slice(0, frame.rows), slice(0, frame.columns), step)
    plot.deformation_map(maps[name], ax=ax)
    for label, at in points.items():
        ax.plot(at.x, at.y, "+", ms=9, mew=1.6, color="black", zorder=7)
        ax.annotate(label, (at.x, at.y), xytext=(4, 4), textcoords="offset points", fontweight="bold", zorder=7)


def _as_png(fig: Any) -> bytes:
    from qtp_toolkit import plot  # noqa: PLC0415

    stream = io.BytesIO()
    with plot.house():
        plot.figure.settle(fig)
        fig.savefig(stream, format="png")
    return stream.getvalue()
