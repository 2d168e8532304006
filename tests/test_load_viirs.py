"""The loader of VIIRS land surface temperature against small true granules and what AppEEARS makes of them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import xarray as xr
from small_files import TILE, appeears, appeears_tifs, day_number, refused
from small_files import granule as modis_granule
from viirs_files import granule

from qtp_toolkit import load, lst
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.load.temperature import eos5

DN = np.arange(13000, 13036, dtype="uint16").reshape(6, 6)


def named(tile="h25v05", doy=1, product="VNP21A2", collection="002", stamp="2023146014559"):
    return f"{product}.A2016{doy:03d}.{tile}.{collection}.{stamp}.h5"


@pytest.fixture
def tiles(tmp_path):
    cloudy = DN.copy()
    cloudy[0, 0] = 0
    return [
        granule(tmp_path, named(), cloudy),
        granule(tmp_path, named(doy=9), DN + 100),
        granule(tmp_path, named("h26v05"), DN + 1000, qc=0b01010001),
    ]


def test_granules_are_lazy_scaled_placed_and_joined(tiles, no_compute):
    """Closed form: K x 50, fill 0, centers of eight days, the tiles of MODIS."""
    with no_compute():
        data = load.viirs_lst(tiles)
    assert list(data.data_vars) == ["snpp_day", "snpp_night", "qc_snpp_day", "qc_snpp_night"]
    assert dict(data.sizes) == {"time": 2, "y": 6, "x": 12}
    assert data["x"].values[0] == pytest.approx(7 * TILE + TILE / 12)
    assert data["y"].values[0] == pytest.approx(4 * TILE - TILE / 12)
    day = data["snpp_day"]
    assert (day.dtype, day.attrs["units"]) == (np.float32, "degC")
    assert np.isnan(day.values[0, 0, 0])
    assert day.values[0, 0, 1] == pytest.approx(13001 * 0.02 - 273.15, abs=1e-3)
    assert day.values[0, 5, 6] == pytest.approx(14030 * 0.02 - 273.15, abs=1e-3)
    assert np.isnan(day.values[1, :, 6:]).all()  # the neighbor has no second composite
    quality = data["qc_snpp_day"]
    assert quality.dtype == np.uint8
    assert quality.attrs == {"units": "1", "long_name": "VIIRS quality control byte", "quality_bits": "VNP21"}
    assert quality.values[0, 0].tolist() == [0b11110000] * 6 + [0b01010001] * 6
    assert (quality.values[1, :, 6:] == 3).all()
    assert [str(t)[:13] for t in data["time"].values] == ["2016-01-04T12", "2016-01-12T12"]
    assert data.attrs["tiles"] == "h25v05, h26v05"


@pytest.mark.parametrize("chunks", [{"time": 1, "y": 2, "x": 5}, {"time": -1, "y": 6, "x": 12}])
def test_lazy_chunks_and_schedulers_do_not_matter(tiles, chunks):
    whole = load.viirs_lst(tiles).compute(scheduler="sync")
    xr.testing.assert_identical(load.viirs_lst(tiles, chunks=chunks).compute(scheduler="threads"), whole)


def test_the_two_satellites_stand_side_by_side(tmp_path):
    files = [granule(tmp_path, named(product=name), DN + k) for k, name in enumerate(("VNP21A2", "VJ121A2"))]
    data = load.viirs_lst(files)
    assert {"snpp_day", "noaa20_day", "qc_noaa20_night"} <= set(data.data_vars)
    np.testing.assert_allclose(data["noaa20_day"] - data["snpp_day"], 0.02, atol=1e-4)
    only = load.viirs_lst(files, sensors=["noaa20"])
    assert "snpp_day" not in only
    assert "noaa20" in refused(load.viirs_lst, files[:1], sensors=["noaa20"], code="M21")


def test_view_times_come_when_they_are_asked_for(tiles):
    assert not [name for name in load.viirs_lst(tiles) if "view" in str(name)]
    data = load.viirs_lst(tiles, view_times=True)
    hours = data["view_time_snpp_night"]
    assert (hours.dtype, hours.attrs["units"]) == (np.float32, "h")
    assert hours.values[0, 0, 1] == pytest.approx(1.4)
    assert np.isnan(hours.values[0, 0, 0])  # no value, no time
    assert np.isnan(data["view_time_snpp_day"].values[1, :, 6:]).all()


def test_view_times_that_are_not_there_are_missed_when_asked_for(tmp_path):
    path = granule(tmp_path, named(), DN, drop=("View_Time_Day",))
    load.viirs_lst([path])
    assert "view_time_day" in refused(load.viirs_lst, [path], view_times=True, code="M27")


# what a granule says of itself ----------------------------------------------------------------------------------------


def test_renamed_granule_is_read_by_its_attributes(tmp_path):
    said = {"ShortName": "VJ121A2", "RangeBeginningDate": "2016-12-26", "VersionID": "2"}
    data = load.viirs_lst([granule(tmp_path, "seven.h5", DN, tile=(26, 5), said=said)])
    assert "noaa20_day" in data
    assert str(data["time"].values[0])[:13] == "2016-12-28T12"  # six days are left of that year
    assert data.attrs["tiles"] == "h26v05"


@pytest.mark.parametrize(
    ("name", "said", "code", "words"),
    [
        (named(doy=9), {"RangeBeginningDate": "2016-01-01"}, "M19", "2016-01-09"),
        (named(), {"ShortName": "VJ121A2"}, "M26", "VJ121A2"),
        ("seven.h5", {"ShortName": None, "RangeBeginningDate": None}, "M26", "VNP21A2.A2016001"),
        ("seven.h5", {"ShortName": "MOD21A2"}, "M27", "VNP21A2, VJ121A2"),
        ("seven.h5", {"ShortName": "VNP09A1"}, "M27", "VNP21A2, VJ121A2"),
    ],
    ids=["M19 other date", "M26 other product", "nothing known", "M27 MODIS by another algorithm", "M27 reflectance"],
)
def test_name_and_attributes_must_agree(tmp_path, name, said, code, words):
    message = refused(load.viirs_lst, [granule(tmp_path, name, DN, said=said)], code=code)
    assert words in message
    assert name in message


def test_all_bad_files_at_once(tiles, tmp_path):
    """M04, M05, M27: half downloaded, a login page, empty, without the layers: all in one message."""
    tiles[0].write_bytes(tiles[0].read_bytes()[: tiles[0].stat().st_size // 2])
    page, empty = tmp_path / named(doy=17), tmp_path / named(doy=25)
    page.write_text("<!DOCTYPE html><html>Earthdata Login")
    empty.touch()
    lacking = granule(tmp_path, named(doy=33), DN, drop=("QC_Night",))
    message = refused(load.viirs_lst, [*tiles, page, empty, lacking], code="M05")
    assert "4 of 6" in message
    assert "VIIRS granule" in message
    for part in (tiles[0].name, "truncated", page.name, "login", empty.name, "zero bytes", "no layer for qc_night"):
        assert part in message


def test_half_a_download_is_named(tmp_path):
    """M05: told at open, before a pixel is read."""
    path = granule(tmp_path, named(), DN)
    path.write_bytes(path.read_bytes()[:-100])
    assert path.name in refused(load.viirs_lst, [path], code="M05")


def test_damaged_pixels_are_named_when_they_are_read(tmp_path):
    """M05: the header is whole, the compressed layer is not."""
    path = granule(tmp_path, named(), DN)
    with eos5.hdf5.opened(path) as file:
        chunk = file[f"HDFEOS/GRIDS/{'VIIRS_Grid_8Day_1km_LST21'}/Data Fields/LST_Day_1KM"].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[chunk.byte_offset : chunk.byte_offset + chunk.size] = b"\0" * chunk.size
    path.write_bytes(bytes(raw))
    data = load.viirs_lst([path])
    assert path.name in refused(data["snpp_day"].compute, code="M05")


def test_collections_doubles_and_gaps(tiles, tmp_path):
    """M26, M02, M01: as of MODIS."""
    old = granule(tmp_path, named(doy=17, collection="001"), DN, said={"VersionID": "001"})
    assert "collection" in refused(load.viirs_lst, [*tiles[:2], old], code="M26")
    load.viirs_lst([*tiles[:2], old], mixed_collections=True)
    newer = granule(
        tmp_path, named(stamp="2024001000000"), DN + 500, said={"ProductionTime": "2024-01-01 00:00:00.000"}
    )
    assert newer.name in refused(load.viirs_lst, [*tiles, newer], code="M02")
    taken = load.viirs_lst([*tiles, newer], duplicates="newest")["snpp_day"]
    assert float(taken[0, 1, 1]) == pytest.approx((13007 + 500) * 0.02 - 273.15, abs=1e-3)
    far = granule(tmp_path / "far", named(doy=57), DN)
    assert "2016-01-17 to 2016-02-18 missing" in refused(load.viirs_lst, [*tiles[:2], far], code="M01")


def test_wrong_and_missing_tiles_are_named(tiles, tmp_path):
    """M17, M18: what the tile covers, and which tiles hold the area."""
    area = (91.0, 32.0, 97.0, 36.0)
    assert load.viirs_lst(tiles, area=area).attrs["cover_snpp"] == 1.0
    message = refused(load.viirs_lst, tiles[:2], area=area, code="M18")
    assert "h25v05, h26v05" in message
    elsewhere = granule(tmp_path, named("h10v04"), DN)
    assert "h10v04 covers" in refused(load.viirs_lst, [*tiles, elsewhere], area=area, code="M17")


@pytest.mark.parametrize(
    ("field", "tags", "code"),
    [
        ("LST_Day_1KM", {"scale_factor": [1.0]}, "M11"),
        ("LST_Day_1KM", {"units": b"degC"}, "M11"),
        ("LST_Night_1KM", {"_Fillvalue": np.array([65535], "u2")}, "M07"),
    ],
)
def test_tags_that_contradict_the_product_are_refused(tmp_path, field, tags, code):
    path = granule(tmp_path, named(), DN)
    with eos5.hdf5.opened(path) as file:
        place = next(iter(file["HDFEOS/GRIDS"].values()))["Data Fields"][field].name
    import h5py  # noqa: PLC0415

    with h5py.File(path, "r+") as file:
        file[place].attrs.update(tags)
    assert field in refused(load.viirs_lst, [path], code=code)


@pytest.mark.parametrize("shape", [(3, 6), (12, 12)])
def test_quality_of_another_size_is_refused_at_open(tmp_path, shape):
    """I06: a smaller layer failed without a name when it was read; of a larger one other ground was taken."""
    import h5py  # noqa: PLC0415

    path = granule(tmp_path, named(), DN)
    with h5py.File(path, "r+") as file:
        fields = next(iter(file["HDFEOS/GRIDS"].values()))["Data Fields"]
        del fields["QC_Day"]
        fields["QC_Day"] = np.zeros(shape, "u1")
    message = refused(load.viirs_lst, [path], code="I06")
    assert f"QC_Day {shape[0]} x {shape[1]}" in message
    assert path.name in message


def test_modis_and_viirs_are_not_taken_for_each_other(tmp_path):
    """M27, M04: neither by the loader nor by the container."""
    viirs = granule(tmp_path, named(), DN)
    message = refused(load.modis_lst, [viirs], sensors=None, code="M27")
    assert "VNP21A2, VJ121A2" in message
    assert "M?D11A2" in message
    modis = modis_granule(tmp_path, "MOD11A2.A2016001.h25v05.061.2020000000001.hdf", DN)
    assert "VNP21A2" in refused(load.viirs_lst, [modis], code="M27")
    assert ".h5" in refused(load.viirs_lst, [viirs, modis], code="M04")
    shutil.copy(modis, tmp_path / "VNP21A2.A2016009.h25v05.002.h5")
    assert "not HDF5" in refused(load.viirs_lst, [tmp_path / "VNP21A2.A2016009.h25v05.002.h5"], code="M04")


# AppEEARS -------------------------------------------------------------------------------------------------------------


def test_appeears_netcdf_and_geotiff_are_the_same(tmp_path, no_compute):
    """One area of both products, as AppEEARS packs it."""
    one = appeears(tmp_path / "VNP21A2.002_1km_aid0001.nc", day_number("2019-01-01", "2019-01-09"), qc=65)
    with xr.open_dataset(one, engine="h5netcdf", decode_cf=False) as raw:
        old = {f"LST_{part}_1km": f"LST_{part}_1KM" for part in ("Day", "Night")}
        raw.load().rename(old).to_netcdf(tmp_path / "VJ121A2.002_1km_aid0001.nc", engine="h5netcdf")
    files = [
        path.rename(path.with_name(path.name.replace("1km", "1KM")))
        for path in appeears_tifs(tmp_path, product="VNP21A2.002")
    ]
    with no_compute():
        tifs, both = load.viirs_lst(files), load.viirs_lst([one, tmp_path / "VJ121A2.002_1km_aid0001.nc"])
    for name in ("day", "night"):
        np.testing.assert_array_equal(tifs[f"snpp_{name}"], both[f"snpp_{name}"])
        np.testing.assert_array_equal(both[f"noaa20_{name}"], both[f"snpp_{name}"])
        np.testing.assert_array_equal(tifs[f"qc_snpp_{name}"], both[f"qc_noaa20_{name}"])
    assert tifs["qc_snpp_day"].attrs["quality_bits"] == "VNP21"


CATALOG = """catalog_version: 1
roots: ['.']
settings:
  bounds: [91.0, 33.0, 93.0, 35.0]
  lst_period: [2016-01-01, 2016-01-08]
  daily_mean: {intercept: 0.4, snpp_day: 0.41, snpp_night: 0.52}
