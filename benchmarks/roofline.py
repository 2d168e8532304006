"""Where the time of the chain goes, and how far each step is from what the machine can do; writes docs/roofline.md.

``python benchmarks/roofline.py FOLDER``: one block of the 90 m scene, step by step on one thread. FOLDER holds the
temperature products of ``qtp reproduce --only 02 --only 03``, as for ``benchmarks/full_size.py``.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from pathlib import Path

import dask
import numpy as np
import xarray as xr
from common import cpu
from full_size import BLOCK, REFERENCE_ROW
from inversions import EPSILONS, machine, operations

from qtp_toolkit import conventions, correct, grid, inversion, open_catalog, pecm, products, store, synthetic
from qtp_toolkit.synthetic import interferograms

TABLE = Path(__file__).resolve().parents[1] / "docs" / "roofline.md"
COLUMN = 1280
PIXELS = BLOCK * BLOCK
HEAD = """# Where the time goes

Made by `benchmarks/roofline.py`; not edited by hand. One block of {block} x {block} pixels with {pairs} pairs of
{dates} dates from a compact store, step by step on one thread; the least CPU time of a few runs. What is made once for
all blocks (profiles of ERA5, the ramps, the level) is not in it.

The roof of a step is the time that it would take if it did nothing but move the bytes that it must read and write once
({bandwidth:.1f} GB a CPU-second, as a copy of a large array does) or nothing but its multiplications and additions
({flops:.0f} Gflop a CPU-second, as a matrix product of float32 does), whichever is longer. Bytes are those of the
inputs and results of the step, not of what it puts aside in between.

