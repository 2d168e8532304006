"""Names, units, signs and errors that the whole toolkit shares.

One table, :data:`VARIABLES`, says what every quantity is called, its unit and its sign; :func:`describe` stamps it
onto results, :func:`require` checks it on inputs. Other modules name quantities, not units.

Signs and units, stated once: displacement in mm, positive toward the satellite (uplift); rate in mm/yr; phase in rad
with ``phase = -(4 pi / wavelength) * displacement``; temperature in degC; degree days in ``degC d``; conductivity in
W m-1 K-1; density in kg m-3; active layer thickness in m; fractions 0..1.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import _rio
from qtp_toolkit._errors import MissingSourceError, QtpDataError  # noqa: F401  (imported from here)
from qtp_toolkit._grids import (  # noqa: F401  (imported from here)
    as_mask,
    on_one_grid,
    on_pixels_of,
    require_same_grid,
    with_same_labels,
)
from qtp_toolkit._variables import LOOKS, VARIABLES  # noqa: F401  (LOOKS is imported from here)
from qtp_toolkit.kernels import reasons

_rio.register()
xnp: Any = np  # a ufunc keeps the labels of its arrays, but the stubs of NumPy call the result bare
TIME, Y, X, PAIR = "time", "y", "x", "pair"
REFERENCE, SECONDARY = "reference", "secondary"
THAW_YEAR, STATION, STRATUM, PERCENTILE, DEPTH = "thaw_year", "station", "stratum", "percentile", "depth"

RADAR_AXES = {Y: "line of a radar image", X: "sample of a radar image"}
"""Long names of the coordinates of what lies in radar geometry, by which it is known: it has no CRS."""

ESTIMATED_FROM = "estimated_from"
"""Attribute of a coherence: whether it was estimated from ``filtered`` or ``unfiltered`` interferograms."""

CYCLES = "component_cycles"
"""Attribute of a phase whose components were brought to one level: whole cycles added, by pair and component."""

SENTINEL1_WAVELENGTH = 0.05546576
"""Radar wavelength of Sentinel-1 in m (C band, 5.405 GHz)."""
SENTINEL1_INCIDENCE = (29.0, 47.0)  # degree; a whole swath over Mexico reaches 46.3

SECONDS_PER_DAY = 86400.0
DAYS_PER_YEAR = 365.25
WATER_DENSITY = 1000.0
ICE_DENSITY = 917.0
LATENT_HEAT_OF_FUSION = 3.34e5
"""Latent heat of fusion of ice in J kg-1."""

REASONS = {
    reasons.OK: "ok",
    reasons.NEVER_THAWS: "never thaws",
    reasons.NEVER_FREEZES: "never freezes",
    reasons.ILL_CONDITIONED: "ill-conditioned",
    reasons.TOO_FEW: "too few observations",
    reasons.NO_TEMPERATURE: "no land surface temperature",
    reasons.NOT_CONNECTED: "not connected to the reference date",
    reasons.MASKED: "masked",
    reasons.LONG_GAP: "gap longer than accepted",
    reasons.ONE_TRACK: "seen by one track only",
}
"""Why a pixel is NaN; the codes of every ``reason`` layer (uint8)."""

NOTE, SYNTHETIC = "provenance_note", "synthetic scene"
"""Attribute on everything made from the embedded scene, and its value; figures print it."""


def provenance(*objects: xr.DataArray | xr.Dataset | None) -> dict[str, str]:
    """Attributes that say where data come from, as the first of ``objects`` has them; results carry them on.

    Only the note of a synthetic source is carried: citation and files are of one source, not of what is computed from
    several. A Dataset has the note itself or on one of its variables.

    >>> provenance(xr.DataArray(0.0), xr.DataArray(0.0, attrs={"provenance_note": SYNTHETIC, "units": "mm"}))
    {'provenance_note': 'synthetic scene'}
    """
    for obj in objects:
        parts = [obj, *obj.data_vars.values()] if isinstance(obj, xr.Dataset) else [obj]
        for part in parts:
            note = getattr(part, "attrs", {}).get(NOTE)
            if note:
                return {NOTE: note}
    return {}


def carry_provenance(ds: xr.Dataset, *like: xr.DataArray | xr.Dataset | None) -> xr.Dataset:
    """Mark a Dataset and each of its variables as coming from ``like``; those that have a note of their own keep it.

    Not ``ds.map(xr.DataArray.assign_attrs, ...)``: xarray puts the old attributes back after the map.

    Parameters
    ----------
    ds : xarray.Dataset
        Not modified.
    *like : xarray.DataArray or xarray.Dataset
        Sources, see :func:`provenance`.

    Returns
    -------
    xarray.Dataset
        Same values, lazy if the input is lazy.
    """
    marks = provenance(*like)
    return ds.assign({name: da.assign_attrs(marks | da.attrs) for name, da in ds.data_vars.items()}).assign_attrs(marks)


def describe(
    da: xr.DataArray,
    name: str,
    *,
    like: xr.DataArray | xr.Dataset | tuple[xr.DataArray | xr.Dataset | None, ...] = (),
    **attrs: Any,
) -> xr.DataArray:
    """Name a result and give it the units and long name of the variable table.

    The last line of every public function that returns a physical quantity: xarray carries attributes through
    arithmetic unchanged, so ``sqrt(degC d)`` would otherwise still claim ``degC d``.

    Parameters
    ----------
    da : xarray.DataArray
        The result, any dims. Not modified.
    name : str
        A key of :data:`VARIABLES`.
    like : xarray.DataArray, xarray.Dataset or a tuple of them
        What the result was made from: its :func:`provenance` is carried on.
    **attrs
        Further attributes to keep with the result.

    Returns
    -------
    xarray.DataArray
        Same values and dims, lazy if the input is lazy; attributes are those of the table, ``attrs`` and the
        provenance, nothing else.

    Examples
    --------
    >>> rate = xr.DataArray([-5.0], dims="x", attrs={"units": "m", "provenance_note": SYNTHETIC})
    >>> describe(1000 * rate, "linear_rate", like=rate).attrs["units"]
    'mm/yr'
    """
    out = da.rename(name).copy(deep=False)  # a new name alone shares the attributes with the input
    marks = provenance(*like) if isinstance(like, tuple) else provenance(like)
    out.attrs = {**VARIABLES[name].attrs, **marks, **attrs}
    return out


def require(
    da: xr.DataArray,
    *,
    dims: tuple[str, ...] = (),
    quantity: str | None = None,
    units: str | None = None,
    between: tuple[float, float] | None = None,
    name: str | None = None,
    code: str | None = None,
    hint: str | None = "Check unit, scale factor and fill value of the source.",
) -> None:
    """Refuse an input that lacks dims, has the wrong unit, or (when in memory) lies outside a physical range.

    Parameters
    ----------
    da : xarray.DataArray
    dims : tuple of str
        Dims that must be present (others may be).
    quantity : str, optional
        A key of :data:`VARIABLES`, whose unit and physical range hold where ``units`` and ``between`` are not given.
    units : str, optional
        The ``units`` attribute that the array must carry.
    between : (float, float), optional
        Closed physical range. Checked only on arrays that are already in memory: laziness is kept.
    name : str, optional
        How the error calls the array; by default its own name.
    code, hint : str, optional
        Fault of docs/faults.md and advice of the error if the array leaves its range.

    Raises
    ------
    QtpDataError
        Naming the array, what was expected, what was found and what to do.
    """
    if quantity is not None:
        units, between = units or VARIABLES[quantity].units, between or VARIABLES[quantity].valid
    if not isinstance(da, xr.DataArray if units else xr.DataArray | xr.Dataset):
        raise QtpDataError(f"{name or quantity or 'input'} is no DataArray", expected=units, found=type(da).__name__)
    label = repr(name or da.name or "array")
    missing = [dim for dim in dims if dim not in da.dims]
    if missing:
        raise QtpDataError(
            f"{label} lacks dims {missing}", expected=dims, found=tuple(da.dims), hint="Rename its dims before calling."
        )
    if units is not None and da.attrs.get("units") != units:
        raise QtpDataError(
            f"{label} has the wrong unit",
            expected=repr(units),
            found=repr(da.attrs.get("units")),
            hint=f"Convert the values, then set attrs['units'] = {units!r}.",
        )
    if between is not None and da.size and not is_lazy(da):
        values = np.asarray(da.values)
        low, high = (find.reduce(values, axis=None) for find in (np.fmin, np.fmax))  # one look is enough if all is well
        fine = low >= between[0] and high <= between[1]
        outside = np.isfinite(values) & ((values < between[0]) | (values > between[1])) if not fine else np.False_
        if outside.any():
            raise QtpDataError(
                f"{label} leaves its physical range",
                expected=f"{between[0]:g} to {between[1]:g} {da.attrs.get('units', '')}".removesuffix(" 1").rstrip(),
                found=f"{np.nanmin(values):g} to {np.nanmax(values):g}, {outside.mean():.1%} of values outside",
                code=code,
                hint=hint,
            )


def require_option(what: str, value: object, allowed: Iterable[object]) -> None:
    """Refuse an option outside its list."""
    allowed = list(allowed)
    if value not in allowed:
        raise QtpDataError(f"unknown {what}", expected=", ".join(map(str, allowed)), found=repr(value))


def is_lazy(obj: xr.DataArray | xr.Dataset) -> bool:
    """Whether any array of ``obj`` is backed by dask; coordinates do not count."""
    arrays = obj.data_vars.values() if isinstance(obj, xr.Dataset) else [obj]
    return any(array.chunks is not None for array in arrays)


@contextmanager
def many_blocks() -> Iterator[None]:
    """Spread small arrays over the many blocks of a large one, as is meant, without dask's warning that blocks grow."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Increasing number of chunks")
        yield


