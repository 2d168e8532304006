"""The air above the scene: what delays the radar, and the reanalysis file that knows a part of it.

Every acquisition day has a temperature profile, a surface pressure field and a humidity field. The delay follows from
refractivity; the file holds the smooth part of the fields, with errors, at pressure levels. Turbulence is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH
from qtp_toolkit.synthetic import places
from qtp_toolkit.synthetic.acquisitions import dates
from qtp_toolkit.synthetic.frame import EAST, NORTH, SOUTH, WEST, Frame, generator, noise_sequence

LEVELS = (70, *range(100, 250, 25), *range(250, 1001, 50))
"""Pressure levels of the file, hPa."""
_G, _RD = 9.80665, 287.05
_K1, _K2, _K3 = 0.776, 0.716, 3750.0
_EPSILON = 0.622
_LAPSE = 0.0062
_BASE = 4700.0
"""Height (m) at which the surface values below are given."""
_TROPOPAUSE = 16_000.0
_HEIGHTS = np.arange(3000.0, 9001.0, 100.0)
_TURBULENCE = ((40e3, 2.0), (16e3, 1.5), (7e3, 1.0))
"""Lattice spacing (m) and standard deviation (mm) of the turbulent zenith delay."""
_LEFT = 1.5
"""Standard deviation (mm/km) of the zenith delay that follows the terrain after a correction."""
_SHAPES = {"pressure": (0.0006, 250e3), "humidity": (0.07, 110e3)}
"""Relative change (standard deviation) and lattice spacing (m) of what the reanalysis resolves."""


class Air(NamedTuple):
    """Air of a day: temperature (K), pressure and vapour pressure (Pa) at the base height, scale height (m)."""

    temperature: float
    pressure: float
    vapour: float
    scale: float


class _Nodes(NamedTuple):
    """Grid of the reanalysis in scene coordinates, m."""

    x: np.ndarray
    y: np.ndarray
    seed: int


@lru_cache(maxsize=4)
def airs(seed: int) -> tuple[tuple[Air, ...], tuple[Air, ...]]:
    """Air of every acquisition day: the truth, and what the reanalysis believes."""
    rng = generator(seed, "air")
    true, believed = [], []
    for day in dates():
        season = np.cos(2 * np.pi * (day.day_of_year - 205) / 365.25)
        a, b, c, d, e, f, g = rng.standard_normal(7)
        air = Air(
            271.5 + 11.0 * season + 2.0 * a,
            57_300.0 + 150.0 * season + 120.0 * b,
            np.exp(np.log(310.0) + 0.72 * season + 0.22 * c),
            2000.0 + 150.0 * d,
        )
        true.append(air)
        believed.append(
            Air(air.temperature + 0.6 * e, air.pressure, air.vapour * (1 + 0.06 * f), air.scale * (1 + 0.03 * g))
        )
    return tuple(true), tuple(believed)


def _temperature(air: Air, height: np.ndarray) -> np.ndarray:
    return air.temperature - _LAPSE * (np.minimum(height, _TROPOPAUSE) - _BASE)


def _pressure(air: Air, height: np.ndarray) -> np.ndarray:
    """Hydrostatic pressure with a constant lapse rate below an isothermal stratosphere, Pa."""
    power = _G / (_RD * _LAPSE)
    lower = air.pressure * (_temperature(air, height) / air.temperature) ** power
    return lower * np.exp(-_G * np.maximum(height - _TROPOPAUSE, 0.0) / (_RD * _temperature(air, height)))


def _vapour(air: Air, height: np.ndarray) -> np.ndarray:
    return air.vapour * np.exp(-(height - _BASE) / air.scale)


@lru_cache(maxsize=512)
def _profiles(air: Air) -> tuple[np.ndarray, np.ndarray]:
    """Zenith delay (mm) at :data:`_HEIGHTS`: dry part, and wet part by the base vapour pressure."""
    z = np.arange(_HEIGHTS[0], 30_000.0, 50.0)
    t, e = _temperature(air, z), _vapour(air, z)
    wet = (_K2 - _RD / 461.5 * _K1) * e / t + _K3 * e / t**2
    above = np.concatenate([np.cumsum(((wet[1:] + wet[:-1]) * 25.0)[::-1])[::-1], [0.0]])
    dry = _K1 * _RD / _G * _pressure(air, _HEIGHTS)
    return (1e-3 * dry).astype(np.float32), (1e-3 * np.interp(_HEIGHTS, z, above)).astype(np.float32)


def _shape(frame: Frame | _Nodes, name: str, numbers: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the relative field of pressure or humidity of acquisitions, (ny, nx)."""
    change, spacing = _SHAPES[name]
    for noise in noise_sequence(
        frame.x, frame.y, seed=frame.seed, names=(f"{name} {n}" for n in numbers), spacing=spacing
    ):
        yield 1.0 + np.float32(change) * noise


