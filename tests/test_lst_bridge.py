"""The bridge from one temperature sensor to the next: closed form, oracles, properties, laziness."""

from __future__ import annotations

import warnings

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import noted, without_note
from scipy.optimize import least_squares
from small_files import refused

from qtp_toolkit import lst
from qtp_toolkit.lst.bridging import SEASONS
from qtp_toolkit.lst.kernels import bridge as kernels

TRUE = {"DJF": (1.8, 0.95), "MAM": (-0.6, 1.03), "JJA": (-2.2, 0.9), "SON": (0.4, 1.0)}
"""Offset (K) and slope by season that the second sensor is given."""
NUMBER = {month: k for k, months in enumerate(SEASONS.values()) for month in months}


def composites(years=8, start=2012):
    days = [np.datetime64(f"{year}-01-04T12") + 8 * k * np.timedelta64(1, "D")
            for year in range(start, start + years) for k in range(46)]  # fmt: skip
    return np.array(days, "datetime64[ns]")


def series(rng, *, pixels=1, years=8, noise=0.0, weather=3.0):
    """Two sensors of one ground: the first is offset + slope x the second, by season, and both err."""
    times = composites(years)
    months = pd.DatetimeIndex(times).month
    wave = -4.0 - 13.0 * np.cos(2 * np.pi * (np.arange(times.size) - 2) / 45.66)
    ground = wave[:, None] + rng.normal(0, weather, (times.size, pixels))
    offset, slope = (np.array([list(TRUE.values())[NUMBER[m]][k] for m in months])[:, None] for k in (0, 1))
    axes = {"time": times, "x": np.arange(pixels) * 1000.0}
    second, first = ground, offset + slope * ground + rng.normal(0, noise, ground.shape)
    return [xr.DataArray(a, axes, ("time", "x"), attrs={"units": "degC"}) for a in (first, second)]


# closed form ----------------------------------------------------------------------------------------------------------


def test_closed_form_offset_and_slope_of_each_season(rng):
    first, second = series(rng, pixels=3)
    fit = lst.fit_bridge(first, second)
    for k, name in enumerate(("offset", "slope")):
        want = np.array([row[k] for row in TRUE.values()])[:, None]
        np.testing.assert_allclose(fit[name], np.broadcast_to(want, (4, 3)), atol=1e-6)
    assert (fit["reason"] == 0).all()
    assert float(fit["scatter"].max()) < 1e-6
    assert int(fit["common"].sum("season")[0]) == 8 * 46
    np.testing.assert_allclose(
        fit["center"].sel(season="JJA"), second.sel(time=second["time"].dt.month.isin([6, 7, 8])).mean("time")
    )


def test_closed_form_a_series_goes_on(rng):
    """Dates of the first as they are, later ones carried over, each with its sensor."""
    first, second = series(rng, pixels=2)
    ends = first.isel(time=slice(6 * 46))
    out = lst.bridge(ends, second, names=["terra aqua", "snpp"])
    np.testing.assert_array_equal(out["lst"].isel(time=slice(6 * 46)), ends)
    np.testing.assert_allclose(out["lst"], first, atol=1e-6)
    assert out["sensor"].values.tolist() == ["terra aqua"] * 6 * 46 + ["snpp"] * 2 * 46
    assert (out["lst_std"].isel(time=slice(6 * 46)) == 0).all()
    assert out["lst"].attrs["units"] == "degC"
    assert out["lst_std"].attrs["units"] == "K"


def test_sensors_are_named_by_what_the_daily_means_are_of(rng):
    first, second = series(rng)
    first.attrs["overpasses"], second.attrs["overpasses"] = "terra_day terra_night aqua_day aqua_night", "snpp_day"
    out = lst.bridge(first.isel(time=slice(300)), second)
    assert list(dict.fromkeys(out["sensor"].values.tolist())) == ["terra aqua", "snpp"]


# oracles --------------------------------------------------------------------------------------------------------------


