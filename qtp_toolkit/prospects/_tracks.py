"""A look at the tracks of a catalog: how each looks, whether they overlap, and whether one reference serves all."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import correct, grid, pecm, walk
from qtp_toolkit.catalog import Catalog, named
from qtp_toolkit.catalog.opening import LATER
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, QtpDataError, xnp
from qtp_toolkit.load import check_incidence
from qtp_toolkit.pecm._tracks import MOST_DILUTION
from qtp_toolkit.prospects._looks import look_at_area, thin
from qtp_toolkit.prospects._sources import Finding

_LEAST_OVERLAP = 0.05
_STOPS = "settings.tracks"
"""What a notebook needs that cannot run on tracks whose look or reference is not known."""


def look_at_tracks(catalog: Catalog, *, quick: bool = False) -> list[Finding]:
    """Say of each track how it looks and when, and of all whether they can be joined.

    Parameters
    ----------
    catalog : Catalog
    quick : bool
        Headers only: no look at the angles' maps, and none at the reference area.

    Returns
    -------
    list of Finding
        Empty without ``settings.tracks``; one line for scenes of the package that are not written yet. Not good:
        geometry that nothing tells, directions that are nearly parallel, tracks that hardly overlap, a reference that
        is not said or that a track does not see.
    """
    later = [name for name in catalog.settings.tracks if catalog.waits(catalog.track(name).interferograms)]
    if later:
        return [Finding(True, f"tracks {', '.join(later)}: {LATER}")]
    found: list[Finding] = []
    stacks: dict[str, xr.Dataset] = {}
    looks: dict[str, xr.Dataset] = {}
    for name in catalog.settings.tracks:
        source = catalog.track(name).interferograms
        try:
            with named(source, catalog.files(source)):
                stacks[name] = catalog[source]
                looks[name] = walk.look(catalog, name)
                found.append(Finding(True, f"track {name}: {_told(catalog, name, stacks[name], looks[name], quick)}"))
        except QtpDataError as error:
            found.append(Finding(False, f"track {name}: {error}", "" if name in looks else _STOPS))
    if len(stacks) > 1:
        found.append(_overlap(stacks))
    if len(looks) > 1 and not quick and (told := _directions(looks, next(iter(stacks.values())))):
        found.append(told)
    return found + (_references(catalog, stacks, quick=quick) if stacks else [])


def _told(catalog: Catalog, name: str, stack: xr.Dataset, look: xr.Dataset, quick: bool) -> str:
    line = catalog.track(name)
    dates = np.union1d(stack[REFERENCE].values, stack[SECONDARY].values).astype("datetime64[D]")
    heading = stack.attrs.get("heading") if line.heading is None else line.heading
    words = [line.interferograms, f"{dates.size} acquisitions from {dates[0]} to {dates[-1]}"]
    if heading is not None:
        way = "ascending" if np.cos(np.deg2rad(heading)) > 0 else "descending"
        words.append(f"{way}, heading {heading:.1f} degrees{' as told by the product' if line.heading is None else ''}")
    if line.heading is not None and (said := stack.attrs.get("heading")) is not None:
        off = abs((said - line.heading + 180.0) % 360.0 - 180.0)
        if off > 15.0:
            raise QtpDataError(
                "the heading is not that of the product",
                where=f"settings.tracks.{name}.heading",
                expected=f"{said:.1f}",
                found=f"{line.heading:g}",
                hint="Leave it out, or look for swapped tracks.",
                code="I33",
            )
    if not quick:
        angle = xnp.rad2deg(xnp.arccos(thin(look)["look_up"])).compute()
        wavelength = stack.attrs.get("wavelength", catalog.settings.wavelength)
        low, high = (f"{edge:.1f}" for edge in check_incidence(angle, wavelength=wavelength))
        words.append(f"incidence {low if low == high else f'{low} to {high}'} degrees")
    return ", ".join(words)


def _layer(stack: xr.Dataset) -> xr.DataArray:
    return stack["phase"].isel({PAIR: 0}, drop=True)


def _overlap(stacks: dict[str, xr.Dataset]) -> Finding:
    """How much of the grid of the first track the grids of all others cover."""
    first, *others = stacks
    few = thin(_layer(stacks[first]))
    seen = [grid.match(xr.ones_like(_layer(stacks[name]), dtype=bool), few).compute() for name in others]
    share = float(np.logical_and.reduce([da.values for da in seen]).mean())
    text = f"tracks overlap on {share:.0%} of {first}"
    return Finding(share >= _LEAST_OVERLAP, text if share >= _LEAST_OVERLAP else f"{text}: there is little to join")


def _directions(looks: dict[str, xr.Dataset], stack: xr.Dataset) -> Finding | None:
    """Say what the directions make of one millimeter in the line of sight, for the median pixel that all tracks see.

    None where there is no such pixel, which the overlap says.
    """
    few = thin(_layer(stack))
    placed = {
        name: xr.Dataset({part: grid.match(da, few).compute() if da.dims else da for part, da in look.items()})
        for name, look in looks.items()
    }
    made = pecm.dilution(placed)
    if not bool(made["east_dilution"].notnull().any()):
        return None
    east, up = (float(made[f"{name}_dilution"].median()) for name in ("east", "vertical"))
    text = f"1 mm in the line of sight of each track is {east:.2f} mm east and {up:.2f} mm up"
    if not max(east, up) <= MOST_DILUTION:
        return Finding(False, f"{text}: they look from nearly one direction; east and up cannot be told apart")
    return Finding(True, text)


def _references(catalog: Catalog, stacks: dict[str, xr.Dataset], *, quick: bool) -> list[Finding]:
    settings = catalog.settings
    if not (settings.reference_point or settings.reference_area):
        return [Finding(False, "tracks need one reference area: set settings.reference_point or reference_area")]
    if quick:
        return []
    where: dict[str, Any] = {"point": settings.reference_point, "radius_m": settings.reference_radius_m}
    found = []
    for name, stack in stacks.items():
        try:
            area = correct.choose_reference(stack["phase"], **where, bounds=settings.reference_area)
            seen = look_at_area(stack, area, wavelength=stack.attrs.get("wavelength", settings.wavelength))
        except QtpDataError as error:
            found.append(Finding(False, f"track {name}: {error}", _STOPS))
            continue
        found += [Finding(good, f"track {name}: {text}") for good, text in seen]
    return found
