"""Two halves of the years against each other: errors of the maps on ground that moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, carry_provenance, describe, require
from qtp_toolkit.pecm._fit import fit

FEWEST = 4
"""Calendar years: two in each half, or rate and season cannot be told apart."""


def half_difference(
    displacement: xr.DataArray,
    linear: xr.DataArray,
    composite: xr.DataArray,
    *,
    peak_index: xr.DataArray,
    **options: Any,
) -> xr.Dataset:
    r"""Make maps of errors: half the difference of the fits to every other calendar year and to those between.

    .. math:: e = \tfrac12 (\hat m_{odd} - \hat m_{even})

    Ground that moves in the same way in all years cancels, wherever it lies, and what the errors of both halves differ
    by is left. Either half has about twice the variance of a fit to all years, and its errors are its own: so e has
    the variance of the maps, and their correlation from place to place. Its variogram
    (:func:`qtp_toolkit.validation.variogram`) says how far two places can be compared, without any still ground.

    Parameters
    ----------
    displacement, linear, composite : xarray.DataArray
        As for :func:`fit`.
    peak_index : xarray.DataArray
        As for :func:`fit`, of all years: that of each half would count the difference of their summers as error.
    **options
        Of :func:`fit`: ``upstream_reason`` and others. ``uncertainty`` is ``formal``.

    Returns
    -------
    xarray.Dataset
        (...): ``linear_rate`` (mm/yr) and ``seasonal_amplitude`` (mm), NaN where either half cannot be fitted. Lazy if
        the inputs are lazy.

    Raises
    ------
    QtpDataError
        Fewer than four calendar years; as :func:`fit`.

    Notes
    -----
    What errs alike in every year does not show: a bias of the temperature, air that follows the season, a plane that
    was taken out with the deformation in it (``correct.ramp_std`` states that). Years that differ by themselves count
    as error, as in the year-block uncertainty of :func:`fit`.

    Examples
    --------
    Motion that is the same every year leaves nothing; a date that is off by 6 mm does:

    >>> years = xr.DataArray(np.arange(60) / 12, {"time": pd.date_range("2015", periods=60, freq="MS")}, "time")
    >>> season = 20.0 * abs(np.sin(np.pi * years))
    >>> moved = (-5.0 * years - 0.5 * season).assign_attrs(units="mm")
    >>> half_difference(moved, years, season, peak_index=season.max())["linear_rate"].round(6).item() + 0.0
    0.0
    >>> moved[3] += 6.0
    >>> half_difference(moved, years, season, peak_index=season.max())["linear_rate"].round(2).item()
    -0.07
    """
    require(displacement, dims=(TIME,), quantity="displacement")
    years = displacement[TIME].dt.year.values
    known = np.unique(years)
    if known.size < FEWEST:
        raise QtpDataError(
            "too few years for two halves", expected=f"{FEWEST} calendar years", found=f"{known.size}: {known.tolist()}"
        )
    turn = np.searchsorted(known, years) % 2
    options = {**options, "peak_index": peak_index, "uncertainty": "formal"}
    first, second = (
        fit(*(da.isel({TIME: np.flatnonzero(turn == k)}) for da in (displacement, linear, composite)), **options)
        for k in (0, 1)
    )
    words = {"linear_rate": "rate", "seasonal_amplitude": "amplitude"}
    out = {
        name: describe(
            0.5 * (first[name] - second[name]), name, long_name=f"half the difference of the {word} of alternate years"
        )
        for name, word in words.items()
    }
    return carry_provenance(xr.Dataset(out), first)
