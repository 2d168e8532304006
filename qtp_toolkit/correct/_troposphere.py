"""Tropospheric delay from a weather reanalysis."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._dates import read_times
from qtp_toolkit._over_blocks import over_blocks
from qtp_toolkit.conventions import (
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    check_wavelength,
    describe,
    is_lazy,
    many_blocks,
    require,
)
from qtp_toolkit.correct.kernels.delay import GRAVITY_STANDARD, trilinear, zenith_delay

HEIGHTS = np.arange(-500.0, 9001.0, 100.0)
"""Heights in m at which the delay is tabulated; linear between them (error below 0.05 mm)."""

NEAR = np.timedelta64(3, "h")
"""How far from a date with a time of day a time of the reanalysis may lie, on either side."""

_FILL = 1e6
"""Beyond lie fill values, not fields in any unit."""
_PLACES = 9
"""Rows and columns whose places are looked up."""
FIELDS = ("geopotential", "temperature", "specific_humidity")
DELAY = "zenith_delay"


def tropospheric_delay(
    era5: xr.Dataset,
    dem: xr.DataArray,
    incidence: xr.DataArray,
    *,
    dates: Any = None,
    wavelength: float = SENTINEL1_WAVELENGTH,
) -> xr.DataArray:
    r"""Phase delay in the troposphere on each date, from a reanalysis on pressure levels, or delays over height.

    .. math::
        \phi = \frac{4\pi}{\lambda\cos\theta}\, 10^{-6} \Big[ k_1 \frac{R_d}{g_m} P(z)
        + \int_z^{z_{top}} \Big( (k_2 - \tfrac{R_d}{R_v} k_1) \frac{e}{T} + k_3 \frac{e}{T^2} \Big) dz \Big]

    The delay is integrated level by level in each column of the reanalysis, tabulated every 100 m, and interpolated
    linearly in height to the terrain and bilinearly in longitude and latitude.

    Parameters
    ----------
    era5 : xarray.Dataset
        ``geopotential`` (m2 s-2), ``temperature`` (K) and ``specific_humidity`` (kg/kg), dims ``time, level, y, x``
        with ``level`` in hPa, ``y`` and ``x`` latitude and longitude in degrees. Or ``zenith_delay`` (m), dims ``time,
        height, y, x`` with ``height`` in m, as others made it of a weather model (OPERA): linear in height.
    dem : xarray.DataArray
        m, dims ``y, x``, with a CRS: the grid of the result.
    incidence : xarray.DataArray
        degree, scalar, or on the pixels of ``dem``, on more than them, or on another grid with a CRS (bilinear).
    dates : sequence of datetime64 or text, optional
        Dates wanted, UTC. For one with a time of day the delay is linear between the times of the reanalysis before and
        after it, across midnight too; where only one of them is within 3 hours it takes that one. Any other date needs
        one time on its day. By default all times of the reanalysis.
    wavelength : float
        m.

    Returns
    -------
    xarray.DataArray
        rad, dims ``time, y, x``, float32: more delay is more phase, as for subsidence. NaN outside the reanalysis and
        where the terrain is NaN. A constant of the column above the top level is left out; it cancels between dates.
        Lazy if ``era5`` or ``dem`` is lazy (``level`` must then be one chunk).

    Raises
    ------
    QtpDataError
        Listing the dates without reanalysis; for levels that are not in hPa; for a terrain outside the reanalysis. When
        computed: M11, temperatures that are not in K, humidities not in kg/kg, heights in place of geopotentials.

    Warns
    -----
    UserWarning
        I22: a part of the terrain lies outside the reanalysis.

    Notes
    -----
    Take it from interferograms with :func:`remove_delay`. 1 hPa of surface pressure is 2.2767 mm of zenith delay.
    The turbulent part is beyond a reanalysis of 30 km; ramps take some of the rest. Heights are geopotential heights.

    References
    ----------
    Jolivet et al. 2011; Chen et al. 2022, section 3.7.

    Examples
    --------
    A dry atmosphere of 250 K whose pressure rises by 1 hPa between two dates:

    >>> coords = {"time": pd.to_datetime(["2020-01-01", "2020-01-13"]), "level": [200.0, 600.0, 1000.0]}
    >>> coords |= {"y": [35.0, 36.0], "x": [92.0, 93.0]}
    >>> zero = xr.DataArray(np.zeros((2, 3, 2, 2)), coords, ("time", "level", "y", "x"))
    >>> height = 287.05 * 250 * np.log(xr.DataArray([1000.0, 1001.0], dims="time") / zero["level"]) + zero
    >>> era5 = xr.Dataset({"geopotential": height, "temperature": zero + 250, "specific_humidity": zero})
    >>> dem = xr.DataArray(np.zeros((2, 2)), {"y": [35.6, 35.5], "x": [92.5, 92.6]}, ("y", "x"), attrs={"units": "m"})
    >>> looking_down = xr.DataArray(0.0, attrs={"units": "degree"})
    >>> phase = tropospheric_delay(era5, dem.rio.write_crs(4326), looking_down)
    >>> round(1000 * SENTINEL1_WAVELENGTH / (4 * np.pi) * float(phase[1, 0, 0] - phase[0, 0, 0]), 2)  # mm
    2.28
    """
    require(dem, dims=(Y, X), units="m", name="dem")
    # Not to 90, the limit of the table: along the horizon the mapping by 1 / cos has no end.
    require(incidence, quantity="incidence", between=(0.0, 89.0), name="incidence")
    check_wavelength(wavelength)
    passes = _match_days(era5, dates)
    used = np.unique([passes.before, passes.after])
    profiles = _sort_profiles(era5).isel({TIME: used})
    lonlat = grid.lonlat(dem)
    incidence = grid.align(incidence, dem, resampling="bilinear", name="incidence")
    axes = (profiles[Y].values.astype(float), profiles[X].values.astype(float))
    _check_cover(dem, axes)
    table = _tabulate(profiles)
    with many_blocks():
        phase = over_blocks(
            partial(_slant_phase, axes=axes, scale=4 * np.pi / wavelength),
            _at_passes(table, passes, used),
            dem,
            lonlat.longitude,
            lonlat.latitude,
            incidence,
            input_core_dims=[["height", "row", "column"], [], [], [], []],
            dtype=np.float32,
        )
    return describe(phase.transpose(TIME, Y, X), "tropospheric_phase", like=era5, wavelength=wavelength)


def _tabulate(profiles: xr.Dataset) -> xr.DataArray:
    """Zenith delay (..., height) at the heights of the table; y and x are called row and column from here on."""
    made, vertical = (False, "height") if DELAY in profiles else (True, "level")
    bare = profiles.drop_vars([Y, X, "level", "height", "spatial_ref"], errors="ignore")
    bare = bare.rename({Y: "row", X: "column"})
    given = {"pressure": profiles["level"].values * 100.0} if made else {"given": profiles["height"].values}
    return xr.apply_ufunc(
        _zenith if made else _at_heights,
        *(bare[name] for name in (FIELDS if made else (DELAY,))),
        input_core_dims=[[vertical]] * (3 if made else 1),
        output_core_dims=[["height"]],
        exclude_dims={vertical},
        keep_attrs=True,
        kwargs={**given, "heights": HEIGHTS},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"height": len(HEIGHTS)}},
    )


def _sort_profiles(era5: xr.Dataset) -> xr.Dataset:
    """Profiles ordered from the top down, or an error that says what is wrong with them."""
    if DELAY in era5:
        require(era5[DELAY], dims=(TIME, "height", Y, X), quantity=DELAY)
        return _around_the_world(era5[[DELAY]].sortby(["height", Y, X]))
    missing = [name for name in FIELDS if name not in era5]
    if missing:
        raise QtpDataError(f"the reanalysis lacks {missing}", expected=list(FIELDS), found=list(era5.data_vars))
    for name in FIELDS:
        require(era5[name], dims=(TIME, "level", Y, X))
    levels = era5["level"].values
    if not 300.0 < levels.max() <= 1200.0 or levels.min() <= 0:
        raise QtpDataError(
            "the levels of the reanalysis are not in hPa",
            variable="level",
            expected="above 0, lowest 300 to 1200 hPa",
            found=f"{levels.min():g} to {levels.max():g}",
        )
    return _around_the_world(era5[list(FIELDS)].sortby(["level", Y, X]))


def _around_the_world(out: xr.Dataset) -> xr.Dataset:
    """Repeat the first column behind the last one, where nothing lies between them."""
    steps = np.diff(out[X].values.astype(float))
    if steps.size and 360.0 - steps.sum() <= 1.5 * steps.max():
        seam = out.isel({X: [0]}).assign_coords({X: out[X].values[:1] + 360.0})
        out = xr.concat([out, seam], X)
        out = out.chunk({X: -1}) if is_lazy(out) else out
    return out


class _Passes(NamedTuple):
    """Days of the result, and what of the reanalysis each is made from."""

    days: np.ndarray
    before: np.ndarray
    """Position of the time that is not after the pass; of the only one, where one is all there is."""
    after: np.ndarray
    share: np.ndarray
    """Part of the way from the one to the other, 0 to 1."""


def _match_days(era5: xr.Dataset, dates: Any) -> _Passes:
    """Find the times of the reanalysis around each date with a time of day, or the one on the day of any other."""
    times = era5[TIME].values.astype("datetime64[ns]")
    days = times.astype("datetime64[D]")
    stamps = days.astype("datetime64[ns]") if dates is None else read_times(dates).ravel()
    wanted = stamps.astype("datetime64[D]")
    early, late, timed = _find_around(times, stamps)
    timed &= stamps != wanted
    same = days[None, :] == wanted[:, None]
    number = np.where(timed, 1, same.sum(axis=1))
    for what, bad in (("no time", number == 0), ("several times", number > 1)):
        if bad.any():
            found = ", ".join(map(str, np.unique(wanted[bad])))
            # told only where it is so: the hour that a pass shortly before midnight is nearest to is there
            after = np.isin(wanted[bad].astype("datetime64[ns]") + np.timedelta64(1, "D"), times).all()
            beyond = "For passes shortly before midnight give dates with their time of day, e.g. 2018-01-06T23:47."
            raise QtpDataError(
                f"the reanalysis has {what} on some dates",
                where=TIME,
                expected="one a day, or one within 3 h of dates with a time of day",
                found=found,
                hint=beyond if after and what == "no time" else None,
                code="I27",
            )
    early, late = (np.where(timed, at, same.argmax(axis=1)) for at in (early, late))
    way = np.maximum(times[late] - times[early], np.timedelta64(1, "ns"))
    share = np.where(late != early, (stamps - times[early]) / way, 0.0)
    return _Passes(wanted.astype("datetime64[ns]"), early, late, share)


def _find_around(times: np.ndarray, stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of the times within :data:`NEAR` before and after each stamp, or twice the only one; and if any is."""
    apart = times[None, :] - stamps[:, None]
    none = np.timedelta64(0, "ns")
    is_before, is_after = (-apart >= none) & (-apart <= NEAR), (apart >= none) & (apart <= NEAR)
    far = np.timedelta64(2, "D")
    early, late = np.where(is_before, apart, -far).argmax(axis=1), np.where(is_after, apart, far).argmin(axis=1)
    has_early, has_late = is_before.any(axis=1), is_after.any(axis=1)
    return np.where(has_early, early, late), np.where(has_late, late, early), has_early | has_late


