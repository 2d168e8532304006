"""Robust inversion of a pair network, 32 pixels side by side (Numba, compiled on first use).

Iteratively reweighted least squares: every solve of ``kernels.laplacian`` starts from the residuals that the last one
left, with weights that they set. The number of solves is fixed and the same for all pixels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from qtp_toolkit.inversion.kernels.elimination import Elimination
from qtp_toolkit.inversion.kernels.lanes import (
    LANES,
    choose,
    larger,
    load,
    load_at,
    lower,
    magnitude,
    smaller,
    spread,
    store,
    store_at,
)
from qtp_toolkit.inversion.kernels.laplacian import Scratch, invert_factor, link, make_scratch, scale_variance, solve
from qtp_toolkit.kernels._jit import exact

SLAB = 128 * LANES
"""Pixels that are brought into contiguous memory at a time, where they are not."""


N_SUMMARY = 7
REAL, IMAGINARY, VALID, CUT, GROUPS, OVERRULED, LAST_STEP = range(N_SUMMARY)
"""Rows of the summary of a pixel; the first two are sums of exp(i residual)."""


class Weighting(NamedTuple):
    """How pairs are weighted: see the parameters of :func:`invert_network`.

    Solve number k has the weights ``base / clip(abs(residual), low[k], high[k])``, least squares for 1 and 1, and goes
    ``pace[k]`` times as far as they say.
    """

    table: np.ndarray
    low: np.ndarray
    high: np.ndarray
    pace: np.ndarray
    snap: bool
    snap_table: np.ndarray
    deviation: bool


class Result(NamedTuple):
    """What :func:`invert_network` returns; ``rows`` holds series, deviation and 7 rows of scratch in one array."""

    rows: np.ndarray
    series: np.ndarray
    deviation: np.ndarray
    temporal_coherence: np.ndarray
    valid: np.ndarray
    cut: np.ndarray
    groups: np.ndarray
    overruled: np.ndarray
    last_step: np.ndarray


def invert_network(
    phase: np.ndarray,
    coherence: np.ndarray | None,
    plan: Elimination,
    *,
    table: np.ndarray,
    epsilons: np.ndarray,
    relaxation: float = 1.0,
    snap_table: np.ndarray | None = None,
    deviation: bool = False,
) -> Result:
    """Turn the pairs of each pixel into phases at the dates.

    Parameters
    ----------
    phase : (pair, pixel) array
        rad; not finite where missing. Float32 is solved in float32, everything else in float64. Read in place where the
        pixels of a pair stand side by side, else copied by slabs.
    coherence : (pair, pixel) array or None
        0..1; a pair is missing where it is not finite or not above 0. None: 1.
    plan : Elimination
    table : (n,) array
        Weight of a pair at coherence 0, 1/(n-1), ..., 1; interpolated linearly. Two entries are the fastest.
    epsilons : (k,) array
        The reweightings: weight / max(abs(residual), epsilon), rad, one after the other. Empty: least squares.
    relaxation : float
        From 1 to below 2: the last reweighting but one, and every second before it, goes that many times as far as its
        weighted least-squares solution. 1: none does.
    snap_table : (n,) array, optional
        If given, whole cycles are taken out of the residuals at the end, and one more least-squares solve is done
        with these weights.
    deviation : bool
        Also find the standard deviation of each phase; costs about one and a half more solves.

    Returns
    -------
    Result
        ``series`` (date, pixel) in rad: zero at the ground date, NaN where a date is not connected to it through
        valid pairs, all NaN if no date is. ``deviation`` (date, pixel) in rad, without rows if not wanted.
        Per pixel: ``temporal_coherence`` float32; ``valid``, number of valid pairs; ``cut``, number of dates without
        connection to the ground; ``groups``, number of groups of dates that valid pairs connect; ``overruled``, number
        of valid pairs whose residual after the reweightings is beyond half a cycle; ``last_step``, largest change of a
        date by the last reweighting, rad.
    """
    dtype = np.float32 if phase.dtype == np.float32 else np.float64
    n_pixels, n_dates = phase.shape[1], len(plan.order)
    weighting = _schedule(table, epsilons, relaxation, snap_table, deviation=deviation, dtype=dtype)
    scratch = make_scratch(plan, dtype, covariance=deviation)
    rows = np.empty((n_dates * (2 if deviation else 1) + N_SUMMARY, n_pixels), dtype)
    arrays = [phase, np.empty((0, n_pixels), dtype) if coherence is None else coherence]
    done = 0
    if all(_lies_flat(a, dtype) for a in arrays):
        done = n_pixels - n_pixels % LANES
        _solve_blocks(*map(_widen, arrays), done, plan, weighting, scratch, rows)
    # What does not fill a block of lanes, or does not lie flat, is solved on copies: a slab at a time, for the cache.
    for begin in range(done, n_pixels, SLAB):
        part = slice(begin, begin + SLAB)
        _solve_copies([a[:, part] for a in arrays], plan, weighting, scratch, rows[:, part])
    series, deviations, summary = rows[:n_dates], rows[n_dates:-N_SUMMARY], rows[-N_SUMMARY:]
    # 0 / 0 is the NaN of a pixel without pairs.
    with np.errstate(invalid="ignore", divide="ignore"):
        agreement = np.hypot(summary[REAL], summary[IMAGINARY]) / summary[VALID]
    counts = summary[[VALID, CUT, GROUPS, OVERRULED]].astype(np.int32)
    return Result(rows, series, deviations, agreement.astype(np.float32), *counts, summary[LAST_STEP].copy())


def _schedule(table, epsilons, relaxation, snap_table, *, deviation, dtype) -> Weighting:
    eps = np.asarray(epsilons, dtype=np.float64)
    # The first solve is plain least squares, from which the reweightings start: clipped to 1 and 1.
    low, high = np.concatenate([[1.0], eps]), np.concatenate([[1.0], np.full(len(eps), np.inf)])
    pace = np.ones(1 + len(eps))
    # Every second from the last but one: the last step is plain, so that its weights are those of the solution.
    pace[len(eps) - 1 : 0 : -2] = relaxation
    snap = snap_table is not None
    tables = [np.asarray(t).astype(dtype) for t in (table, snap_table if snap else table)]
    return Weighting(tables[0], *(values.astype(dtype) for values in (low, high, pace)), snap, tables[1], deviation)


def _lies_flat(a: np.ndarray, dtype: type) -> bool:
    """Whether pixels stand side by side in memory, whatever lies between one pair and the next."""
    size = a.dtype.itemsize
    return a.dtype == dtype and a.strides[1] == size and a.strides[0] >= size and a.strides[0] % size == 0


def _widen(a: np.ndarray) -> np.ndarray:
    """Widen a view to the rows that it was cut from: C-ordered. Only its own columns may be read."""
    return np.lib.stride_tricks.as_strided(a, (len(a), a.strides[0] // a.itemsize), a.strides, writeable=False)


def _solve_copies(
    arrays: list[np.ndarray], plan: Elimination, weighting: Weighting, scratch: Scratch, rows: np.ndarray
) -> None:
    """Solve on contiguous copies that are filled up with missing pixels to whole blocks."""
    n_pixels = rows.shape[1]
    n_wide = -(-n_pixels // LANES) * LANES
    *wide, out = (np.full((len(a), n_wide), np.nan, rows.dtype) for a in (*arrays, rows))
    for a, copy in zip(arrays, wide, strict=True):
        copy[:, :n_pixels] = a
    _solve_blocks(*wide, n_wide, plan, weighting, scratch, out)
    rows[:] = out[:, :n_pixels]


@exact
def _solve_blocks(phase, coherence, n_pixels, plan, weighting, scratch, rows):  # noqa: PLR0917
    n_dates = len(plan.order)
    series, deviations, summary = rows[:n_dates], rows[n_dates:-N_SUMMARY], rows[-N_SUMMARY:]
    low, high, pace = weighting.low, weighting.high, weighting.pace
    for begin in range(0, n_pixels, LANES):
        _load(phase, coherence, begin, plan, scratch)
        _look_up(weighting.table, scratch)
        for k in range(len(pace)):
            solve(plan, low[k], high[k], pace[k], scratch)
        last = len(pace) - 1
        _judge(begin, plan, scratch, summary)
        if weighting.snap:
            _snap(scratch)
            _look_up(weighting.snap_table, scratch)
            last = 0  # least squares: what is left after snapping is noise, not outliers
            solve(plan, low[last], high[last], pace[last], scratch)
        link(plan, scratch)
        _sum_agreement(begin, plan, scratch, summary)
        _store_phases(begin, plan, scratch.total, scratch.linked, series, summary)
        if weighting.deviation:
            invert_factor(plan, scratch)
            scale_variance(plan, low[last], high[last], scratch)
            _store_phases(begin, plan, scratch.variance, scratch.linked, deviations, summary)


@exact
def _load(phase, coherence, begin, plan, scratch):
    """Copy a block of pixels, pairs turned so that they run to the node that is removed later; begin at phase zero."""
    zero, one, infinite = spread(phase, 0.0), spread(phase, 1.0), spread(phase, np.inf)
    for v in range(len(plan.order)):
        store(scratch.total, v, zero)
    for p in range(len(plan.pair)):
        observed, gamma = load_at(phase, plan.pair[p], begin), one
        if len(coherence) > 0:
            gamma = load_at(coherence, plan.pair[p], begin)
            # Above 1 by rounding counts as 1; infinite and NaN fail both comparisons and are missing.
            gamma = choose(gamma, zero, smaller(gamma, choose(infinite, gamma, one, zero)), zero)
        finite = choose(infinite, magnitude(observed), one, zero)
        store(scratch.gamma, p, choose(finite, zero, gamma, zero))
        # Zero, not NaN, where missing: zero weight times NaN would be NaN in every sum.
        store(scratch.residual, p, choose(finite, zero, observed * spread(phase, plan.sign[p]), zero))


@exact
def _look_up(table, scratch):
    """Weight of each pair from its coherence; zero where the pair is missing."""
    gamma, base = scratch.gamma, scratch.base
    zero, lowest, rise = spread(base, 0.0), spread(base, table[0]), spread(base, table[1] - table[0])
    # A straight line needs no look-up, which vectors of the processor do not have.
    if len(table) > 2:
        _interpolate(table, gamma, base)
    for p in range(len(gamma)):
        weight = load(base, p) if len(table) > 2 else lowest + rise * load(gamma, p)
        store(base, p, choose(load(gamma, p), zero, weight, zero))


@exact
def _interpolate(table, gamma, base):
    kind = table.dtype.type
    scale, last = kind(len(table) - 1), len(table) - 2
    for p in range(gamma.shape[0]):
        for i in range(LANES):
            position = gamma[p, i] * scale
            # A coherence of 1 is the end of the last interval, not the start of one beyond.
            k = min(int(position), last)
            base[p, i] = table[k] + (table[k + 1] - table[k]) * (position - kind(k))


@exact
def _snap(scratch):
    """Take whole cycles out of the residuals: unwrapping errors, once the estimate is close to the truth."""
    residual = scratch.residual
    cycle, half = spread(residual, 2 * math.pi), spread(residual, 0.5)
    for p in range(len(residual)):
        misfit = load(residual, p)
        store(residual, p, misfit - cycle * lower(misfit / cycle + half))


@exact
def _judge(begin, plan, scratch, summary):
    """Count groups and overruled pairs, and measure what the last reweighting still changed.

    The node of a group that is removed last passes nothing on: its pivot is zero. The ground has a group, too.
    """
    zero, one, half_cycle = spread(scratch.base, 0.0), spread(scratch.base, 1.0), spread(scratch.base, math.pi)
    groups, overruled, change = one, zero, zero
    for p in range(len(plan.pair)):
        beyond = choose(magnitude(load(scratch.residual, p)), half_cycle, one, zero)
        overruled = overruled + choose(load(scratch.base, p), zero, beyond, zero)
    for v in range(len(plan.order) - 1):
        change = larger(change, magnitude(load(scratch.step, v)))
        groups = groups + choose(load(scratch.pivot, v), zero, zero, one)
    store_at(summary, GROUPS, begin, groups)
    store_at(summary, OVERRULED, begin, overruled)
    store_at(summary, LAST_STEP, begin, change)


@exact
def _store_phases(begin, plan, values, linked, series, summary):  # noqa: PLR0917
    """Write nodes as dates: NaN where they have no way to the ground, and everywhere if none but the ground has."""
    zero, one, nan = spread(values, 0.0), spread(values, 1.0), spread(values, np.nan)
    # Counts are kept as floats, like everything in lanes; exact far beyond any number of dates.
    cut = spread(values, len(plan.order))
    for v in range(len(plan.order)):
        cut = cut - load(linked, v)
    store_at(summary, CUT, begin, cut)
    some = choose(spread(values, len(plan.order) - 1.5), cut, one, zero)
    for v in range(len(plan.order)):
        store_at(series, plan.order[v], begin, choose(some * load(linked, v), zero, load(values, v), nan))


@exact
def _sum_agreement(begin, plan, scratch, summary):
    """Sum exp(i residual) over the valid pairs, and count them.

    Sine and cosine are series in the half angle, reduced to +-pi/2 (error below 1e-6).
    """
    residual, base = scratch.residual, scratch.base
    zero, half, one, two = spread(base, 0.0), spread(base, 0.5), spread(base, 1.0), spread(base, 2.0)
    pi, turn = spread(base, math.pi), spread(base, 0.5 / math.pi)
    real, imaginary, valid = zero, zero, zero
    for p in range(len(plan.pair)):
        live = choose(load(base, p), zero, one, zero)
        turns = load(residual, p) * turn
        # Half of the angle: its series are short, and the double-angle rules give back the whole.
        h = (turns - lower(turns + half)) * pi
        sine, cosine = _sine_cosine(base, h)
        # A missing pair has residual 0, whose cosine is 1: it must not vote.
        real = real + live * (one - two * sine * sine)
        # Pairs were turned when they were loaded; the sine turns back.
        imaginary = imaginary + live * two * sine * cosine * spread(base, plan.sign[p])
        valid = valid + live
    store_at(summary, REAL, begin, real)
    store_at(summary, IMAGINARY, begin, imaginary)
    store_at(summary, VALID, begin, valid)


@exact
def _sine_cosine(like, h):
    """Taylor series to the 11th and 10th power; ``like`` says the type of the numbers."""
    u, one = h * h, spread(like, 1.0)
    sine, cosine = one, one
    for k in range(10, 0, -2):
        sine = one - sine * u * spread(like, 1.0 / (k * (k + 1)))
        cosine = one - cosine * u * spread(like, 1.0 / (k * (k - 1)))
    return h * sine, cosine
