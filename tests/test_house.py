"""House rules of the code base that no linter knows."""

from __future__ import annotations

import ast
import importlib
import pickle
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qtp_toolkit"
SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_file_keeps_the_house_rules(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    tree = ast.parse(text)
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "print" not in called
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)]
    assert not re.search(r"allow_pickle\s*=\s*True|read_pickle|yaml\.load\(|sys\.path|os\.chdir", text)
    starts = re.findall(r"\bClient\((?!os\.environ\['QTP_SCHEDULER'\]|scheduler,)", text)
    assert not starts, "the package connects to a scheduler that was named"
    assert "Cluster(" not in text, "the package starts no cluster"


def test_kernels_pickle_and_start_no_threads_of_their_own():
    """Workers get them by pickle; as many run at once as dask has threads."""
    found = 0
    for path in sorted(PACKAGE.glob("**/kernels/[!_]*.py")):
        room = ".".join(path.relative_to(PACKAGE).parent.parts)
        module = importlib.import_module(f"qtp_toolkit.{room}.{path.stem}")
        own = [obj for name, obj in vars(module).items() if name[0] != "_" and obj.__class__.__name__ != "_Feature"]
        for function in (f for f in own if callable(f) and getattr(f, "__module__", "") == module.__name__):
            assert pickle.loads(pickle.dumps(function)) is function, function
            found += 1
        assert not re.search(r"parallel\s*=\s*True|prange", path.read_text(encoding="utf-8"))
    assert found > 50


def committed():
    suffixes = {".py", ".md", ".yaml", ".yml", ".toml", ".ipynb", ".cff", ".txt", ""}
    folders = ["qtp_toolkit", "tests", "docs", "benchmarks", "tools", "notebooks", ".ci"]
    top = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in suffixes and path.name != "uv.lock"]
    below = [
        path for name in folders for path in (ROOT / name).rglob("*") if path.is_file() and path.suffix in suffixes
    ]
    return [path for path in [*top, *below] if not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)]


def test_nothing_names_a_machine():
    words = re.compile(r"/(?:work|root|home/\w+|Users/\w+)/|C:\\\\Users")
    named = [
        str(p.relative_to(ROOT)) for p in committed() if words.search(p.read_text(encoding="utf-8", errors="replace"))
    ]
    assert [name for name in named if name != "tests/test_house.py"] == []


def requirement(text):
    match = re.match(r"([A-Za-z0-9_.-]+)\s*(>=[\d.]+)?", text)
    return match[1].lower(), match[2] or ""


def test_every_dependency_has_a_version_that_was_tried():
    """For pip in constraints.txt, for uv in pyproject.toml: the same ones."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tried = [line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    assert set(tried) <= set(project["tool"]["uv"]["constraint-dependencies"])
    names = {line.partition("==")[0] for line in tried}
    assert [line for line in project["project"]["dependencies"] if requirement(line)[0] not in names] == []


def test_the_conda_environment_is_in_step_with_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    listed = dict(requirement(line) for line in conda if isinstance(line, str))
    names = {"dask": "dask-core", "datashader": "datashader", "matplotlib": "matplotlib-base"}
    for line in project["dependencies"]:
        name, floor = requirement(line)
        found = next((listed[key] for key in (name, names.get(name, name)) if key in listed), None)
        assert found == floor, f"environment.yml: {name}{floor} expected, found {found}"
    assert listed["python"] == project["requires-python"]


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f'__version__ = "{project["version"]}"' in (PACKAGE / "__init__.py").read_text()
    assert f"version: {project['version']}" in (ROOT / "CITATION.cff").read_text()


def test_every_listed_fault_has_a_test_that_names_it():
    listed = set(
        re.findall(r"^\| ([A-Z]\d\d)", (ROOT / "docs" / "faults.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    named = set(re.findall(r"\b[A-Z]\d\d\b", text))
    assert {kind: sum(fault[0] == kind for fault in listed) for kind in "MSPIRNC"} == {
        "M": 29,
        "S": 10,
        "P": 15,
        "I": 35,
        "R": 16,
        "N": 10,
        "C": 13,
    }
    assert listed <= named, listed - named


def test_the_list_of_faults_names_tests_that_exist():
    """Each in the file that stands before it, if one does in its line."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    absent = []
    for line in (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines():
        where = "\n".join(texts.values())
        for file, name in re.findall(r"\b(test_[a-z0-9_]+\.py)|\b(test_[a-z0-9_]+)\b(?!\.py)", line):
            where = texts[file] if file else where
            absent += [name] if name and f"def {name}(" not in where else []
    assert not absent
