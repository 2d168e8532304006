"""Which reference area it is, how still it stands, and what a map says of a turned sign."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from own_region import region

from qtp_toolkit import correct, network, pecm
from qtp_toolkit.conventions import QtpDataError


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


def test_still_ground_ranks_below_moving_ground(made):
    amplitude = made.truth["seasonal_amplitude"]
    row, column = np.unravel_index(amplitude.values.argmin(), amplitude.shape)
    wet_row, wet_column = np.unravel_index(amplitude.values.argmax(), amplitude.shape)
    thin = made.phase[:, ::4, ::4]
    still = correct.reference_motion(thin, made.phase[:, row, column])
    moving = correct.reference_motion(thin, made.phase[:, wet_row, wet_column])
    assert still.rank < 0.2
    assert moving.rank > 0.8
    assert moving.amplitude > 5.0


def test_pairs_without_a_level_are_left_out(made):
    thin, level = made.phase[:, ::8, ::8], made.phase[:, 20, 20].copy()
    level[::5] = np.nan
    assert 0 <= correct.reference_motion(thin, level).rank <= 1
