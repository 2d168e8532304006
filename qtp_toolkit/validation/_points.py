"""What maps show around stations."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.conventions import STATION, QtpDataError, X, Y, on_pixels_of, require
from qtp_toolkit.grid._frame import crs_of, meters_per_unit, spacing
from qtp_toolkit.validation.kernels import averages


def block_average(
    da: xr.DataArray,
    longitude: Any,
    latitude: Any,
    *,
    size_m: float = 200.0,
    sigma: xr.DataArray | None = None,
    min_pixels: int = 2,
    min_covered: float = 0.0,
) -> xr.Dataset:
    r"""Weighted mean of the pixels in a square around each station.

    .. math:: \bar D = \sum w_i D_i / \sum w_i, \quad w_i = a_i / \sigma_i^2

    with :math:`a_i` the fraction of pixel i inside the square.

    Parameters
    ----------
    da : xarray.DataArray
        (y, x) on a projected grid, e.g. the seasonal amplitude; NaN pixels are left out.
    longitude, latitude : array-like (station,)
        Degrees. DataArrays on dim ``station`` hand their coordinates on.
    size_m : float
        Side of the square in m; centered on the station.
    sigma : xarray.DataArray, optional
        (y, x) standard deviation of ``da`` in its unit; pixels without a positive one are left out. By default all
        pixels weigh by area alone.
    min_pixels : int
        Fewest valid pixels that touch the square.
    min_covered : float
        Least fraction of the square that valid pixels cover, 0 to 1.

    Returns
    -------
    xarray.Dataset
        (station): ``value`` and ``se_internal`` (from ``sigma``, independent pixels: ``1 / sqrt(sum w)`` for whole
        ones; NaN without it), ``se_external`` (from the scatter: ``sqrt(sum w (D - mean)^2 / ((n - 1) sum w))``) in
        the unit of ``da``, ``n`` valid pixels and ``covered``, the fraction of the square that they cover: small where
        pixels are missing or the square leaves the map. NaN with fewer than ``min_pixels`` or less than
        ``min_covered``. Lazy if ``da`` is lazy.

    Raises
    ------
    QtpDataError
        A grid in degrees, of a single row or column, or with uneven pixels; pixels of ``sigma`` that are not those of
        ``da``.

    Notes
    -----
    The paper says "weighted block average" of 200 m by 200 m without its weights; inverse variance is ours. A coarse
    grid puts fewer than two pixels under 200 m: widen ``size_m`` with the pixel.

    References
    ----------
    Chen et al. 2022, Section 4.3.

    Examples
    --------
    The square of 200 m holds four whole pixels of 100 m:

    >>> x, y = np.arange(500_050.0, 500_600.0, 100.0), np.arange(3_800_550.0, 3_800_000.0, -100.0)
    >>> amplitude = xr.DataArray(np.arange(36.0).reshape(6, 6), {"y": y, "x": x}).rio.write_crs("EPSG:32646")
    >>> from pyproj import Transformer
    >>> place = Transformer.from_crs(32646, 4326, always_xy=True).transform(500_200.0, 3_800_400.0)
    >>> block_average(amplitude, *place)["value"].values.round(6)
    array([10.5])
    """
    for array in [da] if sigma is None else [da, sigma]:
        require(array, dims=(Y, X))
    arrays = [da] if sigma is None else [da, on_pixels_of(sigma, da, name="sigma")]
    lon, lat = _read_stations(longitude), _read_stations(latitude)
    spacing(da)  # refuses a map of one row, and uneven pixels
    x, y = grid.to_xy(da, lon, lat)
    crs = crs_of(da)
    if crs.is_geographic:
        raise QtpDataError("block_average needs a grid in meters", hint="Bring it to one with grid.match.")
    east, north = lon.copy(data=x), lat.copy(data=y)
    stacked = xr.apply_ufunc(
        averages.average,
        *arrays,
        da[X].drop_vars(X),
        da[Y].drop_vars(Y),
        east,
        north,
        input_core_dims=[[Y, X]] * len(arrays) + [[X], [Y], [STATION], [STATION]],
        output_core_dims=[["layer", STATION]],
        join="exact",
        kwargs={"size": float(size_m) / meters_per_unit(crs), "min_pixels": min_pixels, "weighted": sigma is not None},
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"layer": 5}},
    )
    text = {
        "value": f"block average of {da.attrs.get('long_name', da.name)}",
        "se_internal": "standard error from the pixels' own uncertainties",
        "se_external": "standard error from the scatter of the pixels",
        "n": "valid pixels in the block",
        "covered": "fraction of the block that valid pixels cover",
    }
    out = {key: stacked.isel(layer=i).assign_attrs(long_name=text[key]) for i, key in enumerate(text)}
    enough = out["covered"] >= min_covered - 1e-9  # a whole square is 1 but for rounding
    out |= {key: out[key].where(enough) for key in ("value", "se_internal", "se_external")}
    for key in ("n", "covered"):
        out[key].attrs["units"] = "1"
    return xr.Dataset(out).drop_vars("spatial_ref", errors="ignore").assign_coords(east.coords)


def _read_stations(values: Any) -> xr.DataArray:
    if isinstance(values, xr.DataArray):
        return values.astype(float)
    return xr.DataArray(np.atleast_1d(np.asarray(values, dtype=float)), dims=STATION)
