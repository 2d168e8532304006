"""Stacks of ISCE2 in radar geometry, as they are and on a map."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
import yaml
from radar_files import WAVELENGTH, isce_xml, seen, stripmap_stack, tops_stack, truth
from small_files import refused, tif
from typer.testing import CliRunner

from qtp_toolkit import cli, grid, inversion, load, prospects, store
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.load.files.raw import raw_bands, read_raw

ALL = ("incidence", "look", "elevation", "land", "layover_shadow", "component")


@pytest.fixture(scope="module")
def made():
    return truth()


@pytest.fixture(params=["ascending", "descending"])
def files(tmp_path, made, request):
    return tops_stack(tmp_path, made, ascending=request.param == "ascending"), request.param


def test_a_stack_in_radar_geometry_is_read_as_it_lies(files, made, no_compute):
    paths, direction = files
    with no_compute():
        data = load.isce2(paths, geometry="radar", layers=ALL)
    up = direction == "ascending"
    order = [0, 2, 1]  # by date: 0819_0831, 0819_0912, 0831_0912
    want = np.where(made.phase == 0, np.nan, made.phase)[order]
    np.testing.assert_array_equal(data["phase"], seen(want, ascending=up))
    np.testing.assert_array_equal(data["coherence"], seen(made.coherence[order], ascending=up))
    np.testing.assert_array_equal(data["component"], seen(made.component[order], ascending=up))
    np.testing.assert_array_equal(data["land"], seen(made.land, ascending=up) == 1)
    np.testing.assert_allclose(data["elevation"], seen(made.elevation, ascending=up), rtol=1e-6)
    np.testing.assert_array_equal(data["latitude"], seen(made.latitude, ascending=up))
    assert data["perpendicular_baseline"].values == pytest.approx(made.baselines[order])
    assert data["reference"].values.astype("M8[D]").astype(str).tolist() == ["2018-08-19", "2018-08-19", "2018-08-31"]
    assert data["coherence"].attrs["estimated_from"] == "filtered"
    told = {key: data.attrs[key] for key in ("wavelength", "heading", "orbit_direction", "overpass", "geometry")}
    heading = 349.5 if up else 190.25
    assert told == {
        "wavelength": WAVELENGTH,
        "heading": heading,
        "orbit_direction": direction,
        "overpass": "11:45:12",
        "geometry": "radar",
    }
    assert data["elevation"].attrs["datum"] == "ellipsoid"
    norm = data["look_east"] ** 2 + data["look_north"] ** 2 + data["look_up"] ** 2
    np.testing.assert_allclose(norm, 1, atol=1e-6)
    # a radar that looks to the right of a northward flight lies in the west, of a southward one in the east
    assert bool((data["look_east"] < 0).all()) == up
    assert float(data["look_north"].max()) < 0


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
def test_on_the_map_it_is_what_any_map_would_be(files, made, resampling, tmp_path):
    """The radar's pixels lie just on those of a map of 0.001 degrees: the same stack as GeoTIFF gives the same."""
    paths, _ = files
    data = load.isce2(paths, geometry="geocoded", resolution=0.001, resampling=resampling, layers=ALL)
    plain = load.interferograms(
        [
            tif(tmp_path / f"{path.parent.name}.tif", phase, crs="EPSG:4326", origin=(93.0, 35.0), pixel=0.001)
            for path, phase in zip(paths, made.phase, strict=True)
        ]
    )
    same = data.sel(y=plain["y"], x=plain["x"], method="nearest", tolerance=1e-6)
    np.testing.assert_allclose(same["phase"], plain["phase"], atol=1e-6)
    np.testing.assert_array_equal(same["land"], made.land == 1)
    np.testing.assert_array_equal(same["component"], made.component[[0, 2, 1]])
    np.testing.assert_allclose(same["elevation"], made.elevation, rtol=1e-6)
    assert same.sizes == data.sizes == plain.sizes
    assert str(same.rio.crs) == "EPSG:4326"


