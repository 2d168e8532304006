"""Interactive twins of :mod:`qtp_toolkit.plot`, and the dashboard; all of it works without a network.

Call :func:`setup` in the first cell of a notebook, before anything imports hvplot: only then is the JavaScript put into
the page itself, and not fetched from elsewhere. What a name needs is imported when the name is first used: the twins
bring panel, holoviews and hvplot, the dashboard Bokeh alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtp_toolkit.interactive.board import dashboard, lay_out, serve
    from qtp_toolkit.interactive.page import safe, setup
    from qtp_toolkit.interactive.sliders import model_sliders, network_sliders, season_sliders, strata_sliders
    from qtp_toolkit.interactive.twins import (
        alt_scatter,
        box,
        box2,
        deformation_map,
        network,
        onset_map,
        profile,
        q_bars,
        quicklook,
        time_series,
    )

_HOMES = {
    "board": ("dashboard", "lay_out", "serve"),
    "page": ("safe", "setup"),
    "sliders": ("model_sliders", "network_sliders", "season_sliders", "strata_sliders"),
}

__all__ = [
    "alt_scatter",
    "box",
    "box2",
    "dashboard",
    "deformation_map",
    "lay_out",
    "model_sliders",
    "network",
    "network_sliders",
    "onset_map",
    "profile",
    "q_bars",
    "quicklook",
    "safe",
    "season_sliders",
    "serve",
    "setup",
    "strata_sliders",
    "time_series",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), "twins")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return __all__
