"""What may stand under ``parameters`` of a source, driver by driver."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from qtp_toolkit.conventions import VARIABLES


class Options(BaseModel):
    """Strict, frozen, closed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Nothing(Options):
    """No options."""


class Modis(Options):
    """MODIS land surface temperature or vegetation index.

    ``sensors`` must all be there (by default both for temperature, those that are for the vegetation index);
    ``max_gap`` is the longest run of missing composites that is let through and listed (by default 3 for temperature,
    any for the vegetation index); ``duplicates`` says what to do with two files of one composite;
    ``mixed_collections`` allows 006 beside 061; ``min_cover`` is the share of ``settings.bounds`` that must be covered
    (by default 0.99 for granules, 0 for cut-outs); ``quality_mask`` masks the vegetation index by its quality layer.
    """

    sensors: Annotated[list[Literal["terra", "aqua"]], Field(min_length=1)] | None = None
    max_gap: Annotated[int, Field(ge=0)] | None = None
    duplicates: Literal["error", "newest"] = "error"
    mixed_collections: bool = False
    min_cover: Annotated[float, Field(ge=0, le=1)] | None = None
    quality_mask: bool = True


def _in_the_table(value: str) -> str:
    if value not in VARIABLES:
        raise ValueError(f"variable {value!r} is not in the variable table; it has {sorted(VARIABLES)}")
    return value


def _dated(value: str) -> str:
    expression = date_expression(value)
    check_pattern(expression, ("year",))
    if "doy" not in re.compile(expression).groupindex:
        check_pattern(expression, ("year", "month", "day"))
    return value


Variable = Annotated[str, AfterValidator(_in_the_table)]
DatePattern = Annotated[str, AfterValidator(_dated)]


class LstTable(Options):
    """A table of cells by dates: one row a cell, one column a composite."""

    longitude: str = "lon"
    latitude: str = "lat"
    pattern: DatePattern = r"(?P<year>\d{4})_(?P<month>\d{2})_(?P<day>\d{2})"
    units: Literal["degC", "K"] = "degC"
    stamp: Literal["start", "center"] = "start"
    composite_days: Annotated[int, Field(ge=1, le=32)] = 8
    grid: bool = True
    missing: list[float] = []


class Stack(Options):
    """Unwrapped interferograms, one file a pair.

    ``pattern`` finds the two dates in a file name (groups ``reference`` and ``secondary``); ``phase_sign`` says
    whether positive phase in the files means motion away from the satellite (ours) or toward it; ``coherence``
    optional lets pairs without a coherence file through; ``coherence_scale`` turns stored into 0..1 (found out for
    uint8); ``extent`` intersection crops aligned grids of unlike extent to what they share.
    """

    pattern: str | None = None
    nodata: float | None = 0.0
    coherence_nodata: float | None = None
    phase_sign: Literal["positive_away", "positive_toward"] = "positive_away"
    coherence: Literal["required", "optional", "none"] = "required"
    coherence_scale: Annotated[float, Field(gt=0)] | None = None
    wavelength: Annotated[float, Field(ge=0.01, le=1.0)] | None = None
    extent: Literal["same", "intersection"] = "same"

    @field_validator("pattern")
    @classmethod
    def _has_both_dates(cls, value: str | None) -> str | None:
        if value is not None:
            check_pattern(value, ("reference", "secondary"))
        return value


class _Stored(Options):
    """How a GeoTIFF stores a quantity; without ``scale_factor`` the file's own holds."""

    units: str | None = None
    nodata: float | list[float] | None = None
    scale_factor: float | None = None
    add_offset: float = 0.0
    band: Annotated[int, Field(ge=1)] = 1
    valid_range: (
        Annotated[tuple[float, float], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)] | None
    ) = None


class Raster(_Stored):
    """One GeoTIFF: which quantity of the variable table it is, and how its file stores it."""

    variable: Variable


