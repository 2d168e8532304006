"""The same motion in every producer's files comes out as the same maps."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import dask
import numpy as np
import producers
import pytest
import rasterio
import xarray as xr
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from producers import DAYS, HEADING, INCIDENCE
from small_files import refused, tif

from qtp_toolkit import inversion, load, prospects, store
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.insar.cubes import Term, at_pixels
from qtp_toolkit.load.insar.pairs import arrange, dates_of

ORBITS = ("ascending", "descending")
RECIPES = Path(__file__).resolve().parents[1] / "docs" / "data.md"
WRITERS = {
    "hyp3 GAMMA": producers.hyp3,
    "hyp3 burst": lambda folder, orbit: producers.hyp3(folder, orbit, "SINGLE"),
    "hyp3 bursts": lambda folder, orbit: producers.hyp3(folder, orbit, "MULTI"),
    "hyp3 bursts, old names": lambda folder, orbit: producers.hyp3(folder, orbit, "OLD"),
    "aria": lambda folder, orbit: producers.aria(folder / "aria", orbit),
    "licsar": producers.licsar,
    "licsar, decimals": lambda folder, orbit: producers.licsar(folder, orbit, decimal=True),
    "licsar portal": lambda folder, orbit: producers.licsar(folder, orbit, "portal"),
    "licsbas": lambda folder, orbit: producers.licsbas(folder),
}


def recipes():
    """Entries of docs/data.md by the words that stand before them in bold."""
    section = RECIPES.read_text(encoding="utf-8").partition("### Producer by producer")[2].partition("\n## ")[0]
    found = re.findall(r"\*\*([^*]+)\*\*(?:(?!\*\*).)*?```yaml\n(.*?)```", section, flags=re.DOTALL)
    return {name: yaml.safe_load(text) for name, text in found}


def through_a_catalog(folder, entry):
    catalog = folder / "data_catalog.yaml"
    catalog.write_text(yaml.safe_dump({"catalog_version": 1, "roots": ["."], "sources": entry}))
    (name,) = entry
    return open_catalog(catalog)[name]


def recipe_of(writer):
    return recipes()[{"licsar, decimals": "LiCSAR by LiCSBAS"}.get(writer) or RECIPE[writer]]


RECIPE = {
    "hyp3 GAMMA": "HyP3 INSAR_GAMMA",
    "hyp3 burst": "HyP3 INSAR_ISCE_BURST and MULTI_BURST",
    "hyp3 bursts": "HyP3 INSAR_ISCE_BURST and MULTI_BURST",
    "hyp3 bursts, old names": "HyP3 INSAR_ISCE_BURST and MULTI_BURST",
    "aria": "ARIA S1-GUNW",
    "licsar": "LiCSAR by LiCSBAS",
    "licsar portal": "LiCSAR from the portal",
    "licsbas": "LiCSBAS GEOCml",
}


def snap(folder, orbit):
    producers.geotiffs(folder, orbit)
    for path in sorted(folder.glob("*.tif")):
        first, second, kind = path.stem.split("_")
        days = "_".join(f"{datetime.strptime(day, '%Y%m%d'):%d%b%Y}" for day in (first, second))
        path.rename(folder / {"unw": f"Unw_Phase_ifg_{days}_VV.tif", "cc": f"coh_IW2_VV_{days}.tif"}[kind])


OTHERS = {
    "ARIA-tools": producers.aria_tools,
    "LiCSBAS time series": lambda folder, orbit: producers.licsbas(folder),
    "GMTSAR": producers.gmtsar,
    "SNAP": snap,
}


def test_every_recipe_is_held_to_files():
    assert set(recipes()) == set(RECIPE.values()) | set(OTHERS)


@pytest.mark.parametrize("recipe", OTHERS)
def test_other_entries_of_the_docs_read_what_is_left(tmp_path, recipe):
    """Of producers whose files tell less than orbit, angles and baselines."""
    OTHERS[recipe](tmp_path, "descending")
    data = through_a_catalog(tmp_path, recipes()[recipe])
    if recipe == "LiCSBAS time series":
        moved = producers.motion()
        np.testing.assert_allclose(data["displacement"], 1000 * (moved - moved[0]), atol=1e-3)
        return
    phase, coherence, _ = producers.truth()
    np.testing.assert_allclose(data["phase"], phase, atol=1e-6)
    np.testing.assert_allclose(data["coherence"], coherence, atol=1e-6)


@pytest.mark.parametrize("orbit", ORBITS)
@pytest.mark.parametrize("writer", WRITERS)
def test_one_motion_by_every_producer_through_the_entry_of_the_docs(tmp_path, no_compute, writer, orbit):
    """I16, I17: to 1e-6 rad, both orbits, UTM and degrees; nothing is computed at opening."""
    WRITERS[writer](tmp_path, orbit)
    with no_compute():
        stack = through_a_catalog(tmp_path, recipe_of(writer))
    phase, coherence, baselines = producers.truth()
    np.testing.assert_allclose(stack["phase"], phase, atol=1e-6)
    np.testing.assert_allclose(stack["coherence"], coherence, atol=1e-6)
    np.testing.assert_allclose(stack["perpendicular_baseline"], baselines, atol=1e-4)
    assert [str(t)[:10].replace("-", "") for t in stack["reference"].values] == [DAYS[a] for a, _ in producers.PAIRS]
    assert stack.attrs["wavelength"] == pytest.approx(producers.WAVELENGTH, rel=1e-6)
    assert stack.attrs["overpass"] == "11:45:12"
    assert stack["phase"].attrs["units"] == "rad"
    size = 80.0 if stack.rio.crs.is_projected else 0.001
    origin = producers.UTM["origin"] if stack.rio.crs.is_projected else producers.GEO["origin"]
    np.testing.assert_allclose(stack["x"], origin[0] + size * (np.arange(8) + 0.5), rtol=1e-9)
    np.testing.assert_allclose(stack["y"], origin[1] - size * (np.arange(6) + 0.5), rtol=1e-9)
    if writer != "licsbas":  # which keeps no heading
        assert stack.attrs["orbit_direction"] == orbit
        assert stack.attrs["heading"] == pytest.approx(HEADING[orbit], abs=1e-3)
        parts = [stack[name].values for name in ("look_east", "look_north", "look_up")]
        for part, right in zip(parts, producers.vector(orbit), strict=True):
            np.testing.assert_allclose(part, right, atol=1e-6)
        np.testing.assert_allclose(stack["incidence"], INCIDENCE, atol=1e-4)
        assert (stack["look_east"] < 0).all() == (orbit == "ascending")


def test_coherence_says_what_it_was_estimated_from(tmp_path):
    """I34."""
    marks = {}
    for writer in ("hyp3 GAMMA", "hyp3 burst", "aria", "licsar"):
        WRITERS[writer](tmp_path / writer, "ascending")
        stack = through_a_catalog(tmp_path / writer, recipe_of(writer))
        marks[writer] = stack["coherence"].attrs.get("estimated_from")
    assert marks == {"hyp3 GAMMA": "unfiltered", "hyp3 burst": "filtered", "aria": "filtered", "licsar": None}


def aria_files(folder, orbit="descending"):
    producers.aria(folder, orbit)
    return sorted(folder.glob("*.nc"))


def test_corrections_of_aria_are_later_minus_earlier(tmp_path, no_compute):
    """I16: as the phase, they are turned once; at a height between those that are delivered."""
    paths = aria_files(tmp_path)
    with no_compute():
        stack = load.aria(paths, layers=["ionosphere", "tide", "troposphere", "component"], elevation=4600.0)
    apart = [b - a for a, b in producers.PAIRS]
    for name, right in (("ionospheric_phase", 0.5), ("tidal_phase", -1.0), ("tropospheric_phase", 2.0)):
        assert stack[name].dims == ("pair", "y", "x")
        np.testing.assert_allclose(stack[name], right * np.reshape(apart, (3, 1, 1)) + np.zeros((3, 6, 8)), atol=1e-4)
        assert stack[name].attrs["units"] == "rad"
    assert stack["component"].dtype == np.int16
    assert stack["component"].values[:, 0, 0].tolist() == [-1, -1, -1]


def test_angles_of_aria_are_taken_at_the_elevation(tmp_path):
    """A map on the pixels, or one number; without one the layer is refused."""
    paths = aria_files(tmp_path)
    assert "elevation" in refused(load.aria, paths, layers=["incidence"], code="I03")
    bare = load.aria(paths)
    height = bare["phase"].isel(pair=0, drop=True).copy(data=np.linspace(100, 8000, 48).reshape(6, 8))
    found = load.aria(paths, layers=["incidence"], elevation=height, chunks={"y": 2, "x": 3})["incidence"]
    np.testing.assert_allclose(found, INCIDENCE + (height - 4600) / 10000, atol=1e-4)


def test_angles_of_aria_are_taken_at_a_map_of_heights(tmp_path):
    """The role ``dem`` of the uri, brought to the pixels; two elevations, or other roles, are refused."""
    producers.aria(tmp_path / "aria", "descending")
    heights = np.full((40, 40), 4100, "int16")
    tif(tmp_path / "dem.tif", heights, crs="EPSG:4326", origin=(92.98, 35.02), pixel=0.001)
    entry = dict(recipes()["ARIA S1-GUNW"])
    entry["interferograms"] = entry["interferograms"] | {"uri": {"data": "aria/*.nc", "dem": "dem.tif"}}
    assert "two elevations" in refused(through_a_catalog, tmp_path, entry)
    entry["interferograms"]["parameters"] = {"layers": ["incidence"]}
    stack = through_a_catalog(tmp_path, entry)
    np.testing.assert_allclose(stack["incidence"], INCIDENCE - 0.05, atol=1e-4)


@given(order=st.permutations(range(3)), half=st.booleans())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_property_files_of_aria_in_any_order_make_one_stack(tmp_path, order, half):
    """I17: every layer goes with its pair."""
    if not (tmp_path / "aria").exists():
        producers.aria(tmp_path / "aria", "ascending")
    paths = sorted((tmp_path / "aria").glob("*.nc"))
    stack = load.aria([paths[k] for k in order], layers=["ionosphere"], chunks={"y": 3} if half else None)
    phase, coherence, baselines = producers.truth()
    np.testing.assert_allclose(stack["phase"], phase, atol=1e-6)
    np.testing.assert_allclose(stack["coherence"], coherence, atol=1e-6)
    np.testing.assert_allclose(stack["perpendicular_baseline"], baselines, atol=1e-4)
    assert stack["ionospheric_phase"].values[:, 0, 0].tolist() == [0.5, 1.0, 0.5]


def test_oracle_cubes_are_interpolated_as_xarray_does(tmp_path, rng):
    """Values without any order, axes that fall and rise, heights between levels; NaN beside missing values."""
    axes = {"heightsMeta": [-1500.0, 0.0, 3000.0, 9000.0], "latitudeMeta": [35.1, 35.0, 34.9]}
    axes["longitudeMeta"] = [92.9, 93.0, 93.1]
    values = rng.normal(38, 2, (4, 3, 3)).astype("f4")
    values[0, 1, 1] = 0.0  # missing, beside all pixels below sea level
    producers.aria(tmp_path, "descending")
    bare = load.aria(sorted(tmp_path.glob("*.nc")))
    cube = xr.Dataset({"angle": (tuple(axes), values)}, axes)
    cube.to_netcdf(tmp_path / "cube.nc", engine="h5netcdf", encoding={"angle": {"_FillValue": np.float32(0)}})
    height = bare["phase"].isel(pair=0, drop=True).copy(data=rng.uniform(-1400, 8900, (6, 8)))
    height[2, 3] = np.nan
    found = at_pixels([Term(str(tmp_path / "cube.nc"), "angle", 2.0)], bare, height)
    at = {"heightsMeta": height, "latitudeMeta": bare["y"], "longitudeMeta": bare["x"]}
    known = cube["angle"].where(cube["angle"] != 0)
    right = 2 * known.astype(float).sortby("latitudeMeta").interp(at)
    np.testing.assert_allclose(found, right, rtol=1e-6)
    assert np.isnan(found[2, 3])
    assert np.isnan(found.values[height < 0]).all()
    assert np.isfinite(found.values[height > 0]).all()


def test_aria_has_no_sign_to_set_and_one_frame_a_pair(tmp_path):
    """I16: what is turned by its dates cannot be turned again; I19: frames are not joined in silence."""
    paths = aria_files(tmp_path / "aria")
    entry = dict(recipes()["ARIA S1-GUNW"])
    entry["interferograms"] = entry["interferograms"] | {"parameters": {"phase_sign": "positive_toward"}}
    assert "phase_sign" in refused(through_a_catalog, tmp_path, entry)
    other = paths[0].with_name(paths[0].name.replace("00035N", "00036N"))
    other.write_bytes(paths[0].read_bytes())
    message = refused(load.aria, [*paths, other], code="I19")
    assert other.name in message
    assert "frames" in message


def test_pairs_of_aria_are_sorted_by_their_earlier_date(tmp_path):
    """As everywhere: a long pair comes before a short one that begins later and ends earlier."""
    producers.aria(tmp_path, "ascending")
    long, *_ = sorted(tmp_path.glob(f"*{DAYS[2]}_{DAYS[0]}*"))
    longer = long.rename(long.with_name(long.name.replace(DAYS[2], "20181006")))
    (short,) = tmp_path.glob(f"*{DAYS[2]}_{DAYS[1]}*")
    stack = load.aria([short, longer])
    assert [str(t)[:10] for t in stack["reference"].values] == ["2018-08-07", "2018-08-19"]
    np.testing.assert_allclose(stack["phase"], producers.truth()[0][1:], atol=1e-6)


def test_unfiltered_coherence_of_aria(tmp_path):
    stack = load.aria(aria_files(tmp_path), coherence_from="unfiltered")
    np.testing.assert_allclose(stack["coherence"], producers.truth()[1] / 2, atol=1e-6)
    assert stack["coherence"].attrs["estimated_from"] == "unfiltered"


def test_aria_files_that_cannot_be_read_are_listed(tmp_path):
    """M04, M05, I27."""
    paths = aria_files(tmp_path)
    paths[0].write_bytes(b"<html>login</html>")
    paths[1].write_bytes(paths[1].read_bytes()[:3000])
    message = refused(load.aria, paths, code="M05")
    assert "2 of 3" in message
    renamed = paths[2].rename(tmp_path / "mine.nc")
    refused(load.aria, [renamed], code="I27")
    refused(load.aria, [], code="C10")


def test_phase_that_is_turned_by_its_dates_is_not_turned_by_a_sign_too(tmp_path):
    """I16: ARIA's phase as GeoTIFF; plain reading is right, a sign on top would turn it back."""
    phase = producers.truth()[0]
    paths = [
        tif(tmp_path / f"{DAYS[b]}_{DAYS[a]}.tif", np.nan_to_num(-phase[k])) for k, (a, b) in enumerate(producers.PAIRS)
    ]
    np.testing.assert_allclose(load.interferograms(paths)["phase"], phase, atol=1e-6)
    assert "phase_sign" in refused(load.interferograms, paths, phase_sign="positive_toward", code="I16")


