"""Build the documentation as a site: the pages of docs/, the gallery, the notebooks of a run, and the API reference.

    uv run --group docs python tools/build_site.py SITE [--run qtp_output]

Nothing is fetched and no notebook is executed: pages, figures and report are those of a finished ``qtp reproduce``;
without ``--run`` the notebooks are shown as they are stored, without results. Warnings are errors, and so are links
that lead nowhere and pages that would load something from elsewhere.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import shutil
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat

import qtp_toolkit
from qtp_toolkit._pages import write_page, write_text
from qtp_toolkit.reproduce import Notebook, find_notebooks, notebooks_folder

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


def stage(folder: Path, run: Path | None) -> None:
    """Gather the sources of the site in ``folder``: pages as they are, the reference and the tables made from code."""
    for name in PAGES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "tools" / "site_conf.py", folder / "conf.py")
    (folder / "static").mkdir()
    (folder / "static" / "site.css").write_text(STYLE, encoding="utf-8")
    (folder / "extra" / "notebooks").mkdir(parents=True)
    _gather_pages(folder / "extra", run)
    (folder / "notebooks.md").write_text(_list_notebooks(find_notebooks(), run), encoding="utf-8")
    _write_reference(folder / "api")
    (folder / "index.md").write_text(_contents(folder), encoding="utf-8")


def _gather_pages(extra: Path, run: Path | None) -> None:
    """Copy what the run left: pages beside figures and report, as they stand to each other in its folder."""
    for nb in find_notebooks() if run is None else ():
        write_page(nbformat.read(nb.path, as_version=4), extra / "notebooks" / f"{nb.name}.html", title=nb.title)
    for page in (run / "notebooks").glob("*.html") if run else ():
        shutil.copy(page, extra / "notebooks")
    write_text(notebooks_folder() / "glossary.md", extra / "notebooks" / "glossary.html")
    for page in (extra / "notebooks").iterdir():
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r'href="\.\./docs/(\w+)\.md', r'href="../docs/\1.html', text), encoding="utf-8")


def _list_notebooks(notebooks: list[Notebook], run: Path | None) -> str:
    told = "as executed on the embedded scene" if run else "as they are stored, without results"
    # Links to pages that Sphinx does not make are written as HTML: it would look for their sources.
    links = [f'<a href="notebooks/{nb.name}.html">{nb.name}</a>' for nb in notebooks]
    rows = [f"| {link} | {nb.title} | {', '.join(nb.figures)} |" for link, nb in zip(links, notebooks, strict=True)]
    head = ["# The notebooks", "", f"The pages below are the notebooks {told}.", ""]
    return "\n".join([*head, "| notebook | what it is about | figures |", "| --- | --- | --- |", *rows, ""])


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
