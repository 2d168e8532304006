"""Unwrapping on scenes whose truth is known: wrong cycles and CPU seconds of each method; writes docs/unwrappers.md.

Run ``uv run --extra unwrap python benchmarks/unwrappers.py``; without SNAPHU its rows are left out.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from common import in_child

from qtp_toolkit import interferogram

PAGE = Path(__file__).resolve().parents[1] / "docs" / "unwrappers.md"
SIDE = 600
LOOKS = 57
CLEAR = 0.4
"""Coherence above which a cycle should be right."""
METHODS = {
    "whirlwind": {"method": "whirlwind"},
    "SNAPHU": {"method": "snaphu"},
    "least squares": {"method": "least_squares"},
}
HEAD = f"""# Unwrapping methods beside each other

Made by `benchmarks/unwrappers.py`; not edited by hand. Scenes of {SIDE} x {SIDE} pixels, phase noise of {LOOKS} looks,
filtered with alpha 0.5. Wrong: share of pixels with a coherence above {CLEAR} that are off by half a cycle or more,
relative to the median of the scene; inside: relative to the median of their component (0 is left out). CPU: seconds of
a fresh process for the unwrapping alone, that of SNAPHU's own process included, after one small warming call.
"""


def scene(name: str) -> tuple[xr.DataArray, xr.DataArray, np.ndarray]:
    """Filtered interferogram, coherence, and the true phase."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    bowls = 40 * np.exp(-((y - 0.4) ** 2 + (x - 0.6) ** 2) / 0.03) - 25 * np.exp(
        -((y - 0.8) ** 2 + (x - 0.2) ** 2) / 0.01
    )
    truth = bowls + 6 * np.sin(5 * x + 3 * y)
    gamma = np.clip(0.85 - 0.2 * np.sin(9 * x) * np.sin(7 * y), 0.05, 0.95)
    if name == "noisy":
        gamma = np.clip(
            gamma * np.clip(1.35 - 1.5 * rng.normal(size=(12, 12)).repeat(50, 0).repeat(50, 1) ** 2, 0.06, 1), 0, 1
        )
    if name == "steep":
        truth = 3 * bowls + 14 * np.sin(12 * x) * np.cos(9 * y)
    if name == "split":
        gamma = np.where(abs(y - 0.5 - 0.15 * np.sin(6 * x)) < 0.03, 0.04, gamma)
    sigma = np.sqrt((1 - gamma**2) / (2 * LOOKS * gamma**2))
    # Beyond a radian the noise of a phase is that of a wrapped one: uniform where nothing is coherent.
    phase = truth + np.minimum(sigma, 6) * rng.normal(size=truth.shape)
    image, coherence = (xr.DataArray(v, dims=("y", "x")) for v in (np.exp(1j * phase).astype("complex64"), gamma))
    return interferogram.goldstein(image, alpha=0.5), coherence.astype("float32"), truth


def unwrapped(name: str, options: dict) -> tuple[float, float, float, float]:
    """Wrong cycles of the scene and inside of components, share of clear pixels in components, CPU seconds."""
    image, gamma, truth = scene(name)
    small = {"y": slice(0, 64), "x": slice(0, 64)}
    interferogram.unwrap_components(image.isel(small), gamma.isel(small), **options)
    start = sum(os.times()[:4])
    made = interferogram.unwrap_components(image, gamma, looks=LOOKS, **options)
    spent = sum(os.times()[:4]) - start
    clear, label = gamma.values > CLEAR, made["component"].values
    error = made["phase"].values - truth
    wrong = off(error)[clear].mean()
    inside = np.concatenate(
        [off(error[label == k])[clear[label == k]] for k in np.unique(label[label > 0])] or [[np.nan]]
    )
    return float(wrong), float(np.mean(inside)), float((label[clear] > 0).mean()), spent


def off(error: np.ndarray) -> np.ndarray:
    """Whether a pixel is off by half a cycle or more once the median cycle is out."""
    return abs(error - 2 * np.pi * np.round(np.nanmedian(error) / (2 * np.pi))) > np.pi


def rows() -> Iterator[dict]:
    """One row a scene and method."""
    for name in ("clear", "noisy", "steep", "split"):
        for label, options in METHODS.items():
            if options["method"] == "snaphu" and find_spec("snaphu") is None:
                continue
            (wrong, inside, labelled, spent), _, _, _ = in_child(unwrapped, name, options)
            yield {
                "scene": name,
                "method": label,
                "wrong, %": f"{100 * wrong:.3f}",
                "inside, %": f"{100 * inside:.3f}",
                "in components, %": f"{100 * labelled:.1f}",
                "CPU, s": f"{spent:.2f}",
            }


def table(found: pd.DataFrame) -> list[str]:
    """The rows as Markdown."""
    head = "| " + " | ".join(found.columns) + " |"
    rule = "| --- | --- |" + " ---: |" * (len(found.columns) - 2)
    return [head, rule, *("| " + " | ".join(row) + " |" for row in found.itertuples(index=False))]


if __name__ == "__main__":
    warnings.simplefilter("ignore", RuntimeWarning)
    with contextlib.redirect_stdout(sys.stderr):  # SNAPHU tells its life
        lines = table(pd.DataFrame(rows()))
    PAGE.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
