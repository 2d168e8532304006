"""Year by year: amplitude of every permafrost year, and ground ice that melts late in one and does not come back."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import THAW_YEAR, TIME, QtpDataError, describe, on_pixels_of, require, require_option, xnp
from qtp_toolkit.kernels import reasons
from qtp_toolkit.pecm._late import LAST_THIRD, check_years, day_number, days_of
from qtp_toolkit.pecm._run import RAMPS, meet, run_stacked, same_dates, to_dataset, variables_on
from qtp_toolkit.pecm.kernels import years as kernels

LOSSES = ("found", "each", "none")
UNCERTAINTIES = ("correlated", "formal")
TOWARD = ("trend", "mean")
ONSETS = ("mean", "each")
MEANS, OWN = ("thaw_onset_mean", "freeze_onset_mean"), ("thaw_onset", "freeze_onset")
_NAMES = {
    "rate": "linear_rate",
    "rate_std": "linear_rate_std",
    "intercept": "intercept",
    "rms": "rms",
    "trend": "amplitude_trend",
    "trend_std": "amplitude_trend_std",
    "correlation": "residual_correlation",
    "reason": "reason",
    "coefficient": "seasonal_coefficient",
    "amplitude": "seasonal_amplitude",
    "amplitude_std": "seasonal_amplitude_std",
    "amplitude_reason": "reason_of_year",
    "loss": "late_season_loss",
    "loss_std": "late_season_loss_std",
    "probability": "loss_probability",
    "loss_reason": "reason_of_loss",
}


def fit_years(
    displacement: xr.DataArray,
    linear: xr.DataArray,
    composite: xr.DataArray,
    seasons: xr.Dataset,
    *,
    losses: Literal["found", "each", "none"] = "found",
    loss_share: float = 0.1,
    loss_size: float = 40.0,
    spread: float | Literal["free"] = "free",
    toward: Literal["trend", "mean"] = "trend",
    onsets: Literal["mean", "each"] = "mean",
    uncertainty: Literal["correlated", "formal"] = "correlated",
    weights: xr.DataArray | None = None,
    ramp_std: xr.Dataset | None = None,
    upstream_reason: xr.DataArray | None = None,
    min_dates: int = 30,
    min_dates_of_year: int = 3,
    min_dates_of_thaw: int = 0,
    max_condition: float = 1e4,
    max_inflation: float = 100.0,
) -> xr.Dataset:
    r"""Amplitude of each permafrost year, its trend, and late-season loss of each year, beside one linear rate.

    .. math:: D(\tau) = v L + \sum_y d_y I \, 1[y] + \sum_y h_y H_y + c

    The model of :func:`fit` with a coefficient for every year. :math:`H_y` is 0 until the last third of the thaw season
    of year y, 1 from its freeze onset on (:func:`late_season_index`): ground that is lost there stays lost.

    Parameters
    ----------
    displacement : xarray.DataArray
        (time, ...) mm, positive toward the satellite; NaN dates are dropped pixel by pixel.
    linear, composite : xarray.DataArray
        (time, ...) of :func:`indices`, on the same dates and pixels.
    seasons : xarray.Dataset
        On the same pixels: ``thaw_onset_mean``, ``freeze_onset_mean`` (...) and ``addt_end`` (thaw_year, ...), as
        ``grid.match(thermal[[...]], displacement)`` brings them to the radar's grid.
    losses : {"found", "each", "none"}
        ``each``: every h_y is free. That is unbiased, but losses of all years together look much like a rate, and all
        three become uncertain. ``found``: ice melts late in a year with the prior probability ``loss_share``; if it
        does, the loss has a normal prior about 0 of standard deviation ``loss_size``. All sets of up to three years are
        averaged, each by its probability given the series. ``none``: no losses.
    loss_share : float
        Between 0 and 1.
    loss_size : float
        mm. By default as published for ice-rich ground. A loss is drawn to 0 by the share that its variance has of the
        sum of its variance and this squared.
    spread : float or "free"
        ``free``: no prior on the d_y. A number: a normal prior about what they are drawn to, whose standard deviation
        is this share of the mean coefficient, 0.1 for years that differ by 10 %. It is given, not estimated: six years
        of one pixel do not tell it.
    toward : {"trend", "mean"}
        What a ``spread`` draws the d_y to: a straight line through the years, which leaves the trend as it is, or their
        mean, which takes a part of it.
    onsets : {"mean", "each"}
        Onsets of the :math:`H_y`: the mean ones, as in L, or those of each year, ``thaw_onset`` and ``freeze_onset``
        (thaw_year, ...) of ``seasons``, and the mean ones where a year has none.
    uncertainty : {"correlated", "formal"}
        ``formal``: residual variance times the inverse normal matrix. ``correlated``: the same, widened by what the
        correlation r of neighboring residuals makes of sums, ``sqrt((1 + r) / (1 - r))`` with r >= 0, and by less for
        coefficients of years with few thawed dates. With ``losses="each"`` no column lasts long, and the covariance is
        that of errors correlated by ``r ** n`` n dates apart. Years cannot be left out here: each has coefficients of
        its own.
    weights : xarray.DataArray, optional
        (time, ...) inverse variances in any common unit; 0 or NaN drops the date.
    ramp_std : xarray.Dataset, optional
        As in :func:`fit`: is added to the standard deviations of the rate and of the amplitudes.
    upstream_reason : xarray.DataArray, optional
        (...) reason codes of earlier steps.
    min_dates : int
        Fewest dates of a valid pixel; two more than there are unknowns are needed in any case.
    min_dates_of_year : int
        Fewest dates of a valid year on which the ground is thawed (I > 0); fewest dates before the last third of a thaw
        season, and with half of it or more behind them, for its loss.
    min_dates_of_thaw : int
        Fewest dates of a valid year within its thaw season. By default none: its freezing tells the coefficient, too,
        if not as well.
    max_condition : float
        Largest condition number of the normal matrix of unit-length columns.
    max_inflation : float
        Largest factor by which the variance of a coefficient or a loss exceeds what it would be if no other column
        resembled its own.

    Returns
    -------
    xarray.Dataset
        (...): ``linear_rate`` (mm/yr), ``linear_rate_std``, ``amplitude_trend`` (mm/yr; straight line through the
        amplitudes of the valid years, NaN with fewer than three), ``amplitude_trend_std``, ``intercept`` (mm), ``rms``
        (mm), ``residual_correlation`` (of neighboring dates), ``reason`` (uint8). (thaw_year, ...):
        ``seasonal_amplitude`` (mm, peak to trough, :math:`|d_y| \sqrt{A_t}`), ``seasonal_amplitude_std``,
        ``seasonal_coefficient``, ``reason_of_year``; unless ``losses="none"`` also ``late_season_loss`` (mm, positive
        away from the satellite: -h_y) and ``late_season_loss_std``, both on condition that there is one, and
        ``reason_of_loss``; with ``found`` also ``loss_probability``.
        Reasons as in :func:`fit`; of a year: 1 it never thaws, 3 its columns resemble the others too much, 4 too few
        dates, 5 no degree days, else that of the pixel. NaN wherever a reason is not 0. Years are those of ``seasons``
        from the first to the last date, in order; thawed dates before and after them are left out. Lazy if the inputs
        are lazy, block by block along all other dims; ``time`` and ``thaw_year`` must be one chunk.

    Raises
    ------
    QtpDataError
        Dates that differ between the arrays or repeat, other pixels, an option outside its list, a variable that
        ``seasons`` lacks, a year that it lacks between others or has twice.

    Notes
    -----
    Not in the paper, which has one coefficient for all years. With ``found`` the loss that is expected is
    ``loss_probability * late_season_loss``; rate, amplitudes and trend are averages over the sets of years, and their
    standard deviations hold what differs between the sets.

    References
    ----------
    Chen et al. 2022, Section 5.2 and Fig. 12c, for what one coefficient misses. Zwieback and Meyer 2021,
    doi:10.5194/tc-15-2041-2021, for the size of losses: 4 to 8 cm in ice-rich ground.

    Examples
    --------
    >>> from qtp_toolkit import pecm
    >>> time = pd.date_range("2015-01-01", periods=110, freq="12D")
    >>> thaw, freeze = (xr.DataArray(day, attrs={"units": "day of year"}) for day in (130.0, 280.0))
    >>> linear = pecm.linear_index(time, thaw, freeze)
    >>> season = np.sin(np.pi * (linear - np.floor(linear)))
    >>> years = {"thaw_year": [2015, 2016, 2017, 2018]}
    >>> sums = xr.DataArray([900.0] * 4, years, "thaw_year", attrs={"units": "degC d"})
    >>> seasons = xr.Dataset({"thaw_onset_mean": thaw, "freeze_onset_mean": freeze, "addt_end": sums})
    >>> moved = -5.0 * linear - (0.5 + 0.1 * (season["time"].dt.year - 2015)) * 30.0 * season
    >>> out = fit_years(moved.assign_attrs(units="mm"), linear, 30.0 * season, seasons)
    >>> out["seasonal_amplitude"].values.round(3), round(out["amplitude_trend"].item(), 3)
    (array([15., 18., 21., 24.]), 3.0)
    """
    for what, option, allowed in (
        ("way to treat losses", losses, LOSSES),
        ("aim of the spread", toward, TOWARD),
        ("onsets", onsets, ONSETS),
        ("uncertainty", uncertainty, UNCERTAINTIES),
    ):
        require_option(what, option, allowed)
    require(displacement, dims=(TIME,), quantity="displacement")
    stamps = same_dates(displacement, linear, composite)
    years = _years_between(seasons, stamps)
    seasons = _placed(seasons, displacement, onsets)
    composite = on_pixels_of(composite, displacement, name="composite")
    edges = _edges_of_years(seasons, years)
    composite = _known(composite, seasons, years)
    rules = kernels.Rules(
        losses=losses,
        share=_between("loss_share", loss_share, 0.0, 1.0),
        size=_between("loss_size", loss_size, 0.0, np.inf),
        spread=np.inf if spread == "free" else _between("spread", spread, 0.0, np.inf),
        toward=toward,
        correlated=uncertainty == "correlated",
        min_count=min_dates,
        min_dates=min_dates_of_year,
        min_summer=min_dates_of_thaw,
        max_condition=max_condition,
        max_inflation=max_inflation,
    )
    names = kernels.OF_YEAR if losses == "none" else kernels.OF_YEAR + kernels.OF_LOSS
    stacked = run_stacked(
        kernels.each_year,
        [(a, TIME) for a in (displacement, linear, composite)]
        + [(edges[name], THAW_YEAR) for name in ("begin", "start", "end", "peak")]
        + [(weights, TIME)],
        layers=len(kernels.LAYERS) + len(names) * len(years),
        days=days_of(stamps).values,
        rules=rules,
    )
    layers = {name: stacked.isel(layer=i) for i, name in enumerate(kernels.LAYERS)}
    of_year = {}
    for i, name in enumerate(names):
        part = slice(len(layers) + i * len(years), len(layers) + (i + 1) * len(years))
        of_year[_NAMES[name]] = stacked.isel(layer=part).rename(layer=THAW_YEAR).assign_coords({THAW_YEAR: years})
    if losses != "found":
        of_year.pop("loss_probability", None)
    said: dict[str, Any] = {"losses": losses, "spread": spread, "uncertainty": uncertainty, "onsets": onsets}
    said |= {"loss_share": loss_share, "loss_size": loss_size} if losses == "found" else {}
    said |= {"toward": toward} if spread != "free" else {}
    if ramp_std is not None:
        rate, coefficient = variables_on(ramp_std, RAMPS, displacement, what="ramp_std").values()
        layers["rate_std"] = xnp.hypot(layers["rate_std"], rate)
        common = coefficient * edges["peak"]
        of_year["seasonal_amplitude_std"] = xnp.hypot(of_year["seasonal_amplitude_std"], common)
    return _assemble(layers, of_year, upstream_reason, displacement, **said)


def forward_years(
    deformation: xr.Dataset, linear: xr.DataArray, composite: xr.DataArray, seasons: xr.Dataset
) -> xr.DataArray:
    """Displacement of the yearly model on any dates.

    Parameters
    ----------
    deformation : xarray.Dataset
        Of :func:`fit_years`.
    linear, composite : xarray.DataArray
        (time, ...) indices.
    seasons : xarray.Dataset
        That which the fit was given.

    Returns
    -------
    xarray.DataArray
        ``displacement`` (time, ...) in mm; NaN where a parameter or an index is, and on thawed dates of years without a
        coefficient. Lazy if an input is lazy.
    """
    stamps = same_dates(linear, composite)
    if THAW_YEAR not in deformation.indexes:
        raise QtpDataError(
            "the deformation has no years", expected="of pecm.fit_years", found=list(deformation.data_vars)
        )
    deformation, (linear, composite) = meet(deformation, linear, composite)
    seasons = _placed(seasons, linear, deformation.attrs.get("onsets", "mean"))
    years = np.sort(deformation[THAW_YEAR].values)
    check_years(years)
    deformation = deformation.sel({THAW_YEAR: years})
    edges = _edges_of_years(seasons, years)
    composite = _known(composite, seasons, years)
    days, own = days_of(stamps), xr.full_like(composite, np.nan)
    out = deformation["linear_rate"] * linear + deformation["intercept"]
    # Year by year: no array of all dates of all years is made. A later year overrides those before it.
    for n in range(deformation.sizes[THAW_YEAR]):
        year = {name: da.isel({THAW_YEAR: n}, drop=True) for name, da in edges.items()}
        here = deformation.isel({THAW_YEAR: n}, drop=True)
        own = xr.where(days >= year["begin"], here["seasonal_coefficient"], own)
        if "late_season_loss" in deformation:
            lost = (here["late_season_loss"] * here.get("loss_probability", 1.0)).fillna(0.0)
            ramp = ((days - year["start"]) / (year["end"] - year["start"])).clip(0.0, 1.0)
            out = out - lost * ramp.fillna(0.0)
    out = out + (own * composite).where(composite > 0, 0.0 * composite)
    return describe(out.transpose(TIME, ...), "displacement", like=deformation["linear_rate"])


def _years_between(seasons: xr.Dataset, stamps: pd.DatetimeIndex) -> np.ndarray:
    """Years of ``seasons`` from the first to the last date, in order."""
    if THAW_YEAR not in seasons.indexes:
        raise QtpDataError("seasons has no years", expected=f"coordinate {THAW_YEAR}", found=list(seasons.coords))
    years = np.sort(seasons[THAW_YEAR].values)
    years = years[(years >= stamps.min().year - 1) & (years <= stamps.max().year)]
    if not years.size:
        expected, found = f"{stamps.min():%Y} to {stamps.max():%Y}", f"thaw_year {seasons[THAW_YEAR].values.tolist()}"
        raise QtpDataError("seasons has none of the years", expected=expected, found=found)
    check_years(years)
    return years


def _known(composite: xr.DataArray, seasons: xr.Dataset, years: np.ndarray) -> xr.DataArray:
    """Composite index, NaN on thawed dates of a year after the last one of ``years``: they are not of that."""
    stamps = pd.DatetimeIndex(composite[TIME].values)
    if stamps.max().year <= years[-1]:
        return composite
    after = day_number(seasons[MEANS[0]], [years[-1] + 1]).isel({THAW_YEAR: 0}, drop=True)
    return composite.where((days_of(stamps) < after) | ~(composite > 0)).transpose(*composite.dims)


def _placed(seasons: xr.Dataset, like: xr.DataArray, onsets: str) -> xr.Dataset:
    """Choose what is needed of ``seasons``, on the pixels of ``like``."""
    names = (*MEANS, "addt_end", *(OWN if onsets == "each" else ()))
    hint = "Bring the onsets and degree days of seasons to the grid of the displacement: grid.match."
    return variables_on(seasons, names, like, what="seasons", hint=hint)


def _edges_of_years(seasons: xr.Dataset, years: np.ndarray) -> dict[str, xr.DataArray]:
    """Days since 1970 on which each year begins, and its loss begins and ends; its highest index: (thaw_year, ...)."""
    own = OWN if set(OWN) <= set(seasons) else ()
    require(seasons["addt_end"], dims=(THAW_YEAR,), quantity="addt_end", between=(0.0, np.inf))
    for name in (*MEANS, *own):
        require(seasons[name], quantity="thaw_onset")
    absent = np.setdiff1d(years, seasons[THAW_YEAR].values)
    if absent.size:
        raise QtpDataError(
            "seasons lacks years", variable=THAW_YEAR, expected=years.tolist(), found=f"no {absent.tolist()}"
        )
    begin, end = (day_number(seasons[name], years) for name in MEANS)
    length = (end - begin).where((end > begin) & (end <= begin + 365.0))
    out = {"begin": begin.where(xnp.isfinite(length)), "start": end - LAST_THIRD * length, "end": end}
    if own:
        first, last = (day_number(seasons[name], years) for name in own)
        good = (last > first) & (last <= first + 365.0)
        out |= {"start": xr.where(good, last - LAST_THIRD * (last - first), out["start"]), "end": last.where(good, end)}
    return out | {"peak": xnp.sqrt(seasons["addt_end"].sel({THAW_YEAR: years}))}


def _between(name: str, value: Any, low: float, high: float) -> float:
    if not isinstance(value, int | float | np.number) or not low < value < high:
        raise QtpDataError(f"{name} is out of range", expected=f"above {low:g}, below {high:g}", found=value)
    return float(value)


def _assemble(
    layers: dict[str, xr.DataArray],
    of_year: dict[str, xr.DataArray],
    upstream_reason: xr.DataArray | None,
    displacement: xr.DataArray,
    **said: Any,
) -> xr.Dataset:
    out = {_NAMES[name]: da for name, da in layers.items()} | of_year
    told = [name for name in ("reason", "reason_of_year", "reason_of_loss") if name in out]
    if upstream_reason is not None:
        before = on_pixels_of(upstream_reason, displacement, name="upstream_reason")
        out = {name: da.where(before == reasons.OK, before if name in told else np.nan) for name, da in out.items()}
    why = {name: describe(out.pop(name).astype(np.uint8), "reason", like=displacement) for name in told[1:]}
    return to_dataset(out, displacement, **said).assign(why).transpose(THAW_YEAR, ...)
