"""What a start costs: CPU seconds of fresh processes, in turn with another checkout; writes docs/startup.md.

Run ``python benchmarks/startup.py OTHER`` with the folder of another checkout (``git worktree add OTHER COMMIT``); both
run under this Python, so on the same versions of all libraries. Each work is done once to compile bytecode and kernels
and to write the scene, and then in turn here and there. The least of a few runs counts, user and system time of all
threads together: neighbors make a machine slower, and CPU seconds by some tens of percent longer. Further arguments are
ends of the names of some works, for a table of these alone.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parents[1]
TABLE = HERE / "docs" / "startup.md"
TIMES = int(os.environ.get("QTP_BENCHMARK_TIMES", "5"))
COMMAND = "from qtp_toolkit.cli import app; app()"
STATIC, TWIN = "from qtp_toolkit import pecm, plot", "from qtp_toolkit import interactive; interactive.setup()"
MAP = """
import numpy as np, xarray as xr
grid = {"y": np.arange(300.0, 0.0, -1.0), "x": np.arange(400.0)}
noise = np.random.default_rng(1).normal(0, 4, (300, 400))
rate = xr.DataArray(noise, grid, ("y", "x"), name="linear_rate", attrs={"units": "mm/yr"})
"""
FIGURE = f"{STATIC}\n{MAP}\nplot.save(plot.deformation_map(rate).figure, 'map')"
PAGE = f"{TWIN}\n{MAP}\nfigure = interactive.deformation_map(rate)\nimport holoviews as hv\n" + (
    "hv.renderer('bokeh').components(figure)"
)
FILL = """
import numpy as np, pandas as pd, xarray as xr
from qtp_toolkit import lst
days = pd.date_range("2015-01-01", periods=4 * 46, freq="8D")
warm = 15 * np.sin(np.arange(days.size) / 7.3)[:, None, None] * np.ones((1, 4, 5))
warm = xr.DataArray(warm, {"time": days}, ("time", "y", "x"), name="lst", attrs={"units": "degC"})
lst.fill_gaps(warm.where(np.random.default_rng(1).random(warm.shape) > 0.3))
"""


class Side(NamedTuple):
    """A checkout, and the folder for what it writes."""

    checkout: Path
    work: Path

    def env(self) -> dict[str, str]:
        """Environment of its processes."""
        own = {
            "PYTHONPATH": str(self.checkout),
            "QTP_CATALOG": str(self.checkout / "data_catalog.yaml"),
            "QTP_SCENE": os.environ.get("QTP_SCENE", "default"),
            "QTP_DATA": str(self.work / "scenes"),
            "QTP_OUTPUT": str(self.work / "out"),
            "NUMBA_CACHE_DIR": str(self.work / "numba"),
        }
        return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | own


Work = Callable[[Side], float]


def python(*args: str, **env: str) -> Work:
    """CPU seconds of a Python with these arguments, from its start to its end."""

    def run(side: Side) -> float:
        said = side.work / "said.txt"
        with said.open("w") as stream:
            started = subprocess.Popen(
                [sys.executable, *args], env=side.env() | env, cwd=side.work, stdout=stream, stderr=stream
            )
            _, status, used = os.wait4(started.pid, 0)
        started.returncode = os.waitstatus_to_exitcode(status)
        if started.returncode:
            raise RuntimeError(f"{side.checkout}: {args}\n{said.read_text()}")
        return used.ru_utime + used.ru_stime

    return run


def anew(name: str, *args: str) -> Work:
    """CPU seconds of the same where the folder that this variable names is empty and nothing is kept in it."""

    def run(side: Side) -> float:
        with tempfile.TemporaryDirectory() as folder:
            return python(*args, **{name: folder})(side)

    return run


def first_cells(side: Side) -> Iterator[str]:
    """Code of notebook 00 up to the cell that saves its first figure."""
    for cell in json.loads((side.checkout / "notebooks" / "00_start_here.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])
            if "plot.save(" in "".join(cell["source"]):
                return


def imports(side: Side) -> float:
    """CPU seconds of the imports of notebook 00."""
    return python("-c", next(first_cells(side)))(side)


def script(side: Side) -> float:
    """CPU seconds of its cells up to the first figure as a script."""
    path = side.work / "first_cells.py"
    path.write_text("\n".join(first_cells(side)))
    return python(str(path))(side)


def kernel(side: Side) -> float:
    """CPU seconds of a kernel, from its start, that ran these cells and sent what they show."""
    cells = [*first_cells(side), "import time\ntime.process_time()"]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(nb, kernel_name="python3", resources={"metadata": {"path": str(side.work)}}).execute(env=side.env())
    return float(nb.cells[-1].outputs[0]["data"]["text/plain"])


WORKS: dict[str, Work] = {
    "`import xarray`, for comparison": python("-c", "import xarray"),
    "`import panel`, for comparison": python("-c", "import panel"),
    f"`{STATIC}`": python("-c", STATIC),
    "the same, and a first map saved": python("-c", FIGURE),
    f"`{TWIN}`": python("-c", TWIN),
    "the same, and a first map as a page": python("-c", PAGE),
    "imports of notebook 00": imports,
    "notebook 00 up to its first figure, as a script": script,
    "notebook 00 up to its first figure, in a kernel": kernel,
    "`open_catalog()`": python("-c", "from qtp_toolkit import open_catalog; open_catalog()"),
    "`qtp --help`": python("-c", COMMAND, "--help"),
    "`qtp check --quick`": python("-c", COMMAND, "check", "--quick"),
    "first gap fill, machine code cached": python("-c", FILL),
    "first gap fill after installation: kernels are compiled": anew("NUMBA_CACHE_DIR", "-c", FILL),
    f"`{STATIC}` without bytecode": anew("PYTHONPYCACHEPREFIX", "-B", "-c", STATIC),
    f"`{TWIN}` without bytecode": anew("PYTHONPYCACHEPREFIX", "-B", "-c", TWIN),
}


def commit(checkout: Path) -> str:
    """Commit of a checkout and its day."""
    command = ["git", "-C", str(checkout), "show", "-s", "--format=%h of %cs"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("QTP_BENCHMARK_DIR")) as folder:
        sides = [Side(Path(sys.argv[1]).resolve(), Path(folder) / "other"), Side(HERE, Path(folder) / "here")]
        for side in sides:
            side.work.mkdir()
        rows = []
        for name, work in WORKS.items():
            if len(sys.argv) > 2 and not name.endswith(tuple(sys.argv[2:])):
                continue
            for side in sides:
                work(side)
            spent = [[work(side) for side in sides] for _ in range(TIMES)]
            other, here = (min(column) for column in zip(*spent, strict=True))
            rows.append(f"| {name} | {other:.2f} | {here:.2f} | {here / other:.2f} |")
            print(rows[-1], flush=True)
    write(rows, sides[0])


def write(rows: list[str], other: Side) -> None:
    lines = [
        "# Start-up",
        "",
        "Made by `benchmarks/startup.py`; not edited by hand. CPU seconds (user and system, all threads) of a fresh",
        f"process, the least of {TIMES} in turn with the other checkout, on a machine that did other work too. Why the",
        "imports stand where they do is told in [decisions.md](decisions.md).",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores; the same libraries on both sides. Before: commit",
        f"{commit(other.checkout)}; scene: {other.env()['QTP_SCENE']}.",
        "",
        "| work | before | now | ratio |",
        "| --- | ---: | ---: | ---: |",
        *rows,
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
