"""Judge a gap fill: hide values that are there, fill, compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, VARIABLES, QtpDataError, describe, provenance, require, xnp

RUNS = (1, 2, 3, 5, 8)
"""Lengths, in composites, of the gaps that clouds leave."""

LENGTH = "gap_length"


def hold_out(lst: xr.DataArray, *, share: float = 0.2, run_lengths: Sequence[int] = RUNS, seed: int = 0) -> xr.Dataset:
    """Hide a share of the valid values of every series, in runs as clouds do.

    Runs of different lengths hide about as many values each, and never touch another one as long as there is room.

    Parameters
    ----------
    lst : xarray.DataArray
        degC, dim ``time`` and any others; NaN where missing.
    share : float
        Share of the valid values of a series to hide, between 0 and 1.
    run_lengths : sequence of int
        Lengths of the runs in composites.
    seed : int
        Same seed, same values; chunks do not matter.

    Returns
    -------
    xarray.Dataset
        ``masked`` (as ``lst``, NaN where hidden) and ``gap`` (uint16, dims of ``lst``): where a value was hidden, the
        number of neighboring composites that are now missing, hidden or not; elsewhere 0. Lazy if ``lst`` is lazy;
        ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        If ``share`` is not between 0 and 1, or a run is longer than the series or shorter than 1.

    Examples
    --------
    >>> lst = xr.DataArray(np.zeros(100), dims="time", attrs={"units": "degC"})
    >>> int((hold_out(lst, share=0.2)["gap"] > 0).sum())
    20
    """
    require(lst, dims=(TIME,), units=VARIABLES["lst"].units)
    runs = tuple(int(length) for length in run_lengths)
    if not 0.0 < share < 1.0:
        raise QtpDataError("share of hidden values", expected="between 0 and 1", found=share)
    if not runs or min(runs) < 1 or max(runs) > lst.sizes[TIME]:
        raise QtpDataError("run lengths", expected=f"1 to {lst.sizes[TIME]} composites", found=runs)
    others = [dim for dim in lst.dims if dim != TIME]
    shape = [lst.sizes[dim] for dim in others]
    number = xr.DataArray(np.arange(int(np.prod(shape))).reshape(shape), dims=others)
    gap = xr.apply_ufunc(
        _hide,
        lst,
        number,
        input_core_dims=[[TIME], []],
        output_core_dims=[[TIME]],
        kwargs={"share": share, "run_lengths": runs, "seed": seed},
        dask="parallelized",
        output_dtypes=[np.uint16],
        keep_attrs=False,
    ).transpose(*lst.dims)
    return xr.Dataset({"masked": lst.where(gap == 0), "gap": describe(gap, "gap", like=lst)}, attrs=provenance(lst))


def gap_errors(
    truth: xr.DataArray, filled: xr.DataArray, gap: xr.DataArray, *, lengths: Sequence[int] = RUNS
) -> xr.Dataset:
    """Errors of filled values by the length of the gap they lie in.

    Parameters
    ----------
    truth : xarray.DataArray
        degC: what was there before it was hidden. Contains the weather of single composites, which no fill can know.
    filled : xarray.DataArray
        degC: the filled series, same dims.
    gap : xarray.DataArray
        From :func:`hold_out`.
    lengths : sequence of int
        Upper ends of the classes of length, in composites, increasing; one more class holds all longer gaps.

    Returns
    -------
    xarray.Dataset
        Per class (dim ``gap_length``, coordinate ``label``) and for all together (last row): ``rmse`` and ``bias``
        (degC, filled minus truth), ``n`` values compared, ``unfilled`` hidden values that were left NaN. Lazy if an
        input is lazy.

    Raises
    ------
    QtpDataError
        If ``lengths`` do not increase.

    Examples
    --------
    >>> lst = xr.DataArray(np.zeros(100), dims="time", attrs={"units": "degC"})
    >>> hidden = hold_out(lst, share=0.2)
    >>> errors = gap_errors(lst, hidden["masked"].fillna(0.5), hidden["gap"])
    >>> errors["bias"].values[-1].item(), errors["n"].values[-1].item()
    (0.5, 20)
    """
    for da in (truth, filled):
        require(da, dims=(TIME,), units=VARIABLES["lst"].units)
    lower = [1, *(int(length) + 1 for length in lengths)]
    if (np.diff(lower) <= 0).any():
        raise QtpDataError("classes of gap length", expected="increasing, from 1", found=tuple(lengths))
    upper = [*(int(length) for length in lengths), np.iinfo(np.uint16).max]
    error = (filled - truth).astype(float).drop_attrs()
    rows = [_scores(error, (gap >= low) & (gap <= high)) for low, high in zip(lower, upper, strict=True)]
    rows.append(_scores(error, gap > 0))
    labels = [f"{low}" if low == high else f"{low}-{high}" for low, high in zip(lower[:-1], upper[:-1], strict=True)]
    out = xr.concat(rows, LENGTH).assign_coords(label=(LENGTH, [*labels, f">{upper[-2]}", "all"]))
    return out.assign_attrs(provenance(truth, filled))


def _scores(error: xr.DataArray, use: xr.DataArray) -> xr.Dataset:
    known = use & np.isfinite(error)
    n = known.sum()
    part = error.where(known, 0.0)
    number = n.where(n > 0)
    units = {"units": VARIABLES["lst"].units}
    return xr.Dataset(
        {
            "rmse": xnp.sqrt((part**2).sum() / number).assign_attrs(units, long_name="root-mean-square error"),
            "bias": (part.sum() / number).assign_attrs(units, long_name="filled minus hidden value"),
            "n": n.assign_attrs(units="1", long_name="hidden values"),
            "unfilled": (use.sum() - n).assign_attrs(units="1", long_name="hidden values that were not filled"),
        }
    )


_TRIES = 30
"""Places that are tried for each run before it is given up."""


def _hide(
    values: np.ndarray, series: np.ndarray, *, share: float, run_lengths: tuple[int, ...], seed: int
) -> np.ndarray:
    """Length of the gap that each hidden value lies in; 0 where nothing is hidden.

    Parameters
    ----------
    values : ndarray (..., n)
        NaN where missing.
    series : ndarray (...), int
        Number of each series: with ``seed`` it decides what is hidden, so that blocks do not matter.
    share : float
        Share of the valid values to hide.
    run_lengths : tuple of int
        Lengths of the runs; each hides about as many values as any other.
    seed : int

    Returns
    -------
    ndarray (..., n), uint16
    """
    lead, n = values.shape[:-1], values.shape[-1]
    gap = np.zeros((int(np.prod(lead)), n), dtype=np.uint16)
    lengths = np.asarray(run_lengths, dtype=np.int64)
    chance = (1.0 / lengths) / (1.0 / lengths).sum()
    for k, (row, number) in enumerate(zip(values.reshape(-1, n), series.reshape(-1), strict=True)):
        rng = np.random.default_rng([seed, int(number)])
        valid = np.isfinite(row)
        gone = _choose_runs(valid, round(share * valid.sum()), lengths, chance, rng)
        # Stretches of the same kind, numbered: a gap grows by the values that were missing before.
        stretch = np.cumsum(np.diff(~valid | gone, prepend=False))
        gap[k] = np.where(gone, np.bincount(stretch)[stretch], 0)
    return gap.reshape(values.shape)


def _choose_runs(
    valid: np.ndarray, wanted: int, lengths: np.ndarray, chance: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Hide ``wanted`` values in runs that do not touch one another."""
    hidden, n, left = np.zeros(valid.size, dtype=bool), valid.size, wanted
    while left > 0:
        length = min(int(rng.choice(lengths, p=chance)), left)
        for start in rng.integers(0, n - length + 1, _TRIES):
            stop = start + length
            if valid[start:stop].all() and not hidden[max(start - 1, 0) : stop + 1].any():
                break
        else:
            length = 1
            free = np.flatnonzero(valid & ~hidden)
            start = int(rng.choice(free))
            stop = start + 1
        hidden[start:stop] = True
        left -= length
    return hidden
