"""NetCDF and Zarr as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, VARIABLES, QtpDataError
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import first_bytes_problem, refuse_bad
from qtp_toolkit.load.files.grids import descending, spatial_names, with_crs
from qtp_toolkit.load.files.limits import hold, spell

NETCDF = (b"\x89HDF", b"CDF")


def netcdf(
    path: Path,
    *,
    variables: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    complex_pairs: Mapping[str, Sequence[str]] | None = None,
    crs: str | None = None,
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open a NetCDF file lazily.

    Parameters
    ----------
    path : path
    variables : sequence of str, optional
        Which to keep, by their names in the file.
    rename : mapping, optional
        Names of dims, coords and variables in the file to ours.
    complex_pairs : mapping, optional
        Complex variables to make of two real ones: ``{name: (real, imaginary)}``.
    crs : str, optional
        Coordinate reference system, if the file does not say.
    chunks : dict, optional
        By default blocks of about 128 MB.

    Returns
    -------
    xarray.Dataset
        Lazy; decoded by CF; latitude and longitude are called y and x, y from north to south. Quantities of the
        variable table, under its name and in its unit, are held to their physical range, as those of maps are: single
        values outside, undeclared fill values among them, are NaN.

    Raises
    ------
    QtpDataError
        If the file is not NetCDF, is truncated, or lacks a variable. When computed: M11, S02, S03 or I11, if the
        values of a block as a whole leave the physical range.

    Examples
    --------
    >>> data = xr.Dataset({"t": (("lat", "lon"), [[1.0], [2.0]])}, {"lat": [34.0, 35.0], "lon": [93.0]})
    >>> data.to_netcdf(folder / "t.nc", engine="h5netcdf")
    >>> load.netcdf(folder / "t.nc", crs="EPSG:4326")["y"].values.tolist()
    [35.0, 34.0]
    """
    path = Path(path)
    problem = first_bytes_problem(path, NETCDF, "NetCDF")
    refuse_bad([(path, problem)] if problem else [], "readable NetCDF", total=1, code="M04")
    with path.open("rb") as stream:
        magic = stream.read(4)
    data = opened(path, magic, path, chunks)
    return chosen(data, path, variables=variables, rename=rename, complex_pairs=complex_pairs, crs=crs)


def opened(source: Path | BinaryIO, magic: bytes, path: Path, chunks: Chunks | None) -> xr.Dataset:
    """Open NetCDF of a file, or of the bytes of a member of an archive, in blocks; ``path`` is for errors."""
    engine = "scipy" if magic[:3] == b"CDF" else "h5netcdf"  # NetCDF-3, as the store delivered until 2024
    try:
        data = xr.open_dataset(source, engine=engine, chunks=None, decode_coords="all")
    except (OSError, TypeError, IndexError, KeyError) as error:  # the last three are what is said of NetCDF-3
        raise QtpDataError(
            f"cannot open NetCDF: {error} ({path.stat().st_size} bytes)", path=path, code="M05"
        ) from None
    except ValueError as error:  # what xarray says of a time in "months since" or of an impossible date
        if engine == "scipy" and _is_cut(source):
            size = path.stat().st_size
            refuse_bad([(path, f"is truncated: {size} bytes on disk")], "readable NetCDF", total=1, code="M05")
        raise QtpDataError(
            f"cannot decode NetCDF: {error}", path=path, expected="time in days since YYYY-MM-DD", code="M24"
        ) from None
    # dask cannot tell the size of text, and refuses to choose chunks for it
    textual = any(array.dtype.kind not in "biufcmM" for array in data.data_vars.values())
    return data.chunk(dict(chunks) if chunks else {} if textual else "auto")


def _is_cut(source: Path | BinaryIO) -> bool:
    """Say whether NetCDF-3, whose header stands at its head, lacks values that the header promises."""
    if not isinstance(source, Path):
        source.seek(0)
    try:
        xr.open_dataset(source, engine="scipy", chunks=None, decode_cf=False).close()
    except ValueError:
        return True
    return False