def _at_passes(table: xr.DataArray, passes: _Passes, used: np.ndarray) -> xr.DataArray:
    """Tables of the delay at the moments of the passes, from those at the times of the reanalysis that are used."""
    before, after = (table.isel({TIME: np.searchsorted(used, at)}) for at in (passes.before, passes.after))
    share = xr.DataArray(passes.share, dims=TIME)
    before, after = (da.drop_vars(TIME) for da in (before, after))
    between = before + share * (after - before) if passes.share.any() else before
    return between.assign_coords({TIME: passes.days})


def _check_cover(dem: xr.DataArray, axes: tuple[np.ndarray, np.ndarray]) -> None:
    """Refuse a terrain of which nothing lies inside the reanalysis, and warn if a part does not; at some places."""
    places = {dim: dem[dim].values[np.linspace(0, dem.sizes[dim] - 1, _PLACES).astype(int)] for dim in (Y, X)}
    seen = grid.lonlat(xr.DataArray(np.zeros((_PLACES,) * 2), places, (Y, X)).rio.write_crs(dem.rio.crs))
    lat, lon = seen.latitude.values, seen.longitude.values
    rows, columns = axes
    east = _wrap_longitude(lon, columns)
    inside = (lat >= rows[0]) & (lat <= rows[-1]) & (east >= columns[0]) & (east <= columns[-1])
    if inside.any() and not inside.all():
        text = f"about {1 - inside.mean():.0%} of the terrain lies outside the reanalysis: no delay there (I22)"
        warnings.warn(text, stacklevel=3)
    if not inside.any():
        raise QtpDataError(
            "the terrain lies outside the reanalysis",
            code="I22",
            expected=f"longitude {columns[0]:g} to {columns[-1]:g}, latitude {rows[0]:g} to {rows[-1]:g}",
            found=f"longitude {lon.min():.3f} to {lon.max():.3f}, latitude {lat.min():.3f} to {lat.max():.3f}",
        )


