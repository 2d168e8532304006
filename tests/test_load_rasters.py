"""Maps whose unit, scale, fill value or classes are not what the catalog says, and series by date."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import xarray as xr
from small_files import UTM, refused, tif

from qtp_toolkit import grid, load
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.soil import depth_mean


def computed(function, *arguments, code, **options) -> str:
    with pytest.raises(QtpDataError) as caught:
        function(*arguments, **options).compute()
    assert caught.value.code == code, caught.value
    return str(caught.value)


# units and ranges -----------------------------------------------------------------------------------------------------

RANGES = [
    ("S02", "bulk_density", 1.3, {}, "g/cm3"),
    ("S02", "bulk_density", 1.3e6, {}, "g/m3"),
    ("S02", "bulk_density", 1300, {"units": "cg/cm3"}, "median 13000"),
    ("S03", "sand", 43.1, {}, "%"),
    ("S03", "sand", 431, {}, "g/kg"),
    ("S03", "sand", 431, {"units": "%"}, "median 4.31"),
    ("S03", "ground_ice", 22, {}, "%"),
    ("M11", "magt", 271, {}, "It looks like K"),
    ("M11", "ndvi", 4000, {}, "median 4000"),
]


@pytest.mark.parametrize("case", RANGES, ids=lambda case: f"{case[0]} {case[1]} {case[2]:g}")
def test_wrong_unit_is_an_error_when_computed(tmp_path, no_compute, case):
    code, variable, value, options, words = case
    path = tif(tmp_path / "map.tif", np.array([[value, value], [value, np.nan]], "float32"))
    with no_compute():
        out = load.raster(path, variable=variable, **options)
    message = computed(lambda: out, code=code)
    assert words in message
    assert "map.tif" in message


SPELLINGS = [
    ("bulk_density", 130, ("cg/cm3", "cg cm-3", "cg cm^-3", "cg / cm3"), 1300),
    ("bulk_density", 1300, ("kg/m3", "kg m-3", "kg.m-3", "kg m**-3", None), 1300),
    ("sand", 431, ("g/kg", "g kg-1", "g.kg^-1", "permille"), 0.431),
    ("sand", 43.1, ("%", "percent", "per cent"), 0.431),
    ("magt", 271.15, ("K", "kelvin", "Kelvin"), -2),
    ("water_content", 0.25, ("1", "m3 m-3", "cm3/cm3", "fraction"), 0.25),
    ("incidence", np.deg2rad(39), ("rad", "radian", "radians"), 39),
]


@pytest.mark.parametrize(("variable", "value", "units", "ours"), SPELLINGS)
def test_units_in_any_usual_spelling(tmp_path, variable, value, units, ours):
    path = tif(tmp_path / "map.tif", np.full((2, 2), value, "float32"))
    for spelling in units:
        out = load.raster(path, variable=variable, units=spelling)
        np.testing.assert_allclose(out, ours, rtol=1e-6)


@pytest.mark.parametrize("value", [-9999, -32768, 255, -3.4e38])
def test_undeclared_fill_values_are_nan(tmp_path, value):
    """S06: whether the file or the catalog names them or not."""
    path = tif(tmp_path / "ice.tif", np.array([[value, value], [value, 0.2]], "float32"))
    np.testing.assert_allclose(load.raster(path, variable="ground_ice").values, [[np.nan] * 2, [np.nan, 0.2]])


def test_stray_value_is_nan_and_an_empty_map_stays_empty(tmp_path):
    stray = tif(tmp_path / "a.tif", np.array([[-1.5, -80.0], [-2.0, -1.0]], "float32"))
    np.testing.assert_allclose(load.raster(stray, variable="magt").values, [[-1.5, np.nan], [-2, -1]])
    empty = tif(tmp_path / "b.tif", np.full((2, 2), -9999, "float32"))
    assert np.isnan(load.raster(empty, variable="magt").values).all()


def test_scale_in_the_file(tmp_path):
    """M11: a scale tag is used, or agrees with the catalog, or is an error; decimals with one are not guessed."""
    path = tif(tmp_path / "n.tif", np.array([[4000, 5000]], "int16"))
    decimal = tif(tmp_path / "d.tif", np.array([[0.4, 0.5]], "float32"))
    for one in (path, decimal):
        with rasterio.open(one, "r+") as dataset:
            dataset.scales = (1e-4,)
    np.testing.assert_allclose(load.raster(path, variable="ndvi").values, [[0.4, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(load.raster(path, variable="ndvi", scale_factor=1e-4).values, [[0.4, 0.5]], rtol=1e-6)
    assert "0.0001 in the file" in refused(load.raster, path, variable="ndvi", scale_factor=1.0, code="M11")
    assert "scaled already" in refused(load.raster, decimal, variable="ndvi", code="M11")


@pytest.mark.parametrize(
    ("version", "stored", "code"),
    [("v2", 1300, "S02"), ("v1", 130000, "S02"), ("v1", 0, None)],
    ids=["S02 v1 values in v2 files", "S02 out of range", "S02 zero is no density"],
)
def test_soilgrids_of_another_unit(tmp_path, version, stored, code):
    name = {"v2": "bdod_0-5cm_mean.tif", "v1": "BLDFIE_M_sl1_250m.tif"}[version]
    path = tif(tmp_path / name, np.full((2, 2), stored, "int32"))
    out = load.soilgrids([path], version=version, quantity="bulk_density")
    if code is None:
        assert np.isnan(out.values).all()
    else:
        assert "100 to 2650 kg m-3" in computed(lambda: out, code=code)


def test_soilgrids_sand_of_another_unit_and_files_of_another_version(tmp_path):
    """S02, S03: the names tell the version; a percent read as one in a thousand passes no further than it must."""
    path = tif(tmp_path / "SNDPPT_M_sl1_250m.tif", np.full((2, 2), 430, "int16"))
    assert "median 4.3" in computed(load.soilgrids, [path], version="v1", quantity="sand", code="S03")
    message = refused(load.soilgrids, [path], version="v2", quantity="sand", code="S02")
    assert "SoilGrids v1, sand in %" in message


def test_active_layer_mean_of_both_versions(tmp_path):
    """Points are averaged by trapezoids, layers by thickness: the same soil gives the same mean."""
    v1 = [tif(tmp_path / f"BLDFIE_M_sl{k}_250m.tif", np.full((2, 2), v, "int16")) for k, v in ((1, 1000), (5, 1600))]
    v2 = [tif(tmp_path / f"bdod_{k}cm_mean.tif", np.full((2, 2), v, "int16")) for k, v in (("0-5", 100), ("5-15", 160))]
    points = depth_mean(load.soilgrids(v1, version="v1", quantity="bulk_density"), to_m=0.6)
    layers = depth_mean(load.soilgrids(v2, version="v2", quantity="bulk_density"), to_m=0.15)
    np.testing.assert_allclose(points.values, 1300)
    np.testing.assert_allclose(layers.values, (1000 * 5 + 1600 * 10) / 15, rtol=1e-6)


# classes --------------------------------------------------------------------------------------------------------------

CLASSES = {1: "meadow", 2: "steppe"}


def test_codes_that_are_no_class_are_listed(tmp_path, no_compute):
    """S06: 255 and 9 are neither classes nor declared as no data."""
    path = tif(tmp_path / "v.tif", np.array([[1, 2], [9, 255]], "uint8"))
    with no_compute():
        out = load.raster(path, variable="vegetation", classes=CLASSES)
    message = computed(lambda: out, code="S06")
    assert "[9.0, 255.0]" in message
    assert "50.0% of a block" in message
    both = load.raster(path, variable="vegetation", classes=CLASSES, nodata=[9, 255])
    assert both.values.tolist() == [[1, 2], [-1, -1]]


def test_a_class_of_the_catalog_beats_the_tag_of_the_file(tmp_path):
    """S06: aloud; a code that the catalog itself calls both is refused, and the file's own names change nothing."""
    codes = np.array([[0, 1], [1, 1]], "uint8")
    path = tif(tmp_path / "p.tif", codes, nodata=0)
    names = {0: "seasonally frozen ground", 1: "permafrost"}
    with pytest.warns(UserWarning, match=r"p.tif: 0 is no data by the tag of the file, but 'seasonally frozen ground'"):
        out = load.raster(path, variable="permafrost", classes=names)
    assert out.values.tolist() == codes.tolist()
    assert "once" in refused(load.raster, path, variable="permafrost", classes=names, nodata=0, code="S06")
    assert load.raster(path, variable="permafrost", classes={1: "permafrost"}).values.tolist() == [[-1, 1], [1, 1]]
    other = tif(tmp_path / "q.tif", codes)
    assert load.raster(other, variable="permafrost", classes=names).values.tolist() == codes.tolist()
    assert "[0.0]" in refused(lambda: load.raster(other, variable="permafrost", classes={1: "p"}).compute(), code="S06")


