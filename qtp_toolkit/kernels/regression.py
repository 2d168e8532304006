"""Ordinary least squares with leave-one-group-out cross-validation."""

from __future__ import annotations

import numpy as np


def cross_validated(
    predictors: np.ndarray, target: np.ndarray, *, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit ``target = b0 + sum b_i predictor_i`` over all complete rows.

    Parameters
    ----------
    predictors : ndarray (k, a, b)
    target : ndarray (a, b)
    group : ndarray (a, b)
        What is left out together in the cross-validation.

    Returns
    -------
    coefficients, std : ndarray (k + 1,)
        Intercept first; formal standard deviations.
    scores : ndarray (5,)
        Residual RMSE (divided by n), cross-validated RMSE, mean of (mean of predictors - target), R2, number of rows.
    """
    x = predictors.reshape(len(predictors), -1).T.astype(float)
    y, group = target.ravel().astype(float), group.ravel()
    good = np.isfinite(x).all(axis=1) & np.isfinite(y)
    x, y, group = x[good], y[good], group[good]
    design = np.column_stack([np.ones(len(x)), x])
    n, p = design.shape
    if n <= p:
        return np.full(p, np.nan), np.full(p, np.nan), np.array([np.nan] * 4 + [float(n)])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ beta
    std = np.sqrt(np.diag(np.linalg.pinv(design.T @ design)) * (residual @ residual) / (n - p))
    left_out = np.full(n, np.nan)
    for label in np.unique(group):
        out = group == label
        if (~out).sum() > p:
            left_out[out] = y[out] - design[out] @ np.linalg.lstsq(design[~out], y[~out], rcond=None)[0]
    tested = left_out[np.isfinite(left_out)]
    scores = [
        np.sqrt(np.mean(residual**2)),
        np.sqrt(np.mean(tested**2)) if tested.size else np.nan,
        np.mean(x.mean(axis=1) - y),
        1.0 - np.mean(residual**2) / np.var(y),
        float(n),
    ]
    return beta, std, np.array(scores)
