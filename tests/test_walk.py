"""The walk in a few calls: the numbers of the notebooks; biased temperatures, shifted onsets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import pecm, seasons, walk

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


# lazy


def test_lazy_in_lazy_out(daily, no_compute):
    lazy = daily.chunk(y=1, time=-1)
    with no_compute():
        out = walk.thermal(lazy, dates=DAYS[::30], warmer=1.0)
    xr.testing.assert_allclose(out.compute(), walk.thermal(daily, dates=DAYS[::30], warmer=1.0))
    assert pecm.indices(out, 1.0, like=daily.isel(time=0, drop=True)).chunks
