"""Truth of the scene beyond: the ground of the main scene, its motion in its parts, and years that differ.

Climate, soil, ice and lakes are those of the main scene; its land surface temperature drives this one too. The motion
is richer: what is vertical and what is horizontal is told apart, the seasonal amplitude grows from year to year, and in
one year ice-rich ground loses ice late in the season.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import THAW_YEAR, TIME, QtpDataError, X, Y, describe
from qtp_toolkit.synthetic import places, temperature
from qtp_toolkit.synthetic.deformation import Motion, motion
from qtp_toolkit.synthetic.frame import EPSG, NOTED, Frame, generator, whole_frame
from qtp_toolkit.synthetic.temperature import YEARS
from qtp_toolkit.synthetic.tracks import TRACKS, dates_of
from qtp_toolkit.synthetic.truth import attrs_of, cut, ground

BEYOND_SIZES = ("tiny", "default")
GROWTH = 0.05
"""Growth of the seasonal strength in a permafrost year, share of its mean."""
MELT_YEAR = 2017
ICE_RICH = places.Blob("ice-rich ground", 92.95, 34.98, 20.0, 13.0, -15.0, 0.1)
"""Where ice is lost late in the thaw season of :data:`MELT_YEAR`: 40 by 26 km."""
FAULT = "Kunlun"
_CHANGE = 0.03
"""Random relative change of the strength between years: less than the main scene's 0.11, for a trend to be found."""
_UPRIGHT = 1.0 / np.cos(np.deg2rad(39.0))
"""Vertical motion of 1 mm in the line of sight of the main scene."""
_LOSS = (40.0, 3.0)
"""Late-season loss in mm, and its standard deviation from place to place."""
_STEP, _LOCKED = 8.0, 15e3
"""Left-lateral slip of the fault, mm/yr, and the depth (m) to which it is locked."""
_SHORTENING = 2e-6
"""North-south shortening, mm/yr per m."""
_WHOLE_YEARS = (2015, 2019)
"""Permafrost years whose thaw seasons the acquisitions cover."""


def beyond_scene(size: str = "default", *, seed: int = 2022, window: tuple[slice, slice] | None = None) -> xr.Dataset:
    r"""Truth of the scene beyond: vertical motion, horizontal motion, and what each year did.

    .. math:: U(t) = v_U L'(t) - \sum_y \frac{A_y}{\sqrt{A_{t,y}}} I_y(t) - h H(t)

    Parameters
    ----------
    size : {"tiny", "default"}
        Pixel of 5 km or 1 km over the same area.
    seed : int
        Same seed, same values; ground and temperature are those of :func:`scene` with this seed.
    window : (slice, slice), optional
        Rows and columns to generate, as if cut from the whole scene.

    Returns
    -------
    xarray.Dataset
        In memory, EPSG:32646, NaN over lakes and glaciers. ``vertical_rate``, ``east_rate``, ``north_rate`` (y, x),
        mm/yr relative to the reference; ``yearly_amplitude`` (thaw_year, y, x), mm, vertical; ``amplitude_trend``
        (y, x), mm/yr, slope of the amplitudes of 2015 to 2019; ``late_season_loss`` (y, x), mm, positive where
        the ground sank, in the permafrost year ``melt_year``; ``thaw_onset``, ``freeze_onset`` (thaw_year, y, x), day
        of year; ``vertical_displacement`` (time, y, x), mm, at the dates of both tracks, relative to the reference
        date.

    Raises
    ------
    QtpDataError
        For an unknown size, or a window outside the scene.

    Notes
    -----
    The vertical motion is that of the main scene's seasons and ice, 1 / cos(39 degrees) as large: thaw counts by degree
    days (L'), seasons by the composite index (I) of each year, with onsets and sums of its own, so the model that is
    fitted to it is never exact. Its strength grows by 5 % of its mean in a year and varies by 3 % at random (11 % in
    the main scene). H rises linearly from 0 to 1 over the last third of the thaw season of 2017 and stays 1; 40 mm are
    lost in 40 by 26 km of permafrost. The fault moves east and west only, 8 mm/yr over its whole width, locked to
    15 km: north of it the ground moves west. Shortening of 0.002 mm/yr per km adds up to 0.7 mm/yr along the scene, a
    sixth of which two tracks take for vertical motion of the other sign.

    References
    ----------
    Zwieback and Meyer 2021, doi:10.5194/tc-15-2041-2021, for the size of late-season losses.

    Examples
    --------
    >>> truth = beyond_scene("tiny", window=(slice(50, 60), slice(20, 30)))
    >>> dict(truth["yearly_amplitude"].sizes), truth["melt_year"].item()
    ({'thaw_year': 6, 'y': 10, 'x': 10}, 2017)
    """
    if size not in BEYOND_SIZES:
        raise QtpDataError(
            "the scene beyond has no such size", expected=BEYOND_SIZES, found=size, hint="Choose one of these."
        )
    frame = whole_frame(size, seed=seed)
    frame = frame if window is None else cut(frame, window)
    made = ground(frame)
    strength = growing_strengths(frame)
    upright = made.fields._replace(
        ice_rate=made.fields.ice_rate * _UPRIGHT,
        seasonal_amplitude=made.fields.seasonal_amplitude * _UPRIGHT,
        tectonic_rate=np.zeros(frame.shape),
    )
    dates = both_dates()
    components = temperature.patterns(frame, made.fields)
    moved = motion(frame, components, upright, made.layers["conductivity_ratio"], dates, strength=strength)
    loss = late_season_loss(frame, made.layers["permafrost"])
    yearly = yearly_amplitudes(moved, strength, upright.seasonal_amplitude)
    maps = {
        "vertical_rate": upright.ice_rate,
        "east_rate": east_rate(frame),
        "north_rate": north_rate(frame),
        "amplitude_trend": _trend(yearly),
        "late_season_loss": loss,
    }
    years = {"yearly_amplitude": yearly, "thaw_onset": moved.thaw_onset, "freeze_onset": moved.freeze_onset}
    up = moved.displacement - loss * late_share(moved, dates)
    up -= up[np.searchsorted(dates, pd.Timestamp(places.REFERENCE_DATE))].copy()
    out: dict[str, tuple] = {name: ((Y, X), values) for name, values in maps.items()}
    out |= {name: ((THAW_YEAR, Y, X), values) for name, values in years.items()}
    out |= {"vertical_displacement": ((TIME, Y, X), up)}
    return _label(out, frame, dates, made.layers["lake"] | made.layers["glacier"])


