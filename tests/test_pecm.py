"""The deformation model against the test vectors of its derivation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pecm_cases import (
    CASE_A,
    CASE_B,
    COEFFICIENT,
    RATE,
    decompose,
    degree_days,
    displacement,
    doy,
    index,
    series,
    six_years,
)
from promised import defaults, noted, refuse_strangers, without_note
from scipy.special import stdtrit
from scipy.stats import norm

from qtp_toolkit import pecm
from qtp_toolkit.conventions import QtpDataError


@pytest.fixture(scope="module")
def model():
    return six_years()


# closed form: the indices


def test_case_a_sums_are_the_vectors():
    at, af, first, last = degree_days(CASE_A)
    assert (first, last) == (130, 282)
    assert at[first + 364] == pytest.approx(982.740693, abs=1e-6)
    assert af[first + 364] == pytest.approx(2260.075492, abs=1e-6)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (0, (0.4140, 0.4140, 0.4140)),
        (30, (10.0928, 10.0928, 10.0928)),
        (120, (29.7313, 29.7313, 29.7313)),
        (200, (14.7394, 11.6963, 19.6042)),
        (250, (0, 0, 8.9103)),
        (300, (0, 0, 1.2986)),
    ],
)
def test_composite_index_of_case_a(day, expected):
    at, af, first, _ = degree_days(CASE_A)
    here = [index(at[[first + day]], af[[first + day]], ratio).item() for ratio in (1.0, 1.4, 0.5)]
    np.testing.assert_allclose(here, expected, atol=5e-5)


@pytest.mark.parametrize(("ratio", "days"), [(1.0, 97), (1.4, 80), (0.5, 161)])
def test_days_until_fully_frozen(ratio, days):
    at, af, first, last = degree_days(CASE_A)
    values = index(at[first : first + 365], af[first : first + 365], ratio).values
    assert np.flatnonzero(values[last - first :] <= 0)[0] == days


def test_amplitude_of_case_a_is_peak_to_trough():
    end = series([982.740693, np.nan], "degC d", [2014, 2015], "thaw_year")
    coefficient = xr.DataArray(-0.8, attrs={"units": "mm degC-0.5 d-0.5"})
    assert float(0.8 * pecm.amplitude_factor(end)) == pytest.approx(25.078956, abs=1e-6)
    yearly = pecm.yearly_amplitude(coefficient, end)
    assert float(yearly[0]) == pytest.approx(25.078956, abs=1e-6)
    assert yearly.attrs["units"] == "mm"


def test_case_b_takes_the_closing_ratio():
    at, af, first, _ = degree_days(CASE_B)
    end_t, end_f = at[first + 364], af[first + 364]
    assert (end_t, end_f) == (pytest.approx(1234.605151, abs=1e-6), pytest.approx(869.600220, abs=1e-6))
    ends = [series([v, v, v], "degC d", [2014, 2015, 2016], "thaw_year") for v in (end_t, end_f)]
    ends[1] = ends[1] * [1.0, np.nan, 0.0]
    ends[1].attrs["units"] = "degC d"
    closed = pecm.closing_ratio(*ends, 1.4)
    np.testing.assert_allclose(closed.conductivity_ratio, [1.419739, 1.4, np.nan], atol=1e-6)
    assert closed.ratio_adjusted.values.tolist() == [True, False, True]
    dates = pd.date_range("2014-01-01", periods=3)
    number = xr.DataArray([1, 2, 3], {"time": dates}, ("time",))
    raw = index([end_t] * 3, [end_f] * 3, 1.4)
    assert float(raw[0]) == pytest.approx(0.245111, abs=1e-6)
    adjusted = index([end_t] * 3, [end_f] * 3, 1.4, addt_end=ends[0], addf_end=ends[1], permafrost_year=number)
    np.testing.assert_allclose(adjusted, [0.0, 0.245111, np.nan], atol=1e-6)
    kept = index(
        [end_t] * 3, [end_f] * 3, 1.4, addt_end=ends[0], addf_end=ends[1], permafrost_year=number, close="none"
    )
    np.testing.assert_allclose(kept, raw)


def test_over_frozen_is_clipped_not_negative():
    """Trap T3: Eq. 4 is negative when frozen; the text zeroes the wrong sign."""
    assert index([100.0], [900.0], 1.4).item() == 0.0
    assert index([100.0], [0.0], 1.4).item() == 10.0


@pytest.mark.parametrize("ratio", [0.0, -1.0, np.nan])
def test_ratio_that_is_not_positive_gives_nan(ratio):
    assert np.isnan(index([100.0], [10.0], ratio).item())


def linear_at(dates, thaw=131.0, freeze=283.0, **kwargs):
    return pecm.linear_index(pd.DatetimeIndex(dates), doy(thaw), doy(freeze), first_year=2013, **kwargs)


def test_linear_index_of_the_second_permafrost_year():
    onset = pd.Timestamp("2014-01-01") + pd.Timedelta(days=130)
    dates = [onset + pd.Timedelta(days=d) for d in (0, 30, 120, 200, 250, 300)]
    np.testing.assert_allclose(linear_at(dates), [1, 1.19737, 1.78947, 2, 2, 2], atol=5e-6)


@pytest.mark.parametrize("dates", [["20180106", "20180618"], [20180106, 20180618], ["06Jan2018", "2018-06-18"]])
def test_linear_index_of_dates_in_any_spelling(dates):
    """I28."""
    thaw, freeze = (xr.DataArray(day, attrs={"units": "day of year"}) for day in (130.0, 280.0))
    right = pecm.linear_index(np.array(["2018-01-06", "2018-06-18"], "datetime64[ns]"), thaw, freeze)
    xr.testing.assert_identical(pecm.linear_index(dates, thaw, freeze), right)


def test_linear_index_edges():
    """Before the first onset 0; on the onset day; leap years; thaw that lasts past 31 December."""
    assert linear_at(["2013-02-01"]).item() == 0.0
    np.testing.assert_allclose(linear_at(["2013-05-11", "2013-10-10"]), [0.0, 1.0])
    leap = linear_at(["2016-05-10", "2016-10-09"])  # day 131 and 283 of a leap year
    np.testing.assert_allclose(leap, [3.0, 4.0])
    late = linear_at(["2014-12-31", "2015-01-05", "2015-03-01"], thaw=151.0, freeze=371.0)
    np.testing.assert_allclose(late, [1 + 214 / 220, 1 + 219 / 220, 2.0])
    assert np.isnan(linear_at(["2014-06-01"], thaw=np.nan)).all()
    assert np.isnan(linear_at(["2014-06-01"], thaw=283.0, freeze=131.0)).all()


def test_printed_linear_index_jumps_and_the_default_does_not():
    """Trap T2, I29: days are not mixed with years; L is continuous at the freeze onset, the printed form is not."""
    dates = pd.date_range("2014-10-09", "2014-10-11", freq="h")
    assert float(np.abs(np.diff(linear_at(dates))).max()) < 1e-3
    assert float(np.diff(linear_at(dates, form="printed")).max()) == pytest.approx(1 - 152 / 365.25, abs=1e-3)
    calendar = linear_at(["2013-01-01", "2014-01-01", "2016-07-02"], form="calendar")
    np.testing.assert_allclose(calendar, [0.0, 1.0, 3.5])


# closed form: the decomposition


def test_decomposition_is_exact(model):
    out = decompose(displacement(model, intercept=7.0), model)
    assert float(out.linear_rate) == pytest.approx(RATE, abs=1e-9)
    assert float(out.seasonal_coefficient) == pytest.approx(COEFFICIENT, abs=1e-9)
    assert float(out.intercept) == pytest.approx(7.0, abs=1e-9)
    assert int(out.reason) == 0
    assert out.linear_rate.attrs["units"] == "mm/yr"


@pytest.mark.parametrize("kind", ["formal", "year_block"])
def test_fit_equals_numpy_pixel_by_pixel(model, rng, kind):
    d = noisy(model, rng, pixels=6).copy()
    d.values[rng.uniform(size=d.shape) < 0.3] = np.nan
    weights = xr.DataArray(rng.uniform(0.3, 2.0, size=d.shape), dims=d.dims)
    out = decompose(d, model, weights=weights, uncertainty=kind, peak_index=xr.DataArray(30.0))
    years = d.time.dt.year.values
    for x in range(6):
        use, root = np.isfinite(d.values[:, x]), np.sqrt(weights.values[:, x])
        design = np.stack([model["normalized"], model["I"], np.ones(122)], 1) * root[:, None]
        y = d.values[:, x] * root
        beta, squares, *_ = np.linalg.lstsq(design[use], y[use], rcond=None)
        names = ("linear_rate", "seasonal_coefficient", "intercept")
        np.testing.assert_allclose([float(out[name][x]) for name in names], beta, rtol=1e-8)
        if kind == "formal":
            spread = np.sqrt(squares[0] / (use.sum() - 3) * np.diag(np.linalg.inv(design[use].T @ design[use])))
        else:
            keep = [use & (years != year) for year in np.unique(years)]
            left = np.array([np.linalg.lstsq(design[k], y[k], rcond=None)[0] for k in keep])
            spread = np.sqrt(5 / 6 * ((left - beta) ** 2).sum(axis=0)) * stdtrit(5, norm.cdf(1))
        assert float(out.linear_rate_std[x]) == pytest.approx(spread[0], rel=1e-7)
        assert float(out.seasonal_amplitude_std[x]) == pytest.approx(30 * spread[1], rel=1e-7)


def at_master(model):
    """The acquisition nearest to the paper's master, 31 August 2018."""
    return model["I"].time.sel(time="2018-08-31", method="nearest").values


