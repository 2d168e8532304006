"""Moment tables of the cells of a coarse grid: what windows and blocks of pixels are put together from."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, is_lazy

ROW, COLUMN = "cell_row", "cell_column"


def cell_tables(y: xr.DataArray, codes: list[xr.DataArray], sizes: tuple[int, ...], side: int) -> xr.DataArray:
    """Moment tables of all factors in squares of ``side`` pixels: dims cell_row, cell_column, moment, cell.

    The last squares of a row or column may be smaller. Lazy if an input is lazy, and then in blocks of whole squares.
    """
    if side < 1:
        raise QtpDataError("squares need pixels", expected="1 or more", found=side)
    if y.ndim != 2:
        raise QtpDataError("windows and blocks need a map", expected="two dims", found=y.dims)
    if not any(is_lazy(da) for da in (y, *codes)):
        data = _tables_of(y.values, *(code.values for code in codes), sizes=sizes, side=side)
        return xr.DataArray(data, dims=(ROW, COLUMN, "moment", "cell"))
    import dask.array as dsk  # noqa: PLC0415  (only lazy input needs it)

    lead = y if is_lazy(y) else next(code for code in codes if is_lazy(code))
    wanted = _whole_cells(lead, side)
    chunks = [tuple(-(-size // side) for size in axis) for axis in wanted.values()]
    data = dsk.map_blocks(
        _tables_of,
        *(da.chunk(wanted).data for da in (y, *codes)),
        sizes=sizes,
        side=side,
        dtype=np.float64,
        chunks=(*chunks, (3,), (sum(sizes),)),
        new_axis=[2, 3],
        meta=np.empty((0, 0, 0, 0)),
    )
    return xr.DataArray(data, dims=(ROW, COLUMN, "moment", "cell"))


def _whole_cells(da: xr.DataArray, side: int) -> dict[Hashable, tuple[int, ...]]:
    """Chunks by dim that end where squares end, as near as may be to those that are there."""
    chunks: dict[Hashable, tuple[int, ...]] = {}
    for dim, own in zip(da.dims, da.data.chunks, strict=True):
        size = da.sizes[dim]
        ends = {min(-(-int(end) // side) * side, size) for end in np.cumsum(own)}
        chunks[dim] = tuple(int(part) for part in np.diff([0, *sorted(ends)]))
    return chunks


def _tables_of(y: np.ndarray, *codes: np.ndarray, sizes: tuple[int, ...], side: int) -> np.ndarray:
    from qtp_toolkit.geodetector.kernels.moments import factor_tables  # noqa: PLC0415  imports Numba

    rows, columns = (-(-size // side) for size in y.shape)
    out = np.empty((rows, columns, 3, sum(sizes)))
    for i in range(rows):
        for j in range(columns):
            part = (slice(i * side, (i + 1) * side), slice(j * side, (j + 1) * side))
            flat = np.stack([code[part].ravel() for code in codes])
            out[i, j] = factor_tables(y[part].ravel(), flat, sizes)
    return out
