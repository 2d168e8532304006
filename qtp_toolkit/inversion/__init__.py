"""Phase time series from a network of interferograms (paper section 3.7).

The paper inverts by the L1 norm with coherence as weight: a pair that is unwrapped wrongly by whole cycles pulls a
least-squares solution as hard as its error is large, an L1 solution not at all as long as other pairs outvote it.
"""

from qtp_toolkit.inversion._invert import NORMS, invert
from qtp_toolkit.inversion._link import invert_linked
from qtp_toolkit.inversion._misfit import pair_misfit
from qtp_toolkit.inversion._short import compare_short
from qtp_toolkit.inversion._weights import WEIGHTS, phase_variance, weight_table

__all__ = [
    "NORMS",
    "WEIGHTS",
    "compare_short",
    "invert",
    "invert_linked",
    "pair_misfit",
    "phase_variance",
    "weight_table",
]
