"""The block store beside the disk's own copy of the same rasters, in one run: rates of the wall clock, disk included.

Rates are of the pixels, decoded: 4 bytes each. Run alone (``python benchmarks/storage.py [pairs rows columns]``) it
prints what docs/scaling.md quotes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import rasterio

from qtp_toolkit import load, store

LAYOUTS = {
    "plain": {},
    "deflate": {"compress": "deflate", "zlevel": 1, "tiled": True, "blockxsize": 256, "blockysize": 256},
    "strips": {"compress": "deflate", "blockysize": 1, "predictor": 3},
}


SHAPE = (466, 512, 2778)
"""Pairs, rows and columns: rows as wide as those of the whole area, and more bytes than a disk takes in one breath."""


def rows(rng: np.random.Generator, *, size: tuple[int, int, int] | None = None) -> list[dict]:
    """Megabytes of rasters a second: the toolkit is the ingest, flushed to the disk; plain is a copy, flushed too."""
    out = []
    for layout, options in LAYOUTS.items():
        shape = size or SHAPE
        with tempfile.TemporaryDirectory(dir=os.environ.get("QTP_BENCHMARK_DIR")) as name:
            source = _write(Path(name) / "rasters", rng, shape, layout)
            megabytes = 8 * np.prod(shape) / 1e6
            works = {
                **({"decode": lambda source=source: _decode(source)} if options else {}),
                "copy": lambda source=source, name=name: _copy(source, Path(name) / "copy"),
                **{
                    kind: lambda source=source, name=name, kind=kind: _ingest(source, Path(name) / "store", kind)
                    for kind in ("float32", "compact")
                },
            }
            best = _measure(works, source)
            for kind in ("float32", "compact"):
                found = best[kind]
                bare = f"GDAL alone decodes {megabytes / best['decode']['wall']:.0f} MB/s; " if "decode" in best else ""
                out.append(
                    {
                        "work": f"ingest, {layout} rasters to {kind}",
                        "unit": "MB/s",
                        "toolkit": megabytes / found["wall"],
                        "plain": megabytes / best["copy"]["wall"],
                        "ratio": best["copy"]["wall"] / found["wall"],
                        "note": f"{megabytes:.0f} MB in {2 * shape[0]} files; plain: copy and flush; {bare}"
                        f"CPU {found['cpu']:.1f} s and {best['copy']['cpu']:.1f} s, "
                        f"memory {found['memory']:.0f} MB above the start",
                    }
                )
    return out


def _write(folder: Path, rng: np.random.Generator, shape: tuple[int, int, int], layout: str) -> Path:
    """Pairs of smooth phase with noise and lakes; every fourth date is skipped over by one pair more."""
    pairs, height, width = shape
    base = [np.cumsum(rng.normal(size=(height, width)), axis=k % 2) * 0.03 for k in range(4)]
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "float32", "crs": "EPSG:32646"}
    profile |= {"transform": rasterio.Affine(90, 0, 4e5, 0, -90, 4e6), **LAYOUTS[layout]}
    for k in range(pairs):
        first = np.datetime64("2015-01-01") + 12 * (k // 4)
        name = "_".join(str(date).replace("-", "") for date in (first, first + 12 * (k % 4 + 1)))
        phase = sum(c * b for c, b in zip(rng.normal(size=4), base, strict=True)) + 0.3 * rng.normal(
            size=(height, width)
        )
        phase[base[0] > 1.5] = 0.0
        coherence = (0.6 + 0.1 * rng.normal(size=(height, width))).clip(0.05, 1)
        for role, values in (("phase", phase.clip(-30, 30)), ("coherence", coherence)):
            (folder / role).mkdir(parents=True, exist_ok=True)
            with rasterio.open(folder / role / f"{name}.tif", "w", **profile) as dataset:
                dataset.write(values.astype("float32"), 1)
    return folder


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    for path in target.rglob("*.tif"):
        with path.open("r+b") as stream:
            os.fsync(stream.fileno())


def _decode(source: Path) -> None:
    """Read all pixels by GDAL on as many threads as there are processors, and do nothing with them."""

    def read(path: Path) -> None:
        with rasterio.open(path) as dataset:
            dataset.read(1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(read, sorted(source.rglob("*.tif"))))


def _ingest(source: Path, target: Path, storage: str) -> None:
    files = {role: sorted((source / role).glob("*.tif")) for role in ("phase", "coherence")}
    stack = load.interferograms(files["phase"], coherence=files["coherence"])
    store.ingest(stack, target, storage=storage)


def _measure(works: dict[str, Callable[[], None]], source: Path, repeat: int = 3) -> dict[str, dict[str, float]]:
    """Best wall and CPU time, and largest memory, of each work, in turn; the rasters come from the disk each time."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeat):
        for name, work in works.items():
            _forget(source)
            found = _watched(work)
            for target in ("copy", "store"):
                shutil.rmtree(source.parent / target, ignore_errors=True)
            old = best.get(name, found)
            best[name] = {
                "wall": min(old["wall"], found["wall"]),
                "cpu": min(old["cpu"], found["cpu"]),
                "memory": max(old["memory"], found["memory"]),
            }
    return best


def _forget(source: Path) -> None:
    """Drop the rasters from memory where the system can do so, and let the disk come to rest."""
    os.sync()
    for path in source.rglob("*.tif") if hasattr(os, "posix_fadvise") else ():
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _watched(work: Callable[[], None]) -> dict[str, float]:
    process, stop, top = psutil.Process(), threading.Event(), [0]
    start = process.memory_info().rss

    def watch() -> None:
        while not stop.wait(0.02):
            top[0] = max(top[0], process.memory_info().rss - start)

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    stop.set()
    watcher.join()
    return found | {"memory": top[0] / 1e6}


if __name__ == "__main__":
    given = tuple(map(int, sys.argv[1:4])) or (466, 448, 1024)
    print(f"{given}, load {os.getloadavg()[0]:.1f}")
    for line in rows(np.random.default_rng(2022), size=given):
        print({key: round(value, 2) if isinstance(value, float) else value for key, value in line.items()})
