"""CSV with headings: its text, and numbers, names, degrees and depths of columns; errors name file, column and row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from qtp_toolkit._variables import USUAL_FILLS
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.checks import refuse_bad
from qtp_toolkit.load.files.limits import conversion

_DASHES = ("-", "--", "---", "\u2013", "\u2014")  # en and em dash
_DEPTH = re.compile(r"(-?\d+(?:\.\d+)?)\s*(mm|cm|m)(?![A-Za-z])", re.IGNORECASE)
_LAYER = re.compile(
    r"(?:(?<![A-Za-z\d.])\d[\d.]*\s*(?:mm|cm|m)?\s*(?:-|\u2013|~|to)|^\d[\d.]*_)\s*\d[\d.]*\s*(?:mm|cm|m)(?![A-Za-z])",
    re.IGNORECASE,
)
"""Depths from and to, as 0-10cm."""
RENAMED = "renamed"
"""Attribute of a table: new headings by the file's own."""
_DEEP = 100.0
"""Depths beyond this, in m, must be said to be in m."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV with headings, numbers as numbers; an error that names the file if it is none, or has no rows."""
    table = _read(path)
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first column for row names, and all shifts by one
        raise QtpDataError(
            "the rows hold more values than there are headings",
            path=path,
            expected=list(table.columns)[:6],
            found=table.reset_index().iloc[0].tolist()[:6],
            hint="Is there a comma at the end of each row? Give each column a heading.",
        )
    table = table.set_axis([str(name).strip() for name in table.columns], axis="columns")
    return table.set_axis(table.index + 1, axis="index")


def read_text(path: Path) -> pd.DataFrame:
    """Read a CSV with headings as text, so that station 04018 stays that; NaN where nothing, or a dash, stands.

    The index tells the line of the file, from 0. Rows without any value, and columns of row numbers that programs add
    without a heading, are left out.
    """
    options = {"header": None, "dtype": str, "skipinitialspace": True, "skip_blank_lines": False}
    table = _read(path, na_values=list(_DASHES), **options).dropna(how="all")
    _refuse_empty(table.iloc[1:], path, table.iloc[:1].squeeze(axis=0))
    table = table.apply(lambda column: column.str.strip())
    head, table = table.iloc[0], table.iloc[1:]
    names = [str(name) for name in head.dropna()]
    if len(names) == 1 and (other := {";", "\t", "|"} & set(names[0])):
        raise QtpDataError("the columns are not parted by commas", path=path, expected=",", found=sorted(other))
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise QtpDataError("a heading stands twice", path=path, found=double[:20])
    _refuse_nameless(table.loc[:, head.isna()], path)
    return table.loc[:, head.notna()].set_axis(names, axis="columns")


def _read(path: Path, **options: object) -> pd.DataFrame:
    if path.is_file() and not path.stat().st_size:
        refuse_bad([(path, "zero bytes on disk")], "readable table", total=1, code="M04")
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise QtpDataError(f"cannot read the table: {said}", path=path, expected="CSV with headings, UTF-8") from None
    _refuse_empty(table, path, table.columns)
    return table


def _refuse_empty(table: pd.DataFrame, path: Path, headings: Iterable[object]) -> None:
    if table.empty:
        raise QtpDataError("the table has no rows", path=path, found=list(headings)[:20])


def _refuse_nameless(columns: pd.DataFrame, path: Path) -> None:
    """Refuse values without a heading, unless they number the rows."""
    for column in (columns[name] for name in columns):
        counted = pd.to_numeric(column, errors="coerce").diff().iloc[1:].eq(1).all()
        if column.notna().any() and not counted:
            raise QtpDataError(
                "a column of values has no heading",
                path=path,
                found=column.dropna().head(3).tolist(),
                hint="Give it one.",
            )


