"""OPERA DISP-S1: displacement against a reference that moves on, tied to one series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, X, Y, check_wavelength, describe, require_option
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import as_paths
from qtp_toolkit.load.files.grids import of_axes, on_grid
from qtp_toolkit.load.files.hdf5 import number_of, opened, text_of
from qtp_toolkit.load.files.headers import Header, headers
from qtp_toolkit.load.files.layers import hdf5_layer
from qtp_toolkit.load.files.tiff import Decode, grid_coords, lazy_stack, same_grid
from qtp_toolkit.load.insar.lengths import to_mm
from qtp_toolkit.load.insar.pairs import arrange, dates_of

Correction = Literal["solid_earth_tide", "ionospheric_delay"]
OperaLayer = Literal["component", "temporal_coherence"]
_ABOUT = "radar_wavelength", "orbit_pass_direction"
_BYTES = Decode(dtype="uint8", fill=255.0)
_LAYERS = {
    "component": ("connected_component_labels", Decode((65535.0,), dtype="int16", fill=-1)),
    "temporal_coherence": ("temporal_coherence", Decode()),
}
"""Name of a layer in a product, and how it is stored."""
_FRAME = re.compile(r"(?<=_)F\d{5}(?=_)")


class Product(NamedTuple):
    """One file, and the days between which it tells the displacement."""

    path: Path
    reference: np.datetime64
    secondary: np.datetime64


def opera_disp(
    paths: Sequence[Path],
    *,
    masked: bool = False,
    subtract: Sequence[Correction] = (),
    layers: Sequence[OperaLayer] = (),
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open OPERA DISP-S1 products of one frame as one time series of displacement.

    Each product tells the displacement since its own reference, which moves on after some months. Products are tied by
    those in which the new reference is the secondary date: their displacement is added to all that follow it.

    Parameters
    ----------
    paths : sequence of path
        ``OPERA_L3_DISP-S1_*.nc``, or layers of them as GeoTIFF, ``displacement_<reference>_<secondary>.tif``.
    masked : bool
        Whether only what each product recommends (``recommended_mask`` 1) is kept.
    subtract : sequence of {"solid_earth_tide", "ionospheric_delay"}
        Corrections that the products bring (NetCDF only) and that are not applied in them.
    layers : sequence of {"component", "temporal_coherence"}
        Which maps of each product to open beside: its ``connected_component_labels`` and ``temporal_coherence``.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        ``displacement`` (time, y, x), mm, positive *toward* the satellite, 0 at the first reference; no phase: it
        enters where series do. A pixel without a value where a reference moves on has none ever after. No reference
        point or area is applied, no troposphere taken out. attrs: ``reference_date``, ``references``, and where the
        products tell it ``wavelength``, ``orbit_direction`` and ``overpass`` (UTC). ``perpendicular_baseline`` (time),
        m, against the first reference, where all products have it: of the middle row. Layers asked for, as each product
        has them at its secondary date: ``component`` (time, y, x), int16, 0 without one, -1 outside and at the first
        reference; ``temporal_coherence`` (time, y, x), 0..1, NaN at the first reference. Lazy.

    Raises
    ------
    QtpDataError
        C10: no file; I27: names without two dates; I19: a date twice; I18; a reference to which no product leads; I05
        to I08, I20: unlike grids; I03: corrections, masks or layers that are not there; M11: another unit than a
        length; I15: a wavelength that is not in m; I33: several frames.

    Examples
    --------
    >>> first = geotiff("displacement_20180819_20180831.tif", np.full((1, 2), 0.01, "float32"))
    >>> then = geotiff("displacement_20180831_20180912.tif", np.full((1, 2), 0.02, "float32"))
    >>> load.opera_disp([first, then])["displacement"].isel(x=0, y=0).values.round(3).tolist()
    [0.0, 10.0, 30.0]
    """
    files = as_paths(paths)
    if not files:
        raise QtpDataError("no displacement is given", expected="one file or more", code="C10")
    products = _products(files)
    if {path.suffix for path in files} == {".nc"}:
        arrays = _of_netcdf(products, masked=masked, subtract=subtract, chunks=chunks)
    else:
        arrays = _of_geotiff(products, masked=masked, subtract=subtract, chunks=chunks)
    tied = _tied(products, arrays)
    days = [min(p.reference for p in products), *(p.secondary for p in products)]
    first = (tied[0] * 0).where(arrays[0].notnull())
    series = xr.concat([first, *tied], dim=TIME, coords="minimal", compat="override", join="exact")
    series = series.assign_coords({TIME: np.array(days, "datetime64[ns]")})
    moved = sorted({str(p.reference) for p in products})
    notes: dict[str, object] = {"reference_date": moved[0], "references": ", ".join(moved), "producer": "OPERA DISP-S1"}
    notes |= _said(products[0].path)
    out = xr.Dataset({"displacement": describe(series, "displacement")}, attrs=notes)
    for layer in dict.fromkeys(layers):
        require_option("layer", layer, _LAYERS)
        name, decode = _LAYERS[layer]
        maps = _maps(products, name, decode, chunks)
        none = xr.full_like(maps[0], decode.fill)
        array = xr.concat([none, *maps], dim=TIME, coords="minimal", compat="override", join="exact")
        out[layer] = describe(array.assign_coords({TIME: series[TIME]}), layer)
    baselines = _baselines(products)
    if baselines is not None:
        described = describe(xr.DataArray(baselines, dims=TIME), "perpendicular_baseline")
        out = out.assign_coords(perpendicular_baseline=described)
    return out


