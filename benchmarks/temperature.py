"""Gap fill and onsets: the toolkit beside plain loops over pixels.

``python benchmarks/temperature.py --tile [FOLDER]`` fills a whole tile of synthetic composites (1200 x 1200 pixels, 276
composites, four overpasses, 6 GB of disk) from Zarr to Zarr and says what it took; ``--scene`` does gap fill and
onsets of all pixels of the default embedded scene.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from common import cpu, in_child, row, wall

from qtp_toolkit import lst, open_catalog, seasons

PERIOD = 365.25
TOLERANCE, SPARE, HARMONICS = 8.0, 10, 2
TILE = {"y": 1200, "x": 1200}
BLOCK = {"y": 60, "x": 1200}


def composites() -> pd.DatetimeIndex:
    """Centers of the 276 composites of 2014 to 2019."""
    starts = [pd.date_range(f"{year}-01-01", periods=46, freq="8D") for year in range(2014, 2020)]
    lengths = [[8.0] * 45 + [6.0 if year % 4 == 0 else 5.0] for year in range(2014, 2020)]
    half = pd.to_timedelta((np.concatenate(lengths) - 1) / 2, unit="D")
    return pd.DatetimeIndex(np.concatenate(starts)) + half


def weather(rng: np.random.Generator, days: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Composites (time, ...) in degC: a wave, weather, a tenth 12 K too cold, a quarter missing."""
    wave = -3.5 + 13.5 * np.sin(2 * np.pi * (days - 115) / PERIOD)
    values = rng.standard_normal((len(days), *shape), dtype=np.float32)
    values *= 2.0
    values += wave.astype(np.float32).reshape(-1, *[1] * len(shape))
    chance = rng.random(values.shape, dtype=np.float32)
    values[chance < 0.1] -= 12.0
    values[chance > 0.75] = np.nan
    return values


# The plain side: what the publications describe, one pixel after another, each step of a pixel with numpy.


def waves(days: np.ndarray, harmonics: int = HARMONICS) -> np.ndarray:
    """Design matrix of a Fourier series."""
    angle = 2 * np.pi * days / PERIOD
    parts = [np.ones_like(angle)]
    for k in range(1, harmonics + 1):
        parts += [np.cos(k * angle), np.sin(k * angle)]
    return np.stack(parts, axis=1)


def hants(values: np.ndarray, design: np.ndarray) -> np.ndarray:
    """As published: fit, rank the misfits, take out the worst down to half the largest, repeat; then replace."""
    waves_of, n = design.T, values.size
    keep = np.isfinite(values).astype(float)
    known = np.where(keep > 0, values, 0.0)
    out, most = int(n - keep.sum()), n - design.shape[1] - SPARE
    if out > most:
        return np.full(n, np.nan)
    while True:
        curve = design @ np.linalg.solve((waves_of * keep) @ design, waves_of @ (keep * known))
        misfit = keep * (curve - known)
        rank = np.argsort(misfit)
        worst = misfit[rank[-1]]
        if worst <= TOLERANCE or out >= most:
            return np.where(keep > 0, values, curve)
        for j in rank[::-1]:
            if misfit[j] <= 0.5 * worst or out >= most:
                break
            keep[j] = 0.0
            out += 1


def hants_of_years(values: np.ndarray, designs: list[np.ndarray]) -> np.ndarray:
    """As published: each year has its own curve."""
    return np.concatenate([hants(part, design) for part, design in zip(np.split(values, 6), designs, strict=True)])


def smoothed_onsets(daily: np.ndarray, days: np.ndarray, grid: np.ndarray) -> tuple[float, float]:
    """Last upward crossing of the curve of a year before its maximum, first downward one after it."""
    valid = np.isfinite(daily)
    if valid.sum() < 300:
        return np.nan, np.nan
    part = days[valid]
    curve = grid @ np.linalg.solve(part.T @ part, part.T @ daily[valid])
    n, top = curve.size, int(curve.argmax())
    curve = np.roll(curve, -top)
    warm = curve >= 0
    if warm.all() or not warm.any():
        return np.nan, np.nan
    down, up = int(np.argmin(warm)), n - 1 - int(np.argmin(warm[::-1]))
    freeze = 1 + top + down - 1 + curve[down - 1] / (curve[down - 1] - curve[down])
    thaw = 1 + top - n + up + curve[up] / (curve[up] - curve[(up + 1) % n])
    return thaw, freeze


def plain_chain(table: np.ndarray, have: np.ndarray, want: pd.DatetimeIndex, fill) -> np.ndarray:
    """Onsets (pixel, year, 2) of columns of ``table``."""
    origin, years = want[0], range(2014, 2020)
    days = (want - origin) / pd.Timedelta(days=1)
    part_of = [np.flatnonzero(want.year == year) for year in years]
    designs = [waves(want.day_of_year.to_numpy(float)[part]) for part in part_of]
    grid = waves(np.arange(1.0, 367.0))
    out = np.empty((table.shape[1], 6, 2))
    for i in range(table.shape[1]):
        daily = np.interp(days, have, fill(table[:, i]))
        for k, part in enumerate(part_of):
            out[i, k] = smoothed_onsets(daily[part], designs[k], grid)
    return out


