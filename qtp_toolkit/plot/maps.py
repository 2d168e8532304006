"""Maps: thinned to the pixels of the figure, shaded, with color bar or legend, graticule and scale bar."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from itertools import cycle
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LightSource, ListedColormap, Normalize
from matplotlib.patches import Patch

from qtp_toolkit._classes import class_names
from qtp_toolkit.conventions import REASONS, X, Y, require
from qtp_toolkit.plot.figure import FLAT, OWN, mark_limits, panel, room, wrap
from qtp_toolkit.plot.overlay import frame, graticule, layers, scale_bar
from qtp_toolkit.plot.style import (
    CLASS_COLORS,
    LIMITS,
    LINE,
    PRINT_DPI,
    STYLE,
    TEXT,
    Style,
    label,
    said_of,
    style_of,
)

SHADE_FLOOR = 0.6
COLORBAR = "colorbar"
BLANK = "hatched: no value"


@panel
def deformation_map(
    da: xr.DataArray,
    *,
    ax: Axes = OWN,
    hillshade: xr.DataArray | None = None,
    overlays: Mapping[str, pd.DataFrame] | None = None,
    coordinates: str = "graticule",
    colorbar: bool = True,
    scale: bool = True,
    north_arrow: bool = True,
    **style: Any,
) -> Axes:
    """Map of a deformation rate, an amplitude, or any other (y, x) variable, classes included.

    Parameters
    ----------
    da : xarray.DataArray
        Dims (y, x), projected meters or degrees; NaN stays blank. May be lazy: it is thinned to the pixels that the
        figure has before it is computed, by taking every n-th row and column. Integer data with ``attrs["classes"]``
        (``{code: name}``) get a legend.
    ax : matplotlib.axes.Axes, optional
        Panel to draw into; by default a new figure with the shape of the map.
    hillshade : xarray.DataArray, optional
        Elevation (y, x) in m in the same CRS, shaded from the northwest beneath the colors.
    overlays : mapping of str to pandas.DataFrame, optional
        Vector tables (lon/lat) by name; ``lakes``, ``glaciers``, ``faults``, ``highway``, ``regions``, ``profiles``,
        ``stations``, ``study_area`` and ``reference`` have a style of their own.
    coordinates : {"graticule", "km", "none"}
        Ticks in degrees of longitude and latitude, in kilometers from the lower left corner, or none.
    colorbar, scale, north_arrow : bool
        Furniture to draw; the arrow stands beside the scale bar.
    **style
        ``cmap``, ``vmin``, ``vmax`` in place of those of :data:`STYLE`, for maps that are compared from
        :func:`limits`; ``ends``, the percentiles of the data at which the colors end, which the foot of the figure
        says; ``label`` in place of the one from attributes; ``title`` as in every panel.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figure 3 of the paper. The color maps are perceptually uniform and readable with color blindness (cmcrameri); a
    signed variable is symmetric about zero, red for motion away from the satellite (subsidence).

    Examples
    --------
    >>> grid = {"y": np.arange(500.0, 0.0, -100.0), "x": np.arange(0.0, 800.0, 100.0)}
    >>> rate = xr.DataArray(np.linspace(-8, 8, 40).reshape(5, 8), grid, name="linear_rate", attrs={"units": "mm/yr"})
    >>> ax = deformation_map(rate, vmax=10)
    >>> ax.child_axes[0].get_ylim() == (-10.0, 10.0)
    True
    """
    require(da, dims=(Y, X))
    thin = decimate(da, ax)
    classes = classes_of(thin)
    rgba, mappable = _class_colors(thin, classes) if classes else _colors(thin, style)
    rgba = rgba if hillshade is None else _shade(rgba, thin, hillshade)
    ax.imshow(rgba, extent=extent_of(da), origin=_origin(da), interpolation="nearest", zorder=1)
    frame(ax, da)
    if scale:
        scale_bar(ax, north=north_arrow)
    layers(ax, overlays or {})
    if coordinates == "graticule":
        graticule(ax)
    elif coordinates == "km":
        _label_kilometers(ax)
    else:
        ax.set(xticks=[], yticks=[])
    text = style.get("label") or label(da)
    if colorbar and classes:
        _add_legend(ax, classes, set(np.unique(decimate(da).values).tolist()), text)
    elif colorbar:
        _add_color_bar(ax, mappable, extent_of(da), text)
        _tell_limits(ax, da, style)
    _hatch_blank(ax, rgba)
    return ax


@panel
def onset_map(da: xr.DataArray, *, ax: Axes = OWN, **style: Any) -> Axes:
    """Map of an onset in day of year (1 January 00:00 is 1.0), its color bar marked with dates.

    Parameters
    ----------
    da : xarray.DataArray
        Dims (y, x), day of year: a mean onset.
    ax : matplotlib.axes.Axes, optional
    **style
        As for :func:`deformation_map`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> grid = {"y": np.arange(500.0, 0.0, -100.0), "x": np.arange(0.0, 800.0, 100.0)}
    >>> onset = xr.DataArray(np.linspace(118, 170, 40).reshape(5, 8), grid, attrs={"units": "day of year"})
    >>> [text.get_text() for text in onset_map(onset, vmin=118, vmax=170).child_axes[0].get_yticklabels()]
    ['1 May', '11 May', '21 May', '1 Jun', '11 Jun']
    """
    require(da, dims=(Y, X), quantity="thaw_onset")
    title = str(da.attrs.get("long_name", "onset"))
    style = {"label": f"{title[:1].upper()}{title[1:]} (date)", **style}
    deformation_map(da, ax=ax, **style)
    for bar in (inset for inset in ax.child_axes if inset.get_gid() == COLORBAR):
        # The long side: the short one of a color bar runs from 0 to 1.
        axis = bar.xaxis if bar.get_ylim() == (0.0, 1.0) else bar.yaxis
        ticks = date_ticks(*axis.get_view_interval())
        axis.set_major_locator(mpl.ticker.FixedLocator([day for day, _ in ticks]))
        axis.set_major_formatter(mpl.ticker.FixedFormatter([text for _, text in ticks]))
        axis.set_minor_locator(mpl.ticker.NullLocator())
    return ax


@panel
def quicklook(da: xr.DataArray, *, ax: Axes = OWN, **style: Any) -> Axes:
    """First look at any array: a map if it has y and x, a line if it has one dim, else a histogram.

    Parameters
    ----------
    da : xarray.DataArray
        Any dims. Of dims besides y and x the middle element is shown, and the heading says which.
    ax : matplotlib.axes.Axes, optional
    **style
        Passed to :func:`deformation_map` for maps, to matplotlib otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> grid = {"time": [0, 1, 2], "y": [300.0, 200.0, 100.0], "x": [0.0, 100.0, 200.0]}
    >>> quicklook(xr.DataArray(np.arange(27.0).reshape(3, 3, 3), grid)).get_title()
    'time 1'
    """
    if {Y, X} <= set(da.dims):
        middle = {dim: da.sizes[dim] // 2 for dim in da.dims if dim not in (Y, X)}
        picked = da.isel(middle)
        title = ", ".join(_describe_place(da, dim, index) for dim, index in middle.items())
        return deformation_map(picked, ax=ax, **{"scale": False, "title": title, **style})
    if da.ndim == 1:
        dim = str(da.dims[0])
        ax.plot(da[dim].values, da.values, **{"color": LINE, **style})
        ax.set(xlabel=label(da[dim]), ylabel=label(da))
        if np.issubdtype(da[dim].dtype, np.datetime64):
            concise_dates(ax)
        return ax
    values = np.asarray(da.values, dtype="float64").ravel()
    ax.hist(values[np.isfinite(values)], **{"bins": 60, "color": LINE, **style})
    ax.set(xlabel=label(da), ylabel="Number of values")
    return ax


def decimate(da: xr.DataArray, ax: Axes | None = None, *, dpi: int = PRINT_DPI) -> xr.DataArray:
    """Take every n-th row and column, n as large as the pixels of ``ax`` at ``dpi`` allow; lazy if the input is lazy.

    Without ``ax`` a map of at most 1500 rows and columns is kept.
    """
    wide = tall = 1500.0
    if ax is not None:
        figure = ax.figure.canvas.figure
        spec = ax.get_subplotspec()
        rows, columns = spec.get_gridspec().get_geometry() if spec is not None else (1, 1)
        wide = figure.get_figwidth() * dpi / columns
        tall = figure.get_figheight() * dpi / rows
    step = int(max(1, min(da.sizes[X] // wide, 10_000), min(da.sizes[Y] // tall, 10_000)))
    return da.isel({Y: slice(step // 2, None, step), X: slice(step // 2, None, step)}) if step > 1 else da


def classes_of(da: xr.DataArray) -> dict[int, str]:
    """``{code: name}`` of a class raster; the reason codes of a ``reason`` layer."""
    return class_names(da) or (REASONS if da.name == "reason" else {})


def extent_of(da: xr.DataArray) -> tuple[float, float, float, float]:
    """Outer edges (left, right, bottom, top) of the pixels of a regular grid."""
    left, right = _edges(np.asarray(da[X], dtype="float64"))
    bottom, top = _edges(np.asarray(da[Y], dtype="float64"))
    return left, right, bottom, top


def concise_dates(ax: Axes) -> None:
    """Label a time axis without repeating years, and without a word of matplotlib's in an offset."""
    locator = mdates.AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, show_offset=False))


