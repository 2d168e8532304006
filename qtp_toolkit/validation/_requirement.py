"""A published test of accuracy by distance: four pair differences of five within 4 (1 + sqrt L) mm."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    STATION,
    TIME,
    QtpDataError,
    X,
    Y,
    carry_provenance,
    decoded_times,
    is_lazy,
    require,
)
from qtp_toolkit.grid._frame import WGS84
from qtp_toolkit.validation._variogram import (
    DISTANCE,
    DRAWN,
    WHOLE,
    Bins,
    allowed_pixels,
    bin_distances,
    draw_pairs,
    ground_of,
    values_at,
)
from qtp_toolkit.validation.kernels import apart

LONGEST_KM = 50.0
"""Distance up to which the test is made."""
TOLERANCE_MM = 4.0


def allowed_difference(distance_km: Any) -> Any:
    """Largest difference of two places that the test lets pass, mm: ``4 (1 + sqrt L)``, L in km.

    >>> allowed_difference(np.array([0.1, 1.0, 25.0, 50.0])).round(3).tolist()
    [5.265, 8.0, 24.0, 32.284]
    """
    return TOLERANCE_MM * (1.0 + distance_km**0.5)


def accuracy_by_distance(
    da: xr.DataArray,
    *,
    where: xr.DataArray | None = None,
    days: float = 90.0,
    tolerance_days: float = 15.0,
    bins: Bins = 10,
    pairs: int = 2000,
    min_pairs: int = 30,
    min_pixels: int = 100,
    at_least: float = 0.8,
    seed: int = 0,
) -> xr.Dataset:
    r"""Test on the map itself: how many pairs of pixels differ by no more than they may at their distance.

    Ground that stands still should show no difference between two places. Of those that a displacement over 90 days
    shows, at least 80 % are to lie within :math:`4 (1 + \sqrt L)` mm, for L up to 50 km.

    Parameters
    ----------
    da : xarray.DataArray
        (time, y, x) displacement in mm, whose differences over ``days`` are tested; or (y, x), mm, one such difference.
    where : xarray.DataArray, optional
        Ground that stands still, as for :func:`variogram`. By default all pixels: then deformation counts as error.
    days : float
        Time between two dates.
    tolerance_days : float
        How far from ``days`` the nearest later date may be.
    bins : int or sequence of float
        Of the distance, up to 50 km or the size of the map, as for :func:`variogram`.
    pairs, min_pairs, min_pixels, seed
        As for :func:`variogram`.
    at_least : float
        Share of the pairs that has to pass, 0 to 1.

    Returns
    -------
    xarray.Dataset
        Along ``distance`` (km): ``share`` of the differences that pass, ``pairs`` (differences looked at) and
        ``allowed`` (mm, at that distance; each pair is held against its own). Scalars ``share_of_all``, the mean over
        the distances, which count alike; ``worst``, the smallest share; ``passes``, whether ``share_of_all`` is at
        least ``at_least``; ``intervals``, of time, that were looked at. NaN, and ``passes`` False, where there was
        nothing to look at. Lazy if ``da`` is lazy.

    Raises
    ------
    QtpDataError
        Displacement that is not in mm, times that are no dates or repeat, a number of days that is not above 0, a share
        that is none; as :func:`variogram`.

    Notes
    -----
    As the solid earth requirement of the NISAR mission has it. What pixels move by really counts against the map, and
    seasonal motion over 90 days is large: test on ground that is still. The test is about differences between places:
    an error of the reference cancels.

    References
    ----------
    NISAR science team: algorithm theoretical basis documents, solid earth.

    Examples
    --------
    Noise of 2 mm in every pixel: differences have a standard deviation of 2.8 mm, and more than 5 mm are allowed.

    >>> axes = {"y": 4e6 - 1e3 * np.arange(40), "x": 3e5 + 1e3 * np.arange(40)}
    >>> noise = np.random.default_rng(1).normal(0.0, 2.0, (40, 40))
    >>> moved = xr.DataArray(noise, axes, ("y", "x"), attrs={"units": "mm"}).rio.write_crs(32646)
    >>> tested = accuracy_by_distance(moved)
    >>> float(tested["share_of_all"].round(2)), bool(tested["passes"])
    (1.0, True)
    """
    require(da, dims=(Y, X), units="mm")
    _require_test(days, at_least)
    ends = _intervals(da, days, tolerance_days)
    if TIME not in da.dims:  # one difference: from nothing to what it says
        da = xr.concat([xr.zeros_like(da), da], dim=TIME)
    ground, allowed = ground_of(da), allowed_pixels(da, where)
    how: dict[str, Any] = {"max_km": LONGEST_KM, "pairs": pairs, "min_pixels": min_pixels, "seed": seed}
    drawn, edges = draw_pairs(da, ground, allowed, bins=bins, **how)
    both = [end.chunk({TIME: -1}) if is_lazy(end) else end for end in values_at(da, drawn)]
    number = edges.size - 1
    share, count = xr.apply_ufunc(
        apart.within,
        *both,
        input_core_dims=[[DRAWN, TIME]] * 2,
        output_core_dims=[[DISTANCE]] * 2,
        kwargs={"ends": ends, "limit": allowed_difference(drawn.distance), "bins": drawn.bins, "number": number},
        dask="parallelized",
        output_dtypes=[np.float64] * 2,
        dask_gufunc_kwargs=WHOLE | {"output_sizes": {DISTANCE: number}},
    )
    out = _judge(share.where(count >= min_pairs), count, bin_distances(drawn, edges), at_least)
    out["intervals"] = xr.DataArray(ends.shape[1], attrs={"units": "1", "long_name": "intervals of time"})
    return carry_provenance(out, da)


def accuracy_at_points(
    compared: xr.Dataset, *, days: float = 90.0, bins: Bins = (0.1, 1.0, 3.0, 10.0, 25.0, 50.0), at_least: float = 0.8
) -> xr.Dataset:
    """Test against leveling or GNSS: differences of map and points between all pairs of stations.

    Parameters
    ----------
    compared : xarray.Dataset
        Of :func:`compare_points`: ``difference`` (station), with longitude and latitude, in mm of a displacement over
        ``days``, or in mm/yr, which ``days`` turn into mm. The reference cancels.
    days : float
    bins : sequence of float
        Edges of the distance, km; pairs beyond are left out.
    at_least : float
        Share of the pairs that has to pass, 0 to 1.

    Returns
    -------
    xarray.Dataset
        As of :func:`accuracy_by_distance`; ``share_of_all`` is that of all pairs, which count alike here, where few
        stations leave few pairs at some distances. Lazy if ``compared`` is lazy.

    Raises
    ------
    QtpDataError
        No such Dataset, or another unit; days and share as above.

    Examples
    --------
    Three stations 11 km apart along a meridian; the map is off by 5 mm/yr at the last, 1.2 mm in 90 days:

    >>> off = xr.DataArray([0.0, 0.0, 5.0], {"station": ["A", "B", "C"]}, "station", attrs={"units": "mm/yr"})
    >>> places = {"longitude": ("station", [92.0] * 3), "latitude": ("station", [34.0, 34.1, 34.2])}
    >>> bool(accuracy_at_points(off.to_dataset(name="difference").assign_coords(places))["passes"])
    True
    """
    _require_test(days, at_least)
    if "difference" not in compared or not {"longitude", "latitude"} <= set(compared.coords):
        raise QtpDataError("no comparison with points", expected="of compare_points", found=[*compared.variables])
    off = compared["difference"]
    scales = {"mm": 1.0, "mm/yr": days / DAYS_PER_YEAR}
    unit = str(off.attrs.get("units"))
    if unit not in scales:
        raise QtpDataError("the test is about millimeters", expected=list(scales), found=unit)
    first, second = np.triu_indices(off.sizes[STATION], 1)
    lon, lat = (np.asarray(compared[name].values, dtype=float) for name in ("longitude", "latitude"))
    far = WGS84.inv(lon[first], lat[first], lon[second], lat[second])[2] * 1e-3 if first.size else np.empty(0)
    edges = np.asarray(bins, dtype=float)
    near = (far >= edges[0]) & (far < edges[-1])
    first, second, far = first[near], second[near], far[near]
    number = np.searchsorted(edges, far, side="right") - 1
    drawn = apart.Pairs(np.stack([first, first]), np.stack([second, second]), far, number)
    moved = [(off * scales[unit]).isel({STATION: xr.DataArray(at, dims=DRAWN)}) for at in (first, second)]
    moved = [end.reset_coords(drop=True).drop_vars(STATION, errors="ignore") for end in moved]
    moved = [xr.concat([xr.zeros_like(end), end], dim=TIME) for end in moved]
    moved = [end.chunk(-1) if is_lazy(end) else end for end in moved]
    share, count = xr.apply_ufunc(
        apart.within,
        *moved,
        input_core_dims=[[DRAWN, TIME]] * 2,
        output_core_dims=[[DISTANCE]] * 2,
        kwargs={
            "ends": np.array([[0], [1]]),
            "limit": allowed_difference(far),
            "bins": number,
            "number": edges.size - 1,
        },
        dask="parallelized",
        output_dtypes=[np.float64] * 2,
        dask_gufunc_kwargs=WHOLE | {"output_sizes": {DISTANCE: edges.size - 1}},
    )
    return carry_provenance(_judge(share, count, bin_distances(drawn, edges), at_least, by_pairs=True), compared)


def _intervals(da: xr.DataArray, days: float, tolerance: float) -> np.ndarray:
    """Numbers of the dates (2, intervals) that are ``days`` apart: of each date the nearest that fits."""
    if TIME not in da.dims:
        return np.array([[0], [1]])
    at = _days(da)
    apart_days = at[None, :] - at[:, None]
    off = np.where(apart_days > 0, np.abs(apart_days - days), np.inf)  # a date less itself always passes
    end = off.argmin(axis=1)
    start = np.arange(at.size)
    fits = off[start, end] <= tolerance
    return np.stack([start[fits], end[fits]])


def _require_test(days: float, at_least: float) -> None:
    for name, value, most in (("days", days, np.inf), ("at_least", at_least, 1.0)):
        if not 0 < value <= most:
            raise QtpDataError(f"{name} is out of range", expected=f"above 0, at most {most:g}", found=value)


def _days(da: xr.DataArray) -> np.ndarray:
    stamps = decoded_times(da).astype("datetime64[ns]")
    if np.unique(stamps).size < stamps.size:
        raise QtpDataError("displacement repeats dates", code="P12", hint="Keep one map a date.")
    return (stamps - stamps.min()) / np.timedelta64(1, "D")


def _judge(
    share: xr.DataArray, count: xr.DataArray, distance: xr.DataArray, at_least: float, *, by_pairs: bool = False
) -> xr.Dataset:
    """Dataset of the shares by distance, of all, and the verdict."""
    counted = count.where(share.notnull())
    total = counted.sum(DISTANCE)
    of_all = (share * counted).sum(DISTANCE) / total.where(total > 0) if by_pairs else share.mean(DISTANCE)
    text = {
        "share": (share, "share of the pair differences that pass"),
        "pairs": (count.astype(np.int64), "pair differences looked at"),
        "share_of_all": (of_all, "share of the pair differences that pass, all distances"),
        "worst": (share.min(DISTANCE), "share of the distance at which fewest pass"),
        "passes": (of_all >= at_least, f"at least {at_least:.0%} of the pair differences pass"),
    }
    out = {
        name: da.drop_attrs(deep=False).assign_attrs(units="1", long_name=words) for name, (da, words) in text.items()
    }
    allowed = allowed_difference(distance).assign_attrs(units="mm", long_name="difference that is allowed")
    return xr.Dataset(out).assign_coords({DISTANCE: distance}).assign(allowed=(DISTANCE, allowed.data, allowed.attrs))
