"""Which acquisitions are paired, and what the network of pairs can determine (paper section 3.7, Fig. 2).

A pair has a ``reference`` (the earlier date) and a ``secondary`` (the later one), and its phase is later minus
earlier: ``phase(a, b) = phase(b) - phase(a)``. Equation 5 of the paper mixes both orders; here there is one.
"""

from qtp_toolkit.network._choose import drop_pairs, listed_pairs, prune
from qtp_toolkit.network._closure import closure_errors, closure_phase, mean_by_pair, rank_pairs
from qtp_toolkit.network._granules import read_granules
from qtp_toolkit.network._graph import (
    PAPER_WINDOWS,
    acquisition,
    canonicalise,
    components,
    incidence_matrix,
    select_pairs,
)
from qtp_toolkit.network._level import add_cycles, component_cycles

__all__ = [
    "PAPER_WINDOWS",
    "acquisition",
    "add_cycles",
    "canonicalise",
    "closure_errors",
    "closure_phase",
    "component_cycles",
    "components",
    "drop_pairs",
    "incidence_matrix",
    "listed_pairs",
    "mean_by_pair",
    "prune",
    "rank_pairs",
    "read_granules",
    "select_pairs",
]