def _edges(centers: np.ndarray) -> tuple[float, float]:
    half = abs(centers[-1] - centers[0]) / max(len(centers) - 1, 1) / 2 or 0.5
    return float(centers.min() - half), float(centers.max() + half)


def _origin(da: xr.DataArray) -> Literal["lower", "upper"]:
    y = np.asarray(da[Y], dtype="float64")
    return "lower" if len(y) > 1 and y[0] < y[-1] else "upper"


def _colors(da: xr.DataArray, style: Mapping[str, Any]) -> tuple[np.ndarray, mpl.cm.ScalarMappable]:
    loaded = da.copy(data=np.asarray(da.values, dtype="float64"))
    how = style_of(loaded, **style)
    mappable = mpl.cm.ScalarMappable(Normalize(how["vmin"], how["vmax"]), how["cmap"])
    values = np.ma.masked_invalid(loaded.values)
    mappable.set_array(values)
    return np.asarray(mappable.cmap(mappable.norm(values), bytes=False)), mappable


def _class_colors(da: xr.DataArray, classes: dict[int, str]) -> tuple[np.ndarray, mpl.cm.ScalarMappable]:
    codes = sorted(classes)
    cmap = ListedColormap([color for color, _ in zip(cycle(CLASS_COLORS), codes, strict=False)])
    mappable = mpl.cm.ScalarMappable(BoundaryNorm(np.arange(len(codes) + 1) - 0.5, len(codes)), cmap)
    values = np.asarray(da.values, dtype="float64")
    index = np.searchsorted(codes, values).clip(0, len(codes) - 1)
    known = np.isfinite(values) & (np.asarray(codes, dtype="float64")[index] == values)
    return cmap(np.ma.masked_where(~known, index)), mappable


