"""Statistics of a drawn region: how a map depends on a factor there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import geodetector, grid, regions
from qtp_toolkit.conventions import QtpDataError, X, Y
from qtp_toolkit.grid._frame import to_crs
from qtp_toolkit.interactive.board.prepared import LONLAT, Prepared

MOST = 250_000
"""Pixels that are looked at; of a larger region every second, third, ... row and column."""
STRATA = 8
NOT_FACTORS = ("reason", "rms", "intercept", "seasonal_coefficient", "cycles_adjusted", "adjusted_ratio")


class Region(NamedTuple):
    """A drawn region: its outline, pixels and statistics."""

    corners: np.ndarray
    maps: xr.Dataset
    step: int
    table: xr.Dataset | None
    q: dict[str, float]
    """q of every factor, the greatest first."""
    why: str
    """Why there is no table; empty if there is one."""

    @property
    def pixels(self) -> int:
        """How many pixels with a value were looked at."""
        return int(self.maps[next(iter(self.maps))].count())


def factor_names(prepared: Prepared) -> list[str]:
    """Name the maps that may explain another: all but what the fit itself gives."""
    made = [name for name in prepared.layers if name.endswith("_std") or name in NOT_FACTORS]
    names = [name for name in prepared.layers if name not in {*made, "linear_rate", "seasonal_amplitude"}]
    return sorted(names, key=lambda name: name != "slope")  # what the paper looks at first


def look(prepared: Prepared, corners: np.ndarray, value: str, factor: str) -> Region:
    """Boxes of a map by classes of a factor inside an outline, and q of all factors there.

    Parameters
    ----------
    prepared : Prepared
    corners : numpy.ndarray
        (N, 2) corners x, y of the outline in the coordinates of the maps.
    value, factor : str
        Names of the map and of the factor.

    Returns
    -------
    Region
        Continuous factors are cut into eight classes of equal counts inside the region. Of more than 250 000 pixels
        every n-th row and column is taken, values as they are.
    """
    cut = _cut(prepared, corners, [value, *factor_names(prepared)])
    if cut is None:
        return Region(corners, xr.Dataset({value: xr.DataArray(np.full(0, np.nan))}), 1, None, {}, "outside the map")
    maps, step = cut
    strata: dict[str, xr.DataArray] = {}
    for name in factor_names(prepared):
        strata |= _stratify(maps[name].where(np.isfinite(maps[value])), maps.get("slope"))
    y = maps[value]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # single samples in a stratum: the drawn region is what it is
        q = _all_q(y, strata)
    if factor not in strata:
        return Region(corners, maps, step, None, q, "the factor does not vary there")
    table = regions.box_table(y, strata[factor], min_count=5)
    why = "" if np.isfinite(table["quantile"]).any() else "too few pixels with a value"
    return Region(corners, maps, step, None if why else table, q, why)


def _all_q(y: xr.DataArray, strata: dict[str, xr.DataArray]) -> dict[str, float]:
    out = {}
    for name, codes in strata.items():
        try:
            out[name] = float(geodetector.factor(y, codes)["q"])
        except QtpDataError:  # the map does not vary, or has no value there
            continue
    return dict(sorted(out.items(), key=lambda item: -item[1]))


def _stratify(da: xr.DataArray, slope: xr.DataArray | None) -> dict[str, xr.DataArray]:
    name = str(da.name)
    try:
        if "classes" in da.attrs:
            return {name: geodetector.stratify(da, method="classes")}
        if name == "aspect":
            return {name: geodetector.stratify(da, method="aspect", slope=slope)}
        return {name: geodetector.stratify(da, method="quantile", k=STRATA)}
    except QtpDataError:  # it has one value, or none
        return {}


def _cut(prepared: Prepared, corners: np.ndarray, names: Sequence[str]) -> tuple[xr.Dataset, int] | None:
    """Cut maps to the outline, NaN around it, and the step of rows and columns."""
    frame = prepared.frame
    low, high = corners.min(axis=0), corners.max(axis=0)
    columns = slice(*_clip((low[0] - frame.left) / frame.dx, (high[0] - frame.left) / frame.dx, frame.columns))
    rows = slice(*_clip((low[1] - frame.bottom) / frame.dy, (high[1] - frame.bottom) / frame.dy, frame.rows))
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    if tall < 2 or wide < 2:
        return None
    step = max(1, int(np.ceil(np.sqrt(tall * wide / MOST))))
    maps = prepared.cut(dict.fromkeys(names), rows, columns, step)
    lon, lat = to_crs(corners[:, 0], corners[:, 1], source=frame.crs, target=LONLAT)
    ring = [*zip(lon.tolist(), lat.tolist(), strict=True)]
    outline = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    inside = grid.rasterize(pd.DataFrame({"geometry": [outline]}), maps)
    return maps.where(inside).assign_attrs(maps.attrs), step


def _clip(low: float, high: float, count: int) -> tuple[int, int]:
    return int(np.clip(np.floor(low), 0, count)), int(np.clip(np.ceil(high), 0, count))


def table_of(prepared: Prepared, region: Region) -> pd.DataFrame:
    """Pixels of a region with their place and all maps that were looked at."""
    maps = region.maps
    frame = maps.drop_vars("spatial_ref").to_dataframe().dropna(subset=[next(iter(maps))]).reset_index()
    lon, lat = prepared.frame.lonlat(frame[X].to_numpy(), frame[Y].to_numpy())
    frame = frame.drop(columns=["longitude", "latitude"], errors="ignore")
    frame.insert(0, "latitude", np.round(lat, 5))
    frame.insert(0, "longitude", np.round(lon, 5))
    return frame
