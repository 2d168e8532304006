"""Which product, date and tile a granule is: by its own metadata, by its name where those are silent."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import first_bytes_problem, refuse_bad
from qtp_toolkit.load.files.dates import date_of
from qtp_toolkit.load.temperature import eos5, hdf4, tiles
from qtp_toolkit.load.temperature.composites import Composite
from qtp_toolkit.load.temperature.coverage import Box
from qtp_toolkit.load.temperature.layers import (
    FAMILIES,
    PRODUCTS,
    SENSORS,
    SHORT_NAME,
    find,
    product_named,
    used_by_all,
)

_NAME = re.compile(
    SHORT_NAME + r"\.A(?P<year>\d{4})(?P<doy>\d{3})(?:\.h\d\dv\d\d)?\.(?P<collection>\d{3})(?:\.(?P<stamp>\d{13}))?"
)
_CORE = {
    "product": "SHORTNAME", "date": "RANGEBEGINNINGDATE", "collection": "VERSIONID", "made": "PRODUCTIONDATETIME",
}  # fmt: skip
_ATTRIBUTES = {
    "product": ("ShortName",), "date": ("RangeBeginningDate",), "collection": ("VersionID",),
    "made": ("ProductionTime", "ProductionDateTime"),
}  # fmt: skip


class Container(NamedTuple):
    """How granules of one container are opened."""

    magic: tuple[bytes, ...]
    name: str
    header: Callable[[Path], tiles.Contents]
    stack: Callable[..., xr.Dataset]
    instrument: str
    example: str
    unreadable: str
    """Code of the fault, where files have several."""


HDF4 = Container(
    hdf4.MAGIC, "HDF4", hdf4.header, hdf4.stack, "MODIS", "MOD11A2.A2016001.h25v05.061.<production date>.hdf", "M03"
)
HDF5 = Container(
    eos5.MAGIC, "HDF5", eos5.header, eos5.stack, "VIIRS", "VNP21A2.A2016001.h25v05.002.<production date>.h5", "M05"
)


def scan(paths: Sequence[Path], *, container: Container = HDF4, extras: bool = False) -> list[Composite]:
    """Headers of granules: product, sensor, collection, first day, production date, tile and layers of each.

    Parameters
    ----------
    paths : sequence of pathlib.Path
    container : Container
    extras : bool
        Whether the times of the views are wanted.

    Returns
    -------
    list of Composite
        ``item`` is a :class:`.tiles.Granule`, ``part`` the tile that StructMetadata places it in.

    Raises
    ------
    QtpDataError
        Lists all bad files at once: M03, M04 or M05 (unreadable), M19 (date missing, impossible, or not the one in the
        name), M26 (product not the one in the name), M27 (layers), M11 and M07 (tags that contradict the product), I06
        (layers of several sizes).
    """
    if container is HDF4:
        hdf4.library()
    found, bad = [], []
    for path in map(Path, paths):
        problem = first_bytes_problem(path, container.magic, container.name)
        if problem is not None:
            bad.append((path, problem, "M04"))
            continue
        try:
            found.append(_granule(path, container, extras=extras))
        except ValueError as error:  # also a date or number in the metadata that is none
            bad.append((path, str(error).rstrip("."), getattr(error, "code", None) or container.unreadable))
    codes = {code for *_, code in bad}
    refuse_bad(
        [(path, problem) for path, problem, _ in bad],
        f"readable {container.instrument} granule",
        total=len(paths),
        code=codes.pop() if len(codes) == 1 else container.unreadable,
    )
    return found


def stack(
    kept: Sequence[Composite], *, chunks: Chunks | None, container: Container = HDF4
) -> tuple[xr.Dataset, dict[str, Box]]:
    """Join the tiles of :func:`scan` lazily; also gives the outer edges of each tile on the sinusoidal grid.

    Parameters
    ----------
    kept : sequence of Composite
        At most one a tile and date.
    chunks : dict, optional
    container : Container

    Returns
    -------
    xarray.Dataset
        One variable a role (time, y, x); ``time`` is the first day.
    dict
        Tile name to (left, bottom, right, top).
    """
    family = PRODUCTS[kept[0].product].family
    roles = used_by_all([c.item.layers for c in kept], family)
    data = container.stack(kept, {role: FAMILIES[family][role] for role in roles}, chunks=chunks)
    return data, {c.part: c.item.tile.box for c in kept}


def _granule(path: Path, container: Container, *, extras: bool) -> Composite:
    head = container.header(path)
    told = {**_raw_metadata(head.text("CoreMetadata")), **_raw_attributes(head.attributes)}
    said, named = _metadata(told), _name(path)
    product = _agreed("product", said, named, "M26", container)
    start = _agreed("start", said, named, "M19", container)
    layers = find(head.layers, product_named(product).family, extras=extras)
    tile = tiles.tile_of(head.text("StructMetadata"), _one_shape({name: head.shapes[name] for name in layers.values()}))
    return Composite(
        start,
        path,
        tiles.Granule(tile, {role: head.places.get(name, name) for role, name in layers.items()}),
        said.get("stamp") or named.get("stamp") or "",
        SENSORS[product[:3]],
        product[3:],
        said.get("collection") or named.get("collection") or "",
        tile.name,
    )


def _one_shape(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Rows and columns that the layers of a granule have; raise if they differ: bytes would mask other ground."""
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} {' x '.join(map(str, shape))}" for name, shape in shapes.items())
        raise QtpDataError("layers of one granule differ in size", found=found, code="I06")
    return next(iter(shapes.values()))


def _agreed(key: str, said: Mapping[str, Any], named: Mapping[str, Any], code: str, container: Container) -> Any:
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
            expected=f"a name like {container.example}",
        )
    return said.get(key, named.get(key))


def _name(path: Path) -> dict[str, Any]:
    match = _NAME.search(path.name)
    if match is None:
        return {}
    known = match.groupdict() | {"start": date_of(match, path)}
    return {key: known[key] for key in ("product", "start", "collection", "stamp") if known[key] is not None}


def _raw_metadata(text: str) -> dict[str, str]:
    """Read what CoreMetadata says, as it is spelled there."""
    return {key: value for key, name in _CORE.items() if (value := _value(text, name))}


def _raw_attributes(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Read what the attributes of a file say, as they are spelled there."""
    return {
        key: str(attributes[name]) for key, names in _ATTRIBUTES.items() for name in names[::-1] if name in attributes
    }


def _metadata(raw: Mapping[str, str]) -> dict[str, Any]:
    """Product, first day, collection and production date (year, day of year, time) of what a file says."""
    out: dict[str, Any] = {"product": raw["product"]} if "product" in raw else {}
    if "date" in raw:
        out["start"] = np.datetime64(dt.date.fromisoformat(raw["date"][:10].replace("/", "-")), "D")
    if "collection" in raw:
        out["collection"] = f"{int(float(raw['collection'])):03d}"
    if "made" in raw:
        out["stamp"] = f"{dt.datetime.fromisoformat(raw['made'][:19]):%Y%j%H%M%S}"
    return out


def _value(text: str, name: str) -> str | None:
    found = re.search(rf"OBJECT\s*=\s*{name}\s(.*?)END_OBJECT\s*=\s*{name}\s", text, re.DOTALL)
    value = re.search(r'VALUE\s*=\s*"?([^"\n]+?)"?\s*\n', found[1]) if found else None
    return value[1].strip() if value else None
