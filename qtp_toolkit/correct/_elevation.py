"""Delay that follows the terrain, from the phase itself: a slope of phase against elevation, one or in windows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.conventions import QtpDataError, X, Y, as_mask, describe, is_lazy, many_blocks, require
from qtp_toolkit.correct._ramp import AXES, keep_spans, measure_span, normalize
from qtp_toolkit.correct.kernels.elevation import follow, hats, slopes

_WINDOWS = {X: "window_x", Y: "window_y"}
_CORE = ["window_y", "window_x"]
_POWERS = {X: "power_x", Y: "power_y"}


def fit_elevation(
    phase: xr.DataArray,
    dem: xr.DataArray,
    *,
    windows: tuple[int, int] = (1, 1),
    relief: float = 50.0,
    weight: xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
) -> xr.Dataset:
    """Fit a slope of phase against elevation to each interferogram, in the whole scene or in overlapping windows.

    In each window a constant, a plane and the elevation are fitted together by weighted least squares, so that ramps
    are not taken for the terrain.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dims ``y, x`` and any others (each fitted by itself).
    dem : xarray.DataArray
        m, dims ``y, x``, on the pixels of the phase, on more than them, or on another grid with a CRS (bilinear).
    windows : (int, int)
        How many along y and x, evenly over the scene, their middles on its edges; each reaches to the middles of its
        neighbors, and weighs less there.
    relief : float
        m; windows whose elevation has a smaller standard deviation about a plane take the slope of the whole scene.
    weight : xarray.DataArray, optional
        Weight of the pixels in the fit, e.g. the coherence; NaN counts as 0.
    mask : xarray.DataArray, optional
        True where pixels are left out of the fit: water, or ground that is known to move.

    Returns
    -------
    xarray.Dataset
        ``slope`` (rad/km) and ``relief`` (km), dims of the phase with ``window_y, window_x`` in place of ``y, x``;
        ``level`` (window_y, window_x), m, the mean elevation; float64. Windows count along the coordinates, from the
        smallest on. Attributes hold middle and half width of the
        grid, so that the slopes can be taken out of another grid of the same coordinates. Lazy if an input is lazy;
        best computed, on a thinned grid or a quicklook, before :func:`elevation_phase`.

    Raises
    ------
    QtpDataError
        Windows below 1, or inputs of other units or grids.

    Notes
    -----
    What follows the terrain need not be delay: basins of frozen ground lie low, and sink and heave. Mask them, or
    compare the slopes of many pairs before they are taken out, and see :func:`correction_gain`. A reanalysis knows
    nothing of the phase, and cannot take deformation along.

    Examples
    --------
    >>> dem = xr.DataArray([[4000.0, 5000.0, 4200.0], [4600.0, 4100.0, 5200.0]], dims=("y", "x"), attrs={"units": "m"})
    >>> dem = dem.assign_coords(y=[1.0, 0.0], x=[0.0, 1.0, 2.0])
    >>> phase = (0.002 * dem + 0.3 * dem.x).assign_attrs(units="rad")
    >>> float(fit_elevation(phase, dem)["slope"].squeeze().round(6))
    2.0
    """
    require(phase, dims=(Y, X), quantity="phase")
    height = _in_km(dem, phase)
    if min(windows) < 1:
        raise QtpDataError("windows are counted from 1 on", expected="(along y, along x)", found=windows)
    use = (phase.notnull() & height.notnull()).astype(np.float64)
    if mask is not None:
        use = use.where(~grid.align(as_mask(mask), phase, resampling="nearest", name="mask"), 0.0)
    if weight is not None:
        use = use * grid.align(weight, phase, name="weight").fillna(0.0)
    known, level = height.notnull().astype(np.float64), height.mean()
    height = (height - level).fillna(0.0)
    spans = {dim: measure_span(phase[dim]) for dim in (X, Y)}
    number = dict(zip((Y, X), windows, strict=True))
    moments = _sum(use, height, spans, number, highest=2)
    slope, found = xr.apply_ufunc(
        slopes,
        moments,
        _sum(use * phase.fillna(0.0), height, spans, number, highest=1),
        input_core_dims=[[*_CORE, "power_h", "power_x", "power_y"]] * 2,
        output_core_dims=[_CORE] * 2,
        exclude_dims={"power_h", *_POWERS.values()},
        kwargs={"relief": relief / 1000.0},
        dask="parallelized",
        output_dtypes=[np.float64] * 2,
    )
    ground = _sum(known, height, spans, number, highest=1).isel(dict.fromkeys(_POWERS.values(), 0))
    count = ground.isel(power_h=0)
    mean = 1000.0 * (level + ground.isel(power_h=1) / count.where(count > 0, 1.0))
    out = {
        "slope": describe(slope, "elevation_slope", like=phase),
        "relief": describe(found, "elevation_relief", like=dem),
        "level": describe(mean, "elevation", like=dem),
    }
    return xr.Dataset(out, attrs=keep_spans(spans))


def elevation_phase(fit: xr.Dataset, dem: xr.DataArray) -> xr.DataArray:
    """Phase that follows the terrain, by the slopes of :func:`fit_elevation`: a correction for :func:`remove_delay`.

    Parameters
    ----------
    fit : xarray.Dataset
        Of :func:`fit_elevation`, best in memory; by pairs, if it is of interferograms.
    dem : xarray.DataArray
        m, dims ``y, x``: the grid of the result. As fine as the phase; chunked where the result outgrows memory.

    Returns
    -------
    xarray.DataArray
        rad, float32, dims of the slopes with ``y, x``: the slope, linear between the middles of the windows, times the
        elevation above the mean there, so that what is larger than a window stays. NaN where the terrain is. Lazy if
        an input is lazy.

    Raises
    ------
    QtpDataError
        If ``fit`` is not of :func:`fit_elevation`.

    Examples
    --------
    >>> dem = xr.DataArray([[4000.0, 5000.0, 4200.0], [4600.0, 4100.0, 5200.0]], dims=("y", "x"), attrs={"units": "m"})
    >>> dem = dem.assign_coords(y=[1.0, 0.0], x=[0.0, 1.0, 2.0])
    >>> phase = (0.002 * dem + 0.3 * dem.x).assign_attrs(units="rad")
    >>> flat = phase - elevation_phase(fit_elevation(phase, dem), dem)
    >>> (flat - flat[0, 0]).values.round(3)
    array([[0. , 0.3, 0.6],
           [0. , 0.3, 0.6]])
    """
    needed = sum(AXES.values(), ())
    if not {"slope", "level"} <= set(fit) or not set(needed) <= set(fit.attrs):
        raise QtpDataError("these are no slopes of fit_elevation", expected=["slope", "level"], found=list(fit))
    require(dem, dims=(Y, X), units="m", name="dem")
    slope, level = fit["slope"], fit["level"].drop_vars(fit["level"].coords)
    weights = {}
    for dim, window in _WINDOWS.items():
        along = normalize(dem[dim], [fit.attrs[key] for key in AXES[dim]])
        values = xr.DataArray(hats(along.values, fit.sizes[window]), {dim: dem[dim]}, (dim, window))
        weights[dim] = values.chunk({dim: dem.chunksizes[dim]}) if is_lazy(dem) else values
    with many_blocks():
        out = xr.apply_ufunc(
            follow,
            slope,
            level,
            dem,
            weights[Y],
            weights[X],
            input_core_dims=[_CORE, _CORE, [], ["window_y"], ["window_x"]],
            dask="parallelized",
            output_dtypes=[np.float32],
        )
    return describe(out.transpose(..., Y, X), "elevation_phase", like=slope)


def _in_km(dem: xr.DataArray, phase: xr.DataArray) -> xr.DataArray:
    require(dem, dims=(Y, X), units="m", name="dem")
    return grid.align(dem, phase, resampling="bilinear", name="dem").astype(np.float64) / 1000.0


def _sum(
    use: xr.DataArray,
    height: xr.DataArray,
    spans: dict[str, tuple[float, float]],
    number: dict[str, int],
    *,
    highest: int,
) -> xr.DataArray:
    """Sum use times powers of elevation, x and y over windows; float64."""
    rows = []
    for power in range(highest + 1):
        out = use * height**power if power else use
        for dim, window in _WINDOWS.items():
            along = normalize(out[dim], spans[dim])
            weights = xr.DataArray(hats(along.values, number[dim]), {dim: out[dim]}, (dim, window))
            powers = along ** xr.DataArray(np.arange(highest + 1), dims=_POWERS[dim])
            out = xr.dot(out, weights * powers, dim=dim)
        rows.append(out)
    out = xr.concat(rows, "power_h", coords="minimal", compat="override")
    return out.chunk({"power_h": -1}) if is_lazy(out) else out
