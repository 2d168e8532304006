"""Block averages, active layer thickness and scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import defaults, noted, refuse_strangers, without_note

from qtp_toolkit import grid, validation
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.validation.kernels import averages

ALT = [1.5, 2.0, 2.4, 3.0, 1.8]
WATER = [0.40, 0.30, 0.22, 0.20, 0.35]
SEASONAL = [40.0, 38.0, 33.0, 41.0, 42.0]


def stations(values, units="m"):
    return xr.DataArray(values, {"station": list("ABCDE")[: len(values)]}, ("station",), attrs={"units": units})


def amplitude_map(rng):
    y, x = np.arange(3_800_000.0, 3_798_000.0, -90.0), np.arange(450_000.0, 452_000.0, 90.0)
    values = rng.uniform(5, 30, size=(len(y), len(x)))
    da = xr.DataArray(values, {"y": y, "x": x}, ("y", "x"), name="seasonal_amplitude", attrs={"units": "mm"})
    return da.rio.write_crs(32646)


def lonlat_of(da, x, y):
    where = grid.lonlat(da).interp(x=xr.DataArray(x, dims="station"), y=xr.DataArray(y, dims="station"))
    return where.longitude.values, where.latitude.values


# closed form


def test_weighted_mean_of_the_vector():
    value, sigma = np.array([12.0, 14, 9, 30]), np.array([1.0, 2, 1, 5])
    out = averages.weighted_mean(value, sigma, np.ones(4), min_pixels=2)
    np.testing.assert_allclose(out, (11.222707, 0.660819, 1.772194, 4), atol=1e-6)


def test_block_average_of_the_vector():
    """The vector's five pixels in a row under a square as wide as the row."""
    x, y = np.arange(450_000.0, 450_500.0, 100.0), np.arange(3_800_400.0, 3_799_500.0, -100.0)
    value, sigma = np.full((9, 5), np.nan), np.full((9, 5), np.nan)
    value[4], sigma[4] = [12, 14, np.nan, 9, 30], [1, 2, 1, 1, 5]
    coords = {"y": y, "x": x}
    da = xr.DataArray(value, coords, ("y", "x"), attrs={"units": "mm"}).rio.write_crs(32646)
    lon, lat = lonlat_of(da, [450_200.0], [3_800_000.0])
    out = validation.block_average(da, lon, lat, size_m=500, sigma=xr.DataArray(sigma, coords, ("y", "x")))
    assert out.value.item() == pytest.approx(11.222707, abs=1e-6)
    assert out.se_internal.item() == pytest.approx(0.660819, abs=1e-6)
    assert out.se_external.item() == pytest.approx(1.772194, abs=1e-6)
    assert out.n.item() == 4
    assert out.value.attrs["units"] == "mm"


def test_pixels_weigh_by_the_area_inside(rng):
    """A 200 m block on 90 m pixels: one whole pixel, its neighbors by 55 of 90 m."""
    da = amplitude_map(rng)
    x0, y0 = float(da.x[10]), float(da.y[10])
    out = validation.block_average(da, *lonlat_of(da, [x0], [y0]))
    share = np.array([55, 90, 55]) / 90
    area = np.outer(share, share)
    expected = (area * da[9:12, 9:12].values).sum() / area.sum()
    assert out.value.item() == pytest.approx(expected, rel=1e-4)
    assert out.n.item() == 9
    assert np.isnan(out.se_internal.item())


