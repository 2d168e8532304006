"""Pairs of dates as labelled arrays carry them: read, checked, named, and what a series does between them."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._over_blocks import over_blocks
from qtp_toolkit.conventions import (
    PAIR,
    REFERENCE,
    SECONDARY,
    TIME,
    QtpDataError,
    coordinate,
    is_lazy,
    many_blocks,
    require,
)
from qtp_toolkit.kernels import pairs as graph

_HINTS = {
    "I17": "network.canonicalise() puts the earlier date first and changes the sign.",
    "I18": "Drop them.",
    "I19": "Drop duplicates.",
    "I28": "Every pair needs two dates of datetime64, as pandas.to_datetime makes them.",
}


def pair_dates(pairs: xr.DataArray | xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Read the reference and secondary date of each pair, or raise an error that says which coordinate is missing."""
    missing = [name for name in (REFERENCE, SECONDARY) if name not in pairs.coords]
    if missing:
        raise QtpDataError(
            f"pairs lack coords {missing}", expected="reference and secondary on dim pair", found=list(pairs.coords)
        )
    return coordinate(pairs, REFERENCE), coordinate(pairs, SECONDARY)


def name_pairs(pairs: xr.DataArray | xr.Dataset) -> list[str]:
    """Name pairs by their days, as errors do."""
    first, second = (dates.astype("datetime64[D]").astype(str) for dates in pair_dates(pairs))
    return [f"{a}/{b}" for a, b in zip(first, second, strict=True)]


def index_pairs(pairs: xr.DataArray | xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dates of the network and the positions of each pair's dates, or an error that names all bad pairs."""
    reference, secondary = pair_dates(pairs)
    if not reference.size:
        raise QtpDataError("there is no pair", expected="one or more", found=dict(pairs.sizes), code="C10")
    bad = graph.find_faults(reference, secondary)
    if bad is not None:
        code, found = bad
        raise QtpDataError(
            "pairs that no network can hold",
            where=PAIR,
            found=found,
            hint=_HINTS[code],
            code=code,
        )
    return graph.index_dates(reference, secondary)


def pair_difference(series: xr.DataArray, pairs: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Difference of a series between the two dates of each pair: ``series(secondary) - series(reference)``.

    Parameters
    ----------
    series : xarray.DataArray
        Dim ``time``, any others; any unit.
    pairs : xarray.DataArray or Dataset
        Anything with coords ``reference`` and ``secondary`` on dim ``pair``.

    Returns
    -------
    xarray.DataArray
        Dim ``pair`` in place of ``time``; unit, name and dtype of the series. Lazy if the series is lazy.

    Raises
    ------
    QtpDataError
        Listing the dates of pairs that the series lacks, or has more than once (P12).
    """
    first, second = _find_ends(series, pairs)
    bare = series.drop_vars(TIME).rename({TIME: PAIR})
    out = (bare.isel({PAIR: second}) - bare.isel({PAIR: first})).transpose(PAIR, ...)
    coords = {name: (PAIR, dates) for name, dates in zip((REFERENCE, SECONDARY), pair_dates(pairs), strict=True)}
    return out.assign_coords(coords).rename(series.name).assign_attrs(series.attrs)


def minus_difference(stack: xr.DataArray, series: xr.DataArray, *, dtype: Any = None) -> xr.DataArray:
    """Stack less what a series does between the dates of its pairs, pair by pair.

    The same numbers as ``stack - pair_difference(series, stack)``, but the differences of all pairs are never there
    at once, which would be two more stacks to move through memory.

    Parameters
    ----------
    stack : xarray.DataArray
        Dim ``pair`` with coords ``reference`` and ``secondary``, any others.
    series : xarray.DataArray
        Dim ``time``, and any of the others, on the same pixels; one chunk along ``time``, or brought to one.
    dtype : numpy.dtype, optional
        Of the result; by default as the two give it.

    Returns
    -------
    xarray.DataArray
        Dims and coords of the stack. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        As :func:`pair_difference`.
    """
    dtype = np.result_type(stack.dtype, series.dtype) if dtype is None else dtype
    ends = [xr.DataArray(at, dims=PAIR) for at in _find_ends(series, stack)]
    if is_lazy(stack):
        ends = [at.chunk({PAIR: stack.variable.chunksizes[PAIR]}) for at in ends]
    bare = series.drop_vars(TIME).transpose(..., TIME)
    with many_blocks():
        out = over_blocks(
            partial(_subtract_differences, dtype=dtype),
            stack.transpose(PAIR, ...),
            *ends,
            bare.chunk({TIME: -1}) if is_lazy(bare) else bare,
            input_core_dims=[[], [], [], [TIME]],
            dtype=dtype,
        )
    return out.transpose(*stack.dims)


def _subtract_differences(
    stack: np.ndarray, first: np.ndarray, second: np.ndarray, series: np.ndarray, *, dtype: Any
) -> np.ndarray:
    """Planes (pair, ...) less the differences of planes (..., time) at the positions (pair, ...)."""
    from qtp_toolkit.kernels.differences import subtract_differences  # noqa: PLC0415  (compiles)

    dates = np.moveaxis(np.broadcast_to(series, (*stack.shape[1:], series.shape[-1])), -1, 0)
    out = np.empty(stack.shape, dtype)
    pixels = math.prod(stack.shape[1:])
    rows, moved = (np.ascontiguousarray(a).reshape(len(a), pixels) for a in (stack, dates))
    subtract_differences(rows, first.ravel(), second.ravel(), moved, out.reshape(rows.shape))
    return out


def _find_ends(series: xr.DataArray, pairs: xr.DataArray | xr.Dataset) -> list[np.ndarray]:
    """Positions in a series of the reference and the secondary date of each pair."""
    require(series, dims=(TIME,))
    reference, secondary = pair_dates(pairs)
    # By day: a series may carry the hour of its pass, where pairs have dates only.
    days = coordinate(series, TIME).astype("datetime64[D]")
    order = np.argsort(days)
    ends = [dates.astype("datetime64[D]") for dates in (reference, secondary)]
    missing, label = np.setdiff1d(np.concatenate(ends), days), repr(series.name or "series")
    if missing.size:
        raise QtpDataError(
            f"{label} lacks dates of the pairs",
            where=TIME,
            found=", ".join(map(str, missing)),
            hint="Give values for these dates, or drop their pairs.",
            code="I03",
        )
    several = np.intersect1d(np.sort(days)[1:][np.diff(np.sort(days)).astype(int) == 0], np.concatenate(ends))
    if several.size:
        raise QtpDataError(
            f"{label} has several values on days of pairs",
            where=TIME,
            found=", ".join(map(str, several)),
            expected="one a day",
            hint="Keep the time of the pass.",
            code="P12",
        )
    return [order[np.searchsorted(days[order], end)] for end in ends]
