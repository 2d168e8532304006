"""Single maps, class maps, and series of maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import xarray as xr
from pydantic import Field

from qtp_toolkit.catalog.options import Band, Range, Variable
from qtp_toolkit.conventions import TIME, VARIABLES, QtpDataError, describe, require_option
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import no_duplicates, refuse_bad
from qtp_toolkit.load.files.dates import DatePattern, centers, date_of, day_expression, match_names
from qtp_toolkit.load.files.headers import Header, band_tags, headers, nodata_values
from qtp_toolkit.load.files.limits import conversion, refuse_other_scale, stored_unit
from qtp_toolkit.load.files.tiff import QC, Decode, lazy_stack, same_grid
from qtp_toolkit.load.insar.look import refuse_look_vector
from qtp_toolkit.load.maps.classes import CLASS_VARIABLES, class_map


class Storage(NamedTuple):
    """How files store a quantity; the keywords of :func:`raster`."""

    units: str | None
    nodata: float | Sequence[float] | None
    scale_factor: float | None
    add_offset: float
    band: int
    valid_range: tuple[float, float] | None


def raster(
    path: Path,
    *,
    variable: Variable,
    units: str | None = None,
    nodata: float | Sequence[float] | None = None,
    scale_factor: float | None = None,
    add_offset: float = 0.0,
    band: Band = 1,
    valid_range: Range | None = None,
    classes: Mapping[int, str] | None = None,
    chunks: Chunks | None = None,
) -> xr.DataArray:
    """Open one band of a GeoTIFF as a quantity of the variable table.

    Parameters
    ----------
    path : path
    variable : str
        Which quantity it is: a key of :data:`qtp_toolkit.conventions.VARIABLES`.
    units : str, optional
        Unit in the file (after ``scale_factor`` and ``add_offset``) if it is not the table's; converted.
    nodata : float or sequence of float, optional
        Stored values without data, beside the file's own nodata tag.
    scale_factor : float, optional
        Stored to ``units``; by default what the tags of an integer file say, or 1. One that contradicts the tags is
        an error.
    add_offset : float
        Added after scaling.
    band : int
        From 1.
    valid_range : (float, float), optional
        Of stored values; what leaves it is NaN.
    classes : mapping of int to str, optional
        Makes it a class map. ``permafrost`` and ``vegetation`` are class maps always: without this the names are
        taken from the attribute table beside the file. A code that this names is a class even if the file's own tag
        says that it is no data (with a warning).
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        (y, x), in the table's unit, float32, NaN without data and for single values outside the physical range of the
        variable (:data:`qtp_toolkit.conventions.VARIABLES`), as undeclared fill values such as -9999 are. Class maps:
        int16, -1 without data, with ``attrs["classes"]`` (JSON of code to name); never interpolate them. Lazy.

    Raises
    ------
    QtpDataError
        If the file is unreadable, there is no conversion from its unit, or a class map has no names (S10). When
        computed: S02, S03 or M11, if the values of a block as a whole leave the physical range; S06, codes that are no
        class (lists them); S10, codes with a fraction.

    Examples
    --------
    >>> path = geotiff("magt.tif", [[271.0, 272.0], [-9999.0, 272.5]])
    >>> magt = load.raster(path, variable="magt", units="K")
    >>> magt.attrs["units"], int(magt.isnull().sum())
    ('degC', 1)
    """
    require_option("variable", variable, VARIABLES)
    if variable == "incidence":
        refuse_look_vector(Path(path))
    (header,) = headers([path])
    if classes is not None or variable in CLASS_VARIABLES:
        return class_map(header, variable, classes, nodata_values([], nodata), chunks=chunks, band=band)
    storage = Storage(units, nodata, scale_factor, add_offset, band, valid_range)
    out = physical([header], variable, storage, dim="band", chunks=chunks).isel(band=0)
    note: dict[str, Any] = (
        {} if units in (None, VARIABLES[variable].units) else {"converted": f"{units} to {VARIABLES[variable].units}"}
    )
    return describe(out, variable, **note)


def dem(path: Path, *, nodata: float | None = None, chunks: Chunks | None = None) -> xr.DataArray:
    """Open a digital elevation model in m; see :func:`raster`. Void (-32768) is NaN.

    Parameters
    ----------
    path : path
    nodata : float, optional
        Beside -32768 and the file's own tag.
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        ``elevation`` (y, x), m, float32, lazy.

    Examples
    --------
    >>> load.dem(geotiff("dem.tif", np.array([[4600, -32768]], "int16"))).values.tolist()
    [[4600.0, nan]]
    """
    return raster(
        path, variable="elevation", nodata=-32768 if nodata is None else nodata, valid_range=(-500, 9000), chunks=chunks
    )


def series(
    paths: Sequence[Path],
    *,
    variable: Variable,
    pattern: DatePattern = r"doy(?P<year>\d{4})(?P<doy>\d{3})",
    composite_days: Annotated[int, Field(ge=1, le=366)] = 1,
    units: str | None = None,
    nodata: float | Sequence[float] | None = None,
    scale_factor: float | None = None,
    add_offset: float = 0.0,
    band: Band = 1,
    valid_range: Range | None = None,
    chunks: Chunks | None = None,
) -> xr.DataArray:
    """Open GeoTIFFs of one quantity, one a date.

    Parameters
    ----------
    paths : sequence of path
    variable, units, nodata, scale_factor, add_offset, band, valid_range, chunks
        As in :func:`raster`. A variable that begins with ``qc`` is a quality byte: uint8, as stored, 3 (not produced)
        where a date is missing.
    pattern : str
        Finds the date in a name: a regular expression with groups year and doy, or year, month and day; or the letters
        of strftime, such as ``%Y%j``.
    composite_days : int
        Days that a file covers; ``time`` is their center.

    Returns
    -------
    xarray.DataArray
        (time, y, x), float32, sorted by time, lazy.

    Raises
    ------
    QtpDataError
        All unreadable files at once; names without date; a date twice; unlike grids; as :func:`raster`.

    Examples
    --------
    >>> paths = [geotiff(f"ndvi_2019{day}.tif", [[0.2, 0.4]]) for day in ("209", "225")]
    >>> load.series(paths, variable="ndvi", pattern="%Y%j", composite_days=16).sizes["time"]
    2
    """
    found = headers(paths)
    names = [h.path for h in found]
    what = f"file by the pattern {pattern!r}"
    matches = match_names(names, day_expression(pattern), "no date in its name", what)
    start = np.array([date_of(match, path) for match, path in zip(matches, names, strict=True)])
    no_duplicates(start, names, "date", "M02")
    order = np.argsort(start)
    ordered = [found[k] for k in order]
    if variable.startswith("qc"):
        wrong = [(h.path, f"type {h.dtype}, not a byte") for h in ordered if h.dtype not in {"uint8", "int8"}]
        refuse_bad(wrong, "quality byte", total=len(found), code="M12")
        out = lazy_stack(ordered, same_grid(ordered), QC, dim=TIME, chunks=chunks, band=band)
    else:
        storage = Storage(units, nodata, scale_factor, add_offset, band, valid_range)
        out = physical(ordered, variable, storage, dim=TIME, chunks=chunks)
    out = out.assign_coords({TIME: centers(start[order], composite_days)})
    return _described(out, variable)


def _described(out: xr.DataArray, variable: str) -> xr.DataArray:
    """Array with the attributes of its variable, or of the quality byte that it is."""
    if variable.startswith(("qc_snpp", "qc_noaa20")):
        return describe(out, "qc_viirs", quality_bits="VNP21").rename(variable)
    return describe(out, "qc" if variable.startswith("qc") else variable).rename(variable)


def series_set(files: Mapping[str, Sequence[Path]], **options: Any) -> xr.Dataset:
    """Open several series on one grid as one Dataset, e.g. ``terra_day``, ``terra_night`` and their quality bytes.

    Parameters
    ----------
    files : mapping of variable to paths
    **options
        As in :func:`series`; for all alike, quality bytes aside.

    Returns
    -------
    xarray.Dataset
        (time, y, x); NaN, or 3 for quality bytes, where a variable lacks a date. Lazy.

    Raises
    ------
    QtpDataError
        As :func:`series`; I06, if the variables lie on unlike grids.

    Examples
    --------
    >>> values = [geotiff("day_2019001.tif", [[-3.0, 1.0]])]
    >>> quality = [geotiff("qc_2019001.tif", np.array([[0, 65]], "uint8"))]
    >>> files = {"terra_day": values, "qc_terra_day": quality}
    >>> list(load.series_set(files, pattern="%Y%j", composite_days=8))
    ['terra_day', 'qc_terra_day']
    """
    same_grid([header for paths in files.values() for header in headers(paths)])
    parts = {name: series(paths, variable=name, **options) for name, paths in files.items()}
    first = next(iter(parts.values()))
    times = np.unique(np.concatenate([part[TIME].to_numpy() for part in parts.values()]))
    out = {}
    for name, part in parts.items():
        fill = part.dtype.type(QC.fill if name.startswith("qc") else np.nan)
        aligned = part if part.sizes[TIME] == len(times) else part.reindex({TIME: times}, fill_value=fill)
        out[name] = aligned.assign_coords({"y": first["y"], "x": first["x"]})
    return xr.Dataset(out)


def physical(
    found: Sequence[Header],
    variable: str,
    storage: Storage,
    *,
    dim: str,
    chunks: Chunks | None,
    settings: str = "units or scale_factor",
) -> xr.DataArray:
    """Values of files in our unit (dim, y, x), lazy, held to the physical range of the variable.

    Parameters
    ----------
    found : sequence of Header
    variable : str
    storage : Storage
    dim : str
    chunks : dict, optional
    settings : str
        Parameters by which the source may tell its unit, for messages.
    """
    ours, (scale, offset) = VARIABLES[variable].units, _scale(found, storage)
    tags = [h.units[storage.band - 1] for h in found if storage.band <= h.bands]
    units = stored_unit(tags, storage.units, ours, variable)
    factor, shift = conversion(units, ours, found[0].path, variable)
    nodata, shift = nodata_values(found, storage.nodata), offset * factor + shift
    decode = Decode(nodata, scale * factor, shift, storage.valid_range, settings=settings)
    return lazy_stack(found, same_grid(found), decode, dim=dim, chunks=chunks, band=storage.band, variable=variable)


def _scale(found: Sequence[Header], storage: Storage) -> tuple[float, float]:
    """Scale and offset of all files: as asked for, or as the tags of integer files say."""
    tags = [band_tags(header.path, storage.band) for header in found]
    if storage.scale_factor is not None:
        for header, tag in zip(found, tags, strict=True):
            refuse_other_scale(header.path, tag, storage.scale_factor)
        return storage.scale_factor, storage.add_offset
    own = {(float(t.get("scale_factor", 1.0)), float(t.get("add_offset", 0.0))) for t in tags}
    if own == {(1.0, 0.0)}:
        return 1.0, storage.add_offset
    if len(own) > 1 or any(header.dtype.startswith("float") for header in found):
        what = "files have unlike scales" if len(own) > 1 else "decimals carry a scale: they may be scaled already"
        hint = "Say which holds with parameters.scale_factor."
        raise QtpDataError(what, path=found[0].path, found=sorted(own), code="M11", hint=hint)
    ((scale, offset),) = own
    return scale, offset + storage.add_offset
