"""From headers of any format to a stack in the toolkit's convention, and layers that lie beside its phase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import xarray as xr
from pydantic import Field

from qtp_toolkit.conventions import ESTIMATED_FROM, PAIR, QtpDataError, check_wavelength, describe
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import refuse_bad
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.tiff import Decode, lazy_stack, same_grid

_ONE_PASS = 150.0
"""Seconds that overpasses of one track may lie from their mean: frames along it begin half a minute apart."""


Wavelength = Annotated[float, Field(ge=0.01, le=1.0)]
"""m."""
COHERENCE_FROM, COHERENCE_OF_NOISE = "COHERENCE_FROM", "coherence_of_noise"
"""Tags of files of coherence: what it was estimated from, and its mean estimate where images have nothing in common."""


class Pair(NamedTuple):
    """One interferogram file and its dates as the file names them."""

    first: np.datetime64
    second: np.datetime64
    header: Header

    @property
    def dates(self) -> tuple[np.datetime64, np.datetime64]:
        """Earlier and later date."""
        return min(self.first, self.second), max(self.first, self.second)


class Stored(NamedTuple):
    """How a layer of all pairs lies in its files: decoding, band, and a factor for each file."""

    decode: Decode
    band: int = 1
    factors: tuple[float, ...] = ()


class Orbit(NamedTuple):
    """What a producer says of the pass of one pair; NaN where it does not."""

    heading: float = np.nan
    """degree, clockwise from north."""
    overpass: float = np.nan
    """Seconds of the day, UTC."""


def stack_of(
    pairs: Sequence[Pair],
    phase: Stored,
    gamma: Sequence[Header | None] | None = None,
    coherence: Stored | None = None,
    *,
    sign: float = 1.0,
    extent: str = "same",
    baselines: Sequence[float] | np.ndarray | None = None,
    wavelength: float,
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Put pairs that are sorted by their dates into the convention.

    Parameters
    ----------
    pairs : sequence of Pair
    phase : Stored
    gamma : sequence of Header or None, optional
        Coherence of each pair; where there is none its weight is 1.
    coherence : Stored, optional
        Needed with ``gamma``.
    sign : float
        1 where positive phase of a pair (earlier, later) means motion away from the satellite, else -1.
    extent : {"same", "intersection"}
    baselines : sequence of float, optional
        m, second date of the name minus first.
    wavelength : float
        m.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        As :func:`interferograms`.

    Raises
    ------
    QtpDataError
        I15: a wavelength that is not in meters; I18: pairs of one date; I05 to I07, I20: unlike grids.
    """
    check_wavelength(wavelength)
    same = [(pair.header.path, f"both dates are {pair.first}") for pair in pairs if pair.first == pair.second]
    refuse_bad(same, "pair of two dates", total=len(pairs), code="I18")
    found = [pair.header for pair in pairs]
    grid = same_grid([*found, *(header for header in gamma or () if header is not None)], extent=extent)
    turned = np.array([pair.first > pair.second for pair in pairs])
    order = np.where(turned, -1.0, 1.0)
    values = lazy_stack(
        found, grid, phase.decode, dim=PAIR, chunks=chunks, variable="phase", factors=order * sign, band=phase.band
    )
    out = {"phase": describe(values, "phase", wavelength=wavelength)}
    notes: dict[str, object] = {"pairs_turned_round": int(turned.sum())}
    if gamma is not None and coherence is not None:
        factors = coherence.factors or (1.0,) * len(gamma)
        array = lazy_stack(
            gamma,
            grid,
            coherence.decode,
            dim=PAIR,
            chunks=chunks,
            variable="coherence",
            factors=factors,
            absent=1.0,
            band=coherence.band,
        )
        out["coherence"] = describe(array, "coherence")
        notes |= {
            "coherence_scale": coherence.decode.scale * min(factors),
            "pairs_without_coherence": list(gamma).count(None),
        }
    coords = {
        "reference": (PAIR, np.array([pair.dates[0] for pair in pairs], "datetime64[ns]")),
        "secondary": (PAIR, np.array([pair.dates[1] for pair in pairs], "datetime64[ns]")),
    }
    data = xr.Dataset(out).assign_coords(coords)
    if baselines is not None:
        described = describe(xr.DataArray(np.asarray(baselines, float) * order, dims=PAIR), "perpendicular_baseline")
        data = data.assign_coords(perpendicular_baseline=described)
    data = data.assign_attrs(notes, wavelength=wavelength)
    data.encoding |= {"grid": grid, "files": [pair.header.path for pair in pairs]}
    return data


def one_wavelength(said: float | None, given: float | None) -> float | None:
    """Wavelength of the files, or where they do not tell it the one that is given; None where nobody tells it.

    Parameters
    ----------
    said, given : float, optional
        m.

    Raises
    ------
    QtpDataError
        I15: they differ by more than a thousandth.
    """
    if said is not None and given is not None and abs(given - said) > 1e-3 * said:
        raise QtpDataError(
            "the files give another wavelength than parameters.wavelength",
            expected=f"{said:g} m, as the files",
            found=f"{given:g} m",
            hint="Leave parameters.wavelength out.",
            code="I15",
        )
    return given if said is None else said


