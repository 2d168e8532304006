"""Cycles between the components of unwrapped interferograms, from what closes and what does not."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

_SIGN = (1, 1, -1)
"""How the pairs a-b, b-c and a-c of a triangle enter its closure."""
_NEAR = 0.25
"""A median closure farther from whole cycles than this, in cycles, says nothing."""
_AGREED = 0.8
"""Share of the pixels that must vote for the same cycles."""


def level(phase: np.ndarray, label: np.ndarray, triangles: np.ndarray, *, least: int) -> np.ndarray:
    """Cycles to add to each component of each pair, relative to the largest component of the pair.

    Where two pairs of a triangle hang together between two places, the third must change by as many cycles as they do.
    Components that are settled help to settle others, round by round.

    Parameters
    ----------
    phase : (pair, pixel) array
        rad, NaN where missing.
    label : (pair, pixel) array of int
        Components; 0 is none.
    triangles : (triangle, 3) array of int
        Positions of the pairs a-b, b-c, a-c.
    least : int
        Pixels that a component must share with the settled ones of a triangle.

    Returns
    -------
    (pair, component) array
        Whole numbers, NaN where the network does not decide; column 0 is NaN.
    """
    cycles = np.full((len(phase), int(label.max(initial=0)) + 1), np.nan)
    for own, known in zip(label, cycles, strict=True):
        size = np.bincount(own[own > 0], minlength=known.size)
        if size.max(initial=0) > 0:
            known[size.argmax()] = 0.0
    torn = np.array([(np.bincount(own[own > 0]) > 0).sum() > 1 for own in label])
    torn_triangles = [rows for rows in triangles if torn[rows].any()]  # nothing is to be decided in the others
    based = [
        (rows, turned) for rows in torn_triangles if (turned := _closure(phase, label, cycles, rows, least)) is not None
    ]
    while found := _decide(label, cycles, based, least):
        for (row, number), value in found.items():
            cycles[row, number] = value
    return cycles


def _closure(
    phase: np.ndarray, label: np.ndarray, cycles: np.ndarray, rows: np.ndarray, least: int
) -> np.ndarray | None:
    """Closure of a triangle in cycles, relative to where all three are in their largest component."""
    turned = sum(sign * phase[row] for sign, row in zip(_SIGN, rows, strict=True)) / (2 * np.pi)
    main = np.isfinite(turned)
    for row in rows:
        main &= np.isfinite(cycles[row][label[row]])
    return turned - np.median(turned[main]) if main.sum() >= least else None


def _decide(
    label: np.ndarray, cycles: np.ndarray, based: list[tuple[np.ndarray, np.ndarray]], least: int
) -> dict[tuple[int, int], float]:
    """Components that the settled ones around them settle now."""
    votes: dict[tuple[int, int], Counter[float]] = defaultdict(Counter)
    for rows, turned in based:
        own = np.array([sign * cycles[row][label[row]] for sign, row in zip(_SIGN, rows, strict=True)])
        for k, row in enumerate(rows.tolist()):
            rest = turned + np.delete(own, k, axis=0).sum(axis=0)
            asked = np.isfinite(rest) & np.isnan(own[k]) & (label[row] > 0)
            for number in np.unique(label[row][asked]).tolist():
                here = rest[asked & (label[row] == number)]
                middle = float(np.median(here))
                if here.size >= least and abs(middle - np.rint(middle)) < _NEAR:
                    votes[row, number][-_SIGN[k] * float(np.rint(middle))] += here.size
    best = {key: counts.most_common(1)[0] for key, counts in votes.items()}
    return {key: value for key, (value, size) in best.items() if size >= _AGREED * votes[key].total()}


def add(phase: np.ndarray, label: np.ndarray, cycles: np.ndarray, *, other: float) -> np.ndarray:
    """Phase with the cycles of its component added: (...), (...), (..., component) -> (...); ``other`` beyond them."""
    table = np.broadcast_to(cycles, (*label.shape, cycles.shape[-1]))
    known = (label >= 0) & (label < cycles.shape[-1])
    number = np.take_along_axis(table, np.where(known, label, 0)[..., None].astype(np.intp), axis=-1)[..., 0]
    return (phase + 2 * np.pi * np.where(known, number, other)).astype(phase.dtype)
