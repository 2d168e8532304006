"""Large arrays a few rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator

SLAB = 2**17
"""Values of one array that a pass holds in memory (1 MB): the cache keeps several while passes go over them."""


def slabs(shape: tuple[int, ...], dates: int) -> Iterator[slice]:
    """Parts of the first axis of arrays ``shape`` that hold ``dates`` values a pixel."""
    step = max(1, SLAB // max(1, dates * math.prod(shape[1:])))
    for begin in range(0, shape[0], step):
        yield slice(begin, begin + step)
