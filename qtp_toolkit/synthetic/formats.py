"""File formats of the scene: what AppEEARS, HyP3, SoilGrids, SRTM, the Climate Data Store and station tables deliver.

Every writer takes arrays in the toolkit's conventions and packs them as the real product is packed. Nothing that goes
into a file depends on the time or the machine: the same arrays give the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import PAIR, TIME, X, Y, xnp
from qtp_toolkit.grid._frame import affine
from qtp_toolkit.load.files.dates import centers

PHASE_STEP, COHERENCE_STEP = 1 / 1024, 1 / 512
"""Steps that phase (rad) and coherence are rounded to: far below their noise, and it halves the files."""

SOILGRIDS_DEPTHS = ("0-5cm", "5-15cm", "15-30cm", "30-60cm", "60-100cm", "100-200cm")
STRIP_ROWS = 64
HEADING = -170.0
"""Flight direction of a descending orbit, degree clockwise from north."""
LICSAR_FRAME = "150D_00000_000000"
"""Name of the frame in LiCSAR's files: of no real one."""


class Flight(NamedTuple):
    """How the satellite of a stack flies: clock of its overpass (UTC), and heading, degree clockwise from north."""

    overpass: str = "T000500"
    heading: float = HEADING

    @property
    def seconds(self) -> float:
        """Seconds of the day of the overpass."""
        hours, minutes, seconds = (int(self.overpass[k : k + 2]) for k in (1, 3, 5))
        return 3600.0 * hours + 60.0 * minutes + seconds

    @property
    def direction(self) -> str:
        """Direction of the pass, in the word of HyP3."""
        return "ASCENDING" if np.cos(np.deg2rad(self.heading)) > 0 else "DESCENDING"


DESCENDING = Flight()


def geotiff(
    path: Path, values: np.ndarray, *, like: xr.DataArray | xr.Dataset, nodata: float | None, first_row: int = 0
) -> None:
    """Write rows of one band, in deflated strips, on the grid of ``like``; the rows that come first create the file."""
    import rasterio  # noqa: PLC0415
    from rasterio.windows import Window  # noqa: PLC0415

    profile = {
        "driver": "GTiff",
        "height": like.sizes[Y],
        "width": like.sizes[X],
        "count": 1,
        "dtype": values.dtype,
        "crs": like.rio.crs,
        "transform": affine(like),
        "nodata": nodata,
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 3 if values.dtype.kind == "f" else 2,
        "blockysize": min(STRIP_ROWS, like.sizes[Y]),
    }
    if first_row == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "r+") if first_row else rasterio.open(path, "w", **profile) as raster:
        raster.write(values, 1, window=Window(0, first_row, values.shape[1], values.shape[0]))


def layer(path: Path, da: xr.DataArray, *, dtype: str, nodata: float, scale: float = 1.0) -> None:
    """Write a map (y, x) as a GeoTIFF of ``da / scale``, NaN as ``nodata``."""
    values = pack(da.transpose(Y, X).values, dtype=dtype, fill=nodata, scale=scale)
    geotiff(path, values, like=da, nodata=nodata)


def pack(values: np.ndarray, *, dtype: str, fill: float, scale: float = 1.0, offset: float = 0.0) -> np.ndarray:
    """``(values - offset) / scale`` in ``dtype``, rounded if that is an integer, NaN as ``fill``."""
    if values.dtype.kind in "biu" and scale == 1.0 and offset == 0.0:
        return values.astype(dtype)
    scaled = (values.astype("float64") - offset) / scale
    scaled = np.rint(scaled) if np.dtype(dtype).kind in "iu" else scaled
    return np.where(np.isnan(scaled), fill, scaled).astype(dtype)


def modis_lst(folder: Path, lst: xr.Dataset) -> None:
    """Write AppEEARS NetCDF, one file a sensor: K x 50 as uint16, fill 0; time becomes the start."""
    for sensor, product in (("terra", "MOD11A2"), ("aqua", "MYD11A2")):
        layers: dict[str, Any] = {}
        for part, title in (("day", "Day"), ("night", "Night")):
            values = pack(lst[f"{sensor}_{part}"].values, dtype="uint16", fill=0, scale=0.02, offset=-273.15)
            attrs = {"_FillValue": np.uint16(0), "scale_factor": 0.02, "add_offset": 0.0, "units": "Kelvin"}
            attrs |= {"long_name": f"{title} land surface temperature", "valid_min": 7500, "valid_max": 65535}
            layers[f"LST_{title}_1km"] = ((TIME, "lat", "lon"), values, attrs | {"grid_mapping": "crs"})
            quality = lst[f"qc_{sensor}_{part}"].values.astype("uint8")
            layers[f"QC_{title}"] = ((TIME, "lat", "lon"), quality, {"grid_mapping": "crs"})
        start = starts(lst[TIME].values, days=8)
        days = (start - np.datetime64("2000-01-01")).astype("timedelta64[D]").astype("int32")
        time = (TIME, days, {"units": "days since 2000-01-01 00:00:00", "calendar": "standard", "axis": "T"})
        layers["crs"] = ((), np.int8(-127), {"grid_mapping_name": "latitude_longitude", "epsg_code": "EPSG:4326"})
        coords = {
            TIME: time,
            "lat": ("lat", lst[Y].values, {"units": "degrees_north", "standard_name": "latitude", "axis": "Y"}),
            "lon": ("lon", lst[X].values, {"units": "degrees_east", "standard_name": "longitude", "axis": "X"}),
        }
        attrs = {"title": f"{product}.061", "institution": "synthetic scene"}
        netcdf(folder / f"{product}.061_1km_aid0001.nc", xr.Dataset(layers, coords, attrs))