sources:
  viirs_lst: {kind: granules, driver: viirs_hdf5, uri: 'V*.h5', parameters: {view_times: true}, provenance: observed}
"""


def test_catalog_gives_the_area_the_options_and_the_period(tiles, tmp_path):
    tiles[2].unlink()
    (tmp_path / "data_catalog.yaml").write_text(CATALOG, encoding="utf-8")
    catalog = open_catalog(tmp_path / "data_catalog.yaml")
    data = catalog["viirs_lst"]
    assert data.attrs["cover_snpp"] == 1.0
    assert "view_time_snpp_day" in data
    assert data.sizes["time"] == 1
    assert "1 of 2 composites" in data.attrs["left_out"]
    mean = lst.daily_mean(lst.mask_quality(data), coefficients=catalog.settings.daily_mean)
    want = 0.4 + 0.41 * data["snpp_day"] + 0.52 * data["snpp_night"]
    np.testing.assert_allclose(mean, want, rtol=1e-5)


def test_a_look_at_the_pixels_knows_them(tiles):
    """M22: as of MODIS."""
    table = load.check_lst(load.viirs_lst(tiles[:2]), every=1)
    assert list(table.index) == ["snpp_day", "snpp_night"]
    data = load.viirs_lst(tiles[:2])
    with pytest.warns(UserWarning, match="snpp: the night is warmer"):
        load.check_lst(data.assign(snpp_night=data["snpp_night"] + 9), every=1)
