"""Products on disk: what one notebook leaves for the next, and the maps that leave the toolkit.

A product is a Zarr store in ``<output>/products``. It appears under its name only when it is complete: :func:`save`
writes a sibling first and swaps it in, so a killed or failing write leaves the earlier product as it was.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._atomic import find, replacing
from qtp_toolkit._notebook import QuietPath
from qtp_toolkit.conventions import MissingSourceError, QtpDataError, X, Y

PRODUCTS = {
    "lst_mean": "01_modis_lst",
    "freeze_thaw": "02_freeze_thaw",
    "conductivity": "03_soil_conductivity",
    "network": "04_interferograms",
    "time_series": "05_time_series",
    "deformation": "06_deformation_maps",
    "factors": "07_controls",
}
"""Every product of the workflow and the notebook that makes it."""

BLOCK = 256
"""Edge of the blocks (pixels) in which arrays that come from memory are stored."""


def output_folder() -> Path:
    """Folder that everything is written to, not created here: the same for the command line, Lab and dashboard.

    ``$QTP_OUTPUT``; else ``qtp_output`` in the nearest folder, from the working folder upward, that has one or has a
    ``data_catalog.yaml``; else in the working folder.
    """
    if os.environ.get("QTP_OUTPUT"):
        return Path(os.environ["QTP_OUTPUT"]).expanduser().resolve()
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "qtp_output").is_dir() or (folder / "data_catalog.yaml").is_file():
            return folder / "qtp_output"
    return Path.cwd() / "qtp_output"


def path_of(name: str) -> Path:
    """Where the product ``name`` is stored, whether it exists or not."""
    return output_folder() / "products" / f"{_check_name(name)}.zarr"


def exists(name: str) -> bool:
    """Whether the product ``name`` is on disk, complete."""
    return find(path_of(name)) is not None


def save(ds: xr.Dataset | xr.DataArray, name: str) -> Path:
    """Write a product; it replaces an earlier one only when it is complete.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        Any dims; a DataArray needs a name. Lazy arrays are computed block by block by the scheduler in force.
    name : str
        Letters, digits, ``_`` and ``-``; the products of the workflow are :data:`PRODUCTS`.

    Returns
    -------
    pathlib.Path
        The Zarr store.

    Raises
    ------
    QtpDataError
        If the name is unfit. A failing write raises its own error and leaves the earlier product in place.

    Notes
    -----
    All-NaN blocks are written too, so a block that is missing on disk is lost, never just empty. The swap is two
    renames; a process killed between them leaves the earlier product aside, and :func:`open` finds it there.

    Examples
    --------
    >>> from qtp_toolkit import products
    >>> rate = xr.DataArray(np.zeros((3, 4)), dims=("y", "x"), name="linear_rate", attrs={"units": "mm/yr"})
    >>> products.save(rate, "deformation").name
    'deformation.zarr'
    """
    from qtp_toolkit import __version__  # noqa: PLC0415  (the package imports this module)
    from qtp_toolkit._linkless import LinklessStore  # noqa: PLC0415  (zarr takes its time)

    target = path_of(name)
    ds = ds.to_dataset() if isinstance(ds, xr.DataArray) else ds
    ready = _storable(ds).assign_attrs(product=name, qtp_toolkit_version=__version__, variables=[*map(str, ds)])
    with replacing(target) as stage:
        ready.to_zarr(LinklessStore(stage), mode="w-", zarr_format=3, consolidated=False, encoding=_encoding(ready))
    return QuietPath(target)


def open(name: str) -> xr.Dataset:  # noqa: A001  (read as products.open)
    """Open a product lazily, in the blocks that it is stored in.

    Parameters
    ----------
    name : str
        A key of :data:`PRODUCTS`, or a name given to :func:`save`.

    Returns
    -------
    xarray.Dataset
        Backed by dask (words are in memory); attributes and CRS as saved.

    Raises
    ------
    MissingSourceError
        If it is not on disk; says which notebook makes it.

    Examples
    --------
    >>> from qtp_toolkit import products
    >>> path = products.save(xr.Dataset({"onset": ("year", [130, 141])}), "onsets")
    >>> int(products.open("onsets")["onset"].max())
    141
    """
    path = find(path_of(name))
    if path is None:
        text = f"product {name!r} is not in {path_of(name).parent}"
        if notebook := PRODUCTS.get(name):
            text = f"{text}: run notebook {notebook} (qtp reproduce --only {notebook[:2]})"
        else:
            text = f"{text}; products of the workflow: {', '.join(PRODUCTS)}"
        raise MissingSourceError(text, code="missing-product")
    ds = xr.open_zarr(path, chunks={}, consolidated=False, decode_coords="all", decode_timedelta=False)
    order = ds.attrs.pop("variables", list(ds))  # a folder has no order of its own
    return with_words(ds)[order]


def save_table(table: pd.DataFrame, name: str) -> Path:
    """Write a table as ``<output>/tables/<name>.csv``, whole or not at all; a mere row number is dropped.

    Examples
    --------
    >>> from qtp_toolkit import products
    >>> path = products.save_table(pd.DataFrame({"q": [0.5]}, index=pd.Index(["slope"], name="factor")), "q_table")
    >>> path.read_text().split()
    ['factor,q', 'slope,0.5']
    """
    target = output_folder() / "tables" / f"{_check_name(name)}.csv"
    with replacing(target) as stage:
        table.to_csv(stage, index=not isinstance(table.index, pd.RangeIndex))
    return QuietPath(target)


def export_maps(ds: xr.Dataset, name: str) -> list[Path]:
    """Export maps for use elsewhere: a Cloud-Optimized GeoTIFF per 2-D variable and one CF NetCDF with everything.

    Parameters
    ----------
    ds : xarray.Dataset
        Variables with dims (y, x) become ``<output>/maps/<name>_<variable>.tif``; floats have nodata NaN, units and
        long name stand in the tags and in the band's unit and description. Needs a CRS (``spatial_ref``).
    name : str
        Stem of the files.

    Returns
    -------
    list of pathlib.Path
        The GeoTIFFs, then the NetCDF file.

    Raises
    ------
    QtpDataError
        If the dataset has no CRS, no 2-D variable, or uneven pixels.

    Examples
    --------
    >>> from qtp_toolkit import products
    >>> grid = {"y": 4e6 - 90.0 * np.arange(3), "x": 3e5 + 90.0 * np.arange(4)}
    >>> rate = xr.DataArray(np.zeros((3, 4)), grid, ("y", "x"), name="rate", attrs={"units": "mm/yr"})
    >>> [path.name for path in products.export_maps(rate.to_dataset().rio.write_crs(32646), "maps")]
    ['maps_rate.tif', 'maps.nc']
    """
    maps = [str(key) for key, da in ds.data_vars.items() if set(da.dims) == {Y, X}]
    if not maps or ds.rio.crs is None:
        raise QtpDataError(
            f"Cannot export {name!r} as maps",
            expected="variables with dims (y, x) and a CRS",
            found=f"maps {maps}, CRS {ds.rio.crs}",
            hint="Give it a CRS with ds.rio.write_crs(...).",
        )
    folder = output_folder() / "maps"
    files = []
    for key in maps:
        target = folder / f"{_check_name(name)}_{key}.tif"
        with replacing(target) as stage:
            _write_cog(ds[key].transpose(Y, X), stage)
        files.append(target)
    target = folder / f"{name}.nc"
    with replacing(target) as stage:
        _write_netcdf(ds, stage)
    return [*files, target]


def _check_name(name: str) -> str:
    if not name or not name.replace("_", "").replace("-", "").isalnum():
        raise QtpDataError("Name is not fit for a file", expected="letters, digits, _ and -", found=repr(name))
    return name


def with_words(ds: xr.Dataset) -> xr.Dataset:
    """Return what Zarr read with text as numpy has it, in memory."""
    words = {key: np.array(da.values.tolist()) for key, da in ds.variables.items() if da.dtype.kind in "OT"}
    return ds.assign({key: ds[key].copy(data=text) for key, text in words.items()})


def plain(value: Any) -> Any:
    """Attributes of any depth as JSON takes them."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _storable(ds: xr.Dataset) -> xr.Dataset:
    """Return a copy without the encoding of its source, with plain attributes and blocks that Zarr can hold."""
    out = ds.drop_encoding()
    # Zarr has one size of chunks along a dim, and only the last may be smaller.
    irregular = {dim for dim, sizes in out.chunksizes.items() if len({*sizes[:-1]}) > 1 or sizes[-1] > sizes[0]}
    out = out.chunk({dim: max(out.chunksizes[dim]) for dim in irregular})
    out.attrs = plain(out.attrs)
    for key in out.variables:
        out[key].attrs = plain(out[key].attrs)
        if out[key].dtype.kind in "UO":
            out[key] = out[key].astype(object).compute()
    return out


