"""What will I get? Looks at the sources of a catalog, at its reference, and which notebooks will run with what."""

from __future__ import annotations

import difflib
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import correct, grid, load, network
from qtp_toolkit._angles import nearest_turn
from qtp_toolkit._progress import progress_bar
from qtp_toolkit.catalog import Catalog, named
from qtp_toolkit.conventions import PAIR, SENTINEL1_WAVELENGTH, TIME, QtpDataError, X, Y, xnp
from qtp_toolkit.kernels import daily
from qtp_toolkit.reproduce import Notebook, find_notebooks

_SIDE = 64
"""Rows and columns that a look reads at most."""
_LEAST_COHERENCE = 0.15
_STILL = 0.5
_FEWEST, _YEARS = 10, 3
"""Dates of a pixel, and calendar years, that ``pecm.fit`` needs, the latter for the spread between years."""
_SIGHTS = 46
"""Layers of a series of maps that a look reads at most."""


class Finding(NamedTuple):
    """What a look at dates or reference found: whether it will do, in words, and the product that it prevents."""

    good: bool
    text: str
    stops: str = ""


class Prospect(NamedTuple):
    """What a notebook will do: ``runs``, ``skipped`` or ``fails``; why, or what takes the place of what is missing."""

    name: str
    verdict: str
    notes: tuple[str, ...]


class Answer(NamedTuple):
    """What ``qtp check`` found: a row a source, findings on the reference, what each notebook will do."""

    sources: list[dict[str, Any]]
    reference: list[Finding]
    notebooks: list[Prospect]

    @property
    def lacking(self) -> list[str]:
        """Sources that are missing or broken."""
        return [row["source"] for row in self.sources if row["status"] != "found"]

    @property
    def good(self) -> bool:
        """Whether all sources are found and the reference will do."""
        return not self.lacking and all(finding.good for finding in self.reference)

    def lines(self, *, width: int | None = None) -> list[str]:
        """Say it as ``qtp check`` does, long lines broken at ``width`` and indented if that is given."""
        found = f"{len(self.sources) - len(self.lacking)} of {len(self.sources)} sources found"
        reference = [f"{'good' if each.good else 'LOOK':8}{each.text}" for each in self.reference]
        plan = [f"{nb.verdict:8}{nb.name}" + "".join(f"; {note}" for note in nb.notes) for nb in self.notebooks]
        said = [line for row in self.sources for line in _told(row)] + [found, *reference, *plan]
        if width is None:
            return said
        return [part for line in said for part in textwrap.wrap(line, width, subsequent_indent=10 * " ")]


def check(catalog: Catalog, *, quick: bool = False, progress: bool = False) -> Answer:
    """Say what a catalog will give: look at its sources and its reference, and foresee the notebooks.

    Parameters
    ----------
    catalog : Catalog
    quick : bool
        Headers only, and no look at the reference area.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Answer
        Its ``lines()`` are what ``qtp check`` prints.

    Examples
    --------
    >>> from qtp_toolkit import open_catalog
    >>> dem = "{kind: raster, driver: geotiff, uri: dem.tif, parameters: {variable: elevation}, provenance: observed}"
    >>> mine = folder / "mine.yaml"
    >>> _ = mine.write_text(f"{{catalog_version: 1, roots: [.], sources: {{dem: {dem}}}}}")
    >>> answer = check(open_catalog(mine))
    >>> answer.lacking, answer.good
    (['dem'], False)
    """
    rows: list[dict[str, Any]] = []
    reference: list[Finding] = []
    with progress_bar("looking", total=len(catalog) + 1, progress=progress) as bar:
        for name in catalog:
            bar.describe(name)
            rows.append(look(catalog, name, quick=quick))
            bar.advance(1)
        status = {str(row["source"]): str(row["status"]) for row in rows}
        if status.get("interferograms") == "found":
            bar.describe("reference")
            reference = look_at_dates(catalog) + ([] if quick else look_at_reference(catalog))
        bar.advance(1)
    return Answer(rows, reference, foresee(catalog, find_notebooks(), status, reference))


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
    if row["status"] != "found":
        return row
    with _noting_warnings(row["notes"]):
        try:
            with named(name, catalog.files(name)):
                data = catalog[name]
                row["notes"] += _known_name(name)
                row["notes"] += [data.attrs["left_out"]] if "left_out" in data.attrs else []
                row["notes"] += _places(data, catalog.settings.bounds)
                if not quick and isinstance(data, (xr.Dataset, xr.DataArray)):
                    row["notes"] += look_at_pixels(data, wavelength=catalog.settings.wavelength)
        except QtpDataError as error:
            row |= {"status": "broken", "problem": str(error)}
    return row


