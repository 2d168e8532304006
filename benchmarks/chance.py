"""What the geographical detector finds by chance, and how often its statements hold, on fields whose truth is known.

``python benchmarks/chance.py`` writes docs/detector.md: how often significance calls unrelated fields related, how
often intervals hold the true q, what a search for the best classes finds where there is no cause. Some two minutes of
a processor.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import stats
from scipy.ndimage import gaussian_filter

from qtp_toolkit import geodetector

TABLE = Path(__file__).resolve().parents[1] / "docs" / "detector.md"
K = 8
FIVE = ("quantile", "equal", "natural", "geometric", "deviation")
TRIALS, DRAWS = 100, 39
SEARCHES, SEARCH_DRAWS = 20, 19
"""A search in one map is as dear as thirty tests."""

OF_AREA = (
    "Between 31.5 and 36.5 degrees north the area of pixels changes by six percent. All detectors let them count\n"
    "alike, since that changes little:"
)
OF_COVERAGE = (
    "`geodetector.intervals`, fields of 132 x 132 pixels in the 36 blocks of the default. The map is a multiple\n"
    "of the factor and unrelated noise; the true q is that of the process. In the last lines the map holds few\n"
    "patches of the factor, hardly narrower than the blocks."
)


def smooth(rng: np.random.Generator, n: int, sigma: float | tuple[float, float]) -> xr.DataArray:
    """Field of unit variance, smoothed over ``sigma`` pixels, whose edges do not meet."""
    sides = np.broadcast_to(sigma, 2)
    rim = 4 * int(np.ceil(np.max(sides)))
    field = gaussian_filter(rng.normal(size=(n + 2 * rim, n + 2 * rim)), sigma) if np.max(sides) else None
    field = rng.normal(size=(n, n)) if field is None else field[rim : rim + n, rim : rim + n]
    scale = np.prod([2.0 * side * np.sqrt(np.pi) for side in sides]) ** 0.5 if np.max(sides) else 1.0
    return xr.DataArray(field * scale, dims=("y", "x"), name="map")


def true_share(slope: float) -> float:
    """Q of ``slope * x + e`` in K equally filled classes of x, both normal of unit variance."""
    density = stats.norm.pdf(stats.norm.ppf(np.linspace(0, 1, K + 1)))
    return slope**2 * K * (np.diff(density) ** 2).sum() / (slope**2 + 1)


def rejection() -> list[str]:
    """How often two unrelated fields are called related at 5 percent."""
    cases: list[tuple[str, float | tuple[float, float], float]] = [
        ("pixels independent", 0, 0), ("smoothed over 2 pixels", 2, 0), ("5 pixels", 5, 0), ("8 pixels", 8, 0),
        ("10 pixels", 10, 0), ("3 by 12 pixels", (3, 12), 0), ("5 pixels, a third missing in patches", 5, 0.4),
        ("5 pixels, half missing in patches", 5, 0.0),
    ]  # fmt: skip
    lines = [
        "| fields of 64 x 64 pixels | mean q | surrogates | F of the analysis of variance |",
        "| --- | ---: | ---: | ---: |",
    ]
    for number, (name, sigma, level) in enumerate(cases):
        rng = np.random.default_rng(number)
        q, hits, f_hits = [], 0, 0
        for trial in range(TRIALS):
            y, x = smooth(rng, 64, sigma), smooth(rng, 64, sigma).rename("x")
            y = y.where(smooth(rng, 64, 4) < level) if "missing" in name else y
            strata = geodetector.stratify(x.where(y.notnull()).rename("x"), k=K)
            out = geodetector.significance(y, strata, n=DRAWS, seed=trial)
            q.append(float(out["q"].item()))
            hits += out["p"].item() <= 0.05
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                f_hits += geodetector.significance(y, strata, method="central")["p"].item() <= 0.05
        lines.append(f"| {name} | {np.mean(q):.3f} | {hits / TRIALS:.0%} | {f_hits / TRIALS:.0%} |")
    return lines


def coverage() -> list[str]:
    """How often the interval of q holds that of the process."""
    lines = ["| factor and noise smoothed over, pixels | true q | mean q | intervals that hold it | mean width |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for own, noise in ((2, 2), (4, 4), (8, 4)):
        for slope in (0.3, 1.0, 2.0):
            truth, found, held, width = true_share(slope), [], 0, []
            rng = np.random.default_rng(7)
            for seed in range(TRIALS):
                x = smooth(rng, 132, own).rename("x")
                y = slope * x + smooth(rng, 132, noise)
                out = geodetector.intervals(y.rename("map"), geodetector.stratify(x, k=K), n=399, seed=seed)
                found.append(out["q"].item())
                held += out["q_lower"].item() <= truth <= out["q_upper"].item()
                width.append(out["q_upper"].item() - out["q_lower"].item())
            cells = f"{truth:.3f} | {np.mean(found):.3f} | {held / TRIALS:.0%} | {np.mean(width):.3f}"
            lines.append(f"| {own} and {noise} | {cells} |")
    return lines


def search() -> list[str]:
    """What the best of many ways to divide an unrelated factor explains."""
    lines = ["| fields of 48 x 48 pixels | q, 8 quantiles | best q | best of surrogates | adjusted | p up to 5 % |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, sigma in (("pixels independent", 0), ("smoothed over 4 pixels", 4)):
        for ways in (FIVE, ("robust",)):
            rng, plain, parts, hits = np.random.default_rng(11), [], [], 0
            for seed in range(SEARCHES):
                y, x = smooth(rng, 48, sigma), smooth(rng, 48, sigma).rename("x") + 10.0
                plain.append(geodetector.factor(y, geodetector.stratify(x, k=K))["q"].item())
                out = geodetector.optimal(y, x.rename("x"), methods=ways, n=SEARCH_DRAWS, seed=seed)
                parts.append([out[key].item() for key in ("q_best", "q_null", "q_adjusted")])
                hits += out["p"].item() <= 0.05
            means = " | ".join(f"{value:.3f}" for value in np.mean(parts, axis=0))
            way = "change points" if ways == ("robust",) else "five methods"
            lines.append(f"| {name}; {way}, 3 to 8 classes | {np.mean(plain):.3f} | {means} | {hits / SEARCHES:.0%} |")
    return lines


def area() -> list[str]:
    """Change of q if pixels of a grid in degrees weigh by their area."""
    lines = ["| map | q, pixels alike | q, pixels by area |", "| --- | ---: | ---: |"]
    latitude = np.linspace(36.5, 31.5, 200)
    weight = np.broadcast_to(np.cos(np.deg2rad(latitude))[:, None], (200, 200)).ravel()
    rng = np.random.default_rng(13)
    for name, tilt in (("smooth map", 0.0), ("map that follows the latitude", 1.5)):
        x = smooth(rng, 200, 10)
        y = (x + smooth(rng, 200, 10) + tilt * np.linspace(-1, 1, 200)[:, None]).values.ravel()
        codes = geodetector.stratify(x, k=K).values.ravel()
        shares = []
        for w in (np.ones(y.size), weight):
            n, s, ss = (np.bincount(codes, w * y**m) for m in (0, 1, 2))
            shares.append(1 - (ss - s**2 / n).sum() / (ss.sum() - s.sum() ** 2 / n.sum()))
        lines.append(f"| {name} | {shares[0]:.4f} | {shares[1]:.4f} |")
    return lines


def main() -> None:
    head = (
        "# What the geographical detector says by chance\n\n"
        "Made by `benchmarks/chance.py`; not edited by hand. Fields of known truth: white noise, smoothed; the\n"
        f"smoothing is the standard deviation of the Gaussian. Eight quantiles, {TRIALS} trials a line unless said."
    )
    sections: dict[str, tuple[Callable[[], list[str]], str]] = {
        "Pixels of a grid in degrees": (
            area,
            OF_AREA,
        ),
        "Unrelated fields called related at 5 percent": (
            rejection,
            f"`geodetector.significance` with {DRAWS} surrogates, and the F test beside it.",
        ),
        "Intervals of q at nominal 95 percent": (
            coverage,
            OF_COVERAGE,
        ),
        "The search for the best classes, where there is no cause": (
            search,
            f"`geodetector.optimal` with {SEARCH_DRAWS} surrogates, {SEARCHES} trials a line.",
        ),
    }
    parts = [head]
    for title, (table, text) in sections.items():
        parts += [f"## {title}", text, "\n".join(table())]
        TABLE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
