"""One more date appended to a store, again and again, and what reading from several parts costs beside one.

``python benchmarks/append.py FOLDER [ROWS [COLUMNS [PAIRS [NEW]]]]`` makes a compact store of PAIRS pairs in FOLDER,
appends NEW pairs four times, joins the five parts, and prints a table. The whole area is 6444 2778 466 8: the store
takes 20 GB, twice as much while it is joined, and the first ingest some minutes.

Rasters of the pairs that are stored first are links to a few true ones, because appending does not read them; those of
the pairs that are appended are files of their own, and out of the cache.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import dask
import numpy as np
from common import in_child
from storage import _write

from qtp_toolkit import inversion, load, store

TIMES, DISTINCT, THREADS = 4, 8, 2
STRIP = 256
"""Rows that are read and inverted, from the middle."""


def pair_name(k: int, new: int) -> str:
    """Each date has so many later partners as pairs are new at once."""
    first = np.datetime64("2015-01-01") + 12 * (k // new)
    return "_".join(str(date).replace("-", "") for date in (first, first + 12 * (k % new + 1)))


def add_rasters(folder: Path, pairs: range, new: int, *, linked: bool) -> None:
    """Files of some pairs, linked to true ones or copied from them."""
    for role in ("phase", "coherence"):
        made = sorted((folder / "made" / role).glob("*.tif"))
        (folder / "rasters" / role).mkdir(parents=True, exist_ok=True)
        for k in pairs:
            target = folder / "rasters" / role / f"{pair_name(k, new)}.tif"
            if linked:
                target.symlink_to(made[k % len(made)])
                continue
            shutil.copyfile(made[k % len(made)], target)
            forget(target)


def forget(path: Path) -> None:
    """Flush a file and take it out of the cache, where the system knows how."""
    handle = os.open(path, os.O_RDWR)
    os.fsync(handle)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def opened(folder: Path, **options):
    """All pairs that are there, lazily."""
    phase, coherence = (sorted((folder / "rasters" / role).glob("*.tif")) for role in ("phase", "coherence"))
    return load.interferograms(phase, coherence=coherence, **options)


def ingest(folder: Path) -> None:
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        store.ingest(opened(folder), folder / "store", storage="compact", progress=True)


def append(folder: Path) -> int:
    """As ``qtp ingest --append``: all headers, then the new pairs."""
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        stack = opened(folder)
        new = store.new_pairs(stack, folder / "store")
        store.append(opened(folder, chunks=store.by_pair(stack, len(new))), folder / "store")
    return len(new)


def join(folder: Path) -> None:
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        store.join(folder / "store")


def strip_of(folder: Path):
    stack = store.open_store(folder / "store")
    top = max(stack.sizes["y"] - STRIP, 0) // 2 // 64 * 64
    return stack.isel(y=slice(top, top + STRIP))


def read(folder: Path) -> int:
    """Decode all blocks of a strip, and do nothing with them."""
    strip = strip_of(folder)
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        dask.compute(*(strip[key].data.map_blocks(_size, dtype=int, chunks=(1, 1, 1)) for key in strip))
    return strip["phase"].size


def _size(block):
    return np.full((1, 1, 1), block.size)


def invert(folder: Path) -> float:
    """Invert a strip; gives a number of the outcome, which must not depend on the parts."""
    strip = strip_of(folder)
    series = inversion.invert(strip["phase"], strip["coherence"])
    with dask.config.set(scheduler="threads", num_workers=THREADS):
        return float(abs(series["phase"]).sum(dtype="float64").compute())


def main(folder: Path, rows: int = 512, columns: int = 1024, pairs: int = 466, new: int = 8) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _write(folder / "made", np.random.default_rng(1), (DISTINCT, rows, columns), "plain")
    first = pairs - TIMES * new
    add_rasters(folder, range(first), new, linked=True)
    pixels = rows * columns / 1e6
    print(f"{rows} x {columns} pixels ({pixels:.2f} million), {first} pairs, {new} more at a time, {THREADS} threads\n")
    _, wall, cpu, memory = in_child(ingest, folder)
    print(
        "| step | parts | seconds | CPU (s) | peak memory (MB) | outcome |\n| --- | ---: | ---: | ---: | ---: | --- |"
    )
    print(f"| ingest | 1 | {wall:.1f} | {cpu:.1f} | {memory:.0f} | |", flush=True)
    told(folder, 1)
    for k in range(TIMES):
        add_rasters(folder, range(first + k * new, first + (k + 1) * new), new, linked=False)
        found, wall, cpu, memory = in_child(append, folder)
        print(f"| append | {k + 2} | {wall:.1f} | {cpu:.1f} | {memory:.0f} | {found} pairs |", flush=True)
        if k + 2 in (2, TIMES + 1):
            told(folder, k + 2)
    _, wall, cpu, memory = in_child(join, folder)
    print(f"| join | 1 | {wall:.1f} | {cpu:.1f} | {memory:.0f} | |", flush=True)
    told(folder, 1)


def told(folder: Path, parts: int) -> None:
    for work in (read, invert):
        answer, wall, cpu, memory = in_child(work, folder)
        print(
            f"| {work.__name__} {STRIP} rows | {parts} | {wall:.1f} | {cpu:.1f} | {memory:.0f} | {answer:.9g} |",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:]))