| step | microseconds a pixel | share | bytes a pixel | flop a pixel | bound by | roof, microseconds | of the roof |
| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |
"""


def fit_operations(dates: int, years: int, columns: int = 3) -> int:
    """Multiplications and additions of sums, misfit, and the answers without each year, for one pixel."""
    products_of = columns * (columns + 1) // 2 + columns
    an_answer = 2 * years * products_of + columns**3 + 2 * columns**2
    return dates * (2 * products_of + columns + 2 * columns + 6) + (years + 1) * an_answer


def steps(folder: str) -> tuple[list[tuple[str, float, float, float]], dict[str, float]]:
    """Name, microseconds, bytes and flop a pixel of each step; and the sizes that they depend on."""
    catalog, settings = open_catalog(), open_catalog().settings
    place = {"y": slice(REFERENCE_ROW - BLOCK // 2, REFERENCE_ROW + BLOCK // 2), "x": slice(COLUMN, COLUMN + BLOCK)}
    store.ingest(interferograms.interferograms(synthetic.scene("90m")).isel(place), folder, storage="compact")
    opened = store.open_store(folder)
    stack = opened.load()
    pairs = stack.sizes["pair"]
    dates = np.union1d(*(conventions.coordinate(stack, name) for name in ("reference", "secondary")))
    like = stack["phase"].isel(pair=0)
    sources = {name: catalog[name].load() for name in ("dem", "incidence", "era5")}
    seasons = products.open("freeze_thaw").load()

    # Of a larger area, from which one block is cut: what belongs to all blocks is made before the clock starts.
    area = synthetic.scene("90m")["elevation"].isel(y=slice(2560, 3072), x=slice(1024, 1536)).chunk(y=BLOCK, x=BLOCK)
    one = {"y": slice(BLOCK, 2 * BLOCK), "x": slice(2 * BLOCK, 3 * BLOCK)}
    height = grid.match(sources["dem"].chunk(), area, resampling="average")
    look = grid.match(sources["incidence"].chunk(), area)
    delays = correct.tropospheric_delay(sources["era5"], height, look, dates=dates).isel(one)
    delay = delays.compute().assign_coords(y=like["y"], x=like["x"])
    corrected = correct.remove_delay(stack["phase"], delay)
    ramp = correct.fit_ramp(corrected, weight=stack["coherence"])
    level = correct.deramp(corrected, ramp=ramp).mean(("y", "x"))
    phase = correct.deramp(corrected, ramp=ramp) - level

    def invert() -> xr.Dataset:
        return inversion.invert(phase, stack["coherence"], reference_date=settings.reference_date)

    displacement = conventions.phase_to_displacement(invert()["phase"])

    ratio = synthetic.scene("90m")["conductivity_ratio"].isel(y=slice(2560, 3072), x=slice(1024, 1536))
    lazy = pecm.indices(
        seasons, ratio.load().chunk(y=BLOCK, x=BLOCK), like=area, dates=displacement["time"].values
    ).isel(one)
    two = lazy.compute().assign_coords(y=like["y"], x=like["x"])
    both = two["linear_index"], two["composite_index"]

    def fit() -> xr.Dataset:
        return pecm.fit(displacement, *both, peak_index=two["peak_index"], upstream_reason=two["reason"])

    result = fit()
    n, layers = len(dates), sum(da.nbytes for da in result.values()) / PIXELS
    years = len(np.unique(dates.astype("datetime64[Y]")))
    numbers = {
        "reference": conventions.coordinate(stack, "reference"),
        "secondary": conventions.coordinate(stack, "secondary"),
    }
    ends = [np.searchsorted(dates, stamps) for stamps in numbers.values()]
    zero = int(np.argmin(abs(dates - np.datetime64(str(settings.reference_date)))))
    l1 = operations(*ends, n, zero, 1 + len(EPSILONS))
    names = (f"maps_{k}" for k in itertools.count())
    work = [
        ("read a block of the store, checked", lambda: opened_again(folder), 11 * pairs, 2 * pairs),
        ("delays of the dates from ERA5", delays.compute, 4 * n, 20 * n),
        (
            "take delays out of the pairs",
            lambda: correct.remove_delay(stack["phase"], delay),
            8 * pairs + 4 * n,
            2 * pairs,
        ),
        ("take out ramps and level", lambda: correct.deramp(corrected, ramp=ramp) - level, 8 * pairs, 7 * pairs),
        ("invert the network, L1", invert, 8 * pairs + 4 * n, l1),
        ("both indices", lazy.compute, 8 * n, 12 * n),
        ("fit, with the answers without each year", fit, 12 * n + layers, fit_operations(n, years)),
        (
            "make a store and write the maps",
            lambda: store.write_blocks(result, folder, name=next(names), block=BLOCK),
            layers,
            0,
        ),
    ]
    found = [(name, 1e6 * cpu(call) / PIXELS, read, flop) for name, call, read, flop in work]
    return found, {"pairs": pairs, "dates": n}


def opened_again(folder: str) -> xr.Dataset:
    """Read everything that a store holds."""
    return store.open_store(folder, name="interferograms").load()


def main(folder: str) -> None:
    os.environ["QTP_OUTPUT"] = folder
    flops, bandwidth = machine()
    with tempfile.TemporaryDirectory() as own, dask.config.set(scheduler="sync"):
        found, sizes = steps(own)
    lines = [HEAD.format(block=BLOCK, bandwidth=bandwidth / 1e9, flops=flops / 1e9, **sizes).rstrip("\n")]
    total = sum(spent for _, spent, _, _ in found)
    for name, spent, moved, flop in found:
        roofs = {"memory": 1e6 * moved / bandwidth, "arithmetic": 1e6 * flop / flops}
        bound = max(roofs, key=lambda key: roofs[key])
        numbers = f"{spent:.2f} | {spent / total:.0%} | {moved:,.0f} | {flop:,.0f} | {bound}"
        lines.append(f"| {name} | {numbers} | {roofs[bound]:.3f} | {roofs[bound] / spent:.1%} |")
    lines.append(f"| all | {total:.2f} | 100% | | | | | |")
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()))
