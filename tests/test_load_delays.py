"""OPERA's series, whose reference moves on, and GACOS' delays."""

from __future__ import annotations

import numpy as np
import pytest
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
    refused(load.gacos, [one, other], registration="corner", code="I05")
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
