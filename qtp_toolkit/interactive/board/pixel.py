"""The model of one pixel, from its temperature on: what a click shows, and what a slider changes."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit import lst, pecm, seasons
from qtp_toolkit.conventions import REASONS, TIME, X, Y
from qtp_toolkit.grid._frame import to_crs
from qtp_toolkit.interactive.board.prepared import Prepared, in_degrees

FEWEST = 10
"""Dates that a fit needs."""


class Change(NamedTuple):
    """What the sliders change; the neutral values give the model of the maps."""

    ratio: float = 1.0
    """Times the conductivity ratio."""
    shift: float = 0.0
    """Days that both onsets come later."""
    threshold: float = 0.0
    """Freezing point of the onsets, degC."""
    bias: float = 0.0
    """Kelvin that the temperature is raised by."""


NEUTRAL = Change()


class Weather(NamedTuple):
    """Every day of a pixel: temperature, degree days since the thaw onset, and both indices."""

    days: np.ndarray
    lst: np.ndarray
    addt: np.ndarray
    addf: np.ndarray
    linear: xr.DataArray
    composite: xr.DataArray
    peak: xr.DataArray
    thaw: float
    freeze: float


class Reading(NamedTuple):
    """What is known of a pixel."""

    row: int
    column: int
    x: float
    y: float
    displacement: xr.DataArray | None
    std: np.ndarray | None
    weather: Weather | None
    fit: xr.Dataset | None
    model: xr.DataArray | None
    """Displacement of the fitted model on every day."""
    why: str
    """Why there is no series or no fit; empty if there is one."""

    def estimate(self, name: str) -> float:
        """Return a number of the fit; NaN without one."""
        return math.nan if self.fit is None else float(self.fit[name])


def read(prepared: Prepared, row: int, column: int, change: Change = NEUTRAL) -> Reading:
    """Series, temperature, indices and fit of a pixel.

    Parameters
    ----------
    prepared : Prepared
    row, column : int
    change : Change

    Returns
    -------
    Reading
        The fit is that of the maps (least squares, the same intercept) with its formal uncertainty; neutral sliders
        give the numbers of the maps. Days carry the model beyond and between the acquisitions.
    """
    x, y = prepared.frame.center(row, column)
    weather = weather_at(prepared, row, column, change)
    displacement, std = (None, None) if prepared.dates.size == 0 else prepared.series(row, column)
    why = _why_not(prepared, row, column, displacement)
    fit = model = None
    if displacement is not None and weather is not None and not why:
        fit, model = _fit(prepared, displacement, weather)
        reason = int(fit["reason"])
        why = "" if reason == 0 else REASONS.get(reason, f"reason {reason}")
        model = model if reason == 0 else None
    return Reading(row, column, x, y, displacement, std, weather, fit, model, why)


def _why_not(prepared: Prepared, row: int, column: int, displacement: xr.DataArray | None) -> str:
    code = prepared.value("reason", row, column)
    if np.isfinite(code) and code != 0:
        return REASONS.get(int(code), f"reason {code:.0f}")
    if displacement is None:
        return "no time series"
    return "" if int(np.isfinite(displacement).sum()) >= FEWEST else "too few dates with a value"


def _fit(prepared: Prepared, displacement: xr.DataArray, weather: Weather) -> tuple[xr.Dataset, xr.DataArray]:
    covered = np.isin(prepared.dates, weather.days)
    seen = displacement.isel({TIME: covered})
    columns = [da.sel({TIME: seen[TIME]}) for da in (weather.linear, weather.composite)]
    intercept: Any = prepared.about["intercept"] if prepared.about["intercept"] == "none" else "estimate"
    fit = pecm.fit(seen, *columns, peak_index=weather.peak, uncertainty="formal", intercept=intercept)
    return fit, pecm.forward(fit, weather.linear, weather.composite)


def weather_at(prepared: Prepared, row: int, column: int, change: Change = NEUTRAL) -> Weather | None:
    """Temperature, degree days and indices of a pixel on every day, None beside the grid of the temperature.

    As :func:`qtp_toolkit.pecm.indices` makes them for the maps: degree days on the grid of the temperature, bilinear
    between its four pixels around, cycles from the nearest.
    """
    place = None if "temperature" not in prepared.about else _locate(prepared, row, column)
    if place is None:
        return None
    sums, daily = _sums(prepared, place, change)
    ratio = prepared.value("conductivity_ratio", row, column)
    here = {name: _mix(da, place) for name, da in sums.items() if name != "permafrost_year"}
    cycle = sums["permafrost_year"].isel({Y: place.nearest[0], X: place.nearest[1]}, drop=True)
    linear = pecm.linear_index(daily[TIME], here["thaw_onset_mean"], here["freeze_onset_mean"])
    composite = pecm.composite_index(
        here["addt"],
        here["addf"],
        (1.0 if math.isnan(ratio) else ratio) * change.ratio,
        addt_end=here["addt_end"],
        addf_end=here["addf_end"],
        permafrost_year=cycle,
    )
    return Weather(
        daily[TIME].values,
        _mix(daily, place).values,
        here["addt"].values,
        here["addf"].values,
        linear,
        composite,
        pecm.amplitude_factor(here["addt_end"]),
        *(float(here[f"{name}_onset_mean"]) for name in ("thaw", "freeze")),
    )


class _Place(NamedTuple):
    """Two rows and columns of the temperature around a pixel, their weights, and which of them is nearest."""

    rows: slice
    columns: slice
    weights: np.ndarray
    nearest: tuple[int, int]


def _locate(prepared: Prepared, row: int, column: int) -> _Place | None:
    about, parts, shares, nearest = prepared.about["temperature"], [], [], []
    x, y = prepared.frame.center(row, column)
    east, north = (float(v) for v in to_crs(x, y, source=prepared.frame.crs, target=about["crs"]))
    if in_degrees(about["crs"]):  # counted as the grid counts them, 0..360 or -180..180
        east += 360.0 * round((float(np.mean(about["x"])) - east) / 360.0)
    for dim, place in ((Y, north), (X, east)):
        first, last, count = about[dim][0], about[dim][-1], len(about[dim])
        at = (place - first) / ((last - first) / (count - 1))
        if not -0.5 <= at <= count - 0.5:
            return None
        at = min(max(at, 0.0), count - 1.0)
        low = min(int(at), count - 2)
        parts.append(slice(low, low + 2))
        shares.append([1.0 - (at - low), at - low])
        nearest.append(math.floor(at + 0.5) - low)
    return _Place(parts[0], parts[1], np.outer(shares[0], shares[1]), (nearest[0], nearest[1]))


def _mix(da: xr.DataArray, place: _Place) -> xr.DataArray:
    """Weighted mean of the four pixels; missing ones carry no weight, but the nearest must be there."""
    values = da.transpose(..., Y, X).values
    known = np.isfinite(values)
    total = (np.where(known, values, 0.0) * place.weights).sum(axis=(-2, -1))
    weight = (known * place.weights).sum(axis=(-2, -1))
    mean = np.where(known[(..., *place.nearest)], total / np.where(weight > 0, weight, 1.0), np.nan)
    rest = [dim for dim in da.dims if dim not in (Y, X)]
    return xr.DataArray(mean, {dim: da[dim].values for dim in rest}, rest, name=da.name, attrs=da.attrs)


def _sums(prepared: Prepared, place: _Place, change: Change) -> tuple[xr.Dataset, xr.DataArray]:
    """Degree days and onsets of the four pixels of the temperature, every day, and their temperature."""
    about = prepared.about["temperature"]
    coords: dict[str, Any] = {TIME: _times(tuple(about["times"]))}
    values = np.array(prepared.array("lst")[place.rows, place.columns]) + change.bias
    composites = xr.DataArray(values, coords, (Y, X, TIME), name="lst", attrs={"units": "degC"})
    daily = lst.to_daily(composites.transpose(TIME, Y, X))
    if change.bias == 0 and change.threshold == 0:
        both = np.array(prepared.array("onsets")[:, place.rows, place.columns], dtype=float)
        ends = [xr.DataArray(end, dims=(Y, X)) for end in both]
    else:
        found = seasons.onsets(daily, method=about["method"], threshold_degC=change.threshold)
        ends = [found[f"{name}_onset_mean"] for name in ("thaw", "freeze")]
    ends = [(end + change.shift).assign_attrs(units="day of year") for end in ends]
    sums = seasons.degree_days(daily, *ends)
    return sums.assign(thaw_onset_mean=ends[0], freeze_onset_mean=ends[1]), daily


@lru_cache(maxsize=4)
def _times(words: tuple[str, ...]) -> np.ndarray:
    return np.array(words, dtype="datetime64[ns]")
