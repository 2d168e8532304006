"""Tables of stations, and of what they measured by time and depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import TIME, VARIABLES, QtpDataError
from qtp_toolkit.load.files.limits import CONVERSIONS, conversion, drop_fills, hold, spell
from qtp_toolkit.load.files.table import RENAMED, degrees, depths, names, need, numbers, read_text
from qtp_toolkit.load.files.table_times import dates_of_columns, times

NEEDED = ("station", "longitude", "latitude")


def stations(
    path: Path,
    *,
    rename: Mapping[str, str] | None = None,
    angle: Literal["degrees", "degrees_minutes"] | None = None,
    columns: Sequence[str] | None = None,
    missing: Sequence[float] = (),
    scale: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Open a table of stations.

    Parameters
    ----------
    path : path
        CSV with headings.
    rename : mapping, optional
        The file's headings to ours: ``station``, ``longitude``, ``latitude``, ``elevation``, ``vegetation``.
    angle : {"degrees", "degrees_minutes"}, optional
        How longitude and latitude are written: 35.13 is 35.13 degrees, or 35 degrees 13 minutes (many Chinese station
        lists). Unsaid, a table that looks like the latter is refused rather than guessed.
    columns : sequence of str, optional
        Which columns to keep, after renaming.
    missing : sequence of float
        Sentinels, as they are stored.
    scale : mapping, optional
        Factors by column.

    Returns
    -------
    pandas.DataFrame
        ``station`` (str, as written, without blanks around it), ``longitude``, ``latitude`` (degrees) and whatever else
        the table holds. In memory. Values outside the physical range of a quantity, and fill values such as -9999 among
        others, are NaN, and ``attrs["outside_range"]`` counts them by column.

    Raises
    ------
    QtpDataError
        If a needed column is missing, a station stands twice, coordinates leave the globe or look swapped, minutes
        are 60 and more, the angle is ambiguous, or there is no row.

    Examples
    --------
    >>> table = pd.DataFrame({"Name": ["Wudaoliang"], "Lon": [93.083], "Lat": [35.22]})
    >>> table.to_csv(folder / "sites.csv", index=False)
    >>> names = {"Name": "station", "Lon": "longitude", "Lat": "latitude"}
    >>> load.stations(folder / "sites.csv", rename=names)["latitude"].tolist()
    [35.22]
    """
    table = _read(path, rename=rename, missing=missing, scale=scale, texts=["station"])
    need(table, NEEDED, path)
    for column, limit in (("longitude", 360.0), ("latitude", 90.0)):
        values = degrees(table, column, limit, path)
        if angle == "degrees_minutes":
            values = _from_minutes(values, path, column)
        elif angle is None and len(values) >= 8 and _looks_like_minutes(values):
            raise QtpDataError(
                f"{column} may be degrees.minutes: no fraction reaches .60",
                path=path,
                variable=column,
                found=values[:4].tolist(),
                hint="Say parameters.angle: degrees_minutes, or degrees if they are.",
            )
        table[column] = values
    for column in table.columns.intersection([name for name, row in VARIABLES.items() if row.valid or row.held]):
        table[column] = numbers(table, column, path)
    outside = _hold_columns(table, [c for c in table.columns if c not in NEEDED], path, scale=scale, settings="scale")
    table["station"] = names(table["station"], path)
    double = sorted(table.loc[table["station"].duplicated(), "station"])
    if double:
        raise QtpDataError("a station stands twice", path=path, found=double)
    need(table, columns or (), path)
    table = (table[list(columns)] if columns else table).reset_index(drop=True)
    table.attrs = {"units": {"longitude": "degrees_east", "latitude": "degrees_north", "elevation": "m"}, **outside}
    return table


