"""Executed notebooks as pages: equations that browsers draw by themselves, and nothing fetched from elsewhere."""

from __future__ import annotations

import re

import nbformat
import pytest

from qtp_toolkit._pages import equations, write_page
from qtp_toolkit.reproduce import notebooks_folder


def test_closed_form_equations_become_mathml():
    text = equations("With $D_b$ and\n\n$$I = \\max(0, \\sqrt{A_t} * 2)$$\n\nas `$x$` in\n```\ncost = $5 + $6\n```\n")
    assert re.findall(r"<math[^>]*display=\"(\w+)\"", text) == ["inline", "block"]
    assert "<msub><mi>D</mi><mi>b</mi></msub>" in text
    assert "`$x$`" in text
    assert "cost = $5 + $6" in text
    assert not set("*_") & set(re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("path", sorted(notebooks_folder().glob("*.ipynb")), ids=lambda path: path.stem)
def test_property_no_page_shows_tex_or_fetches_anything(path, tmp_path):
    """Every equation of every notebook is drawn; the page has no script, style or image of another host."""
    nb = nbformat.read(path, as_version=4)
    prose = re.sub(
        r"```.*?```|`[^`]*`", "", "".join(c.source for c in nb.cells if c.cell_type == "markdown"), flags=re.S
    )
    write_page(nb, tmp_path / "page.html", title="a <page>")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert html.count("<math") == len(re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", prose, flags=re.DOTALL))
    assert "merror" not in html
    assert not re.findall(r"(?:src|href)=\"https?://[^\"]*\.(?:js|css|png|svg)|import\(\"http", html)
    assert "<title>a &lt;page&gt;</title>" in html
