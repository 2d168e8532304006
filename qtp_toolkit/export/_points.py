"""Pixels as points with one column a date, as InSAR Explorer for QGIS and other tools of point clouds read them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from pyproj import CRS

from qtp_toolkit._atomic import replacing
from qtp_toolkit.conventions import TIME, QtpDataError, X, Y, on_pixels_of, require, require_option
from qtp_toolkit.export._blocks import days_of, reference_of, series_of, windows
from qtp_toolkit.grid._frame import LONLAT, crs_of, to_crs

NAMES = {"linear_rate": "velocity", "linear_rate_std": "velocity_std", "temporal_coherence": "coherence"}
"""Columns that readers of points know under names of their own; other maps keep theirs."""
DECIMALS, DIGITS = 3, 6
"""Of displacement in mm, and of any number of a map."""
MOST_COLUMNS = 1990
"""SQLite takes 2000 columns."""
_EPSG = 4326
_POINT = np.dtype("S2, u1, u1, <i4, u1, <u4, <f8, <f8")
"""A point of a GeoPackage: "GP", version, flags, reference system; then well-known binary: order, kind, x, y."""


def points(ds: xr.Dataset, path: str | Path, *, maps: xr.Dataset | None = None, every: int = 1) -> Path:
    """Write pixels as points, one row each, with a column for each date: ``D20180831``, ``D20180912``, ...

    Parameters
    ----------
    ds : xarray.Dataset
        ``displacement`` (time, y, x), mm, positive toward the satellite, with a CRS: the product ``time_series``. Its
        ``temporal_coherence`` becomes the column ``coherence``.
    path : path
        ``.gpkg`` (GeoPackage, a layer of points) or ``.csv`` (columns ``longitude``, ``latitude``).
    maps : xarray.Dataset, optional
        Maps (y, x) on the same pixels, a column each: ``linear_rate`` becomes ``velocity``, others keep their names.
        The product ``deformation``.
    every : int
        Every so many rows and columns of pixels; 1 writes all.

    Returns
    -------
    pathlib.Path
        Longitude and latitude (EPSG:4326), mm to three decimals, maps to six digits in their own units; pixels without
        any date are left out, missing dates are empty. A GeoPackage says units, sign and reference date in its
        description.

    Raises
    ------
    QtpDataError
        Without displacement in mm, without a CRS, for another ending of the name, more than 1990 columns in a
        GeoPackage, or if there is no pixel with a date.

    Notes
    -----
    Lazy series are computed block by block. A GeoPackage gets no spatial index: let QGIS make one for millions of
    points.

    Examples
    --------
    >>> from qtp_toolkit import export
    >>> axes = {"time": pd.date_range("2018-08-31", periods=2, freq="12D"), "y": [35.0, 34.0], "x": [92.0, 93.0]}
    >>> moved = xr.DataArray(np.zeros((2, 2, 2)), axes, ("time", "y", "x"), attrs={"units": "mm"})
    >>> ds = moved.to_dataset(name="displacement").rio.write_crs(4326)
    >>> export.points(ds, folder / "points.csv", every=2).read_text().split()
    ['longitude,latitude,D20180831,D20180912', '92.0,35.0,0.0,0.0']
    """
    path = Path(path)
    require_option("ending of the name", path.suffix, (".csv", ".gpkg"))
    if every < 1:
        raise QtpDataError("every so many rows and columns is 1 or more", found=every)
    series = series_of(ds).isel({Y: slice(None, None, every), X: slice(None, None, every)})
    fields = _fields(ds, maps, series)
    tables = _tables(series, fields, [f"D{day}" for day in days_of(series)])
    since = reference_of(ds)
    about = "displacement in mm, rates in mm/yr, positive toward the satellite" + (f"; 0 on {since}" if since else "")
    write = _write_csv if path.suffix == ".csv" else partial(_write_gpkg, name=path.stem, about=about)
    with replacing(path) as stage:
        write(stage, tables)
    return path


def _fields(ds: xr.Dataset, maps: xr.Dataset | None, series: xr.DataArray) -> dict[str, xr.DataArray]:
    """Choose the maps that become columns, on the pixels of the series."""
    found = {str(name): da for name, da in (maps.items() if maps is not None else ()) if {*da.dims} == {Y, X}}
    if "temporal_coherence" in ds:
        found = {"temporal_coherence": ds["temporal_coherence"], **found}
    if "linear_rate" in found:
        require(found["linear_rate"], quantity="linear_rate")
    near = {name: da.sel({Y: series[Y], X: series[X]}, method="nearest") for name, da in found.items()}
    return {NAMES.get(name, name): on_pixels_of(da, series) for name, da in near.items()}


def _tables(series: xr.DataArray, fields: dict[str, xr.DataArray], columns: list[str]) -> Iterator[pd.DataFrame]:
    """Points of one window after another, or an error in the end if there was none."""
    crs, found = crs_of(series).to_wkt(), False
    for at in windows(series):
        part = series.isel(at).transpose(TIME, Y, X)
        dates = part.values.reshape(len(columns), -1)
        there = np.isfinite(dates).any(axis=0)
        found |= bool(there.any())
        x, y = (axis.ravel() for axis in np.meshgrid(part[X].values, part[Y].values))
        longitude, latitude = to_crs(x[there], y[there], source=crs, target=LONLAT)
        place = {"longitude": longitude.round(7), "latitude": latitude.round(7)}
        about = {name: da.isel(at).transpose(Y, X).values.ravel()[there] for name, da in fields.items()}
        values = dict(zip(columns, dates[:, there], strict=True))
        dated = {name: np.round(column.astype("float64"), DECIMALS) for name, column in values.items()}
        maps = {name: _significant(column.astype("float64")) for name, column in about.items()}
        yield pd.DataFrame(place | maps | dated)
    if not found:
        raise QtpDataError("no pixel has a date", found=dict(series.sizes))


def _significant(values: np.ndarray) -> np.ndarray:
    """Round to six digits, wherever they begin: maps are rates as well as shares and their errors."""
    out = values.copy()
    there = np.isfinite(values) & (values != 0)
    at = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(values[there]))))
    out[there] = np.round(values[there] * at) / at
    return out


def _write_csv(path: Path, tables: Iterator[pd.DataFrame]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        for number, table in enumerate(tables):
            table.to_csv(stream, index=False, header=number == 0)


def _write_gpkg(path: Path, tables: Iterator[pd.DataFrame], *, name: str, about: str) -> None:
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    with closing(sqlite3.connect(path)) as base:
        for number, table in enumerate(tables):
            place, values = table[["longitude", "latitude"]].to_numpy(), table.iloc[:, 2:]
            if number == 0:
                _begin_gpkg(base, name, [*values.columns], about)
            if len(table):
                bounds[:2], bounds[2:] = np.fmin(bounds[:2], place.min(0)), np.fmax(bounds[2:], place.max(0))
            marks = ", ".join("?" * (1 + values.shape[1]))
            lines = zip(_blobs(place), *(values[column].tolist() for column in values), strict=True)
            fields = ", ".join(_quoted(field) for field in ("geom", *values.columns))
            base.executemany(f"INSERT INTO {_quoted(name)} ({fields}) VALUES ({marks})", lines)
        base.execute("UPDATE gpkg_contents SET min_x = ?, min_y = ?, max_x = ?, max_y = ?", bounds.tolist())
        base.commit()


def _begin_gpkg(base: sqlite3.Connection, name: str, columns: list[str], about: str) -> None:
    """Make the tables that the standard asks for, and the empty layer."""
    if len(columns) > MOST_COLUMNS:
        raise QtpDataError("too many columns for a GeoPackage", expected=f"{MOST_COLUMNS} at most", found=len(columns))
    fields = "".join(f", {_quoted(column)} REAL" for column in columns)
    base.executescript(f"""
        PRAGMA application_id = {int.from_bytes(b"GPKG")};
        PRAGMA user_version = 10300;
        CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY,
            organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL,
            description TEXT);
        CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
            identifier TEXT UNIQUE, description TEXT DEFAULT '',
            last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
            min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
            CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
        CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
            geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
            CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
            CONSTRAINT uk_gc_table_name UNIQUE (table_name),
            CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
            CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
        CREATE TABLE {_quoted(name)} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT{fields});
    """)
    known = [("Undefined Cartesian", -1, "NONE", -1, "undefined"), ("Undefined geographic", 0, "NONE", 0, "undefined")]
    known.append(("WGS 84", _EPSG, "EPSG", _EPSG, CRS.from_epsg(_EPSG).to_wkt("WKT1_GDAL")))
    base.executemany("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, NULL)", known)
    row = "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)"
    base.execute(f"{row} VALUES (?, 'features', ?, ?, ?)", (name, name, about, _EPSG))
    base.execute("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POINT', ?, 0, 0)", (name, _EPSG))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _blobs(place: np.ndarray) -> list[bytes]:
    """Geometries of points (n, 2), longitude before latitude."""
    out = np.zeros(len(place), dtype=_POINT)
    for field, value in zip(_POINT.names or (), (b"GP", 0, 1, _EPSG, 1, 1, *place.T), strict=True):
        out[field] = value
    return [row.tobytes() for row in out]
