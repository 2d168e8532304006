"""What is taken out of interferograms: troposphere, ramps, the reference, masks (paper section 3.7)."""

from qtp_toolkit._pairs import pair_difference
from qtp_toolkit.correct._choice import Stillness, choose_reference, reference_motion
from qtp_toolkit.correct._ramp import deramp, fit_ramp
from qtp_toolkit.correct._reference import apply_mask, coherent_area, reference_area, reference_level, set_reference
from qtp_toolkit.correct._troposphere import remove_delay, tropospheric_delay
from qtp_toolkit.correct._weigh import choose_ramp, ramp_std, weigh_ramp

__all__ = [
    "Stillness",
    "apply_mask",
    "choose_ramp",
    "choose_reference",
    "coherent_area",
    "deramp",
    "fit_ramp",
    "pair_difference",
    "ramp_std",
    "reference_area",
    "reference_level",
    "reference_motion",
    "remove_delay",
    "set_reference",
    "tropospheric_delay",
    "weigh_ramp",
]
