"""Components of interferograms brought to one level by the triangles of the network."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from small_networks import CYCLE, forward, stack_of

from qtp_toolkit import network
from qtp_toolkit.conventions import QtpDataError

PAIRS = list(combinations(range(5), 2))
DIMS = ("pair", "y", "x")


def pieces(rng, *, rows=PAIRS, split=(2, 5, 6), lost=(1, -3, 2)):
    """A network over two halves; some pairs are in two pieces, of which the right one has lost cycles."""
    series = np.cumsum(rng.normal(0, 2, (5, 20, 30)), axis=0)
    truth = forward(rows, series) + rng.normal(0, 0.2, (len(rows), 20, 30))
    phase, label = truth + rng.normal(0, 5, (len(rows), 1, 1)), np.ones(truth.shape, int)
    for k, cycles in zip(split, lost, strict=True):
        phase[k, :, 18:] -= CYCLE * cycles
        label[k, :, 18:] = 2
        label[k, :, 17] = 0
    return stack_of(rows, phase, dims=DIMS), stack_of(rows, label, dims=DIMS, units="1")


def test_closed_form_lost_cycles_are_found(rng):
    phase, label = pieces(rng)
    cycles = network.component_cycles(phase, label)
    assert cycles.values[[2, 5, 6], 2].tolist() == [1, -3, 2]
    assert (cycles.values[:, 1] == 0).all()
    level = network.add_cycles(phase, label, cycles)
    closure = network.closure_phase(level)
    assert float(abs(closure - closure.median(("y", "x"))).max()) < np.pi
    assert np.isnan(level.values[2, :, 17]).all()
    kept = network.add_cycles(phase, label, cycles, drop=False)
    np.testing.assert_array_equal(kept.values[2, :, 17], phase.values[2, :, 17])


def test_closed_form_what_the_network_does_not_know_stays_unknown(rng):
    """A pair without a triangle, and a piece of a few pixels."""
    rows = [(0, 1), (1, 2), (0, 2), (3, 4)]
    phase, label = pieces(rng, rows=rows, split=(2, 3), lost=(1, 1))
    cycles = network.component_cycles(phase, label)
    assert cycles.values[2, 2] == 1
    assert np.isnan(cycles.values[3, 2])
    assert np.isnan(network.component_cycles(phase, label, least_pixels=400).values[2, 2])


def test_property_settled_pieces_settle_others(rng):
    """Three pieces side by side, of which no triangle has two whole pairs: from piece to piece, all is found."""
    phase, label = pieces(rng, rows=[(0, 1), (1, 2), (0, 2)], split=(2,), lost=(2,))
    phase[1, :10, :18] += 3 * CYCLE
    label[1, :10, :18] = 3
    cycles = network.component_cycles(phase, label)
    assert cycles.values[1, 3] == -3
    assert cycles.values[2, 2] == 2


def test_property_contradictions_are_left_alone(rng):
    """A piece that two triangles want elsewhere: neither is believed."""
    phase, label = pieces(rng, rows=[(0, 1), (0, 2), (1, 2), (0, 3), (1, 3)], split=(0,), lost=(1,))
    phase[3, :, 18:] += CYCLE  # unwrapped wrongly within its one component
    assert np.isnan(network.component_cycles(phase, label).values[0, 2])


def test_lazy_cycles_are_added_block_by_block(no_compute, rng):
    phase, label = pieces(rng)
    cycles = network.component_cycles(phase, label)
    with no_compute():
        lazy = network.add_cycles(phase.chunk(y=7), label.chunk(y=7), cycles)
    xr.testing.assert_allclose(lazy.compute(), network.add_cycles(phase, label, cycles))
    with pytest.raises(QtpDataError):
        network.component_cycles(phase, label.isel(x=slice(5)))