def coordinate(obj: xr.DataArray | xr.Dataset, name: str) -> np.ndarray:
    """Values of a small coordinate (dates of pairs, limits of layers) that is needed before any computation.

    ``.chunk()`` makes coordinates lazy along with the data; this reads them in the calling thread, whatever scheduler
    is set for the data.
    """
    data = obj[name].data
    return np.asarray(data.compute(scheduler="synchronous") if hasattr(data, "compute") else data)


def decoded_times(da: xr.DataArray) -> np.ndarray:
    """Values of the time axis; refuses one that was not decoded to dates (M24)."""
    times = da[TIME].values
    if not np.issubdtype(times.dtype, np.datetime64):
        raise QtpDataError(
            "time is not datetime64",
            variable=str(da.name),
            code="M24",
            found=f"{times.dtype}, units {da[TIME].attrs.get('units')}",
            hint="Decode the time axis when loading.",
        )
    return times


def require_covered(wanted: np.ndarray, outside: np.ndarray, times: np.ndarray) -> None:
    """Refuse dates ``wanted`` (n,) of which ``outside`` (n,) is True: the temperature covers ``times`` only (M28)."""
    if outside.any():
        days, (first, *_, last) = (a.astype("datetime64[D]").astype(str) for a in (wanted[outside], times))
        raise QtpDataError(
            f"{len(days)} dates lie outside the temperature series",
            where=days[:5].tolist(),
            expected=f"{first} to {last}",
            found=f"{min(days)} to {max(days)}",
            hint="Extend the series or drop these dates.",
            code="M28",
        )


