"""The region of notebook 12: written as its producers deliver it, opened by the catalogs of docs/data.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import xarray as xr
import yaml
from typer.testing import CliRunner

from qtp_toolkit import cli, conventions, correct, grid, inversion, lst, open_catalog, pecm, prospects, regions, seasons
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.synthetic import formats, write_region
from qtp_toolkit.synthetic.interferograms import interferograms
from qtp_toolkit.synthetic.observe import incidence_map
from qtp_toolkit.synthetic.region import WINDOW
from qtp_toolkit.synthetic.truth import frame_of

ROOT = Path(__file__).resolve().parents[1]
PRODUCERS = ("LiCSAR", "HyP3")
SMALL = (slice(240, 252), slice(109, 127))


def taught():
    """The two catalogs of docs/data.md, by producer."""
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(catalog_version.*?)```", page, re.DOTALL)
    return dict(zip(PRODUCERS, blocks, strict=True))


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    """The region on disk, its truth, and the catalogs of the page beside it."""
    folder = tmp_path_factory.mktemp("region")
    truth = write_region(folder / "data")
    for name, text in taught().items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    catalogs = {name: open_catalog(folder / f"{name}.yaml") for name in PRODUCERS}
    return SimpleNamespace(folder=folder, truth=truth, catalogs=catalogs)


def on(da, truth):
    """Bring maps to the grid of the truth: each pixel the nearest."""
    return grid.match(da, truth, resampling="nearest")


# what is written


def test_the_page_and_the_notebook_teach_the_same_catalogs():
    nb = json.loads((ROOT / "notebooks" / "12_your_own_data.ipynb").read_text(encoding="utf-8"))
    typed = ["".join(cell["source"]) for cell in nb["cells"] if "catalog" in cell["metadata"].get("tags", [])]
    said = {}
    exec("\n".join(typed), said)
    assert {name: yaml.safe_load(text) for name, text in said["texts"].items()} == {
        name: yaml.safe_load(text) for name, text in taught().items()
    }


def test_the_same_seed_gives_the_same_bytes_and_nothing_else_is_replaced(tmp_path):
    few = {"window": SMALL, "pairs": slice(0, 3)}
    for name in ("one", "two"):
        write_region(tmp_path / name, **few)
    written = [
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")} for n in ("one", "two")
    ]
    assert written[0] == written[1]
    assert len([path for path in written[0] if path.name.endswith("unw.tif")]) == 3
    write_region(tmp_path / "one", **few | {"pairs": slice(0, 2)})
    assert len(list((tmp_path / "one").glob("GEOC/*_*/*.unw.tif"))) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(QtpDataError, match="something else"):
        write_region(tmp_path / "mine", **few)
    with pytest.raises(QtpDataError, match="no pixels"):
        write_region(tmp_path / "far", window=(slice(900, 910), slice(0, 5)))


def test_look_vectors_are_those_of_a_descending_orbit_that_looks_right(region):
    east, north, up = (rasterio.open(path).read(1) for path in sorted(region.folder.glob("data/GEOC/metadata/*.tif")))
    inside = up > 0
    np.testing.assert_allclose((east**2 + north**2 + up**2)[inside], 1, atol=1e-6)
    assert (east[inside] > 0.4).all()
    assert (north[inside] < 0).all()
    (above,), (bearing,) = (
        [rasterio.open(path).read(1) for path in region.folder.glob(f"data/hyp3/*/*_lv_{part}.tif")]
        for part in ("theta", "phi")
    )
    np.testing.assert_allclose(bearing, np.arctan2(north[inside], east[inside]).mean(), atol=1e-6)
    np.testing.assert_allclose(np.sin(above).mean(), up[inside].mean(), atol=1e-3)


@pytest.mark.parametrize(("heading", "bearing"), [(-170.0, -10.0), (190.0, -10.0), (-10.0, -170.0), (350.0, -170.0)])
def test_bearings_are_counted_from_the_east_the_other_way_round(tmp_path, region, heading, bearing):
    look = incidence_map(frame_of(region.truth))
    formats.hyp3_look(tmp_path, look, heading=heading)
    (path,) = tmp_path.glob("*_lv_phi.tif")
    np.testing.assert_allclose(np.rad2deg(rasterio.open(path).read(1)), bearing, atol=1e-4)


# what is read


@pytest.mark.parametrize("name", PRODUCERS)
def test_every_source_opens_lazily_and_the_check_finds_it(region, name, no_compute):
    catalog = region.catalogs[name]
    with no_compute():
        opened = {source: catalog[source] for source in catalog}
    assert set(opened) == {"modis_lst", "interferograms", "incidence"}
    assert opened["interferograms"]["phase"].chunks is not None
    answer = prospects.check(catalog)
    assert answer.lacking == []
    told = "\n".join(answer.lines())
    assert CliRunner().invoke(cli.app, ["check", "--catalog", str(catalog.path)]).stdout.endswith(f"\n{told}\n")
    assert max(map(len, answer.lines(width=60))) <= 60
    assert " ".join(answer.lines(width=60)).split() == told.split()
    assert "3 of 3 sources found" in told
    assert "one of 118 acquisitions" in told
    assert {nb.name[:2] for nb in answer.notebooks if nb.verdict == "runs"} >= {f"0{k}" for k in range(9)}


@pytest.mark.parametrize("name", PRODUCERS)
def test_phase_coherence_and_angle_come_back(region, name):
    """HyP3 to a step and a half of its rounding (0 is no data); LiCSAR as it is, coherence to half a byte."""
    frame = frame_of(region.truth)
    given, back = interferograms(region.truth).compute(), region.catalogs[name]["interferograms"].load()
    np.testing.assert_array_equal(back["secondary"].values, given["secondary"].values)
    angle = region.catalogs[name]["incidence"].load()
    assert float(abs(on(angle, region.truth) - incidence_map(frame)).max()) < 0.02
    if name == "HyP3":
        np.testing.assert_allclose(back["phase"], given["phase"], atol=1.5 / 1024)
        np.testing.assert_allclose(back["coherence"], given["coherence"], atol=1 / 512)
        np.testing.assert_array_equal(back["perpendicular_baseline"], given["perpendicular_baseline"])
        return
    at = on(back, region.truth)
    same = at["phase"][7].values == given["phase"][7].values
    known = np.isfinite(given["phase"][7].values)
    assert same.sum() > 0.5 * known.sum()
    assert np.isin(back["phase"][7].values[np.isfinite(back["phase"][7])], given["phase"][7].values).all()
    gray = abs(at["coherence"][7].values - given["coherence"][7].values)[same]
    assert gray.max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("name", PRODUCERS)
def test_the_truth_comes_back_through_both_readers(region, name):
    """Two sources, a ratio of 1, equal weights of the overpasses: 0.5 mm/yr and 2.5 mm, as the notebook states."""
    catalog = region.catalogs[name]
    filled = lst.fill_gaps(lst.mask_quality(catalog["modis_lst"]).compute())
    daily = lst.to_daily(lst.daily_mean(filled).where(filled["reason"] == 0))
    stack, ends = catalog["interferograms"].load(), ["thaw_onset_mean", "freeze_onset_mean"]
    dates, onsets = np.union1d(stack["reference"], stack["secondary"]), seasons.onsets(daily)[ends]
    sums = seasons.degree_days(daily, *onsets.data_vars.values(), dates=dates).assign(onsets)
    index = pecm.indices(sums, 1.0, like=stack, dates=dates).compute()
    planes = correct.choose_ramp(stack["phase"], "weighed", weight=stack["coherence"], indices=index)
    about = {"point": catalog.settings.reference_point, "radius_m": catalog.settings.reference_radius_m}
    area = correct.choose_reference(stack["coherence"], **about)
    seen = correct.set_reference(correct.deramp(stack["phase"], ramp=planes), area)
    solved = inversion.invert(seen, stack["coherence"], reference_date=catalog.settings.reference_date)
    moved = conventions.phase_to_displacement(solved["phase"])
    maps = pecm.fit(moved, index["linear_index"], index["composite_index"], peak_index=index["peak_index"])
    for layer, limit in (("linear_rate", 0.5), ("seasonal_amplitude", 2.5)):
        known = regions.rereference(region.truth[layer], about["point"], radius_m=3000, statistic="mean")
        assert float(abs(on(maps[layer], region.truth) - known).median()) < limit
        assert float(xr.corr(on(maps[layer], region.truth), known)) > 0.8


def test_the_region_is_the_crop_that_it_names(region):
    assert dict(region.truth.sizes) | {"time": 0} == {"time": 0, "y": 40, "x": 60}
    assert (region.truth.attrs["first_row"], region.truth.attrs["first_column"]) == (WINDOW[0].start, WINDOW[1].start)
    assert 0 < int(region.truth["lake"].sum()) < 240
