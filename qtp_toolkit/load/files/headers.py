"""What GeoTIFFs say of themselves, read without their pixels; all that is wrong with them in one error."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.checks import first_bytes_problem, refuse_bad
from qtp_toolkit.load.files.directory import Directory, read_directory
from qtp_toolkit.load.files.pixels import Rows, layout, with_side_files

_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


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
    """Headers of GeoTIFFs (or SRTM ``.hgt`` tiles); all unreadable or truncated ones are listed in one error.

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
        M04 or M05: lists every file that is empty, a web page, truncated, rotated or without CRS.
    """
    import rasterio  # noqa: PLC0415  slow to import, and tables do without
    from rasterio.errors import NotGeoreferencedWarning  # noqa: PLC0415

    found: list[Header] = []
    bad: list[tuple[Path, str]] = []
    seen: dict[Any, Header] = {}
    with warnings.catch_warnings(), rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for path in map(Path, paths):
            magics = (b"",) if path.suffix.lower() == ".hgt" else _MAGICS  # SRTM tiles are bare numbers
            problem = first_bytes_problem(path, magics, "a GeoTIFF")
            header = problem or _header(path, seen)
            if isinstance(header, str):
                bad.append((path, header))
            else:
                found.append(header)
    refuse_bad(bad, "readable GeoTIFF", total=len(paths), code="M05")
    return found


def _header(path: Path, seen: dict[Any, Header]) -> Header | str:
    """Header of a file, or why there is none; GDAL opens the first of all files with the same tags only."""
    import rasterio  # noqa: PLC0415

    own = read_directory(path)
    beside = [path.with_name(path.name + ending).is_file() for ending in (".msk", ".aux.xml")]
    key = (own.order, own.tags, own.more) if own is not None and not any(beside) else None
    if own is not None and key in seen:
        plain = None if seen[key].masked else layout(own, seen[key].dtype)
        return _truncation(own, path) or seen[key]._replace(path=path, layout=plain)
    try:
        with with_side_files(wanted=any(beside)), rasterio.open(path) as dataset:
            header = _told(dataset, path, own)
    except rasterio.errors.RasterioError as error:
        return f"{error} ({path.stat().st_size} bytes on disk)"
    if own is None or isinstance(header, str):
        return header
    if key is not None:
        seen[key] = header
    return _truncation(own, path) or header


def _told(dataset: Any, path: Path, own: Directory | None) -> Header | str:
    """Header as GDAL tells it, or what is wrong with it."""
    from rasterio.enums import MaskFlags  # noqa: PLC0415

    t = dataset.transform
    if not dataset.crs:
        return "has no coordinate reference system"
    if t.b or t.d:
        return "is rotated; warp it to a north-up grid"
    if t.a < 0:
        return "runs from east to west"
    masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0] and MaskFlags.alpha not in dataset.mask_flag_enums[0]
    named = [dataset.tags(band) for band in range(1, dataset.count + 1)]
    return Header(
        path,
        dataset.height,
        dataset.width,
        (t.a, t.b, t.c, t.d, t.e, t.f),
        dataset.crs.to_wkt(),
        dataset.dtypes[0],
        dataset.nodata,
        dataset.block_shapes[0],
        layout(own, dataset.dtypes[0]) if own is not None and dataset.driver == "GTiff" and not masked else None,
        dataset.tags() | {"UNIT": dataset.units[0] or ""},
        dataset.count,
        tuple(_scaling(*stored) for stored in zip(dataset.scales, dataset.offsets, named, strict=True)),
        masked,
    )


def _scaling(scale: float, offset: float, tags: Mapping[str, str]) -> tuple[float, float]:
    """Scale and offset of a band, in GDAL's way or by name."""
    if (scale, offset) != (1.0, 0.0):
        return scale, offset
    return float(tags.get("scale_factor", 1.0)), float(tags.get("add_offset", 0.0))


def _truncation(own: Directory, path: Path) -> str | None:
    size = path.stat().st_size
    return None if own.end <= size else f"is truncated: its last block ends at byte {own.end}, {size} bytes on disk"


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
