"""Looks into the pixels of a stack: what headers cannot tell. These compute."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._variables import FRACTION
from qtp_toolkit.conventions import VARIABLES, QtpDataError

_MOST_ZEROS = 0.005
"""Share of exact zeros from which on they look like missing data."""


def check_stack(stack: xr.Dataset, *, every: int = 4) -> pd.DataFrame:
    """Read a thinned copy of a stack and tell whether it can be what it says. This one computes.

    Parameters
    ----------
    stack : xarray.Dataset
        ``phase`` (pair, y, x), rad, and ``coherence`` if there is one.
    every : int
        Rows and columns to step over.

    Returns
    -------
    pandas.DataFrame
        One row a pair: dates, ``valid`` (share of pixels), ``zeros`` (share of exact zeros), ``smallest`` and
        ``largest`` phase (rad), median coherence.

    Raises
    ------
    QtpDataError
        I10: all pairs lie within -pi..pi, so the phase looks wrapped; I12: all within half a radian, as displacement in
        m does; I04: coherence outside 0..1; I21: pairs without any valid pixel.

    Warns
    -----
    UserWarning
        I23: more than 0.5 % of the phase is exactly 0, as where 0 stands for missing data.

    Examples
    --------
    >>> phase = geotiff("20180819_20180831.tif", np.linspace(-9, 9, 20, dtype="float32").reshape(4, 5))
    >>> table = load.check_stack(load.interferograms([phase]), every=1)
    >>> table[["smallest", "largest"]].values.tolist()
    [[-9.0, 9.0]]
    """
    thin = stack.isel(y=slice(None, None, every), x=slice(None, None, every)).compute()
    phase = thin["phase"].to_numpy()
    valid = np.isfinite(phase)
    rows = {
        "reference": thin["reference"].to_numpy(),
        "secondary": thin["secondary"].to_numpy(),
        "valid": valid.mean((1, 2)),
        "zeros": (phase == 0).mean((1, 2)),
        "smallest": np.where(valid, phase, np.inf).min((1, 2)),
        "largest": np.where(valid, phase, -np.inf).max((1, 2)),
    }
    if "coherence" in thin:
        coherence = thin["coherence"].to_numpy()
        known = np.isfinite(coherence)
        rows["coherence"] = [
            float(np.median(c[k])) if k.any() else np.nan for c, k in zip(coherence, known, strict=True)
        ]
        low, high = VARIABLES["coherence"].held or FRACTION
        if known.any() and (coherence[known].min() < low or coherence[known].max() > high):
            raise QtpDataError(
                "coherence leaves 0..1",
                found=f"{coherence[known].min():g} to {coherence[known].max():g}",
                code="I04",
                hint="Stored as 0..255? Set parameters.coherence_scale: 0.00392157.",
            )
    table = pd.DataFrame(rows)
    none = table[table["valid"] == 0]
    empty = [f"{r:%Y-%m-%d} {s:%Y-%m-%d}" for r, s in zip(none["reference"], none["secondary"], strict=True)]
    if empty:
        raise QtpDataError(f"{len(empty)} pairs hold no valid pixel", where="; ".join(empty), code="I21")
    farthest = max(table["largest"].max(), -table["smallest"].min())
    if farthest <= 0.5:
        raise QtpDataError(
            "the phase looks like displacement in m: it never leaves -0.5..0.5",
            variable="phase",
            code="I12",
            found=f"{table['smallest'].min():.3f} to {table['largest'].max():.3f}",
            hint="Give the unwrapped phase in rad, or multiply by -4 pi / wavelength.",
        )
    if table["zeros"].mean() > _MOST_ZEROS:
        warnings.warn(
            f"{table['zeros'].mean():.1%} of the phase is exactly 0: missing data? Set parameters.nodata: 0. (I23)",
            stacklevel=2,
        )
    if farthest <= np.pi + 1e-3:
        raise QtpDataError(
            "the phase looks wrapped: every pair lies within -pi..pi",
            variable="phase",
            code="I10",
            found=f"{table['smallest'].min():.3f} to {table['largest'].max():.3f} rad",
            hint="Give the unwrapped files (HyP3 _unw_phase, LiCSAR .geo.unw).",
        )
    return table
