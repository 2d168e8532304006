"""The calendar of composites: which sensors and collections, doubles, gaps, and Terra and Aqua on one time axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, X, Y

_LISTED = 10
"""Doubles that an error lists."""


class Composite(NamedTuple):
    """One file (or one time step of a file) of one composite."""

    start: np.datetime64
    path: Path
    item: Any
    """What the reader of the format needs to open it."""
    stamp: str = ""
    """Production date, sortable; empty if unknown."""
    sensor: str = ""
    product: str = ""
    """Short name without MOD or MYD."""
    collection: str = ""
    part: str = ""
    """Tile or layer, where a composite comes in several files."""


def choose(
    found: Sequence[Composite], sensors: Sequence[str] | None, *, mixed_collections: bool
) -> dict[str, list[Composite]]:
    """Composites by sensor; only the sensors that were asked for.

    Parameters
    ----------
    found : sequence of Composite
    sensors : sequence of {"terra", "aqua"}, optional
        Those that must be there; by default those that are.
    mixed_collections : bool
        Whether collections 006 and 061 may stand side by side.

    Raises
    ------
    QtpDataError
        M21: a sensor without files; M26: mixed collections, or products of unlike grid or calendar.
    """
    present = sorted({c.sensor for c in found}, reverse=True)
    wanted = list(sensors) if sensors else present
    groups = {sensor: [c for c in found if c.sensor == sensor] for sensor in wanted}
    absent = [sensor for sensor, group in groups.items() if not group]
    if absent:
        raise QtpDataError(
            f"no files of {' and '.join(absent)}",
            expected=wanted,
            found=present,
            path=found[0].path.parent,
            code="M21",
            hint="Get them, or set parameters.sensors to those you have: the daily mean then needs coefficients.",
        )
    used = [c for group in groups.values() for c in group]
    _refuse_mixture("product", used, "Narrow the uri to one of them.")
    if not mixed_collections:
        hint = "Move one collection away, or set parameters.mixed_collections: true."
        _refuse_mixture("collection", used, hint)
    return groups


def _refuse_mixture(kind: str, used: Sequence[Composite], hint: str) -> None:
    example = {getattr(c, kind): c.path.name for c in used}
    if len(example) > 1:
        found = "; ".join(f"{value}: e.g. {name}" for value, name in sorted(example.items()))
        raise QtpDataError(f"files of different {kind}s are mixed", expected="one", found=found, hint=hint, code="M26")


def settle(
    groups: Mapping[str, Sequence[Composite]],
    *,
    days: int,
    duplicates: str,
    max_gap: int | None,
    same: Callable[[Composite, Composite], bool] | None = None,
) -> tuple[dict[str, list[Composite]], dict[str, Any]]:
    """Put each sensor's composites in order of time, one each, and count what is missing and what was dropped.

    Parameters
    ----------
    groups : mapping of sensor to composites
    days : int
        Length of a composite; the series restarts every 1 January.
    duplicates : {"error", "newest"}
        What to do with two files of one composite; newest goes by the production date.
    max_gap : int, optional
        Longest run of missing composites that is let through; by default any.
    same : callable, optional
        Whether two hold the same values, so that one of them is enough, whatever ``duplicates`` says.

    Returns
    -------
    dict
        Sensor to composites, sorted by start.
    dict
        By sensor ``composites_`` (how many dates it has), ``missing_composites_`` (dates between the first and the
        last of all sensors that lack at least one tile or layer), ``missing_dates_``, ``duplicates_dropped_``.

    Raises
    ------
    QtpDataError
        M02: a composite twice; M01: a gap longer than ``max_gap``.
    """
    starts = [c.start for group in groups.values() for c in group]
    span = min(starts), max(starts)
    kept: dict[str, list[Composite]] = {}
    notes: dict[str, Any] = {}
    for sensor, group in groups.items():
        parts: dict[str, list[Composite]] = {}
        for composite in group:
            parts.setdefault(composite.part, []).append(composite)
        single = {
            part: _one_each(some, f"{sensor} {part}".strip(), duplicates, same) for part, some in sorted(parts.items())
        }
        missing = {
            part: _missing(some, span, f"{sensor} {part}".strip(), days=days, max_gap=max_gap)
            for part, some in single.items()
        }
        kept[sensor] = sorted((c for some in single.values() for c in some), key=lambda c: (c.start, c.part))
        anywhere = sorted({day for absent in missing.values() for day in absent})
        notes |= {
            f"composites_{sensor}": len({c.start for c in kept[sensor]}),
            f"missing_composites_{sensor}": len(anywhere),
            f"missing_dates_{sensor}": ", ".join(map(str, anywhere)),
            f"duplicates_dropped_{sensor}": len(group) - len(kept[sensor]),
        }
        if len({tuple(absent) for absent in missing.values()}) > 1:
            notes |= {
                f"missing_dates_{sensor}_{part}": ", ".join(map(str, lost)) for part, lost in missing.items() if lost
            }
    return kept, notes


def _one_each(
    found: Sequence[Composite], label: str, duplicates: str, same: Callable[[Composite, Composite], bool] | None
) -> list[Composite]:
    kept: dict[np.datetime64, Composite] = {}
    double, undecided = [], []
    for item in sorted(found, key=lambda c: (c.start, c.stamp, str(c.path))):
        before = kept.get(item.start)
        if before is not None and same is not None and same(before, item):
            continue
        if before is not None:
            text = f"{item.start.astype('datetime64[D]')}: {before.path.name} and {item.path.name}"
            double.append(text)
            undecided += [text] if not before.stamp or before.stamp == item.stamp else []
        kept[item.start] = item
    if double and duplicates != "newest":
        raise QtpDataError(
            f"{label} has a composite twice; " + _listed(double),
            code="M02",
            hint="Order it again without the overlap: the values differ."
            if same
            else "Move one of each away, or set parameters.duplicates: newest.",
        )
    if undecided:
        raise QtpDataError(
            f"{label} has a composite twice, and no production date tells which is newer; " + _listed(undecided),
            code="M02",
            hint="Order it again without the overlap: the values differ." if same else "Move one of each away.",
        )
    return list(kept.values())


def _listed(texts: Sequence[str]) -> str:
    return "; ".join(texts[:_LISTED]) + (f"; ... {len(texts)} in all" if len(texts) > _LISTED else "")


def calendar(starts: np.ndarray, span: tuple[np.datetime64, np.datetime64], days: int) -> list[Any]:
    """First days of all composites of a calendar: every ``days`` days, starting anew each year.

    Parameters
    ----------
    starts : numpy.ndarray
        First days; the first of them tells how many days after 1 January the calendar begins: 8 for the 16-day products
        of Aqua.
    span : (datetime64, datetime64)
        First and last day.
    days : int
    """
    first, last = (day.astype("datetime64[D]") for day in span)
    phase = _days_into_year(starts[0]) % days  # the 16 days of Aqua begin 8 days after those of Terra
    every = np.arange(first, last + 1)
    into_year = _days_into_year(every)
    return every[(into_year >= phase) & ((into_year - phase) % days == 0)].tolist()


def _days_into_year(dates: np.ndarray) -> np.ndarray:
    dates = dates.astype("datetime64[D]")
    return (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)


def missing_dates(starts: np.ndarray, days: int) -> list[Any]:
    """First days that the calendar of composites has between the first and the last of ``starts``, and it lacks."""
    here = set(starts.astype("datetime64[D]").tolist())
    return [day for day in calendar(starts, (starts.min(), starts.max()), days) if day not in here]


def _missing(
    kept: Sequence[Composite], span: tuple[np.datetime64, np.datetime64], label: str, *, days: int, max_gap: int | None
) -> list[Any]:
    starts = np.array([c.start for c in kept])
    here = set(starts.astype("datetime64[D]").tolist())
    runs = [(there, list(run)) for there, run in groupby(calendar(starts, span, days), key=here.__contains__)]
    gaps = [run for there, run in runs if not there]
    missing, longest = [day for gap in gaps for day in gap], max(gaps, key=len, default=[])
    if max_gap is not None and len(longest) > max_gap:
        listed = ", ".join(map(str, missing[:20])) + (", ..." if len(missing) > 20 else "")
        raise QtpDataError(
            f"{label} lacks {len(longest)} composites in a row",
            expected=f"at most {max_gap} (max_gap)",
            found=f"{longest[0]} to {longest[-1]} missing; {len(missing)} missing in all: {listed}",
            code="M01",
            hint="Download them, or raise parameters.max_gap: the harmonic fit then bridges the gap.",
        )
    return missing


def merge_sensors(parts: Mapping[str, xr.Dataset], *, no_quality: int) -> xr.Dataset:
    """Put sensors on one time axis: temperatures NaN and quality ``no_quality`` where a sensor has no composite.

    Parameters
    ----------
    parts : mapping of sensor to Dataset
        Variables day, night, qc_day, qc_night, view_time_day ... (time, y, x) on one grid.
    no_quality : int
        Quality byte of a composite that is not there.

    Returns
    -------
    xarray.Dataset
        Variables ``<sensor>_day`` ... and ``qc_<sensor>_day`` ...; lazy.

    Raises
    ------
    QtpDataError
        I06: if the sensors lie on different grids.
    """
    times = np.unique(np.concatenate([part[TIME].to_numpy() for part in parts.values()]))
    template = next(iter(parts.values()))
    out: dict[str, xr.DataArray] = {}
    attrs: dict[str, Any] = {}
    for sensor, part in parts.items():
        refuse_unlike(template, part, sensor)
        part = part.assign_coords({Y: template[Y], X: template[X]})  # noqa: PLW2901
        attrs |= part.attrs
        names = {name: _of_sensor(name, sensor) for name in map(str, part.data_vars)}
        for name, new in names.items():
            array = part[name]
            if len(times) != part.sizes[TIME]:
                filled = no_quality if name.startswith("qc") else np.nan
                array = array.reindex({TIME: times}, fill_value=array.dtype.type(filled))
            out[new] = array
    order = sorted(out, key=lambda name: name.startswith("qc"))
    return xr.Dataset({name: out[name] for name in order}).assign_attrs(attrs)


def _of_sensor(role: str, sensor: str) -> str:
    """Name of a variable: the sensor stands before the part of the day, ``qc_terra_day``."""
    kind, _, part = role.rpartition("_")
    return f"{kind}_{sensor}_{part}".removeprefix("_")


def refuse_unlike(template: xr.Dataset, part: xr.Dataset, label: str) -> None:
    """Raise if two grids differ by more than a thousandth of a pixel: their pixels would be paired by position.

    Parameters
    ----------
    template, part : xarray.Dataset
    label : str
        What ``part`` is, for the message.
    """
    for dim in (Y, X):
        a, b = template[dim].to_numpy(), part[dim].to_numpy()
        step = abs(a[1] - a[0]) if len(a) > 1 else 1.0
        if len(a) != len(b) or np.abs(a - b).max() > 1e-3 * step:
            raise QtpDataError(
                f"{label} lies on another grid than the first",
                variable=dim,
                code="I06",
                expected=f"{len(a)} from {a[0]:.6f}",
                found=f"{len(b)} from {b[0]:.6f}",
                hint="Load areas one by one, give all the same tiles, or order them in one AppEEARS task.",
            )
