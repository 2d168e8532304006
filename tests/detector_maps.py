"""Samples and maps that the tests of the geographical detector share."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

F_TEST = "takes samples as independent"
"""Words of the warning that comes with every F test."""


def toy_samples():
    """Seven samples in three strata, the first of a single sample."""
    return xr.Dataset({"y": ("sample", np.arange(1.0, 8)), "x": ("sample", [0, 1, 1, 1, 2, 2, 2])})


def grid(values, name="amplitude", **attrs):
    """Lay values out on a grid of kilometers."""
    ny, nx = values.shape
    coords = {"y": np.arange(ny)[::-1] * 1000.0, "x": np.arange(nx) * 1000.0}
    return xr.DataArray(values, dims=("y", "x"), coords=coords, name=name, attrs=attrs)


def dependent_maps(rng):
    """A map that depends on the first of three factors, and the factors."""
    first, second, third = (grid(rng.normal(size=(30, 40)), name) for name in ("first", "second", "third"))
    y = grid(2.0 * first.values + 0.5 * second.values + rng.normal(size=(30, 40)) + 1000.0, units="mm")
    y = y.where(rng.random(y.shape) > 0.1)
    return y, xr.Dataset({da.name: da for da in (first, second, third)})


def smooth(rng, n, sigma):
    """Field of n x n pixels of unit variance, smoothed over ``sigma`` pixels, whose edges do not meet."""
    rim = 4 * sigma
    field = gaussian_filter(rng.normal(size=(n + 2 * rim, n + 2 * rim)), sigma)[rim : rim + n, rim : rim + n]
    return field * 2.0 * sigma * np.sqrt(np.pi)
