"""Phase bias from what does not close: closures of cells, and the biases of the intervals that explain them best."""

from __future__ import annotations

import numpy as np

_WEAK = 1e-4
"""Stiffness of the waves of the year: keeps them still where triangles of one season only tell of them."""


def design_of(first: np.ndarray, second: np.ndarray, share: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Bias of each pair for a bias of 1 in a step of each interval, (pair, interval).

    Parameters
    ----------
    first, second : numpy.ndarray
        (pair,) numbers of the dates of the pairs.
    share : numpy.ndarray
        (pair,) share of the sum of its steps that a pair carries.
    steps : numpy.ndarray
        (interval,) steps from each date to the next.
    """
    number = np.arange(len(steps))
    inside = (number >= first[:, None]) & (number < second[:, None])
    return share[:, None] * steps * inside


def cell_closures(phase: np.ndarray, rows: np.ndarray, *, cell: int) -> np.ndarray:
    """Mean closure of triangles over cells of pixels, less whole cycles, (triangle, ny / cell, nx / cell).

    Parameters
    ----------
    phase : numpy.ndarray
        (pair, ny, nx), rad.
    rows : numpy.ndarray
        (triangle, 3) numbers of the pairs a-b, b-c and a-c.
    cell : int
        Pixels along a side; cells at the end may be smaller.

    Returns
    -------
    numpy.ndarray
        float32, NaN where no pixel of the cell has its three phases.
    """
    edges = [np.arange(0, size, cell) for size in phase.shape[1:]]
    out = np.empty((len(rows), *(edge.size for edge in edges)), np.float32)
    for place, (early, late, across) in enumerate(rows):
        closure = phase[early] + phase[late] - phase[across]
        closure -= np.float32(2 * np.pi) * np.rint(closure / np.float32(2 * np.pi))
        seen = np.isfinite(closure)
        total, number = (_sum_cells(part, edges) for part in (np.where(seen, closure, 0), seen.astype(np.float32)))
        out[place] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return out


def _sum_cells(values: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    return np.add.reduceat(np.add.reduceat(values, edges[0], axis=0), edges[1], axis=1)


def solve(closures: np.ndarray, design: np.ndarray, season: np.ndarray, *, stiffness: float) -> np.ndarray:
    r"""Bias of a step in each interval: a season, and what each interval has beside it, by damped least squares.

    .. math:: \min_{q, \delta} |c - G (S q + \delta)|^2 + \mu |\delta|^2

    Parameters
    ----------
    closures : numpy.ndarray
        (triangle, cell), NaN where missing.
    design : numpy.ndarray
        (triangle, interval), G.
    season : numpy.ndarray
        (interval, wave), S; the first column is the mean.
    stiffness : float
        mu.

    Returns
    -------
    numpy.ndarray
        (interval, cell); NaN where no closure is known.
    """
    columns = np.concatenate([design @ season, design], axis=1)
    waves = season.shape[1]
    damping = np.diag(np.concatenate([[0.0], np.full(waves - 1, _WEAK), np.full(len(season), stiffness)]))
    whole = columns.T @ columns + damping
    to_bias = np.concatenate([season, np.eye(len(season))], axis=1)
    out = np.full((len(season), closures.shape[1]), np.nan)
    known = np.isfinite(closures)
    # Cells that miss the same triangles share their equations: most miss none.
    patterns, number = np.unique(np.packbits(known, axis=0), axis=1, return_inverse=True)
    number = number.ravel()
    for pattern in range(patterns.shape[1]):
        cells = np.flatnonzero(number == pattern)
        missing = ~known[:, cells[0]]
        if missing.all():
            continue
        normal = whole - columns[missing].T @ columns[missing]
        right = columns[~missing].T @ closures[np.ix_(~missing, cells)]
        out[:, cells] = to_bias @ np.linalg.lstsq(normal, right, rcond=1e-10)[0]
    return out


def fill(maps: np.ndarray) -> np.ndarray:
    """Give cells of maps (layer, ny, nx) that are unknown in all layers what the nearest known one has."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  slow to import

    unknown = np.isnan(maps).all(axis=0)
    if unknown.all() or not unknown.any():
        return maps
    nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return maps[:, nearest[0], nearest[1]]