def _zenith(*fields: np.ndarray, pressure: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Zenith delay of profiles that can be what they say (M11)."""
    top = GRAVITY_STANDARD * 7000.0 * np.log(101325.0 / pressure[0])  # geopotential there, within a fifth or so
    limits = {"geopotential": (0.5 * top - 5e3, 1.5 * top + 5e3), "temperature": (130.0, 350.0)}
    limits |= {"specific_humidity": (-1e-3, 0.06)}
    held = []
    for name, values in zip(FIELDS, fields, strict=True):
        low, high = limits[name]
        seen = values[..., 0] if name == "geopotential" else values
        seen = seen[np.abs(seen) < _FILL]
        # the wettest air, since most of it is dry in any unit
        typical = float(np.quantile(seen, 0.99 if name == "specific_humidity" else 0.5)) if seen.size else low
        if not low <= typical <= high:
            raise QtpDataError(
                f"the {name.replace('_', ' ')} of the reanalysis leaves its physical range",
                variable=name,
                expected=f"{low:.4g} to {high:.4g}",
                found=f"{typical:.4g}",
                hint="It should be geopotential in m2 s-2 (not height), temperature in K, humidity in kg/kg.",
                code="M11",
            )
        beyond = (values < low) | (values > high) if name != "geopotential" else np.False_  # fill values, not air
        held.append(np.where(beyond, np.nan, values) if beyond.any() else values)
    return zenith_delay(*held, pressure=pressure, heights=heights)


def _at_heights(delay: np.ndarray, *, given: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Delays of columns (..., height) at other heights; NaN beyond the given ones."""
    at = np.interp(heights, given, np.arange(len(given)), left=np.nan, right=np.nan)
    low = np.clip(np.nan_to_num(at).astype(int), 0, max(len(given) - 2, 0))
    share = at - low
    return delay[..., low] * (1 - share) + delay[..., np.minimum(low + 1, len(given) - 1)] * share


def _wrap_longitude(longitude: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Longitudes as the reanalysis counts them, -180 to 180 or 0 to 360: from its western edge on."""
    return (longitude - columns[0]) % 360.0 + columns[0]


def _slant_phase(table: np.ndarray, *maps: np.ndarray, axes: tuple[np.ndarray, ...], scale: float) -> np.ndarray:
    """Interpolate tables (time, 1, 1, height, row, column) to pixels and tilt them into the line of sight."""
    (rows, columns), (elevation, longitude, latitude, incidence) = axes, maps
    east = _wrap_longitude(longitude, columns)
    position = tuple(
        np.interp(values, axis, np.arange(len(axis)), left=np.nan, right=np.nan)
        for values, axis in ((elevation, HEIGHTS), (latitude, rows), (east, columns))
    )
    zenith = trilinear(table.reshape(len(table), *table.shape[-3:]), position)
    return zenith * (scale / np.cos(np.deg2rad(incidence))).astype(np.float32)
