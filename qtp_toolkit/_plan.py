"""Which notebooks there are, what their metadata says of them, which of them run, and which stand in for others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qtp_toolkit.conventions import QtpDataError


@dataclass(frozen=True)
class Notebook:
    """A notebook of the workflow and what its metadata says of it."""

    path: Path
    title: str = ""
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    products_in: tuple[str, ...] = ()
    products_used: tuple[str, ...] = ()
    products_out: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    fallbacks: tuple[tuple[str, str], ...] = ()
    instead: tuple[tuple[str, str], ...] = ()
    cells: int = 0

    @property
    def awaits(self) -> tuple[str, ...]:
        """Products that are made first; without those of ``products_used`` it runs, too."""
        return self.products_in + self.products_used

    @property
    def name(self) -> str:
        """The stem of the file, as in ``02_freeze_thaw``."""
        return self.path.stem


def notebooks_folder() -> Path:
    """Where the notebooks are: inside the package when installed, beside it in a clone."""
    here = Path(__file__).resolve().parent
    folders = [here / "notebooks", here.parent / "notebooks"]
    found = next((folder for folder in folders if any(folder.glob("*.ipynb"))), None)
    if found is None:
        raise QtpDataError("The notebooks are not installed", expected=" or ".join(map(str, folders)))
    return found


def find_notebooks(folder: Path | None = None) -> list[Notebook]:
    """Return all notebooks of ``folder`` (by default the workflow's own) in order of their number."""
    found = (folder or notebooks_folder()).glob("[0-9][0-9]*_*.ipynb")
    return [_read(path) for path in sorted(found)]


def stand_in(notebooks: list[Notebook], catalog: Any) -> list[Notebook]:
    """Let notebooks make the products of those that cannot run, from the sources that a catalog has in their place.

    ``instead`` of a notebook names a source and a notebook. With that source, and without what the other one needs, it
    makes the other one's products; without that source it takes them.
    """
    by_name = {nb.name: nb for nb in notebooks}
    for nb in notebooks:
        for source, name in nb.instead:
            other = by_name[name]
            mine = other.products_out
            used = tuple(product for product in nb.products_used if product not in mine)
            if not catalog.available(source):
                by_name[nb.name] = replace(nb, products_in=(*nb.products_in, *mine), products_used=used)
            elif not all(catalog.available(word) for word in catalog.needed(other.needs)):
                by_name[nb.name] = replace(nb, products_out=mine, products_used=used)
                by_name[name] = replace(other, products_out=())
    return list(by_name.values())


def plan(notebooks: list[Notebook], only: Iterable[str] = (), have: Iterable[str] = ()) -> list[Notebook]:
    """Choose the notebooks to run.

    Parameters
    ----------
    notebooks : list of Notebook
        All of the workflow.
    only : iterable of str
        Numbers or names; empty for all.
    have : iterable of str
        Products that are on disk and good.

    Returns
    -------
    list of Notebook
        Those of ``only`` and, first, those that make what they lack; in order.

    Raises
    ------
    QtpDataError
        For a name that is no notebook; lists them all.
    """
    only, have = list(only), set(have)
    if not only:
        return notebooks
    makers = {product: nb for nb in notebooks for product in nb.products_out}
    chosen: set[str] = set()
    queue = [_find(word, notebooks) for word in only]
    while queue:
        nb = queue.pop()
        chosen.add(nb.name)
        lacking = [makers[product] for product in nb.awaits if product not in have and product in makers]
        queue += [maker for maker in lacking if maker.name not in chosen]
    return [nb for nb in notebooks if nb.name in chosen]


def _read(path: Path) -> Notebook:
    try:
        nb = json.loads(path.read_text(encoding="utf-8"))
        said = nb["metadata"].get("qtp", {})
        cells = sum(cell["cell_type"] == "code" and bool(cell["source"]) for cell in nb["cells"])
    except (json.JSONDecodeError, KeyError) as error:
        raise QtpDataError("Not a notebook", path=path, found=f"{type(error).__name__}: {error}") from error
    keys = ("needs", "uses", "products_in", "products_used", "products_out", "figures")
    lists = {key: tuple(said.get(key, ())) for key in keys}
    pairs = {key: tuple(said.get(key, {}).items()) for key in ("fallbacks", "instead")}
    return Notebook(path, said.get("title", path.stem), **pairs, cells=cells, **lists)


def _find(word: str, notebooks: list[Notebook]) -> Notebook:
    for nb in notebooks:
        if word in (nb.name, nb.name.split("_")[0]) or (word.isdigit() and nb.name.startswith(word.zfill(2) + "_")):
            return nb
    raise QtpDataError("No such notebook", found=repr(word), expected=", ".join(nb.name for nb in notebooks))
