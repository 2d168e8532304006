"""The folder of the pairs: what is there and of what it was made, and the catalog that opens it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from qtp_toolkit._atomic import PARTIAL, put_file
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.slc_pairs._pair import LAYERS, MADE, Recipe
from qtp_toolkit.store.fingerprint import differences

_OF_ALL = ("version", "parameters")
"""What pairs of one folder share; of their files each has its own."""


def made_of(path: Path) -> dict[str, Any] | None:
    """Return what a pair was made of; None if nothing says it."""
    try:
        return json.loads((path / MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def refuse_others(folder: Path, identities: Mapping[str, dict[str, Any]], *, restart: bool) -> None:
    """Refuse pairs that are there but were made in another way, asked for or not; ``restart`` has these made anew."""
    if restart:
        return
    others = [key for key in identities if (folder / key).is_dir() and made_of(folder / key) != identities[key]]
    if others:
        was = made_of(folder / others[0])
        raise QtpDataError(
            f"{len(others)} of {len(identities)} pairs were made of something else",
            path=folder / others[0],
            expected="the same files, recipe and version",
            found=differences(was, identities[others[0]]) if was else f"no {MADE}",
            hint="Take another folder, or pass restart=True to make them anew.",
            code="R08",
        )
    now = next(iter(identities.values()))
    beside = {path.parent.name: made_of(path.parent) for path in sorted(folder.glob(f"*/{MADE}"))}
    strange = {
        key: was
        for key, was in beside.items()
        if key not in identities and (was is None or any(was.get(name) != now[name] for name in _OF_ALL))
    }
    if strange:
        key, was = next(iter(strange.items()))
        raise QtpDataError(
            f"{len(strange)} pairs beside those of this network were made in another way",
            path=folder / key,
            expected="one recipe and version in a folder",
            found=differences(was | {"files": now["files"], "graph": now["graph"]}, now) if was else f"no {MADE}",
            hint="Take another folder, or move them away; restart=True leaves them there, out of the catalog.",
            code="R08",
        )


def sweep(folder: Path) -> None:
    """Remove what a killed process, or a worker that died, was just writing."""
    for half in folder.glob(f".*{PARTIAL}"):
        shutil.rmtree(half, ignore_errors=True) if half.is_dir() else half.unlink()


def write_catalog(folder: Path, keys: Sequence[str], recipe: Recipe, *, provenance: str) -> Path:
    """Write the catalog that opens these pairs, and no others that lie in the folder."""
    source = {
        "description": f"Interferograms of {recipe.looks_y} x {recipe.looks_x} looks, unwrapped by {recipe.method}",
        "kind": "ifg_stack",
        "driver": "geotiff_stack",
        "uri": {name: f"*_*/*_{LAYERS[name]}.tif" for name in ("phase", "coherence", "component")},
        "parameters": {"nodata": None, "only": list(keys)},
        "provenance": provenance,
    }
    whole = {
        "catalog_version": 1,
        "title": "Interferograms",
        "roots": ["."],
        "settings": {"wavelength": recipe.wavelength},
        "sources": {"interferograms": source},
    }
    put_file(folder / "data_catalog.yaml", yaml.safe_dump(whole, sort_keys=False).encode())
    return folder / "data_catalog.yaml"