def test_stored_fill_of_an_index_whose_tag_is_lost(tmp_path):
    """S06: -3000 is the fill of M?D13, and -0.3 would be an index; of decimals -0.3 is one."""
    stored = np.array([[4000, -3000], [-1000, -28672]], "int16")
    paths = [tif(tmp_path / f"MOD13Q1_NDVI_2019_{day}.tif", stored) for day in ("209", "225")]
    ndvi = load.series(paths, variable="ndvi", pattern="%Y_%j", composite_days=16, scale_factor=1e-4)
    np.testing.assert_allclose(ndvi[0], [[0.4, np.nan], [-0.1, np.nan]], atol=1e-6)
    decimal = tif(tmp_path / "d.tif", np.array([[0.4, -0.3], [-3000.0, 0.2]], "float32"))
    np.testing.assert_allclose(load.raster(decimal, variable="ndvi"), [[0.4, -0.3], [np.nan, 0.2]], atol=1e-6)


@pytest.mark.parametrize(("variable", "fill"), [("aspect", -1.0), ("aspect", -9999.0), ("slope", -9999.0)])
def test_level_ground_and_fill_of_terrain_maps(tmp_path, variable, fill):
    path = tif(tmp_path / "t.tif", np.array([[10.0, fill], [20.0, 30.0]], "float32"))
    assert np.isnan(load.raster(path, variable=variable).values[0, 1])


