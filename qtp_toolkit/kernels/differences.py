"""What a series does between the dates of pairs, taken out of them (Numba, compiled on first use)."""

from __future__ import annotations

from qtp_toolkit.kernels._jit import exact


@exact
def subtract_differences(stack, first, second, series, out):
    """Rows (N, P) less ``series[second] - series[first]`` of (T, P), positions (N,)."""
    number, pixels = stack.shape
    for k in range(number):
        early, late = first[k], second[k]
        for i in range(pixels):
            out[k, i] = stack[k, i] - (series[late, i] - series[early, i])
