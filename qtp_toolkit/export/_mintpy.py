"""MintPy's HDF5 files, geocoded: timeseries.h5, velocity.h5, geometryGeo.h5, temporalCoherence.h5, maskTempCoh.h5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit.conventions import (
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    as_mask,
    check_wavelength,
    on_pixels_of,
    require,
    xnp,
)
from qtp_toolkit.export._blocks import days_of, reference_of, replacing_all, series_of, windows
from qtp_toolkit.grid._frame import affine, crs_of, meters_per_unit

CHUNK = 256
ZERO_MM = 1e-3
_ORBIT = {"HEIGHT": 693000.0, "EARTH_RADIUS": 6337286.638938101}
"""Height of Sentinel-1 and radius of the Earth below it, m, as HyP3 and MintPy's reader of ARIA take them for all."""


class Layer(NamedTuple):
    """What a variable of ours is called there, its unit, and the factor from our unit to it."""

    name: str
    unit: str
    factor: float


MAPS = {
    "linear_rate": Layer("velocity", "m/year", 1e-3),
    "linear_rate_std": Layer("velocityStd", "m/year", 1e-3),
    "seasonal_amplitude": Layer("seasonalAmplitude", "m", 1e-3),
    "seasonal_amplitude_std": Layer("seasonalAmplitudeStd", "m", 1e-3),
}
GEOMETRY = {
    "elevation": Layer("height", "m", 1.0),
    "incidence": Layer("incidenceAngle", "degree", 1.0),
    "slant_range": Layer("slantRangeDistance", "m", 1.0),
}


