"""From a request of the catalog to the loader of its driver: one short function a driver."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from qtp_toolkit.catalog import Request, inside
from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, VARIABLES, QtpDataError
from qtp_toolkit.load import cells, datasets, features, insar, modis, rasters, soil, tables

if TYPE_CHECKING:
    import pandas as pd


def modis_hdf4(request: Request) -> xr.Dataset | xr.DataArray:
    """MODIS LST or vegetation index, HDF4-EOS granules: the product decides which."""
    options = request.options.model_dump()
    masked = options.pop("quality_mask")
    wishes = modis.Wishes(chunks=request.chunks, area=request.settings.bounds, **options)
    return modis.modis(request.files, wishes, quality_mask=masked)


def appeears_netcdf(request: Request) -> xr.Dataset | xr.DataArray:
    """MODIS LST or vegetation index, AppEEARS NetCDF."""
    return modis_hdf4(request)


def appeears_geotiff(request: Request) -> xr.Dataset | xr.DataArray:
    """MODIS LST or vegetation index, AppEEARS GeoTIFF."""
    return modis_hdf4(request)


def lst_table(request: Request) -> xr.Dataset:
    """LST by cell and date."""
    table = cells.lst_table(_one(request), **request.options.model_dump())
    return table.chunk(request.chunks or {})


def hyp3(request: Request) -> xr.Dataset:
    """HyP3 unwrapped interferograms."""
    return insar.hyp3(_contained(request), **_stack(request))


def licsar(request: Request) -> xr.Dataset:
    """LiCSAR unwrapped interferograms."""
    return insar.licsar(_contained(request), **_stack(request))


def geotiff_stack(request: Request) -> xr.Dataset:
    """Unwrapped interferograms in plain GeoTIFFs; roles phase and coherence."""
    roles = set(request.files)
    if roles not in ({"phase", "coherence"}, {"phase"}, {"data"}):
        raise QtpDataError(
            "uri of a geotiff_stack has unknown roles",
            expected="phase and coherence",
            found=sorted(roles),
            where=f"sources.{request.name}.uri",
        )
    phase = request.files.get("phase") or request.files["data"]
    coherence = request.files.get("coherence")
    if coherence is None and request.options.coherence == "required":
        raise QtpDataError(
            "uri of a geotiff_stack names no coherence",
            where=f"sources.{request.name}.uri",
            code="I03",
            hint="Give uri: {phase: ..., coherence: ...}, or set parameters.coherence: none.",
        )
    coherence = None if request.options.coherence == "none" else coherence
    return insar.interferograms(phase, coherence=coherence, **_stack(request))


def geotiff(request: Request) -> xr.DataArray:
    """One map."""
    path = _one(request)
    inside(path.with_name(path.name + ".aux.xml"), request.root)  # the class table is read from beside the map
    return rasters.raster(path, classes=request.source.classes, chunks=request.chunks, **request.options.model_dump())


def geotiff_series(request: Request) -> xr.DataArray | xr.Dataset:
    """One quantity by date, or those that the roles of the uri name."""
    options = request.options.model_dump()
    variable = options.pop("variable")
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


def soilgrids(request: Request) -> xr.DataArray:
    """SoilGrids by depth."""
    o = request.options
    return soil.soilgrids(request.paths, version=o.version, quantity=o.property, chunks=request.chunks)


def netcdf(request: Request) -> xr.Dataset:
    """NetCDF as it is."""
    o = request.options
    return datasets.netcdf(
        _one(request), variables=o.variables, rename=o.rename, complex_pairs=o.complex, crs=o.crs, chunks=request.chunks
    )


def zarr(request: Request) -> xr.Dataset:
    """Zarr as it is."""
    o = request.options
    return datasets.zarr(
        _one(request), variables=o.variables, rename=o.rename, complex_pairs=o.complex, crs=o.crs, chunks=request.chunks
    )


def era5_netcdf(request: Request) -> xr.Dataset:
    """ERA5 on pressure levels."""
    return datasets.era5(_one(request), rename=request.options.rename, chunks=request.chunks)


def csv(request: Request) -> pd.DataFrame | xr.Dataset:
    """Stations or their series."""
    options = request.options.model_dump()
    if options.pop("table") == "stations":
        keys = ("rename", "angle", "columns", "missing", "scale")
        return tables.stations(_one(request), **{key: options[key] for key in keys})
    options.pop("angle")
    return tables.station_series(_one(request), **options)


def geojson(request: Request) -> pd.DataFrame:
    """Lines and polygons."""
    return features.vectors(_one(request))


def kml(request: Request) -> pd.DataFrame:
    """Lines and polygons."""
    return features.vectors(_one(request))


def _one(request: Request) -> Path:
    if len(request.paths) != 1:
        raise QtpDataError(
            f"source {request.name!r} must be one file",
            found=f"{len(request.paths)} files",
            path=request.root,
            expected=request.source.uri,
            hint="Narrow the uri.",
        )
    return request.paths[0]


def _contained(request: Request) -> list[Path]:
    """Phase files, after a look that no layer beside them leaves the root."""
    for folder in {path.parent for path in request.paths}:
        for path in folder.iterdir():
            if path.is_symlink():
                inside(path, request.root)
    return request.paths


def _stack(request: Request) -> dict[str, Any]:
    o = request.options
    settings = request.settings.wavelength
    own = None if settings == SENTINEL1_WAVELENGTH else settings
    return {
        "pattern": o.pattern,
        "nodata": o.nodata,
        "coherence_nodata": o.coherence_nodata,
        "phase_sign": o.phase_sign,
        "require_coherence": o.coherence == "required",
        "coherence_scale": o.coherence_scale,
        "wavelength": o.wavelength or own,
        "extent": o.extent,
        "chunks": request.chunks,
    }
