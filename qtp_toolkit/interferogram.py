"""From two single-look complex images to an unwrapped interferogram (paper section 3.7).

The paper's interferograms come from ISCE; these are the same steps, to teach them and for small scenes. The chain
itself starts from unwrapped interferograms.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, X, Y, describe, require
from qtp_toolkit.kernels import spectral

METHODS = ("least_squares", "snaphu")


def form(reference: xr.DataArray, secondary: xr.DataArray) -> xr.DataArray:
    """Interfere two coregistered single-look complex images: ``reference * conj(secondary)``.

    A later image that is farther away (subsidence) gives positive phase, as everywhere in the toolkit.

    Parameters
    ----------
    reference, secondary : xarray.DataArray
        Complex, dims ``y, x``, of the earlier and the later date, on the same pixels.

    Returns
    -------
    xarray.DataArray
        Complex, same dims; its angle is the wrapped phase. Lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If an image is not complex, or the images differ in size or coordinates.
    """
    _check_pair(reference, secondary)
    out = reference * np.conj(secondary)
    return _labelled(out.transpose(*reference.dims), reference, "interferogram")


def simulate(phase: xr.DataArray, coherence: xr.DataArray, *, seed: int = 0) -> xr.Dataset:
    """Draw two single-look complex images of given phase and coherence: circular Gaussian speckle.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dims ``y, x``, in memory: what the interferogram of the two shows on average.
    coherence : xarray.DataArray
        0..1, same pixels.
    seed : int

    Returns
    -------
    xarray.Dataset
        ``reference`` and ``secondary``, complex64, dims ``y, x``, of unit mean power. In memory.
    """
    require(phase, dims=(Y, X), units="rad")
    require(coherence, dims=(Y, X), between=(0.0, 1.0), name="coherence")
    draws = np.random.default_rng(seed).normal(scale=np.sqrt(0.5), size=(4, *phase.shape))
    first, other = draws[0] + 1j * draws[1], draws[2] + 1j * draws[3]
    gamma = coherence.transpose(*phase.dims).values
    second = (gamma * first + np.sqrt(1 - gamma**2) * other) * np.exp(-1j * phase.values)
    images = {"reference": first, "secondary": second}
    out = {name: phase.copy(data=values.astype(np.complex64)) for name, values in images.items()}
    return xr.Dataset({name: _labelled(da, phase, name) for name, da in out.items()})


def multilook(image: xr.DataArray, *, looks_y: int = 6, looks_x: int = 20) -> xr.DataArray:
    """Average blocks of pixels; of a complex interferogram, to reduce its noise.

    Parameters
    ----------
    image : xarray.DataArray
        Dims ``y, x``; complex or real.
    looks_y, looks_x : int
        Pixels along azimuth and range; the paper takes 6 and 20, about 90 m.

    Returns
    -------
    xarray.DataArray
        Dims ``y, x`` of whole blocks (the rest is dropped), coordinates of the block centers. NaN pixels are left
        out of their block. Lazy if the input is lazy.
    """
    require(image, dims=(Y, X))
    _check_looks(image, looks_y, looks_x)
    out = image.coarsen({Y: looks_y, X: looks_x}, boundary="trim").mean()
    return out.astype(image.dtype).rename(image.name).assign_attrs(image.attrs)


def coherence(reference: xr.DataArray, secondary: xr.DataArray, *, looks_y: int = 6, looks_x: int = 20) -> xr.DataArray:
    r"""Estimate the coherence of two images over blocks of pixels.

    .. math:: \gamma = \frac{|\sum s_1 s_2^*|}{\sqrt{\sum |s_1|^2 \sum |s_2|^2}}

    Parameters
    ----------
    reference, secondary : xarray.DataArray
        Complex, dims ``y, x``, coregistered, flat and topographic phase removed (they would lower the estimate).
    looks_y, looks_x : int
        Pixels of a block.

    Returns
    -------
    xarray.DataArray
        0..1, float32, on the grid of :func:`multilook`. Biased high where it is low: about ``sqrt(pi / (4 L))`` for
        incoherent images and L looks. NaN where a block has no signal. Lazy if the input is lazy.
    """
    _check_pair(reference, secondary)
    _check_looks(reference, looks_y, looks_x)
    blocks = {Y: looks_y, X: looks_x}
    cross = np.abs((reference * np.conj(secondary)).coarsen(blocks, boundary="trim").mean())
    power = [(np.abs(image) ** 2).coarsen(blocks, boundary="trim").mean() for image in (reference, secondary)]
    product = power[0] * power[1]
    out = (cross / np.sqrt(product.where(product > 0))).clip(0.0, 1.0).astype(np.float32)
    return describe(out.transpose(*reference.dims), "coherence", **_note(reference))


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
    _check_complex(interferogram)
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
        0..1, same grid: weight of the pixels. SNAPHU needs it.
    method : {"least_squares", "snaphu"}
        Weighted least squares of the wrapped gradients, made congruent: quick, and good where fringes are clear and
        the area is in one piece. SNAPHU is the network-flow program of the paper (Chen and Zebker 2001): the
        optional package ``snaphu``, free for non-commercial use.
    looks : float
        Effective number of looks, for SNAPHU.

    Returns
    -------
    xarray.DataArray
        rad, float32, dims ``y, x``; differs from the wrapped phase by whole cycles. NaN where the input is NaN. A
        multiple of 2 pi is arbitrary: set a reference. Lazy if the input is lazy; ``y`` and ``x`` must then be one
        chunk.

    Raises
    ------
    QtpDataError
        For an unknown method, or SNAPHU without its package or without coherence.
    """
    require(interferogram, dims=(Y, X))
    if method not in METHODS:
        raise QtpDataError("unknown unwrapping method", expected=f"one of {METHODS}", found=repr(method))
    wrapped = interferogram
    if interferogram.dtype.kind == "c":
        wrapped = np.arctan2(interferogram.imag, interferogram.real)
    else:
        require(interferogram, units="rad")
    if coherence is not None:
        require(coherence, dims=(Y, X), between=(0.0, 1.0 + 1e-3), name="coherence")
    weight = coherence if coherence is not None else xr.ones_like(wrapped, dtype=np.float32)
    kernel = _unwrap_block if method == "least_squares" else _snaphu(coherence)
    out = xr.apply_ufunc(
        kernel,
        wrapped,
        weight,
        input_core_dims=[[Y, X]] * 2,
        output_core_dims=[[Y, X]],
        vectorize=True,
        kwargs={} if method == "least_squares" else {"looks": looks},
        dask="parallelized",
        output_dtypes=[np.float32],
        keep_attrs=True,
    )
    return describe(out.transpose(*interferogram.dims), "phase", **_note(interferogram))


