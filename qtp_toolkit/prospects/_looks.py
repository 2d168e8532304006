"""A thinned look at pixels before work begins: what is in a source, and how still a reference area stands."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import correct, grid, load, lst
from qtp_toolkit.conventions import (
    ESTIMATED_FROM,
    PAIR,
    REFERENCE,
    SECONDARY,
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    xnp,
)

_SIDE = 64
"""Rows and columns that a look reads at most."""
_SIGHTS = 46
"""Layers of a series of maps that a look reads at most."""
_LEAST_COHERENCE = 0.15
_STILL = 0.5
_FEW = 5
"""A mean of fewer pixels keeps half of the noise of one."""
_YEAR = 365
"""Days in which a rate and the wave of a year can be told apart."""


def look_at_pixels(data: xr.Dataset | xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH) -> list[str]:
    """Read a thinned copy of what a source holds and say what is in it: the look before work begins. This one computes.

    ``qtp check``, ``qtp ingest`` and the notebooks take this one look.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        As the catalog opens it, lazy: a stack of interferograms, land surface temperature, or maps (y, x) of any kind.
        What is no map is passed over.
    wavelength : float
        m, of the radar: what incidence it can have.

    Returns
    -------
    list of str
        One line a variable, then what the three looks below warn of.

    Raises
    ------
    QtpDataError
        What cannot be, see :func:`qtp_toolkit.load.look_at_stack`, :func:`qtp_toolkit.load.check_lst` and
        :func:`qtp_toolkit.load.check_incidence`; a map without any valid pixel.

    Examples
    --------
    >>> heights = xr.DataArray([[4500.0, 4620.0], [np.nan, 4700.0]], dims=("y", "x"), name="elevation")
    >>> look_at_pixels(heights.assign_attrs(units="m"))
    ['elevation: 4500 to 4700 m, valid 75%']
    """
    notes: list[str] = []
    with noting_warnings(notes):
        notes += _pixels(data, wavelength)
    return notes


def look_at_area(
    stack: xr.Dataset, area: xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH
) -> list[tuple[bool, str]]:
    """Say whether a reference area is valid, coherent, still and wide, and where ground is stiller. This one computes.

    Parameters
    ----------
    stack : xarray.Dataset
        ``phase`` (pair, y, x), rad, with a CRS, and ``coherence`` if there is one; any of both may be lazy.
    area : xarray.DataArray
        bool, dims ``y, x``, in memory: from :func:`qtp_toolkit.correct.choose_reference`.
    wavelength : float
        m.

    Returns
    -------
    list of (bool, str)
        Whether it is good, and in words, one a finding. How still it is, pairs of less than a year do not tell: that is
        said, and held against nobody. The last finding is there only of an area of so few pixels that their noise
        stays, which is not good where a circle narrower than a pixel left no more.

    Examples
    --------
    >>> axes = {"y": [34.2, 34.1, 34.0], "x": [92.0, 92.1]}
    >>> days = pd.date_range("2018-01-01", periods=9, freq="60D")
    >>> ends = {"reference": ("pair", days[:-1]), "secondary": ("pair", days[1:])}
    >>> phase = xr.DataArray(np.zeros((8, 3, 2)), axes | ends, ("pair", "y", "x"), attrs={"units": "rad"})
    >>> phase[3, 0] = np.nan
    >>> area = xr.zeros_like(phase[0], dtype=bool)
    >>> area[0] = True
    >>> look_at_area(phase.rio.write_crs(4326).to_dataset(name="phase"), area)
    [(False, 'reference area: 2 pixels, without any valid pixel in 1 of 8 pairs: move it to coherent ground')]
    """
    rows, columns = (np.flatnonzero(area.any(dim).values) for dim in (X, Y))
    box = {Y: slice(rows[0], rows[-1] + 1), X: slice(columns[0], columns[-1] + 1)}
    inside = stack.isel(box).where(area.isel(box)).compute()
    by = f" by {area.attrs['chosen']}" if "chosen" in area.attrs else ""
    said = f"reference area{by}: {int(area.sum())} pixels"
    empty = int((xnp.isfinite(inside["phase"]).sum((Y, X)) == 0).sum())
    if empty:
        pairs = stack.sizes[PAIR]
        return [(False, f"{said}, without any valid pixel in {empty} of {pairs} pairs: move it to coherent ground")]
    found = (True, f"{said}, valid in all pairs")
    if "coherence" in inside:
        worst = float(inside["coherence"].mean((Y, X)).min())
        found = (worst >= _LEAST_COHERENCE, f"{said}, coherence {worst:.2f} in its worst pair")
    still = _look_how_still(thin(stack).compute(), inside["phase"], wavelength)
    return [found, still, *_look_how_wide(area)]


def look_at_hours(data: Any) -> None:
    """Warn of overpasses at other hours than those that coefficients of the daily mean are for; see there.

    Parameters
    ----------
    data : xarray.Dataset
        Land surface temperature; what is none is passed over. Only dates are read, and view times if it has them.
    """
    if isinstance(data, xr.Dataset) and set(lst.LOOKS) & set(data.data_vars):
        lst.warn_of_drift(lst.overpass_drift(thin(data)))


@contextmanager
def noting_warnings(notes: list[str]) -> Iterator[None]:
    """Turn what the toolkit warns of into lines that are read where the look is taken."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
    texts = [" ".join(str(warning.message).split()) for warning in told if warning.category is UserWarning]
    notes += [f"warning: {text}" for text in dict.fromkeys(texts)]


