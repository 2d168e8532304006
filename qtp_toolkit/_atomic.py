"""Whole or not at all: how files, folders and Zarr stores get their names; the only place that renames."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from qtp_toolkit._errors import QtpDataError

PARTIAL = ".partial"
"""How names of what is only being written end; they begin with a dot."""

Put = Callable[..., None]
"""Writes a file: takes its path and the pieces of its content."""


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a sibling to write to, a file or a folder: it takes the target's place if all ends well, else it vanishes.

    A folder is swapped in by two renames, for there is no single one; a process that is killed between them leaves the
    earlier folder aside, where :func:`find` finds it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = _stage(target)
    try:
        yield stage
        if stage.is_dir():
            aside = _aside(target)
            if target.exists():
                _remove(aside)
                target.rename(aside)
            stage.rename(target)
            _remove(aside)
        else:
            stage.replace(target)
    finally:
        _remove(stage)


def find(target: Path) -> Path | None:
    """Return where the complete ``target`` is: under its name, or set aside by a swap that was cut short."""
    return next((path for path in (target, _aside(target)) if path.exists()), None)


def put_file(path: Path, *content: bytes, flush: bool = True) -> None:
    """Write a file in one step: it is the old or the new one, never half of it.

    Parameters
    ----------
    path : pathlib.Path
        Its folder is made if need be.
    *content : bytes
        Pieces, one after another.
    flush : bool
        Bring it to the disk before it gets its name, so that it is whole after a power cut too.
    """
    with replacing(path) as stage, stage.open("wb") as stream:
        stream.writelines(content)
        if flush:
            stream.flush()
            os.fsync(stream.fileno())


@contextlib.contextmanager
def named_together(folder: Path) -> Iterator[Put]:
    """Many files of one folder, which get their names when this ends without error, each after it was flushed.

    The disk is at work on them meanwhile. Flushed one by one, each would have to be waited for.

    Parameters
    ----------
    folder : pathlib.Path
        Made if need be; its entries are flushed in the end.

    Yields
    ------
    callable
        Takes the path of a file and the pieces of its content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stages: dict[Path, Path] = {}

    def put(path: Path, *content: bytes) -> None:
        stage = _stage(path)
        stages[stage] = path
        with stage.open("wb") as stream:
            stream.writelines(content)
            if hasattr(os, "posix_fadvise"):  # Linux takes it for a hint to begin, and does not wait
                stream.flush()
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    try:
        yield put
        for stage, path in stages.items():
            flush(stage)
            stage.replace(path)
        flush(folder)
    except BaseException:
        for stage in stages:
            with contextlib.suppress(OSError):
                stage.unlink()
        raise


def flush(path: Path) -> None:
    """Bring the content of a file, or the names of the files in a folder, to the disk."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":  # folders cannot be opened there, and their entries are journaled
        return
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)  # Windows flushes only what it may write
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_tree(top: Path) -> None:
    """Bring all files and folders below ``top`` to the disk, and ``top`` itself."""
    for path in [*top.rglob("*"), top]:
        flush(path)


def refuse_small_disk(folder: Path, needed: float, *, hint: str = "") -> None:
    """Raise R02 if the disk of ``folder`` has less than ``needed`` bytes of room."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise QtpDataError(
            "the disk is too small",
            path=folder,
            expected=f"{needed / 1e9:.3f} GB free",
            found=f"{free / 1e9:.3f} GB",
            code="R02",
            hint=f"Make room or choose a folder on a larger disk. {hint}".rstrip(),
        )


def _stage(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")


def _aside(target: Path) -> Path:
    return target.with_name(f"{target.name}.previous")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
