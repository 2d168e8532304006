"""Dates in names and headings, and the days that composites stand for."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from qtp_toolkit._dates import read_time
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.checks import refuse_bad

_LETTERS = {"%Y": r"(?P<year>\d{4})", "%m": r"(?P<month>\d{2})", "%d": r"(?P<day>\d{2})", "%j": r"(?P<doy>\d{3})"}


def date_expression(pattern: str) -> str:
    """Regular expression of a pattern in the letters of strftime (%Y, %m, %d, %j); any other pattern is returned as is.

    Parameters
    ----------
    pattern : str
        ``%Y%j``, ``LST_%Y-%m-%d.tif``, or a regular expression.

    Raises
    ------
    ValueError
        If it has another letter of strftime, or no year.
    """
    if "%" not in pattern or "(?P<" in pattern:
        return pattern
    known = _LETTERS | {"%%": "%"}
    pieces = re.split(r"(%.?)", pattern)
    if "%Y" not in pieces or any(piece.startswith("%") and piece not in known for piece in pieces):
        raise ValueError(f"pattern {pattern!r}: of strftime only {', '.join(known)} are known, and %Y is needed")
    return "".join(known.get(piece, re.escape(piece)) for piece in pieces)


def _with_groups(pattern: str, choices: Sequence[set[str]]) -> str:
    """Refuse a regular expression that does not compile, is overlong, or lacks the groups of every choice."""
    expression = date_expression(pattern)
    if len(expression) > 200:
        raise ValueError("pattern is longer than 200 characters")
    try:
        found = set(re.compile(expression).groupindex)
    except re.error as error:
        raise ValueError(f"pattern {pattern!r} is not a regular expression: {error}") from error
    missing = min((sorted(groups - found) for groups in choices), key=len)
    if missing:
        raise ValueError(f"pattern {pattern!r} lacks the named groups {missing}, e.g. (?P<{missing[0]}>\\d{{8}})")
    return pattern


_day_pattern = partial(_with_groups, choices=({"year", "month", "day"}, {"year", "doy"}))
_pair_pattern = partial(_with_groups, choices=({"reference", "secondary"},))
DatePattern = Annotated[str, AfterValidator(_day_pattern)]
"""Finds a date in a name: by groups year and doy, or year, month and day, or by the letters of strftime."""
PairPattern = Annotated[str, AfterValidator(_pair_pattern)]
"""Finds two dates in a name, each in any spelling that :func:`read_time` knows."""


def pair_expression(pattern: str) -> str:
    """Return the pattern of a caller, or raise C09 if it does not find two dates."""
    return _checked(_pair_pattern, pattern)


def day_expression(pattern: str) -> str:
    """Return the regular expression of a caller's pattern, or raise C09 if it does not find a date."""
    return date_expression(_checked(_day_pattern, pattern))


def _checked(check: Callable[[str], str], pattern: str) -> str:
    try:
        return check(pattern)
    except ValueError as error:
        raise QtpDataError(str(error), where="pattern", code="C09") from None


def match_names(
    paths: Sequence[Path], expression: str, lacking: str, what: str, *, hint: str | None = None
) -> list[re.Match[str]]:
    """Match the expression in each name, else in the name of its folder; files where neither fits are listed (I27).

    Parameters
    ----------
    paths : sequence of path
    expression : str
    lacking : str
        What a name has not that does not fit.
    what : str
        What the files should have been.
    hint : str, optional
        What to do where the source has no ``pattern`` to set.
    """
    matches = [re.search(expression, path.name) or re.search(expression, path.parent.name) for path in paths]
    unnamed = [(path, lacking) for path, match in zip(paths, matches, strict=True) if match is None]
    refuse_bad(unnamed, what, total=len(paths), code="I27", hint=hint)
    return [match for match in matches if match is not None]


def date_of(match: re.Match[str], path: Path | str) -> np.datetime64:
    """Date from the groups year and doy, or year, month and day; day 366 of a common year is an error (M19)."""
    groups = match.groupdict()
    year = int(groups["year"])
    if not groups.get("doy"):
        return ymd(f"{year:04d}{int(groups['month']):02d}{int(groups['day']):02d}", path)
    ymd(f"{year:04d}0101", path)  # refuses years that are none
    day, last = int(groups["doy"]), 366 if calendar.isleap(year) else 365
    if not 1 <= day <= last:
        raise QtpDataError(
            "day of year in a file name is impossible", path=path, expected=f"1 to {last}", found=day, code="M19"
        )
    return np.datetime64(f"{year:04d}-01-01", "D") + (day - 1)


def ymd(text: str, path: Path | str) -> np.datetime64:
    """Day of a date in a name, in any usual spelling; an impossible one is an error that names the file (I27)."""
    try:
        return read_time(text).astype("datetime64[D]")
    except ValueError as error:
        raise QtpDataError(
            f"date in a file name is impossible: {error}",
            path=path,
            found=text,
            expected="as 20180106, 2018-01-06, 06Jan2018, 2018006 or 180106 (year first)",
            code="I27",
        ) from None


def period_days(start: np.ndarray, length: int) -> np.ndarray:
    """Days that composites cover: ``length``, or what is left of the year (the series restarts every 1 January)."""
    start = start.astype("datetime64[D]")
    next_year = (start.astype("datetime64[Y]") + 1).astype("datetime64[D]")
    return np.minimum(length, (next_year - start).astype(int))


def centers(start: np.ndarray, length: int) -> np.ndarray:
    """Center of each composite: start + (days - 1) / 2, so that the mean of daily values lands on their mean date."""
    half_days = (period_days(start, length) - 1) * 12
    return (start.astype("datetime64[h]") + half_days.astype("timedelta64[h]")).astype("datetime64[ns]")
