"""Displacement into a rate, and a coefficient and a late-season loss of every permafrost year, on plain arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import lstsq, reasons
from qtp_toolkit.pecm.kernels import year_normal
from qtp_toolkit.pecm.kernels.decompose import root

LAYERS = ("rate", "rate_std", "intercept", "rms", "trend", "trend_std", "correlation", "reason")
"""Of a pixel: first rows of the result of :func:`each_year`."""
OF_YEAR = ("coefficient", "amplitude", "amplitude_std", "amplitude_reason")
OF_LOSS = ("loss", "loss_std", "probability", "loss_reason")
"""Of a year: the rows behind, Y of each name, those of the losses only if there are any."""


class Rules(NamedTuple):
    """What is assumed, and what is asked of a pixel and of a year."""

    losses: str
    """found, each or none."""
    share: float
    """Prior probability that ice melts late in a year, for ``found``."""
    size: float
    """Prior standard deviation of such a loss, mm."""
    spread: float
    """Standard deviation of the coefficients of years, as a share of their mean; inf is free."""
    toward: str
    """mean or trend: what the coefficients are drawn to."""
    correlated: bool
    """Whether residuals of neighboring dates may err together."""
    min_count: int
    min_dates: int
    """Thawed dates of a year; dates before and after a loss."""
    min_summer: int
    """Dates of a year before its freeze onset."""
    max_condition: float
    max_inflation: float
    """How many times the variance of a year may be that of a year whose columns nothing resembles."""


class Answer(NamedTuple):
    """What :func:`_solve` finds."""

    beta: np.ndarray
    """(B + Y, P)."""
    covariance: np.ndarray
    """(B, B, P) of all but the losses."""
    single: np.ndarray
    """(3, Y, P): probability of a loss, its mean and its variance if there is one."""
    condition: np.ndarray
    """(P,)."""
    inflation: np.ndarray
    """(2, Y, P) of coefficients and losses."""


def each_year(  # noqa: PLR0917  (apply_ufunc passes arrays by position)
    y: np.ndarray,
    linear: np.ndarray,
    composite: np.ndarray,
    begin: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    peak: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    days: np.ndarray,
    rules: Rules,
) -> np.ndarray:
    """Fit ``y = v L + sum d_n I 1[n] + sum h_n H_n + c``.

    Parameters
    ----------
    y, linear, composite, weights : ndarray (N, P)
        As in ``decompose.two_indices``.
    begin, start, end, peak : ndarray (Y, P)
        Days on which a year begins, and on which H_n leaves 0 and reaches 1; highest index of the year.
    days : ndarray (N,)
        Of the dates, counted from the same day.
    rules : Rules

    Returns
    -------
    ndarray (R, P)
        Rows of ``LAYERS``, then Y of each of ``OF_YEAR`` and, unless ``losses`` is none, of ``OF_LOSS``.
    """
    from qtp_toolkit.pecm.kernels import year_sums  # noqa: PLC0415  (compiles)
    from qtp_toolkit.pecm.kernels.presence import inspect_pixels  # noqa: PLC0415  (compiles)

    years, pixels = begin.shape
    weights = np.ones(y.shape) if weights is None else weights
    seen, indexed, thaws, highest = (np.zeros(pixels, dtype=kind) for kind in (bool, bool, bool, float))
    inspect_pixels(y, linear, composite, np.zeros(len(y), dtype=np.intp), seen, indexed, thaws, highest)
    order = np.argsort(days, kind="stable")
    if (np.diff(order) != 1).any():
        y, linear, composite, weights = (np.ascontiguousarray(a[order]) for a in (y, linear, composite, weights))
    series = y, linear, composite, weights, days[order], begin, start, end
    sums = np.empty((years + 1, year_sums.TERMS, pixels))
    counts = np.empty((years + 1, year_sums.COUNTS, pixels))
    year_sums.sum_years(*series, sums, counts)
    normal = year_normal.assemble(sums)
    there = counts[1:, 1] > 0
    around = np.minimum(*year_normal.dates_around(counts))
    possible = around >= rules.min_dates if rules.losses != "none" else np.zeros((years, pixels), dtype=bool)
    normal = year_normal.leave_out(normal, there, possible)
    free = year_normal.solve_freely(normal)
    found = np.empty((2, pixels))
    year_sums.sum_residuals(*series, free, found)
    count = counts[:, 0].sum(axis=0)
    columns = 2 + there.sum(axis=0) + possible.sum(axis=0)
    variance, correlation = _judge_residuals(found, count, columns, correlated=rules.correlated)
    enough = (counts[1:, 1] >= rules.min_dates) & (counts[1:, 4] >= rules.min_summer)
    known = np.isfinite(peak) & (peak > 0) & enough
    answer = plain = _solve(normal, variance, possible, None, rules)
    if rules.spread < np.inf:
        answer = _solve(normal, variance, possible, _draw(plain, normal, known, variance, rules), rules)
        # What the dates tell is judged without the prior.
        answer = answer._replace(condition=plain.condition, inflation=plain.inflation)
    narrower = _compare_with_long(correlation, counts[1:, 1])
    answer.covariance[2:] *= narrower[:, None]
    answer.covariance[:, 2:] *= narrower
    # From the weakest reason to the strongest, each over those before it.
    reason = np.where(answer.condition <= rules.max_condition, reasons.OK, reasons.ILL_CONDITIONED)
    reason = np.where(thaws, reason, reasons.NEVER_THAWS)
    reason = np.where(count < np.maximum(rules.min_count, columns + 2), reasons.TOO_FEW, reason)
    reason = np.where(indexed, reason, reasons.NO_TEMPERATURE)
    reason = np.where(seen, reason, reasons.MASKED)
    squares = found[0] + year_normal.excess(normal, answer.beta - free)
    rms = np.sqrt(squares / np.where(sums[:, 5].sum(axis=0) > 0, sums[:, 5].sum(axis=0), np.nan))
    amplitudes = _amplitudes(answer, peak, enough, reason, rules)
    rate, constant = answer.beta[:2]
    trend = _slope(answer, peak, amplitudes[3] == reasons.OK)
    pixel = (rate, root(answer.covariance[0, 0]), constant, rms, *trend, correlation)
    rows = [np.where(reason == reasons.OK, row, np.nan) for row in pixel]
    rows = [np.stack([*rows, reason]), *amplitudes]
    rows += _losses(answer, around, reason, rules) if rules.losses != "none" else []
    return np.concatenate(rows)


def _judge_residuals(
    found: np.ndarray, count: np.ndarray, columns: np.ndarray, *, correlated: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Variance (P,) of an observation of weight 1 as far as it counts for sums, and correlation of neighbors (P,)."""
    squares, products = found
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = np.where(squares > 0, products / squares, 0.0)
    rho, widening = np.zeros(len(squares)), np.ones(len(squares))
    for _ in range(2):
        # The columns are slow, and take from the residuals what is slow: of squares and of products of neighbors alike.
        taken = np.minimum(columns * widening, 0.5 * (count + columns))
        left = np.where(count > columns, count - taken, np.nan)
        if correlated:
            rho = np.nan_to_num(np.clip((alike * left + taken) / np.maximum(count, 1.0), 0.0, 0.9))
            # Of sums over a series whose correlation falls by the same factor from date to date.
            widening = (1.0 + rho) / (1.0 - rho)
    return widening * squares / left, rho