def _shade(rgba: np.ndarray, da: xr.DataArray, elevation: xr.DataArray) -> np.ndarray:
    """Multiply colors by a hillshade; blank pixels stay blank. One row has no relief."""
    if min(da.shape) < 2:
        return rgba
    z = elevation.sel({Y: da[Y], X: da[X]}, method="nearest").transpose(Y, X)
    height = np.asarray(z.values, dtype="float64")
    height = np.where(np.isfinite(height), height, np.nanmin(height) if np.isfinite(height).any() else 0.0)
    steep = np.percentile(
        np.hypot(*np.gradient(height)), 90
    )  # exaggerated so that flat and steep maps both show relief
    upright = slice(None, None, -1 if _origin(da) == "lower" else 1)  # the light knows rows from north to south
    light = LightSource(azdeg=315, altdeg=45)
    shade = light.hillshade(height[upright], vert_exag=1.0 / steep if steep > 0 else 1.0)[upright]
    out = np.array(rgba)
    out[..., :3] *= SHADE_FLOOR + (1 - SHADE_FLOOR) * shade[..., None]
    return out


def _hatch_blank(ax: Axes, rgba: np.ndarray) -> None:
    """Hatch blank pixels, as pale is what maps about zero are, too; not where most of a map was cut out."""
    if 0.0 < np.mean(rgba[..., 3] == 0) < 0.5:
        ax.patch.set(hatch="/" * 7, facecolor="white", edgecolor="0.6", linewidth=0.0)
        mark_limits(ax, BLANK)


