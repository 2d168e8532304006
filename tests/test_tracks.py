"""Tracks of a catalog: settings, how each looks, what qtp check says of them, which notebooks wait for them."""

from __future__ import annotations

import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from qtp_toolkit import cli, prospects, walk
from qtp_toolkit.catalog import Catalog, open_catalog
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.reproduce import Notebook, _why_skip, find_notebooks
from qtp_toolkit.synthetic import formats

GRIDS = {"down": (92.0, 34.5, 0.01, 12, 16), "rise": (92.05, 34.52, 0.013, 9, 12)}
FLIES = {"down": -168.0, "rise": -12.0}
AREA = "  reference_area: [92.06, 34.42, 92.12, 34.48]\n"
TRACKS = "{descending: {interferograms: down DOWN}, ascending: {interferograms: rise RISE}}"
STACK = "  NAME: {kind: ifg_stack, driver: licsar, uri: 'NAME/GEOC/*/*.geo.unw.tif', provenance: observed LAYERS}\n"
ANGLE = "  angle: {kind: raster, driver: licsar_look, uri: 'rise/GEOC/metadata/*.U.tif', provenance: observed}\n"


def write_stack(folder, name):
    """Eight dates on a grid of its own, and the look vector that LiCSAR writes."""
    west, north, step, height, width = GRIDS[name]
    rng, dates = np.random.default_rng(3), pd.date_range("2018-01-05", periods=8, freq="24D")
    dates = dates + pd.Timedelta(days=5 * (name == "rise"))
    axes = {"y": north - step * (np.arange(height) + 0.5), "x": west + step * (np.arange(width) + 0.5)}
    ends = [*zip(*pairwise(dates), strict=True)]
    coords = axes | {key: ("pair", list(day)) for key, day in zip(("reference", "secondary"), ends, strict=True)}
    phase = xr.DataArray(rng.normal(3, 1, (7, height, width)), coords, ("pair", "y", "x"), attrs={"units": "rad"})
    stack = xr.Dataset({"phase": phase, "coherence": xr.full_like(phase, 0.8)}).rio.write_crs(4326)
    for number in range(7):
        formats.licsar(folder / name / "GEOC", stack, number=number)
    angle = xr.full_like(stack["phase"][0], 39.0).reset_coords(drop=True).assign_attrs(units="degree")
    formats.licsar_look(folder / name / "GEOC" / "metadata", angle.rio.write_crs(4326), heading=FLIES[name])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracks")
    for name in GRIDS:
        write_stack(folder, name)
    return folder


@pytest.fixture
def make(files, tmp_path):
    """Write a catalog: what its tracks say of themselves, more settings, layers of both stacks."""

    def write(down="", rise="", *, area=AREA, tracks=TRACKS, layers=", parameters: {layers: [look]}"):
        path, rows = tmp_path / "catalog.yaml", tracks.replace("DOWN", down).replace("RISE", rise)
        stacks = "".join(STACK.replace("NAME", name).replace("LAYERS", layers) for name in GRIDS)
        head = f"catalog_version: 1\nroots: ['{files}']\nsettings:\n  region: here\n{area}"
        path.write_text(f"{head}{f'  tracks: {rows}' if rows else ''}\nsources:\n{stacks}{ANGLE}")
        return path

    return write


# settings


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        ("{a: {interferograms: down}}", "one track ('down') has nothing to be joined with"),
        ("{a: {interferograms: down}, b: {interferograms: down}}", "a stack of its own"),
        ("{a: {interferograms: down}, b: {interferograms: up}}", "'up', which is no source of kind ifg_stack"),
        ("{a: {interferograms: down}, b: {interferograms: angle}}", "there are: down, rise"),
        ("{a: {interferograms: down}, b: {interferograms: rise, incidence: angel}}", "neither a source nor degrees"),
        ("{a: {interferograms: down}, b: {interferograms: rise, incidence: 139}}", "degrees between 0 and 90"),
        ("{a: {interferograms: down}, b: {interferograms: rise, a_heading: -12}}", "did you mean 'heading'"),
        ("{a: {interferograms: down}, b: {interferograms: rise, heading: 1200}}", "settings.tracks.b.heading"),
        ("{a: {interferograms: down}, b: {interferograms: rise, looks: up}}", "allowed: left, right"),
        ("{a: {interferograms: down}, b: {interferograms: rise, reference_date: 5 May}}", "YYYY-MM-DD"),
        ("{a: {interferograms: down}, b: {heading: -12}}", "settings.tracks.b.interferograms: is missing"),
    ],
)
def test_settings_of_tracks_are_checked(make, tracks, words):
    with pytest.raises(QtpDataError) as caught:
        open_catalog(make(tracks=tracks))
    assert words in str(caught.value)
    assert caught.value.code in ("C08", "C09")


