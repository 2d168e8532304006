"""Temperature, displacement, looks, and indices under other choices, as notebooks 01 to 06 make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import correct, grid, inversion, lst, network, pecm, seasons
from qtp_toolkit._look import LOOK
from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, QtpDataError, phase_to_displacement

ENDS = ("thaw_onset_mean", "freeze_onset_mean")
UNCHANGED = "as it is"


def daily_temperature(catalog: Mapping[str, Any]) -> xr.DataArray:
    """Mean daily land surface temperature, as notebook 01 makes it without stations.

    Quality mask, gap fill, plain mean of the overpasses, linear from composite to composite.

    Parameters
    ----------
    catalog : Catalog
        With the source ``modis_lst``.

    Returns
    -------
    xarray.DataArray
        (time, y, x) degC, one value a day, in memory; NaN where a pixel could not be filled.

    Examples
    --------
    >>> from qtp_toolkit import synthetic
    >>> seen = synthetic.observe(synthetic.scene("tiny"))
    >>> daily = daily_temperature({"modis_lst": seen["modis_lst"].isel(x=slice(2), y=slice(2))})
    >>> daily.dims, daily.attrs["units"]
    (('time', 'y', 'x'), 'degC')
    """
    filled: Any = lst.fill_gaps(lst.mask_quality(catalog["modis_lst"]).compute())
    return lst.to_daily(lst.daily_mean(filled).where(filled["reason"] == 0))


def thermal(
    daily: xr.DataArray, *, dates: Any, warmer: float = 0.0, later: float = 0.0, harmonics: int = 2
) -> xr.Dataset:
    """Onsets and degree days of a temperature, or of one that is biased, as notebook 02 makes them.

    Parameters
    ----------
    daily : xarray.DataArray
        (time, ...) degC, one value a day.
    dates : sequence of datetime64
        Dates at which the sums are wanted, within the series.
    warmer : float
        K, added to every day before anything else.
    later : float
        Days, added to both mean onsets after they were found.
    harmonics : int
        Of the curve that finds the onsets.

    Returns
    -------
    xarray.Dataset
        What :func:`qtp_toolkit.pecm.indices` takes: ``addt``, ``addf``, ``permafrost_year`` (time), ``addt_end``,
        ``addf_end`` (thaw_year), ``thaw_onset_mean``, ``freeze_onset_mean`` and ``reason``. Lazy if ``daily`` is.

    Examples
    --------
    Three kelvin more, and the ground thaws two weeks earlier:

    >>> import pandas as pd
    >>> days = pd.date_range("2017-01-01", periods=730)
    >>> wave = -3.5 + 13.5 * np.sin(2 * np.pi * (np.arange(730) - 114) / 365)
    >>> year = xr.DataArray(wave, {"time": days}, "time", attrs={"units": "degC"})
    >>> plain, warm = (thermal(year, dates=days[::100], warmer=kelvin) for kelvin in (0.0, 3.0))
    >>> round(float(warm["thaw_onset_mean"] - plain["thaw_onset_mean"]))
    -13
    """
    daily = (daily + warmer).assign_attrs(daily.attrs)
    onsets = seasons.onsets(daily, harmonics=harmonics)
    ends = {name: (onsets[name] + later).assign_attrs(onsets[name].attrs) for name in ENDS}
    sums = seasons.degree_days(daily, *ends.values(), dates=dates)
    return sums.assign(ends | {"reason": onsets["reason"]})


def displacement(
    catalog: Any,
    *,
    ramp: Any = None,
    norm: str | None = None,
    indices: xr.Dataset | None = None,
    track: str | None = None,
    weather: bool = True,
) -> xr.Dataset:
    """Displacement at every date from the interferograms of a catalog, as notebook 05 makes it.

    Weather by ERA5 where the catalog has it with elevation and incidence, ramps, reference, inversion.

    Parameters
    ----------
    catalog : Catalog
        With ``interferograms``, its settings, and ``era5``, ``dem``, ``incidence``, ``lakes``, ``glaciers`` if there.
    ramp, norm : str, optional
        By default the settings of the catalog.
    indices : xarray.Dataset, optional
        Of :func:`qtp_toolkit.pecm.indices`, for ramps that are weighed.
    track : str, optional
        A row of ``settings.tracks``, whose stack, incidence and reference date are taken; the reference area is that
        of all tracks.
    weather : bool
        Whether to take out the troposphere of ERA5: not of interferograms that come without it.

    Returns
    -------
    xarray.Dataset
        That of :func:`qtp_toolkit.inversion.invert` with ``displacement`` (time, y, x; mm, positive toward the
        satellite) in place of the phase, ``reference_area`` (y, x), and what :func:`qtp_toolkit.correct.choose_ramp`
        says of the ramps. In memory.
    """
    settings, line = catalog.settings, catalog.track(track)
    stack = catalog[line.interferograms].load()
    coherence = stack["coherence"] if "coherence" in stack else xr.ones_like(stack["phase"])
    blank = xr.zeros_like(stack["phase"].isel({PAIR: 0}, drop=True), dtype=bool)
    outlines = [grid.rasterize(catalog[name], blank) for name in ("lakes", "glaciers") if catalog.available(name)]
    water = sum(outlines, blank).astype(bool)
    wavelength = stack.attrs.get("wavelength", settings.wavelength)
    phase = _without_weather(catalog, stack, wavelength, track) if weather else stack["phase"]
    about = {"weight": coherence, "mask": water, "indices": indices, "wavelength": wavelength}
    planes = correct.choose_ramp(phase, ramp or settings.ramp, **about)
    flat = correct.deramp(phase, ramp=planes)
    place = {"point": settings.reference_point, "radius_m": settings.reference_radius_m}
    area = correct.choose_reference(coherence, bounds=settings.reference_area, **place)
    dates = np.union1d(stack[REFERENCE].values, stack[SECONDARY].values)
    options = {"norm": norm or settings.norm, "weights": settings.weights}
    options["reference_date"] = network.acquisition(dates, line.reference_date)
    solved = inversion.invert(correct.set_reference(flat, area), coherence, **options)
    moved = phase_to_displacement(solved["phase"], wavelength=wavelength)
    solved = solved.drop_vars("phase").assign(displacement=moved, reference_area=area)
    return solved.assign(planes.drop_dims(PAIR)).assign_attrs(planes.attrs)


def _without_weather(catalog: Any, stack: xr.Dataset, wavelength: float, track: str | None) -> xr.DataArray:
    angle = _incidence(catalog, stack, track)
    if angle is None or not all(catalog.available(name) for name in ("era5", "dem")):
        return stack["phase"]
    heights = grid.match(catalog["dem"], stack, resampling="average").load()
    clock = stack.attrs.get("overpass", "00:00:00")
    dates = np.union1d(stack[REFERENCE].values, stack[SECONDARY].values)
    when: dict[str, Any] = {"dates": [f"{str(date)[:10]}T{clock}" for date in dates], "wavelength": wavelength}
    return correct.remove_delay(
        stack["phase"], correct.tropospheric_delay(catalog["era5"].load(), heights, angle.load(), **when)
    )


def _incidence(catalog: Any, stack: xr.Dataset, track: str | None) -> xr.DataArray | None:
    """Incidence of a track on the pixels of its stack; None if nothing tells it."""
    said = catalog.track(track).incidence
    if isinstance(said, str):
        return grid.match(catalog[said], stack) if catalog.available(said) else None
    if said is not None:
        return xr.DataArray(float(said), attrs={"units": "degree"})
    return stack.get("incidence")


def look(catalog: Any, track: str | None = None, *, like: Any = None) -> xr.Dataset:
    """Find the unit vector to the satellite of a track.

    Parameters
    ----------
    catalog : Catalog
        With ``settings.tracks``, or one stack ``interferograms``.
    track : str, optional
        A row of ``settings.tracks``.
    like : xarray.DataArray or xarray.Dataset, optional
        Pixels that it is wanted on; by default those of the stack.

    Returns
    -------
    xarray.Dataset
        ``look_east``, ``look_north``, ``look_up`` (y, x), or numbers: those of the stack if it has them; else of the
        incidence and the heading that the track sets, or that the product tells. Lazy.

    Raises
    ------
    QtpDataError
        I33: nothing says how the track looks.
    """
    vector = _look(catalog, track)
    everywhere = like is None or not any(da.dims for da in vector.values())
    return vector if everywhere else grid.match(vector, like)


def _look(catalog: Any, track: str | None) -> xr.Dataset:
    line = catalog.track(track)
    stack = catalog[line.interferograms]
    if line.heading is None and line.incidence is None and set(LOOK.values()) <= set(stack.data_vars):
        return stack[list(LOOK.values())]
    heading = stack.attrs.get("heading") if line.heading is None else line.heading
    angle = _incidence(catalog, stack, track)
    where = f"settings.tracks.{track}" if track else line.interferograms
    if heading is None:
        hint = "Set heading: degrees clockwise from north, near -12 ascending, near -168 descending."
        raise QtpDataError("nothing says in which direction the satellite flies", where=where, hint=hint, code="I33")
    if angle is None:
        hint = "Set incidence: a source of the catalog, or degrees; or open the stack with the layer incidence or look."
        raise QtpDataError("nothing says how steeply the satellite looks", where=where, hint=hint, code="I33")
    return pecm.look_vector(angle, heading, looks=line.looks)


def variants(
    daily: xr.DataArray,
    ratio: xr.DataArray,
    *,
    dates: Any,
    warmer: Iterable[float] = (-3, -1, 1, 3),
    later: Iterable[float] = (-30, -10, 10, 30),
    factors: Iterable[float] = (0.5, 2.0),
) -> dict[str, xr.Dataset]:
    """Make the indices of the model as they are, with other inputs, and by the letter of Eq. 3.

    Parameters
    ----------
    daily : xarray.DataArray
        (time, y, x) degC, one value a day.
    ratio : xarray.DataArray
        (y, x) frozen over thawed conductivity, on the grid that is wanted.
    dates : sequence of datetime64
        Of the displacement.
    warmer : iterable of float
        K: temperature biased everywhere and always; onsets and sums follow.
    later : iterable of float
        Days: onsets shifted, with the temperature as it is.
    factors : iterable of float
        Of the ratio.

    Returns
    -------
    dict of str to xarray.Dataset
        ``as it is``, ``LST +3 K``, ``onsets -10 d``, ``ratio x 2``, ``printed L``: what
        :func:`qtp_toolkit.pecm.fit_variants` takes. Lazy if ``daily`` or ``ratio`` is.
    """
    plain = thermal(daily, dates=dates)
    changed = {f"LST {kelvin:+g} K": thermal(daily, dates=dates, warmer=kelvin) for kelvin in warmer}
    changed |= {f"onsets {days:+g} d": thermal(daily, dates=dates, later=days) for days in later}
    out = {name: pecm.indices(sums, ratio) for name, sums in ({UNCHANGED: plain} | changed).items()}
    out |= {f"ratio x {factor:g}": pecm.indices(plain, factor * ratio) for factor in factors}
    return out | {"printed L": pecm.indices(plain, ratio, form="printed")}
