"""Land surface temperature (Section 3.1): quality, gaps, mean daily values, values on acquisition days.

Composites carry the time of their center. A daily value is stamped at 00:00 of its day, so an 8-day composite of the
days 1 to 8 January has its center at 4 January 12:00.
"""

from qtp_toolkit.lst.axis import OVERPASSES
from qtp_toolkit.lst.daily import at_dates, daily_mean, fit_daily_mean, to_composites, to_daily
from qtp_toolkit.lst.gaps import METHODS, fill_gaps
from qtp_toolkit.lst.holdout import gap_errors, hold_out
from qtp_toolkit.lst.quality import decode_qc, mask_quality, quality_report

__all__ = [
    "METHODS",
    "OVERPASSES",
    "at_dates",
    "daily_mean",
    "decode_qc",
    "fill_gaps",
    "fit_daily_mean",
    "gap_errors",
    "hold_out",
    "mask_quality",
    "quality_report",
    "to_composites",
    "to_daily",
]
