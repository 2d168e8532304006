"""LiCSAR: unwrapped interferograms in geographic coordinates, coherence as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from qtp_toolkit.load.insar.convention import interferograms


def licsar(phase: Sequence[Path], **options: object) -> xr.Dataset:
    """Open LiCSAR products: ``GEOC/<pair>/<pair>.geo.unw.tif`` beside ``.geo.cc.tif`` (0..255).

    Parameters
    ----------
    phase : sequence of path
        The ``.geo.unw.tif`` files.
    **options
        As for :func:`interferograms`.

    Returns
    -------
    xarray.Dataset
        As :func:`interferograms`.
    """
    beside = [path.with_name(path.name.replace(".geo.unw.tif", ".geo.cc.tif")) for path in map(Path, phase)]
    return interferograms(phase, coherence=[p for p in beside if p.is_file()], **options)
