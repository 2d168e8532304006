"""Conductivity between dry and saturated soil (Eq. 1), and how it answers to water."""

from __future__ import annotations

import numpy as np

DRY_LIMIT = {"johansen": 1e-5, "clm": 1e-7, "balland_arp": 1e-5}
"""Degree of saturation up to which the soil counts as dry (Eq. 1)."""

FINE, COARSE = (1.0, 0.1), (0.7, 0.05)
"""Slope of the Kersten number per decade of saturation, and the saturation up to which it is 0."""


def thawed(
    wet: np.ndarray, dry: np.ndarray, saturated: np.ndarray, sand: np.ndarray, coarse: np.ndarray, *, scheme: str
) -> np.ndarray:
    """Conductivity of thawed soil, W m-1 K-1.

    Parameters
    ----------
    wet : ndarray
        Degree of saturation, 0..1.
    dry, saturated : ndarray
        Conductivity of the dry and of the saturated soil.
    sand, coarse : ndarray
        What the Kersten number of ``balland_arp`` and of ``johansen`` asks for: sand fraction; above 0 where coarse,
        NaN where unknown.
    scheme : {"johansen", "clm", "balland_arp"}

    Returns
    -------
    ndarray
        All broadcast together; NaN where one of them is.
    """
    return _between(wet, dry, saturated, kersten(wet, sand, coarse, scheme=scheme), scheme)


def frozen(wet: np.ndarray, dry: np.ndarray, saturated: np.ndarray, *, scheme: str) -> np.ndarray:
    """Conductivity of frozen soil, whose Kersten number is the saturation itself."""
    return _between(wet, dry, saturated, wet, scheme)


def elasticity(
    wet: np.ndarray, dry: np.ndarray, saturated: np.ndarray, sand: np.ndarray, coarse: np.ndarray, *, scheme: str
) -> np.ndarray:
    """Per cent that the conductivity of thawed soil changes with each per cent of water; 0 where it is full."""
    kappa = thawed(wet, dry, saturated, sand, coarse, scheme=scheme)
    gain = wet * (saturated - dry) * kersten_slope(wet, sand, coarse, scheme=scheme) / kappa
    return np.where(wet >= 1.0, 0.0, np.where(wet > DRY_LIMIT[scheme], gain, 0.0))


def kersten(wet: np.ndarray, sand: np.ndarray, coarse: np.ndarray, *, scheme: str) -> np.ndarray:
    """Kersten number of thawed soil; Balland and Arp (2005) without organic matter and gravel."""
    if scheme == "balland_arp":
        exponent, bend, room = _balland_arp(wet, sand)
        return wet**exponent * (bend**-3.0 - room**3.0)
    slope, above = _branch(wet, coarse)
    # The logarithm only sees saturations above the limit: no warning at 0, and NaN stays NaN.
    number = np.where(above, slope * np.log10(np.where(above, wet, 1.0)) + 1.0, 0.0)
    return np.where(np.isnan(coarse), np.nan, number)


def kersten_slope(wet: np.ndarray, sand: np.ndarray, coarse: np.ndarray, *, scheme: str) -> np.ndarray:
    """Change of the Kersten number with the saturation."""
    if scheme != "balland_arp":
        slope, above = _branch(wet, coarse)
        return np.where(above, slope / (np.log(10.0) * np.where(above, wet, 1.0)), 0.0)
    exponent, bend, room = _balland_arp(wet, sand)
    first = exponent * np.maximum(wet, 1e-9) ** (exponent - 1.0) * (bend**-3.0 - room**3.0)
    return first + wet**exponent * (3.0 * 18.1 * (bend - 1.0) * bend**-4.0 + 1.5 * room**2.0)


def _between(wet: np.ndarray, dry: np.ndarray, saturated: np.ndarray, number: np.ndarray, scheme: str) -> np.ndarray:
    moist = (saturated - dry) * number + dry
    # Where saturation or the grains are unknown the conductivity is unknown, not dry.
    known = np.isfinite(wet) & np.isfinite(saturated)
    return np.where(wet > DRY_LIMIT[scheme], moist, np.where(known, dry, np.nan))


def _branch(wet: np.ndarray, coarse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope of Johansen's Kersten number, and where the soil is wet enough for it."""
    kind = np.asarray(wet).dtype.type  # float32 stays float32
    slope, limit = (np.where(coarse > 0, kind(c), kind(f)) for f, c in zip(FINE, COARSE, strict=True))
    return slope, ~(wet <= limit)


def _balland_arp(wet: np.ndarray, sand: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (1.0 - 0.24 * sand) / 2.0, 1.0 + np.exp(-18.1 * wet), (1.0 - wet) / 2.0
