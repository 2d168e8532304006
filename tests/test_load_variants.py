"""What delivered files vary in, beyond what one writer does: names, headers, types, and what is left out."""

from __future__ import annotations

from itertools import pairwise

import h5py
import numpy as np
import producers
import pytest
import xarray as xr
from producers import DAYS, GEO, HEADING, INCIDENCE, SHAPE
from radar_files import isce_xml, tops_stack, truth
from small_files import refused, tif
from test_load_producers import aria_files, recipe_of, through_a_catalog

from qtp_toolkit import load
from qtp_toolkit.load.files.raw import raw_bands, read_raw

ORBITS = ("ascending", "descending")


def auto(folder, uri, **parameters):
    entry = {"kind": "ifg_stack", "driver": "auto", "uri": uri, "provenance": "observed", "parameters": parameters}
    return through_a_catalog(folder, {"interferograms": entry})


@pytest.mark.parametrize("orbit", ORBITS)
@pytest.mark.parametrize("said", ["nothing", "no heading"])
def test_the_heading_of_licsar_comes_from_the_look_vector_where_no_text_tells_it(tmp_path, no_compute, orbit, said):
    producers.licsar(tmp_path, orbit)
    text = tmp_path / "GEOC" / "metadata.txt"
    text.unlink()
    if said == "no heading":
        text.write_text("center_time=11:45:12.25\n")
    for what, value in zip("EN", producers.vector(orbit), strict=False):  # 0 beyond the frame, whose corner is cut off
        path = next((tmp_path / "GEOC").glob(f"*.geo.{what}.tif"))
        tif(path, np.where(np.arange(SHAPE[1]) < 3, 0, np.full(SHAPE, value)).astype("float32"), **GEO)
    with no_compute():
        stack = through_a_catalog(tmp_path, recipe_of("licsar"))
    assert stack.attrs["heading"] == pytest.approx(HEADING[orbit], abs=1e-3)
    assert stack.attrs["orbit_direction"] == orbit


@pytest.mark.parametrize("orbit", ORBITS)
def test_the_heading_of_licsbas_comes_from_the_look_vector(tmp_path, orbit):
    producers.licsbas(tmp_path)
    paths = sorted(tmp_path.glob("GEOCml1/*/*.unw"))
    assert "heading" not in load.licsbas(paths).attrs
    for what, value in zip("EN", producers.vector(orbit), strict=False):
        np.where(np.arange(SHAPE[1]) < 3, np.nan, np.full(SHAPE, value)).astype("<f4").tofile(
            tmp_path / "GEOCml1" / f"{what}.geo"
        )
    stack = load.licsbas(paths)
    assert stack.attrs["heading"] == pytest.approx(HEADING[orbit], abs=1e-3)
    assert stack.attrs["orbit_direction"] == orbit


def test_a_text_in_the_place_of_a_layer_of_aria_is_no_layer(tmp_path):
    """I03: products of version 2 hold the place of corrections that version 3 brings."""
    paths = aria_files(tmp_path)
    with h5py.File(paths[1], "r+") as file:
        del file["science/grids/corrections/derived/ionosphere/ionosphere"]
        file["science/grids/corrections/derived/ionosphere/ionosphere"] = np.array([b"placeholder dummy: [2D]"])
    assert "1 of 3 products have no ionosphere" in refused(load.aria, paths, layers=["ionosphere"], code="I03")


def test_a_number_may_be_an_array_of_one(tmp_path):
    for path in aria_files(tmp_path):
        with h5py.File(path, "r+") as file:
            del file["science/radarMetaData/wavelength"]
            file["science/radarMetaData/wavelength"] = np.array([producers.WAVELENGTH])
    assert load.aria(sorted(tmp_path.glob("*.nc"))).attrs["wavelength"] == producers.WAVELENGTH


@pytest.mark.parametrize("orbit", ORBITS)
def test_a_stack_of_mintpy_without_a_direction_has_that_of_its_heading(tmp_path, orbit):
    producers.mintpy(tmp_path, orbit)
    with h5py.File(tmp_path / "inputs" / "ifgramStack.h5", "r+") as file:
        del file.attrs["ORBIT_DIRECTION"]
        file.attrs["HEADING"] = str(HEADING[orbit])  # not made negative, as MintPy does
    stack = load.mintpy(tmp_path / "inputs" / "ifgramStack.h5")
    assert (stack.attrs["orbit_direction"], stack.attrs["heading"]) == (orbit, HEADING[orbit])


