"""The dashboard at full size in a headless browser: how long a visitor waits; writes docs/dashboard.md.

Products of the size of the whole study area at 90 m (17.9 million pixels, 118 dates) are made of smooth fields and
noise, laid out, served, and looked at in Chromium with a mouse. Run ``python benchmarks/dashboard.py`` (needs 20 GB of
disk, in QTP_BENCHMARK_DIR or the folder of temporary files). Waits are told as the best and the median of a few, and
CPU seconds of the server beside them, because neighbors make a machine slower, not busier.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import rioxarray  # noqa: F401
import xarray as xr
import zarr
from common import in_child
from playwright.sync_api import sync_playwright

from qtp_toolkit import products
from qtp_toolkit.conventions import describe

ROWS, COLUMNS, PIXEL, BLOCK = 6444, 2778, 90.0, 256
TABLE = Path(__file__).resolve().parents[1] / "docs" / "dashboard.md"
TIMES = 12
FACTORS = ("elevation", "slope", "ndvi", "magt", "ground_ice", "sand", "bulk_density", "ddt_max", "ddf_max")
SERVE = ("-c", "from qtp_toolkit.cli import app; app()", "dashboard", "--no-show")


def wave(rows: int, columns: int, *, length: float, low: float, high: float) -> np.ndarray:
    """A smooth field between two numbers."""
    y, x = np.arange(rows)[:, None] / rows, np.arange(columns)[None, :] / columns
    field = np.sin(2 * np.pi * length * (y + 0.3 * x)) * np.cos(2 * np.pi * length * (0.7 * x - 0.2 * y))
    return (low + (high - low) * (0.5 + 0.5 * field)).astype("float32")


def make(folder: str, rows: int, columns: int) -> None:
    """Write the products of a run."""
    os.environ["QTP_OUTPUT"] = folder
    place = {"y": 4.05e6 - PIXEL * np.arange(rows), "x": 3.0e5 + PIXEL * np.arange(columns)}
    rng = np.random.default_rng(2022)

    def layer(name: str, values: np.ndarray) -> xr.DataArray:
        return describe(xr.DataArray(values, place, ("y", "x")), name, provenance_note="synthetic scene")

    rate, amplitude = (wave(rows, columns, length=n, low=a, high=b) for n, a, b in ((9, -12, 6), (14, 2, 40)))
    masked = wave(rows, columns, length=31, low=0, high=1) > 0.97
    reason = layer("reason", np.where(masked, 7, 0).astype("uint8"))
    maps = {"linear_rate": rate, "seasonal_amplitude": amplitude}
    maps |= {"linear_rate_std": 0.3 + 0 * rate, "seasonal_amplitude_std": 0.8 + 0 * rate, "rms": 4.0 + 0 * rate}
    ds = xr.Dataset({name: layer(name, np.where(masked, np.nan, da)) for name, da in maps.items()} | {"reason": reason})
    products.save(ds.rio.write_crs(32646), "deformation")
    factors = {
        name: layer(name, wave(rows, columns, length=3 + 2 * i, low=0, high=30)) for i, name in enumerate(FACTORS)
    }
    factors["elevation"] = layer("elevation", wave(rows, columns, length=40, low=4300, high=5600))
    products.save(xr.Dataset(factors).rio.write_crs(32646), "factors")
    ratio = layer("conductivity_ratio", wave(rows, columns, length=5, low=1.0, high=1.6))
    products.save(xr.Dataset({"conductivity_ratio": ratio}).rio.write_crs(32646), "conductivity")
    make_temperature()
    make_series(rate, amplitude, place, rng)


def make_temperature() -> None:
    """Composites of six years on a grid of a kilometer, and their onsets."""
    times = pd.date_range("2014-01-04T12", "2019-12-31", freq="8D")
    place = {"y": np.linspace(36.7, 31.0, 580), "x": np.linspace(90.0, 93.5, 250)}
    season = -4 - 12 * np.cos(2 * np.pi * (times.day_of_year.to_numpy() - 20) / 365.25)
    values = season[:, None, None] + wave(580, 250, length=6, low=-2, high=2)
    lst = describe(xr.DataArray(values.astype("float32"), {"time": times, **place}, ("time", "y", "x")), "lst")
    products.save(lst.rio.write_crs(4326).to_dataset(), "lst_mean")
    flat = xr.DataArray(np.zeros((580, 250)), place, ("y", "x"))
    ends = {
        f"{name}_onset_mean": describe(flat + day, f"{name}_onset_mean")
        for name, day in (("thaw", 128), ("freeze", 276))
    }
    products.save(xr.Dataset(ends).rio.write_crs(4326).assign_attrs(onset_method="smoothed"), "freeze_thaw")


def make_series(
    rate: np.ndarray, amplitude: np.ndarray, place: dict[str, np.ndarray], rng: np.random.Generator
) -> None:
    """Series of 118 dates as hundredths of a millimeter, block by block."""
    dates = pd.date_range("2014-10-18", "2017-02-24", freq="24D").union(
        pd.date_range("2017-03-08", periods=82, freq="12D")
    )
    years = ((dates - dates[0]).days / 365.25).to_numpy(dtype="float32")
    season = (np.cos(2 * np.pi * (years + 0.25)) / 2).astype("float32")
    frame = xr.Dataset(coords={"time": dates, **place}).rio.write_crs(32646)
    path = products.path_of("time_series")
    frame.to_zarr(path, zarr_format=3, consolidated=False)
    shape = (len(dates), *rate.shape)
    group = zarr.open_group(path)
    how: dict[str, Any] = {
        "chunks": (len(dates), BLOCK, BLOCK),
        "dimension_names": ("time", "y", "x"),
        "fill_value": -32768,
    }
    array = group.create_array("displacement", shape=shape, dtype="int16", **how)
    array.attrs.update(
        scale_factor=0.01, units="mm", long_name="line-of-sight displacement", grid_mapping="spatial_ref"
    )
    noise = rng.normal(0, 4, (len(dates), BLOCK, BLOCK)).astype("float32")
    for y, x in product(range(0, rate.shape[0], BLOCK), range(0, rate.shape[1], BLOCK)):
        cut = slice(y, y + BLOCK), slice(x, x + BLOCK)
        a, b = rate[cut], amplitude[cut]
        block = (
            years[:, None, None] * a
            + season[:, None, None] * b
            + np.roll(noise, y + x, 1)[:, : a.shape[0], : a.shape[1]]
        )
        array[:, cut[0], cut[1]] = (100 * block).astype("int16")
    group.attrs["variables"] = ["displacement"]


def lay_out(folder: str) -> float:
    """Lay out the products; gigabytes on the disk."""
    from qtp_toolkit import interactive  # noqa: PLC0415

    os.environ["QTP_OUTPUT"] = folder
    made = interactive.lay_out()
    return sum(path.stat().st_size for path in made.folder.iterdir()) / 1e9


WATCH = """
([event, name]) => {
  const source = Bokeh.documents[0].get_model_by_name(name)
  window.began = null; window.ended = null
  const stop = () => {
    if (window.began === null) { return }  // what is still on its way from the move before
    requestAnimationFrame(() => requestAnimationFrame(() => { window.ended = performance.now() }))
  }
  if (window.last) { window.last[0].disconnect(window.last[1]) }
  window.last = [source.properties.data.change, stop]
  source.properties.data.change.connect(stop)
  window.addEventListener(event, () => { window.began ??= performance.now() }, {capture: true, once: true})
}
"""
READY = "() => window.Bokeh?.documents?.length && Bokeh.documents[0].is_idle && document.querySelector('.bk-Row')"


def look(folder: str) -> dict[str, Any]:
    """Serve it, and use it as a visitor does."""
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, *SERVE, "--out", folder], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    found: dict[str, Any] = {}
    try:
        address = next(match[0] for line in server.stdout or () if (match := re.search(r"http://\S+", line)))
        found["start"] = time.perf_counter() - began
        process = psutil.Process(server.pid)
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            firsts = []
            for _ in range(3):
                page = browser.new_page(viewport={"width": 1500, "height": 950})
                start = time.perf_counter()
                page.goto(address)
                page.wait_for_function(READY, timeout=120_000, polling=50)
                firsts.append(time.perf_counter() - start)
            found["page"] = firsts
            page.wait_for_timeout(3000)
            found |= {name: act(page, process, name) for name in ("zoom", "pan", "click", "slider", "layer")}
            found["visitors"] = 3
            browser.close()
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
        found["memory"] = float(status.split("VmHWM:")[1].split()[0]) / 1e6
    finally:
        server.terminate()
        server.wait(30)
    return found


def act(page: Any, process: psutil.Process, name: str) -> tuple[list[float], float]:
    """Milliseconds from the hand's move to the changed picture, a few times; CPU seconds of the server for one."""
    box = page.locator(".bk-Figure").first.bounding_box()
    middle = box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.45
    waits, spent = [], []
    for i in range(TIMES):
        event, source = {
            "zoom": ("wheel", "map 4"),
            "pan": ("pointermove", "map 4"),
            "click": ("pointerup", "model A"),
            "slider": ("keydown", "model A"),
            "layer": ("input", "map 1"),
        }[name]
        before = sum(process.cpu_times()[:2])
        x, y = middle[0] + 7 * (i % 5), middle[1] + 11 * (i % 7)
        page.mouse.move(x, y)
        page.wait_for_timeout(100)
        page.evaluate(WATCH, [event, source])
        if name == "zoom":
            page.mouse.wheel(0, -120 if i % 4 < 2 else 120)
        elif name == "pan":
            page.mouse.down()
            page.mouse.move(x + 40 * (-1) ** i, y + 25 * (-1) ** i)
            page.mouse.up()
        elif name == "click":
            page.mouse.click(x, y)
        elif name == "slider":
            page.locator(".noUi-handle").first.press("ArrowRight" if i % 2 else "ArrowLeft")
        else:
            page.locator("select:visible").first.select_option(index=[6, 8, 10, 12][i % 4])
        page.wait_for_function("() => window.ended !== null && window.began !== null", timeout=60_000, polling=20)
        waits.append(page.evaluate("() => window.ended - window.began"))
        page.wait_for_timeout(400)
        spent.append(sum(process.cpu_times()[:2]) - before)
    return waits, min(spent)


