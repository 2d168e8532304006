"""Several lines of sight into east, vertical and seasonal motion, on plain arrays with time first.

Each track is summed by itself with the columns (t, L, I, 1), whose normal equations know nothing of directions. The
look vector then says how these columns are shares of the unknowns, so that the joint system, what north leaks and what
ramps leave unknown all come from the same small sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from qtp_toolkit.kernels import lstsq, reasons
from qtp_toolkit.pecm.kernels.decompose import Spread

EAST, UP, SEASON, OFFSET = range(4)
"""Unknowns of the joint system: east and vertical rate, vertical coefficient, then one offset a track."""

SHARED = (
    *("east_rate", "vertical_rate", "coefficient", "east_rate_std", "vertical_rate_std", "coefficient_std"),
    *("east_vertical", "east_coefficient", "vertical_coefficient", "rms", "peak", "tracks"),
    *("north_into_east", "north_into_vertical", "east_into_vertical", "reason"),
)
"""First layers of :func:`fit_tracks`; then ``intercept`` and ``rms`` of each track."""

_OF_EAST = ("east_rate", "east_rate_std", "east_vertical", "east_coefficient", "north_into_east")
_ALWAYS = ("tracks", "reason")
_PARALLEL = 1e-12
"""Square of the sine between directions, as a share, that is rounding."""


class View(NamedTuple):
    """What one track brings; T dates, P pixels."""

    y: np.ndarray
    """(T, P) mm, NaN where missing."""
    linear: np.ndarray
    composite: np.ndarray
    look: np.ndarray
    """(3, P) east, north, up."""
    weights: np.ndarray | None = None
    """(T, P) inverse variances."""
    ramps: np.ndarray | None = None
    """(2, P) standard deviations of rate and coefficient that ramps leave unknown."""


class Sight(NamedTuple):
    """Sums of one track; C cells, P pixels."""

    added: lstsq.Sums
    """Of the columns (t, L, I, 1); 0 where the track does not count."""
    shares: tuple[np.ndarray | float, ...]
    """How much of each unknown these columns are: e, u, u, 1; (P,) each."""
    north: np.ndarray
    """(P,)."""
    counts: np.ndarray
    """(P,) whether the track has enough dates."""
    work: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Cleaned observations, columns and weights."""
    ramps: np.ndarray | None
    seen: np.ndarray
    indexed: np.ndarray
    thaws: np.ndarray
    peak: np.ndarray


class Dates(NamedTuple):
    """When a track looked."""

    years: np.ndarray
    """(T,) years since the first date of all tracks."""
    calendar: np.ndarray
    """(T,) calendar year from 0."""
    cells: np.ndarray
    """(T,) cell of each date, the same for all tracks."""


def fit_tracks(
    *arrays: np.ndarray,
    given: Sequence[Sequence[str]],
    dates: Sequence[Dates],
    spread: Spread,
    min_count: int,
    max_condition: float,
    max_dilution: float,
) -> np.ndarray:
    """Fit ``y_k = e_k v_E t + u_k (v_U L_k + d_U I_k) + c_k`` of all tracks k at once.

    Parameters
    ----------
    *arrays : ndarray (n, P)
        Of one track after the other, as ``given`` names them.
    given : sequence of sequence of str
        Fields of :class:`View` that each track brings.
    dates : sequence of Dates
        Of each track.
    spread : Spread
        Formal, or by blocks of years.
    min_count : int
        Fewest dates of a track that counts at a pixel; by blocks of years they must lie in two of them.
    max_condition, max_dilution : float
        Largest condition number, and largest sigma of a rate for one of the line of sight by geometry alone.

    Returns
    -------
    ndarray (16 + 2 K, P)
        In the order of ``SHARED``, then offsets, then rms of the tracks.
    """
    blocks = spread.blocks
    cells = 1 if blocks is None else len(blocks.member)
    sights = [_look(view, at, cells, min_count) for view, at in zip(_views(arrays, given), dates, strict=True)]
    number = np.sum([sight.counts for sight in sights], axis=0)
    answer, inverse, squares = _solve(sights, number)
    covariance = spread.covariance(answer) + _of_ramps(sights, inverse, alone=number < 2)
    north = _response(sights, inverse, [sight.north for sight in sights], 0, alone=number < 2)
    east = _response(sights, inverse, [sight.shares[0] for sight in sights], 0, alone=number < 2)
    sound = (answer.condition <= max_condition) & (_dilution(sights) <= max_dilution)
    reason = _reason(sights, number, sound, answer.count > 2 + (number > 1) + number)
    std = [_root(covariance[k, k]) for k in range(OFFSET)]
    both = ((EAST, UP), (EAST, SEASON), (UP, SEASON))
    ratio = [covariance[a, b] / np.where(std[a] * std[b] > 0, std[a] * std[b], np.nan) for a, b in both]
    peak = np.fmax.reduce([sight.peak for sight in sights])
    leaks = (north[EAST], north[UP], np.where(number < 2, east[UP], 0.0))
    shared = (*answer.coefficients[:OFFSET], *std, *ratio, answer.rms, peak, number, *leaks)
    offsets = [np.where(s.counts, c, np.nan) for s, c in zip(sights, answer.coefficients[OFFSET:], strict=True)]
    own = [_rms(sight, square) for sight, square in zip(sights, squares, strict=True)]
    return _where_valid([*shared, reason, *offsets, *own], reason)


