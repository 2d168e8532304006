"""What is taken out of interferograms: troposphere, tides, ramps, the reference, masks (paper section 3.7)."""

from qtp_toolkit._pairs import pair_difference
from qtp_toolkit.correct._choice import Stillness, choose_reference, reference_motion
from qtp_toolkit.correct._dem_error import date_baselines, dem_error_phase, fit_dem_error
from qtp_toolkit.correct._elevation import elevation_phase, fit_elevation
from qtp_toolkit.correct._phase_bias import BIAS_SHARES, bias_shares, fit_phase_bias
from qtp_toolkit.correct._ramp import deramp, fit_ramp
from qtp_toolkit.correct._reference import apply_mask, coherent_area, reference_area, reference_level, set_reference
from qtp_toolkit.correct._remove import correction_gain, delay_phase, remove_delay
from qtp_toolkit.correct._tides import solid_earth_tide, tides_available
from qtp_toolkit.correct._troposphere import tropospheric_delay
from qtp_toolkit.correct._weigh import choose_ramp, ramp_std, weigh_ramp

__all__ = [
    "BIAS_SHARES",
    "Stillness",
    "apply_mask",
    "bias_shares",
    "choose_ramp",
    "choose_reference",
    "coherent_area",
    "correction_gain",
    "date_baselines",
    "delay_phase",
    "dem_error_phase",
    "deramp",
    "elevation_phase",
    "fit_dem_error",
    "fit_elevation",
    "fit_phase_bias",
    "fit_ramp",
    "pair_difference",
    "ramp_std",
    "reference_area",
    "reference_level",
    "reference_motion",
    "remove_delay",
    "set_reference",
    "solid_earth_tide",
    "tides_available",
    "tropospheric_delay",
    "weigh_ramp",
]
