"""Acquisition dates of the scene and the interferogram pairs that its files hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

WINDOWS = ((0, 40), (350, 380), (725, 735))
"""Temporal baselines of the paper, d."""
_MISSING = ("2015-06-10", "2016-02-05", "2017-08-24", "2018-04-09", "2019-05-22")


def dates() -> pd.DatetimeIndex:
    """Acquisition dates: every 24 days from October 2014, every 12 days from March 2017; a few are missing.

    All lie on the satellite's 12-day cycle through the reference date, 31 August 2018.
    """
    early = pd.date_range("2014-10-15", "2017-03-03", freq="24D")
    late = pd.date_range("2017-03-09", "2019-12-31", freq="12D")
    every = early.union(late)
    missing = [every[np.argmin(np.abs(every - pd.Timestamp(day)))] for day in _MISSING]
    return every.drop(missing)


def candidate_pairs() -> np.ndarray:
    """Pairs (pair, 2) of date numbers allowed by :data:`WINDOWS`, the earlier date first, in order of dates."""
    day = (dates() - pd.Timestamp("2014-01-01")).days.to_numpy()
    first, second = np.triu_indices(day.size, 1)
    span = day[second] - day[first]
    keep = np.zeros(span.size, dtype=bool)
    for low, high in WINDOWS:
        keep |= (span > low) & (span <= high) if low == 0 else (span >= low) & (span <= high)
    return np.column_stack([first[keep], second[keep]])
