"""What a GeoTIFF says of a band beside its pixels: scale and offset, and the names of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from qtp_toolkit.conventions import QtpDataError

_MAX_BYTES = 5_000_000
_NAME_COLUMNS = ("class", "class_name", "classname", "name", "label", "type", "landcover", "category")
_CODE_COLUMNS = ("value", "code", "class_code", "id")


def band_tags(path: Path, band: int = 1) -> dict[str, Any]:
    """Tags of a band; ``scale_factor`` and ``add_offset`` where the file scales it, in GDAL's way or by name.

    Parameters
    ----------
    path : pathlib.Path
        A readable GeoTIFF.
    band : int
        From 1.

    Returns
    -------
    dict
        No pixel is read.
    """
    import rasterio  # noqa: PLC0415  slow to import

    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(path) as dataset:
        if band > dataset.count:
            raise QtpDataError("the file has no such band", path=path, expected=f"1 to {dataset.count}", found=band)
        tags = dict(dataset.tags(band))
        scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
    if (scale, offset) != (1.0, 0.0):
        tags |= {"scale_factor": scale, "add_offset": offset}
    return tags


def class_table(path: Path) -> dict[int, str] | None:
    """Names of the classes by code, as the raster attribute table or the category names beside the file give them.

    Parameters
    ----------
    path : pathlib.Path
        The GeoTIFF; the table is looked for in ``<name>.aux.xml``.

    Returns
    -------
    dict or None
        None if there is no table.

    Raises
    ------
    QtpDataError
        If the table is not readable, or has no column of names.
    """
    beside = path.with_name(path.name + ".aux.xml")
    if not beside.is_file():
        return None
    text = beside.read_bytes() if beside.stat().st_size <= _MAX_BYTES else b"<!ENTITY"
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise QtpDataError("class table with a document type, with entities or over 5 MB is not read", path=beside)
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise QtpDataError(f"class table is not readable: {error}", path=beside) from None
    table = root.find(".//GDALRasterAttributeTable")
    if table is not None:
        return _attribute_table(table, beside)
    names = [(item.text or "").strip() for item in root.iterfind(".//CategoryNames/Category")]
    return {code: name for code, name in enumerate(names) if name} or None


def _attribute_table(table: ET.Element, path: Path) -> dict[int, str]:
    """Code and name of each row; columns are told by GDAL's usage (2 name, 5 value), else by their headings."""
    columns = [
        (int(field.findtext("Usage") or 0), (field.findtext("Name") or "").strip().lower())
        for field in table.iterfind("FieldDefn")
    ]
    code, name = _column(columns, 5, _CODE_COLUMNS), _column(columns, 2, _NAME_COLUMNS)
    if code is None or name is None:
        raise QtpDataError(
            "class table has no column of codes and names",
            path=path,
            found=[heading for _, heading in columns],
            hint="Give the classes in the catalog.",
        )
    rows = [[(cell.text or "").strip() for cell in row.iterfind("F")] for row in table.iterfind("Row")]
    try:
        return {int(float(row[code])): row[name] for row in rows if row[name]}
    except (ValueError, IndexError):
        raise QtpDataError("class table holds a code that is no number", path=path) from None


def _column(columns: list[tuple[int, str]], usage: int, headings: tuple[str, ...]) -> int | None:
    by_usage = [k for k, (used, _) in enumerate(columns) if used == usage]
    by_heading = [k for k, (_, heading) in enumerate(columns) if heading in headings]
    return (by_usage or by_heading or [None])[0]
