"""What GeoTIFFs say of themselves, read without their pixels; all that is wrong with them in one error."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.checks import as_paths, first_bytes_problem, refuse_bad
from qtp_toolkit.load.files.directory import Directory, read_directory
from qtp_toolkit.load.files.pixels import Rows, layout, with_side_files

_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_OTHERS = {".hgt": ((b"",), "a tile of SRTM"), ".grd": ((b"CDF\x01", b"CDF\x02", b"\x89HDF"), "a grid of GMT")}
"""First bytes of what else is read, by the ending; tiles are bare numbers."""
_UNPLACED = (
    "has no coordinate reference system",
    "has no transform: nothing says where its pixels lie",
    "is rotated",
    "runs from east to west",
)
_NO_TIFF = "Narrow the uri to the GeoTIFFs (*.tif), or name the driver that reads these files."
_PLACE = "Warp them to a north-up grid (gdalwarp), or write what is lacking (gdal_edit.py -a_srs, -a_ullr)."


class Header(NamedTuple):
    """What one file says of itself, read without its pixels."""

    path: Path
    height: int
    width: int
    transform: tuple[float, float, float, float, float, float]
    crs: str
    dtype: str
    nodata: float | None
    blocks: tuple[int, int]
    layout: Rows | None
    tags: dict[str, str]
    bands: int = 1
    scales: tuple[tuple[float, float], ...] = ((1.0, 0.0),)
    """Scale and offset of each band."""
    masked: bool = False
    """Whether a mask, in the file or beside it (.msk), says which pixels hold data."""
    opacity: int = 0
    """Band that says so (alpha), 0 if there is none; ``bands`` leaves it out."""
    units: tuple[str, ...] = ("",)
    """Unit tag of each band."""
    dataset: str = ""
    """Path inside an HDF5 file; empty for rasters."""

    @property
    def size(self) -> tuple[float, float]:
        """Pixel width and height, both positive."""
        return abs(self.transform[0]), abs(self.transform[4])

    @property
    def corner(self) -> tuple[float, float]:
        """West and north edge."""
        a, _, c, _, e, f = self.transform
        return min(c, c + a * self.width), max(f, f + e * self.height)


def headers(paths: Sequence[Path]) -> list[Header]:
    """Headers of GeoTIFFs (or SRTM's ``.hgt``, or GMT's ``.grd``); all unreadable ones are listed in one error.

    Parameters
    ----------
    paths : sequence of pathlib.Path

    Returns
    -------
    list of Header
        In the order of ``paths``. No pixel is read.

    Raises
    ------
    QtpDataError
        M04 or M05: lists every file that is not there, empty, a web page, truncated, rotated, or without CRS or place.
    """
    import rasterio  # noqa: PLC0415  slow to import, and tables do without
    from rasterio.errors import NotGeoreferencedWarning  # noqa: PLC0415

    paths = as_paths(paths)
    found: list[Header] = []
    bad: list[tuple[Path, str]] = []
    seen: dict[Any, Header] = {}
    with warnings.catch_warnings(), rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for path in paths:
            magics, kind = _OTHERS.get(path.suffix.lower(), (_MAGICS, "a GeoTIFF"))
            problem = first_bytes_problem(path, magics, kind)
            header = problem or _header(path, seen)
            if isinstance(header, str):
                bad.append((path, header))
            else:
                found.append(header)
    unplaced = all(problem in _UNPLACED for _, problem in bad)
    others = all(path.suffix.lower() not in (".tif", ".tiff", *_OTHERS) for path, _ in bad)
    hint = _PLACE if unplaced else _NO_TIFF if others else None
    refuse_bad(bad, "readable GeoTIFF", total=len(paths), code="M05", hint=hint)
    return found


def _header(path: Path, seen: dict[Any, Header]) -> Header | str:
    """Header of a file, or why there is none; GDAL opens the first of all files with the same tags only."""
    import rasterio  # noqa: PLC0415
    from rasterio._err import CPLE_BaseError  # noqa: PLC0415  what GDAL says where rasterio does not wrap it

    own = read_directory(path)
    beside = [path.with_name(path.name + ending).is_file() for ending in (".msk", ".aux.xml")]
    key = (own.order, own.tags, own.more) if own is not None and not any(beside) else None
    if own is not None and key in seen:
        plain = None if seen[key].masked else layout(own, seen[key].dtype)
        return _truncation(own, path) or seen[key]._replace(path=path, layout=plain)
    try:
        with with_side_files(wanted=any(beside)), rasterio.open(path) as dataset:
            header = _told(dataset, path, own)
        if header == _UNPLACED[1]:  # a world file beside it (.tfw) may say
            key = None
            with with_side_files(wanted=True), rasterio.open(path) as dataset:
                header = _told(dataset, path, own)
    except (rasterio.errors.RasterioError, CPLE_BaseError, UnicodeDecodeError) as error:
        return f"{error} ({path.stat().st_size} bytes on disk)"
    if own is None or isinstance(header, str):
        return header
    if key is not None:
        seen[key] = header
    return _truncation(own, path) or header


def _told(dataset: Any, path: Path, own: Directory | None) -> Header | str:
    """Header as GDAL tells it, or what is wrong with it."""
    from rasterio.enums import ColorInterp, MaskFlags  # noqa: PLC0415

    t = dataset.transform
    crs = dataset.crs or _geographic(dataset.tags())
    wrong = (not crs, t.is_identity, bool(t.b or t.d), t.a < 0)
    if any(wrong):
        return _UNPLACED[wrong.index(True)]
    flags, last = dataset.mask_flag_enums[0], dataset.colorinterp[-1]
    masked = MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags
    # GDAL itself heeds opacity of whole numbers only
    opacity = dataset.count if dataset.count > 1 and last == ColorInterp.alpha else 0
    bands = dataset.count - bool(opacity)
    named = [dataset.tags(band) for band in range(1, bands + 1)]
    return Header(
        path,
        dataset.height,
        dataset.width,
        (t.a, t.b, t.c, t.d, t.e, t.f),
        crs.to_wkt(),
        dataset.dtypes[0],
        dataset.nodata,
        dataset.block_shapes[0],
        layout(own, dataset.dtypes[0]) if own is not None and dataset.driver == "GTiff" and not masked else None,
        dataset.tags(),
        bands,
        tuple(_scaling(*stored) for stored in zip(dataset.scales, dataset.offsets, named, strict=False)),
        masked,
        opacity,
        tuple(unit or "" for unit in dataset.units[:bands]),
    )


def _geographic(tags: Mapping[str, str]) -> Any:
    """Longitude and latitude, where nothing but the axes of a NetCDF tells, which are in degrees; else None."""
    from rasterio.crs import CRS  # noqa: PLC0415

    units = {value.lower() for key, value in tags.items() if key.endswith("#units")}
    return CRS.from_epsg(4326) if {"degrees_east", "degrees_north"} <= units else None


def _scaling(scale: float, offset: float, tags: Mapping[str, str]) -> tuple[float, float]:
    """Scale and offset of a band, in GDAL's way or by name."""
    if (scale, offset) != (1.0, 0.0):
        return scale, offset
    return _number(tags, "scale_factor", 1.0), _number(tags, "add_offset", 0.0)


