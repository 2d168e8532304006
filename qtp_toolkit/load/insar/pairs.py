"""Stacks from what is no GeoTIFF: pairs in the order of their dates, signs, and the layers beside the phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit._look import unit_vector
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, QtpDataError, check_wavelength, describe
from qtp_toolkit.load.files.checks import AS_DELIVERED
from qtp_toolkit.load.files.dates import match_names, pair_expression, ymd
from qtp_toolkit.load.insar.convention import PATTERN


class Arrangement(NamedTuple):
    """Pairs in the order of their dates: places in the files' own order, dates, and which are turned round."""

    order: list[int]
    earlier: np.ndarray
    later: np.ndarray
    turned: np.ndarray

    @property
    def sign(self) -> np.ndarray:
        """What phase and baseline of each pair are multiplied by."""
        return np.where(self.turned, -1.0, 1.0)


def arrange(dates: Sequence[tuple[Any, Any]], paths: Sequence[Path] = ()) -> Arrangement:
    """Sort pairs (first, second) by their dates.

    Parameters
    ----------
    dates : sequence of (date, date)
        As the files name them.
    paths : sequence of Path
        These files, to name those of a pair that stands twice.

    Raises
    ------
    QtpDataError
        I18: a pair of one date; I19: a pair twice.
    """
    days = np.array(dates, "datetime64[ns]").reshape(-1, 2)
    earlier, later = days.min(axis=1), days.max(axis=1)
    names = [f"{a} {b}" for a, b in zip(earlier.astype("M8[D]"), later.astype("M8[D]"), strict=True)]
    if len(set(names)) < len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        both = "; ".join(path.name for n, path in zip(names, paths, strict=False) if n in twice[:3])
        hint = "Narrow the uri to one file a pair." if both else None
        raise QtpDataError("pair stands twice", found=twice, where=both or None, hint=hint, code="I19")
    if (earlier == later).any():
        raise QtpDataError("a pair has one date only", found=np.array(names)[earlier == later].tolist(), code="I18")
    order = np.lexsort((later, earlier)).tolist()
    return Arrangement(order, earlier[order], later[order], (days[:, 0] > days[:, 1])[order])


def dates_of(paths: Sequence[Path], expression: str = PATTERN) -> list[tuple[np.datetime64, np.datetime64]]:
    """First and second date of files, as their names or their folders give them; others are listed (I27)."""
    hint = AS_DELIVERED if expression == PATTERN else None
    matches = match_names(paths, expression, "no two dates in its name", "file of a pair of dates", hint=hint)
    return [(ymd(m["reference"], p), ymd(m["secondary"], p)) for m, p in zip(matches, paths, strict=True)]


def chosen_pairs(paths: Sequence[Path], only: Sequence[str], *, pattern: str | None = None) -> list[Path]:
    """Files of the pairs that are listed, in the files' order.

    Parameters
    ----------
    paths : sequence of path
    only : sequence of str
        Pairs by their dates, ``20180819_20180831``.
    pattern : str, optional
        Finds the dates in the names of the files.

    Raises
    ------
    QtpDataError
        I03: a pair that is listed has no file; I27: names without two dates.
    """
    asked = {frozenset(dates) for dates in dates_of([Path(name) for name in only])}
    found = [frozenset(dates) for dates in (dates_of(paths, pair_expression(pattern)) if pattern else dates_of(paths))]
    lacking = ["_".join(str(day).replace("-", "") for day in sorted(pair)) for pair in asked - {*found}]
    if lacking:
        raise QtpDataError(
            f"{len(lacking)} of {len(asked)} pairs that are listed have no file",
            where="parameters.only",
            found="without: " + ", ".join(sorted(lacking)[:5]),
            hint="Get them, or take them off the list.",
            code="I03",
        )
    return [path for path, pair in zip(paths, found, strict=True) if pair in asked]


def as_stack(
    variables: Mapping[str, xr.DataArray],
    arrangement: Arrangement,
    *,
    wavelength: float,
    baselines: Sequence[float] | np.ndarray | None = None,
    **notes: Any,
) -> xr.Dataset:
    """Stack of layers that are in order already, with the dates of its pairs.

    Parameters
    ----------
    variables : mapping
        By names of the variable table; ``phase`` among them, its sign turned already.
    arrangement : Arrangement
    wavelength : float
        m.
    baselines : sequence of float, optional
        Perpendicular baselines, m, in the files' order, second date of the file minus first.
    **notes
        Further attributes.
    """
    check_wavelength(wavelength)
    data = xr.Dataset(dict(variables))
    data = data.assign_coords({REFERENCE: (PAIR, arrangement.earlier), SECONDARY: (PAIR, arrangement.later)})
    if baselines is not None and np.isfinite(baselines).any():
        own = np.asarray(baselines, float)[arrangement.order] * arrangement.sign
        described = describe(xr.DataArray(own, dims=PAIR), "perpendicular_baseline")
        data = data.assign_coords(perpendicular_baseline=described)
    data["phase"].attrs["wavelength"] = float(wavelength)
    turned = int(arrangement.turned.sum())
    return data.assign_attrs(
        {key: value for key, value in notes.items() if value is not None},
        wavelength=float(wavelength),
        pairs_turned_round=turned,
    )


def look_vector(incidence: xr.DataArray, azimuth: xr.DataArray) -> dict[str, xr.DataArray]:
    """Find the unit vector from the ground to the satellite.

    Parameters
    ----------
    incidence : xarray.DataArray
        degree, from the vertical.
    azimuth : xarray.DataArray
        degree, of the horizontal part of the vector, from north anti-clockwise, in any turn.

    Returns
    -------
    dict of str to xarray.DataArray
        ``look_east``, ``look_north``, ``look_up``.
    """
    parts = unit_vector(incidence, azimuth)
    return {name: describe(part.astype(np.float32), name) for name, part in parts.items()}


def heading_of(azimuth: np.ndarray) -> float | None:
    """Heading of the satellite, degrees clockwise from north, 0 to 360, from azimuths as of :func:`look_vector`.

    It looks to the right, so the vector to the satellite points to the left of the flight: heading = 90 - azimuth.
    """
    known = azimuth[np.isfinite(azimuth)]
    return round(float((90.0 - np.median(known)) % 360.0), 4) if known.size else None


def orbit_of(heading: float | None) -> str | None:
    """Whether the satellite flies north (ascending) or south (descending)."""
    return None if heading is None else "ascending" if np.cos(np.deg2rad(heading)) > 0 else "descending"
