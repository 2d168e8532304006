"""Lengths, and lengths a year, in mm: the one unit of displacement here."""

from __future__ import annotations

from pathlib import Path

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.limits import CONVERSIONS, spell

_YEAR = ("yr", "year", "y", "a")


def to_mm(unit: str, path: Path, variable: str, *, per_year: bool = False) -> float:
    """Factor to mm, or to mm a year.

    Parameters
    ----------
    unit : str
        As the file says it: m, meters, cm, mm, and with ``per_year`` m/year and the like.
    path : path
    variable : str
    per_year : bool

    Raises
    ------
    QtpDataError
        M11: another unit.
    """
    length, _, rest = unit.strip().partition("/")
    known = {"mm": 1.0} | {a: factor for (a, b), (factor, _) in CONVERSIONS.items() if b == "mm"}
    if spell(length) not in known or (rest.strip() in _YEAR) != per_year:
        expected = f"m, cm or mm{' a year' if per_year else ''}"
        what = "a unit that is no length" + (" a year" if per_year else "")
        raise QtpDataError(what, path=path, variable=variable, found=repr(unit), expected=expected, code="M11")
    return known[spell(length)]
