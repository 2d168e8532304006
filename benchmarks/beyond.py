"""What goes beyond the paper, from the store of a strip at 90 m: processor time and memory; writes docs/beyond.md.

``python benchmarks/beyond.py FOLDER ROWS`` takes the store that ``benchmarks/full_size.py FOLDER ROWS`` made, writes
the series of all its pixels into a second one, and computes everything else from these two, each in a process of its
own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import dask
import xarray as xr
from common import in_child
from full_size import BLOCK, THREADS, observed, rows_of

from qtp_toolkit import conventions, correct, grid, inversion, open_catalog, pecm, products, soil, store, validation

TABLE = Path(__file__).resolve().parents[1] / "docs" / "beyond.md"
ONSETS = ["thaw_onset_mean", "freeze_onset_mean", "thaw_onset", "freeze_onset", "addt_end"]
STRIP = 256
"""Rows whose phase bias is found at once."""
LOOKS = {"descending": (39.0, -168.0), "ascending": (38.0, -12.0)}
"""Incidence and heading of the two tracks, degree; both are given the series of the strip."""
HEAD = """# Beyond the paper, at 90 m

Made by `benchmarks/beyond.py`; not edited by hand. {pixels:.2f} million pixels, 466 pairs of 118 dates, {threads}
threads; each line goes from the stores on the disk to a store or to a few numbers, in a process of its own (start-up
included).

| work | seconds | CPU (s) | microseconds of CPU per pixel | peak memory (GB) |
| --- | ---: | ---: | ---: | ---: |
"""


def put(maps: xr.Dataset | xr.DataArray, folder: str, name: str) -> None:
    """Compute and write, always anew."""
    Path(folder, f"{name}.json").unlink(missing_ok=True)
    shutil.rmtree(Path(folder, "runs", name), ignore_errors=True)
    store.write_blocks(maps, folder, name=name, block=BLOCK)


def series(folder: str) -> None:
    """Displacement of all dates."""
    phase, coherence = observed(folder)
    out = inversion.invert(phase, coherence, reference_date=open_catalog().settings.reference_date)
    moved = conventions.phase_to_displacement(out["phase"])
    put(xr.Dataset({"displacement": moved, "reason": out["reason"]}), folder, "time_series")


def given(folder: str) -> tuple[xr.DataArray, xr.Dataset, xr.Dataset]:
    """Series, indices and onsets; lazy."""
    displacement = store.open_store(folder, name="time_series")["displacement"].chunk(y=BLOCK, x=BLOCK)
    seasons = products.open("freeze_thaw").load()
    share = xr.open_zarr(Path(folder) / "truth.zarr", consolidated=False)["conductivity_ratio"].chunk(y=BLOCK, x=BLOCK)
    like = displacement.isel(time=0, drop=True)
    index = pecm.indices(seasons, share, like=like, dates=displacement["time"].values)
    return displacement, index, grid.match(seasons[ONSETS].chunk(), like)


def fit(folder: str) -> None:
    """One coefficient, as the paper."""
    moved, index, _ = given(folder)
    put(pecm.fit(moved, index["linear_index"], index["composite_index"], peak_index=index["peak_index"]), folder, "one")


def years(folder: str) -> None:
    """An amplitude for each year, and late losses."""
    moved, index, onsets = given(folder)
    put(pecm.fit_years(moved, index["linear_index"], index["composite_index"], onsets, spread=0.3), folder, "years")


def tracks(folder: str) -> None:
    """Vertical and east."""
    moved, index, _ = given(folder)
    flat = xr.zeros_like(moved.isel(time=0, drop=True))
    looks = {
        name: pecm.look_vector((flat + angle).assign_attrs(units="degree"), heading=way)
        for name, (angle, way) in LOOKS.items()
    }
    curves = index["linear_index"], index["composite_index"]
    joined = {name: pecm.Track(moved, *curves, look) for name, look in looks.items()}
    put(pecm.fit_tracks(joined, peak_index=index["peak_index"]), folder, "tracks")


def short(folder: str) -> None:
    """Short pairs against all."""
    phase, coherence = observed(folder)
    put(inversion.compare_short(phase, coherence), folder, "short")


def bias(folder: str) -> None:
    """Bias of short pairs, as phase of all pairs, on cells of 8 by 8 pixels, strip by strip."""
    phase, _ = observed(folder)
    for top in range(0, phase.sizes["y"], STRIP):
        correct.fit_phase_bias(phase.isel(y=slice(top, top + STRIP)))["bias_phase"].compute()


def distance(folder: str) -> None:
    """Variogram of the rate, its model, and the test of the series by distance."""
    rate = store.open_store(folder, name="one")["linear_rate"]
    validation.fit_variogram(validation.variogram(rate)).compute()
    moved = store.open_store(folder, name="time_series")["displacement"]
    validation.accuracy_by_distance(moved).compute()


def water(folder: str) -> None:
    """Water, thickness and content."""
    maps = store.open_store(folder, name="one").chunk(y=BLOCK, x=BLOCK)
    warmth = grid.match(products.open("freeze_thaw")["addt_end"].load().chunk(), maps)
    warmth = (pecm.amplitude_factor(warmth) ** 2).assign_attrs(units="degC d")
    kappa = xr.DataArray(1.5, attrs={"units": "W m-1 K-1"})
    angle = xr.full_like(maps["linear_rate"], 39.0).assign_attrs(units="degree")
    swing = pecm.signed_amplitude(maps), maps["seasonal_amplitude_std"]
    put(soil.water_and_depth(*swing, warmth, incidence=angle, conductivity=kappa), folder, "water")


WORK: dict[str, Callable[[str], None]] = {
    "stack to series (corrections, L1)": series,
    "series to maps, one coefficient": fit,
    "series to yearly amplitudes and losses": years,
    "two series to vertical and east": tracks,
    "short pairs against all": short,
    "phase bias of all pairs": bias,
    "variogram, and accuracy by distance": distance,
    "water and depth": water,
}


def limited(name: str, folder: str, products_in: str) -> None:
    """Run one of the works on so many threads."""
    os.environ["QTP_OUTPUT"] = products_in
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        WORK[name](folder)


def main(folder: Path, height: int) -> None:
    here = str(folder / f"rows_{height}")
    pixels = (rows_of(height).stop - rows_of(height).start) * 2778
    lines = [HEAD.format(pixels=pixels / 1e6, threads=THREADS).rstrip("\n")]
    for name in WORK:
        _, wall, cpu, peak = in_child(limited, name, here, str(folder))
        lines.append(f"| {name} | {wall:.0f} | {cpu:.0f} | {1e6 * cpu / pixels:.1f} | {peak / 1e3:.2f} |")
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
