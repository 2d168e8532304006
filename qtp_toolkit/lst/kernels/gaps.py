"""Gap fill of many series, block by block: fit, reject, replace (Numba, compiled on first use)."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels import reasons
from qtp_toolkit.kernels._jit import bare, reordered
from qtp_toolkit.lst.kernels import robust, whittaker
from qtp_toolkit.lst.kernels.basis import Basis
from qtp_toolkit.lst.kernels.normal import make_scratch
from qtp_toolkit.lst.kernels.robust import Rejection
from qtp_toolkit.lst.kernels.whittaker import Smoother

BLOCK = 32
"""Series that are brought into contiguous memory at a time (0.2 MB for six years of 8-day composites)."""


def fill(
    values: np.ndarray,
    days: np.ndarray,
    basis: Basis,
    smoother: Smoother,
    *,
    climatology: bool,
    side: int,
    tolerance: float,
    need: int,
    max_gap: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Replace missing and rejected values by a robust curve; keep all others.

    Parameters
    ----------
    values : ndarray (..., n)
        Any memory layout.
    days : ndarray (n,)
        Time in days, increasing.
    basis : Basis
        Waves on these days.
    smoother : Smoother
        If it is on, smooths what the waves leave.
    climatology : bool
        Whether the waves are fitted at all.
    side, tolerance, need
        Rejection: see :class:`qtp_toolkit.lst.kernels.robust.Rejection`.
    max_gap : float
        Longest gap in days that is filled.

    Returns
    -------
    filled : ndarray (..., n)
        Same dtype as ``values``, with time first in memory. NaN throughout where ``reason`` is 3, 4 or 5; NaN inside
        the gap where it is 8.
    replaced : ndarray (...), uint16
        Number of values that are not the original ones.
    gap : ndarray (...), float32
        Longest time in days between two values that were kept (or an end of the series).
    reason : ndarray (...), uint8
        0 ok, 3 the curve runs away in a gap, 4 too few values, 5 no value at all, 8 a gap longer than ``max_gap``.
    """
    lead, n = values.shape[:-1], values.shape[-1]
    cube = values.reshape(int(np.prod(lead[:-1])), lead[-1] if lead else 1, n)
    filled = np.empty((n, *cube.shape[:2]), dtype=values.dtype)
    size = cube.shape[0] * cube.shape[1]
    replaced, gap, reason = np.zeros(size, dtype=np.uint16), np.zeros(size, dtype=np.float32), np.zeros(size, np.uint8)
    rules, days = Rejection(float(side), float(tolerance), int(need)), np.asarray(days, dtype=float)
    outputs = filled, replaced, gap, reason
    _fill(cube, outputs, days, basis, smoother, rules, climatology, float(max_gap))
    filled = np.moveaxis(filled, 0, -1).reshape(*lead, n)
    return filled, replaced.reshape(lead), gap.reshape(lead), reason.reshape(lead)


@reordered
def _fill(cube, outputs, days, basis, smoother, rules, climatology, max_gap):  # noqa: PLR0917
    filled, replaced, gap, reason = outputs
    # Made once: the fit is compiled without the means to allocate.
    block, work = robust.make_block(BLOCK, basis.ramp.size), make_scratch(basis)
    for begin in range(0, replaced.size, BLOCK):
        count = min(BLOCK, replaced.size - begin)
        _load(cube, begin, count, basis.real, block.value, block.weight)
        if climatology:
            robust.fit_block(block, count, basis, rules, work)
        else:
            block.curve[:] = 0.0
        for i in range(count):
            value, weight, curve = block.value[i], block.weight[i], block.curve[i]
            if smoother.on:
                _smooth_rest(value, weight, curve, basis.real, smoother, rules, work, days.size)
            found = _finish(value, weight, curve, days, basis.real, rules, max_gap, work.index)
            replaced[begin + i], gap[begin + i], reason[begin + i] = found
        _store(block.curve, begin, count, basis.real, filled)


