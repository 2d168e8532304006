"""Whose interferograms files are, told by their names where these can mean one producer only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.checks import as_paths
from qtp_toolkit.load.insar.aria import NAME

_STEM = r"^S1[A-D]{0,2}_[\w-]*\d{8}(?:T\d{6})?_\d{8}(?:T\d{6})?_\w*INT\d{2}_"


class Mark(NamedTuple):
    """What tells the phase of a producer: its name, and a file two folders up where the name alone says too little."""

    name: str
    beside: str | None = None


MARKS: dict[str, Mark] = {
    "hyp3": Mark(_STEM + r"\w*_unw_phase\w*\.tif$"),
    "aria": Mark(rf"^{NAME}.*\.nc$"),
    "licsar": Mark(r"^\d{8}_\d{8}\.geo\.unw\.tif$"),
    "licsbas": Mark(r"^\d{8}_\d{8}\.unw$", "EQA.dem_par"),
}
"""By driver. Whatever two of them could mean belongs to none."""


class Recognized(NamedTuple):
    """Driver, and the files of phase that it reads."""

    driver: str
    files: list[Path]


def recognize(paths: Sequence[Path]) -> Recognized:
    """Say which driver reads a folder of interferograms, and which of its files are the phase.

    Parameters
    ----------
    paths : sequence of path
        Files of phase, alone or among what lies beside them.

    Returns
    -------
    Recognized
        ``driver`` and ``files``, in their order. No file is opened.

    Raises
    ------
    QtpDataError
        I35: no file has a name that one producer alone gives, or there are those of several.

    Examples
    --------
    >>> names = ("20180819_20180831.geo.unw.tif", "20180819_20180831.geo.cc.tif", "baselines")
    >>> load.recognize([folder / name for name in names]).driver
    'licsar'
    """
    paths = as_paths(paths)
    found = {driver: [path for path in paths if _is_of(path, mark)] for driver, mark in MARKS.items()}
    found = {driver: files for driver, files in found.items() if files}
    if len(found) != 1:
        told = {driver: f"{len(files)} files, e.g. {files[0].name}" for driver, files in found.items()}
        raise QtpDataError(
            "interferograms of several producers" if told else "whose interferograms these are, their names do not say",
            found=told or [path.name for path in paths[:5]],
            expected=f"names of one of {sorted(MARKS)}",
            hint="Narrow the uri, or name the driver; geotiff_stack reads any GeoTIFFs with two dates in their names.",
            code="I35",
        )
    ((driver, files),) = found.items()
    return Recognized(driver, files)


def _is_of(path: Path, mark: Mark) -> bool:
    named = re.search(mark.name, path.name) is not None
    return named and (mark.beside is None or (path.parent.parent / mark.beside).is_file())
