"""Build the documentation as a site: the pages of docs/, the gallery, the notebooks of a run, and the API reference.

    uv run --group docs python tools/build_site.py SITE [--run qtp_output]

Nothing is fetched and no notebook is executed: pages, figures and report are those of a finished ``qtp reproduce``, and
lessons of the workshop those that the tests of ``.ci/run`` left beside them. What a run did not make is shown as it is
stored, without results, and said to be. Every page leads on, back and to the list of all. Warnings are errors, and so
are links that lead nowhere and pages that would load something from elsewhere.
"""

from __future__ import annotations

import argparse
import html
import importlib
import inspect
import re
import shutil
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import nbformat

import qtp_toolkit
from qtp_toolkit._pages import write_page, write_text
from qtp_toolkit.reproduce import find_notebooks, notebooks_folder

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "CITATION.cff")
TOPICS = {
    "Start": ("Start here <README>", "notebooks", "docs/data", "docs/teaching"),
    "How it works": ("docs/theory", "docs/ramps", "docs/gap_fill", "docs/scaling"),
    "How well": (),
    "Reference": ("docs/faults", "docs/decisions", "api/index", "CONTRIBUTING", "CHANGELOG"),
}
"""Pages of the table of contents by heading; every other page of docs/ goes under *How well*."""

STYLE = """math[display="block"] { margin: .6em 0; }
div.math, .math-wrapper, p:has(> math), section > math { overflow-y: hidden; }
"""
"""Equations that are a little higher than their line get no scroll bar of their own."""

BAR = "display:flex;flex-wrap:wrap;gap:.4em 1.6em;padding:.6em 2em;font:14px sans-serif;background:#eef1f4"
"""Looks of the line of links of a notebook's page."""


def stage(folder: Path, run: Path | None) -> None:
    """Gather the sources of the site in ``folder``: pages as they are, the reference and the tables made from code."""
    for name in PAGES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "tools" / "site_conf.py", folder / "conf.py")
    (folder / "static").mkdir()
    (folder / "static" / "site.css").write_text(STYLE, encoding="utf-8")
    lessons = [*_course(), *_workshop()]
    executed = _gather_pages(folder / "extra" / "notebooks", lessons, run / "notebooks" if run else None)
    (folder / "notebooks.md").write_text(_list_lessons(executed), encoding="utf-8")
    _write_reference(folder / "api")
    (folder / "index.md").write_text(_contents(folder), encoding="utf-8")


class Lesson(NamedTuple):
    """A notebook and its page."""

    source: Path
    page: str
    """Below the folder of the pages."""
    title: str
    figures: tuple[str, ...] = ()


def _course() -> list[Lesson]:
    return [Lesson(nb.path, f"{nb.name}.html", nb.title, tuple(nb.figures)) for nb in find_notebooks()]


def _workshop() -> list[Lesson]:
    found = []
    for path in sorted((notebooks_folder() / "workshop").glob("*.ipynb")):
        head = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
        found.append(Lesson(path, f"workshop/{path.stem}.html", head.removeprefix("# ")))
    return found


def _gather_pages(folder: Path, lessons: list[Lesson], run: Path | None) -> dict[Lesson, bool]:
    """Put a page of every lesson below ``folder``, that of the run where it has one, and say where it has."""
    (folder / "workshop").mkdir(parents=True)
    executed = {}
    for number, lesson in enumerate(lessons):
        made, page = run / lesson.page if run else None, folder / lesson.page
        executed[lesson] = made is not None and made.is_file()
        if made is not None and executed[lesson]:
            shutil.copy(made, page)
        else:
            write_page(nbformat.read(lesson.source, as_version=4), page, title=lesson.title)
        before, after = (lessons[k] if 0 <= k < len(lessons) else None for k in (number - 1, number + 1))
        _lead_on(page, "../" * lesson.page.count("/"), before, after)
    write_text(notebooks_folder() / "glossary.md", folder / "glossary.html")
    _lead_on(folder / "glossary.html", "", None, None)
    return executed


def _lead_on(page: Path, up: str, before: Lesson | None, after: Lesson | None) -> None:
    """Put a line of links at the top and the foot of a page."""
    links = [f'<a href="{up}../index.html">qtp_toolkit</a>', f'<a href="{up}../notebooks.html">All notebooks</a>']
    links += [f'<a href="{up}glossary.html">Glossary</a>']
    for lesson, arrow in ((before, "\N{LEFTWARDS ARROW} {}"), (after, "{} \N{RIGHTWARDS ARROW}")):
        links += [f'<a href="{up}{lesson.page}">{arrow.format(html.escape(lesson.title))}</a>'] if lesson else []
    bar = f'<nav aria-label="Notebooks" style="{BAR}">{" ".join(links)}</nav>'
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"(<body[^>]*>)", lambda found: found[1] + bar, text, count=1)
    begin, end = text[: (at := text.rfind("</body>"))], text[at:]
    page.write_text(begin + bar + end, encoding="utf-8")


