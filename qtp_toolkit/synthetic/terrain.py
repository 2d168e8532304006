"""Elevation of the scene, and slope and aspect as a grid user would derive them from it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels.terrain import horn
from qtp_toolkit.synthetic import places
from qtp_toolkit.synthetic.frame import Frame, rise

RANGES = (
    # southing and width in fractions of the scene's length, tilt, height in m
    (0.085, 0.060, -0.03, 650.0),
    (0.280, 0.055, 0.05, 420.0),
    (0.405, 0.045, 0.07, 420.0),
    (0.535, 0.048, 0.04, 380.0),
    (0.690, 0.070, -0.05, 620.0),
    (0.880, 0.070, 0.05, 480.0),
)
_OCTAVES = (
    (28e3, 200.0), (14e3, 290.0), (7e3, 230.0), (3.5e3, 150.0), (1.8e3, 70.0), (0.9e3, 34.0), (0.45e3, 18.0),
    (0.22e3, 9.0),
)  # fmt: skip
_RELIEF = {"tiny": 2.3, "default": 1.0, "90m": 0.8}


class Terrain(NamedTuple):
    """Terrain of a frame, all (ny, nx)."""

    elevation: np.ndarray
    slope: np.ndarray
    aspect: np.ndarray
    northness: np.ndarray
    lake: np.ndarray
    glacier: np.ndarray
    mountain: np.ndarray


def _mountain(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight of mountain relief (0 in basins, 1 in ranges), height of the ranges in m, weight of the flat basins."""
    southing = frame.southing + 0.02 * frame.noise("range bend", 60e3)
    swell = 0.85 + 0.30 * frame.noise("range swell", 45e3)
    height = np.zeros(frame.shape)
    ridges = np.zeros(frame.shape)
    for position, width, tilt, top in RANGES:
        ridge = np.exp(-np.square((southing - position - tilt * (frame.easting - 0.5)) / width))
        height += top * ridge
        ridges += ridge
    basin = np.zeros(frame.shape)
    for blob in places.BASINS:
        np.maximum(basin, places.weight(frame, blob, plateau=0.85, end=1.35), out=basin)
    for blob in (*places.LAKES, places.DRAINED):
        np.maximum(basin, places.weight(frame, blob, plateau=1.4, end=2.2), out=basin)
    for station in places.STATIONS:
        np.maximum(basin, places.spot(frame, station.longitude, station.latitude, radius_km=3.0), out=basin)
    peaks = np.zeros(frame.shape)
    for blob in places.GLACIERS:
        np.maximum(peaks, places.weight(frame, blob, plateau=0.6, end=2.2), out=peaks)
    relief = (ridges * swell - 0.10) / 0.55 + 0.12 * frame.noise("foothills", 18e3)
    relief = np.maximum(rise(relief, 0.0, 1.0) * (1 - basin), peaks)
    return relief, height * swell * (1 - basin) + 500.0 * peaks, basin


def elevation(frame: Frame) -> np.ndarray:
    """Elevation of a frame in m, (ny, nx)."""
    mountain, height, basin = _mountain(frame)
    base = 4560.0 + 250.0 * np.exp(-np.square((frame.southing - 0.62) / 0.3)) + 45.0 * frame.noise("plateau", 70e3)
    rough = np.zeros(frame.shape)
    for number, (spacing, amplitude) in enumerate(_OCTAVES):
        if spacing >= 2 * frame.scene_pixel:
            noise = frame.noise(f"relief {number}", spacing)
            rough += amplitude * (0.9 - 1.5 * np.abs(noise) if number in (1, 2) else noise)
    gentle = 10.0 * frame.noise("gentle", 20e3) + 4.5 * frame.noise("gentle", 6e3)
    water = np.zeros(frame.shape)
    for blob in places.LAKES:
        np.maximum(water, places.weight(frame, blob, plateau=1.0, end=1.3), out=water)
    hills = np.clip(0.35 + frame.noise("hill country", 35e3), 0.0, 1.0) * (1 - basin)
    gentle += 95.0 * hills * frame.noise("hills", 5e3)
    above = 110.0 * np.logaddexp(0.0, (height + _RELIEF[frame.size] * rough) / 110.0)
    return base + mountain * above + (1 - mountain) * (1 - water) * gentle


def terrain(frame: Frame) -> Terrain:
    """Elevation, slope (degree), downslope aspect (degree from north), lakes and glaciers of a frame."""
    z = elevation(frame.pad(1))
    slope, aspect = horn(z, frame.pixel, frame.pixel)
    lake = places.inside(frame, places.LAKES) | places.inside(frame, places.thermokarst_lakes())
    glacier = places.inside(frame, places.GLACIERS) & ~lake
    mountain = _mountain(frame)[0]
    return Terrain(z[1:-1, 1:-1], slope, aspect, np.cos(np.deg2rad(aspect)), lake, glacier, mountain)
