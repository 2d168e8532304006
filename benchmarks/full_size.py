"""The whole area at 90 m, or strips of it: from the rasters of a producer to a compact store, from the store to maps.

``python benchmarks/full_size.py FOLDER ROWS [ROWS ...]`` writes two rasters a pair for so many rows (6444 is
everything: 42 GB of phase as float32 and coherence as bytes, and a store of 20 GB), ingests them out of a cold cache,
inverts and fits from the store, each in a process of its own, and writes docs/full_size.md. Start with
``qtp reproduce --only 01 --only 02 --only 03 --out FOLDER`` and set QTP_OUTPUT to it: its temperature products, 3 km
wide, serve here, too. Rasters that are there are not made again; without them, a store that is there is not, either.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import dask
import numpy as np
import rasterio
import xarray as xr
from common import in_child

from qtp_toolkit import conventions, correct, grid, inversion, load, open_catalog, pecm, products, store, synthetic
from qtp_toolkit.synthetic import interferograms

TABLE = Path(__file__).resolve().parents[1] / "docs" / "full_size.md"
REFERENCE_ROW = 2748
"""Row of the reference point; every strip holds it."""
BLOCK = 128
"""Side in pixels of the squares that are computed one by one: four chunks of the store."""
THREADS = 2
STRIP = 128
"""Rows of all pairs that are made and written at once."""


def rows_of(height: int) -> slice:
    """Rows of a strip: blocks of 64 rows of the scene, with the reference point near the middle."""
    first = max(0, min(REFERENCE_ROW - height // 2, 6444 - height)) // 64 * 64
    return slice(first, min(first + height, 6444))


def write_rasters(folder: str, height: int) -> int:
    """Make the interferograms of a strip, two files a pair as many producers deliver them; gives their bytes."""
    stack = interferograms.interferograms(synthetic.scene("90m")).isel(y=rows_of(height))
    days = [np.datetime_as_string(stack[end].values.astype("datetime64[D]")) for end in ("reference", "secondary")]
    names = [f"{a}_{b}.tif".replace("-", "") for a, b in zip(*days, strict=True)]
    profile = {"driver": "GTiff", "count": 1, "height": stack.sizes["y"], "width": stack.sizes["x"]}
    profile |= {"crs": stack.rio.crs, "transform": stack.rio.transform()}
    stage = Path(folder, "rasters.partial")
    shutil.rmtree(stage, ignore_errors=True)
    with ExitStack() as files, dask.config.set(scheduler="threads", num_workers=THREADS):
        opened = {}
        for role, dtype in (("phase", "float32"), ("coherence", "uint8")):
            Path(stage, role).mkdir(parents=True)
            opened[role] = [
                files.enter_context(rasterio.open(Path(stage, role, name), "w", dtype=dtype, **profile))
                for name in names
            ]
        for top in range(0, stack.sizes["y"], STRIP):
            part = stack[["phase", "coherence"]].isel(y=slice(top, top + STRIP)).compute()
            part["phase"] = part["phase"].fillna(0.0)
            part["coherence"] = (255 * part["coherence"].fillna(0.0)).round().astype("uint8")
            window = rasterio.windows.Window(0, top, stack.sizes["x"], part.sizes["y"])
            for role, rasters in opened.items():
                for raster, values in zip(rasters, part[role].transpose("pair", "y", "x").values, strict=True):
                    raster.write(values, 1, window=window)
    stage.rename(Path(folder, "rasters"))
    return sum(path.stat().st_size for path in Path(folder, "rasters").rglob("*.tif"))


def forget(folder: str) -> None:
    """Take the rasters out of the cache, where the system knows how."""
    os.sync()
    for path in Path(folder, "rasters").rglob("*.tif") if hasattr(os, "posix_fadvise") else ():
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def ingest(folder: str) -> int:
    """Store the rasters of a strip, always anew; gives the bytes of the store."""
    shutil.rmtree(Path(folder, "runs", "interferograms"), ignore_errors=True)
    Path(folder, "interferograms.json").unlink(missing_ok=True)
    phase, coherence = (sorted(Path(folder, "rasters", role).glob("*.tif")) for role in ("phase", "coherence"))
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        store.ingest(load.interferograms(phase, coherence=coherence), folder, storage="compact", progress=True)
    return sum(path.stat().st_size for path in Path(folder, "runs", "interferograms").rglob("*") if path.is_file())


def observed(folder: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Phase of the store, corrected as notebook 05 does, and its coherence; lazy.

    What is a few numbers per pair is found first: the ramps on the quicklook, the level at the reference area.
    """
    catalog = open_catalog()
    stack, small = (store.open_store(folder, name="interferograms", quicklook=look) for look in (False, True))
    dates = np.union1d(*(conventions.coordinate(stack, name) for name in ("reference", "secondary")))
    kept = []
    for part, block in ((stack, BLOCK), (small, -1)):
        like = part["phase"].isel(pair=0).chunk(y=block, x=block)  # lazy sources: nothing of the full size at once
        height = grid.match(catalog["dem"].load().chunk(), like, resampling="average")
        look = grid.match(catalog["incidence"].load().chunk(), like)
        delay = correct.tropospheric_delay(catalog["era5"].load(), height, look, dates=dates)
        kept.append(correct.remove_delay(part["phase"], delay))
    ramp = correct.fit_ramp(kept[1], weight=small["coherence"]).compute()
    flat = correct.deramp(kept[0], ramp=ramp)
    settings = catalog.settings
    point = dict(zip(("longitude", "latitude"), settings.reference_point, strict=True))
    area = correct.reference_area(stack["phase"].isel(pair=0), radius_m=settings.reference_radius_m, **point)
    level = correct.reference_level(flat, area).compute()
    return flat - level, stack["coherence"]


