"""From grid to grid: resampling, burning vectors, pixel longitudes and latitudes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio.features
import rasterio.warp
import xarray as xr

from qtp_toolkit._angles import nearest_turn, period_of, through_circle
from qtp_toolkit._over_blocks import over_blocks
from qtp_toolkit.conventions import QtpDataError, X, Y, describe, is_lazy, many_blocks, require_option
from qtp_toolkit.grid._frame import (
    LONLAT,
    Grid,
    SameGrid,
    affine,
    axes,
    crs_of,
    middle_longitude,
    pixel_size,
    spacing,
    to_crs,
)
from qtp_toolkit.kernels.linear import corners

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("nearest", "bilinear", "average", "mode")
_SOURCE = {Y: "_source_y", X: "_source_x"}


def match(da: SameGrid, template: Grid, *, resampling: str = "bilinear") -> SameGrid:
    """Bring an array onto the pixels of another.

    Parameters
    ----------
    da : xarray.DataArray or xarray.Dataset
        (..., y, x) with a CRS; y may run either way. Variables of a Dataset without y and x pass unchanged.
    template : xarray.DataArray or xarray.Dataset
        Gives the y and x coordinates and the CRS; its values are not read.
    resampling : {"bilinear", "nearest", "average", "mode"}
        ``average`` and ``mode`` take all source pixels under a target pixel: use them toward coarser grids.
        Integer and boolean arrays hold classes: unless ``mode`` is asked for they are taken by ``nearest``,
        never interpolated, and keep their dtype. Of an aspect the directions are averaged, not the numbers.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        (..., y, x) on the pixels of ``template``, attributes kept. Floats are NaN outside the source and where the
        source pixel under the target center is NaN; other missing neighbors carry no weight. Integers get their
        ``nodata`` outside (without one: -1, or 0 if unsigned), booleans False. float32 stays float32. Lazy if the
        input is lazy: the result takes the y, x chunks of a lazy template. Any target pixel may need any source
        pixel, so the y, x chunks of the source are merged: one step of its other dims must fit into memory. Chunks
        never change a value.

    Raises
    ------
    QtpDataError
        An array without dims y, x, without CRS or with uneven pixels; an unknown method.

    Examples
    --------
    >>> coarse = xr.DataArray([[0.0, 4.0], [0.0, 4.0]], {"y": [1.0, 0.0], "x": [0.0, 4.0]}, ("y", "x"))
    >>> fine = xr.DataArray(np.zeros((2, 5)), {"y": [1.0, 0.0], "x": np.arange(5.0)}, ("y", "x"))
    >>> match(coarse.rio.write_crs(4326), fine.rio.write_crs(4326)).values[0]
    array([0., 1., 2., 3., 4.])
    """
    if isinstance(da, xr.Dataset):
        crs = crs_of(da)
        spatial = {name: v.rio.write_crs(crs) for name, v in da.data_vars.items() if {Y, X} <= set(v.dims)}
        matched = {name: match(v, template, resampling=resampling) for name, v in spatial.items()}
        rest = da.drop_dims([Y, X]).drop_vars("spatial_ref", errors="ignore")
        return rest.assign(matched).assign_attrs(da.attrs)
    require_option("resampling method", resampling, METHODS)
    method = "nearest" if da.dtype.kind in "iub" and resampling != "mode" else resampling
    if period_of(da) is not None and method in ("bilinear", "average"):
        return through_circle(da, partial(match, template=template, resampling=method))
    source_crs, target_crs = crs_of(da), crs_of(template)
    # Any target pixel may need any source pixel; blocks that saw a part would differ along their edges.
    da = da.chunk({Y: -1, X: -1}) if is_lazy(da) else da
    rows, columns = axes(template, lazy=is_lazy(da))
    with many_blocks():
        resample = partial(
            _resample,
            crs=(source_crs.to_wkt(), target_crs.to_wkt()),
            origin=(float(da[Y][0]), float(da[X][0])),
            source=spacing(da),
            target=spacing(template),
            middle=middle_longitude(da),
            method=method,
            fill=_fill_value(da),
            # Probes a side of a target pixel: one for each source pixel under it, if there is more than one.
            split=max(2, int(np.ceil(pixel_size(template) / pixel_size(da) - 0.05))),
        )
        bare = da.rename(_SOURCE).drop_vars(list(_SOURCE.values()))
        cores = [list(_SOURCE.values()), [], []]
        out = over_blocks(resample, bare, rows, columns, input_core_dims=cores, dtype=da.dtype)
    out = out.transpose(..., Y, X).drop_vars("spatial_ref", errors="ignore").rename(da.name)
    return out.assign_coords(_pixel_axes(template)).assign_attrs(da.attrs).rio.write_crs(target_crs)


def rasterize(vectors: pd.DataFrame, template: Grid, *, all_touched: bool = False) -> xr.DataArray:
    """Burn vector features onto a grid.

    Parameters
    ----------
    vectors : pandas.DataFrame
        Column ``geometry`` of GeoJSON mappings, longitude and latitude unless ``attrs["crs"]`` says otherwise.
    template : xarray.DataArray or xarray.Dataset
        Gives the pixels and the CRS.
    all_touched : bool
        Burn every pixel that a geometry touches (lines, small lakes) instead of those whose center lies inside.

    Returns
    -------
    xarray.DataArray
        (y, x) bool, in memory; all False without features.

    Examples
    --------
    >>> ring = [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]
    >>> lake = pd.DataFrame({"geometry": [{"type": "Polygon", "coordinates": [ring]}]})
    >>> template = xr.DataArray(np.zeros((2, 3)), {"y": [1.5, 0.5], "x": [0.5, 1.5, 2.5]}, ("y", "x"))
    >>> rasterize(lake, template.rio.write_crs(4326)).values.astype(int)
    array([[0, 0, 0],
           [1, 1, 0]])
    """
    crs, shape = crs_of(template), (template.sizes[Y], template.sizes[X])
    source, middle = vectors.attrs.get("crs", LONLAT), middle_longitude(template)
    found = [geometry for geometry in vectors["geometry"] if geometry] if len(vectors) else []
    try:
        shapes = [rasterio.warp.transform_geom(source, crs.to_wkt(), geometry) for geometry in found]
    except ValueError as error:
        raise QtpDataError(f"a geometry cannot be drawn: {error}", expected="GeoJSON mappings with corners") from None
    shapes = shapes if middle is None else [_turned(shape, middle) for shape in shapes]
    burnt = np.zeros(shape, dtype=np.uint8)
    if shapes:
        burnt = rasterio.features.rasterize(
            shapes, out_shape=shape, transform=affine(template), all_touched=all_touched, dtype=np.uint8
        )
    return xr.DataArray(burnt.astype(bool), _pixel_axes(template), (Y, X)).rio.write_crs(crs)


def _turned(geometry: dict[str, Any], middle: float) -> dict[str, Any]:
    """Geometry in degrees, moved as a whole by full turns to where the grid counts it."""
    corners = np.array(list(_positions(geometry["coordinates"])))
    center = (corners[:, 0].min() + corners[:, 0].max()) / 2
    turn = nearest_turn(center, middle) - center

    def moved(part: Any) -> Any:
        return [part[0] + turn, *part[1:]] if np.isscalar(part[0]) else [moved(inner) for inner in part]

    return {**geometry, "coordinates": moved(geometry["coordinates"])}


def _positions(coordinates: Any) -> Iterator[Any]:
    """Positions of nested lists."""
    if np.isscalar(coordinates[0]):
        yield coordinates[:2]
    else:
        for part in coordinates:
            yield from _positions(part)


def lonlat(template: Grid) -> xr.Dataset:
    """Longitude and latitude of every pixel center.

    Parameters
    ----------
    template : xarray.DataArray or xarray.Dataset
        Grid with a CRS.

    Returns
    -------
    xarray.Dataset
        ``longitude``, ``latitude`` (y, x) in degrees. Lazy, in the chunks of the template, if the template is lazy.

    Examples
    --------
    The middle of UTM zone 46 is the meridian of 93 degrees:

    >>> template = xr.DataArray(np.zeros((2, 2)), {"y": [9e3, 0.0], "x": [5e5, 5.9e5]}, ("y", "x"))
    >>> float(lonlat(template.rio.write_crs(32646))["longitude"][1, 0].round(6))
    93.0
    """
    crs = crs_of(template)
    rows, columns = axes(template, lazy=is_lazy(template))
    with many_blocks():
        x, y = xr.apply_ufunc(
            to_crs,
            columns,
            rows,
            kwargs={"source": crs.to_wkt(), "target": LONLAT},
            output_core_dims=[[], []],
            keep_attrs=True,
            dask="parallelized",
            output_dtypes=[np.float64, np.float64],
        )
    out = xr.Dataset({name: describe(da.transpose(Y, X), name) for name, da in (("longitude", x), ("latitude", y))})
    return out.assign_coords(_pixel_axes(template)).rio.write_crs(crs)


def _pixel_axes(template: Grid) -> dict[str, Any]:
    """Coordinates y and x of the template without the scalar ones that hang on them."""
    return {dim: template[dim].variable for dim in (Y, X)}


def _fill_value(da: xr.DataArray) -> Any:
    if da.dtype.kind == "f":
        return float("nan")
    nodata = da.rio.encoded_nodata if da.rio.encoded_nodata is not None else da.rio.nodata
    if da.dtype.kind == "b":
        return False
    return int(nodata) if nodata is not None and np.isfinite(nodata) else (-1 if da.dtype.kind == "i" else 0)


def _resample(
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    crs: tuple[str, str],
    origin: tuple[float, float],
    source: tuple[float, float],
    target: tuple[float, float],
    middle: float | None,
    method: str,
    fill: float,
    split: int,
) -> np.ndarray:
    """Resample blocks (..., 1, 1, source y, source x) onto the pixel centers rows (y, 1) and columns (x,)."""
    # apply_ufunc puts in axes of length 1 for the y and x of the target.
    lead = values.shape[:-2]
    block = values.reshape((*(lead[:-2] if len(lead) > 1 and lead[-2:] == (1, 1) else lead), *values.shape[-2:]))

    def positions(down: float, right: float) -> tuple[np.ndarray, np.ndarray]:
        x, y = to_crs(
            columns.ravel() + right * target[1], rows.reshape(-1, 1) + down * target[0], source=crs[1], target=crs[0]
        )
        x = x if middle is None else nearest_turn(x, middle)
        return (y - origin[0]) / source[0], (x - origin[1]) / source[1]

    if method == "bilinear":
        return _bilinear(block, *positions(0.0, 0.0))
    if method == "nearest":
        return _nearest(block, *positions(0.0, 0.0), fill=fill)
    offsets = (np.arange(split) + 0.5) / split - 0.5
    samples = [_nearest(block, *positions(a, b), fill=fill) for a in offsets for b in offsets]
    return _average(samples) if method == "average" else _mode(samples, fill=fill)


def inside(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Whether positions (0 = center of the first pixel) fall on a pixel of a raster of this shape."""
    rows, columns = shape
    return (row >= -0.5) & (row < rows - 0.5) & (column >= -0.5) & (column < columns - 0.5)


