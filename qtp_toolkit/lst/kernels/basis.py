"""Waves of the year, and what a fit of them needs to know about the dates of its series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels.harmonic import design_matrix

PLACES = 16
"""Dates between two nodes are filled up to a multiple of this."""


class Basis(NamedTuple):
    """Waves of a fit on given dates, and the sums of their products, prepared for ``kernels.robust``.

    Unknowns: ``columns`` common ones (1, cos wt, sin wt, cos 2wt, ...), then for each of ``nodes`` nodes in time the
    departures of the first three, linear in between. Between nodes s and s + 1 lie the dates ``bounds[s]`` to
    ``bounds[s + 1]``; ``ramp`` rises there from 0 to 1. Without nodes there is one segment.

    ``waves`` (wave, n): 1, cos wt, sin wt, ... of twice as many harmonics, since the product of waves p and q is
    ``half * waves[first] + other * waves[second]`` at [p, q]. ``table`` (n, moment): what one date adds to the
    moments of its segment: the waves, ramp * waves, ramp^2 * waves, as many as are needed; ``full`` (segment, moment)
    their sums over all dates. ``penalty``: added to the diagonal, in the order of the unknowns.

    Dates are kept in places: every segment is filled up to a multiple of ``PLACES`` by copies of its last date that
    weigh nothing, so that loops over a segment are whole vectors. ``real`` are the places of the dates.
    """

    columns: int
    nodes: int
    real: np.ndarray
    waves: np.ndarray
    ramp: np.ndarray
    segment: np.ndarray
    bounds: np.ndarray
    table: np.ndarray
    full: np.ndarray
    first: np.ndarray
    second: np.ndarray
    half: np.ndarray
    other: np.ndarray
    penalty: np.ndarray


def make_basis(
    days: np.ndarray,
    *,
    period: float,
    harmonics: int,
    years: int = 0,
    stiffness: float = 0.0,
    damping: float = 0.0,
) -> Basis:
    """Prepare the fit of a truncated Fourier series whose mean and first harmonic may drift.

    Parameters
    ----------
    days : ndarray (n,)
        Time in the unit of ``period``, increasing.
    period : float
        Base period.
    harmonics : int
        Number of harmonics, at least 1.
    years : int
        Number of nodes of the drifts, spread evenly over the span of ``days`` (at mid-year; held constant beyond the
        first and the last); 0 for none, else 2 or more. The drifts are collinear with the common columns, so they
        need a stiffness.
    stiffness : float
        Penalty on the drifts.
    damping : float
        Penalty on the harmonics, never on the mean.

    Returns
    -------
    Basis
    """
    days = np.asarray(days, dtype=float)
    columns = 1 + 2 * harmonics
    segment, ramp = np.zeros(len(days), dtype=np.int64), np.zeros(len(days))
    if years:
        width = (days[-1] - days[0]) / years
        place = np.clip((days - days[0]) / width - 0.5, 0.0, years - 1.0)
        # The last node ends a segment and begins none.
        segment = np.minimum(place.astype(np.int64), years - 2)
        ramp = place - segment
    date, real, bounds = _places(segment, max(years - 1, 1))
    # Twice as many harmonics: the product of two waves has the sum of their frequencies.
    waves = design_matrix(days, period=period, harmonics=2 * harmonics)[date]
    ramp, segment = ramp[date], segment[date]
    table = waves
    if years:
        # With a ramp: a node's three waves times all; with two ramps: times those of a node.
        table = np.hstack([table, ramp[:, None] * waves[:, : columns + 2], (ramp**2)[:, None] * waves[:, :5]])
    # Whole vectors, without a remainder.
    table = np.pad(table, ((0, 0), (0, -table.shape[1] % PLACES)))
    table[np.setdiff1d(np.arange(len(date)), real)] = 0.0
    full = np.zeros((len(bounds) - 1, table.shape[1]))
    # Not ``full[segment] += table``, which would add one date a segment.
    np.add.at(full, segment, table)
    damped = np.r_[0.0, np.full(columns - 1, float(damping))]
    return Basis(
        columns,
        years,
        real,
        np.ascontiguousarray(waves.T),
        ramp,
        segment,
        bounds,
        table,
        full,
        *_products(columns),
        np.r_[damped, np.full(3 * years, float(stiffness))],
    )


def _places(segment: np.ndarray, segments: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Date at each place, place of each date, first place of each segment; a segment may be empty."""
    dates = [np.flatnonzero(segment == s) for s in range(segments)]
    # Copies, not zeros: the curve is evaluated there, too, and has to be finite.
    filled = [np.r_[d, np.repeat(d[-1:], -len(d) % PLACES)] for d in dates]
    bounds = np.cumsum([0, *(len(d) for d in filled)])
    real = np.concatenate([start + np.arange(len(d)) for start, d in zip(bounds, dates, strict=False)])
    return np.concatenate(filled), real, bounds


def _products(columns: int) -> tuple[np.ndarray, ...]:
    """Product of any two waves as a sum of two waves: their numbers and factors, (columns, columns) each."""
    first, second = np.zeros((2, columns, columns), dtype=np.int64)
    half, other = np.full((columns, columns), 0.5), np.full((columns, columns), 0.5)
    for p in range(columns):
        for q in range(columns):
            i, j = (p + 1) // 2, (q + 1) // 2
            up, apart = i + j, abs(i - j)
            same = p == 0 or q == 0 or (p + q) % 2 == 0
            if p == 0 or q == 0:
                first[p, q], half[p, q], other[p, q] = max(p, q), 1.0, 0.0
            elif same:  # cos cos or sin sin
                first[p, q], second[p, q] = max(2 * apart - 1, 0), 2 * up - 1
                other[p, q] = 0.5 if p % 2 else -0.5
            else:  # sin a cos b = sin(a + b) / 2 + sin(a - b) / 2
                sine, cosine = (i, j) if p % 2 == 0 else (j, i)
                first[p, q], second[p, q] = 2 * up, 2 * apart
                other[p, q] = 0.5 * np.sign(sine - cosine)
    return first, second, half, other
