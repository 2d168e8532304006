"""Gap fill: both methods, minimum data, years that differ, long gaps, and the hold-out that judges a fill."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from qtp_toolkit import lst
from qtp_toolkit.conventions import QtpDataError

TIMES = pd.date_range("2014-01-04 12:00", periods=276, freq="8D")
DAYS = np.arange(276) * 8.0
YEARS = np.minimum(TIMES.year.values, 2019)


def series(values, name="lst"):
    """(time, y, x) degC."""
    return xr.DataArray(values.astype("f4"), {"time": TIMES}, ("time", "y", "x"), name=name, attrs={"units": "degC"})


def wave(shape=(3, 2)):
    values = -4 + 12 * np.cos(2 * np.pi * DAYS / 365.25 - 3.4)
    return series(np.broadcast_to(values[:, None, None], (276, *shape)))


@pytest.fixture
def seen(rng):
    """Years that differ, weather, a third of the values gone, some cold clouds; and the truth."""
    departure = np.array([-2.0, 1.5, 0.0, 2.5, -1.0, 2.0])[YEARS - 2014]
    truth = wave() + xr.DataArray(departure, dims="time")
    values = truth + rng.normal(0, 1.0, truth.shape)
    values = values - 14 * xr.DataArray(rng.random(truth.shape) < 0.04, dims=truth.dims)
    values = values.where(rng.random(truth.shape) > 0.33).rename("lst").assign_attrs(units="degC")
    return values.astype("f4"), truth.assign_attrs(units="degC")


def degree_days(filled):
    """Sum of 8 days times the positive temperature of every year, per pixel."""
    year = xr.DataArray(YEARS, dims="time", name="year")
    return 8 * filled.clip(min=0).groupby(year).sum("time", skipna=False)


@pytest.mark.parametrize("method", lst.METHODS)
class TestBothMethods:
    def test_years_keep_their_own_degree_days(self, seen, method):
        values, truth = seen
        filled = lst.fill_gaps(values, method=method)
        error = (degree_days(filled) - degree_days(truth)).std(["y", "x"]) + abs(
            (degree_days(filled) - degree_days(truth)).mean(["y", "x"])
        )
        spread = degree_days(truth).mean(["y", "x"])
        assert spread.max() - spread.min() > 600
        assert error.max() < 0.15 * (spread.max() - spread.min())
        found = degree_days(filled).mean(["y", "x"])
        assert np.corrcoef(found, spread)[0, 1] > 0.99

    def test_one_curve_would_lose_the_years_in_the_gaps(self, seen, method):
        values, truth = seen
        gone = np.isnan(values)
        kept, lost = (
            float(((lst.fill_gaps(values, method=method, interannual=drift) - truth) ** 2).where(gone).mean())
            for drift in (4.0, None)
        )
        assert kept < (0.5 if method == "harmonic" else 0.9) * lost

    def test_cold_clouds_are_replaced_and_warm_values_stay(self, rng, method):
        truth = wave()
        cold, warm = rng.random(truth.shape) < 0.05, rng.random(truth.shape) < 0.02
        values = (truth - 15 * xr.DataArray(cold, dims=truth.dims)).where(~warm, truth + 15).astype("f4")
        filled = lst.fill_gaps(values.assign_attrs(units="degC").rename("lst"), method=method)
        assert float(abs(filled - truth).where(cold & ~warm).max()) < 4.0
        np.testing.assert_array_equal(filled.values[warm], values.values[warm])

    def test_a_pixel_that_is_always_cloudy_stays_empty(self, method):
        """M15: no composite at a pixel gives NaN and a reason, never zero degrees."""
        values = wave()
        values[:, 0, 0] = np.nan
        values[30:, 1, 1] = np.nan
        out = lst.fill_gaps(values.to_dataset(), method=method)
        assert out["reason"].values[0, 0] == 5
        assert out["reason"].values[1, 1] == 4
        assert np.isnan(out["lst"].values[:, [0, 1], [0, 1]]).all()
        assert np.isnan(degree_days(out["lst"]).values[:, 0, 0]).all()
        assert out["lst_replaced"].values[0, 0] == 276
        assert out["lst_max_gap"].values[0, 0] == DAYS[-1]
        assert (out["reason"].values[2] == 0).all()

    def test_a_date_that_is_cloudy_everywhere_is_filled_and_counted(self, method):
        """M16: a composite without a value in the whole scene."""
        values = wave()
        values[77] = np.nan
        out = lst.fill_gaps(values.to_dataset(), method=method)
        np.testing.assert_allclose(out["lst"][77], wave()[77], atol=0.1)
        assert (out["lst_replaced"] == 1).all()
        assert (out["lst_max_gap"] == 16).all()

    def test_min_valid_asks_for_more(self, method):
        """M15: a pixel with fewer valid values than asked for is not filled."""
        values = wave()
        values[::2, 0, 0] = np.nan
        assert (lst.fill_gaps(values.to_dataset(), method=method)["reason"] == 0).all()
        out = lst.fill_gaps(values.to_dataset(), method=method, min_valid=139)
        assert out["reason"].values[0, 0] == 4
        assert (out["reason"].values[1:] == 0).all()

    def test_long_gaps_stay_open_on_request(self, method):
        values = wave()
        values[100:112, 0, 0] = np.nan
        values[120:123, 0, 0] = np.nan
        out = lst.fill_gaps(values.to_dataset(), method=method, max_gap_days=60)
        assert out["lst_max_gap"].values[0, 0] == 13 * 8
        assert out["reason"].values[0, 0] == 8
        assert list(np.flatnonzero(np.isnan(out["lst"].values[:, 0, 0]))) == list(range(100, 112))
        assert np.isfinite(out["lst"].values[:, 1:]).all()
        whole = lst.fill_gaps(values.to_dataset(), method=method)
        assert (whole["reason"] == 0).all()

    def test_lazy(self, seen, no_compute, method):
        values, _ = seen
        with no_compute():
            lazy = lst.fill_gaps(values.to_dataset().chunk(y=2, x=1), method=method)
        for name, eager in lst.fill_gaps(values.to_dataset(), method=method).items():
            assert lazy[name].chunks
            xr.testing.assert_allclose(lazy[name].compute(scheduler="threads"), eager, atol=1e-4)


def test_whittaker_follows_the_weather_of_the_neighbors(rng):
    """A warm month that no harmonic knows: a hidden composite in its middle."""
    values = wave()
    values[150:155] += 6.0
    hidden = values.copy()
    hidden[152] = np.nan
    error = {method: float(abs(lst.fill_gaps(hidden, method=method) - values)[152].max()) for method in lst.METHODS}
    assert error["harmonic"] > 4.0
    assert error["whittaker"] < 3.0


def test_unknown_options_are_refused():
    with pytest.raises(QtpDataError, match="method of gap fill"):
        lst.fill_gaps(wave(), method="spline")
    with pytest.raises(QtpDataError, match="too few harmonics"):
        lst.fill_gaps(wave(), harmonics=0)
    assert np.isfinite(lst.fill_gaps(wave(), method="whittaker", harmonics=0, pull=0.0)).all()


class TestHoldOut:
    @given(share=st.floats(0.05, 0.5), seed=st.integers(0, 99))
    @settings(max_examples=10, deadline=None)
    def test_it_hides_the_share_asked_for_and_nothing_else(self, share, seed):
        rng = np.random.default_rng(seed)
        values = wave().where(rng.random((276, 3, 2)) > 0.3)
        out = lst.hold_out(values, share=share, seed=seed)
        valid = np.isfinite(values)
        assert (np.abs((out["gap"] > 0).sum("time") - share * valid.sum("time")) <= 0.5).all()
        xr.testing.assert_equal(np.isfinite(out["masked"]), valid & (out["gap"] == 0))
        xr.testing.assert_equal(out["masked"].where(out["gap"] == 0), values.where(out["gap"] == 0))

    def test_gap_is_the_length_of_what_is_missing(self):
        out = lst.hold_out(wave(), share=0.3, run_lengths=(3, 5), seed=4)
        gone = np.isnan(out["masked"].values[:, 1, 1])
        edges = np.flatnonzero(np.diff(np.r_[0, gone.astype(int), 0]))
        for start, stop in edges.reshape(-1, 2):
            assert (out["gap"].values[start:stop, 1, 1] == stop - start).all()
        found, count = np.unique(out["gap"], return_counts=True)
        assert set(found) <= {0, 1, 2, 3, 4, 5, 6}
        assert count[np.isin(found, (3, 5))].sum() > 0.9 * count[found > 0].sum()

    def test_seed_decides_and_chunks_do_not(self, no_compute):
        first = lst.hold_out(wave(), seed=1)
        with no_compute():
            lazy = lst.hold_out(wave().chunk(y=1, x=2), seed=1)
            errors = lst.gap_errors(wave().chunk(y=1), lst.fill_gaps(lazy["masked"]), lazy["gap"])
        xr.testing.assert_equal(lazy.compute(scheduler="synchronous"), first)
        assert int(errors["n"][-1]) == int((first["gap"] > 0).sum())
        assert not lst.hold_out(wave(), seed=2)["gap"].equals(first["gap"])

    def test_errors_by_hand(self):
        truth = wave((1, 1))
        gap = xr.zeros_like(truth).astype("u2")
        gap[10], gap[20:22], gap[30:39], gap[50] = 1, 2, 9, 1
        filled = truth + 3.0 * (gap == 1) - 1.0 * (gap == 2)
        filled[30:39] = np.nan
        filled[50] = truth[50] - 1.0
        out = lst.gap_errors(truth, filled.assign_attrs(units="degC"), gap, lengths=(1, 2, 8))
        assert list(out["label"].values) == ["1", "2", "3-8", ">8", "all"]
        np.testing.assert_allclose(out["rmse"], [np.sqrt(5), 1, np.nan, np.nan, np.sqrt(3)], rtol=1e-5)
        np.testing.assert_allclose(out["bias"], [1, -1, np.nan, np.nan, 0], atol=1e-5)
        assert list(out["n"].values) == [2, 2, 0, 0, 4]
        assert list(out["unfilled"].values) == [0, 0, 0, 9, 9]
        assert out["rmse"].attrs["units"] == "degC"

    def test_refusals(self):
        with pytest.raises(QtpDataError, match="share of hidden"):
            lst.hold_out(wave(), share=1.2)
        with pytest.raises(QtpDataError, match="run lengths"):
            lst.hold_out(wave(), run_lengths=(0, 3))
        with pytest.raises(QtpDataError, match="classes of gap length"):
            lst.gap_errors(wave(), wave(), wave(), lengths=(3, 2))
        with pytest.raises(QtpDataError, match="wrong unit"):
            lst.hold_out(wave().assign_attrs(units="K"))
