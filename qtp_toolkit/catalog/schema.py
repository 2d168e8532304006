"""The schema of ``data_catalog.yaml``: strict pydantic models that forbid whatever they do not know."""

from __future__ import annotations

import re
import string
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from qtp_toolkit._angles import beyond_seam
from qtp_toolkit.catalog.dates import Date
from qtp_toolkit.catalog.options import Fraction, Model, Positive, options_of, readers
from qtp_toolkit.catalog.tracks import Track, refuse_odd_tracks, require_sources
from qtp_toolkit.conventions import SENTINEL1_INCIDENCE, SENTINEL1_WAVELENGTH

_PLAIN = re.compile(r"^[A-Za-z0-9._+-]+$")
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*(://|::)")


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _as_point(value: object) -> object:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], float | int) and abs(value[1]) > 90:
        raise ValueError(f"a point is [longitude, latitude], longitude first; found {value}")
    return _as_tuple(value)


def _known_driver(value: str) -> str:
    if value not in readers():
        raise PydanticCustomError("literal_error", "unknown driver", {"expected": ", ".join(readers())})
    return value


def _wavelength_in_metres(value: float) -> float:
    if not 0.01 <= value <= 1.0:
        raise ValueError(f"wavelength must be in metres, 0.01 to 1; found {value}. Sentinel-1 is 0.05546576")
    return value


