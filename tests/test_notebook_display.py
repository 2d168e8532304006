"""What a kernel shows: a saved figure once and whole, a check as one line, no path, no repr."""

from __future__ import annotations

import pathlib

import nbformat
import pytest
from IPython.core.formatters import DisplayFormatter
from nbclient import NotebookClient

from qtp_toolkit._execute import _manager
from qtp_toolkit._notebook import QuietPath, QuietText

IMPORTS = """
import numpy as np, xarray as xr
from qtp_toolkit import check, plot
da = xr.DataArray(np.eye(9), dims=("y", "x"))
"""
CELLS = {
    "imports": IMPORTS,
    "begun": "fig, axes = plot.new(2, 1)\n_ = plot.quicklook(da, ax=axes[0], title='left')",
    "finished": "plot.quicklook(da, ax=axes[1], title='right')\nplot.save(fig, 'two')",
    "panel": "_ = plot.quicklook(da)",
    "panel saved": "ax = plot.quicklook(da)\nplot.save(ax.figure, 'one')",
    "loop": "for k in range(2):\n    plot.save(plot.quicklook(da + k).figure, f'loop{k}')",
    "again": "fig",
    "checks": "check('first', 1, at_most=2)\ncheck('second', 1, at_most=2)",
    "red": "line = check('third', 3, at_most=2, means='look at <it>')\nassert line == 'third: 3 (at most 2)'",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Outputs of each cell."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS.values()])
    client = NotebookClient(nb, km=_manager(), timeout=120)
    client.owns_km = True
    client.execute(env={"QTP_OUTPUT": str(tmp_path_factory.mktemp("out")), "PATH": ""})
    return {name: cell.outputs for name, cell in zip(CELLS, nb.cells, strict=True)}


def images(outputs):
    return [output for output in outputs if "image/png" in output.get("data", {})]


@pytest.mark.parametrize(
    ("cell", "count"), [("begun", 0), ("finished", 1), ("panel", 1), ("panel saved", 1), ("loop", 2), ("again", 1)]
)
def test_figures_are_seen_once_and_finished(shown, cell, count):
    assert len(images(shown[cell])) == len(shown[cell]) == count


def test_a_saved_figure_has_words_and_a_width(shown):
    (output,) = shown["finished"]
    assert output["data"]["text/plain"] == output["metadata"]["image/png"]["alt"] == "two: left, right"
    assert output["metadata"]["image/png"]["width"] == 822


def test_a_check_is_one_line_wherever_it_stands(shown):
    assert [output["data"]["text/plain"] for output in shown["checks"]] == [
        "✓ first: 1 (at most 2)", "✓ second: 1 (at most 2)"
    ]  # fmt: skip
    (red,) = shown["red"]
    assert red["data"]["text/plain"] == "✗ third: 3 (at most 2)\n    look at <it>"
    assert "look at &lt;it&gt;" in red["data"]["text/html"]


def test_a_terminal_prints_what_it_was_not_shown():
    for value in (QuietText("a line"), QuietPath("figures")):
        shown, _ = DisplayFormatter().format(value)
        assert shown == {"text/plain": repr(value)}


def test_quiet_values_are_what_they_look_like():
    assert QuietText("a line") == "a line"
    assert QuietPath("figures") / "fig03.png" == pathlib.Path("figures/fig03.png")
