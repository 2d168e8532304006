"""True daily land surface temperature: a few functions of time times a few fields.

``T(day, pixel) = sum_k time_k(day) field_k(pixel)``: climate and harmonics, a warming trend, slow anomalies that move
the onsets from year to year, and day-to-day weather. Being of low rank, any pixel or pixel mean of it costs little.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from qtp_toolkit.synthetic.fields import Fields
from qtp_toolkit.synthetic.frame import Frame, generator

DAYS = pd.date_range("2014-01-01", "2019-12-31", freq="D")
YEARS = tuple(range(2014, 2020))
SMOOTH = 8
"""The first components are climate and slow anomalies; the rest is weather."""
WEATHER = 8
_PEAK = 211.0
_WARMING = 0.055


@lru_cache(maxsize=4)
def time_functions(seed: int) -> np.ndarray:
    """Functions of time, (days, components), float32."""
    day = np.arange(DAYS.size)
    angle = 2 * np.pi * (day + 1 - _PEAK) / 365.25
    rng = generator(seed, "temperature anomalies")
    # Cut from a longer series: near its ends the filter sees the series mirrored, and anomalies would be symmetric.
    slow = gaussian_filter1d(rng.standard_normal((DAYS.size + 400, 3)), 32.0, axis=0)[200:-200]
    slow *= np.array([0.85, 0.55, 0.6]) / slow.std(axis=0)
    weather = np.zeros((DAYS.size, WEATHER))
    shocks = rng.standard_normal((DAYS.size, WEATHER))
    for i in range(1, DAYS.size):
        weather[i] = 0.72 * weather[i - 1] + shocks[i]
    weather *= 2.1 / np.sqrt(WEATHER) / weather.std(axis=0)
    trend = _WARMING * (day - day.mean()) / 365.25
    columns = [np.ones(DAYS.size), np.cos(angle), np.sin(angle), np.cos(2 * angle + 0.4), trend]
    return np.column_stack([*columns, slow, weather]).astype(np.float32)


def patterns(frame: Frame, ground: Fields) -> np.ndarray:
    """Fields that the functions of time multiply, (components, ny, nx), float32."""
    ones = np.ones(frame.shape)
    swing = 11.9 + 0.5 * frame.noise("swing", 35e3) + 0.25 * frame.noise("swing", 3e3) - 0.8 * (frame.southing - 0.5)
    lag = 0.55 * frame.noise("lag", 40e3) + 0.25 * frame.noise("lag", 5e3)
    second = 0.8 + 0.25 * frame.noise("second harmonic", 50e3)
    slow = (ones, ones * (2.0 * frame.southing - 1.0), frame.noise("anomaly", 60e3))
    weather = [frame.noise(f"weather {number}", 50e3) for number in range(WEATHER)]
    return np.stack([ground.mean_lst, swing, lag, second, ones, *slow, *weather]).astype(np.float32)


def day_number(dates: object) -> np.ndarray:
    """Index of calendar days in :data:`DAYS`."""
    return (pd.DatetimeIndex(dates).normalize() - DAYS[0]).days.to_numpy()