def test_internal_error_of_partly_covered_pixels_is_propagated(rng):
    """Oracle: the mean is linear in its independent pixels, so its variance adds up their slopes times sigma."""
    da = amplitude_map(rng)
    sigma = da.copy(data=rng.uniform(0.5, 4.0, da.shape))
    place = lonlat_of(da, [float(da.x[10]) + 17.0], [float(da.y[10]) - 31.0])
    out = validation.block_average(da, *place, size_m=200, sigma=sigma)
    variance = 0.0
    for j, i in np.ndindex(5, 5):
        raised = da.copy()
        raised[8 + j, 8 + i] += 1.0
        slope = validation.block_average(raised, *place, size_m=200, sigma=sigma).value.item() - out.value.item()
        variance += (slope * sigma[8 + j, 8 + i].item()) ** 2
    assert out.n.item() == 9
    assert out.se_internal.item() == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_too_few_pixels_give_nan(rng):
    da = amplitude_map(rng)
    x0, y0 = float(da.x[10]), float(da.y[10])
    lonely = da.where((da.x == x0) & (da.y == y0))
    out = validation.block_average(lonely, *lonlat_of(da, [x0, x0 + 1000], [y0, y0]))
    assert out.n.values.tolist() == [1, 0]
    assert np.isnan(out.value).all()
    assert validation.block_average(lonely, *lonlat_of(da, [x0], [y0]), min_pixels=1).value[0] == lonely.max()
    outside = validation.block_average(da, [80.0], [30.0])
    assert outside.n.item() == 0


def test_calibration_of_eq_8():
    alt, water = stations(ALT), stations(WATER, "1")
    calibrated = validation.calibrate_alt(alt, water)
    np.testing.assert_allclose(calibrated, [2, 2, 1.76, 2, 2.1])
    assert calibrated.attrs["units"] == "m"
    raw, better = validation.scores(alt, SEASONAL), validation.scores(calibrated, SEASONAL)
    names = ("slope", "intercept", "r2", "rmse", "rmse_unbiased", "n")
    expected = [-1.005917, 40.952663, 0.026930, 3.144263, 4.059226, 5]
    np.testing.assert_allclose([raw[k] for k in names], expected, atol=1e-6)
    expected = [26.884422, -14.216080, 0.906026, 0.977125, 1.261463, 5]
    np.testing.assert_allclose([better[k] for k in names], expected, atol=1e-6)


def test_scores_of_too_little():
    assert np.isnan(validation.scores([1.0, 2.0], [1.0, 2.0])["r2"])
    assert np.isnan(validation.scores([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])["slope"])
    assert validation.scores([1, 2, 3, np.nan], [2, 4, 6, 1])["n"] == 3
    with pytest.raises(QtpDataError, match="length"):
        validation.scores([1, 2], [1, 2, 3])


def test_stefan_and_settlement():
    addt = xr.DataArray(983.0, attrs={"units": "degC d"})
    conductivity = xr.DataArray(1.2, attrs={"units": "W m-1 K-1"})
    depth = validation.stefan_alt(addt, conductivity, xr.DataArray(0.3))
    assert depth.item() == pytest.approx(1.426282, abs=1e-6)
    assert (depth / np.sqrt(983.0)).item() == pytest.approx(0.045491, abs=1e-6)
    assert np.isnan(validation.stefan_alt(addt, conductivity, xr.DataArray(0.0)))
    for factor in (0.5, 2.0):  # little thaw, and a conductivity and a water content at the ends of their ranges
        small = validation.stefan_alt(addt * 0 + 0.5, conductivity, xr.DataArray(1.0), surface_factor=factor)
        expected = np.sqrt(2 * factor * 1.2 * 0.5 * 86400 / (334e3 * 1000))
        assert small.item() == pytest.approx(expected, rel=0.02)
    settlement = validation.pore_water_settlement(stations([2.0]), stations([0.3], "1"))
    assert settlement.item() == pytest.approx(54.3075, abs=1e-3)
    assert (settlement / 2.0).item() == pytest.approx(27.15, abs=0.01)


