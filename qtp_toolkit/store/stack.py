"""Ingest: a stack of rasters, pair by pair on disk, becomes a store of pixel blocks with all pairs together.

An inversion needs all pairs of a pixel. Read from pair-wise rasters that is the whole stack for every block; read from
a store of blocks it is one small file.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from qtp_toolkit.conventions import PAIR, QtpDataError, X, Y, require
from qtp_toolkit.store import layout
from qtp_toolkit.store.fingerprint import identify
from qtp_toolkit.store.layout import Stored
from qtp_toolkit.store.run import DATA, QUICKLOOK, Run, progress_bar, writing

STEP = 8
"""Pixels that a pixel of the quicklook is wide and high."""

SCALES = {"phase": 1e-3, "coherence": 1 / 250}
"""Units of the integers of compact storage: rad, and parts of 1."""

_LIMIT = {"phase": 32.767, "coherence": 1.001}
_COMPACT = {"phase": ("int16", -32768), "coherence": ("uint8", 255)}
_ERRORS = {
    "float32": "none: values are stored as float32",
    "compact": "phase within 0.00051 rad; coherence within 0.002 (0.004 below 0.002, so that only 0 is stored as 0)",
}
_ROWS, _LOOKED = "rows.zarr", "quicklook"


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
        Never read as a whole: slab after slab of rows, one variable at a time, on the scheduler in force.
    folder : path
        Made if need be. May hold results too, under other names.
    name : str
        Name of the store in the folder.
    storage : {"float32", "compact"}
        ``compact`` stores phase in integers of 0.001 rad (16 bit) and coherence in 1/250 (8 bit): about half the size
        or less. Its error is in ``attrs["storage_error"]``.
    block : int
        Side of a block in pixels, a multiple of 8.
    memory_budget : float
        Bytes. A slab takes 4 * n_pair * rows * width bytes and may take a third of it; see :func:`slab_memory`.
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
        R03: another process writes here; R08: an unfinished run of something else; R13: memory budget too small.

    Notes
    -----
    Beside the blocks lies a quicklook: means of 8 x 8 pixels, pair by pair. What a killed call leaves is resumed by the
    same call, with bit-identical outcome; the name points at the new store only when it is complete.
    """
    arrays = _checked(stack, storage, block)
    rows = _plan(stack, block, memory_budget)[0]
    parameters = {"storage": storage, "block": block, "format": 1}
    with writing(folder, name, identify(stack, parameters, code=False)) as run:
        if run.is_published:
            return run.folder
        stored = {key: _stored(key, da, storage, block) for key, da in arrays.items()}
        ds = stack.assign_attrs(storage=storage, storage_error=_ERRORS[storage])
        keys = [_key(top) for top in range(0, stack.sizes[Y], block)]
        run.need(_bytes_needed(ds, stored), keys)
        run.create(lambda path: _make(path, ds, stored), restart=restart)
        _fill(run, arrays, stored, rows=rows, block=block, progress=progress)
        if not run.is_done(_LOOKED):
            _turn(run, list(stored), memory=memory_budget / 3)
            run.mark(_LOOKED)
        shutil.rmtree(run.path / _ROWS, ignore_errors=True)
        return run.publish(variables=[*map(str, stack)], blocks=list(stored))


def slab_memory(stack: xr.Dataset, *, block: int = 64, memory_budget: float = 2e9) -> str:
    """Say how much memory :func:`ingest` will hold at once, or refuse; nothing is read.

    ``slab = 4 * n_pair * rows * width`` bytes, where rows is the largest number of rows that dask reads to fill one
    slab: a multiple of ``block``, rounded out to the chunks of the stack. The height is the one, among those that fit
    into a third of the budget, for which fewest rows are read twice. The other two thirds are for the chunks while they
    are put together, and for blocks being compressed.

    Parameters
    ----------
    stack : xarray.Dataset
        As for :func:`ingest`.
    block : int
        Side of a block in pixels.
    memory_budget : float
        Bytes.

    Returns
    -------
    str
        The formula with its numbers.

    Raises
    ------
    QtpDataError
        R13, with the same numbers, if it exceeds a third of the budget.
    """
    return _formula(stack, _plan(stack, block, memory_budget)[1])


def _formula(stack: xr.Dataset, rows: int) -> str:
    pairs, width = stack.sizes[PAIR], stack.sizes[X]
    return f"slab = 4 * n_pair * rows * width = 4 * {pairs} * {rows} * {width} = {4e-6 * pairs * rows * width:.1f} MB"


