"""Public packages that invert networks, each in an environment of its own, on the stack that the toolkit gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs

PEERS = {"dolphin": 4096, "mintpy": 400, "insar-rs": 8192}
"""Packages, and pixels that each is given: seconds of work."""


def measure(name: str, folder: Path) -> dict[str, float] | str:
    """Run a peer on the arrays in a folder: CPU seconds, pixels and peak memory (MB), or a word why it cannot run."""
    python = _environment(name)
    if not python.is_file():
        return str(python)
    child = Path(__file__).with_name("peer_child.py")
    done = subprocess.run(
        [python, child, name, folder, str(PEERS[name])],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 else lines[-1]


def _environment(name: str) -> Path:
    """Python of the peer's environment, made on first use; if that fails, the last word of the installer instead."""
    home = platformdirs.user_cache_path("qtp_toolkit") / "peers" / name
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "installed"
    uv = shutil.which("uv")
    if ready.exists():
        return python
    if uv is None:
        return Path("uv is not on the path")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for command in (
        ["venv", "--quiet", "--clear", "--python", version, home],
        ["pip", "install", "--quiet", "--python", python, name],
    ):
        done = subprocess.run([uv, "--no-config", *command], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            return Path(done.stderr.strip().splitlines()[-1])
    ready.touch()
    return python


def errors(found: np.ndarray, truth: np.ndarray, zero: int) -> tuple[float, float]:
    """Median error of a date in rad, both sides relative to one date, and the share beyond half a cycle."""
    size = np.abs((found - found[zero]) - (truth - truth[zero])[:, : found.shape[1]])
    return float(np.median(size)), float((size > np.pi).mean())
