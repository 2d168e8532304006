"""Opening a store: lazy, labelled, and refused when it is incomplete or damaged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.products import with_words
from qtp_toolkit.store.chunks import BlockArray, again
from qtp_toolkit.store.joined import JoinedArray
from qtp_toolkit.store.parts import DATA, HEADERS, QUICKLOOK, Part, check_complete, parts_of
from qtp_toolkit.store.run import locate


def open_store(
    folder: str | os.PathLike, *, name: str | None = None, quicklook: bool = False, verify: bool = False
) -> xr.Dataset:
    """Open what :func:`ingest` or :func:`write_blocks` wrote, lazily, in the blocks that it is stored in.

    Parameters
    ----------
    folder : path
        As given to the writer.
    name : str, optional
        Which store of the folder; not needed if there is only one.
    quicklook : bool
        Open the stack's means of 8 x 8 pixels instead, which lie pair by pair: a map of one pair is one small file.
    verify : bool
        Read everything once and check all checksums. This one computes.

    Returns
    -------
    xarray.Dataset
        The variables, dims, coords, CRS and attributes that were written, backed by dask; compact stores are decoded
        to float32. Reading a block whose checksum fails, or that is gone, raises an error that names its file. A store
        that was appended to reads like one that was written at once, in blocks of all pairs.

    Raises
    ------
    MissingSourceError
        If there is no such store, or its writing was interrupted (R01).
    QtpDataError
        R12: if files are missing, or have another size than when the store was completed, or the metadata are damaged.

    Examples
    --------
    >>> from qtp_toolkit import store
    >>> rate = xr.DataArray(np.zeros((20, 30)), dims=("y", "x"), name="rate").chunk(y=10)
    >>> path = store.write_blocks(rate, folder / "area", name="rate", block=10)
    >>> store.open_store(path)["rate"].chunksizes["x"]
    (10, 10, 10)
    """
    import dask  # noqa: PLC0415  slow to import

    folder = Path(folder).expanduser().resolve()
    path, pointer = locate(folder, name)
    check_complete(folder, pointer)
    parts = parts_of(folder, pointer)
    file = QUICKLOOK if quicklook else DATA
    root, header = path / file, path / HEADERS[file]
    if not root.is_dir():
        raise QtpDataError("this store has no quicklook", path=path, hint="Only stacks of interferograms have one.")
    keys = [key for key in pointer["variables"] if key in pointer["blocks"]]
    try:
        small = xr.open_zarr(
            header if len(parts) > 1 else root,
            consolidated=False,
            chunks=None,
            drop_variables=keys,
            decode_timedelta=False,
        )
        small = with_words(small.load()).drop_encoding()
        blocks = {key: _lazy(parts, file, key) for key in keys}
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise QtpDataError(
            f"the store is damaged: {type(error).__name__} {error}", path=root, code="R12", hint=again(path)
        ) from None
    ds = small.assign(blocks)[pointer["variables"]]
    if verify:
        dask.compute(*(ds[key].data.map_blocks(_nothing, dtype=bool, chunks=(1,) * ds[key].ndim) for key in blocks))
    return ds


def _lazy(parts: list[Part], file: str, key: str) -> xr.Variable:
    """One variable of all pairs; what is said of it was written with the last part."""
    import dask.array as da  # noqa: PLC0415  slow to import
    from dask.base import tokenize  # noqa: PLC0415

    found = [_array(part.path / file, key) for part in parts]
    readers = tuple(_reader(part.path / file / key, array) for part, array in zip(parts, found, strict=True))
    last = found[-1]
    attrs = {name: value for name, value in last.attrs.items() if name not in ("scale_factor", "_FillValue")}
    mapping = attrs.pop("grid_mapping", None)
    reader: BlockArray | JoinedArray = readers[0]
    chunks = last.chunks
    if len(parts) > 1:
        reader = JoinedArray(readers, tuple(part.at for part in parts))
        # A whole stack's blocks hold all pairs; its quicklook as many as one file has room for.
        along = reader.shape[0] if file == DATA else max(array.chunks[0] for array in found)
        chunks = (along, *last.chunks[1:])
    values = da.from_array(
        reader,
        chunks=chunks,
        name=f"{key}-{tokenize(reader)}",
        fancy=False,
        asarray=False,
        meta=np.empty((0,) * reader.ndim, reader.dtype),
    )
    encoding = {"grid_mapping": mapping} if mapping else {}
    return xr.Variable(last.metadata.dimension_names, values, attrs, encoding)


def _array(root: Path, key: str) -> Any:
    return zarr.open_group(root, mode="r")[key]


def _reader(path: Path, array: Any) -> BlockArray:
    scale, fill = array.attrs.get("scale_factor"), array.attrs.get("_FillValue")
    padding = fill if fill is not None else np.asarray(array.fill_value).item()
    return BlockArray(str(path), array.shape, array.chunks, str(array.dtype), padding, scale)


def _nothing(block: np.ndarray) -> np.ndarray:
    return np.zeros((1,) * block.ndim, bool)
