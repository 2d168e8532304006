"""Incidence angle from what is delivered in its place: parts of the look vector, angles above the horizon."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._look import unit_vector
from qtp_toolkit.conventions import SENTINEL1_INCIDENCE, SENTINEL1_WAVELENGTH, QtpDataError, describe, xnp
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import as_paths, few
from qtp_toolkit.load.files.headers import headers
from qtp_toolkit.load.files.limits import stored_scale
from qtp_toolkit.load.files.tiff import Decode, lazy_stack, read_row, same_grid
from qtp_toolkit.load.insar.licsbas import map_header, series_map
from qtp_toolkit.load.insar.pairs import heading_of

_ANY_INCIDENCE = (8.0, 70.0)
_SAME_LOOK = 5e-4
"""rad: passes of one track lie within some 100 m of each other, 900 km away; what 1 / cos makes of it is 0.04 %."""
_UPWARD = re.compile(r"^U\.geo$|\.geo\.U\.tif$|^cum(?:_filt)?\.h5$")
_LICSAR = re.compile(r"\.geo\.([ENU])\.tif$")


def licsar_look(paths: Sequence[Path], *, chunks: Chunks | None = None) -> xr.DataArray:
    """Incidence angle from LiCSAR's ``*.geo.U.tif`` or LiCSBAS' ``U.geo``, the upward part of the look vector.

    Parameters
    ----------
    paths : sequence of path
        ``*.geo.U.tif``, or ``U.geo`` with ``EQA.dem_par`` beside it, or ``cum.h5``, which holds that map;
        ``*.geo.E.tif`` and ``*.geo.N.tif`` may be among them and are not needed.
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        ``incidence`` (y, x), degree, from the vertical: arccos U. NaN where U is 0 (no data). Lazy.

    Raises
    ------
    QtpDataError
        If no file, or more than one, is a U by its name; I03: the series holds none. When computed: I11, if it points
        down, as the vector from the satellite to the ground does.

    Examples
    --------
    >>> path = geotiff("152D.geo.U.tif", np.full((1, 2), 0.777146, "float32"))
    >>> load.licsar_look([path]).round(2).values.tolist()
    [[39.0, 39.0]]
    """
    ups = [path for path in map(Path, paths) if _UPWARD.search(path.name)]
    if len(ups) != 1:
        raise QtpDataError(
            "the incidence of LiCSAR comes from one upward component",
            expected="one file *.geo.U.tif, or U.geo, or cum.h5",
            found=few([Path(path).name for path in paths]),
        )
    (path,) = ups
    series = path.suffix == ".h5"
    up = series_map(path, "U.geo", "look_up", chunks=chunks) if series else _map(path, chunks, variable="look_up")
    angle = xnp.rad2deg(xnp.arccos(up.where((up > 0) & (up <= 1))))
    return describe(angle.astype(np.float32), "incidence", converted="arccos of the upward component")


def hyp3_look(path: Path | Sequence[Path], *, chunks: Chunks | None = None) -> xr.DataArray:
    """Incidence angle from HyP3's ``*_lv_theta.tif``, the elevation of the satellite above the horizon in rad.

    Parameters
    ----------
    path : path or sequence of path
        Of one product, or of several of one track on one grid, whose angles are the same: the first is taken, and
        ``attrs["left_out"]`` says so.
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        ``incidence`` (y, x), degree, from the vertical: 90 - lv_theta. NaN where lv_theta is 0 (no data), or leaves
        0 to 88 degrees, as undeclared fill values do. Lazy, but for three rows of each of several files.

    Raises
    ------
    QtpDataError
        I05: several files on unlike grids; I11: several files of unlike angles. When computed: I11, if the values of
        the file as a whole are no angles in rad.

    Examples
    --------
    >>> path = geotiff("S1AA_lv_theta.tif", np.full((1, 2), np.deg2rad(51.6), "float32"))
    >>> abs(load.hyp3_look(path) - 38.4).values.max() < 1e-4
    np.True_
    """
    first, *others = as_paths(path)
    said = _one_of(first, others) if others else {}
    angle = _map(first, chunks, scale=-180.0 / np.pi, offset=90.0, variable="incidence")
    return describe(angle, "incidence", converted="90 degrees minus lv_theta").assign_attrs(said)


def opera_look(path: Path, *, chunks: Chunks | None = None) -> xr.DataArray:
    """Incidence angle from OPERA's ``los_enu.tif``, the unit vector from the ground to the satellite.

    Parameters
    ----------
    path : path
        Static layer of a frame of DISP-S1: three bands, east, north, up.
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        ``incidence`` (y, x), degree, from the vertical: arccos of the third band. NaN where it is 0 (no data). attrs:
        ``heading``, degree clockwise from north, by the middle row of the others. Lazy.

    Raises
    ------
    QtpDataError
        I11: another number of bands; when computed, a vector that points down.

    Examples
    --------
    >>> import rasterio
    >>> size = {"driver": "GTiff", "width": 2, "height": 1, "count": 3, "dtype": "float32"}
    >>> place = {"crs": "EPSG:32613", "transform": rasterio.Affine(30, 0, 717600, 0, -30, 3481740)}
    >>> with rasterio.open(folder / "los_enu.tif", "w", **size, **place) as file:
    ...     file.write(np.full((3, 1, 2), [[[-0.6]], [[-0.11]], [[0.792]]], "float32"))
    >>> load.opera_look(folder / "los_enu.tif").round().values.tolist()
    [[38.0, 38.0]]
    """
    (header,) = headers([Path(path)])
    if header.bands != 3:
        what = "no vector to the satellite: it has three bands, east, north, up"
        raise QtpDataError(what, path=path, expected=3, found=header.bands, code="I11")
    up = _map(Path(path), chunks, variable="look_up", band=3)
    angle = xnp.rad2deg(xnp.arccos(up.where((up > 0) & (up <= 1))))
    east, north = (read_row(header, header.height // 2, band).astype(float) for band in (1, 2))
    known = np.isfinite(east + north) & (np.abs(east) + np.abs(north) > 0)
    heading = heading_of(np.rad2deg(np.arctan2(north, east))[known] - 90.0)
    told = {} if heading is None else {"heading": heading}
    return describe(angle.astype(np.float32), "incidence", converted="arccos of the upward component").assign_attrs(
        told
    )


def _one_of(first: Path, others: Sequence[Path]) -> dict[str, str]:
    """Refuse files of unlike grids or angles, by a look at three rows of each; else say that the first is taken."""
    found = headers([first, *others])
    what = "the incidence of HyP3 comes from one product, or from several that are alike"
    told: dict[str, Any] = {"path": first.parent, "expected": "one file *_lv_theta.tif"}
    hint = "Narrow the uri to one of them."
    grids = [(header.height, header.width, header.crs, header.transform) for header in found]
    unlike = sum(grid != grids[0] for grid in grids)
    if unlike:
        raise QtpDataError(
            what, **told, found=f"{unlike} of {len(found)} on other pixels than the first", hint=hint, code="I05"
        )
    rows = [np.array([read_row(h, h.height * k // 4) for k in (1, 2, 3)]) for h in found]
    seen = [np.where(values == 0, np.nan, values) for values in rows]
    apart = np.array([np.nanmax(np.abs(values - seen[0]), initial=0.0) for values in seen])
    if (apart > _SAME_LOOK).any():
        farthest = found[int(apart.argmax())].path
        text = f"{int((apart > _SAME_LOOK).sum())} of {len(found)} off by up to {apart.max():.4f} rad: {farthest.name}"
        raise QtpDataError(what, **told, found=text, hint=hint, code="I11")
    return {"left_out": f"{len(others)} of {len(found)} products tell the same angles and are left out: {first.name}"}


def angles_to_vector(elevation: xr.DataArray, azimuth: xr.DataArray) -> dict[str, xr.DataArray]:
    """Parts of the unit vector to the satellite from its angles in rad.

    Parameters
    ----------
    elevation : xarray.DataArray
        Above the horizon.
    azimuth : xarray.DataArray
        From east, anticlockwise.

    Returns
    -------
    dict of str to xarray.DataArray
        ``look_east``, ``look_north``, ``look_up``; float32, lazy if the angles are.
    """
    parts = unit_vector(90.0 - xnp.rad2deg(elevation), xnp.rad2deg(azimuth) - 90.0)
    return {name: describe(part.astype(np.float32), name) for name, part in parts.items()}


def refuse_look_vector(path: Path) -> None:
    """Raise if a map that is opened as incidence is another quantity by its name: I11."""
    driver = "licsar_look" if _LICSAR.search(path.name) else "hyp3_look" if "lv_theta" in path.name else None
    if driver or "lv_phi" in path.name:
        raise QtpDataError(
            "by its name this is no incidence angle but a part of the look vector",
            path=path,
            variable="incidence",
            code="I11",
            hint=f"Use driver: {driver}, which converts it." if driver else "Use lv_theta with driver: hyp3_look.",
        )


def check_incidence(incidence: xr.DataArray, *, wavelength: float = SENTINEL1_WAVELENGTH) -> tuple[float, float]:
    """Read an incidence angle and tell whether a radar can have it; returns smallest and largest. This one computes.

    Parameters
    ----------
    incidence : xarray.DataArray
        degree, (y, x).
    wavelength : float
        m; of another radar than Sentinel-1 only what none can have is refused.

    Raises
    ------
    QtpDataError
        I11: 1 % or more of it outside 29 to 47 degrees (of another radar: 8 to 70); says what it looks like.

    Examples
    --------
    >>> load.check_incidence(xr.DataArray([[33.0, 41.0]]))
    (33.0, 41.0)
    """
    values = np.asarray(incidence, dtype=float)
    values = values[np.isfinite(values)]
    if not values.size:
        raise QtpDataError("the incidence angle has no valid pixel", variable="incidence", code="I11")
    own = bool(np.isclose(wavelength, SENTINEL1_WAVELENGTH, rtol=0.02))
    low, high = SENTINEL1_INCIDENCE if own else _ANY_INCIDENCE
    if np.mean((values < low) | (values > high)) >= 0.01:
        middle = float(np.median(values))
        raise QtpDataError(
            f"{'Sentinel-1' if own else 'a satellite'} does not look so",
            variable="incidence",
            expected=f"{low:g} to {high:g} degrees",
            found=f"{values.min():.1f} to {values.max():.1f}, median {middle:.1f}",
            code="I11",
            hint=_guess(middle, own=own),
        )
    return float(values.min()), float(values.max())


def _guess(middle: float, *, own: bool) -> str:
    low, high = SENTINEL1_INCIDENCE
    if 0.6 <= middle <= 0.9:
        return "Radians (units: radian), or the upward component U of LiCSAR (driver: licsar_look)?"
    if 90 - high <= middle <= 90 - low:
        return (
            "The elevation above the horizon, as HyP3's lv_theta (driver: hyp3_look), "
            "or U of LiCSAR taken for radians (driver: licsar_look)?"
        )
    if 0 <= middle <= 15:
        return "The slope of the ground, or another angle?"
    return f"Another angle, another unit{', or another satellite (set settings.wavelength)' if own else ''}?"


def _map(
    path: Path,
    chunks: Chunks | None,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    variable: str | None = None,
    band: int = 1,
) -> xr.DataArray:
    """One band, by the tags of whole numbers and then by ``scale`` and ``offset``; 0 is no data."""
    (header,) = [map_header(path)] if path.suffix == ".geo" else headers([path])
    own, shift = stored_scale([header], band, None, None)
    fills = (0.0,) if header.nodata is None else (0.0, header.nodata)
    decode = Decode(fills, own * scale, shift * scale + offset)
    out = lazy_stack([header], same_grid([header]), decode, dim="band", chunks=chunks, variable=variable, band=band)
    return out.isel(band=0)
