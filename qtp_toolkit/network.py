"""Which acquisitions are paired, and what the network of pairs can determine (paper section 3.7, Fig. 2).

A pair has a ``reference`` (the earlier date) and a ``secondary`` (the later one), and its phase is later minus
earlier: ``phase(a, b) = phase(b) - phase(a)``. Equation 5 of the paper mixes both orders; here there is one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, TIME, QtpDataError, coordinate, describe, require
from qtp_toolkit.kernels import pairs as graph

PAPER_WINDOWS = ((0, 40), (350, 380), (725, 735))
"""Temporal baselines of the paper in days: consecutive, one year and two years apart."""

ANTISYMMETRIC_UNITS = ("rad", "mm", "m")
"""Units of what changes its sign when the two dates of a pair are exchanged: phase, displacement, baseline."""


def select_pairs(
    dates: Sequence | np.ndarray | xr.DataArray,
    *,
    windows: Sequence[tuple[float, float]] = PAPER_WINDOWS,
    perpendicular_baseline: xr.DataArray | None = None,
) -> xr.Dataset:
    """Pair all acquisitions whose temporal baseline lies in one of the windows.

    The short window follows the motion; the pairs about one and two years apart join equal seasons, which stay
    coherent where freezing, thawing and snow decorrelate everything between (paper section 3.7). No limit on the
    perpendicular baseline: the orbital tube of Sentinel-1 is narrow enough. On the nominal dates (24 days from
    October 2014, 12 days from March 2017 to December 2019: 123 acquisitions) the rule gives 512 pairs; the paper
    keeps 466 after looking at their coherence.

    Parameters
    ----------
    dates : sequence of datetime64 or DataArray
        Acquisition dates, any order, no duplicates.
    windows : sequence of (float, float)
        Closed ranges of the temporal baseline in days; a baseline of zero days is never a pair.
    perpendicular_baseline : xarray.DataArray, optional
        m, dim ``time``, of each acquisition relative to a common one; adds that of each pair (later minus earlier).

    Returns
    -------
    xarray.Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary``, ordered by both; ``temporal_baseline`` in days, and
        ``perpendicular_baseline`` in m if given. In memory.

    Raises
    ------
    QtpDataError
        For duplicate dates, or if no two dates fall into a window.
    """
    days = np.sort(np.asarray(dates).astype("datetime64[D]"))
    repeated = np.unique(days[1:][days[1:] == days[:-1]])
    if repeated.size:
        raise QtpDataError(
            "acquisition dates occur twice",
            found=", ".join(map(str, repeated)),
            hint="Keep one acquisition a day.",
            code="I18",
        )
    span = (days[None, :] - days[:, None]).astype(np.int64)
    wanted = np.zeros(span.shape, dtype=bool)
    for low, high in windows:
        wanted |= (span >= low) & (span <= high)
    first, second = np.nonzero(wanted & (span > 0))
    if not first.size:
        raise QtpDataError("no two acquisitions fall into a window", expected=windows, found=f"{days.size} dates")
    ns = days.astype("datetime64[ns]")
    out = xr.Dataset(
        {"temporal_baseline": (PAIR, span[first, second], {"units": "d", "long_name": "temporal baseline"})},
        coords={REFERENCE: (PAIR, ns[first]), SECONDARY: (PAIR, ns[second])},
    )
    if perpendicular_baseline is None:
        return out
    require(perpendicular_baseline, dims=(TIME,), units="m")
    own = perpendicular_baseline.assign_coords(
        {TIME: perpendicular_baseline[TIME].astype("datetime64[D]").astype("datetime64[ns]")}
    )
    values = own.sel({TIME: ns[second]}).values - own.sel({TIME: ns[first]}).values
    between = describe(xr.DataArray(values, dims=PAIR), "perpendicular_baseline")
    return out.assign(perpendicular_baseline=between)


def incidence_matrix(pairs: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Matrix that takes phases at the dates to phases of the pairs: +1 at the later date, -1 at the earlier.

    Parameters
    ----------
    pairs : xarray.DataArray or Dataset
        Anything with dim ``pair`` and coords ``reference`` and ``secondary``.

    Returns
    -------
    xarray.DataArray
        Dims ``pair, time``, float64, in memory; ``time`` holds the sorted dates of the network. Its rank is the
        number of dates minus the number of :func:`components`.

    Raises
    ------
    QtpDataError
        For pairs of zero span, in the wrong order, or present twice.
    """
    dates, first, second = _index(pairs)
    matrix = np.zeros((len(first), len(dates)))
    rows = np.arange(len(first))
    matrix[rows, second] = 1.0
    matrix[rows, first] = -1.0
    coords = {TIME: dates, REFERENCE: (PAIR, dates[first]), SECONDARY: (PAIR, dates[second])}
    attrs = {"units": "1", "long_name": "incidence matrix of the network"}
    return xr.DataArray(matrix, dims=(PAIR, TIME), coords=coords, name="incidence_matrix", attrs=attrs)


