"""Decomposition of displacement into linear and seasonal deformation (Eq. 2 and 7)."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import (
    PAIR,
    REFERENCE,
    SECONDARY,
    TIME,
    QtpDataError,
    coordinate,
    describe,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.kernels import reasons
from qtp_toolkit.pecm._run import (
    RAMPS,
    after,
    choose_spread,
    elapsed_years,
    meet,
    run,
    same_dates,
    to_dataset,
    variables_on,
    with_peak,
)
from qtp_toolkit.pecm.kernels import decompose

INTERCEPTS = ("estimate", "reference", "none")
BLOCKS = ("reference", "both")


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
        ``displacement`` (time, ...) in mm, positive toward the satellite; NaN where a parameter or an index is. Lazy if
        an input is lazy.

    Examples
    --------
    >>> deformation = xr.Dataset({"linear_rate": -5.0, "seasonal_coefficient": -0.5, "intercept": 3.0})
    >>> linear, composite = xr.DataArray([0.0, 1.0], dims="time"), xr.DataArray([0.0, 20.0], dims="time")
    >>> forward(deformation, linear, composite).values
    array([  3., -12.])
    """
    require(linear, dims=(TIME,))
    require(composite, dims=(TIME,))
    deformation, (linear, composite) = meet(deformation, linear, composite)
    rate, coefficient = deformation["linear_rate"], deformation["seasonal_coefficient"]
    out = rate * linear + coefficient * composite + deformation.get("intercept", 0.0)
    return describe(out.transpose(TIME, ...), "displacement", like=rate)


