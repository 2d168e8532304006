"""From coregistered complex images to unwrapped interferograms on disk, pair by pair: ``qtp interferograms``.

::

    <folder>/20180106_20180118/20180106_20180118_unw_phase.tif   unwrapped phase, rad
                               20180106_20180118_corr.tif        coherence before the filter
                               20180106_20180118_wrapped_phase.tif   filtered
                               20180106_20180118_conncomp.tif    within a component cycles agree; 0 is not relied on
                               made.json                         what the pair was made of
    <folder>/data_catalog.yaml                                   a catalog that opens them

A pair's folder gets its name when all of it is on the disk: a run can be killed at any moment, and the same call goes
on with the pairs that are left. New dates add pairs, and leave the others as they are.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import dask
import numpy as np
import pandas as pd
import xarray as xr
import yaml
from dask.base import tokenize
from dask.system import CPU_COUNT

from qtp_toolkit import grid, interferogram, network
from qtp_toolkit._atomic import PARTIAL, flush, flush_tree, put_file, replacing
from qtp_toolkit._inputs import input_files
from qtp_toolkit._pairs import pair_dates
from qtp_toolkit.conventions import (
    PAIR,
    SENTINEL1_WAVELENGTH,
    TIME,
    QtpDataError,
    X,
    Y,
    describe,
    require,
    xnp,
)
from qtp_toolkit.store.fingerprint import differences
from qtp_toolkit.store.lock import locked
from qtp_toolkit.store.work import run_tasks

MADE = "made.json"
LAYERS = {"phase": "unw_phase", "coherence": "corr", "wrapped_phase": "wrapped_phase", "component": "conncomp"}
"""Endings of the files, by variable."""

_MOST_CYCLES = 20.0
"""Fringes of a plane across an image that neither ground nor air make: orbit and topography are still in it."""
_MOST_TURN = 1.0
"""The same of the step from pixel to pixel, rad."""
_AGREE = 0.3
"""Share of the power in which neighbors agree on the step; noise has a step too, and none of this."""
_ROW_BYTES = 32_000_000
_COPIES = 12
"""A multilooked pixel is held about so many times, as complex128, while its pair is made."""


class Recipe(NamedTuple):
    """How pairs are made; what they are known by beside their images."""

    looks_y: int = 6
    looks_x: int = 20
    alpha: float = 0.5
    by_coherence: bool = False
    method: str = "whirlwind"
    downsample: int = 1
    pixel_m: float = 90.0
    wavelength: float = SENTINEL1_WAVELENGTH


class Place(NamedTuple):
    """Where the pixels of all pairs lie, in memory: those on land, their way to the ground, what is masked there."""

    land: xr.DataArray | None = None
    lookup: xr.DataArray | None = None
    masked: xr.DataArray | None = None


def write_interferograms(
    images: xr.Dataset,
    folder: str | os.PathLike,
    *,
    windows: Sequence[tuple[float, float]] = network.PAPER_WINDOWS,
    pairs: xr.Dataset | None = None,
    masks: Sequence[pd.DataFrame] = (),
    restart: bool = False,
    progress: bool = False,
    memory_budget: float = 2e9,
    **recipe: Any,
) -> Path:
    """Form, filter and unwrap the interferograms of a network; what was interrupted is resumed by the same call.

    Each pair: ``reference * conj(secondary)``, complex looks and coherence of them, the filter of Goldstein and Werner,
    unwrapping without water, geocoding if the images are in radar geometry and say where their pixels lie, masks.

    Parameters
    ----------
    images : xarray.Dataset
        From ``load.slc_stack``: ``slc`` (time, y, x), flattened; perhaps ``land``, ``latitude`` and ``longitude``.
    folder : path
        Made if need be; a shared and absolute one where workers run on other machines.
    windows : sequence of (float, float)
        Temporal baselines in days, as of ``network.select_pairs``.
    pairs : xarray.Dataset, optional
        The network itself, in place of ``windows``.
    masks : sequence of pandas.DataFrame
        Outlines, as of lakes and glaciers, inside of which there is no phase. Needs pixels on the ground.
    restart : bool
        Make those pairs anew that are there already but were made in another way, or of other files.
    progress : bool
        Show a progress bar on stderr.
    memory_budget : float
        Bytes; as many pairs are under way at once as fit, one for each processor at most. On a cluster each thread of a
        worker makes one.
    **recipe
        ``looks_y``, ``looks_x``: pixels that are averaged (6 and 20). ``alpha``: strength of the filter, 0 for none
        (0.5); ``by_coherence``: times one minus the coherence of a patch. ``method`` and ``downsample`` of
        ``interferogram.unwrap``. ``pixel_m``: side of a geocoded pixel (90). ``wavelength``: m, written to the files.

    Returns
    -------
    pathlib.Path
        The catalog of what was made, or the folder, if pixels do not lie on the ground: such pairs no catalog opens.

    Raises
    ------
    QtpDataError
        R08: pairs that were made in another way or of other files; R03: another process writes here; an image that
        is not flattened (orbit or topography still make its fringes); as ``interferogram.form_stack`` and ``unwrap``.

    Notes
    -----
    Images are known by size and time of their files, the recipe by its values; images in memory by their numbers. Pairs
    in the folder that are not asked for stay there, and the catalog opens them too.

    Examples
    --------
    >>> from qtp_toolkit import slc_pairs
    >>> image = np.ones((12, 40), "complex64")
    >>> paths = [geotiff(f"slc_{day}.tif", image) for day in ("20180106", "20180118")]
    >>> images = load.slc_stack({"slc": paths})
    >>> made = slc_pairs.write_interferograms(images, folder / "pairs", looks_x=4, looks_y=3, method="least_squares")
    >>> sorted(path.name for path in made.parent.glob("2018*/*.tif"))[1]
    '20180106_20180118_corr...'
    """
    require(images["slc"], dims=(TIME, Y, X), name="slc")
    asked, folder = Recipe(**recipe), Path(folder).expanduser().resolve()
    pairs = network.select_pairs(images[TIME], windows=windows) if pairs is None else pairs
    place = _place(images, masks, asked)
    keys, parts = _parts(images["slc"], pairs)
    identities = {key: _identity(images, part, asked, place) for key, part in parts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "interferograms.lock"):
        _sweep(folder)
        _refuse_others(folder, identities, restart=restart)

        def make(key: str) -> tuple[Any, tuple]:
            # Within a partial, since dask would compute whole images that it finds among the arguments.
            return partial(make_pair, folder / key, parts[key], asked, place, identities[key]), ()

        pixels = images.sizes[Y] * images.sizes[X] / (asked.looks_y * asked.looks_x)
        one = pixels * 16 * _COPIES + 8 * _ROW_BYTES
        run_tasks(
            make,
            keys,
            name="interferograms",
            at_once=int(min(max(memory_budget // one, 1), CPU_COUNT)),
            progress=progress,
            busy=[],
            is_done=lambda key: _made_of(folder / key) == identities[key],
        )
        _sweep(folder)  # a task that ran twice may have left half a pair
        return _catalog(folder, images, asked, mapped=place.lookup is not None)


def make_pair(target: Path, part: xr.Dataset, recipe: Recipe, place: Place, identity: dict[str, Any]) -> str:
    """Make one pair and write it: the task that workers run. Twice gives the same files."""
    key, looks = target.name, {"looks_y": recipe.looks_y, "looks_x": recipe.looks_x}
    stack = interferogram.form_stack(_whole_looks(part["slc"], recipe), part, **looks)
    with dask.config.set(scheduler="synchronous"):  # the pairs are what runs side by side
        formed = stack.isel({PAIR: 0}, drop=True).compute()
    raw, gamma = formed["interferogram"], formed["coherence"]
    _refuse_fringes(raw, key)
    raw = raw if place.land is None else raw.where(place.land.values)
    shape = gamma if recipe.by_coherence else None
    filtered = interferogram.goldstein(raw, shape, alpha=recipe.alpha) if recipe.alpha else raw
    unwrapped = interferogram.unwrap_components(
        filtered,
        gamma,
        method=recipe.method,  # type: ignore[arg-type]  # its words are checked there
        looks=interferogram.effective_looks(recipe.looks_y, recipe.looks_x),
        downsample=recipe.downsample,
    )
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


def _whole_looks(slc: xr.DataArray, recipe: Recipe) -> xr.DataArray:
    """Lazy images in blocks of whole looks, which bounds the memory that a pair takes."""
    if slc.chunks is None:
        return slc
    rows = max(_ROW_BYTES // (8 * slc.sizes[X]) // recipe.looks_y, 1) * recipe.looks_y
    return slc.chunk({Y: rows, X: -1})


def _parts(slc: xr.DataArray, pairs: xr.Dataset) -> tuple[list[str], dict[str, xr.Dataset]]:
    """Names of the pairs, and the two images of each."""
    days = slc[TIME].values.astype("datetime64[D]")
    parts = {}
    bare = pairs.drop_vars(list(pairs.data_vars))
    for k, (first, second) in enumerate(zip(*pair_dates(pairs), strict=True)):
        ends = [np.datetime64(date, "D") for date in (first, second)]
        here = _ends(days, ends)
        name = "_".join(str(day).replace("-", "") for day in ends)
        parts[name] = bare.isel({PAIR: [k]}).assign(slc=slc.isel({TIME: here}))
    return list(parts), parts


def _ends(days: np.ndarray, ends: Sequence[np.datetime64]) -> slice:
    """Both dates as one slice: of a list of places dask would keep the files of all dates."""
    at = [int(np.flatnonzero(days == day)[0]) for day in ends if day in days]
    if len(at) != 2:
        raise QtpDataError(
            "a date of the pairs has no image",
            found=" ".join(map(str, ends)),
            hint="Give the images of these dates, or drop their pairs.",
            code="I03",
        )
    return slice(min(at), max(at) + 1, max(at) - min(at))


def _identity(images: xr.Dataset, part: xr.Dataset, recipe: Recipe, place: Place) -> dict[str, Any]:
    """Return what a pair depends on, as plain JSON."""
    from qtp_toolkit import __version__  # noqa: PLC0415  (the package imports this module's rooms)

    files = input_files(part, needed=True) | input_files(images.drop_vars("slc"))
    values = "" if files else tokenize(part["slc"])
    masked = "" if place.masked is None else tokenize(place.masked.values)
    parameters = json.loads(json.dumps({**recipe._asdict(), "masked": masked}))
    return {"version": __version__, "files": files, "parameters": parameters, "graph": values}


def _place(images: xr.Dataset, masks: Sequence[pd.DataFrame], recipe: Recipe) -> Place:
    """Land, geocoding and masks on the multilooked pixels, in memory."""

    def looked(name: str, values: xr.DataArray) -> xr.DataArray:
        out = interferogram.multilook(values, looks_y=recipe.looks_y, looks_x=recipe.looks_x)
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


def _refuse_fringes(raw: xr.DataArray, key: str) -> None:
    """Refuse a plane of fringes that is orbit or topography, for coherence and looks suffer from it."""
    values = np.nan_to_num(raw.transpose(Y, X).values)
    power = float(np.sum(abs(values) ** 2))
    for dim, image in ((Y, values), (X, values.T)):
        step = np.vdot(image[:-1], image[1:])
        turn = abs(float(np.angle(step)))
        cycles = turn * len(image) / (2 * np.pi)
        if abs(step) > _AGREE * power and (cycles > _MOST_CYCLES or turn > _MOST_TURN):
            raise QtpDataError(
                "the images are not flattened: a plane of fringes runs across the interferogram",
                where=key,
                expected=f"at most {_MOST_CYCLES:g} cycles along {dim}, and {_MOST_TURN:g} rad a pixel",
                found=f"{cycles:.1f} cycles, {turn:.2f} rad",
                hint="Give the phase of orbit and topography of each date as role flat, or flattened images.",
                code="I32",
            )


def _refuse_others(folder: Path, identities: dict[str, dict[str, Any]], *, restart: bool) -> None:
    """Refuse pairs that are there, but were made in another way; ``restart`` has them made anew."""
    others = [key for key in identities if (folder / key).is_dir() and _made_of(folder / key) != identities[key]]
    if others and not restart:
        was = _made_of(folder / others[0])
        raise QtpDataError(
            f"{len(others)} of {len(identities)} pairs were made of something else",
            path=folder / others[0],
            expected="the same files, recipe and version",
            found=differences(was, identities[others[0]]) if was else f"no {MADE}",
            hint="Take another folder, or pass restart=True to make them anew.",
            code="R08",
        )


def _made_of(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads((path / MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _sweep(folder: Path) -> None:
    """Remove what a killed process, or a worker that died, was just writing."""
    for half in folder.glob(f".*{PARTIAL}"):
        shutil.rmtree(half, ignore_errors=True) if half.is_dir() else half.unlink()


def _write(da: xr.DataArray, path: Path, recipe: Recipe) -> None:
    """One layer as a GeoTIFF; of radar geometry without a CRS."""
    import rasterio  # noqa: PLC0415  slow to import
    from rasterio.errors import NotGeoreferencedWarning  # noqa: PLC0415

    da = da.transpose(Y, X)
    real = da.dtype.kind == "f"
    profile = {"height": da.sizes[Y], "width": da.sizes[X], "count": 1, "dtype": da.dtype.name}
    if da.rio.crs is not None:
        profile |= {"crs": da.rio.crs, "transform": da.rio.transform(recalc=True)}
    options = {"tiled": True, "compress": "deflate", "predictor": 3 if real else 2, "nodata": np.nan if real else 0}
    tags = {"WAVELENGTH_METRES": repr(recipe.wavelength)}
    tags |= {name: str(da.attrs[name]) for name in ("provenance_note", "coherence_of_noise") if name in da.attrs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", **profile, **options) as dataset:
            dataset.write(da.values, 1)
            dataset.update_tags(**tags)
            dataset.units = (str(da.attrs.get("units", "")),)


def _catalog(folder: Path, images: xr.Dataset, recipe: Recipe, *, mapped: bool) -> Path:
    """Write the catalog that opens the pairs, if they lie on the ground."""
    if not mapped and images["slc"].rio.crs is None:
        return folder
    source = {
        "description": f"Interferograms of {recipe.looks_y} x {recipe.looks_x} looks, unwrapped by {recipe.method}",
        "kind": "ifg_stack",
        "driver": "geotiff_stack",
        "uri": {name: f"*_*/*_{LAYERS[name]}.tif" for name in ("phase", "coherence")},
        "parameters": {"nodata": None},
        "provenance": "synthetic" if "provenance_note" in images["slc"].attrs else "derived",
    }
    whole = {
        "catalog_version": 1,
        "title": "Interferograms",
        "roots": ["."],
        "settings": {"wavelength": recipe.wavelength},
        "sources": {"interferograms": source},
    }
    put_file(folder / "data_catalog.yaml", yaml.safe_dump(whole, sort_keys=False).encode())
    return folder / "data_catalog.yaml"
