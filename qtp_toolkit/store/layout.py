"""Arrays on disk: Zarr v3, blosc-lz4 with a CRC-32C checksum, every block written even if it is empty."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from qtp_toolkit._atomic import PARTIAL
from qtp_toolkit._linkless import LinklessStore
from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.products import plain
from qtp_toolkit.store.chunks import COMPRESSION, BlockArray

CHUNK_BYTES = 16_000_000
"""Chunks of results are halved along y and x until they are smaller than this."""


class Stored(NamedTuple):
    """How an array lies on disk: dtype, chunks, fill value, and the scale that makes physical values of integers."""

    dtype: str
    chunks: tuple[int, ...]
    fill: Any
    scale: float | None = None

    def at(self, path: Path, shape: tuple[int, ...]) -> BlockArray:
        """Return the array of such a kind at a path."""
        fill = self.fill.item() if hasattr(self.fill, "item") else self.fill
        return BlockArray(str(path), tuple(shape), self.chunks, self.dtype, fill, self.scale)


def spatial(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    """Variables that are written by blocks: those over y and x, which must be the last dims."""
    if not isinstance(ds, xr.Dataset):
        name = getattr(ds, "name", None) or type(ds).__name__
        raise QtpDataError("no stack of interferograms", found=name, expected="a Dataset with phase (pair, y, x)")
    out = {str(key): da for key, da in ds.data_vars.items() if {Y, X} <= set(da.dims)}
    wrong = [key for key, da in out.items() if da.dims[-2:] != (Y, X)]
    if wrong or not out:
        raise QtpDataError(
            "nothing that can be written by blocks",
            variable=", ".join(wrong) or None,
            expected="variables whose last dims are y, x",
            found={str(key): da.dims for key, da in ds.items()},
            hint="Transpose them: ds.transpose(..., 'y', 'x').",
        )
    return out


def lay_out_result(da: xr.DataArray, block: int) -> Stored:
    """Whole leading dims; y and x in chunks of ``block``, or of a half, a quarter, ... where those get large."""
    if da.dtype.kind not in "biufc":
        raise QtpDataError("blocks must hold numbers", variable=str(da.name), found=da.dtype, expected="a number dtype")
    edge = block
    while edge % 2 == 0 and edge * edge * int(np.prod(da.shape[:-2])) * da.dtype.itemsize > CHUNK_BYTES:
        edge //= 2
    chunks = (*(max(size, 1) for size in da.shape[:-2]), edge, edge)
    return Stored(str(da.dtype), chunks, da.dtype.type(np.nan if da.dtype.kind in "fc" else 0))


def make_group(path: Path, ds: xr.Dataset, stored: Mapping[str, Stored]) -> None:
    """Lay out a store: coordinates and everything small with values, the arrays of ``stored`` empty."""
    small = ds.drop_vars(list(stored)).drop_encoding().compute()
    small.attrs = plain(ds.attrs)
    for key in small.variables:
        small[key].attrs = plain(small[key].attrs)
        if small[key].dtype.kind in "UT":
            small[key] = small[key].astype(object)
    numbers = [key for key, da in small.variables.items() if da.dtype.kind not in "OUT"]
    codecs = {key: {"compressors": [Crc32cCodec()], "write_empty_chunks": True} for key in numbers}
    store = LinklessStore(path)
    small.to_zarr(store, mode="w", zarr_format=3, consolidated=False, encoding=codecs)
    group = zarr.open_group(store, mode="r+")
    mapping = {"grid_mapping": "spatial_ref"} if "spatial_ref" in ds.coords else {}
    for key, how in stored.items():
        decoding = {} if how.scale is None else {"scale_factor": how.scale, "_FillValue": how.fill}
        attrs = {**plain(ds[key].attrs), **mapping, **decoding}  # the latter two are for other programs
        make_array(group, key, how, dims=ds[key].dims, shape=ds[key].shape, attrs=attrs)


def make_array(
    group: zarr.Group, name: str, how: Stored, *, dims: tuple, shape: tuple[int, ...], attrs: dict[str, Any]
) -> None:
    """Lay out one empty array."""
    size = np.dtype(how.dtype).itemsize
    group.create_array(
        name,
        shape=shape,
        dtype=how.dtype,
        chunks=how.chunks,
        fill_value=how.fill,
        attributes=attrs,
        dimension_names=[str(dim) for dim in dims],
        config={"write_empty_chunks": True},
        chunk_key_encoding={"name": "default", "separator": "."},
        compressors=[BloscCodec(**COMPRESSION, typesize=size), Crc32cCodec()],
    )


def audit(path: Path) -> dict[str, dict[str, Any]]:
    """Count files and bytes of every array below a run; ``expected`` is the number of chunks of block arrays.

    Files that are only being written (by a task that runs twice) do not count.
    """
    out: dict[str, dict[str, Any]] = {}
    for meta in sorted(path.glob("*.zarr/*/zarr.json")):
        try:
            about = json.loads(meta.read_text(encoding="utf-8"))
        except ValueError as error:
            raise QtpDataError(f"metadata of the store are damaged: {error}", path=meta, code="R12") from None
        checked = any(codec["name"] == "blosc" for codec in about.get("codecs", []))
        grid = about["chunk_grid"]["configuration"]["chunk_shape"]
        expected = int(np.prod([-(-size // chunk) for size, chunk in zip(about["shape"], grid, strict=True)]))
        sizes = [entry.stat().st_size for entry in _walk(meta.parent) if entry.name != meta.name]
        out[meta.parent.relative_to(path).as_posix()] = {
            "files": len(sizes),
            "bytes": sum(sizes),
            "expected": expected if checked else None,
        }
    return out


def _walk(path: Path) -> list[os.DirEntry]:
    """All files below a folder, but for those that are only being written."""
    found: list[os.DirEntry] = []
    for entry in os.scandir(path):
        found += _walk(Path(entry.path)) if entry.is_dir() else [entry]
    return [entry for entry in found if not entry.name.endswith(PARTIAL)]
