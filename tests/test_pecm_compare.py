"""Models side by side: information criterion and years left out."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from pecm_cases import displacement, doy, six_years

from qtp_toolkit import pecm
from qtp_toolkit.conventions import QtpDataError


@pytest.fixture(scope="module")
def model():
    return six_years()


@pytest.fixture(scope="module")
def models(model):
    return pecm.candidates(model["I"], doy(131.0), doy(283.0))


@pytest.fixture
def moved(model, rng):
    """Series of the model, of a sinusoid, with a gap, and none, (time, x)."""
    t = np.arange(122) / 20.0
    wave = xr.DataArray(8 * np.sin(2 * np.pi * (model["I"].time.dt.dayofyear - 40) / 365.25) - 2 * t, dims="time")
    d = xr.concat(
        [displacement(model, intercept=3.0), wave, displacement(model, intercept=9.0), displacement(model)], "x"
    )
    d = (d + xr.DataArray(rng.normal(size=(4, 122)), dims=("x", "time"))).transpose("time", "x")
    d[30:50, 2] = np.nan
    d[:, 3] = np.nan
    return d.assign_attrs(units="mm")


# oracle


@pytest.mark.parametrize("name", ["index", "no intercept", "index + half-year", "sinusoid"])
def test_scores_are_those_of_fits_by_hand(moved, models, name):
    out = pecm.compare(moved, models).sel(model=name)
    years = moved.time.dt.year.values
    columns = [np.asarray(c) for c in models[name].columns] + [np.ones(122)] * models[name].intercept
    for x in (0, 1, 2):
        y, use = moved.values[:, x], np.isfinite(moved.values[:, x])
        design = np.stack(columns, 1)
        errors = np.full(122, np.nan)
        for year in np.unique(years):
            train, test = use & (years != year), use & (years == year)
            errors[test] = y[test] - design[test] @ np.linalg.lstsq(design[train], y[train], rcond=None)[0]
        residual = y[use] - design[use] @ np.linalg.lstsq(design[use], y[use], rcond=None)[0]
        rms = np.sqrt(np.mean(residual**2))
        assert float(out["rms"][x]) == pytest.approx(rms, rel=1e-6)
        assert float(out["cv_rms"][x]) == pytest.approx(np.sqrt(np.nanmean(errors**2)), rel=1e-6)
        bic = use.sum() * np.log(rms**2) + design.shape[1] * np.log(use.sum())
        assert float(out["bic"][x]) == pytest.approx(bic, rel=1e-6)
    assert int(out["parameters"]) == len(columns)


# closed form


def test_the_model_that_made_the_series_wins(moved, models):
    out = pecm.compare(moved, models)
    names = [*models, "none"]
    for kind in ("best_bic", "best_cv"):
        winners = [names[int(k)] for k in out[kind]]
        assert winners[1] == "sinusoid"
        assert {winners[0], winners[2]} <= {"index", "index + steady", "index + half-year"}
        assert winners[3] == "none"
    assert np.isnan(out["rms"][:, 3]).all()


def test_summary_has_a_line_a_model(moved, models):
    table = pecm.summary(pecm.compare(moved, models)).to_dataframe()
    assert list(table.index) == list(models)
    assert table["best_bic_share"].sum() == pytest.approx(1.0)
    assert table["best_cv_share"].sum() == pytest.approx(1.0)
    assert table["bic_excess"].min() >= 0.0
    assert table.loc["no intercept", "parameters"] == 2
    assert (table["cv_rms"] >= table["rms"]).all()


def test_weights_silence_a_bad_date(moved, models):
    spoiled, weights = moved.copy(), xr.ones_like(moved)
    spoiled[60], weights[60] = 500.0, 0.0
    gone = moved.copy()
    gone[60] = np.nan
    xr.testing.assert_allclose(pecm.compare(spoiled, models, weights=weights), pecm.compare(gone, models))


# lazy


def test_comparison_stays_lazy(moved, model, models, no_compute):
    eager = pecm.compare(moved, models)
    wide = xr.DataArray(np.ones(4), dims="x")
    onsets = [(value * wide).assign_attrs(units="day of year").chunk(x=2) for value in (131.0, 283.0)]
    with no_compute():
        lazy = pecm.compare(moved.chunk(x=2), pecm.candidates((model["I"] * wide).chunk(x=2), *onsets))
        table = pecm.summary(lazy)
    xr.testing.assert_allclose(lazy.compute(), eager)
    xr.testing.assert_allclose(table.compute(), pecm.summary(eager))


def test_wrong_comparisons_are_refused(moved, models):
    with pytest.raises(QtpDataError, match="no models"):
        pecm.compare(moved, {})
    short = {name: pecm.Model(tuple(c[:9] for c in m.columns), m.intercept) for name, m in models.items()}
    with pytest.raises(QtpDataError, match="three calendar years"):
        pecm.compare(moved[:9], short)
    with pytest.raises(QtpDataError, match="differ in dates"):
        pecm.compare(moved[1:], models)
