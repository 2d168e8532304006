"""What may stand under ``parameters`` of a source: the keywords of its driver's loader, strictly typed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, get_type_hints

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from qtp_toolkit.catalog.paths import load_target
from qtp_toolkit.conventions import VARIABLES

_READERS = "qtp_toolkit.load.readers:READERS"
"""The rows of all drivers; imported when a catalog is opened, since loaders know catalogs and not the other way."""

_GIVEN = {
    "chunks",
    "geometry_file",
    "area",
    "classes",
    "baselines",
    "require_coherence",
    "usual_wavelength",
    "complex_pairs",
    "quantity",
}
"""Keywords of loaders that a row fills in itself, or that a catalog calls by another name."""


def _in_the_table(value: str) -> str:
    if value not in VARIABLES:
        raise ValueError(f"variable {value!r} is not in the variable table; it has {sorted(VARIABLES)}")
    return value


Variable = Annotated[str, AfterValidator(_in_the_table)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Band = Annotated[int, Field(ge=1)]
Range = Annotated[
    tuple[float, float], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
]


class Model(BaseModel):
    """Strict, frozen, and closed: an unknown key is an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def readers() -> Mapping[str, Any]:
    """Rows of :mod:`qtp_toolkit.load.readers` by driver."""
    return load_target(_READERS)


@cache
def options_of(driver: str) -> type[Model]:
    """Model of a driver's parameters: the keywords of the functions in its row, the first that has one counts.

    Parameters
    ----------
    driver : str

    Returns
    -------
    type of Model
        Names, types and defaults are those of the signatures: they stand nowhere else.
    """
    row = readers()[driver]
    fields: dict[str, Any] = {}
    for function in (row.open, *row.keywords):
        fields |= {name: field for name, field in _keywords(function).items() if name not in fields}
    return create_model(f"Options of {driver}", __base__=Model, **fields)


def _keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """Type and default (... if there is none) of each keyword-only parameter that a catalog may set."""
    types = get_type_hints(function, include_extras=True)
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {p.name: (types[p.name], ... if p.default is p.empty else p.default) for p in own if p.name not in _GIVEN}
