"""Interferograms and what lies beside them, as a catalog asks for them: from the request to the loader's keywords."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.catalog import Request, inside
from qtp_toolkit.catalog.options import Variable
from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, QtpDataError
from qtp_toolkit.load.insar.aria import aria
from qtp_toolkit.load.insar.aria_tools import FOLDERS, aria_tools
from qtp_toolkit.load.insar.components import with_components
from qtp_toolkit.load.insar.convention import interferograms
from qtp_toolkit.load.insar.gacos import gacos
from qtp_toolkit.load.insar.gmtsar import gmtsar
from qtp_toolkit.load.insar.hyp3 import Hyp3Layer, hyp3
from qtp_toolkit.load.insar.isce2 import isce2, isce2_layer
from qtp_toolkit.load.insar.isce2_folders import isce2_files
from qtp_toolkit.load.insar.licsar import LicsarLayer, frame_folders, licsar
from qtp_toolkit.load.insar.licsbas import LicsbasLayer, SeriesLayer, licsbas, licsbas_series
from qtp_toolkit.load.insar.look import hyp3_look, licsar_look, opera_look
from qtp_toolkit.load.insar.mintpy import mintpy
from qtp_toolkit.load.insar.opera import opera_disp
from qtp_toolkit.load.insar.opera_tropo import opera_tropo
from qtp_toolkit.load.insar.pairs import chosen_pairs
from qtp_toolkit.load.insar.slc import slc_stack
from qtp_toolkit.load.maps import rasters

Coherence = Literal["required", "optional", "none"]


def open_hyp3(
    request: Request, *, coherence: Coherence = "required", layers: Sequence[Hyp3Layer] = (), **options: Any
) -> xr.Dataset:
    """Open HyP3 products."""
    how = _stack(request, coherence, options, sentinel=True)
    return hyp3(_contained(request), layers=layers, read_coherence=coherence != "none", **how)


def open_aria(request: Request, *, elevation: float | None = None, **options: Any) -> xr.Dataset:
    """Products alone, or ``uri: {data: ..., dem: ...}``: heights are then those of the map, on the pixels."""
    if set(request.files) not in ({"data"}, {"data", "dem"}) or ("dem" in request.files and elevation is not None):
        raise QtpDataError(
            "uri of ARIA's products has unknown roles, or two elevations",
            expected="data, and dem or parameters.elevation",
            found=sorted(request.files),
            where=f"sources.{request.name}.uri",
        )
    products = request.files["data"]
    height: xr.DataArray | float | None = elevation
    if "dem" in request.files:
        pixels = aria(products, chunks=request.chunks, extent=options.get("extent", "same"))["phase"]
        height = grid.match(rasters.dem(request.files["dem"][0]), pixels.isel(pair=0, drop=True))
    return aria(products, elevation=height, chunks=request.chunks, **options)


def open_aria_tools(request: Request, **options: Any) -> xr.Dataset:
    """Open what ARIA-tools extracted."""
    top = request.paths[0].absolute().parent.parent
    beside = [inside(top / name, request.root) for name in FOLDERS if (top / name).is_dir()]
    return aria_tools(_contained(request, beside), chunks=request.chunks, **options)


def open_licsar(
    request: Request, *, coherence: Coherence = "required", layers: Sequence[LicsarLayer] = (), **options: Any
) -> xr.Dataset:
    """Open LiCSAR products, with what lies in the folders of their frame."""
    beside = (folder for path in request.paths for folder in frame_folders(path))
    frame = [folder for folder in dict.fromkeys(beside) if folder.is_relative_to(request.root)]
    how = _stack(request, coherence, options, sentinel=True) | {
        "read_coherence": coherence != "none",
        "within": request.root,
    }
    return licsar(_contained(request, frame), layers=layers, **how)


def open_licsbas(request: Request, *, layers: Sequence[LicsbasLayer] = ()) -> xr.Dataset:
    """Open pairs of a LiCSBAS folder."""
    paths = _contained(request, [request.paths[0].parent.parent])
    return licsbas(paths, layers=layers, chunks=request.chunks)


def open_gmtsar(
    request: Request, *, coherence: Literal["required", "optional"] = "required", **options: Any
) -> xr.Dataset:
    """Open pairs of GMTSAR."""
    return gmtsar(_contained(request), **_stack(request, coherence, options))


def open_licsbas_series(request: Request, *, layers: Sequence[SeriesLayer] = ()) -> xr.Dataset:
    """Open the series of LiCSBAS."""
    return licsbas_series(one_file(request), layers=layers, chunks=request.chunks)


def open_licsar_look(request: Request) -> xr.DataArray:
    """Open incidence from LiCSAR, pixel by pixel."""
    return licsar_look(request.paths, chunks=request.chunks)


def open_hyp3_look(request: Request) -> xr.DataArray:
    """Open incidence from one HyP3 product, or from several that tell the same."""
    return hyp3_look(request.paths, chunks=request.chunks)


def open_opera_look(request: Request) -> xr.DataArray:
    """Open incidence from the static layer of an OPERA frame."""
    return opera_look(one_file(request), chunks=request.chunks)


def open_isce2(
    request: Request, *, coherence: Literal["required", "optional"] = "required", **options: Any
) -> xr.Dataset:
    """Open a stack of ISCE2, with the geometry of its folder."""
    for path in isce2_files(request.paths[0]):
        inside(path, request.root)
    return isce2(_contained(request), **_stack(request, coherence, options))


def open_isce2_layer(request: Request, **options: Any) -> xr.DataArray:
    """Open one map of the geometry of ISCE2."""
    path = one_file(request)
    for beside in path.parent.iterdir():
        inside(beside, request.root)
    return isce2_layer(path, chunks=request.chunks, **options)


def open_mintpy(request: Request, *, variable: Variable | None = None, **options: Any) -> xr.Dataset | xr.DataArray:
    """Open one of MintPy's files, or one variable of it."""
    own, beside = request.files.get("data", []), request.files.get("geometry", [])
    if set(request.files) - {"data", "geometry"} or len(own) != 1 or len(beside) > 1:
        raise QtpDataError(
            "uri of mintpy names one file, and perhaps its geometry",
            expected="uri: ..., or {data: ..., geometry: ...}",
            found={role: len(paths) for role, paths in request.files.items()},
            where=f"sources.{request.name}.uri",
        )
    folder = own[0].parent
    for path in [*folder.glob("*.h5"), *(folder / "inputs").glob("*.h5")]:
        inside(path, request.root)
    data = mintpy(own[0], geometry_file=beside[0] if beside else None, chunks=request.chunks, **options)
    if variable is not None and variable not in data:
        found = sorted(map(str, data))
        raise QtpDataError("the file makes no such variable", path=own[0], expected=variable, found=found, code="M27")
    return data if variable is None else data[variable]


