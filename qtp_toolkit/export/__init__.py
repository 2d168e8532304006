"""Results as other programs want them: MintPy, any GIS, QGIS with InSAR Explorer; and pairs as HyP3 and ISCE2 do.

Files appear under their names only when all of them are complete. Lazy results are computed block by block, so that a
series may be larger than the memory. Signs stay: positive is toward the satellite everywhere.
"""

from qtp_toolkit.export._jobs import hyp3_jobs, isce2_options, pair_list, write_hyp3_jobs
from qtp_toolkit.export._mintpy import mintpy
from qtp_toolkit.export._points import points
from qtp_toolkit.export._rasters import geotiffs
from qtp_toolkit.export._run import FORMATS, results

__all__ = [
    "FORMATS",
    "geotiffs",
    "hyp3_jobs",
    "isce2_options",
    "mintpy",
    "pair_list",
    "points",
    "results",
    "write_hyp3_jobs",
]
