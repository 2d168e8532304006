"""Both indices on the fine grid from temperature on the coarse one; options by the letter; awkward seasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pecm_cases import CASE_A, COEFFICIENT, RATE, degree_days, displacement, doy, index, series, six_years

from qtp_toolkit import grid, pecm
from qtp_toolkit.conventions import QtpDataError

DATES = pd.date_range("2015-02-01", "2017-12-20", periods=40).floor("D")
YEARS = [2015, 2016, 2017]


def raster(values, step, corner=0.0, **extra):
    """Square pixels of ``step`` m, y downward, the upper left corner ``corner`` m inside that of the area."""
    ny, nx = values.shape[-2:]
    coords = {"y": 9000.0 - corner - step * (np.arange(ny) + 0.5), "x": corner + step * (np.arange(nx) + 0.5)}
    lead = [dim for dim in extra if dim != "units"]
    coords |= {dim: extra[dim] for dim in lead}
    attrs = {"units": extra["units"]} if "units" in extra else {}
    return xr.DataArray(values, coords, (*lead, "y", "x"), attrs=attrs).rio.write_crs(32646)


@pytest.fixture
def seasons(rng):
    """Seasons of 5 x 6 coarse pixels: one without temperature, one that thaws later than the first date."""
    shape = (5, 6)
    number = np.clip(DATES.year - 2014, 1, 3).to_numpy()[:, None, None] * np.ones((1, *shape), int)
    addt, addf = rng.uniform(0, 1000, (2, 40, *shape))
    ends = rng.uniform(400, 1200, (2, 3, *shape))
    thaw, freeze = 130 + rng.uniform(-9, 9, shape), 280 + rng.uniform(-9, 9, shape)
    ends[1, 2] = np.nan  # the last freeze season is cut off
    for a in (addt, addf, ends[0], ends[1], thaw, freeze):
        a[..., 1, 2] = np.nan
    addt[:6, 3, 3] = addf[:6, 3, 3] = np.nan
    number[:6, 3, 3] = number[:, 1, 2] = 0
    reason = np.zeros(shape, np.uint8)
    reason[1, 2] = 1
    out = {
        "addt": raster(addt, 1000.0, time=DATES, units="degC d"),
        "addf": raster(addf, 1000.0, time=DATES, units="degC d"),
        "permafrost_year": raster(number.astype("i2"), 1000.0, time=DATES),
        "addt_end": raster(ends[0], 1000.0, thaw_year=YEARS, units="degC d"),
        "addf_end": raster(ends[1], 1000.0, thaw_year=YEARS, units="degC d"),
        "thaw_onset_mean": raster(thaw, 1000.0, units="day of year"),
        "freeze_onset_mean": raster(freeze, 1000.0, units="day of year"),
        "reason": raster(reason, 1000.0),
    }
    return xr.Dataset(out)


@pytest.fixture
def ratio(rng):
    return raster(rng.uniform(0.6, 1.6, (14, 17)), 330.0, corner=120.0, units="1")


def by_steps(seasons, ratio, *, form="thaw_normalized", **options):
    """Every input on the fine grid first, then the two indices."""
    names = ["addt", "addf", "addt_end", "addf_end", "thaw_onset_mean", "freeze_onset_mean"]
    fine, number = grid.match(seasons[names], ratio), grid.match(seasons["permafrost_year"], ratio)
    ends = {"addt_end": fine["addt_end"], "addf_end": fine["addf_end"], "permafrost_year": number}
    linear = pecm.linear_index(DATES, fine["thaw_onset_mean"], fine["freeze_onset_mean"], form=form)
    return linear, pecm.composite_index(fine["addt"], fine["addf"], ratio, **ends, **options), fine


# on the fine grid


@pytest.mark.parametrize(
    "options", [{}, {"form": "printed", "close": "none"}, {"form": "calendar", "clip": "none"}, {"clip": "printed"}]
)
def test_indices_are_those_of_matched_inputs(seasons, ratio, options):
    out = pecm.indices(seasons, ratio, **options)
    linear, composite, fine = by_steps(seasons, ratio, **options)
    assert out["linear_index"].dims == out["composite_index"].dims == ("time", "y", "x")
    np.testing.assert_allclose(out["linear_index"], linear, rtol=1e-12)
    np.testing.assert_allclose(out["composite_index"], composite, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(out["peak_index"], pecm.amplitude_factor(fine["addt_end"]), rtol=1e-12)
    assert out["composite_index"].attrs["units"] == "degC0.5 d0.5"
    assert out.rio.crs.to_epsg() == 32646
    np.testing.assert_array_equal(out["reason"], grid.match(seasons["reason"], ratio))


def test_indices_stay_lazy_in_the_chunks_of_the_fine_grid(seasons, ratio, no_compute):
    eager = pecm.indices(seasons, ratio)
    like = xr.zeros_like(ratio).expand_dims(time=DATES).chunk(time=-1, y=5, x=8)
    with no_compute():
        lazy = pecm.indices(seasons, ratio, like=like)
        source = pecm.indices(seasons.chunk(time=7, y=2, x=3, thaw_year=1), ratio.chunk(y=5, x=8))
        moved = (-0.8 * lazy["composite_index"]).assign_attrs(units="mm")
        pecm.fit(moved, lazy["linear_index"], lazy["composite_index"], peak_index=lazy["peak_index"])
    assert lazy["composite_index"].chunks == ((40,), (5, 5, 4), (8, 8, 1)) == source["composite_index"].chunks
    assert all(da.chunks is not None for da in lazy.data_vars.values())
    for one in (lazy, source):
        xr.testing.assert_allclose(one.compute(), eager)


def test_indices_of_chosen_dates_and_of_a_single_ratio(seasons, ratio):
    few = pecm.indices(seasons, 1.2, like=ratio, dates=DATES[[3, 20]])
    assert few.sizes["time"] == 2
    whole = pecm.indices(seasons, 1.2 + 0 * ratio)
    np.testing.assert_allclose(few["composite_index"], whole["composite_index"].isel(time=[3, 20]))
    narrow = pecm.indices(seasons.assign({n: seasons[n].astype("f4") for n in ("addt", "addf")}), ratio)
    assert narrow["composite_index"].dtype == np.float32


def test_outside_the_temperature_grid_is_nan(seasons):
    far = raster(np.ones((4, 4)), 330.0, corner=20_000.0, units="1")
    out = pecm.indices(seasons, far)
    assert np.isnan(out["composite_index"]).all()
    assert np.isnan(out["linear_index"]).all()
    assert (out["reason"] == 5).all()


def test_wrong_seasons_are_refused(seasons, ratio):
    with pytest.raises(QtpDataError, match="addf_end"):
        pecm.indices(seasons.drop_vars("addf_end"), ratio)
    with pytest.raises(QtpDataError, match="lacks 1 dates"):
        pecm.indices(seasons, ratio, dates=["2020-01-01"])
    with pytest.raises(QtpDataError, match="no grid"):
        pecm.indices(seasons, 1.4)
    with pytest.raises(QtpDataError, match="conductivity_ratio is not on the grid"):
        pecm.indices(seasons, ratio, like=ratio.assign_coords(x=ratio.x + 5))
    with pytest.raises(QtpDataError, match="frozen, printed, none"):
        pecm.indices(seasons, ratio, clip="text")
    with pytest.raises(QtpDataError, match="adjust, none"):
        pecm.indices(seasons, ratio, close="always")


# by the letter


@pytest.mark.parametrize(
    ("clip", "expected"),
    [("frozen", [10.0928, 0, 0]), ("none", [10.0928, -6.1978, -18.9347]), ("printed", [0, -6.1978, -18.9347])],
)
def test_clip_by_the_letter_keeps_what_is_frozen_in_excess(clip, expected):
    """Trap T3: the text zeroes what is positive."""
    at, af, first, _ = degree_days(CASE_A)
    days = first + np.array([30, 250, 300])
    np.testing.assert_allclose(index(at[days], af[days], 1.4, clip=clip), expected, atol=5e-5)


def test_a_bare_ratio_is_had_by_squaring():
    np.testing.assert_allclose(index([900.0], [400.0], 0.7**2), 30 - 0.7 * 20)


# awkward seasons


def test_incomplete_first_and_last_year():
    """P05: before the first thaw L is 0 and I unknown; a last cycle without its end keeps the given ratio."""
    dates = pd.to_datetime(["2013-02-01", "2013-05-01", "2013-06-01", "2014-12-20"])
    linear = pecm.linear_index(dates, doy(131.0), doy(283.0))
    assert linear.values[:2].tolist() == [0.0, 0.0]
    assert linear.values[3] == 2.0
    ends = [
        series([900.0, 950.0], "degC d", [2013, 2014], "thaw_year"),
        series([np.nan, np.nan], "degC d", [2013, 2014], "thaw_year"),
    ]
    number = xr.DataArray([0, 0, 1, 2], {"time": dates}, ("time",))
    at, af = (
        series([np.nan, np.nan, 100.0, 950.0], "degC d", dates),
        series([np.nan, np.nan, 0, 100.0], "degC d", dates),
    )
    out = pecm.composite_index(at, af, 1.44, addt_end=ends[0], addf_end=ends[1], permafrost_year=number)
    np.testing.assert_allclose(out, [np.nan, np.nan, 10.0, np.sqrt(950) - 12.0])
    model = six_years()
    unknown = model["I"].where(model["I"].time > np.datetime64("2015-05-01"))
    fitted = pecm.fit(displacement(model), model["normalized"], unknown)
    assert int(fitted.reason) == 0
    assert float(fitted.linear_rate) == pytest.approx(RATE, abs=1e-9)


def test_cycles_that_freeze_too_much_or_too_little(seasons, ratio):
    """P06: over-frozen ground rests at 0; under-frozen cycles are closed, counted, and their ratio is a layer."""
    assert index([400.0], [2500.0], 1.4).item() == 0.0
    seasons["addt_end"][:], seasons["addf_end"][:] = 900.0, 100.0
    seasons["addf_end"][0], seasons["addf_end"][2] = 2500.0, np.nan
    out = pecm.indices(seasons, xr.full_like(ratio, 1.4))
    assert (out["cycles_adjusted"] == 1).all()
    np.testing.assert_allclose(out["adjusted_ratio"], 9.0)
    seasons["addf_end"][1] = 2500.0
    out = pecm.indices(seasons, xr.full_like(ratio, 1.4))
    assert (out["cycles_adjusted"] == 0).all()
    assert np.isnan(out["adjusted_ratio"]).all()


@pytest.mark.parametrize("at", [0.0, 1e-300, 1e-12, -1e-12])
@pytest.mark.parametrize("af", [0.0, 1e-12, -1e-12])
def test_sums_that_are_nearly_nothing(at, af):
    """P07: no root of a negative number and no warning where the sums vanish or rounding puts them below zero."""
    assert 0.0 <= index([at], [af], 1.0).item() <= 1e-6
    ends = [series([value], "degC d", [2014], "thaw_year") for value in (at, af)]
    assert np.isfinite(pecm.closing_ratio(*ends, 1.0).conductivity_ratio.item()) or af <= 0.0


def test_acquisition_on_the_day_of_an_onset():
    """P11: at the onset itself both readings of the season agree, and nothing is NaN."""
    onset = pd.Timestamp("2015-01-01") + pd.Timedelta(days=130)
    turn = pd.Timestamp("2015-01-01") + pd.Timedelta(days=282)
    eps = pd.Timedelta("1min")
    dates = [onset - eps, onset, onset + eps, turn - eps, turn, turn + eps]
    linear = pecm.linear_index(pd.DatetimeIndex(dates), doy(131.0), doy(283.0), first_year=2014)
    np.testing.assert_allclose(linear, [1, 1, 1, 2, 2, 2], atol=1e-5)
    at, af, first, last = degree_days(CASE_A)
    values = index(at[[first, last]], af[[first, last]], 1.4)
    np.testing.assert_allclose(values, [np.sqrt(0.1714), np.sqrt(982.7407)], atol=1e-3)


def test_phase_without_temperature(seasons, ratio):
    """P13: a pixel with displacement but without temperature is NaN with code 5, or with the code of the season."""
    out = pecm.indices(seasons, ratio)
    moved = (-0.8 * out["composite_index"].fillna(3.0) - 5 * out["linear_index"].fillna(1.0)).assign_attrs(units="mm")
    fitted = pecm.fit(moved, out["linear_index"], out["composite_index"])
    unknown = np.isnan(out["linear_index"]).all("time")
    assert unknown.any()
    assert (fitted["reason"].where(unknown, 5) == 5).all()
    assert (fitted["reason"].where(~unknown, 0) == 0).all()
    named = pecm.fit(moved, out["linear_index"], out["composite_index"], upstream_reason=out["reason"])
    assert set(np.unique(named["reason"].where(unknown, 1))) == {1}


def test_neither_thaw_nor_frost():
    """P14: both sums 0 all year give an index of 0 without warnings, and the pixel never thaws."""
    dates = pd.date_range("2014-10-01", "2018-10-01", freq="24D")
    nothing = series(np.zeros(len(dates)), "degC d", dates)
    ends = [series(np.zeros(5), "degC d", range(2014, 2019), "thaw_year") for _ in range(2)]
    number = xr.DataArray(dates.year - 2013, {"time": dates}, ("time",))
    out = pecm.composite_index(nothing, nothing, 1.4, addt_end=ends[0], addf_end=ends[1], permafrost_year=number)
    assert (out == 0).all()
    assert float(pecm.amplitude_factor(ends[0])) == 0.0
    linear = pecm.linear_index(dates, doy(131.0), doy(283.0))
    assert int(pecm.fit(series(-5.0 * linear, "mm", dates), linear, out).reason) == 1


# what errors of the inputs do to the answer


@pytest.mark.parametrize(
    ("offset", "rate", "amplitude", "rms"),
    [(-3, -5.19, 23.63, 3.2), (-1, -5.06, 24.80, 1.1), (1, -4.96, 25.19, 1.0), (3, -4.92, 25.11, 2.7)],
)
def test_biased_temperature_moves_the_coefficient_not_the_amplitude(offset, rate, amplitude, rms):
    model = six_years()
    at, af, first, last = degree_days(CASE_A + offset, 6)
    days = ((model["I"].time - np.datetime64("2014-01-01")) / np.timedelta64(1, "D")).values.astype(int)
    year, phase = (days - first) // 365, (days - first) % 365
    linear = series(year + np.clip(phase / (last - first), 0, 1), "1", model["I"].time.values)
    warm = index(at[days], af[days], 1.4).assign_coords(time=model["I"].time)
    peak = xr.DataArray(np.sqrt(at[first + 364]))
    out = pecm.fit(displacement(model), linear, warm, peak_index=peak, uncertainty="formal")
    assert float(out.linear_rate) == pytest.approx(rate, abs=0.01)
    assert float(out.seasonal_amplitude) == pytest.approx(amplitude, abs=0.01)
    assert float(out.rms) == pytest.approx(rms, abs=0.06)
    assert (
        float(out.seasonal_coefficient) < COEFFICIENT if offset < 0 else float(out.seasonal_coefficient) > COEFFICIENT
    )


def test_steady_motion_leaks_into_the_amplitude():
    """L rises in the thaw season only: a steady rate of -1 mm/yr takes some 0.3 mm off the amplitude, exactly none
    where the rate is taken in calendar time."""
    model = six_years()
    moved = (-1.0 * model["calendar"] + COEFFICIENT * model["I"]).assign_attrs(units="mm")
    peak = xr.DataArray(np.sqrt(982.740693))
    thaw = pecm.fit(moved, model["normalized"], model["I"], peak_index=peak, uncertainty="formal")
    steady = pecm.fit(moved, model["calendar"], model["I"], peak_index=peak, uncertainty="formal")
    assert -0.45 < float(thaw.seasonal_amplitude) - 25.078956 < -0.2
    assert float(steady.seasonal_amplitude) == pytest.approx(25.078956, abs=1e-6)


# property


@settings(max_examples=15, deadline=None)
@given(rate=st.floats(-40, 40), coefficient=st.floats(-3, 3), constant=st.floats(-200, 200), gap=st.integers(0, 60))
def test_fit_undoes_forward(rate, coefficient, constant, gap):
    model = six_years()
    truth = {"linear_rate": rate, "seasonal_coefficient": coefficient, "intercept": constant}
    truth = xr.Dataset({name: xr.DataArray(value) for name, value in truth.items()})
    moved = pecm.forward(truth, model["normalized"], model["I"])
    moved[gap : gap + 30] = np.nan
    out = pecm.fit(moved, model["normalized"], model["I"], uncertainty="formal")
    for name, value in truth.items():
        assert float(out[name]) == pytest.approx(float(value), abs=1e-7)


def test_linear_index_counts_from_the_earliest_date():
    """Whatever the order of the dates."""
    thaw, freeze = (xr.DataArray(day, attrs={"units": "day of year"}) for day in (100.0, 200.0))
    there = pecm.linear_index(["2015-05-30", "2017-05-30"], thaw, freeze)
    back = pecm.linear_index(["2017-05-30", "2015-05-30"], thaw, freeze)
    np.testing.assert_allclose(there, [0.5, 2.5])
    np.testing.assert_array_equal(back[::-1], there)


def test_a_ratio_whose_coordinates_are_rounded_otherwise(seasons):
    """I05: by a micrometer it is on the grid of ``like``, by half a pixel it is not."""
    like = raster(np.ones((8, 8)), 500.0, corner=1000.0)
    ratio = like.assign_coords(x=like["x"] + 1e-6) * 1.2
    xr.testing.assert_identical(pecm.indices(seasons, ratio, like=like), pecm.indices(seasons, like * 1.2, like=like))
    with pytest.raises(QtpDataError, match="pixels"):
        pecm.indices(seasons, like.assign_coords(x=like["x"] + 250.0), like=like)
