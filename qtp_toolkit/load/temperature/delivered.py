"""Composites as they were delivered, whatever the container: scanned, chosen, settled, covered, joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from qtp_toolkit.conventions import TIME, VARIABLES, QtpDataError, describe
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.dates import centers
from qtp_toolkit.load.temperature import appeears, granules
from qtp_toolkit.load.temperature.composites import Composite, choose, merge_sensors, settle
from qtp_toolkit.load.temperature.coverage import share_covered
from qtp_toolkit.load.temperature.layers import PRODUCTS, QC, spelled
from qtp_toolkit.load.temperature.tiles import SINUSOIDAL


class Wishes(NamedTuple):
    """What to take of the files, and what to put up with; the keywords of the loaders."""

    chunks: Chunks | None
    sensors: Sequence[str] | None
    max_gap: int | None
    duplicates: str
    mixed_collections: bool
    area: Sequence[float] | None
    min_cover: float | None
    view_times: bool = False


class Format(NamedTuple):
    """How files of one kind are read: their headers, and the lazy arrays."""

    scan: Callable[..., list[Composite]]
    stack: Callable[..., tuple[xr.Dataset, dict[str, Any]]]
    min_cover: float
    """Tiles are whole, so a hole in the area is a missing one; cut-outs are as their maker wanted them."""
    same: Callable[[Composite, Composite], bool] | None
    """Whether two composites hold the same values: orders of single years share one across New Year."""
    crs: str | None = None
    """Of the edges that ``stack`` gives, where the data do not say."""


def _tiles(container: granules.Container) -> Format:
    stack = partial(granules.stack, container=container)
    return Format(partial(granules.scan, container=container), stack, 0.99, None, SINUSOIDAL)


_HDF4, _HDF5 = _tiles(granules.HDF4), _tiles(granules.HDF5)
_NETCDF = Format(appeears.scan_netcdf, appeears.stack_netcdf, 0.0, appeears.same_netcdf)
_TIFF = Format(appeears.scan_tiff, appeears.stack_tiff, 0.0, appeears.same_tiff)
_FORMATS = {".hdf": _HDF4, ".hdf4": _HDF4, ".h5": _HDF5, ".hdf5": _HDF5, ".he5": _HDF5}
_FORMATS |= {".nc": _NETCDF, ".nc4": _NETCDF, ".tif": _TIFF, ".tiff": _TIFF}


_LOADERS = {
    "lst": "load.modis_lst", "viirs": "load.viirs_lst (driver viirs_hdf5)", "ndvi": "load.ndvi",
    "reflectance": "load.ndvi",
}  # fmt: skip


class Scanned(NamedTuple):
    """Files whose headers have been read."""

    form: Format
    composites: list[Composite]

    @property
    def family(self) -> str:
        """Family of the product that the first file is."""
        return PRODUCTS[self.composites[0].product].family


Files = Sequence[Path] | Mapping[str, Sequence[Path]] | Scanned


def scan(paths: Files, *, view_times: bool = False) -> Scanned:
    """Read the headers of files of one kind; a mapping of roles to files is flattened.

    Raises
    ------
    QtpDataError
        M04: files of several kinds; what the reader of the kind refuses.
    """
    if isinstance(paths, Scanned):
        return paths
    groups = list(paths.values()) if isinstance(paths, Mapping) else [paths]
    files = [Path(path) for group in groups for path in group]
    formats = {_FORMATS.get(path.suffix.lower()) for path in files}
    form = formats.pop() if len(formats) == 1 else None
    if form is None:
        found = sorted({path.suffix.lower() for path in files})
        raise QtpDataError(
            "files of composites must be all of one kind", expected=sorted(_FORMATS), found=found, code="M04"
        )
    return Scanned(form, form.scan(files, extras=view_times))


def settled(
    form: Format, found: Sequence[Composite], families: Sequence[str], wishes: Wishes
) -> tuple[dict[str, list[Composite]], dict[str, Any], int]:
    """Composites by sensor, what is to be told of them, and how many days one covers."""
    other = sorted({c.product for c in found if PRODUCTS[c.product].family not in families})
    if other:
        raise QtpDataError(
            "the files are another product",
            found=", ".join(map(spelled, other)),
            code="M27",
            expected=", ".join(spelled(key) for key, product in PRODUCTS.items() if product.family in families),
            hint=f"They are read by {_LOADERS[PRODUCTS[other[0]].family]}.",
        )
    groups = choose(found, wishes.sensors, mixed_collections=wishes.mixed_collections)
    days = PRODUCTS[next(iter(groups.values()))[0].product].days
    kept, notes = settle(groups, days=days, duplicates=wishes.duplicates, max_gap=wishes.max_gap, same=form.same)
    return kept, notes, days


def temperatures(paths: Files, family: str, wishes: Wishes, *, quality: str, bits: str = "") -> xr.Dataset:
    """Open surface temperature of day and night of one family of products, sensor by sensor.

    Parameters
    ----------
    paths : Files
    family : {"lst", "viirs"}
    wishes : Wishes
    quality : str
        Row of the variable table that the quality bytes are.
    bits : str
        Family of the bits that the quality bytes carry as an attribute, if it is not that of MODIS.

    Returns
    -------
    xarray.Dataset
        As :func:`qtp_toolkit.load.modis_lst` describes it.
    """
    form, found = scan(paths, view_times=wishes.view_times)
    groups, notes, days = settled(form, found, (family,), wishes)
    parts = {}
    for sensor, group in groups.items():
        parts[sensor], boxes = form.stack(group, chunks=wishes.chunks)
        notes |= {f"{key}_{sensor}": share for key, share in cover(form, parts[sensor], boxes, wishes).items()}
    data = merge_sensors(parts, no_quality=int(QC.fill))
    data = data.assign_coords({TIME: centers(data[TIME].to_numpy(), days)})
    described = {name: _described(a, str(name), quality, bits) for name, a in data.data_vars.items()}
    return data.assign(described).assign_attrs(
        notes | tiles_of(groups),
        composite_days=days,
        converted="K x 50 to degC; fill 0 and values below 150 K to NaN by product specification; time to the center",
    )


def _described(array: xr.DataArray, name: str, quality: str, bits: str) -> xr.DataArray:
    if name in VARIABLES:
        return describe(array, name)
    if name.startswith("view_time"):
        return describe(array, "view_time").rename(name)
    said = {"quality_bits": bits} if bits else {}
    return describe(array, quality, like=(), **said).rename(name)


def cover(form: Format, data: xr.Dataset, boxes: Mapping[str, Any], wishes: Wishes) -> dict[str, float]:
    """Share of the area of interest that the files cover, by name; nothing without an area."""
    if wishes.area is None:
        return {}
    crs = form.crs or data.rio.crs.to_wkt()
    least = form.min_cover if wishes.min_cover is None else wishes.min_cover
    return {"cover": round(share_covered(boxes, crs, wishes.area, min_cover=least), 3)}


def tiles_of(groups: Mapping[str, Sequence[Composite]]) -> dict[str, Any]:
    """Tiles of granules, in words; nothing for cut-outs, whose parts are layers."""
    names = sorted({c.part for group in groups.values() for c in group if c.part.startswith("h")})
    return {"tiles": ", ".join(names)} if names else {}
