"""Goldstein filter of a complex interferogram."""

from __future__ import annotations

import xarray as xr

from qtp_toolkit.conventions import QtpDataError, X, Y, require
from qtp_toolkit.interferogram._form import check_complex
from qtp_toolkit.interferogram.kernels import spectral


def goldstein(interferogram: xr.DataArray, *, alpha: float = 0.5, patch: int = 32, smooth: int = 3) -> xr.DataArray:
    """Sharpen the fringes of an interferogram (Goldstein and Werner 1998).

    In overlapping patches the spectrum is multiplied by its own smoothed modulus to the power ``alpha``.

    Parameters
    ----------
    interferogram : xarray.DataArray
        Complex, dims ``y, x``, multilooked.
    alpha : float
        0 (nothing happens) to 1 (strong).
    patch : int
        Side of a patch in pixels, 8 or more; patches overlap by three quarters.
    smooth : int
        Side in samples of the window that smooths the spectrum.

    Returns
    -------
    xarray.DataArray
        Complex, same dims; NaN stays NaN. Lazy if the input is lazy; ``y`` and ``x`` must then be one chunk each.
    """
    require(interferogram, dims=(Y, X))
    check_complex(interferogram)
    if not 0 <= alpha <= 1 or patch < 8:
        raise QtpDataError(
            "the filter needs alpha in 0..1 and patches of at least 8 pixels", found=f"alpha={alpha}, patch={patch}"
        )
    out = xr.apply_ufunc(
        spectral.goldstein,
        interferogram,
        input_core_dims=[[Y, X]],
        output_core_dims=[[Y, X]],
        vectorize=True,
        kwargs={"alpha": alpha, "patch": patch, "smooth": smooth},
        dask="parallelized",
        output_dtypes=[interferogram.dtype],
        keep_attrs=True,
    )
    return out.transpose(*interferogram.dims)
