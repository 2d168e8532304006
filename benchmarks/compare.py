"""The toolkit of one checkout beside that of another, topic by topic and in turn: has a change cost speed?

``python benchmarks/compare.py BEFORE AFTER [ROUNDS] [TOPIC ...]`` runs the benchmarks of both folders, each in a
process of its own and without public packages, and prints a Markdown table of the best rates. A ratio below 1 is
slower than before. The topic ``full_size=FOLDER,ROWS`` is the way from a store to maps of ``benchmarks/full_size.py``,
whose store lies in the folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TOPICS = ("inversions", "temperature", "decomposition", "detector", "storage")
INGEST = (466, 128, 2778)
"""Pairs, rows and columns of the rasters to ingest: a quarter of the usual ones."""

CHILD = """
import importlib, json, sys
import numpy as np
import peers
peers.measure = lambda name, folder: "not compared"
topic = importlib.import_module(sys.argv[1])
options = {"size": tuple(json.loads(sys.argv[2]))} if sys.argv[1] == "storage" else {}
rows = topic.rows(np.random.default_rng(2022), **options)
print(json.dumps([[row["work"], row["unit"], float(row["toolkit"])] for row in rows]))
"""

FULL = """
import json, sys
import full_size
from common import in_child
folder = f"{sys.argv[1]}/rows_{sys.argv[2]}"
_, wall, cpu, peak = in_child(full_size.deform, folder, folder + "/truth.zarr")
rows = full_size.rows_of(int(sys.argv[2]))
pixels, words = (rows.stop - rows.start) * 2778, f"store to maps, {sys.argv[2]} rows"
print()
found = [["pixels per CPU-s", pixels / cpu], ["pixels per second", pixels / wall], ["per GB of memory", 1e3 / peak]]
print(json.dumps([[words, *row] for row in found]))
"""


def rates(checkout: Path, topic: str) -> dict[tuple[str, str], float]:
    """Rate of the toolkit by work and unit, found by the checkout's own benchmark."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(checkout), str(checkout / "benchmarks")])}
    name, _, options = topic.partition("=")
    code, arguments = (FULL, options.split(",")) if name == "full_size" else (CHILD, [topic, json.dumps(INGEST)])
    if name == "full_size":
        env["QTP_OUTPUT"] = arguments[0]
    command = [sys.executable, "-c", code, *arguments]
    told = subprocess.run(command, env=env, cwd=checkout / "benchmarks", capture_output=True, text=True, check=True)
    return {(work, unit): rate for work, unit, rate in json.loads(told.stdout.splitlines()[-1])}


def main(before: str, after: str, rounds: str = "2", *topics: str) -> None:
    print("| work | unit | before | after | ratio |\n| --- | --- | ---: | ---: | ---: |")
    for topic in topics or TOPICS:
        best: list[dict[tuple[str, str], float]] = [{}, {}]
        for _ in range(int(rounds)):
            for found, checkout in zip(best, (before, after), strict=True):
                for key, rate in rates(Path(checkout).resolve(), topic).items():
                    found[key] = max(rate, found.get(key, 0.0))
        for key in best[0].keys() & best[1].keys():
            old, new = best[0][key], best[1][key]
            print(f"| {key[0]} | {key[1]} | {old:,.4g} | {new:,.4g} | {new / old:.2f} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
