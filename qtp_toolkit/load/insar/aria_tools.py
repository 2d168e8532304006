"""What ARIA-tools makes of ARIA's products: a folder a layer, stitched and cropped, one raster of ENVI a pair."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, QtpDataError, describe, require_option, xnp
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import as_paths, refuse_bad
from qtp_toolkit.load.files.dates import match_names, ymd
from qtp_toolkit.load.files.grids import geographic
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.pixels import Rows
from qtp_toolkit.load.files.raw import raw_bands, read_raw
from qtp_toolkit.load.files.tiff import Decode
from qtp_toolkit.load.insar.look import angles_to_vector
from qtp_toolkit.load.insar.pairs import arrange
from qtp_toolkit.load.insar.quantity import Quantity, refuse_not_phase
from qtp_toolkit.load.insar.stack import Orbit, Pair, Stored, beside, opened_from, stack_of, with_orbit

ToolsLayer = Literal["incidence", "look", "component"]
FOLDERS = ("coherence", "connectedComponents", "incidenceAngle", "azimuthAngle", "bPerpendicular")
"""Layers that are read beside ``unwrappedPhase``."""
_PAIR = r"^(?P<reference>\d{8})_(?P<secondary>\d{8})$"
_MAP = re.compile(r"^map info\s*=\s*\{([^}]*)\}", re.MULTILINE | re.IGNORECASE)
_ZERO, _OUTSIDE = Decode((0.0,)), Decode((-1.0,), dtype="int16", fill=-1)


def aria_tools(
    phase: Sequence[Path],
    *,
    layers: Sequence[ToolsLayer] = (),
    extent: Literal["same", "intersection"] = "same",
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open what ``ariaTSsetup.py`` or ``ariaExtract.py`` of ARIA-tools wrote: ``unwrappedPhase/20180831_20180819`` ...

    Parameters
    ----------
    phase : sequence of path
        The rasters in ``unwrappedPhase``, named (later, earlier). ``coherence``, ``connectedComponents``,
        ``incidenceAngle``, ``azimuthAngle`` and ``bPerpendicular`` lie beside that folder.
    layers : sequence of {"incidence", "look", "component"}
        Which maps to open beside phase and coherence; the angles are those of the first pair.
    extent : {"same", "intersection"}
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        As :func:`aria`: turned round once, by the dates of the names. ``perpendicular_baseline`` and ``heading`` are
        those of the middle row. Frames were joined by ARIA-tools, each pair for itself. Lazy.

    Raises
    ------
    QtpDataError
        I27: names; I18, I19: a pair of one date, or twice; I03: no coherence, or a layer that is not there; M05: a
        raster that is no file of ENVI with its ``.hdr`` (a ``.vrt`` alone points into the products); I05 to I08, I20:
        unlike grids, or none in degrees; I11, I12: complex or whole numbers, another unit.

    Examples
    --------
    >>> text = "samples = 2, lines = 2, bands = 1, data type = 4, interleave = bsq".replace(", ", chr(10))
    >>> text += chr(10) + "map info = {Geographic Lat/Lon, 1, 1, 93.0, 35.0, 0.001, 0.001, WGS-84}"
    >>> for layer in ("unwrappedPhase", "coherence"):
    ...     (folder / layer).mkdir()
    ...     np.full((2, 2), 0.5, "<f4").tofile(folder / layer / "20180831_20180819")
    ...     _ = (folder / layer / "20180831_20180819.hdr").write_text(text)
    >>> float(load.aria_tools([folder / "unwrappedPhase" / "20180831_20180819"])["phase"].mean())
    -0.5
    """
    require_option("extent", extent, ("same", "intersection"))
    paths = as_paths(phase)
    if not paths:
        raise QtpDataError("no interferogram is given", expected="one file or more", code="C10")
    matches = match_names(paths, _PAIR, "is no pair of dates", "raster of unwrappedPhase")
    ends = [(ymd(m["reference"], path), ymd(m["secondary"], path)) for m, path in zip(matches, paths, strict=True)]
    order = arrange(ends, paths).order
    headers = _headers(paths)
    refuse_not_phase([Quantity.of(header) for header in headers])
    rows = [Pair(*ends[k], headers[k]) for k in order]
    files = [pair.header.path for pair in rows]
    baselines = [_middle(path, "bPerpendicular") for path in files]
    stack = stack_of(
        rows,
        Stored(_ZERO),
        _layer(files, "coherence"),
        Stored(_ZERO),
        extent=extent,
        baselines=None if np.isnan(baselines).all() else baselines,
        wavelength=SENTINEL1_WAVELENGTH,
        chunks=chunks,
    )
    # ARIA's azimuth runs from east anticlockwise
    orbits = [Orbit((180.0 - _middle(path, "azimuthAngle")) % 360) for path in files]
    out = with_orbit(stack, orbits, producer="ARIA-tools", estimated_from="filtered")
    for layer in dict.fromkeys(layers):
        require_option("layer", layer, _LAYERS)
        out = out.assign(_LAYERS[layer](stack, files))
    return out


