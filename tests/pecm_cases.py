"""The worked example of the deformation model: a sine of temperature, repeated for six years of 365 days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr

from qtp_toolkit import pecm

DAYS = np.arange(1, 366)
CASE_A = -3.5 + 13.5 * np.sin(2 * np.pi * (DAYS - 115) / 365)
CASE_B = 1.0 + 9.0 * np.sin(2 * np.pi * (DAYS - 115) / 365)
RATE, COEFFICIENT = -5.0, -0.8


def degree_days(daily, years=1):
    """ADDT, ADDF, first thaw day and last thaw day (indices) of a repeated year; sums restart at every thaw onset."""
    thawing = np.flatnonzero(daily >= 0)
    first, last = thawing[0], thawing[-1] + 1
    long = np.tile(daily, years + 1)
    at, af = np.full(len(long), np.nan), np.full(len(long), np.nan)
    for start in range(first, len(long), 365):
        day = np.arange(start, min(start + 365, len(long)))
        window = day <= start + last - first
        at[day] = np.cumsum(np.where(window, np.maximum(long[day], 0), 0))
        af[day] = np.cumsum(np.where(window, 0, np.maximum(-long[day], 0)))
    return at, af, first, last


def series(values, units, dates=None, dim="time"):
    values = np.asarray(values, dtype=float)
    dates = pd.date_range("2014-01-01", periods=len(values)) if dates is None else dates
    return xr.DataArray(values, {dim: dates}, (dim,), attrs={"units": units})


def index(at, af, ratio, **kwargs):
    return pecm.composite_index(series(at, "degC d"), series(af, "degC d"), ratio, **kwargs)


def doy(value, **coords):
    return xr.DataArray(value, attrs={"units": "day of year"}, **coords)


def six_years(dense_from=1178):
    """Case A repeated for six years on the acquisition days: dates, L in three forms, I."""
    at, af, first, last = degree_days(CASE_A, 6)
    days = np.concatenate([290 + 24 * np.arange(37), np.arange(dense_from, 2190, 12)])
    dates = np.datetime64("2014-01-01", "ns") + days * np.timedelta64(1, "D")
    year, phase = (days - first) // 365, (days - first) % 365
    ramp = np.clip(phase / (last - first), 0, 1)
    printed = year + np.where(phase <= last - first, phase / 365.25, 1.0)
    linear = {"normalized": year + ramp, "printed": printed, "calendar": days / 365.0}
    composite = index(at[days], af[days], 1.4).assign_coords(time=dates)
    return {name: series(values, "1", dates) for name, values in linear.items()} | {"I": composite}


def displacement(model, rate=RATE, coefficient=COEFFICIENT, intercept=0.0):
    out = rate * model["normalized"] + coefficient * model["I"] + intercept
    return out.assign_attrs(units="mm").rename("displacement")


def decompose(d, model, linear="normalized", **kwargs):
    return pecm.fit(d, model[linear], model["I"], **{"uncertainty": "formal", **kwargs})
