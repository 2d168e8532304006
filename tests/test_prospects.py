"""What qtp check says: looks at pixels and places, the reference, which notebooks run; regions of any shape."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from qtp_toolkit import cli, correct, prospects
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.readers import READERS
from qtp_toolkit.prospects import _answer, _delays, _sources
from qtp_toolkit.reproduce import find_notebooks, notebooks_folder

SOURCES = {
    "bulk_density": "kind: raster, driver: geotiff, uri: bulk_density.tif, parameters: {variable: bulk_density}",
    "sand": "kind: raster, driver: geotiff, uri: sand.tif, parameters: {variable: sand}",
    "water_content": "kind: raster, driver: geotiff, uri: water_content.tif, parameters: {variable: water_content}",
    "dem": "kind: raster, driver: geotiff, uri: dem.tif, parameters: {variable: elevation}",
    "ground_ice": "kind: raster, driver: geotiff, uri: ground_ice.tif, parameters: {variable: ground_ice}",
    "magt": "kind: raster, driver: geotiff, uri: magt.tif, parameters: {variable: magt}",
    "incidence": "kind: raster, driver: licsar_look, uri: GEOC/metadata/r.geo.U.tif",
    "regions": "kind: vector, driver: geojson, uri: regions.geojson",
    "profiles": "kind: vector, driver: geojson, uri: profiles.geojson",
    "stable_ground": "kind: vector, driver: geojson, uri: regions.geojson",
}
LEVELS = {"bulk_density": 1300, "sand": 0.4, "water_content": 0.2, "dem": 4500, "ground_ice": 0.3, "magt": -2}
ALWAYS = {"00", "01", "02", "03", "04", "05", "05b", "06", "07", "08", "11", "12", "13"}
"""Notebooks that run on interferograms and temperature alone."""
WEST, NORTH, STEP = 92.0, 34.5, 0.01


def tif(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = rasterio.Affine(STEP, 0, WEST, 0, -STEP, NORTH)
    shape = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:4326", transform=transform, **shape) as file:
        file.write(values, 1)


def features(path, *geometries):
    rows = [{"type": "Feature", "properties": {"name": f"n{k}"}, "geometry": g} for k, g in enumerate(geometries)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))


def region(folder, shape, have=(), more=""):
    """Write a region of few pairs and composites; returns its catalog."""
    rng, (height, width) = np.random.default_rng(0), shape
    dates = pd.date_range("2018-01-05", periods=12, freq="36D")
    slope = np.add.outer(np.arange(height), np.arange(width)) / (height + width)
    for first, second in pairwise(dates):
        name = f"{first:%Y%m%d}_{second:%Y%m%d}"
        tif(folder / f"GEOC/{name}/{name}.geo.unw.tif", (5 + 4 * slope * rng.normal(size=shape)).astype("float32"))
        tif(folder / f"GEOC/{name}/{name}.geo.cc.tif", np.full(shape, 180, "uint8"))
    tif(folder / "GEOC/metadata/r.geo.U.tif", np.full(shape, np.cos(np.deg2rad(39)), "float32"))
    for k, day in enumerate(pd.date_range("2018-01-01", periods=46, freq="8D")):
        level = np.full(shape, 273.15 - 12 * np.cos(2 * np.pi * k / 46), "float32")
        for part, shift in (("day", 8), ("night", -8)):
            tif(folder / f"lst/{part}_{day:%Y%j}.tif", level + shift)
    for name, value in LEVELS.items():
        tif(folder / f"{name}.tif", np.full(shape, value, "float32"))
    east, south = WEST + STEP * width, NORTH - STEP * height
    ring = [[WEST, south], [east, south], [east, NORTH], [WEST, NORTH], [WEST, south]]
    features(folder / "regions.geojson", {"type": "Polygon", "coordinates": [ring]})
    features(folder / "profiles.geojson", {"type": "LineString", "coordinates": [[WEST, NORTH], [east, south]]})
    lines = "".join(f"  {name}: {{{SOURCES[name]}, provenance: observed}}\n" for name in have)
    catalog = folder / "catalog.yaml"
    catalog.write_text(
        f"catalog_version: 1\nroots: ['{folder}']\n"
        f"settings:\n  bounds: [{WEST}, {south}, {east}, {NORTH}]\n{more}"
        "sources:\n"
        "  interferograms: {kind: ifg_stack, driver: licsar, uri: 'GEOC/*/*.geo.unw.tif', provenance: observed}\n"
        "  modis_lst:\n    kind: granules\n    driver: geotiff_series\n    provenance: observed\n"
        "    uri: {terra_day: 'lst/day_*.tif', terra_night: 'lst/night_*.tif'}\n"
        "    parameters: {pattern: '%Y%j', composite_days: 8, units: K}\n" + lines
    )
    return catalog


def foresee(path, *, quick=False):
    catalog = open_catalog(path)
    rows = [prospects.look(catalog, name, quick=quick) for name in catalog]
    status = {row["source"]: row["status"] for row in rows}
    found = prospects.look_at_dates(catalog) if status["interferograms"] == "found" else []
    return rows, {nb.name.split("_")[0]: nb for nb in prospects.foresee(catalog, find_notebooks(), status, found)}


@settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    have=st.sets(st.sampled_from(sorted(SOURCES))),
    shape=st.sampled_from([(3, 3), (12, 12), (4, 30), (30, 4), (1, 7), (70, 65)]),
)
def test_any_subset_and_shape_runs_or_says_why(tmp_path_factory, have, shape):
    path = region(tmp_path_factory.mktemp("any"), shape, have)
    rows, plan = foresee(path)
    assert [row["problem"] for row in rows if row["status"] != "found"] == []
    runs = ALWAYS | ({"09"} if "profiles" in have else set()) | ({"10"} if "regions" in have else set())
    runs -= {"05", "05b", "06", "07", "08", "09", "10", "11", "13"} if min(shape) < 2 else set()
    assert {number for number, nb in plan.items() if nb.verdict == "runs"} == runs
    assert all(nb.notes for nb in plan.values() if nb.verdict != "runs")
    soil = {"bulk_density", "sand", "water_content"} <= have
    assert ("conductivity_ratio" in str(plan["03"].notes)) == (not soil)
    if plan["11"].verdict == "runs":
        assert "compared with no borehole" in str(plan["11"].notes)
        assert ("39 degrees are taken" in str(plan["11"].notes)) == ("incidence" not in have)
    assert all(isinstance(found.text, str) for found in prospects.look_at_reference(open_catalog(path)))


def test_check_tells_it_all_and_quick_reads_no_pixel(tmp_path, monkeypatch):
    path = region(tmp_path, (12, 12), ("sand",), "  reference_date: 2018-01-06\n  reference_point: [92.05, 34.45]\n")
    told = CliRunner().invoke(cli.app, ["check", "--catalog", str(path)])
    assert told.exit_code == 1
    assert "Nearest: 2018-01-05, 2018-02-10" in told.stdout
    assert "settings.reference_point" in told.stdout
    assert "settle less in summer" in told.stdout
    assert "skipped 09_profiles; it needs profiles" in told.stdout
    assert "sand: 0.4 to 0.4 1, valid 100%" in told.stdout
    monkeypatch.setattr(_sources, "look_at_pixels", lambda _: pytest.fail("read"))
    monkeypatch.setattr(_answer, "look_at_reference", lambda _: pytest.fail("read"))
    quick = CliRunner().invoke(cli.app, ["check", "--quick", "--catalog", str(path)])
    assert "fails   05_time_series; the reference date is no acquisition" in quick.stdout
    assert "skipped 06_deformation_maps; it needs time_series of 05_time_series" in quick.stdout


def test_one_bad_source_hides_no_other_and_no_library_speaks(tmp_path):
    path = region(tmp_path, (12, 12), ("sand", "dem", "regions"))
    (tmp_path / "dem.tif").write_bytes(b"II*\0" + bytes(200))
    features(tmp_path / "regions.geojson", {"type": "Point", "coordinates": [34.4, 82.0]})
    rows, plan = foresee(path)
    said = {row["source"]: row for row in rows}
    assert {name for name, row in said.items() if row["status"] == "broken"} == {"dem", "regions"}
    assert "dem.tif" in said["dem"]["problem"]
    assert "nothing of it lies in the study area" in said["regions"]["problem"]
    assert plan["05"].verdict == "fails"
    assert "broken: dem" in plan["05"].notes[0]
    assert plan["03"].verdict == "runs"


def test_an_exception_of_a_library_names_source_and_file(tmp_path, monkeypatch):
    path = region(tmp_path, (12, 12), ("sand",))

    def read(*_, **__):
        raise ZeroDivisionError("integer division")

    monkeypatch.setitem(READERS, "geotiff", READERS["geotiff"]._replace(open=read))
    row = prospects.look(open_catalog(path), "sand")
    assert row["status"] == "broken"
    assert "'sand'" in row["problem"]
    assert "sand.tif" in row["problem"]
    assert "ZeroDivisionError: integer division" in row["problem"]


def test_a_wrapped_stack_is_told_before_anything_runs(tmp_path):
    path = region(tmp_path, (12, 12))
    for file in tmp_path.glob("GEOC/*/*.unw.tif"):
        tif(file, np.random.default_rng(1).uniform(-np.pi, np.pi, (12, 12)).astype("float32"))
    row = prospects.look(open_catalog(path), "interferograms")
    assert row["status"] == "broken"
    assert "wrapped" in row["problem"]


def test_a_reference_without_pixels_is_told(tmp_path):
    path = region(tmp_path, (12, 12), (), "  reference_area: [10.0, 10.0, 11.0, 11.0]\n")
    good = [found.text for found in prospects.look_at_reference(open_catalog(path)) if not found.good]
    assert len(good) == 1
    assert "no pixel is in the reference area" in good[0]


def texts(path, *, good):
    return [found.text for found in prospects.look_at_dates(open_catalog(path)) if found.good == good]


def test_sources_of_elsewhere_are_told_without_bounds(tmp_path):
    """Temperature of Istria and interferograms of Mexico: with dates that fit, `qtp check` foresaw maps."""
    path = region(tmp_path, (4, 4), ("dem", "sand"))
    path.write_text(re.sub(r"  bounds: .*\n", "  ramp: weighed\n", path.read_text()))
    assert not [text for text in texts(path, good=False) if "elsewhere" in text]
    for file in [*tmp_path.glob("lst/*.tif"), tmp_path / "sand.tif"]:
        with rasterio.open(file, "r+") as raster:
            raster.transform = rasterio.Affine.translation(-70.0, 0.0) @ raster.transform
    said = [text for text in texts(path, good=False) if "elsewhere" in text]
    assert [text.split(" lies")[0] for text in said] == ["modis_lst", "sand"]
    assert f"north {WEST - 70:.3f}," in said[0]
    assert f"the interferograms: {WEST:.3f}," in said[0]
    plan = foresee(path)[1]
    assert [plan[number].verdict for number in ("05", "06", "13")] == ["runs", "fails", "fails"]


def test_settings_period_leaves_out_pairs_and_says_so(tmp_path):
    path = region(tmp_path, (4, 4), (), "  period: [2018-03-01, 2018-10-20]\n  lst_period: [2018-02-01, 2018-11-30]\n")
    catalog = open_catalog(path)
    stack, lst = catalog["interferograms"], catalog["modis_lst"]
    assert stack["reference"].values.min() == np.datetime64("2018-03-18")
    assert stack["secondary"].values.max() == np.datetime64("2018-10-20")  # the last day belongs to it
    assert stack.sizes["pair"] == 6
    assert stack["phase"].chunks is not None
    assert lst["time"].values.min() >= np.datetime64("2018-02-01")
    said = {name: str(prospects.look(catalog, name)["notes"]) for name in catalog}
    assert "5 of 11 pairs lie beyond settings.period and are left out" in said["interferograms"]
    assert "composites lie beyond settings.lst_period" in said["modis_lst"]


def test_a_period_of_other_years_is_refused_with_both(tmp_path):
    rows, plan = foresee(region(tmp_path, (4, 4), (), "  period: [2014-10-01, 2017-12-31]\n"))
    said = {row["source"]: row for row in rows}
    assert said["interferograms"]["status"] == "broken"
    for word in ("settings.period", "2014-10-01 to 2017-12-31", "11 of 11 pairs", "2018-01-05"):
        assert word in said["interferograms"]["problem"]
    assert plan["05"].verdict == "fails"


def test_dates_without_temperature_are_told(tmp_path):
    path = region(tmp_path, (4, 4))
    assert "covers 11 of 12 acquisitions: pairs with the others are left out" in texts(path, good=False)[0]
    assert "one of 11 acquisitions" in texts(path, good=True)[0]
    assert foresee(path)[1]["06"].verdict == "runs"
    for k in range(10, 46):
        for file in tmp_path.glob(f"lst/*_{pd.Timestamp('2018-01-01') + pd.Timedelta(days=8 * k):%Y%j}.tif"):
            file.unlink()
    plan = foresee(path)[1]
    assert plan["05"].verdict == "runs"
    assert plan["06"].verdict == "fails"
    assert "the maps need 10" in plan["06"].notes[0]
    assert plan["07"].verdict == "skipped"


def test_networks_that_fall_apart_are_told_before_the_run(tmp_path):
    path = region(tmp_path, (4, 4))
    assert foresee(path)[1]["05"].verdict == "runs"
    for file in tmp_path.glob("GEOC/20180704_20180809/*.tif"):
        file.unlink()
    plan = foresee(path)[1]
    assert plan["05"].verdict == "fails"
    assert "2 groups of dates: 2018-01-05 to 2018-07-04; 2018-08-09 to 2018-12-31" in plan["05"].notes[0]
    assert (plan["04"].verdict, plan["06"].verdict) == ("runs", "skipped")


def test_groups_of_dates_that_interleave_are_perhaps_two_tracks(tmp_path):
    """No period tells them from each other."""
    path = region(tmp_path, (4, 4))
    for folder in tmp_path.glob("GEOC/*_*"):
        first, second = (f"{pd.Timestamp(day) + pd.Timedelta('5D'):%Y%m%d}" for day in folder.name.split("_"))
        for file in folder.iterdir():
            other = tmp_path / "GEOC" / f"{first}_{second}" / file.name.replace(folder.name, f"{first}_{second}")
            other.parent.mkdir(exist_ok=True)
            other.write_bytes(file.read_bytes())
    told = foresee(path)[1]["05"].notes[0]
    assert "open each track as a source of its own" in told
    assert "settings.period" not in told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("wavelength: 0.236", "but the interferograms are of 0.0554658 m: this is taken"),
        ("crs: EPSG:32646", "settings.crs is EPSG:32646, but the interferograms, and so the maps, are in EPSG:4326"),
        ("crs: UTM 46N", "settings.crs is UTM 46N, but"),
        ("crs: EPSG:4326", ""),
    ],
)
def test_settings_that_contradict_the_interferograms_are_told(tmp_path, line, words):
    found = texts(region(tmp_path, (4, 4), more=f"  {line}\n"), good=False)
    said = [text for text in found if "but the interferograms" in text]
    assert said if words else not said
    assert all(words in text for text in said)


def test_a_series_called_interferograms_stops_no_look(tmp_path):
    path = region(tmp_path, (4, 4), ("dem",))
    text = path.read_text().replace("kind: ifg_stack, driver: licsar, uri: 'GEOC/*/*.geo.unw.tif'", SOURCES["dem"])
    path.write_text(text)
    answer = prospects.check(open_catalog(path))
    assert "holds no interferograms" in answer.sources[0]["problem"]
    assert {nb.name.split("_")[0]: nb.verdict for nb in answer.notebooks}["05"] == "fails"


def test_what_lies_where_files_are_missing_is_told(tmp_path):
    path = region(tmp_path, (4, 4))
    path.write_text(path.read_text().replace("'GEOC/*/*.geo.unw.tif'", "'geoc/*/*.geo.unw.tif'"))
    told = prospects.look(open_catalog(path), "interferograms")["problem"]
    assert "Put it at: geoc/*/*.geo.unw.tif" in told
    assert "GEOC" in told.split("holds")[1]


def test_broken_sources_stop_and_what_follows_is_skipped(tmp_path):
    """As a run has it: a notebook whose sources are broken fails, one that lacks a product is skipped."""
    path = region(tmp_path, (4, 4))
    (tmp_path / "GEOC/20180105_20180210/20180105_20180210.geo.unw.tif").write_bytes(b"")
    plan = foresee(path)[1]
    assert {number for number, nb in plan.items() if nb.verdict == "fails"} == {"02", "03", "04", "05"}
    assert plan["06"].verdict == "skipped"


def test_broken_temperature_leaves_the_time_series(tmp_path):
    path = region(tmp_path, (4, 4))
    next(tmp_path.glob("lst/day_*.tif")).write_bytes(b"")
    plan = foresee(path)[1]
    assert plan["01"].verdict == "fails"
    assert plan["05"].verdict == "runs"
    assert "a plane is taken out" in str(plan["05"].notes)


def test_names_and_settings_that_lead_nowhere_are_told(tmp_path):
    path = region(tmp_path, (4, 4), ("dem",), "  ramp: stable\n")
    path.write_text(path.read_text().replace("  dem: {", "  dme: {"))
    notes = prospects.look(open_catalog(path), "dme")["notes"]
    assert notes[0] == "no notebook uses a source of this name; did you mean dem?"
    assert any("no source stable_ground" in text for text in texts(path, good=False))


def test_of_several_files_those_that_lack_are_named(tmp_path):
    path = region(tmp_path, (4, 4))
    for file in tmp_path.glob("lst/night_*.tif"):
        file.unlink()
    assert "Put it at: lst/night_*.tif" in prospects.look(open_catalog(path), "modis_lst")["problem"]


def test_few_years_are_told(tmp_path):
    said = texts(region(tmp_path, (4, 4)), good=False)
    assert any("of 1 calendar years: the stated uncertainty is the formal one" in text for text in said)


@pytest.mark.parametrize("command", ["check", "reproduce"])
def test_an_unknown_scene_is_refused_once(command, tmp_path):
    told = CliRunner().invoke(cli.app, [command, "--scene", "gigantic"])
    assert told.exit_code == 1
    assert told.stderr.count("gigantic") == 1
    assert "tiny, default, 90m" in told.stderr


def test_version():
    told = CliRunner().invoke(cli.app, ["--version"])
    assert told.exit_code == 0
    assert told.stdout.startswith("qtp_toolkit 0.")


@pytest.mark.parametrize("bounds", [(175, 60, 185, 70), (-185, 60, -175, 70)])
def test_places_beyond_the_date_line_lie_in_the_area(bounds):
    points = pd.DataFrame({"longitude": [-178.0, 178.0, 182.0], "latitude": 65.0})
    assert _sources._places(points, bounds) == []
    assert _sources._places(points.assign(longitude=[-178.0, 178.0, 100.0]), bounds) == [
        "1 of 3 lie outside the study area"
    ]


def test_a_look_at_nothing_speaks_no_library():
    """An axis of no length."""
    none = xr.DataArray(np.zeros((0, 0, 4)), dims=("time", "y", "x"), name="lst")
    with pytest.raises(QtpDataError, match="no valid pixel"):
        prospects.look_at_pixels(none)


def test_check_ingest_and_notebooks_take_one_look(tmp_path):
    """What the one function says is what both commands say, and what notebooks 01, 04 and 05 print."""
    path = region(tmp_path, (12, 12))
    catalog = open_catalog(path)
    said = {name: prospects.look_at_pixels(catalog[name]) for name in ("interferograms", "modis_lst")}
    assert len(said["interferograms"]) == 1
    assert [line.split(":")[0] for line in said["modis_lst"]] == ["terra_day", "terra_night"]
    told = CliRunner().invoke(cli.app, ["check", "--catalog", str(path)]).stdout
    assert all(line in told for lines in said.values() for line in lines)
    told = CliRunner().invoke(cli.app, ["ingest", "--catalog", str(path), "--out", str(tmp_path / "store")])
    assert told.exit_code == 0, told.stderr
    assert said["interferograms"][0] in told.stdout
    for number, name in (("01", "raw"), ("04", "stack"), ("05", "stack")):
        (notebook,) = notebooks_folder().glob(f"{number}_*.ipynb")
        assert f"prospects.look_at_pixels({name})" in notebook.read_text(encoding="utf-8")


def test_a_map_of_nothing_is_refused_and_what_is_no_map_is_passed_over():
    empty = xr.DataArray(np.full((3, 3), np.nan), dims=("y", "x"), name="sand")
    with pytest.raises(QtpDataError, match="no valid pixel"):
        prospects.look_at_pixels(empty)
    assert prospects.look_at_pixels(xr.Dataset({"depth": ("n", [1.0])})) == []


def test_what_a_look_finds_strange_is_a_line_of_it(tmp_path):
    """An empty composite is told once, by check as by the function, and warns nobody."""
    path = region(tmp_path, (12, 12))
    tif(tmp_path / "lst/day_2018033.tif", np.full((12, 12), np.nan, "float32"))
    lines = prospects.look_at_pixels(open_catalog(path)["modis_lst"])
    assert [line for line in lines if line.startswith("warning")] == [
        "warning: terra_day: 1 composites without any valid pixel: 2018-02-05"
    ]
    assert prospects.look(open_catalog(path), "modis_lst")["notes"] == lines


def seasonal(rng, shape=(24, 30)):
    """A stack whose ground settles by 0 mm in the west to 20 mm in the east each summer, and where it is coherent."""
    dates = pd.date_range("2015-01-15", periods=60, freq="24D")
    wave = np.sin(2 * np.pi * (dates - pd.Timestamp("2015-06-15")).days.to_numpy() / 365.25)
    wet = np.linspace(0, 20, shape[1]) * np.ones((shape[0], 1)) + rng.normal(0, 2, shape)
    moved = wave[:, None, None] * wet / 2 * 4e-3 * np.pi / 0.05546576
    axes = {"y": 34.5 - 0.01 * np.arange(shape[0]), "x": 92.0 + 0.01 * np.arange(shape[1])}
    ends = {"reference": ("pair", dates[:-1]), "secondary": ("pair", dates[1:])}
    phase = xr.DataArray(np.diff(moved, axis=0), axes | ends, ("pair", "y", "x"), attrs={"units": "rad"})
    coherence = xr.full_like(phase, 0.6).assign_attrs(units="1")
    return xr.Dataset({"phase": phase, "coherence": coherence}).rio.write_crs(4326)


def square(stack, columns):
    area = xr.zeros_like(stack["phase"][0], dtype=bool)
    area[:9, columns] = True
    return area


def test_an_area_is_looked_at_for_coherence_and_stillness(rng):
    stack = seasonal(rng)
    west, east = (square(stack, columns) for columns in (slice(1, 4), slice(24, 28)))
    (coherent, words), (still, moves) = prospects.look_at_area(stack, west)
    assert (coherent, still) == (True, True)
    assert words.endswith("coherence 0.60 in its worst pair")
    assert "planes taken out" in moves
    (_, _), (still, moves) = prospects.look_at_area(stack, east)
    assert not still
    places = re.findall(r"(92\.\d+), (34\.\d+)", moves.split("moves less")[1])
    assert len(places) == 3
    assert all(float(longitude) < 92.15 for longitude, _ in places)
    stack["coherence"][5] = 0.1
    assert prospects.look_at_area(stack, west)[0] == (False, words.replace("0.60", "0.10"))
    bare = prospects.look_at_area(stack.drop_vars("coherence"), west)
    assert bare[0] == (True, "reference area: 27 pixels, valid in all pairs")
    assert prospects.look_at_area(stack.chunk(y=7), west) == prospects.look_at_area(stack, west)


def test_a_circle_that_holds_no_pixel_is_no_good_reference(rng):
    """A radius in km for one in m leaves the nearest pixel alone; few pixels that are meant get a word."""
    stack, at = seasonal(rng), (92.02, 34.45)
    gray = stack["coherence"]

    def told(**given):
        return prospects.look_at_area(stack, correct.choose_reference(gray, **given))[2:]

    assert told(point=at, radius_m=2500.0) == []
    ((good, words),) = told(point=at, radius_m=1.5)
    assert not good
    assert words.startswith("a reference of 1 pixel of 1010 m: noise there is in every other pixel, for its radius is")
    assert words.endswith("is 1.5 m, less than half a pixel; set settings.reference_radius_m (m) to 3000 or more")
    for place, wider in (
        ({"point": at, "radius_m": 600.0}, "set settings.reference_radius_m (m) to 3000 or more"),
        ({"bounds": (92.015, 34.445, 92.025, 34.455)}, "widen settings.reference_area"),
        ({"stable": gray[0] * 0 + ((gray.x < 92.015) & (gray.y > 34.485))}, "widen the source stable_ground"),
    ):
        ((good, words),) = told(**place)
        assert good
        assert words.endswith(f"noise there is in every other pixel; {wider}, unless so few are meant")


def test_check_tells_a_radius_in_km(tmp_path):
    settings = "  reference_point: [92.05, 34.45]\n  reference_radius_m: 1.5\n"
    found = prospects.look_at_reference(open_catalog(region(tmp_path, (12, 12), (), settings)))
    assert [(one.good, one.stops) for one in found if "radius is 1.5 m" in one.text] == [(False, "")]


def test_pairs_of_half_a_year_do_not_tell_how_still_an_area_is(rng):
    """Rate and season look alike: on a real stack of 192 days two fits gave +54 and +142 mm/yr, both called moving."""
    stack = seasonal(rng)
    east = square(stack, slice(24, 28))
    whole, half = (prospects.look_at_area(stack.isel(pair=slice(0, n)), east) for n in (16, 8))
    assert [good for good, _ in whole] == [True, False]
    assert half == [whole[0], (True, "how still it stands is not judged: in 192 days a rate and a season look alike")]


def test_a_delay_without_a_ratio_is_not_good(monkeypatch, rng):
    """A phase that does not vary gives 0 / 0; an empty delay is named, and hides no other."""
    days = pd.date_range("2020-01-01", periods=3, freq="12D")
    pairs = {"reference": ("pair", days[:2]), "secondary": ("pair", days[1:])}
    phase = xr.DataArray(rng.normal(size=(2, 20, 20)), pairs, ("pair", "y", "x"), attrs={"units": "rad"})

    class Known:
        def __init__(self, phase):
            self.phase = phase

        def files(self, name):
            return []

        def __getitem__(self, name):
            return self.phase.to_dataset(name="phase")

    monkeypatch.setattr(_delays, "thin", lambda stack: stack)
    for known, tried, said in (
        (phase * 0, {"era5": phase * 0}, ["UNKNOWN"]),
        (phase, {"gacos": phase * np.nan, "era5": -phase}, ["gacos: has no value", "RAISED"]),
        (phase, {"era5": -phase}, ["RAISED"]),
    ):
        monkeypatch.setattr(_delays, "_delays", lambda catalog, stack, tried=tried: iter(tried.items()))
        found = _delays.look_at_delays(Known(known))
        assert not found[0].good
        assert all(words in one.text for words, one in zip(said, found, strict=True))
