"""Lazy blocks of files: how large they are, and how tasks read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qtp_toolkit._inputs import FileReader
from qtp_toolkit.conventions import QtpDataError, Y

if TYPE_CHECKING:
    import dask.array as da

Chunks = dict[str, int]
BLOCK_BYTES = 128_000_000
"""Size that blocks get when the catalog does not say."""
ITEM_BYTES = 4
"""Bytes a value that blocks of layers of one product are cut by, bytes of quality too, so that all are cut alike."""


def block_shape(
    sizes: dict[str, int], chunks: Chunks | None, *, itemsize: int, rows: int = 1
) -> tuple[tuple[int, ...], ...]:
    """Chunks of a lazy array: those asked for; where none are asked for, whole dims cut along y to about 128 MB.

    Parameters
    ----------
    sizes : dict of str to int
        Dims in order.
    chunks : dict of str to int, optional
        Sizes by dim; -1 is the whole dim.
    itemsize : int
        Bytes a value.
    rows : int
        Height of the files' own blocks: slabs are multiples of it.
    """
    import dask.array as da  # noqa: PLC0415  slow to import

    asked = {dim: size for dim, size in (chunks or {}).items() if dim in sizes}
    if any(not isinstance(size, (int, np.integer)) or size == 0 or size < -1 for size in asked.values()):
        raise QtpDataError("chunk sizes are whole numbers of pixels, or -1 for all", found=asked)
    shape = {dim: sizes[dim] if asked.get(dim, -1) == -1 else asked[dim] for dim in sizes}
    if Y in sizes and Y not in asked:
        slab = itemsize * int(np.prod([max(shape[dim], 1) for dim in sizes if dim != Y]))
        fitting = max(1, BLOCK_BYTES // max(slab, 1))
        shape[Y] = min(sizes[Y], max(rows, fitting // rows * rows))
    return da.core.normalize_chunks(tuple(max(shape[dim], 1) for dim in sizes), shape=tuple(sizes.values()))


def lazy_blocks(
    read: Callable[..., np.ndarray],
    chunks: tuple[tuple[int, ...], ...],
    dtype: np.dtype | str,
    *,
    paths: Iterable[Path | str],
    **arguments: Any,
) -> da.Array:
    """Dask array whose blocks are ``read(bounds, **arguments)`` with ``bounds`` = ((start, stop), ...).

    ``read`` is a module-level function and the arguments are paths and numbers, so that tasks run in threads, in other
    processes and on other machines. ``paths`` are all files that it may read: their sizes and times are part of the
    array's name, and a store finds them there.
    """
    import dask  # noqa: PLC0415  slow to import
    import dask.array as da  # noqa: PLC0415

    reader = FileReader(partial(read, **arguments), tuple(map(str, paths)))
    node = dask.delayed(reader, pure=True, traverse=False)  # dask would look into hundreds of files for lazy arrays
    return da.map_blocks(_block, chunks=chunks, dtype=dtype, meta=np.empty((0,) * len(chunks), dtype), read=node)


def _block(*, read: Callable[..., np.ndarray], block_info: Any = None) -> np.ndarray:
    return read(tuple(tuple(map(int, span)) for span in block_info[None]["array-location"]))
