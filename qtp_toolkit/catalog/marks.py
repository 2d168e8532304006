"""Marks that every opened source carries, the look that it lies where it should, and the cut to the period."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._angles import nearest_turn
from qtp_toolkit.catalog.schema import Settings, Source
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, SYNTHETIC, TIME, QtpDataError, X, Y

TEMPERATURES = ("modis_lst", "viirs_lst", "era5_land")
"""Sources of surface temperature, one beside the other."""
_KINDS = {"interferograms": "ifg_stack"}
"""What notebooks take a source of this name for, whatever kind the catalog gives it."""


def stamp(data: Any, name: str, source: Source) -> Any:
    """Put the source's name, citation, provenance (and that it is synthetic) into the attrs; returns a shallow copy."""
    marks: dict[str, Any] = {"source": name, "provenance": source.provenance}
    if source.citation:
        marks["citation"] = source.citation
    if source.provenance == "synthetic":
        marks["provenance_note"] = SYNTHETIC
    data = data.copy(deep=False)
    if isinstance(data, xr.Dataset):
        note = {key: marks[key] for key in ("provenance_note",) if key in marks}
        for variable in data.data_vars.values():
            variable.attrs = {**variable.attrs, **note}
    data.attrs = {**data.attrs, **marks}
    return data


def refuse_no_phase(data: Any, name: str, source: Source) -> None:
    """Raise if what is to be a stack of interferograms has no phase, with the place where it belongs (I12)."""
    if "ifg_stack" not in (source.kind, _KINDS.get(name)) or (isinstance(data, xr.Dataset) and "phase" in data):
        return
    found = list(map(str, data)) if isinstance(data, xr.Dataset) else [str(data.name)]
    hint = None
    if {"displacement", "linear_rate"} & set(found):
        hint = (
            "It is displacement, or its rate, already: give it kind: dataset under another name, such as series. It "
            "enters where series and rates do, as in pecm.fit, and no phase is made of it."
        )
    raise QtpDataError(
        f"source {name!r} holds no interferograms",
        expected="a variable phase (pair, y, x), rad",
        found=found,
        hint=hint,
        code="I12",
    )


def footprint(data: Any) -> tuple[float, float, float, float] | None:
    """West, south, east, north (degrees) of what has a grid and a CRS; None for the rest."""
    if not isinstance(data, (xr.Dataset, xr.DataArray)) or not {Y, X} <= set(data.coords):
        return None
    spatial = data.coords.get("spatial_ref")
    wkt = spatial.attrs.get("crs_wkt") if spatial is not None else None
    if wkt is None or data.sizes.get(Y, 0) == 0 or data.sizes.get(X, 0) == 0:
        return None
    from pyproj import CRS, Transformer  # noqa: PLC0415  takes its time, and most sources never ask

    x, y = data[X].to_numpy(), data[Y].to_numpy()
    half_x, half_y = (abs(float(v[-1] - v[0])) / max(len(v) - 1, 1) / 2 for v in (x, y))
    box = (x.min() - half_x, y.min() - half_y, x.max() + half_x, y.max() + half_y)
    bounds = Transformer.from_crs(CRS.from_wkt(wkt), "EPSG:4326", always_xy=True).transform_bounds(*box)
    west, south, east, north = (float(np.round(value, 6)) for value in bounds)
    return west, south, east + 360.0 if east < west else east, north  # across the date line


def are_apart(box: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Say whether two boxes (west, south, east, north) share no place, by any convention of longitude."""
    center = (box[0] + box[2]) / 2
    turn = nearest_turn(center, (other[0] + other[2]) / 2) - center
    return bool(box[0] + turn >= other[2] or box[2] + turn <= other[0] or box[1] >= other[3] or box[3] <= other[1])


def refuse_elsewhere(data: Any, name: str, bounds: tuple[float, float, float, float] | None) -> None:
    """Raise if a grid lies wholly outside the bounds of the settings (a wrong tile, swapped axes)."""
    if bounds is None or (box := footprint(data)) is None:
        return
    if are_apart(box, bounds):
        raise QtpDataError(
            f"source {name!r} lies outside the study area",
            expected=f"west, south, east, north within {list(bounds)}",
            found=list(box),
            hint="Wrong tile, wrong CRS, or longitude and latitude swapped? Else mend settings.bounds of the catalog.",
            code="M17",
        )


def keep_period(data: Any, name: str, settings: Settings) -> Any:
    """Leave out pairs with a date beyond ``settings.period``, and temperature beyond ``settings.lst_period``.

    ``attrs["left_out"]`` says how many, if any. Raises C09 if nothing is left.
    """
    stack = isinstance(data, xr.Dataset) and PAIR in data.dims
    key = "period" if stack else "lst_period"
    span = getattr(settings, key)
    if span is None or not (stack or (name in TEMPERATURES and TIME in data.dims)):
        return data
    first, after = np.datetime64(span[0]), np.datetime64(span[1]) + np.timedelta64(1, "D")
    ends = np.stack([data[end].to_numpy() for end in ((REFERENCE, SECONDARY) if stack else (TIME,))])
    inside = ((ends >= first) & (ends < after)).all(axis=0)
    if inside.all():
        return data
    what = (
        f"{(~inside).sum()} of {inside.size} {'pairs' if stack else 'hours' if name == 'era5_land' else 'composites'}"
    )
    if not inside.any():
        raise QtpDataError(
            f"nothing of source {name!r} lies in settings.{key}",
            expected=f"{span[0]} to {span[1]}",
            found=f"{what} outside, dates {ends.min().astype('M8[D]')} to {ends.max().astype('M8[D]')}",
            hint=f"Mend settings.{key}, or leave it out.",
            code="C09",
        )
    kept = data.isel({PAIR if stack else TIME: np.flatnonzero(inside)})
    return kept.assign_attrs(left_out=f"{what} lie beyond settings.{key} and are left out")
