"""Which pairs of a network stay: lists of what to drop, and coherence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit._pairs import index_pairs, name_pairs, pair_dates
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, QtpDataError, describe, require
from qtp_toolkit.kernels import pairs as graph

Stack = TypeVar("Stack", xr.DataArray, xr.Dataset)

_BETWEEN_DATES = re.compile(r"[/_\s]+|(?<=\d{8})-(?=\d{8})")


def drop_pairs(stack: Stack, listed: Iterable[Any]) -> Stack:
    """Leave out the pairs, and all pairs of the dates, of a list: snow, a bad orbit, an interferogram gone wrong.

    Parameters
    ----------
    stack : xarray.DataArray or Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary``, any others.
    listed : iterable
        Dates (text in any usual spelling, ``20180106``, datetime64), and pairs: two dates, or text as in folders of
        interferograms, ``20180106_20180118``. The lines of a text file will do: ``path.read_text().splitlines()``.

    Returns
    -------
    xarray.DataArray or Dataset
        The other pairs, in their order. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        For what is no date (I28), for dates and pairs that the network has not (I03: a typing error would leave the
        bad one in), and if nothing is left.

    Notes
    -----
    What is left may fall apart: see :func:`components`.

    Examples
    --------
    >>> from qtp_toolkit import network
    >>> pairs = network.select_pairs([20180106, 20180118, 20180130, 20180211], windows=[(0, 24)])
    >>> network.drop_pairs(pairs, ["20180211", "20180106_20180130"])["temporal_baseline"].values
    array([12, 12])
    """
    kept = ~are_listed(*pair_dates(stack), listed)
    if not kept.any():
        raise QtpDataError("the list drops all pairs", found=f"{kept.size} pairs")
    return stack.isel({PAIR: kept})


def listed_pairs(listed: Iterable[Any]) -> xr.Dataset:
    """Make a network of the pairs of a list, as :func:`qtp_toolkit.export.pair_list` writes it.

    Parameters
    ----------
    listed : iterable
        Pairs: two dates, or text as in folders of interferograms, ``20180106_20180118``; empty lines do not matter. The
        lines of a text file will do: ``path.read_text().splitlines()``.

    Returns
    -------
    xarray.Dataset
        Dim ``pair`` with coords ``reference`` (the earlier date) and ``secondary``, ordered by both;
        ``temporal_baseline`` in days. In memory.

    Raises
    ------
    QtpDataError
        For what is no date (I28), what is no pair of two dates (I27), pairs that stand twice (I19), and an empty list
        (C10).

    Examples
    --------
    >>> from qtp_toolkit import network
    >>> network.listed_pairs(["20180106_20180118", "20180106_20180130"])["temporal_baseline"].values
    array([12, 24])
    """
    found = [days for item in listed if (days := _days_of(item)).size]
    if not found:
        raise QtpDataError("the list names no pair", expected="20180106_20180118, one a line", found="none", code="C10")
    single = [str(days[0]) for days in found if days.size != 2]
    if single:
        raise QtpDataError(
            "the list names dates where pairs are needed",
            expected="20180106_20180118, one a line",
            found=", ".join(single[:5]),
            code="I27",
        )
    ends = np.array(sorted(tuple(days) for days in found), dtype="datetime64[ns]")
    coords = {REFERENCE: (PAIR, ends[:, 0]), SECONDARY: (PAIR, ends[:, 1])}
    span = (ends[:, 1] - ends[:, 0]).astype("timedelta64[D]").astype(np.int64)
    out = describe(xr.DataArray(span, coords, (PAIR,)), "temporal_baseline").to_dataset()
    index_pairs(out)
    return out


def prune(stack: Stack, coherence: xr.DataArray, *, at_least: float = 0.3) -> Stack:
    """Keep the coherent pairs, and of the others only those without which the network would fall apart.

    Of all pairs that could hold two groups of dates together it keeps the most coherent ones (a maximum spanning
    forest): every date that was connected stays so.

    Parameters
    ----------
    stack : xarray.DataArray or Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary``, any others.
    coherence : xarray.DataArray
        Dim ``pair`` only, 0 to 1: the mean over the area that matters, not over lakes. NaN counts as the lowest.
    at_least : float
        Coherence from which a pair is kept in any case.

    Returns
    -------
    xarray.DataArray or Dataset
        Pairs that stay, in their order; ``attrs["bridges"]`` names those that stay below ``at_least``: look at them.
        Lazy if the stack is lazy; the coherence is computed, since it decides what the result is.

    Raises
    ------
    QtpDataError
        For bad pairs, a coherence outside 0 to 1 or of other pairs, or with other dims than ``pair``.

    Notes
    -----
    The paper keeps 466 of the pairs of its rule by looking at them. Coherences of different producers do not compare:
    choose ``at_least`` anew for each.

    Examples
    --------
    >>> from qtp_toolkit import network
    >>> pairs = network.select_pairs([20180106, 20180118, 20180130], windows=[(0, 24)])
    >>> gray = xr.DataArray([0.8, 0.1, 0.2], dims="pair", attrs={"units": "1"})
    >>> kept = network.prune(pairs, gray)
    >>> kept["temporal_baseline"].values, kept.attrs["bridges"]
    (array([12, 12]), ['2018-01-18/2018-01-30'])
    """
    dates, first, second = index_pairs(stack)
    if coherence.dims != (PAIR,) or coherence.size != len(first):
        raise QtpDataError(
            "coherence must be one number a pair",
            expected={PAIR: len(first)},
            found=dict(coherence.sizes),
            hint="Average it over the area that matters: coherence.mean(('y', 'x')).",
        )
    _refuse_other_pairs(stack, coherence)
    gray = coherence.reset_coords(drop=True).compute()
    require(gray, quantity="coherence")
    strength = np.nan_to_num(gray.values.astype(float), nan=-1.0)
    needed = graph.joining_edges(len(dates), first, second, np.argsort(-strength, kind="stable"))
    bridges = needed & (strength < at_least)
    out = stack.isel({PAIR: needed | (strength >= at_least)})
    names = np.array(name_pairs(stack), dtype=object)
    return out.assign_attrs(bridges=names[bridges].tolist())


def are_listed(first: np.ndarray, second: np.ndarray, listed: Iterable[Any]) -> np.ndarray:
    """Mark the pairs that a list of dates and pairs names; I03 for what names none of them."""
    first, second = (dates.astype("datetime64[D]") for dates in (first, second))
    marked, strange = np.zeros(len(first), dtype=bool), []
    for item in listed:
        days = _days_of(item)
        if not days.size:
            continue
        hit = np.isin(first, days) & np.isin(second, days) if days.size == 2 else (first == days) | (second == days)
        marked |= hit
        strange += [] if hit.any() else [str(item)]
    if strange:
        raise QtpDataError(
            "the list names dates or pairs that the network has not",
            found=", ".join(strange),
            expected=f"of {len(first)} pairs from {first.min()} to {second.max()}",
            code="I03",
        )
    return marked


def _days_of(item: Any) -> np.ndarray:
    """One date, or the two of a pair; none for an empty line."""
    parts: Any = item
    if isinstance(item, str):
        halves = [part for part in _BETWEEN_DATES.split(item.strip()) if part]
        parts = halves if len(halves) == 2 else [item.strip()] if halves else []
    days = np.unique(read_times(parts, name="listed").astype("datetime64[D]").ravel())
    if days.size > 2:
        raise QtpDataError("neither a date nor a pair", found=repr(item), expected="one date, or two")
    return days


def _refuse_other_pairs(stack: xr.DataArray | xr.Dataset, coherence: xr.DataArray) -> None:
    if "reference" not in coherence.coords or "secondary" not in coherence.coords:
        return
    own, other = (np.stack(pair_dates(obj)).astype("datetime64[D]") for obj in (stack, coherence))
    if (own != other).any():
        raise QtpDataError(
            "coherence is of other pairs than the network, or in another order",
            where=PAIR,
            found=name_pairs(coherence)[int((own != other).any(axis=0).argmax())],
            expected=name_pairs(stack)[int((own != other).any(axis=0).argmax())],
            code="I03",
        )
