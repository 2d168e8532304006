"""The report as one page, the table of paper against run, and the gallery."""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import plot, products, report
from qtp_toolkit.conventions import describe
from qtp_toolkit.report import _figures, _paper
from qtp_toolkit.reproduce import find_notebooks

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def folder():
    """An output folder with two maps, tables, one figure of the paper and one of a notebook."""
    out = products.output_folder()
    rate = np.linspace(-10, 10, 10_001)
    maps = {"linear_rate": rate, "seasonal_amplitude": abs(rate), "linear_rate_std": abs(rate) / 10}
    maps["seasonal_amplitude_std"] = abs(rate)
    grid = {"y": np.arange(73) * -1e3, "x": np.arange(137) * 1e3}
    ds = {n: describe(xr.DataArray(v.reshape(73, 137), grid, ("y", "x")), n) for n, v in maps.items()}
    products.save(xr.Dataset(ds).rio.write_crs("EPSG:32646"), "deformation")
    tests = {"map": ["linear_rate"] * 2, "factor": ["ndvi", "latitude"], "q": [0.1, 0.53], "p": [0.5, 0.07]}
    products.save_table(pd.DataFrame(tests), "q_statistic")
    boxes = {"factor": "slope", "percentile": [50, 50, 98], "left": [0.0, 4.0, 0.0], "quantile": [15.5, 4.7, 30.0]}
    products.save_table(pd.DataFrame(boxes), "box_plots")
    alt = {"station": list("abc"), "alt_m": [1.0, 2.0, 3.0], "alt_calibrated_m": [1.0, 2.0, 3.0]}
    products.save_table(pd.DataFrame(alt | {"amplitude_mm": [2.0, 4.0, 6.0]}), "alt_validation")
    for name in ("fig03", "nb06_fit"):
        ax = plot.deformation_map(ds["linear_rate"], title=name)
        plot.save(ax.figure, name)
        plt.close(ax.figure)
    return out


def run(**extra):
    notebook = {
        "name": "06_deformation_maps",
        "status": "done",
        "seconds": 90.0,
        "cell": "",
        "reason": "",
        "title": EVIL,
    }
    kept = {"ok": True, "title": EVIL, "provenance": ["synthetic"], "catalog": "c.yaml", "seconds": 130.0}
    return {**kept, "notebooks": [{**notebook, "figures": ["fig03"]}], **extra}


class TestPage:
    def test_it_needs_nothing_beside_it_and_links_to_the_pages(self, folder):
        page = report.write(run(), folder).read_text()
        assert re.findall(r'<img src="([^"]{0,12})', page) == ["data:image/w"] * 2
        assert not re.search(r"<script|<link|@import|url\(|https?://", page)
        assert page.count('href="notebooks/06_deformation_maps.html"') == 3
        assert 'name="viewport"' in page

    def test_it_says_first_whether_the_data_are_synthetic(self, folder):
        page = report.write(run(), folder).read_text()
        assert page.index("All data are synthetic") < page.index("<h2>")
        assert "Part of the data" in report.write(run(provenance=["observed", "synthetic"]), folder).read_text()
        assert "synthetic." not in report.write(run(provenance=["observed"]), folder).read_text()

    def test_red_comes_first_and_what_passed_is_folded(self, folder):
        report.check("good", 1, at_most=2)
        report.check("bad", 3, at_most=2, means="look at <the map>")
        failed = {**run()["notebooks"][0], "name": "07_controls", "status": "failed", "reason": EVIL, "cell": "3"}
        page = report.write(run(ok=False, notebooks=[*run()["notebooks"], failed]), folder).read_text()
        assert page.index("What is red") < page.index("The maps")
        assert page.index("bad: 3") < page.index("good: 1")
        assert "look at &lt;the map&gt;" in page
        assert re.search(r"<details open><summary>interactive: 2 checks, .*1 red", page)
        assert "<img src=x" not in page

    def test_it_has_captions_and_times_and_the_numbers_of_the_paper(self, folder):
        page = report.write(run(), folder).read_text()
        assert _figures.FIGURES["fig03"].title in page
        assert "nb06_fit, LOS linear rate (mm/yr)" in page
        assert "90 s in notebooks; 2.2 min in all" in page
        assert "latitude: q 0.53, p 0.07" in page

    def test_a_run_without_anything_has_a_report(self):
        out = products.output_folder()
        out.mkdir(parents=True)
        page = report.write({"ok": True, "notebooks": []}, out).read_text()
        assert "Paper and this run" not in page
        assert "0 passed, 0 red" in page


