"""The common grid: reproject, rasterize, sample, profile lines, slope and aspect.

Everything here works on arrays with dims ``y`` and ``x`` and a CRS in ``spatial_ref``. Pixel coordinates are centers.
"""

from typing import TYPE_CHECKING

from qtp_toolkit._later import later

if TYPE_CHECKING:
    from qtp_toolkit.grid._align import align
    from qtp_toolkit.grid._frame import pixel_size
    from qtp_toolkit.grid._geocode import geocode, geocoding
    from qtp_toolkit.grid._match import lonlat, match, rasterize
    from qtp_toolkit.grid._points import along, sample, to_xy
    from qtp_toolkit.grid._terrain import slope_aspect
    from qtp_toolkit.grid._to_map import thinned, to_map

__all__ = [
    "align",
    "along",
    "geocode",
    "geocoding",
    "lonlat",
    "match",
    "pixel_size",
    "rasterize",
    "sample",
    "slope_aspect",
    "thinned",
    "to_map",
    "to_xy",
]

if not TYPE_CHECKING:  # a checker reads the imports above
    __getattr__, __dir__ = later(
        __name__,
        {
            "_align": ("align",),
            "_frame": ("pixel_size",),
            "_geocode": ("geocode", "geocoding"),
            "_match": ("lonlat", "match", "rasterize"),
            "_points": ("along", "sample", "to_xy"),
            "_terrain": ("slope_aspect",),
            "_to_map": ("thinned", "to_map"),
        },
    )
