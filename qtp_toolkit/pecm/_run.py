"""What the fits of this package share: checks of dates and options, blocks of years, the call of a kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._over_blocks import over_blocks
from qtp_toolkit.conventions import DAYS_PER_YEAR, TIME, QtpDataError, describe, provenance, require, require_option
from qtp_toolkit.kernels import lstsq
from qtp_toolkit.pecm.kernels import decompose

UNCERTAINTIES = ("year_block", "bootstrap", "formal")


def same_dates(displacement: xr.DataArray, *others: xr.DataArray) -> pd.DatetimeIndex:
    """Dates of a series, once all arrays are known to have the same ones, each once."""
    stamps = pd.DatetimeIndex(displacement[TIME].values)
    if stamps.has_duplicates:
        raise QtpDataError(
            "displacement repeats dates",
            found=str(stamps[stamps.duplicated()][0].date()),
            code="P12",
            hint="Keep one value a date, e.g. displacement.drop_duplicates('time').",
        )
    for other in others:
        require(other, dims=(TIME,))
        if not np.array_equal(other[TIME].values, stamps.values):
            raise QtpDataError(
                f"{other.name!r} and displacement differ in dates",
                expected=f"{len(stamps)} dates of displacement",
                found=f"{other.sizes[TIME]} dates",
                hint="Compute the index on the dates of the displacement.",
            )
    return stamps


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
