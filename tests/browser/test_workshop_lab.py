"""The workshop in JupyterLab, in a real browser without a network: every cell runs, sliders answer."""

from __future__ import annotations

import os
import shutil

import pytest
from lab import END, TITLES, TRY_AGAIN, open_lab, run_all, served

from qtp_toolkit.reproduce import notebooks_folder

pytestmark = [pytest.mark.browser, TRY_AGAIN, pytest.mark.notebooks, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The folder of the notebooks as a student has it, served."""
    room = tmp_path_factory.mktemp("room")
    shutil.copytree(notebooks_folder(), room / "notebooks", ignore=shutil.ignore_patterns(".*", "qtp_output"))
    with served(room / "notebooks", room / "lab.log", QTP_OUTPUT=str(room / "out"), QTP_SCENE="tiny") as where:
        yield where


@pytest.mark.parametrize("path", sorted((notebooks_folder() / "workshop").glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_runs_and_its_sliders_move(watched, address, path, tmp_path):
    page, seen = watched
    open_lab(page, address)
    cells, errors = run_all(page, f"workshop/{path.name}")
    assert errors == []
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    handle = page.locator(".noUi-handle").first
    handle.wait_for(state="attached")
    handle.scroll_into_view_if_needed()
    before = page.evaluate(TITLES)
    handle.focus()
    for attempt in range(40):  # a figure that was just drawn may not listen yet
        page.keyboard.press("ArrowRight" if attempt % 20 < 10 else "ArrowLeft")
        page.wait_for_timeout(3000)
        if page.evaluate(TITLES) != before:
            break
    else:
        pytest.fail(f"the slider moves and the figure does not: {before}")
    page.wait_for_timeout(1000)
    page.screenshot(path=os.path.join(os.environ.get("QTP_SCREENSHOTS", tmp_path), f"{path.stem}.png"))  # noqa: PTH118
    page.evaluate(END)
    assert seen["elsewhere"] == []
