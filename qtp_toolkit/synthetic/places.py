"""Named places of the scene: lakes, glaciers, basins, faults, highway, stations, regions, and their GeoJSON."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from pyproj import Transformer

from qtp_toolkit.synthetic.frame import EPSG, Frame, generator, rise

REFERENCE_POINT = (92.35, 34.40)
"""Longitude and latitude of the reference: bedrock that does not move."""
ROCK_KM = 5.5
"""Radius of that bedrock; it is bare to 4.4 km and fades out at 7.7 km."""
REFERENCE_DATE = "2018-08-31"


class Blob(NamedTuple):
    """A smooth closed outline: an ellipse with a wobbling shore."""

    name: str
    longitude: float
    latitude: float
    a_km: float
    b_km: float
    angle: float = 0.0
    wobble: float = 0.12


class Station(NamedTuple):
    """An active layer monitoring site and what it would tell."""

    name: str
    longitude: float
    latitude: float
    vegetation: str
    active_layer_thickness: float
    water_content: float


LAKES = (
    Blob("Zonag", 91.86, 35.57, 15.0, 6.5, 5.0),
    Blob("Yanhu", 93.33, 35.52, 8.5, 5.5, -10.0),
    Blob("Cuodarima", 91.45, 35.27, 8.0, 4.5, 20.0),
    Blob("Cuorendejia", 92.62, 35.16, 8.5, 5.0, -15.0),
    Blob("Kusai", 92.80, 35.78, 13.0, 5.0, -12.0),
)
UPLIFT_LAKES = ("Zonag", "Cuodarima", "Cuorendejia")
DRAINED = Blob("drained lake basin", 92.14, 35.49, 8.5, 5.5, -20.0, 0.1)
GLACIERS = (
    Blob("Geladaindong", 91.12, 33.33, 12.0, 15.0, 20.0, 0.2),
    Blob("Tanggula", 92.28, 32.72, 14.0, 6.0, -20.0, 0.2),
    Blob("Xiao Tanggula", 91.55, 32.72, 9.0, 5.0, 25.0, 0.2),
    Blob("Buruhan Budai", 93.20, 36.12, 12.0, 5.0, -8.0, 0.2),
    Blob("Malan", 91.05, 36.02, 9.0, 6.0, 0.0, 0.2),
)
TANGGULA_BASIN = Blob("Tanggula basin", 91.93, 33.02, 20.0, 15.0, 15.0)
TUOTUO_BASIN = Blob("Tuotuo source basin", 91.32, 33.80, 19.0, 21.0, 0.0)
HOH_XIL = Blob("Hoh Xil basin", 92.45, 35.46, 105.0, 21.0, -2.0, 0.08)
BASINS = (
    HOH_XIL,
    TANGGULA_BASIN,
    TUOTUO_BASIN,
    Blob("Beiluhe basin", 92.85, 34.88, 28.0, 15.0, -15.0),
    Blob("Tuotuohe valley", 92.50, 34.10, 55.0, 14.0, -5.0),
    Blob("Amdo basin", 91.75, 32.25, 35.0, 18.0, 10.0),
)
LOCAL_REFERENCES = {"R1": (92.95, 35.36), "R2": (91.68, 33.12), "R3": (91.55, 33.98)}
POINTS = {
    "P1": (92.14, 35.49), "P2": (93.35, 35.46), "P3": (91.90, 33.00), "P4": (91.93, 32.93),
    "P5": (91.385, 33.775), "P6": (91.29, 33.77),
}  # fmt: skip
REGIONS = {"R1": (91.50, 35.20, 93.60, 35.75), "R2": (91.62, 32.80, 92.28, 33.22), "R3": (91.05, 33.55, 91.62, 34.05)}
PROFILES = {"PP'": ((91.50, 36.50), (91.60, 34.60)), "QQ'": ((92.72, 34.85), (92.52, 33.25))}
FAULTS = {
    "Kunlun": ((90.60, 35.98), (91.50, 35.90), (92.40, 35.88), (93.20, 35.76), (94.20, 35.62)),
    "Yushu-Fenghuoshan": ((90.60, 35.12), (91.60, 34.85), (92.60, 34.62), (93.30, 34.42), (94.20, 34.18)),
}
HIGHWAY = (
    (93.62, 35.60), (93.40, 35.34), (93.08, 35.20), (92.95, 34.95), (92.88, 34.66), (92.62, 34.45), (92.45, 34.22),
    (92.32, 33.88), (92.08, 33.55), (91.98, 33.20), (91.88, 32.88), (91.72, 32.55), (91.68, 32.25), (91.74, 31.82),
    (91.80, 31.45),
)  # fmt: skip
STATIONS = (
    Station("QT01", 93.38, 35.26, "alpine steppe", 2.6, 0.21),
    Station("QT02", 93.02, 35.06, "alpine steppe", 3.3, 0.28),
    Station("QT03", 92.91, 34.82, "alpine swamp meadow", 1.5, 0.38),
    Station("QT04", 92.79, 34.94, "alpine meadow", 1.8, 0.33),
    Station("QT05", 92.72, 34.70, "alpine meadow", 2.4, 0.22),
    Station("QT06", 92.30, 34.12, "alpine steppe", 4.1, 0.20),
    Station("QT07", 92.55, 34.05, "alpine swamp meadow", 3.1, 0.39),
    Station("QT08", 92.22, 33.72, "alpine meadow", 3.0, 0.34),
    Station("QT09", 92.05, 33.36, "alpine swamp meadow", 2.1, 0.37),
    Station("QT10", 91.90, 32.60, "alpine meadow", 3.5, 0.21),
    Station("QT11", 91.70, 32.40, "alpine swamp meadow", 2.6, 0.40),
    Station("QT12", 91.66, 32.12, "alpine meadow", 2.0, 0.30),
    Station("QT13", 92.35, 35.30, "alpine steppe", 2.2, 0.24),
    Station("QT14", 91.62, 34.30, "alpine steppe", 3.8, 0.23),
)


@lru_cache(maxsize=2)
def transformer(*, inverse: bool = False) -> Transformer:
    """From longitude and latitude to the scene's coordinates, or back."""
    ends = (EPSG, 4326) if inverse else (4326, EPSG)
    return Transformer.from_crs(*ends, always_xy=True)