def test_decimal_class_maps(tmp_path):
    """S10: whole decimals are codes, -9999 has to be declared, fractions come of interpolation."""
    stored = np.array([[1, 2], [-9999, np.nan]], "float32")
    path = tif(tmp_path / "v.tif", stored)
    assert "-9999" in computed(load.raster, path, variable="vegetation", classes=CLASSES, code="S06")
    out = load.raster(path, variable="vegetation", classes=CLASSES, nodata=-9999)
    assert out.dtype == np.int16
    assert out.values.tolist() == [[1, 2], [-1, -1]]
    mixed = tif(tmp_path / "m.tif", np.array([[1, 1.5]], "float32"))
    assert "interpolated" in computed(load.raster, mixed, variable="vegetation", classes=CLASSES, code="S10")


def test_classes_are_never_interpolated(tmp_path):
    """S10: whatever resampling is asked for, a class map on another grid holds its own codes only."""
    path = tif(tmp_path / "v.tif", np.array([[1, 7], [7, 1]], "uint8"), pixel=250.0)
    out = load.raster(path, variable="vegetation", classes={1: "meadow", 7: "glacier"})
    y, x = out["y"].values[-1] + np.arange(5)[::-1] * 60.0, out["x"].values[0] + np.arange(5) * 60.0
    fine = xr.DataArray(np.zeros((5, 5)), {"y": y, "x": x}, ("y", "x")).rio.write_crs(UTM)
    assert set(np.unique(grid.match(out, fine, resampling="bilinear"))) <= {-1, 1, 7}


