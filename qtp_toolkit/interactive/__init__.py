"""Interactive twins of :mod:`qtp_toolkit.plot`, and the dashboard; all of it works without a network.

Call :func:`setup` in the first cell of a notebook, before anything imports hvplot: only then is the JavaScript put into
the page itself, and not fetched from elsewhere. Nothing here imports panel, holoviews or hvplot before that.
"""

from qtp_toolkit.interactive.board import dashboard, serve
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

__all__ = [
    "alt_scatter",
    "box",
    "box2",
    "dashboard",
    "deformation_map",
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
