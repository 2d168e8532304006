"""Checks that can fail, and the one report of a run."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from qtp_toolkit import report
from qtp_toolkit.conventions import QtpDataError


def test_a_check_says_and_keeps_what_it_found(monkeypatch):
    monkeypatch.setenv("QTP_NOTEBOOK", "06_deformation_maps")
    line = report.check("median error of the rate", np.float32(0.25), at_most=0.5, unit="mm/yr")
    assert line == "median error of the rate: 0.25 mm/yr (at most 0.5)"
    (row,) = report.checks()
    assert (row["notebook"], row["value"], row["passed"]) == ("06_deformation_maps", 0.25, True)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(145146.6, "145147"), (-12345.6, "-12346"), (9999.4, "9999"), (0.00123456, "0.001235"), (2e12, "2e+12"), (3, "3")],
)
def test_numbers_are_shown_as_one_reads_them(value, shown):
    assert report.check("number", value, at_most=1e15).startswith(f"number: {shown} (")


@pytest.mark.parametrize(
    ("value", "limits", "passes"),
    [
        (1.0, {"at_most": 1.0}, True),
        (1.1, {"at_most": 1.0}, False),
        (1.0, {"at_least": 1.0}, True),
        (0.9, {"at_least": 1.0}, False),
        (0.5, {"at_least": 0.0, "at_most": 1.0}, True),
        (float("nan"), {"at_most": 1.0}, False),
        (float("nan"), {"at_least": 1.0}, False),
        (3, {"equals": 3}, True),
        (3.2, {"equals": 3.0, "tolerance": 0.25}, True),
        (3.3, {"equals": 3.0, "tolerance": 0.25}, False),
        (float("nan"), {"equals": 3.0, "tolerance": 9.0}, False),
        ("slope", {"equals": "slope"}, True),
        ("slope", {"equals": "ndvi"}, False),
        (np.bool_(True), {"equals": True}, True),
        (xr.DataArray(2.0).chunk(), {"at_most": 3}, True),
    ],
)
def test_limits_are_closed_and_nan_never_passes(value, limits, passes):
    if passes:
        report.check("it", value, **limits)
    else:
        with pytest.raises(AssertionError, match="it: "):
            report.check("it", value, **limits)
    assert [row["passed"] for row in report.checks()] == [passes]


def test_a_check_without_limit_is_refused():
    with pytest.raises(QtpDataError, match="no limit"):
        report.check("it", 1.0)


def test_the_last_of_a_label_counts():
    with pytest.raises(AssertionError):
        report.check("it", 2, at_most=1)
    report.check("it", 1, at_most=1)
    assert [row["passed"] for row in report.checks()] == [True]


def test_the_report_tells_all_and_escapes(tmp_path):
    out = tmp_path / "output"
    report.check("<img src=x onerror=alert(1)>", 1, at_most=2)
    (out / "figures").mkdir()
    (out / "figures" / "fig03.png").write_bytes(b"")
    notebooks = [
        {"name": "00_start_here", "status": "done", "seconds": 1.25, "cell": "", "reason": ""},
        {"name": "01_modis_lst", "status": "skipped", "seconds": 0.0, "cell": "", "reason": "the catalog has no a|b"},
    ]
    path = report.write({"ok": True, "catalog": "c.yaml", "scene": "tiny", "notebooks": notebooks}, out)
    page = path.read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert 'src="figures/fig03.png"' in page  # no picture, listed all the same
    assert "the catalog has no a|b" in page
    assert "a\\|b" in (out / "report.md").read_text()
    told = json.loads((out / "report.json").read_text())
    assert told["versions"]["xarray"]
    assert told["figures"] == ["figures/fig03.png"]
    assert len(told["checks"]) == 1


def test_a_physical_check_teaches_and_goes_on():
    line = report.check("amplitude", 3.0, at_most=2.0, unit="mm", means="look at the reference")
    assert line == "amplitude: 3 mm (at most 2)"
    (row,) = report.checks()
    assert (row["passed"], row["means"]) == (False, "look at the reference")


def test_a_broken_input_stops_and_says_what_it_means():
    with pytest.raises(AssertionError, match=r"amplitude: nan \(at most 2\). all NaN"):
        report.check("amplitude", float("nan"), at_most=2.0, means="all NaN", stop=True)


def test_red_checks_come_first_in_the_report(tmp_path):
    out = tmp_path / "output"
    report.check("good", 1, at_most=2)
    report.check("bad", 3, at_most=2, means="look at <the map>")
    page = report.write({"ok": True, "notebooks": []}, out).read_text()
    assert page.index("bad: 3") < page.index("good: 1")
    assert "<b>bad: 3 (at most 2)</b><br>look at &lt;the map&gt;" in page
    assert "1 passed, 1 red" in page


def test_versions_are_those_that_are_installed():
    said = report.versions()
    assert said["numpy"] == np.__version__
    assert said["xarray"] == xr.__version__
    assert said["python"].count(".") == 2