def biweight(z):
    """Tukey's loss as scipy wants it: rho, rho', rho'' of the squared scaled residual."""
    inside = z < 1
    rest = np.where(inside, 1 - z, 0.0)
    return np.stack([np.where(inside, 1 - rest**3, 1.0) / 3, rest**2, -2 * rest])


def test_oracle_lines_are_those_of_a_general_minimizer(rng):
    """Tukey's loss at the settled scale, minimized by scipy from the truth."""
    first, second = series(rng, pixels=4, noise=1.0)
    cloudy = rng.random(first.shape) < 0.15
    first = first.where(~cloudy, first - 12).assign_attrs(first.attrs)
    fit = lst.fit_bridge(first, second)
    months = first["time"].dt.month
    for name, season in SEASONS.items():
        y, x = (da.where(months.isin(season), drop=True).values for da in (first, second))
        for k in range(4):
            row = fit.sel(season=name).isel(x=k)
            count = int(row["common"])
            scale = float(row["scatter"]) / np.sqrt(count / (count - 2))
            best = least_squares(
                lambda p, x=x[:, k], y=y[:, k]: y - p[0] - p[1] * x,
                TRUE[name],
                loss=biweight,
                f_scale=kernels.TUNING * scale,
                xtol=1e-14, ftol=1e-14, gtol=1e-14,
            )  # fmt: skip
            np.testing.assert_allclose([row["offset"], row["slope"]], best.x, atol=2e-4)
            assert scale == pytest.approx(1.4826 * np.median(np.abs(best.fun)), rel=1e-3)


def test_oracle_without_outliers_it_is_nearly_least_squares(rng):
    first, second = series(rng, pixels=40, noise=1.0, years=12)
    fit = lst.fit_bridge(first, second)
    months = first["time"].dt.month
    for name, season in SEASONS.items():
        y, x = (da.where(months.isin(season), drop=True).values for da in (first, second))
        dense = np.stack(
            [np.linalg.lstsq(np.stack([np.ones(len(x)), x[:, k]], 1), y[:, k], rcond=None)[0] for k in range(40)]
        )
        middle = fit["center"].sel(season=name).values
        ours = (fit["offset"] + fit["slope"] * fit["center"]).sel(season=name).values
        assert np.abs(ours - dense[:, 0] - dense[:, 1] * middle).mean() < 0.03  # a third of its standard deviation


def test_oracle_coverage_of_the_stated_errors(rng):
    """One sigma holds 60 to 75 %: of the line at its center, of its slope, and of what is carried over."""
    first, second = series(rng, pixels=400, noise=1.2, years=7)
    early = first.isel(time=slice(5 * 46))
    fit = lst.fit_bridge(early, second)
    offset, slope = (xr.DataArray([row[k] for row in TRUE.values()], dims="season") for k in (0, 1))
    at_center = fit["offset"] + fit["slope"] * fit["center"] - offset - slope * fit["center"]
    out = lst.bridge(early, second, fit=fit).isel(time=slice(5 * 46, None))
    error = out["lst"] - first.isel(time=slice(5 * 46, None))
    for off, sigma in ((at_center, fit["mean_std"]), (fit["slope"] - slope, fit["slope_std"]), (error, out["lst_std"])):
        assert 0.60 < float((abs(off) < sigma).mean()) < 0.75


def test_oracle_simulated_overlap_leaves_no_bias(rng):
    """Two years from another sensor with clouds of its own: more than 1 K off without the bridge, below 0.1 K with."""
    first, second = series(rng, pixels=200, noise=1.0, years=6)
    cloudy = rng.random(second.shape) < 0.1
    second = second.where(~cloudy, second - 15).assign_attrs(second.attrs)
    late = slice(4 * 46, None)
    out = lst.bridge(first.isel(time=slice(4 * 46)), second)
    clear = ~xr.DataArray(cloudy, first.coords, first.dims).isel(time=late)
    season = first["time"].isel(time=late).dt.season
    for da, worst in ((out["lst"].isel(time=late), (0.0, 0.1)), (second.isel(time=late), (1.0, 4.0))):
        bias = (da - first.isel(time=late)).where(clear).groupby(season).mean(...)
        assert worst[0] <= float(abs(bias).max()) <= worst[1]


