"""Reference area and masks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._angles import nearest_turn
from qtp_toolkit._pairs import name_pairs
from qtp_toolkit.conventions import PAIR, REFERENCE, TIME, QtpDataError, X, Y, as_mask, describe, is_lazy, require, xnp
from qtp_toolkit.grid._frame import crs_of
from qtp_toolkit.kernels import reasons

EARTH_RADIUS = 6371000.0

_SLAB = 2**20
"""Pixels of a slab of rows."""
_STRIDE = 16
"""Pixels from node to node of the grid on which a reference area is looked for first."""


def reference_area(
    template: xr.DataArray | xr.Dataset, *, longitude: float, latitude: float, radius_m: float = 5000.0
) -> xr.DataArray:
    """Mark the pixels around a point: a reference area for :func:`set_reference`.

    Parameters
    ----------
    template : xarray.DataArray or Dataset
        Dims ``y, x`` and a CRS.
    longitude, latitude : float
        degree; longitude by any convention.
    radius_m : float
        m. The nearest pixel always belongs to the area.

    Returns
    -------
    xarray.DataArray
        bool, dims ``y, x``, in memory.

    Raises
    ------
    QtpDataError
        If the point lies outside the grid.

    Examples
    --------
    A point and its four neighbors; 0.01 degree is 1.11 km to the north and 0.92 km to the east:

    >>> axes = {"y": 34.42 - 0.01 * np.arange(5), "x": 92.33 + 0.01 * np.arange(5)}
    >>> template = xr.DataArray(np.zeros((5, 5)), axes, ("y", "x")).rio.write_crs(4326)
    >>> int(reference_area(template, longitude=92.35, latitude=34.40, radius_m=1200.0).sum())
    5
    """
    blank = np.zeros((template.sizes[Y], template.sizes[X]), dtype=bool)
    bare = xr.DataArray(blank, {Y: template[Y], X: template[X]}, (Y, X)).rio.write_crs(crs_of(template))
    _refuse_outside(bare, longitude, latitude)
    window = _find_window(bare, longitude, latitude, radius_m)
    area, nearest = bare.copy(), (np.inf, (0, 0))
    for rows in _cut_rows(window):
        where = grid.lonlat(bare.isel({Y: rows, X: window[1]}))
        distance = _great_circle(where.longitude.values, where.latitude.values, longitude, latitude)
        area.values[rows, window[1]] = distance <= radius_m
        row, column = np.unravel_index(distance.argmin(), distance.shape)
        nearest = min(nearest, (float(distance[row, column]), (rows.start + int(row), window[1].start + int(column))))
    area.values[nearest[1]] = True  # a radius below the pixel still has its pixel
    return describe(area, "reference_area", like=template)


def coherent_area(coherence: xr.DataArray, *, size: int = 5) -> xr.DataArray:
    """Mark the square whose worst pixel in its worst interferogram is the best: a reference area if none is known.

    Parameters
    ----------
    coherence : xarray.DataArray
        0..1, dims ``pair, y, x``; pixels that miss an interferogram do not qualify.
    size : int
        Side of the square in pixels, odd.

    Returns
    -------
    xarray.DataArray
        bool, dims ``y, x``; nothing is marked if no square is complete. Lazy if the input is lazy.

    Notes
    -----
    Coherent ground is not always stable ground: say which area it is, and check it against what is known there.

    Examples
    --------
    The best worst case, not the best mean:

    >>> coherence = xr.DataArray([[[0.9, 0.4, 0.7]], [[0.9, 0.5, 0.7]], [[0.2, 0.5, 0.7]]], dims=("pair", "y", "x"))
    >>> coherent_area(coherence, size=1).values
    array([[False, False,  True]])
    """
    require(coherence, dims=(PAIR, Y, X))
    if size < 1 or size % 2 == 0:
        raise QtpDataError("the side of a square is an odd number of pixels", found=size, expected="1, 3, 5, ...")
    square: dict[str, Any] = {"dim": {Y: size, X: size}, "center": True}
    worst = coherence.min(PAIR, skipna=False).rolling(**square).min()
    seed = (worst == worst.max()).astype(np.float32)
    return describe(seed.rolling(**square, min_periods=1).max() > 0, "reference_area", like=coherence)


def reference_level(phase: xr.DataArray, where: xr.DataArray | tuple[float, float, float, float]) -> xr.DataArray:
    """Mean of each interferogram (or date) over a reference area: what :func:`set_reference` subtracts.

    Of a stack that does not fit into memory, compute this first and subtract it: a few numbers, for which otherwise
    every block would wait.

    Parameters
    ----------
    phase, where
        As for :func:`set_reference`.

    Returns
    -------
    xarray.DataArray
        Unit of the input, its dims without ``y, x``, and its dtype. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        As :func:`set_reference`.
    """
    require(phase, dims=(Y, X))
    area = _crop(phase, where)
    # In float64: a mean of many float32 pixels would be off by more than the phase is worth.
    number = area.notnull().sum((Y, X))
    mean = area.sum((Y, X), dtype=np.float64) / number.where(number > 0)
    lead = [*map(str, mean.dims)]
    # In one chunk, so that the error lists all interferograms without a valid pixel, not those of one block.
    mean = mean.chunk(dict.fromkeys(lead, -1)) if is_lazy(mean) else mean
    instead = "" if is_lazy(mean) or (number > 0).all() else _find_valid(phase, area)
    mean = xr.apply_ufunc(
        _refuse_nan,
        mean,
        input_core_dims=[lead],
        output_core_dims=[lead],
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.float64],
        kwargs={"labels": _name_layers(phase, lead), "instead": instead},
    )
    return mean.astype(phase.dtype).rename(phase.name).assign_attrs(phase.attrs)


def set_reference(phase: xr.DataArray, where: xr.DataArray | tuple[float, float, float, float]) -> xr.DataArray:
    """Make the phase relative to a reference area: subtract its mean from each interferogram (or date).

    Parameters
    ----------
    phase : xarray.DataArray
        rad (or mm), dims ``y, x`` and one other.
    where : xarray.DataArray or (west, south, east, north)
        True in the reference area (bool, dims ``y, x``), or a window in the coordinates of the grid.

    Returns
    -------
    xarray.DataArray
        Same dims, unit and dtype; its mean over the valid pixels of the area is zero. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If the area is empty or outside the grid; listing the interferograms without a valid pixel in the area (when
        the values are computed, if the input is lazy).

    Examples
    --------
    >>> phase = xr.DataArray([[[1.0, 2.0, 6.0]]], dims=("pair", "y", "x"), attrs={"units": "rad"})
    >>> set_reference(phase, xr.DataArray([[True, True, False]], dims=("y", "x"))).values
    array([[[-0.5,  0.5,  4.5]]])
    """
    out = phase - reference_level(phase, where)
    return out.transpose(*phase.dims).rename(phase.name).assign_attrs(phase.attrs)


def apply_mask(da: xr.DataArray | xr.Dataset, mask: xr.DataArray) -> xr.DataArray | xr.Dataset:
    """Blank the pixels where the mask is True: water, glaciers, ground without permafrost.

    Parameters
    ----------
    da : xarray.DataArray or Dataset
        Variables without ``y, x`` are left alone.
    mask : xarray.DataArray
        bool, or numbers that are above 0 for yes, dims ``y, x``; yes is taken out. On another grid with a CRS its
        nearest pixels count.

    Returns
    -------
    xarray.DataArray or Dataset
        Same dims and attributes; NaN (``False`` and 0 for bool and integers) under the mask. A ``reason`` of a Dataset
        becomes 7. The attribute ``masked`` of a Dataset says how much is masked, if the mask is in memory. Lazy if the
        input is lazy.

    Examples
    --------
    >>> water = xr.DataArray([[False, True]], dims=("y", "x"))
    >>> apply_mask(xr.DataArray([[1.0, 2.0]], dims=("y", "x")), water).values
    array([[ 1., nan]])
    """
    require(mask, dims=(Y, X), name="mask")
    hidden = grid.align(as_mask(mask), da, resampling="nearest", name="mask")
    if isinstance(da, xr.DataArray):
        return _blank(da, hidden)
    out = da.assign({name: _blank(v, hidden) for name, v in da.data_vars.items() if {Y, X} <= set(v.dims)})
    share = {} if is_lazy(mask) else {"masked": f"{float(hidden.mean()):.1%} of pixels"}
    return out.assign_attrs(share)


def _refuse_outside(bare: xr.DataArray, longitude: float, latitude: float) -> None:
    """Refuse a point beyond the borders of a grid."""
    borders = [grid.lonlat(bare.isel({dim: [0, -1]})) for dim in (Y, X)]
    east = np.concatenate([nearest_turn(line.longitude.values, longitude).ravel() for line in borders])
    north = np.concatenate([line.latitude.values.ravel() for line in borders])
    if not (east.min() <= longitude <= east.max() and north.min() <= latitude <= north.max()):
        raise QtpDataError(
            "the reference point lies outside the grid",
            code="I22",
            found=f"longitude {longitude}, latitude {latitude}",
            expected=f"longitude {east.min():.4f} to {east.max():.4f}, latitude {north.min():.4f} to {north.max():.4f}",
            hint="Longitude comes first.",
        )


def _find_window(bare: xr.DataArray, longitude: float, latitude: float, radius_m: float) -> tuple[slice, slice]:
    """Rows and columns that hold every pixel within the radius, and the nearest one, from a thinned grid."""
    nodes = [np.unique([*range(0, size, _STRIDE), size - 1]) for size in bare.shape]
    thin = grid.lonlat(bare.isel(dict(zip((Y, X), nodes, strict=True))))
    east, north = thin.longitude.values, thin.latitude.values
    # A pixel is no farther from a node of its cell than one step down and one across.
    reach = 0.0
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        reach += _great_circle(east[one], north[one], east[other], north[other]).max(initial=0.0)
    distance = _great_circle(east, north, longitude, latitude)
    near = distance <= max(radius_m, float(distance.min())) + reach
    window = []
    for axis, marks in enumerate(nodes):
        hit = np.flatnonzero(near.any(axis=1 - axis))
        low, high = marks[max(hit[0] - 1, 0)], marks[min(hit[-1] + 1, len(marks) - 1)]
        window.append(slice(int(low), int(high) + 1))
    return window[0], window[1]


def _cut_rows(window: tuple[slice, slice]) -> list[slice]:
    """Cut the rows of a window into slabs of about a million pixels, two rows at least: no large grid at once."""
    height, width = (part.stop - part.start for part in window)
    number = max(1, min(height // 2, height * width // _SLAB))
    edges = window[0].start + np.linspace(0, height, number + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def _great_circle(lon: np.ndarray, lat: np.ndarray, longitude: Any, latitude: Any) -> np.ndarray:
    """Great-circle distance of pixels from a point, m."""
    north, east = np.deg2rad(lat - latitude), np.deg2rad(lon - longitude)
    # Haversines: the law of cosines would lose the short distances, of which this is about, to rounding.
    half = np.sin(north / 2) ** 2 + np.cos(np.deg2rad(lat)) * np.cos(np.deg2rad(latitude)) * np.sin(east / 2) ** 2
    return 2 * EARTH_RADIUS * np.arcsin(np.sqrt(half))


def _blank(da: xr.DataArray, hidden: xr.DataArray) -> xr.DataArray:
    instead = np.nan if da.dtype.kind == "f" else reasons.MASKED if da.name == "reason" else 0
    out = da.where(~hidden, np.asarray(instead, dtype=da.dtype))
    return out.transpose(*da.dims).rename(da.name).assign_attrs(da.attrs)


def _crop(phase: xr.DataArray, where: xr.DataArray | tuple[float, float, float, float]) -> xr.DataArray:
    """Phase of the reference area, NaN around it, cut to its bounding box where that is known."""
    inside = where if isinstance(where, xr.DataArray) else _mark_window(phase, where)
    require(inside, dims=(Y, X), name="where")
    inside = grid.align(as_mask(inside), phase, resampling="nearest", name="the reference area")
    if is_lazy(inside):
        return phase.where(inside)
    rows, columns = (np.flatnonzero(inside.any(dim).values) for dim in (X, Y))
    if not rows.size:
        raise QtpDataError("the reference area is empty", code="I22", hint="Move it, or enlarge it.")
    box = {Y: slice(rows[0], rows[-1] + 1), X: slice(columns[0], columns[-1] + 1)}
    return phase.isel(box).where(inside.isel(box))


def _mark_window(phase: xr.DataArray, window: tuple[float, float, float, float]) -> xr.DataArray:
    west, south, east, north = window
    y, x = phase[Y], phase[X]
    inside = ((y >= south) & (y <= north)) & ((x >= west) & (x <= east))
    if not inside.any():
        raise QtpDataError(
            "no pixel of the grid lies in the reference window",
            code="I22",
            found=f"west, south, east, north {window}",
            expected=f"x {float(x.min()):g} to {float(x.max()):g}, y {float(y.min()):g} to {float(y.max()):g}",
        )
    return inside


def _name_layers(phase: xr.DataArray, lead: list[str]) -> list[str]:
    """How an error names the interferograms (or dates) of a stack."""
    if lead == [PAIR] and REFERENCE in phase.coords:
        return name_pairs(phase)
    if lead == [TIME]:
        return list(phase[TIME].values.astype("datetime64[D]").astype(str))
    return [str(k) for k in range(int(np.prod([phase.sizes[dim] for dim in lead])))]


def _find_valid(phase: xr.DataArray, area: xr.DataArray) -> str:
    """Name the pixels nearest to an area that every interferogram has."""
    valid = phase.notnull().all([dim for dim in phase.dims if dim not in (Y, X)])
    distance = xnp.hypot(phase[X] - area[X].mean(), phase[Y] - area[Y].mean()).transpose(Y, X)
    order = np.argsort(distance.where(valid).values, axis=None, kind="stable")[: min(3, int(valid.sum()))]
    rows, columns = np.unravel_index(order, valid.shape)
    places = [f"x {float(phase[X][c]):.10g}, y {float(phase[Y][r]):.10g}" for r, c in zip(rows, columns, strict=True)]
    return f" Nearest pixels that all interferograms have: {'; '.join(places) or 'none'}."


def _refuse_nan(mean: np.ndarray, *, labels: list[str], instead: str) -> np.ndarray:
    bad = [label for label, value in zip(labels, np.ravel(mean), strict=True) if np.isnan(value)]
    if bad:
        raise QtpDataError(
            f"the reference area has no valid pixel in {len(bad)} of {len(labels)} interferograms",
            code="I21",
            found=", ".join(bad),
            hint=f"Enlarge the area, move it to coherent ground, or drop these interferograms.{instead}",
        )
    return mean
