"""The walk in a few calls: the numbers of the notebooks; biased temperatures, shifted onsets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import correct, pecm, seasons, walk
from qtp_toolkit.catalog import Settings
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.kernels import reasons

DAYS = pd.date_range("2017-01-01", periods=730)


@pytest.fixture
def daily():
    """The year of notebook 02 that can be integrated by hand, twice, on 2 x 2 pixels of a radar grid."""
    year = -3.5 + 13.5 * np.sin(2 * np.pi * (np.arange(730) % 365 + 1 - 115) / 365)
    coords = {"time": DAYS, "y": [3.6e6, 3.5e6], "x": [3e5, 4e5]}
    da = xr.DataArray(np.broadcast_to(year[:, None, None], (730, 2, 2)).copy(), coords, ("time", "y", "x"))
    return da.assign_attrs(units="degC").rio.write_crs(32646)


# closed form


def test_the_year_that_is_integrated_by_hand(daily):
    out = walk.thermal(daily, dates=DAYS[::30])
    np.testing.assert_allclose(out["thaw_onset_mean"], 130.23, atol=0.05)
    np.testing.assert_allclose(out["freeze_onset_mean"], 282.27, atol=0.05)
    np.testing.assert_allclose(out["addt_end"].isel(thaw_year=0), 982.74, atol=0.5)


def test_later_moves_both_onsets_and_nothing_else_of_the_clock(daily):
    plain, moved = (walk.thermal(daily, dates=DAYS[::30], later=days) for days in (0.0, 10.0))
    for name in walk.ENDS:
        np.testing.assert_allclose(moved[name] - plain[name], 10.0)
        assert moved[name].attrs["units"] == "day of year"


def test_a_bias_is_that_of_a_warmer_series(daily):
    warm = (daily + 3.0).assign_attrs(daily.attrs)
    told, done = walk.thermal(daily, dates=DAYS[::30], warmer=3.0), seasons.onsets(warm)
    xr.testing.assert_equal(told["thaw_onset_mean"], done["thaw_onset_mean"])


def test_variants_are_named_for_what_they_change(daily):
    ratio = xr.ones_like(daily.isel(time=0, drop=True))
    found = walk.variants(daily, ratio, dates=DAYS[::30], warmer=(3,), later=(-10,), factors=(0.5,))
    assert list(found) == ["as it is", "LST +3 K", "onsets -10 d", "ratio x 0.5", "printed L"]
    plain = found["as it is"].compute()
    for name, same in (("ratio x 0.5", "linear_index"), ("printed L", "composite_index")):
        xr.testing.assert_equal(found[name][same].compute(), plain[same])
    assert float(found["LST +3 K"]["peak_index"].mean()) > float(plain["peak_index"].mean())


# a ready series


@pytest.fixture
def theirs(rng):
    """Six dates of 8 x 9 pixels: a slope that tilts from date to date, and a pixel that is 0 on all of them."""
    dates = pd.date_range("2018-01-01", periods=6, freq="60D")
    axes = {"time": dates, "y": 34.0 - 0.01 * np.arange(8), "x": 92.0 + 0.01 * np.arange(9)}
    own = rng.normal(0.0, 5.0, (6, 8, 9))
    own -= own[:, 4:5, 4:5]
    da = xr.DataArray(own, axes, ("time", "y", "x"), attrs={"units": "mm"}).rio.write_crs(4326)
    return da.to_dataset(name="displacement")


def test_a_series_is_relative_to_what_the_settings_say(theirs):
    settings = Settings(reference_area=(91.995, 33.985, 92.015, 34.005))
    out = walk.ready_series(theirs, settings)
    corner = theirs["displacement"][:, :2, :2].mean(("y", "x"))
    np.testing.assert_allclose(out["displacement"], theirs["displacement"] - corner)
    assert int(out["reference_area"].sum()) == 4
    assert (out["reason"] == 0).all()
    assert out.attrs["ramp"] == "none"
    assert float(correct.ramp_std(out, out["reference_area"]).to_array().max()) == 0.0


def test_without_settings_the_reference_is_the_producers(theirs):
    out = walk.ready_series(theirs, Settings())
    assert np.argwhere(out["reference_area"].values).tolist() == [[4, 4]]
    np.testing.assert_allclose(out["displacement"], theirs["displacement"])
    named = walk.ready_series(theirs.assign_attrs(reference_area="2:4/1:4"), Settings())  # columns/rows of LiCSBAS
    assert np.argwhere(named["reference_area"].values).tolist() == [[r, c] for r in (1, 2, 3) for c in (2, 3)]
    placed = walk.ready_series(theirs.assign_attrs(reference_xy=[92.031, 33.949]), Settings())  # MintPy
    assert np.argwhere(placed["reference_area"].values).tolist() == [[5, 3]]
    steady = xr.zeros_like(theirs["displacement"][0], dtype=bool)
    steady[0, 0] = True
    assert walk.ready_series(theirs, Settings(), stable=steady)["reference_area"].values[0, 0]
    for bad in (theirs["displacement"] + 1.0, theirs["displacement"] * 0.0):
        with pytest.raises(QtpDataError, match="nothing says what the series is relative to") as raised:
            walk.ready_series(bad.assign_attrs(units="mm").to_dataset(name="displacement"), Settings())
        assert "settings.reference_point" in str(raised.value)


def test_planes_of_the_dates_are_taken_out_whatever_the_date_of_reference(theirs, rng):
    rows, columns = (xr.DataArray(np.linspace(-1, 1, n), dims=dim) for dim, n in (("y", 8), ("x", 9)))
    tilts = xr.DataArray(rng.normal(0.0, 20.0, (2, 6)), dims=("axis", "time"))
    planes = (tilts[0] * rows + tilts[1] * columns).transpose("time", "y", "x")
    settings = Settings(reference_area=(91.995, 33.985, 92.015, 34.005))
    spoiled = theirs.assign(displacement=(theirs["displacement"] + planes).assign_attrs(units="mm"))
    out, plain = (walk.ready_series(ds, settings, ramp="plane")["displacement"] for ds in (spoiled, theirs))
    # All but the planes of the first date, from which all others are taken, and which any constant takes up.
    np.testing.assert_allclose(out - out[0], plain - plain[0], atol=1e-6)


def test_what_is_masked_or_empty_says_so(theirs):
    moved = theirs["displacement"].copy()
    moved[:, 0, 0], moved[2, 1, 1] = np.nan, np.nan
    mask = xr.zeros_like(moved[0], dtype=bool).drop_vars("time")
    mask[7] = True
    out = walk.ready_series(theirs.assign(displacement=moved), Settings(), mask=mask)
    assert out["reason"].values[0, 0] == reasons.MASKED
    assert (out["reason"].values[7] == reasons.MASKED).all()
    assert np.isnan(out["displacement"].values[:, 7]).all()
    assert int((out["reason"] == 0).sum()) == 72 - 9 - 1
    xr.testing.assert_equal(out["mask"].drop_attrs(), mask.drop_attrs())


def test_a_series_in_another_unit_is_refused(theirs):
    with pytest.raises(QtpDataError, match="mm"):
        walk.ready_series(theirs.assign(displacement=theirs["displacement"].assign_attrs(units="rad")), Settings())


# lazy


def test_a_lazy_series_stays_lazy(theirs, no_compute):
    settings = Settings(reference_area=(91.995, 33.985, 92.015, 34.005))
    with no_compute():
        out = walk.ready_series(theirs.chunk(y=4), settings)
    assert out["displacement"].chunks
    xr.testing.assert_allclose(out.compute(), walk.ready_series(theirs, settings))


def test_lazy_in_lazy_out(daily, no_compute):
    lazy = daily.chunk(y=1, time=-1)
    with no_compute():
        out = walk.thermal(lazy, dates=DAYS[::30], warmer=1.0)
    xr.testing.assert_allclose(out.compute(), walk.thermal(daily, dates=DAYS[::30], warmer=1.0))
    assert pecm.indices(out, 1.0, like=daily.isel(time=0, drop=True)).chunks