def ground(profile, depth, dates=None):
    profile = np.atleast_2d(np.asarray(profile, dtype=float))
    dates = pd.date_range("2018-08-01", periods=len(profile)) if dates is None else dates
    coords = {"time": dates, "depth": list(depth)}
    return xr.DataArray(profile, coords, ("time", "depth"), attrs={"units": "degC"})


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ([8.0, 4.0, 1.0, -1.0], 1.5),  # between 1 and 2 m
        ([8.0, np.nan, 1.0, -3.0], 1.25),
        ([8.0, 4.0, np.nan, -1.0], 1.7),  # bridged from 0.5 m
        ([-5.0, -3.0, -2.0, -1.0], 0.0),
        ([-5.0, 0.5, 0.2, -0.2], 1.5),  # frozen crust above thawed ground
        ([8.0, 4.0, 1.0, 0.5], np.nan),  # below the profile
        ([np.nan] * 4, np.nan),
        ([8.0, 4.0, 0.0, -1.0], 1.0),
    ],
)
def test_depth_of_the_zero_isotherm(profile, expected):
    out = validation.alt_from_temperature(ground(profile, [0.1, 0.5, 1.0, 2.0]))
    np.testing.assert_allclose(out.item(), expected)
    assert out.attrs["units"] == "m"


def test_alt_is_the_deepest_day_of_each_year():
    profiles = [[5, -1], [9, -1], [2, -1], [6, 1]]
    dates = pd.to_datetime(["2017-07-01", "2017-08-20", "2018-08-01", "2019-08-01"])
    temperature = ground(profiles, [0.0, 1.0], dates)
    each = validation.alt_from_temperature(temperature, years="each")
    np.testing.assert_allclose(each, [0.9, 2 / 3, np.nan])
    assert each.thaw_year.values.tolist() == [2017, 2018, 2019]
    assert np.isnan(validation.alt_from_temperature(temperature))
    with pytest.raises(QtpDataError, match="increase downwards"):
        validation.alt_from_temperature(ground(profiles, [1.0, 0.0], dates))


DEPTH = np.array([0.05, 0.5, 1.0, 2.0, 3.0])


def logger(first, last, depth=DEPTH, *, mean=-1.5, damping=1.2, drop=None, south=False, lag=0.0):
    """Daily profile that thaws to 2.60 m; dead on the days of year ``drop``."""
    time = pd.date_range(first, last)
    day = time.day_of_year.values[:, None] + (182 if south else 0)
    wave = 12 * np.sin(2 * np.pi * (day - 110 - lag * np.asarray(depth)) / 365)
    value = mean + wave * np.exp(-np.asarray(depth) / damping)
    if drop:
        value[(time.day_of_year >= drop[0]) & (time.day_of_year <= drop[1])] = np.nan
    return ground(value, depth, time)


def test_years_without_their_thaw_season_are_unknown():
    """A logger installed in autumn and read out in spring: the ends say nothing, and do not pull the mean down."""
    profile = logger("2014-11-01", "2016-03-31")
    each = validation.alt_from_temperature(profile, years="each")
    np.testing.assert_allclose(each, [np.nan, 2.60, np.nan], atol=0.01)
    assert each.attrs["incomplete_years"] == "2014, 2016"
    whole = validation.alt_from_temperature(profile)
    assert whole.item() == pytest.approx(2.60, abs=0.01)
    lazy = validation.alt_from_temperature(profile.chunk(time=50), years="each")
    np.testing.assert_array_equal(lazy.compute(), each)
    stations = xr.concat([profile, profile.where(profile.depth < 0)], pd.Index(["A", "B"], name="station"))
    both = validation.alt_from_temperature(stations, years="each")
    assert both.dims == ("thaw_year", "station")
    np.testing.assert_allclose(both[:, 0], each)
    assert np.isnan(both[:, 1]).all()


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        ((160, 300), np.nan),
        ((190, 300), np.nan),
        ((195, 366), np.nan),
        ((1, 200), 2.60),
        ((1, 225), np.nan),
        ((220, 240), 2.60),
        ((1, 100), 2.60),
        ((320, 366), 2.60),
    ],
)
def test_gaps_of_a_season_count_where_they_hide_the_deepest_day(drop, expected):
    """Dead for weeks about the day of deepest thaw, or while it still thaws: unknown, not shallow."""
    profile = logger("2015-01-01", "2015-12-31", drop=drop, lag=15.0)
    np.testing.assert_allclose(validation.alt_from_temperature(profile, years="each"), [expected], atol=0.05)


