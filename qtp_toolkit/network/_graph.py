"""Pairs by rule, and the graph that they make of the dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit._pairs import index_pairs, pair_dates, pair_difference
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, TIME, QtpDataError, describe, require
from qtp_toolkit.kernels import pairs as graph
from qtp_toolkit.network._choose import are_listed

PAPER_WINDOWS = ((0, 40), (350, 380), (725, 735))
"""Temporal baselines of the paper in days: consecutive, one year and two years apart."""

_NEAREST = 3

ANTISYMMETRIC_UNITS = ("rad", "mm", "m")
"""Units of what changes its sign when the two dates of a pair are exchanged: phase, displacement, baseline."""
_ANTISYMMETRIC, _SYMMETRIC = ("temporal_baseline",), ("misfit", "phase_std", "rms")
"""What does so, and what does not, whatever its unit."""


def acquisition(dates: Sequence | np.ndarray | xr.DataArray, wanted: Any = None) -> np.datetime64:
    """Return the acquisition that a reference date names: by default the first; I22, with the nearest, if it is none.

    Parameters
    ----------
    dates : sequence of datetime64 or DataArray
        Acquisitions, any order.
    wanted : date, optional

    Raises
    ------
    QtpDataError
        If no acquisition is of that day; names the nearest ones.

    Examples
    --------
    >>> acquisition(["2020-01-13", "2020-01-01"])
    np.datetime64('2020-01-01')
    """
    days = np.unique(read_times(dates).ravel().astype("datetime64[D]"))
    if wanted is None:
        return days[0]
    (day,) = read_times(wanted, name="the reference date").ravel().astype("datetime64[D]")
    if day not in days:
        nearest = np.sort(days[np.argsort(abs(days - day), kind="stable")[:_NEAREST]])
        raise QtpDataError(
            "the reference date is no acquisition",
            found=str(day),
            expected=f"one of {days.size} dates from {days[0]} to {days[-1]}",
            hint=f"Nearest: {', '.join(map(str, nearest))}. Set settings.reference_date, or leave it out.",
            code="I22",
        )
    return day


def select_pairs(
    dates: Sequence | np.ndarray | xr.DataArray,
    *,
    windows: Sequence[tuple[float, float]] = PAPER_WINDOWS,
    most: int | None = None,
    drop: Iterable[Any] = (),
    connect: bool = False,
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
    dates : sequence of datetime64, text (``2018-01-06``, ``20180106``, ...) or numbers like 20180106, or DataArray
        Acquisition dates, any order, no duplicates.
    windows : sequence of (float, float)
        Closed ranges of the temporal baseline in days; a baseline of zero days is never a pair.
    most : int, optional
        Later partners of a date in each window, at most: the first of a window that begins at zero, of others those
        nearest to its middle. Where two satellites pass every 6 days, 3 keeps about as many pairs for a date as one
        satellite has.
    drop : iterable
        Dates and pairs that are not used, as :func:`drop_pairs` takes them.
    connect : bool
        Where missing dates leave groups that no window joins, add the shortest pairs that join them, one for each gap.
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
        For what is no date (I28), duplicate dates, or if no two dates fall into a window.

    Examples
    --------
    >>> dates = ["2020-01-01", "2020-01-13", "2020-02-18"]
    >>> select_pairs(dates, windows=[(0, 40)])["temporal_baseline"].values
    array([12, 36])
    >>> select_pairs([*dates, "2020-06-01"], windows=[(0, 40)], connect=True)["temporal_baseline"].values
    array([ 12,  36, 104])
    """
    days = np.sort(read_times(dates).ravel().astype("datetime64[D]"))
    repeated = np.unique(days[1:][days[1:] == days[:-1]])
    if repeated.size:
        raise QtpDataError(
            "acquisition dates occur twice",
            found=", ".join(map(str, repeated)),
            hint="Keep one acquisition a day.",
            code="I18",
        )
    if any(np.ndim(window) != 1 or len(window) != 2 for window in windows):
        raise QtpDataError("windows are pairs of days", expected="[(0, 40), (350, 380)]", found=windows)
    span = (days[None, :] - days[:, None]).astype(np.int64)
    wanted = np.logical_or.reduce([_in_window(span, low, high, most) for low, high in windows])
    allowed = span > 0
    early, late = np.nonzero(allowed)
    allowed[early, late] = ~are_listed(days[early], days[late], drop)
    wanted &= allowed
    first, second = np.nonzero(_connected(wanted, allowed, span) if connect else wanted)
    if not first.size:
        raise QtpDataError("no two acquisitions fall into a window", expected=windows, found=f"{days.size} dates")
    ns = days.astype("datetime64[ns]")
    coords = {REFERENCE: (PAIR, ns[first]), SECONDARY: (PAIR, ns[second])}
    baseline = xr.DataArray(span[first, second], dims=PAIR, coords=coords)
    out = describe(baseline, "temporal_baseline").to_dataset()
    if perpendicular_baseline is None:
        return out
    require(perpendicular_baseline, dims=(TIME,), quantity="perpendicular_baseline")
    between = pair_difference(perpendicular_baseline, out).compute()
    return out.assign(perpendicular_baseline=describe(between, "perpendicular_baseline", like=perpendicular_baseline))


