"""The command line: quick, one clear line for what the user can mend, exit codes."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from small_files import tif
from typer.testing import CliRunner

from qtp_toolkit import cli, reproduce
from qtp_toolkit.conventions import QtpDataError

CATALOG = """
catalog_version: 1
title: two files
roots: ["."]
sources:
  faults: {description: lines, kind: vector, driver: geojson, uri: faults.geojson, provenance: observed, access: ask}
  lakes: {description: outlines, kind: vector, driver: geojson, uri: lakes.geojson, provenance: observed, access: ask}
"""
LINE = (
    '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "Kunlun"}, '
    '"geometry": {"type": "LineString", "coordinates": [[92, 35], [94, 35.5]]}}]}'
)


@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "data_catalog.yaml"
    path.write_text(CATALOG)
    (tmp_path / "faults.geojson").write_text(LINE)
    return path


def qtp(*words):
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def test_help_names_the_commands():
    told = qtp("--help")
    assert told.exit_code == 0
    assert all(word in told.stdout for word in ("reproduce", "check", "scene", "dashboard"))


def test_check_says_found_missing_and_what_to_do(catalog):
    told = qtp("check", "--catalog", catalog)
    assert told.exit_code == 1
    assert "found   faults (1 file)" in told.stdout
    assert "missing lakes (0 files)" in told.stdout
    assert "ask. Put it at: lakes.geojson" in told.stdout
    assert "1 of 2 sources found" in told.stdout
    (catalog.parent / "lakes.geojson").write_text(LINE)
    assert qtp("check", "--catalog", catalog).exit_code == 0


def test_what_the_user_can_mend_is_one_line(tmp_path):
    told = qtp("check", "--catalog", tmp_path / "absent.yaml")
    assert told.exit_code == 1
    assert told.stderr.startswith("error: ")
    assert len(told.stderr.strip().splitlines()) == 1
    assert "absent.yaml" in told.stderr


def test_a_bug_keeps_its_traceback(monkeypatch, catalog):
    def broken(**_):
        raise ZeroDivisionError

    monkeypatch.setattr(reproduce, "reproduce", broken)
    assert isinstance(qtp("reproduce", "--catalog", catalog).exception, ZeroDivisionError)


def test_red_checks_are_named_and_are_no_failure(monkeypatch, catalog):
    red = [{"notebook": "06_deformation_maps", "line": "largest amplitude: 300 mm (at most 200)"}]
    done = {"ok": True, "report": "report.html", "notebooks": [], "red": red}
    monkeypatch.setattr(reproduce, "reproduce", lambda **_: done)
    told = qtp("reproduce", "--catalog", catalog)
    assert told.exit_code == 0
    assert "red: 06_deformation_maps: largest amplitude: 300 mm (at most 200)" in told.stderr
    assert "red checks: 1" in told.stderr


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("skipped", 0), ("failed", 1)])
def test_reproduce_passes_its_options_on_and_fails_with_the_notebook(monkeypatch, tmp_path, catalog, status, code):
    given = {}

    def run(**options):
        given.update(options)
        row = {"name": "06_deformation_maps", "status": status, "cell": "3 (06-003)", "reason": "ValueError: no"}
        return {"ok": status != "failed", "report": "report.html", "notebooks": [row], "red": []}

    monkeypatch.setattr(reproduce, "reproduce", run)
    options = [
        "--catalog",
        catalog,
        "--out",
        tmp_path,
        "--scene",
        "tiny",
        "--jobs",
        1,
        "--scheduler",
        "tcp://10.0.0.1:8786",
    ]
    monkeypatch.setattr("qtp_toolkit.cli._runs.connected", nullcontext)
    told = qtp("reproduce", "--only", "06,07", "--only", "08", *options)
    assert told.exit_code == code
    assert given["only"] == ["06", "07", "08"]
    assert (given["catalog"], given["out"], given["scene"], given["jobs"]) == (catalog, tmp_path, "tiny", 1)
    assert given["scheduler"] == "tcp://10.0.0.1:8786"
    assert ("FAILED: 06_deformation_maps, cell 3 (06-003): ValueError: no" in told.stderr) == (status == "failed")


def test_a_scheduler_that_does_not_answer_is_one_line_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("qtp_toolkit.cli._shared.CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(reproduce, "reproduce", lambda **_: pytest.fail("ran"))
    told = qtp("reproduce", "--out", tmp_path / "out", "--scheduler", "127.0.0.1:1")
    assert told.exit_code == 1
    assert told.stderr.startswith("error: no dask scheduler answers at 127.0.0.1:1")
    assert not (tmp_path / "out").exists()


def test_an_unknown_notebook_is_one_line(catalog, tmp_path):
    told = qtp("reproduce", "--only", "77", "--catalog", catalog, "--out", tmp_path / "out")
    assert told.exit_code == 1
    assert "No such notebook" in told.stderr


def test_an_interrupt_says_how_to_go_on(monkeypatch, catalog):
    def run(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce, "reproduce", run)
    told = qtp("reproduce", "--catalog", catalog)
    assert told.exit_code == 130
    assert "--only" in told.stderr


def test_an_output_folder_that_cannot_be_made_is_one_line(catalog, tmp_path):
    (tmp_path / "file").write_text("")
    told = qtp("reproduce", "--catalog", catalog, "--out", tmp_path / "file" / "out")
    assert told.exit_code == 1
    assert "error: " in told.stderr


def test_the_scene_in_the_cache_is_the_standard_one():
    assert qtp("scene", "--seed", "7").exit_code == 2


def test_the_scene_of_unknown_size_is_refused(tmp_path):
    told = qtp("scene", "--size", "huge", "--out", tmp_path / "scene")
    assert told.exit_code == 1
    assert "default" in told.stderr


def test_the_dashboard_without_products_says_which_notebook_makes_them(tmp_path):
    told = qtp("dashboard", "--out", tmp_path / "none", "--no-show")
    assert told.exit_code == 1
    assert "run notebook 06_deformation_maps" in told.stderr


def test_errors_are_data_errors():
    with pytest.raises(QtpDataError):
        reproduce.plan([], ["01"])


def test_ingest_looks_at_the_stack_first(tmp_path):
    """I10: wrapped phase is refused before anything is written."""
    for first, second in (("20180106", "20180118"), ("20180118", "20180130")):
        values = np.angle(np.exp(1j * np.linspace(0, 30, 48))).reshape(6, 8).astype("float32")
        tif(tmp_path / f"{first}_{second}.unw.tif", values)
    (tmp_path / "data_catalog.yaml").write_text(
        f"catalog_version: 1\nroots: ['{tmp_path}']\nsources:\n"
        "  interferograms: {kind: ifg_stack, driver: geotiff_stack, provenance: observed,"
        " uri: {phase: '*.unw.tif'}, parameters: {coherence: none}}\n"
    )
    told = qtp("ingest", "--catalog", tmp_path / "data_catalog.yaml", "--out", tmp_path / "store")
    assert told.exit_code == 1
    assert "wrapped" in told.stderr
    assert not (tmp_path / "store").exists()