def test_missing_intercept_turns_the_rate_around(model):
    """Trap T1: the printed Eq. 7 on displacement relative to the master date."""
    d = displacement(model)
    d = (d - d.sel(time=at_master(model))).assign_attrs(units="mm")
    literal = decompose(d, model, intercept="none")
    assert float(literal.linear_rate) == pytest.approx(5.01, abs=0.06)
    assert float(literal.seasonal_coefficient) == pytest.approx(-0.491, abs=0.006)
    for option in ({"intercept": "estimate"}, {"intercept": "reference", "reference_date": at_master(model)}):
        out = decompose(d, model, **option)
        assert float(out.linear_rate) == pytest.approx(RATE, abs=1e-9)
        assert float(out.seasonal_coefficient) == pytest.approx(COEFFICIENT, abs=1e-9)
        fitted = pecm.forward(out, model["normalized"], model["I"])
        np.testing.assert_allclose(fitted, d, atol=1e-9)


@pytest.mark.parametrize(
    ("linear", "rate", "coefficient", "rms"), [("printed", -4.979, -0.861, 0.57), ("calendar", -4.999, -0.851, 0.61)]
)
def test_other_linear_indices_cost_little(model, linear, rate, coefficient, rms):
    """Traps T2 and T5."""
    out = decompose(displacement(model), model, linear)
    assert float(out.linear_rate) == pytest.approx(rate, abs=2e-3)
    assert float(out.seasonal_coefficient) == pytest.approx(coefficient, abs=2e-3)
    assert float(out.rms) == pytest.approx(rms, abs=0.01)


