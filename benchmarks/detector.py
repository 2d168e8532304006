"""Geographical detector: the toolkit beside pandas, and beside the package py-geodetector.

``rows`` compares rates for docs/benchmarks.md. Run alone, ``python benchmarks/detector.py FOLDER [ROWS]`` writes a
store of ROWS x 2778 pixels with 15 factors into FOLDER (6444 rows, the whole area, take 1.2 GB), reads all q and all
interactions from it block by block on two threads, and writes docs/detector_size.md. What is in FOLDER already is not
made again.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from pathlib import Path

import dask
import dask.array as dsk
import numpy as np
import pandas as pd
import xarray as xr
from common import cpu, in_child, row

from qtp_toolkit import geodetector, store

FACTORS, STRATA = 15, 8
SIDE, FEW = 1000, 1_000_000
"""Pixels on a side of the toolkit's map, and samples that the package gets."""


def maps(rng: np.random.Generator) -> tuple[xr.DataArray, xr.Dataset]:
    """A map, and strata of factors that it depends on."""
    dims, shape = ("y", "x"), (SIDE, SIDE)
    raw = {f"factor {i}": xr.DataArray(rng.normal(size=shape), dims=dims) for i in range(FACTORS)}
    y = sum(da / (2 + i) for i, da in enumerate(raw.values())) + rng.normal(size=shape)
    y = y.rename("amplitude").assign_attrs(units="mm").astype(np.float32)
    return y, xr.Dataset({name: geodetector.stratify(da, k=STRATA) for name, da in raw.items()})


def rows(rng: np.random.Generator) -> list[dict[str, object]]:
    """Rates of the q of all factors, and of all their pairs."""
    y, strata = maps(rng)
    n = y.size
    table = pd.DataFrame({name: code.values.ravel() for name, code in strata.items()}).assign(y=y.values.ravel())
    names = list(strata)

    def by_pandas() -> list[float]:
        total = table["y"].var(ddof=0) * n
        return [1 - (g.var(ddof=0) * g.size()).sum() / total for g in (table.groupby(name)["y"] for name in names)]

    all_q = n / cpu(lambda: geodetector.factors(y, strata))
    all_pairs = n / cpu(lambda: geodetector.interaction(y, strata))
    found, plain = geodetector.factors(y, strata)["q"].values, by_pandas()
    agreement = f"q agrees to {abs(found - plain).max():.0e}"
    out = [row(f"q of {FACTORS} factors", "pixels", all_q, n / cpu(by_pandas), f"plain: pandas groupby; {agreement}")]

    from geodetector import GeoDetector  # noqa: PLC0415  a development dependency

    peer = GeoDetector(table.head(FEW).astype(dict.fromkeys(names, int)), "y", names)
    with contextlib.redirect_stdout(io.StringIO()):
        single = FEW / cpu(peer.factor_detector, repeat=1)
        double = FEW / cpu(peer.interaction_detector, repeat=1)
    note = f"plain: py-geodetector on {FEW:,} of the samples"
    out.append(row(f"q of {FACTORS} factors", "pixels", all_q, single, note))
    pairs = FACTORS * (FACTORS - 1) // 2
    return [*out, row(f"q of {pairs} interactions", "pixels", all_pairs, double, note)]


TABLE = Path(__file__).resolve().parents[1] / "docs" / "detector_size.md"
COLUMNS = 2778
BLOCK, THREADS = 512, 2
MEMORY = 4000.0
"""MB that a run may take."""
TRIED = 1_000_000
"""Samples of which other programs get their pairs, and the memory of one is taken."""


def write(folder: str, height: int) -> None:
    """Store a map, twelve factors of numbers, an aspect, a class map and the other deformation, as they are stored."""
    shape, chunks = (height, COLUMNS), (BLOCK, BLOCK)
    rng = dsk.random.default_rng(2022)
    axes = {"y": 4e6 - 90.0 * np.arange(height), "x": 3e5 + 90.0 * np.arange(COLUMNS)}

    def field(values: dsk.Array, dtype: str = "float32", **attrs: object) -> xr.DataArray:
        return xr.DataArray(values.astype(dtype), axes, ("y", "x"), attrs=attrs)

    maps = {f"factor_{k:02d}": field(rng.normal(size=shape, chunks=chunks)) for k in range(FACTORS - 3)}
    maps["aspect"] = field(rng.uniform(0, 360, shape, chunks=chunks), units="degree")
    classes = {code: f"class {code}" for code in range(1, STRATA + 1)}
    maps["vegetation"] = field(rng.integers(1, STRATA + 1, shape, chunks=chunks), "int16", classes=classes)
    y = sum(maps[f"factor_{k:02d}"] / (2 + k) for k in range(FACTORS - 3))
    maps["linear_rate"] = field(rng.normal(size=shape, chunks=chunks), units="mm/yr")
    noise = field(rng.normal(size=shape, chunks=chunks))
    maps["seasonal_amplitude"] = (y + noise + 3 * maps["linear_rate"]).astype("float32").assign_attrs(units="mm")
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        store.write_blocks(xr.Dataset(maps), folder, name="factors", block=BLOCK)