def test_a_catalog_without_tracks_has_one_stack(make):
    catalog = open_catalog(make(tracks="", area="  reference_date: 2018-01-05\n  incidence: 33.0\n"))
    line = catalog.track()
    assert (line.interferograms, line.incidence, str(line.reference_date)) == ("interferograms", 33.0, "2018-01-05")
    assert not catalog.is_set("settings.tracks")
    with pytest.raises(QtpDataError, match="no track 'ascending'"):
        catalog.track("ascending")
    assert prospects.look_at_tracks(catalog) == []


# geometry


@pytest.mark.parametrize(
    ("said", "layers"),
    [
        ("", ", parameters: {layers: [look]}"),
        (", heading: -12", ", parameters: {layers: [incidence]}"),
        (", heading: 348, incidence: angle", ""),
        (", heading: -12, incidence: 39.0", ""),
        (", heading: 168, incidence: 39.0, looks: left", ""),
    ],
)
def test_closed_form_the_look_of_a_track_by_whatever_tells_it(make, said, layers):
    vector = walk.look(open_catalog(make(rise=said, layers=layers)), "ascending")
    for name, value in zip(vector, (-0.615568, -0.130843, 0.777146), strict=True):
        np.testing.assert_allclose(vector[name].max(), value, atol=1e-5)
        np.testing.assert_allclose(vector[name].min(), value, atol=1e-5)


@pytest.mark.parametrize(("said", "words"), [(", incidence: 39.0", "direction the"), (", heading: -12", "how steeply")])
def test_a_track_whose_geometry_nothing_tells_is_refused(make, files, tmp_path, said, words):
    """I33: by its name in the settings, with what to set."""
    made, bare = make(rise=said, layers=""), tmp_path / "bare"
    shutil.copytree(files, bare, ignore=shutil.ignore_patterns("*.E.tif", "*.N.tif"))  # they tell the direction
    made.write_text(made.read_text().replace(str(files), str(bare)))
    catalog = open_catalog(made)
    with pytest.raises(QtpDataError, match=words) as caught:
        walk.look(catalog, "ascending")
    assert caught.value.code == "I33"
    assert "settings.tracks.ascending" in str(caught.value)
    said = {finding.text: finding.good for finding in prospects.look_at_tracks(catalog, quick=True)}
    assert [good for text, good in said.items() if text.startswith("track ascending: nothing says")] == [False]


def test_displacement_of_a_track_is_that_of_its_own_stack(make):
    """Its dates, zero on its reference date and in the one reference area, from phase as least squares has it."""
    catalog = open_catalog(make(rise=", heading: -12, incidence: angle, reference_date: 2018-02-03"))
    out = walk.displacement(catalog, track="ascending", ramp="none", norm="l2")
    moved, stack = out["displacement"], catalog["rise"].load()
    assert moved.sizes == {"time": 8, "y": 9, "x": 12}
    assert str(moved["time"].values[0])[:10] == "2018-01-10"
    assert float(abs(moved.sel(time="2018-02-03")).max()) == 0.0
    assert abs(moved.where(out["reference_area"]).mean(("y", "x"))).max() < 1e-4
    level = stack["phase"] - stack["phase"].where(out["reference_area"]).mean(("y", "x"))
    steps = -moved.diff("time").values * 4e-3 * np.pi / 0.05546576
    np.testing.assert_allclose(steps, level.values, atol=2e-3)
    assert out.attrs["ramp"] == "none"


# what qtp check says


