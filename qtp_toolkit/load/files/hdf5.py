"""HDF5 (and NetCDF-4) datasets: a look at what a file holds, and lazy windows of it by any scheduler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.blocks import lazy_blocks

if TYPE_CHECKING:
    import h5py

MAGIC = b"\x89HDF"


@contextmanager
def opened(path: Path | str) -> Iterator[h5py.File]:
    """Open a file to read; what is no HDF5, cut short, or without the dataset that is asked for is an error (M05).

    Parameters
    ----------
    path : path
    """
    import h5py  # noqa: PLC0415  slow to import

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError) as error:
        text = str(error).strip("'\"")
        # what can be opened is whole: it holds something else
        hint = "A file of another kind or version?" if isinstance(error, KeyError) else "Damaged? Download it again."
        raise QtpDataError(f"cannot read HDF5: {text}", path=path, hint=hint, code="M05") from None


def text_of(value: Any) -> str:
    """Text of an attribute or dataset: bytes, one string, or (as netCDF writes what is not ASCII) an array of one.

    Parameters
    ----------
    value : bytes, str or array of one of them
    """
    some = np.asarray(value, dtype=object).ravel()
    one = some[0] if some.size == 1 else value
    return one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)


def number_of(value: Any) -> float:
    """Return the number of a dataset or attribute that holds one: as a scalar, or as an array of one.

    Parameters
    ----------
    value : number or array of one
    """
    return float(np.asarray(value).reshape(()))


def lazy_dataset(path: Path, name: str, chunks: tuple[tuple[int, ...], ...]) -> da.Array:
    """Lazy array of one dataset as it is stored.

    Parameters
    ----------
    path : path
    name : str
        Path of the dataset inside the file.
    chunks : tuple of tuple of int
        Sizes of blocks along each dim, as :func:`block_shape` gives them.

    Returns
    -------
    dask.array.Array
        Of the type of the dataset.
    """
    with opened(path) as file:
        dtype = file[name].dtype
    return lazy_blocks(read_bounds, chunks, dtype, paths=[path], path=str(path), name=name)


def read_bounds(bounds: Sequence[tuple[int, int]], *, path: str, name: str) -> np.ndarray:
    """Read a block of a dataset; run by workers.

    Parameters
    ----------
    bounds : sequence of (int, int)
        First and last index along each dim.
    path, name : str
    """
    with opened(path) as file:
        return file[name][tuple(slice(*span) for span in bounds)]
