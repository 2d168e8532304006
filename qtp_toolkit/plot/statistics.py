"""Distributions: box plots of one and two factors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from qtp_toolkit.conventions import PERCENTILE, STRATUM, QtpDataError, require
from qtp_toolkit.plot.figure import OWN, annotate, panel, room, span_y
from qtp_toolkit.plot.style import GROUP_COLORS, LINE, TEXT, label, minus

PERCENTILES = (2, 25, 50, 75, 98)
SECOND = "stratum2"
LONE = 1.5
"""A box that reaches this many times as high as all others is cut, and its ends written: it would crush the others."""


@panel
def box(
    table: xr.Dataset,
    *,
    ax: Axes = OWN,
    xlabel: str | None = None,
    ylabel: str | None = None,
    counts: bool = False,
    min_count: int = 1,
    span: bool = False,
    **style: Any,
) -> Axes:
    """Box plot from a table of percentiles: whiskers at 2 and 98 %, box from 25 to 75 %, line at the median.

    Parameters
    ----------
    table : xarray.Dataset
        ``quantile`` (stratum, percentile) and ``count`` (stratum), coords ``left``, ``right``, ``label``, as
        :func:`qtp_toolkit.regions.box_table` returns it.
    ax : matplotlib.axes.Axes, optional
    xlabel, ylabel : str, optional
        In place of those from attributes.
    counts : bool
        Write the number of pixels above each box.
    min_count : int
        Strata with fewer pixels are left out.
    span : bool
        Show the whole range of the strata, and say where there are too few pixels; else only where there are boxes.
    **style
        ``color`` of the boxes.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figures 5a-b, 6a-b, 8a-b and 9 of the paper.

    Examples
    --------
    >>> rows = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 3.0, 4.0, 5.0, 6.0]])
    >>> parts = {"quantile": (("stratum", "percentile"), rows), "count": ("stratum", [40, 60])}
    >>> table = xr.Dataset(parts, {"percentile": [2, 25, 50, 75, 98], "label": ("stratum", ["dry", "wet"])})
    >>> [text.get_text() for text in box(table).get_xticklabels()]
    ['dry', 'wet']
    """
    require(table["quantile"], dims=(STRATUM, PERCENTILE))
    places, width, ticks = places_of(table)
    number = np.asarray(table["count"].values)
    keep = number >= max(min_count, 1)
    stats = _box_stats(table["quantile"].isel({STRATUM: keep}))
    _draw_boxes(ax, stats, places[keep], width * 0.7, style.get("color", LINE))
    if counts:
        for place, row, count in zip(places[keep], stats, number[keep], strict=True):
            how = {"ha": "center", "va": "bottom", "fontsize": TEXT["note"], "rotation": 90}
            annotate(ax, f"{int(count):,}", (place, row["whishi"]), (0, 2), **how)
    _set_ticks(ax, places if span else places[keep], width, ticks)
    if span and keep.any() and not keep[-1]:
        empty = (places[keep][-1] + places[-1] + width) / 2
        words = f"fewer than\n{min_count:,} pixels"
        annotate(ax, words, (empty, 0.5), (0, 0), xycoords=("data", "axes fraction"), ha="center", color="0.4")
    _fit_y(ax, stats, places[keep], room_above=0.22 if counts else 0.04)
    ax.set(xlabel=xlabel or factor_label(table), ylabel=ylabel or value_label(table))
    ax.grid(axis="y")
    return ax


@panel
def box2(
    table: xr.Dataset,
    *,
    ax: Axes = OWN,
    xlabel: str | None = None,
    ylabel: str | None = None,
    legend_title: str | None = None,
    min_count: int = 1,
    colors: Sequence[str] = GROUP_COLORS,
) -> Axes:
    """Box plots in groups, for two factors: the first along the axis, the second side by side in colors.

    Parameters
    ----------
    table : xarray.Dataset
        ``quantile`` (stratum, stratum2, percentile) and ``count`` (stratum, stratum2), as
        :func:`qtp_toolkit.regions.box_table2` returns it.
    ax : matplotlib.axes.Axes, optional
    xlabel, ylabel, legend_title : str, optional
        In place of those from attributes.
    min_count : int
        Cells with fewer pixels are left out.
    colors : sequence of str
        One for each stratum of the second factor.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figures 6c and 8c of the paper.

    Examples
    --------
    >>> cells = np.sort(np.arange(20.0).reshape(2, 2, 5))
    >>> dims = ("stratum", "stratum2")
    >>> parts = {"quantile": ((*dims, "percentile"), cells), "count": (dims, [[40, 60], [50, 0]])}
    >>> table = xr.Dataset(parts, {"percentile": [2, 25, 50, 75, 98], "label2": ("stratum2", ["north", "south"])})
    >>> [text.get_text() for text in box2(table).get_legend().get_texts()]
    ['north', 'south']
    """
    require(table["quantile"], dims=(STRATUM, SECOND, PERCENTILE))
    places, width, ticks = places_of(table)
    groups = table.sizes[SECOND]
    names = stratum_names(table, SECOND)
    slot = width * 0.8 / groups
    fills = [color for color, _ in zip(cycle(colors), names, strict=False)]
    drawn: list[tuple[dict[str, Any], float]] = []
    for group, fill in enumerate(fills):
        one = table.isel({SECOND: group})
        keep = np.asarray(one["count"].values) >= max(min_count, 1)
        at = places + (group - (groups - 1) / 2) * slot
        stats = _box_stats(one["quantile"].isel({STRATUM: keep}))
        _draw_boxes(ax, stats, at[keep], slot * 0.85, fill)
        drawn += zip(stats, at[keep], strict=True)
    some = (np.asarray(table["count"].transpose(STRATUM, SECOND).values) >= max(min_count, 1)).any(axis=1)
    _set_ticks(ax, places[some], width, ticks)
    handles = [Patch(facecolor=fill, alpha=0.6, label=minus(name)) for fill, name in zip(fills, names, strict=True)]
    _fit_y(ax, [row for row, _ in drawn], np.array([at for _, at in drawn]), room_above=0.3)
    title = legend_title or factor_label(table, "2") or None
    tight = {"columnspacing": 0.8, "handlelength": 1.0, "handletextpad": 0.4, "frameon": False}
    ax.legend(handles=handles, title=title, ncols=min(groups, 4), loc="upper center", **tight)
    ax.set(xlabel=xlabel or factor_label(table), ylabel=ylabel or value_label(table))
    ax.grid(axis="y")
    return ax


def _box_stats(quantile: xr.DataArray) -> list[dict[str, Any]]:
    have = [float(p) for p in quantile[PERCENTILE].values]
    missing = [p for p in PERCENTILES if p not in have]
    if missing:
        raise QtpDataError("a box needs five percentiles", variable="quantile", expected=PERCENTILES, found=have)
    keys = ("whislo", "q1", "med", "q3", "whishi")
    values = quantile.transpose(STRATUM, PERCENTILE).isel({PERCENTILE: [have.index(p) for p in PERCENTILES]}).values
    return [{"fliers": [], **dict(zip(keys, map(float, row), strict=True))} for row in values]


def _draw_boxes(ax: Axes, stats: list[dict[str, Any]], places: np.ndarray, width: float, color: str) -> None:
    if not stats:
        return
    thin = {"color": "0.25", "linewidth": 0.6}
    ax.bxp(
        stats,
        positions=places,
        widths=width,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": color, "alpha": 0.6, "edgecolor": "0.25", "linewidth": 0.6},
        medianprops={"color": "black", "linewidth": 1.2},
        whiskerprops=thin,
        capprops=thin,
    )


def _fit_y(ax: Axes, stats: list[dict[str, Any]], places: np.ndarray, *, room_above: float) -> None:
    """Set the vertical range, that of all panels that share the axis; cut one box that would crush the others."""
    if not stats:
        return
    low = min(row["whislo"] for row in stats)
    high = sorted(row["whishi"] for row in stats)
    top, tallest = high[-1], int(np.argmax([row["whishi"] for row in stats]))
    cut = low + 1.15 * (high[-2] - low) if len(high) > 2 else top
    if top - low > LONE * (cut - low) and stats[tallest]["med"] < cut:
        look: dict[str, Any] = {"va": "top", "fontsize": TEXT["note"], "xycoords": ("data", "axes fraction")}
        words = f"\N{UPWARDS ARROW} 75 %: {stats[tallest]['q3']:.0f}\n   98 %: {top:.0f}"
        annotate(ax, minus(words), (places[tallest], 1.0), (7, -2), **look)
        top = cut
    span_y(ax, low - 0.04 * (top - low), top + room_above * (top - low))


def places_of(table: xr.Dataset) -> tuple[np.ndarray, float, list[tuple[float, str]]]:
    """Centers and width of the boxes on the axis, and ticks: bin edges if the bins are even, else names."""
    number = table.sizes[STRATUM]
    if {"left", "right"} <= set(table.coords) and number > 1:
        left, right = (np.asarray(table[side].values, dtype="float64") for side in ("left", "right"))
        width = right - left
        if np.isfinite(width).all() and np.allclose(width, width[0], rtol=1e-3) and np.allclose(left[1:], right[:-1]):
            edges = np.append(left, right[-1])
            return (left + right) / 2, float(width[0]), [(float(edge), f"{edge:.6g}") for edge in edges]
    places = np.arange(number, dtype="float64")
    return places, 1.0, list(zip(places.tolist(), stratum_names(table, STRATUM), strict=True))


def stratum_names(table: xr.Dataset, dim: str) -> list[str]:
    """Names of the strata along a dim, from its labels if it has any."""
    for name in ("label", "label2") if dim == STRATUM else ("label2", "label"):
        if name in table.coords and table[name].dims == (dim,):
            return [str(text) for text in table[name].values]
    return [str(value) for value in table[dim].values]  # without a coordinate their numbers


def _set_ticks(ax: Axes, shown: np.ndarray, width: float, ticks: list[tuple[float, str]]) -> None:
    """Set the ticks of the strata that are shown: edges as many as fit, names slanted where they do not."""
    if shown.size:
        ax.set_xlim(shown[0] - width * 0.75, shown[-1] + width * 0.75)
    low, high = ax.get_xlim()
    ticks = [(at, text) for at, text in ticks if low <= at <= high]
    fits = room(ax, TEXT["tick"])
    slant: dict[str, Any] = {}
    if ticks and all(_is_number(text) for _, text in ticks):
        ticks = ticks[:: int(np.ceil(sum(len(text) + 2 for _, text in ticks) / fits))]
    else:
        ticks, slant = _fold(ticks, fits)
    ax.set_xticks([at for at, _ in ticks], [minus(text) for _, text in ticks], **slant)


def _fold(ticks: list[tuple[float, str]], fits: int) -> tuple[list[tuple[float, str]], dict[str, Any]]:
    """Names of classes as they are, on two lines, or slanted: the first that leaves them room."""
    folded = [(at, re.sub(r"( to| [<>=]+|[a-z]) ", r"\1\n", text, count=1)) for at, text in ticks]
    for named in (ticks, folded):
        widest = max((len(line) for _, text in named for line in text.splitlines()), default=0)
        if len(named) * (widest + 1) <= 1.2 * fits:
            return named, {}
    return ticks, {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def factor_label(table: xr.Dataset, which: str = "") -> str:
    """Label of the factor that made the strata, from the attributes of their dim or of their edges."""
    for name in (f"{STRATUM}{which}", f"left{which}", f"label{which}"):
        if name in table.coords and table[name].attrs.get("long_name"):
            return label(table[name])
    return ""


def value_label(table: xr.Dataset) -> str:
    """Label of what the boxes show; says so where subsidence was made positive."""
    words = label(table["quantile"])
    return f"{words}\nsubsidence positive" if table.attrs.get("sign") == "subsidence_positive" else words
