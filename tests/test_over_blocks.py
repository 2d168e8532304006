"""Functions of whole dims over blocks: the same as at once, and on the arrays as they lie."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from qtp_toolkit._over_blocks import over_blocks
from qtp_toolkit.conventions import QtpDataError


def mean_and_spread(values, weight, shift):
    """Core dim n summed over; a layer of two at the end."""
    mean = (values * weight).sum(axis=-1) / weight.sum(axis=-1) + shift
    return np.stack([mean, np.ptp(values, axis=-1) + 0 * mean], axis=-1)


def inputs(rng):
    values = xr.DataArray(rng.normal(size=(5, 6, 7)), {"y": np.arange(6)}, ("n", "y", "x"), attrs={"units": "mm"})
    weight = xr.DataArray(1 + rng.random(5), dims="n")
    shift = xr.DataArray(rng.normal(size=7), dims="x")
    return values, weight, shift


def apply(*arrays):
    cores = [["n"], ["n"], []]
    return over_blocks(mean_and_spread, *arrays, input_core_dims=cores, output_core_dims={"layer": 2}, dtype=float)


@pytest.mark.parametrize("lazy", [(1, 0, 0), (1, 1, 1), (0, 1, 0), (0, 0, 1)])
def test_lazy_blocks_give_what_one_call_gives(rng, lazy):
    given = inputs(rng)
    chunks = [{"n": -1, "y": 4, "x": 3}, {"n": -1}, {"x": 5}]
    cut = [a.chunk(size) if is_lazy else a for a, size, is_lazy in zip(given, chunks, lazy, strict=True)]
    made = apply(*cut)
    assert made.chunks is not None
    assert made.shape == (6, 7, 2)
    xr.testing.assert_identical(made.compute(), apply(*given))
    assert made.attrs == {"units": "mm"}


def test_a_number_stands_for_all_pixels(rng):
    values, weight, _ = inputs(rng)
    made = apply(values.chunk(n=-1, y=2), weight, 3.0)
    xr.testing.assert_allclose(made.compute(), apply(values, weight, xr.zeros_like(values[0]) + 3.0))


def test_blocks_are_handed_over_as_they_lie():
    source = np.arange(24.0).reshape(4, 6)

    def same_memory(block, pixel):
        return pixel + np.shares_memory(block, source)

    lying = da.from_delayed(dask.delayed(lambda: source)(), source.shape, source.dtype)
    whole = xr.DataArray(lying, dims=("a", "b"))
    pixels = xr.DataArray(np.zeros(8), dims="x").chunk(x=3)
    made = over_blocks(same_memory, whole, pixels, input_core_dims=[["a", "b"], []], dtype=float)
    assert made.compute().values.tolist() == [1.0] * 8


def test_a_cut_dim_is_refused_by_name(rng):
    values, weight, shift = inputs(rng)
    with pytest.raises(QtpDataError, match=r"dim n in one chunk.*3 chunks.*\.chunk\(\{'n': -1\}\)"):
        apply(values.chunk(n=2), weight, shift)


def test_other_places_are_refused(rng):
    values, weight, shift = inputs(rng)
    with pytest.raises(ValueError, match="cannot align"):
        over_blocks(
            np.add, values[0], values[0].assign_coords(y=np.arange(6) + 1), input_core_dims=[[], []], dtype=float
        )
    assert apply(values, weight, shift).dims == ("y", "x", "layer")
