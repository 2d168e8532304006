"""Acquisitions by the names of their Sentinel-1 granules: the calendar of an archive."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from qtp_toolkit._dates import read_time
from qtp_toolkit.conventions import QtpDataError

_SCENE = re.compile(
    r"(?P<satellite>S1[A-D])_IW_SLC__1S[SD](?P<polarization>[VH])_(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})"
    r"_(?P<orbit>\d{6})_[\dA-F]{6}_[\dA-F]{4}"
)
_BURST = re.compile(
    r"S1_(?P<place>\d{6}_IW[123])_(?P<start>\d{8}T\d{6})_(?P<polarization>[VH])(?P=polarization)_[\dA-F]{4}-BURST"
)
_COLUMNS = ("granule name", "scenename", "granule", "scene")
_LEVEL, _PATH = ("processing level", "processinglevel"), ("path number", "pathnumber")
_LEVELS = ("SLC", "BURST")
_BURST_SECONDS = 3
_PASS = pd.Timedelta(minutes=30)
"""Granules of a pass follow each other within less; the next pass of the same ground is days away."""


def read_granules(names: Iterable[str]) -> pd.DataFrame:
    """Read dates, track and place from the names of Sentinel-1 scenes or bursts, as archives list them.

    Parameters
    ----------
    names : iterable of str
        Scenes (``S1A_IW_SLC__1SDV_20180106T...``, with or without folder, ``.zip`` or ``.SAFE``) or bursts
        (``S1_136231_IW2_20200604T022312_VV_7C85-BURST``), not both; several of a date if the area needs them. Empty
        lines and repetitions do not matter. Or the lines of a CSV with a heading, as ASF's Vertex and ``asf_search``
        write it: granules from the column ``Granule Name``; what is neither SLC nor BURST by ``Processing Level`` is
        left out.

    Returns
    -------
    pandas.DataFrame
        Indexed by the granule; ``date`` is the day on which its pass began, so that a pass across midnight is one
        acquisition; ``start``, ``stop`` (UTC); ``satellite``, ``track`` (relative orbit) of scenes, of bursts where a
        CSV tells it, else 0; ``place`` (burst and swath) of bursts; ``polarization`` (V or H). Ordered by time.
        ``table["date"].unique()`` is what :func:`select_pairs` takes. ``attrs["left_out"]`` counts the rows of a CSV
        that are of other kinds.

    Raises
    ------
    QtpDataError
        For names that are neither, a CSV without a column of granules, scenes beside bursts, granules of several
        tracks (their geometries do not interfere), and one acquisition under two product ids (I19).

    Examples
    --------
    >>> names = ["S1A_IW_SLC__1SDV_20180106T234712_20180106T234739_020041_02224B_F7C1.zip"]
    >>> read_granules(names)[["date", "satellite", "track"]].values.tolist()
    [[Timestamp('2018-01-06 00:00:00'), 'S1A', 19]]
    """
    listed, left_out = _listed([name for name in names if name.strip()])
    paths = {_stem(name): path for name, path in listed}
    found = {name: _SCENE.fullmatch(name) or _BURST.fullmatch(name) for name in sorted(paths)}
    strange = [name for name, match in found.items() if match is None]
    rows = {name: _row(match.groupdict(), paths[name]) for name, match in found.items() if match is not None}
    if strange or not rows:
        raise QtpDataError(
            "names that are no Sentinel-1 granules of the wide swath",
            found=", ".join(strange[:5]) or "none",
            expected="S1A_IW_SLC__1SDV_20180106T..., or S1_136231_IW2_20200604T022312_VV_7C85-BURST",
        )
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("granule").sort_values(["start", "place"])
    scenes = int(table["place"].eq("").sum())
    if 0 < scenes < len(table):
        raise QtpDataError("scenes and bursts in one list", found=f"{scenes} scenes of {len(table)} granules")
    tracks = table["track"].unique()
    if len(tracks) > 1:
        raise QtpDataError("granules of several tracks", found=sorted(tracks.tolist()), expected="one relative orbit")
    _refuse_twice(table)
    begins = table["start"].diff().gt(_PASS) | (np.arange(len(table)) == 0)
    table.attrs["left_out"] = left_out
    table.insert(0, "date", table["start"].where(begins).ffill().dt.normalize())
    return table


def _refuse_twice(table: pd.DataFrame) -> None:
    """Refuse one acquisition under several product ids, as an archive has that processed it again: two jobs of one."""
    same = table.duplicated(["satellite", "place", "start", "stop", "polarization"], keep=False)
    if same.any():
        raise QtpDataError(
            "one acquisition stands under several product ids",
            found=", ".join(table.index[same][:6]),
            expected="one of each",
            hint="Keep the one that was processed last.",
            code="I19",
        )


def _stem(name: str) -> str:
    """Name of a granule without folder and ending."""
    return re.sub(r"\.(zip|SAFE)$", "", name.strip().strip('"').replace("\\", "/").rpartition("/")[2])


def _listed(lines: list[str]) -> tuple[list[tuple[str, int]], int]:
    """Names with their tracks (0 if unknown) of a list or of a CSV, and how many rows of the CSV are of other kinds."""
    mark = next((mark for mark in ",;\t" if lines and mark in lines[0]), None)
    if mark is None:
        alone = bool(lines) and lines[0].strip('"\ufeff ').lower() in _COLUMNS  # a heading over names
        return [(line, 0) for line in lines[alone:]], 0
    head, *rows = csv.reader(lines, delimiter=mark)
    places = {title.strip().strip("\ufeff").lower(): at for at, title in reversed([*enumerate(head)])}
    name, level, path = (next((places[t] for t in titles if t in places), None) for titles in (_COLUMNS, _LEVEL, _PATH))
    if name is None:
        raise QtpDataError(
            "a table without a column of granules",
            expected="Granule Name, as in the CSV of ASF's Vertex and asf_search",
            found=", ".join(head[:8]),
        )
    short = [number for number, row in enumerate(rows, 2) if len(row) < len(head)]
    if short:
        raise QtpDataError(
            "rows of the table are cut short", where=f"line {short[0]}", expected=f"{len(head)} cells", code="M03"
        )
    kept = [row for row in rows if level is None or row[level].strip().upper() in _LEVELS]
    tracks = [row[path].strip() if path is not None else "" for row in kept]
    return [(row[name], int(t) if t.isdigit() else 0) for row, t in zip(kept, tracks, strict=True)], len(rows) - len(
        kept
    )


def _row(part: dict[str, str], path: int) -> dict[str, object]:
    start = pd.Timestamp(read_time(part["start"]))
    stop = pd.Timestamp(read_time(part["stop"])) if "stop" in part else start + pd.Timedelta(seconds=_BURST_SECONDS)
    satellite = part.get("satellite", "")
    track = _track(satellite, int(part["orbit"])) if satellite else path
    about = {"satellite": satellite, "track": track, "place": part.get("place", "")}
    return {"start": start, "stop": stop, **about, "polarization": part["polarization"]}


def _track(satellite: str, orbit: int) -> int:
    """Relative orbit of an absolute one; Sentinel-1C was moved after orbit 8018."""
    begin = {"S1A": 73, "S1B": 202, "S1C": 172 if orbit <= 8018 else 99, "S1D": 42}[satellite]
    return (orbit - begin) % 175 + 1