def test_a_map_in_utm_in_blocks_is_that_of_one_piece(files):
    paths, _ = files
    options = {"geometry": "geocoded", "crs": "EPSG:32646", "resampling": "bilinear"}
    whole = load.isce2(paths, **options)
    assert float(whole["x"][1] - whole["x"][0]) == pytest.approx(100, abs=3)  # 0.001 degrees, 111 by 91 m
    assert float(np.isfinite(whole["phase"]).mean()) > 0.75
    blocks = load.isce2(paths, **options, chunks={"y": 7, "x": 9})
    assert blocks["phase"].chunks[1][0] == 7
    xr.testing.assert_identical(blocks.compute(), whole.compute())


def test_a_phase_of_zero_that_has_an_amplitude_is_one(tmp_path):
    path = tmp_path / "20180819_20180831" / "filt_fine.unw"
    isce_xml(path, np.array([[[0.0, 3.0, 0.0]], [[0.0, 0.0, 2.0]]], "<f4"), kind="FLOAT", bands=2)
    data = load.isce2([path], geometry="radar", require_coherence=False)
    np.testing.assert_array_equal(data["phase"], [[[np.nan, 0.0, 2.0]]])


def test_folders_named_later_earlier_are_turned_once(tmp_path, made):
    paths = tops_stack(tmp_path, made, later_first=(1,))
    data = load.isce2(paths, geometry="radar")
    np.testing.assert_array_equal(
        data["phase"][2], seen(np.where(made.phase == 0, np.nan, made.phase), ascending=False)[1]
    )
    assert data["perpendicular_baseline"].values == pytest.approx(made.baselines[[0, 2, 1]])
    assert data.attrs["pairs_turned_round"] == 1


def test_headers_of_mintpy_beside_the_files_change_nothing(tmp_path, made):
    plain = load.isce2(tops_stack(tmp_path / "a", made), geometry="radar")
    prepared = load.isce2(tops_stack(tmp_path / "b", made, mintpy=True), geometry="radar")
    xr.testing.assert_identical(plain.compute(), prepared.compute())


def test_the_header_of_mintpy_serves_where_it_is_the_only_one_and_fits(tmp_path, made):
    (path, *_) = tops_stack(tmp_path, made, mintpy=True)
    path.with_name("filt_fine.unw.xml").unlink()
    np.testing.assert_array_equal(read_raw(raw_bands(path)[1], (0, 24), (0, 20)), seen(made.phase[0], ascending=False))
    path.with_name("filt_fine.unw.rsc").write_text("FILE_LENGTH 24\nWIDTH 21\n")
    assert "no header says in which shape" in refused(raw_bands, path, code="M05")


def test_a_stripmap_stack_needs_a_wavelength(tmp_path, made):
    paths = stripmap_stack(tmp_path, made)
    assert "wavelength" in refused(load.isce2, paths, geometry="radar", code="I15")
    data = load.isce2(paths, geometry="radar", wavelength=0.236)
    np.testing.assert_array_equal(data["coherence"], made.coherence[[0, 2, 1]])
    assert data["perpendicular_baseline"].values == pytest.approx(made.baselines[[0, 2, 1]])
    assert data.attrs["wavelength"] == 0.236


def test_files_of_two_stacks_are_refused(tmp_path, made):
    """I33: two tracks of one size, whose pairs would share the geometry of the first."""
    one, other = (tops_stack(tmp_path / name, made) for name in "ab")
    assert "b/merged/geom_reference" in refused(load.isce2, [one[0], *other[1:]], geometry="radar", code="I33")


def test_coherence_is_the_last_band_as_phase_is(tmp_path, made):
    """Of amplitude and coherence, as in topophase.cor, the first is none, be it between 0 and 1 or not."""
    paths = tops_stack(tmp_path, made)
    for path in paths:
        gray = raw_bands(path.with_name("filt_fine.cor"))[0]
        values = read_raw(gray, (0, 24), (0, 20))
        isce_xml(gray.path, np.stack([0 * values + 0.5, values]), kind="FLOAT", bands=2)
    data = load.isce2(paths, geometry="radar")
    np.testing.assert_array_equal(data["coherence"], seen(made.coherence[[0, 2, 1]], ascending=False))


