"""Seasonal deformation against active layer thickness (Section 4.3)."""

from qtp_toolkit.validation._points import block_average
from qtp_toolkit.validation._scores import coverage, scores
from qtp_toolkit.validation._thickness import (
    alt_from_temperature,
    calibrate_alt,
    mean_water_content,
    pore_water_settlement,
    stefan_alt,
)

__all__ = [
    "alt_from_temperature",
    "block_average",
    "calibrate_alt",
    "coverage",
    "mean_water_content",
    "pore_water_settlement",
    "scores",
    "stefan_alt",
]
