"""The catalog itself: which sources there are, where their files lie, and opening them lazily."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from qtp_toolkit.catalog.describing import contents
from qtp_toolkit.catalog.marks import keep_period, refuse_elsewhere, refuse_no_phase, stamp
from qtp_toolkit.catalog.messages import catalog_error, closest, named
from qtp_toolkit.catalog.options import readers
from qtp_toolkit.catalog.paths import find, listing, resolve_roots, skipped_roots, waits
from qtp_toolkit.catalog.schema import CatalogFile, Settings, Source
from qtp_toolkit.catalog.strict_yaml import read_yaml
from qtp_toolkit.catalog.tracks import Track
from qtp_toolkit.conventions import MissingSourceError, QtpDataError

FILE_NAME = "data_catalog.yaml"
_PACKAGE = Path(__file__).resolve().parents[1]
LATER = "a scene of the package, written when it is first asked for"


@dataclass(frozen=True)
class Request:
    """All that a reader may know of the source that it opens."""

    name: str
    source: Source
    files: dict[str, list[Path]]
    root: Path
    settings: Settings

    @property
    def paths(self) -> list[Path]:
        """All files, whatever their role."""
        return [path for paths in self.files.values() for path in paths]

    @property
    def chunks(self) -> dict[str, int]:
        """Chunk sizes by dim."""
        return dict(self.source.chunks)


def open_catalog(path: str | os.PathLike | None = None) -> Catalog:
    """Open a data catalog.

    Parameters
    ----------
    path : path, optional
        The catalog file. Without it: the file that the environment variable ``QTP_CATALOG`` names, else
        ``data_catalog.yaml`` in the working folder or one above, else the embedded scene's.

    Returns
    -------
    Catalog
        Nothing is opened yet; ``catalog["modis_lst"]`` opens one source lazily.

    Raises
    ------
    QtpDataError
        If the file is not there, not plain YAML, or does not fit the schema; all faults are listed at once.
    """
    found = _locate(path)
    data = read_yaml(found)
    if "catalog_version" not in data:
        raise QtpDataError(
            "catalog does not say its version",
            path=found,
            expected="catalog_version: 1",
            found=sorted(map(str, data)),
            hint="Make it the first line.",
            code="C11",
        )
    try:
        content = CatalogFile.model_validate(data)
    except ValidationError as error:
        raise catalog_error(error, data, found) from None
    return Catalog(found, content)


def _locate(path: str | os.PathLike | None) -> Path:
    given = path if path is not None else os.environ.get("QTP_CATALOG") or None
    if given is not None:
        found = Path(given).expanduser().resolve()
        found = found / FILE_NAME if found.is_dir() else found
        if not found.is_file():
            origin = "" if path is not None else "QTP_CATALOG names it. "
            raise MissingSourceError(
                "there is no such catalog", path=found, hint=f"{origin}Copy the embedded {FILE_NAME} and edit it."
            )
        return found
    here = Path.cwd().resolve()
    embedded = [_PACKAGE / FILE_NAME, _PACKAGE.parent / FILE_NAME]
    for candidate in [folder / FILE_NAME for folder in (here, *here.parents)] + embedded:
        if candidate.is_file():
            return candidate
    raise MissingSourceError("the embedded catalog is gone", path=embedded[0], hint="Install qtp_toolkit again.")


class Catalog:
    """The sources of one catalog file; made by :func:`open_catalog`."""

    def __init__(self, path: Path, content: CatalogFile) -> None:
        self.path = path
        self._content = content

    def __repr__(self) -> str:
        return f"<Catalog {self.title!r}: {len(self)} sources, {self.path}>"

    def __contains__(self, name: object) -> bool:
        return name in self._content.sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._content.sources)

    def __len__(self) -> int:
        return len(self._content.sources)

    def __getitem__(self, name: str) -> Any:
        return self.open(name)

    @property
    def title(self) -> str:
        """Title of the catalog."""
        return self._content.title

    @property
    def settings(self) -> Settings:
        """Constants of the region: wavelength, reference, periods, tables."""
        return self._content.settings

    def track(self, name: str | None = None) -> Track:
        """Return a row of ``settings.tracks``; without a name the one stack ``interferograms`` as such a row."""
        if name is None:
            day = self.settings.reference_date
            angle = "incidence" if "incidence" in self else self.settings.incidence
            return Track(interferograms="interferograms", incidence=angle, reference_date=day)
        if name not in self.settings.tracks:
            known = list(self.settings.tracks)
            raise QtpDataError(f"the catalog has no track {name!r}", path=self.path, expected=known, code="C09")
        return self.settings.tracks[name]

    def is_set(self, word: str) -> bool:
        """Whether a setting, as in ``settings.incidence``, is given."""
        return getattr(self.settings, word.removeprefix("settings."), None) not in (None, {}, [])

    def needed(self, words: Collection[str]) -> list[str]:
        """Return the sources of ``words``, with the stacks of ``settings.tracks``, and its settings that are unset.

        Of words like ``interferograms | series`` it is the first that is available, else the first.
        """
        chosen = [self._first_of([name.strip() for name in word.split("|")]) for word in words]
        out = [word for word in chosen if not (word.startswith("settings.") and self.is_set(word))]
        stacks = [track.interferograms for track in self.settings.tracks.values()] if "settings.tracks" in words else []
        return out + [name for name in stacks if name not in out]

    def _first_of(self, names: Sequence[str]) -> str:
        there = [name for name in names if name in self]
        if len(there) > 1:
            there = [name for name in there if self.available(name)]
        return (there or names)[0]

    def source(self, name: str) -> Source:
        """Return the entry of a source: description, kind, driver, uri, parameters, provenance, access, classes."""
        if name not in self:
            raise MissingSourceError(
                f"the catalog has no source {name!r}; {closest(str(name), list(self))}", path=self.path, code="C10"
            )
        return self._content.sources[name]

    def root(self, name: str | None = None) -> Path:
        """Folder that the uris of a source (or the catalog) start from; the embedded scene is written on first use."""
        own = self.source(name).root if name is not None else None
        try:
            return resolve_roots([own] if own else self._content.roots, folder=self.path.parent, catalog=self.path)
        except QtpDataError as error:
            if name is None:
                raise
            what = f"source {name!r} has no folder: {error.what}"
            raise error.restated(MissingSourceError, what=what, path=self.path, where=f"sources.{name}") from None

    def files(self, name: str, **parameters: str) -> list[Path]:
        """Files of a source, sorted; empty if there are none. ``parameters`` choose the ``{name}`` of the uri."""
        return [path for paths in self._roles(name, parameters).values() for path in paths]

    def available(self, name: str) -> bool:
        """Whether the catalog has the source and every uri of it matches a file."""
        if name not in self:
            return False
        try:
            return all(self._roles(name, {}).values())
        except MissingSourceError:
            return False

    def waits(self, name: str) -> bool:
        """Whether the source has a scene of the package for its root that is written when it is first asked for."""
        own = self.source(name).root
        return own is not None and waits(own)

    def open(self, name: str, *, chunks: Mapping[str, int] | None = None, **parameters: str) -> Any:
        """Open a source lazily.

        Parameters
        ----------
        name : str
            A source of the catalog.
        chunks : mapping of str to int, optional
            Sizes by dim, -1 for a whole one, in place of those of the catalog.
        **parameters
            Values for the ``{name}`` placeholders of the uri.

        Returns
        -------
        xarray.Dataset, xarray.DataArray or pandas.DataFrame
            As the reader of its driver says: lazy, in the toolkit's dims and units. ``attrs`` carry the source's
            name and citation, and ``provenance_note`` where the source is synthetic.

        Raises
        ------
        MissingSourceError
            If no file matches: says the pattern, what the folder holds, and how to get the data.
        QtpDataError
            If the files are not what they should be; lists all bad ones.
        """
        source = self.source(name)
        source = source if chunks is None else source.model_copy(update={"chunks": dict(chunks)})
        files = self._found(name, parameters)
        request = Request(name, source, files, self.root(name), self.settings)
        given = source.options().model_dump(exclude_unset=True)  # defaults are the loader's own
        with named(name, request.paths):
            data = stamp(readers()[source.driver].open(request, **given), name, source)
            refuse_no_phase(data, name, source)
            refuse_elsewhere(data, name, self.settings.bounds)
            return keep_period(data, name, self.settings)

    def describe(self) -> pd.DataFrame:
        """One row a source: kind, driver, found or missing, files, provenance, citation, access, what to do."""
        rows = []
        for name, source in self._content.sources.items():
            files, problem, later = 0, "", self.waits(name)
            try:
                files = 0 if later else len(self.files(name))
            except QtpDataError as error:
                problem = str(error)
            found = later or (not problem and self.available(name))
            rows.append(
                {
                    "source": name,
                    "status": "found" if found else "missing",
                    "files": files,
                    "kind": source.kind,
                    "driver": source.driver,
                    "provenance": source.provenance,
                    "description": source.description,
                    "what to do": LATER if later else "" if found else problem or self.how_to_get(name),
                    "access": source.access,
                    "citation": source.citation,
                }
            )
        return pd.DataFrame(rows).set_index("source")

    def check(self, name: str) -> dict[str, Any]:
        """Say what a source holds: status, files, dims, units, time span, CRS, bounds; why, if it will not open.

        The status of one that will not open is ``missing``, or ``broken`` where there are files.
        One that :meth:`waits` is ``found``, says so in ``later``, and is not written for it.
        """
        row: dict[str, Any] = {"source": name, "status": "missing", "files": 0, "problem": ""}
        if self.waits(name):
            return {**row, "status": "found", "later": LATER}
        try:
            row["files"] = len(self.files(name))
            if not self.available(name):
                return {**row, "problem": f"{self.how_to_get(name)}; {self._what_is_there(name)}"}
            data = self[name]
        except QtpDataError as error:
            return {**row, "status": "broken" if row["files"] else "missing", "problem": str(error)}
        return row | {"status": "found", "root": str(self.root(name))} | contents(data)

    def how_to_get(self, name: str) -> str:
        """Say what to do when the source is missing."""
        source = self.source(name)
        absent = [source.uris[role] for role, paths in self._roles(name, {}).items() if not paths]
        places = ", ".join(absent or source.uris.values())
        return f"{source.access or 'No access note in the catalog'}. Put it at: {places}"

    def _what_is_there(self, name: str) -> str:
        """Say what lies where files of the source are not."""
        root = self.root(name)
        absent = [self.source(name).uris[role] for role, paths in self._roles(name, {}).items() if not paths]
        return "; ".join(listing(root, uri) for uri in absent)

    def _roles(self, name: str, parameters: dict[str, str]) -> dict[str, list[Path]]:
        source = self.source(name)
        root = self.root(name)
        unknown = [key for key in parameters if key not in source.placeholders]
        if unknown:
            raise QtpDataError(
                f"source {name!r} has no parameter {unknown[0]!r}", expected=source.placeholders, path=self.path
            )
        try:
            values = {key: source.value(key, parameters.get(key)) for key in source.placeholders}
        except ValueError as error:
            raise QtpDataError(str(error), path=self.path, where=f"sources.{name}", code="C09") from None
        return {role: find(root, uri.format(**values)) for role, uri in source.uris.items()}

    def _found(self, name: str, parameters: dict[str, str]) -> dict[str, list[Path]]:
        roles = self._roles(name, parameters)
        missing = {role: self.source(name).uris[role] for role, paths in roles.items() if not paths}
        if missing:
            root = self.root(name)
            skipped = "" if self.source(name).root else skipped_roots(self._content.roots)
            raise MissingSourceError(
                f"source {name!r} is not on disk",
                path=root,
                expected=f"files that match {', '.join(map(repr, missing.values()))}",
                found="; ".join(filter(None, [*(listing(root, uri) for uri in missing.values()), skipped])),
                hint=f"How to get it: {self.how_to_get(name)}. Catalog: {self.path}",
                code="C10",
            )
        return roles
