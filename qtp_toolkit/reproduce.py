"""Run the notebooks in order on a catalog, and leave figures, maps, executed pages and one report behind.

Each notebook runs in a kernel of its own and takes everything from the catalog and from the products of earlier ones on
disk, so independent ones may run at once. A notebook whose sources the catalog lacks is skipped with its reason; a
failing one fails the run, and what does not depend on it still runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from qtp_toolkit import __version__, products, report
from qtp_toolkit._execute import Kernels, Outcome, environment, execute
from qtp_toolkit._finished import Finished
from qtp_toolkit._inputs import is_stamped, state
from qtp_toolkit._plan import Notebook, find_notebooks, notebooks_folder, plan, stand_in
from qtp_toolkit._progress import progress_bar
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.conventions import QtpDataError

CELL_TIMEOUT = 3600.0
"""Seconds that one cell may take."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_STAMP = "run.json"

__all__ = ["Notebook", "check_scene", "find_notebooks", "notebooks_folder", "plan", "reproduce", "stand_in"]


def reproduce(
    *,
    only: Iterable[str] = (),
    catalog: Path | str | None = None,
    out: Path | str | None = None,
    scene: str | None = None,
    scheduler: str | None = None,
    jobs: int | None = None,
    cell_timeout: float = CELL_TIMEOUT,
    folder: Path | None = None,
    resume: bool = False,
    gallery: Path | str | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Run the notebooks and write the report.

    Parameters
    ----------
    only : iterable of str
        Numbers or names of notebooks; what they lack is made first. Empty for all.
    catalog : path, optional
        By default what :func:`qtp_toolkit.catalog.open_catalog` finds.
    out : path, optional
        Output folder; by default :func:`qtp_toolkit.products.output_folder`.
    scene : str, optional
        Size of the embedded scene: ``tiny``, ``default`` or ``90m``.
    scheduler : str, optional
        Address of a running dask scheduler that the notebooks connect to.
    jobs : int, optional
        Notebooks at once; by default 2 if there are as many cores.
    cell_timeout : float
        Seconds that one cell may take.
    folder : path, optional
        Notebooks to run instead of the workflow's own.
    resume : bool
        Do not run again what an earlier run of the same inputs finished in this folder.
    gallery : path, optional
        Folder for the gallery, which is made anew; by default ``<out>/gallery``.
    progress : bool
        Show a progress bar; without a terminal, a line when a notebook begins and when it ends.

    Returns
    -------
    dict
        ``ok``, ``out``, ``notebooks`` (name, status done | skipped | failed, seconds, reason, cell), ``red`` (checks
        that did not pass; ``ok`` does not count them), ``seconds``, ``report`` and ``gallery`` (paths).
    """
    start = time.monotonic()
    jobs = jobs or min(2, os.cpu_count() or 1)
    check_scene(scene or os.environ.get("QTP_SCENE"))
    notebooks = find_notebooks(folder)
    plan(notebooks, only)  # refuses an unknown name before anything is written
    target = Path(out).expanduser().resolve() if out else products.output_folder()
    target.mkdir(parents=True, exist_ok=True)
    settings = {"QTP_OUTPUT": str(target), "QTP_SCENE": scene, "QTP_SCHEDULER": scheduler, "MPLBACKEND": ""}
    if os.environ.get("QTP_DATA"):
        settings["QTP_DATA"] = str(Path(os.environ["QTP_DATA"]).expanduser().resolve())
    with environment(settings):
        found = open_catalog(catalog)
        os.environ["QTP_CATALOG"] = str(found.path)
        notebooks = stand_in(notebooks, found)
        inputs = _inputs(found)
        good = is_stamped(target / _STAMP, inputs)
        chosen = plan(notebooks, only, [name for name in products.PRODUCTS if good and products.exists(name)])
        makers = {product: nb.name for nb in chosen for product in nb.products_out}
        earlier = Finished(target / "finished.json", inputs)
        kept = earlier.unchanged(chosen, list(_order(chosen, makers).static_order()), makers) if resume else {}
        (target / _STAMP).write_text(json.dumps(inputs, indent=1), encoding="utf-8")
        options: dict[str, Any] = {"out": target, "jobs": jobs, "timeout": cell_timeout, "progress": progress}
        outcomes = _run_all(chosen, found, kept=kept, earlier=earlier, **options)
        done = {"ok": all(o.status != "failed" for o in outcomes), "out": str(target), **inputs}
        done |= {"title": found.title, "provenance": sorted({found.source(name).provenance for name in found})}
        done["notebooks"] = [
            {**asdict(o), "title": nb.title, "figures": nb.figures} for nb, o in zip(chosen, outcomes, strict=True)
        ]
        done["red"] = [row for row in report.checks(target) if not row["passed"]]
        done["seconds"] = time.monotonic() - start
        done["report"] = str(report.write(done, target))
        synthetic = found.available("truth")
        done["gallery"] = str(report.gallery(target, Path(gallery) if gallery else None, synthetic=synthetic))
    return done


def check_scene(size: str | None) -> None:
    """Refuse a size of the embedded scene that there is not."""
    from qtp_toolkit.synthetic.frame import SIZES  # noqa: PLC0415  (takes its time)

    if size and size not in SIZES:
        raise QtpDataError("there is no such scene", found=repr(size), expected=", ".join(SIZES))


def _inputs(catalog: Any) -> dict[str, str]:
    """Return what products depend on: catalog, scene, version. Those made from others are not used again."""
    try:
        root = catalog.root()  # writes the embedded scene on first use, before any notebook asks for it
    except QtpDataError:  # every source may have a root of its own
        root = Path()
    stamp = root / "scene.json"
    texts = [path.read_bytes() for path in (Path(catalog.path), stamp) if path.is_file()]
    files = [path for name in catalog for path in _files(catalog, name)]
    texts += [json.dumps([str(path), state(path)]).encode() for path in files]
    return {
        "catalog": str(catalog.path),
        "root": str(root),
        "scene": os.environ.get("QTP_SCENE", ""),
        "sha256": hashlib.sha256(b"".join(texts)).hexdigest(),
        "version": __version__,
    }


def _files(catalog: Any, name: str) -> list[Path]:
    """Files of a source; none of a scene of the package, which the version tells, and which this would write."""
    if str(catalog.source(name).root or "").startswith("package://"):
        return []
    try:
        return catalog.files(name)
    except QtpDataError:  # what is wrong is told where the source is opened
        return []


def _why_skip(nb: Notebook, catalog: Any, status: Mapping[str, str], makers: Mapping[str, str]) -> str:
    """Why ``nb`` cannot run, or an empty string."""
    needs = catalog.needed(nb.needs)
    absent = [name for name in needs if name not in catalog]
    missing = [name for name in needs if name in catalog and not catalog.available(name)]
    reasons = [f"the catalog has no {', '.join(absent)}"] if absent else []
    if missing:
        reasons.append(f"not on disk: {', '.join(missing)} (qtp check says how to get it)")
    for product in nb.products_in:
        maker = makers.get(product, "")
        if said := {"failed": "failed", "skipped": "was skipped"}.get(status.get(maker, "")):
            reasons.append(f"needs product {product} of {maker}, which {said}")
    return "; ".join(reasons)


def _order(chosen: list[Notebook], makers: Mapping[str, str]) -> TopologicalSorter[str]:
    """Make a sorter of what waits for what; prepare it, or ask for its order."""
    before = {nb.name: {makers[product] for product in nb.awaits if product in makers} for nb in chosen}
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        raise QtpDataError("Notebooks wait for each other", found=" -> ".join(error.args[1])) from error
    return TopologicalSorter(before)


def _count_waiting(nb: Notebook, chosen: list[Notebook]) -> int:
    """Count the notebooks that wait for this one, directly or not; the most awaited goes first."""
    made, names = set(nb.products_out), {nb.name}
    for other in chosen:
        if made & set(other.awaits):
            names.add(other.name)
            made |= set(other.products_out)
    return len(names) - 1


def _run_all(
    chosen: list[Notebook],
    catalog: Any,
    *,
    kept: Mapping[str, Outcome],
    earlier: Finished,
    out: Path,
    jobs: int,
    timeout: float,
    progress: bool,
) -> list[Outcome]:
    by_name = {nb.name: nb for nb in chosen}
    makers = {product: nb.name for nb in chosen for product in nb.products_out}
    sorter, kernels = _order(chosen, makers), Kernels()
    sorter.prepare()
    outcomes: dict[str, Outcome] = {}
    running: dict[Future[Outcome], str] = {}
    queue: list[str] = []
    threads = {name: os.environ.get(name, "1") for name in _THREADS}  # dask has a thread for each core already
    total = sum(nb.cells for nb in chosen)
    with progress_bar("", total=total, progress=progress, stderr=False) as bar, ThreadPoolExecutor(jobs) as pool:

        def finish(outcome: Outcome) -> None:
            outcomes[outcome.name] = outcome
            sorter.done(outcome.name)
            earlier.add(by_name[outcome.name].path, outcome)
            where = f" in cell {outcome.cell}" if outcome.cell else ""
            reason = f": {outcome.reason}" if outcome.reason else ""
            status = "kept" if outcome.name in kept else outcome.status
            bar.say(f"{status:8}{outcome.name:24}{outcome.seconds:6.1f} s{where}{reason}")

        def launch(nb: Notebook) -> None:
            bar.begin(f"begins  {nb.name}")
            (out / "checks" / f"{nb.name}.jsonl").unlink(missing_ok=True)
            limits: dict[str, Any] = {"timeout": timeout, "kernels": kernels, "on_cell": lambda: bar.advance(1)}
            env = {**os.environ, **threads, "QTP_NOTEBOOK": nb.name}
            running[pool.submit(execute, nb.path, out=out, env=env, **limits)] = nb.name

        try:
            while sorter.is_active():
                ready = [*queue, *sorter.get_ready()]
                queue = sorted(ready, key=lambda name: (-_count_waiting(by_name[name], chosen), name))
                while queue and len(running) < jobs:
                    nb = by_name[queue.pop(0)]
                    if nb.name in kept:
                        bar.advance(nb.cells)
                        finish(kept[nb.name])
                        continue
                    reason = _why_skip(nb, catalog, {name: o.status for name, o in outcomes.items()}, makers)
                    finish(Outcome(nb.name, "skipped", reason=reason)) if reason else launch(nb)
                bar.describe(", ".join(running.values()))
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    outcome, nb = future.result(), by_name[running.pop(future)]
                    lacking = [product for product in nb.products_out if not products.exists(product)]
                    if outcome.status == "done" and lacking:
                        outcome.status, outcome.reason = "failed", f"it did not save {', '.join(lacking)}"
                    finish(outcome)
        except BaseException:
            kernels.kill()
            raise
    return [outcomes[nb.name] for nb in chosen]
