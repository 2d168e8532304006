"""Planes taken out of images (Numba, compiled on first use)."""

from __future__ import annotations

from qtp_toolkit.kernels._jit import exact


@exact
def subtract_planes(images, level, right, down, across, along, out):  # noqa: PLR0917
    """Images (N, y, x) less ``level + right across + down along``: (N,) each, (x,) and (y,)."""
    number, rows, columns = images.shape
    for k in range(number):
        for i in range(rows):
            for j in range(columns):
                out[k, i, j] = images[k, i, j] - ((level[k] + right[k] * across[j]) + down[k] * along[i])
