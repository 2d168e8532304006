"""What every interactive figure shares: loading in the right order, texts that cannot carry markup, colors."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr

from qtp_toolkit._notebook import in_kernel
from qtp_toolkit.plot.maps import decimate
from qtp_toolkit.plot.style import label, provenance, style_of

RASTERIZE_ABOVE = 400_000
"""Maps with more pixels than this are drawn by datashader for the zoom at hand."""

MAX_TEXT = 200
_HARMLESS = str.maketrans({"<": "‹", ">": "›", '"': "”", "'": "’", "`": "’"})
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
    from panel.models.esm import ReactiveESM  # noqa: PLC0415

    # A polyfill for components in JavaScript, which no figure here has: panel fetches it even when all else is inline.
    ReactiveESM.__javascript_raw__ = []
    pn.extension(inline=True)
    import hvplot.xarray  # noqa: F401, PLC0415  (only after the extension: otherwise its JavaScript is fetched)

    if in_kernel():
        from holoviews import Store  # noqa: PLC0415
        from holoviews.core.dimension import LabelledData  # noqa: PLC0415

        Store.set_display_hook("html+js", LabelledData, _display)


def _display(figure: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Render a figure for a notebook as HoloViews does, and put panel's style sheets into it, which it would fetch."""
    from holoviews.ipython.display_hooks import pprint_display  # noqa: PLC0415

    bundle = pprint_display(figure)
    if bundle is None:
        return None
    data, metadata = bundle
    return {kind: with_styles(text) if isinstance(text, str) else text for kind, text in data.items()}, metadata


def with_styles(text: str) -> str:
    """Replace addresses of panel's style sheets by what its installation has of them."""
    from panel.io.resources import CDN_DIST, DIST_DIR  # noqa: PLC0415

    def inline(found: re.Match) -> str:
        sheet = Path(DIST_DIR) / found[1]
        if not sheet.is_file():
            return found[0]
        return "data:text/css;base64," + base64.b64encode(sheet.read_bytes()).decode()

    return re.sub(re.escape(CDN_DIST) + r"([\w/.-]+\.css)(?:\?v=[\w.]+)?", inline, text)


def holoviews() -> ModuleType:
    """Return the holoviews module, with everything set up."""
    if "hvplot.xarray" not in sys.modules:
        setup()
    import holoviews as hv  # noqa: PLC0415

    if "bokeh" not in hv.Store.loaded_backends():
        hv.extension("bokeh", inline=True)
    return hv


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
