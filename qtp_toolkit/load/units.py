"""Units of files and ours, and scale factors that contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qtp_toolkit.conventions import QtpDataError

CONVERSIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("radian", "degree"): (180.0 / np.pi, 0.0),
    ("K", "degC"): (1.0, -273.15),
    ("%", "1"): (0.01, 0.0),
    ("permille", "1"): (0.001, 0.0),
    ("g/kg", "1"): (0.001, 0.0),
    ("cg/cm3", "kg m-3"): (10.0, 0.0),
    ("g/cm3", "kg m-3"): (1000.0, 0.0),
    ("kg/m3", "kg m-3"): (1.0, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("m", "mm"): (1000.0, 0.0),
    ("cm", "mm"): (10.0, 0.0),
}
"""Factor and offset from a unit of files to ours."""


def conversion(units: str | None, ours: str, path: Path, variable: str) -> tuple[float, float]:
    """Factor and offset from a unit to ours; an error that lists the known ones if there is none.

    Parameters
    ----------
    units : str, optional
        Unit in the file; None is ours.
    ours : str
    path : path
    variable : str
    """
    if units is None or units == ours:
        return 1.0, 0.0
    if (units, ours) not in CONVERSIONS:
        raise QtpDataError(
            f"no conversion from {units!r} to {ours!r}",
            path=path,
            variable=variable,
            code="S02",
            expected=[a for a, b in CONVERSIONS if b == ours] + [ours],
            hint="Use scale_factor and add_offset to reach one of them.",
        )
    return CONVERSIONS[units, ours]


def refuse_other_scale(path: Path, tags: Mapping[str, Any], scale_factor: float) -> None:
    """Raise if the file's own scale is not the one that is used (M11): one of them is wrong.

    Parameters
    ----------
    path : path
    tags : mapping
        From :func:`qtp_toolkit.load.bands.band_tags`.
    scale_factor : float
        What the catalog says.
    """
    own = float(tags.get("scale_factor", 1.0))
    if not np.isclose(own, scale_factor, rtol=1e-6) and own != 1.0:
        raise QtpDataError(
            "the file's own scale is not the one of the catalog",
            path=path,
            expected=f"scale_factor {scale_factor:g}",
            found=f"scale_factor {own:g} in the file",
            code="M11",
            hint="Set parameters.scale_factor to the file's, if its values are stored unscaled.",
        )
