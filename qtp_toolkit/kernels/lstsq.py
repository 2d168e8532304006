"""Weighted least squares with a handful of columns, for many pixels at once.

Normal equations are summed per cell (``kernels.block_sums``) in one pass over the observations; missing ones are not
added. Everything else, also the answers without one block or with resampled blocks, comes from these small sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ONE_SIGMA = 0.8413447460685429
"""Probability below plus one standard deviation of a normal distribution."""


class Blocks(NamedTuple):
    """Which observations err together: each belongs to a cell, and the cells make up the blocks."""

    cells: np.ndarray
    """(N,) number of the cell of each observation, 0 to C - 1."""
    member: np.ndarray
    """(C, B) 1 where the cell touches the block."""

    @classmethod
    def of(cls, *labels: np.ndarray) -> Blocks:
        """Blocks from one label an observation, or from two: such an observation belongs to both its blocks."""
        names, codes = np.unique(np.stack(labels), return_inverse=True)
        # Observations that touch the same blocks share a cell.
        pairs, cells = np.unique(codes.reshape(len(labels), -1), axis=1, return_inverse=True)
        member = np.zeros((pairs.shape[1], len(names)))
        for code in pairs:
            member[np.arange(len(code)), code] = 1.0
        return cls(cells.ravel(), member)


class Sums(NamedTuple):
    """What :func:`sums` adds up; C cells, K columns, P pixels."""

    normal: np.ndarray
    """(C, K, K, P)."""
    right: np.ndarray
    """(C, K, P)."""
    moments: np.ndarray
    """(C, 3, P): weighted squares of the observations, weights, number."""


class Solution(NamedTuple):
    """Result of :func:`solve`; K columns, P pixels."""

    coefficients: np.ndarray
    """(K, P)."""
    covariance: np.ndarray
    """(K, K, P) formal, residual variance times inverse normal matrix."""
    rms: np.ndarray
    """(P,) weighted root-mean-square residual."""
    count: np.ndarray
    """(P,) observations used."""
    condition: np.ndarray
    """(P,) condition number (1-norm) of the normal matrix of unit-length columns; inf where singular."""
    sums: Sums
    """The sums, cell by cell."""


def solve(
    y: np.ndarray, columns: Sequence[np.ndarray], *, weights: np.ndarray | None = None, blocks: Blocks | None = None
) -> Solution:
    """Fit ``y = sum_k coefficient_k * column_k`` for every pixel.

    Parameters
    ----------
    y : ndarray (N, P)
        Observations, NaN where missing.
    columns : sequence of K ndarray (N, P) or (N, 1)
        Design columns; NaN drops the observation.
    weights : ndarray (N, P), optional
        Inverse variances; zero, negative or NaN drops the observation.
    blocks : Blocks, optional
        Keeps the sums cell by cell, for :func:`jackknife` and :func:`bootstrap`.

    Returns
    -------
    Solution
        NaN where the system is singular.
    """
    from qtp_toolkit.kernels import block_sums  # noqa: PLC0415  (compiles)

    design = [np.broadcast_to(column, y.shape) for column in columns]
    # Copies: they are cleaned in place.
    work = (
        np.array(y, dtype=np.float64, order="C"),
        np.array(design, dtype=np.float64, order="C"),
        np.ones(y.shape) if weights is None else np.array(weights, dtype=np.float64, order="C"),
    )
    block_sums.clean(*work)
    added = sums(*work, np.zeros(len(y), dtype=np.intp) if blocks is None else blocks.cells)
    total = added.moments.sum(axis=0)
    inverse, condition = invert(added.normal.sum(axis=0))
    beta = np.einsum("ijp,jp->ip", inverse, added.right.sum(axis=0))
    squares = np.zeros(y.shape[1])
    # A second look at the data: y'y less what is explained would cancel where the fit is good.
    block_sums.misfit(*work, beta, squares)
    freedom = total[2] - len(columns)
    variance = np.where(freedom > 0, squares / np.where(freedom > 0, freedom, 1), np.nan)
    rms = np.sqrt(squares / np.where(total[1] > 0, total[1], np.nan))
    return Solution(beta, variance * inverse, rms, total[2].astype(int), condition, added)


def sums(
    y: np.ndarray, columns: np.ndarray, weights: np.ndarray, cells: np.ndarray, *, count: int | None = None
) -> Sums:
    """Add up the normal equations of every cell, from arrays (N, P), (K, N, P), (N, P) without missing values.

    ``count`` is the number of cells, where the last ones may hold no observation.
    """
    from qtp_toolkit.kernels import block_sums  # noqa: PLC0415  (compiles)

    size, _, pixels = columns.shape
    n_cells = int(cells.max()) + 1 if count is None else count
    out = Sums(
        np.zeros((n_cells, size, size, pixels)), np.zeros((n_cells, size, pixels)), np.zeros((n_cells, 3, pixels))
    )
    block_sums.accumulate(y, columns, weights, cells.astype(np.intp), *out)
    return out


def replicate(added: Sums, factors: np.ndarray) -> np.ndarray:
    """Coefficients (R, K, P) with the cells weighted by the rows of ``factors`` (R, C); NaN where singular."""
    from qtp_toolkit.kernels import block_sums  # noqa: PLC0415  (compiles)

    out = np.empty((len(factors), *added.right.shape[1:]))
    block_sums.replicate(added.normal, added.right, np.ascontiguousarray(factors, dtype=np.float64), out)
    return out


def invert(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse and condition number of symmetric positive definite matrices (K, K, P); NaN and inf where singular."""
    from qtp_toolkit.kernels.block_sums import SMALLEST_PIVOT  # noqa: PLC0415  (compiles)

    size = len(matrix)
    length = np.sqrt(np.stack([matrix[k, k] for k in range(size)]))
    scale = np.where(length > 0, 1.0 / np.where(length > 0, length, 1.0), 0.0)
    # Columns of unit length: L is of order 1 and I of order 30, and the condition must not say so.
    unit = matrix * scale[:, None] * scale[None, :]
    work = unit.copy()
    out = np.zeros_like(work)
    sound = np.ones(work.shape[2:], dtype=bool)
    for k in range(size):
        out[k, k] = 1.0
    for k in range(size):
        good = work[k, k] > SMALLEST_PIVOT
        sound &= good
        pivot = np.where(good, work[k, k], 1.0)
        work[k] /= pivot
        out[k] /= pivot
        for i in range(size):
            # No exchange of rows: positive definite matrices need none, and all pixels take the same steps.
            if i != k:
                factor = work[i, k].copy()
                work[i] -= factor * work[k]
                out[i] -= factor * out[k]
    condition = np.abs(unit).sum(axis=0).max(axis=0) * np.abs(out).sum(axis=0).max(axis=0)
    return np.where(sound, out * scale[:, None] * scale[None, :], np.nan), np.where(sound, condition, np.inf)