@contextmanager
def _noting_warnings(notes: list[str]) -> Iterator[None]:
    """Turn what the toolkit warns of into lines that are read where the look is taken."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
    texts = [" ".join(str(warning.message).split()) for warning in told if warning.category is UserWarning]
    notes += [f"warning: {text}" for text in dict.fromkeys(texts)]


def look_at_dates(catalog: Catalog) -> list[Finding]:
    """Say whether the dates will do: reference date, a network in one piece, temperature for all. Headers only.

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
        text = f"no pair connects {len(groups)} groups of dates: {ends}; add pairs, or choose one by settings.period"
        found.append(Finding(False, text, "time_series"))
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
            wavelength = stack.attrs.get("wavelength", catalog.settings.wavelength)
            found = look_at_area(*_choose_area(catalog, stack), wavelength=wavelength)
    except QtpDataError as error:
        return [Finding(False, str(error), "time_series")]
    if len(found) == 1:  # an area that some pair does not see ends the look, and the notebook
        return [Finding(*found[0], "time_series")]
    return [Finding(*each) for each in found]


def look_at_pixels(data: xr.Dataset | xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH) -> list[str]:
    """Read a thinned copy of what a source holds and say what is in it: the look before work begins. This one computes.

    ``qtp check``, ``qtp ingest`` and the notebooks take this one look.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        As the catalog opens it, lazy: a stack of interferograms, land surface temperature, or maps (y, x) of any kind.
        What is no map is passed over.
    wavelength : float
        m, of the radar: what incidence it can have.

    Returns
    -------
    list of str
        One line a variable, then what the three looks below warn of.

    Raises
    ------
    QtpDataError
        What cannot be, see :func:`qtp_toolkit.load.look_at_stack`, :func:`qtp_toolkit.load.check_lst` and
        :func:`qtp_toolkit.load.check_incidence`; a map without any valid pixel.

    Examples
    --------
    >>> heights = xr.DataArray([[4500.0, 4620.0], [np.nan, 4700.0]], dims=("y", "x"), name="elevation")
    >>> look_at_pixels(heights.assign_attrs(units="m"))
    ['elevation: 4500 to 4700 m, valid 75%']
    """
    notes: list[str] = []
    with _noting_warnings(notes):
        notes += _pixels(data, wavelength)
    return notes


def _pixels(data: xr.Dataset | xr.DataArray, wavelength: float) -> list[str]:
    if isinstance(data, xr.Dataset) and "phase" in data and PAIR in data.dims:
        table = load.look_at_stack(data)
        words = f"phase {table['smallest'].min():.1f} to {table['largest'].max():.1f} rad"
        gray = f", median coherence {table['coherence'].median():.2f}" if "coherence" in table else ", no coherence"
        return [f"{words}, valid {table['valid'].mean():.0%}{gray}"]
    if isinstance(data, xr.Dataset) and {"terra_day", "terra_night", "aqua_day", "aqua_night"} & set(data.data_vars):
        table = load.check_lst(_thin(data), every=1)
        return [
            f"{name}: median {row['median']:.1f} degC, valid {row['valid']:.0%}, {row['empty']} empty composites"
            for name, row in table.iterrows()
        ]
    notes = []
    for name, da in data.data_vars.items() if isinstance(data, xr.Dataset) else [(data.name, data)]:
        if not {Y, X} <= set(da.dims) or da.dtype.kind not in "iuf":
            continue
        few = da.isel({TIME: _every(da.sizes[TIME], _SIGHTS)}) if TIME in da.dims else da
        seen = _thin(few).compute()
        known = np.isfinite(seen) if seen.dtype.kind == "f" else seen != -1
        if not bool(known.any()):
            raise QtpDataError(
                "no valid pixel", variable=str(name), hint="All of it is nodata: look at nodata and units."
            )
        if name == "incidence":
            load.check_incidence(seen, wavelength=wavelength)
        low, high = float(seen.where(known).min()), float(seen.where(known).max())
        notes.append(f"{name}: {low:.4g} to {high:.4g} {da.attrs.get('units', '')}, valid {float(known.mean()):.0%}")
    return notes


