"""Which reference area it is: one place where what the user said becomes pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._angles import nearest_turn
from qtp_toolkit.conventions import (
    PAIR,
    REFERENCE,
    SECONDARY,
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    as_mask,
    describe,
    require,
)
from qtp_toolkit.correct._ramp import deramp
from qtp_toolkit.correct._reference import coherent_area, reference_area
from qtp_toolkit.correct._weigh import choose_ramp

_ENDS = (REFERENCE, SECONDARY)
_YEAR = 365.25
_DEEPEST_THAW = 259.0
"""Mid-September, days since a New Year; half a year later south of the equator."""
_OFTEN = 0.5
"""Share of the pairs that a pixel must be valid in to count."""
_PLACES = 3


def choose_reference(
    coherence: xr.DataArray,
    *,
    point: tuple[float, float] | None = None,
    radius_m: float = 1000.0,
    bounds: tuple[float, float, float, float] | None = None,
    stable: xr.DataArray | None = None,
) -> xr.DataArray:
    """Mark the pixels that displacement is relative to, by the first of these that is given.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims ``pair, y, x``, with a CRS; read only if nothing else is given.
    point : (longitude, latitude), optional
        degrees; the pixels within ``radius_m`` of it, see :func:`reference_area`.
    radius_m : float
    bounds : (west, south, east, north), optional
        degrees; the pixels whose centers lie inside.
    stable : xarray.DataArray, optional
        bool, dims ``y, x``: ground that is known to stand still, all of it.

    Returns
    -------
    xarray.DataArray
        bool, dims ``y, x``, in memory; ``attrs["chosen"]`` says by what, ``attrs["radius_m"]`` how wide around a point.
        With nothing given the most coherent square, of 5, else 3, else 1 pixels, see :func:`coherent_area`.

    Raises
    ------
    QtpDataError
        I22: no pixel of the grid is in it; or no square is complete in all pairs.

    Examples
    --------
    >>> axes = {"y": 34.42 - 0.01 * np.arange(5), "x": 92.33 + 0.01 * np.arange(5)}
    >>> coherence = xr.DataArray(np.ones((1, 5, 5)), axes, ("pair", "y", "x")).rio.write_crs(4326)
    >>> area = choose_reference(coherence, bounds=(92.335, 34.395, 92.355, 34.425))
    >>> int(area.sum()), area.attrs["chosen"]
    (6, 'settings.reference_area')
    """
    layer = coherence.isel({dim: 0 for dim in coherence.dims if dim not in (Y, X)}, drop=True)
    wide = {}
    if point is not None:
        area = reference_area(layer, longitude=point[0], latitude=point[1], radius_m=radius_m)
        chosen, wide = "settings.reference_point", {"radius_m": float(radius_m)}
    elif bounds is not None:
        where = grid.lonlat(layer)
        longitude = nearest_turn(where.longitude, (bounds[0] + bounds[2]) / 2)
        area = (longitude >= bounds[0]) & (longitude <= bounds[2])
        area = (area & (where.latitude >= bounds[1]) & (where.latitude <= bounds[3])).compute()
        chosen = "settings.reference_area"
    elif stable is not None:
        area, chosen = as_mask(stable).compute(), "the source stable_ground"
    else:
        most, chosen = min(coherence.sizes[Y], coherence.sizes[X]), "the coherence of the worst pair"
        for side in (size for size in (5, 3, 1) if size <= max(most, 1)):  # small where lakes leave no larger one
            area = coherent_area(coherence, size=side).compute()
            if area.any():
                break
    if not np.any(area):
        raise QtpDataError(
            "no pixel is in the reference area",
            code="I22",
            where=chosen,
            hint="Set settings.reference_point or settings.reference_area to coherent ground inside the grid.",
        )
    return describe(area, "reference_area", like=layer).assign_attrs(chosen=chosen, **wide)


class Stillness(NamedTuple):
    """How a reference area moves against the middle of the area around it; see :func:`reference_motion`."""

    amplitude: float
    """mm, peak to trough of a sinusoid of one year."""
    rate: float
    """mm/yr."""
    rank: float
    """Share of the pixels that settle less in summer: near 0 for ground that stands still."""
    stiller: tuple[tuple[int, int], ...]
    """Row and column of places, far from each other, that move least in a year; the best first."""


def reference_motion(
    phase: xr.DataArray,
    inside: xr.DataArray,
    *,
    weight: xr.DataArray | None = None,
    wavelength: float = SENTINEL1_WAVELENGTH,
) -> Stillness:
    """Estimate how still a reference area stands, from pairs alone: no inversion, no temperature. This one computes.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, (pair, y, x), best thinned: a few thousand pixels are plenty.
    inside : xarray.DataArray
        rad, the same pairs in the reference area, NaN beside it; on any pixels of the same coordinates.
    weight : xarray.DataArray, optional
        Coherence of ``phase``: weighs the planes, and only the better half of the pixels is named as stiller.
    wavelength : float
        m.

    Returns
    -------
    Stillness
        Relative to the median pixel of each pair. Thaw settles: the sinusoid that counts for the rank is lowest in
        mid-September, or in mid-March where the middle of the grid lies south of the equator (without a CRS: north).

    Raises
    ------
    QtpDataError
        I21: no pair has a valid pixel in the area.

    Notes
    -----
    Planes are taken out first, less what of them follows ``v t + a cos`` and so is likely to be deformation
    (:func:`weigh_ramp`); with few dates, whole planes. Then least squares of the differences of ``v t + a cos + b sin``
    between the dates of each pair. Delays are not taken out: with many pairs they average out, but for what of them
    follows the season and the height. In less than a year a rate and a season look alike: with 5 mm of weather a date
    the rate of 192 days is known to 50 mm/yr, that of a year to 5.

    Examples
    --------
    Ground that settles by 0 to 20 mm each summer, measured against ground that does so by 18:

    >>> dates = pd.date_range("2015-01-15", periods=37, freq="30D")
    >>> wave = np.sin(2 * np.pi * (dates - pd.Timestamp("2015-06-15")).days.to_numpy() / 365.25)
    >>> wet = np.array([[0, 16, 4, 12, 8, 20, 2, 14], [14, 2, 20, 8, 12, 4, 18, 0], [6, 12, 10, 8, 10, 12, 6, 10]])
    >>> moved = wave[:, None, None] * wet / 2 * 4e-3 * np.pi / 0.05546576
    >>> ends = {"reference": ("pair", dates[:-1]), "secondary": ("pair", dates[1:])}
    >>> phase = xr.DataArray(np.diff(moved, axis=0), ends, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> still = reference_motion(phase, phase[:, 1:2, 6:7])
    >>> round(still.amplitude), round(still.rank, 1)
    (8, 0.9)
    """
    require(phase, dims=(PAIR, Y, X))
    require(inside, dims=(PAIR, Y, X), name="inside")
    deepest = _deepest_thaw(phase)
    index = _indices_of_the_year(phase, deepest)
    planes = choose_ramp(phase, "weighed", indices=index, weight=weight, wavelength=wavelength)
    flat, level = (deramp(da, ramp=planes).transpose(PAIR, Y, X) for da in (phase, inside))
    mean = level.mean((Y, X)).values
    if not np.isfinite(mean).any():
        raise QtpDataError("the reference area has no valid pixel in any pair", variable="inside", code="I21")
    rate, settles, other = _fit_year(flat, mean, wavelength, deepest)
    known = np.isfinite(settles[1:])
    rank = float((settles[1:][known] < settles[0]).mean()) if known.any() else 0.0
    moves = flat[0].copy(data=(2 * settles + np.abs(rate))[1:].reshape(flat.shape[1:]))
    good = flat.notnull().all(PAIR)
    if weight is not None:
        gray = weight.mean(PAIR)
        good &= gray >= gray.median()
    return Stillness(2 * float(np.hypot(settles[0], other[0])), -float(rate[0]), rank, _find_least(moves, good))


def _deepest_thaw(phase: xr.DataArray) -> float:
    """Day of the deepest thaw, by the hemisphere of the middle of the grid."""
    if phase.rio.crs is None:
        return _DEEPEST_THAW
    middle = phase.isel({PAIR: 0, Y: [phase.sizes[Y] // 2], X: [phase.sizes[X] // 2]}, drop=True)
    south = float(grid.lonlat(middle)["latitude"].mean()) < 0
    return _DEEPEST_THAW + south * _YEAR / 2


def _of_the_year(days: np.ndarray, deepest: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Years, and the waves of a year: the first is largest where thaw is deepest."""
    turn = 2 * np.pi * (days - deepest) / _YEAR
    return days / _YEAR, np.cos(turn), np.sin(turn)


def _indices_of_the_year(phase: xr.DataArray, deepest: float) -> xr.Dataset:
    """Make what stands for the indices of ``pecm`` where no temperature is known."""
    dates = np.union1d(phase[REFERENCE].values, phase[SECONDARY].values).astype("datetime64[D]")
    axes = {TIME: dates.astype("datetime64[ns]"), Y: [0.0], X: [0.0]}
    years, wave, _ = _of_the_year(dates.astype(float), deepest)
    named = {"linear_index": years, "composite_index": wave}
    return xr.Dataset({name: ((TIME, Y, X), values[:, None, None]) for name, values in named.items()}, axes)


def _fit_year(flat: xr.DataArray, level: np.ndarray, wavelength: float, deepest: float) -> np.ndarray:
    """Fit rate, settling by the deepest thaw and the wave a quarter beside it: (3, 1 + pixels), mm, the level first."""
    first, second = (_of_the_year(flat[end].values.astype("datetime64[D]").astype(float), deepest) for end in _ENDS)
    columns = np.stack([b - a for a, b in zip(first, second, strict=True)], axis=1)
    values = flat.values.reshape(len(level), -1).astype(float)
    often = np.isfinite(values).mean(axis=0) > _OFTEN
    middle = np.nanmedian(values[:, often], axis=1) if often.any() else np.zeros(len(values))
    seen = np.isfinite(middle) & np.isfinite(level)
    every = np.column_stack([level - middle, np.nan_to_num(values - middle[:, None])])[seen]
    fitted = 1e3 * wavelength / (4 * np.pi) * np.linalg.lstsq(columns[seen], every, rcond=None)[0]
    return np.where(np.concatenate([[True], often]), fitted, np.nan)


def _find_least(moves: xr.DataArray, good: xr.DataArray) -> tuple[tuple[int, int], ...]:
    """Rows and columns of the smallest values, smoothed over their neighbors and an eighth of the grid apart."""
    left = moves.rolling({Y: 3, X: 3}, center=True, min_periods=1).mean().where(good).values
    apart, found = max(left.shape) // 8 + 1, list[tuple[int, int]]()
    while len(found) < _PLACES and np.isfinite(left).any():
        row, column = (int(at) for at in np.unravel_index(np.nanargmin(left), left.shape))
        found.append((row, column))
        left[max(row - apart, 0) : row + apart + 1, max(column - apart, 0) : column + apart + 1] = np.nan
    return tuple(found)
