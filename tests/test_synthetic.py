"""The embedded scene: reproducible, scale-consistent, lazy, with the rules and the errors that it claims."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import correct, grid, interferogram, lst, network, soil, synthetic, validation
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.synthetic import acquisitions, atmosphere, interferograms, modis, places, temperature, terrain
from qtp_toolkit.synthetic.frame import RULES, generator, lattice_noise, whole_frame
from qtp_toolkit.synthetic.truth import frame_of, ground
from qtp_toolkit.synthetic.vectors import vectors


@pytest.fixture(scope="module")
def truth():
    return synthetic.scene("tiny")


@pytest.fixture(scope="module")
def seen(truth):
    return synthetic.observe(truth)


@pytest.fixture(scope="module")
def stack(seen):
    return seen["interferograms"].compute()


# reproducible and scale-consistent


def test_same_seed_gives_same_values(truth):
    xr.testing.assert_identical(synthetic.scene("tiny"), truth)


def test_other_seed_gives_other_values_at_the_same_places(truth):
    other = synthetic.scene("tiny", seed=7)
    assert abs(other["elevation"] - truth["elevation"]).mean() > 50.0
    xr.testing.assert_equal(other["lake"], truth["lake"])


def test_observations_repeat(truth, seen):
    again = synthetic.observe(truth)
    xr.testing.assert_identical(again["modis_lst"], seen["modis_lst"])
    xr.testing.assert_identical(
        again["interferograms"]["phase"][5].compute(), seen["interferograms"]["phase"][5].compute()
    )
    pd.testing.assert_frame_equal(again["station_soil_temperature"], seen["station_soil_temperature"])


def test_window_equals_crop():
    wide = synthetic.scene("90m", window=(slice(2000, 2090), slice(300, 350)))
    narrow = synthetic.scene("90m", window=(slice(2030, 2060), slice(310, 330)))
    part = {"y": slice(30, 60), "x": slice(10, 30)}
    xr.testing.assert_allclose(narrow.drop_attrs(), wide.isel(part).drop_attrs(), rtol=1e-5, atol=1e-4)
    pairs = slice(0, 466, 60)
    for make in (interferograms.phase_block, interferograms.coherence_block):
        moved = make is interferograms.phase_block
        whole, small = (
            make(frame_of(ds), *([ds["displacement"].values] if moved else []), numbers=pairs) for ds in (wide, narrow)
        )
        np.testing.assert_allclose(small, whole[:, 30:60, 10:30], rtol=1e-4, atol=1e-4)


def test_coarse_scene_shows_the_same_landscape(truth):
    fine = ground(whole_frame("default", seed=2022)).layers
    for name in ("ndvi", "ground_ice", "bulk_density", "magt"):
        blocks = fine[name].reshape(116, 5, 50, 5).mean(axis=(1, 3))
        assert np.corrcoef(blocks.ravel(), truth[name].values.ravel())[0, 1] > 0.6, name


def test_noise_is_smooth_with_unit_variance():
    x = np.arange(0.0, 4e6, 500.0)
    field = lattice_noise(x, np.array([0.0]), seed=1, name="any", spacing=5e3)
    assert abs(field.mean()) < 0.2
    assert 0.8 < field.std() < 1.2
    assert abs(np.diff(field)).max() < 0.7


def test_random_numbers_depend_on_every_key():
    draws = {generator(*key).integers(2**62) for key in ((1, "a"), (1, "b"), (2, "a"), (1, "a", 0), (1, "a", 1))}
    assert len(draws) == 5


# lazy


def test_fine_scene_and_its_interferograms_stay_lazy(no_compute):
    with no_compute():
        fine = synthetic.scene("90m")
        stack = interferograms.interferograms(fine)
    assert fine.sizes == {"time": 118, "y": 6444, "x": 2778}
    assert stack["phase"].shape == (466, 6444, 2778)
    assert stack.chunks["y"][0] == 64


def test_lazy_blocks_equal_a_window():
    fine = synthetic.scene("90m")
    names = ["elevation", "seasonal_amplitude", "vegetation", "lake"]
    block = fine[names].isel(y=slice(640, 660), x=slice(0, 40)).compute()
    window = synthetic.scene("90m", window=(slice(640, 660), slice(0, 40)))[names]
    xr.testing.assert_allclose(block, window)


def test_interferograms_take_lazy_truth(truth, stack):
    lazy = interferograms.interferograms(truth.chunk({"time": -1, "y": 50, "x": 25}))
    np.testing.assert_array_equal(lazy["phase"][10].values, stack["phase"][10].values)


# refused


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": "huge"}, {"size": "tiny", "without": ("gravity",)},
        {"size": "tiny", "window": (slice(5, 5), slice(None))}, {"size": "tiny", "window": (slice(0, 9, 3), slice(None))},
    ],
)  # fmt: skip
def test_wrong_requests_are_refused(arguments):
    with pytest.raises(QtpDataError):
        synthetic.scene(**arguments)


def test_only_a_truth_is_observed(truth):
    with pytest.raises(QtpDataError, match="truth of a scene"):
        synthetic.observe(truth.drop_attrs())


# the causal rules


def layers(without=()):
    frame = whole_frame("default", seed=2022, without=without)
    made = ground(frame)
    out = SimpleNamespace(**made.layers, southing=np.broadcast_to(frame.southing, frame.shape))
    out.valid = out.permafrost == 1
    return out


@pytest.fixture(scope="module")
def full():
    return layers()


def median(values, *masks):
    return float(np.median(values[np.logical_and.reduce(masks)]))


def by_slope(made, low, high):
    return median(made.seasonal_amplitude, made.valid, made.slope >= low, made.slope < high)


def by_aspect(made):
    north = np.cos(np.deg2rad(made.aspect))
    steep = made.valid & (made.slope > 5)
    return median(made.seasonal_amplitude, steep, north > 0.7) - median(made.seasonal_amplitude, steep, north < -0.7)


def by_ndvi(made):
    sparse = median(made.seasonal_amplitude, made.valid, made.ndvi > 0.15, made.ndvi < 0.25)
    return sparse / median(made.seasonal_amplitude, made.valid, made.ndvi > 0.33, made.ndvi < 0.40)


def by_density(made):
    loose = median(made.seasonal_amplitude, made.valid, made.bulk_density < 1280)
    return loose / median(made.seasonal_amplitude, made.valid, made.bulk_density > 1450)


def by_ice(made, *, warm=True):
    here = made.valid & ((made.magt > -2) if warm else (made.magt <= -2)) & (made.southing > 0.4)
    return median(made.linear_rate, here, made.ground_ice > 0.6) - median(made.linear_rate, here, made.ground_ice < 0.2)


def by_latitude(made):
    north, middle = made.southing < 0.1, (made.southing > 0.25) & (made.southing < 0.4)
    return median(made.linear_rate, made.valid, middle) - median(made.linear_rate, made.valid, north)


def test_amplitude_has_the_size_of_the_paper(full):
    amplitude = full.seasonal_amplitude[full.valid]
    assert 9.0 < amplitude.mean() < 14.0
    assert 70.0 < amplitude.max() < 90.0
    assert abs(full.linear_rate[full.valid]).max() < 21.0
    thickness = full.active_layer_thickness[full.valid]
    assert thickness.min() >= 1.2
    assert thickness.max() <= 5.0


@pytest.mark.parametrize(("low", "high", "least", "most"), [(0, 2, 30, 50), (2, 5, 18, 30), (5, 90, 15, 20)])
def test_largest_amplitudes_fall_with_slope(full, low, high, least, most):
    here = full.valid & (full.slope >= low) & (full.slope < high)
    assert least <= np.percentile(full.seasonal_amplitude[here], 98) <= most


def test_medians_fall_with_slope_and_level_off(full):
    medians = [by_slope(full, low, low + 1) for low in range(5)]
    assert np.all(np.diff(medians) < 0)
    assert by_slope(full, 9, 15) == pytest.approx(by_slope(full, 5, 9), abs=1.0)


def test_findings_are_there(full):
    assert 1.0 <= by_aspect(full) <= 3.0
    assert by_ndvi(full) > 1.2
    assert median(full.seasonal_amplitude, full.valid, full.ndvi > 0.47) > median(
        full.seasonal_amplitude, full.valid, full.ndvi > 0.35, full.ndvi < 0.40
    )
    assert by_density(full) > 1.8
    assert -6.0 < by_ice(full) < -2.5
    assert abs(by_ice(full, warm=False)) < 0.7
    assert by_latitude(full) > 4.0
    ice = [
        median(full.seasonal_amplitude, full.valid, full.ground_ice > low, full.ground_ice < low + 0.2)
        for low in (0, 0.2, 0.4, 0.6)
    ]
    assert np.ptp(ice) < 1.5


@pytest.mark.parametrize(
    ("rule", "measure", "low", "high"),
    [
        ("slope", lambda made: by_slope(made, 0, 1) / by_slope(made, 5, 9), 0.8, 1.35),
        ("aspect", by_aspect, -0.6, 0.6),
        ("ndvi", by_ndvi, 0.8, 1.1),
        ("bulk_density", by_density, 0.8, 1.25),
        ("ground_ice", by_ice, -1.0, 1.0),
        ("latitude", by_latitude, -1.5, 1.5),
    ],
)
def test_a_rule_switched_off_loses_its_finding(full, rule, measure, low, high):
    assert rule in RULES
    assert not low <= measure(full) <= high
    assert low <= measure(layers((rule,))) <= high


def test_drained_basin_rises_and_moves_most(full):
    frame = whole_frame("default", seed=2022)
    basin = places.inside(frame, (places.DRAINED,)) & (full.permafrost == 1)
    assert 60.0 < np.median(full.seasonal_amplitude[basin]) < 85.0
    assert 5.0 < np.median(full.linear_rate[basin]) <= 11.0


def test_reference_does_not_move(truth):
    x, y = places.project(*places.REFERENCE_POINT)
    pixel = truth.sel(x=x, y=y, method="nearest")
    assert float(pixel["seasonal_amplitude"]) < 0.6
    assert float(pixel["linear_rate"]) == pytest.approx(0.0, abs=0.05)


def test_seasons_are_those_of_the_plateau(truth):
    valid = truth["permafrost"] == 1
    assert 130 < float(truth["thaw_onset"].where(valid).median()) < 152
    assert 268 < float(truth["freeze_onset"].where(valid).median()) < 305


def test_onsets_differ_from_year_to_year(truth):
    corner = synthetic.scene("tiny", window=(slice(50, 55), slice(20, 25)))
    daily = synthetic.truth_lst(corner)
    assert daily.sizes["time"] == 2191
    frame = frame_of(truth)
    fields = temperature.patterns(frame, ground(frame).fields)[:, 60:61, 20:21].reshape(-1, 1)
    thaw, _ = temperature.crossings(
        temperature.time_functions(2022)[:, : temperature.SMOOTH] @ fields[: temperature.SMOOTH]
    )
    assert 1.5 < thaw.std() < 12.0


def test_displacement_is_relative_to_the_reference_date(truth):
    assert float(abs(truth["displacement"].sel(time=places.REFERENCE_DATE)).max()) == 0.0
    masked = truth["lake"] | truth["glacier"]
    np.testing.assert_array_equal(truth["displacement"].isel(time=0).isnull(), masked)


# acquisitions and interferograms


def test_dates_and_pairs_follow_the_paper(stack):
    dates = acquisitions.dates()
    assert 117 <= len(dates) <= 120
    assert pd.Timestamp(places.REFERENCE_DATE) in dates
    assert stack.sizes["pair"] == 466
    allowed = network.select_pairs(dates.to_numpy().astype("datetime64[ns]"))
    kept = set(zip(stack["reference"].values, stack["secondary"].values, strict=True))
    assert kept <= set(zip(allowed["reference"].values, allowed["secondary"].values, strict=True))
    assert len(network.components(stack["phase"])) == 1


def test_errors_have_the_size_that_is_claimed(truth, stack):
    """Whole cycles: closing a pair against truth and atmosphere leaves what unwrapping got wrong."""
    frame = frame_of(truth)
    made = ground(frame)
    surface = interferograms._surface(frame, made)
    wrong, low = [], []
    for row in interferograms.pair_table(2022).itertuples():
        coherence = interferograms._coherence_of(surface, 2022, row.first, row.second, row.days)
        patches = frame.noise(f"unwrapping {row.Index}", 9e3)
        cycles = interferograms._unwrapping(patches, coherence, np.zeros(frame.shape))
        wrong.append((cycles != 0).mean())
        low.append(coherence.mean())
    assert 0.02 < np.mean(wrong) < 0.04
    assert np.corrcoef(wrong, low)[0, 1] < -0.5
    assert 0.3 < float(stack["coherence"].median()) < 0.8


def test_interferograms_are_empty_over_water_and_ice(truth, stack):
    masked = truth["lake"] | truth["glacier"]
    np.testing.assert_array_equal(stack["phase"].isnull().all("pair"), masked)


def test_reanalysis_explains_part_of_the_delay(truth, seen):
    frame = frame_of(truth)
    numbers = [3, 40, 60, 90]
    true = np.stack(list(atmosphere.delays(frame, numbers, truth["elevation"].values, seen["incidence"].values)))
    stamps = acquisitions.dates()[numbers].to_numpy().astype("datetime64[ns]")
    believed = correct.tropospheric_delay(seen["era5"], truth["elevation"], seen["incidence"], dates=stamps)
    phase = atmosphere.phase_of(true)
    true, believed = (
        xr.DataArray(a, dims=("time", "y", "x")) for a in (phase, believed.transpose("time", "y", "x").values)
    )
    before, after = (a.diff("time") - a.diff("time").mean(("y", "x")) for a in (true, true - believed))
    # The stratified part nearly goes; turbulence stays.
    assert float(after.std()) < 0.85 * float(before.std())
    assert float(after.std()) > 0.3
    height = xr.DataArray(truth["elevation"].values, dims=("y", "x"))
    assert abs(float(xr.corr(height, after[0]))) < abs(float(xr.corr(height, before[0])))


def test_incidence_is_that_of_a_descending_orbit(seen):
    look = seen["incidence"]
    assert 31.0 < float(look.min()) < 35.0
    assert 42.0 < float(look.max()) < 46.0
    assert float(look[:, 0].mean()) > float(look[:, -1].mean())


# temperature


def test_clouds_hide_a_third_and_say_so(seen):
    data = seen["modis_lst"]
    assert data.sizes["time"] == 276
    for name in modis.OVERPASSES:
        lost = data[name].isnull()
        assert 0.2 < float(lost.mean()) < 0.4
        summer = lost.groupby("time.month").mean(...)
        assert float(summer.sel(month=7)) > float(summer.sel(month=1))
        decoded = lst.decode_qc(data[f"qc_{name}"])
        assert bool(((decoded["mandatory"] >= 2) == lost).all())
    outage = data["terra_day"].sel(time=modis.OUTAGE + pd.Timedelta("3D"), method="nearest")
    assert bool(outage.isnull().all())


def test_plain_mean_of_the_overpasses_is_too_warm(truth, seen):
    mean = sum(seen["modis_lst"][name].mean() for name in modis.OVERPASSES) / 4
    days = pd.date_range("2014-01-01", "2019-12-31", freq="8D")
    assert 2.0 < float(mean - synthetic.truth_lst(truth, dates=days).mean()) < 3.6


# maps, soil, stations, vectors, images


@pytest.mark.parametrize("name", ["bulk_density", "sand"])
def test_soil_profiles_average_to_the_truth(truth, seen, name):
    mean = grid.match(soil.depth_mean(seen[name]), truth)
    assert float(abs(mean / truth[name] - 1).median()) < 0.01


def test_elevation_model_gives_the_slope(truth, seen):
    slope = grid.slope_aspect(grid.match(seen["dem"], truth))["slope"]
    inner = slope.isel(y=slice(2, -2), x=slice(2, -2))
    assert (
        float(
            np.corrcoef(inner.values.ravel(), truth["slope"].isel(y=slice(2, -2), x=slice(2, -2)).values.ravel())[0, 1]
        )
        > 0.97
    )


def test_vegetation_tells_water_only_in_part(truth, seen):
    classes = grid.match(seen["vegetation"], truth, resampling="nearest")
    means = [float(truth["water_content"].where(classes == code).mean()) for code in range(1, 6)]
    assert np.all(np.diff(means) < 0.02)
    assert float(truth["water_content"].where(classes == 2).std()) > 0.03


def test_stations_measure_their_thaw_depth_and_water(seen):
    table = seen["station_soil_temperature"].set_index(["date", "station", "depth"])["soil_temperature"]
    depth = validation.alt_from_temperature(table.to_xarray().rename(date="time").assign_attrs(units="degC"))
    moisture = seen["station_soil_moisture"].set_index(["station", "depth"])["water_content"].to_xarray()
    water = validation.mean_water_content(moisture.assign_attrs(units="1"), depth)
    assert len(seen["stations"]) == 14
    for site in places.STATIONS:
        assert float(depth.sel(station=site.name)) == pytest.approx(site.active_layer_thickness, abs=0.35)
        assert float(water.sel(station=site.name)) == pytest.approx(site.water_content, rel=0.3)


def test_outlines_are_those_of_the_masks():
    frame = whole_frame("default", seed=2022)
    template = synthetic.scene("default", window=(slice(60, 180), slice(0, 250)))
    features = vectors()["lakes"]["features"]
    rows = pd.DataFrame([{**f["properties"], "geometry": f["geometry"]} for f in features])
    rows.attrs["crs"] = "EPSG:4326"
    drawn = grid.rasterize(rows, template)
    assert (drawn.values != template["lake"].values).mean() < 0.002
    assert places.inside(frame, places.LAKES).sum() > 500


def test_vectors_hold_what_the_figures_need(seen):
    names = {name: [f["properties"].get("name") for f in layer["features"]] for name, layer in seen["vectors"].items()}
    assert {"Zonag", "Yanhu", "Cuodarima", "Cuorendejia"} <= set(names["lakes"])
    assert names["faults"] == ["Kunlun", "Yushu-Fenghuoshan"]
    assert names["regions"] == ["R1", "R2", "R3"]
    assert names["profiles"] == ["PP'", "QQ'"]
    assert {f"P{number}" for number in range(1, 7)} <= set(names["points"])


def test_image_pair_holds_its_fringes(seen):
    pair = seen["slc_pair"]
    first = pair["reference_real"] + 1j * pair["reference_imag"]
    second = pair["secondary_real"] + 1j * pair["secondary_imag"]
    looks = interferogram.multilook(interferogram.form(first, second), looks_y=8, looks_x=8)
    truth = np.exp(1j * pair["phase"].values.reshape(64, 8, 64, 8)).mean(axis=(1, 3))
    assert float(np.abs(np.angle(looks.values * np.conj(truth))).mean()) < 0.2


def test_terrain_follows_horn():
    east, north = np.meshgrid(np.arange(5) * 100.0, -np.arange(5) * 100.0)
    dz_east, dz_north = terrain.horn(0.05 * east + 0.03 * north, 100.0)
    np.testing.assert_allclose(dz_east, 0.05)
    np.testing.assert_allclose(dz_north, 0.03)
