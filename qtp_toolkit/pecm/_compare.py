"""Which curves describe a displacement series best: variants of the model and the sinusoid, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import (
    TIME,
    QtpDataError,
    describe,
    is_lazy,
    provenance,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.kernels import lstsq
from qtp_toolkit.pecm._models import Model
from qtp_toolkit.pecm._run import run, same_dates

MODEL = "model"
SCORES = ("rms", "bic", "cv_rms")
RESIDUAL = "root-mean-square residual"
LEFT_OUT = {"years": "calendar years", "dates": "dates"}
SMALLEST_RMS = 1e-9
"""mm: an exact fit has no logarithm."""
FOLDS = 5
"""Dates that are left out together are every fifth."""


def compare(
    displacement: xr.DataArray,
    models: Mapping[str, Model],
    *,
    weights: xr.DataArray | None = None,
    min_dates: int = 30,
    leave_out: Literal["years", "dates"] = "years",
) -> xr.Dataset:
    r"""Score models on the same series by BIC and by predicting calendar years, or dates, that they have not seen.

    .. math:: \mathrm{BIC} = N \ln(\mathrm{rms}^2) + K \ln N

    with N dates and K coefficients. It takes the residuals of different dates for independent, which favors rich models
    when they are not. The cross-validated residual does not: each calendar year in turn is left out, predicted by the
    fit to the others, and missed by so much. A model with coefficients of single years can show what they are worth
    only where a part of each year is left out: ``leave_out="dates"`` leaves out every fifth date, five times.

    Parameters
    ----------
    displacement : xarray.DataArray
        (time, ...) mm. A date counts only where the columns of all models are finite, so all see the same data.
    models : mapping of str to Model
        As :func:`candidates` makes them.
    weights : xarray.DataArray, optional
        (time, ...) inverse variances in any common unit.
    min_dates : int
        Fewest dates of a pixel that is scored.
    leave_out : {"years", "dates"}
        What is left out together. Errors that neighboring dates have in common help a model with ``dates``, not with
        ``years``.

    Returns
    -------
    xarray.Dataset
        (model, ...): ``rms`` (mm), ``bic``, ``cv_rms`` (mm), NaN where a model cannot be fitted, or not without one of
        the years (or dates); (...): ``best_bic``, ``best_cv`` (int8), number of the best model, -1 for none; (model,):
        ``parameters``, those with a prior included. Lazy if the inputs are lazy; ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        No models, columns on other dates, fewer than three calendar years to leave out.

    References
    ----------
    Not in the paper, which fits one model.

    Examples
    --------
    >>> years = xr.DataArray(np.arange(36) / 12, {"time": pd.date_range("2015", periods=36, freq="MS")}, "time")
    >>> wave = np.sin(2 * np.pi * years)
    >>> moved = (2.0 * wave - years).assign_attrs(units="mm")
    >>> out = compare(moved, {"line": Model((years,)), "line and wave": Model((years, wave))})
    >>> out["model"].values[out["best_cv"].item()].item()
    'line and wave'
    """
    require(displacement, dims=(TIME,), quantity="displacement")
    require_option("part to leave out", leave_out, tuple(LEFT_OUT))
    if not models:
        raise QtpDataError("There are no models to compare", hint="Start from pecm.candidates.")
    # Models share columns: each is summed once, and told apart by identity, not by value.
    pool = {id(column): column for model in models.values() for column in model.columns}
    stamps = same_dates(displacement, *pool.values())
    by_rank = np.argsort(np.argsort(stamps)) % FOLDS
    blocks = lstsq.Blocks.of(stamps.year.to_numpy() if leave_out == "years" else by_rank)
    if blocks.member.shape[1] < 3:
        raise QtpDataError("Leaving years out needs three calendar years", found=blocks.member.shape[1])
    own = [key for key, column in pool.items() if column.ndim > 1 or is_lazy(column)]
    common = [key for key in pool if key not in own]
    number = {key: i for i, key in enumerate([*own, *common])}
    picks = tuple(
        (*(number[id(column)] for column in model.columns), *((len(number),) if model.intercept else ()))
        for model in models.values()
    )
    shared = np.array([*(pool[key].values for key in common), np.ones(len(stamps))])
    names = [f"{kind} of {name}" for name in models for kind in SCORES]
    layers = run(
        score_models,
        [(a, TIME) for a in (displacement, *(pool[key] for key in own), weights)],
        layers=names,
        shared=shared,
        models=picks,
        penalties=tuple(model.penalty for model in models.values()),
        blocks=blocks,
        weighted=weights is not None,
        min_count=min_dates,
    )
    axis = xr.IndexVariable(MODEL, list(models))
    out = {kind: xr.concat([layers[f"{kind} of {name}"] for name in models], axis) for kind in SCORES}
    out |= {"best_bic": _find_best(out["bic"]), "best_cv": _find_best(out["cv_rms"])}
    out = {name: describe(da, name, like=displacement) for name, da in out.items()}
    out["rms"].attrs["long_name"] = RESIDUAL
    out["cv_rms"].attrs["long_name"] = f"{RESIDUAL} of {LEFT_OUT[leave_out]} left out of the fit"
    marks = provenance(displacement) | {"left_out": leave_out}
    return xr.Dataset(out, attrs=marks).assign(parameters=(MODEL, [len(pick) for pick in picks]))


def summary(comparison: xr.Dataset) -> xr.Dataset:
    """One line a model: what :func:`compare` says of all pixels together.

    Parameters
    ----------
    comparison : xarray.Dataset
        Of :func:`compare`.

    Returns
    -------
    xarray.Dataset
        (model,): ``parameters``; ``rms`` and ``cv_rms``, mm, root-mean-square over the pixels that every model could
        fit; ``bic_excess``, mean BIC above that of each pixel's best model; ``best_bic_share``, ``best_cv_share``,
        share of the pixels where the model is the best. Lazy if the input is lazy; ``.to_dataframe()`` is the table.

    Examples
    --------
    >>> years = xr.DataArray(np.arange(36) / 12, {"time": pd.date_range("2015", periods=36, freq="MS")}, "time")
    >>> moved = (np.sin(2 * np.pi * years) - years).assign_attrs(units="mm")
    >>> out = compare(moved, {"line": Model((years,)), "constant": Model(())})
    >>> summary(out)["best_cv_share"].values
    array([1., 0.])
    """
    space = [dim for dim in comparison["rms"].dims if dim != MODEL]
    # A model that fails on the difficult pixels must not look better for it.
    sound = xnp.isfinite(comparison["cv_rms"] + comparison["bic"]).all(MODEL)
    out = {name: xnp.sqrt((comparison[name].where(sound) ** 2).mean(space)) for name in ("rms", "cv_rms")}
    out = {name: da.assign_attrs(comparison[name].attrs) for name, da in out.items()}
    bic = comparison["bic"].where(sound)
    out["bic_excess"] = describe((bic - bic.min(MODEL)).mean(space), "bic_excess", like=comparison)
    numbers = xr.DataArray(np.arange(comparison.sizes[MODEL]), {MODEL: comparison[MODEL]}, (MODEL,))
    for name in ("best_bic", "best_cv"):
        share = (comparison[name] == numbers).where(comparison[name] >= 0).mean(space)
        long_name = comparison[name].attrs["long_name"].replace("number", "share")
        out[f"{name}_share"] = describe(share, name, like=comparison, long_name=long_name)
    return comparison[["parameters"]].assign(out).reset_coords(drop=True)


def _find_best(score: xr.DataArray) -> xr.DataArray:
    """Find the number of the model with the lowest score, the first of equal ones; -1 where none has any."""
    known = xnp.isfinite(score)
    return xr.where(known.any(MODEL), score.where(known, np.inf).argmin(MODEL), -1).astype(np.int8)


def score_models(
    y: np.ndarray,
    *arrays: np.ndarray,
    shared: np.ndarray,
    models: tuple[tuple[int, ...], ...],
    penalties: tuple[np.ndarray | None, ...],
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
    penalties : tuple of ndarray (K, K) or None
        What priors add to the normal equations of each model.
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
    found = [
        _score_one(added, np.array(model), penalty, factors, count)
        for model, penalty in zip(models, penalties, strict=True)
    ]
    return np.where(count >= min_count, np.concatenate(found), np.nan)


def _score_one(
    added: lstsq.Sums, pick: np.ndarray, penalty: np.ndarray | None, factors: np.ndarray, count: np.ndarray
) -> np.ndarray:
    part = lstsq.Sums(
        np.ascontiguousarray(added.normal[:, pick][:, :, pick]),
        np.ascontiguousarray(added.right[:, pick]),
        added.moments,
    )
    whole, *without = lstsq.replicate(*((part, factors) if penalty is None else _with_prior(part, penalty, factors)))
    each = range(len(part.normal))
    fitted = sum(_misfit(part, c, whole) for c in each)
    predicted = sum(np.where(part.moments[c, 2] > 0, _misfit(part, c, without[c]), 0.0) for c in each)
    weight = part.moments[:, 1].sum(axis=0)
    rms, cv = (np.sqrt(total / np.where(weight > 0, weight, np.nan)) for total in (fitted, predicted))
    used = np.maximum(count, 1.0)
    bic = 2.0 * used * np.log(np.maximum(rms, SMALLEST_RMS)) + len(pick) * np.log(used)
    return np.stack([rms, bic, cv])


def _with_prior(part: lstsq.Sums, penalty: np.ndarray, factors: np.ndarray) -> tuple[lstsq.Sums, np.ndarray]:
    """Add the prior to the sums as one more cell, which is never left out."""
    normal = np.concatenate([part.normal, np.broadcast_to(penalty[None, :, :, None], (1, *part.normal.shape[1:]))])
    right = np.concatenate([part.right, np.zeros((1, *part.right.shape[1:]))])
    return lstsq.Sums(normal, right, part.moments), np.hstack([factors, np.ones((len(factors), 1))])


def _misfit(added: lstsq.Sums, cell: int, beta: np.ndarray) -> np.ndarray:
    """Weighted sum of squared residuals (P,) of one cell with the coefficients (K, P)."""
    inner = np.einsum("ip,ijp,jp->p", beta, added.normal[cell], beta)
    return np.maximum(added.moments[cell, 0] - 2.0 * (beta * added.right[cell]).sum(axis=0) + inner, 0.0)
