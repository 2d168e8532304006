"""What all places do together: the weather of the reference area, as ground without seasons would show it."""

from __future__ import annotations

import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, as_mask, describe, on_pixels_of, require, xnp
from qtp_toolkit.pecm._fit import fit, forward
from qtp_toolkit.pecm._run import same_dates


def common_error(
    displacement: xr.DataArray,
    linear: xr.DataArray,
    composite: xr.DataArray,
    ground: xr.DataArray,
    *,
    amplitude: xr.DataArray | None = None,
    min_dates: int = 10,
) -> xr.DataArray:
    """Error of each date that all pixels have in common, as far as no rate and no season that is alike in all years.

    The weather above the reference area goes into every pixel, date by date, and does not average out over a map: all
    amplitudes of a year are off together. Many places together show it: what they do beyond a rate and one season, the
    same in all years, is error where the ground does not change, and may be subtracted from the displacement.

    Parameters
    ----------
    displacement : xarray.DataArray
        (time, y, x) mm.
    linear, composite : xarray.DataArray
        (time, y, x) of :func:`indices`.
    ground : xarray.DataArray
        (y, x) bool: pixels that are asked. Those that lack a date are left out. Without ``amplitude`` ground that is
        known to be steady, as bedrock: if it does change from year to year, the change is taken from all pixels.
    amplitude : xarray.DataArray, optional
        (y, x) mm, ``seasonal_amplitude`` of :func:`fit`. With it, on each date, a straight line over the amplitude is
        drawn through the pixels, and its value at an amplitude of 0 taken: what ground without any season would do.
        Then ``ground`` may breathe, and its years may differ, if they do so in proportion to its amplitude. Pixels
        without an amplitude are left out.
    min_dates : int
        As in :func:`fit`.

    Returns
    -------
    xarray.DataArray
        ``displacement`` (time,), mm, with a mean of 0; NaN if no pixel of ``ground`` is known. Lazy if an input is
        lazy.

    Raises
    ------
    QtpDataError
        Arrays on other pixels or dates; no dims y and x.

    Notes
    -----
    Rate and season of the mean are left as they are: a common error of them stays.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> years = xr.DataArray(np.arange(36) / 12, {"time": pd.date_range("2015", periods=36, freq="MS")}, "time")
    >>> amplitude = xr.DataArray([[10.0, 20.0, 30.0]], dims=("y", "x"), attrs={"units": "mm"})
    >>> season, flat = abs(np.sin(np.pi * years)), xr.ones_like(amplitude)
    >>> weather = 3.0 * (-1.0) ** xr.DataArray(np.arange(36), dims="time")
    >>> moved = (weather - (1.0 + 0.1 * years) * season * amplitude).assign_attrs(units="mm")
    >>> error = common_error(moved, years * flat, season * flat, flat > 0, amplitude=amplitude)
    >>> float(abs(error - weather).max()) < 1.0
    True
    """
    require(displacement, dims=(TIME,), quantity="displacement")
    same_dates(displacement, linear, composite)
    space = [dim for dim in displacement.dims if dim != TIME]
    if not space:
        raise QtpDataError("one place has nothing in common with others", expected="dims (time, y, x)", found=[TIME])
    linear = on_pixels_of(linear, displacement, name="linear")
    composite = on_pixels_of(composite, displacement, name="composite")
    ground = on_pixels_of(as_mask(ground), displacement, name="ground")
    known = ground & xnp.isfinite(displacement + linear + composite).all(TIME)
    weight = known.astype(float)
    if amplitude is not None:
        require(amplitude, quantity="seasonal_amplitude")
        amplitude = on_pixels_of(amplitude, displacement, name="amplitude")
        weight = _at_zero(amplitude, known & xnp.isfinite(amplitude))
    weight = weight / weight.sum(space)
    together, *curves = ((da * weight).where(known).sum(space, min_count=1) for da in (displacement, linear, composite))
    together = together.assign_attrs(displacement.attrs)
    steady = fit(together, *curves, uncertainty="formal", min_dates=min_dates)
    return describe(together - forward(steady, *curves), "displacement", like=displacement)


def _at_zero(amplitude: xr.DataArray, known: xr.DataArray) -> xr.DataArray:
    """Weights whose sum over pixels is the intercept of a straight line over the amplitude, up to a factor."""
    mean = amplitude.where(known).mean()
    away = (amplitude - mean).where(known, 0.0)
    square = (away**2).sum() / known.sum()
    # Where all are alike there is no line: the mean.
    return (1.0 - mean * away / square.where(square > 0, 1.0)).where(known, 0.0)
