"""Planes through interferograms: what is left of orbits and of the troposphere at long wavelengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.polynomial import legendre

from qtp_toolkit import grid
from qtp_toolkit._over_blocks import over_blocks
from qtp_toolkit.conventions import (
    REFERENCE,
    SECONDARY,
    QtpDataError,
    X,
    Y,
    as_mask,
    coordinate,
    describe,
    is_lazy,
    many_blocks,
    require,
)

AXES = {X: ("ramp_x_middle", "ramp_x_half"), Y: ("ramp_y_middle", "ramp_y_half")}
_TERMS = {"offset": "ramp_offset", "ramp_x": "ramp_x", "ramp_y": "ramp_y"}


def fit_ramp(
    phase: xr.DataArray, *, weight: xr.DataArray | None = None, mask: xr.DataArray | None = None, degree: int = 1
) -> xr.Dataset:
    """Fit a plane to each interferogram by weighted least squares; see :func:`deramp`.

    Parameters
    ----------
    phase, weight, mask
        As for :func:`deramp`.
    degree : int
        4 for :func:`weigh_ramp`: adds the waves that are shorter than a plane.

    Returns
    -------
    xarray.Dataset
        ``offset`` (rad, in the middle of the grid), ``ramp_x`` and ``ramp_y`` (rad from the middle to the edge with the
        largest coordinate), dims of the phase without ``y, x``; float64. With a higher degree also ``waves`` in rad,
        dim ``wave``, coefficients of products of Legendre polynomials of degree 2 to ``degree``, beside any plane; and
        ``leak``, dim ``axis``, the ramp that waves of size 1 leave in the plane where pixels fill the grid unevenly.
        Attributes hold middle and half width of the grid, so that the planes can be taken out of another grid. Lazy if
        the phase is lazy.
    """
    require(phase, dims=(Y, X), quantity="phase")
    usable = phase.notnull()
    if mask is not None:
        usable = usable & ~grid.align(as_mask(mask), phase, resampling="nearest", name="mask")
    if weight is None:
        use = usable.astype(phase.dtype)
    else:
        weight = grid.align(weight, phase, name="weight")
        use = weight.where(usable & weight.notnull(), 0.0).astype(phase.dtype, copy=False)
    spans = {dim: measure_span(phase[dim]) for dim in (X, Y)}
    sums = [_sum_moments(use, spans, highest=2 * degree), _sum_moments(use * phase.fillna(0.0), spans, highest=degree)]
    (plane,) = _solve(_solve_plane, sums, {"term": 3})
    out = {name: describe(plane.isel(term=k), row, like=phase) for k, (name, row) in enumerate(_TERMS.items())}
    if degree > 1:
        waves, leak = _solve(_solve_waves, sums, {"wave": (degree + 1) * (degree + 2) // 2 - 3, "axis": 2})
        out |= {"waves": describe(waves, "ramp_waves", like=phase), "leak": describe(leak, "ramp_leak", like=phase)}
    return xr.Dataset(out, attrs=keep_spans(spans))


def no_ramp(phase: xr.DataArray) -> xr.Dataset:
    """Planes of zero, as :func:`fit_ramp` labels them; in memory, and no phase is read."""
    require(phase, dims=(Y, X), quantity="phase")
    layer = phase.isel({Y: 0, X: 0}, drop=True)
    zero = layer.copy(data=np.zeros(layer.shape))
    out = {name: describe(zero, row, like=phase) for name, row in _TERMS.items()}
    return xr.Dataset(out, attrs=keep_spans({dim: measure_span(phase[dim]) for dim in (X, Y)}))


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

    Examples
    --------
    A bump of 9 rad on a slope; the slope goes, and so does the mean:

    >>> phase = xr.DataArray(np.add.outer([1.0, 2.0, 3.0], [0.0, 5.0, 10.0]), dims=("y", "x"), attrs={"units": "rad"})
    >>> phase[1, 1] += 9.0
    >>> deramp(phase).round(6).values
    array([[-1., -1., -1.],
           [-1.,  8., -1.],
           [-1., -1., -1.]])
    """
    if ramp is None:
        ramp = fit_ramp(phase, weight=weight, mask=mask)
    else:
        _check_planes(ramp, phase)
        ramp = ramp.reset_coords(drop=True)  # dates of pairs may be lazy on one side: xarray would compare them
    axes = [normalize(phase[dim], [ramp.attrs[key] for key in AXES[dim]]).astype(phase.dtype) for dim in (X, Y)]
    if is_lazy(phase):
        axes = [axis.chunk({dim: phase.variable.chunksizes[dim]}) for axis, dim in zip(axes, (X, Y), strict=True)]
    with many_blocks():
        out = over_blocks(
            _subtract_planes,
            phase.transpose(..., Y, X),
            *(ramp[name].astype(phase.dtype) for name in ("offset", "ramp_x", "ramp_y")),
            *axes,
            input_core_dims=[[]] * 6,
            dtype=phase.dtype,
        )
    return describe(out.transpose(*phase.dims), "phase", like=phase)


