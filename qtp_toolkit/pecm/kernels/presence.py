"""What a pixel has to be fitted with: observations, indices, thaw (Numba, compiled on first use)."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels._jit import fused
from qtp_toolkit.kernels.block_sums import LANES, load_lanes


@fused
def inspect_pixels(y, linear, composite, years, seen, indexed, thaws, peak):  # noqa: PLR0917
    """Say whether each pixel has y, both indices, and a second one that is not 0; mean yearly maximum of it, (P,)."""
    n_years, pixels = years.max() + 1, y.shape[1]
    highest, found = np.empty((n_years, LANES)), np.empty((3, LANES))
    first, second = np.zeros(LANES), np.zeros(LANES)
    for begin in range(0, pixels, LANES):
        highest[:] = 0.0
        found[:] = 0.0
        for t in range(y.shape[0]):
            load_lanes(y[t], begin, first)
            for i in range(LANES):
                # False for NaN and infinity, and no branch.
                found[0, i] = 1.0 if abs(first[i]) < np.inf else found[0, i]
        for t in range(composite.shape[0]):
            load_lanes(linear[t], begin, first)
            load_lanes(composite[t], begin, second)
            _inspect_lanes(first, second, found, highest[years[t]])
        for i in range(min(LANES, pixels - begin)):
            seen[begin + i], indexed[begin + i], thaws[begin + i] = found[0, i] > 0, found[1, i] > 0, found[2, i] > 0
            number, total = 0, 0.0
            for year in range(n_years):
                # A year without thaw, or without dates in summer, says nothing about the peak.
                number += highest[year, i] > 0.0
                total += highest[year, i]
            peak[begin + i] = total / number if number > 0 else np.nan


@fused
def _inspect_lanes(linear, composite, found, highest):
    for i in range(LANES):
        known = abs(composite[i]) < np.inf
        found[1, i] = 1.0 if known and abs(linear[i]) < np.inf else found[1, i]
        found[2, i] = 1.0 if known and composite[i] != 0.0 else found[2, i]
        highest[i] = composite[i] if composite[i] > highest[i] else highest[i]
