"""CSV with headings: its text, and numbers, dates and depths of its columns; errors name the file, column and row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from qtp_toolkit.conventions import TIME, QtpDataError
from qtp_toolkit.load.files.limits import conversion

_DASHES = ("-", "--", "---", "\u2013", "\u2014")  # en and em dash
_DATE = (
    r"^(\d{4})([-/.\u5e74])(\d{1,2})(?:([-/.\u6708])(\d{1,2})?\u65e5?)?"
    r"(?:[T\s]+(\S*?))?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$"
)
"""Year, month and day between dashes, slashes, points or the Chinese signs, with or without a time and an offset."""
_YEARS = (1700, 2200)
_DEPTH = re.compile(r"(-?\d+(?:\.\d+)?)\s*(mm|cm|m)(?![A-Za-z])", re.IGNORECASE)
_DEEP = 100.0
"""Depths beyond this, in m, must be said to be in m."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV with headings, numbers as numbers; an error that names the file if it is none, or has no rows."""
    return _read(path)


def read_text(path: Path) -> pd.DataFrame:
    """Read a CSV with headings as text, so that station 04018 stays that; NaN where nothing, or a dash, stands."""
    table = _read(path, header=None, dtype=str, skipinitialspace=True, na_values=list(_DASHES))
    names = [str(name).strip() if name == name else f"Unnamed: {k}" for k, name in enumerate(table.iloc[0])]  # noqa: PLR0124 (NaN)
    if len(names) == 1 and (other := {";", "\t", "|"} & set(names[0])):
        raise QtpDataError("the columns are not parted by commas", path=path, expected=",", found=sorted(other))
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise QtpDataError("a heading stands twice", path=path, found=double[:20])
    table = table.iloc[1:].reset_index(drop=True).set_axis(names, axis="columns")
    if table.empty:
        raise QtpDataError("the table has no rows", path=path, found=names[:20])
    return table.apply(lambda column: column.str.strip())


def _read(path: Path, **options: object) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise QtpDataError(f"cannot read the table: {error}", path=path, expected="CSV with headings, UTF-8") from None
    if table.empty:
        raise QtpDataError("the table has no rows", path=path, found=list(table.columns)[:20])
    return table