@pytest.mark.parametrize("name", ["filt_{0}_snaphu", "filt_{0}_snaphu2stage", "filt_{0}_icu", "filt_{0}", "{0}_snaphu"])
def test_stripmaps_are_recognized_by_any_unwrapper_and_read_with_what_auto_is_told(tmp_path, name):
    producers.stripmap(tmp_path, "ascending")
    for path in tmp_path.glob("Igrams/*/filt_*"):
        pair = path.parent.name
        new = path.name.replace(f"filt_{pair}_snaphu.unw", name.format(pair) + ".unw")
        path.rename(path.with_name(new if ".unw" in path.name or "filt" in name else new.removeprefix("filt_")))
    asked = {"geometry": "geocoded", "wavelength": producers.WAVELENGTH}
    stack = auto(tmp_path, "**/*", **asked)
    assert "15 files by driver" not in stack.attrs["recognized"]
    assert "3 files by driver isce2" in stack.attrs["recognized"]
    assert stack.sizes["pair"] == 3
    assert stack.attrs["wavelength"] == producers.WAVELENGTH


def test_what_mintpy_prepared_tells_the_pass_of_a_stripmap(tmp_path):
    producers.stripmap(tmp_path, "ascending")
    shelve = tmp_path / "merged" / "SLC" / DAYS[0] / "referenceShelve"
    shelve.mkdir(parents=True)
    said = {"CENTER_LINE_UTC": 42312.25, "WAVELENGTH": 0.2360571, "ORBIT_DIRECTION": "ASCENDING", "HEADING": -10.05}
    (shelve / "data.rsc").write_text("".join(f"{key:<40}    {value}\n" for key, value in said.items()))
    stack = load.isce2(sorted(tmp_path.glob("Igrams/*/*.unw")), geometry="radar")
    assert (stack.attrs["overpass"], stack.attrs["wavelength"]) == ("11:45:12", 0.2360571)


@pytest.mark.parametrize(("kind", "order"), [("float64", "l"), ("float64", "b"), ("float32", "l"), ("byte", "l")])
def test_a_header_of_mintpy_alone_tells_type_and_bands(tmp_path, kind, order):
    """Eight bytes a pixel may be one double as well as two floats."""
    dtype = {"float64": "f8", "float32": "f4", "byte": "u1"}[kind]
    bands = 2 if kind == "float32" else 1
    values = np.arange(12 * bands).reshape(3, bands, 4)
    values.astype({"l": "<", "b": ">"}[order] + dtype).tofile(tmp_path / "layer.rdr")
    said = {"FILE_LENGTH": 3, "WIDTH": 4, "length": 30, "width": 99, "DATA_TYPE": kind, "number_bands": bands}
    text = "".join(f"{key} {value}\n" for key, value in (said | {"scheme": "BIL", "byte_order": order}).items())
    (tmp_path / "layer.rdr.rsc").write_text(text)
    found = raw_bands(tmp_path / "layer.rdr")
    assert len(found) == bands
    for k, band in enumerate(found):
        np.testing.assert_array_equal(read_raw(band, (0, 3), (0, 4)), values[:, k])


def test_angles_of_aria_at_an_elevation_that_auto_is_told(tmp_path):
    aria_files(tmp_path)
    assert "no elevation is given" in refused(auto, tmp_path, "*.nc", layers=["incidence"], code="I03")
    stack = auto(tmp_path, "*.nc", layers=["incidence"], elevation=4600.0)
    np.testing.assert_allclose(stack["incidence"], INCIDENCE, atol=1e-4)