def detect(folder: str) -> dict[str, float]:
    """All q and all interactions from the store: seconds and CPU seconds of the edges and of the one pass."""
    ds = store.open_store(folder, name="factors")
    y, factors = ds["seasonal_amplitude"], ds.drop_vars("seasonal_amplitude")
    spent: dict[str, float] = {"pixels": float(y.size)}
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        clock = time.perf_counter(), time.process_time()
        numbers = [name for name, da in factors.items() if name != "aspect" and "classes" not in da.attrs]
        edges = {name: geodetector.edges(factors[name], k=STRATA) for name in numbers}
        spent |= {"edges": time.perf_counter() - clock[0], "edges CPU": time.process_time() - clock[1]}
        clock = time.perf_counter(), time.process_time()
        strata = geodetector.stratify_factors(factors, k=STRATA, edges=edges)
        single, pairs = dask.compute(geodetector.factors(y, strata), geodetector.interaction(y, strata))
        spent |= {"pass": time.perf_counter() - clock[0], "pass CPU": time.process_time() - clock[1]}
    spent["interactions"] = float((pairs["interaction"] != "").sum()) / 2
    return spent | {f"q {name}": float(q) for name, q in zip(single["factor"].values, single["q"].values, strict=True)}


def frame(folder: str, count: int) -> pd.DataFrame:
    """Table of strata, as numbers of one byte, and of the map, of the first ``count`` samples."""
    ds = store.open_store(folder, name="factors").isel(y=slice(0, -(-count // COLUMNS))).load()
    y, factors = ds["seasonal_amplitude"], ds.drop_vars("seasonal_amplitude")
    strata = geodetector.stratify_factors(factors, k=STRATA)
    table = pd.DataFrame({name: da.values.ravel().astype(np.int8) for name, da in strata.items()})
    return table.assign(y=y.values.ravel().astype(np.float64)).head(count)


def with_pandas(folder: str, count: int, pairs: int) -> dict[str, float]:
    """CPU seconds of the q of all factors, and of some pairs, by groupby."""
    table = frame(folder, count)
    names, total = [name for name in table if name != "y"], table["y"].var(ddof=0) * count
    clock = time.process_time()

    def q(by: list[str]) -> float:
        groups = table.groupby(by, observed=True)["y"]
        return 1 - (groups.var(ddof=0) * groups.size()).sum() / total

    spent = {f"q {name}": q([name]) for name in names} | {"single": time.process_time() - clock}
    clock = time.process_time()
    for k in range(pairs):
        q([names[k], names[k + 1]])
    return spent | {"pair": (time.process_time() - clock) / max(pairs, 1)}


def with_package(folder: str, count: int) -> dict[str, float]:
    """CPU seconds of the q of all factors, and of all pairs, by py-geodetector."""
    from geodetector import GeoDetector  # noqa: PLC0415  a development dependency

    table = frame(folder, count)
    names = [name for name in table if name != "y"]
    clock = time.process_time()
    peer = GeoDetector(table.astype(dict.fromkeys(names, int)), "y", names)
    with contextlib.redirect_stdout(io.StringIO()):
        single = peer.factor_detector()
        spent = {"single": time.process_time() - clock}
        clock = time.process_time()
        peer.interaction_detector()
    spent["pair"] = (time.process_time() - clock) / (FACTORS * (FACTORS - 1) // 2)
    return spent | {f"q {name}": float(single.loc["q statistic", name]) for name in names}


def main() -> None:
    folder, height = str(Path(sys.argv[1]).resolve()), int(sys.argv[2]) if len(sys.argv) > 2 else 6444
    load = os.getloadavg()[0]
    write(folder, height)
    ours, *_, memory = in_child(detect, folder)
    size, pairs = int(ours["pixels"]), FACTORS * (FACTORS - 1) // 2
    few = min(TRIED, size)
    base = in_child(frame, folder, 1)[3]
    lines = [
        "# Geographical detector at full size",
        "",
        "Made by `benchmarks/detector.py`; not edited by hand. All q of 15 factors and all 105 interactions, from a",
        "store of the raw maps, block by block, on two threads. Seconds of the wall clock are those of a machine with",
        f"a load of {load:.0f} on {os.cpu_count()} cores before the run: the CPU seconds tell more.",
        "",
        f"{size:,} pixels. Edges of 13 factors in eight quantiles: {ours['edges']:.1f} s, "
        f"{ours['edges CPU']:.1f} CPU-s. "
        f"One pass for all q and {ours['interactions']:.0f} interactions: {ours['pass']:.1f} s, "
        f"{ours['pass CPU']:.1f} CPU-s. Together {ours['edges'] + ours['pass']:.1f} s, peak memory {memory:.0f} MB.",
        "",
        "Beside it, at the largest number of samples that fits 4 GB by the memory of a million: pandas (`groupby`,",
        "strata of one byte; of the 105 pairs two were run) and py-geodetector.",
        "",
        "| program | samples | CPU-s, 15 q | CPU-s, 105 pairs | peak MB | largest difference of q |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        f"| toolkit | {size:,} | with the pairs | {ours['pass CPU']:.1f} | {memory:.0f} | |",
    ]
    for name, work, options in (("pandas", with_pandas, (2,)), ("py-geodetector", with_package, ())):
        _, _, _, peak = in_child(work, folder, few, *options)
        largest = int(min(size, few * (MEMORY - base) / max(peak - base, 1.0)))
        found, _, _, peak = (
            in_child(work, folder, largest, *options) if largest > few else in_child(work, folder, few, *options)
        )
        apart = max(abs(found[key] - ours[key]) for key in found if key.startswith("q ")) if largest == size else np.nan
        told = f"{apart:.0e}" if np.isfinite(apart) else "another sample"
        cells = f"{largest:,} | {found['single']:.1f} | {pairs * found['pair']:.0f} | {peak:.0f} | {told}"
        lines.append(f"| {name} | {cells} |")
        print(lines[-1], flush=True)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
