"""How often every rounded value occurs in every stratum: percentiles of any number of values in bounded memory.

Values are rounded to 13 significant bits, so that different ones are few (some ten thousand of a map) and counts of
blocks add up exactly. Integers up to 8192 and their halves, quarters, ... stay as they are.
"""

from __future__ import annotations

import numpy as np

Counts = tuple[np.ndarray, np.ndarray]
"""Sorted keys, each a stratum and a rounded value, and how often each occurs."""
DROPPED = 11
"""Bits of the 23 of a float32's fraction that rounding takes away."""
SHIFT = 32 - DROPPED
SLICE = 1 << 20
"""Values sorted at once."""


def count_values(values: np.ndarray, *codes: np.ndarray, sizes: tuple[int, ...]) -> Counts:
    """Count the finite values in every combination of strata of several factors, the last factor fastest."""
    merged: Counts = (np.empty(0, np.int64), np.empty(0, np.int64))
    flat, strata = values.ravel(), [code.ravel() for code in codes]
    for start in range(0, flat.size, SLICE):
        part = slice(start, start + SLICE)
        cell = strata[0][part].astype(np.int64)
        for code, size in zip(strata[1:], sizes[1:], strict=True):
            cell = np.where((cell >= 0) & (code[part] >= 0), cell * size + code[part], -1)
        use = np.isfinite(flat[part]) & (cell >= 0)
        keys = (cell[use] << SHIFT) + _keys(flat[part][use])
        merged = merge_counts([merged, np.unique(keys, return_counts=True)])
    return merged


def merge_counts(parts: list[Counts]) -> Counts:
    """Add the counts of all parts."""
    keys, place = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts = np.concatenate([part[1] for part in parts])
    return keys, np.bincount(place, weights=counts, minlength=keys.size).astype(np.int64)


def percentiles_of_counts(counts: Counts, size: int, percentiles: tuple[float, ...]) -> np.ndarray:
    """Percentiles of the rounded values, and number of values, of each of ``size`` strata: ``(size, n + 1)``."""
    keys, number = counts
    stratum, values = keys >> SHIFT, _values(keys & ((1 << SHIFT) - 1))
    out = np.full((size, len(percentiles) + 1), np.nan)
    out[:, -1] = 0.0
    ends = np.searchsorted(stratum, np.arange(size + 1))
    for s in np.flatnonzero(np.diff(ends)):
        here = slice(ends[s], ends[s + 1])
        running = np.cumsum(number[here])
        out[s, -1] = running[-1]
        # As numpy.percentile: linear between the two values on either side of the wanted place in their order.
        at = np.asarray(percentiles) / 100.0 * (running[-1] - 1)
        low = np.floor(at)
        ends_of = [values[here][np.searchsorted(running, place, side="right")] for place in (low, np.ceil(at))]
        out[s, :-1] = ends_of[0] + (at - low) * (ends_of[1] - ends_of[0])
    return out


def _keys(values: np.ndarray) -> np.ndarray:
    """Non-negative integers that ascend with the values, equal where rounded values are equal."""
    bits = np.asarray(values, dtype=np.float32).view(np.int32).astype(np.int64)
    size = bits & 0x7FFFFFFF
    rounded = (size + (1 << (DROPPED - 1))) >> DROPPED
    return np.where(bits < 0, -rounded, rounded) + (1 << (SHIFT - 1))


def _values(keys: np.ndarray) -> np.ndarray:
    signed = keys - (1 << (SHIFT - 1))
    size = (np.abs(signed) << DROPPED).astype(np.uint32).view(np.float32).astype(np.float64)
    return np.where(signed < 0, -size, size)
