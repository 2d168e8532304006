"""Interferograms of the scene: what the satellite sees of the motion, with everything that comes between.

Generated lazily in blocks of rows, all pairs of a block together, so that the 90 m scene never sits in memory. Noise is
keyed by (seed, pair, block of 64 rows of the whole scene): any window sees the same noise as the whole.
"""

from __future__ import annotations

from functools import lru_cache

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, describe
from qtp_toolkit.synthetic import atmosphere, places
from qtp_toolkit.synthetic.acquisitions import candidate_pairs, dates
from qtp_toolkit.synthetic.formats import HEADING
from qtp_toolkit.synthetic.frame import EAST, EPSG, NORTH, NOTED, SIZES, SOUTH, WEST, Frame, generator, whole_frame
from qtp_toolkit.synthetic.truth import BLOCK_ROWS, Ground, frame_of, ground, map_rows

PAIRS = 466
LOOKS = 57
"""Effective looks of a pixel."""
_RAMP = 1.4
"""Standard deviation of the orbital ramp of a date, rad over half the scene."""
_UNWRAP = (2.15, 2.0)
"""Level of the unwrapping errors, and how strongly they prefer low coherence."""


def incidence(frame: Frame, heading: float = HEADING) -> np.ndarray:
    """Incidence angle of a satellite that looks to its right, degree, (ny, nx): it grows with the distance from it."""
    flight = np.deg2rad(heading)
    east, north = frame.x[None, :] - (WEST + EAST) / 2, frame.y[:, None] - (NORTH + SOUTH) / 2
    across = 0.5 + (east * np.cos(flight) - north * np.sin(flight)) / (EAST - WEST)
    return 34.0 + 9.6 * across - 0.8 * across**2


