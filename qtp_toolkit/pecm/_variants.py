"""The same displacement under other curves and other models: what a choice or an input does to the maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, require_option
from qtp_toolkit.pecm._fit import fit

VARIANT = "variant"


def fit_variants(
    displacement: xr.DataArray, indices: Mapping[str, xr.Dataset], *, without_intercept: str = "", **options: Any
) -> xr.Dataset:
    """Fit the same displacement with each of several pairs of curves.

    Parameters
    ----------
    displacement : xarray.DataArray
        (time, ...) mm.
    indices : mapping of str to xarray.Dataset
        By name: ``linear_index``, ``composite_index`` and ``peak_index``, as :func:`indices` returns them.
    without_intercept : str
        Name of the one that is also fitted by the letter of Eq. 7, as ``no intercept``; none by default.
    **options
        Of :func:`fit`, but ``peak_index``. ``uncertainty`` is ``formal`` unless it is given.

    Returns
    -------
    xarray.Dataset
        That of :func:`fit` along ``variant``. Lazy if the inputs are.

    Raises
    ------
    QtpDataError
        A name in ``without_intercept`` that ``indices`` lacks.

    Examples
    --------
    >>> years = xr.DataArray(np.arange(36) / 12, {"time": pd.date_range("2015", periods=36, freq="MS")}, "time")
    >>> season = 20.0 * abs(np.sin(np.pi * years))
    >>> curves = xr.Dataset({"linear_index": years, "composite_index": season, "peak_index": 20.0})
    >>> moved = (-5.0 * years - 0.5 * season + 3.0).assign_attrs(units="mm")
    >>> maps = fit_variants(moved, {"plain": curves}, without_intercept="plain")
    >>> maps["linear_rate"].round(1).to_series().to_dict()
    {'plain': -5.0, 'no intercept': -4.3}
    """
    if without_intercept:
        require_option("variant without intercept", without_intercept, tuple(indices))
    options = {"uncertainty": "formal", **options}
    tasks = {name: (ds, options) for name, ds in indices.items()}
    if without_intercept:
        tasks["no intercept"] = indices[without_intercept], options | {"intercept": "none"}
    maps = [
        fit(displacement, ds["linear_index"], ds["composite_index"], peak_index=ds["peak_index"], **how)
        for ds, how in tasks.values()
    ]
    return xr.concat(maps, pd.Index(list(tasks), name=VARIANT), combine_attrs="override")


def median_change(maps: xr.Dataset, *, base: str, above: float = 5.0) -> xr.Dataset:
    """How far the maps of each variant are from those of one of them, in the median pixel.

    Parameters
    ----------
    maps : xarray.Dataset
        Of :func:`fit_variants`.
    base : str
        The variant that the others are compared with.
    above : float
        mm: the change in percent counts pixels whose amplitude exceeds this.

    Returns
    -------
    xarray.Dataset
        Along ``variant``, without ``base``: medians over all pixels of the change of ``linear_rate`` (mm/yr) and
        ``seasonal_amplitude`` (mm), of ``percent`` (of the amplitude); medians of the ``rms`` itself
        (mm) and of ``rms_ratio``, over that of the base. Lazy if ``maps`` is.

    Raises
    ------
    QtpDataError
        A base that ``maps`` does not have.

    Examples
    --------
    >>> numbers = {"linear_rate": [-5.0, -4.0], "seasonal_amplitude": [10.0, 11.0], "rms": [2.0, 3.0]}
    >>> maps = {name: (("variant", "pixel"), np.array(pair)[:, None]) for name, pair in numbers.items()}
    >>> change = median_change(xr.Dataset(maps, {"variant": ["as it is", "warm"]}), base="as it is")
    >>> {name: float(value) for name, value in change.sel(variant="warm").data_vars.items()}
    {'linear_rate': 1.0, 'seasonal_amplitude': 1.0, 'percent': 10.0, 'rms': 3.0, 'rms_ratio': 1.5}
    """
    if VARIANT not in maps.coords or base not in maps[VARIANT]:
        found = ", ".join(map(str, maps.get(VARIANT, xr.DataArray([])).values))
        raise QtpDataError(
            "there is no such variant to compare with", expected=repr(base), found=found or "no variants"
        )
    usual, others = maps.sel({VARIANT: base}, drop=True), maps.drop_sel({VARIANT: base})
    change = (others - usual)[["linear_rate", "seasonal_amplitude"]]
    amplitude = usual["seasonal_amplitude"]
    change["percent"] = 100.0 * (change["seasonal_amplitude"] / amplitude).where(amplitude > above)
    change["rms"], change["rms_ratio"] = others["rms"], others["rms"] / usual["rms"]
    return change.reset_coords(drop=True).median([dim for dim in change.dims if dim != VARIANT])
