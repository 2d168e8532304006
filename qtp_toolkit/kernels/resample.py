"""Values of a raster at fractional pixel positions, on plain arrays."""

from __future__ import annotations

import numpy as np


def inside(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Whether positions (0 = center of the first pixel) fall on a pixel of a raster of this shape."""
    rows, columns = shape
    return (row >= -0.5) & (row < rows - 0.5) & (column >= -0.5) & (column < columns - 0.5)


def nearest(values: np.ndarray, row: np.ndarray, column: np.ndarray, *, fill: float) -> np.ndarray:
    """Pixel that holds each position: (..., rows, columns) at positions of shape P -> (..., *P)."""
    rows, columns = values.shape[-2:]
    on = inside(row, column, (rows, columns))
    i, j = (np.floor(np.where(on, axis, 0.0) + 0.5).astype(np.intp) for axis in (row, column))
    bands = np.ascontiguousarray(values).reshape(-1, rows * columns)
    out = np.take(bands, (i * columns + j).ravel(), axis=1).reshape(*values.shape[:-2], *on.shape)
    out[..., ~on] = fill
    return out


def bilinear(values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Bilinear value at each position, NaN outside and where the pixel that holds the position is NaN.

    Missing neighbors carry no weight; beyond the outermost centers the edge value is kept.
    """
    rows, columns = values.shape[-2:]
    shape = np.broadcast_shapes(row.shape, column.shape)
    on = inside(row, column, (rows, columns)).ravel()
    row, column = (
        np.clip(np.nan_to_num(a), 0, n - 1).ravel() for a, n in zip((row, column), (rows, columns), strict=True)
    )
    i, j = (np.floor(axis).astype(np.intp) for axis in (row, column))
    below, right = np.minimum(i + 1, rows - 1), np.minimum(j + 1, columns - 1)
    down, across = row - i, column - j
    corners = [i * columns + j, i * columns + right, below * columns + j, below * columns + right]
    shares = [(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across]
    middle = np.floor(row + 0.5).astype(np.intp) * columns + np.floor(column + 0.5).astype(np.intp)
    bands = np.ascontiguousarray(values).reshape(-1, rows * columns)
    out = np.empty((len(bands), len(on)), dtype=values.dtype)
    for band, target in zip(bands, out, strict=True):
        target[:] = _mix(band, corners, shares)
        if np.isnan(band).any():
            valid = np.isfinite(band)
            weight = _mix(valid.astype(np.float64), corners, shares)
            total = _mix(np.where(valid, band, 0.0), corners, shares)
            target[:] = np.where(valid[middle], total / np.where(weight > 0, weight, 1.0), np.nan)
    out[:, ~on] = np.nan
    return out.reshape(*values.shape[:-2], *shape)


def _mix(band: np.ndarray, corners: list[np.ndarray], shares: list[np.ndarray]) -> np.ndarray:
    return sum(share * band[corner] for corner, share in zip(corners, shares, strict=True))


def average(samples: list[np.ndarray]) -> np.ndarray:
    """Mean of the finite samples of each target pixel; NaN without any."""
    total, count = np.zeros(samples[0].shape), np.zeros(samples[0].shape)
    for sample in samples:
        valid = np.isfinite(sample)
        total += np.where(valid, sample, 0.0)
        count += valid
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(samples[0].dtype)


def mode(samples: list[np.ndarray], *, fill: float) -> np.ndarray:
    """Most frequent class of each target pixel, the smallest code at ties; ``fill`` does not vote."""
    stack = np.stack(samples)
    best, votes = np.full(stack.shape[1:], fill, dtype=stack.dtype), np.zeros(stack.shape[1:], dtype=np.int32)
    for code in np.unique(stack[stack != fill] if fill == fill else stack[np.isfinite(stack)]):  # noqa: PLR0124 (NaN)
        count = (stack == code).sum(axis=0, dtype=np.int32)
        best, votes = np.where(count > votes, code, best), np.maximum(count, votes)
    return best
