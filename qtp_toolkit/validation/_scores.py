"""How well a line describes amplitude against thickness, and a stated uncertainty the error."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, carry_provenance, on_one_grid

SCORES = {
    "slope": "slope of the least-squares line of y on x",
    "intercept": "value of that line at x = 0",
    "r2": "squared correlation: 1 - SSE / SST, with SSE about the line and SST about the mean of y",
    "rmse": "root-mean-square residual about the line, sqrt(SSE / n)",
    "rmse_unbiased": "residual standard error, sqrt(SSE / (n - 2)), two parameters being fitted",
}
"""Definition of each score."""


def scores(x: xr.DataArray | np.ndarray, y: xr.DataArray | np.ndarray) -> dict[str, float]:
    """Straight line ``y = slope x + intercept`` by least squares, and how well it holds.

    Parameters
    ----------
    x, y : array-like (n,)
        Pairs with a NaN are dropped. Arrays with labels, such as names of stations, are paired by these.

    Returns
    -------
    dict
        ``slope``, ``intercept``, ``r2``, ``rmse`` and ``rmse_unbiased``, defined by :data:`SCORES`, in the units of y
        and x, and ``n``. NaN with fewer than three pairs or constant x; r2 is NaN with constant y.

    Notes
    -----
    The paper does not say which of the two errors its Fig. 13 quotes.

    Examples
    --------
    >>> line = scores(np.array([1.0, 2.0, 3.0, np.nan]), np.array([12.0, 22.0, 32.0, 99.0]))
    >>> line["slope"], line["intercept"], line["r2"], line["n"]
    (10.0, 2.0, 1.0, 3)
    """
    x, y = _pairs_of(x, y)
    n = x.size
    if n < 3 or np.ptp(x) == 0:
        return dict.fromkeys(SCORES, float("nan")) | {"n": n}
    return {name: float(found) for name, found in zip(SCORES, _lines(x, y), strict=True)} | {"n": n}


def score_intervals(
    x: xr.DataArray | np.ndarray,
    y: xr.DataArray | np.ndarray,
    *,
    calibrated: xr.DataArray | np.ndarray | None = None,
    n: int = 1999,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Scores of a line with bootstrap intervals: how much they would differ with other stations of the same land.

    Stations are drawn with replacement. With ``calibrated`` both lines, against ``x`` and against ``calibrated``, are
    fitted to the same draws of the same stations, so that the interval of their difference says whether Eq. 8 helped.

    Parameters
    ----------
    x, y : array-like (n,)
        As for :func:`scores`, e.g. active layer thickness and seasonal amplitude.
    calibrated : array-like (n,), optional
        What may describe ``y`` better than ``x``, as :func:`calibrate_alt` gives it.
    n, seed : int
        Number of draws and their seed.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    xarray.Dataset
        The scores of :data:`SCORES`, whose ``long_name`` is their definition, along ``of``: ``value``, ``lower``,
        ``upper`` (percentiles of the draws); with ``calibrated`` also along ``against``: ``x``, ``calibrated`` and
        ``gain``, the second less the first. The attribute ``stations`` counts the pairs. NaN with fewer than three.

    Raises
    ------
    QtpDataError
        Fewer than two draws, a level outside 0 to 1, arrays of other lengths.

    Notes
    -----
    Stations are taken as independent of each other. Percentiles of a dozen stations are somewhat narrow, since every
    draw repeats some.

    Examples
    --------
    >>> thickness, amplitude = np.array([1.5, 2.0, 2.4, 3.0, 1.8]), np.array([40.0, 38.0, 33.0, 41.0, 42.0])
    >>> water = np.array([0.40, 0.30, 0.22, 0.20, 0.35])
    >>> found = score_intervals(thickness, amplitude, calibrated=thickness * water / 0.3)["r2"]
    >>> found.sel(of="value").values.round(3)
    array([0.027, 0.906, 0.879])
    """
    if not 0.0 < level < 1.0 or n < 2:
        raise QtpDataError(
            "an interval needs draws and a level", expected="n of 2 or more, level between 0 and 1", found=(n, level)
        )
    given = [x] if calibrated is None else [x, calibrated]
    pairs = [_pairs_of(one, y, drop=False) for one in given]
    if len({one.size for one, _ in pairs}) > 1:
        raise QtpDataError("x and calibrated differ in length", expected=pairs[0][0].size, found=pairs[1][0].size)
    keep = np.isfinite(np.stack([part for pair in pairs for part in pair])).all(axis=0)
    pairs = [(one[keep], other[keep]) for one, other in pairs]
    count = int(keep.sum())
    drawn = np.random.default_rng(seed).integers(0, max(count, 1), size=(n, count))
    found = []
    for one, other in pairs:
        with np.errstate(divide="ignore", invalid="ignore"):  # a draw of one station has no line
            lines = np.full((n, len(SCORES)), np.nan) if count < 3 else _lines(one[drawn], other[drawn]).T
        value = scores(one, other)
        found.append((np.array([value[name] for name in SCORES]), lines))
    if calibrated is not None:
        found.append((found[1][0] - found[0][0], found[1][1] - found[0][1]))
    table = np.stack([_value_and_ends(value, lines, level) for value, lines in found])
    dims, names = ("against", "of"), ["x", "calibrated", "gain"][: len(found)]
    parts = {name: (dims, table[:, :, k], {"long_name": text}) for k, (name, text) in enumerate(SCORES.items())}
    out = xr.Dataset(parts, coords={"against": names, "of": ["value", "lower", "upper"]})
    out = out if calibrated is not None else out.isel(against=0, drop=True)
    labelled = (array for array in (x, y, calibrated) if isinstance(array, xr.DataArray))
    return carry_provenance(out.assign_attrs(stations=count, level=level), *labelled)


