"""Which reference area it is, how still it stands, and what a map says of a turned sign."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from own_region import region

from qtp_toolkit import correct, network, pecm
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.correct import _choice, choose_ramp


@pytest.fixture
def coherence(rng):
    axes = {"y": 34.0 - 0.01 * np.arange(9), "x": 92.0 + 0.01 * np.arange(12)}
    return xr.DataArray(rng.uniform(0.4, 0.8, (3, 9, 12)), axes, ("pair", "y", "x")).rio.write_crs(4326)


def test_point_box_stable_ground_or_coherence(coherence):
    at = {"point": (92.05, 33.96), "radius_m": 1200.0}
    assert int(correct.choose_reference(coherence, **at).sum()) == 5
    box = correct.choose_reference(coherence, bounds=(92.015, 33.955, 92.035, 33.995))
    assert int(box.sum()) == 2 * 4
    stable = coherence[0] > 0.7
    assert correct.choose_reference(coherence, stable=stable).equals(stable.rename("reference_area").astype(bool))
    coherence[:, 2:7, 3:8] = 0.9
    best = correct.choose_reference(coherence)
    assert best.attrs["chosen"] == "the coherence of the worst pair"
    assert best[2:7, 3:8].all()
    assert int(best.sum()) == 25


def test_every_choice_of_a_lazy_stack_is_in_memory(rng):
    axes = {"y": 3.86e6 - 1000.0 * np.arange(9), "x": 5.2e5 + 1000.0 * np.arange(12)}
    lazy = xr.DataArray(rng.uniform(0.4, 0.8, (3, 9, 12)), axes, ("pair", "y", "x")).rio.write_crs(32646).chunk(y=4)
    box = {"bounds": (93.24, 34.82, 93.28, 34.86)}
    for given in (box, {"point": (93.25, 34.84)}, {"stable": lazy[0] > 0.7}, {}):
        area = correct.choose_reference(lazy, **given)
        assert area.chunks is None
        assert 0 < int(area.sum()) < area.size


def test_small_and_holed_grids_have_a_reference(coherence):
    assert correct.choose_reference(coherence[:, :3, :3]).any()
    assert correct.choose_reference(coherence[:, :1, :4]).any()
    coherence[:, ::2] = np.nan
    assert correct.choose_reference(coherence).any()
    with pytest.raises(QtpDataError, match="no pixel is in the reference area"):
        correct.choose_reference(coherence * np.nan)


def test_the_reference_date_is_an_acquisition_or_the_nearest_are_told():
    dates = pd.date_range("2018-01-01", periods=10, freq="12D")
    assert network.acquisition(dates, "2018-01-13") == np.datetime64("2018-01-13")
    assert network.acquisition(dates[::-1]) == np.datetime64("2018-01-01")
    with pytest.raises(QtpDataError, match="Nearest: 2018-01-13, 2018-01-25, 2018-02-06") as error:
        network.acquisition(dates, "2018-01-20")
    assert error.value.code == "I22"


@pytest.fixture(scope="module")
def made():
    return region(1)


@pytest.mark.parametrize(("share", "turned", "verdict"), [
    (0.02, False, "right"), (0.95, False, "reference"), (0.02, True, "sign"), (0.95, True, "sign"),
])  # fmt: skip
def test_a_turned_sign_is_told_from_a_moving_reference(made, share, turned, verdict):
    peak = np.sqrt(made.temperature.clip(min=0).groupby("time.year").sum().mean("year"))
    coefficient = -made.truth["seasonal_amplitude"] / peak
    relative = coefficient - float(coefficient.quantile(1 - share))
    assert pecm.sign_evidence(-relative if turned else relative, peak_index=peak).verdict == verdict


def test_one_witness_never_turns_a_map(made):
    coefficient = -made.truth["seasonal_amplitude"]
    for moved in (0.0, 10.0, 40.0):
        assert pecm.sign_evidence(-(coefficient + moved)).verdict != "sign"
    flat = xr.zeros_like(coefficient)
    assert pecm.sign_evidence(flat).verdict == "right"
    with pytest.raises(QtpDataError, match="too few pixels"):
        pecm.sign_evidence(coefficient[:3, :3])


def test_the_signed_amplitude_gives_the_ground_back_once_the_reference_is_known(made, no_compute):
    """Against ground that moves by 12 mm: the size hides which side, the sign tells it."""
    amplitude, peak = made.truth["seasonal_amplitude"], 30.0
    coefficient = (12.0 - amplitude) / peak
    relative = xr.Dataset({"seasonal_coefficient": coefficient, "seasonal_amplitude": abs(coefficient) * peak})
    relative["seasonal_amplitude"].attrs["units"] = "mm"
    signed = pecm.signed_amplitude(relative)
    np.testing.assert_allclose(signed + 12.0, amplitude)
    assert ((signed < 0) == (amplitude < 12.0)).all()
    assert signed.attrs["units"] == "mm"
    with no_compute():
        lazy = pecm.signed_amplitude(relative.chunk(y=20))
    np.testing.assert_array_equal(lazy, signed)


def at(made, where):
    """Phase of one pixel, as an area."""
    return made.phase[:, [where[0]], [where[1]]]


def test_still_ground_ranks_below_moving_ground(made):
    amplitude = made.truth["seasonal_amplitude"]
    still, moving = (np.unravel_index(pick(amplitude.values), amplitude.shape) for pick in (np.argmin, np.argmax))
    thin = made.phase[:, ::4, ::4]
    assert correct.reference_motion(thin, at(made, still)).rank < 0.2
    found = correct.reference_motion(thin, at(made, moving))
    assert found.rank > 0.8
    assert found.amplitude > 5.0


def test_south_of_the_equator_thaw_is_deepest_in_march(made):
    """The same ground, half a year later, is as still."""
    amplitude, half = made.truth["seasonal_amplitude"], np.timedelta64(183, "D")
    south = made.phase.assign_coords({end: made.phase[end] + half for end in ("reference", "secondary")})
    south = south.assign_coords(y=-made.phase["y"]).rio.write_crs(4326)
    for pick in (np.argmin, np.argmax):
        where = np.unravel_index(pick(amplitude.values), amplitude.shape)
        there, here = (
            correct.reference_motion(da[:, ::4, ::4], da[:, [where[0]], [where[1]]]) for da in (south, made.phase)
        )
        assert there.rank == pytest.approx(here.rank, abs=0.02)
        assert there.amplitude == pytest.approx(here.amplitude, rel=0.05)


def test_pairs_without_a_level_are_left_out(made):
    thin, level = made.phase[:, ::8, ::8], at(made, (20, 20)).copy()
    level[::5] = np.nan
    assert 0 <= correct.reference_motion(thin, level).rank <= 1


def test_places_are_far_from_each_other_valid_and_coherent(made):
    thin, weight = (da[:, ::2, ::2].copy() for da in (made.phase, made.coherence))
    thin[7, 4:20] = np.nan
    found = correct.reference_motion(thin, at(made, (20, 20)), weight=weight).stiller
    mean = weight.mean("pair")
    assert len(found) == 3
    for row, column in found:
        assert not 4 <= row < 20
        assert mean[row, column] >= mean.median()
    assert all(max(abs(np.subtract(a, b))) > 5 for a, b in combinations(found, 2))


@pytest.mark.parametrize("pairs", [1, 2, 5])
def test_of_few_pairs_nothing_is_known_and_nothing_breaks(made, pairs):
    thin = made.phase[:pairs, ::6, ::6]
    assert 0 <= correct.reference_motion(thin, thin[:, 2:3, 2:3]).rank <= 1


def test_an_area_without_a_pixel_is_refused(made):
    thin = made.phase[:, ::8, ::8]
    with pytest.raises(QtpDataError, match="no valid pixel in any pair") as error:
        correct.reference_motion(thin, at(made, (20, 20)) * np.nan)
    assert error.value.code == "I21"


def test_lazy_phase_gives_the_same(made):
    thin, level = made.phase[:, ::8, ::8], at(made, (20, 20))
    eager, lazy = correct.reference_motion(thin, level), correct.reference_motion(thin.chunk(), level.chunk())
    assert lazy.stiller == eager.stiller
    assert lazy[:3] == pytest.approx(eager[:3])


def test_places_that_are_named_move_less_than_with_ramps_left_in(monkeypatch):
    """Ramps of 10 rad a date on six regions: what named places truly move in a year, and how well areas are ranked.

    On the pixels that `qtp check` looks at.
    """
    told = {"planes taken out": _choice.choose_ramp, "ramps left in": lambda da, *_, **__: choose_ramp(da, "none")}
    found: dict[str, list[tuple[float, float, float]]] = {words: [] for words in told}
    for seed in range(1, 7):
        made = region(seed, ramp=10.0)
        amplitude, rate = (made.truth[name].values for name in ("seasonal_amplitude", "linear_rate"))
        phase, gray = (da[:, :, ::2] for da in (made.phase, made.coherence))
        moves = (amplitude + abs(rate - np.median(rate)))[:, ::2]
        valid = np.argwhere(np.isfinite(made.phase).all("pair").values)
        areas = [tuple(valid[k]) for k in np.random.default_rng(seed).choice(len(valid), 3, replace=False)]
        for words, choose in told.items():
            monkeypatch.setattr(_choice, "choose_ramp", choose)
            stills = [correct.reference_motion(phase, at(made, area), weight=gray) for area in areas]
            off = [still.rank - np.mean(amplitude < amplitude[area]) for still, area in zip(stills, areas, strict=True)]
            named = np.mean([moves[place] for place in stills[0].stiller])
            found[words].append((named, np.mean(moves < named), np.mean(np.abs(off))))
    (less, share, off), (more, _, farther) = (np.mean(rows, axis=0) for rows in found.values())
    assert less < 0.95 * more  # 8.8 and 10.0 mm
    assert share < 0.15
    assert off < 0.7 * farther  # 0.10 and 0.24
