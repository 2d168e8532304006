"""What a pair weighs, given its coherence."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.conventions import QtpDataError

WEIGHTS = ("coherence", "fisher", "variance", "unit")

_TABLE_SIZE = 257
_HIGHEST_COHERENCE = 0.995


def weight_table(weights: str, *, looks: float = 57.0) -> np.ndarray:
    """Tabulate the weight of a pair at the coherences 0, 1/256, ..., 1.

    Parameters
    ----------
    weights : {"coherence", "fisher", "variance", "unit"}
        See :func:`invert`. Beyond a coherence of 0.995 the weight stays as it is there.
    looks : float
        Effective number of looks, above 1.

    Returns
    -------
    numpy.ndarray
        257 values, float64; rad-2 for ``fisher`` and ``variance``.

    Examples
    --------
    At a coherence of 0.5 the Fisher information of 57 looks is 2 * 57 * 0.25 / 0.75:

    >>> [float(weight_table(weights, looks=57)[128]) for weights in ("coherence", "fisher")]
    [0.5, 38.0]
    """
    if weights in ("fisher", "variance") and not looks > 1:
        raise QtpDataError("looks are a number of averaged pixels", expected="above 1", found=looks)
    gamma = np.linspace(0.0, 1.0, _TABLE_SIZE)
    # At a coherence of 1 the variance is zero: one pair would outweigh all others by any factor.
    bounded = gamma.clip(max=_HIGHEST_COHERENCE)
    if weights == "coherence":
        return gamma
    if weights == "fisher":
        return 2 * looks * bounded**2 / (1 - bounded**2)
    if weights == "variance":
        return 1 / phase_variance(bounded, looks=looks)
    return np.ones_like(gamma)


def phase_variance(coherence: np.ndarray, *, looks: float = 57.0) -> np.ndarray:
    """Variance of the phase of a multilooked interferogram (Lee et al. 1994), by quadrature of its density.

    Parameters
    ----------
    coherence : numpy.ndarray
        0 to 0.995.
    looks : float
        Effective number of independent looks.

    Returns
    -------
    numpy.ndarray
        rad2: pi^2/3 at coherence 0, close to ``(1 - g^2) / (2 L g^2)`` where that is below 0.1.
    """
    from scipy.special import gammaln, hyp2f1  # noqa: PLC0415  slow to import

    phi = (np.arange(1440) + 0.5) * (np.pi / 720) - np.pi
    rest = 1 - np.asarray(coherence, dtype=np.float64)[..., None] ** 2
    beta = np.asarray(coherence, dtype=np.float64)[..., None] * np.cos(phi)
    lead = np.exp(gammaln(looks + 0.5) - gammaln(looks)) / (2 * np.sqrt(np.pi))
    density = lead * beta * (rest / (1 - beta**2)) ** looks / np.sqrt(1 - beta**2)
    density = density + rest**looks * hyp2f1(looks, 1.0, 0.5, beta**2) / (2 * np.pi)
    # The two terms cancel near +-pi at high coherence; rounding may leave a little less than nothing.
    density = density.clip(min=0.0)
    return (density * phi**2).sum(axis=-1) / density.sum(axis=-1)
