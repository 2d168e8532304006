"""MintPy's HDF5 files: stacks of interferograms, geometry, time series and velocity, geocoded or in radar geometry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit._dates import read_time
from qtp_toolkit.catalog.options import Positive
from qtp_toolkit.conventions import PAIR, SENTINEL1_WAVELENGTH, TIME, QtpDataError, X, Y, describe
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.hdf5 import opened
from qtp_toolkit.load.files.layers import hdf5_layer
from qtp_toolkit.load.files.tiff import Decode
from qtp_toolkit.load.insar.lengths import to_mm
from qtp_toolkit.load.insar.mintpy_file import (
    File,
    days_of,
    look,
    notes,
    on_map,
    refuse_other_image,
    refuse_unused,
    thinned,
    unit_of,
)
from qtp_toolkit.load.insar.pairs import arrange, as_stack, look_vector
from qtp_toolkit.load.insar.quantity import Quantity, refuse_not_phase
from qtp_toolkit.load.insar.radar import TABLE, Geometry, Layer, Onto, Table, check_latitudes, placed, places, squares

_ZERO, _BYTES = Decode((0.0,)), Decode(dtype="uint8", fill=0.0)
_MOVED = 3
"""Pixels by which geocoding may move the reference away from where the attributes say it is."""


class Asked(NamedTuple):
    """How a file is to be read: its geometry, the map, its datasets, and the file of the geometry beside it."""

    onto: Onto
    dataset: str
    dropped: str
    layers: tuple[str, ...]
    geometry: File | None
    crs: str | None


def mintpy(
    path: Path,
    *,
    geometry_file: Path | None = None,
    geometry: Geometry | None = None,
    crs: str | None = None,
    resolution: Positive | None = None,
    resampling: Literal["nearest", "bilinear"] = "nearest",
    layers: Sequence[Layer] = (),
    dataset: str = "unwrapPhase",
    dropped: Literal["leave_out", "keep"] = "leave_out",
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open a file of MintPy by its FILE_TYPE: ``ifgramStack``, ``geometry``, ``timeseries``, ``velocity``, coherences.

    Parameters
    ----------
    path : path
    geometry_file : path, optional
        ``geometryGeo.h5`` or ``geometryRadar.h5``; by default the one beside the file, if there is one.
    geometry : {"radar", "geocoded"}, optional
        Needed of files in radar coordinates: left so, or brought to a map by latitude and longitude of their geometry.
    crs : str, optional
        Of geocoded files that do not tell it, and of the map of others (by default EPSG:4326).
    resolution : float, optional
        Side of the pixels of that map.
    resampling : {"nearest", "bilinear"}
    layers : sequence of {"incidence", "look", "elevation", "land", "layover_shadow", "component"}
        Which maps of the geometry, and the components, to open beside a stack.
    dataset : str
        Phase of a stack: ``unwrapPhase``, ``unwrapPhase_bridging``, ``unwrapPhase_phaseClosure`` ...
    dropped : {"leave_out", "keep"}
        Pairs that MintPy leaves out of its network: their ``dropIfgram`` is *False*.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        Of a stack ``phase``, ``coherence`` (pair, y, x) as of every reader, unreferenced as it is stored, and
        ``perpendicular_baseline``; of a time series ``displacement`` (time, y, x), mm, and in ``attrs`` the
        ``reference_date`` and ``reference_xy`` (x, y) where the file tells them; of velocities
        ``linear_rate`` and ``linear_rate_std`` (y, x), mm/yr, both positive *toward* the satellite and relative to
        MintPy's reference: these are no phase, and enter where series and rates do; of a geometry its layers. Lazy. y
        from north to south on a map.

    Raises
    ------
    QtpDataError
        M05: no HDF5; M27: a file of another kind, or without what is asked for, no pair that is kept, settings that the
        kind of the file has no use for; M11: another unit; I05: radar coordinates where nobody says what to do; I07: no
        CRS; I05 to I09, I20: a geometry of another image, latitude along x; I06: unlike numbers of pairs; I10 to I12:
        no phase in rad, or a series of delays; I18, I19: dates.

    Examples
    --------
    >>> import h5py
    >>> place = {"X_FIRST": "93", "Y_FIRST": "35", "X_STEP": "0.1", "Y_STEP": "-0.1", "X_UNIT": "degrees"}
    >>> with h5py.File(folder / "velocity.h5", "w") as file:
    ...     file["velocity"] = np.array([[0.01, -0.02]], "f4")
    ...     file.attrs.update({"FILE_TYPE": "velocity", "UNIT": "m/year", **place})
    >>> load.mintpy(folder / "velocity.h5")["linear_rate"].values.round(3).tolist()
    [[10.0, -20.0]]
    """
    file = look(Path(path))
    kind = next((kind for kind in _KINDS if file.kind.lower().startswith(kind)), None)
    if kind is None:
        raise QtpDataError(
            "a file of MintPy that is not read",
            path=path,
            expected=f"FILE_TYPE of {', '.join(_KINDS)}",
            found=f"{file.kind or 'none'}, datasets {sorted(file.shapes)}",
            code="M27",
        )
    refuse_unused(file, kind, tuple(layers), dataset, dropped)
    beside = _beside(file, geometry_file)
    if not file.mapped and geometry is None:
        raise QtpDataError(
            "the file is in radar coordinates: it has no X_FIRST",
            path=path,
            hint="Set parameters.geometry: radar to leave it so, or geocoded to bring it to a map.",
            code="I05",
        )
    where = "map" if file.mapped else str(geometry)
    windows = squares(file.shapes.get("date", (1,))[0]) if where == "geocoded" else chunks
    onto = Onto(where, crs or "EPSG:4326", resolution, resampling, windows, chunks)
    out = _KINDS[kind](file, Asked(onto, dataset, dropped, tuple(layers), beside, crs))
    out = out.assign_attrs({key: value for key, value in notes(file, where).items() if value is not None})
    return on_map(out, file, crs) if file.mapped else out


