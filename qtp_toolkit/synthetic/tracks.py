"""Two radar tracks above the scene beyond: dates, pairs, lines of sight, and the interferograms that they give.

Noise is keyed as that of the main scene, and by the name of the track. The air is what a correction leaves of it:
these stacks come without a reanalysis, so that a chain on them needs none.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import correct, network
from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    describe,
    require_option,
)
from qtp_toolkit.synthetic import acquisitions, atmosphere, places
from qtp_toolkit.synthetic.formats import Flight, look_vector
from qtp_toolkit.synthetic.frame import NOTED, Frame, generator
from qtp_toolkit.synthetic.interferograms import (
    as_stack,
    coherence_of,
    errors_of,
    estimate,
    incidence,
    ramp,
    row_noise,
    states_of,
    surface_of,
)
from qtp_toolkit.synthetic.truth import frame_of, ground, map_rows

CYCLE = 12
"""Days between two passes: the step of a phase bias."""
_WETTEST = 215
"""Day of the year on which the phase bias is twice its mean; half a year from it there is none."""
_GREEN = 0.4
"""Cover of plants where the bias is what was asked for."""


class Track(NamedTuple):
    """A radar track: its name, the folder of its files, how it flies, and the number of its draw of noise."""

    name: str
    folder: str
    flight: Flight
    draw: int = 0

    @property
    def sky(self) -> str:
        """Key of its ramps, air and noise: other draws of the same ground and images."""
        return f"{self.name} of draw {self.draw}" if self.draw else self.name


TRACKS = {
    "descending": Track("descending", "insar", Flight("T000500", -168.0)),
    "ascending": Track("ascending", "insar_ascending", Flight("T114500", -12.0)),
}


def track_of(name: str) -> Track:
    """Track of that name."""
    require_option("track", name, tuple(TRACKS))
    return TRACKS[name]


@lru_cache(maxsize=4)
def dates_of(track: Track) -> pd.DatetimeIndex:
    """Acquisition dates: of the main scene, or five days later and fewer, every 24 days to August 2018, then every 12.

    No date is common to both tracks.
    """
    if track.name == "descending":
        return acquisitions.dates()
    early = pd.date_range("2014-10-20", "2018-08-12", freq="24D")
    late = pd.date_range("2018-08-24", "2019-12-31", freq="12D")
    return early.union(late).drop(pd.to_datetime(["2016-02-12", "2019-02-08"]))


@lru_cache(maxsize=4)
def pair_table(track: Track, seed: int) -> pd.DataFrame:
    """List the pairs of a track: the paper's windows, but at most two short partners of a date, and one of each long.

    Returns
    -------
    pandas.DataFrame
        ``first`` and ``second`` (numbers of dates), ``days``, ``perpendicular_baseline`` (m).
    """
    days = dates_of(track)
    stamps = days.to_numpy().astype("datetime64[D]")
    short, *long = acquisitions.WINDOWS
    chosen = [network.select_pairs(stamps, windows=[short], most=2), network.select_pairs(stamps, windows=long, most=1)]
    ends = [np.concatenate([pairs[end].values for pairs in chosen]) for end in ("reference", "secondary")]
    first, second = (np.searchsorted(stamps, end.astype(stamps.dtype)) for end in ends)
    order = np.lexsort((second, first))
    table = pd.DataFrame({"first": first[order], "second": second[order]})
    table["days"] = (stamps[table["second"]] - stamps[table["first"]]).astype(int)
    position = generator(seed, track.name, "orbit").normal(0.0, 45.0, len(days))
    table["perpendicular_baseline"] = np.round(position[table["second"]] - position[table["first"]], 2)
    return table


def incidence_of(frame: Frame, track: Track) -> np.ndarray:
    """Incidence angle of a track, degree, (ny, nx)."""
    return incidence(frame, track.flight.heading)


def look_of(frame: Frame, track: Track) -> np.ndarray:
    """Return the unit vector from the ground to the satellite, (3, ny, nx): east, north, up."""
    return np.stack(look_vector(incidence_of(frame, track), track.flight.heading))


def line_of_sight(truth: xr.Dataset, track: str) -> xr.DataArray:
    r"""Motion of the scene beyond as a track sees it, at the dates of the track.

    .. math:: D = e\,v_E\,t + n\,v_N\,t + u\,U(t)

    Parameters
    ----------
    truth : xarray.Dataset
        From :func:`~qtp_toolkit.synthetic.beyond_scene`, or the same read back from disk.
    track : {"descending", "ascending"}

    Returns
    -------
    xarray.DataArray
        ``displacement`` (time, y, x), mm toward the satellite, relative to the reference date, which is none of the
        ascending track. Lazy if the truth is lazy.

    Raises
    ------
    QtpDataError
        For an unknown track, or what is not a truth of the scene beyond.
    """
    flown, frame = track_of(track), frame_of(truth)
    if "vertical_displacement" not in truth:
        raise QtpDataError(
            "this is not the truth of the scene beyond",
            expected="vertical_displacement, east_rate, north_rate",
            found=", ".join(map(str, truth.data_vars)),
        )
    stamps = dates_of(flown).to_numpy()
    years = (stamps - np.datetime64(truth.attrs["reference_date"])) / np.timedelta64(1, "D") / DAYS_PER_YEAR
    elapsed = xr.DataArray(years.astype(np.float32), dims=TIME)
    east, north, up = (xr.DataArray(part.astype(np.float32), dims=(Y, X)) for part in look_of(frame, flown))
    across = east * truth["east_rate"] + north * truth["north_rate"]
    seen = up * truth["vertical_displacement"].sel({TIME: stamps}) + across * elapsed
    return describe(seen.transpose(TIME, Y, X), "displacement", **NOTED)


@lru_cache(maxsize=4)
def _states(track: Track, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return states_of(dates_of(track), generator(seed, track.name, "snow"))


def coherence_block(frame: Frame, *, track: Track) -> np.ndarray:
    """Observed coherence of all pairs, (pair, ny, nx), float32; NaN over lakes and glaciers."""
    made = ground(frame)
    surface, states = surface_of(frame, made), _states(track, frame.seed)
    rows = pair_table(track, frame.seed)
    out = np.empty((len(rows), *frame.shape), dtype=np.float32)
    for place, row in enumerate(rows.itertuples()):
        true = coherence_of(surface, states, row.first, row.second, row.days)
        out[place] = estimate(true, row_noise(frame, f"{track.name} estimate {row.Index}"))
    out[:, made.layers["lake"] | made.layers["glacier"]] = np.nan
    return out


def phase_block(frame: Frame, displacement: np.ndarray, *, track: Track, bias: float = 0.0) -> np.ndarray:
    """Unwrapped phase of all pairs, rad, (pair, ny, nx), float32.

    Parameters
    ----------
    frame : Frame
    displacement : numpy.ndarray
        (time, ny, nx) in mm, in the line of sight; NaN where nothing is observed.
    track : Track
    bias : float
        Mean phase bias of a step of 12 days, rad.
    """
    made = ground(frame)
    surface, states = surface_of(frame, made), _states(track, frame.seed)
    dated = _of_dates(frame, displacement, track, made.layers["elevation"])
    rows = pair_table(track, frame.seed)
    patches = frame.noises((f"{track.sky} unwrapping {number}" for number in rows.index), 9e3)
    spot = places.spot(frame, *places.REFERENCE_POINT, radius_km=places.ROCK_KM)
    offsets = generator(frame.seed, track.sky, "offset").uniform(-12.0, 12.0, len(rows))
    added = pair_biases(track, frame.seed) * bias
    green = surface[1] / np.float32(_GREEN)
    out = np.empty((len(rows), *frame.shape), dtype=np.float32)
    for place, (row, patch) in enumerate(zip(rows.itertuples(), patches, strict=True)):
        coherence = coherence_of(surface, states, row.first, row.second, row.days)
        errors = errors_of(coherence, row_noise(frame, f"{track.sky} phase {row.Index}"), patch, spot)
        constant = np.float32(offsets[place]) + np.float32(added[place]) * green
        out[place] = dated[row.second] - dated[row.first] + (errors + constant)
    return out


def _of_dates(frame: Frame, displacement: np.ndarray, track: Track, elevation: np.ndarray) -> list[np.ndarray]:
    """Phase of the dates, rad: motion, ramps, and what a correction leaves of the air."""
    keys = [f"{track.sky} {number}" for number in range(len(displacement))]
    left = atmosphere.leftovers(frame, keys, elevation, incidence_of(frame, track))
    motion = np.float32(-4e-3 * np.pi / SENTINEL1_WAVELENGTH) * displacement
    return [
        moved + ramp(frame, key) + atmosphere.phase_of(delay)
        for moved, key, delay in zip(motion, keys, left, strict=True)
    ]


@lru_cache(maxsize=4)
def pair_biases(track: Track, seed: int) -> np.ndarray:
    """Phase bias of each pair for a mean bias of 1 rad in 12 days: the share of its length of the sum of its steps.

    A step's bias is that of its season: twice the mean in early August, none in early February.
    """
    table, days = pair_table(track, seed), dates_of(track)
    steps = pd.date_range(days[0], days[-1], freq=f"{CYCLE}D")
    base = 1.0 + np.cos(2 * np.pi * (steps[:-1].day_of_year.to_numpy() + CYCLE / 2 - _WETTEST) / DAYS_PER_YEAR)
    total = np.concatenate([[0.0], np.cumsum(base)])
    at = steps.get_indexer(days)
    share = np.nan_to_num(correct.bias_shares(table["days"]))
    return share * (total[at[table["second"]]] - total[at[table["first"]]])


def track_stack(truth: xr.Dataset, track: str, *, bias: float = 0.0, draw: int = 0) -> xr.Dataset:
    """Stack of interferograms of a track of the scene beyond.

    Parameters
    ----------
    truth : xarray.Dataset
        From :func:`~qtp_toolkit.synthetic.beyond_scene`, or the same read back from disk.
    track : {"descending", "ascending"}
        They share no date, no noise and no line of sight.
    bias : float
        Mean phase bias of 12 days, rad, where plants cover 0.4 of the ground: it grows with the plants, follows the
        season, and is less in longer pairs (Maghsoudi et al. 2022). Bedrock has none.
    draw : int
        Number of another draw of ramps, air and noise over the same ground, dates, pairs and coherence: what one map
        says by chance is seen beside several. 0 is that of the embedded scene.

    Returns
    -------
    xarray.Dataset
        As :func:`~qtp_toolkit.synthetic.observe` has its ``interferograms``, lazy. Delays of the troposphere are of the
        size that a correction leaves: turbulence as in the main scene, and 1.5 mm/km (standard deviation of a date)
        that follow the terrain.

    Raises
    ------
    QtpDataError
        As :func:`line_of_sight`.
    """
    flown, frame = track_of(track)._replace(draw=int(draw)), frame_of(truth)
    table = pair_table(flown, frame.seed)
    moved = da.asarray(line_of_sight(truth, track).data)
    arrays = {
        "phase": map_rows(partial(phase_block, track=flown, bias=bias), frame, len(table), moved),
        "coherence": map_rows(partial(coherence_block, track=flown), frame, len(table)),
    }
    return as_stack(arrays, table, dates_of(flown), frame)