def mintpy(
    ds: xr.Dataset,
    folder: str | Path,
    *,
    maps: xr.Dataset | None = None,
    geometry: xr.Dataset | None = None,
    perpendicular_baseline: xr.DataArray | None = None,
    heading: float | None = None,
    overpass: str | None = None,
    wavelength: float = SENTINEL1_WAVELENGTH,
    reference_date: Any = None,
    attributes: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write time series, maps and geometry as MintPy's geocoded HDF5 files, for its viewers and further steps.

    Parameters
    ----------
    ds : xarray.Dataset
        ``displacement`` (time, y, x), mm, positive toward the satellite, with a CRS: the product ``time_series``. Its
        ``temporal_coherence`` and ``mask`` (True is taken out) make files of their own, and the pixel in the middle of
        its ``reference_area`` is the reference pixel there.
    folder : path
        Made if need be; other files in it stay.
    maps : xarray.Dataset, optional
        ``linear_rate`` (mm/yr) and, if there, its ``_std``, ``seasonal_amplitude`` and ``seasonal_amplitude_std`` (mm):
        the product ``deformation``.
    geometry : xarray.Dataset, optional
        ``elevation`` (m) and ``incidence`` (degree), on the pixels of the displacement (``grid.match``). From the
        incidence follows ``slantRangeDistance``, for an orbit of 693 km (to 1 %), where the wavelength is that of
        Sentinel-1; a variable ``slant_range`` (m) wins over it.
    perpendicular_baseline : xarray.DataArray, optional
        m, dim ``time``, of each acquisition.
    heading : float, optional
        Flight direction of the satellite, degrees clockwise from north: about -170 or 190 descending, -10 ascending.
        With it the look azimuth, the direction of the orbit and the corners in the order of flight are written
        (right-looking). By default the attribute ``heading`` of ``ds`` says it, as stacks of most readers do.
    overpass : str, optional
        UTC, HH:MM:SS, written as CENTER_LINE_UTC, without which MintPy corrects neither delays nor tides; by default
        the attribute ``overpass`` of ``ds``.
    wavelength : float
        m. Of Sentinel-1 the platform is named.
    reference_date : date, optional
        Acquisition at which the displacement is zero; by default the attribute ``reference_date`` of ``ds`` says it.
    attributes : mapping, optional
        Further attributes, e.g. ``{"PROJECT_NAME": "Beiluhe"}``; they win over ours.

    Returns
    -------
    list of pathlib.Path
        ``timeseries.h5`` (m), ``velocity.h5`` (m/year), ``geometryGeo.h5``, ``temporalCoherence.h5`` and
        ``maskTempCoh.h5`` (True is good), those of them for which there is something.

    Raises
    ------
    QtpDataError
        Without displacement in mm or a CRS with an EPSG code in degrees or meters, on uneven or different pixels, for
        a reference date that is unknown (I22), no acquisition, or one at which the displacement is not zero;
        for an overpass that is no time.

    Notes
    -----
    Signs are the same there: toward the satellite is positive. Missing pixels are NaN, as in geocoded files of MintPy.
    Our amplitude is peak to trough of a curve that is no sine: it is written as ``seasonalAmplitude``, never as
    ``annualAmplitude``, which is half of a sine's. Lazy data are computed block by block.

    Examples
    --------
    >>> from qtp_toolkit import export
    >>> axes = {"time": pd.date_range("2018-08-31", periods=2, freq="12D"), "y": [90.0, 0.0], "x": [0.0, 90.0]}
    >>> moved = xr.DataArray(np.zeros((2, 2, 2)), axes, ("time", "y", "x"), attrs={"units": "mm"})
    >>> ds = moved.to_dataset(name="displacement").rio.write_crs(32646)
    >>> [path.name for path in export.mintpy(ds, folder, heading=-169.0, reference_date="2018-08-31")]
    ['timeseries.h5']
    """
    check_wavelength(wavelength)
    series = series_of(ds)
    days = days_of(series)
    since = _reference_day(reference_of(ds) if reference_date is None else reference_date, days)
    heading = ds.attrs.get("heading") if heading is None else heading
    shared = _grid_attributes(series) | _reference_pixel(ds, series)
    shared |= _orbit_attributes(heading, shared) | _clock(ds.attrs.get("overpass") if overpass is None else overpass)
    shared |= {"WAVELENGTH": str(wavelength), "REF_DATE": since, "START_DATE": days[0], "END_DATE": days[-1]}
    shared |= {"DATE12": f"{days[0]}_{days[-1]}", "PROCESSOR": "qtp_toolkit", "NO_DATA_VALUE": "nan"}
    sentinel = bool(np.isclose(wavelength, SENTINEL1_WAVELENGTH, rtol=1e-4))
    shared |= {"PLATFORM": "Sen"} | {key: str(value) for key, value in _ORBIT.items()} if sentinel else {}
    shared |= dict(attributes or {})
    about = _named(geometry, GEOMETRY, series)
    about = _with_azimuth(_with_range(about) if sentinel else about, heading)
    rates = _named(maps, MAPS, series)
    files = _quality(ds, series) | {"velocity.h5": (next(iter(rates), "velocity"), rates)}
    files |= {"geometryGeo.h5": ("geometry", about)}
    files = {name: (kind, layers) for name, (kind, layers) in files.items() if layers}
    targets = [Path(folder) / name for name in ("timeseries.h5", *files)]
    with replacing_all(targets) as stages:
        small = {"date": np.array(days, dtype="S8")} | _baselines(perpendicular_baseline, series)
        _write_series(stages[0], series, small, shared)
        for stage, (kind, layers) in zip(stages[1:], files.values(), strict=True):
            _write_maps(stage, layers, shared | {"FILE_TYPE": kind, "UNIT": next(iter(layers.values()))[0].unit})
    return targets


Layers = dict[str, tuple[Layer, xr.DataArray]]


def _named(ds: xr.Dataset | None, table: Mapping[str, Layer], series: xr.DataArray) -> Layers:
    """Variables of a Dataset that the table knows, checked and on the pixels of the series."""
    found: Layers = {}
    for name, layer in table.items():
        if ds is None or name not in ds:
            continue
        require(ds[name], dims=(Y, X), quantity=name)
        found[layer.name] = (layer, on_pixels_of(ds[name], series))
    if ds is not None and not found:
        raise QtpDataError("nothing that MintPy has a place for", expected=list(table), found=list(ds.data_vars))
    return found


def _quality(ds: xr.Dataset, series: xr.DataArray) -> dict[str, tuple[str, Layers]]:
    files: dict[str, tuple[str, Layers]] = {}
    if "temporal_coherence" in ds:
        good = on_pixels_of(ds["temporal_coherence"], series)
        layer = Layer("temporalCoherence", "1", 1.0)
        files["temporalCoherence.h5"] = (layer.name, {layer.name: (layer, good)})
    if "mask" in ds:
        good = ~as_mask(on_pixels_of(ds["mask"], series))
        files["maskTempCoh.h5"] = ("mask", {"mask": (Layer("mask", "1", 1.0), good)})
    return files


def _with_azimuth(layers: Layers, heading: float | None) -> Layers:
    """Add the direction from ground to satellite, degrees from north anticlockwise, of a radar that looks right."""
    if not layers or heading is None:
        return layers
    (_, like), *_ = layers.values()
    azimuth = xr.full_like(like, _half_turn(90.0 - heading))
    return layers | {"azimuthAngle": (Layer("azimuthAngle", "degree", 1.0), azimuth)}


def _with_range(layers: Layers) -> Layers:
    """Add the distance to the satellite where the incidence is known: law of sines, as MintPy has it."""
    if "incidenceAngle" not in layers or "slantRangeDistance" in layers:
        return layers
    _, incidence = layers["incidenceAngle"]
    angle, radius = xnp.deg2rad(incidence), _ORBIT["EARTH_RADIUS"]
    orbit = radius + _ORBIT["HEIGHT"]
    distance = xnp.sqrt(orbit**2 - (radius * xnp.sin(angle)) ** 2) - radius * xnp.cos(angle)
    return layers | {"slantRangeDistance": (GEOMETRY["slant_range"], distance)}


def _half_turn(angle: float) -> float:
    return (angle + 180.0) % 360.0 - 180.0


def _orbit_attributes(heading: float | None, place: Mapping[str, str]) -> dict[str, str]:
    """Direction of flight, and the corners: first line near and far from the radar, then the last line."""
    if heading is None:
        return {}
    upward = bool(np.cos(np.radians(heading)) > 0)
    north, west = float(place["Y_FIRST"]), float(place["X_FIRST"])
    south = north + float(place["Y_STEP"]) * int(place["LENGTH"])
    east = west + float(place["X_STEP"]) * int(place["WIDTH"])
    first, last = (south, north) if upward else (north, south)
    near, far = (west, east) if upward else (east, west)
    lines, sides = (first, first, last, last), (near, far, near, far)
    out = {f"LAT_REF{k + 1}": repr(value) for k, value in enumerate(lines)}
    out |= {f"LON_REF{k + 1}": repr(value) for k, value in enumerate(sides)}
    direction = "ASCENDING" if upward else "DESCENDING"
    return out | {"HEADING": str(_half_turn(heading)), "ORBIT_DIRECTION": direction, "ANTENNA_SIDE": "-1"}


def _clock(overpass: str | None) -> dict[str, str]:
    """Seconds of the day, UTC."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2}(?:\.\d*)?)", overpass or "")
    if overpass is not None and match is None:
        raise QtpDataError("overpass is no time of the day", expected="HH:MM:SS, UTC", found=overpass)
    return (
        {} if match is None else {"CENTER_LINE_UTC": str(3600.0 * int(match[1]) + 60 * int(match[2]) + float(match[3]))}
    )


