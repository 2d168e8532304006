"""MODIS tiles in HDF4-EOS: checked, placed on the sinusoidal grid, joined, and read block by block with pyhdf."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, X, Y
from qtp_toolkit.load.composites import Composite, arrange
from qtp_toolkit.load.files import (
    Chunks,
    block_shape,
    centers,
    first_bytes_problem,
    lazy_blocks,
    on_grid,
    refuse_bad,
    year_day,
)
from qtp_toolkit.load.tiff import Decode, decoded

SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
_MAGIC = (b"\x0e\x03\x13\x01",)
_LOCK = threading.Lock()
"""The HDF4 library is not safe under threads; each process has its own lock, and tasks carry none."""
_GRANULE = re.compile(
    r"(?P<product>M[OY]D\d\d[A-Z]\d)\.A(?P<year>\d{4})(?P<doy>\d{3})\.(?P<tile>h\d\dv\d\d)\.(?P<collection>\d{3})"
    r"(?:\.(?P<stamp>\d+))?"
)


class Tile(NamedTuple):
    """Where one granule lies: upper left corner and pixel size in m, rows and columns."""

    left: float
    top: float
    pixel: float
    rows: int
    columns: int


def lst(
    sensor: str,
    paths: Sequence[Path],
    *,
    layers: Mapping[str, str],
    decodes: Mapping[str, Decode],
    chunks: Chunks | None,
    duplicates: str,
    max_gap: int,
) -> xr.Dataset:
    """LST of one sensor from HDF4 granules, tiles joined; see :func:`qtp_toolkit.load.modis_lst`.

    Parameters
    ----------
    sensor : str
    paths : sequence of path
    layers : mapping
        Name in the file to short name.
    decodes : mapping
        ``lst`` and ``qc``: from stored to physical values.
    chunks : dict, optional
    duplicates, max_gap
        See there.

    Returns
    -------
    xarray.Dataset
        (time, y, x) on the sinusoidal grid, lazy.
    """
    _require_pyhdf()
    found = _inspect(paths, list(layers))
    tiles: dict[str, list[Composite]] = {}
    for path, match, tile in found:
        start = year_day(int(match["year"]), int(match["doy"]), path)
        tiles.setdefault(match["tile"], []).append(Composite(start, path, tile, match["stamp"] or ""))
    days = 8 if found[0][1]["product"].endswith("11A2") else 1
    notes: dict[str, Any] = {}
    kept: dict[str, list[Composite]] = {}
    for name, group in tiles.items():
        kept[name], counted = arrange(group, f"{sensor} {name}", days=days, duplicates=duplicates, max_gap=max_gap)
        notes |= {key.replace(" ", "_"): value for key, value in counted.items()}
    starts = sorted({c.start for group in kept.values() for c in group})
    mosaic, corners = _mosaic([group[0].item for group in kept.values()])
    placed = tuple(
        (corner, {starts.index(c.start): str(c.path) for c in group}, group[0].item.rows, group[0].item.columns)
        for corner, group in zip(corners, kept.values(), strict=True)
    )
    coords = {
        Y: mosaic.top - (np.arange(mosaic.rows) + 0.5) * mosaic.pixel,
        X: mosaic.left + (np.arange(mosaic.columns) + 0.5) * mosaic.pixel,
    }
    out = {}
    for layer, short in layers.items():
        decode = decodes["qc" if short.startswith("qc") else "lst"]
        sizes = {TIME: len(starts), Y: mosaic.rows, X: mosaic.columns}
        blocks = block_shape(sizes, chunks, itemsize=np.dtype(decode.dtype).itemsize)
        values = lazy_blocks(read_block, blocks, decode.dtype, placed=placed, layer=layer, decode=decode)
        out[short] = on_grid(values, (TIME, Y, X), coords, SINUSOIDAL)
    time = centers(np.array(starts), days)
    tile_names = ", ".join(kept)
    return xr.Dataset(out).assign_coords({TIME: time}).assign_attrs(notes, tiles=tile_names)


def read_block(bounds: tuple[tuple[int, int], ...], *, placed: tuple, layer: str, decode: Decode) -> np.ndarray:
    """One block of the joined tiles, decoded; run by workers."""
    (first, last), (top, bottom), (left, right) = bounds
    out = np.full((last - first, bottom - top, right - left), decode.fill, decode.dtype)
    for (row, column), files, rows, columns in placed:
        y0, y1 = max(top, row), min(bottom, row + rows)
        x0, x1 = max(left, column), min(right, column + columns)
        if y0 >= y1 or x0 >= x1:
            continue
        for k in range(first, last):
            if k in files:
                raw = _read(files[k], layer, (y0 - row, y1 - row), (x0 - column, x1 - column))
                out[k - first, y0 - top : y1 - top, x0 - left : x1 - left] = decoded(raw, decode)
    return out


def _read(path: str, layer: str, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    from pyhdf.error import HDF4Error  # noqa: PLC0415
    from pyhdf.SD import SD  # noqa: PLC0415

    with _LOCK:
        try:
            granule = SD(path)
            try:
                data = granule.select(layer)
                raw = data.get(start=(rows[0], columns[0]), count=(rows[1] - rows[0], columns[1] - columns[0]))
                data.endaccess()
            finally:
                granule.end()
        except HDF4Error as error:
            raise QtpDataError(
                f"cannot read pixels: {error}", path=path, variable=layer, hint="Damaged file? Download it again.",
                code="M03",
            ) from None  # fmt: skip
    return np.asarray(raw).reshape(rows[1] - rows[0], columns[1] - columns[0])


def _inspect(paths: Sequence[Path], layers: Sequence[str]) -> list[tuple[Path, re.Match[str], Tile]]:
    found, bad = [], []
    for path in map(Path, paths):
        match = _GRANULE.match(path.name)
        problem = "its name is not that of a granule" if match is None else first_bytes_problem(path, _MAGIC, "HDF4")
        if problem is None:
            tile = _header(path, layers)
            if isinstance(tile, Tile):
                found.append((path, match, tile))
                continue
            problem = tile
        bad.append((path, problem))
    refuse_bad(bad, "readable MODIS LST granule", total=len(paths), code="M03")
    return found


def _header(path: Path, layers: Sequence[str]) -> Tile | str:
    """Place of a granule, or what is wrong with it."""
    from pyhdf.error import HDF4Error  # noqa: PLC0415
    from pyhdf.SD import SD  # noqa: PLC0415

    with _LOCK:
        try:
            granule = SD(str(path))
            try:
                names, attributes = granule.datasets(), granule.attributes()
            finally:
                granule.end()
        except HDF4Error as error:
            return f"truncated or damaged ({error}; {path.stat().st_size} bytes on disk)"
    lacking = [layer for layer in layers if layer not in names]
    if lacking:
        return f"lacks the layers {lacking}; it has {sorted(names)}"
    text = "".join(attributes[key] for key in sorted(attributes) if key.startswith("StructMetadata."))
    return _tile(text, names[layers[0]][1])


def _tile(text: str, shape: Sequence[int]) -> Tile | str:
    """Place of the grid that StructMetadata describes, checked against the shape of the data."""
    corners = {
        key: re.search(rf"{key}\s*=\s*\(\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*\)", text)
        for key in ("UpperLeftPointMtrs", "LowerRightMtrs")
    }
    if not all(corners.values()):
        return "StructMetadata.0 does not say where the grid lies"
    if "GCTP_SNSOID" not in text:
        return "is not on the sinusoidal grid"
    (left, top), (right, bottom) = ((float(m[1]), float(m[2])) for m in corners.values())
    rows, columns = shape
    pixel = (right - left) / columns
    if pixel <= 0 or abs((top - bottom) / rows - pixel) > 1e-3 * pixel:
        return (
            f"StructMetadata.0 and the data disagree: {rows} x {columns} cells over {right - left} x {top - bottom} m"
        )
    return Tile(left, top, pixel, rows, columns)


def _mosaic(tiles: Sequence[Tile]) -> tuple[Tile, list[tuple[int, int]]]:
    """Find the grid that holds all tiles, and each one's first row and column."""
    pixel = tiles[0].pixel
    left, top = min(t.left for t in tiles), max(t.top for t in tiles)
    corners = [((top - t.top) / pixel, (t.left - left) / pixel) for t in tiles]
    if any(abs(t.pixel - pixel) > 1e-6 * pixel for t in tiles) or any(
        abs(v - round(v)) > 1e-2 for c in corners for v in c
    ):
        raise QtpDataError("tiles do not fit together", found=[tuple(t) for t in tiles], code="I06")
    corners = [(round(row), round(column)) for row, column in corners]
    rows = max(row + t.rows for (row, _), t in zip(corners, tiles, strict=True))
    columns = max(column + t.columns for (_, column), t in zip(corners, tiles, strict=True))
    return Tile(left, top, pixel, rows, columns), corners


def _require_pyhdf() -> None:
    try:
        import pyhdf.SD  # noqa: F401, PLC0415
    except ImportError as error:
        raise QtpDataError(
            "HDF4 granules need the package pyhdf, which is not installed",
            hint="Install it (conda install -c conda-forge pyhdf), or order the data from AppEEARS as NetCDF.",
        ) from error
