"""Executed notebooks as pages: equations that browsers draw by themselves, and nothing fetched from elsewhere."""

from __future__ import annotations

import os
import re

import nbformat
import pytest

from qtp_toolkit._pages import equations, links, write_page, write_text, write_texts
from qtp_toolkit.reproduce import notebooks_folder

NOTEBOOKS = sorted(notebooks_folder().glob("*.ipynb"))


def test_closed_form_equations_become_mathml():
    text = equations("With $D_b$ and\n\n$$I = \\max(0, \\sqrt{A_t} * 2)$$\n\nas `$x$` in\n```\ncost = $5 + $6\n```\n")
    assert re.findall(r"<math[^>]*display=\"(\w+)\"", text) == ["inline", "block"]
    assert "<msub><mi>D</mi><mi>b</mi></msub>" in text
    assert "`$x$`" in text
    assert "cost = $5 + $6" in text
    assert not set("*_") & set(re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_property_every_equation_of_every_notebook_is_drawn(path):
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    bare = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    drawn = equations(text)
    assert drawn.count("<math") == len(re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", bare, flags=re.DOTALL))
    assert "merror" not in drawn


def test_property_a_page_fetches_nothing(tmp_path):
    """No script, style or image of another host; equations survive the way through Markdown."""
    nb = nbformat.read(NOTEBOOKS[5], as_version=4)
    write_page(nb, tmp_path / "page.html", title="a <page>")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert html.count("<math") == sum(cell.source.count("<math") for cell in nb.cells) > 5
    assert not re.findall(r"(?:src|href)=\"https?://[^\"]*\.(?:js|css|png|svg)|import\(\"http", html)
    assert "<title>a &lt;page&gt;</title>" in html


def test_images_keep_their_words(tmp_path):
    data, metadata = {"image/png": "iVBORw0K"}, {"image/png": {"alt": "fig03: <rate>", "width": 425}}
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("plot.save(fig, 'fig03')", outputs=[output])])
    write_page(nb, tmp_path / "page.html", title="page")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    (image,) = re.findall(r"<img [^>]*iVBORw0K[^>]*>", html.replace("fig03: <rate>", "fig03: &lt;rate&gt;"))
    assert 'alt="fig03: &lt;rate&gt;"' in image
    assert 'width="425"' in image


def test_a_bar_is_its_last_state(tmp_path):
    """It comes in pieces, each of which begins where the one before did."""
    said = ["line one\n", "\r\x1b[2Kbar 0/2", "\r\x1b[2Kbar 1/2", "\r\x1b[2Kbar 2/2\n", "line two\r\n"]
    streams = [nbformat.v4.new_output("stream", name="stderr", text=text) for text in said]
    streams.append(nbformat.v4.new_output("stream", name="stdout", text="line three"))
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("work()", outputs=streams)])
    write_page(nb, tmp_path / "page.html", title="page")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    words = ("line one", "bar 0", "bar 1", "bar 2/2", "line two", "line three")
    assert [html.count(word) for word in words] == [1, 0, 0, 1, 1, 1]


def test_solutions_are_folded(tmp_path):
    nb = nbformat.read(NOTEBOOKS[2], as_version=4)
    solutions = sum("solution" in cell.metadata.get("tags", []) for cell in nb.cells)
    write_page(nb, tmp_path / "page.html", title="page")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert html.count("<summary>A solution</summary>") == solutions >= 3


def test_links_lead_to_pages():
    """Notebooks, glossary and docs; addresses and code stay."""
    assert (
        links("see [06](06_maps.ipynb), [words](glossary.md#l1)") == "see [06](06_maps.html), [words](glossary.html#l1)"
    )
    assert (
        links("[01](../01_modis_lst.ipynb), [words](../glossary.md)")
        == "[01](../01_modis_lst.html), [words](../glossary.html)"
    )
    assert links("[Ramps](../docs/ramps.md), [it](https://doi.org/10.1/a.md)") == (
        "[Ramps](../docs/ramps.html), [it](https://doi.org/10.1/a.md)"
    )
    assert links("`da[0](x)` and [here](#top)") == "`da[0](x)` and [here](#top)"


def test_the_glossary_becomes_a_page(tmp_path):
    write_text(notebooks_folder() / "glossary.md", tmp_path / "glossary.html")
    html = (tmp_path / "glossary.html").read_text(encoding="utf-8")
    assert html.count("<tr>") > 30
    assert "<title>glossary</title>" in html


def test_texts_that_pages_link_to_become_pages(tmp_path):
    """And those that they link to; each once, and again when it has changed."""
    home, out = tmp_path / "home", tmp_path / "out"
    (home / "docs").mkdir(parents=True)
    (out / "notebooks").mkdir(parents=True)
    (home / "docs" / "ramps.md").write_text("# Ramps\n\nSee [data](data.md), [none](gone.md), `export A=$B`.")
    (home / "docs" / "data.md").write_text("# Data\n\nSee [ramps](ramps.md) and [01](../notebooks/01_a.ipynb).")
    page = out / "notebooks" / "01_a.html"
    write_texts(home / "notebooks" / "01_a.ipynb", page, "[Ramps](../docs/ramps.md)")
    assert sorted(path.name for path in (out / "docs").iterdir()) == ["data.html", "ramps.html"]
    html = (out / "docs" / "data.html").read_text()
    assert 'href="ramps.html"' in html
    assert 'href="../notebooks/01_a.html"' in html
    os.utime(home / "docs" / "data.md", (2e9, 2e9))
    (home / "docs" / "ramps.md").unlink()
    write_texts(home / "notebooks" / "01_a.ipynb", page, "[Data](../docs/data.md)")
    assert (out / "docs" / "data.html").stat().st_mtime_ns > (out / "docs" / "ramps.html").stat().st_mtime_ns


def test_answers_are_closed(tmp_path):
    nb = nbformat.read(NOTEBOOKS[2], as_version=4)
    write_page(nb, tmp_path / "page.html", title="page")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    closed = re.findall(r"<details><summary>Answer and why</summary>(.*?)</details>", html, re.DOTALL)
    assert len(closed) == 3
    assert all("<p>" in text for text in closed)
