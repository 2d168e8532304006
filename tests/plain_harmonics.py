"""The gap fill written plainly with numpy and dense matrices: the oracle of the compiled kernels."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels.harmonic import design_matrix


def interannual_columns(days: np.ndarray, *, period: float, years: int) -> np.ndarray:
    """Columns that let the mean and the annual cycle drift from year to year.

    One piecewise linear bump per year (nodes at mid-year, held constant beyond the first and last node), times each
    of 1, cos(wt) and sin(wt). They are collinear with the base columns by construction: fit them with a penalty.

    Parameters
    ----------
    days : ndarray (n,)
        Time in the unit of ``period``.
    period : float
        Base period.
    years : int
        Number of nodes, spread evenly over the span of ``days``.

    Returns
    -------
    ndarray (n, 3 years)
    """
    days = np.asarray(days, dtype=float)
    width = (days[-1] - days[0]) / years
    nodes = days[0] + (np.arange(years) + 0.5) * width
    inside = np.clip(days, nodes[0], nodes[-1])
    bumps = np.clip(1.0 - np.abs(inside[:, None] - nodes) / width, 0.0, None)
    phase = 2.0 * np.pi * days[:, None] / period
    return np.concatenate([bumps, bumps * np.cos(phase), bumps * np.sin(phase)], axis=1)


def dense_design(days: np.ndarray, *, period: float, harmonics: int, years: int) -> np.ndarray:
    """Design matrix of the fit; the drifts come last."""
    common = design_matrix(days, period=period, harmonics=harmonics)
    return np.hstack([common, interannual_columns(days, period=period, years=years)]) if years else common


def robust_fit(
    values: np.ndarray,
    design: np.ndarray,
    *,
    penalty: np.ndarray | float = 0.0,
    reject: int = 1,
    tolerance: float = 3.0,
    spare: int = 5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Harmonic fit that drops outliers on one side, worst first (the scheme of HANTS).

    Fit, find the largest one-sided misfit; while it exceeds ``tolerance`` drop every point whose misfit is above half
    of it and fit again. At least ``columns + spare`` points are always kept.

    Parameters
    ----------
    values : ndarray (m, n)
        NaN where missing.
    design : ndarray (n, p)
        Shared by all series.
    penalty : float or ndarray (p,)
        Added to the diagonal of the normal matrix; never to the first column (the mean) when it is a scalar.
    reject : int
        1 drops points below the curve (clouds), -1 points above, 0 none.
    tolerance : float
        Largest accepted one-sided misfit, unit of ``values``.
    spare : int
        Points kept beyond the number of unknowns (degree of overdeterminedness).

    Returns
    -------
    coefficients : ndarray (m, p)
        NaN where fewer than ``p + spare`` points are valid.
    keep : ndarray (m, n), bool
        Points that entered the last fit.
    fits : ndarray (m,), int
        Number of fits made.
    """
    diagonal = _diagonal(penalty, design.shape[1])
    keep = np.isfinite(values)
    clean = np.where(keep, values, 0.0)
    need = design.shape[1] + spare
    coefficients = np.full((len(values), design.shape[1]), np.nan)
    fits = np.zeros(len(values), dtype=np.int64)
    active = np.flatnonzero(keep.sum(axis=1) >= need)
    while active.size:
        coefficients[active] = _solve(keep[active], clean[active], design, diagonal)
        fits[active] += 1
        if reject == 0:
            break
        misfit = reject * (coefficients[active] @ design.T - clean[active]) * keep[active]
        worst = misfit.max(axis=1)
        budget = keep[active].sum(axis=1) - need
        go = (worst > tolerance) & (budget > 0)
        active, misfit, worst, budget = active[go], misfit[go], worst[go], budget[go]
        keep[active] &= ~_to_drop(misfit, worst, budget)
    return coefficients, keep, fits


def _diagonal(penalty: np.ndarray | float, size: int) -> np.ndarray:
    if np.ndim(penalty):
        return np.asarray(penalty, dtype=float)
    diagonal = np.full(size, float(penalty))
    diagonal[0] = 0.0
    return diagonal


def _to_drop(misfit: np.ndarray, worst: np.ndarray, budget: np.ndarray) -> np.ndarray:
    drop = misfit > 0.5 * worst[:, None]
    over = np.flatnonzero(drop.sum(axis=1) > budget)
    if over.size:  # only the worst of them may go
        order = np.argsort(-misfit[over], axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
        drop[over] &= rank < budget[over, None]
    return drop


def _solve(keep: np.ndarray, clean: np.ndarray, design: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Solve the normal equations of every series: outer products of design rows formed once, summed by matmul."""
    p = design.shape[1]
    rows, cols = np.triu_indices(p)
    packed = keep.astype(float) @ (design[:, rows] * design[:, cols])
    place = np.empty((p, p), dtype=np.intp)
    place[rows, cols] = place[cols, rows] = np.arange(rows.size)
    normal = packed[:, place]
    # A part in 1e13 keeps series that see only some seasons solvable; such curves are caught by their range afterwards.
    normal[:, np.arange(p), np.arange(p)] += diagonal + 1e-13 * keep.sum(axis=1)[:, None]
    right = (clean * keep) @ design
    return np.linalg.solve(normal, right[:, :, None])[:, :, 0]


def fill(values, days, design, *, penalty, reject, tolerance, spare):
    """Fill (m, n): values, number replaced, longest gap, reason."""
    coefficients, keep, _ = robust_fit(values, design, penalty=penalty, reject=reject, tolerance=tolerance, spare=spare)
    curve = coefficients @ design.T
    reason = _why(values, keep, curve, coefficients)
    out = np.where(keep, values, curve)
    out[reason > 0] = np.nan
    return out, (~keep).sum(axis=1), _longest_gap(keep, days), reason


def _why(block: np.ndarray, keep: np.ndarray, curve: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    low = np.where(keep, block, np.inf).min(axis=1)
    high = np.where(keep, block, -np.inf).max(axis=1)
    room = 0.5 * (high - low) + 1.0
    with np.errstate(invalid="ignore"):
        away = (curve.max(axis=1) > high + room) | (curve.min(axis=1) < low - room)
    reason = np.where(away, 3, 0)
    reason = np.where(np.isnan(coefficients[:, 0]), 4, reason)
    return np.where(np.isfinite(block).any(axis=1), reason, 5).astype(np.uint8)


def _longest_gap(keep: np.ndarray, days: np.ndarray) -> np.ndarray:
    last = np.maximum.accumulate(np.where(keep, days, days[0]), axis=1)
    here = np.where(keep, days, days[0])
    here[:, -1] = days[-1]
    before = np.concatenate([np.full((len(keep), 1), days[0]), last[:, :-1]], axis=1)
    return (here - before).max(axis=1)
