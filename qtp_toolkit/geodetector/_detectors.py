"""Factor, interaction, ecological and risk detectors, all from moment tables."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from scipy import stats

from qtp_toolkit.conventions import STRATUM, QtpDataError, describe
from qtp_toolkit.geodetector._moments import FACTOR, OTHER, moments, prepare
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
        memory work too.
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
    """
    codes, sizes, names, _ = prepare(y, strata)
    table = moments(y, codes, sizes)
    out = xr.apply_ufunc(
        _summaries,
        table,
        input_core_dims=[["moment", "cell"]],
        output_core_dims=[[FACTOR, "statistic"]],
        kwargs={"sizes": sizes, "names": names, "total": y.size, "label": str(y.name), "singletons": _flag(singletons)},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {FACTOR: len(sizes), "statistic": len(SUMMARY)}},
    ).assign_coords({FACTOR: names})
    return _named(out, "statistic", SUMMARY, y)


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
    """
    names, out = _pair_summaries(y, strata, singletons)
    ds = _named(out, "statistic", PAIR, y)
    kind = xr.apply_ufunc(
        _kinds,
        ds["q"],
        ds["q_first"],
        ds["q_second"],
        kwargs={"tolerance": tolerance},
        dask="parallelized",
        output_dtypes=[np.dtype("U18")],
    )
    return ds.assign(interaction=describe(kind, "interaction")).assign_coords({FACTOR: names, OTHER: names})


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
    names, out = _pair_summaries(y, strata, "keep")
    ds = _named(out, "statistic", PAIR, y)
    ratio = (1.0 - ds["q_first"]) / (1.0 - ds["q_second"])
    p = xr.apply_ufunc(_two_sided_f, ratio, ds["n"] - 1.0, dask="parallelized", output_dtypes=[np.float64])
    result = xr.Dataset({"f_ratio": describe(ratio, "f_ratio"), "p": describe(p, "p"), "n": ds["n"]})
    result["significant"] = (p < alpha).assign_attrs(long_name=f"factors differ at the {alpha:g} level")
    return result.assign_coords({FACTOR: names, OTHER: names})


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
    """
    codes, sizes, _, labels = prepare(y, strata)
    table = moments(y, codes, sizes)
    other = f"{STRATUM}_other"
    size = {STRATUM: sizes[0], other: sizes[0], "statistic": 3}
    per, pairs = xr.apply_ufunc(
        _welch,
        table,
        input_core_dims=[["moment", "cell"]],
        output_core_dims=[[STRATUM, "statistic"], [STRATUM, other, "test"]],
        dask="parallelized",
        output_dtypes=[np.float64, np.float64],
        dask_gufunc_kwargs={"output_sizes": {**size, "test": 4}},
    )
    unit = {key: y.attrs[key] for key in ("units", "provenance_note") if key in y.attrs}
    out = xr.Dataset(
        {
            "mean": per.isel(statistic=1).assign_attrs(**unit, long_name=f"mean {y.attrs.get('long_name', y.name)}"),
            "standard_deviation": per.isel(statistic=2).assign_attrs(**unit, long_name="standard deviation"),
            "count": describe(per.isel(statistic=0), "count"),
        }
    )
    for i, name in enumerate(("t", "degrees_of_freedom", "p", "p_holm")):
        out[name] = describe(pairs.isel(test=i), name)
    number = np.arange(sizes[0])
    return out.assign_coords({STRATUM: number, other: number, "label": (STRATUM, labels[0])})


def _pair_summaries(y: xr.DataArray, strata: xr.Dataset, singletons: str) -> tuple[list[str], xr.DataArray]:
    codes, sizes, names, _ = prepare(y, strata)
    if len(names) < 2:
        raise QtpDataError("pairs need two factors or more", found=names)
    table = moments(y, codes, sizes, pairs=True)
    output_sizes = {FACTOR: len(sizes), OTHER: len(sizes), "statistic": len(PAIR)}
    out = xr.apply_ufunc(
        _pair_statistics,
        table,
        input_core_dims=[["moment", "cell"]],
        output_core_dims=[list(output_sizes)],
        kwargs={"sizes": sizes, "singletons": _flag(singletons)},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": output_sizes},
    )
    return names, out


