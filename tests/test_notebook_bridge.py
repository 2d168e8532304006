"""The cells of notebook 01 that let a series go on, run on an own region with one or the other second source."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import check, grid, lst, report
from qtp_toolkit.reproduce import notebooks_folder

HARMONICS = {"harmonics": 2, "tolerance_K": 8.0, "max_error_K": 2.0}


def cells():
    """Code between the drift and the mean of all years."""
    nb = json.loads((notebooks_folder() / "01_modis_lst.ipynb").read_text(encoding="utf-8"))
    texts = ["".join(cell["source"]) for cell in nb["cells"]]
    marks = "# Passes that drift", "# The mean of all years"
    first, last = (next(k for k, text in enumerate(texts) if mark in text.partition("\n")[0]) for mark in marks)
    return [texts[k] for k in range(first, last) if nb["cells"][k]["cell_type"] == "code"]


def stamps(first, last):
    days = pd.date_range(f"{first}-01-01", f"{last}-12-31")
    return lst.composite_centers(xr.DataArray(np.zeros(days.size), {"time": days}, "time")).values


def year(times):
    """Mean temperature of a day, degC."""
    return -4 - 13 * np.cos(2 * np.pi * (pd.DatetimeIndex(times).day_of_year.values - 15) / 365.25)


def looks(rng, times, names, warmer=0.0, quality=0):
    """Temperatures that follow the hour of the pass, 2.5 K an hour."""
    axes = {"time": times, "y": np.arange(3) * -1000.0, "x": np.arange(3) * 1000.0}
    data = {}
    for name in names:
        values = year(times)[:, None, None] + rng.normal(warmer, 1, (times.size, 3, 3))
        values += 8 if name.endswith("day") else -8
        hours = lst.crossing_hours(name, times)
        values += 2.5 * (hours - hours[0])[:, None, None]
        values[rng.random(values.shape) < 0.1] = np.nan
        data[name] = ("time", "y", "x"), values, {"units": "degC"}
        data[f"qc_{name}"] = ("time", "y", "x"), np.full(values.shape, quality, "u1"), {}
    return xr.Dataset(data, axes).rio.write_crs(32646)


def skin(first, last, monthly=False):
    """Hours on a coarse grid, 3 K too warm; of every day, or of a mean day of each month."""
    hours = pd.date_range(f"{first}-01-01", f"{last}-12-31T23", freq="h")
    hours = hours[hours.day == 1] if monthly else hours
    axes = {"time": hours.values, "y": [1000.0, -1000.0, -3000.0], "x": [-1000.0, 1000.0, 3000.0]}
    wave = 3 + year(hours + pd.Timedelta(days=15 if monthly else 0))
    values = np.broadcast_to(wave[:, None, None], (hours.size, 3, 3)).astype("f4")
    return xr.Dataset({"skin_temperature": (tuple(axes), values, {"units": "degC"})}, axes).rio.write_crs(32646)


class Catalog(dict):
    def available(self, name):
        return name in self


@pytest.mark.parametrize("second", ["viirs_lst", "era5_land", "months of era5_land", None])
def test_a_series_ends_where_it_drifts_and_goes_on_with_another(rng, second, tmp_path, monkeypatch):
    """M29: MODIS to the middle of 2023; the other is 3 K too warm, and is carried over."""
    monkeypatch.setenv("QTP_OUTPUT", str(tmp_path))
    raw = looks(rng, stamps(2018, 2024), ("terra_day", "terra_night"))
    catalog = Catalog()
    if second == "viirs_lst":
        catalog[second] = looks(rng, stamps(2018, 2025), ("snpp_day", "snpp_night"), warmer=3.0, quality=0b11110000)
    if second in {"era5_land", "months of era5_land"}:
        catalog["era5_land"] = skin(2018, 2025, monthly=second != "era5_land")
    masked = lst.mask_quality(raw)
    filled = lst.fill_gaps(masked)
    with pytest.warns(UserWarning, match="terra_"):
        mean = lst.daily_mean(filled, overpasses="terra")
    room = {"np": np, "pd": pd, "xr": xr, "lst": lst, "grid": grid, "check": check, "catalog": catalog, **HARMONICS}
    room |= {"raw": raw, "masked": masked, "mean": mean, "good": filled["reason"] == 0}
    room |= {"coefficients": None, "overpasses": ["terra_day", "terra_night"]}
    for text in cells():
        exec(compile(text, "01_modis_lst", "exec"), room)
    told = {row["label"]: row["passed"] for row in report.checks(tmp_path)}
    assert told.pop("composites seen at another hour than the coefficients are for") is False
    if second is None:  # what has drifted tells nothing of a stranger
        assert told.pop("worst season of the stranger carried over") is False
    assert all(told.values())
    assert ("valid pixels and seasons with a bridge" in told) == (second is not None)
    got = room["mean"]
    if second is None:
        assert got is mean
        return
    assert str(got["time"].values[-1])[:4] == "2025"
    name = "snpp" if second == "viirs_lst" else "second"
    assert got["sensor"].sel(time="2022").values.tolist() == ["terra"] * 46
    assert set(got["sensor"].sel(time=slice("2023-07", None)).values.tolist()) == {name}
    truth = xr.DataArray(year(got["time"].values), {"time": got["time"]}, "time")
    late = (got - truth).sel(time=slice("2023-07", None))
    assert abs(float(late.mean())) < 0.3
    assert room["worst"]["carried over"] < 0.3 < room["worst"]["as it is"]
