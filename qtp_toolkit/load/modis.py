"""MODIS land surface temperature and vegetation index: AppEEARS NetCDF and GeoTIFF, and HDF4 granules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, VARIABLES, QtpDataError, X, Y, describe
from qtp_toolkit.load import hdf4
from qtp_toolkit.load.composites import Composite, arrange, merge_sensors
from qtp_toolkit.load.files import (
    Chunks,
    centers,
    descending,
    first_bytes_problem,
    no_duplicates,
    refuse_bad,
    spatial_names,
    with_crs,
    year_day,
)
from qtp_toolkit.load.tiff import Decode, decoded, headers, lazy_stack, same_grid

LST = Decode(nodata=(0.0,), scale=0.02, offset=-273.15, valid=(7500, 65535))
"""MOD11 by its product specification, whatever the file's own tags say: K x 50, fill 0, valid from 7500."""

QC = Decode(dtype="uint8", fill=3.0)
"""Quality bytes are never scaled and never NaN; where there is no file: 3, not produced."""

NDVI = Decode(nodata=(-3000.0, -28672.0), scale=1e-4, valid=(-2000, 10000))
"""MOD13 by its product specification; what leaves the valid range is NaN, so any other fill value is too."""

LAYERS = {"LST_Day_1km": "day", "LST_Night_1km": "night", "QC_Day": "qc_day", "QC_Night": "qc_night"}
_NAME = re.compile(
    r"(?P<sensor>MOD|MYD)(?P<product>1[13][A-Z]\d)\.(?P<collection>\d{3})_{1,2}(?P<layer>.+?)_doy(?P<date>\d{7})"
)


def modis_lst(
    paths: Sequence[Path] | Mapping[str, Sequence[Path]],
    *,
    chunks: Chunks | None = None,
    sensors: Sequence[str] = ("terra", "aqua"),
    max_gap: int = 3,
    duplicates: str = "error",
    mixed_collections: bool = False,
) -> xr.Dataset:
    """Open MODIS 8-day (or daily) land surface temperature of Terra and Aqua, day and night, with its quality bytes.

    Parameters
    ----------
    paths : sequence of path
        HDF4-EOS granules (``MOD11A2.A2014001.h25v05.061.*.hdf``; several tiles are joined), AppEEARS GeoTIFFs
        (``MOD11A2.061_LST_Day_1km_doy2014001_aid0001.tif``), or AppEEARS NetCDF (``MOD11A2.061_1km_aid0001.nc``). A
        mapping of sensor to files is flattened: the sensor is told from the file name.
    chunks : dict, optional
        Chunk sizes by dim; by default all times and rows to about 128 MB.
    sensors : sequence of {"terra", "aqua"}
        Those that must be there.
    max_gap : int
        Longest run of missing composites that is let through; each missing one is listed in attrs.
    duplicates : {"error", "newest"}
        What to do with two granules of one composite; ``newest`` goes by their production stamp.
    mixed_collections : bool
        Let collections 006 and 061 stand side by side.

    Returns
    -------
    xarray.Dataset
        ``terra_day``, ``terra_night``, ``aqua_day``, ``aqua_night`` (time, y, x), degC, float32, NaN where the file
        holds fill or leaves the valid range; ``qc_terra_day`` ... uint8, never NaN (3, not produced, where a sensor
        has no composite). Lazy. ``time`` is the CENTER of the composite: the first of its days + (days - 1) / 2,
        where the last composite of a year has 5 or 6 days. Not masked by quality: that is
        :func:`qtp_toolkit.lst.mask_quality`.

    Raises
    ------
    QtpDataError
        All unreadable files at once (M03 to M05); missing layers (M27); the same composite twice (M02); gaps longer
        than ``max_gap`` (M01); a sensor without files (M21); mixed collections (M26).
    """
    files = [Path(path) for group in _groups(paths) for path in group]
    suffixes = {path.suffix.lower() for path in files}
    readers = {".nc": _from_netcdf, ".nc4": _from_netcdf, ".tif": _from_tiff, ".tiff": _from_tiff, ".hdf": _from_hdf4}
    if len(suffixes) != 1 or not suffixes <= set(readers):
        raise QtpDataError(
            "MODIS files must be all of one kind", expected=sorted(readers), found=sorted(suffixes), code="M04"
        )
    by_sensor = _split(files, sensors, mixed_collections=mixed_collections)
    read = readers[suffixes.pop()]
    parts = {
        sensor: read(sensor, group, chunks=chunks, duplicates=duplicates, max_gap=max_gap)
        for sensor, group in by_sensor.items()
    }
    return _described(merge_sensors(parts, fill={"qc": 3}))


