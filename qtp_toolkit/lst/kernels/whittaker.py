"""Whittaker smoother on dates that need not be regular (Numba, compiled on first use).

Least squares with a penalty on roughness: minimize ``sum w (y - z)^2 + strength sum (second difference of z)^2``
(Eilers 2003). The matrix has five diagonals; it is factored as L D L^T in one pass over the dates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels._jit import bare


class Smoother(NamedTuple):
    """Diagonals of the penalty, (n,) each: main, first and second above it (the last one and two are 0).

    ``pull`` is added to the main diagonal: it draws the answer to zero where there is no value near. ``on``: whether
    there is smoothing at all.
    """

    main: np.ndarray
    first: np.ndarray
    second: np.ndarray
    pull: float
    on: bool


def make_smoother(
    days: np.ndarray, *, strength: float, pull: float = 0.0, step: float = 8.0, on: bool = True
) -> Smoother:
    """Penalty on second divided differences.

    Parameters
    ----------
    days : ndarray (n,)
        Increasing.
    strength : float
        Penalty (lambda) for dates that are ``step`` apart.
    pull : float
        Penalty on the value itself.
    step : float
        Unit of time, in days: on dates with this step the differences are ``z[i - 1] - 2 z[i] + z[i + 1]``.
    on : bool
        False makes a smoother that is not used.

    Returns
    -------
    Smoother
    """
    n = len(days)
    main, first, second = np.zeros((3, n))
    if n > 2:
        left, right = np.diff(days)[:-1] / step, np.diff(days)[1:] / step
        middle = 0.5 * (left + right)
        # Divided differences, times the root of the time that each stands for: a sum that is an integral.
        a, c = 1.0 / (left * np.sqrt(middle)), 1.0 / (right * np.sqrt(middle))
        b = -(a + c)
        main[:-2] += a * a
        main[1:-1] += b * b
        main[2:] += c * c
        first[:-2] += a * b
        first[1:-1] += b * c
        second[:-2] = a * c
    return Smoother(strength * main, strength * first, strength * second, float(pull), on)


@bare
def smooth(value, weight, smoother, out, lower, further):  # noqa: PLR0917
    """Solve the five-diagonal system of one series into ``out``; ``lower`` and ``further`` are scratch."""
    n = value.size
    above, two_above = 1.0, 1.0  # pivots of the two rows before
    for i in range(n):
        pivot, right = weight[i] + smoother.main[i] + smoother.pull, weight[i] * value[i]
        link = smoother.first[i]
        if i > 0:
            pivot -= lower[i - 1] * lower[i - 1] * above
            right -= lower[i - 1] * out[i - 1]
            link -= lower[i - 1] * further[i - 1] * above
        if i > 1:
            pivot -= further[i - 2] * further[i - 2] * two_above
            right -= further[i - 2] * out[i - 2]
        # L D L^T: multipliers of the next two rows, and the right side on its way down.
        lower[i], further[i], out[i] = link / pivot, smoother.second[i] / pivot, right
        # The values are no longer needed; D takes their place.
        value[i] = pivot
        two_above, above = above, pivot
    for i in range(n - 1, -1, -1):
        own = out[i] / value[i]
        if i < n - 1:
            own -= lower[i] * out[i + 1]
        if i < n - 2:
            own -= further[i] * out[i + 2]
        out[i] = own
