"""Is the sign of the phases turned, or does the reference move? What a map of seasonal coefficients says of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe, xnp

_TAIL, _RANK = 0.1, 0.15
"""From which skewness, and which rank correlation, on a witness speaks."""
_FEWEST = 30
_MEANS = {
    "right": "the ground settles in summer and heaves in winter, as it should",
    "reference": "the reference moves with the seasons more than most of the area: the phases are not "
    "turned. Do not turn them: choose a reference on bedrock or other dry ground. Until then the amplitude is a "
    "difference to a moving place, and large where the ground moves least",
    "sign": "all witnesses say that the phases are turned: look at the sign and the order of the dates of the "
    "interferograms (parameters.phase_sign)",
    "open": "either the sign or pair order of the phases is turned, or the reference moves more than the area, and "
    "this map cannot tell which. Turn nothing: try a reference on bedrock or other dry ground first",
}


class SignEvidence(NamedTuple):
    """What :func:`sign_evidence` found."""

    verdict: str
    """``right``, ``reference`` (it moves), ``sign`` (turned) or ``open``."""
    means: str
    """The same in a sentence, and what to do."""
    table: pd.DataFrame
    """One row a witness: ``value`` and what it ``says``: ``right``, ``turned`` or ``silent``."""


def sign_evidence(
    coefficient: xr.DataArray, *, peak_index: xr.DataArray | None = None, slope: xr.DataArray | None = None
) -> SignEvidence:
    """Tell a turned sign from a reference on moving ground.

    In summer thawing ground settles, so with the right sign and a still reference most coefficients are negative. If
    their median is positive the sign may be turned, or the reference moves more than the area; a turned sign and a
    moving reference hide each other. Witnesses that no reference can touch, as a constant cancels in them, tell these
    apart: few places move much more than most, not much less (the long tail of the map points down); level ground holds
    more water than slopes; where more heat enters, thaw goes deeper.

    Parameters
    ----------
    coefficient : xarray.DataArray
        ``seasonal_coefficient`` of :func:`fit`, mm per root of a degree day, dims ``y, x``.
    peak_index : xarray.DataArray, optional
        Largest composite index of each pixel, as for :func:`fit`.
    slope : xarray.DataArray, optional
        degree, on the same grid.

    Returns
    -------
    SignEvidence
        ``sign`` only if at least two witnesses say so and none says otherwise.

    Raises
    ------
    QtpDataError
        If fewer than 30 pixels are known.

    Examples
    --------
    Ground that moves by 1 to 11, measured against ground that moves by 9, and the same turned round:

    >>> wet = np.random.default_rng(0).gamma(2.0, 1.5, (20, 20)) + 1.0
    >>> moves = xr.DataArray(9.0 - wet, dims=("y", "x"))
    >>> sign_evidence(moves).verdict, sign_evidence(-moves).verdict
    ('reference', 'open')
    """
    values = np.asarray(coefficient, dtype=float)
    known = np.isfinite(values)
    if known.sum() < _FEWEST:
        raise QtpDataError("too few pixels to judge the sign", expected=f"at least {_FEWEST}", found=int(known.sum()))
    low, middle, high = np.quantile(values[known], [0.05, 0.5, 0.95])
    tail = (high + low - 2 * middle) / (high - low) if high > low else 0.0
    rows = {
        "median coefficient": (middle, "silent" if middle == 0 else "right" if middle < 0 else "turned"),
        "skewness of the map": (tail, _speak(-tail, _TAIL)),
    }
    for name, other, falls in (("slope", slope, -1.0), ("largest index", peak_index, 1.0)):
        if other is not None:
            rank = _rank_correlation(-values, np.asarray(other, dtype=float))
            rows[f"rank correlation of settling and {name}"] = (rank, _speak(falls * rank, _RANK))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "says"]).rename_axis("witness")
    said = table["says"].iloc[1:].value_counts()
    right, turned = int(said.get("right", 0)), int(said.get("turned", 0))
    if turned >= 2 and not right:
        verdict = "sign"
    elif middle <= 0:
        verdict = "right" if right >= turned else "open"
    else:
        verdict = "reference" if right and not turned else "open"
    return SignEvidence(verdict, _MEANS[verdict], table)


def signed_amplitude(deformation: xr.Dataset) -> xr.DataArray:
    """Seasonal amplitude relative to the reference, with a sign: what is to be mapped where the reference moves.

    An amplitude is the size of a difference to the reference, and so large where the ground moves *less* than a moving
    reference. Adding the amplitude of the reference, where it is known, to this one gives that of the ground.

    Parameters
    ----------
    deformation : xarray.Dataset
        ``seasonal_amplitude`` (mm) and ``seasonal_coefficient`` of :func:`fit`, dims ``y, x`` or any.

    Returns
    -------
    xarray.DataArray
        mm, peak to trough; positive where the ground settles in summer more than the reference does, negative where it
        settles less. Lazy if the input is lazy.

    Notes
    -----
    The paper maps the size only, against a reference on ground that hardly moves.

    Examples
    --------
    >>> deformation = xr.Dataset({"seasonal_amplitude": ("x", [12.0, 3.0]), "seasonal_coefficient": ("x", [-0.4, 0.1])})
    >>> signed_amplitude(deformation).values
    array([12., -3.])
    """
    amplitude = deformation["seasonal_amplitude"]
    out = -xnp.sign(deformation["seasonal_coefficient"]) * amplitude
    return describe(out, "signed_amplitude", like=amplitude)


def _speak(value: float, limit: float) -> str:
    return "right" if value >= limit else "turned" if value <= -limit else "silent"


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's; 0 where one of them is constant."""
    both = np.isfinite(a) & np.isfinite(b)
    ranks = pd.DataFrame({"a": a[both], "b": b[both]}).rank()
    return float(np.nan_to_num(ranks.corr().iloc[0, 1])) if both.sum() >= _FEWEST else 0.0