def _number(tags: Mapping[str, str], name: str, otherwise: float) -> float:
    """Read a tag that should be a number; one that is none says nothing."""
    try:
        return float(tags.get(name, otherwise))
    except ValueError:
        return otherwise


def _truncation(own: Directory, path: Path) -> str | None:
    size = path.stat().st_size
    return None if own.end <= size else f"is truncated: its last block ends at byte {own.end}, {size} bytes on disk"


def nodata_values(found: Sequence[Header], given: float | Sequence[float] | None) -> tuple[float, ...]:
    """Gather the stored values that mean no data: those that are given, and the files' own tags.

    Parameters
    ----------
    found : sequence of Header
    given : float or sequence of float, optional
    """
    own = () if given is None else (given,) if isinstance(given, (int, float)) else tuple(given)
    return tuple(dict.fromkeys([*own, *(h.nodata for h in found if h.nodata is not None)]))


def band_tags(path: Path, band: int = 1) -> dict[str, Any]:
    """Tags of a band; ``scale_factor`` and ``add_offset`` where the file scales it, in GDAL's way or by name.

    Parameters
    ----------
    path : pathlib.Path
        A readable GeoTIFF.
    band : int
        From 1.

    Returns
    -------
    dict
        No pixel is read.
    """
    import rasterio  # noqa: PLC0415  slow to import

    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(path) as dataset:
        if band > dataset.count:
            raise QtpDataError("the file has no such band", path=path, expected=f"1 to {dataset.count}", found=band)
        tags = dict(dataset.tags(band))
        scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
    if (scale, offset) != (1.0, 0.0):
        tags |= {"scale_factor": scale, "add_offset": offset}
    return tags