@pytest.mark.parametrize("kind", ["SINGLE", "MULTI", "OLD"])
def test_components_land_and_heights_of_bursts(tmp_path, no_compute, kind):
    """A mask that is a column wider is cropped; 0 of it is water, and no missing value."""
    producers.hyp3(tmp_path, "ascending", kind)
    paths = sorted(tmp_path.glob("S1*/*_unw_phase.tif"))
    with no_compute():
        stack = load.hyp3(paths, layers=["component", "land", "elevation"])
    assert stack["component"].values[:, 1, 1].tolist() == [1, 2, 3]
    assert stack["component"].values[:, 0, 0].tolist() == [0, 0, 0]
    assert stack["land"].dtype == bool
    assert stack["land"].sum() == 5 * 8
    assert (stack["elevation"] == 4600).all()


def test_layers_that_products_lack_are_named(tmp_path):
    """I03: GAMMA has no components; unknown words are refused."""
    producers.hyp3(tmp_path, "ascending")
    paths = sorted(tmp_path.glob("S1*/*_unw_phase.tif"))
    assert "conncomp" in refused(load.hyp3, paths, layers=["component"], code="I03")
    assert "incidence" in refused(load.hyp3, paths, layers=["angle"])
    producers.licsar(tmp_path, "ascending")
    pairs = sorted(tmp_path.glob("GEOC/*/*.geo.unw.tif"))
    (tmp_path / "GACOS" / f"{DAYS[1]}.sltd.geo.tif").unlink()
    assert DAYS[1] in refused(load.licsar, pairs, layers=["troposphere"], code="I03")
    next(tmp_path.glob("GEOC/*.geo.U.tif")).unlink()
    assert ".geo.U.tif" in refused(load.licsar, pairs, layers=["incidence"], code="I03")


