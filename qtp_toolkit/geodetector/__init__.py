"""Which factor explains a map? The geographical detector (paper Section 3.8, Fig. 4).

:func:`stratify` turns a factor into strata, :func:`factors` says how much of the variance of the map the strata explain
(``q``), :func:`interaction` what two factors explain together, :func:`ecological` and :func:`risk` which factors and
which strata differ, and :func:`significance` whether a map with the same spatial correlation but no cause would do as
well.
"""

from qtp_toolkit.geodetector._detectors import ecological, factor, factors, interaction, risk
from qtp_toolkit.geodetector._significance import significance
from qtp_toolkit.geodetector._strata import edges, stratify, stratify_factors

__all__ = [
    "ecological",
    "edges",
    "factor",
    "factors",
    "interaction",
    "risk",
    "significance",
    "stratify",
    "stratify_factors",
]
