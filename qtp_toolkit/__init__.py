"""Permafrost ground deformation on the Qinghai-Tibet Plateau from Sentinel-1 InSAR and MODIS land surface temperature."""

from qtp_toolkit import conventions

__all__ = ["conventions"]
__version__ = "0.1.0"
