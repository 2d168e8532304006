"""Physical ranges of maps: a wrong unit is an error, a stray value and an undeclared fill value become NaN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import VARIABLES, QtpDataError

LIMITS: dict[str, tuple[float, float, str]] = {
    "bulk_density": (100.0, 2650.0, "S02"),
    "sand": (0.0, 1.0, "S03"),
    "quartz": (0.0, 1.0, "S03"),
    "ground_ice": (0.0, 1.0, "S03"),
    "water_content": (0.0, 1.0, "S03"),
    "magt": (-40.0, 40.0, "M11"),
    "ndvi": (-1.0, 1.0, "M11"),
    "elevation": (-500.0, 9000.0, "M11"),
    "incidence": (0.0, 90.0, "M11"),
    "coherence": (0.0, 1.0, "I04"),
}
"""Smallest and largest value in our unit, and the code of the fault if a map leaves them."""

_FILLS = (-32768.0, -32767.0, -9999.0, -99999.0, 65535.0, 32767.0, 255.0)
"""Values that files use for "no data" without saying so; they lie outside the ranges above unless they are none."""

_HUGE = 1e30


def held(array: xr.DataArray, variable: str, path: Path, *, stored: tuple[float, float] = (1.0, 0.0)) -> xr.DataArray:
    """Hold an array, where it is computed, to the physical range of its variable.

    Parameters
    ----------
    array : xarray.DataArray
        In our unit, lazy.
    variable : str
        Key of :data:`LIMITS`; others pass unchanged.
    path : path
        For messages.
    stored : (float, float)
        Factor and offset from stored to our unit: fill values are recognized as they are stored.

    Returns
    -------
    xarray.DataArray
        NaN for undeclared fill values and single values outside the range.

    Raises
    ------
    QtpDataError
        On computing: S02, S03, M11 or I04, if the median of a block, fill values aside, leaves the range.
    """
    if variable not in LIMITS:
        return array
    fills = tuple(value * stored[0] + stored[1] for value in _FILLS)
    fills += (0.0,) if variable == "bulk_density" else ()
    return xr.apply_ufunc(
        _hold,
        array,
        kwargs={"variable": variable, "path": str(path), "fills": fills},
        dask="parallelized",
        output_dtypes=[array.dtype],
        keep_attrs=True,
    )


def _hold(values: np.ndarray, *, variable: str, path: str, fills: tuple[float, ...]) -> np.ndarray:
    low, high, code = LIMITS[variable]
    slack = 1e-6 * max(abs(low), abs(high))
    with np.errstate(invalid="ignore"):
        outside = (values < low - slack) | (values > high + slack)
    if not outside.any():
        return values
    real = np.isfinite(values) & (np.abs(values) < _HUGE)
    for value in fills:
        real &= ~(outside & np.isclose(values, value, rtol=1e-6))
    median = np.median(values[real]) if real.any() else np.nan
    if median < low - slack or median > high + slack:
        units = VARIABLES[variable].units
        raise QtpDataError(
            f"{variable} leaves its physical range",
            path=path,
            variable=variable,
            code=code,
            expected=f"{low:g} to {high:g} {units}",
            found=f"median {median:g}, {outside.mean():.1%} of a block outside",
            hint=_guess(variable, float(median)) or "Check units, scale_factor and nodata of the source.",
        )
    return np.where(outside, np.asarray(np.nan, values.dtype), values)


def _guess(variable: str, median: float) -> str | None:
    """Say which unit the values may be in."""
    looks = {
        "bulk_density": (("g/cm3", 0.3, 2.7), ("cg/cm3", 30, 100), ("g/m3", 2.7e5, 2.7e6)),
        "magt": (("K", 230, 320),),
        "incidence": (("mrad", 300, 1200),),
        "coherence": (("0 to 255", 1, 255),),
    }.get(variable, (("%", 1, 100), ("permille or g/kg", 100, 1000)) if LIMITS[variable][2] == "S03" else ())
    unit = next((name for name, low, high in looks if low <= median <= high), None)
    return f"It looks like {unit}; say so with parameters.units or scale_factor." if unit else None
