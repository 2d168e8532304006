"""Pairs of pixels by their distance: which, what they differ by, and how alike the pixels of an area are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_ROUNDS = 40
"""Times that partners are looked for; where few pixels count, most lie on others."""
TILES = 4
"""Along a side: the blocks of the jackknife."""


class Ground(NamedTuple):
    """Where pixels lie: km along the meridian of each row, and width of a pixel in km in each row."""

    down: np.ndarray
    across: np.ndarray

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Distance in km of pixels given by their rows and columns, (2, ...) each."""
        wide = 0.5 * (self.across[first[0]] + self.across[second[0]])
        return np.hypot(self.down[first[0]] - self.down[second[0]], (first[1] - second[1]) * wide)


class Pairs(NamedTuple):
    """Rows and columns of both pixels (2, pairs), their distance in km and the number of its bin."""

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray
    bins: np.ndarray


def draw(ground: Ground, columns: int, edges: np.ndarray, *, allowed: np.ndarray | None, most: int, seed: int) -> Pairs:
    """Pairs of pixels, as many at short as at long distances.

    A pixel is drawn, then a place at a random distance (even in its logarithm within the bin) and direction from it;
    the pair counts if that is a pixel, too.

    Parameters
    ----------
    ground : Ground
    columns : int
        Pixels of a row.
    edges : ndarray (bins + 1,)
        Of the bins, km, ascending, above 0.
    allowed : ndarray (rows, columns) or None
        Which pixels count; None: all.
    most : int
        Pairs of each bin.
    seed : int

    Returns
    -------
    Pairs
        Fewer than ``most`` in a bin where they were not found.
    """
    rng = np.random.default_rng(seed)
    shape = ground.down.size, columns
    places = None if allowed is None else np.flatnonzero(allowed)
    found: list[list[np.ndarray]] = []
    lacking = np.full(edges.size - 1, most if places is None or places.size > 1 else 0)
    for _ in range(_ROUNDS):
        wanted = np.repeat(np.arange(lacking.size), np.where(lacking > 0, most, 0))
        if not wanted.size:
            break
        pairs = _try(rng, ground, shape, places=places, edges=edges, wanted=wanted)
        on = ((pairs.second >= 0) & (pairs.second < np.array(shape)[:, None])).all(axis=0) & (pairs.distance > 0)
        on[on] = True if allowed is None else allowed[tuple(pairs.second[:, on])]
        bins = np.where(on, np.searchsorted(edges, pairs.distance, side="right") - 1, -1)
        for k in np.flatnonzero(lacking > 0):
            kept = np.flatnonzero(bins == k)[: lacking[k]]
            lacking[k] -= kept.size
            found.append([pairs.first[:, kept], pairs.second[:, kept], pairs.distance[kept], bins[kept]])
    if not found:
        nothing = np.empty((2, 0), dtype=np.int64)
        return Pairs(nothing, nothing, np.empty(0), np.empty(0, dtype=np.int64))
    return Pairs(*(np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True)))


def _try(
    rng: np.random.Generator,
    ground: Ground,
    shape: tuple[int, int],
    *,
    places: np.ndarray | None,
    edges: np.ndarray,
    wanted: np.ndarray,
) -> Pairs:
    """Draw pixels, and a place for each at a distance of the bin that is wanted; it may lie beside the map."""
    flat = rng.integers(0, shape[0] * shape[1] if places is None else places.size, wanted.size)
    first = np.stack(np.unravel_index(flat if places is None else places[flat], shape))
    far = np.exp(np.log(edges[wanted]) + rng.random(wanted.size) * np.log(edges[1:] / edges[:-1])[wanted])
    turn = rng.random(wanted.size) * 2.0 * np.pi
    high = np.abs(ground.down[-1] - ground.down[0]) / (shape[0] - 1)
    step = np.stack([far * np.sin(turn) / high, far * np.cos(turn) / ground.across[first[0]]])
    second = first + np.rint(step).astype(np.int64)
    inside = np.stack([np.clip(second[0], 0, shape[0] - 1), second[1]])  # beside the map there is no width
    return Pairs(first, second, ground.apart(first, inside), wanted)


