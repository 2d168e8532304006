"""Numeric checks of the notebooks, the one report of a run, and the gallery of its figures.

:func:`check` asserts a number and writes it down; ``qtp reproduce`` gathers what all notebooks wrote into one page that
needs nothing beside it, and puts the figures of the paper beside what the paper shows.
"""

from qtp_toolkit.report._checks import check, checks, end_here
from qtp_toolkit.report._gallery import gallery
from qtp_toolkit.report._write import versions, write

__all__ = ["check", "checks", "end_here", "gallery", "versions", "write"]