def _subtract_planes(phase: np.ndarray, *terms: np.ndarray) -> np.ndarray:
    """Images (..., y, x) less their planes: level, slope along x and along y of each image, then both axes."""
    from qtp_toolkit.correct.kernels.planes import subtract_planes  # noqa: PLC0415  (compiles)

    *planes, across, along = terms
    out, lead = np.empty(phase.shape, phase.dtype), phase.shape[:-2]
    each = [np.broadcast_to(term, (*lead, 1, 1)).ravel() for term in planes]
    flat = (-1, *phase.shape[-2:])
    images = np.ascontiguousarray(phase).reshape(flat)
    subtract_planes(images, *each, across.ravel(), along.ravel(), out.reshape(flat))
    return out


def _check_planes(ramp: xr.Dataset, phase: xr.DataArray) -> None:
    """Refuse what is no plane of :func:`fit_ramp`, or of other pairs than the phase."""
    needed = sum(AXES.values(), ())
    if not set(needed) <= set(ramp.attrs):
        raise QtpDataError("these are no planes of fit_ramp", expected=needed, found=list(ramp.attrs))
    shared = [name for name in (REFERENCE, SECONDARY) if name in phase.coords and name in ramp.coords]
    if not all(np.array_equal(coordinate(phase, name), coordinate(ramp, name)) for name in shared):
        raise QtpDataError("the planes are of other pairs than the phase", expected="the same pairs in the same order")


def keep_spans(spans: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Return middle and half width of both axes as the attributes of planes."""
    return {key: number for dim, keys in AXES.items() for key, number in zip(keys, spans[dim], strict=True)}


def measure_span(axis: xr.DataArray) -> tuple[float, float]:
    """Middle and half width of a coordinate; 1 for the latter if there is one pixel only."""
    if not axis.size:
        raise QtpDataError("a plane needs pixels", where=axis.name, found=0, code="I06")
    low, high = float(axis.min()), float(axis.max())
    return (high + low) / 2, (high - low) / 2 or 1.0


def normalize(axis: xr.DataArray, span: Sequence[float]) -> xr.DataArray:
    """Coordinate as the planes count it, from -1 to 1 along its axis: meters would spoil the condition of the fit."""
    middle, half = span
    values = (axis.values.astype(np.float64) - middle) / half
    return xr.DataArray(values, dims=axis.dims, coords={axis.name: axis.values})


def _sum_moments(values: xr.DataArray, spans: dict[str, tuple[float, float]], *, highest: int) -> xr.DataArray:
    """Sum values times x ** a times y ** b, first along x, then along y; in float64."""
    out = values
    for dim, power in ((X, "power_x"), (Y, "power_y")):
        powers = normalize(values[dim], spans[dim]) ** xr.DataArray(np.arange(highest + 1), dims=power)
        out = xr.dot(out, powers, dim=dim)
    return out


def _solve(solver: Callable, sums: Sequence[xr.DataArray], sizes: dict[str, int]) -> tuple[xr.DataArray, ...]:
    """Solve the normal equations of every interferogram; one output a dim of ``sizes``."""
    # dask splits the powers where there are more of them than rows or columns.
    whole = [da.chunk(power_x=-1, power_y=-1) if is_lazy(da) else da for da in sums]
    solved = xr.apply_ufunc(
        solver,
        *whole,
        input_core_dims=[["power_x", "power_y"]] * 2,
        output_core_dims=[[dim] for dim in sizes],
        exclude_dims={"power_x", "power_y"},
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[np.float64] * len(sizes),
        dask_gufunc_kwargs={"output_sizes": sizes},
    )
    return solved if len(sizes) > 1 else (solved,)


def _pick(moments: np.ndarray, pulls: np.ndarray, highest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Powers of x and y in the terms 1, x, y, ... up to a degree, and the normal equations of these terms."""
    powers = np.array([(n - k, k) for n in range(highest + 1) for k in range(n + 1)]).T
    a, b = powers
    return powers, moments[..., a[:, None] + a, b[:, None] + b], pulls[..., a, b, None]


def _solve_plane(moments: np.ndarray, pulls: np.ndarray) -> np.ndarray:
    """Solve the 3 x 3 normal equations; directions that the pixels do not define get zero."""
    _, normal, right = _pick(moments, pulls, 1)
    # The pseudo-inverse, for pairs whose valid pixels lie on a line, or that have none.
    return (np.linalg.pinv(normal, rcond=1e-10, hermitian=True) @ right)[..., 0]


def _solve_waves(moments: np.ndarray, pulls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of Legendre products from degree 2 on, and how much of them the slopes of a plane take up."""
    degree = pulls.shape[-1] - 1
    (a, b), normal, right = _pick(moments, pulls, degree)
    rows = [np.pad(legendre.leg2poly([0] * n + [1]), (0, degree - n)) for n in range(degree + 1)]
    products = np.array(rows)[a][:, a] * np.array(rows)[b][:, b]
    normal, right = products @ normal @ products.T, products @ right
    taken = np.linalg.pinv(normal[..., :3, :3], rcond=1e-10, hermitian=True) @ normal[..., :3, 3:]
    # What is left of the waves beside a plane, so that ramps stay out of them under any mask. Waves that valid pixels
    # hardly see are set to zero: they would be large and say nothing.
    beside = normal[..., 3:, 3:] - normal[..., 3:, :3] @ taken
    pulled = right[..., 3:, :] - np.swapaxes(taken, -1, -2) @ right[..., :3, :]
    waves = (np.linalg.pinv(beside, rcond=0.01, hermitian=True) @ pulled)[..., 0]
    return waves, np.sqrt((taken[..., 1:, :] ** 2).sum(axis=-1))
