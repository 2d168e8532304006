"""Is the phase of short pairs biased? What they say against what all pairs say."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._pairs import index_pairs
from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    PAIR,
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    describe,
    is_lazy,
    on_one_grid,
    phase_to_displacement,
    require,
)
from qtp_toolkit.inversion._invert import invert
from qtp_toolkit.inversion._link import at_dates, invert_groups
from qtp_toolkit.kernels import lstsq
from qtp_toolkit.kernels import pairs as graph
from qtp_toolkit.kernels.harmonic import design_matrix

_COLUMN = "_column"
_BLOCK_DAYS = 120
"""Steps within so many days err together: several times what the short pairs of the paper reach."""


_FEWEST_BLOCKS = 4.5
"""Blocks that count, by the squares of their shares: two years of dates. Fewer do not tell their spread."""


def compare_short(
    phase: xr.DataArray,
    coherence: xr.DataArray | None = None,
    *,
    longest: float = 40.0,
    series: xr.DataArray | None = None,
    linear: xr.DataArray | None = None,
    composite: xr.DataArray | None = None,
    peak_index: xr.DataArray | None = None,
    wavelength: float = SENTINEL1_WAVELENGTH,
    **options: Any,
) -> xr.Dataset:
    r"""Tell what short pairs alone add to rate and season: a phase bias shows, atmosphere and motion do not.

    The network is inverted twice, from short pairs and from all. What belongs to the dates, motion, troposphere and
    ramps, is the same in both series and leaves their difference; what pairs carry beside their dates does not:

    .. math:: \phi^{short}_t - \phi^{all}_t = v L_t + d I_t + c_{g(t)}

    with an offset for each group g of dates that short pairs connect.

    Parameters
    ----------
    phase, coherence
        As in :func:`invert`.
    longest : float
        Days of the longest pair that counts as short.
    series : xarray.DataArray, optional
        ``phase`` (time, ...) of :func:`invert` of all pairs, if it is there already.
    linear, composite : xarray.DataArray, optional
        Indices (time, ...) of ``pecm`` at all dates, both or none. Without them a rate in calendar years and the wave
        of the year.
    peak_index : xarray.DataArray, optional
        (...) mean annual maximum of ``composite``; by default its largest value at a date.
    wavelength : float
        m.
    **options
        Further options of :func:`invert`; its reference date is of no account.

    Returns
    -------
    xarray.Dataset
        (...): ``rate_difference``, mm/yr, rate from short pairs less that from all, and ``amplitude_difference``, mm,
        amplitude (peak to trough, not negative) of the season by which the two differ, each with ``_std``. NaN where
        the dates do not tell them; a standard deviation also where they span less than about two years. ``attrs``:
        ``short_pairs``, ``pairs``, ``groups`` of dates that short pairs connect. Lazy if the phase is lazy.

    Raises
    ------
    QtpDataError
        If no pair, or every pair, is short; if a series or an index lacks dates of the short pairs, lies on other
        pixels, or the series is not in rad; else as :func:`invert`.

    Notes
    -----
    Where annual pairs are many, the series of all has next to no false rate (-0.01 mm/yr with the paper's network for
    a bias of 0.05 rad in 12 days, that makes -6.7 in a chain of 12 days), so the difference is the bias of the short
    ones. The false season of all pairs is smaller than the difference, and not zero.

    Noise of short pairs adds up from date to date: residuals of the difference walk, and their size says little of its
    errors. The steps of the walk do, in blocks of 120 days; on simulated noise one sigma of the rate covers 0.60 to
    0.71, that of the amplitude more, since what a bias does beside a rate and a season counts as error, too. Long pairs
    that are five times as noisy as short ones make the sigma half as large again as it should be. An amplitude is
    never negative: below two of its standard deviations it may be noise alone. One pixel rarely tells a bias; the
    median of many does.

    Examples
    --------
    A bias of 0.05 rad in pairs of 12 days, none in those of a year:

    >>> from qtp_toolkit import network
    >>> pairs = network.select_pairs(pd.date_range("2016-01-01", periods=90, freq="12D"), windows=[(0, 12), (360, 360)])
    >>> added = np.where(pairs["temporal_baseline"] < 40, 0.05, 0.0)
    >>> out = compare_short(xr.DataArray(added, pairs.coords, "pair", attrs={"units": "rad"}), norm="l2")
    >>> round(float(out["rate_difference"]), 1)
    -6.7
    """
    require(phase, dims=(PAIR,), quantity="phase")
    columns = [index for index in (linear, composite) if index is not None]
    if len(columns) == 1:
        raise QtpDataError("linear and composite index go together", found="one of them")
    short = _short_pairs(phase, longest)
    few = phase.isel({PAIR: short})
    dates, first, second = index_pairs(few)
    labels = graph.label_components(len(dates), first, second)
    weight = None if coherence is None else coherence.isel({PAIR: short})
    options.pop("reference_date", None)  # each group has its offset anyway
    parts = [part["phase"] for part in invert_groups(few, weight, labels, first, **options)]
    apart = xr.concat(parts, dim=TIME, join="exact").sortby(TIME)
    whole = invert(phase, coherence, **options)["phase"] if series is None else series
    require(whole, units="rad", name="series")
    difference = apart - at_dates(whole, dates, phase, what="series")
    difference = difference.chunk({TIME: -1}) if is_lazy(difference) else difference
    moved = phase_to_displacement(difference.assign_attrs(units="rad"), wavelength=wavelength)
    columns = [at_dates(column, dates, phase, what="an index") for column in columns] or [_calendar(dates)]
    rate, std, season, season_std = xr.apply_ufunc(
        _fit,
        moved,
        *columns,
        input_core_dims=[[TIME], *([dim for dim in column.dims if dim in (TIME, _COLUMN)] for column in columns)],
        output_core_dims=[[]] * 4,
        kwargs={"labels": labels, "blocks": ((dates - dates[0]) // np.timedelta64(_BLOCK_DAYS, "D")).astype(int)},
        dask="parallelized",
        output_dtypes=[np.float64] * 4,
    )
    peak: Any = 2.0 if composite is None else composite.max(TIME) if peak_index is None else peak_index
    season, season_std, peak = on_one_grid(season, season_std, peak)
    layers = {
        "rate_difference": rate,
        "rate_difference_std": std,
        "amplitude_difference": season * peak,
        "amplitude_difference_std": season_std * peak,
    }
    notes = {"short_pairs": short.size, "pairs": phase.sizes[PAIR], "groups": int(labels.max()) + 1}
    return xr.Dataset({name: describe(da, name, like=phase) for name, da in layers.items()}, attrs=notes)


def _short_pairs(phase: xr.DataArray, longest: float) -> np.ndarray:
    """Positions of the short pairs; refuses networks that have nothing to compare."""
    dates, first, second = index_pairs(phase)
    days = (dates[second] - dates[first]) / np.timedelta64(1, "D")
    short = np.flatnonzero(days <= longest)
    if not 0 < short.size < days.size:
        raise QtpDataError(
            "short pairs cannot be compared with all pairs: " + ("all are short" if short.size else "none is short"),
            expected=f"pairs up to {longest:g} days, and longer ones",
            found=f"{days.size} pairs of {days.min():g} to {days.max():g} days",
            hint="Add pairs of about a year." if short.size else f"Give longest, from {days.min():g} days.",
        )
    return short


def _calendar(dates: np.ndarray) -> xr.DataArray:
    """Years since the first date, and the wave of the year."""
    years = (dates - dates[0]) / np.timedelta64(1, "D") / DAYS_PER_YEAR
    wave = design_matrix(years, period=1.0, harmonics=1)[:, 1:]
    return xr.DataArray(np.column_stack([years, wave]), dims=(TIME, _COLUMN))


def _fit(series: np.ndarray, *columns: np.ndarray, labels: np.ndarray, blocks: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rate and coefficients of the season for arrays (..., time), offsets for the groups; and standard deviations.

    That of the season is of the part along its own direction, for the length of the vector of its coefficients.
    """
    shape, size = series.shape[:-1], series.shape[-1]
    flat = np.moveaxis(series, -1, 0).reshape(size, -1)
    if len(columns) == 1:
        design = [column[:, None] for column in columns[0].T]
    else:
        design = [np.moveaxis(np.broadcast_to(a, series.shape), -1, 0).reshape(size, -1) for a in columns]
    number = len(design)
    design += [(labels == label).astype(float)[:, None] for label in range(labels.max() + 1)]
    found = lstsq.solve(flat, design).coefficients
    left = flat - sum(coefficient * column for coefficient, column in zip(found, design, strict=True))
    known = np.isfinite(flat)
    rate, *season = (_errors_of_walk(left, _pull(design, k, known), design[k], labels, blocks) for k in range(number))
    length = np.sqrt((found[1:number] ** 2).sum(axis=0))
    along = sum(part * coefficient for part, coefficient in zip(season, found[1:number], strict=True))
    with np.errstate(invalid="ignore"):
        stds = [np.sqrt((error**2).sum(axis=0)) for error in (rate, along / np.where(length > 0, length, 1.0))]
    stds[0][~np.isfinite(found[0])] = np.nan  # nothing seen is nothing known, not an error of 0
    return tuple(values.reshape(shape) for values in (found[0], stds[0], length, stds[1]))


