"""Coregistered single-look complex images, one file a date: GeoTIFF, VRT beside raw files, HDF5."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit._grids import SNAP, same_crs
from qtp_toolkit.conventions import TIME, QtpDataError, X, Y, describe
from qtp_toolkit.load.files.blocks import Chunks, block_shape, lazy_blocks
from qtp_toolkit.load.files.checks import no_duplicates, refuse_bad
from qtp_toolkit.load.files.dates import DatePattern, date_expression, date_of, match_names
from qtp_toolkit.load.files.grids import on_grid
from qtp_toolkit.load.files.hdf5 import number_of
from qtp_toolkit.load.files.vrt import cut_short, sources_of

DATE = r"(?<!\d)(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?!\d)"
"""The first date of a name, else of its folder: ``merged/SLC/20180106/20180106.slc.full.vrt``, OPERA's CSLC."""

_MAPS = {"latitude": "float64", "longitude": "float64", "land": "uint8"}
"""Layers of one file, and the type that they are read as."""
_PLACE = {"latitude", "longitude"}
_HDF5 = (".h5", ".hdf5", ".nc")
_BARE = ("ENVI", "ISCE", "ROI_PAC")
"""Drivers of bare numbers, which read those beyond the end of a file as zeros."""
_NO_LAYER = "has no dataset"
_OPENING = Lock()
_BLOCK_BYTES = 32_000_000
"""An image is read in rows of so many bytes: two of them, and what is made of them, are in memory at a time."""
_MOST_SINGLE = 1e5
"""Beyond so many rad, float32 knows a phase to a hundredth of a rad and worse."""


class Image(NamedTuple):
    """What one file says of itself: size, type, and where it lies, if it is on the ground."""

    path: Path
    height: int
    width: int
    dtype: str
    corner: tuple[float, float] | None = None
    step: tuple[float, float] | None = None
    crs: str | None = None

    @property
    def grid(self) -> tuple[Any, ...]:
        """All that images of one stack share."""
        return self[1:3] + self[4:]

    def lies_on(self, other: Image) -> bool:
        """Whether the pixels are those of another image, to a thousandth of a pixel at all corners."""
        if (self.height, self.width) != (other.height, other.width) or not _same_crs(self, other):
            return False
        if self.corner is None or self.step is None or other.corner is None or other.step is None:
            return self.corner == other.corner
        ends = zip(self.corner, self.step, other.corner, other.step, (self.width, self.height), strict=True)
        return all(
            max(abs(a - b), abs(a - b + (size - 1) * (da - db))) <= SNAP * abs(db) for a, da, b, db, size in ends
        )