def _list_lessons(executed: dict[Lesson, bool]) -> str:
    lines = ["# The notebooks", "", "Pages as they were executed on the embedded scene, where a run has them.", ""]
    for name in ("The course", "The workshop"):
        lines += [f"## {name}", "", "| page | what it is about | figures | results |", "| --- | --- | --- | --- |"]
        for lesson, done in executed.items():
            if ("/" in lesson.page) == (name == "The workshop"):
                # Links to pages that Sphinx does not make are written as HTML: it would look for their sources.
                link = f'<a href="notebooks/{lesson.page}">{lesson.source.stem}</a>'
                made = "as executed" if done else "as stored, without results"
                lines.append(f"| {link} | {lesson.title} | {', '.join(lesson.figures)} | {made} |")
        lines.append("")
    words = "Words are explained in the"
    return "\n".join([*lines, f'{words} <a href="notebooks/glossary.html">glossary</a>.', ""])


def _write_reference(folder: Path) -> None:
    """One page a room, from its docstrings; functions in the order of ``__all__``, or of the source."""
    folder.mkdir()
    names = [name for name in qtp_toolkit.__all__ if inspect.ismodule(getattr(qtp_toolkit, name)) and name != "kernels"]
    for name in names:
        module = importlib.import_module(f"qtp_toolkit.{name}")
        options = [":members:", ":imported-members:"] if hasattr(module, "__all__") else [":members:"]
        text = [f"# qtp_toolkit.{name}", "", "```{eval-rst}", f".. automodule:: qtp_toolkit.{name}"]
        text += [*(f"   {option}" for option in options), "```", ""]
        (folder / f"{name}.md").write_text("\n".join(text), encoding="utf-8")
    listed = [f"| [{name}]({name}.md) | {_first_line(name)} |" for name in names]
    toc = ["```{toctree}", ":hidden:", "", *names, "```", ""]
    head = ["# API reference", "", "| room | what it holds |", "| --- | --- |"]
    (folder / "index.md").write_text("\n".join([*head, *listed, "", *toc]), encoding="utf-8")


def _first_line(name: str) -> str:
    return (getattr(qtp_toolkit, name).__doc__ or "").strip().splitlines()[0].replace("``", "`").replace(":mod:", "")


def _contents(folder: Path) -> str:
    """Write the front page: the README's first words, and every page once."""
    named = {page for pages in TOPICS.values() for page in pages}
    found = (path.relative_to(folder).with_suffix("") for path in folder.glob("docs/**/*.md"))
    topics = TOPICS | {"How well": tuple(sorted(page.as_posix() for page in found if page.as_posix() not in named))}
    text = ["# qtp_toolkit", ""]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## ")[0].split("\n", 1)[1].strip()
    text += [readme, ""]
    for topic, pages in topics.items():
        text += ["```{toctree}", f":caption: {topic}", ":maxdepth: 1", "", *pages, "```", ""]
    return "\n".join(text)


class Links(HTMLParser):
    """The links and anchors of one page, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.anchors |= {found[key] for key in ("id", "name") if key in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("script", "img", "iframe") or (tag == "link" and found.get("rel") in ("stylesheet", "icon")):
            self.loads += [target for target in (found.get("src"), found.get("href")) if target]


def broken(site: Path) -> list[str]:
    """Links of all pages that lead to no file or anchor of the site, and what pages would load from elsewhere."""
    pages = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    wrong = []
    for path, page in pages.items():
        where = path.relative_to(site)
        wrong += [f"{where}: loads {target}" for target in page.loads if urlsplit(target).scheme in ("http", "https")]
        for link in {*page.links, *page.loads}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                wrong.append(f"{where}: {link} leads to no file")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{where}: {link} leads to no place in its page")
    return wrong


def _read(path: Path) -> Links:
    page = Links()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def main() -> int:
    """Build and check; 1 with a list of what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("--run", type=Path, help="output folder of a finished qtp reproduce")
    said = parser.parse_args()
    if said.run and not any((said.run / "notebooks").glob("*.html")):
        parser.error(f"{said.run} holds no executed pages: run qtp reproduce --out {said.run} first")
    if said.site.exists() and any(said.site.iterdir()):
        if not (said.site / ".buildinfo").exists():
            parser.error(f"{said.site} is not empty and holds no site: give another folder")
        shutil.rmtree(said.site)
    from sphinx.cmd.build import main as sphinx_build  # noqa: PLC0415  (the check of links does without)

    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source"
        source.mkdir()
        stage(source, said.run)
        options = ["-b", "html", "-W", "--keep-going", "-q", "-d", f"{name}/doctrees"]
        if sphinx_build([*options, str(source), str(said.site)]):
            return 1
    wrong = broken(said.site.resolve())
    print("\n".join([*wrong, f"{len(list(said.site.rglob('*.html')))} pages, {len(wrong)} broken links: {said.site}"]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
