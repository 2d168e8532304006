"""Join: the parts of a store become one, from the store itself; sources that were put away are not needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from qtp_toolkit.store.comparing import Base, known_files, open_base
from qtp_toolkit.store.fingerprint import identify
from qtp_toolkit.store.run import writing
from qtp_toolkit.store.stack import copy, foresee


def join(
    folder: str | os.PathLike,
    *,
    name: str = "interferograms",
    memory_budget: float = 2e9,
    restart: bool = False,
    progress: bool = False,
) -> Path:
    """Write the parts that a store was appended in as one part again: the same values, read from fewer files.

    Parameters
    ----------
    folder : path
        Of a finished store of interferograms.
    name : str
        Name of the store in the folder.
    memory_budget : float
        Bytes, as for :func:`ingest`.
    restart : bool
        Discard what an interrupted run of something else left unfinished.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    pathlib.Path
        The folder. A store of one part is left as it is.

    Raises
    ------
    MissingSourceError
        If there is no finished store.
    QtpDataError
        As :func:`ingest`, R02 above all: until the joined store is complete, the disk holds both.

    Notes
    -----
    The sources are neither read nor looked at. The parts stay until the joined store takes its name, and are then
    removed: whoever opened them opens the store again. A killed call is resumed by the same call.

    Examples
    --------
    >>> from qtp_toolkit import store
    >>> days = np.array(["2020-01-01", "2020-01-13", "2020-01-25"], "datetime64[ns]")
    >>> pairs = {"reference": ("pair", days[:2]), "secondary": ("pair", days[1:])}
    >>> phase = xr.DataArray(np.ones((2, 16, 16), "f4"), pairs, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> stack = xr.Dataset({"phase": phase})
    >>> path = store.append(stack, store.ingest(stack.isel(pair=[0]), folder / "area"))
    >>> store.describe(store.join(path))["pairs"].tolist()
    [2]
    """
    base = open_base(folder, name)
    if not base.pointer.get("earlier"):
        return base.folder
    how = {"storage": base.parameters["storage"], "block": base.parameters["block"]}
    work = foresee(base.ds, memory_budget=memory_budget, **how)
    with writing(folder, name, _identity(base, work.parameters)) as run:
        if run.is_published:
            return run.folder
        base.refuse_change(name)
        copy(run, work, restart=restart, progress=progress)
        return run.publish(**work.contents)


def _identity(base: Base, parameters: dict[str, Any]) -> dict[str, Any]:
    """Name the parts as what is read, and keep what is known of the sources for those that are appended later."""
    made = identify(base.ds, parameters | {"joined": base.pointer["fingerprint"]}, code=False)
    return made | {"files": {}, "sources": known_files(base), "archived": base.identity.get("archived", {})}
