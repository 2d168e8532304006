"""What the dashboard reads is laid out once: maps in levels, and what belongs to one pixel side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._atomic import refuse_small_disk, replacing
from qtp_toolkit._progress import progress_bar
from qtp_toolkit.conventions import (
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    describe,
    is_lazy,
    provenance,
    require,
    require_same_grid,
)
from qtp_toolkit.grid._frame import crs_of, spacing
from qtp_toolkit.interactive.board.apart import errors_by_distance
from qtp_toolkit.interactive.board.overlays import outlines
from qtp_toolkit.interactive.page import caption, colors, safe
from qtp_toolkit.plot.maps import classes_of
from qtp_toolkit.plot.style import CLASS_COLORS

VERSION = 3
"""Of the layout: another one is made anew."""

FIRST = ("linear_rate", "seasonal_amplitude", "linear_rate_std", "seasonal_amplitude_std")
"""Maps that come first in the menus."""
SMALLEST = 256
"""Pixels along the longer side below which no further level is made."""
BLOCK = 256
STEEPER = 2.0
"""Times the steep slopes of a level (its 90th percentile) that are drawn as 45 degrees."""


def prepare(
    folder: str | os.PathLike[str],
    deformation: xr.Dataset,
    time_series: xr.DataArray | xr.Dataset | None = None,
    *,
    temperature: xr.DataArray | None = None,
    onsets: xr.Dataset | None = None,
    extra: Mapping[str, xr.DataArray] | None = None,
    overlays: Mapping[str, pd.DataFrame] | None = None,
    stable: xr.DataArray | pd.DataFrame | None = None,
    sources: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> Path:
    """Lay out products for the dashboard: overviews of the maps, series and temperature pixel by pixel.

    Parameters
    ----------
    folder : path
        What is written; an earlier one is replaced when the new one is complete.
    deformation, time_series, temperature, onsets, extra, overlays, stable
        As in :func:`dashboard`.
    sources : mapping, optional
        What it was made from, as plain JSON: :func:`serve` makes it anew when this has changed.
    progress : bool
        Show a bar.

    Returns
    -------
    pathlib.Path
        The folder: ``about.json`` and plain NumPy arrays, which are mapped into memory, so that a look at one pixel
        reads its own bytes alone. Float maps are kept as float32, and every level above halves the pixels (mean of
        those that have a value; classes by every second one).

    Raises
    ------
    QtpDataError
        No maps, another grid, no CRS, or a disk that is too small.

    Notes
    -----
    Memory: one map at a time (about 20 bytes a pixel; both maps of the deformation for the ground that stands still),
    one block of 256 by 256 pixels of the series.
    """
    maps = _choose_maps(deformation, extra or {})
    first = next(iter(maps.values()))
    series = displacement_of(time_series)
    target = Path(folder)
    pixels = first.sizes[Y] * first.sizes[X]
    target.parent.mkdir(parents=True, exist_ok=True)
    dates = 0 if series is None else series["displacement"].sizes[TIME] * len(series)
    refuse_small_disk(target.parent, pixels * (6.0 * len(maps) + 4.0 * dates))
    about: dict[str, Any] = {
        "version": VERSION,
        "sources": dict(sources or {}),
        "note": provenance(deformation, series).get("provenance_note", ""),
        "intercept": str(deformation.attrs.get("intercept_option", "estimate")),
        "grid": _frame(first),
        "overlays": outlines(overlays or {}, crs_of(first).to_wkt()),
    }
    with replacing(target) as stage, progress_bar("maps", total=len(maps) + 1, progress=progress) as bar:
        stage.mkdir()
        about["layers"] = {}
        for number, (name, da) in enumerate(maps.items()):
            bar.describe(f"map {safe(name)}")
            about["layers"][name] = _write_map(stage, f"map{number}", da)
            bar.advance(1)
        if series is not None:
            bar.describe("series")
            about["series"] = _write_series(stage, series, first)
        if temperature is not None and onsets is not None:
            about["temperature"] = _write_temperature(stage, temperature, onsets)
        about["apart"] = errors_by_distance(maps, stable)
        bar.advance(1)
        (stage / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return target


def displacement_of(time_series: xr.DataArray | xr.Dataset | None) -> xr.Dataset | None:
    """``displacement`` (time, y, x) in mm and, where the series knows it, its ``std``."""
    if time_series is None:
        return None
    source = time_series if isinstance(time_series, xr.Dataset) else time_series.to_dataset(name="displacement")
    moved = source["displacement"]
    require(moved, dims=(TIME, Y, X), quantity="displacement")
    out = {"displacement": moved}
    if "phase_std" in source:
        wavelength = float(source.attrs.get("wavelength", SENTINEL1_WAVELENGTH))
        out["std"] = source["phase_std"] * (1e3 * wavelength / (4 * np.pi))
    return xr.Dataset(out)


def _choose_maps(deformation: xr.Dataset, extra: Mapping[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    both = {str(name): da for name, da in (dict(deformation.data_vars) | dict(extra)).items() if set(da.dims) == {Y, X}}
    if not both:
        raise QtpDataError("no maps to show", expected="variables with dims (y, x)", found=list(deformation.data_vars))
    names = [*(name for name in FIRST if name in both), *(name for name in both if name not in FIRST)]
    first = both[names[0]].transpose(Y, X)
    return {name: require_same_grid(both[name].transpose(Y, X), first, name=name).rename(name) for name in names}


def _frame(da: xr.DataArray) -> dict[str, Any]:
    """Lower left corner, size of a pixel, numbers of pixels, and the CRS."""
    dy, dx = spacing(da)
    return {
        "left": float(da[X].min()) - abs(dx) / 2,
        "bottom": float(da[Y].min()) - abs(dy) / 2,
        "dx": abs(dx),
        "dy": abs(dy),
        "columns": da.sizes[X],
        "rows": da.sizes[Y],
        "crs": crs_of(da).to_wkt(),
    }


def _upright(da: xr.DataArray) -> xr.DataArray:
    """Rows from south to north, columns from west to east."""
    turn = {dim: slice(None, None, -1) for dim in (Y, X) if da[dim][0] > da[dim][-1]}
    return da.isel(turn)


def _write_map(stage: Path, stem: str, da: xr.DataArray) -> dict[str, Any]:
    upright, classes = _upright(da), classes_of(da)
    values = np.asarray(upright.values)
    whole = bool(classes) and values.dtype.kind in "iub"
    values = values.astype("int16" if whole else "float32")
    levels = 0
    for level in _levels(values, classes=whole):
        np.save(stage / f"{stem}_{levels}.npy", level)
        if da.name == "elevation":
            np.save(stage / f"shade_{levels}.npy", _shade(level))
        levels += 1
    return {
        "stem": stem,
        "levels": levels,
        "label": caption(da).replace("Standard deviation of the ", "σ of "),
        "units": str(da.attrs.get("units", "")),
        "attrs": {key: str(da.attrs[key]) for key in ("units", "long_name", "provenance_note") if key in da.attrs},
        **(_class_colors(classes) if whole else colors(upright.copy(data=values))),
    }


def _class_colors(classes: Mapping[int, str]) -> dict[str, Any]:
    codes = sorted(classes)
    named = {code: CLASS_COLORS[i % len(CLASS_COLORS)] for i, code in enumerate(codes)}
    return {
        "cmap": [named.get(code, "#ffffff") for code in range(codes[0], codes[-1] + 1)],
        "clim": (codes[0] - 0.5, codes[-1] + 0.5),
        "classes": {str(code): safe(name) for code, name in classes.items()},
    }


def _levels(values: np.ndarray, *, classes: bool) -> Iterator[np.ndarray]:
    """Yield the map itself, then overviews of half its pixels, a quarter, and so on."""
    yield values
    while max(values.shape) > SMALLEST:
        if classes:
            values = np.ascontiguousarray(values[::2, ::2])
        else:
            total = np.zeros([(n + 1) // 2 for n in values.shape], "float32")
            count = np.zeros(total.shape, "uint8")
            for down, right in product((0, 1), repeat=2):
                part = values[down::2, right::2]
                known = np.isfinite(part)
                here = total[: part.shape[0], : part.shape[1]], count[: part.shape[0], : part.shape[1]]
                here[0][known] += part[known]
                here[1][...] += known
            values = np.divide(total, count, out=np.full(total.shape, np.nan, "float32"), where=count > 0)
        yield values


def _shade(height: np.ndarray) -> np.ndarray:
    """Darkness of a relief lit from the northwest at 45 degrees: 0 where it is flat, 255 where no light falls."""
    if min(height.shape) < 2 or not np.isfinite(height).any():
        return np.zeros(height.shape, "uint8")
    north, east = np.gradient(np.where(np.isfinite(height), height, np.nanmean(height)).astype("float32"))
    steep = float(np.percentile(np.hypot(north, east)[::4, ::4], 90)) * STEEPER or 1.0
    north, east = north / steep, east / steep
    light = (1.0 + (east - north) / np.sqrt(np.float32(2.0))) / np.sqrt(1.0 + north**2 + east**2)
    return np.where(np.isfinite(height), 255.0 * (1.0 - np.clip(light, 0.0, 1.0)), 0.0).astype("uint8")


def _write_series(stage: Path, series: xr.Dataset, like: xr.DataArray) -> dict[str, Any]:
    names = {"displacement": "series", "std": "series_std"}
    for name, da in series.data_vars.items():
        require_same_grid(da.isel({TIME: 0}, drop=True).transpose(Y, X), like, name=str(name))
        _write_by_pixel(stage / f"{names[str(name)]}.npy", da)
    moved = series["displacement"]
    return {
        "dates": [str(day) for day in np.datetime_as_string(moved[TIME].values, "D")],
        "label": caption(moved if "units" in moved.attrs else describe(moved, "displacement")),
        "std": "std" in series,
    }


def _write_by_pixel(path: Path, da: xr.DataArray) -> None:
    """Write (time, y, x) as float32 (y, x, time), a block of pixels at a time."""
    da = _upright(da).transpose(TIME, Y, X)
    depth, rows, columns = da.shape
    made = np.lib.format.open_memmap(path, mode="w+", dtype="float32", shape=(rows, columns, depth))
    start = made.offset
    del made  # written below with plain calls: pages of a map would count as memory of this process
    sides = [da.chunksizes[dim] if is_lazy(da) else _sides(n) for dim, n in zip((Y, X), (rows, columns), strict=True)]
    with path.open("r+b") as stream:
        for down, right in product(*map(_slices, sides)):
            block = np.asarray(da.isel({Y: down, X: right}).values).astype("float32", copy=False)
            block = np.ascontiguousarray(np.moveaxis(block, 0, -1))
            for row, line in enumerate(block, start=down.start):
                stream.seek(start + 4 * depth * (row * columns + right.start))
                stream.write(line.tobytes())


def _sides(total: int) -> list[int]:
    return [min(BLOCK, total - start) for start in range(0, total, BLOCK)]


def _slices(sides: Sequence[int]) -> list[slice]:
    ends = np.cumsum(sides)
    return [slice(int(end - side), int(end)) for side, end in zip(sides, ends, strict=True)]


def _write_temperature(stage: Path, temperature: xr.DataArray, onsets: xr.Dataset) -> dict[str, Any]:
    require(temperature, dims=(TIME, Y, X), units="degC")
    wanted = ["thaw_onset_mean", "freeze_onset_mean"]
    missing = [name for name in wanted if name not in onsets]
    if missing:
        raise QtpDataError("onsets lack variables", expected=wanted, found=list(onsets.data_vars))
    np.save(stage / "lst.npy", np.ascontiguousarray(temperature.transpose(Y, X, TIME).values))
    ends = [require_same_grid(onsets[name], temperature.isel({TIME: 0}, drop=True)).transpose(Y, X) for name in wanted]
    np.save(stage / "onsets.npy", np.stack([end.values for end in ends]))
    return {
        "times": [str(time) for time in np.datetime_as_string(temperature[TIME].values, "s")],
        "x": temperature[X].values.astype(float).tolist(),
        "y": temperature[Y].values.astype(float).tolist(),
        "crs": crs_of(temperature).to_wkt(),
        "method": str(onsets.attrs.get("onset_method", "smoothed")),
    }