RAT = """<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable tableType="thematic">
<FieldDefn index="0"><Name>Value</Name><Type>0</Type><Usage>5</Usage></FieldDefn>
<FieldDefn index="1"><Name>Class_Name</Name><Type>2</Type><Usage>{usage}</Usage></FieldDefn>
<Row index="0"><F>1</F><F>permafrost</F></Row><Row index="1"><F>2</F><F>seasonally frozen ground</F></Row>
</GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"""
NAMES = "<PAMDataset><CategoryNames><Category></Category><Category>permafrost</Category></CategoryNames></PAMDataset>"


@pytest.mark.parametrize("usage", [2, 0], ids=["by usage", "by heading"])
def test_class_names_of_the_attribute_table(tmp_path, usage):
    path = tif(tmp_path / "p.tif", np.array([[1, 2]], "uint8"), nodata=0)
    (tmp_path / "p.tif.aux.xml").write_text(RAT.format(usage=usage))
    out = load.raster(path, variable="permafrost")
    assert json.loads(out.attrs["classes"]) == {"1": "permafrost", "2": "seasonally frozen ground"}
    assert out.values.tolist() == [[1, 2]]
    own = load.raster(path, variable="permafrost", classes={1: "yes", 2: "no"})
    assert json.loads(own.attrs["classes"]) == {"1": "yes", "2": "no"}


def test_class_names_by_category_none_or_unsafe(tmp_path):
    """S10: a class map without names is refused; so is a table that is more than a table."""
    path = tif(tmp_path / "p.tif", np.array([[1, 1]], "uint8"))
    assert "classes: {code: name" in refused(load.raster, path, variable="permafrost", code="S10")
    beside = tmp_path / "p.tif.aux.xml"
    beside.write_text(NAMES)
    assert json.loads(load.raster(path, variable="permafrost").attrs["classes"]) == {"1": "permafrost"}
    beside.write_text('<!DOCTYPE x [<!ENTITY a "b">]>' + NAMES)
    assert "entities" in refused(load.raster, path, variable="permafrost")
    beside.write_text("<PAMDataset>")
    assert "not readable" in refused(load.raster, path, variable="permafrost")
    beside.write_text(RAT.format(usage=0).replace("Class_Name", "Red"))
    assert "no column" in refused(load.raster, path, variable="permafrost")


def test_class_table_outside_the_root_is_not_read(tmp_path, tmp_path_factory):
    """C06: a link beside the map that leads out of the root."""
    outside = tmp_path_factory.mktemp("outside") / "t.xml"
    outside.write_text(NAMES)
    tif(tmp_path / "p.tif", np.array([[1, 1]], "uint8"))
    (tmp_path / "p.tif.aux.xml").symlink_to(outside)
    (tmp_path / "data_catalog.yaml").write_text(
        'catalog_version: 1\nroots: ["."]\nsources:\n  permafrost:\n    kind: raster\n    driver: geotiff\n'
        "    uri: p.tif\n    provenance: observed\n    parameters: {variable: permafrost}\n"
    )
    with pytest.raises(QtpDataError) as caught:
        open_catalog(tmp_path)["permafrost"]
    assert caught.value.code == "C06"


# series ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["%Y%j", "lst_%Y%j.tif", r"_(?P<year>\d{4})(?P<doy>\d{3})"])
def test_series_by_the_letters_of_strftime(tmp_path, pattern):
    files = [
        tif(tmp_path / f"lst_{day}.tif", np.full((2, 2), k, "float32")) for k, day in enumerate(("2016009", "2016001"))
    ]
    out = load.series(files, variable="lst", pattern=pattern, composite_days=8)
    assert [str(t)[:13] for t in out["time"].values] == ["2016-01-04T12", "2016-01-12T12"]
    assert out.values[:, 0, 0].tolist() == [1, 0]


def test_series_of_files_with_unlike_fill_values(tmp_path):
    """S06: the fill value of each file counts, not that of the first."""
    a = tif(tmp_path / "2016001.tif", np.array([[1, -1]], "float32"), nodata=-1)
    b = tif(tmp_path / "2016009.tif", np.array([[-7, 2]], "float32"), nodata=-7)
    np.testing.assert_array_equal(
        load.series([a, b], variable="lst", pattern="%Y%j").values[:, 0], [[1, np.nan], [np.nan, 2]]
    )


