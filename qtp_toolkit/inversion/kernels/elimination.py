"""Symbolic elimination of a pair network: in which order to remove dates, and what each removal touches.

The normal matrix of a network of interferograms is the Laplacian of the pair graph, grounded at the reference date,
and has the same pattern for every pixel. Its elimination is therefore planned once, in plain Python, and replayed for
all pixels by ``kernels.laplacian``. Seen as an electric network (conductance = weight of the pair), removing a date
is the star-mesh rule: its neighbors a and b get ``g_ab += g_va * g_vb / sum(g_v)``. Only sums of positive numbers
appear, so nothing cancels and float32 is safe. A good order keeps the number of new edges small: for 117 dates and 466
pairs the greedy minimum-fill order needs a twentieth of the multiplications of a dense factorization.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np


class Elimination(NamedTuple):
    """What ``kernels.laplacian`` replays. Nodes are numbered in the order of elimination; the ground is the last one.

    order : the date that each node stands for.
    start, neighbor : the edges of node v to nodes that are removed after it are the slots ``start[v]`` to
        ``start[v + 1]``; ``neighbor[slot]`` is the far end, increasing within a node.
    mesh : node after node and for each two edges (i < j) of a node, the slot of the edge between their far ends.
    give_start, single_start, giver, bridge, target : node v collects from the entries ``give_start[v]`` to
        ``give_start[v + 1]``, one for each neighbor ``giver`` that was removed before it; ``bridge`` is the slot of the
        edge from it to v. The giver's edges behind that one pass to edges of v: ``target`` lists their slots, entry
        after entry. Before ``single_start[v]`` stand twins, two by two, that pass on to the same edges: one list for
        both.
    pair_start, pair, far, slot, sign : the pairs that node v joins to a node removed after it are the entries
        ``pair_start[v]`` to ``pair_start[v + 1]``: number of the pair, far end, slot of the edge, and +1 if the far
        end is the later date, else -1.
    """

    order: np.ndarray
    start: np.ndarray
    neighbor: np.ndarray
    mesh: np.ndarray
    give_start: np.ndarray
    single_start: np.ndarray
    giver: np.ndarray
    bridge: np.ndarray
    target: np.ndarray
    pair_start: np.ndarray
    pair: np.ndarray
    far: np.ndarray
    slot: np.ndarray
    sign: np.ndarray


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
    cost = {node: _count_fill(near, node) for node in left}
    order, later = [], []
    while left:
        # Ties by fewer neighbors, then the earlier date; the best of many random rules was 5 % quicker only.
        node = min(left, key=lambda v: (cost[v], len(near[v]), v))
        left.remove(node)
        order.append(node)
        later.append(set(near[node]))
        # Only the neighborhood of what was removed has new edges, and so new costs.
        for other in _remove(near, node) & left:
            cost[other] = _count_fill(near, other)
    return [*order, ground], [*later, set()]


def plan_elimination(n_dates: int, first: np.ndarray, second: np.ndarray, ground: int) -> Elimination:
    """Plan the elimination of a network: pair i joins dates ``first[i]`` and ``second[i]``; ``ground`` stays."""
    order, later = minimum_fill_order(n_dates, first, second, ground)
    node = np.empty(n_dates, dtype=np.int32)
    node[order] = np.arange(n_dates)
    rows = [sorted(int(node[date]) for date in dates) for dates in later]
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    slots = {(v, far): int(start[v]) + i for v, row in enumerate(rows) for i, far in enumerate(row)}
    gifts = [_sort_givers(v, rows) for v in range(n_dates)]
    give_start = np.concatenate([[0], np.cumsum([len(twins) + len(singles) for twins, singles in gifts])])
    givers = [(u, v) for v, (twins, singles) in enumerate(gifts) for u in twins + singles]
    lists = [(u, v) for v, (twins, singles) in enumerate(gifts) for u in twins[::2] + singles]
    # An edge belongs to the end that is removed first; sign keeps which end is the later date.
    near, far = np.sort(np.stack([node[first], node[second]]), axis=0)
    slot = np.array([slots[ends] for ends in zip(near.tolist(), far.tolist(), strict=True)])
    pair = np.argsort(slot)
    numbers = {
        "order": order,
        "start": start,
        "neighbor": [far for row in rows for far in row],
        "mesh": [slots[ends] for row in rows for ends in combinations(row, 2)],
        "give_start": give_start,
        "single_start": [begin + len(twins) for begin, (twins, _) in zip(give_start[:-1], gifts, strict=True)],
        "giver": [u for u, _ in givers],
        "bridge": [slots[ends] for ends in givers],
        "target": [slots[v, far] for u, v in lists for far in rows[u] if far > v],
        "pair_start": np.searchsorted(slot[pair], start),
        "pair": pair,
        "far": far[pair],
        "slot": slot[pair],
        "sign": np.where(node[first] < node[second], 1, -1)[pair],
    }
    return Elimination(**{name: np.array(values, dtype=np.int32) for name, values in numbers.items()})


def _sort_givers(v: int, rows: list[list[int]]) -> tuple[list[int], list[int]]:
    """Neighbors that are removed before v: first those that, two by two, share all neighbors after v, then others."""
    waiting: dict[tuple[int, ...], int] = {}
    twins = []
    for u, row in enumerate(rows[:v]):
        if v in row:
            behind = tuple(far for far in row if far > v)
            if behind in waiting:
                twins += [waiting.pop(behind), u]
            else:
                waiting[behind] = u
    return twins, list(waiting.values())


def _count_fill(near: list[set[int]], node: int) -> int:
    """Count the edges that removing ``node`` would add."""
    around = near[node]
    return sum(len(around - near[other]) - 1 for other in around) // 2


def _remove(near: list[set[int]], node: int) -> set[int]:
    """Remove ``node``, join its neighbors, and return the nodes whose fill may have changed."""
    around = near[node]
    for other in around:
        near[other] |= around
        near[other] -= {other, node}
    # Else the removed node would still count as a common neighbor of others.
    near[node] = set()
    return around.union(*(near[other] for other in around))
