"""The whole area at 90 m, or strips of it: a compact store from the scene, then inversion and model fit from the store.

``python benchmarks/full_size.py FOLDER ROWS [ROWS ...]`` makes one store per number of rows (6444 is everything, and
takes 20 GB), measures each step in a process of its own, and writes docs/full_size.md. Start with
``qtp reproduce --only 02 --only 03`` in the same folder: its temperature products, 3 km wide, serve here, too. What is
in FOLDER already is not made again.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import dask
import numpy as np
import xarray as xr
from common import in_child

from qtp_toolkit import conventions, correct, grid, inversion, open_catalog, pecm, products, store, synthetic
from qtp_toolkit.synthetic import interferograms

TABLE = Path(__file__).resolve().parents[1] / "docs" / "full_size.md"
REFERENCE_ROW = 2748
"""Row of the reference point; every strip holds it."""
BLOCK = 128
"""Side in pixels of the squares that are computed one by one: four chunks of the store."""
THREADS = 2


def rows_of(height: int) -> slice:
    """Rows of a strip: blocks of 64 rows of the scene, with the reference point near the middle."""
    first = max(0, min(REFERENCE_ROW - height // 2, 6444 - height)) // 64 * 64
    return slice(first, min(first + height, 6444))


def ingest(folder: str, height: int) -> int:
    """Make the interferograms of a strip and store them; gives the bytes of the store."""
    truth = synthetic.scene("90m")
    stack = interferograms.interferograms(truth).isel(y=rows_of(height))
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        store.ingest(stack, folder, storage="compact", progress=True)
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


def made_in(folder: str, height: int) -> tuple[int, float]:
    """Bytes of a strip's store, and the CPU seconds that making it took, now or when it was made."""
    note = Path(folder) / "made.json"
    if not note.exists():
        size, _, seconds, _ = in_child(ingest, folder, height)
        note.write_text(json.dumps([size, seconds]), encoding="utf-8")
    return tuple(json.loads(note.read_text(encoding="utf-8")))


def main(folder: Path, heights: list[int]) -> None:
    lines = [
        "# Full size",
        "",
        f"Made by `benchmarks/full_size.py`; not edited by hand. 2778 columns, 466 pairs, {THREADS} threads.",
        "",
        "| rows | million pixels | store (GB) | scene to store (CPU min) | inversion + fit (min) | CPU (min) |"
        " microseconds of CPU per pixel | peak memory (GB) | rate (mm/yr) | amplitude (mm) | valid |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for height in heights:
        here = str(folder / f"rows_{height}")
        Path(here).mkdir(parents=True, exist_ok=True)
        size, made = made_in(here, height)
        ratio = in_child(truth_of, here, height)[0]
        _, wall, spent, peak = in_child(deform, here, ratio)
        off, pixels = errors(here), (rows_of(height).stop - rows_of(height).start) * 2778
        lines.append(
            f"| {height} | {pixels / 1e6:.2f} | {size / 1e9:.2f} | {made / 60:.1f} | {wall / 60:.1f} | {spent / 60:.1f}"
            f" | {1e6 * spent / pixels:.0f} | {peak / 1e3:.2f} | {off['linear_rate']:.2f} |"
            f" {off['seasonal_amplitude']:.2f} | {off['valid']:.1%} |"
        )
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
        sys.stdout.write(lines[-1] + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [int(text) for text in sys.argv[2:]])