def _named(out: xr.DataArray, dim: str, names: tuple[str, ...], y: xr.DataArray) -> xr.Dataset:
    note = {key: y.attrs[key] for key in ("provenance_note",) if key in y.attrs}
    parts = {name: out.isel({dim: i}) for i, name in enumerate(names)}
    whole = {name: da if name.startswith("q") else da.fillna(0).astype(np.int64) for name, da in parts.items()}
    return xr.Dataset({name: describe(da, name, **note) for name, da in whole.items()}, attrs=note)


def _flag(singletons: str) -> bool:
    if singletons not in ("keep", "drop"):
        raise QtpDataError("unknown treatment of single samples", expected=("keep", "drop"), found=repr(singletons))
    return singletons == "keep"


def _summaries(
    table: np.ndarray, *, sizes: tuple[int, ...], names: list[str], total: int, label: str, singletons: bool
) -> np.ndarray:
    out = np.empty((len(sizes), len(SUMMARY)))
    for i, (part, name) in enumerate(zip(np.split(table, np.cumsum(sizes)[:-1], axis=1), names, strict=True)):
        within, sst, n, strata, smallest = variance_split(part, singletons=singletons)
        check_varies(part, label, name)
        _warn(int(n), strata, smallest, name)
        out[i] = 1.0 - within / sst, n, strata, total - n, smallest
    return out


def check_varies(table: np.ndarray, label: str, name: str) -> None:
    """Refuse a map without samples or without variance."""
    _, sst, n, *_ = variance_split(table)
    scale = np.abs(table[1]).max(initial=0.0)
    if n == 0:
        raise QtpDataError(f"{label!r} and factor {name!r} share no sample", hint="Check masks and class edges.")
    if sst <= n * (4.0 * np.finfo(np.float64).eps * scale) ** 2:
        raise QtpDataError(
            f"{label!r} does not vary, so that nothing can explain it",
            variable=label,
            found=f"constant in {n:.0f} samples",
        )


def _warn(n: int, strata: int, smallest: float, name: str) -> None:
    if strata == n:
        text = f"every sample of factor {name!r} is a stratum of its own: q = 1 says nothing. Use fewer strata."
    elif strata == 1:
        text = f"factor {name!r} has a single stratum: q = 0 by construction."
    elif smallest == 1:
        text = f"factor {name!r} has strata of a single sample, which raise q. Merge strata or use singletons='drop'."
    else:
        return
    warnings.warn(text, UserWarning, stacklevel=2)


def _pair_statistics(table: np.ndarray, *, sizes: tuple[int, ...], singletons: bool) -> np.ndarray:
    out = np.full((len(sizes), len(sizes), len(PAIR)), np.nan)
    start = 0
    for i in range(len(sizes)):
        for j in range(i + 1, len(sizes)):
            shape = (3, sizes[i] + 1, sizes[j] + 1)
            stop = start + shape[1] * shape[2]
            joint = table[:, start:stop].reshape(shape)[:, :-1, :-1]
            start = stop
            alone = [merge_tables(np.moveaxis(joint, axis, 0)) for axis in (2, 1)]
            q = [q_statistic(part, singletons=singletons) for part in (joint.reshape(3, -1), *alone)]
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
    return 2.0 * np.minimum(stats.f.sf(ratio, df, df), stats.f.cdf(ratio, df, df))


def _welch(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count, mean, within = table
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(count > 1, within / (count - 1), np.nan)
        error = variance / count
        both = error[:, None] + error[None, :]
        t = (mean[:, None] - mean[None, :]) / np.sqrt(both)
        share = error**2 / (count - 1)
        df = both**2 / (share[:, None] + share[None, :])
    np.fill_diagonal(t, np.nan)
    np.fill_diagonal(df, np.nan)
    p = 2.0 * stats.t.sf(np.abs(t), df)
    mean = np.where(count > 0, mean, np.nan)
    return np.stack([count, mean, np.sqrt(variance)], axis=1), np.stack([t, df, p, _holm(p)], axis=2)


def _holm(p: np.ndarray) -> np.ndarray:
    upper = np.triu_indices_from(p, k=1)
    values = p[upper]
    known = np.isfinite(values)
    order = np.argsort(values[known])
    steps = np.arange(known.sum(), 0, -1)
    adjusted = np.empty(known.sum())
    adjusted[order] = np.minimum(np.maximum.accumulate(values[known][order] * steps), 1.0)
    full = np.full(values.shape, np.nan)
    full[known] = adjusted
    out = np.full(p.shape, np.nan)
    out[upper] = full
    return np.where(np.isnan(out), out.T, out)
