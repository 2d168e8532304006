"""How unlike the errors of two places are, by their distance: what maps show, and the curve through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import (
    QtpDataError,
    X,
    Y,
    as_mask,
    carry_provenance,
    describe,
    is_lazy,
    require,
    require_same_grid,
    xnp,
)
from qtp_toolkit.grid._frame import crs_of, meters_per_degree, meters_per_unit, spacing
from qtp_toolkit.kernels import reasons
from qtp_toolkit.validation.kernels import apart, exponential

DISTANCE, DRAWN, BLOCK = "distance", "drawn", "block"
WHOLE = {"allow_rechunk": False}
"""Pairs lie in one chunk. Told so, dask does not weigh chunks, and divide by their size where no pair was found."""
Bins = int | Sequence[float]


def variogram(
    da: xr.DataArray,
    *,
    where: xr.DataArray | None = None,
    bins: Bins = 12,
    max_km: float | None = None,
    pairs: int = 5000,
    min_pairs: int = 30,
    min_pixels: int = 100,
    seed: int = 0,
) -> xr.Dataset:
    r"""Half the mean squared difference of two pixels, by their distance, of a map or of each date of a series.

    .. math:: \gamma(h) = \tfrac12 \overline{(z_i - z_j)^2}, \quad |x_i - x_j| \approx h

    On ground that stands still a map should be the same everywhere, and the variogram shows its errors: how they grow
    with the distance over which places are compared. Twice it is the structure function, its root the standard
    deviation of a difference.

    Parameters
    ----------
    da : xarray.DataArray
        (..., y, x) with a CRS: a rate, or the residuals of each date, any unit. NaN pixels do not count.
    where : xarray.DataArray, optional
        Ground that stands still: (y, x) bool, or numbers that are above 0 for yes, in memory, on the same grid; see
        :func:`stable_ground`. By default all pixels: then deformation counts as error.
    bins : int or sequence of float
        Number of bins, even in the logarithm of the distance from one pixel to ``max_km``; or their edges in km.
    max_km : float, optional
        Longest distance; by default half the diagonal of the map.
    pairs : int
        Pairs of pixels that are drawn for each bin.
    min_pairs : int
        Bins with fewer pairs are NaN.
    min_pixels : int
        With fewer pixels in ``where`` all is NaN.
    seed : int
        The same seed draws the same pairs.

    Returns
    -------
    xarray.Dataset
        Along ``distance`` (km, mean distance of the drawn pairs of the bin, which reaches ``up_to``): ``semivariance``
        (square of the unit), ``pairs`` that both pixels have a value of, and along ``block``
        ``semivariance_without``: that of all pairs but those that touch one of the 16 blocks of the map, for standard
        errors (:func:`fit_variogram`). Other dims stay. Lazy if ``da`` is lazy.

    Raises
    ------
    QtpDataError
        No CRS, one row or column, edges that do not rise from above 0, no bin, a longest distance that is none, a lazy
        ``where``, or one of another grid or with other dims.

    Notes
    -----
    Pairs, not pixels, are drawn, as many at short as at long distances: 120,000 values are looked at with the
    defaults, whatever the size of the map. Of a lazy map each block is computed once, and only the drawn pixels of it
    are kept: memory is that of the blocks in work. Which pairs are drawn depends on grid, ``where`` and seed alone, so
    that lazy and eager input give the same. Short distances of a coarse map are few: its first bins hold the same
    pairs again and again.

    Examples
    --------
    A rate that grows by 1 mm/yr with every kilometer to the east; half the mean square of that part of a distance is a
    quarter of its square:

    >>> axes = {"y": 4e6 - 1e3 * np.arange(40), "x": 3e5 + 1e3 * np.arange(40)}
    >>> rate = xr.DataArray(np.arange(40.0) * np.ones((40, 1)), axes, ("y", "x"), attrs={"units": "mm/yr"})
    >>> seen = variogram(rate.rio.write_crs(32646), bins=[9.5, 10.5])
    >>> (seen["semivariance"] / seen["distance"] ** 2).round(2).values, seen["semivariance"].attrs["units"]
    (array([0.25]), '(mm/yr)2')
    """
    require(da, dims=(Y, X))
    ground, allowed = ground_of(da), allowed_pixels(da, where)
    how: dict[str, Any] = {"bins": bins, "max_km": max_km, "pairs": pairs, "min_pixels": min_pixels, "seed": seed}
    drawn, edges = draw_pairs(da, ground, allowed, **how)
    first, second = values_at(da, drawn)
    shape = da.sizes[Y], da.sizes[X]
    number = edges.size - 1
    found, count, without = xr.apply_ufunc(
        apart.half_squares,
        first,
        second,
        input_core_dims=[[DRAWN], [DRAWN]],
        output_core_dims=[[DISTANCE], [DISTANCE], [BLOCK, DISTANCE]],
        kwargs={
            "bins": drawn.bins,
            "blocks": np.stack([apart.tiles(end, shape) for end in (drawn.first, drawn.second)]),
            "number": number,
        },
        dask="parallelized",
        output_dtypes=[np.float64] * 3,
        dask_gufunc_kwargs=WHOLE | {"output_sizes": {DISTANCE: number, BLOCK: apart.TILES**2}},
    )
    squared = {"units": square_of(da)} if "units" in da.attrs else {}
    enough = count >= min_pairs
    name = str(da.attrs.get("long_name", da.name or "map"))
    out = {
        "semivariance": found.where(enough).assign_attrs(squared, long_name=f"semivariance of the {name}"),
        "pairs": count.astype(np.int64).assign_attrs(units="1", long_name="pairs of pixels with a value"),
        "semivariance_without": without.where(enough).assign_attrs(
            squared, long_name="semivariance without pairs that touch the block"
        ),
    }
    pixels = {} if allowed is None else {"pixels": int(allowed.sum())}
    ds = xr.Dataset(out).assign_coords({DISTANCE: bin_distances(drawn, edges)}).assign_attrs(pixels)
    ds = ds.assign_coords(up_to=(DISTANCE, edges[1:], {"units": "km", "long_name": "upper edge of the bin"}))
    return carry_provenance(ds, da)


def fit_variogram(seen: xr.Dataset, *, nugget: bool = True) -> xr.Dataset:
    r"""Fit the exponential variogram: an error that pixels have alone, and one that neighbors share.

    .. math:: \gamma(h) = b^2 + s^2 \left(1 - e^{-h/\lambda}\right)

    Parameters
    ----------
    seen : xarray.Dataset
        Of :func:`variogram`. For one curve through many dates give the mean over them, ``seen.mean("time")``.
    nugget : bool
        Whether pixels have an error of their own, b; else it is 0.

    Returns
    -------
    xarray.Dataset
        ``shared_std`` s and ``pixel_std`` b, in the unit of the map, ``shared_length`` (km); their standard errors,
        ``_se``, by leaving out one of the 16 blocks of the map after another; ``sill_reached``, ``longest`` distance
        seen (km), and ``reason``: 4 (too few observations) where fewer bins are known than the curve needs, four or
        three. Lazy if ``seen`` is lazy.

    Notes
    -----
    Weighted least squares with weights of the number of pairs over the square of the curve (Cressie, 1985), for both
    variances at least 0. **Where the variogram still rises at its end**, ``sill_reached`` is False: the length is
    longer than the longest distance seen, and only the slope :math:`s^2 / \lambda` is known. Differences within that
    distance are right all the same; what lies beyond, and the mean of an area against the truth, is not known, and
    :func:`difference_std` and :func:`mean_std` say NaN. Lengths are tried up to ten times the longest distance. Blocks
    are not independent, and a map that is only a few lengths wide has few patches: standard errors are on the low side
    there.

    References
    ----------
    Cressie, N. (1985). Fitting variogram models by weighted least squares. Math. Geology 17, 563-586.

    Examples
    --------
    >>> km = np.array([1.0, 3.0, 10.0, 30.0, 60.0])
    >>> curve = xr.Dataset({"semivariance": ("distance", 1.0 + 100.0 * -np.expm1(-km / 20.0), {"units": "mm2"})})
    >>> model = fit_variogram(curve.assign(pairs=("distance", np.full(5, 100))).assign_coords(distance=km))
    >>> [round(float(model[name]), 2) for name in ("shared_std", "shared_length", "pixel_std")]
    [10.0, 20.0, 1.0]
    """
    names = list(seen) if isinstance(seen, xr.Dataset) else type(seen).__name__
    if not {"semivariance", "pairs"} <= set(names) or DISTANCE not in seen.dims:
        raise QtpDataError("no variogram", expected="semivariance and pairs along distance", found=names)
    of_all = _fit(seen["semivariance"], seen["pairs"], seen[DISTANCE], nugget=nugget)
    sill, length, base = (of_all.isel(part=k) for k in range(3))
    parts = {"shared_std": xnp.sqrt(sill), "shared_length": length, "pixel_std": xnp.sqrt(base)}
    known = xnp.isfinite(seen["semivariance"])
    upper = seen["up_to" if "up_to" in seen.coords else DISTANCE]
    longest = upper.where(known).max(DISTANCE).drop_attrs(deep=False)
    spread = {f"{name}_se": xr.full_like(da, np.nan) for name, da in parts.items()}
    if "semivariance_without" in seen:
        without = seen["semivariance_without"]
        spread = _spread(_fit(without, seen["pairs"], seen[DISTANCE], nugget=nugget), without, seen["semivariance"])
    plain = _root_unit(str(seen["semivariance"].attrs.get("units", "")))
    out = {name: da.assign_attrs(_about(name, plain)) for name, da in (parts | spread).items()}
    out["sill_reached"] = ((length <= longest) & (sill > 0)).assign_attrs(units="1", long_name="the variogram levels")
    out["longest"] = longest.assign_attrs(units="km", long_name="longest distance seen")
    code = xr.where(xnp.isfinite(sill), reasons.OK, reasons.TOO_FEW).astype(np.uint8)
    out["reason"] = describe(code, "reason")
    return carry_provenance(xr.Dataset(out).drop_vars(["part", DISTANCE, "up_to"], errors="ignore"), seen)


def _fit(values: xr.DataArray, pairs: xr.DataArray, distance: xr.DataArray, *, nugget: bool) -> xr.DataArray:
    """Sill, length and nugget variance along ``part``."""
    values, pairs = xr.broadcast(values, pairs)
    return xr.apply_ufunc(
        exponential.fit,
        distance.drop_vars(DISTANCE),
        values.drop_vars(DISTANCE),
        pairs.drop_vars(DISTANCE),
        input_core_dims=[[DISTANCE]] * 3,
        output_core_dims=[["part"]],
        kwargs={"nugget": nugget},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"part": 3}},
    )


def _spread(fits: xr.DataArray, without: xr.DataArray, of_all: xr.DataArray) -> dict[str, xr.DataArray]:
    """Jackknife standard errors over the blocks that hold pairs."""
    held = ((without != of_all) & xnp.isfinite(without)).any(DISTANCE)
    number = held.sum(BLOCK)
    number = number.where(number > 1)
    out = {}
    for k, name in enumerate(("shared_std", "shared_length", "pixel_std")):
        part = fits.isel(part=k)
        part = (part if name == "shared_length" else xnp.sqrt(part)).where(held)
        squares = ((part - part.sum(BLOCK) / number) ** 2).sum(BLOCK)  # not var: dask's warns of maps without a value
        out[f"{name}_se"] = xnp.sqrt(squares * (number - 1) / number)
    return out


def _about(name: str, plain: str) -> dict[str, str]:
    words = {
        "shared_std": "standard deviation of the error that neighbors share",
        "shared_length": "distance over which errors are alike",
        "pixel_std": "standard deviation of the error of a pixel alone",
    }
    stem = name.removesuffix("_se")
    text = words[stem] if stem == name else f"standard error of the {words[stem]}"
    return {"units": "km" if stem == "shared_length" else plain, "long_name": text}


def square_of(da: xr.DataArray) -> str:
    """Return the unit of squares of an array."""
    plain = str(da.attrs["units"])
    return f"{plain}2" if plain.isalpha() else f"({plain})2"


def _root_unit(squared: str) -> str:
    return squared.removesuffix("2").removeprefix("(").removesuffix(")")


def ground_of(da: xr.DataArray) -> apart.Ground:
    """Where the pixels of a grid lie, in km."""
    (dy, dx), crs = spacing(da), crs_of(da)
    down = np.asarray(da[Y].values, dtype=float)
    if not crs.is_geographic:
        unit = meters_per_unit(crs) * 1e-3
        return apart.Ground(down * unit, np.full(down.size, abs(dx) * unit))
    meridian, parallel = meters_per_degree(down)
    steps = 0.5 * (meridian[1:] + meridian[:-1]) * dy * 1e-3
    return apart.Ground(np.concatenate([[0.0], np.cumsum(steps)]), parallel * abs(dx) * 1e-3)


def allowed_pixels(da: xr.DataArray, where: xr.DataArray | None) -> np.ndarray | None:
    """Return which pixels count, (rows, columns)."""
    if where is None:
        return None
    if is_lazy(where):
        raise QtpDataError("where is lazy, and pairs are drawn from its pixels", hint="Load it first: a byte a pixel.")
    require(where, dims=(Y, X), name="where")
    one = da.isel(dict.fromkeys(set(da.dims) - {Y, X}, 0), drop=True)
    return as_mask(require_same_grid(where, one, name="where")).transpose(Y, X).values


def draw_pairs(
    da: xr.DataArray,
    ground: apart.Ground,
    allowed: np.ndarray | None,
    *,
    bins: Bins,
    max_km: float | None,
    pairs: int,
    min_pixels: int,
    seed: int,
) -> tuple[apart.Pairs, np.ndarray]:
    """Pairs of pixels, and the edges of the bins of their distances."""
    columns = da.sizes[X]
    high, wide = abs(ground.down[-1] - ground.down[0]), ground.across.mean() * (columns - 1)
    if not (np.ndim(bins) or (isinstance(bins, int | np.integer) and bins > 0)):
        raise QtpDataError("bins are neither counted nor given", expected="a whole number, or edges in km", found=bins)
    if max_km is not None and not max_km > 0:
        raise QtpDataError("the longest distance is none", expected="max_km above 0 km", found=max_km)
    if isinstance(bins, int | np.integer):
        shortest = min(high / (da.sizes[Y] - 1), wide / (columns - 1))
        longest = 0.5 * np.hypot(high, wide) if max_km is None else min(float(max_km), np.hypot(high, wide))
        edges = np.geomspace(0.99 * shortest, max(longest, 1.01 * shortest), bins + 1)
    else:
        edges = np.asarray(bins, dtype=float)
    if edges.size < 2 or edges[0] <= 0 or not (np.diff(edges) > 0).all():
        raise QtpDataError(
            "edges of bins do not rise", expected="above 0 km, ascending, two or more", found=edges.tolist()
        )
    few = allowed is not None and int(allowed.sum()) < min_pixels
    most = 0 if few else pairs
    return apart.draw(ground, columns, edges, allowed=allowed, most=most, seed=seed), edges


def values_at(da: xr.DataArray, drawn: apart.Pairs) -> list[xr.DataArray]:
    """Values of both pixels of the pairs, (..., drawn)."""
    out = []
    for rows, columns in (drawn.first, drawn.second):
        index: dict[str, Any] = {Y: xr.DataArray(rows, dims=DRAWN), X: xr.DataArray(columns, dims=DRAWN)}
        ends = da.isel(index).drop_vars([Y, X], errors="ignore")
        out.append(ends.chunk({DRAWN: -1}) if is_lazy(da) else ends)
    return out


def bin_distances(drawn: apart.Pairs, edges: np.ndarray) -> xr.DataArray:
    """Mean distance of the drawn pairs of each bin; the middle of the bin where none were found."""
    number = edges.size - 1
    count = np.bincount(drawn.bins, minlength=number)
    total = np.bincount(drawn.bins, drawn.distance, number)
    mean = np.divide(total, count, out=np.sqrt(edges[1:] * edges[:-1]), where=count > 0)
    return xr.DataArray(mean, dims=DISTANCE, attrs={"units": "km", "long_name": "distance"})
