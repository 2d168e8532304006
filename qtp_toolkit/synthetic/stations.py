"""The monitoring stations of the scene: site table, soil temperature and moisture, ground surface temperature."""

from __future__ import annotations

import numpy as np
import pandas as pd

from qtp_toolkit.synthetic import places, temperature
from qtp_toolkit.synthetic.fields import fields
from qtp_toolkit.synthetic.frame import Frame, generator
from qtp_toolkit.synthetic.terrain import terrain

DEPTHS = (0.1, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8, 3.2, 3.6, 4.0, 4.5, 5.0, 6.0)
"""Depths of the sensors, m."""


def stations_within(frame: Frame) -> tuple[places.Station, ...]:
    """Return the stations whose pixel lies in a frame."""
    half = frame.pixel / 2
    west, east, south, north = frame.x[0] - half, frame.x[-1] + half, frame.y[-1] - half, frame.y[0] + half
    at = {station: places.project(station.longitude, station.latitude) for station in places.STATIONS}
    return tuple(station for station, (x, y) in at.items() if west <= x < east and south < y <= north)


def station_tables(frame: Frame) -> dict[str, pd.DataFrame]:
    """Tables of the stations within a frame.

    Returns
    -------
    dict of pandas.DataFrame
        ``stations`` (station, longitude, latitude, elevation, vegetation), ``station_soil_temperature`` (station, date,
        depth, soil_temperature), ``station_soil_moisture`` (station, depth, water_content) and
        ``station_surface_temperature`` (station, date, ground_surface_temperature); m, degC, fractions.
    """
    rows, temperatures, moistures, surfaces = [], [], [], []
    time = temperature.time_functions(frame.seed)
    for station in stations_within(frame):
        here = frame.around(*places.project(station.longitude, station.latitude))
        relief = terrain(here)
        made = fields(here, relief)
        rng = generator(frame.seed, "station", station.name)
        daily = time @ temperature.patterns(here, made)[:, 0, 0]
        surface = daily + 0.5 * rng.standard_normal(daily.size)
        days = temperature.DAYS
        row = (station.name, station.longitude, station.latitude, round(float(relief.elevation[0, 0]), 1))
        rows.append((*row, station.vegetation))
        surfaces.append(
            pd.DataFrame({"station": station.name, "date": days, "ground_surface_temperature": surface.round(2)})
        )
        temperatures.append(_soil_temperature(station, rng, magt=min(float(made.magt[0, 0]), -0.4)))
        moistures.append(_soil_moisture(station, rng))
    return {
        "stations": pd.DataFrame(rows, columns=["station", "longitude", "latitude", "elevation", "vegetation"]),
        "station_soil_temperature": _concat(temperatures),
        "station_soil_moisture": _concat(moistures),
        "station_surface_temperature": _concat(surfaces),
    }


def _concat(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _soil_temperature(station: places.Station, rng: np.random.Generator, *, magt: float) -> pd.DataFrame:
    """Daily temperatures at depth: an annual wave damped so that its yearly maximum is 0 degC at the thaw depth."""
    depth, days = np.array(DEPTHS), temperature.DAYS
    swing = 11.0
    damping = station.active_layer_thickness / np.log(swing / -magt)
    day = np.arange(days.size)
    yearly = 1.0 + 0.03 * rng.standard_normal(7)
    amplitude = swing * np.interp(day, np.arange(7) * 365.25, yearly)
    wave = 2 * np.pi * (day + 1.0 - 205.0) / 365.25
    # Latent heat slows the wave: the deepest thaw comes in October, not at the lag of dry conduction.
    lag = np.minimum(depth / damping, 1.2)
    values = magt + amplitude[:, None] * np.exp(-depth / damping) * np.cos(wave[:, None] - lag)
    values += 0.04 * rng.standard_normal(values.shape)
    table = pd.DataFrame({"date": np.repeat(days, depth.size), "depth": np.tile(depth, days.size)})
    table["soil_temperature"] = values.round(3).ravel()
    table.insert(0, "station", station.name)
    return table


def _soil_moisture(station: places.Station, rng: np.random.Generator) -> pd.DataFrame:
    """Water content by depth, whose mean over the active layer is near the true one."""
    depth = np.array(DEPTHS)
    wave = 0.16 * np.sin(2.2 * depth / station.active_layer_thickness + rng.uniform(0, 6))
    relative = 1.0 + wave + 0.04 * rng.standard_normal(depth.size)
    edges = np.concatenate([[0.0], (depth[1:] + depth[:-1]) / 2, [depth[-1]]])
    thick = np.clip(np.minimum(edges[1:], station.active_layer_thickness) - edges[:-1], 0.0, None)
    relative /= (relative * thick).sum() / thick.sum()
    values = station.water_content * (1.0 + 0.08 * rng.standard_normal()) * relative
    return pd.DataFrame({"station": station.name, "depth": depth, "water_content": values.round(4)})