def components(pairs: xr.DataArray | xr.Dataset) -> list[np.ndarray]:
    """Find the groups of dates that pairs connect, ordered by their first date.

    More than one group means that no inversion can know the motion between them: minimum-norm solutions silently
    invent it.

    Parameters
    ----------
    pairs : xarray.DataArray or Dataset
        Anything with dim ``pair`` and coords ``reference`` and ``secondary``.

    Returns
    -------
    list of numpy.ndarray
        Sorted ``datetime64[ns]`` dates of each group.

    Raises
    ------
    QtpDataError
        For pairs of zero span, in the wrong order, or present twice.
    """
    dates, first, second = _index(pairs)
    labels = graph.components(len(dates), first, second)
    return [dates[labels == label] for label in range(labels.max() + 1)]


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
    """
    require(phase, dims=(PAIR,), units="rad")
    dates, first, second = _index(phase)
    rows = graph.triplets(first, second)
    if not len(rows):
        raise QtpDataError(
            "the network has no closed triangle", found=f"{len(first)} pairs", hint="Add pairs that span two others."
        )
    bare = phase.drop_vars([REFERENCE, SECONDARY]).rename({PAIR: "triplet"})
    early, late, across = (bare.isel(triplet=rows[:, k]) for k in range(3))
    out = early + late - across
    corners = {"first": first[rows[:, 0]], "middle": second[rows[:, 0]], "last": second[rows[:, 1]]}
    out = out.assign_coords({name: ("triplet", dates[at]) for name, at in corners.items()})
    note = {key: phase.attrs[key] for key in ("provenance_note",) if key in phase.attrs}
    return describe(out.transpose("triplet", ...), "closure_phase", **note)


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
    """
    require(values, dims=("triplet",))
    dates, first, second = _index(pairs)
    at = [np.searchsorted(dates, coordinate(values, name)) for name in ("first", "middle", "last")]
    sides = [(at[0], at[1]), (at[1], at[2]), (at[0], at[2])]
    belongs = np.zeros((len(first), values.sizes["triplet"]))
    for start, end in sides:
        belongs += (first[:, None] == start) & (second[:, None] == end)
    number = belongs.sum(axis=1, keepdims=True)
    share = xr.DataArray(belongs / np.where(number > 0, number, np.nan), dims=(PAIR, "triplet"))
    out = xr.dot(values.drop_vars(["first", "middle", "last"]), share, dim="triplet")
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
    wrong = (abs(closure) > np.pi).sum("triplet", dtype=np.float32)
    note = {key: phase.attrs[key] for key in ("provenance_note",) if key in phase.attrs}
    return describe(wrong.where(closure.notnull().any("triplet")), "closure_errors", **note)


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
        As :func:`closure_phase`.
    """
    closure = closure_phase(phase)
    over = [dim for dim in closure.dims if dim != "triplet"]
    wrong = (abs(closure) > np.pi).sum(over, dtype=np.float64)
    there = closure.notnull().sum(over, dtype=np.float64)
    seen = mean_by_pair(there, phase)
    share = mean_by_pair(wrong, phase) / seen.where(seen > 0)
    rank = xr.apply_ufunc(
        lambda values: np.argsort(np.argsort(-np.nan_to_num(values, nan=-1.0), axis=-1, kind="stable"), axis=-1) + 1,
        share,
        input_core_dims=[[PAIR]],
        output_core_dims=[[PAIR]],
        dask="parallelized",
        output_dtypes=[np.int64],
    )
    rank = rank.rename("rank").assign_attrs(units="1", long_name="rank of the pair, 1 for the worst")
    note = {key: phase.attrs[key] for key in ("provenance_note",) if key in phase.attrs}
    return xr.Dataset({"closure_error_share": describe(share, "closure_error_share", **note), "rank": rank})


def canonicalise(stack: xr.DataArray | xr.Dataset) -> xr.DataArray | xr.Dataset:
    """Put the earlier date of every pair first, with the sign that goes with it.

    Parameters
    ----------
    stack : xarray.DataArray or Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary`` in any order.

    Returns
    -------
    xarray.DataArray or Dataset
        The same pairs in the same order. Where the dates were exchanged, variables in rad, mm or m (phase,
        displacement, baseline) have their sign changed; others, like coherence, are as they were. Lazy if the input
        is lazy.
    """
    if isinstance(stack, xr.DataArray):
        return _exchange(stack)
    exchanged = {
        name: _exchange(da).drop_vars([REFERENCE, SECONDARY]) for name, da in stack.data_vars.items() if PAIR in da.dims
    }
    return stack.assign_coords(_ordered(stack)).assign(exchanged)


def _exchange(da: xr.DataArray) -> xr.DataArray:
    first, second = (coordinate(da, name) for name in (REFERENCE, SECONDARY))
    swapped = first > second
    out = da
    if swapped.any() and da.attrs.get("units") in ANTISYMMETRIC_UNITS:
        sign = xr.DataArray(np.where(swapped, -1, 1).astype(da.dtype), dims=PAIR)
        out = (da * sign).transpose(*da.dims).assign_attrs(da.attrs).rename(da.name)
    return out.assign_coords(_ordered(da))


def _ordered(stack: xr.DataArray | xr.Dataset) -> dict[str, tuple]:
    both = np.sort(np.stack([coordinate(stack, name) for name in (REFERENCE, SECONDARY)]), axis=0)
    return {REFERENCE: (PAIR, both[0]), SECONDARY: (PAIR, both[1])}


def _index(pairs: xr.DataArray | xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dates of the network and the positions of each pair's dates, or an error that names all bad pairs."""
    missing = [name for name in (REFERENCE, SECONDARY) if name not in pairs.coords]
    if missing:
        raise QtpDataError(
            f"pairs lack coords {missing}", expected="reference and secondary on dim pair", found=list(pairs.coords)
        )
    reference, secondary = (coordinate(pairs, name) for name in (REFERENCE, SECONDARY))
    bad = graph.faults(reference, secondary)
    if bad is not None:
        code, found = bad
        raise QtpDataError(
            "pairs that no network can hold",
            where=PAIR,
            found=found,
            hint="Drop duplicates; canonicalise() mends the order.",
            code=code,
        )
    return graph.index(reference, secondary)
