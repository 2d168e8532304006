"""Executed notebooks as pages that need nothing from elsewhere: equations are MathML, no script is fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_TEX = re.compile(r"(?P<code>```.*?```|`[^`]*`)|\$\$(?P<block>.+?)\$\$|\$(?P<line>[^$\n]+?)\$", re.DOTALL)
_LINK = re.compile(r"(?P<code>```.*?```|`[^`]*`)|\]\((?P<stem>(?:\.\./)?\w+)\.(?P<kind>ipynb|md)(?=[)#])", re.DOTALL)
_MARKUP = str.maketrans({"*": "&#x2A;", "_": "&#x5F;", "`": "&#x60;"})

_TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block codecell -%}
{%- if 'solution' in cell.metadata.get('tags', []) -%}
<details style="margin:.5em 0 .5em 6.5em"><summary>A solution</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock -%}
{%- block data_png scoped -%}
{%- set alt = (output | get_metadata('alt', 'image/png')) or 'figure' -%}
{{ super() | replace('<img ', '<img alt="' ~ (alt | escape_html) ~ '" ') }}
{%- endblock -%}
"""


def write_page(nb: Any, path: Path, *, title: str) -> None:
    """Write an executed notebook (which is changed) as one HTML file."""
    from nbconvert import HTMLExporter  # noqa: PLC0415

    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = equations(links(cell.source))
        elif "outputs" in cell:  # displays of scripts only, which a page cannot show
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]
    exporter = HTMLExporter(raw_template=_TEMPLATE)
    html, _ = exporter.from_notebook_node(nb, resources={"metadata": {"name": title}})
    path.write_text(html, encoding="utf-8")


def write_text(source: Path, path: Path) -> None:
    """Write a page of Markdown, if there is one, as one HTML file in the looks of the notebooks."""
    if not source.exists():
        return
    from nbformat import v4  # noqa: PLC0415

    page = v4.new_notebook(cells=[v4.new_markdown_cell(source.read_text(encoding="utf-8"))])
    write_page(page, path, title=source.stem)


def links(text: str) -> str:
    """Let links to notebooks, and to a text beside them, lead to their pages."""
    return _LINK.sub(lambda found: found["code"] or f"]({found['stem']}.html", text)


def equations(text: str) -> str:
    """Replace the TeX of Markdown by MathML, which browsers draw by themselves; code stays as it is."""
    return _TEX.sub(_draw, text)


def _draw(found: re.Match) -> str:
    from latex2mathml.converter import convert  # noqa: PLC0415

    if found["code"] is not None:
        return found["code"]
    if found["line"] is not None:
        return convert(found["line"]).translate(_MARKUP)
    return convert(found["block"].strip(), display="block").translate(_MARKUP)
