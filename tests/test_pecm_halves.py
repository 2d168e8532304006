"""Half the difference of the fits to alternate years: errors of the maps where the ground moves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pecm_cases import displacement, six_years
from promised import noted, without_note

from qtp_toolkit import pecm
from qtp_toolkit.conventions import QtpDataError

PIXELS = 400
LAYERS = ("linear_rate", "seasonal_amplitude")


@pytest.fixture(scope="module")
def case():
    """Motion of the model on many pixels, and its curves."""
    model = six_years()
    moved = displacement(model, intercept=3.0).expand_dims(x=PIXELS).transpose("time", ...)
    return moved, model["normalized"], model["I"]


def halves(moved, linear, composite):
    return pecm.half_difference(moved, linear, composite, peak_index=composite.max())


def noise_args(case, alike, seed=5):
    """Noise of 3 mm a date; neighbors in pairs share ``alike`` of it."""
    rng = np.random.default_rng(seed)
    one, two = rng.normal(0.0, 3.0, (2, case[0].sizes["time"], PIXELS // 2))
    both = np.concatenate([one, alike * one + np.sqrt(1 - alike**2) * two], axis=1)
    moved = case[0] + xr.DataArray(both.reshape(case[0].shape), dims=case[0].dims)
    return moved, *case[1:]


def test_closed_form_motion_that_is_the_same_every_year_cancels(case):
    out = halves(*case)
    for name in LAYERS:
        np.testing.assert_allclose(out[name], 0.0, atol=1e-9)
    assert out["linear_rate"].attrs["units"] == "mm/yr"
    assert out["linear_rate"].attrs["long_name"].startswith("half the difference")


def test_oracle_it_is_the_difference_of_two_fits_by_lstsq(case):
    moved, linear, composite = noise_args(case, 0.5)
    out = halves(moved, linear, composite)
    years = moved["time"].dt.year.values
    rates = []
    for part in (np.isin(years, np.unique(years)[k::2]) for k in (0, 1)):
        columns = np.column_stack([linear.values[part], composite.values[part], np.ones(part.sum())])
        rates.append(np.linalg.lstsq(columns, moved.values[part].reshape(part.sum(), -1), rcond=None)[0][0])
    np.testing.assert_allclose(out["linear_rate"].values.ravel(), (rates[0] - rates[1]) / 2, atol=1e-8)


@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_oracle_it_spreads_as_the_errors_of_the_whole_fit_do(case, alike):
    """Of single pixels, and of differences between pixels that share a part of their noise."""
    args = noise_args(case, alike)
    split, whole, true = halves(*args), pecm.fit(*args, uncertainty="formal"), pecm.fit(*case)
    for name in LAYERS:
        ends = [(da - da.mean()).values.reshape(2, -1) for da in (split[name], whole[name] - true[name])]
        for spread in (lambda end: end.std(), lambda end: (end[0] - end[1]).std()):
            assert spread(ends[0]) == pytest.approx(spread(ends[1]), rel=0.25), name


def test_too_few_years_are_refused(case):
    years = case[0]["time"].dt.year.values
    few = np.flatnonzero(np.isin(years, np.unique(years)[:3]))
    with pytest.raises(QtpDataError, match="too few years"):
        halves(*(da.isel(time=few) for da in case))


def test_a_pixel_that_a_half_cannot_fit_is_not_a_number(case):
    moved = case[0].copy()
    years = moved["time"].dt.year.values
    moved[np.isin(years, np.unique(years)[::2]), 0] = np.nan
    out = halves(moved, *case[1:])
    assert np.isnan(out["linear_rate"].values.ravel()[0])
    assert np.isfinite(out["linear_rate"].values.ravel()[1:]).all()


def test_lazy_equals_eager_and_it_stays_synthetic(case, no_compute):
    args = noise_args(case, 0.5)
    with no_compute():
        lazy = halves(args[0].chunk(x=150), *args[1:])
    xr.testing.assert_allclose(lazy.compute(scheduler="sync"), halves(*args))
    assert without_note(out=halves(noted(args[0]), *args[1:])) == []
    assert pd.Index(lazy.data_vars).tolist() == list(LAYERS)
