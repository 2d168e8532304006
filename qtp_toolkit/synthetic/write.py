"""Write the embedded scene to disk, in the formats of its real counterparts, once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from qtp_toolkit import __version__
from qtp_toolkit._atomic import refuse_small_disk, replacing
from qtp_toolkit._inputs import code_digest, is_stamped
from qtp_toolkit._progress import progress_bar
from qtp_toolkit.conventions import PAIR, QtpDataError, Y
from qtp_toolkit.synthetic import formats
from qtp_toolkit.synthetic.frame import SIZES
from qtp_toolkit.synthetic.interferograms import interferograms
from qtp_toolkit.synthetic.observe import observe
from qtp_toolkit.synthetic.truth import scene

SEED = 2022
STAMP = "scene.json"
THREADS = 2

_BYTES_PER_PIXEL = 4200
"""On disk, all files together, measured on the default scene and rounded up."""

SLAB_ROWS = 64
SLAB_BYTES = 1.5e9
"""Stacks larger than this are made and written by slabs of rows, as high as the strips of the files."""

_MAPS = {
    "permafrost": ("uint8", 0),
    "vegetation": ("uint8", 0),
    "ground_ice": ("float32", -9999),
    "magt": ("float32", -9999),
}
_TABLES = {
    "stations": "stations",
    "station_soil_temperature": "soil_temperature",
    "station_soil_moisture": "soil_moisture",
    "station_surface_temperature": "ground_surface_temperature",
}


def write_scene(
    folder: Path | str,
    *,
    size: str = "default",
    seed: int = SEED,
    without: tuple[str, ...] = (),
    progress: bool = True,
) -> Path:
    """Write a scene, observations and truth, in the formats of real data.

    Parameters
    ----------
    folder : path
        Made, or replaced if it holds an earlier scene; anything else in its place is refused. It appears under its name
        only when it is complete.
    size : {"tiny", "default", "90m"}
    seed : int
        Same seed, same bytes.
    without : tuple of str
        Causal rules to switch off, see :func:`qtp_toolkit.synthetic.scene`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pathlib.Path
        The folder: ``modis/``, ``ndvi/``, ``soil/``, ``dem/``, ``insar/``, ``era5/``, ``maps/``, ``vectors/``,
        ``stations/``, ``slc/`` and ``truth/``, as data_catalog.yaml names them.

    Raises
    ------
    QtpDataError
        For an unknown size or rule, a folder that holds something else, or a disk that is too small.
    """
    target = Path(folder).expanduser().resolve()
    if size not in SIZES:
        raise QtpDataError("unknown scene size", expected=sorted(SIZES), found=size, hint="Choose one of these.")
    fill = partial(_write, size=size, seed=seed, without=without)
    return write_stamped(target, _stamp(size, seed, without), fill, size=size, progress=progress)


def write_stamped(
    target: Path, stamp: dict[str, Any], fill: Callable[..., None], *, size: str, progress: bool, what: str = "scene"
) -> Path:
    """Write a folder of a scene whole or not at all, and what it was made of.

    Parameters
    ----------
    target : pathlib.Path
        Replaced if it holds an earlier scene; anything else in its place is refused.
    stamp : dict
        For :data:`STAMP`.
    fill : callable
        Makes the folder: takes its path and ``advance``, to be told percents.
    size : str
        Key of :data:`SIZES`.
    progress : bool
    what : str
        For the progress bar.
    """
    refuse_other_content(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _, height, width = SIZES[size]
    refuse_small_disk(target.parent, _BYTES_PER_PIXEL * height * width, hint="Or set QTP_DATA to a folder there.")
    try:
        with replacing(target) as stage:
            with progress_bar(f"writing the {size} {what}", total=100, progress=progress) as bar:
                fill(stage, advance=bar.advance)
            (stage / STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
    except OSError:
        if not is_stamped(target / STAMP, stamp):  # else another process was faster with the same scene
            raise
    return target


def refuse_other_content(target: Path) -> None:
    """Raise if a folder that is to be replaced holds anything but an earlier scene."""
    if target.exists() and any(target.iterdir()) and not (target / STAMP).exists():
        raise QtpDataError("Folder holds something else than a scene", path=target, hint="Name another folder.")


def ensure_scene(size: str = "default", *, progress: bool = True) -> Path:
    """Return the folder of the embedded scene, written on first use and again when the code that makes it has changed.

    Parameters
    ----------
    size : {"tiny", "default", "90m"}
    progress : bool
        Show a progress bar while writing.

    Returns
    -------
    pathlib.Path
        ``scene-<size>`` in ``$QTP_DATA`` if that is set, else in the user's cache folder.
    """
    folder = scenes_folder() / f"scene-{size}"
    if not scene_written(size):
        write_scene(folder, size=size, progress=progress)
    return folder


def scene_written(size: str = "default") -> bool:
    """Whether :func:`ensure_scene` finds the scene and need not write it."""
    return is_stamped(scenes_folder() / f"scene-{size}" / STAMP, _stamp(size, SEED, ()))


def scenes_folder() -> Path:
    """Where scenes are kept: ``$QTP_DATA``, else the user's cache folder."""
    if os.environ.get("QTP_DATA"):
        return Path(os.environ["QTP_DATA"]).expanduser().resolve()
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_cache_dir("qtp_toolkit"))