def open_opera_disp(request: Request, **options: Any) -> xr.Dataset:
    """Open OPERA displacement."""
    return opera_disp(_contained(request), chunks=request.chunks, **options)


def open_opera_tropo(request: Request) -> xr.Dataset:
    """Open OPERA delays over height, cut out at the bounds."""
    return opera_tropo(request.paths, area=request.settings.bounds, chunks=request.chunks)


def open_gacos(request: Request, **options: Any) -> xr.DataArray:
    """Open GACOS delays."""
    return gacos(_contained(request), chunks=request.chunks, **options)


def open_geotiff_stack(
    request: Request, *, coherence: Coherence = "required", only: Sequence[str] | None = None, **options: Any
) -> xr.Dataset:
    """Open GeoTIFFs by their roles: phase, coherence, component; all pairs, or only those that are listed."""
    if set(request.files) - {"component"} not in ({"phase", "coherence"}, {"phase"}, {"data"}):
        raise QtpDataError(
            "uri of a geotiff_stack has unknown roles",
            expected="phase and coherence, perhaps component",
            found=sorted(request.files),
            where=f"sources.{request.name}.uri",
        )
    paths = request.files.get("coherence")
    if paths is None and coherence == "required":
        raise QtpDataError(
            "uri of a geotiff_stack names no coherence",
            where=f"sources.{request.name}.uri",
            code="I03",
            hint="Give uri: {phase: ..., coherence: ...}, or set parameters.coherence: none.",
        )
    phase, paths = request.files.get("phase") or request.files["data"], None if coherence == "none" else paths
    if only is not None:
        phase = chosen_pairs(phase, only, pattern=options.get("pattern"))
    stack = interferograms(phase, coherence=paths, **_stack(request, coherence, options))
    return with_components(stack, request.files.get("component"), pattern=options.get("pattern"))


def open_slc_stack(request: Request, **options: Any) -> xr.Dataset:
    """Open complex images, with the maps of their geometry."""
    return slc_stack(request.files, chunks=request.chunks, **options)


def one_file(request: Request) -> Path:
    """Return the only file of a source, or say that there are more."""
    if len(request.paths) != 1:
        raise QtpDataError(
            f"source {request.name!r} must be one file",
            found=f"{len(request.paths)} files",
            path=request.root,
            expected=request.source.uri,
            hint="Narrow the uri.",
        )
    return request.paths[0]


def _contained(request: Request, beside: Iterable[Path] = ()) -> list[Path]:
    """Phase files, after a look that no layer beside them, or in the folders ``beside``, leaves the root."""
    for folder in {path.parent for path in request.paths} | set(beside):
        for path in folder.iterdir():
            if path.is_symlink():
                inside(path, request.root)
    return request.paths


def _stack(
    request: Request, coherence: Coherence, options: dict[str, Any], *, sentinel: bool = False
) -> dict[str, Any]:
    """Keywords of a stack: a wavelength of the settings holds where neither files, producer nor source tell one."""
    given = options | {"require_coherence": coherence == "required", "chunks": request.chunks}
    usual = request.settings.wavelength
    return given if sentinel or usual == SENTINEL1_WAVELENGTH else given | {"usual_wavelength": usual}