def deform(folder: str, ratio: str) -> str:
    """Invert and fit every pixel of the store, and write rate, amplitude and what belongs to them; always anew."""
    Path(folder, "deformation.json").unlink(missing_ok=True)
    shutil.rmtree(Path(folder, "runs", "deformation"), ignore_errors=True)
    phase, coherence = observed(folder)
    series = inversion.invert(phase, coherence, reference_date=open_catalog().settings.reference_date)
    displacement = conventions.phase_to_displacement(series["phase"])
    seasons = products.open("freeze_thaw").load()
    share = xr.open_zarr(ratio, consolidated=False)["conductivity_ratio"].chunk(y=BLOCK, x=BLOCK)
    index = pecm.indices(seasons, share, like=phase.isel(pair=0), dates=displacement["time"].values)
    before = xr.where(series["reason"] == 0, index["reason"], series["reason"])
    indices = (index["linear_index"], index["composite_index"])
    result = pecm.fit(displacement, *indices, peak_index=index["peak_index"], upstream_reason=before)
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        store.write_blocks(result, folder, name="deformation", block=BLOCK, progress=True)
    return folder


def truth_of(folder: str, height: int) -> str:
    """Conductivity ratio and true maps of a strip, beside its store."""
    path = Path(folder) / "truth.zarr"
    if not path.exists():
        part = synthetic.scene("90m").isel(y=rows_of(height))
        layers = part[["conductivity_ratio", "linear_rate", "seasonal_amplitude", "permafrost"]].drop_encoding()
        stage = path.with_name("truth.partial")
        shutil.rmtree(stage, ignore_errors=True)
        with dask.config.set(scheduler="threads", num_workers=THREADS):
            layers.chunk(y=64, x=-1).to_zarr(stage, zarr_format=3, consolidated=False)
        stage.rename(path)
    return str(path)


def errors(folder: str) -> dict[str, float]:
    """Median error of rate and amplitude over valid permafrost, and the share of pixels that are valid."""
    found, truth = (
        store.open_store(folder, name="deformation"),
        xr.open_zarr(Path(folder) / "truth.zarr", consolidated=False),
    )
    frozen = truth["permafrost"].values == 1
    valid = (found["reason"].values == 0) & frozen
    off = {name: found[name].values - truth[name].values for name in ("linear_rate", "seasonal_amplitude")}
    return {name: float(np.nanmedian(abs(error[valid]))) for name, error in off.items()} | {
        "valid": float(valid.sum() / frozen.sum())
    }


def stored(folder: str, height: int) -> dict[str, float]:
    """What ingesting the rasters of a strip took, now or when its store was made."""
    note = Path(folder) / "ingested.json"
    if Path(folder, "rasters").exists() or not note.exists():
        if not Path(folder, "rasters").exists():
            in_child(write_rasters, folder, height)
        forget(folder)
        rasters = sum(path.stat().st_size for path in Path(folder, "rasters").rglob("*.tif"))
        size, wall, spent, peak = in_child(ingest, folder)
        made = {"rasters": rasters, "store": size, "wall": wall, "cpu": spent, "peak": peak}
        note.write_text(json.dumps(made), encoding="utf-8")
    return json.loads(note.read_text(encoding="utf-8"))


HEAD = """# Full size

Made by `benchmarks/full_size.py`; not edited by hand. 2778 columns, 466 pairs, {threads} threads. Rasters are plain
GeoTIFFs, two a pair, phase as float32 and coherence as bytes, read from the disk and not from its cache. Inverting and
fitting has the troposphere, ramps and reference in it. Errors are medians over permafrost.

{columns}
{rule}
"""
COLUMNS = (
    "rows", "million pixels", "rasters (GB)", "store (GB)", "rasters to store (min)", "CPU (min)", "memory (GB)",
    "store to maps (min)", "CPU (min)", "memory (GB)", "rasters to maps (min)", "microseconds of CPU per pixel",
    "rate (mm/yr)", "amplitude (mm)", "valid",
)  # fmt: skip


def main(folder: Path, heights: list[int]) -> None:
    columns, rule = (f"| {' | '.join(cells)} |" for cells in (COLUMNS, ["---:"] * len(COLUMNS)))
    table = HEAD.format(threads=THREADS, columns=columns, rule=rule)
    for height in heights:
        here = str(folder / f"rows_{height}")
        Path(here).mkdir(parents=True, exist_ok=True)
        made = stored(here, height)
        ratio = in_child(truth_of, here, height)[0]
        _, wall, spent, peak = in_child(deform, here, ratio)
        off, pixels = errors(here), (rows_of(height).stop - rows_of(height).start) * 2778
        cells = [
            f"{height}",
            f"{pixels / 1e6:.2f}",
            *(f"{made[key] / 1e9:.2f}" for key in ("rasters", "store")),
            *(f"{made[key] / 60:.1f}" for key in ("wall", "cpu")),
            f"{made['peak'] / 1e3:.2f}",
            *(f"{seconds / 60:.1f}" for seconds in (wall, spent)),
            f"{peak / 1e3:.2f}",
            f"{(made['wall'] + wall) / 60:.1f}",
            f"{1e6 * (made['cpu'] + spent) / pixels:.0f}",
            *(f"{off[key]:.2f}" for key in ("linear_rate", "seasonal_amplitude")),
            f"{off['valid']:.1%}",
        ]
        table += "| " + " | ".join(cells) + " |\n"
        TABLE.write_text(table, encoding="utf-8")
        sys.stdout.write(table.splitlines()[-1] + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [int(text) for text in sys.argv[2:]])