def test_layers_of_hyp3_come_from_whichever_product_brings_them(tmp_path):
    """They are ordered with one scene, which need not be the first of the stack."""
    producers.hyp3(tmp_path, "descending")
    first, *_, last = sorted(tmp_path.glob("S1*"))
    for path in [*tmp_path.glob("S1*/*_lv_*.tif"), *tmp_path.glob("S1*/*_dem.tif")]:
        if path.parent != last:
            path.unlink()
    assert first != last
    stack = through_a_catalog(tmp_path, recipe_of("hyp3 GAMMA"))
    np.testing.assert_allclose(stack["look_east"], producers.vector("descending")[0], atol=1e-6)
    np.testing.assert_allclose(stack["incidence"], INCIDENCE, atol=1e-4)


def test_geometry_of_isce2_without_looks_is_that_of_all_pixels(tmp_path):
    made = truth()
    paths = tops_stack(tmp_path, made)
    right = load.isce2(paths, geometry="radar", layers=["incidence", "elevation", "look"]).compute()
    for path in list((tmp_path / "merged" / "geom_reference").glob("*.rdr*")):
        path.rename(path.with_name(path.name.replace(".rdr", ".rdr.full")))
    again = load.isce2(paths, geometry="radar", layers=["incidence", "elevation", "look"])
    xr.testing.assert_identical(again.compute(), right)
    los = tmp_path / "merged" / "geom_reference" / "los.rdr.full"
    alone = load.isce2_layer(los, variable="incidence", geometry="radar")
    np.testing.assert_array_equal(alone, right["incidence"])
    isce_xml(los.with_name("los.rdr"), np.full((24, 2, 20), 41.0, "<f4").transpose(1, 0, 2), kind="FLOAT", bands=2)
    assert (load.isce2(paths, geometry="radar", layers=["incidence"])["incidence"] == 41.0).all()


def test_a_pair_of_a_line_less_is_told_apart_and_what_to_do(tmp_path):
    """I06: lines and samples have no place by which they could be cropped."""
    made = truth()
    paths = tops_stack(tmp_path, made)
    isce_xml(paths[1], np.ones((2, 23, 20), "<f4"), kind="FLOAT", bands=2)
    said = refused(load.isce2, paths, geometry="radar", code="I06")
    assert "1 of 23 x 20" in said
    assert "Move the odd ones away" in said


def test_clipped_copies_beside_the_originals_are_told_in_few_words(tmp_path):
    """I19: both are named for the first pairs, and what to do."""
    names = [f"201801{day:02d}_201802{day:02d}" for day in range(1, 9)]
    for name in names:
        for ending in ("", "_clipped"):
            stem = f"S1_056072_IW2_{name}_VV_INT80_E09B"
            tif(tmp_path / stem / f"{stem}_unw_phase{ending}.tif", np.ones((2, 2), "float32"))
    paths = sorted(tmp_path.glob("*/*_unw_phase*.tif"))
    said = refused(load.hyp3, paths, code="I19", require_coherence=False)
    assert said.count("_clipped.tif") == 5
    assert "and 3 more" in said
    assert "Narrow the uri" in said


@pytest.mark.parametrize("late", [3, 2])
def test_one_stray_pair_does_not_let_a_sign_turn_all_others_back(tmp_path, late):
    """I16: most names are later-earlier, as ARIA's."""
    phase = producers.truth()[0]
    paths = []
    for k, (a, b) in enumerate(producers.PAIRS):
        turned = k < late
        name = f"{DAYS[b]}_{DAYS[a]}" if turned else f"{DAYS[a]}_{DAYS[b]}"
        paths.append(tif(tmp_path / f"{name}.tif", np.nan_to_num(-phase[k] if turned else phase[k])))
    np.testing.assert_allclose(load.interferograms(paths)["phase"], phase, atol=1e-6)
    assert f"{late} of 3 pairs" in refused(load.interferograms, paths, phase_sign="positive_toward", code="I16")


