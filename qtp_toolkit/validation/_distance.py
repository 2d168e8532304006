"""How well two places can be compared: models of errors, and standard deviation of differences."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    QtpDataError,
    carry_provenance,
    require,
    xnp,
)

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
        When they were, in any order; text as 2018-01-06 or 20180106 will do.

    Returns
    -------
    xarray.Dataset
        The same with standard deviations in mm/yr. Lazy if ``model`` is lazy.

    Raises
    ------
    QtpDataError
        Fewer than two different dates, what is no date, a model that is of a rate already.

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
    require_model(model)
    unit = str(model["shared_std"].attrs.get("units", "mm"))
    if unit.endswith("/yr"):
        raise QtpDataError("the model of errors is of a rate already", expected="of single dates, mm", found=unit)
    stamps = np.atleast_1d(read_times(dates))
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

    Raises
    ------
    QtpDataError
        A model of many dates, or of another unit.

    Examples
    --------
    >>> rate = with_errors(xr.DataArray(0.0, name="linear_rate"), error_model(1.0, 20.0, units="mm/yr"), how="guessed")
    >>> model = errors_of(rate)
    >>> float(difference_std(model, 20.0).round(3)), model.attrs["how"]
    (1.124, 'guessed')
    """
    require_model(model)
    if model["shared_std"].ndim:
        raise QtpDataError(
            "a map has one model of errors",
            expected="scalars",
            found=dict(model["shared_std"].sizes),
            hint="Fit one curve through all dates: fit_variogram(seen.mean('time')).",
        )
    units = [str(each.attrs["units"]) for each in (da, model["shared_std"]) if "units" in each.attrs]
    if len(set(units)) > 1:
        raise QtpDataError("the model of errors has another unit than its map", expected=units[0], found=units[1])
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
        km, at least 0. Numbers in a list get the dim ``distance``.
    pixel_std : float, or a pair of them, optional
        What the two pixels err by alone, in the unit of the model; arrays will do. By default ``pixel_std`` of the
        model for both. The stated sigma of a map holds what neighbors share as well: to give it here counts that twice.

    Returns
    -------
    xarray.DataArray
        ``difference_std`` in the unit of the model; 0 at distance 0 (a place less itself); NaN beyond the longest
        distance that was seen, where the variogram did not level there, and where the distance is NaN. Lazy if
        ``model`` is lazy.

    Raises
    ------
    QtpDataError
        No model, distances below 0 or in another unit than km.

    Examples
    --------
    >>> difference_std(error_model(10.0, 20.0), [1.0, 5.0, 20.0, 50.0]).round(3).values
    array([ 3.123,  6.651, 11.244, 13.549])
    >>> float(difference_std(error_model(3.0, 20.0), 1e9, pixel_std=(4.0, 5.0)).round(3))
    7.681
    """
    require_model(model)
    far = distance_km if isinstance(distance_km, xr.DataArray) else _label(np.asarray(distance_km, dtype=float))
    unit = "km" if "units" in far.attrs else None
    require(far, units=unit, between=(0.0, np.inf), name="distance_km", hint="A distance has no sign.")
    own = [model["pixel_std"]] * 2 if pixel_std is None else _both(pixel_std)
    unlike = -xnp.expm1(-far / model["shared_length"])
    shared = xr.where(model["shared_std"] > 0, 2.0 * model["shared_std"] ** 2 * unlike, 0.0)
    variance = shared + sum(part**2 for part in own)
    variance = variance.where(far != 0, 0.0).where(model["sill_reached"] | (far <= model["longest"]))
    variance = variance.where(xnp.isfinite(model["shared_std"]) & far.notnull())
    text = {"units": model["shared_std"].attrs.get("units", "mm"), "long_name": "standard deviation of the difference"}
    out = xnp.sqrt(variance).drop_attrs(deep=False).rename("difference_std").assign_attrs(text)
    return carry_provenance(out.to_dataset(), model)["difference_std"]


def require_model(model: xr.Dataset) -> None:
    """Refuse what is no model of errors."""
    if not isinstance(model, xr.Dataset) or not {*PARTS, "sill_reached", "longest"} <= set(model.data_vars):
        found = list(model) if isinstance(model, xr.Dataset) else type(model).__name__
        raise QtpDataError("no model of errors", expected="of fit_variogram or error_model", found=found)


def _label(values: np.ndarray) -> xr.DataArray:
    attrs = {"units": "km", "long_name": "distance"}
    if values.ndim == 0:
        return xr.DataArray(values, attrs=attrs)
    if values.ndim > 1:
        raise QtpDataError("distances have no dims", expected="a number, a list, or a DataArray", found=values.shape)
    return xr.DataArray(values, {"distance": ("distance", values, attrs)}, "distance", attrs=attrs)


def _both(given: Any) -> list[Any]:
    return list(given) if isinstance(given, tuple | list) else [given, given]
