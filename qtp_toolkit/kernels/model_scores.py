"""How well different models describe the same series: information criterion and cross-validation by blocks."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels import lstsq

SCORES = ("rms", "bic", "cv_rms")
SMALLEST_RMS = 1e-9


def scores(
    y: np.ndarray,
    *arrays: np.ndarray,
    shared: np.ndarray,
    models: tuple[tuple[int, ...], ...],
    blocks: lstsq.Blocks,
    weighted: bool,
    min_count: int,
) -> np.ndarray:
    """Scores of linear models that draw their columns from one pool.

    The pool's normal equations are summed once, block by block; every model is a selection of their rows. A block is
    predicted by the model fitted to all others, and its misfit follows from its own sums.

    Parameters
    ----------
    y : ndarray (N, P)
        Observations, NaN where missing.
    *arrays : ndarray (N, P)
        Columns that differ from pixel to pixel, then the weights if ``weighted``. An observation counts only where all
        columns are finite, so that all models see the same data.
    shared : ndarray (S, N)
        Columns that all pixels have in common.
    models : tuple of tuple of int
        Numbers of the columns of each model: own columns first, shared ones behind.
    blocks : Blocks
        One label an observation.
    min_count : int
        Fewest observations.

    Returns
    -------
    ndarray (3 M, P)
        rms, BIC and cross-validated rms of the first model, then of the next. NaN with too few observations, and where
        a model is singular, or becomes so without one of the blocks.
    """
    from qtp_toolkit.kernels import block_sums  # noqa: PLC0415  (compiles)

    own, weights = (arrays[:-1], arrays[-1].copy()) if weighted else (arrays, np.ones(y.shape))
    columns = np.empty((len(own) + len(shared), *y.shape))
    for k, column in enumerate(own):
        columns[k] = column
    columns[len(own) :] = shared[:, :, None]
    y = y.copy()
    block_sums.clean(y, columns, weights)
    added = lstsq.sums(y, columns, weights, blocks.cells)
    count = added.moments[:, 2].sum(axis=0)
    factors = np.vstack([np.ones(len(added.normal)), 1.0 - np.eye(len(added.normal))])
    found = [_model(added, np.array(model), factors, count) for model in models]
    return np.where(count >= min_count, np.concatenate(found), np.nan)


def _model(added: lstsq.Sums, pick: np.ndarray, factors: np.ndarray, count: np.ndarray) -> np.ndarray:
    part = lstsq.Sums(
        np.ascontiguousarray(added.normal[:, pick][:, :, pick]),
        np.ascontiguousarray(added.right[:, pick]),
        added.moments,
    )
    whole, *without = lstsq.replicate(part, factors)
    each = range(len(part.normal))
    fitted = sum(_misfit(part, c, whole) for c in each)
    predicted = sum(np.where(part.moments[c, 2] > 0, _misfit(part, c, without[c]), 0.0) for c in each)
    weight = part.moments[:, 1].sum(axis=0)
    rms, cv = (np.sqrt(total / np.where(weight > 0, weight, np.nan)) for total in (fitted, predicted))
    used = np.maximum(count, 1.0)
    bic = 2.0 * used * np.log(np.maximum(rms, SMALLEST_RMS)) + len(pick) * np.log(used)
    return np.stack([rms, bic, cv])


def _misfit(added: lstsq.Sums, cell: int, beta: np.ndarray) -> np.ndarray:
    """Weighted sum of squared residuals (P,) of one cell with the coefficients (K, P)."""
    inner = np.einsum("ip,ijp,jp->p", beta, added.normal[cell], beta)
    return np.maximum(added.moments[cell, 0] - 2.0 * (beta * added.right[cell]).sum(axis=0) + inner, 0.0)
