"""Planes through interferograms: what is left of orbits and of the troposphere at long wavelengths."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import (
    REFERENCE,
    SECONDARY,
    QtpDataError,
    X,
    Y,
    coordinate,
    describe,
    is_lazy,
    many_blocks,
    require,
)

_AXES = {X: ("ramp_x_middle", "ramp_x_half"), Y: ("ramp_y_middle", "ramp_y_half")}


def fit_ramp(
    phase: xr.DataArray, *, weight: xr.DataArray | None = None, mask: xr.DataArray | None = None
) -> xr.Dataset:
    """Fit a plane to each interferogram by weighted least squares; see :func:`deramp`.

    Returns
    -------
    xarray.Dataset
        ``offset`` (rad, in the middle of the grid), ``ramp_x`` and ``ramp_y`` (rad from the middle to the edge with the
        largest coordinate), dims of the phase without ``y, x``; float64. Attributes hold middle and half width of the
        grid, so that the planes can be taken out of another grid. Lazy if the phase is lazy.
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
        _solve_plane,
        moments,
        pulls,
        input_core_dims=[["power_x", "power_y"]] * 2,
        output_core_dims=[["term"]],
        exclude_dims={"power_x", "power_y"},
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"term": 3}},
    )
    words = {"offset": "phase in the middle", "ramp_x": "ramp along x", "ramp_y": "ramp along y"}
    return xr.Dataset(
        {
            name: solved.isel(term=k).assign_attrs(units="rad", long_name=text)
            for k, (name, text) in enumerate(words.items())
        },
        attrs={key: number for dim, keys in _AXES.items() for key, number in zip(keys, _span(phase[dim]), strict=True)},
    )


def deramp(
    phase: xr.DataArray,
    *,
    weight: xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    ramp: xr.Dataset | None = None,
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
    ramp : xarray.Dataset, optional
        Planes that :func:`fit_ramp` found already, on this grid or a coarser one of the same coordinates (the quicklook
        of a store), best in memory; ``weight`` and ``mask`` then have no part.

    Returns
    -------
    xarray.DataArray
        rad, dims and dtype of the input. Lazy if the input is lazy; a lazy stack is then read twice, block by block if
        the planes are given: without them each block waits for all others.

    Raises
    ------
    QtpDataError
        If ``ramp`` is not from :func:`fit_ramp`, or of other pairs.

    Notes
    -----
    Sums in float64. An interferogram whose usable pixels do not define a plane loses what they do define. Never of
    higher order: a quadratic surface would take deformation. A plane does take part of a tectonic gradient that spans
    the whole scene: mask what is known to move, or treat it as relative to that plane.

    References
    ----------
    Chen et al. 2022, section 3.7 ("a linear deramping approach").
    """
    ramp = fit_ramp(phase, weight=weight, mask=mask) if ramp is None else _checked(ramp, phase)
    across, along = (_along(phase, dim, ramp) for dim in (X, Y))
    ramp = ramp.astype(phase.dtype)
    note = {key: phase.attrs[key] for key in ("provenance_note",) if key in phase.attrs}
    with many_blocks():
        out = phase - ((ramp.offset + ramp.ramp_x * across) + ramp.ramp_y * along)
    return describe(out.transpose(*phase.dims), "phase", **note)


def _checked(ramp: xr.Dataset, phase: xr.DataArray) -> xr.Dataset:
    """Planes of the very pairs of the phase, without the coordinates that say so."""
    if not set(sum(_AXES.values(), ())) <= set(ramp.attrs):
        raise QtpDataError("these are no planes of fit_ramp", expected=sum(_AXES.values(), ()), found=list(ramp.attrs))
    shared = [name for name in (REFERENCE, SECONDARY) if name in phase.coords and name in ramp.coords]
    if not all(np.array_equal(coordinate(phase, name), coordinate(ramp, name)) for name in shared):
        raise QtpDataError("the planes are of other pairs than the phase", expected="the same pairs in the same order")
    return ramp.reset_coords(drop=True)


def _span(axis: xr.DataArray) -> tuple[float, float]:
    """Middle and half width of a coordinate; 1 for the latter if there is one pixel only."""
    low, high = float(axis.min()), float(axis.max())
    return (high + low) / 2, (high - low) / 2 or 1.0


def _normalized(axis: xr.DataArray, span: tuple[float, float]) -> xr.DataArray:
    """Coordinate from -1 to 1 along its axis."""
    values = (axis.values.astype(np.float64) - span[0]) / span[1]
    return xr.DataArray(values, dims=axis.dims, coords={axis.dims[0]: axis.values})


def _along(phase: xr.DataArray, dim: str, ramp: xr.Dataset) -> xr.DataArray:
    """Coordinate as the planes count it; in the blocks of the phase, lest the planes are made at full size at once."""
    first, second = _AXES[dim]
    axis = _normalized(phase[dim], (ramp.attrs[first], ramp.attrs[second])).astype(phase.dtype)
    return axis.chunk({dim: phase.chunksizes[dim]}) if is_lazy(phase) else axis


def _moments(values: xr.DataArray, *, highest: int) -> xr.DataArray:
    """Sum values times x ** a times y ** b, first along x, then along y; in float64."""
    out = values
    for dim, power in ((X, "power_x"), (Y, "power_y")):
        axis = _normalized(values[dim], _span(values[dim]))
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