def _grid_attributes(da: xr.DataArray) -> dict[str, str]:
    """Size and place of the grid; first coordinates are those of the outer corner of the first pixel."""
    crs, corner = crs_of(da), affine(da)
    code = crs.to_epsg()
    if code is None or (not crs.is_geographic and meters_per_unit(crs) != 1.0):
        raise QtpDataError(
            "MintPy has no word for this coordinate reference system",
            expected="an EPSG code, in degrees or meters",
            found=crs.name,
            hint="Bring the series to UTM or EPSG:4326 with grid.match.",
            code="I07",
        )
    unit = "degrees" if crs.is_geographic else "meters"
    zone = {"UTM_ZONE": crs.utm_zone} if crs.utm_zone else {}
    numbers = {"X_FIRST": corner.c, "Y_FIRST": corner.f, "X_STEP": corner.a, "Y_STEP": corner.e}
    size = {"LENGTH": str(da.sizes[Y]), "WIDTH": str(da.sizes[X]), "X_UNIT": unit, "Y_UNIT": unit, "EPSG": str(code)}
    return size | zone | {key: repr(float(value)) for key, value in numbers.items()}


def _reference_pixel(ds: xr.Dataset, series: xr.DataArray) -> dict[str, str]:
    """Pixel of the reference area that is nearest to its middle: MintPy knows no areas."""
    if "reference_area" not in ds:
        return {}
    rows, columns = np.nonzero(np.nan_to_num(on_pixels_of(ds["reference_area"], series).values) > 0)
    if not rows.size:
        return {}
    nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    row, column = int(rows[nearest]), int(columns[nearest])
    place = {"REF_LAT": float(series[Y][row]), "REF_LON": float(series[X][column])}
    return {"REF_Y": str(row), "REF_X": str(column)} | {key: repr(value) for key, value in place.items()}


