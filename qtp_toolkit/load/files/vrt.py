"""What GDAL's virtual rasters (VRT) point at: files of bare numbers, or other rasters, and whether these are whole.

GDAL reads what lies beyond the end of a file of bare numbers as zeros, without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from qtp_toolkit.load.files.directory import read_directory
from qtp_toolkit.load.files.raw import vrt_band, xml_root

_BYTES = {"Byte": 1, "Int8": 1, "Int16": 2, "UInt16": 2, "CInt16": 4, "Int32": 4, "UInt32": 4, "Float32": 4}
_BYTES |= {"CInt32": 8, "CFloat32": 8, "Float64": 8, "Int64": 8, "UInt64": 8, "CFloat64": 16}
"""Bytes a number, by the names of GDAL."""


def sources_of(path: Path) -> list[Path]:
    """Files that a VRT is read from, through VRTs that it names; of any other file none.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    list of pathlib.Path
        Each once; sources that are no paths of files (archives, addresses) are left out.
    """
    found: dict[Path, None] = {}
    left = [path]
    while left:
        here = left.pop()
        new = [source for _, source in _sources(here) if source not in found and source != path]
        found |= dict.fromkeys(new)
        left += new
    return [*found]


def cut_short(path: Path) -> str | None:
    """Say which file of a raster, the file itself or one that a VRT points at, is not there or ends too early.

    Parameters
    ----------
    path : pathlib.Path
        GeoTIFFs and files of bare numbers behind a VRT are looked at, by size; others tell themselves.

    Returns
    -------
    str or None
    """
    for here in (path, *sources_of(path)):
        if not here.is_file():
            return f"{here}: there is no such file" if here != path else None  # who opens it tells
        size, own = here.stat().st_size, read_directory(here)
        if own is not None and own.end > size:
            return f"{here.name} is truncated: its last block ends at byte {own.end}, {size} bytes on disk"
        for end, source in _sources(here):
            if end is not None and source.is_file() and source.stat().st_size < end:
                return f"{source} is truncated: {end} bytes expected, {source.stat().st_size} on disk"
    return None


def _sources(path: Path) -> Iterator[tuple[int | None, Path]]:
    """Files that a VRT names, and the byte behind the last number of each file of bare numbers."""
    root = xml_root(path) if path.suffix.lower() == ".vrt" and path.is_file() else None
    if root is None:
        return
    for band in root.iter("VRTRasterBand"):
        raw = band.get("subClass") == "VRTRawRasterBand"
        for node in band.iter("SourceFilename"):
            text = (node.text or "").strip()
            source = path.parent / text if node.get("relativeToVRT", "0") == "1" else Path(text)
            if raw or (":" not in text and not text.startswith("/vsi")):
                yield _end(root, band, source) if raw else None, source


def _end(root: ET.Element, band: ET.Element, source: Path) -> int | None:
    """Byte behind the last number of a band; None if the VRT does not say it in numbers."""
    try:
        return vrt_band(source, root, band, f"V{_BYTES[band.get('dataType', 'Byte')]}").end
    except (KeyError, ValueError):
        return None
