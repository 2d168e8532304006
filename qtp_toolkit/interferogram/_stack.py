"""From a stack of coregistered images to the multilooked interferograms of a network."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit._pairs import pair_dates
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, TIME, QtpDataError, X, Y, coordinate, describe, require
from qtp_toolkit.interferogram._form import coherence, form, multilook

INDEPENDENT = 57 / 120
"""Independent looks of a look of Sentinel-1, whose pixels overlap: 57 of the paper's 20 x 6."""


def effective_looks(looks_y: int, looks_x: int) -> float:
    """Independent looks of so many pixels of Sentinel-1, one at least.

    Examples
    --------
    >>> effective_looks(6, 20)
    57.0
    """
    return max(looks_y * looks_x * INDEPENDENT, 1.0)


def form_stack(slc: xr.DataArray, pairs: xr.Dataset, *, looks_y: int = 6, looks_x: int = 20) -> xr.Dataset:
    """Form the interferograms of a network from coregistered images, with their coherence.

    Parameters
    ----------
    slc : xarray.DataArray
        Complex, dims ``time, y, x``; flattened: fringes of orbit and topography within a block would lower coherence.
    pairs : xarray.Dataset
        Dim ``pair`` with coords ``reference`` and ``secondary``, as from ``network.select_pairs``.
    looks_y, looks_x : int
        Pixels along azimuth and range that are averaged.

    Returns
    -------
    xarray.Dataset
        ``interferogram``, complex, and ``coherence``, 0..1 (pair, y, x). Coherence is biased: its attribute
        ``coherence_of_noise`` is the mean estimate where images have nothing in common, ``sqrt(pi / (4 L))`` for ``L``
        independent looks. Lazy if the input is lazy; chunks along ``y`` that are multiples of ``looks_y`` take the
        least memory.

    Raises
    ------
    QtpDataError
        I03: dates of pairs that have no image; I11: images of real numbers.

    Examples
    --------
    >>> from qtp_toolkit import network
    >>> days = np.array(["2020-01-01", "2020-01-13"], "datetime64[ns]")
    >>> turns = xr.DataArray(np.exp(-1j * np.array([0.0, 0.4])), {"time": days}, "time")
    >>> slc = turns * xr.DataArray(np.ones((12, 40)), dims=("y", "x"))
    >>> made = form_stack(slc, network.select_pairs(days))
    >>> np.angle(made["interferogram"]).round(3).ravel()
    array([0.4, 0.4, 0.4, 0.4], dtype=float32)
    """
    require(slc, dims=(TIME, Y, X))
    first, second = (dates.astype("datetime64[D]") for dates in pair_dates(pairs))
    days = coordinate(slc, TIME).astype("datetime64[D]")
    missing = np.setdiff1d(np.concatenate([first, second]), days)
    if missing.size:
        raise QtpDataError(
            "dates of the pairs have no image",
            found=", ".join(map(str, missing)),
            hint="Give the images of these dates, or drop their pairs.",
            code="I03",
        )
    at = {day: k for k, day in enumerate(days)}
    made = []
    for early, late in zip(first, second, strict=True):
        ends = slc.isel({TIME: at[early]}, drop=True), slc.isel({TIME: at[late]}, drop=True)
        made.append(_pair(ends[0], ends[1], looks_y, looks_x))
    out = xr.concat(made, PAIR, coords="minimal", compat="override", join="override")
    coords = {name: (PAIR, dates.astype("datetime64[ns]")) for name, dates in ((REFERENCE, first), (SECONDARY, second))}
    return out.assign_coords(coords)


def _pair(reference: xr.DataArray, secondary: xr.DataArray, looks_y: int, looks_x: int) -> xr.Dataset:
    looked = multilook(form(reference, secondary), looks_y=looks_y, looks_x=looks_x)
    gamma = coherence(reference, secondary, looks_y=looks_y, looks_x=looks_x)
    floor = float(np.sqrt(np.pi / 4 / effective_looks(looks_y, looks_x)))
    gamma = describe(gamma, "coherence", like=reference, coherence_of_noise=round(min(floor, 1.0), 3))
    return xr.Dataset({"interferogram": looked.astype(np.complex64), "coherence": gamma})
