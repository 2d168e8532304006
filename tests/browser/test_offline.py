"""Notebooks without a network: pages and JupyterLab show what is made, and ask nothing beyond this machine."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lab
import nbformat
import numpy as np
import pytest
import xarray as xr
from lab import TRY_AGAIN, WAIT

from qtp_toolkit import products
from qtp_toolkit._execute import Kernels, execute

pytestmark = [pytest.mark.browser, TRY_AGAIN, pytest.mark.timeout(900)]
CELLS = [
    "import numpy as np\nimport xarray as xr\nfrom qtp_toolkit import check, interactive, plot, products",
    "da = xr.DataArray(np.eye(20), dims=('y', 'x'), name='elevation', attrs={'units': 'm'})\n"
    "da = da.assign_coords(y=np.arange(20.0), x=np.arange(20.0))",
    "fig, ax = plot.new()\nplot.quicklook(da, ax=ax, title='a map')\nplot.save(fig, 'map')",
    "check('pixels', da.size, equals=400)\ncheck('product', products.open('onsets')['a'].size, equals=9)",
    "interactive.deformation_map(da, title='its twin')",
]


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A short notebook with a figure, checks and an interactive map, in a clone that has a product."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS], metadata=kernel)
    path = tmp_path / "clone" / "notebooks" / "short.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nb, path)
    (tmp_path / "clone" / "data_catalog.yaml").touch()
    monkeypatch.delenv("QTP_OUTPUT")
    monkeypatch.chdir(tmp_path / "clone")
    products.save(xr.DataArray(np.eye(3), name="a"), "onsets")  # as qtp reproduce does at the root
    return path


def is_whole(page):
    """Wait until figure, check and interactive map are there."""
    page.locator("img[src^='data:image/png']").first.wait_for(timeout=WAIT)
    page.get_by_text("product: 9 (expected 9)").first.wait_for(timeout=WAIT)
    page.locator(".bk-Figure canvas, .bk-Figure .bk-layer").first.wait_for(timeout=WAIT, state="attached")
    page.wait_for_timeout(1500)


def test_an_executed_page_fetches_nothing(watched, notebook):
    page, seen = watched
    options = {
        "out": notebook.parent,
        "env": dict(os.environ),
        "timeout": 400,
        "kernels": Kernels(),
        "on_cell": lambda: None,
    }
    with ThreadPoolExecutor(1) as pool:  # this thread has the event loop of the browser
        done = pool.submit(execute, notebook, **options).result()
    assert done.status == "done"
    page.goto((notebook.parent / "notebooks" / "short.html").as_uri())
    is_whole(page)
    assert seen == {"elsewhere": [], "errors": []}


def test_jupyterlab_fetches_nothing_and_finds_the_output_of_the_root(watched, notebook, tmp_path):
    page, seen = watched
    with lab.served(notebook.parent, tmp_path / "lab.log") as address:
        lab.open_lab(page, address)
        _, errors = lab.run_all(page, notebook.name)
        assert errors == []
        is_whole(page)
        page.screenshot(path=Path(os.environ.get("QTP_SCREENSHOTS", tmp_path)) / "lab.png")
    assert seen["elsewhere"] == []
    assert (tmp_path / "clone" / "qtp_output" / "figures" / "map.png").exists()
