"""Compiling of kernels: an edit is never answered by old code, and nothing needs a folder that cannot be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from qtp_toolkit.inversion.kernels import lanes
from qtp_toolkit.kernels import _jit

PACKAGE = Path(_jit.__file__).resolve().parents[1]

INVERT = """
import numpy as np
from qtp_toolkit.inversion.kernels.elimination import plan_elimination
from qtp_toolkit.inversion.kernels.irls import invert_network
pairs = np.array([[0, 1], [1, 2], [0, 2]])
plan = plan_elimination(3, pairs[:, 0], pairs[:, 1], 0)
phase = np.repeat(np.array([[1.0], [2.0], [3.0]]), 4, axis=1)
found = invert_network(phase, None, plan, table=np.ones(2), epsilons=np.array([]))
print(found.series[:, 0].round(6).tolist())
"""


@pytest.fixture
def copy(tmp_path):
    """The package in a folder of its own."""
    shutil.copytree(PACKAGE, tmp_path / "copy" / "qtp_toolkit", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "copy"


def run(*command, cwd, **env):
    names = ("NUMBA_CACHE_DIR", "PYTHONPATH")
    env = {key: value for key, value in os.environ.items() if key not in names} | {"PYTHONPATH": str(cwd)} | env
    done = subprocess.run([sys.executable, *command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_edited_kernel_gives_new_numbers_in_the_files_that_compiled_it_in(copy, tmp_path):
    """Numba looks at irls.py only; what is edited here stands in laplacian.py, which irls.py compiles in."""
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert run("-c", INVERT, cwd=copy, **env) == "[0.0, 1.0, 3.0]"
    kernel = copy / "qtp_toolkit" / "inversion" / "kernels" / "laplacian.py"
    text = kernel.read_text(encoding="utf-8")
    edited = text.replace("spread(step, pace)", "spread(step, 2.0 * pace)")
    assert edited != text
    kernel.write_text(edited, encoding="utf-8")
    assert run("-c", INVERT, cwd=copy, **env) == "[0.0, 2.0, 6.0]"


def test_works_with_nothing_writable_but_a_temporary_folder(copy, tmp_path):
    """A file stands where a folder would have to be made: that stops even root."""
    (tmp_path / "file").touch()
    for folder in [copy / "qtp_toolkit", *(p for p in (copy / "qtp_toolkit").rglob("*") if p.is_dir())]:
        (folder / "__pycache__").touch()
    closed = str(tmp_path / "file" / "home")
    (tmp_path / "tmp").mkdir()
    env = {"HOME": closed, "XDG_CACHE_HOME": closed, "USERPROFILE": closed, "TMPDIR": str(tmp_path / "tmp")}
    assert "Usage: qtp" in run(
        "-c", "from qtp_toolkit.cli import app; app(['--help'], prog_name='qtp')", cwd=copy, **env
    )
    assert run("-c", INVERT, cwd=copy, **env) == "[0.0, 1.0, 3.0]"
    assert list((tmp_path / "tmp").rglob("*.nbi")), "cached where it can be"


def test_no_folder_at_all_means_no_cache_and_no_failure(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    _jit.cache_folder.cache_clear()
    monkeypatch.setattr(_jit, "_parents", lambda: iter([tmp_path / "file" / "below"]))
    try:
        assert _jit.cache_folder() is None
        assert _jit.exact(lambda x: x + 1)(2) == 3
    finally:
        _jit.cache_folder.cache_clear()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="rights as on Unix")
def test_a_folder_that_others_can_write_is_not_trusted(monkeypatch, tmp_path):
    """Machine code is read back from it."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    monkeypatch.setattr(_jit, "_parents", lambda: iter([shared, own]))
    _jit.cache_folder.cache_clear()
    try:
        (shared / f"qtp-kernels-{_jit._content()}").mkdir(parents=True)
        (shared / f"qtp-kernels-{_jit._content()}").chmod(0o777)
        assert _jit.cache_folder().parent == own
    finally:
        _jit.cache_folder.cache_clear()


def test_the_setting_of_other_packages_stays_theirs(monkeypatch, tmp_path):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    _jit.fused(lambda x: x)
    assert str(tmp_path) == numba.config.CACHE_DIR


def test_options_are_named_in_one_place():
    named = [path for path in PACKAGE.rglob("*.py") if "njit" in path.read_text(encoding="utf-8")]
    assert [path.name for path in named] == ["_jit.py"]


def test_machine_code_of_old_versions_goes_when_a_new_one_comes(monkeypatch, tmp_path):
    old, recent = tmp_path / "qtp-kernels-old", tmp_path / "qtp-kernels-recent"
    old.mkdir()
    recent.mkdir()
    os.utime(old, (0, 0))
    monkeypatch.setattr(_jit, "_parents", lambda: iter([tmp_path]))
    _jit.cache_folder.cache_clear()
    try:
        assert {path.name for path in tmp_path.iterdir()} == {old.name, recent.name}
        folder = _jit.cache_folder()
        assert {path.name for path in tmp_path.iterdir()} == {recent.name, folder.name}
    finally:
        _jit.cache_folder.cache_clear()


def test_the_inner_parts_of_numba_that_kernels_rest_on_are_as_they_were():
    """lanes.py makes a type of its own, ``bare`` leaves out reference counts: neither is Numba's public interface."""
    told = "Numba changed: look at inversion/kernels/lanes.py and kernels/_jit.bare, and at the benchmarks"

    def add(out, a, row):
        part = a[row:]
        lanes.store(out, row, lanes.load(part, 0) + lanes.load(part, 1))

    a, out = lanes.zeros(3, np.float64), lanes.zeros(3, np.float64)
    a[:] = 1.0
    counted, uncounted = numba.njit(add), numba.njit(_nrt=False)(add)
    for function in (counted, uncounted):
        function(out, a, 1)
        assert (out[1] == 2.0).all(), told
        (code,) = function.inspect_llvm().values()
        assert f"fadd contract nsz <{lanes.LANES} x double>" in code or "nsz contract <" in code, told
    assert "NRT_incref" not in next(iter(uncounted.inspect_llvm().values())), told
    assert "NRT_" in next(iter(counted.inspect_llvm().values())), f"{told}: _nrt=False gains nothing any more"