def _views(arrays: Sequence[np.ndarray], given: Sequence[Sequence[str]]) -> Iterator[View]:
    rest = iter(arrays)
    for names in given:
        yield View(**dict(zip(names, islice(rest, len(names)), strict=True)))


def _look(view: View, dates: Dates, cells: int, min_count: int) -> Sight:
    """Add up one track."""
    from qtp_toolkit.kernels import block_sums  # noqa: PLC0415  (compiles)
    from qtp_toolkit.pecm.kernels.presence import inspect_pixels  # noqa: PLC0415  (compiles)

    y, pixels = view.y, view.y.shape[1]
    seen, indexed, thaws, peak = (np.zeros(pixels, dtype=kind) for kind in (bool, bool, bool, float))
    inspect_pixels(y, view.linear, view.composite, dates.calendar.astype(np.intp), seen, indexed, thaws, peak)
    columns = np.empty((4, *y.shape))
    columns[0], columns[1], columns[2], columns[3] = dates.years[:, None], view.linear, view.composite, 1.0
    work = (y, columns, np.ones(y.shape) if view.weights is None else view.weights)
    block_sums.clean(*work)
    added = lstsq.sums(*work, dates.cells, count=cells)
    known, dated = np.isfinite(view.look).all(axis=0), added.moments[:, 2]
    # Without its only year nothing would be left of a track, nor of the uncertainty of all.
    counts = known & (dated.sum(axis=0) >= max(min_count, 1)) & ((dated > 0).sum(axis=0) >= min(cells, 2))
    look = np.where(known, view.look, 0.0)
    return Sight(
        lstsq.Sums(*(part * counts for part in added)),
        (look[0], look[2], look[2], 1.0),
        look[1],
        counts,
        work,
        view.ramps,
        seen,
        indexed,
        thaws,
        peak,
    )


def _solve(sights: Sequence[Sight], number: np.ndarray) -> tuple[lstsq.Solution, np.ndarray, list[np.ndarray]]:
    """Solve the joint system: answer, inverse normal matrix (M, M, P), weighted squares of each track (P,)."""
    from qtp_toolkit.kernels import block_sums  # noqa: PLC0415  (compiles)

    joint = _join(sights, alone=number < 2)
    inverse, condition = lstsq.invert(joint.normal.sum(axis=0))
    beta = np.einsum("ijp,jp->ip", inverse, joint.right.sum(axis=0))
    squares = []
    for k, sight in enumerate(sights):
        own = np.ascontiguousarray([s * beta[at] for s, at in zip(sight.shares, _places(k), strict=True)])
        squares.append(np.zeros(len(number)))
        block_sums.misfit(*sight.work, own, squares[k])
        squares[k] = np.where(sight.counts, squares[k], 0.0)
    _, weight, count = joint.moments.sum(axis=0)
    freedom = count - 2 - (number > 1) - number
    total = np.sum(squares, axis=0)
    variance = np.where(freedom > 0, total / np.where(freedom > 0, freedom, 1), np.nan)
    rms = np.sqrt(total / np.where(weight > 0, weight, np.nan))
    answer = lstsq.Solution(beta, variance * inverse, rms, count.astype(int), condition, joint)
    return answer, inverse, squares


def _places(k: int) -> tuple[int, int, int, int]:
    """Unknowns that the columns (t, L, I, 1) of track k are shares of."""
    return EAST, UP, SEASON, OFFSET + k


def _join(sights: Sequence[Sight], *, alone: np.ndarray) -> lstsq.Sums:
    """Add up the tracks. What a pixel does not have (a track; east, where one is ``alone``) is 0, and apart."""
    cells, _, pixels = sights[0].added.right.shape
    size = OFFSET + len(sights)
    normal, right = np.zeros((cells, size, size, pixels)), np.zeros((cells, size, pixels))
    for k, (sums, shares, _, counts, *_) in enumerate(sights):
        for i, (row, share) in enumerate(zip(_places(k), shares, strict=True)):
            right[:, row] += share * sums.right[:, i]
            for j, (column, other) in enumerate(zip(_places(k), shares, strict=True)):
                normal[:, row, column] += share * other * sums.normal[:, i, j]
        normal[:, OFFSET + k, OFFSET + k] += ~counts
    normal[:, EAST] *= ~alone
    normal[:, :, EAST] *= ~alone
    right[:, EAST] *= ~alone
    normal[:, EAST, EAST] += alone
    return lstsq.Sums(normal, right, np.sum([sight.added.moments for sight in sights], axis=0))