@lru_cache(maxsize=4)
def _states(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Thaw state and snow of every date of the scene."""
    return states_of(dates(), generator(seed, "snow"))


def states_of(days: pd.DatetimeIndex, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Thaw state (0 frozen, 1 thawed) and snow (0 to 1) of dates."""
    day = days.day_of_year.to_numpy()
    thaw = 1.0 / (1.0 + np.exp(-(day - 140.0) / 8.0)) - 1.0 / (1.0 + np.exp(-(day - 284.0) / 8.0))
    chance = rng.beta(0.5, 1.6, day.size)
    return thaw, chance * (1.0 - thaw)


@lru_cache(maxsize=4)
def pair_table(seed: int) -> pd.DataFrame:
    """List the pairs whose interferograms were kept: candidates less the least coherent.

    Returns
    -------
    pandas.DataFrame
        ``first`` and ``second`` (numbers of dates), ``days``, ``mean_coherence``, ``perpendicular_baseline`` (m).
    """
    pairs = candidate_pairs()
    coarse = whole_frame("tiny", seed=seed)
    surface = surface_of(coarse, ground(coarse))
    day = (dates() - pd.Timestamp("2014-01-01")).days.to_numpy()
    mean = np.array([coherence_of(surface, _states(seed), a, b, int(day[b] - day[a])).mean() for a, b in pairs])
    position = generator(seed, "orbit").normal(0.0, 45.0, len(dates()))
    table = pd.DataFrame({"first": pairs[:, 0], "second": pairs[:, 1], "mean_coherence": mean})
    table["days"] = day[table["second"]] - day[table["first"]]
    table["perpendicular_baseline"] = np.round(position[table["second"]] - position[table["first"]], 2)
    # Short pairs carry the chain of dates: only long ones are given up for low coherence.
    surplus = table[table["days"] > 40].nsmallest(len(table) - PAIRS, "mean_coherence").index
    return table.drop(surplus).reset_index(drop=True)


def surface_of(frame: Frame, made: Ground) -> np.ndarray:
    """Return what coherence depends on, (3, ny, nx): steady level, loss by plants, loss by snow."""
    level = 0.90 + 0.04 * frame.noise("coherence", 12e3) - 0.04 * np.minimum(made.terrain.slope / 10.0, 1.5)
    plants = np.clip((made.fields.ndvi - 0.10) / 0.45, 0.0, 1.0)
    rock = places.spot(frame, *places.REFERENCE_POINT, radius_km=places.ROCK_KM)
    for blob in places.LAKES:
        level = level - 0.10 * places.shore(frame, blob, width_km=2.0)
    snow = np.clip(0.5 + (made.terrain.elevation - 4800.0) / 1200.0 + 0.25 * frame.noise("snow", 30e3), 0.1, 1.2)
    return np.stack([level * (1 - rock) + 0.95 * rock, plants * (1 - rock), snow * (1 - 0.7 * rock)]).astype(np.float32)


def coherence_of(
    surface: np.ndarray, states: tuple[np.ndarray, np.ndarray], first: int, second: int, days: int
) -> np.ndarray:
    """Return the expected coherence of a pair, (ny, nx)."""
    level, plants, snow = surface
    thaw, fresh = (values.astype(np.float32) for values in states)
    lasting = 0.52 - 0.22 * plants
    decay = lasting + (1.0 - lasting) * np.exp(-days / (90.0 - 45.0 * plants))
    change = abs(thaw[first] - thaw[second])
    summer = min(thaw[first], thaw[second])
    loss = 1.0 - 0.22 * change - (0.05 + 0.15 * summer) * plants
    return np.clip(level * decay * loss * (1.0 - 0.30 * abs(fresh[first] - fresh[second]) * snow), 0.06, 0.97)


def row_noise(frame: Frame, key: str) -> np.ndarray:
    """White normal noise of a frame, cut from blocks of rows of the whole scene, (ny, nx)."""
    width = SIZES[frame.size][2]
    first, last = frame.rows[0] // BLOCK_ROWS, -(-frame.rows[1] // BLOCK_ROWS)
    blocks = [
        generator(frame.seed, key, block).standard_normal((BLOCK_ROWS, width), dtype=np.float32)
        for block in range(first, last)
    ]
    rows = slice(frame.rows[0] - first * BLOCK_ROWS, frame.rows[1] - first * BLOCK_ROWS)
    return np.concatenate(blocks)[rows, slice(*frame.columns)]


def estimate(coherence: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Coherence as it is estimated from the looks of a pixel, (ny, nx)."""
    return np.clip(coherence + 0.6 * (1 - coherence**2) / np.sqrt(LOOKS) * noise, 0.02, 0.99)


def coherence_block(frame: Frame, numbers: slice = slice(None)) -> np.ndarray:
    """Observed coherence of pairs, (pair, ny, nx), float32; NaN over lakes and glaciers."""
    made = ground(frame)
    surface = surface_of(frame, made)
    masked = made.layers["lake"] | made.layers["glacier"]
    rows = pair_table(frame.seed).iloc[numbers]
    out = np.empty((len(rows), *frame.shape), dtype=np.float32)
    for place, row in enumerate(rows.itertuples()):
        true = coherence_of(surface, _states(frame.seed), row.first, row.second, row.days)
        out[place] = estimate(true, row_noise(frame, f"estimate {row.Index}"))
    out[:, masked] = np.nan
    return out


def ramp(frame: Frame, *key: object) -> np.ndarray:
    """Orbital ramp of a date, rad, (ny, nx)."""
    slope = _RAMP * generator(frame.seed, "ramp", *key).standard_normal(2)
    return (slope[0] * (2 * frame.easting - 1) + slope[1] * (2 * frame.southing - 1)).astype(np.float32)


def _unwrapping(patches: np.ndarray, coherence: np.ndarray, spot: np.ndarray) -> np.ndarray:
    """Whole cycles added by unwrapping errors: patches that prefer low coherence, (ny, nx)."""
    level, preference = _UNWRAP
    threshold = level + preference * (coherence - 0.5) + 3.0 * spot
    return (np.abs(patches) > threshold) * np.sign(patches)


def errors_of(coherence: np.ndarray, noise: np.ndarray, patches: np.ndarray, spot: np.ndarray) -> np.ndarray:
    """Return what a pair adds to its dates: noise by its coherence, and unwrapping errors, rad, (ny, nx)."""
    deviation = np.sqrt((1.0 - coherence**2) / (2.0 * LOOKS * coherence**2))
    return deviation * noise + 2 * np.pi * _unwrapping(patches, coherence, spot)


def phase_block(frame: Frame, displacement: np.ndarray, numbers: slice = slice(None)) -> np.ndarray:
    """Unwrapped phase of pairs, rad, (pair, ny, nx), float32.

    Parameters
    ----------
    frame : Frame
    displacement : numpy.ndarray
        (time, ny, nx) in mm; NaN where nothing is observed.
    numbers : slice
        Pairs.
    """
    made = ground(frame)
    surface, look = surface_of(frame, made), incidence(frame)
    rows = pair_table(frame.seed).iloc[numbers]
    # Motion, ramp and air belong to dates, noise and unwrapping errors to pairs: only these keep triplets open.
    wanted = sorted({*rows["first"], *rows["second"]})
    motion = np.float32(-4e-3 * np.pi / SENTINEL1_WAVELENGTH) * displacement
    screens = atmosphere.delays(frame, wanted, made.layers["elevation"], look)
    dated = {
        n: motion[n] + ramp(frame, n) + atmosphere.phase_of(screen) for n, screen in zip(wanted, screens, strict=True)
    }
    patches = frame.noises((f"unwrapping {number}" for number in rows.index), 9e3)
    spot = places.spot(frame, *places.REFERENCE_POINT, radius_km=places.ROCK_KM)
    offsets = generator(frame.seed, "offset").uniform(-12.0, 12.0, len(pair_table(frame.seed)))
    out = np.empty((len(rows), *frame.shape), dtype=np.float32)
    for place, (row, patch) in enumerate(zip(rows.itertuples(), patches, strict=True)):
        coherence = coherence_of(surface, _states(frame.seed), row.first, row.second, row.days)
        errors = errors_of(coherence, row_noise(frame, f"phase {row.Index}"), patch, spot)
        out[place] = dated[row.second] - dated[row.first] + (errors + np.float32(offsets[row.Index]))
    return out


def interferograms(truth: xr.Dataset) -> xr.Dataset:
    """Stack of interferograms of a scene.

    Parameters
    ----------
    truth : xarray.Dataset
        From :func:`~qtp_toolkit.synthetic.scene`, or the same read back from disk.

    Returns
    -------
    xarray.Dataset
        Lazy: ``phase`` (pair, y, x) rad, ``coherence`` (pair, y, x), NaN over lakes and glaciers, each pair with its
        own arbitrary offset; ``perpendicular_baseline`` (pair,) m; coordinates ``reference`` and ``secondary``.
        Blocks hold all pairs of 64 rows.
    """
    frame = frame_of(truth)
    table = pair_table(frame.seed)
    arrays = {
        "phase": map_rows(phase_block, frame, len(table), da.asarray(truth["displacement"].data)),
        "coherence": map_rows(coherence_block, frame, len(table)),
    }
    return as_stack(arrays, table, dates(), frame)


def as_stack(arrays: dict[str, da.Array], table: pd.DataFrame, days: pd.DatetimeIndex, frame: Frame) -> xr.Dataset:
    """Name the pairs of arrays (pair, y, x) by their dates."""
    stamps = days.values.astype("datetime64[ns]")
    coords = {
        "reference": ("pair", stamps[table["first"]]),
        "secondary": ("pair", stamps[table["second"]]),
        "y": frame.y,
        "x": frame.x,
    }
    out = {
        name: describe(xr.DataArray(array, dims=("pair", "y", "x"), coords=coords), name, **NOTED)
        for name, array in arrays.items()
    }
    ends = {key: coords[key] for key in ("reference", "secondary")}
    baseline = xr.DataArray(table["perpendicular_baseline"].to_numpy(), ends, "pair")
    out["perpendicular_baseline"] = describe(baseline, "perpendicular_baseline", **NOTED)
    return xr.Dataset(out, attrs=NOTED | {"wavelength": SENTINEL1_WAVELENGTH}).rio.write_crs(EPSG)