def test_products_of_opera_that_were_cut_out_by_xarray_are_those_of_the_archive(tmp_path):
    """Bytes with a fill have become floats with NaN, and times are counted from another day."""
    from reader_cases import disp_products  # noqa: PLC0415

    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    disp_products(tmp_path / "whole")
    for path in sorted((tmp_path / "whole").glob("*.nc")):
        with h5py.File(path, "r+") as file:
            file["recommended_mask"][0, 0] = 255
            file["recommended_mask"].attrs["_FillValue"] = np.uint8(255)
            file["recommended_mask"][2, 3] = 0
        with xr.open_dataset(path, engine="h5netcdf", phony_dims="sort") as whole:
            cut = {
                name: (("y", "x"), whole[name].values[1:, 2:], {"units": "meters"})
                for name in ("displacement", "recommended_mask")
            }
            axes = {"y": whole["y"].values[1:], "x": whole["x"].values[2:]}
            out = xr.Dataset(cut, axes).assign(spatial_ref=whole["spatial_ref"])
        out.to_netcdf(tmp_path / "cut" / path.name, engine="h5netcdf")
    whole, cut = (
        load.opera_disp(sorted((tmp_path / name).glob("*.nc")), masked=True)["displacement"].compute()
        for name in ("whole", "cut")
    )
    assert np.isnan(cut.values[1:, 1, 1]).all()
    np.testing.assert_allclose(cut.values, whole.values[:, 1:, 2:], atol=1e-4)


def test_products_of_aria_without_the_unfiltered_coherence_are_named(tmp_path):
    """I03: it came with version 3; the files are whole."""
    paths = aria_files(tmp_path)
    with h5py.File(paths[2], "r+") as file:
        del file["science/grids/data/unfilteredCoherence"]
    said = refused(load.aria, paths, coherence_from="unfiltered", code="I03")
    assert "1 of 3 products have no unfiltered coherence" in said
    assert "Download" not in said
    assert load.aria(paths).sizes["pair"] == 3


@pytest.mark.parametrize("layer", ["incidence", "look"])
def test_angles_that_some_products_lack_are_those_of_another_and_all_are_counted(tmp_path, layer):
    """I03: one product will do; where none has them the number is that of the products."""
    paths = aria_files(tmp_path / "aria")
    producers.hyp3(tmp_path / "hyp3", "ascending")
    phase = sorted(tmp_path.glob("hyp3/S1*/*_unw_phase.tif"))
    producers.aria_tools(tmp_path / "tools", "ascending")
    extracted = sorted(tmp_path.glob("tools/unwrappedPhase/????????_????????"))
    name = "look_up" if layer == "look" else layer
    for which in (0, 1, 2):
        assert load.aria(paths, layers=[layer], elevation=4600.0)[name].notnull().all()
        assert load.hyp3(phase, layers=[layer])[name].notnull().all()
        assert load.aria_tools(extracted, layers=[layer])[name].notnull().all()
        with h5py.File(paths[which], "r+") as file:
            del file["science/grids/imagingGeometry/incidenceAngle"]
        phase[which].with_name(phase[which].name.replace("unw_phase", "lv_theta")).unlink()
        for own in tmp_path.glob(f"tools/incidenceAngle/{extracted[which].name}*"):
            own.unlink()
    assert "3 of 3" in refused(load.aria, paths, layers=[layer], elevation=4600.0, code="I03")
    assert "3 of 3 products have no lv_theta" in refused(load.hyp3, phase, layers=[layer], code="I03")
    assert "3 of 3 pairs" in refused(load.aria_tools, extracted, layers=[layer], code="I03")


def test_of_products_of_hyp3_that_look_alike_the_first_is_taken(tmp_path):
    """I05, I11: another grid or track is refused, and what differs is told."""
    producers.hyp3(tmp_path, "ascending")
    row = {"kind": "raster", "driver": "hyp3_look", "uri": "S1*/*_lv_theta.tif", "provenance": "observed"}
    paths = sorted(tmp_path.glob(row["uri"]))
    alone, angle = load.hyp3_look(paths[0]), np.full(SHAPE, np.deg2rad(90 - INCIDENCE), "float32")
    tif(paths[1], angle + 1e-5 * np.arange(SHAPE[1], dtype="float32"), nodata=0, **producers.UTM)
    found = through_a_catalog(tmp_path, {"incidence": row})
    xr.testing.assert_equal(found, alone)
    assert "left_out" not in alone.attrs
    assert found.attrs["left_out"].startswith("2 of 3 products tell the same angles and are left out: S1")
    tif(paths[2], angle + 0.01 * (np.arange(SHAPE[1]) > 3).astype("float32"), nodata=0, **producers.UTM)
    assert "1 of 3 off by up to 0.0100 rad" in refused(load.hyp3_look, paths, code="I11")
    tif(paths[2], angle[:, 1:], nodata=0, **producers.UTM)
    assert "1 of 3 on other pixels" in refused(load.hyp3_look, paths, code="I05")


