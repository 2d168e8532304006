"""Rows of lanes: what compiled code does against what the bodies in numpy say."""

from __future__ import annotations

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from qtp_toolkit.inversion.kernels import lanes
from qtp_toolkit.inversion.kernels.lanes import LANES, load, load_at, store, store_at, zeros

BINARY = {name: getattr(lanes, name) for name in ("larger", "smaller")}
UNARY = {name: getattr(lanes, name) for name in ("magnitude", "lower", "root")}


@numba.njit
def arithmetic(rows, out):
    a, b = load(rows, 0), load(rows, 1)
    store(out, 0, a + b)
    store(out, 1, a - b)
    store(out, 2, a * b)
    store(out, 3, a / b)
    store(out, 4, lanes.larger(a, b))
    store(out, 5, lanes.smaller(a, b))
    store(out, 6, lanes.magnitude(a))
    store(out, 7, lanes.lower(a))
    store(out, 8, lanes.root(lanes.magnitude(a)))
    store(out, 9, lanes.choose(a, b, lanes.spread(rows, 1.5), b))


@numba.njit
def shift(wide, out):
    store_at(out, 1, 2, load_at(wide, 1, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_closed_form_compiled_operations_are_those_of_numpy(dtype, rng):
    rows, out, plain = zeros(2, dtype), zeros(10, dtype), zeros(10, dtype)
    rows[:] = rng.normal(0, 5, rows.shape)
    rows[0, :3] = np.nan, np.inf, rows[1, 2]
    arithmetic(rows, out)
    arithmetic.py_func(rows, plain)
    np.testing.assert_allclose(out, plain, rtol=1e-6 if dtype == np.float32 else 1e-14)
    assert out.ctypes.data % lanes.ALIGNMENT == 0


def test_closed_form_wide_arrays_are_read_and_written_at_any_column(rng):
    wide, out, plain = rng.normal(size=(3, 41)), np.zeros((2, 37)), np.zeros((2, 37))
    shift(wide, out)
    shift.py_func(wide, plain)
    np.testing.assert_array_equal(out, plain)
    np.testing.assert_array_equal(out[1, 2 : 2 + LANES], wide[1, 3 : 3 + LANES])


def test_oracle_the_inversion_without_compiler():
    """The same kernel as plain Python on numpy rows gives the same phases."""
    code = """
import sys
import numpy as np
from qtp_toolkit.inversion.kernels.elimination import plan_elimination
from qtp_toolkit.inversion.kernels.irls import invert_network
first, second = np.triu_indices(5, 1)
observed = np.random.default_rng(3).normal(0, 2, (10, 33))
observed[4, 5] = np.nan
rules = {"table": np.array([0.0, 1.0]), "epsilons": np.array([0.5, 0.05]), "snap_table": np.ones(3), "deviation": True}
with np.errstate(all="ignore"):
    out = invert_network(observed, np.full_like(observed, 0.5), plan_elimination(5, first, second, 2), **rules)
np.savetxt(sys.stdout, np.concatenate([out.series, out.deviation, [out.temporal_coherence, out.overruled, out.groups]]))
"""
    results = [
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
        ).stdout
        for disabled in ("0", "1")
    ]
    compiled, plain = (np.loadtxt(text.splitlines()) for text in results)
    assert compiled.shape == (13, 33)
    np.testing.assert_allclose(plain, compiled, atol=1e-6)
