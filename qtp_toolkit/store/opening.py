"""Opening a store: lazy, labelled, and refused when it is incomplete or damaged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
import zarr

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.products import with_words
from qtp_toolkit.store.chunks import BlockArray, again
from qtp_toolkit.store.run import DATA, QUICKLOOK, check_complete, locate


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
        to float32. Reading a block whose checksum fails, or that is gone, raises an error that names its file.

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
    folder = Path(folder).expanduser().resolve()
    path, pointer = locate(folder, name)
    check_complete(path, pointer)
    root = path / (QUICKLOOK if quicklook else DATA)
    if not root.is_dir():
        raise QtpDataError("this store has no quicklook", path=path, hint="Only stacks of interferograms have one.")
    try:
        group = zarr.open_group(root, mode="r")
        blocks = {key: group[key] for key in pointer["variables"] if key in pointer["blocks"]}
        small = xr.open_zarr(root, consolidated=False, chunks=None, drop_variables=list(blocks), decode_timedelta=False)
        small = with_words(small.load()).drop_encoding()
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise QtpDataError(
            f"the store is damaged: {type(error).__name__} {error}", path=root, code="R12", hint=again(path)
        ) from None
    ds = small.assign({key: _lazy(root, key, array) for key, array in blocks.items()})[pointer["variables"]]
    if verify:
        dask.compute(*(ds[key].data.map_blocks(_nothing, dtype=bool, chunks=(1,) * ds[key].ndim) for key in blocks))
    return ds


def _lazy(root: Path, key: str, array: Any) -> xr.Variable:
    attrs = dict(array.attrs)
    scale, fill = attrs.pop("scale_factor", None), attrs.pop("_FillValue", None)
    mapping = attrs.pop("grid_mapping", None)
    padding = fill if fill is not None else np.asarray(array.fill_value).item()
    reader = BlockArray(str(root / key), array.shape, array.chunks, str(array.dtype), padding, scale)
    values = da.from_array(
        reader,
        chunks=array.chunks,
        name=f"{key}-{dask.base.tokenize(reader)}",
        fancy=False,
        asarray=False,
        meta=np.empty((0,) * reader.ndim, reader.dtype),
    )
    encoding = {"grid_mapping": mapping} if mapping else {}
    return xr.Variable(array.metadata.dimension_names, values, attrs, encoding)


def _nothing(block: np.ndarray) -> np.ndarray:
    return np.zeros((1,) * block.ndim, bool)
