"""Whose interferograms files are, told by their names where these can mean one producer only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.checks import as_paths, unpacked
from qtp_toolkit.load.insar.aria import NAME
from qtp_toolkit.load.insar.convention import PATTERN

_STEM = r"^S1[A-D]{0,2}_[\w-]*\d{8}(?:T\d{6})?_\d{8}(?:T\d{6})?_\w*INT\d{2}_"


class Mark(NamedTuple):
    """What tells the phase of a producer: its name, and where the name alone says too little, where it lies.

    ``folder`` is what its folder is called, ``beside`` a file or folder (one of several) so many folders ``up``;
    ``single`` is for producers whose one file is the whole stack.
    """

    name: str
    folder: str = ""
    beside: tuple[str, ...] = ()
    up: int = 2
    single: bool = False


MARKS: dict[str, Mark] = {
    "hyp3": Mark(_STEM + r"\w*_unw_phase\w*(?i:\.tif)$"),
    "aria": Mark(rf"^{NAME}.*\.nc$"),
    "aria_tools": Mark(r"^\d{8}_\d{8}$", folder="unwrappedPhase"),
    "licsar": Mark(r"^\d{8}_\d{8}\.geo\.unw(?i:\.tif)$"),
    "gmtsar": Mark(r"^unwrap\w*_ll\.grd$"),
    "licsbas": Mark(r"^\d{8}_\d{8}\.unw$", beside=("EQA.dem_par",)),
    "isce2": Mark(
        r"^(?:filt_fine|filt_\d{8}_\d{8}|(?:filt_)?\d{8}_\d{8}_(?:snaphu(?:2stage)?|icu))\.unw$",
        beside=("geom_reference", "geom_master"),
        up=3,
    ),
    "mintpy": Mark(r"^(?:geo_)?ifgramStack\.h5$", single=True),
    "opera_disp": Mark(r"^OPERA_L3_DISP-S1_IW_F\d{5}_(?:VV|HH)_.*\.nc$"),
}
"""By driver. Whatever two of them could mean belongs to none. A series of displacement (OPERA) is recognized, too: what
opens it says where it belongs."""
_LATER: tuple[dict[str, str], ...] = (
    {"mintpy": r"^(?:geo_)?timeseries\w*\.h5$", "licsbas_series": r"^cum(?:_filt)?\.h5$"},
    {"mintpy": r"^(?:geo_)?velocity\w*\.h5$"},
    {"mintpy": r"^(?:geo_)?geometry(?:Geo|Radar)\.h5$"},
)
"""What is made of interferograms, for folders without any: series, else rates, else geometry."""


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
        I35: no file has a name that one producer alone gives, there are those of several, or several files each of
        which is a whole stack, or several stacks of ISCE2 or frames of OPERA: the candidates are named.

    Examples
    --------
    >>> names = ("20180819_20180831.geo.unw.tif", "20180819_20180831.geo.cc.tif", "baselines")
    >>> load.recognize([folder / name for name in names]).driver
    'licsar'
    """
    paths = as_paths(paths)
    found = {driver: [path for path in paths if _is_of(path, mark)] for driver, mark in MARKS.items()}
    found = {driver: files for driver, files in found.items() if files}
    for later in _LATER:
        if not found:
            made = {driver: [p for p in paths if re.search(name, p.name)] for driver, name in later.items()}
            found = {driver: files for driver, files in made.items() if files}
    if len(found) != 1:
        told = {driver: f"{len(files)} files, e.g. {files[0].name}" for driver, files in found.items()}
        raise QtpDataError(
            "interferograms of several producers" if told else "whose interferograms these are, their names do not say",
            found=told or [path.name for path in paths[:5]],
            expected=f"names of one of {sorted({*MARKS, 'licsbas_series'})}",
            hint=unpacked(paths) or f"Narrow the uri, or name the driver{_any_geotiff(paths)}.",
            code="I35",
        )
    ((driver, files),) = found.items()
    stacks = sorted({_stack_of(path, driver) for path in files})
    if len(stacks) > 1:
        raise QtpDataError(
            f"{len(stacks)} stacks of {driver}, and nothing says which one is meant",
            found=stacks[:6],
            expected="the files of one",
            hint="Narrow the uri to one of them.",
            code="I35",
        )
    return Recognized(driver, files)


def _any_geotiff(paths: Sequence[Path]) -> str:
    """Say what reads GeoTIFFs of any producer, where there are some that it can read."""
    dated = any(
        path.suffix.lower() in (".tif", ".tiff") and re.search(PATTERN, f"{path.parent.name}/{path.name}")
        for path in paths
    )
    return "; geotiff_stack reads any GeoTIFFs with two dates in their names" if dated else ""


def _is_of(path: Path, mark: Mark) -> bool:
    if re.search(mark.name, path.name) is None or mark.folder not in ("", path.absolute().parent.name):
        return False
    folders = list(path.absolute().parents)[mark.up - 1 : mark.up]
    return not mark.beside or any((folder / name).exists() for folder in folders for name in mark.beside)


def _stack_of(path: Path, driver: str) -> str:
    """Tell the stacks of a producer apart that are never opened as one."""
    if driver not in MARKS or MARKS[driver].single:
        return str(path)
    if driver == "opera_disp":
        return path.name[: path.name.index("_F") + 7]  # with the number of the frame
    return str(path.absolute().parents[1]) if driver == "isce2" else driver
