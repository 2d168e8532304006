"""The dashboard in a real browser: it draws, a click shows another pixel, nothing is fetched, no markup runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401
import xarray as xr

from qtp_toolkit import products
from qtp_toolkit.conventions import describe
from qtp_toolkit.interactive import board

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
EVIL = "<img src=x onerror=alert(1)>"
SERVE = "from qtp_toolkit import interactive; interactive.serve(port={port}, show=False)"


@pytest.fixture
def address(tmp_path):
    """A run's products with hostile names, served by a process of their own."""
    rows, columns, dates = 40, 24, pd.date_range("2015-01-06", periods=30, freq="24D")
    place = {"y": 4.0e6 - 1e3 * np.arange(rows), "x": 2.6e5 + 1e3 * np.arange(columns)}
    rng = np.random.default_rng(7)
    rate = xr.DataArray(rng.normal(0, 3, (rows, columns)), dims=("y", "x"), coords=place)
    trend = xr.DataArray(np.arange(30) * 24 / 365.25, dims="time", coords={"time": dates})
    maps = xr.Dataset({"linear_rate": describe(rate, "linear_rate"), "rms": describe(abs(rate), "rms")})
    maps["rms"].attrs["long_name"] = EVIL
    series = xr.Dataset({"displacement": describe(trend * rate, "displacement")})
    series["displacement"].attrs["long_name"] = f"{EVIL} displacement"
    products.save(maps.rio.write_crs("EPSG:32646"), "deformation")
    products.save(series.rio.write_crs("EPSG:32646"), "time_series")
    port = board._free_port(0)
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE.format(port=port)], env={**os.environ}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/", server, tmp_path / "server.log")
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(timeout=20)


def wait_for(url: str, server: subprocess.Popen, log: Path):
    for _ in range(120):
        if server.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail("the server did not answer within a minute")


def test_click_shows_another_pixel(watched, address, tmp_path):
    (page, seen), dialogs = watched, []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    page.wait_for_selector("canvas", timeout=60_000)
    page.get_by_text("linear rate:").wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    before = page.get_by_text("linear rate:").inner_text()
    box = page.locator(".bk-Figure").nth(figure_of_map(page)).bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.55)
    page.wait_for_timeout(2500)
    after = page.get_by_text("linear rate:").inner_text()
    page.select_option("select", index=1)
    page.wait_for_timeout(2500)
    page.screenshot(path=os.environ.get("QTP_SCREENSHOT", tmp_path / "dashboard.png"))
    assert after != before
    assert dialogs == []
    assert seen == {"elsewhere": [], "errors": []}


def test_other_hosts_cannot_reach_it(address):
    port = int(address.rsplit(":", 1)[1].strip("/"))
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("no /proc/net/tcp on this system")
    listening = [line.split()[1] for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"]
    here = [place.split(":")[0] for place in listening if int(place.split(":")[1], 16) == port]
    assert here == ["0100007F"]  # 127.0.0.1, little-endian


def figure_of_map(page) -> int:
    """Index of the tallest figure."""
    boxes = [figure.bounding_box() for figure in page.locator(".bk-Figure").all()]
    return int(np.argmax([box["height"] if box else 0 for box in boxes]))
