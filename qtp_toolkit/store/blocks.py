"""Write any lazy result block by block: on threads, in one process, or on the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.system import CPU_COUNT

from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.store import layout
from qtp_toolkit.store.chunks import BlockArray
from qtp_toolkit.store.fingerprint import identify
from qtp_toolkit.store.run import mark_done, writing
from qtp_toolkit.store.work import join_chunks, run_tasks


def write_blocks(
    result: xr.Dataset | xr.DataArray,
    folder: str | os.PathLike,
    *,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    block: int = 512,
    memory_budget: float = 2e9,
    restart: bool = False,
    progress: bool = False,
) -> Path:
    """Compute a lazy result and write it block by block; what was interrupted is resumed by the same call.

    Parameters
    ----------
    result : xarray.Dataset or xarray.DataArray
        Variables over ``(..., y, x)`` are computed and written by blocks, on the scheduler in force; everything else
        is computed at the start. A DataArray needs a name.
    folder : path
        Made if need be; a shared and absolute one where workers run on other machines.
    name : str
        Name of the store in the folder: letters, digits, ``_`` and ``-``.
    parameters : mapping, optional
        What the result was made with, in plain values. Part of its fingerprint, and kept with it.
    block : int
        Side in pixels of the squares that are computed and marked one by one. Multiples of the chunks of the inputs
        are best: a chunk that two squares share is computed twice.
    memory_budget : float
        Bytes. ``block**2`` times the bytes of a pixel of the result may take a third of it; as many blocks are under
        way at once as fit into that third, one more than there are processors at most: while one waits for the disk,
        the others compute. What their computation takes comes on top. On a cluster each thread of a worker holds one
        block.
    restart : bool
        Discard what an interrupted run with other inputs, parameters or version left unfinished.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    pathlib.Path
        The folder, for :func:`open_store`. If the very same result is there already, nothing is computed.

    Raises
    ------
    QtpDataError
        R02: disk too small or full; R03: another process writes here; R05: no worker is at work for long; R06: blocks
        keep killing their workers; R08: an unfinished run of something else, or inputs that change meanwhile; R09: the
        folder cannot be written; R10: the result is computed from what it would replace; R13: a block does not fit into
        the budget. Errors of the computation itself come through, with a note on what is done.

    Notes
    -----
    The fingerprint covers the lazy graph, size and time of the files that it reads, ``parameters``, and the code of
    this package. Files are known that were opened by the loaders and stores here, by xarray, or by rioxarray; what was
    read in another way belongs into ``parameters``. An earlier result under the name stays until the new one is
    complete, and is then removed.

    Examples
    --------
    >>> from qtp_toolkit import store
    >>> rate = xr.DataArray(np.arange(600.0).reshape(20, 30), dims=("y", "x"), name="rate").chunk(y=10)
    >>> path = store.write_blocks(rate * 2, folder / "area", name="twice", block=10, parameters={"factor": 2})
    >>> float(store.open_store(path, name="twice")["rate"].max())
    1198.0
    """
    ds = result.to_dataset() if isinstance(result, xr.DataArray) else result
    arrays = layout.spatial(ds)
    stored = {key: layout.lay_out_result(da, block) for key, da in arrays.items()}
    at_once = _at_once(arrays, block, memory_budget)
    height, width = next(iter(arrays.values())).shape[-2:]
    starts = {_key((y, x)): (y, x) for y in range(0, height, block) for x in range(0, width, block)}
    keys = list(starts)
    with writing(folder, name, identify(ds, {**(parameters or {}), "block": block}, code=True)) as run:
        if run.is_published:
            return run.folder
        run.need(sum(da.nbytes for da in arrays.values()), keys)
        run.create(lambda path: layout.make_group(path, ds, stored), restart=restart)
        targets = {name: stored[name].at(run.data / name, da.shape) for name, da in arrays.items()}

        def make(key: str) -> tuple[Callable, tuple]:
            top, left = starts[key]
            region = {Y: slice(top, top + block), X: slice(left, left + block)}
            write = partial(write_block, targets, starts[key], str(run.path), run.fingerprint)
            return write, tuple(join_chunks(da.isel(region).data) for da in arrays.values())

        with run.kept(keys, unit="blocks"):
            options: dict[str, Any] = {"name": run.name, "busy": run.busy, "is_done": run.is_done}
            run_tasks(make, keys, at_once=at_once, progress=progress, **options)
        return run.publish(variables=[*map(str, ds)], blocks=list(stored), parameters=run.identity["parameters"])


def write_block(
    targets: Mapping[str, BlockArray], start: tuple[int, int], run: str, mark: str, *blocks: np.ndarray
) -> str:
    """Write one block of all variables, then its marker: the task that workers run. Twice gives the same files."""
    for target, block in zip(targets.values(), blocks, strict=True):
        target.write(np.asarray(block), (0,) * (block.ndim - 2) + start)
    key = _key(start)
    mark_done(Path(run), key, mark)
    return key


def _key(start: tuple[int, int]) -> str:
    return f"{start[0]}_{start[1]}"


def _at_once(arrays: dict[str, xr.DataArray], block: int, memory_budget: float) -> int:
    height, width = next(iter(arrays.values())).shape[-2:]
    pixel = sum(da.dtype.itemsize * int(np.prod(da.shape[:-2])) for da in arrays.values())
    one = pixel * min(block, height) * min(block, width)
    if one > memory_budget / 3:
        raise QtpDataError(
            "a block does not fit into a third of the memory budget",
            code="R13",
            expected=f"memory_budget / 3 = {memory_budget / 3e6:.1f} MB at most",
            found=f"{pixel} bytes a pixel * {min(block, height)} * {min(block, width)} = {one / 1e6:.1f} MB",
            hint="Take a smaller block, or raise memory_budget.",
        )
    return int(min(memory_budget / 3 // max(one, 1), CPU_COUNT + 1))
