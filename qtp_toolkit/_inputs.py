"""What results depend on: the files that lazy arrays are read from, by size and time, and the code, by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import xarray as xr


@dataclass(frozen=True)
class FileReader:
    """A function that reads blocks, and its files as they were when this was made.

    It stands in a graph as one node, where it is found again; and its name, like that of all that is computed from it,
    is made of the states of the files: after a change nothing old is taken for the new.
    """

    read: Callable[..., Any]
    source_files: tuple[str, ...]
    states: tuple[list[int] | None, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", tuple(map(state, self.source_files)))

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.read(*arguments, **options)


def state(path: str | Path) -> list[int] | None:
    """Size and modification time in ns; for Zarr folders their sums over all files, and how many there are."""
    path = Path(path)
    if path.is_file():
        stat = path.stat()
        return [stat.st_size, stat.st_mtime_ns]
    if not any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup")):
        return None
    stats = [file.stat() for file in path.rglob("*") if file.is_file()]
    return [sum(stat.st_size for stat in stats), sum(stat.st_mtime_ns for stat in stats), len(stats)]


def input_files(ds: xr.Dataset) -> dict[str, list[int]]:
    """Absolute path and present state of every file, and every Zarr folder, that lazy variables are computed from.

    Known are those of the loaders and stores here, and what xarray and rioxarray opened.
    """
    from dask.highlevelgraph import MaterializedLayer  # noqa: PLC0415  slow to import

    graph = ds.__dask_graph__()
    layers = [layer for layer in graph.layers.values() if isinstance(layer, MaterializedLayer)] if graph else []
    nodes = [node for layer in layers for node in layer.values()]  # sources have a node of their own
    paths = {str(Path(path).absolute()) for node in nodes for path in _files_of(getattr(node, "value", node))}
    return {path: found for path in sorted(paths) if (found := state(path)) is not None}


def is_stamped(path: Path, stamp: Mapping[str, Any]) -> bool:
    """Whether a file of JSON says just that what lies beside it was made from ``stamp``."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) == stamp
    except (OSError, json.JSONDecodeError):
        return False


@cache
def code_digest(folder: Path) -> str:
    """Short digest of all code below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _files_of(source: Any) -> Iterable[str | Path]:
    if hasattr(source, "source_files"):
        return source.source_files
    while hasattr(source, "array"):  # xarray wraps what its backends read in adapters
        source = source.array
    if hasattr(source, "_array"):  # Zarr
        return [root] if (root := getattr(source._array.store, "root", None)) else []
    manager = getattr(source, "manager", None) or getattr(getattr(source, "datastore", None), "_manager", None)
    return [path for path in getattr(manager, "_args", ())[:1] if isinstance(path, (str, Path))]
