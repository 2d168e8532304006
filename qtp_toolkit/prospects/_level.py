"""Components of unwrapping brought to one level before the stack is stored or inverted, and what that did."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit import network
from qtp_toolkit._pairs import name_pairs
from qtp_toolkit.conventions import CYCLES, X, Y

_SIDE = 128
"""Rows and columns, at most, of the thinned copy that decides."""


def level_components(stack: xr.Dataset, *, drop: bool = False) -> tuple[xr.Dataset, list[str]]:
    """Add the whole cycles that components lack where triangles of pairs decide, and say so. This one computes.

    Between two components of an interferogram the cycles are a guess of the unwrapping. ``network.component_cycles``
    finds them on a thinned copy of the whole stack.

    Parameters
    ----------
    stack : xarray.Dataset
        ``phase`` (pair, y, x), rad; perhaps ``component`` (pair, y, x), 0 or less is none.
    drop : bool
        Whether what no triangle decides on is NaN afterwards, pixels of no component among them; else it stays as it
        was unwrapped, and the inversion has the other pairs to outvote it.

    Returns
    -------
    stack : xarray.Dataset
        Without ``component``; lazy if it was. Without components, the very stack.
    told : list of str
        One line: how many pieces there are beside the largest of each pair, how many are decided, and how many of them
        moved. Also attribute ``components`` of the phase, and ``component_cycles`` says which cycles were added: by
        them a store knows whether pairs that are appended change earlier ones. Empty without components.

    Examples
    --------
    The right half of the last pair has lost a cycle:

    >>> from qtp_toolkit import network, prospects
    >>> pairs = network.select_pairs(["2020-01-01", "2020-01-13", "2020-01-25"])
    >>> phase = xr.DataArray(np.zeros((3, 8, 8)), pairs.coords, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> label = xr.ones_like(phase, dtype="int16")
    >>> phase[2, :, 5:], label[2, :, 5:] = -2 * np.pi, 2
    >>> level, told = prospects.level_components(xr.Dataset({"phase": phase, "component": label}))
    >>> bool((level["phase"] == 0).all()), told
    (True, ['components: 1 beside the largest of 3 pairs; triangles decide on 1 and move 1'])
    """
    if "component" not in stack:
        return stack, []
    few = stack[["phase", "component"]]
    few = few.isel({dim: slice(None, None, -(-few.sizes[dim] // _SIDE)) for dim in (Y, X)}).compute()
    cycles = network.component_cycles(few["phase"], few["component"])
    pieces = sum(np.unique(label[label > 0]).size for label in few["component"].values)
    beside = pieces - int((few["component"] > 0).any((Y, X)).sum())
    decided = int(cycles.notnull().sum()) - int((cycles.notnull()).any("component").sum())
    moved = int((cycles.fillna(0) != 0).sum())
    line = f"components: {beside} beside the largest of {few.sizes['pair']} pairs; triangles decide on {decided}"
    line += f" and move {moved}"
    if left := beside - decided:
        line += f"; {left} {'are left out' if drop else 'stay as they were unwrapped'}"
    phase = network.add_cycles(stack["phase"], stack["component"], cycles, drop=drop)
    phase = phase.assign_attrs({"components": line, CYCLES: _moved(cycles)})
    return stack.drop_vars("component").assign(phase=phase), [line]


def _moved(cycles: xr.DataArray) -> dict[str, dict[str, int]]:
    """Cycles that are not 0, by pair and component."""
    out: dict[str, dict[str, int]] = {}
    values = cycles.transpose("pair", "component").fillna(0).values.astype(int)
    names, labels = name_pairs(cycles), cycles["component"].values.tolist()
    for k, j in zip(*np.nonzero(values), strict=True):
        out.setdefault(names[k], {})[str(labels[j])] = int(values[k, j])
    return out
