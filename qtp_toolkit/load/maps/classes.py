"""Class maps: codes, and the names that the catalog or a table beside the file gives them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import names_entities
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.tiff import Decode, lazy_stack

NO_CLASS = -1
"""Code of pixels without a class."""

CLASS_VARIABLES = ("permafrost", "vegetation")
"""Quantities that are classes; others are where the catalog gives them classes."""

_MAX_BYTES = 5_000_000
_NAME_COLUMNS = ("class", "class_name", "classname", "name", "label", "type", "landcover", "category")
_CODE_COLUMNS = ("value", "code", "class_code", "id")


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
    if names_entities(text):
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
    return next(iter(by_usage or by_heading), None)


def class_map(
    header: Header,
    variable: str,
    classes: Mapping[int, str] | None,
    nodata: tuple[float, ...],
    *,
    chunks: Chunks | None,
    band: int,
) -> xr.DataArray:
    """Codes (y, x), int16, -1 without data, lazy; as :func:`qtp_toolkit.load.raster` of a class map.

    Parameters
    ----------
    header : Header
    variable : str
    classes : mapping of int to str, optional
        By default those of the table beside the file.
    nodata : tuple of float
        Stored values without data, beside the file's own tag, unless the tag is one of ``classes``.
    chunks : dict, optional
    band : int

    Raises
    ------
    QtpDataError
        S10: no names; S06: a code that is a class and no data; when computed: S06, codes that are no
        class, S10, codes with a fraction.
    """
    names = classes or class_table(header.path)
    if not names:
        raise QtpDataError(
            f"{variable} is a class map, but its classes have no names",
            path=header.path,
            code="S10",
            hint="Give the source classes: {code: name, ...}.",
        )
    wide = [code for code in names if not 0 <= code <= np.iinfo("int16").max]
    if wide:
        raise QtpDataError("class codes must be 0 to 32767", path=header.path, found=wide)
    both = [code for code in nodata if code in (classes or {})]
    if both:
        raise QtpDataError(
            "a code is a class and no data at once in the catalog",
            path=header.path,
            found=both,
            code="S06",
            hint="Take it out of classes or out of parameters.nodata.",
        )
    real = header.dtype.startswith("float")
    decode = Decode(
        (*nodata, *_own_tag(header, classes or {})),
        dtype="float64" if real else "int32",
        fill=np.nan if real else NO_CLASS,
    )
    stored = lazy_stack([header], header, decode, dim="band", chunks=chunks, band=band).isel(band=0)
    out = xr.apply_ufunc(
        _coded,
        stored,
        kwargs={"codes": tuple(names), "path": str(header.path)},
        dask="parallelized",
        output_dtypes=["int16"],
        keep_attrs=True,
    )
    table = json.dumps({int(code): name for code, name in sorted(names.items())}, ensure_ascii=False)
    return describe(out, variable, classes=table, nodata=NO_CLASS)


def _own_tag(header: Header, classes: Mapping[int, str]) -> tuple[float, ...]:
    """Return the nodata tag of the file, if it has one that the catalog does not name as a class."""
    tag = header.nodata
    if tag is None or tag not in classes:
        return () if tag is None else (tag,)
    warnings.warn(
        f"{header.path.name}: {tag:g} is no data by the tag of the file, but {classes[int(tag)]!r} by the catalog, "
        "which holds",
        UserWarning,
        stacklevel=4,
    )
    return ()


def _coded(values: np.ndarray, *, codes: tuple[int, ...], path: str) -> np.ndarray:
    """Codes as int16; an error that lists those that are no class."""
    known = np.isin(values, codes)
    missing = np.isnan(values) | (np.abs(values) > 1e30) if values.dtype.kind == "f" else values == NO_CLASS
    other = np.unique(values[~known & ~missing])
    if other.size:
        fractions = bool((other % 1 != 0).any())
        raise QtpDataError(
            "class map holds codes that are no class",
            path=path,
            expected=sorted(codes),
            code="S10" if fractions else "S06",
            found=f"{[round(float(v), 3) for v in other[:20]]}, {np.isin(values, other).mean():.1%} of a block",
            hint="Was it interpolated? Resample classes by nearest neighbor."
            if fractions
            else "Add them to classes, or to parameters.nodata if they mean that there is no data.",
        )
    return np.where(known, np.where(known, values, 0), NO_CLASS).astype("int16")
