"""Results as other programs want them: MintPy, any GIS, QGIS with InSAR Explorer.

Files appear under their names only when all of them are complete. Lazy results are computed block by block, so that a
series may be larger than the memory. Signs stay: positive is toward the satellite everywhere.
"""

from qtp_toolkit.export._mintpy import mintpy
from qtp_toolkit.export._points import points
from qtp_toolkit.export._rasters import geotiffs

__all__ = ["geotiffs", "mintpy", "points"]
