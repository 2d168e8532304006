"""Interactive twins of :mod:`qtp_toolkit.plot`, and the dashboard; all of it works without a network.

Call :func:`setup` in a notebook before the first figure, and before anything imports hvplot: only then is the
JavaScript put into the page itself, and not fetched from elsewhere. What a name needs is imported when the name is
first used: the twins bring panel and holoviews, large maps datashader, the dashboard Bokeh alone.
"""

from typing import TYPE_CHECKING

from qtp_toolkit._later import later

if TYPE_CHECKING:
    from qtp_toolkit.interactive.board import dashboard, lay_out, serve
    from qtp_toolkit.interactive.loading import setup
    from qtp_toolkit.interactive.page import safe
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

if not TYPE_CHECKING:  # a checker reads the imports above
    __getattr__, __dir__ = later(
        __name__,
        {
            "board": ("dashboard", "lay_out", "serve"),
            "loading": ("setup",),
            "page": ("safe",),
            "sliders": ("model_sliders", "network_sliders", "season_sliders", "strata_sliders"),
            "twins": (
                "alt_scatter",
                "box",
                "box2",
                "deformation_map",
                "network",
                "onset_map",
                "profile",
                "q_bars",
                "quicklook",
                "time_series",
            ),
        },
    )
