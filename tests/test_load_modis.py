"""Loaders of MODIS LST and NDVI against small true files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from small_files import appeears, appeears_tifs, day_number, refused, tif

from qtp_toolkit import load
from qtp_toolkit.load.files import centers, period_days


def test_closed_form_composites_end_with_the_year():
    start = np.array(["2014-01-01", "2015-12-27", "2016-12-26"], "datetime64[D]")
    assert period_days(start, 8).tolist() == [8, 5, 6]
    expected = np.array(["2014-01-04T12", "2015-12-29T00", "2016-12-28T12"], "datetime64[ns]")
    np.testing.assert_array_equal(centers(start, 8), expected)


YEAR_END = day_number("2015-12-19", "2015-12-27", "2016-01-01", "2016-01-09")


@pytest.fixture
def two_sensors(tmp_path):
    terra = appeears(tmp_path / "MOD11A2.061_1km_aid0001.nc", YEAR_END)
    aqua = appeears(tmp_path / "MYD11A2.061_1km_aid0001.nc", YEAR_END[:2] + YEAR_END[3:], qc=0)
    return [terra, aqua]


def test_appeears_netcdf_is_lazy_scaled_centered_and_merged(two_sensors, no_compute):
    with no_compute():
        data = load.modis_lst(two_sensors)
    assert set(data.data_vars) == {
        "terra_day", "terra_night", "aqua_day", "aqua_night",
        "qc_terra_day", "qc_terra_night", "qc_aqua_day", "qc_aqua_night",
    }  # fmt: skip
    day = data["terra_day"]
    assert (day.dims, day.dtype, day.attrs["units"]) == (("time", "y", "x"), np.float32, "degC")
    first = day.isel(time=0).values
    assert first[0, 1] == pytest.approx(-3.15, abs=1e-4)  # DN 13500 is 270 K
    assert np.isnan(first[[0, 1, 2], [0, 0, 2]]).all()  # fill twice, and 7499 below the valid range
    assert first[1, 1] == pytest.approx(150.0 - 273.15, abs=1e-4)
    assert first[2, 0] == pytest.approx(65535 * 0.02 - 273.15, abs=1e-3)
    times = pd.DatetimeIndex(data["time"].values)
    assert list(times) == [
        pd.Timestamp(t) for t in ("2015-12-22T12", "2015-12-29T00", "2016-01-04T12", "2016-01-12T12")
    ]
    assert data.rio.crs.to_epsg() == 4326
    assert data["y"].values[0] > data["y"].values[-1]


def test_appeears_quality_stays_bytes_even_where_a_sensor_has_no_composite(two_sensors):
    data = load.modis_lst(two_sensors)
    quality = data["qc_aqua_day"]
    assert quality.dtype == np.uint8
    assert quality.values[:, 0, 0].tolist() == [0, 0, 3, 0]
    assert np.isnan(data["aqua_day"].values[2]).all()
    assert data.attrs["missing_composites_aqua"] == 1
    assert data.attrs["missing_dates_aqua"] == "2016-01-01"
    assert data.attrs["missing_composites_terra"] == 0


def test_appeears_file_from_south_to_north_gives_the_same(tmp_path, two_sensors):
    (tmp_path / "up").mkdir()
    up = appeears(tmp_path / "up" / "MOD11A2.061_1km_aid0001.nc", YEAR_END, flip=True)
    xr.testing.assert_equal(
        load.modis_lst([up], sensors=["terra"])["terra_day"],
        load.modis_lst(two_sensors, sensors=["terra"])["terra_day"],
    )


def test_appeears_long_gap_short_gap(tmp_path):
    path = appeears(tmp_path / "MOD11A2.061_1km_aid0001.nc", day_number("2015-01-01", "2015-02-02"))
    attrs = load.modis_lst([path], sensors=["terra"], max_gap=3).attrs
    assert attrs["missing_dates_terra"] == "2015-01-09, 2015-01-17, 2015-01-25"
    assert "2015-01-09 to 2015-01-25" in refused(load.modis_lst, [path], sensors=["terra"], max_gap=2, code="M01")


def test_appeears_refusals(tmp_path, two_sensors):
    assert "aqua" in refused(load.modis_lst, two_sensors[:1], code="M21")
    broken = appeears(tmp_path / "MOD11A2.061_a.nc", YEAR_END, units="day of year")
    assert "day of year" in refused(load.modis_lst, [broken], sensors=["terra"], code="M24")
    lacking = appeears(tmp_path / "MOD11A2.061_b.nc", YEAR_END, drop=("QC_Day",))
    assert "QC_Day" in refused(load.modis_lst, [lacking], sensors=["terra"], code="M27")
    again = appeears(tmp_path / "MOD11A2.061_c.nc", YEAR_END[:1])
    message = refused(load.modis_lst, [two_sensors[0], again], sensors=["terra"], code="M02")
    assert "2015-12-19" in message
    assert "MOD11A2.061_c.nc" in message
    old = appeears(tmp_path / "MOD11A2.006_d.nc", YEAR_END)
    refused(load.modis_lst, [two_sensors[0], old], sensors=["terra"], code="M26")
    page = tmp_path / "MOD11A2.061_page.nc"
    page.write_text("<!DOCTYPE html><html>Earthdata Login</html>")
    empty = tmp_path / "MOD11A2.061_empty.nc"
    empty.touch()
    message = refused(load.modis_lst, [page, empty], sensors=["terra"], code="M04")
    assert "login" in message
    assert "zero bytes" in message


def test_check_lst_sees_night_warmer_than_day_and_empty_composites(two_sensors):
    data = load.modis_lst(two_sensors)
    assert load.check_lst(data, every=1).loc["aqua_day", "empty"] == 1
    swapped = data.assign(terra_day=data["terra_night"] - 5)
    refused(load.check_lst, swapped, every=1, code="M22")
    hole = data.assign(terra_day=data["terra_day"].where(data["time"] < data["time"][1]))
    refused(load.check_lst, hole, every=1, code="M06")
    refused(load.check_lst, data.assign(terra_day=data["terra_day"] + 273.15), every=1, code="M11")


def test_appeears_geotiff_fill_is_masked_without_any_tag(tmp_path, no_compute):
    files = appeears_tifs(tmp_path)
    with no_compute():
        data = load.modis_lst(files, sensors=["terra"])
    assert data.sizes == {"time": 2, "y": 3, "x": 4}
    assert np.isnan(data["terra_night"].values[:, 0, 0]).all()
    assert data["terra_day"].values[1, 0, 1] == pytest.approx(-3.15, abs=1e-4)
    assert data["qc_terra_night"].dtype == np.uint8
    assert (data["qc_terra_day"].values == 65).all()


def test_day_366_of_a_common_year_names_the_file(tmp_path):
    files = appeears_tifs(tmp_path, dates=("2019366",))
    assert "doy2019366" in refused(load.modis_lst, files, sensors=["terra"], code="M19")


def test_truncated_geotiffs_are_all_listed_at_open(tmp_path):
    files = appeears_tifs(tmp_path)
    for path in files[:2]:
        path.write_bytes(path.read_bytes()[:-12])
    files[2].write_bytes(b"")
    message = refused(load.modis_lst, files, sensors=["terra"], code="M05")
    assert "3 of 8" in message
    for path in files[:3]:
        assert path.name in message


def test_ndvi_merges_terra_and_aqua_by_date(tmp_path, no_compute):
    dn = np.array([[-3000, 4000], [-2000, 10001]], "int16")
    names = [
        "MYD13Q1.061__250m_16_days_NDVI_doy2019217_aid0001.tif",
        "MOD13Q1.061__250m_16_days_NDVI_doy2019209_aid0001.tif",
    ]
    files = [tif(tmp_path / name, dn) for name in names]
    with no_compute():
        out = load.ndvi(files)
    assert out.name == "ndvi"
    assert [str(t)[:13] for t in out["time"].values] == ["2019-08-04T12", "2019-08-12T12"]
    np.testing.assert_allclose(out.values[0], [[np.nan, 0.4], [-0.2, np.nan]], atol=1e-6)
    assert "MOD13Q1" in refused(load.ndvi, [*files, tif(tmp_path / "b" / names[1], dn)], code="M02")