def starts(center: np.ndarray, *, days: int) -> np.ndarray:
    """Start dates of composites from their centers; they begin every 8 days from 1 January (Terra and Aqua in turn)."""
    years = np.unique(np.asarray(center).astype("datetime64[Y]"))
    begun = np.concatenate([year.astype("datetime64[D]") + np.arange(0, 365, 8) for year in [years[0] - 1, *years]])
    gap = np.abs(np.asarray(center)[:, None] - centers(begun, days)[None, :])
    return begun[gap.argmin(axis=1)]


def ndvi(folder: Path, da: xr.DataArray) -> None:
    """Write AppEEARS GeoTIFFs, int16 x 1e-4: time becomes the start."""
    for number, day in enumerate(pd.DatetimeIndex(starts(da[TIME].values, days=16))):
        product = "MOD13Q1" if (day.day_of_year - 1) % 16 == 0 else "MYD13Q1"
        name = f"{product}.061__250m_16_days_NDVI_doy{day.year}{day.day_of_year:03d}_aid0001.tif"
        layer(folder / name, da.isel({TIME: number}), dtype="int16", nodata=-3000, scale=1e-4)


def soilgrids(folder: Path, da: xr.DataArray, *, short: str, scale: float) -> None:
    """Write SoilGrids v2 layers, one file a depth, int16 in the provider's unit (``scale`` = ours per theirs)."""
    for number, depth in enumerate(SOILGRIDS_DEPTHS):
        layer(folder / f"{short}_{depth}_mean.tif", da.isel(depth=number), dtype="int16", nodata=-32768, scale=scale)


def hyp3(
    folder: Path,
    stack: xr.Dataset,
    *,
    number: int,
    like: xr.Dataset,
    first_row: int = 0,
    flight: Flight = DESCENDING,
) -> Path:
    """Write rows of one HyP3 product: unwrapped phase and coherence with 0 for no data, and the text with the baseline.

    Parameters
    ----------
    folder : pathlib.Path
    stack : xarray.Dataset
        ``phase``, ``coherence`` (pair, y, x) in memory, ``perpendicular_baseline`` (pair,): rows of the scene.
    number : int
        The pair of the stack.
    like : xarray.Dataset
        The grid of the whole scene.
    first_row : int
        Where the rows begin in it.
    flight : Flight

    Returns
    -------
    pathlib.Path
        The folder of the product, whose name all its files begin with.
    """
    pair = stack.isel({PAIR: number})
    first, second = (pd.Timestamp(pair[name].item()) for name in ("reference", "secondary"))
    ends = [f"{day:%Y%m%d}{flight.overpass}" for day in (first, second)]
    stem = f"S1AA_{ends[0]}_{ends[1]}_VVP{(second - first).days:03d}_INT80_G_ueF_"
    stem += f"{crc32(stem.encode()) % 0xFFFF:04X}"
    for name, variable, step in (("unw_phase", "phase", PHASE_STEP), ("corr", "coherence", COHERENCE_STEP)):
        values = pair[variable].transpose(Y, X).values
        steps = np.rint(values / np.float32(step))
        steps = np.where(steps == 0, 1, steps)  # a true 0 must not read as no data
        stored = np.where(np.isnan(values), 0, steps).astype("float32") * np.float32(step)
        geotiff(folder / stem / f"{stem}_{name}.tif", stored, like=like, nodata=0.0, first_row=first_row)
    lines = {
        "Reference Granule": f"S1A_IW_SLC__1SDV_{ends[0]}",
        "Secondary Granule": f"S1A_IW_SLC__1SDV_{ends[1]}",
        "Reference Pass Direction": flight.direction,
        "Baseline": f"{float(pair['perpendicular_baseline']):.4f}",
        "UTC time": f"{flight.seconds:.1f}",
        "Heading": f"{flight.heading:.1f}",
        "Unwrapping type": "mcf",
        "Processor": "synthetic scene",
    }
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    (folder / stem / f"{stem}.txt").write_text(text, encoding="utf-8", newline="\n")
    return folder / stem