def _response(
    sights: Sequence[Sight],
    inverse: np.ndarray,
    sizes: Sequence[np.ndarray | float],
    column: int,
    *,
    alone: np.ndarray,
) -> np.ndarray:
    """Find the answer (M, P) to a signal that is ``sizes`` (P,) times a column of each track."""
    signal = np.zeros(inverse.shape[1:])
    for k, (sight, size) in enumerate(zip(sights, sizes, strict=True)):
        along = sight.added.normal[:, :, column].sum(axis=0)
        for i, (row, share) in enumerate(zip(_places(k), sight.shares, strict=True)):
            signal[row] += share * size * along[i]
    signal[EAST] *= ~alone
    return np.einsum("ijp,jp->ip", inverse, signal)


def _of_ramps(sights: Sequence[Sight], inverse: np.ndarray, *, alone: np.ndarray) -> np.ndarray:
    """Covariance (M, M, P) of what the ramps of each track leave unknown, which no other track knows of."""
    out = np.zeros_like(inverse)
    for k, sight in enumerate(sights):
        for column, std in ((1, sight.ramps[0]), (2, sight.ramps[1])) if sight.ramps is not None else ():
            sizes = [std if k == j else 0.0 for j in range(len(sights))]
            shift = _response(sights, inverse, sizes, column, alone=alone)
            out += shift[:, None] * shift
    return out


def dilute(east: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the sigma of east and of vertical for a sigma of 1 in each line of sight, by the directions alone.

    Parameters
    ----------
    east, up : ndarray (K, ...)
        Parts of the unit vectors of the tracks; both 0 for a track that is not there.

    Returns
    -------
    (ndarray, ndarray)
        (...), inf where all directions are one.
    """
    easts, ups, mixed = ((a * b).sum(axis=0) for a, b in ((east, east), (up, up), (east, up)))
    apart = easts * ups - mixed**2
    apart = np.where(apart > _PARALLEL * (easts + ups) ** 2, apart, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(ups / apart), np.sqrt(easts / apart)


def _dilution(sights: Sequence[Sight]) -> np.ndarray:
    """Larger one (P,) of what :func:`dilute` finds; 0 where one track is alone."""
    parts = (np.array([np.where(s.counts, s.shares[at], 0.0) for s in sights]) for at in (EAST, UP))
    return np.where(np.sum([s.counts for s in sights], axis=0) < 2, 0.0, np.fmax(*dilute(*parts)))


def _reason(sights: Sequence[Sight], number: np.ndarray, sound: np.ndarray, spare: np.ndarray) -> np.ndarray:
    """From the weakest reason to the strongest, each over those before it."""
    thaws, indexed, seen = (np.any([getattr(s, name) for s in sights], axis=0) for name in ("thaws", "indexed", "seen"))
    reason = np.where(number < 2, reasons.ONE_TRACK, reasons.OK)
    reason = np.where(sound, reason, reasons.ILL_CONDITIONED)
    reason = np.where(thaws, reason, reasons.NEVER_THAWS)
    reason = np.where((number > 0) & spare, reason, reasons.TOO_FEW)
    reason = np.where(indexed, reason, reasons.NO_TEMPERATURE)
    return np.where(seen, reason, reasons.MASKED)


def _rms(sight: Sight, squares: np.ndarray) -> np.ndarray:
    weight = sight.added.moments[:, 1].sum(axis=0)
    return np.sqrt(squares / np.where(weight > 0, weight, np.nan))


def _where_valid(layers: Sequence[np.ndarray], reason: np.ndarray) -> np.ndarray:
    """One track alone says nothing of east; other reasons leave nothing."""
    both = reason == reasons.OK
    valid = both | (reason == reasons.ONE_TRACK)
    names = (*SHARED, *("of a track" for _ in layers[len(SHARED) :]))
    kept = [both if name in _OF_EAST else valid | (name in _ALWAYS) for name in names]
    return np.stack([np.where(where, layer, np.nan) for where, layer in zip(kept, layers, strict=True)])


def _root(variance: np.ndarray) -> np.ndarray:
    # Rounding may leave the variance of an exact fit just below zero.
    return np.sqrt(np.maximum(variance, 0.0))
