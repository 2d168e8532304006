"""Runs one public package on a stack in .npy files, inside that package's own environment; prints a line of JSON.

Called by ``peers.py`` as ``python peer_child.py NAME FOLDER PIXELS``. The folder holds ``phase``, ``coherence`` (pair,
pixel), ``first``, ``second`` (positions of the dates of each pair) and ``days`` (of the dates). Writes ``NAME.npy``,
phases (date, pixel) in rad. Only numpy, the package and ``common`` (standard library) are imported.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
from common import peak_memory


def mintpy(stack: dict[str, np.ndarray], matrix: np.ndarray):
    """Weighted least squares, pixel by pixel as its own loop over pixels does."""
    from mintpy.ifgram_inversion import estimate_timeseries  # noqa: PLC0415  of this environment only

    years = np.diff(stack["days"])[:, None] / 365.25
    between = np.arange(len(years))
    spans = ((stack["first"][:, None] <= between) & (between < stack["second"][:, None])) * years.T
    phase, root = stack["phase"], np.sqrt(stack["coherence"])

    def run(n: int) -> np.ndarray:
        return np.concatenate(
            [
                estimate_timeseries(matrix, spans, phase[:, [i]], years, weight_sqrt=root[:, [i]], print_msg=False)[0]
                for i in range(n)
            ],
            axis=1,
        )

    return run


def dolphin(stack: dict[str, np.ndarray], matrix: np.ndarray):
    """L1 by ADMM without weights. GDAL, which it imports but does not declare, is replaced by an empty stand-in."""
    sys.modules.update({f"osgeo{part}": MagicMock() for part in ("", ".gdal", ".gdal_array", ".gdalconst", ".osr")})
    from dolphin.timeseries import invert_stack_l1  # noqa: PLC0415  of this environment only

    matrix = matrix.astype(np.float32)

    def run(n: int) -> np.ndarray:
        series = np.asarray(invert_stack_l1(matrix, stack["phase"][:, None, :n])[0])[:, 0]
        return np.concatenate([np.zeros_like(series[:1]), series])

    return run


def insar_rs(stack: dict[str, np.ndarray], _matrix: np.ndarray):
    """Least squares without weights."""
    from insar_rs import invert_sbas  # noqa: PLC0415  of this environment only

    wavelength = 0.0555
    ends = [[int(k) for k in stack[name]] for name in ("first", "second")]
    days = [int(day) for day in stack["days"]]

    def run(n: int) -> np.ndarray:
        phase = np.ascontiguousarray(stack["phase"][:, None, :n])
        meters = invert_sbas(phase, *ends, days, wavelength)
        return np.asarray(meters)[:, 0] * (-4 * np.pi / wavelength)

    return run


def main(name: str, folder: Path, pixels: int) -> None:
    stack = {key: np.load(folder / f"{key}.npy") for key in ("phase", "coherence", "first", "second", "days")}
    rows = np.arange(len(stack["first"]))
    matrix = np.zeros((len(rows), len(stack["days"])))
    matrix[rows, stack["second"]], matrix[rows, stack["first"]] = 1, -1
    run = {"mintpy": mintpy, "dolphin": dolphin, "insar-rs": insar_rs}[name](stack, matrix[:, 1:])
    spent = []
    run(pixels if name == "dolphin" else 4)
    for _ in range(2):
        start = time.process_time()
        series = run(pixels)
        spent.append(time.process_time() - start)
    np.save(folder / f"{name}.npy", series)
    print(json.dumps({"seconds": min(spent), "peak": peak_memory(), "pixels": pixels}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