def _beside(file: File, given: Path | None) -> File | None:
    """Find the geometry: the file itself, the one that is given, or one beside it in the same coordinates."""
    if file.kind.lower().startswith("geometry"):
        return file
    names = ("geometryGeo.h5", "geo_geometryRadar.h5") if file.mapped else ("geometryRadar.h5",)
    folders = (file.path.parent, file.path.parent / "inputs")
    known = [given] if given else [folder / name for folder in folders for name in names]
    return next((look(path) for path in known if path.is_file()), None)


def _layer(file: File, name: str, dims: Sequence[str], decode: Decode, asked: Asked, **how: Any) -> xr.DataArray:
    """One dataset, lazy; an error that says which there are, if it is not among them (M27)."""
    if name not in file.shapes:
        raise QtpDataError(
            f"the file has no {name}", path=file.path, found=sorted(file.shapes), expected=name, code="M27"
        )
    if file.shapes[name][-2:] != file.size:
        told = {name: file.shapes[name], "LENGTH, WIDTH": file.size}
        raise QtpDataError("a dataset of another size than the file says", path=file.path, found=told, code="I06")
    return hdf5_layer(file.path, name, dims, decode, chunks=asked.onto.chunks, **how)


def _geometry_of(file: File, asked: Asked, layer: str) -> File:
    if asked.geometry is None:
        raise QtpDataError(
            f"no geometry beside the file: no {layer}",
            path=file.path,
            expected="geometryGeo.h5 or geometryRadar.h5",
            hint="Name it in the uri: {data: ..., geometry: ...}.",
            code="I03",
        )
    refuse_other_image(file, asked.geometry, asked.crs)
    return asked.geometry


def _table(file: File, asked: Asked) -> Table | None:
    """Lookup table of files in radar coordinates; None on a map, or where there is none and none is needed."""
    own = asked.geometry
    if file.mapped or (asked.onto.geometry == "radar" and (own is None or "latitude" not in own.shapes)):
        return None
    degrees = Decode(dtype="float64")
    parts = [_layer(_geometry_of(file, asked, name), name, (Y, X), degrees, asked) for name in TABLE]
    thin = thinned(_geometry_of(file, asked, TABLE[0]))
    check_latitudes(thin[0], _geometry_of(file, asked, TABLE[0]).path)
    return Table((parts[0], parts[1]), thin)


def _there(arrays: dict[str, xr.DataArray], file: File, asked: Asked) -> dict[str, xr.DataArray]:
    """Layers as they are on a map, else in lines and samples or brought to one."""
    table = _table(file, asked)
    out = {name: placed(array, name, table, asked.onto) for name, array in arrays.items()}
    if asked.onto.geometry == "radar" and table is not None:
        out |= places(table)
    return out


