"""Ingest: a stack of rasters, pair by pair on disk, becomes a store of pixel blocks with all pairs together.

An inversion needs all pairs of a pixel. Read from pair-wise rasters that is the whole stack for every block; read from
a store of blocks it is one small file.
"""

from __future__ import annotations

import itertools
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit._atomic import named_together
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, QtpDataError, X, Y, coordinate, require
from qtp_toolkit.store import layout
from qtp_toolkit.store.chunks import BlockArray, gather
from qtp_toolkit.store.compact import ERRORS, SCALES, STEP, encode, lay_out_stack, refuse_beyond, summarize
from qtp_toolkit.store.fingerprint import identify
from qtp_toolkit.store.layout import Stored
from qtp_toolkit.store.parts import HEADERS, QUICKLOOK
from qtp_toolkit.store.run import Run, mark_done, writing
from qtp_toolkit.store.windows import Corner, WindowPlan, pieces, plan_windows
from qtp_toolkit.store.work import run_tasks

FORMAT = 2
_ROWS, _LOOKED = "rows", "quicklook"
_LOOK_BYTES = 4_000_000
"""Maps of the quicklook share a file until it gets this large: each file costs a wait for the disk."""


class Window(NamedTuple):
    """A variable, the first row and column of a region of it, and the markers that stand for it."""

    key: str
    top: int
    left: int
    marks: tuple[str, ...]


class Work(NamedTuple):
    """What is copied into a store: the variables of a stack, how they lie on disk, and the windows they are cut to.

    ``whole`` are coordinates and attributes of all pairs, where the stack is a part of them.
    """

    stack: xr.Dataset
    arrays: dict[str, xr.DataArray]
    stored: dict[str, Stored]
    parameters: dict[str, Any]
    plan: WindowPlan
    windows: dict[str, Window]
    memory: float
    whole: xr.Dataset | None = None

    @property
    def contents(self) -> dict[str, list[str]]:
        """What the name of the store says of it."""
        return {"variables": [*map(str, self.stack)], "blocks": list(self.stored)}


class Target(NamedTuple):
    """Where the windows of one variable go: its blocks, the rows of its quicklook, and the markers of its run."""

    key: str
    blocks: BlockArray
    rows: BlockArray
    run: str
    mark: str
    pairs: tuple[str, ...]


def ingest(
    stack: xr.Dataset,
    folder: str | os.PathLike,
    *,
    name: str = "interferograms",
    storage: str = "float32",
    block: int = 64,
    memory_budget: float = 2e9,
    restart: bool = False,
    progress: bool = False,
) -> Path:
    """Write a stack of interferograms as a store of blocks of ``block`` x ``block`` pixels with all their pairs.

    Parameters
    ----------
    stack : xarray.Dataset
        ``phase`` (pair, y, x), rad, perhaps ``coherence`` (pair, y, x), 0..1, lazy, as from ``load.interferograms``.
        Never read as a whole: window after window, a few at once, on the scheduler in force. Further maps over y and x,
        as ``layers`` of a reader make them, are left out: corrections and masks read them from their source.
    folder : path
        Made if need be; a shared and absolute one where workers run on other machines. May hold results too, under
        other names.
    name : str
        Name of the store in the folder.
    storage : {"float32", "compact"}
        ``compact`` stores phase in integers of 0.001 rad (16 bit) and coherence in 1/250 (8 bit): about half the size
        or less. Its error is in ``attrs["storage_error"]``.
    block : int
        Side of a block in pixels, a multiple of 8.
    memory_budget : float
        Bytes. A window (slab) takes 4 * n_pair * rows * width bytes, and those under way at once half of the budget;
        see :func:`slab_memory`. On a cluster each thread of a worker holds one window.
    restart : bool
        Discard what an interrupted run with other inputs, parameters or version left unfinished.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    pathlib.Path
        The folder, for :func:`open_store`. If the very same stack is there already, nothing is written.

    Raises
    ------
    QtpDataError
        I12: a phase beyond +-32.767 rad cannot be stored compactly; I04: coherence outside 0..1; R02: disk too small;
        R03: another process writes here; R05: no worker is at work for long; R06: a window keeps killing its worker;
        R08: an unfinished run of something else, or inputs that change meanwhile; R09: the folder cannot be written;
        R10: the stack is read from what would be written; R13: memory budget too small.

    Warns
    -----
    UserWarning
        Which maps are left out; ``attrs["layers_left_out"]`` of the store says so, too.

    Notes
    -----
    Beside the blocks lies a quicklook: means of 8 x 8 pixels, pair by pair. What a killed call leaves is resumed by the
    same call, with bit-identical outcome; the name points at the new store only when it is complete.

    Examples
    --------
    >>> from qtp_toolkit import store
    >>> phase = xr.DataArray(np.ones((3, 20, 30), "f4"), dims=("pair", "y", "x"), attrs={"units": "rad"})
    >>> path = store.ingest(xr.Dataset({"phase": phase.chunk(y=10)}), folder / "area", block=16)
    >>> store.open_store(path)["phase"].chunksizes["y"]
    (16, 4)
    """
    work = foresee(without_layers(stack), storage=storage, block=block, memory_budget=memory_budget)
    with writing(folder, name, identify(work.stack, work.parameters, code=False)) as run:
        if run.is_published:
            return run.folder
        copy(run, work, restart=restart, progress=progress)
        return run.publish(**work.contents)


