"""The graph whose nodes are acquisition dates and whose edges are interferogram pairs. Arrays in, arrays out."""

from __future__ import annotations

from itertools import chain

import numpy as np


def faults(reference: np.ndarray, secondary: np.ndarray) -> tuple[str, str] | None:
    """Name every pair that no inversion can use: zero span, later date first, present twice; None if all are well.

    Returns
    -------
    (str, str) or None
        Code of the gravest kind that was found, I28, I18, I19 or I17, and all faults in words.
    """
    kinds = [np.asarray(days).dtype for days in (reference, secondary)]
    if any(kind.kind != "M" for kind in kinds):
        advice = "numbers like 20191231 lose days as float32"
        return "I28", f"dates must be datetime64, not {kinds[0]} and {kinds[1]}: {advice}"
    first, second = (np.asarray(days).astype("datetime64[D]") for days in (reference, secondary))
    words: dict[str, list[str]] = {
        code: [f"{what}: {_name(a, b)}" for a, b in zip(first[bad], second[bad], strict=True)]
        for code, what, bad in (
            ("I18", "zero span", first == second),
            ("I17", "reference after secondary", first > second),
        )
    }
    keys = np.stack([np.minimum(first, second), np.maximum(first, second)], axis=-1)
    unique, counts = np.unique(keys.astype(np.int64), axis=0, return_counts=True)
    words["I19"] = [
        f"{count} times: {_name(*key.astype('datetime64[D]'))}"
        for key, count in zip(unique, counts, strict=True)
        if count > 1
    ]
    found = [code for code in ("I18", "I19", "I17") if words[code]]
    return (found[0], "; ".join(chain.from_iterable(words.values()))) if found else None


def index(reference: np.ndarray, secondary: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted dates of a network and, per pair, the positions of its earlier and later date in them."""
    dates, position = np.unique(np.concatenate([reference, secondary]), return_inverse=True)
    first, second = np.split(position.astype(np.int64), 2)
    return dates, first, second


def components(n_dates: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Label (0, 1, ... in the order of their first date) of the connected group that each date belongs to."""
    root = list(range(n_dates))

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        low, high = sorted((find(a), find(b)))
        root[high] = low
    return np.unique([find(node) for node in range(n_dates)], return_inverse=True)[1]


def describe_components(dates: np.ndarray, labels: np.ndarray) -> str:
    """Spell out the connected groups: their dates (first and last if many) and the days of the gap after each."""
    groups = [dates[labels == label].astype("datetime64[D]") for label in np.unique(labels)]
    words = []
    for number, group in enumerate(groups):
        text = (
            ", ".join(str(day) for day in group)
            if len(group) <= 4
            else f"{group[0]} to {group[-1]} ({len(group)} dates)"
        )
        later = [other[other > group[-1]].min() for other in groups if (other > group[-1]).any()]
        gap = f", gap of {(min(later) - group[-1]).astype(int)} d" if later and number + 1 < len(groups) else ""
        words.append(text + gap)
    return "; ".join(words)


def triplets(first: np.ndarray, second: np.ndarray) -> np.ndarray:
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


def _name(first: np.datetime64, second: np.datetime64) -> str:
    return f"{first}/{second}"
