"""All pairs of a network: of what each is made, which are left, and who makes them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from dask.base import tokenize
from dask.system import CPU_COUNT

from qtp_toolkit import network
from qtp_toolkit._inputs import input_files, state
from qtp_toolkit._pairs import pair_dates
from qtp_toolkit.conventions import PAIR, TIME, QtpDataError, X, Y, require
from qtp_toolkit.load.files.vrt import sources_of
from qtp_toolkit.slc_pairs import _fringes
from qtp_toolkit.slc_pairs._folder import made_of, refuse_others, sweep, write_catalog
from qtp_toolkit.slc_pairs._pair import ROW_BYTES, Recipe, find_place, make_pair
from qtp_toolkit.store.lock import locked
from qtp_toolkit.store.work import run_tasks

_COPIES = 12
"""A multilooked pixel is held about so many times, as complex128, while its pair is made."""


def write_interferograms(
    images: xr.Dataset,
    folder: str | os.PathLike,
    *,
    windows: Sequence[tuple[float, float]] = network.PAPER_WINDOWS,
    pairs: xr.Dataset | None = None,
    masks: Sequence[pd.DataFrame] = (),
    allow_fringes: bool = False,
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
    allow_fringes : bool
        Make pairs with a plane of fringes across the image too, for gradients that are real.
    restart : bool
        Make those pairs anew that are there already but were made in another way, or of other files.
    progress : bool
        Show a progress bar on stderr.
    memory_budget : float
        Bytes; as many pairs are under way at once as fit, one for each processor at most. On a cluster each thread of a
        worker makes one.
    **recipe
        ``looks_y``, ``looks_x``: pixels that are averaged (6 and 20). ``alpha``: strength of the filter, 0 for none
        (0.5); ``by_coherence``: times one minus the coherence of a patch. ``method`` of
        ``interferogram.unwrap``; ``tile``: pixels along the side of what is unwrapped in one piece (2000), 0 for all.
        ``pixel_m``: side of a geocoded pixel (90). ``wavelength``: m, written to the files.

    Returns
    -------
    pathlib.Path
        The catalog of the pairs of this network, or the folder, if pixels do not lie on the ground: such pairs no
        catalog opens.

    Raises
    ------
    QtpDataError
        R08: pairs in the folder, of this network or not, that were made in another way, or of other files or pixels;
        R03: another process writes here; I32: images that are not flattened (orbit or topography still make their
        fringes), when all other pairs are made; as ``interferogram.form_stack`` and ``unwrap``.

    Notes
    -----
    Images are known by size and time of their files (coord ``file``, and what a VRT points at), dataset, size and place
    of their pixels, whatever else was done to them since; without files by their numbers. Pairs in the folder that are
    not asked for stay there, and the catalog does not open them.

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
    place = find_place(images, masks, asked)
    keys, parts = _parts(images["slc"], pairs)
    # Maps by their numbers: they are in memory, and the same for all pairs.
    maps = {name: "" if da is None else tokenize(da.values) for name, da in place._asdict().items()}
    parameters = json.loads(json.dumps(asked._asdict() | maps | _pixels(images["slc"])))
    identities = {key: _identity(part, parameters) for key, part in parts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "interferograms.lock"):
        sweep(folder)
        refuse_others(folder, identities, restart=restart)

        def make(key: str) -> tuple[Any, tuple]:
            # Within a partial, since dask would compute whole images that it finds among the arguments.
            how = {"allow_fringes": allow_fringes}
            return partial(make_pair, folder / key, parts[key], asked, place, identities[key], **how), ()

        pixels = images.sizes[Y] * images.sizes[X] / (asked.looks_y * asked.looks_x)
        one = pixels * 16 * _COPIES + 8 * ROW_BYTES
        run_tasks(
            make,
            keys,
            name="interferograms",
            at_once=int(min(max(memory_budget // one, 1), CPU_COUNT)),
            progress=progress,
            busy=[],
            is_done=lambda key: made_of(folder / key) == identities[key] or _fringes.noted(folder / key) is not None,
        )
        bad = {key: found for key in keys if (found := _fringes.noted(folder / key)) is not None}
        sweep(folder)  # a task that ran twice may have left half a pair
        made = [key for key in keys if key not in bad]
        out = folder
        if made and (place.lookup is not None or images["slc"].rio.crs is not None):
            provenance = "synthetic" if "provenance_note" in images["slc"].attrs else "derived"
            out = write_catalog(folder, made, asked, provenance=provenance)
    _fringes.refuse(bad, total=len(keys))
    return out


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
    """Both dates as one slice, which dask takes without a copy."""
    at = [int(np.flatnonzero(days == day)[0]) for day in ends if day in days]
    if len(at) != 2:
        raise QtpDataError(
            "a date of the pairs has no image",
            found=" ".join(map(str, ends)),
            hint="Give the images of these dates, or drop their pairs.",
            code="I03",
        )
    return slice(min(at), max(at) + 1, max(at) - min(at))


def _pixels(slc: xr.DataArray) -> dict[str, Any]:
    """Dataset, size and ends of the axes of the images: what may be chosen of the same files."""
    ends = {dim: slc[dim].values[[0, -1]].tolist() for dim in (Y, X) if dim in slc.coords}
    return {"layer": slc.attrs.get("layer", ""), "size": [slc.sizes[Y], slc.sizes[X]], "ends": ends}


def _identity(part: xr.Dataset, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what a pair depends on, as plain JSON."""
    from qtp_toolkit import __version__  # noqa: PLC0415  (the package imports this module's rooms)

    slc = part["slc"]
    named = [name for name in ("file", "flat_file") if name in slc.coords]
    own = [path for name in named for path in slc.coords[name].values.tolist()]
    files = {str(path): state(path) for one in own for path in (one, *sources_of(Path(one)))} or input_files(part)
    return {
        "version": __version__,
        "files": files,
        "parameters": parameters,
        "graph": "" if files else tokenize(slc),
    }
