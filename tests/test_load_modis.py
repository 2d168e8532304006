"""Loaders of MODIS LST and NDVI against small true files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from small_files import DN, appeears, appeears_tifs, day_number, refused, tif

from qtp_toolkit import load
from qtp_toolkit.load.files.dates import centers, period_days


def test_closed_form_composites_end_with_the_year():
    """M20: the last composite of a year has five or six days, and its center says so."""
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


def test_dates_of_a_netcdf_in_any_order(tmp_path):
    """Composites are sorted, and every layer goes with its date."""
    order = [3, 0, 2, 1]
    quality = np.array([0, 65, 129, 193], "uint8")[order][:, None, None]
    path = appeears(tmp_path / "MOD11A2.061_1km_aid0001.nc", np.array(YEAR_END)[order], qc=quality)
    data = load.modis_lst([path], sensors=["terra"])
    assert (np.diff(data["time"]) > np.timedelta64(0)).all()
    assert data["qc_terra_day"].values[:, 1, 1].tolist() == [0, 65, 129, 193]


def test_appeears_netcdf_is_lazy_scaled_centered_and_merged(two_sensors, no_compute):
    with no_compute():
        data = load.modis_lst(two_sensors)
    assert set(data.data_vars) == {
        "terra_day",
        "terra_night",
        "aqua_day",
        "aqua_night",
        "qc_terra_day",
        "qc_terra_night",
        "qc_aqua_day",
        "qc_aqua_night",
    }
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
    """M01: a short gap is listed, a long one is an error with its dates."""
    path = appeears(tmp_path / "MOD11A2.061_1km_aid0001.nc", day_number("2015-01-01", "2015-02-02"))
    attrs = load.modis_lst([path], sensors=["terra"], max_gap=3).attrs
    assert attrs["missing_dates_terra"] == "2015-01-09, 2015-01-17, 2015-01-25"
    assert "2015-01-09 to 2015-01-25" in refused(load.modis_lst, [path], sensors=["terra"], max_gap=2, code="M01")


def test_appeears_refusals(tmp_path, two_sensors):
    """M21, M24, M27, M02, M26, M04, each naming what is wrong."""
    assert "aqua" in refused(load.modis_lst, two_sensors[:1], code="M21")
    broken = appeears(tmp_path / "MOD11A2.061_a.nc", YEAR_END, units="day of year")
    assert "day of year" in refused(load.modis_lst, [broken], sensors=["terra"], code="M24")
    lacking = appeears(tmp_path / "MOD11A2.061_b.nc", YEAR_END, drop=("QC_Day",))
    assert "QC_Day" in refused(load.modis_lst, [lacking], sensors=["terra"], code="M27")
    again = appeears(tmp_path / "MOD11A2.061_c.nc", YEAR_END[:1], dn=DN + 1)  # of the same values one is enough
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


def test_check_lst_needs_a_layer_of_modis(two_sensors):
    """A look that sees nothing must not pass."""
    data = load.modis_lst(two_sensors)
    assert "nothing to look at" in refused(load.check_lst, data[["qc_terra_day"]])


def test_check_lst_warns_of_empty_composites_and_of_a_night_warmer_than_the_day(two_sensors):
    """M16: composites without any value are named and counted; M22: so are day and night that look swapped."""
    data = load.modis_lst(two_sensors)
    with pytest.warns(UserWarning, match="aqua_(day|night): 1 composites without any valid pixel: 2016-01-04"):
        table = load.check_lst(data, every=1)
    assert table["empty"].to_dict() == {"terra_day": 0, "terra_night": 0, "aqua_day": 1, "aqua_night": 1}
    assert table.loc["aqua_day", "first_empty"] == "2016-01-04"
    terra = load.modis_lst(two_sensors, sensors=["terra"])
    swapped = terra.assign(terra_day=terra["terra_night"] - 5)
    with pytest.warns(UserWarning, match="terra: the night is warmer than the day"):
        load.check_lst(swapped, every=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c + 273.15, "kelvin"),
        (lambda c: (c + 273.15) * 50, "not scaled"),
        (lambda c: c * 0.02 - 273.15, "twice"),
    ],
    ids=["M11 kelvin", "M11 not scaled", "M11 scaled twice"],
)
def test_check_lst_guesses_at_the_scale(two_sensors, change, words):
    data = load.modis_lst(two_sensors, sensors=["terra"])
    assert words in refused(load.check_lst, data.assign(terra_day=change(data["terra_day"])), every=1, code="M11")


def filled(tail, *, quality=0, side=32, times=4):
    """Composites full of values, whose last rows on the last date are empty though their quality says otherwise."""
    values = np.full((times, side, side), 5.0, "float32")
    qc = np.zeros((times, side, side), "uint8")
    values[:, :4, :4], qc[:, :4, :4] = np.nan, 2  # an honest cloud
    values[-1, side - tail :], qc[-1, side - tail :] = np.nan, quality
    values[:, :, -8:], qc[:, :, -8:] = np.nan, 0  # outside the cut-out: empty always
    day = np.datetime64("2016-01-04") + 8 * np.arange(times)
    coords = {"time": day.astype("datetime64[ns]")}
    dims = ("time", "y", "x")
    return xr.Dataset({"terra_day": (dims, values), "qc_terra_day": (dims, qc)}, coords)


def test_tail_filled_with_zeros_is_told_from_cloud():
    """M06: a block without values whose quality bytes all say "produced" is no cloud."""
    message = refused(load.check_lst, filled(16), every=1, code="M06")
    assert "51% on 2016-01-28" in message
    assert load.check_lst(filled(16, quality=2), every=1).loc["terra_day", "hollow"] == 0.0
    assert load.check_lst(filled(0), every=1).loc["terra_day", "hollow"] == 0.0
    assert load.check_lst(filled(16), every=1, max_hollow=0.6).loc["terra_day", "hollow"] == pytest.approx(
        24 / 47
    )  # one of 48 blocks is never filled
    load.check_lst(filled(16), every=1, max_hollow=24 / 47)


def test_many_empty_composites_are_refused(two_sensors):
    """M06: more than half of the composites without a single value."""
    data = load.modis_lst(two_sensors, sensors=["terra"])
    hole = data.assign(terra_day=data["terra_day"].where(data["time"] < data["time"][1])).drop_vars("qc_terra_day")
    assert "3 of 4" in refused(load.check_lst, hole, every=1, code="M06")


def test_appeears_geotiff_fill_is_masked_without_any_tag(tmp_path, no_compute):
    """M07, M08: fill is fill by the product, tagged or not."""
    files = appeears_tifs(tmp_path)
    with no_compute():
        data = load.modis_lst(files, sensors=["terra"])
    assert data.sizes == {"time": 2, "y": 3, "x": 4}
    assert np.isnan(data["terra_night"].values[:, 0, 0]).all()
    assert data["terra_day"].values[1, 0, 1] == pytest.approx(-3.15, abs=1e-4)
    assert data["qc_terra_night"].dtype == np.uint8
    assert (data["qc_terra_day"].values == 65).all()


def test_day_366_of_a_common_year_names_the_file(tmp_path):
    """M19: not taken for the next 1 January."""
    files = appeears_tifs(tmp_path, dates=("2019366",))
    assert "doy2019366" in refused(load.modis_lst, files, sensors=["terra"], code="M19")


def test_truncated_geotiffs_are_all_listed_at_open(tmp_path):
    """M05: told by where the last block should end, before a pixel is read."""
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
    assert "MOD13Q1" in refused(load.ndvi, [*files, tif(tmp_path / "b" / names[1], dn + 1)], code="M02")


# AppEEARS in other guises ---------------------------------------------------------------------------------------------


def test_unsorted_times_are_sorted(tmp_path):
    """M23: within a file and between files."""
    one = appeears(tmp_path / "MOD11A2.061_a.nc", day_number("2016-01-25", "2016-01-01"))
    two = appeears(tmp_path / "MOD11A2.061_b.nc", day_number("2016-01-17", "2016-01-09"))
    time = load.modis_lst([one, two], sensors=["terra"])["time"].values
    assert (np.diff(time) == np.timedelta64(8, "D")).all()


def test_quality_byte_with_fill_zero_stays_a_byte(tmp_path):
    """M13: AppEEARS tags quality bytes with a fill of 0, which is the best quality."""
    data = load.modis_lst([appeears(tmp_path / "MOD11A2.061_a.nc", day_number("2016-01-01"), qc=0)], sensors=["terra"])
    assert data["qc_terra_day"].dtype == np.uint8
    assert (data["qc_terra_day"].values == 0).all()


def test_files_on_unlike_grids_are_refused(tmp_path):
    one = appeears(tmp_path / "MOD11A2.061_a.nc", day_number("2016-01-01"))
    two = appeears(tmp_path / "MOD11A2.061_b.nc", day_number("2016-01-09"))
    with xr.open_dataset(two, engine="h5netcdf", decode_cf=False) as raw:
        moved = raw.load().assign_coords(lat=raw["lat"] + 0.004)
    moved.to_netcdf(tmp_path / "MOD11A2.061_c.nc", engine="h5netcdf")
    message = refused(load.modis_lst, [one, tmp_path / "MOD11A2.061_c.nc"], sensors=["terra"], code="I06")
    assert "MOD11A2.061_c.nc" in message


@pytest.mark.parametrize(("units", "expected"), [("Kelvin", -3.15), ("degC", 270.0), ("", None)])
def test_decimals_are_read_by_their_unit_only(tmp_path, units, expected):
    """M11: scaled by somebody before; without a unit nobody can tell."""
    path = appeears(tmp_path / "MOD11A2.061_a.nc", day_number("2016-01-01"))
    with xr.open_dataset(path, engine="h5netcdf", decode_cf=False) as raw:
        scaled = raw.load()
    for name in ("LST_Day_1km", "LST_Night_1km"):
        kelvin = scaled[name].astype("float32") * np.float32(0.02)
        scaled[name] = kelvin.assign_attrs({"units": units, "_FillValue": np.float32(0)})
    scaled.to_netcdf(tmp_path / "MOD11A2.061_b.nc", engine="h5netcdf")
    if expected is None:
        assert "LST_Day_1km" in refused(load.modis_lst, [tmp_path / "MOD11A2.061_b.nc"], sensors=["terra"], code="M11")
    else:
        day = load.modis_lst([tmp_path / "MOD11A2.061_b.nc"], sensors=["terra"])["terra_day"].values[0]
        assert day[0, 1] == pytest.approx(expected, abs=1e-3)
        assert np.isnan(day[2, 2])


def test_renamed_netcdf_is_told_by_its_title(tmp_path):
    path = appeears(tmp_path / "MYD11A2.061_a.nc", day_number("2016-01-01"))
    with xr.open_dataset(path, engine="h5netcdf", decode_cf=False) as raw:
        titled = raw.load().assign_attrs(title="MYD11A2.061 for aid0001")
    titled.to_netcdf(tmp_path / "aqua.nc", engine="h5netcdf")
    assert "aqua_day" in load.modis_lst([tmp_path / "aqua.nc"], sensors=None)
    titled.assign_attrs(title="").to_netcdf(tmp_path / "what.nc", engine="h5netcdf")
    assert "what.nc" in refused(load.modis_lst, [tmp_path / "what.nc"], code="M04")


def test_geotiff_type_and_layers(tmp_path):
    """M12 and M27: a quality byte as decimals, layers that are missing."""
    files = appeears_tifs(tmp_path)
    odd = tif(files[2], np.full((3, 4), np.nan, "float32"), crs="EPSG:4326", origin=(93, 35), pixel=0.01)
    assert odd.name in refused(load.modis_lst, files, sensors=["terra"], code="M12")
    message = refused(load.modis_lst, [f for f in files if "LST_Night" not in f.name], sensors=["terra"], code="M27")
    assert "no layer for night" in message


def test_coarse_geotiff_and_layers_that_play_no_role(tmp_path):
    files = appeears_tifs(tmp_path, product="MOD11B2.061", dates=("2019001",))
    for path in files:
        path.rename(path.with_name(path.name.replace("1km", "6km")))
    tif(tmp_path / "MOD11B2.061_Day_view_time_doy2019001_aid0001.tif", np.zeros((3, 4), "uint8"), crs="EPSG:4326")
    data = load.modis_lst(sorted(tmp_path.glob("*.tif")), sensors=["terra"])
    assert data["terra_day"].values[0, 0, 1] == pytest.approx(-3.15, abs=1e-4)


def test_time_in_months_of_any_netcdf_is_refused(tmp_path):
    """M24: what xarray cannot decode names the file."""
    raw = xr.Dataset({"v": ("time", [1.0])}, {"time": ("time", [3], {"units": "months since 2000-01-01"})})
    raw.to_netcdf(tmp_path / "m.nc", engine="h5netcdf")
    assert "m.nc" in refused(load.netcdf, tmp_path / "m.nc", code="M24")


# orders of AppEEARS that overlap --------------------------------------------------------------------------------------

OLD, NEW = day_number("2016-12-10", "2016-12-18", "2016-12-26"), day_number("2016-12-26", "2017-01-01", "2017-01-09")


@pytest.mark.parametrize("duplicates", ["error", "newest"])
def test_orders_of_single_years_share_the_composite_across_new_year(tmp_path, duplicates):
    """M02: with the same values it is taken once, and the drop is counted."""
    files = [appeears(tmp_path / f"MOD11A2.061_{name}.nc", days) for name, days in (("b", OLD), ("a", NEW))]
    data = load.modis_lst(files, sensors=["terra"], duplicates=duplicates)
    assert data["terra_day"].chunks is not None
    assert data.sizes["time"] == 5
    assert data.attrs["duplicates_dropped_terra"] == 1
    xr.testing.assert_equal(data.isel(time=2, drop=True).compute(), data.isel(time=3, drop=True).compute())
    other = appeears(tmp_path / "MOD11A2.061_c.nc", NEW, qc=65)
    message = refused(load.modis_lst, [files[0], other], sensors=["terra"], duplicates=duplicates, code="M02")
    assert "values differ" in message
    assert "2016-12-26" in message


def test_geotiffs_of_two_orders_share_a_composite(tmp_path):
    """M02: the names differ by the number of the order."""
    first = appeears_tifs(tmp_path / "a", dates=("2016361", "2016353"))
    second = appeears_tifs(tmp_path / "b", dates=("2016361", "2017001"))
    renamed = [path.rename(path.with_name(path.name.replace("aid0001", "aid0002"))) for path in second]
    data = load.modis_lst([*first, *renamed], sensors=["terra"])
    assert data.sizes["time"] == 3
    assert data.attrs["duplicates_dropped_terra"] == 4


def test_two_areas_of_one_order_are_told_in_one_line(tmp_path):
    """I06: before each date is told to be double."""
    days = [day for year in range(2014, 2020) for day in day_number(f"{year}-01-01") + np.arange(0, 365, 8)]
    one = appeears(tmp_path / "MOD11A2.061_aid0003.nc", days)
    with xr.open_dataset(one, engine="h5netcdf", decode_cf=False) as raw:
        raw.load().assign_coords(lon=raw["lon"] + 1).to_netcdf(tmp_path / "MOD11A2.061_aid0004.nc", engine="h5netcdf")
    message = refused(load.modis_lst, sorted(tmp_path.glob("*.nc")), sensors=["terra"], code="I06")
    assert len(message) < 400
    assert "93.0" in message
    assert "94.0" in message
    far = []
    for path in appeears_tifs(tmp_path / "b"):
        kind = "uint16" if "LST" in path.name else "uint8"
        name = path.name.replace("aid0001", "aid0002")
        far.append(tif(tmp_path / name, DN.astype(kind), crs="EPSG:4326", origin=(94, 35), pixel=0.01))
    assert len(refused(load.modis_lst, [*appeears_tifs(tmp_path / "a"), *far], sensors=["terra"], code="I06")) < 2000


def test_many_doubles_are_not_all_listed(tmp_path):
    """M02: ten of them, and how many there are."""
    days = day_number("2016-01-01") + np.arange(0, 365, 8)
    files = [appeears(tmp_path / f"MOD11A2.061_{k}.nc", days, qc=k) for k in (0, 1)]
    message = refused(load.modis_lst, files, sensors=["terra"], code="M02")
    assert "46 in all" in message
    assert len(message) < 1500
