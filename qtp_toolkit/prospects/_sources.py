"""Looks at the sources of a catalog, at the dates of its interferograms, and at its reference."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import correct, grid, network
from qtp_toolkit._angles import nearest_turn
from qtp_toolkit._plan import find_notebooks
from qtp_toolkit.catalog import Catalog, named
from qtp_toolkit.catalog.marks import are_apart, footprint
from qtp_toolkit.conventions import PAIR, SENTINEL1_WAVELENGTH, TIME, QtpDataError, X, Y, xnp
from qtp_toolkit.kernels import daily
from qtp_toolkit.prospects._looks import look_at_area, look_at_hours, look_at_pixels, noting_warnings, thin

_SAME_WAVELENGTH = 1e-3
_FEWEST, _YEARS = 10, 3
"""Dates of a pixel, and calendar years, that ``pecm.fit`` needs, the latter for the spread between years."""


class Finding(NamedTuple):
    """What a look at dates or reference found: whether it will do, in words, and the product or setting it stops."""

    good: bool
    text: str
    stops: str = ""


def look(catalog: Catalog, name: str, *, quick: bool = False) -> dict[str, Any]:
    """Say what a source holds, and look at its pixels, or at the places of its points.

    Parameters
    ----------
    catalog : Catalog
    name : str
    quick : bool
        Headers only.

    Returns
    -------
    dict
        As :meth:`qtp_toolkit.catalog.Catalog.check`, and ``notes``, what a look at a thinned copy found. What it
        refuses makes the source ``broken``, with ``problem``. No exception of a library leaves this function.
    """
    row = {**catalog.check(name), "notes": []}
    if row["status"] != "found" or "later" in row:
        return row
    with noting_warnings(row["notes"]):
        try:
            with named(name, catalog.files(name)):
                data = catalog[name]
                row["notes"] += _known_name(name, catalog)
                row["notes"] += [data.attrs[said] for said in ("left_out", "recognized") if said in data.attrs]
                row["notes"] += _places(data, catalog.settings.bounds)
                if quick:
                    look_at_hours(data)
                elif isinstance(data, (xr.Dataset, xr.DataArray)):
                    row["notes"] += look_at_pixels(data, wavelength=catalog.settings.wavelength)
        except QtpDataError as error:
            row |= {"status": "broken", "problem": str(error)}
    return row


def look_at_dates(catalog: Catalog) -> list[Finding]:
    """Say whether dates and places will do: reference date, a network in one piece, temperature for all. Headers only.

    Parameters
    ----------
    catalog : Catalog
        With a source ``interferograms`` that opens.
    """
    with named("interferograms", catalog.files("interferograms")):
        stack, found = _cut_to_temperature(catalog, catalog["interferograms"])
        dates = np.union1d(stack["reference"].values, stack["secondary"].values)
        groups = network.components(stack)
    if min(stack.sizes[Y], stack.sizes[X]) < 2:
        text = f"a grid of {stack.sizes[Y]} x {stack.sizes[X]} pixels has no spacing: the maps need 2 x 2"
        found.append(Finding(False, text, "time_series"))
    try:
        day = network.acquisition(dates, catalog.settings.reference_date)
        found.append(Finding(True, f"reference date {day}, one of {dates.size} acquisitions"))
    except QtpDataError as error:
        found.append(Finding(False, str(error), "time_series"))
    if len(groups) > 1:
        ends = "; ".join(" to ".join(map(str, group[[0, -1]].astype("datetime64[D]"))) for group in groups)
        spans = sorted((group.min(), group.max()) for group in groups)
        apart = all(last < first for (_, last), (first, _) in pairwise(spans))
        instead = (
            "choose one by settings.period" if apart else "open each track as a source of its own, if they are two"
        )
        text = f"no pair connects {len(groups)} groups of dates: {ends}; add pairs, or {instead}"
        found.append(Finding(False, text, "time_series"))
    found += _elsewhere(catalog, stack) + _settings_beside(catalog, stack)
    if catalog.settings.ramp == "stable" and not catalog.available("stable_ground"):
        found.append(
            Finding(False, "settings.ramp is stable, but no source stable_ground is there: planes are weighed")
        )
    years = np.unique(dates.astype("datetime64[Y]")).size
    if years < _YEARS:
        text = f"acquisitions of {years} calendar years: the stated uncertainty is the formal one, a lower bound"
        found.append(Finding(False, text))
    return found


def look_at_reference(catalog: Catalog) -> list[Finding]:
    """Say whether the reference area will do, one finding a line. Reads the area and a thinned stack.

    Parameters
    ----------
    catalog : Catalog
        With a source ``interferograms`` that opens.
    """
    try:
        with named("interferograms", catalog.files("interferograms")):
            stack = catalog["interferograms"]
            grid.lonlat(thin(stack["phase"].isel({PAIR: 0})))  # refuses lines and samples: the notebooks need a map
            wavelength = stack.attrs.get("wavelength", catalog.settings.wavelength)
            found = look_at_area(*_choose_area(catalog, stack), wavelength=wavelength)
    except QtpDataError as error:
        return [Finding(False, str(error), "time_series")]
    if len(found) == 1:  # an area that some pair does not see ends the look, and the notebook
        return [Finding(*found[0], "time_series")]
    return [Finding(*each) for each in found]


def _cut_to_temperature(catalog: Catalog, stack: xr.Dataset) -> tuple[xr.Dataset, list[Finding]]:
    """Leave out the pairs of dates that the temperature does not cover, as the notebooks do, and say so."""
    try:
        with named("modis_lst", catalog.files("modis_lst")):
            days = daily.daily_stamps(catalog["modis_lst"][TIME].values)
        first, last = days[0], _last_day(catalog, days[-1])
    except QtpDataError:
        return stack, []  # there is none, or it is told where the source is looked at
    ends = np.stack([stack[end].values for end in ("reference", "secondary")])
    inside = ((ends >= first) & (ends < last + np.timedelta64(1, "D"))).all(axis=0)
    covered, every = np.unique(ends[:, inside]).size, np.unique(ends).size
    text = f"temperature from {first} to {last} covers {covered} of {every} acquisitions"
    found = []
    if covered < _FEWEST:
        found = [Finding(False, f"{text}: the maps need {_FEWEST}", "deformation")]
    elif not inside.all():
        found = [Finding(False, f"{text}: pairs with the others are left out")]
    return (stack.isel({PAIR: np.flatnonzero(inside)}) if inside.any() else stack), found


def _elsewhere(catalog: Catalog, stack: xr.Dataset) -> list[Finding]:
    """Name temperature and maps that share no place with the interferograms, which bounds would have refused."""
    found: list[Finding] = []
    if (radar := footprint(stack)) is None:
        return found
    maps = [name for name in catalog if catalog.source(name).kind == "raster" and not _known_name(name, catalog)]
    maps = [name for name in maps if not catalog.waits(name)]  # what is looked at would be written first
    for name in [*(["modis_lst"] if "modis_lst" in catalog else []), *maps]:
        try:
            with named(name, catalog.files(name)):
                box = footprint(catalog[name])
        except QtpDataError:
            continue  # missing or broken: told where the source is looked at
        if box is not None and are_apart(box, radar):
            sides = [", ".join(f"{side:.3f}" for side in sides) for sides in (box, radar)]
            text = f"{name} lies elsewhere: west, south, east, north {sides[0]}; the interferograms: {sides[1]}"
            found.append(Finding(False, text, "deformation" if name == "modis_lst" else ""))
    return found


def _settings_beside(catalog: Catalog, stack: xr.Dataset) -> list[Finding]:
    """Name settings that say something else than the interferograms, which are taken at their word."""
    settings, found = catalog.settings, []
    taken = stack.attrs.get("wavelength", settings.wavelength)
    if all(abs(settings.wavelength / other - 1) > _SAME_WAVELENGTH for other in (taken, SENTINEL1_WAVELENGTH)):
        text = f"settings.wavelength is {settings.wavelength:g} m, but the interferograms are of {taken:g} m"
        found.append(Finding(False, f"{text}: this is taken"))
    if settings.crs is not None and (crs := stack.rio.crs) is not None:
        from rasterio.crs import CRS  # noqa: PLC0415  slow to import
        from rasterio.errors import CRSError  # noqa: PLC0415

        try:
            same = CRS.from_user_input(settings.crs) == crs
        except CRSError:
            same = False
        if not same:
            text = f"settings.crs is {settings.crs}, but the interferograms, and so the maps, are in {crs.to_string()}"
            found.append(Finding(False, f"{text}: mend it, or leave it out"))
    return found


def _last_day(catalog: Catalog, last: np.datetime64) -> np.datetime64:
    """Last day of the temperature, which a second source carries on, as notebook 01 does."""
    second = next((name for name in ("viirs_lst", "era5_land") if catalog.available(name)), None)
    if second is None:
        return last
    with named(second, catalog.files(second)):
        return max(last, catalog[second][TIME].values[-1].astype("datetime64[D]"))


def _choose_area(catalog: Catalog, stack: xr.Dataset) -> tuple[xr.Dataset, xr.DataArray]:
    """Find the reference area as notebook 05 does, and the stack on whose pixels it is."""
    settings, stable = catalog.settings, None
    plain = settings.reference_point or settings.reference_area
    if catalog.available("stable_ground") and not plain:
        stable = grid.rasterize(catalog["stable_ground"], stack["phase"].isel({PAIR: 0}, drop=True))
    whole = stack if plain or stable is not None else thin(stack)  # the most coherent square: of a thinned copy
    gray = whole["coherence"] if "coherence" in whole else xnp.isfinite(whole["phase"]).astype(float)
    where: dict[str, Any] = {"point": settings.reference_point, "radius_m": settings.reference_radius_m}
    return whole, correct.choose_reference(gray, **where, bounds=settings.reference_area, stable=stable)


def _known_name(name: str, catalog: Catalog) -> list[str]:
    """Say so where no notebook asks for a source of this name: misspelled, it would be left out without a word."""
    asked = {word for nb in find_notebooks() for words in (*nb.needs, *nb.uses) for word in words.split(" | ")}
    for track in catalog.settings.tracks.values():
        asked |= {track.interferograms, str(track.incidence)}
    near = difflib.get_close_matches(name, asked, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return [] if name in asked else [f"no notebook uses a source of this name{hint}"]


def _places(data: Any, bounds: tuple[float, float, float, float] | None) -> list[str]:
    """Hold points and lines to the bounds of the area."""
    if not isinstance(data, pd.DataFrame) or bounds is None:
        return []
    if "geometry" in data:
        spots = [np.array(list(_corners(shape["coordinates"]))) for shape in data["geometry"]]
    elif {"longitude", "latitude"} <= set(data.columns):
        spots = [np.array([pair]) for pair in data[["longitude", "latitude"]].to_numpy(dtype=float)]
    else:
        return []
    west, south, east, north = bounds
    outside = 0
    for at in spots:
        lon = nearest_turn(at[:, 0], (west + east) / 2)
        inside = lon.max() >= west and lon.min() <= east and at[:, 1].max() >= south and at[:, 1].min() <= north
        outside += not inside
    if spots and outside == len(spots):
        raise QtpDataError(
            "nothing of it lies in the study area",
            expected=f"west, south, east, north {list(bounds)}",
            found=f"{len(spots)} outside, the first at longitude {spots[0][0, 0]:g}, latitude {spots[0][0, 1]:g}",
            hint="Longitude and latitude swapped? Else mend settings.bounds of the catalog.",
            code="M17",
        )
    return [f"{outside} of {len(spots)} lie outside the study area"] if outside else []


def _corners(coordinates: Any) -> Iterable[tuple[float, float]]:
    if coordinates and isinstance(coordinates[0], (int, float)):
        yield coordinates[0], coordinates[1]
    else:
        for part in coordinates:
            yield from _corners(part)
