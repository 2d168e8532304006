"""Distributions by class, profiles, windows and local references (paper Section 4.2).

:func:`box_table` and :func:`box_table2` give the numbers of box plots, :func:`profile` those of a section along a line
(:func:`swath`) with the faults that it meets (:func:`crossings`), :func:`window` cuts a region out, :func:`south_of`
divides the area at a fault, and :func:`rereference` refers a map to a local reference. :func:`local_regions` fills in
what of regions and points is not drawn, and :func:`lines` what of profiles is not named.
"""

from qtp_toolkit.regions._local import LocalRegion, lines, local_regions
from qtp_toolkit.regions._places import crossing, crossings, rereference, south_of, swath, window
from qtp_toolkit.regions._tables import BOX, box_table, box_table2, profile

__all__ = [
    "BOX",
    "LocalRegion",
    "box_table",
    "box_table2",
    "crossing",
    "crossings",
    "lines",
    "local_regions",
    "profile",
    "rereference",
    "south_of",
    "swath",
    "window",
]