def test_baselines_count_against_one_reference(tmp_path, made):
    """Files against another date would shift them, and are left out."""
    paths = tops_stack(tmp_path, made)
    other = tmp_path / "baselines" / "20180831_20180912" / "20180831_20180912.txt"
    other.parent.mkdir()
    other.write_text("swath: IW1\nBperp (average): 900.0\n")
    data = load.isce2(paths, geometry="radar")
    assert data["perpendicular_baseline"].values == pytest.approx(made.baselines[[0, 2, 1]])


def test_beyond_the_image_there_is_no_place(tmp_path, made):
    """0 in latitude and longitude is not a place in the Gulf of Guinea."""
    paths = tops_stack(tmp_path, made)
    for name, values in (("lat", made.latitude), ("lon", made.longitude)):
        holed = np.where(np.arange(24)[:, None] < 3, 0.0, values)
        isce_xml(paths[0].parents[2] / "geom_reference" / f"{name}.rdr", holed, kind="DOUBLE")
    data = load.isce2(paths, geometry="radar")
    for name in ("latitude", "longitude"):
        assert np.isnan(data[name][:3]).all()
        assert np.isfinite(data[name][3:]).all()


def test_a_stack_in_radar_geometry_through_check_store_and_inversion(tmp_path, made):
    """What needs a map says so, and names the remedy; the rest runs as on any map."""
    paths = tops_stack(tmp_path / "stack", made)
    catalog = tmp_path / "data_catalog.yaml"
    entry = {"kind": "ifg_stack", "driver": "isce2", "uri": "merged/interferograms/*/filt_fine.unw"}
    entry |= {"provenance": "observed", "parameters": {"geometry": "radar"}}
    said = {"catalog_version": 1, "roots": ["stack"], "sources": {"interferograms": entry}}
    catalog.write_text(yaml.safe_dump(said))
    found = open_catalog(catalog)
    told = prospects.look(found, "interferograms")
    assert told["status"] == "found"
    assert any("geometry: geocoded" in note for note in told["notes"])
    assert "geometry: geocoded" in prospects.look_at_reference(found)[0].text
    words = ["ingest", "--catalog", str(catalog), "--out", str(tmp_path / "told"), "--block", "8"]
    said = CliRunner().invoke(cli.app, words)
    assert said.exit_code == 0, said.output
    assert "warning: a store keeps phase and coherence; left out" in said.stdout
    assert "geometry: geocoded" in said.stdout
    with pytest.warns(UserWarning, match="left out.*latitude, longitude"):
        folder = store.ingest(found["interferograms"], tmp_path / "store", block=8)
    kept = store.open_store(folder)
    assert list(kept) == ["phase", "coherence"]
    assert kept.attrs["layers_left_out"] == "latitude, longitude"
    stacks = kept, load.isce2(paths, geometry="radar")
    one, other = (inversion.invert(ds["phase"], ds["coherence"])["phase"].compute() for ds in stacks)
    np.testing.assert_array_equal(one, other)
    assert "geometry: geocoded" in refused(grid.lonlat, one, code="I05")
    like = other[-1]
    table = [found["interferograms"][name].compute() for name in ("latitude", "longitude")]
    mapped = grid.to_map(like, *table, resolution=0.001)
    assert mapped.sizes == {"y": 24, "x": 20}


def test_a_geocoded_stack_through_store_and_inversion(tmp_path, made):
    """By the lookup table first or last: the nearest pixel is the same, and so is what is made of it."""
    paths = tops_stack(tmp_path / "stack", made)
    options = {"geometry": "geocoded", "resolution": 0.001}
    with pytest.warns(UserWarning, match="incidence"):
        folder = store.ingest(load.isce2(paths, **options, layers=["incidence"]), tmp_path / "store", block=8)
    kept = store.open_store(folder)
    assert kept.rio.crs.to_epsg() == 4326
    first = inversion.invert(kept["phase"], kept["coherence"])["phase"].compute()
    radar = load.isce2(paths, geometry="radar").compute()
    last = inversion.invert(radar["phase"], radar["coherence"])["phase"]
    last = grid.to_map(last, radar["latitude"], radar["longitude"], resolution=0.001)
    np.testing.assert_array_equal(first.transpose("time", "y", "x"), last.transpose("time", "y", "x"))
    assert grid.lonlat(first).longitude.shape == (24, 20)