def _tell_limits(ax: Axes, da: xr.DataArray, style: Mapping[str, Any]) -> None:
    """Say at the foot of the figure at which percentiles the colors end, unless they were given as numbers."""
    row = STYLE.get(str(da.name), Style(""))
    given = [style.get(key) is not None or getattr(row, key) is not None for key in ("vmin", "vmax")]
    if LIMITS in style or not (all(given) or (row.symmetric and any(given))):
        mark_limits(ax, style.get(LIMITS) or said_of(style.get("ends") or row.ends))


def _add_legend(ax: Axes, classes: dict[int, str], present: set[int], title: str) -> None:
    handles = [
        Patch(facecolor=color, edgecolor="0.4", lw=0.4, label=classes[code])
        for code, color in zip(sorted(classes), cycle(CLASS_COLORS), strict=False)
        if code in present
    ]
    if handles:
        beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0}
        ax.legend(handles=handles, title=title, alignment="left", frameon=False, **beside)


def _add_color_bar(ax: Axes, mappable: Any, extent: tuple[float, float, float, float], text: str) -> None:
    left, right, bottom, top = extent
    shape = (top - bottom) / (right - left)
    flat = shape < FLAT
    beside = (1.04, 0.2, 0.06, 0.6) if shape > 1.4 else (1.03, 0.0, 0.045, 1.0)
    inset = ax.inset_axes((0.2, -0.12 / shape, 0.6, 0.02 / shape) if flat else beside)
    inset.set_gid(COLORBAR)
    values = mappable.get_array().compressed()
    below, above = (values < mappable.norm.vmin).any(), (values > mappable.norm.vmax).any()
    extend = ("both" if above else "min") if below else ("max" if above else "neither")
    across = "horizontal" if flat else "vertical"
    bar = ax.figure.colorbar(mappable, cax=inset, orientation=across, extend=extend, extendfrac=0.03)
    bar.outline.set_linewidth(0.5)
    # A label that is longer than its bar would push the map together until nothing is left of it.
    bar.set_label(wrap(text, 38 if flat else min(38, room(ax, TEXT["label"], across=False))))


def _label_kilometers(ax: Axes) -> None:
    for axis, (start, end) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        steps = mpl.ticker.MaxNLocator(5).tick_values(0, end - start)
        axis.set_major_locator(mpl.ticker.FixedLocator([start + step for step in steps if 0 <= step <= end - start]))
        # mypy infers no lambda with a default
        axis.set_major_formatter(lambda value, _, start=start: f"{(value - start) / 1000:g}")  # type: ignore[misc]
    ax.set(xlabel="Easting from the left edge (km)", ylabel="Northing from the lower edge (km)")


def date_ticks(low: float, high: float) -> list[tuple[int, str]]:
    """Day of year and date for the first of each month between two days, and for days between where they are near."""
    days = (1, 6, 11, 16, 21, 26) if high - low < 45 else (1, 11, 21) if high - low < 90 else (1,)
    start = pd.Timestamp(2015, 1, 1)  # days beyond New Year are not wrapped: below 1, above 365
    dates = [pd.Timestamp(year, month, day) for year in (2014, 2015, 2016) for month in range(1, 13) for day in days]
    numbers = {(d - start).days + 1: f"{d.day} {calendar.month_abbr[d.month]}" for d in dates}
    return [(number, text) for number, text in numbers.items() if low <= number <= high]


def _describe_place(da: xr.DataArray, dim: Any, index: int) -> str:
    if dim not in da.coords:
        return f"{dim} {index}"
    value = da[dim].values[index]
    return str(np.datetime_as_string(value, "D")) if np.issubdtype(da[dim].dtype, np.datetime64) else f"{dim} {value}"
