"""Waves of the year."""

from __future__ import annotations

import numpy as np


def design_matrix(days: np.ndarray, *, period: float, harmonics: int) -> np.ndarray:
    """Columns 1, cos(wt), sin(wt), cos(2wt), ... of a truncated Fourier series.

    Parameters
    ----------
    days : ndarray (n,)
        Time in the unit of ``period``.
    period : float
        Base period.
    harmonics : int
        Number of harmonics.

    Returns
    -------
    ndarray (n, 1 + 2 harmonics)
    """
    phase = 2.0 * np.pi * np.asarray(days, dtype=float)[:, None] / period
    columns = [np.ones((len(phase), 1))]
    for k in range(1, harmonics + 1):
        columns += [np.cos(k * phase), np.sin(k * phase)]
    return np.concatenate(columns, axis=1)
