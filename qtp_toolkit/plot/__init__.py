"""Static figures: one panel is one function ``(data, *, ax=None, **style) -> Axes``.

Labels come from the attributes of the data, colors and limits from :data:`STYLE`, sizes from the journal's column
widths. Nothing here reads files, and nothing writes but :func:`save`.

>>> from qtp_toolkit import plot
>>> fig, axes = plot.new(2, 1)
>>> plot.save(fig, "two_panels").name
'two_panels.png'
"""

from typing import TYPE_CHECKING

from qtp_toolkit._later import later

if TYPE_CHECKING:
    from qtp_toolkit.plot.detector import q_bars, q_matrix
    from qtp_toolkit.plot.figure import new, panel_letters, save
    from qtp_toolkit.plot.globe import key, locator
    from qtp_toolkit.plot.lines import network, profile, time_series
    from qtp_toolkit.plot.maps import deformation_map, onset_map, quicklook
    from qtp_toolkit.plot.overlay import vectors
    from qtp_toolkit.plot.scatter import alt_scatter, station_scatter
    from qtp_toolkit.plot.statistics import box, box2
    from qtp_toolkit.plot.style import STYLE, house, label, limits, style_of

__all__ = [
    "STYLE",
    "alt_scatter",
    "box",
    "box2",
    "deformation_map",
    "house",
    "key",
    "label",
    "limits",
    "locator",
    "network",
    "new",
    "onset_map",
    "panel_letters",
    "profile",
    "q_bars",
    "q_matrix",
    "quicklook",
    "save",
    "station_scatter",
    "style_of",
    "time_series",
    "vectors",
]

if not TYPE_CHECKING:  # a checker reads the imports above
    __getattr__, __dir__ = later(
        __name__,
        {
            "detector": ("q_bars", "q_matrix"),
            "figure": ("new", "panel_letters", "save"),
            "globe": ("key", "locator"),
            "lines": ("network", "profile", "time_series"),
            "maps": ("deformation_map", "onset_map", "quicklook"),
            "names": (),
            "overlay": ("vectors",),
            "scatter": ("alt_scatter", "station_scatter"),
            "statistics": ("box", "box2"),
            "style": ("STYLE", "house", "label", "limits", "style_of"),
        },
    )