def _stack(file: File, asked: Asked) -> xr.Dataset:
    if file.path.name.lower().removeprefix("geo_").startswith("ion"):
        what = "by its name this is the phase of the ionosphere, which MintPy keeps like interferograms (ionStack.h5)"
        raise QtpDataError(what, path=file.path, expected="ifgramStack.h5", code="I12")
    _refuse_numbers(file, asked)
    with opened(file.path) as stored:
        dates = days_of(file.path, stored["date"][()])
        kept = np.array(stored["dropIfgram"][()], bool) if "dropIfgram" in stored else np.ones(len(dates), bool)
        baselines = np.array(stored["bperp"][()], float) if "bperp" in stored else np.full(len(dates), np.nan)
    chosen = np.flatnonzero(kept | (asked.dropped == "keep"))
    if not chosen.size:
        what, hint = "dropIfgram is False of every pair: MintPy leaves all of them out", "Set parameters.dropped: keep."
        found = f"{len(dates)} pairs, none of which is kept"
        raise QtpDataError(what, path=file.path, found=found, hint=hint, code="M27")
    order = arrange([(dates[k][0], dates[k][1]) for k in chosen])
    places = chosen[order.order]
    dims = (PAIR, Y, X)
    arrays = {name: _layer(file, own, dims, _ZERO, asked, variable=name) for name, own in _of_stack(asked)}
    if "component" in asked.layers:
        arrays["component"] = _layer(file, "connectComponent", dims, Decode(dtype="int16", fill=-1), asked)
    arrays = {name: array.isel({PAIR: places}) for name, array in arrays.items()}
    arrays["phase"] = arrays["phase"] * xr.DataArray(order.sign.astype("float32"), dims=PAIR)
    arrays |= _fixed(file, asked)
    out = as_stack(
        _there(arrays, file, asked),
        order,
        wavelength=float(file.attrs.get("WAVELENGTH", SENTINEL1_WAVELENGTH)),
        baselines=baselines[chosen],
        pairs_left_out=int(len(dates) - chosen.size),
    )
    if file.attrs.get("PROCESSOR", "").lower() == "isce":
        out["coherence"].attrs["estimated_from"] = "filtered"
    return out


def _refuse_numbers(file: File, asked: Asked) -> None:
    """Refuse what is no phase in rad, and dates, baselines and maps of unlike numbers of pairs (I06)."""
    with opened(file.path) as stored:
        kinds = {name: stored[name].dtype.name for _, name in _of_stack(asked) if name in stored}
    unit = unit_of(file, asked.dataset, "")
    told = [Quantity(file.path, asked.dataset, kinds[asked.dataset], unit)] if asked.dataset in kinds else []
    refuse_not_phase(told)
    counts = {name: file.shapes[name][0] for name in ("date", "bperp", "dropIfgram", *kinds) if name in file.shapes}
    if len(set(counts.values())) > 1:
        raise QtpDataError("unlike numbers of pairs", path=file.path, expected="one", found=counts, code="I06")


def _of_stack(asked: Asked) -> tuple[tuple[str, str], ...]:
    return ("phase", asked.dataset), ("coherence", "coherence")


def _fixed(file: File, asked: Asked) -> dict[str, xr.DataArray]:
    """Layers of the geometry that are asked for."""
    out: dict[str, xr.DataArray] = {}
    for layer in [layer for layer in asked.layers if layer != "component"]:
        own = _geometry_of(file, asked, layer)
        if layer in _SIMPLE:
            name, decode = _SIMPLE[layer]
            out[layer] = _layer(own, name, (Y, X), decode, asked, variable=layer if decode is not _BYTES else None)
        else:
            angles = [_layer(own, name, (Y, X), _ZERO, asked) for name in ("incidenceAngle", "azimuthAngle")]
            out |= look_vector(*angles)
    return out


_SIMPLE: dict[str, tuple[str, Decode]] = {
    "incidence": ("incidenceAngle", _ZERO),
    "elevation": ("height", Decode()),
    "land": ("waterMask", _BYTES),
    "layover_shadow": ("shadowMask", _BYTES),
}


def _geometry(file: File, asked: Asked) -> xr.Dataset:
    found = [layer for layer, (name, _) in _SIMPLE.items() if name in file.shapes]
    found += ["look"] if {"incidenceAngle", "azimuthAngle"} <= set(file.shapes) else []
    chosen = asked._replace(layers=asked.layers or tuple(found))
    return xr.Dataset(_there(_fixed(file, chosen), file, chosen))


