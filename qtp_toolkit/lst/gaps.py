"""Gap fill of the composites by a robust harmonic curve."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import DAYS_PER_YEAR, TIME, QtpDataError, describe, require
from qtp_toolkit.kernels import harmonic
from qtp_toolkit.lst.axis import days_since_start, provenance, temperatures

SIDES = {"low": 1, "high": -1, "none": 0}
"""Sides on which outliers can be dropped: clouds are low."""


def fill_gaps(
    lst: xr.Dataset | xr.DataArray,
    *,
    harmonics: int = 3,
    tolerance_K: float = 8.0,
    spare: int = 10,
    reject: str = "low",
    interannual: float | None = 4.0,
    period_days: float = DAYS_PER_YEAR,
) -> xr.Dataset | xr.DataArray:
    """Fill missing composites by a robust harmonic curve per pixel; keep valid values as they are.

    Fits mean, ``harmonics`` harmonics of the year and (series longer than a year and a half) drifts of the mean and
    of the annual cycle from year to year, drops values more than ``tolerance_K`` below the curve (undetected cloud)
    worst first, fits again until none is left, then takes the curve where a value is missing or was dropped.

    Parameters
    ----------
    lst : xarray.Dataset or xarray.DataArray
        degC; dim ``time`` (composite centres, increasing; need not be regular) and any others.
    harmonics : int
        Harmonics of the year: 2 to 3 for 8-day composites.
    tolerance_K : float
        Largest accepted distance below the curve.
    spare : int
        Values kept beyond the number of unknowns; a pixel with fewer valid values is not filled.
    reject : {"low", "high", "none"}
        Side on which outliers are dropped.
    interannual : float or None
        Penalty on the drifts, in units of the noise-to-signal variance ratio (weather noise 3 K, drifts 1.5 K: 4).
        Larger is stiffer; None turns them off, so that all years share one curve.
    period_days : float
        Base period.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        For a DataArray, the filled array. For a Dataset, every temperature variable filled, and per variable
        ``<variable>_replaced`` (number of values that are not original) and ``<variable>_max_gap`` (d: longest time
        between values that were kept), and ``reason`` (uint8: 0 ok, 3 curve runs away in a gap, 4 too few values, 5
        no value), the largest code over the variables. A pixel with a reason is NaN throughout. Lazy if the input is
        lazy; ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        If times are not increasing datetimes, units are not degC, or an option is unknown.

    Notes ----- The paper cites harmonic analysis (Roerink 2000, Xu 2013) without settings. Gaps longer than about 60
    days make a curve of three harmonics ring: look at ``<variable>_max_gap``. Real days are used, with a period of
    365.25 days: 46 composites of 8 days are 368 days long, which costs 0.7 K over six years.
    """
    if reject not in SIDES:
        raise QtpDataError("unknown side of rejection", expected=sorted(SIDES), found=reject)
    rejection = {"reject": SIDES[reject], "tolerance": tolerance_K, "spare": spare}
    terms = {"harmonics": harmonics, "interannual": interannual, "period": period_days}
    if isinstance(lst, xr.DataArray):
        return _fill_one(lst, terms, rejection)[0]
    out, reasons = {}, []
    for name in temperatures(lst):
        filled, replaced, gap, reason = _fill_one(lst[name], terms, rejection)
        out[name] = filled
        counted = {"units": "1", "long_name": "number of replaced composites"}
        longest = {"units": "d", "long_name": "longest time between kept composites"}
        out[f"{name}_replaced"] = replaced.drop_attrs(deep=False).assign_attrs(**counted, **provenance(lst[name]))
        out[f"{name}_max_gap"] = gap.drop_attrs(deep=False).assign_attrs(**longest, **provenance(lst[name]))
        reasons.append(reason)
    worst = xr.concat(reasons, "variable").max("variable") if len(reasons) > 1 else reasons[0]
    out["reason"] = describe(worst, "reason", **provenance(lst, *(lst[name] for name in temperatures(lst))))
    return xr.Dataset(out, attrs=lst.attrs)


def _fill_one(da: xr.DataArray, terms: dict, rejection: dict) -> tuple[xr.DataArray, ...]:
    require(da, dims=(TIME,), units="degC")
    days = days_since_start(da)
    design, penalty = _design(days, **terms)
    filled, replaced, gap, reason = xr.apply_ufunc(
        harmonic.fill, da, input_core_dims=[[TIME]], output_core_dims=[[TIME], [], [], []],
        kwargs={"days": days, "design": design, "penalty": penalty, **rejection},
        dask="parallelized", output_dtypes=[da.dtype, np.uint16, np.float32, np.uint8],
    )  # fmt: skip
    filled = filled.transpose(*da.dims)
    return describe(filled, str(da.name or "lst"), **provenance(da)), replaced, gap, reason


def _design(
    days: np.ndarray, *, harmonics: int, interannual: float | None, period: float
) -> tuple[np.ndarray, np.ndarray]:
    design = harmonic.design_matrix(days, period=period, harmonics=harmonics)
    penalty = np.zeros(design.shape[1])
    span = days[-1] - days[0]
    if interannual is None or span <= 1.5 * period:
        return design, penalty
    drift = harmonic.interannual_columns(days, period=period, years=round(span / period))
    return np.concatenate([design, drift], axis=1), np.concatenate(
        [penalty, np.full(drift.shape[1], float(interannual))]
    )
