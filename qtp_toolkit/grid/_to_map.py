"""Geocoding: images in radar geometry to a map, by the latitude and longitude of each of their pixels."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, NamedTuple

import dask
import dask.array as da
import numpy as np
import xarray as xr
from pyproj import Transformer

from qtp_toolkit.conventions import QtpDataError, X, Y, is_lazy, require, require_option
from qtp_toolkit.grid._frame import LONLAT

_THIN = 16
"""Every so many lines and samples tell which part of the image a block of the map needs."""
_BLOCK_BYTES, _UNIT = 128_000_000, 64
_NO_WEIGHT = 1e-9
_OFTEN = 100
"""A pixel of the map so many times as wide as one of the image, or so many times narrower, is a mistake."""
Thin = tuple[np.ndarray, np.ndarray]


class Target(NamedTuple):
    """A map: its CRS, north-western corner, side of a pixel, and size."""

    crs: str
    west: float
    north: float
    step: float
    height: int
    width: int


class _Piece(NamedTuple):
    """One block of the map: the map, and its first row and column, its height and width."""

    target: Target
    row: int
    column: int
    height: int
    width: int


def to_map(
    data: xr.DataArray,
    latitude: xr.DataArray,
    longitude: xr.DataArray,
    *,
    crs: str = LONLAT,
    resolution: float | None = None,
    method: Literal["nearest", "bilinear"] = "nearest",
    chunks: dict[str, int] | None = None,
    thin: Thin | None = None,
) -> xr.DataArray:
    """Bring an image in radar geometry to a map by its lookup table.

    The table is turned round: between four neighbors of the image the position is taken for linear in each of two
    triangles, and every pixel of the map finds its own line and sample, a decimal.

    Parameters
    ----------
    data : xarray.DataArray
        (..., y, x): lines and samples.
    latitude, longitude : xarray.DataArray
        Degrees, (y, x), of the same lines and samples; 0 in both, or NaN, is unknown.
    crs : str
        Of the map.
    resolution : float, optional
        Side of a pixel, in the unit of the CRS; by default about that of the image, rounded to two digits. Edges of
        pixels are multiples of it, so that maps of one resolution are aligned.
    method : {"nearest", "bilinear"}
        From the nearest pixel of the image, or between four, NaN if one of them is.
    chunks : dict, optional
        Of the map; by default squares that take about 128 MB over all other dims.
    thin : (array, array), optional
        Latitude and longitude at the lines and samples of :func:`thinned`, from who can read them without the rest.

    Returns
    -------
    xarray.DataArray
        (..., y, x), y from north to south, with its CRS; NaN where the image does not reach (whole numbers become
        float32). Lazy if the input is lazy, block by block: of the image each reads what it needs. The extent is known
        only from the table, of which every 16th line and sample is read at once.

    Raises
    ------
    QtpDataError
        Unlike sizes (I06), a table without a valid pixel, a resolution in another unit than that of the CRS, an image
        across the date line that is to be in degrees.

    Examples
    --------
    >>> latitude = xr.DataArray([[35.2, 35.2], [35.1, 35.1]], dims=("y", "x"))  # east to the left
    >>> longitude = xr.DataArray([[93.2, 93.1], [93.2, 93.1]], dims=("y", "x"))
    >>> image = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("y", "x"))
    >>> to_map(image, latitude, longitude, resolution=0.05).values.tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    require_option("method", method, ("nearest", "bilinear"))
    require(data, dims=(Y, X))
    shapes = [{dim: part.sizes[dim] for dim in (Y, X)} for part in (data, latitude, longitude)]
    if shapes[1:] != shapes[:1] * 2 or min(shapes[0].values()) < 2:
        raise QtpDataError("the lookup table is of another image", expected=shapes[0], found=shapes[1:], code="I06")
    places = [thinned(size) for size in shapes[0].values()]
    known = thin or _thin(latitude, longitude, places)
    crude = _to_crs(*known, crs)
    target = frame(*crude, places, crs, resolution)
    pieces = _pieces(target, data, chunks)
    blocks = [[_block((data, latitude, longitude), piece, crude, places, method) for piece in row] for row in pieces]
    lead = [dim for dim in data.dims if dim not in (Y, X)]
    values = da.block(blocks) if is_lazy(data) else np.block(blocks)
    coords = {
        Y: target.north - (np.arange(target.height) + 0.5) * target.step,
        X: target.west + (np.arange(target.width) + 0.5) * target.step,
    }
    kept = {name: coord for name, coord in data.coords.items() if not {Y, X} & set(coord.dims)}
    out = xr.DataArray(values, dims=(*lead, Y, X), coords={**kept, **coords}, attrs=data.attrs).rename(data.name)
    return out.rio.write_crs(crs).assign_attrs(geocoding=method)


