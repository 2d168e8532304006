"""What every interactive figure shares: loading in the right order, texts that cannot carry markup, colors."""

from __future__ import annotations

import html
import re
import sys
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr

from qtp_toolkit.plot.maps import decimate
from qtp_toolkit.plot.style import label, provenance, style_of

RASTERIZE_ABOVE = 400_000
"""Maps with more pixels than this are drawn by datashader for the zoom at hand."""

MAX_TEXT = 200
_SUPERSCRIPT = str.maketrans("-.0123456789", "⁻·⁰¹²³⁴⁵⁶⁷⁸⁹")


def setup() -> None:
    """Load panel, holoviews and hvplot so that their output shows without a network.

    Call it in the first cell of a notebook, before ``import hvplot.xarray`` and before any figure. Calling it again is
    harmless.

    >>> setup()
    >>> hasattr(xr.DataArray, "hvplot")
    True
    """
    import panel as pn  # noqa: PLC0415  (nothing interactive is loaded before it is asked for)

    pn.extension(inline=True)
    import hvplot.xarray  # noqa: F401, PLC0415  (only after the extension: otherwise its JavaScript is fetched)


def holoviews() -> ModuleType:
    """Return the holoviews module, with everything set up."""
    if "hvplot.xarray" not in sys.modules:
        setup()
    import holoviews as hv  # noqa: PLC0415

    if "bokeh" not in hv.Store.loaded_backends():
        hv.extension("bokeh", inline=True)
    return hv


def safe(text: object) -> str:
    """Text that may stand anywhere in a page: markup escaped, control characters gone, at most 200 characters.

    Every name and attribute that comes from a file or a catalog passes through here on its way to a title, an axis, a
    legend or a menu.

    >>> safe("<b>rate</b>")
    '&lt;b&gt;rate&lt;/b&gt;'
    """
    plain = "".join(char if char.isprintable() else " " for char in str(text))
    return html.escape(plain[:MAX_TEXT], quote=True)


def caption(da: xr.DataArray) -> str:
    """Label with unit, as in the static figures, without mathematical markup."""
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
