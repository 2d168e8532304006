"""Gap fill of the composites: a robust harmonic curve, or a Whittaker smoother about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import DAYS_PER_YEAR, TIME, VARIABLES, QtpDataError, describe, require, require_option
from qtp_toolkit.lst.axis import days_since_start, temperatures
from qtp_toolkit.lst.kernels.basis import Basis, make_basis

SIDES = {"low": 1, "high": -1, "none": 0}
"""Sides on which outliers can be dropped: clouds are low."""

METHODS = ("harmonic", "whittaker")


def fill_gaps(
    lst: xr.Dataset | xr.DataArray,
    *,
    method: str = "harmonic",
    harmonics: int = 2,
    tolerance_K: float = 8.0,
    spare: int = 10,
    min_valid: int = 0,
    reject: str = "low",
    interannual: float | None = 4.0,
    smoothing: float = 1.0,
    pull: float = 1.0,
    max_gap_days: float | None = None,
    period_days: float = DAYS_PER_YEAR,
) -> xr.Dataset | xr.DataArray:
    """Fill missing composites by a robust curve per pixel; keep valid values as they are.

    ``harmonic``: fits mean, ``harmonics`` harmonics of the year and (series longer than a year and a half) drifts of
    the mean and of the annual cycle from year to year, drops values more than ``tolerance_K`` below the curve
    (undetected cloud) worst first, fits again until none is left, then takes the curve where a value is missing or was
    dropped. ``whittaker``: smooths in addition what that curve leaves, so that a short gap follows the weather of its
    neighbors, and drops again what lies too low.

    Parameters
    ----------
    lst : xarray.Dataset or xarray.DataArray
        degC; dim ``time`` (composite centers, increasing; need not be regular) and any others.
    method : {"harmonic", "whittaker"}
        Curve that fills.
    harmonics : int
        Harmonics of the year. With ``whittaker`` 0 leaves the curve out: a plain Whittaker smoother.
    tolerance_K : float
        Largest accepted distance below the curve.
    spare : int
        Values kept beyond the number of unknowns; a pixel with fewer valid values is not filled.
    min_valid : int
        Fewest valid values of a pixel, where that is more than unknowns and ``spare`` ask for.
    reject : {"low", "high", "none"}
        Side on which outliers are dropped.
    interannual : float or None
        Penalty on the drifts, in units of the noise-to-signal variance ratio (weather noise 3 K, drifts 1.5 K: 4).
        Larger is stiffer; None turns them off, so that all years share one curve.
    smoothing : float
        Only ``whittaker``: penalty (lambda) on second differences for dates 8 days apart.
    pull : float
        Only ``whittaker``: penalty that draws the smoothed remainder to zero, that is to the curve, in long gaps.
    max_gap_days : float or None
        Longest time between two kept values (or to an end of the series) that is filled; None fills any.
    period_days : float
        Base period.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        For a DataArray, the filled array. For a Dataset, every temperature variable filled, and per variable
        ``<variable>_replaced`` (number of values that are not original) and ``<variable>_max_gap`` (d: longest time
        between values that were kept), and ``reason`` (uint8: 0 ok, 3 curve runs away in a gap, 4 too few values, 5
        no value, 8 a gap longer than accepted), the largest code over the variables. A variable is NaN throughout
        where it has the reason 3, 4 or 5 (never 0 degC), and NaN inside the gap where it has 8. Lazy if the input is
        lazy; ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        If times are not increasing datetimes, units are not degC, or an option is unknown.

    Notes
    -----
    The paper cites harmonic analysis without settings; these were chosen by hiding values of real series, see
    :func:`qtp_toolkit.lst.hold_out` and ``docs/gap_fill.md``. Real days are used, with a period of 365.25 days: 46
    composites of 8 days are 368 days long, which costs 0.7 K over six years. Compiled on first use.

    References
    ----------
    Chen et al. (2022), Section 3.1; Roerink et al. (2000), International Journal of Remote Sensing 21 (HANTS); Eilers
    (2003), Analytical Chemistry 75 (Whittaker smoother).

    Examples
    --------
    >>> times = pd.date_range("2014-01-04T12", periods=46, freq="8D")
    >>> wave = -4.0 - 12.0 * np.cos(2 * np.pi * 8 * np.arange(46) / 365.25)
    >>> seen = np.where(np.arange(46) == 20, np.nan, wave)
    >>> filled = fill_gaps(xr.DataArray(seen, {"time": times}, "time", attrs={"units": "degC"}))
    >>> filled.values[20].round(3).item(), wave[20].round(3).item()
    (7.103, 7.103)
    """
    require_option("side of rejection", reject, SIDES)
    require_option("method of gap fill", method, METHODS)
    if harmonics < (1 if method == "harmonic" else 0):
        raise QtpDataError("too few harmonics", expected="1 or more, or 0 with the Whittaker smoother", found=harmonics)
    terms = {"harmonics": harmonics, "interannual": interannual, "period": period_days}
    smoother = {"strength": smoothing, "pull": pull, "on": method == "whittaker"}
    rules: dict[str, Any] = {
        "side": SIDES[reject],
        "tolerance": tolerance_K,
        "max_gap": np.inf if max_gap_days is None else max_gap_days,
        "spare": spare,
        "min_valid": min_valid,
    }
    if isinstance(lst, xr.DataArray):
        return _fill_one(lst, terms, smoother, **rules)[0]
    out, reasons = {}, []
    for name in temperatures(lst):
        filled, replaced, gap, reason = _fill_one(lst[name], terms, smoother, **rules)
        out[name] = filled
        out[f"{name}_replaced"] = describe(replaced, "replaced", like=lst[name])
        out[f"{name}_max_gap"] = describe(gap, "max_gap", like=lst[name])
        reasons.append(reason)
    worst = xr.concat(reasons, "variable").max("variable") if len(reasons) > 1 else reasons[0]
    out["reason"] = describe(worst, "reason", like=lst)
    return xr.Dataset(out, attrs=lst.attrs)


def _fill_one(
    da: xr.DataArray, terms: dict, smoother: dict, *, spare: int, min_valid: int, **rules: float
) -> tuple[xr.DataArray, ...]:
    from qtp_toolkit.lst.kernels import gaps, whittaker  # noqa: PLC0415  (compiles)

    require(da, dims=(TIME,), units=VARIABLES["lst"].units)
    days = days_since_start(da)
    basis = _prepare_basis(days, **terms)
    unknowns = basis.columns + 3 * basis.nodes if terms["harmonics"] else 1
    options = {
        "days": days,
        "basis": basis,
        "smoother": whittaker.make_smoother(days, **smoother),
        "climatology": terms["harmonics"] > 0,
        "need": max(unknowns + spare, min_valid),
    }
    filled, *told = xr.apply_ufunc(
        gaps.fill,
        da,
        input_core_dims=[[TIME]],
        output_core_dims=[[TIME], [], [], []],
        kwargs=options | rules,
        dask="parallelized",
        output_dtypes=[da.dtype, np.uint16, np.float32, np.uint8],
    )
    name = str(da.name) if da.name in VARIABLES else "lst"
    return describe(filled.transpose(*da.dims), name, like=da).rename(da.name or "lst"), *told


def _prepare_basis(days: np.ndarray, *, harmonics: int, interannual: float | None, period: float) -> Basis:
    span = days[-1] - days[0]
    # Within a year and a half a drift cannot be told from the harmonics.
    drifts = interannual is not None and span > 1.5 * period
    return make_basis(
        days,
        period=period,
        harmonics=max(harmonics, 1),
        years=round(span / period) if drifts else 0,
        stiffness=float(interannual or 0.0) if drifts else 0.0,
    )
