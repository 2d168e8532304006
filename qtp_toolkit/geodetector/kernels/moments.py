"""Moment tables of all factors, or of all their pairs, in one pass over the samples (numba; import where used)."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from qtp_toolkit.kernels._jit import exact
from qtp_toolkit.kernels.strata import merge_tables, table_from_sums

SLICE = 1 << 16
"""Samples treated at once: keeps temporary arrays small and in cache."""


def pair_layout(sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs ``(first, second)`` with first < second, and the offset of each pair's table in the flat table.

    Every factor has one stratum more than ``sizes``, the last one, for samples where it is missing.
    """
    pairs = np.stack(np.triu_indices(len(sizes), k=1), axis=1).astype(np.int64)
    cells = [(sizes[i] + 1) * (sizes[j] + 1) for i, j in pairs]
    return pairs, np.concatenate([[0], np.cumsum(cells)]).astype(np.int64)


def factor_tables(values: np.ndarray, codes: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Moment tables of all factors, one behind the other: ``(3, sum(sizes))`` float64; see :func:`pair_tables`."""
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return _by_slices(_factor_sums, values, codes, offsets)


def pair_tables(values: np.ndarray, codes: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Moment tables of all pairs, one behind the other: ``(3, offsets[-1])``; see :func:`pair_layout`.

    Parameters
    ----------
    values : (samples,) array
        NaN is skipped.
    codes : (factors, samples) int array
        Negative where the factor is missing.
    sizes : tuple of int
        Number of strata of each factor.
    """
    pairs, offsets = pair_layout(sizes)
    return _by_slices(_pair_sums, values, codes, offsets, np.asarray(sizes, dtype=np.int64), pairs)


def _by_slices(kernel: Callable, values: np.ndarray, codes: np.ndarray, *layout: np.ndarray) -> np.ndarray:
    """Tables of slices of the samples, each about its own mean, merged: nothing cancels, temporaries stay small."""

    def table(start: int) -> np.ndarray:
        value = np.asarray(values[start : start + SLICE], dtype=np.float64)
        finite = np.isfinite(value)  # in a mask here, not a branch in the loops
        value = value[finite]
        shift = value.mean() if value.size else 0.0
        # Samples first: the innermost loops then read the codes of one sample side by side.
        part = np.ascontiguousarray(codes[:, start : start + SLICE][:, finite].T.astype(np.int16))
        sums = kernel(value - shift, part, *layout)
        return table_from_sums(sums[:, 0], sums[:, 1], sums[:, 2], shift)

    starts = range(0, max(values.size, 1), SLICE)
    return reduce(lambda merged, part: merge_tables(np.stack([merged, part])), map(table, starts))


@exact
def _factor_sums(deviation, codes, offsets):  # pragma: no cover - compiled
    sums = np.zeros((offsets[-1], 3))
    for sample in range(deviation.size):
        d = deviation[sample]
        for f in range(codes.shape[1]):
            if codes[sample, f] >= 0:
                cell = offsets[f] + codes[sample, f]
                sums[cell, 0] += 1.0
                sums[cell, 1] += d
                sums[cell, 2] += d * d
    return sums


@exact
def _pair_sums(deviation, codes, offsets, size, pairs):  # pragma: no cover - compiled
    sums = np.zeros((offsets[-1], 3))
    code = np.empty(size.size, dtype=np.int64)
    for sample in range(deviation.size):
        d = deviation[sample]
        for f in range(size.size):
            c = codes[sample, f]
            code[f] = c if c >= 0 else size[f]
        # All pairs while the sample is at hand: the tables of 15 factors fit the cache, the samples do not.
        for p in range(pairs.shape[0]):
            i, j = pairs[p, 0], pairs[p, 1]
            cell = offsets[p] + code[i] * (size[j] + 1) + code[j]
            sums[cell, 0] += 1.0
            sums[cell, 1] += d
            sums[cell, 2] += d * d
    return sums
