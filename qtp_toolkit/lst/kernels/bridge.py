"""Robust lines from one series to another, season by season, for many pixels at once."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels import reasons

PIXELS = 4096
"""Series fitted together: a handful of arrays (pixels, dates) is held of each."""
TUNING = 4.685
"""Residuals beyond so many scales count for nothing: Tukey's biweight, 95 % efficient for a normal distribution."""
TO_SIGMA = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""
STEPS, FREE = 100, 50
"""Rounds of reweighting, and how many of them find the scale anew: a median may go back and forth between two dates."""
_STILL = 1e-9
"""Change of the line (K) at which it is settled, and smallest scale."""
LAYERS = ("offset", "slope", "center", "mean_std", "slope_std", "scatter", "common")


def fit(
    first: np.ndarray, second: np.ndarray, *, season: np.ndarray, seasons: int, least: int, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit ``first = offset + slope * second`` to the dates of each season.

    Parameters
    ----------
    first, second : ndarray (..., n)
        On common dates; NaN where missing.
    season : ndarray (n,), int
        Number of the season of each date, -1 for none.
    seasons : int
    least : int
        Common valid dates that a fit needs.
    spread : float
        Smallest standard deviation (K) of ``second`` that determines a slope.

    Returns
    -------
    layers : ndarray (..., seasons, 7), float64
        In the order of :data:`LAYERS`; NaN where there is a reason, but for ``common``.
    reason : ndarray (..., seasons), uint8
    """
    lead, n = first.shape[:-1], first.shape[-1]
    y, x = (np.reshape(array, (-1, n)) for array in (first, second))
    layers = np.full((len(y), seasons, len(LAYERS)), np.nan)
    reason = np.zeros((len(y), seasons), np.uint8)
    for begin in range(0, len(y), PIXELS):
        part = slice(begin, begin + PIXELS)
        for k in range(seasons):
            dates = np.flatnonzero(season == k)
            layers[part, k], reason[part, k] = fit_line(x[part][:, dates], y[part][:, dates], least, spread)
    return layers.reshape(*lead, seasons, -1), reason.reshape(*lead, seasons)


def fit_line(x: np.ndarray, y: np.ndarray, least: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Robust lines through (P, n) points: layers (P, 7) and reasons (P,)."""
    good = np.isfinite(x) & np.isfinite(y)
    count = good.sum(axis=1)
    some = np.maximum(count, 1)
    x, y = (np.where(good, values, 0.0).astype(float) for values in (x, y))
    center = x.sum(axis=1) / some
    away = np.where(good, x - center[:, None], 0.0)
    squares = (away**2).sum(axis=1)
    reason = np.select(
        [count == 0, count < least, squares < some * spread**2],
        [reasons.NO_TEMPERATURE, reasons.TOO_FEW, reasons.ILL_CONDITIONED],
        reasons.OK,
    )
    mean, slope, scale = _settle(away, y, good, center, some)
    residual = np.where(good, y - mean[:, None] - slope[:, None] * away, 0.0)
    variance = _variance(residual, scale, good, some)
    spare = np.maximum(count - 2, 1)
    told = (
        mean - slope * center,
        slope,
        center,
        np.sqrt(variance / some),
        np.sqrt(variance / np.maximum(squares, _STILL)),
        scale * np.sqrt(some / spare),
        count,
    )
    layers = np.where((reason == reasons.OK)[:, None], np.stack(told, axis=1), np.nan)
    layers[:, -1] = count
    return layers, reason.astype(np.uint8)


def _settle(
    away: np.ndarray, y: np.ndarray, good: np.ndarray, center: np.ndarray, some: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value at the center, slope and scale of the residuals: reweighted until they stand still.

    Begins with slope 1 through the median difference, which two thermometers of one ground resemble: half of the dates
    may be clouds in one of the two before it is led astray.
    """
    mean = center + _median(y - away - center[:, None], good, some)
    slope = np.ones(len(y))
    reach = np.sqrt((away**2).sum(axis=1) / some)
    scale = np.zeros(len(y))
    for step in range(STEPS):
        residual = np.where(good, y - mean[:, None] - slope[:, None] * away, 0.0)
        if step < FREE:
            scale = np.maximum(TO_SIGMA * _median(np.abs(residual), good, some), _STILL)
        weight = _weights(residual, scale, good)
        total = np.maximum(weight.sum(axis=1), _STILL)
        middle, level = ((weight * values).sum(axis=1) / total for values in (away, y))
        apart = away - middle[:, None]
        steep = (weight * apart * y).sum(axis=1) / np.maximum((weight * apart**2).sum(axis=1), _STILL)
        moved = np.abs(level - steep * middle - mean) + np.abs(steep - slope) * reach
        mean, slope = level - steep * middle, steep
        if moved.max(initial=0.0) < _STILL:
            break
    residual = np.where(good, y - mean[:, None] - slope[:, None] * away, 0.0)
    return mean, slope, np.maximum(TO_SIGMA * _median(np.abs(residual), good, some), _STILL)


def _weights(residual: np.ndarray, scale: np.ndarray, good: np.ndarray) -> np.ndarray:
    part = residual / (TUNING * scale[:, None])
    return np.where(good & (np.abs(part) < 1.0), (1.0 - part**2) ** 2, 0.0)


def _variance(residual: np.ndarray, scale: np.ndarray, good: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Variance of one date that the errors of the line are made of (Huber 1981, section 7.6), with two unknowns."""
    part = (residual / (TUNING * scale[:, None])) ** 2
    inside = good & (part < 1.0)
    pull = np.where(inside, residual * (1.0 - part) ** 2, 0.0)
    bend = np.where(inside, (1.0 - part) * (1.0 - 5.0 * part), 0.0)
    mean = np.maximum(bend.sum(axis=1) / some, 0.05)
    wander = (np.where(good, bend - mean[:, None], 0.0) ** 2).sum(axis=1) / some
    factor = 1.0 + 2.0 / some * wander / mean**2
    return (factor / mean) ** 2 * (pull**2).sum(axis=1) / np.maximum(some - 2, 1)


def _median(values: np.ndarray, good: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Median of the good values of each row; sorted by hand, for empty rows warn nobody."""
    ordered = np.sort(np.where(good, values, np.inf), axis=1)
    if not ordered.shape[1]:
        return np.zeros(len(ordered))
    pick = [np.take_along_axis(ordered, at[:, None], axis=1)[:, 0] for at in ((some - 1) // 2, some // 2)]
    middle = 0.5 * (pick[0] + pick[1])
    return np.where(np.isfinite(middle), middle, 0.0)


def apply(second: np.ndarray, layers: np.ndarray, *, season: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carry a series over: ``offset + slope * second`` by the season of each date, and its standard deviation.

    Parameters
    ----------
    second : ndarray (..., n)
    layers : ndarray (..., seasons, 7)
        Of :func:`fit`.
    season : ndarray (n,), int
        -1 gives NaN.

    Returns
    -------
    bridged, std : ndarray (..., n)
        Same dtype as ``second``. The latter is that of the line and of one date about it.
    """
    out = np.full((2, *second.shape), np.nan, second.dtype)
    for k in range(layers.shape[-2]):
        dates = np.flatnonzero(season == k)
        offset, slope, center, mean_std, slope_std, scatter, _ = np.moveaxis(layers[..., k, :, None], -2, 0)
        values = second[..., dates].astype(float)
        out[0][..., dates] = offset + slope * values
        out[1][..., dates] = np.sqrt(scatter**2 + mean_std**2 + (slope_std * (values - center)) ** 2)
    return out[0], out[1]