def zarr(
    path: Path,
    *,
    variables: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    complex_pairs: Mapping[str, Sequence[str]] | None = None,
    crs: str | None = None,
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open a Zarr folder lazily; parameters and result as :func:`netcdf`.

    Examples
    --------
    >>> _ = xr.Dataset({"t": ("x", [1.0, 2.0])}).to_zarr(folder / "t.zarr", consolidated=False)
    >>> load.zarr(folder / "t.zarr")["t"].values.tolist()
    [1.0, 2.0]
    """
    path = Path(path)
    try:
        data = xr.open_zarr(path, consolidated=False, chunks=dict(chunks or {}), decode_coords="all")
    except (OSError, ValueError, KeyError) as error:
        own = "This is a store that qtp ingest wrote: store.open_store opens it." if (path / "runs").is_dir() else None
        raise QtpDataError(
            f"cannot open Zarr: {type(error).__name__} {error}", path=path, expected="a Zarr group", hint=own
        ) from None
    return chosen(data, path, variables=variables, rename=rename, complex_pairs=complex_pairs, crs=crs)


def chosen(
    data: xr.Dataset,
    path: Path,
    *,
    variables: Sequence[str] | None,
    rename: Mapping[str, str] | None,
    complex_pairs: Mapping[str, Sequence[str]] | None,
    crs: str | None,
) -> xr.Dataset:
    """Keep, name and check what :func:`netcdf` and :func:`zarr` opened, as their parameters say."""
    parts = [name for pair in (complex_pairs or {}).values() for name in pair]
    lacking = [
        name for name in [*(variables or []), *(rename or {}), *parts] if name not in data and name not in data.dims
    ]
    if lacking:
        raise QtpDataError(
            f"file lacks {lacking}", path=path, found=sorted(map(str, [*data.variables, *data.dims])), code="M27"
        )
    data = data[list(variables)] if variables else data
    for name, (real, imaginary) in (complex_pairs or {}).items():
        whole = data[real] + 1j * data[imaginary]
        attrs = {k: v for k, v in data[real].attrs.items() if k != "long_name"}
        data = data.drop_vars([real, imaginary]).assign({name: whole.assign_attrs(attrs)})
    refuse_no_date(data, path)
    geographic = spatial_names(data)
    data = with_crs(data.rename({**geographic, **(rename or {})}), crs)
    data = data.assign({name: _spelled(da) for name, da in data.data_vars.items() if name in VARIABLES})
    data = data.assign({name: held(da, path) for name, da in data.data_vars.items() if _is_known(da)})
    return descending(data) if geographic or "spatial_ref" in data.coords else data


def _spelled(da: xr.DataArray) -> xr.DataArray:
    """Array of a known quantity whose unit is spelled as the variable table does, where it is the same unit."""
    units, ours = str(da.attrs.get("units", "")), VARIABLES[str(da.name)].units
    return da.assign_attrs(units=ours) if units and spell(units) == spell(ours) else da


def _is_known(da: xr.DataArray) -> bool:
    """Whether an array is of decimals, of a quantity with a physical range, and in its unit."""
    row = VARIABLES.get(str(da.name))
    return (
        row is not None and da.dtype.kind == "f" and da.attrs.get("units") == row.units and bool(row.valid or row.held)
    )


def held(da: xr.DataArray, path: Path) -> xr.DataArray:
    """Array of a known quantity whose values are held to its physical range when they are computed."""
    options = {"variable": str(da.name), "path": path}
    return xr.apply_ufunc(_hold, da, kwargs=options, dask="parallelized", output_dtypes=[da.dtype], keep_attrs=True)


def _hold(values: np.ndarray, *, variable: str, path: Path) -> np.ndarray:
    out = np.array(values)
    hold(out, variable, path)
    return out


def refuse_no_date(data: xr.Dataset, path: Path) -> None:
    """Raise if times were not decoded to dates (M24)."""
    if TIME in data.coords and data[TIME].dtype.kind != "M":
        found = data[TIME].dtype
        raise QtpDataError(
            "time is no date", path=path, variable=TIME, found=found, expected="days since YYYY-MM-DD", code="M24"
        )