def test_oracle_uncertainty_of_the_sinusoid(rng):
    """Least squares by hand; the amplitude's slopes along both coefficients by finite differences."""
    days = np.sort(rng.choice(1500, 90, replace=False))
    t = (days - days[0]) / 365.25
    design = np.stack([t, np.sin(2 * np.pi * t), np.cos(2 * np.pi * t), np.ones_like(t)], axis=1)
    noisy = design @ [-5.0, 6.0, -2.0, 3.0] + rng.normal(0, 2, 90)
    dates = np.datetime64("2014-01-01", "ns") + days * np.timedelta64(1, "D")
    out = pecm.sinusoid(series(noisy, "mm", dates).rename("displacement"))
    found, squares = np.linalg.lstsq(design, noisy)[:2]
    covariance = squares[0] / 86 * np.linalg.inv(design.T @ design)

    def swing(a, b):
        return 2 * np.hypot(a, b)

    _, a, b, _ = found
    slopes = np.array([swing(a + 1e-6, b) - swing(a - 1e-6, b), swing(a, b + 1e-6) - swing(a, b - 1e-6)]) / 2e-6
    spread = np.sqrt(slopes @ covariance[1:3, 1:3] @ slopes)
    expected = [found[0], np.sqrt(covariance[0, 0]), swing(a, b), spread]
    names = ("linear_rate", "linear_rate_std", "seasonal_amplitude", "seasonal_amplitude_std")
    np.testing.assert_allclose([out[name].item() for name in names], expected, rtol=1e-6)


