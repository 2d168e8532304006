"""The first directory of a TIFF, read without GDAL: enough to tell that files are alike, and where their pixels lie."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

_ORDERS = {b"II": "<", b"MM": ">"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes a value, by the type of a tag."""
_WHOLE = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}
_STRIPS, _TILES = (273, 279), (324, 325)
"""Tags of the offsets and of the byte counts."""
_SUBFILE = 254
_MOST = 64
"""Directories that are looked at: a chain that bites its tail has no end."""


class Directory(NamedTuple):
    """Tags of the first directory.

    ``tags`` are their types and bytes, all but the two tables; two files with the same tags have the same grid, type
    and metadata. ``offsets`` and ``counts`` (bytes) are of all strips or tiles.
    """

    order: str
    tags: tuple[tuple[int, int, bytes], ...]
    tiled: bool
    offsets: np.ndarray
    counts: np.ndarray
    more: tuple[int, ...] = ()
    """What the directories that follow are: 1 overviews, 4 a mask, 5 overviews of it."""

    def number(self, tag: int, default: int = 0) -> int:
        """First value of a whole-number tag."""
        for name, kind, value in self.tags:
            if name == tag and kind in _WHOLE and value:
                return int(np.frombuffer(value, self.order + _WHOLE[kind], 1)[0])
        return default

    @property
    def end(self) -> int:
        """Byte after the last strip or tile."""
        return int((self.offsets + self.counts).max(initial=0))


def read_directory(path: Path) -> Directory | None:
    """Read the first directory of a TIFF or BigTIFF; None if it is none that makes sense (GDAL will tell why).

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Directory or None
    """
    try:
        with path.open("rb") as stream:
            return _read(stream, os.fstat(stream.fileno()).st_size)
    except (struct.error, ValueError, KeyError):
        return None


def _read(stream: BinaryIO, size: int) -> Directory:
    head = stream.read(16)
    order = _ORDERS[head[:2]]
    big = {42: False, 43: True}[struct.unpack(order + "H", head[2:4])[0]]
    at, count_format, entry = (head[8:16], "Q", "HHQ") if big else (head[4:8], "H", "HHI")
    start = struct.unpack(order + ("Q" if big else "I"), at)[0]
    if start > size:
        raise ValueError("begins beyond the end")
    stream.seek(start)
    (number,) = struct.unpack(order + count_format, stream.read(struct.calcsize(order + count_format)))
    start += struct.calcsize(order + count_format)
    field, room = struct.calcsize(order + entry), 8 if big else 4
    if start + number * (field + room) > size:
        raise ValueError("more tags than bytes")
    entries = stream.read(number * (field + room))
    more = _kinds(stream, stream.read(room), order, big=big)
    tags, tables = [], {}
    for k in range(number):
        tag, kind, count = struct.unpack_from(order + entry, entries, k * (field + room))
        length, place = count * _SIZES[kind], start + k * (field + room) + field
        if length > room:
            place = int.from_bytes(entries[place - start :][:room], "little" if order == "<" else "big")
        if place + length > size:
            raise ValueError("values lie beyond the end")
        stream.seek(place)
        value = stream.read(length)
        if tag in _STRIPS + _TILES:
            tables[tag] = np.frombuffer(value, order + _WHOLE[kind]).astype("i8")
        else:
            tags.append((tag, kind, value))
    tiled = _TILES[0] in tables
    offsets, counts = (tables[tag] for tag in (_TILES if tiled else _STRIPS))
    if len(offsets) != len(counts):
        raise ValueError("as many offsets as counts")
    return Directory(order, tuple(tags), tiled, offsets, counts, more)


def _kinds(stream: BinaryIO, following: bytes, order: str, *, big: bool) -> tuple[int, ...]:
    """Kinds of the directories from an offset on; what lies beyond the end is left out: other looks tell."""
    count_format, entry, pointer = ("Q", "HHQI4x", "Q") if big else ("H", "HHII", "I")
    found: list[int] = []
    try:
        while any(following) and len(found) < _MOST:
            stream.seek(struct.unpack(order + pointer, following)[0])
            (number,) = struct.unpack(order + count_format, stream.read(struct.calcsize(count_format)))
            entries = struct.iter_unpack(order + entry, stream.read(number * struct.calcsize(order + entry)))
            found.append(sum(value for tag, _, _, value in entries if tag == _SUBFILE))
            following = stream.read(struct.calcsize(order + pointer))
    except (struct.error, OSError, OverflowError, MemoryError):
        pass
    return tuple(found)
