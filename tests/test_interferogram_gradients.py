"""Surfaces from wrapped gradients: the trend that is taken out before a solver of flows works."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qtp_toolkit.interferogram.kernels import gradients


def steep(rows=90, columns=110):
    """Phase of fringes of up to 2.4 rad a pixel."""
    y, x = np.mgrid[:rows, :columns] / 100
    return 120 * np.sin(2 * x + 1) + 110 * y**2


def residues(image):
    """How many loops of four pixels do not close."""
    down, right = (np.angle(np.exp(1j * np.diff(np.angle(image), axis=axis))) for axis in (0, 1))
    return int((abs(down[:, :-1] + right[1:] - down[:, 1:] - right[:-1]) > 3).sum())


@settings(max_examples=25, deadline=None)
@example(down=2.0, across=-2.5, rows=27, columns=65)
@given(
    down=st.floats(-2.9, 2.9),
    across=st.floats(-2.9, 2.9),
    rows=st.integers(1, 70),
    columns=st.integers(1, 70),
)
def test_the_trend_of_a_plane_is_the_plane_to_its_borders(down, across, rows, columns):
    y, x = np.mgrid[:rows, :columns]
    if rows <= gradients.BLOCK:
        down = 0.0  # one row of blocks tells nothing of what goes on across it
    if columns <= gradients.BLOCK:
        across = 0.0
    plane = down * y + across * x
    found = gradients.trend(np.exp(1j * plane).astype(np.complex64))
    assert found.dtype == np.float32
    off = found - plane
    # The last block of a side holds few pixels, perhaps: its step is told by its neighbours.
    np.testing.assert_allclose(off - off.mean(), 0, atol=0.05)


def test_what_is_left_without_the_trend_changes_slowly_and_has_fewer_residues():
    truth, rng = steep(), np.random.default_rng(2)
    image = np.exp(1j * (truth + rng.normal(0, 0.7, truth.shape))).astype(np.complex64)
    left = truth - gradients.trend(image)
    for axis in (0, 1):
        assert abs(np.diff(truth, axis=axis)).max() > 1.9
        assert abs(np.diff(left, axis=axis)).max() < 0.5
    flat = image * np.exp(-1j * gradients.trend(image))
    assert residues(flat) < residues(image) / 3


def test_blocks_without_data_follow_those_around_them():
    truth = steep()
    image = np.exp(1j * truth).astype(np.complex64)
    image[30:60, 40:70] = 0
    seen, left = image != 0, truth - gradients.trend(image)
    inside = seen[1:] & seen[:-1]
    assert abs(np.diff(left, axis=0))[inside].max() < 0.7
    assert np.isfinite(gradients.trend(np.zeros((20, 30), np.complex64))).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_the_integral_is_that_of_dense_least_squares(weighted):
    rng, shape = np.random.default_rng(1), (6, 7)
    slopes = [rng.normal(size=(5, 7)), rng.normal(size=(6, 6))]
    links = [rng.uniform(0.2, 1, slope.shape) if weighted else np.ones(slope.shape) for slope in slopes]
    rows = []
    for axis in (0, 1):
        unit = np.eye(shape[0] * shape[1]).reshape(-1, *shape)
        rows.append(np.diff(unit, axis=axis + 1).reshape(len(unit), -1).T)
    design, root = np.vstack(rows), np.sqrt(np.concatenate([link.ravel() for link in links]))
    steps = np.concatenate([slope.ravel() for slope in slopes])
    dense = np.linalg.lstsq(design * root[:, None], steps * root, rcond=None)[0].reshape(shape)
    found = gradients.integrate(slopes, links, tolerance=1e-12)
    np.testing.assert_allclose(found - found.mean(), dense - dense.mean(), atol=1e-9)