def ndvi(paths: Sequence[Path], *, chunks: Chunks | None = None) -> xr.DataArray:
    """Open MODIS NDVI GeoTIFFs of AppEEARS (``MOD13Q1.061__250m_16_days_NDVI_doy2019209_aid0001.tif``).

    Parameters
    ----------
    paths : sequence of path
        Terra and Aqua composites together: 16 days long, phased by 8.
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        (time, y, x), 1, float32, lazy; NaN outside the valid range -0.2..1. ``time`` is the center of the 16 days.

    Raises
    ------
    QtpDataError
        All unreadable files at once; a name without date; the same composite twice; unlike grids.
    """
    found = headers(paths)
    matches = [_NAME.search(header.path.name) for header in found]
    unnamed = [(h.path, "no product and date in its name") for h, m in zip(found, matches, strict=True) if m is None]
    refuse_bad(unnamed, "AppEEARS NDVI file", total=len(found), code="I27")
    start = np.array(
        [year_day(int(m["date"][:4]), int(m["date"][4:]), h.path) for m, h in zip(matches, found, strict=True)]
    )
    no_duplicates(start, [h.path for h in found], "composite", "M02")
    order = np.argsort(start)
    out = lazy_stack([found[k] for k in order], same_grid(found), NDVI, dim=TIME, chunks=chunks)
    out = out.assign_coords({TIME: centers(start[order], 16)})
    return describe(out, "ndvi", converted="scale 0.0001; fill and values outside -0.2..1 to NaN; time to the center")


def _groups(paths: Any) -> list[Sequence[Path]]:
    return list(paths.values()) if isinstance(paths, Mapping) else [paths]


def _split(files: Sequence[Path], sensors: Sequence[str], *, mixed_collections: bool) -> dict[str, list[Path]]:
    """Files by sensor, told from their names; only the sensors that were asked for."""
    prefix = {"MOD": "terra", "MYD": "aqua"}
    match = {path: re.match(r"(MOD|MYD)\d\d[A-Z]\d\.(?:A\d{7}\.h\d\dv\d\d\.)?(\d{3})", path.name) for path in files}
    refuse_bad(
        [(p, "name") for p, m in match.items() if m is None], "MODIS LST file by name", total=len(files), code="M04"
    )
    collections = sorted({m[2] for m in match.values()})
    if len(collections) > 1 and not mixed_collections:
        raise QtpDataError(
            "files of different collections are mixed", expected="one", found=collections, code="M26",
            hint="Move one collection away, or set parameters.mixed_collections: true.",
        )  # fmt: skip
    groups = {sensor: [p for p, m in match.items() if prefix[m[1]] == sensor] for sensor in sensors}
    absent = [sensor for sensor, group in groups.items() if not group]
    if absent:
        raise QtpDataError(
            f"no files of {' and '.join(absent)}", expected=list(sensors), path=files[0].parent, code="M21",
            found=sorted({prefix[m[1]] for m in match.values()}),
            hint="Get them, or set parameters.sensors to those you have: the daily mean then needs coefficients.",
        )  # fmt: skip
    return groups


def _from_netcdf(
    sensor: str, paths: Sequence[Path], *, chunks: Chunks | None, duplicates: str, max_gap: int
) -> xr.Dataset:
    bad = [(p, problem) for p in paths if (problem := first_bytes_problem(p, (b"\x89HDF",), "NetCDF-4"))]
    refuse_bad(bad, "readable NetCDF", total=len(paths), code="M04")
    parts = [_appeears(path, chunks) for path in paths]
    found = [Composite(t, path, part, "") for part, path in parts for t in part[TIME].to_numpy()]
    kept, notes = arrange(found, sensor, days=8, duplicates=duplicates, max_gap=max_gap)
    whole = parts[0][0] if len(parts) == 1 else xr.concat([p for p, _ in parts], TIME, join="exact").sortby(TIME)
    if len(parts) > 1:
        whole = whole.drop_duplicates(TIME, keep="last")
    whole = whole.sortby(TIME) if not whole.indexes[TIME].is_monotonic_increasing else whole
    start = np.array([c.start for c in kept])
    whole = whole.assign_coords({TIME: centers(start, 8)})
    return whole.assign_attrs(notes)


