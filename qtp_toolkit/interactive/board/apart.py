"""What two places share of their errors: how much maps differ at their distance where they should not."""

from __future__ import annotations

import json
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

ESTIMATES = ("linear_rate", "seasonal_amplitude")
ON_STILL_GROUND = "places differ on ground taken for still ({}), whose own motion counts as error"


def errors_by_distance(
    maps: Mapping[str, xr.DataArray], stable: xr.DataArray | pd.DataFrame | None = None
) -> dict[str, dict[str, Any]]:
    """Find how the errors of rate and amplitude grow with distance, as plain JSON; empty without these maps.

    What the maps say themselves (:func:`qtp_toolkit.validation.with_errors`, as notebook 06 writes it) counts. Else
    they are looked at on ground that stands still (:func:`qtp_toolkit.validation.stable_ground`), up to the diagonal of
    the map; ``why`` says why that told nothing.
    """
    if not set(ESTIMATES) <= set(maps):
        return {}
    chosen = {name: maps[name] for name in ESTIMATES}
    if any(validation.errors_of(da) is None for da in chosen.values()):
        still = validation.stable_ground(xr.Dataset(chosen), known=stable)
        how = ON_STILL_GROUND.format(still.attrs["chosen"])
        for name, da in chosen.items():
            seen = validation.variogram(da, where=still, max_km=math.inf)
            model = validation.fit_variogram(seen).compute()
            if int(model["reason"]):
                return {name: {"why": f"{REASONS[int(model['reason'])]} on still ground: {still.attrs['chosen']}"}}
            chosen[name] = validation.with_errors(da, model, how=how)
    return {name: json.loads(da.attrs["error_by_distance"]) for name, da in chosen.items()}


def apart_km(prepared: Prepared, first: Reading, second: Reading) -> float:
    """Distance of two pixels along the ground."""
    (lon, lat), (lon2, lat2) = (prepared.frame.lonlat(at.x, at.y) for at in (first, second))
    return float(WGS84.inv(float(lon), float(lat), float(lon2), float(lat2))[2]) * 1e-3


def sigma_apart(prepared: Prepared, name: str, km: float) -> float:
    """Return the standard deviation of the difference of two places ``km`` apart; NaN where nothing is known of it."""
    told = prepared.about.get("apart", {}).get(name, {})
    if "shared_std" not in told:
        return math.nan
    model = validation.errors_of(xr.DataArray(attrs={"error_by_distance": json.dumps(told)}))
    return math.nan if model is None else float(validation.difference_std(model, km))


def how_known(prepared: Prepared, km: float) -> str:
    """Say where the errors by distance are from; or, beginning with "not", why they are not known."""
    told = prepared.about.get("apart", {})
    if not told:
        return "not known: the maps lack rate or amplitude"
    why = [part["why"] for part in told.values() if "why" in part]
    if why:
        return f"not known: {why[0]}"
    seen = min(part["longest"] or math.inf for part in told.values())
    return f"not known beyond {seen:.0f} km" if km > seen else told[ESTIMATES[0]]["how"]
