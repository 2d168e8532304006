"""Seasonal deformation against active layer thickness (Section 4.3), maps against others, and places against places."""

from qtp_toolkit.validation._comparison import compare_maps, compare_points, line_of_sight
from qtp_toolkit.validation._distance import difference_std, error_model, errors_of, rate_model, with_errors
from qtp_toolkit.validation._means import mean_std
from qtp_toolkit.validation._points import block_average
from qtp_toolkit.validation._requirement import accuracy_at_points, accuracy_by_distance, allowed_difference
from qtp_toolkit.validation._scores import SCORES, coverage, score_intervals, scores
from qtp_toolkit.validation._stable import stable_ground
from qtp_toolkit.validation._thickness import (
    alt_from_temperature,
    calibrate_alt,
    mean_water_content,
    pore_water_settlement,
    stefan_alt,
)
from qtp_toolkit.validation._variogram import fit_variogram, variogram

__all__ = [
    "SCORES",
    "accuracy_at_points",
    "accuracy_by_distance",
    "allowed_difference",
    "alt_from_temperature",
    "block_average",
    "calibrate_alt",
    "compare_maps",
    "compare_points",
    "coverage",
    "difference_std",
    "error_model",
    "errors_of",
    "fit_variogram",
    "line_of_sight",
    "mean_std",
    "mean_water_content",
    "pore_water_settlement",
    "rate_model",
    "score_intervals",
    "scores",
    "stable_ground",
    "stefan_alt",
    "variogram",
    "with_errors",
]
