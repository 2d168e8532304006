"""Geocoding by a lookup table that is turned round."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.interpolate import LinearNDInterpolator
from small_files import refused

from qtp_toolkit import grid


def table(height, width, *, turn, step=0.001):
    """Latitude and longitude of an image that is mirrored, and turned by some degrees."""
    i, j = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    east, north, angle = -(j - width / 2) * step, -(i - height / 2) * step, np.deg2rad(turn)
    lon = 93 + east * np.cos(angle) - north * np.sin(angle)
    lat = 35 + east * np.sin(angle) + north * np.cos(angle)
    return tuple(xr.DataArray(part, dims=("y", "x")) for part in (lat, lon))


def test_a_linear_field_comes_out_linear():
    lat, lon = table(150, 120, turn=-11)
    image = 300 * (lon - 93) + 200 * (lat - 35)
    there = grid.to_map(image, lat, lon, method="bilinear")
    np.testing.assert_allclose(
        there - (300 * (there["x"] - 93) + 200 * (there["y"] - 35)), np.where(there.isnull(), np.nan, 0), atol=1e-10
    )
    assert there["y"].values[0] > there["y"].values[-1]
    area = 150 * 120 / there.size  # of the tilted image in its upright frame
    assert float(there.notnull().mean()) == pytest.approx(area, rel=0.03)


def test_another_way_to_turn_the_table_round_finds_the_same_places(rng):
    lat, lon = table(30, 40, turn=8)
    lat = lat + 0.0002 * rng.normal(size=lat.shape)  # relief
    lon = lon + 0.0002 * rng.normal(size=lat.shape)
    line = xr.DataArray(np.arange(30.0), dims="y").broadcast_like(lat)
    there = grid.to_map(line, lat, lon, method="nearest", resolution=0.001)
    x, y = np.meshgrid(there["x"], there["y"])
    oracle = LinearNDInterpolator(np.column_stack([lon.values.ravel(), lat.values.ravel()]), line.values.ravel())(x, y)
    inside = np.isfinite(oracle) & np.isfinite(there.values)
    assert inside.sum() > 1000
    apart = np.abs(oracle - there.values)[inside]
    # nearest is within half a line of what lies between, on whichever diagonal the cells are cut
    assert np.quantile(apart, 0.99) < 1.0
    assert np.median(apart) < 0.3


@pytest.mark.parametrize("blocks", [{"y": 48, "x": 70}, {"y": 9, "x": 11}])  # the second between thinned pixels
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_blocks_make_the_map_that_one_piece_makes(method, blocks, no_compute, rng):
    lat, lon = table(200, 150, turn=-11)
    lat = lat + 0.0003 * rng.normal(size=lat.shape)
    image = xr.DataArray(rng.normal(size=(2, 200, 150)).astype("float32"), dims=("pair", "y", "x"))
    whole = grid.to_map(image, lat, lon, method=method)
    small = {"y": 64, "x": 50}
    with no_compute():
        lazy = grid.to_map(*(part.chunk(small) for part in (image, lat, lon)), method=method, chunks=blocks)
    assert lazy.chunks[1][0] == blocks["y"]
    xr.testing.assert_identical(lazy.compute(), whole)
    assert whole.dtype == np.float32


def test_unknown_places_stay_empty_and_masks_turn_to_decimals():
    lat, lon = table(60, 60, turn=0)
    lat[:20], lon[:20] = 0, 0
    mask = xr.DataArray(np.ones((60, 60), "uint8"), dims=("y", "x"))
    there = grid.to_map(mask, lat, lon)
    assert there.dtype == np.float32
    rows = there.notnull().any("x")
    assert int(rows.sum()) == 40 - 1  # of 40 lines the outermost are the edges of the map
    assert float(there.min()) == 1.0


def test_what_cannot_be_is_refused():
    lat, lon = table(20, 20, turn=0)
    assert "another image" in refused(grid.to_map, lat[:10], lat, lon, code="I06")
    assert "no valid pixel" in refused(grid.to_map, lat, lat * 0, lon * 0)
    for resolution in (-1.0, 80.0):  # meters, where degrees are meant
        assert "pixels are about 0.001 wide" in refused(grid.to_map, lat, lat, lon, resolution=resolution)
    across = (lon + 86.99 + 180) % 360 - 180
    assert "date line" in refused(grid.to_map, lat, lat, across)
    assert grid.to_map(lat, lat, across, crs="EPSG:32660").notnull().mean() > 0.5
    assert "method" in refused(grid.to_map, lat, lat, lon, method="cubic")
