"""Notebook 05 with delays as others deliver them, from entries of a catalog: what they take out is what they hold."""

from __future__ import annotations

import json
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import delayed_region as region
import numpy as np
import pytest

from qtp_toolkit import open_catalog, products, prospects, report
from qtp_toolkit.reproduce import find_notebooks, notebooks_folder

pytestmark = [pytest.mark.notebooks, pytest.mark.timeout(600)]
ORBITS = ("ascending", "descending")
LABELS = (
    "corrections that are asked for but not there",
    "variance of short pairs after over before the correction",
    "valid pixels that the correction covers",
)


def cells():
    nb = json.loads((notebooks_folder() / "05_time_series.ipynb").read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and "solution" not in tags:
            yield "".join(cell["source"]), "parameters" in tags


def walk(monkeypatch, folder, entries, *, delay, whole=False):
    """Run the notebook's cells here, to the end or to the masks; returns their names."""
    (folder / "data_catalog.yaml").write_text(region.CATALOG + entries)
    monkeypatch.setenv("QTP_CATALOG", str(folder / "data_catalog.yaml"))
    monkeypatch.setenv("QTP_OUTPUT", str(folder / "out"))
    monkeypatch.setenv("QTP_NOTEBOOK", "05_time_series")
    names: dict = {}
    for text, is_parameters in cells():
        if not whole and text.startswith("blank ="):
            break
        exec(text, names)
        names |= {"delay": delay} if is_parameters else {}
    return names


def variances(made, *left):
    """Variance of each pair about a plane, of the named parts alone."""
    y, x = np.mgrid[: region.SHAPE[0], : region.SHAPE[1]].reshape(2, -1)
    plane = np.stack([np.ones(y.size), y, x], axis=1)
    flat = made.phase(*left).reshape(len(region.PAIRS), -1).T
    return (flat - plane @ np.linalg.lstsq(plane, flat, rcond=None)[0]).var(axis=0)


def taken(names, made, part):
    """Hold the gain of a correction, pair by pair, to what the truth has without that part."""
    gain, pairs = names["gain"].sel(correction=names["used"]), names["short"]
    np.testing.assert_allclose(gain["variance_before"], variances(made, *made.parts)[pairs], rtol=2e-3)
    without = variances(made, *(name for name in made.parts if name not in part))[pairs]
    # what is interpolated between coarse points is known to a few per cent; a wrong sign would be off by much more
    apart = abs(gain["variance_after"] - without)
    assert (apart <= 0.05 * without + 0.02 * gain["variance_before"]).all(), apart.values
    assert np.median(without) < 0.9 * float(gain["variance_before"].median()), "else the sign would not tell"
    assert names["used"] not in names["gain"].attrs["raised"].split(", ")
    rows = {row["label"]: row["passed"] for row in report.checks()}
    assert [rows[label] for label in LABELS] == [True] * 3
    left = names["phase"].compute() - made.phase(*(name for name in made.parts if name not in part))
    assert float(left.std(("y", "x")).median()) < 0.15


@pytest.mark.parametrize("orbit", ORBITS)
def test_zenith_delays_of_gacos_by_themselves(tmp_path, monkeypatch, orbit):
    """The only weather model there is: taken without being asked for."""
    made = region.Delayed(orbit)
    names = walk(monkeypatch, tmp_path, region.licsar(tmp_path, made) + region.gacos(tmp_path, made), delay=None)
    assert names["used"] == "gacos"
    taken(names, made, ("troposphere",))
    catalog = open_catalog(tmp_path / "data_catalog.yaml")
    plan = prospects.foresee(catalog, find_notebooks(), dict.fromkeys(catalog, "found"))
    assert "weather" not in str(next(nb.notes for nb in plan if nb.name.startswith("05")))
    (found,) = prospects.look_at_delays(catalog)
    assert found.good
    share = float(names["gain"]["median_ratio"].sel(correction="gacos"))
    assert f"to {share:.2f} of what it was" in found.text


@pytest.mark.parametrize("orbit", ORBITS)
def test_slant_delays_of_licsar(tmp_path, monkeypatch, orbit):
    made = region.Delayed(orbit)
    names = walk(monkeypatch, tmp_path, region.licsar(tmp_path, made, layers="[troposphere]"), delay="troposphere")
    taken(names, made, ("troposphere",))


@pytest.mark.parametrize("orbit", ORBITS)
def test_zenith_delays_of_opera_over_height(tmp_path, monkeypatch, orbit):
    made = region.Delayed(orbit)
    entries = region.licsar(tmp_path, made) + region.dem(tmp_path, made) + region.opera_tropo(tmp_path, made)
    names = walk(monkeypatch, tmp_path, entries, delay="opera_tropo")
    taken(names, made, ("troposphere",))


@pytest.mark.parametrize("orbit", ORBITS)
def test_layers_of_aria_one_by_one_and_together(tmp_path, monkeypatch, orbit):
    """Each by itself to its own part; all of them, through the whole notebook, to the motion."""
    made = region.Delayed(orbit)
    entries = region.aria(tmp_path, made, layers="[incidence, troposphere, ionosphere, tide]")
    for part in ("troposphere", "ionosphere", "tide"):
        taken(walk(monkeypatch, tmp_path, entries, delay=part), made, (part,))
    together = "troposphere+ionosphere+tide"
    taken(walk(monkeypatch, tmp_path, entries, delay=together, whole=True), made, together.split("+"))
    series = products.open("time_series").load()
    assert series.attrs["delay"] == together
    moved = made.parts["rest"] - made.parts["rest"][:1]
    inside = series["reference_area"].values.astype(bool)
    expected = -1000 / region.PER_M * (moved - moved[:, inside].mean(axis=1)[:, None, None])
    assert float(abs(series["displacement"] - expected).median()) < 1.0
    assert float(abs(expected).max()) > 2.0


def test_a_correction_of_the_wrong_sign_is_named(tmp_path, monkeypatch):
    """Zenith delays of a day too late: they raise the variance, and the notebook and the report say so."""
    made = region.Delayed("descending")
    entries = region.licsar(tmp_path, made) + region.gacos(tmp_path, made)
    files = sorted((tmp_path / "gacos").glob("*.ztd"))
    contents = [path.read_bytes() for path in files]
    for path, other in zip(files, contents[1:] + contents[:1], strict=True):
        path.write_bytes(other)
    names = walk(monkeypatch, tmp_path, entries, delay="gacos")
    assert "gacos" in names["gain"].attrs["raised"].split(", ")
    (row,) = (row for row in report.checks() if not row["passed"])
    assert row["label"].startswith("variance of short pairs")
    assert "gacos adds more" in row["means"]
    (found,) = prospects.look_at_delays(open_catalog(tmp_path / "data_catalog.yaml"))
    assert not found.good
    assert "delay gacos" in found.text
    assert "RAISED" in found.text


def test_what_is_asked_for_and_absent_is_told(tmp_path, monkeypatch):
    made = region.Delayed("descending")
    names = walk(monkeypatch, tmp_path, region.licsar(tmp_path, made), delay="era5+gacos")
    assert names["used"] == "none"
    (row,) = (row for row in report.checks() if not row["passed"])
    assert row["value"] == "era5, gacos"


def test_a_delay_of_a_part_of_the_area_is_told(tmp_path, monkeypatch):
    made = region.Delayed("descending")
    entries = region.licsar(tmp_path, made) + region.gacos(tmp_path, made)
    for header in (tmp_path / "gacos").glob("*.rsc"):
        header.write_text(header.read_text().replace("X_FIRST   91.9", "X_FIRST   92.3"))
    walk(monkeypatch, tmp_path, entries, delay="gacos")
    assert "valid pixels that the correction covers" in [row["label"] for row in report.checks() if not row["passed"]]


class TestTides:
    """The cells about tides, with the package and without it."""

    def test_without_the_package_it_says_what_to_install(self, tmp_path, monkeypatch, capsys):
        """N10."""
        monkeypatch.setitem(sys.modules, "pysolid", None)
        made = region.Delayed("descending")
        names = walk(monkeypatch, tmp_path, region.licsar(tmp_path, made), delay="none")
        assert "tide" not in names["delays"]
        assert 'pip install "qtp-toolkit[tides]"' in capsys.readouterr().out

    @pytest.mark.parametrize("orbit", ORBITS)
    def test_with_the_package_the_tide_goes_out(self, tmp_path, monkeypatch, orbit):
        """By the heading and the hour that the producer tells; the package is one that knows the tide of the region."""
        made = region.Delayed(orbit)

        def grid(moment, about, *, step_size, verbose):
            k = [day.date() for day in region.DATES].index(moment.date())
            assert f"{moment:%H:%M}" == "11:45"
            lat = about["Y_FIRST"] + about["Y_STEP"] * np.arange(about["LENGTH"])
            lon = about["X_FIRST"] + about["X_STEP"] * np.arange(about["WIDTH"])
            return made.tide(k, *np.meshgrid(lat, lon, indexing="ij"))

        package = ModuleType("pysolid")
        package.__spec__ = ModuleSpec("pysolid", None)
        package.calc_solid_earth_tides_grid = grid
        monkeypatch.setitem(sys.modules, "pysolid", package)
        monkeypatch.setattr("qtp_toolkit.correct._tides._STEP", 0.05)  # finer: this tide is more curved than a real one
        names = walk(monkeypatch, tmp_path, region.licsar(tmp_path, made), delay="tide")
        taken(names, made, ("tide",))

    def test_real_tides_are_nearly_a_plane(self, tmp_path, monkeypatch):
        pytest.importorskip("pysolid")
        names = walk(monkeypatch, tmp_path, region.licsar(tmp_path, region.Delayed("descending")), delay="none")
        tide = names["delays"]["tide"].compute()
        assert tide.shape == (len(region.DATES), *region.SHAPE)
        assert 5 < float(abs(tide).max()) < 60, "rad: a decimeter or two"
        assert names["gain"]["median_ratio"].sel(correction="tide").item() == pytest.approx(1.0, abs=0.01)
