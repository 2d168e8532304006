"""What follows from the looks: which notebooks will run with what, in a few lines."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from qtp_toolkit._plan import Notebook, find_notebooks, stand_in
from qtp_toolkit._progress import progress_bar
from qtp_toolkit.catalog import Catalog
from qtp_toolkit.prospects._delays import look_at_delays
from qtp_toolkit.prospects._sources import Finding, look, look_at_dates, look_at_reference
from qtp_toolkit.prospects._stores import look_at_stores
from qtp_toolkit.prospects._tracks import look_at_tracks

_JOINED = {"freeze_thaw", "time_series"}


class Prospect(NamedTuple):
    """What a notebook will do: ``runs``, ``skipped`` or ``fails``; why, or what takes the place of what is missing."""

    name: str
    verdict: str
    notes: tuple[str, ...]


class Answer(NamedTuple):
    """What ``qtp check`` found: a row a source, findings on reference and delays, notebooks, stores that there are."""

    sources: list[dict[str, Any]]
    reference: list[Finding]
    notebooks: list[Prospect]
    stores: list[str] = []  # noqa: RUF012  (never changed)

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
        said = [line for row in self.sources for line in _told(row)] + [found, *reference, *self.stores, *plan]
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
            reference = look_at_dates(catalog)
            reference += [] if quick else look_at_reference(catalog) + look_at_delays(catalog)
        if catalog.settings.tracks:
            bar.describe("tracks")
            reference += look_at_tracks(catalog, quick=quick)
        bar.advance(1)
    return Answer(rows, reference, foresee(catalog, find_notebooks(), status, reference), look_at_stores(catalog))


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
        Of :func:`look_at_dates`, :func:`look_at_reference` and :func:`look_at_tracks`.

    Returns
    -------
    list of Prospect
        In the order of ``notebooks``.
    """
    notebooks = stand_in(list(notebooks), catalog)
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


def _foresee(
    nb: Notebook,
    catalog: Catalog,
    status: Mapping[str, str],
    upstream: Mapping[str, Prospect | None],
    stops: Mapping[str, str],
) -> Prospect:
    needs = catalog.needed(nb.needs)
    lacking = [name for name in needs if status.get(name) not in ("found", "broken")]
    why = [f"it needs {', '.join(lacking)}"] if lacking else []
    why += [f"it needs {p} of {by.name}" for p, by in upstream.items() if by is not None and by.verdict != "runs"]
    if why:
        return Prospect(nb.name, "skipped", tuple(why))
    indirect = {"modis_lst"} if nb.products_used else set()  # it is met through what others make of it
    broken = [name for name in (*needs, *nb.uses) if status.get(name) == "broken" and name not in indirect]
    if broken:
        return Prospect(nb.name, "fails", (f"broken: {', '.join(broken)}; mend it, or take it out of the catalog",))
    # What stops the maps stops whoever else brings temperature and displacement together.
    joins = ("deformation",) if set(nb.products_in) >= _JOINED and "deformation" not in nb.products_out else ()
    told = tuple(stops[word] for word in (*nb.products_out, *nb.needs, *joins) if word in stops)
    if told:
        return Prospect(nb.name, "fails", told)
    notes: dict[str, list[str]] = {}
    for key, instead in nb.fallbacks:
        lack = [group.strip() for group in key.split(",") if not _have(group, catalog, status)]
        if lack:
            notes.setdefault(instead, []).extend(word.replace(" | ", " or ") for word in lack)
    return Prospect(nb.name, "runs", tuple(f"without {', '.join(lack)}: {text}" for text, lack in notes.items()))


def _have(group: str, catalog: Catalog, status: Mapping[str, str]) -> bool:
    """Whether one of the alternatives is there: a source, or a setting that is given."""
    words = [word.strip() for word in group.split("|")]
    return any(catalog.is_set(word) if word.startswith("settings.") else status.get(word) == "found" for word in words)


def _told(row: Mapping[str, Any]) -> list[str]:
    """Say what is known of a source, its name first."""
    words: list[tuple[str, Callable[[Any], str]]] = [
        ("dims", lambda dims: " x ".join(f"{dim} {size}" for dim, size in dims.items())),
        ("units", lambda units: ", ".join(f"{name} [{unit}]" for name, unit in units.items())),
        ("crs", str),
        ("bounds", lambda box: "west, south, east, north " + ", ".join(f"{edge:.3f}" for edge in box)),
        ("problem", str),
        ("later", str),
    ]
    said = [f"from {row['first']} to {row['last']}"] if "first" in row else []
    said += [word(row[key]) for key, word in words if row.get(key)]
    said += row.get("notes", ())
    head = f"{row['status']:8}{row['source']} ({row['files']} file{'s' * (row['files'] != 1)})"
    return [head, *(f"{'':8}{text}" for text in said)]
