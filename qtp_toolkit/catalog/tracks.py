"""Stacks that look from directions of their own: the rows of ``settings.tracks``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from qtp_toolkit.catalog.dates import Date
from qtp_toolkit.catalog.options import Model


def _source_or_degrees(value: str | float | None) -> str | float | None:
    if isinstance(value, float | int) and not 0 < value < 90:
        raise ValueError(f"incidence is the name of a source, or degrees between 0 and 90; found {value:g}")
    return value


class Track(Model):
    """A stack and how it looks: sources by their names, or degrees; the heading is counted clockwise from north.

    ``incidence`` and ``heading`` that are left out are those that the product of the stack tells. ``reference_date`` is
    an acquisition of this track, by default its first. The reference area is that of the settings, for all tracks: a
    rate relative to one place cannot be joined with a rate relative to another.
    """

    interferograms: str
    incidence: Annotated[str | float | None, AfterValidator(_source_or_degrees)] = None
    heading: Annotated[float, Field(ge=-360, le=360)] | None = None
    looks: Literal["right", "left"] = "right"
    reference_date: Date | None = None


def refuse_odd_tracks(tracks: Mapping[str, Track]) -> Mapping[str, Track]:
    """Refuse a single track, and a stack that stands twice."""
    stacks = [track.interferograms for track in tracks.values()]
    if len(stacks) == 1:
        raise ValueError(f"one track ({stacks[0]!r}) has nothing to be joined with: add another, or leave tracks out")
    if len(set(stacks)) < len(stacks):
        raise ValueError(f"each track has a stack of its own; found {', '.join(stacks)}")
    return tracks


def require_sources(tracks: Mapping[str, Track], stacks: Iterable[str], sources: Iterable[str]) -> None:
    """Refuse tracks whose stack, or map of incidence, is no source of the catalog."""
    known, names = list(stacks), list(sources)
    for name, track in tracks.items():
        here = f"settings.tracks.{name}"
        if track.interferograms not in known:
            raise ValueError(
                f"{here}.interferograms is {track.interferograms!r}, which is no source of kind ifg_stack; "
                f"there are: {', '.join(known) or 'none'}"
            )
        if isinstance(track.incidence, str) and track.incidence not in names:
            raise ValueError(f"{here}.incidence is {track.incidence!r}, which is neither a source nor degrees")
