"""The common grid: resampling, sampling, burning and terrain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from qtp_toolkit import grid
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.grid._frame import to_crs

LAT, LON = np.linspace(36.0, 33.0, 31), np.linspace(90.0, 93.0, 41)


def raster(values, y=LAT, x=LON, crs=4326, **attrs):
    values = np.asarray(values)
    lead = [f"d{i}" for i in range(values.ndim - 2)]
    return xr.DataArray(values, {"y": y, "x": x}, (*lead, "y", "x"), name="layer", attrs=attrs).rio.write_crs(crs)


@pytest.fixture
def template():
    y, x = np.arange(3_850_000.0, 3_750_000.0, -4000.0), np.arange(430_000.0, 490_000.0, 4000.0)
    return raster(np.zeros((len(y), len(x)), "f4"), y, x, 32646, units="m")


def plane():
    return raster(LAT[:, None] + 2.0 * LON[None], units="degC")


# closed form


def test_bilinear_returns_a_plane_exactly(template):
    where = grid.lonlat(template)
    out = grid.match(plane(), template)
    np.testing.assert_allclose(out, where.latitude + 2.0 * where.longitude, atol=1e-9)
    assert out.attrs["units"] == "degC"
    assert out.rio.crs.to_epsg() == 32646


@pytest.mark.parametrize("flip", [{"y": slice(None, None, -1)}, {"x": slice(None, None, -1)}])
def test_direction_of_axes_does_not_matter(template, rng, flip):
    source = raster(rng.normal(size=(31, 41)))
    expected = grid.match(source, template)
    xr.testing.assert_allclose(grid.match(source.isel(flip), template), expected)
    xr.testing.assert_allclose(grid.match(source, template.isel(flip)), expected.isel(flip))


def test_missing_pixels_stay_local(template):
    source = plane()
    source[10:12, 10:12] = np.nan
    out, full = grid.match(source, template), grid.match(plane(), template)
    hole = grid.match(raster(np.isnan(source.values)), template)
    np.testing.assert_array_equal(np.isnan(out), hole)
    assert np.abs((out - full).where(~hole)).max() < 0.2  # a missing neighbor shifts by less than a pixel's step


def test_outside_the_source_is_nan_or_nodata():
    far = raster(np.zeros((4, 4)), np.arange(40.0, 36.0, -1), np.arange(90.0, 94.0))
    assert np.isnan(grid.match(plane(), far)[:3]).all()
    classes = raster(np.full((31, 41), 3, "i2"))
    assert set(np.unique(grid.match(classes, far))) <= {-1, 3}
    unsigned = raster(np.full((31, 41), 3, "u1")).rio.write_nodata(255)
    assert int(grid.match(unsigned, far)[0, 0]) == 255
    assert not grid.match(classes > 2, far)[0].any()


def test_classes_are_never_interpolated(template, rng):
    source = raster(rng.choice([1, 5, 9], size=(31, 41)).astype("i2"), classes="{}")
    out = grid.match(source, template, resampling="bilinear")
    assert out.dtype == np.int16
    assert set(np.unique(out)) == {1, 5, 9}


def test_average_and_mode_of_whole_blocks(rng):
    fine = raster(rng.normal(size=(12, 15)), np.arange(11.5, -0.5, -1), np.arange(0.5, 15), 32646)
    coarse = raster(np.zeros((4, 5)), np.arange(10.5, 0, -3), np.arange(1.5, 15, 3), 32646)
    expected = fine.values.reshape(4, 3, 5, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(grid.match(fine, coarse, resampling="average"), expected)
    votes = (fine > 0).astype("i2")
    most = (votes.values.reshape(4, 3, 5, 3).sum(axis=(1, 3)) > 4).astype("i2")
    np.testing.assert_array_equal(grid.match(votes, coarse, resampling="mode"), most)


def test_dataset_keeps_what_is_not_spatial(template):
    ds = xr.Dataset({"a": plane(), "b": ("time", [1, 2])})
    out = grid.match(ds, template)
    assert out.a.shape == template.shape
    assert out.b.values.tolist() == [1, 2]


def test_other_coordinates_of_the_template_stay_behind(template):
    template = template.assign_coords(time=np.datetime64("2018-08-31", "ns"))
    series = plane().expand_dims(time=[np.datetime64("2014-10-15", "ns"), np.datetime64("2014-11-08", "ns")])
    out = grid.match(xr.Dataset({"a": series, "b": plane()}), template)
    assert out.a.dims == ("time", "y", "x")
    assert "time" not in grid.lonlat(template).coords
    assert "time" not in grid.match(plane(), template).coords


def test_float32_stays_float32(template):
    assert grid.match(plane().astype("f4"), template).dtype == np.float32


@pytest.mark.parametrize("crs", [4326, 32646])
@pytest.mark.parametrize("upward", [False, True])
def test_horn_of_a_plane(crs, upward):
    lat = np.arange(34.0, 33.99, -3 / 3600) if crs == 4326 else np.arange(900.0, 0.0, -90.0)
    lon = np.arange(92.0, 92.01, 3 / 3600) if crs == 4326 else np.arange(0.0, 900.0, 90.0)
    north, east = np.meshgrid(lat, lon, indexing="ij")
    if crs == 4326:
        north, east = (north - 34.0) * 92.435 * 1200, (east - 92.0) * 76.987 * 1200
    dem = raster(0.05 * east + 0.03 * north, lat, lon, crs, units="m")
    dem = dem.isel(y=slice(None, None, -1)) if upward else dem
    out = grid.slope_aspect(dem)
    tolerance = 2e-3 if crs == 4326 else 1e-6  # the meters of a degree are rounded above
    np.testing.assert_allclose(out.slope, 3.337111, atol=tolerance)
    np.testing.assert_allclose(out.aspect, 239.0362, atol=1e-4 + 20 * tolerance)
    np.testing.assert_array_equal(out.y, dem.y)
    assert out.aspect.attrs["units"] == "degree"


def test_beside_missing_heights_there_is_no_false_slope(rng):
    """On a plane every pixel has its slope, whatever is missing around it; none where nothing tells it."""
    y, x = np.meshgrid(np.arange(40.0)[::-1], np.arange(50.0), indexing="ij")
    heights = 0.3 * x - 0.1 * y
    heights[rng.random(heights.shape) < 0.4] = np.nan
    out = grid.slope_aspect(raster(heights, y[:, 0], x[0], 32646, units="m"))
    known = np.isfinite(heights)
    assert np.isnan(out.slope.values[~known]).all()
    told = np.isfinite(out.slope.values)
    assert told[known].mean() > 0.95
    np.testing.assert_allclose(out.slope.values[told], np.rad2deg(np.arctan(np.hypot(0.3, 0.1))), atol=1e-9)
    np.testing.assert_allclose(out.aspect.values[told], np.rad2deg(np.arctan2(-0.3, 0.1)) % 360, atol=1e-7)
    alone = np.full((5, 5), np.nan)
    alone[2, 1:4] = [1.0, 2.0, 3.0]  # a line has no slope across it
    assert np.isnan(grid.slope_aspect(raster(alone, y[:5, 0], x[0, :5], 32646, units="m"))["slope"]).all()


def test_oracle_beside_missing_heights_it_is_weighted_least_squares(rng):
    heights, weight = rng.normal(size=(3, 3)), np.array([[1.0, 2, 1], [2, 0, 2], [1, 2, 1]])
    for gone in ([], [0], [0, 1, 2], [0, 1, 2, 5, 8], [1, 3]):
        some = heights.copy()
        some.flat[gone] = np.nan
        north, east = (step.ravel() for step in np.meshgrid([1.0, 0, -1], [-1.0, 0, 1], indexing="ij"))
        use = np.isfinite(some).ravel() & (weight.ravel() > 0)
        root = np.sqrt(weight.ravel()[use])
        design = np.column_stack([10.0 * north[use], 20.0 * east[use]]) * root[:, None]
        rise = np.linalg.lstsq(design, (some.ravel()[use] - some[1, 1]) * root, rcond=None)[0]
        dem = raster(some, [20.0, 10.0, 0.0], [0.0, 20.0, 40.0], 32646, units="m")
        got = grid.slope_aspect(dem).isel(y=1, x=1)
        assert got.slope.item() == pytest.approx(np.rad2deg(np.arctan(np.hypot(*rise))))
        assert got.aspect.item() == pytest.approx(np.rad2deg(np.arctan2(-rise[1], -rise[0])) % 360)


def test_level_ground_has_no_aspect():
    dem = raster(np.full((5, 5), 4700.0), np.arange(5.0, 0, -1), np.arange(5.0), 32646, units="m")
    out = grid.slope_aspect(dem)
    assert float(out.slope[2, 2]) == 0.0
    assert np.isnan(out.aspect).all()


def test_pixel_of_three_seconds_at_34_north():
    lat, lon = 34.0 + np.array([1, 0, -1]) * 3 / 3600, 92 + np.arange(3) * 3 / 3600
    assert grid.pixel_size(raster(np.zeros((3, 3)), lat, lon)) == pytest.approx(np.sqrt(92.435 * 76.987), rel=1e-4)
    assert grid.pixel_size(raster(np.zeros((3, 3)), [20, 10, 0], [0, 40, 80], 32646)) == pytest.approx(20.0)


def test_samples_come_from_the_pixel_that_holds_the_point():
    da = plane()
    point = xr.DataArray([91.01, 80.0], {"station": ["A", "B"]}, ("station",))
    out = grid.sample(da, point, [34.02, 34.0])
    assert out.sel(station="A").item() == pytest.approx(34.0 + 2 * LON[np.abs(LON - 91.01).argmin()])
    assert np.isnan(out.sel(station="B").item())
    assert grid.sample(da, 91.01, 34.02, method="linear").item() == pytest.approx(34.02 + 2 * 91.01)
    assert grid.sample(raster(np.ones((31, 41), "i2")), 91.01, 34.02).dtype == np.int16


def test_profile_runs_in_meters(template):
    line = {"type": "LineString", "coordinates": [[92.5, 34.0], [92.5, 34.5], [93.0, 34.5]]}
    out = grid.along(plane(), line, spacing_m=500.0, method="linear")
    np.testing.assert_allclose(np.diff(out.distance), 500.0)
    assert float(out.distance[-1]) == pytest.approx(55_464 + 45_952, abs=500)
    assert float(out.latitude.max()) == pytest.approx(34.5, abs=0.005)
    assert grid.along(template, line["coordinates"]).distance.values[1] == 4000.0


def test_polygons_burn_by_pixel_center(template):
    ring = [[92.4, 34.1], [92.8, 34.1], [92.8, 34.5], [92.4, 34.5], [92.4, 34.1]]
    box = pd.DataFrame({"geometry": [{"type": "Polygon", "coordinates": [ring]}, None]})
    where = grid.lonlat(template)
    lon_in = (where.longitude > 92.4) & (where.longitude < 92.8)
    lat_in = (where.latitude > 34.1) & (where.latitude < 34.5)
    burnt = grid.rasterize(box, template)
    assert burnt.sum() > 50
    np.testing.assert_array_equal(burnt, lon_in & lat_in)
    up = grid.rasterize(box, template.isel(y=slice(None, None, -1)))
    np.testing.assert_array_equal(up.isel(y=slice(None, None, -1)), burnt)
    assert not grid.rasterize(box.iloc[:0], template).any()
    assert grid.rasterize(box, template, all_touched=True).sum() > burnt.sum()


def counted(lon, value=-3.0):
    """Map in degrees about 65 N whose longitudes are counted as they are given."""
    lat = 65.0 - 0.05 * np.arange(20)
    return raster(np.full((20, len(lon)), value) + np.arange(len(lon)), lat, lon)


@pytest.mark.parametrize("west", [210.0, -150.0, 570.0])
def test_longitudes_of_any_turn_meet(west):
    """150 W is 210 E: a map by either convention covers a study area in Alaska."""
    source = counted(west + 0.05 * np.arange(20))
    x, y = grid.to_xy(raster(np.zeros((2, 2)), [1.0, 0.0], [0.0, 1.0], 32606), [-149.6, 210.4], [64.6, 64.6])
    np.testing.assert_allclose(x[0], x[1])
    utm = raster(np.zeros((10, 10)), y[0] - 1000.0 * np.arange(10), x[0] + 1000.0 * np.arange(10), 32606)
    plain = grid.match(counted(-150.0 + 0.05 * np.arange(20)), utm)
    assert np.isfinite(plain).all()
    for resampling in ("bilinear", "nearest", "average"):
        out = grid.match(source, utm, resampling=resampling)
        assert np.isfinite(out).all()
    np.testing.assert_allclose(grid.match(source, utm), plain, atol=1e-9)
    for method in ("nearest", "linear"):
        points = grid.sample(source, [-149.6, 210.4], [64.6, 64.6], method=method)
        np.testing.assert_allclose(points, 5.0, atol=1e-6)
    back = grid.match(utm + 1.0, source)
    assert int(np.isfinite(back).sum()) > 5
    ring = [[-149.82, 64.23], [-149.42, 64.23], [-149.42, 64.83], [-149.82, 64.83], [-149.82, 64.23]]
    box = pd.DataFrame({"geometry": [{"type": "Polygon", "coordinates": [ring]}]})
    assert int(grid.rasterize(box, source).sum()) == 8 * 12


def test_maps_cross_the_date_line():
    lon = 179.0 + 0.1 * np.arange(20)
    source = counted(lon)
    x, y = grid.to_xy(raster(np.zeros((2, 2)), [1.0, 0.0], [0.0, 1.0], 32601), [-179.9], [64.6])
    utm = raster(np.zeros((4, 30)), y[0] - 1000.0 * np.arange(4), x[0] - 20_000.0 + 1000.0 * np.arange(30), 32601)
    assert np.isfinite(grid.match(source, utm)).all()
    world = raster(np.tile(np.arange(360.0), (5, 1)), np.linspace(66.0, 62.0, 5), np.arange(-180.0, 180.0))
    assert grid.sample(world, [180.0, -180.0, 179.4, 540.0], [64.0] * 4).values.tolist() == [0, 0, 359, 0]


def test_circular_quantities_are_averaged_as_directions():
    """Between 350 and 10 degrees lies north, not south."""
    aspect = raster([[350.0, 10.0], [350.0, 10.0]], [1.0, 0.0], [0.0, 1.0]).rename("aspect")
    between = raster(np.zeros((2, 3)), [1.0, 0.0], [0.0, 0.5, 1.0])
    out = grid.match(aspect, between)
    np.testing.assert_allclose(np.cos(np.deg2rad(out[0] - [350, 0, 10])), 1.0)
    assert float(out.max()) < 360
    assert out.name == "aspect"
    coarse = raster(np.zeros((2, 2)), [0.5, -1.5], [0.5, 2.5])
    assert np.cos(np.deg2rad(grid.match(aspect, coarse, resampling="average")[0, 0])) == pytest.approx(1)
    sampled = grid.sample(xr.Dataset({"aspect": aspect}), [0.5], [0.5], method="linear")["aspect"]
    assert np.cos(np.deg2rad(sampled.item())) == pytest.approx(1)
    assert grid.match(aspect, between, resampling="nearest")[0, 0] == 350
    lazy = grid.match(aspect.chunk(), between)
    np.testing.assert_allclose(lazy.compute(), out)


@pytest.mark.parametrize(("unit", "meters"), [("km", 1000.0), ("us-ft", 0.3048006), ("m", 1.0)])
def test_units_of_the_crs(unit, meters):
    crs = f"+proj=utm +zone=46 +datum=WGS84 +units={unit}"
    y, x = (3_800_000.0 - 100.0 * np.arange(6)) / meters, (500_000.0 + 100.0 * np.arange(6)) / meters
    dem = raster(np.tile(np.arange(6) * 100.0, (6, 1)), y, x, crs, units="m")
    assert grid.pixel_size(dem) == pytest.approx(100.0, rel=1e-6)
    assert grid.slope_aspect(dem)["slope"][2, 2] == pytest.approx(45.0, rel=1e-6)


def test_no_features_burn_nothing_and_broken_ones_are_told(template):
    assert not grid.rasterize(pd.DataFrame(), template).any()
    hollow = pd.DataFrame({"geometry": [{"type": "Polygon", "coordinates": []}]})
    with pytest.raises(QtpDataError, match="geometry cannot be drawn"):
        grid.rasterize(hollow, template)


# errors


def test_errors_say_what_to_do(template):
    bare = xr.DataArray(np.zeros((3, 3)), {"y": [2, 1, 0], "x": [0, 1, 2]}, ("y", "x"), name="bare")
    with pytest.raises(QtpDataError, match=r"'bare' has no coordinate reference system.*write_crs"):
        grid.match(bare, template)
    with pytest.raises(QtpDataError, match="'bare' has no coordinate reference system"):
        grid.match(plane(), bare)
    with pytest.raises(QtpDataError, match=r"lacks dims \['y', 'x'\]"):
        grid.match(bare.rename(y="lat", x="lon"), template)
    with pytest.raises(QtpDataError, match="not evenly spaced along y"):
        grid.match(plane().isel(y=[0, 1, 5]), template)
    with pytest.raises(QtpDataError, match="nearest, bilinear, average, mode"):
        grid.match(plane(), template, resampling="lanczos")
    with pytest.raises(QtpDataError, match="two corners"):
        grid.along(plane(), [[90.0, 34.0]])
    with pytest.raises(QtpDataError, match="sampling method"):
        grid.sample(plane(), 91, 34, method="cubic")


# property


@settings(max_examples=25, deadline=None)
@given(east=st.floats(-1, 1), north=st.floats(-1, 1), turn=st.sampled_from([1, 2, 3]))
def test_aspect_turns_with_the_ground(east, north, turn):
    y, x = np.meshgrid(np.arange(3.0, -1, -1), np.arange(4.0), indexing="ij")
    dem = raster(east * x + north * y, y[:, 0], x[0], 32646, units="m")
    turned = dem.copy(data=np.rot90(dem.values, -turn))
    first, second = (grid.slope_aspect(da).isel(y=1, x=1) for da in (dem, turned))
    assert float(first.slope) == pytest.approx(float(second.slope), abs=1e-9)
    if np.hypot(east, north) > 1e-3:
        change = (float(second.aspect) - float(first.aspect) - 90 * turn + 180) % 360 - 180
        assert change == pytest.approx(0, abs=1e-6)


# lazy


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average", "mode"])
def test_match_stays_lazy_and_chunks_change_nothing(template, rng, no_compute, resampling):
    source = raster(rng.normal(size=(3, 31, 41)))
    source.values[1, 5:9, 5:9] = np.nan
    eager = grid.match(source, template, resampling=resampling)
    assert eager.chunks is None
    with no_compute():
        lazy = grid.match(source.chunk(d0=2, y=10, x=15), template, resampling=resampling)
        tiles = grid.match(source.chunk(d0=1), template.chunk(y=10, x=7), resampling=resampling)
    assert tiles.chunks[1][0] == 10
    for out in (lazy, tiles):
        xr.testing.assert_identical(out.compute(), eager)


def test_many_small_blocks_are_no_cause_for_a_warning():
    fine = xr.DataArray(
        np.zeros((24, 26)), {"y": np.linspace(34.4, 34.1, 24), "x": np.linspace(92.1, 92.4, 26)}, ("y", "x")
    ).rio.write_crs(4326)
    lazy = grid.match(plane().chunk(), fine.chunk(y=1, x=1))
    np.testing.assert_array_equal(lazy, grid.match(plane(), fine))
    xr.testing.assert_allclose(grid.lonlat(fine.chunk(y=1, x=1)).compute(), grid.lonlat(fine))


def test_terrain_and_coordinates_stay_lazy(template, rng, no_compute):
    dem = template.copy(data=rng.normal(size=template.shape).cumsum(0))
    dem = dem.where(rng.random(dem.shape) < 0.9)
    with no_compute():
        lazy, where = grid.slope_aspect(dem.chunk(y=7, x=11)), grid.lonlat(dem.chunk(y=7))
        points = grid.sample(dem.chunk(y=7), [92.5], [34.3])
        line = grid.sample(dem.chunk(y=7), [92.5], [34.3], method="linear")
    assert lazy.slope.chunks == dem.chunk(y=7, x=11).chunks
    xr.testing.assert_allclose(lazy.compute(), grid.slope_aspect(dem))
    xr.testing.assert_allclose(where.compute(), grid.lonlat(dem))
    xr.testing.assert_allclose(points.compute(), grid.sample(dem, [92.5], [34.3]))
    xr.testing.assert_allclose(line.compute(), grid.sample(dem, [92.5], [34.3], method="linear"))


def test_coordinates_that_are_remembered_are_nobody_elses():
    x, y = np.array([4e5, 5e5]), np.array([[3.9e6], [3.8e6], [3.7e6]])
    first = to_crs(x, y, source="EPSG:32646", target="EPSG:4326")
    expected = Transformer.from_crs(32646, 4326, always_xy=True).transform(*np.meshgrid(x, y.ravel()))
    np.testing.assert_array_equal(first, expected)
    first[0][:] = 0.0
    np.testing.assert_array_equal(to_crs(x, y, source="EPSG:32646", target="EPSG:4326"), expected)
    assert to_crs(x, y.ravel()[:2], source="EPSG:32646", target="EPSG:4326")[0].shape == (2,)
