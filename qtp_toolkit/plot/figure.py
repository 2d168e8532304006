"""Figures of house size: new ones, panels drawn in house style, notes, letters, saving."""

from __future__ import annotations

import base64
import functools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine, TightLayoutEngine

from qtp_toolkit._notebook import QuietPath, in_kernel, show
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.plot.style import DPI, HOUSE, house, provenance

MM = 1 / 25.4
WIDTHS = {"single": 90.0, "double": 190.0}
"""Column widths of the journal in mm."""

_PAGE, _ROW = 240.0, 50.0
"""mm: a figure is no higher than a page, unless its rows would be less than readable."""

NOTE_GID = "provenance-note"

OWN: Any = None
"""Default of ``ax``: :func:`panel` makes axes of its own."""

Panel = TypeVar("Panel", bound=Callable[..., Axes])


def panel(function: Panel) -> Panel:
    """Draw ``function`` in house style, on new axes if it got none, and print where the data come from.

    New axes belong to a figure of pyplot, which a notebook shows when the cell ends.
    """

    @functools.wraps(function)
    def draw(data: Any, *args: Any, ax: Axes | None = None, title: str | None = None, **style: Any) -> Axes:
        # The first figure picks the backend, which switches interactive mode on: leaving the house would undo that.
        figure = plt.figure(**_page(like=data)) if ax is None else ax.figure
        with house():
            ax = figure.subplots() if ax is None else ax
            function(data, *args, ax=ax, **style)
            if title is not None:
                ax.set_title(title)
            _tidy(ax)
            mark_provenance(ax, data, *args, *style.values())
        return ax

    return draw  # type: ignore[return-value]  # takes what the function takes, and a title


def _tidy(ax: Axes) -> None:
    """Drop the horizontal label above a panel that shares the axis; break one that is wider than the panel."""
    spec = ax.get_subplotspec()
    below = [other for other in ax.get_shared_x_axes().get_siblings(ax) if other.get_subplotspec() != spec]
    if below and spec is not None and not spec.is_last_row():
        ax.set_xlabel("")
    ax.set_xlabel("\n".join(textwrap.wrap(ax.get_xlabel(), room(ax, 8.0))))


def room(ax: Axes, points: float) -> int:
    """Estimate how many characters of a font size fit across the panel."""
    inches = ax.get_position(original=True).width * ax.figure.canvas.figure.get_figwidth()
    return max(int(0.92 * inches * 72 / (0.56 * points)), 8)


def new(
    ncols: int = 1,
    nrows: int = 1,
    *,
    width: str | float | None = None,
    aspect: float = 0.7,
    like: Any = None,
    **subplots: Any,
) -> tuple[Figure, Any]:
    """Make a figure of house size, laid out so that nothing overlaps.

    It is not a figure of pyplot: it may be drawn in several cells, and is seen when :func:`save` has written it, or as
    the last line of a cell.

    Parameters
    ----------
    ncols, nrows : int
        Panels across and down.
    width : {"single", "double"} or float, optional
        Journal column or mm. By default double when there is more than one column of panels, else single.
    aspect : float
        Height of one panel over its width.
    like : xarray.DataArray, optional
        A map (y, x): panels take its shape in place of ``aspect``.
    **subplots
        Passed to :meth:`matplotlib.figure.Figure.subplots` (``sharex``, ``width_ratios``, ...).

    Returns
    -------
    (Figure, Axes or numpy.ndarray of Axes)
        As matplotlib gives them: a single Axes when there is one panel.

    Examples
    --------
    >>> fig, axes = new(2, 1)
    >>> round(float(fig.get_figwidth()) * 25.4), axes.shape
    (190, (2,))
    """
    figure = Figure(**_page(ncols, nrows, width=width, aspect=aspect, like=like))
    with house():
        return figure, figure.subplots(nrows, ncols, **subplots)


def _page(
    ncols: int = 1, nrows: int = 1, *, width: str | float | None = None, aspect: float = 0.7, like: Any = None
) -> dict[str, Any]:
    """Size and layout that a figure is made with."""
    if width is None:
        width = "double" if ncols > 1 else "single"
    if isinstance(width, str) and width not in WIDTHS:
        raise QtpDataError("unknown figure width", expected=sorted(WIDTHS), found=width, hint="Or give a number of mm.")
    millimeters = WIDTHS[width] if isinstance(width, str) else float(width)
    if isinstance(like, xr.DataArray) and {"y", "x"} <= set(like.dims) and min(like.sizes["y"], like.sizes["x"]) > 1:
        aspect = min(max(map_aspect(like) * 0.75, 0.35), 1.9)
    height = min(nrows * aspect * millimeters / ncols + 6.0, max(_PAGE, nrows * _ROW))
    return {"figsize": (millimeters * MM, height * MM), "dpi": HOUSE["figure.dpi"], "layout": "constrained"}


