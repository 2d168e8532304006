"""Seasonal amplitude against active layer thickness, and what was estimated against what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from qtp_toolkit.conventions import require_same_grid
from qtp_toolkit.plot.figure import OWN, panel
from qtp_toolkit.plot.style import ACCENT, STATION_COLORS, UNITS, label

UNDER = 30.0
"""Points from an axis to the legend below its label."""


@panel
def alt_scatter(
    alt: xr.DataArray,
    amplitude: xr.DataArray,
    *,
    ax: Axes = OWN,
    calibrated: xr.DataArray | None = None,
    vegetation: Sequence[str] | xr.DataArray | None = None,
    error: xr.DataArray | None = None,
    scores: Mapping[str, float] | None = None,
    calibrated_scores: Mapping[str, float] | None = None,
    **style: Any,
) -> Axes:
    """Seasonal amplitude against active layer thickness, as measured and calibrated by water content (squares).

    Parameters
    ----------
    alt, amplitude : xarray.DataArray
        Dim station; m and mm, stations in the same order. Those with NaN in either are left out.
    ax : matplotlib.axes.Axes, optional
    calibrated : xarray.DataArray, optional
        Calibrated thickness (station), m: squares, with a line of its own.
    vegetation : sequence of str, optional
        Class of each station: one color a class.
    error : xarray.DataArray, optional
        Standard error of the amplitude (station), mm.
    scores, calibrated_scores : mapping, optional
        ``slope``, ``intercept``, ``r2`` and ``rmse`` (mm) as :func:`qtp_toolkit.validation.scores` returns them: drawn
        as line and written beside the legend.
    **style
        Keywords of the points.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figure 13 of the paper.

    Examples
    --------
    >>> thickness = xr.DataArray([1.5, 2.5, 3.5], dims="station", attrs={"units": "m"})
    >>> amplitude = xr.DataArray([9.0, 16.0, 19.0], dims="station", attrs={"units": "mm"}, name="amplitude")
    >>> alt_scatter(thickness, amplitude).get_ylabel()
    'Amplitude (mm)'
    """
    alt = require_same_grid(alt, amplitude, name="alt")
    calibrated = None if calibrated is None else require_same_grid(calibrated, amplitude, name="calibrated")
    error = None if error is None else require_same_grid(error, amplitude, name="error")
    groups = np.asarray(vegetation, dtype=object) if vegetation is not None else np.full(amplitude.size, "Stations")
    colors = dict(zip(dict.fromkeys(groups), cycle(STATION_COLORS), strict=False))
    y = np.asarray(amplitude.values, dtype="float64")
    _draw_stations(ax, alt, y, groups, colors, marker="o", error=error, style=style)
    keys = [Line2D([], [], ls="none", marker="o", ms=4, color=color, label=group) for group, color in colors.items()]
    keys.append(_draw_line(ax, alt, scores, color="0.45", marker="o", name="Measured"))
    if calibrated is not None:
        _draw_stations(ax, calibrated, y, groups, colors, marker="s", error=error, style=style)
        keys.append(_draw_line(ax, calibrated, calibrated_scores, color=ACCENT, marker="s", name="Calibrated"))
    ax.set(xlabel="Active layer thickness (m)", ylabel=label(amplitude))
    under: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.0, -0.17), "borderaxespad": 0.0}
    ax.legend(handles=keys, frameon=False, handletextpad=0.5, labelspacing=0.3, **under)
    return ax


@panel
def station_scatter(
    measured: xr.DataArray,
    estimated: xr.DataArray,
    *,
    ax: Axes = OWN,
    error: xr.DataArray | None = None,
    vegetation: Sequence[str] | xr.DataArray | None = None,
    scores: Mapping[str, float] | None = None,
    keys: bool = True,
    **style: Any,
) -> Axes:
    """Draw what a map says at stations against what was measured there: equal axes, and the line where both agree.

    Parameters
    ----------
    measured, estimated : xarray.DataArray
        Dim station, of one quantity and unit, stations in the same order. Those with NaN in either are left out.
    ax : matplotlib.axes.Axes, optional
    error : xarray.DataArray, optional
        Standard deviation of the estimate (station).
    vegetation : sequence of str, optional
        Class of each station: one color a class.
    scores : mapping, optional
        As :func:`qtp_toolkit.validation.scores` of the estimate against the measurement returns them: drawn as a line.
    keys : bool
        Whether the legend names the classes.
    **style
        Keywords of the points.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> depth = xr.DataArray([1.5, 2.5, 3.5], dims="station", name="depth", attrs={"units": "m"})
    >>> station_scatter(depth, depth + 0.2).get_xlabel()
    'Measured (m)'
    """
    estimated = require_same_grid(estimated, measured, name="estimated")
    error = None if error is None else require_same_grid(error, measured, name="error")
    groups = np.asarray(vegetation, dtype=object) if vegetation is not None else np.full(measured.size, "Stations")
    colors = dict(zip(dict.fromkeys(groups), cycle(STATION_COLORS), strict=False))
    x, y = (np.asarray(da.values, dtype="float64") for da in (measured, estimated))
    both = np.isfinite(x) & np.isfinite(y)
    _draw_stations(ax, measured, y, groups, colors, marker="s", error=error, style=style)
    ends = _common_ends(np.concatenate([x[both], y[both]]))
    (agree,) = ax.plot(ends, ends, color="0.5", lw=0.7, ls="--", zorder=1, label="equal")
    handles = [Line2D([], [], ls="none", marker="s", ms=4, color=c, label=group) for group, c in colors.items()]
    line = _draw_line(ax, measured.where(both), scores, color=ACCENT, marker="", name="Line", unit=_unit(measured))
    ax.set(xlabel=f"Measured{_unit(measured, bracketed=True)}", xlim=ends, ylim=ends, title=label(measured))
    ax.set_box_aspect(1.0)
    ax.set_ylabel(f"Estimated{_unit(measured, bracketed=True)}")
    shown = [*(handles if keys else []), agree, *([line] if scores is not None else [])]
    lower = ax.transAxes + ScaledTranslation(0.0, -UNDER / 72, ax.figure.dpi_scale_trans)
    under: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0), "bbox_transform": lower}
    ax.legend(handles=shown, frameon=False, handletextpad=0.5, labelspacing=0.3, borderaxespad=0.0, **under)
    return ax


def _common_ends(values: np.ndarray) -> tuple[float, float]:
    """Limits that both axes share, with some room."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    room = 0.08 * ((high - low) or 1.0)
    return low - room, high + room


