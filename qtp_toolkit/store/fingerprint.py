"""What a run is made of, told without computing anything: the lazy graph, the files it reads, parameters, version."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import cloudpickle
import xarray as xr
from dask.base import tokenize

from qtp_toolkit.conventions import QtpDataError

_PACKAGE = Path(__file__).resolve().parents[1]
_LONGEST_NAME = 255
"""Characters that a file system allows in a name; the text of a CRS has more, and asking for it is an error."""


def identify(ds: xr.Dataset, parameters: Mapping[str, Any], *, code: bool) -> dict[str, Any]:
    """Return what a run depends on, as plain JSON.

    Parameters
    ----------
    ds : xarray.Dataset
        The lazy inputs. Their graph has lasting names if it is made of module-level functions, numbers and paths, as
        everything from the loaders and physics modules is.
    parameters : mapping
        Whatever else makes the result; JSON values.
    code : bool
        Whether another state of the package's own code makes another run.

    Returns
    -------
    dict
        ``graph`` (token), ``files`` (path: size and modification time in ns, also of Zarr folders), ``parameters``,
        ``version``.
    """
    from qtp_toolkit import __version__  # noqa: PLC0415  (the package imports this module)

    try:
        plain = json.loads(json.dumps(dict(parameters), sort_keys=True))
    except (TypeError, ValueError) as error:
        raise QtpDataError(
            "parameters are no plain values", expected="text, numbers, lists, mappings", found=error, code="C09"
        ) from None
    version = f"{__version__}+{_code()}" if code else __version__
    return {"graph": tokenize(ds), "files": _files(ds), "parameters": plain, "version": version}


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Short digest of an identity, fit for a folder name."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Say in words what distinguishes two identities."""
    out = []
    if old["version"] != new["version"]:
        out.append(f"version {old['version']} then, {new['version']} now")
    was, now = old["parameters"], new["parameters"]
    out += [f"{k}={was.get(k)!r} then, {now.get(k)!r} now" for k in sorted({*was, *now}) if was.get(k) != now.get(k)]
    was, now = old["files"], new["files"]
    changed = [path for path in sorted({*was, *now}) if was.get(path) != now.get(path)]
    if changed:
        out.append(f"{len(changed)} input files changed, as {', '.join(changed[:3])}")
    if old["graph"] != new["graph"] and not changed:
        out.append("what is computed from the inputs, or their values")
    return "; ".join(out) or "nothing that can be named"


def changed_files(identity: Mapping[str, Any]) -> list[str]:
    """Name the inputs whose size or time is no longer what it was, or that are gone."""
    return [path for path, was in identity["files"].items() if _stat(Path(path)) != was]


class _Finder(cloudpickle.Pickler):
    """Pickles into nothing and notes all text and paths on the way."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), protocol=5, buffer_callback=lambda _: None)  # arrays stay out of it
        self.words: set[str] = set()

    def persistent_id(self, obj: object) -> None:
        if isinstance(obj, (str, PurePath)):
            self.words.add(str(obj))


def _files(ds: xr.Dataset) -> dict[str, list[int]]:
    """Size and time of every file, and every Zarr folder, whose path is among the arguments of the lazy tasks."""
    graph = ds.__dask_graph__()
    if not graph:
        return {}
    finder = _Finder()
    finder.dump(graph)
    found = {}
    for path in sorted(Path(word) for word in finder.words if len(word) < 4096 and not {"\n", "\0"} & set(word)):
        stat = _stat(path) if _may_be_input(path) else None
        if stat is not None:
            found[str(path.absolute())] = stat
    return found


def _may_be_input(path: Path) -> bool:
    """Whether a text among the arguments is worth a look: bare words, like names of variables, and prose are not."""
    is_path = path.is_absolute() or bool(path.suffix) or len(path.parts) > 1
    return is_path and path.suffix != ".py" and max(map(len, path.parts), default=0) <= _LONGEST_NAME


def _stat(path: Path) -> list[int] | None:
    """Size and modification time in ns; for Zarr folders their sums over all files, and how many there are."""
    if path.is_file():
        stat = path.stat()
        return [stat.st_size, stat.st_mtime_ns]
    if not any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup")):
        return None
    stats = [file.stat() for file in path.rglob("*") if file.is_file()]
    return [sum(stat.st_size for stat in stats), sum(stat.st_mtime_ns for stat in stats), len(stats)]


@lru_cache(maxsize=1)
def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
