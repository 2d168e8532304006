"""Times in tables: dates as text, as digits alone, or in columns of year, month and day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from qtp_toolkit._dates import read_time
from qtp_toolkit.conventions import TIME, QtpDataError
from qtp_toolkit.load.files.table import need, numbers, row_of

_DATE = (
    r"^(\d{4})([-/.\u5e74])(\d{1,2})(?:([-/.\u6708])(\d{1,2})?\u65e5?)?"
    r"(?:[T\s]+(\S*?))?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$"
)
"""Year, month and day between dashes, slashes, points or the Chinese signs, with or without a time and an offset."""
_YEARS = (1700, 2200)
_COMPACT = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Dates of digits alone, by their number."""


def times(column: pd.Series, path: Path) -> np.ndarray:
    """Dates (datetime64[ns]) of text: year first, or years alone; the time of the clock where an offset is given.

    Parameters
    ----------
    column : pandas.Series
        ``2015-03-08``, ``2015/3/8``, ``20150308``, ``08Mar2015``, ``2015-067`` (day of the year),
        ``2015-03-08T01:00:00+08:00``, ``2015``.
    path : path

    Raises
    ------
    QtpDataError
        M24: another spelling (names the first row), numbers that are no dates, or offsets in some rows only.
    """
    text = column.astype("string").str.strip()
    _refuse_times(text.isna(), column, path)
    if text.str.fullmatch(r"\d{4}(\.0)?").all():
        return _dates(text.str[:4].astype(int), 1, 1, path, column)
    spelling = _COMPACT.get(len(text.iloc[0]))
    if spelling and text.str.fullmatch(rf"\d{{{len(text.iloc[0])}}}").all():
        found = pd.to_datetime(text, errors="coerce", format=spelling)
        _refuse_times(found.isna() | ~found.dt.year.between(*_YEARS), column, path)
        return found.to_numpy("datetime64[ns]")
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
            where=row_of(parts[6].isna()),
            found=text[parts[6].isna()].iloc[0],
            code="M24",
        )
    # an offset does not move the clock: a daily value belongs to the day that is written
    clock = parts[5].fillna("").replace("", "00:00").str.replace(r"^(\d):", r"0\1:", regex=True)
    whole = parts[0] + "-" + parts[2].str.zfill(2) + "-" + parts[4].fillna("1").str.zfill(2) + "T" + clock
    found = pd.to_datetime(whole.where(~bad), errors="coerce", format="ISO8601")
    other = text[parts[0].isna()].map(_spelled)
    found, bad = found.where(parts[0].notna(), pd.to_datetime(other)), bad & ~bad.index.isin(other.dropna().index)
    _refuse_times(bad | found.isna() | ~found.dt.year.between(*_YEARS), column, path)
    return found.to_numpy("datetime64[ns]")


def _spelled(text: str) -> np.datetime64:
    """Date whose month is a name, or that counts days of the year; NaT for others, and beside an offset from UTC."""
    try:
        return np.datetime64("NaT") if re.search(r":\d\d.*(Z|UTC|GMT|[+-]\d\d:?\d\d)$", text) else read_time(text)
    except ValueError:
        return np.datetime64("NaT")


def _refuse_times(bad: pd.Series, column: pd.Series, path: Path) -> None:
    if not bad.any():
        return
    found = column[np.asarray(bad, bool)].iloc[0]
    hint = "Day or month first, and years of two digits, are not guessed: write the year first."
    if re.match(r"\d{4}(\D|\d{4})", str(found).strip()):
        hint = "Is there such a day? Hours run from 00:00 to 23:59."
    raise QtpDataError(
        "time will not parse",
        path=path,
        variable=TIME,
        where=row_of(bad),
        found=found,
        expected="YYYY-MM-DD",
        hint=hint if isinstance(found, str) else "Give the row a time, or remove it.",
        code="M24",
    )


def dates_of_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> np.ndarray:
    """Dates (datetime64[ns]) of columns of year, month and day, year and day of year, or year and month.

    Rows without any value may have days that do not exist (31 in every month) and get NaT.

    Parameters
    ----------
    table : pandas.DataFrame
    columns : sequence of str
        In that order; a second and last column is a month or a day of the year by its heading, else by its numbers.
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
    of_year = len(parts) == 2 and _is_day_of_year(columns[1], first)
    month, day = (np.ones_like(day), first) if of_year else (first, day)
    rest = table.drop(columns=list(columns)).drop(columns=["station", "depth"], errors="ignore")
    return _dates(year, month, day, path, table[columns[0]], empty=rest.isna().all(axis=1).to_numpy(), of_year=of_year)


def _is_day_of_year(heading: str, values: np.ndarray) -> bool:
    """Whether a column beside the year counts days; a month stays one even where a 13 stands for the whole year."""
    if re.search(r"doy|day|julian|\u65e5", heading, re.IGNORECASE):
        return True
    return not re.search(r"mon|^mm?$|\u6708", heading, re.IGNORECASE) and bool((values > 12).any())


def _dates(
    year: np.ndarray | pd.Series,
    month: np.ndarray | int,
    day: np.ndarray | int,
    path: Path,
    written: pd.Series,
    *,
    empty: np.ndarray | bool = False,
    of_year: bool = False,
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
            where=row_of(pd.Series(bad, written.index)),
            found=f"year {year[k]:g}, " + ("" if of_year else f"month {month[k]:g}, ") + f"day {day[k]:g}",
            expected="a year of four digits, and a day that exists",
            code="M24",
        )
    return np.where(fine, out, np.datetime64("NaT")).astype("datetime64[ns]")
