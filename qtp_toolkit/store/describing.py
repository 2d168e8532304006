"""What a store holds, without reading its blocks."""

from __future__ import annotations

import os
import warnings
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from qtp_toolkit._pairs import pair_dates
from qtp_toolkit.conventions import REFERENCE, SECONDARY, QtpDataError
from qtp_toolkit.store.comparing import open_base
from qtp_toolkit.store.fingerprint import fingerprint, identify
from qtp_toolkit.store.parts import parts_of
from qtp_toolkit.store.run import read_identity, read_pointer
from qtp_toolkit.store.stack import FORMAT, without_layers

if TYPE_CHECKING:
    import pandas as pd


def describe(folder: str | os.PathLike, *, name: str = "interferograms") -> pd.DataFrame:
    """Say which parts a store of interferograms has: the first is what was ingested, the others were appended.

    Parameters
    ----------
    folder : path
        Of a finished store.
    name : str
        Name of the store in the folder.

    Returns
    -------
    pandas.DataFrame
        One row a part, in the order in which they were written: ``pairs``; ``first`` and ``last`` date; ``megabytes``
        on the disk; ``storage`` and ``block``, as :func:`ingest` was told; ``version`` of the toolkit that wrote it;
        ``archived``, files of this and earlier parts that were put away; ``run``, its folder.

    Raises
    ------
    MissingSourceError
        If there is no finished store.
    QtpDataError
        R12: it is damaged; or it is no store of interferograms.

    Examples
    --------
    >>> from qtp_toolkit import store
    >>> phase = xr.DataArray(np.ones((3, 20, 30), "f4"), dims=("pair", "y", "x"), attrs={"units": "rad"})
    >>> path = store.ingest(phase.to_dataset(name="phase"), folder / "area")
    >>> store.describe(path)["pairs"].tolist()
    [3]
    """
    import pandas as pd  # noqa: PLC0415  slow to import

    base = open_base(folder, name)
    rows = []
    for part in parts_of(base.folder, base.pointer):
        identity = read_identity(part.path)
        pairs = base.ds.isel(pair=list(part.at)) if part.at else base.ds
        dates = [pairs[key].values for key in (REFERENCE, SECONDARY) if key in pairs.coords]
        rows.append(
            {
                "pairs": pairs.sizes["pair"],
                "first": min((each.min() for each in dates), default=pd.NaT),
                "last": max((each.max() for each in dates), default=pd.NaT),
                "megabytes": part.size / 1e6,
                "storage": identity["parameters"]["storage"],
                "block": identity["parameters"]["block"],
                "version": identity["version"],
                "archived": len(identity.get("archived", ())),
                "run": Path(part.path).name,
            }
        )
    return pd.DataFrame(rows)


def tell_replaced(
    stack: xr.Dataset,
    folder: str | os.PathLike,
    *,
    name: str = "interferograms",
    storage: str = "float32",
    block: int = 64,
) -> str:
    """Say which finished store :func:`ingest` of a stack replaces. Nothing is read but coordinates.

    Parameters
    ----------
    stack, folder, name, storage, block
        As for :func:`ingest`.

    Returns
    -------
    str
        One line: how many pairs are stored, and since when; and that they may be appended to, if the stack has all of
        them and more. Empty if nothing finished is there, or this very stack.

    Raises
    ------
    QtpDataError
        R12: what lies there is not the JSON that was written.

    Examples
    --------
    >>> from qtp_toolkit import store
    >>> days = np.array(["2020-01-01", "2020-01-13", "2020-01-25"], "datetime64[ns]")
    >>> pairs = {"reference": ("pair", days[:2]), "secondary": ("pair", days[1:])}
    >>> phase = xr.DataArray(np.ones((2, 16, 16), "f4"), pairs, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> stack = phase.to_dataset(name="phase")
    >>> path = store.ingest(stack.isel(pair=[1]), folder / "area")
    >>> store.tell_replaced(stack.isel(pair=[1]), path)
    ''
    >>> store.tell_replaced(stack, path).partition("; ")[2]
    'all of them are in the stack: --append would add the 1 that it lacks and keep them'
    """
    at = Path(folder).expanduser().resolve() / f"{name}.json"
    pointer = read_pointer(at.parent, name)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # which maps are left out is told by ingest
        made = identify(without_layers(stack), {"storage": storage, "block": block, "format": FORMAT}, code=False)
    if pointer is None or pointer["fingerprint"] == fingerprint(made):
        return ""
    since = datetime.fromtimestamp(at.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    try:
        kept, own = ({*zip(*pair_dates(ds), strict=True)} for ds in (open_base(folder, name).ds, stack))
    except QtpDataError:  # damaged, or no stack: what can be said is that it goes
        return f"a finished {name!r} of {since} is replaced"
    line = f"a finished store of {len(kept)} pairs, written {since}, is replaced"
    if not kept < own:
        return line
    return f"{line}; all of them are in the stack: --append would add the {len(own - kept)} that it lacks and keep them"
