"""HDF-EOS5 files of the VIIRS land products through h5py: headers, and lazy windows of their layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files import hdf5
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.temperature import tiles
from qtp_toolkit.load.temperature.composites import Composite
from qtp_toolkit.load.temperature.layers import Role, Stored

MAGIC = (hdf5.MAGIC,)
_GRIDS, _FIELDS, _TEXTS = "HDFEOS/GRIDS", "Data Fields", "HDFEOS INFORMATION"
_ATTRIBUTES = ("/", "HDFEOS/ADDITIONAL/FILE_ATTRIBUTES")
"""Groups whose attributes say what the granule is; the first that has one counts."""


def header(path: Path) -> tiles.Contents:
    """Header of an HDF-EOS5 file; no pixel is read.

    Raises
    ------
    QtpDataError
        M05: the file is cut short, damaged or no HDF5.
    """
    try:
        return _contents(path)
    except QtpDataError as error:  # the list of bad files names them, and says what to do
        what = f"{error.what} ({path.stat().st_size} bytes on disk)"
        raise error.restated(path=None, hint=None, what=what) from None


def _contents(path: Path) -> tiles.Contents:
    with hdf5.opened(path) as file:
        fields = _fields(file)
        layers = {name: Stored(str(field.dtype), _plain(field.attrs)) for name, field in fields.items()}
        shapes = {name: tuple(field.shape) for name, field in fields.items()}
        texts = {name: hdf5.text_of(value[()]) for name, value in file.get(_TEXTS, {}).items()}
        said: dict[str, Any] = {}
        for group in _ATTRIBUTES:
            said = _plain(file[group].attrs if group in file else {}) | said
        return tiles.Contents(layers, shapes, texts, {name: field.name for name, field in fields.items()}, said)


def _fields(file: Any) -> dict[str, Any]:
    """Layers of all grids by their short names."""
    grids = file[_GRIDS].values() if _GRIDS in file else ()
    return {name: field for grid in grids for name, field in grid.get(_FIELDS, {}).items() if hasattr(field, "dtype")}


def _plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes with text as str and single numbers out of their arrays."""
    return {key: hdf5.text_of(v) if np.asarray(v).dtype.kind in "SUO" else np.ravel(v)[0] for key, v in attrs.items()}


def stack(kept: Sequence[Composite], roles: Mapping[str, Role], *, chunks: Chunks | None) -> xr.Dataset:
    """Join tiles and dates of HDF-EOS5 granules to one lazy Dataset: :func:`.tiles.stack`."""
    return tiles.stack(kept, roles, window=read_window, chunks=chunks)


def read_window(path: str, layer: str, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """Read the stored values of a window of one layer of one file."""
    with hdf5.opened(path) as file:
        return np.asarray(file[layer][slice(*rows), slice(*columns)])
