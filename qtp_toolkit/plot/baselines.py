"""Where the acquisitions of a network stand: perpendicular baselines, as far as anything tells them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, TIME, QtpDataError

DAY_OF_YEAR = "Day of year"
_BOW = 0.25
"""How far a pair of one year bows out, over its days."""


def _coordinate(pairs: xr.DataArray | xr.Dataset, name: str) -> np.ndarray:
    if name not in pairs.coords and name not in getattr(pairs, "data_vars", ()):
        raise QtpDataError(
            "not a set of pairs", variable=name, expected=f"a coordinate on dim {PAIR!r}", found=list(pairs.coords)
        )
    return np.asarray(pairs[name].values)


def number_of(dates: pd.DatetimeIndex, reference_date: Any) -> int:
    """Place of the reference image among the dates of a network, or an error if it is none of them."""
    day = read_times(reference_date, name="reference_date").astype("datetime64[D]")[()]
    at = np.flatnonzero(dates.to_numpy().astype("datetime64[D]") == day)
    if not at.size:
        raise QtpDataError(
            "the reference date is no acquisition of the network",
            found=str(day),
            expected=f"one of {len(dates)} dates from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}",
            code="I22",
        )
    return int(at[0])


def heights_of(
    pairs: xr.DataArray | xr.Dataset, baseline: xr.DataArray | None = None, reference_date: Any = None
) -> tuple[pd.DatetimeIndex, np.ndarray, np.ndarray, np.ndarray, str]:
    """Dates, number of first and second date of each pair, height of each date in the plot, what the height is."""
    first, second = (pd.DatetimeIndex(_coordinate(pairs, name)) for name in (REFERENCE, SECONDARY))
    dates = first.append(second).unique().sort_values()
    i, j = dates.get_indexer(first), dates.get_indexer(second)
    words = "Perpendicular baseline (m)"
    if baseline is not None:
        return dates, i, j, _given(baseline, dates), words
    if "perpendicular_baseline" not in {*getattr(pairs, "data_vars", ()), *pairs.coords}:
        return dates, i, j, dates.day_of_year.to_numpy(dtype="float64"), DAY_OF_YEAR
    difference = np.asarray(pairs["perpendicular_baseline"].values, dtype="float64")
    at = None if reference_date is None else number_of(dates, reference_date)
    return dates, i, j, _solved(difference, i, j, len(dates), at), words


def lines_of(
    dates: pd.DatetimeIndex, i: np.ndarray, j: np.ndarray, height: np.ndarray, words: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return times and heights (pair, node) of the line of each pair, with a gap at its end.

    By the day of the year all dates of a year lie on one line, and its pairs would hide each other: they bow out, the
    longer the farther. All other lines are straight.
    """
    along = np.linspace(0.0, 1.0, 13) if words == DAY_OF_YEAR else np.array([0.0, 1.0])
    days = (dates[j] - dates[i]).days.to_numpy() * (dates.year[i] == dates.year[j])
    bow = _BOW * days[:, None] * 4.0 * along * (1.0 - along)
    start, end = (dates.to_numpy()[at][:, None] for at in (i, j))
    x = start + ((end - start).astype("timedelta64[s]").astype("int64") * along).astype("timedelta64[s]")
    y = height[i][:, None] * (1.0 - along) + height[j][:, None] * along + bow
    gap = ((0, 0), (0, 1))
    return np.pad(x, gap, constant_values=np.datetime64("NaT")), np.pad(y, gap, constant_values=np.nan)


def _given(baseline: xr.DataArray, dates: pd.DatetimeIndex) -> np.ndarray:
    """Baselines of the dates, or an error that lists those that it lacks."""
    lacking = dates.difference(pd.DatetimeIndex(baseline[TIME].values))
    if lacking.size:
        raise QtpDataError(
            "dates of the pairs have no baseline",
            variable="baseline",
            expected=f"all {len(dates)} dates of the network",
            found=f"without: {', '.join(f'{date:%Y-%m-%d}' for date in lacking[:8])}",
            hint="Give NaN where it is unknown.",
            code="I03",
        )
    return np.asarray(baseline.sel({TIME: dates}).values, dtype="float64")


def _solved(difference: np.ndarray, i: np.ndarray, j: np.ndarray, count: int, at: int | None) -> np.ndarray:
    """Baselines of the dates from those of the pairs, counted from one date or the mean.

    NaN for dates that no pair of known baseline links to that date, or to the most dates: how far they are is unknown.
    """
    from scipy.sparse import coo_array  # noqa: PLC0415  slow to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    valid = np.isfinite(difference)
    first, second, known = i[valid], j[valid], difference[valid]
    links = coo_array((np.ones(known.size), (first, second)), shape=(count, count))
    group = connected_components(links, directed=False)[1]
    sizes = np.bincount(group)
    chosen = group[at] if at is not None else sizes.argmax()
    linked = (group == chosen) & (sizes[chosen] > 1)
    design = np.zeros((known.size, count))
    design[np.arange(known.size), second] += 1
    design[np.arange(known.size), first] -= 1
    solved = np.linalg.lstsq(design, known, rcond=None)[0]
    zero = solved[linked].mean() if at is None and linked.any() else solved[at or 0]
    return np.where(linked, solved - zero, np.nan)
