"""What an opened source holds, in a row of plain values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.catalog.marks import footprint
from qtp_toolkit.conventions import TIME


def contents(data: xr.Dataset | xr.DataArray | pd.DataFrame) -> dict[str, Any]:
    """Say what a source holds: bounds, dims, units, and by kind bytes, first and last date, CRS, or the columns.

    Parameters
    ----------
    data : xarray.Dataset, xarray.DataArray or pandas.DataFrame
    """
    row: dict[str, Any] = {"bounds": footprint(data)}
    if isinstance(data, pd.DataFrame):
        return row | {
            "dims": {"rows": len(data)},
            "units": data.attrs.get("units", {}),
            "columns": [str(c) for c in data.columns],
        }
    arrays = data.data_vars if isinstance(data, xr.Dataset) else {str(data.name): data}
    row |= {
        # in the order of the arrays: a Dataset's own order is that of its coords
        "dims": {str(dim): data.sizes[dim] for array in arrays.values() for dim in array.dims},
        "units": {str(name): array.attrs.get("units", "") for name, array in arrays.items()},
        "bytes": int(data.nbytes),
    }
    for coord in (TIME, "reference", "secondary"):
        if coord in data.coords and data[coord].size:
            times = np.atleast_1d(data[coord].to_numpy()).astype("datetime64[D]")
            row["first"] = min(row.get("first", str(times.min())), str(times.min()))
            row["last"] = max(row.get("last", str(times.max())), str(times.max()))
    if "spatial_ref" in data.coords:
        attrs = data["spatial_ref"].attrs
        named = [attrs.get(f"{kind}_crs_name", "unknown") for kind in ("projected", "geographic")]
        named += [attrs.get("grid_mapping_name", "unknown"), "named in crs_wkt"]  # sinusoidal, of MODIS, has no other
        row["crs"] = next(words for words in named if not words.lower().startswith(("unknown", "unnamed", "undefined")))
    return row
