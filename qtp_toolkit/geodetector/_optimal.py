"""The classes that explain most, and what the search for them finds in maps without a cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from qtp_toolkit._angles import period_of
from qtp_toolkit._classes import check_edges
from qtp_toolkit.conventions import QtpDataError, describe, is_lazy, provenance, require_option, require_same_grid
from qtp_toolkit.geodetector._detectors import check_singletons
from qtp_toolkit.geodetector._significance import ROUNDING, check_surrogates, draw_surrogate, fill_gaps
from qtp_toolkit.geodetector._strata import check_k, edges
from qtp_toolkit.kernels import strata as kernels

METHODS = ("quantile", "equal", "natural", "geometric", "deviation")
ROBUST = "robust"
BINS = 512
"""Values of the factor between which the search cuts each surrogate; :func:`robust_edges` has four times as many."""


def robust_edges(y: xr.DataArray, factor: xr.DataArray, *, k: int = 8) -> np.ndarray:
    """Class edges at the change points of a map along a factor: no other ``k`` classes explain more.

    The discretization of the robust geographical detector (Zhang et al., 2022): samples are put in the order of the
    factor, and the map is cut into ``k`` runs with the least sum of squares within. Since the map itself draws the
    classes, q is the largest that k classes can reach, above all by chance: judge it by :func:`optimal` with
    ``methods=("robust",)``, whose surrogates are cut in the same way.

    Parameters
    ----------
    y : xarray.DataArray
        The explained map, in memory.
    factor : xarray.DataArray
        A numeric factor on its grid, in memory.
    k : int
        Number of classes.

    Returns
    -------
    numpy.ndarray
        Ascending edges for ``stratify(factor, edges=...)``, in the unit of ``factor``.

    Raises
    ------
    QtpDataError
        Lazy input, k out of range, a circular factor, or no joint sample.

    Notes
    -----
    Exact where the factor has at most 2048 different values, else on the borders of 2048 equal bins. Equal values are
    never parted, as they are in the published code, which counts on in the middle of ties.

    References
    ----------
    Zhang, Z., Song, Y. and Wu, P. (2022). Robust geographical detector. Int. J. Appl. Earth Obs. Geoinf. 109, 102782.

    Examples
    --------
    The map jumps where the factor passes 2:

    >>> y = xr.DataArray([0.0, 1.0, 9.0, 8.0], dims="x", name="rate")
    >>> robust_edges(y, xr.DataArray([1.0, 2.0, 3.0, 4.0], dims="x", name="slope"), k=2)
    array([1., 2., 4.])
    """
    check_k(k)
    values, known = _in_memory(y, factor)
    return kernels.change_edges(known[values], y.values[values].astype(np.float64), [k])[0]


def optimal(
    y: xr.DataArray,
    factor: xr.DataArray,
    *,
    methods: Sequence[str] = METHODS,
    k: Sequence[int] = (3, 4, 5, 6, 7, 8),
    n: int = 99,
    seed: int = 0,
    singletons: str = "keep",
) -> xr.Dataset:
    """Try many ways to divide a factor, take the one with the largest q, and say how much of that q is the search.

    The optimal-parameters detector (Song et al., 2020) keeps the best of all methods and numbers of classes. The best
    of many is too large, also where there is no cause. So the same search is made in ``n`` maps that have the spatial
    correlation of ``y`` but no cause (see :func:`significance`): what it finds there is what it finds by chance.

    Parameters
    ----------
    y : xarray.DataArray
        The explained map on a regular grid, in memory (thin a large one, ``da[::4, ::4]``).
    factor : xarray.DataArray
        A numeric factor on the same grid, in memory.
    methods : sequence of str
        As for :func:`edges`, and ``"robust"`` (:func:`robust_edges` on 512 bins, anew for each surrogate). Methods that
        the factor does not allow (``"geometric"`` with values that are not positive) give NaN.
    k : sequence of int
        Numbers of classes.
    n, seed : int
        Number of surrogates and their seed.
    singletons : {"keep", "drop"}
        See :func:`factor`.

    Returns
    -------
    xarray.Dataset
        ``q`` (discretization, k); the scalars ``q_best``, ``q_null`` (mean of the best q of surrogates: the upward bias
        without a cause), ``q_null_95`` (their 95th percentile), ``q_adjusted`` = ``1 - (1 - q_best) / (1 - q_null)``
        (near 0 without a cause) and ``p``; attributes ``method``, ``k`` and ``edges`` of the best.

    Raises
    ------
    QtpDataError
        Lazy input, an unknown method, a circular factor, a map that does not vary, no joint sample.

    References
    ----------
    Song, Y. et al. (2020). An optimal parameters-based geographical detector. GIScience & Remote Sensing 57, 593-610.

    Examples
    --------
    >>> x = xr.DataArray(np.arange(64.0).reshape(8, 8), dims=("y", "x"), name="slope")
    >>> found = optimal((x > 20.5).astype(float).rename("rate"), x, k=(2, 3), n=9)
    >>> found["q_best"].item(), found.attrs["method"]
    (1.0, 'natural')
    """
    check_surrogates(n)
    keep = check_singletons(singletons)
    for method in methods:
        require_option("way to find class edges", method, (*kernels.EDGES, ROBUST))
    for one in k:
        check_k(one)
    values, known = _in_memory(y, factor)
    drawn, names = np.asarray(y.values, dtype=np.float64), (list(methods), [int(one) for one in k])
    if np.ptp(drawn[values]) == 0:
        raise QtpDataError(f"{str(y.name)!r} does not vary, so that nothing can explain it", variable=str(y.name))
    joint = factor.copy(data=np.where(values, known, np.nan))
    limits = {(method, one): _edges(joint, method, one) for method in names[0] for one in names[1] if method != ROBUST}
    if not names[1] or (ROBUST not in methods and not any(found.size for found in limits.values())):
        raise QtpDataError(
            f"no way is left to divide {factor.name!r}",
            expected="a method that its values allow, and a number of classes",
            found=f"methods {names[0]}, k {names[1]}",
            hint="Classes of equal ratio need positive values: use 'quantile'.",
        )
    search = _searcher(known, limits, *names, keep=keep)
    rng, whole = np.random.default_rng(seed), fill_gaps(drawn)
    null = []
    for row in range(n + 1):
        table = search(draw_surrogate(drawn, whole, rng) if row else drawn)
        null.append(np.nanmax(table))
        if row == 0:
            q = table
    best, chance = null[0], np.array(null[1:])
    i, j = np.unravel_index(np.nanargmax(q), q.shape)
    method, one = names[0][i], names[1][j]
    if method == ROBUST:
        found = kernels.change_edges(known[values], drawn[values], [one], BINS)[0]
    else:
        found = limits[method, one]
    parts = {
        "q": xr.DataArray(q, dims=("discretization", "k"), coords={"discretization": names[0], "k": names[1]}),
        "q_best": xr.DataArray(best),
        "q_null": xr.DataArray(chance.mean()),
        "q_null_95": xr.DataArray(np.percentile(chance, 95.0)),
        "q_adjusted": xr.DataArray(1.0 - (1.0 - best) / (1.0 - chance.mean())),
        "p": xr.DataArray((1.0 + (chance >= best - ROUNDING).sum()) / (n + 1.0)),
    }
    out = xr.Dataset({name: describe(da, name, like=(y, factor)) for name, da in parts.items()})
    return out.assign_attrs(provenance(y, factor), method=method, k=one, edges=found.tolist(), surrogates=n, seed=seed)


def _in_memory(y: xr.DataArray, factor: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Where map and factor are known, and the factor as floats on the dims of the map."""
    factor = require_same_grid(factor, y, name=f"factor {factor.name!r}")
    if y.name is not None and factor.name == y.name:
        raise QtpDataError(f"factor {factor.name!r} is the explained variable itself", hint="Choose another factor.")
    for da in (y, factor):
        if is_lazy(da):
            raise QtpDataError(
                f"{da.name!r} is lazy, and the search for classes needs all its values again and again",
                hint="Thin it and load it first: da[::4, ::4].load().",
            )
    if period_of(factor) is not None:
        raise QtpDataError(
            f"{factor.name!r} is circular: it has no order in which to look for classes",
            hint="Use stratify(da, method='aspect').",
        )
    known = np.asarray(factor.transpose(*y.dims).values, dtype=np.float64)
    values = np.isfinite(known) & np.isfinite(y.values)
    if not values.any():
        raise QtpDataError(f"{y.name!r} and factor {factor.name!r} share no sample", hint="Check masks.")
    return values, known


