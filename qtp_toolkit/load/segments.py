"""Windows of pixels of GeoTIFFs: straight from plain or deflated strips and tiles of one band, else by GDAL."""

from __future__ import annotations

import sys
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from isal.isal_zlib import MAX_WBITS, IsalError, decompress

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.kernels import predictor
from qtp_toolkit.load.directory import Directory, Table

Window = tuple[tuple[int, int], tuple[int, int]]

_NATIVE = "<" if sys.byteorder == "little" else ">"
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _STRIP_ROWS = 256, 257, 258, 259, 277, 278
_FILL_ORDER, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT = 266, 317, 322, 323
_PLAIN, _DEFLATE = (1,), (8, 32946)
_NO_DIFFERENCES, _WHOLE_NUMBERS, _FLOATS = 1, 2, 3
"""Predictors."""
_LEAST_BYTES = 16_384
"""Size of deflated strips and tiles from which on they are decoded here: Python has to be called for each one, and
threads that decode smaller ones wait for each other longer than GDAL takes for them."""
_MOST_DEFLATED = 1100
"""Bytes that one deflated byte can stand for at most are a few less."""


class Rows(NamedTuple):
    """Pixels that lie uncompressed, row after row, from a byte on."""

    first: int


class Segments(NamedTuple):
    """Strips or tiles of ``height`` x ``width`` pixels, deflated or not, and the predictor that they were stored with.

    The last strip may be lower; tiles are whole, beyond the edges too.
    """

    tiled: bool
    height: int
    width: int
    deflated: bool
    predictor: int
    offsets: Table
    counts: Table


class Placed(NamedTuple):
    """One file on the common grid, as workers read it: no handles, only a path and numbers.

    ``rows`` and ``columns`` are those of the file before the corner of the grid, ``layout`` is from :func:`layout`,
    ``factor`` multiplies the physical values.
    """

    path: str
    rows: int
    columns: int
    height: int
    width: int
    upward: bool
    dtype: str
    layout: Rows | Segments | None
    factor: float


