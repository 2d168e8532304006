"""Ordinary least squares with cross-validation by groups of rows."""

from __future__ import annotations

import numpy as np


def cross_validated(
    *arrays: np.ndarray, group: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fit ``target = b0 + sum b_i predictor_i`` over all complete rows.

    Parameters
    ----------
    *arrays : ndarray (a, b)
        The k predictors, then the target.
    group : ndarray (a, b), int
        Number of the group, 0 to ``groups`` - 1, whose rows are left out together in the cross-validation.
    groups : int

    Returns
    -------
    coefficients, std : ndarray (k + 1,)
        Intercept first; formal standard deviations. NaN without more rows than unknowns.
    scores : ndarray (9,)
        RMSE of the fit and cross-validated, mean absolute error of both, cross-validated bias, bias of the plain mean
        of the predictors, R2 of the fit and cross-validated, number of rows. Errors are divided by n.
    by_group : ndarray (2, groups)
        Bias and RMSE of the rows of each group, predicted without it; NaN for a group without rows.
    """
    x = np.stack([array.ravel() for array in arrays[:-1]], axis=1).astype(float)
    y, group = arrays[-1].ravel().astype(float), group.ravel()
    good = np.isfinite(x).all(axis=1) & np.isfinite(y)
    x, y, group = x[good], y[good], group[good]
    design = np.column_stack([np.ones(len(x)), x])
    n, p = design.shape
    by_group = np.full((2, groups), np.nan)
    if n <= p:
        return np.full(p, np.nan), np.full(p, np.nan), np.array([np.nan] * 8 + [float(n)]), by_group
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = design @ beta - y
    # A pseudo-inverse, as lstsq takes it: overpasses that say the same are no error.
    std = np.sqrt(np.diag(np.linalg.pinv(design.T @ design)) * (residual @ residual) / (n - p))
    left_out = np.full(n, np.nan)
    for label in np.unique(group):
        out = group == label
        # Too few rows elsewhere: not predicted, not scored.
        if (~out).sum() > p:
            left_out[out] = design[out] @ np.linalg.lstsq(design[~out], y[~out], rcond=None)[0] - y[out]
            by_group[:, label] = left_out[out].mean(), np.sqrt(np.mean(left_out[out] ** 2))
    tested = np.isfinite(left_out)
    rmse, mae, _, r2 = _score(residual, y)
    rmse_cross, mae_cross, bias_cross, r2_cross = _score(left_out[tested], y[tested])
    equal_weights = np.mean(x.mean(axis=1) - y)
    scores = [rmse, rmse_cross, mae, mae_cross, bias_cross, equal_weights, r2, r2_cross, float(n)]
    return beta, std, np.array(scores), by_group


def _score(error: np.ndarray, target: np.ndarray) -> tuple[float, float, float, float]:
    """RMSE, mean absolute error, bias and R2."""
    if not error.size or np.ptp(target) == 0:
        return np.nan, np.nan, np.nan, np.nan
    square = np.mean(error**2)
    return np.sqrt(square), np.abs(error).mean(), error.mean(), 1.0 - square / np.var(target)
