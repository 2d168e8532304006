"""Unwrapping by overlapping tiles, which whole cycles bring to one level. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, eye_array, hstack, vstack
from scipy.sparse.csgraph import connected_components

Kernel = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Wrapped phase (NaN is no data) and weight to unwrapped phase and components."""

_OVERLAP = 8
"""Neighbors share one eighth of a tile."""
_SOFT = 0.5
"""Pixels that the level of two pieces within one tile counts as: less than any that two tiles share."""
_AGREED = 0.9
"""Share of common pixels that must be on one level for two pieces to hang together."""
_MOST = np.iinfo(np.int16).max


def unwrap_tiles(wrapped: np.ndarray, weight: np.ndarray, *, solve: Kernel, tile: int) -> tuple[np.ndarray, np.ndarray]:
    """Unwrap tile by tile; only one is in the hands of ``solve`` at a time.

    Each component of each tile gets the whole cycles that leave the fewest common pixels of neighbors on two levels,
    each counted by how many cycles it is off (as the secondary network of Chen and Zebker 2002): a linear program whose
    solution is whole, for its matrix is that of a network.

    Parameters
    ----------
    wrapped, weight : (y, x) array
        As ``solve`` takes them.
    solve : callable
    tile : int
        Side of a tile in pixels, at most.

    Returns
    -------
    phase, component : (y, x) array
        As of ``solve``; components are numbered from the largest, 1, on.
    """
    phase, piece = np.full(wrapped.shape, np.nan, np.float32), np.full(wrapped.shape, -1, np.int32)
    known = np.zeros(0, bool)
    votes: list[np.ndarray] = []
    for at, inner in _tiles(wrapped.shape, tile):
        if not np.isfinite(wrapped[at]).any():
            continue  # programs of others do not like to be asked for nothing
        own, label = solve(wrapped[at], weight[at])
        name = np.where(np.isfinite(own), known.size + label.astype(np.int32), -1)
        votes += [_compare(phase[at], piece[at], own, name), _tie(label, known.size)]
        known = np.concatenate([known, np.arange(int(label.max()) + 1) > 0])
        within = tuple(slice(new.start - old.start, None) for new, old in zip(inner, at, strict=True))
        phase[inner], piece[inner] = own[within], name[within]
    if not votes:
        return phase, np.zeros(wrapped.shape, np.uint16)
    link = np.concatenate(votes)
    cycles = _level(link, known.size)
    phase += 2 * np.pi * cycles.astype(np.float32)[piece]
    return phase, _number(_join(link, cycles, known), piece)


def _tiles(shape: tuple[int, ...], tile: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Tiles from the first corner on, and the part of each that replaces what its neighbors before it have written."""
    shared = max(tile // _OVERLAP, 2)
    cuts = []
    for size in shape:
        number = max(-(-(size - shared) // (tile - shared)), 1)
        starts = np.linspace(0, size - shared, number + 1).astype(int)
        cuts.append([(first, last + shared) for first, last in pairwise(starts.tolist())])
    for ends in product(*cuts):
        inner = tuple(slice(start + (start > 0) * shared // 2, end) for start, end in ends)
        yield tuple(slice(start, end) for start, end in ends), inner


def _compare(before: np.ndarray, piece: np.ndarray, own: np.ndarray, name: np.ndarray) -> np.ndarray:
    """Rows of piece there, piece here, cycles to add here, and pixels that say so."""
    both = (piece >= 0) & (name >= 0)
    jump = np.rint((before[both] - own[both]) / (2 * np.pi)).astype(np.int64)
    rows, count = np.unique(np.stack([piece[both], name[both], jump], axis=1), axis=0, return_counts=True)
    return np.concatenate([rows, count[:, None]], axis=1).astype(float)


def _tie(label: np.ndarray, first: int) -> np.ndarray:
    """Pieces of one tile stay as they were solved where nothing else is known of them."""
    size = np.bincount(label.ravel())
    others = np.delete(np.arange(size.size), size.argmax())
    rows = np.zeros((others.size, 4))
    rows[:, 0], rows[:, 1], rows[:, 3] = first + size.argmax(), first + others, _SOFT
    return rows


def _level(link: np.ndarray, pieces: int) -> np.ndarray:
    """Whole cycles of each piece: least absolute disagreement, the first piece of what hangs together at 0."""
    first, second, jump, count = link.T
    ones, at = np.ones(len(link)), np.arange(len(link))
    ends = np.concatenate([second, first]).astype(int)
    step = coo_array((np.concatenate([ones, -ones]), (np.tile(at, 2), ends)), shape=(len(link), pieces))
    slack = eye_array(len(link))
    graph = coo_array((ones, (first.astype(int), second.astype(int))), shape=(pieces, pieces))
    _, group = connected_components(graph, directed=False)
    free = np.ones(pieces, bool)
    free[np.unique(group, return_index=True)[1]] = False
    bounds = [(None, None) if loose else (0, 0) for loose in free] + [(0, None)] * len(link)
    found = linprog(
        np.concatenate([np.zeros(pieces), count]),
        vstack([hstack([step, -slack]), hstack([-step, -slack])]).tocsr(),
        np.concatenate([jump, -jump]),
        bounds=bounds,
    )
    return np.rint(found.x[:pieces]).astype(int)


def _join(link: np.ndarray, cycles: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Find the component that each piece belongs to, from 1 on; 0 for what ``solve`` gave none."""
    first, second = link[:, 0].astype(int), link[:, 1].astype(int)
    met = (link[:, 3] >= 1) & known[first] & known[second]
    key, at = np.unique(first[met] * known.size + second[met], return_inverse=True)
    even = cycles[second[met]] - cycles[first[met]] == link[met, 2]
    total, level = (np.bincount(at, weights, minlength=key.size) for weights in (link[met, 3], link[met, 3] * even))
    good = key[level >= _AGREED * total]
    graph = coo_array((np.ones(good.size), (good // known.size, good % known.size)), shape=(known.size,) * 2)
    return np.where(known, connected_components(graph, directed=False)[1] + 1, 0)


def _number(component: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Components of the pixels, numbered by their size; what the numbers do not suffice for is 0."""
    label = np.where(piece >= 0, component[piece], 0)
    size = np.bincount(label.ravel())
    size[0] = 0
    order = np.argsort(-size, kind="stable")[: int(min(np.count_nonzero(size), _MOST))]
    table = np.zeros(size.size, np.uint16)
    table[order] = np.arange(1, order.size + 1)
    return table[label]
