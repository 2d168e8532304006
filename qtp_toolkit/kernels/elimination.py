"""Symbolic elimination of a pair network: in which order to remove dates, and what each removal touches.

The normal matrix of a network of interferograms is the Laplacian of the pair graph, grounded at the reference date,
and has the same pattern for every pixel. Its elimination is therefore planned once, in plain Python, and replayed for
all pixels by ``kernels.irls``. Seen as an electric network (conductance = weight of the pair), removing a date is the
star-mesh rule: its neighbors a and b get ``g_ab += g_va * g_vb / sum(g_v)``. Only sums of positive numbers appear, so
nothing cancels and float32 is safe. A good order keeps the number of new edges small: for 117 dates and 466 pairs the
greedy minimum-fill order needs a twentieth of the multiplications of a dense factorization.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np


class Plan(NamedTuple):
    """What ``kernels.irls`` replays. Nodes are numbered in the order of elimination; the ground is the last node.

    ``order[k]`` is the date that node k stands for. Edges of node k to nodes that are removed after it occupy the
    slots ``start[k]`` to ``start[k + 1]``; ``neighbor[slot]`` is the far end. ``target`` lists, node after node and
    for each two edges (i < j) of a node, the slot of the edge between their far ends. ``slot`` is the slot of each
    pair; ``early`` and ``late`` are the nodes of its earlier and later date.
    """

    order: np.ndarray
    start: np.ndarray
    neighbor: np.ndarray
    target: np.ndarray
    slot: np.ndarray
    early: np.ndarray
    late: np.ndarray


def minimum_fill_order(
    n_dates: int, first: np.ndarray, second: np.ndarray, ground: int
) -> tuple[list[int], list[set[int]]]:
    """Greedy order: remove next the date whose neighbors lack the fewest edges among each other.

    Returns
    -------
    order : list of int
        All dates; ``ground`` last.
    later : list of set of int
        Per date of ``order``, its neighbors at the moment of removal.
    """
    near: list[set[int]] = [set() for _ in range(n_dates)]
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        near[a].add(b)
        near[b].add(a)
    left = set(range(n_dates)) - {ground}
    cost = {node: _fill(near, node) for node in left}
    order, later = [], []
    while left:
        node = min(left, key=lambda v: (cost[v], len(near[v]), v))
        left.remove(node)
        order.append(node)
        later.append(set(near[node]))
        stale = _remove(near, node)
        for other in stale & left:
            cost[other] = _fill(near, other)
    return [*order, ground], [*later, set()]


def make_plan(n_dates: int, first: np.ndarray, second: np.ndarray, ground: int) -> Plan:
    """Plan the elimination of a network: pair i joins dates ``first[i]`` and ``second[i]``; ``ground`` stays."""
    order, later = minimum_fill_order(n_dates, first, second, ground)
    node = np.empty(n_dates, dtype=np.int32)
    node[order] = np.arange(n_dates)
    rows = [sorted(int(node[date]) for date in dates) for dates in later]
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int32)
    slots = {(k, far): start[k] + i for k, row in enumerate(rows) for i, far in enumerate(row)}
    target = [slots[pair] for row in rows for pair in combinations(row, 2)]
    ends = np.sort(np.stack([node[first], node[second]], axis=-1), axis=-1)
    return Plan(
        order=np.array(order, dtype=np.int32),
        start=start,
        neighbor=np.array([far for row in rows for far in row], dtype=np.int32),
        target=np.array(target, dtype=np.int32),
        slot=np.array([slots[a, b] for a, b in ends.tolist()], dtype=np.int32),
        early=node[first],
        late=node[second],
    )


def _fill(near: list[set[int]], node: int) -> int:
    """Count the edges that removing ``node`` would add."""
    around = near[node]
    return sum(len(around - near[other]) - 1 for other in around) // 2


def _remove(near: list[set[int]], node: int) -> set[int]:
    """Remove ``node``, join its neighbors, and return the nodes whose fill may have changed."""
    around = near[node]
    stale = set(around)
    for other in around:
        near[other] |= around
        near[other] -= {other, node}
    for other in around:
        stale |= near[other]
    near[node] = set()
    return stale
