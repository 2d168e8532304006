"""Maps against what others measured: leveling and GNSS at points, and other maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._look import LOOK
from qtp_toolkit.conventions import (
    STATION,
    QtpDataError,
    X,
    Y,
    carry_provenance,
    describe,
    on_pixels_of,
    provenance,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.validation._points import block_average

if TYPE_CHECKING:
    import pandas as pd

COMMON = "median"
RESAMPLING = ("auto", "bilinear", "nearest", "average")


def line_of_sight(
    look: xr.Dataset,
    *,
    east: xr.DataArray | None = None,
    north: xr.DataArray | None = None,
    up: xr.DataArray | None = None,
) -> xr.DataArray:
    """Project a motion into the line of sight: its product with the unit vector to the satellite.

    Parameters
    ----------
    look : xarray.Dataset
        ``look_east``, ``look_north``, ``look_up``, parts of the unit vector from the ground to the satellite, as of
        :func:`qtp_toolkit.pecm.look_vector`; only those whose motion is given are needed.
    east, north, up : xarray.DataArray, optional
        Parts of the motion in one unit (mm or mm/yr), up positive. One that is not given counts as zero: leveling
        (``up`` alone) is compared as if all motion were vertical.

    Returns
    -------
    xarray.DataArray
        Positive toward the satellite, in the unit of the motion. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        No motion, parts of other units, a look vector that lacks a part or is longer than 1.

    Examples
    --------
    Subsidence of 10 mm/yr under 39 degrees:

    >>> look = xr.Dataset({"look_up": ("station", [0.777146])})
    >>> line_of_sight(look, up=xr.DataArray([-10.0], dims="station", attrs={"units": "mm/yr"})).values
    array([-7.77146])
    """
    parts = {name: da for name, da in (("east", east), ("north", north), ("up", up)) if da is not None}
    if not parts:
        raise QtpDataError("no motion to project", expected="east, north or up")
    units = {str(da.attrs.get("units")) for da in parts.values()}
    if len(units) > 1:
        raise QtpDataError("parts of the motion have other units", found=sorted(units))
    missing = [LOOK[name] for name in parts if LOOK[name] not in look.data_vars]
    if missing:
        raise QtpDataError(
            "the look vector lacks parts", expected=list(LOOK.values()), found=list(look), hint=f"Add {missing}."
        )
    for name in parts:
        require(look[LOOK[name]], between=(-1.0, 1.0), name=LOOK[name])
    total = sum((da * look[LOOK[name]] for name, da in parts.items()), start=xr.DataArray(0.0))
    kept = {"units": next(iter(parts.values())).attrs["units"]} if units != {"None"} else {}
    note = provenance(*parts.values(), look)
    return total.rename("line_of_sight").assign_attrs(kept | note, long_name="motion in the line of sight")


def compare_points(
    da: xr.DataArray,
    points: pd.DataFrame,
    *,
    look: xr.Dataset | None = None,
    reference: str | None = COMMON,
    size_m: float | None = None,
    sigma: xr.DataArray | None = None,
) -> xr.Dataset:
    """Compare a map with leveling or GNSS points, in the line of sight and relative to one reference.

    Parameters
    ----------
    da : xarray.DataArray
        (y, x) with a CRS, such as ``linear_rate`` (mm/yr).
    points : pandas.DataFrame
        Columns ``station``, ``longitude``, ``latitude`` (degrees) and the motion in the unit of ``da``: ``los``
        (positive toward the satellite), or any of ``east``, ``north``, ``up``, which ``look`` projects; leveling is
        ``up`` alone. Optional ``los_std``, ``east_std``, ``north_std``, ``up_std``. :func:`qtp_toolkit.load.stations`
        opens such a table.
    look : xarray.Dataset, optional
        (y, x) ``look_east``, ``look_north``, ``look_up``, the unit vector to the satellite, on any grid around the
        points.
    reference : str or None
        Name of the station that both are referred to, which then is no part of the scores; ``"median"``: each is
        referred to its own median over the points that both know, for maps and points that share no reference; None:
        both are taken as they are.
    size_m : float, optional
        Side of the square that the map is averaged over, see :func:`block_average`; by default the pixel of the point.
    sigma : xarray.DataArray, optional
        (y, x) standard deviation of ``da``.

    Returns
    -------
    xarray.Dataset
        Along ``station``: ``map`` and ``points`` relative to the reference, their ``difference`` (map less points),
        ``sigma`` of the difference (of both; NaN where neither is known) and ``used``; scalars ``bias`` (mean
        difference), ``rms`` (root of the mean squared difference), ``spread`` (standard deviation of the difference,
        n - 1), ``correlation``, ``slope`` (of the map on the points) and ``n``. NaN with too few points. Lazy if an
        array is lazy.

    Raises
    ------
    QtpDataError
        No motion among the columns, none to project it with, an unknown or unmeasured reference, stations that stand
        twice.

    Notes
    -----
    Points and map also differ by the time that they cover; nothing here knows it. ``sigma`` leaves out the error of the
    reference, which all differences share.

    Examples
    --------
    >>> rate = xr.DataArray([[1.0, -4.0]], {"y": [34.0], "x": [92.0, 92.1]}, ("y", "x"), "linear_rate")
    >>> rate = xr.concat([rate, rate.assign_coords(y=[33.9])], "y").rio.write_crs(4326).assign_attrs(units="mm/yr")
    >>> table = pd.DataFrame({"station": ["A", "B"], "longitude": [92.0, 92.1], "latitude": 34.0, "los": [0.0, -4.5]})
    >>> compare_points(rate, table, reference="A")["difference"].values
    array([ 0. , -0.5])
    """
    require(da, dims=(Y, X))
    names = _station_names(points)
    lon, lat = (_column(points, key, names) for key in ("longitude", "latitude"))
    measured, measured_std = _measured(points, names, da.attrs, None if look is None else _at(look, lon, lat))
    if size_m is None:
        seen, seen_std = grid.sample(da, lon, lat), None if sigma is None else grid.sample(sigma, lon, lat)
    else:
        block = block_average(da, lon, lat, size_m=size_m, sigma=sigma)
        seen, seen_std = block["value"], None if sigma is None else block["se_internal"]
    seen = seen.drop_vars([c for c in seen.coords if c != STATION]).assign_attrs(da.attrs).astype(np.float64)
    both = xnp.isfinite(seen) & xnp.isfinite(measured)
    used = both & (both[STATION] != reference)
    seen, measured = (part - _offset(part, both, reference) for part in (seen, measured))
    spreads = [s.drop_vars([c for c in s.coords if c != STATION]) for s in (seen_std, measured_std) if s is not None]
    variance = sum(((s**2).fillna(0.0) for s in spreads), start=xr.zeros_like(seen))
    told = sum((np.isfinite(s) for s in spreads), start=xr.zeros_like(seen, dtype=int)) > 0
    unit = {key: da.attrs[key] for key in ("units",) if key in da.attrs}
    parts = {
        "map": (seen, "map relative to the reference"),
        "points": (measured, "points in the line of sight, relative to the reference"),
        "difference": (seen - measured, "map less points"),
        "sigma": (xnp.sqrt(variance).where(told), "standard deviation of the difference"),
    }
    out = xr.Dataset({key: array.assign_attrs(unit, long_name=text) for key, (array, text) in parts.items()})
    out["used"] = used.assign_attrs(long_name="part of the scores")
    out = out.assign(_agreement(out["map"], out["points"], used, unit))
    out = out.assign_coords(longitude=lon, latitude=lat).assign_attrs(reference=str(reference))
    return carry_provenance(out, da)


def compare_maps(da: xr.DataArray, other: xr.DataArray, *, resampling: str = "auto") -> xr.Dataset:
    """Compare a map with another one of the same quantity: scale, offset, correlation and where they differ.

    Parameters
    ----------
    da : xarray.DataArray
        (y, x) with a CRS.
    other : xarray.DataArray
        (y, x) on any grid and CRS, in the same unit, of the same sign convention.
    resampling : {"auto", "bilinear", "nearest", "average"}
        How the other map comes to the pixels of the first, see :func:`qtp_toolkit.grid.match`; ``"auto"`` averages one
        whose pixels are less than half as wide, and interpolates any other.

    Returns
    -------
    xarray.Dataset
        (y, x): ``other`` on the pixels of the map, ``difference`` (map less other) and ``residual`` (map less
        ``offset + scale * other``); scalars ``scale`` and ``offset`` of that least-squares line, ``scale_both`` (ratio
        of the standard deviations, with the sign of the correlation: the scale if both maps are noisy alike),
        ``correlation``, ``bias`` and ``rms`` of the difference, and ``n`` pixels that both know. NaN where fewer than
        three do or one does not vary. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        Other units, no CRS, an unknown resampling.

    Notes
    -----
    A negative scale usually is another sign convention, a scale near 0.777 or 1.287 another direction (line of sight
    and vertical under 39 degrees), 1000 or 0.001 another unit, an offset another reference. Noise of the other map
    pulls ``scale`` toward zero.

    Examples
    --------
    >>> axes = {"y": [34.1, 34.0], "x": [92.0, 92.1]}
    >>> rate = xr.DataArray([[1.0, 2.0], [3.0, 5.0]], axes, ("y", "x"), attrs={"units": "mm/yr"}).rio.write_crs(4326)
    >>> out = compare_maps(rate, rate * 2 + 1)
    >>> out["scale"].item(), out["offset"].item(), out["correlation"].round(6).item()
    (0.5, -0.5, 1.0)
    """
    require_option("resampling method", resampling, RESAMPLING)
    for array in (da, other):
        require(array, dims=(Y, X))
    units = [array.attrs.get("units") for array in (da, other)]
    if None not in units and units[0] != units[1]:
        raise QtpDataError("the maps have other units", expected=units[0], found=units[1], hint="Convert one of them.")
    if resampling == "auto":
        fine = grid.pixel_size(other) < 0.5 * grid.pixel_size(da)
        resampling = "average" if fine else "bilinear"
    unit = {"units": units[0]} if units[0] else {}
    matched = grid.match(other.astype(np.float64), da, resampling=resampling)
    matched = on_pixels_of(matched, da, name="other").transpose(*da.dims)
    first = da.astype(np.float64)
    both = xnp.isfinite(first) & xnp.isfinite(matched)
    numbers = _agreement(first, matched, both, unit)
    scale, offset = (numbers.pop(key) for key in ("slope", "intercept"))
    parts = {
        "other": (matched, "the other map on these pixels"),
        "difference": (first - matched, "map less the other"),
        "residual": (first - (offset + scale * matched), "map less offset + scale * other"),
        "scale": (scale, "scale of the other map, least squares"),
        "offset": (offset, "offset of the map, least squares"),
        "scale_both": (
            scale / abs(numbers["correlation"]).where(numbers["correlation"] != 0),
            "ratio of the standard deviations, with the sign of the correlation",
        ),
    }
    dimensionless = ("scale", "scale_both")
    out = {
        key: array.drop_attrs(deep=False).assign_attrs({"units": "1"} if key in dimensionless else unit, long_name=text)
        for key, (array, text) in parts.items()
    }
    return carry_provenance(xr.Dataset(out | numbers).assign_attrs(resampling=resampling), da, other)


def _agreement(first: xr.DataArray, second: xr.DataArray, both: xr.DataArray, unit: dict) -> dict[str, xr.DataArray]:
    """Scalars that say how two arrays agree where ``both`` is True; the line is that of the first on the second."""
    n = both.sum()
    a, b = first.where(both), second.where(both)
    mean_a, mean_b = a.mean(), b.mean()
    saa, sbb = (((part - mean) ** 2).sum() for part, mean in ((a, mean_a), (b, mean_b)))
    sab = ((a - mean_a) * (b - mean_b)).sum()
    enough = (n >= 3) & (saa > 0) & (sbb > 0)
    slope = (sab / sbb.where(enough)).where(enough)
    difference = a - b
    bias = difference.mean()
    squares = ((difference - bias) ** 2).sum()  # not std: dask's warns of maps that share no pixel
    text = {
        "bias": (bias, unit, "mean difference"),
        "rms": (xnp.sqrt((difference**2).mean()), unit, "root-mean-square difference"),
        "spread": (xnp.sqrt(squares / (n - 1).where(n >= 2)), unit, "standard deviation of the difference (n - 1)"),
        "correlation": ((sab / xnp.sqrt(saa * sbb).where(enough)), {"units": "1"}, "correlation"),
        "slope": (slope, {"units": "1"}, "slope of the first on the second, least squares"),
        "intercept": (mean_a - slope * mean_b, unit, "value of that line at zero"),
    }
    out = {
        key: da.drop_attrs().reset_coords(drop=True).assign_attrs(attrs, long_name=name)
        for key, (da, attrs, name) in text.items()
    }
    return out | {"n": describe(n.astype(np.int64).reset_coords(drop=True), "n")}


def _offset(part: xr.DataArray, both: xr.DataArray, reference: str | None) -> xr.DataArray | float:
    """Value of the reference among the values of stations."""
    if reference is None:
        return 0.0
    if reference in part[STATION].values:
        if both.chunks is None and not bool(both.sel({STATION: reference})):
            raise QtpDataError("the reference is not measured by both", where=reference, hint="Choose another station.")
        return part.sel({STATION: reference}, drop=True)
    if reference != COMMON:
        raise QtpDataError("unknown reference", expected=[COMMON, *part[STATION].values.tolist()], found=reference)
    return xr.apply_ufunc(
        _median,
        part.where(both),
        input_core_dims=[[STATION]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"allow_rechunk": True},
    )


def _median(values: np.ndarray) -> np.ndarray:
    known = values[np.isfinite(values)]
    return np.array(np.median(known) if known.size else np.nan)


def _station_names(points: pd.DataFrame) -> list[str]:
    needed = [name for name in (STATION, "longitude", "latitude") if name not in points]
    if needed:
        raise QtpDataError("the table of points lacks columns", expected=needed, found=list(points.columns))
    names = [str(name) for name in points[STATION]]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise QtpDataError("a station stands twice", found=double)
    return names


def _column(points: pd.DataFrame, key: str, names: list[str], **attrs: str) -> xr.DataArray:
    values = np.asarray(points[key], dtype=np.float64)
    return xr.DataArray(values, {STATION: names}, STATION, attrs=attrs)


def _at(look: xr.Dataset, lon: xr.DataArray, lat: xr.DataArray) -> xr.Dataset:
    """Look vector at the points."""
    at = xr.Dataset({key: grid.sample(look[key], lon, lat) for key in LOOK.values() if key in look})
    return at.drop_vars([name for name in at.coords if name != STATION])


def _measured(
    points: pd.DataFrame, names: list[str], attrs: dict, look: xr.Dataset | None
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Motion of the points in the line of sight, in the unit of ``attrs``, and its standard deviation."""
    unit = {"units": str(attrs["units"])} if "units" in attrs else {}
    if "los" in points:
        std = _column(points, "los_std", names) if "los_std" in points else None
        return _column(points, "los", names, **unit), std
    parts = {name: _column(points, name, names, **unit) for name in LOOK if name in points}
    if not parts:
        raise QtpDataError("the table has no motion", expected="los, east, north or up", found=list(points.columns))
    if look is None:
        raise QtpDataError(
            "motion east, north and up needs a look vector", expected=list(LOOK.values()), hint="Give look."
        )
    projected = line_of_sight(look, **parts)  # first of all: it says which part of the look vector is missing
    stds = [
        (_column(points, f"{name}_std", names) * look[LOOK[name]]) ** 2 for name in parts if f"{name}_std" in points
    ]
    return projected, xnp.sqrt(sum(stds)) if len(stds) == len(parts) else None
