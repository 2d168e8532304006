"""A small region for the dashboard: maps, series that follow the model, temperature, factors, outlines."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import rioxarray  # noqa: F401
import xarray as xr

from qtp_toolkit import lst, pecm, seasons
from qtp_toolkit.conventions import SYNTHETIC, describe

ROWS, COLUMNS = 30, 44
DATES = pd.date_range("2015-01-06", "2019-12-20", freq="24D")
MASKED = (slice(4, 8), slice(10, 16))
EVIL = "<img src=x onerror=alert(1)>"


def layer(name: str, values: Any, **attrs: Any) -> xr.DataArray:
    place = {"y": 4.0e6 - 1e3 * np.arange(ROWS), "x": 2.6e5 + 1e3 * np.arange(COLUMNS)}
    return describe(xr.DataArray(values, place, ("y", "x")), name, **attrs).rio.write_crs("EPSG:32646")


def temperature() -> tuple[xr.DataArray, xr.Dataset]:
    """Composites on a grid in degrees, and their onsets."""
    times = pd.date_range("2013-12-31T12", "2019-12-31", freq="8D")
    place = {"y": np.linspace(36.3, 35.6, 9), "x": np.linspace(90.2, 91.0, 11)}
    season = -3 - 12 * np.cos(2 * np.pi * (times.day_of_year.to_numpy() - 20) / 365.25)
    values = season[:, None, None] + np.linspace(-1, 1, 11)
    values = np.broadcast_to(values, (times.size, 9, 11)).copy()
    da = describe(xr.DataArray(values, {"time": times, **place}, ("time", "y", "x")), "lst").rio.write_crs(4326)
    return da, seasons.onsets(lst.to_daily(da))


@lru_cache(maxsize=1)
def case() -> dict[str, Any]:
    """Arguments of ``interactive.dashboard``; the maps are fitted to the series, as notebook 06 does."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    warmth, ends = temperature()
    ratio = layer("conductivity_ratio", 1.1 + 0.01 * y)
    sums = seasons.degree_days(lst.to_daily(warmth), ends["thaw_onset_mean"], ends["freeze_onset_mean"], dates=DATES)
    wanted = ["thaw_onset_mean", "freeze_onset_mean"]
    index = pecm.indices(sums.assign(ends[wanted]).rio.write_crs(4326), ratio)
    rng = np.random.default_rng(7)
    moved = -0.1 * (x - 20) * index["linear_index"] - (0.1 + 0.01 * y) * index["composite_index"]
    moved = moved + rng.normal(0, 1, moved.shape)
    series = describe(moved, "displacement", provenance_note=SYNTHETIC).rio.write_crs("EPSG:32646")
    masked = np.zeros((ROWS, COLUMNS), dtype=bool)
    masked[MASKED] = True
    reason = layer("reason", np.where(masked, 7, 0).astype("uint8"))
    options = {"peak_index": index["peak_index"], "upstream_reason": reason, "uncertainty": "formal"}
    series = series.where(~masked)
    fitted = pecm.fit(series, index["linear_index"], index["composite_index"], **options)
    factors = {
        "slope": layer("slope", 0.2 * y),
        "elevation": layer("elevation", 4500.0 + 30 * np.sin(x / 3) * np.cos(y / 4)),
        "vegetation": layer("vegetation", (x // 15).astype("int16"), classes={"0": "desert", "1": EVIL, "2": "meadow"}),
        "conductivity_ratio": ratio,
    }
    ring = [[90.4, 36.0], [90.5, 36.0], [90.5, 36.05], [90.4, 36.0]]
    outlines = {
        "lakes": pd.DataFrame({"name": ["a lake"], "geometry": [{"type": "Polygon", "coordinates": [ring]}]}),
        "faults": pd.DataFrame({"name": ["F"], "geometry": [{"type": "LineString", "coordinates": ring[:2]}]}),
        "regions": pd.DataFrame({"name": [EVIL], "geometry": [{"type": "MultiPolygon", "coordinates": [[ring]]}]}),
        "stations": pd.DataFrame({"station": ["QT01"], "longitude": [90.6], "latitude": [36.1]}),
    }
    return {
        "deformation": fitted,
        "time_series": series,
        "temperature": warmth,
        "onsets": ends,
        "extra": factors,
        "overlays": outlines,
    }