@cache
def project(longitude: float, latitude: float) -> tuple[float, float]:
    """Scene coordinates of a point, m."""
    x, y = transformer().transform(longitude, latitude)
    return float(x), float(y)


@cache
def thermokarst_lakes() -> tuple[Blob, ...]:
    """Small lakes in the two southern basins and along the valleys."""
    rng = generator(1, "thermokarst lakes")
    lakes = []
    for basin, number in ((TANGGULA_BASIN, 12), (TUOTUO_BASIN, 14), (BASINS[4], 10), (BASINS[3], 6)):
        for index in range(number):
            distance, angle, radius = np.sqrt(rng.uniform(0.02, 0.8)), rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.6)
            lon = basin.longitude + distance * basin.a_km * np.cos(angle) / 92.5
            lat = basin.latitude + distance * basin.b_km * np.sin(angle) / 111.0
            squeeze, turn = rng.uniform(0.6, 1.0), rng.uniform(0, 180)
            lakes.append(Blob(f"{basin.name} lake {index + 1}", lon, lat, radius, radius * squeeze, turn))
    return tuple(lakes)


@cache
def _shore(blob: Blob) -> tuple[np.ndarray, np.ndarray]:
    rng = generator(2, blob.name)
    order = np.arange(2, 7)
    return blob.wobble * rng.normal(size=order.size) / np.sqrt(order), rng.uniform(0, 2 * np.pi, order.size)


def _radius(blob: Blob, angle: np.ndarray) -> np.ndarray:
    total = np.ones_like(angle)
    for order, (amplitude, phase) in enumerate(zip(*_shore(blob), strict=True), start=2):
        total += amplitude * np.cos(order * angle + phase)
    return total


