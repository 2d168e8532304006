"""Levels of the components of unwrapped interferograms, as far as the network can decide on them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit._pairs import index_pairs
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, X, Y, describe, require, require_same_grid
from qtp_toolkit.kernels import pairs as graph
from qtp_toolkit.network.kernels import levels

_COMPONENT = "component"


def component_cycles(phase: xr.DataArray, component: xr.DataArray, *, least_pixels: int = 20) -> xr.DataArray:
    """Find by how many cycles the components of each interferogram are off against its largest one.

    Unwrapping knows the cycles within a component, not between two of them. Where two pairs of a triangle hang together
    from one place to another and the third is in pieces, the closure says by how many cycles the piece is off.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dims ``pair, y, x``, in memory; thinned is enough. A constant of its own in each pair does no harm.
    component : xarray.DataArray
        Whole numbers, same dims; 0 or less is none: as of ``interferogram.unwrap_components``.
    least_pixels : int
        Pixels that a component must share with settled ones of a triangle.

    Returns
    -------
    xarray.DataArray
        Dims ``pair, component``: cycles to add, 0 for the largest; NaN where the network does not decide: no triangle,
        too few pixels, triangles that contradict each other. In memory. For :func:`add_cycles`.

    Raises
    ------
    QtpDataError
        For bad pairs, or arrays of other pixels.

    Examples
    --------
    The right half of the last pair, a component of its own, has lost a cycle:

    >>> from qtp_toolkit import network
    >>> pairs = network.select_pairs(["2020-01-01", "2020-01-13", "2020-01-25"])
    >>> shape = {"pair": pairs["pair"].size, "y": 8, "x": 8}
    >>> phase = xr.DataArray(np.zeros((3, 8, 8)), pairs.coords, tuple(shape), attrs={"units": "rad"})
    >>> label = xr.ones_like(phase, dtype=int)
    >>> phase[2, :, 5:], label[2, :, 5:] = -2 * np.pi, 2
    >>> component_cycles(phase, label).values[2]
    array([nan,  0.,  1.])
    """
    require(phase, dims=(PAIR, Y, X), quantity="phase")
    require(component, dims=(PAIR, Y, X), name="component")
    component = require_same_grid(component, phase, name="component")
    _, first, second = index_pairs(phase)
    flat = [da.transpose(PAIR, ...).values.reshape(first.size, -1) for da in (phase, component)]
    label = np.maximum(flat[1], 0).astype(np.int64)  # -1 is outside of a file
    found = levels.level(flat[0], label, graph.find_triplets(first, second), least=least_pixels)
    coords = {name: phase.coords[name] for name in (REFERENCE, SECONDARY)}
    out = xr.DataArray(found, coords | {_COMPONENT: np.arange(found.shape[1])}, (PAIR, _COMPONENT))
    return describe(out, "component_cycles", like=phase)


def add_cycles(
    phase: xr.DataArray, component: xr.DataArray, cycles: xr.DataArray, *, drop: bool = True
) -> xr.DataArray:
    """Bring the components of each interferogram to one level.

    Parameters
    ----------
    phase, component : xarray.DataArray
        Dims ``pair, y, x``; the whole stack, where the cycles were found on a thinned one.
    cycles : xarray.DataArray
        From :func:`component_cycles`.
    drop : bool
        Whether components without a level are NaN afterwards, pixels of component 0 and what the thinned stack did not
        hold among them; else they stay as they are.

    Returns
    -------
    xarray.DataArray
        rad, as ``phase``. Lazy if the input is lazy.

    Examples
    --------
    >>> phase = xr.DataArray([[[0.0, 1.0, 2.0]]], dims=("pair", "y", "x"), attrs={"units": "rad"})
    >>> label = xr.DataArray([[[1, 2, 0]]], dims=("pair", "y", "x"))
    >>> cycles = xr.DataArray([[np.nan, 0.0, 1.0]], dims=("pair", "component"))
    >>> add_cycles(phase, label, cycles).values.round(2)
    array([[[0.  , 7.28,  nan]]])
    """
    require(phase, dims=(PAIR, Y, X), quantity="phase")
    component = require_same_grid(component, phase, name="component")
    table = cycles.drop_vars(list(cycles.coords))
    out = xr.apply_ufunc(
        levels.add,
        phase,
        component,
        table if drop else table.fillna(0.0),
        input_core_dims=[[], [], [_COMPONENT]],
        kwargs={"other": np.nan if drop else 0.0},
        dask="parallelized",
        output_dtypes=[phase.dtype],
        keep_attrs=True,
    )
    return describe(out.transpose(*phase.dims), "phase", like=phase)