def _edges(factor: xr.DataArray, method: str, k: int) -> np.ndarray:
    """Edges of one way to divide the joint sample; empty where the factor does not allow it."""
    if method == "geometric" and not (factor.values[np.isfinite(factor.values)] > 0).all():
        return np.array([])
    return check_edges(edges(factor, method=method, k=k), factor.name)


def _searcher(
    known: np.ndarray, limits: dict[tuple[str, int], np.ndarray], methods: list[str], numbers: list[int], *, keep: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of a map: q of each method and number of classes, NaN for those that are not possible."""
    from qtp_toolkit.geodetector.kernels.moments import factor_tables  # noqa: PLC0415  imports Numba

    flat = known.ravel()
    fixed = {key: kernels.codes_by_edges(flat, found) for key, found in limits.items() if found.size}

    def search(drawn: np.ndarray) -> np.ndarray:
        values, codes, sizes = drawn.ravel(), dict(fixed), {key: limits[key].size - 1 for key in fixed}
        use = np.isfinite(values) & np.isfinite(flat)
        cut = kernels.change_edges(flat[use], values[use], numbers, BINS) if ROBUST in methods else []
        for one, found in zip(numbers, cut, strict=False):
            codes[ROBUST, one], sizes[ROBUST, one] = kernels.codes_by_edges(flat, found), found.size - 1
        out = np.full((len(methods), len(numbers)), np.nan)
        tables = factor_tables(values, np.stack(list(codes.values())), tuple(sizes.values()))
        for key, table in zip(codes, np.split(tables, np.cumsum(list(sizes.values()))[:-1], axis=1), strict=True):
            out[methods.index(key[0]), numbers.index(key[1])] = kernels.q_statistic(table, singletons=keep)
        return out

    return search