def test_check_names_the_tracks_and_looks_at_each(make):
    told = CliRunner().invoke(cli.app, ["check", "--catalog", str(make(rise=", heading: -12, incidence: angle"))])
    for words in (
        "good    track descending: down, 8 acquisitions from 2018-01-05 to 2018-06-22, descending, heading 192.0 "
        "degrees as told by the product, incidence 39.0 degrees",
        "good    track ascending: rise, 8 acquisitions from 2018-01-10 to 2018-06-27, ascending, heading -12.0",
        "good    tracks overlap on 5",
        "good    1 mm in the line of sight of each track is 1.15 mm east and 0.91 mm up",
        "track ascending: reference area by settings.reference_area:",
    ):
        assert words in told.stdout, told.stdout
    assert "no notebook uses a source of this name" not in told.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rise": ", heading: -165, incidence: 40"}, "they look from nearly one direction"),
        ({"area": ""}, "tracks need one reference area: set settings.reference_point or reference_area"),
        ({"area": "  reference_area: [92.005, 34.39, 92.03, 34.42]\n"}, "track ascending: no pixel is in"),
    ],
)
def test_check_tells_what_cannot_be_joined(make, options, words):
    bad = [each.text for each in prospects.look_at_tracks(open_catalog(make(**options))) if not each.good]
    assert any(words in text for text in bad), bad


def test_tracks_without_overlap_are_not_said_to_look_from_one_direction(make, monkeypatch):
    """Where no pixel is seen by both there are no directions to compare."""
    opened = Catalog.open

    def away(self, name):
        stack = opened(self, name)
        return stack.assign_coords(x=stack["x"] + 5.0) if name == "rise" else stack

    monkeypatch.setattr(Catalog, "open", away)
    bad = [each.text for each in prospects.look_at_tracks(open_catalog(make())) if not each.good]
    assert any("tracks overlap on 0% of descending: there is little to join" in text for text in bad), bad
    assert not any("direction" in text for text in bad), bad


def test_a_track_that_does_not_see_the_reference_stops_the_notebook_of_tracks(make):
    catalog = open_catalog(make(area="  reference_area: [92.005, 34.39, 92.03, 34.42]\n"))
    status = dict.fromkeys(("modis_lst", "interferograms", *catalog), "found")
    found = prospects.look_at_tracks(catalog)
    plan = {nb.name[:2]: nb for nb in prospects.foresee(catalog, find_notebooks(), status, found)}["14"]
    assert plan.verdict == "fails"
    assert "no pixel is in" in plan.notes[0]


def test_a_heading_that_is_not_the_products_is_told(make, monkeypatch):
    """I33: the settings say ascending, the product descending."""
    opened = Catalog.open
    monkeypatch.setattr(Catalog, "open", lambda self, name: opened(self, name).assign_attrs(heading=192.0))
    found = prospects.look_at_tracks(
        open_catalog(make(down=", heading: -168, incidence: 39", rise=", heading: -12, incidence: 39")), quick=True
    )
    bad = [each.text for each in found if not each.good]
    assert len(bad) == 1
    assert "track ascending: the heading is not that of the product" in bad[0]


def test_check_quickly_reads_no_pixel(make, monkeypatch):
    monkeypatch.setattr(xr.DataArray, "compute", lambda *_, **__: pytest.fail("read"))
    monkeypatch.setattr(prospects._tracks, "_overlap", lambda stacks: prospects.Finding(True, str(list(stacks))))
    found = prospects.look_at_tracks(open_catalog(make()), quick=True)
    assert [each.good for each in found] == [True] * 3


# notebooks that wait for tracks


def test_a_notebook_that_needs_tracks_is_skipped_without_them(make, files):
    nb = Notebook(files / "14_two_tracks.ipynb", needs=("settings.tracks",))
    alone, several = (open_catalog(make(**options)) for options in ({"tracks": "", "area": AREA}, {}))
    assert _why_skip(nb, alone, {}, {}) == "the catalog has no settings.tracks"
    assert _why_skip(nb, open_catalog(make()), {}, {}) == ""
    status = {"down": "found", "rise": "missing"}
    (told,) = prospects.foresee(several, [nb], status)
    assert (told.verdict, told.notes) == ("skipped", ("it needs rise",))
    (told,) = prospects.foresee(several, [nb], status | {"rise": "found"})
    assert told.verdict == "runs"
