"""Coarse grids of a product, over height as well, at the pixels of a stack: interpolated block by block."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit._inputs import FileReader
from qtp_toolkit.conventions import QtpDataError, X, Y, on_pixels_of
from qtp_toolkit.load.files.hdf5 import opened

if TYPE_CHECKING:
    import h5py


class Term(NamedTuple):
    """A dataset over (height,) latitude, longitude in a file, and what it is multiplied by."""

    path: str
    dataset: str
    factor: float = 1.0


def at_pixels(terms: Sequence[Term], stack: xr.Dataset, elevation: xr.DataArray | float | None) -> xr.DataArray:
    """Sum of terms at the pixels of a stack, linear in height, latitude and longitude.

    Parameters
    ----------
    terms : sequence of Term
    stack : xarray.Dataset
        In longitude and latitude; the result takes its pixels and blocks.
    elevation : xarray.DataArray or float, optional
        m, (y, x) on the pixels of the stack or one number; not needed for datasets without height.

    Returns
    -------
    xarray.DataArray
        (y, x), float32, NaN beyond the datasets and beside their missing values. Lazy.

    Raises
    ------
    QtpDataError
        I03: an elevation is needed and was not given. When computed: M05, for a damaged file.
    """
    import dask.array as da  # noqa: PLC0415  slow to import

    if elevation is None and _has_height(terms[0]):
        raise QtpDataError(
            "this layer changes with height, and no elevation is given",
            variable=terms[0].dataset.rpartition("/")[2],
            expected="elevation: m above the ellipsoid, a map on the pixels of the stack or one number",
            hint="Give elevation, e.g. a DEM brought to the stack by grid.match.",
            code="I03",
        )
    like = stack["phase"].isel(pair=0, drop=True)
    chunks = {str(dim): sizes for dim, sizes in like.chunksizes.items()}
    rows, columns = (
        xr.DataArray(da.from_array(np.asarray(like[dim].values, float), chunks=chunks[dim]), dims=dim) for dim in (Y, X)
    )
    height = xr.zeros_like(like, dtype=float) + np.nan
    if isinstance(elevation, xr.DataArray):
        height = on_pixels_of(elevation, like, name="elevation").astype(float).chunk(chunks)
    elif elevation is not None:
        height = xr.full_like(like, float(elevation), dtype=float)
    read = FileReader(partial(_interpolate, terms=tuple(terms)), tuple(term.path for term in terms))
    out = xr.apply_ufunc(read, height.drop_vars([Y, X]), rows, columns, dask="parallelized", output_dtypes=[np.float32])
    return out.transpose(Y, X).assign_coords(like.coords)


def medians(path: str, datasets: Sequence[str]) -> list[float]:
    """Median of each dataset of a file without its missing values; NaN where there is no such dataset.

    Parameters
    ----------
    path : str
    datasets : sequence of str
    """
    with opened(path) as file:
        values = [_values(file[name]) if name in file else np.array([np.nan]) for name in datasets]
    return [float(np.nanmedian(v)) if np.isfinite(v).any() else np.nan for v in values]


def _has_height(term: Term) -> bool:
    with opened(term.path) as file:
        return file[term.dataset].ndim == 3


def _values(dataset: h5py.Dataset) -> np.ndarray:
    values = dataset[()].astype(float)
    fills = [float(fill) for fill in np.atleast_1d(dataset.attrs.get("_FillValue", []))]
    for fill in fills + [0.0] * dataset.name.endswith("Angle"):  # no satellite looks straight down, nor due east
        values[values == fill] = np.nan
    return values


def _axes(dataset: h5py.Dataset) -> list[np.ndarray]:
    """Coordinates of a dataset: those attached to it, else those of their names in its group, or one above."""
    meta, plain = ("heightsMeta", "latitudeMeta", "longitudeMeta"), ("height", "latitude", "longitude")
    triples = [names[-dataset.ndim :] for names in ((meta, plain) if dataset.ndim == 3 else (plain,))]
    groups = [dataset.parent]
    while groups[-1].name != "/":
        groups.append(groups[-1].parent)
    known = [
        {
            name: group[name]
            for group in reversed(groups)
            for name, size in zip(names, dataset.shape, strict=True)
            if name in group and group[name].size == size
        }
        for names in triples
    ]
    k = next((k for k, names in enumerate(triples) if len(known[k]) == len(names)), 0)
    axes = [dim[0] if len(dim) else known[k][name] for dim, name in zip(dataset.dims, triples[k], strict=True)]
    return [np.asarray(axis[()], float) for axis in axes]


def _interpolate(height: np.ndarray, y: np.ndarray, x: np.ndarray, *, terms: tuple[Term, ...]) -> np.ndarray:
    """Values at the pixels of one block; run by workers."""
    from scipy.interpolate import RegularGridInterpolator  # noqa: PLC0415  slow to import

    total = np.zeros(np.broadcast_shapes(height.shape, y.shape, x.shape))
    for term in terms:
        with opened(term.path) as file:
            dataset = file[term.dataset]
            values = _values(dataset)
            axes = _axes(dataset)
        for k, axis in enumerate(axes):
            if axis[0] > axis[-1]:
                axes[k], values = axis[::-1], np.flip(values, k)
        at = np.stack(np.broadcast_arrays(*(height, y, x)[-len(axes) :], total)[:-1], axis=-1)
        total += term.factor * RegularGridInterpolator(axes, values, bounds_error=False)(at)
    return total.astype(np.float32)
