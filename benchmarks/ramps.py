"""Which planes to take out: maps and stated sigmas against truth, for all settings; writes docs/ramp_errors.md.

Run ``uv run python benchmarks/ramps.py [OUTPUT]``. OUTPUT is a folder in which ``qtp reproduce`` left its products of
the embedded scene; without it only the made regions of the tests are tried.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import own_region  # noqa: E402

from qtp_toolkit import conventions, correct, grid, inversion, lst, open_catalog, pecm, products, seasons  # noqa: E402

PAGE = ROOT / "docs" / "ramp_errors.md"
SETTINGS = ("none", "plane", "stable", "weighed")
SIZES = (0.0, 2.0, 10.0)
GROUPS = (range(1, 7), range(7, 13), range(13, 19))
DRAWS = 2
STILL = 10.0
"""mm: ground that moves less is "stable"."""
MAPS = ("linear_rate", "seasonal_amplitude")
HEAD = """# Errors of the maps by ramp setting

Made by `benchmarks/ramps.py`; not edited by hand. What the settings do is in [ramps.md](ramps.md). Median absolute
error against truth relative to the reference, and share of pixels within one stated sigma.
"""


def main() -> None:
    parts = [HEAD]
    for seeds in GROUPS:
        made = f"seeds {seeds[0]} to {seeds[-1]}"
        parts += [f"## Regions of 60 x 80 pixels of 1 km (`tests/own_region.py`), {made}", ""]
        parts += [f"Means of six; random ramps of each date by size, rad from middle to edge, {DRAWS} draws.", ""]
        parts += [*table(pd.DataFrame(regions(seeds)), ["ramps, rad", "setting"]), ""]
    if len(sys.argv) > 1:
        os.environ["QTP_OUTPUT"] = sys.argv[1]
        parts += ["## Embedded scene (synthetic), 580 x 250 km, and crops of 60 km", ""]
        parts += ["After the reanalysis correction; every third pixel of the whole; ramps as they are.", ""]
        parts += [*table(pd.DataFrame(scene()), ["area", "setting"]), ""]
    PAGE.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


def regions(seeds: range) -> Iterator[dict]:
    """One row a region, size, setting and draw."""
    for seed in seeds:
        made = own_region.region(seed)
        index, still = indices(made), made.truth["seasonal_amplitude"] <= STILL
        longitude, latitude = made.reference
        area = correct.reference_area(made.phase, longitude=longitude, latitude=latitude, radius_m=3000.0)
        for size in SIZES:
            for draw in range(DRAWS if size else 1):
                phase = tilt(made.phase, index["time"].values, size, np.random.default_rng([5 + draw, seed]))
                for setting in SETTINGS:
                    found = maps(phase, made.coherence, index, setting, area=area, stable=still)
                    yield {"ramps, rad": f"{size:g}", "setting": setting} | judge(found, made.truth, area)


def indices(made: own_region.Region) -> xr.Dataset:
    """Both indices as without any soil map: conductivity ratio 1."""
    daily, onset = lst.to_daily(made.composites), seasons.onsets(lst.to_daily(made.composites))
    dates = np.union1d(made.phase["reference"], made.phase["secondary"])
    sums = seasons.degree_days(daily, onset["thaw_onset_mean"], onset["freeze_onset_mean"], dates=dates)
    ratio = xr.ones_like(made.ratio)
    return pecm.indices(sums.assign(onset[["thaw_onset_mean", "freeze_onset_mean"]]), ratio, dates=dates).load()


def tilt(phase: xr.DataArray, dates: np.ndarray, size: float, rng: np.random.Generator) -> xr.DataArray:
    """Add a random plane to each date."""
    rows, columns = (np.linspace(-1, 1, phase.sizes[dim]) for dim in ("y", "x"))
    planes = np.stack([np.add.outer(*(size * rng.normal() * axis for axis in (rows, columns))) for _ in dates])
    first, second = (np.searchsorted(dates, phase[end].values) for end in ("reference", "secondary"))
    return phase.copy(data=phase.values + (planes[second] - planes[first]).astype("float32"))


def maps(
    phase: xr.DataArray,
    coherence: xr.DataArray,
    index: xr.Dataset,
    setting: str,
    *,
    area: xr.DataArray,
    stable: xr.DataArray,
    water: xr.DataArray | None = None,
) -> xr.Dataset:
    """What notebooks 05 and 06 make of interferograms."""
    planes = correct.choose_ramp(phase, setting, indices=index, weight=coherence, stable=stable, mask=water)
    referred = correct.set_reference(correct.deramp(phase, ramp=planes), area)
    dates = index["time"].values
    result = inversion.invert(referred, coherence, reference_date=dates[dates.size // 2])
    moved = conventions.phase_to_displacement(result["phase"], wavelength=conventions.SENTINEL1_WAVELENGTH)
    options = {"peak_index": index["peak_index"], "ramp_std": correct.ramp_std(planes, area)}
    return pecm.fit(moved, index["linear_index"], index["composite_index"], **options)


def judge(found: xr.Dataset, truth: xr.Dataset, area: xr.DataArray) -> dict[str, float]:
    """Median error and coverage of both maps; an amplitude has no sign."""
    out = {}
    for name in MAPS:
        known = truth[name] - truth[name].where(area).mean()
        off = abs(found[name] - (abs(known) if name == "seasonal_amplitude" else known))
        held = (off <= found[f"{name}_std"]).where(np.isfinite(off))
        out |= {name: float(off.median()), f"{name}, held": float(held.mean())}
    return out


def scene() -> Iterator[dict]:
    """One row an area and setting of the embedded scene."""
    catalog = open_catalog()
    stack, dem = catalog["interferograms"], catalog["dem"]
    dates = np.union1d(stack["reference"], stack["secondary"])
    series, days = products.open("time_series"), products.open("freeze_thaw").load()
    truth = grid.match(catalog["truth"][[*MAPS]].load(), stack, resampling="nearest")
    ratio = products.open("conductivity")["conductivity_ratio"].load()
    angle = grid.match(catalog["incidence"], stack).load()
    height = grid.match(dem, stack, resampling="average").load()
    delay = correct.tropospheric_delay(catalog["era5"].load(), height, angle, dates=dates)
    phase = correct.remove_delay(stack["phase"].load(), delay)
    water = series["mask"].load().astype(bool)
    areas = {"whole": {"y": slice(None, None, 3), "x": slice(None, None, 3)}}
    side = round(60e3 / abs(float(stack["x"][1] - stack["x"][0])))
    for number, start in enumerate((0.2, 0.5, 0.8)):
        column, row = (int(start * stack.sizes[dim]) - side // 2 for dim in ("x", "y"))
        areas[f"crop {number + 1}"] = {"y": slice(max(row, 0), row + side), "x": slice(column, column + side)}
    for area, part in areas.items():
        index = pecm.indices(days, ratio.isel(part), dates=dates).load()
        few, gamma = phase.isel(part), stack["coherence"].isel(part).load()
        known, wet = truth.isel(part), water.isel(part)
        place = correct.choose_reference(gamma.where(~wet))
        for setting in SETTINGS:
            still = (known["seasonal_amplitude"] <= STILL) & ~wet
            found = maps(few, gamma, index, setting, area=place, stable=still, water=wet)
            yield {"area": area, "setting": setting} | judge(found.where(~wet), known, place)


def table(rows: pd.DataFrame, keys: list[str]) -> list[str]:
    """Means by ``keys``, as Markdown."""
    found = rows.groupby(keys, sort=False).mean().reset_index()
    names = [*keys, "rate, mm/yr", "held", "amplitude, mm", "held"]
    lines = [f"| {' | '.join(names)} |", "| --- " * len(keys) + "| ---: " * 4 + "|"]
    cells = ([*map(str, row[:2]), *(f"{value:.2f}" for value in row[2:])] for row in found.itertuples(index=False))
    return lines + [f"| {' | '.join(row)} |" for row in cells]


if __name__ == "__main__":
    main()
