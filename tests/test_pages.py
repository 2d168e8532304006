"""Executed notebooks as pages: equations that browsers draw by themselves, and nothing fetched from elsewhere."""

from __future__ import annotations

import re

import nbformat
import pytest

from qtp_toolkit._pages import equations, write_page
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