@pytest.mark.parametrize("layout", ["GEOC", "portal"])
def test_delays_and_heights_of_licsar(tmp_path, no_compute, layout):
    producers.licsar(tmp_path, "descending", layout)
    paths = sorted(tmp_path.glob("*/*/*.geo.unw.tif"))
    with no_compute():
        stack = load.licsar(paths, layers=["troposphere", "elevation"])
    assert stack["tropospheric_phase"].values[:, 2, 2].tolist() == [1.0, 2.0, 1.0]
    assert (stack["elevation"] == 4600).all()


def test_frame_files_outside_the_root_are_not_read(tmp_path):
    """C06."""
    producers.licsar(tmp_path, "descending", "portal")
    stack = load.licsar(sorted(tmp_path.glob("*/*/*.geo.unw.tif")), within=tmp_path / "interferograms", layers=[])
    assert "perpendicular_baseline" not in stack.coords
    assert "heading" not in stack.attrs
    producers.licsar(tmp_path / "below", "descending")
    beyond = tmp_path / "below" / "GEOC" / "baselines"
    beyond.rename(tmp_path / "elsewhere")
    beyond.symlink_to(tmp_path / "elsewhere")
    refused(through_a_catalog, tmp_path / "below", recipe_of("licsar"), code="C06")


def test_tracks_are_not_mixed(tmp_path):
    """I33."""
    producers.hyp3(tmp_path / "a", "ascending")
    producers.hyp3(tmp_path / "d", "descending")
    up, down = (sorted((tmp_path / side).glob("S1*/*_unw_phase.tif")) for side in "ad")
    assert "1 ascending, 2 descending" in refused(load.hyp3, [up[0], *down[1:]], code="I33")


