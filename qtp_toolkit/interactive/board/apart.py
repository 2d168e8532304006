"""What ground that stands still says about two places: how much maps differ there at their distance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from qtp_toolkit import validation
from qtp_toolkit.conventions import REASONS
from qtp_toolkit.grid._frame import WGS84
from qtp_toolkit.interactive.board.pixel import Reading
from qtp_toolkit.interactive.board.prepared import Prepared
from qtp_toolkit.validation import difference_std, error_model

ESTIMATES = ("linear_rate", "seasonal_amplitude")
PARTS = ("shared_std", "shared_length", "pixel_std")


def errors_by_distance(
    maps: Mapping[str, xr.DataArray], stable: xr.DataArray | pd.DataFrame | None = None
) -> dict[str, Any]:
    """Fit how the errors of rate and amplitude grow with distance, as plain JSON; empty without these maps.

    See :func:`qtp_toolkit.validation.stable_ground` for the ground and :func:`qtp_toolkit.validation.fit_variogram` for
    the curve. Distances go up to the diagonal of the map.
    """
    if not set(ESTIMATES) <= set(maps):
        return {}
    still = validation.stable_ground(xr.Dataset({name: maps[name] for name in ESTIMATES}), known=stable)
    out: dict[str, Any] = {"ground": still.attrs["chosen"]}
    for name in ESTIMATES:
        seen = validation.variogram(maps[name], where=still, max_km=math.inf)
        model = validation.fit_variogram(seen).compute()
        known = int(model["reason"]) == 0
        out[name] = {part: float(model[part]) for part in PARTS} if known else {}
        out[name] |= {"longest": None if not known or bool(model["sill_reached"]) else float(model["longest"])}
        out[name] |= {"why": "" if known else REASONS[int(model["reason"])]}
    return out


def apart_km(prepared: Prepared, first: Reading, second: Reading) -> float:
    """Distance of two pixels along the ground."""
    (lon, lat), (lon2, lat2) = (prepared.frame.lonlat(at.x, at.y) for at in (first, second))
    return float(WGS84.inv(float(lon), float(lat), float(lon2), float(lat2))[2]) * 1e-3


def sigma_apart(prepared: Prepared, name: str, km: float) -> float:
    """Return the standard deviation of the difference of two places ``km`` apart; NaN where nothing is known of it."""
    found = prepared.about.get("apart", {}).get(name, {})
    if not set(PARTS) <= set(found):
        return math.nan
    if not found["shared_std"] > 0:
        return math.sqrt(2.0) * found["pixel_std"] if km > 0 else 0.0
    shared = error_model(*(found[part] for part in PARTS[:2]), pixel_std=found["pixel_std"], longest=found["longest"])
    return float(difference_std(shared, km))


def why_unknown(prepared: Prepared, km: float) -> str:
    """Say why nothing is known of places ``km`` apart."""
    found = prepared.about.get("apart", {})
    if not found:
        return "the maps lack rate or amplitude"
    why = next((found[name]["why"] for name in ESTIMATES if found[name]["why"]), "")
    if why:
        return f"{why} on {found['ground']}"
    seen = min(found[name]["longest"] or math.inf for name in ESTIMATES)
    return f"still ground was seen up to {seen:.0f} km" if km > seen else ""
