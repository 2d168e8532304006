"""A layer that thaws: the heat of Stefan's equation, and how far its pore water sinks. One home for both."""

from __future__ import annotations

import xarray as xr

from qtp_toolkit.conventions import (
    ICE_DENSITY,
    LATENT_HEAT_OF_FUSION,
    SECONDS_PER_DAY,
    WATER_DENSITY,
)

EXPANSION = (WATER_DENSITY - ICE_DENSITY) / ICE_DENSITY
"""By how much water grows when it freezes, as a share of its volume: 0.0905."""


def thaw_supply(addt: xr.DataArray, surface_factor: float | xr.DataArray) -> xr.DataArray:
    r"""Thaw depth squared times water content that each W m-1 K-1 allows: :math:`2 n A_t \, 86400 / (\rho_w L_f)`.

    ``addt`` in degC d; m2 for each W m-1 K-1.
    """
    return 2.0 * surface_factor * addt * SECONDS_PER_DAY / (WATER_DENSITY * LATENT_HEAT_OF_FUSION)
