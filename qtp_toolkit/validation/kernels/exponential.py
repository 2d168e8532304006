"""The exponential variogram through points: nugget, sill and length by weighted least squares."""

from __future__ import annotations

import numpy as np

FARTHEST = 10.0
"""Lengths up to so many times the longest distance are tried: beyond, the curve is a straight line."""
_COARSE, _FINE, _ZOOMS, _ROUNDS = 49, 17, 4, 4


def fit(distance: np.ndarray, values: np.ndarray, number: np.ndarray, *, nugget: bool) -> np.ndarray:
    r"""Fit ``b + S (1 - exp(-distance / length))`` with b and S at least 0.

    Weights are the numbers of pairs over the square of the curve (Cressie 1985), found anew with each curve. For a
    given length the curve is linear in b and S; the length is searched over a grid that is made finer.

    Parameters
    ----------
    distance : ndarray (bins,)
        km.
    values, number : ndarray (..., bins)
        Semivariances, NaN where unknown, and their numbers of pairs.
    nugget : bool
        Whether b is fitted; else it is 0.

    Returns
    -------
    ndarray (..., 3)
        S, length and b; NaN with fewer known bins than one more than there are unknowns.
    """
    lead = values.shape[:-1]
    flat, pairs = (np.asarray(a, dtype=np.float64).reshape(-1, distance.size) for a in (values, number))
    known = np.isfinite(flat) & np.isfinite(distance) & (pairs > 0)
    y, far = np.where(known, flat, 0.0), np.where(np.isfinite(distance), distance, 1.0)
    weight = np.where(known, pairs, 0.0)
    out = np.full((flat.shape[0], 3), np.nan)
    enough = known.sum(axis=1) >= 3 + nugget
    if enough.any():
        y, weight = y[enough], weight[enough]
        scale = np.maximum(y.max(axis=1, keepdims=True), np.finfo(float).tiny)
        best, now = np.zeros((y.shape[0], 3)), weight
        for _ in range(_ROUNDS):
            best = _search(far, y / scale, now, nugget=nugget)
            curve = best[:, 2:] + best[:, :1] * -np.expm1(-far / best[:, 1:2])
            now = weight / np.maximum(curve, 1e-3) ** 2
        out[enough] = best * np.column_stack([scale[:, 0], np.ones(y.shape[0]), scale[:, 0]])
    return out.reshape(*lead, 3)


def _search(far: np.ndarray, y: np.ndarray, weight: np.ndarray, *, nugget: bool) -> np.ndarray:
    """Sill, length and nugget (series, 3) of the least weighted sum of squares."""
    low, high = np.full(len(y), np.log(far.min() / 3.0)), np.full(len(y), np.log(FARTHEST * far.max()))
    rows, best = np.arange(len(y)), np.empty((len(y), 3))
    for zoom in range(_ZOOMS + 1):
        steps = np.linspace(0.0, 1.0, _FINE if zoom else _COARSE)
        logs = low[:, None] + steps * (high - low)[:, None]
        sill, base, cost = _linear(-np.expm1(-far / np.exp(logs)[..., None]), y, weight, nugget=nugget)
        at = cost.argmin(axis=1)
        best = np.stack([sill[rows, at], np.exp(logs[rows, at]), base[rows, at]], axis=1)
        low, high = logs[rows, np.maximum(at - 1, 0)], logs[rows, np.minimum(at + 1, steps.size - 1)]
    return best


def _linear(shape: np.ndarray, y: np.ndarray, weight: np.ndarray, *, nugget: bool) -> tuple[np.ndarray, ...]:
    """Sill and nugget, neither below 0, for every length (series, lengths, bins), and the weighted sum of squares."""
    w, wy = weight[:, None], (weight * y)[:, None]
    one, f, ff = w.sum(-1), (w * shape).sum(-1), (w * shape**2).sum(-1)
    g, fg = wy.sum(-1), (wy * shape).sum(-1)
    only = fg / np.maximum(ff, np.finfo(float).tiny)  # a sill alone
    sill, base = only, np.zeros_like(only)
    if nugget:
        free = one * ff - f**2
        with np.errstate(divide="ignore", invalid="ignore"):
            both = np.where(free > 1e-12 * one * ff, (one * fg - f * g) / free, -1.0)
        rest = (g - both * f) / one
        flat = both <= 0.0  # no sill: a nugget alone
        sill = np.where(flat, 0.0, np.where(rest < 0.0, only, both))
        base = np.where(flat, g / one, np.maximum(rest, 0.0))
    miss = base[..., None] + sill[..., None] * shape - y[:, None]
    return sill, base, (w * miss**2).sum(-1)
