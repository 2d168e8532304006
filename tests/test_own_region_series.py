"""A region of which a series is there that others inverted, and no interferogram: through the whole workflow."""

from __future__ import annotations

import re

import numpy as np
import pytest
from own_region import region, write
from test_own_region_run import relative

from qtp_toolkit import export, open_catalog, products, prospects, walk
from qtp_toolkit.reproduce import reproduce

SERIES = """\
  series: {kind: dataset, driver: mintpy, uri: mintpy/timeseries.h5, provenance: synthetic}
  temporal_coherence: {kind: raster, driver: mintpy, uri: mintpy/temporalCoherence.h5, provenance: synthetic,
                       parameters: {variable: temporal_coherence}}
"""
SKIPPED = {"04", "09", "10", "14"}  # without interferograms, profiles, regions and tracks


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A region, and the catalog of it that has a series of MintPy in place of interferograms."""
    folder = tmp_path_factory.mktemp("region")
    made = region(1)
    path = write(made, folder / "data")
    text = re.sub(r"^settings:", "settings:\n  ramp: none", path.read_text(), flags=re.MULTILINE)
    path.write_text(text)
    series = walk.displacement(open_catalog(path))
    day = series["time"].values[np.argmin(abs(series["displacement"]).max(("y", "x")).values)]
    export.mintpy(series, path.parent / "mintpy", reference_date=day)
    own = path.with_name("series.yaml")
    own.write_text(re.sub(r"^  interferograms:.*\n(    .*\n)*", "", text, flags=re.MULTILINE) + SERIES)
    assert "interferograms" not in open_catalog(own)
    return made, own


def test_what_will_run_is_told(made):
    answer = prospects.check(open_catalog(made[1]), quick=True)
    said = {nb.name[:3].rstrip("_"): nb for nb in answer.notebooks}
    assert {number for number, nb in said.items() if nb.verdict != "runs"} == SKIPPED | {"05"}
    assert said["05"].notes == ("it needs interferograms",)
    assert not any("no notebook uses" in note for row in answer.sources for note in row["notes"])


@pytest.mark.notebooks
@pytest.mark.timeout(1800)
def test_a_region_with_a_ready_series_makes_its_maps(made, tmp_path, monkeypatch):
    truth, catalog = made
    done = reproduce(catalog=catalog, out=tmp_path / "out", only=["05", "06"], progress=False)
    ran = {nb["name"][:3].rstrip("_"): nb for nb in done["notebooks"]}
    assert {number: nb["status"] for number, nb in ran.items()} == dict.fromkeys(
        ("01", "02", "03", "05b", "06"), "done"
    ) | {"05": "skipped"}
    assert ran["05"]["reason"] == "the catalog has no interferograms"
    assert not ran["05b"]["reason"]
    assert done["red"] == []
    monkeypatch.setenv("QTP_OUTPUT", str(tmp_path / "out"))
    maps = products.open("deformation").load()
    assert float(maps["linear_rate"].notnull().mean()) > 0.85
    for name, limit in (("linear_rate", 0.3), ("seasonal_amplitude", 1.3)):
        assert float(abs(maps[name].values - relative(truth, name)).median()) < limit