def _unit(da: xr.DataArray, *, bracketed: bool = False) -> str:
    unit = UNITS.get(str(da.attrs.get("units", "")), str(da.attrs.get("units", "")))
    return f" ({unit})" * bool(unit) if bracketed else unit


def _draw_stations(
    ax: Axes,
    alt: xr.DataArray,
    y: np.ndarray,
    groups: np.ndarray,
    colors: Mapping[Any, str],
    *,
    marker: str,
    error: xr.DataArray | None,
    style: Mapping[str, Any],
) -> None:
    x = np.asarray(alt.values, dtype="float64")
    hollow = marker == "o"
    for group, color in colors.items():
        chosen = (groups == group) & np.isfinite(x) & np.isfinite(y)
        look = {"facecolor": "white" if hollow else color, "edgecolor": color if hollow else "0.2", "s": 20, **style}
        ax.scatter(x[chosen], y[chosen], marker=marker, linewidths=1.0 if hollow else 0.5, zorder=3, **look)
        if error is not None:
            bars: dict[str, Any] = {"fmt": "none", "ecolor": "0.6", "elinewidth": 0.5, "zorder": 2}
            ax.errorbar(x[chosen], y[chosen], error.values[chosen], **bars)


def _draw_line(
    ax: Axes,
    alt: xr.DataArray,
    scores: Mapping[str, float] | None,
    *,
    color: str,
    marker: str,
    name: str,
    unit: str = "mm",
) -> Line2D:
    """Draw the fitted line of ``scores`` and return the entry of the legend."""
    x = np.asarray(alt.values, dtype="float64")
    if scores is None or not np.isfinite(x).any():
        return Line2D([], [], ls="none", marker=marker, ms=4, mfc="white", mec="0.3", label=name)
    ends = np.array([np.nanmin(x), np.nanmax(x)])
    dashes: Any = (0, (4, 1.5)) if marker == "o" else "-"  # for those who see no colors
    ax.plot(ends, float(scores["intercept"]) + float(scores["slope"]) * ends, color=color, ls=dashes, lw=1.0, zorder=1)
    digits = 1 if unit == "mm" else 2
    words = f"{name}: R² {float(scores['r2']):.2f}, RMSE {float(scores['rmse']):.{digits}f} {unit}".rstrip()
    return Line2D([], [], color=color, ls=dashes, lw=1.0, marker=marker, ms=4, mfc="white", mec="0.3", label=words)
