"""From wrapped to unwrapped phase."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from qtp_toolkit._variables import FRACTION
from qtp_toolkit.conventions import QtpDataError, X, Y, describe, on_pixels_of, require, xnp
from qtp_toolkit.interferogram.kernels import spectral

METHODS = ("least_squares", "snaphu")


def unwrap(
    interferogram: xr.DataArray,
    coherence: xr.DataArray | None = None,
    *,
    method: str = "least_squares",
    looks: float = 57.0,
) -> xr.DataArray:
    """Unwrap an interferogram.

    Parameters
    ----------
    interferogram : xarray.DataArray
        Complex, or wrapped phase in rad; dims ``y, x``.
    coherence : xarray.DataArray, optional
        0..1, same grid: weight of the pixels; those of coherence 0 or NaN are missing. SNAPHU needs it.
    method : {"least_squares", "snaphu"}
        Weighted least squares of the wrapped gradients, made congruent: quick, and good where fringes are clear and
        the area is in one piece. SNAPHU is the network-flow program of the paper (Chen and Zebker 2001): the
        optional package ``snaphu``, free for non-commercial use.
    looks : float
        Effective number of looks, for SNAPHU.

    Returns
    -------
    xarray.DataArray
        rad, float32, dims ``y, x``; differs from the wrapped phase by whole cycles. NaN where the input is NaN, or
        complex and 0, or of no coherence. A multiple of 2 pi is arbitrary: set a reference. Lazy if the input is lazy;
        ``y`` and ``x`` must then be one chunk.

    Raises
    ------
    QtpDataError
        For an unknown method, or SNAPHU without its package or without coherence.

    Examples
    --------
    >>> slope = xr.DataArray(np.tile(1.5 * np.arange(8.0), (4, 1)), dims=("y", "x"))
    >>> phase = unwrap(np.exp(1j * slope))
    >>> (phase - phase[0, 0]).values[0].round(3).tolist()
    [0.0, 1.5, 3.0, 4.5, 6.0, 7.5, 9.0, 10.5]
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
    weight = coherence if coherence is not None else xr.ones_like(wrapped, dtype=np.float32)
    kernel = spectral.unwrap_least_squares if method == "least_squares" else _import_snaphu(coherence, looks)
    out = xr.apply_ufunc(
        kernel,
        wrapped,
        weight,
        input_core_dims=[[Y, X]] * 2,
        output_core_dims=[[Y, X]],
        vectorize=True,
        dask="parallelized",
        output_dtypes=[np.float32],
        keep_attrs=True,
    )
    return describe(out.transpose(*interferogram.dims), "phase", like=interferogram)


def _import_snaphu(coherence: xr.DataArray | None, looks: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """SNAPHU as a function of arrays, or an error that says how to get it."""
    try:
        import snaphu  # noqa: PLC0415  optional
    except ImportError:
        raise QtpDataError(
            "the package 'snaphu' is not installed",
            hint="Install qtp-toolkit[unwrap], or use method='least_squares'.",
        ) from None
    if coherence is None:
        raise QtpDataError("SNAPHU needs the coherence", hint="Pass it as the second array.")

    def run(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        hole = ~np.isfinite(values)
        image = np.where(hole, 0, np.exp(1j * values)).astype(np.complex64)
        gamma = np.where(hole, 0, np.nan_to_num(weight)).clip(0, 1).astype(np.float32)
        unwrapped, _ = snaphu.unwrap(image, gamma, nlooks=looks, cost="smooth", init="mcf")
        return np.where(hole, np.nan, unwrapped).astype(np.float32)

    return run
