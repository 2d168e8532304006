"""Tables of stations, and of what they measured by time and depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import TIME, VARIABLES, QtpDataError
from qtp_toolkit.load.files.limits import hold

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
        Sentinels.
    scale : mapping, optional
        Factors by column.

    Returns
    -------
    pandas.DataFrame
        ``station`` (str), ``longitude``, ``latitude`` (degrees) and whatever else the table holds. In memory. Values
        outside the physical range of a quantity are NaN, and ``attrs["outside_range"]`` counts them by column.

    Raises
    ------
    QtpDataError
        If a needed column is missing, a station stands twice, coordinates leave the globe or look swapped, minutes
        are 60 and more, or the angle is ambiguous.

    Examples
    --------
    >>> table = pd.DataFrame({"Name": ["Wudaoliang"], "Lon": [93.083], "Lat": [35.22]})
    >>> table.to_csv(folder / "sites.csv", index=False)
    >>> names = {"Name": "station", "Lon": "longitude", "Lat": "latitude"}
    >>> load.stations(folder / "sites.csv", rename=names)["latitude"].tolist()
    [35.22]
    """
    table = _read(path, rename=rename, missing=missing, scale=scale)
    _need(table, NEEDED, path)
    for column, limit in (("longitude", 360.0), ("latitude", 90.0)):
        values = numbers(table, column, path)
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
        _refuse_far(values, limit, column, path)
        table[column] = values
    outside = _hold_columns(table, [c for c in table.columns if c not in NEEDED], path, scale=scale)
    table["station"] = table["station"].astype(str)
    double = sorted(table.loc[table["station"].duplicated(), "station"])
    if double:
        raise QtpDataError("a station stands twice", path=path, found=double)
    table = table[list(columns)] if columns else table
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
        What the headings of a wide table spell, e.g. station; ``value`` then names the variable.
    value : str, optional
        Variable of a wide table.
    date_columns : sequence of str
        Year, month and day columns that make ``time``.
    units : mapping, optional
        By variable; by default those of the variable table.
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
        positive down. In memory. Values outside the physical range of a quantity are NaN, and
        ``attrs["outside_range"]`` counts them by variable.

    Raises
    ------
    QtpDataError
        If a column is missing, a combination stands twice, a time will not parse, or a value is not a number.

    Examples
    --------
    >>> table = pd.DataFrame({"time": ["2018-01-01"], "depth": [0.05], "soil_temperature": [-5.5]})
    >>> table.to_csv(folder / "t.csv", index=False)
    >>> data = load.station_series(folder / "t.csv", index=["time", "depth"])
    >>> data["soil_temperature"].dims, data["soil_temperature"].attrs["units"]
    (('time', 'depth'), 'degC')
    """
    table = _read(path, rename=rename, missing=missing, scale=scale).assign(**(constants or {}))
    if date_columns:
        parts = dict(zip(("year", "month", "day"), (table[c] for c in date_columns), strict=False))
        table[TIME] = pd.to_datetime(parts)
        table = table.drop(columns=list(date_columns))
    if wide:
        table = table.melt(id_vars=[c for c in index if c != wide], var_name=wide, value_name=value or "value")
    _need(table, index, path)
    if TIME in index:
        table[TIME] = _times(table[TIME], path)
    if "station" in table:
        table["station"] = table["station"].astype(str)
    keep = list(columns) if columns else [c for c in table.columns if c not in index]
    for column in keep:
        table[column] = numbers(table, column, path)
    ours = [c for c in keep if c in VARIABLES and (units or {}).get(c) in (None, VARIABLES[c].units)]
    outside = _hold_columns(table, ours, path, scale=scale)
    double = table.duplicated(list(index))
    if double.any():
        raise QtpDataError(
            f"{int(double.sum())} combinations of {list(index)} stand twice",
            path=path,
            found=table.loc[double, list(index)].head(3).to_dict("records"),
        )
    data = table.set_index(list(index))[keep].to_xarray()
    for name in data.data_vars:
        row = VARIABLES.get(str(name))
        data[name].attrs = {"units": (units or {}).get(str(name)) or (row.units if row else "")}
        if row:
            data[name].attrs["long_name"] = row.long_name
    if "depth" in data.coords:
        data["depth"] = data["depth"].astype(float)
        data["depth"].attrs = {"units": "m", "positive": "down", "long_name": "depth below the surface"}
    return data.assign_attrs(outside)


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV with headings; an error that names the file if it is none."""
    try:
        return pd.read_csv(path, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise QtpDataError(f"cannot read the table: {error}", path=path, expected="CSV with headings, UTF-8") from None


def _read(path: Path, *, rename: Any, missing: Sequence[float], scale: Any) -> pd.DataFrame:
    table = read_table(path)
    lacking = [name for name in (rename or {}) if name not in table.columns]
    if lacking:
        raise QtpDataError(f"table lacks the columns {lacking}", path=path, found=list(table.columns)[:20])
    table = table.rename(columns=dict(rename or {}))
    if missing:
        numbers = table.select_dtypes("number").columns
        table[numbers] = table[numbers].mask(table[numbers].isin(list(missing)))
    for column, factor in (scale or {}).items():
        _need(table, [column], path)
        table[column] = table[column] * factor
    return table


def _need(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise QtpDataError(
            f"table lacks the columns {lacking}",
            path=path,
            found=list(table.columns)[:20],
            hint="Map the file's own headings with parameters.rename.",
        )


def numbers(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """Values of a column as floats; an error that names the row of the first that is no number."""
    values = pd.to_numeric(table[column], errors="coerce")
    bad = values.isna() & table[column].notna()
    if bad.any():
        where = f"row {int(np.flatnonzero(bad)[0]) + 2}"
        raise QtpDataError(
            f"{int(bad.sum())} values are not numbers",
            path=path,
            variable=column,
            where=where,
            found=table.loc[bad, column].iloc[0],
        )
    return values.to_numpy(float)


def _hold_columns(
    table: pd.DataFrame, columns: Sequence[str], path: Path, *, scale: Mapping[str, float] | None
) -> dict[str, dict[str, int]]:
    """Hold numbers to the physical ranges of the variable table; what was set to NaN, by column, as an attribute."""
    counts = {}
    for column in columns:
        if column in VARIABLES and pd.api.types.is_numeric_dtype(table[column]):
            values = table[column].to_numpy(float, copy=True)
            count = hold(values, column, path, scale=(scale or {}).get(column, 1.0))
            if count:
                table[column], counts[column] = values, count
    return {"outside_range": counts} if counts else {}


def _times(column: pd.Series, path: Path) -> Any:
    if column.dtype.kind in "iu" and column.between(1000, 9999).all():
        return pd.to_datetime(column.astype(str) + "-01-01")
    if column.dtype.kind in "iuf":
        raise QtpDataError(
            "time is a number", path=path, variable="time", found=column.iloc[0], expected="YYYY-MM-DD", code="M24"
        )
    times = pd.to_datetime(column, errors="coerce", format="ISO8601")
    if times.isna().any():
        bad = column[times.isna()].iloc[0]
        raise QtpDataError(
            "time will not parse", path=path, variable="time", found=bad, expected="YYYY-MM-DD", code="M24"
        )
    return times.dt.tz_localize(None).astype("datetime64[ns]")


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


def _refuse_far(values: np.ndarray, limit: float, column: str, path: Path) -> None:
    if np.isnan(values).any() or (np.abs(values) > limit).any():
        raise QtpDataError(
            f"{column} is missing or leaves the globe",
            path=path,
            variable=column,
            expected=f"-{limit:g}..{limit:g}",
            found=float(values[np.isnan(values) | (np.abs(values) > limit)][0]),
            hint="Are the headings longitude and latitude swapped?",
            code="I08",
        )