def rows(rng: np.random.Generator) -> list[dict[str, object]]:
    times = composites()
    days = ((times - pd.Timestamp("2014-01-01")) / pd.Timedelta(days=1)).to_numpy()
    many, few = (300, 300), 400
    series = xr.DataArray(weather(rng, days, many), {"time": times}, ("time", "y", "x"), name="terra_day")
    series = series.assign_attrs(units="degC")
    table = series.values.reshape(len(times), -1)[:, :few].astype(float)
    whole, parts = waves(days), [waves(part) for part in np.split(days, 6)]
    want, n = pd.date_range("2014-01-01", "2019-12-31"), many[0] * many[1]
    plain = {
        "a curve for each year": lambda values: hants_of_years(values, parts),
        "one curve": lambda values: hants(values, whole),
    }
    options = {"a curve for each year": {}, "one curve": {"interannual": None}}
    lines = []
    for name, fill in plain.items():
        ours = n / cpu(lambda o=options[name]: lst.fill_gaps(series, **o))
        slow = few / cpu(lambda f=fill: [f(values) for values in table.T], repeat=1)
        note = "ours: drifts between years" if name == "a curve for each year" else "no drifts on either side"
        lines.append(row(f"gap fill, 276 composites; plain HANTS: {name}", "series", ours, slow, note))
    for name, fill in plain.items():
        ours = n / cpu(lambda o=options[name]: seasons.onsets(lst.fill_gaps(series, **o)))
        slow = few / cpu(lambda f=fill: plain_chain(table, days, want, f), repeat=1)
        found = seasons.onsets(lst.fill_gaps(series[:, :3], **options[name]))
        both = np.stack([found[k].values.reshape(6, -1).T[:few] for k in ("thaw_onset", "freeze_onset")], axis=-1)
        apart = np.nanmedian(abs(both - plain_chain(table, days, want, fill)))
        work = f"gap fill and onsets; plain HANTS: {name}"
        lines.append(row(work, "series", ours, slow, f"onsets apart by {apart:.2f} d (median)"))
    part = series.chunk(y=75)
    with dask.config.set(scheduler="threads", num_workers=2):
        ours = n / wall(lambda: seasons.onsets(lst.fill_gaps(part)).compute())
    slow = few / wall(lambda: plain_chain(table, days, want, plain["a curve for each year"]), repeat=1)
    work = "gap fill and onsets on two threads; plain HANTS: a curve for each year"
    return [*lines, row(work, "series", ours, slow, "dask threads; the plain loop has one", per="second")]


def write_tile(folder: str) -> None:
    """Composites of a tile as the product stores them: 50 per kelvin, 0 where missing."""
    times = composites()
    days = ((times - pd.Timestamp("2014-01-01")) / pd.Timedelta(days=1)).to_numpy()

    def block(number: int) -> np.ndarray:
        kelvin = weather(np.random.default_rng([2022, number]), days, (BLOCK["y"], BLOCK["x"])) + 273.15
        return np.where(np.isfinite(kelvin), np.rint(50 * kelvin), 0).astype(np.uint16)

    dims, shape = ("time", "y", "x"), (len(times), BLOCK["y"], BLOCK["x"])
    out = {}
    for k, name in enumerate(lst.OVERPASSES):
        numbers = [100 * k + j for j in range(TILE["y"] // BLOCK["y"])]
        parts = [da.from_delayed(dask.delayed(block)(j), shape, np.uint16) for j in numbers]
        out[name] = (dims, da.concatenate(parts, axis=1))
    ds = xr.Dataset(out, {"time": times})
    with dask.config.set(scheduler="threads", num_workers=2):
        ds.to_zarr(folder, mode="w", consolidated=False)


def fill_tile(source: str, target: str) -> None:
    """Open, convert, fill and write a tile with two threads."""
    ds = xr.open_zarr(source, consolidated=False)
    degrees = (ds.astype(np.float32) * np.float32(0.02) - np.float32(273.15)).where(ds > 0)
    filled = lst.fill_gaps(xr.Dataset({name: degrees[name].assign_attrs(units="degC") for name in lst.OVERPASSES}))
    packed = {"dtype": "int16", "scale_factor": 0.02, "_FillValue": -32768}
    with dask.config.set(scheduler="threads", num_workers=2):
        filled.to_zarr(target, mode="w", consolidated=False, encoding=dict.fromkeys(lst.OVERPASSES, packed))


def tile(folder: Path) -> str:
    """Time and memory of a whole tile, each step in a process of its own."""
    source, target = str(folder / "composites.zarr"), str(folder / "filled.zarr")
    in_child(write_tile, source)
    _, wall, seconds, peak = in_child(fill_tile, source, target)
    number = 4 * TILE["y"] * TILE["x"]
    return (
        f"tile of {number / 1e6:.1f} million series: {wall:.0f} s, {seconds:.0f} CPU-s "
        f"({number / seconds:,.0f} series per CPU-s with reading and writing), peak memory {peak / 1000:.1f} GB\n"
    )


def scene() -> str:
    """Time of gap fill and onsets for all pixels and overpasses of the default embedded scene."""
    masked = lst.mask_quality(open_catalog()["modis_lst"]).load()

    def chain() -> list[xr.Dataset]:
        filled = lst.fill_gaps(masked)
        return [seasons.onsets(filled[name]) for name in lst.OVERPASSES]

    number, seconds = masked["terra_day"][0].size * 4, cpu(chain, repeat=1)
    return f"default scene, {number:,} series: gap fill and onsets in {seconds:.1f} CPU-s\n"


if __name__ == "__main__":
    if "--scene" in sys.argv:
        sys.stdout.write(scene())
    if "--tile" in sys.argv:
        with tempfile.TemporaryDirectory(dir=sys.argv[-1] if Path(sys.argv[-1]).is_dir() else None) as where:
            sys.stdout.write(tile(Path(where)))
