"""Running the tasks of a run on whatever dask has at hand: threads, processes, or the workers of a cluster.

A task computes and writes one block and returns its key. What it did is told by markers on disk; futures only say when
to look.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

import dask
import dask.threaded
from dask.base import get_scheduler
from dask.highlevelgraph import HighLevelGraph
from dask.local import synchronous_executor
from dask.optimization import cull
from dask.utils import parse_timedelta

from qtp_toolkit._progress import progress_bar
from qtp_toolkit.conventions import QtpDataError

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = "2 hours"
"""How long a run waits for a cluster none of whose workers is at work, unless dask's own setting says."""

_AHEAD = 16
"""Local tasks come in groups of so many times those that run at once: to cut the graph of a group out of that of all
takes hardly longer than to cut out one, and all at once would be held in memory."""

_FEW = 4
"""Threads share the chunks of a task if there are fewer tasks than so many for each; else each takes a whole one."""

_LEAST = 16
"""Tasks that a cluster gets at least, so that one that grows on demand has a reason to."""

_LOOK, _SOON = 5.0, 60.0
"""Seconds without news after which the workers are looked at; and those that the others get after an error."""


def run_tasks(
    make: Callable[[str], tuple[Callable, tuple]],
    keys: Sequence[str],
    *,
    name: str,
    at_once: int,
    progress: bool = False,
    busy: list[str],
    is_done: Callable[[str], bool],
) -> None:
    """Run one task for each key that is not done.

    Parameters
    ----------
    make : callable
        Gives the function and the (lazy) arguments of the task of a key, when its turn comes.
    keys : sequence of str
    name : str
        What the tasks are of; part of their names on a cluster's dashboard, and of the progress bar.
    at_once : int
        Local tasks under way at once. A cluster takes two for each thread of its workers, whose memory is its own.
    progress : bool
        Show a progress bar on stderr; it begins at what was done before.
    busy : list of str
        Always holds the keys that are under way; after an error, those that it may have come from.
    is_done : callable
        Whether the markers of a key are there: a worker may die after its work, but before it told.

    Raises
    ------
    QtpDataError
        R05: no worker of the cluster has been at work for long. R06: tasks that killed every worker that took them, by
        key; raised when all others are through.
    """

    def task(key: str) -> Any:
        function, arguments = make(key)
        return dask.delayed(function, pure=False)(*arguments, dask_key_name=f"{name}-{key}-{uuid.uuid4().hex[:8]}")

    left = [key for key in keys if not is_done(key)]
    client = getattr(get_scheduler(), "__self__", None)
    with progress_bar(f"writing {name}", total=len(keys), done=len(keys) - len(left), progress=progress) as bar:
        if type(client).__module__.partition(".")[0] == "distributed":
            _run_there(client, task, left, busy=busy, is_done=is_done, advance=bar.advance)
        else:
            _run_here(task, left, at_once=at_once, busy=busy, advance=bar.advance)


def _run_here(
    task: Callable[[str], Any],
    keys: Sequence[str],
    *,
    at_once: int,
    busy: list[str],
    advance: Callable[[int], None],
) -> None:
    run = _run_in_threads if get_scheduler() in (None, dask.threaded.get) else _run_elsewhere
    groups = (keys[first : first + _AHEAD * at_once] for first in range(0, len(keys), _AHEAD * at_once))
    run(task, groups, at_once=at_once, few=len(keys) < _FEW * at_once, busy=busy, advance=advance)
    busy.clear()


def _run_elsewhere(
    task: Callable[[str], Any],
    groups: Iterator[Sequence[str]],
    *,
    at_once: int,
    busy: list[str],
    advance: Callable[[int], None],
    **_: Any,
) -> None:
    """Group after group on a scheduler that the user chose: processes, or one thread."""
    for group in groups:
        busy[:] = group
        dask.compute(*map(task, group), num_workers=at_once)
        advance(len(group))