def test_sinusoid_misses_the_shape(model):
    """The years of case A have 365 days: its dates are stretched to real ones."""
    d = displacement(model)
    elapsed = (d.time.values - d.time.values[0]) / np.timedelta64(1, "ns") * 365.25 / 365
    d = d.assign_coords(time=d.time.values[0] + elapsed.astype("m8[ns]"))
    out = pecm.sinusoid(d)
    assert float(out.linear_rate) == pytest.approx(-4.956, abs=2e-3)
    assert float(out.seasonal_amplitude) == pytest.approx(27.71, abs=0.01)
    assert float(out.rms) == pytest.approx(2.54, abs=0.01)


@pytest.mark.parametrize(
    ("ratio", "rate", "amplitude", "rms"),
    [(0.7, -4.912, 25.27, 2.2), (1.0, -4.936, 25.26, 1.1), (2.0, -5.084, 24.69, 1.0), (2.8, -5.139, 24.20, 1.9)],
)
def test_wrong_conductivity_ratio_is_second_order(model, ratio, rate, amplitude, rms):
    at, af, _, _ = degree_days(CASE_A, 6)
    days = ((model["I"].time - np.datetime64("2014-01-01")) / np.timedelta64(1, "D")).values.astype(int)
    wrong = index(at[days], af[days], ratio).assign_coords(time=model["I"].time)
    peak = xr.DataArray(np.sqrt(982.740693))
    out = pecm.fit(displacement(model), model["normalized"], wrong, peak_index=peak, uncertainty="formal")
    assert float(out.linear_rate) == pytest.approx(rate, abs=2e-3)
    assert float(out.seasonal_amplitude) == pytest.approx(amplitude, abs=0.01)
    assert float(out.rms) == pytest.approx(rms, abs=0.06)


def noisy(model, rng, pixels=3000, sigma=3.0):
    return (
        displacement(model) + sigma * xr.DataArray(rng.normal(size=(122, pixels)), dims=("time", "x"))
    ).assign_attrs(units="mm")


def test_formal_uncertainty_at_3_mm_noise(model, rng):
    out = decompose(noisy(model, rng), model)
    assert float(out.linear_rate_std.mean()) == pytest.approx(0.18, abs=0.01)
    peak = out.seasonal_amplitude_std.mean() / (out.seasonal_amplitude / abs(out.seasonal_coefficient)).mean()
    assert float(peak) == pytest.approx(0.022, abs=0.002)
    assert float(out.linear_rate.std()) == pytest.approx(0.19, abs=0.01)
    covered = (abs(out.linear_rate - RATE) <= out.linear_rate_std).mean()
    assert float(covered) == pytest.approx(0.683, abs=0.03)


def test_referencing_inherits_the_noise_of_its_date(model, rng):
    """Trap T1: unbiased, but its formal uncertainty is several times too small."""
    out = decompose(noisy(model, rng), model, intercept="reference", reference_date=at_master(model))
    assert float(out.linear_rate.mean()) == pytest.approx(RATE, abs=0.05)
    assert float(out.linear_rate.std()) == pytest.approx(0.34, abs=0.02)
    assert float(out.seasonal_coefficient.std()) == pytest.approx(0.109, abs=0.006)
    peak = out.seasonal_amplitude / abs(out.seasonal_coefficient)
    assert float((out.seasonal_amplitude_std / peak).mean()) == pytest.approx(0.016, abs=0.002)