def station_series(
    path: Path,
    *,
    index: Sequence[str],
    rename: Mapping[str, str] | None = None,
    wide: str | None = None,
    value: str | None = None,
    date_columns: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    scale: Mapping[str, float] | None = None,
    missing: Sequence[float] = (),
    columns: Sequence[str] | None = None,
    constants: Mapping[str, str | float] | None = None,
) -> xr.Dataset:
    """Open values by time, station and depth.

    Parameters
    ----------
    path : path
        CSV with headings: one row a value, or (``wide``) one column a station.
    index : sequence of str
        Columns, after renaming, that become dims, e.g. time, station, depth.
    rename : mapping, optional
        The file's headings to ours.
    wide : str, optional
        What the headings of a wide table spell, e.g. station, or depth (as 0.05 or 5cm); ``value`` then names the
        variable.
    value : str, optional
        Variable of a wide table.
    date_columns : sequence of str
        Columns that make ``time``: year, month and day; year and day of year; or year and month.
    units : mapping, optional
        By variable; by default those of the variable table. ``depth``: m or cm.
    scale : mapping, optional
        Factors by column: 0.1 for tenths of a degree.
    missing : sequence of float
        Sentinels.
    columns : sequence of str, optional
        Variables to keep.
    constants : mapping, optional
        Columns that the file lacks, e.g. ``{station: Golmud}``.

    Returns
    -------
    xarray.Dataset
        One variable a remaining column, dims ``index``, NaN where a combination is not in the file; ``depth`` in m,
        positive down (heights below zero are turned); ``time`` by the clock of the file where it gives offsets from
        UTC. In memory. Values outside the physical range of a quantity, and fill values such as 32766 or -9999 among
        others, are NaN, and ``attrs["outside_range"]`` counts them by variable.

    Raises
    ------
    QtpDataError
        If a column is missing, a combination stands twice, a time will not parse (M24), a value is not a number,
        depths are of either sign or may be in cm, or there is no row.

    Examples
    --------
    >>> table = pd.DataFrame({"time": ["2018-01-01"], "depth": [0.05], "soil_temperature": [-5.5]})
    >>> table.to_csv(folder / "t.csv", index=False)
    >>> data = load.station_series(folder / "t.csv", index=["time", "depth"])
    >>> data["soil_temperature"].dims, data["soil_temperature"].attrs["units"]
    (('time', 'depth'), 'degC')
    """
    if not index:
        hint = "Say parameters.index: those of time, station, depth that the table has."
        raise QtpDataError("no column is to become a dim", path=path, hint=hint)
    texts = [TIME, "station"]
    own = {key: factor for key, factor in (scale or {}).items() if not wide or key != value}
    table = _read(path, rename=rename, missing=missing, scale=own, texts=texts).assign(**(constants or {}))
    table = _timed(table, date_columns, path) if date_columns or TIME in index else table
    if wide:
        labels = [c for c in index if c != wide]
        need(table, labels, path)
        table = table.melt(id_vars=labels, var_name=wide, value_name=value or "value", ignore_index=False)
        if table.empty:
            raise QtpDataError(f"no heading spells a {wide}", path=path, found=labels)
    keep = [c for c in columns or table.columns if c not in index]
    need(table, [*index, *keep], path)
    if "station" in table:
        table["station"] = names(table["station"], path)
    if "depth" in index:
        table["depth"] = depths(table["depth"], (units or {}).get("depth"), path)
    for column in keep:
        table[column] = numbers(table, column, path) * (1.0 if column in own else (scale or {}).get(column, 1.0))
    outside = _hold_columns(table, keep, path, scale=scale, settings="units or scale", units=units)
    data = _unstacked(table, list(index), keep, path)
    for name in data.data_vars:
        row = VARIABLES.get(str(name))
        data[name].attrs = {"units": (units or {}).get(str(name)) or (row.units if row else "")}
        if row:
            data[name].attrs["long_name"] = row.long_name
    if "depth" in data.coords:
        data["depth"] = data["depth"].astype(float)
        data["depth"].attrs = {"units": "m", "positive": "down", "long_name": "depth below the surface"}
    return data.assign_attrs(outside)


