"""Land surface temperature in tables: one row a cell, one column a composite."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from qtp_toolkit._angles import nearest_turn
from qtp_toolkit.catalog.options import Positive
from qtp_toolkit.conventions import TIME, QtpDataError, X, Y, describe
from qtp_toolkit.load.files.checks import no_duplicates
from qtp_toolkit.load.files.dates import DatePattern, centers, date_expression, date_of
from qtp_toolkit.load.files.grids import on_grid
from qtp_toolkit.load.files.limits import hold
from qtp_toolkit.load.files.table import degrees, numbers, read_table
from qtp_toolkit.load.temperature.composites import missing_dates


def lst_table(
    path: Path,
    *,
    longitude: str = "lon",
    latitude: str = "lat",
    pattern: DatePattern = r"(?P<year>\d{4})_(?P<month>\d{2})_(?P<day>\d{2})",
    units: Literal["degC", "K"] = "degC",
    scale: Positive = 1.0,
    stamp: Literal["start", "center"] = "start",
    composite_days: Annotated[int, Field(ge=1, le=32)] = 8,
    grid: bool = True,
    missing: Sequence[float] = (),
) -> xr.Dataset:
    """Open a table of LST: one row a cell with its longitude and latitude, one column a composite.

    Parameters
    ----------
    path : path
        CSV.
    longitude, latitude : str
        Headings, degrees.
    pattern : str
        Finds the date in a heading: a regular expression with groups year, month, day or year, doy; or the letters of
        strftime, such as ``LST%Y_%m_%d``.
    units : {"degC", "K"}
        Unit of the values, once scaled.
    scale : float
        Factor of the values: 0.02 where they are stored as MODIS has them.
    stamp : {"start", "center"}
        What the date in the heading is.
    composite_days : int
        Days that a column covers.
    grid : bool
        Lay the cells out as (time, y, x) if they lie on a regular grid; otherwise (time, station).
    missing : sequence of float
        Sentinels, as they are stored.

    Returns
    -------
    xarray.Dataset
        ``lst``, degC, float32, in memory; attrs ``missing_composites`` and ``missing_dates`` between the first and the
        last, and ``outside_range``: values that no land surface has, which are NaN. The source must say whether it is
        a daily mean: the table cannot.

    Raises
    ------
    QtpDataError
        If headings are missing, no heading holds a date, a value is no number, a coordinate is missing or leaves the
        globe (I08), cells or dates stand twice (M02), the grid is irregular, or the values cannot be in degC (M11).

    Examples
    --------
    >>> table = pd.DataFrame({"lon": [93.0], "lat": [35.0], "LST2008_01_01": [-3.5], "LST2008_01_09": [-2.0]})
    >>> table.to_csv(folder / "lst.csv", index=False)
    >>> load.lst_table(folder / "lst.csv")["lst"].values.ravel().tolist()
    [-3.5, -2.0]
    """
    table = read_table(path)
    expression = date_expression(pattern)
    dated = [(name, match) for name in table.columns if (match := re.search(expression, name))]
    lacking = [name for name in (longitude, latitude) if name not in table.columns]
    if lacking or not dated:
        raise QtpDataError(
            "table lacks " + (f"the columns {lacking}" if lacking else f"headings with a date like {pattern!r}"),
            path=path,
            found=list(table.columns)[:6],
            hint="Set longitude, latitude and pattern in parameters.",
        )
    start = np.array([date_of(match, path) for _, match in dated])
    no_duplicates(start, [Path(name) for name, _ in dated], "composite", "M02")
    order = np.argsort(start)
    values = np.stack([numbers(table, dated[k][0], path) for k in order]).astype("float32")
    values[np.isin(values, np.asarray(missing, "float32"))] = np.nan
    shift = -273.15 if units == "K" else 0.0
    values = values * np.float32(scale) + np.float32(shift)
    time = centers(start[order], composite_days) if stamp == "start" else start[order].astype("datetime64[ns]")
    outside = hold(values, "lst", path, scale=scale, offset=shift, settings="units or scale")
    lon, lat = degrees(table, longitude, 360.0, path), degrees(table, latitude, 90.0, path)
    lay = _gridded if grid else _listed
    out = describe(lay(values, time, lon, lat, path), "lst").to_dataset()
    lost = missing_dates(start[order], composite_days)
    notes = {"missing_composites": len(lost), "missing_dates": ", ".join(map(str, lost))}
    return out.assign_attrs(
        notes | ({"outside_range": {"lst": outside}} if outside else {}), composite_days=composite_days
    )


def _listed(values: np.ndarray, time: np.ndarray, lon: np.ndarray, lat: np.ndarray, _path: Path) -> xr.DataArray:
    coords = {TIME: time, "longitude": ("station", lon), "latitude": ("station", lat)}
    return xr.DataArray(values, dims=(TIME, "station"), coords=coords)


def _gridded(values: np.ndarray, time: np.ndarray, lon: np.ndarray, lat: np.ndarray, path: Path) -> xr.DataArray:
    turned = nearest_turn(lon, lon[0])
    x, columns = _axis(turned if np.ptp(turned) < np.ptp(lon) else lon, path, "longitude")  # cells across the seam
    y, rows = _axis(-lat, path, "latitude")
    cells = rows * len(x) + columns
    if len(np.unique(cells)) != len(cells):
        raise QtpDataError("table holds a cell twice", path=path, found=f"{len(cells) - len(np.unique(cells))} doubles")
    out = np.full((len(time), len(y) * len(x)), np.nan, "float32")
    out[:, cells] = values
    coords = {TIME: time, Y: -y, X: x}
    return on_grid(out.reshape(len(time), len(y), len(x)), (TIME, Y, X), coords, "EPSG:4326")


def _axis(values: np.ndarray, path: Path, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Regular axis that the values lie on, and the index of each value."""
    unique = np.unique(np.round(values, 7))
    gaps = np.diff(unique)
    step = float(gaps[gaps > 1e-6].min()) if (gaps > 1e-6).any() else 1.0
    index = np.rint((values - unique[0]) / step).astype(int)
    if index.max() > 0:  # refine: the smallest gap carries the rounding of the file
        step, first = np.polyfit(index, values, 1)
    else:
        first = unique[0]
    off = np.abs(values - (first + index * step)).max() / abs(step)
    if off > 0.05:
        raise QtpDataError(
            f"{what} of the cells is not a regular grid",
            path=path,
            expected=f"steps of {abs(step):g}",
            found=f"cells up to {off:.2f} of a step off",
            hint="Set parameters.grid: false to read cells as stations.",
        )
    return first + np.arange(index.max() + 1) * step, index