def coherence_notes(gamma: Sequence[Header | None], given: str | None) -> dict[str, str | float]:
    """Read what the coherence was estimated from, and its value where there is none, as far as all files say so."""
    tags = [header.tags for header in gamma if header is not None]
    said = {tag.get(COHERENCE_FROM, "") for tag in tags}
    floors = {tag.get(COHERENCE_OF_NOISE, "") for tag in tags}
    kind = "filtered" if "filtered" in said else "unfiltered" if said == {"unfiltered"} else ""
    kind = given if given and tags else kind
    notes: dict[str, str | float] = {ESTIMATED_FROM: kind} if kind else {}
    if len(floors) == 1 and re.fullmatch(r"[01]\.\d+", floor := floors.pop()):
        notes[COHERENCE_OF_NOISE] = float(floor)
    return notes


def with_orbit(stack: xr.Dataset, orbits: Sequence[Orbit], *, producer: str, estimated_from: str | None) -> xr.Dataset:
    """Return the stack with what its producer says, in attrs.

    Parameters
    ----------
    stack : xarray.Dataset
    orbits : sequence of Orbit
        In any order.
    producer : str
    estimated_from : {"filtered", "unfiltered"}, optional
        What the coherence was estimated from, where it is known and neither the files nor the caller say it.

    Returns
    -------
    xarray.Dataset
        attrs ``producer``; ``heading`` (degree clockwise from north, 0 to 360), ``orbit_direction`` and ``overpass``
        (UTC, HH:MM:SS) where known; attribute ``estimated_from`` of the coherence.

    Raises
    ------
    QtpDataError
        I33: pairs of ascending and of descending orbits, or of two tracks, whose overpasses lie minutes apart.
    """
    notes: dict[str, object] = {"producer": producer}
    headings = np.array([orbit.heading for orbit in orbits])
    known = headings[np.isfinite(headings)]
    if known.size:
        upward = np.cos(np.deg2rad(known)) > 0
        if upward.any() != upward.all():
            raise QtpDataError(
                "pairs of ascending and of descending orbits",
                found=f"{int(upward.sum())} ascending, {int((~upward).sum())} descending",
                expected="one track: one line of sight",
                hint="Open each direction as a source of its own.",
                code="I33",
            )
        notes["heading"] = round(_mean_of_circle(known, 360.0), 4)
        notes["orbit_direction"] = "ascending" if upward.all() else "descending"
    seconds = np.array([orbit.overpass for orbit in orbits])
    if np.isfinite(seconds).any():
        notes["overpass"] = clock_of(_one_pass(seconds[np.isfinite(seconds)]))
    measured = "coherence" in stack and stack.attrs["pairs_without_coherence"] < stack.sizes[PAIR]
    if estimated_from is not None and measured:
        marked = stack["coherence"].assign_attrs({ESTIMATED_FROM: estimated_from} | stack["coherence"].attrs)
        stack = stack.assign(coherence=marked)
    return stack.assign_attrs(notes)


def _one_pass(seconds: np.ndarray) -> float:
    """Mean overpass, seconds of the day; a satellite on one track comes at one time, on the next track 8 min later."""
    mean = _mean_of_circle(seconds, 86400.0)
    apart = (seconds - mean + 43200.0) % 86400.0 - 43200.0
    if np.abs(apart).max() > _ONE_PASS:
        raise QtpDataError(
            "pairs of several tracks: their overpasses lie minutes apart",
            found=f"from {clock_of(mean + apart.min())} to {clock_of(mean + apart.max())} UTC",
            expected="one track: one line of sight",
            hint="Open each track as a source of its own.",
            code="I33",
        )
    return mean


def clock_of(seconds: float) -> str:
    """HH:MM:SS of seconds of the day, in any turn.

    Parameters
    ----------
    seconds : float
    """
    total = round(seconds) % 86400
    return f"{total // 3600:02d}:{total // 60 % 60:02d}:{total % 60:02d}"


def _mean_of_circle(values: np.ndarray, period: float) -> float:
    turns = values * (2 * np.pi / period)
    mean = np.arctan2(np.sin(turns).mean(), np.cos(turns).mean())
    return float(mean * period / (2 * np.pi) % period)


def opened_from(stack: xr.Dataset) -> tuple[Header, list[Path]]:
    """Grid of a stack as its loader made it, and its files of phase in the order of its pairs.

    Parameters
    ----------
    stack : xarray.Dataset
        From :func:`stack_of`, before anything else is done with it.
    """
    return stack.encoding["grid"], list(stack.encoding["files"])


def beside(
    stack: xr.Dataset,
    grid: Header,
    found: Sequence[Header | None],
    decode: Decode,
    *,
    variable: str,
    held: str | None = None,
    factors: Sequence[float] | np.ndarray | None = None,
) -> xr.DataArray:
    """Open a layer on the pixels of a stack: files that reach farther are cropped, shifted ones are refused.

    Parameters
    ----------
    stack : xarray.Dataset
        ``phase`` (pair, y, x), whose blocks the layer takes.
    grid : Header
        Of the stack.
    found : sequence of Header or None
        One file a pair.
    decode : Decode
    variable : str
        Key of the variable table.
    held : str, optional
        Key of the quantity to whose range the values are held.
    factors : sequence of float, optional
        What the values of each file are multiplied by.

    Returns
    -------
    xarray.DataArray
        (pair, y, x), without coordinates of the pairs. Lazy.

    Raises
    ------
    QtpDataError
        I05, I07, I20: another grid; I06: a file that does not reach as far as the stack.
    """
    same_grid([grid, *(header for header in found if header is not None)], extent="intersection")
    chunks = {str(dim): blocks[0] for dim, blocks in stack["phase"].chunksizes.items()}
    array = lazy_stack(found, grid, decode, dim=PAIR, chunks=chunks, variable=held, factors=factors)
    return describe(array, variable)
