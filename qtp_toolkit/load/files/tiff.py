"""GeoTIFFs: one common grid, and lazy windows of any number of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit._grids import SNAP, same_crs
from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.load.files.blocks import BLOCK_BYTES, ITEM_BYTES, Chunks, block_shape, lazy_blocks
from qtp_toolkit.load.files.checks import refuse_bad, refuse_complex
from qtp_toolkit.load.files.grids import on_grid
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.limits import hold
from qtp_toolkit.load.files.pixels import Placed, read_window

_UNIT = 64
"""Rows and columns of a default chunk are multiples of it: the edge of the blocks of a store."""
_ABOUT = 3
"""A chunk may be so many times too large before its rows are halved: each window of a file costs its opening."""

_EXCHANGED = "Latitude and longitude, or easting and northing, are exchanged: write the files anew in the right order."
_POLE, _MIDDLE, _ZONES = 90.0, 5e5, 2e6
"""Degrees; easting in the middle of a zone of UTM, and how far from it no grid of a zone reaches, m."""

_HALF = (
    "By half a pixel: some files give centers where others give corners. Find out which are right, and write the "
    "corners of the others anew (gdal_edit.py -a_ullr west north east south)."
)


class Decode(NamedTuple):
    """From stored to physical values: scale and offset, and ``fill`` for nodata and what leaves the valid range.

    ``settings`` are the parameters by which a catalog may tell the scale, for messages; none where the driver has none.
    """

    nodata: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    valid: tuple[float, float] | None = None
    dtype: str = "float32"
    fill: float = float("nan")
    settings: str = ""


QC = Decode(dtype="uint8", fill=3.0)
"""Quality bytes are never scaled and never NaN; where there is no file: 3, not produced."""


def same_grid(found: Sequence[Header], *, extent: str | None = None) -> Header:
    """Find the one grid of all files, or what aligned grids share; unlike grids are an error with a table.

    Parameters
    ----------
    found : sequence of Header
    extent : {"same", "intersection"}, optional
        Whether aligned grids of unlike extent are refused or cropped to what they share; None refuses them where the
        catalog has no such parameter to advise.

    Returns
    -------
    Header
        Of the majority, with ``transform`` and size of the common grid.

    Raises
    ------
    QtpDataError
        I05 (shifted by a part of a pixel), I06 (unlike size or extent), I07 (unlike CRS), I08 (latitude along x), I20
        (unlike pixel size).
    """
    exchanged = {h.path: told for h in found if (told := _exchanged(h))}
    total = len({h.path for h in found})
    refuse_bad(
        [*exchanged.items()], "map with east along x and north along y", total=total, code="I08", hint=_EXCHANGED
    )
    keys = [(h.crs, h.height, h.width, h.corner, h.size) for h in found]
    common = found[keys.index(Counter(keys).most_common(1)[0][0])]
    if not all(same_crs(wkt, common.crs) for wkt in {h.crs for h in found}):
        _refuse_grids(found, common, "the files have different coordinate reference systems", "I07")
    span = max(common.height, common.width)  # what pixels differ by adds up to the far edge
    if any(abs(a - b) / b * span > SNAP * 10 for h in found for a, b in zip(h.size, common.size, strict=True)):
        _refuse_grids(found, common, "the files have different pixel sizes", "I20")
    shifts = [_shift(h, common) for h in found]
    if any(abs(v - round(v)) > SNAP for shift in shifts for v in shift):
        halves = all(abs(2 * v - round(2 * v)) <= 2 * SNAP for shift in shifts for v in shift)
        what = "the grids are shifted against each other by parts of a pixel"
        _refuse_grids(found, common, what, "I05", _HALF if halves else None)
    alike = len({(h.height, h.width, *map(round, s)) for h, s in zip(found, shifts, strict=True)}) == 1
    if not alike and extent != "intersection":
        other = "" if extent is None else ", or set parameters.extent: intersection in the catalog"
        hint = f"Crop them to one extent{other}."
        _refuse_grids(found, common, "the files differ in size or extent", "I06", hint)
    return common if alike else _intersection(found, common, shifts)


def _exchanged(header: Header) -> str | None:
    """Say what no place on Earth has, and exchanged axes make: latitudes beyond the poles, eastings far outside."""
    (west, north), (dx, dy) = header.corner, header.size
    south, east = north - header.height * dy, west + header.width * dx
    if "UTM zone" in header.crs:
        return None if max(abs(west - _MIDDLE), abs(east - _MIDDLE)) < _ZONES else f"easting {west:g} to {east:g} m"
    degrees = "GEO" in header.crs and "PROJ" not in header.crs
    beyond = degrees and (north - dy > _POLE or south + dy < -_POLE)  # an edge of half a pixel is fine
    return f"latitude {south:g} to {north:g}" if beyond else None


def _shift(header: Header, common: Header) -> tuple[float, float]:
    return (
        (header.corner[0] - common.corner[0]) / common.size[0],
        (common.corner[1] - header.corner[1]) / common.size[1],
    )


def _intersection(found: Sequence[Header], common: Header, shifts: list[tuple[float, float]]) -> Header:
    left = max(round(s[0]) for s in shifts)
    top = max(round(s[1]) for s in shifts)
    right = min(round(s[0]) + h.width for s, h in zip(shifts, found, strict=True))
    bottom = min(round(s[1]) + h.height for s, h in zip(shifts, found, strict=True))
    if right <= left or bottom <= top:
        _refuse_grids(found, common, "the files do not overlap", "I06")
    (west, north), (dx, dy) = common.corner, common.size
    return common._replace(
        height=bottom - top, width=right - left, transform=(dx, 0.0, west + left * dx, 0.0, -dy, north - top * dy)
    )


def _refuse_grids(found: Sequence[Header], common: Header, what: str, code: str, hint: str | None = None) -> None:
    rows: Counter[str] = Counter()
    example: dict[str, str] = {}
    for header in found:
        shift = _shift(header, common)
        crs = "" if header.crs == common.crs else f", CRS {header.crs[:40]}..."
        row = (
            f"{header.height} x {header.width} of {header.size[1]:.9g} x {header.size[0]:.9g}, "
            f"shift {shift[1]:+.4g} rows {shift[0]:+.4g} columns{crs}"
        )
        rows[row] += 1
        example.setdefault(row, header.path.name)
    table = "; ".join(f"{n} files: {row} (e.g. {example[row]})" for row, n in rows.most_common(12))
    raise QtpDataError(
        what,
        expected="one grid",
        found=table,
        path=common.path.parent,
        hint=hint or "Warp the odd ones to the grid of the majority beforehand: readers resample nothing.",
        code=code,
    )


def grid_coords(header: Header) -> dict[str, np.ndarray]:
    """Pixel centers, y from north to south."""
    (west, north), (dx, dy) = header.corner, header.size
    return {Y: north - (np.arange(header.height) + 0.5) * dy, X: west + (np.arange(header.width) + 0.5) * dx}


def lazy_stack(
    found: Sequence[Header | None],
    grid: Header,
    decode: Decode,
    *,
    dim: str,
    chunks: Chunks | None = None,
    band: int = 1,
    variable: str | None = None,
    factors: Sequence[float] | np.ndarray | None = None,
    absent: float | None = None,
) -> xr.DataArray:
    """Lazy array (dim, y, x) of one band of many files on one grid.

    Parameters
    ----------
    found : sequence of Header or None
        One for each step along ``dim``.
    grid : Header
        The common grid, from :func:`same_grid`.
    decode : Decode
        Applied block by block.
    dim : str
        Name of the first dim.
    chunks : dict, optional
        Sizes by dim; by default about 128 MB in which no block of the files is read twice, and whose height and width
        are multiples of 64 where that is possible (whole rows of compressed strips, up to three times as much).
    band : int
        From 1.
    variable : str, optional
        Key of the variable table: each file's values are held to its physical range.
    factors : sequence of float, optional
        What the physical values of each file are multiplied by, as -1 for a pair that is turned round.
    absent : float, optional
        Value of steps without a file; by default the fill value.

    Returns
    -------
    xarray.DataArray
        Lazy; y from north to south; carries ``spatial_ref``.
    """
    if np.dtype(decode.dtype).kind != "c":
        refuse_complex([(header.path, header.dtype) for header in found if header is not None])
    sizes = {dim: len(found), Y: grid.height, X: grid.width}
    if not {Y, X} & set(chunks or {}):
        present = [header for header in found if header is not None]
        chunks = _whole_blocks(present, grid, BLOCK_BYTES // (ITEM_BYTES * max(len(found), 1))) | (chunks or {})
    blocks = block_shape(sizes, chunks, itemsize=ITEM_BYTES, rows=max(grid.blocks[0], 1))
    files = [
        None if header is None else _placed(header, grid, float(factor))
        for header, factor in zip(found, factors if factors is not None else [1.0] * len(found), strict=True)
    ]
    paths = [header.path for header in found if header is not None]
    how = {"decode": decode, "band": band, "variable": variable, "absent": absent}
    values = lazy_blocks(read_block, blocks, decode.dtype, paths=paths, files=tuple(files), **how)
    return on_grid(values, (dim, Y, X), grid_coords(grid), grid.crs)


def _placed(header: Header, grid: Header, factor: float) -> Placed:
    """Where the common grid lies in a file."""
    columns, rows = (-round(shift) for shift in _shift(header, grid))
    if not (0 <= rows <= header.height - grid.height and 0 <= columns <= header.width - grid.width):
        _refuse_grids([header], grid, "a file does not cover the common grid", "I06")
    return Placed(
        str(header.path),
        rows,
        columns,
        header.height,
        header.width,
        header.transform[4] > 0,
        header.dtype,
        header.layout,
        factor,
        header.masked,
        header.opacity,
        header.dataset,
    )


def read_row(header: Header, row: int, band: int = 1) -> np.ndarray:
    """Read one row of a file, counted from the north, at once: for a look at what it says of the whole.

    Parameters
    ----------
    header : Header
    row, band : int
    """
    files, bounds = (_placed(header, header, 1.0),), ((0, 1), (row, row + 1), (0, header.width))
    return read_block(bounds, files=files, decode=Decode(), band=band, variable=None, absent=None)[0, 0]


def _whole_blocks(found: Sequence[Header], grid: Header, pixels: int) -> Chunks:
    """Chunk of about so many pixels that cuts no block of the files, of multiples of 64 rows and columns if it can."""
    # plain rows can be cut anywhere; a compressed block that two chunks share would be decoded twice
    plain = bool(found) and all(header.layout is not None for header in found)
    height, width = (1, 1) if plain else grid.blocks
    rows, columns = (int(np.lcm(size, _UNIT)) if size <= _UNIT * 8 else size for size in (height, width))
    if width >= grid.width:
        columns = grid.width
    while rows * min(columns, grid.width) > _ABOUT * pixels and rows % 2 == 0 and (rows // 2) % height == 0:
        rows //= 2
    columns = min(max(pixels // rows // columns, 1) * columns, grid.width)
    return {Y: min(max(pixels // columns // rows, 1) * rows, grid.height), X: columns}


def read_block(
    bounds: tuple[tuple[int, int], ...],
    *,
    files: tuple[Placed | None, ...],
    decode: Decode,
    band: int,
    variable: str | None,
    absent: float | None,
) -> np.ndarray:
    """One block, decoded and held to the physical range of the variable; run by workers."""
    import rasterio  # noqa: PLC0415

    (first, last), (top, bottom), (left, right) = bounds
    out = np.empty((last - first, bottom - top, right - left), decode.dtype)
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        for plane, file in zip(out, files[first:last], strict=True):
            if file is None:
                plane[...] = decode.fill if absent is None else absent
                continue
            rows = top + file.rows, bottom + file.rows
            if file.upward:
                rows = file.height - rows[1], file.height - rows[0]
            in_place = file.dtype == decode.dtype and not file.upward
            raw = plane if in_place else np.empty(plane.shape, file.dtype)
            hidden = read_window(file, (rows, (left + file.columns, right + file.columns)), raw, band)
            own = decode._replace(scale=decode.scale * file.factor, offset=decode.offset * file.factor)
            values = decoded(raw[::-1] if file.upward else raw, own, in_place=in_place)
            if not in_place:
                plane[...] = values
            if hidden is not None:
                plane[hidden[::-1] if file.upward else hidden] = decode.fill
            if variable is not None:
                hold(plane, variable, file.path, scale=own.scale, offset=own.offset, settings=own.settings)
    return out


def decoded(raw: np.ndarray, decode: Decode, *, in_place: bool = False) -> np.ndarray:
    """Physical values of stored ones; casts before it scales, so that unsigned integers do not wrap around.

    ``in_place`` is for values that have the right type already.
    """
    bad = ~np.isfinite(raw) if raw.dtype.kind == "f" else np.zeros(raw.shape, bool)
    for value in decode.nodata:
        if np.isfinite(value):
            # a tag such as -3.4e38 is a double, and no pixel equals it before it is rounded as they are
            bad |= raw == (np.float32(value) if raw.dtype == np.float32 else value)
    if decode.valid is not None:
        with np.errstate(invalid="ignore"):
            bad |= (raw < decode.valid[0]) | (raw > decode.valid[1])
    if in_place:
        out = raw
    else:
        # NaN as an integer is undefined
        with np.errstate(over="ignore"):  # doubles that no float32 holds become infinite, and then NaN
            out = (np.where(bad, 0, raw) if raw.dtype.kind == "f" and bad.any() else raw).astype(decode.dtype)
    if decode.scale != 1.0:
        out *= np.asarray(decode.scale, decode.dtype)
    if decode.offset != 0.0:
        out += np.asarray(decode.offset, decode.dtype)
    np.copyto(out, np.asarray(decode.fill, decode.dtype), where=bad)
    return out