def catalog_of(folder, parameters, uri):
    (folder / "data_catalog.yaml").write_text(
        'catalog_version: 1\nroots: ["."]\nsources:\n  modis_lst:\n    kind: granules\n    driver: geotiff_series\n'
        f"    uri: {uri}\n    provenance: observed\n    parameters: {parameters}\n"
    )
    return open_catalog(folder)


def test_series_of_several_variables_with_their_quality(tmp_path, no_compute):
    """M12: quality bytes stay bytes, 3 where a date is missing."""
    for date in ("2016001", "2016009"):
        tif(tmp_path / f"day_{date}.tif", np.full((2, 2), 13500, "uint16"))
    tif(tmp_path / "qc_2016009.tif", np.full((2, 2), 17, "uint8"))
    options = "{pattern: '%Y%j', composite_days: 8}"
    catalog = catalog_of(tmp_path, options, "{terra_day: 'day_*.tif', qc_terra_day: 'qc_*.tif'}")
    with pytest.raises(QtpDataError, match="looks"):
        load.check_lst(catalog["modis_lst"], every=1)
    options = "{pattern: '%Y%j', composite_days: 8, units: K, scale_factor: 0.02}"
    catalog = catalog_of(tmp_path, options, "{terra_day: 'day_*.tif', qc_terra_day: 'qc_*.tif'}")
    with no_compute():
        data = catalog["modis_lst"]
    assert data["terra_day"].values[0, 0, 0] == pytest.approx(-3.15, abs=1e-3)
    assert data["qc_terra_day"].dtype == np.uint8
    assert data["qc_terra_day"].values[:, 0, 0].tolist() == [3, 17]
    decimal = tif(tmp_path / "qc_2016017.tif", np.full((2, 2), np.nan, "float32"))
    with pytest.raises(QtpDataError) as caught:
        catalog["modis_lst"].load()
    assert caught.value.code == "M12"
    assert decimal.name in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "uri", "words"),
    [
        ("{pattern: '%Y%j'}", "'*.tif'", "parameters.variable"),
        ("{variable: lst, pattern: '%Y%j'}", "{terra_day: '*.tif'}", "parameters.variable"),
        ("{pattern: '%Y%j'}", "{tera_day: '*.tif'}", "tera_day"),
        ("{variable: lst, pattern: '%H%j'}", "'*.tif'", "strftime"),
        ("{variable: lst, pattern: '%Y_%m'}", "'*.tif'", "day"),
    ],
)
def test_series_that_do_not_say_what_they_are(tmp_path, parameters, uri, words):
    tif(tmp_path / "2016001.tif", np.ones((2, 2), "float32"))
    with pytest.raises(QtpDataError, match=words):
        catalog_of(tmp_path, parameters, uri)["modis_lst"]


def test_series_of_unlike_dates_are_one_set(tmp_path):
    """A date that a variable lacks is NaN, of quality bytes 3: nothing produced."""
    day = [tif(tmp_path / f"day_{date}.tif", np.full((2, 2), 280.0, "float32")) for date in ("2019001", "2019009")]
    quality = [tif(tmp_path / "qc_2019001.tif", np.zeros((2, 2), "uint8"))]
    out = load.series_set({"terra_day": day, "qc_terra_day": quality}, pattern="%Y%j", composite_days=8, units="K")
    assert out.sizes["time"] == 2
    np.testing.assert_allclose(out["terra_day"], 280.0 - 273.15, atol=1e-4)
    assert out["qc_terra_day"].values[:, 0, 0].tolist() == [0, 3]
    other = tif(tmp_path / "night_2019001.tif", np.full((2, 3), 270.0, "float32"))
    message = refused(load.series_set, {"terra_day": day, "terra_night": [other]}, pattern="%Y%j", code="I06")
    assert "night_2019001.tif" in message
