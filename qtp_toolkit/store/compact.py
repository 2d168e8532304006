"""Integers of compact storage, and the decimated copy of a stack: what happens to values on their way into a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.store.kernels.size import STEP
from qtp_toolkit.store.layout import Stored

SCALES = {"phase": 1e-3, "coherence": 1 / 250}
"""Units of the integers of compact storage: rad, and parts of 1."""

ERRORS = {
    "float32": "none: values are stored as float32",
    "compact": "phase within 0.00051 rad; coherence within 0.002 (0.004 below 0.002, so that only 0 is stored as 0)",
}
"""By kind of storage, what it does to the values; kept in the attributes of a store."""

_LIMITS = {"phase": (-32.767, 32.767), "coherence": (0.0, 1.001)}
"""What integers hold of the phase, and what a coherence can be."""
_INTEGERS = {"phase": ("int16", -32768), "coherence": ("uint8", 255)}


class Summary(NamedTuple):
    """Means of tiles of 8 x 8 pixels over the finite ones (pair, y, x), NaN where there is none, and the limits.

    ``least`` and ``largest`` (pair,) pass over NaN and are 0 where no value lies beyond.
    """

    means: np.ndarray
    least: np.ndarray
    largest: np.ndarray


def lay_out_stack(key: str, storage: str, chunks: tuple[int, int, int]) -> Stored:
    """How ``phase`` or ``coherence`` lies on disk."""
    if storage == "float32":
        return Stored("float32", chunks, np.float32(np.nan))
    dtype, fill = _INTEGERS[key]
    return Stored(dtype, chunks, fill, SCALES[key])


def summarize(values: np.ndarray) -> Summary:
    """Look at every value once.

    Parameters
    ----------
    values : numpy.ndarray
        float32 (pair, y, x), contiguous, NaN where there is none.

    Returns
    -------
    Summary
        A mean depends on the pixels of its tile only, however the stack is cut.
    """
    from qtp_toolkit.store.kernels import tiles  # noqa: PLC0415  compiled on first use

    pairs, rows, columns = values.shape
    means = np.empty((pairs, -(-rows // STEP), -(-columns // STEP)), "float32")
    least, largest = np.empty((2, pairs), "float32")
    tiles.summarize(values, means, least, largest)
    return Summary(means, least, largest)


def refuse_beyond(seen: Summary, key: str, pairs: Sequence[str]) -> None:
    """Raise I12 or I04 if values leave the limits of ``key``, with the first of the pairs that do."""
    low, high = _LIMITS[key]
    beyond = np.flatnonzero((seen.largest > high) | (seen.least < low))
    if not beyond.size:
        return
    k = beyond[0]
    if key == "phase":
        what, code = "phase does not fit into compact storage", "I12"
        hint = "Is it in rad? Use storage='float32', or subtract a constant from each pair first."
    else:
        what, code, hint = "coherence leaves 0..1", "I04", "Stored as 0..255? Set its scale when loading."
    raise QtpDataError(
        what,
        variable=key,
        where=f"pair {pairs[k]}",
        code=code,
        hint=hint,
        expected=f"{low} to {high}{' rad' * (key == 'phase')}",
        found=f"{seen.least[k]:g} to {seen.largest[k]:g}",
    )


def encode(values: np.ndarray, key: str) -> np.ndarray:
    """Integers of compact storage, of values within their limits.

    Parameters
    ----------
    values : numpy.ndarray
        float32 (pair, y, x), rad or 0..1, NaN where there is none.
    key : {"phase", "coherence"}

    Returns
    -------
    numpy.ndarray
        int16 or uint8. A coherence above 0 never becomes 0, which would mean a missing pair.
    """
    from qtp_toolkit.store.kernels import tiles  # noqa: PLC0415  compiled on first use

    dtype, fill = _INTEGERS[key]
    out = np.empty(values.shape, dtype)
    tiles.to_integers(values, 1 / SCALES[key], fill, 1 if key == "coherence" else -np.inf, out)
    return out


def as_stored(values: np.ndarray, key: str, storage: str) -> np.ndarray:
    """Values as a store of some kind gives them back."""
    if storage == "float32":
        return values
    kept = encode(np.ascontiguousarray(values), key)
    out = np.multiply(kept, np.float32(SCALES[key]), dtype="float32")
    out[kept == _INTEGERS[key][1]] = np.nan
    return out