def _encoding(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for key, da in ds.data_vars.items():
        out[str(key)] = {"write_empty_chunks": True}
        if da.ndim and da.chunks is None:
            blocks = [min(size, BLOCK) if dim in (Y, X) else size for dim, size in da.sizes.items()]
            out[str(key)]["chunks"] = tuple(max(block, 1) for block in blocks)
    return out


def _write_cog(da: xr.DataArray, path: Path) -> None:
    from rasterio.io import MemoryFile  # noqa: PLC0415

    values = da.values.astype("uint8") if da.dtype.kind == "b" else da.values
    with MemoryFile() as memory:
        with memory.open(**raster_profile(da, values.dtype)) as raster:
            raster.write(values, 1)
            label_raster(raster, da)
        with memory.open() as raster:
            copy_to_cog(raster, path)


def raster_profile(da: xr.DataArray, dtype: np.dtype) -> dict[str, Any]:
    """Say what rasterio wants to know of the GeoTIFF of a map: size, grid, and NaN as nodata of floats."""
    from qtp_toolkit.grid._frame import affine  # noqa: PLC0415  (maps only)

    return {
        "driver": "GTiff",
        "height": da.sizes[Y],
        "width": da.sizes[X],
        "count": 1,
        "dtype": dtype,
        "crs": da.rio.crs,
        "transform": affine(da),
        "nodata": np.nan if dtype.kind == "f" else None,
    }


def label_raster(raster: Any, da: xr.DataArray, **tags: str) -> None:
    """Write unit, names, classes and ``tags`` of a map into its GeoTIFF, which is open for writing."""
    kept = ("units", "long_name", "standard_name", "provenance_note")
    attrs = {key: da.attrs[key] for key in kept if key in da.attrs}
    if "classes" in da.attrs:
        attrs["classes"] = json.dumps(plain(da.attrs["classes"]))
    raster.update_tags(**attrs, **tags)
    raster.set_band_description(1, str(attrs.get("long_name", da.name)))
    raster.units = (str(attrs.get("units", "")),)


def copy_to_cog(raster: Any, path: Path) -> None:
    """Copy a GeoTIFF, open or by its path, to a Cloud-Optimized one with overviews."""
    import rasterio  # noqa: PLC0415
    import rasterio.shutil  # noqa: PLC0415

    if isinstance(raster, Path):
        with rasterio.open(raster) as source:
            return copy_to_cog(source, path)
    average = "average" if np.dtype(raster.dtypes[0]).kind == "f" else "nearest"
    options = {"compress": "deflate", "predictor": "yes", "overview_resampling": average}
    return rasterio.shutil.copy(raster, path, driver="COG", **options)


def _write_netcdf(ds: xr.Dataset, path: Path) -> None:
    out = ds.drop_encoding().rio.write_coordinate_system().assign_attrs(Conventions="CF-1.8")
    for key in [*out.data_vars, *out.coords]:
        attrs = {name: plain(value) for name, value in out[key].attrs.items()}
        out[key].attrs = {n: json.dumps(v) if isinstance(v, dict) else v for n, v in attrs.items() if v is not None}
        if out[key].dtype.kind == "b":
            out[key] = out[key].astype("uint8").assign_attrs(out[key].attrs)
    out.attrs = {key: json.dumps(plain(v)) if isinstance(v, dict) else v for key, v in out.attrs.items()}
    encoding: dict[str, dict[str, Any]] = {}
    for key, da in out.data_vars.items():
        encoding[str(key)] = (
            {"zlib": True, "complevel": 4, "shuffle": True} if da.ndim and da.dtype.kind in "fiu" else {}
        )
        if {Y, X} <= set(da.dims):
            encoding[str(key)]["grid_mapping"] = da.rio.grid_mapping
    out.to_netcdf(path, engine="h5netcdf", encoding=encoding)
