"""OPERA's zenith delays of the troposphere: global, every six hours, over height."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from qtp_toolkit._dates import read_time
from qtp_toolkit.conventions import TIME, QtpDataError, X, Y, describe
from qtp_toolkit.load.datasets import netcdf
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import as_paths, refuse_bad

_PARTS = ("hydrostatic_delay", "wet_delay")
_WHOLE = "total_delay"
_STAMP = re.compile(r"(?<!\d)(\d{8}T\d{6})(?!\d)")
_MARGIN = 0.5
"""Degrees around the area: some seven cells of 0.07."""


def opera_tropo(
    paths: Sequence[Path],
    *,
    area: tuple[float, float, float, float] | None = None,
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open OPERA TROPO-ZENITH products, or what ``opera-utils`` has cropped of them (``tropo_cropped_*.nc``).

    Parameters
    ----------
    paths : sequence of path
        ``OPERA_L4_TROPO-ZENITH_20180831T000000Z_..._HRES_v1.0.nc``: the first time in the name is that of the weather.
    area : (west, south, east, north), optional
        degrees; a margin of half a degree is kept around it. The products are global: 2 GB each.
    chunks : dict, optional
        By default a block for each file.

    Returns
    -------
    xarray.Dataset
        ``zenith_delay`` (time, height, y, x), m, hydrostatic and wet together, one way; ``height`` in m. For
        ``correct.tropospheric_delay``, which interpolates it in time, to the terrain and into the line of sight. Lazy.

    Raises
    ------
    QtpDataError
        C10: no file; I27: names without a time; I19: a time twice; M27: other variables, or other grids; M04, M05:
        unreadable files.

    Examples
    --------
    >>> axes = {"height": [0.0, 5000.0], "latitude": [35.0, 34.0], "longitude": [92.0, 93.0]}
    >>> cube = xr.DataArray(np.ones((2, 2, 2)), axes, tuple(axes), attrs={"units": "meters"})
    >>> path = folder / "OPERA_L4_TROPO-ZENITH_20180831T000000Z_20250101T000000Z_HRES_v1.0.nc"
    >>> cube.to_dataset(name="wet_delay").assign(hydrostatic_delay=cube).to_netcdf(path, engine="h5netcdf")
    >>> load.opera_tropo([path])["zenith_delay"].isel(height=0, y=0, x=0).values.tolist()
    [2.0]
    """
    files = as_paths(paths)
    if not files:
        raise QtpDataError("no delay is given", expected="one file or more", code="C10")
    found = [(_STAMP.search(path.name), path) for path in files]
    refuse_bad([(p, "no time in its name") for m, p in found if m is None], "delay", total=len(files), code="I27")
    rows = sorted((read_time(match[1]), path) for match, path in found if match is not None)
    times = np.array([time for time, _ in rows], "datetime64[ns]")
    twice = np.unique(times[1:][times[1:] == times[:-1]])
    if twice.size:
        raise QtpDataError("a time stands twice", found=", ".join(map(str, twice)), path=files[0].parent, code="I19")
    cubes = [_cube(path, area, chunks) for _, path in rows]
    odd = [(p, f"{dict(c.sizes)}") for c, (_, p) in zip(cubes, rows, strict=True) if not _alike(c, cubes[0])]
    refuse_bad(odd, f"delay on the grid of {rows[0][1].name}", total=len(files), code="M27")
    delay = xr.concat(cubes, TIME, join="override", coords="minimal", compat="override")
    delay = delay.assign_coords({TIME: times}).transpose(TIME, "height", Y, X)
    return describe(delay, "zenith_delay").to_dataset(name="zenith_delay").rio.write_crs(4326)


def _cube(path: Path, area: tuple[float, float, float, float] | None, chunks: Chunks | None) -> xr.DataArray:
    data = netcdf(path, chunks=chunks, crs="EPSG:4326")
    names = (_WHOLE,) if _WHOLE in data else _PARTS
    lacking = [name for name in names if name not in data]
    if lacking or not {"height", Y, X} <= set(data.dims):
        raise QtpDataError(
            "not a delay over height",
            path=path,
            expected="hydrostatic_delay and wet_delay, or total_delay, over height, latitude, longitude",
            found=f"{sorted(map(str, data.data_vars))} over {dict(data.sizes)}",
            code="M27",
        )
    if area is not None:
        west, south, east, north = area
        data = data.sel({X: slice(west - _MARGIN, east + _MARGIN), Y: slice(north + _MARGIN, south - _MARGIN)})
    parts = [data[name].drop_vars(TIME, errors="ignore") for name in names]
    units = {str(part.attrs.get("units", "m")) for part in parts}
    if 0 in parts[0].shape or not units <= {"m", "meter", "meters"}:
        raise QtpDataError(
            "a delay without a part in the area" if 0 in parts[0].shape else "a delay in another unit",
            path=path,
            expected="m, around the bounds of the catalog",
            found=", ".join(sorted(units)) if all(parts[0].shape) else f"bounds {area}",
            code="I22" if 0 in parts[0].shape else "M11",
        )
    whole = sum(parts[1:], parts[0])
    whole = whole.isel({TIME: 0}, drop=True) if TIME in whole.dims else whole
    return whole.astype(np.float32).chunk({"height": -1})


def _alike(one: xr.DataArray, other: xr.DataArray) -> bool:
    return all(one.sizes[dim] == other.sizes[dim] and np.allclose(one[dim], other[dim]) for dim in ("height", Y, X))
