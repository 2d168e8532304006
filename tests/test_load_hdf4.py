"""The loader of MODIS HDF4-EOS granules against small true tiles, under every scheduler."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from small_files import LST_TAGS, STRUCT, TILE, core_metadata, granule, hdf4_tile, lst_layers, refused

from qtp_toolkit import grid, load
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.load.files.blocks import BLOCK_BYTES
from qtp_toolkit.load.files.tiff import Decode, decoded
from qtp_toolkit.load.temperature import hdf4
from qtp_toolkit.load.temperature.composites import Composite
from qtp_toolkit.load.temperature.coverage import share_covered
from qtp_toolkit.load.temperature.layers import FAMILIES
from qtp_toolkit.load.temperature.tiles import Granule, Tile

SINU = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"


@pytest.fixture
def tiles(tmp_path):
    dn = np.arange(13000, 13000 + 36, dtype="uint16").reshape(6, 6)
    dn[0, 0] = 0
    return [
        granule(tmp_path, "MOD11A2.A2016001.h25v05.061.2020000000001.hdf", dn),
        granule(tmp_path, "MOD11A2.A2016009.h25v05.061.2020000000001.hdf", dn + 100),
        granule(tmp_path, "MOD11A2.A2016001.h26v05.061.2020000000001.hdf", dn + 1000, qc=17),
    ]


def test_hdf4_tiles_are_placed_and_joined(tiles, no_compute):
    with no_compute():
        data = load.modis_lst(tiles, sensors=["terra"])
    assert dict(data.sizes) == {"time": 2, "y": 6, "x": 12}
    pixel = TILE / 6
    assert data["x"].values[0] == pytest.approx(7 * TILE + pixel / 2)
    assert data["y"].values[0] == pytest.approx(4 * TILE - pixel / 2)
    day = data["terra_day"].values
    assert np.isnan(day[0, 0, 0])
    assert day[0, 0, 1] == pytest.approx(13001 * 0.02 - 273.15, abs=1e-3)
    assert day[0, 5, 6] == pytest.approx(14030 * 0.02 - 273.15, abs=1e-3)
    assert day[1, 0, 0] == pytest.approx(100 * 0.02 - 273.15, abs=1e-3) or np.isnan(day[1, 0, 0])
    assert np.isnan(day[1, :, 6:]).all()  # the neighbor has no second composite
    quality = data["qc_terra_day"]
    assert quality.dtype == np.uint8
    assert quality.values[0, 0].tolist() == [0] * 6 + [17] * 6
    assert (quality.values[1, :, 6:] == 3).all()
    assert [str(t)[:13] for t in data["time"].values] == ["2016-01-04T12", "2016-01-12T12"]
    assert data.attrs["tiles"] == "h25v05, h26v05"
    lon, lat = rasterio.warp.transform(SINU, "EPSG:4326", [8455395.58], [3916289.73])
    assert (lon[0], lat[0]) == pytest.approx((93.08, 35.22), abs=1e-6)


@pytest.mark.parametrize("chunks", [{"time": 1, "y": 2, "x": 5}, {"time": -1, "y": 6, "x": 12}, None])
def test_hdf4_chunks_do_not_matter(tiles, chunks):
    whole = load.modis_lst(tiles, sensors=["terra"], chunks={"time": 1}).compute(scheduler="sync")
    xr.testing.assert_identical(
        load.modis_lst(tiles, sensors=["terra"], chunks=chunks).compute(scheduler="threads"), whole
    )


def test_hdf4_all_bad_files_at_once(tiles, tmp_path):
    """M03, M04: cut short, a login page, empty, without the layers: all in one message."""
    tiles[0].write_bytes(tiles[0].read_bytes()[:300])
    page = tmp_path / "MOD11A2.A2016017.h25v05.061.2020000000001.hdf"
    page.write_text("<!DOCTYPE html><html>")
    empty = tmp_path / "MOD11A2.A2016025.h25v05.061.2020000000001.hdf"
    empty.touch()
    emission = granule(
        tmp_path, "MOD11A2.A2016033.h25v05.061.2020000000001.hdf", np.zeros((6, 6), "uint16"), names=("Emis_31",)
    )
    message = refused(load.modis_lst, [*tiles, page, empty, emission], sensors=["terra"], code="M03")
    assert "4 of 6" in message
    for part in (tiles[0].name, "truncated", page.name, "login", empty.name, "zero bytes", "Emis_31"):
        assert part in message


def test_hdf4_doubles(tiles, tmp_path):
    """M02: both names in the message; the newer one on request."""
    newer = granule(tmp_path, "MOD11A2.A2016001.h25v05.061.2021000000001.hdf", np.full((6, 6), 14000, "uint16"))
    message = refused(load.modis_lst, [*tiles, newer], sensors=["terra"], code="M02")
    assert newer.name in message
    assert tiles[0].name in message
    out = load.modis_lst([newer, *tiles], sensors=["terra"], duplicates="newest")
    assert float(out["terra_day"][0, 3, 3]) == pytest.approx(6.85, abs=1e-3)


# what a granule says of itself ----------------------------------------------------------------------------------------

DN = np.arange(13000, 13016, dtype="uint16").reshape(4, 4)


def test_renamed_granule_is_read_by_its_metadata(tmp_path):
    core = core_metadata("MYD11A2", "2016-12-26", collection=6)
    path = granule(tmp_path, "seven.hdf", DN, tile=(25, 5), core=core)
    data = load.modis_lst([path], sensors=["aqua"])
    assert str(data["time"].values[0])[:13] == "2016-12-28T12"  # six days are left of that year
    assert data.attrs["tiles"] == "h25v05"
    assert data.attrs["composites_aqua"] == 1


def test_tile_is_placed_by_structmetadata_whatever_the_name_says(tmp_path):
    path = granule(tmp_path, "MOD11A2.A2016001.h25v05.061.2020001000000.hdf", DN, tile=(26, 5))
    data = load.modis_lst([path], sensors=["terra"])
    assert data["x"].values[0] == pytest.approx(8 * TILE + TILE / 8)
    assert data.attrs["tiles"] == "h26v05"


@pytest.mark.parametrize(
    ("name", "core", "code", "words"),
    [
        ("MOD11A2.A2016009.h25v05.061.hdf", core_metadata("MOD11A2", "2016-01-01"), "M19", "2016-01-09"),
        ("MOD11A2.A2015366.h25v05.061.hdf", core_metadata("MOD11A2", "2016-01-01"), "M19", "1 to 365"),
        ("MYD11A2.A2016001.h25v05.061.hdf", core_metadata("MOD11A2", "2016-01-01"), "M26", "MYD11A2"),
        ("seven.hdf", None, "M26", "neither CoreMetadata nor the name"),
        ("seven.hdf", core_metadata("MOD11A2", "2016-02-31"), "M03", "seven.hdf"),
        ("seven.hdf", core_metadata("MOD21A2", "2016-01-01"), "M27", "M?D11A2"),
    ],
    ids=["M19 other date", "M19 day 366", "other product", "nothing known", "impossible date", "unread product"],
)
def test_name_and_metadata_must_agree(tmp_path, name, core, code, words):
    path = granule(tmp_path, name, DN, tile=(25, 5), core=core)
    message = refused(load.modis_lst, [path], sensors=["terra"], code=code)
    assert words in message
    assert name in message


def test_newest_goes_by_the_production_date_of_the_metadata(tmp_path):
    """M02: the newer of two granules is told by when it was made, not by its name, and the drop is counted."""
    made = {"b.hdf": "2020-05-01T00:00:00.000Z", "a.hdf": "2021-05-01T00:00:00.000Z"}
    files = [
        granule(tmp_path, name, DN + 100 * k, tile=(25, 5), core=core_metadata("MOD11A2", "2016-01-01", made=date))
        for k, (name, date) in enumerate(made.items())
    ]
    message = refused(load.modis_lst, files, sensors=["terra"], code="M02")
    assert "a.hdf" in message
    assert "b.hdf" in message
    data = load.modis_lst(files, sensors=["terra"], duplicates="newest")
    assert float(data["terra_day"][0, 0, 0]) == pytest.approx(13100 * 0.02 - 273.15, abs=1e-3)
    assert data.attrs["duplicates_dropped_terra"] == 1


def test_without_production_dates_the_newest_is_not_guessed(tmp_path):
    """M02: two files without production date stay an error."""
    files = [granule(tmp_path, f"{x}MOD11A2.A2016001.h25v05.061.hdf", DN) for x in ("", "copy_")]
    assert "no production date" in refused(load.modis_lst, files, sensors=["terra"], duplicates="newest", code="M02")


def test_collections_and_products_are_not_mixed(tmp_path):
    """M26: the collection is that of the metadata."""
    old = granule(tmp_path, "a.hdf", DN, tile=(25, 5), core=core_metadata("MOD11A2", "2016-01-01", collection=6))
    new = granule(tmp_path, "b.hdf", DN, tile=(25, 5), core=core_metadata("MOD11A2", "2016-01-09"))
    daily = granule(tmp_path, "c.hdf", DN, tile=(25, 5), core=core_metadata("MOD11A1", "2016-01-17"))
    message = refused(load.modis_lst, [old, new], sensors=["terra"], code="M26")
    assert "006: e.g. a.hdf; 061: e.g. b.hdf" in message
    assert load.modis_lst([old, new], sensors=["terra"], mixed_collections=True).sizes["time"] == 2
    assert "11A1" in refused(load.modis_lst, [new, daily], sensors=["terra"], code="M26")


def test_daily_granules(tmp_path):
    files = [
        granule(tmp_path, f"{day}.hdf", DN, tile=(25, 5), core=core_metadata("MOD11A1", f"2016-01-{day:02d}"))
        for day in (5, 1, 4)
    ]
    data = load.modis_lst(files, sensors=["terra"])
    assert [str(t)[:10] for t in data["time"].values] == ["2016-01-01", "2016-01-04", "2016-01-05"]
    assert data.attrs["missing_dates_terra"] == "2016-01-02, 2016-01-03"


# layers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("LST_Day_6km", "LST_Night_6km", "LST_Day_6km_Aggregated_from_1km", "LST_Night_6km_Aggregated_from_1km"),
        ("LST_Day_5km", "LST_Night_5km"),
        ("Land_surface_temperature_day", "Land_surface_temperature_night"),
        ("Temp_D", "Temp_N"),
    ],
    ids=["6 km", "5 km", "other spelling", "by long name and unit"],
)
def test_layers_are_found_by_what_they_are(tmp_path, names):
    layers = lst_layers(DN, names=names[:2]) | dict.fromkeys(names[2:], (DN + 500, LST_TAGS))
    layers["Day_view_time"] = (DN.astype("uint8"), {"units": "hrs", "long_name": "Time of daytime LST observation"})
    core = core_metadata("MOD11B2", "2016-01-01")
    path = hdf4_tile(tmp_path / "coarse.hdf", layers, tile=(25, 5), core=core)
    data = load.modis_lst([path], sensors=["terra"])
    assert float(data["terra_night"][0, 0, 0]) == pytest.approx(13000 * 0.02 - 273.15, abs=1e-3)
    assert float(data["x"][1] - data["x"][0]) == pytest.approx(TILE / 4)


def test_missing_or_ambiguous_layers_are_listed(tmp_path):
    """M27: the message says which layers the file has."""
    core = core_metadata("MOD11A2", "2016-01-01")
    emission = hdf4_tile(tmp_path / "e.hdf", {"Emis_31": (DN, {}), "QC_Day": (DN, {})}, tile=(25, 5), core=core)
    message = refused(load.modis_lst, [emission], sensors=["terra"], code="M27")
    assert "no layer for day, night, qc_night" in message
    assert "['Emis_31', 'QC_Day']" in message
    twice = lst_layers(DN) | {"My_LST_Day": (DN, LST_TAGS)}
    double = hdf4_tile(tmp_path / "d.hdf", twice, tile=(25, 5), core=core)
    assert "several layers" in refused(load.modis_lst, [double], sensors=["terra"], code="M27")


@pytest.mark.parametrize(
    ("tags", "dtype", "code", "words"),
    [
        ({"scale_factor": 0.01}, "uint16", "M11", "scale_factor 0.01"),
        ({"add_offset": -273.15}, "uint16", "M11", "add_offset"),
        ({"units": "degC"}, "uint16", "M11", "units degC"),
        ({"_FillValue": 65535}, "uint16", "M07", "_FillValue 65535"),
        ({}, "float32", "M11", "type float32"),
    ],
    ids=["M11 scale", "M11 offset", "M11 unit", "M07 fill", "M11 type"],
)
def test_tags_that_contradict_the_product_are_refused(tmp_path, tags, dtype, code, words):
    values = DN.astype(dtype)
    path = granule(tmp_path, "MOD11A2.A2016001.h25v05.061.hdf", values, tags=tags)
    message = refused(load.modis_lst, [path], sensors=["terra"], code=code)
    assert words in message
    assert "LST_Day_1km" in message


def test_values_go_by_the_product_where_tags_are_missing(tmp_path):
    """M07, M08: zero is fill and 7500 the smallest value, with no tag at all."""
    values = np.array([[0, 7499], [7500, 13500]], "uint16")
    layers = {name: (array, {}) for name, (array, _) in lst_layers(values).items()}
    path = hdf4_tile(tmp_path / "MOD11A2.A2016001.h25v05.061.hdf", layers, tile=(25, 5))
    day = load.modis_lst([path], sensors=["terra"])["terra_day"].values[0]
    np.testing.assert_allclose(day, [[np.nan, np.nan], [-123.15, -3.15]], atol=1e-4)


def test_quality_byte_that_is_no_byte_is_refused(tmp_path):
    """M12: as decimals its NaN would read as good."""
    layers = lst_layers(DN) | {"QC_Day": (DN.astype("float32"), {})}
    path = hdf4_tile(tmp_path / "MOD11A2.A2016001.h25v05.061.hdf", layers, tile=(25, 5))
    assert "QC_Day" in refused(load.modis_lst, [path], sensors=["terra"], code="M12")


@pytest.mark.parametrize(
    ("struct", "words"),
    [
        (STRUCT.replace("GCTP_SNSOID", "GCTP_GEO"), "sinusoidal"),
        ("GROUP=GridStructure\nEND\n", "where the grid lies"),
        (STRUCT.replace("{bottom:", "{top:"), "disagree"),
    ],
    ids=["projection", "no corners", "shape"],
)
def test_grids_that_cannot_be_placed(tmp_path, struct, words):
    path = hdf4_tile(tmp_path / "MOD11A2.A2016001.h25v05.061.hdf", lst_layers(DN), tile=(25, 5), struct=struct)
    assert words in refused(load.modis_lst, [path], sensors=["terra"])


# where tiles lie ------------------------------------------------------------------------------------------------------

QTP = (90.0, 31.0, 96.0, 37.5)


def named(folder, product="MOD11A2", *, tile=(25, 5), doy=1, values=DN, **options):
    name = f"{product}.A2016{doy:03d}.h{tile[0]:02d}v{tile[1]:02d}.061.2020001000000.hdf"
    return granule(folder, name, values, **options)


def test_tile_outside_the_area_is_named(tmp_path):
    """M17: says what the tile covers, where the area is, and in which tiles it lies."""
    files = [named(tmp_path), named(tmp_path, tile=(26, 5)), named(tmp_path, tile=(24, 5))]
    message = refused(load.modis_lst, files, sensors=["terra"], area=QTP, code="M17")
    assert "h24v05 covers" in message
    assert "[90.0, 31.0, 96.0, 37.5], which lies in h25v05, h26v05" in message
    assert "h25v05 covers" not in message
    wrong = refused(load.modis_lst, [named(tmp_path, tile=(23, 4))], sensors=["terra"], area=QTP, code="M17")
    assert "h23v04" in wrong


def test_missing_neighbor_is_a_share_of_the_area(tmp_path):
    """M18: less than min_cover is an error that says the share and the tiles; lowered, the share is in attrs."""
    west, east = named(tmp_path), named(tmp_path, tile=(26, 5))
    message = refused(load.modis_lst, [west], sensors=["terra"], area=QTP, code="M18")
    assert "h26v05" in message
    data = load.modis_lst([west], sensors=["terra"], area=QTP, min_cover=0.5)
    longitude, latitude = np.meshgrid(np.linspace(90, 96, 401), np.linspace(31, 37.5, 401))
    inside = np.deg2rad(longitude) * np.cos(np.deg2rad(latitude)) < np.deg2rad(80)
    assert data.attrs["cover_terra"] == pytest.approx(inside.mean(), abs=0.02)
    assert load.modis_lst([west, east], sensors=["terra"], area=QTP).attrs["cover_terra"] == 1.0


@pytest.mark.parametrize("area", [(175, 62, -175, 68), (175, 62, 185, 68), (-185, 62, -175, 68)])
def test_areas_across_the_date_line_are_covered(area):
    """M18: by the two halves of it."""
    halves = {"west": (170.0, 60.0, 180.0, 70.0), "east": (-180.0, 60.0, -170.0, 70.0)}
    assert share_covered(halves, "EPSG:4326", area, min_cover=0.9) == 1.0
    assert "of the area" in refused(
        share_covered, {"west": halves["west"]}, "EPSG:4326", area, min_cover=0.9, code="M18"
    )


def test_catalog_gives_the_area_and_the_options(tmp_path):
    """M18: by way of settings.bounds and parameters.min_cover."""
    named(tmp_path)
    text = (
        'catalog_version: 1\nroots: ["."]\nsettings: {bounds: [90.0, 31.0, 96.0, 37.5]}\nsources:\n  modis_lst:\n'
        "    kind: granules\n    driver: modis_hdf4\n    uri: 'M?D11A2.*.hdf'\n    provenance: observed\n"
    )
    (tmp_path / "data_catalog.yaml").write_text(text + "    parameters: {sensors: [terra]}\n")
    row = open_catalog(tmp_path).check("modis_lst")
    assert row["status"] == "broken"
    assert "min_cover" in row["problem"]
    (tmp_path / "data_catalog.yaml").write_text(text + "    parameters: {sensors: [terra], min_cover: 0.6}\n")
    assert open_catalog(tmp_path)["modis_lst"].attrs["cover_terra"] > 0.6


def test_tile_that_lacks_dates_is_counted_over_the_whole_span(tmp_path):
    """M01: a tile that begins late is missing at the beginning too; dates by tile, count by sensor."""
    files = [named(tmp_path, doy=doy) for doy in (1, 9, 17, 25)] + [named(tmp_path, tile=(26, 5), doy=17)]
    data = load.modis_lst(files, sensors=["terra"])
    assert data.attrs["missing_composites_terra"] == 3
    assert data.attrs["missing_dates_terra_h26v05"] == "2016-01-01, 2016-01-09, 2016-01-25"
    message = refused(load.modis_lst, files, sensors=["terra"], max_gap=1, code="M01")
    assert "2016-01-01 to 2016-01-09" in message


def test_sensor_that_ends_early_is_missing_at_the_end(tmp_path):
    """M01: the span is that of both sensors."""
    files = [named(tmp_path, doy=doy) for doy in range(1, 60, 8)] + [named(tmp_path, "MYD11A2")]
    assert "aqua" in refused(load.modis_lst, files, code="M01")
    assert load.modis_lst(files, max_gap=None).attrs["missing_composites_aqua"] == 7


def test_tiles_of_unlike_pixels_do_not_join(tmp_path):
    files = [named(tmp_path), named(tmp_path, tile=(26, 5), values=np.full((5, 5), 13000, "uint16"))]
    assert "h26v05: 5 x 5" in refused(load.modis_lst, files, sensors=["terra"], code="I06")


# laziness and memory --------------------------------------------------------------------------------------------------


def test_a_year_of_tiles_opens_without_reading_pixels(tmp_path, monkeypatch, no_compute):
    for tile in ((25, 5), (26, 5)):
        first = named(tmp_path, tile=tile)
        for product, doy in itertools.product(("MOD11A2", "MYD11A2"), range(1, 366, 8)):
            target = tmp_path / first.name.replace("MOD11A2.A2016001", f"{product}.A2016{doy:03d}")
            if target != first:
                shutil.copy(first, target)
    reads = []
    plain = hdf4.read_window
    monkeypatch.setattr(hdf4, "read_window", lambda *a: reads.append(a[0]) or plain(*a))
    with no_compute():
        data = load.modis_lst(sorted(tmp_path.glob("*.hdf")), chunks={"time": 1, "x": 4})
    assert dict(data.sizes) == {"time": 46, "y": 4, "x": 8}
    assert reads == []
    data["aqua_night"].isel(time=3, x=slice(4)).compute()
    assert [Path(path).name[:23] for path in reads] == ["MYD11A2.A2016025.h25v05"]


def composites(number):
    tiles = [Tile((h - 18) * TILE, 4 * TILE, TILE / 1200, 1200, 1200) for h in (25, 26)]
    dates = np.datetime64("2014-01-01") + 8 * np.arange(number)
    layers = dict.fromkeys(FAMILIES["lst"], "L")
    return [
        Composite(date, Path("none.hdf"), Granule(tile, layers), part=tile.name) for date in dates for tile in tiles
    ]


def test_memory_is_bounded_by_chunks():
    """Six years of two full tiles: no block beyond the default size, and chunks are as asked for."""
    data = hdf4.stack(composites(276), FAMILIES["lst"], chunks=None)
    assert dict(data.sizes) == {"time": 276, "y": 1200, "x": 2400}
    assert len({array.chunks for array in data.data_vars.values()}) == 1
    for array in data.data_vars.values():
        assert np.prod([max(sizes) for sizes in array.chunks]) * array.dtype.itemsize <= BLOCK_BYTES
    asked = hdf4.stack(composites(46), FAMILIES["lst"], chunks={"time": -1, "y": 300, "x": 300})
    assert {max(sizes) for sizes in asked["day"].chunks[1:]} == {300}


def test_fill_is_masked_before_anything_is_resampled(tmp_path):
    """M09: no resampled value lies below the smallest valid one."""
    values = np.full((6, 6), 13700, "uint16")
    values[::2, ::2] = 0
    lst = load.modis_lst([named(tmp_path, values=values)], sensors=["terra"])["terra_day"].isel(time=0)
    y, x = (np.linspace(float(lst[dim][1]), float(lst[dim][4]), 9) for dim in ("y", "x"))
    finer = xr.DataArray(np.zeros((9, 9)), {"y": y, "x": x}, ("y", "x")).rio.write_crs(SINU)
    for resampling in ("bilinear", "average"):
        out = grid.match(lst, finer, resampling=resampling)
        assert float(out.min()) >= float(lst.min())
        assert bool(out.notnull().any())


def test_integers_do_not_wrap_around():
    """M10: 15000 x 50 leaves uint16; values are cast before they are scaled."""
    raw = np.array([15000, 100], "uint16")
    np.testing.assert_allclose(decoded(raw, Decode(scale=50.0)), [750_000, 5000])
    np.testing.assert_allclose(decoded(raw, Decode(offset=-200.0)), [14_800, -100])
