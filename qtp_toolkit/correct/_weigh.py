"""What of the planes is deformation, and is given back; and what that leaves unknown in the maps."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._pairs import index_pairs, pair_difference
from qtp_toolkit.conventions import (
    PAIR,
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    describe,
    phase_to_displacement,
    require,
)
from qtp_toolkit.correct._ramp import _AXES, _normalize
from qtp_toolkit.correct.kernels import slopes

AXIS = "axis"
GIVE_BACK = ("share", "nothing", "all")


def weigh_ramp(
    ramp: xr.Dataset,
    linear: xr.DataArray,
    composite: xr.DataArray,
    *,
    give_back: Literal["share", "nothing", "all"] = "share",
    wavelength: float = SENTINEL1_WAVELENGTH,
) -> xr.Dataset:
    r"""Keep what is deformation in the planes of interferograms: a ramp that :func:`deramp` takes out without harm.

    The slopes of the planes are inverted through the network, and follow the model of the deformation but for the noise
    of orbits and weather: ``a(t) = v L(t) + d I(t) + c + noise``, along x and along y. Of v and d the mean of what the
    data and the expected size of deformation say together is given back,

    .. math:: \hat v = E\left[\frac{k^2 \tau^2}{k^2 \tau^2 + s^2}\right] v, \quad \ln k \sim N(\ln 1.15, \ln^2 1.6)

    with the standard error s of v, and tau the root-mean-square of the same fit to the waves that are shorter than a
    plane, up to the fourth degree. The expectation is over k given v along x and y.

    Parameters
    ----------
    ramp : xarray.Dataset
        Planes of :func:`fit_ramp` with ``degree=4``.
    linear, composite : xarray.DataArray
        (time) means over the scene of both indices (``pecm.indices``), at all dates of the pairs; NaN where unknown.
    give_back : {"share", "nothing", "all"}
        ``nothing`` takes the whole planes out, ``all`` what does not follow the model.
    wavelength : float
        m.

    Returns
    -------
    xarray.Dataset
        ``offset``, ``ramp_x``, ``ramp_y`` (pair) as :func:`fit_ramp`, less what is given back. By axis (x, y), from the middle
        of the grid to its edge: ``rate_slope`` (mm/yr) and ``coefficient_slope`` (mm degC-0.5 d-0.5), what followed
        the model; ``rate_share`` and ``coefficient_share`` (1), given back; ``rate_slope_std`` and
        ``coefficient_slope_std``, what remains unknown of the slopes of the maps. In memory.

    Raises
    ------
    QtpDataError
        Planes without ``waves``, an index that lacks dates of the pairs, fewer than three years.

    Notes
    -----
    Troposphere that follows the season looks like deformation, here as in each pixel. No share is right for each
    region: with ramps that are small against what deformation may be nearly all is given back, with large ones hardly
    anything.
    """
    if give_back not in GIVE_BACK:
        raise QtpDataError("Unknown way to give back", expected=", ".join(GIVE_BACK), found=repr(give_back))
    if "waves" not in ramp:
        raise QtpDataError("planes without shorter waves", expected="ramp of fit_ramp(..., degree=4)")
    require(linear, dims=(TIME,))
    dates, first, second = index_pairs(ramp)
    at_dates = [index.sel({TIME: dates}).values.astype(float) for index in (linear, composite)]
    sides = np.stack([ramp["ramp_x"].values, ramp["ramp_y"].values], axis=1)
    table = np.concatenate([sides, ramp["waves"].transpose(PAIR, "wave").values], axis=1)
    estimate, std = slopes.follow(table, first, second, *at_dates, pd.DatetimeIndex(dates).year.to_numpy())
    if not np.isfinite(std).all():
        raise QtpDataError(
            "planes need three calendar years of dates to be weighed",
            found=np.unique(dates.astype("datetime64[Y]")).size,
        )
    out = ramp[["offset", "ramp_x", "ramp_y"]].copy()
    per_mm = float(phase_to_displacement(xr.DataArray(1.0, attrs={"units": "rad"}), wavelength=wavelength))
    for name, index, seen, error in zip(("rate", "coefficient"), (linear, composite), estimate, std, strict=True):
        mean, variance = slopes.believe(seen[:2], error[:2], float(np.sqrt(np.mean(seen[2:] ** 2))))
        kept = {"share": mean, "nothing": np.zeros(2), "all": seen[:2]}[give_back]
        between = pair_difference(index, ramp).fillna(0.0)
        for k, side in enumerate(("ramp_x", "ramp_y")):
            out[side] = (out[side] - kept[k] * between).assign_attrs(ramp[side].attrs)
        columns = {
            f"{name}_slope": seen[:2] * per_mm,
            f"{name}_share": np.divide(kept, seen[:2], out=np.ones(2), where=seen[:2] != 0),
            f"{name}_slope_std": np.sqrt(variance + (mean - kept) ** 2) * abs(per_mm),
        }
        out = out.assign({key: describe(xr.DataArray(v, {AXIS: [X, Y]}, AXIS), key) for key, v in columns.items()})
    return out.assign_attrs(give_back=give_back)


def ramp_std(weighed: xr.Dataset, where: xr.DataArray) -> xr.Dataset:
    """What the planes leave unknown in the maps, relative to the reference area.

    Parameters
    ----------
    weighed : xarray.Dataset
        Result of :func:`weigh_ramp`.
    where : xarray.DataArray
        bool, (y, x), the reference area on the grid of the maps.

    Returns
    -------
    xarray.Dataset
        (y, x): ``linear_rate_std`` (mm/yr) and ``seasonal_coefficient_std`` (mm degC-0.5 d-0.5); 0 in the middle of the
        area, growing with the distance from it. What :func:`qtp_toolkit.pecm.fit` takes as ``shared_std``.
    """
    squares = []
    for dim in (X, Y):
        along = _normalize(where[dim], [weighed.attrs[key] for key in _AXES[dim]])
        squares.append((along - along.where(where).mean()) ** 2)
    names = {"rate_slope_std": "linear_rate_std", "coefficient_slope_std": "seasonal_coefficient_std"}
    out = {}
    for source, name in names.items():
        x, y = (weighed[source].sel({AXIS: dim}, drop=True) ** 2 for dim in (X, Y))
        out[name] = describe(np.sqrt(squares[1] * y + squares[0] * x), name, like=weighed["ramp_x"])
    return xr.Dataset(out)
