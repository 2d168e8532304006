"""The crash protocol: a run can be killed at any moment, resumes, and is published only when it is whole.

::

    <folder>/<name>.json                          pointer to the complete run; replaced in one step
    <folder>/<name>.lock                          who is writing
    <folder>/runs/<name>/<fingerprint>/run.json   what the run is made of; written once its arrays exist
    <folder>/runs/<name>/<fingerprint>/data.zarr
    <folder>/runs/<name>/<fingerprint>/done/      one marker a block, put there after the block's data

The fingerprint covers inputs, parameters and version, so that a resumed run never mixes two of them. Markers on disk
hold the truth, not futures. Files are not flushed to the disk one by one: after a power cut a block may be torn, which
its checksum tells when it is read.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qtp_toolkit.conventions import MissingSourceError, QtpDataError
from qtp_toolkit.store.fingerprint import differences, fingerprint
from qtp_toolkit.store.layout import audit
from qtp_toolkit.store.lock import locked

DATA, QUICKLOOK = "data.zarr", "quicklook.zarr"


class Run:
    """One run of one name in a folder; made by :func:`writing`."""

    def __init__(self, folder: Path, name: str, identity: dict[str, Any]) -> None:
        self.folder, self.name, self.identity = folder, name, identity
        self.fingerprint = fingerprint(identity)
        self.path = folder / "runs" / name / self.fingerprint
        self.data = self.path / DATA

    @property
    def is_published(self) -> bool:
        """Whether this very run is what the name points at; a damaged one is an error."""
        pointer = read_pointer(self.folder, self.name)
        if pointer is None or pointer["fingerprint"] != self.fingerprint or not self.path.is_dir():
            return False
        check_complete(self.path, pointer)
        return True

    def create(self, make: Callable[[Path], None], *, restart: bool) -> None:
        """Lay out the empty arrays with ``make(path)``, or resume where an earlier process stopped."""
        self._refuse_others(restart=restart)
        if (self.path / "run.json").is_file():
            for half in [*self.path.rglob("*.partial"), *self.folder.glob(f".{self.name}.json.*.partial")]:
                half.unlink(missing_ok=True)
            return
        shutil.rmtree(self.path, ignore_errors=True)
        self.data.parent.mkdir(parents=True)
        (self.path / "done").mkdir()
        make(self.data)
        put_text(self.path / "run.json", json.dumps(self.identity, indent=1, sort_keys=True))

    def is_done(self, key: str) -> bool:
        """Whether the block is on disk: its marker exists and is of this run."""
        try:
            return (self.path / "done" / key).read_text(encoding="utf-8") == self.fingerprint
        except (FileNotFoundError, UnicodeDecodeError):
            return False

    def mark(self, *keys: str) -> None:
        """Put the markers of blocks whose data are on disk."""
        for key in keys:
            mark_done(self.path, key, self.fingerprint)

    def need(self, n_bytes: int, keys: Sequence[str]) -> None:
        """Refuse to start if the disk lacks the room for the blocks that are left of all ``n_bytes``."""
        free, left = shutil.disk_usage(self.folder).free, n_bytes * (1 - sum(map(self.is_done, keys)) / len(keys))
        if free < left:
            raise QtpDataError(
                "the disk is too small", path=self.folder, expected=f"{left / 1e9:.3f} GB free",
                found=f"{free / 1e9:.3f} GB", code="R02", hint="Make room or choose a folder on a larger disk.",
            )  # fmt: skip

    @contextlib.contextmanager
    def kept(self, keys: Sequence[str], working_on: Callable[[], str]) -> Iterator[None]:
        """Say, whatever stops the work, how far it came; a full disk and killed workers become plain errors."""
        try:
            yield
        except BaseException as error:
            done = sum(map(self.is_done, keys))
            state = f"{done} of {len(keys)} blocks of {self.name!r} are done and kept; the same call resumes"
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                free = shutil.disk_usage(self.folder).free
                raise QtpDataError(
                    "no space left on the disk", path=self.path, found=f"{free / 1e9:.3f} GB free", code="R02",
                    where=working_on(), hint=f"Make room: {state}.",
                ) from error  # fmt: skip
            if type(error).__name__ == "KilledWorker":
                raise QtpDataError(
                    "a block killed its worker again and again", where=working_on(), path=self.path, code="R06",
                    hint=f"Out of memory? Use smaller blocks or more memory a worker. {state.capitalize()}.",
                ) from error  # fmt: skip
            error.add_note(f"{state}. Stopped at: {working_on()}.")
            raise

    def publish(self, **more: Any) -> Path:
        """Point the name at this run, once its count of blocks is right; then remove what the name held before."""
        found = audit(self.path)
        for array, entry in found.items():
            if entry["expected"] is not None and entry["files"] != entry["expected"]:
                raise _lost(self.path, array, entry["expected"], entry["files"])
        others = [path for path in sorted(self.path.parent.iterdir()) if path != self.path]
        pointer = {
            "name": self.name, "run": self.path.relative_to(self.folder).as_posix(), "fingerprint": self.fingerprint,
            "version": self.identity["version"], "replaced": [path.name for path in others], "arrays": found, **more,
        }  # fmt: skip
        put_text(self.folder / f"{self.name}.json", json.dumps(pointer, indent=1))
        for other in others:
            shutil.rmtree(other, ignore_errors=True)
        return self.folder

    def _refuse_others(self, *, restart: bool) -> None:
        """Refuse to start beside an unfinished run of other inputs, parameters or version; ``restart`` removes it."""
        pointer = read_pointer(self.folder, self.name) or {"run": "", "replaced": []}
        others = [path for path in self.path.parent.glob("*") if path not in (self.path, self.folder / pointer["run"])]
        for other in others:
            identity = _json(other / "run.json")
            if identity is not None and not restart and other.name not in pointer["replaced"]:
                raise QtpDataError(
                    f"an unfinished run of {self.name!r} was made from something else", path=other, code="R08",
                    expected="the same inputs, parameters and version", found=differences(identity, self.identity),
                    hint="Restore them to resume it, or pass restart=True to discard it and start anew.",
                )  # fmt: skip
            shutil.rmtree(other)


@contextlib.contextmanager
def writing(folder: str | os.PathLike, name: str, identity: dict[str, Any]) -> Iterator[Run]:
    """Lock ``name`` in ``folder`` (made if need be) and give its run."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise QtpDataError("name is not fit for a file", expected="letters, digits, _ and -", found=repr(name))
    folder = Path(folder).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{name}.lock"):
        yield Run(folder, name, identity)


