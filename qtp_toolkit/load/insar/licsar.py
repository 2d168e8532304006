"""LiCSAR: unwrapped interferograms in geographic coordinates, coherence as bytes, and what lies beside a frame."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import PAIR, QtpDataError, describe, require_option, xnp
from qtp_toolkit.load.files.checks import as_paths
from qtp_toolkit.load.files.headers import Header, headers
from qtp_toolkit.load.files.tiff import Decode, read_row
from qtp_toolkit.load.insar.convention import companion, interferograms
from qtp_toolkit.load.insar.pairs import heading_of
from qtp_toolkit.load.insar.stack import Orbit, beside, opened_from, with_orbit

LicsarLayer = Literal["incidence", "look", "elevation", "troposphere"]
_ZERO = Decode((0.0,))
_FRAME = re.compile(r"(?<!\d)\d{3}[AD]_\d{5}_\d{6}(?!\d)")
Finder = Callable[[str], list[Header]]
"""Finds the file of a frame that holds E, N, U or hgt."""


def licsar(
    phase: Sequence[Path],
    *,
    layers: Sequence[LicsarLayer] = (),
    within: Path | None = None,
    read_coherence: bool = True,
    **options: Any,
) -> xr.Dataset:
    """Open LiCSAR products: ``<pair>/<pair>.geo.unw.tif`` beside ``.geo.cc.tif`` (bytes, or 0..1).

    As the portal has them (``interferograms/<pair>``, ``metadata``, ``epochs``) or as LiCSBAS fetches them
    (``GEOC/<pair>``, the files of the frame in ``GEOC``, ``GACOS``).

    Parameters
    ----------
    phase : sequence of path
        The ``.geo.unw.tif`` files.
    layers : sequence of {"incidence", "look", "elevation", "troposphere"}
        Which maps to open beside phase and coherence: from ``*.geo.U.tif``, that with ``E`` and ``N``,
        ``*.geo.hgt.tif``, and ``<date>.sltd.geo.tif`` of both dates.
    within : path, optional
        Folder that no file of the frame is looked for outside of.
    read_coherence : bool
        Whether the coherence is opened at all.
    **options
        As for :func:`interferograms`; a coherence of 0 is no data, as LiCSAR has no other word for it, unless
        ``coherence_nodata`` says otherwise.

    Returns
    -------
    xarray.Dataset
        As :func:`interferograms`, with ``perpendicular_baseline`` (pair) from the file ``baselines``, NaN for dates
        that it lacks, and in attrs ``heading``, ``orbit_direction`` and ``overpass`` from ``metadata.txt``, where these
        files are; without it the heading from E and N. Layers asked for: ``incidence``, degree; ``look_east``,
        ``look_north``, ``look_up``; ``elevation``, m; ``tropospheric_phase`` (pair, y, x), rad, later minus earlier, to
        be subtracted. Lazy.

    Raises
    ------
    QtpDataError
        As :func:`interferograms`; I03: no file for a layer, or for a date of it; I33: pairs of several frames.

    Warns
    -----
    UserWarning
        Baselines that LiCSBAS made up for want of real ones, none beyond 1 m, are left out.

    Examples
    --------
    >>> pair = "GEOC/20180819_20180831/20180819_20180831"
    >>> phase = geotiff(f"{pair}.geo.unw.tif", np.full((2, 3), 4.0, "float32"))
    >>> coherence = geotiff(f"{pair}.geo.cc.tif", np.full((2, 3), 51, "uint8"))
    >>> round(float(load.licsar([phase])["coherence"].mean()), 3)
    0.2
    """
    phase = as_paths(phase)
    beside_phase = [companion(path, ".geo.unw", ".geo.cc") for path in phase]
    options = {"coherence_nodata": 0.0} | options
    gamma = [path for path in beside_phase if path.is_file()] if read_coherence else None
    stack = interferograms(phase, coherence=gamma, **options)
    grid, files = opened_from(stack)
    frames = _frames(files, within)
    frame = frames[0]
    orbits = [_orbit(folders) for folders in frames]
    if not np.isfinite([orbit.heading for orbit in orbits]).any():
        orbits.append(Orbit(heading=look_heading(partial(_frame_header, frame))))
    out = with_orbit(stack, orbits, producer="LiCSAR", estimated_from=None)
    out = out.assign_attrs(_direction(files[0], out.attrs.get("orbit_direction")))
    out = with_baselines(out, first_of(frame, "baselines"))
    for layer in dict.fromkeys(layers):
        require_option("layer", layer, (*GEOMETRY, "troposphere"))
        if layer == "troposphere":
            out = out.assign(_troposphere(stack, grid, frame))
        else:
            out = out.assign(GEOMETRY[layer](stack, grid, partial(_frame_header, frame)))
    return out


def frame_folders(phase: Path) -> list[Path]:
    """Folders that may hold what belongs to a whole frame: above the folder of a pair, and in ``metadata``.

    Parameters
    ----------
    phase : path
        Of one pair, in a folder of its own.
    """
    pairs = phase.absolute().parent.parent
    found = [pairs, pairs / "metadata", pairs.parent / "metadata", pairs.parent / "GACOS", pairs.parent / "epochs"]
    return [folder for folder in found if folder.is_dir()]


def _is_below(folder: Path, root: Path) -> bool:
    return folder.resolve().is_relative_to(root.resolve())


def first_of(folders: Sequence[Path], pattern: str) -> Path | None:
    """First file of a pattern in these folders, or in those of dates below them.

    Parameters
    ----------
    folders : sequence of path
    pattern : str
    """
    found = (path for folder in folders for path in sorted(folder.glob(pattern)) if path.is_file())
    return next(found, None)


def with_baselines(stack: xr.Dataset, path: Path | None) -> xr.Dataset:
    """Return the stack with perpendicular baselines from a file of four columns (reference, date, m, days) or nine.

    Parameters
    ----------
    stack : xarray.Dataset
    path : path, optional
    """
    if path is None:
        return stack
    of_date = _of_dates(list(_lengths(path.read_text(encoding="utf-8", errors="replace"))))
    if are_stand_ins(list(of_date.values()), path):
        return stack
    ends = [stack[end].values.astype("datetime64[D]").astype(str) for end in ("reference", "secondary")]
    first, second = ([of_date.get(day.replace("-", ""), np.nan) for day in days] for days in ends)
    if np.isnan(first).all() or np.isnan(second).all():
        return stack
    array = xr.DataArray(np.subtract(second, first), dims=PAIR)
    return stack.assign_coords(perpendicular_baseline=describe(array, "perpendicular_baseline"))


def are_stand_ins(lengths: Sequence[float], path: Path) -> bool:
    """Whether baselines, m, were made up by LiCSBAS where it had none (within 1 m of each other); warns of it.

    Parameters
    ----------
    lengths : sequence of float
        Of the dates, against one of them.
    path : path
        What the warning names.
    """
    far = np.abs(np.asarray(lengths, float))
    # three satellites' passes within 1 m of a fourth one, of tubes 100 m wide: one chance in a million
    if np.count_nonzero(far) < 3 or not far.max() <= 1.0:
        return False
    warnings.warn(f"no baseline in {path} exceeds 1 m: stand-ins of LiCSBAS, left out", stacklevel=4)
    return True


def _lengths(text: str) -> Iterator[tuple[str, str, float]]:
    """Date, date, and baseline of the second against the first, m; lines that say no such thing are headings."""
    for words in map(str.split, text.splitlines()):
        # numbered pairs, in nine columns, end with the baselines of both dates against the one of coregistration
        ends = {4: ((words[0], 1, 2),), 9: (("", 1, 7), ("", 2, 8))}.get(len(words), ()) if words else ()
        for first, day, length in ends:
            value = _number(words[length])
            if re.fullmatch(r"\d{8}", words[day]) and np.isfinite(value):
                yield first, words[day], value


def _of_dates(lengths: Sequence[tuple[str, str, float]]) -> dict[str, float]:
    """Baseline of each date against the first one named; dates that nothing ties to it are left out."""
    found = {lengths[0][0]: 0.0} if lengths else {}
    while True:
        more = {b: found[a] + value for a, b, value in lengths if a in found and b not in found}
        more |= {a: found[b] - value for a, b, value in lengths if b in found and a not in found}
        if not more:
            return found
        found |= more


def _direction(path: Path, said: str | None) -> dict[str, str]:
    """Direction of the orbit by the letter of the frame, where its folder has the name; metadata of another: I33."""
    frame = _FRAME.findall(str(path.absolute().parent.parent))[-1:]
    if not frame:
        return {}
    own = {"A": "ascending", "D": "descending"}[frame[0][3]]
    if said is not None and said != own:
        raise QtpDataError(
            "the heading in metadata.txt is not that of the frame",
            found=f"{said}, in {frame[0]}",
            expected=own,
            hint="Get the metadata of this frame.",
            code="I33",
        )
    return {"orbit_direction": own}


def _frames(files: Sequence[Path], within: Path | None) -> list[list[Path]]:
    """Folders of the frame, for each folder that holds pairs, the first file's first; several frames are refused."""
    of_folder = {path.absolute().parent.parent: path for path in reversed(files)}
    frames = sorted({name for folder in of_folder for name in _FRAME.findall(str(folder))[-1:]})
    if len(frames) > 1:
        raise QtpDataError(
            "pairs of several frames: each looks from elsewhere, and has baselines and angles of its own",
            found=frames,
            expected="one frame",
            hint="Open each frame as a source of its own.",
            code="I33",
        )
    return [
        [folder for folder in frame_folders(path) if within is None or _is_below(folder, within)]
        for path in reversed(of_folder.values())
    ]


