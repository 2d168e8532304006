"""How well two places can be compared: standard deviation of differences and of means of areas."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    QtpDataError,
    X,
    Y,
    as_mask,
    carry_provenance,
    require,
    require_same_grid,
    xnp,
)
from qtp_toolkit.validation._variogram import ground_of
from qtp_toolkit.validation.kernels import apart

PARTS = ("shared_std", "shared_length", "pixel_std")
ERRORS = "error_by_distance"
"""Attribute of a map: its model of errors, as JSON."""


def error_model(
    shared_std: float, shared_length: float, *, pixel_std: float = 0.0, units: str = "mm", longest: float | None = None
) -> xr.Dataset:
    """Say how errors are correlated, where that is known from elsewhere: what :func:`fit_variogram` finds from a map.

    Parameters
    ----------
    shared_std : float
        Standard deviation of the error that neighbors share, in ``units``.
    shared_length : float
        Length over which they share it, km.
    pixel_std : float
        Standard deviation of the error of a pixel alone.
    units : str
    longest : float, optional
        km beyond which nothing is known; by default the model holds at any distance.

    Returns
    -------
    xarray.Dataset
        ``shared_std``, ``shared_length``, ``pixel_std``, ``sill_reached``, ``longest``, scalars.

    Examples
    --------
    >>> float(difference_std(error_model(10.0, 20.0), 20.0).round(3))
    11.244
    """
    if not (shared_std >= 0 and pixel_std >= 0 and shared_length > 0):
        raise QtpDataError(
            "no model of errors",
            expected="standard deviations of at least 0, a length above 0 km",
            found=f"{shared_std}, {pixel_std}; {shared_length} km",
        )
    out = xr.Dataset({"shared_std": float(shared_std), "shared_length": float(shared_length)})
    out = out.assign(pixel_std=float(pixel_std), sill_reached=longest is None)
    out["longest"] = np.inf if longest is None else float(longest)
    for name in PARTS:
        out[name].attrs["units"] = "km" if name == "shared_length" else units
    return out


def rate_model(model: xr.Dataset, dates: Any) -> xr.Dataset:
    r"""Errors of a rate from errors of single dates that are independent of each other.

    .. math:: \sigma_v = \sigma \Big/ \sqrt{\textstyle\sum_i (t_i - \bar t)^2}

    Parameters
    ----------
    model : xarray.Dataset
        Of :func:`fit_variogram` or :func:`error_model`, of single dates, mm.
    dates : array-like of datetime64
        When they were.

    Returns
    -------
    xarray.Dataset
        The same with standard deviations in mm/yr. Lazy if ``model`` is lazy.

    Raises
    ------
    QtpDataError
        Fewer than two different dates.

    Notes
    -----
    That of a straight line through all dates. The rate of the deformation model has the season beside it and rests in
    winter; its standard deviation is larger by the little that L and I have in common. Errors that follow the model
    from date to date (ramps that follow the years, the wet air of every summer) are not among the residuals of dates:
    the variogram of the rate itself shows them.

    Examples
    --------
    >>> dates = pd.date_range("2014-10-12", periods=159, freq="12D")
    >>> float(difference_std(rate_model(error_model(10.0, 20.0), dates), 50.0).round(4))
    0.7126
    """
    stamps = np.asarray(dates, dtype="datetime64[ns]")
    if np.unique(stamps).size < 2:
        raise QtpDataError("a rate needs two different dates", found=stamps.astype("datetime64[D]").tolist())
    years = (stamps - stamps[0]) / np.timedelta64(1, "D") / DAYS_PER_YEAR
    scale = 1.0 / float(np.sqrt(((years - years.mean()) ** 2).sum()))
    stds = [name for name in model if str(name).removesuffix("_se") in ("shared_std", "pixel_std")]
    scaled = {name: (model[name] * scale).assign_attrs(_yearly(model[name])) for name in stds}
    return model.assign(scaled)


def with_errors(da: xr.DataArray, model: xr.Dataset, *, how: str) -> xr.DataArray:
    """Write a model of errors into the attributes of its map, so that it goes where the map goes.

    Parameters
    ----------
    da : xarray.DataArray
        A map, such as ``linear_rate``. Not modified.
    model : xarray.Dataset
        Of :func:`fit_variogram` or :func:`error_model`, scalars; computed if lazy.
    how : str
        What the model was found from, in words that follow "so much": "do ... differ". The dashboard says them.

    Returns
    -------
    xarray.DataArray
        With ``attrs["error_by_distance"]``, JSON, which :func:`errors_of` reads; without, where the model has no
        numbers.

    Examples
    --------
    >>> rate = with_errors(xr.DataArray(0.0, name="linear_rate"), error_model(1.0, 20.0, units="mm/yr"), how="guessed")
    >>> model = errors_of(rate)
    >>> float(difference_std(model, 20.0).round(3)), model.attrs["how"]
    (1.124, 'guessed')
    """
    numbers = {name: float(model[name]) for name in (*PARTS, "longest")}
    kept = {key: value for key, value in da.attrs.items() if key != ERRORS}
    if not np.isfinite(numbers["shared_std"]):
        return da.copy(deep=False).drop_attrs(deep=False).assign_attrs(kept)
    told = {**numbers, "units": str(model["shared_std"].attrs.get("units", "")), "how": how}
    told["longest"] = None if bool(model["sill_reached"]) else numbers["longest"]
    return da.copy(deep=False).assign_attrs({**kept, ERRORS: json.dumps(told)})


def errors_of(da: xr.DataArray) -> xr.Dataset | None:
    """Return the model of errors that :func:`with_errors` wrote, or None; ``attrs["how"]`` says what it is from."""
    if ERRORS not in da.attrs:
        return None
    told = json.loads(da.attrs[ERRORS])
    # Where there is no shared error the length means nothing, and may be missing.
    length = told["shared_length"] if told["shared_std"] > 0 else 1.0
    own = {"pixel_std": told["pixel_std"], "units": told["units"], "longest": told["longest"]}
    return error_model(told["shared_std"], length, **own).assign_attrs(how=told["how"])


def _yearly(da: xr.DataArray) -> dict[str, str]:
    return da.attrs | {"units": f"{da.attrs.get('units', 'mm')}/yr"}


def difference_std(model: xr.Dataset, distance_km: Any, *, pixel_std: Any = None) -> xr.DataArray:
    r"""State the standard deviation of the difference between two places, by their distance.

    .. math:: \sigma(L)^2 = 2 s^2 \left(1 - e^{-L/\lambda}\right) + \sigma_1^2 + \sigma_2^2

    Parameters
    ----------
    model : xarray.Dataset
        Of :func:`fit_variogram`, :func:`error_model` or :func:`rate_model`.
    distance_km : float or array-like
        km. Numbers in a list get the dim ``distance``.
    pixel_std : float, or a pair of them, optional
        What the two pixels err by alone, in the unit of the model; arrays will do. By default ``pixel_std`` of the
        model for both. The stated sigma of a map holds what neighbors share as well: to give it here counts that twice.

    Returns
    -------
    xarray.DataArray
        ``difference_std`` in the unit of the model; 0 at distance 0 (a place less itself); NaN beyond the longest
        distance that was seen, where the variogram did not level there. Lazy if ``model`` is lazy.

    Examples
    --------
    >>> difference_std(error_model(10.0, 20.0), [1.0, 5.0, 20.0, 50.0]).round(3).values
    array([ 3.123,  6.651, 11.244, 13.549])
    >>> float(difference_std(error_model(3.0, 20.0), 1e9, pixel_std=(4.0, 5.0)).round(3))
    7.681
    """
    far = distance_km if isinstance(distance_km, xr.DataArray) else _label(np.asarray(distance_km, dtype=float))
    own = [model["pixel_std"]] * 2 if pixel_std is None else _both(pixel_std)
    unlike = -xnp.expm1(-far / model["shared_length"])
    shared = xr.where(model["shared_std"] > 0, 2.0 * model["shared_std"] ** 2 * unlike, 0.0)
    variance = shared + sum(part**2 for part in own)
    variance = variance.where(far > 0, 0.0).where(model["sill_reached"] | (far <= model["longest"]))
    variance = variance.where(xnp.isfinite(model["shared_std"]))
    text = {"units": model["shared_std"].attrs.get("units", "mm"), "long_name": "standard deviation of the difference"}
    out = xnp.sqrt(variance).drop_attrs(deep=False).rename("difference_std").assign_attrs(text)
    return carry_provenance(out.to_dataset(), model)["difference_std"]


def _label(values: np.ndarray) -> xr.DataArray:
    attrs = {"units": "km", "long_name": "distance"}
    if values.ndim == 0:
        return xr.DataArray(values, attrs=attrs)
    return xr.DataArray(values, {"distance": ("distance", values, attrs)}, "distance", attrs=attrs)


def _both(given: Any) -> list[Any]:
    return list(given) if isinstance(given, tuple | list) else [given, given]


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
        tells the mean of its pairs to about a percent.
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
        An area without a pixel, no CRS, areas on other grids.

    Notes
    -----
    A map that is only three lengths wide shows too little of its own level: one sigma of the mean of one area then
    covers 0.5 to 0.6 of simulated cases. That of a difference covers 0.67 to 0.79 (48 fields, boxes of 10 km).

    Examples
    --------
    A box of 10 by 10 pixels of 1 km, and its neighbor:

    >>> axes = {"y": 4e6 - 1e3 * np.arange(10), "x": 3e5 + 1e3 * np.arange(20)}
    >>> left = xr.DataArray(np.arange(20) < 10, {"x": axes["x"]}, "x") & xr.DataArray(True, {"y": axes["y"]}, "y")
    >>> left, model = left.rio.write_crs(32646), error_model(10.0, 20.0, pixel_std=5.0)
    >>> float(mean_std(model, left).round(2)), float(mean_std(model, left, ~left).round(2))
    (8.83, 6.14)
    """
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
