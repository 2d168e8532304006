"""The chunks of an array on disk: one file each, written whole, flushed and checked; in any thread or process.

They are Zarr v3 chunks, and Zarr reads and writes the same files. But it does so in one event loop a process, which a
handful of threads keep waiting: here each task compresses, checks, writes and reads its own chunks.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import blosc

from qtp_toolkit._atomic import Put, named_together
from qtp_toolkit.conventions import QtpDataError

COMPRESSION: dict[str, Any] = {"cname": "lz4", "clevel": 5, "shuffle": "bitshuffle"}
"""Parameters of the blosc codec; a CRC-32C follows it."""

_CHECKSUM = 4


@dataclass(frozen=True)
class BlockArray:
    """One array of a store: a path and numbers, no open handles, so that it travels to workers.

    ``stored`` is the type on disk and ``fill`` the value of padding; with ``scale``, integers are physical values over
    it, and ``fill`` is NaN.
    """

    path: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    stored: str
    fill: Any
    scale: float | None = None

    @property
    def dtype(self) -> np.dtype:
        """Type of the physical values."""
        return np.dtype("float32" if self.scale is not None else self.stored)

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self.shape)

    @property
    def source_files(self) -> tuple[str]:
        """What a graph that begins here is computed from."""
        return (self.path,)

    def __getitem__(self, key: tuple) -> np.ndarray:
        picked = [range(size)[index] for index, size in zip(key, self.shape, strict=True)]
        spans = [range(span, span + 1) if isinstance(span, int) else span for span in picked]
        box = [(min(span[0], span[-1]), max(span[0], span[-1]) + 1) if span else (0, 0) for span in spans]
        inside = (0 if isinstance(span, int) else _shift(span, low) for span, (low, _) in zip(picked, box, strict=True))
        return self._box(box)[tuple(inside)]

    def read_into(self, out: np.ndarray, key: tuple[slice, ...]) -> None:
        """Read a region without steps to where it belongs; a whole chunk is decoded there, and not copied."""
        box = [index.indices(size)[:2] for index, size in zip(key, self.shape, strict=True)]
        whole = all(
            not low % chunk and high - low == chunk for (low, high), chunk in zip(box, self.chunks, strict=True)
        )
        if whole and out.flags.c_contiguous and out.dtype == self.dtype:
            self._chunk(tuple(low // chunk for (low, _), chunk in zip(box, self.chunks, strict=True)), out)
        else:
            out[...] = self._box(box)

    def write(self, values: np.ndarray, start: tuple[int, ...], *, put: Put | None = None) -> None:
        """Write whole chunks from the index ``start`` on, as they are stored.

        Parameters
        ----------
        values : numpy.ndarray
            Begins on a chunk; ends on one, or where the array does.
        start : tuple of int
            Index of the first value.
        put : callable, optional
            What writes their files, from :func:`named_together`; by default all is on the disk when this returns.

        Raises
        ------
        QtpDataError
            R04: the values do not lie on the chunks.
        """
        spans = []
        for first, length, chunk, size in zip(start, values.shape, self.chunks, self.shape, strict=True):
            stop = first + length
            if first % chunk or (stop % chunk and stop != size) or stop > size:
                raise QtpDataError(
                    "a block does not lie on the chunks of its store",
                    path=self.path,
                    code="R04",
                    expected=f"multiples of {chunk}, or the end at {size}",
                    found=f"{first} to {stop}",
                )
            spans.append(range(0, length, chunk))
        with named_together(Path(self.path)) if put is None else contextlib.nullcontext(put) as write:
            for corner in itertools.product(*spans):
                block = values[tuple(slice(k, k + chunk) for k, chunk in zip(corner, self.chunks, strict=True))]
                place = ((first + k) // chunk for first, k, chunk in zip(start, corner, self.chunks, strict=True))
                write(self._file(tuple(place)), *self._encoded(block))

    def _encoded(self, block: np.ndarray) -> tuple[bytes, bytes]:
        """Return the compressed block and its checksum."""
        whole = block
        if block.shape != self.chunks:  # Zarr's chunks are all of one size; the edge is padded
            whole = np.full(self.chunks, self.fill, self.stored)
            whole[tuple(map(slice, block.shape))] = block
        packed = _codec(self.stored).encode(np.ascontiguousarray(whole, np.dtype(self.stored).newbyteorder("<")))
        return packed, google_crc32c.value(packed).to_bytes(_CHECKSUM, "little")

    def _box(self, box: list[tuple[int, int]]) -> np.ndarray:
        """Values of a region without steps, decoded; a whole chunk is not copied."""
        touched = [range(low // chunk, -(-high // chunk)) for (low, high), chunk in zip(box, self.chunks, strict=True)]
        places = list(itertools.product(*touched))
        corners = [tuple(k * chunk for k, chunk in zip(place, self.chunks, strict=True)) for place in places]
        if len(places) == 1:  # the usual read: a view of the decoded chunk, no copy
            inside = (slice(low - c, high - c) for (low, high), c in zip(box, corners[0], strict=True))
            return self._chunk(places[0])[tuple(inside)]
        out = np.empty([high - low for low, high in box], self.dtype)
        gather(zip(corners, map(self._chunk, places), strict=True), [low for low, _ in box], out)
        return out

    def _chunk(self, place: tuple[int, ...], out: np.ndarray | None = None) -> np.ndarray:
        """One chunk with its padding, as physical values, in ``out`` if it is given."""
        path = self._file(place)
        stored = np.dtype(self.stored).newbyteorder("<")
        values = np.empty(self.chunks, stored) if out is None or out.dtype != stored else out
        try:
            content = np.fromfile(path, "u1")
            packed, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:].tobytes()
            if google_crc32c.value(packed) != int.from_bytes(checksum, "little"):
                raise ValueError("its checksum does not match")
            _codec(self.stored).decode(packed, values)
        except (ValueError, RuntimeError, OSError) as error:
            is_missing = isinstance(error, FileNotFoundError)  # Zarr would take it for a block of fill values
            raise QtpDataError(
                f"a block of the store is {'missing' if is_missing else f'damaged: {error}'}",
                path=path,
                code="R12",
                hint=again(Path(self.path).parents[1]),
            ) from None
        if self.scale is None:
            return values
        out = np.multiply(values, np.float32(self.scale), out=out, dtype="float32")
        np.copyto(out, np.float32(np.nan), where=values == self.fill)
        return out

    def _file(self, place: tuple[int, ...]) -> Path:
        return Path(self.path, ".".join(["c", *map(str, place)]))


def _codec(stored: str) -> blosc.Blosc:
    return blosc.Blosc(
        COMPRESSION["cname"], COMPRESSION["clevel"], blosc.BITSHUFFLE, typesize=np.dtype(stored).itemsize
    )


def _shift(span: range, low: int) -> slice:
    """Take the same elements out of an array that begins at ``low``."""
    if not span:
        return slice(0, 0)
    stop = span[-1] - low + (1 if span.step > 0 else -1)
    return slice(span[0] - low, None if stop < 0 else stop, span.step)


def gather(parts: Iterable[tuple[Sequence[int], np.ndarray]], corner: Sequence[int], out: np.ndarray) -> None:
    """Fill ``out`` from the pieces that it touches; each has the index of its first value, as ``corner`` is out's."""
    for first, values in parts:
        low = [max(a, c) for a, c in zip(first, corner, strict=True)]
        ends = zip(first, values.shape, corner, out.shape, strict=True)
        high = [min(a + size, c + length) for a, size, c, length in ends]
        if all(a < b for a, b in zip(low, high, strict=True)):
            source = tuple(slice(a - f, b - f) for a, b, f in zip(low, high, first, strict=True))
            out[tuple(slice(a - c, b - c) for a, b, c in zip(low, high, corner, strict=True))] = values[source]


def again(path: Path) -> str:
    """Advice for a damaged run; of one that is gone as a whole, another version has taken its name."""
    if not path.exists():
        return "The store was joined, or written anew, since it was opened: open it again."
    return f"Restore it from a copy, or delete {path} and write the store again."
