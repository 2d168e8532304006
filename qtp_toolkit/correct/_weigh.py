"""Which planes are taken out, what of them is deformation, and what that leaves unknown in the maps."""

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
    as_mask,
    describe,
    phase_to_displacement,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.correct._ramp import AXES, fit_ramp, no_ramp, normalize
from qtp_toolkit.correct.kernels import slopes

GIVE_BACK = ("share", "nothing", "all")
RAMPS = ("none", "plane", "stable", "weighed")


def choose_ramp(
    phase: xr.DataArray,
    ramp: Literal["none", "plane", "stable", "weighed"],
    *,
    indices: xr.Dataset | None = None,
    weight: xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    stable: xr.DataArray | None = None,
    fitted: xr.Dataset | None = None,
    wavelength: float = SENTINEL1_WAVELENGTH,
) -> xr.Dataset:
    """Find the planes that ``settings.ramp`` asks for, for :func:`deramp` to take out. This one computes.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dims ``pair, y, x``.
    ramp : {"none", "plane", "stable", "weighed"}
        Nothing; whole planes; planes of ``stable`` ground only; planes less what of them is likely to be deformation,
        see :func:`weigh_ramp`.
    indices : xarray.Dataset, optional
        ``linear_index`` and ``composite_index`` (time, y, x) of ``pecm.indices``; a thinned or coarser grid will do.
    weight, mask
        As for :func:`deramp`.
    stable : xarray.DataArray, optional
        bool, dims ``y, x``: ground that is known to stand still.
    fitted : xarray.Dataset, optional
        Planes of :func:`fit_ramp` with ``degree=4``, of the same phase, weight and mask, if they are known already; not
        those of ``stable`` ground, which are fitted here.
    wavelength : float
        m.

    Returns
    -------
    xarray.Dataset
        ``offset``, ``ramp_x``, ``ramp_y`` (pair), rad, zero for ``none``, which fits nothing; ``rate_slope_std`` and
        ``coefficient_slope_std`` (axis) for :func:`ramp_std`, zero for ``none``, whose noise the years left out show.
        ``attrs["ramp"]`` says what was done: ``stable`` without such ground is ``weighed``, and without indices, or
        with too few dates for them, all are a plane of which nothing more is known. In memory.

    Raises
    ------
    QtpDataError
        An option outside the list, phase that is none.

    Examples
    --------
    >>> tilt = xr.DataArray(np.linspace(-1, 1, 5) * np.ones((2, 4, 1)), dims=("pair", "y", "x"), attrs={"units": "rad"})
    >>> choose_ramp(tilt, "none")["ramp_x"].values, choose_ramp(tilt, "plane")["ramp_x"].values.round(6)
    (array([0., 0.]), array([1., 1.]))
    >>> choose_ramp(tilt, "weighed").attrs["ramp"]
    'plane: no indices to weigh it by'
    """
    require_option("ramp", ramp, RAMPS)
    if ramp == "none":
        return _unweighed(no_ramp(phase), ramp)
    done, why = str(ramp), "no indices to weigh it by"
    if ramp == "stable":
        if stable is None or not bool(stable.any()):
            ramp, done = "weighed", "weighed: no ground is known to stand still"
        else:
            mask = ~as_mask(stable) if mask is None else as_mask(mask) | ~as_mask(stable)
            fitted = None
    if fitted is None:  # waves are there to be weighed by
        fitted = fit_ramp(phase, weight=weight, mask=mask, degree=1 if indices is None else 4)
    planes = fitted.compute()
    if indices is not None:
        mean = [indices[name].mean((Y, X)).compute() for name in ("linear_index", "composite_index")]
        try:
            share: Literal["share", "nothing"] = "share" if ramp == "weighed" else "nothing"
            return weigh_ramp(planes, *mean, give_back=share, wavelength=wavelength).assign_attrs(ramp=done)
        except QtpDataError as error:
            why = str(error)
    return _unweighed(planes, done if ramp == "stable" else f"plane: {why}")