def test_oracle_scatter_of_the_second_flattens_the_slope(rng):
    """By what is known of errors in both: the variance of the ground over that of what is seen."""
    first, second = series(rng, pixels=300, noise=1.0, years=10)
    noisy = (second + rng.normal(0, 1.0, second.shape)).assign_attrs(units="degC")
    fit = lst.fit_bridge(first, noisy)
    months = first["time"].dt.month
    for name, season in SEASONS.items():
        ground = float(second.where(months.isin(season)).var("time").mean())
        want = TRUE[name][1] * ground / (ground + 1.0)
        assert float(fit["slope"].sel(season=name).mean()) == pytest.approx(want, abs=0.01)
        line = fit["offset"] + fit["slope"] * fit["center"]  # and the middle of the season is where it was
        want = TRUE[name][0] + TRUE[name][1] * fit["center"]
        assert abs(float((line - want).sel(season=name).mean())) < 0.03


def test_oracle_zones_are_fits_to_means_of_their_pixels(rng):
    first, second = series(rng, pixels=6, noise=1.0)
    first = first.where(rng.random(first.shape) > 0.2).assign_attrs(first.attrs)
    zones = xr.DataArray([7, 7, 2, 2, -1, np.nan], {"x": first["x"]}, ("x",))
    fit = lst.fit_bridge(first, second, zones=zones)
    both = np.isfinite(first)
    for pixels in ([0, 1], [2, 3]):
        means = [da.where(both).isel(x=pixels).mean("x").assign_attrs(units="degC") for da in (first, second)]
        own = lst.fit_bridge(*means)
        for name in ("offset", "slope", "scatter", "common"):
            np.testing.assert_allclose(fit[name].isel(x=pixels), own[name].expand_dims(x=2, axis=1), rtol=1e-9)
    assert (fit["reason"].isel(x=[4, 5]) == 7).all()
    assert np.isnan(fit["slope"].isel(x=[4, 5])).all()
    out = lst.bridge(first.isel(time=slice(200)), second, zones=zones)
    assert np.isnan(out["lst"].isel(x=4, time=slice(200, None))).all()
    assert np.isfinite(out["lst"].isel(x=0, time=slice(200, None))).all()


# reasons --------------------------------------------------------------------------------------------------------------


def test_too_short_an_overlap_is_a_reason_and_no_number(rng):
    """NaN where a season has too few common dates, none, or no spread: with the code that says so."""
    first, second = series(rng, pixels=4, noise=0.5, years=3)
    months = first["time"].dt.month
    summer = months.isin([6, 7, 8])
    first[:, 1] = first[:, 1].where(~summer | (np.cumsum(summer) <= 11))  # eleven summer dates
    first[:, 2] = np.nan  # a lake
    second[:, 3] = second[:, 3].where(~summer, 5.0)  # a thermometer that is stuck in summer
    out = lst.bridge(first.isel(time=slice(2 * 46)), second)
    fit = lst.fit_bridge(first, second)
    assert fit["reason"].sel(season="JJA").values.tolist() == [0, 4, 5, 3]
    assert fit["reason"].sel(season="DJF").values.tolist() == [0, 0, 5, 0]
    assert int(fit["common"].sel(season="JJA")[1]) == 11
    for name in ("offset", "slope", "scatter", "slope_std"):
        assert np.isnan(fit[name]).values.tolist() == (fit["reason"] > 0).values.tolist()
    late = out.isel(time=slice(2 * 46, None))
    in_summer = late["time"].dt.month.isin([6, 7, 8])
    assert np.isnan(late["lst"].isel(x=1)).values.tolist() == in_summer.values.tolist()
    assert (out["bridge_reason"].isel(x=2) == 5).all()
    assert lst.fit_bridge(first, second, min_common=11)["reason"].sel(season="JJA")[1] == 0