def _headers(paths: Sequence[Path]) -> list[Header]:
    """Headers of rasters of ENVI; all that cannot be read are listed."""
    bad: list[tuple[Path, str]] = []
    maps: list[tuple[Path, str]] = []
    found = []
    for path in paths:
        try:
            found.append(_header(path))
        except QtpDataError as error:
            listed = maps if error.code == "I07" else bad
            listed.append((path, f"{error.what} ({error.found})" if error.found else error.what))
    in_degrees = "Extract them in degrees: ariaTSsetup.py -p 4326."
    refuse_bad(maps, "raster in longitude and latitude", total=len(paths), code="I07", hint=in_degrees)
    hint = None
    if any(path.with_name(path.name + ".vrt").is_file() and not path.is_file() for path, _ in bad):
        hint = "A .vrt alone points into the products: extract with -of ENVI, or open the products by driver aria."
    refuse_bad(bad, "raster of ENVI with its .hdr", total=len(paths), code="M05", hint=hint)
    return found


def _header(path: Path) -> Header:
    band, *more = raw_bands(path)
    if more or band.dtype.startswith(">"):
        raise QtpDataError("not one band of little-endian numbers", found=f"{1 + len(more)} bands of {band.dtype}")
    beside = path.with_name(path.name + ".hdr")
    said = _MAP.search(beside.read_text(encoding="utf-8", errors="replace") if beside.is_file() else "")
    words = [word.strip() for word in said[1].split(",")] if said else []
    try:
        column, row, left, top, dx, dy = (float(word) for word in words[1:7])
    except ValueError:
        words = []
    if not words or not words[0].lower().startswith("geographic"):
        what, code = "its .hdr has no map info in degrees", "I07" if words else "M05"
        raise QtpDataError(what, found=", ".join(words) or "none", code=code)
    # the place is that of the corner of a pixel that is counted from 1
    axes = top - (np.arange(band.height) - row + 1.5) * dy, left + (np.arange(band.width) - column + 1.5) * dx
    kind = np.dtype(band.dtype).name
    return geographic(path, *axes, dtype=kind, blocks=(1, band.width), layout=Rows(band.first))


def _is_there(path: Path) -> bool:
    return path.is_file() or path.with_name(path.name + ".vrt").is_file()


def _layer(files: Sequence[Path], layer: str) -> list[Header]:
    """Headers of another layer of the pairs."""
    own = [_of(path, layer) for path in files]
    lacking = [path for path in own if not _is_there(path)]
    if lacking:
        raise QtpDataError(
            f"{len(lacking)} of {len(own)} pairs have no {layer}",
            where="; ".join(map(str, lacking[:5])),
            hint=f"Extract it: ariaExtract.py -l {layer} -of ENVI.",
            code="I03",
        )
    return _headers(own)


def _of(phase: Path, layer: str) -> Path:
    return phase.absolute().parent.parent / layer / phase.name


def _middle(phase: Path, layer: str) -> float:
    """Median of the middle row of a layer; NaN where it is not there."""
    path = _of(phase, layer)
    if not path.is_file():
        return np.nan
    band = raw_bands(path)[0]
    row = read_raw(band, (band.height // 2, band.height // 2 + 1), (0, band.width)).astype(float)
    known = row[np.isfinite(row) & (row != 0)]
    return float(np.median(known)) if known.size else np.nan


def _first(stack: xr.Dataset, files: Sequence[Path], layer: str) -> xr.DataArray:
    grid, _ = opened_from(stack)
    owners = [path for path in files if _is_there(_of(path, layer))]
    return beside(stack, grid, _layer(owners[:1] or files, layer), _ZERO, variable="incidence").isel(pair=0)


def _incidence(stack: xr.Dataset, files: Sequence[Path]) -> dict[str, xr.DataArray]:
    return {"incidence": describe(_first(stack, files, "incidenceAngle"), "incidence")}


def _look(stack: xr.Dataset, files: Sequence[Path]) -> dict[str, xr.DataArray]:
    incidence, azimuth = (_first(stack, files, f"{name}Angle") for name in ("incidence", "azimuth"))
    return angles_to_vector(xnp.deg2rad(90.0 - incidence), xnp.deg2rad(azimuth))


def _component(stack: xr.Dataset, files: Sequence[Path]) -> dict[str, xr.DataArray]:
    grid, _ = opened_from(stack)
    return {"component": beside(stack, grid, _layer(files, "connectedComponents"), _OUTSIDE, variable="component")}


_LAYERS = {"incidence": _incidence, "look": _look, "component": _component}