def _reference_day(said: Any, days: list[str]) -> str:
    if said is None:
        raise QtpDataError(
            "it is not known at which date the displacement is zero",
            code="I22",
            hint="Give reference_date, an acquisition of the series.",
        )
    day = str(read_times(said, name="reference_date").astype("datetime64[D]")[()]).replace("-", "")
    if day not in days:
        raise QtpDataError(
            "the reference date is no acquisition of the series",
            expected=f"one of {len(days)} dates from {days[0]} to {days[-1]}",
            found=day,
            code="I22",
        )
    return day


def _baselines(baseline: xr.DataArray | None, series: xr.DataArray) -> dict[str, np.ndarray]:
    if baseline is None:
        return {}
    require(baseline, dims=(TIME,), quantity="perpendicular_baseline")
    return {"bperp": on_pixels_of(baseline, series).values.astype("float32")}


def _write_series(path: Path, series: xr.DataArray, small: dict[str, np.ndarray], shared: dict[str, str]) -> None:
    shape = (series.sizes[TIME], series.sizes[Y], series.sizes[X])
    zero = small["date"].tolist().index(shared["REF_DATE"].encode())
    with h5py.File(path, "w") as file:
        file.attrs.update(shared | {"FILE_TYPE": "timeseries", "UNIT": "m"})
        for name, values in small.items():
            file[name] = values
        out = file.create_dataset("timeseries", shape, "float32", chunks=(1, *_chunks(shape[1:])))
        for at in windows(series):
            values = series.isel(at).transpose(TIME, Y, X).values
            off = np.fmax.reduce(abs(values[zero]), axis=None)
            if off > ZERO_MM:
                raise QtpDataError(
                    "the displacement is not zero at the reference date",
                    expected=f"0 mm at {shared['REF_DATE']}",
                    found=f"up to {off:.3g} mm",
                    hint="Subtract that date from all: ds['displacement'] - ds['displacement'].sel(time=...).",
                    code="I22",
                )
            out[:, at[Y], at[X]] = values * 1e-3


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(CHUNK, size) for size in shape)


def _write_maps(path: Path, layers: Layers, attributes: dict[str, str]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        for name, (layer, da) in layers.items():
            kind = "bool" if da.dtype.kind == "b" else "float32"
            shape = (da.sizes[Y], da.sizes[X])
            out = file.create_dataset(name, shape, kind, chunks=_chunks(shape))
            out.attrs["UNIT"] = layer.unit
            for at in windows(da):
                values = da.isel(at).transpose(Y, X).values
                out[at[Y], at[X]] = values if kind == "bool" else values * layer.factor
