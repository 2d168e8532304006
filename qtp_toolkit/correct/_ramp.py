"""Planes through interferograms: what is left of orbits and of the troposphere at long wavelengths."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import X, Y, describe, require


def fit_ramp(
    phase: xr.DataArray, *, weight: xr.DataArray | None = None, mask: xr.DataArray | None = None
) -> xr.Dataset:
    """Fit a plane to each interferogram by weighted least squares; see :func:`deramp`.

    Returns
    -------
    xarray.Dataset
        ``offset`` (rad, in the middle of the grid), ``ramp_x`` and ``ramp_y`` (rad from the middle to the edge with the
        largest coordinate), dims of the phase without ``y, x``; float64. Lazy if the phase is lazy.
    """
    require(phase, dims=(Y, X), units="rad")
    usable = phase.notnull()
    if mask is not None:
        usable = usable & ~mask.astype(bool)
    if weight is None:
        use = usable.astype(phase.dtype)
    else:
        use = weight.where(usable & weight.notnull(), 0.0).astype(phase.dtype, copy=False)
    moments = _moments(use, highest=2)
    pulls = _moments(use * phase.fillna(0.0), highest=1)
    solved = xr.apply_ufunc(
        _solve_plane, moments, pulls, input_core_dims=[["power_x", "power_y"]] * 2, output_core_dims=[["term"]],
        exclude_dims={"power_x", "power_y"}, keep_attrs=True, dask="parallelized", output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"term": 3}},
    )  # fmt: skip
    words = {"offset": "phase in the middle", "ramp_x": "ramp along x", "ramp_y": "ramp along y"}
    return xr.Dataset(
        {
            name: solved.isel(term=k).assign_attrs(units="rad", long_name=text)
            for k, (name, text) in enumerate(words.items())
        }
    )


def deramp(
    phase: xr.DataArray, *, weight: xr.DataArray | None = None, mask: xr.DataArray | None = None
) -> xr.DataArray:
    """Take a plane ``a + b x + c y`` out of each interferogram, fitted on the reliable pixels.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, dims ``y, x`` and any others (each fitted by itself).
    weight : xarray.DataArray, optional
        Weight of the pixels in the fit, e.g. the coherence; NaN counts as 0.
    mask : xarray.DataArray, optional
        True where pixels are left out of the fit: water, or ground that is known to move. They are still corrected.

    Returns
    -------
    xarray.DataArray
        rad, dims and dtype of the input. Lazy if the input is lazy; a lazy stack is then read twice.

    Notes
    -----
    Sums in float64. An interferogram whose usable pixels do not define a plane loses what they do define. Never of
    higher order: a quadratic surface would take deformation. A plane does take part of a tectonic gradient that spans
    the whole scene: mask what is known to move, or treat it as relative to that plane.

    References
    ----------
    Chen et al. 2022, section 3.7 ("a linear deramping approach").
    """
    ramp = fit_ramp(phase, weight=weight, mask=mask).astype(phase.dtype)
    across, along = (_normalized(phase[dim]).astype(phase.dtype) for dim in (X, Y))
    note = {key: phase.attrs[key] for key in ("provenance_note",) if key in phase.attrs}
    out = phase - ((ramp.offset + ramp.ramp_x * across) + ramp.ramp_y * along)
    return describe(out.transpose(*phase.dims), "phase", **note)


def _normalized(axis: xr.DataArray) -> xr.DataArray:
    """Coordinate from -1 to 1 along its axis; 0 if there is one pixel only."""
    values = axis.values.astype(np.float64)
    middle, half = (values.max() + values.min()) / 2, (values.max() - values.min()) / 2
    return xr.DataArray((values - middle) / (half or 1.0), dims=axis.dims, coords={axis.dims[0]: axis.values})


def _moments(values: xr.DataArray, *, highest: int) -> xr.DataArray:
    """Sum values times x ** a times y ** b, first along x, then along y; in float64."""
    out = values
    for dim, power in ((X, "power_x"), (Y, "power_y")):
        axis = _normalized(values[dim])
        powers = axis ** xr.DataArray(np.arange(highest + 1), dims=power)
        out = xr.dot(out, powers, dim=dim)
    return out


def _solve_plane(moments: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    """Solve the 3 x 3 normal equations; directions that the pixels do not define get zero."""
    m = moments
    normal = np.stack(
        [
            np.stack([m[..., 0, 0], m[..., 1, 0], m[..., 0, 1]], axis=-1),
            np.stack([m[..., 1, 0], m[..., 2, 0], m[..., 1, 1]], axis=-1),
            np.stack([m[..., 0, 1], m[..., 1, 1], m[..., 0, 2]], axis=-1),
        ],
        axis=-2,
    )
    right = np.stack([pulls[..., 0, 0], pulls[..., 1, 0], pulls[..., 0, 1]], axis=-1)
    return (np.linalg.pinv(normal, rcond=1e-10, hermitian=True) @ right[..., None])[..., 0]
