"""Weighted least squares on a pair network by removing its dates one after the other (Numba, compiled on first use).

The network is read as an electric one: dates are nodes, pairs are resistors with their weight as conductance, the
reference date is the ground, and what the misfits of its pairs pull is the current into a node. The potentials are
then the least-squares phases. Every solve is for a *correction*, from the current misfits: a rounding error of one
solve is mended by the next. A missing pair is a conductance of zero, so that all pixels do the same work.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.inversion.kernels.elimination import Elimination
from qtp_toolkit.inversion.kernels.lanes import choose, larger, load, magnitude, root, smaller, spread, store, zeros
from qtp_toolkit.kernels._jit import exact


class Scratch(NamedTuple):
    """Scratch of one block of pixels, rows of lanes.

    Per pair, in the order of ``Elimination.pair`` and running from the node that is removed first to the other one:
    ``residual`` (what the dates do not explain, rad), ``gamma`` (coherence, 0 if missing), ``base`` (weight before any
    reweighting, 0 if missing). Per edge: ``conductance``, ``covariance``. Per node: ``pivot`` (one over the sum of its
    conductances), ``step`` (current, then correction), ``total`` (phase), ``linked`` (1 if it has a way to the
    ground), ``variance``. The two of the covariance have no rows if nobody asks for them.
    """

    residual: np.ndarray
    gamma: np.ndarray
    base: np.ndarray
    conductance: np.ndarray
    pivot: np.ndarray
    step: np.ndarray
    total: np.ndarray
    linked: np.ndarray
    covariance: np.ndarray
    variance: np.ndarray


def make_scratch(plan: Elimination, dtype: type, *, covariance: bool) -> Scratch:
    """Zeros for one block of pixels."""
    n_pairs, n_edges, n_nodes = len(plan.pair), len(plan.neighbor), len(plan.order)
    rows = [n_pairs] * 3 + [n_edges] + [n_nodes] * 4 + ([n_edges, n_nodes] if covariance else [0, 0])
    return Scratch(*(zeros(n, dtype) for n in rows))


@exact
def solve(plan, low, high, pace, scratch):
    """Correct the phases once, with weights ``base / clip(abs(residual), low, high)``: ``pace`` times what they say."""
    factor(plan, low, high, scratch)
    substitute(plan, scratch)
    update(plan, pace, scratch)


@exact
def factor(plan, low, high, scratch):
    """Remove node after node (star-mesh): its currents and conductances pass to its neighbors, in shares.

    Each node first weighs its own pairs, then collects what the removed ones pass to it (twins together, which halves
    the work of writing), then gets its pivot.
    """
    residual, base, conductance = scratch.residual, scratch.base, scratch.conductance
    pivot, step = scratch.pivot, scratch.step
    zero, one = spread(step, 0.0), spread(step, 1.0)
    least, most = spread(step, low), spread(step, high)
    # t runs through plan.target once, in the order in which it was planned: nothing is searched for.
    t, ground = 0, len(plan.order) - 1
    for v in range(ground + 1):
        store(step, v, zero)
    for v in range(ground):
        for e in range(plan.start[v], plan.start[v + 1]):
            store(conductance, e, zero)
        current = load(step, v)
        for p in range(plan.pair_start[v], plan.pair_start[v + 1]):
            misfit, far = load(residual, p), plan.far[p]
            # |r| as r^2 / |r|: below `low` the parabola stands in for the corner, where the weight would be infinite.
            weight = load(base, p) / smaller(larger(magnitude(misfit), least), most)
            store(conductance, plan.slot[p], weight)
            # What pulls the far end up pulls this one down.
            store(step, far, load(step, far) + weight * misfit)
            current = current - weight * misfit
        # Conductances only add up, nothing cancels: float32 is safe with weights over many decades.
        for k in range(plan.give_start[v], plan.single_start[v], 2):
            u, bridge = plan.giver[k], plan.bridge[k]
            w, ridge = plan.giver[k + 1], plan.bridge[k + 1]
            share, part = load(conductance, bridge) * load(pivot, u), load(conductance, ridge) * load(pivot, w)
            current = current + share * load(step, u) + part * load(step, w)
            for e in range(1, plan.start[u + 1] - bridge):
                s = plan.target[t]
                t += 1
                own = load(conductance, s) + share * load(conductance, bridge + e)
                store(conductance, s, own + part * load(conductance, ridge + e))
        for k in range(plan.single_start[v], plan.give_start[v + 1]):
            u, bridge = plan.giver[k], plan.bridge[k]
            share = load(conductance, bridge) * load(pivot, u)
            current = current + share * load(step, u)
            for e in range(bridge + 1, plan.start[u + 1]):
                s = plan.target[t]
                t += 1
                store(conductance, s, load(conductance, s) + share * load(conductance, e))
        total = zero
        for e in range(plan.start[v], plan.start[v + 1]):
            total = total + load(conductance, e)
        # Cut off from all that is left: pivot 0 keeps it at zero without a branch, and link() marks it later.
        store(pivot, v, choose(total, zero, one / total, zero))
        store(step, v, current)


@exact
def substitute(plan, scratch):
    """Potentials from currents, last removed node first; the ground is zero."""
    conductance, pivot, step = scratch.conductance, scratch.pivot, scratch.step
    ground = len(plan.order) - 1
    store(step, ground, spread(step, 0.0))
    for v in range(ground - 1, -1, -1):
        current = load(step, v)
        for e in range(plan.start[v], plan.start[v + 1]):
            current = current + load(conductance, e) * load(step, plan.neighbor[e])
        store(step, v, current * load(pivot, v))


@exact
def update(plan, pace, scratch):
    """Add ``pace`` times the correction to the phases, and take it out of the residuals."""
    residual, step, total = scratch.residual, scratch.step, scratch.total
    share = spread(step, pace)
    for v in range(len(plan.order)):
        own = load(step, v)
        # Residuals follow the phases instead of being formed anew: the next solve sees the rounding errors of this one.
        store(total, v, load(total, v) + share * own)
        for p in range(plan.pair_start[v], plan.pair_start[v + 1]):
            store(residual, p, load(residual, p) - share * (load(step, plan.far[p]) - own))


@exact
def link(plan, scratch):
    """Mark with 1 the nodes that still have a way to the ground: a live edge to a node that has one."""
    conductance, linked = scratch.conductance, scratch.linked
    zero, one = spread(linked, 0.0), spread(linked, 1.0)
    ground = len(plan.order) - 1
    store(linked, ground, one)
    for v in range(ground - 1, -1, -1):
        mark = zero
        for e in range(plan.start[v], plan.start[v + 1]):
            mark = choose(load(conductance, e), zero, larger(mark, load(linked, plan.neighbor[e])), mark)
        store(linked, v, mark)


@exact
def invert_factor(plan, scratch):
    """Variances of the phases, for unit variance of weight: the diagonal of the inverse of the normal matrix.

    Only the entries of the inverse that lie on edges of the plan are needed to find each other (Takahashi et al.
    1973), from the last removed node to the first: with the shares s of node v, ``C[v, j] = sum_k s[k] C[k, j]`` and
    ``C[v, v] = pivot[v] + sum_k s[k] C[k, v]`` over its neighbors.
    """
    conductance, pivot, covariance, variance = scratch.conductance, scratch.pivot, scratch.covariance, scratch.variance
    zero, ground = spread(pivot, 0.0), len(plan.order) - 1
    store(variance, ground, zero)
    # mesh lists nodes in the order of removal; the inverse is found in the opposite one.
    t = len(plan.mesh)
    for v in range(ground - 1, -1, -1):
        first, last = plan.start[v], plan.start[v + 1]
        for e in range(first, last):
            share = load(conductance, e) * load(pivot, v)
            store(covariance, e, share * load(variance, plan.neighbor[e]))
        n = last - first
        t -= n * (n - 1) // 2
        m = t
        for e in range(first, last):
            share = load(conductance, e) * load(pivot, v)
            for f in range(e + 1, last):
                between = load(covariance, plan.mesh[m])
                m += 1
                store(covariance, e, load(covariance, e) + load(conductance, f) * load(pivot, v) * between)
                store(covariance, f, load(covariance, f) + share * between)
        own = load(pivot, v)
        for e in range(first, last):
            own = own + load(conductance, e) * load(pivot, v) * load(covariance, e)
        store(variance, v, own)


@exact
def scale_variance(plan, low, high, scratch):
    """Make variances standard deviations: times the weighted squares of the residuals over the redundancy, root.

    Pairs of dates without connection to the ground do not count. NaN without redundancy.
    """
    residual, base, variance, linked = scratch.residual, scratch.base, scratch.variance, scratch.linked
    zero, one, least, most = spread(base, 0.0), spread(base, 1.0), spread(base, low), spread(base, high)
    squares, redundancy = zero, zero
    for v in range(len(plan.order) - 1):
        mark = load(linked, v)
        # One unknown for each date with a way to the ground, one equation for each of its pairs.
        redundancy = redundancy - mark
        for p in range(plan.pair_start[v], plan.pair_start[v + 1]):
            misfit = load(residual, p)
            weight = mark * load(base, p) / smaller(larger(magnitude(misfit), least), most)
            squares = squares + weight * misfit * misfit
            redundancy = redundancy + choose(weight, zero, one, zero)
    scale = choose(redundancy, zero, squares / redundancy, spread(base, np.nan))
    for v in range(len(plan.order)):
        store(variance, v, root(scale * load(variance, v)))
