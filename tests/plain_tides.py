"""The tide of the solid earth as textbooks have it: degree two, one Love number each, Moon and Sun by short series.

Left out: what depends on frequency (12 mm up at most, by the daily wave K1), degree three, the anelastic part.
Series of Meeus, Astronomical Algorithms; Love numbers of the IERS Conventions (2010), chapter 7.
"""

from __future__ import annotations

import numpy as np

_MOON_LONGITUDE = [(6.288774, 0, 0, 1, 0), (1.274027, 2, 0, -1, 0), (0.658314, 2, 0, 0, 0), (0.213618, 0, 0, 2, 0)]
_MOON_LONGITUDE += [(-0.185116, 0, 1, 0, 0), (-0.114332, 0, 0, 0, 2), (0.058793, 2, 0, -2, 0), (0.057066, 2, -1, -1, 0)]
_MOON_LONGITUDE += [(0.053322, 2, 0, 1, 0), (0.045758, 2, -1, 0, 0), (-0.040923, 0, 1, -1, 0), (-0.03472, 1, 0, 0, 0)]
_MOON_LATITUDE = [(5.128122, 0, 0, 0, 1), (0.280602, 0, 0, 1, 1), (0.277693, 0, 0, 1, -1), (0.173237, 2, 0, 0, -1)]
_MOON_LATITUDE += [(0.055413, 2, 0, -1, 1), (0.046271, 2, 0, -1, -1), (0.032573, 2, 0, 0, 1)]
_MOON_KM = [(-20905.355, 0, 0, 1, 0), (-3699.111, 2, 0, -1, 0), (-2955.968, 2, 0, 0, 0), (-569.925, 0, 0, 2, 0)]
"""Coefficient, and multiples of elongation, anomaly of the Sun, of the Moon, argument of latitude."""
_MASSES = (332946.0482, 0.0123000371)
"""Of Sun and Moon over that of the Earth."""


def bodies(moment: np.datetime64) -> tuple[np.ndarray, np.ndarray]:
    """Sun and Moon in coordinates that turn with the Earth, m."""
    days = (moment - np.datetime64("2000-01-01T12")) / np.timedelta64(1, "s") / 86400
    t = days / 36525
    tilt = np.deg2rad(23.439291 - 0.0130042 * t)
    anomaly = np.deg2rad(357.52911 + 35999.05029 * t)
    center = 1.914602 * np.sin(anomaly) + 0.019993 * np.sin(2 * anomaly)
    far = 1.495980e11 * (1 - 0.016708634**2) / (1 + 0.016708634 * np.cos(anomaly + np.deg2rad(center)))
    sun = far * _ecliptic(280.46646 + 36000.76983 * t + center, 0.0, tilt)
    rates = [(297.8501921, 445267.1114034), (357.52911, 35999.05029), (134.9633964, 477198.8675055)]
    rates.append((93.2720950, 483202.0175233))
    arguments = np.deg2rad([at + rate * t for at, rate in rates])
    longitude = 218.3164477 + 481267.88123421 * t + _series(_MOON_LONGITUDE, arguments, np.sin)
    latitude = _series(_MOON_LATITUDE, arguments, np.sin)
    moon = 1e3 * (385000.560 + _series(_MOON_KM, arguments, np.cos)) * _ecliptic(longitude, latitude, tilt)
    turn = np.deg2rad(280.46061837 + 360.98564736629 * days)
    earth = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return earth @ sun, earth @ moon


def _series(rows, arguments, wave):
    return sum(row[0] * wave(np.dot(row[1:], arguments)) for row in rows)


def _ecliptic(longitude, latitude, tilt):
    lon, lat = np.deg2rad(longitude), np.deg2rad(latitude)
    x, y, z = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    return np.array([x, np.cos(tilt) * y - np.sin(tilt) * z, np.sin(tilt) * y + np.cos(tilt) * z])


def tide(moment: np.datetime64, latitude: float, longitude: float) -> np.ndarray:
    """East, north and up of the ground, m."""
    center, lon, radius = np.arctan(0.99330562 * np.tan(np.deg2rad(latitude))), np.deg2rad(longitude), 6378136.6
    up = np.array([np.cos(center) * np.cos(lon), np.cos(center) * np.sin(lon), np.sin(center)])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    bend = (3 * np.sin(center) ** 2 - 1) / 2
    h, shida = 0.6078 - 0.0006 * bend, 0.0847 + 0.0002 * bend
    moved = np.zeros(3)
    for body, mass in zip(bodies(moment), _MASSES, strict=True):
        far = np.linalg.norm(body)
        toward = body / far
        cosine = toward @ up
        size = mass * radius**4 / far**3
        moved += size * (h * up * (1.5 * cosine**2 - 0.5) + 3 * shida * cosine * (toward - cosine * up))
    return np.array([moved @ east, moved @ np.cross(up, east), moved @ up])