FOLDERS = {
    "licsbas": "no two dates",
    "gmtsar": "no two days",
    "aria": "no name of",
    "aria_tools": "no pair of dates",
    "geotiff_stack": "no two dates",
    "gacos": "no date",
    "licsar_look": "upward component",
}


@pytest.mark.parametrize(("driver", "words"), FOLDERS.items())
def test_a_uri_that_fits_nothing_names_a_few_files(tmp_path, driver, words):
    """I27, and others: with their number, not all that a folder holds."""
    for k in range(60):
        tif(tmp_path / "of" / "area" / f"map{k:02}.tif", np.full((2, 2), 4.0, "float32"))
    row = {"kind": "ifg_stack", "driver": driver, "uri": "of/area/*.tif", "provenance": "observed"}
    row |= {"parameters": {"coherence": "none"}} if driver == "geotiff_stack" else {}
    message = refused(through_a_catalog, tmp_path, {"interferograms": row})
    assert words in message
    assert message.count("map") <= 8
    assert "map00.tif" in message
    assert "55 more" in message


def test_coherence_that_matches_no_pair_names_a_few(tmp_path):
    """I03: but all where some have theirs, since these are to be got."""
    days = np.arange("2018-01-01", "2018-02-20", dtype="datetime64[D]").astype(str)
    names = [f"{a}_{b}.tif".replace("-", "") for a, b in pairwise(days)]
    phase = [tif(tmp_path / name, np.full((2, 2), 4.0, "float32")) for name in names]
    gray = tif(tmp_path / "cc" / "20190101_20190113.tif", np.full((2, 2), 0.5, "float32"))
    message = refused(load.interferograms, phase, coherence=[gray], code="I03")
    assert "2018-01-01 2018-01-02" in message
    assert f"and {len(phase) - 5} more" in message
    gray = tif(tmp_path / "cc" / names[0], np.full((2, 2), 0.5, "float32"))
    assert days[-1] in refused(load.interferograms, phase, coherence=[gray], code="I03")


def test_maps_of_a_series_of_licsbas_are_layers_and_its_incidence(tmp_path):
    """I03, I06: on the pixels of the series; 0 is missing; a file without them, or of others, says so."""
    producers.licsbas(tmp_path)
    path = tmp_path / "TS_GEOCml1" / "cum.h5"
    assert "no map U.geo" in refused(load.licsar_look, [path], code="I03")
    assert "no map hgt" in refused(load.licsbas_series, path, layers=["elevation"], code="I03")
    holes = np.where(np.arange(SHAPE[1]) < 3, 0.0, np.ones(SHAPE)).astype("f4")
    maps = {"U.geo": np.cos(np.deg2rad(INCIDENCE)), "hgt": 4600.0, "coh_avg": 0.6}
    with h5py.File(path, "r+") as file:
        for name, value in maps.items():
            file[name] = (holes * value).astype("f4")
    row = {"kind": "raster", "driver": "licsar_look", "uri": "TS_GEOCml1/cum.h5", "provenance": "observed"}
    angle, series = through_a_catalog(tmp_path, {"incidence": row}), load.licsbas_series(path)
    assert list(series) == ["displacement"]
    row |= {"kind": "dataset", "driver": "licsbas_series", "parameters": {"layers": ["elevation", "coherence"]}}
    data = through_a_catalog(tmp_path, {"series": row})
    for found, value in ((angle, INCIDENCE), (data["elevation"], 4600.0), (data["coherence"], 0.6)):
        np.testing.assert_allclose(found, np.where(holes > 0, value, np.nan), rtol=1e-5)
        assert found["y"].equals(series["y"])
        assert found["x"].equals(series["x"])
    with h5py.File(path, "r+") as file:
        del file["hgt"]
        file["hgt"] = np.ones((2, 2), "f4")
    refused(load.licsbas_series, path, layers=["elevation"], code="I06")