def _in_window(span: np.ndarray, low: float, high: float, most: int | None) -> np.ndarray:
    inside = (span >= low) & (span <= high) & (span > 0)
    if most is None:
        return inside
    middle = 0 if low <= 0 else (low + high) / 2
    far = np.where(inside, abs(span - middle), np.inf)
    return inside & (far.argsort(axis=1, kind="stable").argsort(axis=1) < most)


def _connected(wanted: np.ndarray, allowed: np.ndarray, span: np.ndarray) -> np.ndarray:
    """Add to the wanted pairs the shortest allowed ones that make one group of all dates."""
    first, second = np.nonzero(allowed)
    order = np.lexsort((span[first, second], ~wanted[first, second]))
    joins = graph.joining_edges(len(span), first, second, order)
    out = wanted.copy()
    out[first[joins], second[joins]] = True
    return out


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

    Examples
    --------
    >>> incidence_matrix(select_pairs(["2020-01-01", "2020-01-13", "2020-01-25"])).values
    array([[-1.,  1.,  0.],
           [-1.,  0.,  1.],
           [ 0., -1.,  1.]])
    """
    dates, first, second = index_pairs(pairs)
    matrix = np.zeros((len(first), len(dates)))
    rows = np.arange(len(first))
    matrix[rows, second] = 1.0
    matrix[rows, first] = -1.0
    coords = {TIME: dates, REFERENCE: (PAIR, dates[first]), SECONDARY: (PAIR, dates[second])}
    return describe(xr.DataArray(matrix, dims=(PAIR, TIME), coords=coords), "incidence_matrix")


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

    Examples
    --------
    >>> pairs = select_pairs(["2020-01-01", "2020-01-13", "2020-06-01", "2020-06-13"])
    >>> [len(group) for group in components(pairs)]
    [2, 2]
    """
    dates, first, second = index_pairs(pairs)
    labels = graph.label_components(len(dates), first, second)
    return [dates[labels == label] for label in range(labels.max() + 1)]


def canonicalise(stack: xr.DataArray | xr.Dataset) -> xr.DataArray | xr.Dataset:
    """Put the earlier date of every pair first, with the sign that goes with it.

    Parameters
    ----------
    stack : xarray.DataArray or Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary`` in any order.

    Returns
    -------
    xarray.DataArray or Dataset
        The same pairs in the same order. Where the dates were exchanged, variables and coordinates in rad, mm or m
        (phase, displacement, baseline) and the temporal baseline have their sign changed, complex interferograms are
        conjugated; others, like coherence and misfits, are as they were. Lazy if the input is lazy.
    """
    first, second = pair_dates(stack)
    swapped = first > second
    swapped_pairs = xr.DataArray(swapped, dims=PAIR)
    sign = xr.where(swapped_pairs, -1, 1)

    def turn(da: xr.DataArray) -> xr.DataArray:
        if not swapped.any() or PAIR not in da.dims or not _is_antisymmetric(da):
            return da
        turned = xr.where(swapped_pairs, np.conj(da), da) if da.dtype.kind == "c" else da * sign.astype(da.dtype)
        return turned.transpose(*da.dims).assign_attrs(da.attrs).rename(da.name)

    ends = {REFERENCE: (PAIR, np.minimum(first, second)), SECONDARY: (PAIR, np.maximum(first, second))}
    ordered = {name: turn(da) for name, da in stack.coords.items() if PAIR in da.dims and name not in ends} | ends
    if isinstance(stack, xr.DataArray):
        return turn(stack).assign_coords(ordered)
    return stack.assign({name: turn(da) for name, da in stack.items()}).assign_coords(ordered)


def _is_antisymmetric(da: xr.DataArray) -> bool:
    if da.name in _SYMMETRIC:
        return False
    return da.dtype.kind == "c" or da.name in _ANTISYMMETRIC or da.attrs.get("units") in ANTISYMMETRIC_UNITS
