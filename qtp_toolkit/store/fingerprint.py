"""What a run is made of, told without computing anything: the lazy graph, the files it reads, parameters, version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from dask.base import tokenize

from qtp_toolkit._inputs import code_digest, input_files, state
from qtp_toolkit.conventions import QtpDataError


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
        ``graph`` (token), ``files`` (path: size and time, from :func:`qtp_toolkit._inputs.input_files`),
        ``parameters``, ``version``.
    """
    from qtp_toolkit import __version__  # noqa: PLC0415  (the package imports this module)

    try:
        plain = json.loads(json.dumps(dict(parameters), sort_keys=True))
    except (TypeError, ValueError) as error:
        raise QtpDataError(
            "parameters are no plain values", expected="text, numbers, lists, mappings", found=error, code="C09"
        ) from None
    version = f"{__version__}+{code_digest(Path(__file__).parents[1])}" if code else __version__
    return {"graph": tokenize(ds), "files": input_files(ds), "parameters": plain, "version": version}


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
    return [path for path, was in identity["files"].items() if state(path) != was]
