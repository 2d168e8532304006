"""Curves: the network, time series and profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from qtp_toolkit.conventions import PERCENTILE, TIME, require
from qtp_toolkit.plot.baselines import heights_of, lines_of, number_of
from qtp_toolkit.plot.figure import OWN, annotate, headroom, panel, room
from qtp_toolkit.plot.maps import concise_dates
from qtp_toolkit.plot.names import HALO, ends_of
from qtp_toolkit.plot.style import ACCENT, FAULT, LINE, NEUTRAL, TEXT, label


@panel
def network(
    pairs: xr.DataArray | xr.Dataset,
    *,
    ax: Axes = OWN,
    baseline: xr.DataArray | None = None,
    reference_date: Any = None,
    **style: Any,
) -> Axes:
    """Interferogram pairs as lines between acquisitions: perpendicular baseline against time.

    Parameters
    ----------
    pairs : xarray.DataArray or xarray.Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary`` (datetime64); ``perpendicular_baseline`` (pair, m) as
        variable or coord if known.
    ax : matplotlib.axes.Axes, optional
    baseline : xarray.DataArray, optional
        Perpendicular baseline of each acquisition (time), m. By default it is solved from those of the pairs; where
        neither is known, the day of the year takes its place, so that annual pairs are level lines; those of one year
        bow out, as they would hide each other. Dates whose
        baseline is unknown, or that no pair of known baseline links to the others, are not drawn; the title counts
        them.
    reference_date : date, optional
        Acquisition to mark: the common reference image of the paper, 31 August 2018. Baselines
        that are solved from those of the pairs are then counted from it.
    **style
        Keywords of the pair lines.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    QtpDataError
        I03: a baseline that lacks dates of the pairs; I22: a reference date that is no acquisition.

    Notes
    -----
    Figure 2 of the paper: gray lines, light blue triangles.

    Examples
    --------
    >>> dates = pd.date_range("2018-01-01", periods=3, freq="12D")
    >>> pairs = xr.Dataset(coords={"reference": ("pair", dates[:2]), "secondary": ("pair", dates[1:])})
    >>> network(pairs).get_title(loc="right")
    '3 acquisitions, 2 pairs'
    """
    dates, i, j, height, words = heights_of(pairs, baseline, reference_date)
    times = dates.to_numpy()
    x, y = (part.ravel() for part in lines_of(dates, i, j, height, words))  # one line with gaps, not 466 lines
    ax.plot(x, y, **{"color": "0.6", "lw": 0.4, "zorder": 1, **style})
    ax.plot(times, height, ls="none", marker="^", ms=4, mfc="#8ec9e8", mec="#2b6f99", mew=0.5, zorder=2)
    at = None if reference_date is None else number_of(dates, reference_date)
    if at is not None and np.isfinite(height[at]):
        ax.plot(times[at], height[at], ls="none", marker="^", ms=7, mfc=ACCENT, mec="k", mew=0.6, zorder=3)
        halo = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8}
        annotate(
            ax, f"{dates[at]:%Y-%m-%d}", (times[at], height[at]), (0, 7), ha="center", fontsize=TEXT["tick"], bbox=halo
        )
    ax.set(xlabel="Acquisition date", ylabel=words)
    unknown = int(np.isnan(height).sum())
    told = f"{len(dates)} acquisitions, {len(i)} pairs" + (
        f"; {unknown} of unknown baseline not drawn" if unknown else ""
    )
    ax.set_title(told, loc="right", fontsize=TEXT["tick"])
    concise_dates(ax)
    return ax


@panel
def time_series(
    displacement: xr.DataArray,
    *,
    ax: Axes = OWN,
    fit: xr.DataArray | Mapping[str, xr.DataArray] | None = None,
    thaw_onset: float | xr.DataArray | None = None,
    freeze_onset: float | xr.DataArray | None = None,
    error: xr.DataArray | float | None = None,
    name: str = "InSAR",
    fit_name: str = "Model",
    error_name: str = "",
    **style: Any,
) -> Axes:
    """Displacement of one place against time: points, the fitted model as a line, thaw seasons shaded.

    Parameters
    ----------
    displacement : xarray.DataArray
        Dim time; any unit. NaN dates are left out.
    ax : matplotlib.axes.Axes, optional
    fit : xarray.DataArray or mapping of str to xarray.DataArray, optional
        Model, dim time (its own dates if wanted); or several models by name, the first drawn over the others.
    thaw_onset, freeze_onset : float or xarray.DataArray, optional
        Mean onsets in day of year; the season between them is shaded in each year.
    error : xarray.DataArray or float, optional
        One standard deviation, drawn as bars.
    name, fit_name, error_name : str
        Entries of the points, of the line and of what the bars are in the legend.
    **style
        Keywords of the points.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figures 10c-d, 11c-d and 12c-d of the paper.

    Examples
    --------
    >>> time = pd.date_range("2018-01-01", periods=30, freq="12D")
    >>> attrs = {"units": "mm", "long_name": "line-of-sight displacement"}
    >>> place = xr.DataArray(np.linspace(0.0, -9.0, 30), {"time": time}, attrs=attrs)
    >>> time_series(place, thaw_onset=140, freeze_onset=285).get_ylabel()
    'LOS displacement (mm)'
    """
    require(displacement, dims=(TIME,))
    points = {"ls": "none", "marker": "o", "ms": 3, "mfc": NEUTRAL, "mec": "0.25", "mew": 0.4, "label": name, **style}
    times = displacement[TIME].values
    if error is None:
        ax.plot(times, displacement.values, zorder=3, **points)
    else:
        points["label"] = f"{name} \N{PLUS-MINUS SIGN} {error_name}" if error_name else name
        ax.errorbar(times, displacement.values, np.asarray(error), elinewidth=0.5, ecolor="0.6", zorder=3, **points)
    for words, curve, look in model_lines(fit, fit_name):
        ax.plot(curve[TIME].values, curve.values, label=words, **look)
    if thaw_onset is not None and freeze_onset is not None:
        _shade_seasons(ax, times, float(thaw_onset), float(freeze_onset))
    ax.axhline(0, color="0.5", lw=0.5, zorder=1)
    ax.set(xlabel="Date", ylabel=label(displacement))
    if times.size > 1 and not np.isfinite(displacement.values).any():
        ax.set(xlim=(times[0], times[-1]), yticks=[])
        ax.annotate("no valid date", (0.5, 0.5), xycoords="axes fraction", ha="center", va="bottom")
    concise_dates(ax)
    if fit is not None or thaw_onset is not None:
        headroom(ax, 0.15)
        tight = {"handlelength": 1.1, "handletextpad": 0.4, "columnspacing": 0.7, "borderpad": 0.1}
        handles, entries = ax.get_legend_handles_labels()
        letters = sum(len(text) + 5 for text in entries)
        columns = len(entries) if letters <= room(ax, TEXT["legend"]) else 3
        ax.legend(handles, entries, loc="upper center", ncols=columns, frameon=False, **tight)
    return ax


def model_lines(fit: Any, name: str = "Model") -> list[tuple[str, xr.DataArray, dict[str, Any]]]:
    """Name, values and look of each model line; all but the first are broken, too, for those who see no colors."""
    models = fit if isinstance(fit, Mapping) else {} if fit is None else {name: fit}
    looks = zip((ACCENT, LINE, NEUTRAL), ("-", (0, (4, 1.5)), ":"), (6, 5, 4), strict=True)
    styles = [{"color": color, "ls": dashes, "zorder": order} for color, dashes, order in looks]
    return [(*model, style) for model, style in zip(models.items(), styles, strict=False)]


@panel
def profile(
    values: xr.DataArray | xr.Dataset,
    *,
    ax: Axes = OWN,
    lower: xr.DataArray | None = None,
    upper: xr.DataArray | None = None,
    elevation: xr.DataArray | xr.Dataset | None = None,
    faults: Mapping[str, float] | Iterable[float] = (),
    color: str = LINE,
    ends: str = "",
    key: bool = False,
    **style: Any,
) -> Axes:
    """Median along a profile, the spread across it as a band, elevation on a second axis, faults as vertical lines.

    Parameters
    ----------
    values : xarray.DataArray or xarray.Dataset
        One dim, e.g. ``distance`` (m) or ``latitude``: the median across the swath. A second dim ``percentile`` gives
        line (50) and band (25 to 75). A Dataset is read as :func:`qtp_toolkit.regions.profile` returns it.
    ax : matplotlib.axes.Axes, optional
    lower, upper : xarray.DataArray, optional
        Edges of the band.
    elevation : xarray.DataArray or xarray.Dataset, optional
        m, same dim; gray, second axis.
    faults : mapping or iterable of float
        Positions on the horizontal axis as it is drawn (km), with names if a mapping.
    color : str
        Of line and band.
    ends : str
        Name of the line, ``PP'`` or ``A-B``: its ends are written at those of the axis.
    key : bool
        Say what line, band and gray area are.
    **style
        Keywords of the line.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figures 5c and 7 of the paper.

    Examples
    --------
    >>> along = xr.DataArray(np.arange(0.0, 5000.0, 1000.0), dims="distance", attrs={"units": "m"})
    >>> rate = xr.DataArray([-1.0, -4.0, -6.0, -3.0, 0.0], {"distance": along}, attrs={"units": "mm/yr"})
    >>> profile(rate, faults={"Kunlun": 2.0}).get_xlabel()
    'Distance along the profile (km)'
    """
    values, lower, upper = middle_and_band(values, lower, upper)
    along, axis_words = distances(values)
    if lower is not None and upper is not None:
        words = "25 to 75 % of the pixels across"
        ax.fill_between(along, lower.values, upper.values, color=color, alpha=0.22, lw=0, zorder=2, label=words)
    ax.plot(along, values.values, **{"color": color, "zorder": 3, "label": "median", **style})
    ax.set(xlabel=axis_words, ylabel=label(values), xlim=(np.nanmin(along), np.nanmax(along)))
    for name, at in faults.items() if isinstance(faults, Mapping) else [("", at) for at in faults]:
        ax.axvline(at, color=FAULT, lw=0.9, zorder=4)
        place = {"xycoords": ("data", "axes fraction"), "rotation": 90, "va": "top"}
        annotate(ax, str(name), (at, 1.0), (2, -4), **place, fontsize=TEXT["tick"], color=FAULT, path_effects=HALO)
    if elevation is not None:
        _draw_elevation(ax, along, middle_and_band(elevation)[0])
    for at, text in zip((0.0, 1.0), ends_of(ends) or (), strict=False):
        bold = {"xycoords": "axes fraction", "ha": "right" if at else "left", "va": "top", "fontweight": "bold"}
        annotate(ax, text, (at, 1.0), (-3.0 if at else 3.0, -3.0), **bold)
    if key:
        _add_key(ax, gray=elevation is not None)
    return ax


def _add_key(ax: Axes, *, gray: bool) -> None:
    handles, words = ax.get_legend_handles_labels()
    if gray:
        handles, words = [*handles, Patch(facecolor="0.85", edgecolor="0.55", lw=0.6)], [*words, "elevation"]
    headroom(ax, 0.12)
    beside: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (0.97, 1.0)}  # of the letter of the line's end
    ax.legend(handles, words, ncols=3, frameon=False, handlelength=1.4, columnspacing=1.0, **beside)


def _shade_seasons(ax: Axes, times: np.ndarray, thaw: float, freeze: float) -> None:
    if not (np.isfinite(thaw) and np.isfinite(freeze)):
        return
    limits = ax.get_xlim()
    first, last = pd.Timestamp(times.min()).year, pd.Timestamp(times.max()).year
    for year in range(first, last + 1):
        start = pd.Timestamp(year, 1, 1)
        span = (start + pd.Timedelta(days=thaw - 1), start + pd.Timedelta(days=freeze - 1))
        ax.axvspan(*span, color="#f6c89f", alpha=0.35, lw=0, zorder=0, label="Thaw season" if year == first else None)
    ax.set_xlim(limits)


def middle_and_band(
    values: xr.DataArray | xr.Dataset, lower: xr.DataArray | None = None, upper: xr.DataArray | None = None
) -> tuple[xr.DataArray, xr.DataArray | None, xr.DataArray | None]:
    """Median and quartiles of a profile: those given, or those in a dim ``percentile`` (else its ends)."""
    if isinstance(values, xr.Dataset):
        values = values["quantile"]
    if PERCENTILE not in values.dims:
        return values, lower, upper
    have = np.sort(np.asarray(values[PERCENTILE].values, dtype="float64"))
    wanted = [share if share in have else end for share, end in ((25, have[0]), (75, have[-1]))]
    middle = have[np.abs(have - 50).argmin()]
    chosen = [values.sel({PERCENTILE: share}).drop_vars(PERCENTILE) for share in (middle, *wanted)]
    return chosen[0], chosen[1], chosen[2]


def distances(values: xr.DataArray) -> tuple[np.ndarray, str]:
    """Positions along the one dim of a profile, in km where they are meters, and the label of the axis."""
    (dim,) = values.dims
    along = np.asarray(values[dim].values, dtype="float64")
    if values[dim].attrs.get("units") == "m" or (dim == "distance" and "units" not in values[dim].attrs):
        return along / 1000.0, "Distance along the profile (km)"
    return along, label(values[dim])


def _draw_elevation(ax: Axes, along: np.ndarray, elevation: xr.DataArray) -> None:
    twin = ax.twinx()
    heights = np.asarray(elevation.values, dtype="float64")
    low = np.nanmin(heights) if np.isfinite(heights).any() else 0.0
    twin.fill_between(along, low, heights, color="0.85", alpha=0.7, lw=0)
    twin.plot(along, heights, color="0.55", lw=0.6)
    twin.set_ylabel(label(elevation), color="0.4")
    twin.tick_params(colors="0.4")
    top = np.nanmax(heights) if np.isfinite(heights).any() else 1.0
    twin.set_ylim(low, low + 2.2 * max(top - low, 1.0))
    ax.set_zorder(twin.get_zorder() + 1)
    ax.patch.set_visible(False)
