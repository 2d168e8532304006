"""Filters in the domain of frequencies. Arrays in, arrays out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.fft import fft2, ifft2
from scipy.ndimage import uniform_filter


def goldstein(
    interferogram: np.ndarray, coherence: np.ndarray | None = None, *, alpha: float, patch: int, smooth: int
) -> np.ndarray:
    """Goldstein and Werner (1998): in overlapping patches, multiply the spectrum Z by ``|smoothed Z| ** alpha``.

    With a coherence the exponent of a patch is ``alpha`` times one minus its mean coherence (after Baran et al. 2003).

    Patches overlap by three quarters and are blended with triangular weights. Pixels without data, NaN or of no
    amplitude, are zero in the transform and stay what they are.
    """
    rows, columns = interferogram.shape
    size, step = patch, max(patch // 4, 1)
    hole = ~np.isfinite(interferogram) | (interferogram == 0)
    # A patch of margin on all sides: every pixel is then under as many patches, and taper adds up evenly.
    margin = [(size, size + (-n) % step) for n in (rows, columns)]
    mode: Literal["symmetric", "constant"] = "symmetric" if min(rows, columns) >= size else "constant"
    padded = np.pad(np.where(hole, 0, interferogram), margin, mode=mode)
    ramp = 1 - np.abs((np.arange(size) - (size - 1) / 2) / (size / 2))
    down, across = (_share(ramp, n, step) for n in padded.shape)
    noise = None if coherence is None else _noise(coherence, hole, margin)
    out, band = interferogram.copy(), np.zeros((size, padded.shape[1]), padded.dtype)
    for top in range(0, padded.shape[0] - size + 1, step):
        part = slice(top, top + size)
        exponent = np.float32(alpha) if noise is None else alpha * _means(noise[0][part], noise[1][part], size, step)
        filtered = _filter_patches(_patches(padded[part], size, step), exponent, smooth)
        for k, values in enumerate(filtered):
            band[:, k * step : k * step + size] += ramp[:, None] * ramp * values
        # The first rows are under no further patch.
        first, last = max(top - size, 0), min(top + step - size, rows)
        if first < last:
            own = slice(first + size - top, last + size - top), slice(size, size + columns)
            whole = down[first + size : last + size, None] * across[size : size + columns]
            out[first:last] = np.where(hole[first:last], out[first:last], band[own] / whole)
        band = np.concatenate([band[step:], np.zeros_like(band[:step])])
    return out


def _share(ramp: np.ndarray, length: int, step: int) -> np.ndarray:
    """Sum of the tapers of all patches along one side."""
    share = np.zeros(length)
    for start in range(0, length - ramp.size + 1, step):
        share[start : start + ramp.size] += ramp
    return share


def _patches(band: np.ndarray, size: int, step: int) -> np.ndarray:
    """Patches (patch, y, x) along a band of rows."""
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(band, size, axis=1)[:, ::step], 0, 1)


def _noise(coherence: np.ndarray, hole: np.ndarray, margin: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """One minus the coherence, 0 without data, and where there are data; both with the margin of the image."""
    there = ~hole & np.isfinite(coherence)
    return np.pad(np.where(there, 1 - coherence, 0), margin), np.pad(there, margin)


def _means(values: np.ndarray, there: np.ndarray, size: int, step: int) -> np.ndarray:
    """Mean of each patch of a band, over where there are data."""
    total, number = (_patches(a, size, step).sum(axis=(1, 2), keepdims=True) for a in (values, there))
    return total / np.maximum(number, 1)


def _filter_patches(values: np.ndarray, alpha: np.ndarray | np.float32, smooth: int) -> np.ndarray:
    spectrum = fft2(values)
    strength = uniform_filter(np.abs(spectrum), (0, smooth, smooth), mode="wrap")
    # Relative to the highest line, so that a pure fringe keeps its strength.
    highest = strength.max(axis=(1, 2), keepdims=True)
    return ifft2(spectrum * (strength / np.where(highest > 0, highest, 1)) ** alpha)
