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
    QtpDataError,
    X,
    Y,
    as_mask,
    describe,
    require,
)
from qtp_toolkit.correct._reference import coherent_area, reference_area


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
        bool, dims ``y, x``, in memory; ``attrs["chosen"]`` says by what. With nothing given the most coherent square,
        of 5, else 3, else 1 pixels, see :func:`coherent_area`.

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
    if point is not None:
        area = reference_area(layer, longitude=point[0], latitude=point[1], radius_m=radius_m)
        chosen = "settings.reference_point"
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
    return describe(area, "reference_area", like=layer).assign_attrs(chosen=chosen)


class Stillness(NamedTuple):
    """How a reference area moves against the middle of the area around it; see :func:`reference_motion`."""

    amplitude: float
    """mm, peak to trough of a sinusoid of one year."""
    rate: float
    """mm/yr."""
    rank: float
    """Share of the pixels that settle less in summer: near 0 for ground that stands still."""


def reference_motion(
    phase: xr.DataArray, level: xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH
) -> Stillness:
    """Estimate how still a reference area stands, from pairs alone: no inversion, no temperature. This one computes.

    Parameters
    ----------
    phase : xarray.DataArray
        rad, (pair, y, x), best thinned: a few thousand pixels are plenty.
    level : xarray.DataArray
        rad, (pair): mean of each pair over the reference area, see :func:`reference_level`.
    wavelength : float
        m.

    Returns
    -------
    Stillness
        Relative to the median pixel of each pair. Thaw settles: the sinusoid that counts for the rank is lowest in
        mid-September.

    Notes
    -----
    Least squares of the differences of ``v t + a sin + b cos`` between the dates of each pair. Planes and delays are
    not taken out: with many pairs they average out.

    Examples
    --------
    Ground that settles by 0 to 20 mm each summer, measured against ground that does so by 18:

    >>> dates = pd.date_range("2015-01-15", periods=37, freq="30D")
    >>> wave = np.sin(2 * np.pi * (dates - pd.Timestamp("2015-06-15")).days.to_numpy() / 365.25)
    >>> moved = wave[:, None, None] * np.linspace(0, 10, 11) * 4e-3 * np.pi / 0.05546576
    >>> ends = {"reference": ("pair", dates[:-1]), "secondary": ("pair", dates[1:])}
    >>> phase = xr.DataArray(np.diff(moved, axis=0), ends, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> still = reference_motion(phase, phase[:, 0, 9])
    >>> round(still.amplitude), round(still.rank, 1)
    (8, 0.8)
    """
    require(phase, dims=(PAIR, Y, X))
    days = [phase[end].values.astype("datetime64[D]").astype(float) for end in (REFERENCE, SECONDARY)]
    low = 259.0  # mid-September, when thaw is deepest
    turn = [2 * np.pi * (day - low) / 365.25 for day in days]
    columns = np.stack([(days[1] - days[0]) / 365.25, *(f(turn[1]) - f(turn[0]) for f in (np.cos, np.sin))], axis=1)
    values = phase.transpose(PAIR, Y, X).values.reshape(phase.sizes[PAIR], -1).astype(float)
    values = values[:, np.isfinite(values).mean(axis=0) > 0.5]
    middle = np.nanmedian(values, axis=1) if values.size else np.zeros(len(values))
    seen = np.isfinite(middle) & np.isfinite(level.values)
    apart = np.nan_to_num(values - middle[:, None])[seen]
    every = np.column_stack([level.values[seen] - middle[seen], apart])
    rate, settles, other = 1e3 * wavelength / (4 * np.pi) * np.linalg.lstsq(columns[seen], every, rcond=None)[0]
    rank = float((settles[1:] < settles[0]).mean()) if settles.size > 1 else 0.0
    return Stillness(2 * float(np.hypot(settles[0], other[0])), -float(rate[0]), rank)
