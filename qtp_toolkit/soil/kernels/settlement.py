"""The water content at which Stefan's depth and the settlement of the pore water agree."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.soil.kernels import conductivity

STEPS = 100
CLOSE = 1e-12
"""Relative: how near to the wanted product a root comes."""
ROOM = 1e-9
"""Relative: how far the first bounds lie outside of what can be, so that Newton also finds a root on a bound."""
GAP = 1e-6
"""Relative: a pixel further off than this between equal bounds has no root, since its conductivity jumps over it."""


def water_content(
    wanted: np.ndarray, spread: np.ndarray, pores: np.ndarray, *soil: np.ndarray, scheme: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root of ``theta * kappa(theta) = wanted``, and how it answers to errors of what is wanted.

    The product rises with theta, so there is one root at most. In logarithms it is nearly a line: steps by Newton, held
    between a lower and an upper bound, and halving their distance where Newton would leave them. Each pixel goes its
    own way, so that its answer does not depend on its neighbors.

    Parameters
    ----------
    wanted : ndarray
        W m-1 K-1: squared water column over what the heat allows for each W m-1 K-1. Not positive or not finite: NaN.
    spread : ndarray
        Relative standard deviation of ``wanted``.
    pores : ndarray
        Porosity. Above it the conductivity is that of the saturated soil.
    *soil : ndarray
        Conductivity dry and saturated, sand and coarseness, as for
        :func:`qtp_toolkit.soil.kernels.conductivity.thawed`.
    scheme : {"johansen", "clm", "balland_arp"}

    Returns
    -------
    ndarray, ndarray, ndarray
        Volumetric water content, which may be above the porosity; ``1 / (1 + e)`` and ``(1 - e) / (1 + e)`` with the
        elasticity e of the conductivity: what a relative error of ``wanted`` does to the water content, and one of the
        water column to the thickness. Both are root-mean-squares over one standard deviation, since the second
        vanishes where e is 1. NaN where an input is unknown or there is no root.
    """
    arrays = np.broadcast_arrays(wanted, spread, pores, *soil)
    out = tuple(np.full(arrays[0].shape, np.nan) for _ in range(3))
    known = np.logical_and.reduce([np.isfinite(a) for a in arrays])
    for positive in (arrays[0], *arrays[2:5]):
        known &= positive > 0
    target, relative, room, *rest = (a[known].astype(np.float64) for a in arrays)
    found = _roots(target, room, rest, scheme)
    for layer, values in zip(out, (found, *_responses(found / room, relative, rest, scheme)), strict=True):
        layer[known] = values
    return out


def _responses(
    wet: np.ndarray, relative: np.ndarray, soil: list[np.ndarray], scheme: str
) -> tuple[np.ndarray, np.ndarray]:
    """Root-mean-square responses of water content and thickness, from the root and one sigma to either side of it.

    Weights of a half and two quarters give the variance of a bent curve to second order.
    """
    step = np.minimum(relative, 1.0) / (1.0 + _elasticity(wet, soil, scheme))
    ends = [_elasticity(wet * np.exp(side * step), soil, scheme) for side in (-1.0, 0.0, 1.0)]
    parts = [(0.25, ends[0]), (0.5, ends[1]), (0.25, ends[2])]
    water = sum(weight / (1.0 + e) ** 2 for weight, e in parts)
    depth = sum(weight * ((1.0 - e) / (1.0 + e)) ** 2 for weight, e in parts)
    return np.sqrt(water), np.sqrt(depth)


def _elasticity(wet: np.ndarray, soil: list[np.ndarray], scheme: str) -> np.ndarray:
    """Elasticity of the conductivity, NaN where there is no root."""
    found = conductivity.elasticity(np.minimum(wet, 1.0), *soil, scheme=scheme)
    return np.where(np.isfinite(wet), found, np.nan)


def _roots(wanted: np.ndarray, pores: np.ndarray, soil: list[np.ndarray], scheme: str) -> np.ndarray:
    """Roots of pixels in one row, whose soil is known."""
    least, most = np.minimum(*soil[:2]), np.maximum(*soil[:2])
    low, high = np.log(wanted / most) - ROOM, np.log(wanted / least) + ROOM
    at, out = low, np.full(wanted.shape, np.nan)
    left = np.arange(wanted.size)  # those that are not there yet
    for step in range(STEPS):
        miss, slope = _miss(at, wanted[left], pores[left], [part[left] for part in soil], scheme)
        low, high = np.where(miss <= 0, at, low), np.where(miss >= 0, at, high)
        closed = high - low <= CLOSE
        there = (abs(miss) <= CLOSE) | (closed & (abs(miss) <= GAP))
        out[left[there]] = np.exp(at[there])
        newton, go = at - miss / slope, ~there & ~closed
        held = (newton > low) & (newton < high) & (step % 4 != 3)  # each fourth step halves, whatever Newton would do
        at = np.where(held, newton, 0.5 * (low + high))
        left, low, high, at = left[go], low[go], high[go], at[go]
        if not left.size:
            break
    return out


def _miss(
    at: np.ndarray, wanted: np.ndarray, pores: np.ndarray, soil: list[np.ndarray], scheme: str
) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of what theta, ``exp(at)``, gives over what is wanted, and its slope."""
    wet = np.minimum(np.exp(at) / pores, 1.0)
    kappa = conductivity.thawed(wet, *soil, scheme=scheme)
    return at + np.log(kappa / wanted), 1.0 + conductivity.elasticity(wet, *soil, scheme=scheme)
