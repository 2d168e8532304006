"""What may stand under ``parameters`` of a source, driver by driver."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from qtp_toolkit.conventions import VARIABLES


class Options(BaseModel):
    """Strict, frozen, closed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Nothing(Options):
    """No options."""


class Lst(Options):
    """MODIS LST.

    ``sensors`` must all be there; ``max_gap`` is the longest run of missing composites that is let through (and
    listed); ``duplicates`` says what to do with two files of one composite; ``mixed_collections`` allows 006 beside
    061.
    """

    sensors: Annotated[list[Literal["terra", "aqua"]], Field(min_length=1)] = ["terra", "aqua"]
    max_gap: Annotated[int, Field(ge=0)] = 3
    duplicates: Literal["error", "newest"] = "error"
    mixed_collections: bool = False


class LstTable(Options):
    """A table of cells by dates: one row a cell, one column a composite."""

    longitude: str = "lon"
    latitude: str = "lat"
    pattern: str = r"(?P<year>\d{4})_(?P<month>\d{2})_(?P<day>\d{2})"
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


class Raster(Options):
    """One GeoTIFF: which quantity of the variable table it is, and how its file stores it."""

    variable: str
    units: str | None = None
    nodata: float | None = None
    scale_factor: float = 1.0
    add_offset: float = 0.0
    band: Annotated[int, Field(ge=1)] = 1
    valid_range: (
        Annotated[tuple[float, float], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)] | None
    ) = None

    @field_validator("variable")
    @classmethod
    def _in_the_table(cls, value: str) -> str:
        if value not in VARIABLES:
            raise ValueError(f"variable {value!r} is not in the variable table; it has {sorted(VARIABLES)}")
        return value


class Series(Raster):
    """GeoTIFFs of one quantity, one a date; ``pattern`` has groups year and doy, or year, month, day."""

    pattern: str = r"doy(?P<year>\d{4})(?P<doy>\d{3})"
    composite_days: Annotated[int, Field(ge=1, le=366)] = 1

    @field_validator("pattern")
    @classmethod
    def _has_a_date(cls, value: str) -> str:
        check_pattern(value, ("year",))
        return value


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
    "appeears_netcdf": Lst,
    "appeears_geotiff": Lst,
    "modis_hdf4": Lst,
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
