"""Corrections that come as maps, one a date or one a pair: into phase, out of interferograms, and what they gain."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._pairs import minus_difference, name_pairs, pair_dates
from qtp_toolkit.conventions import (
    PAIR,
    SENTINEL1_WAVELENGTH,
    TIME,
    VARIABLES,
    QtpDataError,
    X,
    Y,
    as_mask,
    check_wavelength,
    describe,
    is_lazy,
    require,
    xnp,
)
from qtp_toolkit.correct._ramp import deramp

_SLANT = ("tropospheric_phase", "ionospheric_phase", "tidal_phase", "slant_delay")
"""What is in the line of sight already."""


def delay_phase(
    delay: xr.DataArray, *, incidence: xr.DataArray | None = None, wavelength: float = SENTINEL1_WAVELENGTH
) -> xr.DataArray:
    r"""Turn a delay as others deliver it, in m or rad, at the zenith or in the line of sight, into phase.

    .. math:: \phi = \frac{4\pi}{\lambda\cos\theta}\, d_{zenith}, \qquad \phi = \frac{4\pi}{\lambda}\, d_{slant}

    Parameters
    ----------
    delay : xarray.DataArray
        m or rad, dim ``time`` or ``pair`` and any others; one way, more is later. GACOS delivers m at the zenith,
        LiCSAR and OPERA in the line of sight.
    incidence : xarray.DataArray, optional
        degree, scalar, or on the pixels of ``delay``, on more than them, or on another grid with a CRS (bilinear): for
        a delay at the zenith. Left out, the delay is one in the line of sight.
    wavelength : float
        m; of no account for a delay in rad.

    Returns
    -------
    xarray.DataArray
        rad in the line of sight, dims and dtype of ``delay``: more delay is more phase, as for subsidence. For
        :func:`remove_delay`. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        A unit beside m and rad; ``zenith_delay`` without an incidence angle, or with one what is in the line of sight
        by its name.

    Examples
    --------
    >>> zenith = xr.DataArray([2.3, 2.4], dims="time", name="zenith_delay", attrs={"units": "m"})
    >>> incidence = xr.DataArray(60.0, attrs={"units": "degree"})
    >>> delay_phase(zenith, incidence=incidence, wavelength=4 * np.pi / 100).round(3).values
    array([460., 480.])
    """
    units = delay.attrs.get("units")
    if units not in ("m", "rad"):
        raise QtpDataError(
            "a delay has the wrong unit", variable=str(delay.name), expected="m or rad", found=units, code="I30"
        )
    if (delay.name == "zenith_delay" and incidence is None) or (delay.name in _SLANT and incidence is not None):
        raise QtpDataError(
            "a zenith delay needs the incidence angle, one in the line of sight has none",
            variable=str(delay.name),
            expected="incidence for zenith_delay only",
            found="none" if incidence is None else "an incidence angle",
            code="I30",
        )
    check_wavelength(wavelength)
    out = delay if units == "rad" else delay * np.asarray(4 * np.pi / wavelength, delay.dtype)
    if incidence is not None:
        # Not to 90, the limit of the table: along the horizon the mapping by 1 / cos has no end.
        require(incidence, quantity="incidence", between=(0.0, 89.0), name="incidence")
        angle = grid.align(incidence, delay, resampling="bilinear", name="incidence") if Y in delay.dims else incidence
        out = (out / xnp.cos(xnp.deg2rad(angle))).transpose(*delay.dims).astype(delay.dtype, copy=False)
    known = delay.name in VARIABLES and VARIABLES[str(delay.name)].units == "rad"
    return describe(out, str(delay.name) if known else "tropospheric_phase", like=delay)


def remove_delay(phase: xr.DataArray, delay: xr.DataArray) -> xr.DataArray:
    """Subtract from each interferogram the difference of a delay between its two dates, or a correction of the pair.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dim ``pair`` with coords ``reference`` and ``secondary``.
    delay : xarray.DataArray
        rad, dim ``time``, or ``pair`` with the pairs of the phase in its order; on the same grid, or on another one
        with a CRS (bilinear). Of :func:`tropospheric_delay`, of :func:`delay_phase` for what others deliver, of
        :func:`solid_earth_tide`, :func:`elevation_phase`, :func:`dem_error_phase`.

    Returns
    -------
    xarray.DataArray
        rad, dims and dtype of the phase; NaN where the delay is. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        Listing the dates of pairs that the delay lacks, or for other pairs than those of the phase.

    Examples
    --------
    >>> days = pd.date_range("2020-01-01", periods=2, freq="12D")
    >>> delay = xr.DataArray([1.0, 4.0], {"time": days}, "time", attrs={"units": "rad"})
    >>> pairs = {"reference": ("pair", days[:1]), "secondary": ("pair", days[1:])}
    >>> remove_delay(xr.DataArray([5.0], pairs, "pair", attrs={"units": "rad"}), delay).values
    array([2.])
    """
    require(phase, dims=(PAIR,), quantity="phase")
    by_pair = PAIR in delay.dims
    require(delay, dims=() if by_pair else (TIME,), quantity="tropospheric_phase")
    if by_pair:
        _check_pairs(delay, phase)
    bare = delay.drop_vars([name for name in delay.coords if name not in (TIME, Y, X, "spatial_ref")])
    bare = grid.align(bare, phase, resampling="bilinear", name="delay")
    chunks = {dim: size for dim, size in phase.variable.chunksizes.items() if dim in delay.dims}
    bare = bare.chunk(chunks) if chunks and not is_lazy(bare) else bare
    if by_pair:
        out = (phase - bare).astype(phase.dtype, copy=False)
    else:
        out = minus_difference(phase, bare, dtype=phase.dtype)
    return describe(out.transpose(*phase.dims), "phase", like=phase)


def correction_gain(
    phase: xr.DataArray,
    corrections: Mapping[str, xr.DataArray | Sequence[xr.DataArray]],
    *,
    mask: xr.DataArray | None = None,
) -> xr.Dataset:
    """Tell for each pair what corrections do to the variance of its phase. This one computes.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dims ``pair, y, x``. A part of the pixels or of the pairs will do, and takes less time: ``phase[::5, ::4,
        ::4]``.
    corrections : mapping of str to xarray.DataArray, or to several of them
        By name, what :func:`remove_delay` takes out of the phase; each is tried alone, several of a name together.
    mask : xarray.DataArray, optional
        True where pixels are left out: water, or ground that is known to move.

    Returns
    -------
    xarray.Dataset
        ``variance_before`` (pair) and ``variance_after`` (correction, pair), rad2, about a plane, over the pixels that
        are valid before and after every one of the corrections; ``variance_ratio`` (correction, pair), below 1 where
        the correction helps; ``median_ratio`` (correction); ``valid_share`` (correction), of the valid pixels of the
        phase those that a correction leaves valid. ``attrs["raised"]`` names the corrections that raise the
        median of the variance, with commas between; empty if none does. ``attrs["empty"]`` those that leave no pixel
        valid: their ratio is NaN, and the others are judged without them. In memory.

    Raises
    ------
    QtpDataError
        No correction, or as :func:`remove_delay`; I22: the phase has no valid pixel, or none that all corrections have
        that have any.

    Notes
    -----
    A plane is taken out of both, because one is taken out of interferograms afterwards. Variance tells deformation from
    delay as little as the eye does: a correction that follows the terrain may lower it by taking deformation along.

    Examples
    --------
    >>> days = pd.date_range("2020-01-01", periods=2, freq="12D")
    >>> pairs = {"reference": ("pair", days[:1]), "secondary": ("pair", days[1:])}
    >>> bump = xr.DataArray(np.random.default_rng(0).normal(size=(1, 20, 20)), pairs, ("pair", "y", "x"))
    >>> bump = bump.assign_attrs(units="rad")
    >>> gain = correction_gain(bump, {"half": bump / 2, "turned": -bump})
    >>> gain["median_ratio"].round(2).values, gain.attrs["raised"]
    (array([0.25, 4.  ]), 'turned')
    """
    require(phase, dims=(PAIR, Y, X), quantity="phase")
    if not corrections:
        raise QtpDataError("no correction to judge", expected="at least one map, by name")
    together = [[given] if isinstance(given, xr.DataArray) else given for given in corrections.values()]
    import dask  # noqa: PLC0415  slow to import

    stacks = [phase, *(reduce(remove_delay, maps, phase) for maps in together)]
    there = [stack.notnull() for stack in stacks]
    if mask is not None:
        open_ground = ~grid.align(as_mask(mask), phase, resampling="nearest", name="mask")
        there = [one & open_ground for one in there]
    names_of = [str(name) for name in corrections]
    kept, *left = (int(count) for count in dask.compute(*(one.sum() for one in there)))
    # One that leaves nothing would leave no pixel to judge the others by.
    judged = [True, *(count > 0 for count in left)]
    valid = reduce(operator.and_, itertools.compress(there, judged))
    if not int(valid.sum()):
        raise QtpDataError(
            "phase and corrections have no valid pixel in common",
            expected="at least one pixel that is valid in the phase and in all corrections that have any",
            found="; ".join(f"{name}: {count} of {kept}" for name, count in zip(names_of, left, strict=True)),
            hint="Judge them one by one.",
            code="I22",
        )
    flat = (deramp(stack.where(valid)) for stack in itertools.compress(stacks, judged))
    before, *known = dask.compute(*(stack.var((Y, X), dtype=np.float64) for stack in flat))
    found = iter(known)
    names = xr.DataArray(list(corrections), dims="correction", name="correction")
    after = [next(found) if one else xr.full_like(before, np.nan) for one in judged[1:]]
    after = xr.concat(after, names, coords="minimal", compat="override")
    ratio = after / before
    median = after.median(PAIR) / before.median(PAIR)
    shares = xr.DataArray([count / kept for count in left], {"correction": names}, ("correction",))
    out = {
        "variance_before": describe(before, "phase_variance", like=phase),
        "variance_after": describe(after, "phase_variance", like=phase),
        "variance_ratio": describe(ratio, "variance_ratio", like=phase),
        "median_ratio": describe(median, "variance_ratio", like=phase),
        "valid_share": describe(shares, "valid_share", like=phase),
    }
    raised = [name for name, value in zip(names_of, median.values, strict=True) if value > 1.0]
    empty = [name for name, count in zip(names_of, left, strict=True) if not count]
    return xr.Dataset(out, attrs={"raised": ", ".join(raised), "empty": ", ".join(empty)})


def _check_pairs(delay: xr.DataArray, phase: xr.DataArray) -> None:
    """Refuse a correction of other pairs than the phase, or in another order."""
    if not all(np.array_equal(*ends) for ends in zip(pair_dates(delay), pair_dates(phase), strict=True)):
        raise QtpDataError(
            "a correction is of other pairs than the phase",
            where=PAIR,
            expected=", ".join(name_pairs(phase)),
            found=", ".join(name_pairs(delay)),
            code="I03",
        )
