"""CPU time and memory of the corrections, on a strip of the 90 m scene's width. Prints one line a correction.

Each line tells what was measured, and by multiplication what all of the study area would take. ``--rows 6444`` measures
all of it.
"""

from __future__ import annotations

import argparse
import resource
import time

import dask.array as da
import numpy as np
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr

from qtp_toolkit import correct

COLUMNS, DATES, PAIRS, ALL = 2778, 118, 466, 17.9e6
BLOCK = {"y": 64, "x": 512}
LEVELS = np.array([1, 10, 50, 100, 150, 200, 250, *range(300, 750, 50), *range(750, 1001, 25)], float)
LEVELS = np.union1d(LEVELS, [2, 3, 5, 7, 20, 30, 70, 125, 175, 225])
DAYS = np.datetime64("2014-10-15", "ns") + 16 * np.arange(DATES) * np.timedelta64(1, "D")


def maps(values, dims=(), **coords):
    """Array on the strip's grid."""
    rows, columns = values.shape[-2:]
    place = {"y": 3.9e6 - 90.0 * np.arange(rows), "x": 3e5 + 90.0 * np.arange(columns)}
    return xr.DataArray(values, place | coords, (*dims, "y", "x")).rio.write_crs("EPSG:32646")


def reanalysis(rng):
    """Two hours a date around the strip."""
    hours = np.concatenate([DAYS + np.timedelta64(h, "h") for h in (11, 12)])
    place = {"y": np.arange(36.0, 31.9, -0.25), "x": np.arange(89.0, 97.1, 0.25)}
    coords = {"time": hours, "level": LEVELS} | place
    zero = xr.DataArray(np.zeros([len(values) for values in coords.values()]), coords, tuple(coords))
    pressure = xr.DataArray(rng.normal(1013, 5, len(hours)), {"time": hours}, "time")
    height = 287.05 * 250 * np.log(pressure / zero["level"]) + zero
    return xr.Dataset(
        {"geopotential": height, "temperature": zero + 250, "specific_humidity": 0.008 * (zero.level / 1e3) ** 3 + zero}
    )


def drain(array):
    """Compute all blocks and keep one value of each; a view of it would keep the block."""
    one = tuple((1,) * n for n in array.data.numblocks)
    return array.data.map_blocks(lambda block: block[:1, :1, :1].copy(), chunks=one, dtype=array.dtype).compute()


def told(name, pixels, run, *, only=""):
    """Run, and print what it took; what does not begin as ``only`` says is left out."""
    if not name.startswith(only):
        return None
    before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    clock = time.perf_counter()
    out = run()
    clock = time.perf_counter() - clock
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = sum(used[:2]) - before
    whole = "all" if pixels >= ALL else f"{pixels / ALL:.0%} of all: {cpu * ALL / pixels:.0f} s"
    print(f"{name:32s} {cpu:6.1f} s of CPU, {clock:5.1f} s; {whole}; {used.ru_maxrss / 1e3:.0f} MB", flush=True)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--only", default="", help="begin of the names of the lines that are wanted")
    given = parser.parse_args()
    rows = given.rows
    rng, pixels = np.random.default_rng(0), rows * COLUMNS
    hills = 300 * np.outer(np.cos(np.arange(rows) / 30), np.sin(np.arange(COLUMNS) / 40))
    dem = maps(4700 + hills + rng.normal(size=hills.shape) * 20).assign_attrs(units="m").chunk(BLOCK)
    angle = maps(np.linspace(31, 44, COLUMNS) + 0 * hills).assign_attrs(units="degree").chunk(BLOCK)
    first, second = np.triu_indices(DATES, 1)
    ends = np.flatnonzero(second - first <= 5)[:PAIRS]
    pairs = {"reference": ("pair", DAYS[first[ends]]), "secondary": ("pair", DAYS[second[ends]])}
    shape = (rows, COLUMNS)
    phase = maps(da.full((PAIRS, *shape), 1.5, "f4", chunks=(-1, 64, 512)), ("pair",)).assign_coords(pairs)
    phase = phase.assign_attrs(units="rad")
    zenith = da.random.normal(2.3, 0.01, (DATES, *shape), chunks=(-1, 64, 512)).astype("f4")
    zenith = maps(zenith, ("time",), time=DAYS).rename("zenith_delay").assign_attrs(units="m")
    era5, once = reanalysis(rng), slice(0, DATES)

    only = {"only": given.only}
    air = era5.isel(time=once)
    told("delay, one hour a date", pixels, lambda: drain(correct.tropospheric_delay(air, dem, angle)), **only)
    between = {"dates": DAYS + np.timedelta64(11 * 60 + 24, "m")}
    told(
        "delay, two hours a date",
        pixels,
        lambda: drain(correct.tropospheric_delay(era5, dem, angle, **between)),
        **only,
    )

    def from_weather():
        return drain(correct.remove_delay(phase, correct.tropospheric_delay(era5, dem, angle, **between)))

    told("delay of ERA5 out of pairs", pixels, from_weather, **only)
    if given.only:
        return
    told("random numbers by themselves", pixels, lambda: drain(zenith))
    told("zenith delay into phase", pixels, lambda: drain(correct.delay_phase(zenith, incidence=angle)))
    delay = maps(da.zeros((DATES, *shape), "f4", chunks=(-1, 64, 512)), ("time",), time=DAYS).assign_attrs(units="rad")
    told("a delay out of pairs", pixels, lambda: drain(correct.remove_delay(phase, delay)))
    told("slopes, one window", pixels, lambda: correct.fit_elevation(phase, dem).compute())
    fit = told("slopes, 16 windows", pixels, lambda: correct.fit_elevation(phase, dem, windows=(2, 8)).compute())
    told("slopes out of pairs", pixels, lambda: drain(correct.remove_delay(phase, correct.elevation_phase(fit, dem))))
    series = (1000 * zenith).rename("displacement").assign_attrs(units="mm")
    far = xr.DataArray(rng.normal(0, 60, DATES), {"time": DAYS}, "time", attrs={"units": "m"})
    told("error of the elevation", pixels, lambda: correct.fit_dem_error(series, far, angle).compute())


if __name__ == "__main__":
    main()
