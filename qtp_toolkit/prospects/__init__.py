"""What will I get? Looks at the sources of a catalog, at its reference, and which notebooks will run with what."""

from qtp_toolkit.prospects._answer import Answer, Prospect, check, foresee
from qtp_toolkit.prospects._delays import look_at_delays
from qtp_toolkit.prospects._level import level_components
from qtp_toolkit.prospects._looks import look_at_area, look_at_pixels
from qtp_toolkit.prospects._sources import Finding, look, look_at_dates, look_at_reference
from qtp_toolkit.prospects._stores import look_at_stores, tell_store

__all__ = [
    "Answer",
    "Finding",
    "Prospect",
    "check",
    "foresee",
    "level_components",
    "look",
    "look_at_area",
    "look_at_dates",
    "look_at_delays",
    "look_at_pixels",
    "look_at_reference",
    "look_at_stores",
    "tell_store",
]
