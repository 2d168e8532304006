"""The calendar of composites: doubles, gaps, and putting Terra and Aqua on one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError


class Composite(NamedTuple):
    """One file (or one time step of a file) of one composite."""

    start: np.datetime64
    path: Path
    item: Any
    stamp: str
    """Production date of the granule, sortable; empty if unknown."""


def arrange(
    found: Sequence[Composite], sensor: str, *, days: int, duplicates: str, max_gap: int
) -> tuple[list[Composite], dict[str, Any]]:
    """Composites in order of time, one each, with their gaps counted.

    Parameters
    ----------
    found : sequence of Composite
    sensor : str
        For messages and attrs.
    days : int
        Length of a composite; the series restarts every 1 January.
    duplicates : {"error", "newest"}
    max_gap : int
        Longest run of missing composites that is let through.

    Returns
    -------
    list of Composite
    dict
        ``missing_composites_<sensor>`` (count) and ``missing_dates_<sensor>``.

    Raises
    ------
    QtpDataError
        M02: a composite twice; M01: a gap longer than ``max_gap``.
    """
    kept: dict[np.datetime64, Composite] = {}
    double = []
    for item in sorted(found, key=lambda c: (c.start, c.stamp, str(c.path))):
        if item.start in kept:
            double.append(f"{item.start.astype('datetime64[D]')}: {kept[item.start].path.name} and {item.path.name}")
        kept[item.start] = item
    if double and duplicates != "newest":
        raise QtpDataError(
            f"{sensor} has a composite twice; " + "; ".join(double), code="M02",
            hint="Move one of each away, or set parameters.duplicates: newest.",
        )  # fmt: skip
    dates = np.array(list(kept), dtype="datetime64[D]")
    missing = [day for day in calendar(dates[0], dates[-1], days) if day not in set(dates.tolist())]
    _refuse_long_gaps(dates, missing, sensor, days=days, max_gap=max_gap)
    notes = {
        f"missing_composites_{sensor}": len(missing),
        f"missing_dates_{sensor}": ", ".join(str(day) for day in missing),
    }
    return list(kept.values()), notes


def calendar(first: np.datetime64, last: np.datetime64, days: int) -> list[Any]:
    """First days of all composites from ``first`` to ``last``: every ``days`` days, starting anew each 1 January."""
    out = []
    for year in range(
        first.astype("datetime64[Y]").astype(int) + 1970, last.astype("datetime64[Y]").astype(int) + 1971
    ):
        start, end = np.datetime64(f"{year}-01-01"), np.datetime64(f"{year + 1}-01-01")
        steps = np.arange(start, end, np.timedelta64(days, "D"))
        out += [day for day in steps.tolist() if first.tolist() <= day <= last.tolist()]
    return out


def _refuse_long_gaps(dates: np.ndarray, missing: list[Any], sensor: str, *, days: int, max_gap: int) -> None:
    if not missing:
        return
    everything = calendar(dates[0], dates[-1], days)
    absent = set(missing)
    run: list[Any] = []
    longest: list[Any] = []
    for day in everything:
        run = [*run, day] if day in absent else []
        longest = run if len(run) > len(longest) else longest
    if len(longest) > max_gap:
        raise QtpDataError(
            f"{sensor} lacks {len(longest)} composites in a row", expected=f"at most {max_gap} (max_gap)",
            found=f"{longest[0]} to {longest[-1]} missing; {len(missing)} missing in all", code="M01",
            hint="Download them, or raise parameters.max_gap: the harmonic fit then bridges the gap.",
        )  # fmt: skip


def merge_sensors(parts: Mapping[str, xr.Dataset], *, fill: Mapping[str, int]) -> xr.Dataset:
    """Put sensors on one time axis: temperatures NaN and quality ``fill`` where a sensor has no composite.

    Parameters
    ----------
    parts : mapping of sensor to Dataset
        Variables day, night, qc_day, qc_night (time, y, x) on one grid.
    fill : mapping
        ``qc``: quality byte of a composite that is not there.

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
        _refuse_unlike(template, part, sensor)
        part = part.assign_coords(y=template.y, x=template.x)  # noqa: PLW2901
        attrs |= part.attrs
        names = {n: f"qc_{sensor}_{n[3:]}" if n.startswith("qc") else f"{sensor}_{n}" for n in part.data_vars}
        for name, new in names.items():
            array = part[name]
            if len(times) != part.sizes[TIME]:
                filled = fill["qc"] if name.startswith("qc") else np.nan
                array = array.reindex({TIME: times}, fill_value=array.dtype.type(filled))
            out[new] = array
    order = sorted(out, key=lambda name: name.startswith("qc"))
    return xr.Dataset({name: out[name] for name in order}).assign_attrs(attrs)


def _refuse_unlike(template: xr.Dataset, part: xr.Dataset, sensor: str) -> None:
    for dim in ("y", "x"):
        a, b = template[dim].to_numpy(), part[dim].to_numpy()
        step = abs(a[1] - a[0]) if len(a) > 1 else 1.0
        if len(a) != len(b) or np.abs(a - b).max() > 1e-3 * step:
            raise QtpDataError(
                f"{sensor} lies on another grid than the first sensor", variable=dim, code="I06",
                expected=f"{len(a)} from {a[0]:.6f}", found=f"{len(b)} from {b[0]:.6f}",
                hint="Order both in one AppEEARS task.",
            )  # fmt: skip