def need(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """Refuse a table that lacks columns."""
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise QtpDataError(
            f"table lacks the columns {lacking}",
            path=path,
            found=list(table.columns)[:20],
            hint="Map the file's own headings with parameters.rename.",
        )


def _row(bad: pd.Series | np.ndarray) -> str:
    """Line of the file of the first that is bad: the headings are the first."""
    return f"row {int(np.flatnonzero(bad)[0]) + 2}"


def numbers(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """Values of a column as floats; an error that names the row of the first that is no number."""
    values = pd.to_numeric(table[column], errors="coerce")
    bad = values.isna() & table[column].notna()
    if bad.any():
        raise QtpDataError(
            f"{int(bad.sum())} values are not numbers",
            path=path,
            variable=column,
            where=_row(bad),
            found=table.loc[bad, column].iloc[0],
            hint="What means no data must be empty, a dash, or a number of parameters.missing.",
        )
    return values.to_numpy(float)


def names(column: pd.Series, path: Path) -> pd.Series:
    """Station names: text without blanks around it, and without the .0 of a number that went through a spreadsheet."""
    if column.isna().any():
        raise QtpDataError("a station has no name", path=path, variable="station", where=_row(column.isna()))
    return column.astype(str).str.strip().str.replace(r"^(\d+)\.0$", r"\1", regex=True)


def times(column: pd.Series, path: Path) -> np.ndarray:
    """Dates (datetime64[ns]) of text: year first, or years alone; the time of the clock where an offset is given.

    Parameters
    ----------
    column : pandas.Series
        ``2015-03-08``, ``2015/3/8``, ``2015-03-08T01:00:00+08:00``, ``2015``.
    path : path

    Raises
    ------
    QtpDataError
        M24: another spelling (names the first row), numbers that are no years, or offsets in some rows only.
    """
    text = column.astype("string").str.strip()
    _refuse_times(text.isna(), column, path)
    if text.str.fullmatch(r"\d{4}(\.0)?").all():
        return _dates(text.str[:4].astype(int), 1, 1, path, column)
    if pd.to_numeric(text, errors="coerce").notna().any():
        found = text[pd.to_numeric(text, errors="coerce").notna()].iloc[0]
        raise QtpDataError("time is a number", path=path, variable=TIME, found=found, expected="YYYY-MM-DD", code="M24")
    parts = text.str.extract(_DATE)
    bad = parts[0].isna() | (parts[1] != parts[3].replace("\u6708", "\u5e74").fillna(parts[1]))
    if not bad.any() and parts[6].notna().any() and parts[6].isna().any():
        raise QtpDataError(
            "some times have an offset from UTC, others have none",
            path=path,
            variable=TIME,
            where=_row(parts[6].isna()),
            found=text[parts[6].isna()].iloc[0],
            code="M24",
        )
    # an offset does not move the clock: a daily value belongs to the day that is written
    clock = parts[5].fillna("").replace("", "00:00").str.replace(r"^(\d):", r"0\1:", regex=True)
    whole = parts[0] + "-" + parts[2].str.zfill(2) + "-" + parts[4].fillna("1").str.zfill(2) + "T" + clock
    found = pd.to_datetime(whole.where(~bad), errors="coerce", format="ISO8601")
    _refuse_times(bad | found.isna() | ~found.dt.year.between(*_YEARS), column, path)
    return found.to_numpy("datetime64[ns]")


def _refuse_times(bad: pd.Series, column: pd.Series, path: Path) -> None:
    if bad.any():
        raise QtpDataError(
            "time will not parse",
            path=path,
            variable=TIME,
            where=_row(bad),
            found=column[bad].iloc[0],
            expected="YYYY-MM-DD",
            hint="Day or month first, and years of two digits, are not guessed: write the year first.",
            code="M24",
        )


def dates_of_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> np.ndarray:
    """Dates (datetime64[ns]) of columns of year, month and day, year and day of year, or year and month.

    Rows without any value may have days that do not exist (31 in every month) and get NaT.

    Parameters
    ----------
    table : pandas.DataFrame
    columns : sequence of str
        In that order; a second and last column is a day of the year if its heading says so or a number is above 12.
    path : path

    Raises
    ------
    QtpDataError
        M24: a column that is missing, no whole numbers, years of two digits, a date that does not exist.
    """
    need(table, columns, path)
    parts = [numbers(table, column, path) for column in columns]
    if not 1 <= len(parts) <= 3:
        raise QtpDataError(
            "date_columns are one to three", path=path, expected="year, month, day; or year, doy", found=list(columns)
        )
    year, first, day = (*parts, np.ones(len(table)), np.ones(len(table)))[:3]
    of_year = len(parts) == 2 and (re.search(r"doy|yday|jday|julian", columns[1], re.IGNORECASE) or first.max() > 12)
    month, day = (np.ones_like(day), first) if of_year else (first, day)
    rest = table.drop(columns=list(columns)).drop(columns=["station", "depth"], errors="ignore")
    return _dates(year, month, day, path, table[columns[0]], empty=rest.isna().all(axis=1).to_numpy(), of_year=of_year)


def _dates(
    year: np.ndarray | pd.Series,
    month: np.ndarray | int,
    day: np.ndarray | int,
    path: Path,
    written: pd.Series,
    *,
    empty: np.ndarray | bool = False,
    of_year: object = False,
) -> np.ndarray:
    """Dates of whole numbers; NaT where they are none and the row is empty."""
    year, month, day = (np.broadcast_to(np.asarray(part, float), len(written)) for part in (year, month, day))
    fine = (year % 1 == 0) & (month % 1 == 0) & (day % 1 == 0) & (year >= _YEARS[0]) & (year <= _YEARS[1])
    fine &= (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(fine, (year - 1970) * 12 + month - 1, 0).astype(int).astype("datetime64[M]")
    out = months.astype("datetime64[D]") + np.where(fine, day - 1, 0).astype(int)
    unit = "Y" if of_year else "M"
    fine &= out.astype(f"datetime64[{unit}]") == months.astype(f"datetime64[{unit}]")
    bad = ~fine & ~np.asarray(empty)
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise QtpDataError(
            "no date is made of the columns of the table",
            path=path,
            variable=TIME,
            where=_row(bad),
            found=f"year {year[k]:g}, " + ("" if of_year else f"month {month[k]:g}, ") + f"day {day[k]:g}",
            expected="a year of four digits, and a day that exists",
            code="M24",
        )
    return np.where(fine, out, np.datetime64("NaT")).astype("datetime64[ns]")


def depths(column: pd.Series, units: str | None, path: Path) -> np.ndarray:
    """Depths in m, positive down, of numbers, or of text with units such as ``5cm``.

    Parameters
    ----------
    column : pandas.Series
    units : str, optional
        Unit of plain numbers; by default m, where that can be.
    path : path

    Raises
    ------
    QtpDataError
        No numbers; heights and depths mixed; numbers that may be cm.
    """
    text = column.astype(str)
    found = text.str.extract(_DEPTH)
    if found[0].notna().any():
        factor = found[1].str.lower().map({"mm": 0.001, "cm": 0.01, "m": 1.0})
        values, said = (pd.to_numeric(found[0]) * factor).round(6).to_numpy(float), True
    else:
        plain = pd.to_numeric(text, errors="coerce")
        factor, offset = conversion(units, "m", path, "depth")
        values, said = (plain * factor + offset).round(6).to_numpy(float), units is not None
    if not np.isfinite(values).all():
        raise QtpDataError(
            "depth is no number",
            path=path,
            variable="depth",
            found=sorted(set(text[~np.isfinite(values)]))[:10],
            expected="depths below the surface, as 0.05 or 5cm",
        )
    if values.min() < 0 < values.max():
        raise QtpDataError(
            "depths are of either sign: what is above the surface?",
            path=path,
            variable="depth",
            found=f"{values.min():g} to {values.max():g}",
            hint="Keep the rows below the surface only.",
        )
    values = np.abs(values)
    each = np.unique(values)
    # 5, 10, 20, 40: round steps from a hand's breadth on, as loggers are set by the centimeter
    like_cm = each.size >= 3 and each[each > 0].min(initial=np.inf) >= 2 and (each % 5 == 0).all()
    if not said and (each[-1] > _DEEP or like_cm):
        raise QtpDataError(
            f"depths reach {each[-1]:g} m: are they in cm?",
            path=path,
            variable="depth",
            found=each[:10].tolist(),
            hint="Say parameters.units: {depth: cm}, or {depth: m} if they are.",
        )
    return values
