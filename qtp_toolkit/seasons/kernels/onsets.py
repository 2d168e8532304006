"""Thaw and freeze onsets of every year, for many daily series at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import reasons
from qtp_toolkit.kernels.daily import interpolate
from qtp_toolkit.kernels.harmonic import design_matrix

BLOCK = 4096
"""Series that are looked at together: their coefficients of a year stay in cache."""

FIRST_DAY = (1.0, 182.0)
"""Day of year on which the two kinds of windows begin."""


class Years(NamedTuple):
    """Windows of the years of a daily series, as day indices."""

    january: np.ndarray
    """(k,) Index of 1 January of each year; may lie outside the series."""

    starts: np.ndarray
    """(2, k) First day: of the calendar year, and of the year from 1 July on; clipped to the series."""

    stops: np.ndarray
    """(2, k) Day after the last."""


class Rule(NamedTuple):
    """What counts as a season."""

    threshold: float
    """Freezing point."""
    period: float
    """Length of the year in days."""
    run: int
    """A season shorter than this many days is none."""
    min_days: int
    """Valid days that a year must have."""


class Interpolation(NamedTuple):
    """How daily values follow from composites, see :func:`qtp_toolkit.kernels.daily.interpolate`."""

    left: np.ndarray
    weight: np.ndarray


def smooth_onsets(
    values: np.ndarray, years: Years, rule: Rule, *, harmonics: int, daily: Interpolation | None = None
) -> tuple[np.ndarray, ...]:
    """Crossings of the harmonic curve of each year on either side of its warm season.

    A year without missing days costs one product with a small matrix, of its composites where these are given: the
    interpolation to days and the fit to the days are both linear. The curve is periodic, so that an onset may lie
    before the first or after the last day of the window.

    Parameters
    ----------
    values : ndarray (..., n)
        Daily values, or composites with ``daily``; NaN where missing.
    years : Years
        Of days, in either case.
    rule : Rule
    harmonics : int
    daily : Interpolation, optional

    Returns
    -------
    thaw, freeze : ndarray (..., k)
        Fractional day of year (1 January is 1), NaN where there is none.
    crossings : ndarray (..., k), uint8
        Number of upward crossings in one period: more than 1 means that the onset is ambiguous.
    reason : ndarray (..., k), uint8
        OK, NEVER_THAWS, NEVER_FREEZES, TOO_FEW or NO_TEMPERATURE of :mod:`qtp_toolkit.kernels.reasons`.
    """
    from qtp_toolkit.seasons.kernels import onset_rules  # noqa: PLC0415  (numba)

    options = {"period": rule.period, "harmonics": harmonics}
    n = int(np.ceil(rule.period))
    # A year more on either side: onsets may lie outside the window.
    tables = [design_matrix(first + np.arange(-n, 2 * n + 1), **options) for first in FIRST_DAY]
    fits = [
        [_Fit(*window, daily, **options) for window in zip(years.january, *ends, strict=True)]
        for ends in zip(years.starts, years.stops, strict=True)
    ]
    possible = (years.stops - years.starts >= rule.min_days).any(axis=1)

    def find(series: np.ndarray, part: slice) -> tuple[np.ndarray, ...]:
        width = part.stop - part.start
        found = [fit(series, part, rule.min_days) for fit in fits[0]] if possible[0] else []
        south = np.full(width, possible[1])
        if possible.all():  # warmest nearer to 1 January than to 1 July: sign of the mean annual cosine
            south = np.nansum([coefficients[1] for coefficients, _ in found], axis=0) > 0.0
        out = _empty(width, len(years.january))
        for kind, columns in enumerate((np.flatnonzero(~south), np.flatnonzero(south))):
            if not columns.size:
                continue
            if kind:
                few = np.ascontiguousarray(series[:, part][:, columns])
                found = [fit(few, slice(0, columns.size), rule.min_days) for fit in fits[1]]
            # Rare: a scene lies in one hemisphere, and nothing is copied.
            elif columns.size < width:
                found = [(np.ascontiguousarray(c[:, columns]), why[columns]) for c, why in found]
            for k, (coefficients, why) in enumerate(found):
                year = onset_rules.Onsets(*_empty(why.size)[:3], why)
                onset_rules.harmonic_crossings(coefficients, tables[kind], FIRST_DAY[kind], rule, year)
                for to, what in zip(out, year, strict=True):
                    to[columns, k] = what
        return out

    return _join_blocks(values, len(years.january), find)


def rule_onsets(
    values: np.ndarray, years: Years, rule: Rule, *, cumulative: bool, daily: Interpolation | None = None
) -> tuple[np.ndarray, ...]:
    """Onsets by ``rule.run`` consecutive days, or by the extrema of the running sum; as :func:`smooth_onsets`.

    The search goes from the coldest day to the warmest day of the window, and on to the next coldest day, past the
    ends of the window into the years beside it; past the ends of the series the window itself is repeated. The onset
    is the first day of the run, or the day after the extremum.
    """
    from qtp_toolkit.seasons.kernels import onset_rules  # noqa: PLC0415  (numba)

    days = values.shape[-1] if daily is None else len(daily.left)
    annual = np.cos(2.0 * np.pi * (np.arange(days) - years.january[0]) / rule.period)
    possible = (years.stops - years.starts >= rule.min_days).any(axis=1)

    def find(series: np.ndarray, part: slice) -> tuple[np.ndarray, ...]:
        block = series[:, part].T if daily is None else interpolate(series[:, part].T, *daily)
        block = np.ascontiguousarray(block, dtype=float)
        south = onset_rules.is_southern(block, annual) if possible.all() else np.full(len(block), possible[1])
        windows = tuple(np.ascontiguousarray(edge[south.astype(int)]) for edge in (years.starts, years.stops))
        out = onset_rules.Onsets(*_empty(len(block), len(years.january)))
        onset_rules.search_years(block, windows, cumulative, rule, out)
        return (1.0 + out.thaw - years.january, 1.0 + out.freeze - years.january, out.crossings, out.reason)

    return _join_blocks(values, len(years.january), find)


def _empty(*shape: int) -> tuple[np.ndarray, ...]:
    """Onsets that are not there yet, no crossings, no reason."""
    return np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)


def _join_blocks(
    values: np.ndarray, count: int, find: Callable[[np.ndarray, slice], tuple[np.ndarray, ...]]
) -> tuple[np.ndarray, ...]:
    """Put together to (..., count) what ``find`` returns (m, count) for some columns of the series at a time.

    It gets an array (n, any) in C order and the columns that it is to look at.
    """
    lead = values.shape[:-1]
    size = int(np.prod(lead))
    out = _empty(count, size)
    series = values.reshape(size, values.shape[-1]).T
    # Time first is how labelled arrays arrive: read in place; anything else is copied block by block.
    in_order = series.flags.c_contiguous and series.dtype in {np.dtype("f4"), np.dtype("f8")}
    for begin in range(0, size, BLOCK):
        part = slice(begin, min(begin + BLOCK, size))
        if in_order:
            found = find(series, part)
        else:
            found = find(np.ascontiguousarray(series[:, part], dtype=float), slice(0, part.stop - begin))
        for to, what in zip(out, found, strict=True):
            to[:, part] = what.T
    return tuple(array.T.reshape(*lead, count) for array in out)


class _Fit:
    """Least-squares fit of the harmonics to one window of days, prepared once for all series."""

    def __init__(
        self, january: int, start: int, stop: int, daily: Interpolation | None, *, period: float, harmonics: int
    ) -> None:
        self.design = design_matrix(np.arange(start, stop) - january + 1.0, period=period, harmonics=harmonics)
        self.whole = self.design.T @ self.design
        self.daily, self.rows, self.projector = None, slice(int(start), int(stop)), None
        if stop > start:
            # A series without gaps needs no normal equations: its fit is one product.
            projector = np.linalg.pinv(self.design)
            if daily is not None:
                left = daily.left[start:stop]
                self.rows = slice(int(left.min()), int(left.max()) + 2)
                self.daily = Interpolation(left - self.rows.start, daily.weight[start:stop])
                # Identity in, weights of the composites out.
                projector = projector @ interpolate(np.eye(self.rows.stop - self.rows.start), *self.daily).T
            self.projector = np.ascontiguousarray(projector)

    def __call__(self, series: np.ndarray, part: slice, min_days: int) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (p, m), NaN where there are too few days; and the reason (m,)."""
        from qtp_toolkit.seasons.kernels import year_fit  # noqa: PLC0415  (numba)

        coefficients = np.empty((self.design.shape[1], part.stop - part.start))
        reason = np.zeros(coefficients.shape[1], dtype=np.uint8)
        need = max(min_days, len(coefficients))
        # Nobody has enough days: the fit below only finds out who has any.
        if len(self.design) < need:
            gaps = np.arange(reason.size)
        else:
            year_fit.project(series, self.rows.start, part.start, self.projector, coefficients)
            gaps = np.flatnonzero(np.isnan(coefficients[0]))
        if gaps.size:
            holes = series[self.rows, part][:, gaps].T
            holes = np.ascontiguousarray(interpolate(holes, *self.daily) if self.daily else holes, dtype=float)
            found, valid = np.empty((len(coefficients), gaps.size)), np.empty(gaps.size, dtype=np.int64)
            year_fit.masked_fit(holes, self.design, self.whole, need, (found, valid))
            coefficients[:, gaps] = found
            why = np.where(valid > 0, reasons.TOO_FEW, reasons.NO_TEMPERATURE)
            reason[gaps] = np.where(np.isfinite(found[0]), reasons.OK, why)
        return coefficients, reason
