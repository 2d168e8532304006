"""Both indices on the radar's grid, from temperature on a coarser one."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit._dates import read_times
from qtp_toolkit._over_blocks import over_blocks
from qtp_toolkit.conventions import (
    THAW_YEAR,
    TIME,
    QtpDataError,
    X,
    Y,
    describe,
    is_lazy,
    many_blocks,
    on_pixels_of,
    provenance,
    require,
    require_option,
)
from qtp_toolkit.kernels import reasons
from qtp_toolkit.pecm._index import CLIPS, CLOSINGS, amplitude_factor, closing_ratio, linear_index
from qtp_toolkit.pecm._late import check_years

ONSETS = ("thaw_onset_mean", "freeze_onset_mean")
ENDS = ("addt_end", "addf_end")
DAILY = ("addt", "addf", "permafrost_year")
_SOURCE = {Y: "_source_y", X: "_source_x"}


def indices(
    seasons: xr.Dataset,
    conductivity_ratio: xr.DataArray | float,
    *,
    like: xr.DataArray | xr.Dataset | None = None,
    dates: Any = None,
    form: Literal["thaw_normalized", "printed", "calendar"] = "thaw_normalized",
    first_year: int | None = None,
    close: Literal["adjust", "none"] = "adjust",
    clip: Literal["frozen", "printed", "none"] = "frozen",
) -> xr.Dataset:
    r"""Linear and composite index on the radar's grid, from onsets and degree days on the grid of the temperature.

    The same numbers as bringing each input to the fine grid (:func:`qtp_toolkit.grid.match`: bilinear, the number of
    the permafrost year by nearest pixel) and calling :func:`linear_index` and :func:`composite_index` there, but
    without degree days of all dates on the fine grid in between: every block is interpolated and turned into the index
    at once, a few rows at a time.

    Parameters
    ----------
    seasons : xarray.Dataset
        With dims y, x of its own grid and a CRS: ``addt``, ``addf``, ``permafrost_year`` (time), ``addt_end``,
        ``addf_end`` (thaw_year), ``thaw_onset_mean``, ``freeze_onset_mean`` and, if there, ``reason``, as
        :func:`qtp_toolkit.seasons.degree_days` and :func:`qtp_toolkit.seasons.onsets` give them.
    conductivity_ratio : xarray.DataArray or float
        (y, x) on the fine grid, frozen over thawed.
    like : xarray.DataArray or xarray.Dataset, optional
        Anything on the fine grid: gives y, x, the CRS and, if lazy, the chunks. By default ``conductivity_ratio``.
    dates : sequence of datetime64, optional
        Dates of ``seasons`` that are wanted; by default all.
    form, first_year
        As in :func:`linear_index`.
    close, clip
        As in :func:`composite_index`.

    Returns
    -------
    xarray.Dataset
        ``linear_index``, ``composite_index`` (time, y, x), what :func:`fit` takes; ``peak_index`` (y, x), see
        :func:`amplitude_factor`; ``cycles_adjusted`` (y, x; uint8), cycles that would not freeze through and took the
        ratio that closes them, and ``adjusted_ratio`` (y, x), the mean of these ratios, NaN without any; ``reason``
        (y, x; uint8) of the nearest pixel, 5 outside the grid of the temperature. Lazy, in the chunks of ``like``, if
        ``like`` or ``seasons`` is lazy: all dates are in one chunk, so a block of y, x costs ``16 * dates`` bytes per
        pixel. The coarse inputs become one chunk each.

    Raises
    ------
    QtpDataError
        A variable or a date that ``seasons`` lacks, a ratio on another grid than ``like``, arrays without CRS.

    Examples
    --------
    >>> flat = xr.DataArray(np.ones((2, 2)), {"y": [1500.0, 500.0], "x": [500.0, 1500.0]}, ("y", "x"))
    >>> sums = flat.assign_attrs(units="degC d")
    >>> day, year = sums.expand_dims(time=pd.to_datetime(["2016-08-01"])), sums.expand_dims(thaw_year=[2016])
    >>> seasons = xr.Dataset({"addt": 400 * day, "addf": 0 * day, "addt_end": 900 * year, "addf_end": 900 * year})
    >>> seasons["permafrost_year"] = day.astype(int).drop_attrs()
    >>> for name, value in (("thaw_onset_mean", 120.0), ("freeze_onset_mean", 280.0)):
    ...     seasons[name] = (value * flat).assign_attrs(units="day of year")
    >>> out = indices(seasons.rio.write_crs(32646), 1.2, like=flat.rio.write_crs(32646))
    >>> out["composite_index"].values.max().item(), out["peak_index"].values.max().item()
    (20.0, 30.0)
    """
    from qtp_toolkit.pecm.kernels import indices as kernels  # noqa: PLC0415  (compiles)

    require_option("way to close a cycle", close, CLOSINGS)
    require_option("clip", clip, CLIPS)
    template = _choose_template(conductivity_ratio, like)
    if isinstance(conductivity_ratio, xr.DataArray):
        conductivity_ratio = on_pixels_of(conductivity_ratio, template, name="conductivity_ratio")
    lazy = is_lazy(seasons) or is_lazy(template)
    coarse = _select_coarse(seasons, dates, lazy=lazy)
    fine = _match_to_fine(coarse, template)
    linear = linear_index(
        coarse[TIME], fine["thaw_onset_mean"], fine["freeze_onset_mean"], form=form, first_year=first_year
    )
    closed = closing_ratio(fine["addt_end"], fine["addf_end"], conductivity_ratio)
    # No cycle to look up leaves the ratio that was given.
    cycles = closed["conductivity_ratio"].isel({THAW_YEAR: slice(None if close == "adjust" else 0)})
    source = list(_SOURCE.values())
    composite = over_blocks(
        partial(kernels.composite_under, rule=kernels.Rule(clip=CLIPS.index(clip))),
        *(_strip(coarse[name]) for name in DAILY),
        fine["row"],
        fine["column"],
        conductivity_ratio,
        cycles.drop_vars(THAW_YEAR),
        input_core_dims=[[*source, TIME]] * 3 + [[], [], [], [THAW_YEAR]],
        output_core_dims={TIME: coarse.sizes[TIME]},
        dtype=np.result_type(coarse["addt"].dtype, coarse["addf"].dtype),
    )
    composite = composite.assign_coords({TIME: coarse[TIME].values}).transpose(TIME, Y, X)
    like = coarse["addt"]
    layers = {
        "linear_index": linear,
        "composite_index": describe(composite, "composite_index", like=like, clip=clip),
        "peak_index": amplitude_factor(fine["addt_end"]),
        **_count_adjustments(closed, like),
    }
    if "reason" in coarse:
        nearest = over_blocks(
            _take_nearest,
            _strip(coarse["reason"]),
            fine["row"],
            fine["column"],
            input_core_dims=[source, [], []],
            dtype=np.uint8,
        )
        layers["reason"] = describe(nearest, "reason", like=like)
    layers = {name: da.drop_vars(THAW_YEAR, errors="ignore") for name, da in layers.items()}
    return xr.Dataset(layers, attrs=provenance(like))


def _choose_template(ratio: xr.DataArray | float, like: Any) -> Any:
    if like is None and not isinstance(ratio, xr.DataArray):
        raise QtpDataError("A single conductivity ratio has no grid", hint="Give like=, anything on the fine grid.")
    return ratio if like is None else like


def _select_coarse(seasons: xr.Dataset, dates: Any, *, lazy: bool) -> xr.Dataset:
    """Variables that are needed, at the wanted dates, each in one chunk if lazy."""
    missing = [name for name in (*DAILY, *ENDS, *ONSETS) if name not in seasons]
    if missing:
        hint = "Merge the results of seasons.onsets and seasons.degree_days."
        raise QtpDataError("seasons lacks variables", expected=missing, found=list(seasons.data_vars), hint=hint)
    coarse = seasons[[*DAILY, *ENDS, *ONSETS, *(["reason"] if "reason" in seasons else [])]]
    if dates is not None:
        wanted = pd.DatetimeIndex(read_times(dates))
        absent = wanted.difference(pd.DatetimeIndex(coarse[TIME].values))
        if len(absent):
            hint = "Compute the degree days at the dates of the displacement."
            raise QtpDataError(f"seasons lacks {len(absent)} dates", where=str(absent[0].date()), hint=hint)
        coarse = coarse.sel({TIME: wanted})
    for name in ("addt", "addf"):
        require(coarse[name], dims=(TIME, Y, X), quantity="addt")
    check_years(coarse[THAW_YEAR].values)  # permafrost_year counts them
    return coarse.chunk(dict.fromkeys(coarse.dims, -1)) if lazy else coarse


def _match_to_fine(coarse: xr.Dataset, template: Any) -> dict[str, xr.DataArray]:
    """Onsets, sums at the end of seasons, and the position on the coarse grid, of every fine pixel, in one go."""
    rows, columns = (xr.DataArray(np.arange(coarse.sizes[dim], dtype=float), dims=dim) for dim in (Y, X))
    flat = xr.zeros_like(coarse[ONSETS[0]], dtype=float)
    years = coarse[THAW_YEAR].values
    # Positions go through the same resampling as values: one search for the place of every fine pixel.
    parts = [flat + rows, flat + columns, *(coarse[name] for name in ONSETS)]
    parts += [coarse[name].isel({THAW_YEAR: i}, drop=True) for name in ENDS for i in range(len(years))]
    parts = [part.transpose(Y, X).astype(float).drop_attrs() for part in parts]
    stack = xr.concat(parts, "band", coords="minimal", compat="override")
    stack = stack.chunk(band=-1) if is_lazy(stack) else stack
    with many_blocks():
        fine = grid.match(stack.rio.write_crs(coarse.rio.crs), template)
    out = dict(zip(("row", "column", *ONSETS), (fine.isel(band=i) for i in range(4)), strict=True))
    for k, name in enumerate(ENDS):
        ends = fine.isel(band=slice(4 + k * len(years), 4 + (k + 1) * len(years))).rename(band=THAW_YEAR)
        out[name] = ends.assign_coords({THAW_YEAR: years})
    for name in (*ONSETS, *ENDS):
        out[name].attrs = dict(coarse[name].attrs)
    return out


def _strip(da: xr.DataArray) -> xr.DataArray:
    """Coarse array under dim names of its own, without coordinates."""
    return (
        da.rename({dim: name for dim, name in _SOURCE.items() if dim in da.dims})
        .reset_coords(drop=True)
        .drop_vars([*_SOURCE.values(), TIME, "spatial_ref"], errors="ignore")
    )


def _count_adjustments(closed: xr.Dataset, like: xr.DataArray) -> dict[str, xr.DataArray]:
    """How many cycles were closed, and with what ratio."""
    flag = closed["ratio_adjusted"] & np.isfinite(closed["conductivity_ratio"])
    count = flag.sum(THAW_YEAR).astype(np.uint8)
    mean = closed["conductivity_ratio"].where(flag, 0.0).sum(THAW_YEAR) / count.where(count > 0)
    layers = {"cycles_adjusted": count, "adjusted_ratio": mean}
    return {name: describe(da, name, like=like) for name, da in layers.items()}


def _take_nearest(reason: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    reason = reason.reshape(reason.shape[-2:])
    on = np.isfinite(row) & np.isfinite(column)
    at = tuple(np.floor(np.where(on, position, 0.0) + 0.5).astype(np.intp) for position in (row, column))
    return np.where(on, reason[at], reasons.NO_TEMPERATURE).astype(np.uint8)
