"""From wrapped to unwrapped phase."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Literal

import numpy as np
import xarray as xr
from scipy import ndimage

from qtp_toolkit._variables import FRACTION
from qtp_toolkit.conventions import QtpDataError, X, Y, describe, on_pixels_of, require, xnp
from qtp_toolkit.interferogram.kernels import gradients
from qtp_toolkit.interferogram.kernels.loose import settle
from qtp_toolkit.interferogram.kernels.tiles import Kernel, unwrap_tiles

METHODS = ("whirlwind", "snaphu", "least_squares")
_SMALLEST = 64
"""Pixels along the side of a tile, at least: a tile must see more than its noise."""


def unwrap(
    interferogram: xr.DataArray,
    coherence: xr.DataArray | None = None,
    *,
    method: Literal["whirlwind", "snaphu", "least_squares"] = "whirlwind",
    looks: float = 57.0,
    tile: int | None = None,
) -> xr.DataArray:
    """Unwrap an interferogram.

    Parameters
    ----------
    interferogram : xarray.DataArray
        Complex, or wrapped phase in rad; dims ``y, x``.
    coherence : xarray.DataArray, optional
        0..1, same grid: how far pixels are believed; those of coherence 0 or NaN are missing. SNAPHU needs it.
    method : {"whirlwind", "snaphu", "least_squares"}
        Minimum cost flow by the library ``whirlwind-insar``; pixels that it does not rely on (component 0) are put on
        the cycle nearest to the plane through their surroundings. SNAPHU is the network-flow program of the paper
        (Chen and Zebker 2001): the optional package ``snaphu``, free for non-commercial use. Weighted least squares of
        the wrapped gradients, made congruent, are here to teach: good where fringes are clear and the area is in one
        piece.
    looks : float
        Effective number of looks that the coherence was estimated with; not of least squares.
    tile : int, optional
        Side in pixels of overlapping tiles that are unwrapped one after another, which bounds the memory; whole cycles
        bring them to one level. By default all is one piece.

    Returns
    -------
    xarray.DataArray
        rad, float32, dims ``y, x``; differs from the wrapped phase by whole cycles. NaN where the input is NaN, or
        complex and 0, or of no coherence. A multiple of 2 pi is arbitrary: set a reference. Lazy if the input is lazy;
        ``y`` and ``x`` must then be one chunk.

    Raises
    ------
    QtpDataError
        For an unknown method, a package that is not installed, SNAPHU without coherence, or tiles too small.

    Examples
    --------
    >>> slope = xr.DataArray(np.tile(1.5 * np.arange(8.0), (4, 1)), dims=("y", "x"))
    >>> phase = unwrap(np.exp(1j * slope))
    >>> (phase - phase[0, 0]).values[0].round(3).tolist()
    [0.0, 1.5, 3.0, 4.5, 6.0, 7.5, 9.0, 10.5]
    """
    return unwrap_components(interferogram, coherence, method=method, looks=looks, tile=tile)["phase"]


def unwrap_components(
    interferogram: xr.DataArray,
    coherence: xr.DataArray | None = None,
    *,
    method: Literal["whirlwind", "snaphu", "least_squares"] = "whirlwind",
    looks: float = 57.0,
    tile: int | None = None,
) -> xr.Dataset:
    """Unwrap an interferogram, and say which pixels hang together.

    Parameters
    ----------
    interferogram, coherence, method, looks, tile
        As for :func:`unwrap`.

    Returns
    -------
    xarray.Dataset
        ``phase``, as of :func:`unwrap`; ``component``, uint16, from 1: within one the cycles agree, between two they
        may not; 0 is no data, or not to be relied on (least squares tell only what lies apart). Lazy if the input is.

    Raises
    ------
    QtpDataError
        As :func:`unwrap`.

    Examples
    --------
    Two pieces that a strip without data divides:

    >>> slope = xr.DataArray(np.tile(1.5 * np.arange(8.0), (4, 1)), dims=("y", "x"))
    >>> image = np.exp(1j * slope).where(slope != 6.0)
    >>> unwrap_components(image, method="least_squares")["component"].values[0]
    array([1, 1, 1, 1, 0, 2, 2, 2], dtype=uint16)
    """
    require(interferogram, dims=(Y, X))
    if method not in METHODS:
        raise QtpDataError("unknown unwrapping method", expected=f"one of {METHODS}", found=repr(method))
    wrapped = interferogram
    if interferogram.dtype.kind == "c":
        wrapped = xnp.arctan2(interferogram.imag, interferogram.real).where(interferogram != 0)
    else:
        require(interferogram, quantity="wrapped_phase")
    if coherence is not None:
        low, high = FRACTION
        require(coherence, dims=(Y, X), between=(low, high + 1e-3), name="coherence")  # estimates are rounded
        coherence = on_pixels_of(coherence, interferogram, name="coherence")
        wrapped = wrapped.where(coherence > 0)  # without any weight its cycles would be anybody's guess
    kernel = _kernel(method, looks)
    if tile is not None:
        if tile < _SMALLEST:
            raise QtpDataError("tiles are too small", expected=f"{_SMALLEST} pixels or more", found=f"tile={tile}")
        kernel = partial(unwrap_tiles, solve=kernel, tile=tile)
    if coherence is None and method == "snaphu":
        raise QtpDataError("SNAPHU needs the coherence", hint="Pass it as the second array.")
    weight = coherence if coherence is not None else xr.ones_like(wrapped, dtype=np.float32)
    phase, component = xr.apply_ufunc(
        kernel,
        wrapped,
        weight,
        input_core_dims=[[Y, X]] * 2,
        output_core_dims=[[Y, X]] * 2,
        vectorize=True,
        dask="parallelized",
        output_dtypes=[np.float32, np.uint16],
        keep_attrs=True,
    )
    found = {"phase": phase, "component": component}
    return xr.Dataset(
        {name: describe(da.transpose(*interferogram.dims), name, like=interferogram) for name, da in found.items()}
    )


def _kernel(method: str, looks: float) -> Kernel:
    """Return the method as a function of arrays that pickles; an error says how to get what is not installed."""
    if method == "least_squares":
        return _least_squares
    extra = {"whirlwind": "whirlwind-insar", "snaphu": "qtp-toolkit[unwrap]"}[method]
    if find_spec(method) is None:
        raise QtpDataError(
            f"the package {method!r} is not installed", hint=f"Install {extra}, or use method='least_squares'."
        )
    return partial({"whirlwind": _whirlwind, "snaphu": _snaphu}[method], looks=looks)


def _least_squares(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pieces, _ = ndimage.label(np.isfinite(values))
    return gradients.unwrap_least_squares(values, weight).astype(np.float32), pieces.astype(np.uint16)


def _whirlwind(values: np.ndarray, weight: np.ndarray, *, looks: float) -> tuple[np.ndarray, np.ndarray]:
    import whirlwind  # noqa: PLC0415  (compiled; what reads no images does without)

    image, gamma, seen = _images(values, weight)
    if not seen.any():
        return np.full(values.shape, np.nan, np.float32), np.zeros(values.shape, np.uint16)
    # More looks than the cost tables hold make no difference to the library, but a warning.
    looks = min(max(looks, 1.0), 300.0)
    # Pieces are levelled against each other; to look for them in an image of one piece costs a twentieth.
    pieces = ndimage.label(seen)[1]
    # Without the trend of steep fringes the flow has few residues to pair: a third of the time where they are steep.
    trend = gradients.trend(image)
    flat = image * _phasor(-trend)
    phase, component = whirlwind.unwrap(flat, gamma, looks, seen, bridge=pieces > 1)
    phase = settle(_congruent(phase + trend, values), gamma**2, component == 0)
    return _congruent(phase, values), component.astype(np.uint16)


def _snaphu(values: np.ndarray, weight: np.ndarray, *, looks: float) -> tuple[np.ndarray, np.ndarray]:
    import snaphu  # noqa: PLC0415  optional

    image, gamma, _ = _images(values, weight)
    phase, component = snaphu.unwrap(image, gamma, nlooks=looks, cost="smooth", init="mcf")
    return _congruent(phase, values), component.astype(np.uint16)


def _images(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Complex image and coherence as the libraries take them, zero without data, and where there are data."""
    seen = np.isfinite(values)
    image = np.where(seen, _phasor(np.where(seen, values, 0)), np.complex64(0))
    return image, np.where(seen, np.nan_to_num(weight), 0).clip(0, 1).astype(np.float32), seen


def _phasor(phase: np.ndarray) -> np.ndarray:
    """``exp(1j * phase)`` as complex64, many times faster than the exponential of complex numbers."""
    out = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=out.real, casting="same_kind")
    np.sin(phase, out=out.imag, casting="same_kind")
    return out


def _congruent(phase: np.ndarray, wrapped: np.ndarray) -> np.ndarray:
    """Unwrapped phase that differs from the wrapped one by whole cycles, to the last bit that float32 has."""
    return (wrapped + 2 * np.pi * np.rint((phase - wrapped) / (2 * np.pi))).astype(np.float32)
