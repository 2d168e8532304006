"""Side-by-side measurements of the toolkit and of plain code that does the same; writes docs/benchmarks.md.

Run ``uv run python benchmarks/run.py`` on a quiet machine. Rates are per second of CPU time of this process, so that a
busy neighbor disturbs them less; the plain loops run on fewer pixels, because they would take hours on as many.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import geodetector, inversion, lst, network

TABLE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def cpu(work: Callable[[], object], repeat: int = 3) -> float:
    """Least CPU seconds of a few runs, the first of which (compilation) does not count."""
    work()
    spent = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def paper_stack(n_pixels: int, rng: np.random.Generator) -> tuple[xr.DataArray, xr.DataArray, np.ndarray]:
    """Pairs by the paper's rules with 3 % cycle errors that prefer low coherence, and the true phases."""
    dates = np.union1d(
        np.arange("2014-10-15", "2017-03-01", 24, dtype="datetime64[D]"),
        np.arange("2017-03-03", "2019-12-31", 12, dtype="datetime64[D]"),
    ).astype("datetime64[ns]")
    pairs = network.select_pairs(dates)
    first, second = (np.searchsorted(dates, pairs[name].values) for name in ("reference", "secondary"))
    truth = np.cumsum(rng.normal(0, 0.4, (dates.size, n_pixels)), axis=0).astype(np.float32)
    coherence = rng.uniform(0.2, 0.95, (first.size, n_pixels)).astype(np.float32)
    noise = rng.normal(0, 1, coherence.shape) * np.sqrt((1 - coherence**2) / (2 * 57 * coherence**2))
    slips = (rng.random(coherence.shape) < 0.06 * (1 - coherence)) * rng.choice([-1, 1], coherence.shape)
    phase = truth[second] - truth[first] + noise + 2 * np.pi * slips
    coords = {"reference": ("pair", dates[first]), "secondary": ("pair", dates[second])}
    attrs = {"dims": ("pair", "pixel"), "coords": coords}
    stack = xr.DataArray(phase.astype(np.float32), name="phase", **attrs).assign_attrs(units="rad")
    gamma = xr.DataArray(coherence, name="coherence", **attrs).assign_attrs(units="1")
    return stack, gamma, truth - truth[0]


def loop_inversion(
    phase: np.ndarray, weight: np.ndarray, matrix: np.ndarray, epsilons: tuple[float, ...]
) -> np.ndarray:
    """Weighted least squares, then reweighted once for each epsilon, pixel by pixel with numpy's lstsq."""
    out = np.empty((matrix.shape[1], phase.shape[1]))
    for i in range(phase.shape[1]):
        root = np.sqrt(weight[:, i])
        out[:, i] = np.linalg.lstsq(root[:, None] * matrix, root * phase[:, i], rcond=None)[0]
        for epsilon in epsilons:
            root = np.sqrt(weight[:, i] / np.maximum(abs(phase[:, i] - matrix @ out[:, i]), epsilon))
            out[:, i] = np.linalg.lstsq(root[:, None] * matrix, root * phase[:, i], rcond=None)[0]
    return out


def inversions(rng: np.random.Generator) -> list[dict[str, object]]:
    stack, gamma, truth = paper_stack(20_000, rng)
    few = 40
    incidence = network.incidence_matrix(stack)
    matrix = incidence.isel(time=slice(1, None)).transpose("pair", "time").values.astype(float)
    rows = []
    for name, norm, epsilons in (("L1", "l1", (0.5, 0.28, 0.16, 0.09, 0.05)), ("weighted L2", "wl2", ())):
        ours = 20_000 / cpu(lambda norm=norm: inversion.invert(stack, gamma, norm=norm))
        observed, weight = stack.values[:, :few].astype(float), gamma.values[:, :few].astype(float)
        plain = few / cpu(lambda o=observed, w=weight, e=epsilons: loop_inversion(o, w, matrix, e), repeat=1)
        found = inversion.invert(stack, gamma, norm=norm)["phase"].values
        slow = loop_inversion(observed, weight, matrix, epsilons)
        errors = [float(np.median(abs(found - truth))), float(np.median(abs(slow - truth[1:, :few])))]
        work = f"{name} inversion, {stack.sizes['pair']} pairs, {truth.shape[0]} dates"
        rows.append(row(work, "pixels", ours, plain, f"median error {errors[0]:.3f} and {errors[1]:.3f} rad"))
    return rows


