"""The workshop's teacher: unpack the key, seal an edited one, pack everything for a room without internet.

    uv run python tools/workshop.py key FOLDER    # the four notebooks with their answers
    uv run python tools/workshop.py seal FOLDER   # back into docs/workshop_key.txt, after editing them there
    uv run python tools/workshop.py pack FOLDER   # wheels, notebooks, a start file: for laptops without a network

The key is encoded, not encrypted: it keeps answers from whoever scrolls or searches, not from whoever runs this.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KEY = ROOT / "docs" / "workshop_key.txt"
NOTEBOOKS = ROOT / "notebooks" / "workshop"
PLATFORMS = {
    "here": ("", []),
    "linux": ("x86_64-manylinux_2_28", ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]),
    "windows": ("x86_64-pc-windows-msvc", ["win_amd64"]),
}
"""What uv calls the system for which wheels are chosen, and the tags of wheels that it runs."""
README = """\
A workshop without internet ({system}, Python {python})

Copy this folder to each laptop, Python {python} must be there, and run {start}: the first time it installs from the
folder "wheels" into the folder "room" (a minute or two), then and ever after it opens JupyterLab in your browser.
Nothing is asked of any network. To remove all of it, delete the folder.
"""
LAB = "--ServerApp.root_dir=notebooks --LabApp.default_url=/lab/tree/workshop/1_temperature_and_seasons.ipynb"
SILENT = "labextension disable @jupyterlab/apputils-extension:announcements"  # neither news nor updates are asked about
UV_INSTALL = "pip install --offline --no-index --find-links wheels"
WRONG = "This folder is for Python {python}, which is not here. Install it, or pack again with --python."
START = {
    "start.sh": f"""\
