"""Dates as people write them: read in one way, or refused; never another day."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np

from qtp_toolkit._errors import QtpDataError

_MONTH = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_SPELLINGS = [
    re.compile(rf"{date}(?:[T _-]\s*(?P<time>\d.*))?", re.IGNORECASE)
    for date in (
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
        r"(?P<year>\d{4})(?P<mark>[-_/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
        rf"(?P<day>\d{{1,2}})[-_ .]?{_MONTH}[-_ ,.]*(?P<year>\d{{4}})",
        rf"{_MONTH}[-_ ]?(?P<day>\d{{1,2}})[-_ ,]+(?P<year>\d{{4}})",
        rf"(?P<year>\d{{4}})[-_ ]?{_MONTH}[-_ ]?(?P<day>\d{{1,2}})",
        r"(?P<year>\d{4})[-_ ]?(?P<doy>\d{3})",
        r"(?P<short>\d{2})(?P<month>\d{2})(?P<day>\d{2})",
    )
]
"""Year first, or the month by its name; 06/01/2018 may be either of two days and is none of these."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEARS = range(1950, 2100)
_OLDEST = 70
"""Two digits from here on are years of the last century: no radar flew before."""
_HINT = "Write dates as 2018-01-06, 20180106 or datetime64."


def read_time(text: str) -> np.datetime64:
    """Read a date, perhaps with a time of day, in any usual spelling.

    Parameters
    ----------
    text : str
        ``20180106``, ``2018-01-06``, ``06Jan2018``, ``2018006`` (day of the year), ``180106`` (year first), each
        perhaps with a time as ``T234712``, `` 23:47`` or ``T23:47:12+08:00``.

    Returns
    -------
    numpy.datetime64
        ns, UTC.

    Raises
    ------
    ValueError
        If it is no date, is impossible, or may be either of two days.

    Examples
    --------
    >>> [str(read_time(text))[:16] for text in ("06Jan2018", "2018006", "20180106T234712")]
    ['2018-01-06T00:00', '2018-01-06T00:00', '2018-01-06T23:47']
    """
    match = next((found for spelling in _SPELLINGS if (found := spelling.fullmatch(text.strip()))), None)
    if match is None:
        raise ValueError(f"{text!r} is no date that can be read in one way only")
    part = match.groupdict()
    year = int(part.get("year") or 0) or 2000 + int(part["short"]) - 100 * (int(part["short"]) >= _OLDEST)
    if part.get("doy"):
        day = dt.date(year, 1, 1) + dt.timedelta(int(part["doy"]) - 1)
        if day.year != year:
            raise ValueError(f"{text!r}: {year} has no day {part['doy']}")
    else:
        named = part.get("name")
        month = _MONTHS.index(named.lower()) + 1 if named else int(part["month"])
        day = dt.date(year, month, int(part["day"]))
    if year not in _YEARS:
        raise ValueError(f"{text!r}: the year {year} is not within {_YEARS[0]} to {_YEARS[-1]}")
    clock = dt.datetime.combine(day, dt.time.fromisoformat((part["time"] or "00:00").replace(" UTC", "Z")))
    return np.datetime64(clock.astimezone(dt.UTC).replace(tzinfo=None) if clock.tzinfo else clock, "ns")


def read_times(dates: Any, *, name: str = "dates") -> np.ndarray:
    """Read dates that a caller gives: datetime64, datetime, text in any usual spelling, or whole numbers like 20180106.

    Parameters
    ----------
    dates : one date, a sequence, or an array of them
    name : str
        How an error calls them.

    Returns
    -------
    numpy.ndarray
        datetime64[ns], UTC, in the shape of ``dates``.

    Raises
    ------
    QtpDataError
        I28: decimals, numbers that are no YYYYMMDD, text that is no date or not one only, missing dates.

    Examples
    --------
    >>> read_times([20180106, "2018-01-18"]).astype("datetime64[D]").astype(str).tolist()
    ['2018-01-06', '2018-01-18']
    """
    values = dates.to_numpy() if hasattr(dates, "to_numpy") else dates
    if not isinstance(values, np.ndarray):  # numpy would make text of numbers that stand beside text
        values = np.array(values, dtype=object)
    try:
        out = values.astype("datetime64[ns]") if values.dtype.kind == "M" else np.empty(values.shape, "datetime64[ns]")
        if values.dtype.kind != "M":
            for at, value in np.ndenumerate(values):
                out[at] = _read(value)
    except ValueError as error:
        raise QtpDataError(
            f"{name} must be dates: {error}", expected="datetime64, or text", hint=_HINT, code="I28"
        ) from None
    if np.isnat(out).any():
        raise QtpDataError(f"{name} holds missing dates (NaT)", found=f"{np.isnat(out).sum()}", code="I28")
    return out


def _read(value: Any) -> np.datetime64:
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[ns]")
    if isinstance(value, (str, bytes)):
        return read_time(value.decode() if isinstance(value, bytes) else value)
    if hasattr(value, "isoformat"):
        return np.datetime64("NaT") if value != value else read_time(value.isoformat())  # noqa: PLR0124  NaT is not itself
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and len(str(value)) == 8:
        return read_time(str(value))
    kind = type(value).__name__
    raise ValueError(f"{value!r} is {kind}: numbers other than whole ones like 20180106 lose days, or mean another one")
