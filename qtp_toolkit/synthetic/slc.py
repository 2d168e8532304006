"""A small pair of single-look complex images with known fringes."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, VARIABLES
from qtp_toolkit.synthetic.frame import NOTED, generator

LINES = SAMPLES = 512


def slc_pair(seed: int) -> xr.Dataset:
    """Two coregistered images of the earlier and the later date.

    The ground between them has sunk in a bowl of 40 mm, with a ramp; coherence falls toward one corner.
    ``reference * conj(secondary)`` carries the phase ``-(4 pi / wavelength) * displacement``.

    Returns
    -------
    xarray.Dataset
        ``reference_real``, ``reference_imag``, ``secondary_real``, ``secondary_imag`` float32, and the truth ``phase``
        (rad, unwrapped) and ``coherence``, all (y, x) in lines and samples.
    """
    rng = generator(seed, "slc")
    line, sample = np.meshgrid(np.linspace(-1, 1, LINES), np.linspace(-1, 1, SAMPLES), indexing="ij")
    bowl = -40.0 * np.exp(-(np.square((line + 0.15) / 0.42) + np.square((sample - 0.1) / 0.5)))
    phase = -4e-3 * np.pi / SENTINEL1_WAVELENGTH * bowl + 6.0 * sample - 4.0 * line
    coherence = np.clip(0.88 - 0.30 * (line + sample).clip(0.0), 0.15, 0.95)
    speckle = rng.standard_normal((4, LINES, SAMPLES)) / np.sqrt(2.0)
    first, other = speckle[0] + 1j * speckle[1], speckle[2] + 1j * speckle[3]
    second = (coherence * first + np.sqrt(1.0 - coherence**2) * other) * np.exp(-1j * phase)
    brightness = 1.0 + 0.5 * np.square(np.sin(3 * line) * np.cos(2 * sample))
    arrays = {
        "reference_real": brightness * first.real,
        "reference_imag": brightness * first.imag,
        "secondary_real": brightness * second.real,
        "secondary_imag": brightness * second.imag,
        "phase": phase,
        "coherence": coherence,
    }
    coords = {"y": np.arange(LINES, dtype=float), "x": np.arange(SAMPLES, dtype=float)}
    ds = xr.Dataset({name: (("y", "x"), values.astype(np.float32)) for name, values in arrays.items()}, coords)
    for name in ds.data_vars:
        ds[name].attrs["units"] = VARIABLES[name].units if name in VARIABLES else "1"
    return ds.assign_attrs(**NOTED, wavelength=SENTINEL1_WAVELENGTH)
