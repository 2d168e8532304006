"""The crash protocol: a run can be killed at any moment, resumes, and is published only when it is whole.

::

    <folder>/<name>.json                          pointer to the complete run; replaced in one step
    <folder>/<name>.lock                          who is writing
    <folder>/runs/<name>/<fingerprint>/run.json   what the run is made of; written once its arrays exist
    <folder>/runs/<name>/<fingerprint>/data.zarr
    <folder>/runs/<name>/<fingerprint>/done/      one marker a block, put there after the block's data

The fingerprint covers inputs, parameters and version, so that a resumed run never mixes two of them. Markers on disk
hold the truth, not futures. Blocks are on the disk, not only on their way to it, before their marker is written, and
the store before its pointer: what a power cut leaves is resumed like what a kill leaves.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qtp_toolkit._atomic import PARTIAL, flush, flush_tree, put_file, refuse_small_disk
from qtp_toolkit.conventions import MissingSourceError, QtpDataError
from qtp_toolkit.store.fingerprint import changed_files, differences, fingerprint
from qtp_toolkit.store.layout import audit
from qtp_toolkit.store.lock import locked
from qtp_toolkit.store.parts import DATA, check_complete, lost, run_names

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


class Run:
    """One run of one name in a folder; made by :func:`writing`. ``busy`` names the blocks that are under way."""

    def __init__(self, folder: Path, name: str, identity: dict[str, Any]) -> None:
        self.folder, self.name, self.identity = folder, name, identity
        self.fingerprint = fingerprint(identity)
        self.path = folder / "runs" / name / self.fingerprint
        self.data = self.path / DATA
        self.busy: list[str] = []

    @property
    def is_published(self) -> bool:
        """Whether this very run is what the name points at; a damaged one is an error."""
        pointer = read_pointer(self.folder, self.name)
        if pointer is None or pointer["fingerprint"] != self.fingerprint or not self.path.is_dir():
            return False
        check_complete(self.folder, pointer)
        return True

    def create(self, make: Callable[[Path], None], *, restart: bool) -> None:
        """Lay out the empty arrays with ``make(path)``, or resume where an earlier process stopped."""
        self._refuse_others(restart=restart)
        if (self.path / "run.json").is_file():
            self._sweep()
            return
        shutil.rmtree(self.path, ignore_errors=True)
        with self._room(lambda: "Make room, then make the same call again."):
            self.data.parent.mkdir(parents=True)
            (self.path / "done").mkdir()
            make(self.data)
            flush_tree(self.path)
            put_file(self.path / "run.json", json.dumps(self.identity, indent=1, sort_keys=True).encode())
        for folder in (self.path, *list(self.path.parents)[:3]):  # a power cut may lose a folder by its name alone
            flush(folder)

    def is_done(self, key: str) -> bool:
        """Whether the block is on disk: its marker exists and is of this run."""
        try:
            return (self.path / "done" / key).read_text(encoding="utf-8") == self.fingerprint
        except (FileNotFoundError, UnicodeDecodeError):
            return False

    def need(self, n_bytes: int, keys: Sequence[str]) -> None:
        """Refuse to start if the disk lacks the room for the blocks that are left of all ``n_bytes``."""
        refuse_small_disk(self.folder, n_bytes * (1 - sum(map(self.is_done, keys)) / len(keys)))

    @contextlib.contextmanager
    def kept(self, keys: Sequence[str], *, unit: str) -> Iterator[None]:
        """Say, whatever stops the work on the markers ``keys``, how far it came; a full disk becomes a plain error."""

        def state() -> str:
            done = sum(map(self.is_done, keys))
            return f"{done} of {len(keys)} {unit} of {self.name!r} are done and kept; the same call resumes"

        try:
            with self._room(lambda: f"Make room: {state()}."):
                yield
        except BaseException as error:
            at = f" Stopped at: {', '.join(self.busy)}." if self.busy else ""
            error.add_note(f"{state()}.{at}")
            raise

    @contextlib.contextmanager
    def _room(self, hint: Callable[[], str]) -> Iterator[None]:
        """Turn the error of a full disk, or of a used-up quota, into one that says how much there is and what to do."""
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            free = shutil.disk_usage(self.folder).free
            raise QtpDataError(
                "no space left on the disk", path=self.path, found=f"{free / 1e9:.3f} GB free", code="R02", hint=hint()
            ) from error

    def publish(self, **more: Any) -> Path:
        """Point the name at this run, once its count of blocks is right; then remove what the name held before.

        What ``more`` names as ``earlier`` parts of the store stays.
        """
        changed = changed_files(self.identity)
        if changed:
            raise QtpDataError(
                f"{len(changed)} input files changed while {self.name!r} was written",
                path=", ".join(changed[:3]),
                expected="size and time as at the start",
                code="R08",
                hint="Open the inputs again and pass restart=True: blocks of before and after the change would mix.",
            )
        with self._room(lambda: "Make room, then make the same call again: all blocks are done and kept."):
            self._sweep()  # a task that ran twice may have left half a file, which would be counted
            found = audit(self.path)
            for array, entry in found.items():
                if entry["expected"] is not None and entry["files"] != entry["expected"]:
                    raise lost(self.path, array, entry["expected"], entry["files"])
            pointer: dict[str, Any] = {
                "name": self.name,
                "run": self.path.relative_to(self.folder).as_posix(),
                "fingerprint": self.fingerprint,
                "version": self.identity["version"],
                "arrays": found,
                **more,
            }
            others = [path for path in sorted(self.path.parent.iterdir()) if path.name not in run_names(pointer)]
            pointer["replaced"] = [path.name for path in others]
            put_file(self.folder / f"{self.name}.json", json.dumps(pointer, indent=1).encode())
            flush(self.folder)
        for other in others:
            shutil.rmtree(other, ignore_errors=True)
        return self.folder

    def _sweep(self) -> None:
        """Remove files that a killed process was just writing."""
        for half in [*self.path.rglob(f"*{PARTIAL}"), *self.folder.glob(f".{self.name}.json.*{PARTIAL}")]:
            half.unlink(missing_ok=True)

    def _refuse_others(self, *, restart: bool) -> None:
        """Refuse to start beside an unfinished run of other inputs, parameters or version; ``restart`` removes it."""
        pointer = read_pointer(self.folder, self.name) or {"run": "", "arrays": {}, "replaced": []}
        own = {self.path.name, *run_names(pointer)}
        others = [path for path in self.path.parent.glob("*") if path.name not in own]
        for other in others:
            identity = _json(other / "run.json")
            if identity is not None and not restart and other.name not in pointer["replaced"]:
                raise QtpDataError(
                    f"an unfinished run of {self.name!r} was made from something else",
                    path=other,
                    code="R08",
                    expected="the same inputs, parameters and version",
                    found=differences(identity, self.identity),
                    hint="Restore them to resume it, or pass restart=True to discard it and start anew.",
                )
            shutil.rmtree(other)


@contextlib.contextmanager
def writing(folder: str | os.PathLike, name: str, identity: dict[str, Any]) -> Iterator[Run]:
    """Lock ``name`` in ``folder`` (made if need be) and give its run."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise QtpDataError("name is not fit for a file", expected="letters, digits, _ and -", found=repr(name))
    folder = Path(folder).expanduser().resolve()
    for path in map(Path, identity["files"]):
        if path.is_relative_to(folder / "runs" / name) or folder.is_relative_to(path):
            raise QtpDataError(
                "what would be written is also what is read",
                path=path,
                code="R10",
                hint="Write under another name, or into another folder.",
            )
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder / f"{name}.lock"))
        except OSError as error:
            if error.errno not in _NOT_WRITABLE:
                raise
            raise QtpDataError(
                f"the folder cannot be written: {error.strerror}",
                path=folder,
                code="R09",
                hint="Choose another one, or ask for the right to write there.",
            ) from error
        yield Run(folder, name, identity)


