"""Seasonal deformation against active layer thickness (Section 4.3), and maps against other measurements."""

from qtp_toolkit.validation._comparison import compare_maps, compare_points, line_of_sight
from qtp_toolkit.validation._points import block_average
from qtp_toolkit.validation._scores import SCORES, coverage, score_intervals, scores
from qtp_toolkit.validation._thickness import (
    alt_from_temperature,
    calibrate_alt,
    mean_water_content,
    pore_water_settlement,
    stefan_alt,
)

__all__ = [
    "SCORES",
    "alt_from_temperature",
    "block_average",
    "calibrate_alt",
    "compare_maps",
    "compare_points",
    "coverage",
    "line_of_sight",
    "mean_water_content",
    "pore_water_settlement",
    "score_intervals",
    "scores",
    "stefan_alt",
]
