"""Delay of radar waves in the troposphere, from profiles on pressure levels. Arrays in, arrays out.

Constants of Jolivet et al. (2011), which PyAPS uses as well.
"""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels.linear import corners

K1, K2, K3 = 0.776, 0.716, 3750.0
"""Refractivity constants in K Pa-1, K Pa-1 and K2 Pa-1."""

GAS_DRY, GAS_VAPOR = 287.05, 461.495
"""Specific gas constants of dry air and water vapor in J kg-1 K-1."""

GRAVITY_MEAN, GRAVITY_STANDARD = 9.784, 9.80665
"""Mean gravity of the air column, and the one that turns geopotential into height, in m s-2."""

_TINY = 1e-12
_POINTS = 4096
"""Points that are interpolated together."""


def vapor_pressure(pressure: np.ndarray, humidity: np.ndarray) -> np.ndarray:
    """Partial pressure of water vapor (in the unit of the pressure) from specific humidity (kg/kg)."""
    ratio = GAS_DRY / GAS_VAPOR
    # Reanalyses are packed and interpolated: tiny negative humidities occur, and would have no logarithm.
    humidity = np.clip(humidity, 0.0, None)
    return pressure * humidity / (ratio + (1.0 - ratio) * humidity)


def zenith_delay(
    geopotential: np.ndarray,
    temperature: np.ndarray,
    humidity: np.ndarray,
    *,
    pressure: np.ndarray,
    heights: np.ndarray,
) -> np.ndarray:
    """Zenith delay in m between given heights and the top level, for profiles (..., level) ordered from the top down.

    Pressure and wet refractivity are exponential in height between two levels, and beyond the lowest: exact for an
    isothermal atmosphere.

    Parameters
    ----------
    geopotential, temperature, humidity : (..., level) arrays
        m2 s-2, K, kg/kg.
    pressure : (level,) array
        Pa, increasing.
    heights : (height,) array
        m.

    Returns
    -------
    (..., height) array
        m.
    """
    shape = geopotential.shape[:-1]
    flat = [np.asarray(a, dtype=np.float64).reshape(-1, len(pressure)) for a in (geopotential, temperature, humidity)]
    out = np.empty((len(flat[0]), len(heights)))
    for begin in range(0, len(out), 512):  # columns x heights x levels are there at once
        part = slice(begin, begin + 512)
        out[part] = _integrate(*(a[part] for a in flat), pressure, heights)
    return out.reshape(*shape, len(heights))


def _integrate(geopotential, temperature, humidity, pressure, heights):
    z = geopotential / GRAVITY_STANDARD
    vapor = vapor_pressure(pressure, humidity)
    wet = 1e-6 * ((K2 - GAS_DRY / GAS_VAPOR * K1) * vapor / temperature + K3 * vapor / temperature**2)
    # Linear in the logarithm between levels: pressure and vapor fall exponentially with height.
    log_wet = np.log(np.maximum(wet, _TINY))
    log_pressure = np.broadcast_to(np.log(pressure), z.shape)
    thickness = z[:, :-1] - z[:, 1:]
    above = np.zeros_like(z)
    above[:, 1:] = np.cumsum(_exponential_mean(log_wet[:, :-1], log_wet[:, 1:]) * thickness, axis=-1)
    # The level above each height; below the lowest one its layer goes on, as in valleys that a model does not have.
    upper = (z[:, None, :] > heights[:, None]).sum(axis=-1) - 1
    upper = upper.clip(0, len(pressure) - 2)

    def at(values, step=0):
        return np.take_along_axis(values, upper + step, axis=-1)

    depth = at(z) - heights
    share = depth / (at(z) - at(z, 1))
    here = at(log_wet) + share * (at(log_wet, 1) - at(log_wet))
    below = np.exp(at(log_pressure) + share * (at(log_pressure, 1) - at(log_pressure)))
    # The dry part needs no integral: it is the weight of the column, that is the difference of pressure.
    dry = 1e-6 * K1 * GAS_DRY / GRAVITY_MEAN * (below - pressure[0])
    return dry + at(above) + _exponential_mean(at(log_wet), here) * depth


def _exponential_mean(log_a: np.ndarray, log_b: np.ndarray) -> np.ndarray:
    """Mean of an exponential between two points, from its logarithms there."""
    half = (log_b - log_a) / 2
    # sinh(h) / h, by its series where the quotient would be 0 / 0.
    small = np.abs(half) < 1e-4
    safe = np.where(small, 1.0, half)
    return np.exp((log_a + log_b) / 2) * np.where(small, 1 + half**2 / 6, np.sinh(safe) / safe)


def trilinear(table: np.ndarray, position: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Interpolate tables (time, a, b, c) at fractional indices (a, b, c) of points; NaN where an index is NaN.

    Returns
    -------
    (time, ...) array
        Shape of the points behind the time, float32.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415  slow to import

    outside = np.isnan(position[0] + position[1] + position[2])
    out = np.full((len(table), outside.size), np.nan, np.float32)
    inside = np.flatnonzero(~outside)
    if inside.size:
        at = [index.ravel()[inside] for index in np.broadcast_arrays(*position)]
        # Only the cells under the points, with the time innermost: a point is then a sum of eight rows.
        box = [slice(int(index.min()), int(index.max()) + 2) for index in at]
        cells = table[:, *box]
        rows = np.ascontiguousarray(cells.reshape(len(table), -1).T)
        at = [index - part.start for index, part in zip(at, box, strict=True)]
        for begin in range(0, inside.size, _POINTS):
            part = slice(begin, begin + _POINTS)
            columns, weights = zip(*corners(tuple(index[part] for index in at), cells.shape[1:]), strict=True)
            number = len(columns[0])
            ends = np.arange(0, 8 * number + 1, 8)
            shares = csr_array(
                (np.stack(weights, axis=1).ravel(), np.stack(columns, axis=1).ravel(), ends), (number, len(rows))
            )
            out[:, inside[part]] = (shares @ rows).T
    return out.reshape(len(table), *outside.shape)