def test_series_of_licsbas_is_displacement(tmp_path, no_compute):
    """I16: mm toward the satellite, which is no phase."""
    producers.licsbas(tmp_path)
    with no_compute():
        data = through_a_catalog(tmp_path, recipes()["LiCSBAS time series"])
    np.testing.assert_allclose(data["displacement"], 1000 * producers.motion(), rtol=1e-6)
    assert data["displacement"].attrs["units"] == "mm"
    assert data["perpendicular_baseline"].values.tolist() == list(producers.BASELINES)
    np.testing.assert_allclose(data["y"], producers.LAT)
    assert data.attrs["reference_area"] == "0:1/0:1"


def test_licsbas_refusals(tmp_path):
    """I03, M05."""
    producers.licsbas(tmp_path)
    paths = sorted(tmp_path.glob("GEOCml1/*/*.unw"))
    paths[0].write_bytes(b"1234")
    assert "4 bytes, 192" in refused(load.licsbas, paths, code="M05")
    paths[1].with_suffix(".cc").unlink()
    refused(load.licsbas, paths[1:], code="I03")
    (tmp_path / "GEOCml1" / "EQA.dem_par").unlink()
    assert "corner_lat" in refused(load.licsbas, paths[1:], code="I03")


def test_windows_by_threads_and_processes(tmp_path):
    """Tasks carry paths and numbers."""
    producers.aria(tmp_path / "aria", "descending")
    producers.licsbas(tmp_path)
    stacks = [
        load.aria(sorted(tmp_path.glob("aria/*.nc")), layers=["incidence"], elevation=10.0, chunks={"y": 4}),
        load.licsbas(sorted(tmp_path.glob("GEOCml1/*/*.unw")), chunks={"x": 3}),
    ]
    windows = [stack.isel(y=slice(3, 6), x=slice(1, 5)) for stack in stacks]
    with dask.config.set({"multiprocessing.context": "spawn"}):
        found = dask.compute(*windows, scheduler="processes", num_workers=1)
    for window in (*found, *dask.compute(*windows, scheduler="threads")):
        np.testing.assert_allclose(window["phase"], producers.truth()[0][:, 3:6, 1:5], atol=1e-6)


