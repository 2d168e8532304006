"""Year by year: coefficients, trend and late-season losses against vectors, dense least squares, simulated noise."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pecm_cases import doy, series, six_years
from promised import noted, refuse_strangers, without_note

from qtp_toolkit import pecm
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.kernels import reasons

YEARS = np.arange(2014, 2020)
COEFFICIENTS = -0.70 - 0.05 * np.arange(6)
ROOT = np.sqrt(982.740693)
RATE, CONSTANT, NOISE = -5.0, 2.0, 3.0
UNKNOWN = ("linear_rate_std", "seasonal_coefficient_std")
PEAKS = series([982.740693] * 6, "degC d", YEARS, "thaw_year")
SEASONS = xr.Dataset({"thaw_onset_mean": doy(131.0), "freeze_onset_mean": doy(283.0), "addt_end": PEAKS})


@pytest.fixture(scope="module")
def model():
    return six_years(dense_from=1166)


@pytest.fixture(scope="module")
def late(model):
    return pecm.late_season_index(model["I"].time, doy(131.0), doy(283.0), years=YEARS)


def in_year(model, year):
    """I on the dates of one permafrost year of 365 days, else 0."""
    days = (model["I"].time - np.datetime64("2014-01-01")) / np.timedelta64(1, "D")
    return model["I"].where((days - 130) // 365 == year - 2014, 0.0)


def moved(model, coefficients=COEFFICIENTS, late=None, losses=None):
    """Displacement of the vectors; ``losses`` in mm by year."""
    out = RATE * model["normalized"] + CONSTANT
    for year, coefficient in zip(YEARS, coefficients, strict=True):
        out = out + coefficient * in_year(model, year)
    for year, loss in (losses or {}).items():
        out = out - loss * late.sel(thaw_year=year, drop=True)
    return out.transpose("time", ...).assign_attrs(units="mm").rename("displacement")


def fit(d, model, **options):
    return pecm.fit_years(d, model["normalized"], model["I"], SEASONS, **options)


def noise_of(model, rng, pixels, correlation=0.0):
    white = rng.normal(0.0, NOISE, (len(model["I"]), pixels))
    out = white.copy()
    for t in range(1, len(out)):
        out[t] = correlation * out[t - 1] + np.sqrt(1 - correlation**2) * white[t]
    return xr.DataArray(out, {"time": model["I"].time}, ("time", "x"))


def design(model, late, years=YEARS):
    """Columns of the whole model: L, 1, the years, the losses of ``years``."""
    columns = [model["normalized"], xr.ones_like(model["I"]), *(in_year(model, y) for y in YEARS)]
    return np.stack([*columns, *(late.sel(thaw_year=y) for y in years)], axis=1)


# closed form


def test_the_vectors_are_recovered_exactly(model):
    assert model["I"].size == 123
    out = fit(moved(model), model)
    assert float(out.linear_rate) == pytest.approx(RATE, abs=1e-9)
    assert float(out.intercept) == pytest.approx(CONSTANT, abs=1e-9)
    np.testing.assert_allclose(out.seasonal_coefficient, COEFFICIENTS, atol=1e-9)
    np.testing.assert_allclose(out.seasonal_amplitude[[0, 5]], [21.944, 29.781], atol=5e-4)
    assert float(out.amplitude_trend) == pytest.approx(1.567, abs=5e-4)
    assert out.amplitude_trend.attrs["units"] == out.linear_rate.attrs["units"] == "mm/yr"
    assert float(out.rms) < 1e-9
    assert float(out.loss_probability.max()) < 1e-6


def test_standard_errors_are_the_vectors(model, rng):
    """At 3 mm noise, whatever the noise: scaled by what the residuals say of it."""
    out = fit((moved(model) + noise_of(model, rng, 1).isel(x=0)).assign_attrs(units="mm"), model, losses="none",
              uncertainty="formal")  # fmt: skip
    scale = NOISE / float(out.rms) * np.sqrt((123 - 8) / 123)
    errors = scale * out.seasonal_amplitude_std
    np.testing.assert_allclose(errors, [2.98, 1.67, 1.56, 1.16, 1.23, 1.41], atol=5.1e-3)
    assert scale * float(out.amplitude_trend_std) == pytest.approx(0.575, abs=5e-4)


def test_one_coefficient_for_all_years_takes_their_trend_for_a_rate(model, late):
    """What the model of the paper makes of it, also with 20 mm lost late in the fourth year."""
    for losses, rate in (({}, -5.60), ({2017: 20.0}, -11.48)):
        paper = pecm.fit(moved(model, late=late, losses=losses), model["normalized"], model["I"], uncertainty="formal")
        assert float(paper.linear_rate) == pytest.approx(rate, abs=6e-3)


def test_a_late_loss_is_found_in_its_year(model, late, rng):
    d = moved(model, late=late, losses={2017: 20.0})
    for losses in ("found", "each"):
        out = fit(d, model, losses=losses)
        np.testing.assert_allclose(out.late_season_loss, [np.nan, 0, 0, 20.0, 0, 0], atol=1e-6)
        assert float(out.linear_rate) == pytest.approx(RATE, abs=1e-6)
    assert "loss_probability" not in out
    noisy = (d + noise_of(model, rng, 40)).assign_attrs(units="mm")
    out = fit(noisy, model, uncertainty="formal")
    right = (out.loss_probability > 0.5) == xr.DataArray(YEARS == 2017, dims="thaw_year")
    assert float(right.mean()) > 0.98
    free = np.linalg.lstsq(design(model, late, YEARS[1:]), noisy.values, rcond=None)[1]
    error = (NOISE / np.sqrt(free / (123 - 13)) * out.late_season_loss_std.sel(thaw_year=2017)).median()
    assert float(error) == pytest.approx(1.20, abs=0.015)
    assert out.late_season_loss.attrs["units"] == "mm"


def test_late_index_rises_in_the_last_third_and_stays():
    dates = np.array(["2016-08-17", "2016-09-11", "2016-10-06", "2016-12-31", "2018-05-01"], "datetime64[ns]")
    each = doy([130.0, np.nan], dims="thaw_year", coords={"thaw_year": [2016, 2017]})
    out = pecm.late_season_index(dates, each, doy(280.0))
    assert out.dims == ("thaw_year", "time")
    np.testing.assert_allclose(out, [[0.0, 0.5, 1.0, 1.0, 1.0], [np.nan] * 5])
    assert pecm.late_season_index(dates, doy(130.0), doy(280.0)).thaw_year.values.tolist() == [2016, 2017, 2018]
    whole = pecm.late_season_index(dates, doy(130.0), doy(280.0), years=[2016], share=1.0)
    np.testing.assert_allclose(whole, pecm.linear_index(dates, doy(130.0), doy(280.0)).clip(0, 1).values[None])
    assert np.isnan(pecm.late_season_index(dates, doy(280.0), doy(130.0), years=[2016])).all()


def test_onsets_of_single_years_move_the_losses_alone(model):
    own = {name: xr.full_like(PEAKS, day).assign_attrs(units="day of year")
           for name, day in (("thaw_onset", 136.0), ("freeze_onset", 295.0))}  # fmt: skip
    own["freeze_onset"][1] = np.nan
    late = pecm.late_season_index(model["I"].time, own["thaw_onset"], own["freeze_onset"])
    d = moved(model, late=late, losses={2017: 20.0})
    seasons = SEASONS.assign(own)
    args = d, model["normalized"], model["I"], seasons
    out = pecm.fit_years(*args, onsets="each")
    assert float(out.late_season_loss[3]) == pytest.approx(20.0, abs=1e-6)
    assert abs(float(pecm.fit_years(*args).late_season_loss[3]) - 20.0) > 0.05
    assert int(out.reason_of_loss[1]) == reasons.OK  # the mean onsets stand in
    xr.testing.assert_allclose(pecm.forward_years(out, *args[1:]), d, atol=1e-6)


def test_a_prior_draws_the_years_together(model, rng):
    d = (moved(model) + noise_of(model, rng, 40)).assign_attrs(units="mm")
    free, mean, trend = (fit(d, model, **o) for o in ({}, {"spread": 0.01, "toward": "mean"}, {"spread": 0.01}))
    assert mean.attrs["toward"] == "mean"
    assert "toward" not in free.attrs
    scatter = [float(ds.seasonal_coefficient.std("thaw_year").median()) for ds in (free, mean)]
    assert scatter[1] < 0.1 * scatter[0]
    assert abs(float(mean.amplitude_trend.median())) < 0.3
    assert float(trend.amplitude_trend.median()) == pytest.approx(1.57, abs=0.3)
    line = trend.seasonal_amplitude.polyfit("thaw_year", 1).polyfit_coefficients
    np.testing.assert_allclose(line.sel(degree=1), trend.amplitude_trend, rtol=1e-6)


# oracle


def gaps_and_weights(model, rng, pixels=5):
    d = (moved(model) + noise_of(model, rng, pixels)).assign_attrs(units="mm").copy()
    d.values[rng.uniform(size=d.shape) < 0.25] = np.nan
    return d, xr.DataArray(rng.uniform(0.3, 2.0, size=d.shape), dims=d.dims)


@pytest.mark.parametrize("losses", ["none", "each"])
def test_free_years_are_those_of_dense_least_squares(model, late, rng, losses):
    d, weights = gaps_and_weights(model, rng)
    out = fit(d, model, losses=losses, weights=weights, uncertainty="formal", min_dates_of_year=1)
    columns = design(model, late, YEARS[1:] if losses == "each" else ())
    for x in range(d.sizes["x"]):
        use, root = np.isfinite(d.values[:, x]), np.sqrt(weights.values[:, x])
        a, y = (columns * root[:, None])[use], (d.values[:, x] * root)[use]
        beta, squares, *_ = np.linalg.lstsq(a, y, rcond=None)
        covariance = squares[0] / (use.sum() - a.shape[1]) * np.linalg.inv(a.T @ a)
        std = np.sqrt(np.diag(covariance))
        one = out.isel(x=x)
        np.testing.assert_allclose([one.linear_rate, one.intercept, *one.seasonal_coefficient], beta[:8], rtol=1e-7)
        np.testing.assert_allclose([one.linear_rate_std, *one.seasonal_amplitude_std / ROOT],
                                   [std[0], *std[2:8]], rtol=1e-6)  # fmt: skip
        along = (YEARS - YEARS.mean()) / ((YEARS - YEARS.mean()) ** 2).sum()
        assert float(one.amplitude_trend) == pytest.approx(-ROOT * along @ beta[2:8], rel=1e-6)
        assert float(one.amplitude_trend_std) == pytest.approx(
            ROOT * np.sqrt(along @ covariance[2:8, 2:8] @ along), rel=1e-6
        )
        assert float(one.rms) == pytest.approx(np.sqrt(squares[0] / (root[use] ** 2).sum()), rel=1e-7)
        if losses == "each":
            np.testing.assert_allclose(-one.late_season_loss[1:], beta[8:], rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(one.late_season_loss_std[1:], std[8:], rtol=1e-6)


def test_errors_of_free_losses_are_those_of_dense_correlated_noise(model, late, rng):
    """With gaps and weights: dense matrices under the correlation that is told of a pixel."""
    d, weights = gaps_and_weights(model, rng)
    d = (d + 3.0 * noise_of(model, rng, 5, 0.8) / np.sqrt(weights)).assign_attrs(units="mm")
    out = fit(d, model, losses="each", weights=weights, min_dates_of_year=1)
    columns = design(model, late, YEARS[1:])
    along = (YEARS - YEARS.mean()) / ((YEARS - YEARS.mean()) ** 2).sum()
    for x in range(d.sizes["x"]):
        use, one, root = np.isfinite(d.values[:, x]), out.isel(x=x), np.sqrt(weights.values[:, x])
        a, y, steps = (columns * root[:, None])[use], (d.values[:, x] * root)[use], np.arange(use.sum())
        assert float(one.residual_correlation) > 0.2
        alike = float(one.residual_correlation) ** abs(steps[:, None] - steps)
        solve = np.linalg.pinv(a)
        variance = ((y - a @ solve @ y) ** 2).sum() / (use.sum() - np.trace(a @ solve @ alike))
        covariance = variance * solve @ alike @ solve.T
        std = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose([one.linear_rate_std, *one.seasonal_amplitude_std / ROOT], [std[0], *std[2:8]],
                                   rtol=1e-6)  # fmt: skip
        np.testing.assert_allclose(one.late_season_loss_std[1:], std[8:], rtol=1e-6)
        trend = ROOT * np.sqrt(along @ covariance[2:8, 2:8] @ along)
        assert float(one.amplitude_trend_std) == pytest.approx(trend, rel=1e-6)


@pytest.mark.parametrize("losses", ["each", "none"])
def test_a_very_wide_prior_leaves_errors_as_they_are(model, rng, losses):
    d = (moved(model) + noise_of(model, rng, 4, 0.6)).assign_attrs(units="mm")
    free, wide = (fit(d, model, losses=losses, spread=spread) for spread in ("free", 1e5))
    for name in ("linear_rate_std", "seasonal_amplitude_std", "amplitude_trend_std"):
        xr.testing.assert_allclose(free[name], wide[name], rtol=1e-6)
    narrow = fit(d, model, losses=losses, spread=0.02)
    assert float((narrow.seasonal_amplitude_std / free.seasonal_amplitude_std).mean()) < 0.75


def test_the_average_over_losses_is_that_of_all_models_fitted_one_by_one(model, late, rng):
    """Every set of up to three years by its own dense fit with priors, weighed by its marginal likelihood."""
    from itertools import combinations  # noqa: PLC0415

    d = (moved(model, late=late, losses={2016: 5.0, 2018: 4.0}) + noise_of(model, rng, 1).isel(x=0)).assign_attrs(
        units="mm"
    )
    out = fit(d, model, uncertainty="formal", loss_share=0.2, loss_size=10.0)
    whole = design(model, late, YEARS[1:])
    residual = np.linalg.lstsq(whole, d.values, rcond=None)[1][0]
    variance = residual / (123 - 13)
    found = []
    for pick in (p for size in range(4) for p in combinations(range(5), size)):
        a = np.column_stack([whole[:, :8], whole[:, [8 + k for k in pick]]])
        prior = np.diag([0.0] * 8 + [1 / 10.0**2] * len(pick))
        information = a.T @ a / variance + prior
        beta = np.linalg.solve(information, a.T @ d.values / variance)
        # Marginal likelihood with flat priors of the first eight, up to a common constant.
        fit_quality = 0.5 * beta @ information @ beta
        score = fit_quality - 0.5 * np.linalg.slogdet(information)[1] + len(pick) * np.log(0.25 / 10.0)
        found.append((score, pick, beta, np.linalg.inv(information)))
    share = np.exp([f[0] - max(g[0] for g in found) for f in found])
    share /= share.sum()
    rate = sum(s * f[2][0] for s, f in zip(share, found, strict=True))
    second = sum(s * (f[2][0] ** 2 + f[3][0, 0]) for s, f in zip(share, found, strict=True))
    assert float(out.linear_rate) == pytest.approx(rate, rel=1e-7)
    assert float(out.linear_rate_std) == pytest.approx(np.sqrt(second - rate**2), rel=1e-5)
    for k in range(5):
        inside = [(s, f[2][8 + f[1].index(k)]) for s, f in zip(share, found, strict=True) if k in f[1]]
        probability, loss = sum(s for s, _ in inside), -sum(s * h for s, h in inside)
        assert float(out.loss_probability[1 + k]) == pytest.approx(probability, rel=1e-6)
        assert float(out.late_season_loss[1 + k]) == pytest.approx(loss / probability, rel=1e-6)


# simulation


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("options", [{}, {"losses": "each"}, {"spread": 0.1}, {"losses": "each", "spread": 0.1}])
def test_one_sigma_holds_two_thirds(model, late, rng, correlation, options):
    pixels = 1200
    change = rng.normal(0.0, 0.08, (6, pixels))
    coefficients = [xr.DataArray(-0.8 * (1 + c) - 0.04 * k, dims="x") for k, c in enumerate(change)]
    losses = {2017: xr.DataArray(rng.normal(20.0, 3.0, pixels), dims="x")}
    d = moved(model, coefficients, late, losses) + noise_of(model, rng, pixels, correlation)
    out = fit(d.assign_attrs(units="mm"), model, **options)
    amplitudes = -ROOT * np.array(coefficients)
    truth = {"linear_rate": RATE, "seasonal_amplitude": amplitudes}
    truth["amplitude_trend"] = ((YEARS - 2016.5)[:, None] * amplitudes).sum(0) / 17.5
    truth["late_season_loss"] = np.where((YEARS == 2017)[:, None], losses[2017].values, 0.0)
    for name, value in truth.items():
        held = (abs(out[name] - value) <= out[f"{name}_std"]).where(np.isfinite(out[name])).mean("x").values
        held = held[np.isfinite(held)]
        assert ((held > 0.6) & (held < 0.75)).all(), name
    assert float(out.residual_correlation.mean()) == pytest.approx(correlation, abs=0.06)


def test_losses_are_named_in_their_place_and_not_elsewhere(model, late, rng):
    """The rate of the paper's model is off by more than a millimeter a year, that of the yearly one is not."""
    pixels = 1500
    lost = xr.DataArray(np.where(np.arange(pixels) < 500, 20.0, 0.0), dims="x")
    d = (moved(model, late=late, losses={2017: lost}) + noise_of(model, rng, pixels)).assign_attrs(units="mm")
    out = fit(d, model)
    named = (out.loss_probability > 0.5).fillna(False)
    assert bool((named.sel(thaw_year=2017) == (lost > 0)).mean() > 0.995)
    assert float(named.drop_sel(thaw_year=2017).mean()) < 0.005
    paper = pecm.fit(d, model["normalized"], model["I"], uncertainty="formal")
    off = [abs(float(ds.linear_rate.where(lost > 0).median()) - RATE) for ds in (out, paper)]
    assert off[0] < 0.3
    assert off[1] > 6.0
    assert float(abs(out.seasonal_amplitude - xr.DataArray(-ROOT * COEFFICIENTS, dims="thaw_year")).median()) < 1.5


