"""What every benchmark needs: CPU seconds of a piece of work, its peak memory, and a row of the table."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cpu(work: Callable[[], object], repeat: int = 3) -> float:
    """Least CPU seconds of a few runs, the first of which (compilation) does not count."""
    return _least(work, time.process_time, repeat)


def wall(work: Callable[[], object], repeat: int = 3) -> float:
    """Least seconds of a few runs, the first of which (compilation) does not count."""
    return _least(work, time.perf_counter, repeat)


def _least(work: Callable[[], object], clock: Callable[[], float], repeat: int) -> float:
    work()
    spent = []
    for _ in range(repeat):
        start = clock()
        work()
        spent.append(clock() - start)
    return min(spent)


def in_child(work: Callable[..., Any], *args: Any) -> tuple[Any, float, float, float]:
    """Run a module-level function in a fresh process: its answer, wall seconds, CPU seconds and peak memory in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, args))


def _measured(work: Callable[..., Any], args: tuple) -> tuple[Any, float, float, float]:
    begun, start = time.perf_counter(), time.process_time()
    answer = work(*args)
    return answer, time.perf_counter() - begun, time.process_time() - start, peak_memory()


def peak_memory() -> float:
    """Largest resident memory of this process so far, MB; not that of the process that started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return float(status.split("VmHWM:")[1].split()[0]) / 1024


def row(work: str, unit: str, ours: float, plain: float, note: str, *, per: str = "CPU-s") -> dict[str, object]:
    """One line of the table: rates of the toolkit and of the plain code or peer beside it."""
    return {
        "work": work,
        "unit": f"{unit} per {per}",
        "toolkit": ours,
        "plain": plain,
        "ratio": ours / plain,
        "note": note,
    }
