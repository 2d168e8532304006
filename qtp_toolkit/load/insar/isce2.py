"""ISCE2, topsStack and stripmapStack: one folder a pair in radar geometry, geometry and baselines in folders beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.catalog.options import Positive
from qtp_toolkit.conventions import ESTIMATED_FROM, PAIR, QtpDataError, require_option
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import as_paths, told_of
from qtp_toolkit.load.files.raw import RawBand, lazy_raw, raw_bands, read_raw, same_shape
from qtp_toolkit.load.files.tiff import Decode
from qtp_toolkit.load.insar.isce2_folders import (
    Folders,
    baselines_of,
    coherence_beside,
    folders_of,
    metadata,
    wavelength_of,
)
from qtp_toolkit.load.insar.pairs import arrange, as_stack, dates_of, heading_of, look_vector, orbit_of
from qtp_toolkit.load.insar.quantity import Quantity, refuse_not_phase
from qtp_toolkit.load.insar.radar import Geometry, Layer, Onto, Table, check_latitudes, placed, places, squares
from qtp_toolkit.load.insar.stack import Wavelength, one_wavelength

_FILES = {"incidence": "los", "elevation": "hgt", "land": "waterMask", "layover_shadow": "shadowMask"}
_PLACES = ("lat", "lon")
_ZERO, _DEGREES = Decode((0.0,)), Decode(dtype="float64")


def isce2(
    phase: Sequence[Path],
    *,
    geometry: Geometry,
    crs: str = "EPSG:4326",
    resolution: Positive | None = None,
    resampling: Literal["nearest", "bilinear"] = "nearest",
    layers: Sequence[Layer] = (),
    require_coherence: bool = True,
    wavelength: Wavelength | None = None,
    usual_wavelength: Wavelength | None = None,
    chunks: Chunks | None = None,
) -> xr.Dataset:
    r"""Open a stack of ISCE2: ``merged/interferograms/<pair>/filt_fine.unw`` or ``Igrams/<pair>/filt_*_snaphu.unw``.

    Coherence (``.cor``) and components (``.unw.conncomp``) lie in the same folder, the geometry in ``geom_reference``,
    the baselines in ``baselines``. Folders that MintPy has prepared are read alike: its ``.rsc`` beside a file counts
    last, and only if it fits the size of the file.

    Parameters
    ----------
    phase : sequence of path
        The ``.unw`` files, or the ``.vrt`` or ``.xml`` of each; the pair is that of the folder or of the name.
    geometry : {"radar", "geocoded"}
        As it is, in lines and samples, with ``latitude`` and ``longitude`` of each pixel; or brought to a map by them.
    crs : str
        Of the map.
    resolution : float, optional
        Side of its pixels, in the unit of ``crs``; by default about that of the image.
    resampling : {"nearest", "bilinear"}
        Of decimals; components and masks are always nearest.
    layers : sequence of {"incidence", "look", "elevation", "land", "layover_shadow", "component"}
        Which maps to open beside phase and coherence, from ``los``, ``hgt``, ``waterMask`` and ``shadowMask``, and the
        components, one a pair.
    require_coherence : bool
        Whether pairs without coherence are refused; otherwise theirs is 1.
    wavelength : float, optional
        m; needed where the stack's metadata do not tell it, and refused where they tell another one.
    usual_wavelength : float, optional
        m; what holds where neither tells it. By default that of Sentinel-1 for topsStack, none for stripmapStack.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        ``phase`` (pair, y, x), rad, positive away from the satellite from the earlier to the later date, NaN where it
        and the amplitude are 0; ``coherence``, which is ``estimated_from`` *filtered* interferograms (``filt_*.cor``)
        or *unfiltered* ones (``fine.cor``); ``perpendicular_baseline`` (pair). Layers asked for: ``incidence``, degree;
        ``look_east``, ``look_north``, ``look_up``; ``elevation``, m above the *ellipsoid* (0 outside the swath too,
        where ``lat`` and ``lon`` are not there); ``land``, True but for water; ``layover_shadow``; ``component`` (pair,
        y, x), 0 without one, -1 outside. attrs: ``wavelength``, ``heading``, ``orbit_direction``, ``overpass`` (UTC),
        ``geometry``, ``pairs_without_coherence``. Lazy: headers are read, a line of ``los`` and of ``lat``, for a map
        every 16th line of ``lat`` and ``lon``.

    Raises
    ------
    QtpDataError
        M05: files whose headers do not fit their size; I06: unlike sizes; I27, I18, I19: dates; I03: coherence
        or a layer that is missing, the lookup table of a map among them; I08: ``lat`` and ``lon`` exchanged; I11:
        complex or whole numbers; I15: no wavelength, or two; I33: files of several stacks.

    Examples
    --------
    >>> path = folder / "merged" / "interferograms" / "20180819_20180831" / "filt_fine.unw"
    >>> path.parent.mkdir(parents=True)
    >>> np.array([[[1.0, 1.0], [0.5, 2.0]]], "<f4").tofile(path)  # a line of amplitude, a line of phase
    >>> _ = path.with_name("filt_fine.unw.rsc").write_text("WIDTH 2\nFILE_LENGTH 1\n")
    >>> load.isce2([path], geometry="radar", require_coherence=False)["phase"].values.tolist()
    [[[0.5, 2.0]]]
    """
    require_option("geometry", geometry, ("radar", "geocoded"))
    for layer in layers:
        require_option("layer", layer, get_args(Layer))
    # headers stand for the numbers beside them
    phase = [path.with_suffix("") if path.suffix in (".vrt", ".xml") else path for path in as_paths(phase)]
    if not phase:
        raise QtpDataError("no interferogram is given", expected="one file or more", code="C10")
    _refuse_stacks(phase)
    both = [raw_bands(path)[:2] for path in phase]  # amplitude and phase, or the phase alone
    bands = [own[-1] for own in both]
    refuse_not_phase([Quantity(band.path, band.path.name, np.dtype(band.dtype).name) for band in bands])
    dates = dates_of(phase)
    order = arrange(dates, phase)
    found = [bands[k] for k in order.order]
    where, shape = folders_of(phase[0]), same_shape(found)
    windows = chunks if geometry == "radar" else squares(len(found))
    onto = Onto(geometry, crs, resolution, resampling, windows, chunks)
    table = _table(where, shape, onto)
    strength = [both[k][0] if len(both[k]) > 1 else None for k in order.order]
    signed = lazy_raw(
        found, _ZERO, dim=PAIR, chunks=onto.chunks, variable="phase", factors=order.sign, strength=strength
    )
    grays = _grays(found, required=require_coherence)
    arrays = {"phase": signed, "coherence": _coherence(found, grays, onto)}
    if "component" in layers:
        arrays["component"] = _components(found, onto)
    if set(layers) - {"component"}:
        arrays |= _fixed(where, shape, layers, onto)
    said = metadata(where)
    heading = _heading(where, shape)
    there = {name: placed(array, name, table, onto) for name, array in arrays.items()}
    if geometry == "radar" and table is not None:
        there |= places(table)
    out = as_stack(
        there,
        order,
        wavelength=one_wavelength(said.get("wavelength"), wavelength) or usual_wavelength or wavelength_of(where),
        baselines=baselines_of(where, dates),
        heading=heading,
        orbit_direction=orbit_of(heading) or said.get("orbit_direction"),
        overpass=said.get("overpass"),
        geometry=geometry,
        producer="ISCE2",
        pairs_without_coherence=grays.count(None),
    )
    names = [band.path.name for band in grays if band is not None]
    if names:  # fine.cor is merged from the bursts before any filter, and filt_fine.cor estimated after it
        filtered = any(name.startswith("filt") for name in names)
        out["coherence"].attrs[ESTIMATED_FROM] = "filtered" if filtered else "unfiltered"
    return out


def isce2_layer(
    path: Path,
    *,
    variable: Literal["incidence", "elevation", "land", "layover_shadow"],
    geometry: Geometry,
    crs: str = "EPSG:4326",
    resolution: Positive | None = None,
    resampling: Literal["nearest", "bilinear"] = "nearest",
    chunks: Chunks | None = None,
) -> xr.DataArray:
    """Open one map of the geometry of a stack of ISCE2, on the pixels of the stack: for sources such as ``incidence``.

    Parameters
    ----------
    path : path
        A file in ``geom_reference``; which one is read, goes by ``variable``: ``los``, ``hgt``, ``waterMask``,
        ``shadowMask``.
    variable : {"incidence", "elevation", "land", "layover_shadow"}
    geometry, crs, resolution, resampling, chunks
        As for :func:`isce2`: the same of both make the same pixels.

    Returns
    -------
    xarray.DataArray
        (y, x), in the unit of the variable table; elevations are above the *ellipsoid*. Lazy.

    Raises
    ------
    QtpDataError
        I03, I06, M05: as of :func:`isce2`.

    Examples
    --------
    >>> np.array([[33.0, 40.0, -100.0, -100.0]], "<f4").tofile(folder / "los.rdr")  # incidence, then azimuth
    >>> text = "samples = 2, lines = 1, bands = 2, data type = 4, interleave = bil".replace(", ", chr(10))
    >>> _ = (folder / "los.rdr.hdr").write_text(text)
    >>> load.isce2_layer(folder / "los.rdr", variable="incidence", geometry="radar").values.tolist()
    [[33.0, 40.0]]
    """
    require_option("geometry", geometry, ("radar", "geocoded"))
    require_option("variable", variable, _FILES)
    folder = Path(path).parent
    band = _band(_layer_path(folder, _FILES[variable]))
    where, shape = Folders(folder, None, (), striped=False), (band.height, band.width)
    onto = Onto(geometry, crs, resolution, resampling, chunks if geometry == "radar" else squares(1), chunks)
    array = _fixed(where, shape, (variable,), onto)[variable]
    return placed(array, variable, _table(where, shape, onto), onto)


def _refuse_stacks(phase: Sequence[Path]) -> None:
    """Refuse files of several stacks: each has a geometry of its own, be the images of one size or not (I33)."""
    homes = {path.absolute().parents[1]: path for path in phase}  # one look a folder of pairs, not one a pair
    found = sorted({str(folder) for path in homes.values() if (folder := folders_of(path).geometry) is not None})
    if len(found) > 1:
        hint = "Narrow the uri to one, and open each as a source of its own."
        raise QtpDataError("files of several stacks", found=found[:5], expected="one geometry", hint=hint, code="I33")


def _band(path: Path, number: int = 1) -> RawBand:
    """Band of a file; the last where it has fewer, as an ``.unw`` of the phase alone."""
    bands = raw_bands(path)
    return bands[min(number, len(bands)) - 1]


def _layer_path(folder: Path, name: str) -> Path:
    """File of a layer of the geometry; where no looks were taken, that of all pixels may be the only one."""
    path = folder / f"{name}.rdr"
    full = folder / f"{name}.rdr.full"
    return full if full.is_file() and not path.is_file() else path


def _beside(folder: Path | None, name: str, shape: tuple[int, int], number: int = 1) -> RawBand | None:
    """Band of a layer of the geometry, or None where there is no such file; one of another size is refused (I06)."""
    path = None if folder is None else _layer_path(folder, name)
    if path is None or not path.is_file():
        return None
    band = _band(path, number)
    if (band.height, band.width) != shape:
        raise QtpDataError(
            "the geometry is of another image than the interferograms",
            path=path,
            expected=f"{shape[0]} x {shape[1]}",
            found=f"{band.height} x {band.width}",
            code="I06",
        )
    return band


def _needed(folder: Path | None, name: str, shape: tuple[int, int], number: int = 1) -> RawBand:
    band = _beside(folder, name, shape, number)
    if band is None:
        raise QtpDataError(
            f"the stack has no {name}.rdr",
            path=folder,
            expected="geom_reference beside merged/interferograms or Igrams, below the root of the source"
            if folder is None
            else f"{name}.rdr or {name}.rdr.full in the folder of the geometry",
            hint="geometry: geocoded needs it; geometry: radar leaves lines and samples." if name in _PLACES else None,
            code="I03",
        )
    return band


def _one(band: RawBand, decode: Decode, onto: Onto, variable: str | None = None) -> xr.DataArray:
    return lazy_raw([band], decode, dim="band", chunks=onto.chunks, variable=variable).isel(band=0)


def _table(where: Folders, shape: tuple[int, int], onto: Onto) -> Table | None:
    """Lookup table; None where there is none and none is needed."""
    if onto.geometry == "radar" and any(_beside(where.geometry, name, shape) is None for name in _PLACES):
        return None
    bands = [_needed(where.geometry, name, shape) for name in _PLACES]
    check_latitudes(read_raw(bands[0], (shape[0] // 2, shape[0] // 2 + 1), (0, shape[1])), bands[0].path)
    parts = [_one(band, _DEGREES, onto) for band in bands]
    thin = [_thin(band) for band in bands] if onto.geometry == "geocoded" else [np.empty((0, 0))] * 2
    return Table((parts[0], parts[1]), (thin[0], thin[1]))


def _thin(band: RawBand) -> np.ndarray:
    lines, samples = grid.thinned(band.height), grid.thinned(band.width)
    return np.stack([read_raw(band, (line, line + 1), (0, band.width))[0, samples] for line in lines.tolist()])


def _grays(found: Sequence[RawBand], *, required: bool) -> list[RawBand | None]:
    """Coherence of each pair, None where there is no file."""
    # of two bands, as ROI_PAC and topophase.cor have, the first is the amplitude
    bands = [_band(path, 2) if path.is_file() else None for path in (coherence_beside(band.path) for band in found)]
    lacking = [str(band.path) for band, own in zip(found, bands, strict=True) if own is None]
    if lacking and required:
        raise QtpDataError(
            f"{len(lacking)} of {len(found)} pairs have no coherence file",
            where=told_of(lacking, total=len(found)),
            code="I03",
            hint="Get them, or set parameters.coherence: optional for unit weights where they are missing.",
        )
    return bands


def _coherence(found: Sequence[RawBand], bands: Sequence[RawBand | None], onto: Onto) -> xr.DataArray:
    if not any(bands):
        return lazy_raw(found, _ZERO, dim=PAIR, chunks=onto.chunks) * 0 + 1
    same_shape([*found, *(band for band in bands if band is not None)])
    return lazy_raw(bands, _ZERO, dim=PAIR, chunks=onto.chunks, variable="coherence", absent=1.0)


def _components(found: Sequence[RawBand], onto: Onto) -> xr.DataArray:
    paths = [band.path.with_name(band.path.name + ".conncomp") for band in found]
    lacking = [str(path) for path in paths if not path.is_file()]
    if lacking:
        what = f"{len(lacking)} of {len(paths)} pairs have no connected components"
        raise QtpDataError(what, where="; ".join(lacking[:5]), hint="Leave the layer component out.", code="I03")
    bands = [_band(path) for path in paths]
    same_shape([*found, *bands])
    return lazy_raw(bands, Decode(dtype="int16", fill=-1), dim=PAIR, chunks=onto.chunks)


def _fixed(where: Folders, shape: tuple[int, int], layers: Sequence[str], onto: Onto) -> dict[str, xr.DataArray]:
    """Layers of the geometry that are asked for."""
    out: dict[str, xr.DataArray] = {}
    folder, bytewise = where.geometry, Decode(dtype="uint8", fill=0)
    if {"incidence", "look"} & set(layers):
        incidence = _one(_needed(folder, _FILES["incidence"], shape), _ZERO, onto, "incidence")
        azimuth = _one(_needed(folder, "los", shape, 2), _DEGREES, onto).where(incidence.notnull())
        out |= {"incidence": incidence} if "incidence" in layers else {}
        out |= look_vector(incidence, azimuth) if "look" in layers else {}
    if "elevation" in layers:
        height = _one(_needed(folder, _FILES["elevation"], shape), Decode(), onto, "elevation")
        places = [_beside(folder, name, shape) for name in _PLACES]
        known = [_one(band, _DEGREES, onto) for band in places if band is not None]
        if len(known) == 2:  # without them nothing tells 0 outside the swath from a height of 0
            height = height.where((known[0] != 0) | (known[1] != 0))
        out["elevation"] = height
    for layer in ("land", "layover_shadow"):
        if layer in layers:
            out[layer] = _one(_needed(folder, _FILES[layer], shape), bytewise, onto)
    return out


def _heading(where: Folders, shape: tuple[int, int]) -> float | None:
    band, angle = (_beside(where.geometry, "los", shape, number) for number in (2, 1))
    if band is None or angle is None:
        return None
    line = (band.height // 2, band.height // 2 + 1)
    azimuth, incidence = (read_raw(part, line, (0, part.width)) for part in (band, angle))
    return heading_of(azimuth[incidence != 0])
