"""Which product, date and tile an HDF4-EOS granule is: by its own metadata, by its name where those are silent."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import first_bytes_problem, refuse_bad
from qtp_toolkit.load.files.dates import date_of
from qtp_toolkit.load.temperature import hdf4
from qtp_toolkit.load.temperature.composites import Composite
from qtp_toolkit.load.temperature.coverage import Box
from qtp_toolkit.load.temperature.layers import FAMILIES, PRODUCTS, SENSORS, find, product_named, used_by_all

_NAME = re.compile(
    r"(?P<product>M[OY]D\d\d[A-Z]\d)\.A(?P<year>\d{4})(?P<doy>\d{3})(?:\.h\d\dv\d\d)?\.(?P<collection>\d{3})"
    r"(?:\.(?P<stamp>\d{13}))?"
)
_CORE = {
    "product": "SHORTNAME", "date": "RANGEBEGINNINGDATE", "collection": "VERSIONID", "made": "PRODUCTIONDATETIME",
}  # fmt: skip


def scan(paths: Sequence[Path]) -> list[Composite]:
    """Headers of granules: product, sensor, collection, first day, production date, tile and layers of each.

    Parameters
    ----------
    paths : sequence of pathlib.Path

    Returns
    -------
    list of Composite
        ``item`` is a :class:`.hdf4.Granule`, ``part`` the tile that StructMetadata places it in.

    Raises
    ------
    QtpDataError
        Lists all bad files at once: M03 or M04 (unreadable), M19 (date missing, impossible, or not the one in the
        name), M26 (product not the one in the name), M27 (layers), M11 and M07 (tags that contradict the product).
    """
    hdf4.library()
    found, bad = [], []
    for path in map(Path, paths):
        problem = first_bytes_problem(path, hdf4.MAGIC, "HDF4")
        if problem is not None:
            bad.append((path, problem, "M04"))
            continue
        try:
            found.append(_granule(path))
        except ValueError as error:  # also a date or number in the metadata that is none
            bad.append((path, str(error).rstrip("."), getattr(error, "code", None) or "M03"))
    codes = {code for *_, code in bad}
    refuse_bad(
        [(path, problem) for path, problem, _ in bad],
        "readable MODIS granule",
        total=len(paths),
        code=codes.pop() if len(codes) == 1 else "M03",
    )
    return found


def stack(kept: Sequence[Composite], *, chunks: Chunks | None) -> tuple[xr.Dataset, dict[str, Box]]:
    """Join the tiles of :func:`scan` lazily; also gives the outer edges of each tile on the sinusoidal grid.

    Parameters
    ----------
    kept : sequence of Composite
        At most one a tile and date.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        One variable a role (time, y, x); ``time`` is the first day.
    dict
        Tile name to (left, bottom, right, top).
    """
    family = PRODUCTS[kept[0].product].family
    roles = used_by_all([c.item.layers for c in kept], family)
    data = hdf4.stack(kept, {role: FAMILIES[family][role] for role in roles}, chunks=chunks)
    return data, {c.part: c.item.tile.box for c in kept}


def _granule(path: Path) -> Composite:
    head = hdf4.header(path)
    said, named = _metadata(head.text("CoreMetadata")), _name(path)
    product, start = _agreed("product", said, named, "M26"), _agreed("start", said, named, "M19")
    layers = find(head.layers, product_named(product).family)
    tile = hdf4.tile_of(head.text("StructMetadata"), head.shapes[next(iter(layers.values()))])
    return Composite(
        start,
        path,
        hdf4.Granule(tile, layers),
        said.get("stamp") or named.get("stamp") or "",
        SENSORS[product[:3]],
        product[3:],
        said.get("collection") or named.get("collection") or "",
        tile.name,
    )


def _agreed(key: str, said: Mapping[str, Any], named: Mapping[str, Any], code: str) -> Any:
    """Take what the metadata say, else the name; raise if they contradict each other or both are silent."""
    if key in said and key in named and said[key] != named[key]:
        raise QtpDataError(
            f"the name and the metadata give different {key}s",
            found=f"name {named[key]}",
            expected=said[key],
            hint="A file that was renamed?",
            code=code,
        )
    if key not in said and key not in named:
        raise QtpDataError(
            f"neither CoreMetadata nor the name tells the {key}",
            code=code,
            expected="a name like MOD11A2.A2016001.h25v05.061.<production date>.hdf",
        )
    return said.get(key, named.get(key))


def _name(path: Path) -> dict[str, Any]:
    match = _NAME.search(path.name)
    if match is None:
        return {}
    known = match.groupdict() | {"start": date_of(match, path)}
    return {key: known[key] for key in ("product", "start", "collection", "stamp") if known[key] is not None}


def _metadata(text: str) -> dict[str, Any]:
    """Product, first day, collection and production date (year, day of year, time) that CoreMetadata names."""
    raw = {key: _value(text, name) for key, name in _CORE.items()}
    out: dict[str, Any] = {"product": raw["product"]} if raw["product"] else {}
    if raw["date"]:
        out["start"] = np.datetime64(dt.date.fromisoformat(raw["date"][:10]), "D")
    if raw["collection"]:
        out["collection"] = f"{int(raw['collection']):03d}"
    if raw["made"]:
        out["stamp"] = f"{dt.datetime.fromisoformat(raw['made'][:19]):%Y%j%H%M%S}"
    return out


def _value(text: str, name: str) -> str | None:
    found = re.search(rf"OBJECT\s*=\s*{name}\s(.*?)END_OBJECT\s*=\s*{name}\s", text, re.DOTALL)
    value = re.search(r'VALUE\s*=\s*"?([^"\n]+?)"?\s*\n', found[1]) if found else None
    return value[1].strip() if value else None
