"""The permafrost elevation change model (Section 3.6) and its decomposition of displacement time series.

``D = v L + d I + c``: a linear index L that grows by one per permafrost year, in the thaw season only, and a composite
index I that follows the thaw front down and the freeze front after it. Both come from the temperature of each pixel.
"""

from qtp_toolkit._look import look_vector
from qtp_toolkit.pecm._compare import Model, candidates, compare, summary
from qtp_toolkit.pecm._directions import dilution
from qtp_toolkit.pecm._fit import fit, fit_pairs, forward, sinusoid
from qtp_toolkit.pecm._gridded import indices
from qtp_toolkit.pecm._halves import half_difference
from qtp_toolkit.pecm._index import amplitude_factor, closing_ratio, composite_index, linear_index, yearly_amplitude
from qtp_toolkit.pecm._sign import sign_evidence, signed_amplitude
from qtp_toolkit.pecm._tracks import Track, fit_tracks, forward_track
from qtp_toolkit.pecm._variants import fit_variants, median_change

__all__ = [
    "Model",
    "Track",
    "amplitude_factor",
    "candidates",
    "closing_ratio",
    "compare",
    "composite_index",
    "dilution",
    "fit",
    "fit_pairs",
    "fit_tracks",
    "fit_variants",
    "forward",
    "forward_track",
    "half_difference",
    "indices",
    "linear_index",
    "look_vector",
    "median_change",
    "sign_evidence",
    "signed_amplitude",
    "sinusoid",
    "summary",
    "yearly_amplitude",
]
