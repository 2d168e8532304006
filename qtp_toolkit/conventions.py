"""Names, units, signs and errors that the whole toolkit shares.

One table, :data:`VARIABLES`, says what every quantity is called, its unit and its sign; :func:`describe` stamps it
onto results, :func:`require` checks it on inputs. Nothing else in the package types a unit string.

Signs and units, stated once: displacement in mm, positive toward the satellite (uplift); rate in mm/yr; phase in rad
with ``phase = -(4 pi / wavelength) * displacement``; temperature in degC; degree days in ``degC d``; conductivity in
W m-1 K-1; density in kg m-3; active layer thickness in m; fractions 0..1.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit._errors import MissingSourceError, QtpDataError  # noqa: F401  (imported from here)

TIME, Y, X, PAIR = "time", "y", "x", "pair"
REFERENCE, SECONDARY = "reference", "secondary"
THAW_YEAR, STATION, STRATUM, PERCENTILE, DEPTH = "thaw_year", "station", "stratum", "percentile", "depth"

SENTINEL1_WAVELENGTH = 0.05546576
"""Radar wavelength of Sentinel-1 in m (C band, 5.405 GHz)."""

SECONDS_PER_DAY = 86400.0
DAYS_PER_YEAR = 365.25
WATER_DENSITY = 1000.0
ICE_DENSITY = 917.0
LATENT_HEAT_OF_FUSION = 3.34e5
"""Latent heat of fusion of ice in J kg-1."""

REASONS = {
    0: "ok",
    1: "never thaws",
    2: "never freezes",
    3: "ill-conditioned",
    4: "too few observations",
    5: "no land surface temperature",
    6: "not connected to the reference date",
    7: "masked",
    8: "gap longer than accepted",
}
"""Why a pixel is NaN; the codes of every ``reason`` layer (uint8)."""

SYNTHETIC = "synthetic scene"
"""Value of the attribute ``provenance_note`` on everything made from the embedded scene; figures print it."""


class Variable(NamedTuple):
    """One row of the variable table."""

    units: str
    long_name: str
    standard_name: str | None = None


VARIABLES: dict[str, Variable] = {
    # land surface temperature and seasons
    "lst": Variable("degC", "mean daily land surface temperature", "surface_temperature"),
    "terra_day": Variable("degC", "Terra daytime land surface temperature", "surface_temperature"),
    "terra_night": Variable("degC", "Terra night-time land surface temperature", "surface_temperature"),
    "aqua_day": Variable("degC", "Aqua daytime land surface temperature", "surface_temperature"),
    "aqua_night": Variable("degC", "Aqua night-time land surface temperature", "surface_temperature"),
    "qc": Variable("1", "MODIS quality control byte"),
    "thaw_onset": Variable("day of year", "thaw onset"),
    "freeze_onset": Variable("day of year", "freeze onset"),
    "thaw_onset_std": Variable("d", "interannual standard deviation of the thaw onset"),
    "freeze_onset_std": Variable("d", "interannual standard deviation of the freeze onset"),
    "addt": Variable("degC d", "accumulated degree days of thaw"),
    "addf": Variable("degC d", "accumulated degree days of freeze"),
    "addt_max": Variable("degC d", "largest seasonal sum of degree days of thaw"),
    "addf_max": Variable("degC d", "largest seasonal sum of degree days of freeze"),
    "ddt": Variable("degC d", "annual degree days of thawing"),
    "ddf": Variable("degC d", "annual degree days of freezing"),
    "ddt_max": Variable("degC d", "maximum degree days of thawing"),
    "ddf_max": Variable("degC d", "maximum degree days of freezing"),
    "ddt_ddf_ratio": Variable("1", "ratio of thawing to freezing degree days"),
    "mean_annual_temperature": Variable("degC", "mean annual temperature"),
    "permafrost_year": Variable("1", "number of the permafrost year, from thaw onset to thaw onset"),
    # soil
    "bulk_density": Variable("kg m-3", "soil bulk density"),
    "sand": Variable("1", "sand mass fraction"),
    "quartz": Variable("1", "quartz fraction of the soil solids"),
    "porosity": Variable("1", "soil porosity"),
    "water_content": Variable("1", "volumetric water content of the active layer"),
    "saturation": Variable("1", "degree of saturation"),
    "conductivity_thawed": Variable("W m-1 K-1", "thermal conductivity of the thawed soil"),
    "conductivity_frozen": Variable("W m-1 K-1", "thermal conductivity of the frozen soil"),
    "conductivity_ratio": Variable("1", "ratio of frozen to thawed thermal conductivity"),
    # interferograms
    "phase": Variable("rad", "unwrapped interferometric phase"),
    "wrapped_phase": Variable("rad", "wrapped interferometric phase"),
    "coherence": Variable("1", "interferometric coherence"),
    "closure_phase": Variable("rad", "closure phase of the triplet"),
    "temporal_coherence": Variable("1", "temporal coherence of the network inversion"),
    "phase_std": Variable("rad", "standard deviation of the phase at the date"),
    "overruled": Variable("1", "number of pairs that the others overrule by more than half a cycle"),
    "last_step": Variable("rad", "largest change of a date by the last reweighting"),
    "groups": Variable("1", "number of groups of dates that valid pairs connect"),
    "redundancy": Variable("1", "number of valid pairs beyond those that the dates need"),
    "misfit": Variable("rad", "root-mean-square residual of the pair"),
    "overruled_share": Variable("1", "share of pixels where the pair is off by more than half a cycle"),
    "closure_errors": Variable("1", "number of triplets that do not close by whole cycles"),
    "closure_error_share": Variable("1", "share of the pair's triplets that do not close by whole cycles"),
    "tropospheric_phase": Variable("rad", "tropospheric delay phase in the line of sight"),
    "incidence": Variable("degree", "incidence angle"),
    "perpendicular_baseline": Variable("m", "perpendicular baseline"),
    # deformation
    "displacement": Variable("mm", "line-of-sight displacement, positive toward the satellite"),
    "linear_index": Variable("1", "linear index L of the deformation model"),
    "composite_index": Variable("degC0.5 d0.5", "composite freeze-thaw index I"),
    "linear_rate": Variable("mm/yr", "line-of-sight linear deformation rate"),
    "linear_rate_std": Variable("mm/yr", "standard deviation of the linear deformation rate"),
    "seasonal_amplitude": Variable("mm", "line-of-sight seasonal deformation amplitude, peak to trough"),
    "seasonal_amplitude_std": Variable("mm", "standard deviation of the seasonal deformation amplitude"),
    "seasonal_coefficient": Variable("mm degC-0.5 d-0.5", "seasonal deformation coefficient"),
    "intercept": Variable("mm", "intercept of the deformation model"),
    "rms": Variable("mm", "root-mean-square residual of the deformation model"),
    "reason": Variable("1", "reason code, 0 where valid"),
    # environment
    "elevation": Variable("m", "elevation", "surface_altitude"),
    "slope": Variable("degree", "terrain slope angle"),
    "aspect": Variable("degree", "downslope aspect, clockwise from north"),
    "northness": Variable("1", "cosine of the aspect"),
    "longitude": Variable("degrees_east", "longitude", "longitude"),
    "latitude": Variable("degrees_north", "latitude", "latitude"),
    "magt": Variable("degC", "mean annual ground temperature"),
    "ndvi": Variable("1", "normalized difference vegetation index"),
    "vegetation": Variable("1", "vegetation class"),
    "permafrost": Variable("1", "permafrost class"),
    "ground_ice": Variable("1", "volumetric ground ice content of the upper 5 m"),
    "active_layer_thickness": Variable("m", "active layer thickness"),
    "mean_water_content": Variable("1", "depth-weighted mean volumetric water content of the active layer"),
    "alt_calibrated": Variable("m", "active layer thickness calibrated by water content"),
    "soil_temperature": Variable("degC", "soil temperature"),
    # geographical detector
    "q": Variable("1", "q statistic of the geographical detector"),
    "p": Variable("1", "p value"),
    "n": Variable("1", "number of samples"),
    "dropped": Variable("1", "samples without value or without stratum"),
    "strata": Variable("1", "number of strata that hold samples"),
    "min_stratum": Variable("1", "samples of the smallest stratum"),
    "q_first": Variable("1", "q statistic of the first factor on the joint sample"),
    "q_second": Variable("1", "q statistic of the second factor on the joint sample"),
    "interaction": Variable("1", "kind of interaction of two factors"),
    "q_null": Variable("1", "q statistic of maps with the same spatial correlation"),
    "p_holm": Variable("1", "p value, Holm-corrected for all pairs"),
    "f_ratio": Variable("1", "ratio of the variances within strata"),
    "t": Variable("1", "Welch t statistic"),
    "degrees_of_freedom": Variable("1", "degrees of freedom"),
    "count": Variable("1", "number of values"),
    "along": Variable("m", "distance along the line"),
    "across": Variable("m", "distance from the line, positive to its left"),
}


def describe(da: xr.DataArray, name: str, **attrs: object) -> xr.DataArray:
    """Name a result and give it the units and long name of the variable table.

    The last line of every public function that returns a physical quantity: xarray carries attributes through
    arithmetic unchanged, so ``sqrt(degC d)`` would otherwise still claim ``degC d``.

    Parameters
    ----------
    da : xarray.DataArray
        The result, any dims. Not modified.
    name : str
        A key of :data:`VARIABLES`.
    **attrs
        Further attributes to keep with the result.

    Returns
    -------
    xarray.DataArray
        Same values and dims, lazy if the input is lazy; attributes are exactly those of the table plus ``attrs``.
    """
    row = VARIABLES[name]
    table = {key: value for key, value in row._asdict().items() if value is not None}
    out = da.rename(name)
    out.attrs = {**table, **attrs}
    return out


def require(
    da: xr.DataArray,
    *,
    dims: tuple[str, ...] = (),
    units: str | None = None,
    between: tuple[float, float] | None = None,
    name: str | None = None,
) -> None:
    """Refuse an input that lacks dims, has the wrong unit, or (when in memory) lies outside a physical range.

    Parameters
    ----------
    da : xarray.DataArray
    dims : tuple of str
        Dims that must be present (others may be).
    units : str, optional
        The ``units`` attribute that the array must carry.
    between : (float, float), optional
        Closed physical range. Checked only on arrays that are already in memory: laziness is kept.
    name : str, optional
        How the error calls the array; by default its own name.

    Raises
    ------
    QtpDataError
        Naming the array, what was expected, what was found and what to do.
    """
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
        low, high = values.min(), values.max()  # quick, and enough unless something is NaN or outside
        fine = low >= between[0] and high <= between[1]
        outside = np.isfinite(values) & ((values < between[0]) | (values > between[1])) if not fine else np.False_
        if outside.any():
            raise QtpDataError(
                f"{label} leaves its physical range",
                expected=f"{between[0]:g} to {between[1]:g} {da.attrs.get('units', '')}".rstrip(),
                found=f"{np.nanmin(values):g} to {np.nanmax(values):g}, {outside.mean():.1%} of values outside",
                hint="Check unit, scale factor and fill value of the source.",
            )


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
    return describe(phase * (-_mm_per_rad(wavelength)), "displacement", **_provenance(phase))


def displacement_to_phase(displacement: xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH) -> xr.DataArray:
    """Phase (rad) of a line-of-sight displacement (mm, uplift positive); see :func:`phase_to_displacement`."""
    require(displacement, units="mm")
    return describe(displacement * (-1.0 / _mm_per_rad(wavelength)), "phase", **_provenance(displacement))


def to_vertical(displacement: xr.DataArray, incidence: xr.DataArray) -> xr.DataArray:
    """Project line-of-sight displacement (or a rate or amplitude) onto the vertical: ``D / cos(incidence)``.

    Assumes purely vertical motion. The paper reports line-of-sight values throughout; this is for comparison with
    leveling.

    Parameters
    ----------
    displacement : xarray.DataArray
        mm or mm/yr, line of sight.
    incidence : xarray.DataArray
        degree from the vertical.

    Returns
    -------
    xarray.DataArray
        Same dims and unit; ``long_name`` says vertical. Lazy if the input is lazy.
    """
    require(incidence, units="degree")
    out = displacement / np.cos(np.deg2rad(incidence))
    long_name = str(displacement.attrs.get("long_name", displacement.name)).replace("line-of-sight", "vertical")
    return out.rename(displacement.name).assign_attrs({**displacement.attrs, "long_name": long_name})


def _mm_per_rad(wavelength: float) -> float:
    if not 0.01 <= wavelength <= 1.0:
        raise QtpDataError(
            "wavelength is not in meters", expected="0.01 to 1 m", found=wavelength, hint="Sentinel-1 is 0.05546576 m."
        )
    return 1000.0 * wavelength / (4.0 * np.pi)


def _provenance(da: xr.DataArray) -> dict[str, object]:
    return {key: da.attrs[key] for key in ("provenance_note",) if key in da.attrs}
