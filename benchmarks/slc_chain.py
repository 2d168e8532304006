"""From complex images to maps at full size: the real command, killed once and resumed; writes docs/slc_chain.md.

``python benchmarks/slc_chain.py FOLDER`` makes 27 images of 4000 lines and 3000 samples in radar geometry
(2.6 GB; what is there already is not made again), has ``qtp interferograms`` form and unwrap their pairs on a cluster of two workers,
date after date, ends the command once without warning, makes some pairs anew without cluster and kill, inverts the
pairs and fits the deformation, and holds all of it against the truth.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import xarray as xr
import yaml
from common import in_child
from scipy.ndimage import gaussian_filter

from qtp_toolkit import conventions, correct, grid, inversion, open_catalog, pecm, prospects, seasons

PAGE = Path(__file__).resolve().parents[1] / "docs" / "slc_chain.md"
LINES, SAMPLES, LOOKS_Y, LOOKS_X = 4000, 3000, 6, 20
DATES = pd.date_range("2018-03-06", periods=27, freq="24D")
GROUPS = (6, 5, 9, 7)
"""So many dates are there when the command runs for the first time, so many more the second time, and so on."""
KILLED, AFTER = 2, 6
"""Run in which the command is killed, and how many of its pairs are then there."""
WINDOWS = ((0, 50), (350, 380))
ROWS = 250
"""Lines that are made at a time, of all dates."""
AIR = 1.0
"""Standard deviation of the phase that air adds to a date, rad."""
CLEAR = 0.4
ORIGIN, STEP_LINE, STEP_SAMPLE = (34.4, 92.9), (1.26e-4, -1.5e-5), (1.0e-5, 5.0e-5)
"""Latitude and longitude of the first pixel, and what a line and a sample add to them: an ascending pass."""


def indices(like: xr.DataArray) -> xr.Dataset:
    """Curves of the deformation model for one temperature everywhere."""
    days = pd.date_range("2017-01-01", "2020-12-31")
    warm = -4.0 + 14.0 * np.sin(2 * np.pi * (days.dayofyear.values - 110) / 365.25)
    axes = {"time": days, "y": [35.5, 34.0], "x": [92.0, 94.0]}
    values = np.broadcast_to(warm[:, None, None], (days.size, 2, 2)).astype("float32")
    lst = xr.DataArray(values, axes, ("time", "y", "x"), attrs={"units": "degC"}).rio.write_crs(4326)
    onsets = seasons.onsets(lst)
    found = seasons.degree_days(lst, onsets["thaw_onset_mean"], onsets["freeze_onset_mean"])
    return pecm.indices(xr.merge([found, onsets], compat="override"), 1.2, like=like, dates=DATES.values)


def curves() -> tuple[np.ndarray, np.ndarray, float]:
    """Linear and composite index at the dates, and the composite index at its peak."""
    axes = {"y": [34.9, 34.8], "x": [92.9, 93.0]}
    found = indices(xr.DataArray(np.zeros((2, 2), "float32"), axes, ("y", "x")).rio.write_crs(4326)).isel(y=0, x=0)
    return found["linear_index"].values, found["composite_index"].values, float(found["peak_index"])


def ground(line: np.ndarray, sample: np.ndarray) -> dict[str, np.ndarray]:
    """Rate (mm/yr), amplitude (mm), quality (0..1) and lake of pixels; what does not move is in the first corner."""
    v, u = line / LINES, sample / SAMPLES

    def hill(at: float, across: float, wide: float) -> np.ndarray:
        return np.exp(-((v - at) ** 2 + (0.5 * (u - across)) ** 2) / wide)

    bowls = hill(0.35, 0.6, 0.01) + 0.6 * hill(0.75, 0.3, 0.02)
    away = 1 - np.exp(-(v**2 + u**2) / 0.03)
    lake = ((v - 0.55) / 0.08) ** 2 + ((u - 0.55) / 0.3) ** 2 < 1
    quality = 0.35 + 0.65 * (0.5 + 0.5 * np.sin(9 * v + 2) * np.cos(5 * u)) ** 0.7
    return {
        "rate": -22.0 * bowls * away,
        "amplitude": 25.0 * away * (0.5 + 0.5 * np.sin(4 * v + 3 * u)),
        "quality": np.where(lake, 0.0, quality),
        "lake": lake,
    }


def air() -> np.ndarray:
    """Phase that the air adds to each date, on a grid of 101 x 76, rad."""
    noise = np.random.default_rng(1).normal(size=(DATES.size, 101, 76))
    smooth = sum(gaussian_filter(noise, (0, width, width), mode="nearest") * width**1.5 for width in (4, 8, 16))
    return (AIR * smooth / smooth.std(axis=(1, 2), keepdims=True)).astype("float32")


def phases(line: np.ndarray, sample: np.ndarray, delay: np.ndarray, curve: tuple) -> Iterator[np.ndarray]:
    """Phase of each date, rad."""
    here, (linear, composite, peak) = ground(line, sample), curve
    for k in range(DATES.size):
        moved = here["rate"] * linear[k] - here["amplitude"] / peak * composite[k]
        yield -4e-3 * np.pi / conventions.SENTINEL1_WAVELENGTH * moved + delay[k]


def raw_raster(path: Path, dtype: str, kind: str) -> np.memmap:
    """Make room for raw pixels, with a VRT beside them, as ISCE writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = np.dtype(dtype).itemsize
    path.with_name(path.name + ".vrt").write_text(
        f'<VRTDataset rasterXSize="{SAMPLES}" rasterYSize="{LINES}"><VRTRasterBand dataType="{kind}" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="1">{path.name}</SourceFilename>'
        f"<ByteOrder>LSB</ByteOrder><ImageOffset>0</ImageOffset><PixelOffset>{size}</PixelOffset>"
        f"<LineOffset>{size * SAMPLES}</LineOffset></VRTRasterBand></VRTDataset>"
    )
    return np.memmap(path, dtype, "w+", shape=(LINES, SAMPLES))