def _appeears(path: Path, chunks: Chunks | None) -> tuple[xr.Dataset, Path]:
    try:
        raw = xr.open_dataset(path, engine="h5netcdf", decode_cf=False, chunks={})
    except OSError as error:
        raise QtpDataError(f"cannot open NetCDF: {error}", path=path, code="M05") from None
    lacking = [name for name in LAYERS if name not in raw]
    if lacking:
        raise QtpDataError(
            f"file lacks the layers {lacking}", path=path, found=sorted(map(str, raw.data_vars)), code="M27",
            hint="Ask AppEEARS for LST_Day_1km, LST_Night_1km, QC_Day and QC_Night.",
        )  # fmt: skip
    time = _days_since(raw[TIME], path)
    raw = raw.rename(spatial_names(raw))
    dims = chunks or {TIME: -1, Y: "auto", X: "auto"}
    out = {}
    for layer, short in LAYERS.items():
        stored = raw[layer].chunk({dim: size for dim, size in dims.items() if dim in raw[layer].dims})
        out[short] = xr.Variable(stored.dims, stored.data) if short.startswith("qc") else _kelvin(stored, path)
    data = xr.Dataset(out, coords={TIME: time, Y: raw[Y].to_numpy(), X: raw[X].to_numpy()})
    data = data.assign({k: v.astype("uint8") for k, v in data.items() if k.startswith("qc")})
    return descending(with_crs(data, "EPSG:4326")), path


def _kelvin(stored: xr.DataArray, path: Path) -> xr.Variable:
    """DegC of an AppEEARS layer: by the product specification if integer, by its unit if somebody scaled it already."""
    if stored.dtype.kind in "iu":
        return xr.apply_ufunc(
            decoded, stored.variable, kwargs={"decode": LST}, dask="parallelized", output_dtypes=["float32"]
        )
    units = str(stored.attrs.get("units", ""))
    if units.lower() not in {"k", "kelvin", "degc"}:
        raise QtpDataError(
            f"{stored.name!r} holds decimals without a known unit", path=path, expected="units Kelvin or degC",
            found=repr(units), code="M11",
        )  # fmt: skip
    offset = np.float32(0.0 if units.lower() == "degc" else 273.15)
    value = stored.variable.astype("float32") - offset
    fill = stored.attrs.get("_FillValue")
    return value.where(value > -200.0 if fill is None else (stored.variable != fill) & (value > -200.0))


def _days_since(time: xr.DataArray, path: Path) -> np.ndarray:
    units = str(time.attrs.get("units", ""))
    match = re.match(r"days since (\d{4})-(\d{1,2})-(\d{1,2})", units)
    if match is None:
        raise QtpDataError(
            "time has no usable unit", path=path, variable=str(time.name), expected="days since YYYY-MM-DD",
            found=repr(units), code="M24",
        )  # fmt: skip
    # AppEEARS writes calendar "julian" and counts Gregorian days all the same
    epoch = np.datetime64(f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}", "D")
    return epoch + np.floor(time.to_numpy().astype(float)).astype(int)


def _from_tiff(
    sensor: str, paths: Sequence[Path], *, chunks: Chunks | None, duplicates: str, max_gap: int
) -> xr.Dataset:
    found = headers(paths)
    matches = {h.path: _NAME.search(h.path.name) for h in found}
    refuse_bad(
        [(p, "name") for p, m in matches.items() if m is None],
        "AppEEARS LST file by name",
        total=len(found),
        code="I27",
    )
    grid = same_grid(found)
    layers: dict[str, list[Composite]] = {}
    for header in found:
        match = matches[header.path]
        start = year_day(int(match["date"][:4]), int(match["date"][4:]), header.path)
        layers.setdefault(match["layer"], []).append(Composite(start, header.path, header, ""))
    lacking = [name for name in LAYERS if name not in layers]
    if lacking:
        raise QtpDataError(
            f"{sensor} has no files of {lacking}", found=sorted(layers), path=paths[0].parent, code="M27"
        )
    arrays, notes = {}, {}
    starts = sorted({c.start for name in LAYERS for c in layers[name]})
    for name, short in LAYERS.items():
        kept, notes = arrange(layers[name], sensor, days=8, duplicates=duplicates, max_gap=max_gap)
        files = {c.start: c.item for c in kept}
        decode = QC if short.startswith("qc") else LST
        arrays[short] = lazy_stack([files.get(s) for s in starts], grid, decode, dim=TIME, chunks=chunks)
    return xr.Dataset(arrays).assign_coords({TIME: centers(np.array(starts), 8)}).assign_attrs(notes)


def _from_hdf4(
    sensor: str, paths: Sequence[Path], *, chunks: Chunks | None, duplicates: str, max_gap: int
) -> xr.Dataset:
    return hdf4.lst(
        sensor,
        paths,
        layers=LAYERS,
        decodes={"lst": LST, "qc": QC},
        chunks=chunks,
        duplicates=duplicates,
        max_gap=max_gap,
    )


def _described(data: xr.Dataset) -> xr.Dataset:
    out = {}
    for name, array in data.data_vars.items():
        key = name if name in VARIABLES else "qc"
        out[name] = describe(array, key).rename(name)
    return data.assign(out).assign_attrs(
        converted="K x 50 to degC; fill 0 and values below 150 K to NaN by product specification; time to the center"
    )
