"""Units and ranges: an error in memory, NaN where values are computed later."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, is_lazy, require


def fraction(da: xr.DataArray, code: str) -> xr.DataArray:
    """Check that ``da`` is a fraction of 0..1, and return it.

    Values in memory outside 0..1 are an error that guesses at the unit from the size; in lazy arrays, which cannot be
    looked at, they become NaN when computed.
    """
    require(da, units="1")
    good = (da >= 0.0) & (da <= 1.0)
    if is_lazy(da):
        return da.where(good)
    outside = np.isfinite(da) & ~good
    if outside.any():
        low, high = float(da.min()), float(da.max())
        guess = "Per cent? Divide by 100." if high <= 100 else "g/kg? Divide by 1000."
        raise QtpDataError(
            f"{str(da.name or 'array')!r} leaves its physical range",
            expected="0 to 1",
            code=code,
            found=f"{low:g} to {high:g}, {float(outside.mean()):.1%} of values outside",
            hint="A fill value that was not masked?" if low < 0 else guess,
        )
    return da


def within(da: xr.DataArray, units: str, limits: tuple[float, float], *, code: str, hint: str) -> xr.DataArray:
    """Check unit and range of ``da`` and return it; as :func:`fraction`."""
    require(da, units=units)
    good = (da >= limits[0]) & (da <= limits[1])
    if is_lazy(da):
        return da.where(good)
    outside = np.isfinite(da) & ~good
    if outside.any():
        raise QtpDataError(
            f"{str(da.name or 'array')!r} leaves its physical range",
            code=code,
            hint=hint,
            expected=f"{limits[0]:g} to {limits[1]:g} {units}",
            found=f"{float(da.min()):g} to {float(da.max()):g}, {float(outside.mean()):.1%} of values outside",
        )
    return da


def check_state(state: str) -> None:
    """Refuse a state that is neither thawed nor frozen."""
    if state not in {"thawed", "frozen"}:
        raise QtpDataError("unknown state", expected=["thawed", "frozen"], found=state)


def note(*objects: xr.DataArray) -> dict[str, str]:
    """Note of a synthetic source, to be handed on to results."""
    notes = [obj.attrs["provenance_note"] for obj in objects if "provenance_note" in obj.attrs]
    return {"provenance_note": notes[0]} if notes else {}
