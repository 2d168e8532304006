"""Executed notebooks as pages that need nothing from elsewhere: equations are MathML, no script is fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_TEX = re.compile(r"(?P<code>```.*?```|`[^`]*`)|\$\$(?P<block>.+?)\$\$|\$(?P<line>[^$\n]+?)\$", re.DOTALL)
_LINK = re.compile(
    r"(?P<code>```.*?```|`[^`]*`)|\]\((?P<stem>(?:\.\./)*(?:\w+/)?\w+)\.(?P<kind>ipynb|md)(?=[)#])", re.DOTALL
)
_OVERWRITTEN = re.compile(r"[^\r\n]*\r(?!\n)")
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
        elif "outputs" in cell:
            cell.outputs = _shown(cell.outputs)
    exporter = HTMLExporter(raw_template=_TEMPLATE)
    html, _ = exporter.from_notebook_node(nb, resources={"metadata": {"name": title}})
    path.write_text(html, encoding="utf-8")


def _shown(outputs: list[Any]) -> list[Any]:
    """Turn outputs into what a terminal shows: of a bar, drawn over itself in many pieces, the last state."""
    out: list[Any] = []
    for output in outputs:
        if not output.get("data", True):  # displays of scripts only, which a page cannot show
            continue
        if out and output.output_type == out[-1].output_type == "stream" and output.name == out[-1].name:
            out[-1].text += output.text
        else:
            out.append(output)
    for output in out:
        if output.output_type == "stream":
            output.text = _OVERWRITTEN.sub("", output.text)
    return out


def write_text(source: Path, path: Path) -> None:
    """Write a page of Markdown, if there is one, as one HTML file in the looks of the notebooks."""
    if not source.exists():
        return
    from nbformat import v4  # noqa: PLC0415

    page = v4.new_notebook(cells=[v4.new_markdown_cell(source.read_text(encoding="utf-8"))])
    write_page(page, path, title=source.stem)


def write_texts(source: Path, path: Path, text: str) -> None:
    """Write the pages of Markdown that a text links to, and those that they link to, each once.

    Parameters
    ----------
    source, path : pathlib.Path
        Where the text lies, and where its page does: links lead from the one to the other's neighbors alike.
    text : str
    """
    for found in _LINK.finditer(text):
        if found["kind"] != "md":
            continue
        other, page = (
            (at.parent / f"{found['stem']}{end}").resolve() for at, end in ((source, ".md"), (path, ".html"))
        )
        if other.exists() and not (page.exists() and page.stat().st_mtime > other.stat().st_mtime):
            page.parent.mkdir(parents=True, exist_ok=True)
            write_text(other, page)
            write_texts(other, page, other.read_text(encoding="utf-8"))


def links(text: str) -> str:
    """Let links to notebooks, and to texts, lead to their pages."""
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