def mark_done(path: Path, key: str, text: str) -> None:
    """Put the marker of one block, whose data are on the disk; done by whichever process wrote it."""
    put_file(path / "done" / key, text.encode(), flush=False)


def read_identity(path: Path) -> dict[str, Any]:
    """Return what a run was made of."""
    identity = _json(path / "run.json")
    if identity is None:
        raise QtpDataError("the store does not say what it was made of", path=path / "run.json", code="R12")
    return identity


def read_pointer(folder: Path, name: str) -> dict[str, Any] | None:
    """Return what the name points at; None if nothing complete is there."""
    return _json(folder / f"{name}.json", name=name)


def locate(folder: Path, name: str | None) -> tuple[Path, dict[str, Any]]:
    """Path and pointer of the complete run of ``name``, or of the only name there is."""
    names = list_complete(folder)
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


def list_complete(folder: Path) -> list[str]:
    """Names that are complete in the folder."""
    names = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(QtpDataError):  # not ours
            names += [path.stem] if read_pointer(folder, path.stem) else []
    return names


def _json(path: Path, **held: Any) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not held.items() <= found.items():
        raise QtpDataError("not the JSON that was written here", path=path, code="R12", hint="Delete it.")
    return found


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
            "the store is not complete: its writing was interrupted",
            path=unfinished[0].parent,
            found=f"{done} blocks done",
            code="R01",
            hint="Run what writes it once more: it resumes.",
        )
    label = "a complete store" if name is None else repr(name)
    return MissingSourceError(f"the folder does not hold {label}", path=folder, found=names or "nothing complete")
