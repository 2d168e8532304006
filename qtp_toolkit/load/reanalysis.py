"""ERA5 on pressure levels and skin temperature of ERA5-Land, in each of the forms in which they are delivered."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, X, Y, describe
from qtp_toolkit.load.datasets import NETCDF, chosen, held, netcdf, opened, refuse_no_date
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import refuse_bad
from qtp_toolkit.load.files.grib import grib_fields, why_cut
from qtp_toolkit.load.files.grids import with_crs

_ERA5 = {
    "z": ("geopotential", "m2 s-2", ("m2s-2", "m2/s2", "jkg-1", "j/kg")),
    "t": ("temperature", "K", ("k", "kelvin", "degk")),
    "q": ("specific_humidity", "kg/kg", ("kg/kg", "kgkg-1", "1", "g/g")),
}
"""By short name: name, unit, and how files write that unit, without blanks and signs of powers."""
_ERA5_DIMS = {"valid_time": TIME, "date": TIME, "pressure_level": "level", "isobaricInhPa": "level"}
_GRIB = {"Z": "z", "T": "t", "Q": "q", "GP": "z", "TMP": "t", "SPFH": "q"}
"""GDAL's names of the fields in both editions of GRIB."""
_SKIN = ("skin_temperature", "K", _ERA5["t"][2])
_SKIN_GRIB = {"SKT": "skt", "SKINT": "skt"}


def era5(
    path: Path | Sequence[Path], *, rename: Mapping[str, str] | None = None, chunks: Chunks | None = None
) -> xr.Dataset:
    """Open ERA5 on pressure levels as the Climate Data Store delivers it, or has delivered it.

    Parameters
    ----------
    path : path or sequence of path
        NetCDF (NetCDF-3 too), GRIB of either edition, or a zip of such files; what a file is, its first bytes tell.
        Variables z, t, q; dims valid_time (or time), pressure_level (or level), latitude, longitude. Several files
        are joined along time.
    rename : mapping, optional
        Further names in NetCDF to ours.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        ``geopotential`` (m2 s-2), ``temperature`` (K), ``specific_humidity`` (kg/kg), dims (time, level, y, x);
        ``level`` in hPa, from low to high pressure; y from north to south; longitude within -180..180, or on beyond 180
        where the data cross the date line. Lazy. NetCDF in
        a zip is held in memory as it was packed, GRIB is not.

    Raises
    ------
    QtpDataError
        If a variable or a message is missing, or in another unit by its tag (M11), a dim has no coordinates, time is no
        date, there are dims beside these, files are of different grids, or a time stands twice.

    Examples
    --------
    >>> level = ("pressure_level", [1000.0, 500.0], {"units": "hPa"})
    >>> time = np.array(["2018-08-31T11"], "datetime64[ns]")
    >>> coords = {"valid_time": time, "pressure_level": level, "latitude": [35.0], "longitude": [93.0]}
    >>> data = xr.Dataset({name: (tuple(coords), np.ones((1, 2, 1, 1))) for name in "ztq"}, coords)
    >>> data.to_netcdf(folder / "era5.nc", engine="h5netcdf")
    >>> load.era5(folder / "era5.nc")["level"].values.tolist()
    [500.0, 1000.0]
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(each) for each in path]
    wanted = _Wanted(_GRIB, rename, chunks)
    parts = [_profiles(part, file) for file in paths for part in _delivered(file, wanted)]
    return _placed(_in_time(parts, paths), chunks)


def era5_land(
    path: Path | Sequence[Path], *, rename: Mapping[str, str] | None = None, chunks: Chunks | None = None
) -> xr.Dataset:
    """Open skin temperature of ERA5-Land as the Climate Data Store delivers it, or has delivered it.

    Parameters
    ----------
    path : path or sequence of path
        NetCDF (NetCDF-3 too), GRIB of either edition, or a zip of such files, hourly or monthly means by hour of day.
        Variable ``skt``, dims valid_time (or time), latitude, longitude; what else is there is left out. Several files
        are joined along time.
    rename : mapping, optional
        Further names in NetCDF to ours.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        ``skin_temperature`` (time, y, x), degC, float32, NaN over the sea; ``time`` in UTC as in the file; y from north
        to south; longitude as in :func:`era5`. Lazy. :func:`qtp_toolkit.lst.mean_of_hours` makes daily means of it,
        :func:`qtp_toolkit.lst.at_local_hours` what a satellite sees at its hour.

    Raises
    ------
    QtpDataError
        If ``skt`` is missing, or in another unit by its tag (M11), a dim has no coordinates, time is no date, there are
        dims beside these (an ensemble, levels), files are of different grids, or a time stands twice (M27).

    Examples
    --------
    >>> time = np.array(["2018-08-31T06", "2018-08-31T07"], "datetime64[ns]")
    >>> coords = {"valid_time": time, "latitude": [35.0, 34.9], "longitude": [93.0]}
    >>> skt = xr.DataArray(np.full((2, 2, 1), 280.15), coords, tuple(coords), attrs={"units": "K"})
    >>> skt.to_dataset(name="skt").to_netcdf(folder / "skt.nc", engine="h5netcdf")
    >>> round(float(load.era5_land(folder / "skt.nc")["skin_temperature"][0, 0, 0]), 2)
    7.0
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(each) for each in path]
    wanted = _Wanted(_SKIN_GRIB, rename, chunks, levels=False)
    parts = [_surface(part, file) for file in paths for part in _delivered(file, wanted)]
    return _placed(_in_time(parts, paths), chunks)