def look_at_area(
    stack: xr.Dataset, area: xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH
) -> list[tuple[bool, str]]:
    """Say whether a reference area is valid, coherent and still, and where ground is stiller. This one computes.

    Parameters
    ----------
    stack : xarray.Dataset
        ``phase`` (pair, y, x), rad, with a CRS, and ``coherence`` if there is one; any of both may be lazy.
    area : xarray.DataArray
        bool, dims ``y, x``, in memory: from :func:`qtp_toolkit.correct.choose_reference`.
    wavelength : float
        m.

    Returns
    -------
    list of (bool, str)
        Whether it is good, and in words, one a finding.

    Examples
    --------
    >>> axes = {"y": [34.2, 34.1, 34.0], "x": [92.0, 92.1]}
    >>> days = pd.date_range("2018-01-01", periods=9, freq="60D")
    >>> ends = {"reference": ("pair", days[:-1]), "secondary": ("pair", days[1:])}
    >>> phase = xr.DataArray(np.zeros((8, 3, 2)), axes | ends, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> phase[3, 0] = np.nan
    >>> area = xr.zeros_like(phase[0], dtype=bool)
    >>> area[0] = True
    >>> look_at_area(phase.rio.write_crs(4326).to_dataset(name="phase"), area)
    [(False, 'reference area: 2 pixels, without any valid pixel in 1 of 8 pairs: move it to coherent ground')]
    """
    rows, columns = (np.flatnonzero(area.any(dim).values) for dim in (X, Y))
    box = {Y: slice(rows[0], rows[-1] + 1), X: slice(columns[0], columns[-1] + 1)}
    inside = stack.isel(box).where(area.isel(box)).compute()
    by = f" by {area.attrs['chosen']}" if "chosen" in area.attrs else ""
    said = f"reference area{by}: {int(area.sum())} pixels"
    empty = int((xnp.isfinite(inside["phase"]).sum((Y, X)) == 0).sum())
    if empty:
        pairs = stack.sizes[PAIR]
        return [(False, f"{said}, without any valid pixel in {empty} of {pairs} pairs: move it to coherent ground")]
    found = (True, f"{said}, valid in all pairs")
    if "coherence" in inside:
        worst = float(inside["coherence"].mean((Y, X)).min())
        found = (worst >= _LEAST_COHERENCE, f"{said}, coherence {worst:.2f} in its worst pair")
    return [found, _look_how_still(_thin(stack).compute(), inside["phase"], wavelength)]


def foresee(
    catalog: Catalog, notebooks: Iterable[Notebook], status: Mapping[str, str], found: Iterable[Finding] = ()
) -> list[Prospect]:
    """Say of each notebook whether it will run, with what fallback, or why not.

    Parameters
    ----------
    catalog : Catalog
    notebooks : iterable of Notebook
    status : mapping of str to str
        ``found``, ``missing`` or ``broken`` of each source of the catalog.
    found : iterable of Finding
        Of :func:`look_at_dates` and :func:`look_at_reference`.

    Returns
    -------
    list of Prospect
        In the order of ``notebooks``.
    """
    notebooks = list(notebooks)
    makers = {product: nb.name for nb in notebooks for product in nb.products_out}
    stops = {finding.stops: finding.text for finding in found if finding.stops}
    out: dict[str, Prospect] = {}
    waiting = {nb.name: nb for nb in notebooks}
    while waiting:
        ready = [nb for nb in waiting.values() if not {makers.get(p) for p in nb.products_in} & set(waiting)]
        for nb in ready or list(waiting.values()):
            out[nb.name] = _foresee(nb, catalog, status, {p: out.get(makers.get(p, "")) for p in nb.products_in}, stops)
            del waiting[nb.name]
    return [out[nb.name] for nb in notebooks]


def _told(row: Mapping[str, Any]) -> list[str]:
    """Say what is known of a source, its name first."""
    words: list[tuple[str, Callable[[Any], str]]] = [
        ("dims", lambda dims: " x ".join(f"{dim} {size}" for dim, size in dims.items())),
        ("units", lambda units: ", ".join(f"{name} [{unit}]" for name, unit in units.items())),
        ("crs", str),
        ("bounds", lambda box: "west, south, east, north " + ", ".join(f"{edge:.3f}" for edge in box)),
        ("problem", str),
    ]
    said = [f"from {row['first']} to {row['last']}"] if "first" in row else []
    said += [word(row[key]) for key, word in words if row.get(key)]
    said += row.get("notes", ())
    head = f"{row['status']:8}{row['source']} ({row['files']} file{'s' * (row['files'] != 1)})"
    return [head, *(f"{'':8}{text}" for text in said)]


