"""Soil water by vegetation class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from qtp_toolkit._classes import class_names
from qtp_toolkit.conventions import QtpDataError, describe, require_option
from qtp_toolkit.soil._checks import STATES


def water_content_by_class(
    vegetation: xr.DataArray, table: Mapping[str, Mapping[str, float] | float], *, state: str = "thawed"
) -> xr.DataArray:
    """Volumetric water content of the active layer looked up by vegetation class.

    Parameters
    ----------
    vegetation : xarray.DataArray
        Integer class codes; attribute ``classes`` maps codes to names.
    table : mapping
        Class name to a number, or to ``{"thawed": ..., "frozen": ...}`` (without ``frozen``, ``thawed`` serves for
        both).
    state : {"thawed", "frozen"}

    Returns
    -------
    xarray.DataArray
        0..1, NaN for classes that are not in the table (water, glacier). Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If the table names a class that the map does not have, a value is outside 0..1, or the map does not hold
        integers.

    Notes
    -----
    The paper takes soil water "by using vegetation type and soil information" and does not print the numbers: the
    table is the user's (data catalog, ``settings.water_content``). A map of classes must reach this grid by the nearest
    pixel; a map of floating-point numbers is refused, because interpolation makes classes that nobody mapped.

    Examples
    --------
    >>> classes = {1: "meadow", 2: "steppe", 3: "water"}
    >>> vegetation = xr.DataArray([1, 2, 3], dims="x", attrs={"classes": classes})
    >>> table = {"meadow": {"thawed": 0.35, "frozen": 0.3}, "steppe": 0.2}
    >>> water_content_by_class(vegetation, table, state="frozen").values
    array([0.3, 0.2, nan], dtype=float32)
    """
    require_option("state", state, STATES)
    names = names_of(vegetation)
    unknown = sorted(set(table) - set(names.values()))
    if unknown:
        raise QtpDataError(
            "the table names unknown vegetation classes",
            expected=sorted(set(names.values())),
            found=unknown,
            hint="Use the names of attrs['classes'].",
        )
    values = {code: _water(table[name], state) for code, name in names.items() if name in table}
    wrong = {names[code]: value for code, value in values.items() if not 0.0 <= value <= 1.0}
    if wrong:
        raise QtpDataError("water content is not a fraction", expected="0 to 1", found=wrong)
    out = xr.apply_ufunc(
        _look_up, vegetation, kwargs={"values": values}, dask="parallelized", output_dtypes=[np.float32]
    )
    return describe(out, "water_content", like=vegetation)


def names_of(vegetation: xr.DataArray) -> dict[int, str]:
    """Names of the classes of a vegetation map by code; refuses a map that holds no classes."""
    if not np.issubdtype(vegetation.dtype, np.integer):
        raise QtpDataError(
            "the vegetation classes are not integers",
            variable=str(vegetation.name),
            expected="integer codes",
            found=vegetation.dtype,
            hint="Resample classes with grid.match(..., resampling='nearest').",
            code="S10",
        )
    names = class_names(vegetation)
    if not names:
        raise QtpDataError(
            "class names are missing", variable=str(vegetation.name), expected="attrs['classes']: code to name"
        )
    return names


def _water(entry: Mapping[str, float] | float, state: str) -> float:
    if isinstance(entry, Mapping):
        value = entry.get(state)
        return float(entry["thawed"] if value is None else value)
    return float(entry)


def _look_up(codes: np.ndarray, values: Mapping[int, float]) -> np.ndarray:
    # Codes may be sparse or negative: no table to look them up in.
    out = np.full(codes.shape, np.nan, dtype=np.float32)
    for code, value in values.items():
        out[codes == code] = value
    return out
