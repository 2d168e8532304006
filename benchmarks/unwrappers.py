"""Unwrapping on scenes whose truth is known: wrong cycles and CPU seconds of each method; writes docs/unwrappers.md.

Run ``uv run --extra unwrap python benchmarks/unwrappers.py``; without SNAPHU its rows are left out.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from common import in_child

from qtp_toolkit import interferogram

PAGE = Path(__file__).resolve().parents[1] / "docs" / "unwrappers.md"
SIDE = 600
CLEAR = 0.4
"""Coherence above which a cycle should be right."""
TIMES = 3
"""Runs of which the cheapest counts."""
TIE = 1e-4
"""Shares of wrong cycles that differ by less are alike."""
LOOKS = {"clear": 57, "noisy": 4, "steep": 4, "split": 57}
"""Independent looks of each scene."""
METHODS = {
    "whirlwind": {"method": "whirlwind"},
    "whirlwind, tiles of 200": {"method": "whirlwind", "tile": 200},
    "SNAPHU, MCF start": {"method": "snaphu"},
    "SNAPHU, MST start": {"method": "snaphu", "start": "mst"},
    "least squares": {"method": "least_squares"},
}
HEAD = f"""# Unwrapping methods beside each other

Made by `benchmarks/unwrappers.py`; not edited by hand. Scenes of {SIDE} x {SIDE} pixels of complex speckle,
multilooked, with the coherence that its looks estimate, filtered with alpha 0.5. *clear*: 57 looks, coherence 0.65 to
0.95. *noisy*: 4 looks, coherence 0.12 to 0.52, five sixths of it below {CLEAR}. *steep*: 4 looks, coherence 0.30 to
0.66, fringes of up to 2.8 rad a pixel, more than pi/2 in a sixth of it. *split*: as clear, but a river of noise cuts it
in two, a lake takes a part of it, and beneath the river the phase steps by four cycles: on which cycle the other shore
lies no method can know.

Wrong: share of pixels that are off by half a cycle or more, relative to the most frequent cycle of the scene, of those
whose true coherence is above {CLEAR}, and of all that are not water; inside: of the former, relative to the most
frequent cycle of their component (0 is left out). CPU: seconds for the unwrapping alone in a fresh process, that of
SNAPHU's own process included, after one small warming call; wall: what the user waits. The least of {TIMES} runs
each. Shares that differ by less than {TIE:.2%} count as alike in the sentences below the table.
"""


def scene(name: str) -> tuple[xr.DataArray, xr.DataArray, np.ndarray, np.ndarray]:
    """Filtered interferogram, its estimate of the coherence, the true phase and coherence."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    bowls = 40 * np.exp(-((y - 0.4) ** 2 + (x - 0.6) ** 2) / 0.03) - 25 * np.exp(
        -((y - 0.8) ** 2 + (x - 0.2) ** 2) / 0.01
    )
    truth = bowls + 6 * np.sin(5 * x + 3 * y)
    wave = np.sin(9 * x) * np.sin(7 * y)
    gamma = 0.8 - 0.15 * wave
    if name == "noisy":
        truth, gamma = 0.7 * truth, 0.32 - 0.15 * wave + 0.05 * np.sin(40 * x)
    if name == "steep":
        truth = 3 * bowls + 120 * np.sin(7 * x + 1) * np.cos(5 * y) + 360 * y**2
        gamma = 0.48 - 0.18 * wave
    if name == "split":
        river = y - 0.5 - 0.15 * np.sin(6 * x)
        truth = truth + 8 * np.pi * np.clip(river / 0.06 + 0.5, 0, 1)
        lake = ((y - 0.75) / 0.1) ** 2 + ((x - 0.6) / 0.25) ** 2 < 1
        gamma = np.where((abs(river) < 0.03) | lake, 0.0, gamma)
    sums = np.zeros((3, SIDE, SIDE), complex)
    for _ in range(LOOKS[name]):
        first, other = ((rng.normal(size=truth.shape) + 1j * rng.normal(size=truth.shape)) for _ in range(2))
        second = gamma * first + np.sqrt(1 - gamma**2) * other
        sums += first * second.conj(), abs(first) ** 2, abs(second) ** 2
    image = sums[0] * np.exp(1j * truth)
    estimate = abs(sums[0]) / np.sqrt((sums[1] * sums[2]).real)
    made = (xr.DataArray(values, dims=("y", "x")) for values in (image.astype("complex64"), estimate.astype("float32")))
    wrapped, seen = made
    return interferogram.goldstein(wrapped, alpha=0.5), seen, truth, gamma


