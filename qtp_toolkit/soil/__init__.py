"""Soil thermal conductivity (Section 3.3) by Johansen (1977) and two later schemes; water and depth of what thaws."""

from qtp_toolkit.soil._conductivity import SCHEMES, conductivity_ratio, thermal_conductivity, uniform_ratio
from qtp_toolkit.soil._contents import PARTICLE_DENSITY, porosity, quartz_from_sand, saturation
from qtp_toolkit.soil._profile import depth_mean
from qtp_toolkit.soil._settlement import FLAGS, SATURATED, main_flag, water_and_depth
from qtp_toolkit.soil._water import water_content_by_class

__all__ = [
    "FLAGS",
    "PARTICLE_DENSITY",
    "SATURATED",
    "SCHEMES",
    "conductivity_ratio",
    "depth_mean",
    "main_flag",
    "porosity",
    "quartz_from_sand",
    "saturation",
    "thermal_conductivity",
    "uniform_ratio",
    "water_and_depth",
    "water_content_by_class",
]
