"""What a store holds, without reading its blocks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from qtp_toolkit.conventions import REFERENCE, SECONDARY
from qtp_toolkit.store.comparing import open_base
from qtp_toolkit.store.parts import parts_of
from qtp_toolkit.store.run import read_identity

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
