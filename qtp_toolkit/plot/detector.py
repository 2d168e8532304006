"""What the geographical detector finds: bars of q with the level of chance, and q of pairs of factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.plot.figure import OWN, annotate, panel, span_y
from qtp_toolkit.plot.style import ACCENT, FACTORS, NEUTRAL, TEXT

FEW = 0.5
"""Pairs known on less than this share of the pixels of the best known one are marked."""


@panel
def q_bars(
    q: xr.DataArray | xr.Dataset | pd.Series | pd.DataFrame | Mapping[str, float],
    *,
    ax: Axes = OWN,
    highlight: Sequence[str] | None = None,
    sort: bool = True,
    values: bool = True,
    chance: Any = None,
    **style: Any,
) -> Axes:
    """Bars of the q statistic of each factor, the greatest first, with what chance alone reaches.

    Parameters
    ----------
    q : xarray.DataArray, xarray.Dataset, pandas object or mapping
        q by factor name: dim ``factor``, the index, a ``q`` column, or the keys. Factors with NaN are left out.
    ax : matplotlib.axes.Axes, optional
    highlight : sequence of str, optional
        Factors to color; by default the leading one.
    sort : bool
        Largest first, else as given.
    values : bool
        Write q upon each bar.
    chance : as ``q``, optional
        q that maps without a cause reach, by factor: ``q_null_95`` of
        :func:`qtp_toolkit.geodetector.significance`. A bar below its mark says nothing.
    **style
        Keywords of the bars.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figure 4 of the paper, which has no level of chance. Panels that share the vertical axis have one range.

    Examples
    --------
    >>> [text.get_text() for text in q_bars({"slope": 0.12, "ground_ice": 0.31}).get_xticklabels()]
    ['ground ice', 'slope']
    """
    series = factor_series(q)
    if series.empty:
        raise QtpDataError("no factor has a q value", hint="Look at n and dropped of each factor.")
    series = series.sort_values(ascending=False, kind="stable") if sort else series
    chosen = set(highlight) if highlight is not None else {series.idxmax()}
    colors = [ACCENT if name in chosen else NEUTRAL for name in series.index]
    places = np.arange(len(series))
    ax.bar(places, series.to_numpy(), **{"color": colors, "width": 0.75, **style})
    level = np.full(len(series), np.nan) if chance is None else factor_series(chance).reindex(series.index).to_numpy()
    if chance is not None:
        ends = np.column_stack([places - 0.46, places + 0.46, np.full(len(series), np.nan)]).ravel()
        words = "95 % of maps without a cause"
        ax.plot(ends, np.repeat(level, 3), color="black", lw=1.2, solid_capstyle="butt", zorder=3)
        ax.legend(handles=[Line2D([], [], color="black", lw=1.2, label=words)], loc="upper right", frameon=False)
    names = [short_name(name) for name in series.index]
    ax.set_xticks(places, names, rotation=55, ha="right", rotation_mode="anchor")
    span_y(ax, 0.0, max(float(np.nanmax([series.max(), *level])) * 1.15, 1e-3))
    ax.set(ylabel="q statistic", xlim=(-0.6, len(series) - 0.4))
    ax.grid(axis="y")
    if values:
        _write_values(ax, series.to_numpy(), level)
    return ax


def _write_values(ax: Axes, q: np.ndarray, level: np.ndarray) -> None:
    """Write each q upon its bar; above the mark of chance only where this leaves no room between the two."""
    tall = ax.get_position(original=True).height * ax.figure.canvas.figure.get_figheight() * 72
    line = 1.6 * TEXT["note"] / tall * np.ptp(ax.get_ylim())
    tops = np.where((level >= q) & (level < q + line), level, q)
    for place, (value, top) in enumerate(zip(q, tops, strict=True)):
        annotate(ax, number(value), (place, top), (0, 1), ha="center", va="bottom", fontsize=TEXT["note"])


@panel
def q_matrix(pairs: xr.Dataset, *, ax: Axes = OWN, **style: Any) -> Axes:
    """Q of pairs of factors: the colors and numbers of a triangle, the most telling factors first.

    Parameters
    ----------
    pairs : xarray.Dataset
        ``q``, ``q_first``, ``n`` and ``interaction`` (factor, other), as
        :func:`qtp_toolkit.geodetector.interaction` returns them.
    ax : matplotlib.axes.Axes, optional
    **style
        ``cmap``, ``vmin`` and ``vmax``.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Bold: more than the sum of both ("Enhance, nonlinear"). In brackets: known on less than half of the pixels that the
    best known pair has, as aspect is, which is undefined on flat ground; such a q is that of another area.

    Examples
    --------
    >>> names, matrix = ["slope", "ndvi"], np.array([[np.nan, 0.5], [0.5, np.nan]])
    >>> pairs = xr.Dataset({"q": (("factor", "other"), matrix)}, {"factor": names, "other": names})
    >>> [text.get_text() for text in q_matrix(pairs).texts]
    ['.50']
    """
    q = pairs["q"].transpose("factor", "other")
    order = np.argsort(-np.nan_to_num(q.mean("other", skipna=True).values), kind="stable")
    pairs, q = pairs.isel(factor=order, other=order), q.isel(factor=order, other=order)
    count = len(order)
    lower = np.tril(np.ones((count, count), dtype=bool), -1)
    shown = np.where(lower, np.asarray(q.values, dtype="float64"), np.nan)
    top = float(np.nanmax(shown, initial=0.0)) or 1.0
    how: dict[str, Any] = {"cmap": "cmc.lipari_r", "vmin": 0.0, "vmax": top, **style}
    image = ax.imshow(shown, **how)
    few, more = _marks(pairs, lower)
    for row, column in zip(*np.nonzero(np.isfinite(shown)), strict=True):
        text = number(shown[row, column])
        dark = shown[row, column] > (how["vmin"] + how["vmax"]) / 2
        look: dict[str, Any] = {
            "fontsize": TEXT["note"],
            "color": "white" if dark else "black",
            "ha": "center",
            "va": "center",
        }
        weight = "bold" if more[row, column] else "normal"
        ax.text(column, row, f"({text})" if few[row, column] else text, fontweight=weight, **look)
    names = [short_name(str(name)) for name in pairs["factor"].values]
    ax.set_xticks(range(count - 1), names[:-1], rotation=55, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(1, count), names[1:])
    ax.set(xlim=(-0.5, count - 1.5), ylim=(count - 0.5, 0.5))
    ax.spines[["top", "right"]].set_visible(False)
    bar = ax.figure.colorbar(image, cax=ax.inset_axes((0.62, 0.93, 0.36, 0.035)), orientation="horizontal")
    bar.set_label("q of the pair")
    words = ["bold: more than the sum of both"] * bool(more.any())
    words += ["( ): on less than half of the pixels"] * bool(few.any())
    where: dict[str, Any] = {"ha": "right", "va": "top", "transform": ax.transAxes}
    ax.text(0.98, 0.76, "\n".join(words), fontsize=TEXT["tick"], **where) if words else None
    return ax


def _marks(pairs: xr.Dataset, lower: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that rest on few pixels, and those that tell more than the sum of both."""
    few, more = np.zeros_like(lower), np.zeros_like(lower)
    if "n" in pairs:
        n = np.where(lower, pairs["n"].transpose("factor", "other").values, 0)
        few = lower & (n < FEW * n.max())
    if "interaction" in pairs:
        more = lower & (pairs["interaction"].transpose("factor", "other").values == "Enhance, nonlinear")
    return few, more


def number(value: float) -> str:
    """Write q with two digits and without the zero in front.

    >>> number(0.123), number(1.0)
    ('.12', '1')
    """
    text = f"{value:.2f}"
    return "1" if text == "1.00" else text.removeprefix("0")


def short_name(factor: str) -> str:
    """Name of a factor on an axis with many of them.

    >>> short_name("magt"), short_name("ground_ice")
    ('MAGT', 'ground ice')
    """
    return FACTORS.get(str(factor), str(factor).replace("_", " "))


def factor_series(q: Any) -> pd.Series:
    """Q by factor name from any of the tables that :func:`q_bars` takes; NaN left out."""
    if isinstance(q, xr.Dataset | pd.DataFrame):
        q = q["q"]
    if isinstance(q, xr.DataArray):
        q = pd.Series(np.asarray(q.values), index=[str(name) for name in q[q.dims[0]].values])
    return pd.Series(q, dtype="float64").dropna()
