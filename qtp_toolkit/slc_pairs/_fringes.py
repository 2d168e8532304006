"""Planes of fringes that neither ground nor air make: found in each pair, told of all pairs at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from qtp_toolkit._atomic import PARTIAL, put_file
from qtp_toolkit.conventions import QtpDataError, X, Y

_MOST_CYCLES = 20.0
"""Fringes of a plane across an image that neither ground nor air make: orbit and topography are still in it."""
_MOST_TURN = 1.0
"""The same of the step from pixel to pixel, rad."""
_AGREE = 0.3
"""Share of the power in which neighbors agree on the step; noise has a step too, and none of this."""
_ENDING = f".fringes{PARTIAL}"
"""Such notes are swept away with what is only being written: they hold for one run."""
_LISTED = 8


def find_fringes(raw: xr.DataArray) -> str | None:
    """Say which plane of fringes is orbit or topography, for coherence and looks suffer from it; None without one."""
    values = np.nan_to_num(raw.transpose(Y, X).values)
    power = float(np.sum(abs(values) ** 2))
    for dim, image in ((Y, values), (X, values.T)):
        step = np.vdot(image[:-1], image[1:])
        turn = abs(float(np.angle(step)))
        cycles = turn * len(image) / (2 * np.pi)
        if abs(step) > _AGREE * power and (cycles > _MOST_CYCLES or turn > _MOST_TURN):
            return f"{cycles:.1f} cycles along {dim}, {turn:.2f} rad a pixel"
    return None


def note(target: Path, found: str) -> None:
    """Write beside the place of a pair why it was not made."""
    put_file(_note_of(target), found.encode())


def noted(target: Path) -> str | None:
    """Return why a pair was not made in this run; None if it was, or is still to be."""
    path = _note_of(target)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def refuse(bad: Mapping[str, str], *, total: int) -> None:
    """Raise one error that lists the pairs with a plane of fringes, and the date that all of them have, if any."""
    if not bad:
        return
    counts = Counter(date for key in bad for date in key.split("_"))
    common = [date for date, count in counts.items() if count == len(bad)]
    one = f"All of them have {common[0]}: look at its image and its flat phase first. " if len(common) == 1 else ""
    listed = "; ".join(f"{key}: {found}" for key, found in list(bad.items())[:_LISTED])
    more = f"; and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
    raise QtpDataError(
        f"images are not flattened: a plane of fringes runs across {len(bad)} of {total} interferograms",
        where=", ".join(bad),
        expected=f"at most {_MOST_CYCLES:g} cycles, and {_MOST_TURN:g} rad a pixel; the other pairs are made",
        found=listed + more,
        hint=f"{one}Give the phase of orbit and topography of each date as role flat, or flattened images; "
        "allow_fringes=True (--allow-fringes) takes them for real.",
        code="I32",
    )


def _note_of(target: Path) -> Path:
    return target.with_name(f".{target.name}{_ENDING}")
