"""Running the tasks of a run on whatever dask has at hand: threads, processes, or the workers of a cluster.

A task computes and writes one block and returns its key. What it did is told by markers on disk; futures only say when
to look.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any

import dask
import dask.threaded
from dask.base import get_scheduler

from qtp_toolkit.conventions import QtpDataError

_AHEAD = 4
"""Local tasks come in groups of so many times those that run at once."""

_LEAST = 16
"""Tasks that a cluster gets at least, so that one that grows on demand has a reason to."""


def run_tasks(
    make: Callable[[str], tuple[Callable, tuple]],
    keys: Sequence[str],
    *,
    name: str,
    at_once: int,
    done: int = 0,
    progress: bool = False,
    busy: list[str],
    is_done: Callable[[str], bool],
) -> None:
    """Run one task a key.

    Parameters
    ----------
    make : callable
        Gives the function and the (lazy) arguments of the task of a key, when its turn comes.
    keys : sequence of str
    name : str
        What the tasks are of; part of their names on a cluster's dashboard, and of the progress bar.
    at_once : int
        Local tasks under way at once. A cluster takes two for each thread of its workers, whose memory is its own.
    done : int
        Tasks that were done before; the bar begins there.
    progress : bool
        Show a progress bar on stderr.
    busy : list of str
        Always holds the keys that are under way; after an error, those that it may have come from.
    is_done : callable
        Whether the markers of a key are there: a worker may die after its work, but before it told.

    Raises
    ------
    QtpDataError
        R06: tasks that killed every worker that took them, by key; raised when all others are through.
    """
    call = uuid.uuid4().hex[:8]

    def task(key: str) -> Any:
        function, arguments = make(key)
        return dask.delayed(function, pure=False)(*arguments, dask_key_name=f"{name}-{key}-{call}")

    with progress_bar(f"writing {name}", total=done + len(keys), done=done, progress=progress) as advance:
        client = _client()
        if client is None:
            _run_here(task, keys, at_once=at_once, busy=busy, advance=advance)
        else:
            killed = [key for key in _run_there(client, task, keys, busy=busy, advance=advance) if not is_done(key)]
            _refuse_killed(killed, busy)


def _client() -> Any:
    """Return the cluster's client if dask would send work to one."""
    owner = getattr(get_scheduler(), "__self__", None)
    return owner if type(owner).__module__.partition(".")[0] == "distributed" else None


def _run_here(
    task: Callable[[str], Any],
    keys: Sequence[str],
    *,
    at_once: int,
    busy: list[str],
    advance: Callable[[int], None],
) -> None:
    with _workers(at_once) as options:
        for first in range(0, len(keys), _AHEAD * at_once):
            group = keys[first : first + _AHEAD * at_once]
            busy[:] = group
            dask.compute(*map(task, group), **options)
            advance(len(group))
    busy.clear()


@contextmanager
def _workers(number: int) -> Iterator[dict[str, Any]]:
    """Options of ``dask.compute`` for so many workers, none of which is still at work when this ends.

    After an error dask leaves its own threads to what they are doing: they would write when the lock is gone.
    """
    if get_scheduler() not in (None, dask.threaded.get):
        yield {"num_workers": number}
        return
    pool = ThreadPoolExecutor(number)
    try:
        yield {"pool": pool}
    finally:
        pool.shutdown(cancel_futures=True)


def _run_there(
    client: Any,
    task: Callable[[str], Any],
    keys: Sequence[str],
    *,
    busy: list[str],
    advance: Callable[[int], None],
) -> list[str]:
    """Keep the workers busy until all is done; returns the keys whose workers died again and again."""
    from distributed import KilledWorker, as_completed, wait  # noqa: PLC0415  slow to import

    waiting, running, killed = iter(keys), {}, []
    pool = as_completed()
    try:
        while True:
            room = max(2 * sum(client.nthreads().values()), _LEAST) - len(running)
            for key in islice(waiting, max(room, 0)):
                future = client.compute(task(key))
                running[future] = key
                pool.add(future)
            busy[:] = running.values()
            if not running:
                break
            future = next(pool)
            key = running.pop(future)
            error = None if future.status == "finished" else future.exception()
            if isinstance(error, KilledWorker):
                killed.append(key)
            elif error is not None:
                busy[:] = [key]
                raise error
            else:
                advance(1)
    except Exception:
        wait(list(running))  # they would write when the lock is gone
        raise
    finally:
        if running:
            client.cancel(list(running))
    return killed


def _refuse_killed(killed: Sequence[str], busy: list[str]) -> None:
    busy[:] = killed
    if killed:
        raise QtpDataError(
            f"{len(killed)} blocks killed every worker that took them",
            where=", ".join(killed),
            code="R06",
            hint="Out of memory? Use smaller blocks, fewer threads a worker, or more memory a worker. A block that was "
            "only beside the culprit passes when the same call is made again.",
        )


def whole(data: Any) -> Any:
    """Give a task its argument in one piece: dask's own way of putting arrays into tasks copies them once more."""
    return data.rechunk(-1).to_delayed(optimize_graph=False).item() if hasattr(data, "to_delayed") else data


@contextmanager
def progress_bar(text: str, *, total: int, done: int, progress: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr if asked for; gives what moves it on."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True, force_jupyter=False)
    with Progress(*columns, console=console, disable=not progress) as bar:
        line = bar.add_task(text, total=total, completed=done)
        yield lambda number: bar.advance(line, number)
