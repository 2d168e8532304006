"""Integers of compact storage, and the decimated copy of a stack: what happens to values on their way into a store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.store.layout import Stored

STEP = 8
"""Pixels that a pixel of the quicklook is wide and high."""

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


def stored_as(key: str, storage: str, chunks: tuple[int, int, int]) -> Stored:
    """How ``phase`` or ``coherence`` lies on disk."""
    if storage == "float32":
        return Stored("float32", chunks, np.float32(np.nan))
    dtype, fill = _INTEGERS[key]
    return Stored(dtype, chunks, fill, SCALES[key])


def encode(values: np.ndarray, key: str, pairs: Sequence[str]) -> np.ndarray:
    """Integers of compact storage.

    Parameters
    ----------
    values : numpy.ndarray
        (pair, y, x), rad or 0..1, NaN where there is none.
    key : {"phase", "coherence"}
    pairs : sequence of str
        What an error calls them.

    Returns
    -------
    numpy.ndarray
        int16 or uint8. A coherence above 0 never becomes 0, which would mean a missing pair.

    Raises
    ------
    QtpDataError
        I12 or I04: a value beyond the range of the integers; nothing is clipped.
    """
    dtype, fill = _INTEGERS[key]
    out = np.empty(values.shape, dtype)
    for k, plane in enumerate(values):
        refuse_beyond(plane, key, pairs[k])
        counts = plane * np.float32(1 / SCALES[key])
        np.rint(counts, out=counts)
        if key == "coherence":
            np.maximum(counts, plane > 0, out=counts)
        np.copyto(counts, np.float32(fill), where=np.isnan(plane))
        out[k] = counts
    return out


def refuse_beyond(plane: np.ndarray, key: str, pair: str) -> None:
    """Raise I12 or I04 if a value leaves the limits of ``key``."""
    least, largest = (pick.reduce(plane, axis=None, initial=0.0) for pick in (np.fmin, np.fmax))  # pass over NaN
    if largest > _LIMITS[key][1] or least < _LIMITS[key][0]:
        raise _overflow(key, pair, float(least), float(largest))


def decimate(values: np.ndarray) -> np.ndarray:
    """Means of 8 x 8 pixels over the finite ones, NaN where there is none.

    Parameters
    ----------
    values : numpy.ndarray
        (pair, y, x); the tiles at the lower and right edge may be smaller.

    Returns
    -------
    numpy.ndarray
        (pair, y, x), float32. A mean depends on the pixels of its tile only, however the stack is cut.
    """
    pairs, rows, columns = values.shape
    height, width = (-(-size // STEP) for size in (rows, columns))
    if (rows, columns) != (height * STEP, width * STEP):
        whole = np.full((pairs, height * STEP, width * STEP), np.nan, "float32")
        whole[:, :rows, :columns] = values
        values = whole
    tiles = values.reshape(pairs, height, STEP, width, STEP)
    out = (_sums(tiles, 2) / STEP**2).astype("float32")
    holes = ~np.isfinite(out)
    if holes.any():
        odd = tiles.transpose(0, 1, 3, 2, 4)[holes]
        valid = np.isfinite(odd)
        count = valid.sum(axis=(1, 2))
        total = _sums(np.where(valid, odd, np.float32(0)), 1)
        out[holes] = total / np.where(count > 0, count, np.nan)
    return out


def _sums(tiles: np.ndarray, rows: int) -> np.ndarray:
    """Sum over the rows of tiles in float32, then over their columns (the last dim) in float64."""
    with np.errstate(invalid="ignore", over="ignore"):
        return tiles.sum(axis=rows, dtype="float32").sum(axis=-1, dtype="float64")


def _overflow(key: str, pair: str, least: float, largest: float) -> QtpDataError:
    low, high = _LIMITS[key]
    if key == "phase":
        what, code = "phase does not fit into compact storage", "I12"
        hint = "Is it in rad? Use storage='float32', or subtract a constant from each pair first."
    else:
        what, code, hint = "coherence leaves 0..1", "I04", "Stored as 0..255? Set its scale when loading."
    return QtpDataError(
        what, variable=key, where=f"pair {pair}", code=code, hint=hint,
        expected=f"{low} to {high}{' rad' * (key == 'phase')}", found=f"{least:g} to {largest:g}",
    )  # fmt: skip
