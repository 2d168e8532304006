"""Looks into the pixels of a stack: what headers cannot tell. These compute."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._variables import FRACTION
from qtp_toolkit.conventions import REFERENCE, SECONDARY, VARIABLES, QtpDataError, X, Y
from qtp_toolkit.load.files.limits import implausible

_MOST_REPEATED = 0.005
"""Share of one and the same number from which on it looks like missing data."""
_FILLS = (0.0, *VARIABLES["phase"].fills, -999.0, -99.0, 999.0, 9999.0, 255.0)
_SMALLEST, _SMALL = 0.15, 0.5
"""Below the first, rad, lies no real interferogram: its noise alone is larger. Below the second, motion is rare."""
_ROUNDED, _NEAR = 1e-3, 0.1
_JUMPS = 1e-5
"""Share of neighbors a cycle apart from which on they are fringes, not single errors."""
_NO_PHASE = 1e-12
"""rad; single precision does not resolve so little in a phase of any size."""
_SCALED = "coherence_scale, where the driver has it"
_MANY = 300
"""Of fewer numbers, how large the largest is tells nothing."""
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
    return _look(stack, np.concatenate([np.arange(k, k + slab) for k in begins]), min(every, slab))


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
        I11: the same in degrees; I12: all within 0.15 rad, as displacement in m does; I04: coherence outside 0..1; I21:
        pairs without any valid pixel (those without one in the thinned copy are read whole); M05: numbers in the wrong
        order of bytes.

    Warns
    -----
    UserWarning
        I23: more than 0.5 % of the phase is exactly 0, -999 or another number that stands for missing data; I10, I12:
        so little motion that a look cannot tell; I11: most neighbors lie more than a cycle apart; I04: pairs whose
        coherence is 0 wherever they have a phase, bytes of coherence that never exceed 100.

    Examples
    --------
    >>> phase = geotiff("20180819_20180831.tif", np.linspace(-9, 9, 20, dtype="float32").reshape(4, 5))
    >>> table = load.check_stack(load.interferograms([phase]), every=1)
    >>> table[["smallest", "largest"]].values.tolist()
    [[-9.0, 9.0]]
    """
    return _look(stack, np.arange(stack.sizes[Y]), every)


