"""What files say of their numbers, and whether these can be unwrapped phase in rad: asked by every reader of pairs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qtp_toolkit.load.files.checks import refuse_bad
from qtp_toolkit.load.files.headers import Header

_PHASE = "unwrapped phase in rad (decimal numbers)"
_RADIANS = ("", "rad", "radian", "radians", "phase", "abs_phase", "1", "unitless")
"""Unit tags of phase in rad: SNAP writes the quantity, others that there is no unit."""
_CYCLES = "Set parameters.scale_factor: 6.2831853, which makes rad of cycles."
_OTHER = {
    "I10": ("wrapped phase", re.compile(r"(?<!un)wrap(?:ped|Phase)|diff_pha(?![a-z])|phasefilt", re.IGNORECASE)),
    "I12": ("displacement", re.compile(r"(?:los|vert)_?disp|displacement", re.IGNORECASE)),
}
_INSTEAD = {"I12": " Displacement of OPERA is read by driver opera_disp, of MintPy by mintpy, as kind: dataset."}
"""What the names of other products say that they hold, by the fault that it would be."""


class Quantity(NamedTuple):
    """What a file, or a dataset in it, says of its numbers: name, type, unit, scale and offset."""

    path: Path
    name: str
    dtype: str
    unit: str = ""
    scale: tuple[float, float] = (1.0, 0.0)

    @classmethod
    def of(cls, header: Header, band: int = 1) -> Quantity:
        """Read what a header says of a band, from 1."""
        name = header.dataset.rpartition("/")[2] or header.path.name
        return cls(header.path, name, header.dtype, header.units[band - 1], header.scales[band - 1])


def refuse_not_phase(told: Sequence[Quantity], *, scale_factor: float | None = None, scalable: bool = False) -> None:
    """Refuse what name, type or unit rule out: complex numbers; whole ones and other units without a scale.

    Parameters
    ----------
    told : sequence of Quantity
        One a file.
    scale_factor : float, optional
        Given scale to rad: it overrules names, and units with a warning.
    scalable : bool
        Whether the reader has such a setting to advise.

    Raises
    ------
    QtpDataError
        I10, I12: wrapped phase or displacement by its name; I11: complex or whole numbers, degrees; I12: another unit.
    """
    for code, (what, name) in _OTHER.items() if scale_factor is None else ():
        named = [(q.path, f"is {what} by its name") for q in told if name.search(q.name)]
        hint = f"Narrow the uri to the unwrapped phase.{_INSTEAD.get(code, '')}"
        refuse_bad(named, "unwrapped phase", total=len(told), code=code, hint=hint)
    kinds = [(q, np.dtype(q.dtype).kind) for q in told]
    bad = [(q.path, f"holds {q.dtype}") for q, kind in kinds if kind not in "fiu"]
    packed = [
        (q.path, f"holds {q.dtype}")
        for q, kind in kinds
        if kind in "iu" and q.scale == (1.0, 0.0) and scale_factor is None
    ]
    refuse_bad(bad, _PHASE, total=len(told), code="I11")
    hint = "Give the unwrapped phase in rad, or set parameters.scale_factor if these are packed numbers."
    refuse_bad(packed, _PHASE, total=len(told), code="I11", hint=hint if scalable else None)
    odd = [(q.path, f"its unit is {unit!r}") for q in told if (unit := q.unit.strip().lower()) not in _RADIANS]
    if odd and scale_factor is not None:
        warnings.warn(f"scale_factor: {scale_factor:g} overrules the unit tag: {odd[0][1]} (I12)", stacklevel=3)
        return
    degrees = any("'deg" in text for _, text in odd)
    cycles = _CYCLES if scalable and all("'cycle" in text for _, text in odd) else None
    refuse_bad(odd, "phase in rad", total=len(told), code="I11" if degrees else "I12", hint=cycles)
