"""How well areas can be compared: standard deviation of means, and of differences between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, X, Y, as_mask, carry_provenance, require, require_same_grid, xnp
from qtp_toolkit.validation._distance import require_model
from qtp_toolkit.validation._variogram import ground_of
from qtp_toolkit.validation.kernels import apart


def mean_std(
    model: xr.Dataset, area: xr.DataArray, other: xr.DataArray | None = None, *, sample: int = 2000, seed: int = 0
) -> xr.DataArray:
    r"""State the standard deviation of the mean of an area, or of the difference between the means of two.

    .. math:: \operatorname{Var}(\bar z_A - \bar z_B) = s^2 (R_{AA} + R_{BB} - 2 R_{AB}) + b^2 (\dots), \quad
              R_{AB} = \overline{e^{-|x_i - x_j|/\lambda}}, \; i \in A, \, j \in B

    What pixels err by alone goes down with their number; what neighbors share hardly does in an area smaller than the
    length, and cancels between two areas that are near.

    Parameters
    ----------
    model : xarray.Dataset
        Of :func:`fit_variogram`, :func:`error_model` or :func:`rate_model`.
    area, other : xarray.DataArray
        (y, x) bool, or numbers that are above 0 for yes: the pixels that are averaged, on one grid with a CRS. Polygons
        become such by :func:`qtp_toolkit.grid.rasterize`, a box by comparing coordinates. Computed if lazy.
    sample : int
        Pixels of an area up to which the double sum runs over all pairs; of a larger area so many are drawn, which
        tells the mean of its pairs to about a percent; at least 2.
    seed : int

    Returns
    -------
    xarray.DataArray
        ``mean_std`` in the unit of the model, with its dims. NaN without ``other`` where the variogram did not level
        (the error of a mean against the truth has no limit then), and with it where the areas reach farther than the
        longest distance seen. Lazy if ``model`` is lazy.

    Raises
    ------
    QtpDataError
        An area without a pixel, no CRS, areas on other grids, a sample without a pair.

    Notes
    -----
    A map that is only three lengths wide shows too little of its own level: one sigma of the mean of one area then
    covers 0.5 to 0.6 of simulated cases. That of a difference covers 0.67 to 0.79 (48 fields, boxes of 10 km).

    Examples
    --------
    A box of 10 by 10 pixels of 1 km, and its neighbor:

    >>> from qtp_toolkit.validation import error_model
    >>> axes = {"y": 4e6 - 1e3 * np.arange(10), "x": 3e5 + 1e3 * np.arange(20)}
    >>> left = xr.DataArray(np.arange(20) < 10, {"x": axes["x"]}, "x") & xr.DataArray(True, {"y": axes["y"]}, "y")
    >>> left, model = left.rio.write_crs(32646), error_model(10.0, 20.0, pixel_std=5.0)
    >>> float(mean_std(model, left).round(2)), float(mean_std(model, left, ~left).round(2))
    (8.83, 6.14)
    """
    require_model(model)
    if sample < 2:
        raise QtpDataError("a sample of an area needs a pair of pixels", expected="at least 2", found=sample)
    areas = [area] if other is None else [area, require_same_grid(other, area, name="other")]
    for one in areas:
        require(one, dims=(Y, X), name="area")
    ground = ground_of(area)
    masks = [as_mask(one).transpose(Y, X).values for one in areas]
    numbers = [int(mask.sum()) for mask in masks]
    if 0 in numbers:
        raise QtpDataError("an area holds no pixel", found=numbers, hint="Does it lie on the map?")
    rng = np.random.default_rng(seed)
    spots = [_choose(mask, sample, rng) for mask in masks]
    alike = [_alike(model, ground, at, at, total=n) for at, n in zip(spots, numbers, strict=True)]
    share: Any = alike[0]
    alone = 1.0 / numbers[0]
    known = model["sill_reached"]
    if other is not None:
        share = alike[0] + alike[1] - 2.0 * _alike(model, ground, *spots)
        common = int((masks[0] & masks[1]).sum())
        alone += 1.0 / numbers[1] - 2.0 * common / (numbers[0] * numbers[1])
        known = known | (_reach(ground, masks[0] | masks[1]) <= model["longest"])
    shared = xr.where(model["shared_std"] > 0, model["shared_std"] ** 2 * share, 0.0)
    variance = (shared + model["pixel_std"] ** 2 * alone).clip(min=0.0)  # of an area less itself: rounding
    variance = variance.where(known & xnp.isfinite(model["shared_std"]))
    words = "mean of the area" if other is None else "difference of the means"
    text = {"units": model["shared_std"].attrs.get("units", "mm"), "long_name": f"standard deviation of the {words}"}
    out = xnp.sqrt(variance).drop_attrs(deep=False).rename("mean_std").assign_attrs(text)
    return carry_provenance(out.to_dataset(), model)["mean_std"]


def _choose(mask: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Rows and columns (2, n) of the pixels of an area, or of ``most`` of them."""
    places = np.flatnonzero(mask)
    if places.size > most:
        places = rng.choice(places, most, replace=False)
    return np.stack(np.unravel_index(places, mask.shape))


def _alike(
    model: xr.Dataset, ground: apart.Ground, first: np.ndarray, second: np.ndarray, *, total: int = 0
) -> xr.DataArray:
    """Mean correlation of the pixels of two areas, or of one of ``total`` pixels with itself."""
    return xr.apply_ufunc(
        apart.alike,
        model["shared_length"],
        kwargs={"ground": ground, "first": first, "second": second, "total": total},
        dask="parallelized",
        output_dtypes=[np.float64],
    )


def _reach(ground: apart.Ground, mask: np.ndarray) -> float:
    """Longest distance of two pixels of an area, at most: the diagonal of the box around it, km."""
    rows, columns = (np.flatnonzero(mask.any(axis=k)) for k in (1, 0))
    corners = np.array([[rows[0], rows[-1]], [columns[0], columns[-1]]])
    return float(ground.apart(corners[:, :1], corners[:, 1:])[0])
