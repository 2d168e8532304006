"""HDF4-EOS files through pyhdf: headers, and lazy windows of their layers."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.temperature import tiles
from qtp_toolkit.load.temperature.composites import Composite
from qtp_toolkit.load.temperature.layers import Role, Stored

MAGIC = (b"\x0e\x03\x13\x01",)
_TYPES = {20: "int8", 21: "uint8", 22: "int16", 23: "uint16", 24: "int32", 25: "uint32", 5: "float32", 6: "float64"}
_LOCK = threading.Lock()
"""The HDF4 library is not safe under threads; each process has its own lock, and tasks carry none."""


def header(path: Path) -> tiles.Contents:
    """Header of an HDF4 file; no pixel is read.

    Raises
    ------
    QtpDataError
        M03: the file is cut short or damaged; or pyhdf is not installed.
    """
    with _opened(path, "truncated or damaged") as granule:
        attributes = [granule.attr(number) for number in range(granule.info()[1])]
        wanted = [a for a in attributes if a.info()[0].startswith(("StructMeta", "CoreMeta"))]
        texts = {a.info()[0]: _text(granule, a) for a in wanted}
        listed = granule.datasets()
        layers = {
            name: Stored(_TYPES.get(row[2], "?"), granule.select(name).attributes()) for name, row in listed.items()
        }
    return tiles.Contents(layers, {name: tuple(row[1]) for name, row in listed.items()}, texts)


@contextmanager
def _opened(file: Path | str, problem: str, **fields: str) -> Iterator[Any]:
    """Hold the library while a file is open; what it complains of is an error with these fields (M03)."""
    sd, error_type = library()
    with _LOCK:
        try:
            granule = sd(str(file))
            try:
                yield granule
            finally:
                granule.end()
        except error_type as error:
            size = Path(file).stat().st_size
            raise QtpDataError(f"{problem} ({error}; {size} bytes on disk)", code="M03", **fields) from None


def _text(granule: Any, attribute: Any) -> str:
    """Text of a file attribute; in one copy, for pyhdf itself goes character by character: 30 ms a granule, not 0.5."""
    from pyhdf import hdfext  # noqa: PLC0415

    name, _, length = attribute.info()
    try:
        buffer = hdfext.array_byte(length)
        if hdfext.SDreadattr(granule._id, granule.attr(name).index(), buffer) >= 0:
            return ctypes.string_at(int(buffer.cast()), length).decode("latin-1")
    except (AttributeError, TypeError):  # a release of pyhdf that keeps its buffers elsewhere
        pass
    return str(attribute.get())


def library() -> tuple[Any, type[Exception]]:
    """Reader and error of pyhdf; says what to do if it is not installed."""
    try:
        from pyhdf.error import HDF4Error  # noqa: PLC0415  no wheel for every machine
        from pyhdf.SD import SD  # noqa: PLC0415
    except ImportError as error:
        raise QtpDataError(
            "HDF4 granules need the package pyhdf, which is not installed",
            hint="Install it (conda install -c conda-forge pyhdf), or order the data from AppEEARS as NetCDF.",
        ) from error
    return SD, HDF4Error


def stack(kept: Sequence[Composite], roles: Mapping[str, Role], *, chunks: Chunks | None) -> xr.Dataset:
    """Join tiles and dates of HDF4 granules to one lazy Dataset: :func:`.tiles.stack`.

    A layer is compressed as one piece, so reading begins at its first row whatever the window: chunks that cut x cost
    as much as whole rows, each of them.
    """
    return tiles.stack(kept, roles, window=read_window, chunks=chunks)


def read_window(path: str, layer: str, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """Read the stored values of a window of one layer of one file."""
    damaged = {"path": path, "variable": layer, "hint": "Damaged file? Download it again."}
    with _opened(path, "cannot read pixels", **damaged) as granule:
        raw = granule.select(layer).get(start=(rows[0], columns[0]), count=(rows[1] - rows[0], columns[1] - columns[0]))
    return np.asarray(raw).reshape(rows[1] - rows[0], columns[1] - columns[0])
