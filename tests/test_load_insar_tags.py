"""What tags, types and names of raster files say, and where they contradict a setting or say nothing."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp, Resampling
from small_files import refused, tif

from qtp_toolkit import load
from qtp_toolkit.load.files.headers import headers

PAIR = "20180106_20180118"
VALUES = np.linspace(1, 40, 48, dtype="float32").reshape(6, 8)


def edited(path, **attributes):
    """Set scales, units or tags of a file."""
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(**attributes.pop("tags", {}))
        for name, value in attributes.items():
            setattr(dataset, name, value)
    return path


def two_bands(path, first, second, *, opacity=False, units=("", "")):
    """GeoTIFF of two bands, the second perhaps the opacity of the first."""
    tif(path, first)
    with rasterio.open(path) as one:
        profile = one.profile | {"count": 2}
    with rasterio.open(path, "w", **profile) as dataset:
        if opacity:
            dataset.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
        dataset.write(np.stack([first, second]))
        dataset.units = units
    return path


# numbers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fill", [-32768, -9999])
def test_fill_values_of_packed_phase_are_no_phase(tmp_path, fill):
    """I23: -32.768 rad would be inside the range."""
    packed = (1000 * VALUES / 2).astype("int16")
    packed[0] = fill
    stack = load.interferograms([edited(tif(tmp_path / f"{PAIR}.tif", packed), scales=(0.001,))])
    assert np.isnan(stack["phase"].values[0, 0]).all()
    np.testing.assert_allclose(stack["phase"].values[0, 1:], VALUES[1:] / 2, atol=1e-3)


def test_fill_values_of_packed_coherence_are_no_coherence(tmp_path):
    """I04: 255 of 250 is a fill value, not a coherence a little above 1."""
    packed = np.full((6, 8), 200, "uint8")
    packed[0] = 255
    gamma = edited(tif(tmp_path / f"{PAIR}.cc.tif", packed), scales=(0.004,))
    found = load.interferograms([tif(tmp_path / f"{PAIR}.tif", VALUES)], coherence=[gamma])["coherence"].values[0]
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1:], 0.8, rtol=1e-6)


def test_coherence_may_change_its_type_within_a_stack(tmp_path):
    """I04: bytes beside decimals, each by its own scale."""
    names = (PAIR, "20180118_20180130")
    phase = [tif(tmp_path / f"{name}.tif", VALUES) for name in names]
    low = np.array([[0, 1, 0, 0], [51, 0, 1, 204]], "uint8").repeat(3, 0).repeat(2, 1)
    gamma = [tif(tmp_path / "a" / f"{names[0]}.tif", low)]
    gamma += [tif(tmp_path / "b" / f"{names[1]}.tif", np.full((6, 8), 0.8, "float32"))]
    found = load.interferograms(phase, coherence=gamma)["coherence"].values
    np.testing.assert_allclose(found[0], low / 255, rtol=1e-6)
    np.testing.assert_allclose(found[1], 0.8, rtol=1e-6)


def test_whole_numbers_are_phase_where_a_setting_scales_them(tmp_path):
    """I11: without a tag; the error that comes otherwise names the setting."""
    packed = tif(tmp_path / f"{PAIR}.tif", (1000 * VALUES / 2).astype("int16"))
    assert "parameters.scale_factor" in refused(load.interferograms, [packed], code="I11")
    stack = load.interferograms([packed], scale_factor=0.001)
    np.testing.assert_allclose(stack["phase"].values[0], VALUES / 2, atol=1e-3)


def test_several_fill_values_at_once(tmp_path):
    """I23: what surrounds the swath, and what unwrapping left out."""
    values = VALUES.copy()
    values[0], values[1] = 0, -999
    path = tif(tmp_path / f"{PAIR}.tif", values)
    np.testing.assert_array_equal(np.isnan(load.interferograms([path], nodata=[0, -999])["phase"][0]), values <= 0)


# units ----------------------------------------------------------------------------------------------------------------


def test_unit_tags_are_those_of_the_band(tmp_path):
    """I12: the first band may be anything; a scale overrules a unit, aloud."""
    fine = two_bands(tmp_path / "a" / f"{PAIR}.tif", VALUES, VALUES, units=("m", " Radians "))
    np.testing.assert_array_equal(load.interferograms([fine], band=2)["phase"].values[0], VALUES)
    lengths = two_bands(tmp_path / "b" / f"{PAIR}.tif", VALUES, VALUES, units=("", "m"))
    refused(load.interferograms, [lengths], band=2, code="I12")
    degrees = edited(tif(tmp_path / "c" / f"{PAIR}.tif", np.rad2deg(VALUES)), units=("degree",))
    refused(load.interferograms, [degrees], code="I11")
    with pytest.warns(UserWarning, match="overrules the unit tag"):
        stack = load.interferograms([degrees], scale_factor=np.pi / 180)
    np.testing.assert_allclose(stack["phase"].values[0], VALUES, rtol=1e-5)


@pytest.mark.parametrize(
    ("variable", "stored", "unit", "right"),
    [
        ("incidence", 0.68, "radian", 38.96),
        ("elevation", 15000.0, "foot", 4572.0),
        ("elevation", 4572.0, "metre", 4572.0),
        ("magt", 271.15, "Kelvin", -2.0),
        ("magt", -2.0, "celsius", -2.0),
        ("ground_ice", 22.0, "percent", 0.22),
    ],
)
def test_unit_tags_of_maps_hold(tmp_path, variable, stored, unit, right):
    """M11: by any usual spelling; 38 degrees of incidence are 0.7 rad, which no range can tell from degrees."""
    path = edited(tif(tmp_path / "map.tif", np.full((2, 2), stored, "float32")), units=(unit,))
    np.testing.assert_allclose(load.raster(path, variable=variable), right, atol=0.01)


def test_a_setting_overrules_the_unit_tag_aloud(tmp_path):
    """M11."""
    path = edited(tif(tmp_path / "map.tif", np.full((2, 2), 271.15, "float32")), units=("degC",))
    with pytest.warns(UserWarning, match="units: K overrules"):
        np.testing.assert_allclose(load.raster(path, variable="magt", units="K"), -2, atol=0.01)
    odd = edited(tif(tmp_path / "odd.tif", np.full((2, 2), 7.0, "float32")), units=("furlong",))
    with pytest.warns(UserWarning, match="'furlong': taken for m"):
        assert load.raster(odd, variable="elevation").values.tolist() == [[7.0, 7.0]] * 2
    series = [tif(tmp_path / f"2019{day}.tif", np.full((2, 2), 1.0, "float32")) for day in ("001", "009")]
    edited(series[0], units=("K",)), edited(series[1], units=("degC",))
    assert "unlike unit tags" in refused(load.series, series, variable="magt", pattern="%Y%j", code="M11")


def test_incidence_in_radians_is_told(tmp_path):
    """I11: no radar looks straight down, so no whole map lies below two degrees; zeros are no data."""
    radians = load.raster(tif(tmp_path / "inc_map.tif", np.full((2, 2), 0.68, "float32")), variable="incidence")
    assert "radian" in refused(radians.compute, code="I11")
    zeros = tif(tmp_path / "inc.tif", np.array([[0, 39], [39, 39]], "float32"))
    np.testing.assert_array_equal(load.raster(zeros, variable="incidence"), [[np.nan, 39], [39, 39]])


def test_elevation_above_the_horizon_is_held_to_its_range(tmp_path):
    """I11: fill values that nobody declared, and angles in degrees."""
    values = np.full((3, 4), np.deg2rad(51.6), "float32")
    values[0], values[1, 0] = 9999, 0
    found = load.hyp3_look(tif(tmp_path / "a_lv_theta.tif", values)).values
    np.testing.assert_array_equal(np.isnan(found), (values == 9999) | (values == 0))
    np.testing.assert_allclose(found[2], 38.4, atol=1e-4)
    degrees = load.hyp3_look(tif(tmp_path / "b_lv_theta.tif", np.full((3, 4), 51.6, "float32")))
    assert "leaves its physical range" in refused(degrees.compute, code="I11")


def test_upward_component_in_whole_numbers(tmp_path):
    """M11: by its scale tag."""
    packed = edited(tif(tmp_path / "152D.geo.U.tif", np.full((2, 2), 7771, "int16")), scales=(1e-4,))
    np.testing.assert_allclose(load.licsar_look([packed]), 39.0, atol=0.01)


@pytest.mark.parametrize(("texts", "right"), [(("0.0555", "5.55e-2"), 0.0555), (("5.6 cm",) * 2, None)])
def test_wavelength_tags_are_numbers(tmp_path, texts, right):
    """I15: compared as numbers; text is refused, and a setting helps."""
    names = (PAIR, "20180118_20180130")
    paths = [
        tif(tmp_path / f"{name}.tif", VALUES, tags={"WAVELENGTH_METRES": text})
        for name, text in zip(names, texts, strict=True)
    ]
    if right is None:
        assert "parameters.wavelength" in refused(load.interferograms, paths, code="I15")
        right = load.interferograms(paths, wavelength=0.056).attrs["wavelength"]
    assert load.interferograms(paths, wavelength=right).attrs["wavelength"] == right
    if texts[0] != texts[1]:
        assert load.interferograms(paths).attrs["wavelength"] == right


def test_files_of_two_wavelengths_are_no_stack_whatever_is_given(tmp_path):
    """I15: a wavelength of the settings would pass for that of both."""
    paths = [
        tif(tmp_path / f"{name}.tif", VALUES, tags={"WAVELENGTH_METRES": text})
        for name, text in ((PAIR, "0.0555"), ("20180118_20180130", "0.24"))
    ]
    assert "['0.0555', '0.24']" in refused(load.interferograms, paths, wavelength=0.24, code="I15")


def test_a_scale_tag_that_is_no_number_says_nothing(tmp_path):
    """M11."""
    path = tif(tmp_path / f"{PAIR}.tif", VALUES)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(1, scale_factor="none")
    np.testing.assert_array_equal(load.interferograms([path])["phase"].values[0], VALUES)


# places and masks -----------------------------------------------------------------------------------------------------


def unplaced(path, crs="EPSG:32646"):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"height": 6, "width": 8, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, **shape) as dataset:
        dataset.write(VALUES, 1)
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_files_without_a_transform_are_refused_or_placed_by_a_world_file(tmp_path):
    """M05: rows and columns are no meters; the remedy is not a download. Each world file counts for its own image."""
    message = refused(load.interferograms, [unplaced(tmp_path / f"{PAIR}.tif")], code="M05")
    assert "no transform" in message
    assert "Download" not in message
    paths = [unplaced(tmp_path / f"{name}.tif") for name in (PAIR, "20180118_20180130")]
    for path, west in zip(paths, (400040, 400120), strict=True):
        path.with_suffix(".tfw").write_text(f"80\n0\n0\n-80\n{west}\n3799960\n")
    assert load.interferograms(paths[:1])["x"].values[0] == 400040
    assert [header.corner[0] for header in headers(paths)] == [400000, 400080]
    assert "gdalwarp" in refused(load.interferograms, [unplaced(tmp_path / "n" / f"{PAIR}.tif", None)], code="M05")


@pytest.mark.parametrize("masked_first", [True, False])
def test_a_mask_is_not_taken_for_an_overview(tmp_path, masked_first):
    """I23: the first directories of both files are alike."""
    paths = {name: tif(tmp_path / f"{name}.tif", VALUES) for name in (PAIR, "20180118_20180130")}
    seen, masked = list(paths.values())[:: -1 if masked_first else 1]
    with rasterio.open(seen, "r+") as dataset:
        dataset.build_overviews([2], Resampling.nearest)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(masked, "r+") as dataset:
        dataset.write_mask(VALUES > 10)
    found = load.interferograms([seen, masked])["phase"].isnull().sum(("y", "x")).values
    assert sorted(found) == [0, (VALUES <= 10).sum()]


def test_a_band_of_opacity_is_a_mask(tmp_path):
    """I23: as warping adds it; it is no second band that one would have to choose from."""
    opacity = np.where(VALUES > 10, 255, 0).astype("float32")
    byte = two_bands(
        tmp_path / "b" / f"{PAIR}.tif", np.full((6, 8), 51, "uint8"), opacity.astype("uint8"), opacity=True
    )
    phase = two_bands(tmp_path / f"{PAIR}.tif", VALUES, opacity, opacity=True)
    stack = load.interferograms([phase], coherence=[byte])
    for layer in stack.values():
        np.testing.assert_array_equal(np.isnan(layer.values[0]), VALUES <= 10)
    dem = two_bands(tmp_path / "dem.tif", np.where(VALUES > 10, 100 * VALUES, 0), opacity, opacity=True)
    np.testing.assert_array_equal(np.isnan(load.raster(dem, variable="elevation")), VALUES <= 10)


@pytest.mark.parametrize("crs", ["EPSG:32646+5773", "+proj=utm +zone=46 +datum=WGS84 +units=m +no_defs"])
def test_heights_beside_a_crs_make_no_other_grid(tmp_path, crs):
    """I07: nor does another way of writing it."""
    phase = tif(tmp_path / f"{PAIR}.tif", VALUES)
    gamma = tif(tmp_path / f"{PAIR}.cc.tif", np.full((6, 8), 0.8, "float32"), crs=crs)
    assert load.interferograms([phase], coherence=[gamma])["coherence"].shape == (1, 6, 8)


# names and paths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["20240301_20180106_20180118.tif", "20180106_20180118_20240301.tif", "run_20190101_20191231_20180106_20180118.tif"],
)
def test_names_of_three_dates_are_not_guessed(tmp_path, name):
    """I27: one of them may be that of processing; a pattern says which."""
    path = tif(tmp_path / name, VALUES)
    message = refused(load.interferograms, [path], code="I27")
    assert "20180106/20180118" in message
    assert "parameters.pattern" in message
    stack = load.interferograms([path], pattern="(?P<reference>20180106)_(?P<secondary>20180118)")
    assert str(stack["secondary"].values[0])[:10] == "2018-01-18"
    assert load.interferograms([tif(tmp_path / f"{PAIR}_{PAIR}.tif", VALUES)]).sizes["pair"] == 1


def test_paths_that_are_no_files_are_listed(tmp_path):
    """M05: not there, or a folder; no exception of the system."""
    (tmp_path / "20180118_20180130.tif").mkdir()
    message = refused(load.interferograms, [tmp_path / f"{PAIR}.tif", tmp_path / "20180118_20180130.tif"], code="M05")
    assert message.count("cannot be read") == 2
    refused(load.raster, tmp_path / "dem.tif", variable="elevation", code="M05")


def test_hints_name_options_that_exist(tmp_path):
    """I06: a series has no extent to set."""
    paths = [tif(tmp_path / f"2019{day}.tif", VALUES[:rows]) for day, rows in (("001", 6), ("009", 5))]
    assert "parameters.extent" not in refused(load.series, paths, variable="magt", pattern="%Y%j", code="I06")
    stack = [tif(tmp_path / f"{name}.tif", VALUES[:rows]) for name, rows in ((PAIR, 6), ("20180118_20180130", 5))]
    assert "parameters.extent" in refused(load.interferograms, stack, code="I06")


def test_paths_in_any_container(tmp_path):
    """One alone, text, or what can be gone through only once."""
    path = tif(tmp_path / f"{PAIR}.geo.unw.tif", VALUES)
    tif(tmp_path / f"{PAIR}.geo.cc.tif", np.full((6, 8), 51, "uint8"))
    for given in (path, str(path), iter([str(path)]), (path,)):
        assert list(load.licsar(given)) == ["phase", "coherence"]
    for size in (0, -2, "auto"):
        refused(load.interferograms, path, chunks={"y": size})


@pytest.mark.parametrize(
    "options",
    [
        {"pattern": r"\d{8}_\d{8}"},
        {"pattern": r"(?P<reference>\d{8}"},
        {"band": 0},
        {"scale_factor": float("nan")},
        {"scale_factor": -1.0},
        {"extent": "crop"},
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path, options):
    """C09, I11, M11: also where no catalog has looked at them first."""
    refused(load.interferograms, [tif(tmp_path / f"{PAIR}.tif", VALUES)], **options)


def test_variables_and_patterns_of_maps_are_looked_at(tmp_path):
    """C09."""
    path = tif(tmp_path / "2019001.tif", VALUES)
    assert "unknown variable" in refused(load.raster, path, variable="height")
    for pattern in ("%Q", r"\d{7}"):
        refused(load.series, [path], variable="magt", pattern=pattern, code="C09")