def tiles(places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the number of the block, of 4 by 4, that each place (2, n) of a map lies in."""
    row, column = (TILES * at // n for at, n in zip(places, shape, strict=True))
    return row * TILES + column


def half_squares(
    first: np.ndarray, second: np.ndarray, bins: np.ndarray, blocks: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half the mean squared difference of pairs by bin, of all and without those that touch a block.

    Parameters
    ----------
    first, second : ndarray (..., pairs)
        Values; pairs with a NaN are left out.
    bins : ndarray (pairs,)
        Numbers of their bins.
    blocks : ndarray (2, pairs)
        Numbers of the blocks of both pixels.
    number : int
        Bins.

    Returns
    -------
    (..., bins), (..., bins), (..., blocks, bins) : ndarray
        Semivariance, number of pairs, and semivariance without each block; NaN where there are none.
    """
    lead, size = first.shape[:-1], TILES * TILES
    out = np.full((int(np.prod(lead)), size + 1, number), np.nan)
    count = np.zeros((out.shape[0], number))
    cell = blocks * number + bins
    alone = blocks[0] == blocks[1]
    ends = (values.reshape(out.shape[0], bins.size) for values in (first, second))
    for k, (a, b) in enumerate(zip(*ends, strict=True)):
        with np.errstate(invalid="ignore"):  # one infinite value less another
            half = 0.5 * (a.astype(np.float64) - b) ** 2
        known = np.isfinite(half)
        sums, numbers = np.stack(
            [_touching(weight, cell, alone, number) for weight in (np.where(known, half, 0.0), known)]
        )
        with np.errstate(invalid="ignore"):
            out[k] = np.where(numbers > 0, sums / numbers, np.nan)
        count[k] = numbers[0]
    by_block = out[:, 1:].reshape(*lead, size, number)
    return out[:, 0].reshape(*lead, number), count.reshape(*lead, number), by_block


def _touching(weight: np.ndarray, cell: np.ndarray, alone: np.ndarray, number: int) -> np.ndarray:
    """Return sums by bin, (1 + blocks, bins): of all pairs, and less those that touch each block."""
    size = TILES * TILES * number
    first, second = (np.bincount(at, weight, size) for at in cell)
    both = np.bincount(cell[0], weight * alone, size)
    touched = (first + second - both).reshape(-1, number)
    return np.concatenate(
        [first.reshape(-1, number).sum(axis=0)[None], first.reshape(-1, number).sum(axis=0) - touched]
    )


def within(
    first: np.ndarray, second: np.ndarray, *, ends: np.ndarray, limit: np.ndarray, bins: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Share of pair differences within a limit, by bin.

    Parameters
    ----------
    first, second : ndarray (..., pairs, dates)
        Displacement of both pixels.
    ends : ndarray (2, intervals)
        Numbers of the dates between which motion is looked at.
    limit, bins : ndarray (pairs,)
        Largest difference, and number of the bin.
    number : int
        Bins.

    Returns
    -------
    (..., bins), (..., bins) : ndarray
        Share, NaN where there is no difference, and number of differences.
    """
    with np.errstate(invalid="ignore"):  # one infinite value less another
        apart = first.astype(np.float64) - second
    lead = apart.shape[:-2]
    inside, known = (np.zeros((int(np.prod(lead)), number)) for _ in range(2))
    for k, series in enumerate(apart.reshape(known.shape[0], *apart.shape[-2:])):
        for start, end in ends.T:
            with np.errstate(invalid="ignore"):
                moved = np.abs(series[:, end] - series[:, start])
            valid = np.isfinite(moved)
            known[k] += np.bincount(bins, valid, number)
            inside[k] += np.bincount(bins, valid & (moved <= limit), number)
    with np.errstate(invalid="ignore"):
        share = np.where(known > 0, inside / known, np.nan)
    return share.reshape(*lead, number), known.reshape(*lead, number)


def alike(length: np.ndarray, *, ground: Ground, first: np.ndarray, second: np.ndarray, total: int) -> np.ndarray:
    r"""Mean of exp(-distance / length) over all pairs of a pixel of one area and one of another.

    Parameters
    ----------
    length : ndarray (...)
        km.
    ground : Ground
    first, second : ndarray (2, n), (2, m)
        Rows and columns of pixels of both areas, or of a sample of them.
    total : int
        Above 0: both are one sample of one area of so many pixels, and a pixel is with itself once in so many.

    Returns
    -------
    ndarray (...)
    """
    distance = ground.apart(first[:, :, None], second[:, None, :])
    out = np.empty(length.shape)
    for at, one in np.ndenumerate(length):
        weight = np.exp(-distance / one)
        if not total:
            out[at] = weight.mean()
            continue
        n = first.shape[1]
        others = (weight.sum() - n) / max(n * (n - 1), 1)
        out[at] = (1.0 + (total - 1.0) * others) / total
    return out
