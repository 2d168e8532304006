"""Whether arrays lie on the same pixels: the one place where coordinates of different sources are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from qtp_toolkit._errors import QtpDataError

if TYPE_CHECKING:
    from pyproj import CRS

SNAP = 1e-3
"""Grids that differ by less than this part of a pixel are one grid."""


def on_pixels_of(da: xr.DataArray, like: xr.DataArray | xr.Dataset, *, name: str | None = None) -> xr.DataArray:
    """Bring an array to the very coordinates of another where both have the same pixels, or refuse it.

    xarray joins by exact coordinates: pixels that differ by rounding vanish without a word.

    Parameters
    ----------
    da : xarray.DataArray
        Dims that ``like`` has not, and dims without coordinates on either side, are not compared but in size.
    like : xarray.DataArray or xarray.Dataset
        Gives the coordinates.
    name : str, optional
        How the error calls the array.

    Returns
    -------
    xarray.DataArray
        With the coordinates of ``like``; cropped to it where it is larger and its pixels are among them, turned round
        where an axis runs the other way. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        I05, I06 or I07: the coordinates differ by more than a thousandth of a pixel (says by how much), or do not cover
        those of ``like``, or y or x are of another CRS.

    Examples
    --------
    >>> phase = xr.DataArray([1.0, 2.0], {"x": [0.0, 90.0]}, "x")
    >>> mask = xr.DataArray([True, False, True], {"x": [-90.0, 1e-6, 90.0]}, "x")
    >>> on_pixels_of(mask, phase)["x"].values.tolist()
    [0.0, 90.0]
    """
    label, other = name or repr(da.name or "array"), repr(getattr(like, "name", None) or "array")
    own, asked = (_crs(obj) for obj in (da, like))
    spatial = {"y", "x"} & set(da.dims) & set(like.dims)  # places and regions are the same in any
    if spatial and own and asked and not same_crs(own, asked):
        raise QtpDataError(
            f"{label} has another coordinate reference system than {other}",
            expected=_called(asked),
            found=_called(own),
            hint="Bring it there with grid.match.",
            code="I07",
        )
    for dim in [dim for dim in da.dims if dim in like.dims]:
        if dim not in da.coords or dim not in like.coords:
            how, code = "the sizes differ, and one has no coordinates", "I06"
            first = 0 if da.sizes[dim] == like.sizes[dim] else None
        else:
            if _step(da[dim].values) * _step(like[dim].values) < 0:
                da = da.isel({dim: slice(None, None, -1)})
            first, how, code = _place(da[dim].values, like[dim].values)
        if first is None:
            numbered = like[dim].dtype.kind in "iuf"
            raise QtpDataError(
                f"{label} is not on the grid of {other}: along {dim}, {how}",
                expected=dict(like.sizes),
                found=dict(da.sizes),
                hint="Bring it there with grid.match." if numbered else "Choose the same of both, in order.",
                code=code,
            )
        da = da.isel({dim: slice(first, first + like.sizes[dim])})
        da = da.assign_coords({dim: like[dim].variable}) if dim in da.coords and dim in like.coords else da
    return da


def as_mask(da: xr.DataArray) -> xr.DataArray:
    """Return where a mask says yes: above 0. NaN and negative codes mean no data, which as truth would be yes."""
    return da if da.dtype == bool else da > 0


def require_same_grid(da: xr.DataArray, like: xr.DataArray, *, name: str | None = None) -> xr.DataArray:
    """Return an array (called ``name``) on the coordinates of another of the same dims, see :func:`on_pixels_of`."""
    if set(da.dims) != set(like.dims):
        label, other = name or repr(da.name or "array"), repr(like.name or "array")
        raise QtpDataError(f"{label} has other dims than {other}", expected=like.dims, found=da.dims)
    return on_pixels_of(da, like, name=name)


def on_one_grid(*arrays: Any) -> tuple[Any, ...]:
    """Bring the arrays of one formula to the pixels of the first that has any, see :func:`on_pixels_of`.

    Parameters
    ----------
    *arrays : xarray.DataArray, number or None
        Dims other than y and x are left to xarray: names of stations need not be in order.

    Returns
    -------
    tuple
        As given; numbers, None, and arrays without y and x unchanged.

    Raises
    ------
    QtpDataError
        I05 to I07, I20: other pixels.

    Examples
    --------
    >>> rough = xr.DataArray([1.0, 2.0], {"y": [90.0, 0.0]}, "y")
    >>> float(sum(on_one_grid(rough, 3.0, rough.assign_coords(y=[90.000001, 0.0]))).sum())
    12.0
    """
    spatial = [set(da.dims) & {"y", "x"} if isinstance(da, xr.DataArray) else set() for da in arrays]
    first = next((da for da, dims in zip(arrays, spatial, strict=True) if dims), None)
    if first is None:
        return arrays
    like = first.isel(dict.fromkeys(set(first.dims) - {"y", "x"}, 0), drop=True)
    return tuple(
        on_pixels_of(da, like) if dims and da is not first else da for da, dims in zip(arrays, spatial, strict=True)
    )


def with_same_labels(*arrays: xr.DataArray) -> list[xr.DataArray]:
    """Refuse arrays whose times, stations or other labels differ: xarray would join them by what little they share."""
    try:
        return list(xr.align(*arrays, join="exact", copy=False))
    except ValueError as error:
        raise QtpDataError(
            f"labels do not agree: {error}",
            found=[dict(array.sizes) for array in arrays],
            hint="Choose the same times and stations of all.",
        ) from None


def _place(own: np.ndarray, wanted: np.ndarray) -> tuple[int | None, str, str]:
    """Where ``wanted`` begins in ``own``, a coordinate that runs the same way; None, why and the fault if nowhere."""
    if np.array_equal(own, wanted):
        return 0, "", ""
    step = _step(wanted) or _step(own)
    if not step or not min(own.size, wanted.size):
        return None, f"the labels differ: {own[:1]} and {wanted[:1]} are the first", "I06"
    if own.size > 1 and abs(_step(own) / step - 1) * max(wanted.size, 2) > SNAP * 10:
        return None, f"pixels are {abs(_step(own)):g} and {abs(step):g} wide", "I20"
    shift = (float(wanted[0]) - float(own[0])) / step
    first, told = round(shift), f"shifted by {0.0 - shift:+.6g} pixels"
    fits = 0 <= first <= own.size - wanted.size
    off = np.abs(own[first : first + wanted.size].astype(float) - wanted.astype(float)).max() if fits else 0.0
    if abs(shift - first) >= SNAP or off > SNAP * 10 * abs(step):  # from pixel to pixel the difference adds up
        return None, told, "I05"
    if not fits:
        return None, f"{told}: it covers {max(0, min(own.size - first, wanted.size) - max(-first, 0))} pixels", "I06"
    return first, "", ""


def _step(values: np.ndarray) -> float:
    """Mean step of a coordinate; 0 for a single pixel, and for labels that are no numbers."""
    return float(values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 and values.dtype.kind in "iuf" else 0.0


def _crs(obj: xr.DataArray | xr.Dataset) -> str | None:
    """WKT of the CRS, if the array carries one."""
    attrs = obj.coords["spatial_ref"].attrs if "spatial_ref" in obj.coords else {}
    return attrs.get("crs_wkt") or attrs.get("spatial_ref")


def same_crs(own: str, asked: str) -> bool:
    """Whether two CRS (WKT) are one on the map: heights beside them, and the order of axes, do not count."""
    if own == asked:  # as most do, to the letter
        return True
    from pyproj import CRS  # noqa: PLC0415

    first, second = (_horizontal(CRS.from_wkt(wkt)) for wkt in (own, asked))
    return first.equals(second, ignore_axis_order=True)


def _called(wkt: str) -> str:
    from pyproj import CRS  # noqa: PLC0415

    crs = CRS.from_wkt(wkt)
    return crs.name if (code := crs.to_epsg()) is None else f"EPSG:{code} ({crs.name})"


def _horizontal(crs: CRS) -> CRS:
    return (crs.sub_crs_list[0] if crs.is_compound else crs).to_2d()