def _look(stack: xr.Dataset, rows: np.ndarray, every: int) -> pd.DataFrame:
    """Look at every so many of these rows, with all columns: fringes are seen between neighbors only."""
    if not stack["phase"].size:
        raise QtpDataError("the stack is empty", variable="phase", found=dict(stack["phase"].sizes), code="I06")
    every = max(1, min(every, len(rows) // 8, stack.sizes[X] // 8))
    seen = stack.isel({Y: rows[::every]}).compute()
    steps = _steps(seen["phase"].transpose(..., Y, X).to_numpy())
    thin = seen.isel({X: slice(None, None, every)})
    phase = thin["phase"].transpose("pair", Y, X).to_numpy()
    found: dict[str, Any] = {end: thin[end].to_numpy() for end in (REFERENCE, SECONDARY)} | _extent(phase)
    if "coherence" in thin:
        gray = thin["coherence"].transpose("pair", Y, X).to_numpy()
        found["coherence"] = _medians(gray)
        _warn_of_coherence(gray, np.isfinite(phase), stack.attrs.get("coherence_scale"))
    table = pd.DataFrame(found)
    unseen = np.flatnonzero(table["valid"] == 0)
    if unseen.size:
        # islands between the rows of a thinned copy
        whole = [_extent(stack["phase"].isel(pair=[k]).transpose("pair", Y, X).to_numpy()) for k in unseen]
        for name in whole[0]:
            table.loc[unseen, name] = [extent[name][0] for extent in whole]
        none = table[table["valid"] == 0]
        empty = [f"{r:%Y-%m-%d} {s:%Y-%m-%d}" for r, s in zip(none["reference"], none["secondary"], strict=True)]
        if empty:
            raise QtpDataError(f"{len(empty)} pairs hold no valid pixel", where="; ".join(empty), code="I21")
    if _spans_a_cycle(table):  # fringes may run along x: some whole columns tell
        columns = stack["phase"].isel({Y: rows, X: slice(None, None, every)}).transpose(..., X, Y).to_numpy()
        steps = np.concatenate([steps, _steps(columns[..., np.diff(rows, prepend=rows[0] - 1) == 1])])
    _refuse_other_bytes(phase)
    _judge_range(table, steps)
    _warn_of_fills(phase)
    return table


def _extent(phase: np.ndarray) -> dict[str, np.ndarray]:
    """Shares of valid pixels and of zeros, smallest and largest value of each pair; NaN without any."""
    valid = np.isfinite(phase)
    some = valid.any((1, 2))
    return {
        "valid": valid.mean((1, 2)),
        "zeros": (phase == 0).mean((1, 2)),
        "smallest": np.where(some, np.where(valid, phase, np.inf).min((1, 2)), np.nan),
        "largest": np.where(some, np.where(valid, phase, -np.inf).max((1, 2)), np.nan),
    }


def _refuse_other_bytes(phase: np.ndarray) -> None:
    """Refuse numbers that are read in the wrong order of bytes: their exponents are then anything (M05)."""
    size = np.abs(phase[np.isfinite(phase) & (phase != 0)])
    if size.size >= _MANY and np.mean(size < _NO_PHASE) > _MOST_REPEATED:
        raise QtpDataError(
            "the phase looks as if it were read in the wrong order of bytes",
            variable="phase",
            found=f"{np.mean(size < _NO_PHASE):.0%} of it below {_NO_PHASE:g} rad",
            hint="Files of bare numbers begin with the lowest byte here (little endian); GAMMA's own do not.",
            code="M05",
        )


def _warn_of_fills(phase: np.ndarray) -> None:
    """Name numbers that come again and again, and the setting that makes them missing (I23)."""
    shares = {fill: float((phase == np.float32(fill)).mean()) for fill in _FILLS}
    for fill, share in shares.items():
        if share > _MOST_REPEATED:
            # files hold the other sign where pairs were turned round; and 0 stays missing where it is so now
            values = [fill, -fill, 0.0] if shares[0.0] == 0 else [fill, -fill]
            setting = "0" if fill == 0 else f"[{', '.join(f'{value:g}' for value in values)}]"
            text = f"{share:.1%} of the phase is exactly {fill:g}: missing data? Set parameters.nodata: {setting}."
            warnings.warn(f"{text} (I23)", stacklevel=4)


def _warn_of_coherence(coherence: np.ndarray, valid: np.ndarray, scale: float | None) -> None:
    """Warn of pairs that have a phase but no coherence anywhere, and of bytes that look like percent (I04)."""
    zero = int((valid.any((1, 2)) & ~(np.nan_to_num(coherence) > 0).any((1, 2))).sum())
    if zero:
        warnings.warn(f"coherence is 0 or missing in all of {zero} pairs: weights leave them out (I04)", stacklevel=4)
    bytewise = scale is not None and np.isclose(scale, 1 / 255)
    if bytewise and coherence.size >= _MANY and np.nanmax(coherence, initial=0.0) <= 100.5 / 255:
        text = f"no byte of the coherence exceeds 100: percent? {_set_scale(0.01)}"
        warnings.warn(f"{text} (I04)", stacklevel=4)


def _set_scale(scale: float) -> str:
    return f"Set parameters.coherence_scale: {scale:.6g}, where the driver has it, or convert the files."


def _steps(phase: np.ndarray) -> np.ndarray:
    """How far neighbors along the last axis lie apart."""
    apart = (np.abs(np.diff(plane, axis=-1)) for plane in phase)
    return np.concatenate([some[np.isfinite(some)] for some in apart])


def _spans_a_cycle(table: pd.DataFrame) -> bool:
    """Whether no pair is wider than a cycle: a reference that was taken out of wrapped phase moves its range only."""
    farthest = max(table["largest"].max(), -table["smallest"].min())
    return bool((table["largest"] - table["smallest"]).max() <= 2 * np.pi + 2 * _ROUNDED and farthest <= 3 * np.pi)


def _judge_range(table: pd.DataFrame, steps: np.ndarray) -> None:
    """Refuse what looks wrapped, or like lengths; warn where so little moves that nobody can tell."""
    smallest, largest = table["smallest"].min(), table["largest"].max()
    farthest = max(largest, -smallest)
    told = {"variable": "phase", "found": f"{smallest:.3f} to {largest:.3f} rad"}
    _judge_steps(steps, farthest)
    far = steps[steps > np.pi]
    jumps, cycle = far.size / max(steps.size, 1), float(np.median(far)) if far.size else 0.0
    within = farthest <= np.pi + _ROUNDED
    narrow = _spans_a_cycle(table)
    fringes = jumps > _JUMPS and cycle <= 2 * np.pi + 2 * _ROUNDED
    whole = smallest >= -_ROUNDED and abs(largest - 2 * np.pi) <= _NEAR  # wrapped to 0..2 pi
    sure = (within and (fringes or farthest >= np.pi - _ROUNDED)) or (narrow and fringes and jumps > _MOST_REPEATED)
    if sure or (whole and fringes):
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
            f"the phase never leaves -{_SMALL}..{_SMALL}: little motion, or lengths in m? (I12)", stacklevel=4
        )
    elif within:
        warnings.warn(
            "no pair leaves -pi..pi, but no neighbors lie a cycle apart: taken for unwrapped, of little motion (I10)",
            stacklevel=4,
        )
    elif narrow and fringes:
        warnings.warn(
            "every pair is at most 2 pi wide, and some neighbors lie a cycle apart: wrapped? (I10)", stacklevel=4
        )


def _judge_steps(steps: np.ndarray, farthest: float) -> None:
    """Refuse wrapped degrees; warn where neighbors differ as no unwrapped phase in rad does (I11)."""
    turns = steps[steps > 180.0]
    if 100.0 < farthest <= 180.0 + _ROUNDED and turns.size > _JUMPS * steps.size and np.median(turns) > 300.0:
        raise QtpDataError(
            "the phase looks wrapped, and in degrees: every pair lies within -180..180",
            variable="phase",
            found=f"up to {farthest:.1f}, neighbors {np.median(turns):.0f} apart",
            hint="Give the unwrapped files, in rad.",
            code="I11",
        )
    if steps.size and np.median(steps) > 2 * np.pi:
        text = f"neighbors differ by {np.median(steps):.1f} rad in the median: degrees, or another quantity?"
        warnings.warn(f"{text} (I11)", stacklevel=5)


def _medians(coherence: np.ndarray) -> list[float]:
    """Median coherence of each pair, or an error if some leaves its range (I04)."""
    known = np.isfinite(coherence)
    low, high = VARIABLES["coherence"].held or FRACTION
    outside = known & ((coherence < low) | (coherence > high))
    if outside.any():
        # advice on the scale is for stacks that are scaled as a whole; single strays are something else
        told = f", {coherence[known].min():g} to {coherence[known].max():g}, {outside.sum()} of {known.sum()} outside"
        fault = implausible(float(np.median(coherence[known])), "coherence", FRACTION, found=told, settings=_SCALED)
        scale = 0.01 if coherence[known].max() <= 100.5 else 1 / 255
        looks = fault.hint if "looks like" not in str(fault.hint) else _set_scale(scale)
        raise fault.restated(what="coherence leaves 0..1", hint=looks)
    return [float(np.median(c[k])) if k.any() else np.nan for c, k in zip(coherence, known, strict=True)]