def test_southern_summers_run_from_january():
    profile = logger("2014-07-01", "2016-12-31", south=True)
    each = validation.alt_from_temperature(profile, years="each")
    assert np.isnan(each[0])
    np.testing.assert_allclose(each[1:], 2.60, atol=0.05)


def test_nothing_below_frozen_ground_belongs_to_the_active_layer():
    """A talik under frozen ground, and the unfrozen ground below the permafrost."""
    shallow = np.array([0.05, 0.5, 1, 2, 3, 4, 5, 6, 7, 8.0])
    warm = np.interp(shallow, [0, 2.5, 3, 5, 6, 8], [-1, -0.3, 0.3, 0.5, -0.2, -0.5])
    talik = validation.alt_from_temperature(logger("2015-01-01", "2015-12-31", shallow, mean=warm, damping=0.6))
    assert 1.0 < talik.item() < 2.0
    deep = np.array([0.05, 0.5, 1, 2, 3, 5, 10, 20, 30, 40, 50, 60.0])
    warm = np.interp(deep, [0, 10, 50, 60], [-1.5, -1.2, -0.1, 0.3])
    base = validation.alt_from_temperature(logger("2015-01-01", "2015-12-31", deep, mean=warm, damping=0.8))
    assert 1.0 < base.item() < 2.0
    lower = validation.alt_from_temperature(logger("2015-01-01", "2015-12-31", deep[5:], mean=warm[5:], damping=0.8))
    assert np.isnan(lower)  # it begins at 5 m: what thaws above is unknown
    thawed = validation.alt_from_temperature(logger("2015-01-01", "2015-12-31", deep, mean=3.0, damping=0.8))
    assert np.isnan(thawed)  # no permafrost within the profile


def test_a_sensor_that_slept_in_summer_is_not_frozen_ground():
    profile = logger("2015-01-01", "2015-12-31")
    summer = (profile["time"].dt.month > 4) & (profile["time"].dt.month < 12)
    broken = profile.where(~(summer & (profile["depth"] == 1.0)))
    assert validation.alt_from_temperature(broken).item() == pytest.approx(2.60, abs=0.01)


def test_profiles_that_cannot_be_are_refused():
    """Fill values, kelvin under the name of degC, depths upwards or in cm, no day at all."""
    profile = logger("2015-01-01", "2015-12-31")
    for wrong in (profile.where(profile["time"].dt.dayofyear != 200, 6999.0), profile + 273.15):
        with pytest.raises(QtpDataError, match="physical range"):
            validation.alt_from_temperature(wrong.assign_attrs(units="degC"))
    upwards = profile.isel(depth=slice(None, None, -1)).assign_coords(depth=-DEPTH[::-1])
    cm = profile.assign_coords(depth=("depth", DEPTH * 100, {"units": "cm"}))
    for wrong in (upwards, cm):
        with pytest.raises(QtpDataError, match="m below the surface"):
            validation.alt_from_temperature(wrong)
    with pytest.raises(QtpDataError, match="no temperature"):
        validation.alt_from_temperature(profile[:0])


def test_readings_by_hand_need_a_day_of_the_warm_season():
    days = pd.to_datetime(["2015-03-01", "2015-09-10", "2016-03-01", "2016-05-10"])
    each = validation.alt_from_temperature(logger("2015-01-01", "2016-12-31").sel(time=days), years="each")
    assert each[0] > 1.5
    assert np.isnan(each[1])
    assert each.attrs["incomplete_years"] == "2016"


