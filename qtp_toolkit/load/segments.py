"""Windows of pixels of GeoTIFFs: straight from plain or deflated strips and tiles of one band, else by GDAL."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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
_LEAST_BYTES = 10_000
"""Size of deflated strips and tiles from which on they are decoded here: Python has to be called for each one, and
threads that decode smaller ones wait for each other longer than GDAL takes for them."""
_AT_ONCE = 500_000
"""Bytes of strips that are read and decoded together."""
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
            f"cannot read pixels: {error}",
            path=file.path,
            where=f"rows {window[0][0]} to {window[0][1]}",
            hint="Damaged file? Download it again.",
            code="M05",
        ) from None


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
    size = lie.height * lie.width * out.dtype.itemsize
    group = 1 if lie.tiled else max(_AT_ONCE // size, 1)
    with Path(file.path).open("rb", buffering=0) as stream:
        offsets, counts = (
            table.read(stream, start * across, stop * across).tolist() for table in (lie.offsets, lie.counts)
        )
        for row, column in product(range(start, stop, group), columns):
            some = slice((row - start) * across + column, (row - start + group - 1) * across + column + 1, across)
            y, x = row * lie.height, column * lie.width
            below = min(y + group * lie.height, stop * lie.height)
            height = (below if lie.tiled else min(below, file.height)) - y
            low, high = max(top, y), min(bottom, y + height)
            west, east = max(left, x), min(right, x + lie.width)
            packed = _inflated(_pieces(stream, offsets[some], counts[some]), lie, height, lie.width * out.itemsize)
            target = out[low - top : high - top, west - left : east - left]
            whole = target.shape == (height, lie.width) and target.flags.c_contiguous
            values = target if whole else np.empty((height, lie.width), out.dtype)
            _summed(packed, lie.predictor, values)
            if not whole:
                target[...] = values[low - y : high - y, west - x : east - x]


def _pieces(stream: BinaryIO, offsets: list[int], counts: list[int]) -> list[memoryview]:
    """Bytes of strips or tiles, fetched at once if they follow each other."""
    ends = [offset + count for offset, count in zip(offsets, counts, strict=True)]
    if offsets[1:] != ends[:-1]:
        return [_bytes(stream, offset, count) for offset, count in zip(offsets, counts, strict=True)]
    start = offsets[0]
    found = _bytes(stream, start, ends[-1] - start)
    return [found[low - start : high - start] for low, high in zip(offsets, ends, strict=True)]


def _bytes(stream: BinaryIO, start: int, count: int) -> memoryview:
    stream.seek(start)
    found = stream.read(count)
    if len(found) < count:
        raise EOFError(f"the file ends before byte {start + count}")
    return memoryview(found)


def _inflated(stored: list[memoryview], lie: Segments, height: int, width: int) -> np.ndarray:
    """Bytes (row, byte) of one tile, or of strips that follow each other, the last of which may be lower."""
    sizes = [lie.height * width] * (len(stored) - 1)
    sizes.append(height * width - sum(sizes))
    _refuse_short(stored, sizes, at_most=_MOST_DEFLATED if lie.deflated else 1)  # no room is made for other promises
    plain = stored
    if lie.deflated:
        plain = [decompress(piece, MAX_WBITS, size) for piece, size in zip(stored, sizes, strict=True)]
        _refuse_short(plain, sizes)
    joined = b"".join([piece[:size] for piece, size in zip(plain, sizes, strict=True)])
    return np.frombuffer(joined, "u1").reshape(height, width)


def _refuse_short(pieces: Sequence[bytes | memoryview], sizes: list[int], *, at_most: int = 1) -> None:
    for piece, size in zip(pieces, sizes, strict=True):
        if len(piece) * at_most < size:
            raise EOFError(f"a strip or tile holds {len(piece)} bytes, too few for {size} bytes of pixels")


def _summed(packed: np.ndarray, differences: int, out: np.ndarray) -> None:
    """Fill ``out`` with values from their differences along the rows."""
    bits = f"u{out.itemsize}"
    if differences == _FLOATS:
        predictor.float_rows(packed, out.view(bits))
    elif differences == _WHOLE_NUMBERS:
        np.cumsum(packed.view(bits), axis=1, dtype=bits, out=out.view(bits))
    else:
        out[...] = packed.view(out.dtype)
