"""Which valid values of a series to hide, in runs as clouds do."""

from __future__ import annotations

import numpy as np

TRIES = 30
"""Places that are tried for each run before it is given up."""


def hide(
    values: np.ndarray, series: np.ndarray, *, share: float, run_lengths: tuple[int, ...], seed: int
) -> np.ndarray:
    """Length of the gap that each hidden value lies in; 0 where nothing is hidden.

    Parameters
    ----------
    values : ndarray (..., n)
        NaN where missing.
    series : ndarray (...), int
        Number of each series: with ``seed`` it decides what is hidden, so that blocks do not matter.
    share : float
        Share of the valid values to hide.
    run_lengths : tuple of int
        Lengths of the runs; each hides about as many values as any other.
    seed : int

    Returns
    -------
    ndarray (..., n), uint16
    """
    lead, n = values.shape[:-1], values.shape[-1]
    gap = np.zeros((int(np.prod(lead)), n), dtype=np.uint16)
    lengths = np.asarray(run_lengths, dtype=np.int64)
    chance = (1.0 / lengths) / (1.0 / lengths).sum()
    for k, (row, number) in enumerate(zip(values.reshape(-1, n), series.reshape(-1), strict=True)):
        rng = np.random.default_rng([seed, int(number)])
        valid = np.isfinite(row)
        gap[k] = _gap_lengths(valid, _runs(valid, round(share * valid.sum()), lengths, chance, rng))
    return gap.reshape(values.shape)


def _runs(
    valid: np.ndarray, wanted: int, lengths: np.ndarray, chance: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Hide ``wanted`` values in runs that do not touch one another."""
    hidden, n, left = np.zeros(valid.size, dtype=bool), valid.size, wanted
    while left > 0:
        length = min(int(rng.choice(lengths, p=chance)), left)
        for start in rng.integers(0, n - length + 1, TRIES):
            stop = start + length
            if valid[start:stop].all() and not hidden[max(start - 1, 0) : stop + 1].any():
                break
        else:
            length = 1
            free = np.flatnonzero(valid & ~hidden)
            start = int(rng.choice(free))
            stop = start + 1
        hidden[start:stop] = True
        left -= length
    return hidden


def _gap_lengths(valid: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Length of the run of missing and hidden values at every hidden one."""
    gone = np.concatenate([[False], ~valid | hidden, [False]])
    first, last = np.flatnonzero(gone[1:] & ~gone[:-1]), np.flatnonzero(gone[:-1] & ~gone[1:])
    out = np.zeros(valid.size, dtype=np.uint16)
    for begin, end in zip(first, last, strict=True):
        out[begin:end] = end - begin
    return np.where(hidden, out, 0).astype(np.uint16)
