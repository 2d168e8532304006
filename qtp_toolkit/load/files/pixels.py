"""Windows of pixels of GeoTIFFs: straight from rows that lie uncompressed and in order, else by GDAL."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.directory import Directory
from qtp_toolkit.load.files.hdf5 import read_bounds

Window = tuple[tuple[int, int], tuple[int, int]]

_NATIVE = "<" if sys.byteorder == "little" else ">"
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _STRIP_ROWS, _FILL_ORDER = 256, 257, 258, 259, 277, 278, 266


class Rows(NamedTuple):
    """Pixels that lie uncompressed, row after row, from a byte on."""

    first: int


class Placed(NamedTuple):
    """One file on the common grid, as workers read it: no handles, only a path and numbers.

    ``rows`` and ``columns`` are those of the file before the corner of the grid, ``layout`` is from :func:`layout`,
    ``factor`` multiplies the physical values, ``masked`` says that a mask, ``opacity`` which band tells where data are;
    ``dataset`` is the path inside an HDF5 file.
    """

    path: str
    rows: int
    columns: int
    height: int
    width: int
    upward: bool
    dtype: str
    layout: Rows | None
    factor: float
    masked: bool = False
    opacity: int = 0
    dataset: str = ""


def layout(directory: Directory, dtype: str) -> Rows | None:
    """Say where the pixels of a file lie, if they are plain rows of one band; None for all that GDAL has to decode.

    Parameters
    ----------
    directory : Directory
    dtype : str
        Type of the pixels.
    """
    number, itemsize = directory.number, np.dtype(dtype).itemsize
    usual = [number(tag, 1) for tag in (_COMPRESSION, _SAMPLES, _FILL_ORDER, _BITS)] == [1, 1, 1, 8 * itemsize]
    if directory.tiled or directory.order != _NATIVE or not usual:
        return None
    height, row = number(_HEIGHT), number(_WIDTH) * itemsize
    strip = min(number(_STRIP_ROWS, height), height) * row
    offsets, counts = directory.offsets, directory.counts
    # strips in order and without gaps: a file written from the bottom up, or with holes, is not one run of rows
    in_order = counts.all() and (np.diff(offsets) == strip).all() and counts.sum() == height * row > 0
    return Rows(int(offsets[0])) if in_order else None


def read_window(file: Placed, window: Window, out: np.ndarray, band: int) -> np.ndarray | None:
    """Fill ``out`` with the stored values of a window; where a mask says that there is no data, if the file has one.

    Parameters
    ----------
    file : Placed
    window : ((top, bottom), (left, right))
        Rows and columns of the file.
    out : numpy.ndarray
        (rows, columns), contiguous, of the type of the file.
    band : int
        From 1.

    Returns
    -------
    numpy.ndarray or None
        bool, True without data.

    Raises
    ------
    QtpDataError
        M05: the file ends early, or its blocks cannot be decoded.
    """
    from rasterio.errors import RasterioError  # noqa: PLC0415  slow to import

    if file.dataset:
        out[...] = read_bounds(window, path=file.path, name=file.dataset)
        return None
    try:
        if file.layout is not None:
            _read_rows(file, file.layout.first, window, out)
        else:
            with with_side_files(wanted=file.masked), _reader()(file.path) as dataset:
                dataset.read(band, window=window, out=out)
                if file.opacity:
                    return dataset.read(file.opacity, window=window) == 0
                return dataset.read_masks(band, window=window) == 0 if file.masked else None
    except (RasterioError, OSError, EOFError) as error:
        raise QtpDataError(
            f"cannot read pixels: {error}",
            path=file.path,
            where=f"rows {window[0][0]} to {window[0][1]}",
            hint="Damaged file? Download it again.",
            code="M05",
        ) from None
    return None


def with_side_files(*, wanted: bool) -> AbstractContextManager:
    """Have GDAL look for masks and tags beside a file, which it does by listing the folder: slow where many lie."""
    import rasterio  # noqa: PLC0415  slow to import

    return rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="FALSE") if wanted else nullcontext()


@lru_cache(maxsize=1)
def _reader() -> type:
    """Return rasterio's reader without what it finds out about place and CRS, which takes ten times as long."""
    from rasterio.io import DatasetReader  # noqa: PLC0415  slow to import

    class PixelReader(DatasetReader):
        def read_transform(self) -> list[float]:
            return [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]

        def read_crs(self) -> None:
            return None

    return PixelReader


def _read_rows(file: Placed, first: int, window: Window, out: np.ndarray) -> None:
    (top, bottom), (left, right) = window
    whole = left == 0 and right == file.width
    pieces = [(top, out)] if whole else [(top + k, out[k]) for k in range(bottom - top)]
    with Path(file.path).open("rb", buffering=0) as stream:
        for row, piece in pieces:
            stream.seek(first + (row * file.width + left) * out.dtype.itemsize)
            if stream.readinto(piece.data.cast("B")) != piece.nbytes:
                raise EOFError(f"the file ends before row {bottom}")
