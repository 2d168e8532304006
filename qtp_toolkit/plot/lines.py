"""Curves: the network, time series and profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from qtp_toolkit.conventions import PAIR, PERCENTILE, REFERENCE, SECONDARY, TIME, QtpDataError, require
from qtp_toolkit.plot.figure import headroom, panel
from qtp_toolkit.plot.maps import concise_dates
from qtp_toolkit.plot.style import ACCENT, LINE, NEUTRAL, label

MARKERS = ("o", "s", "D", "v", "P", "X")


@panel
def network(
    pairs: xr.DataArray | xr.Dataset,
    *,
    ax: Axes | None = None,
    baseline: xr.DataArray | None = None,
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
        neither is known, the day of the year takes its place, so that annual pairs are level lines.
    **style
        Keywords of the pair lines.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figure 2 of the paper: gray lines, light blue triangles.
    """
    dates, first, second, height, words = heights_of(pairs, baseline)
    times, gaps = dates.to_numpy(), np.full(len(first), np.datetime64("NaT", "ns"))
    i, j = dates.get_indexer(first), dates.get_indexer(second)
    x = np.column_stack([times[i], times[j], gaps]).ravel()
    y = np.column_stack([height[i], height[j], np.full(len(i), np.nan)]).ravel()
    ax.plot(x, y, **{"color": "0.6", "lw": 0.4, "zorder": 1, **style})
    ax.plot(times, height, ls="none", marker="^", ms=4, mfc="#8ec9e8", mec="#2b6f99", mew=0.5, zorder=2)
    ax.set(xlabel="Acquisition date", ylabel=words)
    ax.set_title(f"{len(dates)} acquisitions, {len(first)} pairs", loc="right", fontsize=7)
    concise_dates(ax)
    return ax


@panel
def time_series(
    displacement: xr.DataArray,
    *,
    ax: Axes | None = None,
    fit: xr.DataArray | None = None,
    thaw_onset: float | xr.DataArray | None = None,
    freeze_onset: float | xr.DataArray | None = None,
    error: xr.DataArray | float | None = None,
    name: str = "InSAR",
    fit_name: str = "Model",
    **style: Any,
) -> Axes:
    """Displacement of one place against time: points, the fitted model as a line, thaw seasons shaded.

    Parameters
    ----------
    displacement : xarray.DataArray
        Dim time; any unit. NaN dates are left out.
    ax : matplotlib.axes.Axes, optional
    fit : xarray.DataArray, optional
        Model, dim time (its own dates if wanted).
    thaw_onset, freeze_onset : float or xarray.DataArray, optional
        Mean onsets in day of year; the season between them is shaded in each year.
    error : xarray.DataArray or float, optional
        One standard deviation, drawn as bars.
    name, fit_name : str
        Entries of the points and of the line in the legend.
    **style
        Keywords of the points.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figures 10c-d, 11c-d and 12c-d of the paper.
    """
    require(displacement, dims=(TIME,))
    points = {"ls": "none", "marker": "o", "ms": 3, "mfc": NEUTRAL, "mec": "0.25", "mew": 0.4, "label": name, **style}
    times = displacement[TIME].values
    if error is None:
        ax.plot(times, displacement.values, zorder=3, **points)
    else:
        ax.errorbar(times, displacement.values, np.asarray(error), elinewidth=0.5, ecolor="0.6", zorder=3, **points)
    if fit is not None:
        ax.plot(fit[TIME].values, fit.values, color=ACCENT, zorder=4, label=fit_name)
    if thaw_onset is not None and freeze_onset is not None:
        _seasons(ax, times, float(thaw_onset), float(freeze_onset))
    ax.axhline(0, color="0.5", lw=0.5, zorder=1)
    ax.set(xlabel="Date", ylabel=label(displacement))
    concise_dates(ax)
    if fit is not None or thaw_onset is not None:
        headroom(ax, 0.15)
        ax.legend(loc="upper center", ncols=3, handlelength=1.4, columnspacing=1.0, frameon=False)
    return ax


