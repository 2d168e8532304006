"""Whether q is more than spatial correlation alone would give."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe, is_lazy, provenance, require_option
from qtp_toolkit.geodetector._detectors import check_singletons
from qtp_toolkit.geodetector._moments import FACTOR, prepare, read_factors
from qtp_toolkit.kernels.strata import q_statistic, variance_split

PUBLISHED: dict[str, dict[str, Any]] = {
    "gdverse": {"center": False, "ddof": 0, "keep_singletons": False},
    "GD": {"center": False, "ddof": 0, "keep_singletons": False, "count_all": True},
    "geodetector": {"center": False, "ddof": 1, "keep_singletons": True},
}
"""How published packages find p of their noncentral F: R gdverse, R GD, and geodetector (R and py-geodetector)."""
METHODS = ("surrogate", "block", "noncentral", "central", *PUBLISHED)
ROUNDING = 1e-12
"""A surrogate whose q equals that of the map but for rounding counts as reaching it (a permutation of equal blocks)."""


def significance(
    y: xr.DataArray,
    strata: xr.Dataset | xr.DataArray,
    *,
    method: str = "surrogate",
    n: int = 99,
    seed: int = 0,
    block: int = 16,
    center: bool = True,
    ddof: int = 0,
    singletons: str = "keep",
) -> xr.Dataset:
    """P value of q.

    Neighboring pixels are alike, so two unrelated smooth maps share variance: in a 64 x 64 map smoothed over 5 pixels
    an unrelated factor reaches q = 0.08 on average, and the F test calls it significant every time. The default
    therefore compares q with that of maps which have the spectrum of ``y`` but random phases: the same spatial
    correlation, no cause.

    Parameters
    ----------
    y : xarray.DataArray
        The explained map; for ``"surrogate"`` a regular grid (all dims are space).
    strata : xarray.Dataset or xarray.DataArray
        One or several factors on the grid of ``y``.
    method : {"surrogate", "block", "noncentral", "central", "gdverse", "GD", "geodetector"}
        ``"surrogate"``: random-phase surrogates. ``"block"``: whole blocks of ``block`` pixels change places
        (``block=1`` is the plain permutation test, for samples without spatial order). ``"noncentral"``: the
        noncentral F of Wang et al. (2016), ``"central"``: the F of the analysis of variance; both assume independent
        samples and warn. Names of packages give the p that these print (:data:`PUBLISHED`): noncentral, uncentered, so
        that it changes with a constant added to the map.
    n : int
        Number of surrogates; the smallest p is ``1 / (n + 1)``.
    seed : int
        Seed of the surrogates.
    block : int
        Side of a block in pixels; take more than the range of the spatial correlation.
    center : bool
        Of ``"noncentral"``, as the next two; packages have their own. Subtract the mean first. Without it p depends on
        a constant added to the map, and a map of deformation has an arbitrary one; False is the published letter.
    ddof : {0, 1}
        Variance in the noncentrality: 0 as in gdverse and GD, 1 as in R geodetector and py-geodetector.
    singletons : {"keep", "drop"}
        For both F methods, see :func:`factor`.

    Returns
    -------
    xarray.Dataset
        Along ``factor``: ``q``, ``p``; for surrogates and blocks also ``q_null`` (mean of the surrogates) and
        ``q_null_95`` (their 95th percentile, the chance level). Lazy if an input is lazy; each map is then brought into
        one chunk, as surrogates need it whole.

    Raises
    ------
    QtpDataError
        Unknown method, fewer than one surrogate, or a map that does not vary.

    Notes
    -----
    Deviation from the paper, which gives q without p. For the spectrum missing pixels take the value of the nearest
    known one (zeros would make the surrogates rougher than the map). A Fourier series is periodic, so that the spectrum
    is that of the map and its mirror images, twice as wide: a trend becomes a long wave of random phase, and no edge
    meets the opposite one. Of unrelated fields, up to a sixth of the
    map in correlation length, the test calls 3 to 9 percent significant at 5 percent (docs/detector.md).

    Examples
    --------
    Of 19 random orders of 16 values none is explained by the rows as well as the true one:

    >>> y = xr.DataArray(np.arange(16.0).reshape(4, 4), dims=("y", "x"), name="rate")
    >>> rows = xr.DataArray(np.repeat([[0], [1], [2], [3]], 4, axis=1), dims=("y", "x"))
    >>> significance(y, rows, method="block", block=1, n=19)["p"].item()
    0.05
    """
    require_option("test of significance", method, METHODS)
    if method in ("surrogate", "block"):
        return _by_surrogates(y, strata, method=method, n=n, seed=seed, block=block)
    own = {"center": center, "ddof": ddof, "keep_singletons": check_singletons(singletons)}
    options = PUBLISHED.get(method, own)
    text = "the F test takes samples as independent; neighboring pixels are not, and p comes out far too small."
    if method != "central" and not options["center"]:
        text += " Without centering p also depends on a constant added to the map."
    warnings.warn(f"{text} Use method='surrogate' or 'block'.", UserWarning, stacklevel=2)
    return read_factors(_f_test, y, strata, ("q", "p"), central=method == "central", **options)


def _by_surrogates(
    y: xr.DataArray, strata: xr.Dataset | xr.DataArray, *, method: str, n: int, seed: int, block: int
) -> xr.Dataset:
    check_surrogates(n, block)
    codes, sizes, names, _ = prepare(y, strata)
    out = xr.apply_ufunc(
        null_distribution,
        *(da.chunk(dict.fromkeys(da.dims, -1)) if is_lazy(da) else da for da in (y, *codes)),
        input_core_dims=[list(y.dims)] * (1 + len(codes)),
        output_core_dims=[["draw", FACTOR]],
        kwargs={"sizes": sizes, "method": method, "n": n, "seed": seed, "block": block, "label": str(y.name)},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"draw": n + 1, FACTOR: len(sizes)}},
    )
    out = out.reset_coords(drop=True).assign_coords({FACTOR: names})
    q, null = out.isel(draw=0), out.isel(draw=slice(1, None))
    # The map counts as one of its surrogates: p is never zero, and a true p of 5 % is exceeded in 5 % of the cases.
    p = (1.0 + (null >= q - ROUNDING).sum("draw")) / (n + 1.0)
    high = xr.apply_ufunc(
        np.percentile,
        null,
        input_core_dims=[["draw"]],
        kwargs={"q": 95.0, "axis": -1},
        dask="parallelized",
        output_dtypes=[np.float64],
    )
    parts = {
        "q": describe(q, "q", like=y),
        "p": describe(p, "p", like=y, method=method, surrogates=n, seed=seed),
        "q_null": describe(null.mean("draw"), "q_null", like=y),
        "q_null_95": describe(high, "q_null_95", like=y),
    }
    return xr.Dataset(parts, attrs=provenance(y))


def surrogate(y: xr.DataArray, *, seed: int = 0) -> xr.DataArray:
    """Map with the spatial correlation of another and without its causes: random phases of its waves.

    What :func:`significance` compares with; here one of them, to look at, or to see what any other statistic makes of
    it (:func:`factors_by_window`, a fit of one's own).

    Parameters
    ----------
    y : xarray.DataArray
        A map on a regular grid.
    seed : int
        Another seed is another map.

    Returns
    -------
    xarray.DataArray
        Same dims, unit and missing pixels; about the same variance, mean near 0. Lazy if the input is lazy, in one
        chunk.

    Examples
    --------
    >>> y = xr.DataArray(np.arange(12.0).reshape(3, 4), dims=("y", "x"), name="rate")
    >>> drawn = surrogate(y)
    >>> drawn.shape, bool(np.corrcoef(drawn.values.ravel(), y.values.ravel())[0, 1] < 0.99)
    ((3, 4), True)
    """
    return xr.apply_ufunc(
        _draw,
        y.chunk(dict.fromkeys(y.dims, -1)) if is_lazy(y) else y,
        kwargs={"seed": seed},
        dask="parallelized",
        output_dtypes=[np.float64],
        keep_attrs=True,
    ).rename(y.name)


def _draw(values: np.ndarray, *, seed: int) -> np.ndarray:
    if not np.isfinite(values).any():
        return np.full(values.shape, np.nan)
    values = np.asarray(values, dtype=np.float64)
    return draw_surrogate(values, fill_gaps(values), np.random.default_rng(seed))


def check_surrogates(n: int, block: int = 1) -> None:
    """Refuse a test without surrogates or blocks."""
    if n < 1 or block < 1:
        raise QtpDataError("a permutation test needs surrogates and blocks", expected="n, block >= 1", found=(n, block))


def _f_test(
    table: np.ndarray,
    _name: str,
    *,
    central: bool,
    center: bool,
    ddof: int,
    keep_singletons: bool,
    count_all: bool = False,
) -> tuple[float, float]:
    from scipy import stats  # noqa: PLC0415  slow to import

    counted = variance_split(table)[2:4]
    table = table[:, table[0] > (0 if keep_singletons else 1)]
    within, sst, n, strata, _ = variance_split(table)
    q = 1.0 - within / sst if sst > 0 else np.nan
    if not 1 < strata < n or within == 0:
        return q, np.nan
    variance = sst / (n - ddof)
    if count_all:  # GD counts before it drops single samples, and takes the variance after
        variance *= n / (n - 1.0) * (counted[0] - 1.0) / counted[0]
        n, strata = counted
    f = (n - strata) / (strata - 1.0) * q / (1.0 - q)
    if central:
        return q, float(stats.f.sf(f, strata - 1, n - strata))
    count, mean = table[0], table[1]
    mean = mean - (count * mean).sum() / n if center else mean
    # To the letter of Wang et al. (2016): means unweighted in the first sum, by roots of the counts in the second.
    noncentrality = ((mean**2).sum() - (np.sqrt(count) * mean).sum() ** 2 / n) / variance
    return q, float(stats.ncf.sf(f, strata - 1, n - strata, max(noncentrality, 0.0)))


def draw_surrogate(values: np.ndarray, whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Map without a cause, known where ``values`` are; ``whole`` are these as :func:`fill_gaps` leaves them."""
    # A Fourier series repeats itself: opposite edges of a map, which nothing joins, would be neighbors. With its mirror
    # images beside it the map meets itself at every edge.
    drawn = random_phase(np.pad(whole, [(0, size) for size in values.shape], mode="symmetric"), rng)
    return np.where(np.isfinite(values), drawn[tuple(slice(size) for size in values.shape)], np.nan)


def fill_gaps(values: np.ndarray) -> np.ndarray:
    """Map whose missing pixels have the value of the nearest known one; as it is if none is known."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  (maps with gaps need it)

    missing = ~np.isfinite(values)
    if missing.all() or not missing.any():
        return values
    return values[tuple(distance_transform_edt(missing, return_distances=False, return_indices=True))]


def random_phase(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Map with the amplitude spectrum of ``values`` and random phases; NaN (kept) counts as the mean."""
    known = np.isfinite(values)
    deviation = np.where(known, values - values[known].mean(), 0.0)
    axes = tuple(range(values.ndim))
    # Phases of white noise rather than uniform ones: they have the symmetry that a real map needs by themselves.
    noise = np.fft.rfftn(rng.standard_normal(values.shape), axes=axes)
    turned = np.fft.rfftn(deviation, axes=axes) * (noise / np.abs(noise))
    return np.where(known, np.fft.irfftn(turned, s=values.shape, axes=axes), np.nan)


def block_permutation(values: np.ndarray, rng: np.random.Generator, block: int) -> np.ndarray:
    """Map whose whole blocks of ``block`` pixels a side changed places; the rest beyond whole blocks becomes NaN."""
    block = min(block, *values.shape)
    number = [size // block for size in values.shape]
    whole = values[tuple(slice(0, n * block) for n in number)]
    split = whole.reshape([part for n in number for part in (n, block)])
    outer, inner = list(range(0, split.ndim, 2)), list(range(1, split.ndim, 2))
    stack = split.transpose(outer + inner).reshape(-1, *[block] * values.ndim)
    mixed = rng.permutation(stack).reshape([*number, *[block] * values.ndim])
    back = [axis for d in range(values.ndim) for axis in (d, values.ndim + d)]
    out = np.full(values.shape, np.nan)
    out[tuple(slice(0, n * block) for n in number)] = mixed.transpose(back).reshape(whole.shape)
    return out


def null_distribution(
    y: np.ndarray, *codes: np.ndarray, sizes: tuple[int, ...], label: str, method: str, n: int, seed: int, block: int
) -> np.ndarray:
    """Return q of the map (row 0) and of ``n`` surrogates of it (rows 1..n) for every factor: ``(n + 1, factors)``.

    Parameters
    ----------
    y : (...) array
        The map, NaN where missing.
    *codes : (...) int arrays
        Strata of each factor, -1 where missing.
    sizes : tuple of int
        Number of strata of each factor.
    label : str
        Name of the map.
    method : "surrogate" or "block"
    n, seed, block : int
        Number of surrogates, seed of the random numbers, block side in pixels.
    """
    from qtp_toolkit.geodetector.kernels.moments import factor_tables  # noqa: PLC0415  imports Numba

    values = np.asarray(y, dtype=np.float64)
    known = np.isfinite(values)
    if not known.any() or np.ptp(values[known]) == 0:
        raise QtpDataError(f"{label!r} does not vary, so that nothing can explain it", variable=label)
    rng = np.random.default_rng(seed)
    flat = np.stack([code.ravel() for code in codes])
    whole = fill_gaps(values)
    out = np.empty((n + 1, len(sizes)))
    for row in range(n + 1):
        if row == 0:
            drawn = values
        elif method == "surrogate":
            drawn = draw_surrogate(values, whole, rng)
        else:
            drawn = block_permutation(values, rng, block)
        tables = np.split(factor_tables(drawn.ravel(), flat, sizes), np.cumsum(sizes)[:-1], axis=1)
        out[row] = [q_statistic(table) for table in tables]
    return out