def _value_and_ends(value: np.ndarray, lines: np.ndarray, level: float) -> np.ndarray:
    """Value, lower and upper end of each score: (3, scores)."""
    out = np.stack([value, np.full_like(value, np.nan), np.full_like(value, np.nan)])
    for k, column in enumerate(lines.T):
        known = column[np.isfinite(column)]
        if known.size and np.isfinite(value[k]):
            out[1:, k] = np.quantile(known, [0.5 - 0.5 * level, 0.5 + 0.5 * level])
    return out


def _lines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Scores, in their order, of the lines through pairs along the last axis."""
    n = x.shape[-1]
    dx, dy = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    spread = (dx * dx).sum(axis=-1)
    slope = (dx * dy).sum(axis=-1) / np.where(spread > 0, spread, np.nan)
    residual = dy - slope[..., None] * dx
    squares, total = (residual**2).sum(axis=-1), (dy * dy).sum(axis=-1)
    r2 = 1.0 - squares / np.where(total > 0, total, np.nan)
    intercept = y.mean(axis=-1) - slope * x.mean(axis=-1)
    return np.stack([slope, intercept, r2, np.sqrt(squares / n), np.sqrt(squares / (n - 2))])


def _pairs_of(
    x: xr.DataArray | np.ndarray, y: xr.DataArray | np.ndarray, *, drop: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs as flat floats; those with a value that is not finite left out, unless told not to."""
    x, y = _paired(x, y) if isinstance(x, xr.DataArray) and isinstance(y, xr.DataArray) else (x, y)
    x, y = np.asarray(x, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    if x.shape != y.shape:
        raise QtpDataError("x and y differ in length", expected=x.size, found=y.size)
    keep = np.isfinite(x) & np.isfinite(y) if drop else np.full(x.shape, True)
    return x[keep], y[keep]


def coverage(error: xr.DataArray, sigma: xr.DataArray) -> float:
    """Share of the errors that are within one stated standard deviation: 0.68 if it tells the truth.

    Parameters
    ----------
    error : xarray.DataArray
        Estimate less truth, any dims.
    sigma : xarray.DataArray
        Stated standard deviation on the same pixels, in the same unit.

    Returns
    -------
    float
        Of the pixels where both are known; NaN if there is none. Computes what is lazy.

    Examples
    --------
    >>> coverage(xr.DataArray([-0.5, 1.5, np.nan]), xr.DataArray([1.0, 1.0, 1.0]))
    0.5
    """
    known = np.isfinite(error) & np.isfinite(sigma)
    return float((abs(error) <= sigma).where(known).mean())


def _paired(x: xr.DataArray, y: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Bring both to the same pixels and labels; those without labels are left in their order."""
    if set(x.dims) != set(y.dims) or any(dim not in x.coords or dim not in y.coords for dim in x.dims):
        return x, y
    x, y = xr.align(*on_one_grid(x, y), join="inner")
    return x, y.transpose(*x.dims)
