"""Time series as GeoTIFFs, one a date."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
import xarray as xr

from qtp_toolkit.conventions import TIME, X, Y
from qtp_toolkit.export._blocks import days_of, reference_of, replacing_all, series_of, windows
from qtp_toolkit.products import BLOCK, copy_to_cog, label_raster, raster_profile

TILED = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
CACHE_MB = 256
"""GDAL would keep as much as a twentieth of the memory."""


def geotiffs(ds: xr.Dataset, folder: str | Path) -> list[Path]:
    """Write the displacement of each date as a Cloud-Optimized GeoTIFF: ``displacement_20180831.tif``, ...

    Maps without a time axis (rate, amplitude) are written by ``products.export_maps``.

    Parameters
    ----------
    ds : xarray.Dataset
        ``displacement`` (time, y, x), mm, positive toward the satellite, with a CRS: the product ``time_series``.
    folder : path
        Made if need be; other files in it stay.

    Returns
    -------
    list of pathlib.Path
        One file a date, float32, mm, NaN where missing; unit, date (TIFFTAG_DATETIME) and, if known, the reference
        date stand in the tags.

    Raises
    ------
    QtpDataError
        Without displacement in mm, without a CRS, on uneven pixels, or for dates that do not rise.

    Notes
    -----
    Lazy series are computed once, block by block. Until all are complete the folder holds them twice, the first time
    uncompressed.

    Examples
    --------
    >>> from qtp_toolkit import export
    >>> axes = {"time": pd.date_range("2018-08-31", periods=2, freq="12D"), "y": [90.0, 0.0], "x": [0.0, 90.0]}
    >>> moved = xr.DataArray(np.zeros((2, 2, 2)), axes, ("time", "y", "x"), attrs={"units": "mm"})
    >>> ds = moved.to_dataset(name="displacement").rio.write_crs(32646)
    >>> [path.name for path in export.geotiffs(ds, folder)]
    ['displacement_20180831.tif', 'displacement_20180912.tif']
    """
    series = series_of(ds)
    days = days_of(series)
    targets = [Path(folder) / f"displacement_{day}.tif" for day in days]
    since = reference_of(ds)
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
        replacing_all(targets) as stages,
        TemporaryDirectory(dir=targets[0].parent, prefix=".partial") as scratch,
    ):
        plain = [Path(scratch) / target.name for target in targets]
        with ExitStack() as stack:
            profile = raster_profile(series, np.dtype("float32")) | TILED
            rasters = [stack.enter_context(rasterio.open(path, "w", **profile)) for path in plain]
            for raster, day in zip(rasters, days, strict=True):
                when = {"TIFFTAG_DATETIME": f"{day[:4]}:{day[4:6]}:{day[6:]} 00:00:00"}
                label_raster(raster, series, **when, **({"reference_date": str(since)} if since else {}))
            for at in windows(series):
                values = series.isel(at).transpose(TIME, Y, X).values.astype("float32")
                frame = rasterio.windows.Window.from_slices(at[Y], at[X])
                for raster, layer in zip(rasters, values, strict=True):
                    raster.write(layer, 1, window=frame)
        for path, stage in zip(plain, stages, strict=True):
            copy_to_cog(path, stage)
    return targets
