"""HDF4-EOS files through pyhdf: headers, the place of a tile, joined tiles, and lazy blocks of them."""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, X, Y
from qtp_toolkit.load.files.blocks import ITEM_BYTES, Chunks, block_shape, lazy_blocks
from qtp_toolkit.load.files.grids import on_grid
from qtp_toolkit.load.files.tiff import Decode, decoded
from qtp_toolkit.load.temperature.composites import Composite
from qtp_toolkit.load.temperature.layers import Role, Stored

SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
TILE_SIZE = np.pi * 6371007.181 / 18
"""Side of a MODIS tile on the sinusoidal grid, m."""
MAGIC = (b"\x0e\x03\x13\x01",)
_TYPES = {20: "int8", 21: "uint8", 22: "int16", 23: "uint16", 24: "int32", 25: "uint32", 5: "float32", 6: "float64"}
_LOCK = threading.Lock()
"""The HDF4 library is not safe under threads; each process has its own lock, and tasks carry none."""


class Tile(NamedTuple):
    """Where one granule lies: upper left corner and pixel size in m, rows and columns."""

    left: float
    top: float
    pixel: float
    rows: int
    columns: int

    @property
    def name(self) -> str:
        """Tile number such as h25v05, told from the corner."""
        return f"h{round(self.left / TILE_SIZE) + 18:02d}v{9 - round(self.top / TILE_SIZE):02d}"

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        return self.left, self.top - self.rows * self.pixel, self.left + self.columns * self.pixel, self.top


class Granule(NamedTuple):
    """Place of a granule, and the name of its layer for each role."""

    tile: Tile
    layers: Mapping[str, str]


class Contents(NamedTuple):
    """Layers with type, shape and attributes, and the metadata texts of the file."""

    layers: dict[str, Stored]
    shapes: dict[str, tuple[int, ...]]
    texts: dict[str, str]

    def text(self, name: str) -> str:
        """Metadata text that may be split over ``name.0``, ``name.1``, ..."""
        return "".join(self.texts[key] for key in sorted(self.texts) if key.startswith(f"{name}."))


def header(path: Path) -> Contents:
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
    return Contents(layers, {name: tuple(row[1]) for name, row in listed.items()}, texts)


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


def tile_of(text: str, shape: Sequence[int]) -> Tile:
    """Place of the grid that StructMetadata describes, checked against the shape of the data.

    Parameters
    ----------
    text : str
        StructMetadata.
    shape : (int, int)
        Rows and columns of a layer.

    Raises
    ------
    QtpDataError
        If it names no corners, another projection, or pixels that are not square.
    """
    grids = re.findall(r"GROUP\s*=\s*GRID_\d+(.*?)END_GROUP\s*=\s*GRID_\d+", text, re.DOTALL) or [text]
    fitting = [
        grid for grid in grids if _says(grid, "XDim") in (None, shape[1]) and _says(grid, "YDim") in (None, shape[0])
    ]
    corners = [_corners(grid) for grid in fitting or grids]
    if not any(corners):
        raise QtpDataError("StructMetadata.0 does not say where the grid lies", code="M03")
    if "GCTP_SNSOID" not in text:
        raise QtpDataError("the file is not on the sinusoidal grid", code="I07")
    (left, top), (right, bottom) = next(pair for pair in corners if pair)
    rows, columns = shape
    pixel = (right - left) / columns
    if pixel <= 0 or abs((top - bottom) / rows - pixel) > 1e-3 * pixel:
        raise QtpDataError(
            f"StructMetadata.0 and the data disagree: {rows} x {columns} cells over {right - left} x {top - bottom} m",
            code="M03",
        )
    return Tile(left, top, pixel, rows, columns)


def _says(grid: str, key: str) -> int | None:
    match = re.search(rf"{key}\s*=\s*(\d+)", grid)
    return int(match[1]) if match else None


def _corners(grid: str) -> list[tuple[float, float]]:
    number = r"\s*([-+.\deE]+)\s*"
    found = [re.search(rf"{key}\s*=\s*\({number},{number}\)", grid) for key in ("UpperLeftPointMtrs", "LowerRightMtrs")]
    return [(float(m[1]), float(m[2])) for m in found if m] if all(found) else []


