"""Where in an image the pixels of a map lie: a lookup table turned round (Numba, compiled on first use)."""

from __future__ import annotations

import math

import numpy as np

from qtp_toolkit.kernels._jit import exact

_EDGE = 1e-9
"""How far, as a share of a triangle or of a pixel of the map, what lies on an edge may seem to lie outside."""


@exact
def _corner(rows, columns, i, j, lower):
    """Third corner of a triangle below the diagonal of a cell (``lower``), or first of the one above it."""
    return (rows[i + 1, j + 1], columns[i + 1, j + 1]) if lower else (rows[i, j], columns[i, j])


@exact
def inverse_lookup(rows, columns, first, shape):
    """Cells (h, w) of the image in which the pixels of a map lie, -1 where it does not reach, and where in them.

    ``rows``, ``columns`` (H, W) say where in the map, in pixels, those of the image lie; NaN where unknown. Asked for
    are ``shape`` pixels of the map from ``first`` on. A cell lies between four neighbors and is two triangles, in each
    of which the position is linear: ``down`` and ``right`` are 0 to 1. Where they overlap (layover) the first counts.
    """
    lines, samples = np.full(shape, -1, np.int32), np.full(shape, -1, np.int32)
    down, right = np.zeros(shape), np.zeros(shape)
    height, width = rows.shape
    for i in range(height - 1):
        for j in range(width - 1):
            r1, c1, r2, c2 = rows[i, j + 1], columns[i, j + 1], rows[i + 1, j], columns[i + 1, j]
            for lower in (False, True):
                r0, c0 = _corner(rows, columns, i, j, lower)
                area = (r1 - r0) * (c2 - c0) - (r2 - r0) * (c1 - c0)
                if not abs(area) > 0.0:  # unknown corners too
                    continue
                top, bottom = math.ceil(min(r0, r1, r2) - _EDGE), math.floor(max(r0, r1, r2) + _EDGE)
                begin, end = math.ceil(min(c0, c1, c2) - _EDGE), math.floor(max(c0, c1, c2) + _EDGE)
                for r in range(max(top, first[0]), min(bottom + 1, first[0] + shape[0])):
                    for c in range(max(begin, first[1]), min(end + 1, first[1] + shape[1])):
                        a = ((r - r0) * (c2 - c0) - (r2 - r0) * (c - c0)) / area
                        b = ((r1 - r0) * (c - c0) - (r - r0) * (c1 - c0)) / area
                        k, m = r - first[0], c - first[1]
                        if a < -_EDGE or b < -_EDGE or a + b > 1.0 + _EDGE or lines[k, m] >= 0:
                            continue
                        # a runs to the right corner of the upper row, b to the left corner of the lower one
                        lines[k, m], samples[k, m] = i, j
                        down[k, m], right[k, m] = (1.0 - a, 1.0 - b) if lower else (b, a)
    return lines, samples, down, right