@bare
def _load(cube, begin, count, real, value, weight):  # noqa: PLR0917
    """Bring series to rows; 0 with weight 0 where missing. The places between the dates stay 0."""
    done, width = 0, cube.shape[1]
    while done < count:  # what lies in one row of the map
        row, column = (begin + done) // width, (begin + done) % width
        part = min(width - column, count - done)
        for t in range(real.size):
            source = cube[row, column : column + part, t]
            values, weights = value[done : done + part, real[t]], weight[done : done + part, real[t]]
            for i in range(part):
                # False for NaN and infinite values, without a branch.
                known = source[i] - source[i] == 0.0
                values[i] = source[i] if known else 0.0
                weights[i] = 1.0 if known else 0.0
        done += part


@bare
def _store(curve, begin, count, real, filled):
    done, width = 0, filled.shape[2]
    while done < count:
        row, column = (begin + done) // width, (begin + done) % width
        part = min(width - column, count - done)
        for t in range(real.size):
            place = real[t]
            for i in range(part):
                filled[t, row, column + i] = curve[done + i, place]
        done += part


@reordered
def _smooth_rest(value, weight, curve, real, smoother, rules, work, n):  # noqa: PLR0917
    """Add to the curve the smoothed difference of the values from it, without what lies too far on one side."""
    rest, known, out, lower, further = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    count, start = 0, curve.copy()
    for i in range(n):
        count += weight[real[i]] > 0.0
    # A curve of NaN or infinity: the fit of the waves has failed.
    if count < rules.need or not abs(curve[0]) < np.inf:
        return
    while True:
        for i in range(n):
            known[i] = weight[real[i]]
            # Anew each time: the smoother overwrites what it is given. In long gaps its pull leads back to the waves.
            rest[i] = value[real[i]] - start[real[i]]
        whittaker.smooth(rest, known, smoother, out, lower, further)
        for i in range(n):
            curve[real[i]] = start[real[i]] + out[i]
        dropped = robust.reject(value, weight, curve, rules, count, work)
        if dropped == 0:
            return
        count -= dropped


@bare
def _finish(value, weight, curve, days, real, rules, max_gap, index):  # noqa: PLR0917
    """Put the values that were kept into the curve. Returns number replaced, longest gap, reason."""
    n, kept = real.size, 0
    bottom, top = np.inf, -np.inf
    for i in range(n):
        # A list without a branch: the entry is overwritten until it is one that stays.
        index[kept] = i
        kept += weight[real[i]] > 0.0
        own = curve[real[i]]
        bottom, top = own if own < bottom else bottom, own if own > top else top
    low, high, last, longest = np.inf, -np.inf, days[0], 0.0
    for j in range(kept):
        i = index[j]
        own, step = value[real[i]], days[i] - last
        curve[real[i]] = own
        low, high = own if own < low else low, own if own > high else high
        longest, last = step if step > longest else longest, days[i]
    longest = max(longest, days[n - 1] - last)
    # Clouds hide whole seasons: where waves see nothing they may swing beyond anything that was seen.
    room, reason = 0.5 * (high - low) + 1.0, reasons.OK
    if kept == 0:
        reason = reasons.NO_TEMPERATURE
    elif kept < rules.need:
        reason = reasons.TOO_FEW
    # Written so that NaN and infinity run away, too.
    elif not (top <= high + room and bottom >= low - room):
        reason = reasons.ILL_CONDITIONED
    if reason != reasons.OK:
        for t in range(curve.size):
            # Never 0 degC, which would enter the degree days.
            curve[t] = np.nan
    elif longest > max_gap:
        reason = reasons.LONG_GAP
        _open_gaps(weight, curve, days, real, max_gap)
    return n - kept, longest, reason


@bare
def _open_gaps(weight, curve, days, real, max_gap):
    """NaN between two kept values (or an end of the series) that are more than ``max_gap`` apart."""
    n, last, first_open = real.size, days[0], 0
    for i in range(n):
        keep = weight[real[i]] > 0.0
        if keep or i == n - 1:
            if days[i] - last > max_gap:
                for j in range(first_open, i if keep else n):
                    curve[real[j]] = np.nan
            last, first_open = days[i], i + 1