# years that tell nothing


def test_thin_years_say_why(model, rng):
    """P15: a year without dates, a year that never thaws, melt that no later date sees, too few warm dates."""
    d = (moved(model) + noise_of(model, rng, 4)).assign_attrs(units="mm").copy()
    thawed = {year: np.flatnonzero(in_year(model, year) > 0) for year in YEARS.tolist()}
    dated = (model["I"].time - np.datetime64("2014-01-01")) / np.timedelta64(1, "D")
    d[((dated - 130) // 365 == 2).values, 0] = np.nan  # the year 2016 has no dates
    d[thawed[2017][2:], 1] = np.nan  # two warm dates
    d[(dated > 130 + 5 * 365 + 120).values, 2] = np.nan  # ends within the last third of 2019
    peaks = PEAKS * xr.DataArray(np.ones(4), dims="x")
    peaks[4, 3], peaks[5, 3] = 0.0, np.nan
    seasons = SEASONS.assign(addt_end=peaks.assign_attrs(units="degC d"))
    composite = (model["I"] * xr.DataArray(np.ones(4), dims="x")).copy()
    composite[thawed[2018], 3] = 0.0
    out = pecm.fit_years(d, model["normalized"], composite, seasons)
    assert out.reason.values.tolist() == [0] * 4
    why = out.reason_of_year.values.T
    assert why[0].tolist() == [0, 0, reasons.TOO_FEW, 0, 0, 0]
    assert why[1].tolist() == [0, 0, 0, reasons.TOO_FEW, 0, 0]
    assert why[2].tolist() == [0] * 6
    assert why[3].tolist() == [0, 0, 0, 0, reasons.NEVER_THAWS, reasons.NO_TEMPERATURE]
    assert int(out.reason_of_loss[5, 2]) == reasons.TOO_FEW
    assert (out.reason_of_loss[0] == reasons.TOO_FEW).all()  # no date before its late season
    for name, told in (("seasonal_amplitude", "reason_of_year"), ("late_season_loss", "reason_of_loss")):
        xr.testing.assert_equal(np.isnan(out[name]), out[told] > 0)
        xr.testing.assert_equal(np.isnan(out[f"{name}_std"]), out[told] > 0)
    assert np.isfinite(out.amplitude_trend).all()
    known = out.seasonal_amplitude - xr.DataArray(-ROOT * COEFFICIENTS, dims="thaw_year")
    assert float(abs(known / out.seasonal_amplitude_std).max()) < 4.0


def test_pixels_that_tell_nothing_say_why(model):
    d = xr.concat([moved(model)] * 6, "x").transpose("time", "x").assign_attrs(units="mm").copy()
    composite = xr.concat([model["I"]] * 6, "x").transpose("time", "x").copy()
    d[:, 0], d[15:, 1] = np.nan, np.nan
    composite[:, 2], composite[:, 3] = np.nan, 0.0
    upstream = xr.DataArray([0, 0, 0, 0, reasons.NOT_CONNECTED, 0], dims="x")
    out = pecm.fit_years(d, model["normalized"], composite, SEASONS, upstream_reason=upstream)
    codes = [reasons.MASKED, reasons.TOO_FEW, reasons.NO_TEMPERATURE, reasons.NEVER_THAWS, reasons.NOT_CONNECTED, 0]
    assert out.reason.values.tolist() == codes
    assert (out.reason_of_year.isel(x=slice(5)) == codes[:5]).all()
    assert np.isnan(out.seasonal_amplitude[:, :5]).all()
    assert np.isnan(out.linear_rate[:5]).all()
    assert np.isfinite(out.amplitude_trend[5])


def test_two_valid_years_have_no_trend(model):
    d = moved(model).copy()
    d[(model["I"].time.dt.year > 2016).values & (model["I"] > 0).values] = np.nan
    out = fit(d, model)
    assert (out.reason_of_year == 0).sum() == 3
    d[(model["I"].time.dt.year == 2014).values & (model["I"] > 0).values] = np.nan
    out = fit(d, model)
    assert (out.reason_of_year == 0).sum() == 2
    assert np.isnan(out.amplitude_trend)
    assert np.isfinite(out.linear_rate)


def test_a_year_of_which_only_the_freezing_is_seen_is_a_matter_of_choice(model):
    assert (fit(moved(model), model).reason_of_year == 0).all()
    strict = fit(moved(model), model, min_dates_of_thaw=3)
    assert strict.reason_of_year.values.tolist() == [reasons.TOO_FEW, 0, 0, 0, 0, 0]
    assert float(strict.amplitude_trend) == pytest.approx(1.567, abs=5e-4)


# what all places have in common


def everywhere(model, rng):
    """Weather that 4 by 30 pixels share, ground that breathes more and more to the east, and years that grow."""
    shape = xr.DataArray(np.ones((4, 30)), dims=("y", "x"))
    shared = noise_of(model, rng, 1).isel(x=0)
    own = xr.DataArray(rng.normal(0.0, 1.0, (123, 4, 30)), {"time": model["I"].time}, ("time", "y", "x"))
    linear, composite = ((model[key] * shape).transpose("time", "y", "x") for key in ("normalized", "I"))
    strength = xr.DataArray(np.linspace(0.2, 1.6, 30), dims="x")
    seasons = moved(model) - moved(model, 0 * COEFFICIENTS)
    d = (strength * seasons * shape - linear + shared + own).transpose("time", "y", "x").assign_attrs(units="mm").copy()
    d[:9, 0, 0] = np.nan  # leaves its pixel out, not its dates
    return d, linear, composite, shared


def departure(model, series):
    """What rate, season and constant leave of a series."""
    design = np.stack([model["normalized"], model["I"], np.ones(123)], axis=1)
    return series - design @ np.linalg.lstsq(design, series.values, rcond=None)[0]


def test_steady_ground_shows_the_error_that_all_places_share(model, rng, no_compute):
    d, linear, composite, shared = everywhere(model, rng)
    steady = xr.DataArray(np.arange(30) < 10, dims="x") & xr.ones_like(d.isel(time=0, drop=True), dtype=bool)
    d = d.where(~steady, (-0.2 * composite - linear + shared).transpose("time", "y", "x")).assign_attrs(units="mm")
    error = pecm.common_error(d, linear, composite, steady)
    assert float(abs(error - departure(model, shared)).max()) < 0.6
    assert abs(float(error.mean())) < 1e-9
    with no_compute():
        lazy = pecm.common_error(d.chunk(y=2), linear.chunk(y=2), composite, steady)
    xr.testing.assert_allclose(lazy.compute(), error)
    assert np.isnan(pecm.common_error(d, linear, composite, steady & False)).all()
    with pytest.raises(QtpDataError, match="one place has nothing"):
        pecm.common_error(d[:, 0, 0], linear[:, 0, 0], composite[:, 0, 0], steady[0, 0])


def test_over_the_amplitude_ground_may_change_from_year_to_year(model, rng, no_compute):
    """Its own growth is not taken for an error: the trend stays whole."""
    d, linear, composite, shared = everywhere(model, rng)
    ground = xr.ones_like(d.isel(time=0, drop=True), dtype=bool)
    amplitude = pecm.fit(d, linear, composite, uncertainty="formal", peak_index=ground * ROOT)["seasonal_amplitude"]
    error = pecm.common_error(d, linear, composite, ground, amplitude=amplitude)
    weight = np.isfinite(d).all("time") / float(np.isfinite(d).all("time").sum())
    by_hand = [np.polyfit(amplitude.where(weight > 0).stack(p=("y", "x")).dropna("p"), row, 1)[1]
               for row in d.stack(p=("y", "x")).dropna("p").transpose("time", "p").values]  # fmt: skip
    np.testing.assert_allclose(error, departure(model, shared.copy(data=by_hand)), atol=1e-6)
    assert float(abs(error - departure(model, shared)).max()) < 1.5
    trends = [
        float((fit_years_of(d - what, linear, composite).amplitude_trend / (1.567 * np.linspace(0.2, 1.6, 30)))[:, 20:]
              .median()) for what in (pecm.common_error(d, linear, composite, ground), error)
    ]  # fmt: skip
    assert trends[0] < 0.5
    assert trends[1] == pytest.approx(1.0, abs=0.15)
    alike = pecm.common_error(d, linear, composite, ground, amplitude=xr.full_like(amplitude, 7.0))
    xr.testing.assert_allclose(alike, pecm.common_error(d, linear, composite, ground))
    with no_compute():
        lazy = pecm.common_error(d.chunk(y=2), linear.chunk(y=2), composite, ground, amplitude=amplitude.chunk(y=2))
    xr.testing.assert_allclose(lazy.compute(), error)


def fit_years_of(d, linear, composite):
    return pecm.fit_years(d.assign_attrs(units="mm"), linear, composite, SEASONS)


# properties


@pytest.mark.parametrize("losses", ["found", "each"])
@settings(max_examples=5, deadline=None)
@given(shift=st.floats(-200.0, 200.0), scale=st.floats(0.2, 5.0), seed=st.integers(0, 99))
def test_constant_scale_and_order_are_carried_through(losses, shift, scale, seed):
    model, rng = six_years(dense_from=1166), np.random.default_rng(seed)
    d = (moved(model) + noise_of(model, rng, 5)).assign_attrs(units="mm")
    order, dates = rng.permutation(5), rng.permutation(123)
    plain = fit(d, model, losses=losses, loss_size=20.0, loss_share=0.3)
    changed = (scale * d + shift).assign_attrs(units="mm").isel(x=order, time=dates)
    shuffled = {name: da.isel(time=dates) for name, da in model.items()}
    other = fit(changed, shuffled, losses=losses, loss_size=20.0 * scale, loss_share=0.3)
    for name in plain:
        expected = plain[name].isel(x=order)
        if name == "intercept":
            expected = scale * expected + shift
        elif name not in ("loss_probability", "residual_correlation") and not name.startswith("reason"):
            expected = scale * expected
        np.testing.assert_allclose(other[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)


# comparison


def test_left_out_dates_reward_the_yearly_model_and_left_out_years_do_not_punish_it(model, late, rng):
    d = (moved(model, late=late, losses={2017: 20.0}) + noise_of(model, rng, 6)).assign_attrs(units="mm")
    models = pecm.candidates(model["I"], doy(131.0), doy(283.0), yearly=True)
    assert list(models)[-2:] == ["yearly", "yearly + losses"]
    table = {}
    for part in ("dates", "years"):
        scores = pecm.compare(d, models, leave_out=part)
        assert scores.attrs["left_out"] == part
        assert part in scores["cv_rms"].attrs["long_name"]
        table[part] = pecm.summary(scores).to_dataframe()["cv_rms"]
    assert table["dates"].idxmin() == "yearly + losses"
    assert table["dates"]["yearly + losses"] == pytest.approx(NOISE, rel=0.12)
    assert table["dates"]["yearly + losses"] < 0.9 * table["dates"]["index"]
    assert table["years"]["yearly + losses"] < table["years"]["index"]


def test_a_model_with_a_prior_is_scored_as_by_hand(model, late, rng):
    d = (moved(model) + noise_of(model, rng, 2)).assign_attrs(units="mm")
    models = pecm.candidates(model["I"], doy(131.0), doy(283.0), yearly=True)
    chosen = models["yearly + losses"]
    columns = np.stack([*(np.asarray(c) for c in chosen.columns), np.ones(123)], 1)
    for part, labels in (("years", d.time.dt.year.values), ("dates", np.arange(123) % 5)):
        out = pecm.compare(d, {"yearly": chosen}, leave_out=part).sel(model="yearly")
        errors = np.empty(d.shape)
        for label in np.unique(labels):
            train = labels != label
            matrix = columns[train].T @ columns[train] + chosen.penalty
            errors[~train] = d[~train] - columns[~train] @ np.linalg.solve(matrix, columns[train].T @ d.values[train])
        np.testing.assert_allclose(out["cv_rms"], np.sqrt((errors**2).mean(axis=0)), rtol=1e-6)
    assert np.linalg.eigvalsh(chosen.penalty).min() > -1e-9
    plain = pecm.Model(chosen.columns[:7])
    assert np.isnan(pecm.compare(d, {"free": plain})["cv_rms"]).all()  # it cannot know the year it has not seen


# lazy


def test_lazy_equals_eager_and_computes_nothing_early(model, late, rng, no_compute):
    flat = xr.DataArray(np.ones((3, 4)), dims=("y", "x"))
    noise = xr.DataArray(rng.normal(0, NOISE, (123, 3, 4)), {"time": model["I"].time}, ("time", "y", "x"))
    d = (moved(model, late=late, losses={2017: 20.0}) + noise).assign_attrs(units="mm")
    arrays = {name: (model[key] * flat).transpose("time", "y", "x") for name, key in (("L", "normalized"), ("I", "I"))}
    seasons = SEASONS.map(lambda da: (da * flat).assign_attrs(da.attrs))
    eager = pecm.fit_years(d, arrays["L"], arrays["I"], seasons)
    models = pecm.candidates(arrays["I"], seasons.thaw_onset_mean, seasons.freeze_onset_mean, yearly=True)
    scores = pecm.compare(d, models, leave_out="dates")
    with no_compute():
        blocks, columns = {"y": 2, "x": 3}, {name: da.chunk(y=2, x=3) for name, da in arrays.items()}
        apart = seasons.chunk(blocks)
        lazy = pecm.fit_years(d.chunk(blocks), columns["L"], columns["I"], apart)
        drawn = pecm.forward_years(lazy, columns["L"], columns["I"], apart)
        models = pecm.candidates(columns["I"], apart.thaw_onset_mean, apart.freeze_onset_mean, yearly=True)
        judged = pecm.compare(d.chunk(blocks), models, leave_out="dates")
    assert lazy.seasonal_amplitude.chunks == ((6,), (2, 1), (3, 1))
    for scheduler in ("synchronous", "threads"):
        xr.testing.assert_allclose(lazy.compute(scheduler=scheduler), eager)
    xr.testing.assert_allclose(drawn.compute(), pecm.forward_years(eager, arrays["L"], arrays["I"], seasons))
    xr.testing.assert_allclose(judged.compute(), scores)


# what is refused, what is carried on


def test_years_in_any_order_are_those_years(model, rng):
    d = moved(model) + noise_of(model, rng, 3)
    d = d.transpose("time", ...).assign_attrs(units="mm")
    turned = SEASONS.isel(thaw_year=slice(None, None, -1))
    whole = fit(d, model)
    out = pecm.fit_years(d, model["normalized"], model["I"], turned)
    xr.testing.assert_identical(out, whole)
    fitted = pecm.forward_years(whole, model["normalized"], model["I"], SEASONS)
    back = pecm.forward_years(whole.isel(thaw_year=slice(None, None, -1)), model["normalized"], model["I"], turned)
    xr.testing.assert_identical(fitted, back)


@pytest.mark.parametrize("years", [[2014, 2015, 2017, 2018, 2019], [2014, 2015, 2015, 2016, 2017, 2018, 2019]])
def test_years_that_are_missing_or_stand_twice_are_refused(model, years):
    """The dates of a year that is missing went to the one before; a trend is one over positions."""
    d, (linear, composite) = moved(model), (model["normalized"], model["I"])
    seasons = SEASONS.sel(thaw_year=years)
    for call in (
        lambda: pecm.fit_years(d, linear, composite, seasons),
        lambda: pecm.forward_years(fit(d, model).sel(thaw_year=years), linear, composite, SEASONS),
        lambda: pecm.composite_index(
            composite.assign_attrs(units="degC d"),
            composite.assign_attrs(units="degC d"),
            1.4,
            addt_end=seasons["addt_end"],
            addf_end=seasons["addt_end"],
            permafrost_year=xr.ones_like(composite),
        ),
    ):
        with pytest.raises(QtpDataError, match="thaw_year repeats years, lacks some or is out of order") as raised:
            call()
        assert str(years) in str(raised.value)
    onset = doy(131.0) + 0 * seasons["addt_end"].drop_attrs()
    if len(set(years)) < len(years):
        with pytest.raises(QtpDataError, match="onsets repeat years"):
            pecm.late_season_index(d.time, onset.assign_attrs(units="day of year"), doy(283.0))


@pytest.mark.parametrize("years", [slice(2015, None), slice(None, 2018), slice(2016, 2017)])
def test_dates_outside_of_the_years_are_those_of_no_year(model, years):
    """Without 2019 its dates went to 2018."""
    d, whole = moved(model), fit(moved(model), model)
    seasons = SEASONS.sel(thaw_year=years)
    out = pecm.fit_years(d, model["normalized"], model["I"], seasons)
    kept = seasons["thaw_year"].values
    assert out["thaw_year"].values.tolist() == kept.tolist()
    np.testing.assert_allclose(out["linear_rate"], RATE, rtol=1e-6)
    np.testing.assert_allclose(out["seasonal_amplitude"], whole["seasonal_amplitude"].sel(thaw_year=kept), rtol=1e-6)
    fitted = pecm.forward_years(out, model["normalized"], model["I"], seasons)
    strange = sum(in_year(model, year) for year in YEARS if year not in kept) > 0
    np.testing.assert_allclose(fitted.where(~strange), d.where(~strange), atol=1e-6)
    assert fitted.where(strange, drop=True).isnull().all()
    one = fitted.time.dt.year == 2016
    some = pecm.forward_years(out, model["normalized"][one], model["I"][one], seasons)
    xr.testing.assert_identical(some, fitted[one])


def test_what_is_wrong_is_said(model):
    d, linear, composite = moved(model), model["normalized"], model["I"]
    given = {"displacement": d, "linear": linear, "composite": composite, "seasons": SEASONS}
    refuse_strangers(pecm.fit_years, given, units="displacement", dims="displacement linear composite")
    onsets = {"dates": d.time.values, "thaw_onset": doy(131.0), "freeze_onset": doy(283.0)}
    refuse_strangers(pecm.late_season_index, onsets, units="thaw_onset freeze_onset")
    bare = SEASONS.drop_vars("addt_end")
    elsewhere = SEASONS.assign_coords(thaw_year=YEARS - 20)
    for words, options in {
        "seasons lacks addt_end": {"seasons": bare},
        "none of the years": {"seasons": elsewhere},
        "unknown way to treat losses": {"losses": "some"},
        "unknown onsets": {"onsets": "late"},
        "unknown uncertainty": {"uncertainty": "year_block"},
        "unknown aim": {"toward": "zero"},
        "loss_share is out of range": {"loss_share": 1.0},
        "loss_size is out of range": {"loss_size": 0.0},
        "spread is out of range": {"spread": "wide"},
    }.items():
        with pytest.raises(QtpDataError, match=words):
            pecm.fit_years(**given | options)
    with pytest.raises(QtpDataError, match="seasons lacks thaw_onset, freeze_onset;"):
        pecm.fit_years(**given, onsets="each")
    with pytest.raises(QtpDataError, match="differ in dates"):
        pecm.fit_years(d[1:], linear, composite, SEASONS)
    twice = [0, *range(122)]
    with pytest.raises(QtpDataError, match="repeat") as raised:
        pecm.fit_years(d[twice], linear[twice], composite[twice], SEASONS)
    assert raised.value.code == "P12"
    with pytest.raises(QtpDataError, match="share of the thaw season"):
        pecm.late_season_index(d.time, doy(131.0), doy(283.0), share=0.0)
    with pytest.raises(QtpDataError, match="onsets lack years"):
        pecm.late_season_index(d.time, PEAKS.assign_attrs(units="day of year"), doy(283.0), years=[2030])
    with pytest.raises(QtpDataError, match="unknown part to leave out"):
        pecm.compare(d, pecm.candidates(composite, doy(131.0), doy(283.0)), leave_out="months")


def test_provenance_and_what_ramps_leave_unknown_are_carried_on(model):
    d = noted(moved(model))
    out = fit(d, model)
    unknown = xr.Dataset({"linear_rate_std": 0.7, "seasonal_coefficient_std": 0.02})
    wider = fit(d, model, ramp_std=unknown)
    assert float(wider.linear_rate_std) == pytest.approx(0.7)
    np.testing.assert_allclose(wider.seasonal_amplitude_std, 0.02 * ROOT)
    xr.testing.assert_equal(wider.amplitude_trend_std, out.amplitude_trend_std)
    drawn = pecm.forward_years(out, model["normalized"], model["I"], SEASONS)
    late = pecm.late_season_index(d.time, noted(doy(131.0)), doy(283.0))
    assert without_note(fit=out, drawn=drawn, late=late) == []
    xr.testing.assert_allclose(drawn, moved(model))


def on_map(model, rng):
    """Displacement, L, I (time, y, x) and seasons (y, x) on one grid with a CRS."""
    axes = {"y": 4e6 - 90.0 * np.arange(3), "x": 3e5 + 90.0 * np.arange(4)}
    flat = xr.DataArray(np.ones((3, 4)), axes, ("y", "x")).rio.write_crs(32646)
    noise = xr.DataArray(rng.normal(0, NOISE, (123, 3, 4)), {"time": model["I"].time}, ("time", "y", "x"))
    moved_, linear, composite = (da * flat for da in (moved(model) + noise, model["normalized"], model["I"]))
    arrays = [da.transpose("time", "y", "x") for da in (moved_, linear, composite)]
    return arrays[0].assign_attrs(units="mm"), *arrays[1:], SEASONS.map(lambda da: (da * flat).assign_attrs(da.attrs))


def placed_anew(*arrays, shift=0.0, turned=False, crs=None):
    """The same on pixels that are off by ``shift`` m, upside down, or of another zone."""
    out = []
    for da in arrays:
        away = da.assign_coords(x=da.x + shift).isel(y=slice(None, None, -1 if turned else 1))
        out.append(away if crs is None else away.rio.write_crs(crs))
    return out


@pytest.mark.parametrize("other", [{"shift": 1e-5}, {"turned": True}])
def test_pixels_that_are_the_same_are_brought_together(model, rng, other):
    """Rounding of coordinates and rows from south to north: xarray drops pixels, or stops in words of its own."""
    d, linear, composite, seasons = on_map(model, rng)
    flat = seasons["thaw_onset_mean"] * 0.0
    extra = {"ramp_std": xr.Dataset(dict.fromkeys(UNKNOWN, flat + 0.3)),
             "upstream_reason": flat.astype(np.uint8), "weights": xr.ones_like(d).drop_attrs()}  # fmt: skip
    elsewhere = placed_anew(linear, composite, seasons, *extra.values(), **other)
    moved_extra = dict(zip(extra, elsewhere[3:], strict=True))
    expected = pecm.fit_years(d, linear, composite, seasons, **extra)
    xr.testing.assert_identical(pecm.fit_years(d, *elsewhere[:3], **moved_extra), expected)
    drawn = pecm.forward_years(expected, linear, composite, seasons)
    again = pecm.forward_years(expected, *elsewhere[:3])
    assert again.sizes == drawn.sizes
    np.testing.assert_allclose(again.sortby("y"), drawn.sortby("y"))
    paper = pecm.fit(d, linear, composite, peak_index=flat + 31.0, **extra)
    xr.testing.assert_identical(
        pecm.fit(d, *elsewhere[:2], peak_index=placed_anew(flat + 31.0, **other)[0], **moved_extra), paper
    )
    assert pecm.forward(paper, *elsewhere[:2]).sizes == d.sizes
    error = pecm.common_error(d, linear, composite, flat == 0)
    xr.testing.assert_allclose(pecm.common_error(d, *elsewhere[:2], flat == 0), error)
    assert np.isfinite(error).all()
    models = pecm.candidates(elsewhere[1], seasons["thaw_onset_mean"], seasons["freeze_onset_mean"], yearly=True)
    assert np.isfinite(pecm.compare(d, models)["rms"]).all()


@pytest.mark.parametrize(
    ("other", "code"), [({"shift": 30.0}, "I05"), ({"shift": 9e5}, "I06"), ({"crs": 32645}, "I07")]
)
def test_other_pixels_are_refused_with_what_to_do(model, rng, other, code):
    d, linear, composite, seasons = on_map(model, rng)
    whole = pecm.fit_years(d, linear, composite, seasons)
    flat = seasons["thaw_onset_mean"] * 0.0
    ramps = xr.Dataset(dict.fromkeys(UNKNOWN, flat))
    (away,) = placed_anew(linear, **other)
    for call in (
        lambda: pecm.fit_years(d, away, composite, seasons),
        lambda: pecm.fit_years(d, linear, composite, placed_anew(seasons, **other)[0]),
        lambda: pecm.fit_years(d, linear, composite, seasons, weights=away),
        lambda: pecm.fit_years(d, linear, composite, seasons, ramp_std=placed_anew(ramps, **other)[0]),
        lambda: pecm.fit_years(d, linear, composite, seasons, upstream_reason=placed_anew(flat, **other)[0]),
        lambda: pecm.fit(d, linear, composite, peak_index=placed_anew(flat, **other)[0]),
        lambda: pecm.forward_years(whole, away, *placed_anew(composite, seasons, **other)),
        lambda: pecm.forward(whole, away, placed_anew(composite, **other)[0]),
        lambda: pecm.common_error(d, away, composite, flat == 0),
        lambda: pecm.compare(d, {"away": pecm.Model((away,))}),
    ):
        with pytest.raises(QtpDataError, match=r"grid\.match") as raised:
            call()
        assert raised.value.code == code


def test_weights_of_other_dates_are_refused(model, rng):
    """In another order they went to dates that they are not of."""
    d, linear, composite, seasons = on_map(model, rng)
    for weights in (xr.ones_like(d)[::-1], xr.ones_like(d)[:100]):
        for call in (
            lambda weights=weights: pecm.fit_years(d, linear, composite, seasons, weights=weights),
            lambda weights=weights: pecm.fit(d, linear, composite, weights=weights),
            lambda weights=weights: pecm.sinusoid(d, weights=weights),
            lambda weights=weights: pecm.compare(d, {"line": pecm.Model((linear,))}, weights=weights),
        ):
            with pytest.raises(QtpDataError, match="along time"):
                call()


def test_times_that_are_no_dates_are_refused(model):
    """M24: whole numbers became nanoseconds of 1970, and everything NaN."""
    d, linear, composite = moved(model), model["normalized"], model["I"]
    numbers = d.time.dt.strftime("%Y%m%d").astype(int).values
    for times in (numbers, np.arange(123)):
        arrays = [da.assign_coords(time=times) for da in (d, linear, composite)]
        for call in (lambda a=arrays: pecm.fit_years(*a, SEASONS), lambda a=arrays: pecm.sinusoid(a[0])):
            with pytest.raises(QtpDataError, match="time is not datetime64"):
                call()
    with pytest.raises(QtpDataError, match="has no dates"):
        pecm.fit_years(d[:0], linear[:0], composite[:0], SEASONS)
    with pytest.raises(QtpDataError, match=r"an index and displacement differ.*expected: 123 dates, number 4 201"):
        pecm.fit_years(d, linear.isel(time=[0, 1, 2, *range(4, 123)]).rename(None), composite, SEASONS)


def test_what_is_lacking_is_named(model):
    d, linear, composite = moved(model), model["normalized"], model["I"]
    half = xr.Dataset({"linear_rate_std": 0.3})
    for words, call in {
        "ramp_std lacks seasonal_coefficient_std": lambda: pecm.fit_years(d, linear, composite, SEASONS, ramp_std=half),
        "lacks seasonal_coefficient_std": lambda: pecm.fit(d, linear, composite, ramp_std=half),
        "the deformation has no years": lambda: pecm.forward_years(half, linear, composite, SEASONS),
        "spread is out of range": lambda: pecm.fit_years(d, linear, composite, SEASONS, spread=None),
        "thaw_onset is no DataArray": lambda: pecm.late_season_index(d.time, 131.0, doy(283.0)),
        "wrong unit; expected: 'mm'": lambda: pecm.common_error(
            d.assign_attrs(units="cm"), linear, composite, xr.DataArray(True)
        ),
    }.items():
        with pytest.raises(QtpDataError, match=words):
            call()


def test_a_pixel_without_its_highest_index_is_not_valid(model, rng):
    """The amplitude was NaN and the reason 0."""
    d, linear, composite, seasons = on_map(model, rng)
    peak = (seasons["thaw_onset_mean"] * 0.0 + 31.0).where(seasons.x > 300100.0)
    out = pecm.fit(d, linear, composite, peak_index=peak)
    assert (out["reason"] == xr.where(np.isfinite(peak), 0, reasons.NO_TEMPERATURE)).all()
    for name in ("linear_rate", "seasonal_amplitude", "seasonal_amplitude_std"):
        assert (np.isfinite(out[name]) == (out["reason"] == 0)).all()


def test_as_many_dates_as_unknowns_are_too_few(model):
    """The rate was a number, its standard deviation NaN and the reason 0."""
    some = [0, 60, 122]
    d, linear, composite = moved(model)[some], model["normalized"][some], model["I"][some]
    out = pecm.fit(d, linear, composite, uncertainty="formal", min_dates=3)
    assert out["reason"].item() == reasons.TOO_FEW
    assert pecm.sinusoid(moved(model)[[0, 30, 60, 122]], min_dates=4)["reason"].item() == reasons.TOO_FEW


def test_losses_of_published_size_are_told_from_none(model, late, rng):
    """Zwieback and Meyer (2021): 4 to 8 cm in ice-rich ground, -1 to 2 cm in ice-poor ground."""
    for loss in (40.0, 80.0, 20.0, -10.0):
        d = moved(model, late=late, losses={2017: loss}) + noise_of(model, rng, 60)
        out = fit(d.assign_attrs(units="mm"), model).sel(thaw_year=2017)
        assert float((out.loss_probability > 0.5).mean()) > 0.95, loss
        assert float(out.late_season_loss.median()) == pytest.approx(loss, abs=1.0)
        assert float(abs(out.linear_rate.median() - RATE)) < 0.3