def _pull(design: list[np.ndarray], column: int, known: np.ndarray) -> np.ndarray:
    """Return what one unit at each date (time, pixels) does to the coefficient of a column."""
    others = design[:column] + design[column + 1 :]
    own = np.where(known, design[column], np.nan)
    fitted = sum(c * other for c, other in zip(lstsq.solve(own, others).coefficients, others, strict=True))
    alone = np.where(known, own - fitted, 0.0)
    total = (alone**2).sum(axis=0)
    return alone / np.where(total > 0, total, np.nan)


def _errors_of_walk(
    left: np.ndarray, pull: np.ndarray, own: np.ndarray, labels: np.ndarray, blocks: np.ndarray
) -> np.ndarray:
    """Errors of a coefficient of the column ``own``, (blocks, pixels): their squares add up to its variance.

    Errors of short pairs add up from date to date: residuals walk, and only their steps are independent, a few dates
    apart. So the coefficient is written as a sum over the steps, and blocks of neighboring steps err by themselves.
    What a block has is what the fit left of its error; without the block more would be left.
    """
    error, share = np.zeros((2, blocks[-1] + 1, left.shape[1]))
    own = np.broadcast_to(own, left.shape)
    for label in range(labels.max() + 1):
        here = np.flatnonzero(labels == label)
        place = np.where(np.isfinite(left[here]), np.arange(here.size)[:, None], -1)
        seen = np.maximum.accumulate(place, axis=0)  # dates that are missing stay where the last one was
        weight = -np.cumsum(pull[here], axis=0)[:-1]
        for sums, values in ((error, left), (share, own)):
            walk = np.take_along_axis(values[here], np.maximum(seen, 0), axis=0)
            np.add.at(sums, blocks[here[:-1]], np.where(seen[:-1] >= 0, np.diff(walk, axis=0) * weight, 0.0))
    enough = (share**2).sum(axis=0) < 1.0 / _FEWEST_BLOCKS
    return error / np.where(enough & (share < 1.0), 1.0 - share, np.nan)