def foresee(stack: xr.Dataset, *, storage: str, block: int, memory_budget: float) -> Work:
    """Check a stack without layers and plan how it is copied; nothing is read."""
    arrays = check_stack(stack, storage, block)
    plan = plan_windows(stack, block=block, memory_budget=memory_budget)
    stored = {key: lay_out_stack(key, storage, (stack.sizes[PAIR], block, block)) for key in arrays}
    parameters = {"storage": storage, "block": block, "format": FORMAT}
    return Work(stack, arrays, stored, parameters, plan, _cut(arrays, plan, block), memory_budget)


def copy(run: Run, work: Work, *, restart: bool, progress: bool) -> None:
    """Copy all windows of a stack into a run, and make its quicklook; resumes what was begun."""
    keys = [key for window in work.windows.values() for key in window.marks]
    # Uncompressed, the quicklook counted twice: its rows, and its maps.
    pixel = sum(np.dtype(how.dtype).itemsize + 2 * 4 / STEP**2 for how in work.stored.values())
    run.need(int(pixel * work.stack["phase"].size), keys)
    run.create(lambda path: _make(path, work), restart=restart)
    with run.kept(keys, unit="windows"):
        _fill(run, work, progress=progress)
        if not run.is_done(_LOOKED):
            _turn(run, work.arrays, work.stored, work.plan, memory=work.memory / 3)
            mark_done(run.path, _LOOKED, run.fingerprint)
    shutil.rmtree(run.path / _ROWS, ignore_errors=True)


