"""What the directions of tracks alone allow: how errors in the lines of sight become those of east and vertical."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from qtp_toolkit._look import LOOK
from qtp_toolkit.conventions import QtpDataError, describe, is_lazy
from qtp_toolkit.pecm._run import variables_on
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

    Raises
    ------
    QtpDataError
        No track, a vector that lacks a part, maps on other pixels.

    Examples
    --------
    >>> from qtp_toolkit import pecm
    >>> out = pecm.dilution({name: pecm.look_vector(39.0, heading) for name, heading in (("a", -12.0), ("d", -168.0))})
    >>> round(float(out["east_dilution"]), 4), round(float(out["vertical_dilution"]), 4)
    (1.1487, 0.9099)
    """
    if not looks:
        raise QtpDataError("no track is given", expected="names and a look vector each: pecm.look_vector")
    seen = (LOOK["east"], LOOK["up"])
    vectors = [variables_on(look, seen, xr.DataArray(0.0), what=f"track {name!r}") for name, look in looks.items()]
    pixels = next((vector[LOOK["up"]] for vector in vectors if vector.dims), vectors[0][LOOK["up"]])
    placed = [variables_on(v, seen, pixels, what=f"track {name!r}") for name, v in zip(looks, vectors, strict=True)]
    parts = []
    for part in seen:
        plain = [vector[part].drop_vars(set(vector.coords) - {*vector.dims, "spatial_ref"}) for vector in placed]
        whole = xr.concat(xr.broadcast(*plain), _TRACK, coords="minimal", compat="override")
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
