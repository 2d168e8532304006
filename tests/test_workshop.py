"""The workshop: four short notebooks, a key that is kept apart and runs, plans that add up."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest

from qtp_toolkit import _execute
from qtp_toolkit._execute import Kernels, execute
from qtp_toolkit._pages import write_page
from qtp_toolkit.reproduce import notebooks_folder

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import workshop  # noqa: E402  (beside the package, not in it)

NOTEBOOKS = sorted((notebooks_folder() / "workshop").glob("*.ipynb"))
NAMES = ("1_temperature_and_seasons", "2_from_phase_to_series", "3_the_model", "4_what_controls_it")
HEADINGS = (
    "## Goals",
    "## You need",
    "## A picture first",
    "## What if?",
    "## Your turn",
    "## Summary",
    "## What next",
)


def source(cell):
    return "".join(cell["source"])


def marks(cell):
    return cell["metadata"].get("tags", [])


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def nb(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def prose(nb):
    return "\n".join(source(cell) for cell in nb["cells"] if cell["cell_type"] == "markdown")


@pytest.fixture
def code(nb):
    return [cell for cell in nb["cells"] if cell["cell_type"] == "code"]


def test_there_are_four():
    assert tuple(path.stem for path in NOTEBOOKS) == NAMES


def test_it_is_stored_as_the_others_are(nb, path):
    cells = nb["cells"]
    assert [cell["id"] for cell in cells] == [f"w{path.stem[0]}-{k:03d}" for k in range(len(cells))]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells if "outputs" in cell)


def test_it_has_one_style(prose):
    found = [line.strip() for line in prose.splitlines() if line.strip() in (*HEADINGS, "## Links")]
    assert tuple(found) == (*HEADINGS, "## Links")
    assert "**Question.**" in prose.split("##", maxsplit=1)[0]
    assert re.search(r"^\| Before \| .+ \|$", prose, re.MULTILINE)
    assert "### A common mistake: " in prose


def test_its_minutes_are_those_of_a_lesson(prose):
    (told,) = re.findall(r"^\| Time \| (\d+) minutes: (.+?)\. The computer", prose, re.MULTILINE)
    assert int(told[0]) == 45 == sum(map(int, re.findall(r"\d+", told[1])))


def test_a_picture_comes_before_the_formula(nb):
    texts = [source(cell) for cell in nb["cells"]]
    first = next(k for k, text in enumerate(texts) if "plot.save(" in text)
    assert all(k > first for k, text in enumerate(texts) if "$$" in text)


def test_words_are_in_the_glossary(prose):
    glossary = (notebooks_folder() / "glossary.md").read_text(encoding="utf-8")
    known = " ".join(re.findall(r"^\| \*\*(.+?)\*\*", glossary, re.MULTILINE)).replace("*", "").lower()
    (words,) = re.findall(r"^\| Words \| \[glossary\]\(\.\./glossary\.md\): (.+) \|$", prose, re.MULTILINE)
    assert [word for word in words.split(", ") if word.lower() not in known] == []


def test_its_links_lead_somewhere(prose, path):
    found = re.findall(r"\]\((?!http)([^)#]+)\)", prose)
    assert [link for link in found if not (path.parent / link).exists()] == []


def test_its_code_can_be_typed(code):
    for cell in code:
        lines = [line for line in source(cell).splitlines() if line.strip() and not line.lstrip().startswith("#")]
        assert len(lines) <= 5, source(cell)
        assert all(len(line) <= 100 for line in lines), source(cell)
        tree = ast.parse(source(cell))
        assert not [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda))]
    assert sum(len(source(cell).splitlines()) for cell in code) <= 120


def test_tasks_are_left_open(nb, path):
    """Neither the answers nor a hint at them is in what students get."""
    places = workshop.tasks(nb)
    assert len(places) == 3 == len(re.findall(r"^\*\*\d\.\*\*", "\n".join(map(source, nb["cells"])), re.MULTILINE))
    assert {source(nb["cells"][k]) for k in places} == {"# your code"}
    plain = workshop.KEY.read_text(encoding="ascii")
    for answer in workshop.read_key()[path.stem]:
        assert answer["why"].startswith("**Why.** ")
        assert answer["why"] not in "".join(map(source, nb["cells"]))
        assert "check(" in answer["code"]
    assert not re.search(r"check|Why|print", plain)


def test_the_key_survives_unpacking_and_sealing(tmp_path, monkeypatch):
    answers = workshop.read_key()
    assert tuple(answers) == NAMES
    workshop.unpack(tmp_path)
    monkeypatch.setattr(workshop, "KEY", tmp_path / "sealed.txt")
    workshop.seal(tmp_path)
    assert workshop.read_key() == answers
    assert max(map(len, workshop.KEY.read_text(encoding="ascii").splitlines())) <= 120


def test_the_key_is_not_installed_and_not_packed():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    installed = re.search(r"\[tool.hatch.build.targets.wheel.force-include\]\n(.*?)\n\n", text, re.DOTALL)[1]
    assert "docs" not in installed
    assert workshop.KEY.parent == ROOT / "docs"
    assert list(notebooks_folder().rglob("*key*")) == []


def test_every_start_file_stays_in_its_folder():
    for name, template in workshop.START.items():
        text = template.format(python="3.11")
        assert "--offline --no-index --find-links wheels" in text
        assert "workshop/1_temperature_and_seasons.ipynb" in text, name
        assert not re.search(r"https?:|/(?:home|root|tmp)/", text)


@pytest.mark.skipif(sys.platform == "win32", reason="a file for sh")
def test_a_room_for_another_python_says_so_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "start.sh").write_text(workshop.START["start.sh"].format(python="3.99"), encoding="utf-8")
    done = subprocess.run(["sh", "start.sh"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("This folder is for Python 3.99, which is not here.")
    assert [path.name for path in tmp_path.iterdir()] == ["start.sh"]


def test_plans_leave_time_to_read():
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    told = {}
    for path in notebooks_folder().glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        told[path.stem.split("_")[0]] = int(re.search(r"\| Reading \| (\d+) minutes", text)[1])
    planned = re.findall(r"^\| (\d+) \| ((?:\d\d)(?: and \d\d)?)[:, ]", page, re.MULTILINE)
    assert len(planned) == 6
    for minutes, names in planned:
        assert sum(told[name] for name in names.split(" and ")) <= int(minutes), names


def test_plans_add_up():
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    plans = re.findall(r"^### (.+?)\n\n(\| minutes .*?)\n\n", page, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in plans] == ["Half a day", "One day", "Two days"]
    for name, table in plans:
        rows = [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
        (total,) = re.findall(r"^\| \*\*(\d+)\*\* \|", table, re.MULTILINE)
        assert sum(rows) == int(total), name


def test_links_of_the_teaching_page_lead_somewhere():
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    found = re.findall(r"\]\((?!http)([^)#]+)\)", page)
    assert [link for link in found if not (ROOT / "docs" / link).exists()] == []


def lesson_page(path):
    """Write the page of an executed key, and beside it one for students."""

    def write(nb, page, *, title):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_page(workshop.reopen(deepcopy(nb)), path, title=title)
        write_page(nb, page, title=title)

    return write


def test_a_lesson_for_the_site_gives_no_answer_away(tmp_path):
    keys, answers = sorted(workshop.unpack(tmp_path)), workshop.read_key()
    for key, path in zip(keys, NOTEBOOKS, strict=True):
        nb = nbformat.read(key, as_version=4)
        for k in workshop.tasks(nb):
            nb.cells[k].outputs = [nbformat.v4.new_output("stream", text="the answer")]
        told = json.dumps(workshop.reopen(deepcopy(nb)), ensure_ascii=False)
        assert "the answer" not in told
        assert "**Why.**" not in told
        assert [one["code"] for one in answers[path.stem] if json.dumps(one["code"], ensure_ascii=False) in told] == []
        open_cells = [(cell.cell_type, cell.source) for cell in workshop.reopen(deepcopy(nb)).cells]
        assert open_cells == [(c.cell_type, c.source) for c in nbformat.read(path, as_version=4).cells]
    lesson_page(tmp_path / "open" / "page.html")(nb, tmp_path / "key.html", title="a lesson")
    shown, whole = ((tmp_path / name).read_text() for name in ("open/page.html", "key.html"))
    assert ("the answer" in whole, "the answer" in shown) == (True, False)
    assert shown.count("# your code") == 3


@pytest.mark.notebooks
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_the_key_runs_through(name, tmp_path, monkeypatch):
    """The notebook of the students with the teacher's answers in it, on the tiny scene.

    Without the answers its page joins the run that is kept for the site.
    """
    if kept := os.environ.get("QTP_TEST_RUN"):
        monkeypatch.setattr(_execute, "write_page", lesson_page(Path(kept) / "notebooks" / "workshop" / f"{name}.html"))
    monkeypatch.delenv("QTP_SCENE", raising=False)
    workshop.unpack(tmp_path)
    env = {**os.environ, "QTP_OUTPUT": str(tmp_path / "out"), "QTP_NOTEBOOK": name, "OMP_NUM_THREADS": "1"}
    env |= {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    limits = {"timeout": 300, "kernels": Kernels(), "on_cell": lambda: None}
    done = execute(tmp_path / f"{name}_key.ipynb", out=tmp_path / "out", env=env, **limits)
    assert (done.status, done.reason, done.cell) == ("done", "", "")
    rows = [json.loads(line) for line in (tmp_path / "out" / "checks" / f"{name}.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rows if not row["passed"]] == []
