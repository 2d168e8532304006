"""Loaders on data that nobody of this project made; the numbers are those of each set's own PROVENANCE.md."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import load
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.conventions import QtpDataError

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def catalog(real_data):
    assert real_data.is_dir()
    return open_catalog(Path(__file__).with_name("real_catalog.yaml"))


def test_every_real_source_opens(catalog):
    rows = [catalog.check(name) for name in catalog]
    assert [(row["source"], row["problem"]) for row in rows if row["status"] != "found"] == []


def test_granule_counts_range_and_quality(catalog):
    data = catalog["modis_granule"].compute()
    day, quality = data["terra_day"].values[0], data["qc_terra_day"].values[0]
    valid = np.isfinite(day)
    assert valid.sum() == 333_829
    assert (day[valid].min(), day[valid].max()) == pytest.approx((18.25, 52.57), abs=0.005)
    assert day[valid].mean(dtype=float) == pytest.approx(39.40, abs=0.005)
    assert np.bincount(quality[valid] & 3, minlength=4).tolist() == [251_784, 82_045, 0, 0]
    assert np.bincount(quality[~valid] & 3, minlength=4).tolist() == [0, 0, 88_946, 1_017_225]
    pixel = float(data["x"][1] - data["x"][0])
    assert pixel == pytest.approx(926.625433, abs=1e-5)
    edges = [float(v) for v in (data["x"][0] - pixel / 2, data["x"][-1] + pixel / 2, data["y"][-1] - pixel / 2)]
    assert edges == pytest.approx([-4447802.079066, -3335851.559300, -1111950.519767], abs=1e-3)


def test_view_times_of_a_granule_are_those_of_terra(real_data):
    """Just south of the equator by day and by night, within the swath: decoded from a true file."""
    (source,) = (real_data / "modis_mod11a1_hdf4").glob("*.hdf")
    data = load.modis_lst([source], sensors=["terra"], view_times=True)
    for part, low, high in (("day", 9.5, 11.5), ("night", 21.5, 23.5)):
        hours = data[f"view_time_terra_{part}"].compute()
        assert low < float(hours.min()) < float(hours.max()) < high
        seen = np.isfinite(data[f"terra_{part}"].compute())
        assert bool(np.isfinite(hours.where(seen, 0.0)).all())  # a value has a time


def test_granule_that_was_cut_short_is_named(real_data, tmp_path):
    (source,) = (real_data / "modis_mod11a1_hdf4").glob("*.hdf")
    cut = tmp_path / source.name
    cut.write_bytes(source.read_bytes()[:100_000])
    with pytest.raises(QtpDataError, match="100000 bytes") as caught:
        load.modis_lst([cut], sensors=["terra"])
    assert source.name in str(caught.value)


def test_granule_says_itself_what_it_is(real_data, tmp_path):
    (source,) = (real_data / "modis_mod11a1_hdf4").glob("*.hdf")
    renamed = shutil.copy(source, tmp_path / "granule.hdf")
    data = load.modis_lst([renamed], sensors=None)
    assert str(data["time"].values[0])[:10] == "2019-11-01"
    assert data.attrs["tiles"] == "h14v09"
    xr.testing.assert_identical(
        data["terra_day"].drop_attrs(), load.modis_lst([source], sensors=None)["terra_day"].drop_attrs()
    )
    dated = shutil.copy(source, tmp_path / source.name.replace("A2019305", "A2019306"))
    with pytest.raises(QtpDataError, match="2019-11-02") as caught:
        load.modis_lst([dated], sensors=["terra"])
    assert caught.value.code == "M19"
    with pytest.raises(QtpDataError, match="h14v09 covers -40") as caught:
        load.modis_lst([renamed], sensors=["terra"], area=(90, 31, 96, 37.5))
    assert caught.value.code == "M17"


def test_granule_without_values_is_cloud_not_a_hole(catalog):
    table = load.check_lst(catalog["modis_granule"], every=8)
    assert (table["hollow"] == 0).all()
    assert table.loc["terra_day", "valid"] == pytest.approx(0.232, abs=0.01)


def test_mexico_stack(catalog):
    data = catalog["interferograms"]
    assert data["phase"].shape == (30, 60, 100)
    dates = np.unique(np.concatenate([data["reference"].values, data["secondary"].values])).astype("datetime64[D]")
    assert len(dates) == 13
    assert (str(dates[0]), str(dates[-1])) == ("2018-01-06", "2018-07-17")
    assert data.attrs["wavelength"] == pytest.approx(0.0555042, abs=1e-7)
    table = load.check_stack(data, every=1)
    assert table["valid"].min() > 0.98
    assert (table["zeros"] == 0).all()


def test_mexico_mean_coherence_is_that_of_its_makers(catalog):
    mean = catalog["interferograms"]["coherence"].mean("pair")
    np.testing.assert_allclose(mean.values, catalog["mexico_coherence_mean"].values, atol=1e-6)


def test_mexico_triplets_close_to_whole_cycles(catalog):
    data = catalog["interferograms"].compute()
    pairs = dict(
        zip(zip(data["reference"].values, data["secondary"].values, strict=True), data["phase"].values, strict=True)
    )
    dates = sorted({date for pair in pairs for date in pair})
    loops = [
        pairs[a, b] + pairs[b, c] - pairs[a, c]
        for a in dates
        for b in dates
        for c in dates
        if (a, b) in pairs and (b, c) in pairs and (a, c) in pairs
    ]
    assert len(loops) == 24
    spread = [np.nanstd(loop - np.nanmedian(loop)) for loop in loops]
    assert np.median(spread) < 1.2


def test_istria_series(catalog):
    lst = catalog["modis_lst"]["lst"]
    assert lst.sizes["time"] == 46
    valid = np.isfinite(lst)
    assert int(valid.any("time").sum()) == 6714
    assert int((valid.sum("time") == 46).sum()) == 2010
    assert int((lst < 0).any("time").sum()) == 1777
    assert str(lst["time"].values[-1])[:13] == "2008-12-28T12"  # 26 to 31 December, a leap year


def test_ndvi_of_a_year(catalog):
    ndvi = catalog["garda_ndvi"]
    assert ndvi.shape == (23, 122, 65)
    assert -0.2 <= float(ndvi.min()) < float(ndvi.max()) <= 1.0
    assert str(ndvi["time"].values[-1])[:10] == "2016-12-24"


def test_chumar_dem_and_vectors(catalog):
    dem = catalog["dem"].values
    assert dem.shape == (811, 602)
    assert (np.nanmin(dem), np.nanmax(dem)) == (4526, 5178)
    assert np.isfinite(dem).mean() == pytest.approx(0.28, abs=0.005)
    assert np.isfinite(catalog["chumar_aspect"].values).mean() < 0.3  # -3.4e38 without a nodata tag
    lakes = catalog["lakes"]
    assert len(lakes) == 223
    assert {geometry["type"] for geometry in lakes["geometry"]} == {"LineString"}
    cover = catalog["chumar_land_cover"]
    assert cover.dtype == np.int16
    assert set(np.unique(cover.values)) <= {-1, 11, 14, 20, 30, 140, 150, 200, 210}
    for name in ("highway", "chumar_railway", "study_area"):
        (geometry,) = catalog[name]["geometry"]
        lon, lat = np.array(
            geometry["coordinates"] if geometry["type"] == "LineString" else geometry["coordinates"][0]
        ).T
        assert 92 < lon.min() < lon.max() < 94
        assert 34 < lat.min() < lat.max() < 36


def test_class_map_of_the_corridor_needs_its_legend(real_data):
    path = real_data / "qtp_chumar_dem_vectors" / "LUCC.tif"
    with pytest.raises(QtpDataError, match="no names"):
        load.raster(path, variable="vegetation")
    with pytest.raises(QtpDataError, match="200") as caught:
        load.raster(
            path, variable="vegetation", classes={11: "crops", 14: "crops", 20: "mosaic", 30: "mosaic"}
        ).compute()
    assert caught.value.code == "S06"


def test_index_rasters_nodata(catalog):
    thawing, freezing = catalog["ne_qtp_thawing_index"], catalog["ne_qtp_freezing_index"]
    assert thawing.shape == (121, 192)
    assert (float(thawing.min()), float(thawing.max())) == pytest.approx((287, 3976), abs=1)
    assert (float(freezing.min()), float(freezing.max())) == pytest.approx((286, 3598), abs=1)


def test_station_coordinates_are_degrees_and_minutes(catalog, real_data):
    table = catalog["stations"].set_index("station")
    assert len(table) == 52
    assert table.loc["Pishan", ["latitude", "longitude"]].tolist() == pytest.approx([37 + 37 / 60, 78 + 17 / 60])
    rename = {"SNameEN": "station", "Lat": "latitude", "Lon": "longitude"}
    with pytest.raises(QtpDataError, match="degrees_minutes"):
        load.stations(real_data / "qtp_stations_pic" / "Station_Info.csv", rename=rename)


def test_station_series(catalog):
    depth = catalog["qtp_stefan_depth"]["active_layer_thickness"]
    assert depth.sizes == {"time": 60, "station": 51}
    assert depth.sel(station="Zhangye", time="1951-01-01").item() == pytest.approx(2.76892836)
    golmud = catalog["golmud_surface_temperature"]
    assert golmud.sizes["time"] == 22_980
    assert golmud["air_temperature"].values[0, 0] == pytest.approx(-9.1)
    year = golmud["ground_surface_temperature"].sel(time="1960").sum().item() / 365
    assert year == pytest.approx(_expected_golmud(catalog, 1960), abs=5e-9)


def _expected_golmud(catalog, year: int) -> float:
    table = pd.read_csv(catalog.root() / "qtp_golmud_xidatan_daily" / "maat_magst_expected_golmud.csv")
    return float(table.loc[(table["Year"] == year) & (table["Index"] == "MAGST"), "Value"].iloc[0])


def test_borehole(catalog):
    temperature = catalog["borehole_temperature"]["soil_temperature"]
    assert int(np.isfinite(temperature).sum()) == 437
    assert (float(temperature.min()), float(temperature.max())) == (-29.88, 5.23)
    assert temperature["station"].values.tolist() == ["2128"]
    assert [str(t)[:10] for t in temperature["time"].values[[0, -1]]] == ["2008-01-01", "2010-07-25"]