class TestPaper:
    def test_numbers_are_those_of_the_products(self, folder):
        found = {row[0]: row[3] for row in _paper.beside_paper(folder)}
        assert found["Linear rate (mm/yr), 0.5 to 99.5 %"] == "-10 to 10"
        assert found["Amplitude (mm), mean and largest"] == "5, 99.9 % below 10"
        assert found["Uncertainty of the amplitude"] == "50% below 5 mm, median 5.00"
        assert found["Leading factor of the rate"] == "latitude: q 0.53, p 0.07"
        assert found["Median amplitude at slopes of 0 to 1 and 4 to 5 degrees"] == "15.5 and 4.7 mm"
        assert found["Amplitude against thickness"] == "R2 1.00, RMSE 0.0 mm, 3 stations"
        assert found["Area of the maps (km2)"] == "10,001"

    def test_what_the_run_does_not_have_is_left_out(self, folder):
        found = {row[0] for row in _paper.beside_paper(folder)}
        assert "Interferograms" not in found  # no network
        assert "Leading factor of the amplitude" not in found  # not in the table
        assert "Median amplitude at 1250 and 1500 kg m-3" not in found

    def test_area_in_degrees_is_that_of_the_sphere(self):
        one = xr.DataArray(np.ones((2, 2)), {"y": [60.0, 60.0 - 1e-9], "x": [10.0, 10.5]}, ("y", "x"))
        one = one.assign_coords(y=[60.25, 59.75])
        assert _paper._square_kilometers(one) == pytest.approx(4 * 0.25 * 111.195**2 * 0.5, rel=0.01)


class TestGallery:
    def test_every_figure_stands_with_what_the_paper_shows(self, folder):
        page = report.gallery(folder)
        text = page.read_text()
        assert page == folder / "gallery" / "index.md"
        assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
            figure.title for figure in _figures.FIGURES.values()
        ]
        assert text.count("- **Differs:**") == len(_figures.FIGURES)
        assert sorted(path.name for path in page.parent.iterdir()) == ["fig03.webp", "index.md"]
        assert text.count("This run did not make it.") == len(_figures.FIGURES) - 1

    def test_of_observed_data_nothing_is_claimed(self, folder):
        text = report.gallery(folder, synthetic=False).read_text()
        assert "synthetic" not in text
        assert "**Agrees:**" not in text
        assert text.count("- **Paper:**") == len(_figures.FIGURES)

    def test_it_is_made_anew(self, folder, tmp_path):
        target = tmp_path / "docs"
        report.gallery(folder, target)
        (target / "old.webp").write_bytes(b"")
        report.gallery(folder, target)
        assert not (target / "old.webp").exists()

    def test_the_table_holds_every_figure_of_the_paper_that_the_notebooks_make(self):
        made = {figure for nb in find_notebooks() for figure in nb.figures if figure.startswith("fig")}
        assert set(_figures.FIGURES) == made
        numbers = {*map(str, range(1, 14)), "S1", "S2", "S3"}
        assert {re.search(r"Figure (S?\d+)", figure.title)[1] for figure in _figures.FIGURES.values()} == numbers


def test_the_gallery_of_the_documentation_is_whole_and_small():
    """Made by ``qtp reproduce --gallery docs/gallery``."""
    page = (_docs := find_notebooks()[0].path.parents[1] / "docs" / "gallery") / "index.md"
    images = re.findall(r"^!\[.+\]\((\w+\.webp)\)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert [image.removesuffix(".webp") for image in images] == list(_figures.FIGURES)
    assert sum((_docs / image).stat().st_size for image in images) < 3e6
    assert {path.name for path in _docs.iterdir()} == {*images, "index.md"}