def start_snaphu(how: str) -> None:
    """Have this process's SNAPHU begin another way than the toolkit asks for."""
    import snaphu  # noqa: PLC0415

    whole = snaphu.unwrap
    snaphu.unwrap = lambda *arrays, **options: whole(*arrays, **options | {"init": how})


def unwrapped(name: str, options: dict) -> dict[str, float]:
    """Wrong cycles of the scene and inside of components, and CPU seconds."""
    image, seen, truth, gamma = scene(name)
    if "start" in options:
        start_snaphu(options["start"])
    options = {key: value for key, value in options.items() if key != "start"} | {"looks": LOOKS[name]}
    small = {"y": slice(0, 64), "x": slice(0, 64)}
    interferogram.unwrap_components(image.isel(small), seen.isel(small), **options)
    spent = []
    for _ in range(TIMES):
        start = os.times()
        made = interferogram.unwrap_components(image, seen, **options)
        spent.append([end - begin for begin, end in zip(start, os.times(), strict=True)])
    clear, label = gamma > CLEAR, made["component"].values
    error = made["phase"].values - truth
    inside = [off(error[label == k])[clear[label == k]] for k in np.unique(label[label > 0])] or [np.array([np.nan])]
    return {
        "wrong": float(off(error)[clear].mean()),
        "of all": float(off(error)[gamma > 0].mean()),
        "inside": float(np.concatenate(inside).mean()),
        "labelled": float((label[clear] > 0).mean()),
        "cpu": min(sum(one[:4]) for one in spent),
        "wall": min(one[4] for one in spent),
    }


def off(error: np.ndarray) -> np.ndarray:
    """Whether a pixel is off by half a cycle or more once the most frequent cycle is out."""
    cycles = np.rint(error / (2 * np.pi))
    values, count = np.unique(cycles[np.isfinite(cycles)], return_counts=True)
    return cycles != values[count.argmax()]


def measure() -> pd.DataFrame:
    """One row a scene and method."""
    rows = []
    for name in LOOKS:
        for label, options in METHODS.items():
            if options["method"] == "snaphu" and find_spec("snaphu") is None:
                continue
            found, _, _, _ = in_child(unwrapped, name, options)
            rows.append({"scene": name, "method": label, **found})
    return pd.DataFrame(rows)


def page(found: pd.DataFrame) -> list[str]:
    """The rows as Markdown, and what they say of the default."""
    words = ["scene", "method", "wrong, %", "of all, %", "inside, %", "in components, %", "CPU, s", "wall, s"]
    lines = [HEAD, "| " + " | ".join(words) + " |", "| --- | --- |" + " ---: |" * (len(words) - 2)]
    for row in found.itertuples(index=False):
        scene_name, method, *shares, spent, waited = row
        cells = [f"{100 * share:.3f}" for share in shares[:3]] + [
            f"{100 * shares[3]:.1f}",
            f"{spent:.2f}",
            f"{waited:.2f}",
        ]
        lines.append("| " + " | ".join([scene_name, method, *cells]) + " |")
    by = found.pivot_table(["wrong", "of all", "cpu", "wall"], "method", "scene")
    for other in [name for name in METHODS if name in by.index and not name.startswith("whirlwind")]:
        time, wait = (by.loc["whirlwind", kind] / by.loc[other, kind] for kind in ("cpu", "wall"))
        said = []
        for column, words in (("wrong", f"of a coherence above {CLEAR}"), ("of all", "of all")):
            extra = by.loc["whirlwind", column] - by.loc[other, column]
            more = [f"{name} ({100 * extra[name]:.3f} % more)" for name in LOOKS if extra[name] > TIE]
            said.append(f"{words}, more wrong cycles on {', '.join(more) or 'none'}")
        lines.append(
            f"\nBeside {other} the default has, of the pixels {'; '.join(said)}. It takes {time.min():.2f} to "
            f"{time.max():.2f} of its CPU time and {wait.min():.2f} to {wait.max():.2f} of its wall time."
        )
    return lines


if __name__ == "__main__":
    warnings.simplefilter("ignore", RuntimeWarning)
    with contextlib.redirect_stdout(sys.stderr):  # SNAPHU tells its life
        lines = page(measure())
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