def _compare_with_long(rho: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """How much less the correlation (P,) widens a sum over so many dates (Y, P) than one over a long series."""
    dates = np.maximum(dates, 1.0)
    return np.sqrt(1.0 - 2.0 * rho * (1.0 - rho**dates) / (dates * (1.0 - rho**2)))


def _solve(
    normal: year_normal.Normal, variance: np.ndarray, possible: np.ndarray, penalty: np.ndarray | None, rules: Rules
) -> Answer:
    part = year_normal.eliminate(normal, penalty)
    years, pixels = part.right.shape
    each = range(years)
    mean, spread, single = np.zeros((years, pixels)), np.zeros((years, years, pixels)), np.full((3, years, pixels), 1.0)
    condition = part.condition
    inflation = np.stack([part.inverse[2:, 2:][each, each] * normal.base[2:, 2:][each, each], np.ones((years, pixels))])
    if rules.losses == "each":
        inverse, late_condition = lstsq.invert(part.scatter)
        condition = np.maximum(condition, late_condition)
        mean, spread = np.einsum("nmp,mp->np", inverse, part.right), variance * inverse
        single[1], single[2] = mean, spread[each, each]
        back = np.einsum("inp,nmp->imp", part.follows[2:], inverse)
        inflation[0] += np.einsum("imp,imp->ip", back, part.follows[2:]) * normal.base[2:, 2:][each, each]
        inflation[1] = inverse[each, each] * normal.late[each, each]
    elif rules.losses == "found":
        from qtp_toolkit.pecm.kernels import losses  # noqa: PLC0415  (compiles)

        inflation[1] = normal.late[each, each] / np.maximum(part.scatter[each, each], 1e-300)
        told = possible & (inflation[1] <= rules.max_inflation)
        noise, odds = np.maximum(variance, 1e-12), rules.share / (1.0 - rules.share)
        sets = losses.years_together(years)
        losses.average_losses(part.scatter, part.right, noise, told, sets, odds, rules.size, mean, spread, single)
    covariance = variance * part.inverse
    covariance += np.einsum("imp,jmp->ijp", np.einsum("inp,nmp->imp", part.follows, spread), part.follows)
    beta = np.concatenate([part.plain - np.einsum("inp,np->ip", part.follows, mean), mean])
    return Answer(beta, covariance, single, condition, inflation)


def _draw(
    answer: Answer, normal: year_normal.Normal, known: np.ndarray, variance: np.ndarray, rules: Rules
) -> np.ndarray:
    """Prior information (B, B, P) that draws the coefficients of the years together."""
    years, pixels = known.shape
    use, number = known.astype(float), np.maximum(known.sum(axis=0), 1)
    project = np.zeros((years, years, pixels))
    project[range(years), range(years)] = use
    project -= use[:, None] * use[None, :] / number
    if rules.toward == "trend":
        along = _centered(use)
        project -= along[:, None] * along[None, :] / np.maximum((along**2).sum(axis=0), 1e-300)
    size = len(answer.covariance)
    wanted = (rules.spread * (use * answer.beta[2 : 2 + years]).sum(axis=0) / number) ** 2
    # Never so strong that the normal equations lose their digits.
    strongest = 1e4 * np.einsum("iip->p", normal.base[2:, 2:])
    strength = np.minimum(variance / np.maximum(wanted, 1e-300), strongest)
    penalty = np.zeros((size, size, pixels))
    penalty[2:, 2:] = strength * project
    return penalty


def _centered(use: np.ndarray) -> np.ndarray:
    """Years (Y, P) from their mean, 0 where not used."""
    at = np.arange(len(use), dtype=float)[:, None]
    return use * (at - (use * at).sum(axis=0) / np.maximum(use.sum(axis=0), 1.0))


def _amplitudes(
    answer: Answer, peak: np.ndarray, enough: np.ndarray, reason: np.ndarray, rules: Rules
) -> list[np.ndarray]:
    """Layers of ``OF_YEAR``, (Y, P) each."""
    years = range(len(peak))
    why = np.where(answer.inflation[0] <= rules.max_inflation, reasons.OK, reasons.ILL_CONDITIONED)
    why = np.where(enough, why, reasons.TOO_FEW)
    why = np.where(peak > 0, why, reasons.NEVER_THAWS)
    why = np.where(np.isfinite(peak), why, reasons.NO_TEMPERATURE)
    why = np.where(reason == reasons.OK, why, reason)
    coefficient, std = answer.beta[2 : 2 + len(peak)], root(answer.covariance[2:, 2:][years, years])
    rows = (coefficient, abs(coefficient) * peak, std * peak)
    return [*(np.where(why == reasons.OK, row, np.nan) for row in rows), why.astype(float)]


def _losses(answer: Answer, around: np.ndarray, reason: np.ndarray, rules: Rules) -> list[np.ndarray]:
    """Layers of ``OF_LOSS``, (Y, P) each."""
    why = np.where(answer.inflation[1] <= rules.max_inflation, reasons.OK, reasons.ILL_CONDITIONED)
    why = np.where(around < rules.min_dates, reasons.TOO_FEW, why)
    why = np.where(reason == reasons.OK, why, reason)
    probability, mean, variance = answer.single
    rows = (-mean, root(variance), probability)  # ground that is lost goes down
    return [*(np.where(why == reasons.OK, row, np.nan) for row in rows), why.astype(float)]


def _slope(answer: Answer, peak: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Trend of the amplitude over the valid years, and its standard deviation, (P,) each; NaN with fewer than three."""
    use = valid.astype(float)
    along = _centered(use)
    # Of the coefficients with the sign of their mean: a size alone would never fall below zero.
    size = np.where(valid, peak, 0.0)
    scaled = size * answer.beta[2 : 2 + len(peak)]
    share = along / np.where(use.sum(axis=0) > 2, (along**2).sum(axis=0), np.nan)
    variance = np.einsum("ip,ijp,jp->p", share * size, answer.covariance[2:, 2:], share * size)
    return np.sign(scaled.sum(axis=0)) * (share * scaled).sum(axis=0), root(variance)
