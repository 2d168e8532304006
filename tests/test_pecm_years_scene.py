"""Year by year on the motion of the scene beyond: without noise, and under many draws of its air."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from qtp_toolkit import pecm, seasons, synthetic
from qtp_toolkit.synthetic import atmosphere, places, tracks
from qtp_toolkit.synthetic.beyond import ICE_RICH
from qtp_toolkit.synthetic.truth import frame_of, ground

DRAWS = 10
TRACK = tracks.TRACKS["descending"]


@pytest.fixture(scope="module")
def scene(truth):
    """A strip from the western to the eastern edge, 85 km wide, through the place that loses ice."""
    whole = synthetic.beyond_scene("tiny")
    middle, reference = (
        {dim: int(np.abs(whole[dim].values - at).argmin()) for dim, at in zip("xy", spot, strict=True)}
        for spot in (places.project(ICE_RICH.longitude, ICE_RICH.latitude), places.project(*places.REFERENCE_POINT))
    )
    strip = {"y": slice(middle["y"] - 8, middle["y"] + 9), "x": slice(None, None, 2)}
    moved = synthetic.line_of_sight(whole, TRACK.name)
    dates = moved["time"]
    daily = synthetic.truth_lst(truth.isel(strip))
    ends = seasons.onsets(daily)
    means = ends["thaw_onset_mean"], ends["freeze_onset_mean"]
    sums = seasons.degree_days(daily, *means, dates=dates)
    season = ends.drop_vars("reason_of_year").merge(sums)
    index = pecm.indices(season, truth["conductivity_ratio"].isel(strip), dates=dates)
    east, north, up = (xr.DataArray(part, dims=("y", "x")) for part in tracks.look_of(frame_of(whole), TRACK))
    known = whole[["yearly_amplitude", "amplitude_trend", "late_season_loss"]] * up
    known["linear_rate"] = up * whole["vertical_rate"] + east * whole["east_rate"] + north * whole["north_rate"]
    known = (known - known.isel(reference)).isel(strip)
    moved = moved - moved.isel(reference)
    lost = known["late_season_loss"] > 10.0
    return SimpleNamespace(whole=whole, strip=strip, reference=reference, moved=moved.isel(strip), index=index,
                           season=season, known=known, lost=lost)  # fmt: skip


def draw_air(scene, number):
    """Air of the dates above the strip, less that above the reference, mm toward the satellite."""
    frame = frame_of(scene.whole)
    keys = [f"draw {number} of date {n}" for n in range(scene.moved.sizes["time"])]
    left = atmosphere.leftovers(frame, keys, ground(frame).layers["elevation"], tracks.incidence_of(frame, TRACK))
    delay = xr.zeros_like(scene.whole["late_season_loss"]) + xr.DataArray(
        np.stack(list(left)), {"time": scene.moved["time"]}, ("time", "y", "x")
    )
    return (delay.isel(scene.reference) - delay).isel(scene.strip)


def fit_both(scene, displacement):
    """Year by year, and with one coefficient, as notebook 13 does it."""
    curves = scene.index["linear_index"], scene.index["composite_index"]
    displacement = displacement.transpose("time", "y", "x").assign_attrs(units="mm")
    first = pecm.fit(displacement, *curves, uncertainty="formal", peak_index=scene.index["peak_index"])
    calm = first["rms"] < first["rms"].quantile(0.8)
    error = pecm.common_error(displacement, *curves, calm, amplitude=first["seasonal_amplitude"])
    cleaned = (displacement - error).assign_attrs(units="mm")
    options = {"spread": 0.1, "onsets": "each", "min_dates_of_thaw": 3}
    return pecm.fit_years(cleaned, *curves, scene.season, **options), pecm.fit(cleaned, *curves, uncertainty="formal")


def errors(scene, fitted, name):
    """Median error (mm/yr) where ice was lost."""
    return float((fitted[name] - scene.known[name]).where(scene.lost).median())


def test_without_noise_the_loss_does_not_move_the_rate(scene):
    yearly, single = fit_both(scene, scene.moved)
    assert int(scene.lost.sum()) > 10
    assert abs(errors(scene, yearly, "linear_rate")) < 0.15
    assert errors(scene, single, "linear_rate") < -8.0
    growing = scene.known["amplitude_trend"] > 0.7
    ratio = (yearly["amplitude_trend"] / scene.known["amplitude_trend"]).where(growing).median()
    assert float(ratio) == pytest.approx(1.0, abs=0.25)
    size = (yearly["late_season_loss"].sel(thaw_year=2017) - scene.known["late_season_loss"]).where(scene.lost)
    assert float(abs(size).median()) < 0.5
    assert bool((yearly["loss_probability"].sel(thaw_year=2017).where(scene.lost, 1.0) > 0.99).all())


def test_pixels_that_lose_ice_would_put_it_into_the_common_error(scene):
    """Which is why those that fit worst have no say in it."""
    curves = scene.index["linear_index"], scene.index["composite_index"]
    first = pecm.fit(scene.moved, *curves, uncertainty="formal", peak_index=scene.index["peak_index"])
    everywhere, calm = first["reason"] == 0, first["rms"] < first["rms"].quantile(0.8)
    assert not (calm & scene.lost).any()
    steps = []
    for ground_that_is_asked in (everywhere, calm):
        error = pecm.common_error(scene.moved, *curves, ground_that_is_asked, amplitude=first["seasonal_amplitude"])
        after, before = (error.sel(time=time).mean() for time in ("2018-03", slice("2017-02", "2017-04")))
        steps.append(abs(float(after - before)))
    assert steps[1] < 0.5 * steps[0]


def test_under_ten_draws_of_the_air_the_rate_is_right_on_the_average(scene):
    """A single one is off by its weather, as much as its sigma says."""
    fits = [fit_both(scene, scene.moved + draw_air(scene, number)) for number in range(DRAWS)]
    off = np.array([errors(scene, yearly, "linear_rate") for yearly, _ in fits])
    assert abs(off.mean()) < 0.3
    stated = np.median([float(yearly["linear_rate_std"].where(scene.lost).median()) for yearly, _ in fits])
    assert off.std(ddof=1) == pytest.approx(stated, rel=0.5)
    assert np.mean([errors(scene, single, "linear_rate") for _, single in fits]) < -8.0
    assert abs(np.mean([errors(scene, yearly, "amplitude_trend") for yearly, _ in fits])) < 0.3
    named = [yearly["loss_probability"].sel(thaw_year=2017).where(scene.lost) > 0.5 for yearly, _ in fits]
    assert float(np.mean([where.where(scene.lost).mean() for where in named])) > 0.97