def test_half_a_pixel_apart_has_a_message_of_its_own(tmp_path):
    """I05: one file tagged Point, another Area."""
    producers.licsar(tmp_path, "ascending")
    paths = sorted(tmp_path.glob("GEOC/*/*.geo.unw.tif"))
    gray = paths[0].with_name(paths[0].name.replace("unw", "cc"))
    for west, north, code in ((92.9995, 35.0005, "I05"), (93.0, 35.0, None)):
        with rasterio.open(gray, "r+") as dataset:
            dataset.transform = rasterio.Affine(0.001, 0, west, 0, -0.001, north)
        if code:
            assert "half a pixel" in refused(load.licsar, paths, code=code)
        else:
            assert load.licsar(paths)["phase"].shape == (3, 6, 8)


@pytest.mark.parametrize("writer", WRITERS)
def test_producers_are_recognized_among_all_their_files(tmp_path, writer):
    """I35: and told."""
    WRITERS[writer](tmp_path, "ascending")
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".h5"]
    driver, phase = load.recognize(files)
    assert driver == writer.split(",")[0].split()[0]
    assert len(phase) == 3
    entry = {"interferograms": {"kind": "ifg_stack", "driver": "auto", "uri": "**/*", "provenance": "observed"}}
    for name in ("data_catalog.yaml", "TS_GEOCml1/cum.h5"):
        (tmp_path / name).unlink(missing_ok=True)
    stack = through_a_catalog(tmp_path, entry)
    np.testing.assert_allclose(stack["phase"], producers.truth()[0], atol=1e-6)
    assert f"driver {driver}" in stack.attrs["recognized"]