#!/bin/sh
set -e
cd "$(dirname "$0")"
if [ ! -e room/ready ]; then
    python="$(command -v python{{python}} || command -v python3 || echo none)"
    [ "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = {{python}} ] || {{{{
        echo "{WRONG}"
        exit 1
    }}}}
    echo "Installing, once: a minute or two"
    rm -rf room
    "$python" -m zipfile -e wheels/uv-*.whl room/wheel
    mv room/wheel/*.data/scripts/uv room/uv
    chmod +x room/uv
    export UV_CACHE_DIR=room/cache
    room/uv venv --quiet --python "$python" room/env
    room/uv {UV_INSTALL} --python room/env/bin/python qtp-toolkit
    room/env/bin/jupyter {SILENT} 2>/dev/null
    rm -rf room/cache room/wheel
    touch room/ready
fi
QTP_SCENE=tiny exec room/env/bin/jupyter lab {LAB} "$@"
""",
    "start.bat": f"""\
@echo off
cd /d "%~dp0"
if not exist room\\ready (
    py -{{python}} -c "" || (echo {WRONG}& pause & exit /b 1)
    echo Installing, once: a minute or two
    if exist room rmdir /s /q room
    py -{{python}} -m venv room\\env || exit /b 1
    room\\env\\Scripts\\python -m pip install --quiet --no-index --find-links wheels uv || exit /b 1
    room\\env\\Scripts\\uv {UV_INSTALL} --quiet --no-cache --python room\\env qtp-toolkit || exit /b 1
    room\\env\\Scripts\\jupyter {SILENT} || exit /b 1
    echo. > room\\ready
)
set QTP_SCENE=tiny
room\\env\\Scripts\\jupyter lab {LAB} %*
""",
}


def read_key() -> dict[str, list[dict[str, str]]]:
    """Answers by notebook, in the order of its tasks: ``code`` and ``why``."""
    return json.loads(zlib.decompress(base64.b85decode("".join(KEY.read_text(encoding="ascii").split()))))


def write_key(answers: dict[str, list[dict[str, str]]]) -> None:
    packed = base64.b85encode(zlib.compress(json.dumps(answers, ensure_ascii=False).encode(), 9)).decode()
    KEY.write_text("\n".join(textwrap.wrap(packed, 120)) + "\n", encoding="ascii")


def tasks(nb: dict[str, Any]) -> list[int]:
    """Places of the cells that a student fills."""
    return [k for k, cell in enumerate(nb["cells"]) if "task" in cell["metadata"].get("tags", [])]


def unpack(folder: Path) -> list[Path]:
    """Write the notebooks with their answers: the code in its cell, the reason below it."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, answers in read_key().items():
        nb = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
        places = tasks(nb)
        if len(places) != len(answers):
            sys.exit(f"{name}: {len(places)} tasks, {len(answers)} answers; edit an unpacked key and seal it")
        for place, answer in reversed(list(zip(places, answers, strict=True))):
            cell = nb["cells"][place]
            why = {"cell_type": "markdown", "id": f"{cell['id']}-why", "metadata": {"tags": ["why"]}}
            cell["source"] = answer["code"].splitlines(keepends=True)
            nb["cells"].insert(place + 1, why | {"source": answer["why"].splitlines(keepends=True)})
        written.append(folder / f"{name}_key.ipynb")
        written[-1].write_text(json.dumps(nb, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return written


def reopen(nb: Any) -> Any:
    """Make of an executed key what students may see: results of the lesson, tasks open, neither answers nor reasons."""
    for k in tasks(nb):
        nb["cells"][k].update(source="# your code", outputs=[], execution_count=None)
    nb["cells"] = [cell for cell in nb["cells"] if "why" not in cell["metadata"].get("tags", [])]
    return nb


def seal(folder: Path) -> None:
    """Read edited notebooks of the key, and write the encoded file."""
    answers = {}
    for path in sorted(folder.glob("*_key.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ["".join(cell["source"]) for cell in cells]
        places = tasks({"cells": cells})
        answers[path.stem.removesuffix("_key")] = [{"code": texts[k], "why": texts[k + 1]} for k in places]
    if not answers:
        sys.exit(f"no *_key.ipynb in {folder}")
    write_key(answers)


def pack(folder: Path, *, platform: str, python: str) -> None:
    """Gather wheels for a system, this project's own, the notebooks, and a file that starts them."""
    triple, tags = PLATFORMS[platform]
    wheels, pins = folder / "wheels", folder / "requirements.txt"
    wheels.mkdir(parents=True, exist_ok=True)
    run("uv", "build", "--wheel", "--quiet", "--out-dir", wheels, ROOT)
    target = ("--python-version", python, *(("--python-platform", triple) if triple else ()))
    pinned = ("-c", ROOT / "constraints.txt", "-o", pins, ROOT / "pyproject.toml")
    run("uv", "pip", "compile", "--quiet", "--no-header", *target, *pinned)
    elsewhere = [word for tag in tags for word in ("--platform", tag)] + (["--python-version", python] if tags else [])
    pip = ("uv", "tool", "run", "--quiet", "--python", sys.executable, "pip", "download", "--quiet", "--no-deps")
    run(*pip, "--only-binary=:all:", *elsewhere, "-d", wheels, "-r", pins, "uv")
    unwanted = shutil.ignore_patterns(".*", "qtp_output", "*.toml")
    shutil.copytree(NOTEBOOKS.parent, folder / "notebooks", ignore=unwanted, dirs_exist_ok=True)
    windows = platform == "windows" or (platform == "here" and sys.platform == "win32")
    start = "start.bat" if windows else "start.sh"
    (folder / start).write_text(START[start].format(python=python), encoding="utf-8")
    (folder / start).chmod(0o755)
    words = {"system": sys.platform if platform == "here" else platform, "python": python, "start": start}
    (folder / "README.txt").write_text(README.format(**words), encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {len(list(wheels.glob('*.whl')))} wheels, {size / 1e6:.0f} MB for {platform}, Python {python}")


def run(*command: Any) -> None:
    subprocess.run([str(word) for word in command], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("key", "seal", "pack"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--for", dest="platform", choices=tuple(PLATFORMS), default="here")
    parser.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}", help="with --for")
    given = parser.parse_args()
    if given.what == "key":
        print(*unpack(given.folder), sep="\n")
    elif given.what == "seal":
        seal(given.folder)
    else:
        pack(given.folder, platform=given.platform, python=given.python)


if __name__ == "__main__":
    main()