def mark_done(path: Path, key: str, text: str) -> None:
    """Put the marker of one block; done by whichever process wrote it."""
    put_text(path / "done" / key, text)


def put_text(path: Path, text: str) -> None:
    """Write a small file in one step: it is the old or the new one, never half of it."""
    stage = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    with stage.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    stage.replace(path)


def read_pointer(folder: Path, name: str) -> dict[str, Any] | None:
    """Return what the name points at; None if nothing complete is there."""
    return _json(folder / f"{name}.json")


def locate(folder: Path, name: str | None) -> tuple[Path, dict[str, Any]]:
    """Path and pointer of the complete run of ``name``, or of the only name there is."""
    names = published(folder)
    if name is None and len(names) == 1:
        name = names[0]
    pointer = read_pointer(folder, name) if name is not None else None
    if pointer is None:
        raise _missing(folder, name, names)
    path = folder / pointer["run"]
    if not path.is_dir():
        raise QtpDataError(
            f"the data of {name!r} are gone", path=path, code="R12", hint="Restore the folder or write it again."
        )
    return path, pointer


def published(folder: Path) -> list[str]:
    """Names that are complete in the folder."""
    names = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(QtpDataError):  # not ours
            names += [path.stem] if (_json(path) or {}).get("name") == path.stem else []
    return names


def check_complete(path: Path, pointer: dict[str, Any]) -> None:
    """Refuse a run that no longer holds the number and size of files that it was published with."""
    now = audit(path)
    for array, was in pointer["arrays"].items():
        found = now.get(array, {"files": 0, "bytes": 0})
        if found["files"] != was["files"]:
            raise _lost(path, array, was["files"], found["files"])
        if found["bytes"] != was["bytes"]:
            raise QtpDataError(
                "the store is damaged: its files have another size than when they were written", path=path / array,
                expected=f"{was['bytes']} bytes", found=f"{found['bytes']} bytes", code="R12", hint=again(path),
            )  # fmt: skip


def again(path: Path) -> str:
    """Advice for a damaged run."""
    return f"Restore it from a copy, or delete {path} and write the store again."


def progress_bar(text: str, steps: Iterable[Any], *, total: int, progress: bool) -> Iterator[Any]:
    """Give the steps, with a bar on stderr if asked for."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import track  # noqa: PLC0415

    console = Console(stderr=True, force_jupyter=False)
    return iter(track(steps, text, total=total, console=console, disable=not progress))


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise QtpDataError("not the JSON that was written here", path=path, code="R12", hint="Delete it.")
    return found


def _lost(path: Path, array: str, expected: int, found: int) -> QtpDataError:
    return QtpDataError(
        f"the store is incomplete: {expected - found} of {expected} files are missing", path=path / array,
        expected=f"{expected} files", found=found, code="R12", hint=again(path),
    )  # fmt: skip


def _missing(folder: Path, name: str | None, names: list[str]) -> QtpDataError:
    if not folder.is_dir():
        return MissingSourceError("there is no such store", path=folder, hint="qtp ingest writes one.")
    if name is None and names:
        return QtpDataError("the folder holds several stores", path=folder, found=names, hint="Say which: name=...")
    runs = folder / "runs" / (name or "")
    unfinished = [path for path in runs.rglob("run.json") if name is None or path.parent.parent == runs]
    if unfinished:
        done = len(list((unfinished[0].parent / "done").iterdir()))
        return MissingSourceError(
            "the store is not complete: its writing was interrupted", path=unfinished[0].parent,
            found=f"{done} blocks done", code="R01", hint="Run what writes it once more: it resumes.",
        )  # fmt: skip
    label = "a complete store" if name is None else repr(name)
    return MissingSourceError(f"the folder does not hold {label}", path=folder, found=names or "nothing complete")
