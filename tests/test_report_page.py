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
from qtp_toolkit.report import _figures, _found, _paper, _read, _statements
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
        assert _read.square_kilometers(one) == pytest.approx(4 * 0.25 * 111.195**2 * 0.5, rel=0.01)


class TestStatements:
    @pytest.mark.parametrize(
        ("value", "paper", "share", "agrees"),
        [(15.0, 10.0, 0.5, True), (15.1, 10.0, 0.5, False), (-8.0, -15.0, 0.5, True), (-7.0, -15.0, 0.5, False),
         (8.0, -15.0, 0.5, False), (130e3, 140e3, 0.1, True)],
    )  # fmt: skip
    def test_a_number_agrees_within_a_share_of_that_of_the_paper(self, value, paper, share, agrees):
        assert _found.near(value, paper, share) is agrees

    @pytest.mark.parametrize(("ice", "agrees"), [([0.4, 2.0], [True, True]), ([1.1, 4.0], [False, False])])
    def test_medians_of_classes_are_read_and_held_against_the_paper(self, folder, ice, agrees):
        boxes = {"factor": "ice", "percentile": 50, "left": [0.0, 0.6], "quantile": ice}
        products.save_table(pd.DataFrame(boxes), "box_plots")
        found = [found for row, found in _paper.found_in(folder, "fig08") if "ice" in row.what]
        assert [one.text for one in found] == [f"{value:.1f} mm/yr" for value in ice]
        assert [one.agrees for one in found] == agrees

    @pytest.mark.parametrize(
        ("last", "text", "agrees"), [(13.0, "too few pixels beyond 14 degrees", False), (20.0, "+2.0 mm", True)]
    )
    def test_steep_slopes_are_compared_if_there_are_any(self, folder, last, text, agrees):
        left = np.arange(0.0, last + 1)
        boxes = {"factor": "slope", "percentile": 50, "left": left, "quantile": np.where(left < 16, 4.0, 6.0)}
        products.save_table(pd.DataFrame(boxes), "box_plots")
        assert (text, agrees) in [found for _, found in _paper.found_in(folder, "fig05")]

    def test_the_number_of_a_check_is_that_of_its_last_run(self, folder):
        for share in (0.9, 0.2):
            report.check("cold permafrost: share of that growth", share, at_most=1.0)
        assert ("20%", True) in [found for _, found in _paper.found_in(folder, "fig08")]

    def test_checks_and_tables_that_are_read_are_those_that_notebooks_make(self):
        sources = " ".join(nb.path.read_text(encoding="utf-8") for nb in find_notebooks())
        checked = [
            row for row in _statements.STATEMENTS if getattr(row.found, "func", None) in (_found.checked, _found.share)
        ]
        assert len(checked) > 10
        for row in checked:
            assert row.found.args[0].replace("QQ'", "{across_valleys}") in sources, row.what
        for name in ("q_statistic", "box_plots", "alt_validation", "local_extremes"):
            assert f', \\"{name}\\")' in sources

    def test_local_regions_are_read_up_and_down(self, folder):
        reach = {"region": ["R1"] * 2 + ["R2"] * 2, "map": ["rate", "amplitude"] * 2}
        reach |= {"low": [-16.0, 0.0, -2.0, 0.0], "high": [9.0, 80.0, 1.0, 44.0]}
        products.save_table(pd.DataFrame(reach), "local_extremes")
        first, second = (_paper.found_in(folder, name) for name in ("fig10", "fig11"))
        assert [found for _, found in first] == [("9 mm/yr", True), ("16 mm/yr", True), ("80 mm", True)]
        assert [found for _, found in second] == [("2 mm/yr", False), ("44 mm", True)]
        assert not _paper.found_in(folder, "fig12")  # there is no third region

    def test_every_figure_of_the_paper_has_a_statement(self):
        assert list(dict.fromkeys(row.figure for row in _statements.STATEMENTS)) == list(_figures.FIGURES)


class TestGallery:
    def test_every_figure_stands_with_what_the_paper_shows(self, folder):
        page = report.gallery(folder)
        text = page.read_text()
        assert page == folder / "gallery" / "index.md"
        assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
            figure.title for figure in _figures.FIGURES.values()
        ]
        assert text.count("- **Made up:**") == len(_figures.FIGURES)
        assert sorted(path.name for path in page.parent.iterdir()) == ["fig03.webp", "index.md"]
        assert text.count("This run did not make it.") == len(_figures.FIGURES) - 1

    def test_what_agrees_and_differs_is_said_in_the_numbers_of_the_run(self, folder):
        text = report.gallery(folder).read_text()
        third = text[text.index("## Figure 3") : text.index("## Figure 4")]
        held = dict(re.findall(r"- \*\*(Agrees|Differs):\*\* (.+)", third))
        assert "Linear rate (mm/yr), 0.5 to 99.5 %: -10 to 10 (paper: around -15 to 15)" in held["Agrees"]
        assert "Side of a pixel: 1000 m (paper: approximately 90 m)" in held["Differs"]
        assert "Amplitude (mm), mean and largest: 5, 99.9 % below 10" in held["Differs"]
        calm = products.open("deformation").load()
        products.save(calm.assign(linear_rate=(calm["linear_rate"] / 10).assign_attrs(calm["linear_rate"].attrs)),
                      "deformation")  # fmt: skip
        text = report.gallery(folder).read_text()
        third = text[text.index("## Figure 3") : text.index("## Figure 4")]
        assert "-1 to 1 (paper" in dict(re.findall(r"- \*\*(Agrees|Differs):\*\* (.+)", third))["Differs"]

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
