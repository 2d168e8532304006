"""Factor, interaction, ecological and risk detectors, all from moment tables."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import STRATUM, QtpDataError, describe, provenance, require_option, xnp
from qtp_toolkit.geodetector._moments import (
    FACTOR,
    OTHER,
    moments,
    name_statistics,
    prepare,
    read_factors,
    read_tables,
)
from qtp_toolkit.kernels.strata import merge_tables, q_statistic, variance_split

SUMMARY = ("q", "n", "strata", "dropped", "min_stratum")
PAIR = ("q", "q_first", "q_second", "n")


def factor(y: xr.DataArray, strata: xr.DataArray, *, singletons: str = "keep") -> xr.Dataset:
    r"""Share of the variance of a map that one factor explains.

    .. math:: q = 1 - \frac{SSW}{SST} = 1 - \frac{\sum_h N_h \sigma_h^2}{N \sigma^2}

    Parameters
    ----------
    y : xarray.DataArray
        The explained map, any dims and unit. A constant added to it changes nothing.
    strata : xarray.DataArray
        Integer codes on the same grid, -1 (or NaN) for none, as :func:`stratify` makes them. Plain class codes in
        memory work too. Codes beyond ``attrs["labels"]``, as strata combined by hand have them, are refused.
    singletons : {"keep", "drop"}
        Strata of one sample have no variance: keep them (R geodetector, py-geodetector), or drop them with their sample
        (gdverse).

    Returns
    -------
    xarray.Dataset
        Scalars: ``q`` (0..1), ``n`` samples used, ``strata`` that hold samples, ``dropped`` samples without value or
        stratum (dropped jointly from all sums), ``min_stratum``. Lazy if an input is lazy; sums are float64, one
        pass, block by block.

    Raises
    ------
    QtpDataError
        A map that does not vary, other dims or grid, more than 100 strata, or the map itself as factor. On lazy input
        the first of these is raised when the result is computed.

    Warns
    -----
    UserWarning
        Strata of a single sample; as many strata as samples.

    Notes
    -----
    Paper Section 3.8 (Wang et al., 2010). The expected q of an unrelated factor is not zero but about
    ``(L-1)/(N-1)``, far more where both maps are smooth: see :func:`significance`. No p value is given here on
    purpose.

    Examples
    --------
    The sum of squares is 40, within the strata 4:

    >>> y = xr.DataArray([1.0, 3.0, 7.0, 9.0], dims="x", name="rate")
    >>> factor(y, xr.DataArray([0, 0, 1, 1], dims="x"))["q"].item()
    0.9
    """
    return factors(y, xr.Dataset({"factor": strata}), singletons=singletons).isel({FACTOR: 0}, drop=True)


def factors(y: xr.DataArray, strata: xr.Dataset, *, singletons: str = "keep") -> xr.Dataset:
    """Share of the variance of a map that each of several factors explains, in one pass (paper Fig. 4).

    Parameters
    ----------
    y : xarray.DataArray
        The explained map, any dims and unit.
    strata : xarray.Dataset
        One variable of codes per factor, all on the grid of ``y``; see :func:`stratify_factors`.
    singletons : {"keep", "drop"}
        See :func:`factor`.

    Returns
    -------
    xarray.Dataset
        ``q``, ``n``, ``strata``, ``dropped``, ``min_stratum`` along the dim ``factor``. Every factor uses its own
        samples (all those where it and the map are known). Lazy if an input is lazy.

    Examples
    --------
    >>> y = xr.DataArray([1.0, 3.0, 7.0, 9.0], dims="x", name="rate")
    >>> strata = xr.Dataset({"soil": ("x", [0, 0, 1, 1]), "aspect": ("x", [0, 1, 0, 1])})
    >>> factors(y, strata)["q"].values
    array([0.9, 0.1])
    """
    return read_factors(_summary, y, strata, SUMMARY, total=y.size, keep_singletons=check_singletons(singletons))


def interaction(
    y: xr.DataArray, strata: xr.Dataset, *, tolerance: float = 1e-9, singletons: str = "keep"
) -> xr.Dataset:
    """Compare what two factors explain together with what each explains alone.

    Parameters
    ----------
    y : xarray.DataArray
        The explained map.
    strata : xarray.Dataset
        Two or more factors on the grid of ``y``.
    tolerance : float
        Differences of q up to this count as equal.
    singletons : {"keep", "drop"}
        See :func:`factor`; combinations of strata are more often single.

    Returns
    -------
    xarray.Dataset
        On the dims ``factor`` and ``other`` (symmetric, empty diagonal): ``q`` of the combination, ``q_first`` and
        ``q_second`` of the two alone **on the same samples**, ``n``, and ``interaction``: "Weaken, nonlinear" (below
        both), "Weaken, uni-" (between), "Enhance, bi-" (above both, below the sum), "Independent" (equal to the sum),
        "Enhance, nonlinear" (above the sum). All pairs in one pass over the data. Lazy if an input is lazy.

    Notes
    -----
    On one sample a combination refines both stratifications, so q never falls: the two "Weaken" kinds appear only with
    ``singletons="drop"``. The combination of k1 and k2 strata also has more strata, hence more null bias, than either.

    Examples
    --------
    Alone neither says anything, together they say all:

    >>> y = xr.DataArray([0.0, 1.0, 1.0, 0.0], dims="x", name="rate")
    >>> strata = xr.Dataset({"soil": ("x", [0, 0, 1, 1]), "aspect": ("x", [0, 1, 0, 1])})
    >>> interaction(y, strata)["interaction"].sel(factor="soil", other="aspect").item()
    'Enhance, nonlinear'
    """
    ds = _compare_pairs(y, strata, singletons)
    kind = xr.apply_ufunc(
        _kinds,
        ds["q"],
        ds["q_first"],
        ds["q_second"],
        kwargs={"tolerance": tolerance},
        dask="parallelized",
        output_dtypes=[np.dtype("U18")],
    )
    return ds.assign(interaction=describe(kind, "interaction", like=y))


def ecological(y: xr.DataArray, strata: xr.Dataset, *, alpha: float = 0.05) -> xr.Dataset:
    """Whether two factors differ in how well they explain the map: ``F = SSW_1 / SSW_2``, two-sided.

    Parameters
    ----------
    y : xarray.DataArray
        The explained map.
    strata : xarray.Dataset
        Two or more factors on the grid of ``y``.
    alpha : float
        Level of significance.

    Returns
    -------
    xarray.Dataset
        On the dims ``factor`` and ``other``: ``f_ratio`` (below 1 where ``factor`` explains more), ``p``, ``n`` (joint
        sample), and ``significant`` (bool). Lazy if an input is lazy.

    Notes
    -----
    Published implementations test one tail, so that their verdict depends on the order of the factors; two-sided does
    not. The F distribution assumes independent samples, which pixels are not: read it as a ranking.
    """
    ds = _compare_pairs(y, strata, "keep")
    ratio = (1.0 - ds["q_first"]) / (1.0 - ds["q_second"])
    p = xr.apply_ufunc(_two_sided_f, ratio, ds["n"] - 1.0, dask="parallelized", output_dtypes=[np.float64])
    out = xr.Dataset({"f_ratio": describe(ratio, "f_ratio", like=y), "p": describe(p, "p", like=y), "n": ds["n"]})
    out["significant"] = (p < alpha).assign_attrs(long_name=f"factors differ at the {alpha:g} level")
    return out.assign_attrs(ds.attrs)


def risk(y: xr.DataArray, strata: xr.DataArray) -> xr.Dataset:
    """Mean of the map in every stratum, and whether strata differ: Welch's t with Holm's correction.

    Parameters
    ----------
    y : xarray.DataArray
        The explained map.
    strata : xarray.DataArray
        One factor on the grid of ``y``.

    Returns
    -------
    xarray.Dataset
        Along ``stratum``: ``mean``, ``standard_deviation`` (ddof 1), in the unit of ``y``, and ``count``; on
        ``stratum`` x ``stratum_other``: ``t``, ``degrees_of_freedom``, ``p`` (two-sided) and ``p_holm``. The
        coordinate ``label`` names the strata. NaN where a stratum has fewer than two samples. Lazy if an input is
        lazy.

    Examples
    --------
    >>> y = xr.DataArray([1.0, 3.0, 7.0, 9.0], dims="x", name="rate")
    >>> table = risk(y, xr.DataArray([0, 0, 1, 1], dims="x"))
    >>> table["mean"].values, round(table["t"].values[0, 1].item(), 3)
    (array([2., 8.]), -4.243)
    """
    codes, sizes, _, labels = prepare(y, strata)
    table = moments(y, codes, sizes)
    other = f"{STRATUM}_other"
    count, mean, within = (table.isel(moment=i).rename(cell=STRATUM) for i in range(3))
    kept = provenance(y) | {key: y.attrs[key] for key in ("units",) if key in y.attrs}
    name = y.attrs.get("long_name", y.name)
    out = xr.Dataset(
        {
            "mean": mean.where(count > 0).assign_attrs(**kept, long_name=f"mean {name}"),
            "standard_deviation": xnp.sqrt(within / (count - 1.0).where(count > 1)).assign_attrs(
                **kept, long_name="standard deviation"
            ),
            "count": describe(count, "count", like=y),
        }
    )
    tests = read_tables(_welch, table, {STRATUM: sizes[0], other: sizes[0], "test": 4})
    for i, test in enumerate(("t", "degrees_of_freedom", "p", "p_holm")):
        out[test] = describe(tests.isel(test=i), test, like=y)
    number = np.arange(sizes[0])
    return out.assign_attrs(provenance(y)).assign_coords(
        {STRATUM: number, other: number, "label": (STRATUM, labels[0])}
    )


def _compare_pairs(y: xr.DataArray, strata: xr.Dataset, singletons: str) -> xr.Dataset:
    """Statistics ``PAIR`` of every pair of factors."""
    codes, sizes, names, _ = prepare(y, strata)
    if len(names) < 2:
        raise QtpDataError("pairs need two factors or more", found=names)
    out = read_tables(
        _compare_each_pair,
        moments(y, codes, sizes, pairs=True),
        {FACTOR: len(sizes), OTHER: len(sizes), "statistic": len(PAIR)},
        sizes=sizes,
        keep_singletons=check_singletons(singletons),
    )
    return name_statistics(out.assign_coords({FACTOR: names, OTHER: names}), PAIR, y)


def check_singletons(singletons: str) -> bool:
    """Whether strata of one sample are kept."""
    require_option("treatment of single samples", singletons, ("keep", "drop"))
    return singletons == "keep"


def _summary(table: np.ndarray, name: str, *, total: int, keep_singletons: bool) -> tuple[float, ...]:
    within, sst, n, strata, smallest = variance_split(table, singletons=keep_singletons)
    _warn_of_few_samples(int(n), strata, smallest, name)
    return 1.0 - within / sst, n, strata, total - n, smallest


def _warn_of_few_samples(n: int, strata: int, smallest: float, name: str) -> None:
    if strata == n:
        text = f"every sample of factor {name!r} is a stratum of its own: q = 1 says nothing. Use fewer strata."
    elif strata == 1:
        text = f"factor {name!r} has a single stratum: q = 0 by construction."
    elif smallest == 1:
        text = f"factor {name!r} has strata of a single sample, which raise q. Merge strata or use singletons='drop'."
    else:
        return
    warnings.warn(text, UserWarning, stacklevel=2)


def _compare_each_pair(table: np.ndarray, *, sizes: tuple[int, ...], keep_singletons: bool) -> np.ndarray:
    from qtp_toolkit.geodetector.kernels.moments import pair_layout  # noqa: PLC0415  imports Numba

    out = np.full((len(sizes), len(sizes), len(PAIR)), np.nan)
    pairs, offsets = pair_layout(sizes)
    for (i, j), part in zip(pairs, np.split(table, offsets[1:-1], axis=1), strict=True):
        # Without the last stratum of each, where a factor is missing: all three q are of one sample.
        joint = part.reshape(3, sizes[i] + 1, sizes[j] + 1)[:, :-1, :-1]
        alone = [merge_tables(np.moveaxis(joint, axis, 0)) for axis in (2, 1)]
        q = [q_statistic(one, singletons=keep_singletons) for one in (joint.reshape(3, -1), *alone)]
        out[i, j] = *q, joint[0].sum()
        out[j, i] = q[0], q[2], q[1], joint[0].sum()
    return out


def _kinds(q: np.ndarray, first: np.ndarray, second: np.ndarray, *, tolerance: float) -> np.ndarray:
    total = first + second
    kinds = {
        "": ~np.isfinite(q),
        "Independent": np.abs(q - total) <= tolerance,
        "Enhance, nonlinear": q > total,
        "Enhance, bi-": q > np.maximum(first, second) + tolerance,
        "Weaken, uni-": q >= np.minimum(first, second) - tolerance,
    }
    return np.select(list(kinds.values()), list(kinds), default="Weaken, nonlinear").astype("U18")


def _two_sided_f(ratio: np.ndarray, df: np.ndarray) -> np.ndarray:
    from scipy import stats  # noqa: PLC0415  slow to import

    return 2.0 * np.minimum(stats.f.sf(ratio, df, df), stats.f.cdf(ratio, df, df))


def _welch(table: np.ndarray) -> np.ndarray:
    """T, degrees of freedom, p and Holm's p of every two strata."""
    from scipy import stats  # noqa: PLC0415  slow to import

    count, mean, within = table
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(count > 1, within / (count - 1), np.nan) / count
        both = error[:, None] + error[None, :]
        t = (mean[:, None] - mean[None, :]) / np.sqrt(both)
        share = error**2 / (count - 1)
        df = both**2 / (share[:, None] + share[None, :])  # Welch and Satterthwaite: variances may differ
    np.fill_diagonal(t, np.nan)
    np.fill_diagonal(df, np.nan)
    p = 2.0 * stats.t.sf(np.abs(t), df)
    return np.stack([t, df, p, _holm(p)], axis=2)


def _holm(p: np.ndarray) -> np.ndarray:
    upper = np.triu_indices_from(p, k=1)
    values = p[upper]
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known])]
    adjusted = np.full(values.shape, np.nan)
    # A larger p never gets a smaller correction than the one before it: the tests are rejected in order.
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(order.size, 0, -1)), 1.0)
    out = np.full(p.shape, np.nan)
    out[upper] = adjusted
    return np.where(np.isnan(out), out.T, out)
