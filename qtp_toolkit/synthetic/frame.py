"""The scene's coordinate frame and the smooth random fields that live on it.

Every field is a continuous function of the projected coordinates: a lattice of random numbers, keyed by the seed and
the field's name, seen through cubic B-splines. A window of the fine scene therefore equals the crop of the whole, and
coarser scenes show the same landscape without its small features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any
from zlib import crc32

import numpy as np
import scipy.sparse as sp

from qtp_toolkit.conventions import NOTE, SYNTHETIC, QtpDataError

EPSG = 32646
WEST, NORTH = 310_000.0, 4_054_000.0
"""Upper left corner of the scene in EPSG:32646, m."""
EAST, SOUTH = WEST + 250_000.0, NORTH - 580_000.0

SIZES = {"tiny": (5000, 116, 50), "default": (1000, 580, 250), "90m": (90, 6444, 2778)}
"""Pixel in m, rows and columns of each size."""
NOTED: dict[str, Any] = {NOTE: SYNTHETIC}
"""Provenance of everything that is made here."""
RULES = ("slope", "aspect", "ndvi", "bulk_density", "ground_ice", "latitude")
"""Causal rules that can be switched off."""

_TILE = 512
_ORIGIN = (WEST - 200_000.0, SOUTH - 200_000.0)
_SPLINE_STD = 151.0 / 315.0
"""Standard deviation of white noise seen through cubic B-splines along both axes: the integral of a squared one."""


def rise(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def generator(seed: int, *keys: object) -> np.random.Generator:
    """Random generator keyed by the seed and any printable keys."""
    return np.random.default_rng(np.random.SeedSequence([seed, *(crc32(str(key).encode()) for key in keys)]))


@lru_cache(maxsize=160)
def _coefficients(seed: int, name: str, tile: int) -> np.ndarray:
    return generator(seed, name).standard_normal((tile, tile), dtype=np.float32)


def _basis(position: np.ndarray, tile: int) -> sp.csr_array:
    """Cubic B-spline weights of a periodic lattice at ``position`` (n,), as an (n, tile) matrix."""
    cell = np.floor(position)
    t = position - cell
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6.0
    columns = (cell[:, None].astype(int) + np.arange(-1, 3)) % tile
    rows = np.repeat(np.arange(position.size), 4)
    return sp.csr_array((weights.ravel().astype(np.float32), (rows, columns.ravel())), shape=(position.size, tile))


def lattice_noise(x: np.ndarray, y: np.ndarray, *, seed: int, name: str, spacing: float) -> np.ndarray:
    """Smooth random field of zero mean and unit variance on a regular grid.

    Parameters
    ----------
    x, y : numpy.ndarray
        Coordinates (nx,) and (ny,) in m.
    seed : int
    name : str
        Key of the field: another name gives an independent field.
    spacing : float
        Lattice spacing in m; features are about four times as long.

    Returns
    -------
    numpy.ndarray
        (ny, nx), float32.
    """
    return next(noise_sequence(x, y, seed=seed, names=(name,), spacing=spacing))


def noise_sequence(
    x: np.ndarray, y: np.ndarray, *, seed: int, names: Iterable[str], spacing: float
) -> Iterator[np.ndarray]:
    """Yield :func:`lattice_noise` of several fields of one spacing, which share their splines."""
    # The lattice repeats after 1200 km, or after so many cells that nobody sees it, which bounds its memory.
    tile = min(_TILE, int(1.2e6 / spacing) + 8)
    rows = _basis((y - _ORIGIN[1]) / spacing, tile) / np.float32(_SPLINE_STD)
    columns = _basis((x - _ORIGIN[0]) / spacing, tile)
    for name in names:
        yield (columns @ (rows @ _coefficients(seed, name, tile)).T).T


@dataclass(frozen=True)
class Frame:
    """A rectangle of pixels of one scene: where it lies, its seed and its rules.

    Parameters
    ----------
    size : str
        Key of :data:`SIZES`.
    seed : int
    without : tuple of str
        Rules of :data:`RULES` that are off.
    rows, columns : (int, int)
        Half-open pixel ranges; they may reach beyond the scene.
    factor : float
        Pixels of this frame per scene pixel and direction (2 for the elevation model).
    """

    size: str
    seed: int
    without: tuple[str, ...] = ()
    rows: tuple[int, int] = (0, 0)
    columns: tuple[int, int] = (0, 0)
    factor: float = 1.0

    @property
    def scene_pixel(self) -> float:
        """Pixel of the scene in m."""
        return float(SIZES[self.size][0])

    @property
    def pixel(self) -> float:
        """Pixel of this frame in m."""
        return self.scene_pixel / self.factor

    @cached_property
    def x(self) -> np.ndarray:
        """Pixel centers (nx,), ascending."""
        return WEST + (np.arange(*self.columns) + 0.5) * self.pixel

    @cached_property
    def y(self) -> np.ndarray:
        """Pixel centers (ny,), descending."""
        return NORTH - (np.arange(*self.rows) + 0.5) * self.pixel

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

    @property
    def southing(self) -> np.ndarray:
        """Distance from the northern edge over the scene's length, (ny, 1), 0 in the north and 1 in the south."""
        return ((NORTH - self.y) / (NORTH - SOUTH))[:, None]

    @property
    def easting(self) -> np.ndarray:
        """Distance from the western edge over the scene's width, (1, nx)."""
        return ((self.x - WEST) / (EAST - WEST))[None, :]

    @property
    def key(self) -> dict[str, object]:
        """What identifies the scene."""
        return {"size": self.size, "seed": self.seed, "without": self.without}

    def noise(self, name: str, spacing: float) -> np.ndarray:
        """Smooth random field; spacings below two scene pixels are widened to two pixels."""
        return next(self.noises((name,), spacing))

    def noises(self, names: Iterable[str], spacing: float) -> Iterator[np.ndarray]:
        """Yield :meth:`noise` of several fields of one spacing."""
        spacing = max(spacing, 2 * self.scene_pixel)
        return noise_sequence(self.x, self.y, seed=self.seed, names=names, spacing=spacing)

    def pad(self, pixels: int) -> Frame:
        """Frame with a margin on all sides."""
        return replace(
            self,
            rows=(self.rows[0] - pixels, self.rows[1] + pixels),
            columns=(self.columns[0] - pixels, self.columns[1] + pixels),
        )

    def refine(self, factor: int) -> Frame:
        """Return the same rectangle in smaller pixels, with the same features."""
        rows, columns = ((factor * edges[0], factor * edges[1]) for edges in (self.rows, self.columns))
        return replace(self, rows=rows, columns=columns, factor=self.factor * factor)

    def coarsen(self, step: int) -> Frame:
        """Return the same rectangle, or a little more, sampled at every ``step``-th pixel."""
        rows, columns = ((edges[0] // step, -(-edges[1] // step)) for edges in (self.rows, self.columns))
        return replace(self, rows=rows, columns=columns, factor=self.factor / step)

    def window(self, rows: tuple[int, int], columns: tuple[int, int]) -> Frame:
        """Part of this frame, by pixel ranges relative to it."""
        return replace(
            self,
            rows=(self.rows[0] + rows[0], self.rows[0] + rows[1]),
            columns=(self.columns[0] + columns[0], self.columns[0] + columns[1]),
        )

    def around(self, x: float, y: float) -> Frame:
        """One-pixel frame that holds a point."""
        row, column = int((NORTH - y) // self.pixel), int((x - WEST) // self.pixel)
        return replace(self, rows=(row, row + 1), columns=(column, column + 1))

    def on(self, rule: str) -> bool:
        """Whether a causal rule is in force."""
        return rule not in self.without


def whole_frame(size: str, *, seed: int, without: tuple[str, ...] = ()) -> Frame:
    """Frame of a complete scene.

    Raises
    ------
    QtpDataError
        For an unknown size or rule.
    """
    if size not in SIZES:
        raise QtpDataError("unknown scene size", expected=sorted(SIZES), found=size, hint="Choose one of these.")
    unknown = sorted(set(without) - set(RULES))
    if unknown:
        raise QtpDataError("unknown rule to switch off", expected=RULES, found=unknown, hint="Choose among these.")
    _, rows, columns = SIZES[size]
    return Frame(size, int(seed), tuple(sorted(without)), (0, rows), (0, columns))
