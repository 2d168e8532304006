"""Pixels that an unwrapping does not rely on: which cycle they are put on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtp_toolkit.interferogram.kernels.loose import settle

TURN = 2 * np.pi


def plane(rows=40, columns=50, *, down=2.4, across=-1.1):
    """Phase of steep fringes, and a window in its corner, where a mean would be off."""
    y, x = np.mgrid[:rows, :columns]
    return (down * y + across * x).astype(np.float32)


def test_loose_pixels_come_back_to_the_plane_they_left_also_at_the_border():
    truth, rng = plane(), np.random.default_rng(3)
    loose = rng.random(truth.shape) < 0.1
    loose[0, :3] = loose[-1, -1] = True
    torn = truth + np.where(loose, TURN * rng.choice([-2, -1, 1, 2], truth.shape), 0).astype(np.float32)
    weight = np.where(loose, 0.01, 1.0)
    np.testing.assert_allclose(settle(torn, weight, loose), truth, atol=1e-4)


def test_others_stay_however_far_they_are_from_the_rest():
    torn = plane()
    torn[20, 20] += 3 * TURN
    loose = np.indices(torn.shape).sum(axis=0) % 7 == 1  # 20 + 20 is none of them
    found = settle(torn, np.ones_like(torn), loose)
    assert found[20, 20] == torn[20, 20]
    assert settle(torn, np.ones_like(torn), np.zeros(torn.shape, bool)) is torn


def test_gaps_stay_gaps_and_what_has_no_surroundings_stays():
    phase = np.full((30, 30), np.nan, np.float32)
    phase[15, 15] = 40.0
    found = settle(phase, np.ones_like(phase), np.ones(phase.shape, bool))
    np.testing.assert_array_equal(found, phase)
    np.testing.assert_array_equal(settle(phase, np.zeros_like(phase), np.ones(phase.shape, bool)), phase)


def test_a_single_line_of_pixels_has_a_slope_along_it():
    truth = np.full((30, 30), np.nan, np.float32)
    truth[12] = 2.5 * np.arange(30)
    loose = np.zeros(truth.shape, bool)
    loose[12, [0, 9, 29]] = True
    torn = np.where(loose, truth + np.float32(TURN), truth)
    np.testing.assert_allclose(settle(torn, np.where(loose, 0.01, 1.0), loose), truth, atol=1e-4)


@pytest.mark.parametrize("at", [(0, 0), (9, 3), (19, 24)])
@pytest.mark.parametrize("beside", [-0.98, 0.98])
def test_the_plane_is_that_of_dense_weighted_least_squares(at, beside):
    """A pixel that is nearly half a cycle from the dense answer falls to the same side."""
    rng, reach = np.random.default_rng(5), 2.0
    phase, weight = 4 * rng.normal(size=(20, 25)), rng.random((20, 25))
    phase[4:6, 2:9], weight[at] = np.nan, 1e-9
    y, x = np.indices(phase.shape)
    off = y - at[0], x - at[1]
    near = np.isfinite(phase) & (abs(off[0]) <= 6) & (abs(off[1]) <= 6) & (weight > 1e-9)
    root = np.sqrt(weight * np.exp(-(off[0] ** 2 + off[1] ** 2) / (2 * reach**2)))[near]
    columns = np.stack([np.ones(near.sum()), off[0][near], off[1][near]], axis=1)
    level = np.linalg.lstsq(columns * root[:, None], phase[near] * root, rcond=None)[0][0]
    phase[at] = level + beside * np.pi + 3 * TURN
    found = settle(phase, weight, weight <= 1e-9, reach=reach)
    assert found[at] == pytest.approx(level + beside * np.pi, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(-3, 3), st.floats(-2.5, 2.5))
def test_cycles_and_slopes_added_to_all_make_no_difference(seed, turns, slope):
    rng = np.random.default_rng(seed)
    phase = rng.normal(size=(16, 18))
    weight, loose = 0.1 + rng.random(phase.shape), rng.random(phase.shape) < 0.3
    phase = phase + TURN * rng.integers(-1, 2, phase.shape)
    added = TURN * turns + slope * np.arange(18)
    moved = settle(phase + added, weight, loose) - added
    kept = settle(phase, weight, loose)
    # The slope is held a little, so that pixels half a cycle away may fall to either side.
    assert (abs(moved - kept) > 1).mean() < 0.02
    assert np.rint((kept - phase) / TURN) * TURN == pytest.approx(kept - phase, abs=1e-6)