@panel
def profile(
    values: xr.DataArray | xr.Dataset,
    *,
    ax: Axes | None = None,
    lower: xr.DataArray | None = None,
    upper: xr.DataArray | None = None,
    elevation: xr.DataArray | xr.Dataset | None = None,
    faults: Mapping[str, float] | Iterable[float] = (),
    color: str = LINE,
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
    **style
        Keywords of the line.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Figures 5c and 7 of the paper.
    """
    values, lower, upper = swath(values, lower, upper)
    along, words = distances(values)
    if lower is not None and upper is not None:
        ax.fill_between(along, lower.values, upper.values, color=color, alpha=0.22, lw=0, zorder=2)
    ax.plot(along, values.values, **{"color": color, "zorder": 3, **style})
    ax.set(xlabel=words, ylabel=label(values), xlim=(np.nanmin(along), np.nanmax(along)))
    places = faults if isinstance(faults, Mapping) else dict.fromkeys(faults, "")
    for name, position in places.items() if isinstance(faults, Mapping) else [("", at) for at in places]:
        ax.axvline(position, color="#d7191c", lw=0.9, zorder=4)
        ax.annotate(
            str(name),
            (position, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2),
            va="top",
            textcoords="offset points",
            rotation=90,
            fontsize=6.5,
            color="#d7191c",
        )
    if elevation is not None:
        _second(ax, along, elevation)
    return ax


def _coordinate(pairs: xr.DataArray | xr.Dataset, name: str) -> np.ndarray:
    if name not in pairs.coords and name not in getattr(pairs, "data_vars", ()):
        raise QtpDataError(
            "not a set of pairs", variable=name, expected=f"a coordinate on dim {PAIR!r}", found=list(pairs.coords)
        )
    return np.asarray(pairs[name].values)


def heights_of(
    pairs: xr.DataArray | xr.Dataset, baseline: xr.DataArray | None = None
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex, pd.DatetimeIndex, np.ndarray, str]:
    """Dates, first and second date of each pair, height of each date in the network plot, and what the height is."""
    first = pd.DatetimeIndex(_coordinate(pairs, REFERENCE))
    second = pd.DatetimeIndex(_coordinate(pairs, SECONDARY))
    dates = first.append(second).unique().sort_values()
    height, words = _heights(pairs, baseline, dates, (first, second))
    return dates, first, second, height, words


def _heights(
    pairs: Any, baseline: xr.DataArray | None, dates: pd.DatetimeIndex, ends: tuple[pd.DatetimeIndex, pd.DatetimeIndex]
) -> tuple[np.ndarray, str]:
    first, second = ends
    words = "Perpendicular baseline (m)"
    if baseline is not None:
        return np.asarray(baseline.sel({TIME: dates}).values, dtype="float64"), words
    known = getattr(pairs, "data_vars", ()) if isinstance(pairs, xr.Dataset) else ()
    if "perpendicular_baseline" not in {*known, *pairs.coords}:
        return dates.day_of_year.to_numpy(dtype="float64"), "Day of year"
    difference = np.asarray(pairs["perpendicular_baseline"].values, dtype="float64")
    design = np.zeros((len(first), len(dates)))
    design[np.arange(len(first)), dates.get_indexer(second)] += 1
    design[np.arange(len(first)), dates.get_indexer(first)] -= 1
    valid = np.isfinite(difference)
    solved = np.linalg.lstsq(design[valid], difference[valid], rcond=None)[0]
    return solved - solved.mean(), words


def _seasons(ax: Axes, times: np.ndarray, thaw: float, freeze: float) -> None:
    if not (np.isfinite(thaw) and np.isfinite(freeze)):
        return
    limits = ax.get_xlim()
    first, last = pd.Timestamp(times.min()).year, pd.Timestamp(times.max()).year
    for year in range(first, last + 1):
        start = pd.Timestamp(year, 1, 1)
        span = (start + pd.Timedelta(days=thaw - 1), start + pd.Timedelta(days=freeze - 1))
        ax.axvspan(*span, color="#f6c89f", alpha=0.35, lw=0, zorder=0, label="Thaw season" if year == first else None)
    ax.set_xlim(limits)


def swath(
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
    chosen = (values.sel({PERCENTILE: share}) for share in (middle, *wanted))
    return tuple(one.drop_vars(PERCENTILE) for one in chosen)


def distances(values: xr.DataArray) -> tuple[np.ndarray, str]:
    """Positions along the one dim of a profile, in km where they are meters, and the label of the axis."""
    (dim,) = values.dims
    along = np.asarray(values[dim].values, dtype="float64")
    if values[dim].attrs.get("units") == "m" or (dim == "distance" and "units" not in values[dim].attrs):
        return along / 1000.0, "Distance along the profile (km)"
    return along, label(values[dim])


def _second(ax: Axes, along: np.ndarray, elevation: xr.DataArray) -> None:
    twin = ax.twinx()
    elevation = swath(elevation)[0]
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