def _nearest(values: np.ndarray, row: np.ndarray, column: np.ndarray, *, fill: float) -> np.ndarray:
    """Pixel that holds each position: (..., rows, columns) at positions of shape P -> (..., *P)."""
    rows, columns = values.shape[-2:]
    on = inside(row, column, (rows, columns))
    i, j = (np.floor(np.where(on, axis, 0.0) + 0.5).astype(np.intp) for axis in (row, column))
    bands = np.ascontiguousarray(values).reshape(-1, rows * columns)
    out = np.take(bands, (i * columns + j).ravel(), axis=1).reshape(*values.shape[:-2], *on.shape)
    out[..., ~on] = fill
    return out


def _bilinear(values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Bilinear value at each position, NaN outside and where the pixel that holds the position is NaN.

    Missing neighbors carry no weight; beyond the outermost centers the edge value is kept.
    """
    rows, columns = values.shape[-2:]
    shape = np.broadcast_shapes(row.shape, column.shape)
    on = inside(row, column, (rows, columns)).ravel()
    row, column = (
        np.clip(np.nan_to_num(a), 0, n - 1).ravel() for a, n in zip((row, column), (rows, columns), strict=True)
    )
    cell = list(corners((row, column), (rows, columns)))
    middle = np.floor(row + 0.5).astype(np.intp) * columns + np.floor(column + 0.5).astype(np.intp)
    bands = np.ascontiguousarray(values).reshape(-1, rows * columns)
    out = np.empty((len(bands), len(on)), dtype=values.dtype)

    def mix(band: np.ndarray) -> np.ndarray:
        return sum(weight * band[at] for at, weight in cell)

    for band, target in zip(bands, out, strict=True):
        target[:] = mix(band)
        if np.isnan(band).any():
            valid = np.isfinite(band)
            weight, total = mix(valid.astype(np.float64)), mix(np.where(valid, band, 0.0))
            # A hole keeps its size: only its own pixels are NaN, those beside it do without it.
            target[:] = np.where(valid[middle], total / np.where(weight > 0, weight, 1.0), np.nan)
    out[:, ~on] = np.nan
    return out.reshape(*values.shape[:-2], *shape)


def _average(samples: list[np.ndarray]) -> np.ndarray:
    """Mean of the finite samples of each target pixel; NaN without any."""
    total, count = np.zeros(samples[0].shape), np.zeros(samples[0].shape)
    for sample in samples:
        valid = np.isfinite(sample)
        total += np.where(valid, sample, 0.0)
        count += valid
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(samples[0].dtype)


def _mode(samples: list[np.ndarray], *, fill: float) -> np.ndarray:
    """Most frequent class of each target pixel, the smallest code at ties; ``fill`` does not vote."""
    stack = np.stack(samples)
    best, votes = np.full(stack.shape[1:], fill, dtype=stack.dtype), np.zeros(stack.shape[1:], dtype=np.int32)
    for code in np.unique(stack[stack != fill] if fill == fill else stack[np.isfinite(stack)]):  # noqa: PLR0124 (NaN)
        count = (stack == code).sum(axis=0, dtype=np.int32)
        best, votes = np.where(count > votes, code, best), np.maximum(count, votes)
    return best
