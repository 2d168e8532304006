"""OPERA's series, whose reference moves on, and GACOS' delays."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray as xr
from radar_files import delay, disp_product
from small_files import refused, tif

from qtp_toolkit import load
from qtp_toolkit.catalog import open_catalog


def name(first, second):
    return f"OPERA_L3_DISP-S1_IW_F08882_VV_{first}T005104Z_{second}T005103Z_v0.3_20240917T184125Z.nc"


@pytest.fixture
def products(tmp_path, rng):
    """A true series (m), told against a reference that moves on after three dates."""
    true = np.concatenate([np.zeros((1, 4, 5)), np.cumsum(rng.normal(0, 0.01, (4, 4, 5)), axis=0)])
    days = ["20160708", "20160801", "20160825", "20160918", "20161012"]
    paths = [
        disp_product(tmp_path / name(days[r], days[s]), true[s] - true[r], tide=0.001 * (s - r))
        for r, s in ((0, 1), (0, 2), (2, 3), (2, 4))
    ]
    return true, paths


def test_a_reference_that_moves_on_is_tied(products, no_compute):
    true, paths = products
    with no_compute():
        data = load.opera_disp(paths[::-1])
    np.testing.assert_allclose(data["displacement"], 1000 * true, atol=1e-5)
    assert data["time"].values.astype("M8[D]").astype(str).tolist()[::4] == ["2016-07-08", "2016-10-12"]
    assert data.attrs["references"] == "2016-07-08, 2016-08-25"
    assert data.rio.crs.to_epsg() == 32613
    assert float(data["y"][0]) == 3481725.0
    tides = load.opera_disp(paths, subtract=["solid_earth_tide"])
    np.testing.assert_allclose(tides["displacement"], 1000 * true - np.arange(5)[:, None, None], atol=1e-5)


def test_what_is_lost_at_a_new_reference_is_lost_after_it(products):
    true, paths = products
    good = np.ones((4, 5))
    good[1, 2] = 0
    disp_product(paths[1], true[2], good=good)
    data = load.opera_disp(paths, masked=True)["displacement"]
    assert data.isel(y=1, x=2).isnull().values.tolist() == [False, False, True, True, True]
    assert int(data.isnull().sum()) == 3


def test_products_that_do_not_hang_together_are_refused(products, tmp_path):
    true, paths = products
    assert "2016-08-25" in refused(load.opera_disp, [paths[0], *paths[2:]])
    twice = disp_product(tmp_path / name("20160801", "20160918"), true[3] - true[1])
    assert "2016-09-18" in refused(load.opera_disp, [*paths, twice], code="I19")
    disp_product(paths[3], true[4][:, :3])
    refused(load.opera_disp, paths, code="I06")
    layer = tif(tmp_path / "displacement_20160708_20160801.tif", true[1].astype("float32"))
    refused(load.opera_disp, [layer], subtract=["solid_earth_tide"], code="I03")
    refused(load.opera_disp, [layer], masked=True, code="I03")
    refused(load.opera_disp, [], code="C10")


def test_layers_as_geotiff_are_the_same_series(products, tmp_path):
    true, paths = products
    pairs = ((0, 1), (0, 2), (2, 3), (2, 4))
    days = ["20160708", "20160801", "20160825", "20160918", "20161012"]
    layers = [
        tif(tmp_path / f"displacement_{days[r]}_{days[s]}.tif", (true[s] - true[r]).astype("float32")) for r, s in pairs
    ]
    np.testing.assert_allclose(
        load.opera_disp(layers)["displacement"], load.opera_disp(paths)["displacement"], atol=1e-5
    )


@pytest.mark.parametrize(("registration", "half"), [("corner", 0.5), ("center", 0.0)])
def test_delays_lie_where_it_is_said(tmp_path, registration, half, no_compute, rng):
    values = rng.uniform(1.2, 2.4, (2, 3, 4)).astype("float32")
    values[1, 0, 1] = 0
    paths = [delay(tmp_path / f"{day}.ztd", v) for day, v in zip(("20180831", "20180819"), values, strict=True)]
    with no_compute():
        data = load.gacos(paths, registration=registration)
    np.testing.assert_array_equal(data, np.where(values == 0, np.nan, values)[::-1])
    np.testing.assert_allclose(data["x"], 93 + 0.001 * (np.arange(4) + half))
    np.testing.assert_allclose(data["y"], 35 - 0.001 * (np.arange(3) + half))
    assert (data.name, data.attrs["units"], data.attrs["registration"]) == ("zenith_delay", "m", registration)
    assert "registration" in refused(load.gacos, paths, code="I05")


def test_the_hour_counts_where_all_tell_it(tmp_path):
    values = np.full((2, 2), 2.0)
    paths = [delay(tmp_path / f"{day}.ztd", values, hour=11.75) for day in ("20180819", "20180831")]
    assert str(load.gacos(paths, registration="corner")["time"].values[0])[:19] == "2018-08-19T11:45:00"
    delay(paths[1], values)
    assert str(load.gacos(paths, registration="corner")["time"].values[0])[:19] == "2018-08-19T00:00:00"


def test_delays_of_other_grids_dates_or_units_are_refused(tmp_path):
    values = np.full((2, 2), 2.0)
    one = delay(tmp_path / "20180819.ztd", values)
    other = delay(tmp_path / "20180831.ztd", values, place=(93.0, 35.1, 0.001, -0.001))
    refused(load.gacos, [one, other], registration="corner", code="I06")
    refused(load.gacos, [delay(tmp_path / "august.ztd", values)], registration="corner", code="I27")
    in_mm = load.gacos([delay(tmp_path / "20180912.ztd", 1000 * values)], registration="corner")
    refused(in_mm.compute, code="M11")


def test_delays_as_geotiff_tell_their_place(tmp_path):
    path = tif(
        tmp_path / "20180819.ztd.tif", np.full((2, 3), 2.1, "float32"), crs="EPSG:4326", origin=(93, 35), pixel=0.1
    )
    data = load.gacos([path])
    assert data["x"].values[0] == pytest.approx(93.05)
    assert data.sizes["time"] == 1


def test_corrections_of_opera_leave_the_motion(products):
    """Tide and ionosphere of each product, against its own reference, as the series is: both are taken out of it."""
    true, paths = products
    rows = np.add.outer(np.arange(4.0), np.arange(5.0)) / 100
    for path in paths:
        with h5py.File(path, "r+") as file:
            disturbed = file["displacement"][()] + 0.002 * rows / rows.max() + file["corrections/solid_earth_tide"][()]
            file["displacement"][...] = disturbed
            file["corrections/ionospheric_delay"] = (0.002 * rows / rows.max()).astype("f4")
    both = load.opera_disp(paths, subtract=["solid_earth_tide", "ionospheric_delay"])["displacement"]
    np.testing.assert_allclose(both, 1000 * true, atol=1e-4)
    one = load.opera_disp(paths, subtract=["solid_earth_tide"])["displacement"]
    assert float((one - 1000 * true)[1:].std()) > 0.3


def cube(path, values, *, names=("hydrostatic_delay", "wet_delay"), units="meters", first=35.0):
    """A global product of OPERA, or a cut of it; latitudes fall, the axis of height is the last."""
    axes = {"latitude": first - 0.5 * np.arange(6), "longitude": 90.0 + 0.5 * np.arange(8), "height": [0.0, 2e3, 6e3]}
    data = {n: (tuple(axes), (values / len(names)).astype("f4"), {"units": units}) for n in names}
    path.parent.mkdir(exist_ok=True)
    xr.Dataset(data, axes).expand_dims(time=[np.datetime64("2018-08-31T00", "ns")]).to_netcdf(path, engine="h5netcdf")
    return path


def tropo(hour, day="20180831"):
    return f"OPERA_L4_TROPO-ZENITH_{day}T{hour:02d}0000Z_20250901T121212Z_HRES_v1.0.nc"


def test_delays_of_opera_over_height_are_joined_and_cut_out(tmp_path, rng, no_compute):
    values = rng.uniform(1.0, 2.4, (2, 6, 8, 3))
    paths = [cube(tmp_path / tropo(6 * k), v) for k, v in enumerate(values)]
    with no_compute():
        whole = load.opera_tropo(paths[::-1])["zenith_delay"]
        part = load.opera_tropo(paths, area=(91.0, 33.6, 91.6, 34.0))["zenith_delay"]
    assert whole.dims == ("time", "height", "y", "x")
    assert whole["time"].values.astype("M8[h]").astype(str).tolist() == ["2018-08-31T00", "2018-08-31T06"]
    np.testing.assert_allclose(whole, np.moveaxis(values, -1, 1), rtol=1e-6)
    assert (whole.attrs["units"], whole.rio.crs.to_epsg()) == ("m", 4326)
    assert (part["x"].values.tolist(), part["y"].values.tolist()) == ([90.5, 91.0, 91.5, 92.0], [34.5, 34.0, 33.5])
    cut = cube(tmp_path / "cut" / "tropo_cropped_20180831T000500.nc", values[0], names=("total_delay",))
    total = load.opera_tropo([cut])["zenith_delay"]
    np.testing.assert_allclose(total[0], whole[0], rtol=1e-6)
    assert str(total["time"].values[0])[:16] == "2018-08-31T00:05"


def test_delays_over_height_that_cannot_be_are_refused(tmp_path, rng):
    values = rng.uniform(1.0, 2.4, (6, 8, 3))
    good = cube(tmp_path / tropo(0), values)
    refused(load.opera_tropo, [], code="C10")
    refused(load.opera_tropo, [cube(tmp_path / "august.nc", values)], code="I27")
    refused(load.opera_tropo, [good, cube(tmp_path / "again" / tropo(0), values)], code="I19")
    refused(load.opera_tropo, [cube(tmp_path / tropo(6), values, names=("wet_delay",))], code="M27")
    refused(load.opera_tropo, [cube(tmp_path / tropo(12), values, units="mm")], code="M11")
    refused(load.opera_tropo, [good, cube(tmp_path / tropo(18), values, first=36.0)], code="M27")
    refused(load.opera_tropo, [good], area=(10.0, 33.0, 11.0, 34.0), code="I22")
    (tmp_path / "torn").mkdir()
    torn = tmp_path / "torn" / tropo(0)
    torn.write_bytes(good.read_bytes()[:3000])
    refused(load.opera_tropo, [torn], code="M05")


def test_catalogs_open_both(products, tmp_path):
    delay(tmp_path / "20180819.ztd", np.full((2, 2), 2.0))
    catalog = tmp_path / "data_catalog.yaml"
    catalog.write_text(
        "catalog_version: 1\nroots: [.]\nsources:\n"
        "  series: {kind: dataset, driver: opera_disp, uri: 'OPERA_*.nc', provenance: observed,"
        " parameters: {subtract: [solid_earth_tide]}}\n"
        "  gacos: {kind: dataset, driver: gacos, uri: '*.ztd', provenance: observed,"
        " parameters: {registration: corner}}\n"
    )
    found = open_catalog(catalog)
    assert found["series"]["displacement"].sizes["time"] == 5
    assert found["gacos"].name == "zenith_delay"
