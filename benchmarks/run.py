"""Side-by-side measurements of the toolkit and of plain code that does the same; writes docs/benchmarks.md.

Run ``uv run python benchmarks/run.py`` on a quiet machine. Rates are per second of CPU time of this process, so that a
busy neighbor disturbs them less; the plain loops run on fewer pixels, because they would take hours on as many.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import decomposition
import detector
import inversions
import numpy as np
import temperature

TABLE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
TOPICS = (inversions, temperature, decomposition, detector)


def main() -> None:
    rng = np.random.default_rng(2022)
    rows = [line for topic in TOPICS for line in topic.rows(rng)]
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
