"""One row a driver: what opens its sources, whose keywords are its parameters, and what it makes.

A new driver is a loader, a row here, and a test; the catalog's schema, its messages and the table in docs/data.md
follow from the rows.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import pandas as pd
import xarray as xr

from qtp_toolkit.catalog import Request, inside
from qtp_toolkit.catalog.options import Variable, options_of
from qtp_toolkit.conventions import VARIABLES, QtpDataError
from qtp_toolkit.load import datasets, reanalysis, tables
from qtp_toolkit.load.insar.aria import aria
from qtp_toolkit.load.insar.aria_tools import aria_tools
from qtp_toolkit.load.insar.convention import interferograms
from qtp_toolkit.load.insar.gacos import gacos
from qtp_toolkit.load.insar.gmtsar import gmtsar
from qtp_toolkit.load.insar.isce2 import isce2, isce2_layer
from qtp_toolkit.load.insar.mintpy import mintpy
from qtp_toolkit.load.insar.opera import opera_disp
from qtp_toolkit.load.insar.radar import Geometry
from qtp_toolkit.load.insar.recognized import recognize
from qtp_toolkit.load.insar.requests import (
    one_file,
    open_aria,
    open_aria_tools,
    open_gacos,
    open_geotiff_stack,
    open_gmtsar,
    open_hyp3,
    open_hyp3_look,
    open_isce2,
    open_isce2_layer,
    open_licsar,
    open_licsar_look,
    open_licsbas,
    open_licsbas_series,
    open_mintpy,
    open_opera_disp,
    open_opera_look,
    open_opera_tropo,
    open_slc_stack,
)
from qtp_toolkit.load.insar.slc import slc_stack
from qtp_toolkit.load.insar.stack import Wavelength
from qtp_toolkit.load.maps import features, rasters, soil
from qtp_toolkit.load.temperature import cells, modis, viirs


class Reader(NamedTuple):
    """How the sources of a driver are opened.

    ``open`` is called with the request and the parameters that the catalog gives; which there are, of which type and
    with which default, say its own keywords and those of the loaders ``keywords``.
    """

    open: Callable[..., Any]
    keywords: tuple[Callable[..., Any], ...]
    reads: str
    makes: str


def _modis(request: Request, **options: Any) -> xr.Dataset | xr.DataArray:
    said = {name: value for name, value in options.items() if value is not None}
    return modis.modis(request.files, chunks=request.chunks, area=request.settings.bounds, **said)


def _viirs(request: Request, **options: Any) -> xr.Dataset:
    return viirs.viirs_lst(request.files, chunks=request.chunks, area=request.settings.bounds, **options)


def _lst_table(request: Request, **options: Any) -> xr.Dataset:
    return cells.lst_table(one_file(request), **options).chunk(request.chunks or {})


def _auto(
    request: Request,
    *,
    layers: Sequence[str] | None = None,
    extent: Literal["same", "intersection"] | None = None,
    geometry: Geometry | None = None,
    elevation: float | None = None,
    wavelength: Wavelength | None = None,
) -> xr.Dataset:
    """Open what is recognized, with the parameters that most producers' drivers have; says so in attrs."""
    driver, files = recognize(request.paths)
    asked = {"layers": layers, "extent": extent, "geometry": geometry, "elevation": elevation, "wavelength": wavelength}
    given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    fields = options_of(driver).model_fields
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise QtpDataError(f"driver {driver!r}, which was recognized, has no {', '.join(unknown)}", code="C09")
    lacking = [name for name, field in fields.items() if field.is_required() and name not in given]
    if lacking:
        said = f"driver {driver!r}, which was recognized, needs {', '.join(lacking)}"
        choices = "parameters.geometry: geocoded brings it to a map, radar leaves lines and samples as they are"
        raise QtpDataError(said, hint=choices if lacking == ["geometry"] else None, code="C09")
    try:
        data = READERS[driver].open(replace(request, files={"data": files}), **given)
    except QtpDataError as error:
        own = set(re.findall(r"parameters\.(\w+)", error.hint or "")) & set(fields) - set(asked)
        if not own:
            raise
        raise error.restated(
            hint=f"{error.hint} For {', '.join(sorted(own))} name driver: {driver} in place of auto."
        ) from None
    beside = len(request.paths) - len(files)
    text = f"recognized {READERS[driver].reads}: {len(files)} files by driver {driver}"
    return data.assign_attrs(recognized=f"{text}, {beside} beside them" if beside else text)


