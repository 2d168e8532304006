"""Looks into the pixels of a stack: what headers cannot tell. These compute."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._variables import FRACTION
from qtp_toolkit.conventions import VARIABLES, QtpDataError, X, Y
from qtp_toolkit.load.files.limits import implausible

_MOST_REPEATED = 0.005
"""Share of one and the same number from which on it looks like missing data."""
_FILLS = (0.0, *VARIABLES["phase"].fills, -999.0, -99.0, 999.0, 9999.0, 255.0)
_SMALLEST, _SMALL = 0.15, 0.5
"""Below the first, rad, lies no real interferogram: its noise alone is larger. Below the second, motion is rare."""
_ROUNDED = 1e-3
_JUMPS = 1e-5
"""Share of neighbors a cycle apart from which on they are fringes, not single errors."""
_SLABS, _MOST = 16, 2.5e8
"""Of a stack of more numbers, so many slabs of rows are looked at, evenly spread."""


def look_at_stack(stack: xr.Dataset, *, every: int = 4) -> pd.DataFrame:
    """Look at the pixels of a stack of any size before work begins: :func:`check_stack` on a part of its rows.

    Parameters
    ----------
    stack : xarray.Dataset
        As for :func:`check_stack`; lazy.
    every : int
        Rows and columns to step over.

    Returns
    -------
    pandas.DataFrame
        As :func:`check_stack`.

    Raises
    ------
    QtpDataError
        As :func:`check_stack`.

    Examples
    --------
    >>> phase = geotiff("20180819_20180831.tif", np.linspace(-9, 9, 20, dtype="float32").reshape(4, 5))
    >>> len(load.look_at_stack(load.interferograms([phase])))
    1
    """
    rows = stack.sizes[Y]
    slab = max(int(_MOST / _SLABS / max(stack["phase"].size // max(rows, 1), 1)), 2)
    if rows <= slab * _SLABS:
        return check_stack(stack, every=every)
    begins = np.linspace(0, rows - slab, _SLABS).astype(int)
    return check_stack(stack.isel({Y: np.concatenate([np.arange(k, k + slab) for k in begins])}), every=every)


def check_stack(stack: xr.Dataset, *, every: int = 4) -> pd.DataFrame:
    """Read a thinned copy of a stack and tell whether it can be what it says. This one computes.

    Parameters
    ----------
    stack : xarray.Dataset
        ``phase`` (pair, y, x), rad, and ``coherence`` if there is one.
    every : int
        Rows and columns to step over; fewer where the grid is small.

    Returns
    -------
    pandas.DataFrame
        One row a pair: dates, ``valid`` (share of pixels), ``zeros`` (share of exact zeros), ``smallest`` and
        ``largest`` phase (rad), median coherence.

    Raises
    ------
    QtpDataError
        I10: the phase looks wrapped: no pair leaves -pi..pi, or another range of 2 pi, and neighbors lie a cycle apart;
        I12: all within 0.15 rad, as displacement in m does; I04: coherence outside 0..1; I21: pairs without any valid
        pixel.

    Warns
    -----
    UserWarning
        I23: more than 0.5 % of the phase is exactly 0, -999 or another number that stands for missing data; I10, I12:
        so little motion that a look cannot tell.

    Examples
    --------
    >>> phase = geotiff("20180819_20180831.tif", np.linspace(-9, 9, 20, dtype="float32").reshape(4, 5))
    >>> table = load.check_stack(load.interferograms([phase]), every=1)
    >>> table[["smallest", "largest"]].values.tolist()
    [[-9.0, 9.0]]
    """
    if not stack["phase"].size:
        raise QtpDataError("the stack is empty", variable="phase", found=dict(stack["phase"].sizes), code="I06")
    every = max(1, min(every, stack.sizes[Y] // 8, stack.sizes[X] // 8))
    rows = stack.isel({Y: slice(None, None, every)}).compute()  # all columns: fringes are seen between neighbors only
    jumps, cycle = _count_jumps(rows["phase"].transpose(..., Y, X).to_numpy())
    thin = rows.isel({X: slice(None, None, every)})
    phase = thin["phase"].transpose("pair", Y, X).to_numpy()
    valid = np.isfinite(phase)
    found = {
        "reference": thin["reference"].to_numpy(),
        "secondary": thin["secondary"].to_numpy(),
        "valid": valid.mean((1, 2)),
        "zeros": (phase == 0).mean((1, 2)),
        "smallest": np.where(valid, phase, np.inf).min((1, 2)),
        "largest": np.where(valid, phase, -np.inf).max((1, 2)),
    }
    if "coherence" in thin:
        found["coherence"] = _medians(thin["coherence"].transpose("pair", Y, X).to_numpy())
    table = pd.DataFrame(found)
    none = table[table["valid"] == 0]
    empty = [f"{r:%Y-%m-%d} {s:%Y-%m-%d}" for r, s in zip(none["reference"], none["secondary"], strict=True)]
    if empty:
        raise QtpDataError(f"{len(empty)} pairs hold no valid pixel", where="; ".join(empty), code="I21")
    _judge_range(table, jumps, cycle)
    for fill in _FILLS:
        share = float((phase == np.float32(fill)).mean())
        if share > _MOST_REPEATED:
            warnings.warn(
                f"{share:.1%} of the phase is exactly {fill:g}: missing data? Set parameters.nodata: {fill:g}. (I23)",
                stacklevel=2,
            )
    return table


def _count_jumps(phase: np.ndarray) -> tuple[float, float]:
    """Share of neighbors along x that lie more than half a cycle apart, and how far those are apart in the median."""
    steps = np.abs(np.diff(phase, axis=-1))
    steps = steps[np.isfinite(steps)]
    far = steps[steps > np.pi]
    return far.size / max(steps.size, 1), float(np.median(far)) if far.size else 0.0


def _judge_range(table: pd.DataFrame, jumps: float, cycle: float) -> None:
    """Refuse what looks wrapped, or like lengths; warn where so little moves that nobody can tell."""
    smallest, largest = table["smallest"].min(), table["largest"].max()
    farthest = max(largest, -smallest)
    told = {"variable": "phase", "found": f"{smallest:.3f} to {largest:.3f} rad"}
    within = farthest <= np.pi + _ROUNDED
    # A reference that was taken out of wrapped phase moves its range, pair by pair, and leaves its width.
    narrow = (table["largest"] - table["smallest"]).max() <= 2 * np.pi + 2 * _ROUNDED and farthest <= 3 * np.pi
    fringes = jumps > _JUMPS and cycle <= 2 * np.pi + 2 * _ROUNDED
    if (within and (fringes or farthest >= np.pi - _ROUNDED)) or (narrow and fringes and jumps > _MOST_REPEATED):
        raise QtpDataError(
            "the phase looks wrapped: every pair lies within -pi..pi" + ("" if within else ", or as wide a range"),
            **told,
            hint="Give the unwrapped files (HyP3 _unw_phase, LiCSAR .geo.unw).",
            code="I10",
        )
    if farthest <= _SMALLEST:
        raise QtpDataError(
            f"the phase looks like displacement in m: it never leaves -{_SMALLEST:g}..{_SMALLEST:g}",
            **told,
            hint="Give the unwrapped phase in rad, or multiply by -4 pi / wavelength.",
            code="I12",
        )
    if farthest <= _SMALL:
        warnings.warn(
            f"the phase never leaves -{_SMALL}..{_SMALL}: little motion, or lengths in m? (I12)", stacklevel=3
        )
    elif within:
        warnings.warn(
            "no pair leaves -pi..pi, but no neighbors lie a cycle apart: taken for unwrapped, of little motion (I10)",
            stacklevel=3,
        )


def _medians(coherence: np.ndarray) -> list[float]:
    """Median coherence of each pair, or an error if some leaves its range (I04)."""
    known = np.isfinite(coherence)
    low, high = VARIABLES["coherence"].held or FRACTION
    outside = known & ((coherence < low) | (coherence > high))
    if outside.any():
        # advice on the scale is for stacks that are scaled as a whole; single strays are something else
        told = f", {coherence[known].min():g} to {coherence[known].max():g}, {outside.sum()} of {known.sum()} outside"
        fault = implausible(float(np.median(coherence[known])), "coherence", FRACTION, found=told)
        scale = 0.01 if coherence[known].max() <= 100.5 else 1 / 255
        looks = fault.hint if "looks like" not in str(fault.hint) else f"Set parameters.coherence_scale: {scale:.6g}."
        raise fault.restated(what="coherence leaves 0..1", hint=looks)
    return [float(np.median(c[k])) if k.any() else np.nan for c, k in zip(coherence, known, strict=True)]
