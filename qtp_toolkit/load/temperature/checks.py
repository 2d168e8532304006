"""Looks into the pixels of LST: what headers cannot tell. These compute."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import LOOKS, TIME, QtpDataError
from qtp_toolkit.load.files.limits import implausible

_PLAUSIBLE = (-60.0, 60.0)
"""Medians of a layer, degC."""
_SIDE = 8
"""Blocks a side in which empty ground is looked for."""


def check_lst(data: xr.Dataset, *, every: int = 4, max_empty: float = 0.5, max_hollow: float = 0.1) -> pd.DataFrame:
    """Read a thinned copy of the LST and tell whether it can be what it says. This one computes.

    Parameters
    ----------
    data : xarray.Dataset
        From :func:`qtp_toolkit.load.modis_lst` or :func:`qtp_toolkit.load.viirs_lst`: ``terra_day`` ... (time, y, x),
        degC, with their quality bytes.
    every : int
        Rows and columns to step over.
    max_empty : float
        Largest share of composites without a single valid pixel.
    max_hollow : float
        Largest share of blocks of one composite that hold no value though their quality bytes say that values were
        produced: so a download looks whose tail was filled with zeros. Blocks that are empty in every composite
        (outside the cut-out, open water) do not count.

    Returns
    -------
    pandas.DataFrame
        One row a layer: ``valid`` (share of values), ``median``, ``smallest``, ``largest`` (degC), ``empty``
        (composites without a valid pixel), ``first_empty`` (date), ``hollow`` (largest share of hollow blocks of a
        composite; NaN without quality bytes). Empty composites are NaN already, so they take no part in any fit.

    Raises
    ------
    QtpDataError
        No layer of MODIS or VIIRS; M06: hollow blocks, or more than ``max_empty`` of the composites empty; M11: median
        outside -60..60 degC.

    Warns
    -----
    UserWarning
        M16: composites without any valid pixel, with their dates; M22: a night that is warmer than the day.

    Examples
    --------
    >>> times = np.array(["2019-01-04T12", "2019-01-12T12"], "datetime64[ns]")
    >>> day = xr.DataArray(np.full((2, 8, 8), -3.0), {"time": times}, ("time", "y", "x"))
    >>> float(load.check_lst(day.to_dataset(name="terra_day"), every=1).loc["terra_day", "median"])
    -3.0
    """
    layers = [name for name in LOOKS if name in data]
    if not layers:
        raise QtpDataError("nothing to look at", expected=LOOKS, found=list(data.data_vars))
    wanted = [name for layer in layers for name in (layer, f"qc_{layer}") if name in data]
    thin = data[wanted].isel(y=slice(None, None, every), x=slice(None, None, every)).compute()
    rows = [_row(thin, name, max_empty=max_empty, max_hollow=max_hollow) for name in layers]
    table = pd.DataFrame(rows, index=pd.Index(layers, name="layer"))
    for sensor in dict.fromkeys(name.partition("_")[0] for name in layers):
        day, night = f"{sensor}_day", f"{sensor}_night"
        if {day, night} <= set(layers) and table.loc[day, "median"] < table.loc[night, "median"]:
            medians = f"medians {table.loc[day, 'median']:.1f} and {table.loc[night, 'median']:.1f} degC"
            warnings.warn(f"{sensor}: the night is warmer than the day ({medians}). Swapped?", stacklevel=2)
    return table


def _row(thin: xr.Dataset, name: str, *, max_empty: float, max_hollow: float) -> dict[str, Any]:
    values = thin[name].to_numpy()
    known = np.isfinite(values)
    empty = ~known.any((1, 2))
    some = values[known] if known.any() else np.array([np.nan])
    dates = thin[TIME].to_numpy().astype("datetime64[D]")
    hollow = _hollow(known, thin[f"qc_{name}"].to_numpy()) if f"qc_{name}" in thin else np.full(len(dates), np.nan)
    worst = int(np.nanargmax(hollow)) if np.isfinite(hollow).any() else 0
    if hollow[worst] > max_hollow:
        raise QtpDataError(
            "blocks without any value though their quality bytes say that values were produced",
            variable=name,
            where=", ".join(map(str, dates[hollow > max_hollow][:10])),
            found=f"{hollow[worst]:.0%} on {dates[worst]}",
            expected=f"at most {max_hollow:.0%} of the blocks",
            code="M06",
            hint="A download filled up with zeros? Get these files again.",
        )
    if empty.mean() > max_empty:
        raise QtpDataError(
            f"{empty.sum()} of {len(empty)} composites have no valid pixel",
            variable=name,
            code="M06",
            where=f"from {dates[empty][0]}",
            expected=f"at most {max_empty:.0%}",
            hint="A download cut short?",
        )
    median = float(np.median(some))
    if median < _PLAUSIBLE[0] or median > _PLAUSIBLE[1]:
        raise implausible(median, name, _PLAUSIBLE, settings="units or scale_factor, where the driver has them")
    if empty.any():
        listed = ", ".join(map(str, dates[empty][:10])) + (", ..." if empty.sum() > 10 else "")
        warnings.warn(f"{name}: {empty.sum()} composites without any valid pixel: {listed}", stacklevel=3)
    return {
        "valid": known.mean(),
        "median": median,
        "smallest": some.min(),
        "largest": some.max(),
        "empty": int(empty.sum()),
        "first_empty": str(dates[empty][0]) if empty.any() else "",
        "hollow": hollow[worst],
    }


def _hollow(known: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Share of blocks, by composite, in which every quality byte says "produced" and no pixel has a value."""
    produced = (quality & 3) <= 1
    rows, columns = (np.unique(np.linspace(0, n, _SIDE + 1).astype(int)[:-1]) for n in known.shape[1:])
    blocks = [np.add.reduceat(np.add.reduceat(a, rows, 1, dtype=int), columns, 2) for a in (known, ~produced)]
    hollow = (blocks[0] == 0) & (blocks[1] == 0)
    used = (blocks[0] > 0).any(0)
    return hollow[:, used].mean(1) if used.any() else np.zeros(len(known))