def delays(frame: Frame, numbers: Sequence[int], elevation: np.ndarray, incidence: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the slant tropospheric delay of acquisitions, mm, with turbulence, less a constant of the whole scene.

    Parameters
    ----------
    frame : Frame
    numbers : sequence of int
        Numbers of the acquisitions.
    elevation, incidence : numpy.ndarray
        (ny, nx) in m and degree.

    Yields
    ------
    numpy.ndarray
        (ny, nx), float32.
    """
    slant = (1.0 / np.cos(np.deg2rad(incidence))).astype(np.float32)
    pressures = _shape(frame, "pressure", numbers)
    humidities = _shape(frame, "humidity", numbers)
    eddies = [frame.noises((f"turbulence {n}" for n in numbers), spacing) for spacing, _ in _TURBULENCE]
    step = _HEIGHTS[1] - _HEIGHTS[0]
    cell = np.clip((elevation - _HEIGHTS[0]) / step, 0, _HEIGHTS.size - 1.001)
    low = cell.astype(int)
    share = (cell - low).astype(np.float32)
    base = int((_BASE - _HEIGHTS[0]) / step)
    for number, pressure, humidity, *turbulence in zip(numbers, pressures, humidities, *eddies, strict=True):
        air = airs(frame.seed)[0][number]
        dry, wet = ((table[low] + share * (table[low + 1] - table[low])) for table in _profiles(air))
        zenith = dry * pressure + wet * humidity - sum(table[base] for table in _profiles(air))
        season = np.float32(0.75 + 0.5 * np.clip(air.vapour / 310.0 - 0.5, 0.0, 1.0))
        for (_, deviation), eddy in zip(_TURBULENCE, turbulence, strict=True):
            zenith += season * np.float32(deviation) * eddy
        yield zenith * slant


def leftovers(frame: Frame, keys: Sequence[str], elevation: np.ndarray, incidence: np.ndarray) -> Iterator[np.ndarray]:
    """Yield what a correction by a reanalysis leaves of the slant delays of acquisitions, mm.

    Turbulence as in :func:`delays`, and a delay that follows the terrain, of another size and sign on each date.

    Parameters
    ----------
    frame : Frame
    keys : sequence of str
        One an acquisition: another key, another noise.
    elevation, incidence : numpy.ndarray
        (ny, nx) in m and degree.

    Yields
    ------
    numpy.ndarray
        (ny, nx), float32.
    """
    slant = (1.0 / np.cos(np.deg2rad(incidence))).astype(np.float32)
    height = (elevation - _BASE).astype(np.float32) / 1000
    eddies = [frame.noises((f"turbulence {key}" for key in keys), spacing) for spacing, _ in _TURBULENCE]
    for key, *turbulence in zip(keys, *eddies, strict=True):
        zenith = np.float32(_LEFT * generator(frame.seed, "stratified", key).standard_normal()) * height
        for (_, deviation), eddy in zip(_TURBULENCE, turbulence, strict=True):
            zenith += np.float32(deviation) * eddy
        yield zenith * slant


def phase_of(delay_mm: np.ndarray) -> np.ndarray:
    """Phase (rad) of a slant delay: a delay acts as motion away from the satellite."""
    return np.float32(4e-3 * np.pi / SENTINEL1_WAVELENGTH) * delay_mm


def reanalysis(frame: Frame) -> xr.Dataset:
    """Reanalysis at the acquisition dates on pressure levels around a frame.

    Returns
    -------
    xarray.Dataset
        ``geopotential`` (m2 s-2), ``temperature`` (K), ``specific_humidity`` (kg/kg), dims (time, level, y, x) on a
        0.25 degree grid, y (latitude) descending; level in hPa.
    """
    margin = 40e3
    x = np.array([max(frame.x[0], WEST) - margin, min(frame.x[-1], EAST) + margin])
    y = np.array([max(frame.y[-1], SOUTH) - margin, min(frame.y[0], NORTH) + margin])
    lon, lat = places.transformer(inverse=True).transform(*(a.ravel() for a in np.meshgrid(x, y)))
    lons = np.arange(np.floor(lon.min() * 4) / 4, lon.max() + 0.25, 0.25)
    lats = np.arange(np.ceil(lat.max() * 4) / 4, lat.min() - 0.25, -0.25)
    at_x = np.array([places.project(float(value), 34.0)[0] for value in lons])
    at_y = np.array([places.project(92.5, float(value))[1] for value in lats])
    nodes = _Nodes(at_x, at_y, frame.seed)
    believed = airs(frame.seed)[1]
    shape = (len(believed), len(LEVELS), lats.size, lons.size)
    out = {name: np.empty(shape, dtype=np.float32) for name in ("geopotential", "temperature", "specific_humidity")}
    level = 100.0 * np.asarray(LEVELS, dtype=float)
    z = np.arange(-1500.0, 40_000.0, 25.0)
    for number, air in enumerate(believed):
        pressure, humidity = (next(_shape(nodes, name, (number,))) for name in _SHAPES)
        log_p = np.log(_pressure(air, z))
        for row, column in np.ndindex(pressure.shape):
            height = np.interp(-np.log(level), -(log_p + np.log(pressure[row, column])), z)
            vapour = _vapour(air, height) * humidity[row, column]
            place = (number, slice(None), row, column)
            out["geopotential"][place] = _G * height
            out["temperature"][place] = _temperature(air, height)
            out["specific_humidity"][place] = _EPSILON * vapour / (level - (1 - _EPSILON) * vapour)
    units = {"geopotential": "m2 s-2", "temperature": "K", "specific_humidity": "kg/kg"}
    coords = {
        "time": dates().values.astype("datetime64[ns]"),
        "level": ("level", np.asarray(LEVELS), {"units": "hPa"}),
        "y": lats,
        "x": lons,
    }
    layers = {name: (("time", "level", "y", "x"), values, {"units": units[name]}) for name, values in out.items()}
    return xr.Dataset(layers, coords).rio.write_crs(4326)
