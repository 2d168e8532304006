"""How well a line describes amplitude against thickness, and a stated uncertainty the error."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, on_one_grid


def scores(x: xr.DataArray | np.ndarray, y: xr.DataArray | np.ndarray) -> dict[str, float]:
    """Straight line ``y = slope x + intercept`` by least squares, and how well it holds.

    Parameters
    ----------
    x, y : array-like (n,)
        Pairs with a NaN are dropped. Arrays with labels, such as names of stations, are paired by these.

    Returns
    -------
    dict
        ``slope``, ``intercept``, ``r2`` (squared correlation), ``rmse`` (of the residuals, divided by n) and
        ``rmse_unbiased`` (divided by n - 2) in the unit of y, and ``n``. NaN with fewer than three pairs or constant x.

    Notes
    -----
    The paper does not say which of the two errors its Fig. 13 quotes.

    Examples
    --------
    >>> line = scores(np.array([1.0, 2.0, 3.0, np.nan]), np.array([12.0, 22.0, 32.0, 99.0]))
    >>> line["slope"], line["intercept"], line["r2"], line["n"]
    (10.0, 2.0, 1.0, 3)
    """
    x, y = _paired(x, y) if isinstance(x, xr.DataArray) and isinstance(y, xr.DataArray) else (x, y)
    x, y = np.asarray(x, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    if x.shape != y.shape:
        raise QtpDataError("x and y differ in length", expected=x.size, found=y.size)
    keep = np.isfinite(x) & np.isfinite(y)
    x, y, n = x[keep], y[keep], int(keep.sum())
    if n < 3 or np.ptp(x) == 0:
        return dict.fromkeys(("slope", "intercept", "r2", "rmse", "rmse_unbiased"), float("nan")) | {"n": n}
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(dx @ dy / (dx @ dx))
    residual = dy - slope * dx
    squares, total = float(residual @ residual), float(dy @ dy)
    return {
        "slope": slope,
        "intercept": float(y.mean() - slope * x.mean()),
        "r2": 1.0 - squares / total if total > 0 else float("nan"),
        "rmse": float(np.sqrt(squares / n)),
        "rmse_unbiased": float(np.sqrt(squares / (n - 2))),
        "n": n,
    }


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
