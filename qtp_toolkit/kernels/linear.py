"""Linear interpolation on a regular grid of any number of axes. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np


def corners(
    positions: tuple[np.ndarray, ...], sizes: tuple[int, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray | float]]:
    """Give the grid points around each position, one corner of the cell after the other.

    Parameters
    ----------
    positions : n arrays of one shape
        Position along each axis, 0 at the first grid point; finite, and not beyond the outermost ones.
    sizes : n int
        Grid points along each axis, one or more.

    Yields
    ------
    (flat index, weight)
        Arrays of the shape of the positions, 2 ** n times; weights are 0 to 1 and add up to 1.
    """
    lower = [np.floor(at).astype(np.intp) for at in positions]
    shares = [at - low for at, low in zip(positions, lower, strict=True)]
    for corner in product((0, 1), repeat=len(sizes)):
        index, weight = 0, 1.0
        for low, share, side, size in zip(lower, shares, corner, sizes, strict=True):
            # On the last point the far corner has no weight, but must be somewhere.
            index = index * size + np.minimum(low + side, size - 1)
            weight = weight * (share if side else 1 - share)
        yield index, weight
