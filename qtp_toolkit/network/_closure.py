"""What does not close around the triangles of a network, and which pair is to blame."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import xarray as xr

from qtp_toolkit._pairs import index_pairs
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, QtpDataError, coordinate, describe, require
from qtp_toolkit.kernels import pairs as graph

_CORNERS = ("first", "middle", "last")


def closure_phase(phase: xr.DataArray) -> xr.DataArray:
    """Sum of the phases around each triangle of the network: ``phase(a, b) + phase(b, c) - phase(a, c)``.

    What happens at the dates cancels: motion, troposphere, ramps. What is left is the error of the interferograms
    themselves: near zero for noise and soil moisture, near a multiple of 2 pi where one of the three is unwrapped
    wrongly.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dim ``pair`` with coords ``reference`` and ``secondary``, any other dims.

    Returns
    -------
    xarray.DataArray
        rad; dim ``triplet`` with coords ``first``, ``middle`` and ``last`` in place of ``pair``. NaN where one of the
        three is missing. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        For bad pairs, or if the network has no triangle.

    Examples
    --------
    The pair of the first and the last date is off by a cycle:

    >>> days = pd.date_range("2020-01-01", periods=3, freq="12D")
    >>> pairs = {"reference": ("pair", days[[0, 1, 0]]), "secondary": ("pair", days[[1, 2, 2]])}
    >>> phase = xr.DataArray([1.0, 2.0, 3.0 + 2 * np.pi], pairs, "pair", attrs={"units": "rad"})
    >>> (closure_phase(phase) / (2 * np.pi)).round(3).values
    array([-1.])
    """
    require(phase, dims=(PAIR,), quantity="phase")
    dates, first, second = index_pairs(phase)
    rows = graph.find_triplets(first, second)
    if not len(rows):
        raise QtpDataError(
            "the network has no closed triangle", found=f"{len(first)} pairs", hint="Add pairs that span two others."
        )
    bare = phase.drop_vars([REFERENCE, SECONDARY]).rename({PAIR: "triplet"})
    early, late, across = (bare.isel(triplet=rows[:, k]) for k in range(3))
    corners = (first[rows[:, 0]], second[rows[:, 0]], second[rows[:, 1]])
    coords = {name: ("triplet", dates[at]) for name, at in zip(_CORNERS, corners, strict=True)}
    out = (early + late - across).assign_coords(coords).transpose("triplet", ...)
    return describe(out, "closure_phase", like=phase)


def mean_by_pair(values: xr.DataArray, pairs: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Average what was found for triangles over the triangles that each pair belongs to: who is to blame.

    Parameters
    ----------
    values : xarray.DataArray
        Dim ``triplet`` with the coords of :func:`closure_phase`, e.g. the share of pixels that do not close.
    pairs : xarray.DataArray or Dataset
        The network.

    Returns
    -------
    xarray.DataArray
        Dim ``pair`` in place of ``triplet``; NaN for a pair without a triangle. Lazy if the values are lazy.

    Examples
    --------
    All pairs of four dates; the first one opens the two triangles that it belongs to:

    >>> from qtp_toolkit import network
    >>> pairs = network.select_pairs(pd.date_range("2020-01-01", periods=4, freq="12D"))
    >>> phase = xr.DataArray([7.0, 0.0, 0.0, 0.0, 0.0, 0.0], pairs.coords, "pair", attrs={"units": "rad"})
    >>> mean_by_pair(abs(closure_phase(phase)) > np.pi, pairs).values
    array([1. , 0.5, 0.5, 0.5, 0.5, 0. ])
    """
    require(values, dims=("triplet",))
    dates, first, second = index_pairs(pairs)
    at = [np.searchsorted(dates, coordinate(values, name)) for name in _CORNERS]
    belongs = np.zeros((len(first), values.sizes["triplet"]))
    for start, end in combinations(at, 2):
        belongs += (first[:, None] == start) & (second[:, None] == end)
    number = belongs.sum(axis=1, keepdims=True)
    # 0 / NaN: a pair without a triangle is unknown, not well.
    share = xr.DataArray(belongs / np.where(number > 0, number, np.nan), dims=(PAIR, "triplet"))
    out = xr.dot(values.drop_vars(_CORNERS), share, dim="triplet")
    coords = {REFERENCE: (PAIR, dates[first]), SECONDARY: (PAIR, dates[second])}
    return out.transpose(PAIR, ...).assign_coords(coords).rename(values.name).assign_attrs(values.attrs)


