"""Uncertainties that survive errors in common, for series and for interferograms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pecm_cases import COEFFICIENT, RATE, decompose, displacement, series, six_years

from qtp_toolkit import network, pecm
from qtp_toolkit.conventions import QtpDataError

PIXELS = 800


@pytest.fixture(scope="module")
def model():
    return six_years()


@pytest.fixture(scope="module")
def noise(model):
    """Errors of 3 mm with a memory of two months that ends with the year, (time, x)."""
    rng, dates = np.random.default_rng(5), pd.DatetimeIndex(model["I"].time.values)
    out = rng.normal(0, 3, (len(dates), PIXELS))
    for k in range(1, len(dates)):
        if dates[k].year == dates[k - 1].year:
            memory = 0.984 ** (dates[k] - dates[k - 1]).days
            out[k] = memory * out[k - 1] + np.sqrt(1 - memory**2) * out[k]
    return xr.DataArray(out, {"time": model["I"].time}, ("time", "x"))


def held(out):
    """Share of pixels whose one-sigma interval holds the rate, and the amplitude."""
    peak = out.seasonal_amplitude / abs(out.seasonal_coefficient)
    rate = abs(out.linear_rate - RATE) <= out.linear_rate_std
    amplitude = abs(out.seasonal_amplitude + COEFFICIENT * peak) <= out.seasonal_amplitude_std
    return float(rate.mean()), float(amplitude.mean())


def pairs_of(values, first, second, dates):
    coords = {"reference": ("pair", dates[first]), "secondary": ("pair", dates[second])}
    moved = values[second] - values[first]
    return xr.DataArray(moved, coords, ("pair", "x")[: moved.ndim], attrs={"units": "mm"})


@pytest.fixture(scope="module")
def interferograms(model, noise):
    """The paper's kind of network over the noisy series."""
    dates = model["I"].time.values
    chosen = network.select_pairs(dates)
    first, second = (np.searchsorted(dates, chosen[name].values) for name in ("reference", "secondary"))
    return pairs_of((displacement(model) + noise).transpose("time", "x").values, first, second, dates)


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("formal", 0.2, 0.5), ("year_block", 0.6, 0.8), ("bootstrap", 0.6, 0.8)]
)
def test_coverage_with_errors_that_last_for_months(model, noise, kind, low, high):
    out = decompose((displacement(model) + noise).assign_attrs(units="mm"), model, uncertainty=kind)
    assert out.attrs["uncertainty"] == kind
    for share in held(out):
        assert low < share < high


def test_bootstrap_repeats_and_does_not_depend_on_chunks(model, noise, no_compute):
    d = (displacement(model) + noise).isel(x=slice(0, 40)).assign_attrs(units="mm").transpose("time", "x")
    eager = decompose(d, model, uncertainty="bootstrap", draws=60)
    with no_compute():
        lazy = decompose(d.chunk(x=7), model, uncertainty="bootstrap", draws=60)
    xr.testing.assert_allclose(lazy.compute(), eager)
    other = decompose(d, model, uncertainty="bootstrap", draws=60, seed=1)
    assert (other.linear_rate_std != eager.linear_rate_std).any()
    xr.testing.assert_equal(other.linear_rate, eager.linear_rate)


# interferograms


