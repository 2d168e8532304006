"""Depth of the thaw front in temperature profiles, day by day and by thaw season."""

from __future__ import annotations

import numpy as np

WARM = {"north": (6, 9), "south": (0, 3)}
"""Months since January in which the warmest three of the year begin and end."""
GAP = 31
"""Days without data, within a warm season or beside the deepest day, from which on a season counts as incomplete."""
LOGGED = 30
"""Days with data from which on a year is one of a logger, whose gaps are gaps; fewer are readings by hand."""
ENOUGH = 3
"""Warm days with data that it takes to say that a sensor stays frozen."""
SHALLOW = 0.3
"""A profile that begins deeper (m) does not tell that the ground above it never thaws."""


def thaw_front(temperature: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Depth of the deepest warm-above-cold zero crossing, (..., depth) -> (...).

    0 when no sensor is above 0, inf when the deepest one with data is, NaN without data. Sensors without data are
    bridged.
    """
    front = np.full(temperature.shape[:-1], np.nan)
    above_depth, above = np.full(front.shape, np.nan), np.full(front.shape, np.nan)
    # Downwards, so that the deepest crossing is the one that stays; all pixels and days at once.
    for k, level in enumerate(depth):
        here = temperature[..., k].astype(float)
        valid = np.isfinite(here)
        crossing = valid & (above > 0) & (here <= 0)
        # Where there is no crossing the quotient must still be finite.
        span = np.where(crossing, above - here, 1.0)
        at = above_depth + (level - above_depth) * np.where(crossing, above, 0.0) / span
        front = np.where(crossing, at, np.where(valid & np.isnan(front), 0.0, front))
        above_depth, above = np.where(valid, level, above_depth), np.where(valid, here, above)
    return np.where(above > 0, np.inf, front)


def active_layer(temperature: np.ndarray, depth: np.ndarray, *, time: np.ndarray, years: tuple[int, ...]) -> np.ndarray:
    """Deepest thaw front of each calendar year above the ground that stays frozen, and whether its season is known.

    Parameters
    ----------
    temperature : (..., time, depth) array
        degC, NaN without data.
    depth : (depth,) array
        m, ascending.
    time : (time,) datetime64 array
        Ascending.
    years : tuple of int

    Returns
    -------
    (..., year, 2) array
        Depth in m: 0 without thaw, inf below the profile, NaN without data or with an incomplete season; and 1 where
        it is the season that is incomplete.
    """
    shape = temperature.shape[:-2]
    values = temperature.reshape(int(np.prod(shape)), *temperature.shape[-2:]).astype(float)
    day = time.astype("datetime64[D]").astype(np.int64)
    known = np.isfinite(values)
    before, after = _neighbors(day, known.any(axis=2))
    south = _is_southern(values, time)
    out = np.full((len(values), len(years), 2), np.nan)
    for n, year in enumerate(years):
        january = np.datetime64(f"{year}-01", "M")
        limits = {
            side: (january + np.array(months)).astype("datetime64[D]").astype(int) for side, months in WARM.items()
        }
        start, end = (np.where(south, limits["south"][k], limits["north"][k])[:, None] for k in (0, 1))
        warm = (day >= start) & (day < end)
        now = time.astype("datetime64[Y]").astype(int) + 1970 == year
        part, has = values[:, now], known[:, now]
        some = has.any(axis=2)
        inside = some & warm[:, now]
        frozen = _stays_frozen(part, inside)
        # Below ground that stays frozen nothing belongs to the active layer: neither a talik nor the base.
        below = np.cumsum(frozen, axis=1) - frozen > 0
        front = thaw_front(np.where(below[:, None, :], np.nan, part), depth)
        front = np.where(_fullest(has & ~below[:, None, :], some), front, np.nan)
        deepest = np.max(np.where(np.isnan(front), -np.inf, front), axis=1, initial=-np.inf)
        here, prior, later = day[now], before[:, now], after[:, now]
        logged = (some & (prior != here)).sum(axis=1) >= LOGGED
        widest = np.where(some, np.minimum(here, end) - np.maximum(prior, start), -np.inf).max(axis=1, initial=-np.inf)
        ahead = np.where(some, np.minimum(later, end) - np.maximum(here, start), -np.inf).max(axis=1, initial=-np.inf)
        at = some & (front >= deepest[:, None] - 1e-9)
        turned = (at & (here - prior <= GAP) & (later - here <= GAP)).any(axis=1) | (deepest == 0)
        whole = np.where(logged, (np.maximum(widest, ahead) <= GAP) & turned, True) & inside.any(axis=1)
        told = (has & (inside[:, :, None]) & (depth <= SHALLOW)).any(axis=(1, 2))
        fine = whole & ~((deepest == 0) & ~told)
        out[:, n, 0] = np.where(fine, deepest, np.nan)
        out[:, n, 1] = some.any(axis=1) & ~fine
    return out.reshape(*shape, len(years), 2)


def _fullest(has: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Days (profile, time) with all sensors that mostly work, if that is most days, else all.

    A front that is bridged over a sensor is off by more than it moves in weeks, and the deepest day would be chosen
    among such errors.
    """
    days = some.sum(axis=1)[:, None]
    full = some & (has | (2 * has.sum(axis=1) < days)[:, None, :]).all(axis=2)
    return full | (2 * full.sum(axis=1)[:, None] < days)


def _neighbors(day: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Last day with data before each, and first one after it; -inf and inf without."""
    earlier = np.maximum.accumulate(np.where(known, day, -np.inf), axis=1)
    later = np.minimum.accumulate(np.where(known, day, np.inf)[:, ::-1], axis=1)[:, ::-1]
    edge = np.full((len(known), 1), np.inf)
    return np.concatenate([-edge, earlier[:, :-1]], axis=1), np.concatenate([later[:, 1:], edge], axis=1)


def _is_southern(values: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Whether the uppermost sensor with data is warmer from January to March than from July to September."""
    month = time.astype("datetime64[M]").astype(int) % 12
    first = np.isfinite(values).any(axis=1).argmax(axis=1)
    top = np.take_along_axis(values, first[:, None, None], axis=2)[:, :, 0]
    means = []
    for begin, end in (WARM["south"], WARM["north"]):
        use = np.isfinite(top) & (month >= begin) & (month < end)
        count = use.sum(axis=1)
        means.append(np.where(count > 0, np.where(use, top, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan))
    return means[0] > means[1]


def _stays_frozen(part: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Whether each sensor (profile, sensor) is at or below 0 all year, with data on most warm days."""
    has = np.isfinite(part)
    warm = (has & inside[:, :, None]).sum(axis=1)
    enough = (warm >= ENOUGH) & (warm >= 0.8 * inside.sum(axis=1)[:, None])
    return enough & (np.where(has, part, -np.inf).max(axis=1, initial=-np.inf) <= 0)