def test_year_block_sees_amplitudes_that_vary_between_years(model, rng):
    years, pixels = model["I"].time.dt.year - 2014, 2000
    factor = xr.DataArray(rng.normal(1.0, 0.15, size=(6, pixels)), dims=("year", "x"))
    d = RATE * model["normalized"] + COEFFICIENT * model["I"] * factor.isel(year=years)
    d = (d + xr.DataArray(rng.normal(size=(122, pixels)), dims=("time", "x"))).assign_attrs(units="mm")
    covered = {}
    for uncertainty in ("formal", "year_block"):
        out = decompose(d, model, uncertainty=uncertainty)
        peak = out.seasonal_amplitude / abs(out.seasonal_coefficient)
        covered[uncertainty] = float(
            (abs(out.seasonal_amplitude + COEFFICIENT * peak) <= out.seasonal_amplitude_std).mean()
        )
    assert covered["formal"] < 0.5
    assert 0.55 < covered["year_block"] < 0.8


def test_weights_silence_a_bad_date(model):
    d = displacement(model)
    d[50] += 500.0
    weights = xr.ones_like(d)
    weights[50] = 0.0
    assert float(decompose(d, model, weights=weights).linear_rate) == pytest.approx(RATE, abs=1e-9)
    assert abs(float(decompose(d, model).linear_rate) - RATE) > 0.5


# interferograms


def test_direct_fit_survives_a_network_in_two_groups():
    """Eight dates in the groups {0, 1, 2} and {3, ..., 7}: a minimum-norm series is wrong, the direct fit exact."""
    dates = pd.date_range("2015-05-01", periods=8, freq="90D")
    linear, composite = series(np.linspace(0, 2, 8), "1", dates), series([3, 20, 28, 5, 0, 9, 30, 2], "1", dates)
    truth = RATE * linear + COEFFICIENT * composite
    edges = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (4, 6), (5, 6), (5, 7), (6, 7)]
    first, second = (np.array(side) for side in zip(*edges, strict=True))
    observed = xr.DataArray(
        truth.values[second] - truth.values[first],
        {"reference": ("pair", dates[first]), "secondary": ("pair", dates[second])},
        ("pair",),
        attrs={"units": "mm"},
    )
    matrix = np.zeros((len(edges), 8))
    matrix[np.arange(len(edges)), second], matrix[np.arange(len(edges)), first] = 1.0, -1.0
    assert np.linalg.matrix_rank(matrix) == 6
    minimum_norm = np.linalg.pinv(matrix[:, 1:]) @ observed.values
    assert abs(minimum_norm[2] - (truth[3] - truth[0])) > 5.0
    out = pecm.fit_pairs(observed, linear, composite, min_dates=5, uncertainty="formal")
    assert float(out.linear_rate) == pytest.approx(RATE, abs=1e-9)
    assert float(out.seasonal_coefficient) == pytest.approx(COEFFICIENT, abs=1e-9)
    assert float(out.seasonal_amplitude) == pytest.approx(0.8 * (28 + 30 + 2) / 3, abs=1e-9)  # of three calendar years
    with pytest.raises(QtpDataError, match="lacks dates of the pairs"):
        pecm.fit_pairs(observed, linear[1:], composite[1:])


# reasons


