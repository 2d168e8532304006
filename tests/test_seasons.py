"""Onsets and degree days against closed forms of a sinusoidal year."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import defaults, noted, refuse_strangers, without_note

from qtp_toolkit import seasons
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.lst import to_daily

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
        """P03: three warm days in April are no thaw."""
        values = case()
        values[100:103] = 5.0
        thaw, _ = self.find(values)
        assert abs(thaw - 130.2) < 3

    @pytest.mark.parametrize("method", seasons.METHODS)
    def test_reasons(self, method):
        """P01, P02: never thaws and never freezes say so, each year and overall."""
        glacier, warm, missing, sparse = case(-20), case(20), np.full(365, np.nan), case()
        sparse[100:300] = np.nan
        out = seasons.onsets(series(np.stack([case(), glacier, warm, missing, sparse], 1)), method=method)
        assert list(out["reason"].values) == [0, 1, 2, 5, 4]
        assert list(out["reason_of_year"].values[0]) == [0, 1, 2, 5, 4]
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
        """P03: two thaw seasons in a year make the onset ambiguous."""
        two = 10 * np.cos(4 * np.pi * (DOY - 100) / 365)
        assert seasons.onsets(series(two))["crossings"].item() == 2
        assert seasons.onsets(series(case()))["crossings"].item() == 1

    def test_freeze_after_the_end_of_the_year(self):
        late = 5 + 10 * np.sin(2 * np.pi * (DOY - 190) / 365)
        _, freeze = self.find(late, period_days=365)
        assert freeze == pytest.approx(190 + 365 / 2 + 365 / 12, abs=0.02)

    def test_leap_year_and_short_years(self):
        """P10: a leap year is fitted over its own 366 days."""
        days = pd.date_range("2015-12-01", "2017-02-01")
        doy = days.day_of_year.to_numpy()
        values = -3.5 + 13.5 * np.sin(2 * np.pi * (doy - 115) / 365.25)
        out = seasons.onsets(series(values, days))
        assert list(out["thaw_year"].values) == [2016]
        assert out["thaw_onset_mean"].item() == pytest.approx(130.245, abs=0.02)

    def test_refusals(self):
        with pytest.raises(QtpDataError, match="not daily"):
            seasons.onsets(series(case()).isel(time=[*range(100), *range(101, 365)]))
        with pytest.raises(QtpDataError, match="not daily"):
            seasons.onsets(series(case(), pd.date_range("2017-01-01", periods=365, freq="41D")))
        with pytest.raises(QtpDataError, match="not daily"):
            seasons.annual_degree_days(series(case(), pd.date_range("2017-01-01", periods=365, freq="8D")))
        with pytest.raises(QtpDataError, match="not daily") as found:  # M23: unsorted times
            seasons.onsets(series(case(), pd.date_range("2017-01-01", periods=365)[::-1]))
        assert found.value.code == "M23"
        with pytest.raises(QtpDataError, match="not datetime64") as found:  # M24: days of the year as times
            seasons.onsets(series(case(), DOY))
        assert found.value.code == "M24"
        with pytest.raises(QtpDataError, match="unknown method"):
            seasons.onsets(series(case()), method="naive")
        with pytest.raises(QtpDataError, match="long enough"):
            seasons.onsets(series(case()[:100]))


class TestYearsThatWrap:
    """P04: seasons that do not fit into a calendar year, by all three rules, on several years of days."""

    DAYS = pd.date_range("2014-01-01", "2018-12-31")

    def year(self, middle, length, jitter=0.0):
        """A series above zero for ``length`` days around the day of year ``middle``, moved by ``jitter`` every year."""
        day = np.arange(len(self.DAYS)) + 1.0
        moved = jitter * np.cos(2 * np.pi * day / (2 * 365.25))
        wave = np.cos(2 * np.pi * (day - middle - moved) / 365.25) - np.cos(np.pi * length / 365.25)
        return series(10 * wave, self.DAYS)

    @pytest.mark.parametrize("method", seasons.METHODS)
    @pytest.mark.parametrize(
        ("middle", "length", "years"),
        [(30.0, 150.0, 4), (5.0, 100.0, 4), (355.0, 160.0, 4), (217.0, 316.0, 5), (165.0, 332.0, 5)],
        ids=["southern", "southern short", "southern early", "freezes in January", "thaws at the end of December"],
    )
    def test_onsets_are_not_wrapped(self, method, middle, length, years):
        out = seasons.onsets(self.year(middle, length), method=method)
        southern = middle < 90 or middle > 270
        center = middle + 365.25 * (southern and middle < 180)
        steps = np.cumsum([0, 0.25, 0.25, -0.75, 0.25])  # the wave has no leap day, the calendar has
        expected = np.stack([center - length / 2 + steps, center + length / 2 + steps])
        found = np.stack([out["thaw_onset"], out["freeze_onset"]])
        assert int(out["years"]) == years
        assert int(out["reason"]) == 0
        np.testing.assert_allclose(found[:, :years], expected[:, :years], atol=1.3)
        assert (out[["thaw_onset_std", "freeze_onset_std"]].to_array() < 1).all()
        if southern:
            assert list(out["reason_of_year"].values) == [0, 0, 0, 0, 4]

    @pytest.mark.parametrize("method", seasons.METHODS)
    def test_onsets_around_new_year_have_a_mean(self, method):
        """Thaw between 26 December and 6 January: neither 1 nor 365 on average."""
        out = seasons.onsets(self.year(165.0, 330.0, jitter=6.0), method=method)
        assert out["thaw_onset"].min() < 1 < out["thaw_onset"].max()
        assert -5 < out["thaw_onset_mean"] < 5
        assert 325 < out["freeze_onset_mean"] < 335

    def test_southern_degree_days(self):
        values = np.tile(case(), 5)[183:]
        lst = series(values, pd.date_range("2014-01-01", periods=len(values)))
        onset = seasons.onsets(lst, period_days=365)
        np.testing.assert_allclose(onset["thaw_onset_mean"], 130.23481 + 182, atol=0.3)
        out = seasons.degree_days(lst, onset["thaw_onset_mean"], onset["freeze_onset_mean"])
        np.testing.assert_allclose(out["addt_end"][:3], [982.740693] * 3, atol=0.3)
        np.testing.assert_allclose(out["addf_end"][:3], [2260.075492] * 3, atol=1.0)

    def test_a_map_may_hold_both_hemispheres(self):
        north, south = self.year(200.0, 150.0), self.year(17.0, 150.0)
        out = seasons.onsets(xr.concat([north, south], "x").transpose("time", "x").assign_attrs(units="degC"))
        np.testing.assert_allclose(out["thaw_onset_mean"], [125, 307.25], atol=1)
        np.testing.assert_allclose(out["freeze_onset_mean"], [275, 457.25], atol=1)

    def test_a_series_from_july_to_june(self):
        """No calendar year is whole, but a winter is."""
        lst = self.year(30.0, 150.0).sel(time=slice("2015-07-01", "2016-06-30"))
        out = seasons.onsets(lst)
        assert list(out["thaw_year"].values) == [2015]
        assert out["thaw_onset"].item() == pytest.approx(30 + 365.25 - 75, abs=1.3)


class TestRunLength:
    @pytest.mark.parametrize("method", seasons.METHODS)
    def test_one_warm_day_is_no_thaw(self, method):
        """P03: a single day above zero on a summit, and a single day below it in the tropics."""
        summit, tropics = case(-20), case(20)
        summit[200], tropics[20] = 3.0, -3.0
        out = seasons.onsets(series(np.stack([summit, tropics], 1)), method=method)
        assert list(out["reason"].values) == [1, 2]
        assert np.isnan(out["thaw_onset"]).all()

    def test_a_curve_that_just_reaches_zero(self):
        """P03: a smooth season of three days is none, unless asked for."""
        short = 10 * (np.cos(2 * np.pi * (DOY - 200) / 365) - np.cos(np.pi * 3 / 365))
        assert seasons.onsets(series(short), period_days=365)["reason"].item() == 1
        found = seasons.onsets(series(short), period_days=365, run_days=1)
        assert (found["freeze_onset"] - found["thaw_onset"]).item() == pytest.approx(3, abs=0.2)

    def test_a_very_cold_place_by_the_running_sum(self):
        """The winter after the summer lowers the sum below its spring minimum: that is not the thaw."""
        cold = case(-9.0)
        by_sum = seasons.onsets(series(cold), method="cumulative")
        smooth = seasons.onsets(series(cold), period_days=365)
        for name in ("thaw_onset_mean", "freeze_onset_mean"):
            assert by_sum[name].item() == pytest.approx(smooth[name].item(), abs=1.01)

    @given(
        mean=st.floats(-12, 12),
        middle=st.floats(1, 365),
        noise=st.floats(0, 3),
        method=st.sampled_from(seasons.METHODS),
    )
    @settings(max_examples=30, deadline=None)
    def test_freeze_follows_thaw(self, mean, middle, noise, method):
        """P08: whatever the place, a freeze onset comes after its thaw onset and before the next one."""
        day = np.arange(730)
        values = mean + 12 * np.cos(2 * np.pi * (day - middle) / 365) + noise * np.sin(day * 1.7)
        out = seasons.onsets(series(values), method=method)
        season = (out["freeze_onset"] - out["thaw_onset"]).values
        known = np.isfinite(season)
        assert ((season[known] >= 5) & (season[known] <= 361)).all()
        np.testing.assert_array_equal(known, out["reason_of_year"] == 0)


class TestOracles:
    @pytest.mark.parametrize("method", seasons.METHODS)
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_blocks_of_series_do_not_show(self, rng, monkeypatch, method, order):
        """Warm, cold, southern and gappy places, three at a time."""
        places = np.stack([case(mean) for mean in (-3, 0, 4, -20, 20)] * 2, axis=1)
        places[:, 7] = np.roll(places[:, 7], 182)
        values = np.tile(places, (2, 1)) + rng.normal(0, 1, (730, 10))
        values[rng.random(values.shape) < 0.05] = np.nan
        lst = series(np.asarray(values, order=order))
        whole = seasons.onsets(lst, method=method)
        sums = seasons.degree_days(lst, whole["thaw_onset_mean"], whole["freeze_onset_mean"])
        monkeypatch.setattr("qtp_toolkit.seasons.kernels.onsets.BLOCK", 3)
        monkeypatch.setattr("qtp_toolkit.seasons.kernels.degree_days.BLOCK", 3)
        xr.testing.assert_allclose(seasons.onsets(lst, method=method), whole, rtol=1e-9)
        again = seasons.degree_days(lst, whole["thaw_onset_mean"], whole["freeze_onset_mean"])
        xr.testing.assert_allclose(again, sums, rtol=1e-9)

    @pytest.mark.parametrize(("method", "run"), [("consecutive", 3), ("consecutive", 7), ("cumulative", 5)])
    def test_rules_in_plain_words(self, rng, method, run):
        """The middle one of three noisy years at cold, warm and mixed places: nine months around its warmest day."""
        seen = set()
        for mean in np.linspace(-22, 22, 89):
            days = np.tile(case(mean), 3) + rng.normal(0, 3, 1095)
            out = seasons.onsets(series(days, COMMON_YEARS), method=method, run_days=run).sel(thaw_year=2018)
            peak = 365 + int(np.argmax(days[365:730]))
            before, after = days[peak - 274 : peak + 1], days[peak : peak + 274]
            coldest, next_coldest = peak - 274 + int(np.argmin(before)), peak + int(np.argmin(after))
            if method == "consecutive":
                warm = [d for d in range(coldest, peak + 1) if (days[d : d + run] > 0).all()]
                cold = [d for d in range(peak + 1, peak + 274 - run) if (days[d : d + run] < 0).all()]
            else:
                warm = [coldest + 1 + int(np.argmin(np.cumsum(days[coldest : peak + 1])))]
                cold = [peak + 1 + int(np.argmax(np.cumsum(days[peak : next_coldest + 1])))]
            reason = 1 if days[peak] <= 0 else 2 if before.min() >= 0 or after.min() >= 0 else 0
            reason = reason or (1 if not warm else 2 if not cold else 0)
            if method == "cumulative" and not reason:
                reason = 1 if cold[0] - warm[0] < run else 2 if 365 - (cold[0] - warm[0]) < run else 0
            assert out["reason_of_year"].item() == reason
            expected = [warm[0] - 364, cold[0] - 364] if reason == 0 else [np.nan, np.nan]
            np.testing.assert_array_equal([out["thaw_onset"].item(), out["freeze_onset"].item()], expected)
            seen.add(reason)
        assert seen == {0, 1, 2}

    def test_smoothed_against_a_dense_search(self, rng):
        """Three harmonics with several crossings: least squares of numpy, then a look at every hundredth of a day."""
        waves = [f(2 * np.pi * k * DOY / 365) for k in (1, 2, 3) for f in (np.cos, np.sin)]
        amplitudes = rng.normal(0, 1, (40, 6)) * [8, 8, 4, 4, 3, 3]
        values = rng.normal(0, 3, (40, 1)) + amplitudes @ waves + rng.normal(0, 1, (40, 365))
        out = seasons.onsets(series(values.T), harmonics=3, period_days=365, run_days=0)
        design = np.stack([np.ones(365), *waves], 1)
        fine = np.arange(-365, 730, 0.01)
        angles = [f(2 * np.pi * k * fine / 365) for k in (1, 2, 3) for f in (np.cos, np.sin)]
        curves = np.linalg.lstsq(design, values.T, rcond=None)[0].T @ np.stack([np.ones(fine.size), *angles])
        year = (fine >= 1) & (fine < 366)
        for i, curve in enumerate(curves):
            up, down = (fine[:-1][np.diff(np.sign(curve)) * s > 0] for s in (1, -1))
            rises = int(((up >= 1) & (up < 366)).sum())
            assert out["crossings"].values[i] == rises
            if not rises:
                assert out["reason"].values[i] in {1, 2}
                continue
            thaw, freeze = out["thaw_onset"].values[0, i], out["freeze_onset"].values[0, i]
            assert np.abs(up - thaw).min() < 0.2
            assert freeze == pytest.approx(down[down > thaw].min(), abs=0.2)  # shallow crossings are linear in a day
            peak = fine[year][curve[year].argmax()]
            assert any(thaw < peak + shift < freeze for shift in (-365, 0, 365))

    @pytest.mark.parametrize("method", seasons.METHODS)
    def test_composites_against_their_days(self, method, rng):
        """Composites give the onsets of the days between them: north, south, with a gap, and without any value."""
        start = pd.date_range("2015-01-01", periods=46, freq="8D")
        times = pd.DatetimeIndex(np.concatenate([start + pd.DateOffset(years=k) for k in range(4)])) + pd.Timedelta(
            "84h"
        )
        day = np.asarray((times - times[0]) / pd.Timedelta("1D"))
        wave = np.stack([np.cos(2 * np.pi * (day - middle) / 365.25) for middle in (200, 20, 200, 200)], 1)
        values = (-2 + 13 * wave + rng.normal(0, 1, wave.shape)).astype("f4")
        values[60:64, 2], values[:, 3] = np.nan, np.nan
        composites = series(values, times)
        direct, daily = (seasons.onsets(lst, method=method) for lst in (composites, to_daily(composites)))
        assert list(direct["reason"].values) == [0, 0, 0, 5]
        xr.testing.assert_allclose(direct, daily, atol=1e-4)

    def test_missing_days_against_least_squares(self, rng):
        """Few and many missing days take different roads to the same fit."""
        values = case()[:, None] + rng.normal(0, 2, (365, 4))
        values[rng.random((365, 4)) < [0.01, 0.1, 0.6, 0.85]] = np.nan
        out = seasons.onsets(series(values), min_days=30, period_days=365)
        design = np.stack([np.ones(365), *(f(2 * np.pi * k * DOY / 365) for k in (1, 2) for f in (np.cos, np.sin))], 1)
        for i in range(4):
            known = np.isfinite(values[:, i])
            curve = design @ np.linalg.lstsq(design[known], values[known, i], rcond=None)[0]
            (up,) = np.flatnonzero((curve[:-1] < 0) & (curve[1:] >= 0))
            thaw = DOY[up] + curve[up] / (curve[up] - curve[up + 1])
            assert out["thaw_onset"].values[0, i] == pytest.approx(thaw, abs=1e-8)

    def test_degree_days_against_a_loop(self, rng):
        """Every cycle summed by itself, day by day."""
        values = np.tile(case(), 3)[:, None] + rng.normal(0, 2, (1095, 3))
        values[rng.random(values.shape) < 0.001] = np.nan
        thaw = xr.DataArray([130.2, 120.0, 301.5], dims="x", name="thaw_onset", attrs={"units": "day of year"})
        freeze = xr.DataArray([282.3, 290.9, 450.0], dims="x", name="freeze_onset", attrs={"units": "day of year"})
        out = seasons.degree_days(series(values), thaw, freeze)
        for i in range(3):
            at = af = np.nan
            first, turn = int(np.ceil(thaw[i])) - 1, int(np.ceil(freeze[i])) - 1
            for day, x in enumerate(values[:, i]):
                if (day - first) % 365 == 0:
                    at = af = 0.0
                thawing = (day - first) % 365 <= turn - first
                at, af = at + max(x, 0) * thawing + 0 * x, af + max(-x, 0) * (not thawing) + 0 * x
                np.testing.assert_allclose(out["addt"].values[day, i], at, atol=1e-8)
                np.testing.assert_allclose(out["addf"].values[day, i], af, atol=1e-8)

    def test_memory_order_does_not_matter(self, rng):
        values = np.tile(case(), 2)[:, None] + rng.normal(0, 2, (730, 9))
        first = series(values.astype("f4"))
        last = first.copy(data=np.asfortranarray(first.values))
        assert not last.values.flags.c_contiguous
        thaw, freeze = onset(130.2), onset(282.3, "freeze_onset")
        xr.testing.assert_identical(seasons.onsets(first), seasons.onsets(last))
        xr.testing.assert_identical(seasons.degree_days(first, thaw, freeze), seasons.degree_days(last, thaw, freeze))
        xr.testing.assert_identical(seasons.annual_degree_days(first), seasons.annual_degree_days(last))


class TestDegreeDays:
    A = (  # days since thaw onset, ADDT, ADDF
        (0, 0.1714, 0.0),
        (30, 101.8644, 0.0),
        (120, 883.9486, 0.0),
        (200, 982.7407, 275.8685),
        (250, 982.7407, 1006.9587),
        (300, 982.7407, 1806.0137),
    )

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
        with pytest.raises(QtpDataError, match="2020-01-05"):  # M28: outside the series
            self.sums(np.tile(case(), 3), dates=np.array(["2020-01-05"], dtype="datetime64[ns]"))

    def test_missing_day_voids_the_rest_of_its_cycle_only(self):
        """M25: a day without temperature is not a day of 0 degrees."""
        values = np.tile(case(), 3)
        values[200] = np.nan
        out = self.sums(values)
        assert np.isfinite(out["addt"][130:200]).all()
        assert np.isnan(out["addt"][200:495]).all()
        assert np.isfinite(out["addt"][495:]).all()
        np.testing.assert_array_equal(np.isfinite(out["addt_end"]), [False, True, True])

    def test_invalid_pixels(self):
        """P08: no sums where an onset is missing or freezing comes before thawing."""
        values = np.repeat(np.tile(case(), 2)[:, None], 4, axis=1)
        thaw = xr.DataArray([130.2, np.nan, 250.0, 130.2], dims="x", name="thaw_onset", attrs={"units": "day of year"})
        freeze = xr.DataArray(
            [282.3, 282.3, 200.0, 600.0], dims="x", name="freeze_onset", attrs={"units": "day of year"}
        )
        out = seasons.degree_days(series(values), thaw, freeze)
        assert np.isfinite(out["addt"][200]).values.tolist() == [True, False, False, False]
        assert out["permafrost_year"][200].values.tolist() == [1, 0, 0, 0]

    def test_leap_day_keeps_the_day_of_year(self):
        """P10: in a leap year an onset falls one date earlier, and the cycle has a day more or less."""
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

    def test_year_end_and_leap_day(self):
        """M20, P10: sums of calendar years run to 31 December, and a leap year has 366 days."""
        days = pd.date_range("2015-01-01", "2017-12-31")
        out = seasons.annual_degree_days(series(-np.ones(len(days)), days))
        np.testing.assert_array_equal(out["ddf"], [365, 366, 365])
        np.testing.assert_array_equal(out["ddt"], 0)
        mean = seasons.mean_annual_temperature(out["ddt"], out["ddf"])
        np.testing.assert_allclose(mean, [-1, -366 / 365, -1])
        assert (mean.name, mean.attrs["units"]) == ("mean_annual_temperature", "degC")
        with pytest.raises(QtpDataError, match="physical range"):
            seasons.mean_annual_temperature(-out["ddf"].assign_attrs(units="degC d"), out["ddf"])

    def test_winter_is_not_cut(self):
        values = np.tile(case(), 3)
        out = seasons.annual_degree_days(series(values), freezing_year="july")
        np.testing.assert_allclose(out["ddf"], [-np.minimum(case(), 0).sum()] * 2 + [np.nan])

    def test_missing_days(self):
        """M25: a year with a gap is NaN, unless the gap is allowed."""
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
    monkeypatch.setattr("qtp_toolkit.seasons.kernels.degree_days.BLOCK", 2)
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


def test_closed_form_defaults_are_the_promised_ones():
    assert defaults(seasons) == {
        "annual_degree_days": {"freezing_year": "calendar", "max_missing": 0, "min_days": 365},
        "mean_annual_temperature": {"days": 365.0},
        "onsets": {
            "method": "smoothed",
            "harmonics": 2,
            "run_days": 5,
            "threshold_degC": 0.0,
            "min_days": 300,
            "period_days": 365.25,
        },
    }


def test_strangers_are_refused():
    daily = series(np.tile(case(), 3), COMMON_YEARS)
    both = {"thaw_onset": onset(131.0), "freeze_onset": onset(283.0, "freeze_onset")}
    refuse_strangers(seasons.onsets, {"lst": daily}, units="lst", dims="lst")
    refuse_strangers(seasons.annual_degree_days, {"lst_daily": daily}, units="lst_daily", dims="lst_daily")
    given = {"lst_daily": daily, **both}
    refuse_strangers(seasons.degree_days, given, units="lst_daily thaw_onset freeze_onset", dims="lst_daily")
    index = xr.DataArray(900.0, name="ddt", attrs={"units": "degC d"})
    refuse_strangers(seasons.mean_annual_temperature, {"ddt": index, "ddf": index}, units="ddt ddf")


def test_results_say_that_they_are_synthetic():
    daily = noted(series(np.tile(case(), 3), COMMON_YEARS))
    found, annual = seasons.onsets(daily), seasons.annual_degree_days(daily)
    results = {"onsets": found.drop_vars("crossings"), "annual": annual}
    results |= {"sums": seasons.degree_days(daily, found.thaw_onset_mean, found.freeze_onset_mean)}
    assert without_note(**results, mean=seasons.mean_annual_temperature(annual.ddt, annual.ddf)) == []
