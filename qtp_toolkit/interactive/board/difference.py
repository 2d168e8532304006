"""What two pixels differ by, and how well that is known."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from qtp_toolkit.interactive.board.apart import ESTIMATES, apart_km, sigma_apart
from qtp_toolkit.interactive.board.pixel import Reading
from qtp_toolkit.interactive.board.prepared import Prepared


def difference(prepared: Prepared, first: Reading, second: Reading) -> dict[str, tuple[float, float]]:
    """First less second, and its standard deviation by the two series alone, of rate (mm/yr) and amplitude (mm).

    The errors of two pixels are not independent: air and reference are the same. So the variances are added less
    twice the covariance of the two estimates, which the residuals of both fits on their common dates give (seemingly
    unrelated regressions; Zellner, 1962). Of a pixel less itself it is 0. NaN where the maps have no number.

    Residuals do not know what follows the model from date to date, as a ramp that was left in or taken out does:
    :func:`difference_with_distance` has that, too.
    """
    alike = correlation(first, second)
    out = {}
    for name in ESTIMATES:
        one, other = (prepared.value(name, at.row, at.column) for at in (first, second))
        sigmas = [prepared.value(f"{name}_std", at.row, at.column) for at in (first, second)]
        variance = sigmas[0] ** 2 + sigmas[1] ** 2 - 2.0 * alike.get(name, 0.0) * sigmas[0] * sigmas[1]
        out[name] = one - other, math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else math.nan
    return out


class Difference(NamedTuple):
    """A difference of two pixels and how well it is known."""

    value: float
    alone: float
    """Standard deviation by the two series alone."""
    shared: float
    """That of two places of still ground at the same distance; NaN where it is not known."""

    @property
    def sigma(self) -> float:
        """The larger of both: each is whole, and blind to what only the other sees."""
        return float(np.fmax(self.alone, self.shared)) if math.isfinite(self.alone) else math.nan


def difference_with_distance(
    prepared: Prepared, first: Reading, second: Reading
) -> tuple[float, dict[str, Difference]]:
    """Distance in km, and first less second with both standard deviations, of rate and amplitude.

    Residuals see the noise of these two pixels, but nothing that follows the model; still ground sees all errors at
    that distance, but not that these two pixels may be noisier. What both see would be counted twice in their sum, so
    the larger counts.
    """
    km = apart_km(prepared, first, second)
    alone = difference(prepared, first, second)
    return km, {name: Difference(*alone[name], sigma_apart(prepared, name, km)) for name in ESTIMATES}


def correlation(first: Reading, second: Reading) -> dict[str, float]:
    """Correlation of the errors of the two estimates of each quantity; empty where a fit is missing."""
    if first.model is None or second.model is None:
        return {}
    both = [_parts(at) for at in (first, second)]
    together = np.isfinite(both[0][1]) & np.isfinite(both[1][1])
    if together.sum() < 4:
        return {}
    (a, left), (b, right) = ((columns[together], misfit[together]) for columns, misfit in both)
    inverse = [np.linalg.pinv(columns.T @ columns) for columns in (a, b)]
    spread = math.sqrt(float(left @ left) * float(right @ right))
    shared = inverse[0] @ a.T @ b @ inverse[1] * float(left @ right)
    out = {}
    for i, name in enumerate(ESTIMATES):
        scale = math.sqrt(inverse[0][i, i] * inverse[1][i, i]) * spread
        out[name] = float(np.clip(shared[i, i] / scale, -1.0, 1.0)) if scale > 0 else 0.0
    # The amplitude is the size of the coefficient: two coefficients of unlike sign turn the correlation.
    if first.estimate("seasonal_coefficient") * second.estimate("seasonal_coefficient") < 0:
        out["seasonal_amplitude"] *= -1.0
    return out


def _parts(at: Reading) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the fit at all dates, and residuals; NaN where a date has no value or the temperature none."""
    if at.displacement is None or at.weather is None or at.model is None:
        return np.empty((0, 3)), np.empty(0)
    dates = at.displacement["time"]
    linear, composite, model = (
        da.reindex(time=dates).values for da in (at.weather.linear, at.weather.composite, at.model)
    )
    return np.column_stack([linear, composite, np.ones(dates.size)]), at.displacement.values - model
