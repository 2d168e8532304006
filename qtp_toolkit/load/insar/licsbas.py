"""LiCSBAS: multilooked LiCSAR pairs as bare numbers (GEOCml), and its time series (cum.h5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, TIME, QtpDataError, X, Y, describe, require_option
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import AS_DELIVERED, as_paths, no_duplicates, refuse_bad
from qtp_toolkit.load.files.dates import match_names, ymd
from qtp_toolkit.load.files.grids import descending, geographic, on_grid
from qtp_toolkit.load.files.hdf5 import number_of, opened, text_of
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.layers import hdf5_layer
from qtp_toolkit.load.files.pixels import Rows
from qtp_toolkit.load.files.tiff import Decode, same_grid
from qtp_toolkit.load.insar.licsar import GEOMETRY, are_stand_ins, clock_seconds, first_of, look_heading, with_baselines
from qtp_toolkit.load.insar.mintpy_file import days_of
from qtp_toolkit.load.insar.stack import Orbit, Pair, Stored, opened_from, stack_of, with_orbit

_PAIR = r"(?P<reference>\d{8})_(?P<secondary>\d{8})"
_LIGHT = 299792458.0
_LOOKS = re.compile(r"GEOCml(\d+)")
_LICSAR_STEP = 0.001
"""Side of the pixels of LiCSAR, degree."""
LicsbasLayer = Literal["incidence", "look", "elevation"]
SeriesLayer = Literal["elevation", "coherence"]
_IN_SERIES = {"elevation": "hgt", "coherence": "coh_avg"}


def licsbas(phase: Sequence[Path], *, layers: Sequence[LicsbasLayer] = (), chunks: Chunks | None = None) -> xr.Dataset:
    r"""Open pairs as LiCSBAS prepares them: ``GEOCml10/<pair>/<pair>.unw`` beside ``.cc``, of any GEOCml folder.

    Parameters
    ----------
    phase : sequence of path
        The ``.unw`` files of one folder; ``EQA.dem_par``, ``slc.mli.par`` and ``baselines`` lie in it.
    layers : sequence of {"incidence", "look", "elevation"}
        Which maps to open beside phase and coherence: from ``U.geo``, that with ``E.geo`` and ``N.geo``, ``hgt``.
    chunks : dict, optional
        By default all pairs and rows to about 128 MB.

    Returns
    -------
    xarray.Dataset
        ``phase``, ``coherence`` (pair, y, x) as :func:`interferograms`: NaN and 0 are missing, of
        the coherence too, whose bytes are 255ths, decimals 0..1. ``perpendicular_baseline`` (pair) where known; attrs
        ``wavelength``, ``overpass``, and ``heading`` and ``orbit_direction`` from E and N, where these are.
        Layers asked for, as of :func:`licsar`. Lazy.

    Raises
    ------
    QtpDataError
        Names without two dates (I27); a pair twice (I19); no parameter file, no coherence, no file of a layer (I03);
        files of another size than it says (M05); files of several folders, whose grids differ (I05); a map that is not
        in degrees (I07), or whose latitude runs along x (I08).

    Warns
    -----
    UserWarning
        Baselines that LiCSBAS made up for want of real ones, none beyond 1 m, are left out.

    Notes
    -----
    Maps of averaged pixels (``GEOCml10``) lie where their pixels are on the ground: LiCSBAS tells the center of the
    first pixel before averaging, 4.5 of these, some 500 m, to the north and west, and its own GeoTIFFs lie so.

    Examples
    --------
    >>> pair = folder / "GEOCml1" / "20180819_20180831"
    >>> pair.mkdir(parents=True)
    >>> np.full((2, 3), 4.0, "<f4").tofile(pair / f"{pair.name}.unw")
    >>> np.full((2, 3), 51, "u1").tofile(pair / f"{pair.name}.cc")
    >>> grid = "width: 3\nnlines: 2\ncorner_lat: 35\ncorner_lon: 93\npost_lat: -0.01\npost_lon: 0.01\n"
    >>> _ = (pair.parent / "EQA.dem_par").write_text(grid)
    >>> load.licsbas([pair / f"{pair.name}.unw"])["coherence"].values.ravel()[:2].round(3)
    array([0.2, 0.2], dtype=float32)
    """
    paths = as_paths(phase)
    if not paths:
        raise QtpDataError("no interferogram is given", expected="one file or more", code="C10")
    matches = match_names(paths, _PAIR, "no two dates in its name", "interferogram of LiCSBAS", hint=AS_DELIVERED)
    home = _home(paths)
    grid = _grid(home)
    found = _raw(paths, grid, "<f4")
    gamma, factor = _gray([path.with_suffix(".cc") for path in paths], grid)
    rows = sorted(
        (
            (Pair(ymd(m["reference"], h.path), ymd(m["secondary"], h.path), h), cc)
            for h, cc, m in zip(found, gamma, matches, strict=True)
        ),
        key=lambda row: row[0].dates,
    )
    pairs = [pair for pair, _ in rows]
    names = [f"{pair.dates[0]} {pair.dates[1]}" for pair in pairs]
    no_duplicates(names, [pair.header.path for pair in pairs], "pair", "I19")
    radar = _parameters(home / "slc.mli.par")
    frequency = _number(radar.get("radar_frequency"))
    stack = stack_of(
        pairs,
        Stored(Decode((0.0,))),
        [cc for _, cc in rows],
        Stored(Decode((0.0,)), factors=(factor,) * len(rows)),  # its bytes are 0 where it is unknown
        wavelength=round(_LIGHT / frequency, 9) if frequency else SENTINEL1_WAVELENGTH,
        chunks=chunks,
    )
    orbit = Orbit(look_heading(partial(_map, home, grid)), clock_seconds(radar.get("center_time", "")))
    out = with_orbit(stack, [orbit], producer="LiCSBAS", estimated_from=None)
    out = with_baselines(out, first_of([home], "baselines"))
    for layer in dict.fromkeys(layers):
        require_option("layer", layer, GEOMETRY)
        out = out.assign(GEOMETRY[layer](stack, opened_from(stack)[0], partial(_map, home, grid)))
    return out


def licsbas_series(path: Path, *, layers: Sequence[SeriesLayer] = (), chunks: Chunks | None = None) -> xr.Dataset:
    """Open the time series of LiCSBAS, ``cum.h5`` or ``cum_filt.h5``: displacement, not phase.

    Parameters
    ----------
    path : path
    layers : sequence of {"elevation", "coherence"}
        Which maps of the file to open beside: ``hgt``, and ``coh_avg``, the mean of all pairs.
    chunks : dict, optional
        By default all dates and rows to about 128 MB.

    Returns
    -------
    xarray.Dataset
        ``displacement`` (time, y, x), mm, positive toward the satellite, zero at the first date and relative to the
        reference area ``attrs["reference_area"]`` (columns and rows, x1:x2/y1:y2). It is not masked: LiCSBAS keeps its
        mask beside it. ``perpendicular_baseline`` (time), m, where it is known. Placed as by :func:`licsbas`, where the
        folder is called after the pairs (``TS_GEOCml10``). Layers asked for: ``elevation``, m; ``coherence`` (y, x),
        0..1; 0 is missing. Lazy.

    Raises
    ------
    QtpDataError
        M05: no HDF5, or without what is needed; I03: no such map; I06: dates or baselines of another number than the
        maps, a layer of another size; I08: latitude along x; I19: a date twice; I28: dates stored as decimals.

    Examples
    --------
    >>> import h5py
    >>> with h5py.File(folder / "cum.h5", "w") as file:
    ...     file["imdates"], file["cum"] = [20180819, 20180831], np.arange(12.0, dtype="f4").reshape(2, 2, 3)
    ...     file["corner_lat"], file["corner_lon"], file["post_lat"], file["post_lon"] = 35.0, 93.0, -0.01, 0.01
    >>> load.licsbas_series(folder / "cum.h5")["displacement"].sel(time="2018-08-31").values.tolist()
    [[6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]
    """
    path = Path(path)
    with opened(path) as file:
        days = [day for (day,) in days_of(path, file["imdates"][()][:, None])]
        size, (lat, lon, dlat, dlon) = file["cum"].shape, (number_of(file[f"{end}_{axis}"][()]) for end, axis in _PLACE)
        baselines = np.asarray(file["bperp"][()], float) if "bperp" in file else None
        area = file["refarea"][()] if "refarea" in file else b""
    no_duplicates(days, [path] * len(days), "date", "I19")
    if size[0] != len(days):
        raise QtpDataError("as many dates as maps are needed", path=path, found=(len(days), size[0]), code="I06")
    if baselines is not None and baselines.shape != (len(days),):
        found = {"imdates": len(days), "bperp": baselines.shape}
        raise QtpDataError("as many baselines as dates are needed", path=path, found=found, code="I06")
    home = path.absolute().parent.name
    axes = _centers(home, lat, dlat, size[1]), _centers(home, lon, dlon, size[2])
    crs = same_grid([geographic(path, *axes, dtype="float32", blocks=(1, size[2]))]).crs
    values = hdf5_layer(path, "cum", (TIME, Y, X), Decode(), chunks=chunks)
    coords = {TIME: np.array(days, "datetime64[ns]"), Y: axes[0], X: axes[1]}
    array = descending(on_grid(values.data, (TIME, Y, X), coords, crs))
    notes = {"producer": "LiCSBAS", "reference_area": text_of(area)}
    out = xr.Dataset({"displacement": describe(array, "displacement")}, attrs=notes)
    if baselines is not None and not are_stand_ins(list(baselines), path):
        described = describe(xr.DataArray(baselines, dims=TIME), "perpendicular_baseline")
        out = out.assign_coords(perpendicular_baseline=described)
    for layer in dict.fromkeys(layers):
        require_option("layer", layer, _IN_SERIES)
        out = out.assign({layer: describe(series_map(path, _IN_SERIES[layer], layer, chunks=chunks), layer)})
    return out


def series_map(path: Path, name: str, variable: str, *, chunks: Chunks | None = None) -> xr.DataArray:
    """Open a map (y, x) of ``cum.h5``, as ``U.geo``, placed as its series; 0 is missing. Lazy.

    Parameters
    ----------
    path : path
    name : str
        Of the dataset.
    variable : str
        Key of the variable table, to whose range the values are held.
    chunks : dict, optional
    """
    with opened(path) as file:
        if name not in file:
            what = f"the series has no map {name}"
            raise QtpDataError(what, path=path, found=", ".join(sorted(file)), hint="Leave the layer out.", code="I03")
        shape, size = file[name].shape, file["cum"].shape[1:]
        lat, lon, dlat, dlon = (number_of(file[f"{end}_{axis}"][()]) for end, axis in _PLACE)
    if shape != size:
        raise QtpDataError(f"{name} is no map of the series", path=path, expected=size, found=shape, code="I06")
    home = path.absolute().parent.name
    axes = _centers(home, lat, dlat, size[0]), _centers(home, lon, dlon, size[1])
    crs = same_grid([geographic(path, *axes, dtype="float32", blocks=(1, size[1]))]).crs
    values = hdf5_layer(path, name, (Y, X), Decode((0.0,)), chunks=chunks, variable=variable)
    return descending(on_grid(values.data, (Y, X), {Y: axes[0], X: axes[1]}, crs))


_PLACE = (("corner", "lat"), ("corner", "lon"), ("post", "lat"), ("post", "lon"))


def _parameters(path: Path) -> dict[str, str]:
    """Lines ``key: value`` of a GAMMA parameter file; empty without one."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {key.strip(): value.strip() for key, colon, value in (line.partition(":") for line in lines) if colon}


def _number(text: str | None) -> float | None:
    match = re.match(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", text or "")
    return float(match[0]) if match else None


def _grid(home: Path) -> tuple[np.ndarray, np.ndarray]:
    """Centers of rows and columns."""
    said = _parameters(home / "EQA.dem_par")
    found = {key: _number(said.get(key)) for key in ("width", "nlines", *(f"{end}_{axis}" for end, axis in _PLACE))}
    lacking = [key for key, value in found.items() if value is None]
    if lacking:
        raise QtpDataError(
            "nothing says where the pixels lie",
            path=home / "EQA.dem_par",
            expected="a parameter file with width, nlines, corner_lat, corner_lon, post_lat, post_lon",
            found=f"no {', '.join(lacking)}",
            hint="Give the files as LiCSBAS lays them out: GEOCml*/<pair>/<pair>.unw.",
            code="I03",
        )
    projection = said.get("DEM_projection", "EQA")
    if projection != "EQA":
        path = home / "EQA.dem_par"
        raise QtpDataError("the grid is not in degrees", path=path, expected="EQA", found=projection, code="I07")
    values = {key: float(value or 0.0) for key, value in found.items()}
    return (
        _centers(home.name, values["corner_lat"], values["post_lat"], int(values["nlines"])),
        _centers(home.name, values["corner_lon"], values["post_lon"], int(values["width"])),
    )


def _centers(folder: str, corner: float, step: float, count: int) -> np.ndarray:
    """Centers of rows or columns from the ``corner`` that LiCSBAS tells.

    It is the center of the first pixel of LiCSAR, also where each pixel is the mean of n x n of them, whose center lies
    (n - 1) / 2 of those farther. How many they are, the name of the folder and the step must say alike.
    """
    match = _LOOKS.search(folder)
    n = int(match[1]) if match else 1
    if n < 1 or not np.isclose(abs(step), n * _LICSAR_STEP, rtol=1e-3):
        n = 1
    return corner + step * (n - 1) / (2 * n) + step * np.arange(count)


def _home(paths: Sequence[Path]) -> Path:
    """Folder of all pairs; there is one, since it says where they lie."""
    homes = list(dict.fromkeys(path.absolute().parent.parent for path in paths))
    if len(homes) > 1:
        raise QtpDataError(
            "pairs of several folders, each with a grid and baselines of its own",
            found=[str(home) for home in homes],
            expected="one GEOCml folder",
            hint="Narrow the uri to one of them.",
            code="I05",
        )
    return homes[0]


def map_header(path: Path) -> Header:
    """Header of a map of a GEOCml folder, as ``U.geo``, by the parameter file beside it.

    Parameters
    ----------
    path : path
    """
    return _raw([path], _grid(path.absolute().parent), "<f4")[0]


def _map(home: Path, grid: tuple[np.ndarray, np.ndarray], what: str) -> list[Header]:
    return _raw([home / {"hgt": "hgt"}.get(what, f"{what}.geo")], grid, "<f4")


def _gray(paths: Sequence[Path], grid: tuple[np.ndarray, np.ndarray]) -> tuple[list[Header], float]:
    """Coherence and what it is multiplied by: bytes are 255ths; before version 1.4 LiCSBAS wrote decimals."""
    sizes = {path.stat().st_size for path in paths if path.is_file()}
    decimals = sizes == {4 * grid[0].size * grid[1].size}
    return (_raw(paths, grid, "<f4"), 1.0) if decimals else (_raw(paths, grid, "uint8"), 1 / 255)


def _raw(paths: Sequence[Path], grid: tuple[np.ndarray, np.ndarray], dtype: str) -> list[Header]:
    """Headers of bare numbers; files of another size are listed."""
    latitude, longitude = grid
    wanted = latitude.size * longitude.size * np.dtype(dtype).itemsize
    sizes = [path.stat().st_size if path.is_file() else None for path in paths]
    lacking = [(path, "there is none") for path, size in zip(paths, sizes, strict=True) if size is None]
    refuse_bad(lacking, "file that LiCSBAS writes beside the phase", total=len(paths), code="I03")
    odd = [
        (path, f"{size} bytes, {wanted} by EQA.dem_par")
        for path, size in zip(paths, sizes, strict=True)
        if size != wanted
    ]
    refuse_bad(odd, f"{latitude.size} x {longitude.size} numbers of {dtype}", total=len(paths), code="M05")
    blocks = 1, longitude.size
    return [geographic(path, latitude, longitude, dtype=dtype, blocks=blocks, layout=Rows(0)) for path in paths]
