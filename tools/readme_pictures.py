"""Draw the README's pictures of what this toolkit does: from the tiny scene, with real runs of the functions named.

uv run python tools/readme_pictures.py [FOLDER]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image

from qtp_toolkit import conventions, inversion, pecm, plot, seasons, store, synthetic

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
INK, MODEL, OTHER = "#222222", "#b2182b", "#2166ac"
FIRST = {"y": 0, "x": 0}
SLOW = 0.1
"""Seconds that a block of the killed run takes beyond its work, so that there is time to kill it."""


def place(truth: xr.Dataset) -> dict[str, int]:
    """Find a pixel that heaves much and sinks, and its neighbors: amplitude near its 90th percentile, -6 mm/yr."""
    much = abs(truth["seasonal_amplitude"] - truth["seasonal_amplitude"].quantile(0.9))
    score = much + 3 * abs(truth["linear_rate"] + 6)
    y, x = np.unravel_index(int(np.nanargmin(score.values[:-1, :-1])), (score.shape[0] - 1, score.shape[1] - 1))
    return {"y": slice(y, y + 2), "x": slice(x, x + 2)}


def curves(truth: xr.Dataset, days: pd.DatetimeIndex) -> xr.Dataset:
    """Both indices of all pixels on the days given."""
    lst = synthetic.truth_lst(truth)
    onset = seasons.onsets(lst)[["thaw_onset_mean", "freeze_onset_mean"]]
    sums = seasons.degree_days(lst, onset["thaw_onset_mean"], onset["freeze_onset_mean"], dates=days).assign(onset)
    return pecm.indices(sums, truth["conductivity_ratio"])


def winter_gap(folder: Path, truth: xr.Dataset, rng: np.random.Generator) -> None:
    """Summers alone are observed: where winter goes, by the model that follows the temperature and by a sinusoid."""
    true, here = truth["displacement"], place(truth)
    days = pd.date_range(true["time"].values[0], true["time"].values[-1], freq="3D")
    index = curves(truth, pd.DatetimeIndex(true["time"].values))
    daily = curves(truth.isel(here), days).isel(FIRST)
    seen = true + rng.normal(0, 2.0, true.shape)
    seen = seen.where((true["time"].dt.month >= 5) & (true["time"].dt.month <= 10))
    seen.attrs = {"units": "mm"}
    names = "linear_index", "composite_index"
    fit = pecm.fit(seen, *(index[name] for name in names), uncertainty="formal")
    both = {"model": pecm.forward(fit, *(index[name] for name in names)), "sinusoid": wave(seen, true["time"].values)}
    off = {name: float(abs(da - true).where(~np.isfinite(seen)).mean("time").median()) for name, da in both.items()}
    fig, ax = plot.new(width="double", aspect=0.32)
    for year in range(2014, 2020):
        ax.axvspan(pd.Timestamp(year, 11, 1), pd.Timestamp(year + 1, 5, 1), color="0.93", lw=0)
    one, seen = true.isel(here).isel(FIRST), seen.isel(here)
    first = seen.isel(FIRST)
    hidden = one.where(~np.isfinite(first))
    ax.plot(one["time"], hidden, "o", ms=2.5, mfc="none", mec="0.45", label="not used: true motion")
    ax.plot(first["time"], first, "o", ms=3, color=INK, label="observed, May to October")
    model = pecm.forward(fit.isel(here).isel(FIRST), *(daily[name] for name in names))
    ax.plot(days, model, color=MODEL, lw=1.4, label="model driven by temperature")
    ax.plot(days, wave(seen, days.values).isel(FIRST), color=OTHER, lw=1.0, ls="--", label="sinusoid and trend")
    told = ", ".join(f"{name} {value:.1f} mm" for name, value in off.items())
    ax.set_title(f"one pixel; error in winter, median of all pixels: {told}", loc="left")
    ax.set_ylabel("LOS displacement (mm)")
    fig.legend(ncols=4, loc="outside lower center", frameon=False)
    plot.figure.mark_provenance(ax, truth)
    write(fig, folder / "winter_gap.png")


def wave(seen: xr.DataArray, when: np.ndarray) -> xr.DataArray:
    """Fit trend, constant, and one wave a year to all pixels, which miss the same dates; at the times given."""

    def design(when: np.ndarray) -> np.ndarray:
        year = (when - seen["time"].values[0]) / np.timedelta64(1, "D") / 365.25
        return np.stack([year, np.ones(year.size), np.sin(2 * np.pi * year), np.cos(2 * np.pi * year)], axis=1)

    good = np.isfinite(seen.values).any(axis=(1, 2))
    values = seen.values[good].reshape(int(good.sum()), -1)
    found = np.linalg.lstsq(design(seen["time"].values[good]), values, rcond=None)[0]
    fitted = (design(when) @ found).reshape(-1, *seen.shape[1:])
    return xr.DataArray(fitted, {"time": when, "y": seen["y"], "x": seen["x"]}, ("time", "y", "x"))


def two_networks(folder: Path, truth: xr.Dataset, rng: np.random.Generator) -> None:
    """No pair crosses a winter without images; each group is inverted by itself, the model joins them."""
    pairs = synthetic.observe(truth)["interferograms"]["perpendicular_baseline"]
    kept = (pairs["secondary"] < np.datetime64("2017-10-15")) | (pairs["reference"] > np.datetime64("2018-05-01"))
    pairs = pairs.isel(pair=kept.values)
    dates = pd.DatetimeIndex(np.union1d(pairs["reference"].values, pairs["secondary"].values))
    phase = conventions.displacement_to_phase(truth["displacement"])
    ends = {name: pairs[name] for name in ("reference", "secondary")}
    first, second = (phase.sel(time=end.values).values for end in ends.values())
    noisy = second - first + rng.normal(0, 0.3, first.shape)
    stack = xr.DataArray(noisy, ends, ("pair", "y", "x"), name="phase", attrs={"units": "rad"})
    index = curves(truth, dates)
    ways = {"model": ("linear_index", "composite_index"), "trend": ("linear_index",)}
    found = {
        way: inversion.invert_linked(stack, columns=[index[name] for name in names], reference_date=dates[0])
        for way, names in ways.items()
    }
    groups = found["model"]["group"].values
    series = {way: conventions.phase_to_displacement(ds["phase"]) for way, ds in found.items()}
    true = truth["displacement"] - truth["displacement"].sel(time=dates[0])
    off = {way: (da - true.sel(time=dates.values)).isel(time=groups == 1).mean("time") for way, da in series.items()}
    fig, axes = plot.new(1, 2, width="double", aspect=0.24, sharex=True)
    plot.network(pairs.to_dataset(), ax=axes[0])
    one = true.isel(place(truth)).isel(FIRST)
    axes[1].plot(one["time"], one, color="0.6", lw=0.8, label="true motion")
    for number, color in enumerate((OTHER, MODEL)):
        own = series["model"].isel(place(truth)).isel(FIRST).isel(time=groups == number)
        axes[1].plot(own["time"], own, "o", ms=3, color=color, label=f"group {number + 1}")
    told = ", ".join(f"by the {way} {float(abs(da).median()):.1f} mm" for way, da in off.items())
    axes[1].set_title(f"one pixel; error of the second group, median of all pixels: {told}", loc="left")
    axes[1].set_ylabel("LOS displacement (mm)")
    fig.legend(ncols=3, loc="outside lower center", frameon=False)
    write(fig, folder / "two_networks.png")


def slowly(values: np.ndarray) -> np.ndarray:
    """Return the values, after a while."""
    time.sleep(SLOW)
    return values


def result() -> xr.Dataset:
    """Rate and amplitude of the tiny scene, lazily, block by block."""
    truth = synthetic.scene("tiny")
    small = truth[["linear_rate", "seasonal_amplitude"]].chunk(y=10, x=10)
    return small.map(lambda da: da.copy(data=da.data.map_blocks(slowly, dtype=da.dtype)))


def make(folder: str) -> None:
    """Write the result; what an earlier call left is kept."""
    store.write_blocks(result(), folder, name="maps", block=10)


def resumed(folder: Path) -> None:
    """Kill a run of 60 blocks twice, let it end, and compare it with one that nobody disturbed."""
    with tempfile.TemporaryDirectory() as name:
        runs, maker = np.zeros((12, 5), int), [sys.executable, __file__, "--make", f"{name}/killed"]
        for number, until in enumerate((20, 40, 60)):
            before = blocks(Path(name))
            process = subprocess.Popen(maker)
            while process.poll() is None and (until == 60 or len(blocks(Path(name))) < until):
                time.sleep(0.02)
            process.kill()
            process.wait()
            done = blocks(Path(name)) if until < 60 else {(y, x) for y in range(12) for x in range(5)}
            for y, x in done - before:
                runs[y, x] = number + 1
        make(f"{name}/whole")
        whole, killed = (store.open_store(f"{name}/{which}", name="maps").load() for which in ("whole", "killed"))
    same = all(whole[key].values.tobytes() == killed[key].values.tobytes() for key in whole)
    fig, axes = plot.new(3, 1, width="double", aspect=1.15)
    colors = mpl.colors.ListedColormap(["#d9d9d9", "#92c5de", "#2166ac"])
    mesh = axes[0].imshow(runs, cmap=colors, vmin=0.5, vmax=3.5, extent=(0, 50, 116, 0), aspect="auto")
    bar = fig.colorbar(mesh, ax=axes[0], ticks=[1, 2, 3])
    bar.ax.set_yticklabels(["killed", "killed", "ended"])
    axes[0].set_title("block made by run", loc="left")
    shown = axes[1].imshow(killed["linear_rate"], cmap="RdBu", vmin=-8, vmax=8, extent=(0, 50, 116, 0), aspect="auto")
    fig.colorbar(shown, ax=axes[1], label="rate (mm/yr)")
    axes[1].set_title("what three runs made", loc="left")
    off = abs(whole["linear_rate"] - killed["linear_rate"])
    axes[2].imshow(off, cmap="magma", vmin=0, vmax=1e-6, extent=(0, 50, 116, 0), aspect="auto")
    axes[2].set_title("difference: " + ("0, bit for bit" if same else "NOT 0"), loc="left")
    for ax in axes:
        ax.set_xticks([])
        ax.set_yticks([])
    plot.figure.mark_provenance(axes[0], killed)
    write(fig, folder / "resumed.png")


def blocks(folder: Path) -> set[tuple[int, int]]:
    """Blocks whose markers are on the disk."""
    names = [path.name for path in folder.rglob("*") if path.is_file() and path.parent.name == "done"]
    return {tuple(int(n) // 10 for n in name.split(".")[0].split("_")) for name in names if name[0].isdigit()}


def write(fig: plt.Figure, path: Path) -> None:
    """Write the picture with few colors, since it is kept in the repository."""
    fig.savefig(path, dpi=150)
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)


def main(folder: Path) -> None:
    truth = synthetic.scene("tiny")
    with plot.figure.house():
        winter_gap(folder, truth, np.random.default_rng(1))
        two_networks(folder, truth, np.random.default_rng(2))
        resumed(folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2])
    else:
        main(Path(sys.argv[1]) if sys.argv[1:] else IMAGES)