def _products(files: Sequence[Path]) -> list[Product]:
    """Products by date, their references before them; of one frame."""
    frames = sorted({match[0] for path in files if (match := _FRAME.search(path.name))})
    if len(frames) > 1:
        hint = "Open each frame as a source of its own."
        raise QtpDataError("products of several frames", found=frames, expected="one frame", hint=hint, code="I33")
    dates = dates_of(files)
    order = arrange(dates, files)
    if order.turned.any():
        late = files[order.order[int(order.turned.argmax())]]
        raise QtpDataError("a reference is later than its secondary date", path=late, code="I18")
    products = sorted(
        (Product(path, *pair) for path, pair in zip(files, dates, strict=True)), key=lambda p: p.secondary
    )
    days = [str(product.secondary) for product in products]
    twice = sorted({day for day in days if days.count(day) > 1})
    if twice:
        what = "a date stands twice, against different references"
        raise QtpDataError(what, found=twice, hint="Keep one product of each secondary date.", code="I19")
    return products


def _tied(products: Sequence[Product], arrays: Sequence[xr.DataArray]) -> list[xr.DataArray]:
    """Displacement since the first reference."""
    since: dict[np.datetime64, xr.DataArray | None] = {min(p.reference for p in products): None}
    for product, array in zip(products, arrays, strict=True):
        if product.reference not in since:
            raise QtpDataError(
                "no product leads to a reference",
                path=product.path,
                expected=f"one whose secondary date is {product.reference}",
                found=f"secondary dates {[str(day) for day in since][:12]}",
                hint="Get the product that ends at this date, or open what follows it as a series of its own.",
            )
        before = since[product.reference]
        since[product.secondary] = array if before is None else before + array
    return [part for part in (since[product.secondary] for product in products) if part is not None]


def _of_geotiff(
    products: Sequence[Product], *, masked: bool, subtract: Sequence[str], chunks: Chunks | None
) -> list[xr.DataArray]:
    if subtract:
        raise QtpDataError("GeoTIFFs bring no corrections", found=list(subtract), expected="NetCDF", code="I03")
    found = headers([product.path for product in products])
    grid = same_grid(found)
    scales = [to_mm(header.units[0] or "m", header.path, "displacement") for header in found]
    data = lazy_stack(found, grid, Decode(), dim=TIME, chunks=chunks, factors=scales)
    if masked:
        beside = [p.path.with_name(re.sub("^displacement", "recommended_mask", p.path.name)) for p in products]
        _refuse_absent([path for path in beside if not path.is_file()])
        data = data.where(lazy_stack(headers(beside), grid, _BYTES, dim=TIME, chunks=chunks) == 1)
    return [data.isel({TIME: k}) for k in range(len(products))]


def _refuse_absent(absent: Sequence[Path]) -> None:
    if absent:
        listed = "; ".join(map(str, absent[:5]))
        hint = "Get them, or leave them out of parameters.masked, subtract and layers."
        raise QtpDataError(f"{len(absent)} layers are not there", where=listed, hint=hint, code="I03")