def main() -> None:
    size = [int(word) for word in sys.argv[1:3]] or [ROWS, COLUMNS]
    parent = os.environ.get("QTP_BENCHMARK_DIR") or tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="qtp-dashboard-", dir=parent)
    try:
        in_child(make, folder, *size)
        disk, wall, cpu, memory = in_child(lay_out, folder)
        found = look(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    named = {"zoom": "zoom by the wheel", "pan": "move", "click": "click to series, model and fit"}
    named |= {"slider": "slider to model and fit", "layer": "another layer"}
    lines = [
        "# The dashboard at full size",
        "",
        "Made by `benchmarks/dashboard.py`; not edited by hand. Seen in headless Chromium, 1500 by 950 pixels; waits",
        "run from the event of the mouse to the second frame after the new data, server and browser on one machine of",
        f"{os.cpu_count()} cores, of which {os.getloadavg()[0]:.1f} processes wanted one while it ran.",
        "",
        f"{size[0]} x {size[1]} pixels ({size[0] * size[1] / 1e6:.1f} million), 118 dates, {len(FACTORS)} factors,",
        "four linked maps over a relief.",
        "",
        "| what | best | median | CPU of the server |",
        "| --- | ---: | ---: | ---: |",
        f"| lay out the products, once | {wall:.0f} s | | {cpu:.0f} s |",
        f"| start | {found['start']:.1f} s | | |",
        f"| page to first maps | {min(found['page']):.1f} s | {statistics.median(found['page']):.1f} s | |",
    ]
    for name, words in named.items():
        waits, spent = found[name]
        lines.append(f"| {words} | {min(waits):.0f} ms | {statistics.median(waits):.0f} ms | {1e3 * spent:.0f} ms |")
    lines += [
        "",
        f"Memory of the server with {found['visitors']} pages open, mapped files included: {found['memory']:.2f} GB at",
        f"most; to lay out: {memory / 1e3:.2f} GB. On the disk: {disk:.1f} GB.",
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