def panel_letters(axes: Any, *, start: str = "a") -> None:
    """Write (a), (b), ... above the upper left corner of each panel, row by row.

    >>> fig, axes = new(2, 1)
    >>> panel_letters(axes)
    >>> axes[1].get_title(loc="left")
    '(b)'
    """
    for offset, ax in enumerate(np.atleast_1d(np.asarray(axes, dtype=object)).ravel()):
        ax.set_title(f"({chr(ord(start) + offset)})", loc="left", fontsize=8, fontweight="bold")


def mark_provenance(ax: Axes, *objects: Any) -> None:
    """Print the ``provenance_note`` of any of ``objects`` once at the foot of the figure, in a strip kept free.

    >>> fig, ax = new()
    >>> mark_provenance(ax, xr.DataArray(0.0, attrs={"provenance_note": "synthetic scene"}))
    >>> fig.texts[0].get_text()
    'synthetic scene'
    """
    note = provenance(*objects)
    figure = ax.figure.canvas.figure
    if note is None or any(text.get_gid() == NOTE_GID for text in figure.texts):
        return
    strip = 3.0 * MM / figure.get_figheight()
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine | TightLayoutEngine):
        engine.set(rect=(0, strip, 1, 1 - strip))
    x, y = 1 - 1.0 * MM / figure.get_figwidth(), 0.6 * MM / figure.get_figheight()
    figure.text(x, y, note, ha="right", va="bottom", fontsize=6, color="0.4", style="italic", gid=NOTE_GID)


def save(fig: Figure, name: str) -> Path:
    """Write a figure as PNG into the output folder, ``<output>/figures/<name>.png`` at 200 dpi, and show it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        Stays usable. In a notebook it appears under the cell exactly as it was written, once; elsewhere nothing is
        shown.
    name : str
        File name without folder and ending, e.g. ``"fig03"``.

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all. Shows nothing as the last line of a cell.

    Examples
    --------
    >>> fig, axes = new(1, 1)
    >>> save(fig, "fig03").name
    'fig03.png'
    """
    from qtp_toolkit import products  # noqa: PLC0415  (only saving needs the output folder, and what names a file)
    from qtp_toolkit._atomic import replacing  # noqa: PLC0415

    if not name or Path(name).name != name:
        raise QtpDataError("not a plain figure name", expected="letters, digits, - and _", found=name)
    target = products.output_folder() / "figures" / f"{name}.png"
    with house(), replacing(target) as stage:
        settle(fig)
        fig.savefig(stage, dpi=DPI, format="png")
    if in_kernel():
        words, width = alternative(fig, name), round(fig.get_figwidth() * HOUSE["figure.dpi"])
        image = base64.b64encode(target.read_bytes()).decode()
        show({"image/png": image, "text/plain": words}, **{"image/png": {"width": width, "alt": words}})
        if "inline" in mpl.get_backend():  # which would show a figure of pyplot once more when the cell ends
            plt.close(fig)
    return QuietPath(target)


def alternative(fig: Figure, name: str) -> str:
    """Return what stands in place of the picture where it cannot be seen: its name, titles and labels."""
    words = [ax.get_title("left") + " " + (ax.get_title() or ax.get_ylabel()) for ax in fig.axes]
    words += [bar.get_ylabel() or bar.get_xlabel() for ax in fig.axes for bar in ax.child_axes]
    said = dict.fromkeys(" ".join(text.split()) for text in words if text.strip())
    return f"{name}: " + ", ".join(said) if said else name


def settle(fig: Figure) -> None:
    """Repeat the layout until maps of fixed shape and their color bars have found their room."""
    for _ in range(3):
        fig.draw_without_rendering()


def annotate(ax: Axes, text: str, at: Any, offset: tuple[float, float], **style: Any) -> None:
    """Write beside a point, ``offset`` points from it."""
    ax.annotate(text, at, xytext=offset, textcoords="offset points", **style)


def headroom(ax: Axes, share: float) -> None:
    """Raise the upper limit by a share of the range, as room for a legend or for numbers."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + share * (high - low))


def map_aspect(da: xr.DataArray) -> float:
    """Height of a map over its width, true to scale also in degrees."""
    y, x = np.asarray(da["y"], dtype="float64"), np.asarray(da["x"], dtype="float64")
    ratio = abs(y[-1] - y[0]) / abs(x[-1] - x[0])
    # By the numbers: a thinned or computed map may have lost its CRS.
    geographic = max(abs(x[0]), abs(x[-1])) <= 360.0 and max(abs(y[0]), abs(y[-1])) <= 90.0
    return float(ratio / np.cos(np.deg2rad(y.mean())) if geographic else ratio)