def _foresee(
    nb: Notebook,
    catalog: Catalog,
    status: Mapping[str, str],
    upstream: Mapping[str, Prospect | None],
    stops: Mapping[str, str],
) -> Prospect:
    lacking = [name for name in nb.needs if status.get(name) not in ("found", "broken")]
    why = [f"it needs {', '.join(lacking)}"] if lacking else []
    why += [f"it needs {p} of {by.name}" for p, by in upstream.items() if by is not None and by.verdict != "runs"]
    if why:
        return Prospect(nb.name, "skipped", tuple(why))
    indirect = {"modis_lst"} if nb.products_used else set()  # it is met through what others make of it
    broken = [name for name in (*nb.needs, *nb.uses) if status.get(name) == "broken" and name not in indirect]
    if broken:
        return Prospect(nb.name, "fails", (f"broken: {', '.join(broken)}; mend it, or take it out of the catalog",))
    told = tuple(stops[product] for product in nb.products_out if product in stops)
    if told:
        return Prospect(nb.name, "fails", told)
    notes: dict[str, list[str]] = {}
    for key, instead in nb.fallbacks:
        lack = [group.strip() for group in key.split(",") if not _have(group, catalog, status)]
        if lack:
            notes.setdefault(instead, []).extend(word.replace(" | ", " or ") for word in lack)
    return Prospect(nb.name, "runs", tuple(f"without {', '.join(lack)}: {text}" for text, lack in notes.items()))


def _cut_to_temperature(catalog: Catalog, stack: xr.Dataset) -> tuple[xr.Dataset, list[Finding]]:
    """Leave out the pairs of dates that the temperature does not cover, as the notebooks do, and say so."""
    try:
        with named("modis_lst", catalog.files("modis_lst")):
            days = daily.daily_stamps(catalog["modis_lst"][TIME].values)
    except QtpDataError:
        return stack, []  # there is none, or it is told where the source is looked at
    ends = np.stack([stack[end].values for end in ("reference", "secondary")])
    inside = ((ends >= days[0]) & (ends < days[-1] + np.timedelta64(1, "D"))).all(axis=0)
    covered, every = np.unique(ends[:, inside]).size, np.unique(ends).size
    text = f"temperature from {days[0]} to {days[-1]} covers {covered} of {every} acquisitions"
    found = []
    if covered < _FEWEST:
        found = [Finding(False, f"{text}: the maps need {_FEWEST}", "deformation")]
    elif not inside.all():
        found = [Finding(False, f"{text}: pairs with the others are left out")]
    return (stack.isel({PAIR: np.flatnonzero(inside)}) if inside.any() else stack), found


def _have(group: str, catalog: Catalog, status: Mapping[str, str]) -> bool:
    """Whether one of the alternatives is there: a source, or a setting that is given."""
    words = [word.strip() for word in group.split("|")]
    return any(
        getattr(catalog.settings, word.removeprefix("settings."), None) is not None
        if word.startswith("settings.")
        else status.get(word) == "found"
        for word in words
    )


def _known_name(name: str) -> list[str]:
    """Say so where no notebook asks for a source of this name: misspelled, it would be left out without a word."""
    asked = {word for nb in find_notebooks() for word in (*nb.needs, *nb.uses)}
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


def _thin(data: Any) -> Any:
    return data.isel({dim: _every(data.sizes[dim], _SIDE) for dim in (Y, X) if dim in data.dims})


def _every(size: int, most: int) -> slice:
    """Every n-th element, so that there are at most so many."""
    return slice(None, None, max(-(-size // most), 1))


def _look_how_still(thin: xr.Dataset, inside: xr.DataArray, wavelength: float) -> tuple[bool, str]:
    still = correct.reference_motion(thin["phase"], inside, weight=thin.get("coherence"), wavelength=wavelength)
    moves = f"against the median pixel it moves by {still.amplitude:.1f} mm a season and {still.rate:+.1f} mm/yr"
    said = f"{moves}, planes taken out; {still.rank:.0%} of the pixels settle less in summer"
    if still.rank <= _STILL:
        return True, said
    where = grid.lonlat(thin["phase"].isel({PAIR: 0}, drop=True))
    spots = [f"{float(where.longitude[at]):.3f}, {float(where.latitude[at]):.3f}" for at in still.stiller]
    instead = f"; coherent ground that moves less (longitude, latitude): {'; '.join(spots)}" if spots else ""
    return False, f"{said}: it does not stand still; bedrock or dry ground is better{instead}"


def _choose_area(catalog: Catalog, stack: xr.Dataset) -> tuple[xr.Dataset, xr.DataArray]:
    """Find the reference area as notebook 05 does, and the stack on whose pixels it is."""
    settings, stable = catalog.settings, None
    plain = settings.reference_point or settings.reference_area
    if catalog.available("stable_ground") and not plain:
        stable = grid.rasterize(catalog["stable_ground"], stack["phase"].isel({PAIR: 0}, drop=True))
    whole = stack if plain or stable is not None else _thin(stack)  # the most coherent square: of a thinned copy
    gray = whole["coherence"] if "coherence" in whole else xnp.isfinite(whole["phase"]).astype(float)
    where: dict[str, Any] = {"point": settings.reference_point, "radius_m": settings.reference_radius_m}
    return whole, correct.choose_reference(gray, **where, bounds=settings.reference_area, stable=stable)
