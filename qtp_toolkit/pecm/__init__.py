"""The permafrost elevation change model (Section 3.6) and its decomposition of displacement time series.

``D = v L + d I + c``: a linear index L that grows by one per permafrost year, in the thaw season only, and a composite
index I that follows the thaw front down and the freeze front after it. Both come from the temperature of each pixel.
"""

from qtp_toolkit._look import look_vector
from qtp_toolkit.pecm._common import common_error
from qtp_toolkit.pecm._compare import compare, summary
from qtp_toolkit.pecm._directions import dilution
from qtp_toolkit.pecm._fit import fit, fit_pairs, forward, sinusoid
from qtp_toolkit.pecm._gridded import indices
from qtp_toolkit.pecm._halves import half_difference
from qtp_toolkit.pecm._index import amplitude_factor, closing_ratio, composite_index, linear_index, yearly_amplitude
from qtp_toolkit.pecm._late import late_season_index
from qtp_toolkit.pecm._models import Model, Shrunk, candidates
from qtp_toolkit.pecm._sign import sign_evidence, signed_amplitude
from qtp_toolkit.pecm._tracks import Track, fit_tracks, forward_track
from qtp_toolkit.pecm._variants import fit_variants, median_change
from qtp_toolkit.pecm._years import fit_years, forward_years

__all__ = [
    "Model",
    "Shrunk",
    "Track",
    "amplitude_factor",
    "candidates",
    "closing_ratio",
    "common_error",
    "compare",
    "composite_index",
    "dilution",
    "fit",
    "fit_pairs",
    "fit_tracks",
    "fit_variants",
    "fit_years",
    "forward",
    "forward_track",
    "forward_years",
    "half_difference",
    "indices",
    "late_season_index",
    "linear_index",
    "look_vector",
    "median_change",
    "sign_evidence",
    "signed_amplitude",
    "sinusoid",
    "summary",
    "yearly_amplitude",
]
