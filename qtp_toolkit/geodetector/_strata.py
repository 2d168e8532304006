"""From a factor to its strata."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import xarray as xr

from qtp_toolkit._angles import period_of
from qtp_toolkit._classes import MAX_STRATA, check_count, check_edges, class_names, labelled_codes, require_numbers
from qtp_toolkit._variables import USUAL_FILLS
from qtp_toolkit.conventions import QtpDataError, is_lazy, provenance, require_option, require_same_grid
from qtp_toolkit.kernels import strata as kernels

METHODS = (*kernels.EDGES, "edges", "aspect", "classes")
FEW = 8
"""Values of an aspect from which on its unit is guessed at."""
COMPASS = {
    4: ("N", "E", "S", "W"),
    8: ("N", "NE", "E", "SE", "S", "SW", "W", "NW"),
}


def edges(da: xr.DataArray, *, method: str = "quantile", k: int = 8) -> np.ndarray:
    """Class edges of a numeric factor, from its values.

    The one function here that **computes**: edges depend on all values, so a lazy factor is read into memory once (8
    bytes per value). Pass the result to ``stratify(da, method="edges", edges=...)``, which is lazy.

    Parameters
    ----------
    da : xarray.DataArray
        Any dims and unit; values that are not finite are ignored.
    method : {"quantile", "quantile_gd", "quantile_gdverse", "equal", "natural", "geometric", "deviation"}
        Equal counts (also as the R packages GD and gdverse find them, to repeat their numbers: GD asks for more
        quantiles until enough of them differ, gdverse takes sorted values without a mean between two); equal widths;
        natural breaks (Fisher-Jenks by dynamic programming, exact up to 2048 different values, else on 2048 equal
        bins); equal ratios (positive values only); one standard deviation apart.
    k : int
        Number of classes, 2 to 100. Ties can leave fewer for ``quantile`` and ``natural``: a value that would fill more
        than one quantile class gets one class of its own, never two classes that share it.

    Returns
    -------
    numpy.ndarray
        Ascending edges, at most ``k + 1`` (``"quantile_gd"`` may find a few more), in the unit of ``da``; the first two
        may be equal (a class of one value).

    Raises
    ------
    QtpDataError
        Unknown method, k out of range, no finite value, values not positive for ``geometric``, or an aspect, whose
        circle has no lowest value (use ``stratify(da, method="aspect")``).

    Notes
    -----
    The paper does not say how its 15 factors were discretized. ``quantile`` is the default here because it is
    invariant to monotonic transformations and keeps every stratum large; report method and k with every q.
    """
    require_option("way to find class edges", method, kernels.EDGES)
    check_k(k)
    if period_of(da) is not None:
        raise QtpDataError(
            f"{da.name!r} is circular: 359 and 1 would fall into classes far apart",
            variable=str(da.name),
            hint="Use stratify(da, method='aspect'), or give edges of your own.",
        )
    values = da.values.ravel()
    single = method == "quantile" and values.dtype == np.float32  # sorted as they are: half the memory
    values = values if single else values.astype(np.float64)
    known = np.isfinite(values)
    values = values if known.all() else values[known]
    if values.size == 0:
        raise QtpDataError("no finite value to find class edges from", variable=str(da.name))
    if method == "geometric" and values.min() <= 0:
        raise QtpDataError(
            "classes of equal ratio need positive values",
            variable=str(da.name),
            found=f"{values.min():g}",
            hint="Use method='quantile'.",
        )
    if values.min() == values.max():
        return np.array([values.min(), values.max()])  # one class, whatever the method
    return kernels.EDGES[method](values, k)


def stratify(
    da: xr.DataArray,
    *,
    method: str = "quantile",
    k: int = 8,
    edges: Sequence[float] | np.ndarray | None = None,
    closed: str = "right",
    nodata: int | None = None,
    slope: xr.DataArray | None = None,
    flat_below: float = 5.0,
) -> xr.DataArray:
    """Divide a factor into strata.

    Parameters
    ----------
    da : xarray.DataArray
        The factor, any dims.
    method : str
        ``"quantile"`` and the other ways of :func:`edges` find ``k`` classes from the values; ``"edges"`` takes yours;
        ``"aspect"`` makes ``k`` sectors centered on north, so that 359 and 1 degree fall together (-1 is level ground,
        fill values have no stratum); ``"classes"`` takes each class code as a stratum.
    k : int
        Number of strata.
    edges : sequence of float, optional
        Ascending, for ``method="edges"`` (implied when given); values outside belong to no stratum, unless the outer
        edges are infinite.
    closed : {"right", "left"}
        The end of a class that belongs to it. Both outer edges always belong.
    nodata : int, optional
        Code that is not a class, for ``"classes"``; default the ``_FillValue`` or ``nodata`` attribute, unless
        ``attrs["classes"]`` names that code. Unnamed, -1 and negative fill values (-9999, ...) are no class either.
    slope : xarray.DataArray, optional
        Terrain slope (degree), for ``"aspect"``: pixels flatter than ``flat_below`` have no stratum, because the
        aspect of a flat pixel is noise (paper Section 4.2.1).
    flat_below : float
        degree.

    Returns
    -------
    xarray.DataArray
        int16, same dims: 0, 1, ... or -1 for none; attributes ``labels`` (one per stratum), ``method``, ``variable``
        and, where they exist, ``edges``. Lazy if the input is lazy, for ``"edges"``, ``"aspect"`` and ``"classes"``
        with an attribute ``classes``.

    Raises
    ------
    QtpDataError
        A lazy factor where the strata depend on all values (call :func:`edges` first), more than 100 classes (a
        continuous factor given as classes), negative codes without a name, edges that do not ascend, an unknown method.

    Warns
    -----
    UserWarning
        A usual fill value (255, 65535, ...) counts as a class, because nothing says that it is none.

    Examples
    --------
    >>> slope = xr.DataArray([1.0, 2.0, 5.0, 9.0], dims="x", attrs={"units": "degree"})
    >>> stratify(slope, edges=[0, 2, 6]).values
    array([ 0,  0,  1, -1], dtype=int16)
    >>> stratify(slope * 40, method="aspect", k=4).attrs["labels"]
    ['N', 'E', 'S', 'W']
    """
    method = "edges" if edges is not None else method
    require_option("way to stratify", method, METHODS)
    if method == "classes":
        return _by_class(da, nodata)
    if method == "aspect":
        return _by_sector(da, k, slope, flat_below)
    if method != "edges":
        edges = _edges_in_memory(da, method, k)
    return _by_edges(da, edges, closed, method)


def stratify_factors(
    factors: xr.Dataset,
    *,
    method: str = "quantile",
    k: int = 8,
    edges: Mapping[str, Sequence[float]] | None = None,
    flat_below: float = 5.0,
) -> xr.Dataset:
    """Divide every factor of a Dataset into strata.

    A variable with the attribute ``classes`` is taken class by class; the variable ``aspect`` in sectors centered on
    north, without pixels flatter than ``flat_below`` if the Dataset has ``slope``; every other one by ``method``.

    Parameters
    ----------
    factors : xarray.Dataset
        One variable per factor, all on the same grid.
    method, k, flat_below
        See :func:`stratify`.
    edges : mapping of str to sequence of float, optional
        Edges of single factors, required for numeric factors that are lazy.

    Returns
    -------
    xarray.Dataset
        The strata under the names of the factors; lazy where :func:`stratify` is.

    Examples
    --------
    >>> maps = xr.Dataset({"slope": ("x", [1.0, 6.0, 7.0, 9.0]), "aspect": ("x", [359.0, 1.0, 90.0, 180.0])})
    >>> stratify_factors(maps, k=4)["aspect"].values
    array([-1,  0,  1,  2], dtype=int16)
    """
    given = dict(edges or {})
    out = {}
    for name, da in factors.data_vars.items():
        if "classes" in da.attrs:
            out[name] = stratify(da, method="classes")
        elif name == "aspect":
            out[name] = stratify(da, method="aspect", k=k, slope=factors.get("slope"), flat_below=flat_below)
        else:
            out[name] = stratify(da, method=method, k=k, edges=given.get(str(name)))
    return xr.Dataset(out)


def read_strata(da: xr.DataArray) -> tuple[xr.DataArray, list[str]]:
    """Codes 0..k-1 (-1 for none) and labels of what the user gave as strata."""
    return labelled_codes(da if "labels" in da.attrs else _by_class(da, None))


def _edges_in_memory(da: xr.DataArray, method: str, k: int) -> np.ndarray:
    if is_lazy(da):
        raise QtpDataError(
            f"{method!r} strata of {da.name!r} depend on all its values, and it is lazy",
            hint=f"Find the edges first (this computes): stratify(da, edges=edges(da, method={method!r}, k={k})).",
        )
    return edges(da, method=method, k=k)


def _by_edges(da: xr.DataArray, edges: Sequence[float] | np.ndarray | None, closed: str, method: str) -> xr.DataArray:
    limits = check_edges(edges, da.name)
    check_count(limits.size - 1, da)
    require_option("closed end", closed, ("right", "left"))
    labels = [kernels.interval_label(low, high) for low, high in pairwise(limits)]
    codes = partial(kernels.codes_by_edges, edges=limits, closed=closed)
    return _code(da, codes, labels, method, edges=limits.tolist(), closed=closed)


def _by_sector(da: xr.DataArray, k: int, slope: xr.DataArray | None, flat_below: float) -> xr.DataArray:
    check_k(k)
    if da.attrs.get("units", "degree") not in ("degree", "degrees"):
        raise QtpDataError(
            "aspect has the wrong unit", variable=str(da.name), expected="degree", found=da.attrs["units"]
        )
    _refuse_radians(da)
    labels = list(COMPASS.get(k, [f"{360.0 * i / k:g} degree" for i in range(k)]))
    steep = da if slope is None else da.where(require_same_grid(slope, da, name="slope") >= flat_below)
    return _code(steep, partial(kernels.codes_by_sector, k=k), labels, "aspect")


def _refuse_radians(da: xr.DataArray) -> None:
    """Refuse an aspect in memory that says no unit and runs through one turn of radians: all of it would be north."""
    if "units" in da.attrs or is_lazy(da):
        return
    values = np.asarray(da.values, dtype=float)
    values = values[np.isfinite(values) & (values != -1)]
    if values.size >= FEW and np.pi < values.max() <= 2 * np.pi and (values % 1 != 0).any():
        raise QtpDataError(
            "aspect may be in radians",
            variable=str(da.name),
            expected="degree",
            found=f"{values.min():.3g} to {values.max():.3g}",
            hint="Convert it with numpy.rad2deg, or set attrs['units'] = 'degree' if it is.",
        )


def _by_class(da: xr.DataArray, nodata: int | None) -> xr.DataArray:
    named = class_names(da)
    if not named and is_lazy(da):
        raise QtpDataError(
            f"{da.name!r} is lazy and does not say which classes it has",
            hint="Set attrs['classes'] = {code: name}, or call stratify on values in memory.",
        )
    codes = np.array(sorted(named)) if named else _classes_present(da)
    tags = [da.attrs[key] for key in ("_FillValue", "nodata") if key in da.attrs]
    none = [nodata] if nodata is not None else [tag for tag in tags[:1] if tag not in named]  # a name beats a tag
    codes = codes[~np.isin(codes, none)]
    if not named and not none:
        _refuse_doubtful(codes, da)
    check_count(codes.size, da)
    labels = [named.get(int(code) if code == int(code) else code, f"{code:g}") for code in codes]
    return _code(da, partial(kernels.codes_by_class, classes=codes), labels, "classes")


def _classes_present(da: xr.DataArray) -> np.ndarray:
    require_numbers(da)
    values = np.asarray(da.values).ravel()
    found = np.unique(values[np.isfinite(values)])
    return found[(found != -1) & ~((found < 0) & np.isin(found, USUAL_FILLS))]


def _refuse_doubtful(codes: np.ndarray, da: xr.DataArray) -> None:
    """Refuse negative codes, and warn of fill values among codes, that nobody said the meaning of."""
    if (codes < 0).any():
        raise QtpDataError(
            f"{da.name!r} has negative codes",
            found=codes[codes < 0].tolist(),
            hint="Name the classes in attrs['classes'] = {code: name}, or say nodata if they are none.",
        )
    fills = codes[np.isin(codes, USUAL_FILLS)]
    if fills.size:
        text = f"{da.name!r}: code {fills[-1]:g} counts as a class; if it means that there is no data, say so by nodata"
        warnings.warn(f"{text}.", UserWarning, stacklevel=2)


def check_k(k: int) -> None:
    """Refuse a number of strata that no factor can have."""
    if not 2 <= k <= MAX_STRATA:
        raise QtpDataError("number of strata out of range", expected=f"2 to {MAX_STRATA}", found=k)


def _code(
    da: xr.DataArray, codes_of: Callable[[np.ndarray], np.ndarray], labels: list[str], method: str, **attrs: object
) -> xr.DataArray:
    """Codes of values, with what they mean."""
    out = xr.apply_ufunc(codes_of, da, dask="parallelized", output_dtypes=[np.int16], keep_attrs=False)
    kept = {key: da.attrs[key] for key in ("units", "long_name") if key in da.attrs} | provenance(da)
    out.attrs = {**kept, "labels": labels, "method": method, "variable": str(da.name), **attrs}
    return out.rename(da.name)