def test_what_cannot_be_bridged_is_refused(rng):
    first, second = series(rng)
    shifted = second.assign_coords(time=second["time"] + np.timedelta64(1, "h"))
    assert "no date in common" in refused(lst.fit_bridge, first, shifted, code="M28")
    moved = second.assign_coords(x=second["x"] + 400.0)
    wide, other = xr.concat([first, first], "x"), xr.concat([moved, moved], "x")
    wide, other = wide.assign_coords(x=[0.0, 1000.0]), other.assign_coords(x=[400.0, 1400.0])
    assert "not on the grid" in refused(lst.bridge, wide, other)
    refused(lst.bridge, first, second.assign_attrs(units="K"))
    assert "once" in refused(
        lst.fit_bridge, first, second, seasons={"cold": (11, 12, 1, 2), "warm": range(3, 11), "x": (1,)}
    )
    fit = lst.fit_bridge(first, second)
    assert "options" in refused(lst.bridge, first, second, fit=fit, min_common=3)
    assert "two" in refused(lst.bridge, first, second, fit=fit, names=["snpp"])
    assert "two" in refused(lst.bridge, first, second, fit=fit, names="ab")
    for few in (0, 2):  # two dates lie on a line, whose error would be none
        assert "3 or more" in refused(lst.fit_bridge, first, second, min_common=few, code="M28")
    asked, other, fit = (da.rename(x="y").expand_dims(x=[0.0, 1000.0]) for da in (first, second, fit))
    assert "the fit of the bridge" in refused(lst.bridge, asked, other, fit=fit.assign_coords(x=[400.0, 1400.0]))
    rough = lst.bridge(asked, other, fit=fit.assign_coords(x=[1e-6, 1000.000001]))
    xr.testing.assert_identical(rough, lst.bridge(asked, other, fit=fit))
    refused(lst.bridge, first.isel(x=0), second)


def test_a_second_bridge_knows_the_sensors_and_the_error_of_the_first(rng):
    """Three thermometers in a row: nobody becomes the first by being carried over."""
    first, second = series(rng, noise=0.8)
    third = (1.0 + 1.05 * second + rng.normal(0, 0.8, second.shape)).assign_attrs(units="degC", overpasses="noaa20_day")
    first, second = (
        da.assign_attrs(overpasses=looks) for da, looks in ((first, "terra_day aqua_day"), (second, "snpp_day"))
    )
    ends = second["time"].values[[150, 260]]
    one = lst.bridge(first.sel(time=slice(None, ends[0])), second.sel(time=slice(None, ends[1])))
    for start in (one, one["lst"]):
        two = lst.bridge(start, third)
        assert two["sensor"].values.tolist() == ["terra aqua"] * 151 + ["snpp"] * 110 + ["noaa20"] * 107
        assert two["lst"].attrs["bridge"] == "noaa20 carried over to terra aqua, snpp by season"
    two = lst.bridge(one, third)
    np.testing.assert_array_equal(two["lst"][:261], one["lst"])
    np.testing.assert_array_equal(two["lst_std"][:261], one["lst_std"])
    assert (two["lst_std"][151:] > 0.5).all()
    xr.testing.assert_allclose(two["lst"][261:], lst.bridge(one["lst"], third)["lst"][261:])
    back = lst.bridge(third.sel(time=slice(None, ends[0])), one["lst"])  # who saw a date stays who saw it
    assert back["sensor"].values.tolist() == ["noaa20"] * 151 + ["snpp"] * 110
    assert "lst_std" in refused(lst.bridge, one[["lst"]], third)


def test_seasons_of_ones_own(rng):
    first, second = series(rng, noise=0.5)
    fit = lst.fit_bridge(first, second, seasons={"frozen": (10, 11, 12, 1, 2, 3, 4), "thawed": (5, 6, 7, 8, 9)})
    assert fit["season"].values.tolist() == ["frozen", "thawed"]
    out = lst.bridge(first.isel(time=slice(200)), second, fit=fit)
    assert out["bridge_reason"].sizes["season"] == 2
    assert np.isfinite(out["lst"]).all()