def _unweighed(planes: xr.Dataset, done: str) -> xr.Dataset:
    """Planes of which nothing is known to remain in the maps."""
    out = planes[["offset", "ramp_x", "ramp_y"]]
    for row in ("rate_slope_std", "coefficient_slope_std"):
        out[row] = describe(xr.DataArray(np.zeros(2), {"axis": [X, Y]}, "axis"), row, like=planes["offset"])
    return out.assign_attrs(ramp=done)


def weigh_ramp(
    ramp: xr.Dataset,
    linear: xr.DataArray,
    composite: xr.DataArray,
    *,
    give_back: Literal["share", "nothing", "all"] = "share",
    wavelength: float = SENTINEL1_WAVELENGTH,
) -> xr.Dataset:
    r"""Keep what is deformation in the planes of interferograms: a ramp for :func:`deramp` that takes out the rest.

    The slopes of the planes are inverted through the network. Along x and along y they follow the model of the
    deformation, but for orbits and weather: ``a(t) = v L(t) + d I(t) + c + noise``. Of v, and likewise of d, is given
    back what is to be expected of it when its standard error s and the usual size of deformation are known:

    .. math:: E\left[\frac{k^2 \tau^2}{k^2 \tau^2 + s^2} \,\middle|\, v_x, v_y\right] v, \quad
        \ln k \sim N(\ln k_0, \ln^2 1.6)

    tau is the root-mean-square of the same coefficient of the waves that are shorter than a plane, less their noise;
    k_0 is 1.4 for the rate and 1.1 for the season.

    Parameters
    ----------
    ramp : xarray.Dataset
        Planes of :func:`fit_ramp` with ``degree=4``; computed if lazy.
    linear, composite : xarray.DataArray
        (time) means of both indices over the scene (``pecm.indices``), with all dates of the pairs; NaN where unknown.
    give_back : {"share", "nothing", "all"}
        ``nothing`` takes out the whole planes, ``all`` only what does not follow the model.
    wavelength : float
        m.

    Returns
    -------
    xarray.Dataset
        ``offset``, ``ramp_x`` and ``ramp_y`` (pair) as :func:`fit_ramp` gives them, less what is given back. By axis
        (x, y), from the middle of the grid to its edge: ``rate_slope`` (mm/yr) and ``coefficient_slope``
        (mm degC-0.5 d-0.5) that follow the model; ``rate_share`` and ``coefficient_share`` (1) of them that are given
        back; ``rate_slope_std`` and ``coefficient_slope_std`` that remain unknown, see :func:`ramp_std`. In memory.

    Raises
    ------
    QtpDataError
        Planes without waves, an index that lacks dates of the pairs, too few dates to tell rate and season apart.

    Notes
    -----
    Troposphere that follows the season looks like deformation here as it does in every pixel. The standard errors are
    formal, widened by the mean ratio of the variance that leaving out whole years shows to the formal one.
    docs/ramps.md has the reasons, and errors with all settings on made regions.

    Examples
    --------
    A tilt that follows the model, and nothing else, is not taken out:

    >>> dates = pd.date_range("2015", periods=60, freq="30D")
    >>> linear = xr.DataArray(np.arange(60) / 12, {"time": dates}, "time")
    >>> across, along = xr.DataArray(np.linspace(-1, 1, 9), dims="x"), xr.DataArray(np.zeros(5), dims="y")
    >>> pairs = {"reference": ("pair", dates[:-1]), "secondary": ("pair", dates[1:])}
    >>> tilt = 0.5 * linear.diff("time").drop_vars("time").rename(time="pair").assign_coords(pairs) * across + along
    >>> out = weigh_ramp(fit_ramp(tilt.assign_attrs(units="rad"), degree=4), linear, 30 * abs(np.sin(np.pi * linear)))
    >>> round(out["rate_slope"].sel(axis="x").item(), 3), round(out["rate_share"].sel(axis="x").item(), 3)
    (-2.207, 1.0)
    >>> abs(out["ramp_x"]).max().round(4).item()
    0.0
    """
    require_option("give_back", give_back, GIVE_BACK)
    if "waves" not in ramp:
        raise QtpDataError("planes without shorter waves cannot be weighed", expected="fit_ramp(..., degree=4)")
    dates, first, second = index_pairs(ramp)
    ramp = ramp.compute()
    between = [pair_difference(index, ramp).fillna(0.0) for index in (linear, composite)]
    at_dates = [index.sel({TIME: dates}, method="nearest").values.astype(float) for index in (linear, composite)]
    sides = np.stack([ramp["ramp_x"].values, ramp["ramp_y"].values], axis=1)
    table = np.concatenate([sides, ramp["waves"].transpose(PAIR, ...).values], axis=1)
    through = 1.0 + (ramp["leak"] ** 2).mean([dim for dim in ramp["leak"].dims if dim != "axis"]).values
    ends = slopes.Network(first, second, pd.DatetimeIndex(dates).year.to_numpy())
    estimates, errors = slopes.follow(table, ends, *at_dates)
    if not np.isfinite(errors).all():
        both = int(np.isfinite(at_dates).all(axis=0).sum())
        if not both:
            raise QtpDataError(
                "no date of the interferograms has indices",
                expected="linear and composite index on their dates",
                found=f"{len(dates)} dates, all NaN",
                hint="Does the temperature lie where the interferograms lie?",
            )
        raise QtpDataError(
            "too few dates to tell rate and season apart in the planes",
            expected="more than one season",
            found=f"{both} of {len(dates)} dates with both indices",
        )
    out = ramp[["offset", "ramp_x", "ramp_y"]]
    to_mm = float(phase_to_displacement(xr.DataArray(1.0, attrs={"units": "rad"}), wavelength=wavelength))
    for name, step, seen, std, scale in zip(
        ("rate", "coefficient"), between, estimates, errors, slopes.SCALES, strict=True
    ):
        usual = scale * slopes.usual_size(seen[2:], std[2:]) * np.sqrt(through)
        belief = slopes.believe(seen[:2], std[:2], usual)
        share = {"share": belief.mean_share(), "nothing": np.zeros(2), "all": np.ones(2)}[give_back]
        for side, back in zip(("ramp_x", "ramp_y"), share * seen[:2], strict=True):
            out[side] = describe(out[side] - back * step, side, like=ramp)
        by_axis = {"slope": seen[:2] * to_mm, "share": share, "slope_std": belief.half_width(share) * abs(to_mm)}
        for kind, values in by_axis.items():
            row = f"{name}_{kind}"
            out[row] = describe(xr.DataArray(values, {"axis": [X, Y]}, "axis"), row, like=ramp)
    return out


