"""From two coregistered complex images to a multilooked, filtered interferogram and its coherence."""

from __future__ import annotations

import re

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import (
    VARIABLES,
    QtpDataError,
    X,
    Y,
    describe,
    on_pixels_of,
    require,
    require_same_grid,
    xnp,
)
from qtp_toolkit.interferogram.kernels import spectral


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

    Examples
    --------
    >>> early, late = (xr.DataArray([[np.exp(1j * angle)]], dims=("y", "x")) for angle in (0.9, 0.2))
    >>> np.angle(form(early, late).values).round(3)
    array([[0.7]])
    """
    secondary = _check_pair(reference, secondary)
    out = reference * np.conj(secondary)
    return describe(out.transpose(*reference.dims), "interferogram", like=reference)


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

    Examples
    --------
    >>> phase = xr.DataArray(np.full((200, 200), -1.2), dims=("y", "x"), attrs={"units": "rad"})
    >>> pair = simulate(phase, xr.full_like(phase, 0.7))
    >>> round(float(np.angle(form(pair["reference"], pair["secondary"]).mean().item())), 1)
    -1.2
    """
    require(phase, dims=(Y, X), quantity="phase")
    require(coherence, dims=(Y, X), between=VARIABLES["coherence"].valid, name="coherence")
    # Real and imaginary part have half of the power each: together one.
    draws = np.random.default_rng(seed).normal(scale=np.sqrt(0.5), size=(4, *phase.shape))
    first, other = draws[0] + 1j * draws[1], draws[2] + 1j * draws[3]
    gamma = require_same_grid(coherence, phase, name="coherence").transpose(*phase.dims).values
    second = (gamma * first + np.sqrt(1 - gamma**2) * other) * np.exp(-1j * phase.values)
    images = {"reference": first, "secondary": second}
    out = {name: phase.copy(data=values.astype(np.complex64)) for name, values in images.items()}
    return xr.Dataset({name: describe(da, f"{name}_image", like=phase) for name, da in out.items()})