def image_paths(folder: Path) -> list[Path]:
    group = np.repeat(np.arange(len(GROUPS)), GROUPS)
    names = DATES.strftime("%Y%m%d")
    return [folder / f"SLC/{g}/{name}/{name}.slc.full" for g, name in zip(group, names, strict=True)]


def make_images(folder: Path) -> None:
    """Speckle that a date shares with the one before it and with all others, turned by its phase; and the geometry."""
    if (folder / "made").exists():
        return
    rng, curve, delay = np.random.default_rng(7), curves(), air()
    images = [raw_raster(path, "complex64", "CFloat32") for path in image_paths(folder)]
    maps = {"lat": "float64", "lon": "float64", "land": "uint8"}
    kinds = {"float64": "Float64", "uint8": "Byte"}
    geometry = {name: raw_raster(folder / f"geom/{name}.rdr", kind, kinds[kind]) for name, kind in maps.items()}
    held = np.exp(-24 / 60)

    def draw(*shape: int) -> np.ndarray:
        return (rng.standard_normal((*shape, 2), "float32") * np.float32(np.sqrt(0.5))).view("complex64")[..., 0]

    for top in range(0, LINES, ROWS):
        line, sample = np.ogrid[top : top + ROWS, :SAMPLES]
        here = ground(line, sample)
        still, fading = (np.sqrt(share * here["quality"]).astype("float32") for share in (0.35, 0.6))
        own = np.sqrt(1 - 0.95 * here["quality"]).astype("float32")
        wide = np.stack([_at(field, line, sample) for field in delay])
        common, changing = draw(ROWS, SAMPLES), draw(ROWS, SAMPLES)
        for image, phase in zip(images, phases(line, sample, wide, curve), strict=True):
            changing = np.float32(held) * changing + np.float32(np.sqrt(1 - held**2)) * draw(ROWS, SAMPLES)
            speckle = still * common + fading * changing + own * draw(ROWS, SAMPLES)
            image[top : top + ROWS] = speckle * np.exp(-1j * phase.astype("float32"))
        for name, k in (("lat", 0), ("lon", 1)):
            geometry[name][top : top + ROWS] = ORIGIN[k] + line * STEP_LINE[k] + sample * STEP_SAMPLE[k]
        geometry["land"][top : top + ROWS] = ~here["lake"]
    for array in (*images, *geometry.values()):
        array.flush()
    (folder / "made").touch()


