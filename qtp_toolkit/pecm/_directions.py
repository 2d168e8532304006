"""What the directions of tracks alone allow: how errors in the lines of sight become those of east and vertical."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from qtp_toolkit._look import LOOK
from qtp_toolkit.conventions import describe, is_lazy, on_pixels_of
from qtp_toolkit.pecm.kernels import tracks as kernel

_TRACK = "track"


def dilution(looks: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Say what directions alone make of an error of 1 in each line of sight: the sigma of east and of vertical.

    Parameters
    ----------
    looks : mapping of str to xarray.Dataset
        ``look_east`` and ``look_up`` of each track, maps on one grid or numbers: :func:`look_vector`.

    Returns
    -------
    xarray.Dataset
        ``east_dilution`` and ``vertical_dilution`` (1); inf where all tracks look from one direction. Lazy if an input
        is lazy.

    Examples
    --------
    >>> from qtp_toolkit import pecm
    >>> out = pecm.dilution({name: pecm.look_vector(39.0, heading) for name, heading in (("a", -12.0), ("d", -168.0))})
    >>> round(float(out["east_dilution"]), 4), round(float(out["vertical_dilution"]), 4)
    (1.1487, 0.9099)
    """
    pixels = next(iter(looks.values()))["look_up"]
    parts = []
    for part in (LOOK["east"], LOOK["up"]):
        placed = [on_pixels_of(look[part], pixels, name=name).reset_coords(drop=True) for name, look in looks.items()]
        whole = xr.concat(xr.broadcast(*placed), _TRACK)
        parts.append(whole.chunk({_TRACK: -1}) if is_lazy(whole) else whole)
    made = xr.apply_ufunc(
        _dilute,
        *parts,
        input_core_dims=[[_TRACK]] * 2,
        output_core_dims=[[], []],
        dask="parallelized",
        output_dtypes=[np.float64] * 2,
    )
    names = ("east_dilution", "vertical_dilution")
    return xr.Dataset({name: describe(da, name, like=pixels) for name, da in zip(names, made, strict=True)})


def _dilute(east: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return kernel.dilute(np.moveaxis(east, -1, 0), np.moveaxis(up, -1, 0))