def blocks_used(added: Sums, blocks: Blocks) -> np.ndarray:
    """Count the blocks with observations, (P,)."""
    counts = np.tensordot(blocks.member.T, added.moments[:, 2], axes=1)
    return (counts > 0).sum(axis=0)


def jackknife(solution: Solution, blocks: Blocks) -> np.ndarray:
    """Estimate the covariance (K, K, P) from answers without each block; NaN with fewer than three blocks."""
    used = blocks_used(solution.sums, blocks)
    # Weight 0 for every cell that touches the block, 1 for all others.
    shift = replicate(solution.sums, 1.0 - blocks.member.T) - solution.coefficients
    # Blocks without observations shift nothing, and do not count.
    factor = np.where(used > 2, (used - 1) / np.where(used > 2, used, 1), np.nan)
    return factor * np.einsum("rip,rjp->ijp", shift, shift)


def bootstrap(solution: Solution, blocks: Blocks, *, draws: int, seed: int) -> np.ndarray:
    """Estimate standard deviations (K, P) from answers to blocks drawn with replacement, the same for every pixel.

    Half the width of the central 68 % of the answers, not their root-mean-square: draws that hold two or three distinct
    blocks only are far out. Widened for the lack of blocks by ``sqrt(B / (B - 1))``. NaN with fewer than three blocks.
    """
    n_blocks = blocks.member.shape[1]
    counts = np.random.default_rng(seed).multinomial(n_blocks, [1.0 / n_blocks] * n_blocks, size=draws)
    # A pair between two years counts as often as both were drawn: the product of their numbers.
    factors = np.prod(counts[:, None, :] ** blocks.member, axis=2)
    answers = np.sort(np.ascontiguousarray(np.moveaxis(replicate(solution.sums, factors), 0, -1)), axis=-1)  # NaN last
    solved = np.isfinite(answers[0]).sum(axis=-1)
    ends = []
    for share in (1.0 - ONE_SIGMA, ONE_SIGMA):
        # A quantile by hand: singular draws are NaN, sorted last, and left out.
        position = share * np.maximum(solved - 1, 0)
        low = np.floor(position).astype(np.intp)
        high = np.minimum(low + 1, np.maximum(solved - 1, 0))
        below, above = (np.take_along_axis(answers, row[None, :, None], axis=-1)[..., 0] for row in (low, high))
        ends.append(below + (position - low) * (above - below))
    used = blocks_used(solution.sums, blocks)
    # With answers to less than half the draws the spread would be that of the harmless ones.
    enough = (used > 2) & (solved > draws // 2)
    widening = np.sqrt(used / np.where(enough, used - 1, 1))
    return np.where(enough, widening * (ends[1] - ends[0]) / 2.0, np.nan)


def student(blocks: np.ndarray) -> np.ndarray:
    """Factor that makes one sigma hold 68 % although the spread itself is estimated from few blocks."""
    from scipy.special import stdtrit  # noqa: PLC0415  slow to import

    # Entry b has b - 1 degrees of freedom.
    table = np.array([np.nan, np.nan, *stdtrit(np.arange(1, max(int(blocks.max(initial=0)), 2)), ONE_SIGMA)])
    return table[blocks.astype(np.intp)]
