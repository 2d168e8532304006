"""What may be appended to a store: the same grid, the same kind of stack, and sources that are what they were."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit._inputs import state
from qtp_toolkit.conventions import CYCLES, PAIR, QtpDataError, X, Y, on_pixels_of
from qtp_toolkit.store.compact import STEP, as_stored
from qtp_toolkit.store.layout import spatial
from qtp_toolkit.store.opening import open_store
from qtp_toolkit.store.run import locate, read_identity, read_pointer
from qtp_toolkit.store.stack import FORMAT

_ANEW = "Another stack belongs into a store of its own; without --append (store.ingest) this one is written anew."
"""What can be done where nothing can be appended."""
_LACKING = "pairs_without_coherence"
_ARCHIVED = (
    "If they were put away on purpose, --archived (archived=True) keeps their pairs as they are stored; without "
    "--append the store is written anew from what is there."
)


class Base(NamedTuple):
    """The version of a store that is appended to: its pointer, what it was made of, and what it reads as."""

    folder: Path
    name: str
    pointer: dict[str, Any]
    identity: dict[str, Any]
    ds: xr.Dataset

    @property
    def parameters(self) -> dict[str, Any]:
        """Kind of storage and side of a block."""
        return self.identity["parameters"]

    def refuse_change(self, name: str) -> None:
        """R08: the name points elsewhere than it did when this was opened; for whoever holds the lock."""
        if read_pointer(self.folder, name) != self.pointer:
            raise QtpDataError(
                f"{name!r} was written anew meanwhile", path=self.folder, code="R08", hint="Make the same call again."
            )


def open_base(folder: str | os.PathLike, name: str) -> Base:
    """Open the store of interferograms that something is to be appended to."""
    folder = Path(folder).expanduser().resolve()
    path, pointer = locate(folder, name)
    identity = read_identity(path)
    if not {"storage", "block", "format"} <= set(identity["parameters"]):
        raise QtpDataError(f"{name!r} is no store of interferograms", path=path, found=list(pointer["variables"]))
    return Base(folder, name, pointer, identity, open_store(folder, name=name))


def refuse_other_kind(base: Base, *, storage: str | None, block: int | None) -> None:
    """R16: another kind of storage, another side of a block, or another format than the store has."""
    for what, asked in (("storage", storage), ("block", block), ("format", FORMAT)):
        if asked is not None and asked != base.parameters[what]:
            raise QtpDataError(
                f"the store has another {what}",
                path=base.folder,
                expected=f"{what}={base.parameters[what]!r}, as the store",
                found=f"{what}={asked!r}",
                hint=_ANEW if what == "format" else "Leave it away: what is appended takes that of the store.",
                code="R16",
            )


def refuse_other_stack(stack: xr.Dataset, base: Base) -> None:
    """I05 to I07, R16: another grid, other variables, another wavelength; R08: files of coherence that came late."""
    own, kept = (sorted(map(str, ds.data_vars)) for ds in (stack, base.ds))
    if own != kept:
        raise _unlike("other variables", ", ".join(kept), ", ".join(own))
    own, kept = (sorted(str(key) for key, da in ds.coords.items() if PAIR in da.dims) for ds in (stack, base.ds))
    if own != kept:
        raise _unlike("other coordinates of the pairs", ", ".join(kept), ", ".join(own))
    for holders in ((stack, base.ds), (stack["phase"], base.ds["phase"])):
        now, then = (each.attrs.get("wavelength") for each in holders)
        if now is not None and then is not None and not np.isclose(now, then, rtol=1e-6, atol=0):
            raise _unlike("another wavelength", f"{then} m", f"{now} m")
    _refuse_other_grid(stack, base.ds)
    lacked, lack = (int(ds.attrs.get(_LACKING, 0)) for ds in (base.ds, stack))
    if lack < lacked:
        raise QtpDataError(
            "earlier pairs have a coherence now that they had not",
            expected=f"{_LACKING}={lacked}, as the store, or more",
            found=lack,
            hint="Write the store anew: the same without --append (store.ingest).",
            code="R08",
        )


def refuse_other_level(stack: xr.Dataset, base: Base, pairs: Sequence[str]) -> None:
    """R16: components of pairs that both have were brought to another level then than with the new pairs."""
    now, then = (ds["phase"].attrs.get(CYCLES) for ds in (stack, base.ds))
    moved = [pair for pair in pairs if (now or {}).get(pair) != (then or {}).get(pair)]
    one_alone = (now is None) != (then is None)
    if moved or one_alone:
        what = "of the store" if now is None else "of the stack"
        raise QtpDataError(
            f"components {what} were brought to one level, and those of the other were not"
            if one_alone
            else "with the new pairs, components of earlier ones are brought to another level",
            where=", ".join(moved[:3]) or None,
            hint="Write the store anew: the same without --append (store.ingest).",
            code="R16",
        )


def _refuse_other_grid(stack: xr.Dataset, kept: xr.Dataset) -> None:
    shapes = [" x ".join(str(ds.sizes[dim]) for dim in (Y, X)) for ds in (stack, kept)]
    if shapes[0] != shapes[1]:
        raise _unlike("another number of pixels", shapes[1], shapes[0], code="I06")
    asked = [key for key in (Y, X, "spatial_ref") if (key in stack.coords) != (key in kept.coords)]
    if asked:
        raise _unlike(
            "another grid", *(", ".join(key for key in asked if key in ds.coords) or "none" for ds in (kept, stack))
        )
    for dim in [dim for dim in (Y, X) if dim in kept.coords and kept.sizes[dim] > 1]:
        first, last = (kept[dim].values[at] for at in (0, -1))
        own = stack[dim].values
        if (own[-1] - own[0]) * (last - first) < 0:
            raise _unlike(
                f"another direction of {dim}", f"from {first} to {last}", f"from {own[0]} to {own[-1]}", code="I05"
            )
    try:
        on_pixels_of(*(ds["phase"].isel({PAIR: 0}, drop=True) for ds in (stack, kept)), name="what is appended")
    except QtpDataError as error:
        sizes = {} if error.code == "I07" else {"expected": None, "found": None}  # they are the same
        raise error.restated(what=f"the store has another grid: {error.what}", hint=_ANEW, **sizes) from None


def _unlike(what: str, expected: str, found: str, *, code: str = "R16") -> QtpDataError:
    return QtpDataError(f"the store has {what}", expected=expected, found=found, hint=_ANEW, code=code)


def refuse_lost_pairs(lost: Sequence[str], *, total: int, archived: bool) -> None:
    """R16: some of ``total`` pairs of the store are no longer in the stack, unless they are archived."""
    if lost and not archived:
        raise QtpDataError(
            f"the stack lacks {len(lost)} of {total} pairs of the store",
            where=PAIR,
            found=", ".join(lost[:3]) + ", ..." * (len(lost) > 3),
            hint=_ARCHIVED,
            code="R16",
        )


def known_files(base: Base) -> dict[str, Any]:
    """Files that the pairs of a store were read from, with size and time as they were then; not those put away."""
    return base.identity.get("sources", base.identity["files"])


def sources(base: Base, *, archived: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files of the store as they are known: those that are there, and those that were put away; R08 if one changed."""
    away = dict(base.identity.get("archived", {}))
    known = known_files(base) | away
    now = {path: state(path) for path in known}
    changed = [path for path, was in known.items() if now[path] is not None and now[path] != was]
    if changed:
        raise QtpDataError(
            f"{len(changed)} of {len(known)} files changed since their pairs were stored",
            path=", ".join(changed[:3]),
            expected="size and time as they were then",
            code="R08",
            hint="Put them back as they were, or write the store anew: the same without --append (store.ingest).",
        )
    gone = {path: was for path, was in known.items() if now[path] is None}
    missing = [path for path in gone if path not in away]
    if missing and not archived:
        raise QtpDataError(
            f"{len(missing)} of {len(known)} files of earlier pairs are gone",
            path=", ".join(missing[:3]),
            code="R08",
            hint=_ARCHIVED,
        )
    return {path: was for path, was in known.items() if path not in gone}, gone


