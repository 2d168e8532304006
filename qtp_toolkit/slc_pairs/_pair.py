"""One pair: formed, filtered, unwrapped, put on the ground and written; the task that workers run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import grid, interferogram
from qtp_toolkit._atomic import flush, flush_tree, replacing
from qtp_toolkit.conventions import ESTIMATED_FROM, PAIR, SENTINEL1_WAVELENGTH, TIME, X, Y, describe, xnp
from qtp_toolkit.load.insar.slc import open_image
from qtp_toolkit.load.insar.stack import COHERENCE_FROM, COHERENCE_OF_NOISE
from qtp_toolkit.slc_pairs._fringes import find_fringes, note

MADE = "made.json"
LAYERS = {"phase": "unw_phase", "coherence": "corr", "wrapped_phase": "wrapped_phase", "component": "conncomp"}
"""Endings of the files, by variable."""
ROW_BYTES = 32_000_000
"""Images are read in blocks of so many bytes."""

_TAGS = {name: name for name in ("provenance_note", COHERENCE_OF_NOISE)} | {COHERENCE_FROM: ESTIMATED_FROM}
"""Tags of a file, and the attributes that they hold."""


class Recipe(NamedTuple):
    """How pairs are made; what they are known by beside their images."""

    looks_y: int = 6
    looks_x: int = 20
    alpha: float = 0.5
    by_coherence: bool = False
    method: str = "whirlwind"
    tile: int = 2000
    pixel_m: float = 90.0
    wavelength: float = SENTINEL1_WAVELENGTH


class Place(NamedTuple):
    """Where the pixels of all pairs lie, in memory: those on land, their way to the ground, what is masked there."""

    land: xr.DataArray | None = None
    lookup: xr.DataArray | None = None
    masked: xr.DataArray | None = None


def make_pair(
    target: Path,
    part: xr.Dataset,
    recipe: Recipe,
    place: Place,
    identity: dict[str, Any],
    *,
    allow_fringes: bool = False,
) -> str:
    """Make one pair and write it, or note why not: the task that workers run. Twice gives the same files."""
    key, looks = target.name, {"looks_y": recipe.looks_y, "looks_x": recipe.looks_x}
    stack = interferogram.form_stack(_whole_looks(part["slc"], recipe), part, **looks)
    # By argument, for dask's settings are those of all threads; the pairs are what runs side by side.
    formed = stack.isel({PAIR: 0}, drop=True).compute(scheduler="synchronous")
    raw, gamma = formed["interferogram"], formed["coherence"]
    if not allow_fringes and (found := find_fringes(raw)) is not None:
        note(target, found)
        return key
    raw = raw if place.land is None else raw.where(place.land.values)
    shape = gamma if recipe.by_coherence else None
    filtered = interferogram.goldstein(raw, shape, alpha=recipe.alpha) if recipe.alpha else raw
    unwrapped = interferogram.unwrap_components(
        filtered,
        gamma,
        method=recipe.method,  # type: ignore[arg-type]  # its words are checked there
        looks=interferogram.effective_looks(recipe.looks_y, recipe.looks_x),
        tile=recipe.tile or None,
    )
    gamma = gamma.assign_attrs({ESTIMATED_FROM: "unfiltered"})
    wrapped = describe(xnp.arctan2(filtered.imag, filtered.real), "wrapped_phase", like=raw).where(filtered != 0)
    made = {"phase": unwrapped["phase"], "coherence": gamma.where(np.isfinite(raw)), "wrapped_phase": wrapped}
    made["component"] = unwrapped["component"]
    with replacing(target) as stage:
        stage.mkdir()
        for name, da in made.items():
            _write(_on_the_ground(da, place), stage / f"{key}_{LAYERS[name]}.tif", recipe)
        (stage / MADE).write_text(json.dumps(identity, indent=1, sort_keys=True), encoding="utf-8")
        flush_tree(stage)
    flush(target.parent)
    return key


def _whole_looks(images: xr.DataArray, recipe: Recipe) -> xr.DataArray:
    """Lazy images in blocks of whole looks, which bounds the memory that a pair takes."""
    if images.chunks is None:
        return images
    rows = max(ROW_BYTES // (8 * images.sizes[X]) // recipe.looks_y, 1) * recipe.looks_y
    return images.chunk({Y: rows, X: -1})


def find_place(images: xr.Dataset, masks: Sequence[pd.DataFrame], recipe: Recipe) -> Place:
    """Land, geocoding and masks on the multilooked pixels, in memory."""

    def looked(name: str, values: xr.DataArray) -> xr.DataArray:
        out = interferogram.multilook(_whole_looks(values, recipe), looks_y=recipe.looks_y, looks_x=recipe.looks_x)
        return out.compute().rename(name)

    land = looked("land", (images["land"] != 0).astype(np.float32)) >= 0.5 if "land" in images else None
    lookup = None
    if "latitude" in images:
        there = (images["latitude"] != 0) | (images["longitude"] != 0)
        latitude, longitude = (looked(name, images[name].where(there)) for name in ("latitude", "longitude"))
        lookup = grid.geocoding(latitude, longitude, pixel_m=recipe.pixel_m)
    if not masks:
        return Place(land, lookup)
    like = lookup
    if like is None:
        first = images["slc"].isel({TIME: 0}, drop=True)
        like = first.coarsen({Y: recipe.looks_y, X: recipe.looks_x}, boundary="trim").mean()  # lazy: for its pixels
    masked = [grid.rasterize(outlines, like, all_touched=True) for outlines in masks]
    return Place(land, lookup, xr.concat(masked, "mask").any("mask"))


def _on_the_ground(da: xr.DataArray, place: Place) -> xr.DataArray:
    """Geocoded if the images say how, and without what is masked."""
    out = da if place.lookup is None else grid.geocode(da, place.lookup)
    if place.masked is None:
        return out
    return out.where(~place.masked.values, np.nan if out.dtype.kind == "f" else 0).astype(out.dtype)


def _write(da: xr.DataArray, path: Path, recipe: Recipe) -> None:
    """One layer as a GeoTIFF; of radar geometry without a CRS."""
    da = da.transpose(Y, X)
    real = da.dtype.kind == "f"
    profile = {"height": da.sizes[Y], "width": da.sizes[X], "count": 1, "dtype": da.dtype.name}
    if da.rio.crs is not None:
        profile |= {"crs": da.rio.crs, "transform": da.rio.transform(recalc=True)}
    options = {"tiled": True, "compress": "deflate", "predictor": 3 if real else 2, "nodata": np.nan if real else 0}
    tags = {"WAVELENGTH_METRES": repr(recipe.wavelength)}
    tags |= {tag: str(da.attrs[name]) for tag, name in _TAGS.items() if name in da.attrs}
    with open_image(path, "w", driver="GTiff", **profile, **options) as dataset:
        dataset.write(da.values, 1)
        dataset.update_tags(**tags)
        dataset.units = (str(da.attrs.get("units", "")),)