def phase_to_displacement(phase: xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH) -> xr.DataArray:
    """Line-of-sight displacement (mm, positive toward the satellite) from phase (rad).

    ``D = -wavelength / (4 pi) * phase``, so subsidence gives positive phase: -10 mm is +2.26561 rad at C band.

    Parameters
    ----------
    phase : xarray.DataArray
        Any dims, rad.
    wavelength : float
        m, 0.01 to 1.

    Returns
    -------
    xarray.DataArray
        Same dims, mm, lazy if the input is lazy.
    """
    require(phase, units="rad")
    return describe(phase * (-_mm_per_rad(wavelength)), "displacement", like=phase)


def displacement_to_phase(displacement: xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH) -> xr.DataArray:
    """Phase (rad) of a line-of-sight displacement (mm, uplift positive); see :func:`phase_to_displacement`."""
    require(displacement, units="mm")
    return describe(displacement * (-1.0 / _mm_per_rad(wavelength)), "phase", like=displacement)


def to_vertical(displacement: xr.DataArray, incidence: xr.DataArray) -> xr.DataArray:
    """Project line-of-sight displacement (or a rate or amplitude) onto the vertical: ``D / cos(incidence)``.

    Assumes purely vertical motion. The paper reports line-of-sight values throughout; this is for comparison with
    leveling.

    Parameters
    ----------
    displacement : xarray.DataArray
        mm or mm/yr, line of sight.
    incidence : xarray.DataArray
        degree from the vertical, 2 to 89, on the pixels of the displacement or larger.

    Returns
    -------
    xarray.DataArray
        Same dims and unit; ``long_name`` says vertical. NaN where lazy angles are out of range. Lazy if an input is.
    """
    require(incidence, units="degree", between=(2.0, 89.0), name="incidence", code="I11", hint="Radians? 0 as fill?")
    angle = on_pixels_of(incidence, displacement, name="incidence")
    out = displacement / np.cos(np.deg2rad(angle.where((angle >= 2.0) & (angle <= 89.0))))
    long_name = str(displacement.attrs.get("long_name", displacement.name)).replace("line-of-sight", "vertical")
    return out.rename(displacement.name).assign_attrs({**displacement.attrs, "long_name": long_name})


def check_wavelength(wavelength: float) -> None:
    """Refuse a radar wavelength that is not in meters."""
    if not 0.01 <= wavelength <= 1.0:
        raise QtpDataError(
            "wavelength is not in meters",
            expected="0.01 to 1 m",
            found=wavelength,
            hint="Sentinel-1 is 0.05546576 m.",
            code="I15",
        )


def _mm_per_rad(wavelength: float) -> float:
    check_wavelength(wavelength)
    return 1000.0 * wavelength / (4.0 * np.pi)
