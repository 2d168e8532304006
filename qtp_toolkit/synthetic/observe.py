"""What instruments and maps say about a scene: every source of the catalog, with its errors and gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import describe
from qtp_toolkit.load.files.dates import centers
from qtp_toolkit.synthetic import atmosphere, modis, temperature
from qtp_toolkit.synthetic.frame import EPSG, NOTED, Frame, generator
from qtp_toolkit.synthetic.geographic import LonLatGrid, describe_on, lonlat_grid, to_lonlat
from qtp_toolkit.synthetic.interferograms import incidence, interferograms
from qtp_toolkit.synthetic.slc import slc_pair
from qtp_toolkit.synthetic.stations import station_tables
from qtp_toolkit.synthetic.terrain import elevation
from qtp_toolkit.synthetic.truth import CLASSES, Ground, frame_of, ground
from qtp_toolkit.synthetic.vectors import vectors

SOIL_EDGES = (0.0, 0.05, 0.15, 0.30, 0.60, 1.00, 2.00)
"""Depths of the SoilGrids version 2 intervals, m."""
_PROFILES = {"bulk_density": (0.88, 0.92, 0.95, 0.98, 1.01, 1.027), "sand": (0.94, 0.95, 0.97, 0.99, 1.0, 1.0)}
_MARGIN_M = 20_000.0
_FINEST_MAP_M = 250.0
_STRIP_ROWS = 512
_NDVI_STARTS = pd.to_datetime(["2019-07-12", "2019-07-20", "2019-07-28", "2019-08-05", "2019-08-13", "2019-08-21"])


def observe(truth: xr.Dataset) -> dict[str, Any]:
    """Observations of a scene.

    Parameters
    ----------
    truth : xarray.Dataset
        From :func:`~qtp_toolkit.synthetic.scene`, or the same read back from disk. Only the motion is taken from it;
        all else follows from its attributes.

    Returns
    -------
    dict
        By source name of the catalog. ``modis_lst`` Dataset (time, y, x) and ``ndvi`` DataArray (time, y, x), time at
        the composite's center; ``bulk_density``, ``sand`` (depth, y, x); ``dem``, ``incidence``, ``permafrost``,
        ``vegetation``, ``ground_ice``, ``magt`` (y, x); ``era5`` (time, level, y, x); ``interferograms``, lazy (pair,
        y, x); tables ``stations``, ``station_soil_temperature``, ``station_soil_moisture``,
        ``station_surface_temperature``; ``slc_pair``; ``vectors``: name -> GeoJSON. All but the interferograms are in
        memory.
    """
    frame = frame_of(truth)
    dem = _dem(frame, _widened(frame))
    wide, made = surroundings(frame)
    out: dict[str, Any] = {"modis_lst": modis_lst(frame, wide, made), "ndvi": _ndvi(frame, wide, made)}
    out |= {name: _soil(name, frame, wide, made) for name in _PROFILES}
    out["dem"] = dem
    out["incidence"] = incidence_map(frame)
    out |= {name: _classes(name, frame, wide, made) for name in CLASSES}
    out |= {name: _map(name, frame, wide, made) for name in ("ground_ice", "magt")}
    out["era5"] = atmosphere.reanalysis(frame)
    out["interferograms"] = interferograms(truth)
    out |= station_tables(frame)
    return out | {"slc_pair": slc_pair(frame.seed), "vectors": vectors()}


def _widened(frame: Frame) -> Frame:
    return frame.pad(max(2, int(np.ceil(_MARGIN_M / frame.pixel))))


def surroundings(frame: Frame) -> tuple[Frame, Ground]:
    """Return a frame with the margin that maps need, and its ground; coarser where the maps are coarser than it."""
    wide = _widened(frame)
    wide = wide.coarsen(3) if frame.pixel < _FINEST_MAP_M else wide
    return wide, ground(wide)


def incidence_map(frame: Frame) -> xr.DataArray:
    """Return the incidence angle on the grid of a frame, degree (y, x)."""
    look = xr.DataArray(incidence(frame).astype(np.float32), {"y": frame.y, "x": frame.x}, ("y", "x"))
    return describe(look, "incidence", **NOTED).rio.write_crs(EPSG)


def modis_lst(frame: Frame, wide: Frame, made: Ground) -> xr.Dataset:
    """Return the composites of Terra and Aqua over a frame, of its :func:`surroundings`: degC, and quality bytes."""
    grid = lonlat_grid(frame, max(1000.0, 3 * frame.pixel))
    components = to_lonlat(temperature.patterns(wide, made.fields), wide, grid)
    mountain = to_lonlat(made.terrain.mountain.astype(np.float32), wide, grid)
    lst = modis.observe_lst(frame, grid, components, mountain)
    return lst.assign_coords(time=centers(modis.composites().values, 8))


def _coarse(frame: Frame, pixel_m: float) -> LonLatGrid:
    return lonlat_grid(frame, max(pixel_m, frame.pixel))


def _ndvi(frame: Frame, wide: Frame, made: Ground) -> xr.DataArray:
    grid = _coarse(frame, _FINEST_MAP_M)
    peak = to_lonlat(made.layers["ndvi"], wide, grid)
    season = 1.0 - 0.0016 * np.square(np.abs((_NDVI_STARTS.day_of_year.to_numpy() + 8.0) - 221.0) / 4.0)
    rng = generator(frame.seed, "ndvi")
    values = (season[:, None, None] * peak + 0.008 * rng.standard_normal((season.size, *grid.shape))).astype(np.float32)
    values[rng.random(values.shape) < 0.03] = np.nan
    return describe_on(grid, values, "ndvi", "time", coords={"time": centers(_NDVI_STARTS.values, 16)})


def _soil(name: str, frame: Frame, wide: Frame, made: Ground) -> xr.DataArray:
    """Six intervals whose thickness-weighted mean is the true value."""
    grid = _coarse(frame, _FINEST_MAP_M)
    edges, profile = np.array(SOIL_EDGES), np.array(_PROFILES[name])
    profile = profile / np.average(profile, weights=np.diff(edges))
    mean = to_lonlat(made.layers[name], wide, grid, resampling="bilinear")
    values = (profile[:, None, None] * mean).astype(np.float32)
    coords = {
        "depth": (edges[1:] + edges[:-1]) / 2,
        "depth_top": ("depth", edges[:-1]),
        "depth_bottom": ("depth", edges[1:]),
    }
    return describe_on(grid, values, name, "depth", coords=coords)


def _dem(frame: Frame, wide: Frame) -> xr.DataArray:
    factor = 2 if frame.pixel > 180.0 else 1
    fine = wide.refine(factor)
    grid = lonlat_grid(frame, max(92.6, frame.pixel / factor))
    heights = np.empty(fine.shape, dtype=np.float32)
    for row in range(0, fine.shape[0], _STRIP_ROWS):
        part = (row, min(row + _STRIP_ROWS, fine.shape[0]))
        heights[slice(*part)] = elevation(fine.window(part, (0, fine.shape[1])))
    values = to_lonlat(heights, fine, grid, resampling="bilinear")
    noise = generator(frame.seed, "dem").standard_normal(values.shape, dtype=np.float32)
    values += 1.5 * noise * min(1.0, frame.pixel / 1000)
    return describe_on(grid, values, "elevation")


def _classes(name: str, frame: Frame, wide: Frame, made: Ground) -> xr.DataArray:
    grid = _coarse(frame, 1000.0)
    codes = to_lonlat(made.layers[name], wide, grid, resampling="mode")
    return describe_on(grid, codes, name).assign_attrs(
        classes={str(code): label for code, label in CLASSES[name].items()}
    )


def _map(name: str, frame: Frame, wide: Frame, made: Ground) -> xr.DataArray:
    """Map of limited accuracy: smooth errors of a compilation."""
    grid = _coarse(frame, 1000.0)
    error, spacing = {"ground_ice": (0.03, 12e3), "magt": (0.12, 12e3)}[name]
    values = made.layers[name] + np.float32(error) * wide.noise(f"map of {name}", spacing)
    values = values.clip(0.0, 1.0) if name == "ground_ice" else values
    return describe_on(grid, to_lonlat(values, wide, grid), name)