def thinned(size: int) -> np.ndarray:
    """Lines, or samples, that tell where an image lies: every 16th and the last."""
    return np.unique([*range(0, size, max(1, min(_THIN, size // 8))), size - 1])


def _thin(latitude: xr.DataArray, longitude: xr.DataArray, places: list[np.ndarray]) -> Thin:
    parts = [part.transpose(Y, X).isel({Y: places[0], X: places[1]}).data for part in (latitude, longitude)]
    seen = dask.compute(*parts, scheduler="synchronous")
    return np.asarray(seen[0], float), np.asarray(seen[1], float)


def _to_crs(latitude: np.ndarray, longitude: np.ndarray, crs: str) -> Thin:
    """Coordinates x, y in a CRS; NaN where the table has 0 in both, or no degrees."""
    known = ((latitude != 0) | (longitude != 0)) & (np.abs(latitude) <= 90) & (np.abs(longitude) <= 360)
    x, y = np.where(known, longitude, np.nan).astype(float), np.where(known, latitude, np.nan).astype(float)
    if crs == LONLAT or not known.any():
        return x, y
    moved = Transformer.from_crs(LONLAT, crs, always_xy=True).transform(x[known], y[known])
    x[known], y[known] = moved
    return x, y


def frame(x: np.ndarray, y: np.ndarray, places: list[np.ndarray], crs: str, resolution: float | None) -> Target:
    """Map that holds all of an image of which some pixels are known."""
    if not np.isfinite(x).any():
        raise QtpDataError("the lookup table has no valid pixel", expected="degrees", found="0 or NaN everywhere")
    own = _resolution(x, y, places)
    step = own if resolution is None else float(resolution)
    if not 0 < step < np.inf or not own / _OFTEN < step < own * _OFTEN:
        hint = f"It is in the unit of {crs}: the image's own pixels are about {own:g} wide."
        raise QtpDataError("resolution is of another unit, or none", found=resolution, hint=hint)
    if crs == LONLAT and np.nanmax(x) - np.nanmin(x) > 180:
        hint = "Set crs to a projection, as UTM."
        raise QtpDataError("the image crosses the date line", found="longitudes of both signs", hint=hint)
    # beyond the last line that is known may lie up to 16 more
    margins = [_apart(part) if np.isnan(part).any() else 0.0 for part in (x, y)]
    (west, east), (south, north) = (
        ((np.nanmin(part) - margin) / step, (np.nanmax(part) + margin) / step)
        for part, margin in zip((x, y), margins, strict=True)
    )
    left, top = int(np.floor(west + 1e-6)), int(np.ceil(north - 1e-6))
    width, height = int(np.ceil(east - 1e-6)) - left, top - int(np.floor(south + 1e-6))
    return Target(crs, left * step, top * step, step, max(height, 1), max(width, 1))


def _apart(part: np.ndarray) -> float:
    """How far neighbors of a thinned table lie apart, at most; 0 where none are known."""
    return max(float(np.fmax.reduce(np.abs(np.diff(part, axis=k)), axis=None, initial=0.0)) for k in (0, 1))


def _resolution(x: np.ndarray, y: np.ndarray, places: list[np.ndarray]) -> float:
    """Side of a square as large as a pixel of the image, to two digits."""
    down, right = (np.diff(place).astype(float) for place in places)
    by_line = [np.diff(part, axis=0)[:, :-1] / down[:, None] for part in (x, y)]
    by_sample = [np.diff(part, axis=1)[:-1] / right for part in (x, y)]
    side = np.sqrt(np.nanmedian(np.abs(by_line[0] * by_sample[1] - by_line[1] * by_sample[0])))
    return float(f"{side:.1e}")


def _pieces(target: Target, data: xr.DataArray, chunks: dict[str, int] | None) -> list[list[_Piece]]:
    """Blocks of the map, row by row; one alone where the data lie in memory."""
    sizes = {Y: target.height, X: target.width}
    if is_lazy(data):
        others = max(data.size // (data.sizes[Y] * data.sizes[X]), 1)
        side = max(int(np.sqrt(_BLOCK_BYTES / 4 / others)) // _UNIT, 1) * _UNIT
        asked = {dim: (chunks or {}).get(dim, side) for dim in (Y, X)}
        sizes = {dim: sizes[dim] if asked[dim] < 1 else min(asked[dim], sizes[dim]) for dim in (Y, X)}
    tops, lefts = ([*range(0, end, sizes[dim]), end] for dim, end in ((Y, target.height), (X, target.width)))
    return [
        [_Piece(target, top, left, bottom - top, right - left) for left, right in pairwise(lefts)]
        for top, bottom in pairwise(tops)
    ]


def _window(piece: _Piece, crude: Thin, places: list[np.ndarray]) -> tuple[slice, slice] | None:
    """Lines and samples of the image that a block of the map may need."""
    rows, columns = _in_pixels(*crude, piece.target)
    rows, columns = rows - piece.row, columns - piece.column
    near = np.ones(rows.shape, bool)
    for part, size in ((rows, piece.height), (columns, piece.width)):
        margin = 2 * _apart(part) + 1
        near &= (part > -margin) & (part < size + margin)
    if not near.any():
        return None
    spans = []
    for k, place in enumerate(places):
        hit = np.flatnonzero(near.any(axis=1 - k))
        first, last = max(hit[0] - 1, 0), min(hit[-1] + 1, len(place) - 1)
        spans.append(slice(int(place[first]), int(place[last]) + 1))
    return spans[0], spans[1]


def _in_pixels(x: np.ndarray, y: np.ndarray, target: Target) -> Thin:
    """Rows and columns in a map, decimals, its first pixel's center at 0."""
    return (target.north - y) / target.step - 0.5, (x - target.west) / target.step - 0.5


def _block(parts: tuple[xr.DataArray, ...], piece: _Piece, crude: Thin, places: list[np.ndarray], method: str) -> Any:
    """One block of the map from image, latitude and longitude."""
    data, *_ = parts
    lead = tuple(size for dim, size in data.sizes.items() if dim not in (Y, X))
    dtype = data.dtype if data.dtype.kind in "fc" else np.dtype("float32")
    shape = (*lead, piece.height, piece.width)
    window = _window(piece, crude, places)
    if window is None:
        return (da if is_lazy(data) else np).full(shape, np.nan, dtype)
    seen = [part.transpose(..., Y, X).data[(..., *window)] for part in parts]
    if not is_lazy(data):
        return _filled([np.asarray(part) for part in seen], piece, method, dtype)
    return da.from_delayed(dask.delayed(_filled, pure=True)(seen, piece, method, dtype), shape, dtype=dtype)


def _filled(parts: list[np.ndarray], piece: _Piece, method: str, dtype: np.dtype) -> np.ndarray:
    """One block of the map; run by workers."""
    from qtp_toolkit.grid.kernels.lookup import inverse_lookup  # noqa: PLC0415  compiled on first use

    image, latitude, longitude = parts
    rows, columns = _in_pixels(*_to_crs(latitude, longitude, piece.target.crs), piece.target)
    lines, *inside = inverse_lookup(rows, columns, (piece.row, piece.column), (piece.height, piece.width))
    known = lines >= 0
    out = np.full((*image.shape[:-2], piece.height, piece.width), np.nan, dtype)
    taken = _nearest if method == "nearest" else _bilinear
    out[..., known] = taken(image, lines[known], *(part[known] for part in inside))
    return out


def _nearest(
    image: np.ndarray, lines: np.ndarray, samples: np.ndarray, down: np.ndarray, right: np.ndarray
) -> np.ndarray:
    return image[..., lines + (down > 0.5), samples + (right > 0.5)]


def _bilinear(
    image: np.ndarray, lines: np.ndarray, samples: np.ndarray, down: np.ndarray, right: np.ndarray
) -> np.ndarray:
    out = np.zeros((*image.shape[:-2], lines.size), np.result_type(image.dtype, np.float32))
    for k, weight_down in ((0, 1.0 - down), (1, down)):
        for m, weight_right in ((0, 1.0 - right), (1, right)):
            weight = weight_down * weight_right
            # what has no weight may be missing
            out += np.where(np.abs(weight) > _NO_WEIGHT, image[..., lines + k, samples + m] * weight, 0)
    return out
