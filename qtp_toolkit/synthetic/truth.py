"""The scene's truth on the SAR grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import soil
from qtp_toolkit.conventions import QtpDataError, describe
from qtp_toolkit.synthetic import fields as field_rules
from qtp_toolkit.synthetic import places, temperature
from qtp_toolkit.synthetic.acquisitions import dates as acquisition_dates
from qtp_toolkit.synthetic.deformation import motion
from qtp_toolkit.synthetic.frame import EPSG, NOTED, Frame, whole_frame
from qtp_toolkit.synthetic.terrain import Terrain, terrain

STATIC = (
    "elevation", "slope", "aspect", "ndvi", "bulk_density", "sand", "ground_ice", "magt", "water_content",
    "mean_water_content", "active_layer_thickness", "conductivity_thawed", "conductivity_frozen", "conductivity_ratio",
    "linear_rate", "seasonal_amplitude",
)  # fmt: skip
CLASSES = {"vegetation": field_rules.VEGETATION, "permafrost": field_rules.PERMAFROST}
MASKS = ("lake", "glacier")
LAYERS = (*STATIC, *CLASSES, *MASKS)
SEASONAL = ("thaw_onset", "freeze_onset", "addt_max", "addf_max")
BLOCK_ROWS = 64
"""Rows that are generated together; noise is keyed by blocks of as many rows."""


class Ground(NamedTuple):
    """Static layers of a frame by name, and what they were made of."""

    layers: dict[str, np.ndarray]
    terrain: Terrain
    fields: field_rules.Fields


def ground(frame: Frame) -> Ground:
    """Make the static layers of a frame, float32 (ny, nx); class and mask layers keep their kind."""
    relief = terrain(frame)
    made = field_rules.fields(frame, relief)
    rate = made.ice_rate + made.tectonic_rate
    layers = {"elevation": relief.elevation, "slope": relief.slope, "aspect": relief.aspect, "linear_rate": rate}
    names = ("ndvi", "bulk_density", "sand", "ground_ice", "magt", "water_content", "active_layer_thickness")
    layers |= {name: getattr(made, name) for name in (*names, "seasonal_amplitude")}
    layers["mean_water_content"] = made.water_content
    layers = {name: values.astype(np.float32) for name, values in layers.items()}
    layers |= _conductivity(layers)
    layers |= {"vegetation": made.vegetation, "permafrost": made.permafrost}
    layers |= {"lake": relief.lake, "glacier": relief.glacier}
    return Ground(layers, relief, made)


def _conductivity(layers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = ("bulk_density", "sand", "water_content")
    named = {name: describe(xr.DataArray(layers[name], dims=("y", "x")), name) for name in names}
    pores = soil.porosity(named["bulk_density"])
    wet = soil.saturation(named["water_content"], pores)
    quartz = soil.quartz_from_sand(named["sand"])
    thawed = soil.thermal_conductivity(named["bulk_density"], quartz, wet, state="thawed")
    frozen = soil.thermal_conductivity(named["bulk_density"], quartz, wet, state="frozen")
    made = (thawed, frozen, soil.conductivity_ratio(frozen, thawed))
    return {str(a.name): a.values.astype(np.float32) for a in made}


def scene(
    size: str = "default",
    *,
    seed: int = 2022,
    without: tuple[str, ...] = (),
    window: tuple[slice, slice] | None = None,
) -> xr.Dataset:
    """Truth of the embedded scene: terrain, soil, climate, water, ice, and the motion that follows from them.

    Parameters
    ----------
    size : {"tiny", "default", "90m"}
        Pixel of 5 km, 1 km or 90 m over the same area.
    seed : int
        Same seed, same values.
    without : tuple of str
        Causal rules to switch off: ``slope``, ``aspect``, ``ndvi``, ``bulk_density`` (of the amplitude),
        ``ground_ice``, ``latitude`` (of the rate).
    window : (slice, slice), optional
        Rows and columns to generate, as if cut from the whole scene.

    Returns
    -------
    xarray.Dataset
        Layers on the grid (y, x) of EPSG:32646 and ``displacement`` (time, y, x) in mm relative to the reference date;
        NaN motion over lakes and glaciers. Attributes name seed, size, rules and reference. In memory for ``tiny``,
        ``default`` and any window; lazy, in blocks of rows, for the whole ``90m``.

    Raises
    ------
    QtpDataError
        For an unknown size or rule, or a window outside the scene.

    Notes
    -----
    Thaw and freeze onsets are means over the years; the rate counts 2015 to 2019. The motion is richer than the model
    of the paper (:mod:`qtp_toolkit.synthetic.deformation`), so recovery is never exact.
    """
    frame = whole_frame(size, seed=seed, without=without)
    if window is not None:
        frame = cut(frame, window)
    if window is None and size == "90m":
        return _label(_lazy_layers(frame), frame)
    made = ground(frame)
    return _label(made.layers | _motion_layers(frame, made), frame)


def cut(frame: Frame, window: tuple[slice, slice]) -> Frame:
    """Part of a frame, by slices of its rows and columns; one without pixels is refused."""
    ranges = []
    for part, length in zip(window, frame.shape, strict=True):
        start, stop, step = part.indices(length)
        if step != 1 or stop <= start:
            raise QtpDataError(
                "window holds no pixels", expected=f"within {frame.shape}", found=window, hint="Give two slices."
            )
        ranges.append((start, stop))
    return frame.window(*ranges)


def _motion_layers(frame: Frame, made: Ground) -> dict[str, np.ndarray]:
    dates = acquisition_dates()
    components = temperature.patterns(frame, made.fields)
    moved = motion(frame, components, made.fields, made.layers["conductivity_ratio"], dates)
    masked = made.layers["lake"] | made.layers["glacier"]
    number = int(np.argmax(dates == pd.Timestamp(places.REFERENCE_DATE)))
    displacement = moved.displacement - moved.displacement[number]
    displacement[:, masked] = np.nan
    values = (moved.thaw_onset.mean(0), moved.freeze_onset.mean(0), moved.addt_max.max(0), moved.addf_max[:-1].max(0))
    return dict(zip(SEASONAL, values, strict=True)) | {"displacement": displacement}


def _lazy_layers(frame: Frame) -> dict[str, da.Array]:
    """Return the same layers in blocks of rows; what is computed together is generated once."""
    static = map_rows(_static_block, frame, len(LAYERS))
    moving = map_rows(_motion_block, frame, len(SEASONAL) + len(acquisition_dates()))
    out = {name: static[number] for number, name in enumerate(LAYERS)}
    out |= {name: out[name].astype(np.int16) for name in CLASSES}
    out |= {name: out[name].astype(bool) for name in MASKS}
    out |= {name: moving[number] for number, name in enumerate(SEASONAL)}
    return out | {"displacement": moving[len(SEASONAL) :]}


def map_rows(function: Callable[..., np.ndarray], frame: Frame, layers: int, *sources: da.Array) -> da.Array:
    """(layers, y, x) array whose blocks of rows ``function`` makes of their frame, and of those rows of ``sources``.

    Blocks end where the blocks of the whole scene end: noise is keyed by them.
    """
    inner = range((frame.rows[0] // BLOCK_ROWS + 1) * BLOCK_ROWS, frame.rows[1], BLOCK_ROWS)
    edges = np.array([frame.rows[0], *inner, frame.rows[1]]) - frame.rows[0]
    rows = tuple(np.diff(edges).tolist())
    ends = dict(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))

    def block(start: np.ndarray, *parts: np.ndarray) -> np.ndarray:
        first = int(start.flat[0])
        return function(frame.window((first, ends[first]), (0, frame.shape[1])), *parts)

    starts = da.from_array(edges[None, :-1, None], chunks=(1, 1, 1))
    whole = [source.rechunk({0: -1, 1: rows, 2: -1}) for source in sources]
    chunks = ((layers,), rows, (frame.shape[1],))
    return da.map_blocks(block, starts, *whole, dtype=np.float32, chunks=chunks, meta=np.empty((0, 0, 0), np.float32))


def _static_block(frame: Frame) -> np.ndarray:
    layers = ground(frame).layers
    return np.stack([layers[name] for name in LAYERS]).astype(np.float32)


def _motion_block(frame: Frame) -> np.ndarray:
    layers = _motion_layers(frame, ground(frame))
    return np.concatenate([np.stack([layers[name] for name in SEASONAL]), layers["displacement"]])


def _label(arrays: Mapping[str, np.ndarray | da.Array], frame: Frame) -> xr.Dataset:
    out = {}
    for name, values in arrays.items():
        out[name] = describe(xr.DataArray(values, dims=("time", "y", "x")[-values.ndim :]), name, **NOTED)
        if name in CLASSES:
            out[name].attrs["classes"] = {str(code): label for code, label in CLASSES[name].items()}
    masked = out["lake"] | out["glacier"]
    for name in ("linear_rate", "seasonal_amplitude"):
        out[name] = out[name].where(~masked)
    coords = {"time": acquisition_dates().values.astype("datetime64[ns]"), "y": frame.y, "x": frame.x}
    return xr.Dataset(out, coords, attrs_of(frame)).rio.write_crs(EPSG)


def attrs_of(frame: Frame) -> dict[str, Any]:
    """Attributes by which :func:`frame_of` finds the frame of a truth again."""
    return {
        "size": frame.size,
        "seed": frame.seed,
        "without": ",".join(frame.without),
        "first_row": frame.rows[0],
        "first_column": frame.columns[0],
        "reference_date": places.REFERENCE_DATE,
        "reference_longitude": places.REFERENCE_POINT[0],
        "reference_latitude": places.REFERENCE_POINT[1],
        **NOTED,
    }


def frame_of(truth: xr.Dataset) -> Frame:
    """Frame that a truth Dataset of :func:`scene` lies on."""
    missing = [key for key in ("size", "seed", "first_row", "first_column") if key not in truth.attrs]
    if missing:
        raise QtpDataError(
            "this is not the truth of a scene",
            expected="attributes of synthetic.scene",
            found=f"without {missing}",
            hint="Pass what scene() returned.",
        )
    without = tuple(rule for rule in truth.attrs.get("without", "").split(",") if rule)
    frame = whole_frame(truth.attrs["size"], seed=int(truth.attrs["seed"]), without=without)
    row, column = int(truth.attrs["first_row"]), int(truth.attrs["first_column"])
    return replace(frame, rows=(row, row + truth.sizes["y"]), columns=(column, column + truth.sizes["x"]))


def truth_lst(truth: xr.Dataset, *, dates: object = None) -> xr.DataArray:
    """Return the true mean daily land surface temperature of a scene's pixels.

    Parameters
    ----------
    truth : xarray.Dataset
        From :func:`scene`.
    dates : sequence of datetime64, optional
        Days of 2014 to 2019; all of them by default.

    Returns
    -------
    xarray.DataArray
        ``lst`` (time, y, x) in degC, float32, in memory: the whole default scene and all days take 1.3 GB.
    """
    frame = frame_of(truth)
    days = temperature.DAYS if dates is None else pd.DatetimeIndex(dates)
    fields = temperature.patterns(frame, field_rules.fields(frame, terrain(frame)))
    values = np.tensordot(temperature.time_functions(frame.seed)[temperature.day_number(days)], fields, axes=1)
    coords = {"time": days.values.astype("datetime64[ns]"), "y": truth["y"].values, "x": truth["x"].values}
    out = xr.DataArray(values, dims=("time", "y", "x"), coords=coords)
    return describe(out, "lst", **NOTED).rio.write_crs(EPSG)
