"""Turn pydantic's complaints into sentences: where, what was found, what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from qtp_toolkit.catalog.options import options_of, readers
from qtp_toolkit.catalog.schema import Analysis, CatalogFile, DailyMean, ParameterFaultError, Settings, Source, Water
from qtp_toolkit.catalog.tracks import Track
from qtp_toolkit.conventions import QtpDataError


def catalog_error(error: ValidationError, data: dict[str, Any], path: Path) -> QtpDataError:
    """One error that lists every fault of a catalog, each with its place in the file.

    Parameters
    ----------
    error : pydantic.ValidationError
        From validating ``data``.
    data : dict
        What was validated; tells which driver's options an unknown parameter was meant for.
    path : pathlib.Path
        The catalog.

    Returns
    -------
    QtpDataError
        To be raised.
    """
    faults = list(_faults(error, data, ()))
    code = "C08" if any(fault[1] == "unknown" for fault in faults) else "C09"
    if any(fault[1] == "missing" and fault[0] == ("catalog_version",) for fault in faults):
        code = "C11"
    lines = [f"{'.'.join(map(str, place)) or 'catalog'}: {text}" for place, _, text in faults]
    count = f"{len(lines)} faults" if len(lines) > 1 else "a fault"
    return QtpDataError(f"catalog has {count}: " + "; ".join(lines), path=path, where=lines[0].split(":")[0], code=code)


def closest(word: str, words: list[str]) -> str:
    """``did you mean 'x'?`` if a word is close, else the list of what is allowed."""
    lower = {each.lower(): each for each in words}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return f"did you mean {lower[near[0]]!r}?" if near else f"allowed: {', '.join(sorted(words))}"


@contextmanager
def named(name: str, paths: Sequence[Path]) -> Iterator[None]:
    """Turn whatever a library raises while a source is read into one error that names source and file.

    Parameters
    ----------
    name : str
    paths : sequence of path
        What is read.

    Raises
    ------
    QtpDataError
        Ours as they are; others with the words of the library, chained.
    """
    try:
        yield
    except (QtpDataError, MemoryError, AssertionError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise QtpDataError(
            f"source {name!r} cannot be read",
            path=paths[0] if len(paths) == 1 else None,
            where=f"sources.{name}, {len(paths)} files" if len(paths) != 1 else f"sources.{name}",
            found=f"{type(error).__name__}: {said}" if said else type(error).__name__,
            hint="A damaged file, or not of this driver's kind?",
        ) from error


def _faults(error: ValidationError, data: object, at: tuple) -> Iterator[tuple[tuple, str, str]]:
    for item in error.errors(include_url=False):
        place = at + tuple(part for part in item["loc"] if part not in ("str", "dict[str,str]"))
        inner = item.get("ctx", {}).get("error")
        if isinstance(inner, ParameterFaultError):
            yield from _faults(inner.faults, data, (*place, "parameters"))
        elif item["type"] == "extra_forbidden":
            word = str(place[-1])
            yield place, "unknown", f"unknown key {word!r}; {closest(word, _known(place[:-1], data))}"
        elif item["type"] == "missing":
            yield place, "missing", "is missing"
        elif item["type"] == "literal_error":
            allowed = item["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
            yield place, "value", f"found {item['input']!r}; {closest(str(item['input']), allowed)}"
        else:
            text = item["msg"].removeprefix("Value error, ")
            found = "" if inner is not None or isinstance(item["input"], dict) else f", found {item['input']!r}"
            yield place, "value", text + found


def _known(place: tuple, data: Any) -> list[str]:
    model: type[BaseModel] = CatalogFile
    if place[:1] == ("settings",):
        models: dict[object, type[BaseModel]] = {
            "analysis": Analysis,
            "tracks": Track,
            "daily_mean": DailyMean,
            "water_content": Water,
        }
        model = models.get(place[1], Settings) if len(place) > 1 else Settings
    elif place[:1] == ("sources",) and len(place) >= 2:
        model = Source
        if place[2:3] == ("parameters",):
            driver = data.get("sources", {}).get(place[1], {}).get("driver")
            model = options_of(driver) if driver in readers() else Source
    return list(model.model_fields)
