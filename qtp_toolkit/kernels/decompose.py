"""Displacement into rate, seasonal coefficient and intercept, on plain arrays with time first."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from qtp_toolkit.kernels import lstsq

ONE_SIGMA = 0.8413447460685429
"""Probability below plus one standard deviation of a normal distribution."""
ROWS = 64
"""Rows of pixels that one pass holds in memory."""
OK, NEVER_THAWS, ILL_CONDITIONED, TOO_FEW, NO_LST, NOT_CONNECTED, MASKED = 0, 1, 3, 4, 5, 6, 7
LAYERS = (
    "linear_rate", "linear_rate_std", "seasonal_coefficient", "coefficient_std", "intercept", "rms", "peak", "reason",
)  # fmt: skip
"""Order of the last axis of :func:`two_indices`."""
SINUSOID_LAYERS = ("linear_rate", "linear_rate_std", "seasonal_amplitude", "seasonal_amplitude_std", "rms", "reason")
"""Order of the last axis of :func:`sinusoid`."""


def by_rows(*arrays: np.ndarray, kernel, **options) -> np.ndarray:
    """Run a kernel, (time, rows, ...) -> (rows, ..., layer), over slabs of rows of arrays (..., time)."""
    arrays = [np.moveaxis(a, -1, 0) for a in arrays]
    shape = np.broadcast_shapes(*(a.shape[1:] for a in arrays))
    fronted = [a.reshape(len(a), *(1,) * (len(shape) + 1 - a.ndim), *a.shape[1:]) for a in arrays]
    full = [np.broadcast_to(a, (len(a), *shape)) for a in fronted]
    if not shape or shape[0] <= ROWS:
        return kernel(*full, **options)
    return np.concatenate([kernel(*(a[:, i : i + ROWS] for a in full), **options) for i in range(0, shape[0], ROWS)])


def two_indices(
    y: np.ndarray,
    linear: np.ndarray,
    composite: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    intercept: bool,
    reference: int | None,
    blocks: np.ndarray | None,
    years: np.ndarray,
    min_count: int,
    max_condition: float,
) -> np.ndarray:
    """Fit ``y = v linear + d composite (+ c)``.

    Parameters
    ----------
    y, linear, composite, weights : ndarray (time, ...)
        Same shape; NaN drops the date.
    intercept : bool
        Fit c.
    reference : int or None
        Date whose values are subtracted from both sides first.
    blocks : ndarray (time,) or None
        Block of each date for the jackknife; None for the formal uncertainty.
    years : ndarray (time,)
        Year of each date, for the mean annual maximum of ``composite``.
    min_count, max_condition
        Limits of a valid pixel.

    Returns
    -------
    ndarray (..., 8)
        In the order of ``LAYERS``; all but the reason NaN where the reason is not 0.
    """
    columns = [linear, composite]
    observed, at_reference = np.isfinite(y).any(axis=0), np.zeros(y.shape[1:])
    if reference is not None:
        at_reference = np.asarray(y[reference], dtype=float)
        y, columns = y - y[reference], [c - c[reference] for c in columns]
    if intercept:
        columns.append(np.ones((len(y), *(1,) * (y.ndim - 1))))
    answer = lstsq.solve(y, columns, weights=weights, blocks=blocks)
    spread = answer.covariance if blocks is None else answer.block_covariance * _student(answer.blocks) ** 2
    rate, coefficient = answer.coefficients[:2]
    if intercept:
        constant = answer.coefficients[2]
    elif reference is None:
        constant = at_reference
    else:
        constant = at_reference - rate * linear[reference] - coefficient * composite[reference]
    reason = np.where(answer.condition <= max_condition, OK, ILL_CONDITIONED)
    reason = np.where((np.nan_to_num(composite) == 0).all(axis=0), NEVER_THAWS, reason)
    reason = np.where(answer.count < min_count, TOO_FEW, reason)
    reason = np.where(np.isfinite(at_reference), reason, NOT_CONNECTED)
    reason = np.where((np.isfinite(linear) & np.isfinite(composite)).any(axis=0), reason, NO_LST)
    reason = np.where(observed, reason, MASKED)
    peak = yearly_peak(composite, years)
    layers = (rate, _root(spread[0, 0]), coefficient, _root(spread[1, 1]), constant, answer.rms, peak)
    return _where_valid(layers, reason)


def sinusoid(
    y: np.ndarray, years: np.ndarray, weights: np.ndarray | None = None, *, min_count: int, max_condition: float
) -> np.ndarray:
    """Fit ``y = v t + a sin(2 pi t) + b cos(2 pi t) + c`` (t, ``years``): layers (..., 6) of ``SINUSOID_LAYERS``."""
    columns = [years, np.sin(2 * np.pi * years), np.cos(2 * np.pi * years), np.ones_like(years)]
    answer = lstsq.solve(y, columns, weights=weights)
    _, a, b, _ = answer.coefficients
    size, c = np.hypot(a, b), answer.covariance
    variance = (a**2 * c[1, 1] + b**2 * c[2, 2] + 2 * a * b * c[1, 2]) / np.where(size > 0, size, np.nan) ** 2
    reason = np.where(answer.condition <= max_condition, OK, ILL_CONDITIONED)
    reason = np.where(answer.count < min_count, TOO_FEW, reason)
    reason = np.where(np.isfinite(y).any(axis=0), reason, MASKED)
    layers = (answer.coefficients[0], _root(c[0, 0]), 2 * size, 2 * _root(variance), answer.rms)
    return _where_valid(layers, reason)


def yearly_peak(composite: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Mean over the years of the highest index, (time, ...) -> (...); years without any do not count."""
    peaks = np.stack([np.nan_to_num(composite[years == year]).max(axis=0) for year in np.unique(years)])
    number = (peaks > 0).sum(axis=0)
    return np.where(number > 0, peaks.sum(axis=0) / np.maximum(number, 1), np.nan)


def _student(blocks: np.ndarray) -> np.ndarray:
    """Factor that makes one sigma hold 68 % although the spread itself is estimated from few blocks."""
    table = np.array([np.nan, np.nan, *stdtrit(np.arange(1, max(int(blocks.max(initial=0)), 2)), ONE_SIGMA)])
    return table[blocks.astype(np.intp)]


def _root(variance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(variance, 0.0))


def _where_valid(layers: tuple[np.ndarray, ...], reason: np.ndarray) -> np.ndarray:
    shape = reason.shape
    valid = [np.where(reason == OK, np.broadcast_to(layer, shape), np.nan) for layer in layers]
    return np.stack([*valid, reason.astype(np.float64)], axis=-1)
