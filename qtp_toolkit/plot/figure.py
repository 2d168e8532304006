"""Figures of house size: new ones, panels drawn in house style, notes, letters, saving."""

from __future__ import annotations

import base64
import functools
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from qtp_toolkit.plot.style import DPI, HOUSE, PRINT_DPI, TEXT, house, provenance

MM = 1 / 25.4
WIDTHS = {"single": 84.0, "double": 174.0}
"""Column widths in mm, those of the narrower journals: wider ones enlarge, and no text becomes too small."""

_PAGE, _ROW = 240.0, 50.0
"""mm: a figure is no higher than a page, unless its rows would be less than readable."""

FLAT = 0.45
"""Height over width of a map below which its color bar lies beneath it."""
_BENEATH, _ROUND = (0.14, 14.0), 12.0
"""What such a map needs above and below it: a share of its width for the bar, and mm for heading, ticks and label.
mm for heading and ticks of any other."""

NOTE_GID, LIMITS_GID = "provenance-note", "limits-note"

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
    left = [other for other in ax.get_shared_y_axes().get_siblings(ax) if other.get_subplotspec() != spec]
    said = [" ".join(other.get_ylabel().split()) for other in left]
    if spec is not None and not spec.is_first_col() and " ".join(ax.get_ylabel().split()) in said:
        ax.set_ylabel("")
    ax.set_xlabel(wrap(ax.get_xlabel(), room(ax, TEXT["label"])))
    tall = room(ax, TEXT["label"], across=False)
    ax.set_ylabel("\n".join(wrap(line, tall) for line in ax.get_ylabel().splitlines()))


def wrap(text: str, width: int) -> str:
    """Break a label between words, never within its unit.

    >>> wrap("Soil bulk density (kg m$^{-3}$)", 20).splitlines()
    ['Soil bulk density', '(kg m$^{-3}$)']
    """
    raised = re.findall(r"\$\^\{.*?\}\$", text)  # is narrower than it is written
    plain = re.sub(r"\$\^\{.*?\}\$", "\u2070\u2070", text)
    plain = re.sub(r"\([^)]*\)$|\d \w\b", lambda unit: unit[0].replace(" ", "\xa0"), plain)
    broken = "\n".join(textwrap.wrap(plain, width, break_long_words=False)).replace("\xa0", " ")
    return re.sub("\u2070\u2070", lambda _: raised.pop(0), broken)


def span_y(ax: Axes, low: float, high: float) -> None:
    """Set the vertical limits of a panel and of those it shares the axis with: what all of them need."""
    spans = ax.figure.canvas.figure.__dict__.setdefault("qtp_spans", {})
    spans[ax] = low, high
    shared = [spans[other] for other in ax.get_shared_y_axes().get_siblings(ax) if other in spans]
    ax.set_ylim(min(span[0] for span in shared), max(span[1] for span in shared))


def room(ax: Axes, points: float, *, across: bool = True) -> int:
    """Estimate how many characters of a font size fit across the panel, or along its height."""
    box, (wide, tall) = ax.get_position(original=True), ax.figure.canvas.figure.get_size_inches()
    inches = box.width * wide if across else box.height * tall
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
    (174, (2,))
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
        aspect = _panel_aspect(like, millimeters / ncols)
    height = min(nrows * aspect * millimeters / ncols + 6.0, max(_PAGE, nrows * _ROW))
    return {"figsize": (millimeters * MM, height * MM), "dpi": HOUSE["figure.dpi"], "layout": "constrained"}


def _panel_aspect(da: xr.DataArray, wide: float) -> float:
    """Height over width of a panel, ``wide`` mm, that holds a map, its ticks and its color bar."""
    tall = map_aspect(da)
    rows, columns = (abs(float(da[dim][-1] - da[dim][0])) * (1 + 1 / (da.sizes[dim] - 1)) for dim in "yx")
    if rows < FLAT * columns:
        return tall * 0.85 + _BENEATH[0] + _BENEATH[1] / wide
    return min(max(tall * 0.75, tall * 0.6 + _ROUND / wide), 1.9)


def panel_letters(axes: Any, *, start: str = "a") -> None:
    """Write (a), (b), ... above the upper left corner of each panel, row by row.

    >>> fig, axes = new(2, 1)
    >>> panel_letters(axes)
    >>> axes[1].get_title(loc="left")
    '(b)'
    """
    for offset, ax in enumerate(np.atleast_1d(np.asarray(axes, dtype=object)).ravel()):
        letter = f"({chr(ord(start) + offset)})"
        ax.set_title(letter, loc="left", fontsize=TEXT["title"], fontweight="bold")


def mark_provenance(ax: Axes, *objects: Any) -> None:
    """Print the ``provenance_note`` of any of ``objects`` once at the foot of the figure, in a strip kept free.

    >>> fig, ax = new()
    >>> mark_provenance(ax, xr.DataArray(0.0, attrs={"provenance_note": "synthetic scene"}))
    >>> fig.texts[0].get_text()
    'synthetic scene'
    """
    note = provenance(*objects)
    if note is not None:
        _foot(ax, note, NOTE_GID, right=True)


def mark_limits(ax: Axes, words: str) -> None:
    """Say at the foot of the figure where its color bars end and what is hatched; what panels differ in, in a row."""
    _foot(ax, words, LIMITS_GID, right=False)