def multilook(image: xr.DataArray, *, looks_y: int = 6, looks_x: int = 20) -> xr.DataArray:
    """Average blocks of pixels; of a complex interferogram, to reduce its noise.

    Parameters
    ----------
    image : xarray.DataArray
        Dims ``y, x``; complex or real. Wrapped phase (name ``wrapped_phase``) is averaged as unit vectors.
    looks_y, looks_x : int
        Pixels along azimuth and range; the paper takes 6 and 20, about 90 m.

    Returns
    -------
    xarray.DataArray
        Dims ``y, x`` of whole blocks (the rest is dropped), coordinates of the block centers. Pixels that are NaN,
        or complex and 0, are left out of their block; NaN where none is left. Lazy if the input is lazy.

    Examples
    --------
    >>> image = xr.DataArray(np.arange(12.0).reshape(2, 6), dims=("y", "x"))
    >>> multilook(image, looks_y=2, looks_x=3).values
    array([[4., 7.]])
    """
    require(image, dims=(Y, X))
    _check_looks(image, looks_y, looks_x)
    wrapped = _is_wrapped(image)
    values = xnp.exp(1j * image) if wrapped else image
    values = values.where(values != 0) if values.dtype.kind == "c" else values
    out = values.coarsen({Y: looks_y, X: looks_x}, boundary="trim").mean()
    out = xnp.arctan2(out.imag, out.real) if wrapped else out
    out = out.astype(image.dtype) if image.dtype.kind in "fc" else out  # means of whole numbers are none
    return out.rename(image.name).assign_attrs(image.attrs)


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

    Examples
    --------
    One of four pixels has turned by half a cycle:

    >>> first = xr.DataArray(np.ones((1, 4), complex), dims=("y", "x"))
    >>> coherence(first, first * xr.DataArray([1, 1, 1, -1], dims="x"), looks_y=1, looks_x=4).item()
    0.5
    """
    secondary = _check_pair(reference, secondary)
    _check_looks(reference, looks_y, looks_x)
    seen = (reference != 0) & (secondary != 0) & reference.notnull() & secondary.notnull()
    reference, secondary = reference.where(seen), secondary.where(seen)  # power of one image alone is no signal
    blocks = {Y: looks_y, X: looks_x}
    cross = np.abs((reference * xnp.conj(secondary)).coarsen(blocks, boundary="trim").mean())
    power = [(abs(image) ** 2).coarsen(blocks, boundary="trim").mean() for image in (reference, secondary)]
    product = power[0] * power[1]
    out = (cross / np.sqrt(product.where(product > 0))).clip(0.0, 1.0).astype(np.float32)
    return describe(out.transpose(*reference.dims), "coherence", like=reference)


def goldstein(
    interferogram: xr.DataArray,
    coherence: xr.DataArray | None = None,
    *,
    alpha: float = 0.5,
    patch: int = 32,
    smooth: int = 3,
) -> xr.DataArray:
    """Sharpen the fringes of an interferogram (Goldstein and Werner 1998).

    In overlapping patches the spectrum is multiplied by its own smoothed modulus to the power ``alpha``.

    Parameters
    ----------
    interferogram : xarray.DataArray
        Complex, dims ``y, x``, multilooked.
    coherence : xarray.DataArray, optional
        0..1, same grid: patches are then filtered by ``alpha`` times one minus their mean coherence, so that what is
        clear already keeps its detail (after Baran et al. 2003, who take an ``alpha`` of 1).
    alpha : float
        0 (nothing happens) to 1 (strong).
    patch : int
        Side of a patch in pixels, 8 or more; patches overlap by three quarters.
    smooth : int
        Side in samples of the window that smooths the spectrum.

    Returns
    -------
    xarray.DataArray
        Complex, same dims; NaN stays NaN, and 0, as outside the swath, stays 0. Lazy if the input is lazy; ``y`` and
        ``x`` must then be one chunk each.

    Examples
    --------
    Standard deviation of the phase before and after, in rad:

    >>> noise = np.random.default_rng(0).normal(0, 0.8, (64, 64))
    >>> image = xr.DataArray(np.exp(1j * noise), dims=("y", "x"))
    >>> [round(float(np.angle(da.values).std()), 1) for da in (image, goldstein(image, alpha=0.8))]
    [0.8, 0.3]
    """
    require(interferogram, dims=(Y, X))
    _check_complex(interferogram)
    if not 0 <= alpha <= 1 or patch < 8:
        raise QtpDataError(
            "the filter needs alpha in 0..1 and patches of at least 8 pixels", found=f"alpha={alpha}, patch={patch}"
        )
    arrays = [interferogram]
    if coherence is not None:
        require(coherence, dims=(Y, X), between=VARIABLES["coherence"].valid, name="coherence")
        arrays.append(on_pixels_of(coherence, interferogram, name="coherence"))
    out = xr.apply_ufunc(
        spectral.goldstein,
        *arrays,
        input_core_dims=[[Y, X]] * len(arrays),
        output_core_dims=[[Y, X]],
        vectorize=True,
        kwargs={"alpha": alpha, "patch": patch, "smooth": smooth},
        dask="parallelized",
        output_dtypes=[interferogram.dtype],
        keep_attrs=True,
    )
    return out.transpose(*interferogram.dims)


def _check_pair(reference: xr.DataArray, secondary: xr.DataArray) -> xr.DataArray:
    """Secondary image on the very coordinates of the reference; two images of other pixels are refused."""
    for image in (reference, secondary):
        require(image, dims=(Y, X))
        _check_complex(image)
    try:
        return require_same_grid(secondary, reference, name="the secondary image")
    except QtpDataError as error:
        raise error.restated(
            what=f"the two images are not on the same pixels: {error.what}", hint="Coregister them first.", code="I06"
        ) from None


def _is_wrapped(image: xr.DataArray) -> bool:
    """Whether an image says that it is wrapped phase, by its name or long name."""
    words = re.split(r"[\s_]+", f"{image.name} {image.attrs.get('long_name', '')}".lower())
    return image.dtype.kind == "f" and "wrapped" in words and "unwrapped" not in words


def _check_looks(image: xr.DataArray, looks_y: int, looks_x: int) -> None:
    whole = int(looks_y) == looks_y and int(looks_x) == looks_x
    if not (whole and 1 <= looks_y <= image.sizes[Y] and 1 <= looks_x <= image.sizes[X]):
        raise QtpDataError(
            "looks do not fit the image",
            expected=f"1 to {image.sizes[Y]} and 1 to {image.sizes[X]}",
            found=f"looks_y={looks_y}, looks_x={looks_x}",
        )


def _check_complex(image: xr.DataArray) -> None:
    """Refuse an image of real numbers."""
    if image.dtype.kind != "c":
        raise QtpDataError(
            f"{image.name!r} is not complex", expected="complex64 or complex128", found=str(image.dtype), code="I11"
        )