# properties -----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-20, 20), gain=st.floats(0.7, 1.3), seed=st.integers(0, 2**32 - 1), share=st.floats(0.0, 0.3))
def test_property_a_line_put_on_the_first_is_found(shift, gain, seed, share):
    """A shift of the first shifts the offset and nothing else; a line without scatter is found as it is."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-5, 8, (2, 60))
    y = 0.5 + x + rng.normal(0, 1, x.shape) - 15 * (rng.random(x.shape) < share)
    plain, _ = kernels.fit_line(x, y, 12, 0.5)
    other, reason = kernels.fit_line(x, shift + y, 12, 0.5)
    assert (reason == 0).all()
    np.testing.assert_allclose(other[:, 0], shift + plain[:, 0], atol=1e-5)
    np.testing.assert_allclose(other[:, 1:], plain[:, 1:], rtol=1e-5, atol=1e-6)
    exact, _ = kernels.fit_line(x, shift + gain * x, 12, 0.5)
    np.testing.assert_allclose(exact[:, :2], np.broadcast_to([shift, gain], (2, 2)), atol=1e-6)


def test_property_pixels_do_not_know_each_other(rng, monkeypatch):
    """Whatever stands beside a pixel, and wherever blocks are cut."""
    first, second = series(rng, pixels=7, noise=1.0)
    first = first.where(rng.random(first.shape) > 0.3).assign_attrs(first.attrs)
    whole = lst.fit_bridge(first, second)
    monkeypatch.setattr(kernels, "PIXELS", 2)
    xr.testing.assert_allclose(lst.fit_bridge(first, second), whole, rtol=1e-7, atol=1e-7)


# lazy -----------------------------------------------------------------------------------------------------------------


def test_results_say_that_they_are_synthetic(rng):
    first, second = (noted(da) for da in series(rng, pixels=2, noise=0.5))
    results = {"fit": lst.fit_bridge(first, second), "bridge": lst.bridge(first.isel(time=slice(200)), second)}
    assert without_note(**results) == []


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
def test_lazy_is_eager_and_nothing_computes_early(rng, no_compute, scheduler):
    first, second = series(rng, pixels=6, noise=1.0, years=4)
    first = first.where(rng.random(first.shape) > 0.1).astype("float32").assign_attrs(first.attrs)
    second = second.astype("float32")
    ends = first.isel(time=slice(130))
    zones = xr.DataArray([0, 0, 1, 1, 1, -1], {"x": first["x"]}, ("x",))
    for options in ({}, {"zones": zones}):
        with no_compute():
            lazy = lst.bridge(ends.chunk({"time": 50, "x": 2}), second.chunk({"time": 60, "x": 2}), **options)
        assert lazy["lst"].chunks is not None
        eager = lst.bridge(ends, second, **options)
        assert eager["lst"].dtype == np.float32
        with dask.config.set(scheduler=scheduler):
            xr.testing.assert_allclose(lazy.compute(), eager, rtol=1e-5)


def test_a_bridged_series_goes_through_the_rest_of_the_room(rng):
    """Gap fill, days and dates take it, warnings and all."""
    first, second = series(rng, pixels=2, noise=0.5, years=4)
    out = lst.bridge(first.isel(time=slice(120)), second)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        daily = lst.to_daily(out["lst"])
        there = lst.at_dates(out["lst"], out["time"].values[[3, 150]] + np.timedelta64(2, "D"))
    assert np.isfinite(daily).all()
    assert "bridge" in out["lst"].attrs
    assert there["sensor"].values.tolist() == ["first", "second"]  # days know who saw them, too
    change = out["time"].values[120] - np.timedelta64(4, "D")
    assert (daily["sensor"] == np.where(daily["time"].values <= change, "first", "second")).all()
