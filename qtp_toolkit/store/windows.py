"""Cutting a stack into windows that are read, turned and written one by one, within a stated amount of memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from dask.system import CPU_COUNT

from qtp_toolkit.conventions import PAIR, QtpDataError, X, Y
from qtp_toolkit.store import layout

Corner = tuple[int, int, int]
"""Index of a first value: pair, row, column."""


class WindowPlan(NamedTuple):
    """Rows and columns of a window, rows of the chunks that one touches at most, and how many are under way at once."""

    rows: int
    columns: int
    read_rows: int
    at_once: int


def slab_memory(stack: xr.Dataset, *, block: int = 64, memory_budget: float = 2e9) -> str:
    """Say how much memory :func:`ingest` will hold at once, or refuse; nothing is read.

    ``slab = 4 * n_pair * rows * width`` bytes, where rows and width are of the largest region that dask reads to fill
    one slab: multiples of ``block``, rounded out to the chunks of the stack. The height is the one, among those that
    fit into half of the budget, for which a processor has fewest rows to read; the width is that of the chunks, if they
    lie on the blocks, else of the stack. As many slabs are under way at once as fit into that half, two for each
    processor at most. The other half is for chunks while they are computed, and blocks being compressed.

    Parameters
    ----------
    stack : xarray.Dataset
        As for :func:`ingest`.
    block : int
        Side of a block in pixels.
    memory_budget : float
        Bytes.

    Returns
    -------
    str
        The formula with its numbers.

    Raises
    ------
    QtpDataError
        R13, with the same numbers, if one slab exceeds half of the budget.
    """
    plan = plan_windows(stack, block=block, memory_budget=memory_budget)
    text = _formula(stack, plan.read_rows, plan.columns)
    return f"{text}, {plan.at_once} at once" if plan.at_once > 1 else text


def plan_windows(stack: xr.Dataset, *, block: int, memory_budget: float) -> WindowPlan:
    """Choose the windows of a stack; see :func:`slab_memory`."""
    layout.spatial(stack)  # what is no stack is refused by name
    height, width = stack.sizes[Y], stack.sizes[X]
    rows_at, columns_at = _edges(stack, Y), _edges(stack, X)
    columns = int(columns_at[1])
    if columns % block or _largest_read(columns_at, columns, width)[1] != columns:
        columns = width
    most = memory_budget / (8 * stack.sizes[PAIR] * columns)
    found = []
    for rows in range(block, max(block, int(min(most, height + block - 1))) + 1, block):
        total, largest = _largest_read(rows_at, rows, height)
        found.append((total / max(min(most // largest, CPU_COUNT), 1), rows, largest))
    fitting = [plan for plan in found if plan[2] <= most]
    if not fitting:
        raise QtpDataError(
            "a slab does not fit into half of the memory budget",
            code="R13",
            expected=f"memory_budget / 2 = {memory_budget / 2e6:.1f} MB at most",
            found=_formula(stack, min(largest for *_, largest in found), columns),
            hint=f"Open the stack with chunks={{'y': {block}}}, take a smaller block, or raise memory_budget.",
        )
    _, rows, largest = min(fitting)
    return WindowPlan(rows, columns, largest, int(min(most // largest, 2 * CPU_COUNT)))


def pieces(data: Any) -> tuple[list[Corner], tuple[Any, ...]]:
    """Index of the first value of each chunk of an array, and the chunks: what gathers them needs no second copy."""
    if not hasattr(data, "to_delayed"):
        return [(0, 0, 0)], (data,)
    starts = [[0, *np.cumsum(sizes).tolist()] for sizes in data.chunks]
    chunks = data.to_delayed(optimize_graph=False)
    corners = [tuple(at[k] for at, k in zip(starts, place, strict=True)) for place in np.ndindex(chunks.shape)]
    return corners, tuple(chunks.ravel())


def _formula(stack: xr.Dataset, rows: int, width: int) -> str:
    pairs = stack.sizes[PAIR]
    return f"slab = 4 * n_pair * rows * width = 4 * {pairs} * {rows} * {width} = {4e-6 * pairs * rows * width:.1f} MB"


def _largest_read(edges: np.ndarray, step: int, size: int) -> tuple[int, int]:
    """Rows that are read in all, and at most for one window, if windows have ``step`` rows."""
    tops = np.arange(0, size, step)
    above = edges[np.searchsorted(edges, tops, side="right") - 1]
    below = edges[np.searchsorted(edges, np.minimum(tops + step, size))]
    return int((below - above).sum()), int((below - above).max())


def _edges(stack: xr.Dataset, dim: str) -> np.ndarray:
    """Where chunks of the stack begin or end along a dim; everywhere if it is in memory along y, nowhere along x."""
    size = stack.sizes[dim]
    sizes = [da.chunksizes[dim] for da in layout.spatial(stack).values() if da.chunks]
    coarsest = min(sizes, key=len, default=(1,) * size if dim == Y else (size,))
    return np.concatenate([[0], np.cumsum(coarsest)])
