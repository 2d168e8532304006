"""LiCSAR: unwrapped interferograms in geographic coordinates, coherence as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from qtp_toolkit.load.files.checks import as_paths
from qtp_toolkit.load.insar.convention import companion, interferograms


def licsar(phase: Sequence[Path], **options: Any) -> xr.Dataset:
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

    Examples
    --------
    >>> pair = "GEOC/20180819_20180831/20180819_20180831"
    >>> phase = geotiff(f"{pair}.geo.unw.tif", np.full((2, 3), 4.0, "float32"))
    >>> coherence = geotiff(f"{pair}.geo.cc.tif", np.full((2, 3), 51, "uint8"))
    >>> round(float(load.licsar([phase])["coherence"].mean()), 3)
    0.2
    """
    phase = as_paths(phase)
    beside = [companion(path, ".geo.unw", ".geo.cc") for path in phase]
    return interferograms(phase, coherence=[p for p in beside if p.is_file()], **options)
