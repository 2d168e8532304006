"""Folders of a stack of ISCE2: where geometry, baselines and metadata lie, and what the last two say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, QtpDataError
from qtp_toolkit.load.files.raw import properties, rsc, xml_root
from qtp_toolkit.load.insar.stack import clock_of

_AVERAGE = re.compile(r"^\s*Bperp\s*\(average\)\s*:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_ENDS = re.compile(r"^\s*PERP_BASELINE_(?:TOP|BOTTOM)\s+(\S+)", re.MULTILINE)


class Folders(NamedTuple):
    """Where a stack keeps what belongs to its pairs; None for what is not there."""

    geometry: Path | None
    baselines: Path | None
    metadata: tuple[Path, ...]
    striped: bool
    """Whether it is of stripmapStack."""


def folders_of(phase: Path) -> Folders:
    """Folders of a stack, by the path of the unwrapped phase of one pair.

    ``merged/interferograms/<pair>/`` (topsStack) has ``merged/geom_reference``, ``baselines`` and ``reference`` beside;
    ``Igrams/<pair>/`` (stripmapStack) ``geom_reference`` and ``baselines``. Former spellings (master) count.
    """
    base = phase.absolute().parents[2]
    striped = phase.absolute().parents[1].name.lower() == "igrams"
    top = base if striped else base.parent
    geometry = [base / name for name in ("geom_reference", "geom_master") if (base / name).is_dir()]
    known = [p for folder in ("reference", "master") for p in sorted((top / folder).glob("IW*.xml"))]
    known += [phase.with_name(phase.name + ".rsc"), top / "reference" / "data.rsc"]
    known += sorted(top.glob("merged/SLC/*/referenceShelve/data.rsc"))[:1]  # of stripmaps, where MintPy made it
    baselines = top / "baselines"
    return Folders(
        geometry[0] if geometry else None,
        baselines if baselines.is_dir() else None,
        tuple(path for path in known if path.is_file()),
        striped,
    )


def coherence_beside(phase: Path) -> Path:
    """Path of the coherence of a pair: ``filt_fine.cor`` of ``filt_fine.unw``, without what unwrapped it."""
    name = re.sub(r"(_snaphu2stage|_snaphu|_icu)?\.unw$", ".cor", phase.name)
    return phase.with_name(name if name != phase.name else phase.name + ".cor")


def isce2_files(phase: Path) -> list[Path]:
    """Files outside the folder of a pair that its stack may read, for a look that they lie below the root."""
    where = folders_of(phase)
    folders = [folder for folder in (where.geometry, where.baselines) if folder is not None]
    return [*where.metadata, *folders, *(path for folder in folders for path in folder.rglob("*"))]


def metadata(where: Folders) -> dict[str, Any]:
    """Wavelength, direction of the orbit and time of the overpass, from the first file that tells the wavelength."""
    for path in where.metadata:
        root = xml_root(path) if path.suffix == ".xml" else None
        said = properties(root) if root is not None else {k.lower().replace("_", ""): v for k, v in rsc(path).items()}
        value = said.get("radarwavelength", said.get("wavelength"))
        if value is None or not _is_number(value):
            continue
        start = said.get("burststartutc", said.get("sensingstart", said.get("startutc", "")))
        middle = said.get("centerlineutc", "")  # seconds of the day, by MintPy
        clock = re.search(r"\d{2}:\d{2}:\d{2}", start)
        overpass = clock[0] if clock else clock_of(float(middle)) if _is_number(middle) else None
        orbit = said.get("passdirection", said.get("orbitdirection", "")).lower() or None
        return {"wavelength": float(value), "orbit_direction": orbit, "overpass": overpass}
    return {}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def wavelength_of(where: Folders) -> float:
    """Wavelength of Sentinel-1, which topsStack is for; stripmapStack is for all others, and nothing says which."""
    if where.striped:
        hint = "Set parameters.wavelength."
        raise QtpDataError("nothing tells the wavelength of a stripmap stack", hint=hint, code="I15")
    return SENTINEL1_WAVELENGTH


def baselines_of(where: Folders, dates: Sequence[tuple[np.datetime64, np.datetime64]]) -> list[float] | None:
    """Perpendicular baseline of each pair, m, second date minus first; NaN where the folder has none of them.

    Files count that tell dates against one and the same reference, that of most of them.
    """
    if where.baselines is None:
        return None
    against: dict[str, dict[str, float]] = defaultdict(dict)
    for path in sorted(where.baselines.rglob("*.txt")):
        match = re.fullmatch(r"(\d{8})_(\d{8})", path.stem)
        found = [float(v) for v in (_ENDS if where.striped else _AVERAGE).findall(_text(path)) if _is_number(v)]
        if match and found:
            against[match[1]] |= {match[1]: 0.0, match[2]: float(np.mean(found))}
    known = max(against.values(), key=len, default={})
    names = [[str(day).replace("-", "") for day in pair] for pair in dates]
    return [known.get(second, np.nan) - known.get(first, np.nan) for first, second in names]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
