"""Side-by-side measurements of the toolkit and of plain code that does the same; writes docs/benchmarks.md.

Run ``uv run python benchmarks/run.py`` on a quiet machine. Most rates are per second of CPU time, so that a busy
neighbor disturbs them less; the plain loops run on fewer pixels, because they would take hours on as many. Public
packages are installed with uv, each into an environment of its own.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import decomposition
import detector
import inversions
import numpy as np
import storage
import temperature

TABLE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
TOPICS = (inversions, temperature, decomposition, detector, storage)


def digits(value: float) -> str:
    """Three digits of a small number, all of a large one."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    rng = np.random.default_rng(2022)
    rows = [line for topic in TOPICS for line in topic.rows(rng)]
    lines = [
        "# Benchmarks",
        "",
        "Made by `benchmarks/run.py`; not edited by hand. The other side ran in the same run: a public package in an",
        "environment of its own, or the same method as a plain loop. Rates are per second of CPU time unless the unit",
        "says otherwise.",
        "",
        f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores.",
        "",
        "| work | unit | toolkit | other | ratio | |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for r in rows:
        rates = " | ".join(digits(r[name]) for name in ("toolkit", "plain", "ratio"))
        lines.append(f"| {r['work']} | {r['unit']} | {rates} | {r['note']} |")
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