def _geotiff(request: Request, **options: Any) -> xr.DataArray:
    path = one_file(request)
    inside(path.with_name(path.name + ".aux.xml"), request.root)  # the class table is read from beside the map
    return rasters.raster(path, classes=request.source.classes, chunks=request.chunks, **options)


def _geotiff_series(request: Request, *, variable: Variable | None = None, **options: Any) -> xr.DataArray | xr.Dataset:
    unknown = [role for role in request.files if role not in VARIABLES and not role.startswith("qc_")]
    if (set(request.files) == {"data"}) != (variable is not None) or (variable is None and unknown):
        raise QtpDataError(
            "a series needs parameters.variable, or a uri whose roles are variables (and their quality bytes, qc_...)",
            where=f"sources.{request.name}",
            found=f"variable {variable}, roles {sorted(request.files)}",
        )
    if variable is None:
        return rasters.series_set(request.files, chunks=request.chunks, **options)
    return rasters.series(request.paths, variable=variable, chunks=request.chunks, **options)


def _soilgrids(
    request: Request,
    *,
    version: Literal["v1", "v2"],
    property: Literal["bulk_density", "sand"],  # noqa: A002
) -> xr.DataArray:
    return soil.soilgrids(request.paths, version=version, quantity=property, chunks=request.chunks)


def _netcdf(request: Request, *, complex: dict[str, list[str]] | None = None, **options: Any) -> xr.Dataset:  # noqa: A002
    return datasets.netcdf(one_file(request), complex_pairs=complex, chunks=request.chunks, **options)


def _zarr(request: Request, *, complex: dict[str, list[str]] | None = None, **options: Any) -> xr.Dataset:  # noqa: A002
    return datasets.zarr(one_file(request), complex_pairs=complex, chunks=request.chunks, **options)


def _era5(request: Request, **options: Any) -> xr.Dataset:
    return reanalysis.era5(request.paths, chunks=request.chunks, **options)


def _era5_land(request: Request, **options: Any) -> xr.Dataset:
    return reanalysis.era5_land(request.paths, chunks=request.chunks, **options)


def _csv(
    request: Request, *, table: Literal["stations", "series"], index: Sequence[str] = (), **options: Any
) -> pd.DataFrame | xr.Dataset:
    loader = tables.stations if table == "stations" else tables.station_series
    own = inspect.signature(loader).parameters
    return loader(
        one_file(request), **{key: value for key, value in (options | {"index": index}).items() if key in own}
    )


def _vectors(request: Request) -> pd.DataFrame:
    return features.vectors(one_file(request))


_LST = "`terra_day` ... (time, y, x), degC, and `qc_terra_day` ...; or `ndvi` (time, y, x), 1: the product decides"
_VIIRS = "`snpp_day` ..., `noaa20_day` ... (time, y, x), degC, and `qc_snpp_day` ..."
_IFG = "`phase` (pair, y, x), rad, and `coherence`, 1"
_LAYERS = "; the maps of `layers` beside them"
_AS_IS = "its variables, in the units of the file"
_ANGLE = "`incidence` (y, x), degree"
_PROFILES = "`geopotential`, `temperature`, `specific_humidity` (time, level, y, x)"
_LINES = "one row a feature with its `geometry`, degrees"
_SERIES = "`displacement` (time, y, x), mm, positive toward the satellite"
_MINTPY = f"a stack as the others; or {_SERIES}; or `linear_rate` (y, x), mm/yr; or maps: the file decides"

