"""Averages of the pixels under squares."""

from __future__ import annotations

import numpy as np


def average(values: np.ndarray, *arrays: np.ndarray, size: float, min_pixels: int, weighted: bool) -> np.ndarray:
    """Area-weighted (and inverse-variance weighted) mean of the pixels under squares.

    Parameters
    ----------
    values : ndarray (rows, columns)
        NaN is left out.
    *arrays
        ``sigma`` (rows, columns) if ``weighted``; then pixel centers ``x`` (columns,), ``y`` (rows,) and square centers
        ``east``, ``north`` (stations,).
    size : float
        Side of the squares.
    min_pixels : int
        Fewest valid pixels.
    weighted : bool
        Whether ``sigma`` is given.

    Returns
    -------
    ndarray (5, stations)
        Mean, internal and external standard error, number of valid pixels, and the fraction of the square that they
        cover.
    """
    sigma = arrays[0] if weighted else np.ones_like(values, dtype=float)
    x, y, east, north = arrays[-4:]
    out = np.full((5, len(east)), np.nan)
    out[3:] = 0.0
    whole = size**2 / (_step(x) * _step(y))
    for s, (x0, y0) in enumerate(zip(east, north, strict=True)):
        across, down = _overlap(x, x0, size), _overlap(y, y0, size)
        i, j = np.flatnonzero(down), np.flatnonzero(across)  # a square needs few pixels of the map
        if not (i.size and j.size):
            continue
        area = np.outer(down[i], across[j])
        value, spread = values[np.ix_(i, j)].astype(float), sigma[np.ix_(i, j)].astype(float)
        use = np.isfinite(value) & (np.nan_to_num(spread) > 0)
        out[:4, s] = weighted_mean(value[use], spread[use], area[use], min_pixels=min_pixels)
        out[4, s] = area[use].sum() / whole
    if not weighted:
        out[1] = np.nan
    return out


def weighted_mean(
    value: np.ndarray, sigma: np.ndarray, area: np.ndarray, *, min_pixels: int
) -> tuple[float, float, float, float]:
    """Mean weighted by ``area / sigma^2``, its errors from sigma and from the scatter, and the number of values."""
    n = len(value)
    if n < max(min_pixels, 1):
        return np.nan, np.nan, np.nan, n
    weight = area / sigma**2
    total = weight.sum()
    mean = (weight * value).sum() / total
    # Variance of the mean is sum(w^2 sigma^2) / total^2, and w sigma^2 is the area: whole pixels give 1 / total.
    internal = np.sqrt((weight * area).sum()) / total
    scatter = (weight * (value - mean) ** 2).sum() / total
    return mean, internal, np.sqrt(scatter / (n - 1)) if n > 1 else np.nan, n


def _overlap(centers: np.ndarray, at: float, size: float) -> np.ndarray:
    """Fraction of each pixel of an even axis inside [at - size / 2, at + size / 2]."""
    step = _step(centers)
    inside = np.minimum(centers + step / 2, at + size / 2) - np.maximum(centers - step / 2, at - size / 2)
    return np.where(inside > 1e-9 * step, inside / step, 0.0)  # a touched edge is rounding, not a pixel


def _step(centers: np.ndarray) -> float:
    """Size of a pixel of an even axis."""
    return float(abs(centers[-1] - centers[0]) / max(len(centers) - 1, 1))