def slc_stack(
    files: Mapping[str, Sequence[Path]],
    *,
    pattern: DatePattern = DATE,
    layer: str = "data/VV",
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open coregistered single-look complex images, one file a date.

    Parameters
    ----------
    files : mapping of str to sequence of path
        ``slc`` (or ``data``): the images, as GeoTIFF, VRT (which ISCE writes beside its raw files) or HDF5 (OPERA's
        CSLC), all on the same pixels. ``flat``: one file a date with what orbit and topography add to the phase of the
        image, rad, float64 where it is more than 1e5; it is taken out, and where it is unknown there is no data.
        Without it the images are taken for flattened. One file each: ``latitude`` and
        ``longitude`` of images in radar geometry, degrees, 0 is no place; ``land``, where 0 is water.
    pattern : str
        Finds the date in the name of a file, else of its folder: by groups year, month and day, or by the letters of
        strftime.
    layer : str
        Dataset of an HDF5 file.
    chunks : dict, optional
        By default one date and as many rows as make 32 MB.

    Returns
    -------
    xarray.Dataset
        ``slc`` (time, y, x), complex64, 0 where there is no data, lazy, sorted by date; ``latitude`` and ``longitude``
        (degrees) and ``land`` (y, x) where given. Coord ``file`` (time) names the images, ``flat_file`` their flat
        phase, attribute ``layer`` the dataset of HDF5. Pixels are lines and samples, or lie on the ground with a CRS in
        ``spatial_ref``.

    Raises
    ------
    QtpDataError
        Unknown or missing roles (C10); all unreadable files at once (M05), also those that are cut short, and what
        turns out unreadable later; those that are not complex (I11); names without a date (I27); a date twice (I18);
        images or layers on other pixels (I06); a date without its ``flat`` (I03); when it is read, ``flat`` of float32
        beyond 1e5 rad (I32).

    Examples
    --------
    >>> image = np.ones((4, 6), "complex64")
    >>> paths = [geotiff(f"slc_{day}.tif", image) for day in ("20180118", "20180106")]
    >>> load.slc_stack({"slc": paths})["slc"]["time"].dt.day.values
    array([ 6, 18])
    """
    paths = _checked_roles(files)
    found, dates = _by_date(paths, pattern, layer)
    not_complex = [(image.path, f"type {image.dtype}") for image in found if "complex" not in image.dtype]
    refuse_bad(not_complex, "complex image", total=len(paths), code="I11", hint="Give the single-look complex images.")
    flats, flat_dates = _by_date(files["flat"], pattern, layer) if "flat" in files else ([], dates)
    if not np.array_equal(flat_dates, dates):
        lacking = ", ".join(map(str, np.setxor1d(flat_dates, dates)))
        raise QtpDataError("images and their flat phase are of other dates", found=lacking, code="I03")
    maps = {name: _looked(files[name], layer) for name in _MAPS if name in files}
    _refuse_other_pixels([*found, *flats, *(image for images in maps.values() for image in images)])
    slc = _lazy(found, "complex64", layer, chunks, like=found[0])
    if flats:
        slc = slc * _lazy(flats, "complex64", layer, chunks, like=found[0], flat=True)
    own = [str(image.path.absolute()) for image in found]
    coords = {TIME: dates.astype("datetime64[ns]"), "file": (TIME, own)}
    if flats:
        coords["flat_file"] = (TIME, [str(image.path.absolute()) for image in flats])
    slc = describe(slc.assign_coords(coords), "slc")
    if found[0].path.suffix in _HDF5:
        slc = slc.assign_attrs(layer=layer)
    layers = {
        name: _lazy(images, _MAPS[name], layer, chunks, like=found[0]).isel({TIME: 0}) for name, images in maps.items()
    }
    return xr.Dataset({"slc": slc} | {name: describe(part, name) for name, part in layers.items()})


def _checked_roles(files: Mapping[str, Sequence[Path]]) -> Sequence[Path]:
    """Paths of the images, once the roles are those that are known and go together."""
    paths = files.get("slc") or files.get("data") or ()
    many = [name for name in _MAPS if len(files.get(name, ())) > 1]
    if not paths or many or not {*files} <= {"slc", "data", "flat", *_MAPS} or len({*files} & _PLACE) == 1:
        raise QtpDataError(
            "these files make no stack of images",
            expected="slc, perhaps flat; one file each of land, latitude and longitude, the last two together",
            found={name: len(paths) for name, paths in files.items()},
            code="C10",
        )
    return paths


def _by_date(paths: Sequence[Path], pattern: str, layer: str) -> tuple[list[Image], np.ndarray]:
    """Images in the order of their dates, each date once."""
    matches = match_names([Path(path) for path in paths], date_expression(pattern), "no date in its name", "image")
    days = np.array([date_of(match, path) for match, path in zip(matches, paths, strict=True)])
    no_duplicates(days, [Path(path) for path in paths], "date", "I18")
    order, found = np.argsort(days), _looked(paths, layer)
    return [found[k] for k in order], days[order]


def open_image(path: Path | str, mode: str = "r", **profile: Any) -> Any:
    """Open a raster that need not lie on the ground, which GDAL's bindings warn of.

    Filters of warnings are those of all threads: one at a time may change them.
    """
    import rasterio  # noqa: PLC0415  slow to import
    from rasterio.errors import NotGeoreferencedWarning  # noqa: PLC0415

    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, mode, **profile)


def _looked(paths: Sequence[Path], layer: str) -> list[Image]:
    """Headers of the images; all unreadable files in one error."""
    from rasterio.errors import RasterioError  # noqa: PLC0415

    found, bad = [], []
    for path in map(Path, paths):
        try:
            found.append(_look_hdf5(path, layer) if path.suffix in _HDF5 else _look_raster(path))
        except (RasterioError, OSError, KeyError) as error:
            bad.append((path, str(error)))
    other = bool(bad) and all(_NO_LAYER in text for _, text in bad)
    hint = "Set parameters.layer to the dataset that holds the images." if other else None
    refuse_bad(bad, "readable image", total=len(paths), code="M05", hint=hint)
    return found


def _look_raster(path: Path) -> Image:
    if short := cut_short(path):
        raise OSError(short)
    with open_image(path) as dataset:
        t, crs = dataset.transform, dataset.crs
        radar = Image(path, dataset.height, dataset.width, dataset.dtypes[0])
        bare, bands = dataset.driver in _BARE and "file_compression" not in dataset.tags(ns="ENVI"), dataset.count
    item = 4 if radar.dtype == "complex_int16" else np.dtype(radar.dtype).itemsize
    if bare and path.stat().st_size < (whole := radar.height * radar.width * bands * item):
        raise OSError(f"is truncated: {whole} bytes expected, {path.stat().st_size} on disk")
    if t.is_identity or crs is None:  # lines and samples, whatever CRS a driver makes up
        return radar
    if t.b or t.d or t.a < 0 or t.e > 0:
        raise OSError("does not run from north to south and from west to east")
    return radar._replace(corner=(t.c + t.a / 2, t.f + t.e / 2), step=(t.a, t.e), crs=crs.to_wkt())


def _look_hdf5(path: Path, layer: str) -> Image:
    import h5py  # noqa: PLC0415
    from rasterio.crs import CRS  # noqa: PLC0415

    with h5py.File(path) as file:
        if layer not in file:
            raise OSError(f"{_NO_LAYER} {layer!r}; complex ones are {_complex_layers(file) or 'none'}")
        data, beside = file[layer], file[layer].parent
        height, width = data.shape[-2:]
        radar = Image(path, height, width, str(data.dtype))
        if "x_coordinates" not in beside:
            return radar
        x, y = (beside[name][:2].tolist() for name in ("x_coordinates", "y_coordinates"))
        crs = CRS.from_epsg(int(number_of(beside["projection"][()]))).to_wkt()
    return radar._replace(corner=(x[0], y[0]), step=(x[1] - x[0], y[1] - y[0]), crs=crs)


def _complex_layers(file: Any) -> list[str]:
    found: list[str] = []
    file.visititems(
        lambda name, item: found.append(name) if getattr(item, "dtype", np.dtype(int)).kind == "c" else None
    )
    return found


def _refuse_other_pixels(found: Sequence[Image]) -> None:
    most = Counter(image.grid for image in found).most_common(1)[0][0]
    common = next(image for image in found if image.grid == most)
    told = "{0.height} x {0.width}, corner {0.corner}, step {0.step}"
    other = [
        (image.path, told.format(image) + _other_crs(image, common)) for image in found if not image.lies_on(common)
    ]
    what = f"image of the pixels of the others ({told.format(common)})"
    refuse_bad(other, what, total=len(found), code="I06", hint="Coregister them, or crop them to one frame.")


def _same_crs(one: Image, two: Image) -> bool:
    return one.crs == two.crs or (one.crs is not None and two.crs is not None and same_crs(one.crs, two.crs))


def _other_crs(image: Image, common: Image) -> str:
    """Say both reference systems where they differ."""
    from pyproj import CRS  # noqa: PLC0415  slow to import

    if _same_crs(image, common):
        return ""
    names = [CRS.from_wkt(each.crs).name if each.crs else "none" for each in (image, common)]
    return f", CRS {names[0]} and not {names[1]}"


def _lazy(
    found: Sequence[Image], dtype: str, layer: str, chunks: Chunks | None, *, like: Image, flat: bool = False
) -> xr.DataArray:
    """Images as one lazy array (time, y, x), on the very coordinates of one of them."""
    first = like
    rows = max(_BLOCK_BYTES // (8 * first.width), 1)
    sizes = {TIME: len(found), Y: first.height, X: first.width}
    blocks = block_shape(sizes, {TIME: 1, Y: min(rows, first.height)} | (chunks or {}), itemsize=8)
    files = tuple(str(image.path) for image in found)
    paths: list[Path | str] = [*files, *(path for file in files for path in sources_of(Path(file)))]
    how: dict[str, Any] = {"files": files, "layer": layer}
    if flat:
        values = lazy_blocks(read_flat, blocks, dtype, paths=paths, **how)
    else:
        values = lazy_blocks(read_rows, blocks, dtype, paths=paths, dtype_out=dtype, **how)
    (x0, y0), (dx, dy) = first.corner or (0.0, 0.0), first.step or (1.0, 1.0)
    coords = {Y: y0 + dy * np.arange(first.height), X: x0 + dx * np.arange(first.width)}
    if first.crs is None:
        return xr.DataArray(values, coords, (TIME, Y, X))
    return on_grid(values, (TIME, Y, X), coords, first.crs)


def read_rows(bounds: tuple[tuple[int, int], ...], *, files: tuple[str, ...], dtype_out: str, layer: str) -> np.ndarray:
    """One block of images, read by workers; what is not finite is 0, which is no data of a complex image."""
    (first, last), rows, columns = bounds
    out = np.stack([_read(path, rows, columns, layer) for path in files[first:last]]).astype(dtype_out)
    out[~np.isfinite(out)] = 0
    return out


def read_flat(bounds: tuple[tuple[int, int], ...], *, files: tuple[str, ...], layer: str) -> np.ndarray:
    """One block of what takes the flat phase out, ``exp(-1j * flat)``; 0, no data, where it is unknown.

    A phase that counts from the satellite is 1e8 rad: it is wrapped before anything is rounded.
    """
    (first, last), rows, columns = bounds
    out = np.zeros((last - first, rows[1] - rows[0], columns[1] - columns[0]), "complex64")
    for plane, path in zip(out, files[first:last], strict=True):
        values = _read(path, rows, columns, layer)
        known = np.isfinite(values)
        most = float(np.max(np.abs(values), where=known, initial=0))
        if values.dtype.itemsize < 8 and values.dtype.kind == "f" and most > _MOST_SINGLE:
            raise QtpDataError(
                "the flat phase is too large for its type: single precision has rounded it",
                path=path,
                expected=f"float64, or at most {_MOST_SINGLE:g} rad",
                found=f"{values.dtype} of up to {most:.4g} rad",
                hint="Write it as float64, or take the phase of the reference image out beforehand.",
                code="I32",
            )
        plane[known] = np.exp(-1j * values[known].astype("float64"))
    return out


def _read(path: str, rows: tuple[int, int], columns: tuple[int, int], layer: str) -> np.ndarray:
    from rasterio.errors import RasterioError  # noqa: PLC0415

    try:
        if path.endswith(_HDF5):
            import h5py  # noqa: PLC0415

            with h5py.File(path) as file:
                return file[layer][..., slice(*rows), slice(*columns)]
        with open_image(path) as dataset:
            return dataset.read(1, window=(rows, columns))
    except (RasterioError, OSError) as error:
        raise QtpDataError(
            f"pixels of an image cannot be read: {error}",
            path=path,
            where=f"rows {rows[0]} to {rows[1]}",
            hint="Was the file cut short, or changed after it was opened? Get it again.",
            code="M05",
        ) from error