READERS: dict[str, Reader] = {
    "modis_hdf4": Reader(_modis, (modis.ndvi, modis.modis), "MODIS granules, HDF4-EOS", _LST),
    "appeears_netcdf": Reader(_modis, (modis.ndvi, modis.modis), "MODIS and VIIRS from AppEEARS, NetCDF", _LST),
    "appeears_geotiff": Reader(_modis, (modis.ndvi, modis.modis), "MODIS and VIIRS from AppEEARS, GeoTIFF", _LST),
    "viirs_hdf5": Reader(_viirs, (viirs.viirs_lst,), "VIIRS granules, HDF-EOS5", _VIIRS),
    "lst_table": Reader(_lst_table, (cells.lst_table,), "a table, one row a cell", "`lst` (time, y, x), degC"),
    "hyp3": Reader(open_hyp3, (interferograms,), "HyP3 products of GAMMA and of ISCE bursts", _IFG + _LAYERS),
    "aria": Reader(open_aria, (aria,), "ARIA S1-GUNW products, NetCDF", _IFG + _LAYERS),
    "aria_tools": Reader(open_aria_tools, (aria_tools,), "ARIA-tools `unwrappedPhase/*`, ENVI", _IFG + _LAYERS),
    "auto": Reader(_auto, (), "what of these its names and folders tell alone", _IFG + _LAYERS),
    "licsar": Reader(open_licsar, (interferograms,), "LiCSAR products", _IFG + _LAYERS),
    "licsbas": Reader(open_licsbas, (), "LiCSBAS `GEOCml*/*/*.unw`", _IFG + _LAYERS),
    "licsbas_series": Reader(open_licsbas_series, (), "LiCSBAS `cum.h5`", "`displacement` (time, y, x), mm" + _LAYERS),
    "gmtsar": Reader(open_gmtsar, (gmtsar,), "GMTSAR `intf_all/*/unwrap_ll.grd`", _IFG),
    "geotiff_stack": Reader(open_geotiff_stack, (interferograms,), "GeoTIFFs with two dates in their names", _IFG),
    "slc_stack": Reader(
        open_slc_stack, (slc_stack,), "coregistered complex images: GeoTIFF, VRT, HDF5", "`slc` (time, y, x), complex"
    ),
    "licsar_look": Reader(open_licsar_look, (), "LiCSAR `*.geo.U.tif`, LiCSBAS `U.geo`, `cum.h5`", _ANGLE),
    "hyp3_look": Reader(open_hyp3_look, (), "HyP3 `*_lv_theta.tif`", _ANGLE),
    "opera_look": Reader(open_opera_look, (), "OPERA `*los_enu.tif`", _ANGLE),
    "isce2": Reader(open_isce2, (isce2,), "ISCE2, topsStack and stripmapStack", _IFG + _LAYERS),
    "isce2_layer": Reader(open_isce2_layer, (isce2_layer,), "ISCE2 `geom_reference/*.rdr`", "`variable` (y, x)"),
    "mintpy": Reader(open_mintpy, (mintpy,), "MintPy's HDF5 files", _MINTPY),
    "opera_disp": Reader(open_opera_disp, (opera_disp,), "OPERA DISP-S1, NetCDF or GeoTIFF", _SERIES),
    "opera_tropo": Reader(
        open_opera_tropo,
        (),
        "OPERA TROPO-ZENITH, NetCDF",
        "`zenith_delay` (time, height, y, x), m, cut out at the bounds",
    ),
    "gacos": Reader(open_gacos, (gacos,), "GACOS, `.ztd` or GeoTIFF", "`zenith_delay` (time, y, x), m"),
    "geotiff": Reader(_geotiff, (rasters.raster,), "one band of a GeoTIFF", "`variable` (y, x), in the table's unit"),
    "geotiff_series": Reader(
        _geotiff_series, (rasters.series,), "GeoTIFFs, one a date", "`variable` (time, y, x), in the table's unit"
    ),
    "soilgrids": Reader(_soilgrids, (), "SoilGrids, GeoTIFF", "`bulk_density` (depth, y, x), kg m-3, or `sand`, 1"),
    "netcdf": Reader(_netcdf, (datasets.netcdf,), "NetCDF as it is", _AS_IS),
    "zarr": Reader(_zarr, (datasets.zarr,), "Zarr as it is", _AS_IS),
    "era5_netcdf": Reader(_era5, (reanalysis.era5,), "ERA5 on pressure levels, NetCDF, also zipped", _PROFILES),
    "era5_grib": Reader(_era5, (), "ERA5 on pressure levels, GRIB, also zipped", _PROFILES),
    "era5_land": Reader(
        _era5_land,
        (reanalysis.era5_land,),
        "ERA5-Land skin temperature, NetCDF or GRIB, also zipped",
        "`skin_temperature` (time, y, x), degC",
    ),
    "csv": Reader(
        _csv,
        (tables.stations, tables.station_series),
        "a table of stations, or of their series",
        "one row a station, degrees; or variables over `index`",
    ),
    "geojson": Reader(_vectors, (), "GeoJSON", _LINES),
    "kml": Reader(_vectors, (), "KML", _LINES),
}
"""The drivers that a catalog may name."""
