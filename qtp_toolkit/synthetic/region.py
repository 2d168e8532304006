"""A small region as its producers deliver it: the crop of the embedded scene that notebook 12 walks."""

from __future__ import annotations

import json
from pathlib import Path

import xarray as xr

from qtp_toolkit._atomic import replacing
from qtp_toolkit.conventions import PAIR
from qtp_toolkit.synthetic import formats
from qtp_toolkit.synthetic.frame import Frame
from qtp_toolkit.synthetic.geographic import LonLatGrid, describe_on, lonlat_grid, to_lonlat
from qtp_toolkit.synthetic.interferograms import interferograms
from qtp_toolkit.synthetic.observe import incidence_map, modis_lst, surroundings
from qtp_toolkit.synthetic.truth import frame_of, scene
from qtp_toolkit.synthetic.write import SEED, STAMP, refuse_other_content

WINDOW = (slice(240, 280), slice(109, 169))
"""Rows and columns of the default scene: the Tuotuohe valley with its lakes, and bedrock north of it."""


def write_region(
    folder: Path | str, *, window: tuple[slice, slice] = WINDOW, pairs: slice = slice(None), seed: int = SEED
) -> xr.Dataset:
    """Write a crop of the default scene as LiCSAR, as HyP3 and as AppEEARS deliver such a region.

    Parameters
    ----------
    folder : path
        Made, or replaced if it holds an earlier scene; anything else in its place is refused. It appears under its name
        only when it is complete.
    window : (slice, slice)
        Rows and columns of the scene, pixels of 1 km.
    pairs : slice
        Interferograms of the scene's network, in order of their first dates.
    seed : int
        Same seed, same bytes.

    Returns
    -------
    xarray.Dataset
        The truth of the crop, as of :func:`scene`: EPSG:32646, in memory. It is not among the files.

    Raises
    ------
    QtpDataError
        A window outside the scene, or a folder that holds something else.

    Notes
    -----
    ``GEOC/<dates>/<dates>.geo.unw.tif`` and ``.geo.cc.tif``, with ``GEOC/metadata/*.geo.E.tif``, N and U, in degrees
    of longitude and latitude, 0 outside the crop; ``hyp3/S1AA_.../*_unw_phase.tif``, ``_corr.tif`` and ``.txt`` in UTM,
    with the look vector in the first product; ``modis/M?D11A2.061_1km_aid0001.nc``. The first two show the same ground
    with the same noise: the nearest pixel is taken, as in their own geocoding.

    Examples
    --------
    >>> truth = write_region(folder / "region", window=(slice(240, 244), slice(109, 115)), pairs=slice(0, 2))
    >>> sorted(path.name for path in (folder / "region").iterdir()), truth.sizes["x"]
    (['GEOC', 'hyp3', 'modis', 'scene.json'], 6)
    """
    target = Path(folder).expanduser().resolve()
    refuse_other_content(target)
    truth = scene("default", seed=seed, window=window)
    frame = frame_of(truth)
    stack, look = interferograms(truth).isel({PAIR: pairs}).compute(), incidence_map(frame)
    with replacing(target) as stage:
        formats.modis_lst(stage / "modis", modis_lst(frame, *surroundings(frame)))
        _write_licsar(stage / "GEOC", frame, stack, look)
        products = [formats.hyp3(stage / "hyp3", stack, number=n, like=stack) for n in range(stack.sizes[PAIR])]
        formats.hyp3_look(products[0], look)
        stamp = {"window": [[part.start, part.stop] for part in window], "pairs": stack.sizes[PAIR], "seed": seed}
        (stage / STAMP).write_text(json.dumps(stamp) + "\n", encoding="utf-8")
    return truth


def _write_licsar(folder: Path, frame: Frame, stack: xr.Dataset, look: xr.DataArray) -> None:
    grid = lonlat_grid(frame, frame.pixel)
    ends = {end: (PAIR, stack[end].values) for end in ("reference", "secondary")}
    layers = {name: _geocoded(stack[name], frame, grid, PAIR, coords=ends) for name in ("phase", "coherence")}
    geocoded = xr.Dataset(layers)
    for number in range(stack.sizes[PAIR]):
        formats.licsar(folder, geocoded, number=number)
    formats.licsar_look(folder / "metadata", _geocoded(look, frame, grid))


def _geocoded(da: xr.DataArray, frame: Frame, grid: LonLatGrid, *lead: str, coords: dict | None = None) -> xr.DataArray:
    values = to_lonlat(da.values, frame, grid, resampling="nearest")
    return describe_on(grid, values, str(da.name), *lead, coords=coords)
