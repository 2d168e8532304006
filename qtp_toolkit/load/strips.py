"""Windows of pixels of GeoTIFFs: straight from the file where rows lie uncompressed one after another, else by GDAL."""

from __future__ import annotations

import struct
import sys
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from qtp_toolkit.conventions import QtpDataError

_NATIVE, _ORDER = (b"II", "<") if sys.byteorder == "little" else (b"MM", ">")
_TYPES = {3: "u2", 4: "u4", 16: "u8"}
_WIDTH, _HEIGHT, _COMPRESSION, _OFFSETS, _SAMPLES, _STRIP_ROWS, _COUNTS = 256, 257, 259, 273, 277, 278, 279


class Placed(NamedTuple):
    """One file on the common grid, as workers read it: no handles, only a path and numbers.

    ``rows`` and ``columns`` are those of the file before the corner of the grid, ``first_row`` is from
    :func:`first_row`, ``factor`` multiplies the physical values.
    """

    path: str
    rows: int
    columns: int
    height: int
    width: int
    upward: bool
    dtype: str
    first_row: int | None
    factor: float


def first_row(path: Path, dtype: str) -> int | None:
    """Byte at which the rows of a file begin, if it holds nothing but rows of one band, one after another.

    Parameters
    ----------
    path : pathlib.Path
        A TIFF.
    dtype : str
        Type of its pixels.

    Returns
    -------
    int or None
        None for tiles, compressed pixels, several bands, foreign byte order, or strips in any other order.
    """
    try:
        with path.open("rb") as stream:
            tags = _tags(stream)
    except (struct.error, ValueError):  # cut short, as GDAL will tell
        return None
    if not {_WIDTH, _HEIGHT, _OFFSETS, _COUNTS} <= set(tags) or any(
        tags.get(tag, [1])[0] != 1 for tag in (_COMPRESSION, _SAMPLES)
    ):
        return None
    height, offsets = int(tags[_HEIGHT][0]), tags[_OFFSETS].astype("i8")
    strip = min(int(tags.get(_STRIP_ROWS, [height])[0]), height)
    row = int(tags[_WIDTH][0]) * np.dtype(dtype).itemsize
    in_order = len(offsets) == -(-height // strip) and (np.diff(offsets) == strip * row).all() and offsets[0] > 0
    return int(offsets[0]) if in_order and tags[_COUNTS].sum(dtype="i8") == height * row else None


def read_window(file: Placed, window: tuple[tuple[int, int], tuple[int, int]], out: np.ndarray, band: int) -> None:
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
        if file.first_row is not None:
            _read_rows(file, file.first_row, window, out)
        else:
            with _reader()(file.path) as dataset:
                dataset.read(band, window=window, out=out)
    except (RasterioError, OSError, EOFError) as error:
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


def _read_rows(file: Placed, first: int, window: tuple[tuple[int, int], tuple[int, int]], out: np.ndarray) -> None:
    (top, bottom), (left, right) = window
    whole = left == 0 and right == file.width
    pieces = [(top, out)] if whole else [(top + k, out[k]) for k in range(bottom - top)]
    with Path(file.path).open("rb", buffering=0) as stream:
        for row, piece in pieces:
            stream.seek(first + (row * file.width + left) * out.dtype.itemsize)
            if stream.readinto(memoryview(piece).cast("B")) != piece.nbytes:
                raise EOFError(f"the file ends before row {bottom}")


def _tags(stream: BinaryIO) -> dict[int, np.ndarray]:
    """Whole-number tags of the first directory; none if the byte order is not that of this machine."""
    head = stream.read(16)
    if head[:2] != _NATIVE:
        return {}
    big = struct.unpack(_ORDER + "H", head[2:4])[0] == 43
    at, count_format, entry = (head[8:16], "Q", "HHQ8s") if big else (head[4:8], "H", "HHI4s")
    stream.seek(struct.unpack(_ORDER + ("Q" if big else "I"), at)[0])
    (count,) = struct.unpack(_ORDER + count_format, stream.read(struct.calcsize(_ORDER + count_format)))
    entries = struct.iter_unpack(_ORDER + entry, stream.read(count * struct.calcsize(_ORDER + entry)))
    return {tag: _values(stream, kind, number, value) for tag, kind, number, value in list(entries) if kind in _TYPES}


def _values(stream: BinaryIO, kind: int, number: int, value: bytes) -> np.ndarray:
    dtype = np.dtype(_ORDER + _TYPES[kind])
    if number * dtype.itemsize > len(value):
        stream.seek(int.from_bytes(value, sys.byteorder))
        value = stream.read(number * dtype.itemsize)
    return np.frombuffer(value, dtype, number)
