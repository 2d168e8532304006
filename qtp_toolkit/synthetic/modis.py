"""What MODIS delivers over the scene: four overpasses, 8-day composites, clouds and quality bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter

from qtp_toolkit.conventions import describe
from qtp_toolkit.synthetic import temperature
from qtp_toolkit.synthetic.frame import NOTED, Frame, generator, lattice_noise, noise_sequence
from qtp_toolkit.synthetic.geographic import LonLatGrid

OVERPASSES = ("terra_day", "terra_night", "aqua_day", "aqua_night")
DAILY_SHAPE = {"terra_day": 0.64, "terra_night": -0.39, "aqua_day": 0.90, "aqua_night": -0.60}
"""Departure from the daily mean at the overpass, over the daily range."""
_NOISE = 0.9
_GOOD, _OTHER, _CLOUD, _NOT_MADE = 0, np.array([17, 65, 81, 97], np.uint8), 2, 3
_POOR = np.array([129, 145, 193], np.uint8)
OUTAGE = pd.Timestamp("2016-02-18")
"""Start of the composite that Terra missed."""


def composites() -> pd.DatetimeIndex:
    """Return the starts of the 8-day composites of 2014 to 2019: days 1, 9, ..., 361 of each year."""
    starts = [pd.date_range(f"{year}-01-01", periods=46, freq="8D") for year in temperature.YEARS]
    return starts[0].append(starts[1:])


def composite_means(functions: np.ndarray) -> np.ndarray:
    """Mean of daily functions of time (days, components) over the composites, (composites, components)."""
    starts = temperature.day_number(composites())
    stops = np.append(starts[1:], temperature.DAYS.size)
    sums = np.vstack([np.zeros((1, functions.shape[1])), np.cumsum(functions, axis=0, dtype=np.float64)])
    return ((sums[stops] - sums[starts]) / (stops - starts)[:, None]).astype(np.float32)


def daily_range() -> np.ndarray:
    """Typical daily range of surface temperature of each composite, K: wide in spring, narrow in the monsoon."""
    day = composites().day_of_year.to_numpy() + 3.5
    return 21.0 + 3.5 * np.cos(2 * np.pi * (day - 100.0) / 365.25) - 3.0 * np.exp(-np.square((day - 210.0) / 40.0))


def observe_lst(frame: Frame, grid: LonLatGrid, components: np.ndarray, mountain: np.ndarray) -> xr.Dataset:
    """Composites of the four overpasses.

    Parameters
    ----------
    frame : Frame
        Frame of the scene (for its seed).
    grid : LonLatGrid
        LST grid.
    components : numpy.ndarray
        (components, ny, nx) fields of the true temperature, averaged over the LST pixels.
    mountain : numpy.ndarray
        (ny, nx) weight of mountain relief, where clouds are more frequent.

    Returns
    -------
    xarray.Dataset
        ``terra_day`` ... ``aqua_night`` (time, y, x) in degC, float32, NaN under clouds, and ``qc_terra_day`` ...
        uint8; time is the start of the composite.
    """
    mean = np.tensordot(composite_means(temperature.time_functions(frame.seed)), components, axes=1)
    xs, ys = grid.nodes()
    sparse = lattice_noise(xs, ys, seed=frame.seed, name="daily range", spacing=40e3)
    spread = daily_range()[:, None, None].astype(np.float32) * (1.0 + 0.09 * sparse)
    cloud = _clouds(frame.seed, xs, ys, mountain)
    out = {}
    for name in OVERPASSES:
        rng = generator(frame.seed, "modis", name)
        values = mean + np.float32(DAILY_SHAPE[name]) * spread
        values += np.float32(_NOISE) * rng.standard_normal(values.shape, dtype=np.float32)
        quality = np.where(
            rng.random(values.shape, dtype=np.float32) < 0.24, rng.choice(_OTHER, values.shape), np.uint8(_GOOD)
        )
        hidden = cloud + 0.55 * _cloudlets(rng, values.shape)
        threshold = _quantiles(hidden)
        _contaminate(rng, values, quality, near=(hidden > threshold - 0.35) & (hidden <= threshold))
        missing = hidden > threshold
        quality[missing] = _CLOUD
        if name.startswith("terra"):
            number = int(np.argmax(composites() == OUTAGE))
            missing[number], quality[number] = True, _NOT_MADE
        values[missing] = np.nan
        out[name], out[f"qc_{name}"] = values, quality.astype(np.uint8)
    coords = {"time": composites().values.astype("datetime64[ns]"), "y": grid.latitude, "x": grid.longitude}
    arrays = {name: xr.DataArray(values, dims=("time", "y", "x"), coords=coords) for name, values in out.items()}
    layers = {name: describe(da, "qc" if name.startswith("qc") else name, **NOTED) for name, da in arrays.items()}
    return xr.Dataset(layers, attrs=NOTED | {"time": "start of the composite"}).rio.write_crs(4326)


def _contaminate(rng: np.random.Generator, values: np.ndarray, quality: np.ndarray, *, near: np.ndarray) -> None:
    """Cool some values at the edges of clouds; half of them are flagged."""
    hit = near & (rng.random(values.shape, dtype=np.float32) < 0.16)
    count = int(hit.sum())
    values[hit] -= rng.uniform(4.0, 14.0, count).astype(np.float32)
    flagged = rng.random(count) < 0.5
    quality[hit] = np.where(flagged, rng.choice(_POOR, count), quality[hit])


def _clouds(seed: int, xs: np.ndarray, ys: np.ndarray, mountain: np.ndarray) -> np.ndarray:
    """Cloudiness that all overpasses of a composite share, (composites, ny, nx), about unit variance."""
    names = [f"cloud {number}" for number in range(len(composites()))]
    wide = np.stack(list(noise_sequence(xs, ys, seed=seed, names=names, spacing=45e3)))
    return 0.8 * wide + 0.25 * (mountain - mountain.mean()).astype(np.float32)


def _cloudlets(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small clouds of one overpass, about three pixels wide, unit variance."""
    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0.0, 1.2, 1.2), mode="wrap")
    return noise / noise.std()


def _quantiles(hidden: np.ndarray) -> np.ndarray:
    """Cloudiness above which a composite has no value: 20 % lost in winter, 40 % in the monsoon, (composites, 1, 1)."""
    day = composites().day_of_year.to_numpy() + 3.5
    lost = 0.21 + 0.19 * np.exp(-np.square((day - 205.0) / 45.0))
    spread = float(hidden.std())
    normal = np.interp(lost, [0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45], [1.036, 0.842, 0.674, 0.524, 0.385, 0.253, 0.126])
    return (float(hidden.mean()) + spread * normal)[:, None, None].astype(np.float32)