def stack(kept: Sequence[Composite], roles: Mapping[str, Role], *, chunks: Chunks | None) -> xr.Dataset:
    """Join tiles and dates to one lazy Dataset.

    Parameters
    ----------
    kept : sequence of Composite
        Items are :class:`Granule`; at most one a tile and date.
    roles : mapping
        Which layers, and how they are stored.
    chunks : dict, optional
        By default all dates and whole rows. A layer is compressed as one piece, so reading begins at its first row
        whatever the window: chunks that cut x cost as much as whole rows, each of them.

    Returns
    -------
    xarray.Dataset
        One variable a role, (time, y, x) on the sinusoidal grid, ``time`` the first day of the composite; fill where a
        tile has no composite. Lazy.

    Raises
    ------
    QtpDataError
        I06: tiles of unlike pixels.
    """
    starts = sorted({c.start for c in kept})
    tiles: dict[str, list[Composite]] = {}
    for composite in kept:
        tiles.setdefault(composite.part, []).append(composite)
    whole, corners = _mosaic(tiles)
    coords = {
        Y: whole.top - (np.arange(whole.rows) + 0.5) * whole.pixel,
        X: whole.left + (np.arange(whole.columns) + 0.5) * whole.pixel,
    }
    number = {start: k for k, start in enumerate(starts)}
    blocks = block_shape({TIME: len(starts), Y: whole.rows, X: whole.columns}, chunks, itemsize=ITEM_BYTES)
    out = {}
    for role, wanted in roles.items():
        placed = tuple(
            (
                corners[name],
                group[0].item.tile[3:],
                {number[c.start]: (str(c.path), c.item.layers[role]) for c in group},
            )
            for name, group in tiles.items()
        )
        paths = [composite.path for composite in kept]
        values = lazy_blocks(read_block, blocks, wanted.decode.dtype, paths=paths, placed=placed, decode=wanted.decode)
        out[role] = on_grid(values, (TIME, Y, X), coords, SINUSOIDAL)
    return xr.Dataset(out).assign_coords({TIME: np.array(starts).astype("datetime64[ns]")})


def _mosaic(tiles: Mapping[str, Sequence[Composite]]) -> tuple[Tile, dict[str, tuple[int, int]]]:
    """Find the grid that holds all tiles, and each one's first row and column."""
    every = [c.item.tile for group in tiles.values() for c in group]
    pixel, left, top = every[0].pixel, min(t.left for t in every), max(t.top for t in every)
    places = [((top - t.top) / pixel, (t.left - left) / pixel) for t in every]
    if any(abs(t.pixel - pixel) > 1e-6 * pixel for t in every) or any(
        abs(v - round(v)) > 1e-2 for place in places for v in place
    ):
        kinds = sorted({f"{t.name}: {t.rows} x {t.columns} pixels of {t.pixel:.3f} m" for t in every})
        raise QtpDataError("tiles do not fit together", found="; ".join(kinds), code="I06")
    corners = {
        name: (round((top - group[0].item.tile.top) / pixel), round((group[0].item.tile.left - left) / pixel))
        for name, group in tiles.items()
    }
    rows = max(corners[name][0] + group[0].item.tile.rows for name, group in tiles.items())
    columns = max(corners[name][1] + group[0].item.tile.columns for name, group in tiles.items())
    return Tile(left, top, pixel, rows, columns), corners


def read_block(bounds: tuple[tuple[int, int], ...], *, placed: tuple, decode: Decode) -> np.ndarray:
    """One block of the joined tiles, decoded; run by workers."""
    (first, last), (top, bottom), (left, right) = bounds
    out = np.full((last - first, bottom - top, right - left), decode.fill, decode.dtype)
    for (row, column), (rows, columns), files in placed:
        y0, y1 = max(top, row), min(bottom, row + rows)
        x0, x1 = max(left, column), min(right, column + columns)
        if y0 >= y1 or x0 >= x1:
            continue
        for k in range(first, last):
            if k in files:
                path, layer = files[k]
                raw = read_window(path, layer, (y0 - row, y1 - row), (x0 - column, x1 - column))
                out[k - first, y0 - top : y1 - top, x0 - left : x1 - left] = decoded(raw, decode)
    return out


def read_window(path: str, layer: str, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """Read the stored values of a window of one layer of one file."""
    damaged = {"path": path, "variable": layer, "hint": "Damaged file? Download it again."}
    with _opened(path, "cannot read pixels", **damaged) as granule:
        raw = granule.select(layer).get(start=(rows[0], columns[0]), count=(rows[1] - rows[0], columns[1] - columns[0]))
    return np.asarray(raw).reshape(rows[1] - rows[0], columns[1] - columns[0])
