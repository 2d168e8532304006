"""What writers that know none of the readers leave on disk, through the entries of docs/data.md."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import strangers
import yaml
from radar_files import disp_product
from small_files import refused
from strangers import Scene

from qtp_toolkit import load
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.raw import raw_bands

RECIPES = Path(__file__).resolve().parents[1] / "docs" / "data.md"
WRITERS = {
    "gamma": (strangers.hyp3, {}, "HyP3 INSAR_GAMMA", {}),
    "bursts": (strangers.hyp3, {"burst": True}, "HyP3 INSAR_ISCE_BURST and MULTI_BURST", {}),
    "portal": (strangers.licsar, {}, "LiCSAR from the portal", {"uri": "*/interferograms/*/*.geo.unw.tif"}),
    "GEOC": (strangers.licsar, {"portal": False}, "LiCSAR by LiCSBAS", {"uri": "*/GEOC/*/*.geo.unw.tif"}),
    "GEOCml": (strangers.licsbas, {}, "LiCSBAS GEOCml", {"uri": "GEOCml1GACOS/*/*.unw"}),
    "GEOCml, decimals": (strangers.licsbas, {"decimals": True}, "LiCSBAS GEOCml", {"uri": "GEOCml1GACOS/*/*.unw"}),
    "gmtsar": (strangers.gmtsar, {}, "GMTSAR", {}),
    "snap": (strangers.snap, {}, "SNAP", {}),
    "aria": (strangers.aria, {}, "ARIA S1-GUNW", {"uri": "S1-GUNW-*.nc"}),
    "tops, xml": (strangers.topsstack, {"header": "xml"}, "ISCE2 topsStack", {}),
    "tops, vrt": (strangers.topsstack, {}, "ISCE2 topsStack", {}),
    "mintpy": (strangers.mintpy, {}, "MintPy, stack", {}),
}
SILENT = ("gmtsar", "snap")
"""Whose files say nothing of the orbit."""


def entry(words):
    text = RECIPES.read_text(encoding="utf-8")
    found = re.search(rf"\*\*{re.escape(words)}\*\*(?:(?!\*\*).)*?```yaml\n(.*?)```", text, re.DOTALL)
    return yaml.safe_load(found[1])["interferograms"]


def opened(folder, driver, uri, **parameters):
    source = {"kind": "ifg_stack", "driver": driver, "uri": uri, "provenance": "observed", "parameters": parameters}
    path = folder / "data_catalog.yaml"
    path.write_text(yaml.safe_dump({"catalog_version": 1, "roots": ["."], "sources": {"interferograms": source}}))
    return open_catalog(path)["interferograms"]


@pytest.mark.parametrize("orbit", ["ascending", "descending"])
@pytest.mark.parametrize("south", [False, True])
@pytest.mark.parametrize("writer", WRITERS)
def test_files_of_strangers_hold_the_one_motion(tmp_path, no_compute, writer, south, orbit):
    """I16, I17, I04, I05: phase to 1e-5 rad (float32), missing pixels, coherence, places, dates, baselines, vectors."""
    write, how, words, narrowed = WRITERS[writer]
    scene = Scene(orbit, south=south, utm=writer in ("gamma", "bursts"))
    write(tmp_path, scene, **how)
    row = entry(words) | narrowed
    parameters = row.get("parameters", {})
    if writer.startswith("tops"):
        parameters = {"geometry": "radar", "layers": ["incidence", "look"]}
    if writer.startswith("GEOCml"):
        parameters = {"layers": ["incidence", "look", "elevation"]}
    with no_compute():
        stack = opened(tmp_path, row["driver"], row["uri"], **parameters)
    turned = scene.radar if writer.startswith("tops") else np.asarray
    crop = np.s_[..., scene.shape[1] - stack.sizes["x"] :]
    days = [[f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in (strangers.DAYS[a], strangers.DAYS[b])] for a, b in strangers.PAIRS]
    ends = (stack[end].values.astype("datetime64[D]").astype(str) for end in ("reference", "secondary"))
    assert [list(pair) for pair in zip(*ends, strict=True)] == days
    for layer, right in (("phase", scene.phase), ("coherence", scene.coherence)):
        held = np.stack([turned(scene.holed(right(pair), np.nan)) for pair in strangers.PAIRS])[crop]
        found = stack[layer].where(np.isfinite(stack["phase"]))
        np.testing.assert_allclose(found, held, atol=1e-5)
    if not writer.startswith("tops"):
        np.testing.assert_allclose(stack["x"], scene.x[crop], rtol=1e-9)
        np.testing.assert_allclose(stack["y"], scene.y, rtol=1e-9)
        assert stack.rio.crs.to_epsg() == scene.epsg
    assert stack.attrs["wavelength"] == pytest.approx(strangers.WAVELENGTH, rel=1e-6)
    if writer in SILENT:
        return
    np.testing.assert_allclose(stack["perpendicular_baseline"], scene.lengths(), atol=1e-4)
    assert stack.attrs["overpass"] in ("12:04:36", "12:04:37")
    if not writer.startswith("GEOCml"):  # which keeps no heading
        assert stack.attrs["orbit_direction"] == orbit
    if "look_up" in stack:
        known = np.isfinite(stack["phase"].values[0])
        for part, right in (("east", scene.east), ("north", scene.north), ("up", scene.up)):
            found = stack[f"look_{part}"].values
            np.testing.assert_allclose(found[known], turned(right)[crop][known], atol=1e-5)
        angle = np.rad2deg(turned(scene.incidence))[crop]
        np.testing.assert_allclose(stack["incidence"].values[known], angle[known], atol=1e-3)


def test_pairs_of_several_frames_and_tracks_are_refused(tmp_path):
    """I33: of one direction, too, where headings tell nothing."""
    strangers.licsar(tmp_path, Scene())
    paths = sorted(tmp_path.glob("*/interferograms/*/*.geo.unw.tif"))
    (tmp_path / "012A_05021_131313").rename(tmp_path / "085A_05021_131313")
    other = sorted(tmp_path.glob("*/interferograms/*/*.geo.unw.tif"))
    strangers.licsar(tmp_path, Scene())
    assert "085A_05021_131313" in refused(load.licsar, [*paths[:2], *other[2:]], code="I33")
    strangers.hyp3(tmp_path, Scene(utm=True))
    text = next(tmp_path.glob("S1*/S1*[0-9A-F].txt"))
    for seconds, code in ((43480, None), (43476 + 494, "I33"), (43476 - 494, "I33")):
        text.write_text(re.sub(r"UTC time: [\d.]+", f"UTC time: {seconds}", text.read_text()))
        paths = sorted(tmp_path.glob("S1*/*_unw_phase.tif"))
        if code:
            assert "minutes apart" in refused(load.hyp3, paths, extent="intersection", code=code)
        else:
            assert load.hyp3(paths, extent="intersection").attrs["overpass"] == "12:04:37"


def test_passes_about_midnight_are_of_one_track(tmp_path):
    """I33: 23:59:50 and 00:00:10 are 20 s apart."""
    strangers.hyp3(tmp_path, Scene(utm=True))
    for text, seconds in zip(sorted(tmp_path.glob("S1*/S1*[0-9A-F].txt")), (86390, 10, 86390, 10, 0), strict=True):
        text.write_text(re.sub(r"UTC time: [\d.]+", f"UTC time: {seconds}", text.read_text()))
    stack = load.hyp3(sorted(tmp_path.glob("S1*/*_unw_phase.tif")), extent="intersection")
    assert stack.attrs["overpass"] == "00:00:00"


def test_products_of_two_processors_are_refused(tmp_path):
    """I34: one coherence is estimated before the filter, the other after it."""
    strangers.hyp3(tmp_path / "a", Scene(utm=True))
    strangers.hyp3(tmp_path / "b", Scene(utm=True), burst=True)
    a, b = (sorted((tmp_path / side).glob("S1*/*_unw_phase.tif")) for side in "ab")
    assert "2 of GAMMA, 3 of ISCE" in refused(load.hyp3, [*a[:2], *b[2:]], extent="intersection", code="I34")


def test_pairs_of_several_folders_of_licsbas_are_refused(tmp_path):
    """I05: the grid of the first folder would be that of all."""
    strangers.licsbas(tmp_path, Scene())
    paths = sorted(tmp_path.glob("*/*/*.unw"))
    (tmp_path / "GEOCml1GACOS").rename(tmp_path / "GEOCml1")
    strangers.licsbas(tmp_path, Scene(south=True))
    other = sorted(tmp_path.glob("GEOCml1/*/*.unw"))
    assert "GEOCml1GACOS" in refused(load.licsbas, [*paths[:2], *other[2:]], code="I05")


def test_baselines_of_licsbas_that_are_made_up_are_left_out(tmp_path):
    strangers.licsbas(tmp_path, Scene())
    paths = sorted(tmp_path.glob("*/*/*.unw"))
    lines = (
        f"{k} {strangers.DAYS[0]} {day} {b} 12 0 12 0 {b}\n"
        for k, (day, b) in enumerate(zip(strangers.DAYS, (0, 0.71, -0.6, 0.3), strict=True))
    )
    (tmp_path / "GEOCml1GACOS" / "baselines").write_text("".join(lines))
    with pytest.warns(UserWarning, match="stand-ins"):
        assert "perpendicular_baseline" not in load.licsbas(paths).coords


def test_baselines_are_tied_over_several_dates(tmp_path):
    """Of each date against the first, whatever date a line counts from; what nothing ties stays unknown."""
    strangers.licsbas(tmp_path, Scene())
    paths = sorted(tmp_path.glob("*/*/*.unw"))
    days = strangers.DAYS
    text = f"<html> 404 not found\n{days[0]} {days[1]} 50.0 12\n{days[1]} {days[2]} -20.0 52\nx y z\n\n"
    (tmp_path / "GEOCml1GACOS" / "baselines").write_text(text)
    found = dict(zip(strangers.PAIRS, load.licsbas(paths)["perpendicular_baseline"].values.tolist(), strict=True))
    assert (found[0, 1], found[0, 2], found[1, 2]) == (50.0, 30.0, -20.0)
    assert np.isnan([found[1, 3], found[2, 3]]).all()


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        ("20180106_20180118_wrapped_phase.tif", "I10", "wrapped"),
        ("20180106_20180118.geo.diff_pha.tif", "I10", "wrapped"),
        ("20180106_20180118_los_disp.tif", "I12", "displacement"),
        ("2018005_2018017/unwrap_ll.tif", "I27", "from 0"),
    ],
)
def test_names_that_say_what_else_it_is_are_heeded(tmp_path, name, code, word):
    path = tmp_path / name
    strangers.tif(path, np.ones(Scene().shape, "f4"), Scene())
    pattern = r"(?P<reference>\d{7,8})_(?P<secondary>\d{7,8})"
    assert word in refused(load.interferograms, [path], pattern=pattern, code=code)


def test_a_unit_tag_of_cycles_tells_the_factor(tmp_path):
    """I12; tags that name the quantity, or say that there is no unit, are no other unit."""
    path = tmp_path / "20180106_20180118.tif"
    strangers.tif(path, np.ones(Scene().shape, "f4"), Scene())
    for unit in ("cycles", "abs_phase", "1"):
        with rasterio.open(path, "r+") as file:
            file.units = (unit,)
        if unit == "cycles":
            assert "6.2831853" in refused(load.interferograms, [path], code="I12")
        else:
            assert load.interferograms([path])["phase"].attrs["units"] == "rad"


def test_archives_are_to_be_unpacked(tmp_path):
    """I35, I03."""
    path = tmp_path / "S1AA_20180807T114512_20180819T114512_VVP012_INT80_G_ueF_ABCD.zip"
    path.write_bytes(b"PK\x03\x04")
    assert "Unpack" in refused(load.recognize, [path], code="I35")
    assert "Unpack" in refused(load.hyp3, [path], code="I03")
    with pytest.raises(QtpDataError, match="not unpacked"):
        opened(tmp_path, "hyp3", "S1*/*_unw_phase.tif")


def test_endings_in_capitals_are_recognized(tmp_path):
    """I35."""
    assert load.recognize([tmp_path / "20180807_20180819.geo.unw.TIF"]).driver == "licsar"


def test_days_of_gmtsar_are_days_of_their_year(tmp_path):
    """I27: counted from 0, or from 1 for older satellites; no day 366 of a common year, no day 0 from 1 on."""
    strangers.gmtsar(tmp_path, Scene())
    paths = sorted(tmp_path.glob("intf_all/*/unwrap_ll.grd"))
    assert str(load.gmtsar(paths)["secondary"].values[1])[:10] == "2020-02-29"
    assert str(load.gmtsar(paths, first_day=1)["secondary"].values[1])[:10] == "2020-02-28"
    for folder, first_day in (("2019365_2020007", 0), ("2019366_2020007", 1), ("2019360_2020000", 1)):
        moved = paths[0].parent.rename(paths[0].parent.with_name(folder))
        refused(load.gmtsar, [moved / "unwrap_ll.grd"], first_day=first_day, code="I27")
        moved.rename(paths[0].parent)


def test_gmtsar_refusals(tmp_path):
    """I03, M05, C10; a wavelength comes from the parameters of an image."""
    strangers.gmtsar(tmp_path, Scene())
    paths = sorted(tmp_path.glob("intf_all/*/unwrap_ll.grd"))
    (paths[0].parent / "2019360.PRM").write_text("num_lines = 4\nradar_wavelength        = 0.2360571\n")
    assert load.gmtsar(paths)["phase"].attrs["wavelength"] == 0.2360571
    paths[1].with_name("corr_ll.grd").unlink()
    assert paths[1].parent.name in refused(load.gmtsar, paths, code="I03")
    assert load.gmtsar(paths, require_coherence=False).attrs["pairs_without_coherence"] == 1
    paths[2].write_bytes(paths[2].read_bytes()[:20])
    refused(load.gmtsar, paths[2:], code="M05")
    refused(load.gmtsar, [], code="C10")


def test_messages_of_delays_and_headers_fit_their_cause(tmp_path):
    """M05: a header among the numbers is left out or named; two forms are told; what a header says is told."""
    for day in ("20180819", "20180831"):
        np.full((1, 2), 1.5, "<f4").tofile(tmp_path / f"{day}.ztd")
        text = "WIDTH 2\nFILE_LENGTH 1\nX_FIRST 93\nY_FIRST 35\nX_STEP 0.1\nY_STEP -0.1\n"
        (tmp_path / f"{day}.ztd.rsc").write_text(text)
    assert load.gacos(sorted(tmp_path.iterdir()), registration="corner").sizes["time"] == 2
    (tmp_path / "20180912.ztd.tif").touch()
    assert "one form" in refused(load.gacos, sorted(tmp_path.iterdir()), registration="corner", code="M05")
    short = tmp_path / "20180819.ztd"
    short.write_bytes(short.read_bytes()[:-1])
    assert "1 x 1 x 2 <f4" in refused(load.gacos, [short], registration="corner", code="M05")
    strangers.topsstack(tmp_path, Scene())
    headers = sorted(tmp_path.glob("merged/interferograms/*/filt_fine.unw.vrt"))
    assert "a header is named" in refused(raw_bands, headers[0], code="M05")


def test_hints_fit_the_driver(tmp_path):
    """I27, M05: no setting is named that a driver lacks; a whole file of another kind is not to be fetched again."""
    for driver in (load.aria, load.gacos, load.gmtsar, load.licsbas):
        assert "pattern" not in refused(driver, [tmp_path / "mine" / "pair1.nc"], code="I27")
    with h5py.File(tmp_path / "cum.h5", "w") as file:
        file["imdates"], file["cum"] = [20180819, 20180831], np.zeros((2, 2, 3), "f4")
    assert "another kind" in refused(load.licsbas_series, tmp_path / "cum.h5", code="M05")


def test_vectors_that_point_down_or_angles_in_degrees_are_refused(tmp_path):
    """I11: from the satellite to the ground; lv_theta that somebody turned into degrees."""
    scene = Scene()
    strangers.licsar(tmp_path, scene)
    phase = sorted(tmp_path.glob("*/interferograms/*/*.geo.unw.tif"))
    path = next(tmp_path.glob("*/metadata/*.geo.U.tif"))
    strangers.tif(path, -scene.up.astype("f4"), scene)
    for layer in ("incidence", "look"):
        refused(load.licsar(phase, layers=[layer]).compute, code="I11")
    refused(load.licsar_look([path]).compute, code="I11")
    scene = Scene(utm=True)
    strangers.hyp3(tmp_path, scene, burst=True)
    phase = sorted(tmp_path.glob("S1*/*_unw_phase.tif"))
    path = sorted(tmp_path.glob("S1*/*_lv_theta.tif"))[0]
    strangers.tif(path, 90 - np.rad2deg(scene.incidence).astype("f4"), scene, nodata=0)
    for layer in ("incidence", "look"):
        refused(load.hyp3(phase, layers=[layer]).compute, code="I11")


def test_numbers_in_the_other_order_of_bytes_are_seen(tmp_path):
    """M05: a look at the pixels; no header tells of bare numbers."""
    strangers.licsbas(tmp_path, Scene())
    paths = sorted(tmp_path.glob("*/*/*.unw"))
    assert len(load.check_stack(load.licsbas(paths), every=1)) == len(strangers.PAIRS)
    for path in paths:
        np.fromfile(path, "<f4").astype(">f4").tofile(path)
    assert "order of bytes" in refused(load.check_stack, load.licsbas(paths), every=1, code="M05")


def test_what_is_no_geotiff_by_its_ending_is_not_to_be_fetched_again(tmp_path):
    """M05."""
    path = tmp_path / "20180807_20180819.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "Narrow the uri" in refused(load.interferograms, [path], code="M05")


def test_text_that_netcdf_writes_as_an_array_is_text(tmp_path):
    """M05: what is not ASCII, as the degrees in a CRS, is an array of one string then."""
    path = tmp_path / "OPERA_L3_DISP-S1_IW_F11115_VV_20200108T120436Z_20200201T120436Z_v1.0_20250408T163512Z.nc"
    disp_product(path, np.full((2, 3), 0.01))
    with h5py.File(path, "r+") as file:
        attrs = file["spatial_ref"].attrs
        attrs["crs_wkt"] = np.array([attrs["crs_wkt"]], dtype=h5py.string_dtype())
        file["identification/orbit_pass_direction"] = np.array(["Descending"], dtype=h5py.string_dtype())
    series = load.opera_disp([path])
    assert series.rio.crs.to_epsg() == 32613
    assert series.attrs["orbit_direction"] == "descending"


def test_metadata_of_another_frame_are_refused(tmp_path):
    """I33: the fourth letter of a frame tells the direction, also where nothing else does."""
    strangers.licsar(tmp_path, Scene())
    phase = sorted(tmp_path.glob("*/interferograms/*/*.geo.unw.tif"))
    path = next(tmp_path.glob("*/metadata/metadata.txt"))
    path.write_text("heading=-169.9\n")
    assert "descending, in 012A_05021_131313" in refused(load.licsar, phase, code="I33")
    path.unlink()
    assert load.licsar(phase).attrs["orbit_direction"] == "ascending"


def test_the_angle_of_licsbas_is_a_source(tmp_path):
    """I11, M05: of bare numbers, placed by the parameter file."""
    scene = Scene()
    strangers.licsbas(tmp_path, scene)
    path = next(tmp_path.glob("*/U.geo"))
    angle = load.licsar_look([path])
    np.testing.assert_allclose(angle, scene.holed(np.rad2deg(scene.incidence), np.nan), atol=1e-3)
    np.testing.assert_allclose(angle["x"], scene.x)
    path.write_bytes(path.read_bytes()[4:])
    refused(load.licsar_look, [path], code="M05")