def _run_in_threads(
    task: Callable[[str], Any],
    groups: Iterator[Sequence[str]],
    *,
    at_once: int,
    few: bool,
    busy: list[str],
    advance: Callable[[int], None],
) -> None:
    """So many tasks at once, each in a thread of its own; the next group's graph is made while they run.

    None of them is still at work when this ends: it would write when the lock is gone.
    """
    failed: list[str] = []
    computing: Executor = ThreadPoolExecutor(at_once) if few else _Inline()
    drivers = ThreadPoolExecutor(at_once)

    def run(key: str, graph: dict[Any, Any], name: Any) -> None:
        busy.append(key)
        try:
            dask.threaded.get(cull(graph, [name])[0], name, pool=computing)
        except Exception:
            failed.append(key)
            raise
        busy.remove(key)

    def finish(running: set[Future[None]], *, left: int) -> set[Future[None]]:
        while len(running) > left:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                future.result()
            advance(len(ended))
        return running

    running: set[Future[None]] = set()
    try:
        for group in groups:
            lazies = [task(key) for key in group]
            graph = _graph_of(lazies)
            running |= {drivers.submit(run, key, graph, lazy.key) for key, lazy in zip(group, lazies, strict=True)}
            running = finish(running, left=_AHEAD * at_once // 2)
        finish(running, left=0)
    except BaseException:
        busy[:] = failed[:1] or busy
        raise
    finally:
        computing.shutdown(cancel_futures=True)
        drivers.shutdown(cancel_futures=True)


def _graph_of(lazies: Sequence[Any]) -> dict[Any, Any]:
    """Tasks that some lazy values need, and no others; ``dask.optimize`` would look at all there are once for each."""
    graph = HighLevelGraph.merge(*(lazy.dask for lazy in lazies))
    return graph.cull([lazy.key for lazy in lazies]).to_dict()


class _Inline(Executor):
    """Computes in the thread that asks, until it is shut down."""

    _max_workers = 1  # dask asks for it
    ended = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self.ended:
            raise CancelledError
        return synchronous_executor.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002  (of Executor)
        self.ended = True


def _run_there(
    client: Any,
    task: Callable[[str], Any],
    keys: Sequence[str],
    *,
    busy: list[str],
    is_done: Callable[[str], bool],
    advance: Callable[[int], None],
) -> None:
    """Keep the workers busy until all is done, or none of them is at work any more."""
    from distributed import KilledWorker  # noqa: PLC0415  slow to import

    patience = parse_timedelta(dask.config.get("distributed.scheduler.no-workers-timeout", None) or PATIENCE)
    waiting, killed = deque(keys), []
    running: dict[Any, str] = {}
    ended: SimpleQueue[Any] = SimpleQueue()
    with _nobody_left(client, running, ended, patience=min(patience, _SOON)):
        while waiting or running:
            # Two a thread: the next one's inputs are fetched while the first is computed; more would only hold memory.
            room = max(2 * sum(client.nthreads().values()), _LEAST) - len(running)
            for _ in range(min(room, len(waiting))):
                key = waiting.popleft()
                future = client.compute(task(key))
                running[future] = key
                future.add_done_callback(ended.put)
            busy[:] = running.values()
            future = _next_ended(client, ended, patience=patience)
            if future is None:
                break
            key = running.pop(future)
            if future.status == "finished" or is_done(key):
                advance(1)
            elif future.status != "error":  # cancelled by another client, or lost with its worker or scheduler
                waiting.append(key)
            elif isinstance(error := future.exception(), KilledWorker):
                killed.append(key)
            else:
                busy[:] = [key]
                raise error
    if waiting or running:
        raise QtpDataError(
            f"no worker of the cluster has been at work for {patience:g} s",
            where=f"{len(waiting) + len(running)} blocks that are left",
            code="R05",
            hint="Start workers, or see in their logs why they died. How long to wait says dask's setting "
            "distributed.scheduler.no-workers-timeout.",
        )
    busy[:] = killed
    if killed:
        raise QtpDataError(
            f"{len(killed)} blocks killed every worker that took them",
            where=", ".join(killed),
            code="R06",
            hint="Out of memory? Use smaller blocks, fewer threads a worker, or more memory a worker. A block that was "
            "only beside the culprit passes when the same call is made again.",
        )


@contextmanager
def _nobody_left(client: Any, running: dict[Any, str], ended: SimpleQueue, *, patience: float) -> Iterator[None]:
    """Let workers finish what they are at after an error, for they would write on when the lock is gone."""
    try:
        yield
    except Exception:
        while running and (future := _next_ended(client, ended, patience=patience)) is not None:
            del running[future]
        raise
    finally:
        if running:
            client.cancel(list(running))


def _next_ended(client: Any, ended: SimpleQueue, *, patience: float) -> Any:
    """Wait for the next future that ends; None if no worker has been at work for ``patience`` seconds."""
    last = time.monotonic()
    while time.monotonic() - last < patience:
        try:
            return ended.get(timeout=min(_LOOK, patience))
        except Empty:
            if _is_at_work(client):
                last = time.monotonic()
    return None


def _is_at_work(client: Any) -> bool:
    """Whether a worker has told of late that it computes or fetches something; one that is paused may never again."""
    counts = [worker["metrics"].get("task_counts", {}) for worker in client.scheduler_info()["workers"].values()]
    return any(of.get(state) for of in counts for state in ("executing", "long-running", "flight"))


def join_chunks(data: Any) -> Any:
    """Give a task its argument in one piece: dask's own way of putting arrays into tasks copies them once more."""
    return data.rechunk(-1).to_delayed(optimize_graph=False).item() if hasattr(data, "to_delayed") else data
