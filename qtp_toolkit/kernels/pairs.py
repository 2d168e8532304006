"""The graph whose nodes are acquisition dates and whose edges are interferogram pairs. Arrays in, arrays out."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np


def find_faults(reference: np.ndarray, secondary: np.ndarray) -> tuple[str, str] | None:
    """Name every pair that no inversion can use: zero span, later date first, present twice; None if all are well.

    Returns
    -------
    (str, str) or None
        Code of the gravest kind that was found, I28, I18, I19 or I17, and all faults in words.
    """
    if any(dates.dtype.kind != "M" for dates in (reference, secondary)):
        advice = "numbers like 20191231 lose days as float32"
        return "I28", f"dates must be datetime64, not {reference.dtype} and {secondary.dtype}: {advice}"
    first, second = (dates.astype("datetime64[D]") for dates in (reference, secondary))
    absent = int((np.isnat(first) | np.isnat(second)).sum())
    if absent:
        return "I28", f"{absent} pairs lack a date (NaT)"
    keys = 1_000_000 * first.astype(np.int64) + second.astype(np.int64)
    if (first < second).all() and len(np.unique(keys)) == len(keys):
        return None  # as nearly all networks are: the words below take as long as inverting two thousand pixels
    named = list(zip(first, second, strict=True))
    times = Counter((min(pair), max(pair)) for pair in named)
    words = {
        "I18": [f"zero span: {a}/{b}" for a, b in named if a == b],
        "I19": [f"{count} times: {a}/{b}" for (a, b), count in sorted(times.items()) if count > 1],
        "I17": [f"reference after secondary: {a}/{b}" for a, b in named if a > b],
    }
    found = [code for code, texts in words.items() if texts]
    return (found[0], "; ".join(chain.from_iterable(words.values()))) if found else None


def index_dates(reference: np.ndarray, secondary: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted dates of a network and, per pair, the positions of its earlier and later date in them."""
    dates, position = np.unique(np.concatenate([reference, secondary]), return_inverse=True)
    return dates, *np.split(position.astype(np.int64), 2)


def label_components(n_dates: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Label (0, 1, ... in the order of their first date) of the connected group that each date belongs to."""
    root = list(range(n_dates))
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        low, high = sorted((_group(root, a), _group(root, b)))
        root[high] = low  # the earliest date stands for its group, so that labels follow the dates
    return np.unique([_group(root, node) for node in range(n_dates)], return_inverse=True)[1]


def joining_edges(n_dates: int, first: np.ndarray, second: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Mark the edges that join two groups when all are taken in ``order``: the best spanning forest of that order."""
    root = list(range(n_dates))
    joins = np.zeros(len(first), dtype=bool)
    for edge in order.tolist():
        a, b = _group(root, int(first[edge])), _group(root, int(second[edge]))
        joins[edge] = a != b
        root[max(a, b)] = min(a, b)
    return joins


def _group(root: list[int], node: int) -> int:
    """Find the node that stands for the group of a node."""
    while root[node] != node:
        root[node] = root[root[node]]  # half the way for whoever comes next
        node = root[node]
    return node


def describe_components(dates: np.ndarray, labels: np.ndarray) -> str:
    """Spell out the connected groups: their dates (first and last if many) and the days of the gap after each."""
    days, words = dates.astype("datetime64[D]"), []
    for label in range(labels.max() + 1):
        group = days[labels == label]
        text = ", ".join(map(str, group)) if len(group) <= 4 else f"{group[0]} to {group[-1]} ({len(group)} dates)"
        later = days[days > group[-1]]
        gap = f", gap of {(later[0] - group[-1]).astype(int)} d" if later.size and label < labels.max() else ""
        words.append(text + gap)
    return "; ".join(words)


def find_triplets(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Find the closed triangles: rows of pair positions (a-b, b-c, a-c) with a < b < c, ordered by dates."""
    edge = {(a, b): number for number, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True))}
    later: dict[int, list[int]] = {}
    for a, b in sorted(edge):
        later.setdefault(a, []).append(b)
    rows = [
        (edge[a, b], edge[b, c], edge[a, c])
        for a in sorted(later)
        for b in later[a]
        for c in later.get(b, ())
        if (a, c) in edge
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)
