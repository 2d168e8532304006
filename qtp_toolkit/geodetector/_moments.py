"""Moment tables of a labelled map and its strata, and what is read from them: one pass, bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe, is_lazy, provenance, require_same_grid
from qtp_toolkit.geodetector._strata import read_strata
from qtp_toolkit.kernels.strata import merge_tables, variance_split

FACTOR, OTHER = "factor", "other"
COUNTS = ("n", "strata", "dropped", "min_stratum")


def prepare(
    y: xr.DataArray, strata: xr.Dataset | xr.DataArray
) -> tuple[list[xr.DataArray], tuple[int, ...], list[str], list]:
    """Codes on the dims of ``y``, sizes, names and labels of every factor; refuses what does not belong together."""
    named = strata.data_vars if isinstance(strata, xr.Dataset) else {strata.name or "strata": strata}
    if not named:
        raise QtpDataError("no factor was given")
    codes, labels = [], []
    for name, da in named.items():
        da = require_same_grid(da, y, name=f"factor {name!r}")  # noqa: PLW2901
        if y.name is not None and da.attrs.get("variable") == y.name:
            raise QtpDataError(
                f"factor {name!r} is the explained variable itself",
                found="q = 1 by construction",
                hint="Drop it from the factors.",
            )
        code, label = read_strata(da)
        codes.append(code.transpose(*y.dims))
        labels.append(label)
    return codes, tuple(len(label) for label in labels), [str(name) for name in named], labels


def moments(y: xr.DataArray, codes: list[xr.DataArray], sizes: tuple[int, ...], *, pairs: bool = False) -> xr.DataArray:
    """Moment tables (moment, cell) of each factor, or of each pair; lazy if any input is lazy."""
    table = partial(_block_table, sizes=sizes, pairs=pairs)
    if any(is_lazy(da) for da in (y, *codes)):
        data = _reduce_blocks(table, y, codes, sizes, pairs=pairs)
    else:
        data = table(y.values, *(code.values for code in codes)).reshape(3, -1)
    return xr.DataArray(data, dims=("moment", "cell"))


def _block_table(y: np.ndarray, *codes: np.ndarray, sizes: tuple[int, ...], pairs: bool) -> np.ndarray:
    """Table of one block behind as many axes of length one as the block has, as a reduction by dask needs them."""
    from qtp_toolkit.geodetector.kernels import moments  # noqa: PLC0415  imports Numba

    tables = moments.pair_tables if pairs else moments.factor_tables
    return tables(y.ravel(), np.stack([code.ravel() for code in codes]), sizes)[(None,) * y.ndim]


def _reduce_blocks(
    table: partial, y: xr.DataArray, codes: list[xr.DataArray], sizes: tuple[int, ...], *, pairs: bool
) -> object:
    import dask.array as dsk  # noqa: PLC0415  (only lazy input needs it)

    from qtp_toolkit.geodetector.kernels.moments import pair_layout  # noqa: PLC0415  imports Numba

    axes = tuple(range(y.ndim))
    operands = [part for da in (y, *codes) for part in (da.data, axes)]
    blocks = dsk.blockwise(
        table,
        (*axes, y.ndim, y.ndim + 1),
        *operands,
        new_axes={y.ndim: 3, y.ndim + 1: int(pair_layout(sizes)[1][-1]) if pairs else sum(sizes)},
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
        split_every=4,  # a merge holds four tables, whatever the number of blocks
        meta=np.empty((0, 0)),
    )


def _keep(blocks: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:  # noqa: ARG001
    return blocks


def _merge_blocks(blocks: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    merged = merge_tables(blocks.reshape(-1, *blocks.shape[len(axis) :]))
    return merged[(None,) * len(axis)] if keepdims else merged


def read_tables(function: Callable, table: xr.DataArray, dims: dict[str, int], **options: object) -> xr.DataArray:
    """Apply ``function(table, **options)``, whose result has ``dims`` (name to size), to whole moment tables."""
    return xr.apply_ufunc(
        function,
        table,
        input_core_dims=[["moment", "cell"]],
        output_core_dims=[list(dims)],
        kwargs=options,
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": dims},
    )


def read_factors(
    function: Callable, y: xr.DataArray, strata: xr.Dataset | xr.DataArray, names: tuple[str, ...], **options: object
) -> xr.Dataset:
    """Statistics ``names`` along the dim ``factor``: what ``function(table, name, **options)`` makes of each factor."""
    codes, sizes, factors, _ = prepare(y, strata)
    out = read_tables(
        _each_factor,
        moments(y, codes, sizes),
        {FACTOR: len(sizes), "statistic": len(names)},
        sizes=sizes,
        factors=factors,
        label=str(y.name),
        read=partial(function, **options),
    )
    return name_statistics(out.assign_coords({FACTOR: factors}), names, y)


def _each_factor(
    table: np.ndarray, *, sizes: tuple[int, ...], factors: list[str], label: str, read: Callable
) -> np.ndarray:
    parts = np.split(table, np.cumsum(sizes)[:-1], axis=1)
    for part, name in zip(parts, factors, strict=True):
        _check_varies(part, label, name)
    return np.array([read(part, name) for part, name in zip(parts, factors, strict=True)])


def _check_varies(table: np.ndarray, label: str, name: str) -> None:
    """Refuse a map without samples or without variance."""
    n = table[0].sum()
    if n == 0:
        raise QtpDataError(f"{label!r} and factor {name!r} share no sample", hint="Check masks and class edges.")
    if not varies(table):
        raise QtpDataError(
            f"{label!r} does not vary, so that nothing can explain it",
            variable=label,
            found=f"constant in {n:.0f} samples",
        )


def varies(table: np.ndarray) -> bool:
    """Whether the samples of a moment table differ. Of a constant map the sum of squares is not zero but rounding."""
    _, sst, n, *_ = variance_split(table)
    scale = np.abs(table[1]).max(initial=0.0)
    return bool(sst > n * (4.0 * np.finfo(np.float64).eps * scale) ** 2)


def name_statistics(out: xr.DataArray, names: tuple[str, ...], y: xr.DataArray) -> xr.Dataset:
    """Variables of a Dataset from the dim ``statistic``; counts become whole numbers."""
    parts = {name: out.isel(statistic=i) for i, name in enumerate(names)}
    whole = {name: da.fillna(0).astype(np.int64) if name in COUNTS else da for name, da in parts.items()}
    return xr.Dataset({name: describe(da, name, like=y) for name, da in whole.items()}, attrs=provenance(y))
