"""Write the scene beyond to disk: two stacks as HyP3 delivers them, their incidence maps, and the truth."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._inputs import is_stamped
from qtp_toolkit.conventions import QtpDataError, describe
from qtp_toolkit.synthetic import formats
from qtp_toolkit.synthetic.beyond import BEYOND_SIZES, beyond_scene
from qtp_toolkit.synthetic.frame import EPSG, NOTED, Frame
from qtp_toolkit.synthetic.tracks import TRACKS, Track, incidence_of, track_stack
from qtp_toolkit.synthetic.truth import frame_of
from qtp_toolkit.synthetic.write import (
    SEED,
    STAMP,
    THREADS,
    made_by,
    scenes_folder,
    write_stack,
    write_stamped,
    write_truth,
)


def write_beyond(
    folder: Path | str,
    *,
    size: str = "default",
    seed: int = SEED,
    bias: float = 0.0,
    draw: int = 0,
    progress: bool = True,
) -> Path:
    """Write the scene beyond, two radar tracks and the truth, in the formats of real data.

    Parameters
    ----------
    folder : path
        Made, or replaced if it holds an earlier scene; anything else in its place is refused. It appears under its name
        only when it is complete.
    size : {"tiny", "default"}
    seed : int
        Same seed, same bytes.
    bias : float
        Mean phase bias of 12 days, rad, as :func:`track_stack` has it.
    draw : int
        Number of another draw of ramps, air and noise, as :func:`track_stack` has it.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pathlib.Path
        The folder: ``insar/`` (descending) and ``insar_ascending/``, each with ``incidence_map.tif``, and the look
        vector in its first product; ``truth/truth_beyond.zarr``. All else is the main scene's.

    Raises
    ------
    QtpDataError
        For an unknown size, a folder that holds something else, or a disk that is too small.
    """
    target = Path(folder).expanduser().resolve()
    if size not in BEYOND_SIZES:
        raise QtpDataError(
            "the scene beyond has no such size", expected=BEYOND_SIZES, found=size, hint="Choose one of these."
        )
    fill = partial(_write, size=size, seed=seed, bias=bias, draw=draw)
    stamp = _stamp(size, seed, bias, draw)
    return write_stamped(target, stamp, fill, size=size, progress=progress, what="scene beyond")


def ensure_beyond(size: str = "default", *, progress: bool = True) -> Path:
    """Return the folder of the scene beyond, written on first use and again when the code that makes it has changed.

    Parameters
    ----------
    size : {"tiny", "default", "90m"}
        There is none of 90 m: the default one takes its place.
    progress : bool
        Show a progress bar while writing.

    Returns
    -------
    pathlib.Path
        ``beyond-<size>`` in ``$QTP_DATA`` if that is set, else in the user's cache folder.
    """
    size = "default" if size == "90m" else size
    folder = scenes_folder() / f"beyond-{size}"
    if not beyond_written(size):
        write_beyond(folder, size=size, progress=progress)
    return folder


def beyond_written(size: str = "default") -> bool:
    """Whether :func:`ensure_beyond` finds the scene and need not write it."""
    size = "default" if size == "90m" else size
    return is_stamped(scenes_folder() / f"beyond-{size}" / STAMP, _stamp(size))


def _stamp(size: str, seed: int = SEED, bias: float = 0.0, draw: int = 0) -> dict[str, Any]:
    return {"scene": "beyond", "size": size, "seed": seed, "bias": bias, "draw": draw} | made_by()


def _write(stage: Path, *, size: str, seed: int, bias: float, draw: int, advance: Callable[[float], None]) -> None:
    truth = beyond_scene(size, seed=seed)
    advance(10)
    with ThreadPoolExecutor(THREADS) as pool:
        rest = pool.submit(write_truth, stage / "truth" / "truth_beyond.zarr", truth)
        for track in TRACKS.values():
            stack = track_stack(truth, track.name, bias=bias, draw=draw)
            folder = stage / track.folder
            write_stack(pool, folder, stack, lambda share: advance(45 * share), flight=track.flight)
            _write_geometry(folder, frame_of(truth), track)
        rest.result()


def _write_geometry(folder: Path, frame: Frame, track: Track) -> None:
    """Incidence of the track, and its look vector in the first product."""
    angle = xr.DataArray(incidence_of(frame, track).astype(np.float32), {"y": frame.y, "x": frame.x}, ("y", "x"))
    angle = describe(angle, "incidence", **NOTED).rio.write_crs(EPSG)
    formats.hyp3_incidence(folder / "incidence_map.tif", angle)
    first = min(path for path in folder.iterdir() if path.is_dir())
    formats.hyp3_look(first, angle, heading=track.flight.heading)