def test_reasons_and_missing_dates(model):
    """P09: collinear indices are code 3. P13: no temperature under a valid phase is code 5."""
    d = displacement(model).expand_dims(x=9).transpose("time", "x").copy()
    linear, composite = (model[k].expand_dims(x=9).transpose("time", "x").copy() for k in ("normalized", "I"))
    d[:60, 0] = np.nan  # half the dates
    d[9:, 1] = np.nan  # nine dates
    d[:, 2] = np.nan  # nothing
    composite[:, 3] = np.nan  # no temperature
    composite[:, 4] = 0.0  # never thaws
    composite[:, 5] = linear[:, 5]  # collinear
    d[100, 6] = np.nan  # one date
    upstream = xr.DataArray(np.array([0, 0, 0, 0, 0, 0, 0, 2, 6], "u1"), dims="x")
    out = pecm.fit(d, linear, composite, uncertainty="formal", upstream_reason=upstream)
    assert out.reason.values.tolist() == [0, 4, 7, 5, 1, 3, 0, 2, 6]
    assert out.reason.dtype == np.uint8
    valid = out.reason == 0
    np.testing.assert_allclose(out.linear_rate.where(valid, drop=True), RATE, atol=1e-9)
    for name in set(out.data_vars) - {"reason"}:
        np.testing.assert_array_equal(np.isfinite(out[name]), valid, err_msg=name)
    referenced = pecm.fit(
        d, linear, composite, uncertainty="formal", intercept="reference", reference_date=d.time.values[100]
    )
    assert referenced.reason.values.tolist() == [0, 6, 7, 5, 1, 3, 6, 0, 0]


def test_one_thaw_season_alone_is_ill_conditioned():
    dates = pd.date_range("2018-05-11", "2018-10-09", freq="12D")
    linear = linear_at(dates)
    composite = series(31.0 * linear - 124.0, "1", dates)
    d = series(-5.0 * linear, "mm", dates)
    out = pecm.fit(d, linear, composite, uncertainty="formal")
    assert int(out.reason) == 3


def test_errors_name_what_to_mend(model):
    d = displacement(model)
    with pytest.raises(QtpDataError, match="differ in dates"):
        pecm.fit(d, model["normalized"][1:], model["I"])
    with pytest.raises(QtpDataError, match="estimate, reference, none"):
        pecm.fit(d, model["normalized"], model["I"], intercept="yes")
    with pytest.raises(QtpDataError, match="formal"):
        pecm.fit(d, model["normalized"], model["I"], uncertainty="exact")
    with pytest.raises(QtpDataError, match="three calendar years"):
        pecm.fit(d[:9], model["normalized"][:9], model["I"][:9])
    with pytest.raises(QtpDataError, match="reference date"):
        pecm.fit(d, model["normalized"], model["I"], intercept="reference")
    with pytest.raises(QtpDataError, match="wrong unit"):
        pecm.fit(d.assign_attrs(units="m"), model["normalized"], model["I"])
    twice = [0, *range(121)]
    with pytest.raises(QtpDataError, match="repeats dates"):
        pecm.fit(d[twice], model["normalized"][twice], model["I"][twice])
    with pytest.raises(QtpDataError, match="thaw_normalized, printed, calendar"):
        linear_at(["2014-01-01"], form="T")
    with pytest.raises(QtpDataError, match="together"):
        index([1.0], [1.0], 1.0, addt_end=series([1.0], "degC d", [2014], "thaw_year"))
    with pytest.raises(QtpDataError, match="physical range"):
        index([-1.0], [1.0], 1.0)


# property


@settings(max_examples=30, deadline=None)
@given(at=st.floats(0, 5000), af=st.floats(0, 5000), more=st.floats(0, 500), ratio=st.floats(0.2, 5))
def test_composite_index_is_never_negative_and_monotone(at, af, more, ratio):
    values = index([at, at + more, at], [af, af, af + more], ratio).values
    assert (values >= 0).all()
    assert values[1] >= values[0] >= values[2]


@settings(max_examples=20, deadline=None)
@given(thaw=st.floats(60, 200), length=st.floats(10, 300))
def test_linear_index_rises_by_one_a_year(thaw, length):
    dates = pd.date_range("2013-01-01", "2018-12-31", freq="12D")
    values = linear_at(dates, thaw, thaw + length).values
    assert (np.diff(values) >= -1e-12).all()
    full = linear_at(["2014-05-01", "2015-05-01", "2018-05-01"], thaw, thaw + length).values
    np.testing.assert_allclose(np.diff(full), [1, 3], atol=2.0 / length)


# lazy