def _write(stage: Path, *, size: str, seed: int, without: tuple[str, ...], advance: Callable[[float], None]) -> None:
    truth = scene(size, seed=seed, without=without)
    advance(20)
    stack = interferograms(truth)
    with ThreadPoolExecutor(THREADS) as pool:
        rest = pool.submit(_write_rest, stage, truth, advance)
        write_stack(pool, stage / "insar", stack, lambda share: advance(50 * share))
        rest.result()


def write_stack(
    pool: Executor,
    folder: Path,
    stack: xr.Dataset,
    advance: Callable[[float], None],
    *,
    flight: formats.Flight = formats.DESCENDING,
) -> None:
    """Write a lazy stack as HyP3 products; ``advance`` is told the share of 1 that is done."""
    rows = SLAB_ROWS if stack.nbytes > SLAB_BYTES else stack.sizes[Y]
    for first in range(0, stack.sizes[Y], rows):
        part = stack.isel({Y: slice(first, first + rows)}).compute()
        write = partial(formats.hyp3, folder, part, like=stack, first_row=first, flight=flight)
        for _ in pool.map(lambda number, write=write: write(number=number), range(stack.sizes[PAIR])):
            advance(rows / stack.sizes[Y] / stack.sizes[PAIR])


def _write_rest(stage: Path, truth: xr.Dataset, advance: Callable[[float], None]) -> None:
    jobs = list(_jobs(stage, truth, observe(truth)))
    advance(15)
    for job in jobs:
        job()
        advance(15 / len(jobs))


def _jobs(folder: Path, truth: xr.Dataset, observed: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """Yield what writes the files, all but the interferograms."""
    yield partial(formats.modis_lst, folder / "modis", observed["modis_lst"])
    yield partial(formats.era5, folder / "era5" / "era5_pressure_levels.nc", observed["era5"])
    yield partial(write_truth, folder / "truth" / "truth.zarr", truth)
    yield partial(formats.ndvi, folder / "ndvi", observed["ndvi"])
    yield partial(formats.soilgrids, folder / "soil", observed["bulk_density"], short="bdod", scale=10.0)
    yield partial(formats.soilgrids, folder / "soil", observed["sand"], short="sand", scale=1e-3)
    yield partial(formats.layer, folder / "dem" / "srtm_dem.tif", observed["dem"], dtype="int16", nodata=-32768)
    yield partial(formats.hyp3_incidence, folder / "insar" / "incidence_map.tif", observed["incidence"])
    for name, (dtype, nodata) in _MAPS.items():
        yield partial(formats.layer, folder / "maps" / f"{name}.tif", observed[name], dtype=dtype, nodata=nodata)
    for name, collection in observed["vectors"].items():
        yield partial(formats.geojson, folder / "vectors" / f"{name}.geojson", collection)
    for name, file in _TABLES.items():
        yield partial(formats.table, folder / "stations" / f"{file}.csv", observed[name])
    yield partial(formats.netcdf, folder / "slc" / "slc_pair.nc", observed["slc_pair"])


def write_truth(path: Path, truth: xr.Dataset) -> None:
    """Write a truth as a Zarr folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = {str(name): {"write_empty_chunks": True} for name in truth.data_vars}
    truth.drop_encoding().to_zarr(path, zarr_format=3, consolidated=False, encoding=encoding)


def _stamp(size: str, seed: int, without: tuple[str, ...]) -> dict[str, Any]:
    """Return what a scene on disk was made of; another stamp means another scene."""
    return {"size": size, "seed": seed, "without": sorted(without)} | made_by()


def made_by() -> dict[str, str]:
    """Return what code a scene is made by: the part of its stamp that is not for the user to choose."""
    return {"version": __version__, "code": code_digest(Path(__file__).parent)}
