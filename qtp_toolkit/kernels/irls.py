"""Robust inversion of a pair network, 64 pixels side by side (Numba, compiled on first use).

Each reweighting solves the grounded Laplacian of the pair graph by replaying a ``kernels.elimination.Plan``
(star-mesh: no subtraction). Every solve is for the correction to the current estimate, from the current residuals:
a rounding error of one solve is repaired by the next. A missing pair has weight zero; there are no branches per
pixel.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from qtp_toolkit.kernels.elimination import Plan

LANES = 64
"""Pixels that are solved side by side, in the innermost loops."""

SLAB = 64 * LANES
"""Pixels that are brought into contiguous memory at a time."""

_jit = numba.njit(cache=True, nogil=True, fastmath={"contract", "nsz"}, error_model="numpy")


class Rules(NamedTuple):
    """How pairs are weighted: see the parameters of :func:`invert_network`."""

    table: np.ndarray
    epsilons: np.ndarray
    snap: bool
    snap_table: np.ndarray


class Work(NamedTuple):
    """Scratch of one block of pixels: rows are pairs (first four), edges of the plan (conductance), or nodes."""

    residual: np.ndarray
    gamma: np.ndarray
    base: np.ndarray
    weight: np.ndarray
    conductance: np.ndarray
    pivot: np.ndarray
    step: np.ndarray
    total: np.ndarray
    linked: np.ndarray


class Result(NamedTuple):
    """What :func:`invert_network` returns."""

    series: np.ndarray
    temporal_coherence: np.ndarray
    valid: np.ndarray
    cut: np.ndarray


def invert_network(
    phase: np.ndarray,
    coherence: np.ndarray | None,
    plan: Plan,
    *,
    table: np.ndarray,
    epsilons: np.ndarray,
    snap_table: np.ndarray | None = None,
) -> Result:
    """Turn the pairs of each pixel into phases at the dates.

    Parameters
    ----------
    phase : (pair, pixel) array
        rad; not finite where missing. Float32 is solved in float32, everything else in float64.
    coherence : (pair, pixel) array or None
        0..1; a pair is missing where it is not finite or not above 0. None: 1.
    plan : Plan
    table : (n,) array
        Weight of a pair at coherence 0, 1/(n-1), ..., 1; interpolated linearly.
    epsilons : (k,) array
        The reweightings: weight / max(abs(residual), epsilon), rad, one after the other. Empty: least squares.
    snap_table : (n,) array, optional
        If given, whole cycles are taken out of the residuals at the end, and one more least-squares solve is done
        with these weights.

    Returns
    -------
    Result
        ``series`` (date, pixel) in rad: zero at the ground date, NaN where a date is not connected to it through
        valid pairs, all NaN if no date is. ``temporal_coherence`` (pixel,) float32. ``valid`` (pixel,): number of
        valid pairs. ``cut`` (pixel,): number of dates without connection to the ground.
    """
    dtype = np.float32 if phase.dtype == np.float32 else np.float64
    (n_pairs, n_pixels), n_dates = phase.shape, len(plan.order)
    snap = snap_table is not None
    rules = Rules(
        table.astype(dtype), np.asarray(epsilons, dtype=dtype), snap, (snap_table if snap else table).astype(dtype)
    )
    rows = [n_pairs] * 4 + [len(plan.neighbor)] + [n_dates] * 4
    work = Work(*(np.zeros((n, LANES), dtype) for n in rows))
    out = Result(
        np.empty((n_dates, n_pixels), dtype),
        np.empty(n_pixels, np.float32),
        np.empty(n_pixels, np.int32),
        np.empty(n_pixels, np.int32),
    )
    for begin in range(0, n_pixels, SLAB):
        part = slice(begin, min(begin + SLAB, n_pixels))
        values = _contiguous(phase[:, part], dtype)
        gamma = np.ones_like(values) if coherence is None else _contiguous(coherence[:, part], dtype)
        slab = Result(np.empty((n_dates, values.shape[1]), dtype), *(part_of[part] for part_of in out[1:]))
        _solve_slab(values, gamma, plan, rules, work, slab)
        out.series[:, part] = slab.series
    return out


def _contiguous(values: np.ndarray, dtype: type) -> np.ndarray:
    """Copy to one memory layout and type, so that one compilation serves all inputs."""
    return np.array(values, dtype=dtype, order="C")


@_jit
def _solve_slab(phase, coherence, plan, rules, work, out):  # noqa: PLR0917
    n_pixels = phase.shape[1]
    for begin in range(0, n_pixels, LANES):
        width = min(LANES, n_pixels - begin)
        _load(phase[:, begin : begin + width], coherence[:, begin : begin + width], work)
        _look_up(rules.table, work.gamma, work.base)
        work.weight[:] = work.base
        n_robust = len(rules.epsilons)
        for k in range(1 + n_robust + rules.snap):
            if k > n_robust:
                _snap(work)
                _look_up(rules.snap_table, work.gamma, work.weight)
            elif k > 0:
                _reweight(rules.epsilons[k - 1], work)
            _solve(plan, work)
        _link(plan, work)
        _store(plan, work, out, begin, width)
        _agreement(work, out, begin, width)


@_jit
def _load(phase, coherence, work):
    """Copy a block of pixels; coherence -1 marks a missing pair."""
    work.residual[:] = 0
    work.gamma[:] = -1
    work.total[:] = 0
    for p in range(phase.shape[0]):
        for i in range(phase.shape[1]):
            if np.isfinite(phase[p, i]) and coherence[p, i] > 0:
                work.residual[p, i] = phase[p, i]
                work.gamma[p, i] = min(coherence[p, i], 1)


@_jit
def _look_up(table, gamma, weight):
    """Interpolate the weight of each pair from its coherence; zero where the pair is missing."""
    kind = table.dtype.type
    zero, scale, last = kind(0), kind(len(table) - 1), len(table) - 2
    for p in range(gamma.shape[0]):
        for i in range(gamma.shape[1]):
            position = max(gamma[p, i], zero) * scale
            k = min(int(position), last)
            value = table[k] + (table[k + 1] - table[k]) * (position - kind(k))
            weight[p, i] = value if gamma[p, i] > zero else zero


@_jit
def _reweight(epsilon, work):
    """Weights whose least-squares solution is the L1 solution: over the residual, which epsilon keeps from zero."""
    base, residual, weight = work.base, work.residual, work.weight
    for p in range(weight.shape[0]):
        for i in range(weight.shape[1]):
            weight[p, i] = base[p, i] / max(abs(residual[p, i]), epsilon)


@_jit
def _solve(plan, work):
    _assemble(plan, work)
    _eliminate(plan, work)
    _substitute(plan, work)
    _update(plan, work)


@_jit
def _assemble(plan, work):
    """Conductance of each edge, and the current into each node: what the residuals of its pairs pull."""
    residual, weight, conductance, step = work.residual, work.weight, work.conductance, work.step
    lanes = weight.shape[1]
    conductance[:] = 0
    step[:] = 0
    for p in range(weight.shape[0]):
        s, a, b = plan.slot[p], plan.early[p], plan.late[p]
        for i in range(lanes):
            conductance[s, i] = weight[p, i]
            current = weight[p, i] * residual[p, i]
            step[b, i] += current
            step[a, i] -= current


@_jit
def _eliminate(plan, work):
    """Remove node after node (star-mesh): its current and its edges pass to its neighbors."""
    conductance, pivot, step = work.conductance, work.pivot, work.step
    start, neighbor, target = plan.start, plan.neighbor, plan.target
    lanes = step.shape[1]
    zero, one = step.dtype.type(0), step.dtype.type(1)
    share = np.empty(lanes, step.dtype)
    t = 0
    for v in range(len(start) - 2):
        pivot[v] = zero
        for e in range(start[v], start[v + 1]):
            for i in range(lanes):
                pivot[v, i] += conductance[e, i]
        for i in range(lanes):
            pivot[v, i] = one / pivot[v, i] if pivot[v, i] > zero else zero
        for e in range(start[v], start[v + 1]):
            far = neighbor[e]
            for i in range(lanes):
                share[i] = conductance[e, i] * pivot[v, i]
                step[far, i] += share[i] * step[v, i]
            for f in range(e + 1, start[v + 1]):
                s = target[t]
                t += 1
                for i in range(lanes):
                    conductance[s, i] += share[i] * conductance[f, i]


@_jit
def _substitute(plan, work):
    """Potentials from currents, last removed node first; the ground is zero."""
    conductance, pivot, step = work.conductance, work.pivot, work.step
    lanes, ground = step.shape[1], len(plan.start) - 2
    step[ground] = 0
    for v in range(ground - 1, -1, -1):
        for e in range(plan.start[v], plan.start[v + 1]):
            far = plan.neighbor[e]
            for i in range(lanes):
                step[v, i] += conductance[e, i] * step[far, i]
        for i in range(lanes):
            step[v, i] *= pivot[v, i]


@_jit
def _update(plan, work):
    residual, step, total = work.residual, work.step, work.total
    lanes = step.shape[1]
    for v in range(step.shape[0]):
        for i in range(lanes):
            total[v, i] += step[v, i]
    for p in range(residual.shape[0]):
        a, b = plan.early[p], plan.late[p]
        for i in range(lanes):
            residual[p, i] -= step[b, i] - step[a, i]


@_jit
def _snap(work):
    """Take whole cycles out of the residuals: unwrapping errors, once the estimate is close to the truth."""
    residual = work.residual
    cycle, half = residual.dtype.type(2 * math.pi), residual.dtype.type(0.5)
    for p in range(residual.shape[0]):
        for i in range(residual.shape[1]):
            residual[p, i] -= cycle * np.floor(residual[p, i] / cycle + half)


@_jit
def _link(plan, work):
    """Mark with 1 the nodes that still have a way to the ground: a live edge to a node that has one."""
    linked, conductance = work.linked, work.conductance
    zero, one = linked.dtype.type(0), linked.dtype.type(1)
    ground = len(plan.start) - 2
    linked[:] = zero
    linked[ground] = one
    for v in range(ground - 1, -1, -1):
        for e in range(plan.start[v], plan.start[v + 1]):
            far = plan.neighbor[e]
            for i in range(linked.shape[1]):
                live = conductance[e, i] > zero and linked[far, i] > zero
                linked[v, i] = one if live else linked[v, i]


@_jit
def _store(plan, work, out, begin, width):
    """Write the block to the results, in the order of the dates."""
    n_nodes = len(plan.order)
    for i in range(width):
        out.valid[begin + i] = 0
        out.cut[begin + i] = n_nodes
    for p in range(work.weight.shape[0]):
        for i in range(width):
            out.valid[begin + i] += work.weight[p, i] > 0
    for v in range(n_nodes):
        for i in range(width):
            out.cut[begin + i] -= work.linked[v, i] > 0
    for v in range(n_nodes):
        for i in range(width):
            alive = work.linked[v, i] > 0 and out.cut[begin + i] < n_nodes - 1
            out.series[plan.order[v], begin + i] = work.total[v, i] if alive else np.nan


@_jit
def _agreement(work, out, begin, width):
    """Temporal coherence: modulus of the mean of exp(i residual) over the valid pairs.

    Sine and cosine are series in the half angle, reduced to +-pi/2 (error below 1e-7): the compiler vectorizes them.
    """
    kind, lanes = work.residual.dtype.type, work.residual.shape[1]
    sums = np.zeros((3, lanes), work.residual.dtype)
    zero, one, two, half, pi = kind(0), kind(1), kind(2), kind(0.5), kind(math.pi)
    for p in range(work.residual.shape[0]):
        for i in range(lanes):
            live = one if work.weight[p, i] > zero else zero
            turns = work.residual[p, i] * half / pi
            h = (turns - np.floor(turns + half)) * pi
            sine, cosine = _sine_cosine(h)
            sums[0, i] += live * (one - two * sine * sine)
            sums[1, i] += live * two * sine * cosine
            sums[2, i] += live
    for i in range(width):
        modulus = math.sqrt(sums[0, i] * sums[0, i] + sums[1, i] * sums[1, i])
        out.temporal_coherence[begin + i] = modulus / sums[2, i] if sums[2, i] > zero else np.nan


_SINE = (-1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800)
_COSINE = (-1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800, 1 / 479001600)


@_jit
def _sine_cosine(h):
    kind = type(h)
    one, u = kind(1), h * h
    s, c = kind(_SINE[5]), kind(_COSINE[5])
    s, c = kind(_SINE[4]) + u * s, kind(_COSINE[4]) + u * c
    s, c = kind(_SINE[3]) + u * s, kind(_COSINE[3]) + u * c
    s, c = kind(_SINE[2]) + u * s, kind(_COSINE[2]) + u * c
    s, c = kind(_SINE[1]) + u * s, kind(_COSINE[1]) + u * c
    s, c = kind(_SINE[0]) + u * s, kind(_COSINE[0]) + u * c
    return h * (one + u * s), one + u * c