def refuse_other_values(stack: xr.Dataset, base: Base, places: Sequence[tuple[int, int]], names: Sequence[str]) -> None:
    """R08: one block of one earlier pair does not read as it is stored: its source is read in another way now.

    The block has valid values of the newest stored pair that has any (whose files are the last to be put away): the one
    in the middle, or the fullest where that one is empty.

    Parameters
    ----------
    stack : xarray.Dataset
    base : Base
    places : sequence of (int, int)
        Where the pairs that both have stand in the stack and in the store.
    names : sequence of str
        Of the pairs of the stack.

    Warns
    -----
    UserWarning
        Where no pair that both have holds a value: nothing tells then whether sign and scale are what they were.
    """
    looks = open_store(base.folder, name=base.name, quicklook=True)
    for key, da in spatial(stack).items():
        place = _telling(looks[key], [kept for _, kept in places], base.parameters["block"])
        if place is None:
            warnings.warn(
                f"{base.folder}: no value of {key} in a pair that store and stack have, so nothing tells whether sign "
                "and scale are those of the store: compare a map of a new pair with one of an old pair",
                stacklevel=4,
            )
            continue
        own, kept = places[place[0]]
        now = np.asarray(da.isel({PAIR: slice(own, own + 1), **place[1]}).to_numpy(), "float32")
        now = as_stored(now, key, base.parameters["storage"])
        then = base.ds[key].isel({PAIR: slice(kept, kept + 1), **place[1]}).to_numpy()
        if not np.array_equal(now, then, equal_nan=True):
            raise QtpDataError(
                "an earlier pair reads otherwise than it was stored",
                variable=key,
                where=f"pair {names[own]}, block from row {place[1][Y].start}, column {place[1][X].start}",
                found=f"{np.sum((now != then) & ~(np.isnan(now) & np.isnan(then)))} of {now.size} values differ",
                hint="Files are as they were, so the catalog or what is done to the stack has changed. Undo that, or "
                "write the store anew: the same without --append (store.ingest).",
                code="R08",
            )


def _telling(looks: xr.DataArray, kept: Sequence[int], block: int) -> tuple[int, dict[str, slice]] | None:
    """Position in ``kept`` of the last pair with values other than 0, and a block that has some; None if none has."""
    cells = block // STEP
    for at in reversed(range(len(kept))):
        look = looks.isel({PAIR: kept[at]}).to_numpy()
        known = np.isfinite(look) & (look != 0)  # zeros have no sign
        if not known.any():
            continue
        starts = [np.arange(0, size, cells) for size in known.shape]
        count = np.add.reduceat(np.add.reduceat(known.astype(int), starts[0], axis=0), starts[1], axis=1)
        chosen: tuple[int, ...] = tuple(size // cells // 2 for size in known.shape)
        if not count[chosen]:
            chosen = tuple(int(k) for k in np.unravel_index(count.argmax(), count.shape))
        return at, {dim: slice(k * block, (k + 1) * block) for dim, k in zip((Y, X), chosen, strict=True)}
    return None
