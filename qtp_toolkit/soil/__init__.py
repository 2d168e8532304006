"""Soil thermal conductivity (Section 3.3) in the parameterization of Johansen (1977), and two later ones."""

from qtp_toolkit.soil._conductivity import SCHEMES, conductivity_ratio, thermal_conductivity, uniform_ratio
from qtp_toolkit.soil._contents import PARTICLE_DENSITY, porosity, quartz_from_sand, saturation
from qtp_toolkit.soil._profile import depth_mean
from qtp_toolkit.soil._water import water_content_by_class

__all__ = [
    "PARTICLE_DENSITY",
    "SCHEMES",
    "conductivity_ratio",
    "depth_mean",
    "porosity",
    "quartz_from_sand",
    "saturation",
    "thermal_conductivity",
    "uniform_ratio",
    "water_content_by_class",
]
