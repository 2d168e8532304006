"""Which factor explains a map? The geographical detector (paper Section 3.8, Fig. 4).

:func:`stratify` turns a factor into strata, :func:`factors` says how much of the variance of the map the strata explain
(``q``), :func:`interaction` what two factors explain together, :func:`ecological` and :func:`risk` which factors and
which strata differ. :func:`significance` says whether a map with the same spatial correlation but no cause would do as
well, :func:`intervals` how sure q is, :func:`factors_by_window` where a factor matters. :func:`optimal` looks for the
classes that explain most and says what that search finds by chance, :func:`robust_edges` are change points, and
:func:`spatial_association` and :func:`spade` look at neighbors only.
"""

from qtp_toolkit.geodetector._bootstrap import intervals
from qtp_toolkit.geodetector._detectors import ecological, factor, factors, interaction, risk
from qtp_toolkit.geodetector._optimal import optimal, robust_edges
from qtp_toolkit.geodetector._significance import PUBLISHED, significance, surrogate
from qtp_toolkit.geodetector._spatial import spade, spatial_association
from qtp_toolkit.geodetector._strata import edges, stratify, stratify_factors
from qtp_toolkit.geodetector._windows import factors_by_window

__all__ = [
    "PUBLISHED",
    "ecological",
    "edges",
    "factor",
    "factors",
    "factors_by_window",
    "interaction",
    "intervals",
    "optimal",
    "risk",
    "robust_edges",
    "significance",
    "spade",
    "spatial_association",
    "stratify",
    "stratify_factors",
    "surrogate",
]
