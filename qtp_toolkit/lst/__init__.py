"""Land surface temperature (Section 3.1): quality, gaps, mean daily values, values on acquisition days.

Composites carry the time of their center. A daily value is stamped at 00:00 of its day, so an 8-day composite of the
days 1 to 8 January has its center at 4 January 12:00.
"""

from qtp_toolkit.conventions import LOOKS
from qtp_toolkit.lst.axis import OVERPASSES
from qtp_toolkit.lst.bridging import bridge, fit_bridge
from qtp_toolkit.lst.daily import daily_mean, fit_daily_mean
from qtp_toolkit.lst.days import at_dates, to_composites, to_daily
from qtp_toolkit.lst.gaps import METHODS, fill_gaps
from qtp_toolkit.lst.holdout import gap_errors, hold_out
from qtp_toolkit.lst.hours import at_local_hours, composite_centers, mean_of_hours
from qtp_toolkit.lst.overpasses import crossing_hours, overpass_drift, warn_of_drift
from qtp_toolkit.lst.quality import decode_qc, mask_quality, quality_report

__all__ = [
    "LOOKS",
    "METHODS",
    "OVERPASSES",
    "at_dates",
    "at_local_hours",
    "bridge",
    "composite_centers",
    "crossing_hours",
    "daily_mean",
    "decode_qc",
    "fill_gaps",
    "fit_bridge",
    "fit_daily_mean",
    "gap_errors",
    "hold_out",
    "mask_quality",
    "mean_of_hours",
    "overpass_drift",
    "quality_report",
    "to_composites",
    "to_daily",
    "warn_of_drift",
]
