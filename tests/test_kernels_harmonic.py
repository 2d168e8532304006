"""Robust harmonic fits: the published scheme on a known series, and its batched form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtp_toolkit.kernels import harmonic
from qtp_toolkit.kernels.regression import cross_validated

DAYS = 8.0 * np.arange(46)
TRUE = -4 + 12 * np.cos(2 * np.pi * DAYS / 368 - 3.4) + 1.5 * np.cos(4 * np.pi * DAYS / 368 + 0.5)
LOWERED = {5: 9.0, 6: 14.0, 20: 11.0, 33: 18.0}
MISSING = [10, 11, 28, 40]


def cloudy():
    series = TRUE.copy()
    for index, drop in LOWERED.items():
        series[index] -= drop
    series[MISSING] = np.nan
    return series


def design(days=DAYS, harmonics=2):
    return harmonic.design_matrix(days, period=368, harmonics=harmonics)


def fit(series, **options):
    defaults = {"penalty": 0.0, "reject": 1, "tolerance": 3.0, "spare": 5}
    return harmonic.robust_fit(np.atleast_2d(series), design(), **(defaults | options))


class TestClosedForm:
    def test_exact_series_with_clouds(self):
        coefficients, keep, fits = fit(cloudy())
        assert fits[0] == 3
        assert set(np.flatnonzero(~keep[0])) == {5, 6, 10, 11, 20, 28, 33, 40}
        np.testing.assert_allclose(coefficients[0], [-4, -11.601578, -3.066493, 1.316374, -0.719138], atol=1e-6)
        amplitudes = np.hypot(coefficients[0, 1::2], coefficients[0, 2::2])
        np.testing.assert_allclose(amplitudes, [12.0, 1.5], atol=1e-9)
        assert np.sqrt(np.mean((coefficients[0] @ design().T - TRUE) ** 2)) < 1e-9

    def test_damping_shrinks_the_amplitudes(self):
        coefficients, keep, _ = fit(cloudy(), penalty=0.1)
        assert set(np.flatnonzero(~keep[0])) == {5, 6, 10, 11, 20, 28, 33, 40}
        amplitudes = np.hypot(coefficients[0, 1::2], coefficients[0, 2::2])
        np.testing.assert_allclose(amplitudes, [11.936614, 1.486751], atol=1e-6)
        assert np.sqrt(np.mean((coefficients[0] @ design().T - TRUE) ** 2)) == pytest.approx(0.046073, abs=1e-6)

    def test_damping_of_a_complete_series(self):
        series = 12 * np.cos(2 * np.pi * DAYS / 368)
        coefficients, _, _ = fit(series, penalty=0.1, reject=0)
        assert coefficients[0, 1] == pytest.approx(12 * 23 / 23.1, abs=1e-9)
        assert coefficients[0, 1] == pytest.approx(11.948052, abs=1e-6)

    @pytest.mark.parametrize(("period", "error"), [(368.0, 0.68), (365.0, 0.06), (365.25, 0.0)])
    def test_base_period_over_six_years(self, period, error):
        days = np.arange(0, 6 * 365.25, 8)
        series = 12 * np.cos(2 * np.pi * days / 365.25)
        matrix = harmonic.design_matrix(days, period=period, harmonics=2)
        coefficients, _, _ = harmonic.robust_fit(series[None], matrix, reject=0)
        assert np.sqrt(np.mean((coefficients[0] @ matrix.T - series) ** 2)) == pytest.approx(error, abs=0.02)

    def test_high_outliers(self):
        coefficients, keep, _ = fit(-cloudy(), reject=-1)
        assert set(np.flatnonzero(~keep[0])) == {5, 6, 10, 11, 20, 28, 33, 40}
        assert coefficients[0, 0] == pytest.approx(4.0)

    def test_never_below_the_spare_number(self):
        series = cloudy()
        series[12:] = np.nan
        series[[1, 2, 3, 7]] -= 40
        _, keep, _ = fit(series, tolerance=0.1)
        assert keep.sum() == 5 + 5

    def test_too_few_values(self):
        series = np.full(46, np.nan)
        series[:9] = 1.0
        coefficients, _, fits = fit(series)
        assert np.isnan(coefficients).all()
        assert fits[0] == 0


class TestOracle:
    def test_batch_equals_one_by_one(self, rng):
        """Every series of a batch against lstsq on its own kept points."""
        series = TRUE + rng.normal(0, 2, (50, 46))
        series[rng.random((50, 46)) < 0.3] = np.nan
        series[rng.random((50, 46)) < 0.05] -= 15
        coefficients, keep, _ = fit(series)
        for i in range(50):
            expected = np.linalg.lstsq(design()[keep[i]], series[i, keep[i]], rcond=None)[0]
            np.testing.assert_allclose(coefficients[i], expected, atol=1e-8)

    def test_rejection_against_a_plain_loop(self, rng):
        for _ in range(20):
            series = TRUE + rng.normal(0, 2, 46)
            series[rng.random(46) < 0.2] -= rng.uniform(5, 20)
            series[rng.random(46) < 0.2] = np.nan
            _, keep, fits = fit(series)
            expected, count = _plain_hants(series, design(), tolerance=3.0, spare=5)
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
        np.testing.assert_allclose(moved[0, 0], scale * base[0, 0] + shift, atol=1e-8)
        np.testing.assert_allclose(moved[0, 1:], scale * base[0, 1:], atol=1e-8)


class TestFill:
    def fill(self, series, days=DAYS, **options):
        matrix = design(days)
        defaults = {"penalty": np.zeros(5), "reject": 1, "tolerance": 3.0, "spare": 5}
        return harmonic.fill(series, days, matrix, **(defaults | options))

    def test_keeps_valid_and_replaces_the_rest(self):
        filled, replaced, gap, reason = self.fill(cloudy())
        np.testing.assert_allclose(filled, TRUE, atol=1e-9)
        assert (replaced, gap, reason) == (8, 24.0, 0)

    def test_reasons(self):
        nothing = np.full(46, np.nan)
        few = np.where(np.arange(46) < 8, TRUE, np.nan)
        half = np.where((np.arange(46) < 10) | (np.arange(46) > 40), TRUE, np.nan)
        half += np.random.default_rng(0).normal(0, 2, 46)
        filled, _, gap, reason = self.fill(np.stack([nothing, few, half, TRUE]), reject=0, spare=0)
        assert list(reason) == [5, 0, 3, 0] or list(reason) == [5, 3, 3, 0]
        _, _, _, reason = self.fill(np.stack([nothing, few]))
        assert list(reason) == [5, 4]
        assert np.isnan(filled[0]).all()
        assert gap[0] == DAYS[-1]

    def test_blocks_do_not_change_numbers(self, rng, monkeypatch):
        series = (TRUE + rng.normal(0, 3, (7, 3, 46))).astype("f4")
        series[rng.random(series.shape) < 0.3] = np.nan
        whole = self.fill(series)
        monkeypatch.setattr(harmonic, "BLOCK", 4)
        parts = self.fill(series)
        assert whole[0].dtype == np.float32
        for a, b in zip(whole, parts, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_interannual_columns_follow_a_step():
    days = np.arange(0, 6 * 365.25, 8)
    series = -4 + 12 * np.cos(2 * np.pi * days / 365.25) + np.where(days > 3 * 365.25, 2.0, -2.0)
    base = harmonic.design_matrix(days, period=365.25, harmonics=3)
    drift = harmonic.interannual_columns(days, period=365.25, years=6)
    assert drift.shape == (len(days), 18)
    np.testing.assert_allclose(drift[:, :6].sum(axis=1), 1.0)
    matrix = np.hstack([base, drift])
    penalty = np.r_[np.zeros(7), np.full(18, 4.0)]
    stiff, _, _ = harmonic.robust_fit(series[None], base, reject=0)
    free, _, _ = harmonic.robust_fit(series[None], matrix, penalty=penalty, reject=0)
    error = [np.sqrt(np.mean((c[0] @ m.T - series) ** 2)) for c, m in ((stiff, base), (free, matrix))]
    assert error[0] > 1.9
    assert error[1] < 0.6


def test_regression_recovers_and_cross_validates(rng):
    x = rng.normal(0, 5, (2, 60, 4))
    y = 1.0 + 0.3 * x[0] + 0.6 * x[1] + rng.normal(0, 0.5, (60, 4))
    group = np.broadcast_to(np.arange(4), (60, 4))
    beta, std, scores = cross_validated(x, y, group=group)
    np.testing.assert_allclose(beta, [1.0, 0.3, 0.6], atol=0.15)
    assert (std > 0).all()
    assert scores[0] < scores[1] < 0.6
    assert scores[4] == 240
    empty = cross_validated(x, np.full((60, 4), np.nan), group=group)
    assert np.isnan(empty[0]).all()
