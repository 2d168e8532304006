"""Differences in which TIFFs store rows, summed up again (Numba, compiled on first use)."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels._jit import exact


@exact
def float_rows(packed, out):
    """Undo the floating-point predictor (TIFF technical note 3) of 4-byte numbers.

    Each row holds the highest bytes of all its numbers, then the second, third and lowest ones, as differences to the
    byte before. The sum before each of the four parts is found first, so that the four can be summed up side by side.

    Parameters
    ----------
    packed : numpy.ndarray
        uint8 (row, 4 * column).
    out : numpy.ndarray
        uint32 (row, column), the bits of the numbers; filled.
    """
    rows, columns = out.shape
    for j in range(rows):
        first, second, third, fourth = (
            packed[j, :columns],
            packed[j, columns : 2 * columns],
            packed[j, 2 * columns : 3 * columns],
            packed[j, 3 * columns :],
        )
        a, b, c = np.uint32(0), np.uint32(0), np.uint32(0)
        for i in range(columns):
            a += first[i]
            b += second[i]
            c += third[i]
        a, b, c, d = np.uint32(0), a, a + b, a + b + c
        low = np.uint32(255)
        for i in range(columns):
            a += first[i]
            b += second[i]
            c += third[i]
            d += fourth[i]
            out[j, i] = (a << np.uint32(24)) | (b & low) << np.uint32(16) | (c & low) << np.uint32(8) | (d & low)
