"""Looks into the pixels of LST: what headers cannot tell. These compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError

if TYPE_CHECKING:
    import pandas as pd


def check_lst(data: xr.Dataset, *, every: int = 4, max_empty: float = 0.5) -> pd.DataFrame:
    """Read a thinned copy of the LST and tell whether it can be what it says. This one computes.

    Parameters
    ----------
    data : xarray.Dataset
        From :func:`qtp_toolkit.load.modis_lst`: ``terra_day`` ... (time, y, x), degC.
    every : int
        Rows and columns to step over.
    max_empty : float
        Largest share of composites without a single valid pixel (cloud over everything, or a zero-filled tail).

    Returns
    -------
    pandas.DataFrame
        One row a layer: ``valid`` (share of values), ``median``, ``smallest``, ``largest`` (degC), ``empty``
        (composites without a valid pixel), ``first_empty`` (date).

    Raises
    ------
    QtpDataError
        M06: more than ``max_empty`` of the composites are empty; M11: median outside -60..60 degC; M22: the night
        is warmer than the day.
    """
    import pandas as pd  # noqa: PLC0415

    layers = [name for name in ("terra_day", "terra_night", "aqua_day", "aqua_night") if name in data]
    thin = data[layers].isel(y=slice(None, None, every), x=slice(None, None, every)).compute()
    rows = []
    for name in layers:
        values = thin[name].to_numpy()
        known = np.isfinite(values)
        empty = ~known.any((1, 2))
        some = values[known] if known.any() else np.array([np.nan])
        dates = thin[TIME].to_numpy()[empty].astype("datetime64[D]")
        rows.append({
            "layer": name, "valid": known.mean(), "median": np.median(some), "smallest": some.min(),
            "largest": some.max(), "empty": int(empty.sum()), "first_empty": str(dates[0]) if len(dates) else "",
        })  # fmt: skip
        if empty.mean() > max_empty:
            raise QtpDataError(
                f"{empty.sum()} of {len(empty)} composites have no valid pixel", variable=name,
                where=f"from {dates[0]}", expected=f"at most {max_empty:.0%}", hint="A download cut short?", code="M06",
            )  # fmt: skip
        if not -60 <= np.median(some) <= 60:
            raise QtpDataError("LST is not in degC", variable=name, found=f"median {np.median(some):g}", code="M11")
    table = pd.DataFrame(rows).set_index("layer")
    for sensor in ("terra", "aqua"):
        day, night = f"{sensor}_day", f"{sensor}_night"
        if {day, night} <= set(layers) and table.loc[day, "median"] < table.loc[night, "median"]:
            raise QtpDataError(
                f"{sensor}: the night is warmer than the day", found=table["median"].to_dict(),
                hint="Are day and night swapped?", code="M22",
            )  # fmt: skip
    return table