@pytest.mark.parametrize("ending", [".vrt", ".xml"])
def test_headers_stand_for_their_files(tmp_path, made, ending):
    """A uri of the virtual rasters is one of the numbers beside them, whatever path stands in them."""
    paths = tops_stack(tmp_path, made)
    named = [path.with_name(path.name + ending) for path in paths]
    for path in named:
        path.touch()
    xr.testing.assert_identical(load.isce2(named, geometry="radar"), load.isce2(paths, geometry="radar"))


def test_what_is_wrong_is_said(tmp_path, made):
    paths = tops_stack(tmp_path, made)
    paths[0].with_name("filt_fine.cor").unlink()
    assert "filt_fine.unw" in refused(load.isce2, paths, geometry="radar", code="I03")
    data = load.isce2(paths, geometry="radar", require_coherence=False)
    assert float(data["coherence"][0].min()) == 1.0
    with paths[1].open("r+b") as stream:
        stream.truncate(100)
    assert "100 bytes" in refused(load.isce2, paths, geometry="radar", require_coherence=False, code="M05")
    isce_xml(paths[1], np.ones((2, 25, 20), "<f4"), kind="FLOAT", bands=2)
    assert "25 x 20" in refused(load.isce2, paths, geometry="radar", require_coherence=False, code="I06")
    isce_xml(paths[1], np.ones((2, 24, 20), "<f4"), kind="FLOAT", bands=2)
    (tmp_path / "merged" / "geom_reference" / "lat.rdr").unlink()
    options = {"geometry": "geocoded", "require_coherence": False}
    assert "no lat.rdr" in refused(load.isce2, paths, **options, code="I03")
    assert "lines" in refused(load.isce2, paths, geometry="lines")


def test_a_catalog_opens_it_and_asks_for_the_geometry(tmp_path, made):
    tops_stack(tmp_path / "stack", made)
    catalog = tmp_path / "data_catalog.yaml"
    text = (
        "catalog_version: 1\nroots: [stack]\nsources:\n  interferograms:\n    kind: ifg_stack\n    driver: isce2\n"
        "    uri: merged/interferograms/*/filt_fine.unw\n    provenance: observed\n    parameters: {}\n"
    )
    catalog.write_text(text.format("{coherence: required}"))
    refused(open_catalog, catalog)
    catalog.write_text(text.format("{geometry: geocoded, layers: [incidence, land]}"))
    data = open_catalog(catalog)["interferograms"]
    assert {"phase", "coherence", "incidence", "land"} == set(data)
    outside = tmp_path / "los.rdr"
    (tmp_path / "stack" / "merged" / "geom_reference" / "los.rdr").rename(outside)
    (tmp_path / "stack" / "merged" / "geom_reference" / "los.rdr").symlink_to(outside)
    with pytest.raises(ValueError, match="outside the root"):
        open_catalog(catalog)["interferograms"]


@pytest.mark.parametrize("geometry", ["radar", "geocoded"])
def test_a_layer_alone_lies_on_the_pixels_of_the_stack(files, geometry):
    paths, _ = files
    stack = load.isce2(paths, geometry=geometry, layers=["incidence", "elevation", "land", "layover_shadow"])
    geom = paths[0].parents[2] / "geom_reference" / "los.rdr"
    for name in ("incidence", "elevation", "land", "layover_shadow"):
        alone = load.isce2_layer(geom, variable=name, geometry=geometry)
        xr.testing.assert_equal(alone.compute(), stack[name].compute())
        assert alone.attrs == stack[name].attrs
