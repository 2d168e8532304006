"""Robust harmonic fits: the published scheme on a known series, and the compiled fit against plain numpy."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_harmonics import dense_design, interannual_columns, robust_fit
from plain_harmonics import fill as plain_fill

from qtp_toolkit.kernels.harmonic import design_matrix
from qtp_toolkit.lst.kernels import basis as waves
from qtp_toolkit.lst.kernels import gaps, normal, robust, whittaker

DAYS = 8.0 * np.arange(46)
TRUE = -4 + 12 * np.cos(2 * np.pi * DAYS / 368 - 3.4) + 1.5 * np.cos(4 * np.pi * DAYS / 368 + 0.5)
LOWERED = {5: 9.0, 6: 14.0, 20: 11.0, 33: 18.0}
MISSING = [10, 11, 28, 40]
GONE = {5, 6, 10, 11, 20, 28, 33, 40}
SIX_YEARS = np.arange(276) * 8.0
HIGH_PENALTY = 4.0


def cloudy():
    series = TRUE.copy()
    for index, drop in LOWERED.items():
        series[index] -= drop
    series[MISSING] = np.nan
    return series


def noisy(rng, number, days=SIX_YEARS):
    """Years that differ, weather, clouds, cold outliers; two series with hardly anything."""
    values = -3.5 + 13.5 * np.sin(2 * np.pi * (days - 115) / 365.25) + np.sin(days / 400.0)
    values = values + rng.normal(0, 2, (number, len(days)))
    values -= 12 * (rng.random(values.shape) < 0.1)
    values[rng.random(values.shape) < rng.uniform(0.05, 0.6, (number, 1))] = np.nan
    values[0, 40:] = np.nan
    values[1] = np.nan
    return values


def fit(series, days=DAYS, *, side=1, tolerance=3.0, spare=5, **terms):
    """Curve, kept points and number of fits of the compiled kernel."""
    series = np.atleast_2d(series)
    basis = waves.make_basis(days, **({"period": 368.0, "harmonics": 2} | terms))
    block = robust.make_block(len(series), basis.ramp.size)
    block.weight[:, basis.real] = np.isfinite(series)
    block.value[:, basis.real] = np.nan_to_num(series)
    rules = robust.Rejection(float(side), float(tolerance), len(basis.penalty) + spare)
    robust.fit_block(block, len(series), basis, rules, normal.make_scratch(basis))
    return block.curve[:, basis.real], block.weight[:, basis.real] > 0, block.fits


def amplitudes(curve):
    """Amplitudes of the waves of a curve."""
    matrix = design_matrix(DAYS, period=368, harmonics=2)
    found = np.linalg.lstsq(matrix, curve, rcond=None)[0]
    return found, np.hypot(found[1::2], found[2::2])


class TestClosedForm:
    def test_exact_series_with_clouds(self):
        curve, keep, fits = fit(cloudy())
        assert fits[0] == 3
        assert set(np.flatnonzero(~keep[0])) == GONE
        found, waves = amplitudes(curve[0])
        np.testing.assert_allclose(found, [-4, -11.601578, -3.066493, 1.316374, -0.719138], atol=1e-6)
        np.testing.assert_allclose(waves, [12.0, 1.5], atol=1e-9)
        np.testing.assert_allclose(curve[0], TRUE, atol=1e-9)

    def test_damping_shrinks_the_amplitudes(self):
        curve, keep, _ = fit(cloudy(), damping=0.1)
        assert set(np.flatnonzero(~keep[0])) == GONE
        np.testing.assert_allclose(amplitudes(curve[0])[1], [11.936614, 1.486751], atol=1e-6)
        assert np.sqrt(np.mean((curve[0] - TRUE) ** 2)) == pytest.approx(0.046073, abs=1e-6)

    def test_damping_of_a_complete_series(self):
        curve, _, _ = fit(12 * np.cos(2 * np.pi * DAYS / 368), damping=0.1, side=0)
        assert amplitudes(curve[0])[0][1] == pytest.approx(12 * 23 / 23.1, abs=1e-9)
        assert amplitudes(curve[0])[0][1] == pytest.approx(11.948052, abs=1e-6)

    @pytest.mark.parametrize(("period", "error"), [(368.0, 0.68), (365.0, 0.06), (365.25, 0.0)])
    def test_base_period_over_six_years(self, period, error):
        days = np.arange(0, 6 * 365.25, 8)
        series = 12 * np.cos(2 * np.pi * days / 365.25)
        curve, _, _ = fit(series, days, period=period, side=0)
        assert np.sqrt(np.mean((curve[0] - series) ** 2)) == pytest.approx(error, abs=0.02)

    def test_high_outliers(self):
        curve, keep, _ = fit(-cloudy(), side=-1)
        assert set(np.flatnonzero(~keep[0])) == GONE
        np.testing.assert_allclose(curve[0], -TRUE, atol=1e-9)

    def test_never_below_the_spare_number(self):
        series = cloudy()
        series[12:] = np.nan
        series[[1, 2, 3, 7]] -= 40
        _, keep, _ = fit(series, tolerance=0.1)
        assert keep.sum() == 5 + 5

    def test_too_few_values(self):
        series = np.full(46, np.nan)
        series[:9] = 1.0
        curve, _, fits = fit(series)
        assert np.isnan(curve).all()
        assert fits[0] == 0


class TestOracle:
    @pytest.mark.parametrize(("harmonics", "years"), [(3, 6), (1, 6), (2, 2), (4, 0)])
    @pytest.mark.parametrize("side", [1, -1, 0])
    def test_compiled_fit_is_the_dense_fit(self, rng, harmonics, years, side):
        values = noisy(rng, 40)
        terms = {"period": 365.25, "harmonics": harmonics, "years": years}
        curve, keep, fits = fit(values, SIX_YEARS, side=side, tolerance=6.0, stiffness=HIGH_PENALTY, **terms)
        design = dense_design(SIX_YEARS, **terms)
        penalty = np.r_[np.zeros(1 + 2 * harmonics), np.full(3 * years, HIGH_PENALTY)]
        expected, kept, count = robust_fit(values, design, penalty=penalty, reject=side, tolerance=6.0, spare=5)
        np.testing.assert_array_equal(keep, kept)
        np.testing.assert_array_equal(fits, count)
        np.testing.assert_allclose(curve[2:], (expected @ design.T)[2:], atol=1e-8)
        np.testing.assert_array_equal(np.isnan(curve).any(axis=1), np.isnan(expected).any(axis=1))

    def test_irregular_dates_and_a_budget_that_runs_out(self, rng):
        days = np.sort(rng.choice(2200, 90, replace=False)).astype(float)
        values = noisy(rng, 60, days)
        values[2:, ::3] -= rng.uniform(0, 30, (58, 30))
        terms = {"period": 365.25, "harmonics": 3, "years": 6}
        curve, keep, fits = fit(values, days, tolerance=1.0, spare=20, stiffness=HIGH_PENALTY, **terms)
        design, penalty = dense_design(days, **terms), np.r_[np.zeros(7), np.full(18, HIGH_PENALTY)]
        expected, kept, count = robust_fit(values, design, penalty=penalty, tolerance=1.0, spare=20)
        np.testing.assert_array_equal(keep, kept)
        np.testing.assert_array_equal(fits, count)
        np.testing.assert_allclose(curve, expected @ design.T, atol=1e-7)
        assert ((keep.sum(axis=1) == 45) & (count > 1)).any()

    def test_rejection_against_a_plain_loop(self, rng):
        for _ in range(20):
            series = TRUE + rng.normal(0, 2, 46)
            series[rng.random(46) < 0.2] -= rng.uniform(5, 20)
            series[rng.random(46) < 0.2] = np.nan
            _, keep, fits = fit(series)
            expected, count = _plain_hants(series, design_matrix(DAYS, period=368, harmonics=2), tolerance=3.0, spare=5)
            np.testing.assert_array_equal(keep[0], expected)
            assert fits[0] == count


def _plain_hants(series, matrix, *, tolerance, spare):
    keep, count = np.isfinite(series), 0
    while True:
        count += 1
        curve = matrix @ np.linalg.lstsq(matrix[keep], series[keep], rcond=None)[0]
        misfit = np.where(keep, curve - np.nan_to_num(series), 0.0)
        if misfit.max() <= tolerance or keep.sum() <= matrix.shape[1] + spare:
            return keep, count
        for index in np.argsort(-misfit):
            if misfit[index] <= 0.5 * misfit.max() or keep.sum() <= matrix.shape[1] + spare:
                break
            keep[index] = False


class TestProperty:
    @given(shift=st.floats(-50, 50), scale=st.floats(0.5, 2.0))
    @settings(max_examples=20, deadline=None)
    def test_shift_and_scale(self, shift, scale):
        base, keep, _ = fit(cloudy())
        moved, keep_moved, _ = fit(scale * cloudy() + shift, tolerance=3.0 * scale)
        np.testing.assert_array_equal(keep, keep_moved)
        np.testing.assert_allclose(moved, scale * base + shift, atol=1e-8)


class TestFill:
    def fill(self, series, days=DAYS, *, period=368.0, harmonics=2, years=0, smoother=None, **options):
        basis = waves.make_basis(days, period=period, harmonics=harmonics, years=years, stiffness=HIGH_PENALTY)
        smoother = smoother or whittaker.make_smoother(days, strength=0.0, on=False)
        rules = {"climatology": True, "side": 1, "tolerance": 3.0, "need": 10, "max_gap": np.inf}
        return gaps.fill(series, days, basis, smoother, **(rules | options))

    def test_keeps_valid_and_replaces_the_rest(self):
        filled, replaced, gap, reason = self.fill(cloudy())
        np.testing.assert_allclose(filled, TRUE, atol=1e-9)
        assert (replaced, gap, reason) == (8, 24.0, 0)

    def test_all_outputs_against_plain_numpy(self, rng):
        values = noisy(rng, 150)
        design, penalty = (
            dense_design(SIX_YEARS, period=365.25, harmonics=3, years=6),
            np.r_[np.zeros(7), np.full(18, 4.0)],
        )
        expected = plain_fill(values, SIX_YEARS, design, penalty=penalty, reject=1, tolerance=8.0, spare=10)
        found = self.fill(values, SIX_YEARS, period=365.25, harmonics=3, years=6, tolerance=8.0, need=35)
        for name, a, b in zip(("filled", "replaced", "gap", "reason"), found, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-7, err_msg=name)

    def test_reasons(self):
        nothing = np.full(46, np.nan)
        few = np.where(np.arange(46) < 8, TRUE, np.nan)
        half = np.where((np.arange(46) < 10) | (np.arange(46) > 40), TRUE, np.nan)
        half += np.random.default_rng(0).normal(0, 2, 46)
        filled, _, gap, reason = self.fill(np.stack([nothing, few, half, TRUE]), side=0, need=5)
        assert list(reason) == [5, 0, 3, 0] or list(reason) == [5, 3, 3, 0]
        _, _, _, reason = self.fill(np.stack([nothing, few]))
        assert list(reason) == [5, 4]
        assert np.isnan(filled[0]).all()
        assert gap[0] == DAYS[-1]

    @pytest.mark.parametrize("layout", ["time last", "time first", "strided"])
    def test_layout_type_and_blocks_do_not_change_numbers(self, rng, layout):
        series = (TRUE + rng.normal(0, 3, (13, 21, 46))).astype("f4")
        series[rng.random(series.shape) < 0.3] = np.nan
        whole = self.fill(series)
        assert whole[0].dtype == np.float32
        given = {
            "time last": series.astype(float),
            "time first": np.moveaxis(np.ascontiguousarray(np.moveaxis(series, -1, 0)), 0, -1),
            "strided": np.repeat(np.repeat(series, 2, axis=1), 2, axis=0)[::2, ::2],
        }[layout]
        for a, b in zip(whole, self.fill(given), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        one = self.fill(series[3, 4])
        np.testing.assert_allclose(one[0], whole[0][3, 4], atol=1e-5)

    def test_a_gap_longer_than_accepted_stays_open(self):
        series = np.where((np.arange(46) < 20) | (np.arange(46) > 27), TRUE, np.nan)
        series[[3, 44, 45]] = np.nan
        filled, replaced, gap, reason = self.fill(series, max_gap=40.0)
        assert (reason, gap, replaced) == (8, 72.0, 11)
        assert set(np.flatnonzero(np.isnan(filled))) == set(range(20, 28))
        filled, _, _, reason = self.fill(series, max_gap=72.0)
        assert reason == 0
        filled, _, _, _ = self.fill(series, max_gap=10.0)
        assert set(np.flatnonzero(np.isnan(filled))) == {3, *range(20, 28), 44, 45}


class TestWhittaker:
    def smooth(self, value, weight, days=DAYS, **options):
        smoother = whittaker.make_smoother(days, **options)
        out, lower, further = np.zeros((3, len(days)))
        whittaker.smooth(value.copy(), weight, smoother, out, lower, further)
        return out

    def dense(self, value, weight, days, *, strength, pull=0.0):
        step = np.diff(days) / 8.0
        rows = np.zeros((len(days) - 2, len(days)))
        for i, (h, k) in enumerate(pairwise(step)):
            scale = np.sqrt((h + k) / 2)
            rows[i, i : i + 3] = np.array([1 / h, -1 / h - 1 / k, 1 / k]) / scale
        matrix = np.diag(weight) + strength * rows.T @ rows + pull * np.eye(len(days))
        return np.linalg.solve(matrix, weight * value)

    @pytest.mark.parametrize("strength", [0.1, 1.0, 100.0])
    @pytest.mark.parametrize("pull", [0.0, 0.1])
    def test_against_a_dense_solve(self, rng, strength, pull):
        for days in (DAYS, np.sort(rng.choice(900, 46, replace=False)).astype(float)):
            weight = (rng.random(46) > 0.3).astype(float)
            value = TRUE + rng.normal(0, 2, 46)
            found = self.smooth(value, weight, days, strength=strength, pull=pull)
            np.testing.assert_allclose(found, self.dense(value, weight, days, strength=strength, pull=pull), atol=1e-7)

    def test_a_straight_line_is_not_rough(self, rng):
        days = np.sort(rng.choice(900, 46, replace=False)).astype(float)
        weight = (rng.random(46) > 0.5).astype(float)
        line = 3.0 - 0.02 * days
        np.testing.assert_allclose(self.smooth(line, weight, days, strength=1e4), line, atol=1e-6)

    @pytest.mark.parametrize(("strength", "error"), [(1.0, 2.38), (10.0, 1.77), (100.0, 1.38)])
    def test_without_rejection_clouds_pull_it_down(self, strength, error):
        series = cloudy()
        weight = np.isfinite(series).astype(float)
        found = self.smooth(np.nan_to_num(series), weight, strength=strength)
        assert np.sqrt(np.mean((found - TRUE) ** 2)) == pytest.approx(error, abs=0.005)

    def test_about_the_waves_it_drops_the_same_values(self):
        smoother = whittaker.make_smoother(DAYS, strength=1.0)
        filled, replaced, gap, reason = TestFill().fill(cloudy(), smoother=smoother)
        np.testing.assert_allclose(filled, TRUE, atol=1e-9)
        assert (replaced, gap, reason) == (8, 24.0, 0)


def test_drifts_follow_a_step():
    days = np.arange(0, 6 * 365.25, 8)
    series = -4 + 12 * np.cos(2 * np.pi * days / 365.25) + np.where(days > 3 * 365.25, 2.0, -2.0)
    drift = interannual_columns(days, period=365.25, years=6)
    np.testing.assert_allclose(drift[:, :6].sum(axis=1), 1.0)
    terms = {"period": 365.25, "harmonics": 3, "side": 0}
    stiff, _, _ = fit(series, days, **terms)
    free, _, _ = fit(series, days, years=6, stiffness=4.0, **terms)
    error = [np.sqrt(np.mean((curve[0] - series) ** 2)) for curve in (stiff, free)]
    assert error[0] > 1.9
    assert error[1] < 0.6
