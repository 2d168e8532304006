"""The catalog: what it reads, what it refuses (C01 to C13), how it finds files, what it says about them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from qtp_toolkit import catalog as cat
from qtp_toolkit.catalog import open_catalog, read_yaml
from qtp_toolkit.conventions import SYNTHETIC, MissingSourceError, QtpDataError
from qtp_toolkit.load.readers import READERS

LAKES = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {"name": "L"}, "geometry": {"type": "Point", "coordinates": [93, 35]}}
    ],
}
SOURCE = """
  lakes:
    kind: vector
    driver: geojson
    uri: vectors/lakes.geojson
    provenance: observed
    access: ask the lake people
"""
HEAD = 'catalog_version: 1\nroots: ["data"]\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data" / "vectors").mkdir(parents=True)
    (tmp_path / "data" / "vectors" / "lakes.geojson").write_text(json.dumps(LAKES))
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "data_catalog.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def make(folder: Path, *, head: str = HEAD, source: str = SOURCE) -> Path:
    return write(folder, f"{head}sources:{source}")


def refused(path: Path, code: str | None = None) -> str:
    with pytest.raises(QtpDataError) as caught:
        open_catalog(path)
    assert str(path) in str(caught.value)
    if code is not None:
        assert caught.value.code == code, caught.value
    return str(caught.value)


def test_opens_and_says_what_there_is(folder):
    catalog = open_catalog(make(folder))
    assert "lakes" in catalog
    assert list(catalog) == ["lakes"]
    assert catalog.available("lakes")
    assert not catalog.available("truth")
    assert catalog.files("lakes") == [folder / "data" / "vectors" / "lakes.geojson"]
    assert catalog["lakes"].attrs["source"] == "lakes"
    assert catalog.describe().loc["lakes", "status"] == "found"
    assert catalog.source("lakes").kind == "vector"
    assert catalog.settings.wavelength == pytest.approx(0.05546576)
    assert "1 sources" in repr(catalog)


# what it refuses ------------------------------------------------------------------------------------------------------


def test_c01_aliases_and_anchors(folder):
    bomb = 'a: &a ["x","x"]\nb: &b [*a,*a]\n'
    assert "line 1" in refused(write(folder, bomb + HEAD + "sources: {}"), "C01")
    assert "aliases" in refused(write(folder, HEAD + "title: *nothing\nsources: {}"), "C01")


def test_c01_too_many_entries_and_too_large(folder, monkeypatch):
    many = HEAD + "sources: {}\ntitle: [" + ",".join("1" for _ in range(20_001)) + "]"
    refused(write(folder, many), "C01")
    monkeypatch.setattr(cat.strict_yaml, "MAX_BYTES", 10)
    assert "too large" in refused(make(folder))


def test_c02_deep_nesting(folder):
    assert "deep" in refused(write(folder, "a: " + "[" * 5000 + "]" * 5000), "C02")


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['true']", "!!binary aGk=", "!mine x"])
def test_c03_tags(folder, tag):
    assert "line 1" in refused(write(folder, f"title: {tag}\n{HEAD}sources: {{}}"), "C03")


def test_c04_duplicate_key_names_both_lines(folder):
    message = refused(write(folder, HEAD + "title: a\ntitle: b\nsources: {}"), "C04")
    assert "lines 3 and 4" in message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("041", "041"),
        ("12:30:45", "12:30:45"),
        ("no", "no"),
        ("1e-3", 1e-3),
        ("NaN", "NaN"),
        ("20141301", 20141301),
        ("2014-02-30", "2014-02-30"),
        ("0x1F", "0x1F"),
        ("true", True),
        ("~", None),
        ("-32768", -32768),
        (".5", 0.5),
    ],
)
def test_c05_scalars_are_what_they_look_like(folder, text, value):
    assert read_yaml(write(folder, f"a: {text}"))["a"] == value


@pytest.mark.parametrize("text", ["2014-02-30", "20180831", "31.08.2018", "yesterday"])
def test_c05_bad_dates(folder, text):
    """C05."""
    head = HEAD + f"settings: {{reference_date: {text}}}\n"
    assert "settings.reference_date" in refused(make(folder, head=head), "C09")


@pytest.mark.parametrize(
    "uri", ["../../etc/passwd", "/etc/passwd", "a/../../b", "C:/data/x", "\\\\server\\x", "~/x", "${HOME}/x"]
)
def test_c06_uri_outside_the_root(folder, uri):
    assert "sources.lakes" in refused(make(folder, source=SOURCE.replace("vectors/lakes.geojson", f"'{uri}'")))


def test_c06_symbolic_link_out_of_the_root(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.geojson"
    outside.write_text(json.dumps(LAKES))
    (folder / "data" / "vectors" / "link.geojson").symlink_to(outside)
    catalog = open_catalog(make(folder, source=SOURCE.replace("lakes.geojson", "*.geojson")))
    with pytest.raises(QtpDataError, match="outside the root") as caught:
        catalog.files("lakes")
    assert caught.value.code == "C06"
    assert "link.geojson" in str(caught.value)


def test_c07_unset_variable_is_named_never_an_empty_prefix(folder, monkeypatch):
    """C07."""
    monkeypatch.delenv("QTP_NOWHERE", raising=False)
    catalog = open_catalog(make(folder, head='catalog_version: 1\nroots: ["${QTP_NOWHERE}/modis"]\n'))
    with pytest.raises(MissingSourceError, match="QTP_NOWHERE is not set") as caught:
        catalog["lakes"]
    assert "sources.lakes" in str(caught.value)
    assert not catalog.available("lakes")
    monkeypatch.setenv("QTP_NOWHERE", "")
    with pytest.raises(MissingSourceError, match="QTP_NOWHERE is not set"):
        catalog["lakes"]


def test_c07_unset_variable_is_passed_over_where_another_root_exists(folder, monkeypatch):
    monkeypatch.delenv("QTP_NOWHERE", raising=False)
    head = 'catalog_version: 1\nroots: ["${QTP_NOWHERE}", "data"]\n'
    assert open_catalog(make(folder, head=head)).available("lakes")
    catalog = open_catalog(make(folder, head=head, source=SOURCE.replace("lakes.geojson", "ponds.geojson")))
    with pytest.raises(MissingSourceError, match="passed over: QTP_NOWHERE is not set"):
        catalog["lakes"]


def test_c07_root_from_a_variable(folder, monkeypatch):
    monkeypatch.setenv("QTP_SOMEWHERE", str(folder))
    assert open_catalog(make(folder, head='catalog_version: 1\nroots: ["${QTP_SOMEWHERE}/data"]\n')).available("lakes")


@pytest.mark.parametrize(
    ("wrong", "right", "meant"),
    [
        ("diver: geojson", "driver: geojson", "did you mean 'driver'"),
        ("driver: geojsn", "driver: geojson", "did you mean 'geojson'"),
        ("kind: vectr", "kind: vector", "did you mean 'vector'"),
        ("provenance: guessed", "provenance: observed", "synthetic"),
    ],
)
def test_c08_typos(folder, wrong, right, meant):
    message = refused(make(folder, source=SOURCE.replace(right, wrong)))
    assert meant in message
    assert "sources.lakes" in message


def test_c08_typo_at_the_top_in_settings_and_in_parameters(folder):
    assert "did you mean 'title'" in refused(make(folder, head=HEAD + "tilte: x\n"), "C08")
    assert "did you mean 'wavelength'" in refused(make(folder, head=HEAD + "settings: {wavelenght: 0.05}\n"), "C08")
    source = SOURCE.replace("driver: geojson", "driver: modis_hdf4\n    parameters: {maxgap: 2}")
    message = refused(make(folder, source=source), "C08")
    assert "sources.lakes.parameters.maxgap" in message
    assert "did you mean 'max_gap'" in message


def test_c09_bad_values_are_listed_all_at_once_with_their_path(folder):
    source = SOURCE.replace("driver: geojson", "driver: modis_hdf4\n    parameters: {max_gap: -3}\n    chunks: {y: 0}")
    message = refused(make(folder, head=HEAD + "settings: {wavelength: 5.5}\n", source=source))
    assert "settings.wavelength" in message
    assert "0.01 to 1" in message
    assert "chunks" in message
    message = refused(make(folder, source=source.replace("\n    chunks: {y: 0}", "")), "C09")
    assert "sources.lakes.parameters.max_gap" in message
    assert "-3" in message


def test_c09_strings_are_not_numbers(folder):
    source = SOURCE.replace("driver: geojson", "driver: modis_hdf4\n    parameters: {max_gap: '3'}")
    assert "max_gap" in refused(make(folder, source=source), "C09")


def test_c09_soilgrids_version_is_required(folder):
    source = SOURCE.replace("driver: geojson", "driver: soilgrids\n    parameters: {property: sand}")
    assert "version: is missing" in refused(make(folder, source=source))


def test_c10_no_file_matches(folder):
    catalog = open_catalog(make(folder, source=SOURCE.replace("lakes.geojson", "ponds_*.geojson")))
    with pytest.raises(MissingSourceError) as caught:
        catalog["lakes"]
    message = str(caught.value)
    assert caught.value.code == "C10"
    for part in ("ponds_*.geojson", "holds 1 entries", "lakes.geojson", "ask the lake people"):
        assert part in message
    row = catalog.describe().loc["lakes"]
    assert row["status"] == "missing"
    assert "ask the lake people" in row["what to do"]


def test_c10_no_such_source(folder):
    catalog = open_catalog(make(folder))
    with pytest.raises(MissingSourceError, match="did you mean 'lakes'"):
        catalog["lake"]


@pytest.mark.parametrize(
    "text", ["", "- a\n- b\n", "just words\n", "roots: [.]\nsources: {}\n", "a: [1, 2\n", "a: 'x\n"]
)
def test_c11_empty_not_a_mapping_no_version_broken(folder, text):
    refused(write(folder, text), "C11")


def test_c11_wrong_version(folder):
    assert "catalog_version" in refused(make(folder, head='catalog_version: 2\nroots: ["data"]\n'))


@pytest.mark.parametrize("uri", ["{shell('true')}", "{name.__class__}", "{0}", "{x!r}", "{x:>9}", "{", "$(true)"])
def test_c12_nothing_is_executed(folder, uri):
    """C12."""
    refused(make(folder, source=SOURCE.replace("vectors/lakes.geojson", f'"{uri}"')))


@pytest.mark.parametrize(
    "uri", ["https://x/y", "s3://b/k", "github://o:r@m/x", "ftp://user:pass@x/y", "simplecache::x"]
)
def test_c13_web_addresses(folder, uri):
    assert "download" in refused(make(folder, source=SOURCE.replace("vectors/lakes.geojson", uri)))
    assert "download" in refused(make(folder, head=f'catalog_version: 1\nroots: ["{uri}"]\n'))


# where it looks -------------------------------------------------------------------------------------------------------


def test_finds_the_catalog_by_variable_then_upward_then_embedded(folder, tmp_path_factory, monkeypatch):
    path = make(folder)
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.delenv("QTP_CATALOG", raising=False)
    monkeypatch.chdir(below)
    assert open_catalog().path == path
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert "modis_lst" in open_catalog()
    monkeypatch.setenv("QTP_CATALOG", str(path))
    assert open_catalog().path == path
    monkeypatch.setenv("QTP_CATALOG", str(folder / "none.yaml"))
    with pytest.raises(MissingSourceError, match="QTP_CATALOG names it"):
        open_catalog()
    with pytest.raises(MissingSourceError, match="no such catalog"):
        open_catalog(folder / "none.yaml")


def test_embedded_catalog_is_valid_and_complete():
    catalog = open_catalog(Path(__file__).resolve().parents[1] / "data_catalog.yaml")
    assert {"modis_lst", "ndvi", "interferograms", "era5", "truth", "slc_pair", "stations"} <= set(catalog)
    assert all(catalog.source(name).provenance == "synthetic" for name in catalog)
    assert catalog.settings.reference_date.isoformat() == "2018-08-31"
    assert all(catalog.source(name).options() is not None for name in catalog)


def test_package_root_is_made_on_first_use_and_its_size_may_be_overridden(folder, monkeypatch):
    asked = []

    def provide(size):
        asked.append(size)
        return folder / "data"

    monkeypatch.setattr("qtp_toolkit.synthetic.ensure_scene", provide)
    catalog = open_catalog(make(folder, head='catalog_version: 1\nroots: ["package://scene/default"]\n'))
    assert asked == []
    monkeypatch.delenv("QTP_SCENE", raising=False)
    assert catalog.available("lakes")
    monkeypatch.setenv("QTP_SCENE", "tiny")
    catalog.files("lakes")
    assert set(asked) == {"default", "tiny"}
    assert asked[-1] == "tiny"


def test_unknown_package_root(folder):
    catalog = open_catalog(make(folder, head='catalog_version: 1\nroots: ["package://nothing/x"]\n'))
    with pytest.raises(MissingSourceError, match="nothing provides"):
        catalog["lakes"]


def test_source_may_have_a_root_of_its_own(folder):
    (folder / "other").mkdir()
    (folder / "other" / "lakes.geojson").write_text(json.dumps(LAKES))
    source = SOURCE.replace("uri: vectors/lakes.geojson", "uri: lakes.geojson\n    root: other")
    assert open_catalog(make(folder, source=source)).files("lakes") == [folder / "other" / "lakes.geojson"]


def test_parameters_fill_the_uri(folder):
    for tile in ("h25v05", "h26v05"):
        (folder / "data" / f"lakes_{tile}.geojson").write_text(json.dumps(LAKES))
    source = SOURCE.replace(
        "uri: vectors/lakes.geojson",
        "uri: 'lakes_{tile}.geojson'\n    parameters: {tile: {default: h25v05, choices: [h25v05, h26v05]}}",
    )
    catalog = open_catalog(make(folder, source=source))
    assert catalog.files("lakes")[0].name == "lakes_h25v05.geojson"
    assert catalog.files("lakes", tile="h26v05")[0].name == "lakes_h26v05.geojson"
    assert len(catalog.open("lakes", tile="h26v05")) == 1
    with pytest.raises(QtpDataError, match="must be one of"):
        catalog.files("lakes", tile="../../etc")
    with pytest.raises(QtpDataError, match="no parameter 'tiel'"):
        catalog.files("lakes", tiel="h26v05")
    undefined = SOURCE.replace("vectors/lakes.geojson", "'lakes_{tile}.geojson'")
    assert "{tile}" in refused(make(folder, source=undefined))
    climbing = source.replace("{default: h25v05, choices: [h25v05, h26v05]}", "'../x'")
    assert "plain word" in refused(make(folder, source=climbing))


# what it hands on -----------------------------------------------------------------------------------------------------


@pytest.fixture
def own_reader(monkeypatch):
    def install(data):
        seen = []

        def read(request):
            seen.append(request)
            return data

        monkeypatch.setitem(READERS, "geojson", READERS["geojson"]._replace(open=read))
        return seen

    return install


def gridded(longitude: float) -> xr.Dataset:
    import rioxarray  # noqa: F401, PLC0415

    coords = {"y": [35.1, 35.0], "x": [longitude, longitude + 0.1]}
    return xr.Dataset({"v": (("y", "x"), np.zeros((2, 2)), {"units": "m"})}, coords=coords).rio.write_crs("EPSG:4326")


def test_synthetic_sources_say_so_on_every_array(folder, own_reader):
    seen = own_reader(gridded(93.0))
    source = SOURCE.replace("provenance: observed", "provenance: synthetic\n    citation: Nobody (2026)")
    catalog = open_catalog(make(folder, source=source))
    data = catalog["lakes"]
    assert data.attrs["provenance_note"] == SYNTHETIC == data["v"].attrs["provenance_note"]
    assert data.attrs["citation"] == "Nobody (2026)"
    assert seen[0].name == "lakes"
    assert seen[0].paths == catalog.files("lakes")
    assert "provenance_note" not in open_catalog(make(folder))["lakes"].attrs


def test_grid_outside_the_study_area_is_refused(folder, own_reader):
    own_reader(gridded(10.0))
    catalog = open_catalog(make(folder, head=HEAD + "settings: {bounds: [90.0, 31.0, 96.0, 37.0]}\n"))
    with pytest.raises(QtpDataError, match="outside the study area") as caught:
        catalog["lakes"]
    assert caught.value.code == "M17"
    row = catalog.check("lakes")
    assert row["status"] == "broken"
    own_reader(gridded(93.0))
    assert catalog.check("lakes") | {"root": ""} == {
        "source": "lakes",
        "status": "found",
        "files": 1,
        "problem": "",
        "root": "",
        "dims": {"y": 2, "x": 2},
        "units": {"v": "m"},
        "bytes": catalog["lakes"].nbytes,
        "crs": "WGS 84",
        "bounds": (92.95, 34.95, 93.15, 35.15),
    }
    modis = gridded(93.0).assign_coords(y=[3.9e6, 3.8e6], x=[8.4e6, 8.5e6])
    own_reader(modis.rio.write_crs("+proj=sinu +R=6371007.181 +units=m"))
    assert catalog.check("lakes")["crs"] == "sinusoidal"


@pytest.mark.parametrize(
    ("bounds", "west"),
    [
        ("[-150.0, 31.0, -149.0, 37.0]", 210.5),
        ("[210.0, 31.0, 211.0, 37.0]", -149.5),
        ("[179.0, 31.0, -179.0, 37.0]", -179.5),
        ("[179.0, 31.0, 181.0, 37.0]", 179.9),
        ("[-181.0, 31.0, -179.0, 37.0]", 179.9),
    ],
)
def test_longitudes_of_any_turn_lie_in_the_study_area(folder, own_reader, bounds, west):
    """M17: 0..360 against -180..180, and across the date line."""
    if "-181" in bounds:
        assert "settings" in refused(make(folder, head=HEAD + f"settings: {{bounds: {bounds}}}\n"))
        return
    own_reader(gridded(west))
    catalog = open_catalog(make(folder, head=HEAD + f"settings: {{bounds: {bounds}}}\n"))
    assert catalog.check("lakes")["status"] == "found"
    own_reader(gridded(west + 30.0))
    with pytest.raises(QtpDataError, match="outside the study area"):
        catalog["lakes"]


def test_check_says_how_to_get_what_is_missing(folder):
    os.remove(folder / "data" / "vectors" / "lakes.geojson")  # noqa: PTH107
    row = open_catalog(make(folder)).check("lakes")
    assert row["status"] == "missing"
    assert "ask the lake people" in row["problem"]


@pytest.mark.parametrize(
    "settings",
    [
        "{bounds: [94, 31, 90, 37]}",
        "{period: [2019-12-31, 2014-10-01]}",
        "{daily_mean: {terra_dawn: 0.25}}",
        "{water_content: {alpine meadow: {thawed: 30}}}",
        "{reference_point: [35.0, 192.0]}",
        "{unfrozen_water: -0.1}",
        "{incidence: 51.6}",
        "{conductivity_ratio: 0.0}",
        "{ramp: cubic}",
        "{reference_point: [92.0, 34.0], reference_area: [92.0, 34.0, 92.1, 34.1]}",
        "{reference_area: [92.1, 34.0, 92.0, 34.1]}",
    ],
)
def test_settings_are_checked(folder, settings):
    assert "settings" in refused(make(folder, head=HEAD + f"settings: {settings}\n"))


def test_a_point_with_latitude_first_is_told(folder):
    told = refused(make(folder, head=HEAD + "settings: {reference_point: [34.4, 92.35]}\n"))
    assert "longitude first; found [34.4, 92.35]" in told


def test_no_unsafe_yaml_in_the_package():
    package = Path(cat.__file__).parents[1]
    for path in package.rglob("*.py"):
        text = path.read_text()
        assert "yaml.load" not in text, path
        assert "Loader=" not in text, path


def test_how_to_get_a_source_names_its_access_and_its_place(folder):
    assert open_catalog(make(folder)).how_to_get("lakes") == "ask the lake people. Put it at: vectors/lakes.geojson"
    silent = open_catalog(make(folder, source=SOURCE.replace("    access: ask the lake people\n", "")))
    assert silent.how_to_get("lakes").startswith("No access note in the catalog.")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("daily_mean: {terra_dya: 1.0}", "did you mean 'terra_day'?"),
        ("water_content: {meadow: {thawd: 0.3}}", "did you mean 'thawed'?"),
        ("norm: L1", "did you mean 'l1'?"),
        ("daily_mean: {terra_day: 1.5, terra_night: 2.0}", "add up to about 1; these to 3.5"),
    ],
)
def test_c08_c09_what_was_meant_by_a_setting(folder, line, words):
    assert words in refused(write(folder, f"{HEAD}settings: {{{line}}}\nsources: {{}}"))


def test_c07_the_remedy_fits_the_roots(folder):
    """A variable is named only where there is one."""
    head = "catalog_version: 1\nroots: [{}]\n"
    plain = open_catalog(make(folder, head=head.format("nowhere"))).check("lakes")["problem"]
    assert "Edit roots" in plain
    assert "export" not in plain
    by_variable = open_catalog(make(folder, head=head.format("'${MY_MISSING_FOLDER}'"))).check("lakes")["problem"]
    assert "export MY_MISSING_FOLDER=" in by_variable