def _placed(data: xr.Dataset, chunks: Chunks | None) -> xr.Dataset:
    """Give data their CRS, and the chunks that were asked for by our names of the dims."""
    return with_crs(data.chunk({dim: size for dim, size in (chunks or {}).items() if dim in data.dims}), "EPSG:4326")


class _Wanted(NamedTuple):
    """What to take of a file, and how."""

    elements: dict[str, str]
    rename: Mapping[str, str] | None
    chunks: Chunks | None
    levels: bool = True

    def grib(self, uri: str, path: Path) -> xr.Dataset:
        return grib_fields(uri, path, self.elements, levels=self.levels, chunks=self.chunks)


def _delivered(path: Path, wanted: _Wanted) -> list[xr.Dataset]:
    """Open what a file holds: one set of fields, or one for each member of an archive."""
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"GRIB":
        if (cut := why_cut(path)) is not None:
            refuse_bad([(path, f"is truncated: {cut}")], "readable GRIB", total=1, code="M05")
        return [wanted.grib(str(path), path)]
    if magic == b"PK\x03\x04":
        return _unpacked(path, wanted)
    return [netcdf(path, rename=wanted.rename)]


def _unpacked(path: Path, wanted: _Wanted) -> list[xr.Dataset]:
    out = []
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(info.filename for info in archive.infolist() if not info.is_dir()):
                whole = archive.read(name)
                if whole.startswith(b"GRIB"):
                    out.append(wanted.grib(f"/vsizip/{{{path}}}/{name}", path))
                elif whole.startswith(NETCDF):
                    data = opened(io.BytesIO(whole), whole[:4], path, None)
                    out.append(chosen(data, path, variables=None, rename=wanted.rename, complex_pairs=None, crs=None))
    except zipfile.BadZipFile as error:
        refuse_bad([(path, f"a zip archive that is damaged: {error}")], "readable ERA5", total=1, code="M04")
    if not out:
        refuse_bad([(path, "a zip archive without NetCDF and GRIB")], "readable ERA5", total=1, code="M04")
    return out


def _in_time(parts: list[xr.Dataset], paths: Sequence[Path]) -> xr.Dataset:
    """Join files along time; what does not fit together is refused, and so are times that stand twice in one file."""
    first, where = parts[0], paths[0] if len(paths) == 1 else paths[0].parent
    for dim in [dim for dim in ("level", Y, X) if dim in first.dims]:
        if any(part.sizes[dim] != first.sizes[dim] or not np.allclose(part[dim], first[dim]) for part in parts):
            raise QtpDataError(
                f"files of ERA5 differ in {dim}", path=where, expected="one grid and the same levels", code="M27"
            )
    how: dict[str, Any] = {"join": "override", "coords": "minimal", "compat": "override"}
    result = first if len(parts) == 1 else xr.concat(parts, TIME, **how)
    times, counts = np.unique(result[TIME].values, return_counts=True)
    twice = times[counts > 1].astype("datetime64[h]").astype(str)
    if twice.size:
        raise QtpDataError(
            "files of ERA5 hold the same times" if len(parts) > 1 else "a file of ERA5 holds times twice",
            path=where,
            found=", ".join(twice[:3]) + (f", ... ({twice.size} in all)" if twice.size > 3 else ""),
            expected="each time once",
            hint="Give one of the files that overlap; of preliminary and final data of one hour keep the final ones.",
            code="M27",
        )
    return result.sortby(TIME)