def _unwrap_block(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    phase = np.where(np.isfinite(values), values, np.nan)
    return spectral.unwrap_least_squares(phase, np.nan_to_num(weight)).astype(np.float32)


def _snaphu(coherence: xr.DataArray | None):
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

    def run(values: np.ndarray, weight: np.ndarray, *, looks: float) -> np.ndarray:
        hole = ~np.isfinite(values)
        image = np.where(hole, 0, np.exp(1j * values)).astype(np.complex64)
        gamma = np.where(hole, 0, np.nan_to_num(weight)).clip(0, 1).astype(np.float32)
        unwrapped, _ = snaphu.unwrap(image, gamma, nlooks=looks, cost="smooth", init="mcf")
        return np.where(hole, np.nan, unwrapped).astype(np.float32)

    return run


def _check_pair(reference: xr.DataArray, secondary: xr.DataArray) -> None:
    for image in (reference, secondary):
        require(image, dims=(Y, X))
        _check_complex(image)
    same = all(reference.sizes[dim] == secondary.sizes[dim] for dim in (Y, X)) and all(
        np.array_equal(reference[dim].values, secondary[dim].values) for dim in (Y, X)
    )
    if not same:
        raise QtpDataError(
            "the two images are not on the same pixels",
            expected=dict(reference.sizes),
            found=dict(secondary.sizes),
            hint="Coregister them first.",
            code="I06",
        )


def _check_complex(image: xr.DataArray) -> None:
    if image.dtype.kind != "c":
        raise QtpDataError(
            f"{image.name!r} is not complex", expected="complex64 or complex128", found=str(image.dtype), code="I11"
        )


def _check_looks(image: xr.DataArray, looks_y: int, looks_x: int) -> None:
    if not (1 <= looks_y <= image.sizes[Y] and 1 <= looks_x <= image.sizes[X]):
        raise QtpDataError(
            "looks do not fit the image",
            expected=f"1 to {image.sizes[Y]} and 1 to {image.sizes[X]}",
            found=f"looks_y={looks_y}, looks_x={looks_x}",
        )


def _note(da: xr.DataArray) -> dict[str, object]:
    return {key: da.attrs[key] for key in ("provenance_note",) if key in da.attrs}


def _labelled(out: xr.DataArray, like: xr.DataArray, name: str) -> xr.DataArray:
    out = out.rename(name)
    out.attrs = {"units": "1", "long_name": f"complex {name}", **_note(like)}
    return out
