"""Tiles of the sinusoidal grid: where a granule lies, tiles joined, and lazy blocks of them, whatever the container."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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
    """Layers with type, shape and attributes, and what the file says of itself."""

    layers: dict[str, Stored]
    shapes: dict[str, tuple[int, ...]]
    texts: dict[str, str]
    places: Mapping[str, str] = {}
    """Where a layer lies inside the file, where that is not its name."""
    attributes: Mapping[str, Any] = {}
    """Of the file, where it has what HDF4 keeps in CoreMetadata."""

    def text(self, name: str) -> str:
        """Metadata text that may be split over ``name.0``, ``name.1``, ..."""
        return "".join(self.texts[key] for key in sorted(self.texts) if key.startswith(f"{name}."))


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
        raise QtpDataError("StructMetadata does not say where the grid lies", code="M03")
    if "GCTP_SNSOID" not in text:
        raise QtpDataError("the file is not on the sinusoidal grid", code="I07")
    (left, top), (right, bottom) = next(pair for pair in corners if pair)
    rows, columns = shape
    pixel = (right - left) / columns
    if pixel <= 0 or abs((top - bottom) / rows - pixel) > 1e-3 * pixel:
        raise QtpDataError(
            f"StructMetadata and the data disagree: {rows} x {columns} cells over {right - left} x {top - bottom} m",
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


Window = Callable[[str, str, tuple[int, int], tuple[int, int]], np.ndarray]
"""Reads the stored values of a window (rows, columns) of one layer of one file; run by workers."""


def stack(kept: Sequence[Composite], roles: Mapping[str, Role], *, window: Window, chunks: Chunks | None) -> xr.Dataset:
    """Join tiles and dates to one lazy Dataset.

    Parameters
    ----------
    kept : sequence of Composite
        Items are :class:`Granule`; at most one a tile and date.
    roles : mapping
        Which layers, and how they are stored.
    window : callable
        How the container is read: a module-level function.
    chunks : dict, optional
        By default all dates and whole rows.

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
        how = {"placed": placed, "decode": wanted.decode, "window": window}
        values = lazy_blocks(read_block, blocks, wanted.decode.dtype, paths=paths, **how)
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


def read_block(bounds: tuple[tuple[int, int], ...], *, placed: tuple, decode: Decode, window: Window) -> np.ndarray:
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
                raw = window(path, layer, (y0 - row, y1 - row), (x0 - column, x1 - column))
                out[k - first, y0 - top : y1 - top, x0 - left : x1 - left] = decoded(raw, decode)
    return out