def _at(field: np.ndarray, line: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Coarse field at pixels, linear in between; by rows and columns, for it is a grid in both."""
    y, x = line.ravel() * (field.shape[0] - 1) / LINES, sample.ravel() * (field.shape[1] - 1) / SAMPLES
    i, j = y.astype(int), x.astype(int)
    rows = field[i] * (1 - y + i)[:, None] + field[i + 1] * (y - i)[:, None]
    return (rows[:, j] * (1 - x + j) + rows[:, j + 1] * (x - j)).astype("float32")


def command(folder: Path, groups: str, out: str, *more: str) -> list[str]:
    """Write the catalog that has the images of some groups, and return the words of the command."""
    uri = {"slc": f"SLC/{groups}/*/*.vrt", "latitude": "geom/lat.rdr.vrt", "longitude": "geom/lon.rdr.vrt"}
    source = {"description": "images", "kind": "dataset", "driver": "slc_stack", "provenance": "synthetic"}
    source["uri"] = uri | {"land": "geom/land.rdr.vrt"}
    catalog = {"catalog_version": 1, "title": "images", "roots": ["."], "sources": {"slc": source}}
    path = folder / f"catalog_{out}.yaml"
    path.write_text(yaml.safe_dump(catalog), encoding="utf-8")
    words = [str(Path(sys.executable).with_name("qtp")), "interferograms", "--catalog", str(path)]
    words += ["--out", str(folder / out), "--looks-y", str(LOOKS_Y), "--looks-x", str(LOOKS_X)]
    return [*words, *(word for low, high in WINDOWS for word in ("--window", f"{low}-{high}")), *more]


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Largest resident memory of this process and all that it started, MB; what they share counts for each."""
    found, stop = {"memory": 0.0}, threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            total = 0
            for process in (here := psutil.Process(), *here.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            found["memory"] = max(found["memory"], total / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        stop.set()
        watcher.join()


def made(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("*_*/made.json")}


def run(words: list[str], out: Path, *, kill_after: int | None = None) -> bool:
    """Run the command; killed when so many pairs are there, without any chance to tidy up. Whether it came to its end."""
    process = subprocess.Popen(words)
    while process.poll() is None and (kill_after is None or len(made(out)) < kill_after):
        time.sleep(0.1)
    process.kill()
    return process.wait() == 0


def pairs(folder: Path) -> tuple[list[dict], dict[str, object]]:
    """Make all pairs on a cluster: a row for each run of the command, and what its kill has left."""
    from distributed import LocalCluster  # noqa: PLC0415

    out, rows, note = folder / "pairs", [], {}
    shutil.rmtree(out, ignore_errors=True)
    with LocalCluster(n_workers=2, threads_per_worker=1, memory_limit="1.5GB", dashboard_address=None) as cluster:
        workers = [psutil.Process(worker.pid) for worker in cluster.workers.values()]
        workers = [child for nanny in workers for child in (nanny, *nanny.children(recursive=True))]
        for k in range(len(GROUPS)):
            words = command(folder, f"[0-{k}]", "pairs", "--scheduler", cluster.scheduler_address)
            before, start = len(made(out)), time.perf_counter()
            spent = sum(sum(process.cpu_times()[:2]) for process in workers)
            with watched() as seen:
                if k == KILLED:
                    ended = run(words, out, kill_after=before + AFTER)
                    note = {"ended": ended, "killed after": len(made(out)) - before, "left": len(made(out))}
                if not run(words, out):
                    raise SystemExit("the command failed")
            new = len(made(out)) - before
            spent = sum(sum(process.cpu_times()[:2]) for process in workers) - spent
            wall = time.perf_counter() - start
            rows.append({"pairs": before + new, "new": new, "wall": wall, "cpu": spent, "memory": seen["memory"]})
    return rows, note


def unkilled(folder: Path) -> tuple[int, int]:
    """Pairs of one group made anew, by threads and in one go: how many, and how many files of them differ."""
    shutil.rmtree(folder / "anew", ignore_errors=True)
    if not run(command(folder, str(KILLED), "anew"), folder / "anew"):
        raise SystemExit("the command failed")
    files = [path.relative_to(folder / "anew") for path in (folder / "anew").glob("*_*/*")]
    other = [path for path in files if (folder / "anew" / path).read_bytes() != (folder / "pairs" / path).read_bytes()]
    return len(made(folder / "anew")), len(other)


def truth(like: xr.Dataset) -> xr.Dataset:
    """Rate, amplitude and the phase of each date on the pixels of the maps."""
    size = LINES // LOOKS_Y, SAMPLES // LOOKS_X
    line, sample = (
        (np.arange(n) * looks + (looks - 1) / 2).reshape(shape)
        for n, looks, shape in ((size[0], LOOKS_Y, (-1, 1)), (size[1], LOOKS_X, (1, -1)))
    )
    place = [ORIGIN[k] + line * STEP_LINE[k] + sample * STEP_SAMPLE[k] for k in (0, 1)]
    lookup = grid.geocoding(*(xr.DataArray(degrees, dims=("y", "x")) for degrees in place))
    wide = np.stack([_at(field, line, sample) for field in air()])
    here = ground(line, sample)

    def placed(values: np.ndarray) -> xr.DataArray:
        return grid.geocode(xr.DataArray(values.astype("float32"), dims=("y", "x")), lookup)

    out = xr.Dataset({name: placed(here[name]) for name in ("rate", "amplitude")})
    out["phase"] = xr.concat([placed(values) for values in phases(line, sample, wide, curves())], "time")
    xr.testing.assert_allclose(out["y"], like["y"])
    return out.assign_coords(time=DATES.values)


def maps(folder: str) -> dict[str, object]:
    """Wrong cycles of the pairs; their inversion and fit, and what they are off by."""
    stack, told = prospects.level_components(
        open_catalog(Path(folder) / "pairs" / "data_catalog.yaml")["interferograms"]
    )
    stack, known = stack.load(), truth(stack)
    phase = known["phase"]
    true = phase.sel(time=stack["secondary"].values).values - phase.sel(time=stack["reference"].values).values
    cycles = (stack["phase"].values - true) / (2 * np.pi)
    cycles = np.rint(cycles - np.rint(np.nanmedian(cycles, axis=(1, 2), keepdims=True)))
    clear = (stack["coherence"].values > CLEAR) & np.isfinite(cycles)
    wrong = [(cycles[k][clear[k]] != 0).mean() for k in range(stack.sizes["pair"]) if clear[k].any()]
    area = abs(known["amplitude"]) + abs(known["rate"]) < 0.5
    area &= (stack["coherence"] > CLEAR).all("pair") & stack["phase"].notnull().all("pair")
    level = correct.set_reference(stack["phase"], area)
    series = inversion.invert(level, stack["coherence"])
    moved = conventions.phase_to_displacement(series["phase"])
    curve = indices(moved.isel(time=0, drop=True))
    given = correct.set_reference(phase.assign_attrs(units="rad"), area)
    best = conventions.phase_to_displacement((given - given.isel(time=0)).assign_attrs(units="rad"))
    fits = [_fit(displacement, curve) for displacement in (moved, best)]
    right = {"linear_rate": known["rate"], "seasonal_amplitude": known["amplitude"]}
    valid = (series["reason"] == 0) & fits[0]["linear_rate"].notnull()
    off = {name: [float(abs(fit[name] - da).where(valid).median()) for fit in fits] for name, da in right.items()}
    own = {name: float(abs(fits[0][name] - fits[1][name]).where(valid).median()) for name in right}
    return {
        "wrong": float((cycles[clear] != 0).mean()),
        "worst pair": float(np.nanmax(wrong)),
        "all": float((cycles[np.isfinite(cycles)] != 0).mean()),
        "clear": float(clear.sum() / np.isfinite(stack["phase"].values).sum()),
        "valid": float(valid.sum() / stack["phase"].notnull().any("pair").sum()),
        "pixels": tuple(stack["phase"].shape[1:]),
        "off": off,
        "own": own,
        "told": told,
    }


def _fit(displacement: xr.DataArray, curve: xr.Dataset) -> xr.Dataset:
    index = curve["linear_index"], curve["composite_index"]
    return pecm.fit(displacement, *index, peak_index=curve["peak_index"], uncertainty="formal")


UNITS = {"linear_rate": ("rate", "mm/yr"), "seasonal_amplitude": ("amplitude", "mm")}


def measure(folder: Path) -> dict[str, object]:
    """All of it, step by step."""
    folder.mkdir(parents=True, exist_ok=True)
    in_child(make_images, folder)
    rows, note = pairs(folder)
    anew = unkilled(folder)
    found, _, seconds, peak = in_child(maps, str(folder))
    return {"rows": rows, "note": note, "anew": anew, "seconds": seconds, "peak": peak, **found}


def page(found: dict) -> list[str]:
    """The measurements as Markdown."""
    height, width = found["pixels"]
    lines = [
        f"""# From complex images to maps

Made by `benchmarks/slc_chain.py`; not edited by hand. {DATES.size} coregistered images of {LINES} x {SAMPLES} pixels in
radar geometry, {LOOKS_Y} x {LOOKS_X} looks, geocoded to {height} x {width} pixels of 90 m. `qtp interferograms --scheduler`
on two workers of one thread; with every run there are more dates. Memory is that of scheduler, workers and command
together; what they share counts for each. CPU is that of the workers. The machine had other work beside: the wall clock
is an upper bound.

| pairs | new | wall (s) | CPU a new pair (s) | peak memory (GB) |
| ---: | ---: | ---: | ---: | ---: |"""
    ]
    lines += [
        f"| {row['pairs']} | {row['new']} | {row['wall']:.0f} | {row['cpu'] / row['new']:.2f} | {row['memory'] / 1e3:.2f} |"
        for row in found["rows"]
    ]
    lines += [
        f"""
In the run to {found["rows"][KILLED]["pairs"]} pairs the command was killed (SIGKILL) when {found["note"]["killed after"]} of its pairs were there, and
started again: its row holds both. {found["anew"][0]} of its pairs were made anew, by threads, without cluster and kill: of
their files {found["anew"][1]} differ.

| against the truth | |
| --- | ---: |
| pixels with a coherence above {CLEAR} on a wrong cycle | {found["wrong"]:.4%} |
| the same, in the worst pair | {found["worst pair"]:.4%} |
| pixels with a coherence above {CLEAR}, of all pairs | {found["clear"]:.0%} |
| all pixels on a wrong cycle | {found["all"]:.4%} |
| pixels with a rate and an amplitude | {found["valid"]:.1%} |"""
    ]
    for name, (words, unit) in UNITS.items():
        whole, air_alone = found["off"][name]
        lines += [
            f"| median error of the {words} | {whole:.2f} {unit} |",
            f"| the same, were the phase of each date known but for its air | {air_alone:.2f} {unit} |",
            f"| median difference of these two: what images, unwrapping and inversion add | {found['own'][name]:.2f} {unit} |",
        ]
    lines += [
        f"| levels, inversion and fit | {found['seconds']:.0f} CPU-s, {found['peak'] / 1e3:.2f} GB |",
        "",
        *found["told"],
    ]
    return lines


if __name__ == "__main__":
    PAGE.write_text("\n".join(page(measure(Path(sys.argv[1]).resolve()))) + "\n", encoding="utf-8")
