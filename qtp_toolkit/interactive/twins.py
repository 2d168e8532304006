"""Twins of the static panels: the same names, data, colors and labels; they return HoloViews objects."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import PERCENTILE, STRATUM, TIME, X, Y, require
from qtp_toolkit.interactive.loading import holoviews
from qtp_toolkit.interactive.page import RASTERIZE_ABOVE, caption, colors, heading, safe
from qtp_toolkit.plot.baselines import heights_of, lines_of, number_of
from qtp_toolkit.plot.detector import factor_series, short_name
from qtp_toolkit.plot.figure import map_aspect
from qtp_toolkit.plot.lines import distances, middle_and_band, model_lines
from qtp_toolkit.plot.maps import classes_of, date_ticks
from qtp_toolkit.plot.statistics import SECOND, factor_label, places_of, stratum_names, value_label
from qtp_toolkit.plot.style import ACCENT, CLASS_COLORS, FAULT, GROUP_COLORS, LINE, NEUTRAL, STATION_COLORS, TEXT

HEIGHT = 480
_SCREEN = 1.3
"""Text of a view on a screen over that of the printed figure."""
FONTS = {
    part: f"{round(_SCREEN * TEXT[size])}pt"
    for part, size in {"title": "title", "labels": "label", "ticks": "tick", "legend": "legend"}.items()
}
SIZE = {"responsive": False, "width": 720, "height": 380, "fontsize": FONTS}
_LETTER = 0.62 * _SCREEN * TEXT["title"] * 4 / 3
"""Width of a letter of a title in pixels."""
_KILOMETERS = "return (tick / 1000).toFixed(0)"


def deformation_map(da: xr.DataArray, *, title: str = "", rasterize: bool | None = None, **style: Any) -> Any:
    """Map that can be zoomed and read off; see :func:`qtp_toolkit.plot.deformation_map`.

    Parameters
    ----------
    da : xarray.DataArray
        Dims (y, x). Loaded if lazy.
    title : str
        Heading.
    rasterize : bool, optional
        Draw by datashader for the zoom at hand; by default for maps of more than 400 000 pixels.
    **style
        ``cmap``, ``vmin``, ``vmax``, ``label``, ``frame_height`` (pixels).

    Returns
    -------
    holoviews.Image or holoviews.DynamicMap

    Examples
    --------
    >>> grid = {"y": np.arange(500.0, 0.0, -100.0), "x": np.arange(0.0, 800.0, 100.0)}
    >>> rate = xr.DataArray(np.linspace(-8, 8, 40).reshape(5, 8), grid, name="linear_rate", attrs={"units": "mm/yr"})
    >>> deformation_map(rate).range("value")
    (-8.0, 8.0)
    """
    require(da, dims=(Y, X))
    hv = holoviews()
    tall = int(style.pop("frame_height", HEIGHT))
    text = safe(style.pop("label")) if "label" in style else caption(da)
    rasterize = da.sizes[Y] * da.sizes[X] > RASTERIZE_ABOVE if rasterize is None else rasterize
    classes = classes_of(da)
    plain = da.reset_coords(drop=True).compute().rename("value")
    how = _class_keys(classes) if classes else colors(da, **style)
    wide = int(min(max(tall / map_aspect(da), 160), 900))
    image = hv.Image(plain.to_dataset(), [X, Y], hv.Dimension("value", range=how["clim"]))
    if rasterize:
        from holoviews.operation import datashader  # noqa: PLC0415  (only large maps need it, and it compiles)

        image = datashader.rasterize(image, aggregator="mean")
    options = {"colorbar_opts": how["ticks"]} if "ticks" in how else {}
    if _in_meters(da):
        from bokeh.models import CustomJSTickFormatter  # noqa: PLC0415

        options |= {f"{axis}formatter": CustomJSTickFormatter(code=_KILOMETERS) for axis in "xy"}
    options |= {"title": _title(title, wide, da) or " ", "xlabel": _axis_label(da, X), "ylabel": _axis_label(da, Y)}
    options |= {"clabel": text, "clim": how["clim"], "cmap": how["cmap"], "colorbar": True}
    frame = {"frame_height": tall, "frame_width": wide, "xticks": max(wide // 90, 2), "fontsize": FONTS}
    return image.opts(_image_options(framewise=True, responsive=False, **frame, **options))


def onset_map(da: xr.DataArray, *, title: str = "", **style: Any) -> Any:
    """Map of an onset whose color bar is marked with dates; see :func:`qtp_toolkit.plot.onset_map`."""
    require(da, dims=(Y, X), quantity="thaw_onset")
    image = deformation_map(da, title=title, **style)
    low, high = colors(da, **style)["clim"]
    return image.opts(_image_options(colorbar_opts=_mark_ticks(dict(date_ticks(low, high)))))


def quicklook(da: xr.DataArray, *, title: str = "", **style: Any) -> Any:
    """First look at any array: maps with a slider for each further dim, a line, or a histogram."""
    hv = holoviews()
    if {Y, X} <= set(da.dims):
        rest = [dim for dim in da.dims if dim not in (Y, X)]
        if not rest:
            return deformation_map(da, title=title, **style)
        limits = colors(da.isel({dim: da.sizes[dim] // 2 for dim in rest}))["clim"]
        style = {"vmin": limits[0], "vmax": limits[1], **style}
        dims = [hv.Dimension(str(dim), values=list(range(da.sizes[dim]))) for dim in rest]

        def one(*index: int) -> Any:
            return deformation_map(da.isel(dict(zip(rest, index, strict=True))), title=title, **style)

        return hv.DynamicMap(one, kdims=dims)
    if da.ndim == 1:
        data = pd.DataFrame({"at": da[da.dims[0]].values, "value": np.asarray(da.values)})
        labels = {"xlabel": caption(da[da.dims[0]]), "ylabel": caption(da), "title": heading(title, da)}
        return hv.Curve(data, "at", "value").opts(color=LINE, tools=["hover"], **labels, **SIZE)
    return histogram(da, title=title)


def histogram(da: xr.DataArray, *, title: str = "", bins: int = 60, **style: Any) -> Any:
    """Histogram of the values between the 0.5th and the 99.5th percentile."""
    hv = holoviews()
    values = np.asarray(da.values, dtype="float64").ravel()
    values = values[np.isfinite(values)]
    ends = np.percentile(values, (0.5, 99.5)) if values.size else (0.0, 1.0)
    counts, edges = np.histogram(values, bins=bins, range=(ends[0], max(ends[1], ends[0] + 1e-9)))
    how = {"xlabel": caption(da), "ylabel": "Number of pixels", "title": heading(title, da), "color": NEUTRAL, **SIZE}
    return hv.Histogram((edges, counts), kdims="value", vdims="count").opts(**{**how, **style})


def time_series(
    displacement: xr.DataArray,
    *,
    fit: xr.DataArray | Mapping[str, xr.DataArray] | None = None,
    error: xr.DataArray | float | None = None,
    title: str = "",
    **style: Any,
) -> Any:
    """Points with their bars, and models as lines; see :func:`qtp_toolkit.plot.time_series`."""
    require(displacement, dims=(TIME,))
    hv = holoviews()
    data = {"time": displacement[TIME].values, "value": np.asarray(displacement.values, dtype="float64")}
    look = {"color": NEUTRAL, "line_color": "black", "size": 6, "tools": ["hover"]}
    points = hv.Scatter(data, "time", "value", label="InSAR").opts(**look)
    lines = []
    for name, da, how in reversed(model_lines(fit)):
        curve = hv.Curve({"time": da[TIME].values, "value": np.asarray(da.values)}, "time", "value", label=safe(name))
        lines.append(curve.opts(color=how["color"], line_dash="solid" if how["ls"] == "-" else "dashed"))
    how = {"xlabel": "Date", "ylabel": caption(displacement), "title": heading(title, displacement, fit)}
    legend = {"show_legend": fit is not None, "legend_position": "top_right"}
    if error is None:
        return hv.Overlay([points, *lines]).opts(**legend, **{**how, **SIZE, **style})
    bars = {**data, "error": np.broadcast_to(np.asarray(error, dtype="float64"), data["value"].shape)}
    bars = hv.ErrorBars(bars, "time", ["value", "error"]).opts(line_color="#999999")
    return hv.Overlay([bars, points, *lines]).opts(**legend, **{**how, **SIZE, **style})


def network(
    pairs: xr.DataArray | xr.Dataset,
    *,
    baseline: xr.DataArray | None = None,
    reference_date: Any = None,
    title: str = "",
    **style: Any,
) -> Any:
    """Pairs as lines between acquisitions; see :func:`qtp_toolkit.plot.network`."""
    hv = holoviews()
    dates, i, j, height, words = heights_of(pairs, baseline, reference_date)
    times = dates.to_numpy()
    x, y = lines_of(dates, i, j, height, words)
    ends = {"from": x[:, :-2].ravel(), "y0": y[:, :-2].ravel(), "to": x[:, 1:-1].ravel(), "y1": y[:, 1:-1].ravel()}
    lines = hv.Segments(ends, ["from", "y0", "to", "y1"]).opts(color="#999999", line_width=0.6)
    points = hv.Scatter({"date": times, "height": height}, "date", "height")
    points = points.opts(marker="triangle", size=8, color="#8ec9e8", line_color="#2b6f99", tools=["hover"])
    if reference_date is not None:
        at = [number_of(dates, reference_date)]
        mark = hv.Scatter({"date": times[at], "height": height[at]}, "date", "height")
        points = points * mark.opts(marker="triangle", size=13, color=ACCENT, line_color="black", tools=["hover"])
    how = {"xlabel": "Acquisition date", "ylabel": words, "title": heading(title, pairs), **SIZE, **style}
    return (lines * points).opts(show_legend=False, **how)


def box(table: xr.Dataset, *, title: str = "", **style: Any) -> Any:
    """Boxes from a table of percentiles; see :func:`qtp_toolkit.plot.box`."""
    require(table["quantile"], dims=(STRATUM, PERCENTILE))
    places, width, ticks = places_of(table)
    overlay = _boxes(table["quantile"], places, width * 0.7, style.pop("color", LINE))
    return overlay.opts(**{**_describe_boxes(table, ticks, title), **style})


def box2(table: xr.Dataset, *, title: str = "", **style: Any) -> Any:
    """Boxes in groups for two factors; see :func:`qtp_toolkit.plot.box2`."""
    require(table["quantile"], dims=(STRATUM, SECOND, PERCENTILE))
    hv = holoviews()
    places, width, ticks = places_of(table)
    names = stratum_names(table, SECOND)
    slot = width * 0.8 / len(names)
    parts = []
    for group, (name, color) in enumerate(zip(names, cycle(GROUP_COLORS), strict=False)):
        at = places + (group - (len(names) - 1) / 2) * slot
        parts += list(_boxes(table["quantile"].isel({SECOND: group}), at, slot * 0.85, color, safe(name)))
    return hv.Overlay(parts).opts(**{**_describe_boxes(table, ticks, title), "legend_position": "right", **style})


def _describe_boxes(table: xr.Dataset, ticks: list[tuple[float, str]], title: str) -> dict[str, Any]:
    return {
        "xlabel": safe(factor_label(table)),
        "ylabel": safe(value_label(table)),
        "title": heading(title, table),
        "xticks": [(at, safe(text)) for at, text in ticks],
        **SIZE,
    }


def q_bars(q: Any, *, highlight: Sequence[str] | None = None, chance: Any = None, title: str = "", **style: Any) -> Any:
    """Bars of q, the greatest first, with what chance reaches; see :func:`qtp_toolkit.plot.q_bars`."""
    hv = holoviews()
    series = factor_series(q).sort_values(ascending=False, kind="stable")
    chosen = set(highlight) if highlight is not None else {series.idxmax()}
    color = [ACCENT if name in chosen else NEUTRAL for name in series.index]
    names = [safe(short_name(name)) for name in series.index]
    data = pd.DataFrame({"factor": names, "q": series.to_numpy(), "color": color})
    how = {"xlabel": "", "ylabel": "q statistic", "title": heading(title, q), "xrotation": 55, "tools": ["hover"]}
    bars = hv.Bars(data, "factor", ["q", "color"]).opts(color="color", **{**how, **SIZE, **style})
    if chance is None:
        return bars
    level = pd.DataFrame({"factor": names, "chance": factor_series(chance).reindex(series.index).to_numpy()})
    marks = hv.Scatter(level, "factor", "chance", label="95 % of maps without a cause")
    return bars * marks.opts(marker="dash", size=24, line_width=3, color="black", tools=["hover"])


def profile(
    values: xr.DataArray | xr.Dataset,
    *,
    faults: Mapping[str, float] | Sequence[float] = (),
    title: str = "",
    **style: Any,
) -> Any:
    """Median along a profile with its band; see :func:`qtp_toolkit.plot.profile`."""
    hv = holoviews()
    middle, lower, upper = middle_and_band(values)
    along, words = distances(middle)
    parts = []
    if lower is not None and upper is not None:
        band = {"at": along, "low": np.asarray(lower.values), "high": np.asarray(upper.values)}
        parts.append(hv.Area(band, "at", ["low", "high"]).opts(color=LINE, alpha=0.25, line_alpha=0))
    data = {"at": along, "value": np.asarray(middle.values)}
    parts.append(hv.Curve(data, "at", "value").opts(color=LINE, tools=["hover"]))
    places = faults.values() if isinstance(faults, Mapping) else faults
    parts += [hv.VLine(float(place)).opts(color=FAULT, line_width=1) for place in places]
    how = {"xlabel": safe(words), "ylabel": caption(middle), "title": heading(title, values), "show_legend": False}
    return hv.Overlay(parts).opts(**{**how, **SIZE, **style})


def alt_scatter(
    alt: xr.DataArray,
    amplitude: xr.DataArray,
    *,
    calibrated: xr.DataArray | None = None,
    vegetation: Sequence[str] | None = None,
    title: str = "",
    **style: Any,
) -> Any:
    """Seasonal amplitude against active layer thickness; see :func:`qtp_toolkit.plot.alt_scatter`."""
    hv = holoviews()
    groups = np.asarray(vegetation if vegetation is not None else ["Stations"] * amplitude.size, dtype=object)
    parts = []
    for thickness, marker, suffix in ((alt, "circle", ""), (calibrated, "square", ", calibrated")):
        if thickness is None:
            continue
        for group, color in zip(dict.fromkeys(groups), cycle(STATION_COLORS), strict=False):
            here = groups == group
            data = {"alt": np.asarray(thickness.values)[here], "amplitude": np.asarray(amplitude.values)[here]}
            points = hv.Scatter(data, "alt", "amplitude", label=safe(f"{group}{suffix}"))
            parts.append(points.opts(marker=marker, size=8, color=color, line_color="black", tools=["hover"]))
    how = {
        "xlabel": "Active layer thickness (m)",
        "ylabel": caption(amplitude),
        "title": heading(title, amplitude, alt),
    }
    return hv.Overlay(parts).opts(legend_position="right", **{**how, **SIZE, **style})


def _boxes(quantile: xr.DataArray, places: np.ndarray, width: float, color: str, name: str = "") -> Any:
    hv = holoviews()
    rows = quantile.transpose(STRATUM, PERCENTILE).sel({PERCENTILE: [2, 25, 50, 75, 98]}).values
    keep = np.isfinite(rows).all(axis=1)
    rows, at, half = rows[keep], np.asarray(places)[keep], width / 2
    middle = {"x0": at - half, "y0": rows[:, 1], "x1": at + half, "y1": rows[:, 3]}
    tall = {"x0": at, "y0": rows[:, 0], "x1": at, "y1": rows[:, 4]}
    median = {"x0": at - half, "y0": rows[:, 2], "x1": at + half, "y1": rows[:, 2]}
    kdims = ["x0", "y0", "x1", "y1"]
    return (
        hv.Segments(tall, kdims).opts(color="#444444", line_width=1)
        * hv.Rectangles(middle, kdims, label=name).opts(color=color, alpha=0.75, line_color="#444444")
        * hv.Segments(median, kdims).opts(color="black", line_width=2)
    )


def _class_keys(classes: Mapping[int, str]) -> dict[str, Any]:
    codes = sorted(classes)
    named = dict(zip(codes, cycle(CLASS_COLORS), strict=False))
    cmap = [named.get(code, "#ffffff") for code in range(codes[0], codes[-1] + 1)]  # one color a code, gaps included
    return {"cmap": cmap, "clim": (codes[0] - 0.5, codes[-1] + 0.5), "ticks": _mark_ticks(classes)}


def _mark_ticks(names: Mapping[Any, str]) -> dict[str, Any]:
    from bokeh.models import FixedTicker  # noqa: PLC0415

    return {"ticker": FixedTicker(ticks=list(names)), "major_label_overrides": {k: safe(v) for k, v in names.items()}}


def _image_options(**options: Any) -> Any:
    return holoviews().opts.Image(tools=["hover"], **options)


def _axis_label(da: xr.DataArray, dim: str) -> str:
    geographic = "spatial_ref" in da.coords and "GEOGCS" in str(da["spatial_ref"].attrs.get("crs_wkt", ""))[:8]
    unit = "km" if _in_meters(da) else "m"
    names = {X: ("Longitude (°)", f"Easting ({unit})"), Y: ("Latitude (°)", f"Northing ({unit})")}
    return names[dim][0 if geographic else 1]


def _in_meters(da: xr.DataArray) -> bool:
    return max(abs(float(da[X][0])), abs(float(da[Y][0]))) > 1e4


def _title(title: str, wide: float, *objects: Any) -> str:
    """Heading on as many lines as its width needs."""
    return "\n".join(textwrap.wrap(heading(title, *objects), max(int(wide / _LETTER), 12)))
