"""Units and ranges: an error in memory, NaN where values are computed later."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import VARIABLES, is_lazy, require

STATES = ("thawed", "frozen")


def hold(
    da: xr.DataArray,
    quantity: str,
    *,
    limits: tuple[float, float] | None = None,
    code: str | None = None,
    hint: str | None = None,
) -> xr.DataArray:
    """Hold ``da`` to the unit and the physical range of a quantity, and return it.

    Values in memory out of range are an error that guesses at the unit from the size; in lazy arrays, which cannot be
    looked at, they become NaN when computed. ``limits`` and ``code`` take the place of those of the variable table.
    """
    low, high = limits or VARIABLES[quantity].valid or (-np.inf, np.inf)
    if is_lazy(da):
        require(da, quantity=quantity)
        return da.where((da >= low) & (da <= high))
    if hint is None and da.size:
        median = float(da.median())  # single values tell nothing of the unit
        guess = "Per cent? Divide by 100." if median <= 100 else "g/kg? Divide by 1000."
        hint = guess if median > 1 else "A fill value that was not masked, or a stray? Mask what is no fraction."
    require(da, quantity=quantity, between=(low, high), code=code or VARIABLES[quantity].fault, hint=hint)
    return da
