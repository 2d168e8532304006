"""Decomposition of displacement into linear and seasonal deformation (Eq. 2 and 7)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import DAYS_PER_YEAR, PAIR, REFERENCE, SECONDARY, TIME, QtpDataError, describe, require
from qtp_toolkit.kernels import decompose

RESULTS = (
    "linear_rate", "seasonal_amplitude", "linear_rate_std", "seasonal_amplitude_std", "seasonal_coefficient",
    "intercept", "rms", "reason",
)  # fmt: skip


def forward(deformation: xr.Dataset, linear: xr.DataArray, composite: xr.DataArray) -> xr.DataArray:
    r"""Displacement of the model: ``D = v L + d I + c`` (Eq. 2, with our intercept).

    Parameters
    ----------
    deformation : xarray.Dataset
        ``linear_rate``, ``seasonal_coefficient`` and, if not 0, ``intercept`` (...), as :func:`fit` returns them.
    linear, composite : xarray.DataArray
        (time, ...) indices of :func:`linear_index` and :func:`composite_index`.

    Returns
    -------
    xarray.DataArray
        ``displacement`` (time, ...) in mm, positive toward the satellite. Lazy if an input is lazy.
    """
    require(linear, dims=(TIME,))
    require(composite, dims=(TIME,))
    rate, coefficient = deformation["linear_rate"], deformation["seasonal_coefficient"]
    out = rate * linear + coefficient * composite + deformation.get("intercept", 0.0)
    return describe(out.transpose(TIME, ...), "displacement", **_provenance(rate))


def fit(
    displacement: xr.DataArray,
    linear: xr.DataArray,
    composite: xr.DataArray,
    *,
    intercept: Literal["estimate", "reference", "none"] = "estimate",
    reference_date: Any = None,
    weights: xr.DataArray | None = None,
    peak_index: xr.DataArray | None = None,
    uncertainty: Literal["year_block", "formal"] = "year_block",
    upstream_reason: xr.DataArray | None = None,
    min_dates: int = 10,
    max_condition: float = 1e4,
) -> xr.Dataset:
    r"""Linear rate and seasonal amplitude by least squares: ``D = v L + d I + c`` (Eq. 7).

    Parameters
    ----------
    displacement : xarray.DataArray
        (time, ...) mm, positive toward the satellite; NaN dates are dropped pixel by pixel.
    linear, composite : xarray.DataArray
        (time, ...) on the same dates and pixels; :func:`linear_index`, :func:`composite_index`.
    intercept : {"estimate", "reference", "none"}
        ``estimate`` fits c per pixel. ``reference`` subtracts the values of ``reference_date`` from both sides:
        unbiased, but that date's noise enters everywhere and the formal uncertainty does not see it. ``none`` is the
        letter of Eq. 7, which is biased: with a reference near the summer maximum even the sign of v turns.
    reference_date : datetime64, optional
        Needed by ``intercept="reference"``.
    weights : xarray.DataArray, optional
        (time, ...) inverse variances in any common unit; 0 or NaN drops the date.
    peak_index : xarray.DataArray, optional
        (...) mean annual maximum of I (:func:`amplitude_factor`). Without it the highest values of ``composite`` of
        each calendar year are averaged, which sparse dates make too small.
    uncertainty : {"year_block", "formal"}
        ``formal``: residual variance times inverse normal matrix, as in the paper; a lower bound, since residuals of
        one summer err together. ``year_block``: delete-one-calendar-year jackknife, which allows any correlation
        within a year; needs three years. Its spread is itself estimated from as many numbers as there are years, so
        it is widened by Student's t (11 % with six years) for one sigma to hold 68 %.
    upstream_reason : xarray.DataArray, optional
        (...) reason codes of earlier steps: pixels other than 0 become NaN and keep their code.
    min_dates : int
        Fewest dates of a valid pixel.
    max_condition : float
        Largest condition number of the normal matrix of unit-length columns.

    Returns
    -------
    xarray.Dataset
        (...): ``linear_rate`` (mm/yr), ``seasonal_amplitude`` (mm, peak to trough, >= 0), ``linear_rate_std``,
        ``seasonal_amplitude_std``, ``seasonal_coefficient`` (mm degC-0.5 d-0.5; negative where thaw subsides),
        ``intercept`` (mm; 0 for "none"), ``rms`` (mm), and ``reason`` (uint8): 0 valid, 1 the index never rises,
        3 ill-conditioned, 4 too few dates, 5 no index, 6 no value at the reference date, 7 no displacement.
        Everything else is NaN where the reason is not 0. Lazy if the inputs are lazy; ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        Dates that differ between the arrays or repeat, an option outside its list, fewer than three calendar years for
        ``year_block``.

    Notes
    -----
    Deviations from the paper: the intercept (T1), the definition of the amplitude, ``|d| * peak_index`` (T6).

    References
    ----------
    Chen et al. 2022, Eq. 2 and 7.
    """
    _check_options(intercept, uncertainty)
    require(displacement, dims=(TIME,), units="mm")
    years = _check_dates(displacement, linear, composite)
    blocks = _blocks(years) if uncertainty == "year_block" else None
    reference = _position(displacement, reference_date) if intercept == "reference" else None
    layers = _run(
        decompose.two_indices, [displacement, linear, composite, weights], layers=decompose.LAYERS,
        intercept=intercept == "estimate", reference=reference, blocks=blocks, years=years, min_count=min_dates,
        max_condition=max_condition,
    )  # fmt: skip
    model = {"intercept_option": intercept, "uncertainty": uncertainty}
    return _results(layers, peak_index, upstream_reason, **model, **_provenance(displacement))


def fit_pairs(
    displacement: xr.DataArray,
    linear: xr.DataArray,
    composite: xr.DataArray,
    *,
    weights: xr.DataArray | None = None,
    peak_index: xr.DataArray | None = None,
    upstream_reason: xr.DataArray | None = None,
    min_dates: int = 10,
    max_condition: float = 1e4,
) -> xr.Dataset:
    """Linear rate and seasonal amplitude straight from interferograms, without a time series.

    The columns are the differences ``L_j - L_i`` and ``I_j - I_i`` of each pair: no intercept and no reference date
    are needed, and networks that fall apart into groups of dates do no harm.

    Parameters
    ----------
    displacement : xarray.DataArray
        (pair, ...) mm, secondary minus reference date (``conventions.phase_to_displacement`` of unwrapped phase),
        with coords ``reference`` and ``secondary``.
    linear, composite : xarray.DataArray
        (time, ...) indices on all dates of the pairs.
    weights : xarray.DataArray, optional
        (pair, ...) inverse variances.
    peak_index, upstream_reason, min_dates, max_condition
        As in :func:`fit`; ``min_dates`` counts pairs.

    Returns
    -------
    xarray.Dataset
        As :func:`fit`, with an intercept of 0. The uncertainty is formal, and too small: pairs that share a date share
        its noise. Lazy if the inputs are lazy; ``pair`` must be one chunk.

    References
    ----------
    The paper inverts for a time series first (Section 3.7); this is the one-step alternative.
    """
    require(displacement, dims=(PAIR,), units="mm")
    for name in (REFERENCE, SECONDARY):
        if name not in displacement.coords:
            raise QtpDataError(f"Interferograms lack the coordinate {name!r}", expected="dates on dim pair")
    differences = []
    for index in (linear, composite):
        require(index, dims=(TIME,))
        ends = [displacement[name].reset_coords(drop=True) for name in (SECONDARY, REFERENCE)]
        absent = sorted(set(np.concatenate([e.values for e in ends])) - set(index[TIME].values))
        if absent:
            raise QtpDataError(f"{index.name!r} lacks dates of the pairs", found=f"{absent[0]} missing")
        second, first = (index.sel({TIME: end}).drop_vars(TIME) for end in ends)
        differences.append(second - first)
    peak = _sampled_peak(composite) if peak_index is None else peak_index
    layers = _run(
        decompose.two_indices, [displacement, *differences, weights], layers=decompose.LAYERS, intercept=False,
        reference=None, blocks=None, years=np.zeros(displacement.sizes[PAIR], int), min_count=min_dates,
        max_condition=max_condition,
    )  # fmt: skip
    return _results(layers, peak, upstream_reason, uncertainty="formal", **_provenance(displacement))


def sinusoid(
    displacement: xr.DataArray, *, min_dates: int = 10, max_condition: float = 1e4, weights: xr.DataArray | None = None
) -> xr.Dataset:
    """Baseline that knows no temperature: ``D = v t + a sin(2 pi t) + b cos(2 pi t) + c``, t in calendar years.

    Parameters
    ----------
    displacement : xarray.DataArray
        (time, ...) mm.
    min_dates, max_condition, weights
        As in :func:`fit`.

    Returns
    -------
    xarray.Dataset
        (...): ``linear_rate``, ``seasonal_amplitude`` (mm, peak to trough: ``2 hypot(a, b)``, to compare with
        :func:`fit`), their formal ``_std``, ``rms``, ``reason``. Lazy if the input is lazy.
    """
    require(displacement, dims=(TIME,), units="mm")
    stamps = pd.DatetimeIndex(displacement[TIME].values)
    years = (stamps - stamps[0]).to_numpy() / np.timedelta64(1, "D") / DAYS_PER_YEAR
    t = xr.DataArray(years, {TIME: displacement[TIME]}, (TIME,))
    layers = _run(
        decompose.sinusoid, [displacement, t, weights], layers=decompose.SINUSOID_LAYERS, min_count=min_dates,
        max_condition=max_condition,
    )  # fmt: skip
    return _described(layers, uncertainty="formal", model="sinusoid", **_provenance(displacement))


def _check_options(intercept: str, uncertainty: str) -> None:
    allowed = {"intercept": ("estimate", "reference", "none"), "uncertainty": ("year_block", "formal")}
    for name, value in (("intercept", intercept), ("uncertainty", uncertainty)):
        if value not in allowed[name]:
            raise QtpDataError(f"Unknown {name}", expected=", ".join(allowed[name]), found=repr(value))


def _check_dates(displacement: xr.DataArray, *others: xr.DataArray) -> np.ndarray:
    """Calendar year of every date, once all arrays have the same ones."""
    stamps = pd.DatetimeIndex(displacement[TIME].values)
    if stamps.has_duplicates:
        raise QtpDataError("displacement repeats dates", found=str(stamps[stamps.duplicated()][0].date()))
    for other in others:
        require(other, dims=(TIME,))
        if not np.array_equal(other[TIME].values, stamps.values):
            raise QtpDataError(
                f"{other.name!r} and displacement differ in dates", expected=f"{len(stamps)} dates of displacement",
                found=f"{other.sizes[TIME]} dates", hint="Compute the index on the dates of the displacement.",
            )  # fmt: skip
    return stamps.year.to_numpy()


def _blocks(years: np.ndarray) -> np.ndarray:
    """Count the calendar year of every date from 0."""
    names, blocks = np.unique(years, return_inverse=True)
    if len(names) < 3:
        hint = 'Use uncertainty="formal".'
        raise QtpDataError("year_block needs three calendar years of dates", found=len(names), hint=hint)
    return blocks


def _position(displacement: xr.DataArray, date: Any) -> int:
    stamps = pd.DatetimeIndex(displacement[TIME].values)
    if date is None or pd.Timestamp(date) not in stamps:
        hint = "Give reference_date, one of the dates of displacement."
        raise QtpDataError('intercept="reference" needs a reference date', found=date, hint=hint)
    return int(stamps.get_loc(pd.Timestamp(date)))


def _run(kernel: Any, arrays: list[xr.DataArray | None], *, layers: tuple[str, ...], **options: Any) -> dict[str, Any]:
    """Apply a kernel of ``kernels.decompose`` over the first dim of the first array; its layers by name."""
    given = [a for a in arrays if a is not None]
    dim = TIME if TIME in given[0].dims else PAIR
    stacked = xr.apply_ufunc(
        decompose.by_rows, *[a.drop_vars([c for c in a.coords if c not in {*a.dims, "spatial_ref"}]) for a in given],
        input_core_dims=[[dim]] * len(given), output_core_dims=[["layer"]], join="exact",
        kwargs={"kernel": kernel, **options}, keep_attrs=True, dask="parallelized", output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"layer": len(layers)}},
    )  # fmt: skip
    return {name: stacked.isel(layer=i) for i, name in enumerate(layers)}


def _sampled_peak(composite: xr.DataArray) -> xr.DataArray:
    years = pd.DatetimeIndex(composite[TIME].values).year.to_numpy()
    return composite.groupby(xr.DataArray(years, {TIME: composite[TIME]}, name="year")).max().mean("year")


def _results(layer: dict[str, Any], peak_index: Any, upstream_reason: Any, **attrs: Any) -> xr.Dataset:
    """Results of :func:`fit` from the layers of the kernel."""
    peak = layer["peak"] if peak_index is None else peak_index
    layer["seasonal_amplitude"] = abs(layer["seasonal_coefficient"]) * peak
    layer["seasonal_amplitude_std"] = layer["coefficient_std"] * peak
    if upstream_reason is not None:
        layer["reason"] = layer["reason"].where(upstream_reason == 0, upstream_reason)
    valid = layer["reason"] == 0
    keep = {name: layer[name] if name == "reason" else layer[name].where(valid) for name in RESULTS}
    return _described(keep, **attrs)


def _described(layers: dict[str, Any], **attrs: Any) -> xr.Dataset:
    note = {key: attrs[key] for key in ("provenance_note",) if key in attrs}
    layers["reason"] = layers["reason"].astype(np.uint8)
    return xr.Dataset({name: describe(da, name, **note) for name, da in layers.items()}, attrs=attrs)


def _provenance(da: xr.DataArray) -> dict[str, object]:
    return {key: da.attrs[key] for key in ("provenance_note",) if key in da.attrs}