Driver = Annotated[str, AfterValidator(_known_driver)]
Period = Annotated[tuple[Date, Date], BeforeValidator(_as_tuple)]
Longitude = Annotated[float, Field(ge=-180, le=360)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Point = Annotated[tuple[Longitude, Latitude], BeforeValidator(_as_point)]
Bounds = Annotated[tuple[Longitude, Latitude, Longitude, Latitude], BeforeValidator(_as_tuple)]


class Water(Model):
    """Volumetric water content (1) of one vegetation class; ``frozen`` defaults to ``thawed``."""

    thawed: Fraction
    frozen: Fraction | None = None


class Analysis(Model):
    """Where the analysis of Section 4 is confined."""

    south_of_fault: str | None = None
    flat_below_deg: Annotated[float, Field(ge=0, le=90)] = 5.0


class DailyMean(Model):
    """Coefficients of the regression from the overpasses to the mean daily temperature, all in degC."""

    intercept: float = 0.0
    terra_day: float = 0.0
    terra_night: float = 0.0
    aqua_day: float = 0.0
    aqua_night: float = 0.0
    snpp_day: float = 0.0
    snpp_night: float = 0.0
    noaa20_day: float = 0.0
    noaa20_night: float = 0.0


class Settings(Model):
    """Constants of a region that are not files.

    ``bounds`` is west, south, east, north in degrees; a source that lies wholly outside is refused. Pairs with a date
    beyond ``period`` and temperature beyond ``lst_period`` are left out.
    ``reference_date`` is the acquisition to which the phase series are referred; without it the first one.
    ``daily_mean`` None means the equal-weight mean. Displacement is relative to ``reference_area`` (west, south, east,
    north, degrees) or to the surroundings of ``reference_point``; without both to the source ``stable_ground``, and
    without that to the square that is most coherent in its worst pair. ``conductivity_ratio`` (frozen over thawed)
    holds where the catalog has no soil, ``incidence`` (degrees) where it has no map of it. ``ramp`` is what is taken
    out of each interferogram: see ``correct.choose_ramp``. ``tracks`` are stacks that are joined into vertical and
    east, by names of your own; all are relative to the one reference area.
    """

    region: str = "unnamed region"
    crs: str | None = None
    bounds: Bounds | None = None
    period: Period | None = None
    lst_period: Period | None = None
    wavelength: Annotated[float, Field(strict=True)] = SENTINEL1_WAVELENGTH
    reference_date: Date | None = None
    reference_point: Point | None = None
    reference_radius_m: Positive = 1000.0
    reference_area: Bounds | None = None
    ramp: Literal["none", "plane", "stable", "weighed"] = "weighed"
    norm: Literal["l1", "wl2", "l2"] = "l1"
    weights: Literal["coherence", "fisher", "variance", "unit"] = "coherence"
    intercept: Literal["estimate", "reference", "none"] = "estimate"
    incidence: Annotated[float, Field(ge=0, lt=90)] | None = None
    conductivity_ratio: Annotated[float, Field(gt=0, le=10)] = 1.0
    daily_mean: dict[str, float] | None = None
    water_content: dict[str, dict[str, float]] = Field(default_factory=dict)
    unfrozen_water: Fraction = 0.0
    permafrost_classes: list[str] = Field(default_factory=lambda: ["permafrost"])
    masked_vegetation: list[str] = Field(default_factory=list)
    analysis: Analysis = Field(default_factory=Analysis)
    figure_regions: list[str] = Field(default_factory=list)
    figure_profiles: list[str] = Field(default_factory=list)
    tracks: dict[str, Track] = Field(default_factory=dict)

    _metres = field_validator("wavelength")(_wavelength_in_metres)
    _several = field_validator("tracks")(refuse_odd_tracks)

    @field_validator("daily_mean")
    @classmethod
    def _known_overpasses(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is not None:
            DailyMean(**value)
            total = sum(weight for name, weight in value.items() if name != "intercept")
            if not 0.5 <= total <= 1.5:
                raise ValueError(f"coefficients of a mean add up to about 1; these to {total:g}")
        return value

    @field_validator("water_content")
    @classmethod
    def _fractions(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for row in value.values():
            Water(**row)
        return value

    @field_validator("period", "lst_period")
    @classmethod
    def _ordered(cls, value: tuple[date, date] | None) -> tuple[date, date] | None:
        if value is not None and value[0] >= value[1]:
            raise ValueError(f"the period ends ({value[1]}) before it begins ({value[0]})")
        return value

    @field_validator("bounds", "reference_area")
    @classmethod
    def _box(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None:
            value = (*value[:2], beyond_seam(value[0], value[2]), value[3])
        if value is not None and not (value[0] < value[2] and value[1] < value[3]):
            raise ValueError(f"bounds are west, south, east, north; found {list(value)}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        if self.reference_point and self.reference_area:
            raise ValueError("reference_point and reference_area are both given: keep one")
        low, high = SENTINEL1_INCIDENCE if self.wavelength == SENTINEL1_WAVELENGTH else (0.0, 90.0)
        if self.incidence is not None and not low <= self.incidence <= high:
            raise ValueError(f"incidence is {self.incidence:g} degrees; Sentinel-1 looks at {low:g} to {high:g}")
        return self


class ParameterFaultError(ValueError):
    """Faults below ``parameters``, kept apart so that the message can say where they are."""

    def __init__(self, faults: ValidationError) -> None:
        super().__init__(str(faults))
        self.faults = faults


class Parameter(Model):
    """A placeholder of the uri with its default and the values it may take."""

    default: str | int
    choices: list[str | int] | None = None

    @model_validator(mode="after")
    def _default_is_a_choice(self) -> Parameter:
        if self.choices is not None and self.default not in self.choices:
            raise ValueError(f"default {self.default!r} is not among the choices {self.choices}")
        return self


class Source(Model):
    """One entry under ``sources``: where the files are, how to read them, where they come from."""

    description: str = ""
    kind: Literal["dataset", "granules", "ifg_stack", "raster", "vector", "table"]
    driver: Driver
    uri: str | dict[str, str]
    root: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    chunks: dict[str, int] = Field(default_factory=dict)
    classes: dict[int, str] | None = None
    provenance: Literal["synthetic", "observed", "derived"]
    citation: str = ""
    access: str = ""

    @field_validator("uri")
    @classmethod
    def _below_the_root(cls, value: str | dict[str, str]) -> str | dict[str, str]:
        uris = value.values() if isinstance(value, dict) else [value]
        for uri in uris:
            check_uri(uri)
        if not uris:
            raise ValueError("uri is empty")
        return value

    @field_validator("chunks")
    @classmethod
    def _chunk_sizes(cls, value: dict[str, int]) -> dict[str, int]:
        for dim, size in value.items():
            if size == 0 or size < -1:
                raise ValueError(f"chunk size of {dim!r} must be positive, or -1 for the whole dim; found {size}")
        return value

    @model_validator(mode="after")
    def _parameters_fit(self) -> Source:
        unknown = [name for name in self.placeholders if name not in self.parameters]
        if unknown:
            raise ValueError(f"uri asks for {{{unknown[0]}}} but parameters does not define it")
        try:
            self.options()
            for name in self.placeholders:
                self.value(name)
        except ValidationError as error:
            raise ParameterFaultError(error) from None
        return self

    @property
    def uris(self) -> dict[str, str]:
        """The uris by role; a plain uri has the role ``data``."""
        return self.uri if isinstance(self.uri, dict) else {"data": self.uri}

    @property
    def placeholders(self) -> list[str]:
        """Names in braces in the uris."""
        return sorted({name for uri in self.uris.values() for name in _fields(uri)})

    def value(self, name: str, chosen: object = None) -> str:
        """Value of a placeholder: the chosen one, or the default; a plain word, one of the choices."""
        raw = self.parameters[name]
        parameter = Parameter.model_validate(raw) if isinstance(raw, dict) else Parameter(default=raw)
        value = parameter.default if chosen is None else chosen
        if parameter.choices is not None and value not in parameter.choices:
            raise ValueError(f"parameter {name!r} must be one of {parameter.choices}, found {value!r}")
        if not _PLAIN.match(str(value)) or ".." in str(value):
            raise ValueError(f"parameter {name!r} must be a plain word, found {value!r}")
        return str(value)

    def options(self) -> Model:
        """Validate the driver's own options: the parameters that are not placeholders of the uri."""
        own = {key: value for key, value in self.parameters.items() if key not in self.placeholders}
        return options_of(self.driver).model_validate(own)


class CatalogFile(Model):
    """The whole file."""

    catalog_version: Literal[1]
    title: str = ""
    roots: Annotated[list[str], Field(min_length=1)]
    settings: Settings = Field(default_factory=Settings)
    sources: dict[str, Source]

    @field_validator("roots")
    @classmethod
    def _local(cls, value: list[str]) -> list[str]:
        for root in value:
            if _URL.match(root) and not root.startswith("package://"):
                raise ValueError(f"roots are folders on this machine, found {root!r}: download first")
        return value

    @model_validator(mode="after")
    def _tracks_are_sources(self) -> CatalogFile:
        stacks = [name for name, source in self.sources.items() if source.kind == "ifg_stack"]
        require_sources(self.settings.tracks, stacks, self.sources)
        return self

    @field_validator("sources")
    @classmethod
    def _plain_names(cls, value: dict[str, Source]) -> dict[str, Source]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"source names are lower-case words with underscores, found {name!r}")
        return value


def check_uri(uri: str) -> None:
    """Refuse a uri that is a web address, absolute, climbs out, or holds more than ``{name}`` placeholders."""
    if _URL.match(uri):
        raise ValueError(f"web addresses are not read, found {uri!r}: download first and give the local path")
    if "$" in uri or "~" in uri:
        raise ValueError(f"environment variables and ~ stand in roots only, found {uri!r}")
    if uri.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", uri) or "\\" in uri:
        raise ValueError(f"uri must be relative to the root, with forward slashes; found {uri!r}")
    if ".." in uri.split("/"):
        raise ValueError(f"uri may not climb out of the root, found {uri!r}")
    _fields(uri)


def _fields(uri: str) -> list[str]:
    """Names of the ``{name}`` placeholders; nothing else may stand in braces."""
    try:
        parts = list(string.Formatter().parse(uri))
    except ValueError as error:
        raise ValueError(f"braces do not match in uri {uri!r}") from error
    names = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"only {{name}} may stand in braces, found {uri!r}")
        names.append(name)
    return names
