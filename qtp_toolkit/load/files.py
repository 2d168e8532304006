"""What all readers share: naming every bad file at once, dates in file names, lazy blocks, the CRS on a grid."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

from qtp_toolkit._inputs import FileReader
from qtp_toolkit.conventions import QtpDataError, X, Y

Chunks = dict[str, int]
BLOCK_BYTES = 128_000_000
"""Size that blocks get when the catalog does not say."""
ITEM_BYTES = 4
"""Bytes a value that blocks of layers of one product are cut by, bytes of quality too, so that all are cut alike."""


_HINTS = {
    "I27": "Set parameters.pattern to the way in which your files write their dates.",
    "I18": "Move them away.",
    "I11": "Give the unwrapped phase in rad.",
    "I12": "Give the unwrapped phase in rad.",
    "M12": "A quality byte that was saved as decimals reads NaN as good; get the original.",
    "M19": "Rename the files as they were delivered, or get them again.",
    "M26": "Rename the files as they were delivered, or get them again.",
    "M27": "Get the layers that are named.",
    "S02": "Mend parameters.version, or narrow the uri.",
}


def refuse_bad(bad: Sequence[tuple[Path, str]], what: str, *, total: int, code: str) -> None:
    """Raise one error that lists every bad file, if there is one.

    Parameters
    ----------
    bad : sequence of (path, reason)
    what : str
        What the files should have been.
    total : int
        How many files there are in all.
    code : str
        Code of the fault.
    """
    if not bad:
        return
    listed = "; ".join(f"{path}: {reason}" for path, reason in bad)
    raise QtpDataError(
        f"{len(bad)} of {total} files are no {what}: {listed}",
        path=bad[0][0] if len(bad) == 1 else bad[0][0].parent,
        hint=_HINTS.get(code, "Download them again, or move them away; the other files are fine."),
        code=code,
    )


def first_bytes_problem(path: Path, magics: Sequence[bytes], kind: str) -> str | None:
    """Why a file cannot be of the kind, told from its size and first bytes; None if it can."""
    size = path.stat().st_size
    if size == 0:
        return "zero bytes on disk"
    with path.open("rb") as stream:
        head = stream.read(512)
    if any(head.startswith(magic) for magic in magics):
        return None
    text = head.lstrip()[:40].decode("latin-1", "replace")
    if text[:1] == "<":
        return f"not {kind}; starts with {text[:15]!r}: a login or error page saved as data? ({size} bytes)"
    return f"not {kind}; starts with {head[:4].hex()} ({size} bytes)"


def year_day(year: int, day: int, path: Path | str) -> np.datetime64:
    """Date of a day of the year; day 366 of a common year is an error that names the file."""
    last = 366 if calendar.isleap(year) else 365
    if not 1 <= day <= last:
        raise QtpDataError(
            "day of year in a file name is impossible", path=path, expected=f"1 to {last}", found=day, code="M19"
        )
    return np.datetime64(f"{year}-01-01", "D") + (day - 1)


def period_days(start: np.ndarray, length: int) -> np.ndarray:
    """Days that composites cover: ``length``, or what is left of the year (the series restarts every 1 January)."""
    start = start.astype("datetime64[D]")
    next_year = (start.astype("datetime64[Y]") + 1).astype("datetime64[D]")
    return np.minimum(length, (next_year - start).astype(int))


def centers(start: np.ndarray, length: int) -> np.ndarray:
    """Center of each composite: start + (days - 1) / 2, so that the mean of daily values lands on their mean date."""
    half_days = (period_days(start, length) - 1) * 12
    return (start.astype("datetime64[h]") + half_days.astype("timedelta64[h]")).astype("datetime64[ns]")


def date_of(match: re.Match[str], path: Path) -> np.datetime64:
    """Date from the groups year and doy, or year, month and day, of a match in a file name."""
    groups = match.groupdict()
    year = int(groups["year"])
    if groups.get("doy"):
        return year_day(year, int(groups["doy"]), path)
    return ymd(f"{year:04d}{int(groups['month']):02d}{int(groups['day']):02d}", path)


def ymd(text: str, path: Path | str) -> np.datetime64:
    """Date written as eight digits; an impossible one is an error that names the file."""
    try:
        return np.datetime64(dt.date(int(text[:4]), int(text[4:6]), int(text[6:8])), "D")
    except ValueError as error:
        raise QtpDataError(
            f"date in a file name is impossible: {error}", path=path, found=text, expected="YYYYMMDD", code="I27"
        ) from None


def block_shape(
    sizes: dict[str, int], chunks: Chunks | None, *, itemsize: int, rows: int = 1
) -> tuple[tuple[int, ...], ...]:
    """Chunks of a lazy array: those asked for; where none are asked for, whole dims cut along y to about 128 MB.

    Parameters
    ----------
    sizes : dict of str to int
        Dims in order.
    chunks : dict of str to int, optional
        Sizes by dim; -1 is the whole dim.
    itemsize : int
        Bytes a value.
    rows : int
        Height of the files' own blocks: slabs are multiples of it.
    """
    asked = {dim: size for dim, size in (chunks or {}).items() if dim in sizes}
    shape = {dim: sizes[dim] if asked.get(dim, -1) == -1 else asked[dim] for dim in sizes}
    if Y in sizes and Y not in asked:
        slab = itemsize * int(np.prod([max(shape[dim], 1) for dim in sizes if dim != Y]))
        fitting = max(1, BLOCK_BYTES // max(slab, 1))
        shape[Y] = min(sizes[Y], max(rows, fitting // rows * rows))
    return da.core.normalize_chunks(tuple(max(shape[dim], 1) for dim in sizes), shape=tuple(sizes.values()))


def lazy_blocks(
    read: Callable[..., np.ndarray],
    chunks: tuple[tuple[int, ...], ...],
    dtype: np.dtype | str,
    *,
    paths: Iterable[Path | str],
    **arguments: Any,
) -> da.Array:
    """Dask array whose blocks are ``read(bounds, **arguments)`` with ``bounds`` = ((start, stop), ...).

    ``read`` is a module-level function and the arguments are paths and numbers, so that tasks run in threads, in other
    processes and on other machines. ``paths`` are all files that it may read: their sizes and times are part of the
    array's name, and a store finds them there.
    """
    reader = FileReader(partial(read, **arguments), tuple(map(str, paths)))
    node = dask.delayed(reader, pure=True, traverse=False)  # dask would look into hundreds of files for lazy arrays
    return da.map_blocks(_block, chunks=chunks, dtype=dtype, meta=np.empty((0,) * len(chunks), dtype), read=node)


def _block(*, read: Callable[..., np.ndarray], block_info: dict | None = None) -> np.ndarray:
    return read(tuple(tuple(map(int, span)) for span in block_info[None]["array-location"]))


def on_grid(
    values: Any, dims: Sequence[str], coords: dict[str, Any], crs: str, *, name: str | None = None
) -> xr.DataArray:
    """DataArray with ``spatial_ref``; ``coords`` hold y and x (pixel centers) and whatever else."""
    import rioxarray  # noqa: F401, PLC0415  registers .rio

    return xr.DataArray(values, dims=list(dims), coords=coords, name=name).rio.write_crs(crs)


def with_crs(data: xr.Dataset, crs: str | None = None) -> xr.Dataset:
    """Return the data with its CRS under the name ``spatial_ref``, whatever the file calls its grid mapping.

    Parameters
    ----------
    data : xarray.Dataset
    crs : str, optional
        Given CRS; by default the one that the file declares, if any.
    """
    import rioxarray  # noqa: F401, PLC0415  registers .rio

    found = crs or data.rio.crs
    if found is None:
        return data
    old = {v.encoding.get("grid_mapping", v.attrs.get("grid_mapping")) for v in data.data_vars.values()}
    data = data.drop_vars([name for name in old - {None, "spatial_ref"} if name in data.variables])
    for variable in data.data_vars.values():
        variable.attrs.pop("grid_mapping", None)
        variable.encoding.pop("grid_mapping", None)
    return data.rio.write_crs(found, grid_mapping_name="spatial_ref")


def descending(data: Any) -> Any:
    """Return the same data with y running from north to south."""
    if Y in data.coords and data.sizes[Y] > 1 and float(data[Y][1]) > float(data[Y][0]):
        return data.isel({Y: slice(None, None, -1)})
    return data


def no_duplicates(keys: Iterable[Any], paths: Iterable[Path], what: str, code: str) -> None:
    """Raise if two files have the same key; names both."""
    seen: dict[Any, Path] = {}
    double = []
    for key, path in zip(keys, paths, strict=True):
        if key in seen:
            double.append(f"{what} {key}: {seen[key].name} and {path.name}")
        seen[key] = path
    if double:
        raise QtpDataError(f"{what} stands twice; " + "; ".join(double), hint="Move one of each away.", code=code)


def spatial_names(data: xr.Dataset) -> dict[str, str]:
    """Say which lat/lon-like dims to rename to y and x."""
    names = {"lat": Y, "latitude": Y, "lon": X, "longitude": X, "ydim": Y, "xdim": X}
    return {str(dim): names[str(dim).lower()] for dim in data.dims if str(dim).lower() in names}