def scene(model, rng):
    coords = {"y": [180.0, 90.0, 0.0], "x": [0.0, 90.0, 180.0, 270.0]}
    template = xr.DataArray(np.ones((3, 4)), coords, ("y", "x")).rio.write_crs(32646)
    linear, composite = model["normalized"] * template, model["I"] * template
    d = (displacement(model) * template + rng.normal(size=(122, 3, 4))).assign_attrs(units="mm")
    d[5:20, 1, 1] = np.nan
    return d.rename("displacement"), linear.rename("linear"), composite.rename("composite")


def test_whole_model_stays_lazy(model, rng, no_compute):
    d, linear, composite = scene(model, rng)
    chunk = {"y": 2, "x": 3}
    arrays = [a.chunk(chunk) for a in (d, linear, composite)]
    with no_compute():
        fitted = pecm.fit(*arrays)
        again = pecm.forward(fitted, *arrays[1:])
        wave = pecm.sinusoid(arrays[0])
    assert fitted.linear_rate.chunks == ((2, 1), (3, 1))
    assert fitted.rio.crs.to_epsg() == again.rio.crs.to_epsg() == wave.rio.crs.to_epsg() == 32646
    xr.testing.assert_allclose(fitted.compute(), pecm.fit(d, linear, composite))
    xr.testing.assert_allclose(wave.compute(), pecm.sinusoid(d))
    xr.testing.assert_allclose(again.compute(), pecm.forward(fitted.compute(), linear, composite))


