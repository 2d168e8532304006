"""Several arrays on disk, each of some pairs, read as one of all pairs in their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qtp_toolkit.store.chunks import BlockArray


@dataclass(frozen=True)
class JoinedArray:
    """Parts that differ along their first dim; a path and numbers each, so that it travels to workers.

    ``at`` says of each part where its planes stand in the whole: together every position from 0 on, once. What is read
    is what lies in the files of the parts; where a region needs no plane of a part, that part is not opened.
    """

    parts: tuple[BlockArray, ...]
    at: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Planes of all parts, and their other dims."""
        return sum(map(len, self.at)), *self.parts[0].shape[1:]

    @property
    def dtype(self) -> np.dtype:
        """Type of the physical values."""
        return self.parts[0].dtype

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return self.parts[0].ndim

    @property
    def source_files(self) -> tuple[str, ...]:
        """What a graph that begins here is computed from."""
        return tuple(part.path for part in self.parts)

    def __getitem__(self, key: tuple) -> np.ndarray:
        first, *rest = key
        wanted = np.arange(self.shape[0])[first]
        owner, row = self._places()
        if wanted.ndim == 0:
            return self.parts[owner[wanted]][(int(row[wanted]), *rest)]
        shape = [
            len(range(size)[cut]) for cut, size in zip(rest, self.shape[1:], strict=True) if isinstance(cut, slice)
        ]
        out = np.empty((wanted.size, *shape), self.dtype)
        here = [np.flatnonzero(owner[wanted] == k) for k in range(len(self.parts))]
        order = sorted(range(len(here)), key=lambda k: -here[k].size)
        plain = all(isinstance(cut, slice) and cut.step in (None, 1) for cut in rest)
        for k in order:
            if not here[k].size:
                continue
            own = row[wanted[here[k]]]
            low, high = int(own.min()), int(own.max()) + 1
            in_order = own.size == high - low and (np.diff(own) == 1).all()
            if plain and in_order and k == order[0]:
                # The largest part is decoded into the result, and what stands behind planes of others moves back.
                self.parts[k].read_into(out[: own.size], (slice(low, high), *rest))
                _spread(out, here[k])
            else:
                values = self.parts[k][(slice(low, high), *rest)]
                out[here[k]] = values if in_order else values[own - low]
        return out

    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """Which part each plane of the whole is in, and where in it."""
        owner, row = np.empty((2, self.shape[0]), int)
        for k, at in enumerate(self.at):
            owner[list(at)], row[list(at)] = k, np.arange(len(at))
        return owner, row


def _spread(out: np.ndarray, places: np.ndarray) -> None:
    """Bring the first planes to their places, which rise: the last go first, those that are right stay."""
    starts = np.flatnonzero(np.diff(places, prepend=places[0] - 2) != 1)
    for first, after in zip(starts[::-1], [places.size, *starts[:0:-1]], strict=True):
        shift = int(places[first]) - first
        # In steps of the shift: what overlaps numpy would copy twice.
        for stop in range(after, first, -shift) if shift else ():
            start = max(stop - shift, first)
            out[start + shift : stop + shift] = out[start:stop]
