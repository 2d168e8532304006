"""GRIB messages on pressure levels or at the surface through GDAL: each is a band, read when its block is computed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, X, Y
from qtp_toolkit.load.files.blocks import Chunks, block_shape, lazy_blocks

if TYPE_CHECKING:
    import rasterio

_LEVEL = re.compile(r"^([\d.]+)-ISBL$")
_SURFACE = re.compile(r"^([\d.]+)-SFC$")


class _Message(NamedTuple):
    element: str
    time: np.datetime64
    level: float


def why_cut(path: Path) -> str | None:
    """Tell whether a file ends within a message; each says how long it is. GDAL opens what it cannot read then."""
    size, at, count = path.stat().st_size, 0, 0
    with path.open("rb") as stream:
        while at < size:
            stream.seek(at)
            head = stream.read(512)
            if (begin := head.find(b"GRIB")) < 0:  # padding between messages, or what is left of the next
                rest = head.strip(b"\x00")
                return f"{count} whole messages, then {size - at} bytes" if rest and b"GRIB".startswith(rest) else None
            at, head = at + begin, head[begin : begin + 16].ljust(16, b"\x00")
            length = int.from_bytes(head[4:7] if head[7] == 1 else head[8:16], "big")
            if head[7] == 1 and length >= 2**23:  # large messages of the first edition count otherwise
                return None
            if not length or at + length > size:
                return f"{count} whole messages, and {size - at} bytes of the next, of {length or 'unknown'}"
            at, count = at + length, count + 1
    return None


def grib_fields(
    uri: str, path: Path, elements: dict[str, str], *, levels: bool = True, chunks: Chunks | None = None
) -> xr.Dataset:
    """Fields of a GRIB file on pressure levels, or at the surface, in the units of the file.

    Parameters
    ----------
    uri : str
        What GDAL opens: the path, or ``/vsizip/...`` for a member of an archive.
    path : path
        The file on the disk, for errors and for the state of what is read.
    elements : dict of str to str
        GDAL's name of each element wanted, and ours; others are left out.
    levels : bool
        Whether messages on pressure levels are wanted, or those at the surface.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        Dims ``time, level, y, x``, without ``level`` at the surface; ``level`` in hPa, rising; y from north to south;
        no CRS: GRIB names a sphere, on which latitudes are meant as they are. Lazy, float32.

    Raises
    ------
    QtpDataError
        M05 if GDAL cannot open it, M27 if messages of the wanted fields are missing or there twice.
    """
    import rasterio  # noqa: PLC0415  slow to import

    try:
        with _kept_units(), rasterio.open(uri) as file:
            bands = _find_messages(file, elements, _LEVEL if levels else _SURFACE)
            transform, shape = file.transform, file.shape
    except rasterio.errors.RasterioIOError as error:
        raise QtpDataError(f"cannot open GRIB: {error}", path=path, code="M05") from None
    names = sorted({message.element for message in bands})
    times = sorted({message.time for message in bands})
    heights = sorted({message.level for message in bands})
    table = np.array([[[bands.get(_Message(n, t, p), 0) for p in heights] for t in times] for n in names])
    if not table.size or not table.all():
        raise QtpDataError(
            "GRIB lacks messages",
            path=path,
            found=f"{np.count_nonzero(table)} messages {'on pressure levels' if levels else 'at the surface'}",
            expected=f"{sorted(set(elements.values()))} on each of {len(times)} times and {len(heights)} levels",
            code="M27",
        )
    coords = {
        TIME: np.array(times, "datetime64[ns]"),
        "level": np.array(heights),
        Y: transform.f + (np.arange(shape[0]) + 0.5) * transform.e,
        X: transform.c + (np.arange(shape[1]) + 0.5) * transform.a,
    }
    sizes = {dim: len(values) for dim, values in coords.items()}
    blocks = block_shape(sizes, {TIME: 1} | (chunks or {}), itemsize=4)
    fields = {
        name: (tuple(coords), lazy_blocks(_read, blocks, "float32", paths=[path], uri=uri, bands=numbers.tolist()))
        for name, numbers in zip(names, table, strict=True)
    }
    data = xr.Dataset(fields, coords)
    return data if levels else data.isel(level=0, drop=True)


@contextmanager
def _kept_units() -> Iterator[None]:
    """GDAL would turn kelvin into degrees Celsius."""
    import rasterio  # noqa: PLC0415

    with rasterio.Env(GRIB_NORMALIZE_UNITS="NO"):
        yield


def _find_messages(
    file: rasterio.DatasetReader, elements: dict[str, str], place: re.Pattern[str]
) -> dict[_Message, int]:
    found: dict[_Message, int] = {}
    for band in file.indexes:
        tags = file.tags(band)
        level = place.match(tags.get("GRIB_SHORT_NAME", ""))
        element = elements.get(tags.get("GRIB_ELEMENT", ""))
        if level is None or element is None:
            continue
        scale = 0.01 if "GRIB_DISCIPLINE" in tags else 1.0  # the second edition counts levels in Pa
        seconds = int(tags["GRIB_VALID_TIME"].split()[0])
        message = _Message(element, np.datetime64(seconds, "s"), float(level[1]) * scale)
        if message in found:
            raise QtpDataError(
                "GRIB holds a field twice",
                path=Path(file.name),
                found=f"{element} at {message.time}, {message.level:g} hPa",
                expected="one message a field, time and level: no members of an ensemble",
                code="M27",
            )
        found[message] = band
    return found


def _read(bounds: tuple[tuple[int, int], ...], *, uri: str, bands: list[list[int]]) -> np.ndarray:
    import rasterio  # noqa: PLC0415

    (t0, t1), (l0, l1), (y0, y1), (x0, x1) = bounds
    wanted = [band for row in bands[t0:t1] for band in row[l0:l1]]
    window = rasterio.windows.Window(x0, y0, x1 - x0, y1 - y0)
    with _kept_units(), rasterio.open(uri) as file:
        values = file.read(wanted, window=window, masked=True, out_dtype="float32").filled(math.nan)
    return values.reshape(t1 - t0, l1 - l0, y1 - y0, x1 - x0)
