"""Layers of HDF5 files in our units: lazy, decoded, and held to their physical range."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.blocks import ITEM_BYTES, Chunks, block_shape
from qtp_toolkit.load.files.checks import refuse_complex
from qtp_toolkit.load.files.hdf5 import lazy_dataset, opened
from qtp_toolkit.load.files.limits import hold
from qtp_toolkit.load.files.tiff import Decode, decoded


def hdf5_layer(
    path: Path,
    name: str,
    dims: Sequence[str],
    decode: Decode,
    *,
    chunks: Chunks | None = None,
    variable: str | None = None,
) -> xr.DataArray:
    """Lazy array of one dataset, without coordinates.

    Parameters
    ----------
    path : path
    name : str
        Path of the dataset inside the file.
    dims : sequence of str
    decode : Decode
        From stored to physical values.
    chunks : dict, optional
    variable : str, optional
        Key of the variable table: values are held to its physical range.
    """
    import dask.array as da  # noqa: PLC0415  slow to import

    with opened(path) as file:
        shape, kind = file[name].shape, file[name].dtype.name
    refuse_complex([(path, kind)])
    if len(shape) != len(dims):
        raise QtpDataError("a dataset of other dims", path=path, variable=name, expected=dims, found=shape, code="I06")
    sizes = dict(zip(dims, shape, strict=True))
    stored = lazy_dataset(path, name, block_shape(sizes, chunks, itemsize=ITEM_BYTES))
    how = {"decode": decode, "variable": variable, "path": str(path)}
    return xr.DataArray(da.map_blocks(_physical, stored, dtype=decode.dtype, **how), dims=tuple(dims))


def _physical(stored: np.ndarray, *, decode: Decode, variable: str | None, path: str) -> np.ndarray:
    out = decoded(stored, decode)
    if variable is not None:
        for plane in out if out.ndim > 2 else (out,):  # one of another unit would be a few strays among the others
            hold(plane, variable, path, scale=decode.scale, offset=decode.offset, settings=decode.settings)
    return out