def look_vector(incidence: Any, heading: float) -> tuple[Any, Any, Any]:
    """Return the unit vector from the ground to a satellite that looks to its right: east, north, up.

    Parameters
    ----------
    incidence : array or DataArray
        degree, from the vertical.
    heading : float
        degree, clockwise from north.
    """
    angle, flight = np.deg2rad(incidence), np.deg2rad(heading)
    return -np.sin(angle) * np.cos(flight), np.sin(angle) * np.sin(flight), np.cos(angle)


def hyp3_incidence(path: Path, incidence: xr.DataArray) -> None:
    """Write an incidence angle (degree) as HyP3 does: radians, 0 for no data."""
    layer(path, incidence, dtype="float32", nodata=0, scale=float(np.rad2deg(1.0)))


def hyp3_look(product: Path, incidence: xr.DataArray, *, heading: float = HEADING) -> None:
    """Write HyP3's look vector, rad: elevation of the satellite above the horizon, and its bearing from the east.

    Parameters
    ----------
    product : pathlib.Path
        From :func:`hyp3`.
    incidence : xarray.DataArray
        degree, dims ``y, x``.
    heading : float
        degree, clockwise from north.
    """
    above = xnp.deg2rad(90.0 - incidence)
    bearing = np.deg2rad((360.0 - heading) % 360.0 - 180.0)  # counted the other way round, -pi to pi
    layer(product / f"{product.name}_lv_theta.tif", above, dtype="float32", nodata=0)
    layer(product / f"{product.name}_lv_phi.tif", bearing + 0 * above, dtype="float32", nodata=0)


def licsar(folder: Path, stack: xr.Dataset, *, number: int) -> None:
    """Write one pair of LiCSAR: unwrapped phase and coherence x 255, both with 0 for no data and without a tag for it.

    Parameters
    ----------
    folder : pathlib.Path
        ``GEOC``.
    stack : xarray.Dataset
        ``phase``, ``coherence`` (pair, y, x) in memory, NaN where nothing is; longitude and latitude.
    number : int
        The pair of the stack.
    """
    pair = stack.isel({PAIR: number})
    name = "_".join(f"{pd.Timestamp(pair[end].item()):%Y%m%d}" for end in ("reference", "secondary"))
    phase = pack(pair["phase"].transpose(Y, X).values, dtype="float32", fill=0)
    geotiff(folder / name / f"{name}.geo.unw.tif", phase, like=stack, nodata=None)
    gray = pack(pair["coherence"].transpose(Y, X).values, dtype="uint8", fill=0, scale=1 / 255)
    geotiff(folder / name / f"{name}.geo.cc.tif", gray, like=stack, nodata=None)


def licsar_look(folder: Path, incidence: xr.DataArray, *, heading: float = HEADING) -> None:
    """Write LiCSAR's unit vector from the ground to a satellite that looks to its right: ``*.geo.E.tif``, N and U.

    Parameters
    ----------
    folder : pathlib.Path
        ``GEOC/metadata``.
    incidence : xarray.DataArray
        degree, dims ``y, x``; longitude and latitude.
    heading : float
        degree, clockwise from north.
    """
    for name, da in zip("ENU", look_vector(incidence, heading), strict=True):
        layer(folder / f"{LICSAR_FRAME}.geo.{name}.tif", da, dtype="float32", nodata=0)


def era5(path: Path, ds: xr.Dataset) -> None:
    """Write ERA5 pressure levels as the Climate Data Store does: valid_time, pressure_level, latitude, longitude."""
    names = {"z": "geopotential", "t": "temperature", "q": "specific_humidity"}
    units = {"z": "m**2 s**-2", "t": "K", "q": "kg kg**-1"}
    dims = ("valid_time", "pressure_level", "latitude", "longitude")
    seconds = (ds[TIME].values - np.datetime64("1970-01-01")).astype("timedelta64[s]").astype("int64")
    coords = {
        "valid_time": ("valid_time", seconds, {"units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian"}),
        "pressure_level": ("pressure_level", ds["level"].values.astype("float64"), {"units": "hPa"}),
        "latitude": ("latitude", ds[Y].values, {"units": "degrees_north"}),
        "longitude": ("longitude", ds[X].values, {"units": "degrees_east"}),
    }
    order = (TIME, "level", Y, X)
    data = {
        short: (dims, ds[name].transpose(*order).values.astype("float32"), {"units": units[short], "long_name": name})
        for short, name in names.items()
    }
    netcdf(path, xr.Dataset(data, coords=coords))


def geojson(path: Path, collection: dict[str, Any]) -> None:
    """Write a GeoJSON feature collection."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(collection, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def table(path: Path, rows: pd.DataFrame) -> None:
    """Write a table with the columns as they are; dates as YYYY-MM-DD."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(path, index=False, float_format="%.5g", date_format="%Y-%m-%d", lineterminator="\n")


def netcdf(path: Path, ds: xr.Dataset) -> None:
    """Write a small NetCDF file as it is, deflated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = {
        str(key): {"zlib": True, "complevel": 1, "shuffle": True} for key, da in ds.data_vars.items() if da.ndim
    }
    ds.to_netcdf(path, engine="h5netcdf", encoding=encoding)