def _profiles(data: xr.Dataset, path: Path) -> xr.Dataset:
    """Name, order and measure the fields as we do, level in hPa; or an error that says what they lack."""
    data = data.rename({old: new for old, new in _ERA5_DIMS.items() if old in data.dims})
    data = _joined(data, path)
    lacking = [name for name in _ERA5 if name not in data and _ERA5[name][0] not in data]
    bare = {TIME, "level", Y, X} - set(data.coords)
    if lacking or bare or {TIME, "level", Y, X} != set(data.dims):
        expected = "z, t, q over time, level, latitude, longitude"
        raise _other_fields("not ERA5 on pressure levels", data, path, bare, expected)
    refuse_no_date(data, path)
    out = {}
    for short, (name, units, spelled) in _ERA5.items():
        array = data[short if short in data else name].transpose(TIME, "level", Y, X)
        _refuse_other_unit(array, name, units, spelled, path)
        out[name] = array.assign_attrs(units=units, long_name=name.replace("_", " ")).rename(name)
    level = data["level"].astype(float)
    if str(data["level"].attrs.get("units", "hPa")).lower() == "pa":
        level = level / 100.0
    result = xr.Dataset(out).assign_coords(level=level.assign_attrs(units="hPa"))
    result = result.assign_coords({X: _eastward(result[X])}).sortby(["level", X, TIME])
    return result.sortby(Y, ascending=False)


def _other_fields(what: str, data: xr.Dataset, path: Path, bare: set[str], expected: str) -> QtpDataError:
    """Error that says what a file holds in place of what was expected, and which coordinates are bare."""
    found = f"{sorted(map(str, data.data_vars))} over {dict(data.sizes)}"
    found += f", no coordinates {sorted(bare)}" if bare else ""
    return QtpDataError(what, path=path, found=found, expected=expected, code="M27")


def _surface(data: xr.Dataset, path: Path) -> xr.Dataset:
    """Name, order and measure skin temperature as we do, in degC; or an error that says what is there instead."""
    name, units, spelled = _SKIN
    data = data.rename({old: new for old, new in _ERA5_DIMS.items() if old in data.dims and new == TIME})
    data = _joined(data, path)
    short = next((each for each in ("skt", name) if each in data), None)
    dims = set(data[short].dims) if short else set()
    bare = {TIME, Y, X} - set(data.coords)
    if short is None or bare or dims != {TIME, Y, X}:
        expected = "skt over time, latitude, longitude"
        raise _other_fields("not skin temperature of ERA5-Land", data, path, bare, expected)
    refuse_no_date(data, path)
    array = data[short].transpose(TIME, Y, X)
    _refuse_other_unit(array, name, units, spelled, path)
    celsius = held(describe((array - 273.15).astype("float32"), name), path)
    kept = [coord for coord in celsius.coords if coord not in (TIME, Y, X)]
    result = celsius.drop_vars(kept).to_dataset(name=name)
    result = result.assign_coords({X: _eastward(result[X])}).sortby([X, TIME])
    return result.sortby(Y, ascending=False)


def _refuse_other_unit(array: xr.DataArray, name: str, units: str, spelled: tuple[str, ...], path: Path) -> None:
    """Raise if the unit tag is another one (M11); no tag says nothing."""
    unit = str(array.attrs.get("units", ""))
    if unit and re.sub(r"[ *^]", "", unit.lower()) not in spelled:
        what = "the reanalysis is in another unit by its tag"
        raise QtpDataError(what, path=path, variable=name, found=unit, expected=units, code="M11")


def _eastward(longitude: xr.DataArray) -> xr.DataArray:
    """Longitudes within -180..180; beyond 180 where the widest gap between them is not at the date line."""
    plain = longitude.where((longitude >= -180) & (longitude < 180), (longitude + 180) % 360 - 180)  # as in the file
    ordered = np.unique(plain.values)
    gaps = np.diff(ordered, append=ordered[0] + 360)
    begin = ordered[(int(gaps.argmax()) + 1) % ordered.size]
    return plain if gaps.max() <= gaps[-1] + 1e-6 else xr.where(plain < begin, plain + 360, plain)


def _joined(data: xr.Dataset, path: Path) -> xr.Dataset:
    """ERA5 without the dims of its versions (final 1 before preliminary 5) and of ensembles of one member."""
    if "number" in data.dims and data.sizes["number"] == 1:
        data = data.isel(number=0)
    if "expver" in data.dims:
        order = (
            np.argsort(data["expver"].values.astype(str)) if "expver" in data.coords else range(data.sizes["expver"])
        )
        parts = [data.isel(expver=int(k), drop=True) for k in order]
        data = reduce(xr.Dataset.fillna, parts)
    if TIME in data.coords and TIME not in data.dims:
        data = data.expand_dims(TIME)
    if "level" in data.coords and "level" not in data.dims:
        raise QtpDataError("ERA5 of a single level", path=path, found=float(data["level"]), code="M27")
    return data.drop_vars([name for name in ("number", "expver") if name in data.coords])
