"""Pairs as those want them who make interferograms: HyP3's jobs, and ISCE2's stack processors."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._atomic import put_file
from qtp_toolkit._pairs import index_pairs, name_pairs
from qtp_toolkit.conventions import QtpDataError, require_option
from qtp_toolkit.export._blocks import replacing_all

AT_ONCE = 200
"""Jobs in a file: what is sent in one request."""
MOST_BURSTS = 15
LOOKS = ("20x4", "10x2", "5x1")
_DAY = 86400.0
_NUMBERED = re.compile(r"hyp3_jobs_\d{3,}\.json")


def hyp3_jobs(
    pairs: xr.DataArray | xr.Dataset,
    granules: pd.DataFrame,
    *,
    name: str,
    looks: Literal["20x4", "10x2", "5x1"] = "20x4",
    water_mask: bool = False,
) -> list[dict[str, Any]]:
    """Describe the pairs as jobs of HyP3: INSAR_GAMMA for scenes, INSAR_ISCE_MULTI_BURST for bursts.

    Parameters
    ----------
    pairs : xarray.DataArray or Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary``: of ``network.select_pairs``.
    granules : pandas.DataFrame
        Of ``network.read_granules``, for all dates of the pairs.
    name : str
        Of all jobs, by which they are found again; 100 characters at most.
    looks : str
        Range times azimuth: 80, 40 or (bursts only) 20 m pixels.
    water_mask : bool
        Let water be masked before unwrapping.

    Returns
    -------
    list of dict
        One job a pair and scene, or a pair and its bursts; the earlier date is the reference. Elevation and look
        vectors are asked for in the first job only: they are the same in all.

    Raises
    ------
    QtpDataError
        For dates without granules (I03), scenes of two dates that do not overlap by half, bursts that only one date
        has, several polarizations, more than 15 bursts, looks that scenes do not come in.

    Warns
    -----
    UserWarning
        Scenes of a date without one of the other date of their pair: their part of the pair is not ordered.

    Notes
    -----
    Scenes of one track are matched by their time of day: satellites come back to a place at the same second, within
    few.

    Examples
    --------
    >>> from qtp_toolkit import network
    >>> names = [f"S1_004211_IW2_{day}T234712_VV_7C85-BURST" for day in ("20180106", "20180118")]
    >>> granules = network.read_granules(names)
    >>> job = hyp3_jobs(network.select_pairs(granules["date"].unique()), granules, name="plateau")[0]
    >>> job["job_type"], job["job_parameters"]["secondary"]
    ('INSAR_ISCE_MULTI_BURST', ['S1_004211_IW2_20180118T234712_VV_7C85-BURST'])
    """
    bursts = bool(granules["place"].iloc[0])
    require_option("number of looks", looks, LOOKS if bursts else LOOKS[:2])
    if not 0 < len(name) <= 100:
        raise QtpDataError("a job needs a name", expected="1 to 100 characters", found=len(name))
    dates, first, second = index_pairs(pairs)
    of_date = {date: table for date, table in granules.groupby("date")}  # noqa: C416  (a GroupBy is no mapping)
    missing = [str(date)[:10] for date in dates if pd.Timestamp(date).normalize() not in of_date]
    if missing:
        raise QtpDataError("dates of the pairs have no granule", found=", ".join(missing), code="I03")
    tables = [of_date[pd.Timestamp(date).normalize()] for date in dates]
    shared: dict[str, Any] = {"looks": looks, "apply_water_mask": water_mask}
    jobs = []
    for pair, a, b in zip(name_pairs(pairs), first, second, strict=True):
        match = _match_bursts if bursts else _match_scenes
        jobs += [{"name": name, **job} for job in match(tables[a], tables[b], pair)]
    for job in jobs:
        job["job_parameters"] |= shared
    if not bursts:
        jobs[0]["job_parameters"] |= {"include_look_vectors": True, "include_dem": True}
    return jobs


def write_hyp3_jobs(jobs: Sequence[dict[str, Any]], folder: str | Path) -> list[Path]:
    """Write jobs as ``hyp3_jobs_001.json``, ... of 200 each: the bodies of the requests that send them.

    Files of just such names from an earlier call that are not written anew are removed: they would be sent along.

    Parameters
    ----------
    jobs : sequence of dict
        Of :func:`hyp3_jobs`.
    folder : path
        Made if need be.

    Returns
    -------
    list of pathlib.Path
    """
    parts = [list(jobs[at : at + AT_ONCE]) for at in range(0, len(jobs), AT_ONCE)]
    targets = [Path(folder) / f"hyp3_jobs_{number:03}.json" for number in range(1, len(parts) + 1)]
    with replacing_all(targets) as stages:
        for stage, part in zip(stages, parts, strict=True):
            stage.write_text(json.dumps({"jobs": part}, indent=1), encoding="utf-8")
    for path in Path(folder).glob("hyp3_jobs_*.json"):
        if _NUMBERED.fullmatch(path.name) and path not in targets:
            path.unlink()
    return targets


def pair_list(pairs: xr.DataArray | xr.Dataset, path: str | Path) -> Path:
    r"""Write pairs as text, one a line, named as folders of interferograms are: ``20180106_20180118``.

    Parameters
    ----------
    pairs : xarray.DataArray or Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary``.
    path : path

    Returns
    -------
    pathlib.Path

    Examples
    --------
    >>> from qtp_toolkit import network
    >>> pair_list(network.select_pairs([20180106, 20180118]), folder / "pairs.txt").read_text()
    '20180106_20180118\n'
    """
    index_pairs(pairs)
    lines = [name.replace("-", "").replace("/", "_") + "\n" for name in name_pairs(pairs)]
    put_file(Path(path), "".join(lines).encode())
    return Path(path)


def isce2_options(pairs: xr.DataArray | xr.Dataset, dates: Sequence | np.ndarray) -> str:
    """Say with which options ISCE2's ``stackSentinel.py`` plans all of the pairs, among others.

    It knows no list of pairs, only how many later dates each date is paired with. Annual pairs need many: take the
    others out of its run files with the list of :func:`pair_list` (docs/data.md shows how).

    Parameters
    ----------
    pairs : xarray.DataArray or Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary``.
    dates : sequence of datetime64
        All acquisitions in the folder of SLCs; those without a pair are excluded.

    Returns
    -------
    str

    Examples
    --------
    >>> from qtp_toolkit import network
    >>> days = np.array(["2018-01-06", "2018-01-18", "2018-01-30", "2018-08-11"], dtype="datetime64[D]")
    >>> isce2_options(network.select_pairs(days, windows=[(20, 30)]), days)
    '--num_connections 1 --exclude_dates 20180118,20180811'
    """
    used, first, second = index_pairs(pairs)
    days = np.unique(np.asarray(dates, dtype="datetime64[D]"))
    idle = np.setdiff1d(days, used.astype("datetime64[D]")).astype(str)
    exclude = f" --exclude_dates {','.join(day.replace('-', '') for day in idle)}" if idle.size else ""
    return f"--num_connections {(second - first).max()}{exclude}"


def _match_scenes(one: pd.DataFrame, two: pd.DataFrame, pair: str) -> list[dict[str, Any]]:
    """Jobs for the scenes of the first date, each with the one of the second that overlaps it most."""
    start = (two["start"].values[None, :] - one["start"].values[:, None]) / np.timedelta64(1, "s")
    start = (start + _DAY / 2) % _DAY - _DAY / 2  # by the time of day
    length = [(table["stop"] - table["start"]).dt.total_seconds().to_numpy() for table in (one, two)]
    stop = np.minimum(length[0][:, None], start + length[1][None, :])
    overlap = (stop - np.maximum(start, 0.0)) / np.minimum(length[0][:, None], length[1][None, :])
    best = overlap.argmax(axis=1)
    good = [(a, b) for a, b in enumerate(best) if overlap[a, b] >= 0.5]
    if not good:
        raise QtpDataError("no scenes of a pair overlap by half", where=pair, found=[*one.index, *two.index])
    _refuse_other_polarization(one, two, pair)
    used = [({a for a, _ in good}, one), ({b for _, b in good}, two)]
    alone = [table.index[k] for found, table in used for k in range(len(table)) if k not in found]
    if alone:
        warnings.warn(
            f"pair {pair}: {len(alone)} scenes have no partner of the other date, and no job: {', '.join(alone)}",
            stacklevel=3,
        )
    return [{"job_type": "INSAR_GAMMA", "job_parameters": {"granules": [one.index[a], two.index[b]]}} for a, b in good]


def _match_bursts(one: pd.DataFrame, two: pd.DataFrame, pair: str) -> list[dict[str, Any]]:
    """One job with the bursts of both dates, which must be the same, in the same order."""
    ends = [table.sort_values("place") for table in (one, two)]
    places = [table["place"].tolist() for table in ends]
    if places[0] != places[1] or len(set(places[0])) < len(places[0]):
        raise QtpDataError(
            "the dates of a pair have other bursts",
            where=pair,
            found=sorted({*places[0]} ^ {*places[1]}) or "a burst twice",
            hint="List the same bursts for all dates, or drop the date.",
        )
    if len(places[0]) > MOST_BURSTS:
        raise QtpDataError("too many bursts for a job", where=pair, expected=f"{MOST_BURSTS}", found=len(places[0]))
    _refuse_other_polarization(one, two, pair)
    names = dict(zip(("reference", "secondary"), (table.index.tolist() for table in ends), strict=True))
    return [{"job_type": "INSAR_ISCE_MULTI_BURST", "job_parameters": names}]


def _refuse_other_polarization(one: pd.DataFrame, two: pd.DataFrame, pair: str) -> None:
    found = {*one["polarization"], *two["polarization"]}
    if len(found) > 1:
        raise QtpDataError("the granules of a pair have several polarizations", where=pair, found=sorted(found))