def _plan(stack: xr.Dataset, block: int, memory_budget: float) -> tuple[int, int]:
    """Rows a slab, and rows that are read for it at most."""
    height, most = stack.sizes[Y], memory_budget / (12 * stack.sizes[PAIR] * stack.sizes[X])
    edges = _edges(stack)
    found = []
    for rows in range(block, max(block, int(min(most, height + block - 1))) + 1, block):
        tops = np.arange(0, height, rows)
        above = edges[np.searchsorted(edges, tops, side="right") - 1]
        below = edges[np.searchsorted(edges, np.minimum(tops + rows, height))]
        found.append((int((below - above).sum()), rows, int((below - above).max())))
    fitting = [plan for plan in found if plan[2] <= most]
    if not fitting:
        raise QtpDataError(
            "a slab does not fit into a third of the memory budget", code="R13",
            expected=f"memory_budget / 3 = {memory_budget / 3e6:.1f} MB at most",
            found=_formula(stack, min(reads for _, _, reads in found)),
            hint=f"Open the stack with chunks={{'y': {block}}}, take a smaller block, or raise memory_budget.",
        )  # fmt: skip
    return min(fitting)[1:]


def _edges(stack: xr.Dataset) -> np.ndarray:
    """Rows at which chunks of the stack begin or end; every row if it is in memory."""
    height = stack.sizes[Y]
    heights = [da.chunksizes[Y] for da in layout.spatial(stack).values() if da.chunks]
    coarsest = min(heights, key=len, default=(1,) * height)
    return np.concatenate([[0], np.cumsum(coarsest)])


def _checked(stack: xr.Dataset, storage: str, block: int) -> dict[str, xr.DataArray]:
    if "phase" not in stack:
        raise QtpDataError("the stack has no variable 'phase'", found=list(stack), expected="phase, coherence")
    require(stack["phase"], dims=(PAIR, Y, X), units="rad")
    arrays = layout.spatial(stack)
    odd = [key for key, da in arrays.items() if da.dims != (PAIR, Y, X) or key not in SCALES]
    if odd:
        raise QtpDataError(
            "the stack holds more than interferograms",
            variable=", ".join(odd),
            expected="phase, coherence (pair, y, x)",
        )
    if storage not in _ERRORS or block < STEP or block % STEP:
        raise QtpDataError(
            "unknown storage or unfit block", expected=f"one of {list(_ERRORS)}; a multiple of {STEP}",
            found=f"storage={storage!r}, block={block}",
        )  # fmt: skip
    return arrays


def _stored(key: str, da: xr.DataArray, storage: str, block: int) -> Stored:
    chunks = (da.sizes[PAIR], block, block)
    if storage == "float32":
        return Stored("float32", chunks, np.float32(np.nan))
    dtype, fill = _COMPACT[key]
    return Stored(dtype, chunks, fill, SCALES[key])


def _bytes_needed(ds: xr.Dataset, stored: dict[str, Stored]) -> int:
    """Bytes that the whole store takes at most: uncompressed, the quicklook counted twice."""
    pixel = sum(np.dtype(how.dtype).itemsize + 2 * 4 / STEP**2 for how in stored.values())
    return int(pixel * ds.sizes[PAIR] * ds.sizes[Y] * ds.sizes[X])


