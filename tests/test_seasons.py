"""Onsets and degree days against closed forms of a sinusoidal year."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from qtp_toolkit import seasons
from qtp_toolkit.conventions import QtpDataError

COMMON_YEARS = pd.date_range("2017-01-01", "2019-12-31")
DOY = np.arange(1, 366)


def case(mean=-3.5, amplitude=13.5):
    """Case A (default) and B: a sinusoidal year of 365 days; zero crossings of A at day 130.234810 and 282.265190."""
    return mean + amplitude * np.sin(2 * np.pi * (DOY - 115) / 365)


def series(values, days=None, **coords):
    values = np.asarray(values, dtype=float)
    days = pd.date_range("2017-01-01", periods=values.shape[0]) if days is None else days
    dims = ("time", "x")[: values.ndim]
    return xr.DataArray(values, dims=dims, coords={"time": days, **coords}, name="lst", attrs={"units": "degC"})


def onset(value, name="thaw_onset"):
    return xr.DataArray(value, name=name, attrs={"units": "day of year"})


class TestOnsets:
    NOISY = case() + np.random.default_rng(3).normal(0, 2, 365)

    def find(self, values, **options):
        out = seasons.onsets(series(values), **options)
        return out["thaw_onset_mean"].item(), out["freeze_onset_mean"].item()

    def test_exact_crossings(self):
        thaw, freeze = self.find(case(), period_days=365)
        assert thaw == pytest.approx(130.234810, abs=1e-3)
        assert freeze == pytest.approx(282.265190, abs=1e-3)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"period_days": 365}, (128.23, 281.73)),
            ({"method": "cumulative"}, (124, 282)),
            ({"method": "consecutive", "run_days": 5}, (134, 287)),
            ({"method": "consecutive", "run_days": 10}, (134, 295)),
        ],
    )
    def test_noisy_year(self, options, expected):
        """Known answers are counted from 0, days of year from 1."""
        np.testing.assert_allclose(self.find(self.NOISY, **options), np.add(expected, 1), atol=0.006)

    def test_false_spring_does_not_count(self):
        values = case()
        values[100:103] = 5.0
        thaw, _ = self.find(values)
        assert abs(thaw - 130.2) < 3

    @pytest.mark.parametrize("method", seasons.METHODS)
    def test_reasons(self, method):
        glacier, warm, missing, sparse = case(-20), case(20), np.full(365, np.nan), case()
        sparse[100:300] = np.nan
        out = seasons.onsets(series(np.stack([case(), glacier, warm, missing, sparse], 1)), method=method)
        assert list(out["reason"].values) == [0, 1, 2, 5, 4]
        assert np.isfinite(out["thaw_onset_mean"]).values.tolist() == [True, False, False, False, False]
        assert out["reason"].dtype == np.uint8
        assert out["years"].values.tolist() == [1, 0, 0, 0, 0]

    def test_mean_and_spread_over_years(self):
        shifted = np.concatenate([np.roll(case(), shift) for shift in (-4, 0, 7)])
        out = seasons.onsets(series(shifted), period_days=365)
        np.testing.assert_allclose(out["thaw_onset"], 130.235 + np.array([-4, 0, 7]), atol=0.01)
        assert out["thaw_onset_mean"].item() == pytest.approx(131.235, abs=0.01)
        assert out["thaw_onset_std"].item() == pytest.approx(np.std([-4, 0, 7], ddof=1), abs=0.01)
        assert list(out["thaw_year"].values) == [2017, 2018, 2019]
        assert out["thaw_onset_mean"].attrs["units"] == "day of year"

    def test_years_without_onset_leave_the_mean(self):
        out = seasons.onsets(series(np.concatenate([case(), case(-20)])), period_days=365)
        assert out["thaw_onset_mean"].item() == pytest.approx(130.235, abs=0.01)
        assert out["reason"].item() == 0
        assert out["years"].item() == 1
        assert np.isnan(out["thaw_onset_std"])

    def test_several_crossings_are_flagged(self):
        two = 10 * np.cos(4 * np.pi * (DOY - 100) / 365)
        assert seasons.onsets(series(two))["crossings"].item() == 2
        assert seasons.onsets(series(case()))["crossings"].item() == 1

    def test_freeze_after_the_end_of_the_year(self):
        late = 5 + 10 * np.sin(2 * np.pi * (DOY - 190) / 365)
        _, freeze = self.find(late, period_days=365)
        assert freeze == pytest.approx(190 + 365 / 2 + 365 / 12, abs=0.02)

    def test_leap_year_and_short_years(self):
        days = pd.date_range("2015-12-01", "2017-02-01")
        doy = days.day_of_year.to_numpy()
        values = -3.5 + 13.5 * np.sin(2 * np.pi * (doy - 115) / 365.25)
        out = seasons.onsets(series(values, days))
        assert list(out["thaw_year"].values) == [2016]
        assert out["thaw_onset_mean"].item() == pytest.approx(130.245, abs=0.02)

    def test_refusals(self):
        with pytest.raises(QtpDataError, match="not daily"):
            seasons.onsets(series(case(), pd.date_range("2017-01-01", periods=365, freq="8D")))
        with pytest.raises(QtpDataError, match="unknown method"):
            seasons.onsets(series(case()), method="naive")
        with pytest.raises(QtpDataError, match="long enough"):
            seasons.onsets(series(case()[:100]))


class TestDegreeDays:
    A = (  # days since thaw onset, ADDT, ADDF
        (0, 0.1714, 0.0), (30, 101.8644, 0.0), (120, 883.9486, 0.0), (200, 982.7407, 275.8685),
        (250, 982.7407, 1006.9587), (300, 982.7407, 1806.0137),
    )  # fmt: skip

    def sums(self, values, thaw=130.234810, freeze=282.265190, **options):
        return seasons.degree_days(series(values), onset(thaw), onset(freeze, "freeze_onset"), **options)

    def test_case_a(self):
        out = self.sums(np.tile(case(), 3))
        first = 130
        for day, addt, addf in self.A:
            assert out["addt"][first + day].item() == pytest.approx(addt, abs=6e-5)
            assert out["addf"][first + day].item() == pytest.approx(addf, abs=6e-5)
        np.testing.assert_allclose(out["addt_end"], [982.740693] * 3, atol=5e-7)
        np.testing.assert_allclose(out["addf_end"], [2260.075492, 2260.075492, np.nan], atol=5e-7)
        root = np.sqrt(982.740693), np.sqrt(2260.075492)
        np.testing.assert_allclose(root, (31.348695, 47.540251), atol=1e-6)
        assert out["addt"].attrs["units"] == "degC d"
        assert list(out["thaw_year"].values) == [2017, 2018, 2019]

    def test_case_b(self):
        values = case(1.0, 9.0)
        thaw, freeze = (
            seasons.onsets(series(values), period_days=365)[f"{n}_onset_mean"].item() for n in ("thaw", "freeze")
        )
        out = self.sums(np.tile(values, 2), thaw, freeze)
        assert out["addt_end"][0].item() == pytest.approx(1234.605151, abs=5e-7)
        assert out["addf_end"][0].item() == pytest.approx(869.600220, abs=5e-7)

    def test_cycles(self):
        out = self.sums(np.tile(case(), 3))
        year = out["permafrost_year"]
        assert year.dtype == np.int16
        assert (year[:130] == 0).all()
        assert np.isnan(out["addt"][:130]).all()
        np.testing.assert_array_equal(year[130 : 130 + 365], 1)
        np.testing.assert_array_equal(year[130 + 365 : 130 + 730], 2)
        assert out["addt"][130 + 365].item() == pytest.approx(0.1714, abs=1e-4)
        freezing = out["addt"][283:495]
        assert (freezing == freezing[0]).all()

    def test_dates_select_but_sums_stay_daily(self):
        daily = self.sums(np.tile(case(), 3))
        dates = np.array(["2017-03-01", "2017-08-31", "2018-01-15"], dtype="datetime64[ns]")
        out = self.sums(np.tile(case(), 3), dates=dates)
        for name in ("addt", "addf", "permafrost_year"):
            np.testing.assert_array_equal(out[name], daily[name].sel(time=dates))
        np.testing.assert_array_equal(out["time"], dates)
        with pytest.raises(QtpDataError, match="2020-01-05"):
            self.sums(np.tile(case(), 3), dates=np.array(["2020-01-05"], dtype="datetime64[ns]"))

    def test_missing_day_voids_the_rest_of_its_cycle_only(self):
        values = np.tile(case(), 3)
        values[200] = np.nan
        out = self.sums(values)
        assert np.isfinite(out["addt"][130:200]).all()
        assert np.isnan(out["addt"][200:495]).all()
        assert np.isfinite(out["addt"][495:]).all()
        np.testing.assert_array_equal(np.isfinite(out["addt_end"]), [False, True, True])

    def test_invalid_pixels(self):
        values = np.repeat(np.tile(case(), 2)[:, None], 4, axis=1)
        thaw = xr.DataArray([130.2, np.nan, 250.0, 130.2], dims="x", name="thaw_onset", attrs={"units": "day of year"})
        freeze = xr.DataArray(
            [282.3, 282.3, 200.0, 600.0], dims="x", name="freeze_onset", attrs={"units": "day of year"}
        )
        out = seasons.degree_days(series(values), thaw, freeze)
        assert np.isfinite(out["addt"][200]).values.tolist() == [True, False, False, False]
        assert out["permafrost_year"][200].values.tolist() == [1, 0, 0, 0]

    def test_leap_day_keeps_the_day_of_year(self):
        days = pd.date_range("2015-01-01", "2017-12-31")
        out = seasons.degree_days(series(np.ones(len(days)), days), onset(130.5), onset(280.5, "freeze_onset"))
        first = [str(days[np.flatnonzero(out["permafrost_year"].values == k)[0]].date()) for k in (1, 2, 3)]
        assert first == ["2015-05-11", "2016-05-10", "2017-05-11"]
        np.testing.assert_array_equal(out["addt_end"], 151)

    def test_refusals(self):
        yearly = onset(xr.DataArray([130.0], dims="thaw_year").values[0]).expand_dims(thaw_year=1)
        with pytest.raises(QtpDataError, match="single years"):
            seasons.degree_days(series(case()), yearly, onset(280.0))
        with pytest.raises(QtpDataError, match="wrong unit"):
            seasons.degree_days(series(case()), onset(130.0).assign_attrs(units="d"), onset(280.0))

    @given(shift=st.floats(-3, 3), seed=st.integers(0, 100))
    @settings(max_examples=20, deadline=None)
    def test_monotonic_within_a_season(self, shift, seed):
        values = np.tile(case(), 2) + shift + np.random.default_rng(seed).normal(0, 3, 730)
        out = self.sums(values)
        for k in (1, 2):
            inside = out["permafrost_year"].values == k
            for name in ("addt", "addf"):
                assert (np.diff(out[name].values[inside]) >= -1e-9).all()
                assert (out[name].values[inside] >= 0).all()


class TestAnnual:
    def test_difference_is_the_mean_temperature(self):
        values = np.tile(case(), 3)
        out = seasons.annual_degree_days(series(values))
        np.testing.assert_allclose((out["ddt"] - out["ddf"]) / 365, case().mean())
        assert list(out["year"].values) == [2017, 2018, 2019]
        assert out["ddf"].attrs["units"] == "degC d"

    def test_winter_is_not_cut(self):
        values = np.tile(case(), 3)
        out = seasons.annual_degree_days(series(values), freezing_year="july")
        np.testing.assert_allclose(out["ddf"], [-np.minimum(case(), 0).sum()] * 2 + [np.nan])

    def test_missing_days(self):
        values = case()
        values[:3] = np.nan
        assert np.isnan(seasons.annual_degree_days(series(values))["ddf"]).all()
        out = seasons.annual_degree_days(series(values), max_missing=3)
        assert out["ddf"].item() == pytest.approx(-np.minimum(case()[3:], 0).sum())
        short = seasons.annual_degree_days(series(case()[:300]))
        assert np.isnan(short["ddt"]).all()
        with pytest.raises(QtpDataError, match="freezing year"):
            seasons.annual_degree_days(series(case()), freezing_year="october")

    def test_sums_in_double_precision(self):
        values = np.full((365, 1), 0.1, dtype="f4")
        out = seasons.annual_degree_days(series(case()[:, None]).copy(data=values))
        assert out["ddt"].dtype == np.float64
        assert out["ddt"].item() == pytest.approx(365 * float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize("method", seasons.METHODS)
def test_lazy(method, no_compute, rng):
    days = pd.date_range("2016-01-01", "2018-12-31")
    values = -3.5 + 13.5 * np.sin(2 * np.pi * (days.day_of_year.to_numpy() - 115) / 365.25)
    cube = values[:, None, None] + rng.normal(0, 1, (len(days), 3, 4)) + rng.normal(0, 5, (3, 4))
    da = xr.DataArray(
        cube.astype("f4"), dims=("time", "y", "x"), coords={"time": days}, name="lst", attrs={"units": "degC"}
    )
    dates = days[200::100].values

    def chain(lst):
        onsets = seasons.onsets(lst, method=method)
        sums = seasons.degree_days(lst, onsets["thaw_onset_mean"], onsets["freeze_onset_mean"], dates=dates)
        return onsets, sums, seasons.annual_degree_days(lst)

    with no_compute():
        lazy = chain(da.chunk(y=2, x=3))
    eager = chain(da)
    for a, b in zip(lazy, eager, strict=True):
        assert a.chunks
        assert not b.chunks
        assert all(a[name].dtype == b[name].dtype for name in a)
        xr.testing.assert_allclose(a.compute(scheduler="synchronous"), b)


def test_blocks_do_not_change_sums(monkeypatch, rng):
    da = series(np.tile(case(), 2)[:, None] + rng.normal(0, 2, (730, 9)))
    thaw, freeze = onset(130.2), onset(282.3, "freeze_onset")
    whole = seasons.degree_days(da, thaw, freeze)
    monkeypatch.setattr("qtp_toolkit.kernels.accumulate.BLOCK", 2)
    xr.testing.assert_equal(whole, seasons.degree_days(da, thaw, freeze))


def test_crs_survives():
    import rioxarray  # noqa: F401, PLC0415

    da = series(np.tile(case(), 2)).expand_dims(y=[1.0, 0.0], x=[0.0, 1.0]).transpose("time", "y", "x")
    da = da.rio.write_crs("EPSG:4326")
    onsets = seasons.onsets(da)
    sums = seasons.degree_days(da, onsets["thaw_onset_mean"], onsets["freeze_onset_mean"])
    for ds in (onsets, sums, seasons.annual_degree_days(da)):
        for name in ds:
            assert ds[name].rio.crs.to_epsg() == 4326
