"""What the phases at the dates leave unexplained, pair by pair."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit._pairs import minus_difference
from qtp_toolkit.conventions import PAIR, TIME, describe, require, xnp


def pair_misfit(phase: xr.DataArray, series: xr.DataArray) -> xr.Dataset:
    """Sum up the residuals of each pair over all pixels: it shows which interferograms the others contradict.

    Parameters
    ----------
    phase : xarray.DataArray
        The observed pairs, rad, dim ``pair`` with coords ``reference`` and ``secondary``.
    series : xarray.DataArray
        Phases at the dates that :func:`invert` found, rad, dim ``time``.

    Returns
    -------
    xarray.Dataset
        Dim ``pair``: ``misfit``, root-mean-square residual in rad; ``overruled_share``, share of residuals beyond half
        a cycle; ``count``, number of pixels. NaN and 0 for a pair without valid pixels. Sums in float64. Lazy if an
        input is lazy.

    Raises
    ------
    QtpDataError
        If a pair joins dates that the series does not have.

    Examples
    --------
    >>> days = pd.date_range("2020-01-01", periods=2, freq="12D")
    >>> pairs = {"reference": ("pair", days[:1]), "secondary": ("pair", days[1:])}
    >>> phase = xr.DataArray([[1.5]], pairs, ("pair", "pixel"), attrs={"units": "rad"})
    >>> series = xr.DataArray([[0.0], [1.0]], {"time": days}, ("time", "pixel"), attrs={"units": "rad"})
    >>> pair_misfit(phase, series)["misfit"].values
    array([0.5])
    """
    require(phase, dims=(PAIR,), quantity="phase")
    require(series, dims=(TIME,), quantity="phase")
    residual = minus_difference(phase, series)
    over = [dim for dim in residual.dims if dim != PAIR]
    valid = xnp.isfinite(residual)
    count = valid.sum(over)
    squares = (residual.where(valid) ** 2).sum(over, dtype=np.float64)
    beyond = (abs(residual) > np.pi).where(valid).sum(over, dtype=np.float64)
    some = count.where(count > 0)
    values = {"misfit": np.sqrt(squares / some), "overruled_share": beyond / some, "count": count}
    return xr.Dataset({name: describe(da, name, like=phase) for name, da in values.items()})