def test_what_is_of_several_producers_or_of_none_is_not_guessed(tmp_path):
    """I35, C09."""
    pair = "20180807_20180819"
    for name in ("mine.tif", f"{pair}.unw.tif", f"{pair}.unw", "S1_unw_phase.tif"):
        told = refused(load.recognize, [tmp_path / pair / name], code="I35")
        assert ("geotiff_stack" in told) == name.endswith(".tif")  # the folder has two dates
    producers.licsbas(tmp_path)
    producers.licsar(tmp_path, "ascending")
    entry = {"interferograms": {"kind": "ifg_stack", "driver": "auto", "uri": "GEOC*/*/*", "provenance": "observed"}}
    assert "several producers" in refused(through_a_catalog, tmp_path, entry, code="I35")
    entry["interferograms"] |= {"uri": "GEOCml1/*/*.unw", "parameters": {"extent": "intersection"}}
    assert "has no extent" in refused(through_a_catalog, tmp_path, entry, code="C09")


def test_check_tells_filtered_coherence_and_what_was_recognized(tmp_path):
    """I34."""
    producers.hyp3(tmp_path, "ascending", "SINGLE")
    stack = load.hyp3(sorted(tmp_path.glob("S1*/*_unw_phase.tif")))
    (line, *_) = prospects.look_at_pixels(stack)
    assert "of filtered interferograms" in line
    catalog = tmp_path / "data_catalog.yaml"
    entry = {"interferograms": {"kind": "ifg_stack", "driver": "auto", "uri": "S1*/*.tif", "provenance": "observed"}}
    catalog.write_text(yaml.safe_dump({"catalog_version": 1, "roots": ["."], "sources": entry}))
    row = prospects.look(open_catalog(catalog), "interferograms", quick=True)
    assert any("driver hyp3" in note for note in row["notes"])


