"""Thaw and freeze onsets and degree days (Sections 3.2 and 3.6) from daily land surface temperature.

Day of year is 1-based and fractional: 1 January 00:00 is 1.0. A daily value is stamped at 00:00 of its day.
"""

from qtp_toolkit.seasons._degree_days import annual_degree_days, degree_days, mean_annual_temperature
from qtp_toolkit.seasons._onsets import METHODS, onsets

__all__ = ["METHODS", "annual_degree_days", "degree_days", "mean_annual_temperature", "onsets"]