def _make(path: Path, ds: xr.Dataset, stored: dict[str, Stored]) -> None:
    """Lay out the blocks, the quicklook, and the rows from which the quicklook is made."""
    layout.make_group(path, ds, stored)
    block = next(iter(stored.values())).chunks[-1]
    small = ds.isel({Y: slice(None, None, STEP), X: slice(None, None, STEP)})
    centers = {dim: _centers(ds[dim].to_numpy(), small.sizes[dim]) for dim in (Y, X) if dim in ds.coords}
    small = small.assign_coords({dim: (dim, values, ds[dim].attrs) for dim, values in centers.items()})
    small.attrs["quicklook"] = f"means of {STEP} x {STEP} pixels"
    pairs, rows, width = next(iter(small.values())).shape
    for file, chunks in ((QUICKLOOK, (1, rows, width)), (_ROWS, (pairs, block // STEP, width))):
        layout.make_group(
            path.parent / file, small, dict.fromkeys(stored, Stored("float32", chunks, np.float32(np.nan)))
        )


def _centers(values: np.ndarray, size: int) -> np.ndarray:
    step = (values[-1] - values[0]) / max(len(values) - 1, 1)
    return values[0] + step * (np.arange(size) * STEP + (STEP - 1) / 2)


def _key(top: int) -> str:
    return f"row_{top}"


def _fill(
    run: Run, arrays: dict[str, xr.DataArray], stored: dict[str, Stored], *, rows: int, block: int, progress: bool
) -> None:
    """Copy slab after slab; one whose rows of blocks are all marked is on disk already."""
    height = next(iter(arrays.values())).sizes[Y]
    keys = [_key(top) for top in range(0, height, block)]
    slabs = range(0, height, rows)
    top = 0
    with run.kept(keys, lambda: f"rows {top} to {min(top + rows, height)}"):
        for top in progress_bar(f"ingesting {run.name}", slabs, total=len(slabs), progress=progress):
            own = [_key(first) for first in range(top, min(top + rows, height), block)]
            if all(map(run.is_done, own)):
                continue
            for key, da in arrays.items():
                _copy(run, key, da.isel({Y: slice(top, top + rows)}), stored[key], top)
            run.mark(*own)


def _copy(run: Run, key: str, slab: xr.DataArray, how: Stored, top: int) -> None:
    values = np.asarray(slab.data, dtype="float32")
    look = np.stack([decimate(plane) for plane in values])
    if how.scale is not None:
        values = encode(values, key, slab)
    layout.write_region(run.path / DATA, key, values, (top, 0))
    layout.write_region(run.path / _ROWS, key, look, (top // STEP, 0))


def encode(values: np.ndarray, key: str, slab: xr.DataArray) -> np.ndarray:
    """Integers of compact storage, pair by pair; a value beyond their range is an error that names the pair."""
    dtype, fill = _COMPACT[key]
    out = np.empty(values.shape, dtype)
    for k, plane in enumerate(values):
        valid = ~np.isnan(plane)
        largest, least = plane.max(where=valid, initial=0.0), plane.min(where=valid, initial=0.0)
        if largest > _LIMIT[key] or least < (-_LIMIT[key] if key == "phase" else 0.0):
            raise _overflow(key, slab, k, (float(least), float(largest)))
        counts = np.rint(np.where(valid, plane, 0) * np.float32(1 / SCALES[key]))
        if key == "coherence":
            counts = np.maximum(counts, plane > 0)  # a pair of coherence 0 is missing: rounding must not make any
        out[k] = np.where(valid, counts, fill)
    return out


def decimate(plane: np.ndarray) -> np.ndarray:
    """Means of 8 x 8 pixels over the valid ones; smaller tiles at the lower and right edge."""
    rows, width = (-(-size // STEP) for size in plane.shape)
    whole = np.full((rows * STEP, width * STEP), np.nan, "float32")
    whole[: plane.shape[0], : plane.shape[1]] = plane
    valid = np.isfinite(whole)
    whole[~valid] = 0

    def total(tile: np.ndarray, dtype: str) -> np.ndarray:
        down = tile.reshape(rows, STEP, -1).sum(axis=1, dtype=dtype)
        return down.reshape(rows, width, STEP).sum(axis=2, dtype="float64")

    count = total(valid, "uint8")
    return (total(whole, "float32") / np.where(count > 0, count, np.nan)).astype("float32")


def _turn(run: Run, names: list[str], *, memory: float) -> None:
    """Write the quicklook pair by pair from its rows, as many pairs at once as fit into memory."""
    for name in names:
        source, target = (
            zarr.open_array(run.path / _ROWS / name, mode="r"),
            layout.open_array(run.path / QUICKLOOK, name),
        )
        at_once = max(1, int(memory // (4 * np.prod(source.shape[1:]))))
        for first in range(0, source.shape[0], at_once):
            target[first : first + at_once] = source[first : first + at_once]


def _overflow(key: str, slab: xr.DataArray, k: int, found: tuple[float, float]) -> QtpDataError:
    ends = [str(slab[name].to_numpy()[k])[:10] for name in ("reference", "secondary") if name in slab.coords]
    limit = _LIMIT[key]
    expected = f"-{limit} to {limit} rad" if key == "phase" else "0 to 1"
    hint = "Use storage='float32' (with restart=True), or subtract a constant from each pair first."
    return QtpDataError(
        f"{key} does not fit into compact storage", variable=key, expected=expected,
        where=f"pair {' '.join(ends) or k}, rows from y = {float(slab[Y][0]) if Y in slab.coords else 0:g} on",
        found=f"{found[0]:g} to {found[1]:g}", code="I12" if key == "phase" else "I04",
        hint=hint if key == "phase" else "Stored as 0..255? Set its scale when loading.",
    )  # fmt: skip