def test_direct_fit_of_two_groups_is_exact_with_any_uncertainty():
    dates = pd.date_range("2015-05-01", periods=8, freq="90D").values
    linear, composite = series(np.linspace(0, 2, 8), "1", dates), series([3, 20, 28, 5, 0, 9, 30, 2], "1", dates)
    edges = np.array([(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (4, 6), (5, 6), (5, 7), (6, 7)])
    observed = pairs_of((RATE * linear + COEFFICIENT * composite).values, *edges.T, dates)
    for options in ({"uncertainty": "formal"}, {"blocks": "both"}, {"uncertainty": "bootstrap", "blocks": "both"}):
        out = pecm.fit_pairs(observed, linear, composite, min_dates=5, **options)
        assert float(out.linear_rate) == pytest.approx(RATE, abs=1e-9)
        assert float(out.seasonal_coefficient) == pytest.approx(COEFFICIENT, abs=1e-9)
        assert float(out.intercept) == 0.0


def test_pairs_share_the_noise_of_their_dates(model, interferograms):
    indices = model["normalized"], model["I"]
    formal = held(pecm.fit_pairs(interferograms, *indices, uncertainty="formal"))
    assert formal[0] < 0.35
    for options in ({}, {"blocks": "both"}, {"uncertainty": "bootstrap"}):
        rate, amplitude = held(pecm.fit_pairs(interferograms, *indices, **options))
        assert 0.62 < rate < 0.9
        assert 0.55 < amplitude < 0.85


def test_pairs_and_series_agree_and_stay_lazy(model, interferograms, no_compute):
    few = interferograms.isel(x=slice(0, 30))
    weights = xr.ones_like(few)
    weights[::9] = 0.0
    eager = pecm.fit_pairs(few, model["normalized"], model["I"], weights=weights)
    with no_compute():
        lazy = pecm.fit_pairs(few.chunk(x=8), model["normalized"], model["I"], weights=weights.chunk(x=8))
    assert lazy.linear_rate.chunks == ((8, 8, 8, 6),)
    xr.testing.assert_allclose(lazy.compute(), eager)
    assert float(abs(eager.linear_rate - RATE).median()) < 1.0


def test_what_is_given_twice_is_refused(model, interferograms):
    """P12: a date twice in a series, or a pair twice in a stack, would count double."""
    d, linear, composite = displacement(model), model["normalized"], model["I"]
    twice = [0, *range(121)]
    calls = [
        lambda: pecm.fit(d[twice], linear[twice], composite[twice]),
        lambda: pecm.sinusoid(d[twice]),
        lambda: pecm.compare(d[twice], {"index": pecm.Model((linear[twice], composite[twice]))}),
        lambda: pecm.fit_pairs(interferograms[[0, *range(40)]], linear, composite),
        lambda: pecm.fit_pairs(interferograms, linear[twice], composite[twice]),
    ]
    for call in calls:
        with pytest.raises(QtpDataError, match="repeat") as raised:
            call()
        assert raised.value.code == "P12"


def test_wrong_pairs_are_refused(model, interferograms):
    indices = model["normalized"], model["I"]
    with pytest.raises(QtpDataError, match="reference, both"):
        pecm.fit_pairs(interferograms, *indices, blocks="secondary")
    with pytest.raises(QtpDataError, match="coordinate 'secondary'"):
        pecm.fit_pairs(interferograms.drop_vars("secondary"), *indices)
    short = interferograms.isel(pair=interferograms["reference"].dt.year == 2018)
    with pytest.raises(QtpDataError, match="three calendar years"):
        pecm.fit_pairs(short, *indices)
    assert int(pecm.fit_pairs(short, *indices, uncertainty="formal").reason[0]) == 0


@pytest.mark.parametrize("kind", ["few dates", "one season", "proportional"])
def test_alike_indices_are_not_told_apart(model, kind):
    """P09: the condition number decides, not an exception."""
    d, linear, composite = displacement(model), model["normalized"], model["I"]
    if kind == "few dates":
        d = d.where(d.time > d.time[-5])
        out = pecm.fit(d, linear, composite, min_dates=3)
    elif kind == "one season":
        d = d.where((d.time > np.datetime64("2018-12-01")) & (d.time < np.datetime64("2019-04-20")))
        out = pecm.fit(d, linear, composite, min_dates=5)
    else:
        out = pecm.fit(d, linear, (3.0 * linear).rename("composite_index"))
    assert int(out.reason) == 3
    assert all(np.isnan(out[name]) for name in out.data_vars if name != "reason")