def _series(file: File, asked: Asked) -> xr.Dataset:
    scale = to_mm(unit_of(file, "timeseries", "m"), file.path, "timeseries")
    with opened(file.path) as stored:
        days = [day for (day,) in days_of(file.path, stored["date"][()][:, None])]
        baselines = np.array(stored["bperp"][()], float) if "bperp" in stored else None
    _refuse_dates(file, days)
    array = _layer(file, "timeseries", (TIME, Y, X), Decode(scale=scale), asked)
    if not file.has_nan:  # 0 at all dates is no data, but for the reference
        array = array.where((array != 0).any(TIME) | _at_reference(file, array))
    out = xr.Dataset(_there({"displacement": array}, file, asked))
    out = out.assign_coords({TIME: np.array(days, "datetime64[ns]")}).sortby(TIME)
    if baselines is not None:
        described = describe(xr.DataArray(baselines[np.argsort(days)], dims=TIME), "perpendicular_baseline")
        out = out.assign_coords(perpendicular_baseline=described)
    if "REF_DATE" in file.attrs:
        out = out.assign_attrs(reference_date=str(read_time(file.attrs["REF_DATE"]).astype("M8[D]")))
    if {"REF_LON", "REF_LAT", "X_FIRST"} <= set(file.attrs):  # on a map they are of the map, whatever its CRS
        out = out.assign_attrs(reference_xy=[float(file.attrs[key]) for key in ("REF_LON", "REF_LAT")])
    return out


def _refuse_dates(file: File, days: Sequence[np.datetime64]) -> None:
    """Refuse a date twice, and delays of the air: they have no date of reference, and another name than a series."""
    if "REF_DATE" not in file.attrs and "timeseries" not in file.path.name.lower():
        raise QtpDataError(
            "neither name nor REF_DATE say that this is displacement: MintPy keeps delays (ERA5.h5, GACOS.h5) so",
            path=file.path,
            expected="a name with timeseries in it, or an attribute REF_DATE",
            code="I12",
        )
    twice = sorted({str(day)[:10] for day in days if days.count(day) > 1})
    if twice:
        raise QtpDataError("a date stands twice", path=file.path, found=twice, code="I19")


def _at_reference(file: File, array: xr.DataArray) -> xr.DataArray:
    """Where the reference is, whose 0 is a value; nowhere, if the file does not say. Geocoding moves it a little."""
    row, column = (int(float(file.attrs.get(key, -99))) for key in ("REF_Y", "REF_X"))
    rows, columns = (xr.DataArray(np.arange(array.sizes[dim]), dims=dim) for dim in (Y, X))
    return (abs(rows - row) <= _MOVED) & (abs(columns - column) <= _MOVED)


def _velocity(file: File, asked: Asked) -> xr.Dataset:
    names = {"linear_rate": "velocity", "linear_rate_std": "velocityStd"}
    found = {ours: name for ours, name in names.items() if name in file.shapes or name == "velocity"}
    arrays = {}
    for ours, name in found.items():
        scale = to_mm(unit_of(file, name, "m/year"), file.path, name, per_year=True)
        arrays[ours] = _layer(file, name, (Y, X), Decode(scale=scale), asked)
    # a rate of 0 without any error was never estimated; the word that NaN is missing comes from the series
    if not file.has_nan or "linear_rate_std" in arrays:
        missing = arrays["linear_rate"] == 0
        missing &= arrays["linear_rate_std"] == 0 if "linear_rate_std" in arrays else True
        kept = ~missing | _at_reference(file, missing)
        arrays = {ours: array.where(kept) for ours, array in arrays.items()}
    return xr.Dataset(_there(arrays, file, asked))


def _share(file: File, asked: Asked) -> xr.Dataset:
    name = "temporalCoherence" if "temporalCoherence" in file.shapes else "coherence"
    ours = {"temporalCoherence": "temporal_coherence"}.get(name, name)
    return xr.Dataset(_there({ours: _layer(file, name, (Y, X), Decode(), asked)}, file, asked))


_KINDS: dict[str, Callable[[File, Asked], xr.Dataset]] = {
    "ifgramstack": _stack,
    "geometry": _geometry,
    "timeseries": _series,
    "velocity": _velocity,
    "temporalcoherence": _share,
    "spatialcoherence": _share,
    "coherence": _share,
}