def both_dates() -> pd.DatetimeIndex:
    """Acquisitions of both tracks."""
    first, second = (dates_of(track) for track in TRACKS.values())
    return first.union(second)


def growing_strengths(frame: Frame) -> np.ndarray:
    """Relative strength of the seasonal motion in each year, (years, ny, nx): a trend, and a little chance."""
    common = generator(frame.seed, "beyond strength").standard_normal(len(YEARS))
    local = np.stack([frame.noise(f"beyond strength {year}", 20e3) for year in YEARS])
    chance = np.clip(0.5 * common[:, None, None] + 0.85 * local, -2.5, 2.5)
    steady = GROWTH * (np.array(YEARS) - np.mean(YEARS))
    return (1.0 + steady[:, None, None] + _CHANGE * chance).astype(np.float32)


def yearly_amplitudes(moved: Motion, strength: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """Amplitude of each year, mm, (years, ny, nx): the mean one by degree days and strength, as the motion has it."""
    share = np.sqrt(moved.addt_max) * strength
    return amplitude * share / np.maximum(share.mean(axis=0), 1e-3)


def _trend(yearly: np.ndarray) -> np.ndarray:
    """Slope of the amplitudes of the years that are seen whole, mm/yr."""
    first, last = (YEARS.index(year) for year in _WHOLE_YEARS)
    away = np.arange(last - first + 1) - (last - first) / 2
    return np.tensordot(away / np.square(away).sum(), yearly[first : last + 1], axes=1)


def late_season_loss(frame: Frame, permafrost: np.ndarray) -> np.ndarray:
    """Late-season loss, mm, (ny, nx): in one place, and in permafrost only."""
    size, change = _LOSS
    patchy = size + change * frame.noise("late loss", 6e3)
    return patchy * places.weight(frame, ICE_RICH, plateau=0.6, end=1.1) * (permafrost == 1)


def late_share(moved: Motion, dates: pd.DatetimeIndex) -> np.ndarray:
    """H, share of the late-season loss that has come, (dates, ny, nx)."""
    year = YEARS.index(MELT_YEAR)
    thaw, freeze = moved.thaw_onset[year], moved.freeze_onset[year]
    day = ((dates - pd.Timestamp(MELT_YEAR, 1, 1)).days.to_numpy() + 1.0)[:, None, None]
    third = (freeze - thaw) / 3.0
    return np.nan_to_num(np.clip((day - (freeze - third)) / third, 0.0, 1.0)).astype(np.float32)


def _of_reference(frame: Frame) -> Frame:
    return frame.around(*places.project(*places.REFERENCE_POINT))


def _across_fault(frame: Frame) -> np.ndarray:
    return -_STEP / np.pi * np.arctan(places.line_offset(frame, FAULT) / _LOCKED)


def east_rate(frame: Frame) -> np.ndarray:
    """Rate to the east, mm/yr, (ny, nx), relative to the reference: a left-lateral fault, locked above."""
    return _across_fault(frame) - _across_fault(_of_reference(frame))


def north_rate(frame: Frame) -> np.ndarray:
    """Rate to the north, mm/yr, (ny, nx), relative to the reference: shortening."""
    away = frame.y[:, None] - _of_reference(frame).y
    return -_SHORTENING * np.broadcast_to(away, frame.shape)


def _label(arrays: dict[str, tuple], frame: Frame, dates: pd.DatetimeIndex, masked: np.ndarray) -> xr.Dataset:
    out = {}
    for name, (dims, values) in arrays.items():
        known = np.where(masked, np.nan, values).astype(np.float32)
        out[name] = describe(xr.DataArray(known, dims=dims), name, **NOTED)
    out["melt_year"] = describe(xr.DataArray(MELT_YEAR), "melt_year", **NOTED)
    coords = {
        TIME: dates.values.astype("datetime64[ns]"),
        THAW_YEAR: np.array(YEARS),
        Y: frame.y,
        X: frame.x,
    }
    return xr.Dataset(out, coords, attrs_of(frame)).rio.write_crs(EPSG)
