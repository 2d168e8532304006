"""Parts of a store: what each ingest and each append wrote, and where its pairs stand among all.

::

    <folder>/<name>.json    also ``earlier``: run, positions of its pairs and count of its files, of every part but the
                            last; and ``at``, positions of the pairs of the last
    <run>/data.zarr         the pairs of the part, whole by itself
    <run>/whole.zarr        coordinates and attributes of all pairs, if there are earlier parts; no blocks
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.store.chunks import again
from qtp_toolkit.store.layout import audit

DATA, QUICKLOOK = "data.zarr", "quicklook.zarr"
HEADERS = {DATA: "whole.zarr", QUICKLOOK: "whole_quicklook.zarr"}
"""Where the coordinates of all pairs are if a store has several parts."""


class Part(NamedTuple):
    """The run of a part, where its pairs stand in the whole, and number and size of its files."""

    path: Path
    at: tuple[int, ...]
    arrays: dict[str, dict[str, Any]]

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(int(entry["bytes"]) for entry in self.arrays.values())


def parts_of(folder: Path, pointer: Mapping[str, Any]) -> list[Part]:
    """Parts in the order in which they were written; the last is the run that the name points at.

    The only part of a store has no positions: its pairs are in their order.
    """
    rows = [*pointer.get("earlier", ()), {"at": (), **pointer}]
    return [Part(folder / row["run"], tuple(row["at"]), row["arrays"]) for row in rows]


def run_names(pointer: Mapping[str, Any]) -> set[str]:
    """Names of the folders of all runs that a store is read from."""
    return {part.path.name for part in parts_of(Path(), pointer)}


def check_complete(folder: Path, pointer: Mapping[str, Any]) -> None:
    """Refuse a store whose parts no longer hold the number and size of files that they were published with."""
    for part in parts_of(folder, pointer):
        now = audit(part.path)
        for array, was in part.arrays.items():
            found = now.get(array, {"files": 0, "bytes": 0})
            if found["files"] != was["files"]:
                raise lost(part.path, array, was["files"], found["files"])
            if found["bytes"] != was["bytes"]:
                raise QtpDataError(
                    "the store is damaged: its files have another size than when they were written",
                    path=part.path / array,
                    expected=f"{was['bytes']} bytes",
                    found=f"{found['bytes']} bytes",
                    code="R12",
                    hint=again(part.path),
                )


def lost(path: Path, array: str, expected: int, found: int) -> QtpDataError:
    """Error of an array that has fewer files than it should."""
    return QtpDataError(
        f"the store is incomplete: {expected - found} of {expected} files are missing",
        path=path / array,
        expected=f"{expected} files",
        found=found,
        code="R12",
        hint=again(path),
    )