class Series(_Stored):
    """GeoTIFFs, one a date: of one quantity, ``variable``, or of those that the roles of the uri name.

    ``pattern`` finds the date in a name: a regular expression with groups year and doy, or year, month, day; or the
    letters of strftime, such as ``%Y%j`` or ``%Y_%m_%d``.
    """

    variable: Variable | None = None
    pattern: DatePattern = r"doy(?P<year>\d{4})(?P<doy>\d{3})"
    composite_days: Annotated[int, Field(ge=1, le=366)] = 1


class SoilGrids(Options):
    """SoilGrids: the version decides unit and depths, so it must be said."""

    version: Literal["v1", "v2"]
    property: Literal["bulk_density", "sand"]


class Netcdf(Options):
    """NetCDF or Zarr as it is: optional choice, renaming, and complex variables stored as two real ones."""

    variables: list[str] | None = None
    rename: dict[str, str] = {}
    complex: dict[str, list[str]] = {}
    crs: str | None = None


class Era5(Options):
    """ERA5 on pressure levels."""

    rename: dict[str, str] = {}


class Csv(Options):
    """A table of stations, or of values by time, station and depth.

    ``rename`` maps the file's headings to ours, ``wide`` names the dim that the headings spell (one column a station),
    ``date_columns`` are year, month, day columns that make ``time``, ``index`` the columns that become dims,
    ``scale`` multiplies a column on reading, ``missing`` are sentinels. ``angle`` says how longitude and latitude
    are written.
    """

    table: Literal["stations", "series"]
    rename: dict[str, str] = {}
    columns: list[str] | None = None
    index: list[str] = []
    wide: str | None = None
    value: str | None = None
    date_columns: list[str] = []
    units: dict[str, str] = {}
    scale: dict[str, float] = {}
    missing: list[float] = []
    angle: Literal["degrees", "degrees_minutes"] | None = None
    constants: dict[str, str | float] = {}


OPTIONS: dict[str, type[Options]] = {
    "appeears_netcdf": Modis,
    "appeears_geotiff": Modis,
    "modis_hdf4": Modis,
    "lst_table": LstTable,
    "hyp3": Stack,
    "licsar": Stack,
    "geotiff_stack": Stack,
    "geotiff": Raster,
    "geotiff_series": Series,
    "soilgrids": SoilGrids,
    "netcdf": Netcdf,
    "zarr": Netcdf,
    "era5_netcdf": Era5,
    "csv": Csv,
    "geojson": Nothing,
    "kml": Nothing,
}


_DATE_PARTS = {
    "%Y": r"(?P<year>\d{4})", "%m": r"(?P<month>\d{2})", "%d": r"(?P<day>\d{2})", "%j": r"(?P<doy>\d{3})", "%%": "%",
}  # fmt: skip


def date_expression(pattern: str) -> str:
    """Regular expression of a pattern in the letters of strftime (%Y, %m, %d, %j); any other pattern is returned as is.

    Parameters
    ----------
    pattern : str
        ``%Y%j``, ``LST_%Y-%m-%d.tif``, or a regular expression.

    Raises
    ------
    ValueError
        If it has another letter of strftime, or no year.
    """
    if "%" not in pattern or "(?P<" in pattern:
        return pattern
    pieces = re.split(r"(%.?)", pattern)
    unknown = [piece for piece in pieces if piece.startswith("%") and piece not in _DATE_PARTS]
    if unknown or "%Y" not in pieces:
        raise ValueError(f"pattern {pattern!r}: of strftime only {', '.join(_DATE_PARTS)} are known, and %Y is needed")
    return "".join(_DATE_PARTS.get(piece, re.escape(piece)) for piece in pieces)


def check_pattern(pattern: str, groups: tuple[str, ...]) -> None:
    """Refuse a regular expression that does not compile, is overlong, or lacks a named group."""
    if len(pattern) > 200:
        raise ValueError("pattern is longer than 200 characters")
    try:
        found = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"pattern {pattern!r} is not a regular expression: {error}") from error
    missing = [name for name in groups if name not in found]
    if missing:
        raise ValueError(f"pattern {pattern!r} lacks the named groups {missing}, e.g. (?P<{missing[0]}>\\d{{8}})")