def test_indices_stay_lazy(no_compute):
    dates = pd.date_range("2014-10-01", "2016-10-01", freq="30D")
    at, af, first, last = degree_days(CASE_B, 2)
    layers = np.linspace(0.9, 1.1, 12).reshape(3, 4)
    days = np.arange(len(dates)) * 30 + 273
    template = xr.DataArray(layers, dims=("y", "x"))
    addt, addf = ((series(a[days], "degC d", dates) * template).assign_attrs(units="degC d") for a in (at, af))
    years = [2014, 2015, 2016]
    ends = [(series([a[first + 364]] * 3, "degC d", years, "thaw_year") * template) for a in (at, af)]
    ends = [end.assign_attrs(units="degC d") for end in ends]
    number = (1 + xr.DataArray((days - first) // 365, {"time": dates}, ("time",)) + 0 * template).astype("i2")
    onset, freeze = ((value + 3 * template).assign_attrs(units="day of year") for value in (first + 1, last + 1))
    arrays = [addt, addf, 1.4 * template, *ends, number, onset, freeze]

    def run(*arrays):
        addt, addf, ratio, end_t, end_f, number, onset, freeze = arrays
        closed = pecm.composite_index(addt, addf, ratio, addt_end=end_t, addf_end=end_f, permafrost_year=number)
        return xr.Dataset(
            {
                "closed": closed,
                "clipped": pecm.composite_index(addt, addf, ratio),
                "linear": pecm.linear_index(dates, onset, freeze),
                "peak": pecm.amplitude_factor(end_t),
            }
        )

    with no_compute():
        lazy = run(*[a.chunk(y=2, x=3) for a in arrays])
    assert all(da.chunks is not None for da in lazy.data_vars.values())
    eager = run(*arrays)
    assert eager.closed.dims == eager.linear.dims == ("time", "y", "x")
    xr.testing.assert_allclose(lazy.compute(), eager)


def test_closed_form_defaults_are_the_promised_ones():
    assert defaults(pecm) == {
        "common_error": {"min_dates": 10},
        "compare": {"min_dates": 30, "leave_out": "years"},
        "composite_index": {"close": "adjust", "clip": "frozen"},
        "fit_variants": {"without_intercept": ""},
        "median_change": {"above": 5.0},
        "fit": {
            "intercept": "estimate",
            "uncertainty": "year_block",
            "draws": 200,
            "seed": 0,
            "min_dates": 10,
            "max_condition": 10000.0,
        },
        "fit_pairs": {
            "uncertainty": "year_block",
            "blocks": "reference",
            "draws": 200,
            "seed": 0,
            "min_dates": 10,
            "max_condition": 10000.0,
        },
        "fit_tracks": {
            "uncertainty": "year_block",
            "min_dates": 10,
            "max_condition": 10000.0,
            "max_dilution": 5.0,
        },
        "candidates": {"yearly": False},
        "fit_years": {
            "losses": "found",
            "loss_share": 0.1,
            "loss_size": 40.0,
            "spread": "free",
            "toward": "trend",
            "onsets": "mean",
            "uncertainty": "correlated",
            "min_dates": 30,
            "min_dates_of_year": 3,
            "min_dates_of_thaw": 0,
            "max_condition": 10000.0,
            "max_inflation": 100.0,
        },
        "indices": {"form": "thaw_normalized", "close": "adjust", "clip": "frozen"},
        "late_season_index": {"share": 1.0 / 3.0},
        "linear_index": {"form": "thaw_normalized"},
        "sinusoid": {"min_dates": 10, "max_condition": 10000.0},
    }


def test_strangers_are_refused(model):
    sums, ends = series([1.0, 2.0], "degC d"), series([9.0, 8.0], "degC d", [2014, 2015], "thaw_year")
    refuse_strangers(
        pecm.composite_index,
        {"addt": sums, "addf": sums, "conductivity_ratio": 1.4},
        units="addt addf",
        dims="addt addf",
    )
    both = {"addt_end": ends, "addf_end": ends, "conductivity_ratio": 1.4}
    refuse_strangers(pecm.closing_ratio, both, units="addt_end addf_end", dims="addt_end addf_end")
    refuse_strangers(pecm.amplitude_factor, {"addt_end": ends}, units="addt_end", dims="addt_end")
    coefficient = xr.DataArray(-0.8, attrs={"units": "mm degC-0.5 d-0.5"})
    yearly = {"seasonal_coefficient": coefficient, "addt_end": ends}
    refuse_strangers(pecm.yearly_amplitude, yearly, units="seasonal_coefficient addt_end", dims="addt_end")
    onsets = {"dates": sums.time.values, "thaw_onset": doy(131.0), "freeze_onset": doy(283.0)}
    refuse_strangers(pecm.linear_index, onsets, units="thaw_onset freeze_onset")
    given = {"displacement": displacement(model), "linear": model["normalized"], "composite": model["I"]}
    refuse_strangers(pecm.fit, given, units="displacement", dims="displacement linear composite")
    refuse_strangers(pecm.sinusoid, {"displacement": given["displacement"]}, units="displacement", dims="displacement")
    pairs = given["displacement"].drop_vars("time").rename(time="pair")
    refuse_strangers(pecm.fit_pairs, given | {"displacement": pairs}, units="displacement", dims="displacement")
    fitted = decompose(given["displacement"], model)
    indices = {"linear": model["normalized"], "composite": model["I"]}
    refuse_strangers(lambda **given: pecm.forward(fitted, **given), indices, dims="linear composite")
    for name in ("addt", "addf"):
        with pytest.raises(QtpDataError, match="range"):
            pecm.composite_index(
                **{"addt": sums, "addf": sums, "conductivity_ratio": 1.4} | {name: -sums.assign_attrs(units="degC d")}
            )


def test_results_say_that_they_are_synthetic(model):
    linear, composite, d = (noted(da) for da in (model["normalized"], model["I"], displacement(model)))
    sums, ends = noted(series([1.0, 2.0], "degC d")), noted(series([9.0, 8.0], "degC d", [2014, 2015], "thaw_year"))
    fitted = pecm.fit(d, linear, composite, uncertainty="formal")
    results = {"linear": pecm.linear_index(sums.time.values, noted(doy(131.0)), noted(doy(283.0))), "fit": fitted}
    results |= {"composite": pecm.composite_index(sums, sums, 1.4), "closing": pecm.closing_ratio(ends, ends, 1.4)}
    results |= {"factor": pecm.amplitude_factor(ends), "sinusoid": pecm.sinusoid(d)}
    results |= {"yearly": pecm.yearly_amplitude(fitted.seasonal_coefficient, ends)}
    results |= {"forward": pecm.forward(fitted, linear, composite)}
    assert without_note(**results) == []
