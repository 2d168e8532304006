"""Connected components of unwrapping beside a stack of GeoTIFFs, one file a pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, QtpDataError, coordinate
from qtp_toolkit.load.files.checks import as_paths, no_duplicates
from qtp_toolkit.load.files.dates import pair_expression
from qtp_toolkit.load.files.headers import headers
from qtp_toolkit.load.files.tiff import Decode
from qtp_toolkit.load.insar.pairs import dates_of
from qtp_toolkit.load.insar.stack import beside, opened_from

OUTSIDE = Decode(dtype="int16", fill=-1)
"""Whole numbers: 0 is no component, -1 outside of the file."""


def with_components(stack: xr.Dataset, paths: Sequence[Path] | None, *, pattern: str | None = None) -> xr.Dataset:
    """Open the components of all pairs of a stack, matched by the dates in their names.

    Parameters
    ----------
    stack : xarray.Dataset
        From :func:`interferograms`, before anything else is done with it.
    paths : sequence of path, optional
        One a pair, or none, and the stack stays as it is; files of other pairs are passed over.
    pattern : str, optional
        As for :func:`interferograms`.

    Returns
    -------
    xarray.Dataset
        With ``component`` (pair, y, x), int16, 0 without one. Lazy.

    Raises
    ------
    QtpDataError
        I03: pairs without a file; I19: two files of a pair; I27: names without dates; another grid.
    """
    if paths is None:
        return stack
    grid, _ = opened_from(stack)
    paths = as_paths(paths)
    dates = dates_of(paths, pair_expression(pattern)) if pattern else dates_of(paths)
    keys = [(min(pair), max(pair)) for pair in dates]
    no_duplicates([f"{a} {b}" for a, b in keys], list(paths), "pair", "I19")
    files = dict(zip(keys, paths, strict=True))
    first, second = (coordinate(stack, name).astype("datetime64[D]") for name in (REFERENCE, SECONDARY))
    asked = list(zip(first, second, strict=True))
    lacking = [f"{a} {b}" for a, b in asked if (a, b) not in files]
    if lacking:
        raise QtpDataError(
            f"{len(lacking)} of {stack.sizes[PAIR]} pairs have no file of components",
            where="; ".join(lacking[:5]),
            hint="Leave the role component out of the uri.",
            code="I03",
        )
    found = headers([files[pair] for pair in asked])
    return stack.assign(component=beside(stack, grid, found, OUTSIDE, variable="component"))
