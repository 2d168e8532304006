"""Displacement into a rate, and a coefficient and a late-season loss of every permafrost year, on plain arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import lstsq, reasons
from qtp_toolkit.pecm.kernels import year_errors, year_normal
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
    inverse: np.ndarray | None
    """(B + Y, B + Y, P) of the normal matrix, if all losses are free."""


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
    variance, correlation = year_errors.judge_residuals(found, count, columns, correlated=rules.correlated)
    enough = (counts[1:, 1] >= rules.min_dates) & (counts[1:, 4] >= rules.min_summer)
    known = np.isfinite(peak) & (peak > 0) & enough
    plain, answer, penalty = _solve_twice(normal, variance, possible, known, rules)
    if rules.correlated and rules.losses == "each":
        mixed = np.empty((len(free), len(free), pixels))
        year_sums.sum_correlated(*series[1:], correlation, mixed)
        used = np.concatenate([np.ones((2, pixels)), there, possible])
        answer = _err_together(answer, plain, mixed * used[:, None] * used, variance * penalty, (count, found[0]))
    else:
        answer = _err_briefly(answer, year_errors.compare_with_long(correlation, counts[1:, 1]))
    # From the weakest reason to the strongest, each over those before it.
    few = count < np.maximum(rules.min_count, columns + 2)
    reason = np.where(answer.condition <= rules.max_condition, reasons.OK, reasons.ILL_CONDITIONED)
    reason = np.where(few, reasons.TOO_FEW, np.where(thaws, reason, reasons.NEVER_THAWS))
    reason = np.where(seen, np.where(indexed, reason, reasons.NO_TEMPERATURE), reasons.MASKED)
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


def _solve_twice(
    normal: year_normal.Normal, variance: np.ndarray, possible: np.ndarray, known: np.ndarray, rules: Rules
) -> tuple[Answer, Answer, np.ndarray]:
    """Answers without and with what is given of the years, and the information (B, B, P) of that."""
    plain = _solve(normal, variance, possible, None, rules)
    if not rules.spread < np.inf:
        return plain, plain, np.zeros_like(normal.base)
    penalty = _draw(plain, normal, known, variance, rules)
    drawn = _solve(normal, variance, possible, penalty, rules)
    # What the dates tell is judged without the prior.
    return plain, drawn._replace(condition=plain.condition, inflation=plain.inflation), penalty


def _err_briefly(answer: Answer, narrower: np.ndarray) -> Answer:
    """Coefficients of years are of few dates each: ``narrower`` (Y, P) than sums over the whole series."""
    covariance = answer.covariance.copy()
    covariance[2:] *= narrower[:, None]
    covariance[:, 2:] *= narrower
    return answer._replace(covariance=covariance)


def _err_together(
    answer: Answer, plain: Answer, mixed: np.ndarray, prior: np.ndarray, said: tuple[np.ndarray, np.ndarray]
) -> Answer:
    """Errors of an answer with all losses free: so many columns are not slow, and the series is short for each.

    ``prior`` (B, B, P) is what the prior adds to the scatter of the right side; ``said`` count and squared residuals.
    """
    size, losses = len(prior), range(len(answer.single[0]))
    scatter = mixed * year_errors.variance_under(plain.inverse, mixed, *said)
    scatter[:size, :size] += prior
    covariance = year_errors.between(answer.inverse, scatter)
    single = answer.single.copy()
    single[2] = covariance[size:, size:][losses, losses]
    return answer._replace(covariance=covariance[:size, :size], single=single)


def _solve(
    normal: year_normal.Normal, variance: np.ndarray, possible: np.ndarray, penalty: np.ndarray | None, rules: Rules
) -> Answer:
    part = year_normal.eliminate(normal, penalty)
    years, pixels = part.right.shape
    each = range(years)
    mean, spread, single = np.zeros((years, pixels)), np.zeros((years, years, pixels)), np.full((3, years, pixels), 1.0)
    condition = part.condition
    inflation = np.stack([part.inverse[2:, 2:][each, each] * normal.base[2:, 2:][each, each], np.ones((years, pixels))])
    whole = None
    if rules.losses == "each":
        inverse, late_condition = lstsq.invert(part.scatter)
        condition = np.maximum(condition, late_condition)
        mean, spread = np.einsum("nmp,mp->np", inverse, part.right), variance * inverse
        single[1], single[2] = mean, spread[each, each]
        back = np.einsum("inp,nmp->imp", part.follows, inverse)
        inflation[0] += np.einsum("imp,imp->ip", back[2:], part.follows[2:]) * normal.base[2:, 2:][each, each]
        inflation[1] = inverse[each, each] * normal.late[each, each]
        top = part.inverse + np.einsum("imp,jmp->ijp", back, part.follows)
        rows = (top, -back), (-back.swapaxes(0, 1), inverse)
        whole = np.concatenate([np.concatenate(row, axis=1) for row in rows])
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
    return Answer(beta, covariance, single, condition, inflation, whole)


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
