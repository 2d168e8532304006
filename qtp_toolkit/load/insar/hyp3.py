"""HyP3 (GAMMA): one folder a pair with phase, coherence and a text file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.load.files.checks import as_paths
from qtp_toolkit.load.insar.convention import companion, interferograms

_BASELINE = re.compile(
    r"^\s*Baseline\s*:\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?![\d.,])", re.MULTILINE | re.IGNORECASE
)


def hyp3(phase: Sequence[Path], **options: Any) -> xr.Dataset:
    """Open HyP3 InSAR products: ``<name>/<name>_unw_phase.tif`` beside ``_corr.tif`` and ``<name>.txt``.

    Clipped files count as well: ``_unw_phase_clipped.tif`` beside ``_corr_clipped.tif``.

    Parameters
    ----------
    phase : sequence of path
        The ``_unw_phase`` files.
    **options
        As for :func:`interferograms`.

    Returns
    -------
    xarray.Dataset
        As :func:`interferograms`, with ``perpendicular_baseline`` from the text files where they say it.

    Examples
    --------
    >>> name = "S1AA_20180819T114512_20180831T114512_VVP012_INT80_G_ueF_ABCD"
    >>> phase = geotiff(f"{name}/{name}_unw_phase.tif", np.full((2, 3), 4.0, "float32"))
    >>> coherence = geotiff(f"{name}/{name}_corr.tif", np.full((2, 3), 0.8, "float32"))
    >>> list(load.hyp3([phase]))
    ['phase', 'coherence']
    """
    phase = as_paths(phase)
    beside = [companion(path, "_unw_phase", "_corr") for path in phase]
    found = [_baseline(path.with_name(path.name.partition("_unw_phase")[0] + ".txt")) for path in phase]
    known = None if np.isnan(found).all() else found
    return interferograms(phase, coherence=[p for p in beside if p.is_file()], baselines=known, **options)


def _baseline(path: Path) -> float:
    if not path.is_file():
        return float("nan")
    match = re.search(_BASELINE, path.read_text(encoding="utf-8", errors="replace"))
    return float(match[1]) if match else float("nan")
