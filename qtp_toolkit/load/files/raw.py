"""Bare numbers, row after row, as ISCE2 and GACOS write them: where they lie, and lazy windows of them.

GDAL is not asked: beside a file of ISCE2 it may take a header of MintPy (.rsc) for one of ROI_PAC and read it in
another shape without a word. What headers say is held against the size of the file, and only what fits is believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.load.files.blocks import ITEM_BYTES, Chunks, block_shape, lazy_blocks
from qtp_toolkit.load.files.checks import names_entities, refuse_complex
from qtp_toolkit.load.files.limits import hold
from qtp_toolkit.load.files.tiff import Decode, decoded

_ISCE = {"BYTE": "u1", "SHORT": "i2", "INT": "i4", "LONG": "i4", "FLOAT": "f4", "DOUBLE": "f8", "CFLOAT": "c8"}
_GDAL = {"Byte": "u1", "Int16": "i2", "UInt16": "u2", "Int32": "i4", "Float32": "f4", "Float64": "f8", "CFloat32": "c8"}
_MINTPY = {"byte": "u1", "uint8": "u1", "bool": "u1", "int16": "i2", "float": "f4", "float32": "f4", "float64": "f8"}
_ENVI = {"1": "u1", "2": "i2", "3": "i4", "4": "f4", "5": "f8", "6": "c8", "12": "u2"}


_ENDINGS = (".xml", ".vrt", ".hdr", ".rsc")


class RawBand(NamedTuple):
    """One band of a file of bare numbers: its type with the order of bytes, and bytes from one to the next."""

    path: Path
    height: int
    width: int
    dtype: str
    first: int
    pixel: int
    line: int

    @property
    def end(self) -> int:
        """Byte behind its last number."""
        last = self.first + (self.height - 1) * self.line + (self.width - 1) * self.pixel
        return last + np.dtype(self.dtype).itemsize

    def every(self, step: int) -> RawBand:
        """Return every so many of its lines and samples, from the first on."""
        height, width = (-(-size // step) for size in (self.height, self.width))
        return self._replace(height=height, width=width, pixel=self.pixel * step, line=self.line * step)


def raw_bands(path: Path) -> list[RawBand]:
    """Bands of a file of bare numbers, by the ``.xml``, ``.vrt``, ``.hdr`` or ``.rsc`` beside it that fits its size.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    list of RawBand
        No number is read.

    Raises
    ------
    QtpDataError
        M05: the file is not there or empty; no header lies beside it, or none fits its size (says what each tells).
    """
    if not path.is_file() or not path.stat().st_size:
        raise QtpDataError("a file is not there, or empty", path=path, code="M05")
    if path.suffix.lower() in _ENDINGS:
        raise QtpDataError(
            "a header is named instead of the numbers that it describes",
            path=path,
            expected=f"the file beside it, as {path.stem}",
            hint="Narrow the uri to the files without such an ending.",
            code="M05",
        )
    size, told = path.stat().st_size, []
    for name, tell in _headers(path):
        if not name.is_file():
            continue
        bands = tell(path, name)
        if bands and max(band.end for band in bands) == size:
            return bands
        shape = f"{len(bands)} x {bands[0].height} x {bands[0].width} {bands[0].dtype}" if bands else "nothing readable"
        told.append(f"{name.name}: {shape}")
    raise QtpDataError(
        "no header says in which shape the numbers lie",
        path=path,
        expected=f"an .xml, .vrt, .hdr or .rsc beside it that makes {size} bytes",
        found="; ".join(told) or "none",
        hint="Was the file cut short, or a header of another file copied beside it?" if told else None,
        code="M05",
    )


def _headers(path: Path) -> list[tuple[Path, Callable[[Path, Path], list[RawBand]]]]:
    beside = [path.with_name(path.name + ending) for ending in _ENDINGS]
    known = list(zip(beside, (_by_xml, _by_vrt, _by_hdr, _by_rsc), strict=True))
    return [*known[:3], (path.with_suffix(".hdr"), _by_hdr), known[3]]


def laid_out(path: Path, shape: tuple[int, int, int], dtype: str, scheme: str) -> list[RawBand]:
    """Bands (bands, height, width) of a file by their scheme: BSQ one after the other, BIL by line, BIP by pixel."""
    bands, height, width = shape
    item = np.dtype(dtype).itemsize
    steps = {"BIL": (width, 1, bands * width), "BIP": (1, bands, bands * width)}
    band, pixel, line = steps.get(scheme.upper(), (height * width, 1, width))
    return [RawBand(path, height, width, dtype, k * band * item, pixel * item, line * item) for k in range(bands)]


def xml_root(path: Path) -> ET.Element | None:
    """Root of a small XML file; None if it cannot be read, or declares entities."""
    text = path.read_bytes()
    if names_entities(text):
        return None
    try:
        return ET.fromstring(text)
    except ET.ParseError:
        return None


def properties(root: ET.Element) -> dict[str, str]:
    """Properties of an XML of ISCE2 and its components by name, in small letters; the first of a name counts."""
    found: dict[str, str] = {}
    for node in root.iter("property"):
        name = node.get("name", "").lower().replace("_", "").replace(" ", "")
        found.setdefault(name, (node.findtext("value") or "").strip())
    return found


def rsc(path: Path) -> dict[str, str]:
    """Keys and values of a header of ROI_PAC; only those in capitals are of the file itself."""
    lines = (line.split(None, 1) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return {words[0]: words[1].strip() for words in lines if len(words) == 2}


def _by_xml(path: Path, header: Path) -> list[RawBand]:
    root = xml_root(header)
    # of the image itself: components within it have names of their own
    said = {} if root is None else {n.get("name", "").lower(): n.findtext("value") or "" for n in root.iter("property")}
    try:
        shape = tuple(int(said[name]) for name in ("number_bands", "length", "width"))
        order = ">" if said.get("byte_order", "l").strip().lower().startswith("b") else "<"
        dtype = order + _ISCE[said["data_type"].strip().upper()]
    except (KeyError, ValueError):
        return []
    return laid_out(path, shape, dtype, said.get("scheme", "BIL").strip())  # type: ignore[arg-type]  # three of them


def _by_vrt(path: Path, header: Path) -> list[RawBand]:
    root = xml_root(header)
    nodes = [] if root is None else root.findall("VRTRasterBand")
    try:
        return [_raw_node(path, root, node) for node in nodes if node.get("subClass") == "VRTRawRasterBand"]
    except (KeyError, ValueError):
        return []


def _raw_node(path: Path, root: ET.Element | None, node: ET.Element) -> RawBand:
    order = ">" if (node.findtext("ByteOrder") or "LSB").strip() == "MSB" else "<"
    return vrt_band(path, root, node, order + _GDAL[node.get("dataType", "Byte")])


def vrt_band(path: Path, root: ET.Element | None, node: ET.Element, dtype: str) -> RawBand:
    """Where a VRT says that the numbers of a band lie; KeyError or ValueError where it does not."""
    size = {} if root is None else root.attrib
    height, width = int(size["rasterYSize"]), int(size["rasterXSize"])
    pixel = int(node.findtext("PixelOffset") or np.dtype(dtype).itemsize)
    line = int(node.findtext("LineOffset") or pixel * width)
    return RawBand(path, height, width, dtype, int(node.findtext("ImageOffset") or 0), pixel, line)


def _by_hdr(path: Path, header: Path) -> list[RawBand]:
    text = header.read_text(encoding="utf-8", errors="replace")
    said = {key.strip().lower(): value.strip() for key, value in re.findall(r"^([^=\n]+)=(.*)$", text, re.MULTILINE)}
    try:
        shape = int(said.get("bands", "1")), int(said["lines"]), int(said["samples"])
        dtype = (">" if said.get("byte order") == "1" else "<") + _ENVI[said["data type"]]
    except (KeyError, ValueError):
        return []
    return laid_out(path, shape, dtype, said.get("interleave", "bsq"))


def _by_rsc(path: Path, header: Path) -> list[RawBand]:
    said = rsc(header)
    try:
        height, width = int(said.get("FILE_LENGTH", said.get("LENGTH", ""))), int(said["WIDTH"])
    except (KeyError, ValueError):
        return []
    each = path.stat().st_size / (height * width)
    # MintPy brings type and bands along from the header of ISCE2
    own, count = _MINTPY.get(said.get("DATA_TYPE", "").lower()), said.get("number_bands", said.get("BANDS", ""))
    if own and count.isdigit() and int(count) * np.dtype(own).itemsize == each:
        order = ">" if said.get("byte_order", "l").lower().startswith("b") else "<"
        return laid_out(path, (int(count), height, width), order + own, said.get("scheme", "BIL"))
    known = {1: (1, "<u1"), 4: (1, "<f4"), 8: (2, "<f4")}  # by ROI_PAC two bands of decimals lie line by line
    bands, dtype = known.get(int(each), known[4]) if each == int(each) else known[4]  # which then does not fit
    return laid_out(path, (bands, height, width), dtype, "BIL")


def lazy_raw(
    bands: Sequence[RawBand | None],
    decode: Decode,
    *,
    dim: str,
    chunks: Chunks | None = None,
    variable: str | None = None,
    factors: Sequence[float] | np.ndarray | None = None,
    absent: float | None = None,
    strength: Sequence[RawBand | None] | None = None,
) -> xr.DataArray:
    """Lazy array (dim, y, x) of bands of one shape, without coordinates.

    Parameters
    ----------
    bands : sequence of RawBand or None
        One a step along ``dim``.
    decode : Decode
    dim : str
    chunks : dict, optional
    variable : str, optional
        Key of the variable table: values are held to its physical range.
    factors : sequence of float, optional
        What each step is multiplied by.
    absent : float, optional
        Value of steps without a file; by default the fill value.
    strength : sequence of RawBand or None, optional
        Amplitude of each step: a 0 is missing only where this is 0 too.

    Raises
    ------
    QtpDataError
        I06: unlike shapes (lists how many files have which).
    """
    present = [band for band in bands if band is not None]
    refuse_complex([(band.path, band.dtype) for band in present])
    shape = same_shape(present)
    sizes = dict(zip((dim, Y, X), (len(bands), *shape), strict=True))
    each = tuple(map(float, factors)) if factors is not None else (1.0,) * len(bands)
    others = tuple(strength) if strength is not None else (None,) * len(bands)
    how = {"decode": decode, "factors": each, "variable": variable, "absent": absent, "strength": others}
    blocks = block_shape(sizes, chunks, itemsize=ITEM_BYTES)
    paths = [band.path for band in present]
    return xr.DataArray(
        lazy_blocks(read_raw_block, blocks, decode.dtype, paths=paths, bands=tuple(bands), **how), dims=(dim, Y, X)
    )


def same_shape(bands: Sequence[RawBand]) -> tuple[int, int]:
    """Height and width of all, or I06."""
    shapes: dict[tuple[int, int], list[str]] = {}
    for band in bands:
        shapes.setdefault((band.height, band.width), []).append(str(band.path))
    if len(shapes) == 1:
        return next(iter(shapes))
    told = "; ".join(f"{len(names)} of {h} x {w} (e.g. {names[0]})" for (h, w), names in shapes.items())
    hint = (
        "Move the odd ones away, or make them anew: nothing says which lines and samples they lack." if told else None
    )
    raise QtpDataError("the files differ in size", expected="one shape", found=told or "no file", hint=hint, code="I06")


def read_raw_block(
    bounds: tuple[tuple[int, int], ...],
    *,
    bands: tuple[RawBand | None, ...],
    decode: Decode,
    factors: tuple[float, ...],
    variable: str | None,
    absent: float | None,
    strength: tuple[RawBand | None, ...],
) -> np.ndarray:
    """One block, decoded and held to the physical range of the variable; run by workers."""
    (first, last), rows, columns = bounds
    out = np.empty((last - first, rows[1] - rows[0], columns[1] - columns[0]), decode.dtype)
    steps = (series[first:last] for series in (bands, factors, strength))
    for plane, band, factor, other in zip(out, *steps, strict=True):
        if band is None:
            plane[...] = decode.fill if absent is None else absent
            continue
        own = decode._replace(scale=decode.scale * factor, offset=decode.offset * factor)
        raw = read_raw(band, rows, columns)
        plane[...] = decoded(raw, own)
        if other is not None and (zero := raw == 0).any():
            plane[zero & (read_raw(other, rows, columns) != 0)] = own.offset
        if variable is not None:
            hold(plane, variable, band.path, scale=own.scale, offset=own.offset, settings=own.settings)
    return out


def read_raw(band: RawBand, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """Read the stored values of a window, in the order of bytes of this machine.

    Raises
    ------
    QtpDataError
        M05: the file ends early.
    """
    (top, bottom), (left, right) = rows, columns
    item = np.dtype(band.dtype).itemsize
    out = np.empty((bottom - top, right - left), band.dtype)
    length = (right - left - 1) * band.pixel + item
    with band.path.open("rb", buffering=0) as stream:
        for k, row in enumerate(range(top, bottom)):
            stream.seek(band.first + row * band.line + left * band.pixel)
            piece = stream.read(length)
            if len(piece) != length:
                raise QtpDataError(
                    "cannot read pixels: the file ends early", path=band.path, where=f"row {row}", code="M05"
                )
            out[k] = np.ndarray(right - left, band.dtype, piece, strides=(band.pixel,))
    return out.astype(out.dtype.newbyteorder("="), copy=False)
