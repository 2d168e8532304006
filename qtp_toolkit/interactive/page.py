"""What every interactive figure shares: texts that cannot carry markup, colors."""

from __future__ import annotations

import re
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr

from qtp_toolkit.plot.maps import decimate
from qtp_toolkit.plot.style import label, provenance, style_of

RASTERIZE_ABOVE = 400_000
"""Maps with more pixels than this are drawn by datashader for the zoom at hand."""

MAX_TEXT = 200
_HARMLESS = str.maketrans({"<": "‹", ">": "›", '"': "”", "'": "’", "`": "’"})
_SUPERSCRIPT = str.maketrans("-.0123456789", "⁻·⁰¹²³⁴⁵⁶⁷⁸⁹")


def safe(text: object) -> str:
    """Text that may stand anywhere in a page, drawn or as HTML: no markup, no formulas, at most 200 characters.

    Every name and attribute that comes from a file or a catalog passes through here on its way to a title, an axis, a
    legend or a menu. Most of these are drawn, not parsed, and would show an escaped character as it is written; so what
    markup is made of is replaced by characters that look alike.

    >>> safe("<b>rate & more</b>")
    '‹b›rate & more‹/b›'
    """
    plain = "".join(char if char.isprintable() else " " for char in str(text))
    return plain[:MAX_TEXT].replace("$$", "$ $").replace("\\(", "(").replace("\\[", "[").translate(_HARMLESS)


def caption(da: xr.DataArray) -> str:
    """Label with unit, as in the static figures, without markup."""
    plain = re.sub(r"\$\^\{(.+?)\}\$", lambda found: found.group(1).translate(_SUPERSCRIPT), label(da))
    return safe(plain)


def heading(title: str, *objects: Any) -> str:
    """Title of a figure, with the provenance note of the first of ``objects`` that has one."""
    note = provenance(*objects)
    return " · ".join(part for part in (safe(title), safe(note) if note else "") if part)


def colors(da: xr.DataArray, **style: Any) -> dict[str, Any]:
    """``cmap`` as a list of hex colors and ``clim``, from the table that the static figures use."""
    thin = decimate(da)
    how = style_of(thin.copy(data=np.asarray(thin.values, dtype="float64")), **style)
    cmap = mpl.colormaps[how["cmap"]] if isinstance(how["cmap"], str) else how["cmap"]
    return {
        "cmap": [mpl.colors.to_hex(cmap(value)) for value in np.linspace(0, 1, 256)],
        "clim": (float(how["vmin"]), float(how["vmax"])),
    }
