"""How kernels are compiled (Numba), and where the machine code is kept: the only place that names an option.

Compiled on first use, released from Python's lock, cached. Numba itself notices a change of the file that a function
stands in, not of a file whose functions were compiled into it. So the cache lies in a folder that is named after the
content of all kernels: whoever edits one gets a new folder, and never old numbers. The folder is the first that can be
written of ``$NUMBA_CACHE_DIR``, the user's cache and the temporary files; without any, nothing is cached.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba
import platformdirs

KEEP_DAYS = 30
"""Machine code of other versions goes when it is older than this and a new version comes."""

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}
_CONTRACT = {"contract", "nsz"}


def exact(function: Callable) -> Any:
    """Compile with arithmetic to the letter."""
    return _compile(function)


def fused(function: Callable) -> Any:
    """Compile; a product and a sum may become one instruction, which rounds once instead of twice."""
    return _compile(function, fastmath=_CONTRACT)


def reordered(function: Callable) -> Any:
    """Compile as :func:`fused`; sums may also be taken in another order, so that they are taken side by side."""
    return _compile(function, fastmath=_CONTRACT | {"reassoc"})


def bare(function: Callable) -> Any:
    """Compile as :func:`reordered`, for functions that allocate nothing.

    Without reference counts of slices and arguments the normal equations of a gap fill take a quarter less time.
    """
    return _compile(function, fastmath=_CONTRACT | {"reassoc"}, _nrt=False)


def inline(function: Callable) -> Any:
    """Compile as :func:`reordered`, into whatever calls it."""
    return _compile(function, fastmath=_CONTRACT | {"reassoc"}, inline="always")


def _compile(function: Callable, **options: Any) -> Any:
    folder, own = cache_folder(), numba.config.CACHE_DIR
    try:
        # Numba reads this setting while it decorates; other packages of the process find their own again.
        numba.config.CACHE_DIR = str(folder or "")
        return numba.njit(**_OPTIONS | {"cache": folder is not None} | options)(function)
    finally:
        numba.config.CACHE_DIR = own


@cache
def cache_folder() -> Path | None:
    """Folder of this very set of kernels, made if need be; None where nothing can be written."""
    for parent in _parents():
        folder = parent / f"qtp-kernels-{_content()}"
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _remove_old(parent)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            continue
        if _private(folder):
            return folder
    return None


def _remove_old(parent: Path) -> None:
    for folder in parent.glob("qtp-kernels-*"):
        if time.time() - folder.stat().st_mtime > KEEP_DAYS * 86400:
            shutil.rmtree(folder, ignore_errors=True)


def _parents() -> Iterator[Path]:
    if numba.config.CACHE_DIR:
        yield Path(numba.config.CACHE_DIR)
    yield Path(platformdirs.user_cache_dir("qtp_toolkit"))
    yield Path(tempfile.gettempdir()) / f"qtp_toolkit-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def _private(folder: Path) -> bool:
    """Whether nobody else can have put machine code there: the folder for temporary files belongs to all."""
    if not hasattr(os, "getuid"):
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _content() -> str:
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(package.glob("**/kernels/*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