def test_mean_water_content_by_depth():
    water = xr.DataArray([[0.4, 0.2, 0.1]], {"station": ["A"], "depth": [0.25, 0.75, 2.0]}, ("station", "depth"))
    layers = [(0.5, 0.4), (0.5 + 0.375, 0.2), (0.125 + 0.5, 0.1)]  # to 0.5, to 1.375, to 2.0 m
    expected = sum(thick * theta for thick, theta in layers) / 2.0
    assert validation.mean_water_content(water, stations([2.0])).item() == pytest.approx(expected)
    assert validation.mean_water_content(water, stations([0.3])).item() == pytest.approx(0.4)
    gap = water.where(water.depth != 0.75)
    expected = (0.5 * 0.4 + 0.625 * 0.1) / 1.125
    assert validation.mean_water_content(gap, stations([2.0])).item() == pytest.approx(expected)
    assert np.isnan(validation.mean_water_content(water, stations([0.0])).item())


def test_degrees_are_refused(rng):
    da = amplitude_map(rng)
    plain = xr.DataArray(da.values, {"y": np.linspace(35, 34, 23), "x": np.linspace(92, 93, 23)}, ("y", "x"))
    with pytest.raises(QtpDataError, match="meters"):
        validation.block_average(plain.rio.write_crs(4326), [92.5], [34.5])


# property


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.1, 10), shift=st.floats(-100, 100), seed=st.integers(0, 50))
def test_scores_follow_a_change_of_unit(scale, shift, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=20), rng.normal(size=20)
    first, second = validation.scores(x, y), validation.scores(x, scale * y + shift)
    assert second["r2"] == pytest.approx(first["r2"], abs=1e-9)
    assert second["rmse"] == pytest.approx(scale * first["rmse"], rel=1e-6)
    assert 0 <= first["r2"] <= 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), size=st.floats(100, 900))
def test_block_average_lies_between_its_pixels(seed, size):
    rng = np.random.default_rng(seed)
    da = amplitude_map(rng)
    x0, y0 = rng.uniform(450_600, 451_200), rng.uniform(3_798_600, 3_799_200)
    out = validation.block_average(da, *lonlat_of(da, [x0], [y0]), size_m=size)
    assert float(da.min()) <= out.value.item() <= float(da.max())
    constant = validation.block_average(da * 0 + 7.0, *lonlat_of(da, [x0], [y0]), size_m=size)
    assert constant.value.item() == pytest.approx(7.0)


# lazy


def test_validation_stays_lazy(rng, no_compute):
    da = amplitude_map(rng)
    lon, lat = lonlat_of(da, [450_900.0], [3_799_000.0])
    profiles = rng.normal(size=(30, 4)).cumsum(1)[:, ::-1]
    temperature = ground(profiles, [0.1, 0.5, 1.0, 2.0])
    alt, water = stations(ALT), stations(WATER, "1")
    with no_compute():
        block = validation.block_average(da.chunk(), lon, lat, sigma=(da * 0.1).chunk())
        depth = validation.alt_from_temperature(temperature.chunk(time=10), years="each")
        calibrated = validation.calibrate_alt(alt.chunk(station=2), water.chunk(station=2))
    xr.testing.assert_allclose(block.compute(), validation.block_average(da, lon, lat, sigma=da * 0.1))
    xr.testing.assert_allclose(depth.compute(), validation.alt_from_temperature(temperature, years="each"))
    xr.testing.assert_allclose(calibrated.compute(), validation.calibrate_alt(alt, water))


def test_closed_form_defaults_are_the_promised_ones():
    assert defaults(validation) == {
        "accuracy_at_points": {"days": 90.0, "at_least": 0.8},
        "accuracy_by_distance": {
            "days": 90.0,
            "tolerance_days": 15.0,
            "bins": 10,
            "pairs": 2000,
            "min_pairs": 30,
            "min_pixels": 100,
            "at_least": 0.8,
            "seed": 0,
        },
        "alt_from_temperature": {"years": "max"},
        "block_average": {"size_m": 200.0, "min_pixels": 2, "min_covered": 0.0},
        "calibrate_alt": {"reference": 0.3},
        "compare_maps": {"resampling": "auto"},
        "compare_points": {"reference": "median"},
        "error_model": {"pixel_std": 0.0, "units": "mm"},
        "fit_variogram": {"nugget": True},
        "mean_std": {"sample": 2000, "seed": 0},
        "score_intervals": {"n": 1999, "level": 0.95, "seed": 0},
        "stable_ground": {"quietest": 0.1, "min_pixels": 1000},
        "stefan_alt": {"surface_factor": 1.0},
        "variogram": {"bins": 12, "pairs": 5000, "min_pairs": 30, "min_pixels": 100, "seed": 0},
    }