def ramp_std(weighed: xr.Dataset, where: xr.DataArray) -> xr.Dataset:
    """Find what ramps leave unknown in the maps: slopes of which only a standard deviation is known.

    Parameters
    ----------
    weighed : xarray.Dataset
        Result of :func:`weigh_ramp`.
    where : xarray.DataArray
        bool, (y, x), True in the reference area (:func:`reference_area`), on the grid of the maps.

    Returns
    -------
    xarray.Dataset
        (y, x) ``linear_rate_std`` (mm/yr) and ``seasonal_coefficient_std`` (mm degC-0.5 d-0.5): 0 in the middle of the
        reference area, growing with the distance from it. For ``pecm.fit``. Lazy if ``where`` is lazy.
    """
    require(where, dims=(Y, X), name="where")
    away = {}
    for dim in (X, Y):
        along = normalize(where[dim], [weighed.attrs[key] for key in AXES[dim]])
        away[dim] = along - along.where(where).mean()
    out = {}
    for name, row in (("linear_rate_std", "rate_slope_std"), ("seasonal_coefficient_std", "coefficient_slope_std")):
        x, y = (away[dim] * weighed[row].sel(axis=dim, drop=True) for dim in (X, Y))
        out[name] = describe(xnp.hypot(y, x), name, like=weighed)
    return xr.Dataset(out)
