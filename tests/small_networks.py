"""Small networks of pairs for tests: labelled stacks, the vector of the notes, and the exact L1 minimum."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import linprog

START = np.datetime64("2020-01-01", "ns")
CYCLE = 2 * np.pi
VECTOR_PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (2, 5), (3, 4), (3, 5), (4, 5)]
VECTOR_PHASE = np.array([0.0, -0.3, -0.9, -1.2, -1.0, -0.4])


def days(numbers):
    return START + 12 * np.asarray(numbers) * np.timedelta64(1, "D")


def stack_of(rows, values, *, dims=("pair", "pixel"), units="rad"):
    first, second = np.array(rows).T
    coords = {"reference": ("pair", days(first)), "secondary": ("pair", days(second))}
    return xr.DataArray(values, dims=dims, coords=coords, name="phase", attrs={"units": units})


def forward(rows, series):
    first, second = np.array(rows).T
    return series[second] - series[first]


def linear_programme(matrix, observed, weight):
    """Exact weighted L1 minimum: minimize w.t subject to -t <= A x - b <= t."""
    n_rows, n_columns = matrix.shape
    eye = np.eye(n_rows)
    upper = np.block([[matrix, -eye], [-matrix, -eye]])
    limits = np.concatenate([observed, -observed])
    bounds = [(None, None)] * n_columns + [(0, None)] * n_rows
    return linprog(np.concatenate([np.zeros(n_columns), weight]), A_ub=upper, b_ub=limits, bounds=bounds).fun


def random_connected(rng, n_dates, extra):
    rows = {(int(rng.integers(k)), k) for k in range(1, n_dates)}
    candidates = [(a, b) for a in range(n_dates) for b in range(a + 1, n_dates)]
    rows |= {candidates[k] for k in rng.permutation(len(candidates))[:extra]}
    rows = sorted(rows)
    return [rows[k] for k in rng.permutation(len(rows))]
