"""What makes a file unreadable or unwanted, told of all files at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qtp_toolkit.conventions import QtpDataError

_HINTS = {
    "I27": "Set parameters.pattern to the way in which your files (or their folders) write their dates.",
    "I18": "Move them away; or set parameters.pattern, if the pair stands elsewhere in their names.",
    "I11": "Give the unwrapped phase in rad.",
    "I12": "Give the unwrapped phase in rad.",
    "M12": "A quality byte that was saved as decimals reads NaN as good; get the original.",
    "M19": "Rename the files as they were delivered, or get them again.",
    "M26": "Rename the files as they were delivered, or get them again.",
    "M27": "Get the products or layers that are expected.",
    "S02": "Mend parameters.version, or narrow the uri.",
}
_OTHERS = {
    b"GRIB": "GRIB",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"\x0e\x03\x13\x01": "HDF4",
    b"\x89HDF": "HDF5 (or NetCDF-4)",
    b"CDF": "NetCDF-3",
}
"""What files are by their first bytes."""
_ANOTHER = "which another driver reads"

_LISTED = 5
AS_DELIVERED = "Narrow the uri to such files, or give them back the names under which they were delivered."
"""What to do about a name, where no setting says how dates are written."""


def refuse_bad(bad: Sequence[tuple[Path, str]], what: str, *, total: int, code: str, hint: str | None = None) -> None:
    """Raise one error that lists every bad file, if there is one; a few if none is good.

    Parameters
    ----------
    bad : sequence of (path, reason)
    what : str
        What the files should have been.
    total : int
        How many files there are in all.
    code : str
        Code of the fault.
    hint : str, optional
        What to do, where it is not what goes with the code.
    """
    if not bad:
        return
    listed = told_of([f"{path}: {reason}" for path, reason in bad], total=total)
    otherwise = "move them away; the other files are fine" if len(bad) < total else "narrow the uri to other files"
    if hint is None and all(_ANOTHER in reason for _, reason in bad):
        hint = "Name the driver that reads them, or narrow the uri."
    raise QtpDataError(
        f"{len(bad)} of {total} files are no {what}: {listed}",
        path=bad[0][0] if len(bad) == 1 else bad[0][0].parent,
        hint=hint or _HINTS.get(code, f"Download them again, or {otherwise}."),
        code=code,
    )


def told_of(bad: Sequence[str], *, total: int) -> str:
    """Join what is to be mended: all of it, but a few, with the number of the others, where nothing is good.

    Parameters
    ----------
    bad : sequence of str
        One a file, or a pair.
    total : int
        How many there are in all. If all of them are bad it is the uri, or a pattern, that fits nothing.
    """
    return few(bad) if len(bad) >= total else "; ".join(bad)


def few(texts: Sequence[str]) -> str:
    """Join the first of many texts, and say how many more there are."""
    return "; ".join(texts[:_LISTED]) + (f"; and {len(texts) - _LISTED} more" if len(texts) > _LISTED else "")


def as_paths(paths: Iterable[Path | str] | Path | str) -> list[Path]:
    """Paths as a list, also of one alone or of what can be gone through only once."""
    return [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]


def first_bytes_problem(path: Path, magics: Sequence[bytes], kind: str) -> str | None:
    """Why a file cannot be of the kind, told from its size and first bytes; None if it can."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if size == 0:
        return "zero bytes on disk"
    return None if any(head.startswith(magic) for magic in magics) else _what_else(head, size, kind)


def _what_else(head: bytes, size: int, kind: str) -> str:
    """Say what a file is that is not of the kind."""
    text = head.lstrip()[:40].decode("latin-1", "replace")
    if text[:1] == "<":
        return f"not {kind}; starts with {text[:15]!r}: a login or error page saved as data? ({size} bytes)"
    if head.startswith(b"PK\x03\x04"):
        return f"not {kind} but a zip archive: unpack it ({size} bytes)"
    if known := next((name for magic, name in _OTHERS.items() if head.startswith(magic)), None):
        return f"not {kind} but {known}, {_ANOTHER} ({size} bytes)"
    return f"not {kind}; starts with {head[:4].hex()} ({size} bytes)"


def unpacked(paths: Sequence[Path]) -> str | None:
    """Say what to do with the archives among the files; None if there is none."""
    packed = [path.name for path in paths if path.suffix.lower() in (".zip", ".gz", ".tgz", ".tar", ".7z", ".rar")]
    return f"Unpack the archives ({packed[0]} is one): readers open what is in them." if packed else None


def names_entities(text: bytes) -> bool:
    """Whether XML, in any encoding, declares a document type or entities: these may stand for gigabytes or files."""
    plain = text.replace(b"\0", b"").upper()
    return b"<!DOCTYPE" in plain or b"<!ENTITY" in plain


def no_duplicates(keys: Iterable[Any], paths: Iterable[Path], what: str, code: str) -> None:
    """Raise if two files have the same key; names both, of the first keys."""
    seen: dict[Any, Path] = {}
    double = []
    for key, path in zip(keys, paths, strict=True):
        if key in seen:
            same = seen[key].name == path.name  # then the folder tells them apart
            names = [f"{p.parent.name}/{p.name}" if same else p.name for p in (seen[key], path)]
            double.append(f"{what} {key}: {' and '.join(names)}")
        seen[key] = path
    if double:
        hint = "Narrow the uri to one of each, or move the other away."
        raise QtpDataError(f"{what} stands twice; {few(double)}", hint=hint, code=code)


def refuse_complex(kinds: Sequence[tuple[Path, str]]) -> None:
    """Raise if numbers that are read as real ones are complex: half of each would be dropped without a word (I11).

    Parameters
    ----------
    kinds : sequence of (path, type)
        Type as numpy spells it.
    """
    bad = [(path, f"holds {np.dtype(kind).name}") for path, kind in kinds if np.dtype(kind).kind == "c"]
    hint = "Take the unwrapped interferograms; complex images are opened by driver slc_stack."
    refuse_bad(bad, "file of real numbers", total=len(kinds), code="I11", hint=hint)