def _read(path: Path, *, rename: Any, missing: Sequence[float], scale: Any, texts: Sequence[str]) -> pd.DataFrame:
    """Table under our headings: columns of numbers as floats, sentinels NaN, scaled; ``texts`` as they are written."""
    table = read_text(path)
    need(table, list(rename or {}), path)
    table = table.rename(columns=dict(rename or {}))
    table.attrs[RENAMED] = dict(rename or {})
    double = table.columns[table.columns.duplicated()].tolist()
    if double:
        raise QtpDataError(
            "rename gives two columns one name", path=path, found=double, hint="Rename one of them away."
        )
    need(table, list(scale or {}), path)
    for column in table.columns.difference(texts):
        if column in (scale or {}):
            table[column] = numbers(table, column, path)
        values = pd.to_numeric(table[column], errors="coerce")
        if values.isna().equals(table[column].isna()):
            table[column] = values.mask(values.isin(list(missing))) * (scale or {}).get(column, 1)
        else:
            table[column] = table[column].mask(values.isin(list(missing)))
    return table


def _unstacked(table: pd.DataFrame, index: list[str], keep: list[str], path: Path) -> xr.Dataset:
    """Columns ``keep`` over the dims ``index``; no combination may stand twice."""
    double = table.duplicated(index)
    if double.any():
        raise QtpDataError(
            f"{int(double.sum())} combinations of {index} stand twice",
            path=path,
            found=table.loc[double, index].head(3).to_dict("records"),
        )
    return table.set_index(index)[keep].to_xarray()


def _timed(table: pd.DataFrame, date_columns: Sequence[str], path: Path) -> pd.DataFrame:
    """Table with dates as ``time``, of its own text or of columns of numbers, which go."""
    if date_columns:
        dated = table.assign(**{TIME: dates_of_columns(table, date_columns, path)})
        return dated.drop(columns=[c for c in date_columns if c != TIME]).dropna(subset=[TIME])
    need(table, [TIME], path)
    return table.assign(**{TIME: times(table[TIME], path)})


def _hold_columns(
    table: pd.DataFrame, columns: Sequence[str], path: Path, *, scale: Any, settings: str, units: Any = None
) -> dict[str, dict[str, int]]:
    """Hold numbers to the physical ranges of the variable table, others to what is no fill value.

    What was set to NaN, by column, is returned as an attribute.
    """
    counts = {}
    for column in columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            continue
        values, stored = table[column].to_numpy(float, copy=True), (scale or {}).get(column, 1.0)
        wanted = VARIABLES[column].units if column in VARIABLES else ""
        own = (units or {}).get(column, wanted)
        if wanted and (spell(own) == spell(wanted) or (spell(own), wanted) in CONVERSIONS):
            factor, offset = conversion(own, wanted, path, column)
            ours = values * factor + offset
            hold(ours, column, path, scale=stored * factor, offset=offset, settings=settings)
            values[np.isnan(ours)] = np.nan
        drop_fills(values, scale=stored)
        count = int(np.isnan(values).sum() - table[column].isna().sum())
        if count:
            table[column], counts[column] = values, count
    return {"outside_range": counts} if counts else {}


def _looks_like_minutes(values: np.ndarray) -> bool:
    hundredths = np.rint(np.abs(values) * 100)
    two_decimals = np.allclose(np.abs(values) * 100, hundredths, atol=1e-6)
    return bool(two_decimals and (hundredths % 100 < 60).all() and len(np.unique(hundredths % 100)) > 4)


def _from_minutes(values: np.ndarray, path: Path, column: str) -> np.ndarray:
    whole = np.trunc(values)
    minutes = np.rint(np.abs(values - whole) * 1e6) / 1e4
    if (minutes >= 60).any():
        raise QtpDataError(
            f"{column} is not degrees.minutes",
            path=path,
            found=float(values[minutes >= 60][0]),
            expected="minutes below 60",
        )
    return np.round(whole + np.sign(values) * minutes / 60, 8)
