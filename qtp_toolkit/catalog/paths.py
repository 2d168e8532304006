"""Where files may lie: roots with ``${NAME}``, uris below them, and no way out."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any

from qtp_toolkit.conventions import QtpDataError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PROVIDERS = {
    "scene": ("qtp_toolkit.synthetic:ensure_scene", "qtp_toolkit.synthetic:scene_written"),
    "beyond": ("qtp_toolkit.synthetic:ensure_beyond", "qtp_toolkit.synthetic:beyond_written"),
}
"""What makes the scenes of the package, and tells whether they are there."""


def load_target(target: str) -> Any:
    """Return what ``"module:name"`` names, imported now."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def resolve_roots(roots: list[str], *, folder: Path, catalog: Path) -> Path:
    """Find the first root that exists.

    Parameters
    ----------
    roots : list of str
        Folders; ``${NAME}`` is an environment variable, relative ones lie beside the catalog, ``package://`` is made on
        first use.
    folder : pathlib.Path
        Folder of the catalog.
    catalog : pathlib.Path
        For messages.

    Returns
    -------
    pathlib.Path
        Absolute, symbolic links resolved.

    Raises
    ------
    QtpDataError
        If none exists; lists each root and why it did not serve, with the names of unset environment variables.
    """
    reasons = []
    for root in roots:
        if root.startswith("package://"):
            return _provide(root, catalog)
        expanded, unset = _expand(root)
        if unset:
            reasons.append(f"{root!r}: environment variable {unset} is not set")
            continue
        path = (folder / Path(expanded).expanduser()).resolve()
        if path.is_dir():
            return path
        reasons.append(f"{root!r}: no such folder ({path})")
    raise QtpDataError(
        "no root of the catalog exists",
        path=catalog,
        expected="one existing folder",
        found="; ".join(reasons),
        hint=_how_to_make_a_root(roots, folder),
        code="C07",
    )


def _how_to_make_a_root(roots: list[str], folder: Path) -> str:
    names = [name for root in roots for name in [_expand(root)[1]] if name]
    if names:
        return f"Set the variable, e.g. export {names[0]}=/folder, or edit roots."
    return f"Edit roots: a folder, either beside the catalog (in {folder}) or by its full path."


def skipped_roots(roots: list[str]) -> str:
    """Roots passed over because their environment variable is unset, in words; empty if none."""
    unset = [f"{root!r} was passed over: {name} is not set" for root in roots for name in [_expand(root)[1]] if name]
    return "; ".join(unset)


def _expand(root: str) -> tuple[str, str | None]:
    unset = [name for name in _VARIABLE.findall(root) if not os.environ.get(name)]
    if unset:
        return root, unset[0]
    return _VARIABLE.sub(lambda match: os.environ[match.group(1)], root), None


def _provide(root: str, catalog: Path) -> Path:
    name, size = _provider(root)
    if name not in _PROVIDERS:
        raise QtpDataError(
            f"nothing provides {root!r}", path=catalog, expected=" or ".join(_PROVIDERS), hint="Use a folder as root."
        )
    return Path(load_target(_PROVIDERS[name][0])(size)).resolve()


def waits(root: str) -> bool:
    """Whether a root is made on first use and is not yet."""
    name, size = _provider(root)
    return name in _PROVIDERS and not load_target(_PROVIDERS[name][1])(size)


def _provider(root: str) -> tuple[str, str]:
    """Name of what makes a root, empty for a folder, and the size to ask for."""
    if not root.startswith("package://"):
        return "", ""
    name, _, size = root.removeprefix("package://").partition("/")
    return name, os.environ.get("QTP_SCENE") or size


def find(root: Path, uri: str) -> list[Path]:
    """Files (or one Zarr folder) that match ``uri`` below ``root``, sorted by path.

    Raises
    ------
    QtpDataError
        If a match, symbolic links followed, lies outside the root.
    """
    if any(mark in uri for mark in "*?["):
        matches = sorted(path for path in root.glob(uri) if not path.name.startswith("."))
    else:
        matches = [path for path in [root / uri] if path.exists()]
    for path in matches:
        inside(path, root)
    return matches


def inside(path: Path, root: Path) -> Path:
    """``path`` itself if it lies below ``root`` with symbolic links followed, an error otherwise."""
    real = path.resolve()
    if not real.is_relative_to(root.resolve()):
        raise QtpDataError(
            "a file lies outside the root of its source",
            path=path,
            expected=f"below {root}",
            found=real,
            hint="Give the source a root of its own.",
            code="C06",
        )
    return path


_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def listing(root: Path, uri: str) -> str:
    """Say what the folder of ``uri`` holds, in words, for the message that nothing matched."""
    fixed = []
    for part in uri.split("/")[:-1]:
        if any(mark in part for mark in "*?["):
            break
        fixed.append(part)
    folder = root.joinpath(*fixed)
    while not folder.is_dir() and folder != root:
        folder = folder.parent
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    some = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    packed = ", archives that are not unpacked" if any(name.endswith(_ARCHIVES) for name in names) else ""
    return f"folder {folder} holds {len(names)} entries" + (f" ({some}{packed})" if names else "")
