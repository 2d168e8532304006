"""The walk of notebooks 01 to 06 in a few calls: for a workshop, and for asking what a choice does to the maps.

Each function does what its notebook does with its defaults; the notebooks say why.
"""

from qtp_toolkit.walk._ready import ready_series
from qtp_toolkit.walk._steps import ENDS, UNCHANGED, daily_temperature, displacement, look, thermal, variants

__all__ = ["ENDS", "UNCHANGED", "daily_temperature", "displacement", "look", "ready_series", "thermal", "variants"]
