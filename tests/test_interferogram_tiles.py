"""Unwrapping by overlapping tiles, against the same scenes in one piece and against the truth."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from small_files import refused

from qtp_toolkit import interferogram
from qtp_toolkit.interferogram.kernels import tiles

CYCLE = 2 * np.pi


def scene(rng, shape=(260, 210)):
    """Fringes steep enough for several cycles in a tile, with noise of 57 looks; truth, coherence, image."""
    y, x = np.mgrid[: shape[0], : shape[1]] / 200
    truth = 35 * np.exp(-((y - 0.6) ** 2 + (x - 0.5) ** 2) / 0.1) + 9 * np.sin(3 * x + 2 * y)
    gamma = 0.75 - 0.25 * np.sin(9 * x) * np.sin(7 * y)
    noise = np.sqrt((1 - gamma**2) / (2 * 57 * gamma**2)) * rng.normal(size=shape)
    return truth, labelled(gamma), labelled(np.exp(1j * (truth + noise)))


def labelled(values):
    return xr.DataArray(values, dims=("y", "x"))


def cycles_off(phase, truth):
    """Whole cycles that each pixel is off by, the median taken out."""
    off = (np.asarray(phase) - truth) / CYCLE
    return np.rint(off - np.nanmedian(off))


@pytest.mark.parametrize("method", ["whirlwind", "least_squares"])
@pytest.mark.parametrize("tile", [64, 101, 150])
def test_property_tiles_are_the_whole_up_to_one_constant(rng, method, tile):
    truth, gamma, image = scene(rng)
    whole = interferogram.unwrap_components(image, gamma, method=method)
    parts = interferogram.unwrap_components(image, gamma, method=method, tile=tile)
    assert not cycles_off(whole["phase"], truth).any()
    shift = (parts["phase"] - whole["phase"]).values
    np.testing.assert_allclose(shift, CYCLE * np.rint(shift[0, 0] / CYCLE), atol=1e-4)
    np.testing.assert_array_equal(parts["component"] > 0, whole["component"] > 0)
    assert parts["component"].max() == whole["component"].max() == 1
    same = interferogram.unwrap(image, gamma, method=method, tile=tile)
    np.testing.assert_array_equal(same, parts["phase"])


@pytest.mark.parametrize("method", ["whirlwind", "least_squares"])
def test_property_what_hangs_together_far_away_is_one_component(rng, method):
    """A wall without data from the top almost to the bottom: upper tiles see two pieces, whose level the lower ones
    know; an island stays one of its own."""
    truth, gamma, image = scene(rng)
    line, sample = np.ogrid[: truth.shape[0], : truth.shape[1]]
    truth = truth + 0.2 * np.maximum(215 - line, 0) * (sample > 104)
    image = labelled(np.exp(1j * truth))
    image[:215, 100:105] = 0
    image[20:60, 20], image[20:60, 60], image[20, 20:61], image[60, 20:61] = 0, 0, 0, 0
    made = interferogram.unwrap_components(image, gamma, method=method, tile=90)
    label = made["component"].values
    assert label[5, 5] == label[5, 200] == label[250, 100] == 1
    island = np.s_[22:59, 22:59]
    assert (label[island] == 2).all()
    main = label == 1
    assert not cycles_off(made["phase"], truth)[main].any()
    assert np.unique(cycles_off(made["phase"], truth)[island]).size == 1
    assert (label[image.values == 0] == 0).all()
    assert np.isnan(made["phase"].values[image.values == 0]).all()


def test_closed_form_levels_leave_the_fewest_pixels_apart():
    """Three pieces in a ring: the link of few pixels gives way, and no piece is joined over it."""
    link = np.array([[0, 1, 2, 50], [1, 2, -1, 40], [0, 2, 5, 3]], float)
    cycles = tiles._level(link, 3)
    assert cycles.tolist() == [0, 2, 1]
    names = tiles._join(link, cycles, np.ones(3, bool))
    assert names[0] == names[1] == names[2]
    apart = tiles._join(link[2:], cycles, np.ones(3, bool))
    assert apart[0] != apart[2]
    assert tiles._join(link, cycles, np.array([True, False, True]))[1] == 0


def test_property_every_pixel_is_written_once_and_neighbors_share_some():
    for size in ((64, 64), (65, 300), (300, 129), (1000, 77)):
        count, inside = np.zeros(size, int), np.zeros(size, int)
        for at, inner in tiles._tiles(size, 64):
            assert all(part.stop - part.start <= 65 for part in at)
            count[at] += 1
            inside[inner] += 1
        assert (count >= 1).all()
        assert (inside >= 1).all()
        assert count.max() == 1 + (size[0] > 64) + (size[1] > 64) + (size[0] > 64) * (size[1] > 64)


def test_closed_form_empty_tiles_and_small_ones(rng):
    truth, gamma, image = scene(rng)
    image[:120, :120] = 0
    made = interferogram.unwrap_components(image, gamma, tile=64)
    assert made["phase"].values[:120, :120].size == np.isnan(made["phase"].values).sum()
    assert not np.nan_to_num(cycles_off(made["phase"], truth)).any()
    assert interferogram.unwrap_components(0 * image, gamma, tile=64)["phase"].isnull().all()
    assert "64" in refused(interferogram.unwrap, image, gamma, tile=20)


def test_lazy_tiles(no_compute, rng):
    _, gamma, image = scene(rng, (130, 120))
    with no_compute():
        lazy = interferogram.unwrap_components(image.chunk(), gamma.chunk(), tile=64)
    xr.testing.assert_equal(lazy.compute(), interferogram.unwrap_components(image, gamma, tile=64))