def write_window(
    target: Target, top: int, left: int, keys: tuple[str, ...], corners: Sequence[Corner], *chunks: np.ndarray
) -> str:
    """Write one window of one variable, then its markers: the task that workers run. Twice gives the same files.

    The window is there once, in the pieces in which it was read; only a block is copied at a time.
    """
    parts = list(zip(corners, chunks, strict=True))
    pairs, height, width = (max(at[k] + part.shape[k] for at, part in parts) for k in range(3))
    look = np.empty((pairs, -(-height // STEP), -(-width // STEP)), "float32")
    room = np.empty(np.prod(target.blocks.chunks), "float32")
    _, block, _ = target.blocks.chunks
    with named_together(Path(target.blocks.path)) as put:
        for row, column in itertools.product(range(0, height, block), range(0, width, block)):
            shape = pairs, min(block, height - row), min(block, width - column)
            values = room[: np.prod(shape)].reshape(shape)
            gather(parts, (0, row, column), values)
            seen = summarize(values)
            compact = target.blocks.scale is not None
            if compact or target.key == "coherence":
                refuse_beyond(seen, target.key, target.pairs)
            at = (0, top + row, left + column)
            target.blocks.write(encode(values, target.key) if compact else values, at, put=put)
            _, rows, columns = seen.means.shape
            look[:, row // STEP :, column // STEP :][:, :rows, :columns] = seen.means
    target.rows.write(look, (0, top // STEP, left // STEP))
    for key in keys:
        mark_done(Path(target.run), key, target.mark)
    return keys[0]


def without_layers(stack: xr.Dataset) -> xr.Dataset:
    """Stack without the maps that are no interferograms; says which."""
    if not isinstance(stack, xr.Dataset) or "phase" not in stack:
        return stack
    others = [str(key) for key, da in stack.data_vars.items() if key not in SCALES and {Y, X} <= set(da.dims)]
    if not others:
        return stack
    listed = ", ".join(others)
    warnings.warn(f"a store keeps phase and coherence; left out, and read from their source: {listed}", stacklevel=3)
    return stack.drop_vars(others).assign_attrs(layers_left_out=listed)


def check_stack(stack: xr.Dataset, storage: str, block: int) -> dict[str, xr.DataArray]:
    """Variables of a stack that can be stored, or an error that says why not."""
    if "phase" not in stack:
        hint = "Displacement needs no inversion: pecm.fit takes it as it is." if "displacement" in stack else None
        raise QtpDataError(
            "the stack has no variable 'phase'", found=list(stack), expected="phase, coherence", hint=hint
        )
    require(stack["phase"], dims=(PAIR, Y, X), units="rad")
    if stack["phase"].dtype.kind == "c":
        hint = "Unwrap it first: interferogram.unwrap."
        raise QtpDataError("'phase' is not a real number", found=stack["phase"].dtype, hint=hint, code="I11")
    if not stack["phase"].size:
        raise QtpDataError("the stack is empty", variable="phase", found=dict(stack["phase"].sizes), code="I06")
    arrays = layout.spatial(stack)
    odd = [key for key, da in arrays.items() if da.dims != (PAIR, Y, X) or key not in SCALES]
    if odd:
        raise QtpDataError(
            "the stack holds more than interferograms",
            variable=", ".join(odd),
            expected="phase, coherence (pair, y, x)",
        )
    if storage not in ERRORS or block < STEP or block % STEP:
        raise QtpDataError(
            "unknown storage or unfit block",
            expected=f"one of {list(ERRORS)}; a multiple of {STEP}",
            found=f"storage={storage!r}, block={block}",
        )
    return arrays


def _cut(arrays: dict[str, xr.DataArray], plan: WindowPlan, block: int) -> dict[str, Window]:
    """Windows by their first marker.

    There is a marker for each variable, row of blocks, and column of windows, whatever the height of the windows.
    """
    height, width = next(iter(arrays.values())).shape[1:]
    windows = {}
    for top, left, key in itertools.product(range(0, height, plan.rows), range(0, width, plan.columns), arrays):
        rows = range(top, min(top + plan.rows, height), block)
        marks = tuple(f"{key}_{row}_{left}" for row in rows)
        windows[marks[0]] = Window(key, top, left, marks)
    return windows


def _make(path: Path, work: Work) -> None:
    """Lay out the blocks and the quicklook; the rows from which that is made need no description of their own."""
    ds = work.stack.assign_attrs(with_error(work.parameters["storage"]))
    layout.make_group(path, ds, work.stored)
    how = _looks(next(iter(ds.values())), work.stored, work.plan.columns)[QUICKLOOK]
    layout.make_group(path.with_name(QUICKLOOK), _thinned(ds), dict.fromkeys(work.stored, how))
    if work.whole is not None:
        for file, whole in ((path.name, work.whole), (QUICKLOOK, _thinned(work.whole))):
            layout.make_group(path.with_name(HEADERS[file]), whole, {})


def with_error(storage: str) -> dict[str, str]:
    """Attributes that a kind of storage adds to those of a stack."""
    return {"storage": storage, "storage_error": ERRORS[storage]}


def _thinned(ds: xr.Dataset) -> xr.Dataset:
    """Coordinates, and shape, of the quicklook."""
    small = ds.isel({Y: slice(None, None, STEP), X: slice(None, None, STEP)}, missing_dims="ignore")
    for dim in [dim for dim in (Y, X) if dim in ds.coords]:
        values = ds[dim].to_numpy()
        step = (values[-1] - values[0]) / max(len(values) - 1, 1)
        centers = values[0] + step * (np.arange(small.sizes[dim]) * STEP + (STEP - 1) / 2)
        small = small.assign_coords({dim: (dim, centers, ds[dim].attrs)})
    return small.assign_attrs(quicklook=f"means of {STEP} x {STEP} pixels")


def _looks(da: xr.DataArray, stored: dict[str, Stored], columns: int) -> dict[str, Stored]:
    """How the quicklook lies on disk, and its rows: the former by few whole maps, the latter as they are written."""
    pairs, block, _ = next(iter(stored.values())).chunks
    rows, width = (-(-size // STEP) for size in da.shape[1:])
    maps = min(max(_LOOK_BYTES // (4 * rows * width), 1), pairs)
    shapes = {QUICKLOOK: (maps, rows, width), _ROWS: (pairs, block // STEP, -(-columns // STEP))}
    return {file: Stored("float32", chunks, np.float32(np.nan)) for file, chunks in shapes.items()}


def _look(run: Run, file: str, key: str, da: xr.DataArray, how: Stored) -> BlockArray:
    pairs, height, width = da.shape
    return how.at(run.path / file / key, (pairs, -(-height // STEP), -(-width // STEP)))


def _fill(run: Run, work: Work, *, progress: bool) -> None:
    """Write window after window; one whose markers are all there is on disk already."""
    plan, windows = work.plan, work.windows
    first = next(iter(work.arrays.values()))
    rows = _looks(first, work.stored, plan.columns)[_ROWS]
    pairs = _pair_names(first)

    def make(key: str) -> tuple[Callable, tuple]:
        name, top, left, marks = windows[key]
        da = work.arrays[name]
        region = {Y: slice(top, top + plan.rows), X: slice(left, left + plan.columns)}
        blocks, look = work.stored[name].at(run.data / name, da.shape), _look(run, _ROWS, name, da, rows)
        target = Target(name, blocks, look, str(run.path), run.fingerprint, pairs)
        corners, chunks = pieces(da.isel(region).data)
        return partial(write_window, target, top, left, marks, corners), chunks

    def is_done(key: str) -> bool:
        return all(map(run.is_done, windows[key].marks))

    options: dict[str, Any] = {"name": run.name, "busy": run.busy, "is_done": is_done}
    run_tasks(make, list(windows), at_once=plan.at_once, progress=progress, **options)


def _pair_names(da: xr.DataArray) -> tuple[str, ...]:
    """Say what errors call the pairs: their dates, or their numbers."""
    if not {REFERENCE, SECONDARY} <= set(da.coords):
        return tuple(map(str, range(da.sizes[PAIR])))
    first, second = (coordinate(da, name).astype("datetime64[D]").astype(str) for name in (REFERENCE, SECONDARY))
    return tuple(f"{a} {b}" for a, b in zip(first, second, strict=True))


def _turn(
    run: Run, arrays: dict[str, xr.DataArray], stored: dict[str, Stored], plan: WindowPlan, *, memory: float
) -> None:
    """Write the quicklook pair by pair from its rows, as many pairs at once as fit into memory."""
    for key, da in arrays.items():
        how = _looks(da, stored, plan.columns)
        source, target = (_look(run, file, key, da, how[file]) for file in (_ROWS, QUICKLOOK))
        fitting = int(memory // (4 * np.prod(source.shape[1:])))
        at_once = max(1, fitting // target.chunks[0]) * target.chunks[0]
        for first in range(0, source.shape[0], at_once):
            some = source[first : min(first + at_once, source.shape[0]), :, :]
            target.write(some, (first, 0, 0))
