"""The deformation model: indices on the fine grid and fit of a million pixels, beside a plain loop over pixels."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pandas as pd
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr
from common import cpu, in_child, row

from qtp_toolkit import pecm, seasons

DATES = pd.date_range("2014-10-15", "2019-12-20", periods=120).floor("D").astype("datetime64[ns]")
FINE, COARSE, BLOCK = 90.0, 1000.0, 250
LABELS = "thaw_onset_mean", "freeze_onset_mean", "reason"


def warmth(side: int, seed: int = 1) -> xr.Dataset:
    """Onsets and degree days of a plateau of ``side`` times ``side`` coarse pixels."""
    rng, days = np.random.default_rng(seed), pd.date_range("2014-01-01", "2019-12-31")
    wave = 13.5 * np.sin(2 * np.pi * (days.day_of_year.to_numpy() - 115) / 365)
    mean = -3.5 + rng.normal(0, 0.8, (side, side))
    coords = {"time": days, "y": 4e6 + COARSE * (1.0 - np.arange(side)), "x": 4e5 + COARSE * (np.arange(side) - 1.0)}
    lst = xr.DataArray((mean + wave[:, None, None]).astype(np.float32), coords, ("time", "y", "x"))
    lst = lst.assign_attrs(units="degC").rio.write_crs(32646)
    onsets = seasons.onsets(lst)
    sums = seasons.degree_days(lst, onsets["thaw_onset_mean"], onsets["freeze_onset_mean"], dates=DATES)
    return sums.assign({name: onsets[name] for name in LABELS}).rio.write_crs(32646)


def scene(side: int) -> tuple[xr.Dataset, xr.DataArray, xr.DataArray]:
    """Coarse seasons in memory; conductivity ratio and displacement of ``side`` squared fine pixels, lazy."""
    grid = {"y": 4e6 - FINE * (np.arange(side) + 0.5), "x": 4e5 + FINE * (np.arange(side) + 0.5)}
    ratio = xr.DataArray(da.full((side, side), 1.4, chunks=BLOCK), grid, ("y", "x"), attrs={"units": "1"})
    noise = da.random.default_rng(1).normal(0, 3, (len(DATES), side, side), chunks=(-1, BLOCK, BLOCK))
    moved = xr.DataArray(noise.astype(np.float32), {"time": DATES, **grid}, ("time", "y", "x"), attrs={"units": "mm"})
    coarse = warmth(int(np.ceil(side * FINE / COARSE)) + 3)
    return coarse, ratio.rio.write_crs(32646), moved.rename("displacement").rio.write_crs(32646)


def fit(side: int, uncertainty: str = "year_block") -> float:
    """Fit from lazily built indices with two threads, map by map into memory; median rate."""
    coarse, ratio, moved = scene(side)
    index = pecm.indices(coarse, ratio, like=moved)
    maps = pecm.fit(
        moved, index["linear_index"], index["composite_index"], peak_index=index["peak_index"], uncertainty=uncertainty
    )
    with dask.config.set(scheduler="threads", num_workers=2):
        return float(np.nanmedian(maps.compute()["linear_rate"]))


def loop(y: np.ndarray, linear: np.ndarray, composite: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Least squares and its delete-one-year jackknife pixel by pixel, with numpy's lstsq: rate, coefficient, spread."""
    out = np.empty((y.shape[1], 4))
    for i in range(y.shape[1]):
        design = np.column_stack([linear[:, i], composite[:, i], np.ones(len(y))])
        full = np.linalg.lstsq(design, y[:, i], rcond=None)[0]
        left = [np.linalg.lstsq(design[years != b], y[years != b, i], rcond=None)[0] for b in np.unique(years)]
        spread = np.sqrt((len(left) - 1) / len(left) * ((np.array(left) - full) ** 2).sum(axis=0))
        out[i] = *full[:2], *spread[:2]
    return out


def rows(rng: np.random.Generator) -> list[dict[str, object]]:
    coarse, ratio, moved = scene(BLOCK)
    index = pecm.indices(coarse, ratio, like=moved)[["linear_index", "composite_index"]].compute()
    y = (-5.0 * index["linear_index"] - 0.8 * index["composite_index"]).assign_attrs(units="mm")
    y = y + rng.normal(0, 3, y.shape)
    n, few, years = BLOCK**2, 400, DATES.year.to_numpy()
    flat = [a.values.reshape(len(DATES), -1)[:, :few] for a in (y, index["linear_index"], index["composite_index"])]
    ours = n / cpu(lambda: pecm.fit(y, index["linear_index"], index["composite_index"]))
    plain = few / cpu(lambda: loop(*flat, years), repeat=1)
    slow = loop(*flat, years)[:, 0]
    found = pecm.fit(y, index["linear_index"], index["composite_index"])["linear_rate"].values.ravel()[:few]
    note = f"jackknife over years included; largest difference {abs(found - slow).max():.0e} mm/yr"
    table = [row("model fit, 120 dates", "pixels", ours, plain, note)]
    for name, kind in (("year_block", "jackknife"), ("bootstrap", "200 bootstrap draws")):
        _, wall, spent, peak = in_child(fit, 1000, name)
        note = (
            f"from lazy indices, {kind}: {wall:.0f} s wall, {spent:.0f} s CPU, peak {peak:,.0f} MB, start-up included"
        )
        table.append(row("a million pixels, 120 dates", "pixels", 1e6 / spent, plain, note))
    return table