def closure_errors(phase: xr.DataArray) -> xr.DataArray:
    """Count, per pixel, the triangles of the network that do not close by one or more whole cycles.

    Noise, soil moisture and multilooking leave fractions of a cycle; more than half of one means that at least one of
    the three interferograms is unwrapped wrongly there.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dim ``pair`` with coords ``reference`` and ``secondary``, any other dims. Refer it to a common area first
        (``correct.set_reference``): a constant of its own in each interferogram does not close either.

    Returns
    -------
    xarray.DataArray
        Dims of the input without ``pair``; NaN where no triangle has its three phases. Lazy if the input is lazy: a
        block then needs the memory of its phases about three times.

    Raises
    ------
    QtpDataError
        As :func:`closure_phase`.
    """
    closure = closure_phase(phase)
    # float32 counts exactly as far as any network goes, and has a NaN.
    wrong = (abs(closure) > np.pi).sum("triplet", dtype=np.float32)
    return describe(wrong.where(closure.notnull().any("triplet")), "closure_errors", like=phase)


def rank_pairs(phase: xr.DataArray) -> xr.Dataset:
    """Rank interferograms by how often the triangles around them fail to close: which to look at, and perhaps to drop.

    One that is unwrapped wrongly opens all its triangles; its neighbors only those that they share with it.

    Parameters
    ----------
    phase : xarray.DataArray
        As for :func:`closure_errors`.

    Returns
    -------
    xarray.Dataset
        Dim ``pair``, in the order of the input: ``closure_error_share``, share of the closed triangles and pixels that
        are off by more than half a cycle (NaN for a pair without any: nothing checks it); ``rank``, 1 for the worst.
        ``.sortby("rank")`` gives the list. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        For bad pairs.

    Examples
    --------
    >>> from qtp_toolkit import network
    >>> pairs = network.select_pairs(pd.date_range("2020-01-01", periods=4, freq="12D"))
    >>> phase = xr.DataArray([0.0, 0.0, 0.0, 7.0, 0.0, 0.0], pairs.coords, "pair", attrs={"units": "rad"})
    >>> rank_pairs(phase)["rank"].values
    array([2, 3, 6, 1, 4, 5])
    """
    share = _share_of_errors(phase)
    # The place in the order is the order of the order; NaN as -1, so that a pair that nothing checks comes last.
    rank = xr.apply_ufunc(
        lambda values: np.argsort(np.argsort(-np.nan_to_num(values, nan=-1.0), axis=-1, kind="stable"), axis=-1) + 1,
        share,
        input_core_dims=[[PAIR]],
        output_core_dims=[[PAIR]],
        dask="parallelized",
        output_dtypes=[np.int64],
    )
    share, rank = describe(share, "closure_error_share", like=phase), describe(rank, "pair_rank", like=phase)
    return xr.Dataset({"closure_error_share": share, "rank": rank})


def _share_of_errors(phase: xr.DataArray) -> xr.DataArray:
    """Share of the triangles of each pair that do not close, NaN where there is none."""
    require(phase, dims=(PAIR,), quantity="phase")
    _, first, second = index_pairs(phase)
    if not len(graph.find_triplets(first, second)):
        return xr.DataArray(np.full(len(first), np.nan), phase[PAIR].coords, (PAIR,))
    closure = closure_phase(phase)
    over = [dim for dim in closure.dims if dim != "triplet"]
    wrong = (abs(closure) > np.pi).sum(over, dtype=np.float64)
    there = closure.notnull().sum(over, dtype=np.float64)
    seen = mean_by_pair(there, phase)
    return mean_by_pair(wrong, phase) / seen.where(seen > 0)
