"""Functions of whole dims, applied block by block over all others, without a copy of what they are given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._errors import QtpDataError


def over_blocks(
    function: Callable[..., np.ndarray],
    *arrays: Any,
    input_core_dims: Sequence[Sequence[str]],
    output_core_dims: Mapping[str, int] | None = None,
    dtype: Any,
    join: Any = "exact",
) -> xr.DataArray:
    """Apply a function as ``xarray.apply_ufunc(dask="parallelized")`` does, but hand over blocks as they lie.

    That one joins the blocks of a core dim, also where it has only one: a copy of each array for each call. Of a coarse
    map under a large fine one it copies the whole coarse map for every block of the fine one.

    Parameters
    ----------
    function : callable
        Takes and gives arrays with their core dims last, the others broadcast against each other.
    *arrays : xarray.DataArray or number
    input_core_dims : sequence of sequences of str
        One for each array; a lazy one has a single chunk along them.
    output_core_dims : mapping of str to int, optional
        Names and sizes.
    dtype : numpy.dtype
        Of the result.
    join : str
        How indexes of the other dims are aligned.

    Returns
    -------
    xarray.DataArray
        Attributes of the first array. Lazy if an array is.

    Raises
    ------
    QtpDataError
        If a lazy array has several chunks along a core dim.
    """
    sizes = dict(output_core_dims or {})
    place = partial(
        _place,
        function=function,
        cores=[tuple(dims) for dims in input_core_dims],
        sizes=tuple(sizes.values()),
        dtype=dtype,
    )
    return xr.apply_ufunc(
        place,
        *arrays,
        input_core_dims=input_core_dims,
        output_core_dims=[list(sizes)],
        join=join,
        keep_attrs=True,
        dask="allowed",
    )


def _place(
    *data: Any,
    function: Callable[..., np.ndarray],
    cores: Sequence[tuple[str, ...]],
    sizes: tuple[int, ...],
    dtype: Any,
) -> Any:
    """Call the function, or put its calls into a graph."""
    if not any(hasattr(a, "dask") for a in data):
        return function(*data)
    import dask.array as da  # noqa: PLC0415  slow to import

    lead = max(np.ndim(a) - len(core) for a, core in zip(data, cores, strict=True))
    letters = itertools.count(lead)  # of dims, as dask's blockwise wants them; those that are shared come first
    indexed: list[Any] = []
    for a, core in zip(data, cores, strict=True):
        own = np.ndim(a) - len(core)
        _refuse_cut(a, core)
        indexed += [a, (*range(lead - own, lead), *itertools.islice(letters, len(core))) if np.ndim(a) else None]
    new = dict(zip(letters, sizes, strict=False))
    out = (*range(lead), *new)
    meta = np.empty((0,) * len(out), dtype)
    call = partial(_call, function)
    return da.blockwise(call, out, *indexed, new_axes=new, dtype=dtype, meta=meta, concatenate=None)


def _refuse_cut(a: Any, core: Sequence[str]) -> None:
    for dim, pieces in zip(core, getattr(a, "chunks", ())[np.ndim(a) - len(core) :], strict=False):
        _refuse_pieces(dim, len(pieces))


def require_one_chunk(da: xr.DataArray, dim: str) -> None:
    """Refuse a lazy array that has several chunks along a dim: before that is renamed, or for an error of its own."""
    _refuse_pieces(dim, len(da.chunksizes.get(dim, ())))


def _refuse_pieces(dim: str, number: int) -> None:
    if number > 1:
        raise QtpDataError(
            "a dim that is needed whole lies in several chunks",
            expected=f"dim {dim} in one chunk",
            found=f"{number} chunks",
            hint=f"Rechunk with .chunk({{{dim!r}: -1}}).",
        )


def _call(function: Callable[..., np.ndarray], *blocks: Any) -> np.ndarray:
    return function(*map(_unpacked, blocks))


def _unpacked(block: Any) -> Any:
    """Take an array out of the lists, one within the other, that dask makes of its dims that are needed whole."""
    while isinstance(block, list):
        (block,) = block
    return block
