"""Append: new pairs join a finished store as a part of their own; what is stored is neither read nor written again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from dask.base import tokenize

from qtp_toolkit._pairs import name_pairs, pair_dates
from qtp_toolkit.conventions import PAIR, QtpDataError, X, Y
from qtp_toolkit.store.comparing import (
    Base,
    open_base,
    refuse_lost_pairs,
    refuse_other_kind,
    refuse_other_level,
    refuse_other_stack,
    refuse_other_values,
    sources,
)
from qtp_toolkit.store.fingerprint import identify
from qtp_toolkit.store.layout import spatial
from qtp_toolkit.store.parts import parts_of
from qtp_toolkit.store.run import writing
from qtp_toolkit.store.stack import Work, check_stack, copy, foresee, with_error, without_layers

_CHUNK_BYTES = 128_000_000
"""Of the new pairs together, rows of a chunk hold about so much."""


def append(
    stack: xr.Dataset,
    folder: str | os.PathLike,
    *,
    name: str = "interferograms",
    archived: bool = False,
    storage: str | None = None,
    block: int | None = None,
    memory_budget: float = 2e9,
    restart: bool = False,
    progress: bool = False,
) -> Path:
    """Add the pairs of a stack that a store lacks; then it reads as if the whole stack had been ingested at once.

    Parameters
    ----------
    stack : xarray.Dataset
        As for :func:`ingest`, with all pairs, those of the store and new ones, before, after or between them in time.
        Open it pair by pair, ``catalog.open(source, chunks=store.by_pair(...))``, so that only the files of new pairs
        are read. Every pair must be made of its own files alone: what is estimated from all pairs together, as ramps
        that are weighed, belongs after the store.
    folder : path
        Of a store that :func:`ingest` wrote.
    name : str
        Name of the store in the folder.
    archived : bool
        Pairs of the store whose files, or which themselves in the stack, are no longer there stay as they are stored.
        Their files are not looked at from then on unless they come back. Coordinates of these pairs and attributes are
        then those of the store, and pairs are in the order of their dates.
    storage, block : optional
        Those of the store; another one is refused.
    memory_budget : float
        Bytes, as for :func:`ingest`; of the new pairs only.
    restart : bool
        Discard what an interrupted append (or ingest) of something else left unfinished.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    pathlib.Path
        The folder, for :func:`open_store`. Without new pairs nothing is written.

    Raises
    ------
    MissingSourceError
        If there is no finished store; R01: its writing was interrupted.
    QtpDataError
        R08: files of earlier pairs have changed or are gone, or a block of one of them reads otherwise than it was
        stored; or an unfinished run of something else. R16: pairs of the store are missing in the stack; other
        variables, wavelength, storage or block. I05 to I07: another grid. I19: a pair stands twice. And what
        :func:`ingest` raises.

    Warns
    -----
    UserWarning
        If chunks of the stack hold earlier pairs along with new ones: all of them are read. If no value of a variable
        is stored in a pair that the stack has, too: whether it is read as it was cannot be told.

    Notes
    -----
    The new pairs become a part beside the earlier ones: blocks of all pairs are put together when they are read, which
    costs the opening of one more small file a part. :func:`ingest` of the whole stack, or :func:`join`, makes one part
    again. Earlier parts are never touched, so the earlier version can be read until the new one takes its name, in one
    step, and by whoever opened it, afterwards. What a killed call leaves is resumed by the same call.

    Size and time of the files of earlier pairs must be what they were. They are not read, but for one block of one
    pair that has values, which must be those that are stored: that a catalog has changed is not seen in its files.

    Examples
    --------
    >>> from qtp_toolkit import store
    >>> days = np.array(["2020-01-01", "2020-01-13", "2020-01-25", "2020-02-06"], "datetime64[ns]")
    >>> pairs = {"reference": ("pair", days[:3]), "secondary": ("pair", days[1:])}
    >>> phase = xr.DataArray(np.ones((3, 16, 16), "f4"), pairs, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> stack = xr.Dataset({"phase": phase}).chunk(pair=1)
    >>> path = store.ingest(stack.isel(pair=[0, 2]), folder / "area")
    >>> path = store.append(stack, folder / "area")
    >>> store.open_store(path)["phase"].identical(stack["phase"])
    True
    >>> store.describe(path)["pairs"].tolist()
    [2, 1]
    """
    base = open_base(folder, name)
    refuse_other_kind(base, storage=storage, block=block)
    stack = without_layers(stack)
    how = {"storage": base.parameters["storage"], "block": base.parameters["block"]}
    check_stack(stack, **how)
    plan = _plan(stack, base, archived=archived)
    if not plan.fresh:
        return base.folder
    _warn_of_others(stack, plan.fresh)
    work = foresee(plan.part, memory_budget=memory_budget, **how)._replace(whole=plan.whole)
    with writing(folder, name, _identity(work, base, plan)) as run:
        if run.is_published:
            return run.folder
        base.refuse_change(name)
        copy(run, work, restart=restart, progress=progress)
        return run.publish(**work.contents, at=plan.at[-1], earlier=_earlier(base, plan))


def new_pairs(stack: xr.Dataset, folder: str | os.PathLike, *, name: str = "interferograms") -> list[int]:
    """Positions of the pairs of a stack that a finished store lacks; nothing is read but the store's coordinates.

    Parameters
    ----------
    stack : xarray.Dataset
        With coords ``reference`` and ``secondary`` on dim ``pair``.
    folder : path
        Of the store.
    name : str
        Name of the store in the folder.

    Returns
    -------
    list of int
        In the order of the stack.

    Raises
    ------
    MissingSourceError
        If there is no finished store.
    QtpDataError
        I19: a pair stands twice.

    Examples
    --------
    >>> from qtp_toolkit import store
    >>> days = np.array(["2020-01-01", "2020-01-13", "2020-01-25"], "datetime64[ns]")
    >>> pairs = {"reference": ("pair", days[:2]), "secondary": ("pair", days[1:])}
    >>> phase = xr.DataArray(np.ones((2, 16, 16), "f4"), pairs, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> path = store.ingest(phase.to_dataset(name="phase").isel(pair=[1]), folder / "area")
    >>> store.new_pairs(phase.to_dataset(name="phase"), path)
    [0]
    """
    kept = set(_keys(open_base(folder, name).ds))
    return [k for k, key in enumerate(_keys(stack)) if key not in kept]


def by_pair(stack: xr.Dataset, pairs: int) -> dict[str, int]:
    """Chunks with which to open a stack anew, so that some of its pairs can be read without the others.

    Parameters
    ----------
    stack : xarray.Dataset
        As its reader opens it by default: its rows say where its files can be cut.
    pairs : int
        How many will be read, 1 or more.

    Returns
    -------
    dict of str to int
        One pair, whole rows, and as many of them as make 128 MB of the pairs that will be read.

    Examples
    --------
    >>> import dask.array
    >>> zeros = dask.array.zeros((466, 6444, 2778), chunks=(466, 64, 1024), dtype="f4")
    >>> by_pair(xr.DataArray(zeros, dims=("pair", "y", "x")).to_dataset(name="phase"), 8)
    {'pair': 1, 'y': 1408, 'x': -1}
    """
    height, width = (stack["phase"].sizes[dim] for dim in (Y, X))
    rows = max(stack["phase"].chunksizes.get(Y, (1,)))
    fitting = int(_CHUNK_BYTES // (4 * max(pairs, 1) * width))
    return {PAIR: 1, Y: min(max(fitting // rows, 1) * rows, height), X: -1}


class _Plan(NamedTuple):
    """The new pairs, by position and as a stack; where pairs of each part stand; what is said of all; and the files."""

    fresh: list[int]
    part: xr.Dataset
    at: list[list[int]]
    whole: xr.Dataset
    files: dict[str, Any]
    archived: dict[str, Any]


def _plan(stack: xr.Dataset, base: Base, *, archived: bool) -> _Plan:
    """Compare a stack with the store, refuse what does not belong together, and say which pairs go where."""
    own, kept = _keys(stack), _keys(base.ds)
    refuse_other_stack(stack, base)
    index = {key: k for k, key in enumerate(own)}
    refuse_lost_pairs([_named(key) for key in kept if key not in index], total=len(kept), archived=archived)
    files, away = sources(base, archived=archived)
    both = [(index[key], k) for k, key in enumerate(kept) if key in index]
    names = name_pairs(stack)
    refuse_other_level(stack, base, [names[k] for k, _ in both])
    refuse_other_values(stack, base, both, names)
    known = set(kept)
    fresh = [k for k, key in enumerate(own) if key not in known]
    part = stack.isel({PAIR: fresh})
    if len(both) == len(kept):
        whole = _description(stack).assign_attrs(with_error(base.parameters["storage"]))
    else:
        part = _said_as(part, base.ds)
        whole = _merged(base.ds, part)
    place = {key: k for k, key in enumerate(_keys(whole))}
    earlier = [list(part.at) for part in parts_of(base.folder, base.pointer)]
    earlier = [list(range(len(kept)))] if len(earlier) == 1 else earlier
    at = [[place[kept[k]] for k in each] for each in earlier] + [[place[own[k]] for k in fresh]]
    return _Plan(fresh, part, at, whole, files, away)


def _keys(ds: xr.Dataset) -> list[tuple[int, int]]:
    """Dates of each pair as numbers, or I19 for pairs that stand twice."""
    ends = (dates.astype("datetime64[ns]").astype("int64").tolist() for dates in pair_dates(ds))
    keys = list(zip(*ends, strict=True))
    if len(set(keys)) < len(keys):
        twice = sorted({_named(key) for key in keys if keys.count(key) > 1})
        raise QtpDataError("pair stands twice", found=", ".join(twice[:3]), code="I19", hint="Drop duplicates.")
    return keys


def _named(key: tuple[int, int]) -> str:
    return "/".join(str(np.datetime64(end, "ns").astype("datetime64[D]")) for end in key)


def _description(ds: xr.Dataset) -> xr.Dataset:
    """Everything of a stack but its blocks."""
    return ds.drop_vars(list(spatial(ds)))


def _said_as(part: xr.Dataset, kept: xr.Dataset) -> xr.Dataset:
    """Give new pairs the attributes of the store, and its pixels by their very coordinates."""
    grid = {key: da for key, da in kept.coords.items() if PAIR not in da.dims}
    part = part.assign_coords(grid).assign_attrs(kept.attrs)
    return part.assign({key: part[key].assign_attrs(kept[key].attrs) for key in part.data_vars})


def _merged(kept: xr.Dataset, part: xr.Dataset) -> xr.Dataset:
    """Say of stored and of new pairs what a whole stack would, by date if the pairs of the store are."""
    join: dict[str, Any] = {"coords": "minimal", "compat": "override", "join": "override", "data_vars": "minimal"}
    whole = xr.concat([_description(kept), _description(part)], PAIR, combine_attrs="override", **join)
    keys = _keys(kept)
    return whole.isel({PAIR: _sorted(_keys(whole))}) if keys == sorted(keys) else whole


def _sorted(keys: Sequence[tuple[int, int]]) -> list[int]:
    return sorted(range(len(keys)), key=keys.__getitem__)


def _warn_of_others(stack: xr.Dataset, fresh: Sequence[int]) -> None:
    """Tell if earlier pairs are read because they share chunks with new ones."""
    along: set[int] = set()
    for da in spatial(stack).values():
        sizes = da.chunksizes.get(PAIR, (1,) * stack.sizes[PAIR])
        chunk = np.repeat(np.arange(len(sizes)), sizes)
        along |= set(np.flatnonzero(np.isin(chunk, chunk[list(fresh)])).tolist())
    others = along - set(fresh)
    if others:
        warnings.warn(
            f"{len(others)} earlier pairs are read along with {len(fresh)} new ones, which takes as long as to write "
            "the store anew: open the stack pair by pair, catalog.open(source, chunks=store.by_pair(stack, "
            f"{len(fresh)}))",
            stacklevel=3,
        )


def _identity(work: Work, base: Base, plan: _Plan) -> dict[str, Any]:
    """Name what the new version is made of: its part, what is said of all pairs, and the version below."""
    parameters = work.parameters | {"appended_to": base.pointer["fingerprint"]}
    made = identify(work.stack, parameters, code=False)
    files = dict(sorted((plan.files | made["files"]).items()))
    return made | {"files": files, "archived": plan.archived, "whole": tokenize(plan.whole), "at": plan.at}


def _earlier(base: Base, plan: _Plan) -> list[dict[str, Any]]:
    """Say of each earlier part which run it is, where its pairs stand now, and which files it has."""
    parts = parts_of(base.folder, base.pointer)
    return [
        {"run": part.path.relative_to(base.folder).as_posix(), "at": at, "arrays": part.arrays}
        for part, at in zip(parts, plan.at[:-1], strict=True)
    ]
