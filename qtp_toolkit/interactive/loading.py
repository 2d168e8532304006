"""Loading panel and HoloViews in the right order, and putting all that they need into the page."""

from __future__ import annotations

import base64
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from qtp_toolkit._notebook import in_kernel

_done: set[str] = set()
"""Whether :func:`setup` ran in this process."""


def setup(*, hvplot: bool = False) -> None:
    """Load panel, and in a notebook HoloViews, so that their output shows without a network.

    Call it in a notebook before any interactive figure. Calling it again is harmless, and necessary in a cell that is
    run again, whose output would lose the JavaScript otherwise.

    Parameters
    ----------
    hvplot : bool
        Also load hvplot, which draws any array by ``array.hvplot``. The figures of this package do without it. Whoever
        imports it by hand does so after this: what comes first decides whether the JavaScript stands in the page or is
        fetched.

    Examples
    --------
    >>> setup(hvplot=True)
    >>> import xarray as xr
    >>> line = xr.DataArray([3.0, 1.0, 2.0], dims="x", name="rate").hvplot.line()
    >>> [float(end) for end in line.range("rate")]
    [1.0, 3.0]
    """
    import panel as pn  # noqa: PLC0415  (nothing interactive is loaded before it is asked for)
    from panel.models.esm import ReactiveESM  # noqa: PLC0415

    # A polyfill for components in JavaScript, which no figure here has: panel fetches it even when all else is inline.
    ReactiveESM.__javascript_raw__ = []
    pn.extension(inline=True)
    _done.add("setup")
    if in_kernel():
        import holoviews as hv  # noqa: PLC0415
        from holoviews import Store  # noqa: PLC0415
        from holoviews.core.dimension import LabelledData  # noqa: PLC0415

        hv.extension("bokeh", logo=False)  # panel has put the JavaScript into the page before
        Store.set_display_hook("html+js", LabelledData, _display)
    if hvplot:
        import_module("hvplot.xarray")


def holoviews() -> ModuleType:
    """Return the holoviews module, with everything set up."""
    import holoviews as hv  # noqa: PLC0415

    if not _done:
        setup()
    if not hasattr(hv.opts, "Image"):  # panel loads Bokeh for HoloViews, but not always its options
        hv.extension("bokeh", logo=False)
    return hv


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
