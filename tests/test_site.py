"""The documentation as a site: its sources are gathered whole, its links are followed. The build itself: .ci/run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("build_site", ROOT / "tools" / "build_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def staged(tool, tmp_path, monkeypatch):
    """Sources of a site from a run that has two pages; the others are as they are stored, and short here."""
    run = tmp_path / "run"
    (run / "notebooks" / "workshop").mkdir(parents=True)
    page = '<body class="notebook"><p>executed</p><a href="../{}docs/data.html">data</a></body>'
    (run / "notebooks" / "00_start_here.html").write_text(page.format(""))
    (run / "notebooks" / "workshop" / "3_the_model.html").write_text(page.format("../"))
    short = "<body><p>stored</p></body>"
    monkeypatch.setattr(tool, "write_page", lambda nb, path, *, title: path.write_text(short))
    source = tmp_path / "source"
    source.mkdir()
    tool.stage(source, run)
    return source


def test_every_page_and_every_room_is_in_the_contents(staged):
    source = staged
    contents = (source / "index.md").read_text()
    pages = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert [page for page in pages if contents.count(f"\n{page}\n") != 1] == []
    rooms = {path.stem for path in (source / "api").glob("*.md")} - {"index"}
    assert {"pecm", "inversion", "geodetector", "load", "plot", "export", "slc_pairs"} <= rooms


def test_every_notebook_and_lesson_has_a_page_that_leads_on(tool, staged):
    """In the order of the course, then of the workshop; those of the run as executed, and none twice."""
    pages = staged / "extra" / "notebooks"
    order = [path.relative_to(tool.notebooks_folder()) for path in sorted(tool.notebooks_folder().glob("*.ipynb"))]
    order += [Path("workshop") / path.name for path in sorted((tool.notebooks_folder() / "workshop").glob("*.ipynb"))]
    assert len(order) >= 17
    at, walked = pages / order[0].with_suffix(".html"), []
    while at is not None and len(walked) < 99:
        walked.append(at.relative_to(pages).with_suffix(".ipynb"))
        found = tool.Links()
        found.feed(at.read_text())
        onward = [link for link in found.links if link.endswith(".html") and "docs/" not in link]
        leads = [(at.parent / link).resolve() for link in onward]
        assert leads[:3] == [
            staged / "extra" / name for name in ("index.html", "notebooks.html", "notebooks/glossary.html")
        ]
        half = len(leads) // 2
        assert leads[:half] == leads[half:]  # at the top and at the foot
        last, here = leads[half - 1], order.index(walked[-1])
        at = last if here + 1 < len(order) else None
        assert here == 0 or pages / order[here - 1].with_suffix(".html") in leads
    assert walked == order
    for name, up in (("00_start_here", ""), ("workshop/3_the_model", "../")):
        text = (pages / f"{name}.html").read_text()
        assert "executed" in text
        assert f'href="../{up}docs/data.html"' in text
    assert "stored" in (pages / "06_deformation_maps.html").read_text()
    listed = (staged / "notebooks.md").read_text()
    assert listed.count("| as executed |") == 2
    assert listed.count("| as stored, without results |") == len(order) - 2
    assert all(f'"notebooks/{path.with_suffix(".html").as_posix()}"' in listed for path in order)


def test_links_that_lead_nowhere_and_pages_that_fetch_are_named(tool, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").write_text('<h1 id="here">Here</h1>')
    (tmp_path / "a.html").write_text(
        '<a href="folder/">good</a><a href="folder/#here">good</a><a href="https://example.org">elsewhere</a>'
        '<a href="folder/index.html#there">1</a><a href="gone.html">2</a><script src="https://example.org/x.js"></script>'
    )
    assert sorted(tool.broken(tmp_path)) == [
        "a.html: folder/index.html#there leads to no place in its page",
        "a.html: gone.html leads to no file",
        "a.html: loads https://example.org/x.js",
    ]


def test_a_folder_that_holds_something_else_is_left_alone(tool, tmp_path, monkeypatch, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.setattr("sys.argv", ["build_site.py", str(tmp_path)])
    with pytest.raises(SystemExit):
        tool.main()
    assert "is not empty and holds no site" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"
