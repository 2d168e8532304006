"""From complex images to maps at full size: the real command, killed once and resumed; writes docs/slc_chain.md.

``python benchmarks/slc_chain.py FOLDER`` makes 27 images of 4000 lines and 3000 samples in radar geometry (2.6 GB), has
``qtp interferograms`` form and unwrap their pairs on a cluster of two workers, date after date, ends the command once
without warning, makes some pairs anew without cluster and kill, inverts the pairs and fits the deformation, and holds
all of it against the truth. What is in FOLDER already is not made again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import xarray as xr
import yaml
from common import in_child
from slc_scene import DATES, GROUPS, LINES, LOOKS_X, LOOKS_Y, SAMPLES, indices, make_images, truth

from qtp_toolkit import conventions, correct, inversion, open_catalog, pecm, prospects

PAGE = Path(__file__).resolve().parents[1] / "docs" / "slc_chain.md"
KILLED, AFTER = 2, 6
"""Run in which the command is killed, and how many of its pairs are then there."""
WINDOWS = ((0, 50), (350, 380))
CLEAR = 0.4


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
    """Run the command, and whether it came to its end; killed, without a chance to tidy up, at so many pairs."""
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
            print(rows[-1], flush=True)
    return rows, note


def unkilled(folder: Path) -> tuple[int, int]:
    """Pairs of one group made anew, by threads and in one go: how many, and how many files of them differ."""
    shutil.rmtree(folder / "anew", ignore_errors=True)
    if not run(command(folder, str(KILLED), "anew"), folder / "anew"):
        raise SystemExit("the command failed")
    files = [path.relative_to(folder / "anew") for path in (folder / "anew").glob("*_*/*")]
    other = [path for path in files if (folder / "anew" / path).read_bytes() != (folder / "pairs" / path).read_bytes()]
    return len(made(folder / "anew")), len(other)


def maps(folder: str) -> dict[str, object]:
    """Wrong cycles of the pairs; their inversion and fit, and what they are off by."""
    stack, told = prospects.level_components(
        open_catalog(Path(folder) / "pairs" / "data_catalog.yaml")["interferograms"]
    )
    stack, known = stack.load(), truth(stack)
    phase = known["phase"].assign_coords(y=stack["y"], x=stack["x"])
    true = phase.sel(time=stack["secondary"].values).values - phase.sel(time=stack["reference"].values).values
    cycles = (stack["phase"].values - true) / (2 * np.pi)
    cycles = np.rint(cycles - np.rint(np.nanmedian(cycles, axis=(1, 2), keepdims=True)))
    clear = (stack["coherence"].values > CLEAR) & np.isfinite(cycles)
    wrong = [(cycles[k][clear[k]] != 0).mean() for k in range(stack.sizes["pair"]) if clear[k].any()]
    known = known.assign_coords(y=stack["y"], x=stack["x"])  # alike but for their last bits
    seen = stack["phase"].notnull().all("pair") & (stack["coherence"].mean("pair") > CLEAR)
    area = seen & (abs(known["amplitude"]) + abs(known["rate"]) < 0.5)
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


def kept(folder: Path, name: str, work: Callable[[], object]) -> Any:
    """What a step has measured, now or in an earlier run."""
    note = folder / f"{name}.json"
    if not note.exists():
        note.write_text(json.dumps(work()), encoding="utf-8")
    return json.loads(note.read_text(encoding="utf-8"))


def measure(folder: Path) -> dict[str, Any]:
    """All of it, step by step."""
    folder.mkdir(parents=True, exist_ok=True)
    in_child(make_images, folder)
    rows, note = kept(folder, "pairs_made", lambda: pairs(folder))
    anew = kept(folder, "made_anew", lambda: unkilled(folder))
    found, _, seconds, peak = kept(folder, "maps_made", lambda: in_child(maps, str(folder)))
    return {"rows": rows, "note": note, "anew": anew, "seconds": seconds, "peak": peak, **found}


def page(found: dict) -> list[str]:
    """The measurements as Markdown."""
    height, width = found["pixels"]
    rows, note, anew = found["rows"], found["note"], found["anew"]
    lines = [
        f"""# From complex images to maps

Made by `benchmarks/slc_chain.py`; not edited by hand. {DATES.size} coregistered images of {LINES} x {SAMPLES} pixels in
radar geometry, {LOOKS_Y} x {LOOKS_X} looks, geocoded to {height} x {width} pixels of 90 m. `qtp interferograms
--scheduler` on two workers of one thread; with every run there are more dates. Memory is that of scheduler, workers and
command together; what they share counts for each. CPU is that of the workers. The machine had other work beside: the
wall clock is an upper bound.

| pairs | new | wall (s) | CPU a new pair (s) | peak memory (GB) |
| ---: | ---: | ---: | ---: | ---: |"""
    ]
    for row in rows:
        cells = row["pairs"], row["new"], f"{row['wall']:.0f}", f"{row['cpu'] / row['new']:.2f}"
        lines.append("| " + " | ".join(map(str, cells)) + f" | {row['memory'] / 1e3:.2f} |")
    lines += [
        f"""
In the run to {rows[KILLED]["pairs"]} pairs the command was killed (SIGKILL) when {note["killed after"]} of its pairs
were there, and started again: its row holds both. {anew[0]} of its pairs were made anew, by threads, without cluster
and kill: {anew[1]} of their files differ.

| against the truth | |
| --- | ---: |
| pixels with a coherence above {CLEAR} on a wrong cycle | {found["wrong"]:.4%} |
| the same, in the worst pair | {found["worst pair"]:.4%} |
| pixels with a coherence above {CLEAR}, of all pairs | {found["clear"]:.0%} |
| all pixels on a wrong cycle | {found["all"]:.4%} |
| pixels with a rate and an amplitude | {found["valid"]:.1%} |"""
    ]
    for name, (words, unit) in UNITS.items():
        whole, air = found["off"][name]
        lines += [
            f"| {words}: median error | {whole:.2f} {unit} |",
            f"| {words}: the same, were the phase of each date known but for its air | {air:.2f} {unit} |",
            f"| {words}: median difference of the two, from speckle to inversion | {found['own'][name]:.2f} {unit} |",
        ]
    spent = f"{found['seconds']:.0f} CPU-s, {found['peak'] / 1e3:.2f} GB"
    return [*lines, f"| levels, inversion and fit | {spent} |", "", *found["told"]]


if __name__ == "__main__":
    PAGE.write_text("\n".join(page(measure(Path(sys.argv[1]).resolve()))) + "\n", encoding="utf-8")