def _of_netcdf(
    products: Sequence[Product], *, masked: bool, subtract: Sequence[str], chunks: Chunks | None
) -> list[xr.DataArray]:
    found = [_header(product.path) for product in products]
    grid = same_grid(found)
    needed = [f"corrections/{name}" for name in subtract] + ["recommended_mask"] * masked
    _refuse_absent([product.path / name for product in products for name in needed if not _has(product.path, name)])
    out = []
    for product, header in zip(products, found, strict=True):
        data = _lengths(product.path, "displacement", chunks)
        for name in subtract:
            data -= _lengths(product.path, f"corrections/{name}", chunks)
        if masked:
            data = data.where(hdf5_layer(product.path, "recommended_mask", (Y, X), _BYTES, chunks=chunks) == 1)
        out.append(_placed(data, header, grid))
    return out


def _maps(products: Sequence[Product], name: str, decode: Decode, chunks: Chunks | None) -> list[xr.DataArray]:
    """One layer of each product, on their grid."""
    if any(product.path.suffix != ".nc" for product in products):
        beside = [p.path.with_name(re.sub("^displacement", name, p.path.name)) for p in products]
        _refuse_absent([path for path in beside if not path.is_file()])
        found = headers(beside)
        grid = same_grid([*headers([product.path for product in products]), *found])
        data = lazy_stack(found, grid, decode, dim=TIME, chunks=chunks)
        return [data.isel({TIME: k}) for k in range(len(products))]
    _refuse_absent([product.path / name for product in products if not _has(product.path, name)])
    own = [_header(product.path) for product in products]
    grid = same_grid(own)
    return [_placed(hdf5_layer(header.path, name, (Y, X), decode, chunks=chunks), header, grid) for header in own]


def _placed(data: xr.DataArray, header: Header, grid: Header) -> xr.DataArray:
    """Layer of a NetCDF product on the grid of all, from north to south."""
    rows = slice(None, None, -1) if header.transform[4] > 0 else slice(None)
    return on_grid(data.data[rows], (Y, X), grid_coords(grid), grid.crs)


def _lengths(path: Path, name: str, chunks: Chunks | None) -> xr.DataArray:
    """Layer of lengths, mm; products tell their unit, which is m."""
    with opened(path) as file:
        unit = text_of(file[name].attrs.get("units", "m"))
    return hdf5_layer(path, name, (Y, X), Decode(scale=to_mm(unit, path, name)), chunks=chunks)


def _has(path: Path, name: str) -> bool:
    with opened(path) as file:
        return name in file


def _said(path: Path) -> dict[str, object]:
    """Wavelength, direction of the orbit and time of the overpass, where a product tells them."""
    if path.suffix != ".nc":
        return {}
    with opened(path) as file:
        about = {name: file[f"identification/{name}"][()] for name in _ABOUT if f"identification/{name}" in file}
    clock = re.search(r"_\d{8}T(\d{2})(\d{2})(\d{2})Z", path.name)
    notes: dict[str, object] = {"overpass": ":".join(clock.groups())} if clock else {}
    if "radar_wavelength" in about:
        notes["wavelength"] = number_of(about["radar_wavelength"])
        check_wavelength(number_of(about["radar_wavelength"]))
    if "orbit_pass_direction" in about:
        notes["orbit_direction"] = text_of(about["orbit_pass_direction"]).lower()
    return notes


def _baselines(products: Sequence[Product]) -> np.ndarray | None:
    """Perpendicular baseline of each date against the first reference, m; None unless all products tell theirs."""
    name = "corrections/perpendicular_baseline"
    if any(product.path.suffix != ".nc" or not _has(product.path, name) for product in products):
        return None
    since = {min(product.reference for product in products): 0.0}
    for product in products:
        with opened(product.path) as file:
            stored = file[name]
            row = np.asarray(stored[stored.shape[0] // 2] if stored.ndim == 2 else stored[()], float)
        known = row[np.isfinite(row)]
        since[product.secondary] = since[product.reference] + (float(np.median(known)) if known.size else np.nan)
    return np.array(list(since.values()))


def _header(path: Path) -> Header:
    """Grid of a product; x and y are centers."""
    with opened(path) as file:
        attrs = file["spatial_ref"].attrs
        wkt = attrs["crs_wkt"] if "crs_wkt" in attrs else attrs["spatial_ref"]
        y, x = file["y"][()], file["x"][()]
    return of_axes(path, y, x, text_of(wkt), dtype="float32", blocks=(1, len(x)), dataset="displacement")
