"""Units and physical ranges: a wrong unit is an error, a stray value and an undeclared fill value become NaN."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qtp_toolkit._variables import USUAL_FILLS
from qtp_toolkit.conventions import VARIABLES, QtpDataError

if TYPE_CHECKING:
    from qtp_toolkit.load.files.headers import Header

CONVERSIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("radian", "degree"): (180.0 / np.pi, 0.0),
    ("K", "degC"): (1.0, -273.15),
    ("%", "1"): (0.01, 0.0),
    ("permille", "1"): (0.001, 0.0),
    ("g/kg", "1"): (0.001, 0.0),
    ("cg/cm3", "kg m-3"): (10.0, 0.0),
    ("g/cm3", "kg m-3"): (1000.0, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("m", "mm"): (1000.0, 0.0),
    ("cm", "mm"): (10.0, 0.0),
    ("ft", "m"): (0.3048, 0.0),
}
"""Factor and offset from a unit of files to ours, in the spelling of :func:`spell`."""
_SPELLINGS = {
    "K": ("k", "kelvin"),
    "degC": (
        *("degc", "c", "\N{DEGREE SIGN}c", "celsius"),
        *("degreec", "degreesc", "degcelsius", "degreecelsius", "degreescelsius"),
    ),
    "radian": ("rad", "radians"),
    "degree": ("deg", "degrees", "\N{DEGREE SIGN}"),
    "%": ("percent", "pct"),
    "1": ("fraction", "unitless", "dimensionless", "m3/m3", "cm3/cm3", "kg/kg", "g/g"),
    "m": ("meter", "meters", "metre", "metres"),
    "ft": ("foot", "feet"),
    "kg m-3": ("kg/m3",),
}
"""Other spellings, in small letters without blanks and underscores."""
_RATIO = re.compile(r"([A-Za-z]+\d?)(?: ?/ ?|[ .*]+(?=\S*-))([A-Za-z]+)(?:\^|\*\*)?-?([2-9]?)1?")

_SLACK = 1e-6
"""Part of the larger limit that values may lie beyond it: decimals are rounded."""
_HUGE = 1e15
_LARGE = 999.0
_LOOKS = {
    "kg m-3": (("g/cm3", 0.3, 2.7), ("cg/cm3", 30, 100), ("g/m3", 2.7e5, 2.7e6)),
    "degC": (
        ("K (kelvin)", 180, 340),
        ("stored numbers, not scaled", 5000, 65535),
        ("degC taken for kelvin, or a scale applied twice", -350, -200),
    ),
    "degree": (("radian", 0.1, 2.0), ("mrad", 300, 1200)),
    "1": (("%", 1, 100), ("permille or g/kg", 100, 1000)),
    "coherence": (("percent, or 0 to 255", 1.05, 100.5), ("0 to 255", 100.5, 255)),
    "active_layer_thickness": (("cm", 30, 1500), ("mm", 1500, 30000)),
}
"""What values of a unit, or of one quantity, may be by mistake, with the limits of the median that tell so."""


def spell(units: str) -> str:
    """One spelling of a unit for the many that people write: ``g kg-1`` is ``g/kg``, ``rad`` is ``radian``."""
    words = " ".join(units.split())
    ratio = _RATIO.fullmatch(words)
    words = "{}/{}{}".format(*ratio.groups()) if ratio else words
    key = words.lower().replace(" ", "").replace("_", "")
    return next((ours for ours, many in _SPELLINGS.items() if key in many), words)


def conversion(units: str | None, ours: str, path: Path, variable: str) -> tuple[float, float]:
    """Factor and offset from a unit to ours; an error that lists the known ones if there is none.

    Parameters
    ----------
    units : str, optional
        Unit in the file; None is ours.
    ours : str
    path : path
    variable : str
    """
    if units is None or spell(units) == spell(ours):
        return 1.0, 0.0
    if (spell(units), ours) not in CONVERSIONS:
        raise QtpDataError(
            f"no conversion from {units!r} to {ours!r}",
            path=path,
            variable=variable,
            code="S02",
            expected=[a for a, b in CONVERSIONS if b == ours] + [ours],
            hint="Use scale_factor and add_offset to reach one of them.",
        )
    return CONVERSIONS[spell(units), ours]


def stored_unit(tags: Iterable[str], given: str | None, ours: str, variable: str) -> str | None:
    """Find the unit of files: the one that is given, which overrules unit tags aloud, else that of the tags.

    Parameters
    ----------
    tags : iterable of str
        Unit tags of the band, one a file; empty where there is none.
    given : str, optional
    ours : str
        What tags that say nothing leave it at.
    variable : str

    Returns
    -------
    str or None
        None for ours, also where no conversion from the unit of the tags is known (with a warning).

    Raises
    ------
    QtpDataError
        M11: unlike tags.
    """
    said = {spell(tag) for tag in tags if tag.strip()}
    if given is not None:
        if said - {spell(given)}:
            warnings.warn(f"units: {given} overrules the unit tag of {variable}: {sorted(said)} (M11)", stacklevel=2)
        return given
    if len(said) > 1:
        hint = "Say which holds with parameters.units."
        raise QtpDataError("files have unlike unit tags", variable=variable, found=sorted(said), hint=hint, code="M11")
    unit = next(iter(said), spell(ours))
    if unit == spell(ours):
        return None
    if (unit, ours) in CONVERSIONS:
        return unit
    warnings.warn(
        f"the unit tag of {variable} is {unit!r}: taken for {ours}. Say parameters.units. (M11)", stacklevel=2
    )
    return None


def refuse_other_scale(path: Path, tags: Mapping[str, Any], scale_factor: float) -> None:
    """Raise if the file's own scale is not the one that is used (M11): one of them is wrong.

    Parameters
    ----------
    path : path
    tags : mapping
        From :func:`qtp_toolkit.load.files.headers.band_tags`.
    scale_factor : float
        What the catalog says.
    """
    own = float(tags.get("scale_factor", 1.0))
    if not np.isclose(own, scale_factor, rtol=1e-6) and own != 1.0:
        raise QtpDataError(
            "the file's own scale is not the one of the catalog",
            path=path,
            expected=f"scale_factor {scale_factor:g}",
            found=f"scale_factor {own:g} in the file",
            code="M11",
            hint="Set parameters.scale_factor to the file's, if its values are stored unscaled.",
        )


def stored_scale(found: Sequence[Header], band: int, given: float | None, option: str | None) -> tuple[float, float]:
    """Scale and offset of all files of a kind: those that are given, else those of the files' own tags.

    Parameters
    ----------
    found : sequence of Header
    band : int
        From 1.
    given : float, optional
        Scale that the catalog sets: it overrules the tags, with a warning.
    option : str, optional
        Its name there; None where the reader has no such setting.

    Returns
    -------
    (float, float)

    Raises
    ------
    QtpDataError
        M11: unlike tags, or a scale tag on decimals, which may be scaled already.
    """
    own = {header.scales[band - 1] for header in found} or {(1.0, 0.0)}
    if given is not None and not 0 < given < np.inf:
        raise QtpDataError(f"{option} is a number above 0", found=given, code="M11")
    if given is not None:
        if own - {(1.0, 0.0), (given, 0.0)}:
            told = ", ".join(f"{scale:g} and {offset:g}" for scale, offset in sorted(own))
            warnings.warn(f"{option}: {given:g} overrules the tags of scale and offset: {told} (M11)", stacklevel=2)
        return given, 0.0
    decimals = any(header.dtype.startswith("float") for header in found)
    if own != {(1.0, 0.0)} and (len(own) > 1 or decimals):
        what = "decimals carry a scale tag: they may be scaled already" if decimals else "files have unlike scale tags"
        say = f"Say which scale holds with parameters.{option}; 1 leaves the values as they are stored."
        hint = say if option else "Write them anew without a scale (gmt grdedit -D, gdal_translate -unscale)."
        raise QtpDataError(what, path=found[0].path, found=f"scale and offset {sorted(own)}", hint=hint, code="M11")
    return own.pop()


def hold(
    values: np.ndarray,
    variable: str,
    path: Path | str,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    settings: str = "",
) -> int:
    """Hold values of one file, in place, to the physical range of their variable: what lies outside becomes NaN.

    Parameters
    ----------
    values : numpy.ndarray
        Decimals, in our unit.
    variable : str
        Key of the variable table; without a range there, nothing happens.
    path : path
        For messages.
    scale, offset : float
        From stored to our unit: the usual fill values are recognized as they are stored.
    settings : str
        Parameters by which the source may tell its unit, for messages; none if its driver has none.

    Returns
    -------
    int
        How many values, undeclared fill values among them, were set to NaN.

    Raises
    ------
    QtpDataError
        S02, S03, M11, I04 or I11, by the table: the median, fill values aside, leaves the range.
    """
    row = VARIABLES[variable]
    limits = row.held or row.valid
    if limits is None:
        return 0
    low, high = (f(ends) for f, ends in zip((max, min), zip(limits, row.valid or limits, strict=True), strict=True))
    count = 0
    for fill in row.stored_fills if abs(scale) != 1.0 else ():
        filled = np.isclose(values, fill * scale + offset, rtol=1e-6)
        values[filled], count = np.nan, count + int(filled.sum())
    slack = _SLACK * max(abs(low), abs(high))
    with np.errstate(invalid="ignore"):
        # two reductions that skip NaN take a sixth of the time of the comparisons below, and mostly settle it
        if np.fmin.reduce(values, axis=None, initial=low) >= low - slack and (
            np.fmax.reduce(values, axis=None, initial=high) <= high + slack
        ):
            return count
        beyond = (values < low - slack) | (values > high + slack)
        low, high = limits
        outside = (values < low - slack) | (values > high + slack)
    # fill values tell nothing of the unit, and are no estimates that were rounded
    odd = values[beyond]
    filled = np.zeros(values.shape, bool)
    filled[beyond] = np.any([np.isclose(odd, fill * scale + offset, rtol=1e-6) for fill in row.fills], axis=0)
    real = np.isfinite(values) & (np.abs(values) < _HUGE) & ~filled
    median = float(np.median(values[real])) if real.any() else np.nan
    if median < low - slack or median > high + slack:
        told = limits if row.valid is None or row.valid[0] <= median <= row.valid[1] else row.valid
        share = f", {outside.mean():.1%} of a block outside"
        raise implausible(median, variable, told, path, found=share, settings=settings)
    outside |= filled
    values[outside] = np.nan
    if row.valid is not None and row.held is not None:
        np.clip(values, *row.valid, out=values)  # estimates are rounded, decimals too
    return count + int(outside.sum())


def drop_fills(values: np.ndarray, *, scale: float = 1.0) -> int:
    """Set large fill values and infinity to NaN, in place, in numbers of no known quantity; returns how many.

    A value counts as fill if it is one of the usual ones, of four digits or about, and four times as large as all else,
    or negative where nothing else is.

    Parameters
    ----------
    values : numpy.ndarray
        Decimals.
    scale : float
        From stored to these.
    """
    fills = np.array([fill for fill in USUAL_FILLS if abs(fill) >= _LARGE]) * scale
    filled = np.isclose(values[:, None], fills, rtol=1e-9).any(axis=1) | np.isinf(values)
    rest = values[np.isfinite(values) & ~filled]
    alone = (values < 0) & (rest.min(initial=0.0) >= 0)
    filled &= alone | (np.abs(values) >= 4.0 * np.abs(rest).max(initial=0.0))
    values[filled] = np.nan
    return int(filled.sum())


def implausible(
    median: float,
    variable: str,
    limits: tuple[float, float],
    path: Path | str | None = None,
    *,
    found: str = "",
    settings: str = "",
) -> QtpDataError:
    """Make the fault of a variable whose median leaves the limits; guesses at what the values are.

    Parameters
    ----------
    median : float
        As if in the unit of the variable table.
    variable : str
    limits : (float, float)
    path : path, optional
    found : str
        What else to tell.
    settings : str
        Parameters by which the source may tell its unit; none if its driver has none.
    """
    row = VARIABLES[variable]
    known = _LOOKS.get(variable, _LOOKS.get(row.units, ()))
    guess = next((text for text, least, most in known if least <= median <= most), None)
    remedy = f"say so with parameters.{settings}" if settings else "convert the files"
    told = f" A unit is told with parameters.{settings}." if settings else " This driver takes no other unit."
    return QtpDataError(
        f"{variable} leaves its physical range",
        path=path,
        variable=variable,
        code=row.fault,
        expected=f"{limits[0]:g} to {limits[1]:g} {row.units}",
        found=f"median {median:g}{found}",
        hint=f"It looks like {guess}; {remedy}." if guess else f"Check what the source is.{told}",
    )