def loop_harmonics(days: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Harmonic curve with rejection of cold outliers, series by series: the published procedure, plainly."""
    angles = 2 * np.pi * days / 365.25
    design = np.stack([np.ones_like(days), *(f(k * angles) for k in (1, 2, 3) for f in (np.cos, np.sin))], axis=1)
    out = np.empty_like(values)
    for i in range(values.shape[1]):
        keep = np.isfinite(values[:, i])
        while True:
            curve = design @ np.linalg.lstsq(design[keep], values[keep, i], rcond=None)[0]
            below = np.where(keep, curve - values[:, i], 0.0)
            if below.max() <= 8.0 or keep.sum() <= 20:
                break
            keep &= below <= 0.5 * below.max()
        out[:, i] = np.where(keep, values[:, i], curve)
    return out


def gap_fills(rng: np.random.Generator) -> list[dict[str, object]]:
    time_axis = pd.date_range("2014-01-05", periods=276, freq="8D")
    days = (time_axis - time_axis[0]).days.to_numpy(float)
    n_pixels, few = 20_000, 500
    shape = (276, n_pixels)
    values = -3.5 + 13.5 * np.sin(2 * np.pi * (days[:, None] - 115) / 365.25) + rng.normal(0, 2, shape)
    values[rng.random(shape) < 0.1] -= 12.0
    values[rng.random(shape) < 0.25] = np.nan
    series = xr.DataArray(values.astype(np.float32).reshape(276, 100, 200), {"time": time_axis}, ("time", "y", "x"))
    series = series.rename("terra_day").assign_attrs(units="degC")
    ours = n_pixels / cpu(lambda: lst.fill_gaps(series))
    plain = few / cpu(lambda: loop_harmonics(days, values[:, :few]), repeat=1)
    return [row("gap fill, 276 composites", "series", ours, plain, "ours also keeps changes between years")]


def detectors(rng: np.random.Generator) -> list[dict[str, object]]:
    n, k = 1_000_000, 8
    names = [f"factor {i}" for i in range(15)]
    y = xr.DataArray(rng.normal(size=(1000, 1000)), dims=("y", "x"), name="amplitude", attrs={"units": "mm"})
    strata = xr.Dataset({name: (("y", "x"), rng.integers(0, k, (1000, 1000)).astype(np.int16)) for name in names})
    table = pd.DataFrame({name: strata[name].values.ravel() for name in names}).assign(y=y.values.ravel())

    def plain() -> list[float]:
        total = table["y"].var(ddof=0) * n
        return [1 - (g.var(ddof=0) * g.size()).sum() / total for g in (table.groupby(name)["y"] for name in names)]

    ours = n / cpu(lambda: geodetector.factors(y, strata))
    return [row("q of 15 factors", "pixels", ours, n / cpu(plain), "plain: pandas groupby")]


def row(work: str, unit: str, ours: float, plain: float, note: str) -> dict[str, object]:
    return {
        "work": work,
        "unit": f"{unit} per CPU-s",
        "toolkit": ours,
        "plain": plain,
        "ratio": ours / plain,
        "note": note,
    }


def main() -> None:
    rng = np.random.default_rng(2022)
    rows = [*inversions(rng), *gap_fills(rng), *detectors(rng)]
    lines = [
        "# Benchmarks", "",
        "Made by `benchmarks/run.py`; not edited by hand. The plain side is the same method as a loop over pixels with",
        "numpy (pandas for q), in the same run. Rates are per second of CPU time.", "",
        f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores.", "",
        "| work | unit | toolkit | plain | ratio | |", "| --- | --- | ---: | ---: | ---: | --- |",
    ]  # fmt: skip
    lines += [
        f"| {r['work']} | {r['unit']} | {r['toolkit']:,.0f} | {r['plain']:,.0f} | {r['ratio']:,.1f} | {r['note']} |"
        for r in rows
    ]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