def need(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """Refuse a table that lacks columns."""
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        called = [table.attrs[RENAMED][name] for name in lacking if name in table.attrs.get(RENAMED, {})]
        raise QtpDataError(
            f"table lacks the columns {lacking}",
            path=path,
            found=list(table.columns)[:20],
            hint=f"By parameters.rename they are {called} here: write that."
            if called
            else "Map the file's own headings with parameters.rename.",
        )


def row_of(bad: pd.Series) -> str:
    """Line of the file of the first that is bad."""
    return f"row {int(bad.index[np.asarray(bad, bool)][0]) + 1}"


def numbers(table: pd.DataFrame, column: str, path: Path, *, hint: str | None = None) -> np.ndarray:
    """Values of a column as floats; an error that names the row of the first that is no number."""
    values = pd.to_numeric(table[column], errors="coerce")
    bad = values.isna() & table[column].notna()
    if bad.any():
        raise QtpDataError(
            f"{int(bad.sum())} values are not numbers",
            path=path,
            variable=column,
            where=row_of(bad),
            found=table.loc[bad, column].iloc[0],
            hint=hint or _advise(table.loc[bad, column].astype(str), every=bool(bad.sum() == table[column].count())),
        )
    return values.to_numpy(float)


def _advise(words: pd.Series, *, every: bool) -> str:
    """Say what to do about words among numbers."""
    if words.str.fullmatch(r"[-+]?[\d.]*(,\d+)+").all():
        return "Write numbers without commas, and decimals with a point."
    if every:
        return "A column of text? Name those that are wanted in parameters.columns."
    return "What means no data must be empty, a dash, or a number of parameters.missing."


def degrees(table: pd.DataFrame, column: str, limit: float, path: Path) -> np.ndarray:
    """Longitudes or latitudes of a column; refuses (I08) those that are missing or leave the globe, with their row."""
    hint = "Write degrees as decimals, west and south below zero."
    values = pd.Series(numbers(table, column, path, hint=hint), table.index)
    missing = values.isna() | (values.isin(USUAL_FILLS) & (values.abs() > limit))
    if missing.any():
        last = bool(np.asarray(missing)[-1]) and int(np.sum(missing)) == 1
        cut = "It is the last row: was the file cut short?" if last else None
        what = f"a {column} is missing"
        raise QtpDataError(what, path=path, variable=column, where=row_of(missing), hint=cut, code="I08")
    far = values.abs() > limit
    if far.any():
        raise QtpDataError(
            f"{column} leaves the globe",
            path=path,
            variable=column,
            where=row_of(far),
            expected=f"-{limit:g}..{limit:g}",
            found=float(values[far].iloc[0]),
            hint="Are the headings longitude and latitude swapped?"
            if values[far].iloc[0] <= 360.0
            else "Coordinates of a projection? Give degrees.",
            code="I08",
        )
    return values.to_numpy()


def names(column: pd.Series, path: Path) -> pd.Series:
    """Station names: text without blanks around it, and without the .0 of a number that went through a spreadsheet."""
    if column.isna().any():
        raise QtpDataError("a station has no name", path=path, variable="station", where=row_of(column.isna()))
    return column.astype(str).str.strip().str.replace(r"^(\d+)\.0$", r"\1", regex=True)


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
        No numbers; layers from and to; heights and depths mixed; numbers that may be cm.
    """
    text = column.astype(str)
    layers = text[text.str.contains(_LAYER)].unique()
    if layers.size:
        raise QtpDataError(
            "depths of layers: at which depth does a value hold?",
            path=path,
            variable="depth",
            found=layers[:10].tolist(),
            hint="Write one depth for each, such as the middle of the layer.",
        )
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
    # 4, 10, 20, 40: profiles in m begin in the first meters, those in cm at a hand's breadth
    like_cm = each.size >= 2 and each[each > 0].min(initial=np.inf) >= 2
    if not said and (each[-1] > _DEEP or like_cm):
        raise QtpDataError(
            f"depths reach {each[-1]:g} m: are they in cm?",
            path=path,
            variable="depth",
            found=each[:10].tolist(),
            hint="Say parameters.units: {depth: cm}, or {depth: m} if they are.",
        )
    return values