def test_what_auto_has_no_setting_for_is_told_with_the_driver_that_has(tmp_path):
    producers.hyp3(tmp_path, "ascending", "SINGLE")
    for file in tmp_path.glob("S1*/*_corr.tif"):
        file.unlink()
    entry = {"kind": "ifg_stack", "driver": "auto", "uri": "S1*/*.tif", "provenance": "observed"}
    catalog = tmp_path / "data_catalog.yaml"
    catalog.write_text(yaml.safe_dump({"catalog_version": 1, "roots": ["."], "sources": {"interferograms": entry}}))
    with pytest.raises(QtpDataError, match=r"coherence: optional.*For coherence name driver: hyp3 in place of auto"):
        open_catalog(catalog)["interferograms"]
    entry |= {"driver": "hyp3", "uri": "S1*/*_unw_phase.tif", "parameters": {"coherence": "optional"}}
    catalog.write_text(yaml.safe_dump({"catalog_version": 1, "roots": ["."], "sources": {"interferograms": entry}}))
    stack = open_catalog(catalog)["interferograms"]
    (line, *_) = prospects.look_at_pixels(stack)
    assert line.endswith(f"no coherence: 1 in its place for {stack.sizes['pair']} of {stack.sizes['pair']} pairs")


def test_files_of_a_pair_that_stands_twice_are_named(tmp_path):
    paths = [tmp_path / f"{layer}_20160708_20160801.tif" for layer in ("displacement", "recommended_mask")]
    with pytest.raises(QtpDataError, match=r"displacement_20160708_20160801.tif; recommended_mask.*Narrow the uri"):
        arrange(dates_of(paths), paths)


def test_weights_of_filtered_coherence_are_warned_of(tmp_path):
    """I34: those that take it for the coherence of the noise; also from a store, and not the others."""
    producers.hyp3(tmp_path, "ascending", "SINGLE")
    stack = load.hyp3(sorted(tmp_path.glob("S1*/*_unw_phase.tif")))
    kept = store.open_store(store.ingest(stack, tmp_path / "store", block=8))
    for source in (stack, kept):
        for weights in ("fisher", "variance"):
            with pytest.warns(UserWarning, match="I34"):
                inversion.invert(source["phase"], source["coherence"], weights=weights)
        inversion.invert(source["phase"], source["coherence"])
    free = stack["coherence"].assign_attrs(estimated_from="unfiltered")
    inversion.invert(stack["phase"], free, weights="fisher")


def test_hyp3_products_of_unlike_extent_and_tag_share_their_pixels(tmp_path):
    """I05, I06: a product that begins a column later, and one tagged Point, as GAMMA's are: GDAL moves it by half."""
    producers.hyp3(tmp_path, "ascending", "SINGLE")
    phase = sorted(tmp_path.glob("S1*/*_unw_phase.tif"))
    for path in phase[0].parent.glob("*.tif"):
        with rasterio.open(path) as dataset:
            values, profile = dataset.read(1)[:, 1:], dataset.profile
        moved = rasterio.Affine(80, 0, 400080, 0, -80, 3800000)
        with rasterio.open(path, "w", **profile | {"width": values.shape[1], "transform": moved}) as dataset:
            dataset.write(values, 1)
    for path in phase[1].parent.glob("*.tif"):
        with rasterio.open(path) as dataset:
            values, profile = dataset.read(1), dataset.profile
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.update_tags(AREA_OR_POINT="Point")
            dataset.write(values, 1)
    assert "extent: intersection" in refused(load.hyp3, phase, code="I06")
    stack = load.hyp3(phase, extent="intersection", layers=["incidence", "look", "land", "component"])
    assert stack["x"][0] == 400000 + 80 * 1.5
    np.testing.assert_allclose(stack["phase"], producers.truth()[0][:, :, 1:], atol=1e-6)
    assert stack["incidence"].shape == stack["land"].shape == (6, 7)
    assert stack["component"].values[:, 1, 1].tolist() == [1, 2, 3]
