"""What all places do together: the weather of the reference area, as ground that is known to be steady shows it."""

from __future__ import annotations

import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, as_mask, describe, on_pixels_of, require, xnp
from qtp_toolkit.pecm._fit import fit, forward


def common_error(
    displacement: xr.DataArray,
    linear: xr.DataArray,
    composite: xr.DataArray,
    still: xr.DataArray,
    *,
    min_dates: int = 10,
) -> xr.DataArray:
    """Error of each date that all pixels have in common, from ground that does not change from year to year.

    The weather above the reference area goes into every pixel, date by date, and does not average out over a map: all
    amplitudes of a year are off together. The mean of many places that are steady shows it: what it does beyond a rate
    and one season, the same in all years, is error, and may be subtracted from the displacement.

    Parameters
    ----------
    displacement : xarray.DataArray
        (time, y, x) mm.
    linear, composite : xarray.DataArray
        (time, y, x) of :func:`indices`.
    still : xarray.DataArray
        (y, x) bool: ground whose seasons are small or known to be alike, as bedrock, or pixels whose amplitude in the
        maps of :func:`fit` is among the lowest. Pixels that lack a date are left out.
    min_dates : int
        As in :func:`fit`.

    Returns
    -------
    xarray.DataArray
        ``displacement`` (time,), mm, with a mean of 0; NaN if no pixel of ``still`` is known. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        Arrays on other pixels or dates; no dims y and x.

    Notes
    -----
    Rate and season of the mean are left as they are: a common error of them stays. If the ``still`` ground does change,
    the change is taken from all pixels, so its amplitude should be small against that of interest.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> years = xr.DataArray(np.arange(36) / 12, {"time": pd.date_range("2015", periods=36, freq="MS")}, "time")
    >>> flat = xr.DataArray(np.ones((1, 2)), dims=("y", "x"))
    >>> season, weather = 20.0 * abs(np.sin(np.pi * years)), 3.0 * (-1.0) ** np.arange(36)
    >>> moved = ((weather - 2.0 * years) * flat).assign_attrs(units="mm")
    >>> float(abs(common_error(moved, years * flat, season * flat, flat > 0) - weather).max()) < 1.0
    True
    """
    for da in (displacement, linear, composite):
        require(da, dims=(TIME,))
    space = [dim for dim in displacement.dims if dim != TIME]
    if not space:
        raise QtpDataError("one place has nothing in common with others", expected="dims (time, y, x)", found=[TIME])
    still = on_pixels_of(as_mask(still), displacement, name="still")
    known = still & xnp.isfinite(displacement + linear + composite).all(TIME)
    together, *curves = (da.where(known).mean(space) for da in (displacement, linear, composite))
    together = together.assign_attrs(displacement.attrs)
    steady = fit(together, *curves, uncertainty="formal", min_dates=min_dates)
    return describe(together - forward(steady, *curves), "displacement", like=displacement)
