"""Displacement into rate, seasonal coefficient and intercept, on plain arrays with time first."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import lstsq, reasons
from qtp_toolkit.pecm.kernels.slabs import slabs

LAYERS = ("rate", "rate_std", "coefficient", "coefficient_std", "intercept", "rms", "peak", "reason")
"""Order of the first axis of :func:`two_indices`."""
SINUSOID_LAYERS = ("linear_rate", "linear_rate_std", "seasonal_amplitude", "seasonal_amplitude_std", "rms", "reason")
"""Order of the first axis of :func:`sinusoid`."""


class Spread(NamedTuple):
    """How the uncertainty is found."""

    kind: str = "formal"
    """formal, year_block or bootstrap."""
    blocks: lstsq.Blocks | None = None
    draws: int = 200
    seed: int = 0

    def of(self, answer: lstsq.Solution) -> np.ndarray:
        """Find the standard deviations (K, P) of the coefficients."""
        diagonal = range(len(answer.coefficients))
        if self.blocks is None:
            return root(answer.covariance[diagonal, diagonal])
        factor = lstsq.student(lstsq.blocks_used(answer.sums, self.blocks))
        if self.kind == "bootstrap":
            return factor * lstsq.bootstrap(answer, self.blocks, draws=self.draws, seed=self.seed)
        return factor * root(lstsq.jackknife(answer, self.blocks)[diagonal, diagonal])

    def covariance(self, answer: lstsq.Solution) -> np.ndarray:
        """Find the covariance (K, K, P) of the coefficients, formal or by leaving out blocks."""
        if self.blocks is None:
            return answer.covariance
        factor = lstsq.student(lstsq.blocks_used(answer.sums, self.blocks))
        return factor**2 * lstsq.jackknife(answer, self.blocks)


def by_slabs(*arrays: np.ndarray, kernel: Callable[..., np.ndarray], layers: int, **options: object) -> np.ndarray:
    """Run a kernel, (n, pixels) ... -> (layers, pixels), over slabs of arrays (..., n): result (..., layers)."""
    shape = np.broadcast_shapes(*(a.shape[:-1] for a in arrays))
    full = [np.broadcast_to(a, (*(shape or (1,)), a.shape[-1])) for a in arrays]
    out = np.empty((*full[0].shape[:-1], layers))
    for part in slabs(out.shape[:-1], max(a.shape[-1] for a in arrays)):
        # Time first, pixels last: neighbors in memory are worked on together.
        moved = [np.moveaxis(a[part], -1, 0) for a in full]
        found = kernel(*(np.array(a, dtype=np.float64, order="C").reshape(len(a), -1) for a in moved), **options)
        out[part] = np.moveaxis(found.reshape(layers, *out[part].shape[:-1]), 0, -1)
    return out.reshape(*shape, layers)


def two_indices(
    y: np.ndarray,
    linear: np.ndarray,
    composite: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    intercept: bool,
    reference: int | None = None,
    pairs: tuple[np.ndarray, np.ndarray] | None = None,
    spread: Spread,
    years: np.ndarray,
    min_count: int,
    max_condition: float,
) -> np.ndarray:
    """Fit ``y = v linear + d composite (+ c)``.

    Parameters
    ----------
    y, weights : ndarray (N, P)
        Observations at the dates, or of the pairs; NaN drops one.
    linear, composite : ndarray (T, P)
        At the dates.
    intercept : bool
        Fit c.
    reference : int or None
        Date whose values are subtracted from both sides first.
    pairs : (ndarray, ndarray) or None
        First and second date of every pair: the columns are differences then.
    spread : Spread
    years : ndarray (T,)
        Year of each date from 0, for the mean annual maximum of ``composite``.
    min_count, max_condition
        Limits of a valid pixel.

    Returns
    -------
    ndarray (8, P)
        In the order of ``LAYERS``; all but the reason NaN where the reason is not 0.
    """
    from qtp_toolkit.pecm.kernels.presence import inspect_pixels  # noqa: PLC0415  (compiles)

    seen, indexed, thaws, peak = (np.zeros(y.shape[1], dtype=kind) for kind in (bool, bool, bool, float))
    inspect_pixels(y, linear, composite, years.astype(np.intp), seen, indexed, thaws, peak)
    columns, at_reference = [linear, composite], np.zeros(y.shape[1])
    if reference is not None:
        at_reference = y[reference].copy()
        # Both sides relative to one date: c drops out, but a date without value takes the pixel with it.
        y, columns = y - y[reference], [c - c[reference] for c in columns]
    if pairs is not None:
        columns = [c[pairs[1]] - c[pairs[0]] for c in columns]
    if intercept:
        columns.append(np.ones((len(y), 1)))
    answer = lstsq.solve(y, columns, weights=weights, blocks=spread.blocks)
    rate, coefficient = answer.coefficients[:2]
    constant = answer.coefficients[2] if intercept else at_reference
    if reference is not None:
        # Back to displacement as given, so that the model can be drawn over it.
        constant = at_reference - rate * linear[reference] - coefficient * composite[reference]
    # From the weakest reason to the strongest, each over those before it.
    reason = np.where(answer.condition <= max_condition, reasons.OK, reasons.ILL_CONDITIONED)
    reason = np.where(thaws, reason, reasons.NEVER_THAWS)
    reason = np.where(answer.count < max(min_count, len(columns) + 1), reasons.TOO_FEW, reason)
    reason = np.where(np.isfinite(at_reference), reason, reasons.NOT_CONNECTED)
    reason = np.where(indexed, reason, reasons.NO_TEMPERATURE)
    reason = np.where(seen, reason, reasons.MASKED)
    rate_std, coefficient_std = spread.of(answer)[:2]
    return _where_valid((rate, rate_std, coefficient, coefficient_std, constant, answer.rms, peak), reason)


def sinusoid(
    y: np.ndarray, weights: np.ndarray | None = None, *, years: np.ndarray, min_count: int, max_condition: float
) -> np.ndarray:
    """Fit ``y = v t + a sin(2 pi t) + b cos(2 pi t) + c`` (t, ``years`` (N,)): layers (6, P) of ``SINUSOID_LAYERS``."""
    t = years[:, None]
    answer = lstsq.solve(y, [t, np.sin(2 * np.pi * t), np.cos(2 * np.pi * t), np.ones_like(t)], weights=weights)
    _, a, b, _ = answer.coefficients
    size, c = np.hypot(a, b), answer.covariance
    # Amplitude and phase are not linear in a and b: error propagation to first order.
    variance = (a**2 * c[1, 1] + b**2 * c[2, 2] + 2 * a * b * c[1, 2]) / np.where(size > 0, size, np.nan) ** 2
    reason = np.where(answer.condition <= max_condition, reasons.OK, reasons.ILL_CONDITIONED)
    reason = np.where(answer.count < max(min_count, 5), reasons.TOO_FEW, reason)  # one more than unknowns
    reason = np.where(np.isfinite(y).any(axis=0), reason, reasons.MASKED)
    return _where_valid((answer.coefficients[0], root(c[0, 0]), 2 * size, 2 * root(variance), answer.rms), reason)


def root(variance: np.ndarray) -> np.ndarray:
    """Take the root of variances, which rounding may leave just below zero where a fit is exact."""
    return np.sqrt(np.maximum(variance, 0.0))


def _where_valid(layers: tuple[np.ndarray, ...], reason: np.ndarray) -> np.ndarray:
    valid = [np.where(reason == reasons.OK, layer, np.nan) for layer in layers]
    return np.stack([*valid, reason.astype(np.float64)])
