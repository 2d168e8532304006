"""The tool that changes lines, on a package of one module."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "tools" / "mutate.py"

MODULE = '''"""One line of each kind."""

SPARE = 7


def area(width: float, height: float) -> float:
    """Neither 4 nor 5 here."""
    return width * height


def is_many(count):
    return count > 3
'''
TESTS = """from toy import room

def test_area():
    assert room.area(2.0, 3.0) == 6.0

def test_is_many():
    assert room.is_many(9)
"""
EQUAL = """@ module
- SPARE = 7
+ SPARE = 8
= nobody reads it
"""


@pytest.fixture
def repository(tmp_path):
    files = {"toy/__init__.py": "", "toy/room.py": MODULE, "tests/test_room.py": TESTS, "tools/equal.txt": EQUAL}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_change_is_noticed_or_survives_or_is_named_equal(repository):
    log = repository / "log.jsonl"
    command = [sys.executable, TOOL, "--root", repository, "--package", "toy", "--rooms", "room", "--log", log]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    verdicts = {line: verdict for _, line, *_, verdict in map(json.loads, log.read_text().splitlines())}
    assert verdicts == {3: "equal", 8: "noticed", 12: "survived"}
    assert "toy/room.py:12\n@ is_many\n- return count > 3\n+ return count >" in told
    assert told.count("50% noticed of 2, 0 by time; 1 equal") == 2
    assert (repository / "toy" / "room.py").read_text() == MODULE
