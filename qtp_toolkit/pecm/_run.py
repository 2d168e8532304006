"""What the fits of this package share: checks of dates and options, blocks of years, the call of a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._over_blocks import over_blocks
from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    TIME,
    QtpDataError,
    decoded_times,
    describe,
    on_pixels_of,
    provenance,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.kernels import lstsq, reasons
from qtp_toolkit.pecm.kernels import decompose

UNCERTAINTIES = ("year_block", "bootstrap", "formal")
RAMPS = ("linear_rate_std", "seasonal_coefficient_std")
"""What ``correct.ramp_std`` gives of what ramps leave unknown."""


def same_dates(displacement: xr.DataArray, *others: xr.DataArray) -> pd.DatetimeIndex:
    """Dates of a series, once all arrays are known to have the same ones, each once."""
    require(displacement, dims=(TIME,))
    stamps = pd.DatetimeIndex(decoded_times(displacement))
    if not stamps.size:
        raise QtpDataError("displacement has no dates", hint="Was a period chosen in which there are none?")
    if stamps.has_duplicates:
        raise QtpDataError(
            "displacement repeats dates",
            found=str(stamps[stamps.duplicated()][0].date()),
            code="P12",
            hint="Keep one value a date, e.g. displacement.drop_duplicates('time').",
        )
    for other in others:
        require(other, dims=(TIME,))
        own = decoded_times(other)
        if not np.array_equal(own, stamps.values):
            n = min(own.size, stamps.size)
            at = int(np.argmax(np.append(own[:n] != stamps.values[:n], True)))
            raise QtpDataError(
                f"{repr(other.name) if other.name else 'an index'} and displacement differ in dates",
                expected=f"{_told(stamps.values, at)}, of displacement",
                found=_told(own, at),
                hint="Compute the index on the dates of the displacement, in their order.",
            )
    return stamps


def _told(times: np.ndarray, at: int) -> str:
    one = str(times[at].astype("datetime64[s]")).removesuffix("T00:00:00") if at < times.size else "missing"
    return f"{times.size} dates, number {at + 1} {one}"


def variables_on(
    ds: xr.Dataset, names: Iterable[str], like: xr.DataArray | xr.Dataset, *, what: str, hint: str | None = None
) -> xr.Dataset:
    """Variables of a Dataset (called ``what``) that are needed, on the pixels of ``like``."""
    names = list(names)
    if not isinstance(ds, xr.Dataset) or (missing := [name for name in names if name not in ds.data_vars]):
        lacking = f"{what} lacks {', '.join(missing)}" if isinstance(ds, xr.Dataset) else f"{what} is no Dataset"
        found = list(ds.data_vars) if isinstance(ds, xr.Dataset) else type(ds).__name__
        raise QtpDataError(lacking, expected=names, found=found, hint=hint)
    return xr.Dataset({name: on_pixels_of(ds[name], like, name=f"{name} of {what}") for name in names}, attrs=ds.attrs)


def meet(model: xr.Dataset, *curves: xr.DataArray) -> tuple[xr.Dataset, list[xr.DataArray]]:
    """Bring a model and the curves that it is drawn with to the pixels of the smaller; xarray would drop pixels."""
    first, *others = curves
    others = [on_pixels_of(other, first) for other in others]
    if any(model.sizes[dim] > first.sizes[dim] for dim in model.sizes if dim in first.dims):
        return variables_on(model, map(str, model.data_vars), first, what="the deformation"), [first, *others]
    return model, [on_pixels_of(curve, model) for curve in (first, *others)]


def with_peak(
    layers: dict[str, xr.DataArray], peak_index: Any, like: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray]:
    """Highest index, that which is given or that of the dates, and the reason: no temperature where none is known."""
    if peak_index is None:
        return layers["peak"], layers["reason"]
    peak = on_pixels_of(xr.DataArray(peak_index), like, name="peak_index")
    valid = (layers["reason"] == reasons.OK) | (layers["reason"] == reasons.ONE_TRACK)
    return peak, layers["reason"].where(~valid | xnp.isfinite(peak), reasons.NO_TEMPERATURE)


def after(reason: xr.DataArray, upstream: xr.DataArray | None) -> xr.DataArray:
    """Reason of a fit, over which that of an earlier step goes."""
    if upstream is None:
        return reason
    before = on_pixels_of(upstream, reason, name="upstream_reason")
    return reason.where(before == reasons.OK, before)


def elapsed_years(stamps: pd.DatetimeIndex) -> np.ndarray:
    """Years since the first date."""
    return (stamps - stamps[0]).to_numpy() / np.timedelta64(1, "D") / DAYS_PER_YEAR


def choose_spread(kind: str, *years: np.ndarray, draws: int = 200, seed: int = 0) -> decompose.Spread:
    """How to find the uncertainty, from the calendar year (or the two years) of every observation."""
    require_option("uncertainty", kind, UNCERTAINTIES)
    if kind == "formal":
        return decompose.Spread()
    found = len(np.unique(np.concatenate(years)))
    if found < 3:
        hint = 'Use uncertainty="formal".'
        raise QtpDataError(f"{kind} needs three calendar years of dates", found=found, hint=hint)
    return decompose.Spread(kind, lstsq.Blocks.of(*years), draws, seed)


def run(
    kernel: Callable[..., np.ndarray],
    arrays: Sequence[tuple[xr.DataArray | None, str]],
    *,
    layers: Sequence[str],
    **options: Any,
) -> dict[str, xr.DataArray]:
    """Apply a kernel of (n, pixels) arrays over the named dim of each array; its layers by name."""
    stacked = run_stacked(kernel, arrays, layers=len(layers), **options)
    return {name: stacked.isel(layer=i) for i, name in enumerate(layers)}


def run_stacked(
    kernel: Callable[..., np.ndarray], arrays: Sequence[tuple[xr.DataArray | None, str]], *, layers: int, **options: Any
) -> xr.DataArray:
    """As :func:`run`, with the layers along the last dim, ``layer``."""
    given = [(da, dim) for da, dim in arrays if da is not None]
    given = [(on_pixels_of(da, given[0][0]), dim) for da, dim in given]
    # Coordinates of a dim that is summed over need not agree between inputs, nor need labels that hang on others.
    bare = [da.drop_vars({*da.coords} - ({*da.dims, "spatial_ref"} - {dim})) for da, dim in given]
    return over_blocks(
        partial(decompose.by_slabs, kernel=kernel, layers=layers, **options),
        *bare,
        input_core_dims=[[dim] for _, dim in given],
        output_core_dims={"layer": layers},
        dtype=np.float64,
    )


def to_dataset(layers: dict[str, xr.DataArray], like: xr.DataArray, **attrs: Any) -> xr.Dataset:
    """Layers by name with their units, ``attrs`` on the whole; provenance of ``like`` on both."""
    layers["reason"] = layers["reason"].astype(np.uint8)
    described = {name: describe(da, name, like=like) for name, da in layers.items()}
    return xr.Dataset(described, attrs=attrs | provenance(like))