def _pixels(data: xr.Dataset | xr.DataArray, wavelength: float) -> list[str]:
    if isinstance(data, xr.Dataset) and "phase" in data and PAIR in data.dims:
        table = load.look_at_stack(data)
        words = f"phase {table['smallest'].min():.1f} to {table['largest'].max():.1f} rad"
        gray = f", median coherence {table['coherence'].median():.2f}" if "coherence" in table else ", no coherence"
        gray += f" of {said} interferograms" if (said := _estimated_from(data)) else ""
        without, pairs = int(data.attrs.get("pairs_without_coherence", 0)), data.sizes[PAIR]
        gray = f", no coherence: 1 in its place for {without} of {pairs} pairs" if without == pairs else gray
        gray += f", 1 in its place for {without} of {pairs} pairs" if 0 < without < pairs else ""
        return [f"{words}, valid {table['valid'].mean():.0%}{gray}", *_of_radar(data)]
    if isinstance(data, xr.Dataset) and set(lst.LOOKS) & set(data.data_vars):
        look_at_hours(data)
        table = load.check_lst(thin(data), every=1)
        return [
            f"{name}: median {row['median']:.1f} degC, valid {row['valid']:.0%}, {row['empty']} empty composites"
            for name, row in table.iterrows()
        ]
    notes = []
    for name, da in data.data_vars.items() if isinstance(data, xr.Dataset) else [(data.name, data)]:
        if not {Y, X} <= set(da.dims) or da.dtype.kind not in "iuf":
            continue
        few = da.isel({TIME: _every(da.sizes[TIME], _SIGHTS)}) if TIME in da.dims else da
        seen = thin(few).compute()
        known = np.isfinite(seen) if seen.dtype.kind == "f" else seen != -1
        if not bool(known.any()):
            raise QtpDataError(
                "no valid pixel", variable=str(name), hint="All of it is nodata: look at nodata and units."
            )
        if name == "incidence":
            load.check_incidence(seen, wavelength=wavelength)
        low, high = float(seen.where(known).min()), float(seen.where(known).max())
        notes.append(f"{name}: {low:.4g} to {high:.4g} {da.attrs.get('units', '')}, valid {float(known.mean()):.0%}")
    return notes


def _of_radar(stack: xr.Dataset) -> list[str]:
    if stack.attrs.get("geometry") != "radar":
        return []
    return [
        "warning: lines and samples of radar geometry, no map: functions invert it as it is, but reference, "
        "temperature and maps of the notebooks need parameters.geometry: geocoded"
    ]


def _estimated_from(stack: xr.Dataset) -> str | None:
    return stack["coherence"].attrs.get(ESTIMATED_FROM) if "coherence" in stack else None


def _look_how_still(thin: xr.Dataset, inside: xr.DataArray, wavelength: float) -> tuple[bool, str]:
    ends = [thin[end].values.astype("datetime64[D]") for end in (REFERENCE, SECONDARY)]
    days = int((max(ends[1]) - min(ends[0])).astype(int))
    if days < _YEAR:
        return True, f"how still it stands is not judged: in {days} days a rate and a season look alike"
    still = correct.reference_motion(thin["phase"], inside, weight=thin.get("coherence"), wavelength=wavelength)
    moves = f"against the median pixel it moves by {still.amplitude:.1f} mm a season and {still.rate:+.1f} mm/yr"
    said = f"{moves}, planes taken out; {still.rank:.0%} of the pixels settle less in summer"
    if still.rank <= _STILL:
        return True, said
    where = grid.lonlat(thin["phase"].isel({PAIR: 0}, drop=True))
    spots = [f"{float(where.longitude[at]):.3f}, {float(where.latitude[at]):.3f}" for at in still.stiller]
    instead = f"; coherent ground that moves less (longitude, latitude): {'; '.join(spots)}" if spots else ""
    return False, f"{said}: it does not stand still; bedrock or dry ground is better{instead}"


def _look_how_wide(area: xr.DataArray) -> list[tuple[bool, str]]:
    """Tell an area of a few pixels, and by a circle that holds none whether its radius is meant."""
    number = int(area.sum())
    if number >= _FEW or min(area.sizes[Y], area.sizes[X]) < 2:
        return []
    side, radius = grid.pixel_size(area), area.attrs.get("radius_m")
    said = f"a reference of {number} pixel{'s' * (number > 1)} of {side:.4g} m: noise there is in every other pixel"
    if radius is None:
        where = area.attrs.get("chosen", "")
        wider = f"widen {where}" if "settings" in where or "source" in where else "set settings.reference_point"
        return [(True, f"{said}; {wider}, unless so few are meant")]
    wider = f"set settings.reference_radius_m (m) to {_round_up(2 * side)} or more"
    if 2 * radius >= side:
        return [(True, f"{said}; {wider}, unless so few are meant")]
    return [(False, f"{said}, for its radius is {radius:g} m, less than half a pixel; {wider}")]


def _round_up(length: float) -> str:
    """Length to the next number of one digit."""
    unit = 10.0 ** np.floor(np.log10(length))
    return f"{np.ceil(round(length / unit, 6)) * unit:g}"


def thin(data: Any) -> Any:
    return data.isel({dim: _every(data.sizes[dim], _SIDE) for dim in (Y, X) if dim in data.dims})


def _every(size: int, most: int) -> slice:
    """Every n-th element, so that there are at most so many."""
    return slice(None, None, max(-(-size // most), 1))