def fit(
    displacement: xr.DataArray,
    linear: xr.DataArray,
    composite: xr.DataArray,
    *,
    intercept: Literal["estimate", "reference", "none"] = "estimate",
    reference_date: Any = None,
    weights: xr.DataArray | None = None,
    peak_index: xr.DataArray | None = None,
    uncertainty: Literal["year_block", "bootstrap", "formal"] = "year_block",
    draws: int = 200,
    seed: int = 0,
    ramp_std: xr.Dataset | None = None,
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
        (time, ...) on the same dates and pixels; :func:`indices`, or :func:`linear_index` and :func:`composite_index`.
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
    uncertainty : {"year_block", "bootstrap", "formal"}
        ``formal``: residual variance times inverse normal matrix, as in the paper; a lower bound, since residuals of
        one summer err together. The other two take calendar years as units, which may err in any way within, and need
        three of them: a pixel with dates in fewer has NaN standard deviations. ``year_block``: delete-one-year
        jackknife. ``bootstrap``: years drawn with replacement, half the central 68 % of the answers. Both are
        themselves estimated from as many numbers as there are years, so they are widened by Student's t (11 % with six
        years) for one sigma to hold 68 %.
    draws, seed : int
        Of the bootstrap. All pixels see the same draws, so chunks do not change the result.
    ramp_std : xarray.Dataset, optional
        What ramps leave unknown, of ``correct.ramp_std``: ``linear_rate_std`` and ``seasonal_coefficient_std`` (...).
        Their squares are added, since residuals do not show it once planes are taken out.
    upstream_reason : xarray.DataArray, optional
        (...) reason codes of earlier steps: pixels other than 0 become NaN and keep their code.
    min_dates : int
        Fewest dates of a valid pixel; one more than there are unknowns is needed in any case.
    max_condition : float
        Largest condition number of the normal matrix of unit-length columns.

    Returns
    -------
    xarray.Dataset
        (...): ``linear_rate`` (mm/yr), ``seasonal_amplitude`` (mm, peak to trough, >= 0), ``linear_rate_std``,
        ``seasonal_amplitude_std``, ``seasonal_coefficient`` (mm degC-0.5 d-0.5; negative where thaw subsides),
        ``intercept`` (mm; 0 for "none"), ``rms`` (mm), and ``reason`` (uint8): 0 valid, 1 the index never rises,
        3 ill-conditioned, 4 too few dates, 5 no index or ``peak_index``, 6 no value at the reference date, 7 no
        displacement. Everything else is NaN where the reason is not 0. Lazy if the inputs are lazy, block by block
        along all other dims; ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        Dates that differ between the arrays or repeat, other pixels, an option outside its list, fewer than three
        calendar years for ``year_block`` and ``bootstrap``.

    Notes
    -----
    Deviations from the paper: the intercept (T1), the definition of the amplitude, ``|d| * peak_index`` (T6).

    References
    ----------
    Chen et al. 2022, Eq. 2 and 7.

    Examples
    --------
    >>> years = xr.DataArray(np.arange(36) / 12, {"time": pd.date_range("2015", periods=36, freq="MS")}, "time")
    >>> composite = 20.0 * abs(np.sin(np.pi * years))
    >>> out = fit((-5.0 * years - 0.5 * composite + 3.0).assign_attrs(units="mm"), years, composite)
    >>> round(out["linear_rate"].item(), 6), round(out["seasonal_amplitude"].item(), 6)
    (-5.0, 10.0)
    """
    require_option("intercept", intercept, INTERCEPTS)
    require(displacement, dims=(TIME,), quantity="displacement")
    stamps, reference = same_dates(displacement, linear, composite), None
    if intercept == "reference":
        wanted = [pd.NaT if reference_date is None else read_times(reference_date, name="reference_date")[()]]
        reference = int(stamps.get_indexer(wanted)[0])
        if reference < 0:
            hint = "Give reference_date, one of the dates of displacement."
            raise QtpDataError('intercept="reference" needs a reference date', found=reference_date, hint=hint)
    years = stamps.year.to_numpy()
    layers = run(
        decompose.two_indices,
        [(a, TIME) for a in (displacement, linear, composite, weights)],
        layers=decompose.LAYERS,
        intercept=intercept == "estimate",
        spread=choose_spread(uncertainty, years, draws=draws, seed=seed),
        reference=reference,
        years=years - years.min(),
        min_count=min_dates,
        max_condition=max_condition,
    )
    model = {"intercept_option": intercept, "uncertainty": uncertainty}
    return _assemble(layers, peak_index, ramp_std, upstream_reason, displacement, **model)


def fit_pairs(
    displacement: xr.DataArray,
    linear: xr.DataArray,
    composite: xr.DataArray,
    *,
    weights: xr.DataArray | None = None,
    peak_index: xr.DataArray | None = None,
    uncertainty: Literal["year_block", "bootstrap", "formal"] = "year_block",
    blocks: Literal["reference", "both"] = "reference",
    draws: int = 200,
    seed: int = 0,
    ramp_std: xr.Dataset | None = None,
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
        with coords ``reference`` and ``secondary``; each pair once.
    linear, composite : xarray.DataArray
        (time, ...) indices on all dates of the pairs.
    weights : xarray.DataArray, optional
        (pair, ...) inverse variances.
    peak_index, ramp_std, upstream_reason, min_dates, max_condition, draws, seed
        As in :func:`fit`; ``min_dates`` counts pairs.
    uncertainty : {"year_block", "bootstrap", "formal"}
        As in :func:`fit`. ``formal`` is far too small: pairs that share a date share its noise, and there are several
        times as many pairs as dates.
    blocks : {"reference", "both"}
        What makes up the block of a calendar year: pairs whose earlier date lies in it, or every pair with a date in
        it. ``both`` leaves no noise of the year behind, but takes out so much that it errs on the safe side: on the
        paper's network with noise that is correlated within years, one sigma held the rate in 79 % of the cases by
        ``reference`` and in 84 % by ``both``, the amplitude in 64 to 71 % and 70 to 76 %.

    Returns
    -------
    xarray.Dataset
        As :func:`fit`, with an intercept of 0. Lazy if the inputs are lazy; ``pair`` and ``time`` must be one chunk.

    Raises
    ------
    QtpDataError
        Pairs without dates, a date of a pair that an index lacks, a pair or a date given twice, too few years.

    References
    ----------
    The paper inverts for a time series first (Section 3.7); this is the one-step alternative.
    """
    require_option("blocks", blocks, BLOCKS)
    require(displacement, dims=(PAIR,), quantity="displacement")
    ends, stamps = _find_ends(displacement), same_dates(composite, linear)
    positions = tuple(stamps.get_indexer(end) for end in ends)
    for end, found in zip(ends, positions, strict=True):
        if (found < 0).any():
            raise QtpDataError("An index lacks dates of the pairs", found=f"{end[found < 0][0].date()} missing")
    years = [end.year.to_numpy() for end in ends]
    layers = run(
        decompose.two_indices,
        [(displacement, PAIR), (linear, TIME), (composite, TIME), (weights, PAIR)],
        layers=decompose.LAYERS,
        intercept=False,
        pairs=positions,
        years=(stamps.year - stamps.year.min()).to_numpy(),
        spread=choose_spread(uncertainty, *years[: 2 if blocks == "both" else 1], draws=draws, seed=seed),
        min_count=min_dates,
        max_condition=max_condition,
    )
    model = {"uncertainty": uncertainty} if uncertainty == "formal" else {"uncertainty": uncertainty, "blocks": blocks}
    return _assemble(layers, peak_index, ramp_std, upstream_reason, displacement, **model)


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

    Examples
    --------
    >>> dates = pd.date_range("2015-01-01", periods=36, freq="30D")
    >>> years = np.arange(36) * 30 / 365.25
    >>> moved = 4.0 * np.cos(2 * np.pi * years) - 3.0 * years
    >>> out = sinusoid(xr.DataArray(moved, {"time": dates}, "time", attrs={"units": "mm"}))
    >>> round(out["linear_rate"].item(), 6), round(out["seasonal_amplitude"].item(), 6)
    (-3.0, 8.0)
    """
    require(displacement, dims=(TIME,), quantity="displacement")
    layers = run(
        decompose.sinusoid,
        [(displacement, TIME), (weights, TIME)],
        layers=decompose.SINUSOID_LAYERS,
        years=elapsed_years(same_dates(displacement)),
        min_count=min_dates,
        max_condition=max_condition,
    )
    return to_dataset(layers, displacement, uncertainty="formal", model="sinusoid")


def _find_ends(displacement: xr.DataArray) -> list[pd.DatetimeIndex]:
    for name in (REFERENCE, SECONDARY):
        if name not in displacement.coords:
            raise QtpDataError(f"Interferograms lack the coordinate {name!r}", expected="dates on dim pair")
    ends = [pd.DatetimeIndex(coordinate(displacement, name)) for name in (REFERENCE, SECONDARY)]
    twice = pd.MultiIndex.from_arrays(ends).duplicated()
    if twice.any():
        found = " to ".join(str(end[twice][0].date()) for end in ends)
        raise QtpDataError("Interferograms repeat a pair", found=found, code="P12", hint="Keep one of them.")
    return ends


def _assemble(
    layer: dict[str, Any],
    peak_index: Any,
    ramp_std: xr.Dataset | None,
    upstream_reason: Any,
    displacement: xr.DataArray,
    **attrs: Any,
) -> xr.Dataset:
    """Results of :func:`fit` from the layers of the kernel."""
    peak, reason = with_peak(layer, peak_index, displacement)
    if ramp_std is not None:
        unknown = variables_on(ramp_std, RAMPS, displacement, what="ramp_std")
        for name, ramps in zip(("rate_std", "coefficient_std"), RAMPS, strict=True):
            layer[name] = xnp.hypot(layer[name], unknown[ramps])
    out = {
        "linear_rate": layer["rate"],
        "seasonal_amplitude": abs(layer["coefficient"]) * peak,
        "linear_rate_std": layer["rate_std"],
        "seasonal_amplitude_std": layer["coefficient_std"] * peak,
        "seasonal_coefficient": layer["coefficient"],
        "intercept": layer["intercept"],
        "rms": layer["rms"],
    }
    reason = after(reason, upstream_reason)
    valid = {name: da.where(reason == reasons.OK) for name, da in out.items()}
    return to_dataset(valid | {"reason": reason}, displacement, **attrs)
