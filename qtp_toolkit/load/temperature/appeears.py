"""MODIS and VIIRS as AppEEARS delivers them: NetCDF, one file a product; GeoTIFF, one file a date and layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, X, Y
from qtp_toolkit.load.files.blocks import ITEM_BYTES, Chunks, block_shape
from qtp_toolkit.load.files.checks import AS_DELIVERED, first_bytes_problem, refuse_bad
from qtp_toolkit.load.files.dates import date_of, match_names
from qtp_toolkit.load.files.grids import descending, spatial_names, with_crs
from qtp_toolkit.load.files.headers import Header, band_tags, headers
from qtp_toolkit.load.files.tiff import decoded, lazy_stack, same_grid
from qtp_toolkit.load.temperature.composites import Composite, refuse_unlike
from qtp_toolkit.load.temperature.coverage import Box
from qtp_toolkit.load.temperature.layers import (
    FAMILIES,
    PRODUCTS,
    SENSORS,
    SHORT_NAME,
    Role,
    Stored,
    find,
    hold_to_specification,
    product_named,
    used_by_all,
)
from qtp_toolkit.load.temperature.tiles import SINUSOIDAL

_PRODUCT = re.compile(SHORT_NAME + r"\.(?P<collection>\d{3})")
_LAYER = _PRODUCT.pattern + r"_(?P<layer>.+?)_doy(?P<year>\d{4})(?P<doy>\d{3})"


# GeoTIFF --------------------------------------------------------------------------------------------------------------


def scan_tiff(paths: Sequence[Path], *, extras: bool = False) -> list[Composite]:
    """Headers of AppEEARS GeoTIFFs such as ``MOD11A2.061_LST_Day_1km_doy2014001_aid0001.tif``.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Layers that play no role (view angles, emissivities) are passed over.
    extras : bool
        Whether the times of the views are wanted.

    Returns
    -------
    list of Composite
        ``item`` is the header, ``part`` the role.

    Raises
    ------
    QtpDataError
        All unreadable files at once (M05); names without product and date (I27); layers that are missing (M27) or not
        stored as their product is (M07, M11, M12).
    """
    found = headers(paths)
    lacking = "no product, layer and date in its name"
    matches = match_names([header.path for header in found], _LAYER, lacking, "AppEEARS file", hint=AS_DELIVERED)
    groups: dict[str, list[tuple[Header, re.Match[str]]]] = {}
    for header, match in zip(found, matches, strict=True):
        groups.setdefault(match["product"], []).append((header, match))
    return [composite for product, group in groups.items() for composite in _tiffs_of(product, group, extras)]


def _tiffs_of(product: str, group: Sequence[tuple[Header, re.Match[str]]], extras: bool) -> list[Composite]:
    family = product_named(product).family
    example = {match["layer"]: header for header, match in group}
    stored = {layer: Stored(header.dtype, band_tags(header.path)) for layer, header in example.items()}
    layers = find(stored, family, extras=extras)
    roles = {layer: role for role, layer in layers.items()}
    out = []
    for header, match in group:
        if match["layer"] not in roles:
            continue
        role = roles[match["layer"]]
        own = Stored(header.dtype, stored[match["layer"]].attrs)
        hold_to_specification(header.path.name, own, FAMILIES[family][role])
        names = {"sensor": SENSORS[product[:3]], "product": product[3:], "collection": match["collection"]}
        out.append(Composite(date_of(match, header.path), header.path, header, part=role, **names))
    same_grid([composite.item for composite in out])  # two areas of one order, before each date is told to be double
    return out


def same_tiff(first: Composite, second: Composite) -> bool:
    """Whether two files of :func:`scan_tiff` hold the same values; reads both."""
    decode = FAMILIES[PRODUCTS[first.product].family][first.part].decode
    a, b = (lazy_stack([c.item], c.item, decode, dim=TIME, chunks=None).to_numpy() for c in (first, second))
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def stack_tiff(kept: Sequence[Composite], *, chunks: Chunks | None) -> tuple[xr.Dataset, dict[str, Box]]:
    """Lazy Dataset of :func:`scan_tiff`, and the edges of its grid; as :func:`.granules.stack`."""
    family = PRODUCTS[kept[0].product].family
    starts = sorted({c.start for c in kept})
    grid = same_grid([c.item for c in kept])
    files = {(c.part, c.start): c.item for c in kept}
    arrays = {
        role: lazy_stack([files.get((role, s)) for s in starts], grid, wanted.decode, dim=TIME, chunks=chunks)
        for role, wanted in FAMILIES[family].items()
        if any(c.part == role for c in kept)
    }
    data = xr.Dataset(arrays).assign_coords({TIME: np.array(starts).astype("datetime64[ns]")})
    return data, _edges(data)


# NetCDF ---------------------------------------------------------------------------------------------------------------


def scan_netcdf(paths: Sequence[Path], *, extras: bool = False) -> list[Composite]:
    """Headers of AppEEARS NetCDF files such as ``MOD11A2.061_1km_aid0001.nc``; product by name, else by the title.

    Parameters
    ----------
    paths : sequence of pathlib.Path
    extras : bool
        Whether the times of the views are wanted.

    Returns
    -------
    list of Composite
        One a time step; ``item`` is the layers of the file by role, still as stored, and the number of the step.

    Raises
    ------
    QtpDataError
        M04, M05 (unreadable), M24 (time that is no date), M27 (layers), M07, M11, M12 (not stored as their product is).
    """
    bad = [(p, problem) for p in paths if (problem := first_bytes_problem(p, (b"\x89HDF",), "NetCDF-4"))]
    refuse_bad(bad, "readable NetCDF", total=len(paths), code="M04")
    found = [_steps(Path(path), extras) for path in paths]
    grids: dict[tuple[str, str], xr.Dataset] = {}
    for steps in found:
        for composite in steps[:1]:  # two areas of one order, before each date is told to be double
            layers = composite.item[0]
            refuse_unlike(grids.setdefault((composite.sensor, composite.product), layers), layers, composite.path.name)
    return [composite for steps in found for composite in steps]


def same_netcdf(first: Composite, second: Composite) -> bool:
    """Whether two steps of :func:`scan_netcdf` hold the same values, as stored; reads both."""
    a, b = (c.item[0].isel({TIME: c.item[1]}) for c in (first, second))
    return set(a.data_vars) == set(b.data_vars) and all(
        np.array_equal(a[name].to_numpy(), b[name].to_numpy(), equal_nan=a[name].dtype.kind == "f")
        for name in a.data_vars
    )


def _steps(path: Path, extras: bool) -> list[Composite]:
    try:
        raw = xr.open_dataset(path, engine="h5netcdf", decode_cf=False, chunks={})
    except OSError as error:
        raise QtpDataError(f"cannot open NetCDF: {error}", path=path, code="M05") from None
    match = _PRODUCT.search(path.name) or _PRODUCT.search(str(raw.attrs.get("title", "")))
    if match is None:
        raise QtpDataError(
            "neither the name nor the title tells the MODIS product", path=path, expected="MOD11A2.061...", code="M04"
        )
    try:
        family = product_named(match["product"]).family
        stored = {str(name): Stored(str(array.dtype), array.attrs) for name, array in raw.data_vars.items()}
        picked = find({name: _as_if_stored(layer) for name, layer in stored.items()}, family, extras=extras)
    except QtpDataError as error:
        raise error.restated(path=path) from None
    starts = _days_since(raw, path)
    layers = _placed(raw, picked, path)
    return [
        Composite(
            start, path, (layers, step), "", SENSORS[match["product"][:3]], match["product"][3:], match["collection"]
        )
        for step, start in enumerate(starts)
    ]


def _as_if_stored(layer: Stored) -> Stored:
    """Let temperatures that are scaled already pass if they say their unit; the rest must be as its product is."""
    units = str(layer.attrs.get("units", "")).lower()
    if layer.dtype.startswith("float") and units in {"k", "kelvin", "degc"}:
        return Stored(
            "uint16", {**layer.attrs, "units": "K", "scale_factor": 0.02, "add_offset": 0.0, "_FillValue": 0.0}
        )
    return layer


def _days_since(raw: xr.Dataset, path: Path) -> np.ndarray:
    units = str(raw[TIME].attrs.get("units", "")) if TIME in raw.variables else "there is no time"
    match = re.match(r"days since (\d{4})-(\d{1,2})-(\d{1,2})", units)
    if match is None:
        raise QtpDataError(
            "time has no usable unit",
            path=path,
            variable=TIME,
            expected="days since YYYY-MM-DD",
            found=repr(units),
            code="M24",
        )
    # AppEEARS writes calendar "julian" and counts Gregorian days all the same
    epoch = np.datetime64(f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}", "D")
    return epoch + np.floor(raw[TIME].to_numpy().astype(float)).astype(int)


def _placed(raw: xr.Dataset, picked: Mapping[str, str], path: Path) -> xr.Dataset:
    """Layers by role on y and x with their CRS, values as stored."""
    lonlat = {str(dim).lower() for dim in raw.dims} & {"lat", "latitude"}
    mapping = next((raw[name].attrs for name in ("crs", "spatial_ref") if name in raw.variables), {})
    crs = "EPSG:4326" if lonlat else SINUSOIDAL if mapping.get("grid_mapping_name") == "sinusoidal" else None
    if crs is None:
        raise QtpDataError(
            "the grid is neither geographic nor sinusoidal",
            path=path,
            found=f"dims {dict(raw.sizes)}",
            code="I07",
            hint="Order it from AppEEARS in the geographic projection.",
        )
    layers = raw[list(picked.values())].rename({name: role for role, name in picked.items()}).drop_attrs(deep=False)
    layers = layers.rename(spatial_names(layers)).drop_vars([TIME, "crs"], errors="ignore")
    return descending(with_crs(layers, crs))


def stack_netcdf(kept: Sequence[Composite], *, chunks: Chunks | None) -> tuple[xr.Dataset, dict[str, Box]]:
    """Lazy Dataset of :func:`scan_netcdf`, and the edges of its grid; as :func:`.granules.stack`."""
    family = PRODUCTS[kept[0].product].family
    files: dict[Path, list[Composite]] = {}
    for composite in kept:
        files.setdefault(composite.path, []).append(composite)
    roles = used_by_all([group[0].item[0].data_vars for group in files.values()], family)
    parts = [_decoded(group, {role: FAMILIES[family][role] for role in roles}, chunks) for group in files.values()]
    for path, part in zip(files, parts, strict=True):
        refuse_unlike(parts[0], part, path.name)
    whole = parts[0]
    if len(parts) > 1:
        whole = xr.concat([part.assign_coords({Y: whole[Y], X: whole[X]}) for part in parts], TIME, join="exact")
        whole = whole.sortby(TIME)
    return whole, _edges(whole)


def _decoded(group: Sequence[Composite], roles: Mapping[str, Role], chunks: Chunks | None) -> xr.Dataset:
    layers = group[0].item[0]
    steps = [c.item[1] for c in group]
    if steps != list(range(layers.sizes[TIME])):
        layers = layers.isel({TIME: steps})
    sizes = {TIME: len(steps), Y: layers.sizes[Y], X: layers.sizes[X]}
    blocks = dict(zip(sizes, block_shape(sizes, chunks, itemsize=ITEM_BYTES), strict=True))
    out: dict[str, Any] = {}
    for role, wanted in roles.items():
        stored = layers[role].chunk(blocks)
        if stored.dtype.kind == "f":
            out[role] = _from_kelvin(stored)
        else:
            out[role] = xr.apply_ufunc(
                decoded,
                stored.variable,
                kwargs={"decode": wanted.decode},
                dask="parallelized",
                output_dtypes=[wanted.decode.dtype],
            )
    starts = np.array([c.start for c in group]).astype("datetime64[ns]")
    return layers.drop_vars(list(layers.data_vars)).assign(out).assign_coords({TIME: starts})


def _from_kelvin(stored: xr.DataArray) -> xr.Variable:
    """DegC of a temperature that is scaled already, by its unit."""
    offset = np.float32(0.0 if str(stored.attrs["units"]).lower() == "degc" else 273.15)
    value = stored.variable.astype("float32") - offset
    fill = stored.attrs.get("_FillValue")
    known = value > 150.0 - 273.15
    return value.where(known if fill is None else known & (stored.variable != fill))


def _edges(data: xr.Dataset) -> dict[str, Box]:
    """Outer edges of a grid of pixel centers."""
    half = {dim: abs(float(data[dim][-1] - data[dim][0])) / max(data.sizes[dim] - 1, 1) / 2 for dim in (X, Y)}
    (left, right), (bottom, top) = (
        (float(data[dim].min()) - half[dim], float(data[dim].max()) + half[dim]) for dim in (X, Y)
    )
    return {"the grid": (left, bottom, right, top)}
