"""Filters and phase unwrapping by Fourier and cosine transforms. Arrays in, arrays out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.fft import dctn, fft2, idctn, ifft2
from scipy.ndimage import uniform_filter


def wrap(phase: np.ndarray) -> np.ndarray:
    """Phase in -pi..pi (rad)."""
    return np.angle(np.exp(1j * phase))


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


def unwrap_least_squares(
    wrapped: np.ndarray, weight: np.ndarray, *, iterations: int = 50, tolerance: float = 1e-4
) -> np.ndarray:
    """Weighted least-squares unwrapping (Ghiglia and Romero 1994), made congruent with the wrapped phase.

    Solves the weighted Poisson equation of the wrapped gradients by conjugate gradients; the unweighted one, solved
    by a cosine transform, is the preconditioner. Without weights that is the solution at once. At the end the
    solution is moved by less than half a cycle so that it differs from the wrapped phase by whole cycles.

    Parameters
    ----------
    wrapped : (y, x) array
        rad, not finite where missing.
    weight : (y, x) array
        0 or more, NaN counts as 0; missing pixels get zero.
    iterations : int
    tolerance : float
        Residual norm, relative to the start, at which to stop.

    Returns
    -------
    (y, x) array
        rad; NaN where missing. An additive multiple of 2 pi is arbitrary.
    """
    hole = ~np.isfinite(wrapped)
    weight = np.where(hole, 0.0, np.nan_to_num(weight))
    # A link is as good as the worse of its two pixels; squared, as weights of the sum of squares.
    links = [np.minimum(weight[1:], weight[:-1]) ** 2, np.minimum(weight[:, 1:], weight[:, :-1]) ** 2]
    filled = np.where(hole, 0.0, wrapped)
    # Wrapped differences are the true ones wherever the phase changes by less than half a cycle from pixel to pixel.
    slopes = [wrap(np.diff(filled, axis=axis)) for axis in (0, 1)]
    residual = _divergence([link * slope for link, slope in zip(links, slopes, strict=True)], wrapped.shape)
    solution, direction, before = np.zeros(wrapped.shape), None, 0.0
    start = np.linalg.norm(residual)
    for _ in range(iterations):
        if np.linalg.norm(residual) <= tolerance * start:
            break
        guess = _solve_poisson(residual)
        now = float((residual * guess).sum())
        # Preconditioned conjugate gradients (Fletcher and Reeves).
        direction = guess if direction is None else guess + (now / before) * direction
        image = _divergence([link * np.diff(direction, axis=axis) for axis, link in enumerate(links)], wrapped.shape)
        step = now / float((direction * image).sum())
        solution, residual, before = solution + step * direction, residual - step * image, now
    # The mean of a solution is arbitrary: shifted to the wrapped phase first, else rounding would cut at random.
    closest = np.angle((weight * np.exp(1j * (filled - solution))).sum())
    cycles = np.rint((solution + closest - filled) / (2 * np.pi))
    return np.where(hole, np.nan, filled + 2 * np.pi * cycles)


def _divergence(flows: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Sum of what flows out of each pixel: minus the discrete Laplacian, where the flows are gradients."""
    out = np.zeros(shape)
    down, right = flows
    out[:-1] -= down
    out[1:] += down
    out[:, :-1] -= right
    out[:, 1:] += right
    return out


def _solve_poisson(source: np.ndarray) -> np.ndarray:
    """Solve for the field whose negative Laplacian (no flow through the edge) is the source; its mean is zero."""
    angles = [np.pi * np.arange(n) / n for n in source.shape]
    eigenvalues = 4 - 2 * np.cos(angles[0])[:, None] - 2 * np.cos(angles[1])[None, :]
    # The mean, which no gradient knows: 0 / 0 otherwise.
    eigenvalues[0, 0] = 1.0
    spectrum = dctn(source, norm="ortho") / eigenvalues
    spectrum[0, 0] = 0.0
    return idctn(spectrum, norm="ortho")