def shore_ratio(frame: Frame, blob: Blob, *, reach: float = 3.0) -> np.ndarray:
    """Distance from a blob's center over the distance of its shore in the same direction.

    Returns
    -------
    numpy.ndarray
        (ny, nx): below 1 inside, ``reach`` and more where it is not needed.
    """
    out = np.full(frame.shape, reach, dtype=np.float32)
    x0, y0 = project(blob.longitude, blob.latitude)
    size = 1000.0 * max(blob.a_km, blob.b_km) * reach * 1.5
    columns = slice(*np.searchsorted(frame.x, (x0 - size, x0 + size)))
    rows = slice(*np.searchsorted(-frame.y, (-(y0 + size), -(y0 - size))))
    if columns.start == columns.stop or rows.start == rows.stop:
        return out
    east, north = frame.x[None, columns] - x0, frame.y[rows, None] - y0
    turn = np.deg2rad(blob.angle)
    u = (east * np.cos(turn) + north * np.sin(turn)) / (1000.0 * blob.a_km)
    v = (-east * np.sin(turn) + north * np.cos(turn)) / (1000.0 * blob.b_km)
    out[rows, columns] = np.minimum(np.hypot(u, v) / _radius(blob, np.arctan2(v, u)), reach)
    return out


def inside(frame: Frame, blobs: tuple[Blob, ...]) -> np.ndarray:
    """Pixels whose center lies in any blob, (ny, nx) bool."""
    out = np.zeros(frame.shape, dtype=bool)
    for blob in blobs:
        out |= shore_ratio(frame, blob) < 1.0
    return out


def weight(frame: Frame, blob: Blob, *, plateau: float = 1.0, end: float = 1.5) -> np.ndarray:
    """Smooth weight of a blob: 1 within ``plateau`` shore ratios, 0 beyond ``end``, (ny, nx)."""
    return 1.0 - rise(shore_ratio(frame, blob), plateau, end)


def shore(frame: Frame, blob: Blob, *, width_km: float) -> np.ndarray:
    """Weight that falls from 1 at and inside the shore over ``width_km`` outside, (ny, nx)."""
    beyond = (shore_ratio(frame, blob, reach=4.0) - 1.0) * np.sqrt(blob.a_km * blob.b_km)
    return np.exp(-np.square(np.maximum(beyond, 0.0) / width_km))


def spot(frame: Frame, longitude: float, latitude: float, *, radius_km: float) -> np.ndarray:
    """Weight of a small disk around a point, at least a pixel wide, (ny, nx)."""
    radius = max(radius_km, 1.2e-3 * frame.scene_pixel)
    return weight(frame, Blob("spot", longitude, latitude, radius, radius, wobble=0.0), plateau=0.8, end=1.4)


def line_offset(frame: Frame, name: str) -> np.ndarray:
    """Northward distance (m) of each pixel from a fault, (ny, nx)."""
    x, y = np.transpose([project(*point) for point in FAULTS[name]])
    return frame.y[:, None] - np.interp(frame.x, x, y)[None, :]


def outline(blob: Blob, *, points: int = 96) -> list[list[float]]:
    """Return the closed ring of longitudes and latitudes along a blob's shore."""
    angle = np.linspace(0.0, 2 * np.pi, points + 1)
    radius, turn = 1000.0 * _radius(blob, angle), np.deg2rad(blob.angle)
    u, v = radius * blob.a_km * np.cos(angle), radius * blob.b_km * np.sin(angle)
    x0, y0 = project(blob.longitude, blob.latitude)
    east, north = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
    return close_ring((x0 + east)[:-1], (y0 + north)[:-1])


def close_ring(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
    """Return the closed ring of longitudes and latitudes through points of the scene, to 0.1 m."""
    lon, lat = transformer(inverse=True).transform(x, y)
    ring = [[round(float(a), 6), round(float(b), 6)] for a, b in zip(lon, lat, strict=True)]
    return [*ring, ring[0]]
