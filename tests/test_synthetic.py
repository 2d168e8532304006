"""The embedded scene: reproducible, scale-consistent, lazy, with the rules and the errors that it claims."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import synthetic
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.synthetic import acquisitions, interferograms, places, temperature
from qtp_toolkit.synthetic.deformation import motion
from qtp_toolkit.synthetic.frame import RULES, generator, lattice_noise, whole_frame
from qtp_toolkit.synthetic.truth import frame_of, ground

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
        {"size": "huge"},
        {"size": "tiny", "without": ("gravity",)},
        {"size": "tiny", "window": (slice(5, 5), slice(None))},
        {"size": "tiny", "window": (slice(0, 9, 3), slice(None))},
    ],
)
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
    made = ground(frame)
    ratio = made.layers["conductivity_ratio"]
    moved = motion(frame, temperature.patterns(frame, made.fields), made.fields, ratio, acquisitions.dates())
    thaw = moved.thaw_onset[:, 60, 20]
    assert 1.5 < thaw.std() < 12.0


def test_displacement_is_relative_to_the_reference_date(truth):
    assert float(abs(truth["displacement"].sel(time=places.REFERENCE_DATE)).max()) == 0.0
    masked = truth["lake"] | truth["glacier"]
    np.testing.assert_array_equal(np.isnan(truth["displacement"].isel(time=0)), masked)
