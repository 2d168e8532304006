"""The dashboard in a real browser, used as a visitor does: nothing is fetched from elsewhere, no markup runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from board_case import COLUMNS, EVIL, ROWS, case
from lab import TRY_AGAIN

from qtp_toolkit import interactive

pytestmark = [pytest.mark.browser, TRY_AGAIN, pytest.mark.timeout(300)]
READY = "() => window.Bokeh?.documents?.length && Bokeh.documents[0].is_idle && Bokeh.documents[0].roots().length"
RANGES = "() => Bokeh.documents[0].get_model_by_name('x of the maps').start"
WAIT = 60_000  # ms: a busy machine, and nothing here is about speed


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    given = dict(case())
    args = [given.pop(name) for name in ("deformation", "time_series")]
    made = interactive.dashboard(*args, **given, title=EVIL, folder=tmp_path_factory.mktemp("board") / "board")
    board = made.board()
    board.start()
    yield board
    board.stop()


class Visitor:
    """Hands and eyes on the page; keeps pictures in the folder that ``QTP_SCREENSHOTS`` names."""

    def __init__(self, page, folder: Path):
        self.page, self.folder = page, folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def at(self, panel: int, row: int, column: int):
        """Place on the screen of a pixel of a map that shows the whole area."""
        script = (
            "([n, x, y]) => { const plot = Bokeh.documents[0].get_model_by_name(`plot ${n}`);"
            " const view = Bokeh.index.find_one(plot); const box = view.el.getBoundingClientRect();"
            " return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)] }"
        )
        return self.page.evaluate(script, [panel, *self.frame.center(row, column)])

    def sees(self, text: str, kind: str = "p, td, th"):
        self.page.locator(kind, has_text=text).first.wait_for(timeout=WAIT)

    def picture(self, name: str):
        self.page.wait_for_timeout(400)
        self.page.screenshot(path=self.folder / f"dashboard_{name}.png")


@pytest.fixture
def visitor(watched, board, tmp_path):
    page, _ = watched
    page.goto(board.address)
    page.wait_for_function(READY, timeout=WAIT)
    visitor = Visitor(page, Path(os.environ.get("QTP_SCREENSHOTS", tmp_path)))
    visitor.frame = board.prepared.frame
    visitor.sees("seasonal amplitude (mm)", "td")
    page.wait_for_timeout(1000)  # maps find their size
    return visitor


def test_a_visit(watched, visitor):
    (page, seen), dialogs = watched, []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    visitor.picture("start")

    page.mouse.click(*visitor.at(1, 20, 30))
    visitor.sees(place_of(visitor, 20, 30))
    page.keyboard.down("Shift")
    page.mouse.click(*visitor.at(2, 10, 15))
    page.keyboard.up("Shift")
    visitor.sees("A − B")
    visitor.sees("by their two series alone")
    visitor.picture("two_points")

    before = page.evaluate(RANGES)
    page.mouse.move(*visitor.at(1, 15, 20))
    page.mouse.wheel(0, -240)
    page.wait_for_function(f"() => ({RANGES})() > {before}", timeout=WAIT)
    zoomed = page.evaluate(RANGES)
    page.locator("select:visible").first.select_option(label="Vegetation class")
    page.wait_for_function(
        "() => Bokeh.documents[0].get_model_by_name('plot 1').title.text == 'Vegetation class'", timeout=WAIT
    )
    assert page.evaluate(RANGES) == zoomed
    visitor.picture("zoomed")
    page.get_by_role("button", name="Whole area").click()
    page.wait_for_function(f"() => ({RANGES})() < {(before + zoomed) / 2}", timeout=WAIT)

    page.locator(".noUi-handle").first.press("ArrowRight")
    visitor.sees("A, sliders")
    visitor.picture("sliders")

    page.get_by_role("button", name="Draw a region").click()
    page.mouse.move(*visitor.at(3, 4, 4))
    page.mouse.down()
    for row, column in ((4, COLUMNS - 4), (ROWS - 4, COLUMNS - 4), (ROWS - 4, 4), (5, 4)):
        page.mouse.move(*visitor.at(3, row, column), steps=3)
    page.mouse.up()
    visitor.sees("q = ")
    visitor.picture("region")
    with page.expect_download(timeout=WAIT) as file:
        page.get_by_role("button", name="CSV").locator("visible=true").click()
    assert Path(file.value.path()).read_text().splitlines()[1].startswith("longitude,latitude,")

    page.get_by_role("button", name="Move", exact=True).click()
    page.mouse.click(*visitor.at(3, ROWS - 1 - 5, 12))
    visitor.sees("no deformation, masked")
    visitor.picture("masked")
    assert dialogs == []
    assert seen == {"elsewhere": [], "errors": []}


def place_of(visitor, row, column) -> str:
    """Latitude, as the table tells it."""
    return f"{float(visitor.frame.lonlat(*visitor.frame.center(row, column))[1]):.4f}° N"


def test_other_hosts_cannot_reach_it(board):
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("no /proc/net/tcp on this system")
    listening = [line.split()[1] for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    here = [place.split(":")[0] for place in listening if int(place.split(":")[1], 16) == board.port]
    assert here == ["0100007F"]  # 127.0.0.1, little-endian