def layout(directory: Directory, dtype: str) -> Rows | Segments | None:
    """Say how the pixels of a file lie, if they can be read without GDAL.

    Parameters
    ----------
    directory : Directory
    dtype : str
        Type of the pixels.

    Returns
    -------
    Rows or Segments or None
        None for several bands, foreign byte order, other compressions than deflate, deflated strips of few bytes, odd
        numbers of bits, and files that leave out empty strips or tiles.
    """
    number, kind = directory.number, np.dtype(dtype)
    height, width, packing = number(_HEIGHT), number(_WIDTH), number(_COMPRESSION, 1)
    differences = number(_PREDICTOR, 1) if packing in _DEFLATE else _NO_DIFFERENCES
    usual = (number(_SAMPLES, 1), number(_FILL_ORDER, 1), number(_BITS, 1)) == (1, 1, 8 * kind.itemsize)
    known = packing in _PLAIN + _DEFLATE and (
        differences == _NO_DIFFERENCES
        or (differences == _WHOLE_NUMBERS and kind.kind != "c")
        or (differences == _FLOATS and kind == np.float32)
    )
    if directory.order != _NATIVE or not usual or not known or not directory.counts.all():
        return None
    if directory.tiled:
        rows, columns = number(_TILE_HEIGHT), number(_TILE_WIDTH)
    else:
        rows, columns = min(number(_STRIP_ROWS, height), height), width
    if not rows or not columns or len(directory.counts) != -(-height // rows) * -(-width // columns):
        return None
    offsets, counts = directory.offsets, directory.counts
    step, total = rows * columns * kind.itemsize, height * width * kind.itemsize
    if packing in _PLAIN and not directory.tiled and (np.diff(offsets) == step).all() and counts.sum() == total:
        return Rows(int(offsets[0]))
    if packing in _DEFLATE and step < _LEAST_BYTES:
        return None
    return Segments(directory.tiled, rows, columns, packing in _DEFLATE, differences, *directory.tables)


def read_window(file: Placed, window: Window, out: np.ndarray, band: int) -> None:
    """Fill ``out`` with the stored values of a window.

    Parameters
    ----------
    file : Placed
    window : ((top, bottom), (left, right))
        Rows and columns of the file.
    out : numpy.ndarray
        (rows, columns), contiguous, of the type of the file.
    band : int
        From 1.

    Raises
    ------
    QtpDataError
        M05: the file ends early, or its blocks cannot be decoded.
    """
    from rasterio.errors import RasterioError  # noqa: PLC0415  slow to import

    try:
        if isinstance(file.layout, Rows):
            _read_rows(file, file.layout, window, out)
        elif isinstance(file.layout, Segments):
            _read_segments(file, file.layout, window, out)
        else:
            with _reader()(file.path) as dataset:
                dataset.read(band, window=window, out=out)
    except (RasterioError, IsalError, OSError, EOFError) as error:
        raise QtpDataError(
            f"cannot read pixels: {error}", path=file.path, where=f"rows {window[0][0]} to {window[0][1]}",
            hint="Damaged file? Download it again.", code="M05",
        ) from None  # fmt: skip


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


def _read_rows(file: Placed, lie: Rows, window: Window, out: np.ndarray) -> None:
    (top, bottom), (left, right) = window
    whole = left == 0 and right == file.width
    pieces = [(top, out)] if whole else [(top + k, out[k]) for k in range(bottom - top)]
    with Path(file.path).open("rb", buffering=0) as stream:
        for row, piece in pieces:
            stream.seek(lie.first + (row * file.width + left) * out.dtype.itemsize)
            if stream.readinto(memoryview(piece).cast("B")) != piece.nbytes:
                raise EOFError(f"the file ends before row {bottom}")


def _read_segments(file: Placed, lie: Segments, window: Window, out: np.ndarray) -> None:
    (top, bottom), (left, right) = window
    across = -(-file.width // lie.width)
    start, stop = top // lie.height, -(-bottom // lie.height)
    columns = range(left // lie.width, -(-right // lie.width))
    with Path(file.path).open("rb", buffering=0) as stream:
        offsets, counts = (table.read(stream, start * across, stop * across) for table in (lie.offsets, lie.counts))
        for row, column in product(range(start, stop), columns):
            k = (row - start) * across + column
            stored = _bytes(stream, int(offsets[k]), int(counts[k]))
            y, x = row * lie.height, column * lie.width
            height = lie.height if lie.tiled else min(lie.height, file.height - y)
            values = _decoded(stored, (height, lie.width), lie, out.dtype)
            low, high = max(top, y), min(bottom, y + height)
            west, east = max(left, x), min(right, x + lie.width)
            out[low - top : high - top, west - left : east - left] = values[low - y : high - y, west - x : east - x]


def _bytes(stream: BinaryIO, start: int, count: int) -> bytes:
    stream.seek(start)
    found = stream.read(count)
    if len(found) < count:
        raise EOFError(f"the file ends before byte {start + count}")
    return found


def _decoded(stored: bytes, shape: tuple[int, int], lie: Segments, dtype: np.dtype) -> np.ndarray:
    """Values of one strip or tile."""
    size = shape[0] * shape[1] * dtype.itemsize
    hopeless = size > len(stored) * (_MOST_DEFLATED if lie.deflated else 1)  # room is made for no such promise
    plain = decompress(stored, MAX_WBITS, size) if lie.deflated and not hopeless else stored
    if len(plain) < size:
        raise EOFError(f"a strip or tile holds {len(plain)} bytes instead of {size}")
    packed = np.frombuffer(plain, "u1", size).reshape(shape[0], -1)
    if lie.predictor == _FLOATS:
        bits = np.empty(shape, "u4")
        predictor.float_rows(packed, bits)
        return bits.view(dtype)
    if lie.predictor == _WHOLE_NUMBERS:
        bits = packed.view(f"u{dtype.itemsize}")
        return np.cumsum(bits, axis=1, dtype=bits.dtype).view(dtype)
    return packed.view(dtype)
