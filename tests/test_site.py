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


def test_every_page_and_every_room_is_in_the_contents(tool, tmp_path):
    run = tmp_path / "run"
    (run / "notebooks").mkdir(parents=True)
    (run / "notebooks" / "00_start_here.html").write_text('<a href="../docs/data.md">data</a>')
    source = tmp_path / "source"
    source.mkdir()
    tool.stage(source, run)
    contents = (source / "index.md").read_text()
    pages = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert [page for page in pages if contents.count(f"\n{page}\n") != 1] == []
    rooms = {path.stem for path in (source / "api").glob("*.md")} - {"index"}
    assert {"pecm", "inversion", "geodetector", "load", "plot", "export", "slc_pairs"} <= rooms
    assert 'href="../docs/data.html"' in (source / "extra" / "notebooks" / "00_start_here.html").read_text()


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