def _orbit(frame: Sequence[Path]) -> Orbit:
    path = first_of(frame, "metadata.txt")
    if path is None:
        return Orbit()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    said = {key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    return Orbit(_number(said.get("heading", "")) % 360, clock_seconds(said.get("center_time", "")))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def clock_seconds(text: str) -> float:
    """Seconds of the day of H:MM:SS.ffffff, whatever follows it; NaN if it is none.

    Parameters
    ----------
    text : str
    """
    match = re.match(r"\s*(\d+):(\d+):(\d+(?:\.\d*)?)", text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else float("nan")


Maps = dict[str, xr.DataArray]


def _frame_header(frame: Sequence[Path], what: str) -> list[Header]:
    path = first_of(frame, f"*.geo.{what}.tif")
    if path is None:
        raise QtpDataError(
            f"there is no *.geo.{what}.tif of the frame",
            path=frame[0] if frame else None,
            found=[str(folder) for folder in frame],
            hint="Get it from the folder metadata of the frame, or leave the layer out.",
            code="I03",
        )
    return headers([path])


def look_heading(find: Finder) -> float:
    """Heading of a satellite that looks to the right, by the middle row of E and N; NaN where these are not.

    Parameters
    ----------
    find : callable
        Headers of the file of one part, by its letter.
    """
    try:
        (east,), (north,) = find("E"), find("N")
    except QtpDataError:
        return float("nan")
    if (east.height, east.width) != (north.height, north.width):
        return float("nan")
    parts = [read_row(header, header.height // 2).astype(float) for header in (north, east)]
    known = np.isfinite(parts).all(axis=0) & (np.abs(parts).sum(axis=0) > 0)
    heading = heading_of(np.rad2deg(np.arctan2(*parts))[known] - 90.0)
    return float("nan") if heading is None else heading


def _up(stack: xr.Dataset, grid: Header, find: Finder) -> xr.DataArray:
    # a vector from the satellite to the ground points down, which hold refuses
    up = beside(stack, grid, find("U"), _ZERO, variable="look_up", held="look_up").isel({PAIR: 0})
    return up.where((up > 0) & (up <= 1))


def _incidence(stack: xr.Dataset, grid: Header, find: Finder) -> Maps:
    angle = xnp.rad2deg(xnp.arccos(_up(stack, grid, find)))
    return {"incidence": describe(angle.astype(np.float32), "incidence")}


def _look(stack: xr.Dataset, grid: Header, find: Finder) -> Maps:
    up = _up(stack, grid, find)
    parts = {"look_up": describe(up, "look_up")}
    for name, what in (("look_east", "E"), ("look_north", "N")):
        # 0 is missing only where U is: a satellite may look due east
        part = beside(stack, grid, find(what), Decode(), variable=name).isel({PAIR: 0})
        parts[name] = describe(part.where(xnp.isfinite(up)), name)
    return parts


def _elevation(stack: xr.Dataset, grid: Header, find: Finder) -> Maps:
    height = beside(stack, grid, find("hgt"), _ZERO, variable="elevation", held="elevation")
    return {"elevation": height.isel({PAIR: 0})}


def _troposphere(stack: xr.Dataset, grid: Header, frame: Sequence[Path]) -> Maps:
    """Slant delays of the dates, which are phases already: later minus earlier."""
    parts = []
    for end in ("reference", "secondary"):
        days = [day.replace("-", "") for day in stack[end].values.astype("datetime64[D]").astype(str)]
        paths = [first_of(frame, f"{d}.sltd.geo.tif") or first_of(frame, f"{d}/{d}.sltd.geo.tif") for d in days]
        lacking = sorted({day for day, path in zip(days, paths, strict=True) if path is None})
        if lacking:
            raise QtpDataError(
                f"{len(lacking)} dates have no slant delay",
                found="; ".join(lacking[:5]),
                expected="<date>.sltd.geo.tif in GACOS or epochs",
                hint="Get them, move the pairs of these dates away (as LiCSBAS does), or leave the layer out.",
                code="I03",
            )
        found = headers([path for path in paths if path is not None])
        parts.append(beside(stack, grid, found, _ZERO, variable="tropospheric_phase"))
    return {"tropospheric_phase": describe(parts[1] - parts[0], "tropospheric_phase")}


GEOMETRY: dict[str, Callable[[xr.Dataset, Header, Finder], Maps]] = {
    "incidence": _incidence,
    "look": _look,
    "elevation": _elevation,
}
"""Layers of a frame, by what finds their files."""