def test_strangers_are_refused(rng):
    da = amplitude_map(rng)
    lon, lat = lonlat_of(da, [450_900.0], [3_799_000.0])
    given = {"da": da, "sigma": da * 0.1}
    refuse_strangers(
        lambda **given: validation.block_average(longitude=lon, latitude=lat, **given), given, dims="da sigma"
    )
    layer, water = stations(ALT), stations(WATER, "1")
    for call in (validation.calibrate_alt, validation.pore_water_settlement):
        refuse_strangers(
            call, {"active_layer_thickness": layer, "mean_water_content": water}, units="active_layer_thickness"
        )
        with pytest.raises(QtpDataError, match="range"):
            call(layer, water * 100)
    below = water.expand_dims(depth=[0.5])
    given = {"water_content": below, "active_layer_thickness": layer}
    refuse_strangers(validation.mean_water_content, given, units="active_layer_thickness", dims="water_content")
    with pytest.raises(QtpDataError, match="range"):
        validation.mean_water_content(below * 100, layer)
    profile = {"soil_temperature": ground([1.0, -1.0], [0.5, 1.0])}
    refuse_strangers(validation.alt_from_temperature, profile, units="soil_temperature", dims="soil_temperature")
    given = {"addt": stations([983.0], "degC d"), "conductivity_thawed": stations([1.2], "W m-1 K-1")}
    refuse_strangers(
        lambda **given: validation.stefan_alt(water_content=stations([0.3], "1"), **given), given, units=" ".join(given)
    )
    for wrong in ({"addt": -given["addt"].assign_attrs(units="degC d")}, {"water_content": stations([30.0], "1")}):
        with pytest.raises(QtpDataError, match="range"):
            validation.stefan_alt(**{"water_content": stations([0.3], "1"), **given, **wrong})
    assert np.isnan(validation.block_average(da, [80.0], [30.0]).value.item())


def test_results_say_that_they_are_synthetic(rng):
    layer, water, da = noted(stations(ALT)), noted(stations(WATER, "1")), noted(amplitude_map(rng))
    profile = noted(ground([1.0, -1.0], [0.5, 1.0]))
    thaw = noted(stations([983.0], "degC d")), noted(stations([1.2], "W m-1 K-1")), noted(stations([0.3], "1"))
    results = {"block": validation.block_average(da, *lonlat_of(da, [450_900.0], [3_799_000.0]))}
    results |= {"calibrated": validation.calibrate_alt(layer, water), "stefan": validation.stefan_alt(*thaw)}
    results |= {"settlement": validation.pore_water_settlement(layer, water)}
    results |= {"water": validation.mean_water_content(water.expand_dims(depth=[0.5]), layer)}
    assert without_note(**results, alt=validation.alt_from_temperature(profile)) == []


def test_scores_pair_stations_by_their_names():
    x = stations(ALT)
    y = stations(SEASONAL, units="mm")
    assert validation.scores(x, y[[4, 2, 0, 1, 3]]) == pytest.approx(validation.scores(ALT, SEASONAL))
    assert validation.scores(x, y[:3])["n"] == 3
    assert validation.scores(x.drop_vars("station"), y) == pytest.approx(validation.scores(ALT, SEASONAL))


def test_a_map_of_one_row_has_no_blocks(rng):
    row = amplitude_map(rng)[:1]
    with pytest.raises(QtpDataError, match="fewer than two pixels"):
        validation.block_average(row, *lonlat_of(amplitude_map(rng), [450_500.0], [3_800_000.0]))
