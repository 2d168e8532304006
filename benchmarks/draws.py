"""Notebooks 13 and 14 under many draws of ramps, air and noise over the same ground: what is bias, and what is chance?

``python benchmarks/draws.py FOLDER [DRAWS [SIZE]]`` writes the scene beyond so many times (``tiny`` by default), runs
the cells of both notebooks on each, compares their maps with the truth, and writes docs/draws.md. Start with
``QTP_SCENE=SIZE qtp reproduce --only 01 --only 02 --only 03 --out FOLDER``: temperature and soil are the same in all.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from common import in_child

from qtp_toolkit import synthetic

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "draws.md"


def run_cells(notebook: str, until: str) -> dict[str, Any]:
    """Names that the cells of a notebook leave, up to a cell; what it prints is dropped, dashboards are not made."""
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "interactive.setup" not in source:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(source, cell["id"], "exec"), names)
            plt.close("all")
        if cell["id"] == until:
            return names
    raise KeyError(f"{notebook} has no cell {until}")


def yearly(names: dict[str, Any]) -> dict[str, float]:
    """What the maps of notebook 13 are off by."""
    inside, around = names["inside"], names["around"]
    out = {}
    for model, maps in (("year by year", names["found"]), ("one coefficient", names["one"])):
        off = maps["linear_rate"] - names["expected"]["linear_rate"]
        there, beside = (float(off.where(place).median()) for place in (inside, around))
        out[f"rate where ice was lost, {model} (mm/yr)"] = there
        out[f"the same against the ground around it, {model} (mm/yr)"] = there - beside
        out[f"rate by the loss alone, {model} (mm/yr)"] = names["bias"][model]
    out["stated sigma of the rate there (mm/yr)"] = float(names["found"]["linear_rate_std"].where(inside).median())
    miss, sigma = abs(names["off"]["seasonal_amplitude"]), names["found"]["seasonal_amplitude_std"]
    out["yearly amplitude, median absolute error (mm)"] = float(miss.median())
    out["yearly amplitude within one sigma (share)"] = float((miss <= sigma).where(np.isfinite(miss)).mean())
    out["trend of the amplitude over the truth's"] = names["growth"] / names["made"]
    out["melt year named (1 or 0)"] = float(names["melt"] == int(names["truth"]["melt_year"]))
    out["pixels named, of those that lost ice (share)"] = float(names["in_place"])
    out["pixels named elsewhere, worst year (share)"] = names["astray"]
    return out


def tracks(names: dict[str, Any]) -> dict[str, float]:
    """What the maps of notebook 14 are off by."""
    out = {}
    for name, error in names["errors"].items():
        unit = "mm" if name.endswith("amplitude") else "mm/yr"
        words = name.replace("_", " ")
        out[f"{words}, median error ({unit})"] = float(error.median())
        out[f"{words}, within one sigma (share)"] = float(names["scores"].loc[name, "within one sigma"])
    for name in ("east_rate", "vertical_rate"):
        off = names["steps"][name] - names["told"][name]
        out[f"step across the fault in the {name.replace('_', ' ')}, error (mm/yr)"] = off
    return out


NOTEBOOKS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, float]]]] = {
    "13_year_by_year": ("13-057", yearly),
    "14_two_tracks": ("14-054", tracks),
}


def measure(folder: str, size: str, draw: int) -> dict[str, dict[str, float]]:
    """Write one draw, run both notebooks on it, and take it away again."""
    scene = Path(folder) / f"draw_{draw}"
    synthetic.write_beyond(scene, size=size, draw=draw, progress=False)
    catalog = Path(folder) / "catalog.yaml"
    text = (ROOT / "data_catalog.yaml").read_text(encoding="utf-8")
    catalog.write_text(text.replace("package://beyond/default", str(scene)), encoding="utf-8")
    os.environ |= {"QTP_CATALOG": str(catalog), "QTP_SCENE": size, "QTP_OUTPUT": folder, "MPLBACKEND": "agg"}
    found = {notebook: collect(run_cells(notebook, until)) for notebook, (until, collect) in NOTEBOOKS.items()}
    shutil.rmtree(scene)
    return found


HEAD = """# Draw by draw

Made by `benchmarks/draws.py`; not edited by hand. The scene beyond ({size}) under {draws} draws of ramps, air and noise
over the same ground; the notebooks' own cells on each. One map is one draw, and all its pixels share much of its
noise: what is bias shows in the mean, what is chance from draw to draw. The embedded scene is draw 0, which is not
among the others.
"""


def main(folder: Path, draws: int = 12, size: str = "tiny") -> None:
    found = [in_child(measure, str(folder), size, draw)[0] for draw in range(draws + 1)]
    lines = [HEAD.format(size=size, draws=draws)]
    for notebook in NOTEBOOKS:
        lines += [
            f"## Notebook {notebook}",
            "",
            "| | mean | standard error | from draw to draw | least | most | draw 0 |",
        ]
        lines += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
        for key, embedded in found[0][notebook].items():
            values = np.array([one[notebook][key] for one in found[1:]])
            spread = values.std(ddof=1)
            cells = (values.mean(), spread / np.sqrt(draws), spread, values.min(), values.max(), embedded)
            lines.append(f"| {key} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
        lines.append("")
    TABLE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:3]), *sys.argv[3:4])
