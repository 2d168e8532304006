"""Box tables, profiles, swaths, windows and local references."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from qtp_toolkit import geodetector, regions
from qtp_toolkit.conventions import QtpDataError

CENTER = (92.0, 34.0)


def grid(values, name="linear_rate", crs="EPSG:32646", spacing=1000.0, **attrs):
    """Map centered on 92 E, 34 N with a CRS, as the loaders deliver it."""
    ny, nx = values.shape[-2:]
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(*CENTER)
    coords = {"y": y + spacing * (ny // 2 - np.arange(ny)), "x": x + spacing * (np.arange(nx) - nx // 2)}
    dims = ("time", "y", "x")[-values.ndim :]
    da = xr.DataArray(values, dims=dims, coords=coords, name=name, attrs={"units": "mm/yr", **attrs})
    return da.assign_coords(spatial_ref=xr.Variable((), 0, {"crs_wkt": CRS.from_user_input(crs).to_wkt()}))


def lonlat(template):
    crs = CRS.from_wkt(template.spatial_ref.attrs["crs_wkt"])
    x, y = np.meshgrid(template.x, template.y)
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    named = {"longitude": (lon, "degrees_east"), "latitude": (lat, "degrees_north")}
    return xr.Dataset({k: template.copy(data=v).assign_attrs(units=u) for k, (v, u) in named.items()})


@pytest.fixture
def maps(rng):
    rate = grid(rng.normal(size=(40, 50)), provenance_note="synthetic scene")
    rate = rate.where(rng.random(rate.shape) > 0.1)
    ice = grid(rng.uniform(0, 1, (40, 50)), "ice", units="1")
    magt = grid(rng.uniform(-4, 0, (40, 50)), "magt", units="degC")
    return rate, ice, magt


# closed form


def test_closed_form_box():
    values = grid(np.arange(101.0).reshape(1, 101))
    by = grid(np.where(np.arange(101) < 51, 0.5, 3.0).reshape(1, 101), "slope", units="degree")
    out = regions.box_table(values, by, edges=[0, 1, 2, 3])
    assert out["quantile"].dims == ("stratum", "percentile")
    np.testing.assert_allclose(out["quantile"][0], [1, 12.5, 25, 37.5, 49])
    np.testing.assert_allclose(out["quantile"][2], [52, 63.25, 75.5, 87.75, 99.0], atol=0.05)
    assert np.isnan(out["quantile"][1]).all()
    assert out["count"].values.tolist() == [51, 0, 50]
    assert (out.left.values.tolist(), out.right.values.tolist()) == ([0, 1, 2], [1, 2, 3])
    assert out.label.values.tolist() == ["0 to 1", "1 to 2", "2 to 3"]
    assert out["quantile"].attrs["units"] == "mm/yr"
    assert out.stratum.attrs["units"] == "degree"


def test_closed_form_upper_end_belongs_and_open_ends():
    values = grid(np.array([[1.0, 2, 3, 4]]))
    magt = grid(np.array([[-3.0, -2.0, -1.9, 5.0]]), "magt", units="degC")
    out = regions.box_table(values, magt, edges=[-np.inf, -2, np.inf], percentiles=(50,))
    assert out["quantile"].values.ravel().tolist() == [1.5, 3.5]
    assert out.label.values.tolist() == ["< -2", "> -2"]


def test_closed_form_sign_of_subsidence():
    values = grid(np.array([[-5.0, -4, -3, 1]]))
    by = grid(np.ones((1, 4)), "ice", units="1")
    as_is = regions.box_table(values, by, edges=[0, 1], percentiles=(0, 25, 100))
    turned = regions.box_table(values, by, edges=[0, 1], percentiles=(0, 75, 100), sign="subsidence_positive")
    np.testing.assert_allclose(as_is["quantile"][0], [-5, -4.25, 1])
    np.testing.assert_allclose(turned["quantile"][0], [-1, 4.25, 5])
    assert turned.attrs["sign"] == "subsidence_positive"


def test_closed_form_two_factors(maps):
    rate, ice, magt = maps
    edges, edges2 = [0, 0.2, 0.6, 1], [-np.inf, -2, np.inf]
    out = regions.box_table2(rate, ice, magt, edges=edges, edges2=edges2)
    assert out["quantile"].dims == ("stratum", "stratum2", "percentile")
    chosen = rate.values[(ice.values > 0.2) & (ice.values <= 0.6) & (magt.values > -2)]
    expected = np.nanpercentile(chosen, regions.BOX)
    np.testing.assert_allclose(out["quantile"][1, 1], expected)
    assert int(out["count"][1, 1]) == np.isfinite(chosen).sum()
    assert out.label2.values.tolist() == ["< -2", "> -2"]
    assert out.left.values.tolist() == [0, 0.2, 0.6]


def test_strata_of_the_geodetector_are_taken(maps):
    rate, ice, _ = maps
    strata = geodetector.stratify(ice, k=4)
    out = regions.box_table(rate, strata)
    xr.testing.assert_allclose(out["quantile"], regions.box_table(rate, ice, edges=strata.attrs["edges"])["quantile"])
    assert out.label.values.tolist() == strata.attrs["labels"]
    classes = geodetector.stratify(
        (ice > 0.5).astype(int).assign_attrs(classes={0: "low", 1: "high"}), method="classes"
    )
    assert regions.box_table(rate, classes).label.values.tolist() == ["low", "high"]


def test_small_classes_are_left_out(maps):
    rate, ice, _ = maps
    out = regions.box_table(rate, ice, edges=[0, 0.001, 1], min_count=20)
    assert np.isnan(out["quantile"][0]).all()
    assert np.isfinite(out["quantile"][1]).all()


def test_provenance_is_carried(maps):
    rate, ice, _ = maps
    out = regions.box_table(rate, ice, edges=[0, 1])
    assert out.attrs["provenance_note"] == out["quantile"].attrs["provenance_note"] == "synthetic scene"


def test_closed_form_profile():
    values = grid(np.arange(10.0).reshape(1, 10), "seasonal_amplitude")
    distance = values.copy(data=np.arange(10.0).reshape(1, 10) * 1000).assign_attrs(units="m")
    out = regions.profile(values, distance, edges=[0, 4000, 9000], percentiles=(50,))
    assert out["quantile"].dims == ("distance", "percentile")
    assert out.distance.values.tolist() == [2000, 6500]
    assert out["quantile"].values.ravel().tolist() == [2, 7]
    assert out.distance.attrs["units"] == "m"


def test_oracle_swath_against_the_ellipsoid():
    position = lonlat(grid(np.zeros((60, 60)), spacing=2000.0))
    line = [(91.7, 33.7), (92.3, 34.35)]
    out = regions.swath(position.longitude, position.latitude, line, half_width_m=10_000)
    near = np.argwhere(np.isfinite(out.along.values))
    assert len(near) > 200
    geod = Geod(ellps="WGS84")
    bearing, _, length = geod.inv(*line[0], *line[1])
    for row, column in near[::25]:
        point = float(position.longitude[row, column]), float(position.latitude[row, column])
        azimuth, _, distance = geod.inv(*line[0], *point)
        turn = np.deg2rad(azimuth - bearing)
        assert float(out.along[row, column]) == pytest.approx(distance * np.cos(turn), abs=0.004 * length)
        assert float(out.across[row, column]) == pytest.approx(-distance * np.sin(turn), abs=0.004 * length)
    assert float(out.along.max()) <= length * 1.004


def test_closed_form_south_of_a_fault():
    position = lonlat(grid(np.zeros((40, 40)), spacing=5000.0))
    out = regions.south_of(position.longitude, position.latitude, [(93.5, 34.5), (90.5, 33.5), (92.0, 34.0)])
    expected = position.latitude < 34.0 + (position.longitude - 92.0) / 3.0
    inside = (position.longitude > 90.5) & (position.longitude < 93.5)
    np.testing.assert_array_equal(out.where(inside, 0), expected.where(inside, 0))


def test_closed_form_crossing():
    trace = [(93.5, 34.5), (90.5, 33.5)]
    found = regions.crossing([(92.0, 34.5), (92.0, 33.5)], trace)
    assert found == pytest.approx(0.5 * 111195, rel=1e-3)
    assert np.isnan(regions.crossing([(92.0, 36.0), (92.0, 35.0)], trace))


def test_closed_form_crossings_of_traces_that_run_any_way():
    """North-south, back and forth, along the line, short of it, through a corner."""
    line = [(92.0, 34.0), (93.0, 34.0)]
    length = 111_195 * np.cos(np.deg2rad(34))
    traces = {
        "corner": [(92.2, 33.5), (92.5, 34.0), (92.8, 33.5)],
        "north-south": [(92.1, 33.0), (92.1, 35.0)],
        "zigzag": [(92.2, 33.9), (92.4, 34.1), (92.6, 33.9), (452.8, 34.1)],
        "along": [(92.0, 34.0), (93.0, 34.0)],
        "short": [(92.3, 34.1), (92.3, 34.01)],
        "point": [(92.3, 34.0)],
    }
    found = regions.crossings(line, traces)
    assert list(found) == ["north-south", "zigzag", "corner"]
    for name, shares in (("north-south", [0.1]), ("zigzag", [0.3, 0.5, 0.7]), ("corner", [0.5])):
        np.testing.assert_allclose(found[name], np.array(shares) * length, rtol=1e-4)
    folded = regions.crossing([(92.5, 34.5), (92.5, 33.5)], [(92.0, 34.2), (93.0, 34.2)])
    assert folded == pytest.approx(0.3 * 111_195, rel=1e-4)


@pytest.mark.parametrize(("crs", "spacing"), [("EPSG:32646", 1000.0), ("EPSG:4326", 0.01)])
def test_closed_form_window(crs, spacing):
    da = grid(np.zeros((50, 60)), crs=crs, spacing=spacing)
    bounds = (91.903, 33.952, 92.048, 34.097)
    out = regions.window(da, bounds)
    position, whole = lonlat(out), lonlat(da)
    within = [
        (ds.longitude > bounds[0]) & (ds.longitude < bounds[2]) & (ds.latitude > bounds[1]) & (ds.latitude < bounds[3])
        for ds in (position, whole)
    ]
    assert int(within[0].sum()) == int(within[1].sum()) > 0
    assert out.size < 1.1 * int(within[0].sum()) + 40
    assert regions.window(da.to_dataset(), bounds)["linear_rate"].shape == out.shape


def test_closed_form_rereference(rng):
    rate = grid(rng.normal(3.0, 0.1, (40, 50)))
    rate[20, 25] = 80.0
    out = regions.rereference(rate, CENTER, radius_m=3000)
    assert float(out[20, 25]) == pytest.approx(77.0, abs=0.1)
    assert float(out.median()) == pytest.approx(0.0, abs=0.1)
    assert out.attrs["units"] == "mm/yr"
    assert "92.0000 E" in out.attrs["reference"]
    nearest = regions.rereference(rate, CENTER, radius_m=0.0)
    assert float(nearest[20, 25]) == 0.0
    mask = (rate > 50).rename("outlier")
    assert float(regions.rereference(rate, mask)[20, 25]) == 0.0
    mean = regions.rereference(rate, mask | (rate == rate[0, 0]), statistic="mean")
    assert float(mean[20, 25]) == pytest.approx((80 - float(rate[0, 0])) / 2)


def test_rereference_of_a_series_and_in_degrees(rng):
    series = grid(rng.normal(size=(3, 20, 20)), crs="EPSG:4326", spacing=0.01)
    out = regions.rereference(series, CENTER, radius_m=2000)
    area = series.isel(y=slice(5, 16), x=slice(5, 16))
    lon, lat = np.meshgrid(area.x - CENTER[0], area.y - CENTER[1])
    near = np.hypot(lon * 111195 * np.cos(np.deg2rad(34)), lat * 111195) <= 2000
    for time in range(3):
        np.testing.assert_allclose(series[time] - out[time], np.median(area.values[time][near]))


def test_edges_of_ties_are_taken_as_they_are_found(rng):
    """Half of the values are equal: the strata of the detector and the boxes are of the same classes."""
    ice = np.where(rng.random((60, 60)) < 0.5, 0.0, rng.random((60, 60)))
    ice, rate = grid(ice, "ground_ice", units="1"), grid(rng.normal(size=(60, 60)))
    edges = geodetector.edges(ice, k=6)
    assert edges[0] == edges[1] == 0
    strata = geodetector.stratify(ice, edges=edges)
    expected = np.bincount(strata.values.ravel())
    for table in (regions.box_table(rate, ice, edges=edges), regions.box_table(rate, strata)):
        assert table["count"].values.tolist() == expected.tolist()
        np.testing.assert_array_equal(table["left"], edges[:-1])
    assert regions.box_table2(rate, ice, strata, edges=edges)["count"].values.diagonal().tolist() == expected.tolist()
    assert int(regions.profile(rate, ice, edges=edges)["count"].sum()) == rate.size


def test_strata_are_held_to_their_labels(maps):
    rate, ice, _ = maps
    strata = geodetector.stratify(ice, k=4)
    for table in (regions.box_table, lambda r, s: regions.box_table2(r, s, s)):
        with pytest.raises(QtpDataError, match="codes without a label"):
            table(rate, strata * 4 + strata)
        with pytest.raises(QtpDataError, match="codes without a label"):
            table(rate, (strata * 4 + strata).chunk(y=20)).compute()
    inside = strata.where(ice > 0.5)
    xr.testing.assert_identical(regions.box_table(rate, inside), regions.box_table(rate, strata.where(ice > 0.5, -1)))
    merged = (strata // 2).assign_attrs(strata.attrs, labels=["low", "high"])  # its edges are those of four classes
    assert np.isnan(regions.box_table(rate, merged)["left"]).all()


@pytest.mark.parametrize("turn", [0.0, 360.0, -360.0])
def test_places_by_any_longitude(turn):
    """Across the date line, and with longitudes counted from 0 to 360."""
    lon, lat = np.meshgrid(np.linspace(178.0, 182.0, 41), np.linspace(67.0, 65.0, 21))
    axes = {"y": lat[:, 0], "x": lon[0]}
    there = xr.DataArray((lon + 180) % 360 - 180 + turn, axes, ("y", "x"), attrs={"units": "degrees_east"})
    plain = xr.DataArray(lon, axes, ("y", "x"), attrs={"units": "degrees_east"})
    north = xr.DataArray(lat, axes, ("y", "x"), attrs={"units": "degrees_north"})
    line = [(179.0, 66.0), (-179.0, 66.2)]
    expected = regions.swath(plain, north, [(179.0, 66.0), (181.0, 66.2)], half_width_m=20_000)
    assert int(np.isfinite(expected["along"]).sum()) > 20
    xr.testing.assert_allclose(regions.swath(there, north, line, half_width_m=20_000), expected)
    xr.testing.assert_equal(
        regions.south_of(there, north, line), regions.south_of(plain, north, [(179, 66), (181, 66.2)])
    )
    cut = regions.crossing([(179.5, 65.5), (-179.5, 66.5)], [(178.0, 66.0), (-178.0, 66.0)])
    assert cut == pytest.approx(regions.crossing([(179.5, 65.5), (180.5, 66.5)], [(178, 66), (182, 66)]))
    da = xr.DataArray(lon, {"y": lat[:, 0], "x": lon[0] + turn}, ("y", "x")).rio.write_crs(4326)
    for bounds in ((179.5, 65.5, -179.5, 66.5), (179.5, 65.5, 180.5, 66.5), (-180.5, 65.5, -179.5, 66.5)):
        assert dict(regions.window(da, bounds).sizes) == {"y": 11, "x": 11}


def test_radius_of_a_reference_is_in_meters_whatever_the_unit(rng):
    rate = grid(rng.normal(size=(20, 20)))
    far = rate.assign_coords(x=rate.x / 1000, y=rate.y / 1000)
    far = far.drop_vars("spatial_ref").rio.write_crs("+proj=utm +zone=46 +units=km +datum=WGS84")
    ours, theirs = (regions.rereference(da, CENTER, radius_m=3500.0) for da in (rate, far))
    np.testing.assert_allclose(theirs, ours)


# from counts


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_oracle_percentiles_of_counts_are_those_of_rounded_values(rng, dtype):
    """13 significant bits: at most one part in 8192 off, and exact where values have no more."""
    values = grid((rng.normal(size=(40, 50)) * np.exp(rng.normal(size=(40, 50)) * 4)).astype(dtype))
    values[3, 4], values[5, 6] = np.inf, np.nan
    ice = grid(rng.uniform(0, 1, (40, 50)), "ice", units="1")
    options = {"edges": [0, 0.2, 0.21, 0.9, 1.0, 2.0], "percentiles": (0, 2, 25, 50, 98, 100)}
    exact, counted = (regions.box_table(values, ice, **options, method=method) for method in ("exact", "histogram"))
    np.testing.assert_array_equal(counted["count"], exact["count"])
    np.testing.assert_allclose(counted["quantile"], exact["quantile"], rtol=1 / 8192, atol=1e-30)
    assert counted.attrs["percentiles"] == "histogram"
    kept = 2.0 ** np.ceil(np.log2(np.abs(values.where(np.isfinite(values)))) - 13)
    rounded = (values / kept).round() * kept
    of_rounded = regions.box_table(rounded, ice, **options, method="exact")["quantile"]
    np.testing.assert_allclose(counted["quantile"], of_rounded, rtol=1e-6)
    whole = grid(rng.integers(-8192, 8193, (40, 50)).astype(dtype))
    same = [regions.box_table(whole, ice, **options, method=method)["quantile"] for method in ("exact", "histogram")]
    xr.testing.assert_identical(*same)


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 11}, {"y": 40, "x": 1}])
def test_counts_of_blocks_add_up_exactly(maps, no_compute, chunks, monkeypatch):
    rate, ice, magt = maps
    options = {"edges": [0, 0.5, 1], "edges2": [-5, -2, 0, 9], "method": "histogram"}
    whole = regions.box_table2(rate, ice, magt, **options)
    with no_compute():
        lazy = regions.box_table2(rate.chunk(chunks), ice, magt.chunk(y=9), **options)
    assert lazy["quantile"].chunks is not None
    xr.testing.assert_identical(lazy.compute(scheduler="sync"), whole)
    monkeypatch.setattr("qtp_toolkit.regions.kernels.counts.SLICE", 77)
    xr.testing.assert_identical(regions.box_table2(rate, ice, magt, **options), whole)


def test_large_maps_are_counted_whether_lazy_or_not(maps, monkeypatch):
    rate, ice, _ = maps
    monkeypatch.setattr("qtp_toolkit.regions._tables.EXACT_UP_TO", rate.size)
    assert regions.box_table(rate, ice, edges=[0, 1]).attrs["percentiles"] == "exact"
    monkeypatch.setattr("qtp_toolkit.regions._tables.EXACT_UP_TO", rate.size - 1)
    tables = [regions.box_table(da, ice, edges=[0, 1]) for da in (rate, rate.chunk(y=10))]
    assert tables[0].attrs["percentiles"] == "histogram"
    xr.testing.assert_identical(tables[1].compute(), tables[0])
    profile = regions.profile(rate, ice.assign_attrs(units="m"), edges=[0, 0.5, 1])
    assert profile.attrs["percentiles"] == "histogram"


# refusals


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (regions.box_table, "Give edges"),
        (lambda r, i: regions.box_table(r, i, edges=[1, 0]), "must ascend"),
        (lambda r, i: regions.box_table(r, i, edges=[0, 1], sign="up"), "unknown sign"),
        (lambda r, i: regions.box_table(r, i, edges=[0, 1], percentiles=(101,)), "out of range"),
        (lambda r, i: regions.box_table(r, i, edges=[0, 1], method="sketch"), "unknown way"),
        (lambda r, i: regions.box_table(r, i[:-1], edges=[0, 1]), "grid.match"),
        (lambda r, i: regions.box_table(r, i.assign_coords(x=i.x + 1), edges=[0, 1]), "grid.match"),
        (lambda r, i: regions.window(r, (93, 33, 92, 34)), "out of order"),
        (lambda r, i: regions.window(r, (10, 33, 11, 34)), "no pixel"),
        (lambda r, i: regions.window(r.drop_vars("spatial_ref"), (91, 33, 92, 34)), "no CRS"),
        (lambda r, i: regions.rereference(r, r > 1e9), "holds no pixel"),
        (lambda r, i: regions.rereference(r * np.nan, CENTER), "no valid pixel"),
        (lambda r, i: regions.rereference(r, CENTER, statistic="mode"), "unknown statistic"),
        (lambda r, i: regions.rereference(r, (r > 0).chunk()), "in memory"),
        (
            lambda r, i: regions.swath(
                i.assign_attrs(units="degrees_east"), i.assign_attrs(units="degrees_north"), [(92, 34), (92, 34)]
            ),
            "two different ends",
        ),
    ],
)
def test_refusals(maps, call, match):
    with pytest.raises(QtpDataError, match=match):
        call(maps[0], maps[1])


# property


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100), shift=st.floats(-50, 50))
def test_property_percentiles_move_with_the_values_and_ascend(seed, shift):
    rng = np.random.default_rng(seed)
    rate, ice = grid(rng.normal(size=(8, 9))), grid(rng.uniform(0, 1, (8, 9)), "ice", units="1")
    table = regions.box_table(rate, ice, edges=[0, 0.3, 1])
    moved = regions.box_table(rate + shift, ice, edges=[0, 0.3, 1])
    np.testing.assert_allclose(moved["quantile"], table["quantile"] + shift, atol=1e-9)
    assert (table["quantile"].diff("percentile") >= 0).all()
    assert int(table["count"].sum()) == rate.size


# lazy


def test_lazy_equals_eager_without_computing(maps, no_compute):
    rate, ice, magt = maps
    position = lonlat(rate)
    distance = regions.swath(position.longitude, position.latitude, [(91.8, 33.9), (92.2, 34.1)])["along"]
    chunk = {"y": 7, "x": 13}
    runs = [
        lambda r, i, m, d: regions.box_table(r, i, edges=[0, 0.5, 1]),
        lambda r, i, m, d: regions.box_table2(r, i, m, edges=[0, 0.5, 1], edges2=[-4, -2, 0]),
        lambda r, i, m, d: regions.profile(r, d, edges=[0, 10_000, 30_000]),
        lambda r, i, m, d: regions.rereference(r, CENTER, radius_m=5000).to_dataset(),
        lambda r, i, m, d: regions.window(r, (91.9, 33.9, 92.1, 34.1)).to_dataset(),
    ]
    lazy = [da.chunk(chunk) for da in (rate, ice, magt, distance)]
    with no_compute():
        outs = [run(*lazy) for run in runs]
    for run, out in zip(runs, outs, strict=True):
        assert all(da.chunks is not None for da in out.data_vars.values())
        xr.testing.assert_allclose(out.compute(scheduler="sync"), run(rate, ice, magt, distance))


def test_lazy_places(no_compute):
    position = lonlat(grid(np.zeros((20, 20))))
    with no_compute():
        lazy = position.chunk({"y": 6})
        swath = regions.swath(lazy.longitude, lazy.latitude, [(91.9, 33.9), (92.1, 34.1)])
        south = regions.south_of(lazy.longitude, lazy.latitude, [(91, 34), (93, 34)])
    assert swath.along.chunks is not None
    assert south.chunks is not None
    np.testing.assert_array_equal(south.compute(), position.latitude < 34)


def test_float32_stays_float32(maps):
    rate = maps[0].astype("float32")
    assert regions.rereference(rate, CENTER).dtype == np.float32


def test_masks_of_a_reference_with_gaps(rng):
    """NaN is no part of the area, though it counts as True."""
    rate = grid(rng.normal(size=(4, 5)))
    mask = xr.full_like(rate, np.nan)
    mask[1, 1], mask[2, 2] = 1.0, 0.0
    assert float(regions.rereference(rate, mask)[1, 1]) == 0.0


def test_masks_of_a_reference_are_taken_by_their_place(rng):
    """A mask that runs the other way, or is larger, belongs to the same pixels."""
    rate = grid(rng.normal(size=(4, 5)))
    mask = (xr.zeros_like(rate) + (rate["y"] == rate["y"][0])) > 0
    right = regions.rereference(rate, mask)
    xr.testing.assert_identical(regions.rereference(rate, mask[::-1]), right)
    xr.testing.assert_identical(regions.rereference(rate[:, 1:], mask), regions.rereference(rate[:, 1:], mask[:, 1:]))
    with pytest.raises(QtpDataError, match="covers"):
        regions.rereference(rate, mask[:, 1:])


def test_lines_without_two_ends_are_refused(maps):
    place = lonlat(maps[0])
    for line in ([], [(92.0, 34.0)], [(92.0, 34.0), (93.0, 34.0), (92.0, 34.0)]):
        with pytest.raises(QtpDataError, match="two different ends"):
            regions.swath(place.longitude, place.latitude, line)
        with pytest.raises(QtpDataError, match="two different ends"):
            regions.crossing(line, [(91.0, 34.0)])
    for refuse in (
        lambda: regions.crossing([(92.0, 34.0), (92.0, 35.0)], []),
        lambda: regions.south_of(place.longitude, place.latitude, []),
    ):
        with pytest.raises(QtpDataError, match="a trace needs a corner"):
            refuse()
