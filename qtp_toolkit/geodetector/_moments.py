"""Moment tables of a labelled map and its strata: one pass, bounded memory, lazy on lazy input."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, is_lazy
from qtp_toolkit.geodetector._strata import as_strata
from qtp_toolkit.kernels.strata import merge_tables

FACTOR, OTHER = "factor", "other"


def prepare(
    y: xr.DataArray, strata: xr.Dataset | xr.DataArray
) -> tuple[list[xr.DataArray], tuple[int, ...], list[str], list]:
    """Codes on the dims of ``y``, sizes, names and labels of every factor; refuses what does not belong together."""
    named = strata.data_vars if isinstance(strata, xr.Dataset) else {strata.name or "strata": strata}
    if not named:
        raise QtpDataError("no factor was given")
    codes, labels = [], []
    for name, da in named.items():
        _same_grid(y, da, str(name))
        if y.name is not None and da.attrs.get("variable") == y.name:
            raise QtpDataError(
                f"factor {name!r} is the explained variable itself",
                found="q = 1 by construction",
                hint="Drop it from the factors.",
            )
        code, label = as_strata(da)
        codes.append(code.transpose(*y.dims))
        labels.append(label)
    return codes, tuple(len(label) for label in labels), [str(name) for name in named], labels


def moments(y: xr.DataArray, codes: list[xr.DataArray], sizes: tuple[int, ...], *, pairs: bool = False) -> xr.DataArray:
    """Moment tables (moment, cell) of each factor, or of each pair; lazy if any input is lazy."""
    table = partial(_table, sizes=sizes, pairs=pairs)
    if any(is_lazy(da) for da in (y, *codes)):
        data = _reduce_blocks(table, y, codes, _cells(sizes, pairs))
    else:
        data = table(y.values, *(code.values for code in codes))
    return xr.DataArray(data, dims=("moment", "cell"))


def _table(y: np.ndarray, *codes: np.ndarray, sizes: tuple[int, ...], pairs: bool) -> np.ndarray:
    from qtp_toolkit.geodetector.kernels import moments  # noqa: PLC0415  imports Numba

    tables = moments.pair_tables if pairs else moments.factor_tables
    return tables(y.ravel(), np.stack([code.ravel() for code in codes]), sizes)


def _cells(sizes: tuple[int, ...], pairs: bool) -> int:
    if not pairs:
        return sum(sizes)
    return sum((sizes[i] + 1) * (sizes[j] + 1) for i in range(len(sizes)) for j in range(i + 1, len(sizes)))


def _reduce_blocks(table: partial, y: xr.DataArray, codes: list[xr.DataArray], cells: int) -> object:
    import dask.array as dsk  # noqa: PLC0415  (only lazy input needs it)

    axes = tuple(range(y.ndim))
    operands = [part for da in (y, *codes) for part in (da.data, axes)]
    blocks = dsk.blockwise(
        partial(_block_table, table=table),
        (*axes, y.ndim, y.ndim + 1),
        *operands,
        new_axes={y.ndim: 3, y.ndim + 1: cells},
        adjust_chunks=dict.fromkeys(axes, 1),
        dtype=np.float64,
        meta=np.empty((0,) * (y.ndim + 2)),
    )
    return dsk.reduction(
        blocks,
        chunk=_keep,
        combine=_merge_blocks,
        aggregate=_merge_blocks,
        axis=axes,
        dtype=np.float64,
        split_every=4,
        meta=np.empty((0, 0)),
    )


def _block_table(y: np.ndarray, *codes: np.ndarray, table: partial) -> np.ndarray:
    return table(y, *codes)[(None,) * y.ndim]


def _keep(blocks: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:  # noqa: ARG001
    return blocks


def _merge_blocks(blocks: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    merged = merge_tables(blocks.reshape(-1, *blocks.shape[len(axis) :]))
    return merged[(None,) * len(axis)] if keepdims else merged


def _same_grid(y: xr.DataArray, da: xr.DataArray, name: str) -> None:
    if set(da.dims) != set(y.dims):
        raise QtpDataError(f"factor {name!r} has other dims than {y.name!r}", expected=y.dims, found=da.dims)
    try:
        xr.align(y, da, join="exact", copy=False)
    except ValueError:
        raise QtpDataError(
            f"factor {name!r} is not on the grid of {y.name!r}",
            expected=dict(y.sizes),
            found=dict(da.sizes),
            hint="Bring it there with grid.match; coordinates must agree exactly.",
        ) from None
