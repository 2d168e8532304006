"""Stores of interferograms beside the output: their parts, and whether their source has more pairs by now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtp_toolkit import products, store
from qtp_toolkit.catalog import Catalog
from qtp_toolkit.conventions import MissingSourceError, QtpDataError

_MANY = 12
"""Parts from which on joining them is advised: each is one more file to open for every block."""


def look_at_stores(catalog: Catalog, folder: Path | None = None) -> list[str]:
    """Say of each source of the catalog that was stored what its store holds, and how many pairs it lacks.

    Headers only. What is not stored, or no stack, is passed over.

    Parameters
    ----------
    catalog : Catalog
    folder : path, optional
        Of the stores; by default where ``qtp ingest`` writes them.

    Returns
    -------
    list of str
        One or two lines a store: pairs, parts, dates, size; and what the source has beyond it. A damaged one is told.

    Examples
    --------
    >>> from qtp_toolkit import open_catalog
    >>> look_at_stores(open_catalog(), folder / "nothing")
    []
    """
    folder = folder or products.output_folder() / "store"
    told: list[str] = []
    for name in catalog:
        if (folder / f"{name}.json").is_file():
            told += tell_store(folder, name) + _beyond(catalog, folder, name)
    return told


def tell_store(folder: Path, name: str) -> list[str]:
    """Say which parts a store has, and when to join them.

    Parameters
    ----------
    folder : path
    name : str
        Name of the store in the folder.
    """
    try:
        parts = store.describe(folder, name=name)
    except QtpDataError as error:
        return [f"store {name}: {error}"]
    sizes = [str(size) for size in parts["pairs"]]
    shown = " + ".join(sizes if len(sizes) <= _MANY else [sizes[0], "...", sizes[-1]])
    many = f" in {len(sizes)} parts ({shown})" if len(sizes) > 1 else ""
    days = " to ".join(str(day)[:10] for day in (parts["first"].min(), parts["last"].max()))
    line = f"store {name}: {parts['pairs'].sum()} pairs{many}, {days}, {parts['megabytes'].sum():.0f} MB"
    if archived := int(parts["archived"].iloc[-1]):
        line += f"; {archived} files of its pairs were put away"
    return [line, *(["qtp ingest --join makes one part of them"] if len(sizes) > _MANY else [])]


def _beyond(catalog: Any, folder: Path, name: str) -> list[str]:
    """Say what the source has that the store lacks."""
    try:
        stack = catalog[name]
        new = store.new_pairs(stack, folder, name=name)
    except MissingSourceError:
        return []
    except QtpDataError as error:
        return [f"store {name} against its source: {error}"]
    if not new:
        return []
    return [f"{len(new)} of {stack.sizes['pair']} pairs of {name} are not in the store: qtp ingest --append adds them"]