def _foot(ax: Axes, words: str, gid: str, *, right: bool) -> None:
    """Write at the foot of the figure, in a strip kept free, what is not written there yet."""
    figure = ax.figure.canvas.figure
    there = next((text for text in figure.texts if text.get_gid() == gid), None)
    if there is None:
        margin = 1.0 * MM / figure.get_figwidth()
        look: dict[str, Any] = {"fontsize": TEXT["note"], "color": "0.35", "style": "italic", "va": "bottom"}
        figure.text(1 - margin if right else margin, 0.0, words, ha="right" if right else "left", gid=gid, **look)
    elif right or words in (said := " ".join(there.get_text().split())):
        return
    elif (others := words.replace("color bars", "others", 1) if "color bars" in said else words) not in said:
        there.set_text(f"{said}; {others}")
    _keep_strip(figure)


def _keep_strip(figure: Figure) -> None:
    """Keep a strip of 3 mm at the foot of the figure free for each line of its notes, and them in it."""
    notes, lines = _notes(figure)
    strip = 3.0 * lines * MM / figure.get_figheight()
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine | TightLayoutEngine):
        engine.set(rect=(0, strip, 1, 1 - strip))
    for gid, text in notes.items():
        above = 2.8 * (NOTE_GID in notes and lines > len(text.get_text().splitlines())) * (gid == LIMITS_GID)
        text.set_y((0.6 + above) * MM / figure.get_figheight())


def _notes(figure: Figure) -> tuple[dict[Any, Any], int]:
    """Return the notes at the foot of a figure by what they are, broken where too long, and the lines they take."""
    notes = {text.get_gid(): text for text in figure.texts if text.get_gid() in (NOTE_GID, LIMITS_GID)}
    letters = int(figure.get_figwidth() * 72 / (0.53 * TEXT["note"]))
    rows: list[str] = []
    if LIMITS_GID in notes:
        rows = textwrap.wrap(" ".join(notes[LIMITS_GID].get_text().split()), letters)
        notes[LIMITS_GID].set_text("\n".join(rows))
    if NOTE_GID not in notes:
        return notes, len(rows)
    beside = rows and len(rows[-1]) + len(notes[NOTE_GID].get_text()) + 3 <= letters
    return notes, len(rows) + (0 if beside else 1)


def save(fig: Figure, name: str) -> Path:
    """Write a figure into the output folder, ``<output>/figures``, as PNG and as PDF, and show it.

    The PNG (200 dpi) is what pages show, the PDF what a journal takes: text and lines are vectors in it, fonts are
    embedded, maps are images of 300 dpi.

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
        The PNG, written whole or not at all; the PDF stands beside it. Shows nothing as the last line of a cell.

    Examples
    --------
    >>> fig, axes = new(1, 1)
    >>> path = save(fig, "fig03")
    >>> path.name, path.with_suffix(".pdf").exists()
    ('fig03.png', True)
    """
    from qtp_toolkit import products  # noqa: PLC0415  (only saving needs the output folder, and what names a file)
    from qtp_toolkit._atomic import replacing  # noqa: PLC0415

    if not name or Path(name).name != name:
        raise QtpDataError("not a plain figure name", expected="letters, digits, - and _", found=name)
    target = products.output_folder() / "figures" / f"{name}.png"
    words = alternative(fig, name)
    with house(), _settled(fig):
        with replacing(target) as stage:
            fig.savefig(stage, dpi=DPI, format="png", metadata={"Title": name, "Description": words})
        with replacing(target.with_suffix(".pdf")) as stage:  # without a date: the same figure is the same file
            fig.savefig(stage, dpi=PRINT_DPI, format="pdf", metadata={"Title": name, "CreationDate": None})
    if in_kernel():
        width = round(fig.get_figwidth() * HOUSE["figure.dpi"])
        image = base64.b64encode(target.read_bytes()).decode()
        show({"image/png": image, "text/plain": words}, **{"image/png": {"width": width, "alt": words}})
        if "inline" in mpl.get_backend():  # which would show a figure of pyplot once more when the cell ends
            plt.close(fig)
    return QuietPath(target)


@contextmanager
def _settled(fig: Figure) -> Iterator[None]:
    """Lay the figure out once for all that is written of it."""
    settle(fig)
    engine = fig.get_layout_engine()
    fig.set_layout_engine("none")
    try:
        yield
    finally:
        fig.set_layout_engine(engine)


def alternative(fig: Figure, name: str) -> str:
    """Return what stands in place of the picture where it cannot be seen: its name, titles and labels."""
    words = [ax.get_title("left") + " " + (ax.get_title() or ax.get_ylabel()) for ax in fig.axes]
    words += [bar.get_ylabel() or bar.get_xlabel() for ax in fig.axes for bar in ax.child_axes]
    said = dict.fromkeys(" ".join(text.split()) for text in words if text.strip())
    return f"{name}: " + ", ".join(said) if said else name


def settle(fig: Figure) -> None:
    """Repeat the layout until maps of fixed shape and their color bars have found their room; cut what stays blank."""
    for _ in range(2):
        fig.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in fig.axes]
    tall = max((box.y1 for box in boxes if box), default=0.0) - min((box.y0 for box in boxes if box), default=0.0)
    needed = tall / fig.dpi + (4.0 + 3.0 * _notes(fig)[1]) * MM
    if fig.get_layout_engine() is not None and 0 < needed < 0.985 * fig.get_figheight():
        fig.set_figheight(needed)
        _keep_strip(fig) if fig.texts else None
        fig.draw_without_rendering()
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
